//! Scores of a model on the labeled rows of a store.

use cfe_core::EnsembleData;
use cfe_core::metrics::{BinnedScores, Within};
use cfe_io::Table;
use cfe_io::store::{Shard, Store, StoreEngine};
use ndarray::{ArrayView1, Axis};

use super::{aligned, places};
use crate::error::{FitError, FitResult};
use crate::judge::{COMBINED, Cut, Finding, MethodMetrics, Part, TRAIN, Tally, ThresholdRule, evaluate};
use crate::pipeline::{Stage, Watch};
use crate::saved::SavedModel;
use crate::saved::provenance::TRAIN_ROWS;

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
    /// What may be wrong with the rows, labeled or not: what
    /// [`diagnose_evaluation`](crate::judge::diagnose_evaluation) finds in a table of them.
    pub findings: Vec<Finding>,
}

/// Scores a model on the labeled rows of a store in one pass: those of the train split, and those outside of
/// it.
///
/// Up to `most_in_memory` cells of labeled rows (usually [`MOST_IN_MEMORY`]) the scores are those that
/// [`evaluate`] gives on the table. Beyond, memory stays at some shards and 40 MB: log loss, Brier score,
/// calibration error and the counts at the threshold are exact, average precision, ROC-AUC and best F1 come
/// with a bound, and the plain mean is the only rival. Intervals would be narrow, and are left out.
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
    let m = model.classifier_names().len();
    let mut tally = Tally::new(m);
    let (parts, within) = match labeled.saturating_mul(m as u64) <= most_in_memory {
        true => (in_memory(model, store, places.as_deref(), &mut tally, watch)?, None),
        false => {
            let (parts, within) = in_bins(model, store, places.as_deref(), &mut tally, watch)?;
            (parts, Some(within))
        }
    };
    let findings = tally.findings(model, &parts);
    let mut scores = StoreScores { parts, within, findings };
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
    tally: &mut Tally,
    watch: &dyn Watch,
) -> FitResult<Vec<Part>> {
    let mut labels = Vec::new();
    let (mut truth, mut in_train) = (Vec::new(), Vec::new());
    let mut columns: Vec<Vec<f64>> = vec![Vec::new(); model.classifier_names().len()];
    let (mut weights, mut costs) = (Vec::new(), Vec::new());
    each_shard(store, "Reading", watch, |number, shard| {
        // Findings are about all rows of the shard, scores about those with a label.
        let rows: Vec<usize> = (0..shard.truth.len()).filter(|&i| shard.truth[i].is_some()).collect();
        let r = aligned(shard, places);
        tally.add(r.view(), &shard.truth);
        for (column, row) in columns.iter_mut().zip(r.outer_iter()) {
            column.extend(rows.iter().map(|&i| row[i]));
        }
        labels.extend(rows.iter().map(|&i| shard.labels[i]));
        truth.extend(rows.iter().map(|&i| shard.truth[i]));
        in_train.extend(rows.iter().map(|&i| shard.in_train[i]));
        weights.extend(shard.weights.iter().flat_map(|all| rows.iter().map(|&i| all[i])));
        let of_rows = costs_of(store, number)?;
        costs.extend(of_rows.iter().flat_map(|all| rows.iter().map(|&i| all[i])));
        Ok(())
    })?;
    let failed = FitError::training("scoring");
    // From here on the rows are a table like any other, with the same code behind its figures.
    let matrix = ndarray::Array2::from_shape_vec((columns.len(), truth.len()), columns.concat());
    let data = EnsembleData::new(matrix.expect("columns of one length"), labels)
        .and_then(|data| data.with_classifier_names(model.classifier_names().to_vec()))
        .and_then(|data| match store.has_weights() {
            true => data.with_sample_weights(weights),
            false => Ok(data),
        });
    let mut table = Table::from_data(&store.folder().display().to_string(), data.map_err(&failed)?, None)?;
    table.split = Some(in_train.iter().map(|&train| name_of(train).to_owned()).collect());
    (table.truth, table.in_train) = (truth, in_train);
    table.costs = store.has_costs().then_some(costs);
    evaluate(model, &table)
}

