//! Parquet and Arrow IPC: columns with types, in batches.

use std::fs::File;
use std::io::{BufReader, Seek as _};

use arrow_array::cast::AsArray;
use arrow_array::temporal_conversions::as_datetime;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DecimalType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{AnyDictionaryArray, Array, ArrayRef, RecordBatch, RecordBatchReader};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, DataType, Schema, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use crate::format::Format;
use crate::grow::Growing;
use crate::guarded;
use crate::ipc_guard::{self, Guarded};
use crate::layout::Layout;
use crate::options::TableOptions;
use crate::parts::Parts;
use crate::profile::{Declared, Profile, Sample, rows_to_look_at};
use crate::reading::{Input, Reading, Scale, number};
use crate::roles::Role;
use crate::source::Opened;
use crate::table_error::{TableError, TableResult, shorten};

/// Rows decoded at a time.
const BATCH: usize = 1 << 14;

/// Reads Parquet or Arrow IPC.
pub(crate) fn read(opened: Opened, options: &TableOptions) -> TableResult<Parts> {
    let (file, format) = (opened.file.clone(), format_name(opened.format));
    // The decoders are large and meet damaged files now and then with a panic: here that is one more damaged
    // file.
    let read = guarded::decode(|| match opened.format {
        Format::Parquet => read_parquet(opened, options),
        _ => read_arrow(opened, options),
    });
    read.unwrap_or_else(|| {
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
    let failed = |e: parquet::errors::ParquetError| damaged(e.to_string());
    let handle: File = opened.seekable()?;
    let metadata = ArrowReaderMetadata::load(&handle, ArrowReaderOptions::default()).map_err(failed)?;
    let builder = || -> TableResult<_> {
        let handle = handle.try_clone().map_err(|e| damaged(e.to_string()))?;
        Ok(ParquetRecordBatchReaderBuilder::new_with_metadata(handle, metadata.clone()))
    };
    let rows = usize::try_from(metadata.metadata().file_metadata().num_rows()).unwrap_or(0);
    let schema = metadata.schema();
    // The first rows of what can be read tell what a column holds.
    let readable: Vec<usize> =
        (0..schema.fields().len()).filter(|&at| is_readable(schema.field(at).data_type())).collect();
    let most = rows_to_look_at(schema.fields().len());
    let looked_at = match readable.is_empty() {
        true => None,
        false => {
            let builder = builder()?;
            let mask = ProjectionMask::roots(builder.parquet_schema(), readable);
            let reader = builder.with_projection(mask).with_limit(most).with_batch_size(most).build();
            reader.map_err(failed)?.next().transpose().map_err(|e| damaged(e.to_string()))?
        }
    };
    let reading = options.reading();
    let sample = look_at(schema, looked_at.as_ref(), rows <= most, &reading);
    let table = Columns::plan(&file, "Parquet", schema, &sample, rows, options)?;
    let builder = builder()?;
    // The second pass decodes the columns that have a meaning, and no others.
    let mask = ProjectionMask::roots(builder.parquet_schema(), table.used());
    let reader = builder.with_projection(mask).with_batch_size(BATCH).build().map_err(failed)?;
    table.read_all(reader)
}

fn read_arrow(opened: Opened, options: &TableOptions) -> TableResult<Parts> {
    let (file, format) = (opened.file.clone(), opened.format);
    let damaged = |reason: String| TableError::Damaged { file: file.clone(), format: "Arrow IPC", reason };
    let failed = |e: ArrowError| damaged(e.to_string());
    // A stream is read once: the batches that were looked at are kept and read again from memory.
    if format == Format::ArrowStream {
        let reader = StreamReader::try_new(Guarded::new(BufReader::new(opened.stream())), None);
        let reader = reader.map_err(failed)?;
        return read_batches(&file, &reader.schema(), reader, options);
    }
    let handle = opened.seekable()?;
    let again = || -> TableResult<File> {
        let mut handle = handle.try_clone().map_err(|e| damaged(e.to_string()))?;
        handle.rewind().map_err(|e| damaged(e.to_string()))?;
        Ok(handle)
    };
    // A file is the stream between a magic number and an index, or at least its index says where all is:
    // Polars writes no length before the schema.
    let mut stream = Guarded::new(BufReader::new(again()?));
    let streamed = stream
        .skip_magic()
        .map_err(|e| e.to_string())
        .and_then(|()| StreamReader::try_new(stream, None).map_err(|e| e.to_string()));
    match streamed {
        Ok(reader) => read_batches(&file, &reader.schema(), reader, options),
        Err(reason) => {
            ipc_guard::check_index(&mut BufReader::new(again()?))
                .map_err(|e| damaged(format!("{reason}; {e}")))?;
            let reader = FileReader::try_new(BufReader::new(again()?), None).map_err(failed)?;
            read_batches(&file, &reader.schema(), reader, options)
        }
    }
}

fn read_batches(
    file: &str,
    schema: &Schema,
    mut batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    options: &TableOptions,
) -> TableResult<Parts> {
    let damaged = |e: ArrowError| TableError::Damaged {
        file: file.to_owned(),
        format: "Arrow IPC",
        reason: e.to_string(),
    };
    // Empty batches tell nothing.
    let mut first = Vec::new();
    while first.iter().all(|batch: &RecordBatch| batch.num_rows() == 0)
        && let Some(batch) = batches.next().transpose().map_err(damaged)?
    {
        first.push(batch);
    }
    // Of the batches read so far only the last one has rows.
    let sample = look_at(schema, first.last(), false, &options.reading());
    let table = Columns::plan(file, "Arrow IPC", schema, &sample, 0, options)?;
    table.read_all(first.into_iter().map(Ok).chain(batches))
}

/// What the first rows hold.
fn look_at(schema: &Schema, batch: Option<&RecordBatch>, whole: bool, reading: &Reading) -> Sample {
    let most = rows_to_look_at(schema.fields().len());
    let profile = |field: &arrow_schema::FieldRef| {
        let mut profile = Profile::default();
        if !is_readable(field.data_type()) {
            profile.declared = Declared::Unreadable(shorten(field.data_type().to_string().as_bytes()));
            return profile;
        }
        if is_time(field.data_type()) {
            profile.declared = Declared::Time;
        }
        let Some(array) = batch.and_then(|batch| batch.column_by_name(field.name())) else { return profile };
        let array = array.slice(0, array.len().min(most));
        // Text and booleans are looked at by their words, though some can be read as numbers.
        let is_text = texts(&array).is_some() || *array.data_type() == DataType::Boolean;
        match numbers(&array, reading).filter(|_| !is_text) {
            Some(values) => {
                values.into_iter().for_each(|v| profile.add_number(v.unwrap_or(f64::NAN), reading))
            }
            None => {
                strings(&array).into_iter().flatten().for_each(|text| profile.add(text.as_bytes(), reading))
            }
        }
        profile
    };
    // pandas writes the names of its index columns into the metadata. A plain range is an object there and
    // has no column.
    let index =
        schema.metadata().get("pandas").and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    let index = index.as_ref().and_then(|pandas| pandas.get("index_columns")?.as_array());
    Sample {
        profiles: schema.fields().iter().map(profile).collect(),
        whole,
        index: index.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
        bare: false,
    }
}

/// Reads batches that are in memory already.
pub(crate) fn read_stream(
    file: &str,
    batches: impl RecordBatchReader,
    options: &TableOptions,
) -> TableResult<Parts> {
    let schema = batches.schema();
    read_batches(file, &schema, batches, options)
}

/// A table as it grows, batch after batch.
struct Columns<'a> {
    format: &'static str,
    header: Vec<String>,
    layout: Layout,
    parts: Parts,
    matrix: Growing,
    reading: Reading,
    file: &'a str,
}

impl<'a> Columns<'a> {
    fn plan(
        file: &'a str,
        format: &'static str,
        schema: &Schema,
        sample: &Sample,
        rows: usize,
        options: &TableOptions,
    ) -> TableResult<Self> {
        let header: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
        let layout = Layout::plan(file, &header, sample, options)?;
        let parts = Parts::new(file, &header, &layout);
        let matrix = Growing::new(layout.classifiers.len(), rows);
        Ok(Self { format, header, layout, parts, matrix, reading: options.reading(), file })
    }

    fn used(&self) -> Vec<usize> {
        let roles = self.layout.roles.iter().map(|(_, at)| at);
        roles.chain(&self.layout.label).chain(&self.layout.classifiers).copied().collect()
    }

    fn read_all(
        mut self,
        batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    ) -> TableResult<Parts> {
        // Batches grow one matrix. A file that names its number of rows has it allocated at once.
        for batch in batches {
            let batch = batch.map_err(|e| self.damaged(e.to_string()))?;
            self.append(&batch)?;
        }
        if self.matrix.len() == 0 {
            return Err(TableError::HeaderOnly { file: self.file.to_owned(), columns: self.header.len() });
        }
        self.parts.matrix = self.matrix.finish();
        self.parts.convert(&self.reading)?;
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
            let Some(values) = numbers(array, &self.reading) else {
                return Err(self.wrong_type(
                    at,
                    array.data_type(),
                    "numbers, decimals, booleans, and text or dictionaries of numbers",
                ));
            };
            for (i, (to, value)) in cells.iter_mut().skip(u).step_by(m).zip(values).enumerate() {
                *to = value.map_err(|text| TableError::NotANumber {
                    place: self.parts.place(before + i, &self.header[at]),
                    value: shorten(text.as_bytes()),
                })?;
            }
        }
        self.matrix.append(&cells);
        if let Some(at) = self.layout.label {
            let array = self.column(batch, at)?.clone();
            self.add_labels(&array, at)?;
        }
        // Roles are kept as text, in whatever type the file has them: they are compared, and read as numbers
        // later.
        for role in Role::ALL {
            let Some(&at) = self.layout.roles.get(role) else { continue };
            let array = self.column(batch, at)?;
            let Some(values) = strings(array) else {
                return Err(self.wrong_type(
                    at,
                    array.data_type(),
                    "text, numbers, dates, booleans and dictionaries of them",
                ));
            };
            // An id that was named is needed in every row; a guessed one is not.
            if role == Role::Id
                && self.layout.needs_ids
                && let Some(i) = values.iter().position(String::is_empty)
            {
                return Err(TableError::EmptyId { place: self.parts.place(before + i, &self.header[at]) });
            }
            self.parts.roles.slot(role).get_or_insert_default().extend(values);
        }
        Ok(())
    }

    fn add_labels(&mut self, array: &ArrayRef, at: usize) -> TableResult<()> {
        let is_text = texts(array).is_some();
        // Labels are read as they stand, whatever scale the cells have.
        let reading = Reading::new(&self.reading.missing, Scale::Fraction, Input::Probability);
        let labels = self.parts.labels.get_or_insert_default();
        // Text stays text, also where every cell could be a number: `1` and `1.0` may be two labels.
        if let Some(values) = numbers(array, &reading).filter(|_| !is_text) {
            values.into_iter().for_each(|value| labels.push_number(value.unwrap_or(f64::NAN), &reading));
        } else if let Some(values) = strings(array) {
            values.into_iter().for_each(|text| labels.push(text.as_bytes(), &reading));
        } else {
            return Err(self.wrong_type(at, array.data_type(), "booleans, numbers and text"));
        }
        Ok(())
    }
}

