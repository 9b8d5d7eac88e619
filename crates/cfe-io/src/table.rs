//! The table once it is read and checked.

use cfe_core::{EnsembleData, Error};
use ndarray::{Array2, Axis};

use crate::folder;
use crate::labels::{self, BadLabels, LabelColumn};
use crate::layout::{Layout, UNKNOWN_HINT};
use crate::options::TableOptions;
use crate::pairs;
use crate::reading::{HAIR, Labels, Reading};
pub(crate) use crate::rows::RowNumbers;
use crate::source::{Format, Opened, Source};
use crate::split;
use crate::table_error::{Place, TableError, TableResult, list, shorten};
use crate::taken::{PassedOver, Taken};
use crate::text;
use crate::unpack;
use crate::warning::{self, TableWarning};

/// A table of predictions.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Table {
    /// Name of the file, for messages.
    pub file: String,
    /// The probabilities (m x n, **rows are classifiers**) with the labels that training may see: those of
    /// the train split.
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
    let name = source.name();
    let parts = match &source {
        Source::Path(path) => folder::parts(path)?,
        Source::Parts(paths) => Some(paths.clone()),
        _ => None,
    };
    let parts = match parts {
        Some(files) => folder::read(name, &files, options)?,
        None => read_opened(source.open()?, options)?,
    };
    parts.assemble(options)
}

