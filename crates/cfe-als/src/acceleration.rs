//! Anderson acceleration of the exact sweeps, held to a loss that never rises.
//!
//! A sweep maps s = (X, w, b) to g(s); Y follows from s. From the last sweeps, with residuals f = g(s) - s,
//! the next point is taken where the residual would vanish if g were affine (Anderson 1965; type II as in
//! Walker and Ni, "Anderson Acceleration for Fixed-Point Iterations", SIAM J. Numer. Anal. 49, 2011):
//!
//! ```text
//! gamma = argmin |f_k - dF gamma|^2 ,   s_{k+1} = g(s_k) - dG gamma
//! ```
//!
//! with the differences of the last residuals and images as the columns of dF and dG. We keep the
//! extrapolated sweep only if the loss, with the penalty on w where there is one, did not increase. Otherwise
//! we restore the previous point, make a plain sweep, and wait 2, then 4 plain sweeps before the next trial.
//! A success resets the wait.

use cfe_core::{Error, LossParts, Parameters, Result, TrainingState};
use nalgebra::{Cholesky, DMatrix, DVector};
use ndarray::Array2;

/// Differences kept.
const DEPTH: usize = 8;

/// Ridge of the least-squares fit, relative to its mean diagonal.
const RIDGE: f64 = 1e-10;

/// Plain sweeps after a rejected trial at most.
const LONGEST_PAUSE: usize = 4;

/// Names in the state of a run.
///
/// - `JUDGED`: what the last sweep was judged by.
/// - `PAUSES`: plain sweeps until the next trial, and how many there were after the last rejection.
/// - `LAST`: point and image of the last sweep.
/// - `DIFFERENCES`: residuals and images of the differences, one after the other.
const JUDGED: &str = "acceleration.judged";
const PAUSES: &str = "acceleration.pauses";
const LAST: &str = "acceleration.last";
const DIFFERENCES: &str = "acceleration.differences";

/// Accelerates a loop of sweeps.
#[derive(Debug)]
pub(crate) struct Accelerator {
    memory: Memory,
    /// Y from before a trial.
    instances: Array2<f64>,
    /// What the last sweep was judged by.
    judged: Option<f64>,
    /// Plain sweeps until the next trial, and how many there were after the last rejection.
    pause: usize,
    last_pause: usize,
}

impl Accelerator {
    pub(crate) fn new(state: &Parameters) -> Self {
        let instances = Array2::zeros(state.factors.instances.dim());
        Self { memory: Memory::default(), instances, judged: None, pause: 0, last_pause: 1 }
    }

    /// Puts what it remembers into the state of a run.
    pub(crate) fn save(&self, state: &mut TrainingState) {
        state.remember(PAUSES, [self.pause as f64, self.last_pause as f64]);
        if let Some(judged) = self.judged {
            state.remember(JUDGED, [judged]);
        }
        if let Some((point, image)) = &self.memory.last {
            state.remember(LAST, [point.as_slice(), image.as_slice()].concat());
        }
        let differences = self.memory.differences.iter();
        let flat = differences.flat_map(|(residuals, images)| residuals.iter().chain(images).copied());
        state.remember(DIFFERENCES, flat.collect::<Vec<f64>>());
    }

    /// What [`save`](Self::save) kept.
    pub(crate) fn load(state: &TrainingState) -> Result<Self> {
        let mut accelerator = Self::new(&state.parameters);
        let [pause, last_pause] = state.recall_exactly(PAUSES)?;
        (accelerator.pause, accelerator.last_pause) = (pause as usize, last_pause as usize);
        accelerator.judged = state.recall(JUDGED).and_then(|judged| judged.first().copied());
        let length = pack(&state.parameters).len();
        let pairs = |name: &str| {
            // A run that has not come far enough has saved none.
            let values = state.recall(name).unwrap_or_default();
            if !values.len().is_multiple_of(2 * length) {
                return Err(Error::DamagedState { what: format!("{name} has {} numbers", values.len()) });
            }
            let pair = |chunk: &[f64]| {
                let (a, b) = chunk.split_at(length);
                (DVector::from_column_slice(a), DVector::from_column_slice(b))
            };
            Ok(values.chunks(2 * length).map(pair).collect::<Vec<_>>())
        };
        accelerator.memory = Memory { last: pairs(LAST)?.pop(), differences: pairs(DIFFERENCES)? };
        Ok(accelerator)
    }

    /// One iteration: `sweep` changes the state and gives its loss, and what is minimized beside it.
    pub(crate) fn iterate(
        &mut self,
        state: &mut Parameters,
        mut sweep: impl FnMut(&mut Parameters) -> Result<(LossParts, f64)>,
    ) -> Result<LossParts> {
        let here = pack(state);
        if self.pause > 0 {
            self.pause -= 1;
        } else if let (Some(trial), Some(before)) = (self.memory.extrapolate(), self.judged) {
            // A sweep starts from (X, w, b), but its bound touches at Y: a rejected trial must restore Y as
            // well.
            self.instances.assign(&state.factors.instances);
            unpack(&trial, state);
            // A trial may fail where the plain sweep does not: it is then one that did not help.
            if let Ok((loss, penalty)) = sweep(state)
                && loss.total + penalty <= before
            {
                self.memory.push(trial, pack(state));
                self.judged = Some(loss.total + penalty);
                self.last_pause = 1;
                return Ok(loss);
            }
            unpack(&here, state);
            state.factors.instances.assign(&self.instances);
            self.last_pause = (2 * self.last_pause).min(LONGEST_PAUSE);
            self.pause = self.last_pause;
        }
        let (loss, penalty) = sweep(state)?;
        self.memory.push(here, pack(state));
        self.judged = Some(loss.total + penalty);
        Ok(loss)
    }
}

