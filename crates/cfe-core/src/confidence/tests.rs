use ndarray::array;

use super::*;

#[test]
fn a_missing_cell_counts_nothing_under_any_strategy() {
    let data = EnsembleData::new(array![[0.9, f64::NAN], [0.2, 0.4]], vec![Some(true), Some(false)])
        .and_then(|d| d.with_confidence(Array2::ones((2, 2))))
        .expect("valid");
    for strategy in [
        ConfidenceStrategy::Uniform,
        ConfidenceStrategy::Certainty,
        ConfidenceStrategy::LabelAware,
        ConfidenceStrategy::Calibration { floor: 0.1 },
        ConfidenceStrategy::Adaptive { certainty: 0.5, calibration: 0.3, agreement: 0.2 },
        #[cfg(feature = "learned")]
        ConfidenceStrategy::Learned { n_trees: 3, max_depth: 2, seed: 0 },
        ConfidenceStrategy::Given,
    ] {
        let fitted = Confidence { strategy, label_alpha: 2.0 }.fit(&data).expect("valid");
        let c = fitted.on_training(&data).matrix();
        assert_eq!(c[(0, 1)], 0.0, "{strategy:?}");
        assert!(c.iter().all(|c| c.is_finite() && *c >= 0.0), "{strategy:?}");
    }
}

#[test]
fn a_given_confidence_must_be_there() {
    let data = EnsembleData::new(array![[0.5]], vec![None]).expect("valid");
    let error = Confidence::new(ConfidenceStrategy::Given).fit(&data).expect_err("nothing given");
    assert!(matches!(error, Error::MissingConfidence));
}

#[test]
fn nan_and_negative_parameters_are_refused() {
    for bad in [-0.5, f64::NAN, f64::INFINITY] {
        assert!(Confidence::label_blended(bad).validate().is_err());
        assert!(Confidence::new(ConfidenceStrategy::Calibration { floor: bad }).validate().is_err());
    }
    for (n_trees, max_depth) in [(0, 6), (1001, 6), (50, 0), (50, 21)] {
        let strategy = ConfidenceStrategy::Learned { n_trees, max_depth, seed: 0 };
        assert!(Confidence::new(strategy).validate().is_err());
    }
}
