//! `cfe fit`, `cfe predict` and `cfe evaluate` on a prepared store.

use std::path::{Path, PathBuf};
use std::time::Instant;

use cfe_combine::FitError;
use cfe_combine::methods::Method;
use cfe_combine::out_of_core::{Judged, MOST_IN_MEMORY, evaluate_store, fit_store, predict_store};
use cfe_combine::pipeline::{FitPlan, TableColumns};
use cfe_combine::saved::provenance::{DATA, FIT};
use cfe_combine::{SavedModel, report};
use cfe_io::store::Store;
use serde_json::json;

use super::before_fit::printed;
use super::scores::{self, Checked};
use super::{page, pretty};
use crate::args::{Evaluate, Fit, Format, Predict};
use crate::config::ProgramOptions;
use crate::error::{CliError, CliResult};
use crate::outputs;
use crate::terminal::Terminal;
use crate::threads::on_threads;
use crate::words;

/// Findings that rows drawn by class tell as well as all rows do: none of these asks for the share of
/// positives or of gaps.
const OF_DRAWN_ROWS: [&str; 7] =
    ["leak", "in_sample", "inverted", "pair", "two_values", "constant", "duplicate"];

/// Whether a table given on the command line is a prepared store.
pub(crate) fn is_store(table: &Path) -> bool {
    Store::is_store(table)
}

pub(crate) fn fit(
    args: &Fit,
    program: &ProgramOptions,
    plan: &FitPlan,
    terminal: &Terminal,
) -> CliResult<()> {
    // What was settled when the store was prepared is refused, and what a fit on it cannot give.
    // ALS is not cross-validated on a store, so nothing could be reported of its fit.
    let of_als = plan.trainer != Method::Recommended;
    let refused = [
        (args.dry_run, "--dry-run"),
        (args.strict, "--strict"),
        (plan.options.table.weight_column.is_some(), "--weight-column"),
        (plan.options.table.cost_column.is_some(), "--cost-column"),
        (plan.options.training.fold_column.is_some(), "--fold-column"),
        (plan.options.training.time_column.is_some(), "--time-column"),
        (of_als && program.report_out.is_some(), "--report-out with the trainer als"),
        (of_als && program.metrics_out.is_some(), "--metrics-out with the trainer als"),
        (
            of_als && program.prevalence.is_some() && program.predictions_out.is_none(),
            "--prevalence without predictions",
        ),
    ];
    let refused: Vec<&str> = refused.into_iter().filter_map(|(is, name)| is.then_some(name)).collect();
    if !refused.is_empty() {
        return Err(CliError::usage(format!(
            "a fit on a prepared store takes no {}; leave them out, or fit a table that lies in memory",
            refused.join(", no ")
        )));
    }
    // Everything that can be refused is, before the first pass.
    let store = Store::open(&args.table).map_err(FitError::from)?;
    let inputs: Vec<PathBuf> = args.config.iter().cloned().collect();
    let outputs: [(&str, Option<&Path>); 4] = [
        (outputs::CHECKPOINT, plan.options.checkpoint.as_deref()),
        ("--model-out", program.model_out.as_deref()),
        ("--report-out", program.report_out.as_deref()),
        ("--metrics-out", program.metrics_out.as_deref()),
    ];
    outputs::check(&inputs, &outputs)?;
    let format = printed(program, &outputs)?;
    // The passes. Only the trainer `recommended` is judged by them.
    on_threads(program.threads, || {
        let begin = Instant::now();
        let fitted = fit_store(plan, &store, terminal)?;
        terminal.took("fitting", begin);
        match fitted.judged {
            Some(judged) => finish(program, plan, &store, judged, format, terminal),
            None => finish_als(program, plan, &store, &fitted.model, terminal),
        }
    })
}

/// Measures what is asked for, then writes and prints it.
fn finish(
    program: &ProgramOptions,
    plan: &FitPlan,
    store: &Store,
    judged: Judged,
    format: Option<Format>,
    terminal: &Terminal,
) -> CliResult<()> {
    let Judged { table, sampled, mut outcome, .. } = judged;
    // Before anything is scored, so that every figure is that of the probabilities that are written.
    if let Some(prevalence) = program.prevalence {
        outcome.at_prevalence(&table, prevalence)?;
    }
    if sampled {
        let counts = store.counts();
        terminal.note(&format!(
            "{} of {} labeled rows were sampled for the members and the scores, with weights that correct for the sampling",
            table.data.n_instances(),
            counts.negatives + counts.positives
        ));
    }
    // Scores take as long as a small fit: only who asks for them waits for them.
    let begin = Instant::now();
    let measured = format.is_some() || program.metrics_out.is_some() || program.report_out.is_some();
    let parts = if measured { outcome.metrics_watched(&table, terminal)? } else { Vec::new() };
    terminal.took("scoring", begin);
    let mut findings = outcome.diagnose(&table)?;
    // A sample holds too many of the rarer class, which other findings would take for a fault of the table.
    if sampled {
        findings.retain(|finding| OF_DRAWN_ROWS.contains(&finding.kind));
    }
    if format != Some(Format::Table) || !outputs::person_reads() {
        terminal.findings(&findings);
    }
    let document = measured.then(|| {
        let mut document = words::fit::document(&table, plan, &outcome, &parts, &findings);
        // The table in memory is what was drawn; a reader of the figures wants the counts of the store.
        let counts = store.counts();
        document["data"]["rows"] = json!(store.shape().rows);
        document["data"]["train_positives"] = json!(counts.positives);
        document["data"]["train_negatives"] = json!(counts.negatives);
        document["data"]["missing_predictions"] = json!(counts.missing);
        document["data"]["rows_learned_from"] = json!(table.data.n_instances());
        pretty(&document)
    });
    let report = program.report_out.as_ref().map(|_| {
        let document = report::document(&outcome, &table, &parts, &findings);
        page(&document, outcome.model.details.seed)
    });
    // Each file is written even where another one cannot be; the errors are told together.
    let mut saved = Vec::new();
    if let Some(path) = &program.model_out {
        let file = outcome.model.to_file()?;
        saved.push(outputs::save(path, |path| Ok(file.save(path)?)));
    }
    for (path, text) in [(&program.report_out, &report), (&program.metrics_out, &document)] {
        if let (Some(path), Some(text)) = (path, text) {
            saved.push(outputs::write_text(path, text));
        }
    }
    // Predictions come after the model: they take a pass of their own and may be interrupted.
    outputs::all(saved)?;
    if let Some(folder) = &program.predictions_out {
        predict_into(&outcome.model, store, folder, program.prevalence, terminal)?;
    }
    match (format, &document) {
        (Some(Format::Json), Some(document)) => outputs::print(document),
        (Some(Format::Table), _) => {
            outputs::print_page(&words::fit::terminal_page(&outcome, &table, &parts, &findings))
        }
        _ => Ok(()),
    }
}

