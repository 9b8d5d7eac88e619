//! Several tests at once.

use crate::error::{Result, ensure};

/// Holm's adjusted p values of several tests: each is at most a level with probability at most that level if
/// all of its hypotheses hold, however the tests depend on each other (Holm, "A simple sequentially rejective
/// multiple test procedure", 1979).
///
/// Of m values in increasing order, the k-th (from 0) becomes the largest of (m - j) p_j over j up to k, at
/// most 1. They are in the order of `p_values`.
///
/// ```
/// use cfe_core::validation::holm;
/// let adjusted = holm(&[0.03, 0.01, 0.04])?;
/// assert_eq!(adjusted, [0.06, 0.03, 0.06]);
/// # Ok::<(), cfe_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidParameter`](crate::Error::InvalidParameter) for a p value outside of 0 to 1.
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>> {
    for &p in p_values {
        ensure((0.0..=1.0).contains(&p), "p value", p, "0 to 1")?;
    }
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest = 0.0f64;
    for (k, &test) in order.iter().enumerate() {
        largest = largest.max((p_values.len() - k) as f64 * p_values[test]).min(1.0);
        adjusted[test] = largest;
    }
    Ok(adjusted)
}
