//! The course of the weights at the published iterations.

use super::report::{Course, CoursePoint, Series};
use crate::report::chart::extent;

/// Iterations shown; the last is torch's alone.
pub(super) const ITERATIONS: [usize; 6] = [0, 10, 20, 50, 100, 200];

/// The course of every trained method.
pub(super) fn courses(series: &[Series]) -> Vec<Course> {
    let trained = series.iter().filter(|series| !series.trace.is_empty());
    trained.map(|series| Course { method: series.method, points: points(series) }).collect()
}

fn points(series: &Series) -> Vec<CoursePoint> {
    let shown = series.trace.iter().filter(|point| ITERATIONS.contains(&point.iteration));
    shown
        .map(|point| {
            let (min, max) = extent(point.weights.iter().copied());
            CoursePoint {
                iteration: point.iteration,
                weights: point.weights.clone(),
                sum: point.weights.iter().sum(),
                min,
                max,
                bias: point.bias,
            }
        })
        .collect()
}
