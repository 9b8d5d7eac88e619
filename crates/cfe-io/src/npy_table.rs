//! Tables in arrays: R.npy (m x n) with labels.npy beside it, or both in one NPZ.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use ndarray::{Array2, ShapeBuilder};
use zip::ZipArchive;

use crate::cells;
use crate::npy::{Array, Origin, read_array};
use crate::options::{Layout, TableOptions};
use crate::source::{Opened, unreadable};
use crate::table::{Parts, RowNumbers};
use crate::table_error::{TableError, TableResult, list, shorten};

/// No archive of predictions needs more.
const MAX_ENTRIES: usize = 10_000;
/// Deflate packs at most 1032 bytes into one.
const MAX_DEFLATE: u64 = 1032;
/// Names an archive may use for the same thing.
const MATRIX: [&str; 2] = ["R", "predictions"];
const CLASSIFIERS: [&str; 3] = ["classifiers", "classifier_names", "names"];
const IDS: [&str; 3] = [crate::options::DEFAULT_ID, "instance_ids", "ids"];
const LABELS: [&str; 2] = ["labels", crate::options::DEFAULT_LABEL];

/// The arrays of one table.
struct Arrays {
    matrix: Array,
    labels: Option<(Array, String)>,
    classifiers: Option<Vec<String>>,
    ids: Option<(Vec<String>, String)>,
    split: Option<(Vec<String>, String)>,
    groups: Option<(Vec<String>, String)>,
}

