//! The table once it is read and checked.

use cfe_core::{EnsembleData, Error};
use ndarray::{Array2, Axis};

use crate::contents::read_opened;
use crate::folder;
use crate::options::TableOptions;
use crate::parts::Parts;
use crate::source::Source;
use crate::table_error::{TableError, TableResult, list, missing_classifiers};
use crate::taken::{PassedOver, Taken};
use crate::warning::{self, TableWarning};

/// A table of predictions.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Table {
    /// Name of the file, for messages.
    pub file: String,
    /// The probabilities (m x n, **rows are classifiers**) with the labels that training may see: those of
    /// the train split. Weights of rows are its sample weights.
    pub data: EnsembleData,
    /// Labels as given (n), those outside the train split too.
    pub truth: Vec<Option<bool>>,
    /// Whether a row belongs to the train split (n).
    pub in_train: Vec<bool>,
    /// The split column (n), if one was named.
    pub split: Option<Vec<String>>,
    /// The group column (n), if one was named.
    pub groups: Option<Vec<String>>,
    /// The fold column (n): which fold of a cross-validation each row was held out in.
    pub folds: Option<Vec<String>>,
    /// When each row happened (n), in order and without a unit; NaN for rows that are not learned from and do
    /// not say.
    pub times: Option<Vec<f64>>,
    /// What a wrong decision about each row costs (n); 0 for rows without a label that do not say.
    pub costs: Option<Vec<f64>>,
    /// What is odd but no reason to stop.
    pub warnings: Vec<TableWarning>,
    /// What was taken for what; a program shows it.
    pub taken: Taken,
}

/// Reads a table; its format is told by its content.
///
/// Rows outside the train split are unlabeled in [`Table::data`]; their labels are in [`Table::truth`] alone.
/// Memory stays at about the matrix (8 bytes a cell), the ids and a few blocks of 1 MiB.
///
/// ```
/// use cfe_io::{Source, TableOptions, read_table};
///
/// let csv = "instance_id,label,forest,svm\na,1,0.9,0.7\nb,0,0.2,\nc,,0.4,0.6\n";
/// let table = read_table(Source::bytes("inline", csv.into()), &TableOptions::default())?;
/// assert_eq!(table.data.classifier_names(), ["forest", "svm"]);
/// assert_eq!(table.truth, [Some(true), Some(false), None]);
/// assert_eq!(table.data.n_missing(), 1);
///
/// let wrong = "instance_id,label,forest\na,1,0.9\nb,0,1.2\nc,0,0.4\n";
/// let error = read_table(Source::bytes("wrong.csv", wrong.into()), &TableOptions::default()).unwrap_err();
/// assert!(error.to_string().starts_with("wrong.csv, line 3, column \"forest\": 1.2 is not a probability"));
/// # Ok::<(), cfe_io::TableError>(())
/// ```
///
/// # Errors
/// [`TableError`], one variant for each cause.
pub fn read_table(source: Source, options: &TableOptions) -> TableResult<Table> {
    read_parts(source, options)?.assemble(options)
}

/// Reads the columns of a table; what they mean together is for the caller to say.
pub(crate) fn read_parts(source: Source, options: &TableOptions) -> TableResult<Parts> {
    let name = source.name();
    let parts = match &source {
        Source::Path(path) => folder::parts(path)?,
        Source::Parts(paths) => Some(paths.clone()),
        _ => None,
    };
    match parts {
        Some(files) => folder::read(name, &files, options),
        None => read_opened(source.open()?, options),
    }
}

/// Reads the batches of an Arrow stream as a table; `name` stands for the file in messages. Columns mean what
/// they mean in [`read_table`].
///
/// # Errors
/// [`TableError`], one variant for each cause.
#[cfg(feature = "parquet")]
pub fn read_batches(
    name: &str,
    batches: impl arrow_array::RecordBatchReader,
    options: &TableOptions,
) -> TableResult<Table> {
    crate::columnar::read_stream(name, batches, options)?.assemble(options)
}

impl Table {
    /// A table of data that come from no file; `name` stands for the file in messages. Every row belongs to
    /// the train split. `groups` (n) keep rows together in cross-validation.
    ///
    /// # Errors
    /// [`TableError::Data`] for another number of groups than instances.
    pub fn from_data(name: &str, data: EnsembleData, groups: Option<Vec<String>>) -> TableResult<Self> {
        let (expected, file) = (data.n_instances(), name.to_owned());
        if let Some(found) = groups.as_ref().map(Vec::len).filter(|&found| found != expected) {
            let source = Error::LengthMismatch { what: "groups", found, expected };
            return Err(TableError::Data { file, source });
        }
        let truth = data.labels().to_vec();
        let warnings = warning::of_columns(&file, data.classifier_names(), data.predictions());
        let taken = Taken { classifiers: data.classifier_names().to_vec(), ..Taken::default() };
        Ok(Self {
            file,
            data,
            truth,
            in_train: vec![true; expected],
            split: None,
            groups,
            folds: None,
            times: None,
            costs: None,
            warnings,
            taken,
        })
    }

