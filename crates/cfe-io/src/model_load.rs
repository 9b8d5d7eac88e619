//! Reading a [`ModelFile`]: everything is checked before anything is used.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use ndarray::ArrayD;
use safetensors::tensor::{Dtype, SafeTensors};
use serde::Deserialize;
use serde_json::value::Value;

use crate::model_error::{ModelFileError, ModelFileResult};
use crate::model_file::{ENTRY, Envelope, MODEL_FILE_VERSION, ModelFile};
use crate::table_error::shorten;

/// The format allows no longer header.
const MAX_HEADER: u64 = 100_000_000;

/// What every version of the envelope has.
#[derive(Deserialize)]
struct Version {
    schema_version: u64,
}

impl ModelFile {
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
        // Other programs write safetensors as well. The entry tells that the file is a model of this one.
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
        if found == 0 {
            let reason = "schema_version is 0; versions are counted from 1".to_owned();
            return Err(ModelFileError::BadDocument { file: file(), reason });
        }
        let envelope: Envelope<'_> = serde_json::from_str(entry).map_err(bad)?;
        // The tensors are read before the document: the sum covers both, and the document is parsed only if
        // the sum is right.
        let mut model = Self::new(envelope.kind, Value::Null);
        model.file = file();
        for (tensor_name, view) in parsed.iter() {
            if view.dtype() != Dtype::F64 {
                let (name, found) = (tensor_name.to_owned(), format!("{:?}", view.dtype()));
                return Err(ModelFileError::WrongType { file: file(), name, found });
            }
            let values = view
                .data()
                .chunks_exact(8)
                .map(|b| f64::from_le_bytes(b.try_into().expect("a chunk is eight bytes")));
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
    // Every header begins with a brace right behind its length; what has none is of another format.
    if rest.first().is_some_and(|&b| b != b'{') {
        return Err(ModelFileError::NotAModel {
            file,
            reason: "the file is not in the safetensors format".to_owned(),
        });
    }
    let size = u64::from_le_bytes(*size);
    // Seen before memory for the header is asked for.
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
