//! Rows in, shards out.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float32Array, Float64Array, Int8Array, RecordBatch, StringArray};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{DataType, Field, Schema};
use cfe_core::Dtype;
use sha2::{Digest, Sha256};

use super::StoreError;
use super::manifest::{Counts, ShardFile, ids_name, roles_name, shard_name};
use crate::assemble::{is_own_group, own_group};
use crate::atomic::{AtomicFile, WriteError};
use crate::fingerprint::hex;
use crate::source::shown;
use crate::table::Table;

/// Columns of the file of groups, folds and costs.
pub(super) const GROUP: &str = "group";
pub(super) const FOLD: &str = "fold";
pub(super) const COST: &str = "cost";

/// Collects rows until a shard is full, and writes it. Holds one shard.
pub(super) struct Writer {
    folder: PathBuf,
    names: Vec<String>,
    dtype: Dtype,
    shard_rows: usize,
    /// A list for each classifier, in the number format of the store.
    cells: Cells,
    labels: Vec<Option<i8>>,
    train: Vec<bool>,
    ids: Option<Vec<String>>,
    weights: Option<Vec<f64>>,
    groups: Option<Vec<String>>,
    folds: Option<Vec<String>>,
    costs: Option<Vec<f64>>,
    pub(super) shards: Vec<ShardFile>,
    pub(super) counts: Counts,
}

enum Cells {
    F32(Vec<Vec<f32>>),
    F64(Vec<Vec<f64>>),
}

impl Writer {
    /// Rows like those of `first`.
    pub(super) fn new(folder: &Path, first: &Table, dtype: Dtype, shard_rows: usize) -> Self {
        let names = first.data.classifier_names().to_vec();
        let m = names.len();
        let cells = match dtype {
            Dtype::F32 => Cells::F32(vec![Vec::with_capacity(shard_rows); m]),
            Dtype::F64 => Cells::F64(vec![Vec::with_capacity(shard_rows); m]),
        };
        Self {
            folder: folder.to_owned(),
            names,
            dtype,
            shard_rows,
            cells,
            labels: Vec::with_capacity(shard_rows),
            train: Vec::with_capacity(shard_rows),
            ids: first.data.instance_ids().map(|_| Vec::new()),
            weights: first.data.sample_weights().map(|_| Vec::new()),
            groups: first.groups.as_ref().map(|_| Vec::new()),
            folds: first.folds.as_ref().map(|_| Vec::new()),
            costs: first.costs.as_ref().map(|_| Vec::new()),
            shards: Vec::new(),
            counts: Counts::default(),
        }
    }

    pub(super) fn has_weights(&self) -> bool {
        self.weights.is_some()
    }

    pub(super) fn rows(&self) -> u64 {
        self.shards.iter().map(|shard| shard.rows).sum::<u64>() + self.labels.len() as u64
    }

    /// Takes the rows of a checked table with the same classifiers.
    pub(super) fn append(&mut self, table: &Table) -> Result<(), StoreError> {
        let n = table.data.n_instances();
        let mut from = 0;
        // A table may fill several shards, or a part of one.
        while from < n {
            let to = n.min(from + self.shard_rows - self.labels.len());
            for (u, row) in table.data.predictions().rows().into_iter().enumerate() {
                let row = &row.as_slice().expect("the data are stored row by row")[from..to];
                match &mut self.cells {
                    Cells::F32(cells) => cells[u].extend(row.iter().map(|&r| r as f32)),
                    Cells::F64(cells) => cells[u].extend_from_slice(row),
                }
                self.counts.missing += row.iter().filter(|r| r.is_nan()).count() as u64;
            }
            for i in from..to {
                // A row without any prediction is not learned from: the reader took its label out of the
                // data.
                let (truth, seen) = (table.truth[i], table.data.labels()[i]);
                let train = seen.is_some() || truth.is_none() && table.in_train[i];
                self.labels.push(truth.map(i8::from));
                self.train.push(train);
                match (truth, train) {
                    (Some(false), true) => self.counts.negatives += 1,
                    (Some(true), true) => self.counts.positives += 1,
                    (Some(false), false) => self.counts.held_out_negatives += 1,
                    (Some(true), false) => self.counts.held_out_positives += 1,
                    (None, _) => {}
                }
            }
            if let Some(ids) = &mut self.ids {
                ids.extend((from..to).map(|i| table.data.instance_id(i)));
            }
            self.append_roles(table, from..to);
            if self.labels.len() == self.shard_rows {
                self.flush()?;
            }
            from = to;
        }
        Ok(())
    }

