//! Scores of a model on the labeled rows of a store.

use cfe_core::EnsembleData;
use cfe_core::metrics::{BinnedScores, Within};
use cfe_io::Table;
use cfe_io::store::{Shard, Store, StoreEngine};
use ndarray::{ArrayView1, Axis};

use super::{aligned, places};
use crate::error::{FitError, FitResult};
use crate::judge::{COMBINED, Cut, MethodMetrics, Part, TRAIN, ThresholdRule, evaluate};
use crate::pipeline::{Stage, Watch};
use crate::saved::SavedModel;

/// Cells of labeled rows up to which they are scored in memory, 128 MiB: with intervals, and beside all
/// simple combiners.
pub const MOST_IN_MEMORY: u64 = 1 << 24;
/// Name of the rows outside of the train split.
pub const HELD_OUT: &str = "held out";

/// Scores of a model on a store, from [`evaluate_store`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StoreScores {
    /// The labeled rows of the train split, and those outside of it.
    pub parts: Vec<Part>,
    /// How far off average precision, ROC-AUC and best F1 of any part can be, as the ranks of many rows are
    /// kept in bins; `None` where the labeled rows were scored in memory, exactly.
    pub within: Option<Within>,
}

/// Scores a model on the labeled rows of a store in one pass: those of the train split, and those outside of
/// it.
///
/// Up to `most_in_memory` cells of labeled rows (usually [`MOST_IN_MEMORY`]) the scores are those that
/// [`evaluate`] gives on the table. Beyond, memory stays at some shards and 40 MB: log loss, Brier score,
/// calibration error and the counts at the threshold are exact, average precision, ROC-AUC and best F1 come
/// with a bound, and the plain mean is the only rival. There are no intervals then, which would be narrow.
///
/// # Errors
/// [`FitError::Data`] for a store without labels or without a classifier of the model;
/// [`FitError::Training`]; [`FitError::Stopped`].
pub fn evaluate_store(
    model: &SavedModel,
    store: &Store,
    most_in_memory: u64,
    watch: &dyn Watch,
) -> FitResult<StoreScores> {
    let counts = store.counts();
    let held_out = counts.held_out_negatives + counts.held_out_positives;
    let labeled = counts.negatives + counts.positives + held_out;
    if labeled == 0 {
        return Err(FitError::Data(format!(
            "{}: no row of the store has a label, so there is nothing to score; prepare it from tables with labels",
            store.folder().display()
        )));
    }
    let places = places(model, store)?;
    let cells = labeled.saturating_mul(model.classifier_names().len() as u64);
    let mut scores = match cells <= most_in_memory {
        true => StoreScores { parts: in_memory(model, store, places.as_deref(), watch)?, within: None },
        false => in_bins(model, store, places.as_deref(), watch)?,
    };
    // A fit on this very store learned from its train rows, whether it remembers them or not.
    let own = model.details.fingerprint.as_deref() == Some(store.shape().fingerprint.as_str());
    for part in scores.parts.iter_mut().filter(|part| own && part.name == TRAIN) {
        part.in_sample_share = 1.0;
    }
    Ok(scores)
}

/// The labeled rows as a table.
fn in_memory(
    model: &SavedModel,
    store: &Store,
    places: Option<&[usize]>,
    watch: &dyn Watch,
) -> FitResult<Vec<Part>> {
    let mut labels = Vec::new();
    let (mut truth, mut in_train) = (Vec::new(), Vec::new());
    let mut columns: Vec<Vec<f64>> = vec![Vec::new(); model.classifier_names().len()];
    each_shard(store, "Reading", watch, |shard| {
        let rows: Vec<usize> = (0..shard.truth.len()).filter(|&i| shard.truth[i].is_some()).collect();
        for (column, row) in columns.iter_mut().zip(aligned(shard, places).outer_iter()) {
            column.extend(rows.iter().map(|&i| row[i]));
        }
        labels.extend(rows.iter().map(|&i| shard.labels[i]));
        truth.extend(rows.iter().map(|&i| shard.truth[i]));
        in_train.extend(rows.iter().map(|&i| shard.in_train[i]));
        Ok(())
    })?;
    let failed = FitError::training("scoring");
    let matrix = ndarray::Array2::from_shape_vec((columns.len(), truth.len()), columns.concat());
    let data = EnsembleData::new(matrix.expect("columns of one length"), labels)
        .and_then(|data| data.with_classifier_names(model.classifier_names().to_vec()));
    let mut table = Table::from_data(&store.folder().display().to_string(), data.map_err(&failed)?, None)?;
    table.split = Some(in_train.iter().map(|&train| name_of(train).to_owned()).collect());
    (table.truth, table.in_train) = (truth, in_train);
    evaluate(model, &table)
}

