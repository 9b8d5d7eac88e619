//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use super::options::{FitOptions, Format, TableColumns, TrainerName, TrainingColumns};
use super::settings::Assignments;
use super::tune;
use crate::tuning::Metric;

const EXAMPLES: &str = "\
Examples:
  cfe example try                                  write a real table to try things on
  cfe fit try/abalone.csv --split-column split --model-out m.safetensors --predictions-out p.csv
  cfe predict --model m.safetensors new.csv --predictions-out new_p.csv
  cfe inspect m.safetensors

Exit codes: 0 done, 1 a check failed, 2 bad usage (options, settings, outputs that cannot be written),
3 bad data (a table or model file that cannot be used), 4 training failed, 130 broken off (Ctrl-C).";

const FIT_EXAMPLES: &str = "\
Examples:
  cfe fit p.csv                                    all labeled rows train; cross-validated metrics
  cfe fit p.csv --split-column split --predictions-out out.csv
  cfe fit p.parquet --label-column y --columns 'p_*' --threshold cost=1,20 --model-out m.safetensors
  cfe fit p.csv --trainer als --set latent_dim=8 --calibrate platt
  cfe fit p.csv --config fit.toml --seed 3         options override the file
  zcat p.csv.gz | cfe fit - --format json

A table has one row for each instance and one column of probabilities for each classifier; empty cells are missing
predictions, and rows with an empty label are unlabeled. CSV and TSV (also gzip), Parquet, Arrow IPC, NPY and NPZ are
told apart by content.

Predictions: instance_id, probability, logit, n_observed, split and, where given, label; rank by the logit. Those of
train rows come from the model that was fitted to them: judge by the metrics, which are cross-validated.

Exit codes: 0 done, 2 bad usage, 3 bad data, 4 training failed.";

const TUNE_EXAMPLES: &str = "\
Examples:
  cfe tune p.csv --split-column split --out best.toml
  cfe fit p.csv --config best.toml                 fits what was found
  cfe tune p.csv --trials 60 --checkpoint trials.jsonl --resume --time-budget 10m --out best.toml
  cfe tune p.csv --trainer als --set latent_dim=8 --metric log_loss

Tried are the trainer's defaults, single changes of them, then seeded random draws of latent_dim, lambda, objective
(label-aware or exact, with rho), label_alpha, focal gamma, class_weight and the aggregator. Each is scored on the same
folds as the plain mean and the recommended combiner. Labels of a fold are hidden, its predictions stay. The simplest
trial that the best one does not beat by more than one standard error is chosen; without --trainer, the recommended
combiner competes and is the simplest.

Exit codes: 0 done, 2 bad usage, 3 bad data, 4 no trial could be trained, 130 broken off (Ctrl-C; the log keeps what is
done).";

const CONFIG: &str = "\
A file for --config holds the same names with underscores, and the trainer's settings in a table:
  split_column = \"split\"
  threshold = \"fbeta=2\"
  [set]
  rank = 12
  families = { local = false }";

/// Combines the probabilities of trained classifiers on imbalanced problems.
///
/// Give it a table with one row for each instance and one column of probabilities for each classifier. It returns a
/// better probability, says how far to trust it, and shows whom it listened to.
#[derive(Debug, Parser)]
#[command(name = "cfe", version, after_help = EXAMPLES, max_term_width = 110)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub talk: Talk,
}

/// How much is said on standard error.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Talk {
    /// Nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// What is done, and how long it takes
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Learns to combine the classifiers of a table
    Fit(Box<Fit>),
    /// Combines the classifiers of a new table with a model
    Predict(Predict),
    /// Scores a model on a labeled table
    Evaluate(Evaluate),
    /// Searches the settings of a trainer by cross-validation
    Tune(Box<Tune>),
    /// Shows what is in a model: weights, threshold, origin
    Inspect(Inspect),
    /// Shows what this build can do and runs on
    Doctor(Doctor),
    /// Writes a small real table to try things on
    Example(Example),
    /// Prints completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
