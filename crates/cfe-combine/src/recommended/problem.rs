//! The convex problem of one member, and the fits of many.

use cfe_core::Result;
use cfe_core::logistic::{LogisticFit, LogisticRegression, PreparedFeatures, SharedCurvature};
use cfe_core::metrics::AveragePrecision;
use ndarray::{Array1, Array2, ArrayView1, Axis, Slice};
use rayon::prelude::*;

use super::evidence::evidence;
use super::family::Family;
use super::features::Features;
use super::greedy::bagged_shares;
use super::groups::MemberGroup;
use super::spec::{RecommendedSpec, ShrinkTo};
use super::targets::Targets;
use crate::pipeline::Watch;

/// Keeps every problem strictly convex, so that its minimum is unique.
const TINY_RIDGE: f64 = 1e-6;
/// A member is done when a step would gain less log-likelihood: its weights are then within about a hundredth
/// of a percent of their posterior standard deviation.
const PRECISION: f64 = 1e-8;
/// Precision of the evidence of a column, which only sets a prior direction.
const GAIN_PRECISION: f64 = 1e-6;

#[derive(Clone, Copy)]
pub(super) struct Problem<'a> {
    pub spec: &'a RecommendedSpec,
    pub features: &'a Features,
    pub targets: Targets<'a>,
    pub watch: &'a dyn Watch,
}

