//! What can be wrong with a table: one variant for each cause.

use std::fmt;

/// Result of reading a table.
pub type TableResult<T, E = TableError> = std::result::Result<T, E>;

/// Where in a file a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Row {
    /// Line of a text file; the header is line 1.
    Line(u64),
    /// Row of a file without lines (Parquet, Arrow), counted from 1.
    Row(u64),
    /// Instance (column) of an array file, counted from 0 as in NumPy.
    Instance(u64),
}

impl Row {
    /// The row so many further on.
    pub(crate) fn moved(self, by: u64) -> Self {
        match self {
            Row::Line(at) => Row::Line(at + by),
            Row::Row(at) => Row::Row(at + by),
            Row::Instance(at) => Row::Instance(at + by),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Row::Line(k) => write!(f, "line {k}"),
            Row::Row(k) => write!(f, "row {k}"),
            Row::Instance(k) => write!(f, "instance {k} (counted from 0)"),
        }
    }
}

/// One cell of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The file, or `standard input`.
    pub file: String,
    /// Row as in the file.
    pub row: Row,
    /// Name of the column.
    pub column: String,
}

impl Place {
    /// The row for a message about `other`: with its file where that is another one.
    fn beside(&self, other: &Place) -> String {
        if self.file == other.file { self.row.to_string() } else { format!("{}, {}", self.file, self.row) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, column {:?}", self.file, self.row, self.column)
    }
}

/// What may be meant by a cell that holds no number.
fn remedy(value: &str, column: &str) -> &'static str {
    const SPLITS: [&str; 8] = ["train", "training", "test", "testing", "valid", "validation", "val", "dev"];
    let value = value.trim();
    if value == column {
        return "the header is repeated here, as in concatenated files: delete this line";
    }
    if SPLITS.contains(&value.to_ascii_lowercase().as_str()) {
        "if this column says which split a row belongs to, name it: --split-column"
    } else if value.ends_with('%') {
        "percent are read with --scale percent"
    } else if value.len() <= 8 && !value.bytes().any(|b| b.is_ascii_digit()) {
        "if it stands for a missing prediction, give --missing with it; if this is not a classifier, --exclude the column, or \
         say what it is: --id-column, --label-column, --split-column, --group-column"
    } else {
        "if this is not a classifier, say what it is: --id-column, --label-column, --split-column, --group-column, or select \
         the classifiers with --columns"
    }
}

/// Everything that can be wrong with a table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are what the message of their variant names")]
pub enum TableError {
    /// No such file.
    #[error("{file}: there is no such file; check the path (`-` is standard input)")]
    NotFound { file: String },

    /// The file cannot be opened or read.
    #[error("{file}: cannot be read ({source}); check its permissions and the disk")]
    Unreadable { file: String, source: std::io::Error },

