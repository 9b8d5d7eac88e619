//! `cfe predict`.

use std::time::Instant;

use cfe_io::{Source, Table, read_table};

use super::args::{Predict, Talk};
use super::error::{CliError, CliResult};
use super::options::TableColumns;
use super::progress::Progress;
use super::saved::SavedModel;
use super::{on_threads, outputs};

pub(super) fn run(args: &Predict, talk: Talk) -> CliResult<()> {
    let out = args.predictions_out.as_path();
    outputs::check(&[args.table.as_path(), args.model.as_path()], &[("--predictions-out", Some(out))])?;
    let model = SavedModel::load(&args.model)?;
    on_threads(args.threads, || {
        let table = read(&args.table, &args.columns, &model, talk)?;
        let begin = Instant::now();
        let combined = model.predict(table.data.predictions()).map_err(CliError::training("predicting"))?;
        talk.took("predicting", begin);
        outputs::predictions(out, &table, &combined, table.split.as_deref())
    })
}

/// Reads a table for a model.
pub(super) fn read(
    path: &std::path::Path,
    columns: &TableColumns,
    model: &SavedModel,
    talk: Talk,
) -> CliResult<Table> {
    let mut options = columns.table_options()?;
    options.classifiers = Some(model.classifier_names().to_vec());
    let begin = Instant::now();
    let progress = Progress::start("Reading", None, talk.quiet);
    let table = read_table(Source::new(path), &options)?;
    drop(progress);
    talk.took("reading", begin);
    // There is no training here: a table without train rows is as good as any.
    let told = |w: &&cfe_io::TableWarning| !matches!(w, cfe_io::TableWarning::NoTrainRow { .. });
    table.warnings.iter().filter(told).for_each(|w| talk.warn(&w.to_string()));
    Ok(table)
}
