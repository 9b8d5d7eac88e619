//! What may have gone wrong before the classifiers came together.

use std::fmt::Write as _;

use cfe_core::Result;
use cfe_core::metrics::Scored;
use cfe_core::stats::moments::median;
use cfe_io::Table;
use ndarray::{ArrayView1, Axis};
use serde::Serialize;

use super::redundancy::correlations;

/// With fewer positives hardly anything beats averaging, and intervals are wide.
const FEW_POSITIVES: usize = 30;
/// Classifiers that agree more than this tell the same.
const DUPLICATE: f64 = 0.995;
/// Share of missing predictions that is worth a word.
const MISSING: f64 = 0.05;
/// Smallest distance of distributions that is worth a word.
const SHIFT: f64 = 0.15;
/// A column of two values that agrees with the label this well (Matthews correlation) is the label, or nearly
/// so.
const LABEL: f64 = 0.9;
/// A classifier that separates the train rows this well (ROC-AUC), while the others are far from it, is too
/// good.
const TOO_GOOD: f64 = 0.995;
/// How far the median of the other classifiers must be below, and how much ROC-AUC may drop outside the train
/// split.
const FAR_BELOW: f64 = 0.05;
/// Positives and negatives that a comparison of ROC-AUC needs.
const ENOUGH: usize = 5;
/// Sorted values that a distribution is compared by, at most.
const POINTS: usize = 2_000;
/// Names that a line lists before "and 12 more".
const NAMED: usize = 5;

/// How much a finding matters; the first one matters most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Severity {
    /// The results cannot be believed before this is looked at.
    Alarm,
    /// Something that costs quality or makes a figure misleading.
    Warning,
    /// Good to know.
    Note,
}

/// Something to know before trusting the result.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// `leak`, `in_sample`, `inverted`, `pair`, `two_values`, `constant`, `no_prediction`, `shift`,
    /// `prevalence`, `missing`, `duplicate` or `few_positives`.
    pub kind: &'static str,
    /// The classifiers it is about.
    pub classifiers: Vec<String>,
    /// What was found and what can be done.
    pub text: String,
}

impl Finding {
    fn new(severity: Severity, kind: &'static str, classifiers: Vec<String>, text: String) -> Self {
        Self { severity, kind, classifiers, text }
    }
}

/// Looks at a table for leaks, in-sample predictions, inverted, constant, near-duplicate and gappy
/// classifiers, shift between the train split and the rest, and few positives. The gravest finding comes
/// first; there is one finding for all gaps, one for all duplicates.
///
/// # Errors
/// None for a table that was read.
pub fn diagnose(table: &Table) -> Result<Vec<Finding>> {
    let columns = columns(table)?;
    let pairs = correlations(&table.data);
    let mirrored = mirrored(table, &pairs);
    let mut out = Vec::new();
    out.extend(leaks(table, &columns));
    out.extend(in_sample(&columns));
    out.extend(too_good(&columns, &out));
    out.extend(inverted(&columns, &mirrored));
    out.extend(mirrored_pairs(table, &mirrored));
    out.extend(two_values(&columns, &out));
    out.extend(constant(table, &columns));
    out.extend(without_prediction(table));
    let suspicious =
        out.iter().filter(|f| f.kind == "in_sample").flat_map(|f| f.classifiers.clone()).collect();
    out.extend(shifted(table, &columns, suspicious));
    out.extend(missing(&columns));
    out.extend(duplicates(table, &pairs));
    out.extend(few_positives(table));
    // Stable: equally grave findings keep the order above.
    out.sort_by_key(|finding| finding.severity);
    Ok(out)
}

/// How well a classifier ranks some labeled rows.
#[derive(Debug, Clone, Copy)]
struct Quality {
    auc: f64,
    average_precision: f64,
    positives: usize,
    negatives: usize,
}

