//! Whether every figure is within its tolerance.

use super::figures::{Figure, PRINTED, PRINTED_RANGE_RATIO, PRINTED_STD_RATIO, WEIGHT_DECIMALS};
use super::measure::rounds_to;
use super::method::Method;
use super::reference::{REFERENCE, Reference};
use super::report::{Report, Row, Status};

/// A figure outside its tolerance.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{place}: {figure} is {measured}, {expected} is expected ({why})")]
pub struct Failure {
    /// Row, or part of the report.
    pub place: String,
    /// Figure.
    pub figure: String,
    /// Value found.
    pub measured: String,
    /// Value expected.
    pub expected: String,
    /// The tolerance, and where the expectation comes from.
    pub why: String,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome {
    /// Figures compared.
    pub compared: usize,
    /// Those outside their tolerance.
    pub failures: Vec<Failure>,
}

/// Compares each row with the printed figures, those that the published program itself contradicts left out,
/// and with that program's own numbers at full precision.
pub fn check(report: &Report) -> Outcome {
    let mut outcome = Outcome::default();
    // Three checks of each row: that it collapsed or not, the printed digits, and the full digits of the
    // program.
    for row in &report.rows {
        outcome.check_status(row);
        outcome.check_printed(row);
        if let Some(reference) = REFERENCE.iter().find(|reference| reference.method == row.method) {
            outcome.check_reference(row, reference);
        }
    }
    // The printed ratio of "ranges" is compared with that of the largest weights, which it is (see the
    // findings).
    let ratios = [
        ("weight_std_ratio", report.diversity.weight_std_ratio, PRINTED_STD_RATIO),
        ("weight_max_ratio", report.diversity.weight_max_ratio, PRINTED_RANGE_RATIO),
    ];
    for (name, measured, published) in ratios {
        if let Some(measured) = measured {
            outcome.printed("diversity", name, measured, published, 1);
        }
    }
    outcome
}

impl Outcome {
    fn check_status(&mut self, row: &Row) {
        let expected = match row.method {
            Method::AlsUnweighted | Method::TorchUnweighted => Status::Collapsed,
            _ => Status::Healthy,
        };
        self.note(row.status == expected, || Failure {
            place: row.method.to_string(),
            figure: "status".to_owned(),
            measured: row.status.to_string(),
            expected: expected.to_string(),
            why: "as published".to_owned(),
        });
    }

    fn check_printed(&mut self, row: &Row) {
        for printed in PRINTED.iter().filter(|printed| printed.method == row.method && !printed.disputed) {
            // A figure that is not there becomes NaN, which agrees with nothing and so fails the check.
            let measured = row.figure(printed.figure).unwrap_or(f64::NAN);
            self.printed(row.method.id(), printed.figure.id(), measured, printed.value, printed.decimals);
        }
        if let (Some(weights), Some(published)) = (&row.weights, &row.published_weights) {
            for (u, (&measured, &value)) in weights.iter().zip(published).enumerate() {
                self.printed(row.method.id(), &format!("weights[{u}]"), measured, value, WEIGHT_DECIMALS);
            }
        }
    }

    fn check_reference(&mut self, row: &Row, reference: &Reference) {
        for (figure, expected) in reference.figures {
            // Weights of f32 training differ more than the predictions that come from them.
            let tolerance = match figure {
                Figure::Bias | Figure::WeightStd | Figure::WeightMin | Figure::WeightMax => {
                    reference.weight_tolerance
                }
                _ => reference.prediction_tolerance,
            };
            let measured = row.figure(figure).unwrap_or(f64::NAN);
            self.close(row.method, figure.id(), measured, expected, tolerance);
        }
        // A row without weights fails at each of them.
        let weights = row.weights.as_deref().unwrap_or_default();
        for (u, &expected) in reference.weights.iter().enumerate() {
            let measured = weights.get(u).copied().unwrap_or(f64::NAN);
            self.close(row.method, &format!("weights[{u}]"), measured, expected, reference.weight_tolerance);
        }
    }

    fn printed(&mut self, place: &str, figure: &str, measured: f64, published: f64, decimals: usize) {
        self.note(rounds_to(measured, published, decimals), || Failure {
            place: place.to_owned(),
            figure: figure.to_owned(),
            measured: measured.to_string(),
            expected: format!("{published:.decimals$}"),
            why: format!("published, to {decimals} decimals"),
        });
    }

    fn close(&mut self, method: Method, figure: &str, measured: f64, expected: f64, tolerance: f64) {
        self.note((measured - expected).abs() <= tolerance, || Failure {
            place: method.to_string(),
            figure: figure.to_owned(),
            measured: measured.to_string(),
            expected: expected.to_string(),
            why: format!("the published program at full precision, within {tolerance:e}"),
        });
    }

    fn note(&mut self, ok: bool, failure: impl FnOnce() -> Failure) {
        self.compared += 1;
        if !ok {
            self.failures.push(failure());
        }
    }
}
