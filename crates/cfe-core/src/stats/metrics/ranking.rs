//! Metrics that depend on the order of the scores alone.

use serde::{Deserialize, Serialize};

use super::confusion::{Confusion, ratio, unit_of};
use crate::error::{Error, Result, check_finite};

/// The distinct scores in decreasing order, with the weight of positives and negatives at or above each.
#[derive(Debug, Clone)]
pub struct Ranking {
    thresholds: Vec<f64>,
    tp: Vec<f64>,
    fp: Vec<f64>,
}

/// Precision and recall over all thresholds, scikit-learn's `precision_recall_curve`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PrCurve {
    /// Precision at each threshold, and a final 1.
    pub precision: Vec<f64>,
    /// Recall at each threshold, and a final 0; 1 at every threshold without positives.
    pub recall: Vec<f64>,
    /// Distinct scores, ascending.
    pub thresholds: Vec<f64>,
}

/// The best value of a metric over all thresholds, and where it is attained.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Optimum {
    /// The value.
    pub value: f64,
    /// Lowest score that attains it as a threshold.
    pub lowest_threshold: f64,
    /// Highest score that attains it as a threshold.
    pub highest_threshold: f64,
}

impl Ranking {
    /// From (score, label, weight) of each instance, none of them NaN.
    pub(super) fn new(cells: &[(f64, bool, f64)]) -> Self {
        if cells.iter().all(|&(_, _, weight)| weight == 1.0) {
            return Self::unweighted(cells);
        }
        let mut order: Vec<_> = cells.to_vec();
        // Stable, so that weights are summed in input order within a tie.
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut ranking = Self { thresholds: Vec::new(), tp: Vec::new(), fp: Vec::new() };
        let (mut tp, mut fp) = (0.0, 0.0);
        for (k, &(score, label, weight)) in order.iter().enumerate() {
            if label {
                tp += weight
            } else {
                fp += weight
            }
            // -0.0 and 0.0 are one threshold: compared as numbers, not as bits.
            if order.get(k + 1).is_none_or(|next| next.0 != score) {
                ranking.thresholds.push(score);
                ranking.tp.push(tp);
                ranking.fp.push(fp);
            }
        }
        ranking
    }

    /// Where every weight is 1, sums have the same bits in any order: the scores of each class are sorted by
    /// themselves, which is faster than to sort the cells.
    fn unweighted(cells: &[(f64, bool, f64)]) -> Self {
        let ascending = |class: bool| {
            let scores = cells.iter().filter(|cell| cell.1 == class).map(|cell| cell.0);
            let mut scores: Vec<f64> = scores.collect();
            scores.sort_unstable_by(f64::total_cmp);
            scores
        };
        Self::merged(&ascending(true), &ascending(false))
    }

    /// From the scores of the positives and those of the negatives, each finite and ascending, every instance
    /// counting 1. Cost: one step for each score.
    ///
    /// ```
    /// use cfe_core::metrics::{Ranking, Scored};
    ///
    /// let ranking = Ranking::from_sorted(&[0.4, 0.9], &[0.1, 0.4])?;
    /// let scored = Scored::new(&[true, true, false, false], &[0.4, 0.9, 0.1, 0.4])?;
    /// assert_eq!(ranking.average_precision(), scored.ranking().average_precision());
    /// # Ok::<(), cfe_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NothingToEvaluate`] without a score, [`Error::InvalidScore`],
    /// [`Error::InvalidParameter`] where scores are not ascending.
    pub fn from_sorted(positives: &[f64], negatives: &[f64]) -> Result<Self> {
        if positives.is_empty() && negatives.is_empty() {
            return Err(Error::NothingToEvaluate);
        }
        for scores in [positives, negatives] {
            check_finite(scores)?;
            let falls = scores.windows(2).find(|pair| pair[0] > pair[1]);
            let ascending = "scores in ascending order";
            falls.map_or(Ok(()), |pair| Err(Error::parameter("scores", pair[1], ascending)))?;
        }
        Ok(Self::merged(positives, negatives))
    }

