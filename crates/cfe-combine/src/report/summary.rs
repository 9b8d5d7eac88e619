//! What a person reads at the end of a run.

use cfe_core::metrics::Confusion;
use cfe_core::validation::Interval;
use cfe_report::number::{fixed, or_dash, percent, signed, significant, small, small_or_dash};
use cfe_report::{Cell, Table};

use crate::judge::{
    COMBINED, Chances, Cut, Finding, Part, Severity, TOO_MUCH_IN_SAMPLE, ThresholdRule, Trust, TrustReport,
};
use crate::methods::Method;
use crate::pipeline::FitOutcome;
use crate::recommended::{CurvePoint, LearningCurve};

/// The metrics, a table for each part.
pub fn metrics_tables(parts: &[Part]) -> Vec<Table> {
    let mut out = Vec::new();
    for part in parts {
        let caption = format!(
            "{}{}: {} labeled rows, {} positive",
            part.name,
            provenance(part),
            part.rows,
            part.positives
        );
        let header = ["", "AP", "95% interval", "combined is better by"];
        let header = header.into_iter().chain(["ROC-AUC", "log loss", "Brier", "ECE", "best F1"]);
        let mut table = Table::new(caption, header);
        // A rare event has an average precision that the usual decimals would show as 0.
        let more = more_decimals(part);
        for method in &part.methods {
            let range = |interval: Interval| {
                let (lower, upper) = ends(interval, 3 + more);
                format!("{} to {}", fixed(lower, 3 + more), fixed(upper, 3 + more))
            };
            table.push([
                method.name.as_str().into(),
                ranking(method.metrics.average_precision, 4 + more).into(),
                Cell::from(method.average_precision_interval.map_or(String::new(), range)),
                Cell::from(method.combined_is_better_by.map_or(String::new(), |gain| gained(gain, more))),
                or_dash(method.metrics.roc_auc, 4).into(),
                small_or_dash(method.metrics.log_loss, 2).into(),
                small_or_dash(method.metrics.brier, 2).into(),
                small_or_dash(method.metrics.ece, 2).into(),
                ranking(method.metrics.best_f1, 4 + more).into(),
            ]);
        }
        out.push(table);
    }
    out
}

/// How the predictions of a part were made, in words that follow its name.
pub fn provenance(part: &Part) -> String {
    // What is said: how the predictions were made, then who is left out, then what weights and times do.
    let unscored = match part.without_prediction {
        0 => String::new(),
        n => format!(", without {n} rows that have no prediction"),
    };
    let how = if part.cross_validated {
        ", cross-validated".to_owned()
    } else if part.in_sample_share >= 0.01 {
        format!(", IN-SAMPLE: the model was trained on {} of these rows", percent(part.in_sample_share, 0))
    } else {
        String::new()
    };
    how + &unscored + &uncounted(part)
}

/// What weights and folds in time do to the rows of a part.
fn uncounted(part: &Part) -> String {
    let weight =
        part.weight.map_or_else(String::new, |weight| format!(", of weight {}", significant(weight, 4)));
    let rows = |n: usize| if n == 1 { "1 row".to_owned() } else { format!("{n} rows") };
    match (part.never_scored, part.in_time) {
        (0, _) => weight,
        (n, false) => {
            format!("{weight}; {} of weight 0 {} not scored", rows(n), if n == 1 { "is" } else { "are" })
        }
        (n, true) => format!(
            "{weight}; each row is scored by a fit on earlier rows, and the first {} not at all",
            rows(n)
        ),
    }
}

/// "+0.1234 (-0.012 to +0.260)".
pub fn with_interval(i: Interval) -> String {
    gained(i, 0)
}

/// As [`with_interval`], with more decimals.
fn gained(i: Interval, more: usize) -> String {
    let (lower, upper) = ends(i, 3 + more);
    format!("{} ({} to {})", signed(i.estimate, 4 + more), signed(lower, 3 + more), signed(upper, 3 + more))
}

/// The ends of an interval for so many decimals. An end that would be rounded past the estimate is rounded
/// the other way, so that no printed interval excludes its own estimate.
pub(super) fn ends(i: Interval, decimals: usize) -> (f64, f64) {
    let unit = 10f64.powi(i32::try_from(decimals).unwrap_or(i32::MAX));
    let rounded = |end: f64| (end * unit).round() / unit;
    let lower = if rounded(i.lower) > i.estimate { (i.lower * unit).floor() / unit } else { i.lower };
    let upper = if rounded(i.upper) < i.estimate { (i.upper * unit).ceil() / unit } else { i.upper };
    (lower, upper)
}

