//! `cfe-compare convergence`: the combined loss against wall-clock time, exact ALS beside joint training.
//!
//! Both minimize the very same objective from the very same start, in f64: ALS by closed-form block updates,
//! the joint trainer by Adam on all parameters at once. The clock runs from the moment a trainer shows its
//! first point.

mod document;
mod race;

pub use document::document;
pub use race::{Convergence, Point, Problem, Race, Run, run_convergence};

use crate::report::{Document, FormatError, Results, Rows, to_json};

/// All races. JSON and CSV hold every point.
#[derive(Debug, Clone, PartialEq)]
pub struct Races(pub Vec<Race>);

impl Results for Races {
    fn document(&self) -> Document {
        document(&self.0)
    }

    fn json(&self) -> Result<String, FormatError> {
        to_json(&self.0)
    }

    /// One record for each point.
    fn rows(&self) -> Rows {
        let mut rows = Rows::new(["data", "trainer", "iteration", "seconds", "loss"]);
        for race in &self.0 {
            for run in std::iter::once(&race.als).chain(&race.adam) {
                rows.records.extend(run.points.iter().map(|point| {
                    vec![
                        race.problem.name.clone(),
                        run.name.to_owned(),
                        point.iteration.to_string(),
                        point.seconds.to_string(),
                        point.loss.to_string(),
                    ]
                }));
            }
        }
        rows
    }
}
