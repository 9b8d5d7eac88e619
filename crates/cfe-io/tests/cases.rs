//! Tables as pandas, R, Excel, SQL and Weka write them, each with the values that a person expects.

use std::fs;
use std::io::Write;
use std::path::Path;

use cfe_io::{
    Input, Labels, Scale, Source, Table, TableError, TableOptions, TableResult, TableWarning, read_table,
};
use ndarray::{Array1, Array2, array};
use ndarray_npy::NpzWriter;

/// Three rows as every form of them should be read.
const PLAIN: &str = "instance_id,label,clf1,clf2\nc1,1,0.9,0.7\nc2,0,0.2,0.1\nc3,0,0.4,0.3\n";

fn read(text: &str) -> Table {
    read_table(Source::bytes("t.csv", text.into()), &TableOptions::default())
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn with(text: &str, change: impl FnOnce(&mut TableOptions)) -> TableResult<Table> {
    let mut options = TableOptions::default();
    change(&mut options);
    read_table(Source::bytes("t.csv", text.into()), &options)
}

#[track_caller]
fn refused(result: TableResult<Table>, parts: &[&str]) -> TableError {
    let error = match result {
        Ok(table) => panic!("read: {}", table.taken),
        Err(error) => error,
    };
    let message = error.to_string();
    parts.iter().for_each(|part| assert!(message.contains(part), "{part:?} is not in {message:?}"));
    error
}

#[track_caller]
fn is_plain(table: &Table) {
    assert_eq!(table.data.classifier_names(), ["clf1", "clf2"], "{}", table.taken);
    assert_eq!(table.data.predictions(), array![[0.9, 0.2, 0.4], [0.7, 0.1, 0.3]], "{}", table.taken);
    assert_eq!(table.truth, [Some(true), Some(false), Some(false)], "{}", table.taken);
}

fn reasons(table: &Table) -> Vec<(&str, &str)> {
    table.taken.passed_over.iter().map(|p| (p.column.as_str(), p.reason.as_str())).collect()
}

#[test]
fn text_as_programs_write_it() {
    let semicolon = PLAIN.replace(',', ";");
    let quoted = PLAIN.lines().map(|l| format!("\"{}\"\r\n", l.replace(',', "\",\""))).collect::<String>();
    for text in [
        // Excel's hint, comments before the header, and a header that begins with #.
        format!("sep=;\n{semicolon}"),
        format!("# nightly job 17\n# models: 4\n{PLAIN}"),
        format!("# seed 3, folds 5, n 240\n{PLAIN}"),
        format!("##source=caller 2.1\n##date=2026\n#{}", PLAIN.replace(',', "\t")),
        format!("# {PLAIN}"),
        // A delimiter at the end of every line, or of the rows, or of the header.
        PLAIN.replace('\n', ",\n"),
        PLAIN.replace('\n', ",\n").replacen(",\n", "\n", 1),
        PLAIN.replacen('\n', ",\n", 1),
        // Spaces, CR alone, decimal comma, a byte order mark with quotes, padded cells.
        PLAIN.replace(',', " "),
        PLAIN.replace(',', "    ").replace('\n', "  \n  "),
        PLAIN.replace('\n', "\r"),
        semicolon.replace("0.", "0,"),
        format!("\u{feff}{quoted}"),
        PLAIN.replace(',', " , "),
        PLAIN.replace(',', ", ").replace("c1", "\"c1\"").replace("0.9", "\"0.9\""),
        PLAIN.replace("c2", "\"a \\\"b\\\", c\""),
    ] {
        is_plain(&read(&text));
    }
    let utf16: Vec<u8> = PLAIN.replace(',', "\t").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16 = [b"\xff\xfe".to_vec(), utf16].concat();
    is_plain(&read_table(Source::bytes("t.txt", utf16), &TableOptions::default()).expect("UTF-16"));
    let latin = [PLAIN.as_bytes(), b"caf\xe9,0,0.5,0.5\n"].concat();
    let read_latin = |encoding: Option<&str>| {
        let mut options = TableOptions::default();
        options.encoding = encoding.map(str::to_owned);
        read_table(Source::bytes("t.csv", latin.clone()), &options)
    };
    refused(read_latin(None), &["line 5", "--encoding"]);
    assert_eq!(read_latin(Some("latin1")).expect("decoded").data.instance_id(3), "café");
    let zeros = read(&PLAIN.replace('c', "00").replace("00lf", "clf").replace("instan00e", "instance"));
    assert_eq!(zeros.data.instance_id(0), "001");
    // Lines in messages are those of the file.
    refused(with(&format!("sep=,\n# x\n{PLAIN}c4,0,0.5,7\n"), |_| {}), &["t.csv, line 7", "7 is not"]);
}

#[test]
fn what_stands_above_a_header_is_skipped_and_said() {
    for (above, said) in [
        ("Scores of the fraud models\n", "skipped 1 row above the header (\"Scores of the fraud models\")"),
        ("Scores\nmade on 2026-01-01\n\n", "skipped 2 rows above the header (\"Scores\")"),
        ("Report,,,\n,,,\n", "skipped 2 rows above the header (\"Report\")"),
        (",,,\n,,,\n", "skipped 2 rows above the header"),
        ("by: bob, 2026\n", "skipped 1 row above the header (\"by: bob, 2026\")"),
        ("\"all \"\"A\"\", models\"\n", "skipped 1 row above the header"),
        ("% made by a tool\n// twice\n", "skipped 2 rows above the header (\"% made by a tool\")"),
    ] {
        let table = read(&format!("{above}{PLAIN}"));
        is_plain(&table);
        assert!(table.taken.to_string().contains(said), "{}", table.taken);
        // Lines are counted as the file has them.
        let lines = above.matches('\n').count() + 2;
        let bad = format!("{above}{}", PLAIN.replace("0.9", "9"));
        refused(with(&bad, |_| {}), &[&format!("line {lines}, column \"clf1\": 9")]);
    }
    let excel = PLAIN.replace(',', ";").replace('.', ",");
    is_plain(&read(&format!("Export von Max; 2026\n\n{excel}")));
}

#[test]
fn a_table_without_a_header_is_refused() {
    let bare = PLAIN.split_once('\n').expect("a header").1;
    for text in [bare, "1,0.9,0.7\n0,0.2,0.1\n", "1.0 2.5e-1 3.5e-1\n0.0 1.5e-1 2.5e-1\n"] {
        refused(with(text, |_| {}), &["line 1: the table has no header", "cat t.csv"]);
    }
    // Numbers may be names.
    let table = read("label,0,1\n1,0.9,0.7\n0,0.2,0.1\n0,0.4,0.3\n");
    assert_eq!(table.data.classifier_names(), ["0", "1"]);
    let quantiles = read("label,0.1,0.9\n1,0.9,0.7\n0,0.2,0.1\n");
    assert_eq!(quantiles.data.classifier_names(), ["0.1", "0.9"]);
}

#[test]
fn a_message_names_what_a_line_may_be() {
    let twice = format!("{PLAIN}{PLAIN}");
    refused(with(&twice, |_| {}), &["line 5", "the header stands here again", "delete this line"]);
    refused(with(&format!("{PLAIN}# 3 rows\n"), |_| {}), &["line 5: 1 cells", "delete it if it is a note"]);
    let text = "label,a,b\n1,np.float64(0.9),[0.7]\n0,np.float64(0.2),[0.1]\n";
    refused(
        with(text, |_| {}),
        &["no column holds probabilities", "\"a\" (text, such as \"np.float64(0.9)\")", "\"b\" (text"],
    );
    refused(with("<table border=\"1\">\n<tr>", |_| {}), &["a table in HTML", "pandas.read_html('t.csv')"]);
}

#[test]
fn row_names_of_r_and_the_index_of_pandas() {
    let r = "\"label\",\"clf1\",\"clf2\"\n\"1\",1,0.9,0.7\n\"2\",0,0.2,0.1\n\"3\",0,0.4,0.3\n";
    for text in [r.to_owned(), r.replace(',', " "), r.replacen("\"label\"", "\"\",\"label\"", 1)] {
        let table = read(&text);
        is_plain(&table);
        assert_eq!(table.data.instance_id(2), "3");
    }
    for name in ["", "index", "Unnamed: 0", "rownames", "id", "ID", "SK_ID_CURR", "customer_id", "CustomerId"]
    {
        for ids in [["100001", "100002", "100003"], ["c1", "c2", "c3"], ["0", "1", "2"]] {
            let mut text = PLAIN.replace("instance_id", name);
            ["c1", "c2", "c3"]
                .iter()
                .zip(ids)
                .for_each(|(old, new)| text = text.replace(&format!("{old},"), &format!("{new},")));
            let table = read(&text);
            is_plain(&table);
            assert_eq!(table.taken.roles.id.as_deref(), Some(name));
            assert_eq!(table.data.instance_id(1), ids[1], "{name}");
        }
    }
    // Two rows of one cell more each could be row names or not; of one row alone it is not guessed.
    refused(with("label,clf1\n1,0.9,0.7\n", |_| {}), &["3 cells, but the header has 2"]);
}

#[test]
fn missing_values_as_everybody_writes_them() {
    let text = |token: &str| PLAIN.replace("0.2", token);
    for token in [
        "", " ", "NA", "NaN", "nan", "NULL", "null", "<NA>", "None", "N/A", "n/a", "#N/A", "-nan", "\\N",
        "#NA",
    ] {
        let table = read(&text(token));
        assert!(table.data.predictions()[(0, 1)].is_nan(), "{token:?}");
        assert_eq!(table.data.n_missing(), 1);
    }
    for token in [".", "?", "-", "missing", "-1", "-999", "inf"] {
        refused(with(&text(token), |_| {}), &["t.csv, line 3, column \"clf1\"", "--missing"]);
        let table = with(&text(token), |o| o.missing = vec![token.to_owned()]).expect("said");
        assert!(table.data.predictions()[(0, 1)].is_nan(), "{token:?}");
    }
}

#[test]
fn percent_and_scores() {
    let hundred = "id,label,a,b\n1,1,27.151,38.348\n2,0,6.292,31.5\n3,0,0.5,2.1\n";
    refused(with(hundred, |_| {}), &["line 2, column \"a\": 27.151 is not a probability", "--scale percent"]);
    let sign = "id,label,a,b\n1,1,27.15%,38.35%\n2,0,6.29%,31.5%\n3,0,0.5%,2.1%\n";
    refused(with(sign, |_| {}), &["\"27.15%\" is not a number", "--scale percent"]);
    for text in [hundred, sign] {
        let table = with(text, |o| o.scale = Scale::Percent).expect("said");
        assert!((table.data.predictions()[(1, 1)] - 0.315).abs() < 1e-15);
        assert!(table.warnings.is_empty(), "{:?}", table.warnings);
    }
    // Fractions that are divided once more are said.
    let fractions = "id,label,a,b\n1,1,0.25,0.5\n2,0,0.06,0.31\n3,0,0.05,0.25\n";
    let fractions = with(fractions, |o| o.scale = Scale::Percent);
    let said = fractions.expect("readable").warnings[0].to_string();
    assert!(said.contains("0.5, and --scale percent divides it by 100"), "{said}");
    let scores = "id,label,a,b\n1,1,2.5,1.5\n2,0,-3.0,-0.25\n3,0,-0.5,-2.0\n";
    refused(with(scores, |_| {}), &["2.5 is not a probability", "--input score"]);
    let table = with(scores, |o| o.input = Input::Score).expect("said");
    // 1 / (1 + exp(3)).
    assert!((table.data.predictions()[(0, 1)] - 0.047_425_873_177_566_78).abs() < 1e-16);
}

#[test]
fn a_hair_outside_is_clipped_and_said() {
    for (cell, value) in
        [("1.0000001192092896", 1.0), ("1.0000000000000007", 1.0), ("-2.3e-17", 0.0), ("1.00000536", 1.0)]
    {
        let table = read(&PLAIN.replace("0.2", cell));
        assert_eq!(table.data.predictions()[(0, 1)], value, "{cell}");
        let clipped = |w: &&TableWarning| matches!(w, TableWarning::Clipped { cells: 1, .. });
        let warning = table.warnings.iter().find(clipped).expect("said").to_string();
        assert!(warning.contains("1 cell is a hair outside 0 to 1") && warning.contains("clf1"), "{warning}");
    }
    refused(with(&PLAIN.replace("0.2", "1.01"), |_| {}), &["1.01 is not a probability"]);
}

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

#[test]
fn long_tables_are_pivoted() {
    let mut long = String::from("row_id,model,fold,label,prob\n");
    for (id, label, p) in [("c1", 1, [0.9, 0.7]), ("c2", 0, [0.2, 0.1]), ("c3", 0, [0.4, 0.3])] {
        for (model, p) in ["clf1", "clf2"].iter().zip(p) {
            long += &format!("{id},{model},0,{label},{p}\n");
        }
    }
    let table = read(&long);
    is_plain(&table);
    assert_eq!(table.data.instance_id(2), "c3");
    assert!(
        table.taken.to_string().contains("a long table: 6 rows of 2 classifiers for 3 instances"),
        "{}",
        table.taken
    );
    // The rows of one classifier together, as caret writes them.
    let mut lines: Vec<&str> = long.lines().collect();
    lines[1..].sort_by_key(|line| line.contains("clf2"));
    is_plain(&read(&(lines.join("\n") + "\n")));
    // What is missing in the long table is missing in the wide one, and repetitions are averaged.
    let lines: Vec<&str> = long.lines().filter(|line| !line.starts_with("c2,clf2")).collect();
    let table = read(&(lines.join("\n") + "\nc1,clf1,1,1,0.7\n"));
    assert!(table.data.predictions()[(1, 1)].is_nan());
    assert!((table.data.predictions()[(0, 0)] - 0.8).abs() < 1e-15);
    assert!(table.taken.to_string().contains("means of several rows"), "{}", table.taken);
    // A model's table may be long as well.
    let chosen = with(&long, |o| o.classifiers = Some(vec!["clf2".into(), "clf1".into()])).expect("pivoted");
    assert_eq!(chosen.data.predictions().row(0).to_vec(), [0.7, 0.1, 0.3]);
    refused(
        with(&(long.clone() + "c1,clf1,1,0,0.7\n"), |_| {}),
        &["line 8, column \"label\"", "\"c1\"", "line 2"],
    );
    // A first row without a label hides no contradiction among the others.
    let unlabeled = long.replacen("c1,clf1,0,1,", "c1,clf1,0,,", 1);
    is_plain(&read(&unlabeled));
    refused(with(&(unlabeled + "c1,clf1,1,0,0.7\n"), |_| {}), &["line 8, column \"label\"", "\"c1\""]);
}

#[test]
fn long_tables_as_caret_mlr3_and_numbers_write_them() {
    let rows = [("c1", 1, [0.9, 0.7]), ("c2", 0, [0.2, 0.1]), ("c3", 0, [0.4, 0.3])];
    let long = |header: &str, line: &dyn Fn(&str, usize, i32, f64) -> String| {
        let mut text = format!("{header}\n");
        for (id, label, p) in rows {
            (0..2).for_each(|k| text += &(line(id, k, label, p[k]) + "\n"));
        }
        text
    };
    let yes = |label: i32| if label == 1 { "yes" } else { "no" };
    let hard = |p: f64| u8::from(p > 0.5);
    // mlr3: the response is the hard prediction, and both classes have a column.
    let mlr3 = long("row_ids,truth,response,prob.pos,prob.neg,learner_id", &|id, k, y, p| {
        format!("{id},{y},{},{p},{:.1},clf{}", hard(p), 1.0 - p, k + 1)
    });
    is_plain(&read(&mlr3));
    let caret = long("rowIndex,method,pred,obs,no,yes,Resample", &|id, k, y, p| {
        format!("{},clf{},{},{},{:.1},{p},Fold1", &id[1..], k + 1, yes(i32::from(hard(p))), yes(y), 1.0 - p)
    });
    is_plain(&read(&caret));
    let tidymodels = long(".row,wflow_id,.pred_bad,.pred_fine,Class", &|id, k, y, p| {
        format!("{id},clf{},{p},{:.1},{}", k + 1, 1.0 - p, if y == 1 { "bad" } else { "fine" })
    });
    is_plain(&read(&tidymodels));
    // New rows without labels are read as those of training were.
    let unlabeled = tidymodels.replace(",bad\n", ",\n").replace(",fine\n", ",\n");
    let new = with(&unlabeled, |o| {
        o.labels = Labels::IfPresent;
        o.remembered.positive = Some("bad".into());
        o.classifiers = Some(vec!["clf1".into(), "clf2".into()]);
    });
    assert_eq!(new.expect("readable").data.predictions(), array![[0.9, 0.2, 0.4], [0.7, 0.1, 0.3]]);
    // Which class is positive is only known once all labels are read.
    let turned = with(&tidymodels, |o| o.positive_label = Some("fine".into())).expect("readable");
    assert_eq!(turned.data.predictions().row(1).mapv(|p| (1e6 * p).round() / 1e6), array![0.3, 0.9, 0.7]);
    // Classifiers that are numbers.
    let numbers = long("row_id,model,label,prob", &|id, k, y, p| format!("{id},{},{y},{p}", k + 1));
    let table = read(&numbers);
    assert_eq!(table.data.classifier_names(), ["1", "2"]);
    assert_eq!(table.data.predictions(), array![[0.9, 0.2, 0.4], [0.7, 0.1, 0.3]]);
    // Rows of other classifiers are never averaged as if they were repetitions.
    let unknown = long("row_id,model,fold,label,p_a,p_b,p_c", &|id, k, y, p| {
        format!("{id},m{k},0,{y},{p},{:.2},{:.2}", p / 2.0, p / 4.0)
    });
    refused(
        with(&unknown, |_| {}),
        &["\"c1\" was used in line 2 already", "`model`", "`repeat`", "--exclude"],
    );
}

#[test]
fn ids_of_instances_that_repeat_are_not_passed_over_in_silence() {
    let text = |id: &str, extra: &str| {
        format!("{id},{extra},y,a,b\n1,7,1,0.8,0.7\n2,7,0,0.2,0.1\n1,8,1,0.6,0.5\n2,8,0,0.4,0.3\n")
    };
    for (id, extra) in [("row", "seed"), ("row_id", "run"), ("sample_id", "random_state")] {
        let table = read(&text(id, extra));
        assert_eq!(table.data.n_instances(), 2, "{id}: {}", table.taken);
        assert!((table.data.predictions()[(0, 0)] - 0.7).abs() < 1e-15);
    }
    refused(with(&text("row_id", "n"), |_| {}), &["the id \"1\" was used in line 2"]);
    let table = read(&text("index", "n"));
    assert_eq!(table.data.n_instances(), 4);
    assert!(
        table.warnings.iter().any(|w| matches!(w, TableWarning::RepeatedIds { .. })),
        "{:?}",
        table.warnings
    );
    // Columns of seeds are classifiers where they hold fractions, and what is excluded is not guessed.
    let seeds = read("y,seed1,seed2\n1,0.8,0.7\n0,0.2,0.1\n");
    assert_eq!(seeds.data.classifier_names(), ["seed1", "seed2"]);
    let without = with(&text("id", "n"), |o| o.exclude = vec!["id".into(), "n".into()]).expect("no id");
    assert_eq!((without.data.n_instances(), without.data.instance_ids()), (4, None));
}

#[test]
fn repeated_cross_validation_is_averaged() {
    let text = "id,repeat,y,a,b\n1,1,1,0.8,0.7\n2,1,0,0.2,0.1\n1,2,1,0.6,0.5\n2,2,0,0.4,\n";
    let table = read(text);
    assert_eq!(table.data.n_instances(), 2);
    assert!((table.data.predictions()[(0, 0)] - 0.7).abs() < 1e-15);
    assert_eq!(table.data.predictions()[(1, 1)], 0.1);
    assert_eq!(table.truth, [Some(true), Some(false)]);
    assert!(table.taken.to_string().contains("4 rows of 2 ids, means of several rows"), "{}", table.taken);
    // Without such a column ids that repeat are an error where they are sure, and a word where they were
    // guessed.
    refused(with("id,y,a\n1,1,0.8\n1,0,0.2\n2,0,0.3\n", |_| {}), &["the id \"1\" was used in line 2"]);
    let mut customers = String::from("customer_id,y,a,b\n");
    (0..6000).for_each(|i| customers += &format!("{i},{},0.{i},0.5\n", i % 2));
    customers += "5,1,0.25,0.5\n";
    let table = read(&customers);
    assert_eq!((table.data.n_instances(), table.data.instance_ids()), (6001, None));
    assert!(
        table.warnings.iter().any(|w| matches!(w, TableWarning::RepeatedIds { .. })),
        "{:?}",
        table.warnings
    );
}

#[test]
fn pairs_of_both_classes_are_recognized() {
    let text = "instance_id,label,clf1_predict,clf1_p0,clf1_p1,clf2_p0,clf2_p1\n\
                c1,1,1,0.1,0.9,0.3,0.7\nc2,0,0,0.8,0.2,0.9,0.1\nc3,0,0,0.6,0.4,0.7,0.3\n";
    let table = read(text);
    assert_eq!(table.data.classifier_names(), ["clf1_p1", "clf2_p1"]);
    assert_eq!(table.data.predictions(), array![[0.9, 0.2, 0.4], [0.7, 0.1, 0.3]]);
    let passed = reasons(&table);
    assert!(
        passed.contains(&("clf1_p0", "1 - clf1_p1")) && passed.contains(&("clf2_p0", "1 - clf2_p1")),
        "{passed:?}"
    );
    assert!(passed.contains(&("clf1_predict", "hard predictions, 0 and 1 only")), "{passed:?}");
    let gaps = read(&text.replace("0.3,0.7\n", "0.3,\n"));
    assert_eq!(gaps.data.classifier_names(), ["clf1_p1", "clf2_p1"]);
    assert!(
        reasons(&gaps).contains(&("clf2_p0", "1 - clf2_p1, but alone in 1 rows")),
        "{:?}",
        reasons(&gaps)
    );
    // `clf1_pred` beside `clf1_p1` is hard; alone it may be all that there is of a classifier.
    let hard = read(&text.replace("clf1_predict", "clf1_pred"));
    assert_eq!(hard.data.classifier_names(), ["clf1_p1", "clf2_p1"]);
    let alone = read("label,svm_pred,rf_prob\n1,1,0.9\n0,0,0.2\n0,1,0.4\n");
    assert_eq!(alone.data.classifier_names(), ["svm_pred", "rf_prob"]);
    let chosen = with(text, |o| o.columns = vec!["clf1_p*".into()]).expect("as asked");
    assert_eq!(chosen.data.n_classifiers(), 3);
    assert!(chosen.warnings.iter().any(|w| w.to_string().contains("sum to 1 in every row")));
}

fn packed(bytes: &[u8], name: &str) -> Vec<u8> {
    match name {
        "gz" => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            out.write_all(bytes).expect("in memory");
            out.finish().expect("in memory")
        }
        "bz2" => {
            let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
            out.write_all(bytes).expect("in memory");
            out.finish().expect("in memory")
        }
        "xz" => {
            let mut out = Vec::new();
            lzma_rs::xz_compress(&mut &*bytes, &mut out).expect("in memory");
            out
        }
        #[cfg(feature = "parquet")]
        "zst" => zstd::stream::encode_all(bytes, 1).expect("in memory"),
        _ => {
            let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
            let options = zip::write::SimpleFileOptions::default();
            out.start_file("__MACOSX/._t.csv", options).expect("in memory");
            out.start_file("scores/t.csv", options).expect("in memory");
            out.write_all(bytes).expect("in memory");
            out.finish().expect("in memory").into_inner()
        }
    }
}

