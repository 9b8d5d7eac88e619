//! The command line.

use std::path::PathBuf;

use clap::builder::TypedValueParser as _;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::convergence::Convergence;
use crate::output::Output;
use crate::over_data_sets::Missing;
use crate::speed::{AlsSpeed, CombinerSpeed, EpochSpeed, SpeedData, Suite};

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
    /// Exit codes: 0 done; 1 a figure is outside its tolerance (--check); 2 bad usage, or a folder that
    /// cannot be written to; 4 training failed.
    #[command(args_override_self = true)]
    Published(Published),
    /// Rank combiners over a folder of data sets, `<data set>/seed<k>.csv.gz`.
    ///
    /// Each table needs a column `split`. Methods learn from the rows with `train`; the other rows are
    /// scored. Exit codes: 0 done; 2 bad usage; 3 bad data; 4 a method failed.
    #[command(alias = "benchmark", args_override_self = true)]
    OverDataSets(OverDataSets),
    /// Rank combiners of more than two classes over a folder of data sets, `<data set>/seed<k>.csv.gz`.
    ///
    /// Each table has columns `<classifier>:<class>` and a column `split`. Methods learn from the rows with
    /// `train`; the other rows are scored. Exit codes: 0 done; 2 bad usage; 3 bad data; 4 a method failed.
    #[command(args_override_self = true)]
    OverClasses(OverClasses),
    /// Draw the combined loss against time: exact ALS beside joint training, from the same start.
    ///
    /// Exit codes: 0 done; 2 bad usage, 3 bad data, 4 training failed.
    #[command(args_override_self = true)]
    Convergence {
        /// What is run.
        #[command(flatten)]
        options: Convergence,
        /// Where its results go.
        #[command(flatten)]
        output: Output,
    },
    /// Compare every method on tables of your own: both trainers with their variants, the recommended
    /// combiner, all baselines.
    ///
    /// A table with labels outside its train split is scored on those rows. Any other table is scored by
    /// cross-validation. Exit codes: 0 done; 2 bad usage; 3 bad data; 4 a method failed.
    #[command(alias = "run", args_override_self = true)]
    OnTables(OnTables),
    /// Train every combination of some levels over seeds and compare the levels.
    ///
    /// A grid is a TOML file (docs/ablations.md has the format), or one that ships with the program:
    /// published, collapse, focal, diversity, ci.
    ///
    /// Finished cells are kept in a checkpoint, which with --out is DIR/cells.jsonl unless --checkpoint names
    /// another file. A run that was interrupted, even by a kill, resumes from there and writes the same
    /// bytes. A cell that fails is recorded and counted, and the run goes on.
    ///
    /// Exit codes: 0 done; 1 a figure got worse (--check); 2 bad usage or a bad grid; 3 bad data; 4 every
    /// cell failed.
    #[command(args_override_self = true)]
    Ablate(Ablate),
    /// Measure the speed of the trainers and of the recommended combiner.
    #[command(subcommand, alias = "bench")]
    Speed(Speed),
}

/// Names that commands had in version 0.1.0, with their present ones. They are accepted for one release, with
/// a warning.
const FORMER_NAMES: [(&str, &str); 3] =
    [("run", "on-tables"), ("benchmark", "over-data-sets"), ("bench", "speed")];

/// The present name of a command that was given by its former one.
pub fn renamed(command: &str) -> Option<&'static str> {
    FORMER_NAMES.iter().find(|(former, _)| *former == command).map(|(_, present)| *present)
}

/// What is measured by `speed`.
#[derive(Debug, Subcommand)]
pub enum Speed {
    /// Sweeps of ALS on given data, beside the machine's own rate at matrix products.
    #[command(args_override_self = true)]
    Als {
        /// What is run.
        #[command(flatten)]
        options: AlsSpeed,
        /// What is printed; only json so far.
        #[arg(long, value_enum, default_value_t = JsonOnly::Json)]
        format: JsonOnly,
    },
    /// Epochs of joint training on given data; prints one JSON object.
    #[command(args_override_self = true)]
    Torch(EpochSpeed),
    /// A fit and a prediction of the recommended combiner on given data; prints one JSON object.
    #[command(args_override_self = true)]
    Combiner(CombinerSpeed),
    /// Write arrays to measure on.
    #[command(args_override_self = true)]
    Data(SpeedData),
    /// Measure everything, each in a process of its own, beside the peers that a Python has.
    #[command(args_override_self = true)]
    Suite(Suite),
}

/// The one form of `speed als`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum JsonOnly {
    /// One JSON object.
    Json,
}

