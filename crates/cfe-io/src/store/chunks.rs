//! A table in chunks that fit in memory, each checked as a table of its own.
//!
//! The first chunk decides what the columns are; the others are read in the same way.

use std::path::Path;

use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow_schema::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use crate::blocks::{BlockError, Blocks, MAX_RECORD, Records};
use crate::dialect::before_header;
use crate::guarded;
use crate::options::{Remembered, TableOptions};
use crate::roles::Roles;
use crate::source::{Format, Opened, Source};
use crate::table::{Table, read_batches, read_table};
use crate::table_error::{Place, Row, TableError, TableResult};
use crate::unpack;

/// Bytes of text in a chunk, about.
const TEXT: usize = 8 << 20;
/// Cells of a columnar chunk, about.
const CELLS: usize = 1 << 20;

/// Gives the tables of a file one after the other to `take`.
pub(super) fn each<E: From<TableError>>(
    path: &Path,
    options: &mut TableOptions,
    take: &mut dyn FnMut(Table) -> Result<(), E>,
) -> Result<(), E> {
    let mut opened = Source::Path(path.to_owned()).open()?;
    while matches!(opened.format, Format::Gzip | Format::Bzip2 | Format::Xz | Format::Zstd) {
        opened = unpack::decompress(opened)?;
    }
    match opened.format {
        Format::Text => text(opened, options, take),
        Format::Parquet => {
            let file = opened.file.clone();
            let gave_up =
                || TableError::Damaged { file, format: "Parquet", reason: "its decoder gave up".to_owned() };
            guarded::decode(|| parquet(opened, options, take)).unwrap_or_else(|| Err(gave_up().into()))
        }
        // Large tables come in other formats than these: whole.
        _ => {
            let table = read_table(Source::Path(path.to_owned()), options)?;
            pin(options, &table);
            take(table)
        }
    }
}

/// From here on columns are what they were in this table.
fn pin(options: &mut TableOptions, table: &Table) {
    let taken = &table.taken;
    if options.classifiers.is_none() {
        options.classifiers = Some(taken.classifiers.clone());
        options.label_column = taken.label.clone();
        options.id_column = taken.roles.id.clone();
        options.split_column = taken.roles.split.clone();
    }
    let known = std::mem::take(&mut options.remembered);
    let now = Remembered::of(taken);
    options.remembered = Remembered {
        // Where the positive value was asked for, every other one is negative.
        negative: known.negative.or(now.negative.filter(|_| known.positive.is_none())),
        positive: known.positive.or(now.positive),
        train_value: known.train_value.or(now.train_value),
        label: known.label.or(now.label),
        roles: Roles {
            id: known.roles.id.or(now.roles.id),
            split: known.roles.split.or(now.roles.split),
            ..Roles::default()
        },
    };
}

/// Text in blocks of whole records, each behind the header.
fn text<E: From<TableError>>(
    opened: Opened,
    options: &mut TableOptions,
    take: &mut dyn FnMut(Table) -> Result<(), E>,
) -> Result<(), E> {
    let (file, failed) = (opened.file.clone(), opened.stream_error());
    let delimiter = options.delimiter.unwrap_or(b',');
    let mut blocks = Blocks::new(opened.stream(), Vec::new());
    let (mut header, mut lines) = (Vec::new(), 0);
    while !blocks.is_done() {
        let mut chunk = header.clone();
        while chunk.len() < TEXT {
            match blocks.next(delimiter) {
                Ok(Some(block)) => chunk.extend(block),
                Ok(None) => break,
                Err(BlockError::Io(source)) => return Err(failed(source).into()),
                Err(BlockError::RecordTooLong) => {
                    return Err(TableError::LineTooLong { file, line: lines + 1, limit: MAX_RECORD }.into());
                }
            }
        }
        if header.is_empty() {
            header = header_of(&chunk, options.delimiter, &file)?;
        } else if chunk[header.len()..].trim_ascii().is_empty() {
            break;
        }
        let count = memchr::memchr_iter(b'\n', &chunk).count() as u64;
        let table = read_table(Source::bytes(file.clone(), chunk), options);
        let table = table.map_err(|error| moved(error, lines))?;
        // The next chunk has the header again, and so its lines stand behind one less.
        lines += count - memchr::memchr_iter(b'\n', &header).count() as u64;
        pin(options, &table);
        take(table)?;
    }
    Ok(())
}

