//! The format of a file, as its first bytes tell.

use std::path::Path;

use crate::other_formats::refuse_others;
use crate::table_error::{TableError, TableResult};

/// The content of a table, as its first bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
    /// A workbook of Excel before 2007.
    OldWorkbook,
    Parquet,
    ArrowFile,
    ArrowStream,
    Npy,
    Zip,
}

/// (magic bytes, format, extensions that promise it).
const MAGIC: [(&[u8], Format, &[&str]); 11] = [
    (b"BZh", Format::Bzip2, &["bz2"]),
    (b"\xfd7zXZ\0", Format::Xz, &["xz"]),
    (b"\x28\xb5\x2f\xfd", Format::Zstd, &["zst"]),
    (b"\xd0\xcf\x11\xe0", Format::OldWorkbook, &["xls"]),
    (b"\x1f\x8b", Format::Gzip, &["gz"]),
    (b"PAR1", Format::Parquet, &["parquet", "pq"]),
    (b"ARROW1", Format::ArrowFile, &["arrow", "feather"]),
    (b"\xff\xff\xff\xff", Format::ArrowStream, &["arrows"]),
    (b"\x93NUMPY", Format::Npy, &["npy"]),
    (b"PK\x03\x04", Format::Zip, &["npz", "xlsx", "zip", "ods"]),
    (b"PK\x05\x06", Format::Zip, &[]),
];

pub(crate) fn detect(head: &[u8], path: Option<&Path>, file: &str) -> TableResult<Format> {
    if head.is_empty() {
        return Err(TableError::Empty { file: file.to_owned() });
    }
    // Bytes tell more than a name: a packed CSV may be called .csv.
    if let Some((_, format, _)) = MAGIC.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return Ok(*format);
    }
    refuse_others(head, file)?;
    let extension =
        path.and_then(Path::extension).and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    // An extension that promises bytes which are not there: the file is cut short, or something else.
    if let Some((magic, ..)) = MAGIC.iter().find(|(_, _, names)| names.contains(&extension.as_str())) {
        let expected = magic.escape_ascii().to_string();
        return Err(TableError::FormatMismatch { file: file.to_owned(), extension, expected });
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    // A table of text that begins with a bracket has its first name in brackets. A list of objects or
    // of lists has not.
    let json = text.starts_with(b"{")
        || text.strip_prefix(b"[").is_some_and(|t| matches!(t.trim_ascii_start().first(), Some(b'{' | b'[')));
    Ok(if json { Format::Json } else { Format::Text })
}

/// Refuses what is plainly no UTF-8 text.
pub(crate) fn check_text(head: &[u8], file: &str) -> TableResult<()> {
    match memchr::memchr(0, head) {
        None => Ok(()),
        Some(at) => {
            let saw = format!("a zero byte at position {at}");
            Err(TableError::UnknownFormat { file: file.to_owned(), saw })
        }
    }
}
