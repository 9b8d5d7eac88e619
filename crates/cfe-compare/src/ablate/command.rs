//! `cfe-compare ablate`: from the options to the files.

use std::path::{Path, PathBuf};

use cf_ensemble::io::AtomicFile;
use indicatif::{ProgressBar, ProgressStyle};

use super::baseline::{Baseline, Checked};
use super::cell::Outcome;
use super::document::document;
use super::error::AblateError;
use super::figure::{Figure, OTHER_COLUMNS};
use super::grid::{Grid, Seeds};
use super::journal::{self, Finished, JOURNAL, Line};
use super::plan::{Job, Plan};
use super::results::{Result as ResultOfCell, results};
use super::runner::run_all;
use super::shipped;
use super::summary::{Summary, summarize};
use crate::cli::Ablate;
use crate::error::Error;
use crate::output;
use crate::report::{Document, FormatError, Origin, Results, Rows, field, to_json};

/// An ablation that has been run.
#[derive(Debug)]
pub struct Ablation {
    /// The grid as it was named.
    name: String,
    plan: Plan,
    outcomes: Vec<Outcome>,
    summary: Summary,
    /// Of `--check`.
    pub checked: Option<Checked>,
    /// What the user should hear.
    pub notes: Vec<String>,
}

/// Runs the grid, as far as its cells are not finished already, and writes the files.
///
/// # Errors
/// A grid that cannot be used, files that cannot be read or written, cells that failed without exception.
pub fn run_ablation(options: &Ablate) -> Result<Ablation, Error> {
    let (name, mut grid, folder) = load(&options.grid)?;
    if let Some(count) = options.seeds {
        grid.seeds = Seeds::Count(count);
    }
    // The baseline is read before the work; a bad file must not be found out after it.
    let held = held(options, &name)?;
    let plan = Plan::new(grid, &folder)?;
    let mut notes = Vec::new();
    let outcomes = outcomes(&plan, options, &mut notes)?;
    let summary = summarize(&plan, &outcomes)?;
    let baseline = Baseline::new(&plan, &outcomes);
    let checked = held.map(|held| held.check(&baseline));
    let mut ablation = Ablation { name, plan, outcomes, summary, checked, notes };
    // A run without one figure holds nothing: the baseline of an earlier run must outlive such a run, so that
    // the refusal comes first.
    ablation.refuse_nothing()?;
    if let Some(path) = &options.write_baseline {
        AtomicFile::write(path, to_json(&baseline)?.as_bytes()).map_err(AblateError::from)?;
        ablation.notes.push(format!("Wrote {}.", path.display()));
    }
    Ok(ablation)
}

impl Ablate {
    /// Checks before the work that every file can be written, and that none takes the place of the grid, of
    /// the baseline of `--check`, or of another output.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Unwritable`], [`AblateError::Unwritable`].
    pub fn check_outputs(&self) -> Result<(), Error> {
        let of_check = self.check.clone().flatten();
        let inputs: Vec<PathBuf> = [PathBuf::from(&self.grid)].into_iter().chain(of_check).collect();
        // The folder of a checkpoint is made for it, as that of --out is.
        if let Some(path) = &self.checkpoint {
            journal::make_folder(path)?;
        }
        let files = [
            ("--checkpoint", &self.checkpoint),
            ("--junit", &self.junit),
            ("--summary", &self.summary),
            ("--write-baseline", &self.write_baseline),
        ];
        let given = files.iter().filter_map(|(option, path)| Some((*option, path.as_deref()?)));
        self.output.check_with(&inputs, &given.collect::<Vec<_>>())?;
        Ok(self.check_summary()?)
    }
}

