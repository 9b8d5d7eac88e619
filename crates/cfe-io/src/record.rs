//! The records of a block of text, parsed.

use csv_core::ReadRecordResult;

use crate::blocks::Records;
use crate::cells::{self, BadCell};
use crate::labels::LabelColumn;
use crate::layout::{Layout, UNKNOWN_HINT};
use crate::reading::Reading;
use crate::roles::Role;
use crate::table_error::{Place, Row, TableError, shorten};

/// A delimiter for a message.
pub(crate) fn name_of(delimiter: u8) -> String {
    format!("{:?}", char::from(delimiter))
}

/// The cells of one record, without copying unless there are quotes to undo.
pub(crate) struct Cells {
    delimiter: u8,
    /// End of each cell; the next begins one further, or at once if quotes were undone.
    ends: Vec<usize>,
    unquoted: Vec<u8>,
    core: csv_core::Reader,
}

impl Cells {
    pub(crate) fn new(delimiter: u8) -> Self {
        let core = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
        Self { delimiter, ends: Vec::new(), unquoted: Vec::new(), core }
    }

    #[inline]
    pub(crate) fn split(&mut self, record: &[u8], quoted: bool) {
        self.ends.clear();
        if quoted {
            return self.split_quoted(record);
        }
        self.ends.extend(memchr::memchr_iter(self.delimiter, record));
        self.ends.push(record.len());
    }

    pub(crate) fn split_quoted(&mut self, record: &[u8]) {
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

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    #[inline]
    pub(crate) fn get<'a>(&'a self, record: &'a [u8], quoted: bool, k: usize) -> &'a [u8] {
        let gap = usize::from(!quoted);
        let start = if k == 0 { 0 } else { self.ends[k - 1] + gap };
        let bytes = if quoted { &self.unquoted[..] } else { record };
        &bytes[start..self.ends[k]]
    }
}

/// The rows of one block.
#[derive(Default)]
pub(crate) struct Block {
    pub rows: usize,
    pub bytes: usize,
    pub lines: u64,
    /// Row by row.
    pub cells: Vec<f64>,
    pub labels: LabelColumn,
    /// In the order of the roles of the layout.
    pub roles: Vec<Vec<String>>,
    /// (row, line), both from the start of the block, where a row is not one line after the row before it.
    pub lines_of_rows: Vec<(usize, u64)>,
}

/// The first bad row of a block.
pub(crate) struct BadRow {
    /// From the start of the block.
    line: u64,
    column: usize,
    value: String,
    what: Bad,
}

enum Bad {
    Ragged(usize),
    Cell(BadCell),
    EmptyId,
    NotUtf8,
}

impl BadRow {
    pub(crate) fn at(self, parser: &Parser<'_>, first_line: u64) -> TableError {
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
            Bad::Cell(BadCell::OutOfRange) => {
                let u = parser.layout.classifiers.iter().position(|&at| at == self.column);
                let hint = u.and_then(|u| parser.layout.hints.get(u)).copied().unwrap_or(UNKNOWN_HINT);
                TableError::OutOfRange { place, value, hint }
            }
            Bad::EmptyId => TableError::EmptyId { place },
            Bad::NotUtf8 => TableError::NotUtf8 { place, value },
        }
    }
}

pub(crate) struct Parser<'a> {
    pub file: &'a str,
    pub header: &'a [String],
    pub layout: &'a Layout,
    /// The roles of the layout with their columns.
    pub roles: Vec<(Role, usize)>,
    pub delimiter: u8,
    pub reading: &'a Reading,
}

impl Parser<'_> {
    pub(crate) fn parse(&self, bytes: &[u8]) -> Result<Block, BadRow> {
        let mut block = Block { roles: vec![Vec::new(); self.roles.len()], ..Block::default() };
        let mut cells = Cells::new(self.delimiter);
        let mut records = Records::new(bytes, self.delimiter);
        let is_plain = self.reading.is_plain();
        let mut expected_line = 0;
        for (line, record, quoted) in records.by_ref() {
            // Noted are rows whose line does not follow from the row before: after empty lines and cells of
            // several lines.
            if line != expected_line {
                block.lines_of_rows.push((block.rows, line));
            }
            expected_line = line + 1;
            cells.split(record, quoted);
            self.row(&mut block, &cells, (record, quoted), line, is_plain)?;
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
        (record, quoted): (&[u8], bool),
        line: u64,
        is_plain: bool,
    ) -> Result<(), BadRow> {
        let bad = |column, value: &[u8], what| BadRow { line, column, value: shorten(value), what };
        if cells.len() != self.header.len() {
            return Err(bad(0, b"", Bad::Ragged(cells.len())));
        }
        let cell = |k| cells.get(record, quoted, k);
        // Text is kept as it is: what it means is decided once all rows are there.
        let text = |k| {
            let cell = cell(k).trim_ascii();
            std::str::from_utf8(cell).map(str::to_owned).map_err(|_| bad(k, cell, Bad::NotUtf8))
        };
        for (cells, &(role, k)) in block.roles.iter_mut().zip(&self.roles) {
            let text = text(k)?;
            if role == Role::Id && text.is_empty() && self.layout.needs_ids {
                return Err(bad(k, b"", Bad::EmptyId));
            }
            cells.push(text);
        }
        if let Some(k) = self.layout.label {
            block.labels.push(cell(k), self.reading);
        }
        for &k in &self.layout.classifiers {
            let value = cells::probability(cell(k), self.reading, is_plain)
                .map_err(|what| bad(k, cell(k), Bad::Cell(what)))?;
            block.cells.push(value);
        }
        Ok(())
    }
}
