//! A point is made where the measured numbers make it, and is gone where they do not.

use super::super::figures::Figure;
use super::super::findings::findings;
use super::super::{Comparison, Course, Diversity, Method, Report, Row};
use super::{collapsed, pair, printed_course, report, row};

/// (about, measured) of each finding.
fn found(report: &Report) -> Vec<(String, String)> {
    findings(report).into_iter().map(|finding| (finding.about, finding.measured)).collect()
}

fn only(report: &Report) -> (String, String) {
    let found = found(report);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.into_iter().next().expect("one")
}

fn compared(figure: Figure, published: f64, measured: f64) -> Comparison {
    let agrees = (measured - published).abs() <= 0.0005;
    Comparison { figure, published, decimals: 3, measured, deviation: measured - published, agrees }
}

#[test]
fn what_agrees_is_not_a_finding() {
    let rows = vec![row(Method::SimpleAverage, &[]), row(Method::AlsWeighted, &[0.1, 0.2, 0.3])];
    assert_eq!(found(&Report { course: vec![printed_course()], ..report(rows) }), []);
}

#[test]
fn another_positive_rate_is_told_with_its_counts() {
    let mut report = report(Vec::new());
    report.data.positives = 65;
    report.data.test_positives = 33;
    let (about, measured) = only(&report);
    assert_eq!(about, "Positive rate of 10%");
    assert!(measured.contains("65 of 500 (13.0%), its test set 33 of 250 (13.2%)"), "{measured}");
    assert!(measured.ends_with("a PR-AUC of about 0.13."), "{measured}");
}

#[test]
fn an_average_that_cannot_be_beaten_is_told() {
    let mut average = row(Method::SimpleAverage, &[]);
    average.metrics.average_precision = Some(1.0);
    assert_eq!(only(&report(vec![average])).0, "PR-AUC of 1.000 with class weights");
}

#[test]
fn a_ranking_that_is_turned_around_is_told_with_its_rows() {
    let mut rows =
        [Method::AlsUnweighted, Method::TorchUnweighted].map(|method| collapsed(method, &[-0.1, -0.2, -0.3]));
    rows.iter_mut().for_each(|row| row.metrics.roc_auc = Some(0.0));
    let (about, measured) = only(&report(rows.to_vec()));
    assert_eq!(about, "PR-AUC of 0.750 without class weights");
    assert!(
        measured.contains("25 positives among 250")
            && measured.contains("(ALS unweighted, torch unweighted)"),
        "{measured}"
    );
}

#[test]
fn a_printed_end_of_the_range_is_looked_for_among_the_weights() {
    let weights = [-0.052, -0.07, -0.06, -0.05];
    let with = |low: f64, high: f64| {
        let published =
            vec![compared(Figure::WeightMin, low, -0.07), compared(Figure::WeightMax, high, -0.05)];
        report(vec![Row { published, ..collapsed(Method::AlsUnweighted, &weights) }])
    };
    assert_eq!(found(&with(-0.07, -0.05)), []);
    let (about, measured) = only(&with(-0.052, -0.05));
    assert_eq!(about, "Weight range [-0.052, -0.050] of ALS unweighted");
    assert!(
        measured.contains("[-0.070, -0.050]. -0.052 is the first weight, and -0.050 is the last weight."),
        "{measured}"
    );
    let (_, measured) = only(&with(-0.06, -0.9));
    assert!(
        measured
            .contains("-0.060 is the weight of classifier 2, and -0.900 is none of the weights of this run."),
        "{measured}"
    );
}

#[test]
fn predictions_on_one_side_are_told_of_healthy_trained_rows_alone() {
    let above = |row: Row| Row { prediction_min_all: 0.551, ..row };
    let healthy = above(row(Method::AlsWeighted, &[0.1, 0.2, 0.3]));
    let (about, measured) = only(&report(vec![healthy.clone()]));
    assert_eq!(about, "Predictions of ALS weighted");
    assert!(measured.contains("(smallest 0.551)") && measured.contains("a precision of 0.100"), "{measured}");
    let silent = [
        above(collapsed(Method::AlsWeighted, &[-0.1, -0.2, -0.3])),
        above(row(Method::SimpleAverage, &[])),
        Row { prediction_min_all: 0.5, ..healthy },
    ];
    assert_eq!(found(&report(silent.to_vec())), []);
}

#[test]
fn a_larger_spread_in_the_collapsed_run_is_told() {
    let rows = |std: f64| {
        let wide = Row { weight_std: Some(std), ..collapsed(Method::AlsUnweighted, &[-0.1, -0.2, -0.3]) };
        report(vec![wide, Row { weight_std: Some(0.0048), ..row(Method::AlsWeighted, &[0.1, 0.2, 0.3]) }])
    };
    assert!(only(&rows(0.0068)).1.contains("(0.0068) than in the healthy one (0.0048)"));
    assert_eq!(found(&rows(0.0048)), []);
}

#[test]
fn a_ratio_of_ranges_that_is_another_one_is_told() {
    let mut of = report(vec![
        row(Method::AlsWeighted, &[0.1, 0.2, 0.3]),
        row(Method::TorchWeighted, &[0.2, 0.5, 1.14]),
    ]);
    let with = |of: &mut Report, range: f64| {
        of.diversity = Diversity {
            weight_std_ratio: None,
            weight_range_ratio: Some(range),
            weight_max_ratio: Some(3.8),
        };
    };
    with(&mut of, 4.7);
    let (about, measured) = only(&of);
    assert_eq!(about, "Weight range of torch, 3.8 times that of ALS");
    assert!(
        measured.contains(
            "are 0.9400 and 0.2000, a ratio of 4.7. 3.8 is the ratio of the largest weights, 1.140 to 0.300."
        ),
        "{measured}"
    );
    with(&mut of, 3.84);
    assert_eq!(found(&of), []);
}

#[test]
fn a_spread_that_is_partly_scale_is_told() {
    let rows = || vec![row(Method::AlsWeighted, &[0.5; 3]), row(Method::TorchWeighted, &[1.5; 3])];
    let of = |ratios| Report { als_against_torch: vec![pair(ratios)], ..report(rows()) };
    let (about, measured) = only(&of([8.5, 2.9]));
    assert!(about.starts_with("Weight std of torch, 8.5 times that of ALS"), "{about}");
    assert!(
        measured.contains("spread 2.9 times as much")
            && measured.contains("is 3.00 with torch and 3.00 with ALS"),
        "{measured}"
    );
    assert_eq!(found(&of([2.9, 2.9])), []);
}

#[test]
fn points_of_the_course_that_do_not_fit_are_counted() {
    let mut course = printed_course();
    course.points[1].sum += 0.002;
    course.points[4].weights[1] = 0.0;
    let (about, measured) = only(&Report { course: vec![course.clone()], ..report(Vec::new()) });
    assert!(about.contains("first weight from 0.200 down to -0.052 and sum from 1.000 to -0.260"), "{about}");
    assert!(measured.starts_with("2 of its 5 points do not fit this run. With 3 classifiers"), "{measured}");
    // 1 / 0.2 and -0.26 / -0.052.
    assert!(
        measured.contains("the printed sums are 5 times the first weight, as with 5 classifiers"),
        "{measured}"
    );
    course.points.truncate(1);
    let (_, measured) = only(&Report { course: vec![course], ..report(Vec::new()) });
    assert!(
        measured.starts_with("4 of its 5 points"),
        "a point that the run did not reach does not fit: {measured}"
    );
    let other = Course { method: Method::AlsWeighted, ..printed_course() };
    assert_eq!(found(&Report { course: vec![other], ..report(Vec::new()) }), []);
}
