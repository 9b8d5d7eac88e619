//! The alternating loop.

use std::time::Instant;

use cfe_core::objective::Problem;
use cfe_core::ridge::{self, InstanceSums, Workspace};
use cfe_core::rows::{rows_of, rows_of_mut};
use cfe_core::{
    Aggregator, AggregatorKind, ClassWeight, Costs, Dtype, EnsembleData, Error, Factors, Fitted, LossParts,
    Model, Objective, Observer, Parameters, Resampling, Result, StopReason, SupervisedLoss, Timings, Trainer,
    TrainingState, check_memory,
};

use ndarray::Array2;
use rayon::prelude::*;

use crate::acceleration::Accelerator;
use crate::course::{Course, row_major};
use crate::exact::Exact;
use crate::memory::estimate_memory;
use crate::spec::{AlsObjective, AlsSpec};

/// Name of the trainer.
const NAME: &str = "als";

/// Key of the iterations at most, which a resumed run may raise.
pub(crate) const LIMIT: &str = "max_iterations";

/// The ALS trainer: a checked [`AlsSpec`].
///
/// A facade crate re-exports this crate; there the paths are `cf_ensemble::als::{Als, AlsSpec}`.
///
/// ```
/// use cfe_als::{Als, AlsSpec};
/// use cfe_core::{Trainer, synthetic::Separable};
///
/// let drawn = Separable::default().generate(1)?;
/// let als = Als::try_from(AlsSpec { latent_dim: 5, ..AlsSpec::default() })?;
/// let fitted = als.fit(&drawn.data)?;
/// // Predictions for all instances, the unlabeled ones too; and for new ones, each by itself.
/// let predictions = fitted.model.predict_training(&drawn.data)?;
/// let new = fitted.model.predict_new(drawn.data.predictions())?;
/// assert_eq!(predictions.probabilities.len(), new.probabilities.len());
/// # Ok::<(), cfe_core::Error>(())
/// ```
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

    /// What the tolerance and the history refer to. As published, that is the plain mean BCE even under class
    /// weights.
    pub(crate) fn monitored(&self) -> Objective {
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

    /// Refuses a fit that the machine has no room for, before anything is allocated. The data are there
    /// already.
    fn check_memory(&self, data: &EnsembleData) -> Result<()> {
        let (m, n) = (data.n_classifiers(), data.n_instances());
        let table = 8 * (m as u64).saturating_mul(n as u64);
        let needed = estimate_memory(&self.spec, m, n, data.labeled().len());
        check_memory("training by ALS", needed.saturating_sub(table))
    }

    /// The aggregator at a point.
    pub(crate) fn aggregator(&self, parameters: &Parameters) -> Aggregator {
        match self.spec.aggregator.kind {
            AggregatorKind::Mean => Aggregator::Mean,
            _ => Aggregator::Weighted { weights: parameters.weights.clone(), bias: parameters.bias },
        }
    }

    fn train(&self, from: From, data: &EnsembleData, observer: &mut dyn Observer) -> Result<Fitted> {
        let began = Instant::now();
        match &from {
            From::Start(start) => start.validate(data.n_classifiers(), data.n_instances())?,
            From::State(state) => state.check(NAME, &self.spec, LIMIT, data)?,
        }
        if data.labeled().is_empty() {
            return Err(Error::NoLabels);
        }
        // Before the first large array is made.
        self.check_memory(data)?;
        let confidence = self.spec.confidence.fit(data)?;
        let rule = confidence.on_training(data);
        let problem = Problem::new(data, &rule, self.spec.combined_objective())?;
        let monitored = Problem::new(data, &rule, self.monitored())?;
        let mut run = Run::new(self, data, problem, monitored, from)?;

        let looped = Instant::now();
        let stop = run.train(observer)?;
        let timings = Timings { total: began.elapsed(), iterations: looped.elapsed() };
        let Run { problem, course: Course { parameters, history, .. }, .. } = run;
        let aggregator = self.aggregator(&parameters);
        // The history may monitor another loss. The result states the one that was trained for.
        let loss = problem.evaluate_model(&parameters.factors, &aggregator)?;
        let objective = self.spec.combined_objective();
        let model = Model::new(data, parameters.factors, aggregator, confidence.clone(), objective)?;
        Ok(Fitted::new(model, history, loss, stop, timings, format!("CPU {}", self.spec.dtype)))
    }

    /// A fit in terms of the original data.
    pub(crate) fn finish(&self, mut fitted: Fitted) -> Fitted {
        if fitted.model.aggregator == Aggregator::Mean {
            // Class weights, costs and resampling move w and b, so the mean of r_hat has nothing that must be
            // undone.
            fitted.model.logit_shift = 0.0;
        }
        fitted
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

    fn start(&self, data: &EnsembleData) -> Result<Parameters> {
        self.check_memory(data)?;
        Parameters::random(self.spec.latent_dim, data.n_classifiers(), data.n_instances(), self.spec.seed)
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
            return self.train(From::Start(start), data, observer).map(|fitted| self.finish(fitted));
        }
        let resampled = self.spec.resampling.apply(data, self.spec.seed)?;
        // Synthetic instances get factors of their own for the fit, and the result loses them again.
        let start = From::Start(resampled.extend(start)?);
        let fitted = self.train(start, &resampled.data, observer)?;
        Ok(self.finish(resampled.restrict(fitted)))
    }

    fn resume(
        &self,
        state: TrainingState,
        data: &EnsembleData,
        observer: &mut dyn Observer,
    ) -> Result<Fitted> {
        let state = From::State(Box::new(state));
        if self.spec.resampling == Resampling::None {
            return self.train(state, data, observer).map(|fitted| self.finish(fitted));
        }
        // The same seed draws the same synthetic instances, whose factors are in the state.
        let resampled = self.spec.resampling.apply(data, self.spec.seed)?;
        let fitted = self.train(state, &resampled.data, observer)?;
        Ok(self.finish(resampled.restrict(fitted)))
    }
}

