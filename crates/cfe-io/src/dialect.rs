//! What stands before and between the cells of a text table: encoding, comments, delimiters, line ends.

use std::io::{self, Cursor, Read};

use encoding_rs::{Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::blocks::Records;
use crate::reading::number;
use crate::record::{Cells, name_of};
use crate::table_error::{TableError, TableResult, shorten};

/// Delimiters that are recognized, the likelier first; a space only where none of these cuts the header.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// Bytes looked at.
const START: usize = 1 << 16;

type Stream<'a> = Box<dyn Read + Send + 'a>;

/// A text table that is ready to be cut into records.
pub(crate) struct Prepared<'a> {
    pub reader: Stream<'a>,
    /// Bytes that come before what `reader` still gives, from the header on.
    pub start: Vec<u8>,
    pub delimiter: u8,
    /// Lines before the header.
    pub lines: u64,
    /// What was done, for whoever reads the result.
    pub notes: Vec<String>,
}

/// Turns chunks of bytes into others.
struct Mapped<'a, F> {
    inner: Stream<'a>,
    map: F,
    out: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<F: FnMut(&[u8], bool, &mut Vec<u8>)> Read for Mapped<'_, F> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let mut chunk = vec![0; 0];
        // A chunk may become nothing, and a read of 0 bytes would mean the end: read on until something
        // comes.
        while self.given == self.out.len() && !self.ended {
            self.out.clear();
            self.given = 0;
            chunk.clear();
            (&mut self.inner).take(START as u64).read_to_end(&mut chunk)?;
            self.ended = chunk.len() < START;
            (self.map)(&chunk, self.ended, &mut self.out);
        }
        let rest = &self.out[self.given..];
        let n = rest.len().min(to.len());
        to[..n].copy_from_slice(&rest[..n]);
        self.given += n;
        Ok(n)
    }
}

fn mapped<'a>(
    start: Vec<u8>,
    reader: Stream<'a>,
    map: impl FnMut(&[u8], bool, &mut Vec<u8>) + Send + 'a,
) -> io::Result<(Vec<u8>, Stream<'a>)> {
    let inner: Stream<'a> = Box::new(Cursor::new(start).chain(reader));
    begin(Box::new(Mapped { inner, map, out: Vec::new(), given: 0, ended: false }))
}

/// The first bytes, and what gives the rest.
fn begin<'a>(mut reader: Stream<'a>) -> io::Result<(Vec<u8>, Stream<'a>)> {
    let mut start = Vec::new();
    (&mut reader).take(START as u64).read_to_end(&mut start)?;
    Ok((start, reader))
}

/// Finds out how a text table is written. `given` is the delimiter and `encoding` the encoding if they were
/// said.
pub(crate) fn prepare<'a>(
    file: &str,
    reader: Stream<'a>,
    given: Option<u8>,
    encoding: Option<&str>,
    stream_error: &dyn Fn(io::Error) -> TableError,
) -> TableResult<Prepared<'a>> {
    let mut notes = Vec::new();
    let (start, reader) = begin(reader).map_err(stream_error)?;
    // The order matters: each step reads what the one before has made. Delimiters are looked for in decoded
    // text with line feeds, escapes once the delimiter is known.
    let (mut start, mut reader) =
        decoded(file, start, reader, encoding, &mut notes).map_err(|error| match error {
            Undecoded::Io(source) => stream_error(source),
            Undecoded::Table(error) => *error,
        })?;
    // The byte order mark would become part of the first name.
    if start.starts_with(b"\xef\xbb\xbf") {
        start.drain(..3);
    }
    crate::format::check_text(&start[..start.len().min(512)], file)?;
    if is_cr_alone(&start) {
        let to_lf = |chunk: &[u8], _: bool, out: &mut Vec<u8>| {
            out.extend(chunk.iter().map(|&byte| if byte == b'\r' { b'\n' } else { byte }));
        };
        (start, reader) = mapped(start, reader, to_lf).map_err(stream_error)?;
    }
    let BeforeHeader { bytes, lines, hint, note } = before_header(&start, given);
    start.drain(..bytes);
    notes.extend(note);
    let delimiter = choose_delimiter(file, &start, given.or(hint))?;
    if has_escapes(&start, delimiter) {
        let mut state = Escapes::default();
        let undo = move |chunk: &[u8], last: bool, out: &mut Vec<u8>| state.undo(chunk, last, out);
        (start, reader) = mapped(start, reader, undo).map_err(stream_error)?;
        notes.push("quotes are escaped by \\".to_owned());
    }
    if delimiter == b' ' {
        let mut state = Runs::default();
        let join = move |chunk: &[u8], _: bool, out: &mut Vec<u8>| state.join(chunk, out);
        (start, reader) = mapped(start, reader, join).map_err(stream_error)?;
    }
    Ok(Prepared { reader, start, delimiter, lines, notes })
}

