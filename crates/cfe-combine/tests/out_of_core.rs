//! Scores of a store in bins against those in memory.

use std::path::Path;

use cfe_combine::FitOptions;
use cfe_combine::judge::{Finding, Part, diagnose_evaluation, evaluate};
use cfe_combine::out_of_core::{HELD_OUT, MOST_IN_MEMORY, evaluate_store, fit_store};
use cfe_combine::saved::SavedModel;
use cfe_io::store::{PrepareOptions, Store, prepare};
use cfe_io::{Source, TableOptions, read_table};

/// Four shards, a quarter of the rows held out, every ninth without a label.
fn store(folder: &Path) -> Store {
    let mut csv = "label,split,forest,svm,net\n".to_owned();
    for i in 0..15_000_usize {
        let positive = (i * 7919) % 31 == 0;
        let label = if i % 9 == 4 { "" } else { ["0", "1"][usize::from(positive)] };
        let split = if i % 4 == 1 { "test" } else { "train" };
        csv += &format!("{label},{split}");
        for k in 1..4_usize {
            let noise = ((i * (104_729 + 2 * k)) % 9973) as f64 / 9973.0;
            let p = if positive { 0.15 + 0.8 * noise } else { 0.85 * noise * noise };
            csv += &if (i + k) % 23 == 0 { ",".to_owned() } else { format!(",{p:.5}") };
        }
        csv += "\n";
    }
    let table = folder.join("t.csv");
    std::fs::write(&table, csv).expect("writable");
    let mut options = PrepareOptions::default();
    options.shard_rows = 4096;
    prepare(&[table], &folder.join("store"), &options, &mut |_| true).expect("a good table").store
}

fn named<'a>(parts: &'a [Part], name: &str) -> &'a Part {
    parts.iter().find(|part| part.name == name).expect("the part")
}

#[test]
fn scores_in_bins_are_those_in_memory_within_their_bounds() {
    let dir = tempfile::tempdir().expect("temporary");
    let store = store(dir.path());
    let model = fit_store(&FitOptions::default().plan().expect("valid"), &store, &()).expect("fits").model;
    let memory = evaluate_store(&model, &store, MOST_IN_MEMORY, &()).expect("scored");
    let bins = evaluate_store(&model, &store, 0, &()).expect("scored");
    assert_eq!((memory.within, bins.parts.len()), (None, 2));
    let within = bins.within.expect("bounds");
    assert!(within.average_precision < 0.01 && within.roc_auc < 1e-3 && within.best_f1 < 0.01, "{within:?}");
    for name in ["train", HELD_OUT] {
        let (a, b) = (named(&memory.parts, name), named(&bins.parts, name));
        assert_eq!((a.rows, a.positives, a.without_prediction), (b.rows, b.positives, b.without_prediction));
        let (cut_a, cut_b) = (a.at_threshold.expect("a threshold"), b.at_threshold.expect("a threshold"));
        assert_eq!(cut_a.confusion, cut_b.confusion);
        for method in &b.methods {
            let exact = a.methods.iter().find(|m| m.name == method.name).expect("the same method").metrics;
            let off = |a: Option<f64>, b: Option<f64>| (a.expect("known") - b.expect("known")).abs();
            let binned = method.metrics;
            assert!(off(exact.average_precision, binned.average_precision) <= within.average_precision);
            assert!(off(exact.roc_auc, binned.roc_auc) <= within.roc_auc + 1e-12);
            assert!(off(exact.best_f1, binned.best_f1) <= within.best_f1 + 1e-12);
            for (a, b) in
                [(exact.log_loss, binned.log_loss), (exact.brier, binned.brier), (exact.ece, binned.ece)]
            {
                assert!(off(a, b) < 1e-12, "{} of {name}", method.name);
            }
        }
    }
    assert_eq!(named(&bins.parts, "train").in_sample_share, 1.0);
}

#[test]
fn a_sample_of_the_labeled_rows_gives_the_same_model_for_any_number_of_threads_and_keeps_what_it_is_of() {
    let dir = tempfile::tempdir().expect("temporary");
    let store = store(dir.path());
    let mut options = FitOptions::default();
    options.set = "max_instances=900".parse().expect("a setting");
    let plan = options.plan().expect("valid");
    let fit = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| fit_store(&plan, &store, &())).expect("fits")
    };
    let (one, three) = (fit(1), fit(3));
    let bytes = |model: &SavedModel| model.to_file().and_then(|file| file.to_bytes()).expect("a file");
    assert_eq!(bytes(&one.model), bytes(&three.model));
    let judged = one.judged.expect("the recommended combiner is judged");
    assert!(judged.sampled && judged.table.data.n_instances() == 900);
    // The weights bring back the share of positives of all labeled train rows.
    let counts = store.counts();
    let share = counts.positives as f64 / (counts.positives + counts.negatives) as f64;
    assert!((one.model.prevalence().expect("known") - share).abs() < 1e-12);
    let (labels, weights) =
        (judged.table.data.labels(), judged.table.data.sample_weights().expect("weights"));
    let sum = |wanted: bool| {
        labels.iter().zip(weights).filter(|(y, _)| **y == Some(wanted)).map(|(_, w)| w).sum::<f64>()
    };
    assert!((sum(true) / (sum(true) + sum(false)) - share).abs() < 1e-9);
    assert_eq!(one.model.details.fingerprint.as_deref(), Some(store.shape().fingerprint.as_str()));
}

