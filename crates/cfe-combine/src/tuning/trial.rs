//! One trial and its score.

use std::str::FromStr;
use std::time::Instant;

use cfe_core::losses::sigmoid;
use cfe_core::stats::moments::{mean, standard_error};
use cfe_core::validation::Folds;
use cfe_core::{EnsembleData, Result};
use ndarray::Axis;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{RandomizedSearch, TuningError};
use crate::cross_validation::{Following, held_out_logits, hide_fold, stratified_folds};
use crate::judge::JudgedRows;
use crate::methods::Method;
use crate::recommended::{Recommended, RecommendedSpec};

/// What a search makes best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Metric {
    /// Area under the precision-recall curve, 0 to 1, large is good. Folds without both classes are left out.
    #[default]
    AveragePrecision,
    /// Mean -log p of the true class in nats, class weights undone, small is good.
    LogLoss,
}

impl Metric {
    /// Every metric with its name and a one-line description.
    pub const ALL: &[(Self, &str, &str)] = &[
        (Self::AveragePrecision, "average_precision", "Area under the precision-recall curve"),
        (Self::LogLoss, "log_loss", "Mean -log p of the true class, class weights undone"),
    ];

    /// Name in files and options.
    pub fn name(self) -> &'static str {
        let listed = Self::ALL.iter().find(|(metric, ..)| *metric == self);
        listed.expect("every metric is in the list").1
    }

    /// +1 where large is good, -1 where small is.
    pub(super) fn sign(self) -> f64 {
        match self {
            Metric::AveragePrecision => 1.0,
            Metric::LogLoss => -1.0,
        }
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, known, _)| *known == name);
        let known = || Self::ALL.iter().map(|(_, name, _)| *name).collect::<Vec<_>>().join(", ");
        found
            .map(|(metric, ..)| *metric)
            .ok_or_else(|| format!("{name:?} is not a metric; known are {}", known()))
    }
}

/// One contender with one set of settings, scored on every fold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Trial {
    /// Its place in the search: 0 is the plain mean, 1 the recommended combiner, 2 the trainer's defaults.
    pub number: usize,
    /// What is fitted.
    pub contender: Method,
    /// Settings that are not the defaults, as fields of the trainer's spec.
    pub settings: Map<String, Value>,
    /// The metric on each fold that has it; empty if training failed.
    pub scores: Vec<f64>,
    /// Why training failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Seconds it took, all folds together.
    pub seconds: f64,
}

impl Trial {
    /// Mean of the scores; NaN of a failed trial.
    pub fn mean(&self) -> f64 {
        mean(&self.scores)
    }

    /// Standard error of the mean over folds; NaN for fewer than two.
    pub fn standard_error(&self) -> f64 {
        standard_error(&self.scores)
    }

    /// Method and settings in a few words, nested settings by their last name.
    pub fn describe(&self) -> String {
        let mut text = self.contender.name().to_owned();
        for (key, value) in self.changes() {
            let key = key.rsplit('.').next().unwrap_or(&key);
            text += &format!(" {key}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
        text
    }

    /// The settings one by one, names of nested ones joined by dots.
    pub fn changes(&self) -> Vec<(String, Value)> {
        let mut out = Vec::new();
        for (key, value) in &self.settings {
            flatten(key.clone(), value, &mut out);
        }
        out
    }
}

fn flatten(name: String, value: &Value, out: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().for_each(|(key, value)| flatten(format!("{name}.{key}"), value, out));
        }
        value => out.push((name, value.clone())),
    }
}

/// Scores contenders on folds that stay the same.
pub(super) struct Scorer<'a> {
    search: &'a RandomizedSearch,
    data: &'a EnsembleData,
    following: Following<'a>,
    /// The folds that have the metric.
    held_out: Vec<HeldOut>,
}

/// A fold that is scored.
struct HeldOut {
    /// Its instances.
    rows: Vec<usize>,
    judged: JudgedRows,
    /// The data that its fits see.
    rest: EnsembleData,
    /// Folds within these where they follow those of the table.
    inner: Option<Folds>,
}

