//! The fit behind the estimators: a matrix, labels and settings in, a model and honest scores out.

use std::ops::ControlFlow;

use cfe_combine::cross_validation::{held_out_logits, hide_labels, stratified_folds};
use cfe_combine::judge::{Cut, ThresholdRule};
use cfe_combine::recommended::{Recommended, RecommendedSpec};
use cfe_combine::saved::provenance::{CUT, DATA, FIT, FitFacts, SETTINGS, TRAINER};
use cfe_combine::saved::{Combiner, SavedModel, described};
use cfe_combine::{Backend, Watch};
use cfe_core::calibration::Calibrator;
use cfe_core::losses::sigmoid;
use cfe_core::{EnsembleData, Fitted, Observer, Step, Trainer, check_predictions};
use cfe_io::{ModelDetails, fingerprint};
use numpy::{PyArray1, PyReadonlyArray1, ToPyArray};
use pyo3::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::array::{Matrix, View};
use crate::border::{Caller, Note, run, run_owned};
use crate::common::owned;
use crate::errors::Failure;
use crate::model::Model;

/// Folds unless said otherwise.
const FOLDS: usize = 5;
/// Name of the method that is not a backend.
const RECOMMENDED: &str = "recommended";

/// What `fit` gives.
#[pyclass(frozen, module = "cf_ensemble._core")]
pub(crate) struct Fit {
    /// The model.
    #[pyo3(get)]
    model: Py<Model>,
    /// Folds of the cross-validation; 0 where a class has a single row.
    #[pyo3(get)]
    n_folds: usize,
    /// What the trainer tells about its fit, as JSON.
    #[pyo3(get)]
    facts: String,
    /// Where to cut, chosen on the cross-validated rows, as JSON; None without cross-validation.
    #[pyo3(get)]
    cut: Option<String>,
    out_of_fold: Option<Vec<f64>>,
}

#[pymethods]
impl Fit {
    /// Logits of the labeled rows, each from fits that did not see its label, class weights undone.
    #[getter]
    fn out_of_fold_logits<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        self.out_of_fold.as_ref().map(|logits| logits.to_pyarray(py))
    }
}

/// How to fit.
struct Task {
    /// Fold of each row (n), negative for none, which rows without a label may have.
    folds: Option<Vec<i64>>,
    /// How many folds are drawn where none are given.
    n_folds: Option<usize>,
    method: String,
    settings: Map<String, Value>,
    seed: u64,
    threshold: ThresholdRule,
}

struct Outcome {
    saved: SavedModel,
    out_of_fold: Option<Vec<f64>>,
    n_folds: usize,
    facts: Value,
    cut: Option<Cut>,
}

/// Fits a combiner to n x m predictions of float64 or float32 (NaN: none given) with n labels: 1, 0, or -1
/// for none.
#[pyfunction]
#[pyo3(signature = (
    predictions, labels, classifier_names, *, method = "recommended", settings = "{}", seed = 0,
    sample_weight = None, folds = None, n_folds = None, threshold = "f1", threads = 0, progress = None, row_names = None
))]
#[expect(clippy::too_many_arguments, reason = "they are the keyword arguments of a Python function")]
pub(crate) fn fit<'py>(
    py: Python<'py>,
    predictions: Matrix<'py>,
    labels: PyReadonlyArray1<'py, i8>,
    classifier_names: Vec<String>,
    method: &str,
    settings: &str,
    seed: u64,
    sample_weight: Option<PyReadonlyArray1<'py, f64>>,
    folds: Option<PyReadonlyArray1<'py, i64>>,
    n_folds: Option<usize>,
    threshold: &str,
    threads: usize,
    progress: Option<Bound<'py, PyAny>>,
    row_names: Option<Bound<'py, PyAny>>,
) -> PyResult<Fit> {
    let refused = |text: String| Failure::Settings(text).into_py(py, None);
    let task = Task {
        folds: folds.map(|folds| folds.as_array().to_vec()),
        n_folds,
        method: method.to_owned(),
        settings: serde_json::from_str(settings).map_err(|e| refused(format!("the settings: {e}")))?,
        seed,
        threshold: threshold.parse().map_err(|e: cfe_combine::FitError| refused(e.to_string()))?,
    };
    // Mistakes in the settings are told before anything is copied.
    let trainer = Method::choose(&task.method, &task.settings()).map_err(|e| e.into_py(py, None))?;
    let sample_weight = sample_weight.map(owned);
    let labels = labels_of(&labels);
    let view = predictions.view().map_err(|e| e.into_py(py, None))?;
    let data = data_of(py, &view, classifier_names, labels, sample_weight, threads, row_names.as_ref())?;
    let work = move |caller: &Caller<'_>| fit_task(&trainer, &data, task, caller);
    let outcome = run_owned(py, threads, progress.as_ref(), None, work)?;
    let text = |value: &Value| value.to_string();
    Ok(Fit {
        model: Py::new(py, Model::new(outcome.saved))?,
        n_folds: outcome.n_folds,
        facts: text(&outcome.facts),
        cut: outcome.cut.map(|cut| text(&json!(cut))),
        out_of_fold: outcome.out_of_fold,
    })
}