/// What stands before the header of a text with line feeds: comments, a line `sep=`, titles.
pub(crate) struct BeforeHeader {
    /// Bytes and lines up to the header.
    pub bytes: usize,
    pub lines: u64,
    /// The delimiter that a line `sep=;` names.
    pub hint: Option<u8>,
    /// The word about titles for whoever reads the result.
    pub note: Option<String>,
}

/// Looks through the start of a text. `given` is the delimiter if it was said.
pub(crate) fn before_header(start: &[u8], given: Option<u8>) -> BeforeHeader {
    let (bytes, lines, hint) = preamble(start, given);
    let cuts = |line: &[u8]| match given.or(hint) {
        Some(byte) => memchr::memchr(byte, line).map(|_| byte),
        None => best(line),
    };
    // Titles and notes above the header are cut by other signs than the rows, or by none.
    match crate::above::find(&start[bytes..], cuts) {
        Some(above) => {
            let (bytes, lines) = (bytes + above.bytes, lines + above.lines);
            BeforeHeader { bytes, lines, hint, note: Some(above.note) }
        }
        None => BeforeHeader { bytes, lines, hint, note: None },
    }
}

enum Undecoded {
    Io(io::Error),
    Table(Box<TableError>),
}

/// The bytes as UTF-8.
fn decoded<'a>(
    file: &str,
    start: Vec<u8>,
    reader: Stream<'a>,
    encoding: Option<&str>,
    notes: &mut Vec<String>,
) -> Result<(Vec<u8>, Stream<'a>), Undecoded> {
    let by_mark = Encoding::for_bom(&start).map(|(encoding, _)| encoding);
    let by_option = match encoding {
        None => None,
        Some(name) => {
            let label = name.trim().to_ascii_lowercase().replace('_', "-");
            // Names that Python, R and Excel use and that the web's list of encodings lacks.
            let label = match label.as_str() {
                "latin-1" => "latin1",
                "cp1252" | "ansi" => "windows-1252",
                "utf16" | "utf-16-le" | "utf16le" => "utf-16le",
                "utf-16-be" | "utf16be" => "utf-16be",
                "utf-8-sig" => "utf-8",
                other => other,
            };
            Some(Encoding::for_label(label.as_bytes()).ok_or_else(|| {
                Undecoded::Table(Box::new(TableError::UnknownEncoding {
                    file: file.to_owned(),
                    name: shorten(name.as_bytes()),
                }))
            })?)
        }
    };
    // Excel's "Unicode text" without its mark: every other byte of plain text is 0.
    let zeros = |odd: usize| {
        let bytes = start.get(..64.min(start.len() / 2 * 2)).unwrap_or_default();
        bytes.len() >= 8 && bytes.chunks(2).all(|pair| pair[odd] == 0 && pair[1 - odd] != 0)
    };
    let by_zeros = if zeros(1) {
        Some(UTF_16LE)
    } else if zeros(0) {
        Some(UTF_16BE)
    } else {
        None
    };
    // A mark in the file is certain, an option is what the caller says, and the zeros are a guess.
    let encoding = by_mark.or(by_option).or(by_zeros).unwrap_or(UTF_8);
    if encoding == UTF_8 {
        return Ok((start, reader));
    }
    notes.push(format!("decoded from {}", encoding.name()));
    let mut decoder: Decoder = encoding.new_decoder_with_bom_removal();
    let decode = move |chunk: &[u8], last: bool, out: &mut Vec<u8>| {
        // decode_to_string does not grow its output, so there must be room for the longest one.
        let mut text = String::with_capacity(
            decoder.max_utf8_buffer_length(chunk.len()).unwrap_or(4 * chunk.len() + 16),
        );
        let _ = decoder.decode_to_string(chunk, &mut text, last);
        out.extend_from_slice(text.as_bytes());
    };
    mapped(start, reader, decode).map_err(Undecoded::Io)
}

fn is_cr_alone(start: &[u8]) -> bool {
    memchr::memchr(b'\n', start).is_none()
        && memchr::memchr(b'\r', start).is_some_and(|at| at + 1 < start.len())
}

/// The line at `at` without its end, and where the next one begins.
fn line(start: &[u8], at: usize) -> (&[u8], usize) {
    let end = memchr::memchr(b'\n', &start[at..]).map_or(start.len(), |k| at + k);
    (start[at..end].trim_ascii(), (end + 1).min(start.len()))
}