    /// From ascending scores of each class.
    fn merged(mut positives: &[f64], mut negatives: &[f64]) -> Self {
        let mut ranking = Self { thresholds: Vec::new(), tp: Vec::new(), fp: Vec::new() };
        let (mut tp, mut fp) = (0, 0);
        // The largest score that is left is the next threshold; -0.0 and 0.0 are one, and the sum makes them
        // one number.
        while let Some(score) = match (positives.last(), negatives.last()) {
            (Some(a), Some(b)) => Some(a.max(*b) + 0.0),
            (left, right) => left.or(right).map(|score| score + 0.0),
        } {
            let take = |scores: &mut &[f64]| {
                let equal = scores.iter().rev().take_while(|&&other| other == score).count();
                *scores = &scores[..scores.len() - equal];
                equal
            };
            (tp, fp) = (tp + take(&mut positives), fp + take(&mut negatives));
            ranking.thresholds.push(score);
            ranking.tp.push(tp as f64);
            ranking.fp.push(fp as f64);
        }
        ranking
    }

    /// From the weights of negatives and positives at scores in decreasing order.
    pub(super) fn from_counts(counts: impl Iterator<Item = (f64, f64)>) -> Self {
        let mut ranking = Self { thresholds: Vec::new(), tp: Vec::new(), fp: Vec::new() };
        let (mut tp, mut fp) = (0.0, 0.0);
        for (k, (negatives, positives)) in counts.enumerate() {
            tp += positives;
            fp += negatives;
            ranking.thresholds.push(-(k as f64));
            ranking.tp.push(tp);
            ranking.fp.push(fp);
        }
        ranking
    }

    /// From scores in decreasing order, each with the weights of negatives and positives.
    pub(super) fn from_bins(bins: impl Iterator<Item = (f64, (f64, f64))>) -> Self {
        let (thresholds, counts): (Vec<f64>, Vec<(f64, f64)>) = bins.unzip();
        Self { thresholds, ..Self::from_counts(counts.into_iter()) }
    }

    fn positives(&self) -> f64 {
        *self.tp.last().expect("a ranking has at least one threshold")
    }

    fn negatives(&self) -> f64 {
        *self.fp.last().expect("a ranking has at least one threshold")
    }

    /// Share of positives: the average precision of a random ranking.
    pub fn prevalence(&self) -> f64 {
        ratio(self.positives(), self.positives() + self.negatives())
    }

    /// sum_k (recall_k - recall_{k-1}) precision_k over the distinct scores in decreasing order; the
    /// step-wise area under the precision-recall curve, without interpolation. 0 without positives.
    pub fn average_precision(&self) -> f64 {
        let positives = self.positives();
        let mut before = 0.0;
        let mut sum = 0.0;
        for (&tp, &fp) in self.tp.iter().zip(&self.fp) {
            sum += (tp - before) * ratio(tp, tp + fp);
            before = tp;
        }
        ratio(sum, positives)
    }

    /// Probability that a positive scores above a negative, ties counting one half; `None` with one class
    /// only.
    pub fn roc_auc(&self) -> Option<f64> {
        let (positives, negatives) = (self.positives(), self.negatives());
        if !(positives > 0.0 && negatives > 0.0) {
            return None;
        }
        let (p, n) = (unit_of(positives), unit_of(negatives));
        let (mut tp0, mut fp0, mut area) = (0.0, 0.0, 0.0);
        for (&tp, &fp) in self.tp.iter().zip(&self.fp) {
            area += ((fp - fp0) / n) * ((tp + tp0) / p) / 2.0;
            (tp0, fp0) = (tp, fp);
        }
        Some(area / ((positives / p) * (negatives / n)))
    }

