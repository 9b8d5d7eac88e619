//! What is refused, with which exit code and which words.

use cfe_combine::SavedModel;
use cfe_core::calibration::Calibrator;

use super::support::{Folder, small_table};

/// (content of the table, exit code, what the message says)
const TABLES: [(&str, &str); 13] = [
    (
        "label,a,b\n1,0.5,0.2\n0,1.2,0.1\n",
        "t.csv, line 3, column \"a\": 1.2 is not a probability; allowed are 0 to 1",
    ),
    ("label,a,b\n1,0.5,0.1\n0,0.4,x\n", "t.csv, line 3, column \"b\": \"x\" is not a number; allowed are"),
    (
        "split,label,a\ntrain,1,0.5\ntest,0,0.1\n",
        "t.csv: all 1 labeled rows of the train split are of class 1",
    ),
    ("label,a\n2,0.5\n", "t.csv, line 2, column \"label\": \"2\" is not a label; allowed are 0 and 1"),
    (
        "instance_id,label,a\ni,1,0.5\ni,0,0.5\n",
        "t.csv, line 3, column \"instance_id\": the id \"i\" was used in line 2",
    ),
    ("label,a\n,0.5\n,0.6\n", "t.csv: no row of the train split is labeled"),
    ("label,a\n1,0.5\n1,0.6\n", "t.csv: all 2 labeled rows of the train split are of class 1"),
    ("label,a\n1,0.5,0.1\n", "t.csv, line 2: 3 cells, but the header has 2"),
    ("", "t.csv: empty; expected a header and at least one row"),
    ("label,a\n", "t.csv: a header of 2 columns and no row"),
    ("label~a\n1~0.5\n", "t.csv, line 1: "),
    ("label,a,a\n1,0.5,0.5\n", "t.csv: columns 2 and 3 are both named \"a\""),
    ("label,a\n1,\n0,\n", "t.csv: every probability is missing"),
];

#[test]
fn bad_tables() {
    let folder = Folder::new();
    for (table, message) in TABLES {
        folder.write("t.csv", table);
        let error = folder.fails(3, "fit t.csv --predictions-out p.csv");
        assert!(error.contains(message), "{error}");
    }
    let error = folder.fails(3, "fit gone.csv");
    assert!(error.contains("gone.csv: there is no such file"), "{error}");
    folder.write("t.csv", small_table(60));
    let error = folder.fails(3, "fit t.csv --label-column y");
    assert!(error.contains("there is no column \"y\" (the label column); the columns are"), "{error}");
    assert_eq!(folder.files(), ["t.csv"]);
}

#[test]
fn odd_columns_are_warned_of() {
    let folder = Folder::new();
    let mut csv = String::new();
    for (k, line) in small_table(60).lines().enumerate() {
        csv += &format!("{line},{}\n", if k == 0 { "flat,void" } else { "0.5," });
    }
    folder.write("t.csv", csv);
    let ran = folder.ok("fit t.csv --split-column split --model-out m");
    assert!(ran.stderr.contains("column \"flat\": 0.5 in every row"), "{}", ran.stderr);
    assert!(ran.stderr.contains("passed over: void (empty in every row)"), "{}", ran.stderr);
}

#[test]
fn bad_usage() {
    let folder = Folder::new();
    folder.write("t.csv", small_table(60));
    folder.write("bad.toml", "split_column = \"split\"\nsplitcolumn = 1\n");
    folder.write("worse.toml", "seed = \"many\"\n");
    for (arguments, message) in [
        ("fit", "required arguments were not provided"),
        ("fit t.csv --colour blue", "unexpected argument '--colour'"),
        ("fit t.csv --trainer svd", "[possible values: recommended, als, torch]"),
        ("fit t.csv --threshold f2", "allowed are f1, fbeta=B"),
        ("fit t.csv --set rank", "write KEY=VALUE"),
        ("fit t.csv --set ranks=3", "unknown field `ranks`"),
        ("fit t.csv --set latent_dim=0", "latent_dim = 0 is not allowed; 1 to 1000 are allowed"),
        ("fit t.csv --set seed=1", "`seed` is an option of its own (`--seed`"),
        ("fit t.csv --trainer recommended --preset published", "leave one out"),
        ("fit t.csv --config gone.toml", "gone.toml: cannot be read"),
        ("fit t.csv --config bad.toml", "unknown field `splitcolumn`"),
        ("fit t.csv --config worse.toml", "line 1, column 8"),
        ("fit t.csv --threads 100000", "at most 1024 are allowed"),
        ("fit t.csv --folds 1", "at least 2 are needed"),
        ("fit t.csv --predictions-out no/such/p.csv", "no/such/p.csv: cannot be written"),
        ("fit t.csv --predictions-out .", "it is a directory"),
        ("fit t.csv --predictions-out t.csv", "would replace the input"),
        ("fit t.csv --predictions-out x --model-out x", "are one file"),
        ("fit t.csv --predictions-out x --model-out ./x", "are one file"),
        ("fit t.csv --predictions-out x/", "cannot be written"),
        ("fit t.csv --predictions-out p.json", "allowed are .csv"),
        ("fit t.csv --predictions-out - --metrics-out /dev/stdout", "both need standard output"),
        ("fit t.csv --model-out -", "give a file"),
        ("fit t.csv --predictions-out - --format json", "both need standard output"),
    ] {
        let error = folder.fails(2, arguments);
        assert!(error.contains(message), "cfe {arguments}\n{error}");
    }
    #[cfg(not(feature = "torch"))]
    assert!(folder.fails(2, "fit t.csv --trainer torch").contains("build with `--features torch`"));
    assert_eq!(folder.files(), ["bad.toml", "t.csv", "worse.toml"]);
}

