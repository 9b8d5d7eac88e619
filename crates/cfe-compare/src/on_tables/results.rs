//! What was measured on tables.

use serde::Serialize;

use super::measure::TableReport;
use crate::over_data_sets::Summary;

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