fn name_of(train: bool) -> &'static str {
    if train { TRAIN } else { HELD_OUT }
}

/// What is counted of a part.
struct Counted {
    combined: BinnedScores,
    mean: BinnedScores,
    without_prediction: usize,
}

fn in_bins(
    model: &SavedModel,
    store: &Store,
    places: Option<&[usize]>,
    watch: &dyn Watch,
) -> FitResult<StoreScores> {
    let threshold = model.details.threshold;
    let new = || Counted {
        combined: BinnedScores::new(threshold),
        mean: BinnedScores::new(None),
        without_prediction: 0,
    };
    let (mut train, mut held_out) = (new(), new());
    let prevalence = model.target_prevalence();
    each_shard(store, "Scoring", watch, |shard| {
        let rows: Vec<usize> = (0..shard.truth.len()).filter(|&i| shard.truth[i].is_some()).collect();
        let r = aligned(shard, places).select(Axis(1), &rows);
        let failed = FitError::training("predicting");
        let mut combined = model.predict(r.view()).map_err(failed)?;
        if let Some(prevalence) = prevalence {
            combined.at_prevalence(model, prevalence)?;
        }
        // In order, so that sums have the same bits for any number of threads.
        for (k, &i) in rows.iter().enumerate() {
            let part = if shard.in_train[i] { &mut train } else { &mut held_out };
            let label = shard.truth[i] == Some(true);
            if combined.n_observed[k] == 0 {
                part.without_prediction += 1;
            } else {
                part.combined.add(label, combined.logits[k], Some(combined.probabilities[k]), 1.0);
                let mean = mean_of(r.column(k));
                part.mean.add(label, cfe_core::losses::logit(mean, 0.0), Some(mean), 1.0);
            }
        }
        Ok(())
    })?;
    let rule = Cut::of_model(model).map_or(ThresholdRule::F1, |cut| cut.rule);
    let mut within = Within::default();
    let mut parts = Vec::new();
    for (counted, name) in [(train, TRAIN), (held_out, HELD_OUT)] {
        let (rows, positives) = counted.combined.rows();
        if rows == 0 {
            continue;
        }
        let mut methods = Vec::new();
        for (scores, name) in [(&counted.combined, COMBINED), (&counted.mean, "mean")] {
            let summary = scores.summary();
            within = within.max(summary.within);
            methods.push(MethodMetrics {
                name: name.to_owned(),
                metrics: summary.metrics,
                average_precision_interval: None,
                combined_is_better_by: None,
            });
        }
        parts.push(Part {
            name: name.to_owned(),
            cross_validated: false,
            in_sample_share: 0.0,
            rows: usize::try_from(rows).unwrap_or(usize::MAX),
            never_scored: 0,
            in_time: false,
            weight: None,
            without_prediction: counted.without_prediction,
            positives: usize::try_from(positives).unwrap_or(usize::MAX),
            resamples: 0,
            methods,
            at_threshold: threshold
                .map(|threshold| rule.of_counts(threshold, counted.combined.at_threshold())),
            chances: None,
            reliability: Vec::new(),
        });
    }
    Ok(StoreScores { parts, within: Some(within) })
}

/// Mean of the predictions that are there.
fn mean_of(column: ArrayView1<'_, f64>) -> f64 {
    let observed = column.iter().filter(|p| !p.is_nan());
    let (sum, count) = observed.fold((0.0, 0.0), |(sum, count), p| (sum + p, count + 1.0));
    sum / count
}

/// Hands every shard to `of` in order, with a step for each.
fn each_shard(
    store: &Store,
    stage: &str,
    watch: &dyn Watch,
    mut of: impl FnMut(&Shard) -> FitResult<()>,
) -> FitResult<()> {
    let stage = Stage::start(watch, stage, Some(store.shape().shards()));
    let mut failed = None;
    let mut engine = StoreEngine::new(store).watched(|_| {
        stage.step();
        !watch.stop_asked()
    });
    let walked = engine.for_each_shard(|_, shard| {
        of(shard).map_err(|error| {
            failed = Some(error);
            cfe_core::Error::Stopped
        })
    });
    drop(engine);
    match failed {
        Some(error) => Err(error),
        None => walked.map_err(FitError::training("scoring")),
    }
}
