//! Tables in NPY and NPZ, and that a promised terabyte is refused.

use std::fs;

use cfe_io::{Source, Table, TableError, TableOptions, TableResult, read_table};
use ndarray::{Array2, ShapeBuilder, array};
use ndarray_npy::{NpzWriter, WriteNpyExt};

fn options(change: impl FnOnce(&mut TableOptions)) -> TableOptions {
    let mut options = TableOptions::default();
    change(&mut options);
    options
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

fn matrix() -> Array2<f64> {
    array![[0.9, 0.2, 0.4], [0.7, f64::NAN, 0.25]]
}

fn same(table: &Table) -> bool {
    table.data.predictions().iter().zip(&matrix()).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
}

#[test]
fn npy_of_both_orders_and_types() {
    let dir = tempfile::tempdir().expect("temporary");
    let path = dir.path().join("R.npy");
    let save = |bytes: Vec<u8>| fs::write(&path, bytes).expect("writable");
    let bytes_of = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut b = Vec::new();
        write(&mut b);
        b
    };
    let mut fortran = Array2::zeros((2, 3).f());
    fortran.assign(&matrix());
    for bytes in [
        bytes_of(&|b| matrix().write_npy(b).expect("in memory")),
        bytes_of(&|b| fortran.write_npy(b).expect("in memory")),
    ] {
        save(bytes.clone());
        let table = read_table(Source::new(&path), &TableOptions::default()).expect("readable");
        assert!(same(&table));
        assert_eq!(table.truth, [None, None, None]);
        assert!(same(&read_table(Source::bytes("pipe", bytes), &TableOptions::default()).expect("readable")));
    }
    save(bytes_of(&|b| matrix().mapv(|v| v as f32).write_npy(b).expect("in memory")));
    array![1.0, f64::NAN, 0.0]
        .write_npy(fs::File::create(dir.path().join("labels.npy")).expect("writable"))
        .expect("written");
    let table = read_table(Source::new(&path), &TableOptions::default()).expect("readable");
    assert_eq!(table.data.predictions()[(0, 0)], f64::from(0.9f32));
    assert_eq!(table.truth, [Some(true), None, Some(false)]);
    assert_eq!(table.data.classifier_names(), ["clf_0", "clf_1"]);

    let other = dir.path().join("y.npy");
    let given = options(|o| o.labels_file = Some(other.clone()));
    array![1.0, 0.5, 0.0].write_npy(fs::File::create(&other).expect("writable")).expect("written");
    says(
        read_table(Source::new(&path), &given),
        &["y.npy, instance 1 (counted from 0), column \"labels\": \"0.5\" is not a label"],
    );
    array![1.0, 0.0].write_npy(fs::File::create(&other).expect("writable")).expect("written");
    let turned = read_table(Source::new(&path), &given).expect("instances x classifiers, as the labels show");
    assert_eq!(turned.data.predictions().column(0).to_vec(), [0.9f32, 0.2, 0.4].map(f64::from));
    assert_eq!(turned.truth, [Some(true), Some(false)]);
    array![1.0, 0.0, 1.0, 1.0].write_npy(fs::File::create(&other).expect("writable")).expect("written");
    says(
        read_table(Source::new(&path), &given),
        &["4 entries, but 3 are needed", "beside R of 2 x 3", "one label for each instance"],
    );
    save(bytes_of(&|b| array![[0.5, 1.5]].write_npy(b).expect("in memory")));
    fs::remove_file(dir.path().join("labels.npy")).expect("there");
    says(
        read_table(Source::new(&path), &TableOptions::default()),
        &["instance 1 (counted from 0), column \"clf_0\": 1.5"],
    );
}

#[test]
fn a_promised_terabyte_is_refused_before_it_is_allocated() {
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000, 125000000), }\n";
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend([0; 64]);
    let dir = tempfile::tempdir().expect("temporary");
    let path = dir.path().join("R.npy");
    fs::write(&path, &bytes).expect("writable");
    let parts = ["of 1000000000000 bytes is announced, but 64 bytes are there"];
    says(read_table(Source::new(&path), &TableOptions::default()), &parts);
    says(read_table(Source::bytes("pipe", bytes), &TableOptions::default()), &parts);
    for header in [
        "{'descr': '|O', 'fortran_order': False, 'shape': (1, 1), }",
        "((((((",
        "{'shape': (18446744073709551615, 18446744073709551615), 'fortran_order': True, 'descr': '<f8'}",
        // Their product is beyond 128 bits.
        "{'shape': (4294967296, 4294967296, 4294967296, 4294967296, 2), 'fortran_order': True, 'descr': '<f8'}",
        // Nothing is promised, by numbers whose product overflows on the way.
        "{'shape': (9223372036854775808, 4, 0), 'fortran_order': True, 'descr': '<f8'}",
    ] {
        let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
        bytes.extend((header.len() as u32).to_le_bytes());
        bytes.extend(header.as_bytes());
        read_table(Source::bytes("R.npy", bytes), &TableOptions::default()).expect_err("refused");
    }
}

#[test]
fn npz_plain_and_compressed() {
    for compressed in [false, true] {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let mut npz =
            if compressed { NpzWriter::new_compressed(&mut bytes) } else { NpzWriter::new(&mut bytes) };
        npz.add_array("R", &matrix()).expect("in memory");
        npz.add_array("labels", &array![1i8, 0, 1]).expect("in memory");
        npz.add_array("ids", &array![7u64, 8, u64::MAX]).expect("in memory");
        npz.finish().expect("in memory");
        let bytes = bytes.into_inner();
        let table =
            read_table(Source::bytes("t.npz", bytes.clone()), &TableOptions::default()).expect("readable");
        assert!(same(&table));
        assert_eq!(table.truth, [Some(true), Some(false), Some(true)]);
        assert_eq!(table.data.instance_id(2), u64::MAX.to_string());
        let unknown = options(|o| o.split_column = Some("fold".into()));
        says(read_table(Source::bytes("t.npz", bytes), &unknown), &["no column \"fold\"", "\"labels\""]);
    }
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut npz = NpzWriter::new(&mut bytes);
    npz.add_array("a", &matrix()).expect("in memory");
    npz.add_array("b", &matrix()).expect("in memory");
    npz.finish().expect("in memory");
    let none = read_table(Source::bytes("t.npz", bytes.into_inner()), &TableOptions::default());
    says(none, &["no array \"R\", \"predictions\", \"P\"; the archive has \"a\", \"b\""]);
}
