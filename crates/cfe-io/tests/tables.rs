//! Tables: every format round trip, and every error with its place, its value and what to do.

use std::fs;
use std::io::Write;

use cfe_io::{Source, Table, TableError, TableOptions, TableResult, TableWarning, read_table};
use flate2::{Compression, write::GzEncoder};
use ndarray::array;

const CSV: &str = "instance_id,split,label,forest,svm\na,train,1,0.9,0.7\nb,train,0,0.2,\nc,test,1,0.4,NA\n";

fn read(text: &str, options: &TableOptions) -> TableResult<Table> {
    read_table(Source::bytes("t.csv", text.as_bytes().to_vec()), options)
}

fn plain(text: &str) -> TableResult<Table> {
    read(text, &TableOptions::default())
}

fn options(change: impl FnOnce(&mut TableOptions)) -> TableOptions {
    let mut options = TableOptions::default();
    change(&mut options);
    options
}

fn with_split() -> TableOptions {
    options(|o| o.split_column = Some("split".into()))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

#[track_caller]
fn says(result: TableResult<Table>, parts: &[&str]) -> TableError {
    let error = result.expect_err("refused");
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
    error
}

#[track_caller]
fn is_the_table(table: &Table) {
    assert_eq!(table.data.classifier_names(), ["forest", "svm"]);
    let r = table.data.predictions();
    assert_eq!(r.row(0), array![0.9, 0.2, 0.4]);
    assert!(r[(0, 0)] == 0.9 && r[(1, 0)] == 0.7 && r[(1, 1)].is_nan() && r[(1, 2)].is_nan());
    assert_eq!(table.data.instance_ids(), Some(&["a", "b", "c"].map(String::from)[..]));
    assert_eq!(table.truth, [Some(true), Some(false), Some(true)]);
    assert_eq!(table.data.labels(), [Some(true), Some(false), None]);
    assert_eq!(table.in_train, [true, true, false]);
    assert_eq!(table.split.as_deref(), Some(&["train", "train", "test"].map(String::from)[..]));
}

#[test]
fn text_in_all_its_forms() {
    let quoted = CSV.replace("a,train", "\"a\",\"train\"").replace("forest", "\"forest\"");
    for (text, delimiter) in
        [CSV, &quoted].into_iter().flat_map(|text| [",", "\t", ";", "|"].map(|d| (text, d)))
    {
        let text = text.replace(',', delimiter);
        for text in [
            text.clone(),
            text.replace('\n', "\r\n"),
            format!("\u{feff}{text}"),
            format!("\n\n{}", text.replace('\n', "\n\n")),
            text.trim_end().to_owned(),
            text.replace("0.9", " 0.9 ").replace("NA", "nan"),
        ] {
            is_the_table(&read(&text, &with_split()).expect("readable"));
            let packed = gzip(text.as_bytes());
            is_the_table(&read_table(Source::bytes("t.csv.gz", packed), &with_split()).expect("readable"));
        }
    }
}

#[test]
fn gzip_of_two_members_is_one_table() {
    let (head, tail) = CSV.split_at(CSV.find("b,").expect("there"));
    let packed = [gzip(head.as_bytes()), gzip(tail.as_bytes())].concat();
    is_the_table(&read_table(Source::bytes("t.csv.gz", packed), &with_split()).expect("readable"));
}

#[test]
fn paths_and_groups_and_globs() {
    let dir = tempfile::tempdir().expect("temporary");
    let path = dir.path().join("t.csv");
    fs::write(&path, CSV).expect("writable");
    is_the_table(&read_table(Source::new(&path), &with_split()).expect("readable"));
    let text = "case,hospital,y,p_a,p_b,age\n1,x,true,0.1,0.2,77\n2,y,0.0,0.3,0.4,12\n";
    let chosen = options(|o| {
        o.id_column = Some("case".into());
        o.label_column = Some("y".into());
        o.group_column = Some("hospital".into());
        o.columns = vec!["p_?".into()];
    });
    let table = read(text, &chosen).expect("readable");
    assert_eq!(table.data.classifier_names(), ["p_a", "p_b"]);
    assert_eq!(table.groups, Some(vec!["x".into(), "y".into()]));
    assert_eq!(table.truth, [Some(true), Some(false)]);
    assert_eq!(table.require_labels().expect("both"), (1, 1));
}

#[test]
fn cells_that_are_none() {
    let start = "instance_id,label,forest,svm\n";
    says(
        plain(&format!("{start}a,1,0.5,0.5\nb,0,0.2,1.5\n")),
        &["t.csv, line 3, column \"svm\": 1.5 is not a probability", "0 to 1", "--input score"],
    );
    says(plain(&format!("{start}a,1,-0.1,0.5\nb,0,0.2,0.5\n")), &["line 2, column \"forest\": -0.1 is not"]);
    says(
        plain(&format!("{start}\n\na,1,0.5,high\nb,0,0.4,0.5\n")),
        &["line 4, column \"svm\": \"high\" is not a number"],
    );
    says(
        plain(&format!("{start}a,2,0.5,0.5\n")),
        &[
            "line 2, column \"label\": \"2\" is not a label; allowed are 0 and 1 or two other values",
            "--positive-label",
        ],
    );
    // An id that is asked for is needed in every row.
    let named = options(|o| o.id_column = Some("instance_id".into()));
    let without = read(&format!("{start}a,1,0.5,0.5\n ,1,0.5,0.5\n"), &named);
    says(without, &["line 3, column \"instance_id\": empty"]);
    says(plain(&format!("{start}\"a\nb\",1,0.5,0.5\nc,1,0.5\n")), &["line 4: 3 cells, but the header has 4"]);
    let duplicate = plain(&format!("{start}a,1,0.5,0.5\n\nb,1,0.5,0.5\na,0,0.5,0.5\nb,0,0.5,0.5\n"));
    says(duplicate, &["line 5, column \"instance_id\": the id \"a\" was used in line 2 already"]);
    let latin = [start.as_bytes(), b"caf\xe9,1,0.5,0.5\n"].concat();
    let error = read_table(Source::bytes("t.csv", latin), &TableOptions::default());
    says(error, &["line 2, column \"instance_id\"", "not UTF-8"]);
}

#[test]
fn the_first_error_is_told_whatever_the_block() {
    let mut text = String::from("instance_id,label,p\n");
    let mut expected = 0;
    for i in 0..400_000 {
        let line = i + 2;
        if i == 150_000 {
            text.push_str("\n\n");
        }
        if i == 250_000 || i == 399_999 {
            expected = expected.max(if expected == 0 { line + 2 } else { 0 });
            text.push_str(&format!("{i},0,7\n"));
        } else {
            text.push_str(&format!("{i},1,0.25\n"));
        }
    }
    for threads in [1, 2, 3, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let error = pool.install(|| plain(&text)).expect_err("7");
        let start = format!("t.csv, line {expected}, column \"p\": 7 is");
        assert!(error.to_string().starts_with(&start), "{error}");
    }
    let good = text.replace(",0,7\n", ",0,0.5\n");
    let table = plain(&good).expect("readable");
    assert_eq!(table.data.n_instances(), 400_000);
    assert_eq!(table.data.instance_id(399_999), "399999");
    assert_eq!(table.data.predictions()[(0, 250_000)], 0.5);
}

#[test]
fn headers_and_options() {
    says(plain("instance_id,label,a,a\nx,1,0.5,0.5\n"), &["columns 3 and 4 are both named \"a\""]);
    says(
        read(",label,a,\nx,1,0.5,0.5\n", &options(|o| o.columns = vec!["*".into()])),
        &["column 4 has no name", "index=False"],
    );
    says(plain(""), &["t.csv: empty"]);
    says(plain("\n\n"), &["t.csv: empty"]);
    says(plain("instance_id,label,a\n"), &["a header of 3 columns and no row"]);
    says(
        plain("instance_id:label:a\nx:1:0.5\n"),
        &["no known delimiter cuts the header \"instance_id:label:a\""],
    );
    let semicolon = options(|o| o.delimiter = Some(b';'));
    says(read(CSV, &semicolon), &["the delimiter ';' cuts the header \"instance_id,split"]);
    says(read(CSV, &options(|o| o.delimiter = Some(b'"'))), &["delimiter '\"' is not allowed"]);
    for (change, option) in [
        (options(|o| o.id_column = Some("id".into())), "the id column"),
        (options(|o| o.label_column = Some("id".into())), "the label column"),
        (options(|o| o.split_column = Some("id".into())), "the split column"),
        (options(|o| o.group_column = Some("id".into())), "the group column"),
        (options(|o| o.columns = vec!["id".into()]), "among the classifiers"),
    ] {
        says(read(CSV, &change), &["no column \"id\"", option, "\"forest\""]);
    }
    says(read(CSV, &options(|o| o.columns = vec!["p_*".into()])), &["no column matches \"p_*\"", "\"svm\""]);
    says(plain("instance_id,label\na,1\n"), &["no column holds probabilities"]);
    says(plain(&format!("a,b\n\"{}", "x".repeat(1 << 10))), &["line 2", "1 cells, but the header has 2"]);
}

#[test]
fn files_that_are_none() {
    let dir = tempfile::tempdir().expect("temporary");
    let missing = dir.path().join("no.csv");
    let read_path = |path: &std::path::Path| read_table(Source::new(path), &TableOptions::default());
    assert!(matches!(
        says(read_path(&missing), &["no.csv: there is no such file"]),
        TableError::NotFound { .. }
    ));
    assert!(matches!(says(read_path(dir.path()), &["there is no file to read"]), TableError::NoParts { .. }));
    let packed = gzip(CSV.repeat(50).as_bytes());
    let cut = read_table(Source::bytes("t.csv.gz", packed[..packed.len() - 9].to_vec()), &with_split());
    assert!(matches!(says(cut, &["t.csv.gz: the gzip data are damaged"]), TableError::BadCompressed { .. }));
    for (name, bytes, saw) in [
        ("t.csv", &b"a,b\n\x001,2\n"[..], "zero byte at position 4"),
        ("t.parquet", b"a,b\n1,2\n", "named .parquet, but it does not begin with PAR1"),
        ("t.npy", b"a,b\n1,2\n", "\\x93NUMPY"),
    ] {
        let path = dir.path().join(name);
        fs::write(&path, bytes).expect("writable");
        says(read_path(&path), &[name, saw]);
    }
}

#[test]
fn warnings_do_not_stop() {
    let table = plain("instance_id,label,same,none,good\na,1,0.5,,0.1\nb,0,0.5,NA,0.9\n").expect("readable");
    let text: Vec<String> = table.warnings.iter().map(ToString::to_string).collect();
    assert!(text[0].contains("column \"same\": 0.5 in every row"), "{text:?}");
    assert!(table.taken.to_string().contains("passed over: none (empty in every row)"), "{}", table.taken);
    // A column that was asked for stays.
    let chosen = read(
        "label,same,none,good\n1,0.5,,0.1\n0,0.4,NA,0.9\n",
        &options(|o| o.columns = vec!["same,none,good".into()]),
    );
    let text = chosen.expect("readable").warnings[0].to_string();
    assert!(text.contains("column \"none\": no probability in any row"), "{text}");
    let table = read(
        CSV,
        &options(|o| {
            o.split_column = Some("split".into());
            o.train_value = Some("fit".into());
        }),
    )
    .expect("readable");
    assert!(matches!(&table.warnings[..], [.., TableWarning::NoTrainRow { .. }]));
    says(
        table.require_labels().map(|_| table.clone()),
        &["no row is for training: the split column \"split\" holds \"train\", \"test\"", "--train-value"],
    );
    let table = plain("label,p\n1,0.5\n1,0.6\n").expect("readable");
    says(
        table.require_labels().map(|_| table.clone()),
        &["all 2 labeled rows of the train split are of class 1"],
    );
    says(plain("label,p\n1,\n1,NaN\n"), &["every probability is missing"]);
}

#[test]
fn a_model_gets_its_columns_by_name() {
    let names = ["svm", "forest"].map(String::from).to_vec();
    let text = "instance_id,surname,forest,svm\na,Ito,0.9,0.7\nb,Ray,0.2,0.3\n";
    let table = read(text, &options(|o| o.classifiers = Some(names.clone()))).expect("readable");
    assert_eq!(table.data.predictions(), array![[0.7, 0.3], [0.9, 0.2]]);
    assert!(
        matches!(&table.warnings[..], [TableWarning::ExtraColumns { columns, .. }] if columns == &["surname"])
    );
    let more = options(|o| o.classifiers = Some(vec!["svm".into(), "gbm".into()]));
    says(read(text, &more), &["no column \"gbm\", which the model was trained with"]);

    let table = read("instance_id,x,forest,svm\na,0.1,0.9,0.7\nb,0.1,0.2,0.3\n", &TableOptions::default())
        .expect("readable");
    assert_eq!(table.warnings.len(), 1);
    let aligned = table.clone().align(&names).expect("there");
    assert_eq!(aligned.data.predictions(), array![[0.7, 0.3], [0.9, 0.2]]);
    assert_eq!(aligned.data.instance_id(1), "b");
    assert!(
        matches!(&aligned.warnings[..], [TableWarning::ExtraColumns { columns, .. }] if columns == &["x"])
    );
    says(table.align(&["gbm".to_owned()]), &["no column \"gbm\""]);
}

#[cfg(not(feature = "parquet"))]
#[test]
fn the_missing_feature_is_named() {
    for bytes in [&b"PAR1xxxx"[..], b"ARROW1\0\0", b"\xff\xff\xff\xff\0\0\0\0"] {
        says(
            read_table(Source::bytes("t", bytes.to_vec()), &TableOptions::default()),
            &["cargo feature `parquet`"],
        );
    }
}
