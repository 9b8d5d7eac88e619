//! ALS beside torch, and the course of the weights.

use super::super::contrast::{contrasts, diversity, weight_range};
use super::super::course::courses;
use super::super::{Method, Row};
use super::{row, series};

#[test]
fn ratios_are_torch_by_als_and_correlations_are_pearsons() {
    let als = row(Method::AlsWeighted, &[1.0, 2.0, 6.0]);
    let torch = Row { prediction_std: 0.3, seconds: 0.008, ..row(Method::TorchWeighted, &[3.0, 2.0, 4.0]) };
    let both = [
        series(Method::AlsWeighted, &[0.1, 0.2, 0.3], &[]),
        series(Method::TorchWeighted, &[0.6, 0.4, 0.2], &[]),
    ];
    let found = contrasts(&[torch, als], &both);
    let [pair] = found.as_slice() else { panic!("one pair: {found:?}") };
    let close = |found: Option<f64>, expected: f64| {
        assert!((found.expect("both sides") - expected).abs() < 1e-12, "{found:?}, not {expected}");
    };
    assert!(pair.class_weights);
    // Deviations from the means 3 and 3: -2, -1, 3 and 0, -1, 1.
    close(pair.weight_std_ratio, (2.0f64 / 14.0).sqrt());
    close(pair.weight_variation_ratio, (2.0f64 / 14.0).sqrt());
    close(pair.weight_range_ratio, 2.0 / 5.0);
    close(pair.weight_max_ratio, 4.0 / 6.0);
    close(pair.weight_correlation, 4.0 / (14.0f64 * 2.0).sqrt());
    close(pair.prediction_variance_ratio, 9.0);
    close(pair.prediction_correlation, -1.0);
    close(pair.seconds_ratio, 4.0);
    let ratios = diversity(&found);
    assert_eq!(
        (ratios.weight_std_ratio, ratios.weight_max_ratio),
        (pair.weight_std_ratio, pair.weight_max_ratio)
    );
}

#[test]
fn a_pair_needs_both_rows_and_the_largest_of_negative_weights_has_no_ratio() {
    let rows = [row(Method::AlsUnweighted, &[-3.0, -1.0]), row(Method::TorchUnweighted, &[-5.0, -1.0])];
    let both =
        [Method::AlsUnweighted, Method::TorchUnweighted].map(|method| series(method, &[0.1, 0.2], &[]));
    let found = contrasts(&rows, &both);
    assert_eq!((found.len(), found[0].class_weights, found[0].weight_max_ratio), (1, false, None));
    assert_eq!(found[0].weight_range_ratio, Some(2.0));
    assert_eq!(diversity(&found).weight_std_ratio, None, "the published ratios are of the weighted pair");
    assert!(contrasts(&rows[..1], &both).is_empty() && contrasts(&rows, &both[1..]).is_empty());
    assert_eq!(weight_range(&row(Method::SimpleAverage, &[])), None);
}

#[test]
fn the_course_has_the_published_iterations_that_the_run_reached() {
    let trace: Vec<(usize, &[f64], f64)> = (0..=25).map(|k| (k, [0.25, -0.5].as_slice(), k as f64)).collect();
    let found =
        courses(&[series(Method::AlsWeighted, &[0.1], &trace), series(Method::SimpleAverage, &[0.1], &[])]);
    let [course] = found.as_slice() else { panic!("the average has no course: {found:?}") };
    let iterations: Vec<usize> = course.points.iter().map(|point| point.iteration).collect();
    assert_eq!((course.method, iterations), (Method::AlsWeighted, vec![0, 10, 20]));
    let last = &course.points[2];
    assert_eq!((last.sum, last.min, last.max, last.bias), (-0.25, -0.5, 0.25, 20.0));
}
