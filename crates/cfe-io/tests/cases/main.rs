//! Tables as pandas, R, Excel, SQL and Weka write them, each with the values that a person expects.

use std::fs;
use std::io::Write;
use std::path::Path;

use cfe_io::{
    Input, Labels, Scale, Source, Table, TableError, TableOptions, TableResult, TableWarning, read_table,
};
use ndarray::{Array1, Array2, array};
use ndarray_npy::NpzWriter;

mod columns;
mod files;
mod guesses;
mod long;
mod text;
mod values;

/// Three rows as every form of them should be read.
const PLAIN: &str = "instance_id,label,clf1,clf2\nc1,1,0.9,0.7\nc2,0,0.2,0.1\nc3,0,0.4,0.3\n";

fn read(text: &str) -> Table {
    read_table(Source::bytes("t.csv", text.into()), &TableOptions::default())
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn with(text: &str, change: impl FnOnce(&mut TableOptions)) -> TableResult<Table> {
    let mut options = TableOptions::default();
    change(&mut options);
    read_table(Source::bytes("t.csv", text.into()), &options)
}

#[track_caller]
fn refused(result: TableResult<Table>, parts: &[&str]) -> TableError {
    let error = match result {
        Ok(table) => panic!("read: {}", table.taken),
        Err(error) => error,
    };
    let message = error.to_string();
    parts.iter().for_each(|part| assert!(message.contains(part), "{part:?} is not in {message:?}"));
    error
}

#[track_caller]
fn is_plain(table: &Table) {
    assert_eq!(table.data.classifier_names(), ["clf1", "clf2"], "{}", table.taken);
    assert_eq!(table.data.predictions(), array![[0.9, 0.2, 0.4], [0.7, 0.1, 0.3]], "{}", table.taken);
    assert_eq!(table.truth, [Some(true), Some(false), Some(false)], "{}", table.taken);
}

fn reasons(table: &Table) -> Vec<(&str, &str)> {
    table.taken.passed_over.iter().map(|p| (p.column.as_str(), p.reason.as_str())).collect()
}
