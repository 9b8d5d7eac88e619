//! Runs the two trainers and watches their losses.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use cf_ensemble::als::{Als, AlsObjective, AlsSpec};
use cf_ensemble::io::{Source, TableOptions, read_table};
use cf_ensemble::metrics::Scored;
use cf_ensemble::{ClassWeight, EnsembleData, Fitted, FnObserver, Reduction, Step, Trainer};
use serde::Serialize;

use super::Races;
use crate::error::Error;
use crate::published::Experiment;
use crate::threads;

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
        if truth.iter().all(|&y| !y) {
            return Ok(None);
        }
        Ok(Some(Scored::new(&truth, &scores)?.ranking().average_precision()))
    }
}

fn read(path: &Path, options: &Convergence) -> Result<Known, Error> {
    let mut table = TableOptions::default();
    table.split_column.clone_from(&options.split_column);
    let read = read_table(Source::new(path), &table).map_err(Box::new)?;
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
mod tests {
    use cf_ensemble::StopReason;
    use clap::Parser as _;
    use ndarray::arr2;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: Convergence,
    }

    fn options(more: &[&str]) -> Convergence {
        Line::parse_from(["convergence"].iter().chain(more)).options
    }

    /// Two classifiers, six instances, the last two without a label in training.
    fn known(hidden: [Option<bool>; 2]) -> Known {
        let labels = vec![Some(true), Some(false), Some(false), Some(true), None, None];
        let predictions = arr2(&[[0.9, 0.2, 0.1, 0.7, 0.8, 0.3], [0.8, 0.3, 0.2, 0.6, 0.7, 0.1]]);
        let truth = labels[..4].iter().copied().chain(hidden).collect();
        Known { data: EnsembleData::new(predictions, labels).expect("valid"), truth }
    }

    fn run(points: &[(usize, f64, f64)]) -> Run {
        let point = |&(iteration, seconds, loss): &(usize, f64, f64)| Point { iteration, seconds, loss };
        Run { name: "r", points: points.iter().map(point).collect(), seconds: 9.0, average_precision: None }
    }

    /// The help promises it: no iteration is left out, however little the loss still falls.
    #[test]
    fn every_iteration_runs_where_the_loss_no_longer_falls() {
        let spec = spec(&options(&["--iterations", "400", "--latent-dim", "1", "--lambda", "1"]));
        let data = known([None, None]).data;
        let fitted = Als::try_from(spec.clone()).expect("valid").fit(&data).expect("trained");
        assert_eq!((fitted.history.n_iterations(), fitted.stop), (400, StopReason::MaxIterations));
        // With the tolerance of the preset the same run ends long before.
        let tolerant = AlsSpec { tolerance: AlsSpec::exact().tolerance, ..spec };
        let fitted = Als::try_from(tolerant).expect("valid").fit(&data).expect("trained");
        assert_eq!(fitted.stop, StopReason::Converged);
        assert!(fitted.history.n_iterations() < 400);
    }

    #[test]
    fn options_arrive_in_the_settings() {
        let found = spec(&options(&[
            "--latent-dim",
            "3",
            "--lambda",
            "0.5",
            "--rho",
            "0.25",
            "--reduction",
            "mean",
            "--plain",
            "--seed",
            "8",
        ]));
        let objective = AlsObjective::Exact { rho: 0.25, reduction: Reduction::Mean, accelerate: false };
        assert_eq!((found.latent_dim, found.lambda, found.objective, found.seed), (3, 0.5, objective, 8));
        let plain = spec(&options(&[]));
        assert!(matches!(
            plain.objective,
            AlsObjective::Exact { reduction: Reduction::Sum, accelerate: true, .. }
        ));
    }

    #[test]
    fn points_are_the_new_lowest_losses() {
        let spec = AlsSpec { max_iterations: 20, latent_dim: 1, ..spec(&options(&[])) };
        let als = Als::try_from(spec).expect("valid");
        let known = known([Some(true), Some(false)]);
        let run = watch("exact ALS", &als, &known).expect("trained");
        // ALS has no loss before its first iteration.
        assert_eq!((run.points[0].iteration, run.points[0].seconds > 0.0), (1, true));
        for pair in run.points.windows(2) {
            assert!(pair[1].loss < pair[0].loss && pair[1].iteration > pair[0].iteration);
        }
        let lowest = als
            .fit(&known.data)
            .expect("trained")
            .history
            .entries
            .iter()
            .map(|e| e.loss.total)
            .fold(f64::INFINITY, f64::min);
        assert_eq!(run.best().map(|best| best.loss), Some(lowest));
        // Of the two hidden instances the positive one has the higher probabilities.
        assert_eq!(run.average_precision, Some(1.0));
    }

    #[test]
    fn a_ranking_is_judged_on_hidden_labels_that_are_known() {
        let precision = |hidden| {
            let known = known(hidden);
            let als = Als::try_from(AlsSpec { latent_dim: 1, ..AlsSpec::exact() }).expect("valid");
            known.average_precision(&als.fit(&known.data).expect("trained")).expect("finite")
        };
        // The positive one comes second: one of two.
        assert_eq!(precision([Some(false), Some(true)]), Some(0.5));
        assert_eq!(precision([None, Some(true)]), Some(1.0), "an unknown instance is left out");
        assert_eq!((precision([None, None]), precision([Some(false), None])), (None, None));
    }

    #[test]
    fn the_finish_line_is_the_lowest_loss_of_adam() {
        let problem = || Problem { name: "p".to_owned(), classifiers: 2, instances: 6, labeled: 4 };
        let als = || run(&[(0, 0.0, 9.0), (3, 0.5, 4.0), (7, 2.0, 1.0)]);
        assert_eq!(
            [9.5, 4.0, 3.9, 1.0, 0.5].map(|loss| als().seconds_to(loss)),
            [Some(0.0), Some(0.5), Some(2.0), Some(2.0), None]
        );
        let against = |adam| {
            let race = Race::new(problem(), als(), adam);
            (race.reached, race.time_ratio)
        };
        assert_eq!(against(Some(run(&[(0, 0.0, 9.0), (80, 4.0, 3.0)]))), (Some(true), Some(4.0 / 2.0)));
        assert_eq!(against(Some(run(&[(80, 4.0, 0.5)]))), (Some(false), None));
        assert_eq!(against(None), (None, None));
        assert_eq!(against(Some(run(&[]))), (None, None), "Adam without a finite loss is not a finish line");
        // Adam that never fell below its start took 0 seconds to its lowest loss.
        assert_eq!(against(Some(run(&[(0, 0.0, 4.0)]))), (Some(true), None));
    }

    #[test]
    fn a_problem_is_named_by_its_folder_and_file() {
        assert_eq!(name(Path::new("data/abalone/seed0.csv.gz")), "abalone/seed0");
        assert_eq!(name(Path::new("t.csv")), "t");
        assert_eq!(name(Path::new("..")), "");
    }
}
