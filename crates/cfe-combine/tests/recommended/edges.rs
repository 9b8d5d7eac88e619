//! Weights, missing predictions, silent classifiers, few labels, small problems.

use cf_ensemble::baselines::Baseline;
use cf_ensemble::metrics::Scored;
use cf_ensemble::recommended::{Recommended, RecommendedSpec};
use cf_ensemble::{EnsembleData, Error, Progress, Watch};
use ndarray::{Array2, Axis, concatenate};

use super::{abalone, close, fit, folds, small, sound, table};

#[test]
fn weight_zero_is_leaving_out() {
    let (train, test) = abalone();
    let n = train.n_instances();
    let weights: Vec<f64> = (0..n).map(|i| if i % 3 == 0 { 0.0 } else { 1.0 }).collect();
    let labels = (0..n).map(|i| if i % 3 == 0 { None } else { train.labels()[i] }).collect();
    let weighted = fit(small(), &train.clone().with_sample_weights(weights).unwrap());
    let dropped = fit(small(), &train.clone().with_labels(labels).unwrap());
    assert!(weighted.model == dropped.model);
    assert_eq!(sound(&weighted, &test), sound(&dropped, &test));
    assert_eq!(weighted.out_of_fold_logits.unwrap().len(), n);
}

#[test]
fn a_common_factor_of_the_sample_weights_changes_nothing() {
    let (train, test) = abalone();
    let weights: Vec<f64> = (0..train.n_instances()).map(|i| 0.5 + (i % 4) as f64).collect();
    let with = |factor: f64| {
        let scaled = weights.iter().map(|w| factor * w).collect();
        sound(&fit(small(), &train.clone().with_sample_weights(scaled).unwrap()), &test)
    };
    for factor in [1e-6, 3.0, 1e9] {
        let off = with(1.0).iter().zip(with(factor)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(off < 1e-9, "{off:e} at {factor:e}");
    }
}

#[test]
fn sample_weights_act_on_the_loss() {
    let (train, test) = abalone();
    let weights = train.labels().iter().map(|&y| if y == Some(true) { 4.0 } else { 1.0 }).collect();
    let plain = fit(small(), &train);
    let weighted = fit(small(), &train.clone().with_sample_weights(weights).unwrap());
    let mean = |z: Vec<f64>| z.iter().sum::<f64>() / z.len() as f64;
    assert!(mean(sound(&weighted, &test)) > mean(sound(&plain, &test)) + 0.5);
    // 21 positives of weight 4 and 344 negatives, scaled to a mean of 1.
    let mean = (84.0 + 344.0) / 365.0;
    let odds: f64 = (84.0 / mean + 0.5) / (344.0 / mean + 0.5);
    assert!((weighted.model.prior_logit() - odds.ln()).abs() < 1e-12);
}

#[test]
fn missing_predictions_are_filled_in() {
    let (train, test) = abalone();
    let holes = |data: &EnsembleData, every: usize| {
        let mut r = data.predictions().to_owned();
        r.indexed_iter_mut().for_each(|((u, i), p)| {
            if (u * 31 + i * 17) % every == 0 {
                *p = f64::NAN;
            }
        });
        EnsembleData::new(r, data.labels().to_vec()).unwrap()
    };
    let fitted = fit(small(), &holes(&train, 5));
    let logits = sound(&fitted, &holes(&test, 5));
    let ap = Scored::new(&test.labeled_targets(), &logits).unwrap().ranking().average_precision();
    assert!(ap > 0.5, "{ap}");

    // Nothing observed: the prevalence. One observed: something else.
    let mut r = Array2::from_elem((16, 2), f64::NAN);
    r[(8, 1)] = 0.9;
    let predictions = fitted.model.predict(r.view()).unwrap();
    assert_eq!(predictions.logits[0], fitted.model.prior_logit());
    assert!(predictions.logits[1] > fitted.model.prior_logit());
    assert_eq!(predictions.n_observed, [0, 1]);
}

#[test]
fn silent_and_constant_classifiers_have_no_weight() {
    let (train, test) = abalone();
    let extended = |data: &EnsembleData, silent: f64, constant: f64| {
        let n = data.n_instances();
        let (a, b) = (Array2::from_elem((1, n), silent), Array2::from_elem((1, n), constant));
        let r = concatenate(Axis(0), &[a.view(), data.predictions(), b.view()]).unwrap();
        EnsembleData::new(r, data.labels().to_vec()).unwrap()
    };
    let plain = fit(small(), &train);
    let fitted = fit(small(), &extended(&train, f64::NAN, 0.25));
    // Even when they begin to speak.
    assert_eq!(sound(&fitted, &extended(&test, 0.3, 0.9)), sound(&plain, &test));
    let weights = fitted.model.classifier_weights().weights;
    assert_eq!((weights[0].total, weights[17].total), (0.0, 0.0));

    let labels = vec![Some(true), Some(false), Some(false), None, None, Some(false)];
    let mute = EnsembleData::new(Array2::from_elem((2, 6), 0.5), labels).unwrap();
    let fitted = fit(small(), &mute);
    let prior = (1.5f64 / 3.5).ln();
    close(&sound(&fitted, &mute), &[prior; 6], 1e-12);
}

#[test]
fn few_labels_are_defined_and_one_class_is_refused() {
    let (train, test) = abalone();
    let with_positives = |count: usize| {
        let mut left = count;
        let keep = |&label: &Option<bool>| {
            let positive = label == Some(true);
            let keep = !positive || left > 0;
            left -= usize::from(positive && keep);
            if keep { label } else { None }
        };
        train.clone().with_labels(train.labels().iter().map(keep).collect()).unwrap()
    };
    let combiner = Recommended::try_from(small()).unwrap();
    assert!(matches!(
        combiner.fit(&with_positives(0)),
        Err(Error::SingleClass { n: 344, class: "negative" })
    ));
    let unlabeled = train.clone().with_labels(vec![None; train.n_instances()]).unwrap();
    assert!(matches!(combiner.fit(&unlabeled), Err(Error::NoLabels)));
    let zero = train.clone().with_sample_weights(vec![0.0; train.n_instances()]).unwrap();
    assert!(matches!(combiner.fit(&zero), Err(Error::AllWeightsZero { .. })));

    let one = combiner.fit(&with_positives(1)).unwrap();
    assert_eq!((one.folds, &one.out_of_fold_logits), (0, &None));
    assert!(one.members.iter().all(|m| m.cv_log_loss.is_none()));
    let pulled = one.members.iter().filter(|m| m.shrinkage > 10.0);
    assert!(pulled.clone().count() > 0 && pulled.clone().all(|m| m.shrinkage == 300.0));
    sound(&one, &test);
    for positives in [2, 3] {
        let few = combiner.fit(&with_positives(positives)).unwrap();
        assert_eq!(few.folds, positives);
        sound(&few, &test);
    }
    assert!(matches!(combiner.fit_with_folds(&train, &[0, 1]), Err(Error::LengthMismatch { .. })));
    let single = vec![3; train.n_instances()];
    assert!(matches!(combiner.fit_with_folds(&train, &single), Err(Error::InvalidParameter { .. })));
    let torn: Vec<usize> = train.labeled_targets().iter().map(|&y| usize::from(y)).collect();
    assert!(matches!(combiner.fit_with_folds(&train, &torn), Err(Error::SingleClass { .. })));
}

#[test]
fn small_and_separable_problems_stay_finite() {
    let labels: Vec<Option<bool>> = (0..12).map(|i| Some(i < 4)).collect();
    // Perfect, its opposite (their mean is constant), and one that knows nothing.
    let r = Array2::from_shape_fn((3, 12), |(u, i)| match u {
        0 => f64::from(u8::from(i < 4)),
        1 => f64::from(u8::from(i >= 4)),
        _ => (i % 5) as f64 / 5.0,
    });
    for m in 1..=3 {
        let data = EnsembleData::new(r.select(Axis(0), &(0..m).collect::<Vec<_>>()), labels.clone()).unwrap();
        let logits = sound(&fit(RecommendedSpec::default(), &data), &data);
        assert!(logits[..4].iter().all(|a| logits[4..].iter().all(|b| a > b)), "{m}: {logits:?}");
    }
    let two = EnsembleData::new(
        Array2::from_shape_vec((1, 2), vec![0.2, 0.7]).unwrap(),
        vec![Some(false), Some(true)],
    );
    let two = two.unwrap();
    sound(&fit(RecommendedSpec::default(), &two), &two);
}

/// 150 train rows whose 16 positives the classifiers happen to separate, and 1,500 others where the classes
/// overlap.
#[test]
fn separated_train_rows_do_not_make_certain_predictions() {
    let (train, test) = table("separated");
    let fitted = fit(RecommendedSpec::default(), &train);
    assert!(fitted.separated);
    let predictions = fitted.model.predict(test.predictions()).unwrap();
    let labels = test.labeled_targets();
    let log_loss = Scored::new(&labels, &predictions.probabilities).unwrap().log_loss();
    // Logistic regression of scikit-learn on log-odds clipped to 1e-4, C = 1: 0.03055.
    assert!(log_loss < 0.03055 * 1.1, "{log_loss}");
    let positives = labels.iter().zip(&predictions.probabilities).filter(|(y, _)| **y);
    let least = positives.map(|(_, p)| *p).fold(1.0, f64::min);
    assert!(least > 1e-4, "{least:e}");
    assert!(!fit(small(), &abalone().0).separated);
}

#[test]
fn the_order_of_the_rows_changes_nothing() {
    let (train, test) = abalone();
    let order: Vec<usize> = (0..train.n_instances()).map(|i| (i * 121 + 40) % train.n_instances()).collect();
    let shuffled = fit(small(), &train.select_instances(&order).unwrap());
    let fitted = fit(small(), &train);
    assert_eq!(sound(&shuffled, &test), sound(&fitted, &test));
    let before = fitted.out_of_fold_logits.unwrap();
    assert_eq!(shuffled.out_of_fold_logits.unwrap(), order.iter().map(|&i| before[i]).collect::<Vec<_>>());
}

#[test]
fn turned_probabilities_and_labels_give_the_turned_result() {
    // The selection picks by average precision, which belongs to the positive class; all else that is on by
    // default is symmetric.
    let mut spec = RecommendedSpec { families: RecommendedSpec::default().families, ..small() };
    spec.families.selection = false;
    let (train, test) = abalone();
    let folds: Vec<usize> = (0..train.labeled().len()).map(|i| i * 7919 % 5).collect();
    let labels = train.labels().iter().map(|label| label.map(|y| !y)).collect();
    let names = train.classifier_names().to_vec();
    let turned = EnsembleData::new(1.0 - &train.predictions(), labels).unwrap();
    let turned = turned.with_classifier_names(names).unwrap();
    let logits = |data: &EnsembleData, test: Array2<f64>| {
        let fitted = Recommended::try_from(spec.clone()).unwrap().fit_with_folds(data, &folds).unwrap();
        fitted.model.predict(test.view()).unwrap().logits
    };
    let as_given = logits(&train, test.predictions().to_owned());
    let of_turned = logits(&turned, 1.0 - &test.predictions());
    close(&of_turned.iter().map(|z| -z).collect::<Vec<_>>(), &as_given, 1e-7);
}

#[test]
fn copies_of_a_row_are_held_out_together() {
    let (train, _) = abalone();
    let twice: Vec<usize> = (0..train.n_instances()).chain(0..train.n_instances()).collect();
    let copied = fit(small(), &train.select_instances(&twice).unwrap());
    let logits = copied.out_of_fold_logits.unwrap();
    let (first, second) = logits.split_at(train.n_instances());
    assert_eq!(first, second);
    // With a copy among the rows that it learns from, the local correction would know the answer.
    let scored = Scored::new(&train.labeled_targets(), first).unwrap().ranking().average_precision();
    assert!(scored < 0.7, "{scored}");
}

#[test]
fn a_watch_hears_every_step_and_stops_the_fit() {
    use std::sync::atomic::{AtomicU64, Ordering};

    #[derive(Default)]
    struct Counting {
        steps: AtomicU64,
        announced: AtomicU64,
        stop_after: u64,
    }
    impl Watch for Counting {
        fn progress(&self, progress: Progress<'_>) {
            match progress {
                Progress::Started { steps, .. } => self.announced.store(steps.unwrap(), Ordering::Relaxed),
                Progress::Step => drop(self.steps.fetch_add(1, Ordering::Relaxed)),
                _ => {}
            }
        }

        fn stop_asked(&self) -> bool {
            self.steps.load(Ordering::Relaxed) >= self.stop_after
        }
    }

    let (train, _) = abalone();
    let combiner = Recommended::try_from(small()).unwrap();
    let whole = Counting { stop_after: u64::MAX, ..Counting::default() };
    let fitted = combiner.fit_watched(&train, None, &whole).unwrap();
    assert!(fitted.model == combiner.fit(&train).unwrap().model);
    assert_eq!(whole.steps.into_inner(), whole.announced.into_inner());
    let stopping = Counting { stop_after: 3, ..Counting::default() };
    let stopped = combiner.fit_watched(&train, None, &stopping);
    assert!(matches!(stopped, Err(Error::Stopped)));
    // Parts that are under way in other threads stop at their next Newton step.
    assert!(stopping.steps.into_inner() < 3 + rayon::current_num_threads() as u64);
    let watch = Counting { stop_after: 0, ..Counting::default() };
    assert!(matches!(combiner.leave_one_out_watched(&train, &fitted, None, &watch), Err(Error::Stopped)));
}

/// Absurd values in every key: refused by a typed error, or a fit that ends as any other. Never a panic, an
/// abort or a hang.
#[test]
fn absurd_values_of_every_key_are_refused_or_fit() {
    let (train, _) = abalone();
    let data = train.select_instances(&(0..60).chain(180..240).collect::<Vec<_>>()).unwrap();
    let spec =
        RecommendedSpec { shrinkage: vec![30.0], prior_powers: vec![2.0], local_landmarks: 20, ..small() };
    let document = serde_json::to_value(spec).unwrap();
    let (mut refused, mut fitted) = (0, 0);
    for (what, absurd) in cfe_core::contract::absurd_settings(&document) {
        let spec = serde_json::from_value::<RecommendedSpec>(absurd);
        let Some(combiner) = spec.ok().and_then(|spec| Recommended::try_from(spec).ok()) else {
            refused += 1;
            continue;
        };
        let model = combiner.fit(&data).unwrap_or_else(|error| panic!("{what}: {error}")).model;
        let logits = model.predict(data.predictions()).unwrap().logits;
        assert!(logits.iter().all(|z| z.is_finite()), "{what}");
        fitted += 1;
    }
    assert!(refused > 200 && fitted > 30, "{refused} {fitted}");
}

#[test]
fn every_key_is_bounded_where_it_costs() {
    for key in ["latent_dim", "local_rank", "local_landmarks", "local_features"] {
        let settings = serde_json::json!({ key: 1_000_000_000 });
        let spec: RecommendedSpec = serde_json::from_value(settings).unwrap();
        assert!(matches!(spec.validate(), Err(Error::InvalidParameter { .. })), "{key}");
    }
}

/// Probabilities of an event a day instead of a year: the log-odds of small probabilities only move, and
/// nothing else changes.
#[test]
fn tiny_probabilities_keep_their_ranking() {
    let (train, test) = abalone();
    let scaled = |data: &EnsembleData, factor: f64| {
        EnsembleData::new(data.predictions().mapv(|p| p * factor), data.labels().to_vec()).unwrap()
    };
    let labels = test.labeled_targets();
    let ranking = |factor: f64| {
        let (train, test) = (scaled(&train, factor), scaled(&test, factor));
        // Folds by content would be other ones for other numbers.
        let fitted = Recommended::try_from(small()).unwrap().fit_with_folds(&train, &folds()).unwrap();
        let logits = sound(&fitted, &test);
        let combined = Scored::new(&labels, &logits).unwrap().ranking().average_precision();
        let scores = Baseline::LogitMean.fit(&train).unwrap().predict(test.predictions()).unwrap();
        let area = Scored::new(&labels, &scores).unwrap().ranking().roc_auc().unwrap();
        (combined, area)
    };
    let (year, day) = (ranking(1e-2), ranking(1e-6));
    assert!((year.0 - day.0).abs() < 0.01 && day.0 > 0.5, "{year:?} {day:?}");
    assert!((year.1 - day.1).abs() < 0.005 && day.1 > 0.85, "{year:?} {day:?}");
}
