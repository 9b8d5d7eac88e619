//! `cfe-compare over-data-sets`: from the options to the files.

use crate::cli::{Format, OverDataSets, json};
use crate::error::Error;
use crate::over_data_sets::{Cell, Method, Summary, document, read_external, run, summarise};
use crate::report::{html, markdown, terminal};

/// Our method, which the others are tested against.
const FIRST: &str = "recommended";

/// Everything that was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct DataSetsResults {
    cells: Vec<Cell>,
    summary: Summary,
}

/// Runs the methods and summarises; `progress` hears of each table.
///
/// # Errors
/// Unknown methods, unreadable folders and tables, methods that fail.
pub fn compare_over_data_sets(
    options: &OverDataSets,
    progress: impl FnMut(&str) + Send,
) -> Result<DataSetsResults, Error> {
    let methods = chosen(&options.methods, Method::benchmarked())?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads)
        .build()
        .map_err(|error| Error::Threads { threads: options.threads, why: error.to_string() })?;
    let external = options.with.as_deref().map(read_external).transpose()?;
    let mut cells = pool.install(|| run(&options.folder, &methods, progress))?;
    cells.extend(external.into_iter().flatten());
    let summary = summarise(&cells, FIRST)?;
    Ok(DataSetsResults { cells, summary })
}

/// Methods by name; `default` if none is named.
///
/// # Errors
/// [`Error::UnknownMethod`].
pub fn chosen(names: &[String], default: Vec<Method>) -> Result<Vec<Method>, Error> {
    if names.is_empty() {
        return Ok(default);
    }
    let all = Method::named();
    let find = |name: &String| {
        all.iter().copied().find(|method| method.name() == name).ok_or_else(|| Error::UnknownMethod {
            name: name.clone(),
            known: all.iter().map(|m| m.name()).collect::<Vec<_>>().join(", "),
        })
    };
    names.iter().map(find).collect()
}

impl DataSetsResults {
    /// What is printed.
    ///
    /// # Errors
    /// [`Error::Format`].
    pub fn render(&self, format: Format, width: usize) -> Result<String, Error> {
        match format {
            Format::Table => Ok(terminal::write(&document(&self.summary, FIRST), width)),
            Format::Json => json(&self.summary),
            Format::Markdown => Ok(markdown::write(&document(&self.summary, FIRST))),
            Format::Csv => self.csv(),
        }
    }

    /// The contents of the files, in the order of [`crate::cli::FILES`].
    ///
    /// # Errors
    /// [`Error::Format`].
    pub fn files(&self) -> Result<[String; 4], Error> {
        let footer =
            format!("Made by cfe-compare {}. Numbers: results.json beside this file.", self.summary.version);
        let html = html::write(&document(&self.summary, FIRST), &footer);
        Ok([html, self.render(Format::Markdown, 0)?, json(&self.summary)?, self.csv()?])
    }

    /// One line for each method, data set and seed.
    fn csv(&self) -> Result<String, Error> {
        let failed = |why: String| Error::Format { format: "CSV", why };
        let mut writer = csv::Writer::from_writer(Vec::new());
        for cell in &self.cells {
            writer.serialize(cell).map_err(|error| failed(error.to_string()))?;
        }
        let bytes = writer.into_inner().map_err(|error| failed(error.to_string()))?;
        String::from_utf8(bytes).map_err(|error| failed(error.to_string()))
    }
}
