//! The objective in tensors.
//!
//! Formulas and symbols: `cfe_core::objective`; the tests hold the two against each other.

use cfe_core::objective::Problem;
use cfe_core::ridge::Cells;
use cfe_core::{EnsembleData, LossParts, Objective};
use tch::{Kind, TchError, Tensor};

use crate::convert::Placement;
use crate::parameters::Parameters;

/// Data and constants of the objective on the device.
#[derive(Debug)]
pub(crate) struct TensorProblem {
    ratings: Tensor,
    confidences: Tensor,
    /// Indices of the labeled instances; `None` if that is all of them.
    labeled: Option<Tensor>,
    /// Labels as 0 and 1.
    targets: Tensor,
    /// Labels as -1 and 1.
    signs: Tensor,
    /// Instance weights, summing to 1.
    weights: Tensor,
    objective: Objective,
    scale: f64,
}

/// The parts of the loss, still on the device.
#[derive(Debug)]
pub(crate) struct TensorLoss {
    pub(crate) total: Tensor,
    parts: Tensor,
}

impl TensorLoss {
    /// One copy, and so one synchronisation, for all parts.
    pub(crate) fn read(&self) -> Result<LossParts, TchError> {
        let mut parts = [0.0; 4];
        self.parts.f_to_kind(Kind::Double)?.f_to_device(tch::Device::Cpu)?.f_copy_data(&mut parts, 4)?;
        let [total, reconstruction, penalty, supervised] = parts;
        Ok(LossParts { total, reconstruction, penalty, supervised })
    }
}

impl TensorProblem {
    pub(crate) fn new(
        data: &EnsembleData,
        problem: &Problem<'_>,
        placement: Placement,
    ) -> Result<Self, TchError> {
        let (m, n) = (data.n_classifiers(), data.n_instances());
        let (mut ratings, mut confidences) = (vec![0.0; m * n], vec![0.0; m * n]);
        for (u, (r, c)) in ratings.chunks_mut(n).zip(confidences.chunks_mut(n)).enumerate() {
            problem.rule().fill(u, 0, r, c);
        }
        let labeled: Vec<i64> = data.labeled().iter().map(|&i| i as i64).collect();
        let all = labeled.len() == n;
        let targets: Vec<f64> = problem.targets().iter().map(|&y| f64::from(u8::from(y))).collect();
        let signs: Vec<f64> = targets.iter().map(|y| 2.0 * y - 1.0).collect();
        let total: f64 = problem.instance_weights().iter().sum();
        let weights: Vec<f64> = problem.instance_weights().iter().map(|a| a / total).collect();
        Ok(Self {
            ratings: placement.matrix(&ratings, m, n)?,
            confidences: placement.matrix(&confidences, m, n)?,
            labeled: if all { None } else { Some(placement.index(&labeled)?) },
            targets: placement.vector(&targets)?,
            signs: placement.vector(&signs)?,
            weights: placement.vector(&weights)?,
            objective: *problem.objective(),
            scale: problem.objective().reconstruction_scale(data),
        })
    }

    /// The objective at the parameters, differentiable in all of them.
    pub(crate) fn loss(&self, parameters: &Parameters) -> Result<TensorLoss, TchError> {
        let Parameters { x, y, w, b } = parameters;
        let rho = self.objective.rho;

        let residual = self.ratings.f_sub(&x.f_transpose(0, 1)?.f_matmul(y)?)?;
        let weighted = self.confidences.f_mul(&residual)?.f_mul(&residual)?;
        let reconstruction = weighted.f_sum(None)?.f_mul_scalar(self.scale)?;
        let squares = x.f_square()?.f_sum(None)?.f_add(&y.f_square()?.f_sum(None)?)?;
        let penalty = squares.f_mul_scalar(self.objective.lambda * self.scale)?;

        // z = (X w) . y_i + b: r_hat of the labeled instances is never formed.
        let v = x.f_mv(w)?;
        let of_all = y.f_transpose(0, 1)?.f_mv(&v)?;
        let logits = match &self.labeled {
            Some(index) => of_all.f_index_select(0, index)?,
            None => of_all,
        };
        let supervised = self.supervised(&logits.f_add(b)?)?;

        let first = reconstruction.f_add(&penalty)?.f_mul_scalar(rho)?;
        let total = first.f_add(&supervised.f_mul_scalar(1.0 - rho)?)?;
        let parts = [&total, &reconstruction, &penalty, &supervised].map(|t| t.f_detach());
        let [a, b, c, d] = parts;
        let parts = Tensor::f_stack(&[a?, b?, c?, d?], 0)?;
        Ok(TensorLoss { total, parts })
    }

    fn supervised(&self, logits: &Tensor) -> Result<Tensor, TchError> {
        let gamma = self.objective.loss.gamma();
        if gamma == 0.0 {
            return logits.f_binary_cross_entropy_with_logits(
                &self.targets,
                Some(&self.weights),
                None::<&Tensor>,
                tch::Reduction::Sum,
            );
        }
        let s = self.signs.f_mul(logits)?;
        let log_p = s.f_log_sigmoid()?;
        let modulation = s.f_neg()?.f_log_sigmoid()?.f_mul_scalar(gamma)?.f_exp()?;
        self.weights.f_mul(&modulation)?.f_mul(&log_p)?.f_sum(None)?.f_neg()
    }
}
