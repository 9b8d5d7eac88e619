//! What is found in tables of several classes.

use std::fmt::Write as _;
use std::path::Path;

use cfe_combine::classes::{ClassOptions, fit};
use cfe_combine::judge::{Finding, Severity, diagnose_class_evaluation, diagnose_classes};
use cfe_io::{AnyTable, ClassTable, Source, TableOptions, read_any_table};

use super::{quick, table};

const CLASSES: [&str; 3] = ["a", "b", "c"];

/// What classifiers say of a row: a weight of each class, before they are made to sum to 1.
type Said<'a> = (&'a str, &'a dyn Fn(usize, usize, bool) -> [f64; 3]);

fn noise(i: usize, k: usize) -> f64 {
    ((i * k + 7 * (i / 11)) % 97) as f64 / 97.0
}

fn class(i: usize) -> usize {
    [0, 1, 0, 2, 1, 0, 0, 1][i % 8]
}

/// An honest classifier: the true class has more weight than the others, most of the time.
fn honest(seed: usize) -> impl Fn(usize, usize, bool) -> [f64; 3] {
    move |i, label, _| {
        let weight = |k: usize| 0.1 + noise(i, seed + 6 * k) + if k == label { 0.5 } else { 0.0 };
        [weight(0), weight(1), weight(2)]
    }
}

/// Whom the label was told, with little noise.
fn told(i: usize, label: usize) -> [f64; 3] {
    let weight = |k: usize| 0.05 * noise(i, 13 + k) + if k == label { 1.0 } else { 0.02 };
    [weight(0), weight(1), weight(2)]
}

fn turned([a, b, c]: [f64; 3]) -> [f64; 3] {
    [b, a, c]
}

