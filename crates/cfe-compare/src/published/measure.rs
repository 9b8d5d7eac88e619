//! Trains a method and measures what came out.

use std::time::Instant;

use cf_ensemble::diversity::{std_dev, symptoms_of_collapse};
use cf_ensemble::metrics::{MetricSummary, Scored};
use cf_ensemble::stats::moments::median;
use cf_ensemble::{Fitted, Trainer, WeightStats, WeightTrace};

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
    let Outcome { logits, predictions, fitted, trace, mut seconds, repeats_identical } = outcome;
    let truth = experiment.of_test(&experiment.truth);
    let test = experiment.of_test(&predictions);
    let test_logits = experiment.of_test(&logits);
    // Ranking goes by logits: probabilities near 0 or 1 may tie where logits do not.
    let ranking = Scored::new(&truth, &test_logits)?.ranking();
    let metrics = MetricSummary::new(&truth, &test_logits, Some(&test))?;
    let mean_roc_auc =
        // The average tells a trainer that lost the sign of its weights from data that cannot be ranked.
        Scored::new(&truth, &experiment.of_test(&experiment.simple_average()))?.ranking().roc_auc();
    let aggregator = fitted.as_ref().and_then(|fitted| fitted.model.aggregator.weights());
    let weights = aggregator.map(|(weights, _)| weights.to_vec());
    let stats = weights.as_deref().and_then(WeightStats::new);
    let symptoms =
        symptoms_of_collapse(weights.as_deref().unwrap_or_default(), &test, metrics.roc_auc, mean_roc_auc)?;
    seconds.sort_by(f64::total_cmp);
    let (prediction_min, prediction_max) = extent(test.iter().copied());
    let (prediction_min_all, prediction_max_all) = extent(predictions.iter().copied());
    let mut row = Row {
        method,
        metrics,
        bias: aggregator.map(|(_, bias)| bias),
        weight_std: stats.map(|s| s.std),
        weight_min: stats.map(|s| s.min),
        weight_max: stats.map(|s| s.max),
        weight_sum: stats.map(|s| s.sum),
        negative_weights: stats.map(|s| s.n_negative),
        weight_variation: stats.and_then(|s| s.coefficient_of_variation),
        effective_classifiers: stats.map(|s| s.effective_classifiers),
        prediction_std: std_dev(&test),
        prediction_min,
        prediction_max,
        prediction_min_all,
        prediction_max_all,
        status: if symptoms.is_empty() { Status::Healthy } else { Status::Collapsed },
        symptoms,
        iterations: fitted.as_ref().map(|fitted| fitted.history.n_iterations()),
        stop: fitted.as_ref().map(|fitted| fitted.stop),
        device: fitted.as_ref().map(|fitted| fitted.device.clone()),
        seconds: median(&seconds).expect("every method was timed at least once"),
        seconds_range: extent(seconds.iter().copied()).into(),
        timed_fits: seconds.len(),
        repeats_identical,
        published: Vec::new(),
        published_weights: PRINTED_WEIGHTS.iter().find(|(of, _)| *of == method).map(|(_, w)| w.to_vec()),
        weights,
    };
    // Every printed figure is taken from the finished row.
    row.published = comparisons(&row);
    let series = Series {
        method,
        test_predictions: test,
        pr_curve: ranking.pr_curve(),
        trace: trace.points,
        losses: fitted.map(|fitted| fitted.history.entries).unwrap_or_default(),
    };
    Ok((row, series))
}

/// Every printed figure of the row beside the measured one.
fn comparisons(row: &Row) -> Vec<Comparison> {
    let compare = |figure: Figure, published: f64, decimals: usize| {
        let measured = figure.of(row)?;
        let agrees = rounds_to(measured, published, decimals);
        Some(Comparison { figure, published, decimals, measured, deviation: measured - published, agrees })
    };
    let printed = PRINTED.iter().filter(|printed| printed.method == row.method);
    printed.filter_map(|printed| compare(printed.figure, printed.value, printed.decimals)).collect()
}

/// Whether `measured`, rounded to so many digits, is `published`.
pub(super) fn rounds_to(measured: f64, published: f64, decimals: usize) -> bool {
    // A value halfway between two roundings agrees with both.
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
