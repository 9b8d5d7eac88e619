use ndarray::Array2;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use serde_json::Value;

use super::*;
use crate::losses::{SupervisedLoss, sigmoid};
use crate::weights::ClassWeight;

/// J and its gradient (k + 1), straight from the definition.
fn objective(
    spec: &LogisticRegression,
    x: ArrayView2<'_, f64>,
    labels: &[bool],
    a: &[f64],
    v: &[f64],
) -> (f64, Vec<f64>) {
    let k = x.nrows();
    let total: f64 = a.iter().sum();
    let (mut value, mut gradient) = (0.0, vec![0.0; k + 1]);
    for i in 0..labels.len() {
        let z = (0..k).map(|j| v[j] * x[(j, i)]).sum::<f64>() + v[k];
        let (l, d) = SupervisedLoss::Bce.value_and_derivative(z, labels[i]);
        value += a[i] * l / total;
        (0..k).for_each(|j| gradient[j] += a[i] * d * x[(j, i)] / total);
        gradient[k] += a[i] * d / total;
    }
    for j in 0..k {
        let p = spec.penalty_factors.as_ref().map_or(1.0, |p| p[j]);
        let gap = v[j] - spec.targets.as_ref().map_or(0.0, |t| t[j]);
        value += spec.lambda / 2.0 * p * gap * gap;
        gradient[j] += spec.lambda * p * gap;
    }
    (value, gradient)
}

fn random(k: usize, n: usize, seed: u64) -> (Array2<f64>, Vec<bool>) {
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    let truth: Vec<f64> = (0..n).map(|_| rng.random::<f64>()).collect();
    let x = Array2::from_shape_fn((k, n), |(_, i)| 0.6 * truth[i] + 0.4 * rng.random::<f64>());
    let labels = truth.iter().map(|&t| rng.random::<f64>() < sigmoid(8.0 * t - 7.0)).collect();
    (x, labels)
}

#[test]
fn reaches_the_reference_optimum() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/logistic_optimum.json");
    let file: Value = serde_json::from_slice(&std::fs::read(path).expect("reference")).expect("JSON");
    let vector = |v: &Value| -> Vec<f64> {
        v.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
    };
    let mut checked = 0;
    for case in file["cases"].as_array().expect("cases") {
        let rows: Vec<Vec<f64>> = case["R_hat"].as_array().expect("rows").iter().map(vector).collect();
        let x = Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).expect("a matrix");
        let labels: Vec<bool> = vector(&case["y"]).iter().map(|&y| y == 1.0).collect();
        let tolerance = case["tolerance_abs_w_b"].as_f64().expect("a number");
        let positives = labels.iter().filter(|&&y| y).count();
        for solution in case["solutions"].as_array().expect("solutions") {
            let class_weight =
                if solution["class_weight"].is_null() { ClassWeight::Uniform } else { ClassWeight::Balanced };
            let (negative, positive) =
                class_weight.per_class((labels.len() - positives) as f64, positives as f64);
            let a: Vec<f64> = labels.iter().map(|&y| if y { positive } else { negative }).collect();
            let lambda = solution["lambda"].as_f64().expect("a number");
            let spec = LogisticRegression { lambda, ..Default::default() };
            let fit = spec.fit(x.view(), &labels, Some(&a)).expect("valid");
            let what = format!("{} {class_weight:?} {lambda}: {fit:?}", case["name"]);
            assert!(fit.converged && fit.kkt_residual < 1e-10, "{what}");
            for (w, e) in fit.weights.iter().zip(vector(&solution["w"])) {
                assert!((w - e).abs() <= tolerance, "{what}: {e}");
            }
            assert!((fit.bias - solution["b"].as_f64().expect("b")).abs() <= tolerance, "{what}");
            assert!((fit.objective - solution["objective"].as_f64().expect("J")).abs() <= 1e-10, "{what}");
            checked += 1;
        }
    }
    assert_eq!(checked, 58);
}

