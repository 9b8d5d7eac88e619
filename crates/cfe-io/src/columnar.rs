//! Parquet and Arrow IPC: columns with types, in batches.

use std::cell::Cell;
use std::fs::File;
use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchReader};
use arrow_ipc::reader::StreamReader;
use arrow_schema::{ArrowError, DataType, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::cells;
use crate::grow::Growing;
use crate::ipc_guard::Guarded;
use crate::options::{Layout, TableOptions};
use crate::source::{Format, Opened};
use crate::table::Parts;
use crate::table_error::{TableError, TableResult, shorten};

/// Rows decoded at a time.
const BATCH: usize = 1 << 14;

thread_local! {
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside a decoder whose panics are caught and become [`TableError::Damaged`]. A program's panic
/// hook may keep silent then.
pub fn is_decoding() -> bool {
    DECODING.get()
}

/// Reads Parquet or Arrow IPC.
pub(crate) fn read(opened: Opened, options: &TableOptions) -> TableResult<Parts> {
    let (file, format) = (opened.file.clone(), format_name(opened.format));
    // The decoders are large and meet damaged files now and then with a panic: here that is one more damaged file.
    DECODING.set(true);
    let read = catch_unwind(AssertUnwindSafe(|| match opened.format {
        Format::Parquet => read_parquet(opened, options),
        _ => read_arrow(opened, options),
    }));
    DECODING.set(false);
    read.unwrap_or_else(|_| {
        Err(TableError::Damaged { file, format, reason: "its decoder gave up".to_owned() })
    })
}

fn format_name(format: Format) -> &'static str {
    match format {
        Format::Parquet => "Parquet",
        _ => "Arrow IPC",
    }
}

fn read_parquet(opened: Opened, options: &TableOptions) -> TableResult<Parts> {
    let file = opened.file.clone();
    let damaged = |reason: String| TableError::Damaged { file: file.clone(), format: "Parquet", reason };
    let handle: File = opened.seekable()?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(handle).map_err(|e| damaged(e.to_string()))?;
    let rows = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
    let table = Columns::plan(&file, "Parquet", builder.schema(), rows, options)?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), table.used());
    let reader =
        builder.with_projection(mask).with_batch_size(BATCH).build().map_err(|e| damaged(e.to_string()))?;
    table.read_all(reader)
}

fn read_arrow(opened: Opened, options: &TableOptions) -> TableResult<Parts> {
    let (file, format) = (opened.file.clone(), opened.format);
    let damaged = |reason: String| TableError::Damaged { file: file.clone(), format: "Arrow IPC", reason };
    let mut stream = Guarded::new(BufReader::new(opened.stream()));
    if format == Format::ArrowFile {
        // A file is the stream between a magic number and an index.
        stream.skip_magic().map_err(|e| damaged(e.to_string()))?;
    }
    let reader = StreamReader::try_new(stream, None).map_err(|e| damaged(e.to_string()))?;
    let schema = reader.schema();
    Columns::plan(&file, "Arrow IPC", &schema, 0, options)?.read_all(reader)
}

/// Reads batches that are in memory already.
pub(crate) fn read_batches(
    file: &str,
    batches: impl RecordBatchReader,
    options: &TableOptions,
) -> TableResult<Parts> {
    Columns::plan(file, "Arrow stream", &batches.schema(), 0, options)?.read_all(batches)
}

/// A table as it grows, batch after batch.
struct Columns<'a> {
    format: &'static str,
    header: Vec<String>,
    layout: Layout,
    parts: Parts,
    matrix: Growing,
    file: &'a str,
}

impl<'a> Columns<'a> {
    fn plan(
        file: &'a str,
        format: &'static str,
        schema: &Schema,
        rows: usize,
        options: &TableOptions,
    ) -> TableResult<Self> {
        let header: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
        let layout = Layout::plan(file, &header, options)?;
        let parts = Parts::new(file, &header, &layout);
        let matrix = Growing::new(layout.classifiers.len(), rows);
        Ok(Self { format, header, layout, parts, matrix, file })
    }

    fn used(&self) -> Vec<usize> {
        let Layout { id, label, split, group, classifiers, .. } = &self.layout;
        [id, label, split, group].into_iter().flatten().chain(classifiers).copied().collect()
    }

    fn read_all(
        mut self,
        batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    ) -> TableResult<Parts> {
        for batch in batches {
            let batch = batch.map_err(|e| self.damaged(e.to_string()))?;
            self.append(&batch)?;
        }
        if self.matrix.len() == 0 {
            return Err(TableError::HeaderOnly { file: self.file.to_owned(), columns: self.header.len() });
        }
        if self.layout.label.is_none() {
            self.parts.truth = vec![None; self.matrix.len()];
        }
        self.parts.matrix = self.matrix.finish();
        self.parts.check_probabilities()?;
        Ok(self.parts)
    }

    fn damaged(&self, reason: String) -> TableError {
        TableError::Damaged { file: self.file.to_owned(), format: self.format, reason }
    }

