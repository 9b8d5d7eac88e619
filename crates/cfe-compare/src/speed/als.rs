//! `cfe-compare speed als`: the sweeps of ALS on given data.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use cf_ensemble::als::{Als, AlsSpec};
use cf_ensemble::confidence::ConfidenceRule;
use cf_ensemble::io::{Source, TableOptions, read_matrix};
use cf_ensemble::objective::squared_norm;
use cf_ensemble::ridge::{self, Scalar, Workspace};
use cf_ensemble::stats::moments::median;
use cf_ensemble::{
    Confidence, ConfidenceStrategy, Dtype, EnsembleData, Factors, FnObserver, START_SCALE, Side, Step,
    Trainer, random_side,
};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use ndarray::{Array2, LinalgScalar};
use serde::Serialize;

use super::dgemm::product_gflops;
use super::process::peak_memory;
use crate::error::Error;
use crate::threads;
use crate::unweighted::read_unweighted;

/// The names of [`Dtype`] on the command line.
fn dtype_parser() -> impl TypedValueParser<Value = Dtype> {
    PossibleValuesParser::new(["f32", "f64"]).map(|name| if name == "f32" { Dtype::F32 } else { Dtype::F64 })
}

/// What is run.
#[derive(Debug, Clone, PartialEq, clap::Args)]
pub struct AlsSpeed {
    /// R as .npy, m x n: rows are classifiers.
    #[arg(long, value_name = "R.npy")]
    pub predictions: PathBuf,
    /// Labels as .npy (n): 0, 1, NaN for unlabeled.
    #[arg(long, value_name = "labels.npy")]
    pub labels: PathBuf,
    /// Confidence as .npy, m x n. Without it: certainty blended with the labels, alpha 1, as a formula.
    #[arg(long, value_name = "C.npy")]
    pub confidence: Option<PathBuf>,
    /// Number of factors, d.
    #[arg(long, default_value_t = 20)]
    pub latent_dim: usize,
    /// Strength of the ridge penalty on the factors.
    #[arg(long, default_value_t = 0.01)]
    pub lambda: f64,
    /// Sweeps that are timed.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub sweeps: u32,
    /// Threads; 0 is all cores.
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
    /// Number format.
    #[arg(long, default_value = "f64", value_parser = dtype_parser())]
    pub dtype: Dtype,
    /// Seed of the start factors.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlsReport {
    /// Median over the sweeps.
    pub seconds_per_sweep: f64,
    /// Median over the sweeps, X.
    pub classifier_update_seconds: f64,
    /// Median over the sweeps, Y.
    pub instance_update_seconds: f64,
    /// Necessary flops of a sweep divided by its seconds, in 1e9.
    pub gflops: f64,
    /// The machine's rate at matrix products in the same format on the same threads, in the same process.
    pub dgemm_gflops: f64,
    /// sum C (R - X^T Y)^2 + lambda (|X|^2 + |Y|^2) in f64 after the last sweep.
    pub loss: f64,
    /// Most memory the process held, in bytes (VmHWM); `None` where the system does not say.
    pub peak_rss_bytes: Option<u64>,
    /// Median seconds of a whole iteration of the trainer: sweep, aggregator and loss.
    pub seconds_per_iteration: Option<f64>,
    /// Threads used.
    pub threads: usize,
    /// Number format.
    pub dtype: Dtype,
}

/// Runs the benchmark.
///
/// # Errors
/// Files that cannot be read, parameters out of range, singular systems.
pub fn run_als(options: &AlsSpeed) -> Result<AlsReport, Error> {
    // One pool for the sweeps, the trainer and the products that they are compared with.
    threads::pool(options.threads)?.install(|| {
        let data = read(options)?;
        let confidence = match options.confidence {
            // A stored confidence costs memory traffic; a formula is computed from R and the labels on the
            // way.
            Some(_) => Confidence::new(ConfidenceStrategy::Given),
            None => Confidence::label_blended(1.0),
        };
        let fitted = confidence.fit(&data).map_err(Error::Measurement)?;
        let rule = fitted.on_training(&data);
        let mut report = match options.dtype {
            Dtype::F32 => sweeps::<f32>(options, &rule),
            Dtype::F64 => sweeps::<f64>(options, &rule),
        }?;
        report.seconds_per_iteration = Some(iteration(options, &data, confidence)?);
        Ok(report)
    })
}