/// What wrong decisions about the rows of a shard cost.
fn costs_of(store: &Store, shard: u64) -> FitResult<Option<Vec<f64>>> {
    // Groups and folds, which lie beside the costs, are of no use here.
    if store.has_costs() { Ok(store.row_roles(shard)?.costs) } else { Ok(None) }
}

fn name_of(train: bool) -> &'static str {
    if train { TRAIN } else { HELD_OUT }
}

/// What is counted of a part.
struct Counted {
    threshold: Option<f64>,
    combined: BinnedScores,
    mean: BinnedScores,
    without_prediction: usize,
    without_weight: usize,
    /// What called negatives and missed positives cost, times their weights.
    wrong: (f64, f64),
    /// Weight of the rows that the model was trained on, by the estimate of each shard.
    known: f64,
    /// Weight of the positives, and sum of the squared weights.
    positive: f64,
    squares: f64,
}

impl Counted {
    fn new(threshold: Option<f64>) -> Self {
        Self {
            threshold,
            combined: BinnedScores::new(threshold),
            mean: BinnedScores::new(None),
            without_prediction: 0,
            without_weight: 0,
            wrong: (0.0, 0.0),
            known: 0.0,
            positive: 0.0,
            squares: 0.0,
        }
    }

    /// Scores a row of this label, weight and cost, with a prediction of the model and one of the plain mean.
    fn score(&mut self, (label, weight, cost): (bool, f64, Option<f64>), (z, p): (f64, f64), mean: f64) {
        self.positive += if label { weight } else { 0.0 };
        self.squares += weight * weight;
        self.combined.add(label, z, Some(p), weight);
        self.mean.add(label, cfe_core::losses::logit(mean, 0.0), Some(mean), weight);
        // Called negatives and missed positives are kept apart, since the factors of the rule differ for the
        // two.
        let called = self.threshold.is_some_and(|cut| p >= cut);
        if let Some(cost) = cost.filter(|_| called != label) {
            let wrong = if called { &mut self.wrong.0 } else { &mut self.wrong.1 };
            *wrong += weight * cost;
        }
    }

    /// The figures that a table would have, and how far off they are at most; `None` without a scored row.
    fn part(self, name: &str, store: &Store, rule: ThresholdRule) -> Option<(Part, Within)> {
        let (rows, positives) = self.combined.rows();
        if rows == 0 {
            return None;
        }
        let mut within = Within::default();
        let mut methods = Vec::new();
        for (scores, name) in [(&self.combined, COMBINED), (&self.mean, "mean")] {
            let summary = scores.summary();
            within = within.max(summary.within);
            methods.push(MethodMetrics {
                name: name.to_owned(),
                metrics: summary.metrics,
                average_precision_interval: None,
                combined_is_better_by: None,
            });
        }
        let weight = self.combined.weight();
        let part = Part {
            name: name.to_owned(),
            cross_validated: false,
            in_sample_share: self.known / weight,
            rows: usize::try_from(rows).unwrap_or(usize::MAX),
            never_scored: self.without_weight,
            in_time: false,
            weight: store.has_weights().then_some(weight),
            positive_weight: store.has_weights().then_some(self.positive),
            // Kish's effective number of rows, (sum w)^2 / sum w^2.
            effective_rows: store.has_weights().then(|| weight.powi(2) / self.squares),
            without_prediction: self.without_prediction,
            positives: usize::try_from(positives).unwrap_or(usize::MAX),
            resamples: 0,
            methods,
            at_threshold: self.threshold.map(|threshold| {
                let (alarm, miss) = rule.costs().unwrap_or((1.0, 1.0));
                let cost = alarm * self.wrong.0 + miss * self.wrong.1;
                let mean_cost = store.has_costs().then(|| cost / weight);
                Cut { mean_cost, ..rule.of_counts(threshold, self.combined.at_threshold()) }
            }),
            chances: None,
            reliability: Vec::new(),
        };
        Some((part, within))
    }
}

