//! Folds for cross-validation.

use std::collections::{HashMap, HashSet};
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
///
/// A fold is mostly scored by a fit on all others. Where folds follow time ([`forward`](Self::forward)), it is
/// scored by a fit on the earlier ones, and the first block of instances is never scored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folds {
    fold: Vec<usize>,
    n_splits: usize,
    is_forward: bool,
    /// Numbers of the groups whose instances a fit must not have seen; of folds in time alone.
    groups: Option<Vec<usize>>,
}

/// The fold of instances that no fold holds out.
const NEVER: usize = usize::MAX;

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
            None => Ok(Self::all_others(fold, n_splits)),
        }
    }

    fn all_others(fold: Vec<usize>, n_splits: usize) -> Self {
        Self { fold, n_splits, is_forward: false, groups: None }
    }

    /// Folds in time (n, finite), or forward chaining: instances are cut into `n_splits` + 1 blocks of about
    /// one size by their time, and each block but the first is a fold, which the earlier blocks score.
    /// Instances of one time stay in one block. scikit-learn's `TimeSeriesSplit` without ties.
    ///
    /// ```
    /// use cfe_core::validation::Folds;
    ///
    /// let folds = Folds::forward(&[3.0, 1.0, 2.0, 4.0, 5.0, 6.0], 2)?;
    /// assert_eq!((folds.train(0), folds.test(0)), (vec![1, 2], vec![0, 3]));
    /// assert_eq!((folds.train(1), folds.test(1)), (vec![0, 1, 2, 3], vec![4, 5]));
    /// assert_eq!(folds.scored(), [0, 3, 4, 5]);
    /// # Ok::<(), cfe_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for fewer than 2 folds, not more different times than folds, or a time
    /// that is not finite.
    pub fn forward(times: &[f64], n_splits: usize) -> Result<Self> {
        if let Some(&time) = times.iter().find(|time| !time.is_finite()) {
            return Err(Error::parameter("time", time, "times are finite numbers"));
        }
        let mut order: Vec<usize> = (0..times.len()).collect();
        order.sort_by(|&a, &b| times[a].total_cmp(&times[b]));
        // Instances of one time are neighbors now; -0 and 0 are one time.
        let runs: Vec<&[usize]> = order.chunk_by(|&a, &b| times[a] == times[b]).collect();
        const ALLOWED: &str = "2 folds at least, and fewer than there are different times";
        ensure(n_splits >= 2 && n_splits < runs.len(), "n_splits", n_splits, ALLOWED)?;
        let blocks = n_splits + 1;
        let mut fold = vec![NEVER; times.len()];
        let (mut block, mut seen) = (0, 0);
        for (k, run) in runs.iter().enumerate() {
            // The next block begins where this one has its share, and no later than leaves a time for each of
            // the blocks to come.
            let full = seen * blocks >= (block + 1) * times.len();
            if block + 1 < blocks && k > block && (full || runs.len() - k == blocks - block - 1) {
                block += 1;
            }
            run.iter().filter(|_| block > 0).for_each(|&i| fold[i] = block - 1);
            seen += run.len();
        }
        Ok(Self { fold, n_splits, is_forward: true, groups: None })
    }

    /// Folds in time whose fits leave out the earlier instances of every group (n, in order) that the fold
    /// holds out. Other folds stay as they are.
    #[must_use]
    pub fn with_groups_apart<G: Eq + Hash>(mut self, groups: impl IntoIterator<Item = G>) -> Self {
        if self.is_forward {
            let mut numbers: HashMap<G, usize> = HashMap::new();
            let mut number = |group: G| {
                let next = numbers.len();
                *numbers.entry(group).or_insert(next)
            };
            let groups: Vec<usize> = groups.into_iter().map(&mut number).collect();
            self.groups = Some(groups);
        }
        self
    }

    /// Whether folds are scored by earlier ones alone.
    pub fn is_forward(&self) -> bool {
        self.is_forward
    }

    /// Instances that some fold holds out, ascending: all, but for the first block of folds in time.
    pub fn scored(&self) -> Vec<usize> {
        (0..self.fold.len()).filter(|&i| self.fold[i] != NEVER).collect()
    }

    /// The same folds of some of the instances, in this order. Without an instance that is never held out
    /// these are plain folds.
    ///
    /// ```
    /// use cfe_core::validation::Folds;
    /// assert_eq!(Folds::new(vec![0, 1, 2, 1], 3)?.select(&[3, 0]).as_slice(), [1, 0]);
    /// # Ok::<(), cfe_core::Error>(())
    /// ```
    #[must_use]
    pub fn select(&self, instances: &[usize]) -> Self {
        Self {
            fold: instances.iter().map(|&i| self.fold[i]).collect(),
            groups: self.groups.as_ref().map(|groups| instances.iter().map(|&i| groups[i]).collect()),
            ..*self
        }
    }

    /// Fold of each instance (n), below [`n_splits`](Self::n_splits); `usize::MAX` where no fold holds it
    /// out.
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

    /// Instances that a fit for this fold learns from, ascending: all others, or of folds in time the
    /// earlier ones.
    pub fn train(&self, fold: usize) -> Vec<usize> {
        if !self.is_forward {
            return (0..self.fold.len()).filter(|&i| self.fold[i] != fold).collect();
        }
        let held_out: HashSet<usize> = match &self.groups {
            Some(groups) => self.test(fold).into_iter().map(|i| groups[i]).collect(),
            None => HashSet::new(),
        };
        let is_apart = |i: usize| self.groups.as_ref().is_none_or(|groups| !held_out.contains(&groups[i]));
        let is_earlier = |i: usize| self.fold[i] == NEVER || self.fold[i] < fold;
        (0..self.fold.len()).filter(|&i| is_earlier(i) && is_apart(i)).collect()
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
        Ok(Folds::all_others(fold, self.n_splits))
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
        // The groups that are hardest to balance are placed first, while every fold still has room.
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
        Ok(Folds::all_others(fold, self.n_splits))
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