/// Decimals that average precision needs beyond the usual ones: where even the best method has less than
/// 0.01, as of a rare event, the usual ones would hide it and all differences.
pub(super) fn more_decimals(part: &Part) -> usize {
    let all = part.methods.iter().filter_map(|method| method.metrics.average_precision);
    let best = all.fold(0.0, f64::max);
    // The place of the first digit that is not 0.
    let place = |v: f64| (-v.log10()).ceil().min(12.0) as usize;
    if best > 0.0 && best < 0.01 { place(best) - 1 } else { 0 }
}

/// Average precision or F1, which are never rounded to 0.
pub(super) fn ranking(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| small(value, decimals))
}

/// The lines that matter: alarms, is it better, whom does it trust, where to cut.
pub fn lines(
    outcome: &FitOutcome,
    table: &cfe_io::Table,
    parts: &[Part],
    findings: &[Finding],
) -> Vec<String> {
    let mut lines = alarms(findings);
    lines.push(match outcome.fallen_back() {
        // Against itself an average has nothing to show.
        Some(over_mean) => format!(
            "Averaging would do, so the model averages: a learned one ranks other rows better with probability {} only.",
            percent(over_mean, 0)
        ),
        None => better(parts, findings),
    });
    lines.extend([trusted(&TrustReport::of(&outcome.model)), cut(outcome, table)]);
    lines
}

/// What makes the results doubtful, in front of them.
pub fn alarms(findings: &[Finding]) -> Vec<String> {
    let alarms = findings.iter().filter(|f| f.severity == Severity::Alarm);
    alarms
        .map(|f| {
            let stop = if f.text.ends_with(['?', ')']) { "" } else { "." };
            format!("Look at this first: {}{stop}", f.text)
        })
        .collect()
}

/// The part that answers best: rows that no fit saw the labels of, if they have both classes; never rows that
/// the model was trained on.
fn decisive(parts: &[Part]) -> Option<&Part> {
    let usable = |part: &&Part| {
        part.positives > 0 && part.positives < part.rows && part.in_sample_share < TOO_MUCH_IN_SAMPLE
    };
    // Rows outside the train split come first: cross-validation scores the method, they score this model.
    parts.iter().filter(usable).find(|part| !part.cross_validated).or_else(|| parts.iter().find(usable))
}

/// With fewer rows of a class no verdict is given: a fold has one or two of them, and resamples of one row
/// are that row.
const TOO_FEW: usize = 10;

/// Is it better than averaging, how likely is that elsewhere, by how much, and what is the best simple rival?
pub fn better(parts: &[Part], findings: &[Finding]) -> String {
    let (here, surely) = better_here(parts, findings);
    // Where the mean cannot be the yardstick, neither can its chances.
    let chances = parts.iter().find_map(|part| part.chances.as_ref());
    match chances.filter(|_| !findings.iter().any(|f| f.kind == "pair")) {
        // Rows that no fit saw answer before what the train rows make likely.
        Some(chances) if chances.averaging_would_do() && !surely => {
            format!("Averaging would do. {} {here}", odds(chances))
        }
        Some(chances) => format!("{here} {}", odds(chances)),
        None => here,
    }
}

/// "By the train rows it ranks other rows better than averaging with probability 90%, ...".
fn odds(chances: &Chances) -> String {
    let mut text = format!(
        "By the train rows it ranks other rows better than averaging with probability {}",
        percent(chances.over_mean, 0)
    );
    if chances.best_rival != "mean" {
        let description = chances.best_rival.parse::<Method>().map_or("", Method::description);
        text += &format!(
            ", and better than their best simple rival, {} ({description}), with probability {}",
            chances.best_rival,
            percent(chances.over_best_rival, 0)
        );
    }
    text + "."
}

