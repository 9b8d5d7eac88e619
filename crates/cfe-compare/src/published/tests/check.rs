//! Tolerances of the check, and the records of the table.

use std::collections::BTreeSet;

use cf_ensemble::WeightStats;
use cf_ensemble::metrics::MetricSummary;

use super::super::figures::{Figure, PRINTED, PRINTED_WEIGHTS};
use super::super::reference::REFERENCE;
use super::super::{Comparison, Diversity, Method, Report, Row, Status, check, rows};
use super::{report, row};

/// The row that the published program gives.
fn reference_row(method: Method) -> Row {
    let reference = REFERENCE.iter().find(|of| of.method == method).expect("trained");
    let value =
        |figure: Figure| reference.figures.iter().find(|(of, _)| *of == figure).map(|(_, value)| *value);
    let mut metrics = MetricSummary::of_average_precision(value(Figure::PrAuc).expect("there"));
    metrics.roc_auc = value(Figure::RocAuc);
    let collapses = matches!(method, Method::AlsUnweighted | Method::TorchUnweighted);
    let mut row = Row {
        metrics,
        bias: value(Figure::Bias),
        prediction_std: value(Figure::PredictionStd).expect("there"),
        prediction_min_all: value(Figure::PredictionMinAll).expect("there"),
        prediction_max_all: value(Figure::PredictionMaxAll).expect("there"),
        status: if collapses { Status::Collapsed } else { Status::Healthy },
        published_weights: PRINTED_WEIGHTS.iter().find(|(of, _)| *of == method).map(|(_, w)| w.to_vec()),
        ..row(method, &reference.weights)
    };
    // The predictions for the test set are printed, and are not among the figures at full precision.
    for printed in PRINTED.iter().filter(|printed| printed.method == method) {
        match printed.figure {
            Figure::PredictionMin => row.prediction_min = printed.value,
            Figure::PredictionMax => row.prediction_max = printed.value,
            _ => {}
        }
    }
    row
}

fn failures(row: Row) -> Vec<String> {
    check(&report(vec![row])).failures.iter().map(ToString::to_string).collect()
}

#[test]
fn the_reference_is_consistent_with_itself() {
    for reference in REFERENCE {
        let stats = WeightStats::new(&reference.weights).expect("ten");
        for (figure, value) in reference.figures {
            let own = match figure {
                Figure::WeightStd => stats.std,
                Figure::WeightMin => stats.min,
                Figure::WeightMax => stats.max,
                _ => continue,
            };
            // NumPy computes the std of f32 weights in f32.
            assert!(
                (own - value).abs() <= reference.weight_tolerance.min(1e-7),
                "{:?} {figure:?}",
                reference.method
            );
        }
        assert_eq!(failures(reference_row(reference.method)), [] as [String; 0], "{:?}", reference.method);
    }
}

#[test]
fn full_precision_has_its_tolerance_and_a_figure_that_is_gone_fails() {
    let own = || reference_row(Method::AlsWeighted);
    let moved = |by: f64| Row { bias: own().bias.map(|bias| bias + by), ..own() };
    assert_eq!(failures(moved(5e-10)), [] as [String; 0]);
    let said = failures(moved(2e-9));
    assert!(said.len() == 1 && said[0].starts_with("als_weighted: bias is -0.1162888"), "{said:?}");
    assert!(said[0].ends_with("(the published program at full precision, within 1e-9)"), "{said:?}");
    let said = failures(Row { bias: None, ..own() });
    assert!(said.len() == 1 && said[0].contains("bias is NaN"), "{said:?}");
    // Ten weights at full precision, and the same ten as printed.
    assert_eq!(failures(Row { weights: Some(vec![0.5; 10]), ..own() }).len(), 20);
}

#[test]
fn disputed_figures_are_not_held_against_the_row() {
    for method in [Method::AlsUnweighted, Method::TorchUnweighted] {
        let disputed =
            PRINTED.iter().find(|printed| printed.method == method && printed.disputed).expect("one");
        let measured = reference_row(method).figure(disputed.figure).expect("there");
        assert!(
            (measured - disputed.value).abs() > 5e-4,
            "{method}: were it right, it would not be disputed"
        );
    }
}

#[test]
fn the_published_ratios_are_checked_where_they_were_measured() {
    let with = |std, max| Report {
        diversity: Diversity { weight_std_ratio: std, weight_range_ratio: Some(8.8), weight_max_ratio: max },
        ..report(Vec::new())
    };
    assert_eq!(
        (check(&with(None, None)).compared, check(&with(Some(8.45), Some(3.84))).failures.len()),
        (0, 0)
    );
    let failed = check(&with(Some(8.61), Some(3.9)));
    let figures: Vec<&str> = failed.failures.iter().map(|failure| failure.figure.as_str()).collect();
    assert_eq!((failed.compared, figures), (2, vec!["weight_std_ratio", "weight_max_ratio"]));
    assert_eq!(failed.failures[0].expected, "8.5");
}

#[test]
fn a_record_has_each_figure_with_its_printed_value_and_then_the_weights() {
    let compared = |published, decimals| Comparison {
        figure: Figure::WeightStd,
        published,
        decimals,
        measured: 0.00479,
        deviation: -0.00001,
        agrees: true,
    };
    let published = vec![compared(0.005, 3), compared(0.0048, 4)];
    let trained = Row { published, ..row(Method::AlsWeighted, &[0.5, 0.25, 0.25]) };
    let table = rows(&report(vec![row(Method::SimpleAverage, &[]), trained]));
    let names: BTreeSet<&String> = table.header.iter().collect();
    assert_eq!(names.len(), table.header.len(), "each column has a name of its own");
    let value = |record: usize, column: &str| {
        let k = table.header.iter().position(|name| name == column).expect(column);
        table.records[record][k].as_str()
    };
    assert_eq!((value(0, "weight_std"), value(0, "iterations"), value(0, "weight_00")), ("", "", ""));
    assert_eq!(
        (value(0, "pr_auc"), value(0, "prediction_min_all"), value(0, "seconds")),
        ("0.75", "0.2", "0.002")
    );
    // The more precise of two printed figures.
    assert_eq!((value(1, "weight_std_published"), value(1, "weight_std_deviation")), ("0.0048", "-0.00001"));
    assert_eq!((value(1, "weight_00"), value(1, "weight_02"), value(1, "bias")), ("0.5", "0.25", "-0.5"));
    assert_eq!((value(1, "status"), value(1, "device")), ("healthy", "CPU f64"));
}

#[test]
fn names_of_figures_are_their_names_in_json() {
    for figure in Figure::ALL {
        assert_eq!(serde_json::to_value(figure).expect("a name"), figure.id());
    }
    for method in Method::ALL {
        assert_eq!(serde_json::to_value(method).expect("a name"), method.to_string());
        assert_eq!(method.is_weighted(), method.label().ends_with(" weighted"), "{method}");
    }
}
