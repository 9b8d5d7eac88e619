//! Scores every method on one table.

use std::time::Instant;

use cf_ensemble::diversity::symptoms_of_collapse;
use cf_ensemble::io::Table;
use cf_ensemble::validation::{Bootstrap, Interval, StratifiedKFold};
use cf_ensemble::{EnsembleData, Symptom, WeightStats};
use serde::Serialize;

use crate::error::Error;
use crate::over_data_sets::{Cell, Method, Scores, figures};

/// Scored rows beyond which no bootstrap is drawn, as it would take longer than the fits.
const BOOTSTRAP_ROWS: usize = 100_000;
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
    /// Weight of each classifier (m), of the fit on all rows that may be learnt from.
    pub weights: Option<Vec<f64>>,
    /// Their statistics.
    pub weight_stats: Option<WeightStats>,
    /// Signs of collapse, of trained methods.
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
pub fn measure(table: &Table, methods: &[Method], seed: u64, folds: usize) -> Result<TableReport, Error> {
    let (negatives, positives) = table.require_labels().map_err(Box::new)?;
    let held_out: Vec<usize> =
        (0..table.truth.len()).filter(|&i| !table.in_train[i] && table.truth[i].is_some()).collect();
    let of = |index: &[usize]| index.iter().map(|&i| table.truth[i] == Some(true)).collect::<Vec<bool>>();
    let has_both = |labels: &[bool]| labels.contains(&true) && labels.contains(&false);
    let (protocol, splits) = if has_both(&of(&held_out)) {
        let split = Split { data: table.data.clone(), labels: of(&held_out), test: held_out };
        (Protocol::HeldOut, vec![split])
    } else {
        let folds = folds.min(positives).min(negatives);
        if folds < 2 {
            return Err(Error::TooFewLabels { table: table.file.clone(), negatives, positives });
        }
        (Protocol::CrossValidated { folds }, cross_validation(table, folds, seed)?)
    };
    let scored = splits.iter().fold((0, 0), |(rows, positives), split| {
        (rows + split.test.len(), positives + split.labels.iter().filter(|&&y| y).count())
    });
    let mean = splits.iter().map(|split| score(Method::Baseline(PLAIN_MEAN), table, split, seed));
    let mean = mean.collect::<Result<Vec<Scores>, Error>>()?;
    let results = methods.iter().map(|&method| one(method, table, &splits, &mean, seed));
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

fn one(
    method: Method,
    table: &Table,
    splits: &[Split],
    mean: &[Scores],
    seed: u64,
) -> Result<MethodResult, Error> {
    let began = Instant::now();
    let scores =
        splits.iter().map(|split| score(method, table, split, seed)).collect::<Result<Vec<_>, _>>()?;
    let seconds = began.elapsed().as_secs_f64() / splits.len() as f64;
    let cells = splits.iter().zip(&scores).map(|(split, scores)| figures(&split.labels, scores));
    let cells = cells.collect::<Result<Vec<Cell>, _>>().map_err(Error::Statistics)?;
    let (gain, weights, symptoms) = match (splits, scores.as_slice()) {
        ([split], [scores]) => {
            let rows = split.labels.len();
            let bootstrap = Bootstrap { n_resamples: RESAMPLES, ..Bootstrap::default() };
            let own = method.name() != PLAIN_MEAN.name() && rows <= BOOTSTRAP_ROWS;
            let gain = own.then(|| {
                let both = [scores.ranking.as_slice(), mean[0].ranking.as_slice()];
                bootstrap.average_precision(&split.labels, &both)?.difference(0, 1)
            });
            (
                gain.transpose().map_err(Error::Statistics)?,
                scores.weights.clone(),
                symptoms(method, split, scores, &mean[0])?,
            )
        }
        _ => {
            // Every fold may have collapsed or not; weights are those of all labels.
            let mut found = Vec::new();
            for ((split, scores), mean) in splits.iter().zip(&scores).zip(mean) {
                for symptom in symptoms(method, split, scores, mean)? {
                    if !found.contains(&symptom) {
                        found.push(symptom);
                    }
                }
            }
            let whole = Split {
                data: table.data.clone(),
                test: splits[0].test.clone(),
                labels: splits[0].labels.clone(),
            };
            (None, score(method, table, &whole, seed)?.weights, found)
        }
    };
    let average = |of: fn(&Cell) -> Option<f64>| {
        let values = cells.iter().map(of).collect::<Option<Vec<f64>>>()?;
        Some(values.iter().sum::<f64>() / values.len() as f64)
    };
    let cell = Cell {
        data_set: table.file.clone(),
        seed,
        method: method.name().to_owned(),
        train_positives: Some(table.data.class_counts().1),
        average_precision: average(|c| Some(c.average_precision)).unwrap_or(f64::NAN),
        roc_auc: average(|c| c.roc_auc),
        brier: average(|c| c.brier),
        log_loss: average(|c| c.log_loss),
        ece: average(|c| c.ece),
        best_f1: average(|c| c.best_f1),
        seconds,
    };
    let weight_stats = weights.as_deref().and_then(WeightStats::new);
    Ok(MethodResult { cell, gain, weights, weight_stats, symptoms })
}

fn symptoms(method: Method, split: &Split, scores: &Scores, mean: &Scores) -> Result<Vec<Symptom>, Error> {
    let (true, Some(weights), Some(probabilities)) =
        (method.is_trained(), &scores.weights, &scores.probabilities)
    else {
        return Ok(Vec::new());
    };
    let roc_auc = |scores| figures(&split.labels, scores).map(|cell| cell.roc_auc).map_err(Error::Statistics);
    symptoms_of_collapse(weights, probabilities, roc_auc(scores)?, roc_auc(mean)?).map_err(Error::Statistics)
}
