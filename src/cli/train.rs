//! Trains a combiner and scores the labeled rows by cross-validation.

use cfe_core::io::Table;
use cfe_core::validation::Folds;
use cfe_core::{EnsembleData, Error, Trainer};
use serde_json::{Value, json};

use super::error::{CliError, CliResult};
use super::interrupt::{self, UntilInterrupted};
use super::progress::Progress;
use super::saved::Combiner;
use super::settings::Method;
use crate::cross_validation::{predict_held_out, stratified_folds};
use crate::recommended::LeftOut;

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
    /// What each classifier adds, where the trainer can tell.
    pub left_out: Vec<LeftOut>,
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
            let by_group = match table.groups {
                Some(_) => folds_of(table, folds.unwrap_or(FOLDS), seed)?,
                None => None,
            };
            let fitted = match &by_group {
                Some(folds) => recommended.fit_with_folds(data, folds.as_slice()),
                None => recommended.fit(data),
            };
            let fitted = fitted.map_err(CliError::training("training"))?;
            drop(progress);
            let progress = Progress::start("Leaving each classifier out", None, quiet);
            let folds = by_group.as_ref().map(Folds::as_slice);
            let left_out = recommended
                .leave_one_out(data, &fitted, folds)
                .map_err(CliError::training("leaving classifiers out"))?;
            drop(progress);
            let facts =
                json!({ "folds": fitted.folds, "members": fitted.members, "shares": fitted.model.shares() });
            Ok(Trained {
                combiner: Combiner::Recommended(fitted.model),
                out_of_fold: fitted.out_of_fold_logits,
                folds: fitted.folds,
                facts,
                left_out,
            })
        }
        Method::Backend(trainer) => {
            let assigned = folds_of(table, folds.unwrap_or(FOLDS), seed)?;
            let folds = assigned.as_ref().map_or(0, Folds::n_splits);
            let progress = Progress::start("Fitting", Some(1 + folds as u64), quiet);
            let mut watch = UntilInterrupted::new();
            let start = trainer.start(data).map_err(CliError::training("training"))?;
            let fitted = trainer.fit_from(start, data, &mut watch).map_err(CliError::training("training"))?;
            drop(watch);
            // Broken off: what there is will be saved, and nothing more is computed.
            let assigned = assigned.filter(|_| !interrupt::asked());
            progress.step();
            let facts = json!({
                "folds": assigned.as_ref().map_or(0, Folds::n_splits),
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
            Ok(Trained {
                combiner: Combiner::Factors(fitted.model),
                out_of_fold,
                folds,
                facts,
                left_out: Vec::new(),
            })
        }
    }
}

/// `count` folds of the labeled rows, or as many as the rarer class has rows; `None` for a single one. Groups stay
/// together.
pub(super) fn folds_of(table: &Table, count: usize, seed: u64) -> CliResult<Option<Folds>> {
    let folds = stratified_folds(&table.data, table.groups.as_deref(), count, seed);
    folds.map_err(|source| match table.groups {
        None => CliError::Training { doing: "cross-validation", source },
        Some(_) => CliError::Data(format!(
            "{}: the groups do not make {count} folds ({source}); use fewer --folds, or no --group-column",
            table.file
        )),
    })
}

/// Logits of the labeled rows, class weights undone, each from a fit to which its label was hidden.
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
        let rows: Vec<usize> = held.iter().map(|&p| labeled[p]).collect();
        let logits = predict_held_out(trainer, data, &rows)?;
        held.iter().zip(logits).for_each(|(&p, z)| out[p] = z);
        progress.step();
    }
    Ok(out)
}
