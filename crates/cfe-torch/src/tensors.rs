//! X, Y, w, b and the gate as tensors.

use std::sync::{Mutex, PoisonError};

use cfe_core::{Factors, Gate, Parameters, Result, TrainingState, check_matrix};
use ndarray::Array2;
use tch::{TchError, Tensor};

use crate::aggregator::GateTensors;
use crate::convert::{Placement, fill, to_array, to_vec};
use crate::error::backend;
use crate::spec::StartSource;

/// The trained tensors.
#[derive(Debug)]
pub(crate) struct Tensors {
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

impl Tensors {
    pub(crate) fn new(
        start: &Parameters,
        gate: Option<&Gate>,
        placement: Placement,
    ) -> Result<Self, TchError> {
        // Autograd collects gradients at leaves that ask for them.
        let leaf = |tensor: Tensor| tensor.f_set_requires_grad(true);
        Ok(Self {
            x: leaf(placement.array(&start.factors.classifiers)?)?,
            y: leaf(placement.array(&start.factors.instances)?)?,
            w: leaf(placement.vector(&start.weights)?)?,
            b: leaf(placement.vector(&[start.bias])?)?,
            gate: gate.map(|gate| GateTensors::new(gate, placement)).transpose()?,
        })
    }

    /// All of them by name. X and Y come first, as w, b and the gate may be left alone.
    pub(crate) fn all(&self) -> Vec<(&'static str, &Tensor)> {
        let mut all = vec![("X", &self.x), ("Y", &self.y), ("w", &self.w), ("b", &self.b)];
        all.extend(self.gate.iter().flat_map(GateTensors::all));
        all
    }

    /// X and Y, and with `aggregator` the others, in the order of [`all`](Self::all).
    pub(crate) fn trained(&self, aggregator: bool) -> Vec<&Tensor> {
        if !aggregator {
            return vec![&self.x, &self.y];
        }
        self.all().into_iter().map(|(_, tensor)| tensor).collect()
    }

    /// Puts the values into the state of a run, under `prefix`.
    pub(crate) fn save(&self, prefix: &str, state: &mut TrainingState) -> Result<(), TchError> {
        for (name, tensor) in self.all() {
            state.remember(format!("{prefix}.{name}"), to_vec(tensor)?);
        }
        Ok(())
    }

    /// Takes up what [`save`](Self::save) kept.
    pub(crate) fn load(&self, prefix: &str, state: &TrainingState) -> Result<()> {
        let mut all = self.all().into_iter();
        all.try_for_each(|(name, tensor)| {
            fill(&mut tensor.shallow_clone(), state, &format!("{prefix}.{name}"))
        })
    }

    /// (w, b) on the host.
    pub(crate) fn aggregator(&self) -> Result<(Vec<f64>, f64), TchError> {
        Ok((to_vec(&self.w)?, self.b.f_double_value(&[0])?))
    }

    /// Everything on the host, in f64.
    pub(crate) fn read(&self) -> Result<(Parameters, Option<Gate>), TchError> {
        let array = |tensor: &Tensor| {
            let (rows, columns) = tensor.size2()?;
            to_array(tensor, rows as usize, columns as usize)
        };
        let (weights, bias) = self.aggregator()?;
        let factors = Factors { classifiers: array(&self.x)?, instances: array(&self.y)? };
        let gate = self.gate.as_ref().map(GateTensors::read).transpose()?;
        Ok((Parameters { factors, weights, bias }, gate))
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
) -> Result<Parameters> {
    match source {
        StartSource::Shared => Parameters::random(latent_dim, m, n, seed),
        StartSource::Libtorch => {
            // libtorch has one generator for the whole process: between the seed and the draws nobody else
            // may draw.
            static GENERATOR: Mutex<()> = Mutex::new(());
            let _drawing = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
            tch::manual_seed(seed as i64);
            let draw = |columns: usize| -> Result<Array2<f64>> {
                check_matrix("a matrix of factors", latent_dim, columns)?;
                let shape = [latent_dim as i64, columns as i64];
                let normal = Tensor::f_randn(shape, (tch::Kind::Float, tch::Device::Cpu)).map_err(backend)?;
                let scaled = normal.f_mul_scalar(cfe_core::START_SCALE).map_err(backend)?;
                to_array(&scaled, latent_dim, columns).map_err(backend)
            };
            Ok(Parameters::with_factors(Factors { classifiers: draw(m)?, instances: draw(n)? }))
        }
    }
}