impl Problem<'_> {
    /// One chain of warm starts for each group and prior power.
    pub(super) fn full_fits(
        &self,
        groups: &[MemberGroup],
        gains: &[f64],
        done: &(dyn Fn() + Sync),
    ) -> Result<Vec<Vec<LogisticFit>>> {
        let total = self.targets.total(|_| true);
        // The largest problems first, so that no thread is left with one at the end.
        let chains: Vec<(usize, &[(f64, f64)])> =
            (0..groups.len()).rev().flat_map(|g| groups[g].chains().map(move |chain| (g, chain))).collect();
        let fitted: Vec<Vec<LogisticFit>> = chains
            .par_iter()
            .with_max_len(1)
            .map(|&(g, chain)| {
                if groups[g].family.is_mean() {
                    let fit = self.mean(groups[g].family, |_| true)?;
                    done();
                    return Ok(vec![fit]);
                }
                // Along a chain only the shrinkage changes, so each fit starts from the one before, with its
                // curvature.
                let data = self.prepare(groups[g].family, |_| true)?;
                let mut curvature = SharedCurvature::default();
                let mut fits: Vec<LogisticFit> = Vec::with_capacity(chain.len());
                for &(power, shrinkage) in chain {
                    let regression = self.regression(&groups[g], power, shrinkage, gains, total);
                    fits.push(self.solve(&regression, &data, fits.last(), &mut curvature, PRECISION)?);
                }
                done();
                Ok(fits)
            })
            .collect::<Result<_>>()?;
        let mut full = vec![Vec::new(); groups.len()];
        chains.iter().zip(fitted).for_each(|(&(g, _), fits)| full[g].extend(fits));
        Ok(full)
    }

    /// Logits of the instances that `hold` names, for each member of a group fitted without them. `full` are
    /// the fits with them, to start from, where those have the same columns.
    pub(super) fn held_out(
        &self,
        group: &MemberGroup,
        full: Option<&[LogisticFit]>,
        gains: &[f64],
        hold: &(dyn Fn(usize) -> bool + Sync),
    ) -> Result<Vec<Vec<f64>>> {
        let rows: Vec<usize> = (0..self.targets.labels.len()).filter(|&i| hold(i)).collect();
        let held = self.features.of(group.family).select(Axis(1), &rows);
        // A mean is calibrated anew: nothing of the full fit would save more than one slope takes.
        if group.family.is_mean() {
            return Ok(vec![self.mean(group.family, |i| !hold(i))?.logits(held.view())?]);
        }
        let total = self.targets.total(|i| !hold(i));
        let data = self.prepare(group.family, |i| !hold(i))?;
        let mut curvature = SharedCurvature::default();
        let mut before: Option<LogisticFit> = None;
        let mut logits = Vec::with_capacity(group.grid.len());
        for (k, &(power, shrinkage)) in group.grid.iter().enumerate() {
            let regression = self.regression(group, power, shrinkage, gains, total);
            // What leaving these instances out did to the member before is the best guess of what it does to
            // this one.
            let guess = match (full, &before) {
                (Some(full), Some(before)) => Some(moved(&full[k], &full[k - 1], before)),
                (Some(full), None) => Some(full[k].clone()),
                (None, _) => before.take(),
            };
            let fit = self.solve(&regression, &data, guess.as_ref(), &mut curvature, PRECISION)?;
            logits.push(fit.logits(held.view())?);
            before = Some(fit);
        }
        Ok(logits)
    }

    fn solve(
        &self,
        regression: &LogisticRegression,
        data: &PreparedFeatures,
        start: Option<&LogisticFit>,
        curvature: &mut SharedCurvature,
        precision: f64,
    ) -> Result<LogisticFit> {
        // lambda is 1 / the total weight, and the objective a mean.
        let stop = || self.watch.stop_asked();
        regression.fit_sharing(data, start, curvature, precision * regression.lambda, &stop)
    }

    /// A mean of classifiers, calibrated: slope at least 0, intercept free. Which mean, the family says.
    fn mean(&self, family: Family, keep: impl Fn(usize) -> bool + Sync) -> Result<LogisticFit> {
        let Targets { labels, weights } = self.targets;
        let kept: Vec<usize> = (0..labels.len()).filter(|&i| keep(i)).collect();
        let columns = self.features.of(family).select(Axis(1), &kept);
        let labels: Vec<bool> = kept.iter().map(|&i| labels[i]).collect();
        let weights: Vec<f64> = kept.iter().map(|&i| weights[i]).collect();
        let kept = Targets { labels: &labels, weights: &weights };
        let shares = match family {
            Family::Bagged => bagged_shares(&columns, kept, self.spec.seed, self.watch)?,
            Family::Equal => vec![1.0 / columns.nrows() as f64; columns.nrows()],
            _ => self.best_shares(&columns, kept)?,
        };
        let mut mean = Array2::zeros((1, labels.len()));
        // The mean is one column, and the fit its slope and intercept.
        let picked = || shares.iter().enumerate().filter(|(_, share)| **share > 0.0);
        picked().for_each(|(j, &share)| mean.row_mut(0).scaled_add(share, &columns.row(j)));
        // The slope has the prior of every member: one standard deviation moves the logit by `slope_scale`.
        let slope_ridge = mean_square(mean.row(0)) / self.spec.slope_scale.powi(2);
        let calibration = LogisticRegression {
            lambda: 1.0 / weights.iter().sum::<f64>(),
            penalty_factors: Some(vec![slope_ridge + TINY_RIDGE]),
            non_negative: true,
            ..LogisticRegression::default()
        };
        let data = PreparedFeatures::new(mean.view(), &labels, Some(&weights))?;
        // The slope goes back to the columns, so that a mean is a weight for each like any other member.
        let mut fit = self.solve(&calibration, &data, None, &mut SharedCurvature::default(), PRECISION)?;
        let slope = fit.weights[0];
        fit.weights = shares.iter().map(|share| slope * share).collect();
        Ok(fit)
    }

    /// Equal shares of the few columns of the highest average precision.
    fn best_shares(&self, columns: &Array2<f64>, targets: Targets<'_>) -> Result<Vec<f64>> {
        let Targets { labels, weights } = targets;
        let precision: Vec<f64> = columns
            .outer_iter()
            .map(|column| AveragePrecision::new(labels, &column.to_vec())?.weighted(weights))
            .collect::<Result<_>>()?;
        let mut order: Vec<usize> = (0..precision.len()).collect();
        order.sort_by(|&a, &b| precision[b].total_cmp(&precision[a]));
        // Equal precision keeps the order of the classifiers, as the sort is stable.
        order.truncate(self.spec.selected);
        let mut shares = vec![0.0; precision.len()];
        order.iter().for_each(|&j| shares[j] = 1.0 / order.len() as f64);
        Ok(shares)
    }

    /// Ridge on the length of w along the unit vector v of views: the member's logit then moves by a Gaussian
    /// of standard deviation `slope_scale` for one standard deviation of v . f.
    fn slope_ridge(&self, v: &[f64]) -> f64 {
        let views = self.features.of(Family::Aggregator);
        let mut projected = Array1::<f64>::zeros(views.ncols());
        views.outer_iter().zip(v).for_each(|(row, &v)| projected.scaled_add(v, &row));
        mean_square(projected.view()) / self.spec.slope_scale.powi(2)
    }

    fn prepare(&self, family: Family, keep: impl Fn(usize) -> bool) -> Result<PreparedFeatures> {
        let Targets { labels, weights } = self.targets;
        PreparedFeatures::subset(self.features.of(family), labels, Some(weights), keep)
    }

    /// The objective of a member, divided by the total weight because the solver takes the mean of the
    /// losses:
    ///
    /// ```text
    /// sum_i a_i l_i + (lambda / 2) (|w|^2 - (v . w)^2) + (slope_ridge / 2) (v . w)^2 + (ridge / 2) |u|^2
    /// ```
    fn regression(
        &self,
        group: &MemberGroup,
        power: f64,
        shrinkage: f64,
        gains: &[f64],
        total: f64,
    ) -> LogisticRegression {
        let rows = self.features.of(group.family).nrows();
        let views = self.features.views_in(group.family);
        // The penalty of each row: the correction its ridge, the views the shrinkage.
        let mut factors = vec![group.ridge.unwrap_or(0.0) + TINY_RIDGE; rows];
        factors[views.clone()].fill(shrinkage + TINY_RIDGE);
        let to_zero = matches!(group.family, Family::Sparse | Family::Signed | Family::Ridge);
        // These ridges are meant in the units of the view (1 / C of scikit-learn), and rows are divided by a
        // scale.
        if to_zero {
            let scales = &self.features.scales[self.features.first_view(group.family)..];
            factors.iter_mut().zip(scales).for_each(|(factor, scale)| *factor /= scale * scale);
        }
        // Corrections may have either sign, and so may the weights of the signed family.
        let mut unbounded = vec![true; rows];
        unbounded[views.clone()].fill(group.family == Family::Signed);
        let to_prior = self.spec.shrink_to == ShrinkTo::Equal && !to_zero;
        let free_direction = to_prior.then(|| {
            let mut v: Vec<f64> = gains.iter().map(|g| g.powf(power)).collect();
            let length = v.iter().map(|v| v * v).sum::<f64>().sqrt().max(1e-12);
            v.iter_mut().for_each(|v| *v /= length);
            // What is taken off the penalty along v leaves the ridge on its length.
            let relief = (shrinkage - self.slope_ridge(&v).min(shrinkage)).sqrt();
            v.iter_mut().for_each(|v| *v *= relief);
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
            ..LogisticRegression::default()
        }
    }

    /// Log-likelihood that each column of the views gains alone over the constant, with a slope of at least
    /// 0; the largest is 1.
    pub(super) fn gains(&self, keep: impl Fn(usize) -> bool + Sync) -> Result<Vec<f64>> {
        let views = self.features.of(Family::Aggregator);
        // Powers of 0 are equal weights, whatever the evidence says, and the fits for it can be saved.
        if self.spec.prior_powers.iter().all(|&p| p == 0.0) {
            return Ok(vec![1.0; views.nrows()]);
        }
        let mut gains: Vec<f64> = (0..views.nrows())
            .into_par_iter()
            .map(|j| {
                let column = views.slice_axis(Axis(0), Slice::from(j..j + 1));
                Ok(evidence(column, self.targets, &keep, GAIN_PRECISION, None, self.watch)?.0)
            })
            .collect::<Result<_>>()?;
        let largest = gains.iter().fold(1e-12, |a: f64, &g| a.max(g));
        gains.iter_mut().for_each(|g| *g /= largest);
        Ok(gains)
    }
}

/// The fit moved by what leads from one fit to another.
fn moved(fit: &LogisticFit, from: &LogisticFit, to: &LogisticFit) -> LogisticFit {
    let mut moved = fit.clone();
    let steps = to.weights.iter().zip(&from.weights).map(|(to, from)| to - from);
    moved.weights.iter_mut().zip(steps).for_each(|(w, step)| *w += step);
    moved.bias += to.bias - from.bias;
    moved
}

/// Mean of the squares of a centered feature.
fn mean_square(values: ArrayView1<'_, f64>) -> f64 {
    values.dot(&values) / values.len() as f64
}
