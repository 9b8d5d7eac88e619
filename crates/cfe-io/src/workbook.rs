//! Workbooks of Excel and LibreOffice: the first visible sheet that holds a table, or the one that is named.

use std::fs::File;

use crate::options::TableOptions;
use crate::parts::Parts;
#[cfg(feature = "excel")]
use crate::reading::Labels;
#[cfg(feature = "excel")]
use crate::table_error::list;
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
    let sheets = crate::guarded::decode(|| tables(BufReader::new(handle)))
        .ok_or_else(|| damaged("its decoder gave up".to_owned()))?
        .map_err(damaged)?;
    let told: Vec<String> = sheets.iter().map(Sheet::told).collect();
    // A sheet that is named is the table. Else the visible ones are tried that have cells enough.
    let wanted: Vec<usize> = match &options.sheet {
        Some(name) => {
            let at = sheets.iter().position(|sheet| sheet.name == *name).ok_or_else(|| {
                let available = list(&sheets.iter().map(|sheet| &sheet.name).collect::<Vec<_>>());
                TableError::UnknownSheet { file: file.to_owned(), sheet: name.clone(), available }
            })?;
            vec![at]
        }
        None => (0..sheets.len()).filter(|&k| !sheets[k].hidden && sheets[k].csv.is_some()).collect(),
    };
    // The first sheet with labels is the table, and where no sheet has some, or none are needed, the first
    // that can be read.
    let (mut without_labels, mut refused) = (None, None);
    for k in wanted {
        let name = &sheets[k].name;
        let Some(csv) = sheets[k].csv.clone() else {
            return Err(TableError::Empty { file: format!("{file}, sheet {name:?}") });
        };
        // Sheets are read as CSV by the reader of text, with all of its rules for headers and cells.
        let plain = TableOptions { delimiter: Some(b','), encoding: None, sheet: None, ..options.clone() };
        let labeled = names_labels(&csv, options);
        let (inside, length) = (format!("{file}, sheet {name:?}"), Some(csv.len() as u64));
        let read = crate::text::read(&inside, Cursor::new(csv), length, &plain, |e| {
            crate::source::unreadable(file, e)
        });
        let others: Vec<&String> =
            (0..told.len()).filter(|&other| other != k).map(|other| &told[other]).collect();
        let read = read.map(|mut parts| {
            if !others.is_empty() {
                let others = others.iter().map(|other| other.as_str()).collect::<Vec<_>>().join(", ");
                parts.taken.notes.push(format!("sheet {name:?}; not read: {others}; --sheet names another"));
            }
            parts
        });
        match read {
            Ok(parts) if options.labels != Labels::Needed || parts.labels.is_some() => return Ok(parts),
            Ok(parts) => {
                without_labels.get_or_insert(parts);
            }
            // A sheet without predictions is passed over; a table with an error in it is not.
            Err(error) if options.sheet.is_none() && (is_another_table(&error) || !labeled) => {
                refused.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    match (without_labels, refused) {
        (Some(parts), _) => Ok(parts),
        (None, Some(error)) => Err(error),
        (None, None) => Err(TableError::Empty { file: file.to_owned() }),
    }
}

/// Whether the first rows of a sheet name labels, or none are needed.
#[cfg(feature = "excel")]
fn names_labels(csv: &[u8], options: &TableOptions) -> bool {
    const ROWS: usize = 20;
    let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(csv);
    let is_label = |cell: &str| match &options.label_column {
        Some(name) => name.eq_ignore_ascii_case(cell),
        None => crate::names::label_rank(&crate::names::normalize(cell)).is_some(),
    };
    options.labels != Labels::Needed
        || rows.records().take(ROWS).flatten().any(|row| row.iter().any(is_label))
}

/// Whether an error says that a sheet holds no predictions, rather than that some of them are wrong.
#[cfg(feature = "excel")]
fn is_another_table(error: &TableError) -> bool {
    use TableError::{
        DuplicateColumn, HeaderOnly, MissingClassifier, NoClassifierColumn, NoHeader, Ragged, UnknownColumn,
        UnnamedColumn, WrongDelimiter,
    };
    matches!(
        error,
        DuplicateColumn { .. }
            | HeaderOnly { .. }
            | MissingClassifier { .. }
            | NoClassifierColumn { .. }
            | NoHeader { .. }
            | Ragged { .. }
            | UnknownColumn { .. }
            | UnnamedColumn { .. }
            | WrongDelimiter { .. }
    )
}

/// A sheet of a workbook.
#[cfg(feature = "excel")]
struct Sheet {
    name: String,
    hidden: bool,
    /// Its cells, where there are two columns and two rows or more.
    csv: Option<Vec<u8>>,
}

#[cfg(feature = "excel")]
impl Sheet {
    /// Its name for a message.
    fn told(&self) -> String {
        format!("{:?}{}", self.name, if self.hidden { " (hidden)" } else { "" })
    }
}

/// The sheets in their order.
#[cfg(feature = "excel")]
fn tables(reader: std::io::BufReader<File>) -> Result<Vec<Sheet>, String> {
    use calamine::{Data, Range, Reader, SheetType, SheetVisible, Sheets, open_workbook_auto_from_rs};

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
    let mut out = Vec::new();
    for sheet in book.sheets_metadata().to_vec() {
        // Charts and macros have no cells.
        if sheet.typ != SheetType::WorkSheet {
            continue;
        }
        // A table has a row of names and a row below, and a column of labels or ids beside a classifier.
        let range: Range<Data> = book.worksheet_range(&sheet.name).map_err(|e| e.to_string())?;
        let mut csv = None;
        if range.width() >= 2 && range.height() >= 2 {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for row in range.rows() {
                writer.write_record(row.iter().map(cell)).map_err(|e| e.to_string())?;
            }
            csv = Some(writer.into_inner().map_err(|e| e.to_string())?);
        }
        out.push(Sheet { name: sheet.name, hidden: sheet.visible != SheetVisible::Visible, csv });
    }
    Ok(out)
}
