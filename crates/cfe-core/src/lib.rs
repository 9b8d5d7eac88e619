//! Core of CF-Ensemble: everything that is not training.
//!
//! Someone has trained m classifiers on an imbalanced binary problem and holds their probabilities R (m x n),
//! with labels for some of the n instances. CF-Ensemble factorizes R ~ X^T Y and learns an aggregator sigma(w
//! . r_hat + b). This crate holds the data ([`EnsembleData`]), the objective ([`objective`]), the
//! [`metrics`], the [`Model`] and the [`Trainer`] trait. Backends train; this crate predicts, measures and
//! computes every reported loss, so that a difference between backends comes from training. It knows no
//! backend and opens no file: tables and model files are in `cfe-io`.

#![forbid(unsafe_code)]

pub mod cell_errors;
pub mod classes;
pub mod columns;
pub mod confidence;
#[cfg(feature = "contract")]
pub mod contract;
pub mod diversity;
pub mod keys;
pub mod losses;
pub mod objective;
pub mod resampling;
pub mod ridge;
pub mod rows;
pub mod settings;
pub mod shards;
pub mod stats;
pub mod synthetic;

mod aggregator;
mod blocks;
mod class_totals;
mod data;
mod dtype;
mod error;
mod factors;
mod gate;
mod history;
mod memory;
mod model;
mod parameters;
mod schedule;
mod trainer;
mod training_state;
mod weights;

pub use stats::{calibration, logistic, metrics, multinomial, nnls, validation};

pub use aggregator::{Aggregator, AggregatorKind, BiasStart, MEAN_LOGIT_CLIP};
pub use confidence::{Confidence, ConfidenceStrategy, FittedConfidence};
pub use data::{EnsembleData, check_predictions};
pub use diversity::{Symptom, WeightStats};
pub use dtype::Dtype;
pub use error::{Error, Result, Side, ensure, is_at_least_zero, is_positive, with_causes};
pub use factors::{Factors, START_SCALE, random_side};
pub use gate::Gate;
pub use history::{History, HistoryEntry, OnDivergence, StopReason, Timings};
pub use losses::SupervisedLoss;
pub use memory::{available_memory, check_matrix, check_memory};
pub use model::{Model, Predictions, check_logits};
pub use objective::{LossParts, Objective, Reduction};
pub use parameters::Parameters;
pub use resampling::{Resampled, Resampling, Sampler};
pub use schedule::WeightSchedule;
pub use trainer::{Fitted, FnObserver, Observer, Step, TracePoint, Trainer, WeightTrace};
pub use training_state::TrainingState;
pub use weights::{
    ClassWeight, Costs, check_weight_sum, instance_weights, mean_weight, weight_unit, weights_of_mean_one,
};
