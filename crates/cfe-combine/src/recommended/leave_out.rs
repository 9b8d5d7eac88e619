//! What each classifier adds.

use cfe_core::validation::Interval;
use cfe_core::{EnsembleData, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::alone::Alone;
use super::{FittedRecommended, Recommended};
use crate::pipeline::{Stage, Watch};

/// What a classifier adds to the others, from [`Recommended::leave_one_out`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LeftOut {
    /// Name of the classifier.
    pub name: String,
    /// Cross-validated average precision with all classifiers less that without this one, with its bootstrap
    /// interval; positive where the classifier helps.
    pub average_precision_lost: Interval,
}

impl Recommended {
    /// Leaves each classifier out in turn, fits again, and compares cross-validated average precision.
    ///
    /// Not the whole average is fitted each time but the one member that weighs all classifiers and has the
    /// smallest cross-validated log loss. That takes a fraction of the time of the fit. Of more than 20,000
    /// labeled instances a stratified part is used. Sample weights count in fits and average precision alike.
    /// `folds` are those of
    /// [`fit_with_folds`](Self::fit_with_folds), `None` those of [`fit`](Self::fit). Empty where a class has
    /// too few instances for cross-validation, or there is a single classifier.
    ///
    /// ```
    /// use cf_ensemble::recommended::Recommended;
    /// use cf_ensemble::synthetic::Separable;
    ///
    /// let data = Separable::default().generate(1)?.data;
    /// let combiner = Recommended::default();
    /// let fitted = combiner.fit(&data)?;
    /// for left_out in combiner.leave_one_out(&data, &fitted, None)? {
    ///     println!("{}: {:+.3}", left_out.name, left_out.average_precision_lost.estimate);
    /// }
    /// # Ok::<(), cf_ensemble::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit_with_folds`](Self::fit_with_folds).
    pub fn leave_one_out(
        &self,
        data: &EnsembleData,
        fitted: &FittedRecommended,
        folds: Option<&[usize]>,
    ) -> Result<Vec<LeftOut>> {
        self.leave_one_out_watched(data, fitted, folds, &())
    }

    /// As [`leave_one_out`](Self::leave_one_out), watched: a step for each classifier, and a stop is asked
    /// for before every Newton step.
    ///
    /// # Errors
    /// As [`leave_one_out`](Self::leave_one_out), and [`Error::Stopped`](cfe_core::Error::Stopped).
    pub fn leave_one_out_watched(
        &self,
        data: &EnsembleData,
        fitted: &FittedRecommended,
        folds: Option<&[usize]>,
        watch: &dyn Watch,
    ) -> Result<Vec<LeftOut>> {
        let Some(alone) = Alone::new(&self.spec, data, fitted, folds)?.filter(|_| data.n_classifiers() > 1)
        else {
            return Ok(Vec::new());
        };
        let m = alone.data.n_classifiers();
        let stage = Stage::start(watch, "Leaving each classifier out", Some(m as u64 + 1));
        let all: Vec<usize> = (0..alone.labels.len()).collect();
        let scores: Vec<Vec<f64>> = (0..=m)
            .into_par_iter()
            .map(|u| {
                let kept: Vec<usize> = (0..m).filter(|&k| k != u).collect();
                let logits = alone.held_out(&all, &kept, watch)?;
                stage.step();
                Ok(logits)
            })
            .collect::<Result<_>>()?;
        let scores: Vec<&[f64]> = scores.iter().map(Vec::as_slice).collect();
        let weights = alone.data.sample_weights();
        let resampled = alone.bootstrap().average_precision_weighted(&alone.labels, weights, &scores)?;
        let left_out = |(u, name): (usize, &String)| {
            Ok(LeftOut { name: name.clone(), average_precision_lost: resampled.difference(m, u)? })
        };
        alone.data.classifier_names().iter().enumerate().map(left_out).collect()
    }
}
