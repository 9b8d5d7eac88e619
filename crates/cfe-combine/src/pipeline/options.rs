//! What a fit can be told: one set of names for Rust, the command line, TOML files and Python.

use std::path::PathBuf;

use cfe_core::calibration::CalibrationMethod;
use cfe_io::{
    ClassTable, ClassesOfModel, Input, Labels, ModelDetails, Remembered, Role, Scale, TableOptions, Taken,
};
use serde::{Deserialize, Serialize};

use super::assignments::Assignments;
use crate::classes::ClassModel;
use crate::error::{FitError, FitResult};
use crate::judge::ThresholdRule;
use crate::methods::{Method, Preset};
use crate::saved::SavedModel;
use crate::saved::provenance::{CLASS_COLUMNS, COLUMNS, FILE};

/// How logits become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Calibrate {
    /// As they are, class weights undone.
    #[default]
    None,
    /// Slope and intercept; from about 20 positives.
    Platt,
    /// Any non-decreasing function; from about 200 positives.
    Isotonic,
    /// A factor.
    Temperature,
}

impl Calibrate {
    /// Every map with its name and a one-line description.
    pub const ALL: &[(Self, &str, &str)] = &[
        (Self::None, "none", "As they are, class weights undone"),
        (Self::Platt, "platt", "Slope and intercept; from about 20 positives"),
        (Self::Isotonic, "isotonic", "Any non-decreasing function; from about 200 positives"),
        (Self::Temperature, "temperature", "A factor"),
    ];
}

/// What takes the place of a model that is not likely to be better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fallback {
    /// The plain mean, its probabilities calibrated by [`Calibrate::Platt`] unless another map is asked for.
    Mean,
}

impl Fallback {
    /// Every fallback with its name and a one-line description.
    pub const ALL: &[(Self, &str, &str)] =
        &[(Self::Mean, "mean", "The plain mean, where the model is more likely worse than better")];
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

/// Everything a fit can be told; what is left out has its default.
///
/// On the command line a field is an option of the same name with hyphens (`--split-column`), in a TOML file
/// a key (`split_column = "split"`). Unknown keys are refused.
///
/// ```
/// use cf_ensemble::FitOptions;
///
/// let options: FitOptions = serde_json::from_str(r#"{"split_column": "split", "set": {"lambda": 0.1}}"#)?;
/// assert_eq!(options.table.split_column.as_deref(), Some("split"));
/// let error = serde_json::from_str::<FitOptions>(r#"{"splitcolumn": "split"}"#).unwrap_err();
/// assert!(error.to_string().contains("unknown field `splitcolumn`"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FitOptions {
    /// What the columns mean.
    #[serde(flatten)]
    pub table: TableColumns,
    /// What is learned from.
    #[serde(flatten)]
    pub training: TrainingColumns,

    /// Which trainer finds the model, one of [`Method::TRAINERS`]; `None`: by the preset.
    pub trainer: Option<Method>,
    /// Named settings; `None`: those of the trainer `recommended`.
    pub preset: Option<Preset>,
    /// Settings of the trainer; on the command line `--set KEY=VALUE`, each a field of its own.
    #[serde(skip_serializing_if = "Assignments::is_empty")]
    pub set: Assignments,
    /// Seed of everything random; `None`: 0.
    pub seed: Option<u64>,
    /// Number of folds of the cross-validation that scores the train rows, at least 2; `None`: 5. With a time
    /// column as many folds are scored, behind a first block of rows that is not.
    pub folds: Option<usize>,
    /// File that keeps the progress of training, so that an interrupted fit can be resumed (`als` and
    /// `torch`).
    pub checkpoint: Option<PathBuf>,
    /// Iterations between two writes of the checkpoint, at least 1; `None`: 10.
    pub checkpoint_every: Option<usize>,
    /// Resume from the checkpoint if the file exists; the result has the same bits as an uninterrupted fit.
    #[serde(skip)]
    pub resume: bool,

