//! The methods that are compared.

use cf_ensemble::baselines::Baseline;
use cf_ensemble::methods::FittedMethod;
use cf_ensemble::metrics::MetricSummary;
use cf_ensemble::recommended::{Recommended, RecommendedSpec};
use cf_ensemble::{BackendError, EnsembleData, Result, Trainer};

use super::simple::Simple;
use super::variant::Variant;
use crate::trainer_form::TrainerForm;

/// A way of combining.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The recommended preset.
    Recommended,
    /// The same without one of its parts.
    Variant(Variant),
    /// CF-Ensemble as published, or a variant.
    Trained(TrainerForm),
    /// A combiner without factorization.
    Baseline(Baseline),
    /// A simple way to combine or to fill gaps that the library does not have.
    Simple(Simple),
}

/// Scores of the test instances.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// What ranking is judged by.
    pub ranking: Vec<f64>,
    /// Probabilities; `None` for ranks.
    pub probabilities: Option<Vec<f64>>,
    /// Probabilities of trained methods that class weights are left in: the signs of collapse are defined on
    /// them.
    pub weighted_probabilities: Option<Vec<f64>>,
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

    /// Every method that can be named: [`all`](Self::all), the simple ways, and variants of the recommended
    /// one.
    pub fn named() -> Vec<Method> {
        let mut methods = Self::all();
        methods.extend(Simple::all().map(Method::Simple));
        methods.extend(Variant::all().map(Method::Variant));
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

    /// The methods that are compared where cells are missing: the recommended one, and the usual ways.
    pub fn for_gaps() -> Vec<Method> {
        let mut methods = vec![Method::Recommended];
        methods.extend([Baseline::Mean, Baseline::LogitMean, Baseline::Nnls].map(Method::Baseline));
        methods.extend([Baseline::NonNegativeLogistic, Baseline::Average4].map(Method::Baseline));
        methods.extend(Simple::all().map(Method::Simple));
        methods
    }

    /// Whether a backend trains it.
    pub fn is_trained(self) -> bool {
        matches!(self, Method::Trained(_))
    }

    /// Name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Method::Recommended => "recommended",
            Method::Variant(variant) => variant.name(),
            Method::Trained(form) => form.name(),
            Method::Baseline(baseline) => baseline.name(),
            Method::Simple(simple) => simple.name(),
        }
    }

    /// What it does, in a few words.
    pub fn description(self) -> &'static str {
        match self {
            Method::Recommended => "the recommended preset of CF-Ensemble",
            Method::Variant(variant) => variant.description(),
            Method::Trained(form) => form.description(),
            Method::Baseline(baseline) => baseline.description(),
            Method::Simple(simple) => simple.description(),
        }
    }

    /// Learns from the labeled instances of `data` and scores the instances `test`.
    ///
    /// # Errors
    /// Those of the method.
    pub fn score(self, data: &EnsembleData, test: &[usize], seed: u64) -> Result<Scores> {
        // Inductive methods predict each test row by itself; the published trainers see all rows at once.
        match self {
            Method::Recommended => {
                recommended(RecommendedSpec { seed, ..RecommendedSpec::default() }, data, test)
            }
            Method::Variant(variant) => recommended(variant.spec(seed), data, test),
            Method::Trained(form) => transductive(form.trainer(seed).map_err(refused)?.as_ref(), data, test),
            Method::Baseline(baseline) => inductive(&FittedMethod::Baseline(baseline.fit(data)?), data, test),
            Method::Simple(simple) => {
                let probabilities = simple.probabilities(data, test, seed)?;
                Ok(Scores {
                    ranking: probabilities.clone(),
                    probabilities: Some(probabilities),
                    weighted_probabilities: None,
                    weights: None,
                })
            }
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
    Ok(Scores {
        ranking: scores.ranking,
        probabilities: scores.probabilities,
        weighted_probabilities: None,
        weights: fitted.weights(),
    })
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
        weighted_probabilities: Some(test_part_of(&predictions.weighted_probabilities)),
        weights: fitted.model.aggregator.weights().map(|(weights, _)| weights.to_vec()),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ndarray::arr2;

    use super::*;

    fn data() -> EnsembleData {
        let predictions = arr2(&[
            [0.9, 0.2, 0.1, 0.7, 0.8, 0.3, 0.4, 0.2],
            [0.8, 0.3, 0.2, 0.6, 0.7, 0.1, 0.6, 0.5],
            [0.4, 0.5, 0.6, 0.5, 0.4, 0.6, 0.3, 0.7],
        ]);
        let labels = [Some(true), Some(false), Some(false), Some(true), Some(true), Some(false), None, None];
        EnsembleData::new(predictions, labels.to_vec()).expect("valid")
    }

    #[test]
    fn every_method_has_a_name_and_a_description_of_its_own() {
        let named = Method::named();
        let names: BTreeSet<&str> = named.iter().map(|method| method.name()).collect();
        let descriptions: BTreeSet<&str> = named.iter().map(|method| method.description()).collect();
        assert_eq!((names.len(), descriptions.len()), (named.len(), named.len()));
        assert_eq!(named[0], Method::Recommended);
        assert_eq!(named.len(), Method::all().len() + Simple::all().count() + Variant::all().count());
    }

    #[test]
    fn ranks_are_over_one_form_of_each_weighting_and_trainer() {
        let ranked = Method::ranked();
        assert!(ranked.contains(&Method::Trained(TrainerForm::Als)));
        assert!(ranked.contains(&Method::Trained(TrainerForm::AlsUnweighted)));
        assert!(!ranked.contains(&Method::Trained(TrainerForm::AlsExact)));
        assert!(!ranked.contains(&Method::Trained(TrainerForm::TorchUnweighted)));
        assert!(ranked.iter().all(|method| !matches!(method, Method::Variant(_))));
    }

    #[test]
    fn the_mean_is_the_mean_and_asks_no_label() {
        let scores = Method::Baseline(Baseline::Mean).score(&data(), &[6, 1], 0).expect("fitted");
        for (found, expected) in scores.ranking.iter().zip([1.3 / 3.0, 1.0 / 3.0]) {
            assert!((found - expected).abs() < 1e-12);
        }
        assert_eq!(scores.probabilities.as_ref(), Some(&scores.ranking));
        assert_eq!(scores.weights, Some(vec![1.0 / 3.0; 3]));
    }

    #[test]
    fn ranks_are_not_probabilities_and_are_taken_among_the_scored_alone() {
        let average = Method::Baseline(Baseline::RankAverage);
        let of = |test: &[usize]| average.score(&data(), test, 0).expect("fitted");
        assert_eq!(of(&[0, 1, 6]).probabilities, None);
        // Two instances that every classifier puts in one order, whatever else there is.
        let two = of(&[3, 2]);
        assert!(two.ranking[0] != two.ranking[1]);
        let metrics = two.metrics(&[true, false]).expect("valid");
        assert_eq!((metrics.average_precision, metrics.log_loss), (Some(1.0), None));
    }

    #[test]
    fn a_trainer_scores_the_instances_that_were_asked_for_from_their_own_factors() {
        let exact = Method::Trained(TrainerForm::AlsExact);
        let all = exact.score(&data(), &[0, 1, 2, 3, 4, 5, 6, 7], 3).expect("trained");
        let some = exact.score(&data(), &[7, 2], 3).expect("trained");
        assert_eq!(some.ranking, [all.ranking[7], all.ranking[2]]);
        let fitted = TrainerForm::AlsExact.trainer(3).expect("compiled in").fit(&data()).expect("trained");
        let predicted = fitted.model.predict_training(&data()).expect("finite");
        assert_eq!((all.ranking, all.probabilities), (predicted.logits, Some(predicted.probabilities)));
        assert_eq!(some.weights.as_deref(), fitted.model.aggregator.weights().map(|(weights, _)| weights));
        let other = exact.score(&data(), &[7, 2], 4).expect("trained");
        assert_ne!(other.ranking, some.ranking, "the seed draws the start");
    }

    #[test]
    fn data_without_labels_are_the_error_of_the_method() {
        let unlabeled = data().with_labels(vec![None; 8]).expect("valid");
        for method in
            [Method::Recommended, Method::Trained(TrainerForm::Als), Method::Baseline(Baseline::Logistic)]
        {
            assert!(method.score(&unlabeled, &[0], 0).is_err(), "{}", method.name());
        }
        assert!(
            Method::Baseline(Baseline::Mean).score(&data(), &[8], 0).is_err(),
            "there are eight instances"
        );
    }
}
