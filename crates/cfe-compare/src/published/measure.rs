//! Trains a method and measures what came out.

use std::time::Instant;

use cf_ensemble::diversity::{std_dev, symptoms_of_collapse};
use cf_ensemble::metrics::{MetricSummary, Scored};
use cf_ensemble::stats::moments::median;
use cf_ensemble::{Fitted, Symptom, Trainer, WeightStats, WeightTrace};

use super::data::Experiment;
use super::figures::{Figure, PRINTED, PRINTED_WEIGHTS};
use super::method::Method;
use super::report::{Comparison, Row, Series, Status};
use crate::error::Error;
use crate::report::chart::extent;

/// Fits that are timed at most, after one that is watched and warms up ...
const TIMED_FITS: usize = 3;
/// ... and the seconds after which no further one is begun, so that the whole comparison stays a matter of a
/// moment.
const TIMING_BUDGET: f64 = 0.15;

/// What a method gives, before it is judged.
struct Outcome {
    logits: Vec<f64>,
    predictions: Vec<f64>,
    fitted: Option<Fitted>,
    trace: WeightTrace,
    seconds: Vec<f64>,
    repeats_identical: bool,
}

/// Trains and measures a method of this build.
///
/// # Errors
/// [`Error::Training`], [`Error::Measuring`], [`Error::Backend`].
pub(super) fn measure(method: Method, experiment: &Experiment) -> Result<(Row, Series), Error> {
    let outcome = match method.trainer()? {
        None => average(experiment),
        Some(trainer) => train(method, trainer.as_ref(), experiment)?,
    };
    judge(method, experiment, outcome).map_err(|source| Error::Measuring { method, source })
}

fn average(experiment: &Experiment) -> Outcome {
    // As often as a trainer is timed, without a fit to watch.
    let predictions = experiment.simple_average();
    // The average has no trainer that reports its time, so the clock is here.
    let seconds = (0..TIMED_FITS).map(|_| {
        let began = Instant::now();
        std::hint::black_box(experiment.simple_average());
        began.elapsed().as_secs_f64()
    });
    Outcome {
        logits: predictions.clone(),
        seconds: seconds.collect(),
        predictions,
        fitted: None,
        trace: WeightTrace::default(),
        repeats_identical: true,
    }
}

fn train(method: Method, trainer: &dyn Trainer, experiment: &Experiment) -> Result<Outcome, Error> {
    let failed = |source| Error::Training { method, source };
    let data = &experiment.data;
    let start = method.start(trainer, data).map_err(failed)?;
    let mut trace = WeightTrace::default();
    // This fit is watched and warms up; the clock is that of the repeats.
    let fitted = trainer.fit_from(start.clone(), data, &mut trace).map_err(failed)?;
    let mut seconds = Vec::with_capacity(TIMED_FITS);
    let mut repeats_identical = true;
    while seconds.len() < TIMED_FITS && seconds.iter().sum::<f64>() < TIMING_BUDGET {
        let again = trainer.fit_from(start.clone(), data, &mut ()).map_err(failed)?;
        // Each repeat has the same start, so a deterministic trainer gives the same bits.
        repeats_identical &= again.model == fitted.model;
        seconds.push(again.timings.total.as_secs_f64());
    }
    // The published figures are of the probabilities that class weights are left in.
    let predicted = fitted.model.predict_training(data).map_err(failed)?;
    Ok(Outcome {
        logits: predicted.logits,
        predictions: predicted.weighted_probabilities,
        fitted: Some(fitted),
        trace,
        seconds,
        repeats_identical,
    })
}

