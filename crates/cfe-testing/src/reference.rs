//! Golden numbers: the files of `tests/reference`, whose README has the formulas and the tolerances.

use std::path::Path;

use ndarray::Array2;
use serde_json::Value;

/// The content of a file below `tests/reference`, for instance `metrics.json` or `trainer_small/data.json`.
///
/// # Panics
///
/// If the file is missing or is not JSON.
pub fn load(path: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference").join(path);
    let content = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&content).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A number.
pub fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("a number, not {value}"))
}

/// The entries of a list.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("a list, not {value}"))
}

/// A list of numbers.
pub fn vector(value: &Value) -> Vec<f64> {
    list(value).iter().map(number).collect()
}

/// A list of rows of equal length.
pub fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = list(value).iter().map(vector).collect();
    let n_columns = rows.first().map_or(0, Vec::len);
    Array2::from_shape_vec((rows.len(), n_columns), rows.concat()).expect("rows of equal length")
}

/// Labels: 1, 0, or null for an instance without a label.
pub fn labels(value: &Value) -> Vec<Option<bool>> {
    list(value).iter().map(|label| label.as_f64().map(|label| label == 1.0)).collect()
}

/// Asserts that |actual - expected| <= absolute + relative |expected|.
#[track_caller]
pub fn close(actual: f64, expected: f64, absolute: f64, relative: f64, what: &str) {
    let tolerance = absolute + relative * expected.abs();
    assert!(
        (actual - expected).abs() <= tolerance,
        "{what}: {actual} instead of {expected} (tolerance {tolerance:e})"
    );
}

/// [`close`] for each of several numbers.
#[track_caller]
pub fn close_all<'a>(
    actual: impl IntoIterator<Item = &'a f64>,
    expected: impl IntoIterator<Item = &'a f64>,
    absolute: f64,
    relative: f64,
    what: &str,
) {
    let (mut actual, mut expected) = (actual.into_iter(), expected.into_iter());
    for k in 0.. {
        match (actual.next(), expected.next()) {
            (Some(a), Some(e)) => close(*a, *e, absolute, relative, &format!("{what}[{k}]")),
            (None, None) => return,
            _ => panic!("{what}: one of the two ends after {k} numbers"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_within_the_tolerance_are_close() {
        close(1.0, 1.1, 0.1 + 1e-12, 0.0, "absolute");
        close(100.0, 110.0, 0.0, 0.1, "relative");
    }

    #[test]
    #[should_panic(expected = "w[1]: 2 instead of 3")]
    fn a_number_beyond_the_tolerance_is_named_with_its_place() {
        close_all(&[1.0, 2.0], &[1.0, 3.0], 0.5, 0.0, "w");
    }

    #[test]
    #[should_panic(expected = "one of the two ends after 1 numbers")]
    fn lists_of_different_lengths_are_not_close() {
        close_all(&[1.0, 2.0], &[1.0], 0.5, 0.0, "w");
    }
}
