//! Newton's method with a quadratic model that knows the bounds.
//!
//! Each step minimizes the second-order model exactly over w >= 0 (active set, warm-started from the signs of
//! w) and halves the step until the objective falls: a projected Newton method as in Bertsekas, "Projected
//! Newton Methods for Optimization Problems with Simple Constraints", SIAM J. Control Optim. 20, 1982, that
//! needs few passes over the data.

use super::design::{Design, Point};
use super::{LogisticFit, LogisticRegression};
use crate::error::{Error, Result};
use crate::nnls::{ActiveSet, Singular};
use crate::stats::moments::dot;

/// Largest change of a logit that counts as none.
const SETTLED: f64 = 1e-9;
/// A step that does not shrink any more and is still larger than this goes to infinity: separable classes.
const DRIFT: f64 = 1e-3;

/// A step with a shared Hessian is slow if the next one promises more than this share of its gain.
const SLOW: f64 = 0.1;

/// Everything that is allocated, once for a path of fits.
pub(super) struct Newton<'a> {
    spec: &'a LogisticRegression,
    design: &'a Design,
    factors: Vec<f64>,
    targets: Vec<f64>,
    /// d, if there is one.
    relief: Option<&'a [f64]>,
    free: Vec<bool>,
    at: Point,
    trial: Point,
    gradient: Vec<f64>,
    hessian: Vec<f64>,
    scratch: Vec<f64>,
    rhs: Vec<f64>,
    candidate: Vec<f64>,
    direction: Vec<f64>,
    active: ActiveSet,
}

impl<'a> Newton<'a> {
    /// `spec` must have been checked for the k of `design`.
    pub(super) fn new(spec: &'a LogisticRegression, design: &'a Design) -> Self {
        let k = design.k();
        let p = k + 1;
        let mut free = vec![!spec.non_negative; p];
        if let Some(unbounded) = &spec.unbounded {
            free.iter_mut().zip(unbounded).for_each(|(free, &u)| *free |= u);
        }
        // The intercept is never bounded.
        free[k] = true;
        Self {
            spec,
            design,
            factors: spec.penalty_factors.clone().unwrap_or_else(|| vec![1.0; k]),
            targets: spec.targets.clone().unwrap_or_else(|| vec![0.0; k]),
            relief: spec.free_direction.as_deref(),
            free,
            at: Point::new(design),
            trial: Point::new(design),
            gradient: vec![0.0; p],
            hessian: vec![0.0; p * p],
            scratch: vec![0.0; design.scratch_len()],
            rhs: vec![0.0; p],
            candidate: vec![0.0; p],
            direction: vec![0.0; p],
            active: ActiveSet::new(p),
        }
    }

    /// The equal-odds start: targets made feasible, intercept at the log-odds of the weighted prevalence.
    pub(super) fn start(&self) -> Vec<f64> {
        let mut v = self.feasible(&self.targets);
        let terms = self.design.labels.iter().zip(&self.design.weights);
        let (mut positive, mut negative) = (0.0, 0.0);
        terms.for_each(|(&y, a)| if y { positive += a } else { negative += a });
        let odds: f64 = positive / negative;
        // The weight of a class may be lost to rounding beside that of the other, as 1e-320 is beside 1. It
        // then counts as the smallest number, so that the start is finite.
        let smallest = |weight: f64| weight.max(f64::MIN_POSITIVE).ln();
        let is_representable = odds > 0.0 && odds.is_finite();
        v.push(if is_representable { odds.ln() } else { smallest(positive) - smallest(negative) });
        v
    }

    /// Start parameters from a fit (made feasible), with the intercept moved to centered features.
    pub(super) fn start_from(&self, fit: &LogisticFit) -> Vec<f64> {
        let mut v = self.feasible(&fit.weights);
        let shift: f64 = v.iter().zip(&self.design.means).map(|(w, m)| w * m).sum();
        v.push(fit.bias + shift);
        v
    }