#[test]
fn packings_are_undone_and_others_are_named() {
    for name in ["gz", "bz2", "xz", "zip", if cfg!(feature = "parquet") { "zst" } else { "gz" }] {
        let bytes = packed(PLAIN.as_bytes(), name);
        let table =
            read_table(Source::bytes(format!("t.csv.{name}"), bytes.clone()), &TableOptions::default());
        is_plain(&table.unwrap_or_else(|error| panic!("{name}: {error}")));
        let twice = packed(&bytes, "gz");
        is_plain(&read_table(Source::bytes("t", twice), &TableOptions::default()).expect(name));
        let cut = bytes[..bytes.len() / 2].to_vec();
        read_table(Source::bytes("t", cut), &TableOptions::default()).expect_err(name);
    }
    let rds = packed(b"X\n\0\0\0\x03\0\x04\x01\0", "gz");
    for (bytes, what, cure) in [
        (&b"\x80\x04\x95\x10\0\0"[..], "a Python pickle", "read_pickle('f')"),
        (&rds, "an R object", "readRDS(\"f\")"),
        (b"FEA1\0\0\0\0", "Feather file of version 1", "read_feather"),
        (b"\x89HDF\r\n\x1a\n", "HDF5", "read_hdf"),
        (b"SQLite format 3\0", "SQLite", "sqlite3"),
        (b"PARE1234", "encrypted Parquet", "without encryption"),
        (b"<!DOCTYPE html><html>", "a web page", "download"),
        (b"@RELATION iris\n", "ARFF", "loadarff"),
        (b"Obj\x01", "Avro", "read_avro"),
    ] {
        let table = read_table(Source::bytes("f", bytes.to_vec()), &TableOptions::default());
        assert!(matches!(refused(table, &["f: this is ", what, cure]), TableError::OtherFormat { .. }));
    }
    let mut layers = PLAIN.as_bytes().to_vec();
    (0..5).for_each(|_| layers = packed(&layers, "gz"));
    refused(
        read_table(Source::bytes("f", layers), &TableOptions::default()),
        &["packed more than three times"],
    );
}

