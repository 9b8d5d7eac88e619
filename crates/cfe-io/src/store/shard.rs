//! One shard in memory.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int8Type};
use arrow_array::{Array, Float32Array, Float64Array, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::root_as_footer;
use cfe_core::Dtype;
use cfe_core::shards::{Block, StoredPredictions};
use ndarray::Array2;
use sha2::{Digest, Sha256};

use super::manifest::{ids_name, roles_name};
use super::writer::{COST, FOLD, GROUP};
use super::{Store, StoreError};
use crate::fingerprint::hex;
use crate::guarded;
use crate::source::shown;

/// The rows of one shard. The probabilities stay in the bytes of the file.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Shard {
    /// Number of the first row.
    pub first: u64,
    /// The labels that training may see (k).
    pub labels: Vec<Option<bool>>,
    /// Labels as given (k), those outside the train split too.
    pub truth: Vec<Option<bool>>,
    /// Whether a row is of the train split (k).
    pub in_train: Vec<bool>,
    /// How much each row counts (k), where the store has weights.
    pub weights: Option<Vec<f64>>,
    columns: Columns,
    /// The file, which the columns lie in.
    file: Buffer,
}

/// The probabilities as they were stored, classifier by classifier.
#[derive(Debug, Clone)]
enum Columns {
    F32(Vec<Float32Array>),
    F64(Vec<Float64Array>),
}

impl StoredPredictions for Columns {
    fn n_classifiers(&self) -> usize {
        match self {
            Self::F32(columns) => columns.len(),
            Self::F64(columns) => columns.len(),
        }
    }

    fn n_instances(&self) -> usize {
        match self {
            Self::F32(columns) => columns.first().map_or(0, Array::len),
            Self::F64(columns) => columns.first().map_or(0, Array::len),
        }
    }

    fn copy(&self, classifier: usize, start: usize, out: &mut [f64]) {
        match self {
            Self::F32(columns) => {
                let values = &columns[classifier].values()[start..][..out.len()];
                out.iter_mut().zip(values).for_each(|(out, &r)| *out = f64::from(r));
            }
            Self::F64(columns) => {
                out.copy_from_slice(&columns[classifier].values()[start..][..out.len()]);
            }
        }
    }
}

/// What the rows of a shard have beside predictions and labels, as far as the store has it.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct RowRoles {
    /// What each row belongs to (k).
    pub groups: Option<Vec<String>>,
    /// The fold that each row was held out in (k).
    pub folds: Option<Vec<String>>,
    /// What a wrong decision about each row costs (k).
    pub costs: Option<Vec<f64>>,
}

impl Shard {
    /// The shard as a view for a pass.
    ///
    /// # Errors
    /// None in practice, as the lengths are equal.
    pub fn block(&self) -> cfe_core::Result<Block<'_>> {
        let block = Block::stored(self.first, &self.columns, &self.labels)?;
        match &self.weights {
            Some(weights) => block.with_sample_weights(weights),
            None => Ok(block),
        }
    }

    /// A copy of the probabilities (m x k).
    pub fn predictions(&self) -> Array2<f64> {
        let (m, rows) = (self.columns.n_classifiers(), self.columns.n_instances());
        let mut out = Array2::zeros((m, rows));
        for (u, mut row) in out.rows_mut().into_iter().enumerate() {
            self.columns.copy(u, 0, row.as_slice_mut().expect("stored row by row"));
        }
        out
    }

    /// The memory of the file, for the next shard.
    pub(super) fn into_spare(self) -> Spare {
        drop(self.columns);
        // A clone of the shard may still be somewhere; then the next file gets memory of its own.
        Spare { bytes: self.file.into_vec().unwrap_or_default() }
    }
}

/// Memory that is used again for the next shard.
#[derive(Debug, Default)]
pub(super) struct Spare {
    bytes: Vec<u8>,
}

impl Store {
    /// Reads a shard and checks that its bytes are those that were written.
    ///
    /// # Errors
    /// [`StoreError::MissingShard`], [`StoreError::OtherLength`], [`StoreError::Changed`],
    /// [`StoreError::Unreadable`].
    ///
    /// # Panics
    /// If there is no such shard.
    pub fn shard(&self, shard: u64) -> Result<Shard, StoreError> {
        self.read(shard, true, Spare::default())
    }

