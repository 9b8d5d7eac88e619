//! The report as a document: words and tables. The figures are in [`super::plots`].

use super::answers::answers;
use super::contrast::weight_range;
use super::course::ITERATIONS;
use super::figures::{Figure, PRINTED_RANGE_RATIO, PRINTED_STD_RATIO, PrintedPoint, WEIGHT_DECIMALS};
use super::measure::rounds_to;
use super::method::Method;
use super::plots;
use super::report::{Contrast, Course, Report, Results, Row, Status};
use crate::report::number::{fixed, or_dash, seconds, signed};
use crate::report::{Cell, Document, Section, Table};

/// Decimals of measured figures.
const DECIMALS: usize = 4;

/// The document of a comparison.
pub fn document(results: &Results) -> Document {
    let report = &results.report;
    let mut sections = vec![rows(report), against(results), course(results)];
    sections.push(
        Section::new("Predictions and ranking")
            .figure(
                "Predictions for the test set by class, as shares of the class.",
                plots::histograms(results),
            )
            .figure("Precision against recall on the test set.", plots::pr_curves(results)),
    );
    sections.push(Section::new("Losses").figure(
        "The two trainers minimize different losses, so compare the shape of the curves and not their height: ALS \
         reports its monitored loss, with plain mean cross-entropy even under class weights, and a confidence that \
         looks at the labels; torch the loss it minimizes, with class-weighted cross-entropy in the weighted run.",
        plots::losses(results),
    ));
    sections.push(timing(report));
    sections.push(findings(report));
    Document {
        title: "The published comparison: ALS and joint training".to_owned(),
        answers: answers(report),
        sections,
    }
}

fn rows(report: &Report) -> Section {
    let header = std::iter::once("").chain(report.rows.iter().map(|row| row.method.label()));
    let mut table = Table::new("", header);
    // Extremes over all instances serve a finding, and have no line of their own.
    let shown = |figure: &Figure| !matches!(figure, Figure::PredictionMinAll | Figure::PredictionMaxAll);
    for figure in Figure::ALL.into_iter().filter(shown) {
        let name = Cell::from(figure.label());
        let measured = report.rows.iter().map(|row| Cell::from(or_dash(row.figure(figure), DECIMALS)));
        table.push(std::iter::once(name).chain(measured));
        // Lines for published figures appear only under figures that were published for some row.
        if report.rows.iter().any(|row| row.compared(figure).is_some()) {
            table.push(note("published", report, |row| published(row, figure)));
            table.push(note("deviation", report, |row| deviation(row, figure)));
        }
    }
    let effective = |row: &Row| Cell::from(or_dash(row.effective_classifiers, 2));
    table.push(std::iter::once(Cell::from("effective classifiers")).chain(report.rows.iter().map(effective)));
    table.push(std::iter::once(Cell::from("status")).chain(report.rows.iter().map(status)));
    let time = |row: &Row| Cell::from(seconds(row.seconds));
    table.push(std::iter::once(Cell::from("time of a fit")).chain(report.rows.iter().map(time)));
    let data = &report.data;
    Section::new("Rows")
        .text(format!(
            "{} classifiers, {} instances, {} of them labeled ({} positive). Metrics and predictions are those of the {} \
             unlabeled instances ({} positive), which are the test set. Standard deviations are population ones. \
             \"Weighted\" means class weights n / (2 n_class).",
            data.classifiers, data.instances, data.labeled, data.labeled_positives, data.test, data.test_positives
        ))
        .table(table)
        .text("* beyond rounding: see \"What the published figures do not support\".")
        .list(report.rows.iter().filter_map(why_collapsed).collect())
}

/// "ALS unweighted collapsed: negative weights, inverted ranking."
fn why_collapsed(row: &Row) -> Option<String> {
    let symptoms: Vec<String> = row.symptoms.iter().map(ToString::to_string).collect();
    (row.status == Status::Collapsed)
        .then(|| format!("{} collapsed: {}.", row.method.label(), symptoms.join(", ")))
}

/// A row that belongs to the one above it.
fn note<'a>(name: &str, report: &'a Report, cell: impl Fn(&'a Row) -> Cell) -> Vec<Cell> {
    std::iter::once(Cell::note(name)).chain(report.rows.iter().map(cell)).collect()
}

fn published(row: &Row, figure: Figure) -> Cell {
    row.compared(figure).map_or_else(Cell::default, |c| Cell::note(fixed(c.published, c.decimals)))
}

fn deviation(row: &Row, figure: Figure) -> Cell {
    match row.compared(figure) {
        None => Cell::default(),
        Some(c) if c.agrees => Cell::note(signed(c.deviation, DECIMALS)),
        Some(c) => Cell::verdict(format!("{}\u{a0}*", signed(c.deviation, DECIMALS)), false),
    }
}

