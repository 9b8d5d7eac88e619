//! Reading a table that a model is applied to.

use std::path::Path;
use std::time::Instant;

use cfe_io::{Source, Table, TableOptions, TableWarning, read_table};

use crate::error::CliResult;
use crate::terminal::Terminal;

/// Reads a table for a model.
pub(crate) fn read_for_model(path: &Path, options: &TableOptions, terminal: &Terminal) -> CliResult<Table> {
    let begin = Instant::now();
    let mut table = terminal.during("Reading", || read_table(Source::new(path), options))?;
    terminal.took("reading", begin);
    // Nothing is trained here: a table without train rows is as good as any, and a classifier that says one
    // thing throughout cannot be left out.
    table.warnings.retain(|w| {
        use TableWarning::{ConstantColumn, MissingColumn, NoTrainRow};
        !matches!(w, NoTrainRow { .. } | ConstantColumn { .. } | MissingColumn { .. })
    });
    terminal.taken(&table);
    Ok(table)
}
