//! What is fitted for one class against all others.

use cfe_core::Result;
use cfe_core::losses::logit;
use ndarray::ArrayView2;

use crate::baselines::FittedBaseline;
use crate::saved::SavedModel;

/// Probabilities of baselines are kept this far from 0 and 1 before their log-odds are taken.
const CLIP: f64 = 1e-9;

/// The fitted binary problem of one class.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Binary {
    /// From a trainer; it can be kept in a file.
    Trained(Box<SavedModel>),
    /// A simple combiner of these classifiers.
    Baseline(Vec<String>, FittedBaseline),
}

impl Binary {
    /// The classifiers that it combines.
    pub(super) fn classifier_names(&self) -> &[String] {
        match self {
            Binary::Trained(model) => model.classifier_names(),
            Binary::Baseline(names, _) => names,
        }
    }

    /// Log-odds of the class, class weights undone, for R (its classifiers x n).
    pub(super) fn log_odds(&self, r: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
        match self {
            Binary::Trained(model) => {
                let (logits, shift, _) = model.combiner.logits(r)?;
                Ok(logits.into_iter().map(|z| z - shift).collect())
            }
            Binary::Baseline(_, fitted) => log_odds_of(fitted, r),
        }
    }

    /// Probabilities of the class for R, as the binary model gives them.
    pub(super) fn probabilities(&self, r: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
        match self {
            Binary::Trained(model) => Ok(model.predict(r)?.probabilities),
            Binary::Baseline(_, fitted) => fitted.predict(r),
        }
    }
}

pub(super) fn log_odds_of(fitted: &FittedBaseline, r: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
    Ok(fitted.predict(r)?.into_iter().map(|p| logit(p, CLIP)).collect())
}