/// Labels of Python: 1, 0, or -1 for none.
pub(crate) fn labels_of(labels: &PyReadonlyArray1<'_, i8>) -> Vec<Option<bool>> {
    let label = |&y: &i8| match y {
        1 => Some(true),
        0 => Some(false),
        _ => None,
    };
    labels.as_array().iter().map(label).collect()
}

/// R with names, labels and weights, checked in the user's terms.
pub(crate) fn ensemble_data(
    view: &View<'_>,
    names: Vec<String>,
    labels: Vec<Option<bool>>,
    sample_weight: Option<Vec<f64>>,
    caller: &Caller<'_>,
) -> Result<EnsembleData, Failure> {
    let r = view.to_r(caller)?;
    // Again in `new`, but there the classifiers have no names yet.
    check_predictions(&names, r.view())?;
    let mut data = EnsembleData::new(r, labels)?.with_classifier_names(names)?;
    if let Some(weights) = sample_weight {
        data = data.with_sample_weights(weights)?;
    }
    Ok(data)
}

/// The one copy of an array of Python, which a fit then owns.
pub(crate) fn data_of(
    py: Python<'_>,
    view: &View<'_>,
    names: Vec<String>,
    labels: Vec<Option<bool>>,
    sample_weight: Option<Vec<f64>>,
    threads: usize,
    row_names: Option<&Bound<'_, PyAny>>,
) -> PyResult<EnsembleData> {
    run(py, threads, None, row_names, |caller| ensemble_data(view, names, labels, sample_weight, caller))
}

impl Task {
    fn n_folds(&self) -> usize {
        self.n_folds.unwrap_or(FOLDS)
    }

    /// All settings of the method.
    fn settings(&self) -> Value {
        let mut settings = self.settings.clone();
        // The number of folds is a setting of the recommended combiner; left at its usual value it stays out
        // of the recorded settings.
        if self.method == RECOMMENDED && self.n_folds() != FOLDS {
            settings.insert("folds".to_owned(), self.n_folds().into());
        }
        settings.insert("seed".to_owned(), self.seed.into());
        Value::Object(settings)
    }
}

fn fit_task(
    trainer: &Method,
    data: &EnsembleData,
    task: Task,
    caller: &Caller<'_>,
) -> Result<Outcome, Failure> {
    let (n_folds, settings) = (task.n_folds(), task.settings());
    let Task { folds, method, seed, threshold, .. } = task;
    // From all rows to the labeled ones, which the trainers count by.
    let fold_of = |folds: &[i64], i: usize| {
        let fold = folds.get(i).and_then(|&fold| usize::try_from(fold).ok());
        fold.ok_or_else(|| Failure::Settings(format!("folds: labeled row {i} has none; give it 0 or more")))
    };
    let labeled = data.labeled();
    let folds = folds.map(|folds| labeled.iter().map(|&i| fold_of(&folds, i)).collect::<Result<Vec<_>, _>>());
    let folds = folds.transpose()?;
    caller.check()?;
    let Trained { combiner, out_of_fold, n_folds, facts } =
        trainer.train(data, folds, n_folds, seed, caller)?;
    // The logits have class weights undone, and estimators have no further calibration, so their sigmoid is
    // the probability.
    let cut = match &out_of_fold {
        Some(logits) => {
            let probabilities: Vec<f64> = logits.iter().map(|&z| sigmoid(z)).collect();
            let weights = data.sample_weights();
            let weights = weights.map(|all| data.labeled().iter().map(|&i| all[i]).collect::<Vec<f64>>());
            threshold.choose_weighted(&data.labeled_targets(), &probabilities, weights.as_deref())?
        }
        None => None,
    };
    let mut details = ModelDetails::default();
    details.threshold = cut.map(|cut| cut.threshold);
    details.seed = Some(seed);
    details.fingerprint = Some(fingerprint(data));
    // What `cfe fit` writes as well, so that `cfe inspect` understands a model from Python.
    TRAINER.put(&mut details, &method);
    SETTINGS.put(&mut details, &settings);
    FIT.put(&mut details, &facts);
    DATA.put(&mut details, &described(data, "an array of Python"));
    if let Some(cut) = &cut {
        CUT.put(&mut details, cut);
    }
    let mut saved = SavedModel::new(combiner, Calibrator::Identity, details);
    saved.remember_train_rows(data);
    Ok(Outcome { saved, out_of_fold, n_folds, facts, cut })
}

