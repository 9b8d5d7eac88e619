//! CSV and TSV: blocks of whole lines are parsed in parallel and put together in their order, so that neither
//! the table nor the line in a message depends on the number of threads.

use std::collections::HashSet;
use std::io::Read;

use rayon::prelude::*;

use crate::blocks::{BlockError, Blocks, MAX_RECORD, Records};
use crate::dialect;
use crate::grow::Growing;
use crate::layout::Layout;
use crate::options::TableOptions;
use crate::parts::Parts;
use crate::profile::{Profile, Sample, rows_to_look_at};
use crate::reading::{Reading, number};
use crate::record::{Cells, Parser};
use crate::roles::Role;
use crate::rows::RowNumbers;
use crate::table_error::{Place, Row, TableError, TableResult, list, shorten};

/// Reads a table in text from `reader`, which gives `length` bytes if that is known.
pub(crate) fn read(
    file: &str,
    reader: impl Read + Send,
    length: Option<u64>,
    options: &TableOptions,
    stream_error: impl Fn(std::io::Error) -> TableError + Sync,
) -> TableResult<Parts> {
    let block_error = |error, line| match error {
        BlockError::Io(source) => stream_error(source),
        BlockError::RecordTooLong => {
            TableError::LineTooLong { file: file.to_owned(), line, limit: MAX_RECORD }
        }
    };
    // First how the text is written, then the header, then a look at the first block, which decides what each
    // column is.
    let prepared = dialect::prepare(
        file,
        Box::new(reader),
        options.delimiter,
        options.encoding.as_deref(),
        &stream_error,
    )?;
    let delimiter = prepared.delimiter;
    let mut notes = prepared.notes;
    let mut blocks = Blocks::new(prepared.reader, prepared.start);
    let Some(mut first) = blocks.next(delimiter).map_err(|e| block_error(e, 1))? else {
        return Err(TableError::Empty { file: file.to_owned() });
    };
    let (mut header, mut header_lines, header_bytes) = read_header(file, &first, delimiter, prepared.lines)?;
    first.drain(..header_bytes);
    if let Some((lines, bytes, note)) = add_levels(&mut header, &first, delimiter) {
        first.drain(..bytes);
        header_lines += lines;
        notes.push(note);
    }
    notes.extend(fit_header(&mut header, &first, delimiter));
    let reading = options.reading();
    if is_data(&header, &first, delimiter) {
        return Err(TableError::NoHeader {
            line: prepared.lines + 1,
            cells: list(&header),
            cure: with_names(file, header.len(), delimiter),
            file: file.to_owned(),
        });
    }
    let sample = look_at(&header, &first, delimiter, blocks.is_done(), &reading);
    let layout = Layout::plan(file, &header, &sample, options)?;
    drop(sample);

    // Rows are parsed against the layout: a cell of another kind is an error from here on, with its place.
    let roles: Vec<(Role, usize)> = layout.roles.iter().map(|(role, &at)| (role, at)).collect();
    let parser = Parser { file, header: &header, layout: &layout, roles, delimiter, reading: &reading };
    let mut parts = Parts::new(file, &header, &layout);
    parts.taken.notes = notes;
    let mut matrix: Option<Growing> = None;
    let (mut rows, mut line) = (RowNumbers::lines(), prepared.lines + header_lines + 1);
    // Two blocks for each thread: none of them waits while the next blocks are read.
    let batch_size = 2 * rayon::current_num_threads().max(1);
    let mut batch = vec![first];
    while !batch.is_empty() {
        // The next blocks are read while these are parsed.
        let (parsed, next) = rayon::join(
            || batch.par_iter().map(|block| parser.parse(block)).collect::<Vec<_>>(),
            || next_blocks(&mut blocks, delimiter, batch_size),
        );
        // In the order of the blocks, whichever thread was first, and so the error of the earliest line is
        // said.
        for parsed in parsed {
            let block = parsed.map_err(|bad| bad.at(&parser, line))?;
            // The first block tells about how many rows a file of this length has.
            let matrix = matrix.get_or_insert_with(|| {
                let ratio = length.unwrap_or(0) as f64 / block.bytes.max(1) as f64;
                Growing::new(layout.classifiers.len(), guess_rows(block.rows, ratio))
            });
            matrix.append(&block.cells);
            rows.append(line, &block.lines_of_rows, block.rows);
            line += block.lines;
            if let Some(labels) = &mut parts.labels {
                labels.extend(block.labels);
            }
            for (&(role, _), cells) in parser.roles.iter().zip(block.roles) {
                parts.roles.slot(role).get_or_insert_default().extend(cells);
            }
        }
        batch = next.into_iter().collect::<Result<_, _>>().map_err(|e| block_error(e, line))?;
    }
    let matrix = matrix.unwrap_or_default();
    let n = matrix.len();
    if n == 0 {
        return Err(TableError::HeaderOnly { file: file.to_owned(), columns: header.len() });
    }
    parts.rows = rows;
    parts.matrix = matrix.finish();
    Ok(parts)
}

