//! Tables of several classes as other tools write them.

use std::fmt::Write as _;

use cfe_io::{
    AnyTable, ClassTable, ClassesOfModel, Input, Labels, Scale, Source, TableError, TableOptions,
    TableResult, read_any_table,
};
use ndarray::{Array1, Array3, array};
use ndarray_npy::NpzWriter;

const LABELS: [&str; 3] = ["a", "b", "c"];

fn read(text: &str, options: &TableOptions) -> TableResult<AnyTable> {
    read_any_table(Source::bytes("t.csv", text.as_bytes().to_vec()), options)
}

fn classes_of(read: TableResult<AnyTable>) -> ClassTable {
    match read.expect("a table") {
        AnyTable::Classes(table) => *table,
        other => panic!("{other:?}"),
    }
}

fn classes(text: &str) -> ClassTable {
    classes_of(read(text, &TableOptions::default()))
}

/// The probability of class `k` by classifier `u` for row `i`.
fn p(u: usize, i: usize, k: usize) -> f64 {
    let raw = |k: usize| 1.0 + ((u + 2) * (i + 3) * (k + 1) % 7) as f64;
    raw(k) / (raw(0) + raw(1) + raw(2))
}

/// Twelve rows of two classifiers, with columns named by `name` and labels in a column `label`.
fn wide(
    label: &str,
    labels: [&str; 3],
    name: impl Fn(&str, &str) -> String,
    value: impl Fn(f64) -> f64,
) -> String {
    let mut text = format!("id,{label}");
    for u in ["rf", "gbm"] {
        labels.iter().for_each(|k| write!(text, ",\"{}\"", name(u, k).replace('"', "\"\"")).expect("text"));
    }
    for i in 0..12 {
        write!(text, "\nr{i},\"{}\"", labels[i % 3]).expect("text");
        for u in 0..2 {
            (0..3).for_each(|k| write!(text, ",{:.6}", value(p(u, i, k))).expect("text"));
        }
    }
    text + "\n"
}

fn same(p: f64) -> f64 {
    p
}

#[test]
fn names_of_other_tools_are_recognized_and_said() {
    type Name = fn(&str, &str) -> String;
    let names: [(Name, [&str; 2]); 8] = [
        (|u, k| format!("{u}_{k}"), ["rf", "gbm"]),
        (|u, k| format!("{u}.{k}"), ["rf", "gbm"]),
        (|u, k| format!(".pred_{k}_{u}"), ["rf", "gbm"]),
        (|u, k| format!("{u}_p{k}"), ["rf", "gbm"]),
        (|u, k| format!("classif.{u}.prob.{k}"), ["classif.rf", "classif.gbm"]),
        (|u, k| format!("('{u}', '{k}')"), ["rf", "gbm"]),
        (|u, k| format!("(\"{u}\", \"{k}\")"), ["rf", "gbm"]),
        (|u, k| format!("{u}:{k}"), ["rf", "gbm"]),
    ];
    for (name, classifiers) in names {
        // The label is found by its name, or as the column that names the classes.
        for label in ["label", "Species"] {
            let table = classes(&wide(label, LABELS, name, same));
            assert_eq!(table.predictions.classifier_names(), classifiers, "{}", name("u", "k"));
            assert_eq!(
                (table.predictions.classes(), table.predictions.n_missing()),
                (&LABELS.map(String::from)[..], 0)
            );
            assert_eq!(table.labels[..3], [Some(0), Some(1), Some(2)]);
            assert!((table.predictions.values()[(1, 4, 2)] - p(1, 4, 2)).abs() < 1e-6);
            assert!(table.taken.to_string().contains("3 classes: \"a\", \"b\", \"c\""), "{}", table.taken);
            // Without labels a model tells the classes.
            let columns = table.columns.clone();
            let model = ClassesOfModel::new(
                classifiers.map(String::from).to_vec(),
                LABELS.map(String::from).to_vec(),
                columns,
            );
            let mut options = TableOptions::default();
            (options.class_model, options.labels) = (Some(model), Labels::IfPresent);
            let other = wide("note", LABELS, name, same);
            let other = other.replace(",\"a\",", ",x,").replace(",\"b\",", ",y,").replace(",\"c\",", ",z,");
            let again = classes_of(read(&other, &options));
            assert_eq!(again.predictions.values(), table.predictions.values());
        }
    }
}

