//! Techniques of imbalanced learning in ALS, against the core's formulas.

use cfe_als::{AggregatorSolver, AggregatorSpec, Als, AlsSpec};
use cfe_core::contract::{Request, check_all};
use cfe_core::objective::Problem;
use cfe_core::synthetic::Correlated;
use cfe_core::{
    Aggregator, AggregatorKind, ClassWeight, Confidence, ConfidenceStrategy, Costs, Dtype, EnsembleData,
    Factors, Fitted, Parameters, Resampling, SupervisedLoss, Trainer, WeightSchedule,
};

const RATE: f64 = 0.1;

fn data(seed: u64) -> EnsembleData {
    let spec = Correlated { n_instances: 300, missing_share: 0.1, ..Correlated::default() };
    spec.generate(seed).expect("valid").data
}

fn spec(aggregator: AggregatorSpec) -> AlsSpec {
    AlsSpec { latent_dim: 4, max_iterations: 1, tolerance: 0.0, aggregator, ..AlsSpec::default() }
}

fn start(data: &EnsembleData) -> Parameters {
    let mut start = Parameters::with_factors(
        Factors::random(4, data.n_classifiers(), data.n_instances(), 0.5, 3).expect("in range"),
    );
    start.weights.iter_mut().enumerate().for_each(|(u, w)| *w = 0.5 - 0.1 * u as f64);
    start.bias = 0.3;
    start
}

