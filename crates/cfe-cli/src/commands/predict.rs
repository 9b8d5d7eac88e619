//! `cfe predict`.

use std::time::Instant;

use cfe_io::{Source, Table, TableWarning, read_table};

use cfe_combine::{SavedModel, Watch as _};

use crate::args::{ColumnArgs, Predict};
use crate::error::{CliError, CliResult};
use crate::terminal::Terminal;
use crate::{on_threads, outputs};

pub(crate) fn run(args: &Predict, terminal: &Terminal) -> CliResult<()> {
    let out = args.predictions_out.as_path();
    outputs::check(&[args.table.as_path(), args.model.as_path()], &[("--predictions-out", Some(out))])?;
    let model = SavedModel::load(&args.model)?;
    on_threads(args.threads, || {
        let table = read(&args.table, &args.columns, &model, terminal)?;
        let begin = Instant::now();
        let combined = model.predict(table.data.predictions()).map_err(CliError::training("predicting"))?;
        terminal.took("predicting", begin);
        outputs::predictions(out, &table, &combined, table.split.as_deref())
    })
}

/// Reads a table for a model.
pub(crate) fn read(
    path: &std::path::Path,
    columns: &ColumnArgs,
    model: &SavedModel,
    terminal: &Terminal,
) -> CliResult<Table> {
    let mut options = columns.options().table_options()?;
    options.classifiers = Some(model.classifier_names().to_vec());
    let begin = Instant::now();
    let table = terminal.during("Reading", || read_table(Source::new(path), &options))?;
    terminal.took("reading", begin);
    // There is no training here: a table without train rows is as good as any, and a column cannot be left out.
    let told = |w: &&TableWarning| {
        !matches!(
            w,
            TableWarning::NoTrainRow { .. }
                | TableWarning::ConstantColumn { .. }
                | TableWarning::MissingColumn { .. }
        )
    };
    table.warnings.iter().filter(told).for_each(|w| terminal.warn(&w.to_string()));
    Ok(table)
}
