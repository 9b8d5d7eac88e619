//! Prepared stores: what is written is what is read, in any cut of the tables, and what was damaged is named.

use std::fs;
use std::path::{Path, PathBuf};

use cfe_core::shards::{Engine, InMemory, Request};
use cfe_core::{Dtype, Error};
use cfe_io::store::{PrepareOptions, Prepared, Rows, Store, StoreEngine, StoreError, prepare};
use cfe_io::{Column, Sink, Source, TableError, TableOptions, read_table, write_predictions};

const ROWS: usize = 10_000;

/// A table with ids, a split, missing cells and unlabeled rows, as CSV text.
fn csv(rows: std::ops::Range<usize>) -> String {
    let mut text = "id,label,split,forest,svm,note\n".to_owned();
    for i in rows {
        let label = match i % 5 {
            0 => "",
            _ if i % 11 == 0 => "yes",
            _ => "no",
        };
        let split = if i % 4 == 3 { "test" } else { "train" };
        let svm = if i % 7 == 0 { String::new() } else { format!("0.{:04}", (i * 7919) % 10_000) };
        text += &format!("row {i},{label},{split},0.{:04},{svm},word{}\n", (i * 104_729) % 10_000, i % 3);
    }
    text
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("writable");
    path
}

fn options(dtype: Dtype) -> PrepareOptions {
    let mut options = PrepareOptions::default();
    (options.dtype, options.shard_rows) = (dtype, 4096);
    options
}

fn prepared(tables: &[PathBuf], folder: &Path, dtype: Dtype) -> Prepared {
    prepare(tables, folder, &options(dtype), &mut |_| true).expect("a good table")
}

#[test]
fn a_store_is_the_table_whatever_files_it_came_in() {
    let dir = tempfile::tempdir().expect("temporary");
    let whole = write(dir.path(), "whole.csv", &csv(0..ROWS));
    let parts = dir.path().join("parts");
    fs::create_dir(&parts).expect("writable");
    for (k, cut) in [0, 17, 5000, 5001, ROWS].windows(2).enumerate() {
        write(&parts, &format!("part-{k}.csv"), &csv(cut[0]..cut[1]));
    }
    let first = prepared(std::slice::from_ref(&whole), &dir.path().join("a"), Dtype::F64);
    let second = prepared(std::slice::from_ref(&parts), &dir.path().join("b"), Dtype::F64);
    assert_eq!(first.store.shape(), second.store.shape(), "the same fingerprint");
    assert_eq!(first.taken.classifiers, ["forest", "svm"]);

    let table = read_table(Source::new(&whole), &TableOptions::default()).expect("readable");
    let store = Store::open(first.store.folder()).expect("whole");
    let (negatives, positives) = table.data.class_counts();
    assert_eq!((store.counts().negatives, store.counts().positives), (negatives as u64, positives as u64));
    assert_eq!(store.counts().missing, table.data.n_missing() as u64);
    let mut at = 0;
    for number in 0..store.shape().shards() {
        let shard = store.shard(number).expect("whole");
        let predictions = shard.predictions();
        for (k, label) in shard.labels.iter().enumerate() {
            assert_eq!(*label, table.data.labels()[at + k]);
            assert_eq!(shard.truth[k], table.truth[at + k]);
            let (a, b) = (predictions.column(k), table.data.predictions());
            let same = |(a, b): (&f64, &f64)| a == b || a.is_nan() && b.is_nan();
            assert!(a.iter().zip(b.column(at + k)).all(same));
        }
        let ids = store.ids(number).expect("whole");
        assert_eq!(ids[..], table.data.instance_ids().expect("ids")[at..at + ids.len()]);
        at += shard.labels.len();
    }
    assert_eq!(at, ROWS);
}

#[test]
fn passes_over_a_store_are_those_in_memory() {
    let dir = tempfile::tempdir().expect("temporary");
    let whole = write(dir.path(), "whole.csv", &csv(0..ROWS));
    let store = prepared(std::slice::from_ref(&whole), &dir.path().join("store"), Dtype::F64).store;
    let table = read_table(Source::new(&whole), &TableOptions::default()).expect("readable");
    let mut memory = InMemory::new(&table.data).and_then(|m| m.with_shard_rows(4096)).expect("in range");
    let mut seen: Vec<Rows> = Vec::new();
    {
        let mut engine = StoreEngine::new(&store).watched(|rows| {
            seen.push(rows);
            true
        });
        for _ in 0..2 {
            let stored = engine.pass(&Request::Profile).and_then(|all| Ok(all.finish()?)).expect("whole");
            let in_memory = memory.pass(&Request::Profile).and_then(|all| Ok(all.finish()?)).expect("whole");
            assert_eq!(stored, in_memory);
        }
    }
    let done: Vec<(u64, u64)> = seen.iter().map(|rows| (rows.pass, rows.done)).collect();
    assert_eq!(done, [(0, 4096), (0, 8192), (0, 10_000), (1, 4096), (1, 8192), (1, 10_000)]);
    let mut stopped = StoreEngine::new(&store).watched(|_| false);
    assert!(matches!(stopped.pass(&Request::Profile), Err(Error::Stopped)));
}

