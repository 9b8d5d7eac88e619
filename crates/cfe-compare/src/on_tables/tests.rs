//! What `on-tables` measures, on small tables whose figures are known.

use std::fmt::Write as _;

use cf_ensemble::baselines::Baseline;
use cf_ensemble::io::{Source, TableOptions, read_table};
use cf_ensemble::metrics::Scored;

use super::*;
use crate::trainer_form::TrainerForm;

const ALS: Method = Method::Trained(TrainerForm::Als);
const MEAN: Method = Method::Baseline(PLAIN_MEAN);

fn table(text: &str) -> Table {
    let mut options = TableOptions::default();
    options.split_column = text.contains("split").then(|| "split".to_owned());
    read_table(Source::bytes("mine.csv", text.as_bytes().to_vec()), &options).expect("a table")
}

/// 24 labeled rows, every fourth positive; the second classifier is the better one.
fn labeled() -> String {
    (0..24u32).fold("label,a,b\n".to_owned(), |mut text, i| {
        let (y, wave) = (u32::from(i % 4 == 0), f64::from(i * 7 % 24) / 50.0);
        writeln!(text, "{y},{},{}", 0.2 * f64::from(y) + wave, 0.4 * f64::from(y) + wave / 2.0)
            .expect("text");
        text
    })
}

fn split(labels: &[bool]) -> Split {
    Split { data: table(&labeled()).data, test: (0..labels.len()).collect(), labels: labels.to_vec() }
}

fn scores(ranking: &[f64], probabilities: &[f64], weighted: &[f64], weights: &[f64]) -> Scores {
    Scores {
        ranking: ranking.to_vec(),
        probabilities: Some(probabilities.to_vec()),
        weighted_probabilities: Some(weighted.to_vec()),
        weights: Some(weights.to_vec()),
    }
}

/// With one positive in 100,000 the corrected probabilities of a good fit differ by less than 1e-4.
#[test]
fn a_rare_class_is_not_taken_for_constant_predictions() {
    let split = split(&[true, false, false]);
    let (sound, constant) = ([0.9, 0.2, 0.1], [0.5; 3]);
    let corrected = [9e-5, 2e-6, 1e-6];
    let found = |probabilities: &[f64], weighted: &[f64]| {
        let own = scores(&sound, probabilities, weighted, &[0.5, 0.5]);
        symptoms(ALS, &split, &own, &scores(&sound, &sound, &sound, &[])).expect("finite")
    };
    assert_eq!(found(&corrected, &sound), []);
    assert_eq!(found(&sound, &constant), [Symptom::ConstantPredictions]);
}

#[test]
fn the_weighted_probabilities_of_a_trainer_are_those_before_the_correction() {
    let table = table(&labeled());
    let all: Vec<usize> = (0..24).collect();
    let of_als = ALS.score(&table.data, &all, 1).expect("trained");
    let (corrected, weighted) =
        of_als.probabilities.zip(of_als.weighted_probabilities).expect("a trainer has both");
    for ((z, p), w) in of_als.ranking.iter().zip(&corrected).zip(&weighted) {
        assert!((w - 1.0 / (1.0 + (-z).exp())).abs() < 1e-12);
        // Class weights of 24 / (2 * 6) and 24 / (2 * 18) raise the odds threefold.
        assert!((w / (1.0 - w) / (p / (1.0 - p)) - 3.0).abs() < 1e-9, "{w} and {p}");
    }
    assert_eq!(MEAN.score(&table.data, &all, 1).expect("fitted").weighted_probabilities, None);
}

#[test]
fn each_symptom_is_named_once_and_the_ranking_is_judged_over_all_folds() {
    let splits = [split(&[true, false, false]), split(&[true, false, false])];
    let (right, wrong) = ([0.9, 0.2, 0.1], [0.1, 0.9, 0.2]);
    let of = |rankings: [[f64; 3]; 2]| rankings.map(|r| scores(&r, &r, &r, &[-0.5, 0.1]));
    // The mean is right in the first fold and wrong in the second; so is the method the other way round.
    let mean = of([right, wrong]);
    let found =
        |rankings, own: f64| overall_symptoms(ALS, &splits, &of(rankings), &mean, Some(own)).expect("finite");
    let own =
        overall_metrics(&splits, &of([wrong, right])).expect("finite").average_precision.expect("positives");
    assert!((own - (1.0 + 1.0 / 3.0) / 2.0).abs() < 1e-12, "the mean over the folds");
    assert_eq!(found([wrong, right], own), [Symptom::NegativeWeights, Symptom::InvertedRanking]);
    assert_eq!(found([right, right], own - 0.01), [Symptom::NegativeWeights, Symptom::WorseThanMean]);
    // Baselines are not trained, so that nothing is asked of them.
    let of_mean = overall_symptoms(MEAN, &splits, &mean, &mean, Some(0.0));
    assert_eq!(of_mean.expect("finite"), []);
}

