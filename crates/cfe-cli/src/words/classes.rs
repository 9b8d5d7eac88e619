//! What `cfe fit` says of a fit of more than two classes: a page for people, a document for programs.

use cfe_combine::classes::{ClassModel, ClassOutcome, ClassPart};
use cfe_combine::judge::Finding;
use cfe_combine::report::classes as report;
use cfe_combine::saved::provenance::{SETTINGS, TRAINER};
use cfe_io::ClassTable;
use cfe_report::printable;
use cfe_report::terminal::wrap;
use serde_json::{Value, json};

use super::text;
use crate::outputs;

/// What a person reads; `rest` says where findings are that have no room.
pub(crate) fn terminal_page(
    model: &ClassModel,
    parts: &[ClassPart],
    counts: &[usize],
    findings: &[Finding],
    rest: &str,
) -> String {
    let width = outputs::width();
    let mut tables = report::class_tables(model, parts);
    tables.push(report::class_trust_table(model));
    tables.extend(report::class_lost_table(model));
    let mut out = text::tables(tables, width);
    for line in report::class_lines(model, parts, counts, findings) {
        out += &wrap(&printable(&line), text::page(width), "* ", "  ");
    }
    out + &text::other_findings(findings, text::page(width), rest)
}

/// What `--metrics-out` and `--format json` hold.
pub(crate) fn document(
    table: &ClassTable,
    outcome: &ClassOutcome,
    parts: &[ClassPart],
    findings: &[Finding],
) -> Value {
    let details = &outcome.model.details;
    json!({
        "schema_version": 1,
        "program": { "name": "cfe", "version": env!("CARGO_PKG_VERSION") },
        "data": {
            "file": table.file,
            "rows": table.n_rows(),
            "classifiers": table.predictions.n_classifiers(),
            "missing_predictions": table.predictions.n_missing(),
            "renormalized": table.predictions.renormalized(),
            "fingerprint": details.fingerprint,
        },
        "trainer": TRAINER.get(details),
        "settings": SETTINGS.get(details),
        "fit": outcome.facts(),
        "trust": outcome.model.trust(),
        "parts": parts,
        "findings": findings,
        "warnings": table.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
