//! More than two classes: models, tables and fits.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use cfe_combine::classes::{
    self as of_classes, CLASSES_KIND, ClassData, ClassOptions, ClassOutcome, ClassPredictions, judge_table,
};
use cfe_combine::judge::diagnose_classes;
use cfe_combine::report::classes::class_document;
use cfe_combine::saved::SavedModel;
use cfe_combine::{Progress, Watch};
use cfe_core::Error;
use cfe_core::metrics::classes::ClassScored;
use cfe_core::validation::Folds;
use cfe_io::ModelFile;
use ndarray::{Array2, Array3, ArrayView2, Axis, Slice};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArray3, PyReadonlyArray1, PyReadonlyArray2, ToPyArray};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple, PyType};
use serde_json::json;

use crate::array::{Cube, CubeView};
use crate::border::{Caller, run, run_owned};
use crate::errors::Failure;
use crate::model::{Model, contributions, json};
use crate::table::options;
use crate::words::python_words;

/// A model of two classes, or of more.
#[derive(IntoPyObject)]
pub(crate) enum AnyModel {
    Two(Model),
    Classes(ClassModel),
}

impl AnyModel {
    fn of_file(file: &ModelFile) -> Result<Self, Failure> {
        Ok(match file.kind() {
            CLASSES_KIND => AnyModel::Classes(ClassModel::new(of_classes::ClassModel::from_file(file)?)),
            _ => AnyModel::Two(Model::new(SavedModel::from_file(file)?)),
        })
    }
}

/// Loads a file that `save` or `cfe fit --model-out` wrote, of two classes or of more.
#[pyfunction]
pub(crate) fn load(py: Python<'_>, path: PathBuf) -> PyResult<AnyModel> {
    run(py, 1, None, None, |_| AnyModel::of_file(&ModelFile::load(&path)?))
}

/// A combiner of K classes; what `cfe fit --model-out` keeps in a file.
#[pyclass(frozen, module = "cf_ensemble._core")]
pub(crate) struct ClassModel {
    pub saved: Arc<of_classes::ClassModel>,
}

/// Probabilities (n x K), decisions by the number of the class (n), and how many classifiers gave a
/// prediction (n).
type Predicted<'py> = (Bound<'py, PyArray2<f64>>, Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>);

/// What each classifier adds to the log-odds of each class (n x m x K), and the rest (n x K).
type Explained<'py> = (Bound<'py, PyArray3<f64>>, Bound<'py, PyArray2<f64>>);

impl ClassModel {
    pub(crate) fn new(saved: of_classes::ClassModel) -> Self {
        ClassModel { saved: Arc::new(saved) }
    }
}

#[pymethods]
impl ClassModel {
    /// The model of the content of a file.
    #[classmethod]
    fn from_bytes(cls: &Bound<'_, PyType>, content: &[u8]) -> PyResult<Self> {
        run(cls.py(), 1, None, None, |_| {
            let file = ModelFile::from_bytes("the bytes", content)?;
            Ok(ClassModel::new(of_classes::ClassModel::from_file(&file)?))
        })
    }

