//! What a model file says of its fit beside what predicts: every entry with its name and its type.
//!
//! Names are a part of the file format. Older files lack some entries, and a file may hold entries that are
//! not listed here.
//!
//! ```
//! use cf_ensemble::saved::provenance::TRAINER;
//! use cf_ensemble::io::ModelDetails;
//!
//! let mut details = ModelDetails::default();
//! assert_eq!(TRAINER.get(&details), None);
//! TRAINER.put(&mut details, &"als".to_owned());
//! assert_eq!(TRAINER.get(&details).as_deref(), Some("als"));
//! ```

use std::marker::PhantomData;

use cfe_core::metrics::classes::ClassSummary;
use cfe_core::{Fitted, LossParts, StopReason};
use cfe_io::{ClassColumn, ModelDetails, Remembered};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::classes::DecisionRule;
use crate::judge::{Cut, Redundancy, TrainRows};
use crate::recommended::{LearningCurve, LeftOut};

/// A place in [`ModelDetails::provenance`] that holds a `T`.
#[derive(Debug)]
pub struct Entry<T> {
    name: &'static str,
    holds: PhantomData<fn() -> T>,
}

/// Name of the trainer.
pub const TRAINER: Entry<String> = Entry::new("trainer");
/// All settings of the trainer.
pub const SETTINGS: Entry<Value> = Entry::new("settings");
/// How the fit went: folds, and what the trainer tells of itself, such as `iterations`, `stop` and `loss`.
pub const FIT: Entry<Value> = Entry::new("fit");
/// The data: how many rows of each class; see [`described`](super::described).
pub const DATA: Entry<Value> = Entry::new("data");
/// Name of the table, in models of several classes; those of two classes have it in [`DATA`].
pub const FILE: Entry<String> = Entry::new("file");
/// What the columns of the table were taken for, and how its cells were read.
pub const COLUMNS: Entry<Remembered> = Entry::new("columns");
/// Share of positives that the predictions are for.
pub const PREVALENCE: Entry<f64> = Entry::new("prevalence");
/// In models of several classes: what decisions were to make best.
pub const DECISION_RULE: Entry<DecisionRule> = Entry::new("decision_rule");
/// Where the model cuts.
pub const CUT: Entry<Cut> = Entry::new("cut");
/// The classifier most like each one.
pub(crate) const REDUNDANCY: Entry<Vec<Redundancy>> = Entry::new("redundancy");
/// What is lost without each classifier.
pub(crate) const LEFT_OUT: Entry<Vec<LeftOut>> = Entry::new("left_out");
/// What more labels and classifiers have brought.
pub(crate) const LEARNING_CURVE: Entry<LearningCurve> = Entry::new("learning_curve");
/// The rows that were learned from, as hashes.
pub(crate) const TRAIN_ROWS: Entry<TrainRows> = Entry::new("train_rows");
/// In models of several classes: classifier and class of each column.
pub(crate) const CLASS_COLUMNS: Entry<Vec<ClassColumn>> = Entry::new("class_columns");
/// In models of several classes: figures of the out-of-fold predictions.
pub(crate) const OUT_OF_FOLD: Entry<ClassSummary> = Entry::new("out_of_fold");

/// What the trainers `als` and `torch` tell of a fit, for [`FIT`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FitFacts {
    /// Folds of the cross-validation; 0 without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// Iterations of the fit on all labels.
    pub iterations: usize,
    /// Why it ended.
    pub stop: StopReason,
    /// Its loss at the end.
    pub loss: LossParts,
    /// Where it was computed.
    pub device: String,
}

impl FitFacts {
    /// Of a fit that is not cross-validated.
    pub fn of(fitted: &Fitted) -> Self {
        Self {
            folds: None,
            iterations: fitted.history.n_iterations(),
            stop: fitted.stop,
            loss: fitted.loss,
            device: fitted.device.clone(),
        }
    }

    /// The same with folds, as the value of [`FIT`].
    pub fn with_folds(mut self, folds: usize) -> Value {
        self.folds = Some(folds);
        json!(self)
    }
}

impl<T> Entry<T> {
    const fn new(name: &'static str) -> Self {
        Self { name, holds: PhantomData }
    }

    /// Its name in the file.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Takes the entry out, if it is there.
    pub fn remove(&self, details: &mut ModelDetails) {
        details.provenance.remove(self.name);
    }
}

impl<T: Serialize + DeserializeOwned> Entry<T> {
    /// Keeps a value, in the place of one that is there.
    pub fn put(&self, details: &mut ModelDetails, value: &T) {
        details.provenance.insert(self.name.to_owned(), json!(value));
    }

    /// What is kept; `None` where nothing is. Every entry of a file was checked when it was loaded; in
    /// details that were written by hand, a value of another form is `None` as well.
    pub fn get(&self, details: &ModelDetails) -> Option<T> {
        self.read(details).ok().flatten()
    }

    /// What is kept, or in words what is wrong with the form.
    pub(crate) fn read(&self, details: &ModelDetails) -> Result<Option<T>, String> {
        let kept = details.provenance.get(self.name);
        kept.map(|value| T::deserialize(value).map_err(|e| format!("{}: {e}", self.name))).transpose()
    }
}

/// Refuses details with an entry that is not understood: a reader must not take that for "nothing was kept".
pub(crate) fn check(details: &ModelDetails) -> Result<(), String> {
    TRAINER.read(details)?;
    FILE.read(details)?;
    COLUMNS.read(details)?;
    DECISION_RULE.read(details)?;
    CUT.read(details)?;
    REDUNDANCY.read(details)?;
    LEFT_OUT.read(details)?;
    LEARNING_CURVE.read(details)?;
    TRAIN_ROWS.read(details)?;
    CLASS_COLUMNS.read(details)?;
    OUT_OF_FOLD.read(details)?;
    match PREVALENCE.read(details)? {
        Some(share) if !(share > 0.0 && share < 1.0) => {
            Err(format!("{} {share}; above 0 and below 1 is allowed", PREVALENCE.name))
        }
        _ => Ok(()),
    }
}
