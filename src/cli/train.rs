//! Trains a combiner and scores the labeled rows by cross-validation.

use cfe_core::validation::Folds;
use cfe_core::{EnsembleData, StopReason, Trainer};
use cfe_io::{Table, fingerprint};
use serde_json::{Value, json};

use super::checkpoint::{Checkpoint, Facts, Request};
use super::error::{CliError, CliResult};
use super::interrupt::{self, Listening};
use super::progress::Progress;
use super::saved::Combiner;
use super::settings::{Chosen, Method};
use crate::cross_validation::{held_out_logits, hide_labels, stratified_folds};
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
    chosen: &Chosen,
    table: &Table,
    folds: Option<usize>,
    seed: u64,
    checkpoint: Option<Request>,
    quiet: bool,
) -> CliResult<Trained> {
    let data = &table.data;
    match &chosen.method {
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
            let fingerprint = fingerprint(data);
            let n_labeled = data.labeled().len();
            let checkpoint =
                Checkpoint::open(checkpoint, chosen, fingerprint, assigned.as_ref(), n_labeled, quiet)?;
            by_parts(trainer.as_ref(), data, assigned.as_ref(), checkpoint, quiet)
        }
    }
}

/// The fit on all labels, then one for each fold; after Ctrl-C, what there is.
fn by_parts(
    trainer: &dyn Trainer,
    data: &EnsembleData,
    folds: Option<&Folds>,
    mut checkpoint: Checkpoint,
    quiet: bool,
) -> CliResult<Trained> {
    let count = folds.map_or(0, Folds::n_splits);
    let progress = Progress::start("Fitting", Some(1 + count as u64), quiet);
    let listening = Listening::new();
    let (model, facts) = match checkpoint.main() {
        Some(main) => main.clone(),
        None => {
            let fitted = checkpoint.fit(trainer, data).map_err(CliError::training("training"))?;
            let main = (Facts::of(&fitted), fitted.model);
            if !interrupt::asked() {
                checkpoint.finish_main(main.1.clone(), main.0.clone());
            }
            (main.1, main.0)
        }
    };
    progress.step();
    if facts.stop == StopReason::Diverged && !quiet {
        progress.say(&format!(
            "warning: training diverged after {} iterations, and the best state before is kept; lower the learning \
             rate or raise lambda",
            facts.iterations
        ));
    }
    let labeled = data.labeled();
    (0..checkpoint.folds_done()).for_each(|_| progress.step());
    for (fold, folds) in folds.iter().flat_map(|&folds| (0..folds.n_splits()).map(move |fold| (fold, folds)))
    {
        // Broken off: what there is will be saved, and nothing more is computed.
        if fold < checkpoint.folds_done() || interrupt::asked() {
            continue;
        }
        let places = folds.test(fold);
        let rows: Vec<usize> = places.iter().map(|&p| labeled[p]).collect();
        let failed = CliError::training("cross-validation");
        let hidden = hide_labels(data, &rows).map_err(&failed)?;
        let model = checkpoint.fit(trainer, &hidden).map_err(&failed)?.model;
        if !interrupt::asked() {
            checkpoint.finish_fold(&places, held_out_logits(&model, data, &rows).map_err(&failed)?);
            progress.step();
        }
    }
    drop(listening);
    let whole = count > 0 && checkpoint.folds_done() == count;
    let Facts { iterations, stop, loss, device } = facts;
    Ok(Trained {
        combiner: Combiner::Factors(model),
        out_of_fold: whole.then(|| checkpoint.held_out().to_vec()),
        folds: count,
        facts: json!({
            "folds": if whole { count } else { 0 },
            "iterations": iterations,
            "stop": stop,
            "loss": loss,
            "device": device,
        }),
        left_out: Vec::new(),
    })
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
