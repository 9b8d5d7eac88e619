//! What people read about a fit of several classes, as tables and lines.

use cfe_core::metrics::classes::ClassSummary;
use cfe_core::validation::Interval;
use cfe_report::number::{fixed, or_dash, percent, signed, significant, small_or_dash};
use cfe_report::{Axis, Cell, Document, HeatMap, Ink, Panel, Section, Stroke, Table};

use super::summary::ends;
use super::{TOO_MUCH_IN_SAMPLE, alarms};
use crate::classes::{ClassIntervals, ClassModel, ClassPart, FEW_ROWS};
use crate::judge::{Finding, Reliability, Trust};

/// Classifiers named for each class.
const NAMED: usize = 4;
/// Classes up to which a confusion matrix is shown.
const SHOWN: usize = 30;
/// Classes and classifiers up to which a map of both can be read on a narrow screen.
const DRAWN: (usize, usize) = (10, 40);
/// Classes that have a chart of their own, the rarest with enough rows first.
const CHARTS: usize = 12;
/// Color of the combined prediction.
const COMBINED_INK: Ink = Ink::Series(0);

/// The figures of every method, a table for each part.
pub fn class_metrics(parts: &[ClassPart]) -> Vec<Table> {
    parts.iter().map(metrics_of).collect()
}

fn metrics_of(part: &ClassPart) -> Table {
    // The caption says which rows are not in the figures, and why.
    let left_out = match part.unknown_class {
        0 => String::new(),
        n => format!(", without {n} rows of classes that the model does not know"),
    };
    let mut header =
        vec!["", "log loss", "Brier", "macro AP", "macro AUC", "bal. acc.", "macro F1", "MCC", "ECE"];
    let costs = part.methods.iter().any(|method| method.mean_cost.is_some());
    header.extend(costs.then_some("mean cost"));
    let never = match part.never_scored {
        0 => String::new(),
        n => format!(", each by earlier ones, without the first {n}"),
    };
    let weightless = match part.without_weight {
        0 => String::new(),
        n => format!(", without {n} of weight 0"),
    };
    let caption =
        format!("{}{}: {} labeled rows{never}{weightless}{left_out}", part.name, provenance(part), part.rows);
    let mut table = Table::new(caption, header);
    for method in &part.methods {
        let m = &method.metrics;
        let small = |value| Cell::from(small_or_dash(Some(value), 2));
        let mut row: Vec<Cell> = vec![
            method.name.as_str().into(),
            small(m.log_loss),
            small(m.brier),
            or_dash(m.macro_average_precision, 4).into(),
            or_dash(m.macro_roc_auc, 4).into(),
            fixed(m.balanced_accuracy, 4).into(),
            fixed(m.macro_f1, 4).into(),
            fixed(m.mcc, 4).into(),
            small(m.top_label_ece),
        ];
        row.extend(costs.then(|| Cell::from(small_or_dash(method.mean_cost, 2))));
        table.push(row);
    }
    table
}

/// The 95% intervals of some figures, and of what the combined prediction gains: two tables for each part
/// that has them.
pub fn class_intervals(parts: &[ClassPart]) -> Vec<Table> {
    let known = parts.iter().filter(|part| part.methods.iter().any(|m| m.intervals.is_some()));
    known.flat_map(|part| [figures_of(part), gains_of(part)]).collect()
}

fn figures_of(part: &ClassPart) -> Table {
    let range = |interval: Interval| {
        let (lower, upper) = ends(interval, 3);
        format!("{} to {}", fixed(lower, 3), fixed(upper, 3))
    };
    let caption = format!("{}{}: 95% intervals", part.name, provenance(part));
    let rows = part.methods.iter().filter_map(|m| Some((m.name.as_str(), m.intervals?)));
    ranges(caption, rows, &range)
}

fn gains_of(part: &ClassPart) -> Table {
    let range = |interval: Interval| {
        let (lower, upper) = ends(interval, 3);
        format!("{} to {}", signed(lower, 3), signed(upper, 3))
    };
    let caption = format!(
        "{}{}: 95% intervals of what combined is better by (saves of log loss, gains of the others)",
        part.name,
        provenance(part)
    );
    let rows = part.methods.iter().filter_map(|m| Some((m.name.as_str(), m.combined_is_better_by?)));
    ranges(caption, rows, &range)
}

