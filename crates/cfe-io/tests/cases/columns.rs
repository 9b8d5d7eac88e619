//! Which column means what: labels, splits, classifiers.

use crate::*;

#[test]
fn labels_of_any_two_values() {
    for (no, yes) in [
        ("0", "1"),
        ("No", "Yes"),
        ("legit", "fraud"),
        ("-1", "1"),
        ("1", "2"),
        ("F", "T"),
        ("N", "Y"),
        ("neg", "pos"),
        ("0.0", "1.0"),
        ("False", "True"),
        ("FALSE", "TRUE"),
        ("kept", "not kept"),
        ("b", "a"),
    ] {
        let text = PLAIN.replace(",1,", &format!(",{yes},")).replace(",0,", &format!(",{no},"));
        let text = if yes == "not kept" {
            text.replace("not kept", "x").replace("kept", "not kept").replace("x", "kept")
        } else {
            text
        };
        let table = read(&text);
        is_plain(&table);
        let positive = if yes == "not kept" { "kept" } else { yes };
        assert_eq!(table.taken.positive.as_deref(), Some(positive), "{no} {yes}");
        assert!(table.taken.to_string().contains("positive: "), "{}", table.taken);
        let turned = with(&text, |o| {
            o.positive_label = Some(if yes == "not kept" { "not kept" } else { no }.to_owned())
        });
        assert_eq!(turned.expect("said").truth, [Some(false), Some(true), Some(true)]);
    }
    refused(
        with(&PLAIN.replace("c3,0", "c3,2"), |_| {}),
        &["line 4, column \"label\": \"2\" is not a label", "--positive-label"],
    );
    refused(
        with(PLAIN, |o| o.positive_label = Some("yes".into())),
        &["no row has the positive label \"yes\"", "\"1\", \"0\""],
    );
    let tie = "id,label,a,b\n1,cat,0.9,0.8\n2,dog,0.2,0.1\n";
    refused(with(tie, |_| {}), &["either of \"cat\", \"dog\"", "--positive-label"]);
}

