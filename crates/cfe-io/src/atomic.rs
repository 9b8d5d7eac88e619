//! Files that appear whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::NamedTempFile;

use crate::source::shown;

/// An output could not be written; what was there before is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are what the message of their variant names")]
pub enum WriteError {
    /// The place cannot be written to at all.
    #[error("{path}: cannot be written ({source}); check that the folder exists and may be written to")]
    Unwritable { path: String, source: io::Error },

    /// Writing failed on the way.
    #[error("{path}: writing failed ({source}), and nothing was changed there; check the space on the disk")]
    Interrupted { path: String, source: io::Error },

    /// The whole was written beside its place, but could not take it.
    ///
    /// Cure: make room, or grant the right to replace the file, and save again.
    #[error("{path}: the finished file could not take its place ({source}), and nothing was changed there")]
    NotReplaced { path: String, source: io::Error },

    /// An output would replace an input.
    #[error("{path}: {output} would replace {input}; name another file")]
    OverInput { path: String, output: String, input: String },

    /// Two outputs would take one place.
    #[error("{path}: {first} and {second} are one file; name two")]
    SameOutput { path: String, first: String, second: String },

    /// A table cannot be written in the format that the name promises.
    #[error(
        "{path}: no table is written as .{extension}; allowed are .csv, .tsv, .txt (with .gz too), .parquet, .arrow and \
             .feather"
    )]
    UnknownFormat { path: String, extension: String },

    /// The format was left out of this build.
    #[error("{path}: {format} is written only with the cargo feature `parquet`; build with it, or write CSV")]
    FeatureMissing { path: String, format: &'static str },

    /// The columns of a table do not fit each other.
    #[error(
        "{path}: column {column:?} has {found} entries, the first column {expected}; give columns of one length"
    )]
    UnequalColumns { path: String, column: String, found: usize, expected: usize },
}

/// How the names of temporary files end.
const SUFFIX: &str = ".tmp";
/// Random letters and digits before it.
const RANDOM: usize = 6;
/// Bytes of a file name that nearly every file system takes.
const LONGEST_NAME: usize = 255;

/// The file that a path means, with its folder free of links and dots: also one that is not there yet, and
/// the target of a link that leads nowhere yet.
pub(crate) fn resolve(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    // More links in a row are a circle.
    for _ in 0..40 {
        if let Ok(whole) = path.canonicalize() {
            return whole;
        }
        match fs::read_link(&path) {
            Ok(target) => path = folder(&path).join(target),
            Err(_) => break,
        }
    }
    match (folder(&path).canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path,
    }
}

/// Temporary files that are being written in this process, for [`remove_unfinished`].
static UNFINISHED: Mutex<Unfinished> = Mutex::new(Unfinished(Vec::new()));

#[derive(Debug)]
struct Unfinished(Vec<PathBuf>);

impl Unfinished {
    /// Makes a temporary file and notes it. Both under one lock, so that no file is made unnoted.
    fn make(&mut self, make: impl FnOnce() -> io::Result<NamedTempFile>) -> io::Result<NamedTempFile> {
        let file = make()?;
        self.0.push(file.path().to_owned());
        Ok(file)
    }

    fn forget(&mut self, path: &Path) {
        self.0.retain(|noted| noted != path);
    }

    fn remove(&mut self) {
        // What cannot be removed is in nobody's way.
        self.0.drain(..).for_each(|path| {
            fs::remove_file(path).ok();
        });
    }
}

fn unfinished() -> MutexGuard<'static, Unfinished> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the temporary files of outputs that are being written. For a program that is interrupted and ends
/// at once, without dropping what it has: from here on, no output can be begun in this process.
pub fn remove_unfinished() {
    let mut unfinished = unfinished();
    unfinished.remove();
    // Another thread could begin a file before the process is gone.
    std::mem::forget(unfinished);
}

