//! Where the data of a cell come from.

use std::path::Path;

use cf_ensemble::synthetic::{Correlated, Separable};
use serde_json::{Value, json};

use super::super::grid::Settings;
use super::super::scenario::Scenario;

fn scenario(settings: Value) -> Result<Scenario, String> {
    let Value::Object(settings) = settings else { panic!("settings") };
    Scenario::new(&settings)
}

/// Five rows: three to learn from, two to score of which one has no label.
const TABLE: &str =
    "y,part,a,b\n1,train,0.9,0.8\n0,train,0.2,0.1\n0,train,0.3,0.4\n1,test,0.7,0.6\n,test,0.5,0.5\n";

fn table(settings: Value) -> Scenario {
    let mut all =
        json!({"kind": "table", "path": "t{seed}.csv", "split_column": "part", "label_column": "y"});
    all.as_object_mut().expect("settings").extend(settings.as_object().cloned().expect("settings"));
    scenario(all).expect("valid")
}

#[test]
fn the_kind_says_which_settings_there_are() {
    assert_eq!(scenario(json!({})), Ok(Scenario::Separable(Separable::default())));
    let rarer = Correlated { prevalence: 0.02, ..Correlated::default() };
    assert_eq!(scenario(json!({"kind": "correlated", "prevalence": 0.02})), Ok(Scenario::Correlated(rarer)));
    for (settings, said) in [
        (
            json!({"kind": "real"}),
            "data.kind = \"real\" is not allowed: known are separable, correlated, table",
        ),
        (json!({"kind": 3}), "data.kind = 3 is not allowed"),
        (json!({"label_noise": 0.1}), "data of kind separable: unknown field `label_noise`"),
        (json!({"kind": "correlated", "gap": 0.1}), "data of kind correlated: unknown field `gap`"),
        (json!({"kind": "table"}), "data of kind table: missing field `path`"),
    ] {
        let error = scenario(settings).expect_err(said);
        assert!(error.starts_with(said), "{error}");
    }
}

#[test]
fn seeds_are_repetitions_only_where_they_give_other_data() {
    assert!(scenario(json!({})).expect("valid").is_redrawn());
    assert!(table(json!({})).is_redrawn());
    assert!(!table(json!({"path": "one.csv"})).is_redrawn());
}

#[test]
fn the_fingerprint_of_a_table_is_that_of_its_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("t5.csv"), "abc").expect("writable");
    let sum = table(json!({})).fingerprint(folder.path(), 5).expect("readable");
    // FIPS 180-2, appendix B.1.
    assert_eq!(sum, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let error = table(json!({})).fingerprint(folder.path(), 6).expect_err("no such file");
    assert!(error.contains("t6.csv: cannot be read"), "{error}");
    assert_eq!(scenario(json!({})).expect("valid").fingerprint(Path::new("."), 5).as_deref(), Ok(""));
}

#[test]
fn the_rows_outside_the_train_split_that_have_labels_are_scored() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("t0.csv"), TABLE).expect("writable");
    let drawn = table(json!({})).draw(folder.path(), 0).expect("valid");
    assert_eq!((drawn.test, drawn.truth), (vec![3], vec![true]));
    // Training sees the labels of the train split alone.
    assert_eq!(drawn.data.labels(), [Some(true), Some(false), Some(false), None, None]);
    assert_eq!(drawn.data.predictions()[(1, 3)], 0.6);
    std::fs::write(folder.path().join("t1.csv"), TABLE.replace("1,test", "0,test")).expect("writable");
    let error = table(json!({})).draw(folder.path(), 1).expect_err("nothing to rank");
    assert!(error.starts_with("none of the 1 instances to be scored is positive"), "{error}");
}

#[test]
fn drawn_data_are_those_of_the_seed_and_the_unlabeled_instances_are_scored() {
    let drawn = scenario(json!({"n_instances": 80})).expect("valid").draw(Path::new("."), 3).expect("valid");
    let plain = Separable { n_instances: 80, ..Separable::default() }.generate(3).expect("valid");
    assert_eq!(drawn.data.predictions(), plain.data.predictions());
    assert_eq!(drawn.test.len(), 80 - drawn.data.labeled().len());
    for (&i, &y) in drawn.test.iter().zip(&drawn.truth) {
        assert_eq!((drawn.data.labels()[i], y), (None, plain.truth[i]));
    }
    let error = scenario(json!({"gap": 0.7})).expect("a number").draw(Path::new("."), 0).expect_err("range");
    assert!(error.starts_with("data: gap = 0.7") && error.contains("0 to 0.5"), "{error}");
    let none = scenario(json!({"prevalence": 0.0})).expect("a share").draw(Path::new("."), 0);
    assert!(none.expect_err("no positive").contains("take more instances or a higher prevalence"));
}

#[test]
fn settings_are_not_lost_on_the_way_into_the_identity_of_a_job() {
    let settings: Settings = Settings::from_iter([("kind".to_owned(), json!("correlated"))]);
    let written = json!(Scenario::new(&settings).expect("valid"));
    for field in ["prevalence", "label_noise", "missing_share", "own_error", "n_clusters"] {
        assert!(!written["correlated"][field].is_null(), "{field} of {written}");
    }
}
