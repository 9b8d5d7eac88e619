//! A fitted combiner.

use std::path::PathBuf;
use std::sync::Arc;

use cfe_combine::judge::TrustReport;
use cfe_combine::recommended::Contributions;
use cfe_combine::saved::{Combiner, SavedModel};
use cfe_core::calibration::Calibrator;
use cfe_core::{Aggregator, Error};
use ndarray::{Array2, ArrayView2, Axis, Slice};
use numpy::{IntoPyArray, PyArray1, PyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyType};

use crate::array::{Matrix, View};
use crate::border::{Caller, run};
use crate::common::{Reduced, bytes_of, json, note, of_bytes, reduced, weights_of};
use crate::errors::Failure;

/// A combiner with calibrator, threshold and origin; what `cfe fit --model-out` keeps in a file.
#[pyclass(frozen, module = "cf_ensemble._core")]
pub(crate) struct Model {
    pub saved: Arc<SavedModel>,
}

impl Model {
    pub(crate) fn new(saved: SavedModel) -> Self {
        Model { saved: Arc::new(saved) }
    }
}

/// Logits with class weights undone, probabilities, and how many classifiers gave a prediction, for each
/// instance.
type Predicted<'py> = (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<i64>>);

/// What each classifier adds to the log-odds of each instance (n x m), and the rest (n).
type Explained<'py> = (Bound<'py, PyArray2<f64>>, Bound<'py, PyArray1<f64>>);

#[pymethods]
impl Model {
    /// Loads a file that `save` or `cfe fit --model-out` wrote.
    #[classmethod]
    fn load(cls: &Bound<'_, PyType>, path: PathBuf) -> PyResult<Self> {
        // Even a file is read behind the border, so that a panic on damaged content becomes an exception.
        run(cls.py(), 1, None, None, |_| Ok(Model::new(SavedModel::load(&path)?)))
    }

    /// The model of the content of a file.
    #[classmethod]
    fn from_bytes(cls: &Bound<'_, PyType>, content: &[u8]) -> PyResult<Self> {
        of_bytes(cls.py(), content, SavedModel::from_file).map(Model::new)
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

    /// Names of the classifiers, in the order of the columns that `predict` takes.
    #[getter]
    fn classifier_names(&self) -> Vec<String> {
        self.saved.classifier_names().to_vec()
    }

    /// Where to call a row positive; None where that was never chosen.
    #[getter]
    fn threshold(&self) -> Option<f64> {
        self.saved.details.threshold
    }

    /// What is known of the origin of the model, as JSON.
    #[getter]
    fn details(&self, py: Python<'_>) -> PyResult<String> {
        json(py, &self.saved.details)
    }

    /// Weights of the classifiers, what is lost without each, and the one most like it, as JSON.
    #[getter]
    fn trust(&self, py: Python<'_>) -> PyResult<String> {
        json(py, &TrustReport::of(&self.saved))
    }

    /// Share of each family in the average, as JSON; None for a model of factors.
    #[getter]
    fn family_shares(&self, py: Python<'_>) -> PyResult<Option<String>> {
        match &self.saved.combiner {
            Combiner::Recommended(model) => json(py, &model.shares()).map(Some),
            _ => Ok(None),
        }
    }

    /// The weight of each classifier, in the order of `classifier_names`.
    #[getter]
    fn weights<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        weights_of(&TrustReport::of(&self.saved), self.saved.classifier_names()).into_pyarray(py)
    }

    /// The same model with a note about its origin: `value` is JSON.
    fn with_note(&self, py: Python<'_>, key: String, value: &str) -> PyResult<Self> {
        let value = note(py, &key, value)?;
        let mut saved = SavedModel::clone(&self.saved);
        saved.details.provenance.insert(key, value);
        Ok(Model::new(saved))
    }

