//! The alternating loop.

use std::ops::ControlFlow;
use std::time::Instant;

use cfe_core::objective::Problem;
use cfe_core::ridge::{self, RuleCells};
use cfe_core::{
    Aggregator, ClassWeight, EnsembleData, Error, Fitted, History, HistoryEntry, Model, Objective, Observer,
    Reduction, Result, Start, Step, StopReason, SupervisedLoss, Timings, Trainer,
};

use crate::spec::{AggregatorSolver, AlsSpec};

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

    /// What w and b are trained for.
    fn objective(&self) -> Objective {
        Objective {
            rho: self.spec.monitor_rho,
            lambda: self.spec.lambda,
            reduction: Reduction::Sum,
            loss: self.spec.loss,
            class_weight: self.spec.class_weight,
        }
    }

    /// What the tolerance and the history refer to: plain mean BCE even under class weights, as published.
    fn monitored(&self) -> Objective {
        Objective { loss: SupervisedLoss::Bce, class_weight: ClassWeight::Uniform, ..self.objective() }
    }

    fn step_aggregator(&self, problem: &Problem<'_>, state: &mut Start) {
        let AggregatorSolver::GradientStep { learning_rate } = self.spec.aggregator;
        let gradient = problem.aggregator_gradient(&state.factors, &state.weights, state.bias);
        state.weights.iter_mut().zip(&gradient.weights).for_each(|(w, g)| *w -= learning_rate * g);
        state.bias -= learning_rate * gradient.bias;
    }
}

impl Trainer for Als {
    fn name(&self) -> &'static str {
        "als"
    }

    fn start(&self, data: &EnsembleData) -> Result<Start> {
        Ok(Start::random(self.spec.latent_dim, data.n_classifiers(), data.n_instances(), self.spec.seed))
    }

    fn fit_from(&self, start: Start, data: &EnsembleData, observer: &mut dyn Observer) -> Result<Fitted> {
        let began = Instant::now();
        start.validate(data.n_classifiers(), data.n_instances())?;
        if data.labeled().is_empty() {
            return Err(Error::NoLabels);
        }
        let confidence = self.spec.confidence.fit(data)?;
        let rule = confidence.on_training(data);
        let cells = RuleCells(&rule);
        let problem = Problem::new(data, &rule, self.objective())?;
        let monitored = Problem::new(data, &rule, self.monitored())?;

        let mut state = start;
        let mut history = History::default();
        let mut stop = StopReason::MaxIterations;
        let max_iterations = self.spec.max_iterations;
        let looped = Instant::now();
        let mut watch = |iteration, loss, state: &Start| {
            let step = Step::new(iteration, max_iterations, loss, &state.weights, state.bias);
            observer.wants(iteration) && observer.step(&step) == ControlFlow::Break(())
        };
        let mut stopped = watch(0, None, &state);
        for iteration in 1..=max_iterations {
            if stopped {
                stop = StopReason::Observer;
                break;
            }
            let factors = &mut state.factors;
            ridge::update_classifiers(
                &cells,
                factors.instances.view(),
                self.spec.lambda,
                &mut factors.classifiers,
            )?;
            ridge::update_instances(
                &cells,
                factors.classifiers.view(),
                self.spec.lambda,
                &mut factors.instances,
            )?;
            if iteration > self.spec.freeze_aggregator_iterations {
                self.step_aggregator(&problem, &mut state);
            }
            let loss = monitored.evaluate(&state.factors, &state.weights, state.bias);
            if !loss.total.is_finite() {
                return Err(Error::Diverged { iteration, loss: loss.total });
            }
            let before = history.entries.last().map(|entry: &HistoryEntry| entry.loss.total);
            history.entries.push(HistoryEntry { iteration, loss });
            stopped = watch(iteration, Some(loss), &state);
            if before.is_some_and(|before| (loss.total - before).abs() < self.spec.tolerance) {
                stop = StopReason::Converged;
                break;
            }
        }
        let timings = Timings { total: began.elapsed(), iterations: looped.elapsed() };
        let loss = problem.evaluate(&state.factors, &state.weights, state.bias);
        let aggregator = Aggregator::Weighted { weights: state.weights, bias: state.bias };
        let model = Model::new(data, state.factors, aggregator, confidence.clone(), self.objective())?;
        Ok(Fitted::new(model, history, loss, stop, timings, "CPU f64".to_owned()))
    }
}
