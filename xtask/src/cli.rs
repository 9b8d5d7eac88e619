//! What was typed, as a [`Command`].

use std::ffi::OsString;

use crate::ci::{is_step, list};
use crate::engines::Engine;
use crate::error::Error;
use crate::libtorch::Flavor;

pub(crate) const HELP: &str = "\
The project's own commands.

Usage: cargo xtask <COMMAND>

Commands:
  compare [ARGS...]            Run the published comparison and write report/ (ARGS go to `cfe-compare published`)
  test                         Run every test of every crate, doctests included
  bench [--pytorch] [ARGS...]  Measure speed beside other implementations and write the tables of docs/performance.md
                               (ARGS go to `cfe-compare speed suite`; its --python names a Python that has the peers.
                               Without it a virtual environment gets numpy and cmfrec, with --pytorch PyTorch too, 3 GB)
  libtorch [--cuda] [--force]  Set up libtorch alone: --cuda the build for NVIDIA GPUs (several GB),
                               --force again from the start
  downstream                   Build and run examples/downstream with each set of features
  errors [--check]             Write docs/errors.md, the catalog of errors, from the source; --check fails instead
                               where it is out of date
  python [--release] [--figures]  Build the Python package, install it into a virtual environment below target/, and run
                               its tests, examples, types, stubs and notebook; needs Python 3.11 or newer. --figures measures
                               what docs/python.md says instead: behavior, speed beside `cfe`, other combiners
  dask [--figures]             Fit on a Dask cluster of several processes, kill one, and compare the model files with that
                               of `cfe`; --figures measures passes instead, as docs/beyond-memory.md says them
  spark [--figures]            The same on Spark; needs Java 17 or 21
  fences                       Check the rules of the repository: what depends on what, who prints, width, words
  ci [--only STEP] [--list]    All that CI does: format, fences, lints, docs, tests, python, dask, downstream; --only one of them
                               (may be repeated), --list names them all
  help                         This text

`compare`, `bench`, `test`, `downstream` and `ci` set up libtorch first where it is missing. One that you already have is used
instead: LIBTORCH=<its folder>, or LIBTORCH_USE_PYTORCH=1 for the PyTorch of your Python. See docs/libtorch.md.
";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Compare { args: Vec<OsString> },
    Bench { pytorch: bool, args: Vec<OsString> },
    Test,
    Libtorch { flavor: Flavor, force: bool },
    Downstream,
    Python { release: bool, figures: bool },
    Engine { engine: Engine, figures: bool },
    Errors { check: bool },
    Fences,
    Ci { only: Vec<String> },
    CiSteps,
}

/// Reads the arguments that follow the program's name.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, Error> {
    let mut args = args.into_iter();
    let Some(name) = args.next() else { return Ok(Command::Help) };
    // Most commands take no argument, and what is left after the name is refused below.
    let command = match name.to_str() {
        Some("help" | "--help" | "-h") => return Ok(Command::Help),
        // Everything behind `compare` belongs to the program it starts, `--help` too.
        Some("compare") => return Ok(Command::Compare { args: args.collect() }),
        Some("bench") => {
            // One option of `bench` is ours, and all others belong to the program that it starts.
            let (ours, args): (Vec<_>, Vec<_>) = args.partition(|arg| arg == "--pytorch");
            return Ok(Command::Bench { pytorch: !ours.is_empty(), args });
        }
        Some("libtorch") => return libtorch(args),
        Some("errors") => return errors(args),
        Some("ci") => return ci(args),
        Some("python") => return python(args),
        Some("dask") => return engine(Engine::Dask, args),
        Some("spark") => return engine(Engine::Spark, args),
        Some("test") => Command::Test,
        Some("downstream") => Command::Downstream,
        Some("fences") => Command::Fences,
        _ => return Err(Error::Usage(format!("there is no command {name:?}"))),
    };
    match args.next() {
        None => Ok(command),
        Some(arg) if is_help(&arg) => Ok(Command::Help),
        Some(arg) => Err(Error::Usage(format!("`{}` takes no argument {arg:?}", name.display()))),
    }
}

fn libtorch(args: impl Iterator<Item = OsString>) -> Result<Command, Error> {
    let (mut flavor, mut force) = (Flavor::Cpu, false);
    for arg in args {
        match arg.to_str() {
            Some("--cuda") => flavor = Flavor::Cuda,
            Some("--force") => force = true,
            _ if is_help(&arg) => return Ok(Command::Help),
            _ => return Err(Error::Usage(format!("`libtorch` takes --cuda and --force, not {arg:?}"))),
        }
    }
    Ok(Command::Libtorch { flavor, force })
}

