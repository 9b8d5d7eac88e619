//! Tables: from files, Arrow streams and arrays; the whole fit of one, its scores and its report.

use std::path::PathBuf;

use arrow_array::ffi_stream::RecordBatchStreamReader;
use arrow_pyarrow::FromPyArrow;
use cfe_combine::judge::{Cut, Part, diagnose, evaluate, measure_predictions};
use cfe_combine::report::document;
use cfe_combine::{FitOptions, FitOutcome, FitResult};
use cfe_io::{Source, read_batches, read_table};
use ndarray::Array2;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1, ToPyArray};
use pyo3::prelude::*;
use serde::Deserialize;

use crate::array::Matrix;
use crate::border::run;
use crate::errors::{Failure, with_causes};
use crate::fit::{ensemble_data, labels_of};
use crate::model::{Model, json};

/// A checked table of predictions.
#[pyclass(frozen, module = "cf_ensemble._core")]
pub(crate) struct Table {
    table: cfe_io::Table,
}

/// Options of a fit, which hold those of a table.
fn options(text: &str) -> FitResult<FitOptions, Failure> {
    serde_json::from_str(text).map_err(|e| Failure::Settings(format!("options: {e}")))
}

#[pymethods]
impl Table {
    /// Reads a file: CSV or TSV (also gzipped), Parquet, Arrow IPC, NPY, NPZ. `options` is JSON; with
    /// `classifiers` exactly these columns are read.
    #[staticmethod]
    #[pyo3(signature = (path, options = "{}", *, classifiers = None))]
    fn read(
        py: Python<'_>,
        path: PathBuf,
        options: &str,
        classifiers: Option<Vec<String>>,
    ) -> PyResult<Self> {
        run(py, 0, None, None, |_| {
            let mut how = self::options(options)?.table_options()?;
            how.classifiers = classifiers;
            Ok(Table { table: read_table(Source::new(&path), &how)? })
        })
    }

    /// Takes whatever has `__arrow_c_stream__`; `name` stands for it in messages.
    #[staticmethod]
    #[pyo3(signature = (stream, name, options = "{}", *, classifiers = None))]
    fn from_stream(
        stream: &Bound<'_, PyAny>,
        name: &str,
        options: &str,
        classifiers: Option<Vec<String>>,
    ) -> PyResult<Self> {
        let reader = RecordBatchStreamReader::from_pyarrow_bound(stream)?;
        run(stream.py(), 0, None, None, |_| {
            let mut how = self::options(options)?.table_options()?;
            how.classifiers = classifiers;
            Ok(Table { table: read_batches(name, reader, &how)? })
        })
    }

    /// Takes n x m predictions and n labels: 1, 0, or -1 for none.
    #[staticmethod]
    #[pyo3(signature = (predictions, labels, classifier_names, name, *, groups = None, row_names = None))]
    fn from_arrays<'py>(
        py: Python<'py>,
        predictions: Matrix<'py>,
        labels: PyReadonlyArray1<'py, i8>,
        classifier_names: Vec<String>,
        name: &str,
        groups: Option<Vec<String>>,
        row_names: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Self> {
        let (view, labels) = (predictions.view(), labels_of(&labels));
        run(py, 0, None, row_names.as_ref(), |_| {
            let data = ensemble_data(view, classifier_names, labels, None)?;
            Ok(Table { table: cfe_io::Table::from_data(name, data, groups)? })
        })
    }

    /// Name of the file.
    #[getter]
    fn name(&self) -> &str {
        &self.table.file
    }

    /// Names of the classifiers.
    #[getter]
    fn classifier_names(&self) -> Vec<String> {
        self.table.data.classifier_names().to_vec()
    }

    /// (rows, classifiers).
    #[getter]
    fn shape(&self) -> (usize, usize) {
        (self.table.data.n_instances(), self.table.data.n_classifiers())
    }

    /// The predictions, n x m, NaN where there is none.
    #[getter]
    fn predictions<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray2<f64>> {
        let r: Array2<f64> = self.table.data.predictions().to_owned();
        // A transposed view of the copy: n x m as in Python, without a second copy.
        r.reversed_axes().into_pyarray(py)
    }

    /// The labels as given (n): 1, 0, or -1 for none.
    #[getter]
    fn labels<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i8>> {
        let code = |label: &Option<bool>| label.map_or(-1, i8::from);
        self.table.truth.iter().map(code).collect::<Vec<i8>>().into_pyarray(py)
    }

    /// Whether each row belongs to the train split (n).
    #[getter]
    fn in_train<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<bool>> {
        self.table.in_train.to_pyarray(py)
    }

    /// The split column (n), if one was named.
    #[getter]
    fn split(&self) -> Option<Vec<String>> {
        self.table.split.clone()
    }

    /// The group column (n), if one was named.
    #[getter]
    fn groups(&self) -> Option<Vec<String>> {
        self.table.groups.clone()
    }

    /// The id column (n), if there is one.
    #[getter]
    fn ids(&self) -> Option<Vec<String>> {
        self.table.data.instance_ids().map(<[String]>::to_vec)
    }

    /// What is odd but no reason to stop.
    #[getter]
    fn warnings(&self) -> Vec<String> {
        self.table.warnings.iter().map(ToString::to_string).collect()
    }

    /// Missing predictions, duplicates, inverted classifiers, shift between splits, as JSON.
    fn findings(&self, py: Python<'_>) -> PyResult<String> {
        let found = run(py, 0, None, None, |_| Ok(diagnose(&self.table)?))?;
        json(py, &found)
    }

