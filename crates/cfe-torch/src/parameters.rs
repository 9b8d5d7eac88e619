//! X, Y, w, b and the gate as tensors.

use std::sync::{Mutex, PoisonError};

use cfe_core::{Factors, Gate, Start};
use tch::{COptimizer, TchError, Tensor};

use crate::aggregator::GateTensors;
use crate::convert::{Placement, to_array, to_vec};
use crate::spec::{Optimizer, StartSource};

/// The trained tensors.
#[derive(Debug)]
pub(crate) struct Parameters {
    /// d x m.
    pub(crate) x: Tensor,
    /// d x n.
    pub(crate) y: Tensor,
    /// m.
    pub(crate) w: Tensor,
    /// 1.
    pub(crate) b: Tensor,
    pub(crate) gate: Option<GateTensors>,
}

impl Parameters {
    pub(crate) fn new(start: &Start, gate: Option<&Gate>, placement: Placement) -> Result<Self, TchError> {
        let leaf = |tensor: Tensor| tensor.f_set_requires_grad(true);
        Ok(Self {
            x: leaf(placement.array(&start.factors.classifiers)?)?,
            y: leaf(placement.array(&start.factors.instances)?)?,
            w: leaf(placement.vector(&start.weights)?)?,
            b: leaf(placement.vector(&[start.bias])?)?,
            gate: gate.map(|gate| GateTensors::new(gate, placement)).transpose()?,
        })
    }

    /// The same values, but nothing flows back to the aggregator.
    pub(crate) fn with_frozen_aggregator(&self) -> Result<Self, TchError> {
        Ok(Self {
            x: self.x.shallow_clone(),
            y: self.y.shallow_clone(),
            w: self.w.f_detach()?,
            b: self.b.f_detach()?,
            gate: self.gate.as_ref().map(|gate| gate.map(|t| t.f_detach())).transpose()?,
        })
    }

    /// libtorch's optimiser over all of them.
    pub(crate) fn optimizer(&self, optimizer: Optimizer, rate: f64) -> Result<COptimizer, TchError> {
        let (beta1, beta2, epsilon) = (0.9, 0.999, 1e-8);
        let mut built = match optimizer {
            Optimizer::Adam => COptimizer::adam(rate, beta1, beta2, 0.0, epsilon, false),
            Optimizer::AdamW { weight_decay } => {
                COptimizer::adamw(rate, beta1, beta2, weight_decay, epsilon, false)
            }
            Optimizer::Sgd { momentum } => COptimizer::sgd(rate, momentum, 0.0, 0.0, false),
        }?;
        // A tensor that no loss has reached has no gradient, and the optimiser passes over it.
        let gate = self.gate.iter().flat_map(|gate| gate.all());
        for tensor in [&self.x, &self.y, &self.w, &self.b].into_iter().chain(gate) {
            built.add_parameters(tensor, 0)?;
        }
        Ok(built)
    }

    /// (w, b) on the host.
    pub(crate) fn aggregator(&self) -> Result<(Vec<f64>, f64), TchError> {
        Ok((to_vec(&self.w)?, self.b.f_double_value(&[0])?))
    }

    /// Everything on the host, in f64.
    pub(crate) fn read(&self) -> Result<(Start, Option<Gate>), TchError> {
        let array = |tensor: &Tensor| {
            let (rows, columns) = tensor.size2()?;
            to_array(tensor, rows as usize, columns as usize)
        };
        let (weights, bias) = self.aggregator()?;
        let factors = Factors { classifiers: array(&self.x)?, instances: array(&self.y)? };
        let gate = self.gate.as_ref().map(GateTensors::read).transpose()?;
        Ok((Start { factors, weights, bias }, gate))
    }

    /// A copy on the device, apart from the graph.
    pub(crate) fn snapshot(&self) -> Result<Self, TchError> {
        let copy = |tensor: &Tensor| tensor.f_detach_copy();
        Ok(Self {
            x: copy(&self.x)?,
            y: copy(&self.y)?,
            w: copy(&self.w)?,
            b: copy(&self.b)?,
            gate: self.gate.as_ref().map(|gate| gate.map(copy)).transpose()?,
        })
    }
}

/// The start a spec asks for.
pub(crate) fn draw_start(
    source: StartSource,
    latent_dim: usize,
    m: usize,
    n: usize,
    seed: u64,
) -> Result<Start, TchError> {
    match source {
        StartSource::Shared => Ok(Start::random(latent_dim, m, n, seed)),
        StartSource::Libtorch => {
            // libtorch has one generator for the whole process: between the seed and the draws nobody else may draw.
            static GENERATOR: Mutex<()> = Mutex::new(());
            let _drawing = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
            tch::manual_seed(seed as i64);
            let draw = |columns: usize| {
                let shape = [latent_dim as i64, columns as i64];
                let normal = Tensor::f_randn(shape, (tch::Kind::Float, tch::Device::Cpu))?;
                to_array(&normal.f_mul_scalar(cfe_core::START_SCALE)?, latent_dim, columns)
            };
            Ok(Start::with_factors(Factors { classifiers: draw(m)?, instances: draw(n)? }))
        }
    }
}