/// 9,000 rows of four classifiers, two of which are the classes of one. `turned` turns the labels and leaves
/// `svm` without a prediction.
fn with_faults(turned: bool) -> String {
    let mut csv = "label,forest,not_forest,svm,net\n".to_owned();
    for i in 0..9_000_usize {
        let positive = (i * 7919) % 13 == 0;
        let label = if i % 9 == 4 { "" } else { ["0", "1"][usize::from(positive != turned)] };
        let noise = |k: usize| ((i * (104_729 + 2 * k)) % 9973) as f64 / 9973.0;
        let p = |k: usize| if positive { 0.15 + 0.8 * noise(k) } else { 0.85 * noise(k) * noise(k) };
        let svm = if turned { String::new() } else { format!("{:.5}", p(2)) };
        let net = if i % 7 == 3 { String::new() } else { format!("{:.5}", p(3)) };
        csv += &match i % 500 {
            77 => format!("{label},,,,\n"),
            _ => format!("{label},{:.5},{:.5},{svm},{net}\n", p(1), 1.0 - p(1)),
        };
    }
    csv
}

#[test]
fn what_is_found_in_a_table_is_found_in_its_store() {
    let dir = tempfile::tempdir().expect("temporary");
    let mut options = PrepareOptions::default();
    options.shard_rows = 4096;
    let prepared = |name: &str, turned: bool| {
        let table = dir.path().join(format!("{name}.csv"));
        std::fs::write(&table, with_faults(turned)).expect("writable");
        let mut options = options.clone();
        options.table.columns = vec!["forest,not_forest,svm,net".to_owned()];
        prepare(&[table], &dir.path().join(name), &options, &mut |_| true).expect("a good table").store
    };
    let fitted = prepared("fitted", false);
    let model = fit_store(&FitOptions::default().plan().expect("valid"), &fitted, &()).expect("fits").model;
    let scored = prepared("scored", true);
    let mut options = TableOptions::default();
    options.classifiers = Some(model.classifier_names().to_vec());
    let table = read_table(Source::new(dir.path().join("scored.csv")), &options).expect("readable");
    let parts = evaluate(&model, &table).expect("scored");
    let expected = diagnose_evaluation(&model, &table, &parts).expect("looked at");
    let kinds: Vec<&str> = expected.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, ["inverted", "prevalence", "constant", "pair", "no_prediction", "missing"]);
    for most_in_memory in [MOST_IN_MEMORY, 0] {
        let mut found = evaluate_store(&model, &scored, most_in_memory, &()).expect("scored").findings;
        // A store without a split is all train rows.
        found.iter_mut().for_each(|f: &mut Finding| f.text = f.text.replace("\"train\"", "\"labeled\""));
        assert_eq!(found, expected);
    }
    // Rows of another store that the model learned from are known again, in memory and in bins.
    let again = {
        let table = dir.path().join("again.csv");
        std::fs::write(&table, with_faults(false).replacen('\n', "\n,0.5,0.5,0.5,0.5\n", 1))
            .expect("writable");
        let mut options = PrepareOptions::default();
        options.shard_rows = 4096;
        prepare(&[table], &dir.path().join("again"), &options, &mut |_| true).expect("a good table").store
    };
    assert_ne!(again.shape().fingerprint, fitted.shape().fingerprint);
    for most_in_memory in [MOST_IN_MEMORY, 0] {
        let scores = evaluate_store(&model, &again, most_in_memory, &()).expect("scored");
        assert!(scores.parts[0].in_sample_share > 0.9, "{:?}", scores.parts[0].in_sample_share);
    }
}

#[test]
fn weights_and_costs_count_in_bins_as_in_memory() {
    let dir = tempfile::tempdir().expect("temporary");
    let mut csv = "label,split,w,c,forest,svm\n".to_owned();
    for i in 0..9_000_usize {
        let positive = (i * 7919) % 13 == 0;
        let noise = |k: usize| ((i * (104_729 + 2 * k)) % 9973) as f64 / 9973.0;
        let p = |k: usize| if positive { 0.15 + 0.8 * noise(k) } else { 0.85 * noise(k) * noise(k) };
        let split = if i % 4 == 1 { "test" } else { "train" };
        let (weight, cost) = ([0.5, 0.0, 2.25][i % 3], i % 7);
        csv += &format!("{},{split},{weight},{cost},{:.5},{:.5}\n", u8::from(positive), p(1), p(2));
    }
    let table = dir.path().join("t.csv");
    std::fs::write(&table, csv).expect("writable");
    let mut options = PrepareOptions::default();
    options.shard_rows = 4096;
    let named = |name: &str| Some(name.to_owned());
    (options.table.weight_column, options.table.cost_column) = (named("w"), named("c"));
    let store = prepare(&[table], &dir.path().join("store"), &options, &mut |_| true).expect("good").store;
    let model = fit_store(&FitOptions::default().plan().expect("valid"), &store, &()).expect("fits").model;
    let of = |most| evaluate_store(&model, &store, most, &()).expect("scored").parts;
    for (a, b) in of(MOST_IN_MEMORY).iter().zip(&of(0)) {
        assert_eq!((&a.name, a.rows, a.never_scored), (&b.name, b.rows, b.never_scored));
        assert!(a.never_scored > 0);
        let near =
            |a: Option<f64>, b: Option<f64>| (a.expect("known") / b.expect("known") - 1.0).abs() < 1e-12;
        assert!(near(a.weight, b.weight));
        let (cut, binned) = (a.at_threshold.expect("a threshold"), b.at_threshold.expect("a threshold"));
        assert!(near(cut.mean_cost, binned.mean_cost) && cut.mean_cost > Some(0.0));
        assert!(near(Some(cut.confusion.tp), Some(binned.confusion.tp)));
        assert!(near(a.methods[0].metrics.log_loss, b.methods[0].metrics.log_loss));
    }
}