#[test]
fn json_as_pandas_and_others_write_it() {
    for text in [
        r#"{"instance_id":"c1","label":1,"clf1":0.9,"clf2":0.7}
           {"instance_id":"c2","label":0,"clf1":0.2,"clf2":0.1}
           {"instance_id":"c3","label":0,"clf1":0.4,"clf2":0.3}"#,
        r#"[{"instance_id":"c1","label":true,"clf1":0.9,"clf2":0.7},{"label":false,"instance_id":"c2","clf2":0.1,"clf1":0.2},
            {"instance_id":"c3","label":false,"clf1":0.4,"clf2":0.3}]"#,
        r#"{"instance_id":{"0":"c1","1":"c2","2":"c3"},"label":{"0":1,"1":0,"2":0},"clf1":{"0":0.9,"1":0.2,"2":0.4},
            "clf2":{"0":0.7,"1":0.1,"2":0.3}}"#,
        r#"{"instance_id":["c1","c2","c3"],"label":[1,0,0],"clf1":[0.9,0.2,0.4],"clf2":[0.7,0.1,0.3]}"#,
        r#"{"columns":["instance_id","label","clf1","clf2"],"index":[0,1,2],"data":[["c1",1,0.9,0.7],["c2",0,0.2,0.1],["c3",0,0.4,0.3]]}"#,
        // pandas, orient="index"; of an index of text, the more are the rows.
        r#"{"0":{"instance_id":"c1","label":1,"clf1":0.9,"clf2":0.7},"1":{"instance_id":"c2","label":0,"clf1":0.2,"clf2":0.1},
            "2":{"instance_id":"c3","label":0,"clf1":0.4,"clf2":0.3}}"#,
        // pandas, orient="table", and an answer of a service.
        r#"{"schema":{"fields":[{"name":"label","type":"integer"}],"primaryKey":["instance_id"]},"data":[
            {"instance_id":"c1","label":1,"clf1":0.9,"clf2":0.7},{"instance_id":"c2","label":0,"clf1":0.2,"clf2":0.1},
            {"instance_id":"c3","label":0,"clf1":0.4,"clf2":0.3}]}"#,
        r#"{"model":"a","results":[{"instance_id":"c1","label":1,"clf1":0.9,"clf2":0.7},
            {"instance_id":"c2","label":0,"clf1":0.2,"clf2":0.1},{"instance_id":"c3","label":0,"clf1":0.4,"clf2":0.3}]}"#,
    ] {
        is_plain(&read(text));
    }
    let by_name: Vec<String> =
        (0..6).map(|i| format!("\"row{i}\":{{\"y\":{},\"zeta\":0.{i},\"alpha\":0.2}}", i % 2)).collect();
    let by_name = read(&format!("{{{}}}", by_name.join(",")));
    assert_eq!(by_name.data.n_instances(), 6);
    assert_eq!(by_name.data.classifier_names(), ["zeta", "alpha"]);
    refused(with("[[0.1,0.2],[0.3,0.4]]", |_| {}), &["JSON that is not a list or lines of objects"]);
    refused(with("{\"a\": [1, {}", |_| {}), &["JSON that is not a list or lines of objects"]);
}