#[test]
fn a_single_split_keeps_its_threshold_and_folds_have_none() {
    let splits = [split(&[true, false, false]), split(&[true, false, false])];
    let own = [0.9, 0.2, 0.1];
    let both = [0; 2].map(|_| scores(&own, &own, &own, &[]));
    let single = overall_metrics(&splits[..1], &both[..1]).expect("finite");
    assert_eq!((single.best_f1, single.best_f1_threshold), (Some(1.0), Some(0.9)));
    let folds = overall_metrics(&splits, &both).expect("finite");
    assert_eq!((folds.best_f1, folds.best_f1_threshold), (Some(1.0), None));
}

#[test]
fn rows_outside_the_train_split_are_scored_where_both_classes_are_among_them() {
    let with = |last: &str| {
        table(&format!(
            "split,label,a,b\ntrain,1,0.9,0.8\ntrain,0,0.1,0.3\ntrain,1,0.7,0.9\ntrain,0,0.2,0.1\ntest,1,0.4,0.2\n\
             test,0,0.5,0.4\ntest,{last},0.1,0.1\n"
        ))
    };
    let report = measure(&with("0"), &[MEAN, Method::Baseline(Baseline::BestSingle)], 0, 5).expect("valid");
    assert_eq!((report.protocol, report.labeled, report.scored), (Protocol::HeldOut, (4, 2), (3, 1)));
    // Means 0.3, 0.45 and 0.1 rank the positive row second.
    assert_eq!(report.methods[0].cell.metrics.average_precision, Some(0.5));
    assert_eq!(report.methods[0].weights.as_deref(), Some([0.5, 0.5].as_slice()));
    assert!(report.methods[0].gain.is_none() && report.methods[1].gain.is_some());
    assert_eq!(report.methods[0].cell.train_positives, Some(2));
    // Without a negative row among the others they cannot be ranked, so that the labeled ones are
    // cross-validated.
    let one_class =
        table("split,label,a\ntrain,1,0.9\ntrain,0,0.1\ntrain,1,0.7\ntrain,0,0.2\ntrain,0,0.3\ntest,1,0.4\n");
    let report = measure(&one_class, &[MEAN], 0, 5).expect("valid");
    // No more folds than the rarer class has rows.
    assert_eq!((report.protocol, report.scored), (Protocol::CrossValidated { folds: 2 }, (5, 2)));
}

#[test]
fn every_labeled_row_is_scored_once_by_a_fit_that_did_not_see_its_label() {
    let table = table(&labeled());
    let splits = cross_validation(&table, 3, 4).expect("valid");
    let mut seen: Vec<usize> = splits.iter().flat_map(|split| split.test.iter().copied()).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..24).collect::<Vec<_>>());
    for split in &splits {
        assert_eq!(split.labels.iter().filter(|&&y| y).count(), 2, "a third of the six positives");
        for (i, label) in split.data.labels().iter().enumerate() {
            assert_eq!(label.is_none(), split.test.contains(&i));
        }
        assert_eq!(split.data.predictions(), table.data.predictions());
    }
    // The mean needs no labels, so that its figures are those of plain means of the folds.
    let report = measure(&table, &[MEAN], 4, 3).expect("valid");
    let of_fold = |split: &Split| {
        let means: Vec<f64> =
            split.test.iter().map(|&i| table.data.predictions().column(i).sum() / 2.0).collect();
        Scored::new(&split.labels, &means).expect("valid").ranking().average_precision()
    };
    let expected = splits.iter().map(of_fold).sum::<f64>() / 3.0;
    let found = report.methods[0].cell.metrics.average_precision.expect("positives");
    assert!((found - expected).abs() < 1e-12);
    assert!(report.methods[0].gain.is_none());
}

#[test]
fn too_few_labels_are_counted_by_class() {
    let text = "label,a\n1,0.9\n0,0.1\n0,0.2\n,0.3\n";
    let Err(Error::TooFewLabels { table, negatives, positives }) = measure(&table(text), &[MEAN], 0, 5)
    else {
        panic!("one positive row")
    };
    assert_eq!((table.as_str(), negatives, positives), ("mine.csv", 2, 1));
}
