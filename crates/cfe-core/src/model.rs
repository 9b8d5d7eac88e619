//! The fitted model: one type for every backend, and the only place that predicts.

use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use crate::aggregator::Aggregator;
use crate::confidence::FittedConfidence;
use crate::data::{EnsembleData, check_predictions, check_unique};
use crate::error::{Error, Result, ensure};
use crate::factors::{Factors, reconstruct_instance};
use crate::losses::sigmoid;
use crate::objective::Objective;
use crate::ridge::{self, Workspace};

/// Factors, aggregator and everything needed to treat a new instance as the training instances were treated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Model {
    /// Names of the classifiers (m), in the order of the rows of R.
    pub classifier_names: Vec<String>,
    /// X (d x m) and Y (d x n).
    pub factors: Factors,
    /// Combines r_hat to a logit.
    pub aggregator: Aggregator,
    /// The confidence rule with what it learned in training.
    pub confidence: FittedConfidence,
    /// The objective the model was trained for.
    pub objective: Objective,
    /// What class weights, costs and resampling added to the logits: log(factor of positives / factor of
    /// negatives).
    pub logit_shift: f64,
}

/// Predictions for k instances.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Predictions {
    /// Logit (k); rank on this.
    pub logits: Vec<f64>,
    /// Probability of the positive class (k): sigma(logit - [`Model::logit_shift`]), class weights, costs and
    /// resampling undone (Elkan, 2001; King and Zeng, 2001). The same ranking as the logits.
    pub probabilities: Vec<f64>,
    /// sigma(logit) (k): what training minimizes the loss of. Class weights, costs and resampling are left
    /// in, and pull these towards the minority class; they are not the probabilities of the data. The
    /// published comparison reports them.
    pub weighted_probabilities: Vec<f64>,
    /// Classifiers that gave a probability (k).
    pub n_observed: Vec<usize>,
}

impl Model {
    /// Puts a model together from trained parameters; for backends.
    ///
    /// # Errors
    /// Shapes or numbers that do not fit the data.
    pub fn new(
        data: &EnsembleData,
        factors: Factors,
        aggregator: Aggregator,
        confidence: FittedConfidence,
        objective: Objective,
    ) -> Result<Self> {
        factors.validate(data.n_classifiers(), data.n_instances())?;
        aggregator.validate(data.n_classifiers())?;
        let (negatives, positives) = data.class_totals();
        Ok(Self {
            classifier_names: data.classifier_names().to_vec(),
            factors,
            aggregator,
            confidence: confidence.for_new_instances(),
            objective,
            logit_shift: objective.logit_shift(negatives, positives),
        })
    }

    /// Puts a model together from its fields, as a model file holds them. `factors.instances` may be empty (d
    /// x 0): then only new instances can be predicted.
    ///
    /// # Errors
    /// What [`validate`](Self::validate) refuses.
    pub fn from_parts(
        classifier_names: Vec<String>,
        factors: Factors,
        aggregator: Aggregator,
        confidence: FittedConfidence,
        objective: Objective,
        logit_shift: f64,
    ) -> Result<Self> {
        let model = Self { classifier_names, factors, aggregator, confidence, objective, logit_shift };
        model.validate()?;
        Ok(model)
    }

    /// Refuses names that occur twice, shapes that do not fit each other, and parameters out of range: the
    /// fields are public, and this is called before a model is saved.
    ///
    /// # Errors
    /// [`Error::DuplicateName`], [`Error::ShapeMismatch`], [`Error::LengthMismatch`],
    /// [`Error::InvalidParameter`].
    pub fn validate(&self) -> Result<()> {
        let m = self.classifier_names.len();
        check_unique("classifier name", &self.classifier_names)?;
        self.factors.validate(m, self.factors.instances.ncols())?;
        self.aggregator.validate(m)?;
        self.objective.validate()?;
        ensure(self.logit_shift.is_finite(), "logit_shift", self.logit_shift, "it is finite")
    }

    /// The model without Y (d x n), which predicts new instances as before and takes memory of O(d m).
    ///
    /// [`predict_training`](Self::predict_training) and [`reconstruct`](Self::reconstruct) need Y.
    pub fn without_training_instances(mut self) -> Self {
        self.factors.instances = Array2::zeros((self.factors.classifiers.nrows(), 0));
        self
    }

