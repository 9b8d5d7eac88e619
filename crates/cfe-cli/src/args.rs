//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use cfe_combine::FitError;
use cfe_combine::classes::DecisionRule;
use cfe_combine::judge::ThresholdRule;
use cfe_combine::methods::Method;
use cfe_combine::pipeline::{Assignments, Calibrate, Fallback, Preset, TableColumns, TrainingColumns};
use cfe_combine::saved::check_prevalence;
use cfe_combine::tuning::Metric;
use cfe_io::{Input, Scale};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::duration::duration;
use crate::fields::{object, parsed};

const EXAMPLES: &str = "\
Examples:
  cfe example try                                  write a small real table for first experiments
  cfe fit try/abalone.csv.gz --split-column split --model-out m.safetensors --predictions-out p.csv
  cfe predict --model m.safetensors new.csv --predictions-out new_p.csv
  cfe inspect m.safetensors

Exit codes:
  0    done
  1    a check failed
  2    bad usage: options, settings, outputs that cannot be written
  3    bad data: a table or model file that cannot be used
  4    training failed
  130  interrupted (Ctrl-C)";

const FIT_EXAMPLES: &str = "\
Examples:
  cfe fit p.csv                                    all labeled rows train; cross-validated metrics
  cfe fit p.csv --split-column split --predictions-out out.csv
  cfe fit mine.csv --label-column y --columns 'p_*,!*_old' --threshold cost=1,20 --model-out m
  cfe fit p.csv --dry-run                          how the columns are understood
  cfe fit p.csv --trainer als --set latent_dim=8 --calibrate platt
  cfe fit p.csv --config fit.toml --seed 3         options override the file
  zcat p.csv.gz | cfe fit - --format json

A table has one row for each instance and one column of probabilities for each classifier; empty cells are missing \
predictions, and rows with an empty label are unlabeled. How each column was understood is reported on standard error; \
--dry-run prints only that. Formats are recognized by content; a folder or a pattern such as 'part-*.csv' is read as \
one table.

Predictions: instance_id, probability, logit, n_observed, decision (1 from the threshold on), out_of_fold_probability, \
split and, where given, label; rank by the logit. The probability of a train row comes from the model that was fitted to \
it: judge by out_of_fold_probability, which comes from fits without the row, and by the metrics, which do the same.

Exit codes:
  0    done
  1    refused by --strict
  2    bad usage
  3    bad data
  4    training failed
  130  interrupted (Ctrl-C)";

const PREPARE_EXAMPLES: &str = "\
Examples:
  cfe prepare 'parts/*.parquet' --store store      checks every cell once
  cfe fit store --trainer als --model-out m.safetensors --checkpoint c --resume
  cfe predict --model m.safetensors store --predictions-out parts/

CSV, TSV and Parquet are read in parts of a few MB, so that memory does not grow with the table. The first rows decide \
what the columns mean, as for cfe fit. Ids are kept, and are not compared between parts.";

const TUNE_EXAMPLES: &str = "\
Examples:
  cfe tune p.csv --split-column split --out best.toml
  cfe fit p.csv --config best.toml                 fits what was found
  cfe tune p.csv --trials 60 --checkpoint trials.jsonl --resume --time-budget 10m --out best.toml
  cfe tune p.csv --trainer als --set latent_dim=8 --metric log_loss

The search tries the trainer's defaults, single changes to them, then seeded random draws of latent_dim, lambda, \
objective (label-aware or exact, with rho), label_alpha, focal gamma, class_weight and the aggregator. Each is scored on the same \
folds as the plain mean and the recommended combiner. The labels of a fold are hidden; its predictions stay. The simplest \
trial that the best one does not beat by more than one standard error is chosen; without --trainer, the recommended \
combiner competes and is the simplest.

Exit codes:
  0    done
  2    bad usage
  3    bad data
  4    no trial could be trained
  130  interrupted (Ctrl-C); the checkpoint keeps the finished trials";

const CONFIG: &str = "\
A file for --config holds the same names with underscores, and the trainer's settings in a table:
  split_column = \"split\"
  threshold = \"fbeta=2\"
  [set]
  latent_dim = 12
  families = { local = true }";

/// Combine the probabilities of trained classifiers on imbalanced problems.
///
/// Give it a table with one row for each instance and one column of probabilities for each classifier. It
/// returns a better probability, says how far to trust it, and shows how much weight each classifier gets.
#[derive(Debug, Parser)]
#[command(name = "cfe", version, after_help = EXAMPLES, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub talk: Talk,
}