fn is_time(kind: &DataType) -> bool {
    matches!(kind, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..))
}

/// Whether a column of this type can be read as numbers or as text.
fn is_readable(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, values) => is_readable(values),
        DataType::Null
        | DataType::Boolean
        | DataType::Float16
        | DataType::Float32
        | DataType::Float64
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => true,
        kind => kind.is_integer() || is_time(kind),
    }
}

/// The value of a dictionary for each row, `null` where there is none; `None` for a key beyond the values.
fn entries<T: Clone>(dictionary: &dyn AnyDictionaryArray, values: &[T], null: &T) -> Option<Vec<T>> {
    let keys = dictionary.normalized_keys();
    let entry = |i: usize| match dictionary.keys().is_null(i) {
        true => Some(null.clone()),
        false => values.get(keys[i]).cloned(),
    };
    (0..keys.len()).map(entry).collect()
}

/// The entries of a column of text, or of a dictionary of texts; empty for null.
fn texts(array: &ArrayRef) -> Option<Vec<String>> {
    fn convert<'a>(values: impl Iterator<Item = Option<&'a str>>) -> Vec<String> {
        values.map(|v| v.map_or_else(String::new, |s| s.trim().to_owned())).collect()
    }
    Some(match array.data_type() {
        DataType::Utf8 => convert(array.as_string::<i32>().iter()),
        DataType::LargeUtf8 => convert(array.as_string::<i64>().iter()),
        DataType::Utf8View => convert(array.as_string_view().iter()),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary_opt()?;
            let values = texts(dictionary.values())?;
            entries(dictionary, &values, &String::new())?
        }
        _ => return None,
    })
}

