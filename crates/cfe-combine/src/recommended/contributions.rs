//! What each classifier adds to a logit.

use cfe_core::{Result, check_predictions};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::columns::Column;
use super::model::RecommendedModel;

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
        let gaps = self.gaps.as_deref();
        let slopes = self.slopes();
        let slopes_of_gaps = gaps.map(|gaps| gaps.model.slopes()).unwrap_or_default();
        let instances: Vec<(Vec<f64>, f64)> = (0..k)
            .into_par_iter()
            .with_min_len(64)
            .map(|i| {
                let mut of_classifiers = vec![0.0; m];
                let own_share = 1.0 - self.gap_share();
                let Some(mut rest) = self.add_parts(predictions, i, &slopes, own_share, &mut of_classifiers)
                else {
                    return (vec![0.0; m], self.nothing_logit());
                };
                if let Some(gaps) = gaps {
                    let told = gaps.model.add_parts(
                        predictions,
                        i,
                        &slopes_of_gaps,
                        gaps.share,
                        &mut of_classifiers,
                    );
                    rest += told.unwrap_or(0.0);
                }
                (of_classifiers, rest)
            })
            .collect();
        let mut classifiers = Array2::zeros((m, k));
        let mut rest = Vec::with_capacity(k);
        for (mut column, (of_classifiers, other)) in classifiers.columns_mut().into_iter().zip(instances) {
            column.iter_mut().zip(of_classifiers).for_each(|(to, from)| *to = from);
            rest.push(other);
        }
        Ok(Contributions { classifiers, rest })
    }

    /// What one unit of each standardized column adds.
    fn slopes(&self) -> Vec<f64> {
        let directions = &self.columns.directions;
        let columns = self.columns.columns.iter().zip(&self.view_weights).enumerate();
        let slope = |(j, (column, w)): (usize, (&Column, &f64))| {
            let factors = self.factor_weights.iter().enumerate();
            let through_factors: f64 = factors.map(|(d, u)| u * directions[(d, j)]).sum();
            w * column.ratio() + through_factors / self.columns.unit
        };
        columns.map(slope).collect()
    }

    /// Adds a share of what each classifier adds to the logit of instance `i`, and returns that of the rest;
    /// `None` if nothing is observed.
    fn add_parts(
        &self,
        predictions: ArrayView2<'_, f64>,
        i: usize,
        slopes: &[f64],
        share: f64,
        of_classifiers: &mut [f64],
    ) -> Option<f64> {
        let mut g = vec![0.0; self.columns.columns.len()];
        let mut observed = self.columns.standardize(predictions, i, &mut g);
        if let Some(wide) = &self.wide {
            let mut g = vec![0.0; wide.columns.columns.len()];
            observed |= wide.columns.standardize(predictions, i, &mut g);
            for ((column, slope), g) in wide.slopes().zip(&g) {
                of_classifiers[column.classifier] += share * slope * g;
            }
        }
        if !observed {
            return None;
        }
        for ((column, slope), g) in self.columns.columns.iter().zip(slopes).zip(&g) {
            of_classifiers[column.classifier] += share * slope * g;
        }
        let (_, local) = self.parts_of(&g);
        Some(share * (self.bias + local))
    }
}