/// How much is printed on standard error.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Talk {
    /// Print only errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print each step and how long it takes
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Learn to combine the classifiers of a table
    Fit(Box<Fit>),
    /// Write tables that do not fit in memory as a store, which fit and predict take like a table
    Prepare(Prepare),
    /// Combine the classifiers of a new table with a model
    Predict(Predict),
    /// Score a model on a labeled table
    Evaluate(Evaluate),
    /// Search the settings of a trainer by cross-validation
    Tune(Box<Tune>),
    /// Show what is in a model: weights, threshold, origin
    Inspect(Inspect),
    /// Show what this build can do and runs on
    Doctor(Doctor),
    /// Write a small real table for first experiments
    Example(Example),
    /// Explain each method in a line: the trainers, and the simple combiners that results are compared with
    Methods,
    /// Print the manual page, or with a folder write one for each command
    Man {
        /// Folder to write to; made if it does not exist
        folder: Option<PathBuf>,
    },
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// A table for people
    Table,
    /// JSON for programs
    Json,
}

/// One of the names that the library gives, with its description.
fn one_of<T>(names: &'static [(T, &'static str, &'static str)]) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    let values = names.iter().map(|(_, name, description)| PossibleValue::new(name).help(description));
    PossibleValuesParser::new(values).map(move |given| {
        let found = names.iter().find(|(_, name, _)| *name == given);
        found.expect("clap lets only these names pass").0
    })
}

/// One of the methods that a model can be kept of.
fn trainer() -> impl TypedValueParser<Value = Method> {
    let values = Method::TRAINERS.map(|m| PossibleValue::new(m.name()).help(m.description()));
    PossibleValuesParser::new(values)
        .map(|name| name.parse::<Method>().expect("clap lets only names of the registry pass"))
}

/// How a table is understood.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Args)]
#[serde(default)]
pub(crate) struct ColumnArgs {
    /// Column of the ids [default: found by name and content]
    #[arg(long, value_name = "NAME", help_heading = "Table")]
    id_column: Option<String>,
    /// Column of the labels [default: found by name (label, y, target, class, ...) and content]
    #[arg(long, value_name = "NAME", help_heading = "Table")]
    label_column: Option<String>,
    /// Label of the positive class; all others are negative [default: inferred from the values: 1,
    /// true, yes, fraud, ...]
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true, help_heading = "Table")]
    positive_label: Option<String>,
    /// Column of the split [default: found by name]; rows outside the train split are scored and never
    /// learned from
    #[arg(long, value_name = "NAME", help_heading = "Table")]
    split_column: Option<String>,
    /// Column of the weights of the rows (0 or more), which count in training, metrics, threshold and
    /// calibration [default: one named sample_weight]
    #[arg(long, value_name = "NAME", help_heading = "Table")]
    weight_column: Option<String>,
    /// Column of the cost of a wrong decision about a row (0 or more): the threshold, or the decision of more
    /// classes, then minimizes the total cost, and the mean cost is reported
    #[arg(long, value_name = "NAME", help_heading = "Table")]
    cost_column: Option<String>,
    /// Cell that stands for a missing value, such as -999, besides empty ones and those that pandas, R and
    /// Excel write; may be repeated
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true, help_heading = "Table")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<String>,
    /// Unit of the numbers [default: fraction]
    #[arg(long, value_parser = one_of(Scale::ALL), help_heading = "Table")]
    scale: Option<Scale>,
    /// What the cells hold [default: probability]
    #[arg(long, value_parser = one_of(Input::ALL), help_heading = "Table")]
    input: Option<Input>,
    /// Encoding of a text table, such as latin1 or utf-16 [default: UTF-8, or what a byte order mark says]
    #[arg(long, value_name = "NAME", help_heading = "Table")]
    encoding: Option<String>,
    /// Delimiter of a text table: one character, or tab [default: the one that cuts the header]
    #[arg(long, value_name = "CHAR", value_parser = delimiter, help_heading = "Table")]
    delimiter: Option<char>,
    /// Sheet of a workbook [default: the first visible one that holds a table]
    #[arg(long, value_name = "NAME", help_heading = "Table")]
    sheet: Option<String>,
    /// Labels for a table in NPY [default: labels.npy or y.npy beside the table]
    #[arg(long, value_name = "FILE", help_heading = "Table")]
    labels_file: Option<PathBuf>,
    /// Text between classifier and class in column names, for more than two classes [default: a colon, or
    /// what the labels in the names show]
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, help_heading = "Table")]
    class_separator: Option<String>,
}