#[test]
fn labels_and_their_columns_are_found() {
    for name in
        ["target", "TARGET", "Label", "y", "Y", "Class", "outcome", "y_true", "is_chargeback", "churn_label"]
    {
        let table = read(&PLAIN.replace("label", name));
        is_plain(&table);
        assert_eq!(table.taken.label.as_deref(), Some(name));
        is_plain(
            &with(&PLAIN.replace("label", name), |o| o.label_column = Some(name.to_uppercase()))
                .expect("named"),
        );
    }
    // Of two candidates the surer one, and the other is not a classifier.
    let twice = "instance_id,label,y_true,clf1,clf2\nc1,1,1,0.9,0.7\nc2,0,0,0.2,0.1\nc3,0,0,0.4,0.3\n";
    let table = read(twice);
    is_plain(&table);
    assert_eq!(reasons(&table), [("y_true", "another label, by its name")]);
    // What cannot be guessed is one message.
    let two = "id,night,foreign,clf1\n1,1,0,0.9\n2,0,0,0.2\n3,0,1,0.4\n";
    let error = read(two).require_labels().expect_err("two candidates").to_string();
    for part in ["--label-column", "\"night\" with \"1\" and \"0\"", "\"foreign\"", "\"clf1\""] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn predicting_needs_no_labels() {
    for word in ["?", "unknown", "None", "", "x", "to be told"] {
        let text = PLAIN.replace(",1,", &format!(",{word},")).replace(",0,", &format!(",{word},"));
        let table = with(&text, |o| {
            o.labels = Labels::IfPresent;
            o.classifiers = Some(vec!["clf1".into(), "clf2".into()]);
        });
        let table = table.unwrap_or_else(|error| panic!("{word}: {error}"));
        assert_eq!(table.truth, [None, None, None], "{word}");
        assert_eq!(table.data.predictions()[(1, 2)], 0.3);
    }
    let table = with(PLAIN, |o| o.labels = Labels::IfPresent).expect("readable");
    assert_eq!(table.truth, [Some(true), Some(false), Some(false)]);
    assert_eq!(with(PLAIN, |o| o.labels = Labels::Ignored).expect("readable").truth, [None, None, None]);
}

#[test]
fn columns_that_are_no_classifiers_are_passed_over_and_said() {
    let text = "instance_id,label,fold2,weekend,exposure,age,city,n_cards,day,svm,clf1,clf2\n\
                c1,1,1,1,1.0,41.5,Rome,0,2026-01-03,-1.5,0.9,0.7\n\
                c2,0,0,1,0.5,65.25,Oslo,1,2026-01-04,-2.5,0.2,0.1\n\
                c3,0,0,0,0.5,82.75,Rome,3,2026-01-05,-0.5,0.4,0.3\n";
    let table = read(text);
    is_plain(&table);
    let passed = reasons(&table);
    let names: Vec<&str> = passed.iter().map(|(name, _)| *name).collect();
    for name in ["fold2", "weekend", "exposure", "age", "city", "n_cards", "day", "svm"] {
        assert!(names.contains(&name), "{name} is not in {passed:?}");
    }
    assert!(passed.contains(&("fold2", "a fold or repetition, by its name")), "{passed:?}");
    assert!(passed.contains(&("city", "text, such as \"Rome\"")), "{passed:?}");
    assert!(passed.contains(&("n_cards", "whole numbers from 0 to 3")), "{passed:?}");
    assert!(table.taken.to_string().starts_with(
        "taken: label = label (positive: 1), id = instance_id, 2 classifiers: clf1, clf2; passed over: "
    ));
    // A flag that no name gives away stays, with a word.
    let flag = PLAIN
        .replace("clf1", "clf1,hard")
        .replace("0.9", "0.9,1")
        .replace("0.2", "0.2,0")
        .replace("0.4", "0.4,1");
    let table = read(&flag);
    assert_eq!(table.data.classifier_names(), ["clf1", "hard", "clf2"]);
    assert!(table.taken.to_string().contains("0 and 1 only in \"hard\""), "{}", table.taken);
}

#[test]
fn columns_are_chosen_in_every_way() {
    let text = "id,label,clf1,clf2,old\n1,1,0.9,0.7,0.5\n2,0,0.2,0.1,0.6\n3,0,0.4,0.3,0.7\n";
    type Change = fn(&mut TableOptions);
    let changes: [Change; 8] = [
        |o| o.columns = vec!["clf*".into()],
        |o| o.columns = vec!["clf1,clf2".into()],
        |o| o.columns = vec!["clf1".into(), "clf2".into()],
        |o| o.columns = vec!["*,!old".into()],
        |o| o.columns = vec!["!old".into()],
        |o| o.exclude = vec!["old".into()],
        |o| o.exclude = vec!["o*, nothing*".into()],
        |o| o.columns = vec!["clf?".into()],
    ];
    for change in changes {
        is_plain(&with(text, change).expect("readable"));
    }
    refused(
        with(text, |o| o.columns = vec!["nothing*".into()]),
        &["no column matches \"nothing*\"", "\"clf1\""],
    );
    refused(with(text, |o| o.columns = vec!["clf1,clf9".into()]), &["no column \"clf9\"", "\"clf2\""]);
    refused(with(text, |o| o.exclude = vec!["clf9".into()]), &["no column \"clf9\""]);
    let comma = text.replacen("clf1", "\"clf1,b\"", 1);
    assert_eq!(
        with(&comma, |o| o.columns = vec!["clf1,b".into()]).expect("a name").data.classifier_names(),
        ["clf1,b"]
    );
}

#[test]
fn splits_as_people_write_them() {
    let text = |name: &str, values: [&str; 3]| {
        let mut text = PLAIN.replacen("label", &format!("label,{name}"), 1);
        for (row, value) in ["c1,1", "c2,0", "c3,0"].iter().zip(values) {
            text = text.replace(row, &format!("{row},{value}"));
        }
        text
    };
    for (name, values) in [
        ("split", ["Train", "Train", "Test"]),
        ("set", ["TRAINING", "training", "holdout"]),
        ("is_train", ["True", "True", "False"]),
        ("is_train", ["1", "1", "0"]),
        ("is_test", ["0", "0", "1"]),
        ("dataset", ["train", "train", "test"]),
        ("split", ["dev", "dev", "test"]),
        ("split", ["in-sample", "in-sample", "out-of-sample"]),
        ("split", ["Training set", "Training set", "Test set"]),
        // By content.
        ("kind", ["train", "train", "test"]),
    ] {
        let table = read(&text(name, values));
        is_plain(&table);
        assert_eq!(table.in_train, [true, true, false], "{name}");
        assert_eq!(table.taken.roles.split.as_deref(), Some(name));
        let named = with(&text(name, values), |o| o.split_column = Some(name.to_owned())).expect("named");
        assert_eq!(named.in_train, [true, true, false], "{name}");
    }
    // Where it is not known what is for training, no row is left out in silence. A flag is not a classifier.
    for values in [["a", "a", "b"], ["True", "True", "False"], ["1", "1", "0"], ["test", "test", "test"]] {
        let table = read(&text("split", values));
        is_plain(&table);
        assert!(table.in_train.iter().all(|train| *train) && table.taken.roles.split.is_none());
        let warned = table.warnings.iter().map(TableWarning::to_string).collect::<String>();
        assert!(warned.contains("give --split-column split --train-value"), "{values:?}: {warned}");
    }
    let folds =
        with(&text("fold", ["0", "1", "2"]), |o| o.split_column = Some("fold".into())).expect("readable");
    let error = folds.require_labels().expect_err("no train row").to_string();
    assert!(
        error.contains("\"fold\" holds \"0\", \"1\", \"2\"") && error.contains("--train-value"),
        "{error}"
    );
    let fold = with(&text("fold", ["0", "1", "0"]), |o| {
        o.split_column = Some("fold".into());
        o.train_value = Some("0".into());
    });
    assert_eq!(fold.expect("said").in_train, [true, false, true]);
}
