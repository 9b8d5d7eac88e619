//! Keys of rows by what they contain: with them the order of the rows decides nothing.

use cfe_core::EnsembleData;
pub(crate) use cfe_core::keys::mix;
use ndarray::ArrayView1;

/// One key for each of the instances `rows`: a hash of its predictions and the seed.
///
/// Rows with the same predictions have the same key; neither the order of the rows nor that of the
/// classifiers matters, nor a classifier that says the same of all of these rows.
pub(crate) fn row_keys(data: &EnsembleData, rows: &[usize], seed: u64) -> Vec<u64> {
    let varies = |predictions: ArrayView1<'_, f64>| {
        let observed = || rows.iter().map(|&i| predictions[i]).filter(|p| !p.is_nan());
        let first = observed().next();
        !observed().all(|p| Some(p) == first)
    };
    let looked_at: Vec<bool> = data.predictions().outer_iter().map(varies).collect();
    cfe_core::keys::row_keys(data.predictions(), rows, &looked_at, seed)
}

/// Folds of rows in ascending order of their keys: stratified by class, and with all rows of one key in one
/// fold.
///
/// A key that many rows share (more than half a fold, or half of a class) says nothing of copies: predictions
/// of few distinct values coincide. Its rows are dealt like others.
pub(crate) fn folds_by_key(keys: &[u64], labels: &[bool], n_splits: usize) -> Vec<usize> {
    debug_assert!(keys.is_sorted(), "rows stand in the order of their keys");
    let (n, positives) = (keys.len(), labels.iter().filter(|&&y| y).count());
    let in_class = |y: bool| if y { positives } else { n - positives };
    // (positives, place of the first row, rows) of what stays together.
    let mut groups: Vec<(usize, usize, usize)> = Vec::new();
    let mut first = 0;
    for run in keys.chunk_by(|a, b| a == b) {
        let rows = first..first + run.len();
        let hits = labels[rows.clone()].iter().filter(|&&y| y).count();
        let copies = 2 * n_splits * run.len() <= n
            && 2 * hits <= in_class(true)
            && 2 * (run.len() - hits) <= in_class(false);
        if copies {
            groups.push((hits, first, run.len()));
        } else {
            groups.extend(rows.map(|place| (usize::from(labels[place]), place, 1)));
        }
        first += run.len();
    }
    // Positives first and large groups first: what is left evens the folds out. Sorting is stable, so keys
    // decide ties.
    groups.sort_by_key(|&(hits, _, rows)| std::cmp::Reverse((hits, rows)));
    let mut fold_of = vec![0; n];
    let mut filled = vec![(0_usize, 0_usize); n_splits];
    for (hits, first, rows) in groups {
        let emptiest = |&f: &usize| if hits > 0 { filled[f] } else { (filled[f].1, 0) };
        let Some(fold) = (0..n_splits).min_by_key(emptiest) else { break };
        filled[fold] = (filled[fold].0 + hits, filled[fold].1 + rows);
        fold_of[first..first + rows].fill(fold);
    }
    fold_of
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Axis};

    use super::*;

    fn data(n: usize) -> EnsembleData {
        let r = Array2::from_shape_fn((3, n), |(u, i)| ((i * (2 * u + 7) + u) % 97) as f64 / 97.0);
        let labels = (0..n).map(|i| Some(i % 7 == 0)).collect();
        EnsembleData::new(r, labels).expect("valid")
    }

    #[test]
    fn a_key_follows_the_row_and_not_its_place_or_the_order_of_the_columns() {
        let whole = data(90);
        let keys = row_keys(&whole, &(0..90).collect::<Vec<_>>(), 3);
        let order: Vec<usize> = (0..90).map(|i| (i * 37 + 11) % 90).collect();
        let shuffled = whole.select_instances(&order).expect("rows of the data");
        let after = row_keys(&shuffled, &(0..90).collect::<Vec<_>>(), 3);
        assert_eq!(after, order.iter().map(|&i| keys[i]).collect::<Vec<_>>());
        let columns = whole.predictions().select(Axis(0), &[2, 0, 1]);
        let columns = EnsembleData::new(columns, whole.labels().to_vec()).expect("valid");
        assert_eq!(row_keys(&columns, &(0..90).collect::<Vec<_>>(), 3), keys);
        assert_ne!(row_keys(&whole, &(0..90).collect::<Vec<_>>(), 4), keys);
    }

    #[test]
    fn folds_are_stratified_and_copies_stay_together() {
        // 100 rows, each three times.
        let mut rows: Vec<(u64, bool)> = (0..300u64).map(|i| (mix(i / 3), (i / 3) % 10 == 0)).collect();
        rows.sort_unstable();
        let (keys, labels): (Vec<u64>, Vec<bool>) = rows.into_iter().unzip();
        let folds = folds_by_key(&keys, &labels, 5);
        assert!((1..300).all(|i| keys[i] != keys[i - 1] || folds[i] == folds[i - 1]));
        for fold in 0..5 {
            let inside: Vec<usize> = (0..300).filter(|&i| folds[i] == fold).collect();
            assert_eq!(inside.len(), 60);
            assert_eq!(inside.iter().filter(|&&i| labels[i]).count(), 6);
        }
    }

    #[test]
    fn predictions_that_coincide_are_spread() {
        // Two votes of few values: one key has most of the rows.
        let keys: Vec<u64> = (0..100).map(|i| if i < 70 { 1 } else { 2 + i / 10 }).collect();
        let labels: Vec<bool> = (0..100).map(|i| i % 5 == 0).collect();
        let folds = folds_by_key(&keys, &labels, 5);
        for fold in 0..5 {
            assert_eq!((0..100).filter(|&i| folds[i] == fold).count(), 20);
            assert_eq!((0..100).filter(|&i| folds[i] == fold && labels[i]).count(), 4);
        }
    }
}