#[test]
fn gradient_agrees_with_finite_differences() {
    let (x, labels) = random(3, 40, 5);
    let spec = LogisticRegression {
        lambda: 0.3,
        penalty_factors: Some(vec![1.0, 0.0, 2.0]),
        targets: Some(vec![0.5, 0.0, -1.0]),
        ..Default::default()
    };
    let a: Vec<f64> = (0..40).map(|i| 1.0 + f64::from(i % 3)).collect();
    let v = [0.3, -0.2, 0.9, -0.4];
    let (_, gradient) = objective(&spec, x.view(), &labels, &a, &v);
    for j in 0..4 {
        let at = |h: f64| {
            let mut v = v;
            v[j] += h;
            objective(&spec, x.view(), &labels, &a, &v).0
        };
        approx::assert_abs_diff_eq!(gradient[j], (at(1e-5) - at(-1e-5)) / 2e-5, epsilon = 1e-8);
    }
}

#[test]
fn separable_classes_without_a_penalty_do_not_converge() {
    let x = ndarray::array![[0.1, 0.2, 0.3, 0.7, 0.8, 0.9]];
    let labels = [false, false, false, true, true, true];
    let fit = LogisticRegression::default().fit(x.view(), &labels, None).expect("defined");
    assert!(!fit.converged && fit.weights[0].is_finite() && fit.bias.is_finite(), "{fit:?}");
    // Separated but for a tie: the loss stays above 0 while the weight runs away.
    let x = ndarray::array![[0.1, 0.2, 0.5, 0.5, 0.8, 0.9]];
    let fit = LogisticRegression::default().fit(x.view(), &labels, None).expect("defined");
    assert!(!fit.converged && fit.weights[0].is_finite(), "{fit:?}");
}

#[test]
fn dependent_and_constant_columns_without_a_penalty_have_a_result() {
    let (x, labels) = random(2, 200, 1);
    let mut wide = Array2::from_elem((4, 200), 0.3);
    for (to, from) in [(0, 0), (1, 1), (2, 0)] {
        wide.row_mut(to).assign(&x.row(from));
    }
    let narrow = LogisticRegression::default().fit(x.view(), &labels, None).expect("valid");
    for non_negative in [false, true] {
        let spec = LogisticRegression { non_negative, ..Default::default() };
        let fit = spec.fit(wide.view(), &labels, None).expect("valid");
        assert!(fit.converged, "{fit:?}");
        approx::assert_abs_diff_eq!(fit.objective, narrow.objective, epsilon = 1e-12);
        approx::assert_abs_diff_eq!(fit.weights[0] + fit.weights[2], narrow.weights[0], epsilon = 1e-6);
        assert_eq!(fit.weights[3], 0.0);
    }
}

/// The odds of the two classes are 1 / 5e-321, beyond every number.
#[test]
fn odds_beyond_every_number_start_at_their_logarithm() {
    let x = Array2::zeros((1, 3));
    let weights = [1.0, 1.0, 1e-320];
    let fit = LogisticRegression::default().fit(x.view(), &[true, true, false], Some(&weights));
    let bias = fit.expect("valid").bias;
    assert!(bias.is_finite() && bias > 700.0, "{bias}");
}

#[test]
fn a_strong_penalty_gives_the_targets() {
    let (x, labels) = random(4, 100, 2);
    let spec =
        LogisticRegression { lambda: 1e9, targets: Some(vec![0.25, 0.5, -0.5, 0.0]), ..Default::default() };
    let fit = spec.fit(x.view(), &labels, None).expect("valid");
    for (w, t) in fit.weights.iter().zip([0.25, 0.5, -0.5, 0.0]) {
        approx::assert_abs_diff_eq!(*w, t, epsilon = 1e-8);
    }
    let fit = LogisticRegression { non_negative: true, ..spec }.fit(x.view(), &labels, None).expect("valid");
    assert_eq!(fit.weights[2], 0.0);
}

