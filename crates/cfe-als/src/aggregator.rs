//! The solvers of w and b for given X and Y.

use cfe_core::logistic::{LogisticFit, LogisticRegression};
use cfe_core::losses::quadratic_bound;
use cfe_core::nnls::nnls;
use cfe_core::objective::Problem;
use cfe_core::{EnsembleData, Error, Parameters, Result, SupervisedLoss};
use nalgebra::{Cholesky, DMatrix, DVector};
use ndarray::{Array2, ArrayView2, Axis, aview1, concatenate};

use crate::spec::{AggregatorSolver, AggregatorSpec};

/// Weight of the step's length in the closed-form fit, relative to the mean curvature: keeps a rank-deficient
/// system solvable. A proximal term leaves the descent untouched, as it is 0 at the present point.
const PROXIMAL: f64 = 1e-9;

/// Weight of the squared weights in Newton's method, for the same reason: r_hat has rank d, so for d < m its
/// optimum is not unique.
const NEWTON_RIDGE: f64 = 1e-9;

/// Steps that are tried where the focal loss rises: down to a thousandth.
const HALVINGS: i32 = 11;

impl AggregatorSpec {
    /// Sets the bias that training starts from.
    pub(crate) fn prepare(
        &self,
        problem: &Problem<'_>,
        data: &EnsembleData,
        state: &mut Parameters,
    ) -> Result<()> {
        state.bias = self.bias_start.bias(data, state.bias);
        if self.center {
            // The bias so far belongs to the centered r_hat; the model's own is b - w . mu.
            state.bias -= problem.center(state)?;
        }
        Ok(())
    }

    /// Updates w and b in place, and gives the penalty on the new w, which stands beside the supervised loss.
    pub(crate) fn update(
        &self,
        problem: &Problem<'_>,
        data: &EnsembleData,
        state: &mut Parameters,
    ) -> Result<f64> {
        let shrinkage = self.shrinkage(problem, data, state)?;
        match self.solver {
            AggregatorSolver::GradientStep { learning_rate } => {
                self.gradient_step(learning_rate, problem, &shrinkage, state)?;
            }
            AggregatorSolver::Newton => self.newton(problem, data, &shrinkage, state)?,
            AggregatorSolver::Bound => self.bound(problem, data, &shrinkage, state)?,
        }
        Ok(shrinkage.penalty(&state.weights))
    }

    fn gradient_step(
        &self,
        rate: f64,
        problem: &Problem<'_>,
        shrinkage: &Shrinkage,
        state: &mut Parameters,
    ) -> Result<()> {
        let gradient = problem.aggregator_gradient(state)?;
        let before = if self.center { problem.center(state)? } else { 0.0 };
        // Centered, the gradient in w is that of sum_i g_i (r_hat_i - mu).
        let mean = match self.center {
            true => Some(problem.mean_reconstruction(&state.factors)?),
            false => None,
        };
        self.descend(rate, (&gradient.weights, gradient.bias), mean.as_deref(), shrinkage, state);
        // The step was made in the bias of the centered r_hat, b + w . mu. The model's b takes back what w .
        // mu changed by.
        if self.center {
            state.bias += before - problem.center(state)?;
        }
        Ok(())
    }

    /// One step down the gradient in w (m) and b, from which that of the mean of r_hat (m) is taken where
    /// r_hat is centered.
    pub(crate) fn descend(
        &self,
        rate: f64,
        gradient: (&[f64], f64),
        mean: Option<&[f64]>,
        shrinkage: &Shrinkage,
        state: &mut Parameters,
    ) {
        for (u, (w, g)) in state.weights.iter_mut().zip(gradient.0).enumerate() {
            let g = g - mean.map_or(0.0, |mean| mean[u] * gradient.1);
            *w -= rate * (g + shrinkage.strength * (*w - shrinkage.target));
            // Not by `max`, which would turn NaN into 0.
            if self.non_negative && *w < 0.0 {
                *w = 0.0;
            }
        }
        state.bias -= rate * gradient.1;
    }

