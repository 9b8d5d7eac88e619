//! `cfe-compare convergence`: the combined loss against wall-clock time, exact ALS beside joint training.
//!
//! Both minimise the very same objective from the very same start, in f64: ALS by closed-form block updates, the joint
//! trainer by Adam on all parameters at once. The clock runs from the moment a trainer shows its first point.

mod document;
mod race;

pub use document::document;
pub use race::{Convergence, Point, Problem, Race, Run, run_convergence};

use crate::cli::{Format, json};
use crate::error::Error;
use crate::report::{html, markdown, terminal};

/// What is printed. JSON and CSV hold every point.
///
/// # Errors
/// [`Error::Format`].
pub fn render(races: &[Race], format: Format, width: usize) -> Result<String, Error> {
    match format {
        Format::Table => Ok(terminal::write(&document(races), width)),
        Format::Json => json(&races),
        Format::Markdown => Ok(markdown::write(&document(races))),
        Format::Csv => csv(races),
    }
}

/// The contents of [`crate::cli::FILES`], in that order.
///
/// # Errors
/// [`Error::Format`].
pub fn files(races: &[Race]) -> Result<[String; 4], Error> {
    let footer =
        format!("Made by cfe-compare {}. Numbers: results.json beside this file.", env!("CARGO_PKG_VERSION"));
    let document = document(races);
    Ok([html::write(&document, &footer), markdown::write(&document), json(&races)?, csv(races)?])
}

/// One line for each point.
fn csv(races: &[Race]) -> Result<String, Error> {
    let failed = |why: String| Error::Format { format: "CSV", why };
    let mut writer = csv::Writer::from_writer(Vec::new());
    for race in races {
        for run in std::iter::once(&race.als).chain(&race.adam) {
            for point in &run.points {
                let row = (&race.problem.name, run.name, point.iteration, point.seconds, point.loss);
                writer.serialize(row).map_err(|error| failed(error.to_string()))?;
            }
        }
    }
    let bytes = writer.into_inner().map_err(|error| failed(error.to_string()))?;
    let rows = String::from_utf8(bytes).map_err(|error| failed(error.to_string()))?;
    Ok(format!("data,trainer,iteration,seconds,loss\n{rows}"))
}