#[test]
fn a_warm_start_reaches_the_same_optimum() {
    let (x, labels) = random(5, 300, 3);
    let spec = LogisticRegression { non_negative: true, targets: Some(vec![0.2; 5]), ..Default::default() };
    let mut before: Option<LogisticFit> = None;
    for lambda in [1.0, 0.1, 0.01, 1e-3, 1e-4] {
        let spec = LogisticRegression { lambda, ..spec.clone() };
        let cold = spec.fit(x.view(), &labels, None).expect("valid");
        let warm = spec.fit_from(x.view(), &labels, None, before.as_ref()).expect("valid");
        assert!(cold.converged && warm.converged);
        for (c, w) in cold.weights.iter().zip(&warm.weights) {
            approx::assert_abs_diff_eq!(w, c, epsilon = 1e-7);
        }
        before = Some(cold);
    }
}

#[test]
fn refuses_what_it_cannot_fit() {
    let x = Array2::from_elem((2, 3), 0.5);
    let labels = [true, false, true];
    let spec = LogisticRegression::default();
    let fit = |spec: &LogisticRegression, labels: &[bool], a: Option<&[f64]>| spec.fit(x.view(), labels, a);
    assert!(matches!(fit(&spec, &[true; 3], None), Err(Error::SingleClass { n: 3, class: "positive" })));
    assert!(matches!(fit(&spec, &labels, Some(&[1.0, 0.0, 1.0])), Err(Error::SingleClass { n: 2, .. })));
    assert!(matches!(fit(&spec, &labels[..2], None), Err(Error::LengthMismatch { .. })));
    assert!(matches!(fit(&spec, &labels, Some(&[0.0; 3])), Err(Error::AllWeightsZero { .. })));
    assert!(matches!(fit(&spec, &labels, Some(&[1e308; 3])), Err(Error::WeightSum { .. })));
    assert!(matches!(fit(&spec, &labels, Some(&[1.0, -1.0, 1.0])), Err(Error::InvalidWeight { .. })));
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        let spec = LogisticRegression { lambda: bad, ..Default::default() };
        assert!(matches!(fit(&spec, &labels, None), Err(Error::InvalidParameter { .. })));
    }
    let spec = LogisticRegression { targets: Some(vec![0.0]), ..Default::default() };
    assert!(matches!(fit(&spec, &labels, None), Err(Error::LengthMismatch { .. })));
    let nan = Array2::from_elem((2, 3), f64::NAN);
    assert!(LogisticRegression::default().fit(nan.view(), &labels, None).is_err());
    let none = Array2::zeros((2, 0));
    assert!(matches!(
        LogisticRegression::default().fit(none.view(), &[], None),
        Err(Error::NothingToEvaluate)
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn non_negative_fits_satisfy_the_optimality_conditions(
        seed in 0u64..1000, k in 1usize..9, n in 40usize..600, exponent in -5.0..1.0f64, target in -0.5..2.0f64,
    ) {
        let (x, mut labels) = random(k, n, seed);
        // Half of the features point the wrong way, so that bounds are active; both classes are present.
        let x = Array2::from_shape_fn(x.dim(), |(j, i)| if j % 2 == 1 { 1.0 - x[(j, i)] } else { x[(j, i)] });
        (labels[0], labels[1]) = (true, false);
        let spec = LogisticRegression {
            lambda: 10f64.powf(exponent), targets: Some(vec![target; k]), non_negative: true, ..Default::default()
        };
        let fit = spec.fit(x.view(), &labels, None).expect("valid");
        prop_assert!(fit.converged, "{:?}", fit);
        let v: Vec<f64> = fit.weights.iter().copied().chain([fit.bias]).collect();
        let (value, gradient) = objective(&spec, x.view(), &labels, &vec![1.0; n], &v);
        prop_assert!((value - fit.objective).abs() < 1e-12);
        prop_assert!(gradient[k].abs() < 1e-10);
        for j in 0..k {
            prop_assert!(v[j] >= 0.0);
            if v[j] > 0.0 { prop_assert!(gradient[j].abs() < 1e-10) } else { prop_assert!(gradient[j] > -1e-10) }
        }
        let free = LogisticRegression { non_negative: false, ..spec }.fit(x.view(), &labels, None).expect("valid");
        prop_assert!(free.converged && free.objective <= fit.objective + 1e-12);
    }
}
