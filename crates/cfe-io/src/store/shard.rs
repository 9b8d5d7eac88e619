//! One shard in memory.

use std::fs::File;
use std::io::{Cursor, Read as _};
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int8Type};
use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::FileReader;
use cfe_core::Dtype;
use cfe_core::shards::Block;
use ndarray::{Array2, ArrayView2};
use sha2::{Digest, Sha256};

use super::manifest::{ids_name, roles_name};
use super::writer::{COST, FOLD, GROUP};
use super::{Store, StoreError};
use crate::fingerprint::hex;
use crate::guarded;
use crate::source::shown;

/// The rows of one shard.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Shard {
    /// Number of the first row.
    pub first: u64,
    /// The probabilities (m x k).
    pub predictions: Array2<f64>,
    /// The labels that training may see (k).
    pub labels: Vec<Option<bool>>,
    /// Labels as given (k), those outside the train split too.
    pub truth: Vec<Option<bool>>,
    /// Whether a row is of the train split (k).
    pub in_train: Vec<bool>,
    /// How much each row counts (k), where the store has weights.
    pub weights: Option<Vec<f64>>,
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
        let block = Block::new(self.first, self.predictions.view(), &self.labels)?;
        match &self.weights {
            Some(weights) => block.with_sample_weights(weights),
            None => Ok(block),
        }
    }

    /// The probabilities (m x k).
    pub fn predictions(&self) -> ArrayView2<'_, f64> {
        self.predictions.view()
    }
}

/// Memory that is used again for the next shard.
#[derive(Debug, Default)]
pub(super) struct Spare {
    pub bytes: Vec<u8>,
    pub cells: Vec<f64>,
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
        self.read(shard, true, &mut Spare::default())
    }

    /// `verify` is whether the hash is looked at beside the length.
    pub(super) fn read(&self, shard: u64, verify: bool, spare: &mut Spare) -> Result<Shard, StoreError> {
        let path = self.shard_path(shard);
        let file = &self.manifest.shards[usize::try_from(shard).expect("shards are counted in memory")];
        let (rows, m) = (file.rows as usize, self.shape().n_classifiers());
        read_file(&path, file.bytes, &mut spare.bytes)?;
        if verify && hex(&Sha256::digest(&spare.bytes)) != file.sha256 {
            return Err(StoreError::Changed { path: shown(&path) });
        }
        let unreadable =
            |reason: &str| StoreError::Unreadable { path: shown(&path), reason: reason.to_owned() };
        let batch = decode(&spare.bytes).map_err(|reason| unreadable(&reason))?;
        if batch.num_rows() != rows || batch.num_columns() != m + 2 + usize::from(self.has_weights()) {
            return Err(unreadable("it has other rows or columns than the store says"));
        }
        let mut cells = std::mem::take(&mut spare.cells);
        cells.clear();
        cells.reserve_exact(m * rows);
        for column in &batch.columns()[..m] {
            match self.dtype() {
                Dtype::F32 => {
                    let values = column.as_primitive_opt::<Float32Type>();
                    let values = values.ok_or_else(|| unreadable("a column is not f32"))?.values();
                    cells.extend(values.iter().map(|&r| f64::from(r)));
                }
                Dtype::F64 => {
                    let values = column.as_primitive_opt::<Float64Type>();
                    cells
                        .extend_from_slice(values.ok_or_else(|| unreadable("a column is not f64"))?.values());
                }
            }
        }
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
        let predictions = Array2::from_shape_vec((m, rows), cells).expect("m columns of as many rows");
        Ok(Shard {
            first: shard * self.shape().shard_rows as u64,
            predictions,
            labels,
            truth,
            in_train,
            weights,
        })
    }

    /// Groups, folds and costs of the rows of a shard.
    ///
    /// # Errors
    /// [`StoreError::MissingShard`], [`StoreError::Changed`], [`StoreError::Unreadable`].
    ///
    /// # Panics
    /// If there is no such shard.
    pub fn row_roles(&self, shard: u64) -> Result<RowRoles, StoreError> {
        let file = &self.manifest.shards[usize::try_from(shard).expect("shards are counted in memory")];
        let Some(expected) = &file.roles_sha256 else { return Ok(RowRoles::default()) };
        let path = self.folder.join(roles_name(shard));
        let bytes = read_whole(&path)?;
        if hex(&Sha256::digest(&bytes)) != *expected {
            return Err(StoreError::Changed { path: shown(&path) });
        }
        let unreadable = |reason| StoreError::Unreadable { path: shown(&path), reason };
        let batch = decode(&bytes).map_err(unreadable)?;
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
        let batch = decode(&bytes).map_err(|reason| unreadable(&reason))?;
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

/// The one batch of an Arrow file.
fn decode(bytes: &[u8]) -> Result<RecordBatch, String> {
    let decoded = guarded::decode(|| {
        let mut reader = FileReader::try_new(Cursor::new(bytes), None).map_err(|e| e.to_string())?;
        let batch = reader.next().ok_or_else(|| "it holds no rows".to_owned())?;
        batch.map_err(|e| e.to_string())
    });
    decoded.unwrap_or_else(|| Err("its decoder gave up".to_owned()))
}
