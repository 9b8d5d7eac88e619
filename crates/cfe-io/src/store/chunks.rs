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
use crate::class_table::{AnyTable, read_any_batches, read_any_table};
use crate::dialect::before_header;
use crate::format::Format;
use crate::guarded;
use crate::options::{Remembered, TableOptions};
use crate::reading::Labels;
use crate::roles::{Role, Roles};
use crate::source::{Opened, Source};
use crate::table::{Table, read_batches, read_table};
use crate::table_error::{Place, TableError, TableResult, list};
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
    // A packed file is read as what it holds.
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
            options.part_from = Some(0);
            take(first_of_file(options, &|options, classes| {
                read(Source::Path(path.to_owned()), options, classes)
            })?)
        }
    }
}

/// Of how many classes a table may be.
#[derive(Clone, Copy)]
enum Classes {
    Two,
    Any,
}

fn read(source: Source, options: &TableOptions, classes: Classes) -> TableResult<AnyTable> {
    match classes {
        Classes::Any => read_any_table(source, options),
        Classes::Two => read_table(source, options).map(|table| AnyTable::Binary(Box::new(table))),
    }
}

/// Reads the first chunk of a file, and so learns what its columns are. Labels may be missing from a file;
/// where they are there, all that labeled rows need must be in every row from here on.
fn first_of_file(
    options: &mut TableOptions,
    read: &dyn Fn(&TableOptions, Classes) -> TableResult<AnyTable>,
) -> TableResult<Table> {
    // Where the positive class is known, all others are the negative one.
    let classes = match options.classifiers.is_none() && options.remembered.positive.is_none() {
        true => Classes::Any,
        false => Classes::Two,
    };
    let read = |options: &TableOptions| match read(options, classes)? {
        AnyTable::Binary(table) => Ok(*table),
        AnyTable::Classes(table) => {
            let classes = table.predictions.classes();
            let (count, classes) = (classes.len(), list(classes));
            Err(TableError::SeveralClasses { file: table.file, count, classes })
        }
    };
    // A file of the store may lack labels: its rows count for nothing, and may be predicted all the same.
    if options.labels == Labels::Needed {
        options.labels = Labels::IfPresent;
    }
    let table = read(options)?;
    let passed_over = |column: &String| table.taken.passed_over.iter().any(|p| p.column == *column);
    // In a file after the first one, the label column is known to be one.
    let lost = options.classifiers.is_some() && options.label_column.as_ref().is_some_and(passed_over);
    let is_labeled = table.taken.label.is_some();
    pin(options, &table);
    if !is_labeled && !lost {
        return Ok(table);
    }
    options.labels = Labels::Needed;
    let more = [Role::Weight, Role::Fold, Role::Cost].map(|role| options.column(role));
    if !lost && more.iter().all(Option::is_none) {
        return Ok(table);
    }
    // Once more, so that what is wrong with a cell is an error, as in all other chunks.
    let Table { taken, warnings, .. } = table;
    Ok(Table { taken, warnings, ..read(options)? })
}

