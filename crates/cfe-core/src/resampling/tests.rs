use ndarray::{Array2, array};

use super::*;

fn data(positives: usize, negatives: usize) -> EnsembleData {
    let n = positives + negatives + 3;
    let label = |i: usize| match i {
        i if i < positives => Some(true),
        i if i < positives + negatives => Some(false),
        _ => None,
    };
    let r = Array2::from_shape_fn((3, n), |(u, i)| match (u + 2 * i) % 9 {
        8 => f64::NAN,
        k => 0.05 + 0.1 * k as f64 + 0.001 * i as f64,
    });
    EnsembleData::new(r, (0..n).map(label).collect()).expect("valid")
}

const ALL: [Resampling; 4] = [
    Resampling::RandomOver { ratio: 1.0 },
    Resampling::RandomUnder { ratio: 1.0 },
    Resampling::Smote { ratio: 1.0, k_neighbors: 3 },
    Resampling::Adasyn { ratio: 1.0, k_neighbors: 3 },
];

#[test]
fn classes_are_balanced_and_the_original_instances_stay_in_front() {
    let data = data(6, 30);
    for resampling in ALL {
        let resampled = resampling.apply(&data, 1).expect("valid");
        let (negatives, positives) = resampled.data.class_counts();
        let off = negatives.abs_diff(positives);
        let allowed = if matches!(resampling, Resampling::Adasyn { .. }) { 3 } else { 0 };
        assert!(off <= allowed, "{resampling:?}: {negatives} {positives}");
        let front = resampled.data.predictions();
        let same = |(a, b): (&f64, &f64)| a == b || a.is_nan() && b.is_nan();
        let n = data.n_instances();
        assert!(front.slice_axis(Axis(1), Slice::from(..n)).iter().zip(data.predictions()).all(same));
        let again = resampling.apply(&data, 1).expect("valid");
        assert_eq!(again.synthetic, resampled.synthetic);
        assert_eq!(again.data.labels(), resampled.data.labels());
        let expected = ((positives as f64 / 6.0) / (negatives as f64 / 30.0)).ln();
        assert!((resampled.logit_shift - expected).abs() < 1e-12);
    }
}

#[test]
fn synthetic_cells_lie_between_their_sources() {
    let data = data(6, 30);
    for resampling in ALL {
        let resampled = resampling.apply(&data, 2).expect("valid");
        for (k, s) in resampled.synthetic.iter().enumerate() {
            assert_eq!(data.labels()[s.of], Some(true));
            assert_eq!(data.labels()[s.towards], Some(true));
            for u in 0..3 {
                let [a, b, c] =
                    [s.of, s.towards, data.n_instances() + k].map(|i| resampled.data.predictions()[(u, i)]);
                match (a.is_nan(), b.is_nan()) {
                    (false, false) => assert!(a.min(b) <= c && c <= a.max(b)),
                    (false, true) => assert_eq!(a, c),
                    (true, false) => assert_eq!(b, c),
                    (true, true) => assert!(c.is_nan()),
                }
            }
        }
    }
}

#[test]
fn adasyn_puts_more_where_the_majority_is_near() {
    // Two positives among negatives near 0.5, four by themselves near 0.9.
    let r =
        array![[0.5, 0.52, 0.9, 0.91, 0.92, 0.93, 0.49, 0.51, 0.53, 0.48, 0.47, 0.5, 0.54, 0.46, 0.52, 0.5]];
    let labels = (0..16).map(|i| Some(i < 6)).collect();
    let data = EnsembleData::new(r, labels).expect("valid");
    let adasyn = Resampling::Adasyn { ratio: 1.0, k_neighbors: 2 }.apply(&data, 1).expect("valid");
    assert!(adasyn.synthetic.len() == 4 && adasyn.synthetic.iter().all(|s| s.of < 2));
}

#[test]
fn extreme_data_have_a_defined_result() {
    // One minority instance has no neighbor of its class: it is copied.
    let one = data(1, 10);
    let smote = Resampling::Smote { ratio: 1.0, k_neighbors: 5 }.apply(&one, 1).expect("valid");
    assert!(smote.synthetic.len() == 9 && smote.synthetic.iter().all(|s| s.of == s.towards));
    // Nothing to do: one class, no label, balanced already.
    for data in [data(0, 10), data(10, 0), data(0, 0), data(5, 5)] {
        for resampling in ALL {
            let resampled = resampling.apply(&data, 1).expect("valid");
            assert_eq!(resampled.data.labels(), data.labels());
            assert_eq!(resampled.logit_shift, 0.0);
        }
    }
    // Positives may be the majority.
    let resampled = ALL[0].apply(&data(10, 4), 1).expect("valid");
    assert_eq!(resampled.data.class_counts(), (10, 10));
}

#[test]
fn names_weights_and_confidence_go_along_and_taken_ids_are_left_out() {
    let base = data(3, 9);
    let n = base.n_instances();
    let mut ids: Vec<String> = (0..n).map(|i| format!("row{i}")).collect();
    ids[4] = "synthetic-1".into();
    let data = base
        .with_instance_ids(ids)
        .and_then(|d| d.with_sample_weights((0..n).map(|i| i as f64).collect()))
        .and_then(|d| d.with_confidence(Array2::from_elem((3, n), 0.5)))
        .expect("valid");
    let resampled = ALL[0].apply(&data, 1).expect("valid");
    assert_eq!(resampled.data.instance_id(n), "synthetic-2");
    let weights = resampled.data.sample_weights().expect("weights");
    assert_eq!(weights[n], resampled.synthetic[0].of as f64);
    assert_eq!(resampled.data.confidence().expect("confidence").dim(), (3, n + 6));
}

#[test]
fn ranges_are_checked() {
    for ratio in [0.0, -1.0, 1.1, f64::NAN] {
        assert!(Resampling::RandomOver { ratio }.validate().is_err());
        assert!(Resampling::Adasyn { ratio, k_neighbors: 5 }.validate().is_err());
    }
    assert!(Resampling::Smote { ratio: 1.0, k_neighbors: 0 }.validate().is_err());
    assert!(Sampler::Balanced { batch_size: 1 }.validate().is_err());
}

#[test]
fn a_balanced_batch_estimates_the_weighted_loss() {
    let labels: Vec<bool> = (0..20).map(|i| i < 3).collect();
    let weights: Vec<f64> = (0..20).map(|i| f64::from(i % 4)).collect();
    let sampler = Sampler::Balanced { batch_size: 10 };
    let mut mean = [0.0; 20];
    let epochs = 4000;
    for epoch in 0..epochs {
        let drawn = sampler.weights(1, epoch, &labels, &weights).expect("in range");
        mean.iter_mut().zip(&drawn).for_each(|(m, d)| *m += d / epochs as f64);
    }
    assert!(mean.iter().zip(&weights).all(|(m, w)| (m - w).abs() < 0.12), "{mean:?}");
    let one_class = sampler.weights(1, 0, &[true, true], &[1.0, 2.0]).expect("in range");
    assert!((one_class.iter().sum::<f64>() - 3.0).abs() < 1e-12);
    assert_eq!(sampler.weights(1, 0, &[true], &[0.0]).expect("in range"), [0.0]);
    for batch_size in [1, 1001, usize::MAX] {
        assert!(Sampler::Balanced { batch_size }.weights(1, 0, &labels, &weights).is_err());
    }
    assert!(sampler.weights(1, 0, &labels, &[1.0]).is_err(), "one weight for each instance");
}
