//! The start of ALS is the published one, number for number.

use std::path::Path;

use cf_ensemble::Parameters;
use cfe_compare::numpy::published_start;
use serde_json::Value;

/// One unit in the last place of the largest start factors (0.04) is 7e-18; logarithms may differ by that
/// much.
const TOLERANCE: f64 = 1e-15;

fn reference(folder: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/reference")
        .join(folder)
        .join("init_als.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

fn largest_difference(start: &Parameters, reference: &Value) -> f64 {
    let sides = [(&start.factors.classifiers, "X0"), (&start.factors.instances, "Y0")];
    let mut largest = 0.0_f64;
    for (matrix, key) in sides {
        let rows = reference[key].as_array().expect("a list of rows");
        assert_eq!(rows.len(), matrix.nrows());
        for (row, expected) in matrix.rows().into_iter().zip(rows) {
            let expected = expected.as_array().expect("a row");
            assert_eq!(row.len(), expected.len());
            for (value, expected) in row.iter().zip(expected) {
                largest = largest.max((value - expected.as_f64().expect("a number")).abs());
            }
        }
    }
    largest
}

#[test]
fn the_published_start() {
    let start = published_start(42, 15, 10, 500);
    assert!(largest_difference(&start, &reference("published_table")) <= TOLERANCE);
    assert_eq!(start.weights, [0.1; 10]);
    assert_eq!(start.bias, 0.0);
}

#[test]
fn the_start_of_the_smaller_problem() {
    let start = published_start(105, 4, 6, 120);
    assert!(largest_difference(&start, &reference("trainer_small")) <= TOLERANCE);
}
