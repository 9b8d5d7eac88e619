//! Sample weights on every path of this crate: their unit changes nothing, and a weight of 2 is a row twice
//! where no penalty stands against the number of rows.

use cfe_core::calibration::{CalibrationMethod, Calibrator};
use cfe_core::logistic::LogisticRegression;
use cfe_core::metrics::classes::{ClassScored, ClassSummary};
use cfe_core::metrics::{MetricSummary, Scored};
use cfe_core::multinomial::SoftmaxCoupling;
use cfe_core::validation::{Bootstrap, ClassMetric, Folds, Interval};
use cfe_core::{mean_weight, weights_of_mean_one};
use ndarray::Array2;

/// Units that weights may be given in: powers of two are exact, the others round.
const UNITS: [f64; 5] = [2.0, 0.125, 1e6, 1e-6, 1e200];

const METHODS: [CalibrationMethod; 4] = [
    CalibrationMethod::PriorShift,
    CalibrationMethod::Platt,
    CalibrationMethod::Temperature,
    CalibrationMethod::Isotonic,
];

fn scores(n: usize) -> (Vec<f64>, Vec<bool>) {
    let logit = |i: usize| ((i * 31) % 17) as f64 / 4.0 - 2.0;
    let label = |i: usize| ((i * 31) % 17 + (i * 7) % 9) > 14;
    ((0..n).map(logit).collect(), (0..n).map(label).collect())
}

/// Every third row weighs 2.
fn weights(n: usize) -> Vec<f64> {
    (0..n).map(|i| if i % 3 == 0 { 2.0 } else { 1.0 }).collect()
}

/// The rows that the same table has with copies in place of weights.
fn copies(n: usize) -> Vec<usize> {
    (0..n).chain((0..n).step_by(3)).collect()
}

fn times(weights: &[f64], unit: f64) -> Vec<f64> {
    weights.iter().map(|w| w * unit).collect()
}

fn take<T: Copy>(values: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().map(|&i| values[i]).collect()
}

fn near(a: f64, b: f64, tolerance: f64, what: &str) {
    assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{what}: {a} is not {b}");
}

#[test]
fn a_mean_of_weights_is_finite_and_goes_by_those_that_count() {
    let given = [0.0, 3.0, 1.0, 0.0, 2.0];
    assert_eq!(mean_weight(given), 2.0);
    assert_eq!(mean_weight([1e308, 1.7e308, 1e308, 0.3e308]), 1e308);
    assert_eq!(mean_weight([f64::MIN_POSITIVE; 3]), f64::MIN_POSITIVE);
    let of_mean_one = weights_of_mean_one(&given);
    assert_eq!(of_mean_one, [0.0, 1.5, 0.5, 0.0, 1.0]);
    for unit in UNITS {
        for (a, b) in weights_of_mean_one(&times(&given, unit)).iter().zip(&of_mean_one) {
            near(*a, *b, 1e-15, "of mean 1");
        }
    }
    // Weights whose mean is 1 but for rounding keep their bits.
    let thirds = [0.1 + 0.2, 1.7];
    assert_eq!(weights_of_mean_one(&thirds), thirds);
}

#[test]
fn calibration_does_not_depend_on_the_unit_of_weights() {
    let (z, y) = scores(60);
    let a = weights(60);
    for method in METHODS {
        let fit = |a: &[f64]| Calibrator::fit(method, &z, &y, Some(a)).expect("valid");
        let expected = fit(&a);
        assert_eq!(fit(&times(&a, 2.0)), expected, "{method:?}");
        for unit in UNITS {
            for z in [-3.0, -0.7, 0.0, 0.4, 2.5] {
                near(fit(&times(&a, unit)).apply(z), expected.apply(z), 1e-9, "calibrated");
            }
        }
        // Equal weights are none.
        assert_eq!(fit(&[7.0; 60]), Calibrator::fit(method, &z, &y, None).expect("valid"), "{method:?}");
    }
}

#[test]
fn a_weight_of_two_is_a_row_twice_for_calibration() {
    let (z, y) = scores(600);
    let rows = copies(600);
    for method in METHODS {
        let weighted = Calibrator::fit(method, &z, &y, Some(&weights(600))).expect("valid");
        let repeated = Calibrator::fit(method, &take(&z, &rows), &take(&y, &rows), None).expect("valid");
        let plain = Calibrator::fit(method, &z, &y, None).expect("valid");
        let far = |a: &Calibrator, b: &Calibrator| {
            let at = (-8..=8).map(|k| f64::from(k) / 4.0);
            at.map(|z| (a.apply(z) - b.apply(z)).abs()).fold(0.0, f64::max)
        };
        let (apart, moved) = (far(&weighted, &repeated), far(&plain, &repeated));
        // The targets of Platt and the ends of isotonic regression go by the number of rows, which copies
        // change.
        let most = match method {
            CalibrationMethod::PriorShift | CalibrationMethod::Temperature => 1e-9,
            _ => moved / 3.0,
        };
        assert!(moved > 1e-3 && apart <= most, "{method:?}: moved by {moved}, {apart} apart");
    }
}