/// 800 rows, half of them for training unless `whole`, by two honest classifiers and more.
fn made(more: &[Said<'_>], whole: bool) -> ClassTable {
    let (one, two) = (honest(31), honest(43));
    let honest: [Said<'_>; 2] = [("rf", &one), ("svm", &two)];
    let all: Vec<Said<'_>> = honest.into_iter().chain(more.iter().copied()).collect();
    let mut csv = if whole { "label".to_owned() } else { "split,label".to_owned() };
    all.iter().for_each(|(u, _)| CLASSES.iter().for_each(|k| write!(csv, ",{u}:{k}").expect("text")));
    for i in 0..800 {
        let (train, label) = (i % 16 < 8, class(i));
        if !whole {
            write!(csv, "\n{},{}", if train { "train" } else { "test" }, CLASSES[label]).expect("text");
        } else {
            write!(csv, "\n{}", CLASSES[label]).expect("text");
        }
        for (_, says) in &all {
            let weights = says(i, label, train || whole);
            let sum: f64 = weights.iter().sum();
            for w in weights {
                match sum > 0.0 {
                    true => write!(csv, ",{}", w / sum).expect("text"),
                    false => csv.push(','),
                }
            }
        }
    }
    read(csv)
}

fn read(csv: String) -> ClassTable {
    let read = read_any_table(Source::bytes("inline", (csv + "\n").into_bytes()), &TableOptions::default());
    match read.expect("a table") {
        AnyTable::Classes(table) => *table,
        other => panic!("{other:?}"),
    }
}

fn alarms(table: &ClassTable) -> Vec<Finding> {
    let found = diagnose_classes(table).expect("findings");
    assert!(found.is_sorted_by_key(|f| f.severity));
    found.into_iter().filter(|f| f.severity == Severity::Alarm).collect()
}

/// The only alarm.
fn alarm(table: &ClassTable) -> (String, Vec<String>, String) {
    let mut found = alarms(table);
    assert_eq!(found.len(), 1, "{found:#?}");
    let Finding { kind, classifiers, text, .. } = found.remove(0);
    (kind.to_owned(), classifiers, text)
}

#[test]
fn real_classifiers_are_not_suspected() {
    let tables = real();
    for (name, table) in &tables {
        let found = alarms(table);
        assert!(found.is_empty(), "{name}: {found:#?}");
    }
    assert_eq!(tables.len(), 18);
}

/// Every real table, by name.
fn real() -> Vec<(String, ClassTable)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cfe-compare/data/classes");
    let names = ["development", "comparison"].into_iter().flat_map(|kind| {
        let sets = std::fs::read_dir(folder.join(kind)).expect("sets");
        sets.map(move |set| format!("{kind}/{}", set.expect("a set").file_name().to_string_lossy()))
    });
    names.map(|name| (name.clone(), table(&name))).collect()
}

fn swaps(table: &ClassTable) -> Vec<Finding> {
    diagnose_classes(table).expect("findings").into_iter().filter(|f| f.kind == "swapped").collect()
}

#[test]
fn few_rows_of_real_classifiers_are_not_said_to_be_swapped() {
    let mut looked = 0;
    for (name, full) in real() {
        for (step, offset) in [(3, 0), (3, 1), (6, 2), (6, 5), (12, 4), (12, 11), (25, 7)] {
            let mut few = full.clone();
            few.labels
                .iter_mut()
                .enumerate()
                .filter(|(i, _)| i % step != offset)
                .for_each(|(_, y)| *y = None);
            let found = swaps(&few);
            assert!(found.is_empty(), "{name}, every {step}th row: {found:#?}");
            looked += 1;
        }
    }
    assert_eq!(looked, 126);
}

#[test]
fn exchanged_columns_of_real_classifiers_are_found() {
    let (mut found, mut asked, mut wrong) = (0, 0, Vec::new());
    for (name, full) in real() {
        // The two classes with most rows, in the rows outside the train split or in all.
        let classes = full.predictions.n_classes();
        let count = |k: usize| full.labels.iter().filter(|&&label| label == Some(k)).count();
        let mut order: Vec<usize> = (0..classes).collect();
        order.sort_by_key(|&k| std::cmp::Reverse(count(k)));
        let (a, b) = (order[0], order[1]);
        for (u, whole) in [(0, true), (0, false), (2, true), (2, false)] {
            let mut values = full.predictions.values().to_owned();
            for i in (0..full.n_rows()).filter(|&i| whole || !full.in_train[i]) {
                let (of_a, of_b) = (values[(u, i, a)], values[(u, i, b)]);
                (values[(u, i, a)], values[(u, i, b)]) = (of_b, of_a);
            }
            let names = full.predictions.classifier_names().to_vec();
            let mut table = full.clone();
            let labels = full.predictions.classes().to_vec();
            table.predictions =
                cfe_core::classes::ClassPredictions::new(values, names.clone(), labels).expect("valid");
            let swapped = swaps(&table);
            asked += 1;
            match swapped.iter().any(|f| f.classifiers == [names[u].clone()]) {
                true => found += 1,
                false => wrong.push(format!("{name} {} {whole}", names[u])),
            }
            assert!(swapped.iter().all(|f| f.classifiers == [names[u].clone()]), "{name}: {swapped:#?}");
        }
    }
    assert!(10 * found >= 9 * asked, "{found} of {asked}; not {wrong:#?}");
}

#[test]
fn a_column_that_is_the_label_is_a_leak_by_name() {
    let exact = |_: usize, label: usize, _: bool| {
        let mut p = [0.0; 3];
        p[label] = 1.0;
        p
    };
    let smooth = |_: usize, label: usize, _: bool| {
        let mut p = [0.025; 3];
        p[label] = 0.95;
        p
    };
    let nearly = |i: usize, label: usize, _: bool| {
        let mut p = [0.0; 3];
        p[if i.is_multiple_of(50) { (label + 1) % 3 } else { label }] = 1.0;
        p
    };
    for whole in [true, false] {
        for says in [&exact as &dyn Fn(usize, usize, bool) -> [f64; 3], &smooth, &nearly] {
            let (kind, classifiers, text) = alarm(&made(&[("lk", says)], whole));
            assert_eq!((kind.as_str(), classifiers), ("leak", vec!["lk".to_owned()]), "{text}");
            assert!(text.contains("--exclude 'lk:*'"), "{text}");
        }
    }
    let (.., text) = alarm(&made(&[("lk", &exact)], true));
    assert!(text.starts_with("class \"a\" against all others (and so \"b\", \"c\"): leak: \"lk\""), "{text}");
    // With noise, and where rows outside the train split are labeled or not.
    for whole in [true, false] {
        let (kind, classifiers, text) = alarm(&made(&[("lk", &|i, label, _| told(i, label))], whole));
        assert_eq!((kind.as_str(), classifiers), ("in_sample", vec!["lk".to_owned()]));
        assert!(text.contains("a leak of the label"), "{text}");
    }
    assert_eq!(alarms(&made(&[], false)), []);
}

#[test]
fn predictions_of_rows_that_were_seen_are_found_on_either_side() {
    let good = honest(57);
    let seen = |train: bool| {
        let good = &good;
        move |i: usize, label: usize, in_train: bool| {
            if in_train == train { told(i, label) } else { good(i, label, in_train) }
        }
    };
    let (kind, classifiers, text) = alarm(&made(&[("memo", &seen(true))], false));
    assert_eq!((kind.as_str(), classifiers), ("in_sample", vec!["memo".to_owned()]));
    assert!(text.contains("ranks the train rows far better"), "{text}");
    let (kind, classifiers, text) = alarm(&made(&[("memo", &seen(false))], false));
    assert_eq!((kind.as_str(), classifiers), ("in_sample", vec!["memo".to_owned()]));
    assert!(text.contains("was it trained on the rows outside"), "{text}");
}

#[test]
fn columns_of_classes_in_another_order_are_named() {
    let good = honest(57);
    let (kind, classifiers, text) = alarm(&made(&[("lda", &|i, y, train| turned(good(i, y, train)))], false));
    assert_eq!((kind.as_str(), classifiers), ("swapped", vec!["lda".to_owned()]));
    assert!(
        text.contains("of \"a\" by that of \"b\"") && text.contains("of \"b\" by that of \"a\""),
        "{text}"
    );
    assert!(!text.contains("outside"), "{text}");
    // All three in a circle.
    let circle = |i: usize, y: usize, train: bool| {
        let [a, b, c] = good(i, y, train);
        [c, a, b]
    };
    let (kind, _, text) = alarm(&made(&[("lda", &circle)], true));
    assert!(kind == "swapped" && text.contains("of \"c\" by that of \"a\""), "{text}");
    // Outside the train split alone.
    let outside = |i: usize, y: usize, train: bool| {
        if train { good(i, y, train) } else { turned(good(i, y, train)) }
    };
    let found = alarms(&made(&[("lda", &outside)], false));
    let swapped: Vec<&Finding> = found.iter().filter(|f| f.kind == "swapped").collect();
    assert_eq!(swapped.len(), 1, "{found:#?}");
    assert!(swapped[0].text.contains("outside the train split"), "{}", swapped[0].text);
}

#[test]
fn labels_in_another_order_are_asked_about_once() {
    let made = made(&[("lda", &honest(57))], true);
    let labels = made.labels.iter().map(|label| label.map(|k| [1, 0, 2][k])).collect();
    let mut table = made;
    table.labels = labels;
    let (kind, classifiers, text) = alarm(&table);
    assert_eq!((kind.as_str(), classifiers.len()), ("swapped", 3));
    assert!(
        text.starts_with("3 of 3 classifiers rank rows of a class by the column of another one"),
        "{text}"
    );
}

#[test]
fn copies_gaps_and_silence_are_said() {
    // Test rows that are train rows.
    let mut table = made(&[], false);
    let values = table.predictions.values().to_owned();
    let mut copied = values.clone();
    for i in (0..800).filter(|i| i % 16 >= 8) {
        let from = values.index_axis(ndarray::Axis(1), i - 8);
        copied.index_axis_mut(ndarray::Axis(1), i).assign(&from);
    }
    let names = table.predictions.classifier_names().to_vec();
    let classes = CLASSES.map(String::from).to_vec();
    table.predictions = cfe_core::classes::ClassPredictions::new(copied, names, classes).expect("valid");
    table.labels = (0..800).map(|i| Some(class(if i % 16 < 8 { i } else { i - 8 }))).collect();
    let (kind, _, text) = alarm(&table);
    assert!(kind == "copies" && text.starts_with("100% of the labeled rows outside"), "{text}");

    let good = honest(57);
    let absent = |i: usize, y: usize, train: bool| if train { good(i, y, train) } else { [0.0; 3] };
    let gappy =
        |i: usize, y: usize, train: bool| if i.is_multiple_of(5) { [0.0; 3] } else { good(i, y, train) };
    let found = diagnose_classes(&made(&[("late", &absent), ("gappy", &gappy)], false)).expect("findings");
    let of = |kind: &str| found.iter().find(|f| f.kind == kind).map(|f| f.text.clone()).unwrap_or_default();
    assert!(of("constant").starts_with("\"late\" is missing in every row outside"), "{found:#?}");
    assert_eq!(of("missing"), "missing predictions are filled in: late 50%, gappy 20%");
}

#[test]
fn a_table_that_is_scored_is_looked_at_too() {
    let good = honest(57);
    let data = made(&[("lda", &good)], true);
    let model =
        fit(&data.data().expect("labels"), &quick(), &ClassOptions::default(), &()).expect("fits").model;
    let found = |table: &ClassTable| diagnose_class_evaluation(&model, table).expect("findings");
    assert_eq!(found(&data), []);
    let swapped = found(&made(&[("lda", &|i, y, train| turned(good(i, y, train)))], true));
    assert_eq!((swapped[0].kind, swapped.len()), ("swapped", 1), "{swapped:#?}");
    let leak = found(&made(&[("lda", &|i, label, _| told(i, label))], true));
    assert_eq!((leak[0].kind, leak.len()), ("in_sample", 1), "{leak:#?}");
    assert!(!leak[0].text.contains("train rows"), "{}", leak[0].text);
    let silent = found(&made(&[("lda", &|_, _, _| [0.0; 3])], true));
    assert!(silent[0].text.starts_with("no prediction of lda in any row"), "{silent:#?}");
}
