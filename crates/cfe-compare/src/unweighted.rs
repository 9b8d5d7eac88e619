//! Tables for comparisons in which every row counts alike.

use std::path::Path;

use cf_ensemble::io::{Role, Source, Table, TableOptions, read_table};

use crate::error::Error;

/// Reads a table; one with weights of rows is refused, as the figures would not heed them. Folds of the table
/// are not taken, as comparisons have their own.
///
/// # Errors
/// [`Error::Weights`], and what reading refuses.
pub(crate) fn read_unweighted(path: &Path, mut options: TableOptions) -> Result<Table, Error> {
    options.not_guessed = vec![Role::Fold];
    let table = read_table(Source::new(path), &options).map_err(Box::new)?;
    match table.taken.roles.get(Role::Weight) {
        Some(column) => Err(Error::Weights { path: path.to_path_buf(), column: column.clone() }),
        None => Ok(table),
    }
}