/// The labels of a table in NPY are an input, named or found beside it.
#[test]
fn labels_are_not_overwritten() {
    let folder = Folder::new();
    folder.write("t.npy", "whatever");
    folder.write("labels.npy", "labels");
    folder.write("y.npy", "labels");
    for arguments in [
        "--predictions-out labels.npy",
        "--metrics-out ./labels.npy",
        "--labels-file y.npy --model-out y.npy",
    ] {
        let error = folder.fails(2, &format!("fit t.npy {arguments}"));
        assert!(error.contains("would replace the input"), "{arguments}: {error}");
    }
    assert_eq!((folder.read("labels.npy"), folder.read("y.npy")), ("labels".to_owned(), "labels".to_owned()));
    assert!(
        folder.fails(2, &format!("fit t.npy --model-out {}", "n".repeat(300))).contains("cannot be written")
    );
}

#[test]
fn failed_training() {
    let folder = Folder::new();
    folder.write("t.csv", small_table(60));
    // One gradient step of this length leaves the numbers.
    let error = folder.fails(4, "fit t.csv --split-column split --trainer als --set aggregator.solver.gradient_step.learning_rate=1e308");
    assert!(error.contains("training failed: "), "{error}");
}

#[test]
fn bad_models() {
    let folder = Folder::new();
    folder.write("t.csv", small_table(60));
    folder.ok("fit t.csv --split-column split --set shrinkage=[100] --model-out m");
    folder.write("new.csv", "good,weak\n0.1,0.2\n");
    let error = folder.fails(3, "predict --model m new.csv --predictions-out p.csv");
    assert!(
        error.contains("new.csv: there is no column \"noise\", which the model was trained with"),
        "{error}"
    );

    let whole = folder.bytes("m");
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    folder.write("changed", changed);
    folder.write("cut", &whole[..whole.len() - 20]);
    for (name, message) in [
        ("changed", "changed: changed since it was saved"),
        ("cut", "cut: damaged or cut off"),
        ("t.csv", "t.csv: not a model file"),
        ("gone", "gone: cannot be read"),
    ] {
        let error = folder.fails(3, &format!("predict --model {name} t.csv --predictions-out p.csv"));
        assert!(error.contains(message), "{error}");
        assert!(folder.fails(3, &format!("inspect {name}")).contains(message));
    }
    // A right checksum over wrong numbers.
    let mut model = SavedModel::load(folder.path("m")).unwrap();
    model.calibrator = Calibrator::Temperature { temperature: 0.0 };
    model.save(folder.path("cold")).unwrap();
    let error = folder.fails(3, "predict --model cold t.csv --predictions-out p.csv");
    assert!(error.contains("cold: ") && error.contains("calibrator"), "{error}");
    assert!(!folder.files().contains(&"p.csv".to_owned()));
}

#[test]
fn a_failed_run_leaves_what_was_there() {
    let folder = Folder::new();
    folder.write("t.csv", "label,a\n1,0.5\n0,7\n");
    for name in ["p.csv", "m", "j.json"] {
        folder.write(name, "precious");
    }
    folder.fails(3, "fit t.csv --predictions-out p.csv --model-out m --metrics-out j.json");
    folder.write("t.csv", small_table(60));
    folder.fails(2, "fit t.csv --predictions-out p.csv --model-out m --metrics-out no/such/j.json");
    for name in ["p.csv", "m", "j.json"] {
        assert_eq!(folder.read(name), "precious");
    }
    assert_eq!(folder.files(), ["j.json", "m", "p.csv", "t.csv"]);
}
