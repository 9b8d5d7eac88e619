//! A run that was interrupted ends with the bits of an unbroken one, whatever it has to remember.

use cfe_als::{AggregatorSolver, AggregatorSpec, Als, AlsObjective, AlsSpec};
use cfe_core::contract::resumes_to_the_same_bits;
use cfe_core::synthetic::Correlated;
use cfe_core::{
    BiasStart, Dtype, Error, FnObserver, Resampling, Step, StopReason, Trainer, TrainingState, WeightSchedule,
};
use std::ops::ControlFlow;

fn data() -> cfe_core::EnsembleData {
    Correlated { n_instances: 300, ..Correlated::default() }.generate(5).expect("valid").data
}

fn spec(change: impl Fn(&mut AlsSpec)) -> AlsSpec {
    let mut spec = AlsSpec { latent_dim: 4, max_iterations: 30, tolerance: 0.0, ..AlsSpec::default() };
    change(&mut spec);
    spec
}

#[test]
fn whatever_a_run_has_to_remember() {
    let accelerated = AlsSpec { max_iterations: 40, tolerance: 0.0, latent_dim: 4, ..AlsSpec::exact() };
    let plain = AlsObjective::Exact { rho: 0.5, reduction: cfe_core::Reduction::Sum, accelerate: false };
    let specs = [
        spec(|_| ()),
        spec(|spec| spec.dtype = Dtype::F32),
        spec(|spec| spec.resampling = Resampling::Smote { ratio: 1.0, k_neighbors: 5 }),
        spec(|spec| spec.weight_schedule = WeightSchedule::Curriculum { iterations: 10 }),
        spec(|spec| spec.weight_schedule = WeightSchedule::Recall { epsilon: 0.1 }),
        spec(|spec| spec.aggregator.freeze_iterations = 12),
        spec(|spec| {
            spec.aggregator =
                AggregatorSpec { center: true, bias_start: BiasStart::PriorLogOdds, ..Default::default() };
        }),
        spec(|spec| spec.aggregator.solver = AggregatorSolver::Newton),
        AlsSpec { objective: plain, ..accelerated.clone() },
        accelerated,
    ];
    for spec in specs {
        let als = Als::try_from(spec).expect("valid");
        resumes_to_the_same_bits(&als, &data(), &[1, 7, 10, 11, 25]);
    }
}

/// The state of the iteration that reached the tolerance goes no further.
#[test]
fn a_run_that_had_converged_stays_so() {
    let als = Als::try_from(spec(|spec| spec.tolerance = 1e-2)).expect("valid");
    let data = data();
    let whole = als.fit(&data).expect("fits");
    assert_eq!(whole.stop, StopReason::Converged);
    resumes_to_the_same_bits(&als, &data, &[whole.history.n_iterations()]);
}

fn state_at(als: &Als, iteration: usize) -> TrainingState {
    let mut kept = None;
    let mut observer = FnObserver(|step: &Step<'_>| {
        if step.iteration == iteration {
            kept = Some(step.training_state().expect("a state"));
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    let data = data();
    als.fit_from(als.start(&data).expect("a start"), &data, &mut observer).expect("fits");
    kept.expect("so many iterations")
}

#[test]
fn a_longer_run_goes_on_and_another_run_is_refused() {
    let short = Als::try_from(spec(|spec| spec.max_iterations = 8)).expect("valid");
    let long = Als::try_from(spec(|_| ())).expect("valid");
    let resumed = long.resume(state_at(&short, 8), &data(), &mut ()).expect("the same run, longer");
    assert_eq!(resumed.model, long.fit(&data()).expect("fits").model);

    let other = Als::try_from(spec(|spec| spec.lambda = 0.5)).expect("valid");
    let refused = other.resume(state_at(&short, 8), &data(), &mut ()).expect_err("another lambda");
    assert!(matches!(refused, Error::OtherRun { .. }) && refused.to_string().contains("lambda"), "{refused}");
    let fewer = Correlated { n_instances: 200, ..Correlated::default() }.generate(5).expect("valid").data;
    assert!(long.resume(state_at(&short, 8), &fewer, &mut ()).is_err(), "other data");
}
