//! The alternating loop.

use std::ops::ControlFlow;
use std::time::Instant;

use cfe_core::objective::Problem;
use cfe_core::ridge::{self, InstanceSums, Workspace};
use cfe_core::rows::{rows_of, rows_of_mut};
use cfe_core::{
    Aggregator, AggregatorKind, ClassWeight, Costs, Dtype, EnsembleData, Error, Factors, Fitted, History,
    HistoryEntry, LossParts, Model, Objective, Observer, OnDivergence, Result, Start, Step, StopReason,
    SupervisedLoss, Timings, Trainer, TrainingState,
};

use ndarray::Array2;
use rayon::prelude::*;

use crate::acceleration::Accelerator;
use crate::aggregator::centre;
use crate::exact::Exact;
use crate::memory::estimate_memory;
use crate::spec::{AlsObjective, AlsSpec};

/// Name of the trainer.
const NAME: &str = "als";

/// The ALS trainer: a checked [`AlsSpec`].
#[derive(Debug, Clone)]
pub struct Als {
    spec: AlsSpec,
}

impl TryFrom<AlsSpec> for Als {
    type Error = Error;

    fn try_from(spec: AlsSpec) -> Result<Self> {
        spec.validate()?;
        Ok(Self { spec })
    }
}

impl Als {
    /// The parameters.
    pub fn spec(&self) -> &AlsSpec {
        &self.spec
    }

    /// What the tolerance and the history refer to. As published, that is the plain mean BCE even under class weights.
    fn monitored(&self) -> Objective {
        let objective = self.spec.combined_objective();
        match self.spec.objective {
            AlsObjective::LabelAware { .. } => Objective {
                loss: SupervisedLoss::Bce,
                class_weight: ClassWeight::Uniform,
                costs: Costs::default(),
                ..objective
            },
            AlsObjective::Exact { .. } => objective,
        }
    }
}

/// The closed-form half of an iteration.
enum Sweep<'a> {
    /// Whether b belongs to the centred r_hat, and so moves with its mean.
    LabelAware {
        center: bool,
    },
    /// The same in f32.
    Single {
        center: bool,
        single: Box<Single>,
    },
    Exact(Exact<'a>),
}

/// X and Y in f32; the state keeps copies in f64 for the loss and the aggregator.
struct Single {
    workspace: Workspace<f32>,
    x: Array2<f32>,
    y: Array2<f32>,
}

impl Single {
    fn new(state: &Start) -> Self {
        let Factors { classifiers, instances } = &state.factors;
        let narrow = |values: &Array2<f64>| values.mapv(|v| v as f32);
        Self { workspace: Workspace::new(), x: narrow(classifiers), y: narrow(instances) }
    }

    fn sweep(&mut self, problem: &Problem<'_>, factors: &mut Factors) -> Result<InstanceSums> {
        let Self { workspace, x, y } = self;
        let lambda = problem.objective().lambda as f32;
        ridge::update_classifiers(workspace, problem.rule(), y.view(), lambda, x)?;
        let sums = ridge::update_instances_and_sum(workspace, problem.rule(), x.view(), lambda, y)?;
        widen(&mut factors.classifiers, x);
        widen(&mut factors.instances, y);
        Ok(sums)
    }
}

/// Copies a matrix to f64; both are row-major.
fn widen(wide: &mut Array2<f64>, narrow: &Array2<f32>) {
    /// Numbers copied by one task.
    const BLOCK: usize = 1 << 15;
    let (wide, narrow) = (rows_of_mut(wide), rows_of(narrow));
    wide.par_chunks_mut(BLOCK).zip(narrow.par_chunks(BLOCK)).for_each(|(wide, narrow)| {
        wide.iter_mut().zip(narrow).for_each(|(wide, &narrow)| *wide = f64::from(narrow));
    });
}

