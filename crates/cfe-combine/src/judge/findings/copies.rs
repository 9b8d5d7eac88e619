//! Rows that are in the table more than once.

use std::collections::HashMap;

use ndarray::ArrayView2;

use super::{Finding, Severity};
use crate::judge::{Repeats, TOO_MUCH_IN_SAMPLE, TrainRows};

/// Pairs of equal rows that should have different labels by chance, for their labels to tell copies from rows
/// that only look alike.
const EXPECTED: f64 = 5.0;
/// Share of these that may differ all the same.
const DIFFER: f64 = 0.1;
/// Groups of rows of similar predictions, in which the share of positives is counted.
const BINS: usize = 10;

/// Rows that may be copies of one another.
pub(super) struct Rows<'a> {
    /// Every prediction (rows of a matrix x instances).
    pub predictions: ArrayView2<'a, f64>,
    /// Labeled train rows.
    pub labeled: &'a [usize],
    /// The class of a labeled train row, by its number.
    pub label: &'a dyn Fn(usize) -> usize,
    pub classes: usize,
    /// What rows of similar predictions are sorted by.
    pub level: &'a dyn Fn(usize) -> (usize, f64),
    /// Labeled rows outside the train split.
    pub scored: &'a [usize],
}

/// Numbers of the labeled rows outside the train split.
pub(super) fn outside_of(is_labeled: &[bool], in_train: &[bool]) -> Vec<usize> {
    (0..is_labeled.len()).filter(|&i| !in_train[i] && is_labeled[i]).collect()
}

/// Share of the labeled train rows that are copies of others: rows of the same predictions and the same
/// label.
///
/// Rows of a few categories have equal predictions without being copies, but then their labels differ now and
/// then. Of rows of similar predictions a share q_k is of class k; two of them differ with probability 1 -
/// sum_k q_k^2.
fn copied_share(rows: &Rows<'_>, repeats: &Repeats) -> f64 {
    if repeats.sets().count() == rows.labeled.len() {
        return 0.0;
    }
    let mut sets: Vec<((usize, f64), Vec<f64>)> = Vec::new();
    for set in repeats.sets() {
        let (mut level, mut counts) = ((0, 0.0), vec![0.0; rows.classes]);
        for row in set {
            counts[(rows.label)(row)] += 1.0;
            level = (rows.level)(row);
        }
        sets.push((level, counts));
    }
    sets.sort_by(|((a, x), _), ((b, y), _)| a.cmp(b).then(x.total_cmp(y)));
    let sum = |counts: &Vec<f64>| counts.iter().sum::<f64>();
    let (mut expected, mut differ) = (0.0, 0.0);
    for bin in sets.chunks(sets.len().div_ceil(BINS)) {
        // Each set counts once, whatever its size.
        let share =
            |k: usize| bin.iter().map(|(_, counts)| counts[k] / sum(counts)).sum::<f64>() / bin.len() as f64;
        let unequal = 1.0 - (0..rows.classes).map(|k| share(k).powi(2)).sum::<f64>();
        for (_, counts) in bin {
            let n = sum(counts);
            expected += n * (n - 1.0) / 2.0 * unequal;
            differ += (n * n - counts.iter().map(|count| count * count).sum::<f64>()) / 2.0;
        }
    }
    match expected >= EXPECTED && differ < DIFFER * expected {
        true => (rows.labeled.len() - sets.len()) as f64 / rows.labeled.len() as f64,
        false => 0.0,
    }
}

/// Labeled train rows that are copies of one another, and scored rows that are copies of train rows. `known`
/// are the labeled train rows where a model remembers them.
pub(super) fn copies(rows: &Rows<'_>, known: Option<TrainRows>) -> Vec<Finding> {
    let mut out = Vec::new();
    // Rows that are known to differ need no look at each other.
    let repeats = match &known {
        Some(known) if known.all_differ() => None,
        _ => Some(Repeats::among(rows.predictions, rows.labeled)),
    };
    let share = repeats.as_ref().map_or(0.0, |repeats| copied_share(rows, repeats));
    if share >= TOO_MUCH_IN_SAMPLE {
        let text = format!(
            "{:.0}% of the labeled train rows are copies of other rows: every interval counts a copy as a row of its own and is \
             too narrow; keep one row of each",
            100.0 * share
        );
        out.push(Finding::new(Severity::Warning, "copies", Vec::new(), text));
    }
    if rows.scored.is_empty() {
        return out;
    }
    let known = known.unwrap_or_else(|| match &repeats {
        Some(repeats) => TrainRows::with_repeats(rows.predictions, rows.labeled, repeats),
        None => TrainRows::among(rows.predictions, rows.labeled),
    });
    let share = known.share_among(rows.predictions, rows.scored, None);
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
pub(super) fn divided_groups(
    groups: Option<&[String]>,
    is_labeled: &[bool],
    in_train: &[bool],
) -> Option<Finding> {
    let mut parts: HashMap<&str, [bool; 2]> = HashMap::new();
    for (i, group) in groups?.iter().enumerate() {
        // An empty cell is a row of its own.
        if !group.is_empty() && is_labeled[i] {
            parts.entry(group).or_default()[usize::from(in_train[i])] = true;
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