fn fit(spec: &AlsSpec, start: Parameters, data: &EnsembleData) -> Fitted {
    Als::try_from(spec.clone()).expect("valid").fit_from(start, data, &mut ()).expect("fits")
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// The one gradient step of an iteration, against the core's gradient at the X and Y that came out of it.
#[test]
fn a_gradient_step_follows_the_core_under_every_weighting() {
    let data = data(1);
    let aggregator = AggregatorSpec {
        solver: AggregatorSolver::GradientStep { learning_rate: RATE },
        ..AggregatorSpec::default()
    };
    let base = || spec(aggregator);
    let costs = Costs { false_negative: 5.0, instance_dependent: true, ..Costs::default() };
    for (what, spec) in [
        ("smoothing", AlsSpec { loss: SupervisedLoss::LabelSmoothing { epsilon: 0.2 }, ..base() }),
        ("effective", AlsSpec { class_weight: ClassWeight::EffectiveNumber { beta: 0.99 }, ..base() }),
        ("costs", AlsSpec { costs, ..base() }),
        ("curriculum", AlsSpec { weight_schedule: WeightSchedule::Curriculum { iterations: 5 }, ..base() }),
        ("recall", AlsSpec { weight_schedule: WeightSchedule::Recall { epsilon: 0.1 }, ..base() }),
        ("uncertainty", AlsSpec { weight_schedule: WeightSchedule::Uncertainty { epsilon: 0.1 }, ..base() }),
        ("decay", spec(AggregatorSpec { weight_decay: 0.7, ..aggregator })),
        ("centered", spec(AggregatorSpec { center: true, ..aggregator })),
    ] {
        let start = start(&data);
        let confidence = spec.confidence.fit(&data).expect("valid");
        let rule = confidence.on_training(&data);
        let mut problem = Problem::new(&data, &rule, spec.combined_objective()).expect("valid");
        let center = spec.aggregator.center;
        let logits = problem.labeled_logits(&start).expect("same shapes");
        let moved = problem.scheduled_weights(spec.weight_schedule, 0, &logits).expect("a logit for each");
        problem.set_instance_weights(moved).expect("one for each");

        let fitted = fit(&spec, start.clone(), &data);
        let mean = problem.mean_reconstruction(&fitted.model.factors).expect("same shapes");
        let at = start.bias - if center { dot(&mean, &start.weights) } else { 0.0 };
        let gradient = problem
            .aggregator_gradient(&Parameters {
                factors: fitted.model.factors.clone(),
                weights: start.weights.to_vec(),
                bias: at,
            })
            .expect("same shapes");
        let (weights, bias) = fitted.model.aggregator.weights().expect("weighted");
        for (u, (before, after)) in start.weights.iter().zip(weights).enumerate() {
            let centered = if center { mean[u] * gradient.bias } else { 0.0 };
            let expected = gradient.weights[u] - centered + spec.aggregator.weight_decay * before;
            assert!(((before - after) / RATE - expected).abs() < 1e-9, "{what}");
        }
        let folded = if center { dot(&mean, weights) } else { 0.0 };
        assert!(((start.bias - bias - folded) / RATE - gradient.bias).abs() < 1e-9, "{what}");
    }
}

#[test]
fn newton_reaches_the_optimum_of_smoothed_labels() {
    let data = data(2);
    let aggregator = AggregatorSpec { solver: AggregatorSolver::Newton, ..AggregatorSpec::default() };
    let spec = AlsSpec { loss: SupervisedLoss::LabelSmoothing { epsilon: 0.3 }, ..spec(aggregator) };
    let fitted = fit(&spec, start(&data), &data);
    let confidence = spec.confidence.fit(&data).expect("valid");
    let rule = confidence.on_training(&data);
    let problem = Problem::new(&data, &rule, spec.combined_objective()).expect("valid");
    let (weights, bias) = fitted.model.aggregator.weights().expect("weighted");
    let gradient = problem
        .aggregator_gradient(&Parameters {
            factors: fitted.model.factors.clone(),
            weights: weights.to_vec(),
            bias,
        })
        .expect("same shapes");
    assert!(gradient.weights.iter().chain([&gradient.bias]).all(|g| g.abs() < 1e-6), "{gradient:?}");
}

#[test]
fn newton_and_the_bound_do_not_depend_on_centering() {
    let data = data(3);
    // The bound converges linearly.
    for (solver, max_iterations) in [(AggregatorSolver::Newton, 60), (AggregatorSolver::Bound, 1000)] {
        let fit = |center| {
            let spec = spec(AggregatorSpec { solver, center, ..AggregatorSpec::default() });
            let fitted = fit(&AlsSpec { max_iterations, ..spec }, start(&data), &data);
            fitted.model.predict_training(&data).expect("same data").probabilities
        };
        let largest = fit(true).iter().zip(fit(false)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(largest < 1e-3, "{solver:?}: {largest}");
    }
}

#[test]
fn weight_decay_shortens_the_weights_of_every_solver() {
    let data = data(4);
    for solver in [
        AggregatorSolver::GradientStep { learning_rate: 0.5 },
        AggregatorSolver::Newton,
        AggregatorSolver::Bound,
    ] {
        let norm = |weight_decay| {
            let spec = spec(AggregatorSpec { solver, weight_decay, ..AggregatorSpec::default() });
            let fitted = fit(&AlsSpec { max_iterations: 300, ..spec }, start(&data), &data);
            let (weights, _) = fitted.model.aggregator.weights().expect("weighted");
            dot(weights, weights).sqrt()
        };
        assert!(norm(1.0) < 0.5 * norm(0.0), "{solver:?}: {} {}", norm(1.0), norm(0.0));
    }
    // Both penalties at once: from the same X and Y, Newton and the converged bound agree.
    let both = |solver, max_iterations| {
        let aggregator = AggregatorSpec { solver, ridge: 0.5, weight_decay: 0.5, ..Default::default() };
        let fitted = fit(&AlsSpec { max_iterations, ..spec(aggregator) }, start(&data), &data);
        fitted.model.aggregator.weights().expect("weighted").0.to_vec()
    };
    let (newton, bound) = (both(AggregatorSolver::Newton, 400), both(AggregatorSolver::Bound, 400));
    assert!(newton.iter().zip(&bound).all(|(a, b)| (a - b).abs() < 1e-4), "{newton:?} {bound:?}");
}

#[test]
fn the_mean_needs_no_training() {
    let data = data(5);
    let mean = AggregatorSpec { kind: AggregatorKind::Mean, ..AggregatorSpec::default() };
    let many = |aggregator| fit(&AlsSpec { max_iterations: 20, ..spec(aggregator) }, start(&data), &data);
    let (mean, weighted) = (many(mean), many(AggregatorSpec::default()));
    assert_eq!(mean.model.aggregator, Aggregator::Mean);
    assert_eq!(mean.model.factors, weighted.model.factors, "X and Y do not see the aggregator");
    let r_hat = mean.model.reconstruct(7);
    let p = r_hat.iter().sum::<f64>() / r_hat.len() as f64;
    let predicted = mean.model.predict_training(&data).expect("same data").probabilities[7];
    assert!((predicted - p).abs() < 1e-9);
}

#[test]
fn resampled_data_give_predictions_for_the_original_instances() {
    let data = data(6);
    let (negatives, positives) = data.class_counts();
    for resampling in [
        Resampling::RandomOver { ratio: 1.0 },
        Resampling::RandomUnder { ratio: 1.0 },
        Resampling::Smote { ratio: 1.0, k_neighbors: 5 },
        Resampling::Adasyn { ratio: 1.0, k_neighbors: 5 },
    ] {
        let base = spec(AggregatorSpec { solver: AggregatorSolver::Newton, ..Default::default() });
        let spec = AlsSpec { resampling, class_weight: ClassWeight::Uniform, max_iterations: 20, ..base };
        let fitted = fit(&spec, start(&data), &data);
        let predictions = fitted.model.predict_training(&data).expect("the original instances");
        assert_eq!(predictions.logits.len(), data.n_instances());
        // Without class weights, only the resampling shifts the logits.
        let expected = (negatives as f64 / positives as f64).ln();
        let off = (fitted.model.logit_shift - expected).abs();
        assert!(off < 0.2, "{resampling:?}: {} instead of {expected}", fitted.model.logit_shift);
        if !matches!(resampling, Resampling::Adasyn { .. }) {
            assert!(off < 1e-12);
        }
    }
}

#[test]
fn the_contract_holds_with_everything_on() {
    check_all(&|Request { latent_dim, iterations, seed }| {
        let spec = AlsSpec {
            latent_dim,
            max_iterations: iterations,
            tolerance: 0.0,
            seed,
            class_weight: ClassWeight::EffectiveNumber { beta: 0.999 },
            costs: Costs { false_negative: 2.0, false_positive: 2.0, instance_dependent: true },
            weight_schedule: WeightSchedule::Recall { epsilon: 0.2 },
            resampling: Resampling::Smote { ratio: 0.5, k_neighbors: 3 },
            loss: SupervisedLoss::LabelSmoothing { epsilon: 0.05 },
            aggregator: AggregatorSpec { center: true, weight_decay: 1e-3, ..AggregatorSpec::default() },
            ..AlsSpec::default()
        };
        Box::new(Als::try_from(spec).expect("valid"))
    });
}

#[test]
fn the_contract_holds_with_learned_confidence() {
    check_all(&|Request { latent_dim, iterations, seed }| {
        let strategy = ConfidenceStrategy::Learned { n_trees: 5, max_depth: 3, seed };
        let spec = AlsSpec {
            latent_dim,
            max_iterations: iterations,
            tolerance: 0.0,
            seed,
            confidence: Confidence::new(strategy),
            ..AlsSpec::exact()
        };
        Box::new(Als::try_from(spec).expect("valid"))
    });
}

#[test]
fn keys_are_those_of_the_documentation() {
    let settings = serde_json::json!({
        "class_weight": {"effective_number": {"beta": 0.999}},
        "costs": {"false_negative": 10.0},
        "loss": {"label_smoothing": {"epsilon": 0.1}},
        "weight_schedule": {"recall": {"epsilon": 0.1}},
        "resampling": {"adasyn": {"k_neighbors": 3}},
        "aggregator": {"center": true, "weight_decay": 0.1, "bias_start": "prior_log_odds"},
    });
    let spec: AlsSpec = serde_json::from_value(settings).expect("known keys");
    assert!(spec.validate().is_ok());
    assert!(serde_json::from_value::<AlsSpec>(serde_json::json!({"cost": {}})).is_err());
}

/// The loss of an iteration is summed up while Y is updated; that of the model is computed from scratch.
#[test]
fn the_history_ends_with_the_loss_of_the_model() {
    let data = data(7);
    for (dtype, kind, tolerance) in [
        (Dtype::F64, AggregatorKind::Weighted, 1e-12),
        (Dtype::F64, AggregatorKind::Mean, 1e-12),
        (Dtype::F32, AggregatorKind::Weighted, 1e-6),
    ] {
        let aggregator = AggregatorSpec { kind, ..AggregatorSpec::default() };
        for latent_dim in [4, 15] {
            let class_weight = ClassWeight::Uniform;
            let spec = AlsSpec { latent_dim, max_iterations: 3, dtype, class_weight, ..spec(aggregator) };
            let fitted = Als::try_from(spec).expect("valid").fit(&data).expect("fits");
            let last = fitted.history.entries.last().expect("an iteration").loss;
            for (summed, computed) in [
                (last.reconstruction, fitted.loss.reconstruction),
                (last.penalty, fitted.loss.penalty),
                (last.supervised, fitted.loss.supervised),
            ] {
                let off = (summed - computed).abs() / computed;
                assert!(off <= tolerance, "{dtype}, {kind:?}, d = {latent_dim}: {summed} {computed}");
            }
        }
    }
}