/// Median seconds of an iteration of the trainer.
fn iteration(options: &AlsSpeed, data: &EnsembleData, confidence: Confidence) -> Result<f64, Error> {
    let spec = AlsSpec {
        latent_dim: options.latent_dim,
        lambda: options.lambda,
        confidence,
        max_iterations: options.sweeps as usize,
        // Without a tolerance every iteration runs, and each is timed.
        tolerance: 0.0,
        dtype: options.dtype,
        seed: options.seed,
        ..AlsSpec::default()
    };
    let als = Als::try_from(spec).map_err(Error::Measurement)?;
    let (mut seconds, mut last) = (Vec::new(), Instant::now());
    let mut observer = FnObserver(|step: &Step<'_>| {
        // The step before the first iteration shows the start and takes none of the time.
        if step.iteration > 0 {
            seconds.push(last.elapsed().as_secs_f64());
        }
        last = Instant::now();
        ControlFlow::Continue(())
    });
    als.fit_from(als.start(data).map_err(Error::Measurement)?, data, &mut observer)
        .map_err(Error::Measurement)?;
    Ok(median_of_some(&seconds))
}

fn read(options: &AlsSpeed) -> Result<EnsembleData, Error> {
    let mut table = TableOptions::default();
    table.labels_file = Some(options.labels.clone());
    let data = read_unweighted(&options.predictions, table)?.data;
    match &options.confidence {
        Some(path) => data
            .with_confidence(read_matrix(Source::new(path)).map_err(Box::new)?)
            .map_err(Error::Measurement),
        None => Ok(data),
    }
}

fn sweeps<T: Scalar + LinalgScalar>(
    options: &AlsSpeed,
    rule: &ConfidenceRule<'_>,
) -> Result<AlsReport, Error> {
    let (m, n) = rule.dim();
    let d = options.latent_dim;
    cf_ensemble::ensure(d >= 1, "latent_dim", d, "at least 1 is needed").map_err(Error::Measurement)?;
    let (workspace, lambda) = (Workspace::<T>::new(), T::from_f64(options.lambda));
    // Before Y is there, so that the matrices of the product are not part of the peak.
    let before = product_gflops::<T>();
    let mut x: Array2<T> =
        random_side(d, m, START_SCALE, options.seed, Side::Classifier).map_err(Error::Measurement)?;
    let mut y: Array2<T> =
        random_side(d, n, START_SCALE, options.seed, Side::Instance).map_err(Error::Measurement)?;
    let (mut classifier, mut instance, mut sweep) = (Vec::new(), Vec::new(), Vec::new());
    // A sweep as the trainer makes it: X from Y, then Y from the new X.
    for _ in 0..options.sweeps {
        let began = Instant::now();
        ridge::update_classifiers(&workspace, rule, y.view(), lambda, &mut x).map_err(Error::Measurement)?;
        let half = began.elapsed().as_secs_f64();
        ridge::update_instances(&workspace, rule, x.view(), lambda, &mut y).map_err(Error::Measurement)?;
        let whole = began.elapsed().as_secs_f64();
        classifier.push(half);
        instance.push(whole - half);
        sweep.push(whole);
    }
    // The peak is read before the second measurement of products, whose matrices would count.
    let peak_rss_bytes = peak_memory();
    // The better of two measurements, before and after the sweeps, is taken.
    let dgemm_gflops = before.max(product_gflops::<T>());
    let seconds_per_sweep = median_of_some(&sweep);
    Ok(AlsReport {
        seconds_per_sweep,
        classifier_update_seconds: median_of_some(&classifier),
        instance_update_seconds: median_of_some(&instance),
        gflops: flops(m, n, d, options.lambda) / seconds_per_sweep / 1e9,
        dgemm_gflops,
        loss: loss(rule, options.lambda, &x, &y)?,
        peak_rss_bytes,
        seconds_per_iteration: None,
        threads: rayon::current_num_threads(),
        dtype: options.dtype,
    })
}