fn finish_als(
    program: &ProgramOptions,
    plan: &FitPlan,
    store: &Store,
    model: &SavedModel,
    terminal: &Terminal,
) -> CliResult<()> {
    if let Some(path) = &program.model_out {
        let file = model.to_file()?;
        outputs::save(path, |path| Ok(file.save(path)?))?;
    }
    if let Some(folder) = &program.predictions_out {
        predict_into(model, store, folder, program.prevalence, terminal)?;
    }
    let fit = FIT.get(&model.details);
    match program.format {
        // A person gets a summary, as there are no scores; a program gets what the fit said of itself.
        Some(Format::Json) => {
            let data = DATA.get(&model.details);
            outputs::print(&pretty(&json!({ "data": data, "settings": plan.settings, "fit": fit })))
        }
        _ => outputs::print_page(&summary(store, model)),
    }
}

/// What there is to say without scores.
fn summary(store: &Store, model: &SavedModel) -> String {
    let fit = FIT.get(&model.details).expect("just written by the fit");
    let fact = |key: &str| fit[key].to_string();
    let loss = fit["loss"]["supervised"].as_f64();
    let loss = loss.map_or_else(|| "not finite".to_owned(), |loss| format!("{loss:.6}"));
    format!(
        "{} rows, {} classifiers: {} iterations, ended by {}, supervised loss {loss}\n\
         A fit of als on a store is not cross-validated: score the model on rows that were not learned from, with \
         `cfe evaluate`.\n\
         Leaks, swapped classes and copies were not looked for: a fit of the recommended combiner on the store looks for \
         them.\n",
        store.shape().rows,
        store.shape().n_classifiers(),
        fact("iterations"),
        fact("stop").trim_matches('"'),
    )
}

pub(crate) fn predict(args: &Predict, terminal: &Terminal) -> CliResult<()> {
    if outputs::is_stdout(&args.predictions_out) {
        return Err(CliError::usage(
            "--predictions-out: the predictions of a store are a folder of files; name one, such as parts/",
        ));
    }
    let model = SavedModel::load(&args.model)?;
    let store = Store::open(&args.table).map_err(FitError::from)?;
    on_threads(args.threads, || {
        predict_into(&model, &store, &args.predictions_out, args.prevalence, terminal)
    })
}

pub(crate) fn evaluate(args: &Evaluate, terminal: &Terminal) -> CliResult<()> {
    // Columns have their meaning from the preparation. An option that says otherwise would be passed over.
    if args.columns.options() != TableColumns::default() {
        return Err(CliError::usage(
            "options for the columns were fixed when the store was prepared; leave them out, or score the table",
        ));
    }
    outputs::check(std::slice::from_ref(&args.model), &[("--report-out", args.report_out.as_deref())])?;
    let model = SavedModel::load(&args.model)?;
    let store = Store::open(&args.table).map_err(FitError::from)?;
    on_threads(args.threads, || {
        let begin = Instant::now();
        let scores = evaluate_store(&model, &store, MOST_IN_MEMORY, terminal)?;
        terminal.took("scoring", begin);
        if let Some(path) = &args.report_out {
            let title = format!("Scores of a model on {}", store.folder().display());
            let document = report::evaluation_titled(title, &scores.parts, &scores.findings);
            outputs::write_text(path, &page(&document, model.details.seed))?;
        }
        let data = json!({ "file": store.folder().display().to_string(), "rows": store.shape().rows });
        scores::show(args, &scores.parts, &data, scores.within, &scores.findings)?;
        scores::check(args, &scores.parts.iter().filter_map(Checked::of).collect::<Vec<_>>())
    })
}

fn predict_into(
    model: &SavedModel,
    store: &Store,
    folder: &Path,
    prevalence: Option<f64>,
    terminal: &Terminal,
) -> CliResult<()> {
    let begin = Instant::now();
    let rows = predict_store(model, store, folder, prevalence, terminal)?;
    terminal.took("predicting", begin);
    terminal.note(&format!("{rows} predictions are in {}", folder.display()));
    Ok(())
}
