//! Parquet and Arrow IPC: what pandas and polars write is read, what is wrong is told, damage is an error.
//!
//! `golden/pandas.*` and `golden/polars.*` were written by pandas 3 (pyarrow) and polars 2: snappy, lz4 and
//! zstd, categories, nullable columns.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, ListBuilder};
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float16Array, Float32Array,
    Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_ipc::writer::{FileWriter, StreamWriter};
use cfe_io::{Source, Table, TableOptions, TableResult, read_table};
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;

const GOLDEN: [&str; 5] =
    ["pandas.parquet", "pandas.feather", "polars.parquet", "polars.arrows", "polars.arrow"];

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn with_split() -> TableOptions {
    let mut options = TableOptions::default();
    options.split_column = Some("split".into());
    options
}

fn is_the_table(table: &Table) {
    assert_eq!(table.data.classifier_names(), ["forest", "svm"]);
    let r = table.data.predictions();
    assert_eq!(r.row(0).to_vec(), [0.9, 0.2, 0.4]);
    assert!(r[(1, 0)] == 0.7 && r[(1, 1)].is_nan() && r[(1, 2)].is_nan());
    assert_eq!(table.data.instance_ids(), Some(&["a", "b", "c"].map(String::from)[..]));
    assert_eq!(table.truth, [Some(true), Some(false), Some(true)]);
    assert_eq!(table.data.labels(), [Some(true), Some(false), None]);
}

#[test]
fn what_others_write_is_read() {
    for name in GOLDEN {
        let path = golden(name);
        is_the_table(&read_table(Source::new(&path), &with_split()).expect(name));
        let bytes = fs::read(&path).expect("there");
        is_the_table(&read_table(Source::bytes("pipe", bytes), &with_split()).expect(name));
    }
}

