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
    empty_rows(empty.len() as u64, labeled as u64)
}

/// Rows without a prediction, and those of them that are labeled.
pub(super) fn empty_rows(rows: u64, labeled: u64) -> Option<Finding> {
    (rows > 0).then(|| {
        Finding::new(
            Severity::Warning,
            "no_prediction",
            Vec::new(),
            format!(
                "{rows} rows have no prediction at all, {labeled} of them labeled: they are not learned from and not \
                 scored, and get the share of positives"
            ),
        )
    })
}

pub(super) fn missing(columns: &[Column<'_>]) -> Option<Finding> {
    gaps(columns.iter().map(|c| (c.name, c.missing)))
}

/// Names of classifiers with the share of rows for which each has no prediction.
pub(super) fn gaps<'a>(shares: impl Iterator<Item = (&'a str, f64)>) -> Option<Finding> {
    let mut gappy: Vec<(&str, f64)> = shares.filter(|(_, share)| *share >= MISSING).collect();
    gappy.sort_by(|a, b| b.1.total_cmp(&a.1));
    let shares = listed(gappy.iter().map(|(name, share)| format!("{name} {:.0}%", 100.0 * share)));
    (!gappy.is_empty()).then(|| {
        Finding::new(
            Severity::Note,
            "missing",
            gappy.iter().map(|(name, _)| (*name).to_owned()).collect(),
            format!("missing predictions are filled in: {shares}"),
        )
    })
}

/// Few positives among the labels of train rows that count.
pub(super) fn few_positives(labels: &[Option<bool>]) -> Option<Finding> {
    let positives = labels.iter().filter(|&&label| label == Some(true)).count();
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