/// Runs `update` on the factors; where r_hat is centred, b moves with its mean.
fn centred(
    center: bool,
    problem: &Problem<'_>,
    state: &mut Start,
    update: impl FnOnce(&mut Factors) -> Result<InstanceSums>,
) -> Result<InstanceSums> {
    let bias = center.then(|| state.bias + centre(problem, state));
    let sums = update(&mut state.factors)?;
    if let Some(bias) = bias {
        state.bias = bias - centre(problem, state);
    }
    Ok(sums)
}

impl Sweep<'_> {
    /// X from Y, then Y from X, with what the loss needs of the new Y; `None` where X was last.
    fn run(&mut self, problem: &Problem<'_>, state: &mut Start) -> Result<Option<InstanceSums>> {
        match self {
            Sweep::LabelAware { center } => centred(*center, problem, state, |factors| {
                let (workspace, lambda) = (problem.workspace(), problem.objective().lambda);
                let Factors { classifiers: x, instances: y } = factors;
                ridge::update_classifiers(workspace, problem.rule(), y.view(), lambda, x)?;
                ridge::update_instances_and_sum(workspace, problem.rule(), x.view(), lambda, y)
            })
            .map(Some),
            Sweep::Single { center, single } => {
                centred(*center, problem, state, |factors| single.sweep(problem, factors)).map(Some)
            }
            Sweep::Exact(exact) => exact.sweep(problem, state).map(|()| None),
        }
    }
}

impl Trainer for Als {
    fn name(&self) -> &'static str {
        NAME
    }

    fn estimate_memory(&self, data: &EnsembleData) -> Option<u64> {
        let (m, n) = (data.n_classifiers(), data.n_instances());
        Some(estimate_memory(&self.spec, m, n, data.labeled().len()))
    }

    fn start(&self, data: &EnsembleData) -> Result<Start> {
        Ok(Start::random(self.spec.latent_dim, data.n_classifiers(), data.n_instances(), self.spec.seed))
    }

    fn fit_from(&self, start: Start, data: &EnsembleData, observer: &mut dyn Observer) -> Result<Fitted> {
        let AlsSpec { resampling, seed, .. } = self.spec;
        resampling.train(seed, start, data, |start, data| self.train(Origin::Start(start), data, observer))
    }

    fn resume(
        &self,
        state: TrainingState,
        data: &EnsembleData,
        observer: &mut dyn Observer,
    ) -> Result<Fitted> {
        let AlsSpec { resampling, seed, .. } = self.spec;
        resampling.resume(seed, data, |data| self.train(Origin::State(Box::new(state)), data, observer))
    }
}

/// Where a run begins.
enum Origin {
    Start(Start),
    State(Box<TrainingState>),
}

/// Where a run is.
struct Position {
    iteration: usize,
    state: Start,
    history: History,
    accelerator: Option<Accelerator>,
    /// The lowest loss and its parameters, if they may be wanted.
    best: Option<(f64, Start)>,
}

/// Where the state of a run keeps the best parameters (X, Y, w, b one after the other) and their loss.
const BEST: &str = "best";
const BEST_LOSS: &str = "best loss";

impl Position {
    /// The loss of an iteration ago and the present one are closer than the tolerance.
    fn has_converged(&self, tolerance: f64) -> bool {
        match self.history.entries.as_slice() {
            [.., before, now] => (now.loss.total - before.loss.total).abs() < tolerance,
            _ => false,
        }
    }

    /// Copies the present parameters if no loss was lower.
    fn keep_if_best(&mut self) {
        let Some(loss) = self.loss().map(|loss| loss.total) else { return };
        match &mut self.best {
            Some((lowest, _)) if !(loss < *lowest) => {}
            Some((lowest, best)) => {
                *lowest = loss;
                best.clone_from(&self.state);
            }
            None => self.best = Some((loss, self.state.clone())),
        }
    }

    fn loss(&self) -> Option<LossParts> {
        self.history.entries.last().map(|entry| entry.loss)
    }

