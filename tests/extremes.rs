//! Data and settings at the edge for everything that is not a trainer: a finite result, or a typed error.

use cf_ensemble::baselines::Baseline;
use cf_ensemble::calibration::{CalibrationMethod, Calibrator};
use cf_ensemble::recommended::{Averaging, Families, Recommended, RecommendedSpec, ShrinkTo, Views};
use cf_ensemble::{EnsembleData, Error, Result};
use cfe_testing::cases;
use ndarray::Array2;
use proptest::prelude::*;

/// Whether an error is one that says what is wrong with these data.
fn is_typed(error: &Error) -> bool {
    matches!(
        error,
        Error::SingleClass { .. }
            | Error::NoLabels
            | Error::AllWeightsZero { .. }
            | Error::WeightSum { .. }
            | Error::NothingToEvaluate
    )
}

fn all_finite(values: &[f64]) -> bool {
    values.iter().all(|v| v.is_finite())
}

fn recommended(spec: &RecommendedSpec, data: &EnsembleData) -> std::result::Result<(), String> {
    let fitted = match Recommended::try_from(spec.clone()).and_then(|combiner| combiner.fit(data)) {
        Ok(fitted) => fitted,
        Err(error) => return if is_typed(&error) { Ok(()) } else { Err(format!("{error}: {error:?}")) },
    };
    let predicted = fitted.model.predict(data.predictions()).map_err(|e| e.to_string())?;
    if !all_finite(&predicted.logits) {
        return Err(format!("logits {:?}", predicted.logits));
    }
    if !predicted.probabilities.iter().all(|p| (0.0..=1.0).contains(p)) {
        return Err(format!("probabilities {:?}", predicted.probabilities));
    }
    if let Some(logits) = fitted.out_of_fold_logits.filter(|logits| !all_finite(logits)) {
        return Err(format!("out-of-fold logits {logits:?}"));
    }
    let weights: f64 = fitted.members.iter().map(|member| member.weight).sum();
    if fitted.members.is_empty() || (weights - 1.0).abs() < 1e-9 {
        Ok(())
    } else {
        Err(format!("weights of the members sum to {weights}"))
    }
}

fn baselines(data: &EnsembleData) -> std::result::Result<(), String> {
    for baseline in Baseline::ALL {
        let name = baseline.name();
        match baseline.fit(data) {
            Ok(fitted) => {
                let scores =
                    fitted.predict(data.predictions()).map_err(|error| format!("{name}: {error}"))?;
                let allowed = |p: &f64| (0.0..=1.0).contains(p);
                if !all_finite(&scores) || (fitted.is_probability() && !scores.iter().all(allowed)) {
                    return Err(format!("{name}: {scores:?}"));
                }
            }
            Err(error) if is_typed(&error) => {}
            Err(error) => return Err(format!("{name}: {error}: {error:?}")),
        }
    }
    Ok(())
}

fn labeled(predictions: Array2<f64>, every: usize) -> EnsembleData {
    let n = predictions.ncols();
    EnsembleData::new(predictions, (0..n).map(|i| Some(i % every == 0)).collect()).expect("valid")
}

fn waves(m: usize, n: usize) -> Array2<f64> {
    Array2::from_shape_fn((m, n), |(u, i)| ((7 * i + 3 * u + i * u) % 17) as f64 / 17.0)
}

fn degenerate() -> Vec<(&'static str, EnsembleData)> {
    let with =
        |value: fn(usize, usize) -> f64| labeled(Array2::from_shape_fn((5, 40), |(u, i)| value(u, i)), 4);
    let mut gaps = waves(4, 40);
    gaps.row_mut(1).fill(f64::NAN);
    gaps.column_mut(3).fill(f64::NAN);
    let holes = |(u, i): (usize, usize)| if (u + i) % 3 == 0 { f64::NAN } else { 5e-324 };
    vec![
        ("all columns equal", with(|u, _| u as f64 / 5.0)),
        ("all cells equal", with(|_, _| 0.3)),
        ("all cells one half", with(|_, _| 0.5)),
        ("the same classifier five times", with(|_, i| (i % 9) as f64 / 9.0)),
        ("zeros and ones", with(|u, i| f64::from((i + u) % 2 == 0))),
        ("the truth", with(|_, i| f64::from(i % 4 == 0))),
        ("the opposite of the truth", with(|_, i| f64::from(i % 4 != 0))),
        ("denormals", with(|_, _| 5e-324)),
        ("denormals and ones", with(|u, i| if (u + i) % 3 == 0 { 1.0 } else { 5e-324 })),
        (
            "the last number before 1",
            with(|u, i| if (u * i) % 3 == 0 { 1.0 } else { 1.0 - f64::EPSILON / 2.0 }),
        ),
        ("one instance", labeled(waves(5, 1), 1)),
        ("two instances", labeled(waves(5, 2), 2)),
        ("one classifier", labeled(waves(1, 40), 4)),
        ("one cell", labeled(waves(1, 1), 1)),
        ("a row and a column missing", labeled(gaps, 4)),
        ("denormals with holes", labeled(Array2::from_shape_fn((4, 40), holes), 4)),
        ("more classifiers than instances", labeled(waves(60, 8), 2)),
    ]
}

