//! Options from a TOML file, overridden by those of the command line.

use std::fs;
use std::path::{Path, PathBuf};

use cfe_combine::FitOptions;
use cfe_combine::classes::DecisionRule;
use serde::{Deserialize, Serialize};

use crate::args::{FitArgs, Format};
use crate::error::{CliError, CliResult};
use crate::fields::{object, parsed};

/// What concerns the program alone: outputs, threads, and the prevalence that predictions are written for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ProgramOptions {
    pub threads: Option<usize>,
    pub instruction_set: Option<String>,
    pub prevalence: Option<f64>,
    pub decision: Option<DecisionRule>,
    pub model_out: Option<PathBuf>,
    pub predictions_out: Option<PathBuf>,
    pub report_out: Option<PathBuf>,
    pub metrics_out: Option<PathBuf>,
    pub format: Option<Format>,
}

/// Reads the options in a TOML file.
pub(crate) fn load(path: &Path) -> CliResult<FitArgs> {
    let file = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|e| CliError::Config {
        file: file.clone(),
        message: format!("cannot be read ({e}); check the path and its permissions"),
    })?;
    toml::from_str(&text).map_err(|e| {
        let message = e.to_string();
        // The excerpt of the parser is the better message where its place is right.
        let bad = bad_key(&text).filter(|(line, _)| !message.contains(&format!("line {line}, ")));
        let message =
            bad.map_or_else(|| message.trim_end().to_owned(), |(line, bad)| format!("line {line}: {bad}"));
        CliError::Config { file, message }
    })
}

/// What is wrong with the first key that names no option or has a value that it cannot have, and its line.
/// The parser knows no places of fields of flattened structs.
fn bad_key(text: &str) -> Option<(usize, String)> {
    let table: toml::Table = text.parse().ok()?;
    let mut bad: Vec<(usize, String)> = Vec::new();
    for (key, value) in table {
        let alone = toml::Table::from_iter([(key.clone(), value)]);
        let Err(error) = alone.try_into::<FitArgs>() else { continue };
        let is_key = |line: &str| {
            let line = line.trim_start().trim_start_matches('[').trim_start().trim_start_matches(['"', '\'']);
            line.strip_prefix(&key[..])
                .is_some_and(|rest| rest.starts_with(['=', '.', ']', ' ', '\t', '"', '\'']))
        };
        let line = text.lines().position(is_key)?;
        bad.push((line + 1, format!("{key}: {}", error.message().trim_end())));
    }
    bad.into_iter().min()
}

/// The options of a file, overridden by those of the command line, as what concerns the program and what the
/// library takes.
pub(crate) fn merged(file: &FitArgs, command_line: &FitArgs) -> (ProgramOptions, FitOptions) {
    // The command line comes second and so wins.
    let mut all = object(file);
    all.extend(object(command_line));
    let program: ProgramOptions = parsed(all.clone());
    // What concerns the program is taken out; the rest is what the library knows.
    for (key, _) in object(&program) {
        all.remove(&key);
    }
    (program, parsed(all))
}

/// The options of a fit as a TOML file's text, which `--config` reads.
pub(crate) fn to_toml(options: &FitOptions) -> CliResult<String> {
    toml::to_string(options)
        .map_err(|e| CliError::usage(format!("these options cannot be written as TOML ({e}); change them")))
}
