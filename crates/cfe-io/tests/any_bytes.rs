//! No bytes make a reader panic, and what the csv crate writes is read.

use std::io::Write;

use cfe_io::{Source, TableOptions, read_table};
use flate2::{Compression, write::GzEncoder};
use ndarray::{Array2, array};
use ndarray_npy::{NpzWriter, WriteNpyExt};
use proptest::prelude::*;

const CSV: &str = "instance_id,split,label,forest,svm\na,train,1,0.9,0.7\nb,train,0,0.2,\nc,test,1,0.4,NA\n";

fn with_split() -> TableOptions {
    let mut options = TableOptions::default();
    options.split_column = Some("split".into());
    options
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

fn matrix() -> Array2<f64> {
    array![[0.9, 0.2, 0.4], [0.7, f64::NAN, 0.25]]
}

fn whatever(bytes: Vec<u8>) {
    // Ok or Err, but no panic.
    let _ = read_table(Source::bytes("any", bytes.clone()), &TableOptions::default());
    let _ = read_table(Source::bytes("any", bytes), &with_split());
}

const STARTS: [&[u8]; 9] = [
    b"",
    b"instance_id,split,label,p\n",
    b"\x1f\x8b\x08\0\0\0\0\0\0\0",
    b"\x93NUMPY\x01\0",
    b"\x93NUMPY\x01\0\x3c\0{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }\n",
    b"PK\x03\x04",
    b"PAR1",
    b"ARROW1\0\0",
    b"\xff\xff\xff\xff",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn no_bytes_make_a_reader_panic(start in 0..STARTS.len(), rest in prop::collection::vec(any::<u8>(), 0..400)) {
        whatever([STARTS[start], &rest].concat());
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "(a|label|instance_id|split|0|1|0\\.5|NA|\"|\"\"|,|;|\t|\n|\r\n|\u{feff}|é){0,60}") {
        whatever(text.into_bytes());
    }

    #[test]
    fn no_change_makes_a_reader_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(), which in 0..3usize) {
        let mut npz = std::io::Cursor::new(Vec::new());
        let mut writer = NpzWriter::new_compressed(&mut npz);
        writer.add_array("R", &matrix()).expect("in memory");
        writer.finish().expect("in memory");
        let mut npy = Vec::new();
        matrix().write_npy(&mut npy).expect("in memory");
        let mut bytes = vec![gzip(CSV.as_bytes()), npz.into_inner(), npy].swap_remove(which);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        whatever(bytes.clone());
        bytes.truncate(cut.index(bytes.len()));
        whatever(bytes);
    }

    #[test]
    fn what_csv_writes_is_read(ids in prop::collection::hash_set("[^\\r\\x00-\\x1f\\x7f]{1,6}", 1..20), delimiter in prop::sample::select(vec![b',', b';', b'\t'])) {
        let ids: Vec<String> = ids.into_iter().filter(|id| id.trim_ascii() == id && !id.is_empty()).collect();
        prop_assume!(!ids.is_empty());
        let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
        writer.write_record(["instance_id", "p"]).expect("in memory");
        ids.iter().for_each(|id| writer.write_record([id, "0.5"]).expect("in memory"));
        let bytes = writer.into_inner().expect("in memory");
        let table = read_table(Source::bytes("t", bytes), &TableOptions::default()).expect("readable");
        prop_assert_eq!(table.data.instance_ids(), Some(&ids[..]));
    }
}
