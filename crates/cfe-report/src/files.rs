//! Output files: opened before the work, whole or not there at all.

use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be written: {source}; name a folder that you may write to")]
pub struct FileError {
    path: String,
    source: std::io::Error,
}

/// Files to be, as temporary ones beside their final place.
#[derive(Debug)]
pub struct OutputFiles {
    folder: PathBuf,
    open: Vec<(&'static str, NamedTempFile)>,
}

impl OutputFiles {
    /// Makes the folder and opens a temporary file in it for each name, so that a folder that cannot be written to is
    /// noticed before the work and not after it.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn open(folder: &Path, names: &[&'static str]) -> Result<Self, FileError> {
        std::fs::create_dir_all(folder).map_err(failed(folder))?;
        let open = names
            .iter()
            .map(|&name| Ok((name, temporary(folder).map_err(failed(&folder.join(name)))?)))
            .collect::<Result<_, FileError>>()?;
        Ok(Self { folder: folder.to_path_buf(), open })
    }

    /// Writes all contents, then puts the files in place one after the other; gives their paths.
    ///
    /// # Errors
    /// The system's, with the path; a file that was there before is then still there.
    pub fn write(self, contents: impl Fn(&str) -> Vec<u8>) -> Result<Vec<PathBuf>, FileError> {
        let Self { folder, mut open } = self;
        for (name, file) in &mut open {
            let written = file.write_all(&contents(name)).and_then(|()| file.as_file().sync_all());
            written.map_err(failed(&folder.join(*name)))?;
        }
        let place = |(name, file): (&str, NamedTempFile)| {
            let path = folder.join(name);
            file.persist(&path).map_err(|error| failed(&path)(error.error))?;
            Ok(path)
        };
        open.into_iter().map(place).collect()
    }
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> FileError {
    let path = path.display().to_string();
    move |source| FileError { path, source }
}

fn temporary(folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".cfe-compare-");
    // Temporary files are private by default; these become a report that others may read, as the umask allows.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_appear_whole_and_nothing_else_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("new");
        let files = OutputFiles::open(&out, &["a.txt", "b.txt"]).expect("writable");
        assert!(!out.join("a.txt").exists());
        let paths = files.write(|name| name.as_bytes().to_vec()).expect("writable");
        assert_eq!(paths, [out.join("a.txt"), out.join("b.txt")]);
        assert_eq!(std::fs::read_to_string(out.join("b.txt")).expect("written"), "b.txt");
        assert_eq!(std::fs::read_dir(&out).expect("there").count(), 2);
        drop(OutputFiles::open(&out, &["c.txt"]).expect("writable"));
        assert_eq!(std::fs::read_dir(&out).expect("there").count(), 2, "given up without a trace");
    }

    #[test]
    fn a_folder_that_is_a_file_is_an_error_that_names_it() {
        let file = NamedTempFile::new().expect("a file");
        let error = OutputFiles::open(file.path(), &["a.txt"]).expect_err("no folder");
        assert!(error.to_string().contains(&file.path().display().to_string()), "{error}");
    }
}