/// A file that is written beside its place and takes it in [`commit`](Self::commit): after a crash, a full
/// disk or a dropped `AtomicFile` the place holds what it held before.
///
/// Pipes and devices (`/dev/null`, `/dev/stdout`) have nothing to protect and are written to directly. A
/// symbolic link stays, and its target is replaced.
///
/// ```
/// use std::io::Write;
/// use cfe_io::AtomicFile;
///
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("out.csv");
/// let mut file = AtomicFile::create(&path)?;
/// file.write_all(b"a,b\n")?;
/// assert!(!path.exists());
/// file.commit()?;
/// assert_eq!(std::fs::read(&path)?, b"a,b\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    output: Output,
}

#[derive(Debug)]
enum Output {
    Beside(Noted),
    Direct(File),
}

/// A temporary file that [`remove_unfinished`] knows of.
#[derive(Debug)]
struct Noted(Option<NamedTempFile>);

impl Noted {
    fn file(&self) -> &NamedTempFile {
        self.0.as_ref().expect("there until it takes its place")
    }

    fn file_mut(&mut self) -> &mut NamedTempFile {
        self.0.as_mut().expect("there until it takes its place")
    }

    fn persist(mut self, path: &Path) -> io::Result<()> {
        let file = self.0.take().expect("there until it takes its place");
        let noted = file.path().to_owned();
        let persisted = file.persist(path);
        unfinished().forget(&noted);
        persisted.map(drop).map_err(|e| e.error)
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        if let Some(file) = self.0.take() {
            unfinished().forget(file.path());
        }
    }
}

