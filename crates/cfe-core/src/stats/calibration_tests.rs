use approx::assert_abs_diff_eq;
use proptest::prelude::*;

use super::*;
use crate::metrics::Scored;

const METHODS: [CalibrationMethod; 5] = [
    CalibrationMethod::None,
    CalibrationMethod::PriorShift,
    CalibrationMethod::Platt,
    CalibrationMethod::Temperature,
    CalibrationMethod::Isotonic,
];

const Z: [f64; 12] = [-2.0, -1.5, -1.0, -1.0, -0.5, 0.0, 0.3, 0.3, 0.8, 1.2, 1.9, 2.5];
const Y: [u8; 12] = [0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 1, 1];
const A: [f64; 12] = [1.0, 2.0, 1.0, 1.0, 0.5, 1.0, 1.0, 3.0, 1.0, 1.0, 1.0, 2.0];

fn fit(method: CalibrationMethod) -> Calibrator {
    Calibrator::fit(method, &Z, &Y.map(|y| y == 1), Some(&A)).expect("valid")
}

#[test]
fn agrees_with_scikit_learn_and_scipy() {
    let Calibrator::Isotonic { thresholds, values } = fit(CalibrationMethod::Isotonic) else {
        panic!("isotonic")
    };
    assert_eq!(thresholds, [-2.0, -1.5, -1.0, 0.3, 0.8, 1.2, 1.9, 2.5]);
    // Of 12 rows, whose weights are taken over their mean: the ends are kept away from 0 and 1.
    let floor = 1.0 / 14.0;
    let expected =
        [floor, floor, 0.26666666666666666, 0.26666666666666666, 0.5, 0.5, 1.0 - floor, 1.0 - floor];
    values.iter().zip(expected).for_each(|(v, e)| assert_abs_diff_eq!(*v, e, epsilon = 1e-15));
    let isotonic = Calibrator::Isotonic { thresholds, values };
    assert_abs_diff_eq!(isotonic.apply(0.5), 0.36, epsilon = 1e-15);

    let Calibrator::Platt { slope, intercept } = fit(CalibrationMethod::Platt) else { panic!("platt") };
    // The targets and the weights are of mean 1; by weights as they are it would be 0.73819544 and
    // -0.66216001.
    assert_abs_diff_eq!(slope, 0.68136338, epsilon = 1e-7);
    assert_abs_diff_eq!(intercept, -0.62854104, epsilon = 1e-7);
    let Calibrator::Temperature { temperature } = fit(CalibrationMethod::Temperature) else {
        panic!("temperature")
    };
    assert_abs_diff_eq!(temperature, 1.1011319867918399, epsilon = 1e-7);
    let Calibrator::PriorShift { shift } = fit(CalibrationMethod::PriorShift) else { panic!("shift") };
    assert_abs_diff_eq!(shift, 0.7964253313462707, epsilon = 1e-10);
}

#[test]
fn separable_and_reversed_logits_have_a_finite_fit() {
    let logits = [-2.0, -1.0, 1.0, 2.0];
    for labels in [[false, false, true, true], [true, true, false, false]] {
        for method in METHODS {
            let calibrator = Calibrator::fit(method, &logits, &labels, None).expect("valid");
            let p = calibrator.apply_all(&logits);
            assert!(p.iter().all(|p| *p > 0.0 && *p < 1.0), "{calibrator:?}: {p:?}");
        }
    }
    let reversed = Calibrator::fit(CalibrationMethod::Platt, &logits, &[true, true, false, false], None);
    let Ok(Calibrator::Platt { slope, intercept }) = reversed else { panic!("platt") };
    assert_eq!(slope, 0.0);
    assert_abs_diff_eq!(intercept, 0.0, epsilon = 1e-12);
}

#[test]
fn one_class_falls_back_to_identity_and_bad_input_is_refused() {
    for method in METHODS {
        assert_eq!(
            Calibrator::fit(method, &[1.0, 2.0], &[true; 2], None).expect("valid"),
            Calibrator::Identity
        );
        let weighted = Calibrator::fit(method, &[1.0, 2.0], &[true, false], Some(&[1.0, 0.0]));
        assert_eq!(weighted.expect("valid"), Calibrator::Identity);
        assert!(matches!(Calibrator::fit(method, &[], &[], None), Err(Error::NothingToEvaluate)));
        assert!(matches!(
            Calibrator::fit(method, &[f64::INFINITY], &[true], None),
            Err(Error::InvalidScore { .. })
        ));
        assert!(matches!(Calibrator::fit(method, &[1.0], &[], None), Err(Error::LengthMismatch { .. })));
        assert!(matches!(
            Calibrator::fit(method, &[1.0], &[true], Some(&[f64::NAN])),
            Err(Error::InvalidWeight { .. })
        ));
    }
    assert!(Calibrator::Isotonic { thresholds: vec![], values: vec![] }.apply(f64::NAN).is_nan());
}

