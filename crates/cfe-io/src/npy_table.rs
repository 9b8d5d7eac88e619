//! Tables in arrays: R.npy (m x n) with labels.npy beside it, or both in one NPZ.

use std::fs::File;
use std::io::{BufReader, Seek as _};
use std::path::{Path, PathBuf};

use ndarray::{Array2, Array3, ArrayView1, ArrayView2, Axis, ShapeBuilder};
use zip::ZipArchive;

use crate::class_columns::ClassColumns;
use crate::labels::{self, LabelColumn};
use crate::layout::Layout;
use crate::npy::{Array, Origin, read_array};
use crate::options::TableOptions;
use crate::parts::Parts;
use crate::profile::{Profile, Sample, rows_to_look_at};
use crate::reading::{Labels, Reading, number};
use crate::roles::{Role, Roles};
use crate::rows::RowNumbers;
use crate::source::{Opened, unreadable};
use crate::table_error::{TableError, TableResult, list};

/// No archive of predictions needs more.
const MAX_ENTRIES: usize = 10_000;
/// Deflate packs at most 1032 bytes into one.
const MAX_DEFLATE: u64 = 1032;
/// Names an archive may use for the same thing.
const MATRIX: [&str; 13] = [
    "R",
    "predictions",
    "P",
    "preds",
    "pred",
    "probs",
    "proba",
    "probas",
    "probabilities",
    "oof",
    "scores",
    "X",
    "arr_0",
];
const CLASSIFIERS: [&str; 5] = ["classifiers", "classifier_names", "names", "models", "columns"];
const CLASSES: [&str; 4] = ["classes", "class_names", "classes_", "class_labels"];
const IDS: [&str; 5] = ["instance_id", "instance_ids", "ids", "id", "index"];
const WEIGHTS: [&str; 2] = ["sample_weight", "sample_weights"];
const FOLDS: [&str; 2] = ["fold", "cv_fold"];
const LABELS: [&str; 9] = ["labels", "label", "y", "y_true", "target", "targets", "truth", "Y", "arr_1"];
/// Names of the labels beside an .npy file.
const BESIDE: [&str; 2] = ["labels.npy", "y.npy"];

/// The arrays of one table.
struct Arrays {
    matrix: Array,
    /// With the file they lie in.
    labels: Option<(Array, String)>,
    labels_name: Option<String>,
    classifiers: Option<Vec<String>>,
    /// Labels of the classes of an array of three dimensions.
    classes: Option<Vec<String>>,
    /// Each with the name of its array.
    roles: Roles<(Vec<String>, String)>,
    guessed: Vec<Role>,
}

/// R.npy, with its labels.
pub(crate) fn read_npy(opened: Opened, options: &TableOptions) -> TableResult<Parts> {
    let (file, path, length) = (opened.file.clone(), opened.path.clone(), opened.len());
    // An array has no columns that an option could name.
    let roles = Role::ALL.into_iter().map(|role| (options.column(role), role.column()));
    for (name, option) in roles.chain([(options.label_column.clone(), "the label column")]) {
        if let Some(column) = name {
            return Err(TableError::UnknownColumn {
                file,
                column,
                option,
                available: "none, as an .npy file holds one array; use NPZ or a table with named columns"
                    .to_owned(),
            });
        }
    }
    let beside = path.and_then(|path| labels_beside(&path));
    let matrix = read_array(&mut opened.stream(), length, Origin { file: &file, array: "R" })?;
    let labels = match options.labels_file.clone().or(beside).filter(|_| options.labels != Labels::Ignored) {
        Some(path) => Some(read_labels(&path)?),
        None => None,
    };
    let (roles, guessed) = (Roles::default(), Vec::new());
    let arrays =
        Arrays { matrix, labels, labels_name: None, classifiers: None, classes: None, roles, guessed };
    arrays.into_parts(&file, options)
}

/// The file of labels that is read with an .npy file if none is named.
pub(crate) fn labels_beside(path: &Path) -> Option<PathBuf> {
    let folder = path.parent()?;
    let same = |other: &PathBuf| other.file_name() == path.file_name();
    BESIDE.iter().map(|name| folder.join(name)).find(|other| other.is_file() && !same(other))
}

fn read_labels(path: &Path) -> TableResult<(Array, String)> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => TableError::NotFound { file: name.clone() },
        _ => unreadable(&name, source),
    })?;
    let length = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|m| m.len());
    let array = read_array(&mut BufReader::new(file), length, Origin { file: &name, array: "labels" })?;
    Ok((array, name))
}

