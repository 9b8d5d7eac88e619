//! Tables in JSON: lines or a list of objects, or columns as pandas writes them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io::{Cursor, Read as _};
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::options::TableOptions;
use crate::parts::Parts;
use crate::source::Opened;
use crate::table_error::{TableError, TableResult};
use crate::text;

/// An object whose keys keep their order.
struct Ordered<T>(Vec<(String, T)>);

/// A row, or the columns of a table.
type Object = Ordered<Value>;

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for InOrder<T> {
            type Value = Ordered<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(InOrder(PhantomData))
    }
}

/// Reads a table in JSON.
pub(crate) fn read(opened: Opened, options: &TableOptions) -> TableResult<Parts> {
    let file = opened.file.clone();
    let mut bytes = Vec::new();
    let error = opened.stream_error();
    opened.stream().read_to_end(&mut bytes).map_err(&error)?;
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let rows = rows(&with_numbers_of_python(start)).ok_or_else(|| TableError::OtherFormat {
        what: "JSON that is not a list or lines of objects, one for each row".to_owned(),
        cure: "pandas: df.to_json('table.json', orient='records', lines=True)".to_owned(),
        file: file.clone(),
    })?;
    let csv = to_csv(rows);
    let plain = TableOptions { delimiter: Some(b','), encoding: None, ..options.clone() };
    let length = Some(csv.len() as u64);
    let mut parts = text::read(&file, Cursor::new(csv), length, &plain, error)?;
    // Lines of the text that was made on the way mean nothing to anyone.
    parts.rows = crate::rows::RowNumbers::rows();
    Ok(parts)
}

/// NaN and Infinity, which Python's `json.dumps` writes and JSON does not have, as null and as text.
fn with_numbers_of_python(bytes: &[u8]) -> Cow<'_, [u8]> {
    let words: [(&[u8], &[u8]); 3] =
        [(b"NaN", b"null"), (b"-Infinity", b"\"-inf\""), (b"Infinity", b"\"inf\"")];
    if !words.iter().any(|(word, _)| memchr::memmem::find(bytes, word).is_some()) {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let (mut at, mut in_text) = (0, false);
    while let Some(&byte) = bytes.get(at) {
        let word = words.iter().find(|(word, _)| !in_text && bytes[at..].starts_with(word));
        if let Some((word, instead)) = word {
            out.extend_from_slice(instead);
            at += word.len();
            continue;
        }
        // In a text a backslash takes the next byte with it, a quote too.
        let taken = if in_text && byte == b'\\' { 2.min(bytes.len() - at) } else { 1 };
        in_text ^= byte == b'"';
        out.extend_from_slice(&bytes[at..at + taken]);
        at += taken;
    }
    Cow::Owned(out)
}

/// The rows in any of the forms that are read; `None` for another.
fn rows(bytes: &[u8]) -> Option<Vec<Object>> {
    if bytes.trim_ascii_start().starts_with(b"[") {
        return serde_json::from_slice(bytes).ok();
    }
    let lines: Result<Vec<Object>, _> = serde_json::Deserializer::from_slice(bytes).into_iter().collect();
    let mut lines = lines.ok()?;
    if lines.len() != 1 {
        return Some(lines);
    }
    let Ordered(entries) = lines.pop()?;
    let field = |name: &str| entries.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    // pandas, orient="split".
    if let (Some(Value::Array(names)), Some(Value::Array(data))) = (field("columns"), field("data")) {
        let names: Vec<String> =
            names.iter().map(|name| name.as_str().map_or(name.to_string(), str::to_owned)).collect();
        let row =
            |row: &Value| Some(Ordered(names.iter().cloned().zip(row.as_array()?.iter().cloned()).collect()));
        return data.iter().map(row).collect();
    }
    // A list of rows beside other things: pandas, orient="table", and what services answer with.
    let mut lists = entries.iter().filter(|(_, value)| is_rows(value)).map(|(name, _)| name);
    if let (Some(name), None) = (lists.next(), lists.next()) {
        let Ordered(raw): Ordered<&RawValue> = serde_json::from_slice(bytes).ok()?;
        let (_, rows) = raw.iter().find(|(key, _)| key == name)?;
        return serde_json::from_str(rows.get()).ok();
    }
    if are_rows(&entries) {
        let Ordered(rows): Ordered<Object> = serde_json::from_slice(bytes).ok()?;
        return Some(rows.into_iter().map(|(_, row)| row).collect());
    }
    by_columns(entries)
}

