//! The members: every combination of family, prior direction and strength, each a convex problem of its own.

use std::ops::Range;

use cfe_core::Result;
use cfe_core::logistic::LogisticFit;
use cfe_core::losses::SupervisedLoss;
use ndarray::{Array2, ArrayView2, Axis, Slice};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::problem::{MemberGroup, Problem};
use super::spec::RecommendedSpec;
use crate::pipeline::{Stage, Watch};

/// What a member is: four ways to weigh the classifiers, and two to correct them by the factorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Family {
    /// The aggregator alone: weights on both views, pulled to a prior direction.
    Aggregator,
    /// The aggregator with all its weight on the few best classifiers.
    Selection,
    /// The aggregator with weights on the log-odds alone, pulled to zero.
    Sparse,
    /// The aggregator with weights of either sign on the probabilities, pulled to zero.
    Signed,
    /// A correction linear in the instance factors.
    LowRank,
    /// A correction local in the space of the instance factors.
    Local,
    /// The calibrated mean of the log-odds (of the probabilities without that view).
    Equal,
    /// Greedy selection on bags of the instances, of many classifiers.
    Bagged,
    /// Shrunken weights on the log-odds of many classifiers.
    Ridge,
}

impl Family {
    /// Whether its weight in the average has to be earned against the families that are averaged alike.
    pub(super) fn must_earn(self) -> bool {
        matches!(self, Family::LowRank | Family::Local | Family::Equal)
    }

    /// Whether it is fitted to more columns than the others, and of many classifiers alone.
    pub(super) fn is_of_many(self) -> bool {
        matches!(self, Family::Bagged | Family::Ridge)
    }

    /// Whether a member is one slope on a mean that is chosen beforehand.
    pub(super) fn is_mean(self) -> bool {
        matches!(self, Family::Selection | Family::Equal | Family::Bagged)
    }
}

/// Features of the labeled instances, one row each: factors Y (d), views F (k), local features (r). Each
/// family is a range of rows.
pub(super) struct Features {
    pub stacked: Array2<f64>,
    pub rank: usize,
    pub views: usize,
    /// Those of the views that are probabilities; they come first.
    pub probabilities: usize,
    /// What each of the views was divided by (k).
    pub scales: Vec<f64>,
}

impl Features {
    /// The rows of a family.
    // Factors stand before the views and local features behind them, so that both corrections are one range.
    pub(super) fn of(&self, family: Family) -> ArrayView2<'_, f64> {
        let (d, k) = (self.rank, self.views);
        let rows = match family {
            Family::Aggregator => d..d + k,
            Family::Selection | Family::Bagged => d..d + self.selectable(),
            Family::Signed => d..d + self.probabilities,
            Family::Sparse | Family::Equal | Family::Ridge => d + self.first_view(family)..d + k,
            Family::LowRank => 0..d + k,
            Family::Local => d..self.stacked.nrows(),
        };
        self.stacked.slice_axis(Axis(0), Slice::from(rows))
    }

    /// Where views stand among the rows of a family; the others are its correction.
    pub(super) fn views_in(&self, family: Family) -> Range<usize> {
        match family {
            Family::Aggregator | Family::Local => 0..self.views,
            Family::Selection | Family::Bagged => 0..self.selectable(),
            Family::Signed => 0..self.probabilities,
            Family::Sparse | Family::Equal | Family::Ridge => 0..self.views - self.first_view(family),
            Family::LowRank => self.rank..self.rank + self.views,
        }
    }

    /// Which of the views these are, the first of them.
    pub(super) fn first_view(&self, family: Family) -> usize {
        match family {
            Family::Sparse | Family::Equal | Family::Ridge if self.views > self.probabilities => {
                self.probabilities
            }
            _ => 0,
        }
    }

    /// One column for each classifier: probabilities, or log-odds without them.
    fn selectable(&self) -> usize {
        if self.probabilities > 0 { self.probabilities } else { self.views }
    }
}

/// What is learned from: labels and weights of the labeled instances.
#[derive(Clone, Copy)]
pub(super) struct Targets<'a> {
    pub labels: &'a [bool],
    pub weights: &'a [f64],
}

impl Targets<'_> {
    pub(super) fn total(&self, keep: impl Fn(usize) -> bool) -> f64 {
        (0..self.weights.len()).filter(|&i| keep(i)).map(|i| self.weights[i]).sum()
    }
}

/// One fitted member.
pub(super) struct Member {
    pub family: Family,
    pub prior_power: f64,
    pub shrinkage: f64,
    pub ridge: Option<f64>,
    pub fit: LogisticFit,
    /// Logits of the instances from the fit that did not see them.
    pub held_out: Option<Vec<f64>>,
}

