//! What a fit can be told: one set of names for the command line, TOML files and Rust.

use std::path::PathBuf;

use cfe_core::calibration::CalibrationMethod;
use cfe_io::TableOptions;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::error::{CliError, CliResult};
use super::settings::Assignments;
use super::threshold::ThresholdRule;

/// How a model is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TrainerName {
    /// Posterior average of aggregators on factors; the default.
    Recommended,
    /// Alternating least squares, class-weighted.
    Als,
    /// Joint training on libtorch, class-weighted; needs a build with the feature `torch`.
    Torch,
}

impl std::fmt::Display for TrainerName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            TrainerName::Recommended => "recommended",
            TrainerName::Als => "als",
            TrainerName::Torch => "torch",
        })
    }
}

/// A set of settings with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Preset {
    /// The trainer `recommended` as it comes.
    Recommended,
    /// CF-Ensemble as published: the trainer `als`, or `torch` if that is asked for.
    Published,
}

/// How logits become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Calibrate {
    /// As they are, the class weights undone.
    #[default]
    None,
    /// Slope and intercept; from about 20 positives.
    Platt,
    /// Any non-decreasing function; from about 200 positives.
    Isotonic,
    /// A factor.
    Temperature,
}

impl From<Calibrate> for CalibrationMethod {
    fn from(calibrate: Calibrate) -> Self {
        match calibrate {
            Calibrate::None => CalibrationMethod::None,
            Calibrate::Platt => CalibrationMethod::Platt,
            Calibrate::Isotonic => CalibrationMethod::Isotonic,
            Calibrate::Temperature => CalibrationMethod::Temperature,
        }
    }
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A table for people.
    Table,
    /// JSON for programs.
    Json,
}

/// Everything a fit can be told; what is left out has its default.
///
/// On the command line a field is an option of the same name with hyphens (`--split-column`), in a TOML file a key
/// (`split_column = "split"`). Unknown keys are refused.
///
/// ```
/// use cf_ensemble::cli::FitOptions;
///
/// let options = FitOptions::from_toml("fit.toml", "split_column = \"split\"\n[set]\nrank = 8\n")?;
/// assert_eq!(options.table.split_column.as_deref(), Some("split"));
/// let error = FitOptions::from_toml("fit.toml", "splitcolumn = \"split\"\n").unwrap_err();
/// assert!(error.to_string().contains("unknown field `splitcolumn`"));
/// # Ok::<(), cf_ensemble::cli::CliError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, Args)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FitOptions {
    /// What the columns mean.
    #[command(flatten)]
    #[serde(flatten)]
    pub table: TableColumns,
    /// What is learnt from.
    #[command(flatten)]
    #[serde(flatten)]
    pub training: TrainingColumns,

    /// How the model is found [default: by the preset]
    #[arg(long, value_enum, help_heading = "Training")]
    pub trainer: Option<TrainerName>,
    /// Named settings [default: recommended]
    #[arg(long, value_enum, help_heading = "Training")]
    pub preset: Option<Preset>,
    /// Settings of the trainer; on the command line `--set KEY=VALUE`, each a field of its own.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Assignments::is_empty")]
    pub set: Assignments,
    /// Seed of everything random [default: 0]
    #[arg(long, value_name = "N", help_heading = "Training")]
    pub seed: Option<u64>,
    /// Folds of the cross-validation that scores the train rows [default: 5]
    #[arg(long, value_name = "K", help_heading = "Training")]
    pub folds: Option<usize>,
    /// Threads [default: all cores]; the result is the same for any number
    #[arg(long, value_name = "N", help_heading = "Training")]
    pub threads: Option<usize>,

    /// Keep how far training is in this file, to go on from after a kill (trainers als and torch)
    #[arg(long, value_name = "FILE", help_heading = "Checkpoint")]
    pub checkpoint: Option<PathBuf>,
    /// Iterations between two writes of the checkpoint [default: 10]
    #[arg(long, value_name = "K", help_heading = "Checkpoint")]
    pub checkpoint_every: Option<usize>,
    /// Go on with the checkpoint, if there is one, to the same result as an unbroken run
    #[arg(long, help_heading = "Checkpoint")]
    #[serde(skip)]
    pub resume: bool,

    /// Map from logit to probability, fitted on held-out folds [default: none, which is calibrated already for the
    /// trainer recommended, and undoes the class weights for the others]
    #[arg(long, value_enum, help_heading = "Decision")]
    pub calibrate: Option<Calibrate>,
    /// Where to cut, by cross-validated train rows: f1, fbeta=B, mcc, cost=FP,FN or precision-at-recall=R
    /// [default: f1]
    #[arg(long, value_name = "RULE", help_heading = "Decision")]
    pub threshold: Option<ThresholdRule>,

    /// Keep the model in this file (safetensors)
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub model_out: Option<PathBuf>,
    /// Write predictions of every row (.csv or .tsv, also with .gz; - is standard output)
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub predictions_out: Option<PathBuf>,
    /// Write a report for people: one HTML file without anything to load
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub report_out: Option<PathBuf>,
    /// Write the metrics as JSON (- is standard output)
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub metrics_out: Option<PathBuf>,
    /// Print this to standard output [default: table on a terminal, nothing in a pipe]
    #[arg(long, value_enum, help_heading = "Output")]
    pub format: Option<Format>,
}

