//! How far `cfe fit` is, in a file.
//!
//! A fit has parts: one on all labels, then one for each fold with the labels of that fold hidden. The file holds what the
//! finished parts gave and the state of the one at work. It takes its place whole, so that a kill at any moment leaves
//! the one before.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use cfe_core::validation::Folds;
use cfe_core::{EnsembleData, Fitted, LossParts, Model, Observer, Step, StopReason, Trainer, TrainingState};
use cfe_io::{AtomicFile, ModelDetails, ModelFile, ModelFileError};
use ndarray::Array1;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::{CliError, CliResult};
use super::interrupt;
use super::options::FitOptions;
use super::say;
use super::settings::{Chosen, Method};
use crate::cross_validation::checksum;

/// Kind of the file.
const KIND: &str = "cf-ensemble-checkpoint";

/// Iterations between two writes unless said otherwise.
const EVERY: usize = 10;

/// Why a checkpoint cannot be used. Every message begins with the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// There is one already, and it is not to be gone on with.
    #[error("{file}: there is a checkpoint already; go on with it by --resume, or choose another name")]
    Exists {
        /// The file.
        file: String,
    },
    /// It belongs to another fit.
    #[error(
        "{file}: this checkpoint is of another fit: {what} was {found}, and is {expected} now; \
         go on with the options it was made with, or choose another name"
    )]
    OtherFit {
        /// The file.
        file: String,
        /// What differs.
        what: &'static str,
        /// As in the checkpoint.
        found: String,
        /// As in this run.
        expected: String,
    },
    /// It is damaged, or no checkpoint at all.
    #[error(transparent)]
    File(#[from] ModelFileError),
}

/// What makes two fits the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Identity {
    crate_version: String,
    trainer: String,
    settings: Value,
    /// Fingerprint of predictions, labels and names.
    table: String,
    /// Checksum of the folds, and so of groups, their number and seed.
    folds: String,
}

impl Identity {
    /// The first thing that differs from `other`: what, here, there.
    fn differs(&self, other: &Self) -> Option<(&'static str, String, String)> {
        let named = |identity: &Self| {
            [
                ("the version of the program", identity.crate_version.clone()),
                ("the trainer", identity.trainer.clone()),
                ("the settings", identity.settings.to_string()),
                ("the table", identity.table.clone()),
                ("the folds", identity.folds.clone()),
            ]
        };
        let different = named(self).into_iter().zip(named(other)).find(|(a, b)| a != b);
        different.map(|((what, here), (_, there))| (what, here, there))
    }
}

/// What is told about the fit on all labels.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Facts {
    pub iterations: usize,
    pub stop: StopReason,
    pub loss: LossParts,
    pub device: String,
}

