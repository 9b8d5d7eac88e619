//! `cfe fit`, `predict`, `evaluate` and `inspect` on tables and models of more than two classes.

use std::path::Path;
use std::time::Instant;

use cfe_combine::FitError;
use cfe_combine::classes::{
    CLASSES_KIND, ClassCombined, ClassModel, ClassOptions, ClassOutcome, ClassPart, DecisionRule,
    class_trust, fit_planned, judge_table,
};
use cfe_combine::judge::{Finding, diagnose_class_evaluation, diagnose_classes};
use cfe_combine::pipeline::{FitPlan, Watch as _, bytes_in_words};
use cfe_combine::report::classes as report;
use cfe_combine::saved::provenance::{DATA, FILE, SETTINGS, TRAINER};
use cfe_io::{
    AnyTable, ClassTable, Column, Labels, ModelFile, Sink, Source, TableWarning, read_any_table,
    write_predictions,
};
use cfe_report::printable;
use cfe_report::terminal::wrap;
use serde_json::{Value, json};

use super::before_fit::refuse_alarms;
use super::scores::{self, Checked};
use super::{page, pretty};
use crate::args::{Evaluate, Fit, Format, Inspect, Predict};
use crate::config::ProgramOptions;
use crate::error::{CliError, CliResult};
use crate::outputs;
use crate::outputs::is_stdout;
use crate::terminal::Terminal;
use crate::threads::on_threads;
use crate::words::{self, text};

/// Folds in time unless said otherwise.
const FOLDS: usize = 5;

/// The model in a file, if it is one of several classes.
pub(crate) fn model(path: &Path) -> CliResult<Option<ClassModel>> {
    let file = ModelFile::load(path).map_err(FitError::from)?;
    if file.kind() != CLASSES_KIND {
        return Ok(None);
    }
    Ok(Some(ClassModel::from_file(&file).map_err(FitError::from)?))
}

/// Fits, writes and prints.
pub(crate) fn fit(
    args: &Fit,
    program: &ProgramOptions,
    plan: &FitPlan,
    table: &ClassTable,
    format: Option<Format>,
    terminal: &Terminal,
) -> CliResult<()> {
    // What was taken for what goes to standard output, which is what a dry run is asked for; faults of the
    // labels follow.
    if args.dry_run {
        outputs::print_page(&format!("{}\n", table.taken))?;
        table.data().map_err(FitError::from)?;
        return Ok(());
    }
    if program.prevalence.is_some() {
        return Err(CliError::usage(
            "--prevalence is the share of one positive class; leave it out for more classes",
        ));
    }
    taken(table, terminal);
    // Labels and findings come before the work, and a strict run ends here.
    let data = table.data().map_err(FitError::from)?;
    let findings = diagnose_classes(table).map_err(CliError::training("looking for leaks"))?;
    if args.strict {
        refuse_alarms(&findings)?;
    }
    // What is wrong with folds is said with the name of their column.
    table.given_folds(plan.options.folds.unwrap_or(FOLDS)).map_err(FitError::from)?;
    if let Some(bytes) = plan.estimate_memory_of_classes(&data).filter(|_| terminal.verbose()) {
        terminal.note(&format!("memory: about {}, the table included", bytes_in_words(bytes)));
    }
    let options = class_options(table, program);
    let begin = Instant::now();
    let mut outcome = fit_planned(plan, &data, &options, terminal)?;
    outcome.model.remember_table(table, &plan.options.table);
    terminal.took("fitting", begin);
    // Scores take as long as small fits, so that only who asks for them waits for them.
    let mut parts: Vec<ClassPart> = Vec::new();
    if format.is_some() || program.metrics_out.is_some() || program.report_out.is_some() {
        parts.extend(outcome.cross_validated(&data)?);
        parts.extend(judge_table(table, &outcome.model, |i| !table.in_train[i])?);
    }
    // A page on the terminal has them at its end.
    if format != Some(Format::Table) || !outputs::person_reads() {
        terminal.findings(&findings);
    }
    write(table, program, &outcome, &parts, &findings)?;
    match format {
        Some(Format::Json) => {
            outputs::print(&pretty(&words::classes::document(table, &outcome, &parts, &findings)))
        }
        Some(Format::Table) => outputs::print_page(&words::classes::terminal_page(
            &outcome.model,
            &parts,
            &outcome.class_counts,
            &findings,
            "--metrics-out has them all",
        )),
        None => Ok(()),
    }
}

