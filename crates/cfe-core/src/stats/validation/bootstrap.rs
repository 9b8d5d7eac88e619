//! Bootstrap intervals of metrics and of their paired differences.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Folds;
use super::halves;
use super::interval::{Interval, Resampled, Strata, percentile};
use crate::error::{Error, Result, check_length, ensure};
use crate::metrics::{AveragePrecision, Scored};

/// Stratified bootstrap: positives and negatives are drawn anew, each with replacement among their own.
///
/// [`interval`](Self::interval), [`paired_difference`](Self::paired_difference) and [`mean`](Self::mean)
/// have percentile intervals (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13).
/// Those of average precision are [corrected](Resampled), since percentiles cover too little with few
/// positives. An interval speaks of other instances from the same source under the same fitted models; it
/// does not cover the variation from training them again.
///
/// ```
/// use cfe_core::validation::Bootstrap;
///
/// let labels: Vec<bool> = (0..200).map(|i| i % 4 == 0).collect();
/// let good: Vec<f64> = (0..200).map(|i| f64::from(i % 4 == 0) + f64::from(i % 7) / 5.0).collect();
/// let poor: Vec<f64> = (0..200).map(|i| f64::from(i % 9)).collect();
/// let bootstrap = Bootstrap { n_resamples: 200, ..Default::default() };
/// let gain = bootstrap.paired_difference(&labels, &good, &poor, |s| s.ranking().average_precision())?;
/// assert!(gain.lower > 0.0 && gain.lower < gain.estimate && gain.estimate < gain.upper);
/// # Ok::<(), cfe_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bootstrap {
    /// Resamples, at least 1; 2000 for a 95% interval.
    pub n_resamples: usize,
    /// Coverage, between 0 and 1.
    pub confidence: f64,
    /// Seed; resample r uses its stream r.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { n_resamples: 2000, confidence: 0.95, seed: 0 }
    }
}

/// Scores in decreasing order with the instances they belong to. Resampling keeps the order and changes
/// weights alone, so that the sort inside a ranking metric finds its work done.
struct Sorted {
    index: Vec<usize>,
    labels: Vec<bool>,
    scores: Vec<f64>,
}

impl Sorted {
    fn new(labels: &[bool], scores: &[f64]) -> Self {
        let mut index: Vec<usize> = (0..scores.len()).collect();
        index.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let (labels, scores) = index.iter().map(|&i| (labels[i], scores[i])).unzip();
        Self { index, labels, scores }
    }

    fn measure(&self, counts: &[f64], metric: &impl Fn(&Scored) -> f64) -> Result<f64> {
        let weights: Vec<f64> = self.index.iter().map(|&i| counts[i]).collect();
        Ok(metric(&Scored::weighted(&self.labels, &self.scores, &weights)?))
    }
}

impl Bootstrap {
    /// Interval of a metric of scores (n) against labels (n).
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for settings out of range, and as [`Scored::new`].
    pub fn interval(
        &self,
        labels: &[bool],
        scores: &[f64],
        metric: impl Fn(&Scored) -> f64 + Sync,
    ) -> Result<Interval> {
        let estimate = metric(&Scored::new(labels, scores)?);
        let sorted = Sorted::new(labels, scores);
        self.run(labels, estimate, |counts| sorted.measure(counts, &metric))
    }

    /// Interval of metric(a) - metric(b), both measured on the same resamples.
    ///
    /// # Errors
    /// As [`interval`](Self::interval).
    pub fn paired_difference(
        &self,
        labels: &[bool],
        a: &[f64],
        b: &[f64],
        metric: impl Fn(&Scored) -> f64 + Sync,
    ) -> Result<Interval> {
        let estimate = metric(&Scored::new(labels, a)?) - metric(&Scored::new(labels, b)?);
        let (a, b) = (Sorted::new(labels, a), Sorted::new(labels, b));
        self.run(labels, estimate, |counts| Ok(a.measure(counts, &metric)? - b.measure(counts, &metric)?))
    }

    /// Average precision of several scores (n each) of the same instances, all on the same resamples. As fast
    /// as one pass over the instances for each, where [`interval`](Self::interval) sorts and copies.
    ///
    /// ```
    /// use cfe_core::validation::Bootstrap;
    ///
    /// let labels: Vec<bool> = (0..200).map(|i| i % 4 == 0).collect();
    /// let good: Vec<f64> = (0..200).map(|i| f64::from(i % 4 == 0) + f64::from(i % 7) / 5.0).collect();
    /// let poor: Vec<f64> = (0..200).map(|i| f64::from(i % 9)).collect();
    /// let resampled = Bootstrap::default().average_precision(&labels, &[&good, &poor])?;
    /// assert!(resampled.interval(0)?.lower > resampled.interval(1)?.estimate);
    /// assert!(resampled.difference(0, 1)?.lower > 0.0);
    /// # Ok::<(), cfe_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`interval`](Self::interval).
    pub fn average_precision(&self, labels: &[bool], scores: &[&[f64]]) -> Result<Resampled> {
        self.average_precision_weighted(labels, None, scores)
    }