    /// Predicts the rows of an n x m matrix of float64 or float32, NaN for a missing prediction.
    #[pyo3(signature = (predictions, *, threads = 0, row_names = None))]
    fn predict<'py>(
        &self,
        py: Python<'py>,
        predictions: Matrix<'py>,
        threads: usize,
        row_names: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Predicted<'py>> {
        let view = predictions.view().map_err(|e| e.into_py(py, None))?;
        let predicted =
            run(py, threads, None, row_names.as_ref(), |caller| self.predict_blocks(&view, caller))?;
        let Predictions { logits, probabilities, n_observed } = predicted;
        Ok((logits.into_pyarray(py), probabilities.into_pyarray(py), n_observed.into_pyarray(py)))
    }

    /// Estimated share of train rows among the rows of an n x m matrix; None if the model remembers none.
    fn train_row_share(&self, py: Python<'_>, predictions: Matrix<'_>) -> PyResult<Option<f64>> {
        let view = predictions.view().map_err(|e| e.into_py(py, None))?;
        run(py, 1, None, None, |caller| Ok(self.saved.train_row_share(view.to_r(caller)?.view())))
    }

    /// What each classifier adds to the log-odds of each row (n x m), and the rest (n).
    #[pyo3(signature = (predictions, *, threads = 0, row_names = None))]
    fn explain<'py>(
        &self,
        py: Python<'py>,
        predictions: Matrix<'py>,
        threads: usize,
        row_names: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Explained<'py>> {
        let view = predictions.view().map_err(|e| e.into_py(py, None))?;
        let (n, m) = view.dim();
        let (all, rest) = run(py, threads, None, row_names.as_ref(), |caller| {
            // Block by block, as in `predict_blocks`.
            let (mut all, mut rest) = (Array2::zeros((n, m)), Vec::with_capacity(n));
            while rest.len() < n {
                caller.check()?;
                let begin = rest.len();
                let block = view.block(begin);
                let parts =
                    contributions(&self.saved.combiner, block.view()).map_err(|f| f.in_block(begin))?;
                let rows = Slice::from(begin..begin + block.ncols());
                all.slice_axis_mut(Axis(0), rows).assign(&parts.classifiers.t());
                rest.extend(parts.rest);
            }
            Ok((all, rest))
        })?;
        Ok((all.into_pyarray(py), rest.into_pyarray(py)))
    }
}

/// What each classifier adds to the logit of each instance (m x k), and the rest (k).
pub(crate) fn contributions(combiner: &Combiner, r: ArrayView2<'_, f64>) -> Result<Contributions, Failure> {
    let model = match combiner {
        Combiner::Recommended(model) => return Ok(model.contributions(r)?),
        Combiner::Factors(model) => model,
        _ => return Err(Failure::Settings("this combiner is not explained by its classifiers".to_owned())),
    };
    let Aggregator::Weighted { weights, bias } = &model.aggregator else {
        return Err(Failure::Settings(
            "only a weighted aggregator is a sum over the classifiers; this one is a mean or has a gate"
                .to_owned(),
        ));
    };
    // The logit is sum_u w_u (x_u . y_i) + b, so the summand of classifier u is row u of X^T Y times w_u.
    let instances = model.fold_in(r, None)?;
    let mut parts = model.factors.classifiers.t().dot(&instances);
    for (mut row, weight) in parts.rows_mut().into_iter().zip(weights) {
        row *= *weight;
    }
    Ok(Contributions::new(parts, vec![bias - model.logit_shift; r.ncols()]))
}

struct Predictions {
    logits: Vec<f64>,
    probabilities: Vec<f64>,
    n_observed: Vec<i64>,
}

impl Model {
    /// Block by block, so that Ctrl-C is answered between two of them and float32 is never widened as a
    /// whole. A row does not depend on the others, so the blocks do not show in the result.
    fn predict_blocks(&self, view: &View<'_>, caller: &Caller<'_>) -> Result<Predictions, Failure> {
        let (n, m) = view.dim();
        let expected = self.saved.classifier_names().len();
        // Checked here as well as in the core, since a matrix without rows has no block that would be.
        if m != expected {
            return Err(Error::WrongClassifiers { found: m, expected }.into());
        }
        let shift = match &self.saved.combiner {
            Combiner::Factors(model) => model.logit_shift,
            _ => 0.0,
        };
        let mut all = Predictions {
            logits: Vec::with_capacity(n),
            probabilities: Vec::with_capacity(n),
            n_observed: Vec::with_capacity(n),
        };
        while all.logits.len() < n {
            caller.check()?;
            let begin = all.logits.len();
            let block = view.block(begin);
            let combined = self.saved.predict(block.view()).map_err(|e| Failure::from(e).in_block(begin))?;
            // Of a calibrated model those of the calibrated probability, so that logits and probabilities
            // agree.
            match &self.saved.calibrator {
                Calibrator::Identity => all.logits.extend(combined.logits.iter().map(|z| z - shift)),
                _ => all.logits.extend(combined.probabilities.iter().map(|p| (p / (1.0 - p)).ln())),
            }
            all.probabilities.extend(combined.probabilities);
            all.n_observed.extend(combined.n_observed.iter().map(|&k| k as i64));
        }
        Ok(all)
    }
}
