//! Tables of more than two classes: a column for each classifier and class.

use std::collections::HashSet;

use cfe_core::Error;
use cfe_core::classes::{ClassData, ClassPredictions, normalize};
use cfe_core::validation::Folds;
use ndarray::{Array3, Axis};

use crate::class_columns::{self, ClassColumn, ClassColumns, LEAST_CLASSES};
use crate::given_folds::{GivenFolds, not_followed};
use crate::labels;
use crate::options::TableOptions;
use crate::parts::Parts;
use crate::reading::{Input, Labels};
use crate::roles::Role;
use crate::source::Source;
use crate::table::{Table, read_parts};
use crate::table_error::{TableError, TableResult, list, shorten};
use crate::taken::{PassedOver, Taken};
use crate::warning::{self, TableWarning};

/// A table of two classes or of more.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum AnyTable {
    /// One column for each classifier.
    Binary(Box<Table>),
    /// A column for each classifier and class, of three classes or more.
    Classes(Box<ClassTable>),
}

/// A table of predictions for K classes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClassTable {
    /// Name of the file, for messages.
    pub file: String,
    /// The probabilities.
    pub predictions: ClassPredictions,
    /// Labels as given (n), as numbers of [`label_values`](Self::label_values); those outside the train split
    /// too.
    pub labels: Vec<Option<usize>>,
    /// The different labels: first the classes of the predictions, then labels that are none of them.
    pub label_values: Vec<String>,
    /// Whether a row belongs to the train split (n).
    pub in_train: Vec<bool>,
    /// The split column (n), if there is one.
    pub split: Option<Vec<String>>,
    /// The group column (n), if there is one.
    pub groups: Option<Vec<String>>,
    /// Ids of the rows (n), if there are any.
    pub ids: Option<Vec<String>>,
    /// Weights of the rows (n), if there are any.
    pub weights: Option<Vec<f64>>,
    /// The fold column (n): which fold of a cross-validation each row was held out in.
    pub folds: Option<Vec<String>>,
    /// When each row happened (n), in order and without a unit; NaN for rows that are not learned from and do
    /// not say.
    pub times: Option<Vec<f64>>,
    /// What a wrong decision about each row costs (n); 0 for rows without a label that do not say.
    pub costs: Option<Vec<f64>>,
    /// The columns of predictions, each with its classifier and class; none of an array.
    pub columns: Vec<ClassColumn>,
    /// What is odd but no reason to stop.
    pub warnings: Vec<TableWarning>,
    /// What was taken for what.
    pub taken: Taken,
}

/// Reads a table of two classes, as [`read_table`](crate::read_table), or of more. Its columns are
/// `<classifier>:<class>`, with [`TableOptions::class_separator`] in place of the colon; `('<classifier>',
/// '<class>')` as pandas writes columns of two levels; or names that differ in a label of the table alone
/// (`LightGBM_a`, `pa`, `.pred_a_forest`, `svm.prob.a`) and sum to 1. An array has three dimensions. With
/// fewer than three classes it is a table of two.
///
/// ```
/// use cfe_io::{AnyTable, Source, TableOptions, read_any_table};
///
/// let csv = "label,rf:cat,rf:dog,rf:owl\ncat,0.7,0.2,0.1\nowl,0.1,0.1,0.8\ndog,0.3,0.6,0.1\n";
/// let table = read_any_table(Source::bytes("inline", csv.into()), &TableOptions::default())?;
/// let AnyTable::Classes(table) = table else { panic!("three classes") };
/// assert_eq!(table.predictions.classes(), ["cat", "dog", "owl"]);
/// assert_eq!(table.labels, [Some(0), Some(2), Some(1)]);
/// # Ok::<(), cfe_io::TableError>(())
/// ```
///
/// # Errors
/// [`TableError`], one variant for each cause.
pub fn read_any_table(source: Source, options: &TableOptions) -> TableResult<AnyTable> {
    any_of(read_parts(source, options)?, options)
}