/// Bytes and lines before the header, and the delimiter that a line `sep=;` names.
fn preamble(start: &[u8], given: Option<u8>) -> (usize, u64, Option<u8>) {
    let (mut at, mut lines, mut hint) = (0, 0, None);
    while at < start.len() {
        let (text, next) = line(start, at);
        let bare = text.strip_prefix(b"\"").and_then(|t| t.strip_suffix(b"\"")).unwrap_or(text);
        let separator = (bare.len() <= 5 && bare.get(..4).is_some_and(|t| t.eq_ignore_ascii_case(b"sep=")))
            .then(|| bare.get(4).copied().unwrap_or(b'\t'));
        if text.is_empty() || separator.is_some() {
            hint = hint.or(separator);
        } else if text.starts_with(b"#") {
            // The line before the first row is the header, though it begins with #, if it has as many cells.
            let mut after = next;
            let mut follow = line(start, after);
            while follow.0.is_empty() && follow.1 > after {
                after = follow.1;
                follow = line(start, after);
            }
            // A header behind # loses its marks and one space after them.
            if is_header(text, follow.0, given.or(hint)) {
                let marks = start[at..].iter().take_while(|&&b| b == b'#').count();
                let space = usize::from(start.get(at + marks) == Some(&b' '));
                return (at + marks + space, lines, hint);
            }
        } else {
            break;
        }
        at = next;
        lines += 1;
        if next == start.len() {
            break;
        }
    }
    (at, lines, hint)
}

fn is_header(text: &[u8], row: &[u8], given: Option<u8>) -> bool {
    if text.starts_with(b"##") || row.is_empty() || row.starts_with(b"#") {
        return false;
    }
    let delimiter = given.or_else(|| best(row)).unwrap_or(b',');
    let cells = |line: &[u8]| -> Vec<Vec<u8>> {
        line.split(|&b| b == delimiter).map(|cell| cell.trim_ascii().to_vec()).collect()
    };
    let (names, values) = (cells(text.trim_ascii_start().strip_prefix(b"#").unwrap_or(text)), cells(row));
    let is_number = |cell: &Vec<u8>| number(cell).is_some();
    // A header in a comment has a name for each cell of the row below, and no number.
    names.len() > 1
        && names.len() == values.len()
        && values.iter().any(is_number)
        && !names.iter().any(is_number)
}

/// The delimiter that cuts a line most often, if one does.
fn best(line: &[u8]) -> Option<u8> {
    let count = |d: u8| memchr::memchr_iter(d, line).count();
    // Of equals the first; max_by_key takes the last.
    DELIMITERS.into_iter().rev().max_by_key(|&d| count(d)).filter(|&d| count(d) > 0)
}

/// The given delimiter or the one that cuts the header most often, if it cuts it at all.
fn choose_delimiter(file: &str, start: &[u8], given: Option<u8>) -> TableResult<u8> {
    // These stand within numbers and names, quote cells or end records.
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
    // Delimiters are counted in the header alone, where no decimal comma can stand.
    // The header without what stands in quotes, where a delimiter does not cut.
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
    let found = match given {
        Some(byte) => memchr::memchr(byte, &header).map(|_| byte),
        None => best(&header),
    };
    if let Some(byte) = found {
        return Ok(byte);
    }
    // Spaces come last, since names may hold them.
    if given.is_none() && is_spaced(text) {
        return Ok(b' ');
    }
    let delimiter = match given {
        Some(byte) => format!("the delimiter {}", name_of(byte)),
        None => "no known delimiter".to_owned(),
    };
    let header = shorten(line(text, 0).0);
    Err(TableError::WrongDelimiter { file: file.to_owned(), delimiter, header })
}

/// Whether spaces cut the first lines into as many cells each, or one more under the header (R's row names).
fn is_spaced(text: &[u8]) -> bool {
    let mut joined = Vec::new();
    Runs::default().join(text, &mut joined);
    let counts = cell_counts(&joined, b' ', 20);
    match counts[..] {
        [header, first, ..] if header > 1 => {
            (first == header || first == header + 1) && counts[1..].iter().all(|&count| count == first)
        }
        _ => false,
    }
}

/// Cells of the first records; the last one may be cut off and does not count.
fn cell_counts(text: &[u8], delimiter: u8, most: usize) -> Vec<usize> {
    let mut cells = Cells::new(delimiter);
    let whole = memchr::memrchr(b'\n', text).map_or(text.len(), |at| at + 1);
    let counts = Records::new(&text[..whole], delimiter).take(most).map(|(_, record, quoted)| {
        cells.split(record, quoted);
        cells.len()
    });
    counts.collect()
}

/// Whether `\"` stands for a quote: the rows have equal numbers of cells only if it does.
fn has_escapes(start: &[u8], delimiter: u8) -> bool {
    if memchr::memmem::find(start, b"\\\"").is_none() {
        return false;
    }
    // Quotes that are escaped so break the cells apart where they are not undone.
    let even = |text: &[u8]| {
        let counts = cell_counts(text, delimiter, 200);
        counts.iter().all(|count| Some(count) == counts.first())
    };
    let mut undone = Vec::new();
    Escapes::default().undo(start, true, &mut undone);
    !even(start) && even(&undone)
}

