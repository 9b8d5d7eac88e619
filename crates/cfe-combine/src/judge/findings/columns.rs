//! Classifiers that tell nothing, the same as others, or the opposite.

use cfe_io::Table;

use super::{Column, DUPLICATE, Finding, Severity, listed, owned};

/// Classifiers that rank negatives above positives.
pub(super) fn inverted(table: &Table, columns: &[Column<'_>], mirrored: &[(usize, usize)]) -> Vec<Finding> {
    let mut out = Vec::new();
    let mut ranked = 0;
    for (k, column) in columns.iter().enumerate() {
        let Some(quality) = column.train else { continue };
        let auc = quality.auc;
        // One half of a pair is inverted by nature, and has a finding of its own.
        if mirrored.iter().any(|&(a, b)| a == k || b == k) {
            continue;
        }
        ranked += 1;
        let severity = match (0.5 - auc) / quality.error_by_chance() {
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
    // Where most classifiers rank the wrong way round, the label is more likely to be turned than they are.
    let surely = |f: &&Finding| f.severity == Severity::Alarm;
    let names: Vec<String> = out.iter().filter(surely).flat_map(|f| f.classifiers.clone()).collect();
    if names.len() >= 2 && 2 * names.len() > ranked {
        let (positive, negative) = (&table.taken.positive, &table.taken.negative);
        let cure = match (positive, negative) {
            (Some(positive), Some(negative)) => format!(
                "{positive:?} is taken for the positive class; if {negative:?} is, give --positive-label '{negative}'"
            ),
            _ => "is the other class the positive one (--positive-label)?".to_owned(),
        };
        let text = format!(
            "{} of {ranked} classifiers rank the wrong way round on labeled train rows ({}): {cure}",
            names.len(),
            listed(names.iter().cloned())
        );
        out.retain(|f| f.severity != Severity::Alarm);
        out.insert(0, Finding::new(Severity::Alarm, "inverted", names, text));
    }
    out
}

/// Pairs of classifiers whose probabilities sum to 1 in every row.
pub(super) fn mirrored(table: &Table, pairs: &[(usize, usize, f64)]) -> Vec<(usize, usize)> {
    let r = table.data.predictions();
    let sums = |a: usize, b: usize| {
        let both = r.row(a).into_iter().zip(r.row(b)).filter(|(p, q)| !p.is_nan() && !q.is_nan());
        let (mut n, mut same) = (0, true);
        for (&p, &q) in both {
            n += 1;
            same &= sums_to_one(p, q);
        }
        same && n > 0
    };
    // Only a pair of strongly negative correlation can sum to 1; the sums of all pairs would read the table m
    // times.
    let candidates = pairs.iter().filter(|(.., correlation)| *correlation < -DUPLICATE);
    candidates.map(|&(a, b, _)| (a.min(b), a.max(b))).filter(|&(a, b)| sums(a, b)).collect()
}

pub(super) fn sums_to_one(p: f64, q: f64) -> bool {
    (p + q - 1.0).abs() < 1e-3
}

pub(super) fn mirrored_pairs(names: &[String], mirrored: &[(usize, usize)]) -> Option<Finding> {
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
pub(super) fn two_values(columns: &[Column<'_>], found: &[Finding]) -> Option<Finding> {
    // A column that is nearly the label has been named as a leak, which is the graver finding.
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
pub(super) fn constant(table: &Table, columns: &[Column<'_>]) -> Option<Finding> {
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

/// Columns that vary in the train rows and say one thing, or nothing, outside.
pub(super) fn constant_outside(columns: &[Column<'_>]) -> Option<Finding> {
    let said = |c: &Column<'_>| match c.constant_outside {
        Some(value) => Some(format!("is {value}")),
        None => c.absent_outside.then(|| "is missing".to_owned()),
    };
    same_outside(&columns.iter().filter_map(|c| Some((c.name, said(c)?))).collect::<Vec<_>>())
}

/// The finding about classifiers (by name) that say the same thing, given in words, in every row outside the
/// train split.
pub(super) fn same_outside(found: &[(&str, String)]) -> Option<Finding> {
    let names: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
    let text = listed(found.iter().map(|(name, said)| format!("{name:?} {said}")));
    (!found.is_empty()).then(|| {
        Finding::new(
            Severity::Warning,
            "constant",
            owned(&names),
            format!("{text} in every row outside the train split: were these rows predicted at all?"),
        )
    })
}

pub(super) fn duplicates(table: &Table, pairs: &[(usize, usize, f64)]) -> Option<Finding> {
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