impl Quality {
    /// Of the rows that have a label and a prediction; `None` with fewer than [`ENOUGH`] of a class.
    fn of(row: ArrayView1<'_, f64>, labels: &[Option<bool>]) -> Result<Option<Self>> {
        let seen = row.iter().zip(labels).filter_map(|(&p, &y)| (!p.is_nan()).then_some(p).zip(y));
        let (scores, y): (Vec<f64>, Vec<bool>) = seen.unzip();
        let positives = y.iter().filter(|&&y| y).count();
        let negatives = y.len() - positives;
        if positives < ENOUGH || negatives < ENOUGH {
            return Ok(None);
        }
        let ranking = Scored::new(&y, &scores)?.ranking();
        let average_precision = ranking.average_precision();
        Ok(ranking.roc_auc().map(|auc| Self { auc, average_precision, positives, negatives }))
    }

    /// Variance of the ROC-AUC (Hanley and McNeil, "The meaning and use of the area under a receiver
    /// operating characteristic (ROC) curve", 1982).
    fn variance(self) -> f64 {
        let (a, p, n) = (self.auc, self.positives as f64, self.negatives as f64);
        let (q1, q2) = (a / (2.0 - a), 2.0 * a * a / (1.0 + a));
        let sum = a * (1.0 - a) + (p - 1.0) * (q1 - a * a) + (n - 1.0) * (q2 - a * a);
        // A perfect ranking has no variance by this formula, which no finite sample deserves.
        (sum / (p * n)).max(1.0 / (p * n))
    }
}

/// What is known of one classifier.
struct Column<'a> {
    name: &'a str,
    row: ArrayView1<'a, f64>,
    /// Distinct values; three stand for any larger number.
    distinct: Vec<f64>,
    missing: f64,
    train: Option<Quality>,
    outside: Option<Quality>,
}

fn columns(table: &Table) -> Result<Vec<Column<'_>>> {
    let outside: Vec<Option<bool>> =
        table.truth.iter().zip(&table.in_train).map(|(y, train)| y.filter(|_| !train)).collect();
    let mut out = Vec::new();
    let r = table.data.predictions();
    for (u, name) in table.data.classifier_names().iter().enumerate() {
        let row = r.index_axis_move(Axis(0), u);
        let mut distinct: Vec<f64> = Vec::new();
        for &p in row.iter().filter(|p| !p.is_nan()) {
            if !distinct.contains(&p) {
                distinct.push(p);
            }
            if distinct.len() > 2 {
                break;
            }
        }
        let gaps = row.iter().filter(|p| p.is_nan()).count();
        out.push(Column {
            name,
            row,
            distinct,
            missing: gaps as f64 / row.len() as f64,
            train: Quality::of(row, table.data.labels())?,
            outside: Quality::of(row, &outside)?,
        });
    }
    Ok(out)
}

