//! `cfe example`.

use std::fs;

use cfe_core::io::{AtomicFile, WriteError};

use super::args::{Example, Talk};
use super::error::CliResult;

/// 731 rows, 16 classifiers, 42 positives.
const TABLE: &[u8] = include_bytes!("example/abalone.csv.gz");
const NAME: &str = "abalone.csv.gz";
const ORIGIN: &str = include_str!("example/README.md");

pub(super) fn run(args: &Example, talk: Talk) -> CliResult<()> {
    let folder = &args.folder;
    fs::create_dir_all(folder)
        .map_err(|source| WriteError::Unwritable { path: folder.display().to_string(), source })?;
    AtomicFile::write(folder.join(NAME), TABLE)?;
    AtomicFile::write(folder.join("README.md"), ORIGIN.as_bytes())?;
    let table = folder.join(NAME);
    talk.note(&format!("Wrote {}. Try:", table.display()));
    talk.note(&format!("  cfe fit {} --split-column split --format table", table.display()));
    Ok(())
}
