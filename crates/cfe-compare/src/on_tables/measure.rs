//! Scores every method on one table.

use std::time::Instant;

use cf_ensemble::diversity::{symptoms_of_bad_fit, symptoms_of_collapse};
use cf_ensemble::io::Table;
use cf_ensemble::metrics::MetricSummary;
use cf_ensemble::validation::{Bootstrap, Interval, StratifiedKFold};
use cf_ensemble::{EnsembleData, Symptom, WeightStats};
use serde::Serialize;

use crate::error::Error;
use crate::over_data_sets::{BOOTSTRAP_ROWS, Cell, Method, Scores, in_standard_errors};

/// Resamples of the bootstrap.
const RESAMPLES: usize = 500;

/// How the figures came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// On labeled rows outside the train split.
    HeldOut,
    /// Means over folds of the labeled rows.
    CrossValidated {
        /// Number of folds.
        folds: usize,
    },
}

/// One table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableReport {
    /// Its name.
    pub table: String,
    /// n.
    pub instances: usize,
    /// Names of the classifiers (m).
    pub classifiers: Vec<String>,
    /// Labeled rows of the train split, and positives among them.
    pub labeled: (usize, usize),
    /// Rows that are scored, and positives among them.
    pub scored: (usize, usize),
    /// How.
    pub protocol: Protocol,
    /// One for each method.
    pub methods: Vec<MethodResult>,
    /// What the reader of the table had to say.
    pub warnings: Vec<String>,
}

/// One method.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MethodResult {
    /// Its figures.
    #[serde(flatten)]
    pub cell: Cell,
    /// Average precision minus that of the plain mean, with a 95% bootstrap interval over the scored rows.
    pub gain: Option<Interval>,
    /// Weight of each classifier (m), of the fit on all rows that may be learned from.
    pub weights: Option<Vec<f64>>,
    /// Their statistics.
    pub weight_stats: Option<WeightStats>,
    /// Signs of collapse and of a bad fit, of trained methods. A method without any may be called healthy.
    pub symptoms: Vec<Symptom>,
}

/// A part of the data with labels hidden, and the rows that are scored.
struct Split {
    data: EnsembleData,
    test: Vec<usize>,
    labels: Vec<bool>,
}

/// Measures all methods.
///
/// # Errors
/// A table with fewer than two labeled rows of a class, a method that fails.
pub(super) fn measure(
    table: &Table,
    methods: &[Method],
    seed: u64,
    folds: usize,
) -> Result<TableReport, Error> {
    let (negatives, positives) = table.require_labels().map_err(Box::new)?;
    // Labeled rows outside the train split, if the table has any.
    let held_out: Vec<usize> =
        (0..table.truth.len()).filter(|&i| !table.in_train[i] && table.truth[i].is_some()).collect();
    let labels_of =
        |index: &[usize]| index.iter().map(|&i| table.truth[i] == Some(true)).collect::<Vec<bool>>();
    let has_both = |labels: &[bool]| labels.contains(&true) && labels.contains(&false);
    // Rows that nobody learned from are the better judge, where both classes are among them.
    let (protocol, splits) = if has_both(&labels_of(&held_out)) {
        let split = Split { data: table.data.clone(), labels: labels_of(&held_out), test: held_out };
        (Protocol::HeldOut, vec![split])
    } else {
        // No more folds than the rarer class has rows, so that each fold holds out both classes.
        let folds = folds.min(positives).min(negatives);
        if folds < 2 {
            return Err(Error::TooFewLabels { table: table.file.clone(), negatives, positives });
        }
        (Protocol::CrossValidated { folds }, cross_validation(table, folds, seed)?)
    };
    let scored = splits.iter().fold((0, 0), |(rows, positives), split| {
        (rows + split.test.len(), positives + split.labels.iter().filter(|&&y| y).count())
    });
    // The plain mean is scored once for all methods, asked for or not: gains and signs of collapse are
    // relative to it.
    let mean = splits.iter().map(|split| score(Method::Baseline(PLAIN_MEAN), table, split, seed));
    let mean = mean.collect::<Result<Vec<Scores>, Error>>()?;
    let results = methods.iter().map(|&method| measure_method(method, table, &splits, &mean, seed));
    Ok(TableReport {
        table: table.file.clone(),
        instances: table.data.n_instances(),
        classifiers: table.data.classifier_names().to_vec(),
        labeled: (negatives + positives, positives),
        scored,
        protocol,
        methods: results.collect::<Result<_, _>>()?,
        warnings: table.warnings.iter().map(ToString::to_string).collect(),
    })
}

const PLAIN_MEAN: cf_ensemble::baselines::Baseline = cf_ensemble::baselines::Baseline::Mean;

fn cross_validation(table: &Table, n_splits: usize, seed: u64) -> Result<Vec<Split>, Error> {
    let (labeled, targets) = (table.data.labeled(), table.data.labeled_targets());
    let folds = StratifiedKFold { n_splits, seed }.assign(&targets).map_err(Error::Statistics)?;
    // Labels of the fold are hidden and its predictions stay, as trainers that are transductive need them.
    let split = |fold| {
        let held: Vec<usize> = folds.test(fold);
        let mut labels = table.data.labels().to_vec();
        held.iter().for_each(|&k| labels[labeled[k]] = None);
        Ok(Split {
            data: table.data.clone().with_labels(labels).map_err(Error::Statistics)?,
            test: held.iter().map(|&k| labeled[k]).collect(),
            labels: held.iter().map(|&k| targets[k]).collect(),
        })
    };
    (0..n_splits).map(split).collect()
}

