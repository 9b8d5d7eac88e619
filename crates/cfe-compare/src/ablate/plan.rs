//! From a grid to the cells that are to be run, each checked before the first one starts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cf_ensemble::{Backend, BackendError, Trainer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::error::AblateError;
use super::grid::{Grid, Level, Match, Settings};
use super::merge::{leaves, merge, overlap};
use super::scenario::Scenario;
use crate::trainer_form::TrainerForm;

/// Cells that a grid may have.
pub const MAX_CELLS: usize = 50_000;

/// Everything to be run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The grid.
    pub grid: Grid,
    /// Folder that tables are found from.
    pub folder: PathBuf,
    /// Every cell, in the order of levels and seeds.
    pub cells: Vec<PlannedCell>,
    /// What is to be trained, each once.
    pub jobs: Vec<Job>,
}

/// A place in the grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedCell {
    /// Level of each factor.
    pub levels: Vec<usize>,
    /// Seed.
    pub seed: u64,
    /// Its job. Cells that ask for the same share one.
    pub job: usize,
}

/// Something to be trained and measured.
#[derive(Debug, Clone)]
pub struct Job {
    /// SHA-256 of all that decides the result.
    pub id: String,
    /// Coordinates of its first cell, for messages.
    pub name: String,
    /// Trainer.
    pub trainer: TrainerForm,
    /// All settings of the trainer, the seed included.
    pub settings: Value,
    /// Data.
    pub scenario: Scenario,
    /// Seed of data and start.
    pub seed: u64,
}

/// Settings that the changes of a grid are laid over. Joint training starts where ALS does with the same
/// seed.
fn base(form: TrainerForm) -> Result<Settings, BackendError> {
    let mut settings = form.settings()?;
    if form.backend() == Backend::Torch {
        settings.insert("start".to_owned(), "shared".into());
    }
    Ok(settings)
}

impl Job {
    /// A trainer of its own, so that jobs can run side by side.
    ///
    /// # Errors
    /// As [`Backend::trainer_with`].
    pub fn trainer(&self) -> Result<Box<dyn Trainer>, BackendError> {
        self.trainer.backend().trainer_with(&self.settings)
    }
}

impl Plan {
    /// Lays the levels of every cell over each other and checks what comes out. `folder` is that of the grid.
    ///
    /// # Errors
    /// Too many cells, contradictions, settings that a trainer refuses, a backend that is not in this build.
    pub fn new(grid: Grid, folder: &Path) -> Result<Self, AblateError> {
        check_size(&grid)?;
        let mut plan = Self { grid, folder: folder.to_owned(), cells: Vec::new(), jobs: Vec::new() };
        // Seeds vary fastest: the cells of one combination stand together.
        let seeds = plan.grid.seeds.list();
        // Cells in which a factor does not act ask for the same training, which then is one job.
        let mut known = BTreeMap::new();
        let mut levels = vec![0; plan.grid.factors.len()];
        loop {
            if !plan.grid.exclude.iter().any(|of| plan.grid.matches(of, &levels)) {
                plan.check_conflicts(&levels)?;
                for &seed in &seeds {
                    plan.add(&levels, seed, &mut known)?;
                }
            }
            if !advance(&mut levels, &plan.grid) {
                break;
            }
        }
        if plan.cells.is_empty() { Err(AblateError::NoCells) } else { Ok(plan) }
    }

