//! What models and tables of two classes and of more say in the same way.

use cfe_combine::FitOptions;
use cfe_combine::judge::{Finding, TrustReport};
use cfe_io::{ModelFile, ModelFileResult, TableWarning, Taken};
use cfe_report::Document;
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::PyTypeInfo;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::border::{run, run_owned};
use crate::errors::Failure;
use crate::words::python_words;

/// A value as JSON, which Python reads with its own reader.
pub(crate) fn json<T: serde::Serialize>(py: Python<'_>, value: &T) -> PyResult<String> {
    serde_json::to_string(value).map_err(|e| Failure::Training(format!("not JSON: {e}")).into_py(py, None))
}

/// Options of a fit, which hold those of a table.
pub(crate) fn options(text: &str) -> Result<FitOptions, Failure> {
    serde_json::from_str(text).map_err(|e| Failure::Settings(format!("options: {e}")))
}

/// The model of the content of a file.
pub(crate) fn of_bytes<T: Send>(
    py: Python<'_>,
    content: &[u8],
    read: impl FnOnce(&ModelFile) -> ModelFileResult<T> + Send,
) -> PyResult<T> {
    // Read behind the border, so that a panic on damaged content becomes an exception.
    run(py, 1, None, None, |_| Ok(read(&ModelFile::from_bytes("the bytes", content)?)?))
}

/// The content of the file of a model.
pub(crate) fn bytes_of<'py>(
    py: Python<'py>,
    file: impl FnOnce() -> ModelFileResult<ModelFile> + Send,
) -> PyResult<Bound<'py, PyBytes>> {
    let content = run(py, 1, None, None, |_| Ok(file()?.to_bytes()?))?;
    Ok(PyBytes::new(py, &content))
}

/// How a model of the class `T` is pickled: by the bytes of its file, which are checked when they are read.
pub(crate) type Reduced<'py> = (Bound<'py, PyAny>, Bound<'py, PyTuple>);

pub(crate) fn reduced<'py, T: PyTypeInfo>(
    py: Python<'py>,
    content: Bound<'py, PyBytes>,
) -> PyResult<Reduced<'py>> {
    Ok((py.get_type::<T>().getattr("from_bytes")?, PyTuple::new(py, [content])?))
}

/// A note about the origin of a model, from its JSON.
pub(crate) fn note(py: Python<'_>, key: &str, value: &str) -> PyResult<serde_json::Value> {
    let refused = |e| Failure::Settings(format!("the note {key:?} is not JSON: {e}")).into_py(py, None);
    serde_json::from_str(value).map_err(refused)
}

/// The weight of each of the classifiers `names`; 0 where it has no say.
pub(crate) fn weights_of(trust: &TrustReport, names: &[String]) -> Vec<f64> {
    let weight = |name: &String| trust.classifiers.iter().find(|t| t.name == *name).map_or(0.0, |t| t.weight);
    names.iter().map(weight).collect()
}

/// What a reader of a table warned of.
pub(crate) fn warnings(given: &[TableWarning]) -> Vec<String> {
    given.iter().map(|warning| python_words(&warning.to_string())).collect()
}

/// Columns that were not read, each with the reason.
pub(crate) fn passed_over(taken: &Taken) -> Vec<(String, String)> {
    taken.passed_over.iter().map(|one| (one.column.clone(), python_words(&one.reason))).collect()
}

/// What `find` finds in a table, as JSON.
pub(crate) fn findings(
    py: Python<'_>,
    find: impl FnOnce() -> cfe_core::Result<Vec<Finding>> + Send + 'static,
) -> PyResult<String> {
    json(py, &run_owned(py, 0, None, None, move |_| Ok(in_python_words(find()?)))?)
}

/// Findings whose remedies are arguments of Python.
pub(crate) fn in_python_words(mut found: Vec<Finding>) -> Vec<Finding> {
    found.iter_mut().for_each(|finding| finding.text = python_words(&finding.text));
    found
}

/// A report as HTML without anything to load.
pub(crate) fn page(document: &Document) -> String {
    cfe_report::html::write(document, &format!("Made by cf_ensemble {}.", env!("CARGO_PKG_VERSION")))
}

/// An array of Python as numbers of our own.
pub(crate) fn owned(array: PyReadonlyArray1<'_, f64>) -> Vec<f64> {
    array.as_array().to_vec()
}

/// Counts and places as numpy has them.
pub(crate) fn whole<'py>(
    py: Python<'py>,
    numbers: impl IntoIterator<Item = usize>,
) -> Bound<'py, PyArray1<i64>> {
    numbers.into_iter().map(|number| number as i64).collect::<Vec<i64>>().into_pyarray(py)
}