fn python(args: impl Iterator<Item = OsString>) -> Result<Command, Error> {
    let (mut release, mut figures) = (false, false);
    for arg in args {
        match arg.to_str() {
            Some("--release") => release = true,
            Some("--figures") => figures = true,
            _ if is_help(&arg) => return Ok(Command::Help),
            _ => return Err(Error::Usage(format!("`python` takes --release and --figures, not {arg:?}"))),
        }
    }
    Ok(Command::Python { release, figures })
}

fn engine(engine: Engine, args: impl Iterator<Item = OsString>) -> Result<Command, Error> {
    let mut figures = false;
    for arg in args {
        match arg.to_str() {
            Some("--figures") => figures = true,
            _ if is_help(&arg) => return Ok(Command::Help),
            _ => return Err(Error::Usage(format!("`dask` and `spark` take --figures, not {arg:?}"))),
        }
    }
    Ok(Command::Engine { engine, figures })
}

fn errors(args: impl Iterator<Item = OsString>) -> Result<Command, Error> {
    let mut check = false;
    for arg in args {
        match arg.to_str() {
            Some("--check") => check = true,
            _ if is_help(&arg) => return Ok(Command::Help),
            _ => return Err(Error::Usage(format!("`errors` takes --check, not {arg:?}"))),
        }
    }
    Ok(Command::Errors { check })
}

fn ci(mut args: impl Iterator<Item = OsString>) -> Result<Command, Error> {
    let mut only = Vec::new();
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--list") => return Ok(Command::CiSteps),
            Some("--only") => {
                // A missing name is empty here, and is refused like a wrong one.
                let name = args.next().and_then(|name| name.into_string().ok()).unwrap_or_default();
                if !is_step(&name) {
                    return Err(Error::Usage(format!("`ci --only` takes one of these steps:\n{}", list())));
                }
                only.push(name);
            }
            _ if is_help(&arg) => return Ok(Command::Help),
            _ => return Err(Error::Usage(format!("`ci` takes --only STEP and --list, not {arg:?}"))),
        }
    }
    Ok(Command::Ci { only })
}

fn is_help(arg: &OsString) -> bool {
    arg == "--help" || arg == "-h"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, Error> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn commands_and_their_flags() {
        assert_eq!(parsed("test").unwrap(), Command::Test);
        assert_eq!(parsed("libtorch").unwrap(), Command::Libtorch { flavor: Flavor::Cpu, force: false });
        assert_eq!(
            parsed("libtorch --force --cuda").unwrap(),
            Command::Libtorch { flavor: Flavor::Cuda, force: true }
        );
        for help in ["", "--help", "-h", "help", "test --help", "libtorch -h"] {
            assert_eq!(parsed(help).unwrap(), Command::Help, "{help}");
        }
    }

    #[test]
    fn compare_hands_everything_on() {
        let Command::Compare { args } = parsed("compare --format json --help").unwrap() else { panic!() };
        assert_eq!(args, ["--format", "json", "--help"]);
    }

    #[test]
    fn steps_of_ci_are_chosen_by_name() {
        assert_eq!(parsed("ci").unwrap(), Command::Ci { only: vec![] });
        let only = ["format", "docs"].map(str::to_owned).to_vec();
        assert_eq!(parsed("ci --only format --only docs").unwrap(), Command::Ci { only });
        assert_eq!(parsed("ci --list").unwrap(), Command::CiSteps);
        for wrong in ["ci --only", "ci --only fromat", "ci format"] {
            assert_eq!(parsed(wrong).unwrap_err().exit_code(), 2, "{wrong}");
        }
    }

    #[test]
    fn bench_keeps_its_own_flag() {
        let Command::Bench { pytorch, args } = parsed("bench --large --pytorch --threads 2").unwrap() else {
            panic!()
        };
        assert!(pytorch);
        assert_eq!(args, ["--large", "--threads", "2"]);
    }

    #[test]
    fn a_typing_error_is_named_and_exits_with_two() {
        for (line, named) in [
            ("tset", "tset"),
            ("test --fast", "--fast"),
            ("libtorch --gpu", "--gpu"),
            ("dask --fast", "--fast"),
        ] {
            let error = parsed(line).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
