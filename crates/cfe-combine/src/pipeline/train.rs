//! Trains a combiner and scores the labeled rows by cross-validation.

use std::collections::HashSet;

use cfe_core::validation::Folds;
use cfe_core::{EnsembleData, StopReason, Trainer};
use cfe_io::{Table, fingerprint};
use ndarray::Axis;
use serde_json::{Value, json};

use super::checkpoint::{Checkpoint, Starts};
use super::held_out::HeldOut;
use super::settings::{FitPlan, ReadyTrainer};
use super::watch::{Stage, Watch};
use crate::cross_validation::{held_out_logits, hide_fold, stratified_folds};
use crate::error::{FitError, FitResult};
use crate::recommended::passed_columns::PassedColumns;
use crate::recommended::{FittedRecommended, LearningCurve, LeftOut, Recommended};
use crate::saved::Combiner;
use crate::saved::provenance::FitFacts;

/// Folds unless said otherwise.
pub(super) const FOLDS: usize = 5;

/// A trained combiner.
pub(crate) struct Trained {
    pub combiner: Combiner,
    /// Logits of the labeled rows, class weights undone, each from a fit that did not see its label; NaN for
    /// rows that no fold holds out. `None` where a class has a single row.
    pub out_of_fold: Option<Vec<f64>>,
    /// Folds used.
    pub folds: usize,
    /// Folds that the table gives.
    pub given_folds: Option<Folds>,
    /// What the trainer tells about its fit.
    pub facts: Value,
    /// What each classifier adds, where the trainer can tell.
    pub left_out: Vec<LeftOut>,
    /// What more labels and classifiers have brought, where the trainer can tell.
    pub learning_curve: Option<LearningCurve>,
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
    table_fingerprint: &str,
    beyond: Option<&PassedColumns<'_>>,
    watch: &dyn Watch,
) -> FitResult<Trained> {
    plan.warn_of_settings(watch);
    let data = &table.data;
    let seed = plan.seed();
    match &plan.ready {
        ReadyTrainer::Recommended(recommended) => {
            let folds = plan.options.folds.unwrap_or(recommended.spec().folds);
            // Where the table says nothing of folds, the combiner makes its own by content.
            let assigned = if says_folds(table) { folds_of(table, folds, seed)? } else { None };
            let in_time = assigned.clone().filter(Folds::is_forward);
            // Members are weighed by folds of any rows: within what is learned from, time says nothing. Rows
            // of a group stay together all the same.
            let inner = match &in_time {
                Some(_) => inner_folds(table, data, folds, seed)?,
                None => assigned.clone(),
            };
            let given = inner.as_ref().map(Folds::as_slice);
            let fitted = recommended.fit_beyond(data, given, watch, beyond);
            let mut fitted = fitted.map_err(FitError::training("training"))?;
            // In time the model stays the one of all rows; its out-of-fold logits are replaced by those of
            // earlier rows.
            if let Some(in_time) = &in_time {
                let inner = |_, earlier: &EnsembleData| inner_folds(table, earlier, folds, seed).map(Some);
                let logits = logits_in_time(recommended, data, in_time, inner, watch)?;
                (fitted.out_of_fold_logits, fitted.folds) = (Some(logits), in_time.n_splits());
            }
            // What each classifier adds and what more labels bring are measured on the same inner folds as
            // the members.
            let left_out = recommended
                .leave_one_out_watched(data, &fitted, given, watch)
                .map_err(FitError::training("leaving classifiers out"))?;
            let curve = recommended
                .learning_curve_watched(data, &fitted, given, watch)
                .map_err(FitError::training("fitting with fewer labels"))?;
            if fitted.separated {
                watch.warn(SEPARATED);
            }
            let given_folds = assigned.filter(|_| gives_folds(table));
            let trained = of_recommended(fitted, left_out);
            Ok(Trained { given_folds, learning_curve: Some(curve), ..trained })
        }
        ReadyTrainer::Backend(trainer) => {
            let assigned = folds_of(table, plan.options.folds.unwrap_or(FOLDS), seed)?;
            let n_labeled = data.labeled().len();
            let checkpoint =
                Checkpoint::open(plan, table_fingerprint.to_owned(), assigned.as_ref(), n_labeled, watch)?;
            let trained = by_parts(trainer.as_ref(), data, assigned.as_ref(), checkpoint, watch)?;
            Ok(Trained { given_folds: assigned.filter(|_| gives_folds(table)), ..trained })
        }
    }
}

