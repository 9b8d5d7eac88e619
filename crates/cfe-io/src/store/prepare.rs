//! Tables of any size into a store.

use std::path::{Path, PathBuf};

use cfe_core::Dtype;
use cfe_core::shards::{SHARD_ROWS, Shape};

use super::manifest::Manifest;
use super::writer::Writer;
use super::{Store, StoreError, chunks};
use crate::folder;
use crate::options::{Remembered, TableOptions};
use crate::roles::{Role, Roles};
use crate::source::shown;
use crate::taken::Taken;
use crate::warning::TableWarning;

/// How a store is written.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PrepareOptions {
    /// What the columns mean, as for [`read_table`](crate::read_table).
    pub table: TableOptions,
    /// Number format of the cells: f32 rounds them to 7 digits and takes half the room.
    pub dtype: Dtype,
    /// Rows of a shard, a power of two from 4096.
    pub shard_rows: usize,
}

impl Default for PrepareOptions {
    fn default() -> Self {
        Self { table: TableOptions::default(), dtype: Dtype::F32, shard_rows: SHARD_ROWS }
    }
}

/// A store that was just written.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Prepared {
    /// The store.
    pub store: Store,
    /// What the columns of the first rows were taken for; all others were read in the same way.
    pub taken: Taken,
    /// What is odd about the first rows.
    pub warnings: Vec<TableWarning>,
}

/// Reads tables once, checks every cell, and writes a store to a folder that is new or empty. A table is a
/// file, a folder of parts or a pattern; several are one after the other. `on_rows` sees the rows read so far
/// and may stop the work with `false`.
///
/// CSV, TSV and Parquet are read in parts of some MB, so that memory stays at a shard and some parts whatever
/// their size; other formats are read whole, file by file. The first rows decide what the columns mean. Ids
/// are kept and not compared between parts.
///
/// ```
/// use cfe_io::store::{PrepareOptions, Store, prepare};
///
/// let dir = tempfile::tempdir()?;
/// let csv = dir.path().join("table.csv");
/// std::fs::write(&csv, "id,label,forest,svm\na,1,0.9,0.7\nb,0,0.2,\nc,,0.4,0.6\n")?;
/// let folder = dir.path().join("store");
/// prepare(&[csv], &folder, &PrepareOptions::default(), &mut |_| true)?;
/// let store = Store::open(&folder)?;
/// assert_eq!((store.shape().rows, store.counts().positives), (3, 1));
/// assert_eq!(store.ids(0)?, ["a", "b", "c"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`StoreError`]; without its description, which is written last, nothing takes the folder for a store.
pub fn prepare(
    tables: &[PathBuf],
    folder: &Path,
    options: &PrepareOptions,
    on_rows: &mut dyn FnMut(u64) -> bool,
) -> Result<Prepared, StoreError> {
    // Times need all rows at once, and models of rows a long table: both are refused before any row is read.
    let kept = [Role::Id, Role::Split, Role::Group, Role::Weight, Role::Fold, Role::Cost];
    for role in Role::ALL.into_iter().filter(|role| !kept.contains(role)) {
        if let Some(column) = options.table.column(role) {
            return Err(StoreError::NotKept { role: role.name(), column });
        }
    }
    // A wrong size is said before the work.
    let shard_rows = Shape::new(vec![String::new()], 1, "")
        .and_then(|shape| shape.with_shard_rows(options.shard_rows))
        .map_err(|source| crate::TableError::Data { file: shown(folder), source })?
        .shard_rows;
    claim(folder)?;
    // A folder or a pattern is its parts, in their order; the rows of a store are numbered through all of
    // them.
    let mut files = Vec::new();
    for table in tables {
        files.extend(folder::parts(table)?.unwrap_or_else(|| vec![table.clone()]));
    }
    let mut reading = options.table.clone();
    // Whether folds can be followed shows when all rows are there, so none are guessed.
    reading.not_guessed.push(Role::Fold);
    // The positive class need not be among the first rows.
    let wanted = reading.positive_label.take();
    reading.remembered.positive = wanted.clone().or(reading.remembered.positive);
    let mut first: Option<(Writer, Taken, Vec<TableWarning>)> = None;
    for file in &files {
        chunks::each(file, &mut reading, &mut |table| {
            let (writer, ..) = first.get_or_insert_with(|| {
                let writer = Writer::new(folder, &table, options.dtype, shard_rows);
                (writer, table.taken.clone(), table.warnings.clone())
            });
            // A table without the wanted class may have been read by another rule.
            if let (Some(wanted), Some(found)) = (&wanted, &table.taken.positive)
                && !found.eq_ignore_ascii_case(wanted)
            {
                let tables = tables.iter().map(|path| shown(path)).collect::<Vec<_>>().join(", ");
                return Err(StoreError::NoPositive { tables, wanted: wanted.clone() });
            }
            writer.append(&table)?;
            if on_rows(writer.rows()) { Ok(()) } else { Err(StoreError::Stopped) }
        })?;
    }
    // Every row is read. The last shard is written, and then the description, without which there is no
    // store.
    let tables: Vec<String> = tables.iter().map(|path| shown(path)).collect();
    let Some((mut writer, mut taken, warnings)) = first else {
        return Err(StoreError::NoRow { tables: tables.join(", ") });
    };
    writer.flush()?;
    if let Some(wanted) = wanted
        && writer.counts.positives + writer.counts.held_out_positives == 0
    {
        return Err(StoreError::NoPositive { tables: tables.join(", "), wanted });
    }
    taken.positive = reading.remembered.positive.clone();
    let manifest = Manifest {
        kind: String::new(),
        version: 0,
        classifier_names: taken.classifiers.clone(),
        rows: writer.rows(),
        shard_rows,
        dtype: writer.dtype(),
        has_ids: taken.roles.id.is_some(),
        has_weights: writer.has_weights(),
        tables,
        columns: kept_columns(&taken, &options.table),
        counts: writer.counts,
        fingerprint: String::new(),
        shards: std::mem::take(&mut writer.shards),
    };
    let store = Store::create(folder, manifest.finish())?;
    Ok(Prepared { store, taken, warnings })
}

/// What a store remembers of its tables: what it keeps of them, and how their cells were read, for a model to
/// read the cells of another table in the same way.
fn kept_columns(taken: &Taken, options: &TableOptions) -> Remembered {
    let columns = Remembered::of(taken);
    Remembered {
        missing: options.missing.clone(),
        scale: options.scale,
        input: options.input,
        roles: Roles { time: None, model: None, ..columns.roles },
        ..columns
    }
}

/// Makes the folder, or takes an empty one.
fn claim(folder: &Path) -> Result<(), StoreError> {
    let unwritable = |source| crate::WriteError::Unwritable { path: shown(folder), source };
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    match std::fs::read_dir(folder).map_err(unwritable)?.next() {
        Some(_) => Err(StoreError::NotEmpty { path: shown(folder) }),
        None => Ok(()),
    }
}
