//! The members: every combination of family, prior direction and strength, each a convex problem of its own.

use std::ops::Range;

use cfe_core::Result;
use cfe_core::logistic::LogisticFit;
use cfe_core::losses::SupervisedLoss;
use ndarray::{Array2, ArrayView2, Axis, Slice};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::problem::{Group, Problem};
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
}

impl Family {
    /// Whether the factorization takes part.
    pub(super) fn is_correction(self) -> bool {
        matches!(self, Family::LowRank | Family::Local)
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
    pub(super) fn of(&self, family: Family) -> ArrayView2<'_, f64> {
        let (d, k) = (self.rank, self.views);
        let rows = match family {
            Family::Aggregator => d..d + k,
            Family::Selection => d..d + self.selectable(),
            Family::Signed => d..d + self.probabilities,
            Family::Sparse => d + self.probabilities..d + k,
            Family::LowRank => 0..d + k,
            Family::Local => d..self.stacked.nrows(),
        };
        self.stacked.slice_axis(Axis(0), Slice::from(rows))
    }

    /// Where views stand among the rows of a family; the others are its correction.
    pub(super) fn views_in(&self, family: Family) -> Range<usize> {
        match family {
            Family::Aggregator | Family::Local => 0..self.views,
            Family::Selection => 0..self.selectable(),
            Family::Signed => 0..self.probabilities,
            Family::Sparse => 0..self.views - self.probabilities,
            Family::LowRank => self.rank..self.rank + self.views,
        }
    }

    /// Which of the views these are, the first of them.
    pub(super) fn first_view(&self, family: Family) -> usize {
        if family == Family::Sparse { self.probabilities } else { 0 }
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
fn groups(spec: &RecommendedSpec, features: &Features, every: bool) -> Vec<Group> {
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
        groups.push(Group { family: Family::Aggregator, ridge: None, grid: grid.clone() });
    }
    if on.selection {
        groups.push(Group { family: Family::Selection, ridge: None, grid: vec![(0.0, 0.0)] });
    }
    for (on, family, ridges) in [
        (on.sparse && features.views > features.probabilities, Family::Sparse, &spec.sparse_ridge),
        (on.signed && features.probabilities > 0, Family::Signed, &spec.signed_ridge),
    ] {
        if on {
            let grid = strengths(ridges).into_iter().map(|ridge| (0.0, ridge)).collect();
            groups.push(Group { family, ridge: None, grid });
        }
    }
    for (on, family, ridges) in
        [(on.low_rank, Family::LowRank, &spec.low_rank_ridge), (on.local, Family::Local, &spec.local_ridge)]
    {
        let ridges = if on { strengths(ridges) } else { Vec::new() };
        let group = |ridge| Group { family, ridge: Some(ridge), grid: grid.clone() };
        groups.extend(ridges.into_iter().map(group));
    }
    groups
}

/// Fits every member on all instances and, given `folds`, on all but each fold.
///
/// Without folds there is nothing to choose by: the members with the strongest penalties alone are fitted.
pub(super) fn fit_members(
    spec: &RecommendedSpec,
    features: &Features,
    targets: Targets<'_>,
    folds: Option<&[usize]>,
    watch: &dyn Watch,
) -> Result<Vec<Member>> {
    let groups = groups(spec, features, folds.is_some());
    let problem = Problem { spec, features, targets, watch };
    let names = fold_names(folds.unwrap_or_default());
    let steps = groups.iter().map(|group| group.chains().count() + names.len()).sum::<usize>() as u64;
    let stage = Stage::start(watch, "Fitting", Some(steps));
    let held = |fold: Option<usize>, i: usize| folds.is_some_and(|f| fold == Some(f[i]));
    // Evidence of the columns on all instances, then without each fold.
    let gains: Vec<Vec<f64>> = [None]
        .into_iter()
        .chain(names.iter().copied().map(Some))
        .map(|fold| problem.gains(|i| !held(fold, i)))
        .collect::<Result<_>>()?;

    let full = problem.full_fits(&groups, &gains[0], &|| stage.step())?;
    // The largest problems first, so that no thread is left with one at the end.
    let jobs: Vec<(usize, usize)> =
        (0..groups.len()).rev().flat_map(|g| (0..names.len()).map(move |f| (g, f))).collect();
    let held_out: Vec<Vec<Vec<f64>>> = jobs
        .par_iter()
        .with_max_len(1)
        .map(|&(g, f)| {
            let hold = |i: usize| held(Some(names[f]), i);
            let logits = problem.held_out(&groups[g], &full[g], &gains[f + 1], &hold)?;
            stage.step();
            Ok(logits)
        })
        .collect::<Result<_>>()?;

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
