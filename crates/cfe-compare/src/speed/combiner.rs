//! `cfe-compare speed combiner`: a fit and a prediction of the recommended combiner on given data.

use std::path::PathBuf;
use std::time::Instant;

use cf_ensemble::EnsembleData;
use cf_ensemble::io::TableOptions;
use cf_ensemble::recommended::{Recommended, RecommendedSpec, estimate_memory};
use cpu_time::ProcessTime;
use serde::{Deserialize, Serialize};

use super::process::peak_memory;
use crate::error::Error;
use crate::threads;
use crate::unweighted::read_unweighted;

/// What is run.
#[derive(Debug, Clone, PartialEq, clap::Args)]
pub struct CombinerSpeed {
    /// R as .npy, m x n: rows are classifiers.
    #[arg(long, value_name = "R.npy")]
    pub predictions: PathBuf,
    /// Labels as .npy (n): 0, 1, NaN for unlabeled.
    #[arg(long, value_name = "labels.npy")]
    pub labels: PathBuf,
    /// Labels that are used, the first of them; all by default.
    #[arg(long, value_name = "N")]
    pub labeled: Option<usize>,
    /// Threads; 0 is all cores.
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CombinerReport {
    /// Labeled instances.
    pub labeled: usize,
    /// Seconds of the fit.
    pub fit_seconds: f64,
    /// Processor seconds of the fit; `None` where the system does not say.
    pub fit_processor_seconds: Option<f64>,
    /// Seconds of the prediction of all n instances.
    pub predict_seconds: f64,
    /// Processor seconds of the prediction.
    pub predict_processor_seconds: Option<f64>,
    /// Bytes that the fit was said to take, the data included.
    pub announced_bytes: u64,
    /// Most memory the process held up to the end of the fit, in bytes.
    pub peak_rss_bytes: Option<u64>,
}

/// Runs the benchmark.
///
/// # Errors
/// Files that cannot be read, data without both classes.
pub fn run_combiner(options: &CombinerSpeed) -> Result<CombinerReport, Error> {
    threads::pool(options.threads)?.install(|| {
        let data = read(options)?;
        let labeled = data.labeled().len();
        let spec = RecommendedSpec::default();
        let announced_bytes = estimate_memory(&spec, data.n_classifiers(), data.n_instances(), labeled);
        let combiner = Recommended::try_from(spec).map_err(Error::Measurement)?;
        let (fitted, fit_seconds, fit_processor_seconds) = timed(|| combiner.fit(&data));
        let model = fitted.map_err(Error::Measurement)?.model;
        // The peak is read before the prediction, which has arrays of its own.
        let peak_rss_bytes = peak_memory();
        let (predicted, predict_seconds, predict_processor_seconds) =
            timed(|| model.predict(data.predictions()));
        predicted.map_err(Error::Measurement)?;
        Ok(CombinerReport {
            labeled,
            fit_seconds,
            fit_processor_seconds,
            predict_seconds,
            predict_processor_seconds,
            announced_bytes,
            peak_rss_bytes,
        })
    })
}

/// The result of some work, its seconds, and the processor seconds of all threads where the system says them.
fn timed<T>(work: impl FnOnce() -> T) -> (T, f64, Option<f64>) {
    let (began, before) = (Instant::now(), ProcessTime::try_now());
    let result = work();
    let processor = before.and_then(|before| before.try_elapsed()).ok().map(|time| time.as_secs_f64());
    (result, began.elapsed().as_secs_f64(), processor)
}

fn read(options: &CombinerSpeed) -> Result<EnsembleData, Error> {
    let mut table = TableOptions::default();
    table.labels_file = Some(options.labels.clone());
    let data = read_unweighted(&options.predictions, table)?.data;
    let Some(count) = options.labeled else { return Ok(data) };
    // The first labels are kept, so that a smaller number is a part of a larger one.
    let mut left = count;
    let labels = data.labels().iter().map(|label| {
        let kept = label.filter(|_| left > 0);
        left -= usize::from(kept.is_some());
        kept
    });
    let labels = labels.collect();
    EnsembleData::new(data.predictions().to_owned(), labels).map_err(Error::Measurement)
}