    /// Predictions for the instances the model was trained with (transductive): labeled and unlabeled ones.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `data` has another number of instances than the model;
    /// [`Error::PredictionOverflow`].
    pub fn predict_training(&self, data: &EnsembleData) -> Result<Predictions> {
        let (found, expected) = (data.n_instances(), self.factors.instances.ncols());
        if found != expected {
            return Err(Error::LengthMismatch { what: "training instances", found, expected });
        }
        self.predict(self.factors.instances.view(), data.predictions())
    }

    /// Predictions for new instances (m x k, NaN = missing) by fold-in:
    ///
    /// ```text
    /// y_i = (X diag(c_i) X^T + lambda I)^-1 X diag(c_i) r_i,   then  w . (X^T y_i) + b
    /// ```
    ///
    /// with the confidence rule of training, labels unknown. An instance without any observed probability
    /// gets y_i = 0 and so sigma(b).
    ///
    /// # Errors
    /// [`Error::WrongClassifiers`], [`Error::InvalidProbability`], [`Error::NotPositiveDefinite`] (lambda =
    /// 0), [`Error::PredictionOverflow`].
    pub fn predict_new(&self, predictions: ArrayView2<'_, f64>) -> Result<Predictions> {
        let instances = self.fold_in(predictions, None)?;
        self.predict(instances.view(), predictions)
    }

    /// Instance factors (d x k) of new instances, see [`predict_new`](Self::predict_new). `given` is their
    /// confidence matrix (m x k) if the model's strategy is `given`.
    ///
    /// # Errors
    /// As [`predict_new`](Self::predict_new).
    pub fn fold_in(
        &self,
        predictions: ArrayView2<'_, f64>,
        given: Option<ArrayView2<'_, f64>>,
    ) -> Result<Array2<f64>> {
        check_predictions(&self.classifier_names, predictions)?;
        let rule = self.confidence.on_new(predictions, given);
        let lambda = self.objective.lambda;
        if lambda == 0.0 {
            // Without a ridge an instance nobody predicted has no unique factor; 0 is its limit for lambda ->
            // 0.
            let seen = rule.observed();
            if seen.len() < predictions.ncols() {
                let given = given.map(|given| given.select(Axis(1), &seen));
                let part = predictions.select(Axis(1), &seen);
                let mut y = Array2::zeros((self.factors.latent_dim(), predictions.ncols()));
                // This recursion is one deep: every instance of `part` is observed.
                if !seen.is_empty() {
                    let folded = self.fold_in(part.view(), given.as_ref().map(|given| given.view()))?;
                    for (column, &i) in folded.columns().into_iter().zip(&seen) {
                        y.column_mut(i).assign(&column);
                    }
                }
                return Ok(y);
            }
        }
        let mut y = Array2::zeros((self.factors.latent_dim(), predictions.ncols()));
        let x = self.factors.classifiers.view();
        ridge::update_instances(&Workspace::new(), &rule, x, lambda, &mut y)?;
        Ok(y)
    }

    /// Reconstructed probabilities (m) of one training instance.
    ///
    /// # Panics
    /// If there is no such instance, as in a model [without](Self::without_training_instances) any.
    pub fn reconstruct(&self, instance: usize) -> Vec<f64> {
        let mut out = vec![0.0; self.classifier_names.len()];
        let y = self.factors.instances.column(instance).to_vec();
        reconstruct_instance(self.factors.classifiers.view(), &y, &mut out);
        out
    }

    fn predict(
        &self,
        instances: ArrayView2<'_, f64>,
        predictions: ArrayView2<'_, f64>,
    ) -> Result<Predictions> {
        let logits = self.aggregator.logits(self.factors.classifiers.view(), instances);
        check_logits(&logits)?;
        let mut n_observed = vec![0; instances.ncols()];
        for row in predictions.rows() {
            n_observed.iter_mut().zip(row).for_each(|(k, r)| *k += usize::from(!r.is_nan()));
        }
        // Class weights raise every logit by this shift; without it probabilities are those of the true
        // prevalence.
        let probabilities = logits.iter().map(|&z| sigmoid(z - self.logit_shift)).collect();
        let weighted_probabilities = logits.iter().map(|&z| sigmoid(z)).collect();
        Ok(Predictions { logits, probabilities, weighted_probabilities, n_observed })
    }
}

/// Refuses logits that are not finite, so that no NaN is handed on as a prediction.
///
/// # Errors
/// [`Error::PredictionOverflow`].
pub fn check_logits(logits: &[f64]) -> Result<()> {
    match logits.iter().enumerate().find(|(_, z)| !z.is_finite()) {
        Some((instance, &value)) => Err(Error::PredictionOverflow { instance, value }),
        None => Ok(()),
    }
}