#[test]
fn labels_may_be_numbers_texts_of_any_kind_or_hold_the_separator() {
    for labels in [
        ["0", "1", "2"],
        ["1", "2", "3"],
        ["-1", "0", "1"],
        ["type A: x", "größe", "漢 字"],
        ["x:y", "x", "z:"],
    ] {
        let table = classes(&wide("label", labels, |u, k| format!("{u}:{k}"), same));
        assert_eq!(table.predictions.classes(), labels.map(String::from));
        assert_eq!(table.predictions.classifier_names(), ["rf", "gbm"]);
        assert_eq!(table.labels[..4], [Some(0), Some(1), Some(2), Some(0)]);
    }
    // Labels that pandas wrote as floats, and numbers behind letters.
    let text = wide("y", ["0", "1", "2"], |u, k| format!("{u}{k}"), same);
    let text = text.replace(",\"0\",", ",0.0,").replace(",\"1\",", ",1.0,").replace(",\"2\",", ",2.0,");
    let table = classes(&text);
    assert_eq!((table.predictions.classes()[2].as_str(), table.labels[2]), ("2", Some(2)));
    let bars = wide("label", LABELS, |u, k| format!("{u}|{k}"), same);
    let mut options = TableOptions::default();
    options.class_separator = Some("|".to_owned());
    assert_eq!(classes_of(read(&bars, &options)).predictions.classifier_names(), ["rf", "gbm"]);
    options.class_separator = Some("//".to_owned());
    let error = read(&bars, &options).expect_err("no such separator");
    assert!(matches!(&error, TableError::NoClassColumns { separator, .. } if separator == "//"), "{error}");
}

#[test]
fn what_is_no_sum_of_one_is_not_taken_for_classes() {
    // Three classifiers of two classes each, and three labels: nothing says what the others have.
    let mut text = "label,m_a,m_b,m_c\n".to_owned();
    (0..9).for_each(|i| {
        writeln!(text, "{},0.{}1,0.{}3,0.{}7", LABELS[i % 3], i, (i + 4) % 9, (i + 7) % 9).expect("text")
    });
    let error = read(&text, &TableOptions::default()).expect_err("three labels").to_string();
    assert!(error.contains("<classifier>:<label>") && error.contains("--positive-label"), "{error}");
    // Percent and logits are refused with the option that reads them.
    for form in [|u: &str, k: &str| format!("{u}:{k}"), |u: &str, k: &str| format!("{u}_{k}")] {
        let percent = wide("label", LABELS, form, |p| 100.0 * p);
        let error = read(&percent, &TableOptions::default()).expect_err("percent").to_string();
        assert!(error.contains("--scale percent"), "{error}");
        let mut options = TableOptions::default();
        options.scale = Scale::Percent;
        let table = classes_of(read(&percent, &options));
        assert!((table.predictions.values()[(0, 5, 1)] - p(0, 5, 1)).abs() < 1e-6);
        let logits = wide("label", LABELS, form, f64::ln);
        let error = read(&logits, &TableOptions::default()).expect_err("logits").to_string();
        assert!(error.contains("--input score"), "{error}");
        let mut options = TableOptions::default();
        options.input = Input::Score;
        let table = classes_of(read(&logits, &options));
        assert!((table.predictions.values()[(0, 5, 1)] - p(0, 5, 1)).abs() < 1e-5);
    }
    let mut options = TableOptions::default();
    options.input = Input::Score;
    let table = classes_of(read("label,m:a,m:b,m:c\na,800,0,-800\nb,1,900,900\nc,,,\nc,0,0,0\n", &options));
    assert_eq!(table.predictions.values().index_axis(ndarray::Axis(1), 0), array![[1.0, 0.0, 0.0]]);
    assert_eq!(table.predictions.values()[(0, 1, 1)], 0.5);
    assert!(table.predictions.values()[(0, 2, 0)].is_nan());
}

