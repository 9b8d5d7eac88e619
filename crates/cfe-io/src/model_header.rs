//! A [`Model`] as a [`ModelFile`] and back.

use std::collections::BTreeMap;

use cfe_core::cell_errors::{CellErrors, Forest, N_STATISTICS, Node};
use cfe_core::{Aggregator, Confidence, Factors, FittedConfidence, Gate, Model, Objective};
use ndarray::{Array1, Array2, ArrayView1};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model_error::{ModelFileError, ModelFileResult};
use crate::model_file::ModelFile;

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
    /// [`fingerprint`](crate::fingerprint()) of the training data.
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

impl ModelFile {
    /// A model as a file: tensors `X` (d x m), `w` (m) and `b` (1) unless it is a mean, `gate.U`, `gate.c`,
    /// `gate.V`, `gate.e` of a [`Gate`], `reliability` (m) if its confidence has one, `forest.nodes`
    /// (feature, threshold, left, right, value), `forest.roots` and `forest.classifiers` if it is learned,
    /// and `Y` (d x n) with `training_instances`; without, the file does not grow with the training data, and
    /// only new instances can be predicted.
    ///
    /// ```
    /// use cfe_io::{ModelDetails, ModelFile, fingerprint};
    /// use cfe_core::*;
    /// use ndarray::array;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let data = EnsembleData::new(array![[0.9, 0.2], [0.8, 0.1]], vec![Some(true), Some(false)])?;
    /// let model = Model::new(
    ///     &data,
    ///     Factors::random(1, 2, 2, 1.0, 7).expect("in range"),
    ///     Aggregator::equal_weights(2),
    ///     Confidence::default().fit(&data)?,
    ///     Objective::default(),
    /// )?;
    /// let mut details = ModelDetails::default();
    /// details.fingerprint = Some(fingerprint(&data));
    ///
    /// let dir = tempfile::tempdir()?;
    /// let path = dir.path().join("model.safetensors");
    /// ModelFile::from_model(&model, &details, true)?.save(&path)?;
    /// let (loaded, details) = ModelFile::load(&path)?.to_model()?;
    /// assert_eq!(loaded, model);
    /// assert_eq!(details.fingerprint, Some(fingerprint(&data)));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ModelFileError::Invalid`] if a parameter is out of range.
    pub fn from_model(
        model: &Model,
        details: &ModelDetails,
        training_instances: bool,
    ) -> ModelFileResult<Self> {
        let in_model = |source| ModelFileError::Invalid { file: "the model".to_owned(), source };
        // What could not be read again is not written.
        model.validate().map_err(in_model)?;
        let aggregator = match &model.aggregator {
            Aggregator::Mean => Kind::Mean,
            Aggregator::Weighted { .. } => Kind::Weighted,
            Aggregator::Gated { .. } => Kind::Gated,
        };
        let reliability = model.confidence.classifier_confidence();
        let mut details = details.clone();
        env!("CARGO_PKG_VERSION").clone_into(&mut details.crate_version);
        let document = Document {
            classifier_names: model.classifier_names.clone(),
            objective: model.objective,
            confidence: model.confidence.confidence(),
            max_spread: model.confidence.max_spread(),
            aggregator,
            logit_shift: model.logit_shift,
            training_instances,
            details,
        };
        let document = serde_json::to_value(document).map_err(|e| ModelFileError::BadDocument {
            file: "the model".to_owned(),
            reason: e.to_string(),
        })?;
        // X always, and the rest as far as the model has it: absence is how `to_model` knows.
        let mut file = Self::new(MODEL_KIND, document);
        file.insert("X", model.factors.classifiers.clone().into_dyn());
        if training_instances {
            file.insert("Y", model.factors.instances.clone().into_dyn());
        }
        if let Some((weights, bias)) = model.aggregator.weights() {
            file.insert("w", Array1::from(weights.to_vec()).into_dyn());
            file.insert("b", Array1::from(vec![bias]).into_dyn());
        }
        // The gate has the letters of its formula, softmax(V tanh(U r + c) + e).
        if let Aggregator::Gated { gate, .. } = &model.aggregator {
            file.insert("gate.U", gate.hidden.clone().into_dyn());
            file.insert("gate.c", Array1::from(gate.hidden_bias.clone()).into_dyn());
            file.insert("gate.V", gate.output.clone().into_dyn());
            file.insert("gate.e", Array1::from(gate.output_bias.clone()).into_dyn());
        }
        // Only some confidence strategies learn a number for each classifier.
        if !reliability.is_empty() {
            file.insert("reliability", Array1::from(reliability.to_vec()).into_dyn());
        }
        if let Some(learned) = model.confidence.cell_errors() {
            let nodes = &learned.forest.nodes;
            // A tensor has one type: places are written as f64, which holds whole numbers up to 2^53.
            let row = |n: &Node| [n.feature as f64, n.threshold, n.left as f64, n.right as f64, n.value];
            let table = Array2::from_shape_fn((nodes.len(), 5), |(k, j)| row(&nodes[k])[j]);
            let roots: Array1<f64> = learned.forest.roots.iter().map(|&k| k as f64).collect();
            file.insert("forest.nodes", table.into_dyn());
            file.insert("forest.roots", roots.into_dyn());
            file.insert("forest.classifiers", learned.classifiers.clone().into_dyn());
        }
        Ok(file)
    }

