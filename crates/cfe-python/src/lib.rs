//! The compiled half of the Python package `cf_ensemble`.
//!
//! Python code in `python/cf_ensemble` has the classes and functions that people use; this crate hands arrays
//! to `cfe-combine` and back. Four rules hold for every function here:
//!
//! 1. The interpreter lock is released while anything is computed ([`border::run`]).
//! 2. Work runs on a thread pool of our own ([`pool`]), and the calling thread keeps answering signals.
//! 3. No panic reaches Python: it becomes a `TrainingError` ([`border`]).
//! 4. A matrix is n x m at the border, a row for each instance, as Python users have it, and m x n inside
//!    ([`array`]).

#![forbid(unsafe_code)]

mod array;
mod border;
mod class_model;
mod class_table;
mod common;
mod errors;
mod fit;
mod model;
mod pool;
mod store;
mod table;
mod train;
mod words;

use pyo3::prelude::*;

/// The compiled half of `cf_ensemble`.
#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use super::class_model::{ClassModel, load};
    #[pymodule_export]
    use super::class_table::{ClassFit, ClassTable, measure_classes};
    #[pymodule_export]
    use super::fit::{Fit, fit};
    #[pymodule_export]
    use super::model::Model;
    #[pymodule_export]
    use super::store::{Store, check_plan, instruction_set, pin_instruction_set};
    #[pymodule_export]
    use super::table::{Table, TableFit, measure, read_table, table_of_columns, table_of_stream};
    #[pymodule_export]
    use super::train::{Training, train};

    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        border::silence_caught_panics();
        module.add("HAIR", cfe_io::HAIR)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