    /// Labels of train rows are none of the classes that columns are named after.
    #[error(
        "{file}, column {column:?}: no column has a probability for the labels {found}; the classes of the columns are \
         {classes}; add a column <classifier>:<class> for each label, or leave its rows out"
    )]
    UnknownClasses { file: String, column: String, found: String, classes: String },

    /// No three columns have the separator of classes in their names.
    #[error(
        "{file}: with the separator {separator:?} no classifier has columns of several classes; give --class-separator with \
         what stands between classifier and class in the names of the columns, or leave it out; the columns are {available}"
    )]
    NoClassColumns { file: String, separator: String, available: String },

    /// A table of several classes where one of two is needed.
    #[error(
        "{file}: a table of {count} classes ({classes}), and a store holds two classes alone; fit it in memory with `cfe fit`, \
         or name the positive class with --positive-label and its columns with --columns"
    )]
    SeveralClasses { file: String, count: usize, classes: String },

    /// Classes of an array that no name is known of.
    #[error(
        "{file}: R has {classes} classes in its last dimension, and the names found are {found}; give an array \"classes\" of \
         {classes} labels in the NPZ, in the order of the dimension"
    )]
    ClassesOfArray { file: String, classes: usize, found: String },

    /// A label column of a table of several classes holds too many different values.
    #[error(
        "{file}, column {column:?}: more than {most} different labels; name the column of the classes with --label-column"
    )]
    TooManyClasses { file: String, column: String, most: usize },

    /// The compressed stream is broken.
    #[error("{file}: the {format} data are damaged or cut off ({reason}); copy or compress the file again")]
    BadCompressed { file: String, format: &'static str, reason: String },

    /// A file of another kind, which is told by its first bytes.
    #[error("{file}: this is {what}, which is not read here; {cure}")]
    OtherFormat { file: String, what: String, cure: String },

    /// A folder or a pattern without files.
    #[error(
        "{path}: there is no file to read; give a file, a folder of parts or a pattern such as 'parts/*.parquet'"
    )]
    NoParts { path: String },

    /// Neither text nor a format that is read here.
    #[error(
        "{file}: not a table this program reads ({saw}); \
         allowed are text (CSV, TSV and their kin), JSON, Parquet, Arrow IPC, NPY, NPZ and workbooks"
    )]
    UnknownFormat { file: String, saw: String },

    /// The name promises another format than the content.
    #[error(
        "{file}: named .{extension}, but it does not begin with {expected} as such files do; \
         it is damaged, cut off or misnamed"
    )]
    FormatMismatch { file: String, extension: String, expected: String },

    /// The format was left out of this build.
    #[error(
        "{file}: {format} is read only with the cargo feature `parquet`; build with it, or convert to CSV"
    )]
    FeatureMissing { file: String, format: &'static str },

    /// Nothing in the file.
    #[error("{file}: empty; expected a header and at least one row")]
    Empty { file: String },

    /// No row under the header.
    #[error("{file}: a header of {columns} columns and no row; at least one row is needed")]
    HeaderOnly { file: String, columns: usize },

    /// The first line holds values.
    #[error(
        "{file}, line {line}: the table has no header: its first line holds values ({cells}); put the names of the columns \
         above them, such as {cure}"
    )]
    NoHeader { file: String, line: u64, cells: String, cure: String },

    /// The delimiter does not cut the header.
    #[error(
        "{file}, line 1: {delimiter} cuts the header {header:?} into one column; \
         comma, tab, semicolon, | and spaces are recognized, or give the delimiter with --delimiter"
    )]
    WrongDelimiter { file: String, delimiter: String, header: String },

    /// No encoding of this name.
    #[error(
        "{file}: the encoding {name:?} is not known; usual ones are utf-8, utf-16, latin1 and windows-1252"
    )]
    UnknownEncoding { file: String, name: String },

    /// The delimiter is none.
    #[error(
        "delimiter {value:?} is not allowed; give one ASCII character that is not a quote, a line end or letter"
    )]
    InvalidDelimiter { value: char },

    /// Two columns of one name.
    #[error(
        "{file}: columns {first} and {second} are both named {column:?}; names must be unique, rename one"
    )]
    DuplicateColumn { file: String, column: String, first: usize, second: usize },

    /// A column without a name.
    #[error(
        "{file}: column {position} has no name; name it, or leave it out \
         (with pandas: `to_csv(..., index=False)`)"
    )]
    UnnamedColumn { file: String, position: usize },

    /// An option names a column that is not there.
    #[error("{file}: there is no column {column:?} ({option}); the columns are {available}")]
    UnknownColumn { file: String, column: String, option: &'static str, available: String },

    /// No column of probabilities.
    #[error("{file}: no column {wanted}; at least one column of probabilities is needed among {available}")]
    NoClassifierColumn { file: String, wanted: String, available: String },

    /// Classifiers that the model was trained with are not there.
    #[error(
        "{file}: there is no column {columns}, which the model was trained with; \
         add it (empty cells are allowed){renamed}; the columns are {available}"
    )]
    MissingClassifier { file: String, columns: String, renamed: String, available: String },

    /// A part of a table in several files lacks columns of the first part, or has others.
    #[error(
        "{file}: this part has no column {columns}, which other parts of the table have; add it (empty cells are \
         allowed), or name the columns that all parts have with --columns; the columns are {available}"
    )]
    MissingInPart { file: String, columns: String, available: String },

    /// A workbook has no sheet of this name.
    #[error("{file}: there is no sheet {sheet:?}; give --sheet one of {available}")]
    UnknownSheet { file: String, sheet: String, available: String },

    /// An option that says nothing of a file of this kind.
    #[error("{file}: {option} is for {kind}, and this is not one; leave the option out")]
    OptionNotUsed { file: String, option: &'static str, kind: &'static str },

    /// A value for training without a column of splits.
    #[error(
        "{file}: --train-value {value:?} needs a split column, and none was found; name it with --split-column, or leave \
         --train-value out"
    )]
    TrainValueWithoutSplit { file: String, value: String },

    /// A row has too few or too many cells.
    #[error(
        "{file}, line {line}: {found} cells, but the header has {expected}; complete the line, delete it if it is a note or \
         a comment, or quote cells that contain the delimiter {delimiter}"
    )]
    Ragged { file: String, line: u64, found: usize, expected: usize, delimiter: String },

    /// A line is longer than any table needs; mostly a quote that is never closed.
    #[error(
        "{file}, line {line}: longer than {limit} bytes; close the quote that is open, or split the line"
    )]
    LineTooLong { file: String, line: u64, limit: usize },

    /// Bytes that are not UTF-8.
    #[error("{place}: {value:?} is not UTF-8; save the file as UTF-8, or give --encoding, such as latin1")]
    NotUtf8 { place: Place, value: String },

    /// A cell that should hold a probability holds no number.
    #[error(
        "{place}: {value:?} is not a number; allowed are probabilities from 0 to 1, and empty, NA, NaN or null for a \
         missing one ({})",
        remedy(value, &place.column)
    )]
    NotANumber { place: Place, value: String },

    /// A number that is not a probability.
    #[error(
        "{place}: {value} is not a probability; allowed are 0 to 1, and empty, NA, NaN or null for a missing one ({hint})"
    )]
    OutOfRange { place: Place, value: String, hint: &'static str },

    /// A label that fits no pair of classes.
    #[error(
        "{place}: {value:?} is not a label; allowed are 0 and 1 or two other values, and empty for unlabeled; the column \
         holds {values} (--positive-label names the positive one, all others are then negative; --missing names what \
         stands for unlabeled). For more than two classes give each classifier a column for each label, named \
         <classifier>:<label>, that sum to 1 in every row"
    )]
    InvalidLabel { place: Place, value: String, values: String },

    /// Two labels, of which no rule says which is positive.
    #[error(
        "{file}, column {column:?}: either of {values} may be the positive class; name it with --positive-label"
    )]
    AmbiguousLabels { file: String, column: String, values: String },

    /// The positive label does not occur.
    #[error("{file}, column {column:?}: no row has the positive label {wanted:?}; the column holds {values}")]
    NoPositiveLabel { file: String, column: String, wanted: String, values: String },

    /// No column was taken for the labels.
    #[error("{file}: no labels were found{candidates}; {remedy}; the columns are {available}")]
    NoLabelColumn { file: String, candidates: String, remedy: &'static str, available: String },

    /// No row of the split is for training.
    #[error(
        "{file}: no row is for training: the split column {column:?} holds {found}; say which of them is for training with \
         --train-value"
    )]
    NoTrainRow { file: String, column: String, found: String },

    /// Rows of one instance disagree.
    #[error(
        "{place}: the id {id:?} has another value here than in {other}; rows of one id are put together and must agree, or \
         name another --id-column",
        other = first.beside(place)
    )]
    Conflict { place: Place, id: String, first: Box<Place> },

    /// A row without id.
    #[error("{place}: empty; every row needs an id: complete it, or leave the column out with --exclude")]
    EmptyId { place: Place },

    /// Two rows of one id.
    #[error(
        "{place}: the id {value:?} was used in {other} already; ids must be unique. Where each row is of one instance and one \
         classifier, call the column of the classifiers `model`, and where rows repeat an instance, the column that numbers \
         the repetitions `repeat`; otherwise name another --id-column, or --exclude this one",
        other = first.beside(place)
    )]
    DuplicateId { place: Place, value: String, first: Box<Place> },

    /// A column or array of a type that cannot be used.
    #[error("{file}, column {column:?}: of type {found}; allowed are {allowed}")]
    WrongType { file: String, column: String, found: String, allowed: &'static str },

    /// Damaged or unusual binary file.
    #[error("{file}: damaged or unsupported {format} ({reason}); write it again")]
    Damaged { file: String, format: &'static str, reason: String },

    /// The header promises more than the file holds.
    #[error(
        "{file}: {what} of {promised} bytes is announced, but {available} bytes are there; the file is cut off or damaged"
    )]
    PromisesTooMuch { file: String, what: String, promised: u128, available: u64 },

    /// An array is not in the archive.
    #[error("{file}: there is no array {wanted}; the archive has {available}")]
    MissingArray { file: String, wanted: String, available: String },

    /// Arrays that do not fit each other.
    #[error("{file}: {what} has {found} entries, but {expected} are needed; {remedy}")]
    LengthMismatch { file: String, what: String, found: usize, expected: usize, remedy: &'static str },

    /// No probability anywhere.
    #[error("{file}: every probability is missing; at least one is needed")]
    NothingObserved { file: String },

    /// Nothing to learn from.
    #[error(
        "{file}: no row of the train split is labeled ({rows} rows, {in_train} in the train split); \
         label some with 0 or 1, and check the label column"
    )]
    NoLabeledRow { file: String, rows: usize, in_train: usize },

    /// Only one class to learn from.
    #[error(
        "{file}: all {count} labeled rows of the train split are of class {class}; both classes are needed"
    )]
    OneClass { file: String, class: u8, count: usize },

    /// Weights or costs that are none.
    #[error(
        "{file}, column {column:?}: {count} labeled rows have no {role}: {rows}; allowed are finite numbers from 0 on, in \
         every labeled row"
    )]
    BadAmounts { file: String, column: String, role: &'static str, count: usize, rows: String },

    /// No row of a class counts.
    #[error(
        "{file}, column {column:?}: all {count} labeled train rows of class {class} have the {role} 0: {rows}; at least one \
         above 0 is needed in each class"
    )]
    AllAmountsZero {
        file: String,
        column: String,
        role: &'static str,
        class: Box<str>,
        count: usize,
        rows: Box<str>,
    },

    /// Weights that cannot be added up.
    #[error(
        "{file}, column {column:?}: the weights of the labeled train rows sum to {sum:e}, where 1e-290 to 1e290 is \
         allowed, and the largest, {largest:e}, is that of {row}; scale all of them by one factor, so that a row weighs \
         about 1"
    )]
    WeightSum { file: String, column: String, sum: f64, largest: f64, row: Row },

    /// Times that cannot be put in order.
    #[error(
        "{file}, column {column:?}: {count} labeled train rows have no time: {rows}; allowed are numbers in every row, or \
         ISO 8601 dates such as 2024-02-29 or 2024-02-29T12:00:00Z in every row"
    )]
    BadTimes { file: String, column: String, count: usize, rows: String },

    /// Labeled rows that belong to no fold.
    #[error(
        "{file}, column {column:?}: {count} labeled train rows have no fold: {rows}; name the fold that each was held out in"
    )]
    NoFold { file: String, column: String, count: usize, rows: String },

    /// One fold is none.
    #[error(
        "{file}, column {column:?}: the labeled train rows lie in one fold, {found}; at least 2 folds are needed, or leave \
         the column out with --exclude"
    )]
    TooFewFolds { file: String, column: String, found: String },

    /// Fewer points in time than folds need.
    #[error(
        "{file}, column {column:?}: the labeled train rows have {found} different times, but {needed} are needed, one more \
         than folds; use fewer --folds (2 folds need 3 times), or leave the time column out"
    )]
    TooFewTimes { file: String, column: String, found: usize, needed: usize },

    /// Two ways to score the same rows.
    #[error(
        "{file}: a fold column and a time column are given, and rows are scored by one of them; leave one out"
    )]
    FoldsAndTimes { file: String },

    /// A group that is torn apart.
    #[error(
        "{file}, column {column:?}: {count} groups of column {group_column:?} lie in several folds: {groups}; rows of a group \
         must be in one fold, or leave one of the columns out with --exclude"
    )]
    GroupInFolds { file: String, column: String, group_column: String, count: usize, groups: String },

    /// A fold that leaves a single class to learn from.
    #[error(
        "{file}, column {column:?}: for these folds there are no rows of both classes to learn from: {folds}; {remedy}"
    )]
    FoldLacksClass { file: String, column: String, folds: String, remedy: &'static str },

    /// Refused by the checks of the data themselves.
    ///
    /// Cure: follow the message of the cause.
    #[error("{file}: {source}")]
    Data { file: String, source: cfe_core::Error },
}

