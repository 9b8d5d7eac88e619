//! The measured numbers, what is said of them, and a check that can fail.

use cfe_compare::published::{Method, Results, Status, check, document, run};
use cfe_compare::report::{Results as _, markdown, terminal};

fn results() -> Results {
    run().expect("training succeeds")
}

#[test]
fn a_figure_outside_its_tolerance_fails_the_check_by_name() {
    let mut results = results();
    assert_eq!(check(&results.report).failures, []);
    let row = results.report.rows.iter_mut().find(|row| row.method == Method::AlsWeighted).expect("there");
    row.weight_std = row.weight_std.map(|std| std + 1e-8);
    row.status = Status::Collapsed;
    let failures: Vec<String> = check(&results.report).failures.iter().map(ToString::to_string).collect();
    assert_eq!(failures.len(), 2, "{failures:?}");
    assert!(
        failures[0].starts_with("als_weighted: status is collapsed, healthy is expected"),
        "{failures:?}"
    );
    assert!(failures[1].starts_with("als_weighted: weight_std is 0.00479210147"), "{failures:?}");
    let row = results.report.rows.iter_mut().find(|row| row.method == Method::AlsWeighted).expect("there");
    row.metrics.average_precision = Some(f64::NAN);
    assert_eq!(check(&results.report).failures.len(), 4, "NaN is outside every tolerance");
}

#[test]
fn findings_come_from_the_measured_numbers() {
    let results = results();
    let found = |words: &str| {
        results.report.findings.iter().any(|f| format!("{} {}", f.about, f.measured).contains(words))
    };
    for words in [
        "33 of 250 (13.2%)",
        "already ranks this test set perfectly",
        "the lowest value possible",
        "-0.052 is the first weight",
        "all of them lie above 0.5",
        "as with 5 classifiers",
    ] {
        assert!(found(words), "{words}: {:#?}", results.report.findings);
    }
    #[cfg(feature = "torch")]
    for words in ["-0.188 is the last weight", "a ratio of 8.8. 3.8 is the ratio of the largest"] {
        assert!(found(words), "{words}: {:#?}", results.report.findings);
    }
}

#[test]
fn every_writer_shows_the_rows() {
    let results = results();
    let document = document(&results);
    let text = terminal::write(&document, 80);
    assert!(
        text.contains("Class weights decide: without them training collapses, with them it does not."),
        "{text}"
    );
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let markdown = markdown::write(&document);
    assert!(markdown.contains("| weight std | - | 0.0068 | 0.0048 |"), "{markdown}");
    assert!(
        markdown.contains("| 100 | -0.052 | *-0.052* | -0.051 | *-0.051* | -0.560 | *-0.260* |"),
        "{markdown}"
    );
    let csv = results.rows().to_csv().expect("writable");
    assert!(csv.starts_with("method,pr_auc,pr_auc_published,pr_auc_deviation,roc_auc,"), "{csv}");
    assert!(csv.contains("\nals_weighted,1,1.000,0,1,,,"), "{csv}");
}
