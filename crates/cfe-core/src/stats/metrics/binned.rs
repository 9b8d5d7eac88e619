//! Metrics of more instances than memory holds: exact sums, and ranks in fine bins.

use super::probability::{left_closed, log_loss_of};
use super::{Confusion, MetricSummary, Ranking};
use crate::losses::logit;

/// Bins of a factor of two.
const PER_OCTAVE: usize = 1 << 13;
/// Powers of two from 2^-10 to 2^10: log-odds below are told apart in steps of 2^-23, and those above are
/// alike.
const OCTAVES: usize = 20;
/// Smallest power.
const LEAST: f64 = 1.0 / 1024.0;
/// Bins of the expected calibration error.
const ECE_BINS: usize = 10;

/// Scores and labels of any number of instances in bounded memory, 10 MB. Log loss, Brier score, calibration
/// error and the counts at a threshold are sums and exact. Ranks are kept in bins of log-odds, 8,192 to a
/// factor of two: what depends on them comes with a bound of how far off it can be.
///
/// ```
/// use cfe_core::metrics::{BinnedScores, MetricSummary};
///
/// let labels: Vec<bool> = (0..1000).map(|i| i % 9 == 0).collect();
/// let logits: Vec<f64> = (0..1000).map(|i| f64::from(i * 37 % 101) / 10.0 - 7.0).collect();
/// let p: Vec<f64> = logits.iter().map(|z| 1.0 / (1.0 + (-z).exp())).collect();
/// let mut scores = BinnedScores::new(Some(0.5));
/// for ((&label, &z), &p) in labels.iter().zip(&logits).zip(&p) {
///     scores.add(label, z, Some(p), 1.0);
/// }
/// let (binned, exact) = (scores.summary(), MetricSummary::new(&labels, &logits, Some(&p))?);
/// let off = (binned.metrics.roc_auc.unwrap() - exact.roc_auc.unwrap()).abs();
/// assert!(off <= binned.within.roc_auc);
/// assert!((binned.metrics.log_loss.unwrap() - exact.log_loss.unwrap()).abs() < 1e-12);
/// # Ok::<(), cfe_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct BinnedScores {
    /// (negatives, positives) of each bin of the ranking score.
    ranks: Vec<(f64, f64)>,
    /// The same of the probability, by which a threshold is chosen.
    probabilities: Vec<(f64, f64)>,
    /// Instances, and those of them that are positive.
    rows: (u64, u64),
    weight: f64,
    log_loss: f64,
    brier: f64,
    /// (weight, sum of probabilities, positives) of each.
    calibration: [(f64, f64, f64); ECE_BINS],
    has_probabilities: bool,
    /// Whether every weight is 1.
    unit: bool,
    cut: Option<f64>,
    at_cut: Confusion,
}

/// How far off what depends on ranks can be.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
#[non_exhaustive]
pub struct Within {
    /// Of the average precision.
    pub average_precision: f64,
    /// Of the area under the ROC curve.
    pub roc_auc: f64,
    /// Of the best F1, which is not below what is said.
    pub best_f1: f64,
}

impl Within {
    /// The larger of both in each.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            average_precision: self.average_precision.max(other.average_precision),
            roc_auc: self.roc_auc.max(other.roc_auc),
            best_f1: self.best_f1.max(other.best_f1),
        }
    }
}

/// Metrics with their bounds, from [`BinnedScores::summary`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct BinnedSummary {
    /// The metrics.
    pub metrics: MetricSummary,
    /// How far off those by ranks can be.
    pub within: Within,
}

impl BinnedScores {
    /// No instance yet; `threshold` is where to count what is called positive, of probabilities.
    pub fn new(threshold: Option<f64>) -> Self {
        let bins = vec![(0.0, 0.0); 2 * OCTAVES * PER_OCTAVE];
        Self {
            ranks: bins.clone(),
            probabilities: bins,
            rows: (0, 0),
            weight: 0.0,
            log_loss: 0.0,
            brier: 0.0,
            calibration: [(0.0, 0.0, 0.0); ECE_BINS],
            has_probabilities: false,
            unit: true,
            cut: threshold,
            at_cut: Confusion::default(),
        }
    }

