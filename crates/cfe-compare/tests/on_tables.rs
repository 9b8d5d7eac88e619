//! `cfe-compare on-tables` on real tables.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn data(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data").join(name);
    path.to_string_lossy().into_owned()
}

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cfe-compare"))
        .arg("on-tables")
        .args(args)
        .output()
        .expect("the program starts")
}

fn json(args: &[&str]) -> Value {
    let output = run(args);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

fn method<'a>(table: &'a Value, name: &str) -> &'a Value {
    let methods = table["methods"].as_array().expect("methods");
    methods.iter().find(|method| method["method"] == name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn every_method_is_scored_on_the_rows_outside_the_train_split() {
    let folder = tempfile::tempdir().expect("a folder");
    let (abalone, flare) = (data("abalone9_18_seed0.csv.gz"), data("flare_f_seed0.csv.gz"));
    let out = folder.path().to_string_lossy().into_owned();
    let results = json(&[&abalone, &flare, "--split-column", "split", "--format", "json", "--out", &out]);
    let table = &results["tables"][0];
    assert_eq!(table["protocol"], "held_out");
    let trained = if cfg!(feature = "torch") { 5 } else { 3 };
    assert_eq!(table["methods"].as_array().map(Vec::len), Some(13 + trained));
    let m = table["classifiers"].as_array().map(Vec::len);
    for name in ["als", "als_unweighted", "als_exact", "recommended", "mean", "nnls"] {
        let of = method(table, name);
        assert!(of["average_precision"].as_f64().is_some_and(|ap| (0.0..=1.0).contains(&ap)), "{of}");
        assert_eq!(of["weights"].as_array().map(Vec::len), m, "{name}");
    }
    let gain = &method(table, "recommended")["gain"];
    let bound = |key: &str| gain[key].as_f64().expect("a number");
    assert!(bound("lower") <= bound("estimate") && bound("estimate") <= bound("upper"));
    assert!(method(table, "mean")["gain"].is_null(), "the mean is what the others are compared with");
    assert_eq!(results["over_tables"]["data_sets"].as_array().map(Vec::len), Some(2));
    let page = std::fs::read_to_string(folder.path().join("report.html")).expect("written");
    assert!(page.contains("als_exact") && page.contains("<svg") && !page.contains("NaN"));
}

#[test]
fn without_labels_outside_the_train_split_it_cross_validates() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("table.csv");
    let row = |i: u32| {
        let (y, wave) = (u32::from(i.is_multiple_of(4)), f64::from(i * 37 % 50) / 100.0);
        format!("{y},{},{}\n", 0.3 * f64::from(y) + wave, 0.2 * f64::from(y) + 0.6 * wave)
    };
    std::fs::write(&path, (0..80).fold("label,a,b\n".to_owned(), |text, i| text + &row(i)))
        .expect("writable");
    let table = path.to_string_lossy().into_owned();
    let methods = ["--methods", "als,mean,best_single", "--format", "json", "--folds", "3"];
    let results = json(&[&[table.as_str()][..], &methods[..]].concat());
    let table = &results["tables"][0];
    assert_eq!(table["protocol"]["cross_validated"]["folds"], 3);
    // Every labeled row is scored once.
    assert_eq!(table["scored"], table["labeled"]);
    assert!(results["over_tables"].is_null());
    assert!(method(table, "als")["weights"].is_array());
}

#[test]
fn what_cannot_be_scored_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("few.csv");
    std::fs::write(&path, "label,a,b\n1,0.9,0.8\n0,0.1,0.2\n0,0.3,0.2\n").expect("writable");
    let output = run(&[&path.to_string_lossy()]);
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("label two rows of each class"), "{said}");
    let output = run(&[&data("abalone9_18_seed0.csv.gz"), "--methods", "magic"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("als_exact"));
}
