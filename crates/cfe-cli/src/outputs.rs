//! Outputs: looked at before the work, written whole after it.

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use cfe_io::{
    AtomicFile, Column, Sink, Table, TableOptions, WriteError, check_outputs, check_table_output,
    input_files, write_predictions,
};

use cfe_combine::saved::Combined;

use crate::error::{CliError, CliResult};
use crate::terminal::say;
use crate::words::color;
use cfe_report::printable_lines;

/// Room that every output is sure to need.
const ROOM: u64 = 1 << 16;

/// The option for a table of predictions, whose format its name tells.
pub(crate) const PREDICTIONS_OUT: &str = "--predictions-out";

/// The option for a page of HTML.
pub(crate) const REPORT_OUT: &str = "--report-out";

/// The option for a file that keeps the progress.
pub(crate) const CHECKPOINT: &str = "--checkpoint";

/// Width of a page where the output is not a terminal.
const DEFAULT_WIDTH: usize = 100;

/// Whether a path means standard output: `-`, and the names that Unix has for it.
pub(crate) fn is_stdout(path: &Path) -> bool {
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].iter().any(|name| path == Path::new(name))
}

/// The files that a command reads, for [`check`].
pub(crate) fn inputs<'a>(
    table: &Path,
    options: &TableOptions,
    others: impl IntoIterator<Item = &'a Path>,
) -> Vec<PathBuf> {
    let mut files = input_files(table, options);
    files.extend(others.into_iter().map(Path::to_owned));
    files
}

/// Refuses outputs that cannot be written, that would replace an input, or each other, before any work is
/// done.
pub(crate) fn check(inputs: &[PathBuf], outputs: &[(&str, Option<&Path>)]) -> CliResult<()> {
    let given = outputs.iter().filter_map(|(option, path)| path.map(|path| (*option, path)));
    let (printed, named): (Vec<_>, Vec<_>) = given.partition(|(_, path)| is_stdout(path));
    if let [(first, _), (second, _), ..] = printed[..] {
        return Err(CliError::usage(format!(
            "{first} and {second} both need standard output; give one of them a file"
        )));
    }
    let inputs: Vec<(&str, &Path)> = inputs.iter().map(|path| ("the input", path.as_path())).collect();
    check_outputs(&inputs, &named)?;
    for (option, path) in named {
        // The name of a table tells its format, which this build may not write.
        if option == PREDICTIONS_OUT {
            check_table_output(path)?;
        }
        // A report is HTML whatever it is called, and a viewer of another format would not open it.
        let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        if option == REPORT_OUT && extension.is_some_and(|e| !["html", "htm", "xhtml"].contains(&&e[..])) {
            return Err(CliError::usage(format!(
                "{option} {}: a report is HTML; name it .html, and print it from a browser for a PDF",
                path.display()
            )));
        }
        // A checkpoint grows, and what has no room later is said then.
        if option != CHECKPOINT {
            AtomicFile::check_room(path, ROOM)?;
        }
    }
    Ok(())
}

/// Saves a result in its place or, where that fails, among the temporary files: a full disk must not cost the
/// work.
pub(crate) fn save(path: &Path, save: impl Fn(&Path) -> CliResult<()>) -> CliResult<()> {
    let Err(error) = closed_is_done(save(path)) else { return Ok(()) };
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
    closed_is_done(
        written
            .map_err(|source| WriteError::Interrupted { path: "standard output".to_owned(), source }.into()),
    )
}

/// Prints tables and text for people: names in it cannot steer the terminal.
pub(crate) fn print_page(text: &str) -> CliResult<()> {
    print(&color::page(&printable_lines(text)))
}

/// A reader that has seen enough (`| head`) is not a failure, whatever the name of its pipe.
fn closed_is_done(written: CliResult<()>) -> CliResult<()> {
    match written {
        Err(CliError::Output(WriteError::Interrupted { source, .. }))
            if source.kind() == ErrorKind::BrokenPipe =>
        {
            Ok(())
        }
        other => other,
    }
}

/// Columns of the terminal; of a page elsewhere as many as `COLUMNS` says.
pub(crate) fn width() -> usize {
    let said = || std::env::var("COLUMNS").ok()?.parse().ok().filter(|&columns: &usize| columns > 0);
    let terminal = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    terminal.or_else(said).unwrap_or(DEFAULT_WIDTH)
}

/// Whether a person reads standard output.
pub(crate) fn person_reads() -> bool {
    std::io::stdout().is_terminal()
}

/// Predictions of the rows of a table, to be written.
pub(crate) struct Predictions<'a> {
    pub(crate) table: &'a Table,
    pub(crate) combined: &'a Combined,
    /// Probabilities from here on are called positive.
    pub(crate) threshold: Option<f64>,
    /// Of train rows, from fits without them; NaN elsewhere.
    pub(crate) out_of_fold: Option<&'a [f64]>,
    pub(crate) split: Option<&'a [String]>,
}

/// Writes `instance_id,probability,logit,n_observed`, then `decision`, `out_of_fold_probability`, `split` and
/// `label` where there are such. Without ids, the rows are numbered from 0. See [`save`].
pub(crate) fn predictions(path: &Path, predictions: &Predictions<'_>) -> CliResult<()> {
    let Predictions { table, combined, threshold, out_of_fold, split } = *predictions;
    // Rows without ids are numbered; the list stands here to outlive the columns that borrow it.
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
    let called = |threshold: f64| combined.probabilities.iter().map(move |&p| Some(p >= threshold)).collect();
    let decisions: Option<Vec<Option<bool>>> = threshold.map(called);
    if let Some(decisions) = &decisions {
        columns.push(("decision", Column::Label(decisions)));
    }
    if let Some(out_of_fold) = out_of_fold {
        columns.push(("out_of_fold_probability", Column::Float(out_of_fold)));
    }
    if let Some(split) = split {
        columns.push(("split", Column::Text(split)));
    }
    if table.truth.iter().any(Option::is_some) {
        columns.push(("label", Column::Label(&table.truth)));
    }
    save(path, |path| {
        let sink = if is_stdout(path) { Sink::Stdout } else { Sink::new(path) };
        Ok(write_predictions(&sink, &columns)?)
    })
}