/// What the columns of the table and the command line say of a fit.
fn class_options(table: &ClassTable, program: &ProgramOptions) -> ClassOptions {
    let mut options = ClassOptions::default();
    // Who says what a wrong decision costs wants those that cost least.
    let unsaid = match table.costs {
        Some(_) => DecisionRule::LeastCost,
        None => DecisionRule::default(),
    };
    options.decision = program.decision.clone().unwrap_or(unsaid);
    options.leave_out = true;
    options.groups.clone_from(&table.groups);
    options.folds.clone_from(&table.folds);
    options.times.clone_from(&table.times);
    options.costs.clone_from(&table.costs);
    options
}

/// What the table was taken for, and how many predictions were scaled.
fn taken(table: &ClassTable, terminal: &Terminal) {
    // What was understood is said before what is odd about it.
    terminal.note(&table.taken.to_string());
    table.warnings.iter().map(TableWarning::to_string).for_each(|warning| terminal.warn(&warning));
    let scaled = table.predictions.renormalized();
    if scaled > 0 {
        terminal.warn(&format!(
            "{}: the classes of {scaled} predictions did not sum to 1 and were scaled; give probabilities as the \
             classifiers computed them",
            table.file
        ));
    }
}

/// Writes every output that was asked for, each whatever becomes of the others.
fn write(
    table: &ClassTable,
    program: &ProgramOptions,
    outcome: &ClassOutcome,
    parts: &[ClassPart],
    findings: &[Finding],
) -> CliResult<()> {
    let mut saved = Vec::new();
    // A model is put together before any file is opened, since this alone can fail.
    if let Some(path) = &program.model_out {
        let file = outcome.model.to_file().map_err(FitError::from)?;
        saved.push(outputs::save(path, |path| Ok(file.save(path).map_err(FitError::from)?)));
    }
    if let Some(path) = &program.predictions_out {
        // The rows that were learned from, in the order that out-of-fold predictions have.
        let labeled: Vec<usize> = (0..table.n_rows())
            .filter(|&i| {
                table.in_train[i] && table.labels[i].is_some() && table.predictions.n_observed(i) > 0
            })
            .collect();
        let columns: Option<Vec<Vec<f64>>> =
            outcome.out_of_fold.as_ref().map(|p| p.columns().into_iter().map(|p| p.to_vec()).collect());
        let held_out = columns.as_ref().map(|columns| (&labeled[..], &columns[..]));
        saved.push(predictions(path, table, outcome.model.classes(), &outcome.combined, held_out));
    }
    if let Some(path) = &program.report_out {
        let title = format!("Combining {} classifiers: {}", table.predictions.n_classifiers(), table.file);
        let document = report::class_document(title, &outcome.model, parts, &outcome.class_counts, findings);
        saved.push(outputs::write_text(path, &page(&document, outcome.model.details.seed)));
    }
    if let Some(path) = &program.metrics_out {
        saved.push(outputs::write_text(
            path,
            &pretty(&words::classes::document(table, outcome, parts, findings)),
        ));
    }
    outputs::all(saved)
}

