//! Missing predictions that tell something, and those that do not.

use cf_ensemble::EnsembleData;
use cf_ensemble::metrics::Scored;
use cf_ensemble::recommended::{FittedRecommended, Recommended, RecommendedModel, RecommendedSpec};
use ndarray::Array2;
use serde_json::{Value, json};

use super::{abalone, fit, small, sound};

/// The data without the predictions that `gone` names, of (classifier, instance, prediction).
fn without(data: &EnsembleData, gone: impl Fn(usize, usize, f64) -> bool) -> EnsembleData {
    let mut r = data.predictions().to_owned();
    r.indexed_iter_mut().for_each(|((u, i), p)| {
        if gone(u, i, *p) {
            *p = f64::NAN;
        }
    });
    EnsembleData::new(r, data.labels().to_vec()).unwrap()
}

/// A classifier abstains on three of five positive rows, and on one of twenty others.
fn abstaining(data: &EnsembleData) -> EnsembleData {
    without(data, |u, i, _| {
        (u * 31 + i * 17 + u * i) % 20 < if data.labels()[i] == Some(true) { 12 } else { 1 }
    })
}

fn deaf() -> RecommendedSpec {
    RecommendedSpec { gaps_tell: false, ..small() }
}

fn log_loss(fitted: &FittedRecommended, data: &EnsembleData) -> f64 {
    let probabilities = fitted.model.predict(data.predictions()).unwrap().probabilities;
    Scored::new(&data.labeled_targets(), &probabilities).unwrap().log_loss()
}

#[test]
fn without_gaps_nothing_changes() {
    let (train, test) = abalone();
    let (with, without) = (fit(small(), &train), fit(deaf(), &train));
    assert!(with.model == without.model && with.out_of_fold_logits == without.out_of_fold_logits);
    assert_eq!(with.model.gap_share(), 0.0);
    assert!(serde_json::to_value(&with.model).unwrap().get("gaps").is_none());
    // A gap in a new row alone is filled in as ever.
    let gap = without_first(&test);
    assert_eq!(sound(&with, &gap), sound(&without, &gap));
}

fn without_first(data: &EnsembleData) -> EnsembleData {
    without(data, |u, i, _| u == 0 && i % 2 == 0)
}

#[test]
fn abstaining_is_learned_from() {
    let (train, test) = abalone();
    let (train, test) = (abstaining(&train), abstaining(&test));
    let (told, deaf) = (fit(small(), &train), fit(deaf(), &train));
    assert!(told.model.gap_share() > 0.9, "{}", told.model.gap_share());
    let (after, before) = (log_loss(&told, &test), log_loss(&deaf, &test));
    assert!(after < before - 0.005, "{after} and {before} before");
    // The members of the second fill are marked, and have its share.
    let of_gaps = told.members.iter().filter(|m| m.of_gaps).map(|m| m.weight).sum::<f64>();
    assert!((of_gaps - told.model.gap_share()).abs() < 1e-12);
    // Held-out scores are of the same average: their loss is that of new rows, near enough.
    let labels = train.labeled_targets();
    let held_out: Vec<f64> =
        told.out_of_fold_logits.as_ref().unwrap().iter().map(|z| 1.0 / (1.0 + (-z).exp())).collect();
    let held_out = Scored::new(&labels, &held_out).unwrap().log_loss();
    assert!((held_out - after).abs() < 0.05, "{held_out} {after}");
    // Explanations sum to the logits.
    let logits = sound(&told, &test);
    let parts = told.model.contributions(test.predictions()).unwrap();
    for (i, z) in logits.iter().enumerate() {
        assert!((parts.classifiers.column(i).sum() + parts.rest[i] - z).abs() < 1e-9 * (1.0 + z.abs()));
    }
    assert_eq!(Recommended::try_from(small()).unwrap().leave_one_out(&train, &told, None).unwrap().len(), 16);
}

#[test]
fn gaps_at_random_cost_little() {
    let (train, test) = abalone();
    let random = |data: &EnsembleData| without(data, |u, i, _| (u * 31 + i * 17 + u * i) % 3 == 0);
    let (train, test) = (random(&train), random(&test));
    let (told, deaf) = (fit(small(), &train), fit(deaf(), &train));
    let (after, before) = (log_loss(&told, &test), log_loss(&deaf, &test));
    assert!(after < before + 0.002, "{after} and {before} before");
}

#[test]
fn a_row_without_predictions_is_like_those_of_its_kind() {
    let (train, _) = abalone();
    // Every third negative row says nothing, and no positive one.
    let mute = without(&train, |_, i, _| i % 3 == 0 && train.labels()[i] == Some(false));
    let fitted = fit(small(), &mute);
    let empty = Array2::from_elem((16, 1), f64::NAN);
    let logit = fitted.model.predict(empty.view()).unwrap().logits[0];
    let (negatives, positives) = train.class_counts();
    let rows = mute.predictions().columns().into_iter().filter(|c| c.iter().all(|p| p.is_nan())).count();
    // One positive at the prevalence is added.
    let expected = (1.0 / (rows as f64 + negatives as f64 / positives as f64)).ln();
    assert!((logit - expected).abs() < 1e-12, "{logit} {expected}");
    assert!(logit < fitted.model.prior_logit() - 1.0);
    assert_eq!(fitted.model.contributions(empty.view()).unwrap().rest, [logit]);
}

#[test]
fn a_model_of_gaps_survives_a_file_and_a_damaged_one_is_refused() {
    let (train, test) = abalone();
    let (train, test) = (abstaining(&train), abstaining(&test));
    let model = fit(small(), &train).model;
    let json = serde_json::to_value(&model).unwrap();
    let read: RecommendedModel = serde_json::from_value(json.clone()).unwrap();
    assert!(read == model);
    assert_eq!(
        read.predict(test.predictions()).unwrap().logits,
        model.predict(test.predictions()).unwrap().logits
    );
    let damages: [fn(&mut Value); 5] = [
        |json| json["gaps"]["share"] = json!(1.5),
        |json| json["gaps"]["model"]["columns"]["columns"][0]["gap"] = json!(null),
        |json| json["gaps"]["model"]["columns"]["columns"][0]["gap"] = json!(-0.1),
        |json| json["gaps"]["model"]["columns"]["columns"][0]["classifier"] = json!(16),
        |json| {
            let inner = json["gaps"].clone();
            json["gaps"]["model"]["gaps"] = inner;
        },
    ];
    for damage in damages {
        let mut json = json.clone();
        damage(&mut json);
        let damaged: RecommendedModel = serde_json::from_value(json).unwrap();
        assert!(damaged.validate().is_err() && damaged.predict(test.predictions()).is_err());
    }
}

#[test]
fn neither_threads_nor_the_order_of_rows_decide() {
    let train = abstaining(&abalone().0);
    let order: Vec<usize> = (0..train.n_instances()).map(|i| (i * 37 + 11) % train.n_instances()).collect();
    let shuffled = train.select_instances(&order).unwrap();
    let run = |threads: usize, data: &EnsembleData| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fit(small(), data).model.predict(train.predictions()).unwrap().logits)
    };
    let one = run(1, &train);
    assert!(run(3, &train) == one);
    super::close(&run(2, &shuffled), &one, 1e-9);
}

#[test]
fn a_file_with_the_former_spelling_of_a_name_is_read() {
    let model = fit(small(), &abalone().0).model;
    let now = serde_json::to_string(&model).unwrap();
    let former = now.replace("\"center\"", "\"cent\u{72}e\"");
    assert_ne!(former, now);
    assert!(serde_json::from_str::<RecommendedModel>(&former).unwrap() == model);
}
