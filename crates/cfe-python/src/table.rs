//! Tables: from files, Arrow streams and arrays; the whole fit of one, its scores and its report.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::ffi_stream::RecordBatchStreamReader;
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, RecordBatchIterator, StringArray};
use arrow_pyarrow::FromPyArrow;
use cfe_combine::FitOutcome;
use cfe_combine::judge::{Cut, Part, diagnose, evaluate, measure_predictions};
use cfe_combine::report::document;
use cfe_io::{Labels, Source, TableOptions, TableResult, read_any_batches, read_any_table};
use ndarray::Array2;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1, ToPyArray};
use pyo3::prelude::*;
use serde::Deserialize;

use crate::array::Matrix;
use crate::border::{run, run_owned};
use crate::class_model::ClassModel;
use crate::class_table::ClassTable;
use crate::common::{findings, in_python_words, json, options, owned, page, passed_over, warnings};
use crate::errors::{Failure, with_causes};
use crate::fit::{ensemble_data, labels_of};
use crate::model::Model;
use crate::words::python_words;

/// A checked table of predictions.
#[pyclass(frozen, module = "cf_ensemble._core")]
pub(crate) struct Table {
    table: Arc<cfe_io::Table>,
}

impl Table {
    fn new(table: cfe_io::Table) -> Self {
        Table { table: Arc::new(table) }
    }
}

/// A table of two classes, or of more.
#[derive(IntoPyObject)]
pub(crate) enum AnyTable {
    Two(Table),
    Classes(ClassTable),
}

impl TryFrom<cfe_io::AnyTable> for AnyTable {
    type Error = Failure;

    fn try_from(table: cfe_io::AnyTable) -> Result<Self, Failure> {
        match table {
            cfe_io::AnyTable::Binary(table) => Ok(AnyTable::Two(Table::new(*table))),
            cfe_io::AnyTable::Classes(table) => Ok(AnyTable::Classes(ClassTable::new(*table))),
            _ => Err(Failure::Data("this kind of table is not known".to_owned())),
        }
    }
}

