//! Tables of more than two classes: the whole fit of one, its scores and its report.

use std::sync::{Arc, Mutex, PoisonError};

use cfe_combine::classes::{
    self as of_classes, ClassData, ClassOptions, ClassOutcome, ClassPredictions, DecisionRule, judge_table,
    measure_distributions,
};
use cfe_combine::judge::diagnose_classes;
use cfe_combine::report::classes::class_document;
use cfe_combine::{Progress, Watch};
use cfe_core::validation::Folds;
use ndarray::Array3;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArray3, PyReadonlyArray1, PyReadonlyArray2, ToPyArray};
use pyo3::prelude::*;

use crate::array::Cube;
use crate::border::{Caller, run, run_owned};
use crate::class_model::{Answers, ClassModel, Predicted};
use crate::common::{findings, in_python_words, json, options, owned, page, passed_over, warnings, whole};
use crate::errors::Failure;
use crate::words::python_words;

/// A checked table of predictions of K classes.
#[pyclass(frozen, module = "cf_ensemble._core")]
pub(crate) struct ClassTable {
    table: Arc<cfe_io::ClassTable>,
}

impl ClassTable {
    pub(crate) fn new(table: cfe_io::ClassTable) -> Self {
        ClassTable { table: Arc::new(table) }
    }
}