    /// The precision-recall curve.
    pub fn pr_curve(&self) -> PrCurve {
        let positives = self.positives();
        let ascending = || (0..self.thresholds.len()).rev();
        let recall = |k: usize| if positives > 0.0 { self.tp[k] / positives } else { 1.0 };
        PrCurve {
            precision: ascending().map(|k| ratio(self.tp[k], self.tp[k] + self.fp[k])).chain([1.0]).collect(),
            recall: ascending().map(recall).chain([0.0]).collect(),
            thresholds: ascending().map(|k| self.thresholds[k]).collect(),
        }
    }

    /// Largest F1 over the distinct scores; `None` without positives.
    pub fn best_f1(&self) -> Option<Optimum> {
        self.best_f_beta(1.0)
    }

    /// Largest F-beta over the distinct scores; `None` without positives, or for a beta that is NaN. Beyond a
    /// beta of 1e100 F-beta is recall to the last digit.
    pub fn best_f_beta(&self, beta: f64) -> Option<Optimum> {
        let beta = if beta.is_nan() { return None } else { beta.abs().min(1e50) };
        let unit = unit_of(self.positives() + self.negatives());
        let (positives, b) = (self.positives() / unit, beta * beta);
        // Larger values of beta give recall to the last digit as well, and their cross products overflow.
        // (1 + b) tp / (tp + fp + b P), kept as a fraction: integer counts then compare exactly.
        self.optimum(|tp, fp| Some(((1.0 + b) * (tp / unit), tp / unit + fp / unit + b * positives)))
    }

    /// Largest precision among the thresholds with recall at least `recall` (0 to 1); `None` without
    /// positives.
    pub fn best_precision_at_recall(&self, recall: f64) -> Option<Optimum> {
        let (positives, unit) = (self.positives(), unit_of(self.positives() + self.negatives()));
        self.optimum(|tp, fp| (tp / positives >= recall).then_some((tp / unit, tp / unit + fp / unit)))
    }

    /// Largest value of any metric of the counts over the distinct scores; ties go by exact equality.
    pub fn best_by(&self, metric: impl Fn(&Confusion) -> f64) -> Option<Optimum> {
        let (positives, negatives) = (self.positives(), self.negatives());
        self.optimum(|tp, fp| {
            Some((metric(&Confusion { tp, fp, fn_: positives - tp, tn: negatives - fp }), 1.0))
        })
    }

    /// Maximizes a fraction (numerator, positive denominator) of (tp, fp); `None` leaves a threshold out.
    fn optimum(&self, fraction: impl Fn(f64, f64) -> Option<(f64, f64)>) -> Option<Optimum> {
        if !(self.positives() > 0.0) {
            return None;
        }
        // a / b against a0 / b0 by cross products: rounding in a division would break exact ties.
        let mut best: Option<(f64, f64, Optimum)> = None;
        for (k, &threshold) in self.thresholds.iter().enumerate() {
            let Some((a, b)) = fraction(self.tp[k], self.fp[k]) else { continue };
            match &mut best {
                Some((a0, b0, optimum)) if a * *b0 == *a0 * b => optimum.lowest_threshold = threshold,
                Some((a0, b0, _)) if a * *b0 < *a0 * b => {}
                _ => {
                    let value = ratio(a, b);
                    best = Some((
                        a,
                        b,
                        Optimum { value, lowest_threshold: threshold, highest_threshold: threshold },
                    ));
                }
            }
        }
        best.map(|(_, _, optimum)| optimum)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Scored;

    #[test]
    fn with_a_huge_beta_the_best_threshold_is_the_one_of_full_recall() {
        let labels = [true, false, true, false];
        let ranking = Scored::new(&labels, &[4.0, 3.0, 2.0, 1.0]).expect("valid").ranking();
        // At 2.0 both positives are called, at 1.0 too with one false alarm more.
        for beta in [1e10, 1e60, 1e100, f64::INFINITY] {
            let best = ranking.best_f_beta(beta).expect("there are positives");
            assert_eq!((best.highest_threshold, best.value), (2.0, 1.0), "beta {beta}");
        }
    }
}
