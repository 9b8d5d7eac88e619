//! What a person reads of a search.

use cfe_report::number::{fixed, signed};
use cfe_report::terminal::wrap;
use cfe_report::{Cell, Document, Section, Table, printable};

use super::text;
use cfe_combine::tuning::{Metric, Trial, Tuned};

/// Trials that a table lists beside the references.
const SHOWN: usize = 5;

fn metric(metric: Metric) -> String {
    metric.name().replace('_', " ")
}

fn plus_minus(value: f64, error: f64) -> String {
    format!("{} +- {}", fixed(value, 4), fixed(error, 4))
}

/// One line for a trial that is done.
pub(crate) fn trial(trial: &Trial) -> String {
    let found = match &trial.failure {
        Some(failure) => format!("failed: {failure}"),
        None => plus_minus(trial.mean(), trial.standard_error()),
    };
    format!("trial {} ({:.1} s): {}: {found}", trial.number, trial.seconds, trial.describe())
}

/// What is seen in the table of trials.
fn caption(tuned: &Tuned) -> String {
    let done = tuned.trials.iter().filter(|t| t.failure.is_none()).count();
    let failed = tuned.trials.len() - done;
    let mut caption = format!(
        "{} trials on {} folds: mean +- standard error over folds; differences are paired by fold",
        tuned.trials.len(),
        tuned.folds
    );
    if failed > 0 {
        caption += &format!("; {failed} failed");
    }
    if tuned.out_of_time {
        caption += "; the time budget ended the search";
    }
    caption
}

/// Metric, how much better than the mean and than the recommended combiner, and the name of each trial that
/// is listed.
fn rows(tuned: &Tuned) -> Vec<[String; 4]> {
    let row = |t: usize| {
        let trial = &tuned.trials[t];
        let against = |other: usize| {
            let d = tuned.difference(t, other);
            let text = format!("{} +- {}", signed(d.better_by, 4), fixed(d.standard_error, 4));
            if t == other { String::new() } else { text }
        };
        let mark = if t == tuned.chosen { " (chosen)" } else { "" };
        [
            plus_minus(trial.mean(), trial.standard_error()),
            against(tuned.mean()),
            against(tuned.recommended()),
            format!("{}{mark}", name(tuned, t)),
        ]
    };
    listed(tuned).into_iter().map(row).collect()
}

fn header(tuned: &Tuned) -> [String; 4] {
    [
        metric(tuned.metric),
        "better than mean".to_owned(),
        "than recommended".to_owned(),
        "settings".to_owned(),
    ]
}

/// The references, the defaults and the best trials, the best first: figures before settings, which are
/// wrapped into what is left of `width`.
pub(crate) fn table(tuned: &Tuned, width: usize) -> String {
    const GAP: &str = "  ";
    let (header, rows) = (header(tuned), rows(tuned));
    let length = |text: &String| text.chars().count();
    let widths: Vec<usize> =
        (0..3).map(|k| rows.iter().map(|row| length(&row[k])).fold(length(&header[k]), usize::max)).collect();
    let indent = " ".repeat(widths.iter().sum::<usize>() + 3 * GAP.len());
    let mut out = wrap(&caption(tuned), text::page(width), "", "");
    for row in std::iter::once(&header).chain(&rows) {
        let figures: String = row.iter().zip(&widths).map(|(cell, &w)| format!("{cell:>w$}{GAP}")).collect();
        out += &wrap(&printable(&row[3]), width, &figures, &indent);
        // The header is told by its address, as a row may hold the same words.
        if std::ptr::eq(row, &header) {
            let rule: Vec<String> = widths.iter().map(|&w| "-".repeat(w)).collect();
            out += &format!("{}{GAP}{}\n", rule.join(GAP), "-".repeat(length(&header[3])));
        }
    }
    out + "\n"
}

/// The same as a report.
pub(crate) fn document(tuned: &Tuned, file: &str) -> Document {
    let [figure, mean, recommended, settings] = header(tuned);
    let mut table = Table::new(caption(tuned), [settings, figure, mean, recommended]);
    for [figure, mean, recommended, settings] in rows(tuned) {
        table.push([settings, figure, mean, recommended].map(Cell::from));
    }
    let next = "Write the settings with --out FILE, and fit them with cfe fit TABLE --config FILE.";
    Document {
        title: format!("Search of settings on {file}"),
        answers: sentences(tuned),
        sections: vec![Section::new("What was tried").table(table).text(next)],
    }
}

fn name(tuned: &Tuned, t: usize) -> String {
    let trial = &tuned.trials[t];
    if t == tuned.defaults() { format!("{}, defaults", trial.contender.name()) } else { trial.describe() }
}

fn listed(tuned: &Tuned) -> Vec<usize> {
    let better = |a: &usize, b: &usize| tuned.difference(*b, *a).better_by.total_cmp(&0.0);
    let sound: Vec<usize> = (0..tuned.trials.len()).filter(|&t| tuned.trials[t].failure.is_none()).collect();
    // Draws are numbered after the defaults, references before them. The best few draws are listed, and the
    // chosen one whatever its place.
    let mut trials: Vec<usize> = sound.iter().copied().filter(|&t| t > tuned.defaults()).collect();
    trials.sort_by(better);
    let kept = trials.iter().enumerate().filter(|(place, t)| *place < SHOWN || **t == tuned.chosen);
    let mut out: Vec<usize> = kept.map(|(_, &t)| t).collect();
    out.extend(sound.into_iter().filter(|&t| t <= tuned.defaults()));
    out.sort_by(better);
    out
}

/// The lines that matter.
pub(crate) fn lines(tuned: &Tuned, width: usize) -> String {
    sentences(tuned).iter().map(|line| wrap(line, text::page(width), "* ", "  ")).collect()
}

/// The same as comments of a TOML file.
pub(crate) fn comments(tuned: &Tuned, file: &str) -> String {
    let head = format!("Settings found by cfe tune {} for {file}.", env!("CARGO_PKG_VERSION"));
    let all = std::iter::once(head).chain(sentences(tuned));
    all.map(|line| wrap(&line.replace(['\n', '\r'], " "), text::page(usize::MAX), "# ", "# ")).collect()
}

fn sentences(tuned: &Tuned) -> Vec<String> {
    let chosen = &tuned.trials[tuned.chosen];
    let best = &tuned.trials[tuned.best];
    let what = metric(tuned.metric);
    let mut first = format!(
        "Chosen: {}, {what} {} over folds",
        name(tuned, tuned.chosen),
        plus_minus(chosen.mean(), chosen.standard_error())
    );
    if tuned.best != tuned.chosen {
        first += &format!(
            "; the best trial, {} ({}), is not better by more than one standard error, and the simpler is preferred",
            name(tuned, tuned.best),
            fixed(best.mean(), 4)
        );
    }
    let mut out = vec![first + "."];
    for (other, name, as_well) in [
        (tuned.mean(), "averaging", "averaging does as well here"),
        (tuned.recommended(), "the recommended combiner", "the default of cfe fit does as well here"),
    ] {
        if other == tuned.chosen {
            continue;
        }
        let d = tuned.difference(tuned.chosen, other);
        let by = format!("{} +- {}", signed(d.better_by, 4), fixed(d.standard_error, 4));
        // Clearly better, clearly worse, or neither.
        out.push(match (d.is_clear(), tuned.difference(other, tuned.chosen).is_clear()) {
            (true, _) => format!("Better than {name} by {by}, more than one standard error."),
            (_, true) => format!("Worse than {name} ({by})."),
            _ => format!("Not better than {name} by more than one standard error ({by}): {as_well}."),
        });
    }
    out
}
