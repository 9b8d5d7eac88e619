//! A [`Model`] as a [`ModelFile`] and back.

use std::collections::{BTreeMap, HashSet};

use ndarray::{Array1, Array2, ArrayView1};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::model_error::{ModelFileError, ModelFileResult};
use super::model_file::ModelFile;
use crate::aggregator::Aggregator;
use crate::confidence::{Confidence, FittedConfidence};
use crate::error::Error;
use crate::factors::Factors;
use crate::gate::Gate;
use crate::model::Model;
use crate::objective::Objective;
use crate::reliability::{Forest, N_STATISTICS, Node, Reliability};

/// Kind of the file of one [`Model`].
pub const MODEL_KIND: &str = "cf-ensemble-model";

/// What is known about a model besides its parameters.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ModelDetails {
    /// Turns the logit into a calibrated probability; passed through as it is.
    pub calibrator: Option<Value>,
    /// Probabilities from here on are called positive.
    pub threshold: Option<f64>,
    /// Seed of the training.
    pub seed: Option<u64>,
    /// [`fingerprint`](super::fingerprint()) of the training data.
    pub fingerprint: Option<String>,
    /// Version of this crate that saved the file; empty before it is saved.
    pub crate_version: String,
    /// Whatever else tells where the model comes from.
    pub provenance: BTreeMap<String, Value>,
}

/// The document of a model file.
#[derive(Serialize, Deserialize)]
struct Document {
    classifier_names: Vec<String>,
    objective: Objective,
    confidence: Confidence,
    /// Largest column spread in training, for the adaptive confidence.
    max_spread: f64,
    aggregator: Kind,
    logit_shift: f64,
    /// Whether Y is among the tensors.
    training_instances: bool,
    #[serde(flatten)]
    details: ModelDetails,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Mean,
    Weighted,
    Gated,
}

fn node(row: ArrayView1<'_, f64>) -> Node {
    let place = |j: usize| row[j] as usize;
    Node { feature: place(0), threshold: row[1], left: place(2), right: place(3), value: row[4] }
}

impl Model {
    /// The model as a file: tensors `X` (d x m), `w` (m) and `b` (1) unless it is a mean, `gate.U`, `gate.c`,
    /// `gate.V`, `gate.e` of a [`Gate`], `reliability` (m) if its
    /// confidence has one, `forest.nodes` (feature, threshold, left, right, value), `forest.roots` and `forest.classifiers` if it
    /// is learned, and `Y` (d x n) with `training_instances`; without, the file does not grow with the
    /// training data, and only new instances can be predicted.
    ///
    /// ```
    /// use cfe_core::io::{ModelDetails, ModelFile, fingerprint};
    /// use cfe_core::*;
    /// use ndarray::array;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let data = EnsembleData::new(array![[0.9, 0.2], [0.8, 0.1]], vec![Some(true), Some(false)])?;
    /// let model = Model::new(
    ///     &data,
    ///     Factors::random(1, 2, 2, 1.0, 7),
    ///     Aggregator::equal_weights(2),
    ///     Confidence::default().fit(&data)?,
    ///     Objective::default(),
    /// )?;
    /// let mut details = ModelDetails::default();
    /// details.fingerprint = Some(fingerprint(&data));
    ///
    /// let dir = tempfile::tempdir()?;
    /// let path = dir.path().join("model.safetensors");
    /// model.to_file(&details, true)?.save(&path)?;
    /// let (loaded, details) = Model::from_file(&ModelFile::load(&path)?)?;
    /// assert_eq!(loaded, model);
    /// assert_eq!(details.fingerprint, Some(fingerprint(&data)));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ModelFileError::Invalid`] if a parameter is out of range.
    pub fn to_file(&self, details: &ModelDetails, training_instances: bool) -> ModelFileResult<ModelFile> {
        let in_model = |source| ModelFileError::Invalid { file: "the model".to_owned(), source };
        self.check().map_err(in_model)?;
        let aggregator = match &self.aggregator {
            Aggregator::Mean => Kind::Mean,
            Aggregator::Weighted { .. } => Kind::Weighted,
            Aggregator::Gated { .. } => Kind::Gated,
        };
        let (reliability, max_spread) = self.confidence.learnt();
        let mut details = details.clone();
        env!("CARGO_PKG_VERSION").clone_into(&mut details.crate_version);
        let document = Document {
            classifier_names: self.classifier_names.clone(),
            objective: self.objective,
            confidence: self.confidence.confidence(),
            max_spread,
            aggregator,
            logit_shift: self.logit_shift,
            training_instances,
            details,
        };
        let document = serde_json::to_value(document).map_err(|e| ModelFileError::BadDocument {
            file: "the model".to_owned(),
            reason: e.to_string(),
        })?;
        let mut file = ModelFile::new(MODEL_KIND, document);
        file.insert("X", self.factors.classifiers.clone().into_dyn());
        if training_instances {
            file.insert("Y", self.factors.instances.clone().into_dyn());
        }
        if let Some((weights, bias)) = self.aggregator.weights() {
            file.insert("w", Array1::from(weights.to_vec()).into_dyn());
            file.insert("b", Array1::from(vec![bias]).into_dyn());
        }
        if let Aggregator::Gated { gate, .. } = &self.aggregator {
            file.insert("gate.U", gate.hidden.clone().into_dyn());
            file.insert("gate.c", Array1::from(gate.hidden_bias.clone()).into_dyn());
            file.insert("gate.V", gate.output.clone().into_dyn());
            file.insert("gate.e", Array1::from(gate.output_bias.clone()).into_dyn());
        }
        if !reliability.is_empty() {
            file.insert("reliability", Array1::from(reliability.to_vec()).into_dyn());
        }
        if let Some(learned) = self.confidence.learned() {
            let nodes = &learned.forest.nodes;
            let row = |n: &Node| [n.feature as f64, n.threshold, n.left as f64, n.right as f64, n.value];
            let table = Array2::from_shape_fn((nodes.len(), 5), |(k, j)| row(&nodes[k])[j]);
            let roots: Array1<f64> = learned.forest.roots.iter().map(|&k| k as f64).collect();
            file.insert("forest.nodes", table.into_dyn());
            file.insert("forest.roots", roots.into_dyn());
            file.insert("forest.classifiers", learned.classifiers.clone().into_dyn());
        }
        Ok(file)
    }

