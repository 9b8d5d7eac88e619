//! Tables as people have them, each of a kind that public bug reports tell of, with what is to be said of
//! them.

use cfe_core::metrics::Scored;

use super::support::Folder;

/// A folder with one of the tables in `tests/cases`.
fn with(tables: &[(&str, &[u8])]) -> Folder {
    let folder = Folder::new();
    tables.iter().for_each(|(name, bytes)| folder.write(name, bytes));
    folder
}

macro_rules! case {
    ($name:literal) => {
        ($name, include_bytes!(concat!("../cases/", $name)).as_slice())
    };
}

/// Few members: what is said is tested here, not the fit.
const QUICK: &str = "--set shrinkage=[100] --set low_rank_ridge=[3] --set local_ridge=[1]";

/// The label is called `target`, another column holds the labels once more, and others are flags and weights.
#[test]
fn columns_are_taken_for_what_they_are() {
    let folder = with(&[case!("17-target.csv.gz"), case!("22-scores.csv.gz"), case!("23-scores.csv.gz")]);
    let taken = |table: &str| folder.ok(&format!("fit {table} --dry-run")).stdout;
    assert_eq!(
        taken("17-target.csv.gz"),
        "taken: label = target (positive: 1), id = instance_id, 4 classifiers: clf1, clf2, clf3, clf4\n"
    );
    let twice = taken("22-scores.csv.gz");
    assert!(twice.contains("4 classifiers: clf1, clf2, clf3, clf4; passed over: y_true ("), "{twice}");
    let flags = taken("23-scores.csv.gz");
    for column in ["fold2", "weekend", "weight"] {
        let (_, passed_over) = flags.split_once("passed over: ").expect("some are");
        assert!(passed_over.contains(&format!("{column} (")), "{flags}");
    }
}

/// New rows have `?` for a label: predicting needs none.
#[test]
fn unknown_labels_do_not_stop_a_prediction() {
    let folder = with(&[case!("18-train.csv.gz"), case!("18-question.csv.gz")]);
    folder.ok(&format!("fit 18-train.csv.gz {QUICK} --model-out m"));
    let ran = folder.ok("predict --model m 18-question.csv.gz");
    assert_eq!(ran.stdout.lines().count(), 41);
    assert!(ran.stdout.lines().nth(1).is_some_and(|line| line.starts_with("n0,")), "{}", ran.stdout);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
}

/// An inverted classifier is what matters among seven with gaps.
#[test]
fn what_matters_most_is_said_first_in_a_pipe_too() {
    let folder = with(&[case!("26-scores.csv.gz")]);
    let ran = folder.ok(&format!("fit 26-scores.csv.gz {QUICK} --format table --metrics-out m.json"));
    let said: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("finding: ")).collect();
    assert!(said[0].contains("\"clf9\" ranks the wrong way round"), "{said:?}");
    assert!(said.len() == 2 && said[1].contains("missing predictions"), "{said:?}");
    assert!(ran.stdout.contains("clf9\" ranks the wrong way round"), "{}", ran.stdout);
    assert_eq!(folder.ok(&format!("fit -q 26-scores.csv.gz {QUICK} --metrics-out m.json")).stderr, "");
}

/// The test rows are all negative: their average precision is not defined, and no check passes on them.
#[test]
fn one_class_outside_the_train_split() {
    let folder = with(&[case!("41-scores.csv.gz")]);
    folder.ok(&format!("fit 41-scores.csv.gz {QUICK} --model-out m --metrics-out j.json"));
    let json: serde_json::Value = serde_json::from_str(&folder.read("j.json")).expect("strict JSON");
    let test = &json["parts"][1];
    assert_eq!((&test["name"], &test["rows"], &test["positives"]), (&"test".into(), &60.into(), &0.into()));
    for metric in ["average_precision", "roc_auc", "best_f1"] {
        assert!(test["methods"][0][metric].is_null(), "{test:#}");
    }
    let error = folder.fails(1, "evaluate --model m 41-scores.csv.gz --min-average-precision 0.5");
    assert!(
        error.contains("test: average precision cannot be judged, because no labeled row is positive"),
        "{error}"
    );
}

/// All positives in one group, one group for all: no folds can be had. Rows without a group are groups of
/// their own.
#[test]
fn groups_that_allow_no_folds() {
    let folder = with(&[case!("45-onegroup.csv.gz"), case!("45-single.csv.gz"), case!("45-missing.csv.gz")]);
    for table in ["45-onegroup.csv.gz --group-column ward", "45-single.csv.gz --group-column g"] {
        let error = folder.fails(3, &format!("fit {table} --predictions-out p.csv"));
        assert!(error.contains("the groups do not make 5 folds"), "{error}");
    }
    // The number of folds is also a setting of the recommended combiner.
    let three = "fit 45-onegroup.csv.gz --group-column ward --set folds=3 --predictions-out p.csv";
    let error = folder.fails(3, three);
    assert!(error.contains("the groups do not make 3 folds"), "{error}");
    let ran =
        folder.ok(&format!("fit 45-missing.csv.gz --group-column patient {QUICK} --predictions-out p.csv"));
    assert!(ran.stderr.contains("the group column is empty in 207 rows"), "{}", ran.stderr);
}