#[test]
fn single_precision_rounds_and_takes_half() {
    let dir = tempfile::tempdir().expect("temporary");
    let whole = write(dir.path(), "whole.csv", &csv(0..ROWS));
    let exact = prepared(std::slice::from_ref(&whole), &dir.path().join("f64"), Dtype::F64).store;
    let rounded = prepared(std::slice::from_ref(&whole), &dir.path().join("f32"), Dtype::F32).store;
    let (a, b) = (exact.shard(2).expect("whole"), rounded.shard(2).expect("whole"));
    let (a, b) = (a.predictions(), b.predictions());
    let mut pairs = a.iter().zip(&b);
    assert!(pairs.all(|(a, b)| f64::from(*a as f32) == *b || a.is_nan() && b.is_nan()));
    assert!(rounded.bytes() * 9 < exact.bytes() * 6);
}

#[test]
fn what_was_damaged_is_named() {
    let dir = tempfile::tempdir().expect("temporary");
    let whole = write(dir.path(), "whole.csv", &csv(0..ROWS));
    let folder = dir.path().join("store");
    let store = prepared(std::slice::from_ref(&whole), &folder, Dtype::F32).store;
    let path = folder.join("shard-000001.arrow");
    let good = fs::read(&path).expect("there");
    let mut changed = good.clone();
    changed[good.len() / 2] ^= 1;
    for (bytes, expected) in [
        (Some(&good[..good.len() - 1]), "written with"),
        (Some(&changed[..]), "was changed"),
        (None, "missing"),
    ] {
        match bytes {
            Some(bytes) => fs::write(&path, bytes).expect("writable"),
            None => fs::remove_file(&path).expect("there"),
        }
        let error = StoreEngine::new(&store).pass(&Request::Profile).expect_err("damaged");
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(source) = cause {
            text += &source.to_string();
            cause = source.source();
        }
        assert!(text.contains("shard-000001.arrow") && text.contains(expected), "{text}");
    }
    // Changed while an engine is open: the hash is looked at again.
    fs::write(&path, &good).expect("writable");
    let mut engine = StoreEngine::new(&store);
    engine.pass(&Request::Profile).expect("whole again");
    fs::write(&path, &changed).expect("writable");
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    fs::File::options().write(true).open(&path).and_then(|file| file.set_modified(later)).expect("there");
    assert!(engine.pass(&Request::Profile).is_err());
    let manifest = folder.join("store.json");
    let text = fs::read_to_string(&manifest).expect("there");
    fs::write(&manifest, text.replace("\"rows\": 10000", "\"rows\": 10001")).expect("writable");
    assert!(matches!(Store::open(&folder), Err(StoreError::BadManifest { .. })));
    assert!(matches!(Store::open(dir.path()), Err(StoreError::NoStore { .. })));
}

#[test]
fn a_bad_cell_far_down_is_named_by_its_line_and_leaves_no_store() {
    let dir = tempfile::tempdir().expect("temporary");
    // More than one chunk of text.
    let rows = 400_000;
    let mut text = csv(0..rows);
    text += "row last,no,train,1.5,0.5,word\n";
    let path = write(dir.path(), "bad.csv", &text);
    let folder = dir.path().join("store");
    let error = prepare(&[path], &folder, &options(Dtype::F32), &mut |_| true).expect_err("no probability");
    let line = format!("line {}, column \"forest\": 1.5", rows + 2);
    assert!(matches!(&error, StoreError::Table(TableError::OutOfRange { .. })), "{error}");
    assert!(error.to_string().contains(&line), "{error}");
    assert!(!Store::is_store(&folder));
    let again = prepare(&[dir.path().join("bad.csv")], &folder, &options(Dtype::F32), &mut |_| true);
    assert!(matches!(again, Err(StoreError::NotEmpty { .. })));
}

