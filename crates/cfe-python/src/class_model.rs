//! A fitted combiner of more than two classes.

use std::path::PathBuf;
use std::sync::Arc;

use cfe_combine::classes::{self as of_classes, CLASSES_KIND, ClassPredictions};
use cfe_combine::saved::SavedModel;
use cfe_core::Error;
use cfe_io::ModelFile;
use ndarray::{Array2, Array3, Axis, Slice};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArray3};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyType};

use crate::array::Cube;
use crate::border::{Caller, run, run_owned};
use crate::common::{Reduced, bytes_of, json, note, of_bytes, reduced, weights_of, whole};
use crate::errors::Failure;
use crate::model::{Model, contributions};

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
pub(crate) type Predicted<'py> =
    (Bound<'py, PyArray2<f64>>, Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>);

/// What each classifier adds to the log-odds of each class (n x m x K), and the rest (n x K).
type Explained<'py> = (Bound<'py, PyArray3<f64>>, Bound<'py, PyArray2<f64>>);

impl ClassModel {
    pub(crate) fn new(saved: of_classes::ClassModel) -> Self {
        ClassModel { saved: Arc::new(saved) }
    }

    /// What `act` gives for the values (m x n x K) of `predictions`.
    fn on_values<T: Send + 'static>(
        &self,
        py: Python<'_>,
        predictions: &Cube<'_>,
        threads: usize,
        act: impl FnOnce(&of_classes::ClassModel, Array3<f64>, &Caller<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> PyResult<T> {
        let (given, saved) = (predictions.view(), Arc::clone(&self.saved));
        let values = run(py, threads, None, None, |caller| given.to_values(caller))?;
        // What is owned can be left behind, so that Ctrl-C need not wait for the last row.
        run_owned(py, threads, None, None, move |caller| act(&saved, values, caller))
    }
}

#[pymethods]
impl ClassModel {
    /// The model of the content of a file.
    #[classmethod]
    fn from_bytes(cls: &Bound<'_, PyType>, content: &[u8]) -> PyResult<Self> {
        of_bytes(cls.py(), content, of_classes::ClassModel::from_file).map(ClassModel::new)
    }

    /// Writes the file, whole or not at all.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        run(py, 1, None, None, |_| Ok(self.saved.save(&path)?))
    }

    /// The content of the file.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        bytes_of(py, || self.saved.to_file())
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduced::<Self>(py, self.to_bytes(py)?)
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
            row.iter_mut().zip(weights_of(&trust, names)).for_each(|(to, weight)| *to = weight);
        }
        weights.into_pyarray(py)
    }

    /// The same model with a note about its origin: `value` is JSON.
    fn with_note(&self, py: Python<'_>, key: String, value: &str) -> PyResult<Self> {
        let value = note(py, &key, value)?;
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
        let predict = |saved: &of_classes::ClassModel, given: &ClassPredictions| {
            Ok(Answers { combined: saved.predict(given)? })
        };
        let predicted = self
            .on_values(py, &predictions, threads, move |saved, values, _| on_rows(saved, values, predict))?;
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
        let (parts, rest) = self.on_values(py, &predictions, threads, explained)?;
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

pub(crate) struct Answers {
    pub combined: of_classes::ClassCombined,
}

impl Answers {
    pub(crate) fn into_py(self, py: Python<'_>) -> Predicted<'_> {
        let of_classes::ClassCombined { probabilities, decisions, n_observed, .. } = self.combined;
        (probabilities.into_pyarray(py), whole(py, decisions), whole(py, n_observed))
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
            // A stop is looked for before each class, which is as much work as a table of two classes.
            caller.check()?;
            let Some(of) = saved.of_class(k) else {
                // Nothing was learned of this class, and zeros would say that no classifier matters.
                parts.index_axis_mut(Axis(2), k).fill(f64::NAN);
                continue;
            };
            // The classifiers of a class are a choice of its own, found by name among those of the model.
            let place = |name: &String| saved.classifier_names().iter().position(|own| own == name);
            let own: Vec<usize> = of.classifier_names().iter().filter_map(place).collect();
            let found = contributions(&of.combiner, predictions.of_class(k, &own).view())?;
            // Classifiers that the class does not use keep their zeros.
            for (&u, added) in own.iter().zip(found.classifiers.rows()) {
                parts.index_axis_mut(Axis(2), k).column_mut(u).assign(&added);
            }
            rest.column_mut(k).iter_mut().zip(found.rest).for_each(|(to, from)| *to = from);
        }
        Ok((parts, rest))
    })
}
