//! Fitted baselines and their predictions.

use cfe_core::losses::{logit, sigmoid};
use cfe_core::stats::moments::median;
use cfe_core::validation::rank_data;
use cfe_core::{Error, Result};
use ndarray::{ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

use super::{Baseline, LOGIT_CLIP, clip_for, filled};

/// A [`Baseline`] with what it learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedBaseline {
    pub(super) baseline: Baseline,
    /// Training mean of each classifier (m), for gaps.
    pub(super) means: Vec<f64>,
    pub(super) rule: Rule,
}

/// How scores come from the predictions of one instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rule {
    /// Weighted mean, weights summing to 1.
    Weighted(Vec<f64>),
    Median,
    LogitMean,
    RankAverage,
    /// sigma(w . x + b), x the probabilities or their log-odds.
    Logistic {
        weights: Vec<f64>,
        bias: f64,
        log_odds: bool,
    },
    Average(Vec<Rule>),
}

impl FittedBaseline {
    /// Which baseline this is.
    pub fn baseline(&self) -> Baseline {
        self.baseline
    }

    /// Weight of each classifier (m), for baselines that have one: on probabilities, summing to 1, for the
    /// selections, the mean and NNLS; coefficients for the logistic ones.
    pub fn weights(&self) -> Option<&[f64]> {
        match &self.rule {
            Rule::Weighted(weights) | Rule::Logistic { weights, .. } => Some(weights),
            _ => None,
        }
    }

