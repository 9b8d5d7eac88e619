//! Rows that are in the table more than once.

use std::collections::HashMap;

use cfe_io::Table;

use super::{Finding, Severity};
use crate::judge::{Repeats, TOO_MUCH_IN_SAMPLE, TrainRows};

/// Pairs of equal rows that should have different labels by chance, for their labels to tell copies from rows
/// that only look alike.
const EXPECTED: f64 = 5.0;
/// Share of these that may differ all the same.
const DIFFER: f64 = 0.1;
/// Groups of rows of similar predictions, in which the share of positives is counted.
const BINS: usize = 10;

/// Share of the labeled train rows that are copies of others: rows of the same predictions and the same
/// label.
///
/// Rows of a few categories have equal predictions without being copies, but then their labels differ now and
/// then. Of rows whose predictions have the mean p, a share q is positive; two of them differ with
/// probability 2 q (1 - q).
fn copied_share(table: &Table) -> f64 {
    let (predictions, labeled) = (table.data.predictions(), table.data.labeled());
    let repeats = Repeats::among(predictions, labeled);
    let mut sets: Vec<(f64, f64, f64)> = Vec::new();
    for set in repeats.sets() {
        let (mut rows, mut positives, mut level) = (0.0, 0.0, 0.0);
        for row in set {
            rows += 1.0;
            positives += f64::from(u8::from(table.data.labels()[row] == Some(true)));
            level = predictions.column(row).iter().filter(|p| !p.is_nan()).sum::<f64>();
        }
        sets.push((level, rows, positives));
    }
    if sets.len() == labeled.len() {
        return 0.0;
    }
    sets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut expected, mut differ) = (0.0, 0.0);
    for bin in sets.chunks(sets.len().div_ceil(BINS)) {
        // Each set counts once, whatever its size.
        let q = bin.iter().map(|(_, rows, positives)| positives / rows).sum::<f64>() / bin.len() as f64;
        for (_, rows, positives) in bin {
            expected += rows * (rows - 1.0) / 2.0 * 2.0 * q * (1.0 - q);
            differ += positives * (rows - positives);
        }
    }
    match expected >= EXPECTED && differ < DIFFER * expected {
        true => (labeled.len() - sets.len()) as f64 / labeled.len() as f64,
        false => 0.0,
    }
}

/// Labeled train rows that are copies of one another, and scored rows that are copies of train rows.
pub(super) fn copies(table: &Table) -> Vec<Finding> {
    let mut out = Vec::new();
    let share = copied_share(table);
    if share >= TOO_MUCH_IN_SAMPLE {
        let text = format!(
            "{:.0}% of the labeled train rows are copies of other rows: every interval counts a copy as a row of its own and is \
             too narrow; keep one row of each",
            100.0 * share
        );
        out.push(Finding::new(Severity::Warning, "copies", Vec::new(), text));
    }
    let scored: Vec<usize> =
        (0..table.truth.len()).filter(|&i| !table.in_train[i] && table.truth[i].is_some()).collect();
    if scored.is_empty() {
        return out;
    }
    let share = TrainRows::of(&table.data).share_among(table.data.predictions(), &scored);
    if share >= TOO_MUCH_IN_SAMPLE {
        let text = format!(
            "{:.0}% of the labeled rows outside the train split are train rows: figures on them are too good; score other rows",
            100.0 * share
        );
        out.push(Finding::new(Severity::Alarm, "copies", Vec::new(), text));
    }
    out
}

/// Groups with rows in the train split and labeled rows outside: the rows outside are not new to a classifier
/// that knows the group.
pub(super) fn divided_groups(table: &Table) -> Option<Finding> {
    let groups = table.groups.as_ref()?;
    let mut parts: HashMap<&str, [bool; 2]> = HashMap::new();
    for (i, group) in groups.iter().enumerate() {
        // An empty cell is a row of its own.
        if !group.is_empty() && table.truth[i].is_some() {
            parts.entry(group).or_default()[usize::from(table.in_train[i])] = true;
        }
    }
    let outside = parts.values().filter(|[outside, _]| *outside).count();
    let divided = parts.values().filter(|part| **part == [true; 2]).count();
    (divided > 0).then(|| {
        let text = format!(
            "{divided} of {outside} groups outside the train split have rows in it too: these rows are not new, and figures on \
             them may be too good; split by group"
        );
        Finding::new(Severity::Warning, "groups", Vec::new(), text)
    })
}