    /// `verify` is whether the hash is looked at beside the length.
    pub(super) fn read(&self, shard: u64, verify: bool, spare: Spare) -> Result<Shard, StoreError> {
        let path = self.shard_path(shard);
        let file = &self.manifest.shards[usize::try_from(shard).expect("shards are counted in memory")];
        let (rows, m) = (file.rows as usize, self.shape().n_classifiers());
        // Bytes first: the length always, the hash where it is asked for.
        let mut bytes = spare.bytes;
        read_file(&path, file.bytes, &mut bytes)?;
        if verify && hex(&Sha256::digest(&bytes)) != file.sha256 {
            return Err(StoreError::Changed { path: shown(&path) });
        }
        let unreadable =
            |reason: &str| StoreError::Unreadable { path: shown(&path), reason: reason.to_owned() };
        let file = Buffer::from_vec(bytes);
        let batch = decode(&file).map_err(|reason| unreadable(&reason))?;
        // Then the columns: those of the classifiers, label and train, and a weight where the store has some.
        if batch.num_rows() != rows || batch.num_columns() != m + 2 + usize::from(self.has_weights()) {
            return Err(unreadable("it has other rows or columns than the store says"));
        }
        let of_classifiers = &batch.columns()[..m];
        let columns = match self.dtype() {
            Dtype::F32 => {
                let values_of = |column: &dyn Array| column.as_primitive_opt::<Float32Type>().cloned();
                let columns = of_classifiers.iter().map(|column| values_of(column)).collect::<Option<_>>();
                Columns::F32(columns.ok_or_else(|| unreadable("a column is not f32"))?)
            }
            Dtype::F64 => {
                let values_of = |column: &dyn Array| column.as_primitive_opt::<Float64Type>().cloned();
                let columns = of_classifiers.iter().map(|column| values_of(column)).collect::<Option<_>>();
                Columns::F64(columns.ok_or_else(|| unreadable("a column is not f64"))?)
            }
        };
        // Labels as given; those that training may see are the ones of the train split.
        let (labels, train) = (batch.column(m), batch.column(m + 1));
        let (Some(labels), Some(train)) = (labels.as_primitive_opt::<Int8Type>(), train.as_boolean_opt())
        else {
            return Err(unreadable("its labels are of another type"));
        };
        let truth: Vec<Option<bool>> = labels.iter().map(|label| label.map(|y| y == 1)).collect();
        let in_train: Vec<bool> = (0..rows).map(|i| train.value(i)).collect();
        let labels = truth.iter().zip(&in_train).map(|(label, &train)| label.filter(|_| train)).collect();
        let weights = match self.has_weights() {
            false => None,
            true => {
                let weights = batch.column(m + 2).as_primitive_opt::<Float64Type>();
                Some(weights.ok_or_else(|| unreadable("its weights are not f64"))?.values().to_vec())
            }
        };
        // All shards but the last are full, so a shard's number tells its first row.
        let first = shard * self.shape().shard_rows as u64;
        Ok(Shard { first, labels, truth, in_train, weights, columns, file })
    }

    /// Groups, folds and costs of the rows of a shard.
    ///
    /// # Errors
    /// [`StoreError::MissingShard`], [`StoreError::Changed`], [`StoreError::Unreadable`].
    ///
    /// # Panics
    /// If there is no such shard.
    pub fn row_roles(&self, shard: u64) -> Result<RowRoles, StoreError> {
        // The roles of rows lie in a file of their own, which a pass never opens.
        let file = &self.manifest.shards[usize::try_from(shard).expect("shards are counted in memory")];
        let Some(expected) = &file.roles_sha256 else { return Ok(RowRoles::default()) };
        let path = self.folder.join(roles_name(shard));
        let bytes = read_whole(&path)?;
        if hex(&Sha256::digest(&bytes)) != *expected {
            return Err(StoreError::Changed { path: shown(&path) });
        }
        let unreadable = |reason| StoreError::Unreadable { path: shown(&path), reason };
        let batch = decode(&Buffer::from_vec(bytes)).map_err(unreadable)?;
        let texts = |name: &str| {
            let column = batch.column_by_name(name)?.as_string_opt::<i32>()?;
            Some(column.iter().map(|text| text.unwrap_or_default().to_owned()).collect())
        };
        let costs = batch.column_by_name(COST).and_then(|column| column.as_primitive_opt::<Float64Type>());
        let costs = costs.map(|costs| costs.values().to_vec());
        Ok(RowRoles { groups: texts(GROUP), folds: texts(FOLD), costs })
    }

