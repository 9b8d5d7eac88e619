//! Instances that are drawn by their keys: the smallest keys of each class.

use std::cmp::Ordering;

/// An instance that was drawn.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DrawnRow {
    /// Its [key](crate::keys::row_keys).
    pub key: u64,
    /// Its weight.
    pub weight: f64,
    /// Its number among all.
    pub row: u64,
    /// Its predictions (m).
    pub cells: Vec<f64>,
}

impl DrawnRow {
    /// A total order, so that the smallest are the same ones for any partition of the instances.
    fn compare(&self, other: &Self) -> Ordering {
        let by_key = self.key.cmp(&other.key).then(self.weight.total_cmp(&other.weight));
        by_key.then(self.row.cmp(&other.row))
    }
}

/// The instances of the smallest keys of each class, at most so many; of equal keys those of the smaller
/// weights, and of equal weights the earlier ones.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Drawn {
    /// How many are kept at most (negatives, positives).
    pub most: (u64, u64),
    /// Negatives, by key, weight and number.
    pub negatives: Vec<DrawnRow>,
    /// Positives, likewise.
    pub positives: Vec<DrawnRow>,
}

impl Drawn {
    /// Of some instances in any order.
    pub(super) fn of(most: (u64, u64), mut negatives: Vec<DrawnRow>, mut positives: Vec<DrawnRow>) -> Self {
        for (rows, most) in [(&mut negatives, most.0), (&mut positives, most.1)] {
            rows.sort_unstable_by(DrawnRow::compare);
            rows.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        }
        Self { most, negatives, positives }
    }

    /// Whether the lists are such as [`of`](Self::of) makes them.
    pub(super) fn is_sound(&self) -> bool {
        let cells = |rows: &[DrawnRow]| rows.first().map(|row| row.cells.len());
        let width = cells(&self.negatives).or(cells(&self.positives));
        [(&self.negatives, self.most.0), (&self.positives, self.most.1)].into_iter().all(|(rows, most)| {
            rows.len() as u64 <= most
                && rows.iter().all(|row| Some(row.cells.len()) == width)
                && rows.windows(2).all(|pair| pair[0].compare(&pair[1]) == Ordering::Less)
        })
    }

    pub(super) fn merge(&mut self, right: &Self) {
        merge(&mut self.negatives, &right.negatives, self.most.0);
        merge(&mut self.positives, &right.positives, self.most.1);
    }
}

/// The smallest of two ascending lists.
fn merge(left: &mut Vec<DrawnRow>, right: &[DrawnRow], most: u64) {
    // Most nodes of a draw bring rows; those without any need not be walked.
    if right.is_empty() {
        return;
    }
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut right = right.iter().peekable();
    // Two ascending lists, and the walk ends with the number that is kept.
    let mut before = std::mem::take(left).into_iter().peekable();
    while left.len() < most {
        let from_left = match (before.peek(), right.peek()) {
            (Some(a), Some(b)) => a.compare(b) != Ordering::Greater,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return,
        };
        left.extend(if from_left { before.next() } else { right.next().cloned() });
    }
}
