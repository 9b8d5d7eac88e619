//! Rank tests of several methods over several data sets.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, Continuous, ContinuousCDF, Normal};

use crate::error::{Error, Result, check_finite, ensure, is_at_least_zero};

/// Mean ranks (1 = smallest) and sum of t^3 - t over groups of t equal values.
pub(super) fn mid_ranks(values: &[f64]) -> (Vec<f64>, f64) {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let (mut ranks, mut tie_term, mut below) = (vec![0.0; values.len()], 0.0, 0.0);
    for group in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let t = group.len() as f64;
        group.iter().for_each(|&i| ranks[i] = below + (t + 1.0) / 2.0);
        tie_term += t * t * t - t;
        below += t;
    }
    (ranks, tie_term)
}

/// Ranks of values (n), 1 for the smallest; equal values share their mean rank (scipy's `rankdata`).
///
/// ```
/// assert_eq!(cfe_core::validation::rank_data(&[0.3, 0.1, 0.3]), [2.5, 1.0, 2.5]);
/// ```
pub fn rank_data(values: &[f64]) -> Vec<f64> {
    mid_ranks(values).0
}

/// Result of Friedman's test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Friedman {
    /// Mean rank of each method (k); 1 is best.
    pub mean_ranks: Vec<f64>,
    /// The statistic, corrected for ties; 0 if every data set ties all methods.
    pub chi_square: f64,
    /// k - 1.
    pub degrees_of_freedom: usize,
    /// Probability of a statistic that large if all methods are equal.
    pub p_value: f64,
}

/// Friedman's test of `results` (data sets x methods, finite), where larger is better; for losses, pass them
/// negated.
///
/// chi2 = 12 N / (k (k + 1)) [sum_j mean_rank_j^2 - k (k + 1)^2 / 4], divided by 1 - sum (t^3 - t) / (N k
/// (k^2 - 1)) for groups of t ties (Friedman, 1937; scipy's `friedmanchisquare`).
///
/// ```
/// use cfe_core::validation::friedman;
/// let test = friedman(ndarray::array![[0.8, 0.7, 0.6], [0.9, 0.7, 0.5], [0.5, 0.4, 0.3]].view())?;
/// assert_eq!(test.mean_ranks, [1.0, 2.0, 3.0]);
/// assert!((test.chi_square - 6.0).abs() < 1e-12);
/// # Ok::<(), cfe_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidParameter`] for fewer than 2 methods or data sets, [`Error::InvalidScore`].
pub fn friedman(results: ArrayView2<'_, f64>) -> Result<Friedman> {
    let (n, k) = results.dim();
    ensure(k >= 2, "number of methods", k, "at least 2 methods can be ranked")?;
    ensure(n >= 2, "number of data sets", n, "at least 2 data sets are needed for a test")?;
    check_finite(results)?;
    let (mut sums, mut ties) = (vec![0.0; k], 0.0);
    for row in results.outer_iter() {
        // Negated: rank 1 belongs to the largest result.
        let (ranks, tie_term) = mid_ranks(&row.iter().map(|v| -v).collect::<Vec<_>>());
        sums.iter_mut().zip(ranks).for_each(|(s, r)| *s += r);
        ties += tie_term;
    }
    let (nf, kf) = (n as f64, k as f64);
    // The formula above, written with sums of ranks in place of mean ranks.
    let squares: f64 = sums.iter().map(|s| s * s).sum();
    let correction = 1.0 - ties / (nf * kf * (kf * kf - 1.0));
    let raw = 12.0 / (nf * kf * (kf + 1.0)) * squares - 3.0 * nf * (kf + 1.0);
    let chi_square = if correction > 0.0 { (raw / correction).max(0.0) } else { 0.0 };
    let p_value = ChiSquared::new(kf - 1.0).expect("k >= 2 was checked").sf(chi_square);
    let mean_ranks = sums.into_iter().map(|s| s / nf).collect();
    Ok(Friedman { mean_ranks, chi_square, degrees_of_freedom: k - 1, p_value })
}