    /// Map from logit to probability, fitted on out-of-fold logits. `None`: [`Calibrate::None`], since
    /// `recommended` is calibrated already and the other trainers have their class weights undone.
    pub calibrate: Option<Calibrate>,
    /// What the threshold makes best on out-of-fold predictions; `None`: F1, or with a cost column the least
    /// cost.
    pub threshold: Option<ThresholdRule>,
    /// What the model becomes where the probability of ranking other rows better than the plain mean is below
    /// one half (see [`Chances`](crate::judge::Chances)); `None`: the model stays. Of the trainer
    /// `recommended` alone.
    pub fallback: Option<Fallback>,
}

impl FitOptions {
    /// How the table is to be read.
    ///
    /// # Errors
    /// [`FitError::Options`] for a delimiter that is not an ASCII character.
    pub fn table_options(&self) -> FitResult<TableOptions> {
        let mut options = self.training.table_options(&self.table)?;
        // Who asks for a number of folds wants no others.
        if self.folds.is_some() {
            options.not_guessed.push(Role::Fold);
        }
        Ok(options)
    }
}

/// What the columns of a table mean; `None` is found by usual names.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TableColumns {
    /// Column of the ids.
    pub id_column: Option<String>,
    /// Column of the labels.
    pub label_column: Option<String>,
    /// Value of the label column in rows of the positive class; `None`: told by the values.
    pub positive_label: Option<String>,
    /// Column of the split; rows outside the train split are scored and never learned from.
    pub split_column: Option<String>,
    /// Column of the weights of the rows, finite and at least 0: they count in training, metrics, threshold
    /// and calibration.
    pub weight_column: Option<String>,
    /// Column of what a wrong decision about a row costs, finite and at least 0: the threshold that costs
    /// least and the scores of a model look at it.
    pub cost_column: Option<String>,
    /// Cells that stand for a missing value, besides empty ones and those that pandas, R, SQL and Excel
    /// write.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// What a number stands for; `None`: a fraction from 0 to 1.
    pub scale: Option<Scale>,
    /// What a classifier says; `None`: probabilities.
    pub input: Option<Input>,
    /// Encoding of a text table, by its usual name (latin1, utf-16); `None`: UTF-8, or what a byte order mark
    /// says.
    pub encoding: Option<String>,
    /// Delimiter of a text table; `None`: the one that cuts the header.
    pub delimiter: Option<char>,
    /// Sheet of a workbook; `None`: the first visible one that holds a table.
    pub sheet: Option<String>,
    /// Labels for a table in NPY; `None`: labels.npy beside the table.
    pub labels_file: Option<PathBuf>,
    /// What stands between classifier and class in the names of columns of several classes; `None`: a colon,
    /// or what the labels tell.
    pub class_separator: Option<String>,
}

impl TableColumns {
    /// How a table is to be read, all of it for training.
    ///
    /// # Errors
    /// [`FitError::Options`] for a delimiter that is not an ASCII character.
    pub fn table_options(&self) -> FitResult<TableOptions> {
        let mut options = TableOptions::default();
        options.id_column.clone_from(&self.id_column);
        options.label_column.clone_from(&self.label_column);
        options.positive_label.clone_from(&self.positive_label);
        options.split_column.clone_from(&self.split_column);
        options.weight_column.clone_from(&self.weight_column);
        options.cost_column.clone_from(&self.cost_column);
        options.missing.clone_from(&self.missing);
        options.scale = self.scale.unwrap_or_default();
        options.input = self.input.unwrap_or_default();
        options.encoding.clone_from(&self.encoding);
        options.delimiter = self.delimiter.map(delimiter).transpose()?;
        options.sheet.clone_from(&self.sheet);
        options.labels_file.clone_from(&self.labels_file);
        // An empty text stands between any two letters and would cut every name.
        if self.class_separator.as_deref().is_some_and(|separator| separator.trim().is_empty()) {
            return Err(FitError::options(
                "class_separator stands between classifier and class: give a text, such as _",
            ));
        }
        options.class_separator.clone_from(&self.class_separator);
        Ok(options)
    }

    /// How a table is to be read for a model: its classifiers, and what it remembers of the table it was
    /// trained with where nothing else is said. `labels` says whether the table must have them.
    ///
    /// # Errors
    /// As [`table_options`](Self::table_options).
    pub fn table_options_for(&self, model: &SavedModel, labels: Labels) -> FitResult<TableOptions> {
        let mut options = self.table_options_of(&model.details, labels)?;
        options.classifiers = Some(model.classifier_names().to_vec());
        Ok(options)
    }

