//! The program `cfe-compare`.

// A command-line program: talking to the terminal is its purpose. Results go to stdout, everything else to stderr.
#![allow(clippy::print_stderr)]

use std::error::Error as _;
use std::io::Write as _;
use std::process::ExitCode;

use cfe_compare::cli::{Cli, Command, FILES, Published, render_files};
use cfe_compare::error::{CHECK_FAILED, Error};
use cfe_compare::published::{self, Report};
use cfe_compare::report::files::OutputFiles;
use cfe_compare::report::terminal::DEFAULT_WIDTH;
use clap::Parser as _;

fn main() -> ExitCode {
    let Command::Published(options) = Cli::parse().command;
    match run(&options) {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(options: &Published) -> Result<ExitCode, Error> {
    let files = options.out.as_deref().map(|folder| OutputFiles::open(folder, &FILES)).transpose()?;
    let results = published::run()?;
    print(&options.format.render(&results, width())?);
    if let Some(files) = files {
        let contents = render_files(&results)?;
        let of = |name: &str| FILES.iter().zip(&contents).find(|(file, _)| **file == name);
        let paths =
            files.write(|name| of(name).map(|(_, text)| text.clone().into_bytes()).unwrap_or_default())?;
        let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        eprintln!("Wrote {}.", paths.join(", "));
    }
    Ok(if options.check { check(&results.report) } else { ExitCode::SUCCESS })
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

/// A reader that has seen enough (`| head`) is no failure.
fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
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
