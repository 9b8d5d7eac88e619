//! Tables of the comparison: what stands in a cell, and what is marked.

use cf_ensemble::Symptom;

use super::super::figures::Figure;
use super::super::{Comparison, Method, Report, Results, Row, document};
use super::{collapsed, pair, printed_course, report, row, series};
use crate::report::markdown;

fn shown(report: Report) -> String {
    let test_truth = vec![true, false, false];
    let series = report.rows.iter().map(|row| series(row.method, &[0.9, 0.1, 0.2], &[])).collect();
    markdown::write(&document(&Results { report, test_truth, series }))
}

fn with(row: Row, figure: Figure, published: f64, agrees: bool) -> Row {
    let measured = row.figure(figure).expect("measured");
    let deviation = measured - published;
    Row { published: vec![Comparison { figure, published, decimals: 3, measured, deviation, agrees }], ..row }
}

#[test]
fn a_published_figure_stands_below_the_measured_one_and_a_deviation_beyond_rounding_is_marked() {
    let rows = vec![
        row(Method::SimpleAverage, &[]),
        with(collapsed(Method::AlsUnweighted, &[-0.5, -0.25]), Figure::WeightMin, -0.052, false),
        with(row(Method::AlsWeighted, &[0.5, 0.25]), Figure::WeightMin, 0.25, true),
    ];
    let text = shown(report(rows));
    assert!(text.contains("| weight min | - | -0.5000 | 0.2500 |"), "{text}");
    assert!(text.contains("| *published* |  | *-0.052* | *0.250* |"), "{text}");
    assert!(text.contains("**-0.4480\u{a0}\\***") && text.contains("| *0.0000* |"), "{text}");
    // Nothing was published about the largest weight of these rows, so that no lines follow it.
    let (_, after) = text.split_once("| weight max |").expect("a line");
    assert!(after.lines().nth(1).is_some_and(|line| line.starts_with("| weight sum")), "{text}");
    assert!(text.contains("- ALS unweighted collapsed: negative weights."), "{text}");
    assert!(text.contains("1 of 2 printed figures and 0 of 0 printed weights agree"), "{text}");
}

#[test]
fn repeats_that_differ_are_marked_and_the_average_has_no_line_of_training() {
    let rows = vec![
        row(Method::SimpleAverage, &[]),
        Row { repeats_identical: false, ..row(Method::AlsWeighted, &[0.5, 0.25]) },
    ];
    let text = shown(report(rows));
    assert!(
        text.contains("| ALS weighted | 2.0 ms | 1.0 ms | 3.0 ms | 3 | 100 | CPU f64 | **differ** |"),
        "{text}"
    );
    assert!(!text.contains("| simple average | 2.0 ms"), "{text}");
}

#[test]
fn the_published_course_stands_beside_the_run() {
    let course = vec![printed_course()];
    let text = shown(Report { course, ..report(vec![collapsed(Method::AlsUnweighted, &[-0.5, -0.25])]) });
    assert!(text.contains("| 50 | 0.000 | *0.000* | 0.003 | *0.003* | 0.015 | *0.015* |"), "{text}");
    assert!(text.contains("| 100 | -0.052 to -0.051 |"), "{text}");
    assert!(!text.contains("| 200 |"), "no run reached it: {text}");
}

#[test]
fn the_pair_shows_both_values_and_what_the_ratio_was_said_to_be() {
    let rows = || vec![row(Method::AlsWeighted, &[0.25, 0.75]), row(Method::TorchWeighted, &[0.5, 2.5])];
    let compared = Report { als_against_torch: vec![pair([8.46, 2.9])], ..report(rows()) };
    let text = shown(compared);
    // Of 0.25 and 0.75 the std is 0.25, of 0.5 and 2.5 it is 1; 8.46 rounds to the printed 8.5.
    assert!(text.contains("| weight std | 0.2500 | 1.0000 | 8.46 | *8.5* |"), "{text}");
    assert!(text.contains("| weight range, max - min | 0.5000 | 2.0000 | - | *3.8* |"), "{text}");
    assert!(text.contains("| time of a fit, ms | 2.0 | 2.0 | - |"), "{text}");
    let text = shown(Report { als_against_torch: vec![pair([8.61, 2.9])], ..report(rows()) });
    assert!(text.contains("| 8.61 | **8.5\u{a0}\\*** |"), "{text}");
    let missing = shown(Report { missing_rows: Some("build with torch".to_owned()), ..report(Vec::new()) });
    assert!(
        missing.contains("Not compared: build with torch.") && missing.contains("Without torch rows"),
        "{missing}"
    );
}

#[test]
fn a_row_says_all_that_made_it_collapse() {
    let symptoms = vec![Symptom::NegativeWeights, Symptom::InvertedRanking];
    let text = shown(report(vec![Row { symptoms, ..collapsed(Method::TorchUnweighted, &[-0.5, -0.25]) }]));
    assert!(text.contains("- torch unweighted collapsed: negative weights, inverted ranking."), "{text}");
    assert!(text.contains("| status | **collapsed** |"), "{text}");
}
