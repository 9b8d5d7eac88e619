//! The loop over shards against the trainer in memory.

use std::ops::ControlFlow;

use cfe_als::{AggregatorSolver, AggregatorSpec, Als, AlsObjective, AlsSpec};
use cfe_core::ridge::{self, Workspace};
use cfe_core::shards::InMemory;
use cfe_core::{
    AggregatorKind, BiasStart, Confidence, ConfidenceStrategy, Costs, Dtype, EnsembleData, Error, Fitted,
    FnObserver, OnDivergence, Parameters, Resampling, Step, StopReason, SupervisedLoss, Trainer,
    TrainingState, WeightSchedule, synthetic::Separable,
};
use ndarray::Array2;

/// Three shards; some cells missing, two thirds labeled, weights of their own.
fn data() -> EnsembleData {
    let drawn = Separable { n_instances: 9_000, n_classifiers: 6, ..Separable::default() };
    let drawn = drawn.generate(5).expect("in range").data;
    let mut r = drawn.predictions().to_owned();
    let labels: Vec<_> = (0..9_000).map(|i| drawn.labels()[i].filter(|_| i % 3 != 0)).collect();
    for (u, i) in (0..6).flat_map(|u| (0..9_000).map(move |i| (u, i))) {
        if (i * 5 + u * 11) % 23 == 0 {
            r[(u, i)] = f64::NAN;
        }
    }
    let weights = (0..9_000).map(|i| 0.5 + f64::from(i % 7)).collect();
    EnsembleData::new(r, labels).and_then(|d| d.with_sample_weights(weights)).expect("valid")
}

fn engine(data: &EnsembleData) -> InMemory<'_> {
    InMemory::new(data).and_then(|engine| engine.with_shard_rows(4096)).expect("in range")
}

/// The trainer in memory, from the Y that follows from the drawn X.
fn in_memory(als: &Als, data: &EnsembleData) -> Fitted {
    let spec = als.spec();
    let mut start = Parameters::random(spec.latent_dim, data.n_classifiers(), data.n_instances(), spec.seed)
        .expect("small");
    let confidence = spec.confidence.fit(data).expect("in range");
    let rule = confidence.on_training(data);
    let x = start.factors.classifiers.view();
    let mut y = Array2::zeros(start.factors.instances.dim());
    ridge::update_instances(&Workspace::<f64>::new(), &rule, x, spec.lambda, &mut y).expect("lambda > 0");
    start.factors.instances = y;
    als.fit_from(start, data, &mut ()).expect("trains")
}

fn specs() -> Vec<(&'static str, AlsSpec)> {
    let base = AlsSpec { latent_dim: 3, max_iterations: 12, tolerance: 0.0, seed: 3, ..AlsSpec::default() };
    let gradient = AggregatorSpec {
        solver: AggregatorSolver::GradientStep { learning_rate: 0.5 },
        ..AggregatorSpec::default()
    };
    let bound = AggregatorSpec { solver: AggregatorSolver::Bound, ..AggregatorSpec::default() };
    let with = |aggregator| AlsSpec { aggregator, ..base.clone() };
    let confident = |strategy| AlsSpec { confidence: Confidence::new(strategy), ..with(gradient) };
    let adaptive = ConfidenceStrategy::Adaptive { certainty: 0.5, calibration: 0.3, agreement: 0.2 };
    vec![
        ("published", base.clone()),
        ("gradient", with(gradient)),
        ("bound", with(bound)),
        ("bound, full rank", AlsSpec { latent_dim: 6, ..with(bound) }),
        ("bound, w >= 0 and decay", with(AggregatorSpec { non_negative: true, weight_decay: 0.01, ..bound })),
        ("centered", with(AggregatorSpec { center: true, bias_start: BiasStart::PriorLogOdds, ..gradient })),
        ("centered bound", with(AggregatorSpec { center: true, ..bound })),
        ("frozen at first", with(AggregatorSpec { freeze_iterations: 4, weight_decay: 0.1, ..gradient })),
        ("mean", with(AggregatorSpec { kind: AggregatorKind::Mean, ..gradient })),
        ("focal", AlsSpec { loss: SupervisedLoss::Focal { gamma: 2.0 }, ..with(gradient) }),
        ("focal bound", AlsSpec { loss: SupervisedLoss::Focal { gamma: 2.0 }, ..with(bound) }),
        ("smoothed", AlsSpec { loss: SupervisedLoss::LabelSmoothing { epsilon: 0.1 }, ..with(bound) }),
        (
            "costs",
            AlsSpec {
                costs: Costs { false_negative: 5.0, instance_dependent: true, ..Costs::default() },
                ..with(gradient)
            },
        ),
        (
            "curriculum",
            AlsSpec { weight_schedule: WeightSchedule::Curriculum { iterations: 6 }, ..with(gradient) },
        ),
        ("uniform", confident(ConfidenceStrategy::Uniform)),
        ("label-aware", confident(ConfidenceStrategy::LabelAware)),
        ("calibration", confident(ConfidenceStrategy::Calibration { floor: 0.1 })),
        ("adaptive", confident(adaptive)),
        ("converged", AlsSpec { tolerance: 1e-3, max_iterations: 500, ..with(gradient) }),
    ]
}