    /// Fits a combiner to the train rows; `options` is JSON, see `FitOptions` of the Rust crate.
    #[pyo3(signature = (options = "{}", *, threads = 0, progress = None))]
    fn fit(
        slf: Bound<'_, Self>,
        options: &str,
        threads: usize,
        progress: Option<Bound<'_, PyAny>>,
    ) -> PyResult<TableFit> {
        let py = slf.py();
        let table = &slf.get().table;
        let outcome = run(py, threads, progress.as_ref(), None, |caller| {
            let outcome = self::options(options)?.plan()?.fit(table, caller)?;
            // A stopped fit may hold a model of what was found by then; Python raises what stopped it
            // instead.
            caller.check()?;
            Ok(outcome)
        })?;
        let model = Py::new(py, Model { saved: outcome.model.clone() })?;
        Ok(TableFit { outcome, model, table: slf.unbind() })
    }

    /// Scores a model on the labeled rows, beside simple combiners that need no labels, as JSON.
    #[pyo3(signature = (model, *, threads = 0))]
    fn evaluate(&self, py: Python<'_>, model: &Bound<'_, Model>, threads: usize) -> PyResult<String> {
        let saved = &model.get().saved;
        let parts = run(py, threads, None, None, |_| Ok(evaluate(saved, &self.table)?))?;
        json(py, &parts)
    }
}

/// What the fit of a table gives.
#[pyclass(frozen, module = "cf_ensemble._core")]
pub(crate) struct TableFit {
    outcome: FitOutcome,
    /// The model.
    #[pyo3(get)]
    model: Py<Model>,
    /// What it was fitted to.
    #[pyo3(get)]
    table: Py<Table>,
}

#[pymethods]
impl TableFit {
    /// Probability of every row of the table, of the train rows too.
    #[getter]
    fn probabilities<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.outcome.combined.probabilities.to_pyarray(py)
    }

    /// Probabilities of the labeled train rows, each from fits that did not see its label.
    #[getter]
    fn out_of_fold<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        self.outcome.out_of_fold.as_ref().map(|p| p.to_pyarray(py))
    }

    /// Where to cut, as JSON.
    #[getter]
    fn cut(&self, py: Python<'_>) -> PyResult<Option<String>> {
        self.outcome.cut.as_ref().map(|cut| json(py, cut)).transpose()
    }

    /// Number of folds.
    #[getter]
    fn n_folds(&self) -> usize {
        self.outcome.folds
    }

    /// Scores of the combined prediction and of simple combiners on each split, as JSON.
    #[pyo3(signature = (*, threads = 0, progress = None))]
    fn metrics(
        &self,
        py: Python<'_>,
        threads: usize,
        progress: Option<Bound<'_, PyAny>>,
    ) -> PyResult<String> {
        json(py, &self.parts(py, threads, progress)?)
    }

    /// The report of the fit: HTML without anything to load.
    #[pyo3(signature = (*, threads = 0, progress = None))]
    fn report(&self, py: Python<'_>, threads: usize, progress: Option<Bound<'_, PyAny>>) -> PyResult<String> {
        let parts = self.parts(py, threads, progress)?;
        let table = &self.table.get().table;
        run(py, threads, None, None, |_| {
            let findings = diagnose(table)?;
            let footer = format!("Made by cf_ensemble {}.", env!("CARGO_PKG_VERSION"));
            Ok(cfe_report::html::write(&document(&self.outcome, table, &parts, &findings), &footer))
        })
    }
}

impl TableFit {
    fn parts(
        &self,
        py: Python<'_>,
        threads: usize,
        progress: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Vec<Part>> {
        let table = &self.table.get().table;
        run(py, threads, progress.as_ref(), None, |caller| {
            let parts = self.outcome.metrics_watched(table, caller)?;
            caller.check()?;
            Ok(parts)
        })
    }
}

/// A way to combine: its name, the scores that it ranks by, and its probabilities where it has them.
type Scored<'py> = (String, PyReadonlyArray1<'py, f64>, Option<PyReadonlyArray1<'py, f64>>);

/// Scores predictions of any origin on n labels (1 and 0), as JSON; the others are compared with the first.
/// `cut` is JSON.
#[pyfunction]
#[pyo3(signature = (labels, methods, *, cut = None, seed = 0, threads = 0))]
pub(crate) fn measure<'py>(
    py: Python<'py>,
    labels: PyReadonlyArray1<'py, i8>,
    methods: Vec<Scored<'py>>,
    cut: Option<&str>,
    seed: u64,
    threads: usize,
) -> PyResult<String> {
    let labels: Vec<bool> = labels.as_array().iter().map(|&y| y == 1).collect();
    let owned = |a: PyReadonlyArray1<'py, f64>| a.as_array().to_vec();
    let methods = methods.into_iter().map(|(name, scores, p)| (name, owned(scores), p.map(owned))).collect();
    let part = run(py, threads, None, None, |_| {
        let parse = |text: &str| {
            let value =
                serde_json::from_str(text).and_then(|value: serde_json::Value| Cut::deserialize(&value));
            value.map_err(|e| Failure::Settings(with_causes(&e)))
        };
        let cut = cut.map(parse).transpose()?.map(|cut| (cut.rule, cut.threshold));
        Ok(measure_predictions("predictions", &labels, methods, cut, seed)?)
    })?;
    json(py, &part)
}