fn status(row: &Row) -> Cell {
    match row.status {
        Status::Healthy => Cell::verdict("healthy", true),
        Status::Collapsed => Cell::verdict("collapsed", false),
    }
}

fn against(results: &Results) -> Section {
    let report = &results.report;
    let mut section = Section::new("ALS against torch");
    // A build without torch says so, and shows what it has.
    if let Some(how) = &report.missing_rows {
        section = section.text(format!("Not compared: {how}."));
    }
    for pair in &report.als_against_torch {
        section = section.table(contrast(report, pair));
    }
    section
        .figure(
            "Weight of each classifier with class weights: the final w of the two trainers side by side.",
            plots::weights(report),
        )
        .table(weights(report))
}

fn contrast(report: &Report, pair: &Contrast) -> Table {
    let (als, torch, caption) = if pair.class_weights {
        (Method::AlsWeighted, Method::TorchWeighted, "With class weights")
    } else {
        (Method::AlsUnweighted, Method::TorchUnweighted, "Without class weights")
    };
    let mut header = vec!["", "ALS", "torch", "torch\u{a0}/\u{a0}ALS"];
    if pair.class_weights {
        header.push("published");
    }
    let mut table = Table::new(caption, header);
    let value = |method, of: fn(&Row) -> Option<f64>| report.row(method).and_then(of);
    // One line for each figure: both values, the ratio as measured and as published.
    let mut push =
        |name: &str, of: fn(&Row) -> Option<f64>, decimals: usize, ratio: Option<f64>, said: Option<f64>| {
            let cells =
                [or_dash(value(als, of), decimals), or_dash(value(torch, of), decimals), or_dash(ratio, 2)];
            let said = said.map_or_else(Cell::default, |said| published_ratio(said, ratio));
            table.push(std::iter::once(name.to_owned()).chain(cells).map(Cell::from).chain([said]));
        };
    push("weight std", |row| row.weight_std, 4, pair.weight_std_ratio, Some(PRINTED_STD_RATIO));
    push("weight range, max - min", weight_range, 4, pair.weight_range_ratio, Some(PRINTED_RANGE_RATIO));
    push("largest weight", |row| row.weight_max, 4, pair.weight_max_ratio, None);
    push("weight std / |mean|", |row| row.weight_variation, 4, pair.weight_variation_ratio, None);
    let variance = |row: &Row| Some(row.prediction_std.powi(2));
    push("prediction variance, test", variance, 6, pair.prediction_variance_ratio, None);
    push("effective classifiers", |row| row.effective_classifiers, 2, pair.effective_classifiers_ratio, None);
    push("time of a fit, ms", |row| Some(1e3 * row.seconds), 1, pair.seconds_ratio, None);
    // Correlations have no value of either trainer, and stand in the last column alone.
    let alone = |value| [Cell::default(), Cell::default(), Cell::from(or_dash(value, 4))];
    table.push([Cell::from("correlation of weights")].into_iter().chain(alone(pair.weight_correlation)));
    table.push(
        [Cell::from("correlation of predictions")].into_iter().chain(alone(pair.prediction_correlation)),
    );
    table
}

fn published_ratio(said: f64, measured: Option<f64>) -> Cell {
    match measured {
        Some(measured) if !rounds_to(measured, said, 1) => {
            Cell::verdict(format!("{}\u{a0}*", fixed(said, 1)), false)
        }
        _ => Cell::note(fixed(said, 1)),
    }
}

fn weights(report: &Report) -> Table {
    // Published weights stand beside the measured ones of the same run.
    let trained: Vec<&Row> = report.rows.iter().filter(|row| row.weights.is_some()).collect();
    let mut header = vec!["classifier".to_owned()];
    for row in &trained {
        header.push(row.method.label().to_owned());
        if row.published_weights.is_some() {
            header.push("published".to_owned());
        }
    }
    let mut table = Table::new("Final weights", header);
    for u in 0..report.data.classifiers {
        let mut cells = vec![Cell::from(u.to_string())];
        for row in &trained {
            let weight_in = |of: &Option<Vec<f64>>| of.as_ref().and_then(|w| w.get(u).copied());
            cells.push(or_dash(weight_in(&row.weights), DECIMALS).into());
            if let Some(printed) = weight_in(&row.published_weights) {
                cells.push(Cell::note(fixed(printed, WEIGHT_DECIMALS)));
            }
        }
        table.push(cells);
    }
    table
}