/// Nemenyi's critical difference: methods whose mean ranks over `n_data_sets` differ by less do not differ
/// significantly.
///
/// CD = q sqrt(k (k + 1) / (6 N)), q the upper alpha point of the studentized range of k means with infinite
/// degrees of freedom, divided by sqrt(2) (Demsar, "Statistical Comparisons of Classifiers over Multiple Data
/// Sets", JMLR 2006). q is computed, so any k from 2 to 1000 and any alpha from 0.0001 to 0.5 will do.
///
/// ```
/// use cfe_core::validation::nemenyi_critical_difference;
/// // Demsar's example: 4 classifiers, 14 data sets, q = 2.569.
/// assert!((nemenyi_critical_difference(4, 14, 0.05)? - 1.25).abs() < 0.005);
/// # Ok::<(), cfe_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidParameter`].
pub fn nemenyi_critical_difference(n_methods: usize, n_data_sets: usize, alpha: f64) -> Result<f64> {
    ensure((2..=1000).contains(&n_methods), "number of methods", n_methods, "2 to 1000 methods")?;
    ensure(n_data_sets > 0, "number of data sets", n_data_sets, "at least 1 data set")?;
    ensure((0.0001..=0.5).contains(&alpha), "alpha", alpha, "0.0001 to 0.5; 0.05 is usual")?;
    let (mut low, mut high) = (0.0, 20.0);
    // Sixty halvings of 0 to 20 are below the last digit of q.
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if range_cdf(middle, n_methods) < 1.0 - alpha { low = middle } else { high = middle }
    }
    let (k, n) = (n_methods as f64, n_data_sets as f64);
    Ok(low / 2f64.sqrt() * (k * (k + 1.0) / (6.0 * n)).sqrt())
}

/// P(range of k standard normals <= q) = k int phi(z) [Phi(z) - Phi(z - q)]^(k-1) dz.
fn range_cdf(q: f64, k: usize) -> f64 {
    let normal = Normal::standard();
    // The trapezoidal rule converges faster than any power of the step on a smooth integrand that vanishes at
    // both ends.
    const STEP: f64 = 1.0 / 32.0;
    let sum: f64 = (-320..=320)
        .map(|i| {
            let z = f64::from(i) * STEP;
            normal.pdf(z) * (normal.cdf(z) - normal.cdf(z - q)).powi(k as i32 - 1)
        })
        .sum();
    k as f64 * STEP * sum
}

/// How often one method beats another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WinTieLoss {
    /// Differences of at least the margin.
    pub wins: usize,
    /// Differences below the margin.
    pub ties: usize,
    /// Differences of at most minus the margin.
    pub losses: usize,
}

/// Counts differences a - b (n, larger is better) that reach `margin`, at least 0; exactly 0 is always a tie.
///
/// ```
/// use cfe_core::validation::{WinTieLoss, win_tie_loss};
/// let counts = win_tie_loss(&[0.5, 0.6, 0.7], &[0.4, 0.601, 0.8], 0.005)?;
/// assert_eq!(counts, WinTieLoss { wins: 1, ties: 1, losses: 1 });
/// # Ok::<(), cfe_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::InvalidParameter`] for a bad margin, [`Error::InvalidScore`].
pub fn win_tie_loss(a: &[f64], b: &[f64], margin: f64) -> Result<WinTieLoss> {
    ensure(is_at_least_zero(margin), "margin", margin, "the margin of a tie is finite, at least 0")?;
    if a.len() != b.len() {
        return Err(Error::LengthMismatch { what: "results", found: b.len(), expected: a.len() });
    }
    let mut counts = WinTieLoss::default();
    for (index, (a, b)) in a.iter().zip(b).enumerate() {
        let value = a - b;
        if !value.is_finite() {
            return Err(Error::InvalidScore { index, value });
        }
        if value == 0.0 || value.abs() < margin {
            counts.ties += 1;
        } else if value > 0.0 {
            counts.wins += 1;
        } else {
            counts.losses += 1;
        }
    }
    Ok(counts)
}
