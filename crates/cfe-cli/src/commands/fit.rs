//! `cfe fit`.

use std::path::Path;
use std::time::Instant;

use cfe_combine::judge::{TRAIN, diagnose};
use cfe_combine::pipeline::{Assignments, FitOutcome, FitPlan, Watch as _, bytes_in_words};
use cfe_combine::report;
use cfe_combine::saved::provenance::FIT;
use cfe_io::{AnyTable, Source, Table, TableOptions, read_any_table};

use super::before_fit::{printed, refuse_alarms};
use super::{classes, page, pretty, store};
use crate::args::{Fit, Format};
use crate::config::{self, ProgramOptions};
use crate::error::{CliError, CliResult};
use crate::outputs;
use crate::outputs::Predictions;
use crate::terminal::Terminal;
use crate::threads::{on_threads, pin};
use crate::words;

pub(crate) fn run(args: &Fit, terminal: &Terminal) -> CliResult<()> {
    // Options, from the file and over it from the command line, are checked before any work.
    let file = args.config.as_deref().map(config::load).transpose()?.unwrap_or_default();
    file.check_prevalence()?;
    args.options.check_prevalence()?;
    let (program, mut options) = config::merged(&file, &args.options);
    // A setting of --set goes over the same one in the file; the others of the file stay.
    options.set = Assignments::all(args.assignments.clone()).over(options.set);
    options.resume = args.resume;
    let plan = options.plan()?;
    pin(program.instruction_set.as_deref())?;
    // A store is not read whole, and has a way of its own from here on.
    if store::is_store(&args.table) {
        return store::fit(args, &program, &plan, terminal);
    }
    let table_options = options.table_options()?;
    let format = check_outputs(args, &program, &plan, &table_options)?;
    on_threads(program.threads, || {
        // The number of classes shows when the table is read, and parts the ways.
        let begin = Instant::now();
        let read = terminal.during("Reading", || read_any_table(Source::new(&args.table), &table_options))?;
        let read = match read {
            AnyTable::Binary(table) => *table,
            AnyTable::Classes(table) => {
                return classes::fit(args, &program, &plan, &table, format, terminal);
            }
            _ => unreachable!("a table has two classes or more"),
        };
        if program.decision.is_some() {
            return Err(CliError::usage(
                "--decision is for tables of more than two classes; for two, --threshold says where to cut",
            ));
        }
        // A dry run shows what was understood, and fails where there is nothing to learn from.
        if args.dry_run {
            outputs::print_page(&format!("{}\n", read.taken))?;
            read.require_labels()?;
            return Ok(());
        }
        terminal.took("reading", begin);
        terminal.taken(&read);
        if args.strict {
            refuse_alarms(&diagnose(&read).map_err(CliError::training("looking for leaks"))?)?;
        }
        if program.prevalence.is_some() {
            check_corrected(&read, &program)?;
        }
        announce_memory(&plan, &read, terminal);
        let begin = Instant::now();
        let mut outcome = plan.fit(&read, terminal)?;
        if let Some(prevalence) = program.prevalence {
            outcome.at_prevalence(&read, prevalence)?;
        }
        // Fewer folds than asked for are not an error, as a small class cannot have more, but they are told.
        if let Some(asked) =
            plan.options.folds.filter(|asked| (2..*asked).contains(&outcome.folds) && !outcome.stopped)
        {
            let (negatives, positives) = read.data.class_counts();
            terminal.warn(&format!(
                "--folds {asked}: {} folds are made, as each needs rows of both classes ({positives} positives, \
                 {negatives} negatives){}",
                outcome.folds,
                if read.groups.is_some() { " and whole groups" } else { "" }
            ));
        }
        terminal.took("fitting", begin);
        finish(&read, &program, &plan, &outcome, format, terminal)
    })
}

/// Refuses a share of positives that corrects nothing: every row is learned from, and no model is kept.
fn check_corrected(table: &Table, program: &ProgramOptions) -> CliResult<()> {
    if program.model_out.is_some() || table.data.labeled().len() < table.data.n_instances() {
        return Ok(());
    }
    Err(CliError::usage(
        "--prevalence corrects rows that are not learned from, and every row here is; leave it out, name the rows of \
         training with --split-column, or keep the model with --model-out, which remembers the share for cfe predict",
    ))
}

/// Refuses outputs that cannot be written; what is printed to standard output.
fn check_outputs(
    args: &Fit,
    program: &ProgramOptions,
    plan: &FitPlan,
    table: &TableOptions,
) -> CliResult<Option<Format>> {
    let outputs: [(&str, Option<&Path>); 5] = [
        (outputs::CHECKPOINT, plan.options.checkpoint.as_deref()),
        ("--model-out", program.model_out.as_deref()),
        (outputs::PREDICTIONS_OUT, program.predictions_out.as_deref()),
        ("--report-out", program.report_out.as_deref()),
        ("--metrics-out", program.metrics_out.as_deref()),
    ];
    if program.model_out.as_deref().is_some_and(outputs::is_stdout) {
        return Err(CliError::usage("--model-out -: a model is not text; give a file"));
    }
    outputs::check(&outputs::inputs(&args.table, table, args.config.as_deref()), &outputs)?;
    printed(program, &outputs)
}