type Columns = Vec<(&'static str, ArrayRef)>;

/// The batches in all three formats.
fn written(batches: Vec<Columns>) -> [Vec<u8>; 3] {
    let batch = |columns: Columns| {
        let nullable = columns.into_iter().map(|(name, array)| (name, array, true));
        RecordBatch::try_from_iter_with_nullable(nullable).expect("one length")
    };
    let batches: Vec<RecordBatch> = batches.into_iter().map(batch).collect();
    let schema = batches[0].schema();
    let (mut parquet, mut file, mut stream) = (Vec::new(), Vec::new(), Vec::new());
    let mut a = ArrowWriter::try_new(&mut parquet, schema.clone(), None).expect("in memory");
    let mut b = FileWriter::try_new(&mut file, &schema).expect("in memory");
    let mut c = StreamWriter::try_new(&mut stream, &schema).expect("in memory");
    for batch in &batches {
        a.write(batch).expect("in memory");
        b.write(batch).expect("in memory");
        c.write(batch).expect("in memory");
    }
    a.close().expect("in memory");
    b.finish().expect("in memory");
    c.finish().expect("in memory");
    [parquet, file, stream]
}

fn read_all(batches: Vec<Columns>) -> [TableResult<Table>; 3] {
    written(batches).map(|bytes| read_table(Source::bytes("t", bytes), &TableOptions::default()))
}

fn part(ids: Vec<i64>, labels: Vec<Option<&str>>, p: Vec<Option<f32>>) -> Columns {
    vec![
        ("instance_id", Arc::new(Int64Array::from(ids)) as ArrayRef),
        ("label", Arc::new(StringArray::from(labels))),
        ("p", Arc::new(Float32Array::from(p))),
    ]
}

#[track_caller]
fn all_say(results: [TableResult<Table>; 3], part: &str) {
    for result in results {
        let message = result.expect_err("refused").to_string();
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}

#[test]
fn batches_follow_each_other() {
    let batches = vec![
        part(vec![1, 2], vec![Some("1"), None], vec![Some(0.25), None]),
        part(vec![3], vec![Some("0")], vec![Some(0.5)]),
    ];
    for table in read_all(batches) {
        let table = table.expect("readable");
        assert_eq!(table.truth, [Some(true), None, Some(false)]);
        assert_eq!(table.data.instance_id(2), "3");
        assert_eq!(table.data.predictions()[(0, 2)], 0.5);
    }
}

#[test]
fn what_is_wrong_is_told() {
    let good = || part(vec![1, 2], vec![None, None], vec![Some(0.25), Some(0.5)]);
    all_say(
        read_all(vec![good(), part(vec![3], vec![None], vec![Some(2.0)])]),
        "t, row 3, column \"p\": 2 is not a",
    );
    all_say(
        read_all(vec![good(), part(vec![3], vec![Some("x")], vec![None])]),
        "t, row 3, column \"label\": \"x\" is not a label",
    );
    all_say(
        read_all(vec![good(), part(vec![1], vec![None], vec![None])]),
        "t, row 3, column \"instance_id\": the id \"1\" was used in row 1",
    );
    all_say(read_all(vec![part(vec![], vec![], vec![])]), "a header of 3 columns and no row");
    let text: Columns = vec![("p", Arc::new(StringArray::from(vec!["0.5", "0.25", "?"])))];
    all_say(read_all(vec![text]), "t, row 3, column \"p\": \"?\" is not a number");
    let two: Columns = vec![
        ("a", Arc::new(Float64Array::from(vec![0.5]))),
        ("b", Arc::new(Float64Array::from(vec![f64::INFINITY]))),
    ];
    all_say(read_all(vec![two]), "row 1, column \"b\": inf");
}

fn strings(values: [&str; 3]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// Three rows with these columns besides id, label and two plain classifiers.
fn beside(columns: Columns) -> [TableResult<Table>; 3] {
    let mut all: Columns = vec![
        ("instance_id", strings(["a", "b", "c"])),
        ("label", Arc::new(Int64Array::from(vec![1, 0, 0]))),
        ("clf1", Arc::new(Float64Array::from(vec![0.9, 0.2, 0.4]))),
        ("clf2", Arc::new(Float64Array::from(vec![0.7, 0.1, 0.3]))),
    ];
    all.extend(columns);
    read_all(vec![all])
}

#[test]
fn numbers_of_every_type_are_read() {
    let half = Float16Array::from(vec![half::f16::from_f64(0.5), half::f16::from_f64(0.1), half::f16::ZERO]);
    let decimal =
        Decimal128Array::from(vec![123_456, 900_000, 10]).with_precision_and_scale(9, 6).expect("fits");
    let keys = Int32Array::from(vec![Some(1), Some(0), None]);
    let dictionary = DictionaryArray::new(keys.clone(), Arc::new(Float64Array::from(vec![0.25, 0.75])));
    let texts = DictionaryArray::new(keys, Arc::new(StringArray::from(vec!["0.25", "0.75"])));
    for (array, expected) in [
        (Arc::new(half) as ArrayRef, [0.5, 0.099_975_585_937_5, 0.0]),
        (Arc::new(decimal), [0.123456, 0.9, 0.00001]),
        (Arc::new(dictionary), [0.75, 0.25, f64::NAN]),
        (Arc::new(texts), [0.75, 0.25, f64::NAN]),
        (strings(["0.125", "NA", "1e-3"]), [0.125, f64::NAN, 0.001]),
    ] {
        for table in beside(vec![("x", array.clone())]) {
            let table = table.expect("readable");
            let found = table.data.predictions().row(2).to_vec();
            assert!(
                found.iter().zip(expected).all(|(a, b)| *a == b || a.is_nan() && b.is_nan()),
                "{found:?}"
            );
        }
    }
}

#[test]
fn keys_of_every_type_are_read() {
    let day = Arc::new(Date32Array::from(vec![20_000, 20_000, 20_001])) as ArrayRef;
    let moment = Arc::new(TimestampMicrosecondArray::from(vec![0, 0, 1_500_000])) as ArrayRef;
    let patient = Arc::new(Float64Array::from(vec![Some(7.0), None, Some(7.0)])) as ArrayRef;
    let flag = Arc::new(BooleanArray::from(vec![true, true, false])) as ArrayRef;
    for (array, groups) in [
        (day.clone(), ["2024-10-04", "2024-10-04", "2024-10-05"]),
        (moment, ["1970-01-01 00:00:00", "1970-01-01 00:00:00", "1970-01-01 00:00:01.500"]),
        // A row without a group is a group of its own.
        (patient, ["7", "\nrow 1", "7"]),
        (flag.clone(), ["true", "true", "false"]),
    ] {
        let columns: Columns = vec![
            ("label", Arc::new(Int64Array::from(vec![1, 0, 0]))),
            ("p", Arc::new(Float64Array::from(vec![0.9, 0.2, 0.4]))),
            ("key", array),
        ];
        for bytes in written(vec![columns]) {
            let mut options = TableOptions::default();
            options.group_column = Some("key".into());
            let table = read_table(Source::bytes("t", bytes), &options).expect("readable");
            assert_eq!(table.groups, Some(groups.map(String::from).to_vec()));
        }
    }
    for table in beside(vec![("is_train", flag), ("day_of_visit", day)]) {
        let table = table.expect("readable");
        assert_eq!(table.in_train, [true, true, false]);
        assert_eq!(table.taken.train_value.as_deref(), Some("true"));
        assert_eq!(table.data.classifier_names(), ["clf1", "clf2"]);
    }
    let labels: Columns = vec![
        (
            "label",
            Arc::new(Decimal128Array::from(vec![1, 0, 0]).with_precision_and_scale(1, 0).expect("fits")),
        ),
        ("p", Arc::new(Float64Array::from(vec![0.9, 0.2, 0.4]))),
    ];
    for table in read_all(vec![labels]) {
        assert_eq!(table.expect("readable").truth, [Some(true), Some(false), Some(false)]);
    }
}

#[test]
fn nested_columns_do_no_harm_and_the_index_of_pandas_is_the_id() {
    let mut list = ListBuilder::new(Float64Builder::new());
    (0..3).for_each(|i| list.append_value([Some(0.5), Some(f64::from(i))]));
    let nested = Arc::new(list.finish()) as ArrayRef;
    for table in beside(vec![("meta", nested.clone())]) {
        let table = table.expect("readable");
        assert_eq!(table.data.classifier_names(), ["clf1", "clf2"]);
        assert!(table.taken.passed_over[0].reason.starts_with("of type List"), "{}", table.taken);
    }
    let mut options = TableOptions::default();
    options.columns = vec!["meta".into()];
    let batch =
        vec![("meta", nested), ("clf", Arc::new(Float64Array::from(vec![0.5, 0.1, 0.2])) as ArrayRef)];
    for bytes in written(vec![batch]) {
        let error = read_table(Source::bytes("t", bytes), &options).expect_err("a list").to_string();
        assert!(error.contains("column \"meta\": of type List"), "{error}");
    }
    let columns: Columns = vec![
        ("label", Arc::new(Int64Array::from(vec![1, 0, 0]))),
        ("clf1", Arc::new(Float64Array::from(vec![0.9, 0.2, 0.4]))),
        ("__index_level_0__", Arc::new(Int64Array::from(vec![3, 7, 9]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("one length");
    let metadata = [("pandas".to_owned(), r#"{"index_columns": ["__index_level_0__"]}"#.to_owned())];
    let schema =
        Arc::new(batch.schema().as_ref().clone().with_metadata(std::collections::HashMap::from(metadata)));
    let batch = RecordBatch::try_new(schema.clone(), batch.columns().to_vec()).expect("one length");
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, schema, None).expect("in memory");
    writer.write(&batch).expect("in memory");
    writer.close().expect("in memory");
    let table = read_table(Source::bytes("t", bytes), &TableOptions::default()).expect("readable");
    assert_eq!(table.taken.roles.id.as_deref(), Some("__index_level_0__"));
    assert_eq!(table.data.instance_ids(), Some(&["3", "7", "9"].map(String::from)[..]));
    assert_eq!(table.data.classifier_names(), ["clf1"]);
}

#[test]
fn a_promised_terabyte_is_refused_before_it_is_allocated() {
    let file = fs::read(golden("pandas.feather")).expect("there");
    // The length that an LZ4 frame unpacks to stands before its magic number.
    let frames: Vec<usize> =
        (8..file.len() - 4).filter(|&at| file[at..].starts_with(&[0x04, 0x22, 0x4d, 0x18])).collect();
    assert!(!frames.is_empty());
    for at in frames {
        let mut bytes = file.clone();
        bytes[at - 8..at].copy_from_slice(&(1i64 << 40).to_le_bytes());
        let error =
            read_table(Source::bytes("t.feather", bytes), &with_split()).expect_err("refused").to_string();
        assert!(error.contains("says it unpacks to 1099511627776"), "{error}");
    }
}

#[test]
fn every_cut_is_an_error() {
    for name in GOLDEN {
        let bytes = fs::read(golden(name)).expect("there");
        // The index of an Arrow file comes after its end mark and is not needed; a stream may do without the
        // mark.
        let mark = bytes.windows(8).rposition(|w| w == b"\xff\xff\xff\xff\0\0\0\0");
        // The file that Polars writes is read by its index.
        let needed = match name.ends_with("parquet") || name == "polars.arrow" {
            true => bytes.len(),
            false => mark.expect("there") - usize::from(name.ends_with("arrows")),
        };
        for length in 0..needed {
            read_table(Source::bytes(name, bytes[..length].to_vec()), &with_split()).expect_err(name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_change_gets_out_as_a_panic(which in 0..GOLDEN.len(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = fs::read(golden(GOLDEN[which])).expect("there");
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = read_table(Source::bytes("any", bytes), &with_split());
    }
}