fn ranges<'a>(
    caption: String,
    rows: impl Iterator<Item = (&'a str, ClassIntervals)>,
    range: &dyn Fn(Interval) -> String,
) -> Table {
    let mut table = Table::new(caption, ["", "log loss", "macro AP", "bal. acc."]);
    for (name, i) in rows {
        let cells = [i.log_loss, i.macro_average_precision, i.balanced_accuracy].map(range);
        table.push(std::iter::once(Cell::from(name)).chain(cells.map(Cell::from)));
    }
    table
}

/// How the predictions of a part were made, in words that follow its name.
fn provenance(part: &ClassPart) -> String {
    match part.in_sample_share {
        _ if part.cross_validated => ", cross-validated".to_owned(),
        share if share >= 0.01 => {
            format!(", IN-SAMPLE: the model was trained on {} of these rows", percent(share, 0))
        }
        _ => String::new(),
    }
}

/// The figures of each class against all others; `caption` says of which rows. A class of few rows has a
/// star.
pub fn per_class(caption: &str, classes: &[String], summary: &ClassSummary) -> Table {
    let header = ["class", "rows", "AP", "AUC", "precision", "recall", "F1", "ECE"];
    let mut table = Table::new(caption, header);
    let is_few = |weight: f64| weight < FEW_ROWS as f64;
    for (class, of) in classes.iter().zip(&summary.per_class) {
        let star = if is_few(of.weight) { " *" } else { "" };
        table.push([
            format!("{class}{star}").into(),
            count(of.weight).into(),
            or_dash(of.average_precision, 4).into(),
            or_dash(of.roc_auc, 4).into(),
            Cell::from(fixed(of.precision, 3)),
            fixed(of.recall, 3).into(),
            fixed(of.f1, 3).into(),
            small_or_dash(Some(of.ece), 2).into(),
        ]);
    }
    if summary.per_class.iter().any(|of| is_few(of.weight)) {
        table.caption += &format!(" (* fewer than {FEW_ROWS} rows: too few to say anything)");
    }
    table
}

/// A number of rows, or a sum of weights.
fn count(weight: f64) -> String {
    if weight.fract() == 0.0 { weight.to_string() } else { fixed(weight, 1) }
}

/// The confusion matrix: a row for each true class. `None` for more classes than can be read.
pub fn confusion(caption: &str, classes: &[String], summary: &ClassSummary) -> Option<Table> {
    if classes.len() > SHOWN {
        return None;
    }
    let header = std::iter::once("true \\ decided").chain(classes.iter().map(String::as_str));
    let mut table = Table::new(caption, header);
    for (class, row) in classes.iter().zip(summary.confusion.counts()) {
        let counts =
            row.iter().map(|&weight| Cell::from(if weight == 0.0 { ".".to_owned() } else { count(weight) }));
        table.push(std::iter::once(Cell::from(class.as_str())).chain(counts));
    }
    Some(table)
}

/// Whom the model listens to about each class.
pub fn class_trust_table(model: &ClassModel) -> Table {
    let mut table = Table::new("Most trusted for each class (weight, share)", ["class", "classifiers"]);
    for of in model.trust() {
        let words = match of.trust {
            None if model.classes().len() == 2 => "as for the other class".to_owned(),
            None => "equal weights: too few rows to learn from".to_owned(),
            Some(trust) => {
                let one = |t: &Trust| format!("{} {} ({})", t.name, signed(t.weight, 2), percent(t.share, 0));
                trust.classifiers.iter().take(NAMED).map(one).collect::<Vec<_>>().join(", ")
            }
        };
        table.push([of.class.as_str().into(), words.into()]);
    }
    table
}

