//! The report as a document: is it better than averaging, whom does it trust, are the probabilities honest,
//! where to cut, what went wrong.

use cfe_core::validation::Interval;
use cfe_io::Table;
use cfe_report::number::{fixed, or_dash, percent, range, signed, small_or_dash};
use cfe_report::{Axis, Cell, Document, Ink, Panel, Section, Stroke, Table as ReportTable, ThresholdSlider};

use super::summary;
use crate::judge::{
    COMBINED, Finding, JudgedRows, MethodMetrics, Part, TrustReport, learning_curve, scored_rows,
};
use crate::methods::Method;
use crate::pipeline::{FitOutcome, name_of_part};
use crate::saved::provenance::{SETTINGS, TRAINER};
use crate::saved::{Combiner, SavedModel};

const COMBINED_INK: Ink = Ink::Series(0);

/// Classifiers that a chart has room for.
const BARS: usize = 12;

/// The report of a fit: `parts` from [`FitOutcome::metrics`], `findings` from
/// [`diagnose`](crate::judge::diagnose).
pub fn document(outcome: &FitOutcome, table: &Table, parts: &[Part], findings: &[Finding]) -> Document {
    let trust = TrustReport::of(&outcome.model);
    let mut sections = vec![better(parts), trusted(&trust, &outcome.model.combiner)];
    sections.extend(more(&outcome.model));
    sections.extend([
        honest(parts),
        cut(outcome, table, parts),
        wrong(table, findings),
        origin(outcome, table),
    ]);
    Document {
        title: format!("Combining {} classifiers: {}", table.data.n_classifiers(), table.file),
        answers: summary::lines(outcome, table, parts, findings),
        sections,
    }
}

/// The report of an evaluation: `parts` from [`evaluate`](crate::judge::evaluate).
pub fn evaluation(table: &Table, parts: &[Part], findings: &[Finding]) -> Document {
    evaluation_titled(format!("Scores of a model on {}", table.file), parts, findings)
}

/// As [`evaluation`], of parts from anywhere.
pub fn evaluation_titled(title: String, parts: &[Part], findings: &[Finding]) -> Document {
    Document {
        title,
        answers: vec![summary::better(parts, findings)],
        sections: vec![better(parts), honest(parts)],
    }
}

fn named(part: &Part) -> String {
    format!("{}{}", part.name, summary::provenance(part))
}

/// The name of a part above a chart, which has room for a few words.
fn short(part: &Part) -> String {
    // A hundredth in-sample is worth a word: in the figures it cannot be seen.
    let how = match part.in_sample_share >= 0.01 {
        _ if part.cross_validated => ", cross-validated",
        true => ", IN-SAMPLE",
        false => "",
    };
    format!("{}{how}", part.name)
}

fn better(parts: &[Part]) -> Section {
    let mut section = Section::new("Is it better than averaging?").text(
        "Average precision is the area under the precision-recall curve. \"Better by\" is the average precision of the \
         combined prediction less that of the method, with its 95% bootstrap interval on the same resamples of the rows; \
         an interval that holds 0 leaves it open which one is better.",
    );
    let panels = parts.iter().filter(|part| part.resamples > 0).map(forest).collect();
    section =
        section.figure("Average precision with its 95% interval, the combined prediction at the top", panels);
    for part in parts {
        let caption = format!("{}: {} labeled rows, {} positive", named(part), part.rows, part.positives);
        let header = ["method", "average precision", "95% interval", "better by", "95% interval", "ROC-AUC"];
        let header = header.into_iter().chain(["log loss", "Brier", "ECE", "best F1"]);
        let mut table = ReportTable::new(caption, header);
        let more = summary::more_decimals(part);
        part.methods.iter().for_each(|method| table.push(row(method, more)));
        section = section.table(table);
    }
    let explained = |name: &str| name.parse::<Method>().ok().map(|m| format!("{name}: {}", m.description()));
    // Every part has the same methods, so the first one names them all.
    let names = parts.first().map_or(&[][..], |part| part.methods.as_slice());
    section
        .text("The simple combiners, in a line each:")
        .list(names.iter().filter_map(|method| explained(&method.name)).collect())
}

fn row(method: &MethodMetrics, more: usize) -> Vec<Cell> {
    let gain = method.combined_is_better_by;
    let interval = method.average_precision_interval;
    let text = |text: Option<String>| Cell::from(text.unwrap_or_default());
    let within = |i: Interval| {
        let (lower, upper) = summary::ends(i, 3 + more);
        range(lower, upper, 3 + more)
    };
    vec![
        method.name.as_str().into(),
        summary::ranking(method.metrics.average_precision, 4 + more).into(),
        text(interval.map(within)),
        // A verdict is colored, and given only where the interval leaves out 0.
        match gain {
            Some(i) if i.lower > 0.0 || i.upper < 0.0 => {
                Cell::verdict(signed(i.estimate, 4 + more), i.lower > 0.0)
            }
            other => text(other.map(|i| signed(i.estimate, 4 + more))),
        },
        text(gain.map(within)),
        or_dash(method.metrics.roc_auc, 4).into(),
        small_or_dash(method.metrics.log_loss, 2).into(),
        small_or_dash(method.metrics.brier, 2).into(),
        small_or_dash(method.metrics.ece, 2).into(),
        summary::ranking(method.metrics.best_f1, 4 + more).into(),
    ]
}