    /// What belongs to the rows beside predictions and labels. A table without labels may lack it: its rows
    /// count for nothing.
    fn append_roles(&mut self, table: &Table, rows: Range<usize>) {
        // The number of the first of these rows through all tables, by which rows without a group are told
        // apart.
        let first = self.shards.iter().map(|shard| shard.rows).sum::<u64>() + self.labels.len() as u64
            - rows.len() as u64;
        let numbers =
            [(&mut self.weights, table.data.sample_weights()), (&mut self.costs, table.costs.as_deref())];
        for (all, of_table) in numbers {
            let Some(all) = all else { continue };
            match of_table {
                Some(values) => all.extend_from_slice(&values[rows.clone()]),
                None => all.extend(rows.clone().map(|_| 0.0)),
            }
        }
        if let Some(all) = &mut self.groups {
            let groups = table.groups.as_deref();
            for (at, i) in rows.clone().enumerate() {
                let group = groups.map(|groups| &groups[i]).filter(|group| !is_own_group(group));
                all.push(group.cloned().unwrap_or_else(|| own_group(first + at as u64)));
            }
        }
        if let Some(all) = &mut self.folds {
            let folds = table.folds.as_deref();
            all.extend(rows.map(|i| folds.map_or_else(String::new, |folds| folds[i].clone())));
        }
    }

    /// Writes what is left.
    pub(super) fn flush(&mut self) -> Result<(), StoreError> {
        let rows = self.labels.len();
        if rows == 0 {
            return Ok(());
        }
        // Classifiers in their order, then label, train and weight: `Store::read` counts on the places.
        let number = self.shards.len() as u64;
        let (kind, columns): (DataType, Vec<ArrayRef>) = match &mut self.cells {
            Cells::F32(cells) => {
                let take = |cells: &mut Vec<f32>| -> ArrayRef {
                    Arc::new(Float32Array::from(std::mem::replace(cells, Vec::with_capacity(rows))))
                };
                (DataType::Float32, cells.iter_mut().map(take).collect())
            }
            Cells::F64(cells) => {
                let take = |cells: &mut Vec<f64>| -> ArrayRef {
                    Arc::new(Float64Array::from(std::mem::replace(cells, Vec::with_capacity(rows))))
                };
                (DataType::Float64, cells.iter_mut().map(take).collect())
            }
        };
        let mut fields: Vec<Field> =
            self.names.iter().map(|name| Field::new(name, kind.clone(), false)).collect();
        fields.push(Field::new("label", DataType::Int8, true));
        fields.push(Field::new("train", DataType::Boolean, false));
        let mut columns = columns;
        columns.push(Arc::new(Int8Array::from(std::mem::take(&mut self.labels))));
        columns.push(Arc::new(BooleanArray::from(std::mem::take(&mut self.train))));
        if let Some(weights) = &mut self.weights {
            fields.push(Field::new("weight", DataType::Float64, false));
            columns.push(Arc::new(Float64Array::from(std::mem::take(weights))));
        }
        // The shard is hashed while it is written, and counted in the manifest only when its file is whole.
        let path = self.folder.join(shard_name(number));
        let (bytes, sha256) = write(&path, fields, columns)?;
        let roles_sha256 = self.write_roles(number)?;
        self.shards.push(ShardFile { rows: rows as u64, bytes, sha256, roles_sha256 });
        if let Some(ids) = &mut self.ids {
            let column: ArrayRef = Arc::new(StringArray::from_iter_values(ids.drain(..)));
            let path = self.folder.join(ids_name(number));
            write(&path, vec![Field::new("id", DataType::Utf8, false)], vec![column])?;
        }
        Ok(())
    }

    /// Writes groups, folds and costs, where there are some; the SHA-256 of their file.
    fn write_roles(&mut self, number: u64) -> Result<Option<String>, StoreError> {
        let (mut fields, mut columns): (Vec<Field>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
        for (texts, name) in [(&mut self.groups, GROUP), (&mut self.folds, FOLD)] {
            if let Some(texts) = texts {
                fields.push(Field::new(name, DataType::Utf8, false));
                columns.push(Arc::new(StringArray::from_iter_values(texts.drain(..))));
            }
        }
        if let Some(costs) = &mut self.costs {
            fields.push(Field::new(COST, DataType::Float64, false));
            columns.push(Arc::new(Float64Array::from(std::mem::take(costs))));
        }
        if columns.is_empty() {
            return Ok(None);
        }
        Ok(Some(write(&self.folder.join(roles_name(number)), fields, columns)?.1))
    }

    pub(super) fn dtype(&self) -> Dtype {
        self.dtype
    }
}

/// Writes one batch as a file of its own; its length and SHA-256.
fn write(path: &Path, fields: Vec<Field>, columns: Vec<ArrayRef>) -> Result<(u64, String), StoreError> {
    let interrupted = |source: std::io::Error| WriteError::Interrupted { path: shown(path), source };
    let failed = |e: arrow_schema::ArrowError| interrupted(std::io::Error::other(e));
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(schema.clone(), columns).map_err(failed)?;
    let mut out = Hashed { file: AtomicFile::create(path)?, hash: Sha256::new(), bytes: 0 };
    let mut writer = FileWriter::try_new_buffered(&mut out, &schema).map_err(failed)?;
    writer.write(&batch).map_err(failed)?;
    writer.finish().map_err(failed)?;
    std::io::Write::flush(writer.get_mut()).map_err(interrupted)?;
    drop(writer);
    let Hashed { file, hash, bytes } = out;
    file.commit()?;
    Ok((bytes, hex(&hash.finalize())))
}

/// Hashes what is written.
struct Hashed {
    file: AtomicFile,
    hash: Sha256,
    bytes: u64,
}

impl std::io::Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}
