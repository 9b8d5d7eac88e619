//! Scores every method on one table.

use std::time::Instant;

use cf_ensemble::diversity::{symptoms_of_bad_fit, symptoms_of_collapse};
use cf_ensemble::io::Table;
use cf_ensemble::metrics::MetricSummary;
use cf_ensemble::validation::{Bootstrap, Interval, StratifiedKFold};
use cf_ensemble::{EnsembleData, Symptom, WeightStats};
use serde::Serialize;

use crate::error::Error;
use crate::over_data_sets::{Cell, Method, Scores};

/// Scored rows beyond which no bootstrap is drawn, as it would take longer than the fits.
const BOOTSTRAP_ROWS: usize = 100_000;
/// Resamples of the bootstrap.
const RESAMPLES: usize = 500;

/// How the figures came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// On labeled rows outside the train split.
    HeldOut,
    /// Means over folds of the labeled rows.
    CrossValidated {
        /// Number of folds.
        folds: usize,
    },
}

/// One table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableReport {
    /// Its name.
    pub table: String,
    /// n.
    pub instances: usize,
    /// Names of the classifiers (m).
    pub classifiers: Vec<String>,
    /// Labeled rows of the train split, and positives among them.
    pub labeled: (usize, usize),
    /// Rows that are scored, and positives among them.
    pub scored: (usize, usize),
    /// How.
    pub protocol: Protocol,
    /// One for each method.
    pub methods: Vec<MethodResult>,
    /// What the reader of the table had to say.
    pub warnings: Vec<String>,
}

/// One method.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MethodResult {
    /// Its figures.
    #[serde(flatten)]
    pub cell: Cell,
    /// Average precision minus that of the plain mean, with a 95% bootstrap interval over the scored rows.
    pub gain: Option<Interval>,
    /// Weight of each classifier (m), of the fit on all rows that may be learned from.
    pub weights: Option<Vec<f64>>,
    /// Their statistics.
    pub weight_stats: Option<WeightStats>,
    /// Signs of collapse and of a bad fit, of trained methods. A method without any may be called healthy.
    pub symptoms: Vec<Symptom>,
}

/// A part of the data with labels hidden, and the rows that are scored.
struct Split {
    data: EnsembleData,
    test: Vec<usize>,
    labels: Vec<bool>,
}

/// Measures all methods.
///
/// # Errors
/// A table with fewer than two labeled rows of a class, a method that fails.
pub(super) fn measure(
    table: &Table,
    methods: &[Method],
    seed: u64,
    folds: usize,
) -> Result<TableReport, Error> {
    let (negatives, positives) = table.require_labels().map_err(Box::new)?;
    let held_out: Vec<usize> =
        (0..table.truth.len()).filter(|&i| !table.in_train[i] && table.truth[i].is_some()).collect();
    let labels_of =
        |index: &[usize]| index.iter().map(|&i| table.truth[i] == Some(true)).collect::<Vec<bool>>();
    let has_both = |labels: &[bool]| labels.contains(&true) && labels.contains(&false);
    // Rows that nobody learned from are the better judge, where both classes are among them.
    let (protocol, splits) = if has_both(&labels_of(&held_out)) {
        let split = Split { data: table.data.clone(), labels: labels_of(&held_out), test: held_out };
        (Protocol::HeldOut, vec![split])
    } else {
        // No more folds than the rarer class has rows, so that each fold holds out both classes.
        let folds = folds.min(positives).min(negatives);
        if folds < 2 {
            return Err(Error::TooFewLabels { table: table.file.clone(), negatives, positives });
        }
        (Protocol::CrossValidated { folds }, cross_validation(table, folds, seed)?)
    };
    let scored = splits.iter().fold((0, 0), |(rows, positives), split| {
        (rows + split.test.len(), positives + split.labels.iter().filter(|&&y| y).count())
    });
    // The plain mean is scored once for all methods, asked for or not: gains and signs of collapse are
    // relative to it.
    let mean = splits.iter().map(|split| score(Method::Baseline(PLAIN_MEAN), table, split, seed));
    let mean = mean.collect::<Result<Vec<Scores>, Error>>()?;
    let results = methods.iter().map(|&method| measure_method(method, table, &splits, &mean, seed));
    Ok(TableReport {
        table: table.file.clone(),
        instances: table.data.n_instances(),
        classifiers: table.data.classifier_names().to_vec(),
        labeled: (negatives + positives, positives),
        scored,
        protocol,
        methods: results.collect::<Result<_, _>>()?,
        warnings: table.warnings.iter().map(ToString::to_string).collect(),
    })
}