fn score(method: Method, table: &Table, split: &Split, seed: u64) -> Result<Scores, Error> {
    method.score(&split.data, &split.test, seed).map_err(|source| Error::Method {
        method: method.name(),
        data_set: table.file.clone(),
        seed,
        source: Box::new(source),
    })
}

/// Scores a method on every split; `mean` are the scores of the plain mean there.
fn measure_method(
    method: Method,
    table: &Table,
    splits: &[Split],
    mean: &[Scores],
    seed: u64,
) -> Result<MethodResult, Error> {
    // The time of a method is that of one fit: the mean over the folds.
    let began = Instant::now();
    let scores =
        splits.iter().map(|split| score(method, table, split, seed)).collect::<Result<Vec<_>, _>>()?;
    let seconds = began.elapsed().as_secs_f64() / splits.len() as f64;
    // Figures and symptoms are over all splits; gains need a single one, whose rows one fit scored.
    let own = overall_metrics(splits, &scores)?;
    let symptoms = overall_symptoms(method, splits, &scores, mean, own.average_precision)?;
    let (gain, weights) = match (splits, scores.as_slice()) {
        ([split], [scores]) => (gain(method, split, scores, &mean[0])?, scores.weights.clone()),
        _ => {
            // The fits of the folds have weights of their own; shown are those of a fit on all labels.
            let whole = Split {
                data: table.data.clone(),
                test: splits[0].test.clone(),
                labels: splits[0].labels.clone(),
            };
            (None, score(method, table, &whole, seed)?.weights)
        }
    };
    let cell = Cell {
        data_set: table.file.clone(),
        seed,
        method: method.name().to_owned(),
        train_positives: Some(table.data.class_counts().1),
        metrics: own,
        z_against_mean: gain.and_then(in_standard_errors),
        seconds,
    };
    let weight_stats = weights.as_deref().and_then(WeightStats::new);
    Ok(MethodResult { cell, gain, weights, weight_stats, symptoms })
}

/// The metrics themselves for one split, their mean over folds.
fn overall_metrics(splits: &[Split], scores: &[Scores]) -> Result<MetricSummary, Error> {
    let metrics = splits.iter().zip(scores).map(|(split, scores)| scores.metrics(&split.labels));
    match metrics.collect::<Result<Vec<_>, _>>().map_err(Error::Statistics)?.as_slice() {
        // The mean has no threshold, which a single split keeps.
        [single] => Ok(*single),
        folds => {
            Ok(MetricSummary::mean(folds).expect("a table is scored on one split or on two folds or more"))
        }
    }
}

/// The symptoms of all splits, each once however many folds show it, and whether the method ranks worse than
/// the mean over all of them: a single fold is too noisy to say.
fn overall_symptoms(
    method: Method,
    splits: &[Split],
    scores: &[Scores],
    mean: &[Scores],
    average_precision: Option<f64>,
) -> Result<Vec<Symptom>, Error> {
    let mut found = Vec::new();
    for ((split, scores), mean) in splits.iter().zip(scores).zip(mean) {
        found.extend(symptoms(method, split, scores, mean)?);
    }
    if method.is_trained() {
        let of_mean = overall_metrics(splits, mean)?.average_precision;
        found.extend(symptoms_of_bad_fit(&[], average_precision, of_mean));
    }
    let mut once = Vec::new();
    for symptom in found {
        if !once.contains(&symptom) {
            once.push(symptom);
        }
    }
    Ok(once)
}

/// Average precision less that of the plain mean on the same resamples; `None` for the mean itself and for
/// large tables.
fn gain(method: Method, split: &Split, scores: &Scores, mean: &Scores) -> Result<Option<Interval>, Error> {
    if method.name() == PLAIN_MEAN.name() || split.labels.len() > BOOTSTRAP_ROWS {
        return Ok(None);
    }
    let bootstrap = Bootstrap { n_resamples: RESAMPLES, ..Bootstrap::default() };
    // Both are ranked on the same resamples, so that what they share cancels in the difference.
    let resampled = bootstrap
        .average_precision(&split.labels, &[scores.ranking.as_slice(), mean.ranking.as_slice()])
        .and_then(|resampled| resampled.difference(0, 1));
    resampled.map(Some).map_err(Error::Statistics)
}

/// What is wrong with the weights and predictions of a trained method on one split: collapse, exploded
/// weights. How it ranks is judged over all splits together.
fn symptoms(method: Method, split: &Split, scores: &Scores, mean: &Scores) -> Result<Vec<Symptom>, Error> {
    let (true, Some(weights), Some(probabilities)) =
        (method.is_trained(), &scores.weights, &scores.weighted_probabilities)
    else {
        return Ok(Vec::new());
    };
    // The correction for the prior presses all predictions of a rare class towards 0, where a sound fit would
    // look constant. The published signs are those of the probabilities before it.
    let roc_auc = |scores: &Scores| scores.metrics(&split.labels).map(|metrics| metrics.roc_auc);
    let found = roc_auc(scores).and_then(|own| {
        let mut symptoms = symptoms_of_collapse(weights, probabilities, own, roc_auc(mean)?)?;
        symptoms.extend(symptoms_of_bad_fit(weights, None, None));
        Ok(symptoms)
    });
    found.map_err(Error::Statistics)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