/// One line for each method: its interval, with a mark at the estimate.
fn forest(part: &Part) -> Panel {
    // Reversed, since positions of a chart grow upward and the first method belongs at the top.
    let methods: Vec<&MethodMetrics> = part.methods.iter().rev().collect();
    let ends = methods.iter().filter_map(|m| m.average_precision_interval);
    let (low, high) = ends.fold((1.0_f64, 0.0_f64), |(a, b), i| (a.min(i.lower), b.max(i.upper)));
    let margin = 0.03 * (high - low).max(0.01);
    let x = Axis::linear("average precision", ((low - margin).max(0.0), (high + margin).min(1.0)));
    let mut panel = Panel::new(short(part), x, Axis::names("", methods.iter().map(|m| m.name.clone())));
    for (k, method) in methods.iter().enumerate() {
        let Some(interval) = method.average_precision_interval else { continue };
        let combined = method.name == COMBINED;
        let (ink, stroke) =
            if combined { (COMBINED_INK, Stroke::Normal) } else { (Ink::Muted, Stroke::Normal) };
        let y = k as f64;
        panel = panel.line(vec![(interval.lower, y), (interval.upper, y)], ink, stroke, None);
        let tick = vec![(interval.estimate, y - 0.3), (interval.estimate, y + 0.3)];
        panel = panel.line(tick, ink, stroke, None);
    }
    panel
}

fn trusted(trust: &TrustReport, combiner: &Combiner) -> Section {
    let table = weights(trust);
    // Reversed, as the methods of a forest plot are.
    let shown: Vec<_> = trust.classifiers.iter().take(BARS).rev().collect();
    let most = shown.iter().map(|t| t.weight.abs()).fold(1e-12, f64::max);
    // The axis reaches below 0 only where a weight does.
    let least = if shown.iter().any(|t| t.weight < 0.0) { -most } else { 0.0 };
    let x = Axis::linear("weight", (1.05 * least, 1.05 * most));
    let names = shown.iter().map(|t| t.name.clone());
    let mut panel = Panel::new("The largest weights", x, Axis::names("", names));
    for (k, t) in shown.iter().enumerate() {
        // Bars of a chart stand upright, and names are read best beside lying ones: lines, thick enough for
        // bars.
        let ink = if t.weight < 0.0 { Ink::Series(1) } else { COMBINED_INK };
        for lane in [-0.1, 0.0, 0.1] {
            panel = panel.line(
                vec![(0.0, k as f64 + lane), (t.weight, k as f64 + lane)],
                ink,
                Stroke::Normal,
                None,
            );
        }
    }
    let mut section = Section::new("Which classifiers does it trust?").text(
        "A positive weight raises the combined probability with that of the classifier. A negative weight stands beside \
         positive ones of classifiers that say much the same: it corrects them, and does not mean that the classifier is bad.",
    );
    if let Combiner::Recommended(model) = combiner {
        let parts = model.shares().in_words();
        let named: Vec<String> =
            parts.iter().map(|(what, share)| format!("{what} {}", percent(*share, 0))).collect();
        // One kind of member needs no list of kinds.
        if named.len() > 1 {
            section = section.text(format!("The model is an average: {}.", named.join(", ")));
        }
        if trust.local_share > 0.0 {
            section = section.text(format!(
                "The local correction has no weights; it makes {} of the variance of the log-odds.",
                percent(trust.local_share, 1),
            ));
        }
    }
    section.figure("", vec![panel]).table(table).text(
        "Average precision lost without a classifier: cross-validated, with all classifiers less that of a fit without this \
         one, on the member of the average with the smallest log loss, with its 95% interval; negative where the others do better alone. \
         Most like: the classifier of the highest correlation of log-odds; if it is near 1, one of the two adds nothing.",
    )
}