    fn newton(
        &self,
        problem: &Problem<'_>,
        data: &EnsembleData,
        shrinkage: &Shrinkage,
        state: &mut Parameters,
    ) -> Result<()> {
        let r_hat = reconstruct_labeled(data, state);
        let logits = problem.labeled_logits(state)?;
        let weights = lagged_weights(problem, &logits);
        let regression = LogisticRegression {
            lambda: shrinkage.strength + NEWTON_RIDGE,
            targets: Some(vec![shrinkage.target; state.weights.len()]),
            non_negative: self.non_negative,
            ..LogisticRegression::default()
        };
        let focal = matches!(problem.objective().loss, SupervisedLoss::Focal { gamma } if gamma > 0.0);
        // If a class is absent before the focal factors, the data are at fault, and the error stays an error.
        let both_count = [false, true].iter().all(|class| {
            let mut cells = problem.instance_weights().iter().zip(problem.targets());
            cells.any(|(&a, label)| a > 0.0 && label == class)
        });
        match regress(&regression, r_hat.view(), problem, &weights) {
            // Forgotten: a class that is predicted without error leaves w and b nothing to gain.
            Err(Error::SingleClass { .. } | Error::WeightSum { .. } | Error::AllWeightsZero { .. })
                if focal && both_count => {}
            fit if focal => approach(fit?, problem, shrinkage, &logits, state)?,
            fit => {
                let fit = fit?;
                state.weights = fit.weights;
                state.bias = fit.bias;
            }
        }
        Ok(())
    }

    /// Ridge towards equal weights and decay towards 0, as one parabola.
    fn shrinkage(&self, problem: &Problem<'_>, data: &EnsembleData, state: &Parameters) -> Result<Shrinkage> {
        let strength = self.ridge + self.weight_decay;
        let target = match self.ridge > 0.0 {
            true => equal_weight(problem, data, state)? * (self.ridge / strength),
            false => 0.0,
        };
        Ok(Shrinkage { strength, target })
    }

    /// Minimizes sum_i c_i (t_i - b - w . r_hat_i)^2 + ridge + proximal term; b is eliminated by centering.
    fn bound(
        &self,
        problem: &Problem<'_>,
        data: &EnsembleData,
        shrinkage: &Shrinkage,
        state: &mut Parameters,
    ) -> Result<()> {
        // The parabolas touch at the present logits: c_i = a_i kappa_i / sum a, and the residual is t_i -
        // z_i.
        let logits = problem.labeled_logits(state)?;
        let total: f64 = problem.instance_weights().iter().sum();
        let mut weights = lagged_weights(problem, &logits);
        let mut residuals = vec![0.0; logits.len()];
        for (k, (&z, &label)) in logits.iter().zip(problem.targets()).enumerate() {
            let bound = quadratic_bound(z, problem.objective().loss.target(label));
            weights[k] *= bound.kappa / total;
            residuals[k] = bound.target - z;
        }
        match Moments::new(data, state, &weights, &residuals) {
            Some(moments) => self.least_squares(&moments, shrinkage, state),
            None => Ok(()),
        }
    }

