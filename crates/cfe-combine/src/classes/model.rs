//! The fitted combiner of K classes.

use cfe_core::classes::ClassPredictions;
use cfe_core::{Error, Result};
use cfe_io::ModelDetails;
use ndarray::Array2;
use serde::Serialize;

use super::binary::Binary;
use super::couple::Coupling;
use super::decide::Decision;
use crate::judge::TrustReport;
use crate::saved::SavedModel;

/// Combines m classifiers on K classes; made by [`fit()`](super::fit()).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ClassModel {
    pub(super) classifier_names: Vec<String>,
    pub(super) classes: Vec<String>,
    /// The binary fit of each class (K); `None` for one of which there was nothing to learn.
    pub(super) parts: Vec<Option<Binary>>,
    pub(super) coupling: Coupling,
    /// How a class is decided for.
    pub decision: Decision,
    /// Seed, fingerprint and what else tells where the model comes from.
    pub details: ModelDetails,
}

/// Predictions for n rows of K classes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ClassCombined {
    /// Probabilities (n x K); each row sums to 1.
    pub probabilities: Array2<f64>,
    /// The class decided for (n), by its number.
    pub decisions: Vec<usize>,
    /// Classifiers that gave a prediction (n).
    pub n_observed: Vec<usize>,
}

/// Whom a model listens to about one class.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ClassTrust {
    /// Label of the class.
    pub class: String,
    /// The weights; `None` where there was nothing to learn, so that all count alike, and for a baseline.
    pub trust: Option<TrustReport>,
}

impl ClassModel {
    /// Names of the classifiers (m).
    pub fn classifier_names(&self) -> &[String] {
        &self.classifier_names
    }

    /// Labels of the classes (K).
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The binary model of class `k` against all others, whose log-odds are coupled; `None` where there was
    /// nothing to learn, for a baseline, and for the first of two classes.
    pub fn of_class(&self, k: usize) -> Option<&SavedModel> {
        match self.parts.get(k) {
            Some(Some(Binary::Trained(model))) => Some(model),
            _ => None,
        }
    }

    /// How the classes are coupled.
    pub fn coupling(&self) -> &Coupling {
        &self.coupling
    }

    /// Classes of which there was nothing to learn: the classifiers vote on them.
    pub fn unlearned(&self) -> Vec<&str> {
        match self.coupling {
            Coupling::Binary => Vec::new(),
            _ => self.numbers(|part| part.is_none()).map(|k| self.classes[k].as_str()).collect(),
        }
    }

    fn numbers(&self, of: impl Fn(&Option<Binary>) -> bool) -> impl Iterator<Item = usize> {
        let found: Vec<usize> = (0..self.classes.len()).filter(|&k| of(&self.parts[k])).collect();
        found.into_iter()
    }

    /// Whom the model listens to, for each class (K). Of two classes the second has the weights.
    pub fn trust(&self) -> Vec<ClassTrust> {
        let trust_of = |(k, class): (usize, &String)| ClassTrust {
            class: class.clone(),
            trust: self.of_class(k).map(TrustReport::of),
        };
        self.classes.iter().enumerate().map(trust_of).collect()
    }

    /// Predicts rows, each by itself. Classes that the model does not know are taken off first, see
    /// [`ClassPredictions::align`].
    ///
    /// # Errors
    /// [`Error::UnknownName`] for a classifier or class of the model that is not among the predictions;
    /// parameters so large that a log-odds is not finite.
    pub fn predict(&self, predictions: &ClassPredictions) -> Result<ClassCombined> {
        let aligned = predictions.align(&self.classifier_names, &self.classes)?;
        let n = aligned.n_instances();
        let probabilities = match (&self.coupling, self.parts.get(1)) {
            (Coupling::Binary, Some(Some(part))) => {
                // A binary model is calibrated by itself, and its probabilities are taken as they are.
                let positive = part.probabilities(self.of_part(&aligned, 1, part)?.view())?;
                Array2::from_shape_fn((n, 2), |(i, k)| if k == 1 { positive[i] } else { 1.0 - positive[i] })
            }
            _ => {
                // Only classes with a fit have log-odds, and the coupling was fitted to those columns alone.
                let learned: Vec<usize> = self.numbers(Option::is_some).collect();
                let mut log_odds = Array2::zeros((n, learned.len()));
                for (column, &k) in learned.iter().enumerate() {
                    let part = self.parts[k].as_ref().expect("only learned classes are here");
                    let z = part.log_odds(self.of_part(&aligned, k, part)?.view())?;
                    log_odds.column_mut(column).iter_mut().zip(z).for_each(|(to, z)| *to = z);
                }
                with_votes(&self.coupling, &log_odds, &learned, self.classes.len(), |i| aligned.soft_vote(i))
            }
        };
        let decisions = self.decision.decide_all(&probabilities);
        let n_observed = (0..n).map(|i| aligned.n_observed(i)).collect();
        Ok(ClassCombined { probabilities, decisions, n_observed })
    }

    /// The probabilities of class `k` by the classifiers of its part.
    fn of_part(&self, predictions: &ClassPredictions, k: usize, part: &Binary) -> Result<Array2<f64>> {
        // A part has the classifiers that knew its class, which may be fewer than those of the model.
        let place = |name: &String| self.classifier_names.iter().position(|own| own == name);
        let found: Option<Vec<usize>> = part.classifier_names().iter().map(place).collect();
        let classifiers = found.ok_or_else(|| Error::UnknownName {
            what: "classifier",
            names: part.classifier_names().join(", "),
            present: self.classifier_names.join(", "),
        })?;
        Ok(predictions.of_class(k, &classifiers))
    }
}

/// Distributions (n x K) from log-odds of the `learned` classes (n x their number). The other classes have
/// what the classifiers say on average (`vote` of a row, K), and the learned ones share the rest.
pub(super) fn with_votes(
    coupling: &Coupling,
    log_odds: &Array2<f64>,
    learned: &[usize],
    classes: usize,
    vote: impl Fn(usize) -> Vec<f64>,
) -> Array2<f64> {
    spread(&coupling.apply_all(log_odds), learned, classes, vote)
}

/// As [`with_votes`], for distributions of the learned classes.
pub(super) fn spread(
    coupled: &Array2<f64>,
    learned: &[usize],
    classes: usize,
    vote: impl Fn(usize) -> Vec<f64>,
) -> Array2<f64> {
    if learned.len() == classes {
        return coupled.clone();
    }
    let mut out = Array2::zeros((coupled.nrows(), classes));
    for (i, mut row) in out.rows_mut().into_iter().enumerate() {
        let vote = vote(i);
        let mut rest = 1.0;
        for k in (0..classes).filter(|k| !learned.contains(k)) {
            row[k] = vote[k];
            rest -= vote[k];
        }
        // A vote of 1 up to rounding leaves nothing, and not less than nothing.
        let rest = f64::max(rest, 0.0);
        learned.iter().zip(coupled.row(i)).for_each(|(&k, p)| row[k] = rest * p);
    }
    out
}