/// Without whom each class loses most average precision; `None` where nobody was left out.
pub fn class_lost_table(model: &ClassModel) -> Option<Table> {
    let caption = "Most missed for each class (average precision lost without the classifier)";
    let mut table = Table::new(caption, ["class", "classifiers"]);
    let mut is_known = false;
    for of in model.trust() {
        let classifiers = of.trust.map_or_else(Vec::new, |trust| trust.classifiers);
        let lost = |t: &Trust| Some((t.name.clone(), t.average_precision_lost?));
        let mut lost: Vec<(String, Interval)> = classifiers.iter().filter_map(lost).collect();
        lost.sort_by(|a, b| b.1.estimate.total_cmp(&a.1.estimate));
        is_known |= !lost.is_empty();
        // What chance explains has no star.
        let one = |(name, lost): &(String, Interval)| {
            format!("{name} {}{}", signed(lost.estimate, 3), if lost.lower > 0.0 { "*" } else { "" })
        };
        let words = lost.iter().take(NAMED).map(one).collect::<Vec<_>>().join(", ");
        table.push([of.class.as_str().into(), words.into()]);
    }
    table.caption += "; * the interval lies above 0";
    is_known.then_some(table)
}

/// The answers in front of everything: alarms, whether it is better than a vote, and which classes say
/// little.
pub fn class_lines(
    model: &ClassModel,
    parts: &[ClassPart],
    counts: &[usize],
    findings: &[Finding],
) -> Vec<String> {
    let mut lines = alarms(findings);
    // Of each part: is the combined prediction better than the vote of the same classifiers?
    for part in parts {
        if part.in_sample_share >= TOO_MUCH_IN_SAMPLE {
            lines.push(format!(
                "{}: these rows cannot tell, because the model was trained on some or all of them; judge by rows it has \
                 not seen, or by the cross-validated figures that `cfe fit` prints",
                part.name
            ));
            continue;
        }
        let metrics_of = |name: &str| part.methods.iter().find(|m| m.name == name).map(|m| &m.metrics);
        let first = part.methods.first().map(|m| &m.metrics);
        if let (Some(ours), Some(vote)) = (first, metrics_of("soft_voting")) {
            let gain =
                part.methods.iter().find(|m| m.name == "soft_voting").and_then(|m| m.combined_is_better_by);
            // Without intervals nothing speaks of chance, and the plain comparison stands.
            let is_sure = gain.is_none_or(|gain| gain.log_loss.lower > 0.0);
            let word = match ours.log_loss < vote.log_loss {
                true if is_sure => "better",
                true => "perhaps better",
                false => "not better",
            };
            // The simple rival with the smallest log loss, where that is another than the vote.
            let rivals = part.methods.iter().skip(1);
            let best = rivals.min_by(|a, b| a.metrics.log_loss.total_cmp(&b.metrics.log_loss));
            let best = best.filter(|best| best.name != "soft_voting").map_or_else(String::new, |best| {
                format!(
                    "; the best simple rival by log loss is {} ({})",
                    best.name,
                    fixed(best.metrics.log_loss, 4)
                )
            });
            lines.push(format!(
                "{}: {word} than soft voting by log loss, {} against {}; balanced accuracy {} against {}{best}",
                part.name,
                fixed(ours.log_loss, 4),
                fixed(vote.log_loss, 4),
                fixed(ours.balanced_accuracy, 3),
                fixed(vote.balanced_accuracy, 3)
            ));
        }
    }
    // What the decisions cost, where costs are known.
    for part in parts {
        let cost_of = |name: &str| part.methods.iter().find(|m| m.name == name).and_then(|m| m.mean_cost);
        if let (Some(ours), Some(vote)) =
            (part.methods.first().and_then(|m| m.mean_cost), cost_of("soft_voting"))
        {
            lines.push(format!(
                "{}: the decisions cost {} a row on average, and those of soft voting {}",
                part.name,
                significant(ours, 3),
                significant(vote, 3)
            ));
        }
    }
    // Last the classes whose figures a reader should not lean on.
    let few: Vec<String> = crate::classes::few_rows(model.classes(), counts)
        .into_iter()
        .map(|(class, count)| format!("{class} ({count})"))
        .collect();
    if !few.is_empty() {
        lines.push(format!(
            "too few labeled rows to say anything about these classes (fewer than {FEW_ROWS}): {}",
            few.join(", ")
        ));
    }
    lines
}

