//! Where a run is: what the loop in memory and the loop over shards have in common.

use std::ops::ControlFlow;

use cfe_core::{
    Error, History, HistoryEntry, LossParts, Observer, OnDivergence, Parameters, Result, Step, StopReason,
    TrainingState,
};

use crate::spec::AlsSpec;

/// Where the state of a run keeps the best parameters (X, Y, w, b one after the other) and their loss.
const BEST: &str = "best";
const BEST_LOSS: &str = "best loss";

/// The present point of a run and how it came there.
pub(crate) struct Course {
    /// Updates made.
    pub(crate) iteration: usize,
    pub(crate) parameters: Parameters,
    pub(crate) history: History,
    /// The lowest loss and its parameters, if they may be wanted.
    best: Option<(f64, Parameters)>,
}

impl Course {
    /// Before the first update.
    pub(crate) fn new(start: Parameters) -> Self {
        Self { iteration: 0, parameters: start, history: History::default(), best: None }
    }

    /// Where another run was.
    ///
    /// # Errors
    /// [`Error::DamagedState`].
    pub(crate) fn resumed(state: TrainingState) -> Result<Self> {
        let best = best_of(&state)?;
        let TrainingState { iteration, parameters, history, .. } = state;
        Ok(Self { iteration, parameters: row_major(parameters), history, best })
    }

    /// All of it, for another run.
    pub(crate) fn state(&self, name: &str, spec: &AlsSpec) -> TrainingState {
        let (parameters, history) = (self.parameters.clone(), self.history.clone());
        let mut state = TrainingState::new(name, spec, self.iteration, parameters, history);
        if let Some((loss, best)) = &self.best {
            // One list: factors, weights, bias, in the order that `best_of` reads.
            let Parameters { factors, weights, bias } = best;
            let values = factors.classifiers.iter().chain(&factors.instances).chain(weights).chain([bias]);
            state.remember(BEST, values.copied().collect::<Vec<f64>>());
            state.remember(BEST_LOSS, [*loss]);
        }
        state
    }

    /// The present loss, where there is one.
    pub(crate) fn loss(&self) -> Option<LossParts> {
        self.history.entries.last().map(|entry| entry.loss)
    }

    /// The loss before the present one and the present one are closer than the tolerance.
    pub(crate) fn has_converged(&self, tolerance: f64) -> bool {
        match self.history.entries.as_slice() {
            [.., before, now] => (now.loss.total - before.loss.total).abs() < tolerance,
            _ => false,
        }
    }

    /// Shows the present point to the observer; true if it wants to end.
    pub(crate) fn show(
        &self,
        spec: &AlsSpec,
        observer: &mut dyn Observer,
        state: &dyn Fn() -> Result<TrainingState>,
    ) -> bool {
        if !observer.wants(self.iteration) {
            return false;
        }
        let Parameters { weights, bias, .. } = &self.parameters;
        let step = Step::new(self.iteration, spec.max_iterations, self.loss(), weights, *bias);
        observer.step(&step.with_state(state)) == ControlFlow::Break(())
    }

    /// Takes in the loss of the present point, or what its computation failed with; what ends the run if it
    /// has diverged.
    ///
    /// # Errors
    /// As [`go_back`](Self::go_back).
    pub(crate) fn take_in(
        &mut self,
        loss: Result<LossParts>,
        on_divergence: OnDivergence,
    ) -> Result<Option<StopReason>> {
        let loss = match loss.and_then(|loss| self.history.check(self.iteration, loss)) {
            Ok(loss) => loss,
            Err(error) => return self.go_back(error).map(Some),
        };
        self.history.entries.push(HistoryEntry { iteration: self.iteration, loss });
        if on_divergence == OnDivergence::KeepBest {
            self.keep_if_best(loss.total);
        }
        Ok(None)
    }

    /// Ends a run that has diverged at its best parameters.
    ///
    /// # Errors
    /// The error itself where the run failed for another reason, or keeps no best parameters.
    // Only a divergence is worth going back for; other errors would come again.
    pub(crate) fn go_back(&mut self, error: Error) -> Result<StopReason> {
        match (error, self.best.take()) {
            (Error::Diverged { .. }, Some((_, best))) => {
                self.parameters = best;
                Ok(StopReason::Diverged)
            }
            (error, _) => Err(error),
        }
    }

    /// Copies the present parameters if no loss was lower.
    fn keep_if_best(&mut self, loss: f64) {
        match &mut self.best {
            Some((lowest, _)) if !(loss < *lowest) => {}
            Some((lowest, best)) => {
                *lowest = loss;
                best.clone_from(&self.parameters);
            }
            None => self.best = Some((loss, self.parameters.clone())),
        }
    }
}

pub(crate) fn row_major(at: Parameters) -> Parameters {
    Parameters { factors: at.factors.into_row_major(), ..at }
}

/// The lowest loss and its parameters in a state.
fn best_of(state: &TrainingState) -> Result<Option<(f64, Parameters)>> {
    let Some(values) = state.recall(BEST) else { return Ok(None) };
    let [loss] = state.recall_exactly(BEST_LOSS)?;
    // The present parameters lend their shapes.
    let mut best = row_major(state.parameters.clone());
    let Parameters { factors, weights, bias } = &mut best;
    let places = factors.classifiers.iter_mut().chain(&mut factors.instances).chain(weights);
    let places: Vec<&mut f64> = places.chain(std::iter::once(bias)).collect();
    if places.len() != values.len() {
        let what = format!("{BEST} has {} numbers where {} belong", values.len(), places.len());
        return Err(Error::DamagedState { what });
    }
    places.into_iter().zip(values).for_each(|(place, value)| *place = value);
    Ok(Some((loss, best)))
}