/// The entries as numbers, NaN for null and what stands for a missing value, the text where it is not a
/// number; `None` if the type holds neither.
fn numbers(array: &ArrayRef, reading: &Reading) -> Option<Vec<Result<f64, String>>> {
    fn convert<T: ArrowPrimitiveType>(
        array: &ArrayRef,
        to: impl Fn(T::Native) -> f64,
    ) -> Vec<Result<f64, String>> {
        array.as_primitive::<T>().iter().map(|v| Ok(v.map_or(f64::NAN, &to))).collect()
    }
    /// A decimal is read from its digits, as the nearest number to them.
    fn decimal<T: DecimalType>(array: &ArrayRef) -> Vec<Result<f64, String>> {
        let array = array.as_primitive::<T>();
        let value = |i: usize| match array.is_null(i) {
            true => Ok(f64::NAN),
            false => array.value_as_string(i).parse().map_err(|_| array.value_as_string(i)),
        };
        (0..array.len()).map(value).collect()
    }
    // Types of numbers first; what is neither a number nor text has no arm and is refused by its type.
    Some(match array.data_type() {
        DataType::Float64 => convert::<Float64Type>(array, |v| v),
        DataType::Float32 => convert::<Float32Type>(array, f64::from),
        DataType::Float16 => convert::<Float16Type>(array, f64::from),
        DataType::Int8 => convert::<Int8Type>(array, f64::from),
        DataType::Int16 => convert::<Int16Type>(array, f64::from),
        DataType::Int32 => convert::<Int32Type>(array, f64::from),
        // Beyond 2^53 this rounds, which matters to nothing that could be a probability.
        DataType::Int64 => convert::<Int64Type>(array, |v| v as f64),
        DataType::UInt8 => convert::<UInt8Type>(array, f64::from),
        DataType::UInt16 => convert::<UInt16Type>(array, f64::from),
        DataType::UInt32 => convert::<UInt32Type>(array, f64::from),
        DataType::UInt64 => convert::<UInt64Type>(array, |v| v as f64),
        DataType::Decimal32(..) => decimal::<Decimal32Type>(array),
        DataType::Decimal64(..) => decimal::<Decimal64Type>(array),
        DataType::Decimal128(..) => decimal::<Decimal128Type>(array),
        DataType::Decimal256(..) => decimal::<Decimal256Type>(array),
        DataType::Boolean => {
            array.as_boolean().iter().map(|v| Ok(v.map_or(f64::NAN, |b| f64::from(u8::from(b))))).collect()
        }
        DataType::Null => vec![Ok(f64::NAN); array.len()],
        // A dictionary of texts goes the way of text below, where words for a missing value are known.
        DataType::Dictionary(..) if texts(array).is_none() => {
            let dictionary = array.as_any_dictionary_opt()?;
            let values = numbers(dictionary.values(), reading)?;
            entries(dictionary, &values, &Ok(f64::NAN))?
        }
        _ => {
            let value = |text: String| match number(text.as_bytes()) {
                // Words for a missing value come first, as a number may be one of them.
                _ if reading.is_missing(text.as_bytes()) => Ok(f64::NAN),
                Some((value, sign)) if !sign || reading.scale == Scale::Percent => Ok(value),
                _ => Err(text),
            };
            texts(array)?.into_iter().map(value).collect()
        }
    })
}

