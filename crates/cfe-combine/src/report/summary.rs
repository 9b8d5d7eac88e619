//! What a person reads at the end of a run.

use cfe_core::validation::Interval;
use cfe_report::number::{fixed, or_dash, percent, signed};
use cfe_report::{Cell, Table};

use crate::judge::{COMBINED, Cut, Part, ThresholdRule, Trust, TrustReport};
use crate::pipeline::FitOutcome;

/// The metrics, a table for each part.
pub fn metrics_tables(parts: &[Part]) -> Vec<Table> {
    let mut out = Vec::new();
    for part in parts {
        let how = if part.cross_validated { ", cross-validated" } else { "" };
        let caption = format!("{}{how}: {} labeled rows, {} positive", part.name, part.rows, part.positives);
        let header = ["", "AP", "95% interval", "combined is better by"];
        let header = header.into_iter().chain(["ROC-AUC", "log loss", "Brier", "ECE", "best F1"]);
        let mut table = Table::new(caption, header);
        for method in &part.methods {
            let range = |low, high| format!("{} to {}", fixed(low, 3), fixed(high, 3));
            table.push([
                method.name.as_str().into(),
                fixed(method.average_precision, 4).into(),
                Cell::from(
                    method.average_precision_interval.map_or(String::new(), |i| range(i.lower, i.upper)),
                ),
                Cell::from(method.combined_is_better_by.map_or(String::new(), with_interval)),
                or_dash(method.roc_auc, 4).into(),
                or_dash(method.log_loss, 4).into(),
                or_dash(method.brier, 4).into(),
                or_dash(method.ece, 4).into(),
                or_dash(method.best_f1, 4).into(),
            ]);
        }
        out.push(table);
    }
    out
}

/// "+0.1234 (-0.012 to +0.260)".
pub fn with_interval(i: Interval) -> String {
    format!("{} ({} to {})", signed(i.estimate, 4), signed(i.lower, 3), signed(i.upper, 3))
}

/// The three lines that matter.
pub fn lines(outcome: &FitOutcome, table: &cfe_io::Table, parts: &[Part]) -> [String; 3] {
    [better(parts), trusted(&TrustReport::of(&outcome.model)), cut(outcome, table)]
}

/// The part that answers best: rows that no fit saw the labels of, if they have both classes.
fn decisive(parts: &[Part]) -> Option<&Part> {
    let both = |part: &&Part| part.positives > 0 && part.positives < part.rows;
    parts.iter().filter(both).find(|part| !part.cross_validated).or_else(|| parts.iter().find(both))
}

/// Is it better than averaging, and by how much?
pub fn better(parts: &[Part]) -> String {
    let found = decisive(parts).and_then(|part| {
        let combined = part.methods.iter().find(|m| m.name == COMBINED)?;
        let mean = part.methods.iter().find(|m| m.name == "mean")?;
        Some((part, combined, mean, mean.combined_is_better_by?))
    });
    let Some((part, combined, mean, gain)) = found else {
        return "Better than averaging? Not known: no labeled rows of both classes to score on.".to_owned();
    };
    let verdict = match (gain.lower > 0.0, gain.upper < 0.0) {
        (true, _) => "Better than averaging",
        (_, true) => "Worse than averaging",
        _ if gain.estimate >= 0.0 => "Not surely better than averaging",
        _ => "Not better than averaging",
    };
    let how = if part.cross_validated { "cross-validated " } else { "" };
    format!(
        "{verdict}: average precision {} against {} ({}, 95% interval {} to {}) on {} {how}rows of {:?}.",
        fixed(combined.average_precision, 3),
        fixed(mean.average_precision, 3),
        signed(gain.estimate, 3),
        signed(gain.lower, 3),
        signed(gain.upper, 3),
        part.rows,
        part.name,
    )
}

/// Whom does it trust?
fn trusted(trust: &TrustReport) -> String {
    let name = |t: &Trust| {
        let against = if t.weight < 0.0 { " against" } else { "" };
        format!("{} {}{against}", t.name, percent(t.share, 0))
    };
    let heard: Vec<String> = trust.classifiers.iter().filter(|t| t.share > 0.0).take(4).map(name).collect();
    let silent = trust.classifiers.iter().filter(|t| t.share < 0.005).count();
    let mut text = match heard.is_empty() {
        true => "It listens to no classifier: none told the classes apart".to_owned(),
        false => format!("It listens most to {}", heard.join(", ")),
    };
    if silent > 0 {
        text += &format!("; hardly or not at all to {silent} of {}", trust.classifiers.len());
    }
    if trust.local_share >= 0.005 {
        text += &format!("; a local correction makes {} of the variance", percent(trust.local_share, 0));
    }
    text + "."
}

/// What a rule makes best, in words.
pub fn rule_in_words(rule: ThresholdRule) -> String {
    match rule {
        ThresholdRule::F1 => "largest F1".to_owned(),
        ThresholdRule::FBeta(beta) => format!("largest F{beta}"),
        ThresholdRule::Mcc => "largest Matthews correlation".to_owned(),
        ThresholdRule::Cost { false_positive, false_negative } => {
            format!("least cost at {false_positive} a false alarm and {false_negative} a miss")
        }
        ThresholdRule::PrecisionAtRecall(r) => format!("largest precision at recall {r} or more"),
        ThresholdRule::RecallAtPrecision(p) => format!("largest recall at precision {p} or more"),
    }
}

/// Where to cut?
fn cut(outcome: &FitOutcome, table: &cfe_io::Table) -> String {
    match &outcome.cut {
        Some(Cut { rule, threshold, precision, recall, called, .. }) => format!(
            "Cut at {} ({}): calls {called} of {} labeled train rows, {} of them rightly, and finds {} of the \
             positives (cross-validated).",
            fixed(*threshold, 4),
            rule_in_words(*rule),
            table.data.labeled().len(),
            percent(*precision, 0),
            percent(*recall, 0),
        ),
        None => {
            "Where to cut? Not known: a class has a single labeled row, so none can be held out.".to_owned()
        }
    }
}