/// An NPZ archive.
pub(crate) fn read_npz(file: &str, mut handle: File, options: &TableOptions) -> TableResult<Parts> {
    let file = file.to_owned();
    let damaged = |reason: String| TableError::Damaged { file: file.clone(), format: "NPZ", reason };
    handle.rewind().map_err(|e| unreadable(&file, e))?;
    let mut archive = ZipArchive::new(BufReader::new(handle)).map_err(|e| damaged(e.to_string()))?;
    // An archive may promise any number of entries; a table needs a handful.
    if archive.len() > MAX_ENTRIES {
        return Err(damaged(format!("{} entries; at most {MAX_ENTRIES} are taken", archive.len())));
    }
    let names: Vec<String> =
        archive.file_names().filter_map(|n| n.ok()?.strip_suffix(".npy").map(str::to_owned)).collect();
    let has = |name: &str| names.iter().any(|n| n == name);
    let pick = |given: &Option<String>, defaults: &[&str], option| match given {
        Some(name) if has(name) => Ok(Some(name.clone())),
        Some(name) => Err(TableError::UnknownColumn {
            file: file.clone(),
            column: name.clone(),
            option,
            available: list(&names),
        }),
        None => Ok(defaults.iter().find(|name| has(name)).map(|name| (*name).to_owned())),
    };
    // An archive of one array holds the matrix, whatever that is called.
    let only = (names.len() == 1).then(|| names[0].clone());
    let matrix = pick(&None, &MATRIX, "the matrix")?.or(only).ok_or_else(|| TableError::MissingArray {
        file: file.clone(),
        wanted: list(&MATRIX[..3]),
        available: list(&names),
    })?;
    let labels = match options.labels {
        Labels::Ignored => None,
        // An archive of one array has it for the matrix, even under a name of labels.
        _ => pick(&options.label_column, &LABELS, "the label column")?.filter(|name| *name != matrix),
    };
    let classifiers = pick(&None, &CLASSIFIERS, "the classifiers")?;
    let classes = pick(&None, &CLASSES, "the classes")?;
    let labels_name = labels.clone();
    // Roles by their usual names, unless an option names the array.
    let (mut role_names, mut guessed) = (Roles::default(), Vec::new());
    for role in Role::ALL {
        let given = options.column(role);
        let usual: &[&str] = match role {
            Role::Id => &IDS,
            _ if options.not_guessed.contains(&role) => &[],
            Role::Weight => &WEIGHTS,
            Role::Fold => &FOLDS,
            _ => &[],
        };
        *role_names.slot(role) = pick(&given, usual, role.column())?;
        // Ids are what they are called, in an archive that has nothing else of this name.
        if role != Role::Id && given.is_none() && role_names.get(role).is_some() {
            guessed.push(role);
        }
    }
    // The names are settled. Only the arrays that are needed are unpacked.
    let mut array = |name: &str| read_entry(&mut archive, &file, name);
    let matrix = array(&matrix)?;
    let labels = match labels {
        Some(name) => Some((array(&name)?, name)),
        None => None,
    };
    let mut strings = |name: Option<String>| match name {
        None => Ok(None),
        Some(name) => {
            let origin = Origin { file: &file, array: &name };
            let found = array(&name)?;
            let strings = found.strings().ok_or_else(|| origin.damaged("text that is not Unicode"))?;
            Ok::<_, TableError>(Some((strings, name)))
        }
    };
    let classifiers = strings(classifiers)?.map(|(names, _)| names);
    let classes = strings(classes)?.map(|(names, _)| names);
    let mut roles = Roles::default();
    for role in Role::ALL {
        *roles.slot(role) = strings(role_names.slot(role).take())?;
    }
    let labels = labels.map(|(array, _)| (array, file.clone()));
    let arrays = Arrays { matrix, labels, labels_name, classifiers, classes, roles, guessed };
    arrays.into_parts(&file, options)
}

fn read_entry(archive: &mut ZipArchive<BufReader<File>>, file: &str, name: &str) -> TableResult<Array> {
    let origin = Origin { file, array: name };
    let mut entry = archive.by_name(&format!("{name}.npy")).map_err(|e| origin.damaged(e.to_string()))?;
    // Both sizes are only said in the archive: the memory still grows with what is read.
    let possible = entry.compressed_size().saturating_add(1).saturating_mul(MAX_DEFLATE);
    let (promised, available) = (entry.size(), possible);
    if promised > available {
        return Err(TableError::PromisesTooMuch {
            file: file.to_owned(),
            what: format!("array {name:?}"),
            promised: u128::from(promised),
            available,
        });
    }
    let array = read_array(&mut entry, None, origin)?;
    // Reading to the end checks the sum of the entry.
    let trailing =
        std::io::copy(&mut entry, &mut std::io::sink()).map_err(|e| origin.damaged(e.to_string()))?;
    if trailing > 0 {
        return Err(origin.damaged(format!("{trailing} bytes follow the array")));
    }
    Ok(array)
}

