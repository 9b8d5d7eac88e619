//! `cfe fit` and `cfe predict` on a prepared store.

use std::path::{Path, PathBuf};
use std::time::Instant;

use cfe_combine::SavedModel;
use cfe_combine::out_of_core::{fit_store, predict_store};
use cfe_combine::pipeline::FitPlan;
use cfe_io::store::Store;
use serde_json::json;

use super::pretty;
use crate::args::{Fit, Format, Predict};
use crate::config::ProgramOptions;
use crate::error::{CliError, CliResult};
use crate::terminal::Terminal;
use crate::{on_threads, outputs};
use cfe_combine::FitError;

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
    let refused = [
        (args.dry_run, "--dry-run"),
        (args.strict, "--strict"),
        (plan.options.table.weight_column.is_some(), "--weight-column"),
        (plan.options.table.cost_column.is_some(), "--cost-column"),
        (plan.options.training.fold_column.is_some(), "--fold-column"),
        (plan.options.training.time_column.is_some(), "--time-column"),
        (program.report_out.is_some(), "--report-out"),
        (program.metrics_out.is_some(), "--metrics-out"),
        (
            program.prevalence.is_some() && program.predictions_out.is_none(),
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
    let store = Store::open(&args.table).map_err(FitError::from)?;
    let inputs: Vec<PathBuf> = args.config.iter().cloned().collect();
    let outputs: [(&str, Option<&Path>); 2] = [
        (outputs::CHECKPOINT, plan.options.checkpoint.as_deref()),
        ("--model-out", program.model_out.as_deref()),
    ];
    outputs::check(&inputs, &outputs)?;
    on_threads(program.threads, || {
        let begin = Instant::now();
        let model = fit_store(plan, &store, terminal)?;
        terminal.took("fitting", begin);
        if let Some(path) = &program.model_out {
            let file = model.to_file()?;
            outputs::save(path, |path| Ok(file.save(path)?))?;
        }
        if let Some(folder) = &program.predictions_out {
            predict_into(&model, &store, folder, program.prevalence, terminal)?;
        }
        let fit = model.details.provenance.get("fit").cloned();
        match program.format {
            Some(Format::Json) => {
                let data = model.details.provenance.get("data");
                outputs::print(&pretty(&json!({ "data": data, "settings": plan.settings, "fit": fit })))
            }
            _ => outputs::print_page(&summary(&store, &model)),
        }
    })
}

/// What there is to say without scores.
fn summary(store: &Store, model: &SavedModel) -> String {
    let fit = model.details.provenance.get("fit");
    let of = |key: &str| fit.and_then(|fit| fit.get(key)).map_or_else(String::new, ToString::to_string);
    let loss = fit.and_then(|fit| fit["loss"]["supervised"].as_f64()).unwrap_or(f64::NAN);
    format!(
        "{} rows, {} classifiers: {} iterations, ended by {}, supervised loss {loss:.6}\n\
         A fit on a store is not cross-validated: score the model on rows that were not learned from.\n",
        store.shape().rows,
        store.shape().n_classifiers(),
        of("iterations"),
        of("stop").trim_matches('"'),
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