/// Says before the work what memory it will take, and warns where that is more than there is.
fn announce_memory(plan: &FitPlan, table: &Table, terminal: &Terminal) {
    let needs = (plan.estimate_memory(table), plan.estimate_memory_cross_validated(table));
    if let (Some(fit), Some(all)) = needs
        && terminal.verbose()
    {
        terminal.note(&format!(
            "memory: about {} for a fit, {} with cross-validation, the table included",
            bytes_in_words(fit),
            bytes_in_words(all)
        ));
    }
    plan.warn_of_cost(table, terminal);
}

/// Measures what is asked for, then writes and prints it.
fn finish(
    table: &Table,
    options: &ProgramOptions,
    plan: &FitPlan,
    outcome: &FitOutcome,
    format: Option<Format>,
    terminal: &Terminal,
) -> CliResult<()> {
    // Everything is computed before anything is written.
    let interrupted = outcome.stopped;
    // An interrupted fit has no scores. Another one is scored only if a page, metrics or a report will show
    // them.
    let measured =
        !interrupted && (format.is_some() || options.metrics_out.is_some() || options.report_out.is_some());
    let begin = Instant::now();
    let parts = if measured { outcome.metrics_watched(table, terminal)? } else { Vec::new() };
    if measured {
        terminal.took("scoring", begin);
    }
    let findings = if interrupted { Vec::new() } else { outcome.diagnose(table)? };
    // A page on the terminal has them at its end.
    if format != Some(Format::Table) || !outputs::person_reads() {
        terminal.findings(&findings);
    }
    let document = measured.then(|| pretty(&words::fit::document(table, plan, outcome, &parts, &findings)));
    let report = options.report_out.as_ref().map(|_| {
        let document = report::document(outcome, table, &parts, &findings);
        page(&document, outcome.model.details.seed)
    });
    write(table, options, outcome, report.as_deref(), document.as_deref())?;
    if interrupted {
        terminal.warn(&interruption(plan, outcome, options));
        return Ok(());
    }
    match (format, &document) {
        (Some(Format::Json), Some(document)) => outputs::print(document),
        (Some(Format::Table), _) => {
            outputs::print_page(&words::fit::terminal_page(outcome, table, &parts, &findings))
        }
        _ => Ok(()),
    }
}

/// Writes every output that was asked for, each whatever becomes of the others.
fn write(
    table: &Table,
    options: &ProgramOptions,
    outcome: &FitOutcome,
    report: Option<&str>,
    metrics: Option<&str>,
) -> CliResult<()> {
    let file = options.model_out.as_ref().map(|path| Ok::<_, CliError>((path, outcome.model.to_file()?)));
    // From here on only writing can fail.
    let mut saved = Vec::new();
    if let Some((path, file)) = file.transpose()? {
        saved.push(outputs::save(path, |path| Ok(file.save(path)?)));
    }
    if let Some(path) = &options.predictions_out {
        // Without a split column every row is for training.
        let everything = vec![TRAIN.to_owned(); if table.split.is_some() { 0 } else { table.in_train.len() }];
        let split = table.split.as_deref().unwrap_or(&everything);
        let out_of_fold = outcome.out_of_fold_of(table);
        saved.push(outputs::predictions(
            path,
            &Predictions {
                table,
                combined: &outcome.combined,
                threshold: outcome.model.details.threshold,
                out_of_fold: out_of_fold.as_deref(),
                split: Some(split),
            },
        ));
    }
    for (path, text) in [(&options.report_out, report), (&options.metrics_out, metrics)] {
        if let (Some(path), Some(text)) = (path, text) {
            saved.push(outputs::write_text(path, text));
        }
    }
    outputs::all(saved)
}

/// What there is after Ctrl-C.
fn interruption(plan: &FitPlan, outcome: &FitOutcome, options: &ProgramOptions) -> String {
    let fit = FIT.get(&outcome.model.details);
    let iterations =
        fit.and_then(|fit| Some(format!(" after {} iterations", fit.get("iterations")?))).unwrap_or_default();
    let written = [("the model", &options.model_out), ("the predictions", &options.predictions_out)];
    let written: Vec<&str> =
        written.iter().filter(|(_, path)| path.is_some()).map(|(name, _)| *name).collect();
    let saved = if written.is_empty() {
        "no output was asked for".to_owned()
    } else {
        format!(
            "the current state of {} is written, without threshold, calibration and scores",
            written.join(" and ")
        )
    };
    let resume = match &plan.options.checkpoint {
        Some(path) => format!("resume from {} with the same command and --resume", path.display()),
        None => {
            "run the command again for the whole fit; with --checkpoint FILE it could be resumed".to_owned()
        }
    };
    format!("interrupted{iterations}: {saved}; {resume}")
}
