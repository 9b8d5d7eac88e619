//! The program `cfe`: combine the probabilities of classifiers.

use std::process::ExitCode;

fn main() -> ExitCode {
    cf_ensemble::cli::main()
}