    /// Writes the file, whole or not at all.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        run(py, 1, None, None, |_| Ok(self.saved.save(&path)?))
    }

    /// The content of the file.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let content = run(py, 1, None, None, |_| Ok(self.saved.to_file()?.to_bytes()?))?;
        Ok(PyBytes::new(py, &content))
    }

    // Pickles hold the bytes of a model file, which are checked when they are read.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let from_bytes = py.get_type::<Self>().getattr("from_bytes")?;
        Ok((from_bytes, PyTuple::new(py, [self.to_bytes(py)?])?))
    }

    /// Names of the classifiers (m).
    #[getter]
    fn classifier_names(&self) -> Vec<String> {
        self.saved.classifier_names().to_vec()
    }

    /// Labels of the classes (K), as text.
    #[getter]
    fn classes(&self) -> Vec<String> {
        self.saved.classes().to_vec()
    }

    /// How a class is decided for, as JSON.
    #[getter]
    fn decision(&self, py: Python<'_>) -> PyResult<String> {
        json(py, &self.saved.decision)
    }

    /// What is known of the origin of the model, as JSON.
    #[getter]
    fn details(&self, py: Python<'_>) -> PyResult<String> {
        json(py, &self.saved.details)
    }

    /// For each class the weights of the classifiers, as JSON.
    #[getter]
    fn trust(&self, py: Python<'_>) -> PyResult<String> {
        json(py, &self.saved.trust())
    }

    /// The weight of each classifier for each class (K x m); 0 where it has no say, and NaN for a class of
    /// which there was nothing to learn.
    #[getter]
    fn weights<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray2<f64>> {
        let names = self.saved.classifier_names();
        let mut weights = Array2::from_elem((self.saved.classes().len(), names.len()), f64::NAN);
        for (of, mut row) in self.saved.trust().into_iter().zip(weights.rows_mut()) {
            let Some(trust) = of.trust else { continue };
            for (weight, name) in row.iter_mut().zip(names) {
                *weight = trust.classifiers.iter().find(|t| t.name == *name).map_or(0.0, |t| t.weight);
            }
        }
        weights.into_pyarray(py)
    }

    /// The same model with a note about its origin: `value` is JSON.
    fn with_note(&self, py: Python<'_>, key: String, value: &str) -> PyResult<Self> {
        let value = serde_json::from_str(value)
            .map_err(|e| Failure::Settings(format!("the note {key:?} is not JSON: {e}")).into_py(py, None))?;
        let mut saved = of_classes::ClassModel::clone(&self.saved);
        saved.details.provenance.insert(key, value);
        Ok(ClassModel::new(saved))
    }

    /// Predicts the rows of n x m x K probabilities, classifiers and classes in the order of the model.
    #[pyo3(signature = (predictions, *, threads = 0))]
    fn predict<'py>(
        &self,
        py: Python<'py>,
        predictions: Cube<'py>,
        threads: usize,
    ) -> PyResult<Predicted<'py>> {
        let (given, saved) = (predictions.view(), Arc::clone(&self.saved));
        let values = run(py, threads, None, None, |caller| given.to_values(caller))?;
        // What is owned can be left behind, so that Ctrl-C need not wait for the last row.
        let predicted = run_owned(py, threads, None, None, move |_| {
            on_rows(&saved, values, |saved, predictions| {
                let combined = saved.predict(predictions)?;
                Ok(Answers { combined })
            })
        })?;
        Ok(predicted.into_py(py))
    }

    /// What each classifier adds to the log-odds of each class against all others (n x m x K), before the
    /// classes are coupled, and the rest (n x K). NaN for a class of which there was nothing to learn.
    #[pyo3(signature = (predictions, *, threads = 0))]
    fn explain<'py>(
        &self,
        py: Python<'py>,
        predictions: Cube<'py>,
        threads: usize,
    ) -> PyResult<Explained<'py>> {
        let (given, saved) = (predictions.view(), Arc::clone(&self.saved));
        let values = run(py, threads, None, None, |caller| given.to_values(caller))?;
        let (parts, rest) =
            run_owned(py, threads, None, None, move |caller| explained(&saved, values, caller))?;
        Ok((parts.into_pyarray(py), rest.into_pyarray(py)))
    }
}

/// Something with an entry for each row.
trait Rows {
    fn without_last(self) -> Self;
}

fn first(n: usize) -> Slice {
    Slice::from(..n)
}

struct Answers {
    combined: of_classes::ClassCombined,
}

