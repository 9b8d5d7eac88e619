//! The progress of a fit, in a file.
//!
//! A fit has parts: one on all labels, then one for each fold with the labels of that fold hidden. The file
//! holds what the finished parts gave and the state of the one at work. It takes its place whole, so that a
//! kill at any moment leaves the one before.

use std::ops::ControlFlow;
use std::path::Path;

use cfe_core::validation::Folds;
use cfe_core::{EnsembleData, Fitted, Model, Observer, Parameters, Step, Trainer, TrainingState};
use cfe_io::{AtomicFile, ModelDetails, ModelFile, ModelFileError};
use ndarray::Array1;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::request::Request;
use super::settings::FitPlan;
use super::watch::{Progress, Watch};
use crate::cross_validation::checksum;
use crate::error::{CheckpointError, FitResult};
use crate::saved::provenance::FitFacts;

/// Kind of the file.
const KIND: &str = "cf-ensemble-checkpoint";

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

#[derive(Serialize, Deserialize)]
struct Document {
    fit: Identity,
    facts: Option<FitFacts>,
    folds_done: usize,
}

/// The progress of a fit, kept in a file where that was asked for.
pub(super) struct Checkpoint<'a> {
    watch: &'a dyn Watch,
    request: Option<Request>,
    identity: Identity,
    main: Option<(Model, FitFacts)>,
    folds_done: usize,
    /// Logits of the labeled rows in the folds that are done.
    held_out: Vec<f64>,
    /// Of the part at work.
    state: Option<TrainingState>,
    /// Iteration of the state in the file.
    written: Option<usize>,
    complained: bool,
}

impl<'a> Checkpoint<'a> {
    /// With what a file holds, if there is one; else a fit that begins.
    pub(super) fn open(
        plan: &FitPlan,
        table_fingerprint: String,
        folds: Option<&Folds>,
        n_labeled: usize,
        watch: &'a dyn Watch,
    ) -> FitResult<Self> {
        Self::open_at(plan, plan.checkpoint.clone(), table_fingerprint, folds, n_labeled, watch)
    }