/// The binary fit of one class of several, with folds that all of them share. `class` is its number, and
/// whether each classifier is left out in turn. Rows of a fold with nothing to learn from have no logit.
pub(crate) fn train_class(
    plan: &FitPlan,
    data: &EnsembleData,
    held_out: &HeldOut,
    (class, leave_out): (usize, bool),
    watch: &dyn Watch,
) -> FitResult<Trained> {
    let folds = &held_out.folds;
    match &plan.ready {
        ReadyTrainer::Recommended(recommended) => {
            // The members are weighed by folds of any rows, also where the class is scored in time.
            let all = held_out.in_time.as_ref().map_or(folds, |in_time| &in_time.all);
            let mut fitted = recommended
                .fit_watched(data, Some(all.as_slice()), watch)
                .map_err(FitError::training("training"))?;
            let left_out = match leave_out {
                true => recommended
                    .leave_one_out_watched(data, &fitted, Some(all.as_slice()), watch)
                    .map_err(FitError::training("leaving classifiers out"))?,
                false => Vec::new(),
            };
            if let Some(in_time) = &held_out.in_time {
                let earlier = |fold: usize, earlier: &EnsembleData| match &in_time.earlier[fold] {
                    Some(folds) if learnable(earlier, folds) => Ok(Some(Some(folds.clone()))),
                    _ => Ok(None),
                };
                let logits = logits_in_time(recommended, data, folds, earlier, watch)?;
                (fitted.out_of_fold_logits, fitted.folds) = (Some(logits), folds.n_splits());
            }
            Ok(of_recommended(fitted, left_out))
        }
        ReadyTrainer::Backend(trainer) => {
            let request = plan.checkpoint_of_class(class)?;
            let n_labeled = data.labeled().len();
            let checkpoint =
                Checkpoint::open_at(plan, request, fingerprint(data), Some(folds), n_labeled, watch)?;
            by_parts(trainer.as_ref(), data, Some(folds), checkpoint, watch)
        }
    }
}

/// Whether every fold leaves both classes to learn from.
fn learnable(data: &EnsembleData, folds: &Folds) -> bool {
    let labels = data.labeled_targets();
    let counts = |p: &usize| data.sample_weights().is_none_or(|weights| weights[data.labeled()[*p]] > 0.0);
    let both = |fold: usize| {
        let rest: Vec<usize> = folds.train(fold).into_iter().filter(counts).collect();
        rest.iter().any(|&p| labels[p]) && !rest.iter().all(|&p| labels[p])
    };
    (0..folds.n_splits()).all(both)
}

