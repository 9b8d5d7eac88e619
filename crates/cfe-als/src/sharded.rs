//! The published loop over shards: one pass a sweep.
//!
//! Y is never stored. A pass carries X, w and b to the shards, computes Y there, and brings back the
//! equations of the next X and what w and b need. The loss of an iteration refers to w and b after their
//! step, which that iteration's own pass cannot know: the next pass reports it, the same number one pass
//! late.
//!
//! ```text
//! pass t:   X_t, w_{t-1}, b_{t-1}  ->  equations of X_{t+1};  gradient or moments;  loss at X_{t-1}, w_{t-1}, b_{t-1}
//! ```

use std::time::Instant;

use cfe_core::ridge::{self, InstanceSums, NormalEquations};
use cfe_core::shards::{
    BoundSums, Engine, GradientSums, Late, Point, Profile, Request, Step as Wanted, Sweep, SweepSums,
};
use cfe_core::{
    AggregatorKind, Dtype, Error, Factors, Fitted, FittedConfidence, LossParts, Model, Observer, Parameters,
    Resampling, Result, START_SCALE, Side, StopReason, Timings, TrainingState, WeightSchedule, random_side,
};
use ndarray::{Array2, ArrayView1};

use crate::aggregator::{Moments, Shrinkage};
use crate::course::Course;
use crate::spec::{AggregatorSolver, AlsObjective};
use crate::trainer::{Als, LIMIT};

/// Name of the trainer in states.
const NAME: &str = "als over shards";

impl Als {
    /// Fits the published objective in passes over shards, wherever they lie: the same bits for any engine,
    /// any number of threads and any partition of the shards.
    ///
    /// A run takes the passes of its iterations and three more: counts, the start, and the last loss.
    /// Centering takes a second pass an iteration. It starts from the same X as
    /// [`Trainer::fit`](cfe_core::Trainer::fit) and from the Y that follows from X, so the two agree to
    /// rounding where both start there. The model has no Y: it predicts any instance as a new one.
    ///
    /// ```
    /// use cfe_als::{Als, AlsSpec};
    /// use cfe_core::shards::InMemory;
    /// use cfe_core::synthetic::Separable;
    ///
    /// let drawn = Separable::default().generate(1)?;
    /// let als = Als::try_from(AlsSpec { latent_dim: 5, ..AlsSpec::default() })?;
    /// let fitted = als.fit_on(&mut InMemory::new(&drawn.data)?, &mut ())?;
    /// assert_eq!(fitted.model.predict_new(drawn.data.predictions())?.logits.len(), 500);
    /// # Ok::<(), cfe_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotSharded`] before the first pass for settings that need all rows at once; what the engine
    /// and [`Trainer::fit`](cfe_core::Trainer::fit) refuse.
    pub fn fit_on(&self, engine: &mut dyn Engine, observer: &mut dyn Observer) -> Result<Fitted> {
        self.check_sharded()?;
        let m = engine.shape().n_classifiers();
        let x = random_side(self.spec().latent_dim, m, START_SCALE, self.spec().seed, Side::Classifier)?;
        let start = Parameters::with_factors(without_instances(x));
        Run::new(self, engine, Course::new(start), false)?.fit(observer)
    }

    /// Resumes from a state that an observer of [`fit_on`](Self::fit_on) took, to the same bits as an
    /// unbroken run. Takes one pass more.
    ///
    /// # Errors
    /// As [`fit_on`](Self::fit_on), and what [`TrainingState::check`] refuses.
    pub fn resume_on(
        &self,
        state: TrainingState,
        engine: &mut dyn Engine,
        observer: &mut dyn Observer,
    ) -> Result<Fitted> {
        self.check_sharded()?;
        state.check_shape(NAME, self.spec(), LIMIT, (engine.shape().n_classifiers(), 0))?;
        Run::new(self, engine, Course::resumed(state)?, true)?.fit(observer)
    }

