//! The state of a run that can go on as if it had never been interrupted.

use std::collections::BTreeMap;

use ndarray::{Array1, ArrayD};
use serde::Serialize;
use serde_json::Value;

use crate::data::EnsembleData;
use crate::error::{Error, Result};
use crate::history::History;
use crate::parameters::Parameters;
use crate::settings::rename_keys;

/// Everything that a trainer needs to go on from some iteration to the same bits as an unbroken run.
///
/// An observer takes it from a [`Step`](crate::Step), [`Trainer::resume`](crate::Trainer::resume) goes on
/// with it, and `cfe-io` writes it to a file and reads it back. It takes 8 d (m + n) bytes and more; joint
/// training keeps up to four times as much (two moments of Adam and the best parameters).
///
/// ```
/// use cfe_core::{FnObserver, Step, Trainer, TrainingState};
/// use std::ops::ControlFlow;
///
/// # fn example(trainer: &dyn Trainer, data: &cfe_core::EnsembleData) -> cfe_core::Result<()> {
/// let mut kept = None;
/// let mut observer = FnObserver(|step: &Step<'_>| {
///     if step.iteration == 50 {
///         kept = step.training_state().ok();
///         return ControlFlow::Break(());
///     }
///     ControlFlow::Continue(())
/// });
/// trainer.fit_from(trainer.start(data)?, data, &mut observer)?;
/// let state: TrainingState = kept.expect("more than 50 iterations");
/// let fitted = trainer.resume(state, data, &mut ())?; // as if there had been no break
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TrainingState {
    /// Name of the trainer.
    pub trainer: String,
    /// Its spec as JSON.
    pub spec: Value,
    /// Updates made.
    pub iteration: usize,
    /// X, Y, w and b; where the data are resampled, Y has the synthetic instances as well.
    pub parameters: Parameters,
    /// The losses up to here.
    pub history: History,
    /// What else the trainer remembers (moments of the optimizer, the past of an acceleration, counters), by
    /// name. The entries are finite.
    pub memory: BTreeMap<String, ArrayD<f64>>,
}

impl TrainingState {
    /// A state without memory; for backends.
    pub fn new(
        trainer: &str,
        spec: &impl Serialize,
        iteration: usize,
        parameters: Parameters,
        history: History,
    ) -> Self {
        Self {
            trainer: trainer.to_owned(),
            spec: json(spec),
            iteration,
            parameters,
            history,
            memory: BTreeMap::new(),
        }
    }

    /// Adds numbers to the memory; for backends.
    pub fn remember(&mut self, name: impl Into<String>, values: impl Into<Vec<f64>>) {
        self.memory.insert(name.into(), Array1::from(values.into()).into_dyn());
    }

    /// Numbers from the memory, `None` where there are none of this name; for backends.
    pub fn recall(&self, name: &str) -> Option<Vec<f64>> {
        self.memory.get(name).map(|values| values.iter().copied().collect())
    }

    /// Exactly `N` numbers from the memory; for backends.
    ///
    /// # Errors
    /// [`Error::DamagedState`].
    pub fn recall_exactly<const N: usize>(&self, name: &str) -> Result<[f64; N]> {
        let Some(values) = self.recall(name) else {
            return Err(Error::DamagedState { what: format!("{name} is missing") });
        };
        let found = values.len();
        values
            .try_into()
            .map_err(|_| Error::DamagedState { what: format!("{name} has {found} numbers where {N} belong") })
    }

    /// Refuses to go on with another trainer, other parameters or data of another shape; for backends.
    ///
    /// `limit` is the key of the iterations at most, the one parameter that may have changed: a longer run
    /// goes through the same states. `data` are those that are trained on, with synthetic instances where
    /// there are some.
    ///
    /// # Errors
    /// [`Error::OtherRun`], [`Error::InvalidParameter`] for a limit below the iterations made, what
    /// [`Parameters::validate`] refuses, [`Error::DamagedState`].
    pub fn check(
        &self,
        trainer: &str,
        spec: &impl Serialize,
        limit: &'static str,
        data: &EnsembleData,
    ) -> Result<()> {
        self.check_shape(trainer, spec, limit, (data.n_classifiers(), data.n_instances()))
    }