impl Answers {
    fn into_py(self, py: Python<'_>) -> Predicted<'_> {
        let number = |&k: &usize| k as i64;
        let decisions: Vec<i64> = self.combined.decisions.iter().map(number).collect();
        let n_observed: Vec<i64> = self.combined.n_observed.iter().map(number).collect();
        (
            self.combined.probabilities.into_pyarray(py),
            decisions.into_pyarray(py),
            n_observed.into_pyarray(py),
        )
    }
}

impl Rows for Answers {
    fn without_last(mut self) -> Self {
        let n = self.combined.decisions.len() - 1;
        self.combined.probabilities = self.combined.probabilities.slice_axis(Axis(0), first(n)).to_owned();
        self.combined.decisions.truncate(n);
        self.combined.n_observed.truncate(n);
        self
    }
}

impl Rows for (Array3<f64>, Array2<f64>) {
    fn without_last(self) -> Self {
        let n = self.1.nrows() - 1;
        let cut = first(n);
        (self.0.slice_axis(Axis(0), cut).to_owned(), self.1.slice_axis(Axis(0), cut).to_owned())
    }
}

/// What `act` gives for the rows of values (m x n x K) in the order of the model.
fn on_rows<T: Rows>(
    saved: &of_classes::ClassModel,
    values: Array3<f64>,
    act: impl Fn(&of_classes::ClassModel, &ClassPredictions) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let (m, n, k) = values.dim();
    let (names, classes) = (saved.classifier_names().to_vec(), saved.classes().to_vec());
    if m != names.len() {
        return Err(Error::WrongClassifiers { found: m, expected: names.len() }.into());
    }
    // Rows without any prediction are an empty table, and yet each has an answer: a row beside them that has
    // predictions, and that is taken off again, makes them a table.
    let padded = n > 0 && values.iter().all(|p| p.is_nan());
    let values = if padded {
        let mut more = Array3::from_elem((m, n + 1, k), f64::NAN);
        more.index_axis_mut(Axis(1), n).fill(1.0 / k as f64);
        more
    } else {
        values
    };
    let out = act(saved, &ClassPredictions::new(values, names, classes)?)?;
    Ok(if padded { out.without_last() } else { out })
}

fn explained(
    saved: &of_classes::ClassModel,
    values: Array3<f64>,
    caller: &Caller<'_>,
) -> Result<(Array3<f64>, Array2<f64>), Failure> {
    on_rows(saved, values, |saved, predictions| {
        let (m, n, classes) = predictions.values().dim();
        let mut parts = Array3::zeros((n, m, classes));
        let mut rest = Array2::from_elem((n, classes), f64::NAN);
        for k in 0..classes {
            caller.check()?;
            let Some(of) = saved.of_class(k) else {
                parts.index_axis_mut(Axis(2), k).fill(f64::NAN);
                continue;
            };
            let place = |name: &String| saved.classifier_names().iter().position(|own| own == name);
            let own: Vec<usize> = of.classifier_names().iter().filter_map(place).collect();
            let found = contributions(&of.combiner, predictions.of_class(k, &own).view())?;
            for (&u, added) in own.iter().zip(found.classifiers.rows()) {
                parts.index_axis_mut(Axis(2), k).column_mut(u).assign(&added);
            }
            rest.column_mut(k).iter_mut().zip(found.rest).for_each(|(to, from)| *to = from);
        }
        Ok((parts, rest))
    })
}

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
    #[pyo3(signature = (predictions, labels, classifier_names, classes, name, *, sample_weight = None, groups = None))]
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
    ) -> PyResult<Self> {
        let labels: Vec<Option<usize>> =
            labels.as_array().iter().map(|&label| usize::try_from(label).ok()).collect();
        let sample_weight = sample_weight.map(|w| w.as_array().to_vec());
        let view = predictions.view();
        run(py, 0, None, None, |caller| {
            let predictions = ClassPredictions::new(view.to_values(caller)?, classifier_names, classes)?;
            let mut data = ClassData::new(predictions, labels)?;
            if let Some(weights) = sample_weight {
                data = data.with_sample_weights(weights)?;
            }
            Ok(ClassTable::new(cfe_io::ClassTable::from_data(name, data, groups)?))
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
        let values: Array3<f64> = self.table.predictions.values().to_owned();
        // A transposed view of the copy, without a second one.
        values.permuted_axes([1, 0, 2]).into_pyarray(py)
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
        let mut warnings: Vec<String> =
            self.table.warnings.iter().map(|warning| python_words(&warning.to_string())).collect();
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
        let passed_over = self.table.taken.passed_over.iter();
        passed_over.map(|one| (one.column.clone(), python_words(&one.reason))).collect()
    }

    /// Fits a combiner to the train rows; `options` and `class_options` are JSON, see `FitOptions` and
    /// `ClassOptions` of the Rust crate.
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
            let mut class_options: ClassOptions = serde_json::from_str(&class_options)
                .map_err(|e| Failure::Settings(format!("options of several classes: {e}")))?;
            if class_options.groups.is_none() {
                class_options.groups.clone_from(&table.groups);
            }
            let data = table.data()?;
            let listening = Listening { caller, warnings: Mutex::new(Vec::new()) };
            let mut outcome = of_classes::fit_planned(&plan, &data, &class_options, &listening)?;
            // A stopped fit raises what stopped it.
            caller.check()?;
            outcome.model.details.provenance.insert("file".to_owned(), json!(table.file));
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
        let values: Array3<f64> = aligned.values().to_owned();
        Ok(values.permuted_axes([1, 0, 2]).into_pyarray(py))
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
        let rows: Vec<i64> = self.data.labeled().iter().map(|&i| i as i64).collect();
        rows.into_pyarray(py)
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
            let findings = diagnose_classes(&table)?;
            let document = class_document(title, &outcome.model, &parts, &outcome.class_counts, &findings);
            let footer = format!("Made by cf_ensemble {}.", env!("CARGO_PKG_VERSION"));
            Ok(cfe_report::html::write(&document, &footer))
        })
    }
}