    /// The step to the minimum of the bound, from its moments.
    pub(crate) fn least_squares(
        &self,
        moments: &Moments,
        shrinkage: &Shrinkage,
        state: &mut Parameters,
    ) -> Result<()> {
        // In terms of the step s from w: s^T G s - 2 g . s + (ridge / 2) |w + s - t|^2 + proximal |s|^2.
        let x = &state.factors.classifiers;
        let gram = x.t().dot(&moments.covariance).dot(x);
        let gradient = x.t().dot(&aview1(&moments.cross));
        let m = state.weights.len();
        let &Shrinkage { strength, target } = shrinkage;
        let half_ridge = strength / 2.0;
        let mean_curvature = gram.diag().sum() / m as f64;
        let proximal = PROXIMAL * mean_curvature + f64::MIN_POSITIVE;
        let left = |a: usize, b: usize| gram[(a, b)] + if a == b { half_ridge + proximal } else { 0.0 };
        let step: Vec<f64> = if self.non_negative {
            // With v = w + s >= 0 as the unknown.
            let old = aview1(&state.weights);
            let right: Vec<f64> = (0..m)
                .map(|u| gradient[u] + gram.row(u).dot(&old) + half_ridge * target + proximal * old[u])
                .collect();
            let solution = nnls(Array2::from_shape_fn((m, m), |(a, b)| left(a, b)).view(), &right)?;
            solution.x.iter().zip(&state.weights).map(|(v, w)| v - w).collect()
        } else {
            let right = DVector::from_fn(m, |u, _| gradient[u] + half_ridge * (target - state.weights[u]));
            match solve(DMatrix::from_fn(m, m, left), &right) {
                Some(step) => step.as_slice().to_vec(),
                // No curvature at all: every r_hat is the same, and w has nothing to say.
                None => vec![0.0; m],
            }
        };
        // The intercept that goes with the new weights.
        let moved: f64 = x.dot(&aview1(&step)).iter().zip(&moments.mean).map(|(v, y)| v * y).sum();
        state.bias += moments.mean_residual - moved;
        state.weights.iter_mut().zip(&step).for_each(|(w, s)| *w += s);
        Ok(())
    }
}

/// (strength / 2) sum_u (w_u - target)^2.
pub(crate) struct Shrinkage {
    pub strength: f64,
    pub target: f64,
}

impl Shrinkage {
    pub(crate) fn penalty(&self, weights: &[f64]) -> f64 {
        let squares: f64 = weights.iter().map(|w| (w - self.target) * (w - self.target)).sum();
        self.strength / 2.0 * squares
    }
}

/// Moves w and b to `fit`, or half, a quarter, ... of the way, to where the loss is not higher than before;
/// or stays, where the loss is higher at all of them. The optimum under lagged weights may lie far beyond
/// that of the focal loss, and from there the classes would take turns in being forgotten, until the numbers
/// overflow.
fn approach(
    fit: LogisticFit,
    problem: &Problem<'_>,
    shrinkage: &Shrinkage,
    logits: &[f64],
    state: &mut Parameters,
) -> Result<()> {
    let loss = |logits: &[f64], weights: &[f64]| -> Result<f64> {
        let supervised = problem.objective().loss;
        let mean = supervised.weighted_mean(logits, problem.targets(), problem.instance_weights(), None)?;
        Ok(mean + shrinkage.penalty(weights))
    };
    let before = loss(logits, &state.weights)?;
    // The logits are linear in w and b. With those of both ends, each trial of the loop costs a pass over the
    // labeled instances alone.
    let (weights_before, bias_before) = (std::mem::replace(&mut state.weights, fit.weights), state.bias);
    state.bias = fit.bias;
    let fitted_logits = problem.labeled_logits(state)?;
    let fitted = (std::mem::replace(&mut state.weights, weights_before), state.bias);
    state.bias = bias_before;
    for halvings in 0..HALVINGS {
        let share = 0.5_f64.powi(halvings);
        let between = |from: &[f64], to: &[f64]| -> Vec<f64> {
            from.iter().zip(to).map(|(from, to)| from + share * (to - from)).collect()
        };
        let weights = between(&state.weights, &fitted.0);
        if loss(&between(logits, &fitted_logits), &weights)? <= before {
            state.weights = weights;
            state.bias += share * (fitted.1 - state.bias);
            return Ok(());
        }
    }
    Ok(())
}

/// Weighted moments of the labeled y_i and the residuals, about their means.
pub(crate) struct Moments {
    /// sum c (y - mean)(y - mean)^T, d x d.
    pub covariance: Array2<f64>,
    /// sum c (y - mean) (residual - mean residual), d.
    pub cross: Vec<f64>,
    /// Weighted mean of y (d).
    pub mean: Vec<f64>,
    pub mean_residual: f64,
}

