//! The project's own commands: `cargo xtask --help` lists them.

#![forbid(unsafe_code)]
// A command-line program: talking to the terminal is its purpose. Progress goes to stderr, because the output
// of `compare --format json` must stay pure.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to the terminal")]

mod ci;
mod cli;
mod commands;
mod engines;
mod error;
mod errors;
mod fences;
mod libtorch;
mod python;
// The same rule as in cfe-torch's build script and in `cfe doctor`.
#[path = "../../crates/cfe-torch/src/device/version.rs"]
mod version;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cli::Command;
use error::Error;

fn main() -> ExitCode {
    match cli::parse(std::env::args_os().skip(1)).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(command: Command) -> Result<(), Error> {
    let root = root();
    match command {
        Command::Help => {
            print!("{}", cli::HELP);
            Ok(())
        }
        Command::Libtorch { flavor, force } => libtorch::provision(&root, flavor, force),
        Command::Compare { args } => commands::compare(&root, &args),
        Command::Bench { pytorch, args } => commands::bench(&root, pytorch, &args),
        Command::Test => commands::test(&root),
        Command::Downstream => commands::downstream(&root),
        Command::Errors { check } => errors::catalog(&root, check),
        Command::Python { figures: true, .. } => python::figures(&root),
        Command::Python { release, figures: false } => python::python(&root, release),
        Command::Engine { engine, figures } => engines::engine(&root, engine, figures),
        Command::Fences => fences::check(&root),
        Command::Ci { only } => ci::ci(&root, &only),
        Command::CiSteps => {
            print!("{}", ci::list());
            Ok(())
        }
    }
}

/// The repository. Cargo tells a program it runs where its manifest is now; the path at compile time would be
/// wrong after the folder was moved.
fn root() -> PathBuf {
    let manifest_dir =
        std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&manifest_dir).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}
