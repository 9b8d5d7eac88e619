//! What must not change a number: the order of instances and classifiers, monotone maps of scores, the scale
//! of weights.

use cfe_core::Parameters;
use cfe_core::losses::{log_sigmoid, sigmoid};
use cfe_core::metrics::{BinEdge, Scored};
use cfe_core::objective::Problem;
use cfe_core::synthetic::Correlated;
use cfe_core::{
    ClassWeight, Confidence, ConfidenceStrategy, EnsembleData, Factors, Objective, SupervisedLoss,
    instance_weights,
};
use cfe_testing::cases;
use ndarray::{Array2, Axis};
use proptest::prelude::*;

/// Scores from a grid, so that many tie, with labels and weights in quarters: every sum below is exact in
/// f64.
fn judged() -> impl Strategy<Value = Vec<(f64, bool, f64)>> {
    prop::collection::vec((-8i32..8, any::<bool>(), 0u8..5), 1..40).prop_map(|cells| {
        cells.into_iter().map(|(s, y, w)| (f64::from(s) / 8.0, y, f64::from(w) / 4.0)).collect()
    })
}

fn scored(cells: &[(f64, bool, f64)]) -> Option<Scored> {
    let labels: Vec<bool> = cells.iter().map(|c| c.1).collect();
    let scores: Vec<f64> = cells.iter().map(|c| c.0).collect();
    let weights: Vec<f64> = cells.iter().map(|c| c.2).collect();
    Scored::weighted(&labels, &scores, &weights).ok()
}

/// Every number that depends on the ranking alone, as bits.
fn ranking_metrics(scored: &Scored) -> Vec<Option<u64>> {
    let ranking = scored.ranking();
    let curve = ranking.pr_curve();
    let mut all = vec![Some(ranking.average_precision()), ranking.roc_auc(), Some(ranking.prevalence())];
    all.extend([ranking.best_f1(), ranking.best_precision_at_recall(0.5)].map(|best| best.map(|b| b.value)));
    all.extend(curve.precision.iter().chain(&curve.recall).map(|v| Some(*v)));
    all.into_iter().map(|v| v.map(f64::to_bits)).collect()
}

fn confusion_metrics(scored: &Scored, threshold: f64) -> [u64; 5] {
    let counts = scored.confusion(threshold);
    [counts.f1(), counts.mcc(), counts.balanced_accuracy(), counts.accuracy(), counts.specificity()]
        .map(f64::to_bits)
}

fn shuffled<T: Clone>(items: &[T], order: &[prop::sample::Index]) -> Vec<T> {
    let mut items = items.to_vec();
    for k in (1..items.len()).rev() {
        items.swap(k, order[k % order.len()].index(k + 1));
    }
    items
}

fn order() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 8..40)
}

fn drawn(seed: u64) -> EnsembleData {
    let spec = Correlated {
        n_classifiers: 5,
        n_instances: 40,
        n_clusters: 2,
        missing_share: 0.3,
        ..Default::default()
    };
    spec.generate(seed).expect("valid").data
}

