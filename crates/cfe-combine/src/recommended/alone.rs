//! The one member that weighs all classifiers and does best, fitted alone: what questions about classifiers
//! and labels are put to, at a fraction of the time of the whole average.

use cfe_core::validation::{Bootstrap, StratifiedKFold};
use cfe_core::{EnsembleData, Error, Result};
use ndarray::Axis;

use super::many::FEW;
use super::{Families, Family, FittedRecommended, MemberSummary, Recommended, RecommendedSpec};
use crate::pipeline::Watch;

/// Labeled instances that are enough to tell what a classifier adds.
const ENOUGH: usize = 20_000;

/// A combiner of one member, and the instances that it is asked about.
pub(super) struct Alone {
    combiner: Recommended,
    /// The labeled instances of positive weight, at most [`ENOUGH`]; of many classifiers those that the
    /// member saw.
    pub data: EnsembleData,
    /// Labels of the instances.
    pub labels: Vec<bool>,
    /// The fold of each instance.
    pub folds: Vec<usize>,
}

impl Alone {
    /// `None` where a class has too few instances for cross-validation, or no member weighs all classifiers.
    pub(super) fn new(
        spec: &RecommendedSpec,
        data: &EnsembleData,
        fitted: &FittedRecommended,
        folds: Option<&[usize]>,
    ) -> Result<Option<Self>> {
        let expected = data.labeled().len();
        if let Some(found) = folds.map(<[usize]>::len).filter(|&found| found != expected) {
            return Err(Error::LengthMismatch { what: "folds", found, expected });
        }
        // A mean says nothing of what it leaves out, and of many classifiers those that the other members see
        // are asked.
        let weighing =
            fitted.members.iter().filter(|m| !m.family.is_mean() && !m.family.is_of_many() && !m.of_gaps);
        let loss = |m: &MemberSummary| m.cv_log_loss.unwrap_or(f64::INFINITY);
        let best = weighing.reduce(|a, b| if loss(b) < loss(a) { b } else { a });
        let (Some(member), true) = (best, fitted.folds > 1) else { return Ok(None) };
        let places = part(data, spec.seed)?;
        let rows: Vec<usize> = places.iter().map(|&p| data.labeled()[p]).collect();
        let data = data.select_instances(&rows)?;
        let labels = data.labeled_targets();
        let folds = match folds {
            Some(folds) => places.iter().map(|&p| folds[p]).collect(),
            None => {
                let folds = StratifiedKFold { n_splits: fitted.folds, seed: spec.seed };
                folds.assign(&labels)?.as_slice().to_vec()
            }
        };
        // Of many classifiers those that the member saw are asked; the others would have to be screened anew.
        let mut asked: Vec<usize> = fitted.model.columns.columns.iter().map(|c| c.classifier).collect();
        asked.sort_unstable();
        asked.dedup();
        let data = if data.n_classifiers() > FEW { select_classifiers(&data, &asked)? } else { data };
        let combiner = Recommended { spec: Box::new(single(spec, member)) };
        Ok(Some(Self { combiner, data, labels, folds }))
    }

    /// How average precision is compared. The questions are many, and 500 resamples tell what a member does.
    pub(super) fn bootstrap(&self) -> Bootstrap {
        Bootstrap { n_resamples: 500, seed: self.combiner.spec.seed, ..Bootstrap::default() }
    }

    /// Held-out logits of some of the instances, from fits to the others of them and some of the classifiers.
    pub(super) fn held_out(
        &self,
        instances: &[usize],
        classifiers: &[usize],
        watch: &dyn Watch,
    ) -> Result<Vec<f64>> {
        let data = select_classifiers(&self.data, classifiers)?.select_instances(instances)?;
        let folds: Vec<usize> = instances.iter().map(|&i| self.folds[i]).collect();
        let fitted = self.combiner.fit_watched(&data, Some(&folds), &StopOnly(watch))?;
        // Without logits no classifier that is left says anything: every instance ties.
        Ok(fitted.out_of_fold_logits.unwrap_or_else(|| vec![0.0; instances.len()]))
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

/// Places of the labeled instances to use: all that weigh something, or a stratified part of them.
fn part(data: &EnsembleData, seed: u64) -> Result<Vec<usize>> {
    let (labels, labeled) = (data.labeled_targets(), data.labeled());
    let counts = |p: &usize| data.sample_weights().is_none_or(|weights| weights[labeled[*p]] > 0.0);
    let places: Vec<usize> = (0..labels.len()).filter(counts).collect();
    let n_splits = places.len().div_ceil(ENOUGH);
    if n_splits < 2 {
        return Ok(places);
    }
    let labels: Vec<bool> = places.iter().map(|&p| labels[p]).collect();
    let kept = StratifiedKFold { n_splits, seed }.assign(&labels)?.test(0);
    Ok(kept.into_iter().map(|k| places[k]).collect())
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
