//! The exact objective: the loss never rises, and its optimum is one.

use cfe_als::{AggregatorSolver, AggregatorSpec, Als, AlsObjective, AlsSpec, BiasStart};
use cfe_core::contract::{Request, check_all};
use cfe_core::objective::Problem;
use cfe_core::synthetic::{Correlated, Separable};
use cfe_core::{ClassWeight, Costs, EnsembleData, Parameters, Reduction, SupervisedLoss, Trainer};

fn hard(seed: u64) -> EnsembleData {
    Correlated { n_instances: 400, missing_share: 0.1, ..Correlated::default() }
        .generate(seed)
        .expect("valid")
        .data
}

fn exact(rho: f64, reduction: Reduction) -> AlsSpec {
    AlsSpec {
        latent_dim: 4,
        objective: AlsObjective::Exact { rho, reduction, accelerate: true },
        max_iterations: 120,
        tolerance: 0.0,
        ..AlsSpec::exact()
    }
}

/// Largest relative rise of the loss from one sweep to the next, the start included.
fn largest_rise(spec: &AlsSpec, data: &EnsembleData) -> f64 {
    let als = Als::try_from(spec.clone()).expect("valid");
    let start = als.start(data).expect("a start");
    let confidence = spec.confidence.fit(data).expect("valid");
    let rule = confidence.on_training(data);
    let problem = Problem::new(data, &rule, spec.combined_objective()).expect("valid");
    let first = problem.evaluate(&start).expect("same shapes").total;
    let losses = als.fit_from(start, data, &mut ()).expect("fits").history.losses();
    assert!(losses[losses.len() - 1] < first, "the loss falls at all");
    let before = std::iter::once(first).chain(losses.iter().copied());
    before.zip(&losses).map(|(before, after)| (after - before) / before).fold(f64::NEG_INFINITY, f64::max)
}

#[test]
fn the_loss_never_rises() {
    for (seed, rho, reduction) in [
        (1, 0.5, Reduction::Mean),
        (2, 0.05, Reduction::Mean),
        (3, 0.5, Reduction::Sum),
        (4, 0.001, Reduction::Sum),
        (5, 0.95, Reduction::Mean),
        (6, 1.0, Reduction::Mean),
    ] {
        for solver in [AggregatorSolver::Bound, AggregatorSolver::Newton] {
            let aggregator = AggregatorSpec { solver, ..AggregatorSpec::default() };
            for accelerate in [true, false] {
                let objective = AlsObjective::Exact { rho, reduction, accelerate };
                let rise =
                    largest_rise(&AlsSpec { aggregator, objective, ..exact(rho, reduction) }, &hard(seed));
                // Newton's tiny ridge on w is not part of the loss.
                let allowed = if solver == AggregatorSolver::Bound { 1e-12 } else { 1e-7 };
                assert!(rise <= allowed, "{objective:?}, {solver:?}: rises by {rise:e}");
            }
        }
    }
}

#[test]
fn the_loss_never_rises_with_smoothed_labels_and_costs() {
    let costs = Costs { false_positive: 1.0, false_negative: 4.0, instance_dependent: true };
    let class_weight = ClassWeight::EffectiveNumber { beta: 0.99 };
    for (seed, epsilon) in [(11, 0.1), (12, 0.6)] {
        let loss = SupervisedLoss::LabelSmoothing { epsilon };
        let spec = AlsSpec { loss, costs, class_weight, ..exact(0.3, Reduction::Mean) };
        let rise = largest_rise(&spec, &hard(seed));
        assert!(rise <= 1e-12, "epsilon {epsilon}: rises by {rise:e}");
    }
}

#[test]
fn at_the_end_the_gradient_vanishes() {
    let data = hard(7);
    let spec =
        AlsSpec { max_iterations: 20_000, tolerance: 1e-14, lambda: 0.1, ..exact(0.5, Reduction::Mean) };
    let fitted = Als::try_from(spec.clone()).expect("valid").fit(&data).expect("fits");
    let confidence = spec.confidence.fit(&data).expect("valid");
    let rule = confidence.on_training(&data);
    let problem = Problem::new(&data, &rule, spec.combined_objective()).expect("valid");
    let (weights, bias) = fitted.model.aggregator.weights().expect("weighted");
    let (_, gradient) = problem
        .gradient(&Parameters { factors: fitted.model.factors.clone(), weights: weights.to_vec(), bias })
        .expect("same shapes");
    let norm = |values: &mut dyn Iterator<Item = &f64>| values.map(|g| g.abs()).fold(0.0, f64::max);
    let largest = [
        norm(&mut gradient.classifiers.iter()),
        norm(&mut gradient.instances.iter()),
        norm(&mut gradient.weights.iter()),
        gradient.bias.abs(),
    ];
    assert!(largest.iter().all(|g| *g < 1e-4), "{largest:?}");
}