/// Writes `instance_id`, `probability:<class>` for each class, `decision`, `n_observed`, then
/// `out_of_fold:<class>`, `split` and `label` where there are such.
fn predictions(
    path: &Path,
    table: &ClassTable,
    classes: &[String],
    combined: &ClassCombined,
    held_out: Option<(&[usize], &[Vec<f64>])>,
) -> CliResult<()> {
    let n = table.n_rows();
    let numbers: Vec<String> = (0..n).map(|i| i.to_string()).collect();
    let of_class: Vec<Vec<f64>> = combined.probabilities.columns().into_iter().map(|p| p.to_vec()).collect();
    let decisions: Vec<String> = combined.decisions.iter().map(|&k| classes[k].clone()).collect();
    let names: Vec<String> = classes.iter().map(|class| format!("probability:{class}")).collect();
    // The order of the columns is fixed: programs read them by name, and people from the left.
    let mut columns = vec![("instance_id", Column::Text(table.ids.as_ref().unwrap_or(&numbers)))];
    columns.extend(names.iter().zip(&of_class).map(|(name, p)| (name.as_str(), Column::Float(p))));
    columns.push(("decision", Column::Text(&decisions)));
    columns.push(("n_observed", Column::Count(&combined.n_observed)));
    // Rows that were not learned from have no such prediction.
    let mut out_of_fold: Vec<(String, Vec<f64>)> = Vec::new();
    if let Some((rows, columns)) = held_out {
        for (class, column) in classes.iter().zip(columns) {
            let mut all = vec![f64::NAN; n];
            rows.iter().zip(column).for_each(|(&i, p)| all[i] = *p);
            out_of_fold.push((format!("out_of_fold:{class}"), all));
        }
    }
    columns.extend(out_of_fold.iter().map(|(name, p)| (name.as_str(), Column::Float(p))));
    if let Some(split) = &table.split {
        columns.push(("split", Column::Text(split)));
    }
    let labels: Vec<String> = (0..n).map(|i| table.label(i).unwrap_or_default().to_owned()).collect();
    if table.labels.iter().any(Option::is_some) {
        columns.push(("label", Column::Text(&labels)));
    }
    outputs::save(path, |path| {
        let sink = if is_stdout(path) { Sink::Stdout } else { Sink::new(path) };
        Ok(write_predictions(&sink, &columns)?)
    })
}

/// Reads a table for a model; its columns are those of `cfe fit`.
fn read(
    path: &Path,
    columns: &cfe_combine::pipeline::TableColumns,
    model: &ClassModel,
    labels: Labels,
    terminal: &Terminal,
) -> CliResult<ClassTable> {
    let options = columns.table_options_for_classes(model, labels)?;
    let read =
        terminal.during("Reading", || read_any_table(Source::new(path), &options)).map_err(FitError::from)?;
    match read {
        AnyTable::Classes(mut table) => {
            // A table that is predicted or scored needs no train rows.
            table.warnings.retain(|warning| !matches!(warning, TableWarning::NoTrainRow { .. }));
            taken(&table, terminal);
            Ok(*table)
        }
        _ => Err(FitError::Data(format!(
            "{}: the model is of several classes ({}), and the table has no columns <classifier>:<class> of them; give the \
             columns that it was fitted to: a column of each classifier ({}) for each class",
            path.display(),
            shown(model.classes()),
            shown(model.classifier_names())
        ))
        .into()),
    }
}

