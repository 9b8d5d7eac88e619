//! What gaps cost: one summary for each rule by which cells are taken away, side by side.

use cf_ensemble::validation::wilcoxon_signed_rank;

use super::methods::Method;
use super::missing::Missing;
use super::summary::{MethodRow, Summary};
use crate::report::number::{fixed, or_dash};
use crate::report::{Cell, Document, Section, Table};

/// The comparisons by rule as one document; `first` is our method.
pub(super) fn document(rules: &[(Missing, &Summary)], first: &str) -> Document {
    let names: Vec<&str> = match rules.first() {
        Some((_, summary)) => {
            let mut names: Vec<&str> = summary.methods.iter().map(|row| row.method.as_str()).collect();
            // Our method first, the others by the rank that they have under the first rule.
            names.sort_by_key(|&name| name != first);
            names
        }
        None => Vec::new(),
    };
    let figures = |title: &str, of: fn(&MethodRow) -> Option<f64>| {
        let head = std::iter::once("method").chain(rules.iter().map(|(rule, _)| rule.name()));
        let mut table = Table::new(title, head);
        for &name in &names {
            let figure = |(_, summary): &(Missing, &Summary)| {
                let row = summary.methods.iter().find(|row| row.method == name);
                Cell::from(or_dash(row.and_then(of), 4))
            };
            table.push(std::iter::once(Cell::from(name)).chain(rules.iter().map(figure)));
        }
        table
    };
    // What the short names of rules and methods mean stands at the end, once.
    let mut legend = Table::new("What is missing", ["rule", "cells"]);
    rules.iter().for_each(|(rule, _)| legend.push([Cell::from(rule.name()), Cell::from(rule.description())]));
    let mut what = Table::new("What they are", ["method", "what"]);
    for &name in &names {
        let own = Method::named().into_iter().find(|method| method.name() == name);
        what.push([Cell::from(name), Cell::from(own.map_or("", Method::description))]);
    }
    let sets = rules.first().map_or(0, |(_, summary)| summary.data_sets.len());
    Document {
        title: "Combiners where predictions are missing".to_owned(),
        answers: rules.iter().filter_map(|(rule, summary)| answer(*rule, summary, first)).collect(),
        sections: vec![
            Section::new("Where cells are missing")
                .text(format!(
                    "Cells are taken away from train and test rows alike. Figures are means over {sets} data sets of means \
                     over their seeds, on test rows that no method saw the labels of."
                ))
                .table(figures("Average precision", |row| row.metrics?.average_precision))
                .table(figures("Log loss", |row| row.metrics?.log_loss))
                .table(figures("Mean rank by average precision", |row| row.mean_rank))
                .table(rivals(rules, first))
                .table(legend)
                .table(what),
        ],
    }
}

/// Our method beside the best of the others, chosen in hindsight for each rule and figure.
fn rivals(rules: &[(Missing, &Summary)], first: &str) -> Table {
    let head =
        ["rule", "best other by AP", "AP, ours less its", "sets won", "p", "by log loss", "ours less its"];
    let mut table = Table::new(format!("{first} beside the best other"), head);
    for (rule, summary) in rules {
        let precision = beside(
            summary,
            first,
            |row| row.metrics?.average_precision,
            false,
            |set, k| set.average_precision[k],
        );
        let loss = beside(summary, first, |row| row.metrics?.log_loss, true, |set, k| set.log_loss[k]);
        let text = |value: Option<f64>, decimals| Cell::from(or_dash(value, decimals));
        let sets = summary.data_sets.len();
        table.push([
            Cell::from(rule.name()),
            Cell::from(precision.as_ref().map_or("-", |found| found.name)),
            text(precision.as_ref().map(|found| found.difference), 4),
            Cell::from(
                precision.as_ref().map_or("-".to_owned(), |found| format!("{} of {sets}", found.larger)),
            ),
            text(precision.as_ref().and_then(|found| found.p), 3),
            Cell::from(loss.as_ref().map_or("-", |found| found.name)),
            text(loss.as_ref().map(|found| found.difference), 4),
        ]);
    }
    table
}

