//! Every method on tables of the user's own: both trainers with their variants, the recommended combiner, all
//! baselines.
//!
//! A table whose rows outside the train split have labels is scored on those. Any other is cross-validated
//! over its labeled rows, each fold scored by a fit that did not see its labels.

mod command;
mod document;
mod measure;
mod results;

pub use command::compare_on_tables;
pub use document::document;
pub use measure::{MethodResult, Protocol, TableReport};
pub use results::TablesResults;
