//! Data and settings at the edge: a finite result or a typed error, in the iteration where it goes wrong.

use cfe_als::{AggregatorSolver, AggregatorSpec, Als, AlsObjective, AlsSpec};
use cfe_core::synthetic::Separable;
use cfe_core::{
    ClassWeight, Confidence, ConfidenceStrategy, Dtype, EnsembleData, Error, Fitted, FnObserver,
    OnDivergence, Reduction, Result, Step, StopReason, SupervisedLoss, Trainer,
};
use cfe_testing::cases;
use ndarray::Array2;
use proptest::prelude::*;

fn solvers() -> [AggregatorSolver; 3] {
    [
        AggregatorSolver::GradientStep { learning_rate: 0.01 },
        AggregatorSolver::Newton,
        AggregatorSolver::Bound,
    ]
}

/// Both objectives with every solver of the aggregator.
fn specs() -> Vec<AlsSpec> {
    let short = |spec| AlsSpec { latent_dim: 3, max_iterations: 8, tolerance: 0.0, ..spec };
    let with =
        |spec: AlsSpec, solver| AlsSpec { aggregator: AggregatorSpec { solver, ..spec.aggregator }, ..spec };
    [short(AlsSpec::default()), short(AlsSpec::exact())]
        .into_iter()
        .flat_map(|spec| solvers().map(|solver| with(spec.clone(), solver)))
        .collect()
}

fn fit(spec: &AlsSpec, data: &EnsembleData) -> Result<Fitted> {
    Als::try_from(spec.clone())?.fit(data)
}

fn is_finite(fitted: &Fitted, data: &EnsembleData) -> bool {
    let predictions = fitted.model.predict_training(data).expect("same data");
    fitted.loss.total.is_finite()
        && fitted.history.losses().iter().all(|l| l.is_finite())
        && predictions.logits.iter().all(|z| z.is_finite())
        && predictions.probabilities.iter().all(|p| (0.0..=1.0).contains(p))
}

/// Fits, and asks for a finite result or one of the errors that say what to change.
fn is_defined(spec: &AlsSpec, data: &EnsembleData) -> bool {
    match fit(spec, data) {
        Ok(fitted) => is_finite(&fitted, data),
        Err(Error::Diverged { iteration, .. }) => (1..=spec.max_iterations).contains(&iteration),
        Err(Error::NotPositiveDefinite { lambda, .. }) => lambda == spec.lambda,
        Err(Error::AllWeightsZero { .. }) => true,
        // Sample weight times class weight.
        Err(Error::WeightSum { sum, .. }) => !(1e-290..=1e290).contains(&sum),
        // A logistic regression has no optimum then.
        Err(Error::SingleClass { .. }) => {
            has_one_class(data) && spec.aggregator.solver == AggregatorSolver::Newton
        }
        Err(_) => false,
    }
}

fn has_one_class(data: &EnsembleData) -> bool {
    let (negatives, positives) = data.class_counts();
    negatives == 0 || positives == 0
}

fn labeled(predictions: Array2<f64>, every: usize) -> EnsembleData {
    let n = predictions.ncols();
    EnsembleData::new(predictions, (0..n).map(|i| Some(i % every == 0)).collect()).expect("valid")
}

fn waves(m: usize, n: usize) -> Array2<f64> {
    Array2::from_shape_fn((m, n), |(u, i)| ((7 * i + 3 * u + i * u) % 17) as f64 / 17.0)
}

fn degenerate() -> Vec<(&'static str, EnsembleData)> {
    let copies = Array2::from_shape_fn((5, 40), |(_, i)| (i % 9) as f64 / 9.0);
    let mut untrusted = Array2::ones((4, 40));
    untrusted.row_mut(1).fill(0.0);
    untrusted.column_mut(3).fill(0.0);
    vec![
        ("all columns equal", labeled(Array2::from_shape_fn((5, 40), |(u, _)| u as f64 / 5.0), 4)),
        ("all cells equal", labeled(Array2::from_elem((5, 40), 0.3), 4)),
        ("all cells one half", labeled(Array2::from_elem((5, 40), 0.5), 4)),
        ("the same classifier five times", labeled(copies, 4)),
        ("zeros and ones", labeled(Array2::from_shape_fn((5, 40), |(u, i)| f64::from((i + u) % 2 == 0)), 4)),
        ("denormals", labeled(Array2::from_elem((5, 40), 5e-324), 4)),
        (
            "denormals and ones",
            labeled(Array2::from_shape_fn((5, 40), |(u, i)| if (u + i) % 3 == 0 { 1.0 } else { 5e-324 }), 4),
        ),
        ("one instance", labeled(waves(5, 1), 1)),
        ("one classifier", labeled(waves(1, 40), 4)),
        ("one cell", labeled(waves(1, 1), 1)),
        (
            "a row and a column without confidence",
            labeled(waves(4, 40), 4).with_confidence(untrusted).expect("valid"),
        ),
        (
            "no confidence at all",
            labeled(waves(4, 40), 4).with_confidence(Array2::zeros((4, 40))).expect("valid"),
        ),
        (
            "immense confidence",
            labeled(waves(4, 40), 4).with_confidence(Array2::from_elem((4, 40), 1e300)).expect("valid"),
        ),
    ]
}

