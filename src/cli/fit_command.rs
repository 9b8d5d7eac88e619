//! `cfe fit`.

use std::fs;
use std::path::Path;
use std::time::Instant;

use cfe_io::{Source, Table, read_table};
use cfe_report::terminal::wrap;
use clap::{ArgMatches, FromArgMatches as _};
use serde_json::{Value, json};

use super::args::{Fit, Talk};
use super::checkpoint::Request;
use super::diagnostics::{Finding, diagnose};
use super::error::{CliError, CliResult};
use super::fit::{FitOutcome, TRAIN, fit_chosen};
use super::interrupt;
use super::memory;
use super::metrics::Part;
use super::options::{FitOptions, Format};
use super::progress::Progress;
use super::settings::{Assignments, Chosen, choose};
use super::trust::TrustReport;
use super::{on_threads, outputs, report, summary, text};

/// Findings that a table at the end of a run lists.
const SHOWN: usize = 5;

/// `matches` are those of the command line that `args` were made from: what they say overrides the file.
pub(super) fn run(args: Fit, matches: &ArgMatches, talk: Talk) -> CliResult<()> {
    let Fit { table, config, assignments, mut options } = args;
    if let Some(path) = &config {
        let file = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|e| CliError::Config {
            file: file.clone(),
            message: format!("cannot be read ({e}); check the path and its permissions"),
        })?;
        options = FitOptions::from_toml(&file, &text)?;
        options.update_from_arg_matches(matches).map_err(|e| CliError::usage(e.to_string()))?;
    }
    options.set = Assignments::all(assignments).over(options.set);
    let chosen = choose(&options, options.seed.unwrap_or(0))?;
    let table_options = options.table_options()?;
    Request::of(&options, &chosen)?;
    let outputs: [(&str, Option<&Path>); 5] = [
        ("--checkpoint", options.checkpoint.as_deref()),
        ("--model-out", options.model_out.as_deref()),
        ("--predictions-out", options.predictions_out.as_deref()),
        ("--report-out", options.report_out.as_deref()),
        ("--metrics-out", options.metrics_out.as_deref()),
    ];
    if options.model_out.as_deref() == Some(Path::new("-")) {
        return Err(CliError::usage("--model-out -: a model is no text; give a file"));
    }
    let inputs: Vec<&Path> = [Some(table.as_path()), config.as_deref()].into_iter().flatten().collect();
    outputs::check(&inputs, &outputs)?;
    let stdout_taken = outputs.iter().any(|(_, path)| *path == Some(Path::new("-")));
    let format = match options.format {
        Some(_) if stdout_taken => {
            return Err(CliError::usage(
                "--format and an output to - both need standard output; give one a file",
            ));
        }
        None if outputs::person_reads() && !stdout_taken => Some(Format::Table),
        given => given,
    };
    on_threads(options.threads, || {
        let begin = Instant::now();
        let progress = Progress::start("Reading", None, talk.quiet);
        let read = read_table(Source::new(&table), &table_options)?;
        drop(progress);
        talk.took("reading", begin);
        talk.warnings(&read);
        memory::announce(&chosen.method, &read, talk);
        let begin = Instant::now();
        let outcome = fit_chosen(&read, &options, &chosen, talk.quiet)?;
        talk.took("fitting", begin);
        finish(&read, &options, &chosen, &outcome, format, talk)
    })
}

