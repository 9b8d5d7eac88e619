//! CSV and TSV: blocks of whole lines are parsed in parallel and put together in their order, so that neither the
//! table nor the line in a message depends on the number of threads.

use std::io::Read;

use rayon::prelude::*;

use crate::blocks::{BlockError, Blocks, MAX_RECORD, Records, record_end};
use crate::grow::Growing;
use crate::options::{Layout, TableOptions};
use crate::record::{Cells, Parser, name_of};
use crate::source::unreadable;
use crate::table::{Parts, RowNumbers};
use crate::table_error::{Place, Row, TableError, TableResult, shorten};

/// Delimiters that are recognised, the likelier first.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// Reads a table in text from `reader`, which gives `length` bytes if that is known.
pub(crate) fn read(
    file: &str,
    reader: impl Read + Send,
    length: Option<u64>,
    options: &TableOptions,
    stream_error: impl Fn(std::io::Error) -> TableError,
) -> TableResult<Parts> {
    let block_error = |error, line| match error {
        BlockError::Io(source) => stream_error(source),
        BlockError::RecordTooLong => {
            TableError::LineTooLong { file: file.to_owned(), line, limit: MAX_RECORD }
        }
    };
    let mut reader = reader;
    // Quotes depend on the delimiter, which the start of the file has to tell first.
    let mut start = Vec::new();
    (&mut reader).take(1 << 16).read_to_end(&mut start).map_err(&stream_error)?;
    if start.starts_with(b"\xef\xbb\xbf") {
        start.drain(..3);
    }
    crate::source::check_text(&start[..start.len().min(512)], file)?;
    let delimiter = choose_delimiter(file, &start, options.delimiter)?;
    let mut blocks = Blocks::new(reader, start);
    let Some(mut first) = blocks.next(delimiter).map_err(|e| block_error(e, 1))? else {
        return Err(TableError::Empty { file: file.to_owned() });
    };
    let (header, header_lines, header_bytes) = read_header(file, &first, delimiter)?;
    let layout = Layout::plan(file, &header, options)?;
    first.drain(..header_bytes);

    let parser = Parser { file, header: &header, layout: &layout, delimiter };
    let mut parts = Parts::new(file, &header, &layout);
    let mut matrix: Option<Growing> = None;
    let (mut rows, mut line) = (RowNumbers::lines(), header_lines + 1);
    let batch_size = 2 * rayon::current_num_threads().max(1);
    let mut batch = vec![first];
    while !batch.is_empty() {
        // The next blocks are read while these are parsed.
        let (parsed, next) = rayon::join(
            || batch.par_iter().map(|block| parser.parse(block)).collect::<Vec<_>>(),
            || {
                let mut next = Vec::with_capacity(batch_size);
                while next.len() < batch_size
                    && let Some(block) = blocks.next(delimiter).transpose()
                {
                    let failed = block.is_err();
                    next.push(block);
                    if failed {
                        break;
                    }
                }
                next
            },
        );
        for parsed in parsed {
            let block = parsed.map_err(|bad| bad.at(&parser, line))?;
            let matrix = matrix.get_or_insert_with(|| {
                let ratio = length.unwrap_or(0) as f64 / block.bytes.max(1) as f64;
                Growing::new(layout.classifiers.len(), guess_rows(block.rows, ratio))
            });
            matrix.append(&block.cells);
            rows.append(line, &block.lines_of_rows, block.rows);
            line += block.lines;
            parts.truth.extend(block.labels);
            append(&mut parts.ids, block.ids);
            append(&mut parts.split, block.split);
            append(&mut parts.groups, block.groups);
        }
        batch = next.into_iter().collect::<Result<_, _>>().map_err(|e| block_error(e, line))?;
    }
    let matrix = matrix.unwrap_or_default();
    let n = matrix.len();
    if n == 0 {
        return Err(TableError::HeaderOnly { file: file.to_owned(), columns: header.len() });
    }
    if layout.label.is_none() {
        parts.truth = vec![None; n];
    }
    parts.rows = rows;
    parts.matrix = matrix.finish();
    Ok(parts)
}

