//! Classifiers that know the label: leaks, and predictions made on the rows a classifier was trained on.

use cfe_core::stats::moments::median;

use super::{Column, ENOUGH, Finding, Quality, Severity};

/// A column of two values that agrees with the label this well (Matthews correlation) is the label, or nearly
/// so.
const LABEL: f64 = 0.9;
/// A classifier that separates the train rows this well (ROC-AUC), while the others are far from it, is too
/// good.
pub(super) const TOO_GOOD: f64 = 0.995;
/// How far the median of the other classifiers must be below, and how much ROC-AUC may drop outside the train
/// split.
pub(super) const FAR_BELOW: f64 = 0.05;
/// Rows of the rarer class that hardly any classifier separates without one error.
const MANY: usize = 20;

/// Counts of a label (first index) and a flag (second index).
type Counts = [[f64; 2]; 2];

/// Matthews correlation of a label and a flag; `None` without enough of either class, where two columns agree
/// by chance.
fn correlation(counts: &Counts) -> Option<f64> {
    let [[tn, fp], [fn_, tp]] = *counts;
    let few = tp + fn_ < ENOUGH as f64 || tn + fp < ENOUGH as f64;
    let spread = ((tp + fp) * (tp + fn_) * (tn + fp) * (tn + fn_)).sqrt();
    Some((tp * tn - fp * fn_) / spread).filter(|mcc| !few && mcc.is_finite())
}

/// "every labeled train row" or "98.8% of the labeled train rows".
fn agreement([[tn, fp], [fn_, tp]]: &Counts, turned: bool, row: &str) -> String {
    let (agree, total) = (if turned { fp + fn_ } else { tn + tp }, tn + fp + fn_ + tp);
    match agree == total {
        true => format!("every labeled {row}"),
        false => format!("{:.1}% of the labeled {row}s", 100.0 * agree / total),
    }
}

/// Columns of two values that are the label or its opposite, or nearly so, and columns whose gaps tell the
/// label.
pub(super) fn leaks<'a, 'b: 'a>(
    labels: &[Option<bool>],
    columns: impl IntoIterator<Item = &'a Column<'b>>,
) -> Vec<Finding> {
    columns.into_iter().filter_map(|column| leak(labels, column)).collect()
}

fn leak(labels: &[Option<bool>], column: &Column<'_>) -> Option<Finding> {
    let name = column.name;
    let found = |what: String| {
        let cure = format!("if it is made from the label, leave it out{}", column.option);
        Finding::new(Severity::Alarm, "leak", vec![name.to_owned()], format!("leak: {name:?} {what}; {cure}"))
    };
    let labeled = || column.row.iter().zip(labels).filter_map(|(&p, &label)| Some((p, label?)));
    let count = |flags: &dyn Fn(f64) -> Option<bool>| {
        let mut counts = [[0.0; 2]; 2];
        for (p, label) in labeled() {
            if let Some(flag) = flags(p) {
                counts[usize::from(label)][usize::from(flag)] += 1.0;
            }
        }
        counts
    };
    if column.distinct.len() == 2 {
        // Of the two values the higher one stands for positive.
        let high = column.distinct[0].max(column.distinct[1]);
        let counts = count(&|p| (!p.is_nan()).then_some(p == high));
        if let Some(mcc) = correlation(&counts).filter(|mcc| mcc.abs() >= LABEL) {
            let what = if mcc > 0.0 { "equals the label" } else { "is the opposite of the label" };
            return Some(found(format!("{what} in {}", agreement(&counts, mcc < 0.0, column.train_row))));
        }
    }
    if column.missing == 0.0 {
        return None;
    }
    let counts = count(&|p| Some(p.is_nan()));
    let mcc = correlation(&counts).filter(|mcc| mcc.abs() >= LABEL)?;
    let class = if mcc > 0.0 { "positive" } else { "negative" };
    Some(found(format!(
        "is missing where a row is {class} and there where it is not, in {}",
        agreement(&counts, mcc < 0.0, column.train_row)
    )))
}