#[pymethods]
impl ClassTable {
    /// Takes n x m x K probabilities and n labels: the number of a class, or -1 for none.
    #[staticmethod]
    #[pyo3(signature = (
        predictions, labels, classifier_names, classes, name, *, sample_weight = None, groups = None, folds = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are the arguments of a Python function")]
    fn from_arrays<'py>(
        py: Python<'py>,
        predictions: Cube<'py>,
        labels: PyReadonlyArray1<'py, i64>,
        classifier_names: Vec<String>,
        classes: Vec<String>,
        name: &str,
        sample_weight: Option<PyReadonlyArray1<'py, f64>>,
        groups: Option<Vec<String>>,
        folds: Option<Vec<String>>,
    ) -> PyResult<Self> {
        // Any negative label stands for none.
        let labels: Vec<Option<usize>> =
            labels.as_array().iter().map(|&label| usize::try_from(label).ok()).collect();
        let sample_weight = sample_weight.map(owned);
        let view = predictions.view();
        run(py, 0, None, None, |caller| {
            let predictions = ClassPredictions::new(view.to_values(caller)?, classifier_names, classes)?;
            let mut data = ClassData::new(predictions, labels)?;
            if let Some(weights) = sample_weight {
                data = data.with_sample_weights(weights)?;
            }
            let mut table = cfe_io::ClassTable::from_data(name, data, groups)?;
            table.folds = folds;
            Ok(ClassTable::new(table))
        })
    }

    /// Name of the file.
    #[getter]
    fn name(&self) -> &str {
        &self.table.file
    }

    /// Names of the classifiers (m).
    #[getter]
    fn classifier_names(&self) -> Vec<String> {
        self.table.predictions.classifier_names().to_vec()
    }

    /// Labels of the classes (K), as text.
    #[getter]
    fn classes(&self) -> Vec<String> {
        self.table.predictions.classes().to_vec()
    }

    /// (rows, classifiers, classes).
    #[getter]
    fn shape(&self) -> (usize, usize, usize) {
        let (m, n, k) = self.table.predictions.values().dim();
        (n, m, k)
    }

    /// The probabilities, n x m x K, NaN where there is none.
    #[getter]
    fn predictions<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray3<f64>> {
        rows_first(py, &self.table.predictions)
    }

    /// The labels as given (n): places in `label_values`, or -1 for none.
    #[getter]
    fn labels<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        let code = |label: &Option<usize>| label.map_or(-1, |label| label as i64);
        self.table.labels.iter().map(code).collect::<Vec<i64>>().into_pyarray(py)
    }

    /// The different labels: first the classes of the predictions, then labels that are none of them.
    #[getter]
    fn label_values(&self) -> Vec<String> {
        self.table.label_values.clone()
    }

    /// Whether each row belongs to the train split (n).
    #[getter]
    fn in_train<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<bool>> {
        self.table.in_train.to_pyarray(py)
    }

    /// The split column (n), if there is one.
    #[getter]
    fn split(&self) -> Option<Vec<String>> {
        self.table.split.clone()
    }

    /// The group column (n), if there is one.
    #[getter]
    fn groups(&self) -> Option<Vec<String>> {
        self.table.groups.clone()
    }

    /// The fold column (n), if there is one.
    #[getter]
    fn folds(&self) -> Option<Vec<String>> {
        self.table.folds.clone()
    }

    /// Weights of the rows (n), if there are some.
    #[getter]
    fn sample_weight<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        self.table.weights.as_ref().map(|weights| weights.to_pyarray(py))
    }

    /// The id column (n), if there is one.
    #[getter]
    fn ids(&self) -> Option<Vec<String>> {
        self.table.ids.clone()
    }

    /// What is odd but no reason to stop.
    #[getter]
    fn warnings(&self) -> Vec<String> {
        // The reader has warned of columns and cells. Scaling is known to the predictions alone.
        let mut warnings = warnings(&self.table.warnings);
        let scaled = self.table.predictions.renormalized();
        if scaled > 0 {
            warnings.push(format!(
                "{}: the classes of {scaled} predictions did not sum to 1 and were scaled; give probabilities as the \
                 classifiers computed them",
                self.table.file
            ));
        }
        warnings
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

    /// Leaks, in-sample predictions, columns of classes in another order, copies of rows, gaps, as JSON.
    fn findings(&self, py: Python<'_>) -> PyResult<String> {
        let table = Arc::clone(&self.table);
        findings(py, move || diagnose_classes(&table))
    }

    /// Fits a combiner to the train rows; `options` and `class_options` are JSON, see `FitOptions` and
    /// `ClassOptions` of the Rust crate. Groups, folds, times and costs are those of the table.
    #[pyo3(signature = (options = "{}", class_options = "{}", *, threads = 0, progress = None))]
    fn fit(
        slf: Bound<'_, Self>,
        options: &str,
        class_options: &str,
        threads: usize,
        progress: Option<Bound<'_, PyAny>>,
    ) -> PyResult<ClassFit> {
        let py = slf.py();
        let (options, class_options) = (options.to_owned(), class_options.to_owned());
        let table = Arc::clone(&slf.get().table);
        let (outcome, data, warnings) = run_owned(py, threads, progress.as_ref(), None, move |caller| {
            let plan = self::options(&options)?.plan()?;
            let class_options = class_options_of(&class_options, &table)?;
            let data = table.data()?;
            let listening = Listening { caller, warnings: Mutex::new(Vec::new()) };
            let mut outcome = of_classes::fit_planned(&plan, &data, &class_options, &listening)?;
            // A stopped fit raises what stopped it.
            caller.check()?;
            // The model file names the table, as that of `cfe fit` does.
            outcome.model.remember_table(&table, &plan.options.table);
            let warnings = listening.warnings.into_inner().unwrap_or_else(PoisonError::into_inner);
            Ok((outcome, data, warnings))
        })?;
        let model = Py::new(py, ClassModel::new(outcome.model.clone()))?;
        Ok(ClassFit {
            outcome: Arc::new(outcome),
            data: Arc::new(data),
            warnings,
            model,
            table: slf.unbind(),
        })
    }

    /// Predicts the rows with a model, whose classifiers and classes are found by name.
    #[pyo3(signature = (model, *, threads = 0))]
    fn predict<'py>(
        &self,
        py: Python<'py>,
        model: &Bound<'_, ClassModel>,
        threads: usize,
    ) -> PyResult<Predicted<'py>> {
        let (saved, table) = (Arc::clone(&model.get().saved), Arc::clone(&self.table));
        let answers = run_owned(py, threads, None, None, move |_| {
            Ok(Answers { combined: saved.predict(&table.predictions)? })
        })?;
        Ok(answers.into_py(py))
    }

    /// The probabilities, n x m x K, of the classifiers and classes of a model in its order.
    fn aligned<'py>(
        &self,
        py: Python<'py>,
        model: &Bound<'_, ClassModel>,
    ) -> PyResult<Bound<'py, PyArray3<f64>>> {
        let saved = Arc::clone(&model.get().saved);
        let aligned = run(py, 1, None, None, |_| {
            Ok(self.table.predictions.align(saved.classifier_names(), saved.classes())?)
        })?;
        Ok(rows_first(py, &aligned))
    }

    /// Scores a model on the labeled rows of each split, beside soft voting, as JSON.
    #[pyo3(signature = (model, *, threads = 0))]
    fn evaluate(&self, py: Python<'_>, model: &Bound<'_, ClassModel>, threads: usize) -> PyResult<String> {
        let (saved, table) = (Arc::clone(&model.get().saved), Arc::clone(&self.table));
        let parts = run_owned(py, threads, None, None, move |_| {
            let parts = judge_table(&table, &saved, |_| true)?;
            if parts.is_empty() {
                return Err(Failure::Data(format!(
                    "{}: no labeled row is of a class that the model knows; its classes are {}",
                    table.file,
                    saved.classes().join(", ")
                )));
            }
            Ok(parts)
        })?;
        json(py, &parts)
    }
}

