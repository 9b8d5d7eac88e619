//! Runs the two trainers and watches their losses.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use cf_ensemble::als::{Als, AlsObjective, AlsSpec};
use cf_ensemble::io::TableOptions;
use cf_ensemble::metrics::Scored;
use cf_ensemble::{ClassWeight, EnsembleData, Fitted, FnObserver, Reduction, Step, Trainer};
use serde::Serialize;

use super::Races;
use crate::error::Error;
use crate::published::Experiment;
use crate::threads;
use crate::unweighted::read_unweighted;

/// What is run.
#[derive(Debug, Clone, PartialEq, clap::Args)]
#[group(skip)]
pub struct Convergence {
    /// Tables of predictions; the built-in published data if none is given.
    #[arg(value_name = "TABLE")]
    pub tables: Vec<PathBuf>,
    /// Column that names the split; the trainers learn from its `train` rows.
    #[arg(long, value_name = "NAME")]
    pub split_column: Option<String>,
    /// Number of factors, d.
    #[arg(long, default_value_t = 15)]
    pub latent_dim: usize,
    /// Strength of the ridge penalty on the factors.
    #[arg(long, default_value_t = 0.01)]
    pub lambda: f64,
    /// Share of the reconstruction in the loss, 0 to 1.
    #[arg(long, default_value_t = 0.5)]
    pub rho: f64,
    /// Whether the reconstruction is a sum over the cells, as published, or their mean.
    #[arg(long, value_enum, default_value_t = Scale::Sum)]
    pub reduction: Scale,
    /// Epochs of joint training.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..))]
    pub epochs: u32,
    /// Learning rate of Adam.
    #[arg(long, default_value_t = 0.01)]
    pub learning_rate: f64,
    /// Iterations of ALS. All of them run, as all epochs of joint training do.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..))]
    pub iterations: u32,
    /// Plain sweeps of ALS, without Anderson acceleration.
    #[arg(long)]
    pub plain: bool,
    /// Threads of either trainer; 0 is all cores.
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Seed of the start that both share.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// [`Reduction`] on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scale {
    /// [`Reduction::Sum`].
    Sum,
    /// [`Reduction::Mean`].
    Mean,
}

/// The lowest loss so far at a time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// Iterations or epochs made.
    pub iteration: usize,
    /// Since the first point.
    pub seconds: f64,
    /// Lowest total loss so far.
    pub loss: f64,
}

/// One trainer on one problem.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// "exact ALS", "Adam".
    pub name: &'static str,
    /// Points where the lowest loss fell.
    pub points: Vec<Point>,
    /// Seconds of the whole run.
    pub seconds: f64,
    /// Average precision of the result on the instances whose label it did not see; `None` where no truth is
    /// known.
    pub average_precision: Option<f64>,
}

impl Run {
    /// The lowest loss of all.
    pub fn best(&self) -> Option<Point> {
        self.points.last().copied()
    }

    /// Seconds until the loss was at most `target`.
    pub fn seconds_to(&self, target: f64) -> Option<f64> {
        self.points.iter().find(|point| point.loss <= target).map(|point| point.seconds)
    }
}

/// The size of a problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// File, or "published".
    pub name: String,
    /// m.
    pub classifiers: usize,
    /// n.
    pub instances: usize,
    /// Labeled among them.
    pub labeled: usize,
}

/// The two runs on one problem.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Race {
    /// The problem.
    pub problem: Problem,
    /// Exact ALS.
    pub als: Run,
    /// Joint training; `None` in a build without libtorch.
    pub adam: Option<Run>,
    /// Whether ALS reached Adam's lowest loss.
    pub reached: Option<bool>,
    /// Adam's seconds to its lowest loss over the seconds that ALS needed for the same loss; `None` where ALS
    /// did not reach that loss, or a trainer begins with it.
    pub time_ratio: Option<f64>,
}

/// Runs all problems.
///
/// # Errors
/// Tables that cannot be read, parameters out of range, a trainer that fails.
pub fn run_convergence(options: &Convergence) -> Result<Races, Error> {
    threads::pool(options.threads)?.install(|| {
        if options.tables.is_empty() {
            let Experiment { data, truth, .. } = Experiment::published()?;
            let truth = truth.into_iter().map(Some).collect();
            return Ok(Races(vec![race("published".to_owned(), &Known { data, truth }, options)?]));
        }
        let races = options.tables.iter().map(|path| race(name(path), &read(path, options)?, options));
        Ok(Races(races.collect::<Result<_, Error>>()?))
    })
}

/// The last two parts of the path, without endings: a folder often names the data and a file only the seed.
fn name(path: &Path) -> String {
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = file.split('.').next().unwrap_or_default().to_owned();
    match path.parent().and_then(Path::file_name) {
        Some(folder) => format!("{}/{stem}", folder.to_string_lossy()),
        None => stem,
    }
}

/// Data with the labels that training does not see, where there are any.
struct Known {
    data: EnsembleData,
    truth: Vec<Option<bool>>,
}

