//! `cfe-compare on-tables`: from the options to the files.

use cf_ensemble::io::{Source, TableOptions, read_table};
use serde::Serialize;

use super::document::document;
use super::measure::{TableReport, measure};
use crate::cli::{Format, OnTables, json};
use crate::error::Error;
use crate::over_data_sets::{Cell, Method, Summary, chosen, summarise};
use crate::report::{html, markdown, terminal};

/// Our method, which the others are tested against.
pub(super) const FIRST: &str = "recommended";

/// Everything that was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TablesResults {
    /// Version of this program.
    pub version: &'static str,
    /// Each table.
    pub tables: Vec<TableReport>,
    /// Ranks and tests over the tables; `None` for one table.
    pub over_tables: Option<Summary>,
}

/// Runs the methods on every table; `progress` hears of each.
///
/// # Errors
/// Unknown methods, tables that cannot be read or used, methods that fail.
pub fn compare_on_tables(
    options: &OnTables,
    mut progress: impl FnMut(&str) + Send,
) -> Result<TablesResults, Error> {
    let methods = chosen(&options.methods, Method::all())?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads)
        .build()
        .map_err(|error| Error::Threads { threads: options.threads, why: error.to_string() })?;
    let mut of_table = TableOptions::default();
    of_table.split_column.clone_from(&options.split_column);
    of_table.label_column.clone_from(&options.label_column);
    let tables = options.tables.iter().map(|path| {
        progress(&path.display().to_string());
        let table = read_table(Source::new(path), &of_table).map_err(Box::new)?;
        pool.install(|| measure(&table, &methods, options.seed, options.folds))
    });
    let tables = tables.collect::<Result<Vec<_>, Error>>()?;
    let cells: Vec<Cell> =
        tables.iter().flat_map(|table| &table.methods).map(|result| result.cell.clone()).collect();
    let over_tables = if tables.len() > 1 { Some(summarise(&cells, FIRST)?) } else { None };
    Ok(TablesResults { version: env!("CARGO_PKG_VERSION"), tables, over_tables })
}

impl TablesResults {
    /// What is printed.
    ///
    /// # Errors
    /// [`Error::Format`].
    pub fn render(&self, format: Format, width: usize) -> Result<String, Error> {
        match format {
            Format::Table => Ok(terminal::write(&document(self), width)),
            Format::Json => json(self),
            Format::Markdown => Ok(markdown::write(&document(self))),
            Format::Csv => self.csv(),
        }
    }

    /// The contents of the files, in the order of [`crate::cli::FILES`].
    ///
    /// # Errors
    /// [`Error::Format`].
    pub fn files(&self) -> Result<[String; 4], Error> {
        let footer = format!("Made by cfe-compare {}. Numbers: results.json beside this file.", self.version);
        let html = html::write(&document(self), &footer);
        Ok([html, self.render(Format::Markdown, 0)?, json(self)?, self.csv()?])
    }

    /// One line for each method and table.
    fn csv(&self) -> Result<String, Error> {
        let failed = |why: String| Error::Format { format: "CSV", why };
        let mut writer = csv::Writer::from_writer(Vec::new());
        for result in self.tables.iter().flat_map(|table| &table.methods) {
            writer.serialize(&result.cell).map_err(|error| failed(error.to_string()))?;
        }
        let bytes = writer.into_inner().map_err(|error| failed(error.to_string()))?;
        String::from_utf8(bytes).map_err(|error| failed(error.to_string()))
    }
}
