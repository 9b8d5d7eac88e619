//! What every fit checks before its work, whatever it is fitted on: a table, a store, or a table of several
//! classes.

use std::path::Path;

use cfe_combine::judge::{Finding, Severity};

use crate::args::Format;
use crate::config::ProgramOptions;
use crate::error::{CliError, CliResult};
use crate::outputs;

/// What is printed to standard output beside these outputs.
pub(crate) fn printed(
    program: &ProgramOptions,
    outputs: &[(&str, Option<&Path>)],
) -> CliResult<Option<Format>> {
    let stdout_taken = outputs.iter().any(|(_, path)| path.is_some_and(outputs::is_stdout));
    let nothing_named = outputs.iter().all(|(_, path)| path.is_none());
    // A person gets the page, and so does a command that names no output. A pipe beside named outputs gets
    // nothing.
    match program.format {
        Some(_) if stdout_taken => {
            Err(CliError::usage("--format and an output to - both need standard output; give one a file"))
        }
        None if (outputs::person_reads() || nothing_named) && !stdout_taken => Ok(Some(Format::Table)),
        given => Ok(given),
    }
}

/// Ends a strict run before the work where the results could not be believed.
pub(crate) fn refuse_alarms(findings: &[Finding]) -> CliResult<()> {
    let alarms: Vec<&str> =
        findings.iter().filter(|f| f.severity == Severity::Alarm).map(|f| f.text.as_str()).collect();
    if alarms.is_empty() { Ok(()) } else { Err(CliError::Check(format!("--strict: {}", alarms.join("; ")))) }
}
