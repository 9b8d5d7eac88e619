//! Tables written as CSV, Parquet and Arrow IPC.

use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use rayon::prelude::*;

use crate::atomic::{AtomicFile, WriteError};
use crate::column::Column;
use crate::source::shown;

/// Where a table is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sink {
    /// A file, whole or not at all. `.parquet` and `.arrow` (or `.feather`) are written as such, `.tsv` is
    /// cut by tabs, `.gz` is compressed, and anything else is CSV; names of other formats are refused.
    Path(PathBuf),
    /// Standard output.
    Stdout,
}

impl Sink {
    /// A path, or standard output for `-`.
    pub fn new(path: impl AsRef<Path>) -> Self {
        match path.as_ref() {
            p if p == Path::new("-") => Sink::Stdout,
            p => Sink::Path(p.to_owned()),
        }
    }

    /// Refuses a name that promises what no table is written as, before the work.
    ///
    /// # Errors
    /// [`WriteError::UnknownFormat`], [`WriteError::FeatureMissing`].
    pub fn check(&self) -> Result<(), WriteError> {
        match self {
            Sink::Path(path) => TableFormat::of(path).map(drop),
            Sink::Stdout => Ok(()),
        }
    }
}

/// Writes named columns of equal length.
///
/// ```
/// use cfe_io::{Column, Sink, write_predictions};
///
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("p.csv");
/// let ids = ["a".to_owned(), "b, c".to_owned()];
/// let columns = [("instance_id", Column::Text(&ids)), ("probability", Column::Float(&[0.25, f64::NAN]))];
/// write_predictions(&Sink::new(&path), &columns)?;
/// assert_eq!(std::fs::read_to_string(&path)?, "instance_id,probability\na,0.25\n\"b, c\",\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`WriteError`]; whatever the file held before is then as it was.
pub fn write_predictions(sink: &Sink, columns: &[(&str, Column<'_>)]) -> Result<(), WriteError> {
    // All columns are checked before the file is opened.
    let path = match sink {
        Sink::Path(path) => path.as_path(),
        Sink::Stdout => Path::new("standard output"),
    };
    let n = columns.first().map_or(0, |(_, column)| column.len());
    if let Some((name, column)) = columns.iter().find(|(_, column)| column.len() != n) {
        return Err(WriteError::UnequalColumns {
            path: path.display().to_string(),
            column: (*name).to_owned(),
            found: column.len(),
            expected: n,
        });
    }
    let interrupted = |source| WriteError::Interrupted { path: path.display().to_string(), source };
    match sink {
        Sink::Stdout => write_csv(io::stdout().lock(), b',', columns).map_err(interrupted),
        Sink::Path(path) => {
            let format = TableFormat::of(path)?;
            // From here on a failure leaves the old file: the new one takes its place with `commit` alone.
            let mut file = AtomicFile::create(path)?;
            match format {
                TableFormat::Text { delimiter, gzip: true } => {
                    // No name and no time inside, so that equal tables are equal files.
                    let encoder = GzBuilder::new().write(&mut file, Compression::default());
                    let mut encoder = BufWriter::new(encoder);
                    write_csv(&mut encoder, delimiter, columns)
                        .and_then(|()| encoder.into_inner().map_err(io::IntoInnerError::into_error)?.finish())
                        .map_err(interrupted)?;
                }
                TableFormat::Text { delimiter, gzip: false } => {
                    write_csv(&mut file, delimiter, columns).map_err(interrupted)?;
                }
                #[cfg(feature = "parquet")]
                TableFormat::Parquet => {
                    crate::write_columns::parquet(&mut file, columns).map_err(interrupted)?
                }
                #[cfg(feature = "parquet")]
                TableFormat::Arrow => crate::write_columns::arrow(&mut file, columns).map_err(interrupted)?,
                #[cfg(not(feature = "parquet"))]
                TableFormat::Parquet | TableFormat::Arrow => unreachable!("refused by TableFormat::of"),
            }
            file.commit()
        }
    }
}

/// How a table is written, as the name of its file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TableFormat {
    Text { delimiter: u8, gzip: bool },
    Parquet,
    Arrow,
}

/// Extensions of files that hold something else than text: a table in CSV would be there under a wrong name.
const OTHER_FORMATS: [&str; 33] = [
    "json",
    "jsonl",
    "ndjson",
    "npz",
    "npy",
    "xlsx",
    "xls",
    "xlsb",
    "ods",
    "zip",
    "bz2",
    "xz",
    "zst",
    "7z",
    "pkl",
    "pickle",
    "rds",
    "rdata",
    "rda",
    "h5",
    "hdf5",
    "avro",
    "orc",
    "db",
    "sqlite",
    "safetensors",
    "html",
    "htm",
    "pdf",
    "mat",
    "sav",
    "dta",
    "arff",
];

impl TableFormat {
    fn of(path: &Path) -> Result<Self, WriteError> {
        let name = path.file_name().map(|n| n.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        let (name, gzip) = match name.strip_suffix(".gz") {
            Some(inner) => (inner.to_owned(), true),
            None => (name, false),
        };
        // What the name promises decides, as readers of the file go by it.
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let unknown = || WriteError::UnknownFormat { path: shown(path), extension: extension.to_owned() };
        let columns = match extension {
            "parquet" | "pq" => Some((TableFormat::Parquet, "Parquet")),
            "arrow" | "feather" | "ipc" => Some((TableFormat::Arrow, "Arrow IPC")),
            other if OTHER_FORMATS.contains(&other) => return Err(unknown()),
            _ => None,
        };
        match columns {
            Some(_) if gzip => Err(unknown()),
            Some((_, format)) if cfg!(not(feature = "parquet")) => {
                Err(WriteError::FeatureMissing { path: shown(path), format })
            }
            Some((format, _)) => Ok(format),
            None => {
                let tabs = ["tsv", "tab"].contains(&extension);
                Ok(TableFormat::Text { delimiter: if tabs { b'\t' } else { b',' }, gzip })
            }
        }
    }
}

/// Rows that are made text at once, some 1 MB.
const ROWS: usize = 1 << 14;

/// Writes the columns to any writer. Blocks of rows are made text in parallel and written in their order.
fn write_csv(mut writer: impl Write, delimiter: u8, columns: &[(&str, Column<'_>)]) -> io::Result<()> {
    let mut header = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
    header.write_record(columns.iter().map(|(name, _)| name)).map_err(io::Error::from)?;
    writer.write_all(&header.into_inner().map_err(|error| error.into_error())?)?;
    let n = columns.first().map_or(0, |(_, column)| column.len());
    let blocks: Vec<Range<usize>> = (0..n).step_by(ROWS).map(|at| at..(at + ROWS).min(n)).collect();
    // So many blocks are held at once, and no thread waits while one of them is written.
    for blocks in blocks.chunks(2 * rayon::current_num_threads().max(1)) {
        let texts: Vec<_> = blocks.par_iter().map(|rows| rows_as_text(rows, delimiter, columns)).collect();
        texts.into_iter().try_for_each(|text| writer.write_all(&text))?;
    }
    writer.flush()
}

/// Some rows of the columns. The csv crate writes the same bytes, but it also looks for quotes in every
/// number.
fn rows_as_text(rows: &Range<usize>, delimiter: u8, columns: &[(&str, Column<'_>)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut number = zmij::Buffer::new();
    for i in rows.clone() {
        let start = out.len();
        for (k, (_, column)) in columns.iter().enumerate() {
            if k > 0 {
                out.push(delimiter);
            }
            // Numbers and labels hold nothing that needs quotes.
            match column {
                Column::Text(v) => push_text(&mut out, &v[i], delimiter),
                Column::Float(v) if v[i].is_nan() => {}
                Column::Float(v) => out.extend_from_slice(number.format(v[i]).as_bytes()),
                Column::Count(v) => write!(out, "{}", v[i]).expect("a vector takes any bytes"),
                Column::Label(v) => out.extend(v[i].map(|label| b'0' + u8::from(label))),
            }
        }
        // Most readers pass over an empty line, so that an only field that is empty is quoted.
        if out.len() == start {
            out.extend_from_slice(b"\"\"");
        }
        out.push(b'\n');
    }
    out
}

/// A field of text, quoted where it has to be, as RFC 4180 has it.
fn push_text(out: &mut Vec<u8>, text: &str, delimiter: u8) {
    let ends_field = |&byte: &u8| byte == delimiter || matches!(byte, b'"' | b'\n' | b'\r');
    if !text.as_bytes().iter().any(ends_field) {
        return out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
    out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{Source, TableOptions, read_table};

    #[test]
    fn floats_read_back_to_the_same_bits() {
        let dir = tempfile::tempdir().expect("temporary");
        let values = [0.0, 1.0, 0.1, 1.0 / 3.0, 5e-324, 1e-300, 0.999_999_999_999_999_9, f64::NAN];
        let ids: Vec<String> = (0..values.len()).map(|i| format!("i\n\"{i}\",")).collect();
        for name in ["p.csv", "p.tsv", "p.csv.gz", "p.tsv.gz"] {
            let path = dir.path().join(name);
            let columns = [
                ("instance_id", Column::Text(&ids)),
                ("p", Column::Float(&values)),
                ("label", Column::Label(&[Some(true), Some(false), None, None, None, None, None, None])),
            ];
            write_predictions(&Sink::new(&path), &columns).expect("writable");
            let table = read_table(Source::new(&path), &TableOptions::default()).expect("readable");
            let read: Vec<u64> = table.data.predictions().iter().map(|v| v.to_bits()).collect();
            assert_eq!(read[..7], values[..7].iter().map(|v| v.to_bits()).collect::<Vec<_>>());
            assert!(table.data.predictions()[(0, 7)].is_nan());
            assert_eq!(table.data.instance_ids(), Some(&ids[..]));
            assert_eq!(table.truth[..3], [Some(true), Some(false), None]);
            let before = fs::read(&path).expect("there");
            write_predictions(&Sink::new(&path), &columns).expect("writable");
            assert_eq!(fs::read(&path).expect("there"), before);
        }
    }

    #[test]
    fn text_is_quoted_as_the_csv_crate_quotes_it() {
        let texts = [
            "",
            "a",
            "a,b",
            "tab\there",
            "\"",
            "he said \"no\"",
            "two\nlines",
            "\r",
            " blank ",
            "\u{e9}",
            "#",
        ];
        let texts = texts.map(String::from);
        let labels = vec![None; texts.len()];
        let tables = [
            vec![("text", Column::Text(&texts))],
            vec![("text", Column::Text(&texts)), ("label", Column::Label(&labels))],
        ];
        for (delimiter, columns) in [b',', b'\t'].into_iter().flat_map(|d| tables.iter().map(move |c| (d, c)))
        {
            let mut ours = Vec::new();
            write_csv(&mut ours, delimiter, columns).expect("in memory");
            let mut theirs = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
            theirs.write_record(columns.iter().map(|(name, _)| name)).expect("in memory");
            for text in &texts {
                theirs.write_record([text.as_str(), ""].iter().take(columns.len())).expect("in memory");
            }
            assert_eq!(String::from_utf8(ours), String::from_utf8(theirs.into_inner().expect("in memory")));
        }
    }

    #[test]
    fn blocks_of_rows_keep_their_order() {
        let n = 2 * ROWS + 5;
        let ids: Vec<String> = (0..n).map(|i| i.to_string()).collect();
        let numbers: Vec<f64> = (0..n).map(|i| i as f64 / n as f64).collect();
        let columns = [("id", Column::Text(&ids)), ("p", Column::Float(&numbers))];
        let mut out = Vec::new();
        write_csv(&mut out, b',', &columns).expect("in memory");
        let text = String::from_utf8(out).expect("text");
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("id,p"));
        for (i, p) in numbers.iter().enumerate() {
            let (id, written) = lines.next().and_then(|line| line.split_once(',')).expect("a row");
            assert_eq!((id.parse(), written.parse()), (Ok(i), Ok(*p)));
        }
        assert_eq!(lines.next(), None);
    }

    #[test]
    fn a_name_is_what_is_written() {
        let dir = tempfile::tempdir().expect("temporary");
        let ids = ["a", "b", "c"].map(String::from);
        let columns = [
            ("instance_id", Column::Text(&ids)),
            ("p", Column::Float(&[0.1, 1.0 / 3.0, f64::NAN])),
            ("label", Column::Label(&[Some(true), Some(false), None])),
        ];
        for bad in ["p.json", "p.npz", "p.XLSX", "p.parquet.gz", "p.pkl"] {
            let sink = Sink::new(dir.path().join(bad));
            assert!(matches!(sink.check(), Err(WriteError::UnknownFormat { .. })), "{bad}");
            assert!(write_predictions(&sink, &columns).is_err());
        }
        assert_eq!(fs::read_dir(dir.path()).expect("there").count(), 0);
        for (name, magic) in [("p.parquet", &b"PAR1"[..]), ("p.arrow", b"ARROW1"), ("p.feather", b"ARROW1")] {
            let path = dir.path().join(name);
            let written = write_predictions(&Sink::new(&path), &columns);
            if cfg!(not(feature = "parquet")) {
                assert!(matches!(written, Err(WriteError::FeatureMissing { .. })));
                continue;
            }
            written.expect("writable");
            assert!(fs::read(&path).expect("there").starts_with(magic), "{name}");
            let table = read_table(Source::new(&path), &TableOptions::default()).expect("readable");
            assert_eq!(table.data.predictions().row(0).to_vec()[..2], [0.1, 1.0 / 3.0]);
            assert!(table.data.predictions()[(0, 2)].is_nan());
            assert_eq!(table.truth, [Some(true), Some(false), None]);
            assert_eq!(table.data.instance_ids(), Some(&ids[..]));
        }
    }

    #[test]
    fn unequal_columns_leave_the_old_file() {
        let dir = tempfile::tempdir().expect("temporary");
        let path = dir.path().join("p.csv");
        fs::write(&path, "old").expect("writable");
        let columns = [("a", Column::Count(&[1, 2])), ("b", Column::Float(&[0.5]))];
        let error = write_predictions(&Sink::new(&path), &columns).expect_err("unequal");
        assert!(error.to_string().contains("column \"b\" has 1 entries, the first column 2"), "{error}");
        assert_eq!(fs::read(&path).expect("there"), b"old");
    }
}