/// Is it better than averaging on the rows that answer best? And whether it surely is, on rows that no fit
/// saw.
fn better_here(parts: &[Part], findings: &[Finding]) -> (String, bool) {
    // In-sample rows alone: no figure of them answers the question, so that none is quoted.
    if !parts.is_empty() && parts.iter().all(|part| part.in_sample_share >= TOO_MUCH_IN_SAMPLE) {
        let text = "Better than averaging? These rows cannot tell: the model was trained on some or all of them, so its \
                figures here are too good. Judge by rows the model has not seen, or by the cross-validated figures that `cfe fit` prints.";
        return (text.to_owned(), false);
    }
    // The rows that answer best, and on them the combined prediction, the yardstick and the best rival.
    // Where columns are the two classes of one classifier, the mean of all columns is nearly constant.
    let no_yardstick = findings.iter().any(|f| f.kind == "pair");
    let found = decisive(parts).and_then(|part| {
        let combined = part.methods.iter().find(|m| m.name == COMBINED)?;
        let rivals =
            part.methods.iter().filter(|m| m.name != COMBINED && !(no_yardstick && m.name == "mean"));
        let best = rivals.max_by(|a, b| {
            a.metrics.average_precision.unwrap_or(0.0).total_cmp(&b.metrics.average_precision.unwrap_or(0.0))
        })?;
        // Where the mean cannot be the yardstick, the best of the others takes its place.
        let mean = part.methods.iter().find(|m| m.name == "mean").filter(|_| !no_yardstick).unwrap_or(best);
        Some((part, combined, mean, best, mean.combined_is_better_by?))
    });
    let Some((part, combined, yardstick, best, gain)) = found else {
        let text = "Better than averaging? Not known: no labeled rows of both classes to score on.";
        return (text.to_owned(), false);
    };
    let more = more_decimals(part);
    let name = if yardstick.name == "mean" { "averaging" } else { yardstick.name.as_str() };
    let how = if part.cross_validated { "cross-validated " } else { "" };
    // Resamples of so few rows say nothing of others.
    let (fewest, class) = match 2 * part.positives <= part.rows {
        true => (part.positives, "positive"),
        false => (part.rows - part.positives, "negative"),
    };
    if fewest < TOO_FEW {
        let text = format!(
            "Better than {name}? {fewest} {class} rows are too few to tell: average precision {} against {} on {} {how}rows \
             of {:?}.",
            ranking(combined.metrics.average_precision, 3 + more),
            ranking(yardstick.metrics.average_precision, 3 + more),
            part.rows,
            part.name,
        );
        return (text, false);
    }
    // The interval of the paired difference decides, and "surely" is never said of an interval that holds 0.
    let verdict = match (gain.lower > 0.0, gain.upper < 0.0) {
        (true, _) => "Better than",
        (_, true) => "Worse than",
        _ if gain.estimate >= 0.0 => "Not surely better than",
        _ => "Not better than",
    };
    let mut text = format!(
        "{verdict} {name}: average precision {} against {} ({}, 95% interval {} to {}) on {} {how}rows of {:?}.",
        ranking(combined.metrics.average_precision, 3 + more),
        ranking(yardstick.metrics.average_precision, 3 + more),
        signed(gain.estimate, 3 + more),
        signed(gain.lower, 3 + more),
        signed(gain.upper, 3 + more),
        part.rows,
        part.name,
    );
    // The best rival is named where it is another than the yardstick.
    if best.name != yardstick.name
        && let Some(gain) = best.combined_is_better_by
    {
        text += &format!(
            " The best simple rival is {} with {} ({}, {} to {}).",
            best.name,
            ranking(best.metrics.average_precision, 3 + more),
            signed(gain.estimate, 3 + more),
            signed(gain.lower, 3 + more),
            signed(gain.upper, 3 + more),
        );
    }
    // Cross-validated rows score the method and not this model, and so are never enough for "surely".
    (text, gain.lower > 0.0 && !part.cross_validated)
}

/// Would more labels, or more classifiers, help? One sentence for each that the fit could measure.
pub fn would_more_help(curve: &LearningCurve) -> Vec<String> {
    let sentence = |(points, what): (&[CurvePoint], &str)| {
        let CurvePoint { count, average_precision_gained: gained, .. } = points.first()?;
        let verdict = match gained.lower > 0.0 {
            true => "more of them are likely to help",
            false => "these rows show no sure gain from more of them",
        };
        Some(format!(
            "From {count} {what} to all, cross-validated average precision changed by {}: {verdict}.",
            with_interval(*gained)
        ))
    };
    let both = [(curve.labels.as_slice(), "labeled rows"), (curve.classifiers.as_slice(), "classifiers")];
    both.into_iter().filter_map(sentence).collect()
}

