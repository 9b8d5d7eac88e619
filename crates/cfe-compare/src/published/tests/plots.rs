//! Charts: how many, and what they share.

use super::super::plots::{histograms, losses, pr_curves, traces, weights};
use super::super::{Method, Results, Series};
use super::{curve, report, row, series};
use crate::report::chart::Mark;

fn results(series: Vec<Series>) -> Results {
    let rows =
        series.iter().map(|of| row(of.method, if of.trace.is_empty() { &[] } else { &[0.1, 0.2, 0.3] }));
    let report = report(rows.collect());
    Results { report, test_truth: vec![true, false, false], series }
}

#[test]
fn curves_that_are_equal_share_a_line_and_name_each_method() {
    let other = curve(&[0.5, 0.5, 0.5]);
    let of = |method| series(method, &[0.9, 0.1, 0.2], &[]);
    let all = vec![
        of(Method::SimpleAverage),
        of(Method::AlsUnweighted),
        Series { pr_curve: other, ..of(Method::AlsWeighted) },
    ];
    let panels = pr_curves(&results(all));
    let names: Vec<&str> = panels[0].key.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["PR-AUC 0.750: simple average, ALS unweighted", "PR-AUC 0.750: ALS weighted"]);
}

#[test]
fn the_two_runs_of_a_trainer_share_one_scale_that_holds_zero() {
    let of = |method, top: f64| {
        let (start, end) = ([0.1, 0.1, 0.1], [0.2, top, 0.3]);
        series(method, &[0.9, 0.1, 0.2], &[(0, start.as_slice(), 0.0), (4, end.as_slice(), 0.0)])
    };
    let all =
        vec![of(Method::AlsUnweighted, 0.4), of(Method::AlsWeighted, 7.5), of(Method::TorchWeighted, 0.5)];
    let panels = traces(&results(all));
    assert_eq!(panels.len(), 3);
    assert_eq!(panels[0].y.domain, panels[1].y.domain);
    let (low, high) = panels[0].y.domain;
    assert!(low <= 0.0 && high >= 7.5, "{low} to {high}");
    assert!(panels[2].y.domain.1 < 7.5, "the other trainer has its own");
    assert_eq!(panels[0].x.domain, (0.0, 4.0));
    let lines = |k: usize| panels[k].marks.iter().filter(|mark| matches!(mark, Mark::Line { .. })).count();
    assert_eq!(lines(0), 3 + 1, "each weight, and their mean");
}

#[test]
fn predictions_are_shares_of_their_class_and_the_threshold_is_marked_where_the_axis_reaches_it() {
    let wide = results(vec![series(Method::SimpleAverage, &[0.9, 0.1, 0.2], &[])]);
    let panels = histograms(&wide);
    let names: Vec<&str> = panels[0].key.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["negative (2)", "positive (1)"]);
    let marks = |of: &Results| histograms(of)[0].marks.len();
    let narrow = results(vec![series(Method::SimpleAverage, &[0.3, 0.1, 0.2], &[])]);
    assert_eq!(marks(&wide), marks(&narrow) + 1, "0.5 lies outside of 0.1 to 0.3");
}

#[test]
fn without_trained_rows_there_are_no_charts_of_training() {
    let average = results(vec![series(Method::SimpleAverage, &[0.9, 0.1, 0.2], &[])]);
    assert!(
        weights(&average.report).is_empty() && losses(&average).is_empty() && traces(&average).is_empty()
    );
    let trained = [Method::AlsWeighted, Method::TorchWeighted].map(|method| row(method, &[0.1, 0.2, 0.3]));
    let panels = weights(&report(trained.to_vec()));
    let names: Vec<&str> = panels[0].key.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!((panels.len(), names), (1, vec!["ALS weighted", "torch weighted"]));
}