    /// As [`check`](Self::check), where only the shape (m, n) of the parameters is known; n is 0 for trainers
    /// that keep no Y.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_shape(
        &self,
        trainer: &str,
        spec: &impl Serialize,
        limit: &'static str,
        (m, n): (usize, usize),
    ) -> Result<()> {
        // What belongs to another run is named with both values; what no run can have written is damage.
        let other = |what: &str, found: &str, expected: &str| Error::OtherRun {
            what: what.to_owned(),
            found: found.to_owned(),
            expected: expected.to_owned(),
        };
        if self.trainer != trainer {
            return Err(other("the trainer", &self.trainer, trainer));
        }
        let own = json(spec);
        // A state of an older release may have settings under their former names.
        let mut saved = self.spec.clone();
        rename_keys(&self.trainer, &mut saved)?;
        let (Value::Object(found), Value::Object(expected)) = (&saved, &own) else {
            return Err(Error::DamagedState { what: "the spec is not an object".to_owned() });
        };
        // A key that only one of the two specs has is a difference as well.
        let keys = found.keys().chain(expected.keys().filter(|key| !found.contains_key(*key)));
        for key in keys.filter(|key| *key != limit) {
            let text = |spec: &serde_json::Map<String, Value>| {
                spec.get(key).map_or("not there".to_owned(), Value::to_string)
            };
            if found.get(key) != expected.get(key) {
                return Err(other(key, &text(found), &text(expected)));
            }
        }
        if let Some(most) = expected.get(limit).and_then(Value::as_u64)
            && (most as usize) < self.iteration
        {
            const ALLOWED: &str = "at least the iterations that the state has behind it are needed";
            return Err(Error::parameter(limit, most, ALLOWED));
        }
        // Shapes and numbers of the state: from here on the trainer trusts what it resumes from.
        self.parameters.validate(m, n)?;
        let not_finite = |(_, values): &(&String, &ArrayD<f64>)| !values.iter().all(|v| v.is_finite());
        if let Some((name, _)) = self.memory.iter().find(not_finite) {
            return Err(Error::DamagedState { what: format!("{name} is not finite") });
        }
        // The stopping rule reads the history by its order.
        let in_order = self.history.entries.windows(2).all(|pair| pair[0].iteration < pair[1].iteration);
        let last = self.history.entries.last().map_or(0, |entry| entry.iteration);
        if !in_order || last > self.iteration {
            return Err(Error::DamagedState { what: "the history is not in order".to_owned() });
        }
        Ok(())
    }
}

/// A spec as JSON.
fn json(spec: &impl Serialize) -> Value {
    serde_json::to_value(spec).expect("a spec is a struct of plain fields, which JSON can hold")
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use serde_json::json;

    use super::*;

    fn data() -> EnsembleData {
        EnsembleData::new(array![[0.9, 0.2], [0.8, 0.1]], vec![Some(true), Some(false)]).expect("valid")
    }

    fn state() -> TrainingState {
        let spec = json!({ "lambda": 0.1, "max_iterations": 10 });
        TrainingState::new(
            "als",
            &spec,
            4,
            Parameters::random(1, 2, 2, 0).expect("in range"),
            History::default(),
        )
    }

    #[test]
    fn another_run_is_refused_by_what_differs() {
        let message = |trainer, spec: Value| {
            let refused = state().check(trainer, &spec, "max_iterations", &data());
            refused.expect_err("another run").to_string()
        };
        let spec = json!({ "lambda": 0.1, "max_iterations": 10 });
        assert!(message("torch", spec).contains("the trainer was als, and is torch now"));
        let spec = json!({ "lambda": 0.2, "max_iterations": 10 });
        assert!(message("als", spec).contains("lambda was 0.1, and is 0.2 now"));
        let spec = json!({ "lambda": 0.1, "max_iterations": 10, "seed": 1 });
        assert!(message("als", spec).contains("seed was not there, and is 1 now"));
        let spec = json!({ "lambda": 0.1, "max_iterations": 3 });
        assert!(message("als", spec).contains("max_iterations = 3 is not allowed"));
    }

    #[test]
    fn a_longer_run_is_the_same_run() {
        let spec = json!({ "lambda": 0.1, "max_iterations": 99 });
        state().check("als", &spec, "max_iterations", &data()).expect("the same run");
    }

    #[test]
    fn a_state_under_the_old_name_of_a_key_is_the_same_run() {
        let old = json!({ "lambda": 0.1, "max_epochs": 10 });
        let state = TrainingState::new(
            "torch",
            &old,
            4,
            Parameters::random(1, 2, 2, 0).expect("in range"),
            History::default(),
        );
        let spec = json!({ "lambda": 0.1, "max_iterations": 12 });
        state.check("torch", &spec, "max_iterations", &data()).expect("the same run");
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let spec = json!({ "lambda": 0.1, "max_iterations": 10 });
        let check = |state: &TrainingState| state.check("als", &spec, "max_iterations", &data());
        let mut broken = state();
        broken.remember("moments", [f64::NAN]);
        assert!(matches!(check(&broken), Err(Error::DamagedState { .. })));
        assert!(broken.recall_exactly::<2>("moments").is_err() && broken.recall("other").is_none());
        let mut broken = state();
        broken.parameters.weights.pop();
        assert!(check(&broken).is_err());
    }
}