fn course(results: &Results) -> Section {
    let report = &results.report;
    let mut section = Section::new("Course of the weights").figure(
        "Each thin line is the weight of one classifier, the thick one their mean; the scale is that of the \
             trainer's two runs together.",
        plots::traces(results),
    );
    if let Some(course) = report.course_of(Method::AlsUnweighted) {
        section = section.table(published_course(course, &report.published_course));
    }
    section.table(courses(report))
}

/// The run of the table beside the published course, which is said to be the same run.
fn published_course(course: &Course, published: &[PrintedPoint]) -> Table {
    let header = ["iteration", "w_0", "published", "w_1", "published", "sum of w", "published"];
    let mut table = Table::new("ALS unweighted beside its published course", header);
    for printed in published {
        let Some(point) = course.points.iter().find(|point| point.iteration == printed.iteration) else {
            continue;
        };
        let weight = |u: usize| Cell::from(or_dash(point.weights.get(u).copied(), 3));
        let said = |value: f64| Cell::note(fixed(value, 3));
        table.push([
            Cell::from(point.iteration.to_string()),
            weight(0),
            said(printed.weights[0]),
            weight(1),
            said(printed.weights[1]),
            Cell::from(fixed(point.sum, 3)),
            said(printed.sum),
        ]);
    }
    table
}

fn courses(report: &Report) -> Table {
    let header = std::iter::once("iteration").chain(report.course.iter().map(|course| course.method.label()));
    let mut table = Table::new("Smallest to largest weight, and b below", header);
    for iteration in ITERATIONS {
        let points: Vec<_> = report
            .course
            .iter()
            .map(|course| course.points.iter().find(|point| point.iteration == iteration))
            .collect();
        // The last iteration is torch's, so that a build without torch has no run that reached it.
        if points.iter().all(Option::is_none) {
            continue;
        }
        let cells = points.iter().map(|point| {
            point.map_or_else(Cell::default, |p| format!("{} to {}", fixed(p.min, 3), fixed(p.max, 3)).into())
        });
        table.push(std::iter::once(Cell::from(iteration.to_string())).chain(cells));
        let cells =
            points.iter().map(|point| point.map_or_else(Cell::default, |p| Cell::note(fixed(p.bias, 3))));
        table.push(std::iter::once(Cell::note("b")).chain(cells));
    }
    table
}

fn timing(report: &Report) -> Section {
    let mut table =
        Table::new("", ["", "median", "fastest", "slowest", "timed fits", "iterations", "device", "repeats"]);
    for row in report.rows.iter().filter(|row| row.weights.is_some()) {
        let [fastest, slowest] = row.seconds_range;
        table.push([
            Cell::from(row.method.label()),
            seconds(row.seconds).into(),
            seconds(fastest).into(),
            seconds(slowest).into(),
            row.timed_fits.to_string().into(),
            row.iterations.map(|k| k.to_string()).unwrap_or_default().into(),
            row.device.clone().unwrap_or_default().into(),
            if row.repeats_identical { "identical".into() } else { Cell::verdict("differ", false) },
        ]);
    }
    Section::new("Time")
        .text(
            "Wall-clock time of one fit as the trainer reports it, from given start factors to the fitted model, without \
             reading data and without measuring: the median of the timed fits, after one that is watched and not \
             timed. One machine, one small data set: the ratio says little about larger ones. \"Identical\" repeats gave \
             the same bits as the first fit.",
        )
        .table(table)
}

fn findings(report: &Report) -> Section {
    let compared = report.rows.iter().flat_map(|row| &row.published);
    let weights =
        report.rows.iter().filter_map(|row| row.weights.as_deref().zip(row.published_weights.as_deref()));
    let weights = weights.flat_map(|(measured, printed)| measured.iter().zip(printed));
    let complete = if report.missing_rows.is_some() {
        " Without torch rows, points about them are missing."
    } else {
        ""
    };
    let text = format!(
        "{} printed figures and {} printed weights agree with the measured ones to the last digit. Here are the others, \
         and what does not follow from those that agree.{complete}",
        tally(compared.map(|c| c.agrees)),
        tally(weights.map(|(&measured, &printed)| rounds_to(measured, printed, WEIGHT_DECIMALS))),
    );
    let items =
        report.findings.iter().map(|finding| format!("{}: {}", finding.about, finding.measured)).collect();
    Section::new("What the published figures do not support").text(text).list(items)
}

/// "22 of 25".
fn tally(agrees: impl Iterator<Item = bool>) -> String {
    let (agree, all) = agrees.fold((0, 0), |(agree, all), one| (agree + usize::from(one), all + 1));
    format!("{agree} of {all}")
}
