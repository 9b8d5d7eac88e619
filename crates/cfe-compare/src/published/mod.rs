//! The published comparison: a simple average, ALS and joint training on libtorch, without and with class
//! weights.

mod answers;
mod check;
mod contrast;
mod course;
mod data;
mod document;
mod figures;
mod findings;
mod measure;
mod method;
mod plots;
mod reference;
mod report;
mod rows;
#[cfg(test)]
mod tests;

pub use check::{Failure, Outcome, check};
pub use data::Experiment;
pub use document::document;
pub use figures::{Figure, Printed, PrintedPoint};
pub use method::{Method, SEED};
pub use report::*;
pub use rows::rows;

use crate::error::Error;
use crate::report as documents;
use crate::report::{Document, FormatError, Rows, to_json};

/// How a build without torch gets the other rows.
const HOW_TO_GET_TORCH: &str = "this build has no torch backend, so the two torch rows and the comparison of ALS with \
     torch are missing; get them with `cargo xtask compare`, or build with `--features torch`";

/// Trains and measures every method that this build can run.
///
/// # Errors
/// A trainer that fails, and data that were damaged.
pub fn run() -> Result<Results, Error> {
    let experiment = Experiment::published()?;
    let (mut rows, mut series) = (Vec::new(), Vec::new());
    for method in Method::ALL.into_iter().filter(|method| method.is_available()) {
        let (row, of_row) = measure::measure(method, &experiment)?;
        rows.push(row);
        series.push(of_row);
    }
    // Contrasts, courses and the summary follow from the rows and series.
    let als_against_torch = contrast::contrasts(&rows, &series);
    let mut report = Report {
        diversity: contrast::diversity(&als_against_torch),
        als_against_torch,
        course: course::courses(&series),
        published_course: figures::PRINTED_COURSE.to_vec(),
        findings: Vec::new(),
        data: summary(&experiment),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        missing_rows: (rows.len() < Method::ALL.len()).then(|| HOW_TO_GET_TORCH.to_owned()),
        rows,
    };
    // Findings read the finished report, so that each follows from figures which the reader sees.
    report.findings = findings::findings(&report);
    Ok(Results { report, test_truth: experiment.of_test(&experiment.truth), series })
}

impl documents::Results for Results {
    fn document(&self) -> Document {
        document(self)
    }

    /// Without the series behind the curves, which [`json_file`](documents::Results::json_file) has.
    fn json(&self) -> Result<String, FormatError> {
        to_json(&self.report)
    }

    fn json_file(&self) -> Result<String, FormatError> {
        to_json(self)
    }

    fn rows(&self) -> Rows {
        rows(&self.report)
    }
}

fn summary(experiment: &Experiment) -> DataSummary {
    let positives = |of: &[bool]| of.iter().filter(|&&y| y).count();
    DataSummary {
        classifiers: experiment.data.n_classifiers(),
        instances: experiment.data.n_instances(),
        positives: positives(&experiment.truth),
        labeled: experiment.data.labeled().len(),
        labeled_positives: experiment.data.class_counts().1,
        test: experiment.test.len(),
        test_positives: positives(&experiment.of_test(&experiment.truth)),
    }
}
