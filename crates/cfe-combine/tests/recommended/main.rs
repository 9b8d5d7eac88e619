//! The recommended combiner against an independent implementation, and at the edges of what it is given.

#![allow(clippy::unwrap_used, reason = "helpers stand outside of the tests")]

mod edges;
mod gaps;
mod learning_curve;
mod many;
mod sharded;

use std::io::Read;

use cf_ensemble::metrics::Scored;
use cf_ensemble::recommended::{
    Averaging, Families, FittedRecommended, Recommended, RecommendedSpec, ShrinkTo, Views,
};
use cf_ensemble::{EnsembleData, Error};
use ndarray::{Array2, Axis};
use serde_json::Value;

/// (train, test) of a real data set: 16 classifiers, 365 and 366 instances, 21 positives each.
fn abalone() -> (EnsembleData, EnsembleData) {
    table("abalone9_18_seed0")
}

/// (train, test) of a table among the test data.
fn table(name: &str) -> (EnsembleData, EnsembleData) {
    let file = std::fs::File::open(format!("../../tests/data/{name}.csv.gz")).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let place = |name: &str| header.iter().position(|&column| column == name);
    let (split_column, label) = (place("split").unwrap(), place("label").unwrap());
    let first = split_column.max(label) + 1;
    let names: Vec<String> = header[first..].iter().map(|&name| name.to_owned()).collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let half = |split: &str| {
        let rows: Vec<_> = rows.iter().filter(|row| row[split_column] == split).collect();
        let labels = rows.iter().map(|row| Some(row[label] == "1")).collect();
        let r =
            Array2::from_shape_fn((names.len(), rows.len()), |(u, i)| rows[i][first + u].parse().unwrap());
        EnsembleData::new(r, labels).unwrap().with_classifier_names(names.clone()).unwrap()
    };
    (half("train"), half("test"))
}

fn reference() -> Value {
    serde_json::from_str(include_str!("../../../../tests/data/recommended_abalone9_18.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn folds() -> Vec<usize> {
    numbers(&reference()["folds"]).iter().map(|&f| f as usize).collect()
}

fn fit(spec: RecommendedSpec, data: &EnsembleData) -> FittedRecommended {
    Recommended::try_from(spec).unwrap().fit(data).unwrap()
}

/// Members enough to run every part, few enough for a test.
fn small() -> RecommendedSpec {
    RecommendedSpec {
        families: Families::ALL,
        correction_min_instances: 0,
        shrinkage: vec![30.0, 300.0],
        sparse_ridge: vec![10.0],
        low_rank_ridge: vec![3.0],
        local_ridge: vec![1.0],
        ..RecommendedSpec::default()
    }
}

fn close(a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= tolerance, "{i}: {a} is not {b}");
    }
}

/// Predicts and checks that every number is one.
fn sound(fitted: &FittedRecommended, data: &EnsembleData) -> Vec<f64> {
    let predictions = fitted.model.predict(data.predictions()).unwrap();
    let weights = fitted.model.classifier_weights();
    let numbers = predictions.logits.iter().chain(&predictions.probabilities);
    let numbers = numbers.chain(fitted.out_of_fold_logits.iter().flatten()).chain([&weights.local_share]);
    assert!(numbers.chain(weights.weights.iter().map(|w| &w.total)).all(|v| v.is_finite()));
    let total: f64 = fitted.members.iter().map(|m| m.weight).sum();
    assert!(fitted.members.is_empty() || (total - 1.0).abs() < 1e-12);
    predictions.logits
}

#[test]
fn reproduces_the_independent_implementation() {
    let (train, test) = abalone();
    let every_family = RecommendedSpec {
        families: Families::ALL,
        correction_min_instances: 0,
        ..RecommendedSpec::default()
    };
    for (name, spec) in [("default", RecommendedSpec::default()), ("all_families", every_family)] {
        let expected = &reference()[name];
        let combiner = Recommended::try_from(spec).unwrap();
        let fitted = combiner.fit_with_folds(&train, &folds()).unwrap();
        let logits = sound(&fitted, &test);
        close(&logits, &numbers(&expected["test_logits"]), 1e-4);
        let out_of_fold = fitted.out_of_fold_logits.clone().unwrap();
        close(&out_of_fold, &numbers(&expected["out_of_fold_logits"]), 1e-4);
        let shares = serde_json::to_value(fitted.model.shares()).unwrap();
        for (family, share) in expected["shares"].as_object().unwrap() {
            close(&[shares[family].as_f64().unwrap()], &[share.as_f64().unwrap()], 5e-5);
        }

        let labels = test.labeled_targets();
        let probabilities = fitted.model.predict(test.predictions()).unwrap().probabilities;
        let scored = Scored::new(&labels, &probabilities).unwrap();
        let figures = [scored.ranking().average_precision(), scored.log_loss(), scored.brier()];
        close(&figures, &numbers(&expected["figures"]), 1e-5);
    }
}

#[test]
fn own_folds_come_close_to_the_reference() {
    let (train, test) = abalone();
    let fitted = fit(RecommendedSpec::default(), &train);
    assert_eq!(fitted.folds, 5);
    let ap =
        Scored::new(&test.labeled_targets(), &sound(&fitted, &test)).unwrap().ranking().average_precision();
    assert!((ap - numbers(&reference()["default"]["figures"])[0]).abs() < 0.02, "{ap}");
    assert!(fitted.members.iter().all(|m| m.converged && m.cv_log_loss.unwrap() < 0.25));
    let other = fit(RecommendedSpec { seed: 1, ..RecommendedSpec::default() }, &train);
    assert_ne!(other.out_of_fold_logits, fitted.out_of_fold_logits);
}