/// Turns `\"` in quotes into `""`.
#[derive(Default)]
struct Escapes {
    pending: bool,
}

impl Escapes {
    fn undo(&mut self, chunk: &[u8], last: bool, out: &mut Vec<u8>) {
        for &byte in chunk {
            match (std::mem::take(&mut self.pending), byte) {
                // CSV writes a quote within a cell twice.
                (true, b'"') => out.extend_from_slice(b"\"\""),
                (true, b'\\') => out.push(b'\\'),
                (true, other) => out.extend_from_slice(&[b'\\', other]),
                (false, b'\\') => self.pending = true,
                (false, other) => out.push(other),
            }
        }
        if last && std::mem::take(&mut self.pending) {
            out.push(b'\\');
        }
    }
}

/// Turns runs of spaces and tabs outside quotes into one space, and drops those at the start of a line.
struct Runs {
    quoted: bool,
    line_start: bool,
    space: bool,
}

impl Default for Runs {
    fn default() -> Self {
        Self { quoted: false, line_start: true, space: false }
    }
}

impl Runs {
    fn join(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        for &byte in chunk {
            if matches!(byte, b' ' | b'\t') && !self.quoted {
                self.space = !self.line_start;
                continue;
            }
            if byte == b'"' {
                self.quoted = !self.quoted;
            }
            let ends = matches!(byte, b'\n' | b'\r') && !self.quoted;
            if std::mem::take(&mut self.space) && !ends {
                out.push(b' ');
            }
            self.line_start = byte == b'\n' && !self.quoted;
            out.push(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &[u8]) -> (Vec<u8>, u8, u64) {
        let prepared = prepare("t", Box::new(Cursor::new(text.to_vec())), None, None, &|e| panic!("{e}"));
        let mut prepared = prepared.unwrap_or_else(|error| panic!("{error}"));
        let mut rest = Vec::new();
        prepared.reader.read_to_end(&mut rest).expect("in memory");
        ([prepared.start, rest].concat(), prepared.delimiter, prepared.lines)
    }

    #[test]
    fn preambles() {
        let table = "id;a\n1;0.5\n";
        assert_eq!(run(format!("sep=;\n{table}").as_bytes()), (table.into(), b';', 1));
        assert_eq!(run(format!("\"sep=;\"\r\n{table}").as_bytes()), (table.into(), b';', 1));
        assert_eq!(run(format!("# a; b; c\n\n#\n{table}").as_bytes()), (table.into(), b';', 3));
        assert_eq!(run(b"##v\n#id\ta\n1\t0.5\n"), (b"id\ta\n1\t0.5\n".to_vec(), b'\t', 1));
        assert_eq!(run(b"# id,a\n1,0.5\n"), (b"id,a\n1,0.5\n".to_vec(), b',', 0));
        assert_eq!(run(b"id,a\r1,0.5\r"), (b"id,a\n1,0.5\n".to_vec(), b',', 0));
        assert_eq!(run(b"  id   a\n 1  0.5\n"), (b"id a\n1 0.5\n".to_vec(), b' ', 0));
        assert_eq!(
            run(b"\"label\" \"a b\"\n\"1\" 1 0.5\n"),
            (b"\"label\" \"a b\"\n\"1\" 1 0.5\n".to_vec(), b' ', 0)
        );
        assert_eq!(run(b"id,a\n\"x \\\"y\\\", z\",0.5\n").0, b"id,a\n\"x \"\"y\"\", z\",0.5\n");
    }

    #[test]
    fn encodings() {
        let table = "id,a\nmüller,0.5\n";
        for (bom, big) in [(true, false), (true, true), (false, false), (false, true)] {
            let units = bom.then_some(0xfeff).into_iter().chain(table.encode_utf16());
            let bytes: Vec<u8> =
                units.flat_map(|u: u16| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect();
            assert_eq!(run(&bytes).0, table.as_bytes(), "{bom} {big}");
        }
        let long = format!("id,a\n{}", "é,0.5\n".repeat(50_000));
        let latin: Vec<u8> = long.chars().map(|c| c as u8).collect();
        let prepared = prepare("t", Box::new(Cursor::new(latin)), None, Some("latin-1"), &|e| panic!("{e}"));
        let mut prepared = prepared.unwrap_or_else(|error| panic!("{error}"));
        let mut rest = Vec::new();
        prepared.reader.read_to_end(&mut rest).expect("in memory");
        assert!([prepared.start, rest].concat() == long.as_bytes());
        let unknown =
            prepare("t", Box::new(Cursor::new(b"a,b".to_vec())), None, Some("klingon"), &|e| panic!("{e}"));
        assert!(matches!(unknown, Err(TableError::UnknownEncoding { .. })));
    }
}
