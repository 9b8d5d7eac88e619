//! The objective in tensors.
//!
//! Formulas and symbols: `cfe_core::objective`; the tests hold the two against each other.

use cfe_core::objective::Problem;
use cfe_core::ridge::Cells;
use cfe_core::{AggregatorKind, EnsembleData, LossParts, Objective};
use tch::{Kind, TchError, Tensor};

use crate::aggregator::{AggregatorSpec, mean_logits};
use crate::convert::{Placement, to_vec};
use crate::tensors::Tensors;

/// Data and constants of the objective on the device.
#[derive(Debug)]
pub(crate) struct TensorProblem {
    ratings: Tensor,
    confidences: Tensor,
    /// Indices of the labeled instances; `None` if that is all of them.
    labeled: Option<Tensor>,
    /// What the loss asks for: labels as 0 and 1, or smoothed.
    targets: Tensor,
    /// Labels as -1 and 1.
    signs: Tensor,
    /// Base weights of the instances, summing to 1: of reported losses.
    weights: Tensor,
    /// Those of the training loss, where they differ.
    moved: Option<Tensor>,
    objective: Objective,
    aggregator: AggregatorSpec,
    /// Of the reconstruction, apart from rho.
    scale: f64,
    /// Of the terms of the loss.
    factors: Tensor,
    placement: Placement,
}

/// The parts of the loss, still on the device.
#[derive(Debug)]
pub(crate) struct TensorLoss {
    /// What is minimized: the objective under the weights of this epoch, with the decay of w.
    pub(crate) minimized: Tensor,
    /// sum C (R - X^T Y)^2, |X|^2, |Y|^2 and the supervised loss under the base weights.
    terms: Tensor,
}

impl TensorProblem {
    pub(crate) fn new(
        data: &EnsembleData,
        problem: &Problem<'_>,
        aggregator: AggregatorSpec,
        placement: Placement,
    ) -> Result<Self, TchError> {
        let (m, n) = (data.n_classifiers(), data.n_instances());
        let (mut ratings, mut confidences) = (vec![0.0; m * n], vec![0.0; m * n]);
        // Missing cells are 0 in both, so that they count nothing in the sums.
        for (u, (r, c)) in ratings.chunks_mut(n).zip(confidences.chunks_mut(n)).enumerate() {
            problem.rule().fill(u, 0, r, c);
        }
        let labeled: Vec<i64> = data.labeled().iter().map(|&i| i as i64).collect();
        // Where all instances are labeled, selecting them would be a copy for nothing.
        let all = labeled.len() == n;
        let loss = problem.objective().loss;
        let targets: Vec<f64> = problem.targets().iter().map(|&y| loss.target(y)).collect();
        let scale = problem.objective().reconstruction_scale(data);
        let signs: Vec<f64> = problem.targets().iter().map(|&y| if y { 1.0 } else { -1.0 }).collect();
        Ok(Self {
            ratings: placement.matrix(&ratings, m, n)?,
            confidences: placement.matrix(&confidences, m, n)?,
            labeled: if all { None } else { Some(placement.index(&labeled)?) },
            targets: placement.vector(&targets)?,
            signs: placement.vector(&signs)?,
            weights: normalized(problem.base_weights(), placement)?,
            moved: None,
            objective: *problem.objective(),
            aggregator,
            factors: placement.vector(&factors(problem.objective(), scale))?,
            scale,
            placement,
        })
    }

    /// Sets the weights of the labeled instances in the loss that is minimized.
    pub(crate) fn set_weights(&mut self, weights: &[f64]) -> Result<(), TchError> {
        self.moved = Some(normalized(weights, self.placement)?);
        Ok(())
    }

    /// Logits of the labeled instances, on the host.
    pub(crate) fn read_logits(&self, parameters: &Tensors) -> Result<Vec<f64>, TchError> {
        tch::no_grad(|| {
            let r_hat = parameters.x.f_transpose(0, 1)?.f_matmul(&parameters.y)?;
            to_vec(&self.logits(parameters, &r_hat)?)
        })
    }

    /// w . mu: what centering takes off the bias; 0 without centering.
    pub(crate) fn read_center(&self, parameters: &Tensors) -> Result<f64, TchError> {
        if !self.aggregator.center {
            return Ok(0.0);
        }
        tch::no_grad(|| self.weighted(parameters)?.f_mean(None::<Kind>)?.f_double_value(&[]))
    }

    /// The parts of the objective: one copy, and so one synchronization, for all of them.
    pub(crate) fn read(&self, loss: &TensorLoss) -> Result<LossParts, TchError> {
        let [error, x2, y2, supervised] = read_scalars(&loss.terms)?;
        let penalty = self.objective.lambda * self.scale * (x2 + y2);
        Ok(LossParts::combine(self.objective.rho, self.scale * error, penalty, supervised))
    }

