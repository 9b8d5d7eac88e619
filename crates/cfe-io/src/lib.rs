//! Tables and model files.
//!
//! [`read_table`] takes CSV and TSV (plain or gzip), NPY, NPZ and, with the feature `parquet`, Parquet and Arrow IPC,
//! from a path or a stream, and delivers checked [`EnsembleData`](cfe_core::EnsembleData). [`write_predictions`] writes
//! the other way. A [`ModelFile`] holds a model as data: a JSON document and named tensors in safetensors. Whatever is
//! written appears whole or not at all ([`AtomicFile`]).

mod atomic;
mod blocks;
mod cells;
#[cfg(feature = "parquet")]
mod columnar;
mod fingerprint;
mod grow;
#[cfg(feature = "parquet")]
mod ipc_guard;
mod matrix;
mod model_error;
mod model_file;
mod model_header;
mod model_load;
mod npy;
mod npy_table;
mod options;
mod record;
mod rows;
mod source;
mod table;
mod table_error;
mod text;
mod training_state_file;
mod warning;
mod write;

pub use atomic::{AtomicFile, WriteError};
#[cfg(feature = "parquet")]
pub use columnar::is_decoding;
pub use fingerprint::fingerprint;
pub use matrix::read_matrix;
pub use model_error::{ModelFileError, ModelFileResult};
pub use model_file::{MODEL_FILE_VERSION, ModelFile};
pub use model_header::{MODEL_KIND, ModelDetails};
pub use options::TableOptions;
pub use source::Source;
#[cfg(feature = "parquet")]
pub use table::read_batches;
pub use table::{Table, read_table};
pub use table_error::{Place, Row, TableError, TableResult};
pub use training_state_file::TRAINING_STATE_KIND;
pub use warning::TableWarning;
pub use write::{Column, Sink, write_predictions};
