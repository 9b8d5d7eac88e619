//! What a fit tells while it runs, and how it is stopped.

use std::path::Path;

/// Sees the progress of a fit and may stop it. Every method has a default that does nothing, and `()` is a
/// watch.
///
/// A fit calls the methods from the thread it was started on or from threads of the current rayon pool, and
/// waits for them: keep them short.
///
/// ```
/// use std::sync::Mutex;
///
/// use cf_ensemble::{Progress, Watch};
///
/// /// Keeps the names of the stages.
/// #[derive(Default)]
/// struct Stages(Mutex<Vec<String>>);
///
/// impl Watch for Stages {
///     fn progress(&self, progress: Progress<'_>) {
///         if let Progress::Started { stage, .. } = progress {
///             self.0.lock().unwrap().push(stage.to_owned());
///         }
///     }
/// }
/// ```
pub trait Watch: Sync {
    /// A stage starts, advances or ends, or a checkpoint is read or written.
    fn progress(&self, progress: Progress<'_>) {
        let _ = progress;
    }

    /// Something went wrong that does not end the fit.
    fn warn(&self, message: &str) {
        let _ = message;
    }

    /// Whether the fit should end now. It is asked after every iteration, and ends with what it has found so
    /// far where that is a model, else with [`FitError::Stopped`](crate::FitError::Stopped).
    fn stop_asked(&self) -> bool {
        false
    }
}

/// Nobody watches, and nobody stops.
impl Watch for () {}

/// How far a fit is.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// A stage starts. Stages do not overlap.
    Started {
        /// What is done, for people: "Fitting".
        stage: &'a str,
        /// How many steps the stage has; `None` where that is not known.
        steps: Option<u64>,
        /// Whether a stop keeps what there is: a model, a checkpoint. Else it ends the fit with an error.
        keeps_on_stop: bool,
    },
    /// One more step of the stage is done.
    Step,
    /// The stage is done.
    Finished,
    /// The fit resumes from a checkpoint.
    Resumed {
        /// The file.
        checkpoint: &'a Path,
        /// Where the fit resumes, for people: "fold 2, iteration 40".
        at: &'a str,
    },
    /// A checkpoint is on the disk: an interrupted fit can be resumed from it.
    Checkpoint(&'a Path),
}

/// A stage of a watched fit, which ends when it is dropped.
pub(crate) struct Stage<'a> {
    watch: &'a dyn Watch,
}

impl<'a> Stage<'a> {
    pub(crate) fn start(watch: &'a dyn Watch, stage: &str, steps: Option<u64>) -> Self {
        watch.progress(Progress::Started { stage, steps, keeps_on_stop: false });
        Self { watch }
    }

    pub(crate) fn start_keeping(watch: &'a dyn Watch, stage: &str, steps: Option<u64>) -> Self {
        watch.progress(Progress::Started { stage, steps, keeps_on_stop: true });
        Self { watch }
    }

    pub(crate) fn step(&self) {
        self.watch.progress(Progress::Step);
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        self.watch.progress(Progress::Finished);
    }
}