/// Columns that matter for training alone.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Args)]
#[serde(default)]
pub(crate) struct TrainingArgs {
    /// Value of the split column in rows for training [default: train, or true in a column such as is_train]
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true, help_heading = "Table")]
    train_value: Option<String>,
    /// Column of groups (patients, days) that cross-validation keeps together [default: found by name]
    #[arg(long, value_name = "NAME", help_heading = "Table")]
    group_column: Option<String>,
    /// Column of the folds that the predictions were made in, each value one fold: cross-validation follows
    /// them [default: one named fold or cv_fold]
    #[arg(long, value_name = "NAME", help_heading = "Table")]
    fold_column: Option<String>,
    /// Column of when a row happened, a number or an ISO date: rows are scored by earlier ones, and those of
    /// the first block are not scored
    #[arg(long, value_name = "NAME", help_heading = "Table")]
    time_column: Option<String>,
    /// Columns of the classifiers: names or patterns with * and ?, joined by commas, and ! before those to
    /// leave out, such as 'p_*,!p_old'; may be repeated [default: all columns that hold probabilities and
    /// have no other role]
    #[arg(long, value_name = "NAMES", help_heading = "Table")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<String>,
    /// Columns that are not classifiers: names or patterns, joined by commas; may be repeated
    #[arg(long, value_name = "NAMES", help_heading = "Table")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exclude: Vec<String>,
}

/// One character, or the word for one that is hard to type.
fn delimiter(text: &str) -> Result<char, String> {
    let mut characters = text.chars();
    match (text, characters.next(), characters.next()) {
        ("tab" | "\\t", ..) => Ok('\t'),
        ("space", ..) => Ok(' '),
        (_, Some(one), None) => Ok(one),
        _ => Err("give one character, or tab or space".to_owned()),
    }
}

/// A number from 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    let value = text.trim().parse::<f64>().ok().filter(|value| (0.0..=1.0).contains(value));
    value.ok_or_else(|| "give a number from 0 to 1".to_owned())
}

/// Options of a fit, from the command line or, under the same names, from a TOML file.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Args)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FitArgs {
    #[command(flatten)]
    #[serde(flatten)]
    columns: ColumnArgs,
    #[command(flatten)]
    #[serde(flatten)]
    training: TrainingArgs,
    /// Which trainer finds the model [default: by the preset]
    #[arg(long, value_parser = trainer(), help_heading = "Training")]
    trainer: Option<Method>,
    /// Named settings [default: recommended]
    #[arg(long, value_parser = one_of(Preset::ALL), help_heading = "Training")]
    preset: Option<Preset>,
    /// Seed of everything random [default: 0]
    #[arg(long, value_name = "N", help_heading = "Training")]
    seed: Option<u64>,
    /// Number of folds of the cross-validation that scores the train rows [default: 5]
    #[arg(long, value_name = "K", help_heading = "Training")]
    folds: Option<usize>,
    /// Save the progress of training in this file, so that an interrupted fit can be resumed (als, torch)
    #[arg(long, value_name = "FILE", help_heading = "Checkpoint")]
    checkpoint: Option<PathBuf>,
    /// Iterations between two writes of the checkpoint [default: 10]
    #[arg(long, value_name = "K", help_heading = "Checkpoint")]
    checkpoint_every: Option<usize>,
    /// Map from logit to probability, fitted on out-of-fold logits [default: none: the trainer recommended is
    /// calibrated already, and the others have their class weights undone]
    #[arg(long, value_parser = one_of(Calibrate::ALL), help_heading = "Decision")]
    calibrate: Option<Calibrate>,
    #[arg(long, value_name = "RULE", help_heading = "Decision", help = threshold_help())]
    threshold: Option<ThresholdRule>,
    #[arg(long, value_name = "RULE", help_heading = "Decision", help = decision_help())]
    decision: Option<DecisionRule>,
    /// Model to save instead if the fitted one is more likely to rank other rows worse than the plain mean
    /// [default: none]
    #[arg(long, value_parser = one_of(Fallback::ALL), help_heading = "Decision")]
    fallback: Option<Fallback>,
    /// Share of positives among the rows that are not learned from, if it differs from that of the train
    /// rows: corrects their probabilities (Saerens et al., 2002)
    #[arg(long, value_name = "SHARE", help_heading = "Decision")]
    prevalence: Option<f64>,

    /// Save the model to this file (safetensors)
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    model_out: Option<PathBuf>,
    /// Write predictions of every row (.csv or .tsv, also with .gz, .parquet or .arrow; - is standard output)
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    predictions_out: Option<PathBuf>,
    /// Write a report for people: one HTML file that loads nothing else
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    report_out: Option<PathBuf>,
    /// Write the metrics as JSON (- is standard output)
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    metrics_out: Option<PathBuf>,
    /// Format of standard output [default: table on a terminal and where no output is named]
    #[arg(long, value_enum, help_heading = "Output")]
    format: Option<Format>,
    /// Number of threads [default: 0, one per core]; the result is the same for any number
    #[arg(long, value_name = "N", help_heading = "Training")]
    threads: Option<usize>,
    /// Compute with this instruction set, to get the same bits as machines without a better one: scalar,
    /// 16-byte, x86-64-v3 or x86-64-v4 [default: the best one]
    #[arg(long, value_name = "NAME", help_heading = "Training")]
    instruction_set: Option<String>,
    /// Settings of the trainer; on the command line `--set KEY=VALUE`.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Assignments::is_empty")]
    set: Assignments,
}

