//! A combiner in a file, and back.

mod averaging;
pub mod provenance;
mod tensors;

use std::path::Path;

use cfe_core::calibration::{Calibrator, shift_prevalence};
use cfe_core::{EnsembleData, Model, Result};
use cfe_io::{MODEL_KIND, ModelDetails, ModelFile, ModelFileError, ModelFileResult};
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::baselines::FittedBaseline;
use crate::error::{FitError, FitResult};
use crate::judge::{Cut, TrainRows};
use crate::recommended::RecommendedModel;
pub use averaging::{BASELINE_KIND, BaselineModel};
use provenance::{CUT, DATA, PREVALENCE, TRAIN_ROWS};
use tensors::{lift, restore};

/// Kind of the file of a [`RecommendedModel`].
pub const RECOMMENDED_KIND: &str = "cf-ensemble-recommended";

/// What turns the classifiers' probabilities into one logit.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Combiner {
    /// From the recommended trainer.
    Recommended(RecommendedModel),
    /// Factors and aggregator, from the trainers `als` and `torch`.
    Factors(Model),
    /// A simple combiner in the place of a learned one.
    Baseline(BaselineModel),
}

/// A combiner with its calibrator, threshold and origin: what `cfe fit --model-out` keeps.
///
/// ```no_run
/// use cf_ensemble::SavedModel;
/// use cf_ensemble::io::{Source, TableOptions, read_table};
///
/// let model = SavedModel::load("model.safetensors")?;
/// let mut options = TableOptions::default();
/// options.classifiers = Some(model.classifier_names().to_vec());
/// let table = read_table(Source::new("new.csv"), &options)?;
/// let combined = model.predict(table.data.predictions())?;
/// println!("{:?}", combined.probabilities);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SavedModel {
    /// Gives the logit.
    pub combiner: Combiner,
    /// Gives the probability.
    pub calibrator: Calibrator,
    /// Threshold, seed, fingerprint of the training data, and what else tells where the model comes from.
    pub details: ModelDetails,
}

/// Predictions for k rows.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Combined {
    /// Logit of the combiner (k), as trained; rank by this.
    pub logits: Vec<f64>,
    /// Probability (k), class weights undone and calibrated.
    pub probabilities: Vec<f64>,
    /// Classifiers that gave a probability (k).
    pub n_observed: Vec<usize>,
}

/// Refuses a share of positives that no rows of both classes have.
///
/// # Errors
/// [`FitError::Options`] for a share outside (0, 1).
pub fn check_prevalence(prevalence: f64) -> FitResult<()> {
    if prevalence > 0.0 && prevalence < 1.0 {
        return Ok(());
    }
    Err(FitError::options(format!(
        "prevalence {prevalence} is not allowed; give the share of positives among the rows, above 0 and below 1"
    )))
}

/// What a model file says of the data that it was trained with, for its provenance: how many rows of each
/// class, and what these weigh where they have weights. `file` names the data.
///
/// ```
/// use cf_ensemble::saved::described;
/// use cf_ensemble::synthetic::Separable;
///
/// let data = Separable::default().generate(1)?.data;
/// assert_eq!(described(&data, "synthetic")["rows"], data.n_instances());
/// # Ok::<(), cf_ensemble::Error>(())
/// ```
pub fn described(data: &EnsembleData, file: &str) -> Value {
    let (negatives, positives) = data.class_counts();
    let mut described = json!({
        "file": file,
        "rows": data.n_instances(),
        "positives": positives,
        "negatives": negatives,
        "missing_predictions": data.n_missing(),
    });
    // What the classes weigh is the share of positives that the probabilities hold at.
    if let Some(weights) = data.sample_weights() {
        let sum = |class: bool| {
            let rows = data.labeled().iter().filter(|&&i| data.labels()[i] == Some(class));
            rows.map(|&i| weights[i]).sum::<f64>()
        };
        described["positive_weight"] = json!(sum(true));
        described["negative_weight"] = json!(sum(false));
    }
    described
}

