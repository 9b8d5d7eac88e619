//! The methods that are compared.

use cf_ensemble::baselines::Baseline;
use cf_ensemble::methods::FittedMethod;
use cf_ensemble::metrics::MetricSummary;
use cf_ensemble::recommended::{Recommended, RecommendedSpec};
use cf_ensemble::{BackendError, EnsembleData, Result, Trainer};

use super::part::Part;
use crate::trainer_form::TrainerForm;

/// A way of combining.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The recommended preset.
    Recommended,
    /// The same without one of its parts.
    Without(Part),
    /// CF-Ensemble as published, or a variant.
    Trained(TrainerForm),
    /// A combiner without factorization.
    Baseline(Baseline),
}

/// Scores of the test instances.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// What ranking is judged by.
    pub ranking: Vec<f64>,
    /// Probabilities; `None` for ranks.
    pub probabilities: Option<Vec<f64>>,
    /// Weight of each classifier (m), for methods that have one.
    pub weights: Option<Vec<f64>>,
}

impl Scores {
    /// The metrics of these scores against the labels of the same instances.
    ///
    /// # Errors
    /// Scores that are not finite, probabilities outside [0, 1].
    pub fn metrics(&self, labels: &[bool]) -> Result<MetricSummary> {
        MetricSummary::new(labels, &self.ranking, self.probabilities.as_deref())
    }
}

impl Method {
    /// Every method of this build, the recommended one first.
    pub fn all() -> Vec<Method> {
        let mut methods = vec![Method::Recommended];
        methods.extend(TrainerForm::available().map(Method::Trained));
        methods.extend(Baseline::ALL.map(Method::Baseline));
        methods
    }

    /// Every method that can be named: [`all`](Self::all), and the recommended one without each of its parts.
    pub fn named() -> Vec<Method> {
        let mut methods = Self::all();
        methods.extend(Part::all().map(Method::Without));
        methods
    }

    /// The methods of `over-data-sets`, whose ranks depend on who takes part: of each trainer the published
    /// form.
    pub fn ranked() -> Vec<Method> {
        let variant = |method: &Method| {
            matches!(method, Method::Trained(TrainerForm::AlsExact | TrainerForm::TorchUnweighted))
        };
        Self::all().into_iter().filter(|method| !variant(method)).collect()
    }

    /// Whether a backend trains it.
    pub fn is_trained(self) -> bool {
        matches!(self, Method::Trained(_))
    }

    /// Name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Method::Recommended => "recommended",
            Method::Without(part) => part.name(),
            Method::Trained(form) => form.name(),
            Method::Baseline(baseline) => baseline.name(),
        }
    }

    /// What it does, in a few words.
    pub fn description(self) -> &'static str {
        match self {
            Method::Recommended => "the recommended preset of CF-Ensemble",
            Method::Without(part) => part.description(),
            Method::Trained(form) => form.description(),
            Method::Baseline(baseline) => baseline.description(),
        }
    }

    /// Learns from the labeled instances of `data` and scores the instances `test`.
    ///
    /// # Errors
    /// Those of the method.
    pub fn score(self, data: &EnsembleData, test: &[usize], seed: u64) -> Result<Scores> {
        match self {
            Method::Recommended => {
                recommended(RecommendedSpec { seed, ..RecommendedSpec::default() }, data, test)
            }
            Method::Without(part) => recommended(part.without(seed), data, test),
            Method::Trained(form) => transductive(form.trainer(seed).map_err(refused)?.as_ref(), data, test),
            Method::Baseline(baseline) => inductive(&FittedMethod::Baseline(baseline.fit(data)?), data, test),
        }
    }
}

fn recommended(spec: RecommendedSpec, data: &EnsembleData, test: &[usize]) -> Result<Scores> {
    let fitted = Recommended::try_from(spec)?.fit(data)?;
    inductive(&FittedMethod::Recommended(fitted.model), data, test)
}

/// These predict each test instance by itself, from what they learned of the labeled ones. Ranks are taken
/// among the scored instances alone, as for any new rows.
fn inductive(fitted: &FittedMethod, data: &EnsembleData, test: &[usize]) -> Result<Scores> {
    let scores = fitted.predict(data.select_instances(test)?.predictions())?;
    Ok(Scores { ranking: scores.ranking, probabilities: scores.probabilities, weights: fitted.weights() })
}

/// Only forms of this build are listed, and their settings are in range.
fn refused(error: BackendError) -> cf_ensemble::Error {
    match error {
        BackendError::Refused(error) => error,
        other => unreachable!("a form of this build cannot be refused: {other}"),
    }
}

/// The published trainers see the unlabeled instances too, and predict them from their own factors.
fn transductive(trainer: &dyn Trainer, data: &EnsembleData, test: &[usize]) -> Result<Scores> {
    let fitted = trainer.fit(data)?;
    let predictions = fitted.model.predict_training(data)?;
    let test_part_of = |values: &[f64]| test.iter().map(|&i| values[i]).collect();
    Ok(Scores {
        ranking: test_part_of(&predictions.logits),
        probabilities: Some(test_part_of(&predictions.probabilities)),
        weights: fitted.model.aggregator.weights().map(|(weights, _)| weights.to_vec()),
    })
}