/// The largest difference between two fits, relative to 1 + the number: losses, X, X w (which logits are made
/// of) and b, and with `weights` also w.
fn difference(name: &str, sharded: &Fitted, memory: &Fitted, weights: bool) -> f64 {
    assert_eq!(sharded.stop, memory.stop, "{name}");
    assert_eq!(sharded.history.n_iterations(), memory.history.n_iterations(), "{name}");
    assert_eq!(sharded.model.logit_shift, memory.model.logit_shift, "{name}");
    let numbers = |fitted: &Fitted| {
        let mut numbers = fitted.history.losses();
        numbers.extend([fitted.loss.total, fitted.loss.supervised]);
        let factors = &fitted.model.factors;
        numbers.extend(&factors.classifiers);
        if let Some((w, b)) = fitted.model.aggregator.weights() {
            numbers.extend(factors.combine_classifiers(w).expect("m weights"));
            numbers.push(b);
            numbers.extend(w.iter().filter(|_| weights));
        }
        numbers
    };
    let pairs = numbers(sharded).into_iter().zip(numbers(memory));
    pairs.map(|(a, b)| (a - b).abs() / (1.0 + b.abs())).fold(0.0, f64::max)
}

fn compare(name: &str, sharded: &Fitted, memory: &Fitted, tolerance: f64) {
    let difference = difference(name, sharded, memory, true);
    assert!(difference <= tolerance, "{name}: {difference:e}");
}

#[test]
fn every_setting_agrees_with_the_trainer_in_memory() {
    let data = data();
    let mut too_far = Vec::new();
    for (name, spec) in specs() {
        let als = Als::try_from(spec).expect("in range");
        let sharded = als.fit_on(&mut engine(&data), &mut ()).expect("trains");
        // The system of the bound has rank d < m up to a ridge of 1e-9: in directions that no r_hat has, w is
        // rounding, 1e-16 / 1e-9.
        let loose = als.spec().aggregator.solver == AggregatorSolver::Bound
            && als.spec().aggregator.weight_decay == 0.0
            && als.spec().latent_dim < data.n_classifiers();
        let difference = difference(name, &sharded, &in_memory(&als, &data), !loose);
        if !(difference <= if loose { 1e-5 } else { 1e-12 }) {
            too_far.push(format!("{name}: {difference:e}"));
        }
    }
    assert!(too_far.is_empty(), "{too_far:?}");
}

#[test]
fn single_precision_agrees_to_its_digits() {
    let data = data();
    let spec = AlsSpec { dtype: Dtype::F32, ..specs().remove(1).1 };
    let als = Als::try_from(spec).expect("in range");
    let sharded = als.fit_on(&mut engine(&data), &mut ()).expect("trains");
    compare("f32", &sharded, &in_memory(&als, &data), 1e-4);
}