    /// Refuses settings that cannot be fitted in passes over shards, all of them at once.
    ///
    /// # Errors
    /// [`Error::NotSharded`].
    pub fn check_sharded(&self) -> Result<()> {
        let spec = self.spec();
        // Every setting is named at once, as each would cost another attempt.
        let mut settings = Vec::new();
        if matches!(spec.objective, AlsObjective::Exact { .. }) {
            settings.push("objective = exact");
        }
        if spec.aggregator.solver == AggregatorSolver::Newton {
            settings.push("aggregator.solver = newton");
        }
        if spec.aggregator.ridge > 0.0 {
            settings.push("aggregator.ridge > 0");
        }
        if spec.confidence.fit_sums(&[], 0.0).is_err() {
            settings.push("confidence.strategy = learned");
        }
        if spec.resampling != Resampling::None {
            settings.push("resampling");
        }
        if spec.weight_schedule.needs_logits() {
            settings.push("weight_schedule = recall or uncertainty");
        }
        if settings.is_empty() { Ok(()) } else { Err(Error::NotSharded { settings: settings.join(", ") }) }
    }
}

fn without_instances(classifiers: Array2<f64>) -> Factors {
    let instances = Array2::zeros((classifiers.nrows(), 0));
    Factors { classifiers, instances }
}

/// One training run.
struct Run<'a> {
    als: &'a Als,
    engine: &'a mut dyn Engine,
    confidence: FittedConfidence,
    profile: Profile,
    /// Weight of a (negative, positive) instance in losses.
    class_weights: (f64, f64),
    course: Course,
    /// Of the Y that belongs to the present X.
    of_instances: Option<OfInstances>,
    /// The present value of the objective's own supervised loss.
    supervised: Option<f64>,
}

/// Sums over the Y of an X.
struct OfInstances {
    equations: NormalEquations,
    sums: InstanceSums,
    /// Mean of y over the labeled (d).
    mean: Vec<f64>,
}

impl<'a> Run<'a> {
    /// Counts, then the sums at the point to begin from.
    fn new(als: &'a Als, engine: &'a mut dyn Engine, course: Course, resumed: bool) -> Result<Self> {
        // The first pass says what the objective needs to know of all rows; the second is at the start.
        let profile = Request::Profile.profile(engine.pass(&Request::Profile)?.finish()?)?;
        let class_weights = profile.check(&als.spec().combined_objective())?;
        let confidence = als.spec().confidence.fit_sums(&profile.brier, profile.max_spread)?;
        let mut run = Self {
            als,
            engine,
            confidence,
            profile,
            class_weights,
            course,
            of_instances: None,
            supervised: None,
        };
        run.look_at_instances()?;
        // A resumed run has its bias; a new one starts at the log-odds that were asked for.
        if !resumed {
            let aggregator = als.spec().aggregator;
            let totals = run.profile.class_totals();
            run.course.parameters.bias = aggregator.bias_start.of_counts(totals, run.course.parameters.bias);
            if aggregator.center {
                run.course.parameters.bias -= run.center();
            }
        }
        Ok(run)
    }

    fn fit(mut self, observer: &mut dyn Observer) -> Result<Fitted> {
        let began = Instant::now();
        let stop = self.train(observer)?;
        let timings = Timings { total: began.elapsed(), iterations: began.elapsed() };
        // A run that went back to its best parameters has no sums of these, and asks for them once more.
        if self.of_instances.is_none() || self.supervised.is_none() {
            self.look_at_instances()?;
        }
        let objective = self.als.spec().combined_objective();
        let loss = self.parts(self.supervised.expect("it was looked at above"));
        let aggregator = self.als.aggregator(&self.course.parameters);
        let (negatives, positives) = self.profile.class_totals();
        let model = Model::from_parts(
            self.engine.shape().classifier_names.clone(),
            self.course.parameters.factors,
            aggregator,
            self.confidence,
            objective,
            objective.logit_shift(negatives, positives),
        )?;
        let device = format!("CPU {}, in passes over shards", self.als.spec().dtype);
        Ok(self.als.finish(Fitted::new(model, self.course.history, loss, stop, timings, device)))
    }

