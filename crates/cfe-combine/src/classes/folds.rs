//! One set of folds for all classes.

use std::cmp::Reverse;
use std::collections::HashMap;

use cfe_core::classes::ClassData;
use cfe_core::validation::Folds;
use cfe_core::{Error, Result, ensure};
use cfe_io::GivenFolds;
use ndarray::Axis;

use super::options::ClassOptions;
use crate::error::{FitError, FitResult};
use crate::pipeline::{HeldOut, InTime};
use crate::recommended::keys::mix;

/// Rows held out by what the options say of them, or dealt as [`class_folds`] does.
pub(super) fn held_out(
    data: &ClassData,
    options: &ClassOptions,
    n_splits: usize,
    seed: u64,
) -> FitResult<HeldOut> {
    let failed = FitError::training("training");
    let n = data.labels().len();
    // The options are written by hand beside the data, so each list is held against the number of rows
    // first.
    let lengths = [
        ("groups", options.groups.as_ref().map(Vec::len)),
        ("folds", options.folds.as_ref().map(Vec::len)),
        ("times", options.times.as_ref().map(Vec::len)),
        ("costs", options.costs.as_ref().map(Vec::len)),
    ];
    for (what, found) in lengths {
        if let Some(found) = found.filter(|&found| found != n) {
            return Err(failed(Error::LengthMismatch { what, found, expected: n }));
        }
    }
    let groups = options.groups.as_deref();
    // Given folds and times say how the predictions were made, and go before folds that are dealt.
    let given = GivenFolds {
        folds: options.folds.as_deref(),
        times: options.times.as_deref(),
        groups,
        ..GivenFolds::new("the data")
    };
    let Some((folds, _)) = given.of_rows(data.labeled(), n_splits)? else {
        return Ok(HeldOut::dealt(class_folds(data, groups, n_splits, seed).map_err(failed)?));
    };
    if !folds.is_forward() {
        return Ok(HeldOut::dealt(folds));
    }
    // In time, a row is scored by the rows before it. What a fit cross-validates inside (its members, a
    // calibration) has no such order, and gets folds of any rows.
    let all = class_folds(data, groups, n_splits, seed).map_err(&failed)?;
    let weights = data.labeled_weights();
    let earlier = |fold: usize| {
        let rows = folds.train(fold);
        // A row of weight 0 is not learned from, and so fills no fold.
        let splits = n_splits.min(rows.iter().filter(|&&p| weights[p] > 0.0).count());
        if splits < 2 {
            return Ok(None);
        }
        // The labels of all other rows are hidden, so that nothing inside the fit of a fold sees a later
        // label.
        let mut labels = vec![None; n];
        for p in rows {
            let i = data.labeled()[p];
            labels[i] = data.labels()[i];
        }
        let part = data.clone().with_labels(labels)?;
        class_folds(&part, groups, splits, seed).map(Some)
    };
    let earlier = (0..folds.n_splits()).map(earlier).collect::<Result<_>>().map_err(failed)?;
    Ok(HeldOut { folds, in_time: Some(InTime { all, earlier }) })
}

