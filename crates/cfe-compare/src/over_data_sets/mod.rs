//! Combiners against each other on a folder of real predictions.
//!
//! The folder holds `<data set>/seed<k>.csv.gz` (or `.csv`): a table with a column `split`, whose `train`
//! rows are labeled in training; labels of the other rows are for scoring alone. Each method sees the same
//! rows. Figures are means over the seeds of a data set; ranks and tests use these means, since seeds of one
//! data set share its instances and are not independent repetitions.

mod cells;
mod command;
mod document;
mod external;
mod gaps;
mod methods;
mod missing;
mod simple;
mod summary;
mod variant;

pub(crate) use cells::{BOOTSTRAP_ROWS, find_tables, in_standard_errors};
pub use cells::{Cell, rows, run};
pub use command::{DataSetsResults, chosen, compare_over_data_sets};
pub use document::document;
pub use external::read_external;
pub use methods::{Method, Scores};
pub use missing::Missing;
pub use simple::Simple;
pub use summary::{DataSetRow, MethodRow, Summary, summarize};
pub use variant::Variant;