/// How the dimensions of an array are to be taken.
#[derive(Clone, Copy)]
struct Shape {
    m: usize,
    n: usize,
    /// Classes of an array of three dimensions, else 1.
    k: usize,
    /// Whether the array is instances x classifiers.
    turned: bool,
}

impl Arrays {
    fn shape(&self, file: &str, options: &TableOptions) -> TableResult<Shape> {
        let origin = Origin { file, array: "R" };
        // Three kinds of shapes: a matrix, one classifier, and several classes in the last dimension.
        let (a, b, k) = match *self.matrix.header.shape.as_slice() {
            [a, b] => (a, b, 1),
            [n] => (1, n, 1),
            [a, b, k] if k >= 2 => (a, b, k),
            ref shape => {
                let found = format!("an array of {} dimensions {shape:?}", shape.len());
                return Err(origin.wrong_type(
                    found,
                    "matrices of classifiers x instances, and arrays of classifiers x instances x classes",
                ));
            }
        };
        if a == 0 || b == 0 {
            return Err(TableError::Empty { file: file.to_owned() });
        }
        // What is known to go with the instances or the classifiers tells the two apart; of a square it
        // cannot.
        let instances = self.labels.as_ref().map(|(labels, _)| labels.len());
        let instances = instances.or(self.roles.id.as_ref().map(|(ids, _)| ids.len()));
        let classifiers = self.classifiers.as_ref().map(Vec::len);
        let classifiers = classifiers
            .or(options.classifiers.as_ref().map(Vec::len))
            .or(options.class_model.as_ref().map(|model| model.classifiers.len()));
        let turned = match (instances, classifiers) {
            (Some(n), _) => b != n && a == n,
            (None, Some(m)) => a != m && b == m,
            (None, None) => false,
        };
        Ok(if turned { Shape { m: b, n: a, k, turned } } else { Shape { m: a, n: b, k, turned } })
    }

    fn into_parts(self, file: &str, options: &TableOptions) -> TableResult<Parts> {
        let shape = self.shape(file, options)?;
        let Shape { m, n, k, .. } = shape;
        let mismatch = |what: &str, found, expected, remedy| TableError::LengthMismatch {
            file: file.to_owned(),
            what: what.to_owned(),
            found,
            expected,
            remedy,
        };
        // Names come from the archive, else from the model where the array has its size, else from numbers.
        let of_model = options.class_model.as_ref().map(|model| &model.classifiers);
        let usual = || match of_model.filter(|names| names.len() == m && k > 2) {
            Some(names) => names.clone(),
            None => (0..m).map(|u| format!("clf_{u}")).collect(),
        };
        let classifiers = self.classifiers.unwrap_or_else(usual);
        if classifiers.len() != m {
            return Err(mismatch("the list of classifiers", classifiers.len(), m, "name each row of R"));
        }
        let numbers = Numbers::read(self.matrix, file)?;
        let reading = options.reading();
        // Only several classes are named by the labels; what is wrong with cells is said before labels.
        let (mut early, mut late) = (None, self.labels);
        if k > 1
            && let Some((labels, from)) = late.take()
        {
            early = Some((labels_of(labels, &from, m, n, &reading)?, from));
        }
        let Rows { header, matrix, flat, notes } = match k {
            1 => numbers.matrix(file, shape, classifiers)?,
            _ => {
                let named = classes_of(file, k, self.classes, early.as_ref().map(|(l, _)| l), options)?;
                numbers.of_classes(file, shape, classifiers, named)?
            }
        };
        // From here on R is treated as a table with a column for each classifier.
        let layout = layout_of(file, &header, matrix.view(), options, &reading)?;
        let mut parts = Parts::new(file, &header, &layout);
        parts.rows = RowNumbers::instances();
        // Every row of the flat array is a cell of (classifier, class), in the order in which it was
        // flattened.
        if let Some((classifiers, classes)) = flat {
            let cell = |(place, &at): (usize, &usize)| (place, at / k, at % k);
            let cells = layout.classifiers.iter().enumerate().map(cell).collect();
            parts.class_columns =
                Some(ClassColumns { classifiers, classes, cells, ..ClassColumns::default() });
        }
        parts.taken.notes.extend(notes);
        parts.bare = true;
        // Whatever belongs to instances has one entry for each.
        for (role, (strings, name)) in self.roles.iter() {
            if strings.len() != n {
                let what = match role {
                    Role::Split => "the split".to_owned(),
                    _ => format!("the list of {}s", role.name()),
                };
                return Err(mismatch(&what, strings.len(), n, "give one for each instance of R"));
            }
            parts.roles.set(role, strings.clone());
            parts.taken.roles.set(role, name.clone());
        }
        parts.guessed = self.guessed;
        // R is copied only where a classifier is left out.
        let whole = layout.classifiers.iter().copied().eq(0..header.len());
        parts.matrix = if whole { matrix } else { matrix.select(Axis(0), &layout.classifiers) };
        parts.convert(&reading)?;
        // Two classes: labels are understood now, after the cells, so that the earlier fault is the one that
        // is said.
        let labels = match late {
            Some((labels, from)) => Some((labels_of(labels, &from, m, n, &reading)?, from)),
            None => early,
        };
        if let Some((labels, from)) = labels {
            parts.taken.label = Some(self.labels_name.unwrap_or_else(|| "labels".to_owned()));
            parts.labels = Some(labels);
            parts.labels_from = Some(from);
        }
        Ok(parts)
    }
}

