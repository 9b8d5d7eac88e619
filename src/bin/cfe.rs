//! The program `cfe`: combine the probabilities of classifiers.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    cf_ensemble::cli::main()
}
