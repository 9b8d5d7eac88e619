//! The program `cfe-compare`: reads the options, runs the command, prints its results and writes its files.

#![forbid(unsafe_code)]
// A command-line program: talking to the terminal is its purpose. Results go to stdout, everything else to
// stderr.
#![allow(clippy::print_stderr, reason = "a program talks to the terminal")]

use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use cf_ensemble::io::{TableOptions, input_files};
use cfe_compare::ablate::{Ablation, run_ablation};
use cfe_compare::cli::{
    Ablate, Cli, Command, JsonOnly, OnTables, OverClasses, OverDataSets, Published, Speed, renamed,
};
use cfe_compare::convergence::{Convergence, run_convergence};
use cfe_compare::error::{CHECK_FAILED, Error};
use cfe_compare::on_tables::compare_on_tables;
use cfe_compare::output::{Output, origin_of_this_call};
use cfe_compare::over_classes::compare_over_classes;
use cfe_compare::over_data_sets::compare_over_data_sets;
use cfe_compare::published::{self, Report, SEED};
use cfe_compare::report::terminal::{self, DEFAULT_WIDTH};
use cfe_compare::report::{self, Origin, Results, printable, printable_lines, steers};
use cfe_compare::speed::{Suite, run_als, run_combiner, run_epochs, write_data};
use clap::Parser as _;

fn main() -> ExitCode {
    // The program has no options before the command, so that its first argument is the command.
    if let Some(former) = std::env::args_os().nth(1).and_then(|word| word.into_string().ok())
        && let Some(present) = renamed(&former)
    {
        eprintln!(
            "warning: `{former}` is now called `{present}`; the old name goes away with the next release"
        );
    }
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => return refused(&error),
    };
    let outcome = match command {
        Command::Published(options) => published(&options),
        Command::OverDataSets(options) => over_data_sets(&options),
        Command::OverClasses(options) => over_classes(&options),
        Command::OnTables(options) => on_tables(&options),
        Command::Ablate(options) => ablate(&options),
        Command::Convergence { options, output } => convergence(&options, &output),
        Command::Speed(Speed::Als { options, format: JsonOnly::Json }) => {
            run_als(&options).and_then(|report| print_line(&report))
        }
        Command::Speed(Speed::Combiner(options)) => {
            run_combiner(&options).and_then(|report| print_line(&report))
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

/// Help, or what is wrong with the command line. An argument that would steer the terminal is shown escaped.
fn refused(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().any(|word| steers(&word.to_string_lossy())) {
        eprint!("{}", printable_lines(&error.render().to_string()));
    } else {
        // Where nobody listens there is nothing to be done about it.
        error.print().ok();
    }
    ExitCode::from(u8::try_from(error.exit_code()).expect("clap exits with 0 or 2"))
}

fn published(options: &Published) -> Result<ExitCode, Error> {
    // Places are checked before the work, here and in each command below.
    options.output.check(&[])?;
    let results = published::run()?;
    give(&options.output, &results, &origin_of_this_call(Some(SEED.into())))?;
    Ok(if options.check { say_published_check(&results.report) } else { ExitCode::SUCCESS })
}

fn over_data_sets(options: &OverDataSets) -> Result<ExitCode, Error> {
    options.output.check(options.with.as_slice())?;
    let results = compare_over_data_sets(options, progress())?;
    give(&options.output, &results, &origin_of_this_call(None))
}

fn over_classes(options: &OverClasses) -> Result<ExitCode, Error> {
    options.output.check(&[])?;
    let results = compare_over_classes(options, progress())?;
    give(&options.output, &results, &origin_of_this_call(None))
}

fn on_tables(options: &OnTables) -> Result<ExitCode, Error> {
    options.output.check(&files_of(&options.tables))?;
    let results = compare_on_tables(options, progress())?;
    give(&options.output, &results, &origin_of_this_call(Some(options.seed)))
}

/// The files that reading some tables opens.
fn files_of(tables: &[PathBuf]) -> Vec<PathBuf> {
    tables.iter().flat_map(|path| input_files(path, &TableOptions::default())).collect()
}

fn convergence(options: &Convergence, output: &Output) -> Result<ExitCode, Error> {
    output.check(&files_of(&options.tables))?;
    let results = run_convergence(options)?;
    give(output, &results, &origin_of_this_call(Some(options.seed)))
}

fn ablate(options: &Ablate) -> Result<ExitCode, Error> {
    options.check_outputs()?;
    let ablation = run_ablation(options)?;
    for note in &ablation.notes {
        eprintln!("{}", printable(note));
    }
    let given = give(&options.output, &ablation, &ablation.origin());
    // The summaries are written even if the report was not.
    options.write_summaries(&ablation)?;
    given?;
    Ok(say_ablation_check(&ablation))
}

/// Says how the check of an ablation went, and gives its exit code.
fn say_ablation_check(ablation: &Ablation) -> ExitCode {
    if ablation.failed() > 0 {
        eprintln!("warning: {} cells failed; the report says which and why", ablation.failed());
    }
    let Some(checked) = &ablation.checked else { return ExitCode::SUCCESS };
    for comparison in checked.better() {
        eprintln!("check: better than the baseline: {}", printable(&comparison.to_string()));
    }
    for comparison in checked.worse() {
        eprintln!("check failed: {}", printable(&comparison.to_string()));
    }
    let (worse, compared) = (checked.worse().count(), checked.comparisons.len());
    eprintln!("check: {worse} of {compared} figures are worse than the baseline by more than their noise");
    if worse == 0 { ExitCode::SUCCESS } else { ExitCode::from(CHECK_FAILED) }
}

/// Prints results and writes the files of `--out`. The files are written even if nobody reads the output.
fn give(output: &Output, results: &dyn Results, origin: &Origin) -> Result<ExitCode, Error> {
    let printed = report::render(results, output.format, width(), origin).map_err(Error::from);
    let printed = printed.and_then(|text| print(&text));
    let paths = output.write(results, origin)?;
    if !paths.is_empty() {
        let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        eprintln!("Wrote {}.", printable(&paths.join(", ")));
    }
    printed.map(|()| ExitCode::SUCCESS)
}

/// Tells a person at a terminal where the work is.
fn progress() -> impl FnMut(&str) + Send {
    let shown = std::io::stderr().is_terminal();
    move |step| {
        if shown {
            eprintln!("{}", printable(step));
        }
    }
}

fn speed_suite(suite: &Suite) -> Result<ExitCode, Error> {
    suite.check_update()?;
    let document = suite.run(|step| eprintln!("{}", printable(step)))?;
    let printed = print(&terminal::write(&document, width()));
    suite.update(&document)?;
    printed.map(|()| ExitCode::SUCCESS)
}

/// One JSON object in one line.
fn print_line(report: &impl serde::Serialize) -> Result<ExitCode, Error> {
    let text = serde_json::to_string(report).expect("a flat struct of numbers and text has a JSON form");
    print(&(text + "\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Says how the check of the published comparison went, and gives its exit code.
fn say_published_check(report: &Report) -> ExitCode {
    let outcome = published::check(report);
    for failure in &outcome.failures {
        eprintln!("check failed: {}", printable(&failure.to_string()));
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

/// Prints to standard output. A reader that has seen enough (`| head`) is not a failure.
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
    let text = cf_ensemble::with_causes(error, "\n  caused by: ");
    eprintln!("error: {}", printable_lines(&text));
}
