//! The sentences at the top of the comparison.

use super::super::answers::answers;
use super::super::figures::Figure;
use super::super::{Comparison, Method, Report, Row};
use super::{collapsed, pair, report, row};

fn four() -> Vec<Row> {
    vec![
        row(Method::SimpleAverage, &[]),
        collapsed(Method::AlsUnweighted, &[-0.1, 0.2, -0.3]),
        row(Method::AlsWeighted, &[0.5; 3]),
        Row { seconds: 0.25, ..row(Method::TorchWeighted, &[1.5; 3]) },
    ]
}

#[test]
fn class_weights_decide_only_where_the_statuses_say_so() {
    let said = answers(&report(four())).remove(0);
    assert_eq!(
        said,
        "Class weights decide: without them training collapses, with them it does not. Without: ALS PR-AUC 0.750, 2 of 3 \
         weights negative. With: ALS PR-AUC 0.750, no weight negative; torch PR-AUC 0.750, no weight negative."
    );
    for (k, other) in
        [(1, row(Method::AlsUnweighted, &[0.1; 3])), (3, collapsed(Method::TorchWeighted, &[-0.1; 3]))]
    {
        let mut rows = four();
        rows[k] = other;
        assert!(answers(&report(rows))[0].starts_with("Class weights do not decide here"));
    }
}

#[test]
fn trainers_are_compared_where_both_are_there() {
    let both = Report { als_against_torch: vec![pair([8.5, 2.9])], ..report(four()) };
    let said = answers(&both).remove(1);
    assert_eq!(
        said,
        "With class weights, torch spreads its weights 8.5 times as widely as ALS (std), 2.9 times relative to their mean; the \
         effective number of classifiers is 3.00 against 3.00. The two weight vectors correlate with 0.50, the two vectors of \
         test predictions with 0.987."
    );
    let alone = report(vec![row(Method::SimpleAverage, &[])]);
    assert_eq!(answers(&alone), ["0 of 0 published figures of these rows hold to the last printed digit."]);
}

#[test]
fn figures_that_hold_are_counted_and_the_others_announced() {
    let compared = |agrees| Comparison {
        figure: Figure::PrAuc,
        published: 1.0,
        decimals: 3,
        measured: 1.0,
        deviation: 0.0,
        agrees,
    };
    let said = |agrees: &[bool]| {
        let published = agrees.iter().map(|&agrees| compared(agrees)).collect();
        answers(&report(vec![Row { published, ..row(Method::SimpleAverage, &[]) }])).remove(0)
    };
    let of = "published figures of these rows hold to the last printed digit";
    assert_eq!(said(&[true, true]), format!("2 of 2 {of}."));
    assert_eq!(said(&[true, false]), format!("1 of 2 {of}; the other one is explained below."));
    assert_eq!(said(&[false, true, false]), format!("1 of 3 {of}; the other 2 are explained below."));
}

#[test]
fn a_perfect_average_times_and_missing_rows_are_said() {
    let mut rows = four();
    rows[0].metrics.average_precision = Some(1.0);
    let all = answers(&Report { missing_rows: Some("build with it".to_owned()), ..report(rows) });
    assert!(all[1].starts_with("These data show whether a trainer collapses"), "{all:#?}");
    assert_eq!(
        all[3],
        "Time of one fit on this machine: ALS unweighted 2.0 ms, ALS weighted 2.0 ms, torch weighted 250.0 ms."
    );
    assert_eq!(all[4], "Not here: build with it.");
}