    /// As [`average_precision`](Self::average_precision), of instances with weights (n, finite, at least 0;
    /// `None` is 1 each): an instance that is drawn brings its weight along.
    ///
    /// # Errors
    /// As [`average_precision`](Self::average_precision), and [`Error::LengthMismatch`].
    pub fn average_precision_weighted(
        &self,
        labels: &[bool],
        weights: Option<&[f64]>,
        scores: &[&[f64]],
    ) -> Result<Resampled> {
        self.average_precision_of_parts(labels, weights, &[(0..labels.len()).collect()], scores)
    }

    /// As [`average_precision`](Self::average_precision), of scores that each fold has from a fit of its own:
    /// the mean over folds with a positive. Scores of different fits need not be on one scale, so they are
    /// not ranked together.
    ///
    /// Instances are drawn anew within their fold and class.
    ///
    /// ```
    /// use cfe_core::validation::{Bootstrap, Folds};
    ///
    /// let labels: Vec<bool> = (0..200).map(|i| i % 4 == 0).collect();
    /// let folds = Folds::new((0..200).map(|i| i / 100).collect(), 2)?;
    /// // A perfect ranking in either fold, ten times larger in the second.
    /// let scores: Vec<f64> = (0..200).map(|i| if i < 100 { 1.0 } else { 10.0 } * f64::from(1 + u8::from(i % 4 == 0))).collect();
    /// let bootstrap = Bootstrap { n_resamples: 100, ..Default::default() };
    /// assert_eq!(bootstrap.average_precision_by_fold(&labels, &folds, &[&scores])?.interval(0)?.estimate, 1.0);
    /// assert!(bootstrap.average_precision(&labels, &[&scores])?.interval(0)?.estimate < 0.71);
    /// # Ok::<(), cfe_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`average_precision`](Self::average_precision), and [`Error::LengthMismatch`] for folds of other
    /// instances.
    pub fn average_precision_by_fold(
        &self,
        labels: &[bool],
        folds: &Folds,
        scores: &[&[f64]],
    ) -> Result<Resampled> {
        self.average_precision_by_fold_weighted(labels, None, folds, scores)
    }

    /// As [`average_precision_by_fold`](Self::average_precision_by_fold), of instances with weights (n,
    /// finite, at least 0; `None` is 1 each): an instance that is drawn brings its weight along.
    ///
    /// # Errors
    /// As [`average_precision_by_fold`](Self::average_precision_by_fold).
    pub fn average_precision_by_fold_weighted(
        &self,
        labels: &[bool],
        weights: Option<&[f64]>,
        folds: &Folds,
        scores: &[&[f64]],
    ) -> Result<Resampled> {
        let (found, expected) = (folds.as_slice().len(), labels.len());
        if found != expected {
            return Err(Error::LengthMismatch { what: "folds", found, expected });
        }
        // A fold without a positive has no average precision.
        let with_positive: Vec<Vec<usize>> = (0..folds.n_splits())
            .map(|fold| folds.test(fold))
            .filter(|rows| rows.iter().any(|&i| labels[i]))
            .collect();
        if with_positive.is_empty() {
            return Err(Error::NothingToEvaluate);
        }
        self.average_precision_of_parts(labels, weights, &with_positive, scores)
    }

