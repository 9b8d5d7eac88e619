//! Outputs: looked at before the work, written whole after it.

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use cfe_io::{AtomicFile, Column, Sink, Table, WriteError, write_predictions};

use cfe_combine::saved::Combined;

use crate::error::{CliError, CliResult};
use crate::terminal::say;

/// Room that every output is sure to need.
const ROOM: u64 = 1 << 16;

/// Width of a page where the output is no terminal.
const DEFAULT_WIDTH: usize = 100;

fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

/// Refuses outputs that cannot be written, that would overwrite the input, or each other, before any work is done.
pub(crate) fn check(input: &[&Path], outputs: &[(&str, Option<&Path>)]) -> CliResult<()> {
    let mut seen: Vec<(&str, PathBuf)> = Vec::new();
    for (option, path) in outputs.iter().filter_map(|(option, path)| path.map(|path| (*option, path))) {
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        // Devices such as /dev/null take any number of outputs.
        let shared = real.exists() && !real.is_file();
        if let Some((other, _)) = seen.iter().find(|(_, p)| *p == real && !shared) {
            return Err(CliError::usage(format!(
                "{option} and {other} are both {}; give each output a place of its own",
                path.display()
            )));
        }
        if !is_stdout(path) {
            if input.iter().any(|input| input.canonicalize().is_ok_and(|input| input == real)) {
                return Err(CliError::usage(format!(
                    "{option} {}: this is the input, which is not overwritten; choose another name",
                    path.display()
                )));
            }
            AtomicFile::check_room(path, ROOM)?;
        }
        seen.push((option, real));
    }
    Ok(())
}

/// Saves a result in its place or, where that fails, among the temporary files: a full disk must not cost the work.
pub(crate) fn save(path: &Path, save: impl Fn(&Path) -> CliResult<()>) -> CliResult<()> {
    let Err(error) = save(path) else { return Ok(()) };
    let Some(name) = path.file_name().filter(|_| !is_stdout(path)) else { return Err(error) };
    let kept = std::env::temp_dir().join(format!("cfe-{}-{}", std::process::id(), name.to_string_lossy()));
    match save(&kept) {
        Ok(()) => Err(CliError::Elsewhere { source: Box::new(error), kept: kept.display().to_string() }),
        Err(_) => Err(error),
    }
}

/// The first failure, after the others were told: one output that fails does not take the rest with it.
pub(crate) fn all(saved: Vec<CliResult<()>>) -> CliResult<()> {
    let mut failures = saved.into_iter().filter_map(Result::err);
    let first = failures.next();
    failures.for_each(|error| say(&format!("error: {}", error.chain())));
    first.map_or(Ok(()), Err)
}

/// Writes text to a file or, for `-`, to standard output; see [`save`].
pub(crate) fn write_text(path: &Path, text: &str) -> CliResult<()> {
    save(
        path,
        |path| if is_stdout(path) { print(text) } else { Ok(AtomicFile::write(path, text.as_bytes())?) },
    )
}

/// Prints to standard output.
pub(crate) fn print(text: &str) -> CliResult<()> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    to_stdout(
        written.map_err(|source| WriteError::Interrupted { path: "standard output".to_owned(), source }),
    )
}

/// A reader that has seen enough (`| head`) is no failure.
fn to_stdout(written: Result<(), WriteError>) -> CliResult<()> {
    match written {
        Err(WriteError::Interrupted { source, .. }) if source.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Columns of the terminal.
pub(crate) fn width() -> usize {
    terminal_size::terminal_size().map_or(DEFAULT_WIDTH, |(width, _)| usize::from(width.0))
}

/// Whether a person reads standard output.
pub(crate) fn person_reads() -> bool {
    std::io::stdout().is_terminal()
}

/// Writes `instance_id,probability,logit,n_observed`, then `split` and `label` where the table has them. Without ids,
/// the rows are numbered from 0. See [`save`].
pub(crate) fn predictions(
    path: &Path,
    table: &Table,
    combined: &Combined,
    split: Option<&[String]>,
) -> CliResult<()> {
    let numbers: Vec<String>;
    let ids = match table.data.instance_ids() {
        Some(ids) => ids,
        None => {
            numbers = (0..table.data.n_instances()).map(|i| i.to_string()).collect();
            &numbers
        }
    };
    let mut columns = vec![
        ("instance_id", Column::Text(ids)),
        ("probability", Column::Float(&combined.probabilities)),
        ("logit", Column::Float(&combined.logits)),
        ("n_observed", Column::Count(&combined.n_observed)),
    ];
    if let Some(split) = split {
        columns.push(("split", Column::Text(split)));
    }
    if table.truth.iter().any(Option::is_some) {
        columns.push(("label", Column::Label(&table.truth)));
    }
    save(path, |path| to_stdout(write_predictions(&Sink::new(path), &columns)))
}
