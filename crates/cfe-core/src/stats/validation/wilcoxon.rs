//! The signed-rank test for paired results.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use super::ranks::mid_ranks;
use crate::error::{Result, check_finite};

/// Largest number of pairs for which all 2^n signs are counted (as in scipy); the counts are exact in f64.
const EXACT_UP_TO: usize = 50;

/// Result of a two-sided signed-rank test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Wilcoxon {
    /// Pairs that differ.
    pub n: usize,
    /// Sum of the ranks of positive differences.
    pub rank_sum_plus: f64,
    /// Sum of the ranks of negative differences.
    pub rank_sum_minus: f64,
    /// min of the two, scipy's `statistic`.
    pub statistic: f64,
    /// Two-sided p value; 1 if no pair differs.
    pub p_value: f64,
    /// Whether p is exact, not the normal approximation.
    pub exact: bool,
}

/// Wilcoxon's signed-rank test of differences (n, finite) being symmetric around 0, two-sided.
///
/// Zeros are dropped, equal magnitudes share their mean rank (Wilcoxon, 1945; scipy's defaults). Up to 50
/// differences, the p value is exact: it counts the sign patterns with a rank sum at least as far out, given
/// the ranks as they are, ties included. (scipy counts with ties up to 13 differences and approximates from
/// there.) Beyond 50, the normal approximation with tie correction and without continuity correction.
///
/// ```
/// use cfe_core::validation::wilcoxon_signed_rank;
/// let test = wilcoxon_signed_rank(&[0.03, 0.01, 0.02, 0.05, 0.04])?;
/// assert_eq!((test.statistic, test.p_value), (0.0, 2.0 / 32.0));
/// # Ok::<(), cfe_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidScore`](crate::Error::InvalidScore) for a difference that is not finite.
pub fn wilcoxon_signed_rank(differences: &[f64]) -> Result<Wilcoxon> {
    check_finite(differences)?;
    let kept: Vec<f64> = differences.iter().copied().filter(|&d| d != 0.0).collect();
    let n = kept.len();
    let (ranks, tie_term) = mid_ranks(&kept.iter().map(|d| d.abs()).collect::<Vec<_>>());
    let plus: f64 = ranks.iter().zip(&kept).filter(|(_, d)| **d > 0.0).map(|(r, _)| r).sum();
    let total = (n * (n + 1)) as f64 / 2.0;
    let statistic = plus.min(total - plus);
    let exact = n <= EXACT_UP_TO;
    let p_value = if exact {
        exact_p(&ranks, statistic)
    } else {
        let n = n as f64;
        // Of a rank sum: n (n + 1) (2 n + 1) / 24, less sum (t^3 - t) / 48 over ties of t.
        let variance = (n * (n + 1.0) * (2.0 * n + 1.0) - tie_term / 2.0) / 24.0;
        2.0 * Normal::standard().cdf((statistic - total / 2.0) / variance.sqrt())
    };
    let p_value = p_value.min(1.0);
    Ok(Wilcoxon { n, rank_sum_plus: plus, rank_sum_minus: total - plus, statistic, p_value, exact })
}

/// Twice the share of the 2^n sign patterns with a sum of positive ranks up to `statistic`.
fn exact_p(ranks: &[f64], statistic: f64) -> f64 {
    // Mean ranks are halves: doubled, they are whole.
    let doubled: Vec<usize> = ranks.iter().map(|r| (2.0 * r).round() as usize).collect();
    let limit = (2.0 * statistic).round() as usize;
    // counts[s] is the number of sign patterns with rank sum s, one rank after the other. Sums go downwards,
    // so that no rank counts twice.
    let mut counts = vec![0.0f64; limit + 1];
    counts[0] = 1.0;
    for rank in doubled {
        for sum in (rank..=limit).rev() {
            counts[sum] += counts[sum - rank];
        }
    }
    2.0 * counts.iter().sum::<f64>() / 2f64.powi(ranks.len() as i32)
}
