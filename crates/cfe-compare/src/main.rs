//! The program `cfe-compare`.

#![forbid(unsafe_code)]
// A command-line program: talking to the terminal is its purpose. Results go to stdout, everything else to stderr.
#![allow(clippy::print_stderr, reason = "a program talks to the terminal")]

use std::error::Error as _;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cfe_compare::ablate::run_ablation;
use cfe_compare::cli::{
    Ablate, Cli, Command, FILES, Format, JsonOnly, OnTables, OverDataSets, Published, Speed, renamed,
    render_files,
};
use cfe_compare::convergence::{self, Convergence, run_convergence};
use cfe_compare::error::{CHECK_FAILED, Error};
use cfe_compare::on_tables::compare_on_tables;
use cfe_compare::over_data_sets::compare_over_data_sets;
use cfe_compare::published::{self, Report};
use cfe_compare::report::files::OutputFiles;
use cfe_compare::report::terminal::{self, DEFAULT_WIDTH};
use cfe_compare::speed::{Suite, run_als, run_epochs, write_data};
use clap::Parser as _;

fn main() -> ExitCode {
    // The program has no options before the command, so that its first argument is the command.
    if let Some(former) = std::env::args().nth(1)
        && let Some(present) = renamed(&former)
    {
        eprintln!(
            "warning: `{former}` is now called `{present}`; the old name goes away with the next release"
        );
    }
    let outcome = match Cli::parse().command {
        Command::Published(options) => published(&options),
        Command::OverDataSets(options) => over_data_sets(&options),
        Command::OnTables(options) => on_tables(&options),
        Command::Ablate(options) => ablate(&options),
        Command::Convergence { options, out, format } => convergence(&options, out.as_deref(), format),
        Command::Speed(Speed::Als { options, format: JsonOnly::Json }) => {
            run_als(&options).and_then(|report| print_line(&report))
        }
        Command::Speed(Speed::Torch(options)) => run_epochs(&options).and_then(|report| print_line(&report)),
        Command::Speed(Speed::Data(options)) => write_data(&options).map(|()| ExitCode::SUCCESS),
        Command::Speed(Speed::Suite(suite)) => speed_suite(&suite),
    };
    outcome.unwrap_or_else(|error| {
        complain(&error);
        ExitCode::from(error.exit_code())
    })
}

fn published(options: &Published) -> Result<ExitCode, Error> {
    let files = open(options.out.as_deref())?;
    let results = published::run()?;
    let printed = options.format.render(&results, width()).and_then(|text| print(&text));
    write(files, || render_files(&results))?;
    printed?;
    Ok(if options.check { check(&results.report) } else { ExitCode::SUCCESS })
}

fn over_data_sets(options: &OverDataSets) -> Result<ExitCode, Error> {
    let files = open(options.out.as_deref())?;
    let results = compare_over_data_sets(options, progress())?;
    let printed = results.render(options.format, width()).and_then(|text| print(&text));
    write(files, || results.files())?;
    printed.map(|()| ExitCode::SUCCESS)
}

/// Tells a person at a terminal where the work is.
fn progress() -> impl FnMut(&str) + Send {
    let shown = std::io::stderr().is_terminal();
    move |step| {
        if shown {
            eprintln!("{step}");
        }
    }
}

fn convergence(options: &Convergence, out: Option<&Path>, format: Format) -> Result<ExitCode, Error> {
    let files = open(out)?;
    let races = run_convergence(options)?;
    let printed = convergence::render(&races, format, width()).and_then(|text| print(&text));
    write(files, || convergence::files(&races))?;
    printed.map(|()| ExitCode::SUCCESS)
}

fn on_tables(options: &OnTables) -> Result<ExitCode, Error> {
    let files = open(options.out.as_deref())?;
    let results = compare_on_tables(options, progress())?;
    let printed = results.render(options.format, width()).and_then(|text| print(&text));
    write(files, || results.files())?;
    printed.map(|()| ExitCode::SUCCESS)
}

fn ablate(options: &Ablate) -> Result<ExitCode, Error> {
    let ablation = run_ablation(options)?;
    print(&ablation.render(options.format, width())?)?;
    for note in &ablation.notes {
        eprintln!("{note}");
    }
    if ablation.failed() > 0 {
        eprintln!("warning: {} cells failed; the report says which and why", ablation.failed());
    }
    let Some(checked) = &ablation.checked else { return Ok(ExitCode::SUCCESS) };
    for text in &checked.better {
        eprintln!("check: better than the baseline: {text}");
    }
    for text in &checked.worse {
        eprintln!("check failed: {text}");
    }
    let (worse, compared) = (checked.worse.len(), checked.compared);
    eprintln!("check: {worse} of {compared} figures are worse than the baseline by more than their noise");
    Ok(if worse == 0 { ExitCode::SUCCESS } else { ExitCode::from(CHECK_FAILED) })
}

fn speed_suite(suite: &Suite) -> Result<ExitCode, Error> {
    let document = suite.run(|step| eprintln!("{step}"))?;
    let printed = print(&terminal::write(&document, width()));
    suite.update(&document)?;
    printed.map(|()| ExitCode::SUCCESS)
}

/// One JSON object.
fn print_line(report: &impl serde::Serialize) -> Result<ExitCode, Error> {
    let text = serde_json::to_string(report);
    print(&(text.map_err(|error| Error::Format { format: "JSON", why: error.to_string() })? + "\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// The files of `--out`, opened before the work.
fn open(folder: Option<&Path>) -> Result<Option<OutputFiles>, Error> {
    Ok(folder.map(|folder| OutputFiles::open(folder, &FILES)).transpose()?)
}

fn write(
    files: Option<OutputFiles>,
    contents: impl FnOnce() -> Result<[String; 4], Error>,
) -> Result<(), Error> {
    let Some(files) = files else { return Ok(()) };
    let contents = contents()?;
    let of = |name: &str| FILES.iter().zip(&contents).find(|(file, _)| **file == name);
    let paths =
        files.write(|name| of(name).map(|(_, text)| text.clone().into_bytes()).unwrap_or_default())?;
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    eprintln!("Wrote {}.", paths.join(", "));
    Ok(())
}

fn check(report: &Report) -> ExitCode {
    let outcome = published::check(report);
    for failure in &outcome.failures {
        eprintln!("check failed: {failure}");
    }
    if let Some(how) = &report.missing_rows {
        eprintln!("check: not all rows were checked: {how}");
    }
    let (failed, compared) = (outcome.failures.len(), outcome.compared);
    if failed == 0 {
        eprintln!("check: all {compared} figures are within their tolerances");
        ExitCode::SUCCESS
    } else {
        eprintln!("check: {failed} of {compared} figures are outside their tolerances");
        ExitCode::from(CHECK_FAILED)
    }
}

/// Prints to standard output. A reader that has seen enough (`| head`) is no failure.
fn print(text: &str) -> Result<(), Error> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(source) if source.kind() != ErrorKind::BrokenPipe => {
            Err(Error::Unwritable { path: PathBuf::from("standard output"), source })
        }
        _ => Ok(()),
    }
}

fn width() -> usize {
    terminal_size::terminal_size().map_or(DEFAULT_WIDTH, |(width, _)| usize::from(width.0))
}

/// The error with its causes, each once: some messages already hold that of their source.
fn complain(error: &Error) {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let message = source.to_string();
        if !text.contains(&message) {
            text = format!("{text}\n  caused by: {message}");
        }
        cause = source.source();
    }
    eprintln!("error: {text}");
}
