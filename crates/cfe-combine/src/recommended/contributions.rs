//! What each classifier adds to a logit.

use cfe_core::{Result, check_predictions};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis, Slice};
use rayon::prelude::*;

use super::columns::{Column, Standardized};
use super::model::{RUN, RecommendedModel};

/// A logit in parts: the sum over the classifiers and the rest.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Contributions {
    /// What each classifier adds to the logit of each instance (m x k). Where a prediction is missing, what
    /// the value adds that it was filled in with.
    pub classifiers: Array2<f64>,
    /// The intercept and the local correction, which belong to no classifier alone (k).
    pub rest: Vec<f64>,
}

impl Contributions {
    /// For other combiners than the recommended one.
    pub fn new(classifiers: Array2<f64>, rest: Vec<f64>) -> Self {
        Self { classifiers, rest }
    }
}

impl RecommendedModel {
    /// The logits of R (m x k) in parts. The linear part of the logit is a sum over the standardized columns,
    /// and so over the classifiers; the correction by the factors is linear in the same columns and is
    /// counted in.
    ///
    /// ```
    /// use cf_ensemble::recommended::{Recommended, RecommendedSpec};
    /// use cf_ensemble::synthetic::Separable;
    ///
    /// let data = Separable::default().generate(1)?.data;
    /// let model = Recommended::try_from(RecommendedSpec::default())?.fit(&data)?.model;
    /// let parts = model.contributions(data.predictions())?;
    /// let logits = model.predict(data.predictions())?.logits;
    /// for (i, z) in logits.iter().enumerate() {
    ///     assert!((parts.classifiers.column(i).sum() + parts.rest[i] - z).abs() < 1e-9 * (1.0 + z.abs()));
    /// }
    /// # Ok::<(), cf_ensemble::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub fn contributions(&self, predictions: ArrayView2<'_, f64>) -> Result<Contributions> {
        self.validate()?;
        check_predictions(&self.classifier_names, predictions)?;
        let (m, k) = predictions.dim();
        let all: Vec<usize> = (0..k).collect();
        let runs: Vec<(Array2<f64>, Vec<f64>)> =
            all.par_chunks(RUN).map(|run| self.contributions_of(predictions, run)).collect();
        let mut classifiers = Array2::zeros((m, k));
        let mut rest = Vec::with_capacity(k);
        for (of_classifiers, other) in runs {
            let at = rest.len()..rest.len() + other.len();
            classifiers.slice_axis_mut(Axis(1), Slice::from(at)).assign(&of_classifiers);
            rest.extend(other);
        }
        Ok(Contributions { classifiers, rest })
    }

    /// What each classifier adds to the logits of a run of instances (m x run), and the rest.
    fn contributions_of(&self, predictions: ArrayView2<'_, f64>, run: &[usize]) -> (Array2<f64>, Vec<f64>) {
        let mut of_classifiers = Array2::zeros((predictions.nrows(), run.len()));
        let mut rest = vec![0.0; run.len()];
        let observed =
            self.add_parts(predictions, run, 1.0 - self.gap_share(), &mut of_classifiers, &mut rest);
        if let Some(gaps) = self.gaps.as_deref() {
            gaps.model.add_parts(predictions, run, gaps.share, &mut of_classifiers, &mut rest);
        }
        for (t, _) in observed.iter().enumerate().filter(|(_, observed)| !**observed) {
            of_classifiers.column_mut(t).fill(0.0);
            rest[t] = self.nothing_logit();
        }
        (of_classifiers, rest)
    }

    /// Adds a share of what each classifier adds to the logits of a run of instances, and that of the rest;
    /// tells of which instances anything is observed.
    fn add_parts(
        &self,
        predictions: ArrayView2<'_, f64>,
        run: &[usize],
        share: f64,
        of_classifiers: &mut Array2<f64>,
        rest: &mut [f64],
    ) -> Vec<bool> {
        let mut add = |column: &Column, slope: f64, g: ArrayView1<'_, f64>| {
            of_classifiers.row_mut(column.classifier).scaled_add(share * slope, &g);
        };
        let Standardized { g, mut observed } = self.columns.standardize(predictions, run);
        for ((column, slope), g) in self.columns.columns.iter().zip(self.slopes()).zip(g.rows()) {
            add(column, slope, g);
        }
        if let Some(wide) = &self.wide {
            let of_wide = wide.columns.standardize(predictions, run);
            observed.iter_mut().zip(of_wide.observed).for_each(|(any, other)| *any |= other);
            wide.slopes().zip(of_wide.g.rows()).for_each(|((column, slope), g)| add(column, slope, g));
        }
        let local = self.local_parts(&g);
        rest.iter_mut().zip(local).for_each(|(rest, local)| *rest += share * (self.bias + local));
        observed
    }
}
