//! Combiners of more than two classes against each other on a folder of real predictions.
//!
//! The folder holds `<data set>/seed<k>.csv.gz` (or `.csv`), as for `over-data-sets`, with columns
//! `<classifier>:<class>`. Each method learns from the rows with `train` and is scored on the others. Figures
//! are means over the seeds of a data set; ranks and tests use these means.

mod cells;
mod document;
mod methods;
mod pairwise;
mod summary;

pub use cells::{ClassCell, run};
pub use methods::Method;
pub use pairwise::couple;
pub use summary::{ClassMethodRow, ClassSetRow, ClassesSummary, summarize};

use crate::cli::OverClasses;
use crate::error::Error;
use crate::report::{Document, FormatError, Results, Rows, to_json};
use crate::threads;

/// Our method, which the others are tested against.
const FIRST: &str = "recommended";

/// Everything that was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassesResults {
    cells: Vec<ClassCell>,
    summary: ClassesSummary,
}

/// Runs the methods and summarizes; `progress` hears of each table.
///
/// # Errors
/// Unknown methods, unreadable folders and tables, methods that fail.
pub fn compare_over_classes(
    options: &OverClasses,
    progress: impl FnMut(&str) + Send,
) -> Result<ClassesResults, Error> {
    let methods = methods::chosen(&options.methods)?;
    let pool = threads::pool(options.threads)?;
    let cells = pool.install(|| run(&options.folder, &methods, progress))?;
    let summary = summarize(&cells, FIRST)?;
    Ok(ClassesResults { cells, summary })
}

impl Results for ClassesResults {
    fn document(&self) -> Document {
        document::document(&self.summary, FIRST)
    }

    fn json(&self) -> Result<String, FormatError> {
        to_json(&self.summary)
    }

    /// One record for each method, data set and seed.
    fn rows(&self) -> Rows {
        cells::rows(&self.cells)
    }
}