/// Measures what is asked for, then writes and prints it.
fn finish(
    table: &Table,
    options: &FitOptions,
    chosen: &Chosen,
    outcome: &FitOutcome,
    format: Option<Format>,
    talk: Talk,
) -> CliResult<()> {
    // Everything is computed before anything is written.
    let interrupted = interrupt::asked();
    let measured =
        !interrupted && (format.is_some() || options.metrics_out.is_some() || options.report_out.is_some());
    let begin = Instant::now();
    let parts = if measured { outcome.measured(table, talk.quiet)? } else { Vec::new() };
    if measured {
        talk.took("scoring", begin);
    }
    let findings =
        if measured { diagnose(table).map_err(CliError::training("scoring"))? } else { Vec::new() };
    let document = measured.then(|| pretty(&document(table, chosen, outcome, &parts, &findings)));
    let report = options.report_out.as_ref().map(|path| {
        let footer = format!("Made by cfe {}.", env!("CARGO_PKG_VERSION"));
        (path, cfe_report::html::write(&report::document(outcome, table, &parts, &findings), &footer))
    });
    let file = options.model_out.as_ref().map(|path| Ok::<_, CliError>((path, outcome.model.to_file()?)));
    let mut saved = Vec::new();
    if let Some((path, file)) = file.transpose()? {
        saved.push(outputs::save(path, |path| Ok(file.save(path)?)));
    }
    if let Some(path) = &options.predictions_out {
        let everything = vec![TRAIN.to_owned(); if table.split.is_some() { 0 } else { table.in_train.len() }];
        let split = table.split.as_deref().unwrap_or(&everything);
        saved.push(outputs::predictions(path, table, &outcome.combined, Some(split)));
    }
    if let Some((path, page)) = &report {
        saved.push(outputs::write_text(path, page));
    }
    if let (Some(path), Some(document)) = (&options.metrics_out, &document) {
        saved.push(outputs::write_text(path, document));
    }
    outputs::all(saved)?;
    if interrupted {
        talk.warn(&broken_off(outcome, options));
        return Ok(());
    }
    match (format, &document) {
        (Some(Format::Json), Some(document)) => outputs::print(document)?,
        (Some(Format::Table), _) => {
            let width = outputs::width();
            let mut text = summary::metrics_table(&parts, width);
            for line in summary::lines(outcome, table, &parts) {
                text += &wrap(&line, text::page(width), "* ", "  ");
            }
            for finding in findings.iter().take(SHOWN) {
                text += &wrap(&finding.text, text::page(width), "! ", "  ");
            }
            if findings.len() > SHOWN {
                text += &format!("! and {} more; --metrics-out has them all\n", findings.len() - SHOWN);
            }
            outputs::print(&text)?;
        }
        _ => {}
    }
    if options.model_out.is_none()
        && options.predictions_out.is_none()
        && format.is_none()
        && document.is_none()
    {
        talk.note("Nothing was written; --predictions-out, --model-out, --metrics-out or --format do.");
    }
    Ok(())
}

/// What there is after Ctrl-C.
fn broken_off(outcome: &FitOutcome, options: &FitOptions) -> String {
    let fit = outcome.model.details.provenance.get("fit");
    let iterations =
        fit.and_then(|fit| fit.get("iterations")).map_or(String::new(), |k| format!(" after {k} iterations"));
    let written = [("model", &options.model_out), ("predictions", &options.predictions_out)];
    let written: Vec<&str> =
        written.iter().filter(|(_, path)| path.is_some()).map(|(name, _)| *name).collect();
    let saved = if written.is_empty() {
        "nothing was asked to be written".to_owned()
    } else {
        format!(
            "{} were written as they are then, without threshold, calibration and scores",
            written.join(" and ")
        )
    };
    let on = match &options.checkpoint {
        Some(path) => format!("go on from {} with the same command and --resume", path.display()),
        None => "run it again for the whole, with --checkpoint FILE to go on from such an end".to_owned(),
    };
    format!("broken off{iterations}: {saved}; {on}")
}

/// What `--metrics-out` and `--format json` hold.
fn document(
    table: &Table,
    chosen: &Chosen,
    outcome: &FitOutcome,
    parts: &[Part],
    findings: &[Finding],
) -> Value {
    let (negatives, positives) = table.data.class_counts();
    json!({
        "schema_version": 1,
        "program": { "name": "cfe", "version": env!("CARGO_PKG_VERSION") },
        "data": {
            "file": table.file,
            "rows": table.data.n_instances(),
            "classifiers": table.data.n_classifiers(),
            "train_positives": positives,
            "train_negatives": negatives,
            "missing_predictions": table.data.n_missing(),
            "fingerprint": outcome.model.details.fingerprint,
        },
        "trainer": chosen.name,
        "settings": chosen.settings,
        "folds": outcome.folds,
        "fit": outcome.model.details.provenance.get("fit"),
        "threshold": outcome.cut,
        "trust": TrustReport::of(&outcome.model),
        "parts": parts,
        "findings": findings,
        "warnings": table.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// JSON for people and programs.
pub(super) fn pretty(value: &Value) -> String {
    // A `Value` always has a JSON form.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}