/// Whether a value is a list of objects, one for each row.
fn is_rows(value: &Value) -> bool {
    matches!(value, Value::Array(list) if !list.is_empty() && list.iter().all(Value::is_object))
}

/// Whether these are objects, one for each row by its index (pandas, orient="index"), and not columns.
fn are_rows(entries: &[(String, Value)]) -> bool {
    let Some(inner) = entries.iter().map(|(_, value)| value.as_object()).collect::<Option<Vec<_>>>() else {
        return false;
    };
    let Some(first) = inner.first() else { return false };
    // Numbers are an index and not names. Where neither or both are numbers, a table has more rows than
    // columns.
    let is_number = |key: &String| key.parse::<i64>().is_ok();
    let outside = entries.iter().all(|(key, _)| is_number(key));
    let inside = first.keys().all(is_number);
    if outside == inside { entries.len() > first.len() } else { outside }
}

/// The rows of columns as lists, or as objects with the index for keys (pandas, orient="columns").
fn by_columns(columns: Vec<(String, Value)>) -> Option<Vec<Object>> {
    let length = match &columns.first()?.1 {
        Value::Array(list) => list.len(),
        Value::Object(entries) => entries.len(),
        // One line alone.
        _ => return Some(vec![Ordered(columns)]),
    };
    let mut rows: Vec<Object> = (0..length).map(|_| Ordered(Vec::new())).collect();
    for (name, column) in columns {
        let values: Vec<Value> = match column {
            Value::Array(list) => list,
            Value::Object(entries) => {
                let mut entries: Vec<(String, Value)> = entries.into_iter().collect();
                // The keys are row numbers as text, which would be in the order of letters: 10 before 2.
                entries.sort_by_key(|(key, _)| key.parse::<u64>().unwrap_or(u64::MAX));
                entries.into_iter().map(|(_, value)| value).collect()
            }
            _ => return None,
        };
        if values.len() != length {
            return None;
        }
        rows.iter_mut().zip(values).for_each(|(row, value)| row.0.push((name.clone(), value)));
    }
    Some(rows)
}

/// The rows as CSV, which is then read as any other.
fn to_csv(rows: Vec<Object>) -> Vec<u8> {
    let mut position: HashMap<String, usize> = HashMap::new();
    let mut header = Vec::new();
    // Rows need not have the same keys: the header holds all of them, in the order in which they appear.
    for (name, _) in rows.iter().flat_map(|row| &row.0) {
        position.entry(name.clone()).or_insert_with(|| {
            header.push(name.clone());
            header.len() - 1
        });
    }
    let mut out = csv::Writer::from_writer(Vec::new());
    let mut write = |record: &[String]| out.write_record(record).expect("records of one length in memory");
    write(&header);
    for row in rows {
        let mut record = vec![String::new(); header.len()];
        for (name, value) in row.0 {
            record[position[&name]] = match value {
                Value::Null => String::new(),
                Value::String(text) => text,
                other => other.to_string(),
            };
        }
        write(&record);
    }
    out.into_inner().expect("in memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_and_infinity_of_python_are_read_outside_of_texts() {
        let json = br#"[{"a": NaN, "NaN": "NaN \" Infinity", "b": -Infinity}, {"a":Infinity}]"#;
        let expected = br#"[{"a": null, "NaN": "NaN \" Infinity", "b": "-inf"}, {"a":"inf"}]"#;
        assert_eq!(&*with_numbers_of_python(json), expected);
        let plain = br#"[{"a": 0.5}]"#;
        assert!(matches!(with_numbers_of_python(plain), Cow::Borrowed(_)));
        // A text that is cut off after its backslash.
        assert_eq!(&*with_numbers_of_python(b"[NaN, \"\\"), b"[null, \"\\");
    }
}
