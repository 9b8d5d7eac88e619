//! The joint loop: one loss, one backward pass, one step for X, Y, w and b.

use std::ops::ControlFlow;
use std::time::Instant;

use cfe_core::objective::Problem;
use cfe_core::{
    Aggregator, AggregatorKind, EnsembleData, Error, Fitted, Gate, History, HistoryEntry, LossParts, Model,
    Observer, Result, Sampler, Start, Step, StopReason, Timings, Trainer,
};
use tch::{COptimizer, TchError};

use crate::convert::Placement;
use crate::device::ResolvedDevice;
use crate::error::{TorchError, backend};
use crate::memory::{estimate_memory, free_cuda_memory};
use crate::parameters::{Parameters, draw_start};
use crate::problem::TensorProblem;
use crate::schedule::{Patience, Plateau};
use crate::spec::TorchSpec;

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
        let free = match device.tch_device {
            tch::Device::Cuda(index) => free_cuda_memory(index),
            _ => None,
        };
        match [self.spec.memory_limit_bytes, free].into_iter().flatten().min() {
            Some(available) if needed > available => Err(backend(TorchError::TooLarge { needed, available })),
            _ => Ok(()),
        }
    }
}

impl Trainer for Torch {
    fn name(&self) -> &'static str {
        "torch"
    }

    fn start(&self, data: &EnsembleData) -> Result<Start> {
        let (m, n) = (data.n_classifiers(), data.n_instances());
        draw_start(self.spec.start, self.spec.latent_dim, m, n, self.spec.seed).map_err(backend)
    }

    fn fit_from(&self, start: Start, data: &EnsembleData, observer: &mut dyn Observer) -> Result<Fitted> {
        let TorchSpec { resampling, seed, .. } = self.spec;
        resampling.train(seed, start, data, |start, data| self.train(start, data, observer))
    }
}

impl Torch {
    fn train(&self, mut start: Start, data: &EnsembleData, observer: &mut dyn Observer) -> Result<Fitted> {
        let began = Instant::now();
        start.validate(data.n_classifiers(), data.n_instances())?;
        if data.labeled().is_empty() {
            return Err(Error::NoLabels);
        }
        let device = self.spec.device.resolve().map_err(backend)?;
        self.check_memory(data, &device)?;
        tch::set_num_threads(i32::try_from(self.spec.threads).unwrap_or(i32::MAX));

        let confidence = self.spec.confidence.fit(data)?;
        let rule = confidence.on_training(data);
        let problem = Problem::new(data, &rule, self.spec.objective())?;
        let placement = Placement::new(device.tch_device, self.spec.dtype);
        start.bias = self.spec.aggregator.bias_start.bias(data, start.bias);
        let mut run = Run::new(&self.spec, data, &problem, &start, placement).map_err(backend)?;

        let looped = Instant::now();
        let stop = run.train(observer)?;
        let (mut state, gate) = run.result().map_err(backend)?;
        if self.spec.aggregator.center {
            let mean = problem.mean_reconstruction(&state.factors);
            state.bias -= mean.iter().zip(&state.weights).map(|(mu, w)| mu * w).sum::<f64>();
        }
        let Start { factors, weights, bias } = state;
        let aggregator = match (self.spec.aggregator.kind, gate) {
            (AggregatorKind::Mean, _) => Aggregator::Mean,
            (_, Some(gate)) => Aggregator::Gated { weights, bias, gate },
            (_, None) => Aggregator::Weighted { weights, bias },
        };
        let loss = problem.evaluate_with(&factors, &aggregator)?;
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
    parameters: Parameters,
    optimizer: COptimizer,
    history: History,
    /// The lowest loss and its parameters, if they are to be restored.
    best: Option<(f64, Parameters)>,
}

impl<'a> Run<'a> {
    fn new(
        spec: &'a TorchSpec,
        data: &EnsembleData,
        core: &'a Problem<'a>,
        start: &Start,
        placement: Placement,
    ) -> Result<Self, TchError> {
        let gate = match spec.aggregator.kind {
            AggregatorKind::Gated { hidden } => Some(Gate::random(data.n_classifiers(), hidden, spec.seed)),
            _ => None,
        };
        let parameters = Parameters::new(start, gate.as_ref(), placement)?;
        Ok(Self {
            spec,
            core,
            problem: TensorProblem::new(data, core, spec.aggregator, placement)?,
            scheduled: core.base_weights().to_vec(),
            optimizer: parameters.optimizer(spec.optimizer, spec.learning_rate)?,
            parameters,
            history: History::default(),
            best: None,
        })
    }

