//! One file for each command.

pub(crate) mod doctor;
pub(crate) mod evaluate;
pub(crate) mod example;
pub(crate) mod fit;
pub(crate) mod inspect;
pub(crate) mod predict;
pub(crate) mod tune;

use serde_json::Value;

/// JSON for people and programs.
fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
