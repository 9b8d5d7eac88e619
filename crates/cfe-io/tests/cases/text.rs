//! Text: dialects, headers, row names.

use crate::*;

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
    refused(with(&twice, |_| {}), &["line 5", "the header is repeated here", "delete this line"]);
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