#[test]
fn degenerate_data_give_a_finite_result_or_an_error() {
    for (name, data) in degenerate() {
        for spec in specs() {
            for lambda in [0.0, 5e-324, 0.01, 1e12, 1e300] {
                let mut spec = AlsSpec { lambda, ..spec.clone() };
                if data.confidence().is_some() {
                    spec.confidence = Confidence::new(ConfidenceStrategy::Given);
                }
                assert!(
                    is_defined(&spec, &data),
                    "{name}: {spec:?}\n{:?}",
                    fit(&spec, &data).map(|f| f.loss)
                );
            }
        }
    }
}

#[test]
fn with_a_ridge_degenerate_data_are_fitted() {
    for (name, data) in degenerate().into_iter().filter(|(name, _)| !name.contains("immense")) {
        for mut spec in specs() {
            if data.confidence().is_some() {
                spec.confidence = Confidence::new(ConfidenceStrategy::Given);
            }
            if has_one_class(&data) && spec.aggregator.solver == AggregatorSolver::Newton {
                continue;
            }
            let fitted = fit(&spec, &data).unwrap_or_else(|e| panic!("{name}: {spec:?}: {e}"));
            assert!(is_finite(&fitted, &data), "{name}: {spec:?}");
        }
    }
}

#[test]
fn a_singular_system_is_an_error_that_names_lambda() {
    let data = labeled(Array2::from_elem((5, 40), 0.3), 4);
    let spec = AlsSpec { lambda: 0.0, latent_dim: 3, ..AlsSpec::default() };
    let error = fit(&spec, &data).expect_err("rank 1 has no unique factors of 3 dimensions");
    assert!(matches!(error, Error::NotPositiveDefinite { lambda: 0.0, .. }), "{error}");
    assert!(error.to_string().contains("raise lambda above 0"), "{error}");
}

#[test]
fn a_divergence_is_found_in_its_iteration() {
    let data = labeled(waves(5, 40), 4);
    for learning_rate in [1e100, 1e300] {
        let aggregator = AggregatorSpec {
            solver: AggregatorSolver::GradientStep { learning_rate },
            weight_decay: 1.0,
            ..AggregatorSpec::default()
        };
        let spec =
            AlsSpec { aggregator, latent_dim: 3, max_iterations: 50, tolerance: 0.0, ..AlsSpec::default() };
        let als = Als::try_from(spec).expect("valid");
        let mut last = 0;
        let mut watch = FnObserver(|step: &Step<'_>| {
            last = step.iteration;
            assert!(
                step.weights.iter().all(|w| w.is_finite()),
                "step {last} was shown though it had diverged"
            );
            std::ops::ControlFlow::Continue(())
        });
        match als.fit_from(als.start(&data).expect("a start"), &data, &mut watch) {
            Err(Error::Diverged { iteration, loss }) => {
                assert!(!(loss < 1e6), "{loss}");
                assert_eq!(iteration, last + 1, "learning rate {learning_rate:e}");
            }
            other => panic!("learning rate {learning_rate:e}: {other:?}"),
        }
    }
}

/// Each used to end in NaN, or with a class that was said not to be there.
#[test]
fn focal_loss_with_newtons_method_never_overflows() {
    let drawn = |seed| {
        let few =
            Separable { n_classifiers: 3, n_instances: 40, labeled_share: 1.0, prevalence: 0.25, gap: 0.3 };
        few.generate(seed).expect("in range").data
    };
    for seed in 0..10 {
        let data = drawn(seed);
        for gamma in [1.0, 2.0, 5.0, 20.0] {
            for (lambda, label_alpha) in [(0.03, 0.0), (0.01, 2.0), (0.3, 2.0), (1.0, 0.0)] {
                let exact = AlsObjective::Exact { rho: 0.5, reduction: Reduction::Mean, accelerate: true };
                for objective in [AlsObjective::LabelAware { monitor_rho: 0.5 }, exact] {
                    let alpha = if objective == exact { 0.0 } else { label_alpha };
                    let spec = AlsSpec {
                        latent_dim: 3,
                        lambda,
                        objective,
                        confidence: Confidence::label_blended(alpha),
                        max_iterations: 100,
                        loss: SupervisedLoss::Focal { gamma },
                        aggregator: AggregatorSpec {
                            solver: AggregatorSolver::Newton,
                            ..AggregatorSpec::default()
                        },
                        ..AlsSpec::default()
                    };
                    let fitted = fit(&spec, &data).unwrap_or_else(|e| panic!("seed {seed}, {spec:?}: {e}"));
                    assert!(is_finite(&fitted, &data), "seed {seed}, {spec:?}");
                }
            }
        }
    }
}

