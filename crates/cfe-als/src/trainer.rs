//! The alternating loop.

use std::ops::ControlFlow;
use std::time::Instant;

use cfe_core::confidence::ConfidenceRule;
use cfe_core::objective::Problem;
use cfe_core::ridge::{self, Workspace};
use cfe_core::{
    Aggregator, ClassWeight, EnsembleData, Error, Factors, Fitted, History, HistoryEntry, Model, Objective,
    Observer, Result, Start, Step, StopReason, SupervisedLoss, Timings, Trainer,
};

use crate::exact::Exact;
use crate::spec::{AlsObjective, AlsSpec};

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
            AlsObjective::LabelAware { .. } => {
                Objective { loss: SupervisedLoss::Bce, class_weight: ClassWeight::Uniform, ..objective }
            }
            AlsObjective::Exact { .. } => objective,
        }
    }
}

/// The closed-form half of an iteration.
enum Sweep<'a> {
    LabelAware { rule: &'a ConfidenceRule<'a>, workspace: &'a Workspace<f64>, lambda: f64 },
    Exact(Exact<'a>),
}

impl Sweep<'_> {
    /// X from Y, then Y from X.
    fn run(&mut self, state: &mut Start) -> Result<()> {
        match self {
            Sweep::LabelAware { rule, workspace, lambda } => {
                let Factors { classifiers: x, instances: y } = &mut state.factors;
                ridge::update_classifiers(workspace, *rule, y.view(), *lambda, x)?;
                ridge::update_instances(workspace, *rule, x.view(), *lambda, y)
            }
            Sweep::Exact(exact) => exact.sweep(state),
        }
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
        let problem = Problem::new(data, &rule, self.spec.combined_objective())?;
        let monitored = Problem::new(data, &rule, self.monitored())?;
        let AlsSpec { max_iterations, lambda, aggregator, .. } = self.spec;
        let mut sweep = match self.spec.objective {
            AlsObjective::LabelAware { .. } => {
                Sweep::LabelAware { rule: &rule, workspace: problem.workspace(), lambda }
            }
            AlsObjective::Exact { .. } => Sweep::Exact(Exact::new(&problem, data)),
        };

        let mut state = start;
        aggregator.prepare(data, &mut state);
        let mut history = History::default();
        let mut stop = StopReason::MaxIterations;
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
            sweep.run(&mut state)?;
            if iteration > aggregator.freeze_iterations && problem.objective().rho < 1.0 {
                aggregator.update(&problem, data, &mut state)?;
            }
            let loss = monitored.evaluate(&state.factors, &state.weights, state.bias)?;
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
        let loss = problem.evaluate(&state.factors, &state.weights, state.bias)?;
        let aggregator = Aggregator::Weighted { weights: state.weights, bias: state.bias };
        let model =
            Model::new(data, state.factors, aggregator, confidence.clone(), self.spec.combined_objective())?;
        Ok(Fitted::new(model, history, loss, stop, timings, "CPU f64".to_owned()))
    }
}
