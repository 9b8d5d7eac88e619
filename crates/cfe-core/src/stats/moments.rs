//! Mean, spread and correlation of lists, in index order.

/// Mean; NaN for an empty list.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Sum of products, in index order.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Population standard deviation; 0 for an empty list.
pub fn std_dev(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt()
}

/// Pearson correlation of two lists of equal length; `None` if either is constant or their lengths differ.
pub fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    Centered::new(a).correlation(&Centered::new(b))
}

/// A list less its mean, with its standard deviation: each pair of many lists then takes one pass.
///
/// ```
/// use cfe_core::stats::moments::{Centered, correlation};
///
/// let (a, b) = ([1.0, 2.0, 4.0], [2.0, 3.0, 5.0]);
/// assert_eq!(Centered::new(&a).correlation(&Centered::new(&b)), correlation(&a, &b));
/// ```
#[derive(Debug, Clone)]
pub struct Centered {
    values: Vec<f64>,
    std_dev: f64,
}

impl Centered {
    /// Of a list (n).
    pub fn new(values: &[f64]) -> Self {
        let mean = mean(values);
        Self { values: values.iter().map(|v| v - mean).collect(), std_dev: std_dev(values) }
    }

    /// As [`correlation`].
    pub fn correlation(&self, other: &Self) -> Option<f64> {
        if self.values.len() != other.values.len() {
            return None;
        }
        let products = self.values.iter().zip(&other.values).map(|(x, y)| x * y);
        let covariance = products.sum::<f64>() / self.values.len() as f64;
        // 0 of an empty list.
        let scale = self.std_dev * other.std_dev;
        (scale > 0.0).then(|| (covariance / scale).clamp(-1.0, 1.0))
    }
}

/// Standard error of the mean of independent values, sqrt(sum (x - mean)^2 / (n - 1) / n); NaN for fewer than
/// two.
///
/// ```
/// use cfe_core::stats::moments::standard_error;
/// assert!((standard_error(&[1.0, 2.0, 3.0]) - (1.0f64 / 3.0).sqrt()).abs() < 1e-15);
/// assert!(standard_error(&[1.0]).is_nan());
/// ```
pub fn standard_error(values: &[f64]) -> f64 {
    let (n, mean) = (values.len() as f64, mean(values));
    if values.len() < 2 {
        return f64::NAN;
    }
    (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0) / n).sqrt()
}

/// The middle value, or the mean of the two middle ones; `None` for an empty list. NaN counts as the largest.
///
/// ```
/// use cfe_core::stats::moments::median;
/// assert_eq!(median(&[3.0, 1.0, 2.0, 9.0]), Some(2.5));
/// ```
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlation_of_constants_is_undefined() {
        assert_eq!(correlation(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]), Some(1.0));
        assert_eq!(correlation(&[1.0, 2.0], &[3.0, 3.0]), None);
        assert_eq!(correlation(&[1.0], &[1.0, 2.0]), None);
    }
}