    fn training_state(&self, spec: &AlsSpec) -> TrainingState {
        let (parameters, history) = (self.state.clone(), self.history.clone());
        let mut state = TrainingState::new(NAME, spec, self.iteration, parameters, history);
        if let Some(accelerator) = &self.accelerator {
            accelerator.save(&mut state);
        }
        if let Some((loss, best)) = &self.best {
            let Start { factors, weights, bias } = best;
            let values = factors.classifiers.iter().chain(&factors.instances).chain(weights).chain([bias]);
            state.remember(BEST, values.copied().collect::<Vec<f64>>());
            state.remember(BEST_LOSS, [*loss]);
        }
        state
    }
}

impl Als {
    /// The aggregator at a point.
    fn aggregator(&self, state: &Start) -> Aggregator {
        match self.spec.aggregator.kind {
            AggregatorKind::Mean => Aggregator::Mean,
            _ => Aggregator::Weighted { weights: state.weights.clone(), bias: state.bias },
        }
    }

    fn loss(&self, problem: &Problem<'_>, state: &Start) -> Result<LossParts> {
        problem.evaluate_with(&state.factors, &self.aggregator(state))
    }

    fn train(&self, origin: Origin, data: &EnsembleData, observer: &mut dyn Observer) -> Result<Fitted> {
        let began = Instant::now();
        match &origin {
            Origin::Start(start) => start.validate(data.n_classifiers(), data.n_instances())?,
            Origin::State(state) => state.check(NAME, &self.spec, "max_iterations", data)?,
        }
        if data.labeled().is_empty() {
            return Err(Error::NoLabels);
        }
        let confidence = self.spec.confidence.fit(data)?;
        let rule = confidence.on_training(data);
        let mut problem = Problem::new(data, &rule, self.spec.combined_objective())?;
        let monitored = Problem::new(data, &rule, self.monitored())?;
        let AlsSpec { max_iterations, aggregator, weight_schedule, dtype, .. } = self.spec;
        let mut at = self.position(origin, &problem, data)?;
        let center = aggregator.center;
        let mut sweep = match (self.spec.objective, dtype) {
            (AlsObjective::Exact { .. }, _) => Sweep::Exact(Exact::new(&problem, data)),
            (AlsObjective::LabelAware { .. }, Dtype::F64) => Sweep::LabelAware { center },
            (AlsObjective::LabelAware { .. }, Dtype::F32) => {
                Sweep::Single { center, single: Box::new(Single::new(&at.state)) }
            }
        };
        let trains_aggregator = aggregator.kind != AggregatorKind::Mean && problem.objective().rho < 1.0;
        let looped = Instant::now();
        let stop = loop {
            let snapshot = || Ok(at.training_state(&self.spec));
            let Start { weights, bias, .. } = &at.state;
            let step =
                Step::new(at.iteration, max_iterations, at.loss(), weights, *bias).with_state(&snapshot);
            let stopped = observer.wants(at.iteration) && observer.step(&step) == ControlFlow::Break(());
            if at.has_converged(self.spec.tolerance) {
                break StopReason::Converged;
            }
            if at.iteration >= max_iterations {
                break StopReason::MaxIterations;
            }
            if stopped {
                break StopReason::Observer;
            }
            at.iteration += 1;
            let iteration = at.iteration;
            if weight_schedule.changes_at(iteration - 1) {
                let Start { factors, weights, bias } = &at.state;
                let logits = problem.labeled_logits(factors, weights, *bias);
                problem.set_instance_weights(problem.scheduled_weights(
                    weight_schedule,
                    iteration - 1,
                    &logits,
                ))?;
            }
            let mut iterate = |state: &mut Start| {
                let sums = sweep.run(&problem, state)?;
                let mut penalty = 0.0;
                if iteration > aggregator.freeze_iterations && trains_aggregator {
                    // Spec and data were checked before: a number that is refused here has overflowed.
                    let updated = aggregator.update(&problem, data, state);
                    penalty = updated.map_err(|error| match error {
                        Error::InvalidParameter { .. } => Error::Diverged { iteration, loss: f64::NAN },
                        error => error,
                    })?;
                }
                // Said here, where the iteration is known: the loss would refuse them as weights out of range.
                if !state.weights.iter().chain([&state.bias]).all(|v| v.is_finite()) {
                    return Err(Error::Diverged { iteration, loss: f64::NAN });
                }
                let loss = match sums {
                    Some(sums) => monitored.evaluate_with_sums(&state.factors, &self.aggregator(state), sums),
                    None => self.loss(&monitored, state),
                }?;
                Ok((loss, (1.0 - problem.objective().rho) * penalty))
            };
            let iterated = match &mut at.accelerator {
                Some(accelerator) => accelerator.iterate(&mut at.state, iterate),
                None => iterate(&mut at.state).map(|(loss, _)| loss),
            };
            match iterated.and_then(|loss| at.history.check(iteration, loss)) {
                Ok(loss) => at.history.entries.push(HistoryEntry { iteration, loss }),
                Err(error @ Error::Diverged { .. }) => match at.best.take() {
                    Some((_, best)) => {
                        at.state = best;
                        break StopReason::Diverged;
                    }
                    None => return Err(error),
                },
                Err(error) => return Err(error),
            }
            if self.spec.on_divergence == OnDivergence::KeepBest {
                at.keep_if_best();
            }
        };
        let timings = Timings { total: began.elapsed(), iterations: looped.elapsed() };
        let Position { state, history, .. } = at;
        let loss = self.loss(&problem, &state)?;
        let aggregator = self.aggregator(&state);
        let mut model =
            Model::new(data, state.factors, aggregator, confidence.clone(), self.spec.combined_objective())?;
        if model.aggregator == Aggregator::Mean {
            // Class weights and costs act on w and b alone, so the mean of r_hat has nothing that must be undone.
            model.logit_shift = 0.0;
        }
        Ok(Fitted::new(model, history, loss, stop, timings, format!("CPU {dtype}")))
    }

