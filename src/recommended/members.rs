//! The members: every combination of family, prior direction and strength, each a convex problem of its own.

use std::ops::Range;

use cfe_core::logistic::{LogisticFit, LogisticRegression, PreparedFeatures};
use cfe_core::losses::SupervisedLoss;
use cfe_core::{Error, Result};
use ndarray::{Array2, ArrayView2, Axis, Slice};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::spec::{RecommendedSpec, ShrinkTo};

/// Keeps every problem strictly convex: its minimum is then unique, and finite for separable classes.
const TINY_RIDGE: f64 = 1e-6;
/// KKT residual of the mean loss at which a member is done. Newton's method is quadratic: the step that reaches it leaves
/// an error far below it.
const TOLERANCE: f64 = 1e-5;
/// Ridge on the slope of a single column when its evidence is measured.
const GAIN_RIDGE: f64 = 1e-3;
/// Precision of that evidence, which only sets a prior direction.
const GAIN_TOLERANCE: f64 = 1e-4;

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
    fn of(&self, family: Family) -> ArrayView2<'_, f64> {
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
    fn total(&self, keep: impl Fn(usize) -> bool) -> f64 {
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

/// Members that share features and ridge.
#[derive(Clone, Copy)]
struct Group {
    family: Family,
    ridge: Option<f64>,
}

/// Prior power and shrinkage of the members of a group, in order.
type Grid = Vec<(f64, f64)>;

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

struct Problem<'a> {
    spec: &'a RecommendedSpec,
    features: &'a Features,
    targets: Targets<'a>,
}