fn decision_help() -> String {
    format!("For more than two classes, the decision rule: {} [default: largest]", DecisionRule::FORMS)
}

fn threshold_help() -> String {
    format!(
        "Rule that chooses the threshold on out-of-fold predictions: {} [default: f1]",
        ThresholdRule::FORMS
    )
}

impl FitArgs {
    /// Refuses a share of positives that no rows of both classes have. Asked for before the options are
    /// merged, which takes NaN for an option that was not given.
    pub(crate) fn check_prevalence(&self) -> Result<(), FitError> {
        self.prevalence.map_or(Ok(()), check_prevalence)
    }
}

impl ColumnArgs {
    pub(crate) fn options(&self) -> TableColumns {
        parsed(object(self))
    }
}

impl TrainingArgs {
    pub(crate) fn options(&self) -> TrainingColumns {
        parsed(object(self))
    }
}

#[derive(Debug, Args)]
#[command(after_help = FIT_EXAMPLES, after_long_help = format!("{FIT_EXAMPLES}\n\n{CONFIG}"))]
pub(crate) struct Fit {
    /// Table of predictions and labels; - is standard input
    pub table: PathBuf,
    /// Options from a TOML file; those of the command line override it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print how the columns are understood, and stop
    #[arg(long, help_heading = "Table")]
    pub dry_run: bool,
    /// A setting of the trainer, such as latent_dim=8 or families.local=true; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", help_heading = "Training")]
    pub assignments: Vec<Assignments>,
    /// Refuse a table (exit code 1) whose results cannot be trusted: leaks, in-sample predictions,
    /// swapped classes
    #[arg(long, help_heading = "Table")]
    pub strict: bool,
    /// Resume from the checkpoint if the file exists; the result is identical to an uninterrupted fit
    #[arg(long, help_heading = "Checkpoint")]
    pub resume: bool,
    #[command(flatten)]
    pub options: FitArgs,
}

/// Number format of the cells of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StoreDtype {
    /// 4 bytes a cell, rounded to 7 digits
    F32,
    /// 8 bytes a cell, as given
    F64,
}