    fn position(&self, origin: Origin, problem: &Problem<'_>, data: &EnsembleData) -> Result<Position> {
        let accelerate = self.spec.accelerates();
        let row_major = |start: Start| Start { factors: start.factors.into_row_major(), ..start };
        Ok(match origin {
            Origin::Start(start) => {
                let mut state = row_major(start);
                self.spec.aggregator.prepare(problem, data, &mut state);
                let accelerator = accelerate.then(|| Accelerator::new(&state));
                Position { iteration: 0, state, history: History::default(), accelerator, best: None }
            }
            Origin::State(saved) => {
                let accelerator = accelerate.then(|| Accelerator::load(&saved)).transpose()?;
                let best = best_of(&saved)?;
                let TrainingState { iteration, parameters, history, .. } = *saved;
                Position { iteration, state: row_major(parameters), history, accelerator, best }
            }
        })
    }
}

/// The lowest loss and its parameters in a state.
fn best_of(state: &TrainingState) -> Result<Option<(f64, Start)>> {
    let Some(values) = state.recall(BEST) else { return Ok(None) };
    let [loss] = state.recall_exactly(BEST_LOSS)?;
    let mut best =
        Start { factors: state.parameters.factors.clone().into_row_major(), ..state.parameters.clone() };
    let Start { factors, weights, bias } = &mut best;
    let places = factors.classifiers.iter_mut().chain(&mut factors.instances).chain(weights);
    let places: Vec<&mut f64> = places.chain(std::iter::once(bias)).collect();
    if places.len() != values.len() {
        let what = format!("{BEST} has {} numbers where {} belong", values.len(), places.len());
        return Err(Error::DamagedState { what });
    }
    places.into_iter().zip(values).for_each(|(place, value)| *place = value);
    Ok(Some((loss, best)))
}