/// Our method beside the best other one.
struct Beside<'a> {
    name: &'a str,
    /// Mean of ours less the mean of the other.
    difference: f64,
    /// Data sets on which ours is larger.
    larger: usize,
    /// Wilcoxon's p of the differences.
    p: Option<f64>,
}

fn beside<'a>(
    summary: &'a Summary,
    first: &str,
    of: fn(&MethodRow) -> Option<f64>,
    small_is_good: bool,
    on: impl Fn(&super::summary::DataSetRow, usize) -> Option<f64>,
) -> Option<Beside<'a>> {
    let ours = summary.methods.iter().position(|row| row.method == first)?;
    // The best rival is chosen after the fact, for each rule anew: the hardest comparison for our method.
    let sign = if small_is_good { -1.0 } else { 1.0 };
    let others = summary.methods.iter().enumerate().filter(|(k, _)| *k != ours);
    let (best, row) = others
        .filter(|(_, row)| of(row).is_some())
        .max_by(|a, b| (sign * of(a.1).unwrap_or(0.0)).total_cmp(&(sign * of(b.1).unwrap_or(0.0))))?;
    // Only data sets that both have a figure of are paired.
    let differences: Vec<f64> =
        summary.data_sets.iter().filter_map(|set| Some(on(set, ours)? - on(set, best)?)).collect();
    Some(Beside {
        name: &row.method,
        difference: of(&summary.methods[ours])? - of(row)?,
        larger: differences.iter().filter(|d| **d > 0.0).count(),
        p: wilcoxon_signed_rank(&differences).ok().map(|test| test.p_value),
    })
}

fn answer(rule: Missing, summary: &Summary, first: &str) -> Option<String> {
    let precision = beside(
        summary,
        first,
        |row| row.metrics?.average_precision,
        false,
        |set, k| set.average_precision[k],
    )?;
    let ours = summary.methods.iter().find(|row| row.method == first)?.metrics?.average_precision?;
    let more = if precision.difference < 0.0 { "less" } else { "more" };
    Some(format!(
        "{} ({}): {first} has an average precision of {}, {} {more} than the best other, {}.",
        rule.name(),
        rule.description(),
        fixed(ours, 4),
        fixed(precision.difference.abs(), 4),
        precision.name
    ))
}

#[cfg(test)]
mod tests {
    use cf_ensemble::metrics::MetricSummary;

    use super::super::cells::Cell as Measured;
    use super::super::summary::summarize;
    use super::*;
    use crate::report::markdown;

    fn cell(data_set: &str, method: &str, average_precision: f64, log_loss: f64) -> Measured {
        let mut metrics = MetricSummary::of_average_precision(average_precision);
        metrics.log_loss = Some(log_loss);
        Measured {
            data_set: data_set.to_owned(),
            seed: 0,
            method: method.to_owned(),
            train_positives: Some(12),
            metrics,
            z_against_mean: None,
            seconds: 0.25,
        }
    }

    #[test]
    fn ours_stands_beside_the_best_other_of_each_figure() {
        let cells = [
            cell("a", "recommended", 0.5, 0.20),
            cell("a", "mean", 0.6, 0.30),
            cell("a", "nnls", 0.4, 0.10),
            cell("b", "recommended", 0.5, 0.20),
            cell("b", "mean", 0.45, 0.30),
            cell("b", "nnls", 0.4, 0.20),
        ];
        let summary = summarize(&cells, "recommended").expect("valid");
        let text = markdown::write(&document(&[(Missing::None, &summary)], "recommended"));
        for part in [
            "- none (nothing): recommended has an average precision of 0.5000, 0.0250 less than the best other, mean.",
            "| recommended | 0.5000 |",
            "| nnls | 0.1500 |",
            "| none | mean | -0.0250 | 1 of 2 | 1.000 | nnls | 0.0500 |",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}