impl FitOptions {
    /// Reads a TOML file's text; `file` stands for it in messages.
    ///
    /// # Errors
    /// [`CliError::Config`].
    pub fn from_toml(file: &str, text: &str) -> CliResult<Self> {
        toml::from_str(text).map_err(|e| CliError::Config {
            file: file.to_owned(),
            message: e.to_string().trim_end().to_owned(),
        })
    }

    /// These options as a TOML file's text, which [`from_toml`](Self::from_toml) reads.
    ///
    /// # Errors
    /// [`CliError::Usage`] for what TOML cannot hold: `null` among the settings, a seed above 2^63.
    pub fn to_toml(&self) -> CliResult<String> {
        toml::to_string(self).map_err(|e| {
            CliError::usage(format!("these options cannot be written as TOML ({e}); change them"))
        })
    }

    /// How the table is to be read.
    ///
    /// # Errors
    /// [`CliError::Usage`] for a delimiter that is no ASCII character.
    pub fn table_options(&self) -> CliResult<TableOptions> {
        self.training.table_options(&self.table)
    }
}

/// What the columns of a table mean.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, Args)]
#[serde(default)]
#[non_exhaustive]
pub struct TableColumns {
    /// Column of the ids [default: instance_id, if there is one]
    #[arg(long, value_name = "NAME", help_heading = "Table")]
    pub id_column: Option<String>,
    /// Column of the labels, 0, 1 or empty [default: label, if there is one]
    #[arg(long, value_name = "NAME", help_heading = "Table")]
    pub label_column: Option<String>,
    /// Column of the split [default: none]; rows outside the train split are scored and never learnt from
    #[arg(long, value_name = "NAME", help_heading = "Table")]
    pub split_column: Option<String>,
    /// Delimiter of a text table [default: what cuts the header]
    #[arg(long, value_name = "CHAR", help_heading = "Table")]
    pub delimiter: Option<char>,
    /// Labels for a table in NPY [default: labels.npy beside it]
    #[arg(long, value_name = "FILE", help_heading = "Table")]
    pub labels_file: Option<PathBuf>,
}

impl TableColumns {
    /// How a table is to be read, all of it for training.
    ///
    /// # Errors
    /// [`CliError::Usage`] for a delimiter that is no ASCII character.
    pub fn table_options(&self) -> CliResult<TableOptions> {
        let mut options = TableOptions::default();
        options.id_column.clone_from(&self.id_column);
        options.label_column.clone_from(&self.label_column);
        options.split_column.clone_from(&self.split_column);
        options.delimiter = self.delimiter.map(delimiter).transpose()?;
        options.labels_file.clone_from(&self.labels_file);
        Ok(options)
    }
}

/// What of a table is learnt from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, Args)]
#[serde(default)]
#[non_exhaustive]
pub struct TrainingColumns {
    /// Value of the split column in rows for training [default: train]
    #[arg(long, value_name = "VALUE", help_heading = "Table")]
    pub train_value: Option<String>,
    /// Column of groups (patients, days) that cross-validation keeps together
    #[arg(long, value_name = "NAME", help_heading = "Table")]
    pub group_column: Option<String>,
    /// Columns of the classifiers, as names or patterns with * and ? [default: all that mean nothing else]
    #[arg(long, value_name = "GLOB", num_args = 1.., help_heading = "Table")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
}

impl TrainingColumns {
    /// How the table with these columns is to be read.
    ///
    /// # Errors
    /// As [`TableColumns::table_options`].
    pub fn table_options(&self, table: &TableColumns) -> CliResult<TableOptions> {
        let mut options = table.table_options()?;
        if let Some(value) = &self.train_value {
            options.train_value.clone_from(value);
        }
        options.group_column.clone_from(&self.group_column);
        options.columns.clone_from(&self.columns);
        Ok(options)
    }
}

fn delimiter(c: char) -> CliResult<u8> {
    let ascii = u8::try_from(c).ok().filter(u8::is_ascii);
    ascii.ok_or_else(|| CliError::usage(format!("--delimiter {c:?}: give one ASCII character")))
}
