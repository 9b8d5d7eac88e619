//! What a fit of K classes gives.

use cfe_core::validation::Folds;
use ndarray::Array2;
use serde_json::{Value, json};

use super::model::{ClassCombined, ClassModel};

/// Classes of fewer labeled rows than this have figures that say little: one row more or less moves the
/// recall of such a class by more than 0.1.
pub const FEW_ROWS: usize = 10;

/// What a fit of K classes gives.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClassOutcome {
    /// The model.
    pub model: ClassModel,
    /// Predictions of the model for every row, those of training too.
    pub combined: ClassCombined,
    /// Probabilities (labeled rows x K) from fits and couplings that did not see the row's label; NaN for
    /// rows that times leave nothing to learn from before them. `None` of two classes where one has a single
    /// row.
    pub out_of_fold: Option<Array2<f64>>,
    /// Folds of the labeled rows, the same for every class.
    pub folds: Option<Folds>,
    /// Labeled rows of each class (K) that weigh something.
    pub class_counts: Vec<usize>,
    /// What a wrong decision about each row costs (n).
    pub(super) costs: Option<Vec<f64>>,
}

/// What a program shows of a fit: `provenance` with the trainer's settings is in the model.
impl ClassOutcome {
    /// As JSON: classes, rows of each, folds, and figures of the out-of-fold predictions.
    pub fn facts(&self) -> Value {
        json!({
            "classes": self.model.classes(),
            "labeled": self.class_counts,
            "folds": self.folds.as_ref().map(Folds::n_splits),
            "coupling": self.model.coupling(),
            "decision": self.model.decision,
            "unlearned": self.model.unlearned(),
            "few_rows": few_rows(self.model.classes(), &self.class_counts),
        })
    }
}

/// Classes of fewer than [`FEW_ROWS`] labeled rows, with their number of rows.
pub fn few_rows(classes: &[String], counts: &[usize]) -> Vec<(String, usize)> {
    let few = classes.iter().zip(counts).filter(|(_, count)| **count < FEW_ROWS);
    few.map(|(class, &count)| (class.clone(), count)).collect()
}