    /// Adds an instance of a weight above 0: its label, the score that it is ranked by, in log-odds, and its
    /// probability, if it has one.
    pub fn add(&mut self, label: bool, score: f64, probability: Option<f64>, weight: f64) {
        let of_class = if label { (0.0, weight) } else { (weight, 0.0) };
        let put = |bin: &mut (f64, f64)| *bin = (bin.0 + of_class.0, bin.1 + of_class.1);
        put(&mut self.ranks[bin_of(score)]);
        self.rows = (self.rows.0 + 1, self.rows.1 + u64::from(label));
        self.weight += weight;
        self.unit &= weight == 1.0;
        let Some(p) = probability else { return };
        self.has_probabilities = true;
        // A probability gets the bin of its log-odds, and 0 and 1 those at the ends: nothing needs a clip.
        put(&mut self.probabilities[bin_of(logit(p, 0.0))]);
        self.log_loss += weight * log_loss_of(p, label);
        self.brier += weight * (p - f64::from(u8::from(label))).powi(2);
        let bin = &mut self.calibration[left_closed(p, ECE_BINS)];
        *bin = (bin.0 + weight, bin.1 + weight * p, bin.2 + of_class.1);
        if let Some(cut) = self.cut {
            let counts = &mut self.at_cut;
            match (p >= cut, label) {
                (true, true) => counts.tp += weight,
                (true, false) => counts.fp += weight,
                (false, true) => counts.fn_ += weight,
                (false, false) => counts.tn += weight,
            }
        }
    }

    /// (instances, positives among them).
    pub fn rows(&self) -> (u64, u64) {
        self.rows
    }

    /// Sum of the weights.
    pub fn weight(&self) -> f64 {
        self.weight
    }

    /// Counts at the threshold.
    pub fn at_threshold(&self) -> Confusion {
        self.at_cut
    }

    /// The metrics; those of probabilities where every instance has one.
    pub fn summary(&self) -> BinnedSummary {
        // From the largest score down, as a ranking is walked, and without the empty bins.
        let descending = |bins: &[(f64, f64)]| -> Vec<(f64, (f64, f64))> {
            let filled = bins.iter().enumerate().rev().filter(|(_, bin)| bin.0 + bin.1 > 0.0);
            filled.map(|(at, bin)| (lower_edge(at), *bin)).collect()
        };
        let ranks = descending(&self.ranks);
        let ranking = Ranking::from_bins(ranks.iter().copied());
        let known = (self.rows.1 > 0).then(|| ranking.average_precision());
        let roc_auc = ranking.roc_auc();
        let by_probability =
            descending(if self.has_probabilities { &self.probabilities } else { &self.ranks });
        let best = Ranking::from_bins(by_probability.iter().copied()).best_f1();
        let of_probabilities = |value: f64| self.has_probabilities.then_some(value);
        let gap = |bin: &(f64, f64, f64)| ((bin.2 - bin.1) / self.weight).abs();
        let edge = |z: f64| if self.has_probabilities { crate::losses::sigmoid(z) } else { z };
        let metrics = MetricSummary {
            average_precision: known,
            roc_auc,
            log_loss: of_probabilities(self.log_loss / self.weight),
            brier: of_probabilities(self.brier / self.weight),
            ece: of_probabilities(self.calibration.iter().map(gap).sum()),
            best_f1: best.map(|best| best.value),
            best_f1_threshold: best.map(|best| edge(best.highest_threshold)),
        };
        let within = within(&ranks, &by_probability, self.unit, &metrics);
        BinnedSummary { metrics, within }
    }
}

/// Bounds over all orders that instances may have within their bins, ties among them.
fn within(
    ranks: &[(f64, (f64, f64))],
    by_probability: &[(f64, (f64, f64))],
    unit: bool,
    metrics: &MetricSummary,
) -> Within {
    let positives: f64 = ranks.iter().map(|(_, bin)| bin.1).sum();
    let negatives: f64 = ranks.iter().map(|(_, bin)| bin.0).sum();
    if !(positives > 0.0 && negatives > 0.0) {
        return Within::default();
    }
    // Average precision and ROC-AUC at the worst and the best order within bins, in one walk.
    let (mut tp, mut fp, mut least, mut most, mut ties) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for &(_, (no, yes)) in ranks {
        if yes > 0.0 {
            // At worst all negatives of the bin come first, and its positives one after the other.
            least += one_by_one(tp, yes, fp + no, unit);
            // At best its positives tie above the negatives.
            most += yes * (tp + yes) / (tp + yes + fp);
        }
        // In a bin every pair of a positive and a negative counts one half, and could count 0 or 1.
        ties += no * yes / 2.0;
        (tp, fp) = (tp + yes, fp + no);
    }
    let said = metrics.average_precision.unwrap_or(0.0);
    // The best F1 of any order calls all positives of a bin before its first negative.
    let (mut tp, mut fp, mut best) = (0.0, 0.0, 0.0_f64);
    for &(_, (no, yes)) in by_probability {
        tp += yes;
        best = best.max(2.0 * tp / (tp + fp + positives));
        fp += no;
    }
    Within {
        average_precision: (most / positives - said).max(said - least / positives),
        roc_auc: ties / (positives * negatives),
        best_f1: (best - metrics.best_f1.unwrap_or(best)).max(0.0),
    }
}

