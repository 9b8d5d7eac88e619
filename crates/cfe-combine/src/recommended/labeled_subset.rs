//! Which of the labeled instances members learn from.

use cfe_core::{EnsembleData, Result, check_weight_sum, ensure, mean_weight};

use super::keys::{folds_by_key, row_keys};
use super::sample::Sample;
use super::targets::Targets;

/// The labeled instances that members learn from: those of positive weight with a prediction. The lists are
/// in step.
pub(super) struct LabeledSubset {
    /// Places among the labeled instances of the data.
    pub places: Vec<usize>,
    /// Instances of the data.
    pub rows: Vec<usize>,
    /// Keys by what each contains, ascending: the order of the instances in the data decides nothing.
    pub keys: Vec<u64>,
    pub labels: Vec<bool>,
    /// Weights, of mean 1 over the labeled instances: penalties stand against their sum, which a common
    /// factor must not move.
    pub weights: Vec<f64>,
}

impl LabeledSubset {
    pub(super) fn new(data: &EnsembleData, seed: u64) -> Result<Self> {
        let (r, labeled) = (data.predictions(), data.labeled());
        let given = |i: usize| data.sample_weights().map_or(1.0, |w| w[i]);
        check_weight_sum("the sample weights of the labeled instances", labeled.iter().map(|&i| given(i)))?;
        let observed = |i: usize| r.column(i).iter().any(|p| !p.is_nan());
        let counting = |&p: &usize| given(labeled[p]) > 0.0 && observed(labeled[p]);
        let keys = row_keys(data, labeled, seed);
        let mut places: Vec<usize> = (0..labeled.len()).filter(counting).collect();
        let label = |p: usize| data.labels()[labeled[p]] == Some(true);
        places.sort_by(|&a, &b| {
            let by_key = keys[a].cmp(&keys[b]).then(label(a).cmp(&label(b)));
            by_key.then(given(labeled[a]).total_cmp(&given(labeled[b])))
        });
        let mean = mean_weight_of(data);
        Ok(Self {
            rows: places.iter().map(|&p| labeled[p]).collect(),
            keys: places.iter().map(|&p| keys[p]).collect(),
            labels: places.iter().map(|&p| label(p)).collect(),
            weights: places.iter().map(|&p| given(labeled[p]) / mean).collect(),
            places,
        })
    }

    /// The members of a sample, with its weights over their mean: as if the sample were all there is.
    pub(super) fn select(&self, sample: Sample) -> Self {
        let kept = &sample.places;
        let mean = mean_weight(sample.weights.iter().copied());
        Self {
            places: kept.iter().map(|&k| self.places[k]).collect(),
            rows: kept.iter().map(|&k| self.rows[k]).collect(),
            keys: kept.iter().map(|&k| self.keys[k]).collect(),
            labels: kept.iter().map(|&k| self.labels[k]).collect(),
            weights: sample.weights.iter().map(|w| w / mean).collect(),
        }
    }

    pub(super) fn targets(&self) -> Targets<'_> {
        Targets { labels: &self.labels, weights: &self.weights }
    }

    /// Instances of the rarer class.
    pub(super) fn smaller_class(&self) -> usize {
        let positives = self.labels.iter().filter(|&&y| y).count();
        positives.min(self.labels.len() - positives)
    }

    /// The fold of each instance: the caller's, or stratified ones that keep copies of a row together. `None`
    /// where a class has a single instance.
    pub(super) fn folds(&self, given: Option<&[usize]>, n_splits: usize) -> Result<Option<Vec<usize>>> {
        if let Some(given) = given {
            let folds: Vec<usize> = self.places.iter().map(|&p| given[p]).collect();
            let count = fold_names(&folds).len();
            ensure(count >= 2, "folds", count, "at least 2 folds with labeled instances are needed")?;
            return Ok(Some(folds));
        }
        let smaller = self.smaller_class();
        Ok((smaller >= 2).then(|| folds_by_key(&self.keys, &self.labels, n_splits.min(smaller))))
    }
}

/// Mean of the positive weights of the labeled instances.
pub(super) fn mean_weight_of(data: &EnsembleData) -> f64 {
    data.sample_weights().map_or(1.0, |weights| mean_weight(data.labeled().iter().map(|&i| weights[i])))
}

/// The folds that occur, ascending.
pub(super) fn fold_names(folds: &[usize]) -> Vec<usize> {
    let mut names = folds.to_vec();
    names.sort_unstable();
    names.dedup();
    names
}
