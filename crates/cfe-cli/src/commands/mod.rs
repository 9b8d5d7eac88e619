//! One file for each command.

pub(crate) mod doctor;
pub(crate) mod evaluate;
pub(crate) mod example;
pub(crate) mod fit;
pub(crate) mod inspect;
pub(crate) mod man;
pub(crate) mod methods;
pub(crate) mod predict;
pub(crate) mod tune;

use serde_json::Value;

/// The footer of a report.
fn made_by() -> String {
    format!("Made by cfe {}.", env!("CARGO_PKG_VERSION"))
}

/// JSON for people and programs.
fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