    /// As in memory; only the loss of an iteration comes with the pass of the next one.
    fn train(&mut self, observer: &mut dyn Observer) -> Result<StopReason> {
        let spec = self.als.spec();
        loop {
            // One round: the next X from the sums of this one, a pass there, the loss that this pass brings,
            // the observer, and then the step. After the last iteration a pass for its loss remains.
            let next = if self.course.iteration < spec.max_iterations {
                Some(self.next_classifiers()?)
            } else {
                None
            };
            let wanted = self.wanted();
            // The loss of this iteration is known already where the run begins or resumes.
            let known = self.course.iteration
                == self.course.history.entries.last().map_or(0, |entry| entry.iteration);
            let sums = match (&next, known) {
                (None, true) => None,
                (None, false) => {
                    Some(self.pass(self.request(&self.course.parameters, false, Wanted::Frozen, true))?)
                }
                (Some(x), _) => {
                    let Parameters { weights, bias, .. } = self.course.parameters.clone();
                    let at = Parameters { factors: without_instances(x.clone()), weights, bias };
                    // A centered bias is known only when the new mean is.
                    let center = spec.aggregator.center;
                    let step = if center { Wanted::Frozen } else { wanted.clone() };
                    Some(self.pass(self.request(&at, true, step, !known))?)
                }
            };
            if let Some((own, monitored)) = sums.as_ref().and_then(|sums| sums.late) {
                self.supervised = Some(own.mean());
                let loss = Ok(self.parts(monitored.mean()));
                if let Some(stop) = self.course.take_in(loss, spec.on_divergence)? {
                    (self.of_instances, self.supervised) = (None, None);
                    return Ok(stop);
                }
            }
            // X, w and b are the whole state: their pass gives the rest.
            let stopped = self.course.show(spec, observer, &|| Ok(self.course.state(NAME, spec)));
            if self.course.has_converged(spec.tolerance) {
                return Ok(StopReason::Converged);
            }
            let (Some(next), Some(sums)) = (next, sums) else { return Ok(StopReason::MaxIterations) };
            if stopped {
                return Ok(StopReason::Observer);
            }
            if let Err(error) = self.advance(next, sums, wanted) {
                return self.go_back(error);
            }
        }
    }

    /// Ends a run that has diverged, with the sums at its best parameters yet to come.
    fn go_back(&mut self, error: Error) -> Result<StopReason> {
        let stop = self.course.go_back(error)?;
        (self.of_instances, self.supervised) = (None, None);
        Ok(stop)
    }

    /// The objective's parts where the supervised loss is known.
    fn parts(&self, supervised: f64) -> LossParts {
        let objective = self.als.spec().combined_objective();
        let sums = self.of_instances.as_ref().expect("the sums of the present X are there").sums;
        let norm =
            self.course.parameters.factors.classifiers.iter().map(|x| x * x).sum::<f64>() + sums.squared_norm;
        LossParts::combine(objective.rho, sums.squared_error, objective.lambda * norm, supervised)
    }

    /// X of the next iteration.
    fn next_classifiers(&self) -> Result<Array2<f64>> {
        let lambda = self.als.spec().lambda;
        let equations = &self.of_instances.as_ref().expect("the sums of the present X are there").equations;
        match self.als.spec().dtype {
            // In f32 the ridge is rounded too, as in memory, and X goes on in f64.
            Dtype::F64 => ridge::solve_classifiers(equations, lambda),
            Dtype::F32 => {
                let x = ridge::solve_classifiers::<f32>(equations, f64::from(lambda as f32))?;
                Ok(x.mapv(f64::from))
            }
        }
    }

    fn pass(&mut self, request: Sweep) -> Result<SweepSums> {
        let request = Request::Sweep(Box::new(request));
        request.sweep(self.engine.pass(&request)?.finish()?)
    }