/// The line of the names of the columns, without comments and titles above it, which belong to the first
/// chunk alone. A delimiter that the file names stays in front of it.
fn header_of(chunk: &[u8], delimiter: Option<u8>, file: &str) -> TableResult<Vec<u8>> {
    if chunk.starts_with(b"\xff\xfe") || chunk.starts_with(b"\xfe\xff") {
        return Err(TableError::OtherFormat {
            file: file.to_owned(),
            what: "UTF-16 text, which is not cut into parts".to_owned(),
            cure: "save it as UTF-8".to_owned(),
        });
    }
    let text = chunk.strip_prefix(b"\xef\xbb\xbf").unwrap_or(chunk);
    let before = before_header(text, delimiter);
    let from = &text[before.bytes..];
    let mut records = Records::new(from, delimiter.or(before.hint).unwrap_or(b','));
    records.next();
    let named = before.hint.map_or(Vec::new(), |hint| vec![b's', b'e', b'p', b'=', hint, b'\n']);
    Ok([named.as_slice(), &from[..from.len() - records.rest_len()]].concat())
}

/// Parquet in chunks of rows, of which only the columns that are needed are decoded after the first.
fn parquet<E: From<TableError>>(
    opened: Opened,
    options: &mut TableOptions,
    take: &mut dyn FnMut(Table) -> Result<(), E>,
) -> Result<(), E> {
    let file = opened.file.clone();
    let damaged = |reason: String| TableError::Damaged { file: file.clone(), format: "Parquet", reason };
    let handle = opened.seekable()?;
    let metadata = ArrowReaderMetadata::load(&handle, ArrowReaderOptions::default())
        .map_err(|e| damaged(e.to_string()))?;
    let builder = || -> TableResult<_> {
        let handle = handle.try_clone().map_err(|e| damaged(e.to_string()))?;
        Ok(ParquetRecordBatchReaderBuilder::new_with_metadata(handle, metadata.clone()))
    };
    let batch_rows = (CELLS / metadata.schema().fields().len().max(1)).clamp(1 << 10, 1 << 16);
    let first = builder()?.with_limit(batch_rows).with_batch_size(batch_rows).build();
    let mut done = 0;
    let mut read = |batches: &mut dyn Iterator<Item = Result<RecordBatch, ArrowError>>,
                    options: &mut TableOptions|
     -> Result<(), E> {
        for batch in batches {
            let batch = batch.map_err(|e| damaged(e.to_string()))?;
            let (rows, schema) = (batch.num_rows() as u64, batch.schema());
            let table = read_batches(&file, RecordBatchIterator::new([Ok(batch)], schema), options);
            let table = table.map_err(|error| moved(error, done))?;
            pin(options, &table);
            take(table)?;
            done += rows;
        }
        Ok(())
    };
    read(&mut first.map_err(|e| damaged(e.to_string()))?, options)?;
    // The rest, without the columns that mean nothing.
    let needed: Vec<&String> = [&options.id_column, &options.label_column, &options.split_column]
        .into_iter()
        .flatten()
        .chain(options.classifiers.iter().flatten())
        .collect();
    let fields = metadata.schema().fields();
    let roots = (0..fields.len()).filter(|&at| needed.contains(&fields[at].name()));
    let rest = builder()?;
    let mask = ProjectionMask::roots(rest.parquet_schema(), roots);
    let rest = rest.with_projection(mask).with_offset(batch_rows).with_batch_size(batch_rows).build();
    let mut rest = rest.map_err(|e| damaged(e.to_string()))?;
    debug_assert!(!rest.schema().fields().is_empty(), "a classifier is among the columns");
    read(&mut rest, options)
}

/// An error of a chunk, with its row counted from the start of the file.
fn moved(mut error: TableError, by: u64) -> TableError {
    use TableError::{
        Conflict, DuplicateId, EmptyId, InvalidLabel, LineTooLong, NotANumber, NotUtf8, OutOfRange, Ragged,
    };
    let row = |row: &mut Row| match row {
        Row::Line(at) | Row::Row(at) | Row::Instance(at) => *at += by,
    };
    match &mut error {
        NotUtf8 { place: Place { row: at, .. }, .. }
        | NotANumber { place: Place { row: at, .. }, .. }
        | OutOfRange { place: Place { row: at, .. }, .. }
        | InvalidLabel { place: Place { row: at, .. }, .. }
        | EmptyId { place: Place { row: at, .. } } => row(at),
        Conflict { place, first, .. } | DuplicateId { place, first, .. } => {
            row(&mut place.row);
            row(first);
        }
        Ragged { line, .. } | LineTooLong { line, .. } => *line += by,
        _ => {}
    }
    error
}
