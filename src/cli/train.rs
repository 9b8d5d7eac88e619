//! Trains a combiner and scores the labeled rows by cross-validation.

use cfe_core::io::Table;
use cfe_core::validation::{Folds, StratifiedKFold};
use cfe_core::{EnsembleData, Error, Trainer};
use ndarray::Axis;
use serde_json::{Value, json};

use super::error::{CliError, CliResult};
use super::progress::Progress;
use super::saved::Combiner;
use super::settings::Method;

/// Folds unless said otherwise.
pub(super) const FOLDS: usize = 5;

/// A trained combiner.
pub(super) struct Trained {
    pub combiner: Combiner,
    /// Logits of the labeled rows, class weights undone, each from a fit that did not see its label; `None` where a
    /// class has a single row.
    pub out_of_fold: Option<Vec<f64>>,
    /// Folds used.
    pub folds: usize,
    /// What the trainer tells about its fit.
    pub facts: Value,
}

pub(super) fn train(
    method: &Method,
    table: &Table,
    folds: Option<usize>,
    seed: u64,
    quiet: bool,
) -> CliResult<Trained> {
    let data = &table.data;
    match method {
        Method::Recommended(recommended) => {
            let progress = Progress::start("Fitting", None, quiet);
            let by_group = by_group(table, folds.unwrap_or(FOLDS), seed)?;
            let fitted = match &by_group {
                Some(folds) => recommended.fit_with_folds(data, folds.as_slice()),
                None => recommended.fit(data),
            };
            let fitted = fitted.map_err(CliError::training("training"))?;
            drop(progress);
            let facts =
                json!({ "folds": fitted.folds, "members": fitted.members, "shares": fitted.model.shares() });
            Ok(Trained {
                combiner: Combiner::Recommended(fitted.model),
                out_of_fold: fitted.out_of_fold_logits,
                folds: fitted.folds,
                facts,
            })
        }
        Method::Backend(trainer) => {
            let assigned = folds_of(table, folds.unwrap_or(FOLDS), seed)?;
            let folds = assigned.as_ref().map_or(0, Folds::n_splits);
            let progress = Progress::start("Fitting", Some(1 + folds as u64), quiet);
            let fitted = trainer.fit(data).map_err(CliError::training("training"))?;
            progress.step();
            let facts = json!({
                "folds": folds,
                "iterations": fitted.history.n_iterations(),
                "stop": fitted.stop,
                "loss": fitted.loss,
                "device": fitted.device,
            });
            let out_of_fold = match &assigned {
                Some(folds) => Some(
                    hold_out(trainer.as_ref(), data, folds, &progress)
                        .map_err(CliError::training("cross-validation"))?,
                ),
                None => None,
            };
            Ok(Trained { combiner: Combiner::Factors(fitted.model), out_of_fold, folds, facts })
        }
    }
}

/// `count` folds of the labeled rows, or as many as the rarer class has rows; `None` for a single one.
pub(super) fn folds_of(table: &Table, count: usize, seed: u64) -> CliResult<Option<Folds>> {
    if let Some(folds) = by_group(table, count, seed)? {
        return Ok(Some(folds));
    }
    let (negatives, positives) = table.data.class_counts();
    let n_splits = count.min(negatives.min(positives));
    if n_splits < 2 {
        return Ok(None);
    }
    let folds = StratifiedKFold { n_splits, seed }.assign(&table.data.labeled_targets());
    Ok(Some(folds.map_err(CliError::training("cross-validation"))?))
}

/// Folds of the labeled rows that keep groups together.
fn by_group(table: &Table, count: usize, seed: u64) -> CliResult<Option<Folds>> {
    let Some(groups) = &table.groups else { return Ok(None) };
    let labels = table.data.labeled_targets();
    let groups: Vec<&String> = table.data.labeled().iter().map(|&i| &groups[i]).collect();
    let refused = |reason: String| {
        CliError::Data(format!(
            "{}: the groups do not make {count} folds ({reason}); use fewer --folds, or no --group-column",
            table.file
        ))
    };
    let folds = StratifiedKFold { n_splits: count, seed }
        .assign_groups(&labels, &groups)
        .map_err(|e| refused(e.to_string()))?;
    for fold in 0..folds.n_splits() {
        let rest = folds.train(fold);
        if rest.iter().all(|&p| labels[p]) || !rest.iter().any(|&p| labels[p]) {
            return Err(refused("one fold holds every row of a class".to_owned()));
        }
    }
    Ok(Some(folds))
}

/// Logits of the labeled rows, each from a fit to which its label was hidden. The probabilities stay: factors are learnt
/// from unlabeled rows as well.
fn hold_out(
    trainer: &dyn Trainer,
    data: &EnsembleData,
    folds: &Folds,
    progress: &Progress,
) -> Result<Vec<f64>, Error> {
    let labeled = data.labeled();
    let mut out = vec![0.0; labeled.len()];
    for fold in 0..folds.n_splits() {
        let held = folds.test(fold);
        let mut labels = data.labels().to_vec();
        let rows: Vec<usize> = held.iter().map(|&p| labeled[p]).collect();
        rows.iter().for_each(|&i| labels[i] = None);
        let fitted = trainer.fit(&data.clone().with_labels(labels)?)?;
        let combiner = Combiner::Factors(fitted.model);
        let (logits, shift, _) = combiner.logits(data.predictions().select(Axis(1), &rows).view())?;
        held.iter().zip(logits).for_each(|(&p, z)| out[p] = z - shift);
        progress.step();
    }
    Ok(out)
}
