//! The trait that backends implement, and the observer that watches them.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::data::EnsembleData;
use crate::error::{Error, Result};
use crate::history::{History, StopReason, Timings};
use crate::model::Model;
use crate::objective::LossParts;
use crate::parameters::Parameters;
use crate::training_state::TrainingState;

/// One point of a training run, as the observer sees it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Step<'a> {
    /// Updates made so far: 0 is the start.
    pub iteration: usize,
    /// Iterations that will be run at most.
    pub max_iterations: usize,
    /// The loss that belongs to it; `None` where it has not been computed (at the start of ALS).
    pub loss: Option<LossParts>,
    /// w (m).
    pub weights: &'a [f64],
    /// b.
    pub bias: f64,
    state: Snapshot<'a>,
}

/// How the state of a run is copied, should an observer ask for it.
#[derive(Clone, Copy)]
struct Snapshot<'a>(Option<&'a dyn Fn() -> Result<TrainingState>>);

impl std::fmt::Debug for Snapshot<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "available" } else { "none" })
    }
}

impl<'a> Step<'a> {
    /// A step; for backends.
    pub fn new(
        iteration: usize,
        max_iterations: usize,
        loss: Option<LossParts>,
        weights: &'a [f64],
        bias: f64,
    ) -> Self {
        Self { iteration, max_iterations, loss, weights, bias, state: Snapshot(None) }
    }

    /// Adds the way to the state of the run, which is taken only if an observer asks; for backends.
    #[must_use]
    pub fn with_state(self, state: &'a dyn Fn() -> Result<TrainingState>) -> Self {
        Self { state: Snapshot(Some(state)), ..self }
    }

    /// A copy of all that the run needs to go on from here ([`Trainer::resume`]).
    ///
    /// # Errors
    /// [`Error::CannotResume`] where the trainer keeps none, and failures of the backend.
    pub fn training_state(&self) -> Result<TrainingState> {
        match self.state.0 {
            Some(state) => state(),
            None => Err(Error::CannotResume { trainer: "of this run" }),
        }
    }
}

/// Watches a run and may end it. `()` watches nothing and costs nothing.
///
/// The facade `cf_ensemble` re-exports everything that is imported here.
///
/// ```
/// use cfe_core::{EnsembleData, Observer, Result, Step, Trainer};
/// use std::ops::ControlFlow;
///
/// /// Shows every tenth loss, and ends the run when the loss is small enough.
/// struct Progress {
///     good_enough: f64,
///     losses: Vec<f64>,
/// }
///
/// impl Observer for Progress {
///     // Weights are copied only for the steps that are asked for.
///     fn wants(&self, iteration: usize) -> bool {
///         iteration % 10 == 0
///     }
///
///     fn step(&mut self, step: &Step<'_>) -> ControlFlow<()> {
///         let Some(loss) = step.loss else { return ControlFlow::Continue(()) };
///         self.losses.push(loss.total);
///         if loss.total < self.good_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
///     }
/// }
///
/// fn watched(trainer: &dyn Trainer, data: &EnsembleData) -> Result<Vec<f64>> {
///     let mut progress = Progress { good_enough: 0.1, losses: Vec::new() };
///     trainer.fit_from(trainer.start(data)?, data, &mut progress)?;
///     Ok(progress.losses)
/// }
/// ```
pub trait Observer {
    /// Whether [`step`](Self::step) is to be called after `iteration` updates; backends copy weights only
    /// then.
    fn wants(&self, _iteration: usize) -> bool {
        true
    }

    /// Sees a step; `Break` ends training with the present parameters.
    fn step(&mut self, step: &Step<'_>) -> ControlFlow<()>;
}

impl Observer for () {
    fn wants(&self, _iteration: usize) -> bool {
        false
    }

