//! What more labels and more classifiers have brought.

use cf_ensemble::recommended::Recommended;
use cf_ensemble::{EnsembleData, Error};
use ndarray::Array2;

use super::{fit, small};

/// m classifiers that see the truth through noise of their own, n instances, one in five positive.
fn noisy(m: usize, n: usize) -> EnsembleData {
    let draw = |k: usize| (k.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / (1u64 << 24) as f64;
    let labels: Vec<Option<bool>> = (0..n).map(|i| Some(i % 5 == 0)).collect();
    let noise = |u: usize, i: usize| (0..3).map(|k| draw((u * n + i) * 3 + k + 1)).sum::<f64>() / 3.0;
    let r = Array2::from_shape_fn((m, n), |(u, i)| 0.8 * noise(u, i) + if i % 5 == 0 { 0.04 } else { 0.0 });
    EnsembleData::new(r, labels).unwrap()
}

#[test]
fn independent_classifiers_help_and_are_said_to() {
    let data = noisy(12, 400);
    let combiner = Recommended::try_from(small()).unwrap();
    let fitted = fit(small(), &data);
    let curve = combiner.learning_curve(&data, &fitted, None).unwrap();
    let [half] = &curve.classifiers[..] else { panic!("{curve:?}") };
    assert_eq!(half.count, 6);
    assert!(half.average_precision_gained.lower > 0.0, "{half:?}");
    // 80 positives: halves of 40, quarters of 20.
    let counts: Vec<usize> = curve.labels.iter().map(|point| point.count).collect();
    assert_eq!(counts, [200, 100]);
    // The same for any number of threads.
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(alone.install(|| combiner.learning_curve(&data, &fitted, None)).unwrap(), curve);
}

#[test]
fn few_labels_or_classifiers_have_a_shorter_curve() {
    let combiner = Recommended::try_from(small()).unwrap();
    let of = |data: &EnsembleData| combiner.learning_curve(data, &fit(small(), data), None).unwrap();
    // 30 positives: halves of 15, and no quarters.
    let curve = of(&noisy(3, 150));
    assert_eq!((curve.labels.len(), curve.classifiers.len()), (1, 0));
    assert!(of(&noisy(6, 50)).is_empty());
}

#[test]
fn given_folds_are_kept_and_a_share_that_they_leave_nothing_to_is_left_out() {
    let data = noisy(5, 300);
    let combiner = Recommended::try_from(small()).unwrap();
    // All positives but a few in one fold: a part without the few has nothing to learn from in that fold.
    let folds: Vec<usize> = (0..300).map(|i| usize::from(i % 5 != 0 && i % 2 == 0 || i == 10)).collect();
    let fitted = combiner.fit_with_folds(&data, &folds).unwrap();
    let curve = combiner.learning_curve(&data, &fitted, Some(&folds)).unwrap();
    assert!(curve.labels.is_empty(), "{curve:?}");
    let short = combiner.learning_curve(&data, &fitted, Some(&folds[1..]));
    assert!(matches!(short, Err(Error::LengthMismatch { found: 299, expected: 300, .. })), "{short:?}");
}