const PLAIN_MEAN: cf_ensemble::baselines::Baseline = cf_ensemble::baselines::Baseline::Mean;

fn cross_validation(table: &Table, n_splits: usize, seed: u64) -> Result<Vec<Split>, Error> {
    let (labeled, targets) = (table.data.labeled(), table.data.labeled_targets());
    let folds = StratifiedKFold { n_splits, seed }.assign(&targets).map_err(Error::Statistics)?;
    // Labels of the fold are hidden and its predictions stay, as trainers that are transductive need them.
    let split = |fold| {
        let held: Vec<usize> = folds.test(fold);
        let mut labels = table.data.labels().to_vec();
        held.iter().for_each(|&k| labels[labeled[k]] = None);
        Ok(Split {
            data: table.data.clone().with_labels(labels).map_err(Error::Statistics)?,
            test: held.iter().map(|&k| labeled[k]).collect(),
            labels: held.iter().map(|&k| targets[k]).collect(),
        })
    };
    (0..n_splits).map(split).collect()
}

fn score(method: Method, table: &Table, split: &Split, seed: u64) -> Result<Scores, Error> {
    method.score(&split.data, &split.test, seed).map_err(|source| Error::Method {
        method: method.name(),
        data_set: table.file.clone(),
        seed,
        source: Box::new(source),
    })
}

/// Scores a method on every split; `mean` are the scores of the plain mean there.
fn measure_method(
    method: Method,
    table: &Table,
    splits: &[Split],
    mean: &[Scores],
    seed: u64,
) -> Result<MethodResult, Error> {
    // The time of a method is that of one fit: the mean over the folds.
    let began = Instant::now();
    let scores =
        splits.iter().map(|split| score(method, table, split, seed)).collect::<Result<Vec<_>, _>>()?;
    let seconds = began.elapsed().as_secs_f64() / splits.len() as f64;
    let own = overall_metrics(splits, &scores)?;
    let symptoms = overall_symptoms(method, splits, &scores, mean, own.average_precision)?;
    let (gain, weights) = match (splits, scores.as_slice()) {
        ([split], [scores]) => (gain(method, split, scores, &mean[0])?, scores.weights.clone()),
        _ => {
            // The fits of the folds have weights of their own; shown are those of a fit on all labels.
            let whole = Split {
                data: table.data.clone(),
                test: splits[0].test.clone(),
                labels: splits[0].labels.clone(),
            };
            (None, score(method, table, &whole, seed)?.weights)
        }
    };
    let cell = Cell {
        data_set: table.file.clone(),
        seed,
        method: method.name().to_owned(),
        train_positives: Some(table.data.class_counts().1),
        metrics: own,
        seconds,
    };
    let weight_stats = weights.as_deref().and_then(WeightStats::new);
    Ok(MethodResult { cell, gain, weights, weight_stats, symptoms })
}

/// The metrics themselves for one split, their mean over folds.
fn overall_metrics(splits: &[Split], scores: &[Scores]) -> Result<MetricSummary, Error> {
    let metrics = splits.iter().zip(scores).map(|(split, scores)| scores.metrics(&split.labels));
    match metrics.collect::<Result<Vec<_>, _>>().map_err(Error::Statistics)?.as_slice() {
        // The mean has no threshold, which a single split keeps.
        [single] => Ok(*single),
        folds => {
            Ok(MetricSummary::mean(folds).expect("a table is scored on one split or on two folds or more"))
        }
    }
}