#[test]
fn a_given_confidence_is_used() {
    let given = data();
    let matrix = given.predictions().mapv(|r| if r.is_nan() { 0.0 } else { 0.1 + r });
    let given = given.with_confidence(matrix).expect("valid");
    let spec = AlsSpec { confidence: Confidence::new(ConfidenceStrategy::Given), ..specs().remove(1).1 };
    let als = Als::try_from(spec).expect("in range");
    let sharded = als.fit_on(&mut engine(&given), &mut ()).expect("trains");
    compare("given", &sharded, &in_memory(&als, &given), 1e-12);
}

#[test]
fn threads_change_no_bit_and_a_resumed_run_is_the_same_run() {
    let data = data();
    for (name, spec) in specs() {
        let als = Als::try_from(AlsSpec { on_divergence: OnDivergence::KeepBest, ..spec }).expect("in range");
        let fit = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| als.fit_on(&mut engine(&data), &mut ()).expect("trains"))
        };
        let whole = fit(1);
        assert_eq!(fit(3).model, whole.model, "{name}");
        for broken_at in [0, 1, 7] {
            let mut kept: Option<TrainingState> = None;
            let mut observer = FnObserver(|step: &Step<'_>| match step.iteration == broken_at {
                true => {
                    kept = step.training_state().ok();
                    ControlFlow::Break(())
                }
                false => ControlFlow::Continue(()),
            });
            als.fit_on(&mut engine(&data), &mut observer).expect("stops");
            let state = kept.expect("it came so far");
            let resumed = als.resume_on(state, &mut engine(&data), &mut ()).expect("goes on");
            assert_eq!(
                (&resumed.model, &resumed.history),
                (&whole.model, &whole.history),
                "{name} {broken_at}"
            );
            assert_eq!(resumed.loss, whole.loss, "{name} {broken_at}");
        }
    }
}

#[test]
fn settings_that_need_all_rows_are_one_error() {
    let data = data();
    let mut spec = AlsSpec::exact();
    spec.aggregator.solver = AggregatorSolver::Newton;
    spec.aggregator.ridge = 0.1;
    spec.confidence = Confidence::new(ConfidenceStrategy::Learned { n_trees: 5, max_depth: 3, seed: 0 });
    spec.resampling = Resampling::RandomOver { ratio: 1.0 };
    spec.weight_schedule = WeightSchedule::Recall { epsilon: 0.1 };
    let als = Als::try_from(spec).expect("in range");
    let error = als.fit_on(&mut engine(&data), &mut ()).expect_err("not in passes");
    assert!(matches!(error, Error::NotSharded { .. }));
    for setting in ["exact", "newton", "ridge", "learned", "resampling", "recall"] {
        assert!(error.to_string().contains(setting), "{error}");
    }
    assert!(matches!(AlsSpec::default().objective, AlsObjective::LabelAware { .. }));
    assert!(Als::try_from(AlsSpec::default()).expect("in range").check_sharded().is_ok());
}

#[test]
fn a_diverged_run_keeps_its_best_or_says_so() {
    let data = data();
    let mut spec = specs().remove(1).1;
    spec.aggregator.solver = AggregatorSolver::GradientStep { learning_rate: 1e308 };
    spec.aggregator.freeze_iterations = 3;
    let als = Als::try_from(spec.clone()).expect("in range");
    let error = als.fit_on(&mut engine(&data), &mut ()).expect_err("diverges");
    assert!(matches!(error, Error::Diverged { .. }), "{error}");
    let als = Als::try_from(AlsSpec { on_divergence: OnDivergence::KeepBest, ..spec }).expect("in range");
    let sharded = als.fit_on(&mut engine(&data), &mut ()).expect("keeps the best");
    assert_eq!(sharded.stop, StopReason::Diverged);
    compare("diverged", &sharded, &in_memory(&als, &data), 1e-12);
}

#[test]
fn unlabeled_data_are_refused() {
    let unlabeled = data().with_labels(vec![None; 9_000]).expect("as many");
    let als = Als::try_from(AlsSpec::default()).expect("in range");
    assert!(matches!(als.fit_on(&mut engine(&unlabeled), &mut ()), Err(Error::NoLabels)));
}