/// Forty classifiers of which three know a little: in-sample figures are far too good. `p.csv` has honest
/// ones beside them.
#[test]
fn a_model_is_not_praised_on_its_own_rows() {
    let folder = with(&[case!("47-scores.csv.gz")]);
    folder.ok(&format!(
        "fit 47-scores.csv.gz {QUICK} --model-out m --predictions-out p.csv --metrics-out j.json"
    ));
    let evaluated = folder.ok("evaluate --model m 47-scores.csv.gz").stdout;
    assert!(evaluated.contains("IN-SAMPLE: the model was trained on 100% of these rows"), "{evaluated}");
    assert!(evaluated.contains("These rows cannot tell"), "{evaluated}");
    let error = folder.fails(1, "evaluate --model m 47-scores.csv.gz --min-average-precision 0.5");
    assert!(error.contains("cannot be judged, because the model was trained on"), "{error}");

    let text = folder.read("p.csv");
    let header: Vec<&str> = text.lines().next().expect("a header").split(',').collect();
    let column = |name: &str| -> Vec<f64> {
        let at = header.iter().position(|column| *column == name).expect(name);
        text.lines()
            .skip(1)
            .map(|line| line.split(',').nth(at).expect(name).parse().expect("a number"))
            .collect()
    };
    let labels: Vec<bool> = column("label").iter().map(|&y| y > 0.5).collect();
    let ap = |name: &str| Scored::new(&labels, &column(name)).expect("scores").ranking().average_precision();
    let json: serde_json::Value = serde_json::from_str(&folder.read("j.json")).expect("JSON");
    let printed = json["parts"][0]["methods"][0]["average_precision"].as_f64().expect("some");
    let honest = ap("out_of_fold_probability");
    // What is printed is the mean over folds, and this pools the folds: near each other, and both far from
    // in-sample.
    assert!((honest - printed).abs() < 0.1, "{honest} {printed}");
    assert!(ap("probability") > honest + 0.2, "{} {honest}", ap("probability"));
}

/// One classifier's train predictions were made on the rows it was trained on, and there are no others to see
/// it by.
#[test]
fn an_in_sample_classifier_is_met_with_suspicion() {
    let folder = with(&[case!("51-train_only.csv.gz")]);
    let ran = folder.ok(&format!("fit 51-train_only.csv.gz {QUICK} --format table"));
    let first = ran.stderr.lines().find(|line| line.starts_with("finding: ")).expect("a finding");
    assert!(first.contains("\"memo\" separates the train rows almost perfectly"), "{first}");
    assert!(ran.stdout.contains("* Look at this first: \"memo\" separates"), "{}", ran.stdout);
    let error = folder.fails(1, &format!("fit 51-train_only.csv.gz {QUICK} --strict --model-out m"));
    assert!(error.contains("memo") && !folder.files().contains(&"m".to_owned()), "{error}");
}

/// Four classifiers that know next to nothing: no cut has a precision of 0.9, and that is said.
#[test]
fn a_target_that_no_cut_reaches() {
    let folder = with(&[case!("60-weak0.csv.gz")]);
    let rule = "--threshold recall-at-precision=0.9";
    let text = folder.ok(&format!("fit 60-weak0.csv.gz {QUICK} {rule}")).stdout;
    assert!(text.contains("* No cut reaches precision 0.9; the nearest cut"), "{text}");
    assert!(!text.contains("largest recall at precision"), "{text}");
}

/// A group column that is empty throughout, a classifier without train predictions, rows without any
/// prediction.
#[test]
fn columns_and_rows_that_hold_nothing() {
    let folder =
        with(&[case!("60-emptygroup.csv.gz"), case!("60-newclf.csv.gz"), case!("60-manygaps.csv.gz")]);
    folder.ok(&format!("fit 60-emptygroup.csv.gz --group-column patient {QUICK} --metrics-out j.json"));
    let newclf = folder.ok(&format!("fit 60-newclf.csv.gz {QUICK} --metrics-out j.json")).stderr;
    assert!(newclf.contains("\"clf4\" has no prediction in the train rows"), "{newclf}");
    let gaps = folder.ok(&format!("fit 60-manygaps.csv.gz {QUICK} --metrics-out j.json")).stderr;
    let first = gaps.lines().find(|line| line.starts_with("finding: ")).expect("a finding");
    assert!(first.contains("60 rows have no prediction at all"), "{first}");
}
