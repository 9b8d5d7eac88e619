//! The table once it is read and checked.

use cfe_core::{EnsembleData, Error};
use ndarray::{Array2, Axis};

use crate::options::{Layout, TableOptions};
pub(crate) use crate::rows::RowNumbers;
use crate::source::{Format, Source};
use crate::table_error::{Place, TableError, TableResult, list, shorten};
use crate::text;
use crate::warning::{self, TableWarning};

/// A table of predictions.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Table {
    /// Name of the file, for messages.
    pub file: String,
    /// The probabilities (m x n, **rows are classifiers**) with the labels that training may see: those of the train
    /// split.
    pub data: EnsembleData,
    /// Labels as given (n), those outside the train split too.
    pub truth: Vec<Option<bool>>,
    /// Whether a row belongs to the train split (n).
    pub in_train: Vec<bool>,
    /// The split column (n), if one was named.
    pub split: Option<Vec<String>>,
    /// The group column (n), if one was named.
    pub groups: Option<Vec<String>>,
    /// What is odd but no reason to stop.
    pub warnings: Vec<TableWarning>,
}

/// Reads a table; its format is told by its content.
///
/// Rows outside the train split are unlabeled in [`Table::data`]; their labels are in [`Table::truth`] alone. Memory
/// stays at about the matrix (8 bytes a cell), the ids and a few blocks of 1 MiB.
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
/// let wrong = "instance_id,label,forest\na,1,0.9\nb,0,1.2\n";
/// let error = read_table(Source::bytes("wrong.csv", wrong.into()), &TableOptions::default()).unwrap_err();
/// assert!(error.to_string().starts_with("wrong.csv, line 3, column \"forest\": 1.2 is not a probability"));
/// # Ok::<(), cfe_io::TableError>(())
/// ```
///
/// # Errors
/// [`TableError`], one variant for each cause.
pub fn read_table(source: Source, options: &TableOptions) -> TableResult<Table> {
    let opened = source.open()?;
    let file = opened.file.clone();
    let parts = match opened.format {
        Format::Text => {
            let length = opened.len();
            text::read_plain(&file, opened.stream(), length, options)
        }
        Format::Gzip => text::read_gzip(&file, opened.stream(), options),
        Format::Npy => crate::npy_table::read_npy(opened, options),
        Format::Zip => crate::npy_table::read_npz(opened, options),
        #[cfg(feature = "parquet")]
        Format::Parquet | Format::ArrowFile | Format::ArrowStream => crate::columnar::read(opened, options),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => Err(TableError::FeatureMissing { file, format: "Parquet" }),
        #[cfg(not(feature = "parquet"))]
        Format::ArrowFile | Format::ArrowStream => {
            Err(TableError::FeatureMissing { file, format: "Arrow IPC" })
        }
    }?;
    parts.assemble(options)
}

/// Reads the batches of an Arrow stream as a table; `name` stands for the file in messages. Columns mean what they mean
/// in [`read_table`].
///
/// # Errors
/// [`TableError`], one variant for each cause.
#[cfg(feature = "parquet")]
pub fn read_batches(
    name: &str,
    batches: impl arrow_array::RecordBatchReader,
    options: &TableOptions,
) -> TableResult<Table> {
    crate::columnar::read_batches(name, batches, options)?.assemble(options)
}

