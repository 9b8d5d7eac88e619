//! The container of models: a JSON document and named tensors in one safetensors file.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use ndarray::{Array1, Array2, ArrayD, Ix1, Ix2};
use safetensors::tensor::{Dtype, View};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::{RawValue, Value};
use sha2::{Digest, Sha256};

use crate::atomic::AtomicFile;
use crate::fingerprint::hex;
use crate::model_error::{ModelFileError, ModelFileResult};
use crate::table_error::{list, shorten};

/// Schema version that is written; later ones are refused.
pub const MODEL_FILE_VERSION: u64 = 1;

/// The one entry of the safetensors metadata. (Of several the crate would write the order by chance, and
/// equal models would not be equal files.)
pub(crate) const ENTRY: &str = "cf_ensemble";

/// A model as data, never code: what it is, a JSON document, and named tensors of finite f64.
///
/// On the disk it is one safetensors file. The metadata entry `cf_ensemble` is JSON: `kind`,
/// `schema_version`, `sha256` (over kind, version, document and tensors) and `document`. From Python:
///
/// ```text
/// with safetensors.safe_open("model.safetensors", "numpy") as f:
///     header = json.loads(f.metadata()["cf_ensemble"])
///     X = f.get_tensor("X")
/// ```
///
/// Sizes, the sum, shapes and finiteness are checked before anything is used; a changed or shortened file is
/// refused with the reason. No more memory is taken than the file is long.
///
/// ```
/// use cfe_io::ModelFile;
/// use ndarray::array;
///
/// let mut saved = ModelFile::new("example", serde_json::json!({ "threshold": 0.5 }));
/// saved.insert("w", array![1.0, 2.0].into_dyn());
/// let mut bytes = saved.to_bytes()?;
/// assert_eq!(ModelFile::from_bytes("inline", &bytes)?.vector("w", Some(2))?, array![1.0, 2.0]);
///
/// *bytes.last_mut().unwrap() ^= 1;
/// let error = ModelFile::from_bytes("inline", &bytes).unwrap_err();
/// assert!(error.to_string().starts_with("inline: changed since it was saved"));
/// # Ok::<(), cfe_io::ModelFileError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ModelFile {
    kind: String,
    pub(crate) document: Value,
    tensors: BTreeMap<String, ArrayD<f64>>,
    /// For messages.
    pub(crate) file: String,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Envelope<'a> {
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    pub schema_version: u64,
    #[serde(borrow)]
    pub sha256: Cow<'a, str>,
    /// As it stands in the file: the sum must not depend on how another version writes numbers.
    #[serde(borrow)]
    pub document: &'a RawValue,
}

struct Tensor<'a>(&'a ArrayD<f64>);

impl View for Tensor<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F64
    }

    fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.0.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    fn data_len(&self) -> usize {
        8 * self.0.len()
    }
}

impl ModelFile {
    /// A file without tensors.
    pub fn new(kind: impl Into<String>, document: Value) -> Self {
        Self { kind: kind.into(), document, tensors: BTreeMap::new(), file: "the model".to_owned() }
    }

    /// Adds a tensor, or replaces the one of that name.
    pub fn insert(&mut self, name: impl Into<String>, tensor: ArrayD<f64>) {
        self.tensors.insert(name.into(), tensor);
    }

    /// Puts a whole other file into this one, as `name` in the document and `name/` before its tensors.
    pub fn embed(&mut self, name: &str, part: ModelFile) {
        let ModelFile { kind, document, tensors, .. } = part;
        if let Value::Object(own) = &mut self.document {
            own.insert(name.to_owned(), json!({ "kind": kind, "document": document }));
        }
        self.tensors.extend(tensors.into_iter().map(|(tensor, values)| (format!("{name}/{tensor}"), values)));
    }

    /// A file that was [embedded](Self::embed), `None` if there is none of this name.
    pub fn part(&self, name: &str) -> Option<ModelFile> {
        let part = self.document.get(name)?;
        let prefix = format!("{name}/");
        // The prefix holds the names of parts apart, also where one name begins with the other.
        let of_part = |(tensor, values): (&String, &ArrayD<f64>)| {
            tensor.strip_prefix(&prefix).map(|tensor| (tensor.to_owned(), values.clone()))
        };
        Some(Self {
            kind: part.get("kind")?.as_str()?.to_owned(),
            document: part.get("document")?.clone(),
            tensors: self.tensors.iter().filter_map(of_part).collect(),
            file: self.file.clone(),
        })
    }

    /// What kind of model it is.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The document.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The tensors by name.
    pub fn tensors(&self) -> &BTreeMap<String, ArrayD<f64>> {
        &self.tensors
    }

    /// Name of the file it was read from, for messages.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Refuses another kind.
    ///
    /// # Errors
    /// [`ModelFileError::WrongKind`].
    pub fn expect_kind(&self, expected: &str) -> ModelFileResult<()> {
        if self.kind == expected {
            return Ok(());
        }
        let found = shorten(self.kind.as_bytes());
        Err(ModelFileError::WrongKind { file: self.file.clone(), found, expected: expected.to_owned() })
    }

    /// The document as a type.
    ///
    /// # Errors
    /// [`ModelFileError::BadDocument`].
    pub fn parse_document<T: DeserializeOwned>(&self) -> ModelFileResult<T> {
        T::deserialize(&self.document).map_err(|e| self.bad_document(e.to_string()))
    }