/// Would more labels, or more classifiers, help? `None` where the fit could not tell.
fn more(model: &SavedModel) -> Option<Section> {
    let curve = learning_curve(model)?;
    let header = ["fitted with", "gain in average precision"];
    let mut table = ReportTable::new("Gain of all over a part", header);
    let points = curve.labels.iter().map(|point| (point, "labeled rows"));
    for (point, what) in points.chain(curve.classifiers.iter().map(|point| (point, "classifiers"))) {
        let gained = summary::with_interval(point.average_precision_gained);
        table.push([Cell::from(format!("{} {what}", point.count)), gained.into()]);
    }
    let section =
        summary::would_more_help(&curve).into_iter().fold(Section::new("Would more help?"), Section::text);
    Some(section.table(table).text(
        "Halves and quarters of the labeled rows are cross-validated by themselves, on the member of the average with the \
         smallest log loss, and compared with all on the same rows, with 95% intervals. Twice as many as now are expected to \
         bring no more than the last doubling did.",
    ))
}

fn weights(trust: &TrustReport) -> ReportTable {
    let left_out = trust.classifiers.iter().any(|t| t.average_precision_lost.is_some());
    let mut header = vec!["classifier", "weight", "share of all weights"];
    header.extend(left_out.then_some("average precision lost without it"));
    header.extend(["most like", "correlation"]);
    let mut table = ReportTable::new(format!("Weights on each classifier's {}", trust.unit), header);
    for t in &trust.classifiers {
        let mut row: Vec<Cell> =
            vec![t.name.as_str().into(), signed(t.weight, 4).into(), percent(t.share, 1).into()];
        row.extend(left_out.then(|| match t.average_precision_lost {
            // What rounds to 0 is not a verdict.
            Some(i) if i.lower > 5e-4 || i.upper < -5e-4 => {
                Cell::verdict(summary::with_interval(i), i.lower > 0.0)
            }
            other => other.map_or(String::new(), summary::with_interval).into(),
        }));
        let like = t.redundancy.as_ref();
        row.push(like.map_or("", |r| r.most_like.as_str()).into());
        row.push(like.map_or(String::new(), |r| fixed(r.correlation, 3)).into());
        table.push(row);
    }
    table
}

fn honest(parts: &[Part]) -> Section {
    let panel = |part: &Part| {
        // Both axes end at the largest value, or a rare class would fill one corner of the unit square.
        let top = part.reliability.iter().map(|r| r.predicted.max(r.upper)).fold(0.01, f64::max).min(1.0);
        let axis = |title: &str| Axis::linear(title, (0.0, top));
        let points = part.reliability.iter().map(|r| (r.predicted, r.observed)).collect();
        let mut panel = Panel::new(short(part), axis("mean probability"), axis("share of positives"))
            .keyed(COMBINED_INK, "combined, with 95% intervals")
            .keyed(Ink::Muted, "honest")
            .line(vec![(0.0, 0.0), (top, top)], Ink::Muted, Stroke::Dashed, None)
            .line(points, COMBINED_INK, Stroke::Normal, None);
        for r in &part.reliability {
            panel = panel.line(
                vec![(r.predicted, r.lower), (r.predicted, r.upper)],
                COMBINED_INK,
                Stroke::Thin,
                None,
            );
        }
        panel
    };
    Section::new("Are the probabilities honest?")
        .text(
            "Rows are put into groups of neighboring probability. Of rows given a probability of 0.3, three in ten \
             should be positive: then the line runs along the diagonal.",
        )
        .figure("Share of positives by predicted probability", parts.iter().map(panel).collect())
}

fn cut(outcome: &FitOutcome, fitted: &Table, parts: &[Part]) -> Section {
    let section = Section::new("Where to cut?");
    let Some(chosen) = &outcome.cut else {
        return section
            .text("A class has a single labeled row, so no row could be held out to choose a threshold on.");
    };
    // First what was chosen and what it does to each part, then every threshold as a curve, and a slider to
    // try others.
    let rule = summary::rule_in_words(chosen.rule);
    let threshold = summary::probability(chosen.threshold);
    let found = match summary::unreached(chosen) {
        Some(target) => {
            format!("{target} on cross-validated train rows; the nearest is the threshold {threshold}.")
        }
        None => format!("The threshold {threshold} has the {rule} on cross-validated train rows."),
    };
    let text = format!(
        "{found} Another aim gives another threshold (--threshold): a missed positive that costs 20 false alarms is \
         cost=1,20."
    );
    let header = ["rows", "called", "right", "wrong", "missed", "precision", "recall", "F1"];
    let mut table = ReportTable::new(format!("At {threshold}"), header);
    for part in parts {
        // A part without probabilities has no cut.
        let Some(at) = part.at_threshold else { continue };
        // Weights of rows are counted, which are seldom whole.
        let decimals = if part.weight.is_some() { 1 } else { 0 };
        let count = |v: f64| Cell::from(fixed(v, decimals));
        let c = at.confusion;
        table.push([
            named(part).into(),
            count(at.called),
            count(c.tp),
            count(c.fp),
            count(c.fn_),
            fixed(at.precision, 3).into(),
            fixed(at.recall, 3).into(),
            fixed(c.f1(), 3).into(),
        ]);
    }
    // The curve and the slider are those of rows that the model did not learn from with their labels.
    let section = section.text(text).table(table);
    let scored = scored_rows_of(outcome, fitted);
    let panels: Vec<Panel> =
        scored.iter().filter_map(|rows| precision_recall(rows, chosen.threshold)).collect();
    let mut section = if panels.is_empty() {
        section
    } else {
        section.figure("Precision and recall at every threshold, with a mark at the chosen one", panels)
    };
    for rows in &scored {
        let slider = ThresholdSlider::weighted(
            format!("{}: move the threshold", rows.name),
            &rows.judged.labels,
            rows.judged.weights.as_deref(),
            &rows.probabilities,
            chosen.threshold,
            chosen.rule.costs().unwrap_or((1.0, 1.0)),
        );
        section = section.slider(slider);
    }
    section
}