#[test]
fn two_rows_of_names_are_put_together() {
    let body = "0,a,0.7,0.2,0.1,0.6,0.3,0.1\n1,b,0.1,0.8,0.1,0.2,0.6,0.2\n2,c,0.1,0.1,0.8,0.2,0.2,0.6\n";
    for head in [
        ",label,rf,rf,rf,gbm,gbm,gbm\n,,a,b,c,a,b,c\n",
        ",label,rf,rf,rf,gbm,gbm,gbm\n,,a,b,c,a,b,c\nid,,,,,,,\n",
    ] {
        let table = classes(&format!("{head}{body}"));
        assert_eq!(table.predictions.classifier_names(), ["rf", "gbm"]);
        assert_eq!(table.labels, [Some(0), Some(1), Some(2)]);
        assert!(table.taken.to_string().contains("names of two rows"), "{}", table.taken);
    }
    // A name that merely repeats is still an error.
    let twice = "label,a,a\n1,0.5,0.5\n0,0.1,0.2\n";
    assert!(matches!(read(twice, &TableOptions::default()), Err(TableError::DuplicateColumn { .. })));
}

#[test]
fn long_tables_have_a_column_for_each_class() {
    for prefix in [".pred_", "", "p"] {
        let mut text = format!("id,model,label,{prefix}a,{prefix}b,{prefix}c,weight\n");
        for u in 0..2 {
            for i in 0..12 {
                let of: Vec<String> = (0..3).map(|k| format!("{:.6}", p(u, i, k))).collect();
                writeln!(text, "r{i},{},{},{},1", ["rf", "gbm"][u], LABELS[i % 3], of.join(","))
                    .expect("text");
            }
        }
        let table = classes(&text);
        assert_eq!(
            (table.predictions.classifier_names(), table.n_rows()),
            (&["rf".to_owned(), "gbm".to_owned()][..], 12)
        );
        assert!((table.predictions.values()[(1, 4, 2)] - p(1, 4, 2)).abs() < 1e-6);
        assert_eq!(table.labels[..3], [Some(0), Some(1), Some(2)]);
        let mut options = TableOptions::default();
        let names = |of: &[&str]| of.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        options.class_model =
            Some(ClassesOfModel::new(names(&["rf", "gbm"]), names(&LABELS), table.columns.clone()));
        options.labels = Labels::Ignored;
        assert_eq!(classes_of(read(&text, &options)).predictions.values(), table.predictions.values());
    }
}