/// The batches of an Arrow stream as [`read_any_table`] takes a file; `name` stands for the file in messages.
///
/// # Errors
/// [`TableError`], one variant for each cause.
#[cfg(feature = "parquet")]
pub fn read_any_batches(
    name: &str,
    batches: impl arrow_array::RecordBatchReader,
    options: &TableOptions,
) -> TableResult<AnyTable> {
    any_of(crate::columnar::read_stream(name, batches, options)?, options)
}

fn any_of(mut parts: Parts, options: &TableOptions) -> TableResult<AnyTable> {
    match class_columns(&mut parts, options)? {
        Some(columns) => Ok(AnyTable::Classes(Box::new(assemble(parts, columns, options)?))),
        None => Ok(AnyTable::Binary(Box::new(parts.assemble(options)?))),
    }
}

/// Which column is of which classifier and class; `None` where the table is one of two classes.
fn class_columns(parts: &mut Parts, options: &TableOptions) -> TableResult<Option<ClassColumns>> {
    // One positive label makes two classes of many, and a model of two classes names its columns.
    if options.positive_label.is_some() || options.classifiers.is_some() {
        return Ok(None);
    }
    // An array says its classes by its third dimension.
    if let Some(columns) = parts.class_columns.take() {
        return Ok(Some(columns));
    }
    // The columns of the model, where all are there.
    let model = options.class_model.as_ref();
    let in_rows = parts.roles.class.is_some();
    if let Some(found) =
        model.filter(|_| !in_rows).and_then(|model| class_columns::of_model(&parts.names, model))
    {
        return Ok(Some(found));
    }
    // Labels of the table, and classes that the model knows besides, are what names are searched for.
    let mut labels = parts.labels.as_ref().map(|labels| labels.known()).unwrap_or_default();
    if let Some(model) = model {
        labels.extend(
            model.classes.iter().filter(|class| !labels.contains(class)).cloned().collect::<Vec<_>>(),
        );
    }
    if let (Some(models), Some(classes)) = (&parts.roles.model, &parts.roles.class) {
        let found = ClassColumns::of_rows(models, classes, &labels);
        return Ok((found.classes.len() >= LEAST_CLASSES || model.is_some()).then_some(found));
    }
    // First the form `classifier:class`, which is said; names that differ in a label are a guess and come
    // last.
    let separator = options.class_separator.as_deref();
    if let Some(found) = class_columns::by_form(&parts.names, &labels, separator) {
        // Two labels that no column is named after, and columns that do not sum to 1: what stands above the
        // classifiers, such as `prob` in two rows of names, is not a classifier.
        let is_class = |label: &String| found.classes.iter().any(|class| labels::same(class, label));
        let of_two = (1..LEAST_CLASSES).contains(&labels.len()) && !labels.iter().any(is_class);
        let may_be_two = of_two && separator.is_none() && options.input != Input::Score;
        return Ok(Some(found).filter(|found| !may_be_two || found.sums_to_one(parts.matrix.view())));
    }
    if let Some(separator) = separator {
        return Err(TableError::NoClassColumns {
            file: parts.file.clone(),
            separator: separator.to_owned(),
            available: list(&parts.names),
        });
    }
    // Scores of classes do not sum to 1.
    let summed = (options.input != Input::Score).then(|| parts.matrix.view());
    Ok(class_columns::by_labels(&parts.names, &labels, summed))
}

