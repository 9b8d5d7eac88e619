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
fn the_recommended_combiner_is_fitted_on_a_store_as_on_its_table() {
    let folder = prepared();
    let page =
        folder.ok("fit store --format table --model-out m.safetensors --predictions-out parts --metrics-out metrics.json");
    folder.ok("fit t.csv --model-out t.safetensors --predictions-out t.parquet --metrics-out t.json");
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_str(&fs::read_to_string(folder.path(name)).expect("written")).expect("JSON")
    };
    let (store, table) = (read("metrics.json"), read("t.json"));
    for key in ["threshold", "folds", "fit"] {
        assert_eq!(store[key], table[key], "{key}");
    }
    // The rows outside of the train split are for `cfe evaluate`.
    assert_eq!(store["parts"][0], table["parts"][0]);
    assert_eq!(store["data"]["rows"], table["data"]["rows"]);
    assert!(page.stdout.contains("combined"), "{}", page.stdout);
    let mut options = TableOptions::default();
    options.classifiers = Some(vec!["probability".to_owned()]);
    let of = |path| read_table(Source::new(path), &options).expect("readable").data;
    let parts = of(folder.path("parts").join("part-000000.parquet"));
    assert_eq!(parts.predictions(), of(folder.path("t.parquet")).predictions());
    // A sample: the weights of the drawn rows bring back the share of positives.
    let sampled = "fit store --set max_instances=100 --threads 2 --metrics-out s.json";
    let ran = folder.ok(&format!("{sampled} --model-out s.safetensors"));
    assert!(ran.stderr.contains("100 of"), "{}", ran.stderr);
    assert_eq!(read("s.json")["data"]["rows_learned_from"], 100);
    folder.ok("fit store --set max_instances=100 --threads 1 --model-out one.safetensors");
    assert_eq!(folder.bytes("one.safetensors"), folder.bytes("s.safetensors"));
}

#[test]
fn a_store_is_scored_like_its_table() {
    let folder = prepared();
    folder.ok("fit store --model-out m.safetensors");
    let parts = |table: &str| -> Vec<serde_json::Value> {
        let ran = folder.ok(&format!("evaluate --model m.safetensors {table} --format json"));
        let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
        document["parts"].as_array().expect("parts").clone()
    };
    let (store, table) = (parts("store"), parts("t.csv"));
    assert_eq!(store.len(), 2);
    for (own, name) in [("train", "train"), ("held out", "test")] {
        let of = |parts: &[serde_json::Value], name: &str| {
            let mut part = parts.iter().find(|part| part["name"] == name).expect("the part").clone();
            // A store has no other names, and ranks are taken among all rows of a table.
            part["name"] = serde_json::Value::Null;
            // Rows of this table repeat, so that they are not known one by one; the store is known as a
            // whole.
            part["in_sample_share"] = serde_json::Value::Null;
            part["methods"].as_array_mut().expect("methods").retain(|method| method["name"] != "rank_avg");
            part
        };
        assert_eq!(of(&store, own), of(&table, name), "{name}");
    }
    let page = folder.ok("evaluate --model m.safetensors store --report-out r.html");
    assert!(page.stdout.contains("held out") && page.stdout.contains("IN-SAMPLE"), "{}", page.stdout);
    let failed = folder.fails(1, "evaluate --model m.safetensors store --min-average-precision 0.9999");
    assert!(failed.contains("held out: "), "{failed}");
    let refused = folder.fails(2, "evaluate --model m.safetensors store --label-column y");
    assert!(refused.contains("settled when the store was prepared"), "{refused}");
}

#[test]
fn an_instruction_set_can_be_pinned() {
    let folder = prepared();
    folder.ok(&format!("{FIT} --instruction-set scalar --model-out scalar.safetensors"));
    folder.ok(&format!("{FIT} --instruction-set scalar --threads 3 --model-out again.safetensors"));
    assert_eq!(folder.bytes("scalar.safetensors"), folder.bytes("again.safetensors"));
    folder.write("fit.toml", "instruction_set = \"scalar\"\n");
    folder.ok(&format!("{FIT} --config fit.toml --model-out toml.safetensors"));
    assert_eq!(folder.bytes("toml.safetensors"), folder.bytes("scalar.safetensors"));
    let error = folder.fails(2, &format!("{FIT} --instruction-set sse9"));
    assert!(error.contains("x86-64-v3") && error.contains("sse9"), "{error}");
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
        ("--trainer recommended --group-column g", "settled when the store was prepared"),
        ("--trainer recommended --dry-run", "--dry-run"),
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