/// The closed-form half of an iteration.
enum Sweep<'a> {
    LabelAware {
        /// Whether b belongs to the centered r_hat, and so moves with its mean.
        center: bool,
    },
    /// The same in f32.
    LabelAwareF32 {
        center: bool,
        factors: Box<F32Factors>,
    },
    Exact(Exact<'a>),
}

/// X and Y in f32; the run keeps copies in f64 for the loss and the aggregator.
struct F32Factors {
    workspace: Workspace<f32>,
    x: Array2<f32>,
    y: Array2<f32>,
}

impl F32Factors {
    fn new(factors: &Factors) -> Self {
        let narrow = |values: &Array2<f64>| values.mapv(|v| v as f32);
        Self { workspace: Workspace::new(), x: narrow(&factors.classifiers), y: narrow(&factors.instances) }
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

/// Runs `update` on the factors; where r_hat is centered, b moves with its mean.
fn keep_centered(
    center: bool,
    problem: &Problem<'_>,
    parameters: &mut Parameters,
    update: impl FnOnce(&mut Factors) -> Result<InstanceSums>,
) -> Result<InstanceSums> {
    if !center {
        return update(&mut parameters.factors);
    }
    // b + w . mu belongs to the centered r_hat. It stays, while the update moves mu.
    let centered_bias = parameters.bias + problem.center(parameters)?;
    let sums = update(&mut parameters.factors)?;
    parameters.bias = centered_bias - problem.center(parameters)?;
    Ok(sums)
}

impl Sweep<'_> {
    /// X from Y, then Y from X, with what the loss needs of the new Y; `None` where X was last.
    fn run(&mut self, problem: &Problem<'_>, parameters: &mut Parameters) -> Result<Option<InstanceSums>> {
        match self {
            Sweep::LabelAware { center } => keep_centered(*center, problem, parameters, |factors| {
                let (workspace, lambda) = (problem.workspace(), problem.objective().lambda);
                let Factors { classifiers: x, instances: y } = factors;
                ridge::update_classifiers(workspace, problem.rule(), y.view(), lambda, x)?;
                ridge::update_instances_and_sum(workspace, problem.rule(), x.view(), lambda, y)
            })
            .map(Some),
            Sweep::LabelAwareF32 { center, factors: narrow } => {
                keep_centered(*center, problem, parameters, |factors| narrow.sweep(problem, factors))
                    .map(Some)
            }
            Sweep::Exact(exact) => exact.sweep(problem, parameters).map(|()| None),
        }
    }
}

/// What a run begins from.
enum From {
    Start(Parameters),
    State(Box<TrainingState>),
}

/// One training run.
struct Run<'a> {
    als: &'a Als,
    data: &'a EnsembleData,
    /// What w and b are trained for, and X and Y too where the objective is exact.
    problem: Problem<'a>,
    /// What the tolerance and the history refer to.
    monitored: Problem<'a>,
    sweep: Sweep<'a>,
    accelerator: Option<Accelerator>,
    course: Course,
}

