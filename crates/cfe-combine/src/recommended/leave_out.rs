//! What each classifier adds.

use cfe_core::validation::{Bootstrap, Interval, StratifiedKFold};
use cfe_core::{EnsembleData, Result};
use ndarray::Axis;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::many::FEW;
use super::{Families, Family, FittedRecommended, MemberSummary, Recommended, RecommendedSpec};
use crate::pipeline::{Stage, Watch};

/// Labeled instances that are enough to tell what a classifier adds.
const ENOUGH: usize = 20_000;

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
    /// labeled instances a stratified part is used. `folds` are those of
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
        self.leave_out(data, fitted, folds, false, watch)
    }

    /// `weighted` is whether instances count by their weights in average precision, as those of a sample that
    /// holds more of the rarer class must.
    pub(crate) fn leave_out(
        &self,
        data: &EnsembleData,
        fitted: &FittedRecommended,
        folds: Option<&[usize]>,
        weighted: bool,
        watch: &dyn Watch,
    ) -> Result<Vec<LeftOut>> {
        // A mean says nothing of what it leaves out, and of many classifiers those that the other members see
        // are asked.
        let weighing =
            fitted.members.iter().filter(|m| !m.family.is_mean() && !m.family.is_of_many() && !m.of_gaps);
        let loss = |m: &MemberSummary| m.cv_log_loss.unwrap_or(f64::INFINITY);
        let best = weighing.reduce(|a, b| if loss(b) < loss(a) { b } else { a });
        let (Some(member), true) = (best, fitted.folds > 1 && data.n_classifiers() > 1) else {
            return Ok(Vec::new());
        };
        let alone = Self { spec: Box::new(single(&self.spec, member)) };
        let places = part(data, self.spec.seed)?;
        let rows: Vec<usize> = places.iter().map(|&p| data.labeled()[p]).collect();
        let data = data.select_instances(&rows)?;
        let labels = data.labeled_targets();
        let folds = match folds {
            Some(folds) => places.iter().filter_map(|&p| folds.get(p).copied()).collect(),
            None => {
                let folds = StratifiedKFold { n_splits: fitted.folds, seed: self.spec.seed };
                folds.assign(&labels)?.as_slice().to_vec()
            }
        };
        // Of many classifiers those that the member saw are asked; the others would have to be screened anew.
        let mut asked: Vec<usize> = fitted.model.columns.columns.iter().map(|c| c.classifier).collect();
        asked.sort_unstable();
        asked.dedup();
        let data = if data.n_classifiers() > FEW { select_classifiers(&data, &asked)? } else { data };
        let m = data.n_classifiers();
        let stage = Stage::start(watch, "Leaving each classifier out", Some(m as u64 + 1));
        let scores: Vec<Option<Vec<f64>>> = (0..=m)
            .into_par_iter()
            .map(|u| {
                let kept: Vec<usize> = (0..m).filter(|&k| k != u).collect();
                let data = select_classifiers(&data, &kept)?;
                let fitted = alone.fit_watched(&data, Some(&folds), &StopOnly(watch))?;
                stage.step();
                Ok(fitted.out_of_fold_logits)
            })
            .collect::<Result<_>>()?;
        // Without logits no classifier that is left says anything: every instance ties.
        let nothing = vec![0.0; labels.len()];
        let scores: Vec<&[f64]> = scores.iter().map(|s| s.as_deref().unwrap_or(&nothing)).collect();
        let bootstrap = Bootstrap { n_resamples: 500, seed: self.spec.seed, ..Bootstrap::default() };
        let weights = data.sample_weights().filter(|_| weighted);
        let resampled = bootstrap.average_precision_weighted(&labels, weights, &scores)?;
        let left_out = |(u, name): (usize, &String)| {
            Ok(LeftOut { name: name.clone(), average_precision_lost: resampled.difference(m, u)? })
        };
        data.classifier_names().iter().enumerate().map(left_out).collect()
    }
}

/// Hands on whether to stop, and keeps the progress of the parts of a larger work to itself.
struct StopOnly<'a>(&'a dyn Watch);

impl Watch for StopOnly<'_> {
    fn stop_asked(&self) -> bool {
        self.0.stop_asked()
    }
}

/// The spec of one member.
fn single(spec: &RecommendedSpec, member: &MemberSummary) -> RecommendedSpec {
    let is = |family| member.family == family;
    let to_zero = is(Family::Sparse) || is(Family::Signed);
    let ridge: Vec<f64> = member.ridge.into_iter().collect();
    RecommendedSpec {
        families: Families {
            aggregator: is(Family::Aggregator),
            sparse: is(Family::Sparse),
            signed: is(Family::Signed),
            low_rank: is(Family::LowRank),
            local: is(Family::Local),
            ..Families::NONE
        },
        shrinkage: if to_zero { spec.shrinkage.clone() } else { vec![member.shrinkage] },
        sparse_ridge: vec![member.shrinkage],
        signed_ridge: vec![member.shrinkage],
        prior_powers: vec![member.prior_power],
        low_rank_ridge: ridge.clone(),
        local_ridge: ridge,
        gaps_tell: false,
        ..spec.clone()
    }
}

/// Places of the labeled instances to use: all, or a stratified part.
fn part(data: &EnsembleData, seed: u64) -> Result<Vec<usize>> {
    let n = data.labeled().len();
    let n_splits = n.div_ceil(ENOUGH);
    if n_splits < 2 {
        return Ok((0..n).collect());
    }
    Ok(StratifiedKFold { n_splits, seed }.assign(&data.labeled_targets())?.test(0))
}

fn select_classifiers(data: &EnsembleData, kept: &[usize]) -> Result<EnsembleData> {
    let names = kept.iter().map(|&u| data.classifier_names()[u].clone()).collect();
    let matrix = data.predictions().select(Axis(0), kept);
    let selected = EnsembleData::new(matrix, data.labels().to_vec())?.with_classifier_names(names)?;
    match data.sample_weights() {
        Some(weights) => selected.with_sample_weights(weights.to_vec()),
        None => Ok(selected),
    }
}