/// Which classifiers does it trust?
fn trusted(trust: &TrustReport) -> String {
    let name = |t: &Trust| {
        let negative = if t.weight < 0.0 { " (negative)" } else { "" };
        format!("{} {}{negative}", t.name, percent(t.share, 0))
    };
    let heard: Vec<String> = trust.classifiers.iter().filter(|t| t.share > 0.0).take(4).map(name).collect();
    // Shares below this are shown as 0%.
    let silent = trust.classifiers.iter().filter(|t| t.share < 0.005).count();
    let mut text = match heard.is_empty() {
        true => "No classifier gets weight: none separates the classes".to_owned(),
        false => format!("The largest weights are those of {}", heard.join(", ")),
    };
    if silent > 0 {
        text += &format!("; {silent} of {} have a share below 0.5%", trust.classifiers.len());
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
    let Some(cut) = &outcome.cut else {
        let why = match outcome.out_of_fold {
            None => "a class has a single labeled row, so none can be held out",
            Some(_) => "all rows that have a cross-validated score are of one class",
        };
        return format!("Where to cut? Not known: {why}.");
    };
    let Confusion { tp, fp, fn_, tn, .. } = cut.confusion;
    // Of rows with weights the weights are counted.
    let called = match table.data.sample_weights() {
        None => format!("{} of {} labeled train rows", cut.called, tp + fp + fn_ + tn),
        Some(_) => {
            let (called, all) = (significant(cut.called, 4), significant(tp + fp + fn_ + tn, 4));
            format!("labeled train rows of weight {called} of {all}")
        }
    };
    let cost = cut.mean_cost.map_or_else(String::new, |cost| {
        format!(", and a decision costs {} on average", significant(cost, 3))
    });
    let does = format!(
        "calls {called}, {} of them rightly, and finds {} of the positives{cost} (cross-validated)",
        share(cut.precision),
        share(cut.recall),
    );
    let threshold = probability(cut.threshold);
    // Out-of-fold probabilities come from other fits, and may reach what the fitted model does not.
    let never = match outcome.combined.probabilities.iter().any(|&p| p >= cut.threshold) {
        true => "",
        false => " The fitted model gives no row of the table so high a probability: every decision is 0.",
    };
    match unreached(cut) {
        Some(target) => format!("{target}; the nearest cut, {threshold}, {does}.{never}"),
        None => format!("Cut at {threshold} ({}): {does}.{never}", rule_in_words(cut.rule)),
    }
}

/// What decisions by the model's threshold cost on average, for each part whose rows say what a wrong one
/// costs.
pub fn costs(parts: &[Part]) -> Vec<String> {
    let cost = |part: &Part| {
        let at = part.at_threshold?;
        let cost = significant(at.mean_cost?, 3);
        let threshold = probability(at.threshold);
        Some(format!("Rows of {:?}, cut at {threshold}: a decision costs {cost} on average.", part.name))
    };
    parts.iter().filter_map(cost).collect()
}

/// A share in whole percent, or with two digits where that would be 0%.
fn share(share: f64) -> String {
    if share > 0.0 && share < 0.01 {
        format!("{}%", significant(100.0 * share, 2))
    } else {
        percent(share, 0)
    }
}

/// "No cut reaches precision 0.9", where that is so.
pub fn unreached(cut: &Cut) -> Option<String> {
    if cut.reached {
        return None;
    }
    match cut.rule {
        ThresholdRule::PrecisionAtRecall(r) => Some(format!("No cut reaches recall {r}")),
        ThresholdRule::RecallAtPrecision(p) => Some(format!("No cut reaches precision {p}")),
        _ => None,
    }
}

/// A probability with four decimals, or with four significant digits where that would hide a rare event.
pub fn probability(p: f64) -> String {
    small_or_dash(Some(p), 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::measure_predictions;

    #[test]
    fn rare_events_are_not_rounded_away() {
        let n = 50_000;
        let labels: Vec<bool> = (0..n).map(|i| i % 4_000 == 77).collect();
        let scores = |k: usize| (0..n).map(|i| (i * k % 49_999) as f64 / 5e8).collect::<Vec<_>>();
        let method = |name: &str, k| (name.to_owned(), scores(k), Some(scores(k)));
        let methods = vec![method(COMBINED, 7_919), method("mean", 104_729)];
        let part = measure_predictions("rare", &labels, None, methods, None, 1).expect("both classes");
        let table = &metrics_tables(std::slice::from_ref(&part))[0];
        for (row, measured) in table.rows.iter().zip(&part.methods) {
            let precision = measured.metrics.average_precision.expect("positives");
            assert!(precision > 0.0 && precision < 0.002, "{precision}");
            let shown: f64 = row[1].text.parse().expect("a number");
            assert!((shown / precision - 1.0).abs() < 0.05, "{shown} {precision}");
            let ends: Vec<f64> =
                row[2].text.split(" to ").map(|end| end.parse().expect("a number")).collect();
            assert!(ends[0] > 0.0 && ends[0] <= precision && precision <= ends[1], "{}", row[2].text);
            for cell in &row[5..8] {
                assert!(cell.text.parse::<f64>().is_ok_and(|value| value > 0.0), "{}", cell.text);
            }
        }
        let mut near = part.methods[0].average_precision_interval.expect("both classes");
        (near.estimate, near.lower, near.upper) = (0.0905, 0.0905, 0.0931);
        assert_eq!(ends(near, 3), (0.09, 0.0931));
        assert_eq!(gained(near, 0), "+0.0905 (+0.090 to +0.093)");
        let said = better(&[part], &[]);
        assert!(!said.contains(" 0.000 ") && !said.contains("0.000000"), "{said}");
        assert_eq!([share(0.0004), share(0.5), share(0.0)], ["0.040%", "50%", "0%"]);
    }
}
