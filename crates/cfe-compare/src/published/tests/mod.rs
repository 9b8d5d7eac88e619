//! The comparison on rows and courses made by hand: what is said follows from the numbers alone.

mod answers;
mod check;
mod contrast;
mod document;
mod findings;
mod plots;

use cf_ensemble::metrics::{MetricSummary, PrCurve, Scored};
use cf_ensemble::{StopReason, Symptom, TracePoint, WeightStats};
use serde_json::json;

use super::figures::PRINTED_COURSE;
use super::{Contrast, Course, CoursePoint, DataSummary, Method, Report, Row, Series, Status};

/// A row with these weights, none for the average. Predictions lie between 0.2 and 0.8.
fn row(method: Method, weights: &[f64]) -> Row {
    let stats = WeightStats::new(weights);
    let mut metrics = MetricSummary::of_average_precision(0.75);
    metrics.roc_auc = Some(0.9);
    Row {
        method,
        metrics,
        weights: stats.map(|_| weights.to_vec()),
        bias: stats.map(|_| -0.5),
        weight_std: stats.map(|s| s.std),
        weight_min: stats.map(|s| s.min),
        weight_max: stats.map(|s| s.max),
        weight_sum: stats.map(|s| s.sum),
        negative_weights: stats.map(|s| s.n_negative),
        weight_variation: stats.and_then(|s| s.coefficient_of_variation),
        effective_classifiers: stats.map(|s| s.effective_classifiers),
        prediction_std: 0.1,
        prediction_min: 0.3,
        prediction_max: 0.7,
        prediction_min_all: 0.2,
        prediction_max_all: 0.8,
        status: Status::Healthy,
        symptoms: Vec::new(),
        iterations: stats.map(|_| 100),
        stop: stats.map(|_| StopReason::Converged),
        device: stats.map(|_| "CPU f64".to_owned()),
        seconds: 0.002,
        seconds_range: [0.001, 0.003],
        timed_fits: 3,
        repeats_identical: true,
        published: Vec::new(),
        published_weights: None,
    }
}

fn collapsed(method: Method, weights: &[f64]) -> Row {
    Row { status: Status::Collapsed, symptoms: vec![Symptom::NegativeWeights], ..row(method, weights) }
}

/// The published design: 10% of the test set are positive.
fn report(rows: Vec<Row>) -> Report {
    Report {
        rows,
        diversity: super::Diversity::default(),
        als_against_torch: Vec::new(),
        course: Vec::new(),
        published_course: PRINTED_COURSE.to_vec(),
        findings: Vec::new(),
        data: DataSummary {
            classifiers: 3,
            instances: 500,
            positives: 50,
            labeled: 250,
            labeled_positives: 25,
            test: 250,
            test_positives: 25,
        },
        version: "0".to_owned(),
        missing_rows: None,
    }
}

/// Of a positive and some negatives, in this order.
fn curve(scores: &[f64]) -> PrCurve {
    let labels: Vec<bool> = (0..scores.len()).map(|k| k == 0).collect();
    Scored::new(&labels, scores).expect("finite").ranking().pr_curve()
}

fn series(method: Method, test_predictions: &[f64], trace: &[(usize, &[f64], f64)]) -> Series {
    let point = |&(iteration, weights, bias): &(usize, &[f64], f64)| {
        let point = json!({"iteration": iteration, "weights": weights, "bias": bias});
        serde_json::from_value::<TracePoint>(point).expect("a point of a trace")
    };
    Series {
        method,
        test_predictions: test_predictions.to_vec(),
        pr_curve: curve(&[0.5, 0.5]),
        trace: trace.iter().map(point).collect(),
        losses: Vec::new(),
    }
}

/// The published course, as if it had been measured.
fn printed_course() -> Course {
    let point = |printed: &super::PrintedPoint| CoursePoint {
        iteration: printed.iteration,
        weights: printed.weights.to_vec(),
        sum: printed.sum,
        min: printed.weights[0],
        max: printed.weights[1],
        bias: 0.0,
    };
    Course { method: Method::AlsUnweighted, points: PRINTED_COURSE.iter().map(point).collect() }
}

fn pair(ratios: [f64; 2]) -> Contrast {
    Contrast {
        class_weights: true,
        weight_std_ratio: Some(ratios[0]),
        weight_range_ratio: None,
        weight_max_ratio: None,
        weight_variation_ratio: Some(ratios[1]),
        prediction_variance_ratio: None,
        effective_classifiers_ratio: None,
        weight_correlation: Some(0.5),
        prediction_correlation: Some(0.987),
        seconds_ratio: None,
    }
}
