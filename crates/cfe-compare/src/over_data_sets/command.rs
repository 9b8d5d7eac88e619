//! `cfe-compare over-data-sets`: from the options to the files.

use super::cells::{Cell, rows, run};
use super::document::document;
use super::external::read_external;
use super::methods::Method;
use super::summary::{Summary, summarize};
use crate::cli::OverDataSets;
use crate::error::Error;
use crate::report::{Document, FormatError, Results, Rows, to_json};
use crate::threads;

/// Our method, which the others are tested against.
const FIRST: &str = "recommended";

/// Everything that was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct DataSetsResults {
    cells: Vec<Cell>,
    summary: Summary,
}

/// Runs the methods and summarizes; `progress` hears of each table.
///
/// # Errors
/// Unknown methods, unreadable folders and tables, methods that fail.
pub fn compare_over_data_sets(
    options: &OverDataSets,
    progress: impl FnMut(&str) + Send,
) -> Result<DataSetsResults, Error> {
    let methods = chosen(&options.methods, Method::ranked())?;
    let pool = threads::pool(options.threads)?;
    // Read before the work: a mistake in the file must not cost a run.
    let external = options.with.as_deref().map(read_external).transpose()?;
    let mut cells = pool.install(|| run(&options.folder, &methods, progress))?;
    cells.extend(external.into_iter().flatten());
    let summary = summarize(&cells, FIRST)?;
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

impl Results for DataSetsResults {
    fn document(&self) -> Document {
        document(&self.summary, FIRST)
    }

    fn json(&self) -> Result<String, FormatError> {
        to_json(&self.summary)
    }

    /// One record for each method, data set and seed.
    fn rows(&self) -> Rows {
        rows(&self.cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_run_in_the_order_in_which_they_are_named() {
        let names = ["nnls", "no_local", "recommended"].map(str::to_owned);
        let found: Vec<&str> = chosen(&names, Vec::new()).expect("known").iter().map(|m| m.name()).collect();
        assert_eq!(found, ["nnls", "no_local", "recommended"]);
        assert_eq!(chosen(&[], Method::ranked()).expect("the default"), Method::ranked());
        let error = chosen(&["mean".to_owned(), "Mean".to_owned()], Vec::new()).expect_err("another case");
        let Error::UnknownMethod { name, known } = error else { panic!("another error") };
        assert_eq!(name, "Mean");
        assert!(
            Method::named().iter().all(|method| known.split(", ").any(|of| of == method.name())),
            "{known}"
        );
    }
}
