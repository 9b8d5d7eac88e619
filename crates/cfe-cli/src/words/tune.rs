//! What a person reads of a search.

use cfe_report::number::{fixed, signed};
use cfe_report::terminal::wrap;
use cfe_report::{Cell, Table};

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

/// The references, the defaults and the best trials, the best first.
pub(crate) fn table(tuned: &Tuned, width: usize) -> String {
    let by = |name: &str| format!("better than {name} by");
    let header = [String::new(), metric(tuned.metric), by("mean"), by("recommended")];
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
    let mut out = Table::new(caption, header);
    for t in listed(tuned) {
        let trial = &tuned.trials[t];
        let against = |other: usize| {
            let d = tuned.difference(t, other);
            let text = format!("{} +- {}", signed(d.better_by, 4), fixed(d.standard_error, 4));
            Cell::from(if t == other { String::new() } else { text })
        };
        let mark = if t == tuned.chosen { " (chosen)" } else { "" };
        out.push([
            Cell::from(format!("{}{mark}", name(tuned, t))),
            plus_minus(trial.mean(), trial.standard_error()).into(),
            against(tuned.mean()),
            against(tuned.recommended()),
        ]);
    }
    text::table(out, width)
}

fn name(tuned: &Tuned, t: usize) -> String {
    let trial = &tuned.trials[t];
    if t == tuned.defaults() { format!("{}, defaults", trial.contender.name()) } else { trial.describe() }
}

fn listed(tuned: &Tuned) -> Vec<usize> {
    let better = |a: &usize, b: &usize| tuned.difference(*b, *a).better_by.total_cmp(&0.0);
    let sound: Vec<usize> = (0..tuned.trials.len()).filter(|&t| tuned.trials[t].failure.is_none()).collect();
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
        out.push(match (d.is_clear(), tuned.difference(other, tuned.chosen).is_clear()) {
            (true, _) => format!("Better than {name} by {by}, more than one standard error."),
            (_, true) => format!("Worse than {name} ({by})."),
            _ => format!("Not better than {name} by more than one standard error ({by}): {as_well}."),
        });
    }
    out
}