/// The numbers of R in the order of the file.
struct Numbers {
    values: Vec<f64>,
    /// Whether the first dimension runs fastest.
    fortran: bool,
}

/// R as a table has it.
struct Rows {
    /// A name for each row.
    header: Vec<String>,
    /// Classifiers, or classes of classifiers, x instances.
    matrix: Array2<f64>,
    /// Of more than two classes: the classifiers and the classes, which the header has together.
    flat: Option<(Vec<String>, Vec<String>)>,
    /// What a person should know of it.
    notes: Vec<String>,
}

// No number moves here unless there are more than two classes: the order in the file and the turning are
// strides of the array.
impl Numbers {
    fn read(array: Array, file: &str) -> TableResult<Self> {
        let (fortran, kind) = (array.header.fortran, array.header.kind);
        let origin = Origin { file, array: "R" };
        let wrong = |_| origin.wrong_type(format!("{kind:?}"), "floats (and integers 0, 1)");
        Ok(Self { values: array.into_numbers().map_err(wrong)?, fortran })
    }

    /// One probability for each classifier and instance.
    fn matrix(self, file: &str, shape: Shape, classifiers: Vec<String>) -> TableResult<Rows> {
        let Shape { m, n, turned, .. } = shape;
        let given = if turned { (n, m) } else { (m, n) };
        let matrix = Array2::from_shape_vec(given.set_f(self.fortran), self.values).map_err(damaged(file))?;
        let note = || format!("the array is instances x classifiers ({n} x {m}), as the labels show");
        Ok(Rows {
            header: classifiers,
            matrix: if turned { matrix.reversed_axes() } else { matrix },
            flat: None,
            notes: turned.then(note).into_iter().collect(),
        })
    }

    /// One for each class: of two the positive one, of more a row for each classifier and class.
    fn of_classes(
        self,
        file: &str,
        shape: Shape,
        classifiers: Vec<String>,
        named: Named,
    ) -> TableResult<Rows> {
        let Shape { m, n, k, turned } = shape;
        let (given, order, axes) = match turned {
            true => ((n, m, k), "instances x classifiers", [1, 2, 0]),
            false => ((m, n, k), "classifiers x instances", [0, 2, 1]),
        };
        let cells = Array3::from_shape_vec(given.set_f(self.fortran), self.values).map_err(damaged(file))?;
        let cells = cells.permuted_axes(axes);
        let mut notes = vec![format!("the array is {order} x classes, {} x {} x {k}", given.0, given.1)];
        notes.extend(named.note);
        if k == 2 {
            let matrix = cells.index_axis_move(Axis(1), named.positive);
            return Ok(Rows { header: classifiers, matrix, flat: None, notes });
        }
        let rows_of = |name: &String| named.classes.iter().map(|k| format!("{name}:{k}")).collect::<Vec<_>>();
        let header = classifiers.iter().flat_map(rows_of).collect();
        let cells = cells.as_standard_layout().into_owned();
        let matrix = cells.into_shape_with_order((m * k, n)).map_err(damaged(file))?;
        Ok(Rows { header, matrix, flat: Some((classifiers, named.classes)), notes })
    }
}

fn damaged(file: &str) -> impl Fn(ndarray::ShapeError) -> TableError + '_ {
    |error| Origin { file, array: "R" }.damaged(error.to_string())
}

