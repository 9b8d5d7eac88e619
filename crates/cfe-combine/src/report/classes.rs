//! What people read about a fit of several classes, as tables and lines.

use cfe_core::metrics::classes::ClassSummary;
use cfe_report::number::{fixed, or_dash, percent, signed, small_or_dash};
use cfe_report::{Cell, Document, Section, Table};

use super::TOO_MUCH_IN_SAMPLE;
use crate::classes::{ClassModel, ClassPart, FEW_ROWS};

/// Classifiers named for each class.
const NAMED: usize = 4;
/// Classes up to which a confusion matrix is shown.
const SHOWN: usize = 30;

/// The figures of every method, a table for each part.
pub fn class_metrics(parts: &[ClassPart]) -> Vec<Table> {
    parts.iter().map(metrics_of).collect()
}

fn metrics_of(part: &ClassPart) -> Table {
    let left_out = match part.unknown_class {
        0 => String::new(),
        n => format!(", without {n} rows of classes that the model does not know"),
    };
    let header = ["", "log loss", "Brier", "macro AP", "macro AUC", "bal. acc.", "macro F1", "MCC", "ECE"];
    let seen = match part.in_sample_share {
        share if share >= 0.01 => {
            format!(", IN-SAMPLE: the model was trained on {} of these rows", percent(share, 0))
        }
        _ => String::new(),
    };
    let mut table = Table::new(format!("{}{seen}: {} labeled rows{left_out}", part.name, part.rows), header);
    for method in &part.methods {
        let m = &method.metrics;
        let small = |value| Cell::from(small_or_dash(Some(value), 2));
        table.push([
            method.name.as_str().into(),
            small(m.log_loss),
            small(m.brier),
            or_dash(m.macro_average_precision, 4).into(),
            or_dash(m.macro_roc_auc, 4).into(),
            fixed(m.balanced_accuracy, 4).into(),
            fixed(m.macro_f1, 4).into(),
            fixed(m.mcc, 4).into(),
            small(m.top_label_ece),
        ]);
    }
    table
}

/// The figures of each class against all others; `caption` says of which rows.
pub fn per_class(caption: &str, classes: &[String], summary: &ClassSummary) -> Table {
    let header = ["class", "rows", "AP", "AUC", "precision", "recall", "F1", "ECE"];
    let mut table = Table::new(caption, header);
    for (class, of) in classes.iter().zip(&summary.per_class) {
        table.push([
            class.as_str().into(),
            format!("{}", of.weight).into(),
            or_dash(of.average_precision, 4).into(),
            or_dash(of.roc_auc, 4).into(),
            Cell::from(fixed(of.precision, 3)),
            fixed(of.recall, 3).into(),
            fixed(of.f1, 3).into(),
            small_or_dash(Some(of.ece), 2).into(),
        ]);
    }
    table
}

/// The confusion matrix: a row for each true class. `None` for more classes than can be read.
pub fn confusion(caption: &str, classes: &[String], summary: &ClassSummary) -> Option<Table> {
    if classes.len() > SHOWN {
        return None;
    }
    let header = std::iter::once("true \\ decided").chain(classes.iter().map(String::as_str));
    let mut table = Table::new(caption, header);
    for (class, row) in classes.iter().zip(summary.confusion.counts()) {
        let counts = row
            .iter()
            .map(|count| Cell::from(if *count == 0.0 { ".".to_owned() } else { count.to_string() }));
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
            None => "all alike: too few rows to learn from".to_owned(),
            Some(trust) => {
                let one = |t: &crate::judge::Trust| {
                    format!("{} {} ({})", t.name, signed(t.weight, 2), percent(t.share, 0))
                };
                trust.classifiers.iter().take(NAMED).map(one).collect::<Vec<_>>().join(", ")
            }
        };
        table.push([of.class.as_str().into(), words.into()]);
    }
    table
}

/// The answers in front of everything: whether it is better than a vote, and which classes say little.
pub fn class_lines(model: &ClassModel, parts: &[ClassPart], counts: &[usize]) -> Vec<String> {
    let mut lines = Vec::new();
    for part in parts {
        if part.in_sample_share >= TOO_MUCH_IN_SAMPLE {
            lines.push(format!(
                "{}: these rows cannot tell, because the model was trained on some or all of them; judge by rows it has \
                 not seen, or by the cross-validated figures that `cfe fit` prints",
                part.name
            ));
            continue;
        }
        let of = |name: &str| part.methods.iter().find(|m| m.name == name).map(|m| &m.metrics);
        let first = part.methods.first().map(|m| &m.metrics);
        if let (Some(ours), Some(vote)) = (first, of("soft_voting")) {
            let word = if ours.log_loss < vote.log_loss { "better" } else { "not better" };
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
    for part in parts {
        if let Some(first) = part.methods.first() {
            let caption = format!("{}: each class against all others", part.name);
            tables.push(per_class(&caption, model.classes(), &first.metrics));
            let caption = format!("{}: decisions", part.name);
            tables.extend(confusion(&caption, model.classes(), &first.metrics));
        }
    }
    tables
}

/// The report of a fit or an evaluation; `counts` are the labeled rows of each class that the model learned
/// from.
pub fn class_document(title: String, model: &ClassModel, parts: &[ClassPart], counts: &[usize]) -> Document {
    let figures = class_tables(model, parts);
    let figures =
        figures.into_iter().fold(Section::new("How good is it, and for which class?"), Section::table);
    let trusted = Section::new("Whom does it trust for which class?").table(class_trust_table(model));
    Document { title, answers: class_lines(model, parts, counts), sections: vec![figures, trusted] }
}