#[test]
fn parquet_is_read_in_parts_and_only_the_columns_that_are_needed() {
    let dir = tempfile::tempdir().expect("temporary");
    let n = 200_000;
    let p: Vec<f64> = (0..n).map(|i| (i % 1000) as f64 / 1000.0).collect();
    let q: Vec<f64> = (0..n).map(|i| if i % 9 == 0 { f64::NAN } else { (i % 333) as f64 / 333.0 }).collect();
    let labels: Vec<Option<bool>> = (0..n).map(|i| (i % 2 == 0).then_some(i % 50 == 0)).collect();
    let words: Vec<String> = (0..n).map(|i| format!("word {}", i % 7)).collect();
    let path = dir.path().join("table.parquet");
    let columns = [
        ("p", Column::Float(&p)),
        ("q", Column::Float(&q)),
        ("label", Column::Label(&labels)),
        ("note", Column::Text(&words)),
    ];
    write_predictions(&Sink::new(&path), &columns).expect("writable");
    let store = prepared(&[path], &dir.path().join("store"), Dtype::F64).store;
    assert_eq!((store.shape().rows, store.has_ids()), (n as u64, false));
    let last = store.shard(store.shape().shards() - 1).expect("whole");
    let end = last.labels.len() - 1;
    assert_eq!(last.predictions()[(0, end)], p[n - 1]);
    assert_eq!(last.labels[end - 1], labels[n - 2]);
    assert_eq!(store.ids(0).expect("numbers")[7], "7");
}

#[test]
fn a_positive_label_that_occurs_nowhere_is_said() {
    let dir = tempfile::tempdir().expect("temporary");
    let path = write(dir.path(), "table.csv", &csv(0..100));
    let mut given = options(Dtype::F32);
    given.table.positive_label = Some("no".to_owned());
    let store = prepare(std::slice::from_ref(&path), &dir.path().join("a"), &given, &mut |_| true)
        .expect("there")
        .store;
    assert!(store.counts().positives > store.counts().negatives);
    given.table.positive_label = Some("fraud".to_owned());
    let error = prepare(&[path], &dir.path().join("b"), &given, &mut |_| true).expect_err("nowhere");
    assert!(matches!(error, StoreError::NoPositive { .. }), "{error}");
}

#[test]
fn what_stands_above_the_header_belongs_to_the_first_part_alone() {
    let dir = tempfile::tempdir().expect("temporary");
    // More than one part of text, so that the header is put before rows far from it.
    let rows = 400_000;
    let body: String =
        (0..rows).map(|i| format!("row {i:07};{};0.{:04};0.5\n", i % 2, (i * 104_729) % 10_000)).collect();
    assert!(body.len() > 8 << 20);
    let head = "id;label;forest;svm\n";
    let plain = write(dir.path(), "plain.csv", &format!("{head}{body}"));
    let expected = prepared(&[plain], &dir.path().join("plain"), Dtype::F32);
    assert_eq!(expected.store.shape().rows, rows);
    for (name, above) in [
        ("titles", "Report of the year\n;;;\nmade by the team;;;\n"),
        ("comments", "# made by the team\n# id is a patient\n"),
        ("separator", "sep=;\n"),
        ("mark", "\u{feff}"),
        ("all", "\u{feff}sep=;\n# a comment\n\nReport; of the year\n"),
    ] {
        let table = write(dir.path(), &format!("{name}.csv"), &format!("{above}{head}{body}"));
        let found = prepared(&[table], &dir.path().join(name), Dtype::F32);
        assert_eq!(found.store.shape(), expected.store.shape(), "{name}");

        // A bad cell in the second part still has the number of its line.
        let bad = body.replacen("row 0399990;0;0.", "row 0399990;0;7.", 1);
        let table = write(dir.path(), &format!("{name}-bad.csv"), &format!("{above}{head}{bad}"));
        let folder = dir.path().join(format!("{name}-bad"));
        let error = prepare(&[table], &folder, &options(Dtype::F32), &mut |_| true).expect_err("7.something");
        let line = above.matches('\n').count() + 1 + 399_991;
        assert!(error.to_string().contains(&format!("line {line}")), "{error}");
    }
}

/// The table above with weights, groups (some without), folds and costs.
fn csv_with_roles(rows: std::ops::Range<usize>) -> String {
    let mut text = "id,label,w,g,f,c,forest,svm\n".to_owned();
    for i in rows {
        let label = if i % 5 == 0 { "" } else { ["no", "yes"][usize::from(i % 11 == 0)] };
        // A row without a label needs neither weight nor fold nor cost.
        let (weight, fold, cost) = match label {
            "" => (String::new(), String::new(), String::new()),
            _ => (format!("{}.5", i % 4), format!("fold {}", i % 3), format!("{}", i % 6)),
        };
        let group = if i % 13 == 0 { String::new() } else { format!("patient {}", i / 4) };
        let p = |k: usize| (i * k) % 10_000;
        text +=
            &format!("r{i},{label},{weight},{group},{fold},{cost},0.{:04},0.{:04}\n", p(104_729), p(7919));
    }
    text
}

