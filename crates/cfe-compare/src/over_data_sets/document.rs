//! The comparison as a document.

use cf_ensemble::metrics::MetricSummary;

use super::methods::Method;
use super::summary::{BELOW, DataSetRow, MethodRow, Paired, Summary, TIE_MARGIN};
use crate::report::number::{fixed, or_dash, seconds, signed};
use crate::report::{Cell, Document, Section, Table};

/// Methods shown as columns of the table per data set, which has to fit a terminal.
const COLUMNS: usize = 4;

/// The document of a summary; `first` is our method.
pub fn document(summary: &Summary, first: &str) -> Document {
    Document {
        title: "Combiners on real predictions".to_owned(),
        answers: answers(summary, first),
        sections: vec![methods(summary, first), data_sets(summary, first), honesty(summary, first)],
    }
}

fn answers(summary: &Summary, first: &str) -> Vec<String> {
    let Some(ours) = summary.methods.iter().find(|row| row.method == first) else { return Vec::new() };
    let ranked = summary.methods.iter().filter(|row| row.mean_rank.is_some()).count();
    // Methods are in the order of their ranks.
    let place = summary.methods.iter().position(|row| row.method == first).map_or(0, |k| k + 1);
    let sets = summary.data_sets.len();
    let precision = or_dash(metric(ours, |m| m.average_precision), 4);
    let mut answers = vec![match ours.mean_rank {
        Some(rank) => format!(
            "{first} is number {place} of {ranked} methods by mean rank on average precision over {sets} data sets (mean \
             rank {}, mean average precision {precision}).",
            fixed(rank, 2)
        ),
        None => format!(
            "{first} has an average precision of {precision}; ranks need several data sets and methods."
        ),
    }];
    // Methods are in the order of their ranks, so the first other one is the best rival.
    if let Some(rival) = summary.methods.iter().find(|row| row.method != first && row.mean_rank.is_some()) {
        answers.push(format!(
            "The best other method is {} (mean rank {}, mean average precision {}); Wilcoxon's p of the difference is {}.",
            rival.method,
            or_dash(rival.mean_rank, 2),
            or_dash(metric(rival, |m| m.average_precision), 4),
            or_dash(rival.p_first_against, 4)
        ));
    }
    if let (Some((ratio, set)), Some(counts)) = (&ours.worst_ratio, ours.against_mean) {
        answers.push(format!(
            "Against the plain mean it wins on {}, ties on {} and loses on {} data sets; at worst it reaches {} of the \
             mean's average precision ({set}).",
            counts.wins,
            counts.ties,
            counts.losses,
            fixed(*ratio, 3)
        ));
    }
    answers
}

fn metric(row: &MethodRow, of: fn(&MetricSummary) -> Option<f64>) -> Option<f64> {
    row.metrics.as_ref().and_then(of)
}