impl Combined {
    /// Corrects the probabilities, which hold at the share of positives that `model` was trained at, for rows
    /// of which another share is positive; see [`shift_prevalence`]. Logits stay, and so does the order of
    /// the rows.
    ///
    /// # Errors
    /// [`FitError::Options`] for a share outside (0, 1), or a model that does not say at what share it was
    /// trained.
    pub fn at_prevalence(&mut self, model: &SavedModel, prevalence: f64) -> FitResult<()> {
        check_prevalence(prevalence)?;
        let trained = model.prevalence().ok_or_else(|| {
            FitError::options(
                "this model does not say what share of its train rows was positive, so its probabilities cannot be \
                 corrected; fit it again",
            )
        })?;
        self.probabilities.iter_mut().for_each(|p| *p = shift_prevalence(*p, trained, prevalence));
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
struct Document {
    classifier_names: Vec<String>,
    model: Value,
    #[serde(flatten)]
    details: ModelDetails,
}

impl Combiner {
    /// Names of the classifiers, in the order of the rows of R.
    pub fn classifier_names(&self) -> &[String] {
        match self {
            Combiner::Recommended(model) => model.classifier_names(),
            Combiner::Factors(model) => &model.classifier_names,
            Combiner::Baseline(model) => model.classifier_names(),
        }
    }

    /// The recommended model, if this is one.
    pub fn recommended(&self) -> Option<&RecommendedModel> {
        match self {
            Combiner::Recommended(model) => Some(model),
            Combiner::Factors(_) | Combiner::Baseline(_) => None,
        }
    }

    /// (logits, what class weighting added to them, classifiers observed) of R (m x k). Each row by itself:
    /// factors are found by fold-in, also those of rows seen in training.
    pub(crate) fn logits(&self, r: ArrayView2<'_, f64>) -> Result<(Vec<f64>, f64, Vec<usize>)> {
        match self {
            Combiner::Recommended(model) => {
                // The recommended combiner has class weights undone already, so nothing is to be taken off
                // its logits.
                let predictions = model.predict(r)?;
                Ok((predictions.logits, 0.0, predictions.n_observed))
            }
            Combiner::Factors(model) => {
                let predictions = model.predict_new(r)?;
                Ok((predictions.logits, model.logit_shift, predictions.n_observed))
            }
            Combiner::Baseline(model) => {
                let observed = |i: usize| r.column(i).iter().filter(|p| !p.is_nan()).count();
                Ok((model.logits(r)?, 0.0, (0..r.ncols()).map(observed).collect()))
            }
        }
    }
}

impl SavedModel {
    /// A combiner with what belongs to it.
    pub fn new(combiner: Combiner, calibrator: Calibrator, details: ModelDetails) -> Self {
        Self { combiner, calibrator, details }
    }

    /// Names of the classifiers, in the order of the rows that [`predict`](Self::predict) needs.
    pub fn classifier_names(&self) -> &[String] {
        self.combiner.classifier_names()
    }

    /// The cut that was chosen when the model was fitted, if one was.
    pub fn cut(&self) -> Option<Cut> {
        CUT.get(&self.details)
    }

    /// Keeps a sample of the labeled rows that the model was trained on, as hashes, so that
    /// [`evaluate`](crate::judge::evaluate) knows them again and does not praise the model on its own train
    /// rows.
    ///
    /// [`fit`](crate::fit) does so. Cost: a hash for each labeled row, some 20 KB in the model file.
    pub fn remember_train_rows(&mut self, data: &EnsembleData) {
        TRAIN_ROWS.put(&mut self.details, &TrainRows::of(data));
    }

    /// Estimated share (0 to 1) of rows that the model was trained on among those of `predictions` (m x n,
    /// NaN for a missing one): figures on such rows are too good. `None` if the model remembers no rows.
    ///
    /// Rows are known by their predictions, also in single precision or rounded to 3 to 6 decimals.
    pub fn train_row_share(&self, predictions: ArrayView2<'_, f64>) -> Option<f64> {
        let rows: Vec<usize> = (0..predictions.ncols()).collect();
        TRAIN_ROWS.get(&self.details).map(|known| known.share_among(predictions, &rows, None))
    }

    /// Share of positives among the labeled train rows, above 0 and below 1; `None` if the file does not say.
    pub fn prevalence(&self) -> Option<f64> {
        let data = DATA.get(&self.details)?;
        let count = |key: &str| data.get(key).and_then(Value::as_f64);
        // Of rows with weights, what they weigh counts.
        let counts = || Some((count("positives")?, count("negatives")?));
        let weights = || Some((count("positive_weight")?, count("negative_weight")?));
        let (positives, negatives) = weights().or_else(counts)?;
        let share = positives / (positives + negatives);
        (share > 0.0 && share < 1.0).then_some(share)
    }

    /// Share of positives among the rows that the model is to predict, if it was fitted for another one than
    /// [`prevalence`](Self::prevalence). [`Combined::at_prevalence`] corrects the probabilities.
    pub fn target_prevalence(&self) -> Option<f64> {
        PREVALENCE.get(&self.details)
    }

    /// Keeps the share of positives among the rows that the model is to predict.
    ///
    /// # Errors
    /// [`FitError::Options`] for a share outside (0, 1).
    pub fn set_target_prevalence(&mut self, prevalence: f64) -> FitResult<()> {
        check_prevalence(prevalence)?;
        PREVALENCE.put(&mut self.details, &prevalence);
        Ok(())
    }

    /// Predicts R (m x k, rows are classifiers, NaN = missing). A row does not depend on the others.
    ///
    /// # Errors
    /// Another number of classifiers, entries that are not probabilities.
    pub fn predict(&self, r: ArrayView2<'_, f64>) -> Result<Combined> {
        let (logits, shift, n_observed) = self.combiner.logits(r)?;
        // The calibrator was fitted to logits without the shift of class weighting.
        let probabilities = logits.iter().map(|z| self.calibrator.apply(z - shift)).collect();
        Ok(Combined { logits, probabilities, n_observed })
    }

    /// The model as the content of a file.
    ///
    /// # Errors
    /// Parameters that are not finite.
    pub fn to_file(&self) -> ModelFileResult<ModelFile> {
        let bad = |e: serde_json::Error| ModelFileError::BadDocument {
            file: "the model".to_owned(),
            reason: e.to_string(),
        };
        let mut details = self.details.clone();
        details.calibrator = match &self.calibrator {
            Calibrator::Identity => None,
            other => Some(serde_json::to_value(other).map_err(bad)?),
        };
        let (kind, model) = match &self.combiner {
            // Without the factors of the training rows: the file does not grow with the table.
            Combiner::Factors(model) => return ModelFile::from_model(model, &details, false),
            Combiner::Recommended(model) => (RECOMMENDED_KIND, serde_json::to_value(model)),
            Combiner::Baseline(model) => (BASELINE_KIND, serde_json::to_value(model.fitted())),
        };
        env!("CARGO_PKG_VERSION").clone_into(&mut details.crate_version);
        let mut document = model.map_err(bad)?;
        let mut tensors = Vec::new();
        // Arrays become tensors, and what stays in the document is small.
        lift(&mut document, "", &mut tensors);
        // The names are a field of the document itself, where every kind of model file has them.
        if let Some(object) = document.as_object_mut() {
            object.remove("classifier_names");
        }
        let names = self.classifier_names().to_vec();
        let document = Document { classifier_names: names, model: document, details };
        let mut file = ModelFile::new(kind, serde_json::to_value(document).map_err(bad)?);
        for (name, tensor) in tensors {
            file.insert(name, tensor);
        }
        Ok(file)
    }

    /// The model in a file.
    ///
    /// # Errors
    /// [`ModelFileError`], one variant for each cause.
    pub fn from_file(file: &ModelFile) -> ModelFileResult<Self> {
        let bad = |reason: String| ModelFileError::BadDocument { file: file.file().to_owned(), reason };
        let invalid = |source| ModelFileError::Invalid { file: file.file().to_owned(), source };
        // Three kinds of file for three combiners. What a kind holds is checked by the type that uses it.
        let (combiner, details) = if file.kind() == MODEL_KIND {
            let (model, details) = file.to_model()?;
            (Combiner::Factors(model), details)
        } else if file.kind() == BASELINE_KIND {
            let Document { classifier_names, mut model, details } = file.parse_document()?;
            restore(&mut model, file.tensors()).map_err(bad)?;
            let fitted = FittedBaseline::deserialize(&model).map_err(|e| bad(e.to_string()))?;
            (Combiner::Baseline(BaselineModel::new(classifier_names, fitted).map_err(invalid)?), details)
        } else {
            file.expect_kind(RECOMMENDED_KIND)?;
            let Document { classifier_names, mut model, details } = file.parse_document()?;
            // The reverse of `to_file`: tensors back into the document, names back into the model.
            restore(&mut model, file.tensors()).map_err(bad)?;
            if let Some(object) = model.as_object_mut() {
                object.insert("classifier_names".to_owned(), classifier_names.into());
            }
            let model = RecommendedModel::deserialize(&model).map_err(|e| bad(e.to_string()))?;
            model.validate().map_err(invalid)?;
            (Combiner::Recommended(model), details)
        };
        // A file may come from anywhere: whatever is used later is checked here.
        if let Some(threshold) = details.threshold.filter(|t| !(0.0..=1.0).contains(t)) {
            return Err(bad(format!("threshold {threshold}; 0 to 1 is allowed")));
        }
        let calibrator = match &details.calibrator {
            None => Calibrator::Identity,
            Some(value) => Calibrator::deserialize(value).map_err(|e| bad(format!("calibrator: {e}")))?,
        };
        calibrator.validate().map_err(invalid)?;
        // What the file says of its fit is shown by other commands, which count on its shape.
        provenance::check(&details).map_err(bad)?;
        Ok(Self { combiner, calibrator, details })
    }

    /// Loads a file and checks it.
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file).
    pub fn load(path: impl AsRef<Path>) -> ModelFileResult<Self> {
        Self::from_file(&ModelFile::load(path)?)
    }

    /// Saves, whole or not at all.
    ///
    /// # Errors
    /// As [`to_file`](Self::to_file), and what writing can fail with.
    pub fn save(&self, path: impl AsRef<Path>) -> ModelFileResult<()> {
        self.to_file()?.save(path)
    }
}