    /// The objective at the parameters, differentiable in all of them.
    pub(crate) fn loss(&self, parameters: &Tensors) -> Result<TensorLoss, TchError> {
        let Tensors { x, y, w, .. } = parameters;
        let r_hat = x.f_transpose(0, 1)?.f_matmul(y)?;
        let residual = self.ratings.f_sub(&r_hat)?;
        let error = self.confidences.f_mul(&residual)?.f_mul(&residual)?.f_sum(None)?;
        let [x2, y2] = [x.f_square()?.f_sum(None)?, y.f_square()?.f_sum(None)?];
        let logits = self.logits(parameters, &r_hat)?;
        let supervised = self.supervised(&logits, &self.weights)?;

        // One product with the factors of the terms instead of an operation for each: on small data an epoch
        // is made of the overhead of its operations.
        let terms = Tensor::f_stack(&[&error, &x2, &y2, &supervised], 0)?;
        let mut minimized = match &self.moved {
            Some(weights) => {
                let moved = self.supervised(&logits, weights)?;
                Tensor::f_stack(&[&error, &x2, &y2, &moved], 0)?.f_dot(&self.factors)?
            }
            None => terms.f_dot(&self.factors)?,
        };
        if self.aggregator.weight_decay > 0.0 {
            // The decay stands beside the supervised loss, so it has the share 1 - rho.
            let half = 0.5 * (1.0 - self.objective.rho) * self.aggregator.weight_decay;
            minimized = minimized.f_add(&w.f_square()?.f_sum(None)?.f_mul_scalar(half)?)?;
        }
        Ok(TensorLoss { minimized, terms })
    }

    /// Logits of the labeled instances.
    fn logits(&self, parameters: &Tensors, r_hat: &Tensor) -> Result<Tensor, TchError> {
        let of_labeled = || match &self.labeled {
            Some(index) => r_hat.f_index_select(1, index),
            None => Ok(r_hat.shallow_clone()),
        };
        match (self.aggregator.kind, &parameters.gate) {
            (AggregatorKind::Mean, _) => mean_logits(&of_labeled()?),
            (_, Some(gate)) => gate.logits(&parameters.w, &of_labeled()?)?.f_add(&parameters.b),
            (_, None) => {
                let logits = self.weighted(parameters)?;
                // The mean of the labeled logits is w . mu, so this is w . (r_hat_i - mu).
                let logits = match self.aggregator.center {
                    true => logits.f_sub(&logits.f_mean(None::<Kind>)?)?,
                    false => logits,
                };
                logits.f_add(&parameters.b)
            }
        }
    }

    /// w . r_hat of the labeled instances as (X w) . y_i: their r_hat is not needed.
    fn weighted(&self, parameters: &Tensors) -> Result<Tensor, TchError> {
        let v = parameters.x.f_mv(&parameters.w)?;
        let of_all = parameters.y.f_transpose(0, 1)?.f_mv(&v)?;
        match &self.labeled {
            Some(index) => of_all.f_index_select(0, index),
            None => Ok(of_all),
        }
    }

    fn supervised(&self, logits: &Tensor, weights: &Tensor) -> Result<Tensor, TchError> {
        let gamma = self.objective.loss.gamma();
        if gamma == 0.0 {
            return logits.f_binary_cross_entropy_with_logits(
                &self.targets,
                Some(weights),
                None::<&Tensor>,
                tch::Reduction::Sum,
            );
        }
        // -(1 - p_t)^gamma log p_t, with s = z or -z and (1 - p_t)^gamma = exp(gamma log sigma(-s)).
        let s = self.signs.f_mul(logits)?;
        let log_p = s.f_log_sigmoid()?;
        let modulation = s.f_neg()?.f_log_sigmoid()?.f_mul_scalar(gamma)?.f_exp()?;
        weights.f_mul(&modulation)?.f_mul(&log_p)?.f_sum(None)?.f_neg()
    }
}

/// The factors of the terms in the objective.
fn factors(objective: &Objective, scale: f64) -> [f64; 4] {
    let Objective { rho, lambda, .. } = *objective;
    [rho * scale, rho * lambda * scale, rho * lambda * scale, 1.0 - rho]
}

fn read_scalars<const N: usize>(tensor: &Tensor) -> Result<[f64; N], TchError> {
    let mut values = [0.0; N];
    let host = tch::no_grad(|| tensor.f_to_kind(Kind::Double)?.f_to_device(tch::Device::Cpu))?;
    host.f_copy_data(&mut values, N)?;
    Ok(values)
}

/// Weights that sum to 1.
fn normalized(weights: &[f64], placement: Placement) -> Result<Tensor, TchError> {
    let total: f64 = weights.iter().sum();
    placement.vector(&weights.iter().map(|a| a / total).collect::<Vec<f64>>())
}
