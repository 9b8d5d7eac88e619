//! Fits, judges and keeps combiners of classifiers.
//!
//! [`fit()`] takes a table ([`read_table`](cfe_io::read_table)) and [`FitOptions`] to a [`FitOutcome`]: the
//! model as [`SavedModel`], predictions, out-of-fold scores, threshold. A [`Watch`] sees the progress and may
//! stop the work. The crate knows no terminal, parses no command line and installs no signal handler.
//!
//! | room | holds |
//! |---|---|
//! | [`methods`] | every way to combine: name, description, presets, how to build one |
//! | [`recommended`], [`baselines`] | the recommended combiner, and the simple ones |
//! | [`classes`] | more than two classes: a fit for each, coupled to one distribution; decisions, the saved model |
//! | [`cross_validation`], [`tuning`] | folds, held-out predictions, the search over settings |
//! | [`pipeline`] | options, the whole fit, checkpoints, [`Watch`] |
//! | `out_of_core` | fits and predictions over a prepared store (features `als` and `parquet`) |
//! | [`judge`] | scores, thresholds, trust, findings about a table |
//! | [`saved`] | the model in a file, and what the file says of the fit |
//! | `report` | the report of a fit (feature `report`) |

#![forbid(unsafe_code)]

pub mod baselines;
pub mod classes;
pub mod cross_validation;
mod error;
pub mod judge;
pub mod methods;
#[cfg(all(feature = "als", feature = "parquet"))]
pub mod out_of_core;
pub mod pipeline;
pub mod recommended;
#[cfg(feature = "report")]
pub mod report;
pub mod saved;
pub mod tuning;

pub use error::{FitError, FitResult};
pub use methods::{Backend, BackendError};
pub use pipeline::{FitOptions, FitOutcome, FitPlan, Progress, Watch, fit, fit_watched};
pub use saved::SavedModel;
