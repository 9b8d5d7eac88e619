//! `cfe predict`.

use std::path::Path;
use std::time::Instant;

use cfe_io::{Labels, Source, Table, TableOptions, TableWarning, read_table};

use cfe_combine::SavedModel;

use crate::args::Predict;
use crate::error::{CliError, CliResult};
use crate::outputs::Predictions;
use crate::terminal::Terminal;
use crate::{on_threads, outputs};

pub(crate) fn run(args: &Predict, terminal: &Terminal) -> CliResult<()> {
    if super::store::is_store(&args.table) {
        return super::store::predict(args, terminal);
    }
    let out = args.predictions_out.as_path();
    let columns = args.columns.options();
    let inputs = outputs::inputs(&args.table, &columns.table_options()?, [args.model.as_path()]);
    // Before anything is read: a place that cannot be written to costs no work.
    outputs::check(&inputs, &[(outputs::PREDICTIONS_OUT, Some(out))])?;
    if let Some(model) = super::classes::model(&args.model)? {
        return super::classes::predict(args, &model, terminal);
    }
    let model = SavedModel::load(&args.model)?;
    // Labels are not needed here; where the table has them they go along.
    let options = columns.table_options_for(&model, Labels::IfPresent)?;
    on_threads(args.threads, || {
        let table = read(&args.table, &options, terminal)?;
        let begin = Instant::now();
        let mut combined =
            model.predict(table.data.predictions()).map_err(CliError::training("predicting"))?;
        // A share that is named goes before the one that the model was fitted for, and the latter is said.
        let remembered = model.target_prevalence().filter(|_| args.prevalence.is_none());
        if let Some(prevalence) = args.prevalence.or(remembered) {
            combined.at_prevalence(&model, prevalence)?;
        }
        if let Some(prevalence) = remembered {
            terminal.note(&format!(
                "prevalence: {prevalence}, as the model was fitted for; --prevalence says otherwise"
            ));
        }
        terminal.took("predicting", begin);
        outputs::predictions(
            out,
            &Predictions {
                table: &table,
                combined: &combined,
                threshold: model.details.threshold,
                out_of_fold: None,
                split: table.split.as_deref(),
            },
        )
    })
}

/// Reads a table for a model.
pub(crate) fn read(path: &Path, options: &TableOptions, terminal: &Terminal) -> CliResult<Table> {
    let begin = Instant::now();
    let mut table = terminal.during("Reading", || read_table(Source::new(path), options))?;
    terminal.took("reading", begin);
    // There is no training here: a table without train rows is as good as any, and a classifier that says one
    // thing throughout cannot be left out.
    table.warnings.retain(|w| {
        use TableWarning::{ConstantColumn, MissingColumn, NoTrainRow};
        !matches!(w, NoTrainRow { .. } | ConstantColumn { .. } | MissingColumn { .. })
    });
    terminal.taken(&table);
    Ok(table)
}
