//! Tables and model files.
//!
//! [`read_table`] takes text (CSV, TSV and their kin), JSON, NPY, NPZ and, with the features `parquet` and
//! `excel`, Parquet, Arrow IPC and workbooks, plain or packed, from a path or a stream. It guesses what the
//! columns hold, says so ([`Taken`]), and delivers checked [`EnsembleData`](cfe_core::EnsembleData).
//! [`write_predictions`] writes the other way. A [`ModelFile`] holds a model as data: a JSON document and
//! named tensors in safetensors. Whatever is written appears whole or not at all ([`AtomicFile`]). A
//! [`Journal`] keeps results as they are made, so that an interrupted run can be resumed.

mod above;
mod assemble;
mod atomic;
mod blocks;
mod cells;
mod class_columns;
mod class_table;
mod column;
#[cfg(feature = "parquet")]
mod columnar;
mod contents;
mod dialect;
mod fingerprint;
mod folder;
mod format;
mod gather;
mod given_folds;
mod grow;
mod guarded;
#[cfg(feature = "parquet")]
mod ipc_guard;
mod journal;
mod json;
mod labels;
mod layout;
mod matrix;
mod model_error;
mod model_file;
mod model_header;
mod model_load;
mod names;
mod npy;
mod npy_table;
mod options;
mod other_formats;
mod outputs;
mod pairs;
mod parts;
mod profile;
mod reading;
mod record;
mod roles;
mod row_values;
mod rows;
mod source;
mod split;
#[cfg(feature = "parquet")]
pub mod store;
mod table;
mod table_error;
mod taken;
mod text;
mod training_state_file;
mod unpack;
mod warning;
mod workbook;
mod write;
#[cfg(feature = "parquet")]
mod write_columns;

pub use atomic::{AtomicFile, WriteError, remove_unfinished};
pub use class_columns::{ClassColumn, ClassesOfModel};
#[cfg(feature = "parquet")]
pub use class_table::read_any_batches;
pub use class_table::{AnyTable, ClassTable, read_any_table};
pub use column::Column;
pub use fingerprint::fingerprint;
pub use given_folds::GivenFolds;
pub use guarded::is_decoding;
pub use journal::{Journal, JournalError, JournalHeader};
pub use matrix::read_matrix;
pub use model_error::{ModelFileError, ModelFileResult};
pub use model_file::{MODEL_FILE_VERSION, ModelFile};
pub use model_header::{MODEL_KIND, ModelDetails};
pub use options::{Remembered, TableOptions};
pub use outputs::{check_outputs, check_table_output, input_files};
pub use reading::{HAIR, Input, Labels, Scale};
pub use roles::{Role, Roles};
pub use source::Source;
#[cfg(feature = "parquet")]
pub use table::read_batches;
pub use table::{Table, read_table};
pub use table_error::{Place, Row, TableError, TableResult};
pub use taken::{PassedOver, Taken};
pub use training_state_file::TRAINING_STATE_KIND;
pub use warning::TableWarning;
pub use write::{Sink, write_predictions};