/// A plain file or stream: whatever goes wrong with it is a failed read.
pub(crate) fn read_plain(
    file: &str,
    reader: impl Read + Send,
    length: Option<u64>,
    options: &TableOptions,
) -> TableResult<Parts> {
    read(file, reader, length, options, |source| unreadable(file, source))
}

/// A gzip stream, of one member or more.
pub(crate) fn read_gzip(file: &str, reader: impl Read + Send, options: &TableOptions) -> TableResult<Parts> {
    read(file, flate2::read::MultiGzDecoder::new(reader), None, options, |source| TableError::BadGzip {
        file: file.to_owned(),
        reason: source.to_string(),
    })
}

/// Rows of a file that is `ratio` times as long as a block of `rows` rows, rounded up a little.
fn guess_rows(rows: usize, ratio: f64) -> usize {
    const MOST: f64 = 1e9;
    (rows as f64 * ratio * 1.03).min(MOST) as usize + rows + 64
}

fn append(to: &mut Option<Vec<String>>, from: Vec<String>) {
    if let Some(to) = to {
        to.extend(from);
    }
}

/// The given delimiter or the one that cuts the header most often, if it cuts it at all.
fn choose_delimiter(file: &str, start: &[u8], given: Option<u8>) -> TableResult<u8> {
    if let Some(byte) = given
        && (!byte.is_ascii()
            || byte.is_ascii_alphanumeric()
            || matches!(byte, b'"' | b'\n' | b'\r' | b'.' | b'-'))
    {
        return Err(TableError::InvalidDelimiter { value: char::from(byte) });
    }
    let text = start.trim_ascii_start();
    if text.is_empty() {
        return Err(TableError::Empty { file: file.to_owned() });
    }
    let mut header = Vec::new();
    let mut quoted = false;
    for &byte in text {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            _ if quoted => {}
            _ => header.push(byte),
        }
    }
    let count = |d: u8| memchr::memchr_iter(d, &header).count();
    let best = match given {
        Some(byte) => byte,
        // Of equals the first; max_by_key takes the last.
        None => DELIMITERS.into_iter().rev().max_by_key(|&d| count(d)).unwrap_or(b','),
    };
    if count(best) > 0 {
        return Ok(best);
    }
    let end = record_end(text, best).unwrap_or(text.len());
    let delimiter = match given {
        Some(byte) => format!("the delimiter {}", name_of(byte)),
        None => "no known delimiter".to_owned(),
    };
    let header = shorten(text[..end].trim_ascii_end());
    Err(TableError::WrongDelimiter { file: file.to_owned(), delimiter, header })
}

/// Names of the columns, lines up to the end of the header, and its bytes.
fn read_header(file: &str, block: &[u8], delimiter: u8) -> TableResult<(Vec<String>, u64, usize)> {
    let mut records = Records::new(block, delimiter);
    let Some((line, record, quoted)) = records.next() else {
        return Err(TableError::Empty { file: file.to_owned() });
    };
    let bytes = block.len() - records.rest_len();
    if memchr::memchr(b'\r', record).is_some() {
        let saw = "lines that end in CR alone: save it with LF or CRLF".to_owned();
        return Err(TableError::UnknownFormat { file: file.to_owned(), saw });
    }
    let mut cells = Cells::new(delimiter);
    cells.split(record, quoted);
    let header = (0..cells.len()).map(|k| {
        let cell = cells.get(record, quoted, k).trim_ascii();
        let name = std::str::from_utf8(cell).map_err(|_| TableError::NotUtf8 {
            place: Place {
                file: file.to_owned(),
                row: Row::Line(line + 1),
                column: format!("number {}", k + 1),
            },
            value: shorten(cell),
        })?;
        Ok(name.to_owned())
    });
    Ok((header.collect::<TableResult<_>>()?, records.lines, bytes))
}