/// The symptoms of all splits, each once however many folds show it, and whether the method ranks worse than
/// the mean over all of them: a single fold is too noisy to say.
fn overall_symptoms(
    method: Method,
    splits: &[Split],
    scores: &[Scores],
    mean: &[Scores],
    average_precision: Option<f64>,
) -> Result<Vec<Symptom>, Error> {
    let mut found = Vec::new();
    for ((split, scores), mean) in splits.iter().zip(scores).zip(mean) {
        found.extend(symptoms(method, split, scores, mean)?);
    }
    if method.is_trained() {
        let of_mean = overall_metrics(splits, mean)?.average_precision;
        found.extend(symptoms_of_bad_fit(&[], average_precision, of_mean));
    }
    let mut once = Vec::new();
    for symptom in found {
        if !once.contains(&symptom) {
            once.push(symptom);
        }
    }
    Ok(once)
}

/// Average precision less that of the plain mean on the same resamples; `None` for the mean itself and for
/// large tables.
fn gain(method: Method, split: &Split, scores: &Scores, mean: &Scores) -> Result<Option<Interval>, Error> {
    if method.name() == PLAIN_MEAN.name() || split.labels.len() > BOOTSTRAP_ROWS {
        return Ok(None);
    }
    let bootstrap = Bootstrap { n_resamples: RESAMPLES, ..Bootstrap::default() };
    let resampled = bootstrap
        .average_precision(&split.labels, &[scores.ranking.as_slice(), mean.ranking.as_slice()])
        .and_then(|resampled| resampled.difference(0, 1));
    resampled.map(Some).map_err(Error::Statistics)
}

/// What is wrong with the weights and predictions of a trained method on one split: collapse, exploded
/// weights. How it ranks is judged over all splits together.
fn symptoms(method: Method, split: &Split, scores: &Scores, mean: &Scores) -> Result<Vec<Symptom>, Error> {
    let (true, Some(weights), Some(probabilities)) =
        (method.is_trained(), &scores.weights, &scores.weighted_probabilities)
    else {
        return Ok(Vec::new());
    };
    // The correction for the prior presses all predictions of a rare class towards 0, where a sound fit would
    // look constant. The published signs are those of the probabilities before it.
    let roc_auc = |scores: &Scores| scores.metrics(&split.labels).map(|metrics| metrics.roc_auc);
    let found = roc_auc(scores).and_then(|own| {
        let mut symptoms = symptoms_of_collapse(weights, probabilities, own, roc_auc(mean)?)?;
        symptoms.extend(symptoms_of_bad_fit(weights, None, None));
        Ok(symptoms)
    });
    found.map_err(Error::Statistics)
}

#[cfg(test)]
mod tests {
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
        let found = |rankings, own: f64| {
            overall_symptoms(ALS, &splits, &of(rankings), &mean, Some(own)).expect("finite")
        };
        let own = overall_metrics(&splits, &of([wrong, right]))
            .expect("finite")
            .average_precision
            .expect("positives");
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
        let report =
            measure(&with("0"), &[MEAN, Method::Baseline(Baseline::BestSingle)], 0, 5).expect("valid");
        assert_eq!((report.protocol, report.labeled, report.scored), (Protocol::HeldOut, (4, 2), (3, 1)));
        // Means 0.3, 0.45 and 0.1 rank the positive row second.
        assert_eq!(report.methods[0].cell.metrics.average_precision, Some(0.5));
        assert_eq!(report.methods[0].weights.as_deref(), Some([0.5, 0.5].as_slice()));
        assert!(report.methods[0].gain.is_none() && report.methods[1].gain.is_some());
        assert_eq!(report.methods[0].cell.train_positives, Some(2));
        // Without a negative row among the others they cannot be ranked, so that the labeled ones are
        // cross-validated.
        let one_class = table(
            "split,label,a\ntrain,1,0.9\ntrain,0,0.1\ntrain,1,0.7\ntrain,0,0.2\ntrain,0,0.3\ntest,1,0.4\n",
        );
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
}
