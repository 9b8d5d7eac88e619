//! Block updates of the exact objective: every one minimizes an upper bound that touches the loss.
//!
//! With the quadratic bound of the logistic loss ([`cfe_core::losses::quadratic_bound`]) the supervised part
//! becomes one more row of R: a "classifier" with factor v = X w, confidence c_i = (1 - rho) a_i kappa_i /
//! (rho s) and rating t_i - b, where a_i sum to 1 and s is the scale of the reconstruction (1 or 1 / observed
//! cells). Divided by rho s, the bound is a weighted least-squares problem in each block:
//!
//! ```text
//! Y:  the usual update with that row added
//! X:  x_u = (A_u + lambda I + w_u^2 G)^-1 (rhs_u + w_u (h - G sum_{k != u} w_k x_k)),  one u after the other,
//!     with G = sum_i c_i y_i y_i^T and h = sum_i c_i (t_i - b) y_i
//! ```
//!
//! (and w, b: the weighted least-squares fit of t_i to (X^T y_i, 1), in [`crate::aggregator`]). The bound is
//! drawn anew before each block, so the loss never rises.

use cfe_core::losses::quadratic_bound;
use cfe_core::objective::Problem;
use cfe_core::ridge::{self, Cells, NormalEquations};
use cfe_core::{EnsembleData, Error, Parameters, Result, Side};
use nalgebra::{DMatrix, DVector};

use crate::aggregator::{lagged_weights, solve};

/// The supervised row, and what its updates need.
#[derive(Debug)]
pub(crate) struct Exact<'a> {
    data: &'a EnsembleData,
    /// rho s.
    reconstruction: f64,
    /// Confidence of the supervised row (n); 0 where unlabeled.
    confidences: Vec<f64>,
    /// Targets t_i - b (n).
    ratings: Vec<f64>,
}

/// The cells of the rule with the supervised row at the end.
struct Augmented<'e, 'a> {
    exact: &'e Exact<'e>,
    problem: &'e Problem<'a>,
}

impl Cells<f64> for Augmented<'_, '_> {
    fn rows(&self) -> usize {
        self.exact.data.n_classifiers() + 1
    }

    fn cols(&self) -> usize {
        self.exact.data.n_instances()
    }

    fn fill(&self, u: usize, start: usize, ratings: &mut [f64], confidences: &mut [f64]) {
        if u + 1 < self.rows() {
            self.problem.rule().fill(u, start, ratings, confidences);
        } else {
            let range = start..start + ratings.len();
            ratings.copy_from_slice(&self.exact.ratings[range.clone()]);
            confidences.copy_from_slice(&self.exact.confidences[range]);
        }
    }
}

impl<'a> Exact<'a> {
    pub(crate) fn new(problem: &Problem<'_>, data: &'a EnsembleData) -> Self {
        let objective = problem.objective();
        let reconstruction = objective.rho * objective.reconstruction_scale(data);
        let n = data.n_instances();
        Self { data, reconstruction, confidences: vec![0.0; n], ratings: vec![0.0; n] }
    }

    /// Y, then X: what a sweep starts from is (X, w, b) alone, but for where the bound touches.
    pub(crate) fn sweep(&mut self, problem: &Problem<'_>, state: &mut Parameters) -> Result<()> {
        self.touch(problem, state)?;
        self.update_instances(problem, state)?;
        self.touch(problem, state)?;
        self.update_classifiers(problem, state)
    }

    /// Draws the bound at the present point.
    fn touch(&mut self, problem: &Problem<'_>, state: &Parameters) -> Result<()> {
        let logits = problem.labeled_logits(state)?;
        let total: f64 = problem.instance_weights().iter().sum();
        let scale = (1.0 - problem.objective().rho) / (self.reconstruction * total);
        let weights = lagged_weights(problem, &logits);
        let labels = problem.targets().iter().map(|&label| problem.objective().loss.target(label));
        // c_i and t_i - b of the supervised row.
        for (((&i, &z), y), a) in self.data.labeled().iter().zip(&logits).zip(labels).zip(weights) {
            let bound = quadratic_bound(z, y);
            self.confidences[i] = scale * a * bound.kappa;
            self.ratings[i] = bound.target - state.bias;
        }
        Ok(())
    }

    fn update_classifiers(&self, problem: &Problem<'_>, state: &mut Parameters) -> Result<()> {
        let lambda = problem.objective().lambda;
        let cells = Augmented { exact: self, problem };
        let equations = ridge::normal_equations(problem.workspace(), &cells, state.factors.instances.view())?;
        let m = self.data.n_classifiers();
        let (gram, target) = (matrix(&equations, m), vector(&equations, m));
        let mut v = DVector::from_vec(state.factors.combine_classifiers(&state.weights)?);
        // One classifier after the other: v = X w ties them together, and each system sees the new factors of
        // those before.
        for (u, &w) in state.weights.iter().enumerate() {
            let mut column = state.factors.classifiers.column_mut(u);
            let old = DVector::from_iterator(column.len(), column.iter().copied());
            let others = &v - w * &old;
            let mut left = matrix(&equations, u) + w * w * &gram;
            (0..left.nrows()).for_each(|k| left[(k, k)] += lambda);
            let right = vector(&equations, u) + w * (&target - &gram * others);
            let new = solve(left, &right).ok_or(Error::NotPositiveDefinite {
                side: Side::Classifier,
                index: u,
                lambda,
            })?;
            v += w * (&new - old);
            column.iter_mut().zip(new.iter()).for_each(|(x, new)| *x = *new);
        }
        Ok(())
    }

    fn update_instances(&self, problem: &Problem<'_>, state: &mut Parameters) -> Result<()> {
        let v = state.factors.combine_classifiers(&state.weights)?;
        let (d, m) = state.factors.classifiers.dim();
        // X with v = X w as its last column, the factor of the supervised row.
        let augmented = ndarray::Array2::from_shape_fn((d, m + 1), |(k, u)| {
            if u < m { state.factors.classifiers[(k, u)] } else { v[k] }
        });
        let cells = Augmented { exact: self, problem };
        let lambda = problem.objective().lambda;
        ridge::update_instances(
            problem.workspace(),
            &cells,
            augmented.view(),
            lambda,
            &mut state.factors.instances,
        )
    }
}

fn matrix(equations: &NormalEquations, u: usize) -> DMatrix<f64> {
    DMatrix::from_fn(equations.d, equations.d, equations.gram_of(u))
}

fn vector(equations: &NormalEquations, u: usize) -> DVector<f64> {
    DVector::from_column_slice(equations.rhs_of(u))
}