    fn step(&mut self, _step: &Step<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// An observer from a closure, called at every step.
#[derive(Debug)]
pub struct FnObserver<F>(pub F);

impl<F: FnMut(&Step<'_>) -> ControlFlow<()>> Observer for FnObserver<F> {
    fn step(&mut self, step: &Step<'_>) -> ControlFlow<()> {
        (self.0)(step)
    }
}

/// The aggregator after a number of updates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TracePoint {
    /// Updates made.
    pub iteration: usize,
    /// w (m).
    pub weights: Vec<f64>,
    /// b.
    pub bias: f64,
}

/// An observer that keeps w and b at every iteration.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WeightTrace {
    /// One point for each observed iteration, the start first.
    pub points: Vec<TracePoint>,
}

impl Observer for WeightTrace {
    fn step(&mut self, step: &Step<'_>) -> ControlFlow<()> {
        self.points.push(TracePoint {
            iteration: step.iteration,
            weights: step.weights.to_vec(),
            bias: step.bias,
        });
        ControlFlow::Continue(())
    }
}

/// What a fit returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Fitted {
    /// The model.
    pub model: Model,
    /// The loss over the iterations.
    pub history: History,
    /// The objective at the end, computed by the core in f64.
    pub loss: LossParts,
    /// Why training ended.
    pub stop: StopReason,
    /// How long it took.
    pub timings: Timings,
    /// The device that was really used, with the number format: "CPU f64", "CUDA device 0 f32".
    pub device: String,
}

impl Fitted {
    /// Puts the result together; for backends.
    pub fn new(
        model: Model,
        history: History,
        loss: LossParts,
        stop: StopReason,
        timings: Timings,
        device: String,
    ) -> Self {
        Self { model, history, loss, stop, timings, device }
    }
}

/// A way of finding factors and aggregator. Usable as `dyn Trainer`.
///
/// ```
/// # use cfe_core::{EnsembleData, Fitted, Observer, Result, Parameters, Trainer};
/// fn describe(trainer: &dyn Trainer, data: &EnsembleData) -> Result<String> {
///     let fitted = trainer.fit(data)?;
///     Ok(format!("{}: {} iterations on {}", trainer.name(), fitted.history.n_iterations(), fitted.device))
/// }
/// ```
pub trait Trainer: Send + Sync {
    /// Short name: "als", "torch".
    fn name(&self) -> &'static str;

    /// The point that [`fit`](Self::fit) starts from, drawn from the trainer's seed.
    ///
    /// # Errors
    /// What the backend's drawing can fail with.
    fn start(&self, data: &EnsembleData) -> Result<Parameters>;

    /// Whether [`start`](Self::start) looks at nothing but the shape of the data and the seed. The fits of a
    /// cross-validation then share one start, which is drawn once. A trainer whose start looks at the labels
    /// says `false`, which is the default: its start for a fold must not see the labels of the fold.
    fn start_ignores_labels(&self) -> bool {
        false
    }

    /// d, the latent dimension of the factors; `None` where the trainer cannot tell before it has seen data.
    fn latent_dim(&self) -> Option<usize> {
        None
    }

    /// Trains from a given point, watched by `observer`.
    ///
    /// # Errors
    /// Shapes that do not fit, no labels, singular systems, divergence, failures of the backend.
    fn fit_from(&self, start: Parameters, data: &EnsembleData, observer: &mut dyn Observer)
    -> Result<Fitted>;

    /// Bytes that a fit to `data` holds at its peak, the data included; `None` where the trainer cannot tell.
    fn estimate_memory(&self, data: &EnsembleData) -> Option<u64> {
        let _ = data;
        None
    }

    /// Resumes a run that was interrupted, to the same bits as if it had not been: the model, the
    /// history and the loss are those of the unbroken run. The observer sees the step of the state first.
    ///
    /// # Errors
    /// [`Error::CannotResume`] where the trainer keeps no state, what [`TrainingState::check`] refuses, and
    /// as [`fit_from`](Self::fit_from).
    fn resume(
        &self,
        state: TrainingState,
        data: &EnsembleData,
        observer: &mut dyn Observer,
    ) -> Result<Fitted> {
        let _ = (state, data, observer);
        Err(Error::CannotResume { trainer: self.name() })
    }

    /// Trains from the trainer's own start, unwatched.
    ///
    /// # Errors
    /// As [`fit_from`](Self::fit_from).
    fn fit(&self, data: &EnsembleData) -> Result<Fitted> {
        self.fit_from(self.start(data)?, data, &mut ())
    }
}
