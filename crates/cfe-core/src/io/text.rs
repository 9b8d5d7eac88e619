//! CSV and TSV: blocks of whole lines are parsed in parallel and put together in their order, so that neither the
//! table nor the line in a message depends on the number of threads.

use std::io::Read;

use csv_core::ReadRecordResult;
use rayon::prelude::*;

use super::blocks::{BlockError, Blocks, MAX_RECORD, Records, record_end};
use super::cells::{self, BadCell};
use super::grow::Growing;
use super::options::{Layout, TableOptions};
use super::source::unreadable;
use super::table::{Parts, RowNumbers};
use super::table_error::{Place, Row, TableError, TableResult, shorten};

/// Delimiters that are recognised, the likelier first.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// Reads a table in text from `reader`, which gives `length` bytes if that is known.
pub(super) fn read(
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
    super::source::check_text(&start[..start.len().min(512)], file)?;
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
pub(super) fn read_plain(
    file: &str,
    reader: impl Read + Send,
    length: Option<u64>,
    options: &TableOptions,
) -> TableResult<Parts> {
    read(file, reader, length, options, |source| unreadable(file, source))
}

/// A gzip stream, of one member or more.
pub(super) fn read_gzip(file: &str, reader: impl Read + Send, options: &TableOptions) -> TableResult<Parts> {
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

fn name_of(delimiter: u8) -> String {
    format!("{:?}", char::from(delimiter))
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

/// The cells of one record, without copying unless there are quotes to undo.
struct Cells {
    delimiter: u8,
    /// End of each cell; the next begins one further, or at once if quotes were undone.
    ends: Vec<usize>,
    unquoted: Vec<u8>,
    core: csv_core::Reader,
}

impl Cells {
    fn new(delimiter: u8) -> Self {
        let core = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
        Self { delimiter, ends: Vec::new(), unquoted: Vec::new(), core }
    }

    #[inline]
    fn split(&mut self, record: &[u8], quoted: bool) {
        self.ends.clear();
        if quoted {
            return self.split_quoted(record);
        }
        self.ends.extend(memchr::memchr_iter(self.delimiter, record));
        self.ends.push(record.len());
    }

    fn split_quoted(&mut self, record: &[u8]) {
        self.core.reset();
        self.unquoted.resize(record.len() + 1, 0);
        self.ends.resize(record.len() + 2, 0);
        let (mut read, mut written, mut n_ends) = (0, 0, 0);
        loop {
            let rest = record.get(read..).unwrap_or_default();
            let (result, n_in, n_out, n_end) =
                self.core.read_record(rest, &mut self.unquoted[written..], &mut self.ends[n_ends..]);
            read += n_in;
            written += n_out;
            n_ends += n_end;
            // The buffers are as long as the record, so that only its end stops the loop.
            if !matches!(result, ReadRecordResult::InputEmpty) || (rest.is_empty() && n_in == 0 && n_end == 0)
            {
                break;
            }
        }
        self.ends.truncate(n_ends);
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    #[inline]
    fn get<'a>(&'a self, record: &'a [u8], quoted: bool, k: usize) -> &'a [u8] {
        let gap = usize::from(!quoted);
        let start = if k == 0 { 0 } else { self.ends[k - 1] + gap };
        let bytes = if quoted { &self.unquoted[..] } else { record };
        &bytes[start..self.ends[k]]
    }
}

/// The rows of one block.
#[derive(Default)]
struct Block {
    rows: usize,
    bytes: usize,
    lines: u64,
    /// Row by row.
    cells: Vec<f64>,
    labels: Vec<Option<bool>>,
    ids: Vec<String>,
    split: Vec<String>,
    groups: Vec<String>,
    /// (row, line), both from the start of the block, where a row is not one line after the row before it.
    lines_of_rows: Vec<(usize, u64)>,
}

/// The first bad row of a block.
struct BadRow {
    /// From the start of the block.
    line: u64,
    column: usize,
    value: String,
    what: Bad,
}

enum Bad {
    Ragged(usize),
    Cell(BadCell),
    Label,
    EmptyId,
    NotUtf8,
}

impl BadRow {
    fn at(self, parser: &Parser<'_>, first_line: u64) -> TableError {
        let line = first_line + self.line;
        let file = parser.file.to_owned();
        let column = parser.header.get(self.column).cloned().unwrap_or_default();
        let place = Place { file: file.clone(), row: Row::Line(line), column };
        let value = self.value;
        match self.what {
            Bad::Ragged(found) => TableError::Ragged {
                file,
                line,
                found,
                expected: parser.header.len(),
                delimiter: name_of(parser.delimiter),
            },
            Bad::Cell(BadCell::NotANumber) => TableError::NotANumber { place, value },
            Bad::Cell(BadCell::OutOfRange) => TableError::OutOfRange { place, value },
            Bad::Label => TableError::InvalidLabel { place, value },
            Bad::EmptyId => TableError::EmptyId { place },
            Bad::NotUtf8 => TableError::NotUtf8 { place, value },
        }
    }
}

struct Parser<'a> {
    file: &'a str,
    header: &'a [String],
    layout: &'a Layout,
    delimiter: u8,
}

impl Parser<'_> {
    fn parse(&self, bytes: &[u8]) -> Result<Block, BadRow> {
        let mut block = Block::default();
        let mut cells = Cells::new(self.delimiter);
        let mut records = Records::new(bytes, self.delimiter);
        let mut expected_line = 0;
        for (line, record, quoted) in records.by_ref() {
            if line != expected_line {
                block.lines_of_rows.push((block.rows, line));
            }
            expected_line = line + 1;
            cells.split(record, quoted);
            self.row(&mut block, &cells, record, quoted, line)?;
            block.rows += 1;
        }
        (block.lines, block.bytes) = (records.lines, bytes.len());
        Ok(block)
    }

    #[inline]
    fn row(
        &self,
        block: &mut Block,
        cells: &Cells,
        record: &[u8],
        quoted: bool,
        line: u64,
    ) -> Result<(), BadRow> {
        let bad = |column, value: &[u8], what| BadRow { line, column, value: shorten(value), what };
        if cells.len() != self.header.len() {
            return Err(bad(0, b"", Bad::Ragged(cells.len())));
        }
        let cell = |k| cells.get(record, quoted, k);
        let text = |k| {
            let cell = cell(k).trim_ascii();
            std::str::from_utf8(cell).map(str::to_owned).map_err(|_| bad(k, cell, Bad::NotUtf8))
        };
        if let Some(k) = self.layout.id {
            let id = text(k)?;
            if id.is_empty() {
                return Err(bad(k, b"", Bad::EmptyId));
            }
            block.ids.push(id);
        }
        if let Some(k) = self.layout.label {
            block.labels.push(cells::label(cell(k)).map_err(|()| bad(k, cell(k), Bad::Label))?);
        }
        if let Some(k) = self.layout.split {
            block.split.push(text(k)?);
        }
        if let Some(k) = self.layout.group {
            block.groups.push(text(k)?);
        }
        for &k in &self.layout.classifiers {
            let value = cells::probability(cell(k)).map_err(|what| bad(k, cell(k), Bad::Cell(what)))?;
            block.cells.push(value);
        }
        Ok(())
    }
}
