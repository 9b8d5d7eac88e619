//! Alternating least squares for CF-Ensemble: the fast, hybrid trainer.
//!
//! An iteration solves X from Y and Y from X in closed form, then makes one gradient step on the aggregator
//! (w, b):
//!
//! ```text
//! x_u = (Y diag(C[u,:]) Y^T + lambda I)^-1 Y diag(C[u,:]) R[u,:]^T
//! y_i = (X diag(C[:,i]) X^T + lambda I)^-1 X diag(C[:,i]) R[:,i]
//! (w, b) -= learning_rate * gradient of sum_i a_i l(y_i, w . X^T y_i + b) / sum_i a_i
//! ```
//!
//! The labels reach X and Y through the confidence C alone (label-aware blending); class weights and focal
//! loss act on w and b only. A sweep costs 2 m n d (d + 1) flops for the Gram matrices, 4 m n d for the
//! right-hand sides and n (d^3 / 3 + 2 d^2) for the solves.
//!
//! ```
//! use cfe_als::{Als, AlsSpec};
//! use cfe_core::{Trainer, synthetic::Separable};
//!
//! let drawn = Separable::default().generate(1)?;
//! let als = Als::try_from(AlsSpec { latent_dim: 5, ..AlsSpec::default() })?;
//! let fitted = als.fit(&drawn.data)?;
//! let predictions = fitted.model.predict_training(&drawn.data)?;
//! assert_eq!(predictions.probabilities.len(), 500);
//! # Ok::<(), cfe_core::Error>(())
//! ```

#![forbid(unsafe_code)]

mod acceleration;
mod aggregator;
mod course;
mod exact;
mod memory;
mod sharded;
mod spec;
mod trainer;

pub use cfe_core::BiasStart;
pub use memory::estimate_memory;
pub use spec::{AggregatorSolver, AggregatorSpec, AlsObjective, AlsSpec};
pub use trainer::Als;
