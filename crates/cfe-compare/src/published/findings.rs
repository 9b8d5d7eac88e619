//! What was published and does not follow from the data, each point from the measured numbers.
//!
//! A point is made only where the measurement makes it: were the data or a trainer different, it would be
//! gone.

use super::contrast::weight_range;
use super::figures::{Figure, PRINTED_COURSE, PRINTED_POSITIVE_RATE, PRINTED_RANGE_RATIO, PrintedPoint};
use super::measure::rounds_to;
use super::method::Method;
use super::report::{Course, Finding, Report, Row};
use crate::report::number::{fixed, or_dash, percent, range};

/// All points, in the order of the table.
pub(super) fn findings(report: &Report) -> Vec<Finding> {
    // The order of the printed table, with what is wrong of single rows in between.
    let mut all = Vec::new();
    all.extend(positive_rate(report));
    all.extend(perfect_average(report));
    all.extend(reversed_ranking(report));
    all.extend(report.rows.iter().flat_map(weight_bounds));
    all.extend(report.rows.iter().filter_map(|row| one_sided(row, report)));
    all.extend(std_as_health(report));
    all.extend(range_ratio(report));
    all.extend(scale_of_std(report));
    all.extend(course(report));
    all
}

fn finding(about: impl Into<String>, measured: impl Into<String>) -> Option<Finding> {
    Some(Finding { about: about.into(), measured: measured.into() })
}

fn positive_rate(report: &Report) -> Option<Finding> {
    let data = &report.data;
    let share = |positives: usize, n: usize| {
        format!("{positives} of {n} ({})", percent(positives as f64 / n as f64, 1))
    };
    // The test set is what a reader measures by, so that its rate decides.
    let rate = data.test_positives as f64 / data.test as f64;
    // Were the sample as it was said to be, there would be nothing to tell.
    if rounds_to(rate, PRINTED_POSITIVE_RATE, 2) {
        return None;
    }
    finding(
        format!("Positive rate of {}", percent(PRINTED_POSITIVE_RATE, 0)),
        format!(
            "that is the rate they were drawn with; the drawn sample has {}, its test set {}. A random ranking of the \
             test set has a PR-AUC of about {}.",
            share(data.positives, data.instances),
            share(data.test_positives, data.test),
            fixed(rate, 2)
        ),
    )
}

fn perfect_average(report: &Report) -> Option<Finding> {
    let average = report.row(Method::SimpleAverage)?;
    if average.metrics.average_precision < Some(1.0) {
        return None;
    }
    finding(
        "PR-AUC of 1.000 with class weights",
        "the simple average of the classifiers already ranks this test set perfectly (PR-AUC 1.000), so no method can be \
         better than it here. The table tells whether the sign of the weights is right; it cannot tell a good trainer \
         from a very good one.",
    )
}

fn reversed_ranking(report: &Report) -> Option<Finding> {
    // A ROC-AUC of 0 is a perfect ranking the wrong way round.
    let reversed: Vec<&Row> = report.rows.iter().filter(|row| row.metrics.roc_auc == Some(0.0)).collect();
    let first = reversed.first()?;
    finding(
        format!("PR-AUC of {} without class weights", or_dash(first.metrics.average_precision, 3)),
        format!(
            "it is the lowest value possible with {} positives among {}: ROC-AUC is 0, so every positive is ranked below \
             every negative ({}). Turned around, the same ranking is perfect: the weights have lost their sign, not \
             the information.",
            report.data.test_positives,
            report.data.test,
            labels(&reversed)
        ),
    )
}

/// Printed ends of the weight range that are some weight, but neither the smallest nor the largest one.
fn weight_bounds(row: &Row) -> Option<Finding> {
    let weights = row.weights.as_deref()?;
    let (low, high) = (row.compared(Figure::WeightMin)?, row.compared(Figure::WeightMax)?);
    if low.agrees && high.agrees {
        return None;
    }
    // Says which weight was printed where an end of the range belongs.
    let place = |value: f64| {
        let ends = [(0, "the first weight"), (weights.len() - 1, "the last weight")];
        let end = ends.iter().find(|(u, _)| rounds_to(weights[*u], value, low.decimals));
        let u = weights.iter().position(|&w| rounds_to(w, value, low.decimals));
        match (end, u) {
            (Some((_, name)), _) => (*name).to_owned(),
            (None, Some(u)) => format!("the weight of classifier {u}"),
            (None, None) => "none of the weights of this run".to_owned(),
        }
    };
    finding(
        format!("Weight range {} of {}", range(low.published, high.published, 3), row.method.label()),
        format!(
            "the smallest and the largest weight are {}. {} is {}, and {} is {}.",
            range(low.measured, high.measured, 3),
            fixed(low.published, 3),
            place(low.published),
            fixed(high.published, 3),
            place(high.published)
        ),
    )
}