/// At most 40 characters of a value, for a message.
pub(crate) fn shorten(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.get(..200).unwrap_or(bytes));
    if text.chars().count() <= 40 && bytes.len() <= 200 {
        return text.into_owned();
    }
    text.chars().take(40).chain(['…']).collect()
}

/// Names for a message: all of a few, the first of many.
pub(crate) fn list<S: AsRef<str>>(names: &[S]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<String> =
        names.iter().take(SHOWN).map(|n| format!("{:?}", shorten(n.as_ref().as_bytes()))).collect();
    match names.len() {
        0 => "none".to_owned(),
        n if n > SHOWN => format!("{} and {} more", shown.join(", "), n - SHOWN),
        _ => shown.join(", "),
    }
}

/// All classifiers of a model that a table lacks, and which of its columns may be meant: those of the same
/// name in another case or behind a common beginning.
pub(crate) fn missing_classifiers<S: AsRef<str>>(
    file: &str,
    missing: &[S],
    columns: &[String],
) -> TableError {
    let word = |name: &str| -> String {
        name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let meant = |name: &S| {
        let wanted = word(name.as_ref());
        let same = |own: &&String| word(own) == wanted;
        let ends = |own: &&String| wanted.len() > 1 && word(own).ends_with(&wanted);
        let mut longer = columns.iter().filter(ends);
        let own = columns.iter().find(same).or_else(|| longer.next().filter(|_| longer.next().is_none()))?;
        Some(format!("{own:?} to {:?}", name.as_ref()))
    };
    let found: Vec<String> = missing.iter().filter_map(meant).collect();
    TableError::MissingClassifier {
        file: file.to_owned(),
        columns: list(missing),
        renamed: if found.is_empty() { String::new() } else { format!(", or rename {}", found.join(", ")) },
        available: list(columns),
    }
}