/// R.npy, with its labels.
pub(crate) fn read_npy(opened: Opened, options: &TableOptions) -> TableResult<Parts> {
    let (file, path, length) = (opened.file.clone(), opened.path.clone(), opened.len());
    for (name, option) in [
        (&options.id_column, "the id column"),
        (&options.label_column, "the label column"),
        (&options.split_column, "the split column"),
        (&options.group_column, "the group column"),
    ] {
        if let Some(column) = name {
            return Err(TableError::UnknownColumn {
                file,
                column: column.clone(),
                option,
                available: "none, as an .npy file holds one array; use NPZ or a table with named columns"
                    .to_owned(),
            });
        }
    }
    let beside = path.and_then(|p| Some(p.parent()?.join("labels.npy"))).filter(|p| p.is_file());
    let matrix = read_array(&mut opened.stream(), length, Origin { file: &file, array: "R" })?;
    let labels = match options.labels_file.clone().or(beside) {
        Some(path) => Some(read_labels(&path)?),
        None => None,
    };
    let arrays = Arrays { matrix, labels, classifiers: None, ids: None, split: None, groups: None };
    arrays.into_parts(&file, options)
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
pub(crate) fn read_npz(opened: Opened, options: &TableOptions) -> TableResult<Parts> {
    let file = opened.file.clone();
    let damaged = |reason: String| TableError::Damaged { file: file.clone(), format: "NPZ", reason };
    let mut archive =
        ZipArchive::new(BufReader::new(opened.seekable()?)).map_err(|e| damaged(e.to_string()))?;
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
    let matrix = pick(&None, &MATRIX, "the matrix")?.ok_or_else(|| TableError::MissingArray {
        file: file.clone(),
        wanted: list(&MATRIX),
        available: list(&names),
    })?;
    let labels = pick(&options.label_column, &LABELS, "the label column")?;
    let classifiers = pick(&None, &CLASSIFIERS, "the classifiers")?;
    let ids = pick(&options.id_column, &IDS, "the id column")?;
    let split = pick(&options.split_column, &[], "the split column")?;
    let groups = pick(&options.group_column, &[], "the group column")?;
    let mut array = |name: &str| read_entry(&mut archive, &file, name);
    let matrix = array(&matrix)?;
    let labels = match labels {
        Some(name) => Some((array(&name)?, file.clone())),
        None => None,
    };
    let mut strings = |name: Option<String>| match name {
        None => Ok(None),
        Some(name) => {
            let origin = Origin { file: &file, array: &name };
            let found = array(&name)?;
            let strings = found.strings().ok_or_else(|| origin.damaged("text that is no Unicode"))?;
            Ok::<_, TableError>(Some((strings, name)))
        }
    };
    let (classifiers, ids) = (strings(classifiers)?.map(|(names, _)| names), strings(ids)?);
    let (split, groups) = (strings(split)?, strings(groups)?);
    Arrays { matrix, labels, classifiers, ids, split, groups }.into_parts(&file, options)
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

impl Arrays {
    fn into_parts(self, file: &str, options: &TableOptions) -> TableResult<Parts> {
        let origin = Origin { file, array: "R" };
        let &[m, n] = self.matrix.header.shape.as_slice() else {
            let shape = format!("an array of {} dimensions", self.matrix.header.shape.len());
            return Err(origin.wrong_type(shape, "matrices of classifiers x instances (m x n)"));
        };
        if m == 0 || n == 0 {
            return Err(TableError::Empty { file: file.to_owned() });
        }
        let mismatch = |what: &str, found, expected, remedy| TableError::LengthMismatch {
            file: file.to_owned(),
            what: what.to_owned(),
            found,
            expected,
            remedy,
        };
        let header = self.classifiers.unwrap_or_else(|| (0..m).map(|u| format!("clf_{u}")).collect());
        if header.len() != m {
            return Err(mismatch("the list of classifiers", header.len(), m, "name each row of R"));
        }
        let plain = TableOptions {
            columns: options.columns.clone(),
            classifiers: options.classifiers.clone(),
            // Neither ids nor labels are among the rows of R, whatever those are called.
            ..TableOptions::default()
        };
        let mut layout = Layout::plan(file, &header, &plain)?;
        (layout.id, layout.label) = (None, None);
        let mut parts = Parts::new(file, &header, &layout);
        parts.rows = RowNumbers::instances();
        for (what, list, slot) in [
            ("the list of ids", self.ids, &mut parts.ids),
            ("the split", self.split, &mut parts.split),
            ("the list of groups", self.groups, &mut parts.groups),
        ] {
            let Some((strings, name)) = list else { continue };
            if strings.len() != n {
                return Err(mismatch(what, strings.len(), n, "give one for each column of R"));
            }
            if what == "the list of ids" {
                parts.id_column = name;
            }
            *slot = Some(strings);
        }
        let (big, size) = (self.matrix.header.fortran, self.matrix.header.kind);
        let numbers = self
            .matrix
            .into_numbers()
            .map_err(|_| origin.wrong_type(format!("{size:?}"), "float32 and float64 (and integers 0, 1)"))?;
        let matrix =
            Array2::from_shape_vec((m, n).set_f(big), numbers).map_err(|e| origin.damaged(e.to_string()))?;
        let whole = layout.classifiers.iter().copied().eq(0..m);
        parts.matrix = if whole { matrix } else { matrix.select(ndarray::Axis(0), &layout.classifiers) };
        parts.check_probabilities()?;
        parts.truth = match self.labels {
            None => vec![None; n],
            Some((labels, from)) => labels_of(labels, &from, m, n, &parts)?,
        };
        Ok(parts)
    }
}

fn labels_of(array: Array, from: &str, m: usize, n: usize, parts: &Parts) -> TableResult<Vec<Option<bool>>> {
    if array.len() != n {
        let remedy = match array.len() == m {
            true => "R is classifiers x instances: transpose it",
            false => "give one label for each column of R, NaN for unlabeled",
        };
        return Err(TableError::LengthMismatch {
            file: from.to_owned(),
            what: "the array of labels".to_owned(),
            found: array.len(),
            expected: n,
            remedy,
        });
    }
    let bad = |i: usize, value: String| {
        let mut place = parts.place(i, "labels");
        from.clone_into(&mut place.file);
        TableError::InvalidLabel { place, value }
    };
    let array = match array.into_numbers() {
        Ok(numbers) => {
            let label = |(i, v): (usize, f64)| cells::number_label(v).map_err(|()| bad(i, v.to_string()));
            return numbers.into_iter().enumerate().map(label).collect();
        }
        Err(array) => array,
    };
    let origin = Origin { file: from, array: "labels" };
    let strings = array.strings().ok_or_else(|| origin.damaged("text that is no Unicode"))?;
    let label =
        |(i, s): (usize, String)| cells::label(s.as_bytes()).map_err(|()| bad(i, shorten(s.as_bytes())));
    strings.into_iter().enumerate().map(label).collect()
}