impl Table {
    /// A table of data that come from no file; `name` stands for the file in messages. Every row belongs to the train
    /// split. `groups` (n) keep rows together in cross-validation.
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
        Ok(Self { file, data, truth, in_train: vec![true; expected], split: None, groups, warnings })
    }

    /// (negatives, positives) that training would see, both more than 0.
    ///
    /// # Errors
    /// [`TableError::NoLabeledRow`], [`TableError::OneClass`].
    pub fn require_labels(&self) -> TableResult<(usize, usize)> {
        let file = || self.file.clone();
        match self.data.class_counts() {
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

    /// The table with exactly the classifiers `names`, in that order, as a model needs it; others are left out with a
    /// warning. [`TableOptions::classifiers`] does the same while reading, and so takes tables whose other columns
    /// hold no probabilities.
    ///
    /// # Errors
    /// [`TableError::MissingClassifier`], [`TableError::NothingObserved`].
    pub fn align(mut self, names: &[String]) -> TableResult<Self> {
        let present = self.data.classifier_names();
        if present == names {
            return Ok(self);
        }
        let find = |name: &String| {
            present.iter().position(|p| p == name).ok_or_else(|| TableError::MissingClassifier {
                file: self.file.clone(),
                column: name.clone(),
                available: list(present),
            })
        };
        let index = names.iter().map(find).collect::<TableResult<Vec<_>>>()?;
        let extra: Vec<String> = present.iter().filter(|p| !names.contains(p)).cloned().collect();
        let matrix = self.data.predictions().select(Axis(0), &index);
        let ids = self.data.instance_ids().map(<[String]>::to_vec);
        let data = build(&self.file, matrix, names.to_vec(), self.data.labels().to_vec())?;
        self.data = match ids {
            None => data,
            Some(ids) => data
                .with_instance_ids(ids)
                .map_err(|source| TableError::Data { file: self.file.clone(), source })?,
        };
        self.warnings.retain(|w| w.column().is_none_or(|c| names.iter().any(|name| name == c)));
        if !extra.is_empty() {
            self.warnings.push(TableWarning::ExtraColumns { file: self.file.clone(), columns: extra });
        }
        Ok(self)
    }
}

fn build(
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

/// What a format's reader delivers.
pub(crate) struct Parts {
    pub file: String,
    pub names: Vec<String>,
    pub matrix: Array2<f64>,
    pub truth: Vec<Option<bool>>,
    /// Name of the id column.
    pub id_column: String,
    pub ids: Option<Vec<String>>,
    pub split: Option<Vec<String>>,
    pub groups: Option<Vec<String>>,
    pub extra: Vec<String>,
    pub rows: RowNumbers,
}

impl Parts {
    pub fn new(file: &str, header: &[String], layout: &Layout) -> Self {
        Self {
            file: file.to_owned(),
            names: layout.names(header),
            matrix: Array2::zeros((0, 0)),
            truth: Vec::new(),
            id_column: layout.id.map_or_else(String::new, |at| header[at].clone()),
            ids: layout.id.map(|_| Vec::new()),
            split: layout.split.map(|_| Vec::new()),
            groups: layout.group.map(|_| Vec::new()),
            extra: layout.extra.clone(),
            rows: RowNumbers::rows(),
        }
    }

    /// Refuses entries outside [0, 1], for formats that hold numbers; NaN is a missing one.
    pub fn check_probabilities(&self) -> TableResult<()> {
        for (u, row) in self.matrix.rows().into_iter().enumerate() {
            if let Some(i) = row.iter().position(|&v| !(v.is_nan() || (0.0..=1.0).contains(&v))) {
                let place = self.place(i, &self.names[u]);
                return Err(TableError::OutOfRange { place, value: row[i].to_string() });
            }
        }
        Ok(())
    }

    /// The cell of row `i` in `column`.
    pub fn place(&self, i: usize, column: &str) -> Place {
        Place { file: self.file.clone(), row: self.rows.row(i), column: column.to_owned() }
    }

    fn assemble(self, options: &TableOptions) -> TableResult<Table> {
        let in_train: Vec<bool> = match &self.split {
            Some(split) => split.iter().map(|value| *value == options.train_value).collect(),
            None => vec![true; self.truth.len()],
        };
        // A row without any prediction has nothing to learn from: its label would only move the share of positives.
        let predicted: Vec<bool> =
            self.matrix.columns().into_iter().map(|c| c.iter().any(|p| !p.is_nan())).collect();
        let labels =
            (0..in_train.len()).map(|i| self.truth[i].filter(|_| in_train[i] && predicted[i])).collect();
        let mut warnings = warning::of_columns(&self.file, &self.names, self.matrix.view());
        let mut groups = self.groups;
        if let Some(groups) = &mut groups {
            warnings.extend(warning::of_groups(&self.file, groups));
            separate_rows_without_group(groups);
        }
        if let Some(split) = &self.split {
            warnings.extend(warning::of_split(&self.file, split, &options.train_value));
        }
        if !self.extra.is_empty() {
            warnings.push(TableWarning::ExtraColumns { file: self.file.clone(), columns: self.extra });
        }
        let data = build(&self.file, self.matrix, self.names, labels)?;
        let data = match self.ids {
            None => data,
            Some(ids) => data.with_instance_ids(ids).map_err(|source| match source {
                Error::DuplicateName { name, first, second, .. } => TableError::DuplicateId {
                    place: Place {
                        file: self.file.clone(),
                        row: self.rows.row(second),
                        column: self.id_column,
                    },
                    value: shorten(name.as_bytes()),
                    first: self.rows.row(first),
                },
                source => TableError::Data { file: self.file.clone(), source },
            })?,
        };
        Ok(Table { data, file: self.file, truth: self.truth, in_train, split: self.split, groups, warnings })
    }
}

/// An empty cell names no group: each such row is a group of its own.
fn separate_rows_without_group(groups: &mut [String]) {
    for (i, group) in groups.iter_mut().enumerate().filter(|(_, group)| group.trim().is_empty()) {
        // No cell holds a line break in front of a number, so the name cannot be that of another group.
        *group = format!("\nrow {i}");
    }
}
