//! Folds for cross-validation.

use std::collections::HashMap;
use std::hash::Hash;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha12Rng;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, ensure};

/// K-fold cross-validation that spreads both classes evenly, shuffled by seed.
///
/// Each class is shuffled and dealt to the folds in turn; the positives go on where the negatives stopped. So
/// the fold sizes differ by at most 1, and so do the numbers of each class. With fewer positives than folds,
/// some folds hold out no positive; no training part loses more than one.
///
/// ```
/// use cfe_core::validation::StratifiedKFold;
///
/// let labels: Vec<bool> = (0..50).map(|i| i % 10 == 0).collect();
/// let folds = StratifiedKFold { n_splits: 5, seed: 42 }.assign(&labels)?;
/// let held_out = folds.test(0);
/// assert_eq!(held_out.len(), 10);
/// assert_eq!(held_out.iter().filter(|&&i| labels[i]).count(), 1);
/// # Ok::<(), cfe_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StratifiedKFold {
    /// Folds, 2 to the number of instances.
    pub n_splits: usize,
    /// Seed of the shuffling.
    pub seed: u64,
}

impl Default for StratifiedKFold {
    fn default() -> Self {
        Self { n_splits: 5, seed: 0 }
    }
}

/// The fold of each instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folds {
    fold: Vec<usize>,
    n_splits: usize,
}

impl Folds {
    /// Folds as assigned elsewhere: the fold of each instance.
    ///
    /// ```
    /// use cfe_core::validation::Folds;
    ///
    /// let folds = Folds::new(vec![0, 1, 0, 2], 3)?;
    /// assert_eq!(folds.test(0), [0, 2]);
    /// assert!(Folds::new(vec![0, 3], 3).is_err());
    /// # Ok::<(), cfe_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a fold that is not below `n_splits`.
    pub fn new(fold: Vec<usize>, n_splits: usize) -> Result<Self> {
        match fold.iter().find(|&&f| f >= n_splits) {
            Some(&f) => Err(Error::parameter("fold", f, "below the number of folds")),
            None => Ok(Self { fold, n_splits }),
        }
    }

    /// Fold of each instance (n), below [`n_splits`](Self::n_splits).
    pub fn as_slice(&self) -> &[usize] {
        &self.fold
    }

    /// Number of folds.
    pub fn n_splits(&self) -> usize {
        self.n_splits
    }

    /// Instances held out in a fold, ascending; none for a fold that does not exist.
    pub fn test(&self, fold: usize) -> Vec<usize> {
        (0..self.fold.len()).filter(|&i| self.fold[i] == fold).collect()
    }

    /// All others, ascending.
    pub fn train(&self, fold: usize) -> Vec<usize> {
        (0..self.fold.len()).filter(|&i| self.fold[i] != fold).collect()
    }
}

impl StratifiedKFold {
    /// Folds of instances with these labels.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for fewer than 2 folds or fewer instances than folds.
    pub fn assign(&self, labels: &[bool]) -> Result<Folds> {
        self.repetition(labels, 0)
    }

    /// As [`assign`](Self::assign), `n_repeats` times with other shuffles of the same seed; the first is that
    /// of `assign`.
    ///
    /// # Errors
    /// As [`assign`](Self::assign).
    pub fn repeated(&self, labels: &[bool], n_repeats: usize) -> Result<Vec<Folds>> {
        (0..n_repeats as u64).map(|repetition| self.repetition(labels, repetition)).collect()
    }

    fn repetition(&self, labels: &[bool], repetition: u64) -> Result<Folds> {
        check(self.n_splits, labels.len())?;
        let mut rng = generator(self.seed, repetition);
        let mut fold = vec![0; labels.len()];
        // The count runs on over the classes, so that folds differ by one instance at most.
        let mut next = 0;
        for class in [false, true] {
            let mut members: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] == class).collect();
            members.shuffle(&mut rng);
            for i in members {
                fold[i] = next % self.n_splits;
                next += 1;
            }
        }
        Ok(Folds { fold, n_splits: self.n_splits })
    }
}