fn of_recommended(fitted: FittedRecommended, left_out: Vec<LeftOut>) -> Trained {
    let facts = json!({
        "folds": fitted.folds,
        "members": fitted.members,
        "shares": fitted.model.shares(),
        "separated": fitted.separated,
    });
    Trained {
        combiner: Combiner::Recommended(fitted.model),
        out_of_fold: fitted.out_of_fold_logits,
        folds: fitted.folds,
        given_folds: None,
        facts,
        left_out,
        learning_curve: None,
        stopped: false,
        separated: fitted.separated,
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
    // Finished parts of the checkpoint need no start. Nothing is fitted where a file claims more folds than
    // there are.
    let left = (checkpoint.folds_done()..count).len();
    let parts = usize::from(checkpoint.main().is_none()) + left;
    let mut starts = Starts::new(parts);

    // The fit on all labels, which the model comes from.
    let (model, facts) = match checkpoint.main() {
        Some(main) => main.clone(),
        None => {
            let fitted =
                checkpoint.fit(trainer, data, &mut starts).map_err(FitError::training("training"))?;
            let facts = FitFacts::of(&fitted);
            // Its Y is as large as the table, and nobody asks for it again.
            let model = fitted.model.without_training_instances();
            // A fit that was stopped is not finished: its state is in the checkpoint, and resuming continues
            // it.
            if !watch.stop_asked() {
                checkpoint.finish_main(model.clone(), facts.clone());
            }
            (model, facts)
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
            let hidden = hide_fold(data, folds, fold).map_err(&failed)?;
            let model = checkpoint.fit(trainer, &hidden, &mut starts).map_err(&failed)?.model;
            if !watch.stop_asked() {
                checkpoint.finish_fold(&places, held_out_logits(&model, data, &rows).map_err(&failed)?);
                stage.step();
            }
        }
    }
    drop(stage);
    // Scores of some of the folds are not out-of-fold scores of the rows.
    let whole = count > 0 && checkpoint.folds_done() == count;
    Ok(Trained {
        combiner: Combiner::Factors(model),
        out_of_fold: whole.then(|| {
            let mut held_out = vec![f64::NAN; labeled.len()];
            let scored = folds.map_or_else(Vec::new, Folds::scored);
            scored.into_iter().for_each(|p| held_out[p] = checkpoint.held_out()[p]);
            held_out
        }),
        folds: count,
        given_folds: None,
        facts: facts.with_folds(if whole { count } else { 0 }),
        left_out: Vec::new(),
        learning_curve: None,
        stopped: watch.stop_asked(),
        separated: false,
    })
}

/// Whether the table says in which folds its rows are scored.
fn gives_folds(table: &Table) -> bool {
    table.folds.is_some() || table.times.is_some()
}

/// Whether the table says something of folds: what they are, or which rows stay together.
pub(crate) fn says_folds(table: &Table) -> bool {
    gives_folds(table) || table.groups.is_some()
}

/// Folds for the fits of parts of the rows, by groups where there are some.
fn inner_folds(table: &Table, data: &EnsembleData, count: usize, seed: u64) -> FitResult<Option<Folds>> {
    match &table.groups {
        Some(groups) => stratified_folds(data, Some(groups), count, seed)
            .map_err(|source| of_groups(table, groups, count, &source)),
        None => Ok(None),
    }
}

/// Logits of the labeled rows by fits on the rows before them; NaN for those of the first block. `inner` are
/// the folds of the fit for a fold, given what the fit learns from; without any, the fold has no logits.
fn logits_in_time(
    recommended: &Recommended,
    data: &EnsembleData,
    folds: &Folds,
    inner: impl Fn(usize, &EnsembleData) -> FitResult<Option<Option<Folds>>>,
    watch: &dyn Watch,
) -> FitResult<Vec<f64>> {
    let failed = FitError::training("cross-validation");
    let mut logits = vec![f64::NAN; data.labeled().len()];
    for fold in 0..folds.n_splits() {
        // Labels of the fold and of all later rows are hidden.
        let earlier = hide_fold(data, folds, fold).map_err(&failed)?;
        let Some(inner) = inner(fold, &earlier)? else { continue };
        let fitted = recommended.fit_watched(&earlier, inner.as_ref().map(Folds::as_slice), watch);
        let places = folds.test(fold);
        let rows: Vec<usize> = places.iter().map(|&p| data.labeled()[p]).collect();
        let model = fitted.map_err(&failed)?.model;
        let predicted = model.predict(data.predictions().select(Axis(1), &rows).view()).map_err(&failed)?;
        places.into_iter().zip(predicted.logits).for_each(|(p, z)| logits[p] = z);
    }
    Ok(logits)
}

/// Groups that cannot be dealt to folds, with how many there are of each class.
fn of_groups(table: &Table, groups: &[String], count: usize, source: &cfe_core::Error) -> FitError {
    // The name of the library's parameter means nothing to whoever named a column.
    if !matches!(source, cfe_core::Error::InvalidParameter { .. }) {
        return FitError::Data(format!("{}: the groups do not make {count} folds: {source}", table.file));
    }
    // A row without a group is a group of its own, by its number.
    let group = |i: usize| if groups[i].is_empty() { Err(i) } else { Ok(groups[i].as_str()) };
    let labels = table.data.labels();
    let of_class = |class: Option<bool>| {
        let rows = table.data.labeled().iter().filter(|&&i| class.is_none() || labels[i] == class);
        rows.map(|&i| group(i)).collect::<HashSet<_>>().len()
    };
    let (all, positive, negative) = (of_class(None), of_class(Some(true)), of_class(Some(false)));
    let cure = match positive.min(negative) {
        0 | 1 => "leave the group column out".to_owned(),
        most => format!("use at most {most} folds (--folds), or leave the group column out"),
    };
    FitError::Data(format!(
        "{}: the groups do not make {count} folds: of {all} groups of labeled rows {positive} hold positives and {negative} \
         hold negatives, and a fit needs both classes outside of each fold; {cure}",
        table.file
    ))
}

/// The folds that the table gives, or `count` folds of the labeled rows, or as many as the rarer class has
/// rows; `None` for a single one. Groups stay together.
pub(crate) fn folds_of(table: &Table, count: usize, seed: u64) -> FitResult<Option<Folds>> {
    if let Some(folds) = table.given_folds(count)? {
        return Ok(Some(folds));
    }
    let folds = stratified_folds(&table.data, table.groups.as_deref(), count, seed);
    folds.map_err(|source| match table.groups {
        None => FitError::Training { doing: "cross-validation", source },
        Some(ref groups) => of_groups(table, groups, count, &source),
    })
}
