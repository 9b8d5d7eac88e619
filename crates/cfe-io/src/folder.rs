//! Tables in several files: folders of parts, patterns and lists.

use std::path::{Path, PathBuf};

use ndarray::{Axis, concatenate};
use wildmatch::WildMatch;

use crate::contents::read_opened;
use crate::labels::LabelColumn;
use crate::options::TableOptions;
use crate::parts::Parts;
use crate::roles::Role;
use crate::rows::RowNumbers;
use crate::source::{Source, unreadable};
use crate::table_error::{TableError, TableResult, list};

/// The files of a folder or a pattern in their order; `None` for a path that is one file.
pub(crate) fn parts(path: &Path) -> TableResult<Option<Vec<PathBuf>>> {
    let name = path.display().to_string();
    if path.is_dir() {
        // Spark and dask put markers such as _SUCCESS beside the parts.
        let files = listed(path, &|base| !base.starts_with(['_', '.']), &name)?;
        return match files.is_empty() {
            true => Err(TableError::NoParts { path: name }),
            false => Ok(Some(files)),
        };
    }
    let base = path.file_name().map(|base| base.to_string_lossy().into_owned()).unwrap_or_default();
    // A file comes first, even if its name reads as a pattern.
    if path.exists() || !base.contains(['*', '?']) {
        return Ok(None);
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let glob = WildMatch::new(&base);
    let files = listed(folder, &|base| glob.matches(base), &name)?;
    match files.is_empty() {
        true => Err(TableError::NoParts { path: name }),
        false => Ok(Some(files)),
    }
}

fn listed(folder: &Path, is_part: &dyn Fn(&str) -> bool, name: &str) -> TableResult<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|e| unreadable(name, e))?;
    let files = entries.flatten().map(|entry| entry.path()).filter(|path| {
        path.is_file() && path.file_name().is_some_and(|base| is_part(&base.to_string_lossy()))
    });
    let mut files: Vec<PathBuf> = files.collect();
    files.sort();
    Ok(files)
}

/// Reads the files one after the other as one table.
pub(crate) fn read(name: String, files: &[PathBuf], options: &TableOptions) -> TableResult<Parts> {
    let Some((first, rest)) = files.split_first() else { return Err(TableError::NoParts { path: name }) };
    let mut all = read_opened(Source::Path(first.clone()).open()?, options)?;
    // What the first part was taken for, the others are.
    let mut as_first = options.clone();
    as_first.name_columns(&all.taken.roles);
    as_first.not_guessed = vec![Role::Weight, Role::Fold];
    as_first.label_column = all.taken.label.clone();
    // In a long table the classifiers are rows, and another part may have others.
    if all.roles.model.is_none() {
        as_first.classifiers = Some(all.names.clone());
    }
    let mut matrices = vec![std::mem::take(&mut all.matrix)];
    let first_rows = std::mem::replace(&mut all.rows, RowNumbers::rows());
    let mut of_files = vec![(all.file.clone(), matrices[0].ncols(), first_rows)];
    for path in rest {
        let part = read_opened(Source::Path(path.clone()).open()?, &as_first);
        // What a part lacks is missed by the parts before, unless a model says which columns there are.
        let part = part.map_err(|error| match error {
            TableError::MissingClassifier { file, columns, available, .. }
                if options.classifiers.is_none() =>
            {
                TableError::MissingInPart { file, columns, available }
            }
            error => error,
        })?;
        let part_taken = part.taken.clone();
        if part.names != all.names {
            // A long table names its classifiers in its rows; here a part names its columns.
            let lacking: Vec<&String> = all.names.iter().filter(|name| !part.names.contains(name)).collect();
            let more = part.names.iter().filter(|name| !all.names.contains(name));
            let (file, columns) = match lacking.is_empty() {
                true => (all.file, more.collect()),
                false => (part.file, lacking),
            };
            let available = list(&part.names);
            return Err(TableError::MissingInPart { file, columns: list(&columns), available });
        }
        // Where labels are not needed, some parts may come without them: their rows are unlabeled.
        let rows = part.matrix.ncols();
        match (&mut all.labels, part.labels) {
            (Some(all), part) => all.extend(part.unwrap_or_else(|| LabelColumn::unlabeled(rows))),
            (None, Some(part)) => {
                let before = matrices.iter().map(|matrix| matrix.ncols()).sum();
                let mut labels = LabelColumn::unlabeled(before);
                labels.extend(part);
                all.labels = Some(labels);
                all.taken.label.clone_from(&part_taken.label);
                as_first.label_column.clone_from(&part_taken.label);
            }
            (None, None) => {}
        }
        of_files.push((part.file, rows, part.rows));
        matrices.push(part.matrix);
        all.roles.extend(part.roles);
    }
    let views: Vec<_> = matrices.iter().map(|matrix| matrix.view()).collect();
    all.matrix = concatenate(Axis(1), &views).expect("as many classifiers in each part");
    if !rest.is_empty() {
        all.taken.notes.push(format!("{} files put together", files.len()));
    }
    (all.file, all.rows) = (name, RowNumbers::of_files(of_files));
    Ok(all)
}