/// Short lists, so that a fit takes milliseconds.
fn quick() -> RecommendedSpec {
    RecommendedSpec {
        shrinkage: vec![10.0, 1000.0],
        low_rank_ridge: vec![3.0],
        local_ridge: vec![1.0],
        ..RecommendedSpec::default()
    }
}

#[test]
fn degenerate_data_are_combined_or_refused() {
    for (name, data) in degenerate() {
        for weight in [None, Some(1e-200), Some(1e200), Some(1e308), Some(5e-324)] {
            let data = match weight {
                Some(weight) => {
                    data.clone().with_sample_weights(vec![weight; data.n_instances()]).expect("finite")
                }
                None => data.clone(),
            };
            recommended(&quick(), &data).unwrap_or_else(|e| panic!("{name}, {weight:?}: recommended: {e}"));
            baselines(&data).unwrap_or_else(|e| panic!("{name}, {weight:?}: {e}"));
        }
    }
}

#[test]
fn one_positive_in_a_hundred_thousand_is_combined() {
    let n = 100_000;
    let labels = (0..n).map(|i| Some(i == 7)).collect();
    let value = |(u, i)| if i == 7 { 0.9 } else { ((i * (u + 3)) % 97) as f64 / 120.0 };
    let data = EnsembleData::new(Array2::from_shape_fn((3, n), value), labels).expect("valid");
    recommended(&quick(), &data).unwrap();
    baselines(&data).unwrap();
}

#[test]
fn five_hundred_factors_are_as_many_as_there_are() {
    let spec = RecommendedSpec { latent_dim: 500, local_rank: 500, local_features: 500, ..quick() };
    recommended(&spec, &labeled(waves(6, 60), 4)).unwrap();
}

#[test]
fn settings_at_their_limits_are_defined() {
    let data = labeled(waves(5, 40), 4);
    let mut fitted = 0;
    for size in [5e-324, 1e-300, 1e-12, 1e-9, 1e9, 1e12, 1e300, f64::MAX] {
        for spec in [
            RecommendedSpec { shrinkage: vec![size], ..quick() },
            RecommendedSpec { shrinkage: vec![size], shrink_to: ShrinkTo::Zero, ..quick() },
            RecommendedSpec { shrinkage: vec![size], non_negative: false, ..quick() },
            RecommendedSpec { low_rank_ridge: vec![size], ..quick() },
            RecommendedSpec { local_ridge: vec![size], ..quick() },
            RecommendedSpec { local_length: size, ..quick() },
            RecommendedSpec { fold_in_ridge: size, ..quick() },
            RecommendedSpec { prior_powers: vec![size], ..quick() },
            RecommendedSpec { caution: size, ..quick() },
            RecommendedSpec { clip: size.clamp(f64::EPSILON, 0.4999), ..quick() },
        ] {
            // A setting out of its range is refused by name; every other one gives finite numbers.
            match Recommended::try_from(spec.clone()) {
                Err(Error::InvalidParameter { .. }) => {}
                _ => {
                    recommended(&spec, &data).unwrap_or_else(|e| panic!("{spec:?}: {e}"));
                    fitted += 1;
                }
            }
        }
    }
    assert!(fitted >= 16, "only {fitted} of 80 settings at the limits are allowed");
}

const METHODS: [CalibrationMethod; 5] = [
    CalibrationMethod::None,
    CalibrationMethod::PriorShift,
    CalibrationMethod::Platt,
    CalibrationMethod::Temperature,
    CalibrationMethod::Isotonic,
];