    /// The ids of the rows of a shard; their numbers where they have none.
    ///
    /// # Errors
    /// [`StoreError::MissingShard`], [`StoreError::Unreadable`].
    ///
    /// # Panics
    /// If there is no such shard.
    pub fn ids(&self, shard: u64) -> Result<Vec<String>, StoreError> {
        let rows = self.shape().rows_of(shard);
        if !self.has_ids() {
            return Ok(rows.map(|row| row.to_string()).collect());
        }
        let path = self.folder.join(ids_name(shard));
        let unreadable =
            |reason: &str| StoreError::Unreadable { path: shown(&path), reason: reason.to_owned() };
        let bytes = read_whole(&path)?;
        let batch = decode(&Buffer::from_vec(bytes)).map_err(|reason| unreadable(&reason))?;
        let ids = batch.columns().first().and_then(|column| column.as_string_opt::<i32>());
        match ids.filter(|ids| ids.len() as u64 == rows.end - rows.start) {
            Some(ids) => Ok(ids.iter().map(|id| id.unwrap_or_default().to_owned()).collect()),
            None => Err(unreadable("it has no id for each row")),
        }
    }
}

fn read_whole(path: &Path) -> Result<Vec<u8>, StoreError> {
    std::fs::read(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => StoreError::MissingShard { path: shown(path) },
        _ => StoreError::Unreadable { path: shown(path), reason: e.to_string() },
    })
}

/// The bytes of a file of known length.
fn read_file(path: &Path, expected: u64, bytes: &mut Vec<u8>) -> Result<(), StoreError> {
    let unreadable = |e: std::io::Error| StoreError::Unreadable { path: shown(path), reason: e.to_string() };
    let file = File::open(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => StoreError::MissingShard { path: shown(path) },
        _ => unreadable(e),
    })?;
    let found = file.metadata().map_err(unreadable)?.len();
    if found != expected {
        return Err(StoreError::OtherLength { path: shown(path), found, expected });
    }
    bytes.clear();
    bytes.reserve_exact(usize::try_from(expected).unwrap_or(0));
    file.take(expected).read_to_end(bytes).map_err(unreadable)?;
    Ok(())
}

/// The one batch of an Arrow file. Its columns lie in the bytes of the file: nothing is copied.
fn decode(file: &Buffer) -> Result<RecordBatch, String> {
    let decoded = guarded::decode(|| decode_batch(file));
    decoded.unwrap_or_else(|| Err("its decoder gave up".to_owned()))
}

fn decode_batch(file: &Buffer) -> Result<RecordBatch, String> {
    // An Arrow file ends with its footer and the length of the footer. Every number in there may be wrong:
    // places are checked against the bytes before they are used.
    let (before, trailer) = file.split_last_chunk().ok_or("it is too short")?;
    let len = read_footer_length(*trailer).map_err(|e| e.to_string())?;
    let start = before.len().checked_sub(len).ok_or("its footer is cut short")?;
    let footer = root_as_footer(&before[start..]).map_err(|e| e.to_string())?;
    let schema = footer.schema().ok_or("it has no schema")?;
    let schema = try_fb_to_schema(schema).map_err(|e| e.to_string())?;
    let blocks = footer.recordBatches().filter(|blocks| !blocks.is_empty());
    let block = blocks.ok_or("it holds no rows")?.get(0);
    let place = |number: i64| usize::try_from(number).ok();
    let len = block.bodyLength().checked_add(i64::from(block.metaDataLength())).and_then(place);
    let (Some(from), Some(len)) = (place(block.offset()), len) else {
        return Err("its rows have no place".to_owned());
    };
    if from.checked_add(len).is_none_or(|end| end > file.len()) {
        return Err("its rows are cut short".to_owned());
    }
    let decoder = FileDecoder::new(Arc::new(schema), footer.version());
    let batch = decoder.read_record_batch(block, &file.slice_with_length(from, len));
    batch.map_err(|e| e.to_string())?.ok_or_else(|| "it holds no rows".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{PrepareOptions, prepare};

    #[test]
    fn a_damaged_file_is_refused_and_breaks_nothing() {
        let dir = tempfile::tempdir().expect("temporary");
        let table = dir.path().join("table.csv");
        let rows: String = (0..100).map(|i| format!("0.{:02},0.5,{}\n", i % 100, i % 2)).collect();
        std::fs::write(&table, format!("forest,svm,label\n{rows}")).expect("writable");
        let options = PrepareOptions::default();
        let store =
            prepare(&[table], &dir.path().join("store"), &options, &mut |_| true).expect("good").store;
        let good = std::fs::read(store.shard_path(0)).expect("there");
        let decoded = |bytes: &[u8]| decode(&Buffer::from_vec(bytes.to_vec()));
        assert_eq!(decoded(&good).expect("whole").num_rows(), 100);
        for cut in (0..good.len()).step_by(7) {
            assert!(decoded(&good[..cut]).is_err(), "{cut} bytes");
        }
        // Some changes are cells and some are the lengths of what follows: no outcome matters but an end.
        let mut refused = 0;
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 0x80;
            refused += usize::from(decoded(&bytes).is_err());
        }
        assert!(refused > 0);
    }
}
