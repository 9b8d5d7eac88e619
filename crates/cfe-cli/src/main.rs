//! The program `cfe`: combine the probabilities of classifiers. Arguments in, words out; the work is done by
//! `cfe-combine`.

#![forbid(unsafe_code)]

mod args;
mod commands;
mod config;
mod duration;
mod error;
mod fields;
mod outputs;
mod terminal;
mod threads;
mod words;

use std::process::ExitCode;

use cfe_report::{printable_lines, steers};
use clap::{CommandFactory as _, Parser as _};

use args::{Cli, Command};
use error::CliResult;
use terminal::{Terminal, interrupt, say};

fn main() -> ExitCode {
    // First of all, so that a signal always ends the program in order.
    interrupt::install();
    // What a decoder panics about becomes an error of its own; a message before it would only frighten.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !cfe_io::is_decoding() {
            hook(info);
        }
    }));
    let Cli { command, talk } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refused(&error),
    };
    match run(command, &Terminal::new(talk)) {
        Ok(()) if interrupt::asked() => ExitCode::from(interrupt::EXIT_CODE),
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {}", error.chain()));
            ExitCode::from(error.exit_code())
        }
    }
}

/// Help, or what is wrong with the command line.
fn refused(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().any(|word| steers(&word.to_string_lossy())) {
        // An argument that would steer the terminal is shown escaped, and without colors.
        say(printable_lines(&error.render().to_string()).trim_end());
    } else {
        // Where nobody listens there is nothing to be done about it.
        error.print().ok();
    }
    let is_columns = |argument: std::ffi::OsString| argument == "--columns" || argument == "--exclude";
    if error.kind() == clap::error::ErrorKind::UnknownArgument && std::env::args_os().any(is_columns) {
        say("\n  tip: several columns are joined by commas: --columns 'a,b,p_*'");
    }
    ExitCode::from(u8::try_from(error.exit_code()).expect("clap exits with 0 or 2"))
}

fn run(command: Command, terminal: &Terminal) -> CliResult<()> {
    match command {
        Command::Fit(args) => commands::fit::run(&args, terminal),
        Command::Prepare(args) => commands::prepare::run(&args, terminal),
        Command::Predict(args) => commands::predict::run(&args, terminal),
        Command::Evaluate(args) => commands::evaluate::run(&args, terminal),
        Command::Tune(args) => commands::tune::run(&args, terminal),
        Command::Inspect(args) => commands::inspect::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::Example(args) => commands::example::run(&args, terminal),
        Command::Methods => commands::methods::run(),
        Command::Man { folder } => commands::man::run(folder.as_deref()),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "cfe", &mut script);
            outputs::print(&String::from_utf8_lossy(&script))
        }
    }
}
