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
use super::journal::{Finished, JOURNAL, Journal};
use super::plan::{Job, Plan};
use super::results::results;
use super::runner::run_all;
use super::shipped;
use super::summary::{Summary, summarise};
use crate::cli::{Ablate, ReportFormat, json};
use crate::error::Error;
use crate::report::{html, markdown, terminal};

/// Room that a baseline is sure to need.
const ROOM: u64 = 1 << 12;

/// An ablation that has been run.
#[derive(Debug)]
pub struct Ablation {
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
    let held = held(options, &name)?;
    if let Some(path) = &options.write_baseline {
        AtomicFile::check_room(path, ROOM).map_err(AblateError::from)?;
    }
    let plan = Plan::new(grid, &folder)?;
    let mut notes = Vec::new();
    let outcomes = outcomes(&plan, options, &mut notes)?;
    let summary = summarise(&plan, &outcomes)?;
    let baseline = Baseline::new(&plan, &outcomes);
    if let Some(path) = &options.write_baseline {
        AtomicFile::write(path, json(&baseline)?.as_bytes()).map_err(AblateError::from)?;
        notes.push(format!("Wrote {}.", path.display()));
    }
    let checked = held.map(|held| held.check(&baseline));
    let ablation = Ablation { plan, outcomes, summary, checked, notes };
    ablation.refuse_nothing()?;
    match &options.out {
        Some(folder) => ablation.write(folder),
        None => Ok(ablation),
    }
}

/// Name, grid and folder: of a file, or one that ships.
fn load(name: &str) -> Result<(String, Grid, PathBuf), AblateError> {
    let path = Path::new(name);
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
    let in_folder = options.out.as_ref().map(|folder| folder.join(JOURNAL));
    let (mut journal, mut finished) = match options.checkpoint.clone().or(in_folder) {
        Some(path) => {
            let (journal, finished) = Journal::open(path)?;
            (Some(journal.write_every(options.checkpoint_every)), finished)
        }
        None => (None, Finished::new()),
    };
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
            journal.append(job, &outcome)?;
        }
        finished.insert(job.id.clone(), outcome);
        progress.inc(1);
        Ok(())
    })?;
    progress.finish_and_clear();
    let outcomes = plan.jobs.iter().filter_map(|job| finished.remove(&job.id)).collect::<Vec<_>>();
    if let Some(journal) = journal {
        journal.finish(plan.jobs.iter().zip(&outcomes))?;
    }
    Ok(outcomes)
}

/// On stderr, if that is a terminal.
fn progress(jobs: usize, reused: usize) -> ProgressBar {
    let bar = ProgressBar::new(jobs as u64).with_position(reused as u64);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos} of {len} cells, {eta} left") {
        bar.set_style(style);
    }
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

    /// What is printed.
    ///
    /// # Errors
    /// [`Error::Format`].
    pub fn render(&self, format: ReportFormat, width: usize) -> Result<String, Error> {
        match format {
            ReportFormat::Terminal => Ok(terminal::write(&document(&self.summary), width)),
            ReportFormat::Markdown => Ok(markdown::write(&document(&self.summary))),
            ReportFormat::Html => {
                let footer = format!(
                    "Made by cfe-compare {}. Numbers: report.json and cells.csv beside this file.",
                    self.summary.version
                );
                Ok(html::write(&document(&self.summary), &footer))
            }
            ReportFormat::Json => json(&self.summary),
            ReportFormat::Csv => self.csv(),
        }
    }

    fn write(mut self, folder: &Path) -> Result<Self, Error> {
        let files = [
            ("cells.csv", ReportFormat::Csv),
            ("report.json", ReportFormat::Json),
            ("report.md", ReportFormat::Markdown),
            ("report.html", ReportFormat::Html),
        ];
        for (name, format) in files {
            let text = self.render(format, 0)?;
            AtomicFile::write(folder.join(name), text.as_bytes()).map_err(AblateError::from)?;
        }
        self.notes.push(format!(
            "Wrote cells.jsonl, cells.csv, report.json, report.md and report.html to {}.",
            folder.display()
        ));
        Ok(self)
    }

    /// One line for each cell.
    fn csv(&self) -> Result<String, Error> {
        let failed = |why: String| Error::Format { format: "CSV", why };
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut header: Vec<&str> =
            self.plan.grid.factors.iter().map(|factor| factor.name.as_str()).collect();
        let [seed, others @ ..] = OTHER_COLUMNS;
        header.push(seed);
        header.extend(Figure::ALL.map(Figure::id));
        header.extend(others);
        writer.write_record(header).map_err(|error| failed(error.to_string()))?;
        for cell in results(&self.plan, &self.outcomes) {
            let factors = self.plan.grid.factors.iter().zip(cell.levels);
            let mut record: Vec<String> = factors.map(|(factor, &k)| factor.levels[k].name.clone()).collect();
            record.push(cell.seed.to_string());
            let figures = cell.figures();
            let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
            record.extend(Figure::ALL.map(|figure| number(figures.and_then(|of| figure.of(of)))));
            record.push(number(figures.map(|of| of.mean_average_precision)));
            record.push(number(figures.and_then(|of| Some(of.weights?.sum))));
            record.push(number(figures.map(|of| of.final_loss)));
            let stop = figures.and_then(|of| serde_json::to_value(of.stop).ok());
            record.push(stop.and_then(|stop| stop.as_str().map(str::to_owned)).unwrap_or_default());
            record.push(match cell.outcome {
                Outcome::Error(error) => error.clone(),
                Outcome::Figures(_) => String::new(),
            });
            writer.write_record(record).map_err(|error| failed(error.to_string()))?;
        }
        let bytes = writer.into_inner().map_err(|error| failed(error.to_string()))?;
        String::from_utf8(bytes).map_err(|error| failed(error.to_string()))
    }
}
