//! The joint loop: one loss, one backward pass, one step for X, Y, w and b.

use std::ops::ControlFlow;
use std::sync::Once;
use std::time::Instant;

use cfe_core::objective::Problem;
use cfe_core::settings;
use cfe_core::{
    Aggregator, AggregatorKind, Dtype, EnsembleData, Error, Fitted, Gate, History, HistoryEntry, LossParts,
    Model, Observer, OnDivergence, Parameters, Resampling, Result, Sampler, Step, StopReason, Timings,
    Trainer, TrainingState, check_memory,
};
use ndarray::Array2;
use tch::{TchError, Tensor};

use crate::convert::Placement;
use crate::device::{Device, ResolvedDevice};
use crate::error::{TorchError, backend};
use crate::memory::{estimate_memory, free_cuda_memory};
use crate::optimizer::Stepper;
use crate::problem::TensorProblem;
use crate::schedule::{Patience, Plateau};
use crate::spec::TorchSpec;
use crate::tensors::{Tensors, draw_start};

/// Name of the trainer.
const NAME: &str = "torch";

/// Key of the iterations at most, which a resumed run may raise.
const LIMIT: &str = "max_iterations";

/// Where the state of a run keeps the gate, the best parameters with their loss, and the learning rate.
const GATE: &str = "parameters";
const BEST: &str = "best";
const BEST_LOSS: &str = "best loss";
const RATE: &str = "learning rate";

/// The joint trainer: a checked [`TorchSpec`].
#[derive(Debug, Clone)]
pub struct Torch {
    spec: TorchSpec,
}

impl TryFrom<TorchSpec> for Torch {
    type Error = Error;

    fn try_from(spec: TorchSpec) -> Result<Self> {
        spec.validate()?;
        Ok(Self { spec })
    }
}

impl Torch {
    /// The parameters.
    pub fn spec(&self) -> &TorchSpec {
        &self.spec
    }

    /// Refuses data that would not fit the memory limit or the device.
    fn check_memory(&self, data: &EnsembleData, device: &ResolvedDevice) -> Result<()> {
        let (m, n, labeled) = (data.n_classifiers(), data.n_instances(), data.labeled().len());
        let needed = estimate_memory(&self.spec, m, n, labeled);
        // A CUDA device knows its free memory; on the CPU the core's check answers for the system.
        let free = match device.tch_device {
            tch::Device::Cuda(index) => free_cuda_memory(index),
            _ => {
                check_memory("joint training", needed)?;
                None
            }
        };
        match [self.spec.memory_limit_bytes, free].into_iter().flatten().min() {
            Some(available) if needed > available => Err(backend(TorchError::TooLarge { needed, available })),
            _ => Ok(()),
        }
    }
}

impl Trainer for Torch {
    fn name(&self) -> &'static str {
        NAME
    }

    /// With the data in f64, from which the tensors are made.
    fn estimate_memory(&self, data: &EnsembleData) -> Option<u64> {
        let (m, n) = (data.n_classifiers(), data.n_instances());
        let data_bytes = 8 * (m as u64).saturating_mul(n as u64);
        Some(data_bytes.saturating_add(estimate_memory(&self.spec, m, n, data.labeled().len())))
    }

    fn start(&self, data: &EnsembleData) -> Result<Parameters> {
        let (m, n) = (data.n_classifiers(), data.n_instances());
        draw_start(self.spec.start, self.spec.latent_dim, m, n, self.spec.seed)
    }

    fn start_ignores_labels(&self) -> bool {
        true
    }

    fn latent_dim(&self) -> Option<usize> {
        Some(self.spec.latent_dim)
    }

    fn fit_from(
        &self,
        start: Parameters,
        data: &EnsembleData,
        observer: &mut dyn Observer,
    ) -> Result<Fitted> {
        if self.spec.resampling == Resampling::None {
            return self.train(start, None, data, observer);
        }
        let resampled = self.spec.resampling.apply(data, self.spec.seed)?;
        let fitted = self.train(resampled.extend(start)?, None, &resampled.data, observer)?;
        Ok(resampled.restrict(fitted))
    }

    fn resume(
        &self,
        state: TrainingState,
        data: &EnsembleData,
        observer: &mut dyn Observer,
    ) -> Result<Fitted> {
        let train = |data: &EnsembleData, observer: &mut dyn Observer| {
            state.check(NAME, &self.spec, LIMIT, data)?;
            self.train(state.parameters.clone(), Some(&state), data, observer)
        };
        if self.spec.resampling == Resampling::None {
            return train(data, observer);
        }
        // The same seed draws the same synthetic instances, whose factors are in the state.
        let resampled = self.spec.resampling.apply(data, self.spec.seed)?;
        Ok(resampled.restrict(train(&resampled.data, observer)?))
    }
}

