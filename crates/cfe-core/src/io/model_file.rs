//! The container of models: a JSON document and named tensors in one safetensors file.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use ndarray::{Array1, Array2, ArrayD, Ix1, Ix2};
use safetensors::tensor::{Dtype, SafeTensors, View};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, Value};
use sha2::{Digest, Sha256};

use super::atomic::AtomicFile;
use super::fingerprint::hex;
use super::model_error::{ModelFileError, ModelFileResult};
use super::table_error::{list, shorten};

/// Schema version that is written; later ones are refused.
pub const MODEL_FILE_VERSION: u64 = 1;

/// The one entry of the safetensors metadata. (Of several the crate would write the order by chance, and equal models
/// would not be equal files.)
const ENTRY: &str = "cf_ensemble";
/// The format allows no longer header.
const MAX_HEADER: u64 = 100_000_000;

/// A model as data, never code: what it is, a JSON document, and named tensors of finite f64.
///
/// On the disk it is one safetensors file. The metadata entry `cf_ensemble` is JSON: `kind`, `schema_version`,
/// `sha256` (over kind, version, document and tensors) and `document`. From Python:
///
/// ```text
/// with safetensors.safe_open("model.safetensors", "numpy") as f:
///     header = json.loads(f.metadata()["cf_ensemble"])
///     X = f.get_tensor("X")
/// ```
///
/// Sizes, the sum, shapes and finiteness are checked before anything is used; a changed or shortened file is refused
/// with the reason. No more memory is taken than the file is long.
///
/// ```
/// use cfe_core::io::ModelFile;
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
/// # Ok::<(), cfe_core::io::ModelFileError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ModelFile {
    kind: String,
    document: Value,
    tensors: BTreeMap<String, ArrayD<f64>>,
    /// For messages.
    file: String,
}

#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    schema_version: u64,
    #[serde(borrow)]
    sha256: Cow<'a, str>,
    /// As it stands in the file: the sum must not depend on how another version writes numbers.
    #[serde(borrow)]
    document: &'a RawValue,
}

/// What every version of the envelope has.
#[derive(Deserialize)]
struct Version {
    schema_version: u64,
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

    pub(super) fn bad_document(&self, reason: impl Into<String>) -> ModelFileError {
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
        self.check_finite()?;
        let bad = |e: serde_json::Error| self.bad_document(e.to_string());
        let document = serde_json::value::to_raw_value(&self.document).map_err(bad)?;
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

    fn check_finite(&self) -> ModelFileResult<()> {
        for (name, tensor) in &self.tensors {
            if let Some((position, &value)) = tensor.iter().enumerate().find(|(_, v)| !v.is_finite()) {
                let (file, name) = (self.file.clone(), name.clone());
                return Err(ModelFileError::NotFinite { file, name, position, value });
            }
        }
        Ok(())
    }

    fn checksum(&self, version: u64, document: &str) -> String {
        let mut hash = Sha256::new();
        let text = |hash: &mut Sha256, text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        hash.update(version.to_le_bytes());
        text(&mut hash, &self.kind);
        text(&mut hash, document);
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

    /// Loads and checks.
    ///
    /// # Errors
    /// [`ModelFileError`], one variant for each cause.
    pub fn load(path: impl AsRef<Path>) -> ModelFileResult<Self> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let unreadable = |source| ModelFileError::Unreadable { file: name.clone(), source };
        let mut file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?;
        if length.is_dir() {
            return Err(unreadable(std::io::ErrorKind::IsADirectory.into()));
        }
        // A look at the start, so that a large file of another sort is not read in vain.
        let mut bytes = Vec::new();
        (&mut file).take(9).read_to_end(&mut bytes).map_err(unreadable)?;
        check_start(&name, &bytes, length.is_file().then_some(length.len()))?;
        file.read_to_end(&mut bytes).map_err(unreadable)?;
        Self::from_bytes(&name, &bytes)
    }

    /// Checks the bytes of a file; `name` stands for it in messages.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_bytes(name: &str, bytes: &[u8]) -> ModelFileResult<Self> {
        check_start(name, bytes, Some(bytes.len() as u64))?;
        let file = || name.to_owned();
        let damaged = |reason: String| ModelFileError::Damaged { file: file(), reason };
        let (_, metadata) =
            SafeTensors::read_metadata(bytes).map_err(|e| damaged(shorten_reason(&e.to_string())))?;
        let parsed = SafeTensors::deserialize(bytes).map_err(|e| damaged(shorten_reason(&e.to_string())))?;
        let Some(entry) = metadata.metadata().as_ref().and_then(|m| m.get(ENTRY)) else {
            let reason = format!("safetensors without the metadata entry {ENTRY:?}");
            return Err(ModelFileError::NotAModel { file: file(), reason });
        };
        let bad = |e: serde_json::Error| ModelFileError::BadDocument { file: file(), reason: e.to_string() };
        // The version comes first: the envelope of a later one may look different.
        let Version { schema_version: found } = serde_json::from_str(entry).map_err(bad)?;
        if found > MODEL_FILE_VERSION {
            return Err(ModelFileError::NewerVersion { file: file(), found, known: MODEL_FILE_VERSION });
        }
        let envelope: Envelope<'_> = serde_json::from_str(entry).map_err(bad)?;
        let mut model = Self::new(envelope.kind, Value::Null);
        model.file = file();
        for (tensor_name, view) in parsed.iter() {
            if view.dtype() != Dtype::F64 {
                let (name, found) = (tensor_name.to_owned(), format!("{:?}", view.dtype()));
                return Err(ModelFileError::WrongType { file: file(), name, found });
            }
            let values =
                view.data().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap_or_default()));
            let array = ArrayD::from_shape_vec(view.shape(), values.collect())
                .map_err(|e| damaged(format!("tensor {tensor_name:?}: {e}")))?;
            model.insert(tensor_name, array);
        }
        let found = model.checksum(envelope.schema_version, envelope.document.get());
        if found != envelope.sha256 {
            let expected = shorten(envelope.sha256.as_bytes());
            return Err(ModelFileError::Changed { file: file(), found: shorten(found.as_bytes()), expected });
        }
        model.document = serde_json::from_str(envelope.document.get()).map_err(bad)?;
        model.check_finite()?;
        Ok(model)
    }
}

/// The length of the header, which is the first 8 bytes, and the brace after it.
fn check_start(name: &str, bytes: &[u8], length: Option<u64>) -> ModelFileResult<()> {
    let file = name.to_owned();
    let Some((size, rest)) = bytes.split_first_chunk::<8>() else {
        let reason = format!("{} bytes long", bytes.len());
        return Err(ModelFileError::Damaged { file, reason });
    };
    if rest.first().is_some_and(|&b| b != b'{') {
        return Err(ModelFileError::NotAModel { file, reason: "it is no safetensors".to_owned() });
    }
    let size = u64::from_le_bytes(*size);
    if size > MAX_HEADER || length.is_some_and(|length| size > length.saturating_sub(8)) {
        let length = length.map_or("unknown".to_owned(), |l| l.to_string());
        let reason = format!("a header of {size} bytes is announced in a file of {length}");
        return Err(ModelFileError::Damaged { file, reason });
    }
    Ok(())
}

fn shorten_reason(reason: &str) -> String {
    reason.chars().take(160).collect()
}
