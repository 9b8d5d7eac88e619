//! Columns in ascending order, which most figures of a diagnosis are read off.

use cfe_core::Result;
use cfe_core::metrics::Ranking;
use ndarray::ArrayView1;

use super::{ENOUGH, Quality};

/// Where the rows of each class are, in ascending order. Made once for all columns: a column is then gathered
/// row by row, without a question at each of them.
#[derive(Default)]
pub(super) struct Places {
    positives: Vec<usize>,
    negatives: Vec<usize>,
    /// Rows without a label, as far as they are asked for.
    unlabeled: Vec<usize>,
}

impl Places {
    /// Of the rows with a label.
    pub(super) fn labeled(labels: &[Option<bool>]) -> Self {
        Self::new(labels, |_| false)
    }

    /// Of the rows with a label, and of those without one that `unlabeled` takes.
    pub(super) fn new(labels: &[Option<bool>], unlabeled: impl Fn(usize) -> bool) -> Self {
        let mut places = Self::default();
        for (i, label) in labels.iter().enumerate() {
            match label {
                Some(true) => places.positives.push(i),
                Some(false) => places.negatives.push(i),
                None if unlabeled(i) => places.unlabeled.push(i),
                None => {}
            }
        }
        places
    }
}

/// The predictions of some rows of a column, each list in ascending order.
///
/// To sort is most of the work of a diagnosis, so that each prediction is sorted once: the ranking needs the
/// classes apart, and a distribution is read off both.
pub(super) struct Sorted {
    pub positives: Vec<f64>,
    pub negatives: Vec<f64>,
    /// Of rows without a label, as far as they were asked for.
    pub unlabeled: Vec<f64>,
}

impl Sorted {
    /// The predictions that are there in these places of a column.
    pub(super) fn new(column: ArrayView1<'_, f64>, places: &Places) -> Self {
        let of_class =
            |places: &[usize]| ascending(places.iter().map(|&i| column[i]).filter(|p| !p.is_nan()));
        Self {
            positives: of_class(&places.positives),
            negatives: of_class(&places.negatives),
            unlabeled: of_class(&places.unlabeled),
        }
    }

    /// `None` with fewer than [`ENOUGH`] of a class.
    pub(super) fn quality(&self) -> Result<Option<Quality>> {
        let (positives, negatives) = (self.positives.len(), self.negatives.len());
        if positives < ENOUGH || negatives < ENOUGH {
            return Ok(None);
        }
        let ranking = Ranking::from_sorted(&self.positives, &self.negatives)?;
        let average_precision = ranking.average_precision();
        Ok(ranking.roc_auc().map(|auc| Quality { auc, average_precision, positives, negatives }))
    }

    /// All of them in ascending order.
    pub(super) fn merged(&self) -> Vec<f64> {
        let mut values = self.lists().concat();
        // Stable sorting finds the ascending runs and merges them.
        values.sort_by(f64::total_cmp);
        values
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.lists().map(<[f64]>::len).into_iter().sum()
    }

    /// How many are less than `value`.
    pub(super) fn count_below(&self, value: f64) -> usize {
        self.lists().map(|list| list.partition_point(|&p| p < value)).into_iter().sum()
    }

    /// About `count` values of each list at equal distances.
    pub(super) fn thinned(&self, count: usize) -> impl Iterator<Item = f64> {
        self.lists().into_iter().flat_map(move |list| list.iter().copied().step_by(list.len() / count + 1))
    }

    fn lists(&self) -> [&[f64]; 3] {
        [&self.positives, &self.negatives, &self.unlabeled]
    }
}

/// Values in the order of [`f64::total_cmp`].
fn ascending(values: impl Iterator<Item = f64>) -> Vec<f64> {
    // As whole numbers in the same order, which are sorted a quarter faster. The bits of a negative number
    // fall where it rises, so that all of them but the sign are turned.
    let turned = |bits: i64| bits ^ (((bits >> 63) as u64) >> 1) as i64;
    let mut keys: Vec<i64> = values.map(|value| turned(value.to_bits() as i64)).collect();
    keys.sort_unstable();
    keys.into_iter().map(|key| f64::from_bits(turned(key) as u64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_ascend_as_their_total_order_says() {
        let values =
            [0.5, -0.0, 1.0, 0.0, -1.5, f64::INFINITY, -2.0, f64::MIN_POSITIVE, f64::NEG_INFINITY, 0.5];
        let mut expected = values.to_vec();
        expected.sort_by(f64::total_cmp);
        let bits = |values: Vec<f64>| values.into_iter().map(f64::to_bits).collect::<Vec<_>>();
        assert_eq!(bits(ascending(values.into_iter())), bits(expected));
    }
}