/// From here on columns are what they were in this table.
fn pin(options: &mut TableOptions, table: &Table) {
    let taken = &table.taken;
    // The first file settles the columns. Later files settle only what the first could not know.
    if options.classifiers.is_none() {
        options.classifiers = Some(taken.classifiers.clone());
        options.label_column = taken.label.clone();
        options.id_column = taken.roles.id.clone();
        options.split_column = taken.roles.split.clone();
        options.group_column = taken.roles.group.clone();
        options.weight_column = taken.roles.weight.clone();
        options.fold_column = taken.roles.fold.clone();
        options.cost_column = taken.roles.cost.clone();
        options.not_guessed = vec![Role::Weight, Role::Fold];
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
            group: known.roles.group.or(now.roles.group),
            ..Roles::default()
        },
        ..now
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
    let (mut header, mut lines, mut is_first) = (Vec::new(), 0, true);
    // Each chunk is a table of its own: the header, and as many whole records as fit.
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
        // The first chunk brings the header; behind the last record nothing but white space may be left.
        if header.is_empty() {
            header = header_of(&chunk, options.delimiter, &file)?;
        } else if chunk[header.len()..].trim_ascii().is_empty() {
            break;
        }
        let count = memchr::memchr_iter(b'\n', &chunk).count() as u64;
        options.part_from = Some(lines);
        let table = match is_first {
            true => first_of_file(options, &|options, classes| {
                read(Source::bytes(file.clone(), chunk.clone()), options, classes)
            }),
            false => read_table(Source::bytes(file.clone(), chunk), options),
        };
        let table = table.map_err(|error| moved(error, lines))?;
        // The next chunk has the header again, and so its lines stand behind one less.
        lines += count - memchr::memchr_iter(b'\n', &header).count() as u64;
        is_first = false;
        take(table)?;
    }
    Ok(())
}

/// The line of the names of the columns, without comments and titles above it, which belong to the first
/// chunk alone. A delimiter that the file names stays in front of it.
fn header_of(chunk: &[u8], delimiter: Option<u8>, file: &str) -> TableResult<Vec<u8>> {
    // Blocks are cut at line breaks of one byte, which UTF-16 does not have.
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
    // A batch has about as many cells for any width, between 1,024 and 65,536 rows.
    let batch_rows = (CELLS / metadata.schema().fields().len().max(1)).clamp(1 << 10, 1 << 16);
    let first = builder()?.with_limit(batch_rows).with_batch_size(batch_rows).build();
    let mut done = 0;
    // One reader of batches for both passes over the file: the first batch alone, and the rest.
    let mut read = |batches: &mut dyn Iterator<Item = Result<RecordBatch, ArrowError>>,
                    options: &mut TableOptions|
     -> Result<(), E> {
        for batch in batches {
            let batch = batch.map_err(|e| damaged(e.to_string()))?;
            let (rows, schema) = (batch.num_rows() as u64, batch.schema());
            let batches = || RecordBatchIterator::new([Ok(batch.clone())], schema.clone());
            options.part_from = Some(done);
            // The first batch decides what the columns are, and the later ones are read for the same.
            let table = match done {
                0 => first_of_file(options, &|options, classes| match classes {
                    Classes::Any => read_any_batches(&file, batches(), options),
                    Classes::Two => {
                        read_batches(&file, batches(), options).map(|table| AnyTable::Binary(Box::new(table)))
                    }
                }),
                _ => read_batches(&file, batches(), options),
            };
            let table = table.map_err(|error| moved(error, done))?;
            take(table)?;
            done += rows;
        }
        Ok(())
    };
    read(&mut first.map_err(|e| damaged(e.to_string()))?, options)?;
    // The rest, without the columns that mean nothing.
    let roles = Role::ALL.into_iter().filter_map(|role| options.column(role));
    let needed: Vec<String> = roles
        .chain(options.label_column.clone())
        .chain(options.classifiers.iter().flatten().cloned())
        .collect();
    let fields = metadata.schema().fields();
    let roots = (0..fields.len()).filter(|&at| needed.contains(fields[at].name()));
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
    let row = |row: &mut crate::table_error::Row| *row = row.moved(by);
    match &mut error {
        NotUtf8 { place: Place { row: at, .. }, .. }
        | NotANumber { place: Place { row: at, .. }, .. }
        | OutOfRange { place: Place { row: at, .. }, .. }
        | InvalidLabel { place: Place { row: at, .. }, .. }
        | EmptyId { place: Place { row: at, .. } } => row(at),
        Conflict { place, first, .. } | DuplicateId { place, first, .. } => {
            row(&mut place.row);
            row(&mut first.row);
        }
        Ragged { line, .. } | LineTooLong { line, .. } => *line += by,
        _ => {}
    }
    error
}