fn with_roles() -> PrepareOptions {
    let mut options = options(Dtype::F64);
    let named = |name: &str| Some(name.to_owned());
    (options.table.weight_column, options.table.group_column) = (named("w"), named("g"));
    (options.table.fold_column, options.table.cost_column) = (named("f"), named("c"));
    options
}

#[test]
fn weights_groups_folds_and_costs_are_kept_whatever_files_they_came_in() {
    let dir = tempfile::tempdir().expect("temporary");
    let whole = write(dir.path(), "whole.csv", &csv_with_roles(0..ROWS));
    let parts = dir.path().join("parts");
    fs::create_dir(&parts).expect("writable");
    for (k, cut) in [0, 16, 5000, 5001, ROWS].windows(2).enumerate() {
        write(&parts, &format!("part-{k}.csv"), &csv_with_roles(cut[0]..cut[1]));
    }
    let prepared = |table: &PathBuf, name: &str| {
        let table = std::slice::from_ref(table);
        prepare(table, &dir.path().join(name), &with_roles(), &mut |_| true).expect("a good table").store
    };
    let (store, second) = (prepared(&whole, "a"), prepared(&parts, "b"));
    assert_eq!(store.shape(), second.shape(), "the same fingerprint");
    assert!(store.has_weights() && store.has_costs());
    let table = read_table(Source::new(&whole), &with_roles().table).expect("readable");
    let mut at = 0;
    for number in 0..store.shape().shards() {
        let (shard, roles) = (store.shard(number).expect("whole"), store.row_roles(number).expect("whole"));
        let rows = at..at + shard.labels.len();
        assert_eq!(shard.weights.as_deref(), table.data.sample_weights().map(|all| &all[rows.clone()]));
        assert_eq!(roles.groups.as_deref(), table.groups.as_deref().map(|all| &all[rows.clone()]));
        assert_eq!(roles.folds.as_deref(), table.folds.as_deref().map(|all| &all[rows.clone()]));
        assert_eq!(roles.costs.as_deref(), table.costs.as_deref().map(|all| &all[rows.clone()]));
        at = rows.end;
    }
    assert_eq!(at, ROWS);
    let mut memory = InMemory::new(&table.data).and_then(|m| m.with_shard_rows(4096)).expect("in range");
    let sums = |engine: &mut dyn Engine| {
        engine.pass(&Request::Survey).and_then(|all| Ok(all.finish()?)).expect("whole")
    };
    assert_eq!(sums(&mut StoreEngine::new(&store)), sums(&mut memory));
    // A file of groups that was changed is named, and so is one of another store.
    fs::write(store.folder().join("roles-000001.arrow"), "no").expect("writable");
    assert!(matches!(store.row_roles(1), Err(StoreError::Changed { path }) if path.contains("roles-000001")));
    let plain =
        prepare(std::slice::from_ref(&whole), &dir.path().join("c"), &options(Dtype::F64), &mut |_| true);
    let plain = plain.expect("a good table").store;
    assert!(!plain.has_weights() && plain.row_roles(0).expect("none").folds.is_none());
    assert_ne!(plain.shape().fingerprint, store.shape().fingerprint);
}

#[test]
fn what_a_labeled_row_lacks_is_named_by_its_line_wherever_it_stands() {
    let dir = tempfile::tempdir().expect("temporary");
    // Far enough down that another chunk holds the row.
    let rows = 250_000;
    let good = csv_with_roles(0..rows);
    let message = |from: &str, to: &str, name: &str| {
        assert!(good.contains(from), "{from}");
        let table = write(dir.path(), &format!("{name}.csv"), &good.replacen(from, to, 1));
        let error = prepare(&[table], &dir.path().join(name), &with_roles(), &mut |_| true);
        error.expect_err("a bad table").to_string()
    };
    let line = 240_001 + 2;
    let weight = message("\nr240001,no,1.5,", "\nr240001,no,heavy,", "weight");
    assert!(weight.contains(&format!("line {line} (\"heavy\")")), "{weight}");
    let fold = message("\nr240001,no,1.5,patient 60000,fold 1,", "\nr240001,no,1.5,patient 60000,,", "fold");
    assert!(fold.contains(&format!("line {line}")) && fold.contains("fold"), "{fold}");
    let label = message("\nr240001,no,", "\nr240001,perhaps,", "label");
    assert!(label.contains(&format!("line {line}")) && label.contains("perhaps"), "{label}");
}