fn strategy() -> impl Strategy<Value = ConfidenceStrategy> {
    prop_oneof![
        Just(ConfidenceStrategy::Uniform),
        Just(ConfidenceStrategy::Certainty),
        Just(ConfidenceStrategy::LabelAware),
        Just(ConfidenceStrategy::Calibration { floor: 0.1 }),
        Just(ConfidenceStrategy::Adaptive { certainty: 0.5, calibration: 0.3, agreement: 0.2 }),
    ]
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn ranking_metrics_know_the_order_alone(cells in judged(), scale in 0.01..100.0, order in order()) {
        let Some(before) = scored(&cells) else { return Ok(()) };
        let maps: [&dyn Fn(f64) -> f64; 4] = [&|s| scale * s - 3.0, &f64::exp, &|s| s * s * s, &sigmoid];
        for map in maps {
            let mapped: Vec<_> = cells.iter().map(|&(s, y, w)| (map(s), y, w)).collect();
            prop_assert_eq!(ranking_metrics(&before), ranking_metrics(&scored(&mapped).expect("as many")));
        }
        let moved = scored(&shuffled(&cells, &order)).expect("as many");
        prop_assert_eq!(ranking_metrics(&before), ranking_metrics(&moved));
        prop_assert_eq!(confusion_metrics(&before, 0.25), confusion_metrics(&moved, 0.25));
    }

    #[test]
    fn a_common_factor_of_the_weights_changes_no_metric(cells in judged(), power in -20i32..20, factor in 0.001..1000.0) {
        let Some(before) = scored(&cells) else { return Ok(()) };
        let by = |factor: f64| {
            scored(&cells.iter().map(|&(s, y, w)| (s, y, w * factor)).collect::<Vec<_>>()).expect("as many")
        };
        // A power of two rounds nothing.
        prop_assert_eq!(ranking_metrics(&before), ranking_metrics(&by(2f64.powi(power))));
        let after = by(factor);
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-12 * (1.0 + a.abs());
        prop_assert!(near(before.ranking().average_precision(), after.ranking().average_precision()));
        prop_assert!(near(before.brier(), after.brier()) && near(before.log_loss(), after.log_loss()));
    }

    #[test]
    fn ties_are_one_threshold(cells in judged(), score in -1.0..1.0) {
        let tied: Vec<_> = cells.iter().map(|&(_, y, w)| (score, y, w)).collect();
        let Some(tied) = scored(&tied) else { return Ok(()) };
        let ranking = tied.ranking();
        prop_assert!(ranking.roc_auc().is_none_or(|auc| auc == 0.5));
        prop_assert!((ranking.average_precision() - ranking.prevalence()).abs() < 1e-15);
        prop_assert_eq!(ranking.pr_curve().thresholds.len(), 1);
    }

    #[test]
    fn swapping_the_classes_mirrors_the_roc(cells in judged()) {
        let mirrored: Vec<_> = cells.iter().map(|&(s, y, w)| (-s, !y, w)).collect();
        let (Some(a), Some(b)) = (scored(&cells), scored(&mirrored)) else { return Ok(()) };
        prop_assert_eq!(a.ranking().roc_auc(), b.ranking().roc_auc());
    }

    #[test]
    fn weights_of_instances_sum_to_their_number(seed in 0u64..500, beta in 0.0..0.9999) {
        let data = drawn(seed);
        for class_weight in [ClassWeight::Balanced, ClassWeight::Uniform, ClassWeight::EffectiveNumber { beta }] {
            let sum: f64 = instance_weights(&data, class_weight).expect("valid").iter().sum();
            let n = data.labeled().len() as f64;
            prop_assert!((sum - n).abs() <= 1e-10 * n, "{class_weight:?}: {sum} of {n}");
        }
    }

    #[test]
    fn a_common_factor_of_the_sample_weights_changes_no_loss(seed in 0u64..200, power in -30i32..30, factor in 0.001..1000.0) {
        let data = drawn(seed);
        let weights: Vec<f64> = (0..40).map(|i| f64::from(i % 5) / 4.0 + 0.25).collect();
        let factors = Factors::random(3, 5, 40, 0.5, seed).expect("in range");
        let loss = |factor: f64| {
            let data = data.clone().with_sample_weights(weights.iter().map(|w| w * factor).collect()).expect("valid");
            let confidence = Confidence::default().fit(&data).expect("valid");
            let rule = confidence.on_training(&data);
            let problem = Problem::new(&data, &rule, Objective::default()).expect("valid");
            problem.evaluate(&Parameters { factors: factors.clone(), weights: vec![0.3, -0.2, 0.4, 0.1, 0.6], bias: -0.5 }).expect("shapes").total
        };
        let plain = loss(1.0);
        prop_assert_eq!(plain.to_bits(), loss(2f64.powi(power)).to_bits());
        prop_assert!((plain - loss(factor)).abs() <= 1e-12 * plain.abs());
    }

    #[test]
    fn confidence_moves_with_its_cells(strategy in strategy(), alpha in 0.0..3.0, seed in 0u64..200, rows in order(), columns in order()) {
        let data = drawn(seed);
        let of = |data: &EnsembleData| {
            Confidence { strategy, label_alpha: alpha }.fit(data).expect("valid").on_training(data).matrix()
        };
        let rows = shuffled(&(0..5).collect::<Vec<_>>(), &rows);
        let columns = shuffled(&(0..40).collect::<Vec<_>>(), &columns);
        let permute = |matrix: &Array2<f64>| matrix.select(Axis(0), &rows).select(Axis(1), &columns);
        let labels = columns.iter().map(|&i| data.labels()[i]).collect();
        let moved = EnsembleData::new(permute(&data.predictions().to_owned()), labels).expect("valid");
        let (expected, found) = (permute(&of(&data)), of(&moved));
        prop_assert!(expected.iter().zip(&found).all(|(a, b)| (a - b).abs() <= 1e-14 * (1.0 + a)));
    }

    #[test]
    fn losses_stay_finite_far_out(z in prop_oneof![-800.0..800.0, Just(800.0), Just(-800.0), Just(5e-324), Just(-5e-324), Just(0.0)], label: bool, gamma in 0.0..20.0, epsilon in 0.0..0.999) {
        for loss in [SupervisedLoss::Bce, SupervisedLoss::Focal { gamma }, SupervisedLoss::LabelSmoothing { epsilon }] {
            let (value, derivative) = loss.value_and_derivative(z, label);
            prop_assert!(value.is_finite() && value >= 0.0 && derivative.is_finite(), "{loss:?} at {z}: {value} {derivative}");
        }
        prop_assert!((0.0..=1.0).contains(&sigmoid(z)) && log_sigmoid(z) <= 0.0 && log_sigmoid(z).is_finite());
        prop_assert!((sigmoid(z) + sigmoid(-z) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn bins_hold_every_instance_once(cells in judged(), n_bins in 1usize..30, right: bool) {
        let cells: Vec<_> = cells.iter().map(|&(s, y, w)| ((s + 1.0) / 2.0, y, w)).collect();
        let Some(scored) = scored(&cells) else { return Ok(()) };
        let edge = if right { BinEdge::RightClosed } else { BinEdge::LeftClosed };
        let bins = scored.calibration_bins(n_bins, edge).expect("probabilities");
        let total: f64 = cells.iter().map(|c| c.2).sum();
        prop_assert!((bins.iter().map(|b| b.weight).sum::<f64>() - total).abs() < 1e-12);
        let error = scored.expected_calibration_error(n_bins, edge).expect("probabilities");
        prop_assert!((0.0..=1.0 + 1e-12).contains(&error));
    }
}

#[test]
fn a_wrong_logit_of_800_costs_800() {
    assert_eq!(SupervisedLoss::Bce.value(800.0, false), 800.0);
    assert_eq!(SupervisedLoss::Bce.value(-800.0, true), 800.0);
    assert_eq!(SupervisedLoss::Bce.value(800.0, true), 0.0);
}

#[test]
fn one_positive_in_a_hundred_thousand_is_measured() {
    let n = 100_000;
    let labels: Vec<bool> = (0..n).map(|i| i == 7).collect();
    let scores: Vec<f64> = (0..n).map(|i| if i == 7 { 0.5 } else { i as f64 / n as f64 }).collect();
    let ranking = Scored::new(&labels, &scores).expect("valid").ranking();
    // Above the positive are those from 50,001 on, and one ties with it.
    let above = 49_999.0;
    assert_eq!(ranking.roc_auc(), Some((99_999.0 - above - 0.5) / 99_999.0));
    assert_eq!(ranking.average_precision(), 1.0 / (above + 2.0));
    let data = EnsembleData::new(
        Array2::from_shape_fn((1, n), |(_, i)| scores[i]),
        labels.into_iter().map(Some).collect(),
    );
    let weights = instance_weights(&data.expect("valid"), ClassWeight::Balanced).expect("valid");
    assert_eq!((weights[7], weights[8]), (50_000.0, n as f64 / (2.0 * 99_999.0)));
}