/// Reads what one file, stream or packing holds.
pub(crate) fn read_opened(opened: Opened, options: &TableOptions) -> TableResult<Parts> {
    match opened.format {
        Format::Text => {
            let (file, length, error) = (opened.file.clone(), opened.len(), opened.stream_error());
            text::read(&file, opened.stream(), length, options, error)
        }
        Format::Json => crate::json::read(opened, options),
        Format::Gzip | Format::Bzip2 | Format::Xz | Format::Zstd => {
            read_opened(unpack::decompress(opened)?, options)
        }
        Format::Npy => crate::npy_table::read_npy(opened, options),
        Format::Zip => unpack::read_zip(opened, options),
        Format::OldWorkbook => {
            let file = opened.file.clone();
            crate::workbook::read(&file, opened.seekable()?, options)
        }
        #[cfg(feature = "parquet")]
        Format::Parquet | Format::ArrowFile | Format::ArrowStream => crate::columnar::read(opened, options),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => Err(TableError::FeatureMissing { file: opened.file, format: "Parquet" }),
        #[cfg(not(feature = "parquet"))]
        Format::ArrowFile | Format::ArrowStream => {
            Err(TableError::FeatureMissing { file: opened.file, format: "Arrow IPC" })
        }
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
        Ok(Self { file, data, truth, in_train: vec![true; expected], split: None, groups, warnings, taken })
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
                column: self.taken.split.clone().unwrap_or_default(),
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
        // Built anew and so checked again: the classifiers left may have no prediction at all.
        let data = build(&self.file, matrix, names.to_vec(), self.data.labels().to_vec())?;
        self.data = match ids {
            None => data,
            Some(ids) => data
                .with_instance_ids(ids)
                .map_err(|source| TableError::Data { file: self.file.clone(), source })?,
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
    /// The label column as it stands.
    pub labels: Option<LabelColumn>,
    /// The file the labels came from, if it is another one.
    pub labels_from: Option<String>,
    /// The labels once they are understood.
    pub truth: Vec<Option<bool>>,
    pub ids: Option<Vec<String>>,
    pub id_guessed: bool,
    pub split: Option<Vec<String>>,
    pub groups: Option<Vec<String>>,
    /// Which classifier a row of a long table is of.
    pub models: Option<Vec<String>>,
    /// Of a long table: the column of one class that was read, and that of the other.
    pub classes: Option<(String, String)>,
    /// Whether rows of one id are averaged.
    pub average: bool,
    /// Whether the classifiers were named.
    pub chosen: bool,
    pub extra: Vec<String>,
    pub hints: Vec<&'static str>,
    pub rows: RowNumbers,
    pub taken: Taken,
    /// What is odd about the columns.
    pub warnings: Vec<TableWarning>,
}

impl Parts {
    pub(crate) fn new(file: &str, header: &[String], layout: &Layout) -> Self {
        let name = |at: Option<usize>| at.map(|at| header[at].clone());
        let taken = Taken {
            label: name(layout.label),
            id: name(layout.id),
            split: name(layout.split),
            group: name(layout.group),
            passed_over: layout.passed_over.clone(),
            candidates: layout.candidates.clone(),
            ..Taken::default()
        };
        Self {
            file: file.to_owned(),
            names: layout.names(header),
            matrix: Array2::zeros((0, 0)),
            labels: layout.label.map(|_| LabelColumn::default()),
            labels_from: None,
            truth: Vec::new(),
            ids: layout.id.map(|_| Vec::new()),
            id_guessed: layout.id_guessed,
            split: layout.split.map(|_| Vec::new()),
            groups: layout.group.map(|_| Vec::new()),
            models: layout.model.map(|_| Vec::new()),
            classes: layout.classes.clone(),
            average: layout.average.is_some(),
            chosen: layout.chosen,
            extra: layout.extra.clone(),
            hints: layout.hints.clone(),
            rows: RowNumbers::rows(),
            taken,
            warnings: layout.warnings.clone(),
        }
    }

    /// For formats that hold numbers: makes probabilities of them, a hair outside [0, 1] at most; NaN is a
    /// missing one.
    pub(crate) fn convert(&mut self, reading: &Reading) -> TableResult<()> {
        let inside = -HAIR..=1.0 + HAIR;
        let plain = reading.is_plain();
        for u in 0..self.matrix.nrows() {
            let mut row = self.matrix.row_mut(u);
            let bad = row.iter_mut().position(|value| {
                // Plain probabilities, which most files hold, stay as they are.
                if value.is_nan() || plain && inside.contains(value) {
                    return false;
                }
                match reading.is_missing_number(*value) {
                    true => *value = f64::NAN,
                    false => match reading.probability(*value, false) {
                        Some(probability) => *value = probability,
                        None => return true,
                    },
                }
                false
            });
            if let Some(i) = bad {
                let (place, value) = (self.place(i, &self.names[u]), self.matrix[(u, i)].to_string());
                return Err(TableError::OutOfRange { place, value, hint: self.hint(u) });
            }
        }
        Ok(())
    }

    fn hint(&self, u: usize) -> &'static str {
        self.hints.get(u).copied().unwrap_or(UNKNOWN_HINT)
    }

    /// The cell of row `i` in `column`.
    pub(crate) fn place(&self, i: usize, column: &str) -> Place {
        Place { file: self.file.clone(), row: self.rows.row(i), column: column.to_owned() }
    }

    /// Gives the labels their meaning.
    fn understand_labels(
        &mut self,
        options: &TableOptions,
        warnings: &mut Vec<TableWarning>,
    ) -> TableResult<()> {
        let n = self.matrix.ncols();
        let Some(column) = self.labels.take().filter(|_| options.labels != Labels::Ignored) else {
            self.truth = vec![None; n];
            return Ok(());
        };
        let name = self.taken.label.clone().unwrap_or_else(|| "labels".to_owned());
        let file = self.labels_from.clone().unwrap_or_else(|| self.file.clone());
        // A remembered class is not a demand: rows of the other one alone, or of other words, are understood
        // too.
        let remembered = options.remembered.positive.as_deref().filter(|_| options.positive_label.is_none());
        let as_remembered = remembered.map(|class| labels::decide(&column, Some(class), Labels::IfPresent));
        let decided = match as_remembered {
            Some(Ok(decided)) => Ok(decided),
            _ => labels::decide(&column, options.positive_label.as_deref(), options.labels),
        };
        match decided {
            Ok(decided) => {
                self.truth = decided.truth;
                (self.taken.positive, self.taken.negative) = (decided.positive, decided.negative);
                self.taken.label.get_or_insert(name);
                self.taken.notes.extend(decided.note);
                Ok(())
            }
            Err(bad) if options.labels == Labels::IfPresent => {
                let (BadLabels::Value { values, .. }
                | BadLabels::Ambiguous { values }
                | BadLabels::NoPositive { values }) = bad;
                self.truth = vec![None; n];
                self.taken.label = None;
                self.taken
                    .passed_over
                    .push(PassedOver::new(&name, "labels are not needed, and these are none"));
                warnings.push(TableWarning::LabelsPassedOver { file, column: name, values });
                Ok(())
            }
            Err(BadLabels::Value { row, text, values }) => {
                let place = Place { file, ..self.place(row, &name) };
                let value = shorten(text.as_bytes());
                Err(TableError::InvalidLabel { place, value, values: list(&values) })
            }
            Err(BadLabels::Ambiguous { values }) => {
                Err(TableError::AmbiguousLabels { file, column: name, values: list(&values) })
            }
            Err(BadLabels::NoPositive { values }) => Err(TableError::NoPositiveLabel {
                file,
                column: name,
                wanted: options.positive_label.clone().unwrap_or_default(),
                values: list(&values),
            }),
        }
    }

    /// Leaves out the column of the negative class of each pair that sums to 1, or says that there is such a
    /// pair.
    fn settle_pairs(&mut self, warnings: &mut Vec<TableWarning>) {
        let classes = (self.taken.negative.as_deref(), self.taken.positive.as_deref());
        let mut out = Vec::new();
        for pair in pairs::complements(&self.names, self.matrix.view(), classes) {
            // A column that was chosen stays, with a warning.
            match pair.negative.filter(|_| !self.chosen) {
                Some(negative) => {
                    // The pair has two places, and this is the other one.
                    let positive = pair.first + pair.second - negative;
                    // Gaps of one half are not filled by the other: a model reads the columns it kept alone,
                    // and a row has to be read in the same way when it is predicted.
                    let halves = self.matrix.row(negative).into_iter().zip(self.matrix.row(positive));
                    let alone = halves.filter(|(half, kept)| !half.is_nan() && kept.is_nan()).count();
                    let gaps = if alone > 0 { format!(", but alone in {alone} rows") } else { String::new() };
                    let reason = format!("1 - {}{gaps}", self.names[positive]);
                    self.taken.passed_over.push(PassedOver::new(&self.names[negative], reason));
                    out.push(negative);
                }
                None => warnings.push(TableWarning::Complement {
                    file: self.file.clone(),
                    column: self.names[pair.first].clone(),
                    other: self.names[pair.second].clone(),
                }),
            }
        }
        if out.is_empty() {
            return;
        }
        let kept: Vec<usize> = (0..self.names.len()).filter(|u| !out.contains(u)).collect();
        self.matrix = self.matrix.select(Axis(0), &kept);
        self.names = kept.iter().map(|&u| self.names[u].clone()).collect();
    }

    /// The table of these parts: labels understood, rows of one instance put together, ids checked.
    pub(crate) fn assemble(mut self, options: &TableOptions) -> TableResult<Table> {
        let mut warnings = std::mem::take(&mut self.warnings);
        // The order of the steps matters: rows of one id are compared by their labels, and a column is judged
        // once its rows are together.
        self.understand_labels(options, &mut warnings)?;
        if let Some((read, other)) = &self.classes {
            let positive = self.taken.positive.as_deref().or(options.remembered.positive.as_deref());
            if pairs::negative(read, other, (self.taken.negative.as_deref(), positive)) == Some(true) {
                self.matrix.mapv_inplace(|p| 1.0 - p);
            }
        }
        let was_long = self.models.is_some();
        if was_long || self.average {
            self = self.gather()?;
        }
        let clipped = warning::clip(&self.file, &self.names, &mut self.matrix);
        // A model says which columns it needs, so that none of them is left out.
        if options.classifiers.is_none() {
            self.settle_pairs(&mut warnings);
        }
        warnings.splice(0..0, warning::of_columns(&self.file, &self.names, self.matrix.view()));
        warnings.extend(clipped);
        if options.classifiers.is_none() {
            self.taken.notes.extend(warning::of_hard_columns(&self.names, self.matrix.view()));
            warnings.extend(warning::of_scale(&self.file, self.matrix.view(), options.scale));
        }
        let in_train = match &self.split {
            None => vec![true; self.truth.len()],
            Some(split) => {
                let column = self.taken.split.as_deref().unwrap_or_default();
                let remembered = &options.remembered;
                let same = remembered.split.as_deref() == Some(column);
                let train_value =
                    options.train_value.as_ref().or(remembered.train_value.as_ref().filter(|_| same));
                let train_value = train_value.map(String::as_str);
                let (rows, value) = split::train_rows(column, split, train_value);
                if value.is_none() {
                    let wanted = options.train_value.clone().unwrap_or_else(|| "train".to_owned());
                    let found = warning::some_values(split);
                    warnings.push(TableWarning::NoTrainRow { file: self.file.clone(), wanted, found });
                }
                self.taken.train_value = value;
                rows
            }
        };
        // A row without any prediction has nothing to learn from: its label would only move the share of
        // positives.
        let predicted: Vec<bool> =
            self.matrix.columns().into_iter().map(|c| c.iter().any(|p| !p.is_nan())).collect();
        let labels =
            (0..in_train.len()).map(|i| self.truth[i].filter(|_| in_train[i] && predicted[i])).collect();
        let mut groups = self.groups;
        if let Some(groups) = &mut groups {
            warnings.extend(warning::of_groups(&self.file, groups));
            separate_rows_without_group(groups);
        }
        if !self.extra.is_empty() {
            warnings.push(TableWarning::ExtraColumns { file: self.file.clone(), columns: self.extra });
        }
        let mut data = build(&self.file, self.matrix, self.names, labels)?;
        // An id that was guessed and does not serve is set aside. An id that was named must be unique.
        if let Some(ids) = self.ids {
            let column = self.taken.id.clone().unwrap_or_default();
            let empty = self.id_guessed && ids.iter().any(String::is_empty);
            match if empty { Ok(()) } else { data.set_instance_ids(ids) } {
                Ok(()) if !empty => {}
                Err(Error::DuplicateName { name, first, second, .. }) if !self.id_guessed => {
                    let place = Place { file: self.file, row: self.rows.row(second), column };
                    let value = shorten(name.as_bytes());
                    return Err(TableError::DuplicateId { place, value, first: self.rows.row(first) });
                }
                Ok(()) | Err(Error::DuplicateName { .. }) => {
                    self.taken.id = None;
                    let reason =
                        if empty { "no id, as some cells are empty" } else { "no id, as its values repeat" };
                    self.taken.passed_over.push(PassedOver::new(&column, reason));
                    if !empty {
                        warnings.push(TableWarning::RepeatedIds { file: self.file.clone(), column });
                    }
                }
                Err(source) => return Err(TableError::Data { file: self.file, source }),
            }
        }
        self.taken.classifiers = data.classifier_names().to_vec();
        let table = Table {
            data,
            file: self.file,
            truth: self.truth,
            in_train,
            split: self.split,
            groups,
            warnings,
            taken: self.taken,
        };
        // The classifiers of a long table are known only now, so that here they get the order of the model.
        match &options.classifiers {
            Some(names) if was_long => table.align(names),
            _ => Ok(table),
        }
    }
}

/// An empty cell names no group: each such row is a group of its own.
fn separate_rows_without_group(groups: &mut [String]) {
    for (i, group) in groups.iter_mut().enumerate().filter(|(_, group)| group.trim().is_empty()) {
        // No cell holds a line break in front of a number, so the name cannot be that of another group.
        *group = format!("\nrow {i}");
    }
}
