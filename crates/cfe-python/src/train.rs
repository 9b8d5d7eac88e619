//! The trainers by themselves, with the course of their weights.

use std::ops::ControlFlow;

use cfe_combine::saved::provenance::{FIT, FitFacts, SETTINGS, TRAINER};
use cfe_combine::saved::{Combiner, SavedModel};
use cfe_combine::{Backend, Watch};
use cfe_core::calibration::Calibrator;
use cfe_core::{Observer, Step, WeightTrace};
use cfe_io::{ModelDetails, fingerprint};
use ndarray::Array2;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1};
use pyo3::prelude::*;
use serde_json::{Map, Value, json};

use crate::array::Matrix;
use crate::border::{Caller, Note, run_owned};
use crate::common::owned;
use crate::errors::{Failure, with_causes};
use crate::fit::{data_of, labels_of};
use crate::model::Model;

/// One run of a trainer.
#[pyclass(frozen, module = "cf_ensemble._core")]
pub(crate) struct Training {
    /// The model.
    #[pyo3(get)]
    model: Py<Model>,
    /// Stop reason, iterations, loss and its parts, device, seconds: JSON.
    #[pyo3(get)]
    facts: String,
    losses: Vec<(usize, f64)>,
    trace: WeightTrace,
    n_classifiers: usize,
}

/// Iterations (t), weights (t x m) and biases (t).
type Trace<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray2<f64>>, Bound<'py, PyArray1<f64>>);

#[pymethods]
impl Training {
    /// Iterations (t) and total losses (t).
    #[getter]
    fn losses<'py>(&self, py: Python<'py>) -> (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<f64>>) {
        let (iterations, losses): (Vec<i64>, Vec<f64>) =
            self.losses.iter().map(|&(iteration, loss)| (iteration as i64, loss)).unzip();
        (iterations.into_pyarray(py), losses.into_pyarray(py))
    }

    /// Iterations (t), weights (t x m) and biases (t) of the aggregator, the start first.
    #[getter]
    fn trace<'py>(&self, py: Python<'py>) -> Trace<'py> {
        let points = &self.trace.points;
        let mut weights = Array2::zeros((points.len(), self.n_classifiers));
        for (mut row, point) in weights.rows_mut().into_iter().zip(points) {
            row.iter_mut().zip(&point.weights).for_each(|(to, &from)| *to = from);
        }
        let iterations: Vec<i64> = points.iter().map(|point| point.iteration as i64).collect();
        let biases: Vec<f64> = points.iter().map(|point| point.bias).collect();
        (iterations.into_pyarray(py), weights.into_pyarray(py), biases.into_pyarray(py))
    }
}

/// Trains with "als" or "torch" on n x m predictions and n labels: 1, 0, or -1 for none. `settings` is JSON.
#[pyfunction]
#[pyo3(signature = (
    trainer, predictions, labels, classifier_names, *, settings = "{}", seed = 0, sample_weight = None, trace = true,
    threads = 0, progress = None, row_names = None
))]
#[expect(clippy::too_many_arguments, reason = "they are the keyword arguments of a Python function")]
pub(crate) fn train<'py>(
    py: Python<'py>,
    trainer: &str,
    predictions: Matrix<'py>,
    labels: PyReadonlyArray1<'py, i8>,
    classifier_names: Vec<String>,
    settings: &str,
    seed: u64,
    sample_weight: Option<PyReadonlyArray1<'py, f64>>,
    trace: bool,
    threads: usize,
    progress: Option<Bound<'py, PyAny>>,
    row_names: Option<Bound<'py, PyAny>>,
) -> PyResult<Training> {
    let refused = |e: &(dyn std::error::Error + 'static)| Failure::Settings(with_causes(e)).into_py(py, None);
    let mut settings: Map<String, Value> = serde_json::from_str(settings).map_err(|e| refused(&e))?;
    settings.insert("seed".to_owned(), seed.into());
    let settings = Value::Object(settings);
    // Trainer and settings are refused before the matrix is copied.
    let backend: Backend = trainer.parse().map_err(|e: cfe_combine::BackendError| refused(&e))?;
    let built = backend.trainer_with(&settings).map_err(|e| refused(&e))?;
    // Everything of Python's is copied or borrowed here; what follows runs without the interpreter's lock.
    let labels = labels_of(&labels);
    let view = predictions.view().map_err(|e| e.into_py(py, None))?;
    let sample_weight = sample_weight.map(owned);
    let n_classifiers = view.dim().1;
    let data = data_of(py, &view, classifier_names, labels, sample_weight, threads, row_names.as_ref())?;
    let trainer = trainer.to_owned();
    let (saved, facts, losses, trace) = run_owned(py, threads, progress.as_ref(), None, move |caller| {
        let mut observer = Tracing { caller, trace: WeightTrace::default(), traced: trace };
        caller.tell(Note::Started { stage: trainer.clone(), steps: None });
        let fitted = built.fit_from(built.start(&data)?, &data, &mut observer)?;
        caller.tell(Note::Finished);
        caller.check()?;
        let mut facts = json!(FitFacts::of(&fitted));
        facts["seconds"] = json!(fitted.timings.total.as_secs_f64());
        let losses = fitted.history.entries.iter().map(|entry| (entry.iteration, entry.loss.total)).collect();
        // What `cfe fit` writes as well, so that `cfe inspect` reads the file of either.
        let mut details = ModelDetails::default();
        details.seed = Some(seed);
        details.fingerprint = Some(fingerprint(&data));
        TRAINER.put(&mut details, &trainer);
        SETTINGS.put(&mut details, &settings);
        FIT.put(&mut details, &facts);
        // Training alone has no held-out rows that a calibrator could be fitted to.
        let saved = SavedModel::new(Combiner::Factors(fitted.model), Calibrator::Identity, details);
        Ok((saved, facts.to_string(), losses, observer.trace))
    })?;
    Ok(Training { model: Py::new(py, Model::new(saved))?, facts, losses, trace, n_classifiers })
}

/// Keeps the weights, tells the caller, and stops when asked.
struct Tracing<'a, 'b> {
    caller: &'a Caller<'b>,
    trace: WeightTrace,
    traced: bool,
}

impl Observer for Tracing<'_, '_> {
    fn step(&mut self, step: &Step<'_>) -> ControlFlow<()> {
        if self.traced
            && let ControlFlow::Break(()) = self.trace.step(step)
        {
            return ControlFlow::Break(());
        }
        self.caller.tell(Note::Iteration {
            iteration: step.iteration,
            max_iterations: step.max_iterations,
            loss: step.loss.map(|loss| loss.total),
        });
        if self.caller.stop_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