impl ClassFit {
    fn parts(&self, py: Python<'_>, threads: usize) -> PyResult<Vec<of_classes::ClassPart>> {
        let (outcome, data) = (Arc::clone(&self.outcome), Arc::clone(&self.data));
        let table = Arc::clone(&self.table.get().table);
        run_owned(py, threads, None, None, move |caller| {
            let mut parts: Vec<_> = outcome.cross_validated(&data)?.into_iter().collect();
            caller.check()?;
            parts.extend(judge_table(&table, &outcome.model, |i| !table.in_train[i])?);
            Ok(parts)
        })
    }
}

/// Scores distributions of any origin (n x K each) on n labels, which are numbers of classes; each method is
/// decided by its largest probability. JSON, as a part of `ClassFit.metrics`.
#[pyfunction]
#[pyo3(signature = (labels, methods, *, sample_weight = None, threads = 0))]
pub(crate) fn measure_classes<'py>(
    py: Python<'py>,
    labels: PyReadonlyArray1<'py, i64>,
    methods: Vec<(String, PyReadonlyArray2<'py, f64>)>,
    sample_weight: Option<PyReadonlyArray1<'py, f64>>,
    threads: usize,
) -> PyResult<String> {
    // A label below 0 is refused as one that is not a class.
    let labels: Vec<usize> =
        labels.as_array().iter().map(|&label| usize::try_from(label).unwrap_or(usize::MAX)).collect();
    let weights = sample_weight.map(|w| w.as_array().to_vec());
    let views: Vec<(&str, ArrayView2<'_, f64>)> =
        methods.iter().map(|(name, p)| (name.as_str(), p.as_array())).collect();
    let judged = run(py, threads, None, None, |caller| {
        let of = |&(name, p): &(&str, ArrayView2<'_, f64>)| {
            caller.check()?;
            let scored = ClassScored::new(&labels, p, weights.as_deref())?;
            // Rows of weight 0 do not count, and `largest` leaves them out as well.
            Ok(json!({ "name": name, "metrics": scored.summary(&scored.largest())? }))
        };
        views.iter().map(of).collect::<Result<Vec<_>, Failure>>()
    })?;
    let rows = weights.as_ref().map_or(labels.len(), |w| w.iter().filter(|&&w| w > 0.0).count());
    json(
        py,
        &json!({ "name": "predictions", "rows": rows, "unknown_class": 0, "in_sample_share": 0.0, "methods": judged }),
    )
}

impl CubeView<'_> {
    /// The values, m x n x K: the one copy at the border.
    fn to_values(&self, caller: &Caller<'_>) -> Result<Array3<f64>, Failure> {
        caller.check()?;
        let (n, m, k) = self.dim();
        let mut values = Array3::zeros((m, n, k));
        self.copy_into(values.view_mut());
        Ok(values)
    }
}