/// The next blocks, at most so many. Nothing is read past an error, which comes last: the rows before it are
/// parsed first, as they may have an earlier one.
fn next_blocks<R: Read>(
    blocks: &mut Blocks<R>,
    delimiter: u8,
    most: usize,
) -> Vec<Result<Vec<u8>, BlockError>> {
    let mut next = Vec::with_capacity(most);
    while next.len() < most
        && let Some(block) = blocks.next(delimiter).transpose()
    {
        let failed = block.is_err();
        next.push(block);
        if failed {
            break;
        }
    }
    next
}

/// Rows of a file that is `ratio` times as long as a block of `rows` rows, rounded up a little.
fn guess_rows(rows: usize, ratio: f64) -> usize {
    const MOST: f64 = 1e9;
    (rows as f64 * ratio * 1.03).min(MOST) as usize + rows + 64
}

/// Names of the columns, lines up to the end of the header, and its bytes.
fn read_header(
    file: &str,
    block: &[u8],
    delimiter: u8,
    lines_before: u64,
) -> TableResult<(Vec<String>, u64, usize)> {
    let mut records = Records::new(block, delimiter);
    let Some((line, record, quoted)) = records.next() else {
        return Err(TableError::Empty { file: file.to_owned() });
    };
    let bytes = block.len() - records.rest_len();
    let mut cells = Cells::new(delimiter);
    cells.split(record, quoted);
    let header = (0..cells.len()).map(|k| {
        let cell = cells.get(record, quoted, k).trim_ascii();
        let cell = cell.strip_prefix(b"\"").and_then(|c| c.strip_suffix(b"\"")).unwrap_or(cell);
        let name = std::str::from_utf8(cell).map_err(|_| TableError::NotUtf8 {
            place: Place {
                file: file.to_owned(),
                row: Row::Line(lines_before + line + 1),
                column: format!("number {}", k + 1),
            },
            value: shorten(cell),
        })?;
        Ok(name.to_owned())
    });
    Ok((header.collect::<TableResult<_>>()?, records.lines, bytes))
}

/// Puts the second row of names under the first one, as pandas writes columns of two levels: names that
/// repeat in the first row have other names in the second one. Lines and bytes that were names, and the word
/// for it.
fn add_levels(header: &mut Vec<String>, block: &[u8], delimiter: u8) -> Option<(u64, usize, String)> {
    let repeats =
        |at: usize| !header[at].is_empty() && header.iter().filter(|own| **own == header[at]).count() > 1;
    if !(0..header.len()).any(repeats) {
        return None;
    }
    // Only a table with names that repeat can have a second row of names.
    let mut records = Records::new(block, delimiter);
    let texts = |records: &mut Records<'_>| {
        let (_, record, quoted) = records.next()?;
        let mut cells = Cells::new(delimiter);
        cells.split(record, quoted);
        let cell =
            |k: usize| Some(std::str::from_utf8(cells.get(record, quoted, k).trim_ascii()).ok()?.to_owned());
        (cells.len() == header.len()).then(|| (0..cells.len()).map(cell).collect::<Option<Vec<String>>>())?
    };
    let below = texts(&mut records)?;
    // A row of data has fractions where a row of names has words.
    let fraction = |cell: &str| number(cell.as_bytes()).is_some_and(|(value, _)| value.fract() != 0.0);
    let is_name = |at: usize| !repeats(at) || !below[at].is_empty() && !fraction(&below[at]);
    if !(0..header.len()).all(is_name) {
        return None;
    }
    let joined: Vec<String> = header
        .iter()
        .zip(&below)
        .map(|(above, below)| match (&above[..], &below[..]) {
            (above, "") => above.to_owned(),
            ("", below) => below.to_owned(),
            (above, below) => format!("{above}:{below}"),
        })
        .collect();
    // Where two columns still have one name, the second row was not one of names.
    let mut different = HashSet::new();
    if joined.iter().any(|name| !name.is_empty() && !different.insert(name.as_str())) {
        return None;
    }
    let (mut lines, mut bytes) = (records.lines, block.len() - records.rest_len());
    let mut joined = joined;
    // A third row may hold the name of the index alone.
    if let Some(third) = texts(&mut records)
        && !third[0].is_empty()
        && third[1..].iter().all(String::is_empty)
    {
        joined[0].clone_from(&third[0]);
        (lines, bytes) = (records.lines, block.len() - records.rest_len());
    }
    let note = format!("names of two rows, such as {:?}", joined.iter().find(|name| name.contains(':'))?);
    *header = joined;
    Some((lines, bytes, note))
}