fn in_bins(
    model: &SavedModel,
    store: &Store,
    places: Option<&[usize]>,
    tally: &mut Tally,
    watch: &dyn Watch,
) -> FitResult<(Vec<Part>, Within)> {
    let threshold = model.details.threshold;
    // Train rows and rows held out are counted apart, in one pass over both.
    let (mut train, mut held_out) = (Counted::new(threshold), Counted::new(threshold));
    let train_rows = TRAIN_ROWS.get(&model.details);
    let prevalence = model.target_prevalence();
    each_shard(store, "Scoring", watch, |number, shard| {
        let costs = costs_of(store, number)?;
        // Labeled rows are scored; the tally of findings sees the others too.
        let rows: Vec<usize> = (0..shard.truth.len()).filter(|&i| shard.truth[i].is_some()).collect();
        let all = aligned(shard, places);
        tally.add(all.view(), &shard.truth);
        let r = all.select(Axis(1), &rows);
        let failed = FitError::training("predicting");
        let mut combined = model.predict(r.view()).map_err(failed)?;
        // A model that was told another share of positives is scored at that share.
        if let Some(prevalence) = prevalence {
            combined.at_prevalence(model, prevalence)?;
        }
        // In order, so that sums have the same bits for any number of threads.
        let weight_of = |i: usize| shard.weights.as_ref().map_or(1.0, |weights| weights[i]);
        for (k, &i) in rows.iter().enumerate() {
            let part = if shard.in_train[i] { &mut train } else { &mut held_out };
            // A row is counted once: as one without a prediction, as one without weight, or as one that is
            // scored.
            if combined.n_observed[k] == 0 {
                part.without_prediction += 1;
            } else if weight_of(i) == 0.0 {
                part.without_weight += 1;
            } else {
                let row = (shard.truth[i] == Some(true), weight_of(i), costs.as_ref().map(|costs| costs[i]));
                part.score(row, (combined.logits[k], combined.probabilities[k]), mean_of(r.column(k)));
            }
        }
        if let Some(known) = &train_rows {
            // The share of known rows is an estimate, made for each shard and then weighed by what the shard
            // scores.
            let weights: Option<Vec<f64>> =
                shard.weights.as_ref().map(|all| rows.iter().map(|&i| all[i]).collect());
            for (part, of_train) in [(&mut train, true), (&mut held_out, false)] {
                let is_scored = |k: &usize| {
                    let i = rows[*k];
                    shard.in_train[i] == of_train && combined.n_observed[*k] > 0 && weight_of(i) > 0.0
                };
                let own: Vec<usize> = (0..rows.len()).filter(is_scored).collect();
                let weight: f64 = own.iter().map(|&k| weight_of(rows[k])).sum();
                part.known += weight * known.share_among(r.view(), &own, weights.as_deref());
            }
        }
        Ok(())
    })?;
    // From counts to figures. One bound is said for all of them, and so the widest.
    let rule = model.cut().map_or(ThresholdRule::F1, |cut| cut.rule);
    let parts = [(train, TRAIN), (held_out, HELD_OUT)];
    let parts = parts.into_iter().filter_map(|(counted, name)| counted.part(name, store, rule));
    let (parts, within): (Vec<Part>, Vec<Within>) = parts.unzip();
    Ok((parts, within.into_iter().fold(Within::default(), Within::max)))
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
    mut of: impl FnMut(u64, &Shard) -> FitResult<()>,
) -> FitResult<()> {
    let stage = Stage::start(watch, stage, Some(store.shape().shards()));
    // The engine has errors of its own only: an error of `of` is kept here, and a stop ends the walk.
    let mut failed = None;
    let mut engine = StoreEngine::new(store).watched(|_| {
        stage.step();
        !watch.stop_asked()
    });
    let walked = engine.for_each_shard(|number, shard| {
        of(number, shard).map_err(|error| {
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
