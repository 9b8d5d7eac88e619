//! Many classifiers, and many that are all alike.

use std::sync::Mutex;

use cf_ensemble::baselines::Baseline;
use cf_ensemble::metrics::Scored;
use cf_ensemble::recommended::{Averaging, Recommended, RecommendedModel, RecommendedSpec};
use cf_ensemble::{EnsembleData, Error, Progress, Watch};
use ndarray::{Array2, Axis, concatenate};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use serde_json::Value;

use super::{abalone, close, fit, small, sound};

/// Standard normal, near enough: the sum of twelve uniform numbers less 6.
fn normal(rng: &mut ChaCha12Rng) -> f64 {
    (0..12).map(|_| rng.random_range(0.0..1.0)).sum::<f64>() - 6.0
}

/// m classifiers for n instances, the first `positives` of them positive, with independent noise: each
/// calibrated, and each as far from the truth as the others. `distance` parts the classes in standard
/// deviations; 0 is noise alone.
fn alike(seed: u64, m: usize, positives: usize, n: usize, distance: f64) -> EnsembleData {
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    let prior = (positives as f64 / (n - positives) as f64).ln();
    let r = Array2::from_shape_fn((m, n), |(_, i)| {
        let x = normal(&mut rng) + if i < positives { distance } else { 0.0 };
        let spread = if distance > 0.0 { distance } else { 1.0 };
        let z = prior + spread * x - spread * spread / 2.0;
        1.0 / (1.0 + (-z).exp())
    });
    EnsembleData::new(r, (0..n).map(|i| Some(i < positives)).collect()).unwrap()
}

/// Abalone with the classifiers repeated, each time with some noise, up to m.
fn repeated(data: &EnsembleData, m: usize, seed: u64) -> EnsembleData {
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    let n = data.n_instances();
    let r = Array2::from_shape_fn((m, n), |(u, i)| {
        let p = data.predictions()[(u % data.n_classifiers(), i)].clamp(1e-4, 1.0 - 1e-4);
        let noise = if u < data.n_classifiers() { 0.0 } else { 0.7 * normal(&mut rng) };
        1.0 / (1.0 + (-((p / (1.0 - p)).ln() + noise)).exp())
    });
    EnsembleData::new(r, data.labels().to_vec()).unwrap()
}

fn average_precision(labels: &[bool], scores: &[f64]) -> f64 {
    Scored::new(labels, scores).unwrap().ranking().average_precision()
}

#[test]
fn many_classifiers_make_one_model_that_survives_a_file() {
    let (train, test) = abalone();
    let (train, test) = (repeated(&train, 90, 1), repeated(&test, 90, 2));
    let fitted = fit(small(), &train);
    let logits = sound(&fitted, &test);
    assert!(average_precision(&test.labeled_targets(), &logits) > 0.5);
    let shares = fitted.model.shares();
    assert!((shares.bagged + shares.ridge - 2.0 / 3.0).abs() < 1e-12, "{shares:?}");
    assert!(shares.bagged > 0.0 && shares.bagged <= shares.ridge, "{shares:?}");
    // Weights of more classifiers than the members of few see.
    let weights = fitted.model.classifier_weights().weights;
    assert!(weights.iter().filter(|w| w.total != 0.0).count() > 40);
    let parts = fitted.model.contributions(test.predictions()).unwrap();
    for (i, z) in logits.iter().enumerate() {
        assert!((parts.classifiers.column(i).sum() + parts.rest[i] - z).abs() < 1e-9 * (1.0 + z.abs()));
    }

    let json = serde_json::to_value(&fitted.model).unwrap();
    let read: RecommendedModel = serde_json::from_value(json.clone()).unwrap();
    assert!(read == fitted.model);
    let mut damaged = json;
    damaged["wide"]["view_weights"].as_array_mut().unwrap().pop();
    let damaged: RecommendedModel = serde_json::from_value(damaged).unwrap();
    assert!(damaged.validate().is_err());
    // A model of few classifiers is written as it always was.
    let few = serde_json::to_value(&fit(small(), &abalone().0).model).unwrap();
    assert_eq!(few.get("wide"), None::<&Value>);

    // A row that only classifiers outside of the best have predicted is a row without a prediction.
    let nothing = Array2::from_elem((90, 1), f64::NAN);
    assert_eq!(read.predict(nothing.view()).unwrap().logits, [read.prior_logit()]);
}

#[test]
fn a_fold_screens_without_its_own_labels() {
    // 200 columns of noise: chosen by all labels, the best of them would seem to know the held-out ones.
    let noise = alike(5, 200, 40, 160, 0.0);
    let fitted = fit(small(), &noise);
    let labels = noise.labeled_targets();
    let held_out = fitted.out_of_fold_logits.unwrap();
    let area = Scored::new(&labels, &held_out).unwrap().ranking().roc_auc().unwrap();
    assert!((0.35..0.65).contains(&area), "{area}");
    let probabilities: Vec<f64> = held_out.iter().map(|z| 1.0 / (1.0 + (-z).exp())).collect();
    let constant = -(0.25f64 * 0.25f64.ln() + 0.75 * 0.75f64.ln());
    let loss = Scored::new(&labels, &probabilities).unwrap().log_loss();
    assert!(loss > constant - 0.01, "{loss} is not the loss of noise, {constant}");
}

