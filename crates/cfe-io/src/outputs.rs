//! What a program is asked to write, checked before the work.

use std::path::{Path, PathBuf};

use crate::atomic::{AtomicFile, WriteError, resolve};
use crate::npy_table::labels_beside;
use crate::options::TableOptions;
use crate::source::shown;
use crate::write::Sink;

/// The files that reading a table from `path` with these options opens: the table, and its labels if they lie
/// beside it.
pub fn input_files(path: &Path, options: &TableOptions) -> Vec<PathBuf> {
    let mut files = match crate::folder::parts(path) {
        Ok(Some(parts)) => parts,
        _ => vec![path.to_owned()],
    };
    let beside =
        || path.extension().filter(|e| e.eq_ignore_ascii_case("npy")).and_then(|_| labels_beside(path));
    files.extend(options.labels_file.clone().or_else(beside));
    files
}

/// Refuses outputs that would replace an input or each other, whatever their spelling, and places that cannot
/// be written to. `inputs` and `outputs` are (what it is, its path); `-` and devices are let through.
///
/// ```
/// use std::path::Path;
/// use cfe_io::check_outputs;
///
/// let dir = tempfile::tempdir()?;
/// let (a, b) = (dir.path().join("new"), dir.path().join("./new"));
/// let error = check_outputs(&[], &[("--model-out", &a), ("--metrics-out", &b)]).unwrap_err();
/// assert!(error.to_string().contains("--model-out and --metrics-out are one file"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`WriteError::OverInput`], [`WriteError::SameOutput`], [`WriteError::Unwritable`].
pub fn check_outputs(inputs: &[(&str, &Path)], outputs: &[(&str, &Path)]) -> Result<(), WriteError> {
    let is_file = |path: &Path| path != Path::new("-") && !is_device(path);
    let mut seen: Vec<(&str, Identity)> = Vec::new();
    for &(what, path) in outputs.iter().filter(|(_, path)| is_file(path)) {
        let identity = Identity::of(path);
        if let Some((input, _)) = inputs
            .iter()
            .filter(|(_, input)| is_file(input))
            .find(|(_, input)| Identity::of(input).same(&identity))
        {
            return Err(WriteError::OverInput {
                path: shown(path),
                output: what.to_owned(),
                input: (*input).to_owned(),
            });
        }
        if let Some((other, _)) = seen.iter().find(|(_, other)| other.same(&identity)) {
            return Err(WriteError::SameOutput {
                path: shown(path),
                first: (*other).to_owned(),
                second: what.to_owned(),
            });
        }
        seen.push((what, identity));
    }
    // Trying a place makes a temporary file there, so it comes after all names are known to differ.
    for &(_, path) in outputs.iter().filter(|(_, path)| is_file(path)) {
        drop(AtomicFile::create(path)?);
    }
    Ok(())
}

/// As [`check_outputs`] for a table: its format too, which its name tells.
///
/// # Errors
/// [`WriteError::UnknownFormat`].
pub fn check_table_output(path: &Path) -> Result<(), WriteError> {
    Sink::new(path).check()
}

fn is_device(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// A file whatever its spelling, and whatever its links.
struct Identity {
    path: PathBuf,
    #[cfg(unix)]
    inode: Option<(u64, u64)>,
}

impl Identity {
    fn of(path: &Path) -> Self {
        Self {
            path: resolve(path),
            #[cfg(unix)]
            inode: std::fs::metadata(path)
                .ok()
                .map(|m| (std::os::unix::fs::MetadataExt::dev(&m), std::os::unix::fs::MetadataExt::ino(&m))),
        }
    }

    fn same(&self, other: &Self) -> bool {
        #[cfg(unix)]
        if self.inode.is_some() && self.inode == other.inode {
            return true;
        }
        self.path == other.path
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn no_spelling_gets_around() {
        let dir = tempfile::tempdir().expect("temporary");
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("a")).expect("writable");
        fs::write(at("labels.npy"), "labels").expect("writable");
        let labels = at("labels.npy");
        for spelling in ["labels.npy", "./labels.npy", "a/../labels.npy"] {
            let error = check_outputs(&[("the labels", &labels)], &[("--predictions-out", &at(spelling))]);
            assert!(matches!(error, Err(WriteError::OverInput { .. })), "{spelling}");
        }
        for (one, two) in [("new", "./new"), ("new", "a/../new"), ("a/x", "a/./x")] {
            let error = check_outputs(&[], &[("--model-out", &at(one)), ("--metrics-out", &at(two))]);
            assert!(matches!(error, Err(WriteError::SameOutput { .. })), "{one} {two}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("later", at("link")).expect("a link");
            fs::hard_link(at("labels.npy"), at("hard")).expect("a link");
            let dangling =
                check_outputs(&[], &[("--model-out", &at("link")), ("--metrics-out", &at("later"))]);
            assert!(matches!(dangling, Err(WriteError::SameOutput { .. })));
            let hard = check_outputs(&[("the labels", &labels)], &[("--model-out", &at("hard"))]);
            assert!(matches!(hard, Err(WriteError::OverInput { .. })));
            AtomicFile::write(at("link"), b"new").expect("writable");
            assert_eq!(fs::read(at("later")).expect("the target of the link"), b"new");
            assert!(fs::symlink_metadata(at("link")).expect("there").is_symlink());
        }
        for bad in ["a", "a/", "new/", &"n".repeat(300)] {
            let error = check_outputs(&[], &[("--model-out", &at(bad))]);
            assert!(matches!(error, Err(WriteError::Unwritable { .. })), "{bad}");
        }
        check_outputs(&[("the table", &labels)], &[("--model-out", &at(&"n".repeat(255)))]).expect("allowed");
        check_outputs(&[], &[("--a", Path::new("-")), ("--b", Path::new("-"))]).expect("allowed");
        let one: Vec<_> = fs::read_dir(dir.path()).expect("there").collect();
        assert_eq!(one.len(), if cfg!(unix) { 5 } else { 2 }, "nothing stays: {one:?}");
    }
}