/// Probabilities as n x m x K.
fn rows_first<'py>(py: Python<'py>, predictions: &ClassPredictions) -> Bound<'py, PyArray3<f64>> {
    let values: Array3<f64> = predictions.values().to_owned();
    // A transposed view of the copy, without a second one.
    values.permuted_axes([1, 0, 2]).into_pyarray(py)
}

/// What the JSON and the columns of the table say of a fit.
fn class_options_of(text: &str, table: &cfe_io::ClassTable) -> Result<ClassOptions, Failure> {
    let refused = |e| Failure::Settings(format!("options of several classes: {e}"));
    let given: serde_json::Value = serde_json::from_str(text).map_err(refused)?;
    // Who says what a wrong decision costs wants those that cost least.
    let unsaid = given.get("decision").is_none() && table.costs.is_some();
    let mut options: ClassOptions = serde_json::from_value(given).map_err(refused)?;
    if unsaid {
        options.decision = DecisionRule::LeastCost;
    }
    options.groups.clone_from(&table.groups);
    options.folds.clone_from(&table.folds);
    options.times.clone_from(&table.times);
    options.costs.clone_from(&table.costs);
    Ok(options)
}

/// Hands everything on, and keeps the warnings for the end, since nobody may listen by then.
struct Listening<'a, 'b> {
    caller: &'a Caller<'b>,
    warnings: Mutex<Vec<String>>,
}

impl Watch for Listening<'_, '_> {
    fn progress(&self, progress: Progress<'_>) {
        self.caller.progress(progress);
    }

    fn warn(&self, message: &str) {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(python_words(message));
    }

    fn stop_asked(&self) -> bool {
        self.caller.stop_asked()
    }
}

/// What a fit of K classes gives.
#[pyclass(frozen, module = "cf_ensemble._core")]
pub(crate) struct ClassFit {
    outcome: Arc<ClassOutcome>,
    data: Arc<ClassData>,
    /// What the fit warned of.
    #[pyo3(get)]
    warnings: Vec<String>,
    /// The model.
    #[pyo3(get)]
    model: Py<ClassModel>,
    /// What it was fitted to.
    #[pyo3(get)]
    table: Py<ClassTable>,
}

