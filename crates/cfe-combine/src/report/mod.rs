//! The report of a fit: as a document, as a table of metrics, as lines of text.

mod document;
mod summary;

pub use document::document;
pub use summary::{better, lines, metrics_tables, rule_in_words, with_interval};
