//! The first pass: counts, and what confidence strategies learn.

use super::block::Panel;
use super::{ShardError, Sums};
use crate::class_totals::in_mean_weights;
use crate::confidence::statistics::{column_spreads, squared_error};
use crate::error::{Error, Result};
use crate::objective::Objective;
use crate::weights::{Costs, LABELED, check_weight_sum};

/// What the first pass finds.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Profile {
    /// Instances.
    pub rows: u64,
    /// Labeled instances, (negatives, positives).
    pub class_counts: (usize, usize),
    /// Sum of the sample weights of the labeled instances, (negatives, positives).
    pub class_weights: (f64, f64),
    /// Labeled instances whose weight is above 0.
    pub counting: usize,
    /// Cells that are not missing.
    pub observed: u64,
    /// For each classifier (m): the sum of (r - y)^2 over its labeled, observed cells, and their number.
    pub brier: Vec<(f64, usize)>,
    /// Largest population standard deviation of the observed cells of an instance.
    pub max_spread: f64,
    /// The first instance with a cell that is not a probability.
    pub first_bad: Option<u64>,
}

/// Numbers before those of each classifier.
const HEAD: usize = 7;

pub(super) fn of_panel(panel: &Panel<'_>) -> Result<Sums> {
    // Two numbers for each classifier stand behind the head: the sum of squared errors, and their count.
    let m = panel.predictions.nrows();
    let mut added = vec![0.0; HEAD + 2 * m];
    added[0] = panel.labels.len() as f64;
    for (i, label) in panel.labels.iter().enumerate() {
        let Some(label) = *label else { continue };
        added[1 + usize::from(label)] += 1.0;
        added[3 + usize::from(label)] += panel.sample_weight(i);
        added[6] += f64::from(u8::from(panel.sample_weight(i) > 0.0));
    }
    let mut first_bad = f64::INFINITY;
    for (u, row) in panel.predictions.rows().into_iter().enumerate() {
        for (i, (&r, label)) in row.iter().zip(panel.labels).enumerate() {
            if r.is_nan() {
                continue;
            }
            added[5] += 1.0;
            if !(0.0..=1.0).contains(&r) {
                first_bad = first_bad.min((panel.first + i as u64) as f64);
            }
            if let Some(error) = label.and_then(|label| squared_error(r, label)) {
                added[HEAD + u] += error;
                added[HEAD + m + u] += 1.0;
            }
        }
    }
    let max_spread = column_spreads(panel.predictions).into_iter().fold(0.0, f64::max);
    Ok(Sums { added, least: vec![first_bad], greatest: vec![max_spread], ..Sums::default() })
}

impl Profile {
    /// Weights of a (negative, positive) labeled instance under an objective, sample weights and
    /// instance-dependent costs apart.
    ///
    /// # Errors
    /// [`Error::NoLabels`]; [`Error::AllWeightsZero`] and [`Error::WeightSum`] for weights that cannot be
    /// added up; [`ShardError::BadCell`].
    pub fn check(&self, objective: &Objective) -> Result<(f64, f64)> {
        // In the order of a fit in memory: bad cells before labels, and labels before weights.
        let (negatives, positives) = self.class_counts;
        if let Some(row) = self.first_bad {
            return Err(ShardError::BadCell { row }.into());
        }
        if negatives + positives == 0 {
            return Err(Error::NoLabels);
        }
        objective.validate()?;
        let totals = self.class_totals();
        let (negative, positive) = objective.class_weight.per_class(totals.0, totals.1);
        let Costs { false_positive, false_negative, .. } = objective.costs;
        // Costs multiply the weights of their class, and a product may overflow where neither factor does.
        let sums = [
            negative * self.class_weights.0 * false_positive,
            positive * self.class_weights.1 * false_negative,
        ];
        check_weight_sum(LABELED, sums)?;
        Ok((negative, positive))
    }

    /// (negatives, positives) as they weigh, as [`EnsembleData::class_totals`](crate::EnsembleData::class_totals)
    /// has them.
    pub fn class_totals(&self) -> (f64, f64) {
        let totals = in_mean_weights(vec![self.class_weights.0, self.class_weights.1], self.counting);
        (totals[0], totals[1])
    }

    /// The numbers of [`of_panel`]; `None` if they are others.
    pub(super) fn read(sums: &Sums) -> Option<Self> {
        let (head, of_classifiers) = sums.added.split_at_checked(HEAD)?;
        let (errors, counts) = of_classifiers.split_at(of_classifiers.len() / 2);
        let (&[first_bad], &[max_spread]) = (&sums.least[..], &sums.greatest[..]) else { return None };
        Some(Self {
            rows: head[0] as u64,
            class_counts: (head[1] as usize, head[2] as usize),
            class_weights: (head[3], head[4]),
            counting: head[6] as usize,
            observed: head[5] as u64,
            brier: errors.iter().zip(counts).map(|(&sum, &count)| (sum, count as usize)).collect(),
            max_spread,
            first_bad: first_bad.is_finite().then_some(first_bad as u64),
        })
    }
}