    /// "prevalence 1%, class weights none".
    pub fn name(&self, levels: &[usize]) -> String {
        let factors = self.grid.factors.iter().zip(levels);
        factors
            .map(|(factor, &k)| format!("{} {}", factor.name, factor.levels[k].name))
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Index of a factor.
    pub fn position(&self, factor: &str) -> Option<usize> {
        self.grid.factors.iter().position(|candidate| candidate.name == factor)
    }

    fn add(
        &mut self,
        levels: &[usize],
        seed: u64,
        known: &mut BTreeMap<String, usize>,
    ) -> Result<(), AblateError> {
        // Cells that ask for the same training are one job, under the name of the first of them.
        let name = format!("{}, seed {seed}", self.name(levels));
        let job = self.job(levels, seed, name)?;
        let next = self.jobs.len();
        let index = *known.entry(job.id.clone()).or_insert(next);
        if index == next {
            self.jobs.push(job);
        }
        self.cells.push(PlannedCell { levels: levels.to_vec(), seed, job: index });
        Ok(())
    }

    fn job(&self, levels: &[usize], seed: u64, name: String) -> Result<Job, AblateError> {
        let refused = |why: String| AblateError::Cell { cell: name.clone(), why };
        let changes: Vec<&Level> = self.grid.applied(levels).map(|(_, level)| level).collect();
        let changes = || std::iter::once(&self.grid.base).chain(changes.iter().copied());
        // The last level that names a trainer decides.
        let trainer = changes().filter_map(|level| level.trainer).next_back().unwrap_or(TrainerForm::Als);
        let unavailable = |source| AblateError::Backend { cell: name.clone(), source };
        let mut settings = base(trainer).map_err(unavailable)?;
        let mut data = Settings::new();
        for level in changes() {
            // Another kind of data has other settings.
            if level.data.contains_key("kind") {
                data.clear();
            }
            merge(&mut data, &level.data);
            // Settings of one trainer are laid over those of any, as they are the more specific ones.
            for of_level in [&level.set, level.settings_of(trainer)] {
                if of_level.contains_key("seed") {
                    return Err(refused(
                        "`seed` is not a setting of a level; give `seeds` at the top of the grid".to_owned(),
                    ));
                }
                merge(&mut settings, of_level);
            }
        }
        settings.insert("seed".to_owned(), seed.into());
        let scenario = Scenario::new(&data).map_err(refused)?;
        let contents = scenario.fingerprint(&self.folder, seed).map_err(refused)?;
        // The contents of a table are part of it: the same path may hold another table tomorrow.
        let identity = json!({"trainer": trainer, "settings": settings, "data": scenario, "contents": contents, "seed": seed});
        let id = format!("{:x}", Sha256::digest(identity.to_string()))[..32].to_owned();
        let job = Job { id, name: name.clone(), trainer, settings: Value::Object(settings), scenario, seed };
        // A trainer is built and thrown away, so that wrong settings are refused before the first cell runs.
        job.trainer().map_err(unavailable)?;
        Ok(job)
    }

    fn check_conflicts(&self, levels: &[usize]) -> Result<(), AblateError> {
        let applied: Vec<(usize, &Level)> = self.grid.applied(levels).collect();
        let trainer = applied.iter().filter_map(|(_, level)| level.trainer).next_back();
        // The trainer decides which of the settings act: those of a level for another trainer cannot be in
        // conflict.
        let trainer = trainer.or(self.grid.base.trainer).unwrap_or(TrainerForm::Als);
        // Of two factors that set one thing the later would win without a word, and the cell would not be
        // what its name says.
        for (at, (second, later)) in applied.iter().enumerate() {
            for (first, earlier) in &applied[..at] {
                let found = earlier
                    .paths(trainer, false)
                    .into_iter()
                    .find_map(|a| later.paths(trainer, true).into_iter().find(|b| overlap(&a, b)));
                if let Some(key) = found {
                    let name = |factor: usize| self.grid.factors[factor].name.clone();
                    let (first, second, cell) = (name(*first), name(*second), self.name(levels));
                    return Err(AblateError::Conflict { first, second, key, cell });
                }
            }
        }
        Ok(())
    }
}

impl Grid {
    /// The levels that act in a cell, with the index of their factors.
    fn applied<'a>(&'a self, levels: &'a [usize]) -> impl Iterator<Item = (usize, &'a Level)> {
        let chosen = self.factors.iter().zip(levels).enumerate();
        chosen
            .filter(|(_, (factor, _))| {
                factor.not_for.is_empty() || !self.matches_any(&factor.not_for, levels)
            })
            .map(|(index, (factor, &level))| (index, &factor.levels[level]))
    }

    /// Whether the cell has one of the levels of every factor named.
    pub fn matches(&self, of: &Match, levels: &[usize]) -> bool {
        of.iter().all(|(factor, names)| self.has(factor, names.names(), levels))
    }

    fn matches_any(&self, of: &Match, levels: &[usize]) -> bool {
        of.iter().any(|(factor, names)| self.has(factor, names.names(), levels))
    }

    fn has(&self, factor: &str, names: &[String], levels: &[usize]) -> bool {
        let place = self.factors.iter().zip(levels).find(|(candidate, _)| candidate.name == factor);
        place.is_some_and(|(factor, &level)| names.contains(&factor.levels[level].name))
    }
}

impl Level {
    fn settings_of(&self, trainer: TrainerForm) -> &Settings {
        if trainer.backend() == Backend::Torch { &self.torch } else { &self.als }
    }

    /// Paths of all that it sets. A new kind of data, given `later`, sets all of them.
    fn paths(&self, trainer: TrainerForm, later: bool) -> Vec<String> {
        let mut paths = leaves(&self.set);
        paths.extend(leaves(self.settings_of(trainer)));
        paths.extend(self.trainer.map(|_| "trainer".to_owned()));
        // A new kind that was laid first takes nothing away from what is laid over it.
        if later && self.data.contains_key("kind") {
            paths.push("data".to_owned());
        }
        paths.extend(leaves(&self.data).into_iter().map(|path| format!("data.{path}")));
        paths
    }
}

fn check_size(grid: &Grid) -> Result<(), AblateError> {
    let sizes = grid.factors.iter().map(|factor| factor.levels.len() as u64);
    // The product is checked before any seed or cell is listed: a count of 2^63 seeds would fill the memory.
    let cells = sizes.chain([grid.seeds.count()]).try_fold(1u64, u64::checked_mul);
    match cells {
        Some(cells) if cells <= MAX_CELLS as u64 => Ok(()),
        _ => {
            let cells = cells.map_or_else(|| "more than 2^64".to_owned(), |cells| cells.to_string());
            Err(AblateError::TooManyCells { cells, limit: MAX_CELLS })
        }
    }
}

/// The next combination, the last factor fastest; false after the last one.
fn advance(levels: &mut [usize], grid: &Grid) -> bool {
    for (level, factor) in levels.iter_mut().zip(&grid.factors).rev() {
        *level += 1;
        if *level < factor.levels.len() {
            return true;
        }
        *level = 0;
    }
    false
}