impl Known {
    /// On the instances that are unlabeled in training.
    fn average_precision(&self, fitted: &Fitted) -> cf_ensemble::Result<Option<f64>> {
        let logits = fitted.model.predict_training(&self.data)?.logits;
        let hidden = self.data.labels().iter().zip(&self.truth).zip(&logits);
        let (truth, scores): (Vec<bool>, Vec<f64>) = hidden
            .filter(|((label, _), _)| label.is_none())
            .filter_map(|((_, truth), &z)| truth.map(|y| (y, z)))
            .unzip();
        // Without a positive among the hidden labels there is nothing to be ranked first.
        if truth.iter().all(|&y| !y) {
            return Ok(None);
        }
        Ok(Some(Scored::new(&truth, &scores)?.ranking().average_precision()))
    }
}

fn read(path: &Path, options: &Convergence) -> Result<Known, Error> {
    let mut table = TableOptions::default();
    table.split_column.clone_from(&options.split_column);
    let read = read_unweighted(path, table)?;
    read.require_labels().map_err(Box::new)?;
    Ok(Known { data: read.data, truth: read.truth })
}

fn race(name: String, known: &Known, options: &Convergence) -> Result<Race, Error> {
    let data = &known.data;
    let problem = Problem {
        name,
        classifiers: data.n_classifiers(),
        instances: data.n_instances(),
        labeled: data.labeled().len(),
    };
    let spec = spec(options);
    let als = watch("exact ALS", &Als::try_from(spec.clone()).map_err(Error::Measurement)?, known)?;
    let adam = joint(&spec, known, options)?;
    Ok(Race::new(problem, als, adam))
}

impl Race {
    /// Compares the two runs; without the second one there is nothing to compare with.
    fn new(problem: Problem, als: Run, adam: Option<Run>) -> Self {
        let finish = adam.as_ref().and_then(Run::best);
        let of_als = finish.map(|finish| als.seconds_to(finish.loss));
        // A loss that a trainer begins with lies at 0 seconds, which have no ratio.
        let times = finish.zip(of_als.flatten()).map(|(finish, seconds)| (finish.seconds, seconds));
        let time_ratio = times.filter(|times| times.0 > 0.0 && times.1 > 0.0).map(|(adam, als)| adam / als);
        Self { problem, als, adam, reached: of_als.map(|seconds| seconds.is_some()), time_ratio }
    }
}

/// The settings of ALS, which joint training takes its objective and its start from.
fn spec(options: &Convergence) -> AlsSpec {
    let reduction = match options.reduction {
        Scale::Sum => Reduction::Sum,
        Scale::Mean => Reduction::Mean,
    };
    AlsSpec {
        latent_dim: options.latent_dim,
        lambda: options.lambda,
        objective: AlsObjective::Exact { rho: options.rho, reduction, accelerate: !options.plain },
        class_weight: ClassWeight::Balanced,
        max_iterations: options.iterations as usize,
        // A tolerance of 0 lets every iteration run, as Adam runs every epoch: the lowest loss is what both
        // are asked for.
        tolerance: 0.0,
        seed: options.seed,
        ..AlsSpec::exact()
    }
}

#[cfg(feature = "torch")]
fn joint(spec: &AlsSpec, known: &Known, options: &Convergence) -> Result<Option<Run>, Error> {
    use cf_ensemble::torch::{Device, Dtype, Torch, TorchSpec};
    let objective = spec.combined_objective();
    let spec = TorchSpec {
        latent_dim: spec.latent_dim,
        rho: objective.rho,
        lambda: objective.lambda,
        reduction: objective.reduction,
        class_weight: objective.class_weight,
        confidence: spec.confidence,
        learning_rate: options.learning_rate,
        max_iterations: options.epochs as usize,
        // Adam makes all its epochs at one rate; the lowest loss on the way is what counts.
        reduce_on_plateau: None,
        early_stopping: None,
        restore_best: false,
        dtype: Dtype::F64,
        device: Device::Cpu,
        threads: threads::count(options.threads)?,
        seed: spec.seed,
        ..TorchSpec::default()
    };
    watch("Adam", &Torch::try_from(spec).map_err(Error::Measurement)?, known).map(Some)
}

#[cfg(not(feature = "torch"))]
fn joint(_: &AlsSpec, _: &Known, _: &Convergence) -> Result<Option<Run>, Error> {
    Ok(None)
}

/// Trains and notes every new lowest loss with its time.
fn watch(name: &'static str, trainer: &dyn Trainer, known: &Known) -> Result<Run, Error> {
    let data = &known.data;
    // The start is drawn before the clock runs, and the clock runs from the first loss shown.
    let start = trainer.start(data).map_err(Error::Measurement)?;
    let mut points: Vec<Point> = Vec::new();
    let mut began = None;
    let mut observer = FnObserver(|step: &Step<'_>| {
        let seconds = began.get_or_insert_with(Instant::now).elapsed().as_secs_f64();
        // ALS shows its start without a loss, so that its first point is that of the first iteration.
        if let Some(loss) = step.loss.map(|parts| parts.total)
            && points.last().is_none_or(|last| loss < last.loss)
        {
            points.push(Point { iteration: step.iteration, seconds, loss });
        }
        ControlFlow::Continue(())
    });
    let fitted = trainer.fit_from(start, data, &mut observer).map_err(Error::Measurement)?;
    let average_precision = known.average_precision(&fitted).map_err(Error::Measurement)?;
    Ok(Run { name, points, seconds: fitted.timings.iterations.as_secs_f64(), average_precision })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