#[test]
fn long_tables_may_have_a_row_for_each_class() {
    let names = |of: &[&str]| of.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    // (id, classifier, class, probability, label) as they are, as tidymodels and as mlr3 melt them.
    for (header, prefix) in [
        ("id,classifier,class,probability,label", ""),
        (".row,wflow_id,name,value,Class", ".pred_"),
        ("row_ids,learner_id,variable,value,truth", "prob."),
        ("id,model,said,prob,label", ""),
    ] {
        let mut text = format!("{header}\n");
        for u in 0..2 {
            for i in 0..12 {
                for (k, class) in LABELS.iter().enumerate() {
                    let (model, label) = (["rf", "gbm"][u], LABELS[i % 3]);
                    writeln!(text, "r{i},{model},{prefix}{class},{:.6},{label}", p(u, i, k)).expect("text");
                }
            }
        }
        let table = classes(&text);
        assert_eq!(table.predictions.classifier_names(), ["rf", "gbm"], "{header}");
        assert_eq!((table.predictions.classes(), table.n_rows()), (&names(&LABELS)[..], 12), "{header}");
        assert!((table.predictions.values()[(1, 4, 2)] - p(1, 4, 2)).abs() < 1e-6, "{header}");
        assert_eq!(table.labels[..3], [Some(0), Some(1), Some(2)]);
        let taken = table.taken.to_string();
        assert!(taken.contains("a long table: 72 rows of 2 classifiers for 12 instances"), "{taken}");
        assert!(!taken.contains("means of several rows"), "{taken}");
        // A model reads the same form without labels, and the wide form of the same classifiers.
        let mut options = TableOptions::default();
        let of = ClassesOfModel::new(names(&["rf", "gbm"]), names(&LABELS), table.columns.clone());
        options.class_model = Some(of);
        options.labels = Labels::Ignored;
        assert_eq!(classes_of(read(&text, &options)).predictions.values(), table.predictions.values());
    }
    // Another column of whole numbers is not the class of a row.
    let mut text = "id,model,fold,visits,prob,label\n".to_owned();
    for u in 0..2 {
        for i in 0..12 {
            writeln!(text, "r{i},{u},{},{},{:.6},{}", i % 3, i % 4, p(u, i, 0), i % 2).expect("text");
        }
    }
    let Ok(AnyTable::Binary(table)) = read(&text, &TableOptions::default()) else { panic!("two classes") };
    assert_eq!(table.data.classifier_names(), ["0", "1"]);
}

#[test]
fn a_name_above_all_classifiers_is_not_a_classifier() {
    // What pandas writes of (prob, svm), (prob, rf), (prob, gbm) and (meta, label).
    let mut text = ",prob,prob,prob,meta\n,svm,rf,gbm,label\n".to_owned();
    for i in 0..12 {
        writeln!(text, "{i},{:.4},{:.4},0.{}3,{}", p(0, i, 0), p(1, i, 1), i % 10, i % 2).expect("text");
    }
    let Ok(AnyTable::Binary(table)) = read(&text, &TableOptions::default()) else { panic!("two classes") };
    assert_eq!(table.data.classifier_names(), ["prob:svm", "prob:rf", "prob:gbm"]);
    assert_eq!(table.truth[..2], [Some(false), Some(true)]);
    // Columns that sum to 1 are classes, and labels that are none of them are refused.
    let numbers = wide("label", ["0", "1", "0"], |u, k| format!("{u}:{k}"), same);
    let renamed = numbers.lines().enumerate().map(|(at, line)| match at {
        0 => "id,label,rf:a,rf:b,rf:c,gbm:a,gbm:b,gbm:c\n".to_owned(),
        _ => format!("{line}\n"),
    });
    let table = classes(&renamed.collect::<String>());
    assert!(matches!(table.data(), Err(TableError::UnknownClasses { .. })));
}

fn npz(write: impl Fn(&mut NpzWriter<std::fs::File>), options: &TableOptions) -> TableResult<AnyTable> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("t.npz");
    let mut file = NpzWriter::new(std::fs::File::create(&path).expect("writable"));
    write(&mut file);
    file.finish().expect("writes");
    read_any_table(Source::new(&path), options)
}