impl Facts {
    pub fn of(fitted: &Fitted) -> Self {
        Self {
            iterations: fitted.history.n_iterations(),
            stop: fitted.stop,
            loss: fitted.loss,
            device: fitted.device.clone(),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Document {
    fit: Identity,
    facts: Option<Facts>,
    folds_done: usize,
}

/// Where a checkpoint is to be kept.
pub(super) struct Request {
    path: PathBuf,
    every: usize,
}

impl Request {
    /// What the options ask for, checked before any work; `None` for no checkpoint.
    pub fn of(options: &FitOptions, chosen: &Chosen) -> CliResult<Option<Self>> {
        let FitOptions { checkpoint, checkpoint_every, resume, .. } = options;
        let Some(path) = checkpoint else {
            return match (checkpoint_every, resume) {
                (None, false) => Ok(None),
                (Some(_), _) => Err(CliError::usage("--checkpoint-every: say where, by --checkpoint FILE")),
                (None, true) => {
                    Err(CliError::usage("--resume: say what to go on with, by --checkpoint FILE"))
                }
            };
        };
        if matches!(chosen.method, Method::Recommended(_)) {
            return Err(CliError::usage(
                "--checkpoint: the trainer `recommended` takes seconds and keeps none; \
                 leave it out, or take --trainer als or torch",
            ));
        }
        if *checkpoint_every == Some(0) {
            return Err(CliError::usage("--checkpoint-every 0: at least 1 iteration lies between two"));
        }
        if path == Path::new("-") {
            return Err(CliError::usage("--checkpoint -: a checkpoint is read again; give a file"));
        }
        let file = path.display().to_string();
        if path.exists() && !resume {
            return Err(CheckpointError::Exists { file }.into());
        }
        Ok(Some(Self { path: path.clone(), every: checkpoint_every.unwrap_or(EVERY) }))
    }
}

/// The progress of a fit, kept in a file where that was asked for.
pub(super) struct Checkpoint {
    request: Option<Request>,
    identity: Identity,
    main: Option<(Model, Facts)>,
    folds_done: usize,
    /// Logits of the labeled rows in the folds that are done.
    held_out: Vec<f64>,
    /// Of the part at work.
    state: Option<TrainingState>,
    /// Iteration of the state in the file.
    written: Option<usize>,
    complained: bool,
}

impl Checkpoint {
    /// With what a file holds, if there is one; else a fit that begins.
    pub fn open(
        request: Option<Request>,
        chosen: &Chosen,
        table_fingerprint: String,
        folds: Option<&Folds>,
        n_labeled: usize,
        quiet: bool,
    ) -> CliResult<Self> {
        let identity = Identity {
            crate_version: env!("CARGO_PKG_VERSION").to_owned(),
            trainer: chosen.name.to_string(),
            settings: chosen.settings.clone(),
            table: table_fingerprint,
            folds: folds.map_or_else(String::new, checksum),
        };
        let mut checkpoint = Self {
            request,
            identity,
            main: None,
            folds_done: 0,
            held_out: vec![0.0; n_labeled],
            state: None,
            written: None,
            complained: false,
        };
        if let Some(Request { path, .. }) = &checkpoint.request {
            let path = path.clone();
            AtomicFile::remove_leftovers(&path);
            if path.exists() {
                checkpoint.load(&path)?;
                checkpoint.tell_how_to_go_on();
                if !quiet {
                    say(&checkpoint.describe(&path));
                }
            }
        }
        Ok(checkpoint)
    }

    fn load(&mut self, path: &Path) -> Result<(), CheckpointError> {
        let file = ModelFile::load(path)?;
        file.expect_kind(KIND)?;
        let Document { fit, facts, folds_done } = file.parse_document()?;
        if let Some((what, found, expected)) = fit.differs(&self.identity) {
            let file = path.display().to_string();
            return Err(CheckpointError::OtherFit { file, what, found, expected });
        }
        let model = file.part("model").map(|part| part.to_model()).transpose()?;
        self.main = model.map(|(model, _)| model).zip(facts);
        self.held_out = file.vector("held_out", Some(self.held_out.len()))?.to_vec();
        self.folds_done = folds_done;
        self.state = file.part("state").map(|part| part.to_training_state()).transpose()?;
        self.written = self.state.as_ref().map(|state| state.iteration);
        Ok(())
    }

    fn describe(&self, path: &Path) -> String {
        let part = match (&self.main, self.folds_done) {
            (None, _) => "the fit".to_owned(),
            (Some(_), done) => format!("fold {}", done + 1),
        };
        let iteration = self.written.map_or(String::new(), |k| format!(", iteration {k}"));
        format!("Going on with {}: {part}{iteration}.", path.display())
    }

    /// The file, if one is kept.
    pub fn path(&self) -> Option<&Path> {
        self.request.as_ref().map(|request| request.path.as_path())
    }

    /// The outcome of the fit on all labels, if that is done.
    pub fn main(&self) -> Option<&(Model, Facts)> {
        self.main.as_ref()
    }

    /// Folds that are done.
    pub fn folds_done(&self) -> usize {
        self.folds_done
    }

    /// Logits of the labeled rows, in the folds that are done.
    pub fn held_out(&self) -> &[f64] {
        &self.held_out
    }

    /// Fits the part at work, from its state where there is one, until Ctrl-C.
    pub fn fit(&mut self, trainer: &dyn Trainer, data: &EnsembleData) -> cfe_core::Result<Fitted> {
        match self.state.take() {
            Some(state) => trainer.resume(state, data, &mut Watch(self)),
            None => trainer.fit_from(trainer.start(data)?, data, &mut Watch(self)),
        }
    }

    /// Notes the fit on all labels.
    pub fn finish_main(&mut self, model: Model, facts: Facts) {
        self.main = Some((model, facts));
        self.finish_part();
    }

    /// Notes the logits of the next fold at its places among the labeled rows.
    pub fn finish_fold(&mut self, places: &[usize], logits: Vec<f64>) {
        places.iter().zip(logits).for_each(|(&p, z)| self.held_out[p] = z);
        self.folds_done += 1;
        self.finish_part();
    }

    fn finish_part(&mut self) {
        self.written = None;
        self.write(None);
    }

    /// Writes the file. That it cannot be written is no reason to lose the fit: it is said once, and the file that is
    /// there stays.
    fn write(&mut self, state: Option<&TrainingState>) {
        let Some(Request { path, .. }) = &self.request else { return };
        let written = self.file(state).and_then(|file| file.save(path));
        match written {
            Ok(()) => {
                self.written = state.map(|state| state.iteration);
                self.tell_how_to_go_on();
            }
            Err(error) if !self.complained => {
                self.complained = true;
                say(&format!("warning: no checkpoint could be written, and training goes on: {error}"));
            }
            Err(_) => {}
        }
    }

    fn file(&self, state: Option<&TrainingState>) -> Result<ModelFile, ModelFileError> {
        let document = Document {
            fit: self.identity.clone(),
            facts: self.main.as_ref().map(|(_, facts)| facts.clone()),
            folds_done: self.folds_done,
        };
        let document = serde_json::to_value(document).map_err(|e| ModelFileError::BadDocument {
            file: "the checkpoint".to_owned(),
            reason: e.to_string(),
        })?;
        let mut file = ModelFile::new(KIND, document);
        file.insert("held_out", Array1::from(self.held_out.clone()).into_dyn());
        if let Some((model, _)) = &self.main {
            file.embed("model", ModelFile::from_model(model, &ModelDetails::default(), false)?);
        }
        if let Some(state) = state {
            file.embed("state", ModelFile::from_training_state(state)?);
        }
        Ok(file)
    }

    fn tell_how_to_go_on(&self) {
        if let Some(path) = self.path() {
            interrupt::hint(format!(
                "Broken off; the checkpoint {} is there: go on with the same command and --resume.",
                path.display()
            ));
        }
    }

    fn is_due(&self, iteration: usize) -> bool {
        let Some(Request { every, .. }) = &self.request else { return false };
        let turn = iteration > 0 && iteration.is_multiple_of(*every);
        (turn || interrupt::asked()) && self.written != Some(iteration)
    }
}

/// Writes the checkpoint when its turn comes, and ends training at Ctrl-C.
struct Watch<'a>(&'a mut Checkpoint);

impl Observer for Watch<'_> {
    fn wants(&self, iteration: usize) -> bool {
        interrupt::asked() || self.0.is_due(iteration)
    }

    fn step(&mut self, step: &Step<'_>) -> ControlFlow<()> {
        if self.0.is_due(step.iteration) {
            match step.training_state() {
                Ok(state) => self.0.write(Some(&state)),
                Err(error) => say(&format!("warning: no checkpoint could be made: {error}")),
            }
        }
        if interrupt::asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
