//! Workbooks of Excel and LibreOffice: the first sheet that holds a table.

use std::fs::File;

use crate::options::TableOptions;
use crate::parts::Parts;
use crate::table_error::{TableError, TableResult};

#[cfg(not(feature = "excel"))]
pub(crate) fn read(file: &str, _handle: File, _options: &TableOptions) -> TableResult<Parts> {
    Err(TableError::OtherFormat {
        file: file.to_owned(),
        what: "a workbook of Excel or LibreOffice".to_owned(),
        cure: "save the sheet as CSV".to_owned(),
    })
}

/// Reads a workbook (.xlsx, .xlsb, .xls, .ods).
#[cfg(feature = "excel")]
pub(crate) fn read(file: &str, handle: File, options: &TableOptions) -> TableResult<Parts> {
    use std::io::{BufReader, Cursor};

    let damaged = |reason: String| TableError::Damaged {
        file: file.to_owned(),
        format: "workbook (Excel or LibreOffice)",
        reason,
    };
    // The decoder meets damaged files now and then with a panic: here that is one more damaged file.
    let sheet = crate::guarded::decode(|| first_table(BufReader::new(handle)))
        .ok_or_else(|| damaged("its decoder gave up".to_owned()))?
        .map_err(damaged)?;
    let Some((name, csv)) = sheet else { return Err(TableError::Empty { file: file.to_owned() }) };
    let plain = TableOptions { delimiter: Some(b','), encoding: None, ..options.clone() };
    let inside = format!("{file}, sheet {name:?}");
    let length = Some(csv.len() as u64);
    crate::text::read(&inside, Cursor::new(csv), length, &plain, |e| crate::source::unreadable(file, e))
}

/// Name and cells of the first sheet with two columns and two rows or more.
#[cfg(feature = "excel")]
fn first_table(reader: std::io::BufReader<File>) -> Result<Option<(String, Vec<u8>)>, String> {
    use calamine::{Data, Range, Reader, Sheets, open_workbook_auto_from_rs};

    let mut bytes = Vec::new();
    let mut reader = reader;
    std::io::Read::read_to_end(&mut reader, &mut bytes).map_err(|e| e.to_string())?;
    let mut book: Sheets<_> =
        open_workbook_auto_from_rs(std::io::Cursor::new(bytes)).map_err(|e| e.to_string())?;
    let cell = |data: &Data| match data {
        Data::Empty => String::new(),
        Data::String(text) => text.clone(),
        Data::Float(value) => value.to_string(),
        Data::Int(value) => value.to_string(),
        Data::Bool(value) => value.to_string(),
        Data::DateTime(time) => {
            let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
            let date = format!("{year:04}-{month:02}-{day:02}");
            // Excel keeps a date as midnight of that day.
            match (hour, minute, second) {
                (0, 0, 0) => date,
                _ => format!("{date} {hour:02}:{minute:02}:{second:02}"),
            }
        }
        Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        // #N/A and its kin.
        Data::Error(_) => "#N/A".to_owned(),
    };
    for name in book.sheet_names() {
        let range: Range<Data> = book.worksheet_range(&name).map_err(|e| e.to_string())?;
        if range.width() < 2 || range.height() < 2 {
            continue;
        }
        let mut out = csv::Writer::from_writer(Vec::new());
        for row in range.rows() {
            out.write_record(row.iter().map(cell)).map_err(|e| e.to_string())?;
        }
        return Ok(Some((name, out.into_inner().map_err(|e| e.to_string())?)));
    }
    Ok(None)
}