    /// Of the mean over parts of the instances; instances of no part count nowhere.
    fn average_precision_of_parts(
        &self,
        labels: &[bool],
        weights: Option<&[f64]>,
        parts: &[Vec<usize>],
        scores: &[&[f64]],
    ) -> Result<Resampled> {
        let weights = all_or(weights, labels.len())?;
        let ranked = |rows: &[usize], scores: &[f64]| {
            let labels: Vec<bool> = rows.iter().map(|&i| labels[i]).collect();
            AveragePrecision::new(&labels, &rows.iter().map(|&i| scores[i]).collect::<Vec<_>>())
        };
        // Rows are ranked once. A resample changes the weights of rows and never their order.
        let rankings: Vec<Vec<AveragePrecision>> = scores
            .par_iter()
            .map(|scores| {
                check_length("scores", scores.len(), labels.len())?;
                parts.iter().map(|rows| ranked(rows, scores)).collect()
            })
            .collect::<Result<_>>()?;
        // Of each ranking the average precision of each part.
        let by_part = |counts: &[f64]| -> Result<Vec<Vec<f64>>> {
            let of_parts: Vec<Vec<f64>> =
                parts.iter().map(|rows| rows.iter().map(|&i| counts[i] * weights[i]).collect()).collect();
            let of_ranking = |ranking: &Vec<AveragePrecision>| {
                ranking.iter().zip(&of_parts).map(|(part, weights)| part.weighted(weights)).collect()
            };
            rankings.iter().map(of_ranking).collect()
        };
        let mean = |of_parts: &Vec<f64>| of_parts.iter().sum::<f64>() / parts.len() as f64;
        let means = |counts: &[f64]| Ok(by_part(counts)?.iter().map(mean).collect::<Vec<f64>>());
        let slopes_of = |rankings: &Vec<AveragePrecision>| {
            let mut slopes = vec![0.0; labels.len()];
            for (ranking, rows) in rankings.iter().zip(parts) {
                let of_rows: Vec<f64> = rows.iter().map(|&i| weights[i]).collect();
                // An instance that is drawn once more adds its weight.
                let moved = times(&ranking.gradient(&of_rows)?, &of_rows);
                for (&i, slope) in rows.iter().zip(moved) {
                    slopes[i] = slope / parts.len() as f64;
                }
            }
            Ok(slopes)
        };
        let slopes = rankings.iter().map(slopes_of).collect::<Result<_>>()?;
        // Rows are drawn within fold and class, so that every resample has positives in every part.
        let strata = Strata::by_fold_and_class(labels, parts);
        let values = self.resample(&strata, means)?;
        // The estimate is a resample that has every instance once.
        let whole = by_part(&vec![1.0; labels.len()])?;
        let biases = Some(halves::biases(self.n_resamples, self.seed, &strata, &whole, by_part)?);
        let estimates = whole.iter().map(mean).collect();
        Ok(Resampled { confidence: self.confidence, estimates, biases, values, slopes, strata })
    }

    /// Interval of the mean of independent values (n, finite), such as differences over data sets or seeds.
    ///
    /// With few values it is too narrow: under ten, read it beside the values themselves.
    ///
    /// ```
    /// use cfe_core::validation::Bootstrap;
    /// let gain = Bootstrap::default().mean(&[0.01, 0.03, 0.02, 0.04])?;
    /// assert!((gain.estimate - 0.025).abs() < 1e-15 && gain.lower > 0.01 && gain.upper < 0.04);
    /// # Ok::<(), cfe_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NothingToEvaluate`], [`Error::InvalidScore`], and settings out of range.
    pub fn mean(&self, values: &[f64]) -> Result<Interval> {
        if values.is_empty() {
            return Err(Error::NothingToEvaluate);
        }
        let n = values.len() as f64;
        let sum_of = |counts: &[f64]| counts.iter().zip(values).map(|(k, v)| k * v).sum::<f64>();
        let all = vec![1.0; values.len()];
        self.run(&vec![true; values.len()], sum_of(&all) / n, |counts| Ok(sum_of(counts) / n))
    }

    fn run(
        &self,
        labels: &[bool],
        estimate: f64,
        measure: impl Fn(&[f64]) -> Result<f64> + Sync,
    ) -> Result<Interval> {
        percentile(self.confidence, estimate, self.resample(&Strata::by_class(labels), measure)?)
    }

    /// What `measure` finds for each resample, given how often each instance was drawn.
    pub(super) fn resample<T: Send>(
        &self,
        strata: &Strata,
        measure: impl Fn(&[f64]) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        ensure(self.n_resamples > 0, "n_resamples", self.n_resamples, "at least 1; 2000 is usual")?;
        let confidence = self.confidence;
        ensure(
            confidence > 0.0 && confidence < 1.0,
            "confidence",
            confidence,
            "between 0 and 1; 0.95 is usual",
        )?;
        (0..self.n_resamples as u64)
            .into_par_iter()
            .map(|resample| {
                // A stream for each resample: the threads decide nothing.
                let mut rng = ChaCha12Rng::seed_from_u64(self.seed);
                rng.set_stream(resample);
                let mut counts = vec![0.0; strata.n];
                for stratum in strata.all() {
                    for _ in 0..stratum.len() {
                        // How often an instance was drawn is its weight, so that nothing is copied or sorted
                        // anew.
                        counts[stratum[rng.random_range(0..stratum.len())]] += 1.0;
                    }
                }
                measure(&counts)
            })
            .collect()
    }
}

/// The weights, or 1 for each of n instances.
fn all_or(weights: Option<&[f64]>, n: usize) -> Result<Vec<f64>> {
    match weights {
        Some(weights) => {
            check_length("weights", weights.len(), n)?;
            Ok(weights.to_vec())
        }
        None => Ok(vec![1.0; n]),
    }
}

/// Product by instance: how often each was drawn, or how far it moves a metric, times what it weighs.
pub(super) fn times(values: &[f64], weights: &[f64]) -> Vec<f64> {
    values.iter().zip(weights).map(|(value, weight)| value * weight).collect()
}