#[test]
fn parameters_that_no_fit_gives_are_refused() {
    METHODS.into_iter().for_each(|method| fit(method).validate().expect("fitted"));
    let isotonic = |thresholds: &[f64], values: &[f64]| Calibrator::Isotonic {
        thresholds: thresholds.to_vec(),
        values: values.to_vec(),
    };
    for bad in [
        Calibrator::PriorShift { shift: f64::NAN },
        Calibrator::Platt { slope: -1.0, intercept: 0.0 },
        Calibrator::Platt { slope: 1.0, intercept: f64::INFINITY },
        // 0 / 0 at a logit of 0.
        Calibrator::Temperature { temperature: 0.0 },
        isotonic(&[], &[]),
        isotonic(&[0.0, 1.0], &[0.5]),
        isotonic(&[1.0, 0.0], &[0.2, 0.4]),
        isotonic(&[0.0, 1.0], &[0.4, 0.2]),
        isotonic(&[0.0], &[7.0]),
    ] {
        assert!(bad.validate().is_err(), "{bad:?}");
    }
}

#[test]
fn logits_whose_difference_overflows_are_interpolated() {
    let wide = Calibrator::Isotonic { thresholds: vec![f64::MIN, f64::MAX], values: vec![0.2, 0.4] };
    assert!((wide.apply(0.0) - 0.3).abs() < 1e-15);
    assert!((wide.apply(f64::MAX / 2.0) - 0.35).abs() < 1e-15);
}

#[test]
fn survives_serialization() {
    for method in METHODS {
        let calibrator = fit(method);
        let json = serde_json::to_string(&calibrator).expect("serializable");
        assert_eq!(serde_json::from_str::<Calibrator>(&json).expect("readable"), calibrator);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn monotone_finite_and_better_on_the_fitted_data(
        cells in proptest::collection::vec((-6.0..6.0f64, any::<bool>(), 0.1..3.0f64), 2..80),
    ) {
        let logits: Vec<f64> = cells.iter().map(|c| (4.0 * c.0).round() / 4.0).collect();
        let labels: Vec<bool> = cells.iter().map(|c| c.1).collect();
        let weights: Vec<f64> = cells.iter().map(|c| c.2).collect();
        let loss = |c: &Calibrator| {
            Scored::weighted(&labels, &c.apply_all(&logits), &weights).expect("finite").log_loss()
        };
        let plain = loss(&Calibrator::Identity);
        for method in METHODS {
            let calibrator = Calibrator::fit(method, &logits, &labels, Some(&weights)).expect("valid");
            let grid: Vec<f64> = (-80..=80).map(|i| calibrator.apply(f64::from(i) / 10.0)).collect();
            prop_assert!(grid.windows(2).all(|w| w[0] <= w[1]), "{:?}", calibrator);
            prop_assert!(grid.iter().all(|p| (0.0..=1.0).contains(p)));
            if method == CalibrationMethod::Temperature {
                prop_assert!(loss(&calibrator) <= plain + 1e-12);
            }
            if let Calibrator::PriorShift { .. } = calibrator {
                let mean = |v: &mut dyn Iterator<Item = f64>| v.zip(&weights).map(|(v, a)| v * a).sum::<f64>();
                let predicted = mean(&mut logits.iter().map(|&z| calibrator.apply(z)));
                let observed = mean(&mut labels.iter().map(|&y| f64::from(u8::from(y))));
                prop_assert!((predicted - observed).abs() < 1e-9);
            }
        }
    }
}

#[test]
fn prevalence_is_shifted_by_bayes_rule() {
    // Of 1000 with 100 positive, a signal that 80 of them and 90 others have: 80 / 170. Of 10 positive: 8 /
    // 107.
    assert_abs_diff_eq!(shift_prevalence(80.0 / 170.0, 0.1, 0.01), 8.0 / 107.0, epsilon = 1e-15);
    // The same as a shift of the logit.
    let logit = |p: f64| (p / (1.0 - p)).ln();
    let shifted = logit(shift_prevalence(0.3, 0.05, 0.2)) - logit(0.3);
    assert_abs_diff_eq!(shifted, logit(0.2) - logit(0.05), epsilon = 1e-12);
    assert_eq!([0.0, 1.0].map(|p| shift_prevalence(p, 0.1, 0.9)), [0.0, 1.0]);
    for (from, to) in [(0.0, 0.5), (1.0, 0.5), (0.5, 0.0), (0.5, 1.5), (f64::NAN, 0.5)] {
        assert!(shift_prevalence(0.3, from, to).is_nan());
    }
}

#[test]
fn the_prevalence_of_other_rows_is_found() {
    // Calibrated at one half: a row of probability p is positive with it, and the share of such rows follows.
    let at = [0.02, 0.2, 0.5, 0.8, 0.98];
    let rows: Vec<f64> =
        at.iter().flat_map(|&p| vec![p; 1 + (2000.0 * (0.1 * p + 0.9 * (1.0 - p))) as usize]).collect();
    let found = estimate_prevalence(&rows, 0.5).expect("probabilities");
    assert_abs_diff_eq!(found, 0.1, epsilon = 0.001);
    assert_eq!(estimate_prevalence(&[], 0.5), None);
    assert_eq!(estimate_prevalence(&[0.5], 1.0), None);
}