/// Options of `over-data-sets`.
#[derive(Debug, Args)]
pub struct OverDataSets {
    /// The folder above the data sets.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Also rank results of other programs: dataset,seed,method,ap,roc_auc,brier,log_loss,best_f1,seconds.
    #[arg(long, value_name = "CSV", conflicts_with = "missing")]
    pub with: Option<PathBuf>,
    /// Take cells away by these rules, and compare under each of them [methods by default: recommended, and
    /// simple ways to fill gaps].
    #[arg(long, value_name = "RULE", value_delimiter = ',', value_enum)]
    pub missing: Vec<Missing>,
    /// Methods to run, by name [default: all of this build].
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub methods: Vec<String>,
    /// Where its results go.
    #[command(flatten)]
    pub output: Output,
    /// Threads; 0 is all cores.
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
}

/// Options of `over-classes`.
#[derive(Debug, Args)]
pub struct OverClasses {
    /// The folder above the data sets.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Methods to run, by name [default: one of each kind].
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub methods: Vec<String>,
    /// Where its results go.
    #[command(flatten)]
    pub output: Output,
    /// Threads; 0 is all cores.
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
}

/// Options of `on-tables`.
#[derive(Debug, Args)]
pub struct OnTables {
    /// Tables of predictions, one row for each instance.
    #[arg(value_name = "TABLE", required = true)]
    pub tables: Vec<PathBuf>,
    /// Column that names the split; methods learn from its `train` rows.
    #[arg(long, value_name = "COLUMN")]
    pub split_column: Option<String>,
    /// Column of the labels [default: label].
    #[arg(long, value_name = "COLUMN")]
    pub label_column: Option<String>,
    /// Methods to run, by name [default: all of this build].
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub methods: Vec<String>,
    /// Folds of the cross-validation; fewer where a class has fewer rows.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(2..).map(usize::from))]
    pub folds: usize,
    /// Seed of the starts and the folds.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Where its results go.
    #[command(flatten)]
    pub output: Output,
    /// Threads; 0 is all cores.
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
}

/// Options of `ablate`.
#[derive(Debug, Args)]
pub struct Ablate {
    /// The grid: a TOML file, or the name of one that ships.
    #[arg(value_name = "GRID")]
    pub grid: String,
    /// Where its results go.
    #[command(flatten)]
    pub output: Output,
    /// Keep finished cells in this file [default: cells.jsonl in --out]. A file that exists needs --resume.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Cells between two writes of the checkpoint.
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = at_least_one)]
    pub checkpoint_every: usize,
    /// Resume from the checkpoint if it exists: the result is identical to that of an uninterrupted run. The
    /// cells.jsonl of --out is always used again, since a cell is known by all that decides its outcome.
    #[arg(long)]
    pub resume: bool,
    /// Threads; 0 is all cores.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
    /// Seeds 0 to below N instead of those of the grid.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: Option<u64>,
    /// Exit with 1 if a figure is worse than in this baseline by more than its noise. Without a file: the
    /// baseline that ships with the grid.
    #[arg(long, value_name = "JSON", num_args = 0..=1)]
    pub check: Option<Option<PathBuf>>,
    /// Write the comparisons of --check as JUnit XML, which build servers show as tests.
    #[arg(long, value_name = "XML", requires = "check")]
    pub junit: Option<PathBuf>,
    /// Append a summary in Markdown to this file, such as "$GITHUB_STEP_SUMMARY".
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// Write the figures of this run as a baseline for --check.
    #[arg(long, value_name = "JSON")]
    pub write_baseline: Option<PathBuf>,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    let number = text.parse::<usize>().ok().filter(|&k| k >= 1);
    number.ok_or_else(|| format!("{text:?} is not a number of cells; give 1 or more"))
}

/// Options of `published`.
#[derive(Debug, Args)]
pub struct Published {
    /// Where its results go.
    #[command(flatten)]
    pub output: Output,
    /// Compare every figure with its tolerance, and exit with 1 if one is outside.
    #[arg(long)]
    pub check: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::report::Format;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn former_names_still_start_their_commands() {
        for (former, present) in FORMER_NAMES {
            let cli = Cli::command();
            let found = cli.find_subcommand(former).expect("a hidden alias");
            assert_eq!(found.get_name(), present);
            assert!(found.get_visible_aliases().next().is_none(), "{former} is not advertised");
            assert_eq!(renamed(former), Some(present));
        }
        assert_eq!(renamed("published"), None);
    }

    #[test]
    fn a_repeated_option_counts_with_its_last_value() {
        let line = ["cfe-compare", "published", "--out", "a", "--format", "csv", "--out", "b"];
        let Command::Published(options) = Cli::try_parse_from(line).expect("valid").command else {
            panic!("another command")
        };
        assert_eq!((options.output.out, options.output.format), (Some(PathBuf::from("b")), Format::Csv));
    }
}
