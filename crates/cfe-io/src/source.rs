//! Where a table comes from, and what format it has.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use crate::format::{Format, detect};
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
    /// A file, a folder of parts, or a pattern such as `parts/*.parquet`.
    Path(PathBuf),
    /// Several files of one table, in their order.
    Parts(Vec<PathBuf>),
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
            Source::Path(path) => shown(path),
            Source::Parts(paths) => paths.iter().map(|path| shown(path)).collect::<Vec<_>>().join(", "),
            Source::Stdin => "standard input".to_owned(),
            Source::Reader { name, .. } => name.clone(),
        }
    }

    // The head is read ahead and kept, so that a stream that cannot be rewound is read whole all the same.
    pub(crate) fn open(self) -> TableResult<Opened> {
        let file = self.name();
        let (path, mut reader): (_, Box<dyn Read + Send>) = match self {
            Source::Path(path) => {
                let handle = open_file(&path, &file)?;
                (Some(path), Box::new(handle))
            }
            Source::Parts(_) => return Err(TableError::NoParts { path: file }),
            Source::Stdin => (None, Box::new(io::stdin())),
            Source::Reader { reader, .. } => (None, reader),
        };
        let head = read_head(&mut reader).map_err(|source| unreadable(&file, source))?;
        let format = detect(&head, path.as_deref(), &file)?;
        Ok(Opened { file, path, format, layers: 0, packed: None, head, reader })
    }
}

/// A path for a message: control characters, which could steer a terminal, are escaped.
pub(crate) fn shown(path: &Path) -> String {
    let escape =
        |c: char| -> String { if c.is_control() { c.escape_default().to_string() } else { c.to_string() } };
    path.display().to_string().chars().map(escape).collect()
}

/// An opened source: `head` was read to tell the format and comes before what `reader` still gives.
pub(crate) struct Opened {
    pub file: String,
    pub path: Option<PathBuf>,
    pub format: Format,
    /// Packings that were undone.
    pub layers: usize,
    /// The packing it came out of.
    packed: Option<&'static str>,
    head: Vec<u8>,
    reader: Box<dyn Read + Send>,
}

/// Packings inside one another that are undone: a zip of a gzip, and no more.
const MOST_LAYERS: usize = 3;
/// Bytes looked at to tell the format.
const HEAD: usize = 512;

impl Opened {
    /// The content of a packing.
    pub(crate) fn packed(
        file: String,
        mut reader: Box<dyn Read + Send>,
        packed: Option<&'static str>,
        layers: usize,
    ) -> TableResult<Self> {
        if layers > MOST_LAYERS {
            return Err(TableError::OtherFormat {
                file,
                what: "packed more than three times over".to_owned(),
                cure: "unpack it first".to_owned(),
            });
        }
        let head = read_head(&mut reader).map_err(|source| failed(&file, packed, source))?;
        let format = detect(&head, None, &file)?;
        Ok(Self { file, path: None, format, layers, packed, head, reader })
    }

    /// What a failed read means.
    pub(crate) fn stream_error(&self) -> impl Fn(io::Error) -> TableError + Sync + use<> {
        let (file, packed) = (self.file.clone(), self.packed);
        move |source| failed(&file, packed, source)
    }

    /// All bytes from the start, in order.
    pub(crate) fn stream(self) -> Box<dyn Read + Send> {
        Box::new(Cursor::new(self.head).chain(self.reader))
    }

    /// Length of the file, if it is a regular one.
    pub(crate) fn len(&self) -> Option<u64> {
        let metadata = std::fs::metadata(self.path.as_ref()?).ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    /// For formats that are read from their end: the regular file itself, or a stream laid down in a
    /// temporary one, so that memory does not grow with it.
    pub(crate) fn seekable(self) -> TableResult<File> {
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

fn failed(file: &str, packed: Option<&'static str>, source: io::Error) -> TableError {
    match packed {
        Some(format) => {
            TableError::BadCompressed { file: file.to_owned(), format, reason: source.to_string() }
        }
        None => unreadable(file, source),
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