    /// Whether each row (n) is scored as one outside the train split: those that the split column gives
    /// another name, and where none of these is labeled, those that it leaves without one.
    // Rows without a name in the split column count only where no row of another split has a label.
    pub fn held_out(&self) -> Vec<bool> {
        let named = |i: usize| self.split.as_ref().is_none_or(|split| !split[i].trim().is_empty());
        let outside = |i: &usize| !self.in_train[*i];
        let rows = || 0..self.in_train.len();
        let any = rows().filter(outside).any(|i| named(i) && self.truth[i].is_some());
        rows().map(|i| outside(&i) && (!any || named(i))).collect()
    }

    /// (negatives, positives) that training would see, both more than 0.
    ///
    /// # Errors
    /// [`TableError::NoLabelColumn`], [`TableError::NoTrainRow`], [`TableError::NoLabeledRow`],
    /// [`TableError::OneClass`].
    pub fn require_labels(&self) -> TableResult<(usize, usize)> {
        let file = || self.file.clone();
        // The cause that lies deepest is told: no column, no train row, no label, one class.
        match self.data.class_counts() {
            (0, 0) if self.taken.label.is_none() => Err(TableError::NoLabelColumn {
                file: file(),
                candidates: match &self.taken.candidates[..] {
                    [] => String::new(),
                    few => format!(", but these have two values: {}", few.join("; ")),
                },
                remedy: match self.file.to_ascii_lowercase().ends_with(".npy") {
                    true => "give --labels-file, or put labels.npy beside the file",
                    false => "name their column with --label-column",
                },
                available: list(&self.taken.columns()),
            }),
            (0, 0) if !self.in_train.contains(&true) => Err(TableError::NoTrainRow {
                file: file(),
                column: self.taken.roles.split.clone().unwrap_or_default(),
                found: list(&warning::some_values(self.split.as_deref().unwrap_or_default())),
            }),
            (0, 0) => Err(TableError::NoLabeledRow {
                file: file(),
                rows: self.in_train.len(),
                in_train: self.in_train.iter().filter(|&&train| train).count(),
            }),
            (count, 0) => Err(TableError::OneClass { file: file(), class: 0, count }),
            (0, count) => Err(TableError::OneClass { file: file(), class: 1, count }),
            counts => Ok(counts),
        }
    }

    /// The table with exactly the classifiers `names`, in that order, as a model needs it; others are left
    /// out with a warning. [`TableOptions::classifiers`] does the same while reading, and so takes tables
    /// whose other columns hold no probabilities.
    ///
    /// # Errors
    /// [`TableError::MissingClassifier`], [`TableError::NothingObserved`].
    pub fn align(mut self, names: &[String]) -> TableResult<Self> {
        let present = self.data.classifier_names();
        if present == names {
            return Ok(self);
        }
        // Every missing classifier is named at once.
        let missing: Vec<&String> = names.iter().filter(|name| !present.contains(name)).collect();
        if !missing.is_empty() {
            return Err(missing_classifiers(&self.file, &missing, present));
        }
        let find = |name: &String| present.iter().position(|p| p == name);
        let index: Vec<usize> = names.iter().filter_map(find).collect();
        let extra: Vec<String> = present.iter().filter(|p| !names.contains(p)).cloned().collect();
        let matrix = self.data.predictions().select(Axis(0), &index);
        let ids = self.data.instance_ids().map(<[String]>::to_vec);
        let weights = self.data.sample_weights().map(<[f64]>::to_vec);
        // Built anew and so checked again: the classifiers left may have no prediction at all.
        let data = build(&self.file, matrix, names.to_vec(), self.data.labels().to_vec())?;
        let failed = |source| TableError::Data { file: self.file.clone(), source };
        let data = match ids {
            None => data,
            Some(ids) => data.with_instance_ids(ids).map_err(failed)?,
        };
        self.data = match weights {
            None => data,
            Some(weights) => data.with_sample_weights(weights).map_err(failed)?,
        };
        self.taken.classifiers = names.to_vec();
        self.taken.passed_over.extend(extra.iter().map(|name| PassedOver::new(name, "not of the model")));
        // Warnings about columns that are gone go with them.
        self.warnings.retain(|w| w.column().is_none_or(|c| names.iter().any(|name| name == c)));
        if !extra.is_empty() {
            self.warnings.push(TableWarning::ExtraColumns { file: self.file.clone(), columns: extra });
        }
        Ok(self)
    }
}

/// Checked data; the file stands in front of what is refused.
pub(crate) fn build(
    file: &str,
    matrix: Array2<f64>,
    names: Vec<String>,
    labels: Vec<Option<bool>>,
) -> TableResult<EnsembleData> {
    let failed = |source| match source {
        Error::NothingObserved => TableError::NothingObserved { file: file.to_owned() },
        source => TableError::Data { file: file.to_owned(), source },
    };
    EnsembleData::new(matrix, labels).and_then(|d| d.with_classifier_names(names)).map_err(failed)
}
