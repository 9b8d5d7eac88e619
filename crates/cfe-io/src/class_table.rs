//! Tables of more than two classes: columns `<classifier>:<class>`.

use std::collections::HashSet;

use cfe_core::Error;
use cfe_core::classes::{ClassData, ClassPredictions};
use ndarray::Array3;

use crate::labels;
use crate::options::TableOptions;
use crate::parts::Parts;
use crate::reading::Labels;
use crate::roles::Role;
use crate::source::Source;
use crate::table::{Table, read_parts};
use crate::table_error::{TableError, TableResult, list, shorten};
use crate::taken::{PassedOver, Taken};
use crate::warning::{self, TableWarning};

/// What stands between classifier and class in the name of a column.
const SEPARATOR: char = ':';
/// Fewer classes than this are two classes.
const LEAST_CLASSES: usize = 3;

/// A table of two classes or of more.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum AnyTable {
    /// One column for each classifier.
    Binary(Box<Table>),
    /// Columns `<classifier>:<class>` of three or more classes.
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
    /// What is odd but no reason to stop.
    pub warnings: Vec<TableWarning>,
    /// What was taken for what.
    pub taken: Taken,
}

/// Reads a table of two classes, as [`read_table`](crate::read_table), or of more: where the names of the
/// columns have the form `<classifier>:<class>` with three or more classes.
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

fn any_of(parts: Parts, options: &TableOptions) -> TableResult<AnyTable> {
    // A long table has the classifiers in rows, and one positive label makes two classes of many.
    let two = parts.roles.model.is_some() || parts.average || options.positive_label.is_some();
    match of_header(&parts.names).filter(|_| !two && options.classifiers.is_none()) {
        Some(columns) => Ok(AnyTable::Classes(Box::new(assemble(parts, columns, options)?))),
        None => Ok(AnyTable::Binary(Box::new(parts.assemble(options)?))),
    }
}

/// The classifiers and classes that names of columns have, in the order in which they are met.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ClassColumns {
    classifiers: Vec<String>,
    classes: Vec<String>,
    /// (column, classifier, class), each by its number.
    cells: Vec<(usize, usize, usize)>,
    /// Columns of another form.
    others: Vec<usize>,
}

/// Takes names apart at the last colon; `None` where they do not make a classifier of two classes at least
/// and three classes in all.
pub(crate) fn of_header(names: &[String]) -> Option<ClassColumns> {
    let mut found =
        ClassColumns { classifiers: Vec::new(), classes: Vec::new(), cells: Vec::new(), others: Vec::new() };
    let number = |list: &mut Vec<String>, name: &str| match list.iter().position(|own| own == name) {
        Some(place) => place,
        None => {
            list.push(name.to_owned());
            list.len() - 1
        }
    };
    for (at, name) in names.iter().enumerate() {
        match name.rsplit_once(SEPARATOR).map(|(u, k)| (u.trim(), k.trim())) {
            Some((u, k)) if !u.is_empty() && !k.is_empty() => {
                let (u, k) = (number(&mut found.classifiers, u), number(&mut found.classes, k));
                found.cells.push((at, u, k));
            }
            _ => found.others.push(at),
        }
    }
    let of = |u: usize| found.cells.iter().filter(|cell| cell.1 == u).count();
    let several = (0..found.classifiers.len()).any(|u| of(u) >= 2);
    (several && found.classes.len() >= LEAST_CLASSES).then_some(found)
}

fn assemble(mut parts: Parts, columns: ClassColumns, options: &TableOptions) -> TableResult<ClassTable> {
    let mut warnings = std::mem::take(&mut parts.warnings);
    for &at in &columns.others {
        let reason = "its name is not of the form classifier:class";
        parts.taken.passed_over.push(PassedOver::new(&parts.names[at], reason));
    }
    warnings.extend(warning::clip(&parts.file, &parts.names, &mut parts.matrix));
    let n = parts.matrix.ncols();
    let (m, k) = (columns.classifiers.len(), columns.classes.len());
    let mut values = Array3::from_elem((m, n, k), f64::NAN);
    for &(at, u, class) in &columns.cells {
        values.slice_mut(ndarray::s![u, .., class]).assign(&parts.matrix.row(at));
    }
    let file = parts.file.clone();
    let refused = |source| TableError::Data { file: file.clone(), source };
    let predictions = ClassPredictions::new(values, columns.classifiers.clone(), columns.classes.clone())
        .map_err(refused)?;
    let in_train = parts.train_rows(options, &mut warnings);
    let (labels, label_values) = labels_of(&mut parts, &columns.classes, options)?;
    // A fold, a time or a cost that was guessed is not missed.
    for role in [Role::Fold, Role::Time, Role::Cost] {
        if parts.roles.slot(role).is_some() && options.column(role).is_some() {
            let column = parts.taken_for(role).to_owned();
            return Err(TableError::RoleOfTwoClasses { file: parts.file, role: role.name(), column });
        }
        parts.set_aside(role, "they belong to two classes");
    }
    let seen: Vec<Option<bool>> =
        labels.iter().zip(&in_train).map(|(label, &train)| label.filter(|_| train).map(|_| true)).collect();
    let weights = parts.row_values(options, &seen, &mut warnings)?.weights;
    let ids = ids_of(&mut parts)?;
    parts.taken.classifiers = columns.classifiers;
    parts.taken.notes.push(format!("{k} classes: {}", list(predictions.classes())));
    Ok(ClassTable {
        file: parts.file,
        predictions,
        labels,
        label_values,
        in_train,
        split: parts.roles.split,
        groups: parts.roles.group,
        ids,
        weights,
        warnings,
        taken: parts.taken,
    })
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
    match twice {
        Some(second) if !guessed => {
            let first = ids.iter().position(|id| *id == ids[second]).expect("it occurs before");
            let place = parts.place(second, &column);
            let value = shorten(ids[second].as_bytes());
            Err(TableError::DuplicateId { place, value, first: parts.rows.row(first) })
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

    /// The class of each row among `classes` (n); `None` for a row without a label, and for one whose label
    /// is none of them, of which the second list has the numbers of the rows.
    pub fn labels_among(&self, classes: &[String]) -> (Vec<Option<usize>>, Vec<usize>) {
        let number = |text: &String| classes.iter().position(|class| class == text);
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
    fn weights_are_read_and_columns_for_two_classes_are_refused_by_name() {
        let csv = "y,w,rf:a,rf:b,rf:c\na,2,0.7,0.2,0.1\nb,0.5,0.1,0.8,0.1\nc,1,0.2,0.2,0.6\n";
        let read =
            |options: &TableOptions| read_any_table(Source::bytes("inline", csv.to_owned().into()), options);
        let options = TableOptions { weight_column: Some("w".to_owned()), ..TableOptions::default() };
        let AnyTable::Classes(table) = read(&options).expect("weights") else { panic!("three classes") };
        assert_eq!(table.weights.as_deref(), Some(&[2.0, 0.5, 1.0][..]));
        assert_eq!(table.data().expect("labels").labeled_weights(), [2.0, 0.5, 1.0]);
        let options = TableOptions { cost_column: Some("w".to_owned()), ..TableOptions::default() };
        assert!(matches!(read(&options), Err(TableError::RoleOfTwoClasses { role: "cost", .. })));
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
