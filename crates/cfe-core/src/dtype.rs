//! The number format a backend computes in.

use serde::{Deserialize, Serialize};

/// The number format of parameters and data in training. The loss of a model is computed in f64
/// whatever it is; the squared errors in the history of an ALS fit in f32 are terms in f32, summed in f64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// 32-bit floats.
    F32,
    /// 64-bit floats.
    F64,
}

impl std::fmt::Display for Dtype {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Dtype::F32 => "f32",
            Dtype::F64 => "f64",
        })
    }
}