/// Name, grid and folder: of a file, or one that ships.
fn load(name: &str) -> Result<(String, Grid, PathBuf), AblateError> {
    let path = Path::new(name);
    // A file goes before a grid that ships, so that a changed copy is not passed over for its name.
    if let Some(text) = shipped::grid(name).filter(|_| !path.exists()) {
        return Ok((name.to_owned(), Grid::parse(name, text)?, PathBuf::from(".")));
    }
    if !path.exists() {
        return Err(AblateError::UnknownGrid { name: name.to_owned(), known: shipped::names() });
    }
    let text = read(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    Ok((name.to_owned(), Grid::parse(name, &text)?, folder.to_owned()))
}

fn read(path: &Path) -> Result<String, AblateError> {
    std::fs::read_to_string(path).map_err(|source| AblateError::Unreadable { path: path.to_owned(), source })
}

/// The baseline of `--check`, read before the work.
fn held(options: &Ablate, name: &str) -> Result<Option<Baseline>, AblateError> {
    match &options.check {
        None => Ok(None),
        Some(Some(path)) => Ok(Some(Baseline::parse(path, &read(path)?)?)),
        Some(None) => match shipped::baseline(name) {
            Some(text) => Ok(Some(Baseline::parse(Path::new(name), text)?)),
            None => Err(AblateError::Baseline {
                path: PathBuf::from(name),
                why: "no baseline ships for this grid; name a file".to_owned(),
            }),
        },
    }
}

/// The outcome of each job.
fn outcomes(plan: &Plan, options: &Ablate, notes: &mut Vec<String>) -> Result<Vec<Outcome>, Error> {
    let in_folder = options.output.out.as_ref().map(|folder| folder.join(JOURNAL));
    // The file of --checkpoint may hold a result that somebody wants to keep. That of --out belongs to its
    // report: each cell in it is known by all that decides its outcome, so that using it again is always
    // right.
    let place = match &options.checkpoint {
        Some(path) => Some((path.clone(), options.resume)),
        None => in_folder.map(|path| (path, true)),
    };
    let (mut journal, mut finished) = match place {
        Some((path, resume)) => {
            let (journal, finished) = journal::open(path, resume)?;
            (Some(journal.write_every(options.checkpoint_every)), finished)
        }
        None => (None, Finished::new()),
    };
    // Jobs are known by the hash of all that decides their outcome, so a changed grid still uses what stayed
    // the same.
    let missing: Vec<&Job> = plan.jobs.iter().filter(|job| !finished.contains_key(&job.id)).collect();
    let reused = plan.jobs.len() - missing.len();
    let foreign = finished.len() - reused;
    if reused > 0 {
        notes.push(format!("{reused} of {} cells were finished before.", plan.jobs.len()));
    }
    if foreign > 0 {
        notes.push(format!("{foreign} finished cells are not of this grid and were left out."));
    }
    let progress = progress(plan.jobs.len(), reused);
    run_all(&missing, &plan.folder, options.threads, |job, outcome| {
        if let Some(journal) = &mut journal {
            journal.append(&Line::new(job, &outcome)).map_err(AblateError::from)?;
        }
        finished.insert(job.id.clone(), outcome);
        progress.inc(1);
        Ok(())
    })?;
    progress.finish_and_clear();
    // Outcomes came in the order in which cells ended. From here on they stand in the order of the plan.
    let outcomes = plan.jobs.iter().filter_map(|job| finished.remove(&job.id)).collect::<Vec<_>>();
    // The file is written anew in the order of the grid, so that two runs of it leave the same bytes.
    if let Some(journal) = journal {
        let lines: Vec<Line> =
            plan.jobs.iter().zip(&outcomes).map(|(job, outcome)| Line::new(job, outcome)).collect();
        journal.finish(lines.iter()).map_err(AblateError::from)?;
    }
    Ok(outcomes)
}

/// On stderr, if that is a terminal.
fn progress(jobs: usize, reused: usize) -> ProgressBar {
    let bar = ProgressBar::new(jobs as u64).with_position(reused as u64);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos} of {len} cells, {eta} left") {
        bar.set_style(style);
    }
    // The estimate begins now, as cells of an earlier run took none of this run's time.
    bar.reset_eta();
    bar
}

impl Ablation {
    /// An error if there is not one figure.
    fn refuse_nothing(&self) -> Result<(), AblateError> {
        match self.summary.failures.first() {
            Some(first) if self.summary.failures.len() == self.plan.cells.len() => {
                Err(AblateError::AllFailed {
                    cells: self.plan.cells.len(),
                    cell: first.cell.clone(),
                    why: first.error.clone(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Number of cells that failed.
    pub fn failed(&self) -> usize {
        self.summary.failures.len()
    }

    /// Title of the grid.
    pub fn title(&self) -> &str {
        &self.summary.title
    }

    /// What made the report: without what does not change it (threads, places, interruptions), so that two
    /// runs of a grid give the same bytes.
    pub fn origin(&self) -> Origin {
        let seeds: Vec<String> = self.summary.seeds.iter().map(ToString::to_string).collect();
        Origin {
            command: Some(format!("cfe-compare ablate {}", self.name)),
            seed: Some(seeds.join(", ")),
            ..output::origin()
        }
    }
}

impl Results for Ablation {
    fn document(&self) -> Document {
        document(&self.summary)
    }

    fn json(&self) -> Result<String, FormatError> {
        to_json(&self.summary)
    }

    /// One record for each cell.
    fn rows(&self) -> Rows {
        let [seed, others @ ..] = OTHER_COLUMNS;
        let factors = self.plan.grid.factors.iter().map(|factor| factor.name.as_str());
        let header = factors.chain([seed]).chain(Figure::ALL.map(Figure::id)).chain(others);
        let mut rows = Rows::new(header);
        rows.records = results(&self.plan, &self.outcomes).iter().map(|cell| self.record(cell)).collect();
        rows
    }
}

impl Ablation {
    fn record(&self, cell: &ResultOfCell<'_>) -> Vec<String> {
        // A failed cell keeps its record with empty figures, so that the file has one for each cell.
        let factors = self.plan.grid.factors.iter().zip(cell.levels);
        let mut record: Vec<String> = factors.map(|(factor, &k)| factor.levels[k].name.clone()).collect();
        record.push(cell.seed.to_string());
        let figures = cell.figures();
        record.extend(Figure::ALL.map(|figure| field(figures.and_then(|of| figure.of(of)))));
        record.push(field(figures.and_then(|of| of.mean.average_precision)));
        record.push(field(figures.and_then(|of| Some(of.weights?.sum))));
        record.push(field(figures.map(|of| of.final_loss)));
        let stop = figures.and_then(|of| serde_json::to_value(of.stop).ok());
        record.push(stop.and_then(|stop| stop.as_str().map(str::to_owned)).unwrap_or_default());
        record.push(match cell.outcome {
            Outcome::Error(error) => error.clone(),
            Outcome::Figures(_) => String::new(),
        });
        record
    }
}
