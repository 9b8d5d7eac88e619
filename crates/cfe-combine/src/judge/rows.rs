//! Labeled rows that scores are judged on.

use cfe_core::metrics::Scored;
use cfe_core::{EnsembleData, Result};
use cfe_io::Table;

/// Labels of some rows (n), with what each row weighs and what a wrong decision about it costs, where that is
/// said.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct JudgedRows {
    pub labels: Vec<bool>,
    pub weights: Option<Vec<f64>>,
    pub costs: Option<Vec<f64>>,
}

impl JudgedRows {
    /// The rows `rows` of a table, all with a label.
    pub(crate) fn of(table: &Table, rows: &[usize]) -> Self {
        let take = |values: &[f64]| rows.iter().map(|&i| values[i]).collect();
        Self {
            labels: rows.iter().map(|&i| table.truth[i] == Some(true)).collect(),
            weights: table.data.sample_weights().map(take),
            costs: table.costs.as_deref().map(take),
        }
    }

    /// Labeled instances of data, none of which has a cost.
    pub(crate) fn of_data(data: &EnsembleData, rows: &[usize]) -> Self {
        Self {
            labels: rows.iter().map(|&i| data.labels()[i] == Some(true)).collect(),
            weights: data.sample_weights().map(|weights| rows.iter().map(|&i| weights[i]).collect()),
            costs: None,
        }
    }

    /// Those at the places `places`.
    pub(crate) fn select(&self, places: &[usize]) -> Self {
        let take = |values: &Vec<f64>| places.iter().map(|&p| values[p]).collect();
        Self {
            labels: places.iter().map(|&p| self.labels[p]).collect(),
            weights: self.weights.as_ref().map(take),
            costs: self.costs.as_ref().map(take),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    /// Places of the rows that have one of these probabilities (n, NaN where there is none) and count.
    pub(crate) fn scored_places(&self, probabilities: &[f64]) -> Vec<usize> {
        (0..self.len()).filter(|&k| !probabilities[k].is_nan() && self.weight(k) > 0.0).collect()
    }

    /// Whether both classes are among the rows that count.
    pub(crate) fn has_both_classes(&self) -> bool {
        [false, true]
            .into_iter()
            .all(|class| (0..self.len()).any(|i| self.labels[i] == class && self.weight(i) > 0.0))
    }

    /// Weight of a row.
    pub(crate) fn weight(&self, i: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |weights| weights[i])
    }

    /// The rows with these scores (n).
    pub(crate) fn scored(&self, scores: &[f64]) -> Result<Scored> {
        Scored::weighted_if(&self.labels, scores, self.weights.as_deref())
    }

    /// Whether a wrong decision about some row that counts costs something.
    pub(crate) fn has_costs(&self) -> bool {
        let counts = |(i, &cost): (usize, &f64)| cost * self.weight(i) > 0.0;
        self.costs.as_ref().is_some_and(|costs| costs.iter().enumerate().any(counts))
    }

    /// The same, each row weighing what a wrong decision about it costs as well; as
    /// [`scored`](Self::scored) without costs.
    pub(crate) fn scored_by_cost(&self, scores: &[f64]) -> Result<Scored> {
        let Some(costs) = &self.costs else { return self.scored(scores) };
        let weights: Vec<f64> = (0..self.len()).map(|i| self.weight(i) * costs[i]).collect();
        Scored::weighted(&self.labels, scores, &weights)
    }
}

impl From<&[bool]> for JudgedRows {
    fn from(labels: &[bool]) -> Self {
        Self { labels: labels.to_vec(), weights: None, costs: None }
    }
}