#[test]
fn arrays_of_three_dimensions_are_told_by_the_labels() {
    let r = Array3::from_shape_fn((2, 12, 3), |(u, i, k)| p(u, i, k));
    let turned = r.clone().permuted_axes([1, 0, 2]).as_standard_layout().into_owned();
    let plain = TableOptions::default();
    for first in [0_i64, 1] {
        let labels = Array1::from_shape_fn(12, |i| first + i as i64 % 3);
        for cells in [&r, &turned] {
            let read = npz(
                |file| {
                    file.add_array("R", cells).expect("writes");
                    file.add_array("labels", &labels).expect("writes");
                },
                &plain,
            );
            let table = classes_of(read);
            assert_eq!(table.predictions.classifier_names(), ["clf_0", "clf_1"]);
            let expected = [first, first + 1, first + 2].map(|k| k.to_string());
            assert_eq!((table.predictions.classes(), table.labels[2]), (&expected[..], Some(2)));
            assert_eq!(table.predictions.values()[(1, 4, 2)], p(1, 4, 2));
        }
    }
    // Labels that are fewer than the classes, and no numbers of them.
    let few = Array1::from_shape_fn(12, |i| 5 * (i as i64 % 2));
    let read = npz(
        |file| {
            file.add_array("R", &r).expect("writes");
            file.add_array("labels", &few).expect("writes");
        },
        &plain,
    );
    assert!(matches!(read, Err(TableError::ClassesOfArray { classes: 3, .. })));
    // A model knows its classes and classifiers.
    let names = |of: &[&str]| of.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let mut options = TableOptions::default();
    options.class_model = Some(ClassesOfModel::new(names(&["rf", "gbm"]), names(&LABELS), Vec::new()));
    options.labels = Labels::IfPresent;
    let table = classes_of(npz(|file| file.add_array("R", &turned).expect("writes"), &options));
    assert_eq!(
        (table.predictions.classifier_names(), table.predictions.classes()),
        (&names(&["rf", "gbm"])[..], &names(&LABELS)[..])
    );
    assert_eq!(table.predictions.values()[(1, 4, 2)], p(1, 4, 2));
    // Two classes are the positive one.
    let two =
        Array3::from_shape_fn((2, 12, 2), |(u, i, k)| if k == 1 { p(u, i, 0) } else { 1.0 - p(u, i, 0) });
    let labels = Array1::from_shape_fn(12, |i| i as i64 % 2);
    let read = npz(
        |file| {
            file.add_array("R", &two).expect("writes");
            file.add_array("y", &labels).expect("writes");
        },
        &plain,
    );
    let Ok(AnyTable::Binary(table)) = read else { panic!("two classes") };
    assert_eq!(table.data.predictions()[(1, 4)], p(1, 4, 0));
}

#[test]
fn columns_of_rows_are_checked_by_name() {
    let text = |cell: &str| {
        let mut text = "label,w,fold,day,m:a,m:b,m:c\n".to_owned();
        for i in 0..6 {
            let w = if i == 4 { cell } else { "1" };
            writeln!(text, "{},{w},{},{i},0.2,0.3,0.5", LABELS[i % 3], i % 2).expect("text");
        }
        text
    };
    let mut options = TableOptions::default();
    options.weight_column = Some("w".to_owned());
    let error = read(&text("-1"), &options).expect_err("below 0").to_string();
    assert!(error.contains("line 6") && error.contains("\"w\""), "{error}");
    let table = classes_of(read(&text("2"), &options));
    assert_eq!(table.weights.as_deref(), Some(&[1.0, 1.0, 1.0, 1.0, 2.0, 1.0][..]));
    assert_eq!(table.given_folds(5).expect("two").expect("given").as_slice(), [0, 1, 0, 1, 0, 1]);
    let zero = text("1").replace("b,1,", "b,0,");
    match read(&zero, &options).expect_err("class b counts for nothing") {
        TableError::AllAmountsZero { class, count: 2, .. } => assert_eq!(&*class, "b"),
        other => panic!("{other}"),
    }
    options.time_column = Some("day".to_owned());
    let table = classes_of(read(&text("1"), &options));
    assert!(table.given_folds(2).expect("six times").expect("given").is_forward());
    options.fold_column = Some("fold".to_owned());
    assert!(matches!(
        classes_of(read(&text("1"), &options)).given_folds(2),
        Err(TableError::FoldsAndTimes { .. })
    ));
}

#[test]
fn a_classifier_that_knows_no_class_is_said() {
    let table = classes(
        "label,rf:a,rf:b,rf:c,svm:a,svm:b,svm:c\na,0.5,0.3,0.2,0.6,0.4,\nb,0.1,0.8,0.1,0.2,0.8,\nc,0.1,0.1,0.8,,,\n",
    );
    assert!(table.taken.to_string().contains("svm says nothing of \"c\""), "{}", table.taken);
    assert_eq!(table.predictions.known_by(2), [0]);
}
