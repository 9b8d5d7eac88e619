//! Trains a combiner and scores the labeled rows by cross-validation.

use cfe_core::validation::Folds;
use cfe_core::{EnsembleData, StopReason, Trainer};
use cfe_io::Table;
use serde_json::{Value, json};

use super::checkpoint::{Checkpoint, Facts};
use super::settings::{FitPlan, ReadyTrainer};
use super::watch::{Stage, Watch};
use crate::cross_validation::{held_out_logits, hide_labels, stratified_folds};
use crate::error::{FitError, FitResult};
use crate::recommended::LeftOut;
use crate::saved::Combiner;

/// Folds unless said otherwise.
pub(super) const FOLDS: usize = 5;

/// A trained combiner.
pub(super) struct Trained {
    pub combiner: Combiner,
    /// Logits of the labeled rows, class weights undone, each from a fit that did not see its label; `None`
    /// where a class has a single row.
    pub out_of_fold: Option<Vec<f64>>,
    /// Folds used.
    pub folds: usize,
    /// What the trainer tells about its fit.
    pub facts: Value,
    /// What each classifier adds, where the trainer can tell.
    pub left_out: Vec<LeftOut>,
    /// Whether the watch ended the fit before its end.
    pub stopped: bool,
    /// Whether the train rows are separated, where the trainer can tell.
    pub separated: bool,
}

const SEPARATED: &str = "the train rows are separated perfectly: every positive has a larger score than every negative. How \
     close to 0 and 1 the probabilities come is then a cautious assumption and not learned from these rows; label more rows \
     before you rely on small probabilities";

pub(super) fn train(
    plan: &FitPlan,
    table: &Table,
    fingerprint: &str,
    watch: &dyn Watch,
) -> FitResult<Trained> {
    plan.warnings.iter().for_each(|warning| watch.warn(warning));
    let data = &table.data;
    let seed = plan.seed();
    match &plan.ready {
        ReadyTrainer::Recommended(recommended) => {
            let folds = plan.options.folds.unwrap_or(recommended.spec().folds);
            // Without groups the combiner makes its own folds by content.
            let by_group = match table.groups {
                Some(_) => folds_of(table, folds, seed)?,
                None => None,
            };
            let given = by_group.as_ref().map(Folds::as_slice);
            let fitted =
                recommended.fit_watched(data, given, watch).map_err(FitError::training("training"))?;
            let left_out = recommended
                .leave_one_out_watched(data, &fitted, given, watch)
                .map_err(FitError::training("leaving classifiers out"))?;
            if fitted.separated {
                watch.warn(SEPARATED);
            }
            let facts = json!({
                "folds": fitted.folds,
                "members": fitted.members,
                "shares": fitted.model.shares(),
                "separated": fitted.separated,
            });
            Ok(Trained {
                combiner: Combiner::Recommended(fitted.model),
                out_of_fold: fitted.out_of_fold_logits,
                folds: fitted.folds,
                facts,
                left_out,
                stopped: false,
                separated: fitted.separated,
            })
        }
        ReadyTrainer::Backend(trainer) => {
            let assigned = folds_of(table, plan.options.folds.unwrap_or(FOLDS), seed)?;
            let n_labeled = data.labeled().len();
            let checkpoint =
                Checkpoint::open(plan, fingerprint.to_owned(), assigned.as_ref(), n_labeled, watch)?;
            by_parts(trainer.as_ref(), data, assigned.as_ref(), checkpoint, watch)
        }
    }
}

/// The fit on all labels, then one for each fold; after a stop, what there is.
fn by_parts(
    trainer: &dyn Trainer,
    data: &EnsembleData,
    folds: Option<&Folds>,
    mut checkpoint: Checkpoint<'_>,
    watch: &dyn Watch,
) -> FitResult<Trained> {
    let count = folds.map_or(0, Folds::n_splits);
    let stage = Stage::start_keeping(watch, "Fitting", Some(1 + count as u64));

    // The fit on all labels, which the model comes from.
    let (model, facts) = match checkpoint.main() {
        Some(main) => main.clone(),
        None => {
            let fitted = checkpoint.fit(trainer, data).map_err(FitError::training("training"))?;
            let facts = Facts::of(&fitted);
            // A fit that was stopped is not finished: its state is in the checkpoint, and resuming continues
            // it.
            if !watch.stop_asked() {
                checkpoint.finish_main(fitted.model.clone(), facts.clone());
            }
            (fitted.model, facts)
        }
    };
    stage.step();
    if facts.stop == StopReason::Diverged {
        watch.warn(&format!(
            "training diverged after {} iterations, and the best state before is kept; lower the learning rate or \
             raise lambda",
            facts.iterations
        ));
    }

    // One fit for each fold. The labels of the fold are hidden and its predictions stay.
    let labeled = data.labeled();
    // Folds of the checkpoint count as done in the display.
    (0..checkpoint.folds_done()).for_each(|_| stage.step());
    if let Some(folds) = folds {
        for fold in checkpoint.folds_done()..count {
            // After a stop nothing more is computed: what there is will be saved.
            if watch.stop_asked() {
                break;
            }
            let places = folds.test(fold);
            let rows: Vec<usize> = places.iter().map(|&p| labeled[p]).collect();
            let failed = FitError::training("cross-validation");
            let hidden = hide_labels(data, &rows).map_err(&failed)?;
            let model = checkpoint.fit(trainer, &hidden).map_err(&failed)?.model;
            if !watch.stop_asked() {
                checkpoint.finish_fold(&places, held_out_logits(&model, data, &rows).map_err(&failed)?);
                stage.step();
            }
        }
    }
    drop(stage);
    // Scores of some of the folds are not out-of-fold scores of the rows.
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
        stopped: watch.stop_asked(),
        separated: false,
    })
}

/// `count` folds of the labeled rows, or as many as the rarer class has rows; `None` for a single one. Groups
/// stay together.
pub(crate) fn folds_of(table: &Table, count: usize, seed: u64) -> FitResult<Option<Folds>> {
    let folds = stratified_folds(&table.data, table.groups.as_deref(), count, seed);
    folds.map_err(|source| match table.groups {
        None => FitError::Training { doing: "cross-validation", source },
        Some(_) => FitError::Data(format!(
            "{}: the groups do not make {count} folds ({source}); use fewer folds, or no group column",
            table.file
        )),
    })
}