/// Tables of the first method of each part: each class, and the confusion matrix.
pub fn class_tables(model: &ClassModel, parts: &[ClassPart]) -> Vec<Table> {
    let mut tables = class_metrics(parts);
    tables.extend(class_intervals(parts));
    for part in parts {
        if let Some(first) = part.methods.first() {
            let caption = format!("{}{}: each class against all others", part.name, provenance(part));
            tables.push(per_class(&caption, model.classes(), &first.metrics));
            let caption = format!("{}{}: decisions", part.name, provenance(part));
            tables.extend(confusion(&caption, model.classes(), &first.metrics));
        }
    }
    tables
}

/// The confusion matrix as a map: of the rows of each true class, the share decided for each class.
fn confusion_map(title: &str, classes: &[String], summary: &ClassSummary) -> Option<HeatMap> {
    let shares = |row: &Vec<f64>| {
        let total: f64 = row.iter().sum();
        row.iter().map(|count| (total > 0.0).then(|| count / total)).collect()
    };
    (classes.len() <= DRAWN.0).then(|| HeatMap {
        title: title.to_owned(),
        x: "decided".to_owned(),
        y: "true class".to_owned(),
        columns: classes.to_vec(),
        rows: classes.to_vec(),
        values: summary.confusion.counts().iter().map(shares).collect(),
        decimals: 2,
        center: None,
    })
}

/// The weight of each classifier for each class, and what its absence costs where that is known.
fn trust_maps(model: &ClassModel) -> Vec<HeatMap> {
    let (names, classes) = (model.classifier_names(), model.classes());
    if classes.len() > DRAWN.0 || names.len() > DRAWN.1 {
        return Vec::new();
    }
    let trust = model.trust();
    let map = |title: &str, decimals: usize, value: &dyn Fn(&Trust) -> Option<f64>| {
        let value_of = |name: &String, k: usize| {
            trust[k].trust.as_ref()?.classifiers.iter().find(|t| t.name == *name).and_then(value)
        };
        let values: Vec<Vec<Option<f64>>> =
            names.iter().map(|name| (0..classes.len()).map(|k| value_of(name, k)).collect()).collect();
        values.iter().flatten().any(Option::is_some).then(|| HeatMap {
            title: title.to_owned(),
            x: "class".to_owned(),
            y: "classifier".to_owned(),
            columns: classes.to_vec(),
            rows: names.to_vec(),
            values,
            decimals,
            center: Some(0.0),
        })
    };
    let weight = map("Weight of each classifier for each class", 2, &|t| Some(t.weight));
    let lost = map("Average precision lost without each classifier", 3, &|t| {
        t.average_precision_lost.map(|lost| lost.estimate)
    });
    weight.into_iter().chain(lost).collect()
}

/// How often a class is right beside how likely it is said to be.
fn reliability_panel(class: &str, groups: &[Reliability]) -> Panel {
    // Both axes end at the largest value, or a rare class would fill one corner of the unit square.
    let top = groups.iter().map(|r| r.predicted.max(r.upper)).fold(0.01, f64::max).min(1.0);
    let axis = |title: &str| Axis::linear(title, (0.0, top));
    let points = groups.iter().map(|r| (r.predicted, r.observed)).collect();
    let mut panel = Panel::new(class, axis("mean probability"), axis("share of the class"))
        .keyed(COMBINED_INK, "combined, with 95% intervals")
        .keyed(Ink::Muted, "honest")
        .line(vec![(0.0, 0.0), (top, top)], Ink::Muted, Stroke::Dashed, None)
        .line(points, COMBINED_INK, Stroke::Normal, None);
    for r in groups {
        let bar = vec![(r.predicted, r.lower), (r.predicted, r.upper)];
        panel = panel.line(bar, COMBINED_INK, Stroke::Thin, None);
    }
    panel
}

