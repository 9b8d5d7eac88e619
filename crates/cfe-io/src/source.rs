//! Where a table comes from, and what format it has.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use crate::table_error::{TableError, TableResult};

/// Where a table is read from.
///
/// ```
/// use cfe_io::Source;
///
/// assert_eq!(Source::new("-").name(), "standard input");
/// assert_eq!(Source::new("predictions.csv").name(), "predictions.csv");
/// ```
#[non_exhaustive]
pub enum Source {
    /// A file.
    Path(PathBuf),
    /// Standard input.
    Stdin,
    /// Anything else that can be read once, with a name for messages.
    Reader {
        /// Stands in messages where the file name would.
        name: String,
        /// The bytes.
        reader: Box<dyn Read + Send>,
    },
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Source").field(&self.name()).finish()
    }
}

impl Source {
    /// A path, or standard input for `-`.
    pub fn new(path: impl AsRef<Path>) -> Self {
        match path.as_ref() {
            p if p == Path::new("-") => Source::Stdin,
            p => Source::Path(p.to_owned()),
        }
    }

    /// Something that can be read once.
    pub fn reader(name: impl Into<String>, reader: impl Read + Send + 'static) -> Self {
        Source::Reader { name: name.into(), reader: Box::new(reader) }
    }

    /// Bytes in memory.
    pub fn bytes(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self::reader(name, Cursor::new(bytes))
    }

    /// The name that messages use.
    pub fn name(&self) -> String {
        match self {
            Source::Path(path) => path.display().to_string(),
            Source::Stdin => "standard input".to_owned(),
            Source::Reader { name, .. } => name.clone(),
        }
    }

    pub(crate) fn open(self) -> TableResult<Opened> {
        let file = self.name();
        let (path, mut reader): (_, Box<dyn Read + Send>) = match self {
            Source::Path(path) => {
                let handle = open_file(&path, &file)?;
                (Some(path), Box::new(handle))
            }
            Source::Stdin => (None, Box::new(io::stdin())),
            Source::Reader { reader, .. } => (None, reader),
        };
        let head = read_head(&mut reader).map_err(|source| unreadable(&file, source))?;
        let format = detect(&head, path.as_deref(), &file)?;
        Ok(Opened { file, path, format, head, reader })
    }
}

/// The content of a table, as its first bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Gzip,
    Parquet,
    ArrowFile,
    ArrowStream,
    Npy,
    Zip,
}

/// An opened source: `head` was read to tell the format and comes before what `reader` still gives.
pub(crate) struct Opened {
    pub file: String,
    pub path: Option<PathBuf>,
    pub format: Format,
    head: Vec<u8>,
    reader: Box<dyn Read + Send>,
}

/// Bytes looked at to tell the format.
const HEAD: usize = 512;

impl Opened {
    /// All bytes from the start, in order.
    pub fn stream(self) -> Box<dyn Read + Send> {
        Box::new(Cursor::new(self.head).chain(self.reader))
    }

    /// Length of the file, if it is a regular one.
    pub fn len(&self) -> Option<u64> {
        let metadata = std::fs::metadata(self.path.as_ref()?).ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    /// For formats that are read from their end: the regular file itself, or a stream laid down in a temporary one, so
    /// that memory does not grow with it.
    pub fn seekable(self) -> TableResult<File> {
        let file = self.file.clone();
        if let (Some(path), Some(_)) = (&self.path, self.len()) {
            return open_file(path, &file);
        }
        let spool = || -> io::Result<File> {
            let mut spool = tempfile::tempfile()?;
            io::copy(&mut self.stream(), &mut spool)?;
            spool.rewind()?;
            Ok(spool)
        };
        spool().map_err(|source| unreadable(&file, source))
    }
}

pub(crate) fn unreadable(file: &str, source: io::Error) -> TableError {
    TableError::Unreadable { file: file.to_owned(), source }
}

fn open_file(path: &Path, file: &str) -> TableResult<File> {
    let opened = File::open(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => TableError::NotFound { file: file.to_owned() },
        _ => unreadable(file, source),
    })?;
    // A directory opens, and fails only when it is read.
    match opened.metadata() {
        Ok(metadata) if metadata.is_dir() => {
            Err(unreadable(file, io::Error::new(io::ErrorKind::IsADirectory, "it is a directory")))
        }
        _ => Ok(opened),
    }
}

fn read_head(reader: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD);
    reader.take(HEAD as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// (magic bytes, format, extensions that promise it).
const MAGIC: [(&[u8], Format, &[&str]); 7] = [
    (b"\x1f\x8b", Format::Gzip, &["gz"]),
    (b"PAR1", Format::Parquet, &["parquet", "pq"]),
    (b"ARROW1", Format::ArrowFile, &["arrow", "feather"]),
    (b"\xff\xff\xff\xff", Format::ArrowStream, &["arrows"]),
    (b"\x93NUMPY", Format::Npy, &["npy"]),
    (b"PK\x03\x04", Format::Zip, &["npz"]),
    (b"PK\x05\x06", Format::Zip, &[]),
];

fn detect(head: &[u8], path: Option<&Path>, file: &str) -> TableResult<Format> {
    if head.is_empty() {
        return Err(TableError::Empty { file: file.to_owned() });
    }
    if let Some((_, format, _)) = MAGIC.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return Ok(*format);
    }
    let extension =
        path.and_then(Path::extension).and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    if let Some((magic, ..)) = MAGIC.iter().find(|(_, _, names)| names.contains(&extension.as_str())) {
        let expected = magic.escape_ascii().to_string();
        return Err(TableError::FormatMismatch { file: file.to_owned(), extension, expected });
    }
    check_text(head, file)?;
    Ok(Format::Text)
}

/// Refuses what is plainly no UTF-8 text.
pub(crate) fn check_text(head: &[u8], file: &str) -> TableResult<()> {
    let saw = if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        "UTF-16 text: save it as UTF-8".to_owned()
    } else if let Some(at) = memchr::memchr(0, head) {
        format!("a zero byte at position {at}")
    } else {
        return Ok(());
    };
    Err(TableError::UnknownFormat { file: file.to_owned(), saw })
}