/// Labeled rows outside the train split that most classifiers do not rank at all, although they rank the
/// train rows: predictions and labels of these rows do not belong together.
pub(super) fn unjoined(columns: &[Column<'_>]) -> Option<Finding> {
    let knows = |q: Quality| (q.auc - 0.5).abs() > 4.0 * q.error_by_chance();
    let both = columns.iter().filter_map(|c| Some((c.name, c.train.filter(|q| knows(*q))?, c.outside?)));
    let both: Vec<(&str, Quality, Quality)> = both.collect();
    let lost = |(_, train, outside): &&(&str, Quality, Quality)| {
        let error = (train.variance() + outside.variance()).sqrt();
        // A nearly perfect ranking of the train rows that is lost is one of rows that the classifier saw.
        train.auc < TOO_GOOD
            && (outside.auc - 0.5).abs() < 3.0 * outside.error_by_chance()
            && (train.auc - outside.auc).abs() > 4.0 * error
    };
    let found: Vec<&(&str, Quality, Quality)> = both.iter().filter(lost).collect();
    if found.len() < 2 || 2 * found.len() <= both.len() {
        return None;
    }
    let typical = |auc: &dyn Fn(&(&str, Quality, Quality)) -> f64| {
        let all: Vec<f64> = found.iter().map(|f| auc(f)).collect();
        median(&all).expect("two at least")
    };
    let text = format!(
        "{} of {} classifiers rank the train rows (median ROC-AUC {:.3}) and do not rank the rows outside the train split \
         ({:.3}): do the predictions and the labels of these rows belong together? Check how they were joined",
        found.len(),
        both.len(),
        typical(&|f| f.1.auc),
        typical(&|f| f.2.auc)
    );
    let names = found.iter().map(|(name, ..)| (*name).to_owned()).collect();
    Some(Finding::new(Severity::Alarm, "unjoined", names, text))
}

/// Classifiers that rank the train rows far better than the labeled rows outside, and more so than the
/// others; those that were found already are passed over.
pub(super) fn in_sample(columns: &[Column<'_>], found: &[Finding]) -> Vec<Finding> {
    let is_new = |c: &&Column<'_>| {
        !found.iter().any(|f| f.kind == "unjoined" && f.classifiers.iter().any(|name| name == c.name))
    };
    let drop = |c: &Column<'_>| Some((c.train?, c.outside?)).map(|(a, b)| (a.auc - b.auc, a, b));
    let drops: Vec<f64> = columns.iter().filter_map(|c| Some(drop(c)?.0)).collect();
    // The median drop is what the population costs. A negative one, of an easier population, must not count
    // against a classifier.
    let typical = median(&drops).map_or(0.0, |drop| drop.max(0.0));
    let mut out = Vec::new();
    // One value for all rows outside does not speak of training on the others, and has a finding of its own.
    for column in columns.iter().filter(|c| c.constant_outside.is_none()).filter(is_new) {
        let Some((lost, train, outside)) = drop(column) else { continue };
        // The two parts have no row in common, so the variances of their ROC-AUC add.
        let error = (train.variance() + outside.variance()).sqrt();
        // A harder population costs every classifier something: only what is lost beyond that is suspicious,
        // or a perfect ranking that is lost.
        let beyond = if train.auc >= TOO_GOOD { lost } else { lost - typical };
        if beyond > FAR_BELOW && lost > 4.0 * error {
            // What a classifier learned by heart is worth nothing on other rows, and not less than that.
            if 0.5 - outside.auc > 4.0 * outside.error_by_chance() {
                let text = format!(
                    "{:?} ranks the train rows (ROC-AUC {:.3}) and ranks the rows outside the train split the wrong way round \
                     ({:.3}): are its classes swapped there?",
                    column.name, train.auc, outside.auc
                );
                out.push(Finding::new(Severity::Alarm, "inverted", vec![column.name.to_owned()], text));
                continue;
            }
            out.push(Finding::new(
                Severity::Alarm,
                "in_sample",
                vec![column.name.to_owned()],
                format!(
                    "{:?} ranks the train rows far better (ROC-AUC {:.3}) than the rows outside the train split ({:.3}): \
                     were its train predictions made on the rows it was trained on? Use out-of-fold predictions, or \
                     leave it out{}",
                    column.name, train.auc, outside.auc, column.option
                ),
            ));
        }
    }
    out
}

/// Classifiers that separate the labeled rows outside the train split and not the train rows, while the
/// others are far from it outside.
pub(super) fn seen_outside(columns: &[Column<'_>], found: &[Finding]) -> Vec<Finding> {
    let mut out = Vec::new();
    for (k, column) in columns.iter().enumerate() {
        let Some((train, outside)) = column.train.zip(column.outside) else { continue };
        let error = (train.variance() + outside.variance()).sqrt();
        let gained = outside.auc - train.auc;
        let named = found.iter().any(|f| f.classifiers.iter().any(|name| name == column.name));
        if named || outside.auc < TOO_GOOD || gained <= FAR_BELOW || gained <= 4.0 * error {
            continue;
        }
        let others = columns.iter().enumerate().filter(|&(j, _)| j != k).filter_map(|(_, c)| c.outside);
        let others: Vec<f64> = others.map(|quality| quality.auc).collect();
        let Some(other) = median(&others).filter(|other| outside.auc - other > FAR_BELOW) else { continue };
        let text = format!(
            "{:?} separates the rows outside the train split almost perfectly (ROC-AUC {:.3}; the others have a median of \
             {other:.3}) and not the train rows ({:.3}): was it trained on the rows outside, or does it know their labels? \
             Figures on these rows are then too good; leave it out{}",
            column.name, outside.auc, train.auc, column.option
        );
        out.push(Finding::new(Severity::Alarm, "in_sample", vec![column.name.to_owned()], text));
    }
    out
}

/// Classifiers that separate the train rows, either way round, while the others are far from it, and that
/// separate the labeled rows outside as well where there are any.
pub(super) fn too_good(columns: &[Column<'_>], found: &[Finding]) -> Vec<Finding> {
    let strength = |quality: Quality| quality.auc.max(1.0 - quality.auc);
    let mut out = Vec::new();
    for (k, column) in columns.iter().enumerate() {
        let Some(train) = column.train.filter(|q| strength(*q) >= TOO_GOOD) else { continue };
        let named = found.iter().any(|f| f.classifiers.iter().any(|name| name == column.name));
        // Rows outside that it does not separate are compared by `in_sample`.
        let as_good_outside =
            |outside: Quality| strength(outside) >= TOO_GOOD && (outside.auc < 0.5) == (train.auc < 0.5);
        if named || column.outside.is_some_and(|outside| !as_good_outside(outside)) {
            continue;
        }
        let others = columns.iter().enumerate().filter(|&(j, _)| j != k).filter_map(|(_, c)| c.train);
        let others: Vec<f64> = others.map(strength).collect();
        // The others are the yardstick: on an easy task all of them may separate the rows, and that is not
        // suspicious. Where many positives are separated without one error, a single one that does not is
        // yardstick enough, as most classifiers may be in-sample.
        let perfect = strength(train) == 1.0 && train.positives.min(train.negatives) >= MANY;
        let yardstick = match perfect {
            true => {
                others.iter().copied().reduce(f64::min).map(|worst| (worst, "the weakest of the others has"))
            }
            false => median(&others).map(|typical| (typical, "the others have a median of")),
        };
        let Some((other, whose)) = yardstick.filter(|(other, _)| strength(train) - other > FAR_BELOW) else {
            continue;
        };
        let how = if train.auc < 0.5 { " the wrong way round" } else { "" };
        // A classifier that saw its train rows is not as good on others; one that knows the label is.
        let (rows, suspicion) = match column.outside {
            None => (
                format!("{}s", column.train_row),
                "a leak of the label, or predictions made on the rows it was trained on? Use out-of-fold predictions, or",
            ),
            Some(_) => (format!("{}s and the rows outside", column.train_row), "a leak of the label? If so,"),
        };
        out.push(Finding::new(
            Severity::Alarm,
            "in_sample",
            vec![column.name.to_owned()],
            format!(
                "{:?} separates the {rows} almost perfectly{how} (average precision {:.3}, ROC-AUC {:.3}; {whose} \
                 {other:.3}): {suspicion} leave it out{}",
                column.name, train.average_precision, train.auc, column.option
            ),
        ));
    }
    out
}