/// Predictions that all lie on one side of 0.5.
fn one_sided(row: &Row, report: &Report) -> Option<Finding> {
    // Collapsed rows have said worse already, and a row without weights has no trainer to blame.
    if !row.symptoms.is_empty() || row.weights.is_none() || row.prediction_min_all <= 0.5 {
        return None;
    }
    let rate = report.data.test_positives as f64 / report.data.test as f64;
    finding(
        format!("Predictions of {}", row.method.label()),
        format!(
            "the ranking is right, the probabilities are not: all of them lie above 0.5 (smallest {}). At the usual \
             threshold it calls every instance positive, with a precision of {}. It needs a threshold or a calibration \
             of its own.",
            fixed(row.prediction_min_all, 3),
            fixed(rate, 3)
        ),
    )
}

fn std_as_health(report: &Report) -> Option<Finding> {
    let (collapsed, healthy) = (report.row(Method::AlsUnweighted)?, report.row(Method::AlsWeighted)?);
    // A larger spread in the collapsed run shows that spread does not tell health.
    let (a, b) = (collapsed.weight_std?, healthy.weight_std?);
    if a <= b {
        return None;
    }
    finding(
        "Weight std of ALS",
        format!(
            "it is larger in the collapsed run of ALS ({}) than in the healthy one ({}). The sign of the weights tells the \
             two apart, their spread does not.",
            fixed(a, 4),
            fixed(b, 4)
        ),
    )
}

fn range_ratio(report: &Report) -> Option<Finding> {
    let (als, torch) = (report.row(Method::AlsWeighted)?, report.row(Method::TorchWeighted)?);
    let measured = report.diversity.weight_range_ratio?;
    let largest = report.diversity.weight_max_ratio?;
    // Where the printed ratio is that of the ranges after all, there is nothing to say.
    if rounds_to(measured, PRINTED_RANGE_RATIO, 1) {
        return None;
    }
    let (a, b) = (weight_range(als)?, weight_range(torch)?);
    finding(
        format!("Weight range of torch, {} times that of ALS", fixed(PRINTED_RANGE_RATIO, 1)),
        format!(
            "the ranges (largest minus smallest weight) are {} and {}, a ratio of {}. {} is the ratio of the largest \
             weights, {} to {}.",
            fixed(b, 4),
            fixed(a, 4),
            fixed(measured, 1),
            fixed(largest, 1),
            fixed(torch.weight_max?, 3),
            fixed(als.weight_max?, 3)
        ),
    )
}

fn scale_of_std(report: &Report) -> Option<Finding> {
    let pair = report.als_against_torch.iter().find(|pair| pair.class_weights)?;
    let (std, relative) = (pair.weight_std_ratio?, pair.weight_variation_ratio?);
    let effective = |method| report.row(method).and_then(|row| row.effective_classifiers);
    // Weights that are larger altogether have a larger spread; what counts is the spread beside the mean.
    if relative >= std {
        return None;
    }
    finding(
        format!("Weight std of torch, {} times that of ALS, as a measure of diversity", fixed(std, 1)),
        format!(
            "part of that is scale, for its weights are larger altogether. Relative to their mean the weights spread {} \
             times as much, and both methods use nearly all classifiers: the effective number is {} with torch and {} \
             with ALS.",
            fixed(relative, 1),
            fixed(effective(Method::TorchWeighted)?, 2),
            fixed(effective(Method::AlsWeighted)?, 2)
        ),
    )
}

/// The published course against the run of the table.
fn course(report: &Report) -> Option<Finding> {
    let measured = report.course_of(Method::AlsUnweighted)?;
    // The published course is one of five points; those that this run does not have are counted.
    let off: Vec<&PrintedPoint> = PRINTED_COURSE.iter().filter(|point| !fits(point, measured)).collect();
    let (start, end) = (PRINTED_COURSE.first()?, PRINTED_COURSE.last()?);
    let (ours_start, ours_end) = (measured.points.first()?, measured.points.last()?);
    if off.is_empty() {
        return None;
    }
    let m = report.data.classifiers;
    finding(
        format!(
            "Course of ALS without class weights, first weight from {} down to {} and sum from {} to {}",
            fixed(start.weights[0], 3),
            fixed(end.weights[0], 3),
            fixed(start.sum, 3),
            fixed(end.sum, 3)
        ),
        format!(
            "{} of its {} points do not fit this run. With {m} classifiers the weights start at 1/{m} = {}, and end at {} \
             with a sum of {}; the printed sums are {} times the first weight, as with {} classifiers. The final weights \
             agree, and so does the story: they fall steadily through zero.",
            off.len(),
            PRINTED_COURSE.len(),
            fixed(ours_start.weights.first().copied()?, 3),
            fixed(ours_end.weights.first().copied()?, 3),
            fixed(ours_end.sum, 3),
            fixed(end.sum / end.weights[0], 0),
            fixed(start.sum / start.weights[0], 0)
        ),
    )
}

fn fits(printed: &PrintedPoint, course: &Course) -> bool {
    let Some(point) = course.points.iter().find(|point| point.iteration == printed.iteration) else {
        return false;
    };
    let weights = printed.weights.iter().zip(&point.weights);
    rounds_to(point.sum, printed.sum, 3) && weights.clone().all(|(&p, &w)| rounds_to(w, p, 3))
}

fn labels(rows: &[&Row]) -> String {
    rows.iter().map(|row| row.method.label()).collect::<Vec<_>>().join(", ")
}