#[test]
fn the_same_bits_for_any_number_of_threads() {
    let (train, test) = abalone();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let fitted = fit(small(), &train);
            let logits = fitted.model.predict(test.predictions()).unwrap().logits;
            (fitted.model, fitted.out_of_fold_logits, fitted.members, logits)
        })
    };
    let one = run(1);
    for threads in [2, 3, 8] {
        assert!(run(threads) == one, "{threads} threads");
    }
}

#[test]
fn an_instance_is_predicted_by_itself_and_a_model_survives_a_file() {
    let (train, test) = abalone();
    let model = fit(small(), &train).model;
    let json = serde_json::to_string(&model).unwrap();
    let read: cf_ensemble::recommended::RecommendedModel = serde_json::from_str(&json).unwrap();
    assert!(read == model);
    let all = model.predict(test.predictions()).unwrap().logits;
    for i in [0, 7, 365] {
        let one = test.select_instances(&[i]).unwrap();
        assert_eq!(read.predict(one.predictions()).unwrap().logits, [all[i]]);
    }
    assert!(matches!(
        model.predict(Array2::zeros((15, 1)).view()),
        Err(Error::WrongClassifiers { found: 15, expected: 16 })
    ));
    assert!(matches!(
        model.predict(Array2::from_elem((16, 1), 1.5).view()),
        Err(Error::InvalidProbability { .. })
    ));
    let mut damaged: Value = serde_json::from_str(&json).unwrap();
    damaged["view_weights"].as_array_mut().unwrap().pop();
    let damaged: cf_ensemble::recommended::RecommendedModel = serde_json::from_value(damaged).unwrap();
    assert!(damaged.predict(test.predictions()).is_err());
}

#[test]
fn permuting_the_classifiers_permutes_their_weights() {
    let (train, test) = abalone();
    let order: Vec<usize> = (0..16).map(|u| (u * 5 + 3) % 16).collect();
    let permuted = |data: &EnsembleData| {
        let r = data.predictions().select(Axis(0), &order);
        EnsembleData::new(r, data.labels().to_vec()).unwrap()
    };
    let combiner = Recommended::try_from(small()).unwrap();
    let a = combiner.fit_with_folds(&train, &folds()).unwrap();
    let b = combiner.fit_with_folds(&permuted(&train), &folds()).unwrap();
    let totals = |f: &FittedRecommended| -> Vec<f64> {
        f.model.classifier_weights().weights.iter().map(|w| w.total).collect()
    };
    let (before, after) = (totals(&a), totals(&b));
    close(&after, &order.iter().map(|&u| before[u]).collect::<Vec<_>>(), 1e-5);
    close(&sound(&b, &permuted(&test)), &sound(&a, &test), 1e-5);
}

#[test]
fn each_switch_takes_its_part_away() {
    let (train, test) = abalone();
    let full = sound(&fit(small(), &train), &test);
    let all = Families::ALL;
    let none = Families::NONE;
    let variants = [
        RecommendedSpec { families: Families { aggregator: true, ..none }, ..small() },
        RecommendedSpec { families: Families { low_rank: true, ..none }, ..small() },
        RecommendedSpec { families: Families { local: true, ..none }, ..small() },
        RecommendedSpec { families: Families { selection: false, ..all }, ..small() },
        RecommendedSpec { families: Families { sparse: false, ..all }, ..small() },
        RecommendedSpec { families: Families { signed: false, ..all }, ..small() },
        RecommendedSpec { families: Families { equal: false, ..all }, ..small() },
        RecommendedSpec { selected: 2, ..small() },
        RecommendedSpec { caution: 0.0, ..small() },
        RecommendedSpec { views: Views { probabilities: true, log_odds: false }, ..small() },
        RecommendedSpec { views: Views { probabilities: false, log_odds: true }, ..small() },
        RecommendedSpec { non_negative: false, ..small() },
        RecommendedSpec { shrink_to: ShrinkTo::Zero, ..small() },
        RecommendedSpec { averaging: Averaging::BestMember, ..small() },
        RecommendedSpec { averaging: Averaging::Flat, ..small() },
    ];
    for spec in variants {
        let fitted = fit(spec.clone(), &train);
        assert_ne!(sound(&fitted, &test), full, "{spec:?}");
        let shares = fitted.model.shares();
        let expected = spec.families;
        for (share, on) in [
            (shares.aggregator, expected.aggregator),
            (shares.selection, expected.selection),
            (shares.sparse, expected.sparse && spec.views.log_odds),
            (shares.signed, expected.signed && spec.views.probabilities),
            (shares.low_rank, expected.low_rank),
            (shares.local, expected.local),
            (shares.equal, expected.equal),
        ] {
            assert!(on || share == 0.0);
        }
        let total = shares.aggregator + shares.selection + shares.sparse + shares.signed;
        let corrections = shares.low_rank + shares.local + shares.equal;
        assert!((total + corrections - 1.0).abs() < 1e-12);
        assert_eq!(fitted.model.classifier_weights().local_share > 0.0, shares.local > 0.0);
        if fitted.members.iter().any(|m| m.weight == 1.0) {
            assert_eq!(spec.averaging, Averaging::BestMember);
        }
    }
}
