//! Fits that must agree: permuted classifiers and instances, scaled sample weights, fold-in of what was
//! trained with.

use cfe_als::{AggregatorSpec, Als, AlsObjective, AlsSpec};
use cfe_core::synthetic::Correlated;
use cfe_core::{Confidence, ConfidenceStrategy, EnsembleData, Fitted, Parameters, Reduction, Trainer};
use cfe_testing::cases;
use ndarray::Axis;
use proptest::prelude::*;

const SHAPE: (usize, usize) = (6, 60);

fn drawn(seed: u64) -> EnsembleData {
    let spec = Correlated {
        n_classifiers: SHAPE.0,
        n_instances: SHAPE.1,
        n_clusters: 3,
        missing_share: 0.2,
        prevalence: 0.3,
        ..Correlated::default()
    };
    spec.generate(seed).expect("valid").data
}

/// Few sweeps, and plain ones: accelerated ones go by differences of differences, which lose digits. With d <
/// m a common change of w and X may leave r_hat as it is; a little weight decay keeps rounding from showing
/// in those directions.
fn specs() -> [(AlsSpec, f64); 2] {
    let short = |spec| AlsSpec { latent_dim: 3, max_iterations: 12, tolerance: 0.0, lambda: 0.1, ..spec };
    let objective = AlsObjective::Exact { rho: 0.5, reduction: Reduction::Sum, accelerate: false };
    let aggregator = AggregatorSpec { weight_decay: 0.1, ..AlsSpec::exact().aggregator };
    [(short(AlsSpec::default()), 1e-9), (short(AlsSpec { objective, aggregator, ..AlsSpec::exact() }), 1e-7)]
}

fn fit(spec: &AlsSpec, start: Parameters, data: &EnsembleData) -> Fitted {
    Als::try_from(spec.clone()).expect("valid").fit_from(start, data, &mut ()).expect("fits")
}

fn logits(fitted: &Fitted, data: &EnsembleData) -> Vec<f64> {
    fitted.model.predict_training(data).expect("same data").logits
}

/// Largest difference, relative beyond 1.
fn difference<'a>(a: impl IntoIterator<Item = &'a f64>, b: impl IntoIterator<Item = &'a f64>) -> f64 {
    let difference = |(a, b): (&f64, &f64)| (a - b).abs() / (1.0 + a.abs());
    a.into_iter().zip(b).map(difference).fold(0.0, |worst, d| if d <= worst { worst } else { d })
}

fn permutation(len: usize, picks: &[prop::sample::Index]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    for k in (1..len).rev() {
        order.swap(k, picks[k % picks.len()].index(k + 1));
    }
    order
}

proptest! {
    #![proptest_config(cases(12))]

    /// The exact objective updates one classifier after the other, so that their order is part of its path:
    /// there only the instances are permuted.
    #[test]
    fn permuted_data_give_the_permuted_fit(seed in 0u64..300, picks in prop::collection::vec(any::<prop::sample::Index>(), 60)) {
        let data = drawn(seed);
        let columns = permutation(SHAPE.1, &picks);
        for (spec, tolerance) in specs() {
            let rows = match spec.objective {
                AlsObjective::LabelAware { .. } => permutation(SHAPE.0, &picks),
                _ => (0..SHAPE.0).collect(),
            };
            let predictions = data.predictions().select(Axis(0), &rows).select(Axis(1), &columns);
            let labels = columns.iter().map(|&i| data.labels()[i]).collect();
            let moved = EnsembleData::new(predictions, labels).expect("valid");
            let start = Parameters::random(3, SHAPE.0, SHAPE.1, seed).expect("in range");
            let mut start_moved = start.clone();
            start_moved.factors.classifiers = start.factors.classifiers.select(Axis(1), &rows);
            start_moved.factors.instances = start.factors.instances.select(Axis(1), &columns);
            let (a, b) = (fit(&spec, start, &data), fit(&spec, start_moved, &moved));
            let (plain, permuted) = (logits(&a, &data), logits(&b, &moved));
            let of_logits = difference(columns.iter().map(|&i| &plain[i]), &permuted);
            prop_assert!(of_logits <= tolerance, "{:?}: {of_logits:e}", spec.objective);
            let of_rows = |fitted: &Fitted| fitted.model.aggregator.weights().map(|(w, _)| w.to_vec()).expect("weighted");
            let (w, w_moved) = (of_rows(&a), of_rows(&b));
            let of_weights = difference(rows.iter().map(|&u| &w[u]), &w_moved);
            prop_assert!(of_weights <= tolerance, "{:?}: {of_weights:e}", spec.objective);
            prop_assert!(difference([&a.loss.total], [&b.loss.total]) <= tolerance);
        }
    }

    #[test]
    fn a_common_factor_of_the_sample_weights_changes_nothing(seed in 0u64..300, power in -20i32..20, factor in 0.01..100.0) {
        let data = drawn(seed);
        let weights: Vec<f64> = (0..SHAPE.1).map(|i| 0.25 + (i % 7) as f64 / 4.0).collect();
        for (spec, tolerance) in specs() {
            let run = |factor: f64| {
                let data = data.clone().with_sample_weights(weights.iter().map(|w| w * factor).collect()).expect("valid");
                let fitted = fit(&spec, Parameters::random(3, SHAPE.0, SHAPE.1, seed).expect("in range"), &data);
                logits(&fitted, &data)
            };
            let plain = run(1.0);
            prop_assert_eq!(&plain, &run(2f64.powi(power)), "a power of two rounds nothing");
            let found = difference(&plain, &run(factor));
            prop_assert!(found <= tolerance, "{:?}: {found:e}", spec.objective);
        }
    }

    /// Where labels have no part in the confidence, the last half sweep of training is a fold-in.
    #[test]
    fn folding_in_a_training_instance_gives_its_factor(seed in 0u64..300, adaptive: bool) {
        let data = drawn(seed);
        let strategy = if adaptive {
            ConfidenceStrategy::Adaptive { certainty: 0.5, calibration: 0.3, agreement: 0.2 }
        } else {
            ConfidenceStrategy::Certainty
        };
        let spec = AlsSpec { confidence: Confidence::new(strategy), ..specs()[0].0.clone() };
        let fitted = fit(&spec, Parameters::random(3, SHAPE.0, SHAPE.1, seed).expect("in range"), &data);
        let folded = fitted.model.fold_in(data.predictions(), None).expect("same classifiers");
        prop_assert_eq!(folded, fitted.model.factors.instances.clone());
    }
}