/// The groups of a spec: all members, or without `every` those with the strongest penalties alone.
fn groups(spec: &RecommendedSpec, features: &Features, every: bool) -> Vec<MemberGroup> {
    // Without folds nothing tells the members apart, and the most shrunken ones are the safest.
    let strengths = |list: &[f64]| match every {
        true => list.to_vec(),
        false => list.iter().copied().reduce(f64::max).into_iter().collect(),
    };
    let shrinkage = strengths(&spec.shrinkage);
    let grid: Vec<(f64, f64)> =
        spec.prior_powers.iter().flat_map(|&p| shrinkage.iter().map(move |&l| (p, l))).collect();
    let on = spec.families;
    let mut groups = Vec::new();
    if on.aggregator {
        groups.push(MemberGroup { family: Family::Aggregator, ridge: None, grid: grid.clone() });
    }
    // A mean is chosen beforehand and only calibrated: it has nothing to shrink.
    for (on, family) in
        [(on.selection, Family::Selection), (on.equal, Family::Equal), (on.bagged, Family::Bagged)]
    {
        if on {
            groups.push(MemberGroup { family, ridge: None, grid: vec![(0.0, 0.0)] });
        }
    }
    // Families of one view, each with a grid of ridges alone.
    for (on, family, ridges) in [
        (on.sparse && features.views > features.probabilities, Family::Sparse, &spec.sparse_ridge),
        (on.signed && features.probabilities > 0, Family::Signed, &spec.signed_ridge),
        (on.ridge, Family::Ridge, &spec.many_ridge),
    ] {
        if on {
            let grid = strengths(ridges).into_iter().map(|ridge| (0.0, ridge)).collect();
            groups.push(MemberGroup { family, ridge: None, grid });
        }
    }
    // A correction has the aggregator's whole grid under each of its own ridges.
    for (on, family, ridges) in
        [(on.low_rank, Family::LowRank, &spec.low_rank_ridge), (on.local, Family::Local, &spec.local_ridge)]
    {
        let ridges = if on { strengths(ridges) } else { Vec::new() };
        let group = |ridge| MemberGroup { family, ridge: Some(ridge), grid: grid.clone() };
        groups.extend(ridges.into_iter().map(group));
    }
    groups
}

/// What members are fitted to: the features of all labeled instances, and those whose columns were chosen
/// without the labels of each fold, where columns are chosen.
pub(super) struct FeatureSets {
    pub all: Features,
    /// In the order of [`fold_names`]; empty where every fold has the columns of `all`.
    pub without_fold: Vec<Features>,
}

/// Fits every member on all instances and, given `folds`, on all but each fold.
///
/// Without folds there is nothing to choose by: the members with the strongest penalties alone are fitted.
pub(super) fn fit_members(
    spec: &RecommendedSpec,
    sets: &FeatureSets,
    targets: Targets<'_>,
    folds: Option<&[usize]>,
    watch: &dyn Watch,
) -> Result<Vec<Member>> {
    let features = &sets.all;
    // The plan: groups of members that share features and ridge, and the number of fits that are announced.
    let groups = groups(spec, features, folds.is_some());
    let problem = Problem { spec, features, targets, watch };
    let names = fold_names(folds.unwrap_or_default());
    let without = |f: usize| sets.without_fold.get(f).unwrap_or(features);
    let steps = groups.iter().map(|group| group.chains().count() + names.len()).sum::<usize>() as u64;
    let stage = Stage::start(watch, "Fitting", Some(steps));
    let held = |fold: Option<usize>, i: usize| folds.is_some_and(|f| fold == Some(f[i]));
    // Evidence of the columns on all instances, then without each fold.
    let gains = problem.gains(|_| true)?;
    let full = problem.full_fits(&groups, &gains, &|| stage.step())?;
    // A prior direction by evidence must not have seen the labels that it is judged by.
    let gains_without: Vec<Vec<f64>> = (0..names.len())
        .map(|f| Problem { features: without(f), ..problem }.gains(|i| !held(Some(names[f]), i)))
        .collect::<Result<_>>()?;
    // The largest problems first, so that no thread is left with one at the end.
    let jobs: Vec<(usize, usize)> =
        (0..groups.len()).rev().flat_map(|g| (0..names.len()).map(move |f| (g, f))).collect();
    let held_out: Vec<Vec<Vec<f64>>> = jobs
        .par_iter()
        .with_max_len(1)
        .map(|&(g, f)| {
            let hold = |i: usize| held(Some(names[f]), i);
            let problem = Problem { features: without(f), ..problem };
            // Columns that were screened without a fold are others, and the weights of the full fit say
            // nothing there.
            let start = sets.without_fold.is_empty().then_some(full[g].as_slice());
            let logits = problem.held_out(&groups[g], start, &gains_without[f], &hold)?;
            stage.step();
            Ok(logits)
        })
        .collect::<Result<_>>()?;

    // The held-out logits of each member are put together from the folds.
    let zeros = vec![0.0; targets.labels.len()];
    let mut logits: Vec<Vec<Vec<f64>>> = groups.iter().map(|g| vec![zeros.clone(); g.grid.len()]).collect();
    for (&(g, f), parts) in jobs.iter().zip(&held_out) {
        let rows: Vec<usize> = (0..targets.labels.len()).filter(|&i| held(Some(names[f]), i)).collect();
        for (all, part) in logits[g].iter_mut().zip(parts) {
            rows.iter().zip(part).for_each(|(&i, &z)| all[i] = z);
        }
    }
    let mut members = Vec::new();
    for ((group, fits), logits) in groups.iter().zip(full).zip(logits) {
        for ((&(prior_power, shrinkage), fit), z) in group.grid.iter().zip(fits).zip(logits) {
            members.push(Member {
                family: group.family,
                prior_power,
                shrinkage,
                ridge: group.ridge,
                fit,
                held_out: folds.map(|_| z),
            });
        }
    }
    Ok(members)
}

/// The folds that occur, ascending.
pub(super) fn fold_names(folds: &[usize]) -> Vec<usize> {
    let mut names = folds.to_vec();
    names.sort_unstable();
    names.dedup();
    names
}

/// Weighted losses a_i l(y_i, z_i) (n).
pub(super) fn weighted_losses(targets: Targets<'_>, logits: &[f64]) -> Vec<f64> {
    let cells = targets.labels.iter().zip(targets.weights).zip(logits);
    cells.map(|((&y, a), &z)| a * SupervisedLoss::Bce.value(z, y)).collect()
}