    fn column<'b>(&self, batch: &'b RecordBatch, at: usize) -> TableResult<&'b ArrayRef> {
        let name = &self.header[at];
        batch
            .column_by_name(name)
            .ok_or_else(|| self.damaged(format!("column {name:?} is not in every batch")))
    }

    fn wrong_type(&self, at: usize, found: &DataType, allowed: &'static str) -> TableError {
        let (file, column) = (self.file.to_owned(), self.header[at].clone());
        TableError::WrongType { file, column, found: shorten(found.to_string().as_bytes()), allowed }
    }

    fn append(&mut self, batch: &RecordBatch) -> TableResult<()> {
        let before = self.matrix.len();
        let m = self.layout.classifiers.len();
        // Row by row, as the matrix takes them.
        let mut cells = vec![f64::NAN; m * batch.num_rows()];
        for (u, &at) in self.layout.classifiers.iter().enumerate() {
            let array = self.column(batch, at)?;
            let Some(values) = numbers(array) else {
                return Err(self.wrong_type(at, array.data_type(), "float32, float64 and integers"));
            };
            cells.iter_mut().skip(u).step_by(m).zip(values).for_each(|(to, v)| *to = v);
        }
        self.matrix.append(&cells);
        if let Some(at) = self.layout.label {
            let labels = self.labels(self.column(batch, at)?, at, before)?;
            self.parts.truth.extend(labels);
        }
        for (which, at) in [self.layout.id, self.layout.split, self.layout.group].into_iter().enumerate() {
            let Some(at) = at else { continue };
            let array = self.column(batch, at)?;
            let Some(values) = strings(array) else {
                return Err(self.wrong_type(
                    at,
                    array.data_type(),
                    "text, integers and dictionaries of them",
                ));
            };
            if which == 0
                && let Some(i) = values.iter().position(String::is_empty)
            {
                return Err(TableError::EmptyId { place: self.parts.place(before + i, &self.header[at]) });
            }
            let list = match which {
                0 => &mut self.parts.ids,
                1 => &mut self.parts.split,
                _ => &mut self.parts.groups,
            };
            list.get_or_insert_default().extend(values);
        }
        Ok(())
    }

    fn labels(&self, array: &ArrayRef, at: usize, before: usize) -> TableResult<Vec<Option<bool>>> {
        let bad = |i: usize, value: String| TableError::InvalidLabel {
            place: self.parts.place(before + i, &self.header[at]),
            value,
        };
        if let Some(values) = numbers(array) {
            let label = |(i, v): (usize, f64)| cells::number_label(v).map_err(|()| bad(i, v.to_string()));
            return values.into_iter().enumerate().map(label).collect();
        }
        let Some(values) = strings(array) else {
            return Err(self.wrong_type(at, array.data_type(), "booleans, numbers and text of 0 and 1"));
        };
        let label =
            |(i, v): (usize, String)| cells::label(v.as_bytes()).map_err(|()| bad(i, shorten(v.as_bytes())));
        values.into_iter().enumerate().map(label).collect()
    }
}

/// The entries as numbers, NaN for null; `None` if the type holds none.
fn numbers(array: &ArrayRef) -> Option<Vec<f64>> {
    fn convert<T: ArrowPrimitiveType>(array: &ArrayRef, to: impl Fn(T::Native) -> f64) -> Vec<f64> {
        array.as_primitive::<T>().iter().map(|v| v.map_or(f64::NAN, &to)).collect()
    }
    Some(match array.data_type() {
        DataType::Float64 => convert::<Float64Type>(array, |v| v),
        DataType::Float32 => convert::<Float32Type>(array, f64::from),
        DataType::Int8 => convert::<Int8Type>(array, f64::from),
        DataType::Int16 => convert::<Int16Type>(array, f64::from),
        DataType::Int32 => convert::<Int32Type>(array, f64::from),
        DataType::Int64 => convert::<Int64Type>(array, |v| v as f64),
        DataType::UInt8 => convert::<UInt8Type>(array, f64::from),
        DataType::UInt16 => convert::<UInt16Type>(array, f64::from),
        DataType::UInt32 => convert::<UInt32Type>(array, f64::from),
        DataType::UInt64 => convert::<UInt64Type>(array, |v| v as f64),
        DataType::Boolean => {
            array.as_boolean().iter().map(|v| v.map_or(f64::NAN, |b| f64::from(u8::from(b)))).collect()
        }
        DataType::Null => vec![f64::NAN; array.len()],
        _ => return None,
    })
}

/// The entries as text, empty for null; integers too (ids often are).
fn strings(array: &ArrayRef) -> Option<Vec<String>> {
    fn convert<'a, S: AsRef<str> + 'a + ?Sized>(values: impl Iterator<Item = Option<&'a S>>) -> Vec<String> {
        values.map(|v| v.map_or_else(String::new, |s| s.as_ref().trim().to_owned())).collect()
    }
    fn integers<T: ArrowPrimitiveType<Native: ToString>>(array: &ArrayRef) -> Vec<String> {
        array.as_primitive::<T>().iter().map(|v| v.map_or_else(String::new, |v| v.to_string())).collect()
    }
    Some(match array.data_type() {
        DataType::Utf8 => convert(array.as_string::<i32>().iter()),
        DataType::LargeUtf8 => convert(array.as_string::<i64>().iter()),
        DataType::Utf8View => convert(array.as_string_view().iter()),
        DataType::Int8 => integers::<Int8Type>(array),
        DataType::Int16 => integers::<Int16Type>(array),
        DataType::Int32 => integers::<Int32Type>(array),
        DataType::Int64 => integers::<Int64Type>(array),
        DataType::UInt8 => integers::<UInt8Type>(array),
        DataType::UInt16 => integers::<UInt16Type>(array),
        DataType::UInt32 => integers::<UInt32Type>(array),
        DataType::UInt64 => integers::<UInt64Type>(array),
        DataType::Null => vec![String::new(); array.len()],
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary_opt()?;
            let values = strings(dictionary.values())?;
            let keys = dictionary.normalized_keys();
            (0..array.len())
                .map(|i| match dictionary.keys().is_null(i) {
                    true => Some(String::new()),
                    false => values.get(*keys.get(i)?).cloned(),
                })
                .collect::<Option<_>>()?
        }
        _ => return None,
    })
}
