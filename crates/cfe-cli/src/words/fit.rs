//! What `cfe fit` says of a fit: a page for people, a document for programs.

use cfe_combine::judge::{Finding, Part, TrustReport};
use cfe_combine::pipeline::{FitOutcome, FitPlan};
use cfe_combine::report;
use cfe_combine::saved::provenance::FIT;
use cfe_io::Table;
use cfe_report::printable;
use cfe_report::terminal::wrap;
use serde_json::{Value, json};

use super::text;
use crate::outputs;

/// What a person reads of a fit: the tables of metrics, a line for each answer, then what was found.
pub(crate) fn terminal_page(
    outcome: &FitOutcome,
    table: &Table,
    parts: &[Part],
    findings: &[Finding],
) -> String {
    let width = outputs::width();
    let page = text::page(width);
    let mut out = text::tables(report::metrics_tables(parts), width);
    for line in report::lines(outcome, table, parts, findings) {
        out += &wrap(&printable(&line), page, "* ", "  ");
    }
    out + &text::other_findings(findings, page, "--metrics-out has them all")
}

/// What `--metrics-out` and `--format json` hold.
pub(crate) fn document(
    table: &Table,
    plan: &FitPlan,
    outcome: &FitOutcome,
    parts: &[Part],
    findings: &[Finding],
) -> Value {
    let (negatives, positives) = table.data.class_counts();
    json!({
        "schema_version": 1,
        "program": { "name": "cfe", "version": env!("CARGO_PKG_VERSION") },
        "data": {
            "file": table.file,
            "rows": table.data.n_instances(),
            "classifiers": table.data.n_classifiers(),
            "train_positives": positives,
            "train_negatives": negatives,
            "missing_predictions": table.data.n_missing(),
            "fingerprint": outcome.model.details.fingerprint,
        },
        "trainer": plan.trainer,
        "settings": plan.settings,
        "folds": outcome.folds,
        "fit": FIT.get(&outcome.model.details),
        "threshold": outcome.cut,
        "trust": TrustReport::of(&outcome.model),
        "parts": parts,
        "findings": findings,
        "warnings": table.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