    fn feasible(&self, weights: &[f64]) -> Vec<f64> {
        weights.iter().zip(&self.free).map(|(&w, &free)| if free { w } else { w.max(0.0) }).collect()
    }

    fn penalty(&self, v: &[f64], lambda: f64) -> f64 {
        let terms = v.iter().zip(&self.targets).zip(&self.factors);
        let length = terms.map(|((w, t), p)| p * (w - t) * (w - t)).sum::<f64>();
        0.5 * lambda * (length - self.along(v).powi(2))
    }

    /// sum_j d_j (w_j - t_j).
    fn along(&self, v: &[f64]) -> f64 {
        let Some(d) = self.relief else { return 0.0 };
        d.iter().zip(v).zip(&self.targets).map(|((d, w), t)| d * (w - t)).sum()
    }

    /// Minimizes from `v` (k + 1); leaves the optimum in `v` for the next fit of a path.
    pub(super) fn minimize(&mut self, v: &mut [f64], lambda: f64) -> LogisticFit {
        let mut objective = self.design.evaluate(v, &mut self.at) + self.penalty(v, lambda);
        let mut iterations = 0;
        let mut converged = false;
        let mut last_change = f64::INFINITY;
        let mut kkt_residual = self.derivatives(v, lambda);
        while iterations < self.spec.max_iterations {
            iterations += 1;
            self.newton_direction(v);
            // Slope of the objective along the direction; negative unless rounding is all that is left.
            let slope = dot(&self.gradient, &self.direction);
            // Where no step lowers the objective, rounding is all that is left, and the residual decides.
            let Some((step, trial)) = self.line_search(v, lambda, objective, slope) else {
                converged = kkt_residual < self.spec.tolerance;
                break;
            };
            let logits = self.at.logits.iter().zip(&self.trial.logits);
            let change = logits.fold(0.0, |a: f64, (z, t)| a.max((z - t).abs()));
            std::mem::swap(&mut self.at, &mut self.trial);
            v.copy_from_slice(&self.candidate);
            objective = trial;
            kkt_residual = self.derivatives(v, lambda);
            if kkt_residual < self.spec.tolerance {
                // The gradient of separable classes vanishes too, while every step moves the logits by about
                // 1.
                let settled = change <= SETTLED.max(self.spec.tolerance);
                let stuck = step == 1.0 && change > 0.5 * last_change;
                if settled || stuck {
                    converged = settled || change < DRIFT;
                    break;
                }
            }
            last_change = change;
        }
        self.fitted(v, objective, iterations, converged, kkt_residual)
    }

    /// Minimizes from `v` (k + 1) with as few Hessians as possible: that of the losses in `curvature`, from
    /// an earlier fit to the same features, is used for as long as steps made with it are good ones, and
    /// replaced when they are not.
    ///
    /// Done when the next step would lower the objective by less than `precision`. With another Hessian than
    /// the current one convergence is linear, not quadratic, but a step costs n k operations in place of n
    /// k^2.
    pub(super) fn minimize_sharing(
        &mut self,
        v: &mut [f64],
        lambda: f64,
        precision: f64,
        curvature: &mut Vec<f64>,
        stop: &dyn Fn() -> bool,
    ) -> Result<LogisticFit> {
        let mut objective = self.design.evaluate(v, &mut self.at) + self.penalty(v, lambda);
        let mut iterations = 0;
        let mut converged = false;
        // Whether the Hessian is that of the current logits.
        let mut current = curvature.is_empty();
        let mut kkt_residual = self.shared_derivatives(v, lambda, curvature, current);
        let mut last_decrease = f64::INFINITY;
        while iterations < self.spec.max_iterations {
            if stop() {
                return Err(Error::Stopped);
            }
            iterations += 1;
            self.newton_direction(v);
            // -g'd: the decrease that the gradient promises for a full step.
            let mut decrease = -dot(&self.gradient, &self.direction);
            if !current && decrease > SLOW * last_decrease {
                kkt_residual = self.shared_derivatives(v, lambda, curvature, true);
                current = true;
                self.newton_direction(v);
                decrease = -dot(&self.gradient, &self.direction);
            }
            if decrease < precision {
                converged = true;
                break;
            }
            let Some((step, trial)) = self.line_search(v, lambda, objective, -decrease) else {
                // Rounding is all that is left, or the Hessian misleads: the current one decides.
                if current {
                    converged = kkt_residual < self.spec.tolerance;
                    break;
                }
                kkt_residual = self.shared_derivatives(v, lambda, curvature, true);
                current = true;
                continue;
            };
            std::mem::swap(&mut self.at, &mut self.trial);
            v.copy_from_slice(&self.candidate);
            objective = trial;
            // A step that had to be shortened shows that the Hessian does not fit here: the next one is
            // computed anew.
            current = step < 1.0;
            last_decrease = decrease;
            kkt_residual = self.shared_derivatives(v, lambda, curvature, current);
        }
        Ok(self.fitted(v, objective, iterations, converged, kkt_residual))
    }