fn judge(
    method: Method,
    experiment: &Experiment,
    outcome: Outcome,
) -> Result<(Row, Series), cf_ensemble::Error> {
    let truth = experiment.of_test(&experiment.truth);
    let test = experiment.of_test(&outcome.predictions);
    let test_logits = experiment.of_test(&outcome.logits);
    // Ranking goes by logits: probabilities near 0 or 1 may tie where logits do not.
    let ranking = Scored::new(&truth, &test_logits)?.ranking();
    let metrics = MetricSummary::new(&truth, &test_logits, Some(&test))?;
    // The average tells a trainer that lost the sign of its weights from data that cannot be ranked.
    let average = experiment.of_test(&experiment.simple_average());
    let average_roc_auc = Scored::new(&truth, &average)?.ranking().roc_auc();
    let weights = outcome.weights().map_or(&[][..], |(weights, _)| weights);
    let symptoms = symptoms_of_collapse(weights, &test, metrics.roc_auc, average_roc_auc)?;
    let row = row(method, &outcome, &test, metrics, symptoms);
    let series = Series {
        method,
        test_predictions: test,
        pr_curve: ranking.pr_curve(),
        trace: outcome.trace.points,
        losses: outcome.fitted.map_or_else(Vec::new, |fitted| fitted.history.entries),
    };
    Ok((row, series))
}

impl Outcome {
    /// w and b; `None` for the average, which has neither.
    fn weights(&self) -> Option<(&[f64], f64)> {
        self.fitted.as_ref()?.model.aggregator.weights()
    }
}

/// The row of a method, with every printed figure beside the measured one. `test` are its predictions for
/// the test set.
fn row(
    method: Method,
    outcome: &Outcome,
    test: &[f64],
    metrics: MetricSummary,
    symptoms: Vec<Symptom>,
) -> Row {
    let (weights, fitted) = (outcome.weights(), outcome.fitted.as_ref());
    let stats = weights.and_then(|(weights, _)| WeightStats::new(weights));
    let (prediction_min, prediction_max) = extent(test.iter().copied());
    let (prediction_min_all, prediction_max_all) = extent(outcome.predictions.iter().copied());
    let mut row = Row {
        method,
        metrics,
        weights: weights.map(|(weights, _)| weights.to_vec()),
        bias: weights.map(|(_, bias)| bias),
        weight_std: stats.map(|s| s.std),
        weight_min: stats.map(|s| s.min),
        weight_max: stats.map(|s| s.max),
        weight_sum: stats.map(|s| s.sum),
        negative_weights: stats.map(|s| s.n_negative),
        weight_variation: stats.and_then(|s| s.coefficient_of_variation),
        effective_classifiers: stats.map(|s| s.effective_classifiers),
        prediction_std: std_dev(test),
        prediction_min,
        prediction_max,
        prediction_min_all,
        prediction_max_all,
        status: if symptoms.is_empty() { Status::Healthy } else { Status::Collapsed },
        symptoms,
        iterations: fitted.map(|fitted| fitted.history.n_iterations()),
        stop: fitted.map(|fitted| fitted.stop),
        device: fitted.map(|fitted| fitted.device.clone()),
        seconds: median(&outcome.seconds).expect("every method was timed at least once"),
        seconds_range: extent(outcome.seconds.iter().copied()).into(),
        timed_fits: outcome.seconds.len(),
        repeats_identical: outcome.repeats_identical,
        published: Vec::new(),
        published_weights: PRINTED_WEIGHTS.iter().find(|(of, _)| *of == method).map(|(_, w)| w.to_vec()),
    };
    // Every printed figure is taken from the finished row.
    row.published = comparisons(&row);
    row
}

/// Every printed figure of the row beside the measured one.
fn comparisons(row: &Row) -> Vec<Comparison> {
    let compare = |figure: Figure, published: f64, decimals: usize| {
        let measured = row.figure(figure)?;
        let agrees = rounds_to(measured, published, decimals);
        Some(Comparison { figure, published, decimals, measured, deviation: measured - published, agrees })
    };
    let printed = PRINTED.iter().filter(|printed| printed.method == row.method);
    printed.filter_map(|printed| compare(printed.figure, printed.value, printed.decimals)).collect()
}

/// Whether `measured`, rounded to so many digits, is `published`.
pub(super) fn rounds_to(measured: f64, published: f64, decimals: usize) -> bool {
    // A value halfway between two roundings agrees with both; 1e-12 is room for the rounding of the
    // difference itself.
    (measured - published).abs() <= 0.5 * 10f64.powi(-(decimals as i32)) + 1e-12
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_what_agreement_allows() {
        assert!(rounds_to(0.07149, 0.071, 3) && rounds_to(0.0715, 0.071, 3));
        assert!(!rounds_to(0.0716, 0.071, 3) && !rounds_to(f64::NAN, 0.071, 3));
    }
}