impl<'a> Scorer<'a> {
    pub(super) fn new(
        search: &'a RandomizedSearch,
        data: &'a EnsembleData,
        following: Following<'a>,
        folds: &Folds,
    ) -> Result<Self> {
        let fold = |f: usize| {
            let rows: Vec<usize> = folds.test(f).iter().map(|&p| data.labeled()[p]).collect();
            // A fit without the fold still follows the folds of the table inside, unless rows are scored in
            // time, where what is learned from has no order.
            let inner = match following {
                Following::Folds(folds) if !folds.is_forward() => Some(folds.select(&folds.train(f))),
                _ => None,
            };
            // With one fold left there is nothing to hold out, and the fit deals folds of its own.
            let inner = inner.filter(|inner| inner.as_slice().iter().any(|&k| k != inner.as_slice()[0]));
            Ok(HeldOut {
                judged: JudgedRows::of_data(data, &rows),
                rest: hide_fold(data, folds, f)?,
                rows,
                inner,
            })
        };
        // A fold of one class has no average precision. Every trial is scored on the same folds, so such a
        // fold is left out of all of them.
        let has_metric = |fold: &HeldOut| match search.metric {
            Metric::AveragePrecision => fold.judged.has_both_classes(),
            Metric::LogLoss => (0..fold.judged.len()).any(|i| fold.judged.weight(i) > 0.0),
        };
        let held_out: Vec<HeldOut> = (0..folds.n_splits()).map(fold).collect::<Result<_>>()?;
        let held_out: Vec<HeldOut> = held_out.into_iter().filter(has_metric).collect();
        const ALLOWED: &str = "so few that at least 2 folds hold both classes";
        cfe_core::ensure(held_out.len() >= 2, "n_splits", search.n_splits, ALLOWED)?;
        Ok(Self { search, data, following, held_out })
    }

    /// Fits and scores on every fold. Of a reference that cannot be fitted, the error.
    pub(super) fn score(
        &self,
        number: usize,
        contender: Method,
        settings: Map<String, Value>,
    ) -> Result<Trial, TuningError> {
        let begin = Instant::now();
        let score = |fold: &HeldOut| {
            let (ranking, probabilities) = self.predict(contender, &settings, fold)?;
            Ok(match self.search.metric {
                Metric::AveragePrecision => fold.judged.scored(&ranking)?.ranking().average_precision(),
                Metric::LogLoss => fold.judged.scored(&probabilities)?.log_loss(),
            })
        };
        let scores: Result<Vec<f64>, TuningError> = self.held_out.par_iter().map(score).collect();
        let (scores, failure) = match scores {
            Ok(scores) => (scores, None),
            // A search without its references would have nothing to compare with, so their failure ends it.
            Err(error) if matches!(contender, Method::Baseline(_) | Method::Recommended) => {
                return Err(error);
            }
            // Settings that cannot be trained are an outcome like any other, and the search continues.
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let seconds = begin.elapsed().as_secs_f64();
        Ok(Trial { number, contender, settings, scores, failure, seconds })
    }

    /// What to rank by, and probabilities, of instances whose labels are hidden.
    fn predict(
        &self,
        contender: Method,
        settings: &Map<String, Value>,
        fold: &HeldOut,
    ) -> Result<(Vec<f64>, Vec<f64>), TuningError> {
        let (data, rows) = (&fold.rest, fold.rows.as_slice());
        let r = || self.data.predictions().select(Axis(1), rows);
        let logits = match contender {
            // The scores of a baseline are probabilities as they come: its log loss is then that of the plain
            // rule.
            Method::Baseline(baseline) => {
                let scores = baseline.fit(data)?.predict(r().view())?;
                return Ok((scores.clone(), scores));
            }
            Method::Recommended => {
                let RandomizedSearch { n_splits, seed, .. } = *self.search;
                let spec = RecommendedSpec { folds: n_splits, seed, ..RecommendedSpec::default() };
                let combiner = Recommended::try_from(spec)?;
                // Groups stay together in the folds within the combiner too, or members would be weighed by
                // rows they know.
                let inner = match self.following {
                    Following::Groups(groups) => stratified_folds(data, Some(groups), n_splits, seed)?,
                    _ => fold.inner.clone(),
                };
                let fitted = match &inner {
                    Some(folds) => combiner.fit_with_folds(data, folds.as_slice())?,
                    None => combiner.fit(data)?,
                };
                fitted.model.predict(r().view())?.logits
            }
            Method::Als | Method::Torch => {
                let model = self.search.trainer(settings)?.fit(data)?.model;
                held_out_logits(&model, self.data, rows)?
            }
        };
        let probabilities = logits.iter().map(|&z| sigmoid(z)).collect();
        Ok((logits, probabilities))
    }
}