    /// The sums at the present point, and its loss.
    fn look_at_instances(&mut self) -> Result<()> {
        let sums = self.pass(self.request(&self.course.parameters, true, Wanted::Frozen, true))?;
        self.supervised = sums.late.map(|(own, _)| own.mean());
        self.of_instances = of_instances(sums);
        Ok(())
    }

    fn request(&self, at: &Parameters, equations: bool, step: Wanted, late: bool) -> Sweep {
        let spec = self.als.spec();
        let late = late.then(|| Late {
            classifiers: self.course.parameters.factors.classifiers.clone(),
            aggregator: self.als.aggregator(&self.course.parameters),
        });
        let Parameters { factors, weights, bias } = at;
        let (classifiers, weights) = (factors.classifiers.clone(), weights.clone());
        Sweep {
            at: Point { classifiers, weights, bias: *bias },
            lambda: spec.lambda,
            dtype: spec.dtype,
            confidence: self.confidence.clone(),
            loss: spec.loss,
            step_weights: self.step_weights(),
            loss_weights: self.class_weights,
            costs: spec.costs,
            equations,
            step,
            late,
        }
    }

    /// Class weights of the next step of w and b, which the curriculum moves.
    fn step_weights(&self) -> (f64, f64) {
        let (negative, positive) = self.class_weights;
        // Only the curriculum moves weights by class alone; the schedules that need logits are refused
        // before.
        let schedule: WeightSchedule = self.als.spec().weight_schedule;
        let of_classes = schedule.weights(
            self.course.iteration,
            &[],
            &[false, true],
            &[negative, positive],
            self.class_weights,
        );
        let of_classes = of_classes.expect("two labels and two weights, and no logits are looked at");
        (of_classes[0], of_classes[1])
    }

    /// What the next update of w and b needs.
    fn wanted(&self) -> Wanted {
        let spec = self.als.spec();
        let trains = spec.aggregator.kind != AggregatorKind::Mean && spec.combined_objective().rho < 1.0;
        if !trains || self.course.iteration < spec.aggregator.freeze_iterations {
            return Wanted::Frozen;
        }
        match spec.aggregator.solver {
            AggregatorSolver::Bound => {
                let present = self.of_instances.as_ref().expect("the sums of the present X are there");
                Wanted::Bound { center: present.mean.clone() }
            }
            _ => Wanted::Gradient,
        }
    }

    /// The new X, then w and b.
    fn advance(&mut self, next: Array2<f64>, sums: SweepSums, wanted: Wanted) -> Result<()> {
        let center = self.als.spec().aggregator.center;
        // With centering the bias is that of centered r_hat, and the mean moves with X: the offset is taken
        // out before and put back after.
        let centered_bias = self.course.parameters.bias + if center { self.center() } else { 0.0 };
        self.course.parameters.factors.classifiers = next;
        let (mut gradient, mut bound) = (sums.gradient.clone(), sums.bound.clone());
        self.of_instances = of_instances(sums);
        self.supervised = None;
        if center {
            self.course.parameters.bias = centered_bias - self.center();
            // The gradient at the new X needs the bias at the new mean, and so a pass of its own.
            if wanted != Wanted::Frozen {
                let request = self.request(&self.course.parameters, false, wanted.clone(), false);
                let sums = self.pass(request)?;
                (gradient, bound) = (sums.gradient, sums.bound);
            }
        }
        self.course.iteration += 1;
        if let Some(gradient) = gradient {
            self.descend(&gradient);
        }
        if let (Some(bound), Wanted::Bound { center }) = (bound, wanted) {
            self.minimize_bound(&bound, &center)?;
        }
        let Parameters { weights, bias, .. } = &self.course.parameters;
        if !weights.iter().chain([bias]).all(|v| v.is_finite()) {
            return Err(Error::Diverged { iteration: self.course.iteration, loss: f64::NAN });
        }
        Ok(())
    }