/// The model that a table is read for.
#[derive(FromPyObject)]
pub(crate) enum ForModel<'py> {
    Two(Bound<'py, Model>),
    Classes(Bound<'py, ClassModel>),
}

/// Reads a table as `options` (JSON) say, and for a model as that needs it: one of two classes has its
/// classifiers and remembers the table it was trained with; of more classes, columns are found by name later.
/// Without `scored` a model only predicts, and then labels and weights that do not serve are passed over.
fn read_with(
    py: Python<'_>,
    options: &str,
    model: Option<ForModel<'_>>,
    scored: bool,
    read: impl FnOnce(&TableOptions) -> TableResult<cfe_io::AnyTable> + Send + 'static,
) -> PyResult<AnyTable> {
    // The work may outlive this call, so it gets copies and shared handles and borrows nothing of Python's.
    let options = options.to_owned();
    let of_two = match &model {
        Some(ForModel::Two(model)) => Some(Arc::clone(&model.get().saved)),
        _ => None,
    };
    let of_classes = match &model {
        Some(ForModel::Classes(model)) => Some(Arc::clone(&model.get().saved)),
        _ => None,
    };
    run_owned(py, 0, None, None, move |_| {
        let options = self::options(&options)?;
        let labels = if scored { Labels::Needed } else { Labels::IfPresent };
        // A model of two classes names its columns before the table is read.
        let mut how = match of_two {
            Some(model) => options.table.table_options_for(&model, labels)?,
            None => options.table_options()?,
        };
        // A model of more classes finds its columns by name when rows are predicted; their cells are read as
        // those of its table were.
        if let Some(model) = &of_classes {
            how.labels = labels;
            options.table.read_cells_as(&model.details, &mut how);
        }
        match (AnyTable::try_from(read(&how)?)?, of_classes) {
            (AnyTable::Two(table), Some(model)) => Err(Failure::Data(format!(
                "{}: the model is of the classes {}, and the table has no columns <classifier>:<class> of them; give the \
                 columns that it was fitted to",
                table.table.file,
                model.classes().join(", ")
            ))),
            (table, _) => Ok(table),
        }
    })
}

/// Reads a file of a kind that `cfe_io::read_any_table` knows. `options` is JSON; with `model` what it
/// predicts from is read.
#[pyfunction]
#[pyo3(signature = (path, options = "{}", *, model = None, scored = false))]
pub(crate) fn read_table(
    py: Python<'_>,
    path: PathBuf,
    options: &str,
    model: Option<ForModel<'_>>,
    scored: bool,
) -> PyResult<AnyTable> {
    read_with(py, options, model, scored, move |how| read_any_table(Source::new(&path), how))
}

/// Takes whatever has `__arrow_c_stream__`; `name` stands for it in messages.
#[pyfunction]
#[pyo3(signature = (stream, name, options = "{}", *, model = None, scored = false))]
pub(crate) fn table_of_stream(
    stream: &Bound<'_, PyAny>,
    name: String,
    options: &str,
    model: Option<ForModel<'_>>,
    scored: bool,
) -> PyResult<AnyTable> {
    let reader = RecordBatchStreamReader::from_pyarrow_bound(stream)?;
    read_with(stream.py(), options, model, scored, move |how| read_any_batches(&name, reader, how))
}

/// Takes named columns of numbers or text; `name` stands for them in messages.
#[pyfunction]
#[pyo3(signature = (columns, name, options = "{}", *, model = None, scored = false))]
pub(crate) fn table_of_columns(
    py: Python<'_>,
    columns: Vec<(String, Column<'_>)>,
    name: String,
    options: &str,
    model: Option<ForModel<'_>>,
    scored: bool,
) -> PyResult<AnyTable> {
    let columns = columns.into_iter().map(|(name, column)| (name, column.into_arrow()));
    let batch = RecordBatch::try_from_iter(columns).map_err(|e| {
        Failure::Data(format!("{name}: {e}; give each column one value for each row")).into_py(py, None)
    })?;
    read_with(py, options, model, scored, move |how| {
        // A mapping of columns takes the way of any other Arrow stream, as a stream of one batch.
        let schema = batch.schema();
        read_any_batches(&name, RecordBatchIterator::new([Ok(batch)], schema), how)
    })
}

/// A column of a mapping of Python.
#[derive(FromPyObject)]
pub(crate) enum Column<'py> {
    Double(PyReadonlyArray1<'py, f64>),
    Whole(PyReadonlyArray1<'py, i64>),
    Text(Vec<Option<String>>),
}

impl Column<'_> {
    fn into_arrow(self) -> ArrayRef {
        match self {
            Column::Double(values) => {
                Arc::new(Float64Array::from_iter_values(values.as_array().iter().copied()))
            }
            Column::Whole(values) => {
                Arc::new(Int64Array::from_iter_values(values.as_array().iter().copied()))
            }
            Column::Text(values) => Arc::new(StringArray::from(values)),
        }
    }
}

#[pymethods]
impl Table {
    /// Takes n x m predictions and n labels: 1, 0, or -1 for none.
    #[staticmethod]
    #[pyo3(signature = (predictions, labels, classifier_names, name, *, sample_weight = None, row_names = None))]
    fn from_arrays<'py>(
        py: Python<'py>,
        predictions: Matrix<'py>,
        labels: PyReadonlyArray1<'py, i8>,
        classifier_names: Vec<String>,
        name: &str,
        sample_weight: Option<PyReadonlyArray1<'py, f64>>,
        row_names: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Self> {
        let labels = labels_of(&labels);
        let sample_weight = sample_weight.map(owned);
        let view = predictions.view().map_err(|e| e.into_py(py, None))?;
        run(py, 0, None, row_names.as_ref(), |caller| {
            let data = ensemble_data(&view, classifier_names, labels, sample_weight, caller)?;
            Ok(Table::new(cfe_io::Table::from_data(name, data, None)?))
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

    /// Weights of the rows (n), if there are some.
    #[getter]
    fn sample_weight<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        self.table.data.sample_weights().map(|weights| weights.to_pyarray(py))
    }

    /// The fold column (n), if there is one.
    #[getter]
    fn folds(&self) -> Option<Vec<String>> {
        self.table.folds.clone()
    }

    /// The id column (n), if there is one.
    #[getter]
    fn ids(&self) -> Option<Vec<String>> {
        self.table.data.instance_ids().map(<[String]>::to_vec)
    }

    /// What is odd but no reason to stop.
    #[getter]
    fn warnings(&self) -> Vec<String> {
        warnings(&self.table.warnings)
    }

    /// What the columns were taken for, in one line.
    #[getter]
    fn taken(&self) -> String {
        python_words(&self.table.taken.to_string())
    }

    /// Columns that were not read, each with the reason.
    #[getter]
    fn passed_over(&self) -> Vec<(String, String)> {
        passed_over(&self.table.taken)
    }

    /// Missing predictions, duplicates, inverted classifiers, shift between splits, as JSON.
    fn findings(&self, py: Python<'_>) -> PyResult<String> {
        let table = Arc::clone(&self.table);
        findings(py, move || diagnose(&table))
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
        let (options, table) = (options.to_owned(), Arc::clone(&slf.get().table));
        let outcome = run_owned(py, threads, progress.as_ref(), None, move |caller| {
            let outcome = self::options(&options)?.plan()?.fit(&table, caller)?;
            // A stopped fit may hold a model of what was found by then; Python raises what stopped it
            // instead.
            caller.check()?;
            Ok(outcome)
        })?;
        let model = Py::new(py, Model::new(outcome.model.clone()))?;
        Ok(TableFit { outcome: Arc::new(outcome), model, table: slf.unbind() })
    }

    /// Scores a model on the labeled rows, beside simple combiners that need no labels, as JSON.
    #[pyo3(signature = (model, *, threads = 0))]
    fn evaluate(&self, py: Python<'_>, model: &Bound<'_, Model>, threads: usize) -> PyResult<String> {
        let (saved, table) = (Arc::clone(&model.get().saved), Arc::clone(&self.table));
        let parts = run_owned(py, threads, None, None, move |_| Ok(evaluate(&saved, &table)?))?;
        json(py, &parts)
    }
}

/// What the fit of a table gives.
#[pyclass(frozen, module = "cf_ensemble._core")]
pub(crate) struct TableFit {
    outcome: Arc<FitOutcome>,
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
        let (outcome, table) = (Arc::clone(&self.outcome), Arc::clone(&self.table.get().table));
        run_owned(py, threads, None, None, move |_| {
            let findings = in_python_words(outcome.diagnose(&table)?);
            Ok(page(&document(&outcome, &table, &parts, &findings)))
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
        let (outcome, table) = (Arc::clone(&self.outcome), Arc::clone(&self.table.get().table));
        run_owned(py, threads, progress.as_ref(), None, move |caller| {
            let parts = outcome.metrics_watched(&table, caller)?;
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
#[pyo3(signature = (labels, methods, *, sample_weight = None, cut = None, seed = 0, threads = 0))]
pub(crate) fn measure<'py>(
    py: Python<'py>,
    labels: PyReadonlyArray1<'py, i8>,
    methods: Vec<Scored<'py>>,
    sample_weight: Option<PyReadonlyArray1<'py, f64>>,
    cut: Option<&str>,
    seed: u64,
    threads: usize,
) -> PyResult<String> {
    let labels: Vec<bool> = labels.as_array().iter().map(|&y| y == 1).collect();
    let weights = sample_weight.map(owned);
    let methods = methods.into_iter().map(|(name, scores, p)| (name, owned(scores), p.map(owned))).collect();
    let cut = cut.map(str::to_owned);
    let part = run_owned(py, threads, None, None, move |_| {
        let parse = |text: &str| {
            let value =
                serde_json::from_str(text).and_then(|value: serde_json::Value| Cut::deserialize(&value));
            value.map_err(|e| Failure::Settings(with_causes(&e)))
        };
        let cut = cut.as_deref().map(parse).transpose()?.map(|cut| (cut.rule, cut.threshold));
        Ok(measure_predictions("predictions", &labels, weights.as_deref(), methods, cut, seed)?)
    })?;
    json(py, &part)
}