impl Problem<'_> {
    /// One chain of warm starts for each group and prior power.
    fn full_fits(
        &self,
        groups: &[Group],
        grid: &Grid,
        chain: usize,
        gains: &[f64],
    ) -> Result<Vec<Vec<LogisticFit>>> {
        let total = self.targets.total(|_| true);
        let chains: Vec<(usize, usize)> = (0..groups.len())
            .rev()
            .flat_map(|g| (0..grid.len()).step_by(chain).map(move |start| (g, start)))
            .collect();
        let fitted: Vec<Vec<LogisticFit>> = chains
            .par_iter()
            .with_max_len(1)
            .map(|&(g, start)| {
                let data = self.prepare(groups[g].family, |_| true)?;
                let mut fits: Vec<LogisticFit> = Vec::with_capacity(chain);
                for &(power, shrinkage) in &grid[start..start + chain] {
                    let regression = self.regression(groups[g], power, shrinkage, gains, total);
                    fits.push(regression.fit_prepared(&data, fits.last())?);
                }
                Ok(fits)
            })
            .collect::<Result<_>>()?;
        let mut full = vec![Vec::new(); groups.len()];
        chains.iter().zip(fitted).for_each(|(&(g, _), fits)| full[g].extend(fits));
        Ok(full)
    }

    /// Logits of the instances that `hold` names, for each member of a group fitted without them.
    fn held_out(
        &self,
        group: Group,
        grid: &Grid,
        full: &[LogisticFit],
        gains: &[f64],
        hold: &(dyn Fn(usize) -> bool + Sync),
    ) -> Result<Vec<Vec<f64>>> {
        let total = self.targets.total(|i| !hold(i));
        let data = self.prepare(group.family, |i| !hold(i))?;
        let rows: Vec<usize> = (0..self.targets.labels.len()).filter(|&i| hold(i)).collect();
        let held = self.features.of(group.family).select(Axis(1), &rows);
        grid.iter()
            .zip(full)
            .map(|(&(power, shrinkage), start)| {
                let regression = self.regression(group, power, shrinkage, gains, total);
                regression.fit_prepared(&data, Some(start))?.logits(held.view())
            })
            .collect()
    }

    fn prepare(&self, family: Family, keep: impl Fn(usize) -> bool) -> Result<PreparedFeatures> {
        let Targets { labels, weights } = self.targets;
        PreparedFeatures::subset(self.features.of(family), labels, Some(weights), keep)
    }

    /// sum_i a_i l_i + (lambda / 2) (|w|^2 - (v . w)^2) + (ridge / 2) |u|^2, divided by the total weight as the solver
    /// takes the mean of the losses.
    fn regression(
        &self,
        group: Group,
        power: f64,
        shrinkage: f64,
        gains: &[f64],
        total: f64,
    ) -> LogisticRegression {
        let rows = self.features.of(group.family).nrows();
        let views = self.features.views_in(group.family);
        let mut factors = vec![group.ridge.unwrap_or(0.0) + TINY_RIDGE; rows];
        factors[views.clone()].fill(shrinkage + TINY_RIDGE);
        let mut unbounded = vec![true; rows];
        unbounded[views.clone()].fill(false);
        let free_direction = (self.spec.shrink_to == ShrinkTo::Equal).then(|| {
            let mut v: Vec<f64> = gains.iter().map(|g| g.powf(power)).collect();
            let length = v.iter().map(|v| v * v).sum::<f64>().sqrt().max(1e-12);
            v.iter_mut().for_each(|v| *v *= shrinkage.sqrt() / length);
            let mut direction = vec![0.0; rows];
            direction[views].copy_from_slice(&v);
            direction
        });
        LogisticRegression {
            lambda: 1.0 / total,
            penalty_factors: Some(factors),
            free_direction,
            non_negative: self.spec.non_negative,
            unbounded: Some(unbounded),
            tolerance: TOLERANCE,
            ..LogisticRegression::default()
        }
    }

    /// Log-likelihood that each column of the views gains alone over the constant, with a slope of at least 0; the
    /// largest is 1.
    fn gains(&self, keep: impl Fn(usize) -> bool + Sync) -> Result<Vec<f64>> {
        let Targets { labels, weights } = self.targets;
        let views = self.features.of(Family::Aggregator);
        if self.spec.prior_powers.iter().all(|&p| p == 0.0) {
            return Ok(vec![1.0; views.nrows()]);
        }
        let total = self.targets.total(&keep);
        let positive = self.targets.total(|i| keep(i) && labels[i]) / total;
        if !(positive > 0.0 && positive < 1.0) {
            let n = (0..labels.len()).filter(|&i| keep(i)).count();
            return Err(Error::SingleClass {
                n,
                class: if positive > 0.0 { "positive" } else { "negative" },
            });
        }
        let constant = -(positive * positive.ln() + (1.0 - positive) * (-positive).ln_1p());
        let regression = LogisticRegression {
            lambda: GAIN_RIDGE / total,
            non_negative: true,
            tolerance: GAIN_TOLERANCE,
            ..LogisticRegression::default()
        };
        let mut gains: Vec<f64> = (0..views.nrows())
            .into_par_iter()
            .map(|j| {
                let column = views.slice_axis(Axis(0), Slice::from(j..j + 1));
                let data = PreparedFeatures::subset(column, labels, Some(weights), &keep)?;
                let fit = regression.fit_prepared(&data, None)?;
                let penalty: f64 = fit.weights.iter().map(|w| 0.5 * regression.lambda * w * w).sum();
                Ok((constant - (fit.objective - penalty)).max(0.0))
            })
            .collect::<Result<_>>()?;
        let largest = gains.iter().fold(1e-12, |a: f64, &g| a.max(g));
        gains.iter_mut().for_each(|g| *g /= largest);
        Ok(gains)
    }
}

/// Weighted losses a_i l(y_i, z_i) (n).
pub(super) fn weighted_losses(targets: Targets<'_>, logits: &[f64]) -> Vec<f64> {
    let cells = targets.labels.iter().zip(targets.weights).zip(logits);
    cells.map(|((&y, a), &z)| a * SupervisedLoss::Bce.value(z, y)).collect()
}