/// Trains a few numbers once in a process, on one thread.
///
/// libtorch and its library of matrix products choose their kernels in the first call of each operation.
/// Where two threads come first together, one of them may take another kernel for this one call, whose sums
/// round differently: of 400 processes that trained on two threads at once, the first fit had other bits in
/// 8, and in none of 900 that had trained before.
fn choose_kernels() {
    static CHOSEN: Once = Once::new();
    CHOSEN.call_once(|| {
        let predictions = Array2::from_shape_fn((5, 400), |(u, i)| (i * (u + 3) % 17) as f64 / 17.0);
        let labels = (0..400).map(|i| Some(i % 4 == 0)).collect();
        let data = EnsembleData::new(predictions, labels).expect("probabilities and labels");
        for dtype in [Dtype::F32, Dtype::F64] {
            let spec = TorchSpec { dtype, device: Device::Cpu, max_iterations: 2, ..TorchSpec::default() };
            let start = Parameters::random(spec.latent_dim, 5, 400, 0);
            // A failure would come again in the fit itself, which reports it.
            start.and_then(|start| Torch { spec }.train_prepared(start, None, &data, &mut ())).ok();
        }
    });
}

impl Torch {
    /// From `start`, or from a state whose parameters `start` holds.
    fn train(
        &self,
        start: Parameters,
        state: Option<&TrainingState>,
        data: &EnsembleData,
        observer: &mut dyn Observer,
    ) -> Result<Fitted> {
        choose_kernels();
        self.train_prepared(start, state, data, observer)
    }

    /// The same once the kernels are chosen.
    fn train_prepared(
        &self,
        mut start: Parameters,
        state: Option<&TrainingState>,
        data: &EnsembleData,
        observer: &mut dyn Observer,
    ) -> Result<Fitted> {
        let began = Instant::now();
        start.validate(data.n_classifiers(), data.n_instances())?;
        if data.labeled().is_empty() {
            return Err(Error::NoLabels);
        }
        self.spec.sampler.check_data(data.labeled().len())?;
        let device = self.spec.device.resolve().map_err(backend)?;
        self.check_memory(data, &device)?;
        let threads = settings::threads(self.spec.threads)?;
        tch::set_num_threads(i32::try_from(threads).expect("at most 256 threads, or the cores of a machine"));

        let confidence = self.spec.confidence.fit(data)?;
        let rule = confidence.on_training(data);
        let problem = Problem::new(data, &rule, self.spec.objective())?;
        let placement = Placement::new(device.tch_device, self.spec.dtype);
        // The bias in a saved state has been prepared already.
        if state.is_none() {
            start.bias = self.spec.aggregator.bias_start.bias(data, start.bias);
        }
        let mut run = Run::new(&self.spec, data, &problem, &start, placement).map_err(backend)?;
        if let Some(state) = state {
            run.load(state)?;
        }

        let looped = Instant::now();
        let stop = run.train(state.map_or(0, |state| state.iteration), observer)?;
        let (mut state, gate) = run.result(stop).map_err(backend)?;
        // The tensors train the bias of the centered r_hat; the model's is b - w . mu.
        if self.spec.aggregator.center {
            state.bias -= problem.center(&state)?;
        }
        let Parameters { factors, weights, bias } = state;
        let aggregator = match (self.spec.aggregator.kind, gate) {
            (AggregatorKind::Mean, _) => Aggregator::Mean,
            (_, Some(gate)) => Aggregator::Gated { weights, bias, gate },
            (_, None) => Aggregator::Weighted { weights, bias },
        };
        let loss = problem.evaluate_model(&factors, &aggregator)?;
        // The loop shows the point before each step. The point after the last one is shown here, with its
        // loss in f64.
        if stop == StopReason::MaxIterations || stop == StopReason::EarlyStopping {
            run.show(run.history.n_iterations(), Some(loss), observer)?;
        }
        let timings = Timings { total: began.elapsed(), iterations: looped.elapsed() };
        let model = Model::new(data, factors, aggregator, confidence.clone(), self.spec.objective())?;
        let used = format!("{} {}", device.description, self.spec.dtype);
        Ok(Fitted::new(model, run.history, loss, stop, timings, used))
    }
}