#[test]
fn couplings_and_regressions_do_not_depend_on_the_unit_of_weights() {
    let scores = Array2::from_shape_fn((40, 3), |(i, k)| ((i * (3 + k)) % 7) as f64 - 3.0);
    let labels: Vec<usize> = (0..40).map(|i| (i * i + i / 5) % 3).collect();
    let a = weights(40);
    let coupling = SoftmaxCoupling::fit(scores.view(), &labels, &a).expect("fits");
    let plain = SoftmaxCoupling::fit(scores.view(), &labels, &[1.0; 40]).expect("fits");
    assert!((plain.offsets[0] - coupling.offsets[0]).abs() > 1e-3, "weights count");
    let spec = LogisticRegression { lambda: 0.1, ..Default::default() };
    let positive: Vec<bool> = labels.iter().map(|&label| label == 0).collect();
    let regression =
        |a: &[f64]| spec.fit(scores.t().as_standard_layout().view(), &positive, Some(a)).expect("fits");
    for unit in UNITS {
        let scaled = times(&a, unit);
        let again = SoftmaxCoupling::fit(scores.view(), &labels, &scaled).expect("fits");
        near(again.slope, coupling.slope, 1e-8, "slope");
        again.offsets.iter().zip(&coupling.offsets).for_each(|(a, b)| near(*a, *b, 1e-8, "offset"));
        near(regression(&scaled).weights[0], regression(&a).weights[0], 1e-8, "regression");
    }
}

/// The figures of a summary that are there.
fn figures(summary: &MetricSummary) -> Vec<f64> {
    let value = serde_json::to_value(summary).expect("a document");
    let fields = value.as_object().expect("fields").iter();
    fields.map(|(name, value)| value.as_f64().unwrap_or_else(|| panic!("{name} is {value}"))).collect()
}

#[test]
fn metrics_count_weights_as_copies_whatever_their_unit() {
    let (z, y) = scores(60);
    let p: Vec<f64> = z.iter().map(|z| 1.0 / (1.0 + (-z).exp())).collect();
    let (a, rows) = (weights(60), copies(60));
    let summary = |a: &[f64]| MetricSummary::weighted(&y, &z, Some(&p), Some(a)).expect("valid");
    let expected = figures(&summary(&a));
    assert!(expected.len() >= 6, "{expected:?}");
    let (y2, z2, p2) = (take(&y, &rows), take(&z, &rows), take(&p, &rows));
    let repeated = MetricSummary::new(&y2, &z2, Some(&p2)).expect("valid");
    let plain = figures(&MetricSummary::new(&y, &z, Some(&p)).expect("valid"));
    figures(&repeated).iter().zip(&expected).for_each(|(a, b)| near(*a, *b, 1e-12, "repeated"));
    assert!(plain.iter().zip(&expected).any(|(a, b)| (a - b).abs() > 1e-3), "weights count");
    for unit in UNITS {
        let scaled = figures(&summary(&times(&a, unit)));
        scaled.iter().zip(&expected).for_each(|(a, b)| near(*a, *b, 1e-12, "scaled"));
    }
    // At a threshold.
    let at = |a: &[f64]| Scored::weighted(&y, &z, a).expect("valid").confusion(0.3);
    for unit in UNITS {
        near(at(&times(&a, unit)).mcc(), at(&a).mcc(), 1e-12, "MCC");
        near(at(&times(&a, unit)).f1(), at(&a).f1(), 1e-12, "F1");
    }
    assert_eq!(at(&a), Scored::new(&y2, &z2).expect("valid").confusion(0.3));
}

fn of_classes(n: usize) -> (Vec<usize>, Array2<f64>) {
    let labels: Vec<usize> = (0..n).map(|i| (i * i + i / 5) % 3).collect();
    let p = Array2::from_shape_fn((n, 3), |(i, k)| {
        let raw =
            |k: usize| 1.0 + ((i * (3 + 2 * k) + k) % 11) as f64 + if k == labels[i] { 4.0 } else { 0.0 };
        raw(k) / (raw(0) + raw(1) + raw(2))
    });
    (labels, p)
}

#[test]
fn metrics_of_classes_count_weights_as_copies_whatever_their_unit() {
    let (labels, p) = of_classes(60);
    let (a, rows) = (weights(60), copies(60));
    let summary = |labels: &[usize], p: &Array2<f64>, a: Option<&[f64]>| {
        let scored = ClassScored::new(labels, p.view(), a).expect("valid");
        scored.summary(&scored.largest()).expect("valid")
    };
    let close = |found: &ClassSummary, expected: &ClassSummary| {
        for (a, b) in [
            (found.log_loss, expected.log_loss),
            (found.brier, expected.brier),
            (found.macro_f1, expected.macro_f1),
            (found.balanced_accuracy, expected.balanced_accuracy),
            (found.mcc, expected.mcc),
            (found.top_label_ece, expected.top_label_ece),
            (found.macro_average_precision.expect("all"), expected.macro_average_precision.expect("all")),
            (found.macro_roc_auc.expect("all"), expected.macro_roc_auc.expect("all")),
        ] {
            near(a, b, 1e-12, "metric");
        }
    };
    let expected = summary(&labels, &p, Some(&a));
    close(&summary(&take(&labels, &rows), &p.select(ndarray::Axis(0), &rows), None), &expected);
    for unit in UNITS {
        close(&summary(&labels, &p, Some(&times(&a, unit))), &expected);
    }
    assert!((summary(&labels, &p, None).log_loss - expected.log_loss).abs() > 1e-3, "weights count");
}