impl<'a> Run<'a> {
    fn new(
        als: &'a Als,
        data: &'a EnsembleData,
        problem: Problem<'a>,
        monitored: Problem<'a>,
        from: From,
    ) -> Result<Self> {
        let AlsSpec { objective, aggregator, dtype, .. } = als.spec;
        let accelerates = als.spec.accelerates();
        let (course, accelerator) = match from {
            From::Start(start) => {
                let mut start = row_major(start);
                // Only a start is prepared: the bias in a saved state has been already.
                aggregator.prepare(&problem, data, &mut start)?;
                let accelerator = accelerates.then(|| Accelerator::new(&start));
                (Course::new(start), accelerator)
            }
            From::State(state) => {
                let accelerator = accelerates.then(|| Accelerator::load(&state)).transpose()?;
                (Course::resumed(*state)?, accelerator)
            }
        };
        let center = aggregator.center;
        let sweep = match (objective, dtype) {
            (AlsObjective::Exact { .. }, _) => Sweep::Exact(Exact::new(&problem, data)),
            (AlsObjective::LabelAware { .. }, Dtype::F64) => Sweep::LabelAware { center },
            (AlsObjective::LabelAware { .. }, Dtype::F32) => Sweep::LabelAwareF32 {
                center,
                factors: Box::new(F32Factors::new(&course.parameters.factors)),
            },
        };
        Ok(Self { als, data, problem, monitored, sweep, accelerator, course })
    }

    /// Iterations until something ends them. The observer sees a point before its loss decides about the end,
    /// so that it sees the last one too.
    fn train(&mut self, observer: &mut dyn Observer) -> Result<StopReason> {
        let spec = &self.als.spec;
        loop {
            let stopped = self.course.show(spec, observer, &|| Ok(self.training_state()));
            if self.course.has_converged(spec.tolerance) {
                return Ok(StopReason::Converged);
            }
            if self.course.iteration >= spec.max_iterations {
                return Ok(StopReason::MaxIterations);
            }
            // An observer that breaks at the last point did not cut the run short, so the reasons above come
            // first.
            if stopped {
                return Ok(StopReason::Observer);
            }
            self.reweigh()?;
            self.course.iteration += 1;
            let loss = self.iterate();
            if let Some(stop) = self.course.take_in(loss, spec.on_divergence)? {
                return Ok(stop);
            }
        }
    }

    /// Moves the weights of the labeled instances, where the schedule does.
    fn reweigh(&mut self) -> Result<()> {
        let schedule = self.als.spec.weight_schedule;
        if schedule.changes_at(self.course.iteration) {
            let logits = self.problem.labeled_logits(&self.course.parameters)?;
            let weights = self.problem.scheduled_weights(schedule, self.course.iteration, &logits)?;
            self.problem.set_instance_weights(weights)?;
        }
        Ok(())
    }

    /// One iteration, accelerated where that is asked for. Gives the monitored loss.
    fn iterate(&mut self) -> Result<LossParts> {
        let Self { als, data, problem, monitored, sweep, accelerator, course } = self;
        let Course { iteration, parameters, .. } = course;
        let mut update =
            |parameters: &mut Parameters| als.update(*iteration, data, problem, monitored, sweep, parameters);
        match accelerator {
            Some(accelerator) => accelerator.iterate(parameters, update),
            None => update(parameters).map(|(loss, _)| loss),
        }
    }

    fn training_state(&self) -> TrainingState {
        let mut state = self.course.state(NAME, &self.als.spec);
        if let Some(accelerator) = &self.accelerator {
            accelerator.save(&mut state);
        }
        state
    }
}

impl Als {
    /// X and Y, then w and b, in place. Gives the monitored loss, and the penalty on w that is minimized
    /// beside it.
    fn update(
        &self,
        iteration: usize,
        data: &EnsembleData,
        problem: &Problem<'_>,
        monitored: &Problem<'_>,
        sweep: &mut Sweep<'_>,
        parameters: &mut Parameters,
    ) -> Result<(LossParts, f64)> {
        let sums = sweep.run(problem, parameters)?;
        let AlsSpec { aggregator, .. } = self.spec;
        let rho = problem.objective().rho;
        // With rho = 1 the supervised loss has no share, and w and b nothing to follow.
        let trains_aggregator = aggregator.kind != AggregatorKind::Mean && rho < 1.0;
        let mut penalty = 0.0;
        if trains_aggregator && iteration > aggregator.freeze_iterations {
            // Spec and data were checked before: a number that is refused here has overflowed.
            penalty = aggregator.update(problem, data, parameters).map_err(|error| match error {
                Error::InvalidParameter { .. } => Error::Diverged { iteration, loss: f64::NAN },
                error => error,
            })?;
        }
        // Here the iteration is known; the loss would call them weights out of range.
        if !parameters.weights.iter().chain([&parameters.bias]).all(|v| v.is_finite()) {
            return Err(Error::Diverged { iteration, loss: f64::NAN });
        }
        let now = self.aggregator(parameters);
        let loss = match sums {
            Some(sums) => monitored.evaluate_with_sums(&parameters.factors, &now, sums),
            None => monitored.evaluate_model(&parameters.factors, &now),
        }?;
        // The aggregator adds the penalty to the supervised loss, so the penalty has the share of that loss.
        Ok((loss, (1.0 - rho) * penalty))
    }
}