    fn descend(&mut self, sums: &GradientSums) {
        let spec = self.als.spec();
        let AggregatorSolver::GradientStep { learning_rate } = spec.aggregator.solver else { return };
        // All weights may be 0 under a schedule: there is nothing to descend.
        let scale = if sums.weight > 0.0 { 1.0 / sums.weight } else { 0.0 };
        let of_weights: Vec<f64> =
            self.times_classifiers(&sums.direction).into_iter().map(|g| scale * g).collect();
        let gradient = (of_weights.as_slice(), scale * sums.bias);
        let shrinkage = Shrinkage { strength: spec.aggregator.weight_decay, target: 0.0 };
        if !spec.aggregator.center {
            spec.aggregator.descend(learning_rate, gradient, None, &shrinkage, &mut self.course.parameters);
            return;
        }
        let mean = self.mean_reconstruction();
        let before = self.center();
        spec.aggregator.descend(
            learning_rate,
            gradient,
            Some(&mean),
            &shrinkage,
            &mut self.course.parameters,
        );
        self.course.parameters.bias += before - self.center();
    }

    /// `center` is where the moments were taken.
    fn minimize_bound(&mut self, sums: &BoundSums, center: &[f64]) -> Result<()> {
        let spec = self.als.spec();
        if !(sums.weight > 0.0) {
            return Ok(());
        }
        // The moments are about `center`; they are moved to the weighted mean, as in memory.
        let shift: Vec<f64> = sums.mean.iter().map(|sum| sum / sums.weight).collect();
        let mean_residual = sums.residual / sums.weight;
        let d = shift.len();
        let covariance = Array2::from_shape_fn((d, d), |(a, b)| {
            let (low, high) = (a.min(b), a.max(b));
            (sums.square[high * (high + 1) / 2 + low] - sums.weight * shift[a] * shift[b]) / sums.total
        });
        let centered_cross = |(cross, shift): (&f64, &f64)| (cross - shift * sums.residual) / sums.total;
        let moments = Moments {
            covariance,
            cross: sums.cross.iter().zip(&shift).map(centered_cross).collect(),
            mean: center.iter().zip(&shift).map(|(center, shift)| center + shift).collect(),
            mean_residual,
        };
        let shrinkage = Shrinkage { strength: spec.aggregator.weight_decay, target: 0.0 };
        let step = spec.aggregator.least_squares(&moments, &shrinkage, &mut self.course.parameters);
        // The sums were finite numbers of checked data: what is refused here has overflowed.
        step.map_err(|error| match error {
            Error::InvalidParameter { .. } => {
                Error::Diverged { iteration: self.course.iteration, loss: f64::NAN }
            }
            error => error,
        })
    }

    /// X^T v (m).
    fn times_classifiers(&self, v: &[f64]) -> Vec<f64> {
        let of_classifier = |x: ArrayView1<'_, f64>| x.iter().zip(v).map(|(x, v)| x * v).sum();
        self.course.parameters.factors.classifiers.columns().into_iter().map(of_classifier).collect()
    }

    /// mu (m): the mean of r_hat over the labeled instances.
    fn mean_reconstruction(&self) -> Vec<f64> {
        let present = self.of_instances.as_ref().expect("the sums of the present X are there");
        self.times_classifiers(&present.mean)
    }

    /// w . mu: what centering takes off the bias.
    fn center(&self) -> f64 {
        self.mean_reconstruction().iter().zip(&self.course.parameters.weights).map(|(mu, w)| mu * w).sum()
    }
}

/// What later iterations need of a sweep; `None` where it was not over all instances.
fn of_instances(sums: SweepSums) -> Option<OfInstances> {
    let (equations, of_all) = sums.equations?;
    let labeled = sums.labeled.max(1.0);
    let mean = sums.sum_y.iter().map(|sum| sum / labeled).collect();
    Some(OfInstances { equations, sums: of_all, mean })
}