#[test]
fn bootstrap_intervals_do_not_depend_on_the_unit_of_weights() {
    let (z, y) = scores(60);
    let other: Vec<f64> = (0..60).map(|i| ((i * 5) % 13) as f64).collect();
    let folds = Folds::new((0..60).map(|i| i % 2).collect(), 2).expect("two");
    let bootstrap = Bootstrap { n_resamples: 100, ..Bootstrap::default() };
    let intervals = |a: Option<&[f64]>| -> Vec<Interval> {
        let scores: [&[f64]; 2] = [&z, &other];
        let whole = bootstrap.average_precision_weighted(&y, a, &scores).expect("valid");
        let by_fold = bootstrap.average_precision_by_fold_weighted(&y, a, &folds, &scores).expect("valid");
        let of = |resampled: &cfe_core::validation::Resampled| {
            [resampled.interval(0).expect("first"), resampled.difference(0, 1).expect("two")]
        };
        [of(&whole), of(&by_fold)].concat()
    };
    let a = weights(60);
    let expected = intervals(Some(&a));
    assert_eq!(intervals(Some(&times(&a, 2.0))), expected);
    assert_ne!(intervals(None)[0].estimate, expected[0].estimate, "weights count");
    for (found, expected) in intervals(Some(&times(&a, 1e6))).iter().zip(&expected) {
        near(found.estimate, expected.estimate, 1e-12, "estimate");
        near(found.lower, expected.lower, 1e-9, "lower end");
        near(found.upper, expected.upper, 1e-9, "upper end");
    }
    // An estimate is that of the copies.
    let rows = copies(60);
    let repeated = bootstrap.average_precision(&take(&y, &rows), &[&take(&z, &rows)]).expect("valid");
    near(repeated.interval(0).expect("first").estimate, expected[0].estimate, 1e-12, "copies");
}

#[test]
fn bootstrap_intervals_of_classes_do_not_depend_on_the_unit_of_weights() {
    const METRICS: [ClassMetric; 3] =
        [ClassMetric::LogLoss, ClassMetric::MacroAveragePrecision, ClassMetric::BalancedAccuracy];
    let (labels, p) = of_classes(60);
    let other = p.mapv(|p| 0.5 * p + 0.5 / 3.0);
    let decided: Vec<usize> =
        (0..60).map(|i| if i % 7 == 0 { (labels[i] + 1) % 3 } else { labels[i] }).collect();
    let bootstrap = Bootstrap { n_resamples: 100, ..Bootstrap::default() };
    let intervals = |rows: &[usize], a: Option<&[f64]>| -> Vec<Interval> {
        let (p, other) = (p.select(ndarray::Axis(0), rows), other.select(ndarray::Axis(0), rows));
        let (labels, decided) = (take(&labels, rows), take(&decided, rows));
        let both = [(p.view(), &decided[..]), (other.view(), &labels[..])];
        let resampled = bootstrap.classes(&labels, a, &both).expect("valid");
        let of = |metric| [resampled.interval(metric, 0), resampled.better_by(metric, 0, 1)];
        METRICS.into_iter().flat_map(of).map(|interval| interval.expect("both")).collect()
    };
    let (every, a) = ((0..60).collect::<Vec<_>>(), weights(60));
    let expected = intervals(&every, Some(&a));
    assert_eq!(intervals(&every, Some(&times(&a, 2.0))), expected);
    for (found, expected) in intervals(&every, Some(&times(&a, 1e6))).iter().zip(&expected) {
        near(found.estimate, expected.estimate, 1e-12, "estimate");
        near(found.lower, expected.lower, 1e-9, "lower end");
        near(found.upper, expected.upper, 1e-9, "upper end");
    }
    assert_ne!(intervals(&every, None)[0].estimate, expected[0].estimate, "weights count");
    // Estimates are those of the copies, and of the metrics themselves.
    for (found, expected) in intervals(&copies(60), None).iter().zip(&expected) {
        near(found.estimate, expected.estimate, 1e-12, "copies");
    }
    let summary = ClassScored::new(&labels, p.view(), Some(&a)).expect("valid").summary(&decided);
    let summary = summary.expect("valid");
    assert_eq!(expected[0].estimate, summary.log_loss);
    near(expected[2].estimate, summary.macro_average_precision.expect("all occur"), 1e-12, "macro AP");
    assert_eq!(expected[4].estimate, summary.balanced_accuracy);
    // Rows of weight 0 are not there.
    let zero: Vec<f64> = (0..60).map(|i| f64::from(u8::from(i % 4 != 0))).collect();
    let rest: Vec<usize> = (0..60).filter(|i| i % 4 != 0).collect();
    assert_eq!(intervals(&every, Some(&zero)), intervals(&rest, None));
}
