//! From a pin to a file that is proven to be the pinned one.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use sha2::{Digest, Sha256};

use super::pins::Pin;
use crate::error::Error;

/// The archive of `pin` in the folder `archives`, downloaded unless an earlier run left it there.
///
/// Only a checked file ever gets its name in that folder; it is checked again when it is found there.
pub(super) fn obtain(
    pin: &Pin,
    archives: &Path,
    download: &mut dyn FnMut(&Pin) -> Result<PathBuf, Error>,
) -> Result<PathBuf, Error> {
    let kept = archives.join(pin.file);
    // A file of an earlier run may be damaged, so it is checked like a new one.
    if kept.exists() {
        if sha256(&kept)? == pin.sha256 {
            eprintln!("  {} {}: kept from an earlier run, checksum right", pin.name, pin.version);
            return Ok(kept);
        }
        eprintln!("  {} {}: kept from an earlier run, but damaged; fetching it again", pin.name, pin.version);
        fs::remove_file(&kept).map_err(Error::io(&kept))?;
    }
    let started = Instant::now();
    let fresh = download(pin)?;
    let found = sha256(&fresh)?;
    // A wrong file is deleted, so that nothing takes it for the pinned one.
    if found != pin.sha256 {
        fs::remove_file(&fresh).map_err(Error::io(&fresh))?;
        let file = fresh.file_name().map_or_else(|| pin.file.to_owned(), |name| name.display().to_string());
        return Err(Error::Checksum { file, expected: pin.sha256.to_owned(), found });
    }
    fs::create_dir_all(archives).map_err(Error::io(archives))?;
    // Only now does the file get its name: what has one here was right when it came.
    fs::rename(&fresh, &kept).map_err(Error::io(&kept))?;
    let seconds = started.elapsed().as_secs_f64();
    eprintln!("  {} {}: {} MB, checksum right ({seconds:.0} s)", pin.name, pin.version, pin.megabytes());
    Ok(kept)
}

fn sha256(path: &Path) -> Result<String, Error> {
    let mut file = File::open(path).map_err(Error::io(path))?;
    let mut hasher = Sha256::new();
    // Archives have up to several hundred megabytes and are not read whole.
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).map_err(Error::io(path))?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
    }
    Ok(format!("{:x}", hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Folder;
    use super::*;

    const ABC: Pin = Pin {
        name: "abc",
        version: "1",
        platform: "any",
        file: "abc-1-any.whl",
        bytes: 3,
        sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    };

    fn obtain_from(folder: &Folder, served: &str) -> (Result<PathBuf, Error>, u32) {
        let mut downloads = 0;
        let result = obtain(&ABC, &folder.path().join("archives"), &mut |_| {
            downloads += 1;
            let path = folder.path().join("served.whl");
            fs::write(&path, served).unwrap();
            Ok(path)
        });
        (result, downloads)
    }

    #[test]
    fn the_right_file_is_kept_and_not_fetched_twice() {
        let folder = Folder::new("fetch-kept");
        let (first, downloads) = obtain_from(&folder, "abc");
        assert_eq!((fs::read_to_string(first.unwrap()).unwrap().as_str(), downloads), ("abc", 1));
        let (second, downloads) = obtain_from(&folder, "never asked for");
        assert_eq!((second.is_ok(), downloads), (true, 0));
    }

    #[test]
    fn a_wrong_file_is_refused_and_deleted() {
        let folder = Folder::new("fetch-wrong");
        let (result, _) = obtain_from(&folder, "abd");
        let error = result.unwrap_err();
        assert!(matches!(&error, Error::Checksum { found, .. } if found.starts_with("a52d159f")), "{error}");
        assert!(!folder.path().join("served.whl").exists());
        assert!(!folder.path().join("archives").join(ABC.file).exists());
    }

    #[test]
    fn a_kept_file_that_was_damaged_is_fetched_again() {
        let folder = Folder::new("fetch-damaged");
        obtain_from(&folder, "abc").0.unwrap();
        let kept = folder.path().join("archives").join(ABC.file);
        fs::write(&kept, "ab").unwrap();
        let (result, downloads) = obtain_from(&folder, "abc");
        assert_eq!((result.unwrap(), downloads), (kept, 1));
    }
}