impl Moments {
    /// `None` if all weights are 0.
    fn new(data: &EnsembleData, state: &Parameters, weights: &[f64], residuals: &[f64]) -> Option<Self> {
        let total: f64 = weights.iter().sum();
        if !(total > 0.0) {
            return None;
        }
        // Centered by their weights, Y and the residuals leave a system without the bias, which follows from
        // the means.
        let mut centered = state.factors.instances.select(Axis(1), data.labeled());
        let mean_residual = weights.iter().zip(residuals).map(|(c, r)| c * r).sum::<f64>() / total;
        let mut mean = Vec::with_capacity(centered.nrows());
        for mut row in centered.rows_mut() {
            let of_row = row.iter().zip(weights).map(|(y, c)| y * c).sum::<f64>() / total;
            row.iter_mut().for_each(|y| *y -= of_row);
            mean.push(of_row);
        }
        let weighted = &centered * &aview1(weights);
        let covariance = weighted.dot(&centered.t());
        let residuals: Vec<f64> = residuals.iter().map(|r| r - mean_residual).collect();
        Some(Self { covariance, cross: weighted.dot(&aview1(&residuals)).to_vec(), mean, mean_residual })
    }
}

/// Instance weights times the focal factor (1 - p_t)^gamma at the present logits, which is held while w, b, X
/// or Y are updated: focal loss is not convex, and this makes each update a weighted BCE.
pub(crate) fn lagged_weights(problem: &Problem<'_>, logits: &[f64]) -> Vec<f64> {
    let loss = problem.objective().loss;
    let cells = problem.instance_weights().iter().zip(logits.iter().zip(problem.targets()));
    cells.map(|(a, (&z, &label))| a * loss.focal_factor(z, label)).collect()
}

/// A logistic regression on the targets of the loss. A smoothed label y is two instances: a positive one that
/// counts y and a negative one that counts 1 - y.
fn regress(
    regression: &LogisticRegression,
    features: ArrayView2<'_, f64>,
    problem: &Problem<'_>,
    weights: &[f64],
) -> Result<LogisticFit> {
    let loss = problem.objective().loss;
    if loss.smoothing() == 0.0 {
        return regression.fit(features, problem.targets(), Some(weights));
    }
    let features = concatenate![Axis(1), features, features];
    let n = weights.len();
    let labels: Vec<bool> = (0..2 * n).map(|i| i < n).collect();
    let soft = || weights.iter().zip(problem.targets()).map(|(a, &label)| (a, loss.target(label)));
    let twice: Vec<f64> = soft().map(|(a, y)| a * y).chain(soft().map(|(a, y)| a * (1.0 - y))).collect();
    regression.fit(features.view(), &labels, Some(&twice))
}

/// r_hat of the labeled instances, m x labeled.
fn reconstruct_labeled(data: &EnsembleData, state: &Parameters) -> Array2<f64> {
    state.factors.classifiers.t().dot(&state.factors.instances.select(Axis(1), data.labeled()))
}

/// The best weight common to all classifiers: a logistic regression on sum_u r_hat_u alone.
fn equal_weight(problem: &Problem<'_>, data: &EnsembleData, state: &Parameters) -> Result<f64> {
    let sums = reconstruct_labeled(data, state).sum_axis(Axis(0)).insert_axis(Axis(0));
    let sums: ArrayView2<'_, f64> = sums.view();
    let regression =
        LogisticRegression { lambda: NEWTON_RIDGE, non_negative: true, ..LogisticRegression::default() };
    let fit = regress(&regression, sums, problem, problem.instance_weights())?;
    Ok(fit.weights[0])
}

/// Solves a symmetric positive definite system; `None` if it is not, or the solution is not finite.
pub(crate) fn solve(left: DMatrix<f64>, right: &DVector<f64>) -> Option<DVector<f64>> {
    let solution = Cholesky::new(left)?.solve(right);
    solution.iter().all(|v| v.is_finite()).then_some(solution)
}
