//! The report of a fit: as a document, as a table of metrics, as lines of text.

pub mod classes;
mod document;
mod summary;

pub use crate::judge::TOO_MUCH_IN_SAMPLE;

pub use document::{document, evaluation, evaluation_titled};
pub use summary::{
    alarms, better, costs, lines, metrics_tables, probability, provenance, rule_in_words, unreached,
    with_interval, would_more_help,
};