#[derive(Debug, Args)]
#[command(after_help = PREPARE_EXAMPLES)]
pub(crate) struct Prepare {
    /// Tables of predictions: files, folders of parts, or patterns; they are joined into one table
    #[arg(required = true, value_name = "TABLES")]
    pub tables: Vec<PathBuf>,
    /// Folder for the store: new or empty
    #[arg(long, value_name = "FOLDER")]
    pub store: PathBuf,
    /// Number format of the cells
    #[arg(long, value_enum, default_value = "f32")]
    pub dtype: StoreDtype,
    #[command(flatten)]
    pub columns: ColumnArgs,
    #[command(flatten)]
    pub training: TrainingArgs,
    /// Number of threads [default: 0, one per core]; the result is the same for any number
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct Predict {
    /// Model from `cfe fit --model-out`
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// Table with a column for each classifier of the model, by name; - is standard input
    pub table: PathBuf,
    /// Where to write the predictions (.csv or .tsv, also with .gz, .parquet or .arrow; - is standard output)
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub predictions_out: PathBuf,
    /// Share of positives among these rows, if it differs from that of the train rows: corrects the
    /// probabilities (Saerens et al., 2002)
    #[arg(long, value_name = "SHARE")]
    pub prevalence: Option<f64>,
    #[command(flatten)]
    pub columns: ColumnArgs,
    /// Number of threads [default: 0, one per core]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct Evaluate {
    /// Model from `cfe fit --model-out`
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// Labeled table with a column for each classifier of the model; - is standard input
    pub table: PathBuf,
    #[command(flatten)]
    pub columns: ColumnArgs,
    /// Format of standard output
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    /// Write a report for people: one HTML file that loads nothing else
    #[arg(long, value_name = "FILE")]
    pub report_out: Option<PathBuf>,
    /// Fail (exit code 1) where the combined average precision of any split is below this
    #[arg(long, value_name = "AP", value_parser = share, allow_negative_numbers = true)]
    pub min_average_precision: Option<f64>,
    /// Fail (exit code 1) where the combined expected calibration error of any split is above this
    #[arg(long, value_name = "ECE", value_parser = share, allow_negative_numbers = true)]
    pub max_ece: Option<f64>,
    /// Number of threads [default: 0, one per core]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

#[derive(Debug, Args)]
#[command(after_help = TUNE_EXAMPLES)]
pub(crate) struct Tune {
    /// Table of predictions and labels; - is standard input
    pub table: PathBuf,
    #[command(flatten)]
    pub columns: ColumnArgs,
    #[command(flatten)]
    pub training: TrainingArgs,
    /// The trainer whose settings are searched, als or torch [default: als, and the recommended combiner may
    /// win]
    #[arg(long, value_parser = trainer(), help_heading = "Search")]
    pub trainer: Option<Method>,
    /// A setting that every trial has and none searches; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", help_heading = "Search")]
    pub assignments: Vec<Assignments>,
    /// Metric to optimize on held-out folds
    #[arg(long, value_parser = one_of(Metric::ALL), default_value = Metric::default().name(), help_heading = "Search")]
    pub metric: Metric,
    /// Settings to try [default: 20]
    #[arg(long, value_name = "N", help_heading = "Search")]
    pub trials: Option<usize>,
    /// Folds of the cross-validation [default: 5]
    #[arg(long, value_name = "K", help_heading = "Search")]
    pub folds: Option<usize>,
    /// No trial begins after this time (90s, 5m, 1.5h); the defaults are always tried
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Search")]
    pub time_budget: Option<Duration>,
    /// Seed of folds, draws and start factors
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Search")]
    pub seed: u64,
    /// Number of threads [default: 0, one per core]; the result is the same for any number
    #[arg(long, value_name = "N", help_heading = "Search")]
    pub threads: Option<usize>,
    /// Write the best settings as a file for `cfe fit --config` (- is standard output)
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub out: Option<PathBuf>,
    /// Write a report for people: one HTML file that loads nothing else
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub report_out: Option<PathBuf>,
    /// Keep every trial in this file as it is finished, one JSON object a line
    #[arg(long, value_name = "FILE", help_heading = "Checkpoint")]
    pub checkpoint: Option<PathBuf>,
    /// Trials between two writes of the checkpoint [default: 1]
    #[arg(long, value_name = "K", help_heading = "Checkpoint")]
    pub checkpoint_every: Option<usize>,
    /// Resume from the checkpoint if the file exists
    #[arg(long, help_heading = "Checkpoint")]
    pub resume: bool,
    /// Format of standard output [default: table on a terminal and where no output is named]
    #[arg(long, value_enum, help_heading = "Output")]
    pub format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Model from `cfe fit --model-out`
    pub model: PathBuf,
    /// Format of standard output
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Format of standard output
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Example {
    /// Folder to write to; made if it does not exist
    pub folder: PathBuf,
    /// Write synthetic.csv with this many random rows instead (20 classifiers, 3% positive), to test speed
    #[arg(long, value_name = "N")]
    pub rows: Option<usize>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn paragraphs_of_help_are_one_line_that_the_terminal_wraps() {
        let cfe = Cli::command();
        for command in std::iter::once(&cfe).chain(cfe.get_subcommands()) {
            let texts = [command.get_after_help(), command.get_after_long_help()];
            for text in texts.into_iter().flatten().map(ToString::to_string) {
                let is_prose = |line: &str| !line.is_empty() && !line.starts_with(' ');
                let lines: Vec<&str> = text.lines().collect();
                for pair in lines.windows(2) {
                    let is_wrapped = is_prose(pair[0]) && is_prose(pair[1]);
                    assert!(!is_wrapped, "{}: {:?} is wrapped by hand", command.get_name(), pair[0]);
                }
            }
        }
    }
}
