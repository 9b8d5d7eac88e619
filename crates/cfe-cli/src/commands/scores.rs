//! Scores of a model as `cfe evaluate` prints and checks them, whatever was scored: a table, a store, or a
//! table of several classes.

use cfe_combine::judge::{COMBINED, Finding, Part};
use cfe_combine::report;
use cfe_core::metrics::Within;
use cfe_report::printable;
use cfe_report::terminal::wrap;
use serde_json::{Value, json};

use super::pretty;
use crate::args::{Evaluate, Format};
use crate::error::{CliError, CliResult};
use crate::outputs;
use crate::words::text;

/// Prints the scores; `within` is how far off those by ranks can be, where they are not exact.
pub(crate) fn show(
    args: &Evaluate,
    parts: &[Part],
    data: &Value,
    within: Option<Within>,
    findings: &[Finding],
) -> CliResult<()> {
    // The document for programs is whole; the page for people begins with the tables.
    if args.format == Format::Json {
        let mut document = json!({
            "schema_version": 1,
            "program": { "name": "cfe", "version": env!("CARGO_PKG_VERSION") },
            "data": data,
            "parts": parts,
            "findings": findings,
        });
        if let Some(within) = within {
            document["within"] = json!(within);
        }
        return outputs::print(&pretty(&document));
    }
    let width = outputs::width();
    let mut page = text::tables(report::metrics_tables(parts), width);
    let mut lines = report::alarms(findings);
    match within {
        // Intervals of so many rows are left out.
        Some(_) => lines.extend(parts.iter().map(against_mean)),
        None => lines.push(report::better(parts, findings)),
    }
    lines.extend(report::costs(parts));
    lines.extend(within.map(|within| {
        format!(
            "Ranks were kept in bins: average precision is exact to {:.1e}, ROC-AUC to {:.1e}, best F1 to {:.1e}; \
             log loss, Brier score and ECE are exact.",
            within.average_precision, within.roc_auc, within.best_f1
        )
    }));
    for line in lines {
        page += &wrap(&printable(&line), text::page(width), "* ", "  ");
    }
    page += &text::other_findings(findings, text::page(width), "--format json has them all");
    outputs::print_page(&page)
}

/// The combined prediction beside the plain mean, where ranks were kept in bins.
fn against_mean(part: &Part) -> String {
    let precision_of = |name: &str| {
        let method = part.methods.iter().find(|method| method.name == name);
        method
            .and_then(|method| method.metrics.average_precision)
            .map_or("-".to_owned(), |ap| format!("{ap:.5}"))
    };
    format!(
        "{}: average precision {} against {} of the plain mean on {} rows{}.",
        part.name,
        precision_of(COMBINED),
        precision_of("mean"),
        part.rows,
        report::provenance(part)
    )
}

/// The figures of a part that can be checked.
pub(crate) struct Checked<'a> {
    pub part: &'a str,
    pub in_sample_share: f64,
    /// What average precision it is.
    pub name: &'static str,
    /// Its value, or why there is none.
    pub average_precision: Result<f64, &'static str>,
    /// Expected calibration error.
    pub ece: Option<f64>,
}

impl<'a> Checked<'a> {
    /// Of the combined prediction of two classes.
    pub(crate) fn of(part: &'a Part) -> Option<Self> {
        let combined = &part.methods.iter().find(|m| m.name == COMBINED)?.metrics;
        // Rows of one class have no average precision, and a check without a figure must not pass.
        let why =
            if part.positives == 0 { "no labeled row is positive" } else { "every labeled row is positive" };
        Some(Self {
            part: &part.name,
            in_sample_share: part.in_sample_share,
            name: "average precision",
            average_precision: combined.average_precision.ok_or(why),
            ece: combined.ece,
        })
    }
}

/// The checks that were asked for. Rows that the model was trained on are passed over, and cannot pass them
/// alone; nor can rows of one class.
pub(crate) fn check(args: &Evaluate, parts: &[Checked<'_>]) -> CliResult<()> {
    if args.min_average_precision.is_none() && args.max_ece.is_none() {
        return Ok(());
    }
    let mut failures = Vec::new();
    // Rows that the model learned from prove nothing; without others the checks fail.
    let (own, others): (Vec<&Checked<'_>>, Vec<&Checked<'_>>) =
        parts.iter().partition(|part| part.in_sample_share >= report::TOO_MUCH_IN_SAMPLE);
    if others.is_empty() {
        failures.extend(own.iter().map(|part| {
            format!(
                "{}: cannot be judged, because the model was trained on some or all of these rows; give rows it has not seen",
                part.part
            )
        }));
    }
    // Each part has to pass by itself: a good split does not make up for a bad one.
    for Checked { part, name, average_precision, ece, .. } in others {
        if let Some(least) = args.min_average_precision {
            match average_precision {
                Ok(ap) if *ap >= least => {}
                Ok(ap) => failures.push(format!("{part}: {name} {ap} is below {least}")),
                Err(why) => failures.push(format!("{part}: {name} cannot be judged, because {why}")),
            }
        }
        if let Some(most) = args.max_ece {
            match ece {
                Some(ece) if *ece <= most => {}
                Some(ece) => {
                    failures.push(format!("{part}: expected calibration error {ece} is above {most}"))
                }
                None => failures.push(format!("{part}: expected calibration error cannot be judged")),
            }
        }
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(CliError::Check(format!("check failed: {}", failures.join("; "))))
    }
}