    /// Gradient at the current logits and the Hessian, which is that in `curvature` or, if `renew`, replaces
    /// it.
    fn shared_derivatives(&mut self, v: &[f64], lambda: f64, curvature: &mut Vec<f64>, renew: bool) -> f64 {
        self.design.gradient(&self.at, &mut self.gradient);
        if renew {
            curvature.resize(self.hessian.len(), 0.0);
            self.design.hessian(&self.at, curvature, &mut self.scratch);
        }
        self.hessian.copy_from_slice(curvature);
        self.add_penalty(v, lambda)
    }

    /// The longest of the steps 1, 1/2, 1/4 ... along the direction that lowers the objective as it should,
    /// with the objective there, which is that of `candidate` and `trial`.
    fn line_search(&mut self, v: &[f64], lambda: f64, objective: f64, slope: f64) -> Option<(f64, f64)> {
        // Sums over instances are that exact: a step within it is judged by the gradient, not the objective.
        let slack = 4.0 * f64::EPSILON * (1.0 + objective.abs());
        let mut step = 1.0;
        while step >= 1e-12 {
            for (c, (&v, d)) in self.candidate.iter_mut().zip(v.iter().zip(&self.direction)) {
                *c = v + step * d;
            }
            // Rounding may lead a hair below the bound.
            for (c, &free) in self.candidate.iter_mut().zip(&self.free) {
                if !free {
                    *c = c.max(0.0);
                }
            }
            let trial = self.design.evaluate(&self.candidate, &mut self.trial)
                + self.penalty(&self.candidate, lambda);
            // Armijo's rule with the customary 1e-4: the decrease reaches that share of what the slope
            // promises.
            if trial <= objective + 1e-4 * step * slope + slack {
                return Some((step, trial));
            }
            step *= 0.5;
        }
        None
    }

    fn fitted(
        &self,
        v: &[f64],
        objective: f64,
        iterations: usize,
        converged: bool,
        kkt_residual: f64,
    ) -> LogisticFit {
        let k = self.design.k();
        // The features were centered: w . (x - mean) + v_k, so the mean's part goes to the bias.
        let shift: f64 = v[..k].iter().zip(&self.design.means).map(|(w, m)| w * m).sum();
        LogisticFit {
            weights: v[..k].to_vec(),
            bias: v[k] - shift,
            objective,
            iterations,
            converged,
            kkt_residual,
        }
    }

    /// Gradient and Hessian of the objective; returns the KKT residual in the user's (not centered)
    /// parameters.
    fn derivatives(&mut self, v: &[f64], lambda: f64) -> f64 {
        self.design.gradient(&self.at, &mut self.gradient);
        self.design.hessian(&self.at, &mut self.hessian, &mut self.scratch);
        self.add_penalty(v, lambda)
    }