    /// The model in this file, with what else the file tells.
    ///
    /// # Errors
    /// [`ModelFileError`], one variant for each cause.
    pub fn to_model(&self) -> ModelFileResult<(Model, ModelDetails)> {
        self.expect_kind(MODEL_KIND)?;
        let document: Document = self.parse_document()?;
        let m = document.classifier_names.len();
        // The names fix m and X fixes d; every other tensor has to fit these two.
        let classifiers = self.matrix("X", None, Some(m))?;
        let d = classifiers.nrows();
        let instances = match document.training_instances {
            true => self.matrix("Y", Some(d), None)?,
            false => Array2::zeros((d, 0)),
        };
        // w and b are looked for only where the kind of the aggregator has them.
        let weights = || self.vector("w", Some(m)).map(|w| w.to_vec());
        let bias = || self.vector("b", Some(1)).map(|b| b[0]);
        let aggregator = match document.aggregator {
            Kind::Mean => Aggregator::Mean,
            Kind::Weighted => Aggregator::Weighted { weights: weights()?, bias: bias()? },
            Kind::Gated => {
                let hidden = self.matrix("gate.U", None, Some(m))?;
                let h = hidden.nrows();
                let gate = Gate {
                    hidden,
                    hidden_bias: self.vector("gate.c", Some(h))?.to_vec(),
                    output: self.matrix("gate.V", Some(m), Some(h))?,
                    output_bias: self.vector("gate.e", Some(m))?.to_vec(),
                };
                Aggregator::Gated { weights: weights()?, bias: bias()?, gate }
            }
        };
        // The confidence has up to two learned parts: a weight for each classifier, or a forest of cell
        // errors.
        let reliability = match self.tensors().contains_key("reliability") {
            true => self.vector("reliability", Some(m))?.to_vec(),
            false => Vec::new(),
        };
        let learned = match self.tensors().contains_key("forest.nodes") {
            true => Some(CellErrors {
                forest: Forest {
                    // A fraction or a negative number becomes a place that the check refuses or a whole one.
                    roots: self.vector("forest.roots", None)?.iter().map(|&k| k as usize).collect(),
                    nodes: self.matrix("forest.nodes", None, Some(5))?.rows().into_iter().map(node).collect(),
                },
                classifiers: self.matrix("forest.classifiers", Some(m), Some(N_STATISTICS))?,
            }),
            false => None,
        };
        // Ranges and finiteness are for the types of the core to judge, which also a fit goes through.
        let invalid = |source| ModelFileError::Invalid { file: self.file().to_owned(), source };
        let confidence =
            FittedConfidence::from_parts(document.confidence, reliability, document.max_spread, learned)
                .map_err(invalid)?;
        let model = Model::from_parts(
            document.classifier_names,
            Factors { classifiers, instances },
            aggregator,
            confidence,
            document.objective,
            document.logit_shift,
        )
        .map_err(invalid)?;
        if let Some(threshold) = document.details.threshold.filter(|t| !(0.0..=1.0).contains(t)) {
            return Err(self.bad_document(format!("threshold {threshold}; 0 to 1 is allowed")));
        }
        Ok((model, document.details))
    }
}
