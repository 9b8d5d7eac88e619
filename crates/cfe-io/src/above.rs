//! What stands above the header of a text table: titles, notes and rows of empty cells, as reports and
//! workbooks have them.

use crate::blocks::Records;
use crate::reading::{Reading, number};
use crate::record::Cells;
use crate::table_error::shorten;

/// Rows above a header that are looked through.
const DEEPEST: usize = 20;
/// Rows under a header that have to be as long as the header.
const BODY: usize = 200;

/// Rows that stand above the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Above {
    /// Bytes and lines up to the header.
    pub bytes: usize,
    pub lines: u64,
    /// The word for whoever reads the result.
    pub note: String,
}

/// A row of the start of a file.
struct Row<'a> {
    /// Bytes and lines up to the end of the row before.
    at: usize,
    line: u64,
    record: &'a [u8],
}

/// Finds the rows above the header, if there are some. `delimiter_of` is the delimiter that cuts a line.
///
/// A row is a header if no cell of the row is a number, at least two cells have a text, and every row below
/// is as long. A table whose first row is one has nothing above. Rows above are shorter than the header, or
/// have one text at most. Where no row is a header, nothing is taken away: the reader says what is wrong with
/// the first row.
pub(crate) fn find(start: &[u8], delimiter_of: impl Fn(&[u8]) -> Option<u8>) -> Option<Above> {
    // Where a record ends depends on the delimiter only beside quotes, so the likeliest one will do here.
    let rows = rows(start, delimiter_of(start).unwrap_or(b','));
    for (k, row) in rows.iter().enumerate().take(DEEPEST) {
        let Some(delimiter) = delimiter_of(row.record) else { continue };
        let Some(width) = width_of_header(&rows[k..], delimiter) else { continue };
        let above = &rows[..k];
        let mut cells = Cells::new(delimiter);
        // A row may stand above a header if the row is shorter, or has one text at most.
        let mut is_above = |row: &Row<'_>| {
            let (n_cells, texts) = count(&mut cells, row.record);
            n_cells < width || texts <= 1
        };
        if above.is_empty() || !above.iter().all(&mut is_above) {
            return None;
        }
        let text = above.iter().map(|row| row.record).find(|record| count(&mut cells, record).1 > 0);
        let rows = if k == 1 { "1 row".to_owned() } else { format!("{k} rows") };
        let text = text.map_or(String::new(), |record| {
            let end = record.iter().rposition(|&b| b != delimiter && !b.is_ascii_whitespace());
            format!(" ({:?})", shorten(&record[..end.map_or(0, |end| end + 1)]))
        });
        let note = format!("skipped {rows} above the header{text}");
        return Some(Above { bytes: row.at, lines: row.line, note });
    }
    None
}

/// The first rows; the last one may be cut off and does not count.
fn rows(start: &[u8], delimiter: u8) -> Vec<Row<'_>> {
    let whole = memchr::memrchr(b'\n', start).map_or(start.len(), |at| at + 1);
    let text = &start[..whole];
    let mut records = Records::new(text, delimiter);
    let mut out = Vec::new();
    while out.len() < DEEPEST + BODY {
        let (at, line) = (text.len() - records.rest_len(), records.lines);
        let Some((_, record, _)) = records.next() else { break };
        out.push(Row { at, line, record });
    }
    out
}

/// Number of cells of a row, and of those that hold a text.
fn count(cells: &mut Cells, record: &[u8]) -> (usize, usize) {
    let quoted = memchr::memchr(b'"', record).is_some();
    cells.split(record, quoted);
    let is_text = |&k: &usize| !cells.get(record, quoted, k).trim_ascii().is_empty();
    (cells.len(), (0..cells.len()).filter(is_text).count())
}

/// Number of cells of the first row, if that is a header of the others.
fn width_of_header(rows: &[Row<'_>], delimiter: u8) -> Option<usize> {
    let (header, body) = rows.split_first()?;
    let reading = Reading::default();
    // One splitter for all rows, since it is costly to make.
    let mut cells = Cells::new(delimiter);
    let quoted = memchr::memchr(b'"', header.record).is_some();
    cells.split(header.record, quoted);
    let width = cells.len();
    let mut texts = 0;
    for k in 0..width {
        let cell = cells.get(header.record, quoted, k).trim_ascii();
        if number(cell).is_some() {
            return None;
        }
        texts += usize::from(!reading.is_missing(cell));
    }
    let mut is_body = |row: &Row<'_>| {
        cells.split(row.record, memchr::memchr(b'"', row.record).is_some());
        cells.len() == width
    };
    (texts >= 2 && !body.is_empty() && body.iter().take(BODY).all(&mut is_body)).then_some(width)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "label,a,b\n0,0.1,0.2\n1,0.3,0.4\n";

    fn comma(line: &[u8]) -> Option<u8> {
        memchr::memchr(b',', line).map(|_| b',')
    }

    #[test]
    fn titles_and_empty_rows_are_above() {
        for (above, note) in [
            ("Scores of 2026\n", "skipped 1 row above the header (\"Scores of 2026\")"),
            ("Scores\nby bob\n\n", "skipped 2 rows above the header (\"Scores\")"),
            ("Report,,\n,,\n", "skipped 2 rows above the header (\"Report\")"),
            (",,\n,,\n", "skipped 2 rows above the header"),
            ("by: bob, 2026\n", "skipped 1 row above the header (\"by: bob, 2026\")"),
            ("\"all \"\"A\"\", models\"\n", "skipped 1 row above the header"),
        ] {
            let text = format!("{above}{TABLE}");
            let found = find(text.as_bytes(), comma).unwrap_or_else(|| panic!("{above:?}"));
            assert_eq!(text[found.bytes..].trim_start(), TABLE, "{above:?}");
            assert_eq!(found.lines, text[..found.bytes].matches('\n').count() as u64);
            assert!(found.note.starts_with(note), "{}", found.note);
        }
    }

    #[test]
    fn a_table_keeps_its_first_row() {
        for text in [
            TABLE,
            // Names that are numbers, no header, the row names of R, names of text columns, one row.
            "label,0,1\n0,0.1,0.2\n1,0.3,0.4\n",
            "0,0.1,0.2\n1,0.3,0.4\n",
            "a,b\nr1,0.1,0.2\nr2,0.3,0.4\n",
            "label,split,a\n0,train,0.1\n1,test,NA\n",
            "label,a,b\n",
            ",label,a\n1,0,0.5\n2,1,0.5\n",
        ] {
            assert_eq!(find(text.as_bytes(), comma), None, "{text:?}");
        }
    }
}