    pub(crate) fn bad_document(&self, reason: impl Into<String>) -> ModelFileError {
        ModelFileError::BadDocument { file: self.file.clone(), reason: reason.into() }
    }

    fn tensor(&self, name: &str) -> ModelFileResult<&ArrayD<f64>> {
        self.tensors.get(name).ok_or_else(|| ModelFileError::MissingTensor {
            file: self.file.clone(),
            name: name.to_owned(),
            available: list(&self.tensors.keys().collect::<Vec<_>>()),
        })
    }

    fn wrong_shape(&self, name: &str, expected: String) -> ModelFileError {
        let found = self.tensors.get(name).map(|t| t.shape().to_vec()).unwrap_or_default();
        ModelFileError::WrongShape { file: self.file.clone(), name: name.to_owned(), found, expected }
    }

    /// A tensor of one dimension, of `len` entries if that is given.
    ///
    /// # Errors
    /// [`ModelFileError::MissingTensor`], [`ModelFileError::WrongShape`].
    pub fn vector(&self, name: &str, len: Option<usize>) -> ModelFileResult<Array1<f64>> {
        let vector = self.tensor(name)?.clone().into_dimensionality::<Ix1>().ok();
        vector.filter(|v| len.is_none_or(|len| v.len() == len)).ok_or_else(|| {
            let expected = len.map_or("one dimension".to_owned(), |len| format!("[{len}]"));
            self.wrong_shape(name, expected)
        })
    }

    /// A tensor of two dimensions, of `rows` and `columns` where given.
    ///
    /// # Errors
    /// [`ModelFileError::MissingTensor`], [`ModelFileError::WrongShape`].
    pub fn matrix(
        &self,
        name: &str,
        rows: Option<usize>,
        columns: Option<usize>,
    ) -> ModelFileResult<Array2<f64>> {
        let matrix = self.tensor(name)?.clone().into_dimensionality::<Ix2>().ok();
        let fits =
            |m: &Array2<f64>| rows.is_none_or(|r| m.nrows() == r) && columns.is_none_or(|c| m.ncols() == c);
        matrix.filter(fits).ok_or_else(|| {
            let size = |k: Option<usize>| k.map_or("any".to_owned(), |k| k.to_string());
            self.wrong_shape(name, format!("[{}, {}]", size(rows), size(columns)))
        })
    }

    /// Saves, whole or not at all.
    ///
    /// # Errors
    /// [`ModelFileError::Write`], [`ModelFileError::NotFinite`].
    pub fn save(&self, path: impl AsRef<Path>) -> ModelFileResult<()> {
        Ok(AtomicFile::write(path, &self.to_bytes()?)?)
    }

    /// The bytes of the file: the same for the same content.
    ///
    /// # Errors
    /// [`ModelFileError::NotFinite`].
    pub fn to_bytes(&self) -> ModelFileResult<Vec<u8>> {
        // What a reader would refuse is not written.
        self.check_finite()?;
        let bad = |e: serde_json::Error| self.bad_document(e.to_string());
        let document = serde_json::value::to_raw_value(&self.document).map_err(bad)?;
        // The sum is over the very text that is written, since another writer may put a number in other
        // digits.
        let sha256 = self.checksum(MODEL_FILE_VERSION, document.get());
        let envelope = Envelope {
            kind: self.kind.as_str().into(),
            schema_version: MODEL_FILE_VERSION,
            sha256: sha256.into(),
            document: &document,
        };
        let envelope = serde_json::to_string(&envelope).map_err(bad)?;
        let metadata = HashMap::from([(ENTRY.to_owned(), envelope)]);
        let tensors = self.tensors.iter().map(|(name, tensor)| (name, Tensor(tensor)));
        safetensors::serialize(tensors, Some(metadata)).map_err(|e| self.bad_document(e.to_string()))
    }

    pub(crate) fn check_finite(&self) -> ModelFileResult<()> {
        for (name, tensor) in &self.tensors {
            if let Some((position, &value)) = tensor.iter().enumerate().find(|(_, v)| !v.is_finite()) {
                let (file, name) = (self.file.clone(), name.clone());
                return Err(ModelFileError::NotFinite { file, name, position, value });
            }
        }
        Ok(())
    }

    pub(crate) fn checksum(&self, version: u64, document: &str) -> String {
        let mut hash = Sha256::new();
        // With its length in front, no text can pass for the end of the one before and the beginning of the
        // next.
        let text = |hash: &mut Sha256, text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        hash.update(version.to_le_bytes());
        text(&mut hash, &self.kind);
        text(&mut hash, document);
        // In pieces, so that a sum of large tensors takes no memory of their size.
        let mut bytes = Vec::with_capacity(1 << 16);
        for (name, tensor) in &self.tensors {
            text(&mut hash, name);
            hash.update((tensor.ndim() as u64).to_le_bytes());
            tensor.shape().iter().for_each(|&k| hash.update((k as u64).to_le_bytes()));
            let mut values = tensor.iter();
            loop {
                bytes.clear();
                bytes.extend(values.by_ref().take(1 << 13).flat_map(|v| v.to_le_bytes()));
                if bytes.is_empty() {
                    break;
                }
                hash.update(&bytes);
            }
        }
        hex(&hash.finalize())
    }
}