#[test]
fn the_best_state_before_a_divergence_can_be_kept() {
    let data = labeled(waves(5, 40), 4);
    let aggregator = AggregatorSpec {
        solver: AggregatorSolver::GradientStep { learning_rate: 1e100 },
        freeze_iterations: 3,
        ..AggregatorSpec::default()
    };
    let spec = AlsSpec {
        aggregator,
        latent_dim: 3,
        max_iterations: 50,
        tolerance: 0.0,
        on_divergence: OnDivergence::KeepBest,
        ..AlsSpec::default()
    };
    let als = Als::try_from(spec).expect("valid");
    let fitted = als.fit(&data).expect("the state before");
    assert_eq!(fitted.stop, StopReason::Diverged);
    assert!(is_finite(&fitted, &data));
    let lowest = fitted.history.losses().into_iter().fold(f64::INFINITY, f64::min);
    assert!(lowest < 1e6);
    cfe_core::contract::resumes_to_the_same_bits(&als, &data, &[1, 2, 3]);
}

#[test]
fn a_learning_rate_of_ten_stays_defined() {
    for spec in specs() {
        let solver = AggregatorSolver::GradientStep { learning_rate: 10.0 };
        let spec =
            AlsSpec { aggregator: AggregatorSpec { solver, ..spec.aggregator }, max_iterations: 60, ..spec };
        for (name, data) in degenerate().into_iter().filter(|(_, data)| data.confidence().is_none()) {
            assert!(is_defined(&spec, &data), "{name}: {spec:?}");
        }
    }
}

#[test]
fn one_positive_in_a_hundred_thousand_trains() {
    let n = 100_000;
    let labels = (0..n).map(|i| Some(i == 7)).collect();
    let predictions =
        Array2::from_shape_fn(
            (3, n),
            |(u, i)| if i == 7 { 0.9 } else { ((i * (u + 3)) % 97) as f64 / 120.0 },
        );
    let data = EnsembleData::new(predictions, labels).expect("valid");
    for spec in [AlsSpec::default(), AlsSpec::exact()] {
        for dtype in [Dtype::F64, Dtype::F32] {
            let spec = AlsSpec { latent_dim: 2, max_iterations: 5, dtype, ..spec.clone() };
            if spec.validate().is_err() {
                continue;
            }
            let fitted = fit(&spec, &data).expect("fits");
            assert!(is_finite(&fitted, &data), "{:?} {dtype}", spec.objective);
        }
    }
}

#[test]
fn five_hundred_dimensions_train() {
    let data = labeled(waves(4, 12), 4);
    for spec in specs() {
        let spec = AlsSpec { latent_dim: 500, max_iterations: 2, ..spec };
        let fitted = fit(&spec, &data).expect("fits");
        assert!(is_finite(&fitted, &data), "{:?}", spec.objective);
    }
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn any_setting_in_range_is_defined(
        m in 1usize..6, n in 1usize..25, d in 1usize..9,
        lambda in prop::sample::select(vec![0.0, 1e-300, 1e-12, 0.01, 1.0, 1e12, 1e308]),
        rho in prop::sample::select(vec![1e-300, 1e-9, 0.5, 1.0]),
        rate in prop::sample::select(vec![1e-300, 0.01, 10.0, 1e12, 1e308]),
        gamma in prop::sample::select(vec![0.0, 2.0, 20.0]),
        solver in 0usize..3,
        exact: bool, mean: bool, center: bool, non_negative: bool,
        weight in prop::sample::select(vec![5e-324, 1e-200, 1.0, 1e200, 1e308]),
        values in prop::collection::vec(prop::sample::select(vec![0.0, 5e-324, 0.5, 1.0 - 1e-16, 1.0, 0.3, f64::NAN]), 6 * 25),
        positives in prop::collection::vec(prop::option::of(any::<bool>()), 25),
    ) {
        let predictions = Array2::from_shape_fn((m, n), |(u, i)| values[u * 25 + i]);
        let Ok(data) = EnsembleData::new(predictions, positives[..n].to_vec()) else { return Ok(()) };
        prop_assume!(!data.labeled().is_empty());
        let data = data.with_sample_weights(vec![weight; n]).expect("finite");
        let solver = match solver {
            0 => AggregatorSolver::GradientStep { learning_rate: rate },
            1 => AggregatorSolver::Newton,
            _ => AggregatorSolver::Bound,
        };
        let reduction = if mean { Reduction::Mean } else { Reduction::Sum };
        let objective = if exact {
            AlsObjective::Exact { rho, reduction, accelerate: true }
        } else {
            AlsObjective::LabelAware { monitor_rho: rho }
        };
        let spec = AlsSpec {
            latent_dim: d,
            lambda,
            objective,
            max_iterations: 6,
            tolerance: 0.0,
            loss: SupervisedLoss::Focal { gamma },
            class_weight: ClassWeight::Balanced,
            aggregator: AggregatorSpec { solver, center, non_negative, ..AggregatorSpec::default() },
            ..AlsSpec::default()
        };
        prop_assert!(is_defined(&spec, &data), "{:?}\n{:?}", spec, fit(&spec, &data).map(|f| f.loss));
    }
}