/// Makes the header as long as the rows where these differ by one in a way that is known. The word for it, if
/// there is one to say.
fn fit_header(header: &mut Vec<String>, block: &[u8], delimiter: u8) -> Option<String> {
    let mut cells = Cells::new(delimiter);
    let whole = memchr::memrchr(b'\n', block).map_or(block.len(), |at| at + 1);
    let (mut rows, mut last_empty, mut first_cells) = (0, true, HashSet::new());
    // A delimiter at the end of lines, R's row names, or a header that is longer by an empty name.
    // Whether each row looked at has one cell more, or one cell less, than the header.
    let (mut longer, mut shorter) = (true, true);
    for (_, record, quoted) in Records::new(&block[..whole], delimiter).take(200) {
        cells.split(record, quoted);
        rows += 1;
        longer &= cells.len() == header.len() + 1;
        shorter &= cells.len() + 1 == header.len();
        last_empty &= cells.get(record, quoted, cells.len() - 1).trim_ascii().is_empty();
        first_cells.insert(cells.get(record, quoted, 0).to_vec());
    }
    if rows == 0 {
        return None;
    }
    if longer && last_empty {
        // Every row ends with a delimiter.
        header.push(String::new());
        return None;
    }
    // One row alone may as well have a delimiter in a cell.
    if longer && rows > 1 && first_cells.len() == rows {
        header.insert(0, String::new());
        return Some("the first column, which has no name, holds the row names of R".to_owned());
    }
    if shorter && header.last().is_some_and(String::is_empty) {
        header.pop();
    }
    None
}

/// Whether the first line holds values and not names: some are numbers with a fraction, and each is a number
/// where that of the next row is one.
fn is_data(header: &[String], block: &[u8], delimiter: u8) -> bool {
    let fraction = |cell: &String| number(cell.as_bytes()).is_some_and(|(value, _)| value.fract() != 0.0);
    let mut cells = Cells::new(delimiter);
    let Some((_, record, quoted)) = Records::new(block, delimiter).next() else { return false };
    cells.split(record, quoted);
    let is_number = |cell: &[u8]| number(cell.trim_ascii()).is_some();
    header.iter().any(fraction)
        && cells.len() == header.len()
        && (0..cells.len())
            .all(|k| is_number(header[k].as_bytes()) == is_number(cells.get(record, quoted, k)))
}

/// A command that puts names above a table.
fn with_names(file: &str, columns: usize, delimiter: u8) -> String {
    let names: Vec<String> = (1..columns).map(|k| format!("clf{k}")).take(3).collect();
    let more = if columns > 4 { "..." } else { "" };
    let delimiter = char::from(delimiter);
    let names = format!("label{delimiter}{}", names.join(&delimiter.to_string()));
    format!("(echo '{names}{more}'; cat {file}) > named.csv")
}

/// What the first rows hold.
fn look_at(header: &[String], block: &[u8], delimiter: u8, is_last: bool, reading: &Reading) -> Sample {
    let most = rows_to_look_at(header.len());
    let mut profiles = vec![Profile::default(); header.len()];
    let mut cells = Cells::new(delimiter);
    let mut records = Records::new(block, delimiter);
    for (_, record, quoted) in records.by_ref().take(most) {
        cells.split(record, quoted);
        // The parser says what is wrong with the row.
        if cells.len() == header.len() {
            profiles
                .iter_mut()
                .enumerate()
                .for_each(|(k, profile)| profile.add(cells.get(record, quoted, k), reading));
        }
    }
    Sample { profiles, whole: is_last && records.next().is_none(), ..Sample::default() }
}
