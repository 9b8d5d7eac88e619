//! What may have gone wrong before the classifiers came together.

use cfe_core::Result;
use cfe_core::metrics::Scored;
use cfe_io::Table;
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

/// Something to know before trusting the result.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// `few_positives`, `missing`, `duplicate`, `inverted` or `shift`.
    pub kind: &'static str,
    /// The classifiers it is about.
    pub classifiers: Vec<String>,
    /// What was found and what can be done.
    pub text: String,
}

/// Looks at a table for missing predictions, near-duplicate and inverted classifiers, few positives and shift.
///
/// # Errors
/// Never for a table that was read.
pub fn diagnose(table: &Table) -> Result<Vec<Finding>> {
    let mut out = Vec::new();
    let (_, positives) = table.data.class_counts();
    if positives < FEW_POSITIVES {
        let text = format!(
            "{positives} positives to learn from: averaging is hard to beat below {FEW_POSITIVES}, and every interval is wide"
        );
        out.push(Finding { kind: "few_positives", classifiers: Vec::new(), text });
    }
    out.extend(missing(table));
    out.extend(duplicates(table));
    out.extend(inverted(table)?);
    out.extend(shifted(table));
    Ok(out)
}

fn missing(table: &Table) -> Vec<Finding> {
    let r = table.data.predictions();
    let mut out = Vec::new();
    for (name, row) in table.data.classifier_names().iter().zip(r.rows()) {
        let share = row.iter().filter(|p| p.is_nan()).count() as f64 / row.len() as f64;
        if share >= MISSING {
            let text = format!(
                "{name:?} gave no prediction for {:.0}% of the rows; they are filled in",
                100.0 * share
            );
            out.push(Finding { kind: "missing", classifiers: vec![name.clone()], text });
        }
    }
    let empty = r.columns().into_iter().filter(|c| c.iter().all(|p| p.is_nan())).count();
    if empty > 0 {
        let text = format!("{empty} rows have no prediction at all and get the share of positives");
        out.push(Finding { kind: "missing", classifiers: Vec::new(), text });
    }
    out
}

fn duplicates(table: &Table) -> Vec<Finding> {
    let names = table.data.classifier_names();
    let alike = |&(a, b, correlation): &(usize, usize, f64)| {
        (correlation > DUPLICATE).then(|| Finding {
            kind: "duplicate",
            classifiers: vec![names[a].clone(), names[b].clone()],
            text: format!(
                "{:?} and {:?} say nearly the same (correlation of log-odds {correlation:.4}); one of them adds nothing",
                names[a], names[b]
            ),
        })
    };
    correlations(&table.data).iter().filter_map(alike).collect()
}

/// Classifiers that rank negatives above positives, beyond what chance does in one of forty.
fn inverted(table: &Table) -> Result<Vec<Finding>> {
    let (r, labels) = (table.data.predictions(), table.data.labels());
    let mut out = Vec::new();
    for (name, row) in table.data.classifier_names().iter().zip(r.rows()) {
        let seen: Vec<usize> = table.data.labeled().iter().copied().filter(|&i| !row[i].is_nan()).collect();
        if seen.is_empty() {
            continue;
        }
        let y: Vec<bool> = seen.iter().map(|&i| labels[i] == Some(true)).collect();
        let scores: Vec<f64> = seen.iter().map(|&i| row[i]).collect();
        let Some(auc) = Scored::new(&y, &scores)?.ranking().roc_auc() else { continue };
        let positive = y.iter().filter(|&&y| y).count() as f64;
        let negative = y.len() as f64 - positive;
        // Of the rank sum, were the classifier to know nothing.
        let error = ((positive + negative + 1.0) / (12.0 * positive * negative)).sqrt();
        if auc < 0.5 - 1.96 * error {
            let text = format!(
                "{name:?} ranks the wrong way round (ROC-AUC {auc:.3} on labeled train rows); are its classes swapped?"
            );
            out.push(Finding { kind: "inverted", classifiers: vec![name.clone()], text });
        }
    }
    Ok(out)
}

/// Classifiers whose probabilities are distributed otherwise outside the train split (Kolmogorov and Smirnov, 1%), the
/// farthest first.
fn shifted(table: &Table) -> Option<Finding> {
    let r = table.data.predictions();
    let of = |row: ndarray::ArrayView1<'_, f64>| {
        let part = |train: bool| {
            let cells = row.iter().zip(&table.in_train).filter(|(p, t)| !p.is_nan() && **t == train);
            let mut values: Vec<f64> = cells.map(|(p, _)| *p).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let (a, b) = (part(true), part(false));
        let (n, k) = (a.len() as f64, b.len() as f64);
        distance(&a, &b).filter(|&d| d > SHIFT && d > 1.63 * ((n + k) / (n * k)).sqrt())
    };
    let names = table.data.classifier_names();
    let mut found: Vec<(f64, &String)> =
        names.iter().zip(r.rows()).filter_map(|(name, row)| Some((of(row)?, name))).collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let listed: Vec<String> = found.iter().take(5).map(|(d, name)| format!("{name} {d:.2}")).collect();
    let more = if found.len() > 5 { format!(" and {} more", found.len() - 5) } else { String::new() };
    (!found.is_empty()).then(|| Finding {
        kind: "shift",
        classifiers: found.iter().map(|(_, name)| (*name).clone()).collect(),
        text: format!(
            "distributed otherwise outside the train split (distance of at most 1): {}{more}; were train predictions made \
             on the rows a classifier was trained on?",
            listed.join(", ")
        ),
    })
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
            csv += &format!("{split},{},{p},{p2},{},{drift},{gap}\n", u8::from(label), 1.0 - p);
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
        assert!(of("shift").iter().any(|names| names.contains("drifting")));
        assert!(of("few_positives").is_empty());
    }

    #[test]
    fn distances_of_distributions() {
        assert_eq!(distance(&[1.0, 2.0], &[1.0, 2.0]), Some(0.0));
        assert_eq!(distance(&[1.0, 1.0], &[2.0]), Some(1.0));
        assert_eq!(distance(&[1.0, 2.0], &[2.0, 3.0]), Some(0.5));
        assert_eq!(distance(&[], &[2.0]), None);
    }
}
