//! Trains and measures a cell.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use cf_ensemble::WeightStats;
use cf_ensemble::baselines::Baseline;
use cf_ensemble::diversity::symptoms_of_collapse;
use cf_ensemble::metrics::MetricSummary;
use serde::{Deserialize, Serialize};

use super::figure::{Figure, Figures};
use super::plan::Job;

/// What became of a cell. A failure is a result as well: with a large learning rate, say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Measured.
    Figures(Box<Figures>),
    /// Why there is nothing to measure.
    Error(String),
}

impl Outcome {
    /// The figures, if there are any.
    pub fn figures(&self) -> Option<&Figures> {
        match self {
            Outcome::Figures(figures) => Some(figures),
            Outcome::Error(_) => None,
        }
    }
}

/// Runs a job. Neither an error nor a panic in a trainer reaches other cells.
pub(super) fn run(job: &Job, folder: &Path) -> Outcome {
    // A job is only read, and its trainer dies with the panic: nothing half done is left behind.
    match catch_unwind(AssertUnwindSafe(|| measure(job, folder))) {
        Ok(Ok(figures)) => Outcome::Figures(Box::new(figures)),
        Ok(Err(why)) => Outcome::Error(why),
        Err(_) => Outcome::Error("the trainer panicked: a fault of the program".to_owned()),
    }
}

fn measure(job: &Job, folder: &Path) -> Result<Figures, String> {
    let text = |error: cf_ensemble::Error| error.to_string();
    let drawn = job.scenario.draw(folder, job.seed)?;
    let trainer = job.trainer().map_err(|error| error.to_string())?;
    let fitted = trainer.fit(&drawn.data).map_err(text)?;
    let predictions = fitted.model.predict_training(&drawn.data).map_err(text)?;
    let of_test = |values: &[f64]| drawn.test.iter().map(|&i| values[i]).collect::<Vec<f64>>();
    // The published signs of collapse are defined on the probabilities that class weights are left in.
    // Metrics are of those without.
    let weighted = of_test(&predictions.weighted_probabilities);
    let (logits, probabilities) = (of_test(&predictions.logits), of_test(&predictions.probabilities));
    let own = MetricSummary::new(&drawn.truth, &logits, Some(&probabilities)).map_err(text)?;
    // The plain mean on the same instances is what gains are taken over, and an inverted ranking counts only
    // where that of the mean is not.
    let mean = Baseline::Mean
        .fit(&drawn.data)
        .and_then(|fitted| fitted.predict(drawn.data.predictions()))
        .map_err(text)?;
    let mean = of_test(&mean);
    let mean = MetricSummary::new(&drawn.truth, &mean, Some(&mean)).map_err(text)?;
    let weights = fitted.model.aggregator.weights().map_or(&[][..], |(weights, _)| weights);
    // A fit that diverged is a failed cell: its figures would spoil every mean they enter.
    if !fitted.loss.total.is_finite() {
        return Err(format!("training ended with a loss of {}; lower the learning rate", fitted.loss.total));
    }
    let figures = Figures {
        metrics: own,
        mean,
        weights: WeightStats::new(weights),
        symptoms: symptoms_of_collapse(weights, &weighted, own.roc_auc, mean.roc_auc).map_err(text)?,
        iterations: fitted.history.n_iterations(),
        final_loss: fitted.loss.total,
        stop: fitted.stop,
    };
    // JSON has no infinity, so that such a figure could not be read back from the checkpoint.
    let infinite = |figure: &Figure| figure.of(&figures).is_some_and(|value| !value.is_finite());
    match Figure::ALL.into_iter().find(infinite) {
        Some(figure) => {
            Err(format!("{} is beyond the largest number; lower the learning rate", figure.label()))
        }
        None => Ok(figures),
    }
}