fn loss<T: Scalar>(
    rule: &ConfidenceRule<'_>,
    lambda: f64,
    x: &Array2<T>,
    y: &Array2<T>,
) -> Result<f64, Error> {
    let factors = Factors { classifiers: x.mapv(T::to_f64), instances: y.mapv(T::to_f64) };
    let (x, y) = (factors.classifiers.view(), factors.instances.view());
    let error =
        ridge::weighted_squared_error(&Workspace::<f64>::new(), rule, x, y).map_err(Error::Measurement)?;
    Ok(error + lambda * squared_norm(&factors))
}

/// Flops that a sweep cannot do without: Gram matrices and right-hand sides of both halves, products of the
/// rows of Y, and the instances' solves; with fewer classifiers than latent dimensions the smaller, dual
/// systems.
fn flops(m: usize, n: usize, d: usize, lambda: f64) -> f64 {
    let (mf, nf, df) = (m as f64, n as f64, d as f64);
    // A symmetric d x d matrix is computed by its triangle.
    let triangle = df * (df + 1.0) / 2.0;
    let half = 2.0 * nf * mf * (triangle + df);
    let classifiers = half + nf * triangle;
    let instances = if m < d && lambda > 0.0 {
        // Dual form: an m x m Cholesky factor, its solves, and the way back to d factors.
        nf * (mf.powi(3) / 3.0 + 2.0 * mf * mf + 2.0 * mf * df)
    } else {
        // Primal form: a d x d Cholesky factor (d^3 / 3) and two triangular solves (2 d^2).
        half + nf * (df.powi(3) / 3.0 + 2.0 * df * df)
    };
    classifiers + instances
}

fn median_of_some(seconds: &[f64]) -> f64 {
    median(seconds).expect("the number of sweeps is at least 1")
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;

    use super::*;

    #[test]
    fn the_flops_are_those_of_the_formula() {
        // m = 50, d = 20, n = 1e5: about 5 Gflop, as docs/performance.md says.
        assert!((flops(50, 100_000, 20, 0.01) / 1e9 - 4.97).abs() < 0.05);
        assert!(flops(10, 1000, 15, 0.01) < flops(10, 1000, 15, 0.0));
        // m = 2, n = 3, d = 1: 2 * 3 * 2 * (1 + 1) + 3 for X, 24 + 3 * (1 / 3 + 2) for Y.
        assert!((flops(2, 3, 1, 0.1) - (27.0 + 31.0)).abs() < 1e-9);
        // Dual, m = 1, n = 2, d = 2: 2 * 2 * (3 + 2) + 2 * 3 for X, 2 * (1 / 3 + 2 + 4) for Y.
        assert!((flops(1, 2, 2, 0.1) - (26.0 + 38.0 / 3.0)).abs() < 1e-9);
    }

    #[test]
    fn the_loss_is_that_of_the_sum_by_hand() {
        let r = arr2(&[[0.5, 0.25, 1.0], [0.0, 0.75, 0.5]]);
        let c = arr2(&[[1.0, 2.0, 0.5], [4.0, 1.0, 0.25]]);
        let data =
            EnsembleData::new(r.clone(), vec![None; 3]).and_then(|data| data.with_confidence(c.clone()));
        let data = data.expect("valid");
        let fitted = Confidence::new(ConfidenceStrategy::Given).fit(&data).expect("given");
        let (x, y) = (arr2(&[[0.5, -1.0]]), arr2(&[[1.0, 0.5, -0.25]]));
        let mut expected = 0.125 * (x.iter().chain(&y).map(|v| v * v).sum::<f64>());
        for ((u, i), r) in r.indexed_iter() {
            expected += c[(u, i)] * (r - x[(0, u)] * y[(0, i)]).powi(2);
        }
        let found = loss(&fitted.on_training(&data), 0.125, &x, &y).expect("finite");
        assert!((found - expected).abs() < 1e-12, "{found} and {expected}");
    }
}
