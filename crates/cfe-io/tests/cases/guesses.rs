//! What is guessed of a table, and what is said where the guess may be wrong.

use super::*;

/// A workbook of these sheets: (name, hidden, rows of cells).
#[cfg(feature = "excel")]
fn workbook(sheets: &[(&str, bool, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let mut put = |name: &str, text: &str| {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("memory");
        zip.write_all(text.as_bytes()).expect("memory");
    };
    let (mut list, mut relations, mut kinds) = (String::new(), String::new(), String::new());
    let open = "http://schemas.openxmlformats.org";
    for (k, (name, hidden, rows)) in sheets.iter().enumerate() {
        let state = if *hidden { " state=\"hidden\"" } else { "" };
        let k = k + 1;
        list += &format!("<sheet name=\"{name}\" sheetId=\"{k}\"{state} r:id=\"rId{k}\"/>");
        relations += &format!(
            "<Relationship Id=\"rId{k}\" Type=\"{open}/officeDocument/2006/relationships/worksheet\" \
             Target=\"worksheets/sheet{k}.xml\"/>"
        );
        let main = "application/vnd.openxmlformats-officedocument.spreadsheetml";
        kinds += &format!(
            "<Override PartName=\"/xl/worksheets/sheet{k}.xml\" ContentType=\"{main}.worksheet+xml\"/>"
        );
        let cell = |cell: &str| match cell.parse::<f64>() {
            Ok(number) => format!("<c><v>{number}</v></c>"),
            Err(_) => format!("<c t=\"inlineStr\"><is><t>{cell}</t></is></c>"),
        };
        let row = |row: &str| format!("<row>{}</row>", row.split(',').map(cell).collect::<String>());
        let rows: String = rows.lines().map(row).collect();
        put(
            &format!("xl/worksheets/sheet{k}.xml"),
            &format!(
                "<worksheet xmlns=\"{open}/spreadsheetml/2006/main\"><sheetData>{rows}</sheetData></worksheet>"
            ),
        );
    }
    put(
        "xl/workbook.xml",
        &format!(
            "<workbook xmlns=\"{open}/spreadsheetml/2006/main\" \
             xmlns:r=\"{open}/officeDocument/2006/relationships\"><sheets>{list}</sheets></workbook>"
        ),
    );
    put(
        "xl/_rels/workbook.xml.rels",
        &format!("<Relationships xmlns=\"{open}/package/2006/relationships\">{relations}</Relationships>"),
    );
    put(
        "_rels/.rels",
        &format!(
            "<Relationships xmlns=\"{open}/package/2006/relationships\"><Relationship Id=\"rId1\" \
             Type=\"{open}/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/>\
             </Relationships>"
        ),
    );
    put(
        "[Content_Types].xml",
        &format!("<Types xmlns=\"{open}/package/2006/content-types\">{kinds}</Types>"),
    );
    zip.finish().expect("memory").into_inner()
}

#[cfg(feature = "excel")]
#[test]
fn the_sheet_of_a_workbook_is_the_one_that_a_person_sees() {
    let other = "instance_id,label,clf1,clf2\nd1,0,0.5,0.6\nd2,1,0.7,0.8\n";
    let book = |sheets: &[(&str, bool, &str)], sheet: Option<&str>| {
        let mut options = TableOptions::default();
        options.sheet = sheet.map(str::to_owned);
        read_table(Source::bytes("b.xlsx", workbook(sheets)), &options)
    };
    // A hidden sheet is not read.
    let hidden = [("old", true, other), ("data", false, PLAIN)];
    let table = book(&hidden, None).expect("the visible sheet");
    is_plain(&table);
    let said = table.taken.to_string();
    assert!(said.contains("sheet \"data\"; not read: \"old\" (hidden); --sheet names another"), "{said}");
    // Nor is one that holds no predictions, or no labels.
    for first in ["part,rows\ntrain,3\ntest,2\n", "metric,value\nauc,0.9\nap,0.8\n"] {
        is_plain(&book(&[("summary", false, first), ("data", false, PLAIN)], None).expect("the table"));
    }
    // Of two tables the first is read, and the other is named.
    let two = [("train", false, PLAIN), ("test", false, other)];
    let table = book(&two, None).expect("the first");
    is_plain(&table);
    assert!(table.taken.to_string().contains("sheet \"train\"; not read: \"test\""), "{}", table.taken);
    let table = book(&two, Some("test")).expect("the named one");
    assert_eq!(table.truth, [Some(false), Some(true)]);
    refused(book(&two, Some("valid")), &["no sheet \"valid\"", "\"train\", \"test\""]);
    // A single sheet needs no word, and an error in the table does not make another sheet the table.
    let alone = book(&[("data", false, PLAIN)], None).expect("a table");
    assert!(!alone.taken.to_string().contains("sheet"), "{}", alone.taken);
    let wrong = PLAIN.replace("0.2", "oops");
    refused(book(&[("data", false, &wrong), ("copy", false, PLAIN)], None), &["sheet \"data\"", "oops"]);
}

#[test]
fn options_for_other_files_are_refused() {
    let error = with(PLAIN, |o| o.labels_file = Some("nowhere.npy".into()));
    refused(error, &["t.csv: --labels-file is for a matrix in NPY"]);
    refused(with(PLAIN, |o| o.sheet = Some("data".into())), &["t.csv: --sheet is for a workbook"]);
    refused(
        with(PLAIN, |o| o.train_value = Some("fit".into())),
        &["--train-value \"fit\" needs a split column"],
    );
}

#[test]
fn columns_that_a_scale_changes_too_are_named() {
    let mixed = "label,svm,rf,gbm\n1,0.9,85.5,0.7\n0,0.2,3.25,0.1\n0,0.4,30.5,0.3\n";
    let table = read(mixed);
    assert_eq!(table.data.classifier_names(), ["svm", "gbm"]);
    let said = table.taken.to_string();
    assert!(said.contains("reads such columns, and would change \"svm\", \"gbm\" too"), "{said}");
    for (option, change) in [
        ("--scale percent", (|o: &mut TableOptions| o.scale = Scale::Percent) as fn(&mut TableOptions)),
        ("--input score", |o| o.input = Input::Score),
    ] {
        let table = with(mixed, change).expect("a table");
        let said: Vec<String> = table.warnings.iter().map(ToString::to_string).collect();
        let wanted = format!("{option} changes columns that lie within 0 to 1 already: \"svm\", \"gbm\"");
        assert!(said.iter().any(|w| w.contains(&wanted) && w.contains("the other column ")), "{said:?}");
    }
    // Columns of one scale need no word, and a table of probabilities alone is asked about.
    let percent = "label,svm,rf\n1,90,85.5\n0,20,3.25\n0,40,30.5\n";
    let table = with(percent, |o| o.scale = Scale::Percent).expect("a table");
    assert!(table.warnings.is_empty(), "{:?}", table.warnings);
    let table = with(PLAIN, |o| o.input = Input::Score).expect("a table");
    let said = table.warnings[0].to_string();
    assert!(said.contains("\"clf1\", \"clf2\"; leave the option out if these are probabilities"), "{said}");
}

#[test]
fn a_second_split_is_not_a_classifier() {
    for (second, values) in
        [("is_train", ["1", "1", "0"]), ("is_test", ["0", "0", "1"]), ("set", ["1", "1", "0"])]
    {
        let [a, b, c] = values;
        let text = format!("label,clf1,split,{second}\n1,0.9,train,{a}\n0,0.2,train,{b}\n0,0.4,test,{c}\n");
        let table = read(&text);
        assert_eq!(table.data.classifier_names(), ["clf1"], "{}", table.taken);
        assert!(reasons(&table).contains(&(second, "another split, by its name")), "{}", table.taken);
    }
}

#[test]
fn rows_without_a_split_are_counted_and_not_learned_from() {
    let text = "label,clf1,split\n1,0.9,train\n0,0.2,train\n0,0.4,test\n1,0.6,\n0,0.1,\n";
    let table = read(text);
    assert_eq!(table.in_train, [true, true, false, false, false]);
    assert_eq!(table.held_out(), [false, false, true, false, false]);
    let said = table.warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    assert!(said.contains("column \"split\": 2 rows name no split; they are not learned from"), "{said}");
    // Where nothing else is labeled outside the train split they are what a fit can be judged by.
    let alone = read(&text.replace("0,0.4,test", ",0.4,test"));
    assert_eq!(alone.held_out(), [false, false, true, true, true]);
}

#[test]
fn a_word_for_nothing_beside_one_text_is_the_other_class() {
    for word in ["none", "None", "null", "NULL", "nil"] {
        for positive in [None, Some("relapse")] {
            let text = format!("outcome,clf1\nrelapse,0.9\n{word},0.2\n,0.5\n{word},0.4\n");
            let table = with(&text, |o| o.positive_label = positive.map(str::to_owned)).expect(word);
            assert_eq!(table.truth, [Some(true), Some(false), None, Some(false)], "{word}");
            let said = table.taken.to_string();
            assert!(said.contains("positive: relapse"), "{said}");
            if positive.is_none() {
                assert!(said.contains(&format!("{word:?} in 2 rows of the label column")), "{said}");
            }
        }
    }
    // Beside two values, beside a number, or where it is named as missing, it is a missing label.
    let three = read("outcome,clf1\nrelapse,0.9\nnone,0.2\nwell,0.4\nwell,0.3\n");
    assert_eq!(three.truth.iter().filter(|label| label.is_none()).count(), 1, "{}", three.taken);
    let one = read("label,clf1\n1,0.9\nnone,0.2\n");
    assert_eq!(one.truth, [Some(true), None]);
    let named = with("outcome,clf1\nrelapse,0.9\nnone,0.2\n", |o| o.missing = vec!["none".into()]);
    refused(named, &["\"relapse\" is not a label"]);
}

#[test]
fn a_column_without_a_cell_is_passed_over() {
    let text = "label,clf1,note\n1,0.9,\n0,0.2,\n0,0.4,\n";
    let table = read(text);
    assert_eq!(table.data.classifier_names(), ["clf1"]);
    assert_eq!(reasons(&table), [("note", "empty in every row")]);
    // Who names it, means it.
    let named = with(text, |o| o.columns = vec!["clf1,note".into()]).expect("a table");
    assert_eq!(named.data.classifier_names(), ["clf1", "note"]);
}

#[test]
fn a_guessed_id_with_an_empty_cell_is_not_needed() {
    let text = "id,label,clf1\n1,1,0.9\n,0,0.2\n3,0,0.4\n";
    let table = read(text);
    assert_eq!((table.data.n_instances(), table.data.instance_ids()), (3, None));
    let said = table.warnings[0].to_string();
    assert!(said.contains("column \"id\": 1 id is empty, so rows are identified by their number"), "{said}");
    refused(with(text, |o| o.id_column = Some("id".into())), &["line 3, column \"id\": empty"]);
    // In a long table an id says what belongs together.
    let long = "id,model,prob,label\n1,a,0.9,1\n1,b,0.8,1\n,a,0.2,0\n2,b,0.1,0\n";
    refused(with(long, |_| {}), &["line 4, column \"id\": empty"]);
}

#[test]
fn the_fold_of_an_instance_is_followed_in_a_long_table() {
    let rows = |fold: fn(usize, usize) -> usize| {
        let mut text = String::from("id,label,model,prob,fold\n");
        for i in 0..6 {
            for (k, model) in ["svm", "rf"].iter().enumerate() {
                text += &format!("{i},{},{model},0.{}{k},{}\n", i % 2, i + 1, fold(i, k));
            }
        }
        read(&text)
    };
    let table = rows(|i, _| i / 2);
    assert_eq!(table.folds.as_deref().map(<[String]>::concat).as_deref(), Some("001122"), "{}", table.taken);
    assert!(table.taken.to_string().contains("fold = fold"), "{}", table.taken);
    let table = rows(|_, k| k);
    assert_eq!(table.folds, None);
    assert_eq!(reasons(&table), [("fold", "no folds, as rows of one id differ in it")]);
}

#[test]
fn all_columns_that_a_model_misses_are_named() {
    let model = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        with(PLAIN, |o| o.classifiers = Some(names))
    };
    let error = refused(model(&["svm", "clf1", "Clf2", "rf"]), &["no column \"svm\", \"Clf2\", \"rf\","]);
    assert!(error.to_string().contains("or rename \"clf2\" to \"Clf2\";"), "{error}");
    let prefixed = "label,p_svm,p_rf\n1,0.9,0.8\n0,0.2,0.1\n";
    let error = with(prefixed, |o| o.classifiers = Some(vec!["svm".into(), "rf".into()]));
    refused(error, &["rename \"p_svm\" to \"svm\", \"p_rf\" to \"rf\";"]);
}

#[test]
fn a_model_is_no_table() {
    let header = b"{\"__metadata__\":{\"cf_ensemble\":\"...\"}}";
    let bytes = [&(header.len() as u64).to_le_bytes()[..], header].concat();
    let read = read_table(Source::bytes("m.safetensors", bytes), &TableOptions::default());
    refused(read, &["this is a model that this program saved", "cfe inspect m.safetensors shows a model"]);
}

#[test]
fn a_part_without_a_column_is_not_asked_about_a_model() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.csv"), PLAIN).expect("written");
    fs::write(folder.path().join("b.csv"), "instance_id,label,clf1\nd1,1,0.5\n").expect("written");
    let error = read_table(Source::new(folder.path()), &TableOptions::default());
    let error = refused(error, &["b.csv: this part has no column \"clf2\""]);
    assert!(!error.to_string().contains("model"), "{error}");
}

#[test]
fn weights_that_cannot_be_added_up_are_named_with_their_row() {
    let text = "label,clf1,sample_weight\n1,0.9,1\n0,0.2,1e300\n0,0.4,1\n";
    let named = with(text, |o| o.weight_column = Some("sample_weight".into()));
    refused(
        named,
        &["t.csv, column \"sample_weight\"", "sum to 1e300", "is that of line 3; scale all of them"],
    );
    assert!(
        with(&text.replace("1e300", "1e200"), |o| o.weight_column = Some("sample_weight".into())).is_ok()
    );
}
