//! The members: every combination of family, prior direction and strength, each a convex problem of its own.

use std::ops::Range;

use cfe_core::Result;
use cfe_core::logistic::LogisticFit;
use cfe_core::losses::SupervisedLoss;
use ndarray::{Array2, ArrayView2, Axis, Slice};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::problem::{Grid, Group, Problem};
use super::spec::RecommendedSpec;

/// What the factorisation contributes to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Family {
    /// Nothing: the aggregator alone.
    Aggregator,
    /// A correction linear in the instance factors.
    LowRank,
    /// A correction local in the space of the instance factors.
    Local,
}

/// Features of the labeled instances, one row each: factors Y (d), views F (k), local features (r). Each family is a
/// range of rows.
pub(super) struct Features {
    pub stacked: Array2<f64>,
    pub rank: usize,
    pub views: usize,
}

impl Features {
    /// The rows of a family.
    pub fn of(&self, family: Family) -> ArrayView2<'_, f64> {
        let (d, k) = (self.rank, self.views);
        let rows = match family {
            Family::Aggregator => d..d + k,
            Family::LowRank => 0..d + k,
            Family::Local => d..self.stacked.nrows(),
        };
        self.stacked.slice_axis(Axis(0), Slice::from(rows))
    }

    /// Where the views stand among the rows of a family; the others are its correction.
    pub fn views_in(&self, family: Family) -> Range<usize> {
        match family {
            Family::Aggregator | Family::Local => 0..self.views,
            Family::LowRank => self.rank..self.rank + self.views,
        }
    }
}

/// What is learnt from: labels and weights of the labeled instances.
#[derive(Clone, Copy)]
pub(super) struct Targets<'a> {
    pub labels: &'a [bool],
    pub weights: &'a [f64],
}

impl Targets<'_> {
    pub fn total(&self, keep: impl Fn(usize) -> bool) -> f64 {
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

/// Fits every member on all instances and, given `folds`, on all but each fold.
///
/// Without folds there is nothing to choose by: the members with the strongest penalties alone are fitted.
pub(super) fn fit_members(
    spec: &RecommendedSpec,
    features: &Features,
    targets: Targets<'_>,
    folds: Option<&[usize]>,
) -> Result<Vec<Member>> {
    let strongest = |list: &[f64]| match folds {
        Some(_) => list.to_vec(),
        None => list.iter().copied().reduce(f64::max).into_iter().collect(),
    };
    let mut groups = Vec::new();
    if spec.families.aggregator {
        groups.push(Group { family: Family::Aggregator, ridge: None });
    }
    for (on, family, ridges) in [
        (spec.families.low_rank, Family::LowRank, &spec.low_rank_ridge),
        (spec.families.local, Family::Local, &spec.local_ridge),
    ] {
        let ridges = if on { strongest(ridges) } else { Vec::new() };
        groups.extend(ridges.into_iter().map(|ridge| Group { family, ridge: Some(ridge) }));
    }
    let shrinkage = strongest(&spec.shrinkage);
    let grid: Grid = spec.prior_powers.iter().flat_map(|&p| shrinkage.iter().map(move |&l| (p, l))).collect();

    let problem = Problem { spec, features, targets };
    let names = fold_names(folds.unwrap_or_default());
    let held = |fold: Option<usize>, i: usize| folds.is_some_and(|f| fold == Some(f[i]));
    // Evidence of the columns on all instances, then without each fold.
    let gains: Vec<Vec<f64>> = [None]
        .into_iter()
        .chain(names.iter().copied().map(Some))
        .map(|fold| problem.gains(|i| !held(fold, i)))
        .collect::<Result<_>>()?;

    let full = problem.full_fits(&groups, &grid, shrinkage.len(), &gains[0])?;
    // The largest problems first, so that no thread is left with one at the end.
    let jobs: Vec<(usize, usize)> =
        (0..groups.len()).rev().flat_map(|g| (0..names.len()).map(move |f| (g, f))).collect();
    let held_out: Vec<Vec<Vec<f64>>> = jobs
        .par_iter()
        .with_max_len(1)
        .map(|&(g, f)| {
            let hold = |i: usize| held(Some(names[f]), i);
            problem.held_out(groups[g], &grid, &full[g], &gains[f + 1], &hold)
        })
        .collect::<Result<_>>()?;

    let mut logits = vec![vec![vec![0.0; targets.labels.len()]; grid.len()]; groups.len()];
    for (&(g, f), parts) in jobs.iter().zip(&held_out) {
        let rows: Vec<usize> = (0..targets.labels.len()).filter(|&i| held(Some(names[f]), i)).collect();
        for (all, part) in logits[g].iter_mut().zip(parts) {
            rows.iter().zip(part).for_each(|(&i, &z)| all[i] = z);
        }
    }
    let mut members = Vec::with_capacity(groups.len() * grid.len());
    for ((group, fits), logits) in groups.iter().zip(full).zip(logits) {
        for ((&(prior_power, shrinkage), fit), z) in grid.iter().zip(fits).zip(logits) {
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