impl AtomicFile {
    /// Opens a temporary file beside `path`, so that an unwritable place is seen before the work.
    ///
    /// # Errors
    /// [`WriteError::Unwritable`].
    pub fn create(path: impl AsRef<Path>) -> Result<Self, WriteError> {
        let given = path.as_ref();
        let path = resolve(given);
        let unwritable = |source| WriteError::Unwritable { path: shown(given), source };
        // `folder/` names no file, whether there is such a folder or not.
        if given
            .as_os_str()
            .as_encoded_bytes()
            .last()
            .is_some_and(|&b| std::path::is_separator(char::from(b)))
        {
            return Err(unwritable(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory")));
        }
        let metadata = fs::metadata(&path).ok();
        if let Some(metadata) = &metadata {
            if metadata.is_dir() {
                return Err(unwritable(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory")));
            }
            // A device or a pipe is written to directly: nothing can take its place by renaming.
            if !metadata.is_file() {
                let device = File::options().write(true).open(&path).map_err(unwritable)?;
                return Ok(Self { path, output: Output::Direct(device) });
            }
            // Renaming asks the folder and not the file, so it would replace even what may not be written.
            if metadata.permissions().readonly() {
                return Err(unwritable(io::Error::new(io::ErrorKind::PermissionDenied, "it is read-only")));
            }
        }
        let Some(name) = path.file_name() else {
            return Err(unwritable(io::Error::new(io::ErrorKind::InvalidInput, "it names no file")));
        };
        if name.len() > LONGEST_NAME {
            return Err(unwritable(io::Error::new(
                io::ErrorKind::InvalidInput,
                "its name is longer than 255 bytes",
            )));
        }
        let prefix = prefix(name);
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).rand_bytes(RANDOM).suffix(SUFFIX);
        // Not private as temporary files are, but as the file it replaces or as any new one.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        // In the same folder, since a file is renamed within one file system alone.
        let file = unfinished().make(|| builder.tempfile_in(folder(&path))).map_err(unwritable)?;
        let file = Noted(Some(file));
        if let Some(metadata) = metadata {
            file.file().as_file().set_permissions(metadata.permissions()).map_err(unwritable)?;
        }
        Ok(Self { path, output: Output::Beside(file) })
    }

    /// Refuses a place that cannot be written to, or has no room for so many bytes, before the work whose
    /// result goes there. Nothing stays. (Later the room may be gone all the same: another program may have
    /// taken it.)
    ///
    /// # Errors
    /// [`WriteError::Unwritable`], [`WriteError::Interrupted`].
    pub fn check_room(path: impl AsRef<Path>, bytes: u64) -> Result<(), WriteError> {
        let mut file = Self::create(path)?;
        // A device would keep them.
        if matches!(file.output, Output::Beside(_)) {
            let written = io::copy(&mut io::repeat(0).take(bytes), &mut file);
            written.map_err(|source| file.interrupted(source))?;
        }
        Ok(())
    }

    /// Puts the file on the disk and in its place.
    ///
    /// # Errors
    /// [`WriteError::Interrupted`], [`WriteError::NotReplaced`].
    pub fn commit(self) -> Result<(), WriteError> {
        let path = || shown(&self.path);
        match self.output {
            Output::Direct(mut device) => {
                device.flush().map_err(|source| WriteError::Interrupted { path: path(), source })
            }
            Output::Beside(file) => {
                file.file()
                    .as_file()
                    .sync_all()
                    .map_err(|source| WriteError::Interrupted { path: path(), source })?;
                file.persist(&self.path)
                    .map_err(|source| WriteError::NotReplaced { path: path(), source })?;
                // The new name survives a power cut once the folder is on the disk too. Not every file system
                // can.
                #[cfg(unix)]
                if let Ok(folder) = File::open(folder(&self.path)) {
                    folder.sync_all().ok();
                }
                Ok(())
            }
        }
    }

    /// Writes `bytes` as the whole file.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn write(path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), WriteError> {
        let mut file = Self::create(&path)?;
        file.write_all(bytes).map_err(|source| file.interrupted(source))?;
        file.commit()
    }

    /// Removes what writers of `path` left beside it when they were killed. Not while another one is at work.
    pub fn remove_leftovers(path: impl AsRef<Path>) {
        let path = resolve(path.as_ref());
        let (Some(name), Ok(entries)) = (path.file_name(), fs::read_dir(folder(&path))) else { return };
        let prefix = prefix(name);
        for entry in entries.flatten() {
            let found = entry.file_name();
            let found = found.to_string_lossy();
            // Exactly the names that writers of this file give: those of `run.one` begin as those of `run`
            // do.
            let middle = found.strip_prefix(prefix.as_str()).and_then(|rest| rest.strip_suffix(SUFFIX));
            if middle.is_some_and(|m| m.len() == RANDOM && m.bytes().all(|b| b.is_ascii_alphanumeric())) {
                // What cannot be removed is in nobody's way.
                fs::remove_file(entry.path()).ok();
            }
        }
    }

    pub(crate) fn interrupted(&self, source: io::Error) -> WriteError {
        WriteError::Interrupted { path: shown(&self.path), source }
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.output {
            Output::Beside(file) => file.file_mut().write(bytes),
            Output::Direct(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.output {
            Output::Beside(file) => file.file_mut().flush(),
            Output::Direct(file) => file.flush(),
        }
    }
}

/// How the name of a file's temporary neighbor begins.
fn prefix(name: &std::ffi::OsStr) -> String {
    let name = name.to_string_lossy();
    let most = LONGEST_NAME - RANDOM - SUFFIX.len() - 2;
    if name.len() <= most {
        return format!(".{name}.");
    }
    // The start of a long name, and a sum of all of it (FNV-1a), so that neighbors of another name are not
    // taken for it.
    let sum = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    // A dash and 16 hexadecimal digits take 17 of the characters.
    let mut cut = most - 17;
    while !name.is_char_boundary(cut) {
        cut -= 1;
    }
    format!(".{}-{sum:016x}.", &name[..cut])
}

/// The folder a file lies in; a bare name lies in the current one.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(dir: &Path) -> usize {
        fs::read_dir(dir).expect("readable").count()
    }

    #[test]
    fn what_was_there_stays_until_the_commit() {
        let dir = tempfile::tempdir().expect("temporary");
        let path = dir.path().join("a");
        AtomicFile::write(&path, b"old").expect("writable");
        let mut file = AtomicFile::create(&path).expect("writable");
        file.write_all(b"new").expect("writable");
        drop(file);
        assert_eq!(fs::read(&path).expect("there"), b"old");
        assert_eq!(entries(dir.path()), 1);
        AtomicFile::write(&path, b"new").expect("writable");
        assert_eq!(fs::read(&path).expect("there"), b"new");
        assert_eq!(entries(dir.path()), 1);
    }

    #[test]
    fn what_is_not_finished_can_be_removed_at_a_sudden_end() {
        let dir = tempfile::tempdir().expect("temporary");
        let mut unfinished = Unfinished(Vec::new());
        let mut make = || unfinished.make(|| NamedTempFile::new_in(dir.path())).expect("writable");
        let (kept, _left) = (make(), make());
        let place = dir.path().join("a");
        let noted = kept.path().to_owned();
        kept.persist(&place).expect("writable");
        unfinished.forget(&noted);
        unfinished.remove();
        assert_eq!(entries(dir.path()), 1);
        assert!(place.exists() && unfinished.0.is_empty());
        // An output is noted as long as it is being written, and no longer.
        let path = dir.path().join("b");
        let is_noted = || super::unfinished().0.iter().any(|noted| noted.starts_with(dir.path()));
        let file = AtomicFile::create(&path).expect("writable");
        assert!(is_noted());
        file.commit().expect("writable");
        assert!(!is_noted());
        drop(AtomicFile::create(&path).expect("writable"));
        assert!(!is_noted());
    }

    #[test]
    fn leftovers_of_a_killed_writer_can_be_removed() {
        let dir = tempfile::tempdir().expect("temporary");
        let path = dir.path().join("a");
        for name in [".a.Xy12Zz.tmp", ".a.mine.tmp", ".a.b.Xy12Zz.tmp", ".ab.Xy12Zz.tmp", "a", "b.tmp"] {
            fs::write(dir.path().join(name), b"x").expect("writable");
        }
        AtomicFile::remove_leftovers(&path);
        assert_eq!(entries(dir.path()), 5);
        assert!(!dir.path().join(".a.Xy12Zz.tmp").exists());
    }

    #[test]
    fn unwritable_places_are_seen_at_once() {
        let dir = tempfile::tempdir().expect("temporary");
        for path in [dir.path().to_owned(), dir.path().join("no/such/folder/a"), PathBuf::from("/")] {
            let error = AtomicFile::create(&path).expect_err("unwritable");
            assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
        }
    }

    #[test]
    fn room_is_looked_for_without_a_trace() {
        let dir = tempfile::tempdir().expect("temporary");
        let path = dir.path().join("a");
        AtomicFile::check_room(&path, 1 << 16).expect("room");
        assert_eq!(entries(dir.path()), 0);
        AtomicFile::write(&path, b"old").expect("writable");
        AtomicFile::check_room(&path, 1 << 16).expect("room");
        assert_eq!(fs::read(&path).expect("there"), b"old");
        assert!(AtomicFile::check_room(dir.path().join("no/such/a"), 1).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn links_permissions_and_devices_are_kept() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().expect("temporary");
        let (target, link) = (dir.path().join("target"), dir.path().join("link"));
        fs::write(&target, b"old").expect("writable");
        fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).expect("own file");
        symlink(&target, &link).expect("supported");
        AtomicFile::write(&link, b"new").expect("writable");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::read(&target).expect("there"), b"new");
        assert_eq!(fs::metadata(&target).expect("there").permissions().mode() & 0o777, 0o640);
        AtomicFile::write("/dev/null", b"gone").expect("a device");
        assert!(!fs::metadata("/dev/null").expect("there").is_file());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error() {
        let error = AtomicFile::write("/dev/full", b"x").expect_err("full");
        assert!(matches!(error, WriteError::Interrupted { .. }), "{error}");
    }
}
