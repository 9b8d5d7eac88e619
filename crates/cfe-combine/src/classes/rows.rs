//! Rows of known classes.

use cfe_core::classes::ClassData;
use ndarray::Array2;

/// Rows that are judged: which ones, and what is known of each.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClassRows {
    /// Their numbers.
    pub rows: Vec<usize>,
    /// The class of each, by its number.
    pub labels: Vec<usize>,
    /// How much each counts.
    pub weights: Vec<f64>,
    /// What a wrong decision about each costs; `None` is 1 each.
    pub costs: Option<Vec<f64>>,
}

impl ClassRows {
    /// The rows that have a label, weigh something, and are among `rows` (by number). `labels`, `weights` and
    /// `costs` are of all rows (n).
    pub fn new(
        rows: &[usize],
        labels: &[Option<usize>],
        weights: Option<&[f64]>,
        costs: Option<&[f64]>,
    ) -> Self {
        let mut of = Self { costs: costs.map(|_| Vec::new()), ..Self::default() };
        for &i in rows {
            let weight = weights.map_or(1.0, |weights| weights[i]);
            if let Some(label) = labels[i].filter(|_| weight > 0.0) {
                of.rows.push(i);
                of.labels.push(label);
                of.weights.push(weight);
                of.costs.iter_mut().zip(costs).for_each(|(own, costs)| own.push(costs[i]));
            }
        }
        of
    }

    /// The places of the labeled rows that `out_of_fold` (labeled rows x K) has probabilities of.
    pub(super) fn held_out(data: &ClassData, costs: Option<&[f64]>, out_of_fold: &Array2<f64>) -> Self {
        let labels: Vec<Option<usize>> = data.labeled_targets().into_iter().map(Some).collect();
        let costs: Option<Vec<f64>> = costs.map(|costs| data.labeled().iter().map(|&i| costs[i]).collect());
        let is_scored = |p: &usize| !out_of_fold[(*p, 0)].is_nan();
        let scored: Vec<usize> = (0..labels.len()).filter(is_scored).collect();
        Self::new(&scored, &labels, Some(&data.labeled_weights()), costs.as_deref())
    }
}