fn methods(summary: &Summary, first: &str) -> Section {
    // Several tables, each of which fits a terminal.
    let ours = format!("p of {first}");
    let ranks =
        ["method", "mean rank", "AP", "AP / mean's", "worst", "win/tie/loss", "p vs mean", ours.as_str()];
    let mut ranking = Table::new("Average precision", ranks);
    let mut others =
        Table::new("Other figures", ["method", "ROC-AUC", "Brier", "log loss", "ECE", "best F1", "time"]);
    let mut below = Table::new("Below the plain mean", ["method", "shortfall", "sets below", "after Holm"]);
    let differences = ["method", "AP", "se", "p", "log loss", "se", "p"];
    let mut beside = Table::new(format!("Less {first}"), differences);
    let mut legend = Table::new("What they are", ["method", "what"]);
    for row in &summary.methods {
        // One row in each table for each method, in one order, so that a reader finds it at the same place.
        let text = |value: Option<f64>, decimals| Cell::from(or_dash(value, decimals));
        let counts =
            row.against_mean.map_or("-".to_owned(), |c| format!("{}/{}/{}", c.wins, c.ties, c.losses));
        let name = || Cell::from(row.method.as_str());
        ranking.push([
            name(),
            text(row.mean_rank, 2),
            text(metric(row, |m| m.average_precision), 4),
            text(row.ratio_to_mean, 3),
            text(row.worst_ratio.as_ref().map(|w| w.0), 3),
            Cell::from(counts),
            text(row.p_against_mean, 4),
            text(row.p_first_against, 4),
        ]);
        others.push([
            name(),
            text(metric(row, |m| m.roc_auc), 4),
            text(metric(row, |m| m.brier), 4),
            text(metric(row, |m| m.log_loss), 4),
            text(metric(row, |m| m.ece), 4),
            text(metric(row, |m| m.best_f1), 4),
            Cell::from(seconds(row.seconds)),
        ]);
        let count = |count: Option<usize>| count.map_or("-".to_owned(), |count| count.to_string());
        below.push([
            name(),
            Cell::from(row.shortfall.map_or("-".to_owned(), |short| format!("{}%", fixed(100.0 * short, 2)))),
            Cell::from(count(row.below_mean.map(|below| below.alone))),
            Cell::from(count(row.below_mean.map(|below| below.holm))),
        ]);
        // The first method is the one that all others are compared with.
        if let Some(against) = row.against_first {
            let precision = paired(Some(against.average_precision));
            let cells = precision.into_iter().chain(paired(against.log_loss));
            beside.push(std::iter::once(name()).chain(cells));
        }
        legend.push([name(), Cell::from(what(row))]);
    }
    // Data sets may have different numbers of seeds, and then no one number is true of all.
    let seeds = summary.seeds.map_or("several".to_owned(), |k| k.to_string());
    let test = summary
        .friedman
        .map_or(String::new(), |(chi, p)| format!(" Friedman: chi-square {}, p {p:.2e}.", fixed(chi, 1)));
    Section::new("Methods")
        .text(format!(
            "Figures are means over {} data sets of means over {seeds} seeds, on test rows that no method saw the labels \
             of. Ranks, win/tie/loss (margin {TIE_MARGIN}) and p (Wilcoxon, two-sided, not corrected for the number of tests) \
             are over data sets and average precision.{test} A star marks results of another program, read from a file.",
            summary.data_sets.len()
        ))
        .table(ranking)
        .table(others)
        .text(format!(
            "The shortfall is the mean of max(0, 1 - AP / mean's). A data set is below the mean where the gain in average \
             precision is below {BELOW} standard errors (paired bootstrap of the scored rows; several seeds: the mean of their z); \
             Holm's correction is over the data sets."
        ))
        .table(below)
        .text("Differences are means over data sets with their standard errors and Wilcoxon's p.")
        .table(beside)
        .table(legend)
}

/// Difference, standard error, p.
fn paired(difference: Option<Paired>) -> [Cell; 3] {
    let text = |value: Option<f64>, decimals| Cell::from(or_dash(value, decimals));
    let mean = difference.map_or("-".to_owned(), |difference| signed(difference.mean, 4));
    [
        Cell::from(mean),
        text(difference.and_then(|difference| difference.standard_error), 4),
        text(difference.and_then(|difference| difference.p), 3),
    ]
}

fn what(row: &MethodRow) -> &'static str {
    let own = Method::named().into_iter().find(|method| method.name() == row.method);
    own.map_or("", Method::description)
}

/// Our method, the mean, and the best others.
fn columns(summary: &Summary, first: &str) -> Vec<usize> {
    let index = |name: &str| summary.methods.iter().position(|row| row.method == name);
    // The four methods of the table by data set: ours, the mean, and the best of the rest.
    let mut chosen: Vec<usize> = [first, "mean"].into_iter().filter_map(index).collect();
    for k in 0..summary.methods.len() {
        if chosen.len() < COLUMNS && !chosen.contains(&k) {
            chosen.push(k);
        }
    }
    chosen
}