fn assemble(mut parts: Parts, mut columns: ClassColumns, options: &TableOptions) -> TableResult<ClassTable> {
    let mut warnings = std::mem::take(&mut parts.warnings);
    // Columns without a class are named with the reason.
    for &at in &columns.others {
        let reason = match columns.note {
            None => "its name is not of the form classifier:class",
            Some(_) => "its name has no class, or its class is none of a sum of 1",
        };
        parts.taken.passed_over.push(PassedOver::new(&parts.names[at], reason));
    }
    // Classes in rows have one column of probabilities for all.
    let in_rows = parts.roles.class.is_some();
    let of_cells = if in_rows { &[][..] } else { &columns.cells };
    let names: Vec<ClassColumn> = of_cells.iter().map(|&cell| column_of(&parts, &columns, cell)).collect();
    // Rows of one id come together before any cell is judged, as in a table of two classes.
    let (mut labels, label_values) = labels_of(&mut parts, &columns.classes, options)?;
    let models = parts.roles.model.clone();
    if models.is_some() || parts.average {
        (parts, labels) = parts.gather(labels)?;
        if models.is_some() && !in_rows {
            columns = of_long(&parts, &columns);
        }
    }
    // Cells are judged now: those a hair outside 0 to 1 are clipped, and odd scales are told.
    warnings.extend(warning::clip(&parts.file, &parts.names, &mut parts.matrix));
    warnings.extend(warning::of_scale(&parts.file, parts.matrix.view(), options.scale));
    let n = parts.matrix.ncols();
    let (m, k) = (columns.classifiers.len(), columns.classes.len());
    // m x n x K: the layout that the core checks and the combiner reads.
    let mut values = Array3::from_elem((m, n, k), f64::NAN);
    for &(at, u, class) in &columns.cells {
        values.slice_mut(ndarray::s![u, .., class]).assign(&parts.matrix.row(at));
    }
    if options.input == Input::Score {
        values.lanes_mut(Axis(2)).into_iter().for_each(of_scores);
        parts.taken.notes.push("scores: the classes of a row are exp(score) / sum exp(score)".to_owned());
    }
    let file = parts.file.clone();
    let refused = |source| TableError::Data { file: file.clone(), source };
    let predictions = ClassPredictions::new(values, columns.classifiers.clone(), columns.classes.clone())
        .map_err(refused)?;
    // What the labeled rows need besides, in the same order as for two classes.
    let in_train = parts.train_rows(options, &mut warnings)?;
    let learned = |i: usize| in_train[i] && predictions.n_observed(i) > 0;
    // Labels that are not a class of the columns are refused later, and by name.
    let seen: Vec<Option<usize>> =
        (0..n).map(|i| labels[i].filter(|&label| learned(i) && label < k)).collect();
    let labeled: Vec<bool> = labels.iter().map(Option::is_some).collect();
    let values = parts.row_values(options, (&seen, predictions.classes()), &labeled, &mut warnings)?;
    let groups = parts.groups(&mut warnings);
    if !parts.extra.is_empty() {
        let columns = std::mem::take(&mut parts.extra);
        warnings.push(TableWarning::ExtraColumns { file: parts.file.clone(), columns });
    }
    let ids = ids_of(&mut parts)?;
    parts.taken.classifiers = columns.classifiers;
    parts.taken.notes.push(format!("{k} classes: {}", list(predictions.classes())));
    parts.taken.notes.extend(columns.note);
    parts.taken.notes.extend(unheard_of(&predictions));
    let mut table = ClassTable {
        file: parts.file,
        predictions,
        labels,
        label_values,
        in_train,
        split: parts.roles.split,
        groups,
        ids,
        weights: values.weights,
        folds: parts.roles.fold,
        times: values.times,
        costs: values.costs,
        columns: names,
        warnings,
        taken: parts.taken,
    };
    if options.labels == Labels::Needed && parts.guessed.contains(&Role::Fold) {
        table.set_bad_folds_aside();
    }
    Ok(table)
}

fn column_of(parts: &Parts, columns: &ClassColumns, (at, u, k): (usize, usize, usize)) -> ClassColumn {
    // A long table has the classifiers in rows, and an array has no columns to be named.
    let classifier = if parts.roles.model.is_some() { "" } else { &columns.classifiers[u] };
    ClassColumn {
        column: parts.names[at].clone(),
        classifier: classifier.to_owned(),
        class: columns.classes[k].clone(),
    }
}

