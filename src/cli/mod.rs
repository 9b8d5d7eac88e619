//! The program `cfe`, and what it does as functions.
//!
//! [`fit()`] takes a table ([`read_table`](crate::io::read_table)) and [`FitOptions`] to a [`FitOutcome`]: the model as
//! [`SavedModel`], predictions, cross-validated scores, threshold. The program adds files and words.

mod args;
mod checkpoint;
mod diagnostics;
mod doctor;
mod error;
mod evaluate;
mod example;
mod fit;
mod fit_command;
mod inspect;
mod interrupt;
mod memory;
mod metrics;
mod options;
mod outputs;
mod predict;
mod progress;
mod redundancy;
mod report;
mod rivals;
mod saved;
mod settings;
mod summary;
mod tensors;
mod text;
mod threshold;
mod train;
mod trust;
mod tune;
mod tune_words;

use std::process::ExitCode;
use std::time::Instant;

use cfe_io::{Table, TableWarning};
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};

pub use checkpoint::CheckpointError;
pub use diagnostics::{Finding, diagnose};
pub use error::{CliError, CliResult};
pub use fit::{FitOutcome, fit};
pub use metrics::{MethodMetrics, Part, Reliability};
pub use options::{Calibrate, FitOptions, Format, Preset, TableColumns, TrainerName, TrainingColumns};
pub use redundancy::Redundancy;
pub use saved::{Combined, Combiner, RECOMMENDED_KIND, SavedModel};
pub use settings::Assignments;
pub use threshold::{Cut, ThresholdRule};
pub use trust::{Trust, TrustReport};

use args::{Cli, Command, Talk};

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    // What a decoder panics about becomes an error of its own; a message before it would only frighten.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !cfe_io::is_decoding() {
            hook(info);
        }
    }));
    let matches = Cli::command().get_matches();
    let Cli { command, talk } = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    interrupt::install();
    match run(command, &matches, talk) {
        Ok(()) if interrupt::asked() => ExitCode::from(interrupt::EXIT_CODE),
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {}", error.chain()));
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(command: Command, matches: &ArgMatches, talk: Talk) -> CliResult<()> {
    let of_command = matches.subcommand().map_or(matches, |(_, of_command)| of_command);
    match command {
        Command::Fit(args) => fit_command::run(*args, of_command, talk),
        Command::Predict(args) => predict::run(&args, talk),
        Command::Evaluate(args) => evaluate::run(&args, talk),
        Command::Tune(args) => tune::run(&args, talk),
        Command::Inspect(args) => inspect::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Example(args) => example::run(&args, talk),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "cfe", &mut script);
            outputs::print(&String::from_utf8_lossy(&script))
        }
    }
}

/// A line on standard error, which is all the program has for talking beside its results.
#[allow(clippy::print_stderr, reason = "the one place that prints")]
fn say(line: &str) {
    eprintln!("{line}");
}

impl Talk {
    fn warn(self, message: &str) {
        if !self.quiet {
            say(&format!("warning: {message}"));
        }
    }

    fn note(self, message: &str) {
        if !self.quiet {
            say(message);
        }
    }

    /// Tells how long something took, to those who asked for it.
    fn took(self, what: &str, since: Instant) {
        if self.verbose {
            say(&format!("{what}: {:.2} s", since.elapsed().as_secs_f64()));
        }
    }

    fn warnings(self, table: &Table) {
        table.warnings.iter().map(TableWarning::to_string).for_each(|w| self.warn(&w));
    }
}

/// Runs `work` on `threads` threads, or as many as there are cores.
fn on_threads<T: Send>(threads: Option<usize>, work: impl FnOnce() -> CliResult<T> + Send) -> CliResult<T> {
    let Some(threads) = threads else { return work() };
    if threads == 0 {
        return Err(CliError::usage("--threads 0: at least 1 is needed; leave it out for all cores"));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|e| CliError::usage(format!("--threads {threads}: {e}; take fewer")))?;
    pool.install(work)
}