#[test]
fn arrays_of_any_name_and_either_shape() {
    let r = array![[0.9, 0.2, 0.4], [0.7, 0.1, 0.3]];
    let npz = |matrix: (&str, Array2<f64>), labels: Option<(&str, Array1<i64>)>| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let mut npz = NpzWriter::new(&mut bytes);
        npz.add_array(matrix.0, &matrix.1).expect("in memory");
        if let Some((name, labels)) = labels {
            npz.add_array(name, &labels).expect("in memory");
        }
        npz.finish().expect("in memory");
        bytes.into_inner()
    };
    let read = |bytes: Vec<u8>| read_table(Source::bytes("t.npz", bytes), &TableOptions::default());
    for (name, labels) in [
        ("P", "y"),
        ("X", "label"),
        ("R", "labels"),
        ("arr_0", "arr_1"),
        ("oof", "y_true"),
        ("preds", "target"),
    ] {
        for matrix in [r.clone(), r.t().as_standard_layout().into_owned()] {
            let table = read(npz((name, matrix), Some((labels, array![1, 0, 0])))).expect(name);
            assert_eq!(table.data.predictions(), r, "{name}");
            assert_eq!(table.truth, [Some(true), Some(false), Some(false)]);
        }
    }
    assert_eq!(read(npz(("whatever", r.clone()), None)).expect("the only one").data.predictions(), r);
    // predict_proba: the column of class 1 is what counts.
    let proba = array![[0.1, 0.9], [0.8, 0.2], [0.6, 0.4]];
    let table = read(npz(("proba", proba), Some(("y", array![1, 0, 0])))).expect("both classes");
    assert_eq!(table.data.predictions(), array![[0.9, 0.2, 0.4]]);
    let logits = array![[2.5, -1.0, -3.0], [1.5, -2.0, -0.5]];
    refused(
        read(npz(("R", logits), Some(("y", array![1, 0, 0])))),
        &["2.5 is not a probability", "--input score"],
    );
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut three = NpzWriter::new(&mut bytes);
    three.add_array("R", &ndarray::Array3::<f64>::zeros((2, 3, 2))).expect("in memory");
    three.finish().expect("in memory");
    refused(read(bytes.into_inner()), &["3 dimensions [2, 3, 2]", "R[..., 1]"]);
    // Half precision is exact in double.
    let header = "{'descr': '<f2', 'fortran_order': False, 'shape': (1, 2), }\n";
    let mut half = b"\x93NUMPY\x01\x00".to_vec();
    half.extend((header.len() as u16).to_le_bytes());
    half.extend(header.as_bytes());
    half.extend([0x00, 0x38, 0x66, 0x2e]); // 0.5, 0.0999755859375
    let table = read_table(Source::bytes("R.npy", half), &TableOptions::default()).expect("half");
    assert_eq!(table.data.predictions(), array![[0.5, 0.099_975_585_937_5]]);
}

