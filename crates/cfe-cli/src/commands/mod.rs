//! One file for each command.

mod before_fit;
pub(crate) mod classes;
pub(crate) mod doctor;
pub(crate) mod evaluate;
pub(crate) mod example;
pub(crate) mod fit;
pub(crate) mod inspect;
pub(crate) mod man;
pub(crate) mod methods;
pub(crate) mod predict;
pub(crate) mod prepare;
mod reading;
mod scores;
pub(crate) mod store;
pub(crate) mod tune;

use cfe_report::{Document, Origin, Passing, html};
use serde_json::Value;

/// Options that change no result: how fast and how loudly it is found, and where it goes.
const PASSING: [Passing; 15] = [
    Passing::Value("--threads"),
    Passing::Value("--checkpoint"),
    Passing::Value("--checkpoint-every"),
    Passing::Flag("--resume"),
    Passing::Flag("--quiet"),
    Passing::Flag("-q"),
    Passing::Flag("--verbose"),
    Passing::Flag("-v"),
    Passing::Flag("--strict"),
    Passing::Value("--format"),
    Passing::Value("--out"),
    Passing::Value("--model-out"),
    Passing::Value("--predictions-out"),
    Passing::Value("--report-out"),
    Passing::Value("--metrics-out"),
];

/// The page of a report, with what made it at its foot.
fn page(document: &Document, seed: Option<u64>) -> String {
    let origin = Origin::of_this_call("cfe", env!("CARGO_PKG_VERSION"), &PASSING, seed);
    html::write(document, &origin.to_string())
}

/// JSON for people and programs.
fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