/// Folds of the labeled rows (in the order of [`ClassData::labeled`]), stratified by class, so that every
/// binary problem is cross-validated on the same rows.
///
/// Rows are dealt by what they contain, as for two classes: the order of the rows decides nothing, and copies
/// of a row are in one fold. With `groups` (n) the rows of a group are in one fold. Rows of the rarest class
/// are dealt first. A class of two rows has them in two folds; a class of one row takes part in one. Rows of
/// weight 0, which are not learned from, go to the first fold and change nothing for the others.
///
/// # Errors
/// [`Error::InvalidParameter`] for fewer than 2 folds or more than labeled rows, or groups so large that all
/// rows of a class that has two would be in one fold; [`Error::LengthMismatch`].
pub fn class_folds(data: &ClassData, groups: Option<&[String]>, n_splits: usize, seed: u64) -> Result<Folds> {
    // Rows of weight 0 have no say in how the others are dealt; they are put into the first fold at the end.
    let weights = data.labeled_weights();
    let places: Vec<usize> = (0..weights.len()).filter(|&p| weights[p] > 0.0).collect();
    const ALLOWED: &str =
        "2 folds at least, and not more than there are labeled rows that weigh something; 5 is usual";
    ensure(n_splits >= 2 && n_splits <= places.len(), "n_splits", n_splits, ALLOWED)?;
    if let Some(found) = groups.map(<[String]>::len).filter(|&found| found != data.labels().len()) {
        return Err(Error::LengthMismatch { what: "groups", found, expected: data.labels().len() });
    }
    let all = data.labeled_targets();
    let (labels, keys): (Vec<usize>, Vec<u64>) = {
        let keys = keys(data, seed);
        places.iter().map(|&p| (all[p], keys[p])).unzip()
    };
    // What must not be torn apart becomes one bundle: the rows of a group, or the copies of a row.
    let counts = data.counting_counts();
    let bundles = match groups {
        Some(groups) => {
            let of_place = |&p: &usize| groups[data.labeled()[p]].as_str();
            by_group(&places.iter().map(of_place).collect::<Vec<_>>(), &keys)
        }
        None => by_key(&keys, &labels, data.predictions().n_classes(), n_splits),
    };
    let dealt = deal(bundles, &labels, &counts, n_splits);
    // Copies never fill a class alone (see `by_key`), so that only groups can put a whole class into one
    // fold.
    for (k, &count) in counts.iter().enumerate() {
        let mut met = dealt.iter().zip(&labels).filter(|(_, label)| **label == k).map(|(fold, _)| fold);
        let first = met.next();
        if count >= 2 && met.all(|fold| Some(fold) == first) {
            const GROUPS: &str =
                "the groups put all rows of a class into one fold; use fewer folds, or no groups";
            return Err(Error::parameter("n_splits", n_splits, GROUPS));
        }
    }
    let mut folds = vec![0; all.len()];
    places.iter().zip(dealt).for_each(|(&p, fold)| folds[p] = fold);
    Folds::new(folds, n_splits)
}

/// One key for each labeled row: a hash of its predictions and the seed, whatever the order of the
/// classifiers.
fn keys(data: &ClassData, seed: u64) -> Vec<u64> {
    let values = data.predictions().values();
    let key = |&i: &usize| {
        let cells = values.index_axis(Axis(1), i);
        let cell = |((_, k), p): ((usize, usize), &f64)| {
            // 0 and -0 are one; the class tells cells of the same value apart.
            mix((p + 0.0).to_bits() ^ mix(k as u64))
        };
        // A sum does not depend on the order of its terms, and so the key does not on that of the
        // classifiers.
        let observed = cells.indexed_iter().filter(|(_, p)| !p.is_nan());
        mix(observed.map(cell).fold(seed, u64::wrapping_add))
    };
    data.labeled().iter().map(key).collect()
}

/// Copies of a row as one bundle, unless they are so many (more than half a fold, or half of a class) that
/// they say nothing of copies.
fn by_key(keys: &[u64], labels: &[usize], classes: usize, n_splits: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by_key(|&p| (keys[p], labels[p]));
    let mut of_class = vec![0_usize; classes];
    labels.iter().for_each(|&label| of_class[label] += 1);
    let mut bundles = Vec::new();
    for run in order.chunk_by(|&a, &b| keys[a] == keys[b]) {
        let within = |k: usize| run.iter().filter(|&&p| labels[p] == k).count();
        // Classifiers that vote have few different rows: equal predictions are then chance and not copies.
        let few = 2 * n_splits * run.len() <= keys.len();
        if run.len() > 1 && few && run.iter().all(|&p| 2 * within(labels[p]) <= of_class[labels[p]]) {
            bundles.push(run.to_vec());
        } else {
            bundles.extend(run.iter().map(|&p| vec![p]));
        }
    }
    bundles
}

/// The rows of each group as one bundle, in an order that follows what they contain; `groups` and `keys` are
/// of each row.
fn by_group(groups: &[&str], keys: &[u64]) -> Vec<Vec<usize>> {
    let mut of_group: HashMap<&str, Vec<usize>> = HashMap::new();
    groups.iter().enumerate().for_each(|(p, group)| of_group.entry(group).or_default().push(p));
    let mut bundles: Vec<Vec<usize>> = of_group.into_values().collect();
    // The order of a hash map is not one; a bundle is known by its keys, and equal ones by their rows.
    bundles
        .sort_by_key(|bundle| (bundle.iter().fold(0, |sum: u64, &p| sum.wrapping_add(keys[p])), bundle[0]));
    bundles
}