/// The columns of a long table once every model has columns of its own: each model's in a row.
fn of_long(parts: &Parts, of_one: &ClassColumns) -> ClassColumns {
    let width = of_one.cells.len() + of_one.others.len();
    // The gathered columns of a model stand side by side, in the order of the columns of one.
    let models: Vec<String> = parts.models.clone();
    let several = of_one.classifiers.len();
    let mut long =
        ClassColumns { classes: of_one.classes.clone(), note: of_one.note.clone(), ..Default::default() };
    for (model, name) in models.iter().enumerate() {
        for u in &of_one.classifiers {
            long.classifiers.push(if several > 1 { format!("{name}/{u}") } else { name.clone() });
        }
        let cells = of_one.cells.iter().map(|&(at, u, k)| (model * width + at, model * several + u, k));
        long.cells.extend(cells);
    }
    long
}

/// Scores that were read as 1 / (1 + exp(-score)), each by itself, as one distribution: their odds are
/// exp(score).
fn of_scores(mut row: ndarray::ArrayViewMut1<'_, f64>) {
    let places: Vec<usize> = (0..row.len()).filter(|&k| !row[k].is_nan()).collect();
    let mut odds: Vec<f64> = places.iter().map(|&k| row[k] / (1.0 - row[k])).collect();
    // Scores beyond about 36 are all alike.
    if odds.iter().any(|odds| odds.is_infinite()) {
        odds.iter_mut().for_each(|odds| *odds = f64::from(u8::from(odds.is_infinite())));
    }
    if !odds.is_empty() {
        normalize(&mut odds);
    }
    places.into_iter().zip(odds).for_each(|(k, p)| row[k] = p);
}

/// A word on classes that a classifier says nothing of.
fn unheard_of(predictions: &ClassPredictions) -> Option<String> {
    let mut found = Vec::new();
    for (u, name) in predictions.classifier_names().iter().enumerate() {
        let classes = predictions.classes().iter().enumerate();
        let unknown: Vec<&str> =
            classes.filter(|(k, _)| !predictions.knows(u, *k)).map(|(_, class)| class.as_str()).collect();
        if !unknown.is_empty() {
            found.push(format!("{name} says nothing of {}", list(&unknown)));
        }
    }
    (!found.is_empty()).then(|| list_of(&found))
}