    /// As [`open`](Self::open), in another place than the plan says.
    pub(super) fn open_at(
        plan: &FitPlan,
        request: Option<Request>,
        table_fingerprint: String,
        folds: Option<&Folds>,
        n_labeled: usize,
        watch: &'a dyn Watch,
    ) -> FitResult<Self> {
        let identity = Identity {
            crate_version: env!("CARGO_PKG_VERSION").to_owned(),
            trainer: plan.trainer.to_string(),
            settings: plan.settings.clone(),
            table: table_fingerprint,
            folds: folds.map_or_else(String::new, checksum),
        };
        let mut checkpoint = Self {
            watch,
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
            // A kill during a write leaves a temporary file beside the checkpoint; nothing else would remove
            // it.
            AtomicFile::remove_leftovers(&path);
            if path.exists() {
                checkpoint.load(&path)?;
                // The watch hears of the file first: a stop during the first iterations may then promise that
                // it is there.
                watch.progress(Progress::Checkpoint(&path));
                watch.progress(Progress::Resumed { checkpoint: &path, at: &checkpoint.position() });
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
        // Model and facts are one state; a file that has only one of them begins the fit again.
        self.main = model.map(|(model, _)| model).zip(facts);
        self.held_out = file.vector("held_out", Some(self.held_out.len()))?.to_vec();
        self.folds_done = folds_done;
        self.state = file.part("state").map(|part| part.to_training_state()).transpose()?;
        self.written = self.state.as_ref().map(|state| state.iteration);
        Ok(())
    }

    /// Where the fit resumes: "fold 2, iteration 40".
    fn position(&self) -> String {
        let part = match (&self.main, self.folds_done) {
            (None, _) => "the fit".to_owned(),
            (Some(_), done) => format!("fold {}", done + 1),
        };
        let iteration = self.written.map_or(String::new(), |k| format!(", iteration {k}"));
        format!("{part}{iteration}")
    }

    /// The outcome of the fit on all labels, if that is done.
    pub(super) fn main(&self) -> Option<&(Model, FitFacts)> {
        self.main.as_ref()
    }

    /// Folds that are done.
    pub(super) fn folds_done(&self) -> usize {
        self.folds_done
    }

    /// Logits of the labeled rows, in the folds that are done.
    pub(super) fn held_out(&self) -> &[f64] {
        &self.held_out
    }

    /// Fits the part at work, from its state where there is one and else from the next start, until the watch
    /// asks for a stop.
    pub(super) fn fit(
        &mut self,
        trainer: &dyn Trainer,
        data: &EnsembleData,
        starts: &mut Starts,
    ) -> cfe_core::Result<Fitted> {
        // A state serves the one part that it was written in; the next part finds none and begins.
        match self.state.take() {
            Some(state) => {
                starts.pass_over();
                trainer.resume(state, data, &mut Writer(self))
            }
            None => trainer.fit_from(starts.next(trainer, data)?, data, &mut Writer(self)),
        }
    }

    /// Notes the fit on all labels.
    pub(super) fn finish_main(&mut self, model: Model, facts: FitFacts) {
        self.main = Some((model, facts));
        self.finish_part();
    }

    /// Notes the logits of the next fold at its places among the labeled rows.
    pub(super) fn finish_fold(&mut self, places: &[usize], logits: Vec<f64>) {
        places.iter().zip(logits).for_each(|(&p, z)| self.held_out[p] = z);
        self.folds_done += 1;
        self.finish_part();
    }

    fn finish_part(&mut self) {
        // The next part counts its iterations from 0 again.
        self.written = None;
        self.write(None);
    }

    /// Writes the file. That it cannot be written is not a reason to lose the fit: it is said once, and the
    /// file that is there stays.
    fn write(&mut self, state: Option<&TrainingState>) {
        let Some(Request { path, .. }) = &self.request else { return };
        let written = self.file(state).and_then(|file| file.save(path));
        match written {
            Ok(()) => {
                self.written = state.map(|state| state.iteration);
                self.watch.progress(Progress::Checkpoint(path));
            }
            Err(error) if !self.complained => {
                self.complained = true;
                self.watch
                    .warn(&format!("the checkpoint could not be written, and training continues: {error}"));
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
        // Parameters are enough: threshold and origin come at the end of the fit.
        if let Some((model, _)) = &self.main {
            file.embed("model", ModelFile::from_model(model, &ModelDetails::default(), false)?);
        }
        if let Some(state) = state {
            file.embed("state", ModelFile::from_training_state(state)?);
        }
        Ok(file)
    }

    fn is_due(&self, iteration: usize) -> bool {
        let Some(Request { every, .. }) = &self.request else { return false };
        let turn = iteration > 0 && iteration.is_multiple_of(*every);
        // A stop writes what there is at once, but never the same iteration twice.
        (turn || self.watch.stop_asked()) && self.written != Some(iteration)
    }
}

/// The starts of the parts of a fit. Drawing one takes about half as long as an iteration, so that the parts
/// share it where the trainer allows that.
pub(super) struct Starts {
    drawn: Option<Parameters>,
    /// Parts that are to come.
    left: usize,
}

impl Starts {
    /// Of so many parts.
    pub(super) fn new(parts: usize) -> Self {
        Self { drawn: None, left: parts }
    }

    /// For a part that resumes from a state and needs no start.
    fn pass_over(&mut self) {
        self.left = self.left.checked_sub(1).expect("no more parts are fitted than were counted");
    }

    fn next(&mut self, trainer: &dyn Trainer, data: &EnsembleData) -> cfe_core::Result<Parameters> {
        self.pass_over();
        let start = match self.drawn.take() {
            Some(start) => start,
            None => trainer.start(data)?,
        };
        // The last part needs no copy, which is as large as Y.
        if self.left > 0 && trainer.start_ignores_labels() {
            self.drawn = Some(start.clone());
        }
        Ok(start)
    }
}

/// Writes the checkpoint when its turn comes, and ends training when the watch asks for it.
struct Writer<'a, 'w>(&'a mut Checkpoint<'w>);

impl Observer for Writer<'_, '_> {
    fn wants(&self, iteration: usize) -> bool {
        self.0.watch.stop_asked() || self.0.is_due(iteration)
    }

    fn step(&mut self, step: &Step<'_>) -> ControlFlow<()> {
        if self.0.is_due(step.iteration) {
            match step.training_state() {
                Ok(state) => self.0.write(Some(&state)),
                Err(error) => self.0.watch.warn(&format!("no checkpoint could be made: {error}")),
            }
        }
        if self.0.watch.stop_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