    /// Refuses what no fit to m classifiers gives, as a damaged file can bring it.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    pub fn validate(&self, m: usize) -> Result<()> {
        fn sound(rule: &Rule, m: usize) -> bool {
            let finite = |weights: &[f64]| weights.len() == m && weights.iter().all(|w| w.is_finite());
            match rule {
                Rule::Weighted(weights) => finite(weights) && weights.iter().all(|w| *w >= 0.0),
                Rule::Median | Rule::LogitMean | Rule::RankAverage => true,
                Rule::Logistic { weights, bias, .. } => finite(weights) && bias.is_finite(),
                // An average has simple parts, so this ends.
                Rule::Average(rules) => !rules.is_empty() && rules.iter().all(|rule| sound(rule, m)),
            }
        }
        let means = self.means.len() == m && self.means.iter().all(|p| (0.0..=1.0).contains(p));
        cfe_core::ensure(
            means && sound(&self.rule, m),
            "model",
            "weights",
            "shapes agree and numbers are finite; was the file changed?",
        )
    }

    /// Whether scores can be read as probabilities; ranks cannot.
    pub fn is_probability(&self) -> bool {
        !matches!(self.rule, Rule::RankAverage)
    }

    /// Scores (k) of predictions (m x k, entries in [0, 1] or NaN), same classifiers in the same order.
    ///
    /// Each score depends on its own instance alone, except for ranks, which are taken among these k.
    ///
    /// # Errors
    /// [`Error::WrongClassifiers`]; [`Error::InvalidProbability`], with indices for names.
    pub fn predict(&self, predictions: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
        let (found, expected) = (predictions.nrows(), self.means.len());
        if found != expected {
            return Err(Error::WrongClassifiers { found, expected });
        }
        if let Some(((u, i), &value)) =
            predictions.indexed_iter().find(|(_, v)| !v.is_nan() && !(0.0..=1.0).contains(*v))
        {
            return Err(Error::InvalidProbability {
                classifier: u.to_string(),
                instance: i.to_string(),
                value,
            });
        }
        Ok(self.scores(&self.rule, predictions))
    }

    fn scores(&self, rule: &Rule, predictions: ArrayView2<'_, f64>) -> Vec<f64> {
        let columns = predictions.columns();
        match rule {
            Rule::Weighted(weights) => {
                // Weights whose sum is 1 up to rounding must not make a probability of more than 1.
                columns.into_iter().map(|column| self.weighted(weights, column, |_, p| p).min(1.0)).collect()
            }
            Rule::LogitMean => {
                let equal = vec![1.0 / self.means.len() as f64; self.means.len()];
                let clips = self.clips();
                let log_odds = |u: usize, p| logit(p, clips[u]);
                columns.into_iter().map(|c| sigmoid(self.weighted(&equal, c, log_odds))).collect()
            }
            Rule::Median => columns.into_iter().map(|column| self.median(column)).collect(),
            Rule::RankAverage => rank_average(predictions),
            Rule::Logistic { weights, bias, log_odds } => {
                let mut logits = vec![*bias; predictions.ncols()];
                // A gap has the mean of its classifier, as in the fit: coefficients do not sum to 1, so the
                // rest cannot be rescaled.
                let clips = self.clips();
                for ((row, w), clip) in filled(predictions, &self.means).outer_iter().zip(weights).zip(clips)
                {
                    let feature = |&p: &f64| if *log_odds { logit(p, clip) } else { p };
                    logits.iter_mut().zip(row).for_each(|(z, p)| *z += w * feature(p));
                }
                logits.into_iter().map(sigmoid).collect()
            }
            Rule::Average(rules) => {
                let mut mean = vec![0.0; predictions.ncols()];
                for rule in rules {
                    let scores = self.scores(rule, predictions);
                    mean.iter_mut().zip(scores).for_each(|(m, s)| *m += s / rules.len() as f64);
                }
                // The shares of the parts sum to 1 up to rounding alone, as the weights above.
                mean.into_iter().map(|p| p.min(1.0)).collect()
            }
        }
    }

    /// Clip of each classifier (m) before its log-odds are taken.
    fn clips(&self) -> Vec<f64> {
        self.means.iter().map(|&mean| clip_for(mean, LOGIT_CLIP)).collect()
    }

    /// Mean of the observed entries, mapped with the number of their classifier, under the weights; of the
    /// training means where none is observed.
    fn weighted(&self, weights: &[f64], column: ArrayView1<'_, f64>, map: impl Fn(usize, f64) -> f64) -> f64 {
        let (mut sum, mut total, mut complete) = (0.0, 0.0, true);
        for (u, (&p, &w)) in column.iter().zip(weights).enumerate() {
            if p.is_nan() {
                complete = false;
            } else if w != 0.0 {
                sum += w * map(u, p);
                total += w;
            }
        }
        // Not rescaled without a gap: the sum of the weights is 1 up to rounding, which must not break ties.
        match (complete, total > 0.0) {
            (true, _) => sum,
            (false, true) => sum / total,
            (false, false) => {
                self.means.iter().zip(weights).enumerate().map(|(u, (&p, w))| w * map(u, p)).sum()
            }
        }
    }

    fn median(&self, column: ArrayView1<'_, f64>) -> f64 {
        let mut values: Vec<f64> = column.iter().copied().filter(|p| !p.is_nan()).collect();
        if values.is_empty() {
            // A row without any prediction gets the median of the training means, as the weighted rules
            // average them.
            values.clone_from(&self.means);
        }
        median(&values).expect("data have at least one classifier")
    }
}

/// Mean over classifiers of rank / number ranked, 1 for the highest; 0.5 for an instance without any
/// prediction.
fn rank_average(predictions: ArrayView2<'_, f64>) -> Vec<f64> {
    let k = predictions.ncols();
    let (mut sums, mut counts) = (vec![0.0; k], vec![0u32; k]);
    for row in predictions.outer_iter() {
        let observed: Vec<usize> = (0..k).filter(|&i| !row[i].is_nan()).collect();
        let ranks = rank_data(&observed.iter().map(|&i| row[i]).collect::<Vec<_>>());
        // Exactly 1 without gaps: ranks are halves, so equal mean ranks then tie exactly.
        let scale = k as f64 / observed.len() as f64;
        for (&i, rank) in observed.iter().zip(ranks) {
            sums[i] += rank * scale;
            counts[i] += 1;
        }
    }
    let mean =
        |(sum, &count): (f64, &u32)| if count == 0 { 0.5 } else { sum / (f64::from(count) * k as f64) };
    sums.into_iter().zip(&counts).map(mean).collect()
}
