//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::bench::{AlsBench, BenchData, EpochBench, Suite};
use crate::convergence::Convergence;
use crate::error::Error;
use crate::published::{Results, csv, document};
use crate::report::{html, markdown, terminal};

/// Compares the trainers of CF-Ensemble with each other and with published figures.
#[derive(Debug, Parser)]
#[command(name = "cfe-compare", version, args_override_self = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train the rows of the published table and show them beside the published figures.
    ///
    /// Exit codes: 0 done; 1 a figure is outside its tolerance (--check); 2 bad usage, or a folder that cannot be
    /// written to; 4 training failed.
    #[command(args_override_self = true)]
    Published(Published),
    /// Compare combiners on a folder of real predictions, `<data set>/seed<k>.csv.gz`.
    ///
    /// Each table needs a column `split`: rows with `train` are learnt from, the others are for scoring. Exit codes: 0 done;
    /// 2 bad usage, 3 bad data, 4 a method failed.
    #[command(args_override_self = true)]
    Benchmark(Benchmark),
    /// Draw the combined loss against time: exact ALS beside joint training, from the same start.
    ///
    /// Exit codes: 0 done; 2 bad usage, 3 bad data, 4 training failed.
    #[command(args_override_self = true)]
    Convergence {
        /// What is run.
        #[command(flatten)]
        options: Convergence,
        /// Also write report.html, report.md, results.json and results.csv into this folder.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// What to print.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Measure speed.
    #[command(subcommand)]
    Bench(Bench),
}

/// What is measured by `bench`.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// Sweeps of ALS on given data, beside the machine's own rate at matrix products.
    #[command(args_override_self = true)]
    Als {
        /// What is run.
        #[command(flatten)]
        options: AlsBench,
        /// What is printed; only json so far.
        #[arg(long, value_enum, default_value_t = JsonOnly::Json)]
        format: JsonOnly,
    },
    /// Epochs of joint training on given data; prints one JSON object.
    #[command(args_override_self = true)]
    Torch(EpochBench),
    /// Write arrays to measure on.
    #[command(args_override_self = true)]
    Data(BenchData),
    /// Measure everything, each in a process of its own, beside the peers that a Python has.
    #[command(args_override_self = true)]
    Suite(Suite),
}

/// The one form of `bench`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum JsonOnly {
    /// One JSON object.
    Json,
}

/// Options of `benchmark`.
#[derive(Debug, Args)]
pub struct Benchmark {
    /// The folder above the data sets.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Also rank results of other programs: dataset,seed,method,ap,roc_auc,brier,log_loss,best_f1,seconds.
    #[arg(long, value_name = "CSV")]
    pub with: Option<PathBuf>,
    /// Methods to run, by name; all of this build if none is named.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub methods: Vec<String>,
    /// Also write report.html, report.md, results.json and results.csv into this folder.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Threads; 0 is all cores.
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
}

/// Options of `published`.
#[derive(Debug, Args)]
pub struct Published {
    /// Also write report.html, report.md, results.json and results.csv into this folder.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Compare every figure with its tolerance, and exit with 1 if one is outside.
    #[arg(long)]
    pub check: bool,
}

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text and tables for the terminal.
    Table,
    /// One JSON object.
    Json,
    /// Markdown.
    Markdown,
    /// One line for each method.
    Csv,
}

/// Files that `--out` writes.
pub const FILES: [&str; 4] = ["report.html", "report.md", "results.json", "results.csv"];

impl Format {
    /// What is printed. JSON leaves out the series behind the curves, which `results.json` has.
    ///
    /// # Errors
    /// [`Error::Format`].
    pub fn render(self, results: &Results, width: usize) -> Result<String, Error> {
        match self {
            Format::Table => Ok(terminal::write(&document(results), width)),
            Format::Json => json(&results.report),
            Format::Markdown => Ok(markdown::write(&document(results))),
            Format::Csv => csv(&results.report),
        }
    }
}

/// The contents of [`FILES`], in that order.
///
/// # Errors
/// [`Error::Format`].
pub fn render_files(results: &Results) -> Result<[String; 4], Error> {
    let document = document(results);
    let footer =
        format!("Made by cfe-compare {}. Numbers: results.json beside this file.", results.report.version);
    Ok([html::write(&document, &footer), markdown::write(&document), json(results)?, csv(&results.report)?])
}

pub(crate) fn json(value: &impl serde::Serialize) -> Result<String, Error> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n").map_err(|error| Error::Format { format: "JSON", why: error.to_string() })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_repeated_option_counts_with_its_last_value() {
        let line = ["cfe-compare", "published", "--out", "a", "--format", "csv", "--out", "b"];
        let Command::Published(options) = Cli::try_parse_from(line).expect("valid").command else {
            panic!("another command")
        };
        assert_eq!((options.out, options.format), (Some(PathBuf::from("b")), Format::Csv));
    }
}