/// One training run.
#[derive(Debug)]
struct Run<'a> {
    spec: &'a TorchSpec,
    core: &'a Problem<'a>,
    problem: TensorProblem,
    /// Weights of the labeled instances where the schedule has them.
    scheduled: Vec<f64>,
    parameters: Tensors,
    /// At the present point, of the parameters that are trained.
    gradients: Vec<Tensor>,
    optimizer: Stepper,
    rate: f64,
    plateau: Option<Plateau>,
    patience: Option<Patience>,
    history: History,
    /// The lowest loss and its parameters, if they may be wanted.
    best: Option<(f64, Tensors)>,
}

impl<'a> Run<'a> {
    fn new(
        spec: &'a TorchSpec,
        data: &EnsembleData,
        core: &'a Problem<'a>,
        start: &Parameters,
        placement: Placement,
    ) -> Result<Self, TchError> {
        let gate = match spec.aggregator.kind {
            AggregatorKind::Gated { hidden } => Some(Gate::random(data.n_classifiers(), hidden, spec.seed)),
            _ => None,
        };
        let parameters = Tensors::new(start, gate.as_ref(), placement)?;
        Ok(Self {
            spec,
            core,
            problem: TensorProblem::new(data, core, spec.aggregator, placement)?,
            scheduled: core.base_weights().to_vec(),
            optimizer: Stepper::new(spec.optimizer, &parameters)?,
            parameters,
            gradients: Vec::new(),
            rate: spec.learning_rate,
            plateau: spec.reduce_on_plateau.map(Plateau::new),
            patience: spec.early_stopping.map(Patience::new),
            history: History::default(),
            best: None,
        })
    }

    /// Epochs until something ends them. Each measures the loss at the present point (the history), then
    /// steps.
    fn train(&mut self, first_epoch: usize, observer: &mut dyn Observer) -> Result<StopReason> {
        for epoch in first_epoch.. {
            if self.patience.as_ref().is_some_and(Patience::is_exhausted) {
                return Ok(StopReason::EarlyStopping);
            }
            if epoch >= self.spec.max_iterations {
                break;
            }
            let loss = match self.measure(epoch) {
                // A loss beyond all numbers ends a run that keeps its best state, and that state is the
                // result.
                Err(Error::Diverged { .. }) if self.keeps_best() && self.best.is_some() => {
                    return Ok(StopReason::Diverged);
                }
                measured => measured?,
            };
            if self.show(epoch, Some(loss), observer)? {
                // The history has an entry for each step, and this step is not made.
                self.history.entries.pop();
                return Ok(StopReason::Observer);
            }
            self.optimizer.step(&self.gradients, self.rate).map_err(backend)?;
            if let Some(lower) =
                self.plateau.as_mut().and_then(|plateau| plateau.observe(loss.total, self.rate))
            {
                self.rate = lower;
                self.history.learning_rate_changes.push((epoch + 1, lower));
            }
            if let Some(patience) = &mut self.patience {
                patience.observe(loss.total);
            }
        }
        Ok(StopReason::MaxIterations)
    }

    /// The state before the step of `epoch`, whose loss a run that resumes from it measures again.
    fn training_state(&self, epoch: usize) -> Result<TrainingState> {
        let (start, gate) = self.parameters.read().map_err(backend)?;
        let mut history = self.history.clone();
        history.entries.retain(|entry| entry.iteration < epoch);
        let mut state = TrainingState::new(NAME, self.spec, epoch, start, history);
        if gate.is_some() {
            self.parameters.save(GATE, &mut state).map_err(backend)?;
        }
        self.optimizer.save(&mut state).map_err(backend)?;
        state.remember(RATE, [self.rate]);
        self.plateau.iter().for_each(|plateau| plateau.save(&mut state));
        self.patience.iter().for_each(|patience| patience.save(&mut state));
        if let Some((loss, best)) = &self.best {
            state.remember(BEST_LOSS, [*loss]);
            best.save(BEST, &mut state).map_err(backend)?;
        }
        Ok(state)
    }

