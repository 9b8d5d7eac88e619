//! Packings, JSON, arrays, folders, workbooks.

use crate::*;

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
    three.add_array("R", &ndarray::Array4::<f64>::zeros((2, 3, 2, 1))).expect("in memory");
    three.finish().expect("in memory");
    refused(read(bytes.into_inner()), &["4 dimensions [2, 3, 2, 1]", "classifiers x instances x classes"]);
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
    // Two parts that hold one row are both named.
    fs::write(&two, format!("{header}\n{}\n{}\n", rows[2], rows[1])).expect("writable");
    let (first, second) = ("part-0000.csv, line 3 already", "part-0001.csv, line 3, column \"instance_id\"");
    refused(read(Source::new(&parts)), &[second, first]);
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
    refused(read(Source::new(dir.path().join("no*.csv"))), &["there is no file to read"]);
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
