//! `cfe-compare on-tables`: from the options to the files.

use cf_ensemble::io::TableOptions;

use super::document::document;
use super::measure::measure;
use super::results::{FIRST, TablesResults};
use crate::cli::OnTables;
use crate::error::Error;
use crate::over_data_sets::{Cell, Method, chosen, rows, summarize};
use crate::report::{Document, FormatError, Results, Rows, to_json};
use crate::threads;
use crate::unweighted::read_unweighted;

/// Runs the methods on every table; `progress` hears of each.
///
/// # Errors
/// Unknown methods, tables that cannot be read or used, methods that fail.
pub fn compare_on_tables(
    options: &OnTables,
    mut progress: impl FnMut(&str) + Send,
) -> Result<TablesResults, Error> {
    let methods = chosen(&options.methods, Method::all())?;
    let pool = threads::pool(options.threads)?;
    // Tables of users have columns of any name; two of them can be named for all tables.
    let mut of_table = TableOptions::default();
    of_table.split_column.clone_from(&options.split_column);
    of_table.label_column.clone_from(&options.label_column);
    let tables = options.tables.iter().map(|path| {
        progress(&path.display().to_string());
        let table = read_unweighted(path, of_table.clone())?;
        pool.install(|| measure(&table, &methods, options.seed, options.folds))
    });
    let tables = tables.collect::<Result<Vec<_>, Error>>()?;
    // A single table has no ranks to take a mean of.
    let cells: Vec<Cell> =
        tables.iter().flat_map(|table| &table.methods).map(|result| result.cell.clone()).collect();
    let over_tables = if tables.len() > 1 { Some(summarize(&cells, FIRST)?) } else { None };
    Ok(TablesResults { version: env!("CARGO_PKG_VERSION"), tables, over_tables })
}

impl Results for TablesResults {
    fn document(&self) -> Document {
        document(self)
    }

    fn json(&self) -> Result<String, FormatError> {
        to_json(self)
    }

    /// One record for each method and table.
    fn rows(&self) -> Rows {
        rows(self.tables.iter().flat_map(|table| &table.methods).map(|result| &result.cell))
    }
}