/// The first few of some names.
fn shown(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let first = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// `cfe predict` with a model of several classes.
pub(crate) fn predict(args: &Predict, model: &ClassModel, terminal: &Terminal) -> CliResult<()> {
    if args.prevalence.is_some() {
        return Err(CliError::usage(
            "--prevalence is the share of one positive class; leave it out for more classes",
        ));
    }
    on_threads(args.threads, || {
        let table = read(&args.table, &args.columns.options(), model, Labels::IfPresent, terminal)?;
        let combined = model.predict(&table.predictions).map_err(CliError::training("predicting"))?;
        predictions(&args.predictions_out, &table, model.classes(), &combined, None)
    })
}

/// `cfe evaluate` with a model of several classes.
pub(crate) fn evaluate(args: &Evaluate, model: &ClassModel, terminal: &Terminal) -> CliResult<()> {
    on_threads(args.threads, || {
        let table = read(&args.table, &args.columns.options(), model, Labels::Needed, terminal)?;
        // Rows of classes that the model does not know cannot be scored. The number of them is told.
        let (_, unknown) = table.labels_among(model.classes());
        let parts = judge_table(&table, model, |_| true)?;
        if parts.is_empty() {
            return Err(FitError::Data(format!(
                "{}: no labeled row is of a class that the model knows; its classes are {}",
                table.file,
                model.classes().join(", ")
            ))
            .into());
        }
        if !unknown.is_empty() {
            terminal.warn(&format!(
                "{}: {} rows are of classes that the model does not know; they are left out of the figures",
                table.file,
                unknown.len()
            ));
        }
        let findings = diagnose_class_evaluation(model, &table).map_err(CliError::training("scoring"))?;
        // The page is written before anything is printed, so that a reader who leaves early loses nothing.
        if let Some(path) = &args.report_out {
            let title = format!("Scores of a model on {}", table.file);
            let document = report::class_document(title, model, &parts, &counts_of(model), &findings);
            outputs::write_text(path, &page(&document, model.details.seed))?;
        }
        match args.format {
            Format::Json => outputs::print(&pretty(&json!({
                "schema_version": 1,
                "program": { "name": "cfe", "version": env!("CARGO_PKG_VERSION") },
                "data": { "file": table.file, "rows": table.n_rows(), "unknown_class": unknown.len() },
                "parts": parts,
                "findings": findings,
            })))?,
            Format::Table => outputs::print_page(&words::classes::terminal_page(
                model,
                &parts,
                &counts_of(model),
                &findings,
                "--format json has them all",
            ))?,
        }
        scores::check(args, &parts.iter().filter_map(checked).collect::<Vec<_>>())
    })
}

/// What is checked of more classes: the macro average precision, and the calibration of the largest
/// probability.
fn checked(part: &ClassPart) -> Option<Checked<'_>> {
    let combined = &part.methods.first()?.metrics;
    Some(Checked {
        part: &part.name,
        in_sample_share: part.in_sample_share,
        name: "macro average precision",
        average_precision: combined.macro_average_precision.ok_or("no class of the model has a labeled row"),
        ece: Some(combined.top_label_ece),
    })
}

/// Labeled rows of each class that the model was fitted to; none where the file does not say.
fn counts_of(model: &ClassModel) -> Vec<usize> {
    let data = DATA.get(&model.details);
    let labeled = data.as_ref().and_then(|data| data.get("labeled")).and_then(Value::as_array);
    let counts = labeled.and_then(|counts| counts.iter().map(Value::as_u64).collect::<Option<Vec<_>>>());
    counts.into_iter().flatten().map(|count| count as usize).collect()
}

/// `cfe inspect` of a model of several classes.
pub(crate) fn inspect(args: &Inspect, model: &ClassModel) -> CliResult<()> {
    let remembered = class_trust(model);
    // For programs, everything as it stands; for people, a line for each fact and the tables behind them.
    if args.format == Format::Json {
        return outputs::print(&pretty(&json!({
            "schema_version": 1,
            "classifiers": model.classifier_names(),
            "classes": model.classes(),
            "details": model.details,
            "coupling": model.coupling(),
            "decision": model.decision,
            "trust": model.trust(),
        })));
    }
    let width = outputs::width();
    let mut out = String::new();
    for (name, text) in [
        ("Trainer", TRAINER.get(&model.details)),
        ("Settings", SETTINGS.get(&model.details).map(|settings| settings.to_string())),
        ("Trained on", FILE.get(&model.details)),
        ("Saved by version", Some(model.details.crate_version.clone())),
        ("Coupling", Some(json!(model.coupling()).to_string())),
        ("Decision", Some(json!(model.decision).to_string())),
    ] {
        if let Some(text) = text {
            out += &format!("{name}: {text}\n");
        }
    }
    out.push('\n');
    let mut tables = vec![report::class_trust_table(model)];
    tables.extend(report::class_lost_table(model));
    // What a model remembers of its cross-validation, if it was fitted with any.
    if let Some(summary) = &remembered {
        tables.push(report::per_class(
            "Cross-validated, each class against all others",
            model.classes(),
            summary,
        ));
        tables.extend(report::confusion("Cross-validated decisions", model.classes(), summary));
    }
    out += &text::tables(tables, width);
    for line in report::class_lines(model, &[], &counts_of(model), &[]) {
        out += &wrap(&printable(&line), text::page(width), "* ", "  ");
    }
    outputs::print_page(&out)
}