    /// The model in a file, with what else the file tells.
    ///
    /// # Errors
    /// [`ModelFileError`], one variant for each cause.
    pub fn from_file(file: &ModelFile) -> ModelFileResult<(Self, ModelDetails)> {
        file.expect_kind(MODEL_KIND)?;
        let document: Document = file.parse_document()?;
        let m = document.classifier_names.len();
        let classifiers = file.matrix("X", None, Some(m))?;
        let d = classifiers.nrows();
        let instances = match document.training_instances {
            true => file.matrix("Y", Some(d), None)?,
            false => Array2::zeros((d, 0)),
        };
        let weights = || file.vector("w", Some(m)).map(|w| w.to_vec());
        let bias = || file.vector("b", Some(1)).map(|b| b[0]);
        let aggregator = match document.aggregator {
            Kind::Mean => Aggregator::Mean,
            Kind::Weighted => Aggregator::Weighted { weights: weights()?, bias: bias()? },
            Kind::Gated => {
                let hidden = file.matrix("gate.U", None, Some(m))?;
                let h = hidden.nrows();
                let gate = Gate {
                    hidden,
                    hidden_bias: file.vector("gate.c", Some(h))?.to_vec(),
                    output: file.matrix("gate.V", Some(m), Some(h))?,
                    output_bias: file.vector("gate.e", Some(m))?.to_vec(),
                };
                Aggregator::Gated { weights: weights()?, bias: bias()?, gate }
            }
        };
        let reliability = match file.tensors().contains_key("reliability") {
            true => file.vector("reliability", Some(m))?.to_vec(),
            false => Vec::new(),
        };
        let learned = match file.tensors().contains_key("forest.nodes") {
            true => Some(Reliability {
                forest: Forest {
                    // A fraction or a negative number becomes a place that the check refuses or a whole one.
                    roots: file.vector("forest.roots", None)?.iter().map(|&k| k as usize).collect(),
                    nodes: file.matrix("forest.nodes", None, Some(5))?.rows().into_iter().map(node).collect(),
                },
                classifiers: file.matrix("forest.classifiers", Some(m), Some(N_STATISTICS))?,
            }),
            false => None,
        };
        let invalid = |source| ModelFileError::Invalid { file: file.file().to_owned(), source };
        let model = Model {
            classifier_names: document.classifier_names,
            factors: Factors { classifiers, instances },
            aggregator,
            confidence: FittedConfidence::from_learnt(
                document.confidence,
                reliability,
                document.max_spread,
                learned,
            )
            .map_err(invalid)?,
            objective: document.objective,
            logit_shift: document.logit_shift,
        };
        model.check().map_err(invalid)?;
        if let Some(threshold) = document.details.threshold.filter(|t| !(0.0..=1.0).contains(t)) {
            return Err(file.bad_document(format!("threshold {threshold}; 0 to 1 is allowed")));
        }
        Ok((model, document.details))
    }

    /// Everything that must hold before the model is used or saved.
    fn check(&self) -> Result<(), Error> {
        let m = self.classifier_names.len();
        let mut seen = HashSet::new();
        if let Some(name) = self.classifier_names.iter().find(|name| !seen.insert(name.as_str())) {
            return Err(Error::DuplicateName { what: "classifier name", name: name.clone() });
        }
        self.factors.validate(m, self.factors.instances.ncols())?;
        self.aggregator.validate(m)?;
        self.objective.validate()?;
        crate::error::ensure(self.logit_shift.is_finite(), "logit_shift", self.logit_shift, "it is finite")
    }
}