/// Cross-validation that keeps the instances of a group (patient, day, site) together and spreads both
/// classes as evenly as the groups allow, as scikit-learn's `StratifiedGroupKFold`.
///
/// Groups are taken from the one with the most uneven classes down (ties in shuffled order); each goes to the
/// fold where it makes the shares of the classes differ least over folds, and among equal folds to the
/// smallest. With few groups a fold may hold no instance of a class, or all of them: look before use.
///
/// ```
/// use cfe_core::validation::StratifiedGroupKFold;
///
/// let labels: Vec<bool> = (0..60).map(|i| i % 6 == 0).collect();
/// let day: Vec<usize> = (0..60).map(|i| i / 5).collect();
/// let folds = StratifiedGroupKFold { n_splits: 3, seed: 42 }.assign(&labels, &day)?;
/// assert!((1..60).all(|i| day[i] != day[i - 1] || folds.as_slice()[i] == folds.as_slice()[i - 1]));
/// # Ok::<(), cfe_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StratifiedGroupKFold {
    /// Folds, 2 to the number of groups.
    pub n_splits: usize,
    /// Seed of the order in which equal groups are dealt.
    pub seed: u64,
}

impl Default for StratifiedGroupKFold {
    fn default() -> Self {
        let StratifiedKFold { n_splits, seed } = StratifiedKFold::default();
        Self { n_splits, seed }
    }
}

impl StratifiedGroupKFold {
    /// Folds of instances with these labels and groups.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], and [`Error::InvalidParameter`] for fewer than 2 folds or fewer groups than
    /// folds.
    pub fn assign<G: Eq + Hash>(&self, labels: &[bool], groups: &[G]) -> Result<Folds> {
        if groups.len() != labels.len() {
            return Err(Error::LengthMismatch {
                what: "groups",
                found: groups.len(),
                expected: labels.len(),
            });
        }
        // Numbered by first appearance; nothing depends on the order of the hash map.
        let mut numbers: HashMap<&G, usize> = HashMap::new();
        let mut counts: Vec<[f64; 2]> = Vec::new();
        let group: Vec<usize> = groups
            .iter()
            .zip(labels)
            .map(|(name, &label)| {
                let g = *numbers.entry(name).or_insert(counts.len());
                if g == counts.len() {
                    counts.push([0.0; 2]);
                }
                counts[g][usize::from(label)] += 1.0;
                g
            })
            .collect();
        check(self.n_splits, counts.len())?;

        let positives = labels.iter().filter(|&&y| y).count() as f64;
        let totals = [labels.len() as f64 - positives, positives];
        let mut order: Vec<usize> = (0..counts.len()).collect();
        order.shuffle(&mut generator(self.seed, 0));
        let unevenness = |g: usize| (counts[g][0] - counts[g][1]).abs();
        // A stable sort: groups that are equally uneven stay in shuffled order.
        order.sort_by(|&a, &b| unevenness(b).total_cmp(&unevenness(a)));
        let mut filled = vec![[0.0; 2]; self.n_splits];
        let mut fold_of_group = vec![0; counts.len()];
        for g in order {
            // Each fold is tried with the group added and taken out again.
            let mut best = (f64::INFINITY, f64::INFINITY, 0);
            for f in 0..self.n_splits {
                let size = filled[f][0] + filled[f][1];
                (0..2).for_each(|c| filled[f][c] += counts[g][c]);
                let spread = (0..2).map(|c| deviation(&filled, c, totals[c])).sum::<f64>();
                (0..2).for_each(|c| filled[f][c] -= counts[g][c]);
                // Equal up to rounding is equal.
                let better = spread < best.0 - 1e-12 || (spread < best.0 + 1e-12 && size < best.1);
                if better {
                    best = (spread, size, f);
                }
            }
            fold_of_group[g] = best.2;
            (0..2).for_each(|c| filled[best.2][c] += counts[g][c]);
        }
        let fold = group.into_iter().map(|g| fold_of_group[g]).collect();
        Ok(Folds { fold, n_splits: self.n_splits })
    }
}

fn check(n_splits: usize, n: usize) -> Result<()> {
    const ALLOWED: &str = "2 folds at least, and not more than there are instances (or groups)";
    ensure(n_splits >= 2 && n_splits <= n, "n_splits", n_splits, ALLOWED)
}

fn generator(seed: u64, stream: u64) -> ChaCha12Rng {
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// Standard deviation over folds of the share of class c that a fold holds.
fn deviation(filled: &[[f64; 2]], c: usize, total: f64) -> f64 {
    if total == 0.0 {
        return 0.0;
    }
    let n = filled.len() as f64;
    let mean = filled.iter().map(|f| f[c] / total).sum::<f64>() / n;
    (filled.iter().map(|f| (f[c] / total - mean).powi(2)).sum::<f64>() / n).sqrt()
}