/// The last sweeps.
#[derive(Debug, Default)]
struct Memory {
    /// Point and image of the last sweep.
    last: Option<(DVector<f64>, DVector<f64>)>,
    /// (difference of residuals, difference of images), the oldest first.
    differences: Vec<(DVector<f64>, DVector<f64>)>,
}

impl Memory {
    /// Notes a sweep from `point` to `image`.
    fn push(&mut self, point: DVector<f64>, image: DVector<f64>) {
        if let Some((old_point, old_image)) = &self.last {
            let images = &image - old_image;
            let residuals = &images - (&point - old_point);
            if self.differences.len() == DEPTH {
                self.differences.remove(0);
            }
            self.differences.push((residuals, images));
        }
        self.last = Some((point, image));
    }

    /// The point to sweep from next; `None` while there is too little to go by.
    fn extrapolate(&self) -> Option<DVector<f64>> {
        let (point, image) = self.last.as_ref()?;
        let k = self.differences.len();
        if k == 0 {
            return None;
        }
        let residual = image - point;
        // The normal equations of the fit of gamma, at most 8 x 8. The smallest positive number keeps them
        // solvable where all differences are 0.
        let mut gram = DMatrix::from_fn(k, k, |a, b| self.differences[a].0.dot(&self.differences[b].0));
        let ridge = RIDGE * gram.trace() / k as f64 + f64::MIN_POSITIVE;
        (0..k).for_each(|a| gram[(a, a)] += ridge);
        let right = DVector::from_fn(k, |a, _| self.differences[a].0.dot(&residual));
        let gamma = Cholesky::new(gram)?.solve(&right);
        let mut next = image.clone();
        for (g, (_, images)) in gamma.iter().zip(&self.differences) {
            next.axpy(-g, images, 1.0);
        }
        next.iter().all(|v| v.is_finite()).then_some(next)
    }
}

/// (X, w, b) as one vector.
fn pack(state: &Parameters) -> DVector<f64> {
    let values = state.factors.classifiers.iter().chain(&state.weights).chain([&state.bias]);
    DVector::from_iterator(state.factors.classifiers.len() + state.weights.len() + 1, values.copied())
}

/// Puts a vector of [`pack`] back.
fn unpack(values: &DVector<f64>, state: &mut Parameters) {
    let Parameters { factors, weights, bias } = state;
    let places = factors.classifiers.iter_mut().chain(weights).chain(std::iter::once(bias));
    places.zip(values.iter()).for_each(|(place, value)| *place = *value);
}

#[cfg(test)]
mod tests {
    use cfe_core::Factors;

    use super::*;

    /// A linear map s -> s / 2 + 1 in every entry of (X, w, b), the loss its squared distance from the fixed
    /// point 2.
    fn linear(state: &mut Parameters) -> Result<(LossParts, f64)> {
        let mut values = pack(state);
        let rates = [0.9, 0.5, 0.99, 0.3];
        for (k, v) in values.iter_mut().enumerate() {
            *v = 2.0 + rates[k % 4] * (*v - 2.0);
        }
        unpack(&values, state);
        let total = values.iter().map(|v| (v - 2.0).powi(2)).sum();
        Ok((LossParts { total, ..LossParts::default() }, 0.0))
    }

    #[test]
    fn an_affine_map_is_solved_in_as_many_sweeps_as_it_has_rates() {
        let mut state = Parameters::with_factors(Factors {
            classifiers: Array2::zeros((2, 3)),
            instances: Array2::zeros((2, 5)),
        });
        let mut accelerator = Accelerator::new(&state);
        let mut loss = None;
        for _ in 0..8 {
            loss = Some(accelerator.iterate(&mut state, linear).expect("finite").total);
        }
        // Plainly, the slowest entries would still be at 0.99^8 of their distance.
        assert!(loss.is_some_and(|loss| loss < 1e-6), "{loss:?}");
    }

    #[test]
    fn a_trial_that_makes_it_worse_leaves_no_trace() {
        let mut state = Parameters::with_factors(Factors {
            classifiers: Array2::ones((1, 1)),
            instances: Array2::ones((1, 2)),
        });
        let mut accelerator = Accelerator::new(&state);
        let mut calls = 0;
        let mut sweep = |state: &mut Parameters| {
            calls += 1;
            state.bias += 1.0;
            state.factors.instances.fill(f64::from(calls));
            // The third call is the first trial.
            let total = if calls == 3 { 9.0 } else { 1.0 / f64::from(calls) };
            Ok((LossParts { total, ..LossParts::default() }, 0.0))
        };
        let mut loss = None;
        for _ in 0..3 {
            loss = Some(accelerator.iterate(&mut state, &mut sweep).expect("finite").total);
        }
        assert_eq!((loss, calls), (Some(0.25), 4));
        assert_eq!((state.bias, state.factors.instances[(0, 0)]), (3.0, 4.0));
    }
}
