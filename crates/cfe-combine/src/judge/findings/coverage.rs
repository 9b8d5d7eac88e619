//! Rows and predictions that are not there.

use cfe_io::Table;

use super::{Column, Finding, Severity, listed};

/// With fewer positives hardly anything beats averaging, and intervals are wide.
const FEW_POSITIVES: usize = 30;
/// Share of missing predictions that is worth a word.
const MISSING: f64 = 0.05;

/// Rows that carry no prediction at all.
pub(super) fn without_prediction(table: &Table) -> Option<Finding> {
    let r = table.data.predictions();
    let empty: Vec<usize> = (0..r.ncols()).filter(|&i| r.column(i).iter().all(|p| p.is_nan())).collect();
    let labeled = empty.iter().filter(|&&i| table.truth[i].is_some()).count();
    (!empty.is_empty()).then(|| {
        Finding::new(
            Severity::Warning,
            "no_prediction",
            Vec::new(),
            format!(
                "{} rows have no prediction at all, {labeled} of them labeled: they are not learned from and not scored, \
                 and get the share of positives",
                empty.len()
            ),
        )
    })
}

pub(super) fn missing(columns: &[Column<'_>]) -> Option<Finding> {
    let mut gappy: Vec<&Column<'_>> = columns.iter().filter(|c| c.missing >= MISSING).collect();
    gappy.sort_by(|a, b| b.missing.total_cmp(&a.missing));
    let shares = listed(gappy.iter().map(|c| format!("{} {:.0}%", c.name, 100.0 * c.missing)));
    (!gappy.is_empty()).then(|| {
        Finding::new(
            Severity::Note,
            "missing",
            gappy.iter().map(|c| c.name.to_owned()).collect(),
            format!("missing predictions are filled in: {shares}"),
        )
    })
}

pub(super) fn few_positives(table: &Table) -> Option<Finding> {
    let (_, positives) = table.data.class_counts();
    (positives < FEW_POSITIVES).then(|| {
        Finding::new(
            Severity::Note,
            "few_positives",
            Vec::new(),
            format!(
                "{positives} positive{} to learn from: averaging is hard to beat below {FEW_POSITIVES}, and every interval \
                 is wide",
                if positives == 1 { "" } else { "s" }
            ),
        )
    })
}