/// Labeled rows with probabilities that may be judged: out-of-fold ones of the train rows, and those of other
/// splits.
struct ShownRows {
    name: String,
    judged: JudgedRows,
    probabilities: Vec<f64>,
}

fn scored_rows_of(outcome: &FitOutcome, table: &Table) -> Vec<ShownRows> {
    let mut out = Vec::new();
    if let Some(probabilities) = &outcome.out_of_fold {
        let judged = JudgedRows::of(table, table.data.labeled());
        let places = judged.scored_places(probabilities);
        out.push(ShownRows {
            name: "train (cross-validated)".to_owned(),
            judged: judged.select(&places),
            probabilities: places.iter().map(|&k| probabilities[k]).collect(),
        });
    }
    if table.split.is_some() {
        let held_out = table.held_out();
        for mut part in scored_rows(table, |i| held_out[i], "") {
            name_of_part(&mut part.name);
            out.push(ShownRows {
                name: part.name,
                judged: JudgedRows::of(table, &part.rows),
                probabilities: part.rows.iter().map(|&i| outcome.combined.probabilities[i]).collect(),
            });
        }
    }
    // A curve and a slider need both classes.
    out.retain(|rows| rows.judged.has_both_classes());
    out
}

/// The precision-recall curve of some rows; `None` where it is not defined.
fn precision_recall(rows: &ShownRows, threshold: f64) -> Option<Panel> {
    let scored = rows.judged.scored(&rows.probabilities).ok()?;
    let ranking = scored.ranking();
    let curve = ranking.pr_curve();
    let points: Vec<(f64, f64)> = curve.recall.iter().copied().zip(curve.precision).collect();
    let axis = |title: &str| Axis::linear(title, (0.0, 1.0));
    let share = ranking.prevalence();
    let at = scored.confusion(threshold);
    let (recall, precision) = (at.recall(), at.precision());
    let mut panel = Panel::new(rows.name.clone(), axis("recall"), axis("precision"))
        .keyed(COMBINED_INK, "combined")
        .keyed(Ink::Muted, "share of positives")
        .line(vec![(0.0, share), (1.0, share)], Ink::Muted, Stroke::Dashed, None)
        .line(points, COMBINED_INK, Stroke::Normal, None);
    // A threshold that calls nothing has no precision, and so no place on the curve.
    if at.tp + at.fp > 0.0 {
        let tick = vec![(recall, (precision - 0.04).max(0.0)), (recall, (precision + 0.04).min(1.0))];
        panel =
            panel.line(tick, Ink::Series(1), Stroke::Normal, None).keyed(Ink::Series(1), "chosen threshold");
    }
    Some(panel)
}

fn wrong(table: &Table, findings: &[Finding]) -> Section {
    let items: Vec<String> = table
        .warnings
        .iter()
        .map(ToString::to_string)
        .chain(findings.iter().map(|f| f.text.clone()))
        .collect();
    let section = Section::new("What may be wrong with the table?");
    if items.is_empty() {
        return section.text(
            "Nothing was found: no missing predictions to speak of, no near-duplicate or inverted classifiers, positives \
             enough, and no classifier that says something else outside the train split.",
        );
    }
    section.list(items)
}

fn origin(outcome: &FitOutcome, table: &Table) -> Section {
    let (negatives, positives) = table.data.class_counts();
    let details = &outcome.model.details;
    let mut facts = ReportTable::new("", ["", "value"]);
    for (name, text) in [
        ("rows", table.data.n_instances().to_string()),
        ("labeled train rows", format!("{positives} positive, {negatives} negative")),
        ("missing predictions", table.data.n_missing().to_string()),
        ("folds", outcome.folds.to_string()),
        ("trainer", TRAINER.get(details).unwrap_or_default()),
        ("settings", SETTINGS.get(details).unwrap_or_default().to_string()),
        ("SHA-256 of the training data", details.fingerprint.clone().unwrap_or_default()),
    ] {
        facts.push([Cell::from(name), Cell::from(text)]);
    }
    Section::new("Origin").table(facts)
}