#[command(after_help = FIT_EXAMPLES, after_long_help = format!("{FIT_EXAMPLES}\n\n{CONFIG}"))]
pub(super) struct Fit {
    /// Table of predictions and labels; - is standard input
    pub table: PathBuf,
    /// Options from a TOML file; those of the command line override it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A setting of the trainer, such as rank=8 or families.local=false; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", help_heading = "Training")]
    pub assignments: Vec<Assignments>,
    #[command(flatten)]
    pub options: FitOptions,
}

#[derive(Debug, Args)]
pub(super) struct Predict {
    /// Model from `cfe fit --model-out`
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// Table with a column for each classifier of the model, by name; - is standard input
    pub table: PathBuf,
    /// Where to write the predictions (.csv or .tsv, also with .gz)
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub predictions_out: PathBuf,
    #[command(flatten)]
    pub columns: TableColumns,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

#[derive(Debug, Args)]
pub(super) struct Evaluate {
    /// Model from `cfe fit --model-out`
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// Labeled table with a column for each classifier of the model; - is standard input
    pub table: PathBuf,
    #[command(flatten)]
    pub columns: TableColumns,
    /// Print this
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    /// Fail (exit code 1) where the combined average precision of any split is below this
    #[arg(long, value_name = "AP")]
    pub min_average_precision: Option<f64>,
    /// Fail (exit code 1) where the combined expected calibration error of any split is above this
    #[arg(long, value_name = "ECE")]
    pub max_ece: Option<f64>,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

#[derive(Debug, Args)]
#[command(after_help = TUNE_EXAMPLES)]
pub(super) struct Tune {
    /// Table of predictions and labels; - is standard input
    pub table: PathBuf,
    #[command(flatten)]
    pub columns: TableColumns,
    #[command(flatten)]
    pub training: TrainingColumns,
    /// The trainer whose settings are searched, als or torch [default: als, and the recommended combiner may win]
    #[arg(long, value_enum, help_heading = "Search")]
    pub trainer: Option<TrainerName>,
    /// A setting that every trial has and none searches; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", help_heading = "Search")]
    pub assignments: Vec<Assignments>,
    /// What is made best, on held-out folds: average_precision or log_loss
    #[arg(long, default_value = "average_precision", help_heading = "Search")]
    pub metric: Metric,
    /// Settings to try [default: 20]
    #[arg(long, value_name = "N", help_heading = "Search")]
    pub trials: Option<usize>,
    /// Folds of the cross-validation [default: 5]
    #[arg(long, value_name = "K", help_heading = "Search")]
    pub folds: Option<usize>,
    /// No trial begins after this time (90s, 5m, 1.5h); the defaults are always tried
    #[arg(long, value_name = "TIME", value_parser = tune::duration, help_heading = "Search")]
    pub time_budget: Option<Duration>,
    /// Seed of folds, draws and start factors
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Search")]
    pub seed: u64,
    /// Threads [default: all cores]; the result is the same for any number
    #[arg(long, value_name = "N", help_heading = "Search")]
    pub threads: Option<usize>,
    /// Write the best settings as a file for `cfe fit --config` (- is standard output)
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub out: Option<PathBuf>,
    /// Keep every trial in this file as it is finished, one JSON object a line
    #[arg(long, value_name = "FILE", help_heading = "Checkpoint")]
    pub checkpoint: Option<PathBuf>,
    /// Trials between two writes of the checkpoint [default: 1]
    #[arg(long, value_name = "K", help_heading = "Checkpoint")]
    pub checkpoint_every: Option<usize>,
    /// Go on with the checkpoint, if there is one, instead of refusing it
    #[arg(long, help_heading = "Checkpoint")]
    pub resume: bool,
    /// Print this to standard output [default: table on a terminal, nothing in a pipe]
    #[arg(long, value_enum, help_heading = "Output")]
    pub format: Option<Format>,
}

#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// Model from `cfe fit --model-out`
    pub model: PathBuf,
    /// Print this
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Print this
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub(super) struct Example {
    /// Folder to write to; made if it is not there
    pub folder: PathBuf,
    /// Write synthetic.csv of so many drawn rows instead, 20 classifiers, 3% positive: to try speed
    #[arg(long, value_name = "N")]
    pub rows: Option<usize>,
}
