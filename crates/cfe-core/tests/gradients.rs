//! Losses and gradients against differences of the losses themselves.

use cfe_core::losses::quadratic_bound;
use cfe_core::objective::Problem;
use cfe_core::synthetic::Correlated;
use cfe_core::{
    Aggregator, ClassWeight, Confidence, ConfidenceStrategy, Costs, Factors, Gate, Objective, Parameters,
    SupervisedLoss,
};
use proptest::prelude::*;

fn loss() -> impl Strategy<Value = SupervisedLoss> {
    prop_oneof![
        Just(SupervisedLoss::Bce),
        (0.0..5.0).prop_map(|gamma| SupervisedLoss::Focal { gamma }),
        (0.0..0.99).prop_map(|epsilon| SupervisedLoss::LabelSmoothing { epsilon }),
    ]
}

fn class_weight() -> impl Strategy<Value = ClassWeight> {
    prop_oneof![
        Just(ClassWeight::Balanced),
        Just(ClassWeight::Uniform),
        (0.0..0.9999).prop_map(|beta| ClassWeight::EffectiveNumber { beta }),
    ]
}

fn costs() -> impl Strategy<Value = Costs> {
    (0.1..10.0, 0.1..10.0, any::<bool>()).prop_map(|(false_positive, false_negative, instance_dependent)| {
        Costs { false_positive, false_negative, instance_dependent }
    })
}

proptest! {
    #[test]
    fn derivatives_are_slopes(loss in loss(), z in -12.0..12.0, label: bool) {
        let h = 1e-5;
        let slope = (loss.value(z + h, label) - loss.value(z - h, label)) / (2.0 * h);
        let (value, derivative) = loss.value_and_derivative(z, label);
        prop_assert!((derivative - slope).abs() < 1e-8 * (1.0 + slope.abs()), "{derivative} {slope}");
        prop_assert!(value >= 0.0 && (value - loss.value(z, label)).abs() == 0.0);
    }

    #[test]
    fn smoothing_is_the_mixture_of_both_labels(epsilon in 0.0..0.99, z in -800.0..800.0, label: bool) {
        let loss = SupervisedLoss::LabelSmoothing { epsilon };
        let y = loss.target(label);
        let bce = |label| SupervisedLoss::Bce.value(z, label);
        let mixture = y * bce(true) + (1.0 - y) * bce(false);
        prop_assert!((loss.value(z, label) - mixture).abs() <= 1e-12 * (1.0 + mixture));
    }

    #[test]
    fn the_bound_lies_above_soft_targets_too(y in 0.0..=1.0, z in -20.0..20.0, other in -40.0..40.0) {
        let bce = |z: f64| y * SupervisedLoss::Bce.value(z, true) + (1.0 - y) * SupervisedLoss::Bce.value(z, false);
        let bound = quadratic_bound(z, y);
        let parabola = |x: f64| bound.kappa * (x - bound.target).powi(2);
        let gap = (parabola(other) - bce(other)) - (parabola(z) - bce(z));
        prop_assert!(gap >= -1e-9 * (1.0 + parabola(other)), "{gap}");
    }

    #[test]
    fn the_objectives_gradient_is_its_slope(
        loss in loss(),
        class_weight in class_weight(),
        costs in costs(),
        rho in 0.0..1.0,
        seed in 0u64..1000,
    ) {
        let spec = Correlated { n_classifiers: 4, n_instances: 30, missing_share: 0.2, n_clusters: 2, ..Correlated::default() };
        let data = spec.generate(seed).expect("valid").data;
        let confidence = Confidence::new(ConfidenceStrategy::Certainty).fit(&data).expect("valid");
        let rule = confidence.on_training(&data);
        let objective = Objective { rho, loss, class_weight, costs, ..Objective::default() };
        let problem = Problem::new(&data, &rule, objective).expect("valid");
        let factors = Factors::random(2, 4, 30, 0.7, seed).expect("in range");
        let point = Parameters { factors, weights: vec![0.5, -0.3, 0.8, 0.1], bias: -0.4 };
        let (_, gradient) = problem.gradient(&point).expect("shapes");

        let h = 1e-5;
        let slope_along = |moved: &dyn Fn(&mut Parameters, f64)| {
            let value = |h| {
                let mut point = point.clone();
                moved(&mut point, h);
                problem.evaluate(&point).expect("shapes").total
            };
            (value(h) - value(-h)) / (2.0 * h)
        };
        let i = data.labeled()[0];
        for (slope, derivative) in [
            (slope_along(&|p, h| p.factors.classifiers[(1, 2)] += h), gradient.classifiers[(1, 2)]),
            (slope_along(&|p, h| p.factors.instances[(0, i)] += h), gradient.instances[(0, i)]),
            (slope_along(&|p, h| p.weights[3] += h), gradient.weights[3]),
            (slope_along(&|p, h| p.bias += h), gradient.bias),
        ] {
            prop_assert!((slope - derivative).abs() < 1e-7 * (1.0 + slope.abs()), "{slope} {derivative}");
        }
    }
}

#[test]
fn the_loss_of_any_aggregator_is_that_of_its_logits() {
    let data = Correlated::default().generate(1).expect("valid").data;
    let confidence = Confidence::default().fit(&data).expect("valid");
    let rule = confidence.on_training(&data);
    let problem = Problem::new(&data, &rule, Objective::default()).expect("valid");
    let m = data.n_classifiers();
    let factors = Factors::random(3, m, data.n_instances(), 0.6, 2).expect("in range");
    let gate = Gate::random(m, 4, 3);
    let gated = Aggregator::Gated { weights: vec![1.0 / m as f64; m], bias: 0.0, gate };
    // At its start a gate changes nothing.
    let expected = problem
        .evaluate(&Parameters { factors: factors.clone(), weights: vec![1.0 / m as f64; m], bias: 0.0 })
        .expect("shapes");
    let parts = problem.evaluate_model(&factors, &gated).expect("shapes");
    assert!((parts.total - expected.total).abs() < 1e-12);
    let mean = problem.evaluate_model(&factors, &Aggregator::Mean).expect("shapes");
    assert_eq!(mean.reconstruction, expected.reconstruction);
    assert_ne!(mean.supervised, expected.supervised);
}