/// A trainer ready to run.
enum Method {
    Recommended(Recommended),
    Backend(Box<dyn Trainer>),
}

struct Trained {
    combiner: Combiner,
    out_of_fold: Option<Vec<f64>>,
    n_folds: usize,
    facts: Value,
}

impl Method {
    fn choose(name: &str, settings: &Value) -> Result<Self, Failure> {
        if name == RECOMMENDED {
            let spec = RecommendedSpec::deserialize(settings)
                .map_err(|e| Failure::Settings(format!("settings of the method \"recommended\": {e}")))?;
            return Ok(Method::Recommended(Recommended::try_from(spec)?));
        }
        let backend: Backend = name.parse().map_err(|_| {
            Failure::Settings(format!("method {name:?} is not known; recommended, als and torch are"))
        })?;
        let trainer = backend.trainer_with(settings);
        Ok(Method::Backend(trainer.map_err(|e| Failure::Settings(crate::errors::with_causes(&e)))?))
    }

    fn train(
        &self,
        data: &EnsembleData,
        folds: Option<Vec<usize>>,
        n_folds: usize,
        seed: u64,
        caller: &Caller<'_>,
    ) -> Result<Trained, Failure> {
        match self {
            // Without folds the combiner makes its own by content.
            Method::Recommended(recommended) => {
                let fitted = recommended.fit_watched(data, folds.as_deref(), caller)?;
                Ok(Trained {
                    n_folds: fitted.folds,
                    facts: json!({
                        "folds": fitted.folds,
                        "members": fitted.members,
                        "shares": fitted.model.shares(),
                    }),
                    combiner: Combiner::Recommended(fitted.model),
                    out_of_fold: fitted.out_of_fold_logits,
                })
            }
            Method::Backend(trainer) => {
                let folds = match folds {
                    Some(folds) => Some(folds),
                    None => {
                        stratified_folds(data, None, n_folds, seed)?.map(|folds| folds.as_slice().to_vec())
                    }
                };
                train_by_parts(trainer.as_ref(), data, folds.as_deref(), caller)
            }
        }
    }
}

/// The fit on all labels, then one for each fold with the labels of that fold hidden.
fn train_by_parts(
    trainer: &dyn Trainer,
    data: &EnsembleData,
    folds: Option<&[usize]>,
    caller: &Caller<'_>,
) -> Result<Trained, Failure> {
    // Folds count from 0, so the largest one tells their number.
    let n_folds = folds.and_then(|folds| folds.iter().max()).map_or(0, |&last| last + 1);
    // Unlike a fit from the terminal, a stopped one keeps nothing: the call raises, so the check comes after
    // each part.
    let fit = |stage: String, data: &EnsembleData| -> Result<Fitted, Failure> {
        caller.tell(Note::Started { stage, steps: None });
        let fitted = trainer.fit_from(trainer.start(data)?, data, &mut Watching(caller))?;
        caller.tell(Note::Finished);
        caller.check()?;
        Ok(fitted)
    };
    let mut fitted = fit("all rows".to_owned(), data)?;
    // Its Y is as large as the table, and nobody asks for it again.
    fitted.model = fitted.model.without_training_instances();
    let mut out_of_fold = folds.map(|_| vec![0.0; data.labeled().len()]);
    // A fold's logits come from a fit to all rows in which the labels of that fold are hidden.
    if let (Some(folds), Some(logits)) = (folds, &mut out_of_fold) {
        for fold in 0..n_folds {
            let places: Vec<usize> = (0..folds.len()).filter(|&p| folds[p] == fold).collect();
            let rows: Vec<usize> = places.iter().map(|&p| data.labeled()[p]).collect();
            let hidden = hide_labels(data, &rows)?;
            let model = fit(format!("without fold {} of {n_folds}", fold + 1), &hidden)?.model;
            let held_out = held_out_logits(&model, data, &rows)?;
            places.iter().zip(held_out).for_each(|(&p, z)| logits[p] = z);
        }
    }
    let facts = FitFacts::of(&fitted).with_folds(n_folds);
    Ok(Trained { combiner: Combiner::Factors(fitted.model), out_of_fold, n_folds, facts })
}

/// Hands each iteration to the caller and stops when it says so.
pub(crate) struct Watching<'a, 'b>(pub(crate) &'a Caller<'b>);

impl Observer for Watching<'_, '_> {
    fn step(&mut self, step: &Step<'_>) -> ControlFlow<()> {
        if self.0.is_watched() {
            self.0.tell(Note::Iteration {
                iteration: step.iteration,
                max_iterations: step.max_iterations,
                loss: step.loss.map(|loss| loss.total),
            });
        }
        if self.0.stop_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
