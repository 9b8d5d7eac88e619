//! What the classes weigh.

/// What each class weighs, in units of the mean of the weights above 0, from the class and the weight of each
/// instance.
pub(crate) fn class_totals(
    classes: usize,
    instances: impl Iterator<Item = (usize, f64)> + Clone,
) -> Vec<f64> {
    // Only shares count, and a sum may overflow: weights are divided by a power of two, which rounds nothing.
    let largest = instances.clone().map(|(_, weight)| weight).fold(f64::MIN_POSITIVE, f64::max);
    let unit = 2f64.powi(largest.log2().floor() as i32);
    let (mut sums, mut counting) = (vec![0.0; classes], 0);
    for (class, weight) in instances {
        sums[class] += weight / unit;
        counting += usize::from(weight > 0.0);
    }
    in_mean_weights(sums, counting)
}

/// Sums of the weights of classes in units of the mean weight, of `counting` instances with a weight above 0.
/// Weights that are all 1 give counts, to the last bit.
pub(crate) fn in_mean_weights(sums: Vec<f64>, counting: usize) -> Vec<f64> {
    let (n, total) = (counting as f64, sums.iter().sum::<f64>());
    if total == n || total == 0.0 {
        return sums;
    }
    sums.iter().map(|sum| n * (sum / total)).collect()
}
