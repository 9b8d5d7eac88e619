//! Rules of the repository that no compiler holds: each is a function from the files to what breaks it.
//!
//! `cargo xtask fences` and the tests of this crate run all of them.

mod crates;
mod file;
mod imports;
mod text;

pub(crate) use text::WIDTH;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use file::{Finding, TextFile};

type Fence = fn(&[TextFile]) -> Vec<Finding>;

/// Every fence with its name.
const FENCES: [(&str, Fence); 7] = [
    ("no conflict markers", text::conflict_markers),
    ("lines of Markdown and comments fit into 110 columns", text::width),
    ("plain American English", text::words),
    ("crates depend in one direction", crates::directions),
    ("files of a crate import each other in one direction", imports::circles),
    ("only programs read a command line", crates::command_lines),
    ("only programs print", crates::printing),
];

/// Fails with every finding on standard error.
pub(crate) fn check(root: &Path) -> Result<(), Error> {
    let files = text_files(root)?;
    let mut count = 0;
    for (name, fence) in FENCES {
        for Finding { path, line, what } in fence(&files) {
            eprintln!("{path}:{line}: {what} (fence: {name})");
            count += 1;
        }
    }
    if count == 0 { Ok(()) } else { Err(Error::Fences(count)) }
}

/// Every text file that git tracks or would track; without git, every one outside of ignored folders.
fn text_files(root: &Path) -> Result<Vec<TextFile>, Error> {
    // Git knows what is ignored. A copy of the sources without git is walked instead.
    let paths = match tracked(root) {
        Some(paths) => paths,
        None => walked(root)?,
    };
    let read = |path: String| {
        // Data are not text, links lead elsewhere, and a deleted file may still be tracked.
        let place = root.join(&path);
        let is_file = fs::symlink_metadata(&place).is_ok_and(|data| data.is_file());
        let text = if is_file { String::from_utf8(fs::read(&place).ok()?).ok()? } else { return None };
        Some(TextFile { path, text })
    };
    Ok(paths.into_iter().filter_map(read).collect())
}

fn tracked(root: &Path) -> Option<Vec<String>> {
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(list).current_dir(root).output().ok()?;
    let paths = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    // A copy of the sources inside another repository has nothing tracked.
    let paths: Vec<String> = paths.split_terminator('\0').map(str::to_owned).collect();
    if paths.iter().any(|path| path == "Cargo.toml") { Some(paths) } else { None }
}

/// Folders that hold no sources.
const IGNORED: [&str; 7] = ["target", ".git", ".libtorch", ".venv", "report", "artifacts", "ablation"];

fn walked(root: &Path) -> Result<Vec<String>, Error> {
    let (mut folders, mut paths) = (vec![PathBuf::new()], Vec::new());
    while let Some(folder) = folders.pop() {
        let place = root.join(&folder);
        for entry in fs::read_dir(&place).map_err(Error::io(&place))? {
            let entry = entry.map_err(Error::io(&place))?;
            let (name, path) = (entry.file_name(), folder.join(entry.file_name()));
            let kind = entry.file_type().map_err(Error::io(&place))?;
            // A link is neither of the two, so that the walk stays inside and ends.
            if kind.is_dir() && !IGNORED.iter().any(|ignored| name == *ignored) {
                folders.push(path);
            } else if kind.is_file() {
                paths.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    // Findings come in the same order on every machine.
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file as a fence sees it.
    pub(super) fn file(path: &str, text: &str) -> TextFile {
        TextFile { path: path.to_owned(), text: text.to_owned() }
    }

    /// The lines that a fence finds fault with.
    pub(super) fn lines(findings: &[Finding]) -> Vec<usize> {
        findings.iter().map(|finding| finding.line).collect()
    }

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository").to_owned()
    }

    #[test]
    fn the_repository_keeps_its_rules() {
        check(&root()).unwrap();
    }

    #[test]
    fn files_are_found_with_git_and_without() {
        for paths in [tracked(&root()).unwrap_or_else(|| walked(&root()).unwrap()), walked(&root()).unwrap()]
        {
            for needed in ["README.md", "xtask/src/fences/mod.rs", ".ci/run", ".github/workflows/ci.yml"] {
                assert!(paths.iter().any(|path| path == needed), "{needed}");
            }
            assert!(!paths.iter().any(|path| path.starts_with("target/") || path.starts_with(".libtorch/")));
        }
    }
}
