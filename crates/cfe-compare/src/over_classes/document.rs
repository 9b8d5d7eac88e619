//! The comparison as a document.

use super::summary::ClassesSummary;
use crate::report::number::{fixed, or_dash, seconds};
use crate::report::{Cell, Document, Section, Table};

/// Methods shown as columns of the tables per data set.
const COLUMNS: usize = 5;

/// The document of a summary; `first` is our method.
pub(super) fn document(summary: &ClassesSummary, first: &str) -> Document {
    Document {
        title: "Combiners of more than two classes on real predictions".to_owned(),
        answers: answers(summary, first),
        sections: vec![methods(summary, first), data_sets(summary)],
    }
}

fn answers(summary: &ClassesSummary, first: &str) -> Vec<String> {
    let place = summary.methods.iter().position(|row| row.method == first);
    let rival = summary.methods.iter().find(|row| row.method != first);
    // With our method alone there is nothing to answer.
    let (Some(place), Some(rival)) = (place, rival) else { return Vec::new() };
    let (ours, sets) = (&summary.methods[place], summary.data_sets.len());
    vec![format!(
        "{first} is number {} of {} methods by mean log loss over {sets} data sets, {} beside {} of {}; it is better on {} \
         of the sets, p {}.",
        place + 1,
        summary.methods.len(),
        fixed(ours.log_loss, 4),
        fixed(rival.log_loss, 4),
        rival.method,
        rival.first_wins,
        or_dash(rival.p_log_loss, 4)
    )]
}

fn methods(summary: &ClassesSummary, first: &str) -> Section {
    let wins = format!("{first} wins");
    let header = ["method", "log loss", "rank", wins.as_str(), "p", "macro AP", "rank", "p", "time"];
    let mut table = Table::new("Log loss and macro average precision", header);
    // The second table has the figures that decide nothing here, and keeps the first one narrow.
    let mut others = Table::new("Other figures", ["method", "balanced accuracy", "macro F1", "ECE"]);
    for row in &summary.methods {
        let name = || Cell::from(row.method.as_str());
        let text = |value: Option<f64>, decimals| Cell::from(or_dash(value, decimals));
        table.push([
            name(),
            fixed(row.log_loss, 4).into(),
            text(row.rank_by_log_loss, 2),
            if row.method == first { "-".into() } else { row.first_wins.to_string().into() },
            text(row.p_log_loss, 4),
            fixed(row.macro_average_precision, 4).into(),
            text(row.rank_by_average_precision, 2),
            text(row.p_average_precision, 4),
            seconds(row.seconds).into(),
        ]);
        others.push([
            name(),
            fixed(row.balanced_accuracy, 4).into(),
            fixed(row.macro_f1, 4).into(),
            fixed(row.top_label_ece, 4).into(),
        ]);
    }
    let test = summary.friedman.map_or(String::new(), |(chi, p)| {
        format!(" Friedman, by log loss: chi-square {}, p {p:.2e}.", fixed(chi, 1))
    });
    Section::new("Methods")
        .text(format!(
            "Figures are means over {} data sets of means over their seeds, on test rows that no method saw the labels of. p \
             (Wilcoxon, two-sided, not corrected for the number of tests) is that of {first} against the method.{test}",
            summary.data_sets.len()
        ))
        .table(table)
        .table(others)
}

fn data_sets(summary: &ClassesSummary) -> Section {
    let shown: Vec<&str> = summary.methods.iter().take(COLUMNS).map(|row| row.method.as_str()).collect();
    let header = || ["data set", "classes", "rarest"].into_iter().chain(shown.iter().copied());
    let mut losses = Table::new("Log loss", header());
    let mut precisions = Table::new("Macro average precision", header());
    for set in &summary.data_sets {
        // Both tables begin with the same columns, by which a reader finds a data set in either.
        let begin = || {
            [set.data_set.clone(), set.classes.to_string(), set.rarest.to_string()]
                .map(Cell::from)
                .into_iter()
        };
        let figures = |values: &[f64]| -> Vec<Cell> {
            values.iter().take(COLUMNS).map(|value| Cell::from(fixed(*value, 4))).collect()
        };
        losses.push(begin().chain(figures(&set.log_loss)));
        precisions.push(begin().chain(figures(&set.macro_average_precision)));
    }
    Section::new("Data sets").table(losses).table(precisions)
}