    /// Adds the penalty to gradient and Hessian of the losses; returns the KKT residual in the user's
    /// parameters.
    fn add_penalty(&mut self, v: &[f64], lambda: f64) -> f64 {
        let k = self.design.k();
        let p = k + 1;
        // The penalty is taken off direction d: -(lambda / 2) (d . (w - t))^2 enters the gradient and the
        // lower triangle.
        if let Some(d) = self.relief {
            let along = self.along(v);
            for j in (0..k).filter(|&j| d[j] != 0.0) {
                self.gradient[j] -= lambda * d[j] * along;
                (0..=j).for_each(|i| self.hessian[j * p + i] -= lambda * d[j] * d[i]);
            }
        }
        let g_b = self.gradient[k];
        let mut residual = g_b.abs();
        for (j, &w) in v[..k].iter().enumerate() {
            self.gradient[j] += lambda * self.factors[j] * (w - self.targets[j]);
            self.hessian[j * p + j] += lambda * self.factors[j];
            // Features are centered here. In the user's parameters dJ/dw_j is larger by mean_j dJ/db.
            let g = self.gradient[j] + self.design.means[j] * g_b;
            residual = residual.max(if self.free[j] { g.abs() } else { (w - (w - g).max(0.0)).abs() });
        }
        // Only the lower triangle has been summed, and the solver reads whole rows.
        for j in 0..p {
            for i in 0..j {
                self.hessian[i * p + j] = self.hessian[j * p + i];
            }
            // A feature without spread and penalty: any positive curvature leaves it where it is.
            if !(self.hessian[j * p + j] > 0.0) {
                self.hessian[j * p + j] = 1.0;
            }
        }
        residual
    }

    /// Minimizer of the quadratic model within the bounds, minus the current point.
    fn newton_direction(&mut self, v: &[f64]) {
        let p = v.len();
        let mut damping = 0.0;
        loop {
            // H v - g: with this right-hand side the solver minimizes the quadratic model at v. Damping
            // changes H, so it is formed in each round.
            for j in 0..p {
                let row = &self.hessian[j * p..(j + 1) * p];
                self.rhs[j] = row.iter().zip(v).map(|(h, v)| h * v).sum::<f64>() - self.gradient[j];
            }
            self.candidate.copy_from_slice(v);
            match self.active.solve(&self.hessian, &self.rhs, &self.free, &mut self.candidate) {
                Ok(_) => break,
                // Dependent columns without a penalty. Damping relative to the diagonal keeps the step in
                // their span.
                Err(Singular) => {
                    let factor = if damping == 0.0 { 1e-9 } else { 9.0 * damping };
                    (0..p).for_each(|j| self.hessian[j * p + j] *= 1.0 + factor);
                    damping = if damping == 0.0 { 1e-9 } else { 10.0 * damping };
                    if damping > 1.0 {
                        break;
                    }
                }
            }
        }
        // Solved again for the difference, which has all its digits near the optimum, where v - v_old has
        // lost them.
        self.direction.iter_mut().zip(v).for_each(|(d, v)| *d = -v);
        // Variables on their bound move to 0, which is d_A = -v_A. The others solve H_PP d_P = -g_P - H_PA
        // d_A.
        let passive = self.active.passive();
        passive.iter().for_each(|&j| self.direction[j] = 0.0);
        for (r, &j) in self.rhs.iter_mut().zip(passive) {
            let row = &self.hessian[j * p..(j + 1) * p];
            let moved: f64 = row.iter().zip(&self.direction).map(|(h, d)| h * d).sum();
            *r = -self.gradient[j] - moved;
        }
        let count = passive.len();
        self.active.solve_passive(&mut self.rhs[..count]);
        for (r, &j) in self.rhs.iter().zip(self.active.passive()) {
            self.direction[j] = *r;
        }
    }
}
