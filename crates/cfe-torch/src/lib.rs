//! Joint training of CF-Ensemble on libtorch.
//!
//! One loss, backpropagated through X, Y, w and b at once:
//!
//! ```text
//! L = rho [ sum_ui c_ui (r_ui - x_u . y_i)^2 + lambda (|X|^2 + |Y|^2) ] + (1 - rho) sum_i a_i l(y_i, z_i) / sum_i a_i
//! ```
//!
//! (formula and symbols: [`cfe_core::objective`]). Class weights and focal loss reach all four. The
//! supervision is in the loss itself, so the confidence does not look at labels. An epoch is one full-batch
//! step; it costs about 6 m n d flops for the products and 12 passes over m x n.
//!
//! ```no_run
//! use cfe_core::{Trainer, synthetic::Separable};
//! use cfe_torch::{Device, Torch, TorchSpec};
//!
//! let drawn = Separable::default().generate(1)?;
//! let torch = Torch::try_from(TorchSpec { latent_dim: 5, device: Device::Cpu, ..TorchSpec::default() })?;
//! let fitted = torch.fit(&drawn.data)?;
//! assert_eq!(fitted.device, "CPU f32");
//! # Ok::<(), cfe_core::Error>(())
//! ```

mod aggregator;
mod convert;
mod device;
mod error;
mod memory;
mod optimizer;

mod problem;
mod schedule;
mod spec;
mod tensors;
mod trainer;

pub use aggregator::AggregatorSpec;
pub use cfe_core::Dtype;
pub use device::{Device, DeviceError, LibtorchInfo, ParseDeviceError, ResolvedDevice, libtorch_info};
pub use error::TorchError;
pub use memory::estimate_memory;
pub use spec::{EarlyStopping, Optimizer, ReduceOnPlateau, StartSource, TorchSpec};
pub use trainer::Torch;
