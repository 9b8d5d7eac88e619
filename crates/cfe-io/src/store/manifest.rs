//! What a store holds.

use std::path::{Path, PathBuf};

use cfe_core::Dtype;
use cfe_core::shards::Shape;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{MANIFEST, StoreError};
use crate::atomic::AtomicFile;
use crate::fingerprint::hex;
use crate::options::Remembered;
use crate::source::shown;

const KIND: &str = "cf-ensemble-store";
const VERSION: u32 = 1;
/// Version of stores whose rows have weights, groups, folds or costs, which a program of version 1 would pass
/// over.
const VERSION_OF_ROLES: u32 = 2;

/// Labels of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counts {
    /// Labeled rows to be learned from, negative.
    pub negatives: u64,
    /// The same, positive.
    pub positives: u64,
    /// Labeled rows outside the train split, negative.
    pub held_out_negatives: u64,
    /// The same, positive.
    pub held_out_positives: u64,
    /// Cells without a probability.
    pub missing: u64,
}

/// A file of a shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ShardFile {
    pub rows: u64,
    pub bytes: u64,
    pub sha256: String,
    /// SHA-256 of the file of groups, folds and costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles_sha256: Option<String>,
}

/// The document `store.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub kind: String,
    pub version: u32,
    pub classifier_names: Vec<String>,
    pub rows: u64,
    pub shard_rows: usize,
    pub dtype: Dtype,
    pub has_ids: bool,
    /// Whether the shards have a column of weights.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_weights: bool,
    pub tables: Vec<String>,
    pub columns: Remembered,
    pub counts: Counts,
    /// SHA-256 over shape, names and the hashes of all shards, and so over the data.
    pub fingerprint: String,
    pub shards: Vec<ShardFile>,
}

impl Manifest {
    /// The description of what was written, with its fingerprint.
    pub(super) fn finish(mut self) -> Self {
        // A store without roles stays readable for programs of version 1.
        let roles = self.has_weights || self.shards.iter().any(|shard| shard.roles_sha256.is_some());
        (self.kind, self.version) = (KIND.to_owned(), if roles { VERSION_OF_ROLES } else { VERSION });
        self.fingerprint = self.computed_fingerprint();
        self
    }

    /// Of shape, names and the hashes of all shards.
    fn computed_fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        // Every name has its length in front of it, so that two lists of names never hash alike.
        hash.update(format!("{KIND} {} {} {} {}\n", self.version, self.rows, self.shard_rows, self.dtype));
        for name in &self.classifier_names {
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name);
        }
        for shard in &self.shards {
            hash.update(&shard.sha256);
            shard.roles_sha256.iter().for_each(|roles| hash.update(roles));
        }
        hex(&hash.finalize())
    }

    /// Why this describes no store.
    fn fault(&self) -> Option<String> {
        // A file is data: the numbers have to add up before anything is read by them.
        if self.kind != KIND || !(VERSION..=VERSION_OF_ROLES).contains(&self.version) {
            return Some(format!("it is of kind {:?}, version {}", self.kind, self.version));
        }
        // A description may come from anywhere, and its numbers may add up to more than there are.
        let rows = self.shards.iter().try_fold(0_u64, |sum, shard| sum.checked_add(shard.rows));
        // Every shard but the last is full, which is how a row number tells its shard.
        let full = self.shards.iter().rev().skip(1).all(|shard| shard.rows == self.shard_rows as u64);
        let last = self.shards.last().is_some_and(|s| (1..=self.shard_rows as u64).contains(&s.rows));
        if rows != Some(self.rows) || !full || !last {
            return Some("its numbers of rows do not add up".to_owned());
        }
        (self.fingerprint != self.computed_fingerprint()).then(|| "its fingerprint differs".to_owned())
    }
}

/// A prepared store; see the [module](super).
#[derive(Debug, Clone, PartialEq)]
pub struct Store {
    pub(super) folder: PathBuf,
    pub(super) manifest: Manifest,
    shape: Shape,
}

impl Store {
    /// Whether a path is a folder with a store in it.
    pub fn is_store(path: impl AsRef<Path>) -> bool {
        path.as_ref().join(MANIFEST).is_file()
    }

    /// Opens a store: reads what it holds, and no shard yet.
    ///
    /// # Errors
    /// [`StoreError::NoStore`], [`StoreError::BadManifest`].
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, StoreError> {
        let folder = folder.as_ref();
        let path = folder.join(MANIFEST);
        let bad = |reason: String| StoreError::BadManifest { path: shown(&path), reason };
        if !path.is_file() {
            return Err(StoreError::NoStore { path: shown(folder) });
        }
        let text = std::fs::read(&path).map_err(|e| bad(e.to_string()))?;
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|e| bad(e.to_string()))?;
        if let Some(fault) = manifest.fault() {
            return Err(bad(fault));
        }
        Self::new(folder.to_owned(), manifest).map_err(|e| bad(e.to_string()))
    }

    fn new(folder: PathBuf, manifest: Manifest) -> cfe_core::Result<Self> {
        let Manifest { classifier_names, rows, shard_rows, fingerprint, .. } = &manifest;
        let shape = Shape::new(classifier_names.clone(), *rows, fingerprint)?.with_shard_rows(*shard_rows)?;
        Ok(Self { folder, manifest, shape })
    }

    /// Writes the description: from here on there is a store.
    pub(super) fn create(folder: &Path, manifest: Manifest) -> Result<Self, StoreError> {
        let path = folder.join(MANIFEST);
        let text = serde_json::to_vec_pretty(&manifest).expect("plain fields, which JSON can hold");
        AtomicFile::write(&path, &text)?;
        let bad = |e: cfe_core::Error| StoreError::BadManifest { path: shown(&path), reason: e.to_string() };
        Self::new(folder.to_owned(), manifest).map_err(bad)
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Rows, classifiers and shards.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// How many labels there are.
    pub fn counts(&self) -> Counts {
        self.manifest.counts
    }

    /// Number format of the cells.
    pub fn dtype(&self) -> Dtype {
        self.manifest.dtype
    }

    /// Whether the rows have ids.
    pub fn has_ids(&self) -> bool {
        self.manifest.has_ids
    }

    /// Whether the rows have weights.
    pub fn has_weights(&self) -> bool {
        self.manifest.has_weights
    }

    /// Whether the rows have costs.
    pub fn has_costs(&self) -> bool {
        self.manifest.columns.roles.cost.is_some()
    }

    /// The columns of the tables it was made of.
    pub fn columns(&self) -> &Remembered {
        &self.manifest.columns
    }

    /// The tables it was made of.
    pub fn tables(&self) -> &[String] {
        &self.manifest.tables
    }

    /// Bytes of all shards, ids apart.
    pub fn bytes(&self) -> u64 {
        self.manifest.shards.iter().map(|shard| shard.bytes).sum()
    }

    pub(super) fn shard_path(&self, shard: u64) -> PathBuf {
        self.folder.join(shard_name(shard))
    }
}

pub(super) fn shard_name(shard: u64) -> String {
    format!("shard-{shard:06}.arrow")
}

pub(super) fn roles_name(shard: u64) -> String {
    format!("roles-{shard:06}.arrow")
}

pub(super) fn ids_name(shard: u64) -> String {
    format!("ids-{shard:06}.arrow")
}