/// The fold of each row. Bundles with the rarest class come first and large ones before small ones; each goes
/// to the fold that has the fewest rows of that class, and among those to the smallest.
fn deal(mut bundles: Vec<Vec<usize>>, labels: &[usize], counts: &[usize], n_splits: usize) -> Vec<usize> {
    let rarest = |bundle: &[usize]| {
        let label = |&p: &usize| labels[p];
        bundle.iter().map(label).min_by_key(|&k| (counts[k], k)).expect("a bundle has rows")
    };
    // Stable: what is equal stays in the order of the keys.
    bundles.sort_by_key(|bundle| {
        let k = rarest(bundle);
        let inside = bundle.iter().filter(|&&p| labels[p] == k).count();
        (counts[k], k, Reverse((inside, bundle.len())))
    });
    let mut fold_of = vec![0; labels.len()];
    // Of each fold the rows of each class, and all rows.
    let mut filled = vec![(vec![0_usize; counts.len()], 0_usize); n_splits];
    for bundle in bundles {
        let k = rarest(&bundle);
        let fold = (0..n_splits).min_by_key(|&f| (filled[f].0[k], filled[f].1)).expect("2 folds at least");
        for p in bundle {
            fold_of[p] = fold;
            filled[fold].0[labels[p]] += 1;
            filled[fold].1 += 1;
        }
    }
    fold_of
}

#[cfg(test)]
mod tests {
    use cfe_core::classes::ClassPredictions;
    use ndarray::Array3;

    use super::*;

    fn data(n: usize, label: impl Fn(usize) -> usize, content: impl Fn(usize) -> usize) -> ClassData {
        let values = Array3::from_shape_fn((2, n, 3), |(u, i, k)| {
            let raw = |k: usize| 1.0 + ((content(i) + 1) * (7 * u + 3 * k + 5) % 101) as f64;
            raw(k) / (raw(0) + raw(1) + raw(2))
        });
        let names = |n: usize| (0..n).map(|k| k.to_string()).collect::<Vec<_>>();
        let predictions = ClassPredictions::new(values, names(2), names(3)).expect("valid");
        ClassData::new(predictions, (0..n).map(|i| Some(label(i))).collect()).expect("valid")
    }

    #[test]
    fn every_class_is_spread_and_copies_stay_together() {
        let rows = data(100, |i| if i % 10 == 0 { 2 } else { i / 2 % 2 }, |i| i / 2);
        let folds = class_folds(&rows, None, 5, 1).expect("five folds");
        for k in 0..3 {
            let of: Vec<usize> = (0..5)
                .map(|f| folds.test(f).iter().filter(|&&p| rows.labels()[p] == Some(k)).count())
                .collect();
            assert!(of.iter().max() <= of.iter().min().map(|least| least + 3).as_ref(), "{k}: {of:?}");
        }
        assert!((0..50).all(|j| folds.as_slice()[2 * j] == folds.as_slice()[2 * j + 1]));
    }

    #[test]
    fn two_rows_of_a_class_are_in_two_folds_and_groups_may_forbid_it() {
        let rows = data(40, |i| if i < 2 { 2 } else { i % 2 }, |i| i);
        let folds = class_folds(&rows, None, 5, 0).expect("five folds");
        assert_ne!(folds.as_slice()[0], folds.as_slice()[1]);
        let groups: Vec<String> = (0..40).map(|i| (i / 4).to_string()).collect();
        assert!(matches!(class_folds(&rows, Some(&groups), 5, 0), Err(Error::InvalidParameter { .. })));
        let groups: Vec<String> = (0..40).map(|i| (i % 10).to_string()).collect();
        let folds = class_folds(&rows, Some(&groups), 5, 0).expect("ten groups");
        assert!((10..40).all(|i| folds.as_slice()[i] == folds.as_slice()[i - 10]));
        assert!(class_folds(&rows, None, 1, 0).is_err());
    }
}