/// Sum of the precisions of positives of weight `yes` below others of `tp` and negatives of `fp`, each times
/// its weight. Of weights that are not known, at least that: the integral of x / (x + fp).
fn one_by_one(tp: f64, yes: f64, fp: f64, unit: bool) -> f64 {
    if unit {
        return (1..=yes as u64).map(|k| (tp + k as f64) / (tp + k as f64 + fp)).sum();
    }
    if fp > 0.0 { yes - fp * (yes / (tp + fp)).ln_1p() } else { yes }
}

/// Larger scores have larger bins.
fn bin_of(score: f64) -> usize {
    let half = OCTAVES * PER_OCTAVE;
    // A double's bits grow with its size: the exponent and the first 13 bits of the fraction are the bin.
    let size = (score.abs() + LEAST).clamp(LEAST, 1023.0);
    let bits = |x: f64| (x.to_bits() >> (52 - PER_OCTAVE.trailing_zeros())) as usize;
    let step = (bits(size) - bits(LEAST)).min(half - 1);
    if score < 0.0 { half - 1 - step } else { half + step }
}

/// The smallest score of a bin.
fn lower_edge(bin: usize) -> f64 {
    let half = OCTAVES * PER_OCTAVE;
    let shift = 52 - PER_OCTAVE.trailing_zeros();
    let from =
        |step: usize| f64::from_bits((((LEAST.to_bits() >> shift) as usize + step) as u64) << shift) - LEAST;
    if bin < half { -from(half - bin) } else { from(bin - half) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_ascend_with_the_score_and_hold_their_edge() {
        let scores = [-2000.0, -700.0, -3.0, -2.9, -1e-4, -1e-9, 0.0, 1e-9, 0.3, 0.31, 5.0, 900.0, 1e9];
        assert!(scores.windows(2).all(|pair| bin_of(pair[0]) <= bin_of(pair[1])));
        for score in [-600.0, -3.3, -0.001, 0.0, 0.2, 7.5, 500.0] {
            let bin = bin_of(score);
            assert!(lower_edge(bin) <= score && score <= lower_edge(bin + 1), "{score}");
            assert!(lower_edge(bin + 1) - lower_edge(bin) <= 2e-4 * (score.abs() + LEAST), "{score}");
        }
        for bin in [5000, 100_000, OCTAVES * PER_OCTAVE + 3] {
            assert_eq!(bin_of(lower_edge(bin) + 1e-10), bin);
        }
    }

    #[test]
    fn figures_are_within_their_bounds() {
        for (seed, scale) in [(3_usize, 1e-3), (5, 1.0), (7, 30.0)] {
            let labels: Vec<bool> = (0..5000).map(|i| (i * seed) % 23 < 2).collect();
            // Coarse enough that bins hold several instances.
            let z = |i: usize| {
                scale * (((i * 7919) % 4099) as f64 / 1000.0 - 3.0 + f64::from(u8::from(labels[i])))
            };
            let logits: Vec<f64> = (0..5000).map(z).collect();
            let p: Vec<f64> = logits.iter().map(|&z| crate::losses::sigmoid(z)).collect();
            let weights: Vec<f64> =
                (0..5000).map(|i| if seed == 5 { 1.0 } else { [1.0, 0.5, 2.0][i % 3] }).collect();
            let mut scores = BinnedScores::new(Some(0.25));
            for i in 0..5000 {
                scores.add(labels[i], logits[i], Some(p[i]), weights[i]);
            }
            let exact = MetricSummary::weighted(&labels, &logits, Some(&p), Some(&weights)).expect("valid");
            let BinnedSummary { metrics, within } = scores.summary();
            let off =
                |a: Option<f64>, b: Option<f64>| (a.expect("both classes") - b.expect("both classes")).abs();
            assert!(off(metrics.average_precision, exact.average_precision) <= within.average_precision);
            assert!(off(metrics.roc_auc, exact.roc_auc) <= within.roc_auc + 1e-12);
            assert!(off(metrics.best_f1, exact.best_f1) <= within.best_f1 + 1e-12);
            assert!(within.average_precision < 0.02 && within.roc_auc < 1e-3, "{within:?}");
            for (a, b) in
                [(metrics.log_loss, exact.log_loss), (metrics.brier, exact.brier), (metrics.ece, exact.ece)]
            {
                assert!(off(a, b) < 1e-12);
            }
            let counts =
                crate::metrics::Scored::weighted(&labels, &p, &weights).expect("valid").confusion(0.25);
            assert_eq!(scores.at_threshold(), counts);
        }
    }

    #[test]
    fn one_class_has_no_ranking() {
        let mut scores = BinnedScores::new(None);
        scores.add(false, 0.5, Some(0.6), 1.0);
        let metrics = scores.summary().metrics;
        assert_eq!((metrics.average_precision, metrics.roc_auc, metrics.best_f1), (None, None, None));
        assert_eq!(metrics.brier, Some(0.36));
    }
}