/// Fits, and asks for probabilities that do not fall with the logit, at the logits and between and beyond
/// them.
fn calibrated(logits: &[f64], labels: &[bool], weights: Option<&[f64]>) -> std::result::Result<(), String> {
    for method in METHODS {
        let calibrator: Result<Calibrator> = Calibrator::fit(method, logits, labels, weights);
        let calibrator = match calibrator {
            Ok(calibrator) => calibrator,
            Err(error) if is_typed(&error) => continue,
            Err(error) => return Err(format!("{method:?}: {error}: {error:?}")),
        };
        let mut at = vec![f64::MIN, -1e300, -800.0, -1.0, -5e-324, 0.0, 5e-324, 1.0, 800.0, 1e300, f64::MAX];
        at.extend(logits);
        at.sort_by(f64::total_cmp);
        let p = calibrator.apply_all(&at);
        if !p.iter().all(|p| (0.0..=1.0).contains(p)) || p.windows(2).any(|pair| pair[0] > pair[1]) {
            return Err(format!("{method:?}: {calibrator:?}\n{at:?}\n{p:?}"));
        }
    }
    Ok(())
}

#[test]
fn one_positive_in_a_hundred_thousand_is_calibrated() {
    let labels: Vec<bool> = (0..100_000).map(|i| i == 99_990).collect();
    let logits: Vec<f64> = (0..100_000).map(|i| f64::from(i) / 1e3 - 80.0).collect();
    calibrated(&logits, &labels, None).unwrap();
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn any_logits_are_calibrated(
        cells in prop::collection::vec(
            (
                prop::sample::select(vec![
                    f64::MIN, -1e300, -800.0, -1.0, -5e-324, 0.0, 5e-324, 0.3, 1.0, 30.0, 800.0, 1e300, f64::MAX,
                ]),
                any::<bool>(),
                prop::sample::select(vec![0.0, 5e-324, 1e-200, 1.0, 1e200, 1e308]),
            ),
            1..30,
        ),
        weighted: bool,
    ) {
        let logits: Vec<f64> = cells.iter().map(|cell| cell.0).collect();
        let labels: Vec<bool> = cells.iter().map(|cell| cell.1).collect();
        let weights: Vec<f64> = cells.iter().map(|cell| cell.2).collect();
        let outcome = calibrated(&logits, &labels, weighted.then_some(&weights[..]));
        prop_assert!(outcome.is_ok(), "{:?}: {}", cells, outcome.unwrap_err());
    }

    #[test]
    fn any_table_is_combined_or_refused(
        m in 1usize..6, n in 1usize..25,
        values in prop::collection::vec(
            prop::sample::select(vec![0.0, 5e-324, 0.5, 1.0 - 1e-16, 1.0, 0.3, f64::NAN]), 6 * 25,
        ),
        positives in prop::collection::vec(prop::option::of(any::<bool>()), 25),
        weights in prop::collection::vec(prop::sample::select(vec![0.0, 5e-324, 1e-200, 1.0, 1e200, 1e307]), 25),
        weighted: bool, equal: bool, non_negative: bool, local: bool, probabilities: bool,
        averaging in prop::sample::select(vec![Averaging::Evidence, Averaging::BestMember, Averaging::Flat]),
        strength in prop::sample::select(vec![1e-9, 1e-6, 10.0, 1e6, 1e9]),
        clip in prop::sample::select(vec![f64::EPSILON, 1e-12, 1e-4, 0.49]),
    ) {
        let predictions = Array2::from_shape_fn((m, n), |(u, i)| values[u * 25 + i]);
        let Ok(data) = EnsembleData::new(predictions, positives[..n].to_vec()) else { return Ok(()) };
        let data = if weighted { data.with_sample_weights(weights[..n].to_vec()).expect("finite") } else { data };
        let spec = RecommendedSpec {
            shrinkage: vec![strength],
            low_rank_ridge: vec![strength],
            local_ridge: vec![strength],
            clip,
            non_negative,
            shrink_to: if equal { ShrinkTo::Equal } else { ShrinkTo::Zero },
            families: Families { local, ..Families::ALL },
            views: Views { probabilities, log_odds: true },
            averaging,
            ..RecommendedSpec::default()
        };
        let outcome = recommended(&spec, &data);
        prop_assert!(outcome.is_ok(), "{:?}\n{:?}\n{}", spec, data, outcome.unwrap_err());
        let outcome = baselines(&data);
        prop_assert!(outcome.is_ok(), "{:?}\n{}", data, outcome.unwrap_err());
    }
}
