//! The checks of predictions of several classes: each finds every offending place.

use ndarray::{Array2, Array3, Axis};

use crate::error::{Error, Result};

/// Sums of classes this near to 1 are taken as they are: probabilities are written with few digits.
pub const ROUNDING: f64 = 1e-4;
/// Sums further from 1 than this are refused; between the two they are scaled to 1 and counted.
pub const TOLERANCE: f64 = 0.02;
/// Places that a message names; the count has them all.
const NAMED: usize = 8;

/// Names for messages.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    pub classifiers: &'a [String],
    pub classes: &'a [String],
}

/// Counts what is found and keeps the first few in words.
#[derive(Default)]
struct Found {
    count: usize,
    places: Vec<String>,
}

impl Found {
    fn add(&mut self, place: impl FnOnce() -> String) {
        self.count += 1;
        if self.places.len() < NAMED {
            self.places.push(place());
        }
    }

    fn words(self) -> String {
        let more = self.count - self.places.len();
        let words = self.places.join("; ");
        if more > 0 { format!("{words} and {more} more") } else { words }
    }
}

/// The first few of a list, for a message.
pub(super) fn first_of(names: &[impl AsRef<str>]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMED).map(AsRef::as_ref).collect();
    let more = names.len() - shown.len();
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

/// Every entry is NaN or a probability.
pub(super) fn probabilities(values: &Array3<f64>, names: Names<'_>) -> Result<()> {
    // All offending places are counted before the refusal: a table is mended in one go.
    let mut found = Found::default();
    for ((u, i, k), &p) in values.indexed_iter() {
        if !(p.is_nan() || (0.0..=1.0).contains(&p)) {
            found
                .add(|| format!("{}, instance {i}, class {:?}: {p}", names.classifiers[u], names.classes[k]));
        }
    }
    match found.count {
        0 => Ok(()),
        count => Err(Error::ClassProbabilities { count, places: found.words() }),
    }
}

/// Which classifier gave a probability for which class of any instance (m x K).
pub(super) fn known(values: &Array3<f64>) -> Array2<bool> {
    let (m, _, k) = values.dim();
    Array2::from_shape_fn((m, k), |(u, k)| {
        values.index_axis(Axis(0), u).index_axis(Axis(1), k).iter().any(|p| !p.is_nan())
    })
}

/// A classifier gives all classes that it knows, or none.
pub(super) fn whole_rows(values: &Array3<f64>, knows: &Array2<bool>, names: Names<'_>) -> Result<()> {
    let mut found = Found::default();
    for (u, rows) in values.outer_iter().enumerate() {
        let known: Vec<usize> = (0..knows.ncols()).filter(|&k| knows[(u, k)]).collect();
        for (i, row) in rows.outer_iter().enumerate() {
            let missing = known.iter().filter(|&&k| row[k].is_nan()).count();
            if missing > 0 && missing < known.len() {
                found.add(|| format!("{}, instance {i}", names.classifiers[u]));
            }
        }
    }
    match found.count {
        0 => Ok(()),
        count => Err(Error::ClassesMissing { count, places: found.words() }),
    }
}

/// The classes of each prediction sum to 1. Sums a little beside 1 are scaled, and their number is returned.
pub(super) fn sums(values: &mut Array3<f64>, names: Names<'_>) -> Result<usize> {
    let (mut found, mut scaled) = (Found::default(), 0);
    for (u, mut rows) in values.outer_iter_mut().enumerate() {
        for (i, mut row) in rows.outer_iter_mut().enumerate() {
            if row.iter().all(|p| p.is_nan()) {
                continue;
            }
            let sum: f64 = row.iter().filter(|p| !p.is_nan()).sum();
            let beside = (sum - 1.0).abs();
            // What is far from 1 is named, what is near is scaled, and what is rounding stays bit for bit.
            if beside > TOLERANCE {
                found.add(|| format!("{}, instance {i}: {sum}", names.classifiers[u]));
            } else if beside > ROUNDING {
                row.mapv_inplace(|p| p / sum);
                scaled += 1;
            }
        }
    }
    match found.count {
        0 => Ok(scaled),
        count => Err(Error::ClassSums { count, places: found.words(), tolerance: TOLERANCE }),
    }
}