    /// As [`table_options_for`](Self::table_options_for), for a model of several classes: its columns are
    /// taken for the same again.
    ///
    /// # Errors
    /// As [`table_options`](Self::table_options).
    pub fn table_options_for_classes(&self, model: &ClassModel, labels: Labels) -> FitResult<TableOptions> {
        let mut options = self.table_options_of(&model.details, labels)?;
        // A model that never saw a table (of a fit through the library) kept no columns.
        let columns = CLASS_COLUMNS.get(&model.details).unwrap_or_default();
        let (classifiers, classes) = (model.classifier_names().to_vec(), model.classes().to_vec());
        options.class_model = Some(ClassesOfModel::new(classifiers, classes, columns));
        Ok(options)
    }

    fn table_options_of(&self, details: &ModelDetails, labels: Labels) -> FitResult<TableOptions> {
        let mut options = self.table_options()?;
        options.labels = labels;
        options.remembered = self.read_cells_as(details, &mut options);
        Ok(options)
    }

    /// Lets `options`, which were made of these, read cells as the table of a model was read, where nothing
    /// is said here. Gives what the model remembers of its table.
    pub fn read_cells_as(&self, details: &ModelDetails, options: &mut TableOptions) -> Remembered {
        // Models of 0.1.0 keep nothing.
        let trained = COLUMNS.get(details).unwrap_or_default();
        // What is said now goes before what the model remembers of the table it was trained with.
        if self.missing.is_empty() {
            options.missing.clone_from(&trained.missing);
        }
        options.scale = self.scale.unwrap_or(trained.scale);
        options.input = self.input.unwrap_or(trained.input);
        trained
    }

    /// What a model remembers of a table that was read with these options.
    pub(crate) fn remembered(&self, taken: &Taken) -> Remembered {
        let mut remembered = Remembered::of(taken);
        remembered.missing.clone_from(&self.missing);
        remembered.scale = self.scale.unwrap_or_default();
        remembered.input = self.input.unwrap_or_default();
        remembered
    }
}

impl ClassModel {
    /// Keeps what the table that it was fitted to was taken for, so that
    /// [`TableColumns::table_options_for_classes`] takes another one for the same.
    pub fn remember_table(&mut self, table: &ClassTable, columns: &TableColumns) {
        FILE.put(&mut self.details, &table.file);
        COLUMNS.put(&mut self.details, &columns.remembered(&table.taken));
        CLASS_COLUMNS.put(&mut self.details, &table.columns);
    }
}

/// What of a table is learned from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TrainingColumns {
    /// Value of the split column in rows for training; `None`: "train".
    pub train_value: Option<String>,
    /// Column of groups (patients, days) that cross-validation keeps together.
    pub group_column: Option<String>,
    /// Column of the folds that the predictions were made in, each value one fold: cross-validation follows
    /// them. Excludes `folds`.
    pub fold_column: Option<String>,
    /// Column of when a row happened, as a number or an ISO 8601 date: rows are scored by earlier ones.
    pub time_column: Option<String>,
    /// Columns of the classifiers, as names or patterns with * and ?, several in one entry with commas, `!`
    /// before those to leave out; empty: all that hold probabilities and mean nothing else.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Columns that are not classifiers, as names or patterns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
}

impl TrainingColumns {
    /// How the table with these columns is to be read.
    ///
    /// # Errors
    /// As [`TableColumns::table_options`].
    pub fn table_options(&self, table: &TableColumns) -> FitResult<TableOptions> {
        let mut options = table.table_options()?;
        if let Some(value) = &self.train_value {
            options.train_value = Some(value.clone());
        }
        options.group_column.clone_from(&self.group_column);
        options.fold_column.clone_from(&self.fold_column);
        options.time_column.clone_from(&self.time_column);
        options.columns.clone_from(&self.columns);
        options.exclude.clone_from(&self.exclude);
        Ok(options)
    }
}

fn delimiter(c: char) -> FitResult<u8> {
    let ascii = u8::try_from(c).ok().filter(u8::is_ascii);
    ascii.ok_or_else(|| FitError::options(format!("--delimiter {c:?}: give one ASCII character")))
}