#[pymethods]
impl ClassFit {
    /// Probabilities of every row of the table (n x K), of the train rows too.
    #[getter]
    fn probabilities<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray2<f64>> {
        self.outcome.combined.probabilities.to_pyarray(py)
    }

    /// Numbers of the rows that were learned from.
    #[getter]
    fn labeled<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        whole(py, self.data.labeled().iter().copied())
    }

    /// Probabilities of the rows that were learned from (their number x K), each from fits that did not see
    /// its label.
    #[getter]
    fn out_of_fold<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray2<f64>>> {
        self.outcome.out_of_fold.as_ref().map(|p| p.to_pyarray(py))
    }

    /// Number of folds.
    #[getter]
    fn n_folds(&self) -> usize {
        self.outcome.folds.as_ref().map_or(0, Folds::n_splits)
    }

    /// Classes, rows of each, coupling and decision, as JSON.
    #[getter]
    fn facts(&self, py: Python<'_>) -> PyResult<String> {
        json(py, &self.outcome.facts())
    }

    /// Scores of the combined prediction and of simple combiners on each split, as JSON.
    #[pyo3(signature = (*, threads = 0))]
    fn metrics(&self, py: Python<'_>, threads: usize) -> PyResult<String> {
        json(py, &self.parts(py, threads)?)
    }

    /// The report of the fit: HTML without anything to load.
    #[pyo3(signature = (*, threads = 0))]
    fn report(&self, py: Python<'_>, threads: usize) -> PyResult<String> {
        let parts = self.parts(py, threads)?;
        let (outcome, table) = (Arc::clone(&self.outcome), Arc::clone(&self.table.get().table));
        run_owned(py, threads, None, None, move |_| {
            let m = table.predictions.n_classifiers();
            let title = format!("Combining {m} classifiers: {}", table.file);
            let findings = in_python_words(diagnose_classes(&table)?);
            Ok(page(&class_document(title, &outcome.model, &parts, &outcome.class_counts, &findings)))
        })
    }
}

impl ClassFit {
    fn parts(&self, py: Python<'_>, threads: usize) -> PyResult<Vec<of_classes::ClassPart>> {
        let (outcome, data) = (Arc::clone(&self.outcome), Arc::clone(&self.data));
        let table = Arc::clone(&self.table.get().table);
        run_owned(py, threads, None, None, move |caller| {
            // Train rows are judged by the fits that held them out, and all other rows by the model itself.
            let mut parts: Vec<_> = outcome.cross_validated(&data)?.into_iter().collect();
            caller.check()?;
            parts.extend(judge_table(&table, &outcome.model, |i| !table.in_train[i])?);
            Ok(parts)
        })
    }
}

/// Scores distributions of any origin (n x K each) on n labels, which are numbers of classes; each method is
/// decided by its largest probability, and the others are compared with the first. JSON, as a part of
/// `ClassFit.metrics`.
#[pyfunction]
#[pyo3(signature = (labels, methods, *, sample_weight = None, seed = 0, threads = 0))]
pub(crate) fn measure_classes<'py>(
    py: Python<'py>,
    labels: PyReadonlyArray1<'py, i64>,
    methods: Vec<(String, PyReadonlyArray2<'py, f64>)>,
    sample_weight: Option<PyReadonlyArray1<'py, f64>>,
    seed: u64,
    threads: usize,
) -> PyResult<String> {
    // A label below 0 is refused as one that is not a class.
    let labels: Vec<usize> =
        labels.as_array().iter().map(|&label| usize::try_from(label).unwrap_or(usize::MAX)).collect();
    let weights = sample_weight.map(owned);
    // Copies of Python's arrays: the work may be left behind when Ctrl-C comes.
    let methods = methods.into_iter().map(|(name, p)| (name, p.as_array().to_owned())).collect();
    let part = run_owned(py, threads, None, None, move |_| {
        Ok(measure_distributions("predictions", &labels, weights.as_deref(), methods, seed)?)
    })?;
    json(py, &part)
}