/// "a, b and 3 more".
fn listed(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(NAMED);
    let mut out = names.take(NAMED).collect::<Vec<_>>().join(", ");
    if more > 0 {
        write!(out, " and {more} more").expect("a string takes any text");
    }
    out
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// Columns of two values that are the label, or nearly so.
fn leaks(table: &Table, columns: &[Column<'_>]) -> Vec<Finding> {
    let labels = table.data.labels();
    let mut out = Vec::new();
    for column in columns.iter().filter(|c| c.distinct.len() == 2) {
        let high = column.distinct[0].max(column.distinct[1]);
        let (mut agree, mut counts) = (0.0, [[0.0_f64; 2]; 2]);
        for (&p, &label) in column.row.iter().zip(labels) {
            let Some(label) = label.filter(|_| !p.is_nan()) else { continue };
            counts[usize::from(label)][usize::from(p == high)] += 1.0;
            agree += f64::from(label == (p == high));
        }
        let [[tn, fp], [fn_, tp]] = counts;
        let total = tn + fp + fn_ + tp;
        let spread = ((tp + fp) * (tp + fn_) * (tn + fp) * (tn + fn_)).sqrt();
        // Without positives enough, two columns agree by chance.
        let few = tp + fn_ < ENOUGH as f64 || tn + fp < ENOUGH as f64;
        if few || !((tp * tn - fp * fn_) / spread >= LABEL) {
            continue;
        }
        let how =
            if agree == total { "every".to_owned() } else { format!("{:.1}% of the", 100.0 * agree / total) };
        let rows = if agree == total { "row" } else { "rows" };
        out.push(Finding::new(
            Severity::Alarm,
            "leak",
            vec![column.name.to_owned()],
            format!(
                "leak: {:?} equals the label in {how} labeled train {rows}; if it is made from the label, leave it out \
                 (--exclude {})",
                column.name, column.name
            ),
        ));
    }
    out
}

/// Classifiers that rank the train rows far better than the labeled rows outside, and more so than the
/// others.
fn in_sample(columns: &[Column<'_>]) -> Vec<Finding> {
    let drop = |c: &Column<'_>| Some((c.train?, c.outside?)).map(|(a, b)| (a.auc - b.auc, a, b));
    let drops: Vec<f64> = columns.iter().filter_map(|c| Some(drop(c)?.0)).collect();
    let typical = median(&drops).map_or(0.0, |drop| drop.max(0.0));
    let mut out = Vec::new();
    for column in columns {
        let Some((lost, train, outside)) = drop(column) else { continue };
        let error = (train.variance() + outside.variance()).sqrt();
        // A harder population costs every classifier something: only what is lost beyond that is suspicious,
        // or a perfect ranking that is lost.
        let beyond = if train.auc >= TOO_GOOD { lost } else { lost - typical };
        if beyond > FAR_BELOW && lost > 4.0 * error {
            out.push(Finding::new(
                Severity::Alarm,
                "in_sample",
                vec![column.name.to_owned()],
                format!(
                    "{:?} ranks the train rows far better (ROC-AUC {:.3}) than the rows outside the train split ({:.3}): \
                     were its train predictions made on the rows it was trained on? Use out-of-fold predictions, or \
                     leave it out (--exclude {})",
                    column.name, train.auc, outside.auc, column.name
                ),
            ));
        }
    }
    out
}

/// Classifiers that separate the train rows while the others are far from it, where no rows outside tell
/// more.
fn too_good(columns: &[Column<'_>], found: &[Finding]) -> Vec<Finding> {
    let mut out = Vec::new();
    for (k, column) in columns.iter().enumerate() {
        let Some(train) = column.train.filter(|q| q.auc >= TOO_GOOD) else { continue };
        let named = found.iter().any(|f| f.classifiers.iter().any(|name| name == column.name));
        if named || column.outside.is_some() {
            continue;
        }
        let others = columns.iter().enumerate().filter(|&(j, _)| j != k);
        let others: Vec<f64> = others.filter_map(|(_, c)| Some(c.train?.auc)).collect();
        if let Some(typical) = median(&others).filter(|typical| train.auc - typical > FAR_BELOW) {
            out.push(Finding::new(
                Severity::Alarm,
                "in_sample",
                vec![column.name.to_owned()],
                format!(
                    "{:?} separates the train rows almost perfectly (average precision {:.3}, ROC-AUC {:.3}; the others \
                     have a median of {typical:.3}): a leak of the label, or predictions made on the rows it was trained \
                     on? Use out-of-fold predictions, or leave it out (--exclude {})",
                    column.name, train.average_precision, train.auc, column.name
                ),
            ));
        }
    }
    out
}

/// Classifiers that rank negatives above positives.
fn inverted(columns: &[Column<'_>], mirrored: &[(usize, usize)]) -> Vec<Finding> {
    let mut out = Vec::new();
    for (k, column) in columns.iter().enumerate() {
        let Some(Quality { auc, positives, negatives, .. }) = column.train else { continue };
        // One half of a pair is inverted by nature, and has a finding of its own.
        if mirrored.iter().any(|&(a, b)| a == k || b == k) {
            continue;
        }
        let (positive, negative) = (positives as f64, negatives as f64);
        // Of the rank sum, were the classifier to know nothing.
        let error = ((positive + negative + 1.0) / (12.0 * positive * negative)).sqrt();
        let severity = match (0.5 - auc) / error {
            z if z > 3.0 => Severity::Alarm,
            // Chance does this in one of forty.
            z if z > 1.96 => Severity::Warning,
            _ => continue,
        };
        let text = format!(
            "{:?} ranks the wrong way round (ROC-AUC {auc:.3} on labeled train rows); are its classes swapped?",
            column.name
        );
        out.push(Finding::new(severity, "inverted", vec![column.name.to_owned()], text));
    }
    out
}

/// Pairs of classifiers whose probabilities sum to 1 in every row.
fn mirrored(table: &Table, pairs: &[(usize, usize, f64)]) -> Vec<(usize, usize)> {
    let r = table.data.predictions();
    let sums = |a: usize, b: usize| {
        let both = r.row(a).into_iter().zip(r.row(b)).filter(|(p, q)| !p.is_nan() && !q.is_nan());
        let (mut n, mut same) = (0, true);
        for (p, q) in both {
            n += 1;
            same &= (p + q - 1.0).abs() < 1e-3;
        }
        same && n > 0
    };
    let candidates = pairs.iter().filter(|(.., correlation)| *correlation < -DUPLICATE);
    candidates.map(|&(a, b, _)| (a.min(b), a.max(b))).filter(|&(a, b)| sums(a, b)).collect()
}

fn mirrored_pairs(table: &Table, mirrored: &[(usize, usize)]) -> Option<Finding> {
    let names = table.data.classifier_names();
    let text = listed(mirrored.iter().map(|&(a, b)| format!("{} and {}", names[a], names[b])));
    (!mirrored.is_empty()).then(|| {
        Finding::new(
            Severity::Warning,
            "pair",
            mirrored.iter().flat_map(|&(a, b)| [names[a].clone(), names[b].clone()]).collect(),
            format!(
                "these columns sum to 1 in every row, so they are the two classes of one classifier: {text}. One of each \
                 pair tells nothing, and the mean of all columns is not a yardstick; keep the columns of the positive \
                 class (--columns or --exclude)"
            ),
        )
    })
}

/// Columns of two values that are not the label: hard predictions, or not classifiers at all. Columns of 0
/// and 1 have a warning of the table already.
fn two_values(columns: &[Column<'_>], found: &[Finding]) -> Option<Finding> {
    let leak = |name: &str| found.iter().any(|f| f.kind == "leak" && f.classifiers.iter().any(|n| n == name));
    let two = |c: &Column<'_>| c.distinct.len() == 2 && !c.distinct.iter().all(|&p| p == 0.0 || p == 1.0);
    let few: Vec<&Column<'_>> = columns.iter().filter(|c| two(c) && !leak(c.name)).collect();
    let quality = |c: &&Column<'_>| match c.train {
        Some(quality) => format!("{} (ROC-AUC {:.3})", c.name, quality.auc),
        None => c.name.to_owned(),
    };
    let text = listed(few.iter().map(quality));
    (!few.is_empty()).then(|| {
        Finding::new(
            Severity::Warning,
            "two_values",
            few.iter().map(|c| c.name.to_owned()).collect(),
            format!(
                "only two different values in {text}: hard predictions instead of probabilities, or columns that are not \
                 classifiers (folds, flags)? Leave out what is not a classifier (--exclude)"
            ),
        )
    })
}

/// Columns that cannot tell the train rows apart, with the reason. A column that is constant everywhere has a
/// warning of the table already.
fn constant(table: &Table, columns: &[Column<'_>]) -> Option<Finding> {
    let mut found = Vec::new();
    for column in columns.iter().filter(|c| c.distinct.len() > 1) {
        let in_train = column.row.iter().zip(&table.in_train).filter(|(p, train)| !p.is_nan() && **train);
        let mut values = in_train.map(|(p, _)| *p);
        let reason = match values.next() {
            None => "has no prediction in the train rows".to_owned(),
            Some(first) if values.all(|p| p == first) => format!("is {first} in every train row"),
            Some(_) => continue,
        };
        found.push((column.name, format!("{:?} {reason}", column.name)));
    }
    let names: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
    (!found.is_empty()).then(|| {
        Finding::new(
            Severity::Warning,
            "constant",
            owned(&names),
            format!(
                "{}: nothing can be learned from that",
                listed(found.iter().map(|(_, text)| text.clone()))
            ),
        )
    })
}

/// Rows that carry no prediction at all.
fn without_prediction(table: &Table) -> Option<Finding> {
    let r = table.data.predictions();
    let empty: Vec<usize> = (0..r.ncols()).filter(|&i| r.column(i).iter().all(|p| p.is_nan())).collect();
    let labeled = empty.iter().filter(|&&i| table.truth[i].is_some()).count();
    (!empty.is_empty()).then(|| {
        Finding::new(
            Severity::Warning,
            "no_prediction",
            Vec::new(),
            format!(
                "{} rows have no prediction at all, {labeled} of them labeled: they are not learned from and not scored, \
                 and get the share of positives",
                empty.len()
            ),
        )
    })
}

fn missing(columns: &[Column<'_>]) -> Option<Finding> {
    let mut gappy: Vec<&Column<'_>> = columns.iter().filter(|c| c.missing >= MISSING).collect();
    gappy.sort_by(|a, b| b.missing.total_cmp(&a.missing));
    let shares = listed(gappy.iter().map(|c| format!("{} {:.0}%", c.name, 100.0 * c.missing)));
    (!gappy.is_empty()).then(|| {
        Finding::new(
            Severity::Note,
            "missing",
            gappy.iter().map(|c| c.name.to_owned()).collect(),
            format!("missing predictions are filled in: {shares}"),
        )
    })
}

fn duplicates(table: &Table, pairs: &[(usize, usize, f64)]) -> Option<Finding> {
    let names = table.data.classifier_names();
    let mut alike: Vec<_> = pairs.iter().filter(|(.., correlation)| *correlation > DUPLICATE).collect();
    alike.sort_by(|a, b| b.2.total_cmp(&a.2));
    let mut classifiers: Vec<String> = Vec::new();
    for name in alike.iter().flat_map(|&&(a, b, _)| [&names[a], &names[b]]) {
        if !classifiers.contains(name) {
            classifiers.push(name.clone());
        }
    }
    let text = listed(alike.iter().map(|&&(a, b, r)| format!("{} and {} ({r:.4})", names[a], names[b])));
    (!alike.is_empty()).then(|| {
        Finding::new(
            Severity::Note,
            "duplicate",
            classifiers,
            format!("nearly the same (correlation of log-odds): {text}; one of each pair adds nothing"),
        )
    })
}

fn few_positives(table: &Table) -> Option<Finding> {
    let (_, positives) = table.data.class_counts();
    (positives < FEW_POSITIVES).then(|| {
        Finding::new(
            Severity::Note,
            "few_positives",
            Vec::new(),
            format!(
                "{positives} positives to learn from: averaging is hard to beat below {FEW_POSITIVES}, and every interval \
                 is wide"
            ),
        )
    })
}

/// Classifiers whose probabilities are distributed otherwise outside the train split (Kolmogorov and Smirnov,
/// 1%).
///
/// Another share of positives alone mixes the two classes of the train rows otherwise, and moves every
/// classifier so; what such a mixture explains is a finding about prevalence. What is left comes from a
/// refit, from another population, or from train predictions made on the train rows themselves; a lower
/// ROC-AUC outside tells the last apart, and has a finding of its own (`suspicious`).
fn shifted(table: &Table, columns: &[Column<'_>], suspicious: Vec<String>) -> Vec<Finding> {
    let mut moved: Vec<(f64, &Column<'_>)> = Vec::new();
    let mut shares = Vec::new();
    for column in columns.iter().filter(|c| !suspicious.iter().any(|name| name == c.name)) {
        let part = |keep: &dyn Fn(usize) -> bool| sorted(column.row, keep);
        let train = part(&|i| table.in_train[i]);
        let outside = part(&|i| !table.in_train[i]);
        let (n, k) = (train.len() as f64, outside.len() as f64);
        let least = SHIFT.max(1.63 * ((n + k) / (n * k)).sqrt());
        let Some(found) = distance(&train, &outside).filter(|d| *d > least) else { continue };
        let class = |label: bool| part(&|i| table.data.labels()[i] == Some(label));
        match best_mixture(&class(true), &class(false), &outside) {
            Some((share, left)) if left <= least => shares.push(share),
            _ => moved.push((found, column)),
        }
    }
    let mut out = Vec::new();
    out.extend(prevalence(table, &mut shares));
    moved.sort_by(|a, b| b.0.total_cmp(&a.0));
    if !moved.is_empty() {
        let judged = moved.iter().all(|(_, c)| c.outside.is_some());
        let (severity, meaning) = if judged {
            (
                Severity::Note,
                "they rank the rows there about as well, so this is a refit or another population; probabilities may be off",
            )
        } else {
            (
                Severity::Warning,
                "a refit or another population does this, and so do train predictions made on the rows a classifier was \
                 trained on: check how they were made",
            )
        };
        let names = listed(moved.iter().map(|(d, c)| format!("{} {d:.2}", c.name)));
        out.push(Finding::new(
            severity,
            "shift",
            moved.iter().map(|(_, c)| c.name.to_owned()).collect(),
            format!(
                "distributed otherwise outside the train split (distance of at most 1): {names}; {meaning}"
            ),
        ));
    }
    out
}

/// Another share of positives outside the train split: counted where labels are there, else from the
/// mixtures.
fn prevalence(table: &Table, shares: &mut [f64]) -> Option<Finding> {
    let (negatives, positives) = table.data.class_counts();
    let train = positives as f64 / (positives + negatives).max(1) as f64;
    let labeled: Vec<bool> = table
        .truth
        .iter()
        .zip(&table.in_train)
        .filter(|(_, train)| !**train)
        .filter_map(|(y, _)| *y)
        .collect();
    let (outside, how) = if labeled.is_empty() {
        (median(shares)?, "about ")
    } else {
        let n = labeled.len() as f64;
        let share = labeled.iter().filter(|&&y| y).count() as f64 / n;
        let error = (train * (1.0 - train) * (1.0 / n + 1.0 / (positives + negatives) as f64)).sqrt();
        if !((share - train).abs() > 3.0 * error) {
            return None;
        }
        (share, "")
    };
    let ratio = outside.max(1e-9) / train.max(1e-9);
    (!(0.67..=1.5).contains(&ratio)).then(|| {
        Finding::new(
            Severity::Warning,
            "prevalence",
            Vec::new(),
            format!(
                "the share of positives is {:.2}% in the labeled train rows and {how}{:.2}% outside the train split: the \
                 ranking holds, the probabilities and the threshold are those of the train rows (--prevalence corrects \
                 them)",
                100.0 * train,
                100.0 * outside
            ),
        )
    })
}

/// Sorted values of some rows.
fn sorted(row: ArrayView1<'_, f64>, keep: &dyn Fn(usize) -> bool) -> Vec<f64> {
    let kept = row.iter().enumerate().filter(|&(i, p)| !p.is_nan() && keep(i));
    let mut values: Vec<f64> = kept.map(|(_, p)| *p).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The share of positives whose mixture of the two classes is nearest to `mixed`, and its distance; `None`
/// without values of both classes.
fn best_mixture(positive: &[f64], negative: &[f64], mixed: &[f64]) -> Option<(f64, f64)> {
    if positive.len() < ENOUGH || negative.len() < ENOUGH || mixed.is_empty() {
        return None;
    }
    let step = (mixed.len() / POINTS).max(1);
    let below = |values: &[f64], at: f64| values.partition_point(|&v| v <= at) as f64 / values.len() as f64;
    let points: Vec<[f64; 3]> = mixed
        .iter()
        .chain(positive)
        .chain(negative)
        .step_by(step)
        .map(|&at| [below(positive, at), below(negative, at), below(mixed, at)])
        .collect();
    let distance_at = |share: f64| {
        let gaps = points.iter().map(|[p, n, m]| (share * p + (1.0 - share) * n - m).abs());
        gaps.fold(0.0_f64, f64::max)
    };
    let shares = (0..=200).map(|k| f64::from(k) / 200.0);
    shares.map(|share| (share, distance_at(share))).min_by(|a, b| a.1.total_cmp(&b.1))
}

/// Largest distance of the distribution functions of two sorted lists; `None` if one is empty.
fn distance(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let (mut i, mut j, mut largest) = (0, 0, 0.0_f64);
    while i < a.len() && j < b.len() {
        let value = a[i].min(b[j]);
        i += a[i..].iter().take_while(|&&v| v <= value).count();
        j += b[j..].iter().take_while(|&&v| v <= value).count();
        largest = largest.max((i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs());
    }
    Some(largest)
}

#[cfg(test)]
mod tests {
    use cfe_io::{Source, TableOptions, read_table};

    use super::*;

    #[test]
    fn each_trouble_is_found_and_named() {
        let mut csv = "split,label,good,copy,inverted,drifting,gappy\n".to_owned();
        for i in 0..400 {
            let (train, label) = (i % 2 == 0, i % 8 < 2);
            let p = if label { 0.6 } else { 0.1 } + f64::from(i % 13) / 40.0;
            let drift = f64::from(i % 10) / if train { 10.0 } else { 20.0 };
            let gap = if i % 4 == 0 { String::new() } else { format!("{}", f64::from(i * 7 % 11) / 11.0) };
            let split = if train { "train" } else { "test" };
            let p2 = p + f64::from(i % 3) / 1000.0;
            csv += &format!(
                "{split},{},{p},{p2},{},{drift},{gap}\n",
                u8::from(label),
                1.0 - p - f64::from(i % 7) / 100.0
            );
        }
        let mut options = TableOptions::default();
        options.split_column = Some("split".to_owned());
        let table = read_table(Source::bytes("inline", csv.into()), &options).unwrap();
        let found = diagnose(&table).unwrap();
        let of = |kind: &str| {
            let found = found.iter().filter(|f| f.kind == kind);
            found.map(|f| f.classifiers.join(" ")).collect::<Vec<_>>()
        };
        assert_eq!(of("duplicate"), ["good copy"]);
        assert_eq!(of("inverted"), ["inverted"]);
        assert_eq!(of("missing"), ["gappy"]);
        assert!(found.is_sorted_by_key(|f| f.severity));
        assert_eq!(found[0].kind, "inverted");
        assert!(of("shift").iter().any(|names| names.contains("drifting")));
        assert!(of("few_positives").is_empty());
    }

    /// What is found in a table of `rows` rows, whose cells follow the label.
    fn found_in(header: &str, rows: usize, line: impl Fn(usize) -> String) -> Vec<Finding> {
        let csv: String = (0..rows).map(|i| line(i) + "\n").collect();
        let mut options = TableOptions::default();
        options.split_column = header.contains("split").then(|| "split".to_owned());
        // Columns that are chosen by name are kept, whatever the reader thinks of them.
        options.columns =
            header.split(',').filter(|name| !["split", "label"].contains(name)).map(str::to_owned).collect();
        let bytes = format!("{header}\n{csv}").into_bytes();
        diagnose(&read_table(Source::bytes("inline", bytes), &options).unwrap()).unwrap()
    }

    fn noise(i: usize, k: usize) -> f64 {
        ((i * k + 7 * (i / 11)) % 97) as f64 / 97.0
    }

    #[test]
    fn a_column_that_is_the_label_is_a_leak_by_name() {
        let found = found_in("label,chargeback,good,flag", 400, |i| {
            let y = i % 8 == 0;
            let leak = if i % 100 == 3 { !y } else { y };
            let good = 0.5 * noise(i, 31) + if y { 0.3 } else { 0.0 };
            let flag = if i % 3 == 0 { 0.5 } else { 1.0 };
            format!("{},{},{good},{flag}", u8::from(y), u8::from(leak))
        });
        assert_eq!((found[0].kind, found[0].severity), ("leak", Severity::Alarm));
        assert_eq!(found[0].classifiers, ["chargeback"]);
        assert!(found[0].text.contains("99.0% of the labeled train rows"), "{}", found[0].text);
        let flag = found.iter().find(|f| f.kind == "two_values").unwrap();
        assert_eq!(flag.classifiers, ["flag"]);
    }

    #[test]
    fn a_member_that_saw_its_rows_is_found_with_and_without_other_rows() {
        let cell = |i: usize, y: bool, k: usize| 0.6 * noise(i, k) + if y { 0.25 } else { 0.0 };
        let memo = |i: usize, y: bool, train: bool| match train {
            true => 0.3 * noise(i, 13) + if y { 0.6 } else { 0.0 },
            false => noise(i, 13),
        };
        let with_test = found_in("split,label,rf,svm,memo", 1200, |i| {
            let (y, train) = (i % 6 == 0, i / 6 % 2 == 0);
            let split = if train { "train" } else { "test" };
            format!("{split},{},{},{},{}", u8::from(y), cell(i, y, 31), cell(i, y, 43), memo(i, y, train))
        });
        assert_eq!(
            (with_test[0].kind, &with_test[0].classifiers[..]),
            ("in_sample", &["memo".to_owned()][..])
        );
        let train_only = found_in("label,rf,svm,memo", 600, |i| {
            let y = i % 6 == 0;
            format!("{},{},{},{}", u8::from(y), cell(i, y, 31), cell(i, y, 43), memo(i, y, true))
        });
        assert_eq!(
            (train_only[0].kind, &train_only[0].classifiers[..]),
            ("in_sample", &["memo".to_owned()][..])
        );
    }

    /// Each of the three things that move a distribution, alone.
    #[test]
    fn prevalence_refit_and_leakage_are_told_apart() {
        let p = |i: usize, y: bool| 0.6 * noise(i, 31) + if y { 0.3 } else { 0.05 };
        // Five times the positives outside, each class as before.
        let prevalence = found_in("split,label,a", 3000, |i| {
            let train = i < 1500;
            let y = if train { i % 10 == 0 } else { i % 2 == 0 };
            format!("{},{},{}", if train { "train" } else { "test" }, u8::from(y), p(i, y))
        });
        assert_eq!(prevalence.iter().map(|f| f.kind).collect::<Vec<_>>(), ["prevalence"]);
        // The same rows ranked the same way, on another scale.
        let refit = found_in("split,label,a", 3000, |i| {
            let (train, y) = (i < 1500, i % 10 == 0);
            let value = if train { p(i, y) } else { p(i, y).powi(2) };
            format!("{},{},{value}", if train { "train" } else { "test" }, u8::from(y))
        });
        assert_eq!(
            refit.iter().map(|f| (f.kind, f.severity)).collect::<Vec<_>>(),
            [("shift", Severity::Note)]
        );
    }

    #[test]
    fn the_two_classes_of_one_classifier_are_a_pair_and_not_inverted() {
        let found = found_in("label,a_p0,a_p1", 300, |i| {
            let y = i % 6 == 0;
            let p = (0.6 * noise(i, 31) + if y { 0.3 } else { 0.05 }).clamp(0.01, 0.99);
            format!("{},{:.6},{:.6}", u8::from(y), 1.0 - p, p)
        });
        assert_eq!(found.iter().map(|f| f.kind).collect::<Vec<_>>(), ["pair"]);
    }

    #[test]
    fn distances_of_distributions() {
        assert_eq!(distance(&[1.0, 2.0], &[1.0, 2.0]), Some(0.0));
        assert_eq!(distance(&[1.0, 1.0], &[2.0]), Some(1.0));
        assert_eq!(distance(&[1.0, 2.0], &[2.0, 3.0]), Some(0.5));
        assert_eq!(distance(&[], &[2.0]), None);
    }
}