/// Which rows of R are classifiers, by the rules for the columns of a table.
fn layout_of(
    file: &str,
    header: &[String],
    matrix: ArrayView2<'_, f64>,
    options: &TableOptions,
    reading: &Reading,
) -> TableResult<Layout> {
    let m = header.len();
    let profile = |row: ArrayView1<'_, f64>| {
        let mut profile = Profile::default();
        row.iter().take(rows_to_look_at(m)).for_each(|&value| profile.add_number(value, reading));
        profile
    };
    let profiles = matrix.rows().into_iter().map(profile).collect();
    let plain = TableOptions {
        columns: options.columns.clone(),
        exclude: options.exclude.clone(),
        classifiers: options.classifiers.clone(),
        scale: options.scale,
        input: options.input,
        missing: options.missing.clone(),
        // Neither ids nor labels are among the rows of R, whatever those are called.
        labels: Labels::Ignored,
        ..TableOptions::default()
    };
    Layout::plan(file, header, &Sample { profiles, bare: true, ..Sample::default() }, &plain)
}

/// The classes of the last dimension of an array.
struct Named {
    classes: Vec<String>,
    /// Of two classes, the number of the positive one.
    positive: usize,
    note: Option<String>,
}

/// Names of the `k` classes: those of the archive, those of a model, or the labels in their order, which is
/// that of `classes_` in scikit-learn.
fn classes_of(
    file: &str,
    k: usize,
    given: Option<Vec<String>>,
    labels: Option<&LabelColumn>,
    options: &TableOptions,
) -> TableResult<Named> {
    let refused = |found: &[String]| TableError::ClassesOfArray {
        file: file.to_owned(),
        classes: k,
        found: list(found),
    };
    // Labels that are numbers are in the order of their values: 10 comes after 9.
    let mut known = labels.map(LabelColumn::known).unwrap_or_default();
    let value = |text: &String| number(text.as_bytes()).map(|(value, _)| value);
    if known.iter().all(|text| value(text).is_some()) {
        known.sort_by(|a, b| value(a).partial_cmp(&value(b)).unwrap_or(std::cmp::Ordering::Equal));
    } else {
        known.sort();
    }
    let of_model = options.class_model.as_ref().map(|model| model.classes.clone()).filter(|of| of.len() == k);
    let is_place = |text: &String| value(text).is_some_and(|v| v.fract() == 0.0 && v >= 0.0 && v < k as f64);
    // The archive says it best, then the model, then the labels, then places counted from 0.
    let (classes, note) = match (given, of_model) {
        (Some(given), _) if given.len() == k => (given, None),
        (Some(given), _) => return Err(refused(&given)),
        (None, Some(classes)) => (classes, Some("the classes of the model, in its order")),
        (None, None) if known.len() == k => {
            (known.clone(), Some("the classes are the labels in their order, as scikit-learn has them"))
        }
        (None, None) if known.iter().all(is_place) => {
            ((0..k).map(|k| k.to_string()).collect(), Some("the classes are numbered from 0"))
        }
        (None, None) => return Err(refused(&known)),
    };
    // Which of two is positive is for the labels to say; numbers that no label shows are in their order.
    let decided = labels
        .and_then(|labels| labels::decide(labels, options.positive_label.as_deref(), options.labels).ok());
    let positive = decided
        .and_then(|decided| decided.positive)
        .or_else(|| options.positive_label.clone().or_else(|| options.remembered.positive.clone()));
    let place = |positive: &String| classes.iter().position(|class| labels::same(class, positive));
    let positive = positive.as_ref().and_then(place).unwrap_or(1);
    Ok(Named { classes, positive, note: note.map(str::to_owned) })
}

fn labels_of(array: Array, from: &str, m: usize, n: usize, reading: &Reading) -> TableResult<LabelColumn> {
    if array.len() != n {
        // The instances are the side that the labels are closer to.
        let expected = if array.len().abs_diff(m) < array.len().abs_diff(n) { m } else { n };
        let remedy = match array.len() == m {
            true => "R is classifiers x instances: transpose it",
            false => "give one label for each instance of R, NaN for unlabeled",
        };
        return Err(TableError::LengthMismatch {
            file: from.to_owned(),
            what: format!("the array of labels, beside R of {m} x {n},"),
            found: array.len(),
            expected: if array.len() == m { n } else { expected },
            remedy,
        });
    }
    let mut column = LabelColumn::default();
    match array.into_numbers() {
        Ok(numbers) => numbers.into_iter().for_each(|value| column.push_number(value, reading)),
        Err(array) => {
            let origin = Origin { file: from, array: "labels" };
            let strings = array.strings().ok_or_else(|| origin.damaged("text that is not Unicode"))?;
            strings.into_iter().for_each(|text| column.push(text.as_bytes(), reading));
        }
    }
    Ok(column)
}
