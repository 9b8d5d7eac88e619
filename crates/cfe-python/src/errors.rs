//! Errors of the core as Python's exceptions.
//!
//! The classes are defined in Python (`cf_ensemble/errors.py`), because each has two bases.

use std::error::Error as StdError;

use cfe_combine::FitError;
use cfe_core::Error;
use cfe_io::store::StoreError;
use cfe_io::{ModelFileError, TableError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::words::python_words;

/// Why a call ended without a result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something about the data: `DataError`.
    Data(String),
    /// A cell of the matrix, by classifier and number of the row: `DataError`, which names the row as the
    /// user does.
    Cell { classifier: String, row: usize, value: f64 },
    /// Something about the settings: `SettingsError`.
    Settings(String),
    /// Training or predicting: `TrainingError`.
    Training(String),
    /// A model file: `ModelFileError`.
    ModelFile(String),
    /// The caller asked for an end; what it raises instead is known to [`crate::border::run`].
    Stopped,
}

/// The message with those of its causes that it does not hold already.
pub(crate) fn with_causes(error: &(dyn StdError + 'static)) -> String {
    cfe_core::with_causes(error, ": ")
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            // The core names a row by its number where rows have no ids; the number becomes the user's name
            // of the row later.
            Error::InvalidProbability { classifier, instance, value } => match instance.parse() {
                Ok(row) => Failure::Cell { classifier, row, value },
                Err(_) => {
                    Failure::Data(Error::InvalidProbability { classifier, instance, value }.to_string())
                }
            },
            Error::EmptyData { .. }
            | Error::NothingObserved
            | Error::LengthMismatch { .. }
            | Error::ShapeMismatch { .. }
            | Error::DuplicateName { .. }
            | Error::InvalidWeight { .. }
            | Error::AllWeightsZero { .. }
            | Error::WeightSum { .. }
            | Error::NoLabels
            | Error::SingleClass { .. }
            | Error::WrongClassifiers { .. }
            | Error::InvalidScore { .. }
            | Error::TooFewClasses { .. }
            | Error::ClassProbabilities { .. }
            | Error::ClassesMissing { .. }
            | Error::ClassSums { .. }
            | Error::ClassWithoutPrediction { .. }
            | Error::UnknownName { .. }
            | Error::NothingToEvaluate => Failure::Data(error.to_string()),
            Error::InvalidParameter { .. } | Error::NotCompiledIn { .. } => {
                Failure::Settings(error.to_string())
            }
            Error::Stopped => Failure::Stopped,
            // A store that changed, or sums that make no whole.
            Error::Shards(error) => Failure::Data(with_causes(&error)),
            other => Failure::Training(with_causes(&other)),
        }
    }
}

impl From<ModelFileError> for Failure {
    fn from(error: ModelFileError) -> Self {
        Failure::ModelFile(with_causes(&error))
    }
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        Failure::Data(with_causes(&error))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stopped => Failure::Stopped,
            error => Failure::Data(with_causes(&error)),
        }
    }
}

impl From<FitError> for Failure {
    fn from(error: FitError) -> Self {
        match error {
            FitError::Options(text) => Failure::Settings(text),
            FitError::Backend(error) => Failure::Settings(with_causes(&error)),
            FitError::Checkpoint(error) => Failure::Settings(with_causes(&error)),
            FitError::Table(error) => error.into(),
            FitError::ModelFile(error) => error.into(),
            FitError::Data(text) => Failure::Data(text),
            FitError::Training { source, .. } => source.into(),
            FitError::Stopped => Failure::Stopped,
            FitError::Store(error) => (*error).into(),
            other => Failure::Training(with_causes(&other)),
        }
    }
}

impl Failure {
    /// The failure of a block that begins with row `begin`, in terms of the whole matrix.
    pub(crate) fn in_block(self, begin: usize) -> Self {
        match self {
            Failure::Cell { classifier, row, value } => Failure::Cell { classifier, row: row + begin, value },
            other => other,
        }
    }

    /// The exception to raise. `row_names` are the user's names of the rows (a pandas index, a list), if
    /// there are any.
    pub(crate) fn into_py(self, py: Python<'_>, row_names: Option<&Bound<'_, PyAny>>) -> PyErr {
        let (class, text) = match self {
            Failure::Data(text) => ("DataError", python_words(&text)),
            Failure::Cell { classifier, row, value } => {
                let named = row_names.and_then(|names| names.get_item(row).and_then(|name| name.str()).ok());
                let row = named.map_or_else(|| row.to_string(), |name| name.to_string());
                let value = value.to_string();
                (
                    "DataError",
                    format!(
                        "column {classifier:?}, row {row}: {value} is not a probability; 0 to 1 is allowed, and NaN \
                         where the classifier gave none (scores are taken with input=\"score\" or input=\"auto\")"
                    ),
                )
            }
            Failure::Settings(text) => ("SettingsError", python_words(&text)),
            Failure::Training(text) => ("TrainingError", text),
            Failure::ModelFile(text) => ("ModelFileError", text),
            Failure::Stopped => ("TrainingError", "stopped on request, before there was a model".to_owned()),
        };
        match exception(py, class) {
            Ok(class) => PyErr::from_type(class, text),
            Err(error) => error,
        }
    }
}

fn exception<'py>(py: Python<'py>, class: &str) -> PyResult<Bound<'py, PyType>> {
    // The module is looked up once for the process; the classes live there.
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let module = MODULE.get_or_try_init(py, || py.import("cf_ensemble.errors").map(Bound::unbind))?;
    Ok(module.bind(py).getattr(class)?.cast_into()?)
}