#[test]
fn one_classifier_more_changes_little_at_the_border() {
    let (train, test) = abalone();
    let silent = |data: &EnsembleData| {
        let n = data.n_instances();
        let noise = Array2::from_shape_fn((1, n), |(_, i)| ((i * 37) % 101) as f64 / 101.0);
        let r = concatenate(Axis(0), &[data.predictions(), noise.view()]).unwrap();
        EnsembleData::new(r, data.labels().to_vec()).unwrap()
    };
    let (few, few_test) = (repeated(&train, 40, 1), repeated(&test, 40, 2));
    let before = sound(&fit(small(), &few), &few_test);
    let fitted = fit(small(), &silent(&few));
    assert!(fitted.model.shares().bagged < 0.01);
    let after = sound(&fitted, &silent(&few_test));
    let change = |(a, b): (&f64, &f64)| (1.0 / (1.0 + (-a).exp()) - 1.0 / (1.0 + (-b).exp())).abs();
    let mean = before.iter().zip(&after).map(change).sum::<f64>() / before.len() as f64;
    assert!(mean < 0.01, "{mean}");
}

#[test]
fn neither_threads_nor_the_order_of_rows_decide() {
    let train = repeated(&abalone().0, 70, 1);
    let order: Vec<usize> = (0..train.n_instances()).map(|i| (i * 37 + 11) % train.n_instances()).collect();
    let shuffled = train.select_instances(&order).unwrap();
    let run = |threads: usize, data: &EnsembleData| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fit(small(), data).model.predict(train.predictions()).unwrap().logits)
    };
    let one = run(1, &train);
    assert!(run(3, &train) == one);
    close(&run(2, &shuffled), &one, 1e-9);
}

#[test]
fn many_classifiers_are_watched_and_stopped() {
    /// Stops at a stage, and keeps the names of all.
    struct StopAt(&'static str, Mutex<Vec<String>>);
    impl Watch for StopAt {
        fn progress(&self, progress: Progress<'_>) {
            if let Progress::Started { stage, .. } = progress {
                self.1.lock().unwrap().push(stage.to_owned());
            }
        }
        fn stop_asked(&self) -> bool {
            self.1.lock().unwrap().last().is_some_and(|stage| stage == self.0)
        }
    }
    let train = repeated(&abalone().0, 60, 1);
    let combiner = Recommended::try_from(small()).unwrap();
    for stage in ["Screening", "Fitting"] {
        let watch = StopAt(stage, Mutex::default());
        assert!(matches!(combiner.fit_watched(&train, None, &watch), Err(Error::Stopped)), "{stage}");
    }
    let watch = StopAt("never", Mutex::default());
    let fitted = combiner.fit_watched(&train, None, &watch).unwrap();
    assert_eq!(*watch.1.lock().unwrap(), ["Screening", "Fitting", "Fitting"]);
    // Those that the members of few see are left out in turn.
    assert_eq!(combiner.leave_one_out(&train, &fitted, None).unwrap().len(), 32);
}

#[test]
fn classifiers_that_are_all_alike_are_averaged() {
    let alike_even_if_worse = RecommendedSpec { averaging: Averaging::Flat, ..RecommendedSpec::default() };
    let (mut ours, mut simple, mut stacked, mut flat) = (0.0, 0.0, 0.0, 0.0);
    let draws = [(12, 700), (20, 400), (20, 700), (36, 400), (10, 400), (30, 700), (40, 400), (40, 700)];
    for (seed, (m, n)) in (0..).zip(draws) {
        let (train, test) = (alike(seed, m, 35, n, 0.5), alike(seed + 100, m, 350, 10 * n, 0.5));
        let labels = test.labeled_targets();
        let of =
            |spec: &RecommendedSpec| average_precision(&labels, &sound(&fit(spec.clone(), &train), &test));
        let baseline = |baseline: Baseline| {
            let scores = baseline.fit(&train).unwrap().predict(test.predictions()).unwrap();
            average_precision(&labels, &scores)
        };
        let (found, mean) = (of(&RecommendedSpec::default()), baseline(Baseline::LogitMean));
        assert!(found > 0.93 * mean, "seed {seed}: {found} is far from {mean}");
        (ours, simple) = (ours + found, simple + mean);
        (stacked, flat) = (stacked + baseline(Baseline::Average4), flat + of(&alike_even_if_worse));
    }
    assert!(ours > 0.98 * simple, "{ours} {simple}");
    assert!(flat < 0.98 * simple && stacked < 0.92 * simple, "{flat} {stacked} {simple}");
}
