//! `cfe-compare speed torch`: epochs of joint training on given data.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use cf_ensemble::io::TableOptions;
use cf_ensemble::{Backend, Observer, Step};
use serde::Serialize;
use serde_json::json;

use crate::error::Error;
use crate::threads;
use crate::unweighted::read_unweighted;

/// What is run.
#[derive(Debug, Clone, PartialEq, clap::Args)]
pub struct EpochSpeed {
    /// R as .npy, m x n: rows are classifiers.
    #[arg(long, value_name = "R.npy")]
    pub predictions: PathBuf,
    /// Labels as .npy (n): 0, 1, NaN for unlabeled.
    #[arg(long, value_name = "labels.npy")]
    pub labels: PathBuf,
    /// Number of factors, d.
    #[arg(long, default_value_t = 15)]
    pub latent_dim: usize,
    /// Epochs that are timed, after five that are not.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    pub epochs: u32,
    /// Threads of libtorch; 0 is all cores.
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// auto, cpu, cuda, cuda:1, ...
    #[arg(long, default_value = "cpu")]
    pub device: String,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EpochReport {
    /// Mean over the timed epochs: loss, gradient, step of Adam, and the loss read back.
    pub seconds_per_epoch: f64,
    /// The objective at the end.
    pub loss: f64,
    /// Device and number format.
    pub device: String,
}

/// Epochs before the clock starts.
const WARM_UP: usize = 5;

/// The times at the end of the warm-up and at the end, and the last loss.
struct Clock {
    ends: [usize; 2],
    seen: Vec<(Instant, f64)>,
}

impl Observer for Clock {
    fn wants(&self, iteration: usize) -> bool {
        self.ends.contains(&iteration)
    }

    fn step(&mut self, step: &Step<'_>) -> ControlFlow<()> {
        self.seen.push((Instant::now(), step.loss.map_or(f64::NAN, |parts| parts.total)));
        ControlFlow::Continue(())
    }
}

/// Runs the benchmark: the published objective by Adam in f32, without schedule, early end or copies of the
/// best.
///
/// # Errors
/// Files that cannot be read, a build without libtorch, an unknown device, a trainer that fails.
pub fn run_epochs(options: &EpochSpeed) -> Result<EpochReport, Error> {
    let mut table = TableOptions::default();
    table.labels_file = Some(options.labels.clone());
    let data = read_unweighted(&options.predictions, table)?.data;
    // One epoch more than is timed, so that the last timed one is not the end of the fit.
    let last = WARM_UP + options.epochs as usize;
    let trainer = Backend::Torch.trainer_with(&json!({
        "latent_dim": options.latent_dim,
        "reduction": "sum",
        "max_iterations": last + 1,
        "reduce_on_plateau": null,
        // Whatever would end the fit early, slow down an epoch or copy parameters is off.
        "early_stopping": null,
        "restore_best": false,
        "threads": threads::count(options.threads)?,
        "device": options.device,
    }))?;
    let start = trainer.start(&data).map_err(Error::Measurement)?;
    let mut clock = Clock { ends: [WARM_UP, last], seen: Vec::new() };
    let fitted = trainer.fit_from(start, &data, &mut clock).map_err(Error::Measurement)?;
    let (seconds, loss) = match clock.seen.as_slice() {
        // The two steps that the clock asked for; a fit that ended early has no second one.
        [(began, _), (ended, loss), ..] => (ended.duration_since(*began).as_secs_f64(), *loss),
        _ => (f64::NAN, f64::NAN),
    };
    Ok(EpochReport { seconds_per_epoch: seconds / f64::from(options.epochs), loss, device: fitted.device })
}
