//! The figures.

use cf_ensemble::metrics::PrCurve;

use super::method::Method;
use super::report::{Report, Results, Series};
use crate::report::chart::{extent, histogram, precision_recall_steps};
use crate::report::number::fixed;
use crate::report::scale::nice_domain;
use crate::report::{Axis, Bar, Ink, Panel, Stroke};

const ALS: Ink = Ink::Series(0);
const TORCH: Ink = Ink::Series(1);
const AVERAGE: Ink = Ink::Series(2);

fn ink(method: Method) -> Ink {
    match method {
        Method::SimpleAverage => AVERAGE,
        Method::AlsUnweighted | Method::AlsWeighted => ALS,
        Method::TorchUnweighted | Method::TorchWeighted => TORCH,
    }
}

/// Final weights with class weights as bars side by side.
pub(super) fn weights(report: &Report) -> Vec<Panel> {
    let present: Vec<_> = [Method::AlsWeighted, Method::TorchWeighted]
        .into_iter()
        .filter_map(|method| Some((method, report.row(method)?.weights.as_deref()?)))
        .collect();
    if present.is_empty() {
        return Vec::new();
    }
    let names: Vec<String> = (0..report.data.classifiers).map(|u| format!("classifier {u}")).collect();
    let series: Vec<_> =
        present.iter().map(|(method, weights)| (ink(*method), method.label(), *weights)).collect();
    vec![Panel::named_bars("Final weights, with class weights", "weight", &names, &series, 3)]
}

/// Weights over the iterations, one chart for each run, on one scale for each trainer.
pub(super) fn traces(results: &Results) -> Vec<Panel> {
    let pairs =
        [[Method::AlsUnweighted, Method::AlsWeighted], [Method::TorchUnweighted, Method::TorchWeighted]];
    pairs.iter().flat_map(|pair| trace_pair(results, pair)).collect()
}

fn trace_pair(results: &Results, pair: &[Method]) -> Vec<Panel> {
    let of_pair = || results.series.iter().filter(|series| pair.contains(&series.method));
    // One scale for the two runs of a trainer makes their weights comparable at a glance.
    let all = of_pair().flat_map(|series| &series.trace).flat_map(|point| point.weights.iter().copied());
    let (low, high) = extent(all);
    // Zero belongs to the scale, since the sign of the weights is what tells a collapse.
    let domain = nice_domain((low.min(0.0), high.max(0.0)), 5);
    of_pair().map(|series| trace(series, domain)).collect()
}

fn trace(series: &Series, domain: (f64, f64)) -> Panel {
    let last = series.trace.last().map_or(1, |point| point.iteration) as f64;
    let x = Axis::linear("iteration", (0.0, last));
    let mut panel = Panel::new(series.method.label(), x, Axis::linear("weight", domain)).rule(0.0, "");
    let ink = ink(series.method);
    let m = series.trace.first().map_or(0, |point| point.weights.len());
    for u in 0..m {
        let points = series.trace.iter().map(|point| (point.iteration as f64, point.weights[u])).collect();
        panel = panel.line(points, ink, Stroke::Thin, None);
    }
    let mean = |weights: &[f64]| weights.iter().sum::<f64>() / weights.len() as f64;
    let points: Vec<_> =
        series.trace.iter().map(|point| (point.iteration as f64, mean(&point.weights))).collect();
    let label = points.last().map(|end| fixed(end.1, 3));
    panel.line(points, ink, Stroke::Normal, label)
}

/// Predictions for the test set by class, one chart for each method on one scale.
pub(super) fn histograms(results: &Results) -> Vec<Panel> {
    // One scale for all methods, so that what is narrow looks narrow.
    let (low, high) =
        extent(results.series.iter().flat_map(|series| series.test_predictions.iter().copied()));
    let domain = nice_domain((low, high), 4);
    results.series.iter().map(|series| by_class(series, &results.test_truth, domain)).collect()
}

