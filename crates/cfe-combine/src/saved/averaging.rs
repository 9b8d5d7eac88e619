//! A simple combiner as a saved model.

use cfe_core::losses::logit;
use cfe_core::{EnsembleData, Error, Result};
use ndarray::ArrayView2;

use crate::baselines::{Baseline, FittedBaseline};

/// Kind of the file of a [`BaselineModel`].
pub const BASELINE_KIND: &str = "cf-ensemble-baseline";

/// A simple combiner that takes the place of a learned one, as `--fallback mean` asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct BaselineModel {
    classifier_names: Vec<String>,
    fitted: FittedBaseline,
}

impl BaselineModel {
    /// Fits a baseline whose scores are probabilities to the labeled instances of `data`.
    ///
    /// # Errors
    /// As [`Baseline::fit`]; [`Error::InvalidParameter`] for ranks, which no instance has by itself.
    pub fn fit(baseline: Baseline, data: &EnsembleData) -> Result<Self> {
        let fitted = baseline.fit(data)?;
        Self::new(data.classifier_names().to_vec(), fitted)
    }

    pub(super) fn new(classifier_names: Vec<String>, fitted: FittedBaseline) -> Result<Self> {
        fitted.validate(classifier_names.len())?;
        if !fitted.is_probability() {
            let name = fitted.baseline().name();
            return Err(Error::parameter(
                "baseline",
                name,
                "one whose scores are probabilities, such as mean",
            ));
        }
        Ok(Self { classifier_names, fitted })
    }

    /// Which one it is.
    pub fn baseline(&self) -> Baseline {
        self.fitted.baseline()
    }

    /// Names of the classifiers (m).
    pub fn classifier_names(&self) -> &[String] {
        &self.classifier_names
    }

    /// Weight of each classifier (m), for baselines that have one.
    pub fn weights(&self) -> Option<&[f64]> {
        self.fitted.weights()
    }

    pub(super) fn fitted(&self) -> &FittedBaseline {
        &self.fitted
    }

    /// Log-odds of the scores (k) of R (m x k, NaN = missing), each instance by itself.
    ///
    /// # Errors
    /// As [`FittedBaseline::predict`].
    pub fn logits(&self, r: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
        // The smallest clip that keeps log-odds finite, so that hardly any scores tie that did not before.
        Ok(self.fitted.predict(r)?.into_iter().map(|p| logit(p, f64::EPSILON)).collect())
    }
}