    /// Epochs until something ends them. Each measures the loss at the present point (the history), then steps.
    fn train(&mut self, observer: &mut dyn Observer) -> Result<StopReason> {
        let mut rate = self.spec.learning_rate;
        let mut plateau = self.spec.reduce_on_plateau.map(Plateau::new);
        let mut patience = self.spec.early_stopping.map(Patience::new);
        for epoch in 0..self.spec.max_epochs {
            let loss = self.measure(epoch)?;
            if self.show(epoch, Some(loss), observer)? {
                self.history.entries.pop();
                return Ok(StopReason::Observer);
            }
            self.optimizer.step().map_err(backend)?;
            if let Some(lower) = plateau.as_mut().and_then(|plateau| plateau.observe(loss.total, rate)) {
                rate = lower;
                self.optimizer.set_learning_rate(rate).map_err(backend)?;
                self.history.learning_rate_changes.push((epoch + 1, rate));
            }
            if patience.as_mut().is_some_and(|patience| patience.observe(loss.total)) {
                return Ok(StopReason::EarlyStopping);
            }
        }
        Ok(StopReason::MaxIterations)
    }

    /// Moves the weights of the labeled instances, where schedule or sampler do.
    fn reweigh(&mut self, epoch: usize) -> Result<(), TchError> {
        let TorchSpec { weight_schedule: schedule, sampler, seed, .. } = *self.spec;
        let scheduled = schedule.changes_at(epoch);
        if scheduled {
            let logits = match schedule.needs_logits() {
                true => self.problem.read_logits(&self.parameters)?,
                false => Vec::new(),
            };
            self.scheduled = self.core.scheduled_weights(schedule, epoch, &logits);
        }
        if scheduled || sampler != Sampler::FullBatch {
            let weights = sampler.weights(seed, epoch, self.core.targets(), &self.scheduled);
            self.problem.set_weights(&weights)?;
        }
        Ok(())
    }

    /// Loss and gradient at the present point.
    fn measure(&mut self, epoch: usize) -> Result<LossParts> {
        self.reweigh(epoch).map_err(backend)?;
        self.optimizer.zero_grad().map_err(backend)?;
        let loss = if epoch < self.spec.aggregator.freeze_iterations {
            self.parameters.with_frozen_aggregator().and_then(|frozen| self.problem.loss(&frozen))
        } else {
            self.problem.loss(&self.parameters)
        }
        .map_err(backend)?;
        loss.minimised.f_backward().map_err(backend)?;
        let parts = self.problem.read(&loss).map_err(backend)?;
        if !parts.total.is_finite() {
            return Err(Error::Diverged { iteration: epoch, loss: parts.total });
        }
        self.history.entries.push(HistoryEntry { iteration: epoch, loss: parts });
        if self.spec.restore_best && self.best.as_ref().is_none_or(|(best, _)| parts.total < *best) {
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
        let centre = self.problem.read_centre(&self.parameters).map_err(backend)?;
        let step = Step::new(iteration, self.spec.max_epochs, loss, &weights, bias - centre);
        Ok(observer.step(&step) == ControlFlow::Break(()))
    }

    /// The parameters to return: the best ones seen, counting the last step, or the last ones.
    fn result(&mut self) -> Result<(Start, Option<Gate>), TchError> {
        let last = self.problem.read(&self.problem.loss(&self.parameters)?)?.total;
        match &self.best {
            Some((best, parameters)) if !(last < *best) => parameters.read(),
            _ => self.parameters.read(),
        }
    }
}