fn data_sets(summary: &Summary, first: &str) -> Section {
    let chosen = columns(summary, first);
    let names = chosen.iter().map(|&k| summary.methods[k].method.clone());
    let head = ["data set", "train positives"].into_iter().map(str::to_owned);
    let mut table = Table::new("", head.chain(names).chain(["best".to_owned()]));
    for set in &summary.data_sets {
        // The oracle and methods without a rank cannot be the best: the one knows the labels, the others lack
        // data.
        let best = set
            .average_precision
            .iter()
            .enumerate()
            .filter(|(k, _)| summary.methods[*k].mean_rank.is_some())
            .filter_map(|(k, ap)| ap.map(|ap| (k, ap)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let best =
            best.map_or("-".to_owned(), |(k, ap)| format!("{} {}", summary.methods[k].method, fixed(ap, 4)));
        let cells = chosen.iter().map(|&k| Cell::from(or_dash(set.average_precision[k], 4)));
        let start = [Cell::from(set.data_set.as_str()), Cell::from(or_dash(set.train_positives, 0))];
        table.push(start.into_iter().chain(cells).chain([Cell::from(best)]));
    }
    Section::new("Average precision by data set").table(table)
}

fn honesty(summary: &Summary, first: &str) -> Section {
    let chosen: Vec<usize> = columns(summary, first)
        // Methods without probabilities have no log loss, and no column here.
        .into_iter()
        .filter(|&k| metric(&summary.methods[k], |m| m.log_loss).is_some())
        .collect();
    let by_set = |title: &str, of: &dyn Fn(&DataSetRow) -> &[Option<f64>]| {
        let names = chosen.iter().map(|&k| summary.methods[k].method.clone());
        let mut table = Table::new(title, std::iter::once("data set".to_owned()).chain(names));
        for set in &summary.data_sets {
            let cells = chosen.iter().map(|&k| Cell::from(or_dash(of(set)[k], 4)));
            table.push(std::iter::once(Cell::from(set.data_set.as_str())).chain(cells));
        }
        table
    };
    Section::new("Probabilities by data set")
        .table(by_set("Log loss", &|set| &set.log_loss))
        .table(by_set("Expected calibration error", &|set| &set.ece))
}

#[cfg(test)]
mod tests {
    use super::super::cells::Cell as Measured;
    use super::super::summary::summarize;
    use super::*;
    use crate::report::markdown;

    fn cell(data_set: &str, method: &str, average_precision: f64, log_loss: Option<f64>) -> Measured {
        let mut metrics = MetricSummary::of_average_precision(average_precision);
        metrics.log_loss = log_loss;
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

    fn shown() -> String {
        let cells = [
            cell("abalone", "recommended", 0.6, Some(0.12)),
            cell("abalone", "mean", 0.5, Some(0.15)),
            cell("abalone", "rank_avg", 0.45, None),
            cell("yeast", "recommended", 0.4, Some(0.2)),
            cell("yeast", "mean", 0.4, Some(0.25)),
            cell("yeast", "rank_avg", 0.42, None),
            cell("yeast", "other*", 0.9, None),
        ];
        markdown::write(&document(&summarize(&cells, "recommended").expect("valid"), "recommended"))
    }

    #[test]
    fn the_answers_say_who_is_first_and_against_whom() {
        let text = shown();
        for sentence in [
            "- recommended is number 1 of 3 methods by mean rank on average precision over 2 data sets (mean rank 1.75, \
             mean average precision 0.5000).",
            "- The best other method is rank\\_avg (mean rank 2.00, mean average precision 0.4350);",
            "- Against the plain mean it wins on 1, ties on 1 and loses on 0 data sets; at worst it reaches 1.000 of the \
             mean's average precision (yeast).",
        ] {
            assert!(text.contains(sentence), "{sentence}\n{text}");
        }
    }

    #[test]
    fn each_method_and_each_data_set_has_its_row() {
        let text = shown();
        for row in [
            "| recommended | 1.75 | 0.5000 | 1.100 | 1.000 | 1/1/0 |",
            "| mean | 2.25 | 0.4500 | 1.000 | 1.000 | 0/2/0 |",
            // It has no result on one of the data sets, so that its mean would be over other data.
            "| other\\* | - | - | - | - | - | - | - |",
            "| recommended | - | - | 0.1600 | - | - | 250.0 ms |",
            "| recommended | 0.00% | - | - |",
            "| rank\\_avg | 5.00% | - | - |",
            "| mean | -0.0500 | 0.0500 | 1.000 | +0.0400 | 0.0100 | 0.500 |",
            "| rank\\_avg | -0.0650 | 0.0850 | 1.000 | - | - | - |",
            "| abalone | 12 | 0.6000 | 0.5000 | 0.4500 | - | recommended 0.6000 |",
            "| yeast | 12 | 0.4000 | 0.4000 | 0.4200 | 0.9000 | rank\\_avg 0.4200 |",
        ] {
            assert!(text.contains(row), "{row}\n{text}");
        }
        // Ranks are not probabilities: only the others have a log loss.
        assert!(
            text.contains(
                "| data set | recommended | mean |\n| --- | ---: | ---: |\n| abalone | 0.1200 | 0.1500 |"
            ),
            "{text}"
        );
    }
}
