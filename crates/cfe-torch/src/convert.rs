//! Between the core's f64 arrays and tensors. tch keeps an ndarray of its own, so everything crosses by
//! slice.

use ndarray::Array2;
use tch::{Kind, TchError, Tensor};

use cfe_core::{Dtype, Error, Result, TrainingState};

use crate::error::backend;

/// Where tensors live and what they hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placement {
    pub(crate) device: tch::Device,
    pub(crate) kind: Kind,
}

impl Placement {
    pub(crate) fn new(device: tch::Device, dtype: Dtype) -> Self {
        let kind = match dtype {
            Dtype::F32 => Kind::Float,
            Dtype::F64 => Kind::Double,
        };
        Self { device, kind }
    }

    pub(crate) fn vector(&self, values: &[f64]) -> Result<Tensor, TchError> {
        Tensor::f_from_slice(values)?.f_to_kind(self.kind)?.f_to_device(self.device)
    }

    /// `rows` x `columns`, row-major.
    pub(crate) fn matrix(&self, values: &[f64], rows: usize, columns: usize) -> Result<Tensor, TchError> {
        self.vector(values)?.f_reshape([rows as i64, columns as i64])
    }

    pub(crate) fn array(&self, values: &Array2<f64>) -> Result<Tensor, TchError> {
        let (rows, columns) = values.dim();
        let values: Vec<f64> = values.iter().copied().collect();
        self.matrix(&values, rows, columns)
    }

    pub(crate) fn index(&self, values: &[i64]) -> Result<Tensor, TchError> {
        Tensor::f_from_slice(values)?.f_to_device(self.device)
    }
}

/// A tensor's entries in f64, row-major.
pub(crate) fn to_vec(tensor: &Tensor) -> Result<Vec<f64>, TchError> {
    // f_copy_data reads contiguous memory of the host.
    let tensor = tensor.f_detach()?.f_to_device(tch::Device::Cpu)?.f_to_kind(Kind::Double)?.f_contiguous()?;
    let mut values = vec![0.0; tensor.numel()];
    let count = values.len();
    tensor.f_copy_data(&mut values, count)?;
    Ok(values)
}

/// A matrix tensor as an array.
pub(crate) fn to_array(tensor: &Tensor, rows: usize, columns: usize) -> Result<Array2<f64>, TchError> {
    let values = to_vec(tensor)?;
    Array2::from_shape_vec((rows, columns), values).map_err(|error| TchError::Shape(error.to_string()))
}

/// Sets a tensor to numbers that a state remembers.
pub(crate) fn fill(tensor: &mut Tensor, state: &TrainingState, name: &str) -> Result<()> {
    let values = state.recall(name).unwrap_or_default();
    if values.len() != tensor.numel() {
        let (found, expected) = (values.len(), tensor.numel());
        let what = format!("{name} has {found} numbers where {expected} belong");
        return Err(Error::DamagedState { what });
    }
    let copied: Result<(), TchError> = tch::no_grad(|| {
        let values = Tensor::f_from_slice(&values)?.f_to_kind(tensor.f_kind()?)?;
        tensor.f_copy_(&values.f_reshape(tensor.size())?)
    });
    copied.map_err(backend)
}
