//! Every method fitted and applied in one way.

use cfe_core::{EnsembleData, Model, Result};
use ndarray::ArrayView2;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Backend, BackendError, Method};
use crate::baselines::FittedBaseline;
use crate::recommended::{Recommended, RecommendedModel, RecommendedSpec};

/// A method with what it learned.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum FittedMethod {
    /// From the recommended combiner.
    Recommended(RecommendedModel),
    /// Factors and aggregator, from the trainers `als` and `torch`.
    Factors(Model),
    /// A simple combiner.
    Baseline(FittedBaseline),
}

/// What a method says of k instances.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Scores {
    /// What to rank by (k): logits where the method has them, so that saturated probabilities do not tie.
    pub ranking: Vec<f64>,
    /// Probabilities (k), 0 to 1, class weights undone; `None` for a method that gives ranks.
    pub probabilities: Option<Vec<f64>>,
}

impl Method {
    /// Learns from the labeled instances of `data`. `settings` are fields of the spec of the method, as in a
    /// configuration; what is left out keeps its default. A baseline has no settings.
    ///
    /// ```
    /// # #[cfg(feature = "als")] {
    /// use cf_ensemble::methods::Method;
    /// use cf_ensemble::synthetic::Separable;
    ///
    /// let data = Separable::default().generate(1)?.data;
    /// for name in ["recommended", "als", "avg4"] {
    ///     let fitted = name.parse::<Method>()?.fit(&data, &Default::default())?;
    ///     let scores = fitted.predict(data.predictions())?;
    ///     assert_eq!(scores.ranking.len(), data.n_instances());
    /// }
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`BackendError::NotCompiledIn`]; [`BackendError::Settings`] for an unknown key or a value of the wrong
    /// kind; [`BackendError::Refused`] for a value out of range, and for data without labels of both classes.
    pub fn fit(
        self,
        data: &EnsembleData,
        settings: &Map<String, Value>,
    ) -> Result<FittedMethod, BackendError> {
        match self {
            Method::Recommended => {
                let spec = RecommendedSpec::deserialize(settings)
                    .map_err(|source| BackendError::Settings { method: self, source })?;
                Ok(FittedMethod::Recommended(Recommended::try_from(spec)?.fit(data)?.model))
            }
            Method::Als => factors(Backend::Als, data, settings),
            Method::Torch => factors(Backend::Torch, data, settings),
            Method::Baseline(baseline) => {
                // A baseline has no spec that could refuse a key, so every key is refused here.
                if let Some(key) = settings.keys().next() {
                    let source =
                        serde::de::Error::custom(format!("unknown field `{key}`; it has no settings"));
                    return Err(BackendError::Settings { method: self, source });
                }
                Ok(FittedMethod::Baseline(baseline.fit(data)?))
            }
        }
    }
}

fn factors(
    backend: Backend,
    data: &EnsembleData,
    settings: &Map<String, Value>,
) -> Result<FittedMethod, BackendError> {
    let trainer = backend.trainer_with(&Value::Object(settings.clone()))?;
    Ok(FittedMethod::Factors(trainer.fit(data)?.model))
}

impl FittedMethod {
    /// Scores of the instances of R (m x k), each by itself; NaN is a missing prediction.
    ///
    /// # Errors
    /// Another number of classifiers, entries that are not probabilities.
    pub fn predict(&self, r: ArrayView2<'_, f64>) -> Result<Scores> {
        Ok(match self {
            FittedMethod::Recommended(model) => {
                let predictions = model.predict(r)?;
                Scores { ranking: predictions.logits, probabilities: Some(predictions.probabilities) }
            }
            FittedMethod::Factors(model) => {
                let predictions = model.predict_new(r)?;
                Scores { ranking: predictions.logits, probabilities: Some(predictions.probabilities) }
            }
            FittedMethod::Baseline(fitted) => {
                // A baseline has no logits. Its scores are probabilities, or else ranks.
                let ranking = fitted.predict(r)?;
                let probabilities = fitted.is_probability().then(|| ranking.clone());
                Scores { ranking, probabilities }
            }
        })
    }

    /// What each classifier adds to the score (m): weights of the aggregator, of the recommended combiner the
    /// total of each classifier. `None` for methods that have no weights.
    pub fn weights(&self) -> Option<Vec<f64>> {
        match self {
            FittedMethod::Recommended(model) => {
                Some(model.classifier_weights().weights.iter().map(|w| w.total).collect())
            }
            FittedMethod::Factors(model) => model.aggregator.weights().map(|(weights, _)| weights.to_vec()),
            FittedMethod::Baseline(fitted) => fitted.weights().map(<[f64]>::to_vec),
        }
    }
}

#[cfg(test)]
mod tests {
    use cfe_core::synthetic::Separable;
    use serde_json::json;

    use super::*;

    fn settings(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            other => unreachable!("the tests give objects: {other}"),
        }
    }

    #[test]
    fn every_method_of_the_build_fits_and_ranks_the_separable_data() {
        let data = Separable::default().generate(1).expect("valid").data;
        for method in Method::all() {
            let missing = method.backend().is_some_and(|backend| !backend.is_available());
            let fitted = match method.fit(&data, &Map::new()) {
                Err(BackendError::NotCompiledIn(_)) if missing => continue,
                fitted => fitted.expect("fits"),
            };
            let scores = fitted.predict(data.predictions()).expect("the classifiers it was fitted to");
            assert_eq!(scores.ranking.len(), data.n_instances(), "{method}");
            assert_eq!(scores.probabilities.is_none(), method.name() == "rank_avg", "{method}");
            if let Some(weights) = fitted.weights() {
                assert_eq!(weights.len(), data.n_classifiers(), "{method}");
            }
        }
    }

    #[test]
    fn settings_reach_the_spec_and_unknown_ones_are_refused() {
        let data = Separable::default().generate(1).expect("valid").data;
        for method in Method::all().into_iter().filter(|m| m.backend().is_none_or(Backend::is_available)) {
            let error = method.fit(&data, &settings(json!({"latent_dims": 3}))).expect_err("unknown");
            assert!(matches!(&error, BackendError::Settings { method: of, .. } if *of == method), "{error}");
            assert!(error.to_string().contains("latent_dims"), "{error}");
        }
        let refused = Method::Recommended.fit(&data, &settings(json!({"folds": 1})));
        assert!(matches!(refused, Err(BackendError::Refused(_))), "{refused:?}");
    }
}
