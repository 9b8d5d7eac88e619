//! `cfe prepare`, and fit and predict on what it writes.

use std::fs;

use cfe_io::{Source, TableOptions, read_table};

use crate::support::{Folder, small_table};

const FIT: &str = "fit store --trainer als --set latent_dim=3 --set max_iterations=20 --set tolerance=0";

fn prepared() -> Folder {
    let folder = Folder::new();
    folder.write("t.csv", small_table(300));
    let ran = folder.ok("prepare t.csv --store store --dtype f64");
    assert!(
        ran.stdout.contains("300 rows") && ran.stderr.contains("taken: label"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    folder
}

#[test]
fn a_store_is_fitted_and_predicted_like_a_table() {
    let folder = prepared();
    folder.ok(&format!("{FIT} --model-out m.safetensors --predictions-out parts"));
    // For any number of threads, and from the saved model too.
    folder.ok(&format!("{FIT} --threads 3 --model-out three.safetensors"));
    assert_eq!(folder.bytes("three.safetensors"), folder.bytes("m.safetensors"));
    folder.ok("predict --model m.safetensors store --predictions-out again");
    let part = "part-000000.parquet";
    let read = |name: &str| fs::read(folder.path(name).join(part)).expect("written");
    assert_eq!(read("again"), read("parts"));
    // As the table is predicted.
    folder.ok("predict --model m.safetensors t.csv --predictions-out p.parquet");
    let mut options = TableOptions::default();
    options.classifiers = Some(vec!["probability".to_owned()]);
    let of = |path| read_table(Source::new(path), &options).expect("readable").data;
    let (store, table) = (of(folder.path("parts").join(part)), of(folder.path("p.parquet")));
    assert_eq!(store.instance_ids(), table.instance_ids());
    assert_eq!(store.predictions(), table.predictions());
    let shown = folder.ok("inspect m.safetensors");
    assert!(shown.stdout.contains("als"), "{}", shown.stdout);
}

#[test]
fn an_interrupted_fit_goes_on_to_the_same_bits() {
    let folder = prepared();
    folder.ok(&format!("{FIT} --model-out whole.safetensors"));
    let short = FIT.replace("max_iterations=20", "max_iterations=7");
    folder.ok(&format!("{short} --checkpoint c"));
    let refused = folder.fails(2, &format!("{FIT} --checkpoint c"));
    assert!(refused.contains("--resume"), "{refused}");
    let ran = folder.ok(&format!("{FIT} --checkpoint c --resume --model-out m.safetensors"));
    assert!(ran.stderr.contains("Resuming from c: iteration 7"), "{}", ran.stderr);
    assert_eq!(folder.bytes("m.safetensors"), folder.bytes("whole.safetensors"));
    folder.write("other.csv", small_table(301));
    folder.ok("prepare other.csv --store other");
    let other = FIT.replace("fit store", "fit other");
    let refused = folder.fails(2, &format!("{other} --checkpoint c --resume"));
    assert!(refused.contains("another store"), "{refused}");
}

#[test]
fn what_a_store_cannot_give_is_refused_at_once() {
    let folder = prepared();
    for (options, what) in [
        ("--trainer recommended", "needs all rows in memory"),
        ("--trainer als --folds 3", "folds"),
        ("--trainer als --calibrate platt", "calibrate"),
        ("--trainer als --threshold f1", "threshold"),
        ("--trainer als --label-column y", "settled when the store was prepared"),
        ("--trainer als --report-out r.html", "--report-out"),
        ("--trainer als --set aggregator.solver=newton", "aggregator.solver = newton"),
    ] {
        let error = folder.fails(2, &format!("fit store {options}"));
        assert!(error.contains(what), "{options}: {error}");
    }
    let error = folder.fails(2, "prepare t.csv --store store");
    assert!(error.contains("not empty"), "{error}");
    fs::remove_file(folder.path("store").join("shard-000000.arrow")).expect("there");
    let error = folder.fails(3, FIT);
    assert!(error.contains("shard-000000.arrow") && error.contains("missing"), "{error}");
}
