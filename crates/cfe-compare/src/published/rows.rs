//! The rows of the table for a spreadsheet: one record for each method.

use super::figures::Figure;
use super::report::{Report, Row};
use crate::report::{Rows, field as number};

/// One record for each method: every figure, the printed one and the deviation, then the weights.
pub fn rows(report: &Report) -> Rows {
    let mut rows = Rows::new(header(report));
    rows.records = report.rows.iter().map(|row| record(row, report)).collect();
    rows
}

fn header(report: &Report) -> Vec<String> {
    let mut header = vec!["method".to_owned()];
    for figure in Figure::ALL {
        let id = figure.id();
        header.extend([id.to_owned(), format!("{id}_published"), format!("{id}_deviation")]);
    }
    let rest = ["effective_classifiers", "status", "symptoms", "iterations", "device", "seconds"];
    header.extend(rest.map(str::to_owned));
    header.extend((0..report.data.classifiers).map(|u| format!("weight_{u:02}")));
    header
}

fn record(row: &Row, report: &Report) -> Vec<String> {
    let mut record = vec![row.method.to_string()];
    for figure in Figure::ALL {
        // Every record has every column; what was not published is empty.
        let compared = row.compared(figure);
        record.push(number(row.figure(figure)));
        record.push(compared.map(|c| format!("{:.*}", c.decimals, c.published)).unwrap_or_default());
        record.push(number(compared.map(|c| c.deviation)));
    }
    let symptoms: Vec<String> = row.symptoms.iter().map(ToString::to_string).collect();
    record.extend([
        number(row.effective_classifiers),
        row.status.to_string(),
        symptoms.join("; "),
        row.iterations.map(|k| k.to_string()).unwrap_or_default(),
        row.device.clone().unwrap_or_default(),
        number(Some(row.seconds)),
    ]);
    let weights = row.weights.as_deref().unwrap_or_default();
    record.extend((0..report.data.classifiers).map(|u| number(weights.get(u).copied())));
    record
}