    /// Takes up what [`training_state`](Self::training_state) gave, whose X, Y, w and b are there already.
    fn load(&mut self, state: &TrainingState) -> Result<()> {
        if self.parameters.gate.is_some() {
            self.parameters.load(GATE, state)?;
        }
        self.optimizer.load(state)?;
        [self.rate] = state.recall_exactly(RATE)?;
        self.plateau.iter_mut().try_for_each(|plateau| plateau.load(state))?;
        self.patience.iter_mut().try_for_each(|patience| patience.load(state))?;
        if let Some(&[loss]) = state.recall(BEST_LOSS).as_deref() {
            // A copy for its shapes, whose numbers are overwritten.
            let best = self.parameters.snapshot().map_err(backend)?;
            best.load(BEST, state)?;
            self.best = Some((loss, best));
        }
        self.history = state.history.clone();
        Ok(())
    }

    /// Moves the weights of the labeled instances, where schedule or sampler do.
    fn reweigh(&mut self, epoch: usize) -> Result<()> {
        let TorchSpec { weight_schedule: schedule, sampler, seed, .. } = *self.spec;
        let scheduled = schedule.changes_at(epoch);
        if scheduled {
            let logits = match schedule.needs_logits() {
                true => self.problem.read_logits(&self.parameters).map_err(backend)?,
                false => Vec::new(),
            };
            self.scheduled = self.core.scheduled_weights(schedule, epoch, &logits)?;
        }
        // The sampler draws from the weights that the schedule has left.
        if scheduled || sampler != Sampler::FullBatch {
            let weights = sampler.weights(seed, epoch, self.core.targets(), &self.scheduled)?;
            self.problem.set_weights(&weights).map_err(backend)?;
        }
        Ok(())
    }

    /// Loss and gradient at the present point.
    fn measure(&mut self, epoch: usize) -> Result<LossParts> {
        self.reweigh(epoch)?;
        let loss = self.problem.loss(&self.parameters).map_err(backend)?;
        let aggregator = self.spec.aggregator;
        let trains_aggregator =
            aggregator.kind != AggregatorKind::Mean && epoch >= aggregator.freeze_iterations;
        let trained = self.parameters.trained(trains_aggregator);
        // Neither the graph nor a way to second derivatives is kept.
        self.gradients =
            Tensor::f_run_backward(&[&loss.minimized], &trained, false, false).map_err(backend)?;
        let parts = self.problem.read(&loss).map_err(backend)?;
        let parts = self.history.check(epoch, parts)?;
        self.history.entries.push(HistoryEntry { iteration: epoch, loss: parts });
        // The step follows later, so these parameters are the ones that the loss belongs to.
        if (self.spec.restore_best || self.keeps_best())
            && self.best.as_ref().is_none_or(|(best, _)| parts.total < *best)
        {
            self.best = Some((parts.total, self.parameters.snapshot().map_err(backend)?));
        }
        Ok(parts)
    }

    /// Shows a step to the observer; true if it wants to end.
    fn show(&self, iteration: usize, loss: Option<LossParts>, observer: &mut dyn Observer) -> Result<bool> {
        if !observer.wants(iteration) {
            return Ok(false);
        }
        let (weights, bias) = self.parameters.aggregator().map_err(backend)?;
        let center = self.problem.read_center(&self.parameters).map_err(backend)?;
        let state = || self.training_state(iteration);
        let step =
            Step::new(iteration, self.spec.max_iterations, loss, &weights, bias - center).with_state(&state);
        Ok(observer.step(&step) == ControlFlow::Break(()))
    }

    fn keeps_best(&self) -> bool {
        self.spec.on_divergence == OnDivergence::KeepBest
    }

    /// The parameters to return: the best ones seen, counting the last step, or the last ones.
    fn result(&mut self, stop: StopReason) -> Result<(Parameters, Option<Gate>), TchError> {
        let wanted = self.spec.restore_best || stop == StopReason::Diverged;
        // The point after the last step has not been measured by the loop. If its loss is NaN, it is not
        // below the best.
        let last = self.problem.read(&self.problem.loss(&self.parameters)?)?.total;
        match self.best.as_ref().filter(|_| wanted) {
            Some((best, parameters)) if !(last < *best) => parameters.read(),
            _ => self.parameters.read(),
        }
    }
}
