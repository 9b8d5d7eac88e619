//! The start of ALS is the published one, number for number.

use cf_ensemble::Parameters;
use cfe_compare::numpy::published_start;
use cfe_testing::reference::{load, matrix};
use serde_json::Value;

/// One unit in the last place of the largest start factors (0.04) is 7e-18; logarithms may differ by that
/// much.
const TOLERANCE: f64 = 1e-15;

fn largest_difference(start: &Parameters, reference: &Value) -> f64 {
    let sides = [(&start.factors.classifiers, "X0"), (&start.factors.instances, "Y0")];
    let mut largest = 0.0_f64;
    for (actual, key) in sides {
        let expected = matrix(&reference[key]);
        assert_eq!(actual.dim(), expected.dim());
        largest = actual.iter().zip(&expected).fold(largest, |largest, (a, e)| largest.max((a - e).abs()));
    }
    largest
}

#[test]
fn the_published_start() {
    let start = published_start(42, 15, 10, 500);
    assert!(largest_difference(&start, &load("published_table/init_als.json")) <= TOLERANCE);
    assert_eq!(start.weights, [0.1; 10]);
    assert_eq!(start.bias, 0.0);
}

#[test]
fn the_start_of_the_smaller_problem() {
    let start = published_start(105, 4, 6, 120);
    assert!(largest_difference(&start, &load("trainer_small/init_als.json")) <= TOLERANCE);
}
