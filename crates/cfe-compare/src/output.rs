//! Where results go: one path for every command.
//!
//! Places are checked before the work begins, so that a folder that cannot be written to does not cost a run.
//! Each file is written whole or not at all.

use std::path::{Path, PathBuf};

use cf_ensemble::io::{AtomicFile, check_outputs};
use clap::Args;

use crate::error::Error;
use crate::report::{self, FILES, Format, Origin, Results};

/// Room that each file of a report is sure to need, in bytes.
const ROOM: u64 = 1 << 12;

/// What every command is told about its output.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
pub struct Output {
    /// Also write report.html, report.md, results.json and results.csv into this folder.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

impl Output {
    /// Makes the folder of `--out` and checks that every file can be written there without replacing one of
    /// `inputs`.
    ///
    /// # Errors
    /// [`Error::Unwritable`], [`Error::Write`].
    pub fn check(&self, inputs: &[PathBuf]) -> Result<(), Error> {
        self.check_with(inputs, &[])
    }

    /// As [`check`](Self::check), with further outputs: (the option, its path). No two may be one file.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_with(&self, inputs: &[PathBuf], further: &[(&str, &Path)]) -> Result<(), Error> {
        let mut of_folder = Vec::new();
        if let Some(folder) = &self.out {
            // A place is tried with a file in it, so that the folder has to be there first.
            std::fs::create_dir_all(folder)
                .map_err(|source| Error::Unwritable { path: folder.clone(), source })?;
            let named = |(name, _): &(&str, _)| (format!("{name} of --out"), folder.join(name));
            of_folder.extend(FILES.iter().map(named));
        }
        let of_folder = of_folder.iter().map(|(what, path)| (what.as_str(), path.as_path()));
        let outputs: Vec<(&str, &Path)> = of_folder.chain(further.iter().copied()).collect();
        let inputs: Vec<(&str, &Path)> = inputs.iter().map(|path| ("the input", path.as_path())).collect();
        check_outputs(&inputs, &outputs)?;
        outputs.iter().try_for_each(|(_, path)| Ok(AtomicFile::check_room(path, ROOM)?))
    }

    /// Writes the files of `--out`; returns their paths, or none without `--out`.
    ///
    /// # Errors
    /// [`Error::Format`], [`Error::Write`]; a file that was there before is then still there.
    pub fn write(&self, results: &dyn Results, origin: &Origin) -> Result<Vec<PathBuf>, Error> {
        let Some(folder) = &self.out else { return Ok(Vec::new()) };
        let file = |(name, contents): (&str, String)| place(folder, name, &contents);
        report::files(results, origin)?.into_iter().map(file).collect()
    }
}

fn place(folder: &Path, name: &str, contents: &str) -> Result<PathBuf, Error> {
    let path = folder.join(name);
    AtomicFile::write(&path, contents.as_bytes())?;
    Ok(path)
}

/// What made the results of this call: the command as it was typed, and the day. For commands that measure
/// time, whose bytes differ from run to run anyway.
pub fn origin_of_this_call(seed: Option<u64>) -> Origin {
    let of_this_call = Origin::of_this_call("cfe-compare", env!("CARGO_PKG_VERSION"), &[], seed);
    Origin { numbers: origin().numbers, ..of_this_call }
}

/// What made results that have to be the same bytes whenever and wherever they are made.
pub fn origin() -> Origin {
    Origin {
        program: concat!("cfe-compare ", env!("CARGO_PKG_VERSION")).to_owned(),
        numbers: Some("results.json".to_owned()),
        ..Origin::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_cannot_be_written_to_is_found_before_the_work() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let output = Output { out: Some(file.path().join("report")), format: Format::Table };
        let error = output.check(&[]).expect_err("a file is not a folder");
        assert!(error.to_string().contains(&*file.path().to_string_lossy()), "{error}");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("report.md")).expect("a folder in the way");
        let output = Output { out: Some(folder.path().to_owned()), format: Format::Table };
        assert!(output.check(&[]).expect_err("a folder in the way").to_string().contains("report.md"));
    }
}