#[test]
fn folders_patterns_and_lists_of_parts() {
    let dir = tempfile::tempdir().expect("temporary");
    let parts = dir.path().join("part.csv");
    fs::create_dir(&parts).expect("writable");
    let (header, rows) = PLAIN.split_once('\n').expect("a header");
    let rows: Vec<&str> = rows.lines().collect();
    fs::write(parts.join("part-0000.csv"), format!("{header}\n{}\n{}\n", rows[0], rows[1]))
        .expect("writable");
    fs::write(parts.join("part-0001.csv"), format!("{header}\n{}\n", rows[2])).expect("writable");
    fs::write(parts.join("_SUCCESS"), "").expect("writable");
    let read = |source: Source| read_table(source, &TableOptions::default());
    let (one, two) = (parts.join("part-0000.csv"), parts.join("part-0001.csv"));
    for source in
        [Source::new(&parts), Source::new(parts.join("part-*.csv")), Source::Parts(vec![one, two.clone()])]
    {
        let table = read(source).expect("readable");
        is_plain(&table);
        assert!(table.taken.to_string().contains("2 files put together"), "{}", table.taken);
        assert_eq!(table.data.instance_id(2), "c3");
    }
    fs::write(&two, format!("{header}\n{}\n", rows[2].replace("0.4", "4"))).expect("writable");
    refused(read(Source::new(&parts)), &["part-0001.csv, line 2, column \"clf1\": 4 is not"]);
    // Where labels are not needed, a part may lack them, whichever it is.
    let unlabeled = "instance_id,clf1,clf2\nc3,0.4,0.3\n";
    for (first, last) in [(0, 1), (1, 0)] {
        let names = ["part-0000.csv", "part-0001.csv"];
        fs::write(parts.join(names[first]), format!("{header}\n{}\n{}\n", rows[0], rows[1]))
            .expect("writable");
        fs::write(parts.join(names[last]), unlabeled).expect("writable");
        let mut options = TableOptions::default();
        options.labels = Labels::IfPresent;
        let table = read_table(Source::new(&parts), &options).expect("readable");
        let mut expected = vec![Some(true), Some(false)];
        expected.insert(2 * (1 - first), None);
        assert_eq!(table.truth, expected, "labels in {}", names[first]);
    }
    refused(read(Source::new(dir.path().join("no*.csv"))), &["no file is there to be read"]);
    refused(read(Source::new(Path::new("gone.csv"))), &["there is no such file"]);
}

#[cfg(feature = "excel")]
#[test]
fn workbooks_are_read() {
    let book = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/book.xlsx");
    let table = read_table(Source::new(&book), &TableOptions::default()).expect("readable");
    is_plain(&table);
    assert_eq!(table.data.instance_id(2), "c3");
    let bytes = fs::read(&book).expect("there");
    for length in (0..bytes.len()).step_by(97) {
        let _ = read_table(Source::bytes("book.xlsx", bytes[..length].to_vec()), &TableOptions::default());
    }
}
