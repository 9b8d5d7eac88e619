//! Keys of instances by what they contain: with them the order of the instances decides nothing.

use ndarray::ArrayView2;

/// One key for each of the instances `rows` of R (m x n): a hash of its predictions and the seed.
///
/// Instances with the same predictions have the same key, whatever the order of the instances and of the
/// classifiers. Classifiers of which `looked_at` (m) is false are passed over: those that say the same of all
/// instances in question.
///
/// ```
/// use cfe_core::keys::row_keys;
/// use ndarray::array;
///
/// let predictions = array![[0.9, 0.2, 0.9], [0.8, 0.1, 0.8]];
/// let keys = row_keys(predictions.view(), &[0, 1, 2], &[true, true], 7);
/// assert!(keys[0] == keys[2] && keys[0] != keys[1]);
/// ```
pub fn row_keys(predictions: ArrayView2<'_, f64>, rows: &[usize], looked_at: &[bool], seed: u64) -> Vec<u64> {
    let mut sums = vec![seed; rows.len()];
    for (row, _) in predictions.outer_iter().zip(looked_at).filter(|(_, looked_at)| **looked_at) {
        for (sum, &i) in sums.iter_mut().zip(rows) {
            let p = row[i];
            if !p.is_nan() {
                // 0 and -0 are one.
                *sum = sum.wrapping_add(mix((p + 0.0).to_bits()));
            }
        }
    }
    sums.into_iter().map(mix).collect()
}

/// A step of SplitMix64 (Steele, Lea and Flood, 2014): its increment, then its [finalizer](spread).
pub fn mix(x: u64) -> u64 {
    spread(x.wrapping_add(0x9e37_79b9_7f4a_7c15))
}

/// The finalizer of SplitMix64: every bit of the result depends on every bit of `x`.
pub fn spread(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
