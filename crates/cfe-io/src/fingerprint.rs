//! What tells two data sets apart.

use sha2::{Digest, Sha256};

use cfe_core::EnsembleData;

/// SHA-256 (hex) of the shape, the probabilities, the labels and the names of the classifiers: a model
/// remembers what it was trained with.
///
/// Sample weights count where one of them is not 1. Ids and a given confidence do not count. All NaN are the
/// same NaN.
///
/// ```
/// use cfe_core::EnsembleData;
/// use cfe_io::fingerprint;
/// use ndarray::array;
///
/// let data = EnsembleData::new(array![[0.9, 0.2]], vec![Some(true), None])?;
/// assert_eq!(fingerprint(&data), fingerprint(&data.clone()));
/// assert_ne!(fingerprint(&data), fingerprint(&data.with_labels(vec![None, None])?));
/// # Ok::<(), cfe_core::Error>(())
/// ```
pub fn fingerprint(data: &EnsembleData) -> String {
    let mut hash = Sha256::new();
    hash.update(b"cf-ensemble data 1\n");
    for size in [data.n_classifiers(), data.n_instances()] {
        hash.update((size as u64).to_le_bytes());
    }
    let mut bytes = Vec::with_capacity(1 << 16);
    for row in data.predictions().rows() {
        for part in row.as_slice().expect("the data keep R row-major").chunks(1 << 13) {
            bytes.clear();
            for &value in part {
                // -0 equals 0 and is trained on as 0.
                let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
                bytes.extend_from_slice(&value.to_bits().to_le_bytes());
            }
            hash.update(&bytes);
        }
    }
    let labels = data.labels().iter().map(|label| match label {
        Some(false) => 0u8,
        Some(true) => 1,
        None => 2,
    });
    hash.update(labels.collect::<Vec<u8>>());
    // Lengths stand before the names, so that the same letters cut otherwise give another sum.
    for name in data.classifier_names() {
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
    }
    // Weights of 1 are as none, and data without weights have the sum that earlier versions gave them.
    if let Some(weights) = data.sample_weights().filter(|weights| weights.iter().any(|&w| w != 1.0)) {
        hash.update(b"weights\n");
        weights.iter().for_each(|&weight| hash.update((weight + 0.0).to_bits().to_le_bytes()));
    }
    hex(&hash.finalize())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, b| {
        write!(out, "{b:02x}").ok();
        out
    })
}