#[test]
fn class_weights_reach_the_factors() {
    let data = hard(8);
    let fit = |class_weight| {
        let spec = AlsSpec { class_weight, ..exact(0.2, Reduction::Mean) };
        let start = Parameters::random(4, data.n_classifiers(), data.n_instances(), 1).expect("in range");
        Als::try_from(spec).expect("valid").fit_from(start, &data, &mut ()).expect("fits").model.factors
    };
    assert_ne!(fit(ClassWeight::Balanced).instances, fit(ClassWeight::Uniform).instances);
}

#[test]
fn focal_loss_trains_by_lagged_weights() {
    let spec = AlsSpec { loss: SupervisedLoss::Focal { gamma: 2.0 }, ..exact(0.3, Reduction::Mean) };
    let losses = Als::try_from(spec).expect("valid").fit(&hard(9)).expect("fits").history.losses();
    assert!(losses[losses.len() - 1] < losses[0]);
}

#[test]
fn options_of_the_aggregator_do_what_they_say() {
    let data = hard(10);
    for solver in [
        AggregatorSolver::GradientStep { learning_rate: 0.5 },
        AggregatorSolver::Newton,
        AggregatorSolver::Bound,
    ] {
        let weights = |aggregator: AggregatorSpec| {
            let spec = AlsSpec { aggregator, tolerance: 0.0, max_iterations: 200, ..AlsSpec::default() };
            let fitted = Als::try_from(spec).expect("valid").fit(&data).expect("fits");
            fitted.model.aggregator.weights().expect("weighted").0.to_vec()
        };
        let base = AggregatorSpec { solver, ..AggregatorSpec::default() };
        let spread = |w: &[f64]| cfe_core::WeightStats::new(w).expect("not empty").std;
        let free = weights(base);
        // A gradient step must stay shorter than 2 / ridge.
        let pulled = weights(AggregatorSpec { ridge: 2.0, ..base });
        assert!(
            spread(&pulled) < 0.5 * spread(&free),
            "{solver:?}: ridge {} {}",
            spread(&pulled),
            spread(&free)
        );
        let signed = weights(AggregatorSpec { non_negative: true, ..base });
        assert!(signed.iter().all(|w| *w >= 0.0), "{solver:?}: {signed:?}");
    }
}

#[test]
fn a_bias_at_the_log_odds_starts_there() {
    let data = Separable { labeled_share: 1.0, ..Separable::default() }.generate(1).expect("valid").data;
    let aggregator = AggregatorSpec { bias_start: BiasStart::PriorLogOdds, ..AggregatorSpec::default() };
    let mut trace = cfe_core::WeightTrace::default();
    let als = Als::try_from(AlsSpec { aggregator, max_iterations: 1, ..AlsSpec::default() }).expect("valid");
    als.fit_from(als.start(&data).expect("a start"), &data, &mut trace).expect("fits");
    assert!((trace.points[0].bias - (50.5f64 / 450.5).ln()).abs() < 1e-12);
}

#[test]
fn exact_als_keeps_the_contract() {
    check_all(&|Request { latent_dim, iterations, seed }| {
        let spec =
            AlsSpec { latent_dim, max_iterations: iterations, tolerance: 0.0, seed, ..AlsSpec::exact() };
        Box::new(Als::try_from(spec).expect("valid"))
    });
}

#[test]
fn acceleration_reaches_in_fewer_sweeps_what_plain_sweeps_reach() {
    let data = hard(8);
    let loss_after = |accelerate, max_iterations| {
        let objective = AlsObjective::Exact { rho: 0.5, reduction: Reduction::Sum, accelerate };
        let spec = AlsSpec { objective, max_iterations, ..exact(0.5, Reduction::Sum) };
        Als::try_from(spec).expect("valid").fit(&data).expect("fits").loss.total
    };
    assert!(loss_after(true, 100) < loss_after(false, 200));
}