/// A chart for each class with enough rows, of the rows that tell most: those outside of the train split
/// where there are some.
fn honest(model: &ClassModel, parts: &[ClassPart]) -> Section {
    let section = Section::new("Are the probabilities of each class honest?").text(
        "Rows are put into groups of neighboring probability of the class. Of rows given a probability of 0.3, three in \
         ten should be of the class: then the line runs along the diagonal.",
    );
    // A part says nothing of honesty where the model knows the labels.
    let tells = |part: &&ClassPart| part.in_sample_share < TOO_MUCH_IN_SAMPLE && !part.reliability.is_empty();
    let Some(part) = parts.iter().rev().find(tells) else {
        return section.text("All rows here were used in training, so that reliability cannot be judged.");
    };
    let Some(first) = part.methods.first() else { return section };
    let weight = |k: usize| first.metrics.per_class[k].weight;
    let classes = model.classes();
    // The rarest classes with enough rows are drawn, in the order of the classes.
    let mut shown: Vec<usize> = (0..classes.len()).filter(|&k| weight(k) >= FEW_ROWS as f64).collect();
    shown.sort_by(|&a, &b| weight(a).total_cmp(&weight(b)));
    shown.truncate(CHARTS);
    shown.sort_unstable();
    let few: Vec<&str> =
        (0..classes.len()).filter(|&k| weight(k) < FEW_ROWS as f64).map(|k| classes[k].as_str()).collect();
    let panels = shown.iter().map(|&k| reliability_panel(&classes[k], &part.reliability[k])).collect();
    let section =
        section.figure(format!("{}: share of the class by predicted probability", part.name), panels);
    match &few[..] {
        [] => section,
        few => section.text(format!("Fewer than {FEW_ROWS} rows, and no chart: {}.", few.join(", "))),
    }
}

/// What was found, after the answers.
fn wrong(findings: &[Finding]) -> Section {
    let section = Section::new("What may be wrong with the table?");
    if findings.is_empty() {
        return section.text(
            "Nothing was found: no classifier that knows the labels, no columns of classes in another order, no copies of rows, \
             and no gaps to speak of.",
        );
    }
    section.list(findings.iter().map(|finding| finding.text.clone()).collect())
}

/// The report of a fit or an evaluation; `counts` are the labeled rows of each class that the model learned
/// from, `findings` from [`diagnose_classes`](crate::judge::diagnose_classes) or
/// [`diagnose_class_evaluation`](crate::judge::diagnose_class_evaluation).
pub fn class_document(
    title: String,
    model: &ClassModel,
    parts: &[ClassPart],
    counts: &[usize],
    findings: &[Finding],
) -> Document {
    let figures = class_metrics(parts).into_iter().chain(class_intervals(parts));
    let good = figures.fold(Section::new("How good is it?"), Section::table);
    let mut of_each = Section::new("How good is it for each class, and which classes are confused?");
    // Tables and maps of each class stand in front of the confusion matrices, which are wide.
    let mut maps = Vec::new();
    for part in parts {
        let Some(first) = part.methods.first() else { continue };
        let caption = format!("{}{}: each class against all others", part.name, provenance(part));
        of_each = of_each.table(per_class(&caption, model.classes(), &first.metrics));
        maps.extend(confusion_map(&part.name, model.classes(), &first.metrics));
    }
    if !maps.is_empty() {
        of_each = of_each.heat_maps("Of the rows of each true class, the share decided for each class", maps);
    }
    for part in parts {
        let Some(first) = part.methods.first() else { continue };
        let caption = format!("{}{}: decisions", part.name, provenance(part));
        if let Some(table) = confusion(&caption, model.classes(), &first.metrics) {
            of_each = of_each.table(table);
        }
    }
    let mut trusted = Section::new("Which classifiers does it trust for each class?").table(class_trust_table(model)).text(
        "Each class against all others has weights of its own. The average precision lost is that of the class against \
         all others, cross-validated. Below 0, the class is ranked better without the classifier.",
    );
    if let Some(table) = class_lost_table(model) {
        trusted = trusted.table(table);
    }
    let maps = trust_maps(model);
    if !maps.is_empty() {
        trusted = trusted.heat_maps("", maps);
    }
    let sections = vec![good, of_each, honest(model, parts), trusted, wrong(findings)];
    Document { title, answers: class_lines(model, parts, counts, findings), sections }
}