/// The entries as text, empty for null; numbers and dates too (ids and groups often are).
fn strings(array: &ArrayRef) -> Option<Vec<String>> {
    // Written as the same cells look in a CSV file: an id matches whatever the format of the table.
    fn plain<T: ArrowPrimitiveType<Native: ToString>>(array: &ArrayRef) -> Vec<String> {
        array.as_primitive::<T>().iter().map(|v| v.map_or_else(String::new, |v| v.to_string())).collect()
    }
    fn time<T: ArrowPrimitiveType<Native = N>, N: Into<i64> + Copy>(
        array: &ArrayRef,
        is_date: bool,
    ) -> Vec<String> {
        // A moment outside the calendar keeps its number: it still tells one row from another.
        let text = |v: N| match as_datetime::<T>(v.into()) {
            Some(time) if is_date => time.date().to_string(),
            Some(time) => time.to_string(),
            None => v.into().to_string(),
        };
        array.as_primitive::<T>().iter().map(|v| v.map_or_else(String::new, text)).collect()
    }
    fn decimal<T: DecimalType>(array: &ArrayRef) -> Vec<String> {
        let array = array.as_primitive::<T>();
        let text = |i: usize| if array.is_null(i) { String::new() } else { array.value_as_string(i) };
        (0..array.len()).map(text).collect()
    }
    Some(match array.data_type() {
        DataType::Int8 => plain::<Int8Type>(array),
        DataType::Int16 => plain::<Int16Type>(array),
        DataType::Int32 => plain::<Int32Type>(array),
        DataType::Int64 => plain::<Int64Type>(array),
        DataType::UInt8 => plain::<UInt8Type>(array),
        DataType::UInt16 => plain::<UInt16Type>(array),
        DataType::UInt32 => plain::<UInt32Type>(array),
        DataType::UInt64 => plain::<UInt64Type>(array),
        // Whole numbers of a column with gaps, which pandas holds as floats, are written without a point.
        DataType::Float64 => plain::<Float64Type>(array).into_iter().map(|v| v.replace("NaN", "")).collect(),
        DataType::Float32 => plain::<Float32Type>(array).into_iter().map(|v| v.replace("NaN", "")).collect(),
        DataType::Float16 => plain::<Float16Type>(array).into_iter().map(|v| v.replace("NaN", "")).collect(),
        DataType::Decimal32(..) => decimal::<Decimal32Type>(array),
        DataType::Decimal64(..) => decimal::<Decimal64Type>(array),
        DataType::Decimal128(..) => decimal::<Decimal128Type>(array),
        DataType::Decimal256(..) => decimal::<Decimal256Type>(array),
        DataType::Boolean => {
            array.as_boolean().iter().map(|v| v.map_or_else(String::new, |b| b.to_string())).collect()
        }
        DataType::Date32 => time::<Date32Type, i32>(array, true),
        DataType::Date64 => time::<Date64Type, i64>(array, true),
        DataType::Timestamp(TimeUnit::Second, _) => time::<TimestampSecondType, i64>(array, false),
        DataType::Timestamp(TimeUnit::Millisecond, _) => time::<TimestampMillisecondType, i64>(array, false),
        DataType::Timestamp(TimeUnit::Microsecond, _) => time::<TimestampMicrosecondType, i64>(array, false),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => time::<TimestampNanosecondType, i64>(array, false),
        DataType::Null => vec![String::new(); array.len()],
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary_opt()?;
            // Each value is written once, and the rows refer to it.
            let values = strings(dictionary.values())?;
            entries(dictionary, &values, &String::new())?
        }
        _ => texts(array)?,
    })
}