fn by_class(series: &Series, truth: &[bool], domain: (f64, f64)) -> Panel {
    const BIN: f64 = 0.01;
    let predictions_of = |class: bool| -> Vec<f64> {
        let pairs = series.test_predictions.iter().zip(truth);
        pairs.filter(|(_, y)| **y == class).map(|(p, _)| *p).collect()
    };
    let (negatives, positives) = (predictions_of(false), predictions_of(true));
    // Both classes as shares of themselves: the rare one would not be seen among counts.
    let top = |values: &[f64]| histogram(values, BIN).iter().map(|bar| bar.value).fold(0.0, f64::max);
    let highest = nice_domain((0.0, 100.0 * top(&negatives).max(top(&positives))), 4);
    let percent = |values: &[f64]| -> Vec<Bar> {
        histogram(values, BIN).into_iter().map(|bar| Bar { value: 100.0 * bar.value, ..bar }).collect()
    };
    let y = Axis::linear("share of the class, %", highest);
    let panel = Panel::new(series.method.label(), Axis::linear("predicted probability", domain), y)
        .keyed(Ink::Muted, format!("negative ({})", negatives.len()))
        .keyed(ink(series.method), format!("positive ({})", positives.len()))
        .bars(percent(&negatives), Ink::Muted)
        .bars(percent(&positives), ink(series.method));
    // The usual threshold is marked where the axis reaches it.
    if domain.0 < 0.5 && domain.1 > 0.5 { panel.vertical_rule(0.5, "") } else { panel }
}

/// All precision-recall curves in one chart; equal ones share a line and a label.
pub(crate) fn pr_curves(results: &Results) -> Vec<Panel> {
    let prevalence = results.report.data.test_positives as f64 / results.report.data.test as f64;
    let mut panel = Panel::precision_recall("Precision and recall", prevalence);
    // Curves that are equal would cover each other, so they become one with several names.
    let mut groups: Vec<Vec<&Series>> = Vec::new();
    for series in &results.series {
        let same = |group: &&mut Vec<&Series>| {
            let (a, b) = (&group[0].pr_curve, &series.pr_curve);
            a.precision == b.precision && a.recall == b.recall
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(series),
            None => groups.push(vec![series]),
        }
    }
    let area = |series: &Series| {
        let row = results.report.row(series.method);
        row.and_then(|row| row.metrics.average_precision)
            .expect("every series has a row, and its test set positives")
    };
    groups.sort_by(|a, b| area(b[0]).total_cmp(&area(a[0])));
    for group in groups {
        let PrCurve { precision, recall, .. } = &group[0].pr_curve;
        let steps = precision_recall_steps(precision, recall);
        let names: Vec<&str> = group.iter().map(|series| series.method.label()).collect();
        let color = ink(group[0].method);
        panel = panel
            .line(steps, color, Stroke::Normal, None)
            .keyed(color, format!("PR-AUC {}: {}", fixed(area(group[0]), 3), names.join(", ")));
    }
    vec![panel]
}

/// Losses over the iterations: the whole one and its supervised part, for each trainer.
pub(super) fn losses(results: &Results) -> Vec<Panel> {
    let pairs =
        [[Method::AlsUnweighted, Method::AlsWeighted], [Method::TorchUnweighted, Method::TorchWeighted]];
    let mut panels = Vec::new();
    for (pair, name) in pairs.iter().zip(["ALS", "torch"]) {
        let runs: Vec<&Series> =
            results.series.iter().filter(|series| pair.contains(&series.method)).collect();
        if runs.is_empty() {
            continue;
        }
        panels.push(loss(&format!("{name}: total loss"), &runs, true));
        panels.push(loss(&format!("{name}: supervised part"), &runs, false));
    }
    panels
}

fn loss(title: &str, runs: &[&Series], total: bool) -> Panel {
    let value =
        |entry: &cf_ensemble::HistoryEntry| if total { entry.loss.total } else { entry.loss.supervised };
    let (low, high) = extent(runs.iter().flat_map(|run| run.losses.iter().map(value)));
    let last =
        runs.iter().filter_map(|run| run.losses.last()).map(|entry| entry.iteration).max().unwrap_or(1);
    // The whole loss falls by orders of magnitude, its supervised part does not.
    let y = if total {
        Axis::log("loss (log scale)", (low * 0.95, high * 1.05))
    } else {
        Axis::linear("mean cross-entropy, nats", nice_domain((low, high), 5))
    };
    let mut panel = Panel::new(title, Axis::linear("iteration", (0.0, last as f64)), y);
    for run in runs {
        let points = run.losses.iter().map(|entry| (entry.iteration as f64, value(entry))).collect();
        let (stroke, label) = if run.method.is_weighted() {
            (Stroke::Normal, "weighted")
        } else {
            (Stroke::Dashed, "unweighted")
        };
        panel = panel.line(points, ink(run.method), stroke, Some(label.to_owned()));
    }
    panel
}