/// The first few of some phrases.
fn list_of(phrases: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = phrases[..phrases.len().min(SHOWN)].join(", ");
    match phrases.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Labels as numbers of a list that begins with the classes; other labels follow in the order in which they
/// are met.
fn labels_of(
    parts: &mut Parts,
    classes: &[String],
    options: &TableOptions,
) -> TableResult<(Vec<Option<usize>>, Vec<String>)> {
    let mut values = classes.to_vec();
    let n = parts.matrix.ncols();
    let Some(column) = parts.labels.take().filter(|_| options.labels != Labels::Ignored) else {
        return Ok((vec![None; n], values));
    };
    let name = parts.taken.label.clone().unwrap_or_else(|| "labels".to_owned());
    let file = parts.labels_from.clone().unwrap_or_else(|| parts.file.clone());
    let Some((codes, texts)) = column.into_codes() else {
        return Err(TableError::TooManyClasses { file, column: name, most: labels::MOST });
    };
    // The list begins with the classes, so that the number of a label below K is the number of a class.
    let number = |text: &String| {
        // The name of a column and the cell of a label may write one class in two ways: 1 and 1.0.
        let same = values.iter().position(|class| class == text);
        let number = same.or_else(|| values.iter().position(|class| labels::same(class, text)));
        match number {
            Some(number) => Some(number),
            None if labels::is_unknown(text) => None,
            None => {
                values.push(text.clone());
                Some(values.len() - 1)
            }
        }
    };
    let numbers: Vec<Option<usize>> = texts.iter().map(number).collect();
    Ok((codes.into_iter().map(|code| numbers[code?]).collect(), values))
}

/// The ids; guessed ones that repeat or are empty are set aside.
fn ids_of(parts: &mut Parts) -> TableResult<Option<Vec<String>>> {
    let Some(ids) = parts.roles.id.take() else { return Ok(None) };
    let guessed = parts.is_guessed(Role::Id);
    let mut met = HashSet::with_capacity(ids.len());
    let twice = ids.iter().position(|id| !met.insert(id.as_str()));
    let empty = ids.iter().any(String::is_empty);
    let column = parts.taken_for(Role::Id).to_owned();
    // As in a table of two classes: named ids must be unique, and guessed ones may fail.
    match twice {
        Some(second) if !guessed => {
            let first = ids.iter().position(|id| *id == ids[second]).expect("it occurs before");
            let (place, first) = (parts.place(second, &column), Box::new(parts.place(first, &column)));
            Err(TableError::DuplicateId { place, value: shorten(ids[second].as_bytes()), first })
        }
        None if !(empty && guessed) => Ok(Some(ids)),
        _ => {
            parts.set_aside(Role::Id, "its values repeat or are empty");
            Ok(None)
        }
    }
}

impl ClassTable {
    /// A table of data that come from no file; `name` stands for the file in messages. Every row belongs to
    /// the train split. `groups` (n) keep rows together in cross-validation.
    ///
    /// # Errors
    /// [`TableError::Data`] for another number of groups than instances.
    pub fn from_data(name: &str, data: ClassData, groups: Option<Vec<String>>) -> TableResult<Self> {
        let n = data.labels().len();
        if let Some(found) = groups.as_ref().map(Vec::len).filter(|&found| found != n) {
            let source = Error::LengthMismatch { what: "groups", found, expected: n };
            return Err(TableError::Data { file: name.to_owned(), source });
        }
        let labels = data.labels().to_vec();
        let weights = data.sample_weights().map(<[f64]>::to_vec);
        let predictions = data.into_predictions();
        let classifiers = predictions.classifier_names().to_vec();
        let taken = Taken { label: Some("labels".to_owned()), classifiers, ..Taken::default() };
        Ok(Self {
            file: name.to_owned(),
            label_values: predictions.classes().to_vec(),
            predictions,
            labels,
            in_train: vec![true; n],
            split: None,
            groups,
            ids: None,
            weights,
            folds: None,
            times: None,
            costs: None,
            columns: Vec::new(),
            warnings: Vec::new(),
            taken,
        })
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.labels.len()
    }

    /// The predictions with the labels that training may see: those of the train split, of rows that have a
    /// prediction.
    ///
    /// # Errors
    /// [`TableError::UnknownClasses`] for labels of the train split that no column is named after;
    /// [`TableError::NoLabelColumn`], [`TableError::NoLabeledRow`].
    pub fn data(&self) -> TableResult<ClassData> {
        let file = || self.file.clone();
        if self.taken.label.is_none() {
            return Err(TableError::NoLabelColumn {
                file: file(),
                candidates: String::new(),
                remedy: "name their column with --label-column",
                available: list(&self.taken.columns()),
            });
        }
        let classes = self.predictions.n_classes();
        let seen = |i: usize| self.labels[i].filter(|_| self.in_train[i]);
        // Labels that no column is named after are all counted before they are refused.
        let mut strange = vec![0_usize; self.label_values.len()];
        (0..self.n_rows())
            .filter_map(seen)
            .filter(|&label| label >= classes)
            .for_each(|label| strange[label] += 1);
        if strange.iter().any(|&count| count > 0) {
            let named = |(label, count): (&String, &usize)| format!("{label:?} ({count} rows)");
            let found: Vec<String> =
                self.label_values.iter().zip(&strange).filter(|(_, c)| **c > 0).map(named).collect();
            return Err(TableError::UnknownClasses {
                file: file(),
                column: self.taken.label.clone().unwrap_or_default(),
                found: found.join(", "),
                classes: list(self.predictions.classes()),
            });
        }
        let labels: Vec<Option<usize>> =
            (0..self.n_rows()).map(|i| seen(i).filter(|_| self.predictions.n_observed(i) > 0)).collect();
        if labels.iter().all(Option::is_none) {
            let in_train = self.in_train.iter().filter(|&&train| train).count();
            return Err(TableError::NoLabeledRow { file: file(), rows: self.n_rows(), in_train });
        }
        let data = ClassData::new(self.predictions.clone(), labels);
        let weighted = data.and_then(|data| match &self.weights {
            Some(weights) => data.with_sample_weights(weights.clone()),
            None => Ok(data),
        });
        weighted.map_err(|source| TableError::Data { file: file(), source })
    }

    /// What the table says of how its labeled rows are scored.
    fn given(&self) -> GivenFolds<'_> {
        GivenFolds {
            file: &self.file,
            folds: self.folds.as_deref(),
            times: self.times.as_deref(),
            groups: self.groups.as_deref(),
            columns: Some(&self.taken.roles),
        }
    }

    /// The folds of the rows that [`data`](Self::data) has labels of, as
    /// [`Table::given_folds`](crate::Table::given_folds). A fold may lack a class: what is then done is for
    /// the fit to say.
    ///
    /// # Errors
    /// As [`GivenFolds::of_rows`].
    pub fn given_folds(&self, n_splits: usize) -> TableResult<Option<Folds>> {
        let labeled: Vec<usize> = (0..self.n_rows())
            .filter(|&i| self.in_train[i] && self.labels[i].is_some() && self.predictions.n_observed(i) > 0)
            .collect();
        Ok(self.given().of_rows(&labeled, n_splits)?.map(|(folds, _)| folds))
    }

    /// A fold column that was only guessed and makes no folds is passed over, with a warning.
    fn set_bad_folds_aside(&mut self) {
        if self.folds.is_none() || self.labels.iter().all(Option::is_none) {
            return;
        }
        let Err(error) = self.given_folds(2) else { return };
        self.folds = None;
        self.warnings.push(not_followed(&self.file, &mut self.taken, &error));
    }

    /// The class of each row among `classes` (n); `None` for a row without a label, and for one whose label
    /// is none of them, of which the second list has the numbers of the rows.
    pub fn labels_among(&self, classes: &[String]) -> (Vec<Option<usize>>, Vec<usize>) {
        let same = |text: &String| classes.iter().position(|class| labels::same(class, text));
        let number = |text: &String| classes.iter().position(|class| class == text).or_else(|| same(text));
        let numbers: Vec<Option<usize>> = self.label_values.iter().map(number).collect();
        let labels: Vec<Option<usize>> = self.labels.iter().map(|label| numbers[(*label)?]).collect();
        let unknown =
            (0..self.n_rows()).filter(|&i| self.labels[i].is_some() && labels[i].is_none()).collect();
        (labels, unknown)
    }

    /// The label of row `i` as text.
    pub fn label(&self, i: usize) -> Option<&str> {
        self.labels[i].map(|label| self.label_values[label].as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(csv: &str) -> TableResult<AnyTable> {
        read_any_table(Source::bytes("inline", csv.to_owned().into()), &TableOptions::default())
    }

    fn classes(csv: &str) -> ClassTable {
        match read(csv).expect("a table") {
            AnyTable::Classes(table) => *table,
            AnyTable::Binary(_) => panic!("read as two classes"),
        }
    }

    #[test]
    fn columns_with_classes_are_told_by_their_names() {
        let table = classes(
            "id,split,y,rf:1,rf:2,rf:3,svm:1,svm:2,svm:3,note\n\
             a,train,1,0.7,0.2,0.1,0.6,0.3,0.1,x\nb,train,3,0.1,0.1,0.8,,,,y\nc,test,2.0,0.2,0.6,0.2,0.1,0.8,0.1,z\n",
        );
        assert_eq!(table.predictions.classifier_names(), ["rf", "svm"]);
        assert_eq!(table.labels, [Some(0), Some(2), Some(1)]);
        assert_eq!((table.in_train.clone(), table.predictions.n_missing()), (vec![true, true, false], 1));
        assert_eq!(table.ids.as_deref(), Some(&["a", "b", "c"].map(String::from)[..]));
        assert_eq!(table.data().expect("labels").labels(), [Some(0), Some(2), None]);
        // Two classes, and columns without a class, are the binary case.
        assert!(matches!(read("y,a:0,a:1\n1,0.2,0.8\n0,0.7,0.3\n1,0.4,0.6\n"), Ok(AnyTable::Binary(_))));
        assert!(matches!(read("y,a,b\n1,0.2,0.8\n0,0.7,0.4\n1,0.4,0.6\n"), Ok(AnyTable::Binary(_))));
    }

    #[test]
    fn data_without_a_file_make_a_table() {
        let csv = "label,w,rf:a,rf:b,rf:c\na,1,0.7,0.2,0.1\n,1,0.1,0.8,0.1\nc,1,0.2,0.2,0.6\n";
        let data =
            classes(csv).data().expect("labels").with_sample_weights(vec![1.0, 2.0, 3.0]).expect("three");
        let table = ClassTable::from_data("array", data.clone(), None).expect("a table");
        assert_eq!((table.label(0), table.label(1), table.label(2)), (Some("a"), None, Some("c")));
        let again = table.data().expect("labels");
        assert_eq!((again.labels(), again.sample_weights()), (data.labels(), data.sample_weights()));
        let groups = Some(vec!["one".to_owned()]);
        assert!(matches!(ClassTable::from_data("array", data, groups), Err(TableError::Data { .. })));
    }

    #[test]
    fn weights_and_costs_are_read() {
        let csv = "y,w,rf:a,rf:b,rf:c\na,2,0.7,0.2,0.1\nb,0.5,0.1,0.8,0.1\nc,1,0.2,0.2,0.6\n";
        let read =
            |options: &TableOptions| read_any_table(Source::bytes("inline", csv.to_owned().into()), options);
        let options = TableOptions { weight_column: Some("w".to_owned()), ..TableOptions::default() };
        let AnyTable::Classes(table) = read(&options).expect("weights") else { panic!("three classes") };
        assert_eq!(table.weights.as_deref(), Some(&[2.0, 0.5, 1.0][..]));
        assert_eq!(table.data().expect("labels").labeled_weights(), [2.0, 0.5, 1.0]);
        let options = TableOptions { cost_column: Some("w".to_owned()), ..TableOptions::default() };
        let AnyTable::Classes(table) = read(&options).expect("costs") else { panic!("three classes") };
        assert_eq!((table.costs.as_deref(), table.weights), (Some(&[2.0, 0.5, 1.0][..]), None));
    }

    #[test]
    fn labels_without_a_column_are_named_all_at_once() {
        let table = classes(
            "label,rf:a,rf:b,rf:c\na,0.7,0.2,0.1\nd,0.1,0.1,0.8\ne,0.1,0.1,0.8\nd,0.2,0.2,0.6\n?,0.3,0.3,0.4\n",
        );
        let error = table.data().expect_err("d and e").to_string();
        assert!(error.contains("\"d\" (2 rows), \"e\" (1 rows)"), "{error}");
        let (labels, unknown) = table.labels_among(table.predictions.classes());
        assert_eq!((labels, unknown), (vec![Some(0), None, None, None, None], vec![1, 2, 3]));
        assert_eq!((table.label(1), table.label(4)), (Some("d"), None));
    }

    #[test]
    fn sums_beside_one_are_refused_with_every_place() {
        let error = read("label,rf:a,rf:b,rf:c\na,0.7,0.2,0.3\nb,0.1,0.1,0.9\nc,0.1,0.1,0.8\n")
            .expect_err("1.2, 1.1");
        assert!(error.to_string().contains("2 predictions do not sum to 1"), "{error}");
    }
}
