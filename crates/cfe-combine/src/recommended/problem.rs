//! The convex problem of one member, and the fits of many.

use cfe_core::logistic::{LogisticFit, LogisticRegression, PreparedFeatures, SharedCurvature};
use cfe_core::metrics::AveragePrecision;
use cfe_core::{Error, Result};
use ndarray::{Array1, Array2, ArrayView1, Axis, Slice};
use rayon::prelude::*;

use super::members::{Family, Features, Targets};
use super::spec::{RecommendedSpec, ShrinkTo};
use crate::pipeline::Watch;

/// Keeps every problem strictly convex, so that its minimum is unique.
const TINY_RIDGE: f64 = 1e-6;
/// A member is done when a step would gain less log-likelihood: its weights are then within about a hundredth
/// of a percent of their posterior standard deviation.
const PRECISION: f64 = 1e-8;
/// Ridge on the slope of a single column when its evidence is measured.
const GAIN_RIDGE: f64 = 1e-3;
/// Precision of that evidence, which only sets a prior direction.
const GAIN_PRECISION: f64 = 1e-6;

/// Members that share features and ridge.
pub(super) struct Group {
    pub family: Family,
    pub ridge: Option<f64>,
    /// Prior power and shrinkage of each.
    pub grid: Vec<(f64, f64)>,
}

impl Group {
    /// Members that differ in shrinkage alone.
    pub(super) fn chains(&self) -> impl Iterator<Item = &[(f64, f64)]> {
        self.grid.chunk_by(|a, b| a.0 == b.0)
    }
}

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
        groups: &[Group],
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
                if groups[g].family == Family::Selection {
                    let fit = self.selection(|_| true)?;
                    done();
                    return Ok(vec![fit]);
                }
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

    /// Logits of the instances that `hold` names, for each member of a group fitted without them.
    pub(super) fn held_out(
        &self,
        group: &Group,
        full: &[LogisticFit],
        gains: &[f64],
        hold: &(dyn Fn(usize) -> bool + Sync),
    ) -> Result<Vec<Vec<f64>>> {
        let rows: Vec<usize> = (0..self.targets.labels.len()).filter(|&i| hold(i)).collect();
        let held = self.features.of(group.family).select(Axis(1), &rows);
        if group.family == Family::Selection {
            return Ok(vec![self.selection(|i| !hold(i))?.logits(held.view())?]);
        }
        let total = self.targets.total(|i| !hold(i));
        let data = self.prepare(group.family, |i| !hold(i))?;
        let mut curvature = SharedCurvature::default();
        group
            .grid
            .iter()
            .zip(full)
            .map(|(&(power, shrinkage), start)| {
                let regression = self.regression(group, power, shrinkage, gains, total);
                self.solve(&regression, &data, Some(start), &mut curvature, PRECISION)?.logits(held.view())
            })
            .collect()
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

    /// The mean of the classifiers of the highest average precision, calibrated: slope at least 0, intercept
    /// free.
    fn selection(&self, keep: impl Fn(usize) -> bool + Sync) -> Result<LogisticFit> {
        let Targets { labels, weights } = self.targets;
        let kept: Vec<usize> = (0..labels.len()).filter(|&i| keep(i)).collect();
        let columns = self.features.of(Family::Selection).select(Axis(1), &kept);
        let labels: Vec<bool> = kept.iter().map(|&i| labels[i]).collect();
        let weights: Vec<f64> = kept.iter().map(|&i| weights[i]).collect();
        let precision: Vec<f64> = columns
            .outer_iter()
            .map(|column| AveragePrecision::new(&labels, &column.to_vec())?.weighted(&weights))
            .collect::<Result<_>>()?;
        let mut order: Vec<usize> = (0..precision.len()).collect();
        order.sort_by(|&a, &b| precision[b].total_cmp(&precision[a]));
        order.truncate(self.spec.selected);
        let share = 1.0 / order.len() as f64;
        let mut mean = Array2::zeros((1, kept.len()));
        order.iter().for_each(|&j| mean.row_mut(0).scaled_add(share, &columns.row(j)));
        let slope_ridge = mean_square(mean.row(0)) / self.spec.slope_scale.powi(2);
        let calibration = LogisticRegression {
            lambda: 1.0 / weights.iter().sum::<f64>(),
            penalty_factors: Some(vec![slope_ridge + TINY_RIDGE]),
            non_negative: true,
            ..LogisticRegression::default()
        };
        let data = PreparedFeatures::new(mean.view(), &labels, Some(&weights))?;
        let mut fit = self.solve(&calibration, &data, None, &mut SharedCurvature::default(), PRECISION)?;
        let slope = fit.weights[0];
        fit.weights = vec![0.0; columns.nrows()];
        order.iter().for_each(|&j| fit.weights[j] = slope * share);
        Ok(fit)
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
        group: &Group,
        power: f64,
        shrinkage: f64,
        gains: &[f64],
        total: f64,
    ) -> LogisticRegression {
        let rows = self.features.of(group.family).nrows();
        let views = self.features.views_in(group.family);
        let mut factors = vec![group.ridge.unwrap_or(0.0) + TINY_RIDGE; rows];
        factors[views.clone()].fill(shrinkage + TINY_RIDGE);
        let to_zero = matches!(group.family, Family::Sparse | Family::Signed);
        if to_zero {
            let scales = &self.features.scales[self.features.first_view(group.family)..];
            factors.iter_mut().zip(scales).for_each(|(factor, scale)| *factor /= scale * scale);
        }
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
            lambda: 1.0 / total,
            penalty_factors: Some(vec![GAIN_RIDGE]),
            non_negative: true,
            ..LogisticRegression::default()
        };
        let mut gains: Vec<f64> = (0..views.nrows())
            .into_par_iter()
            .map(|j| {
                let column = views.slice_axis(Axis(0), Slice::from(j..j + 1));
                let data = PreparedFeatures::subset(column, labels, Some(weights), &keep)?;
                let mut curvature = SharedCurvature::default();
                let fit = self.solve(&regression, &data, None, &mut curvature, GAIN_PRECISION)?;
                let penalty: f64 =
                    fit.weights.iter().map(|w| 0.5 * GAIN_RIDGE * regression.lambda * w * w).sum();
                Ok((constant - (fit.objective - penalty)).max(0.0))
            })
            .collect::<Result<_>>()?;
        let largest = gains.iter().fold(1e-12, |a: f64, &g| a.max(g));
        gains.iter_mut().for_each(|g| *g /= largest);
        Ok(gains)
    }
}

/// Mean of the squares of a centered feature.
fn mean_square(values: ArrayView1<'_, f64>) -> f64 {
    values.dot(&values) / values.len() as f64
}
