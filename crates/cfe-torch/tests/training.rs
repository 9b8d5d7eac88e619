//! What the joint trainer promises beyond the common contract.

use std::ops::ControlFlow;

use cfe_core::synthetic::{Correlated, Separable};
use cfe_core::{Error, FnObserver, OnDivergence, Reduction, Step, StopReason, SupervisedLoss, Trainer};
use cfe_torch::{Device, Dtype, EarlyStopping, Optimizer, Torch, TorchSpec};

fn torch(spec: TorchSpec) -> Torch {
    Torch::try_from(TorchSpec { device: Device::Cpu, ..spec }).expect("valid")
}

fn base() -> TorchSpec {
    TorchSpec {
        latent_dim: 4,
        dtype: Dtype::F64,
        max_iterations: 60,
        learning_rate: 0.02,
        ..TorchSpec::default()
    }
}

#[test]
fn every_optimizer_lowers_the_loss() {
    let data = Correlated::default().generate(1).expect("valid").data;
    for optimizer in
        [Optimizer::Adam, Optimizer::AdamW { weight_decay: 0.01 }, Optimizer::Sgd { momentum: 0.9 }]
    {
        for loss in [SupervisedLoss::Bce, SupervisedLoss::Focal { gamma: 2.0 }] {
            let fitted = torch(TorchSpec { optimizer, loss, ..base() }).fit(&data).expect("fits");
            let losses = fitted.history.losses();
            assert!(losses[losses.len() - 1] < losses[0], "{optimizer:?} {loss:?}");
        }
    }
}

#[test]
fn the_best_state_is_restored() {
    let data = Correlated::default().generate(2).expect("valid").data;
    // A rate this large overshoots at once: the last of three losses is far from the lowest.
    let spec = TorchSpec {
        learning_rate: 5.0,
        max_iterations: 3,
        reduce_on_plateau: None,
        early_stopping: None,
        ..base()
    };
    let lowest = |spec: TorchSpec| {
        let fitted = torch(spec).fit(&data).expect("fits");
        let lowest = fitted.history.losses().into_iter().fold(f64::INFINITY, f64::min);
        (lowest, fitted.loss.total)
    };
    let (best, restored) = lowest(TorchSpec { restore_best: true, ..spec.clone() });
    assert!(restored <= best * (1.0 + 1e-12), "{restored} {best}");
    let (best, last) = lowest(TorchSpec { restore_best: false, ..spec });
    assert!(last > best, "this test needs a run whose last loss is not its lowest");
}

#[test]
fn the_final_loss_is_the_cores_and_agrees_with_the_tensors() {
    let data = Correlated::default().generate(3).expect("valid").data;
    for reduction in [Reduction::Sum, Reduction::Mean] {
        for loss in [SupervisedLoss::Bce, SupervisedLoss::Focal { gamma: 1.5 }] {
            let spec = TorchSpec { reduction, loss, early_stopping: None, restore_best: false, ..base() };
            // After k epochs from the same start, the core's loss is the history's entry k of a longer run.
            let short = torch(TorchSpec { max_iterations: 7, ..spec.clone() }).fit(&data).expect("fits");
            let long = torch(TorchSpec { max_iterations: 8, ..spec }).fit(&data).expect("fits");
            let entry = long.history.entries[7].loss;
            for (a, b) in [
                (short.loss.total, entry.total),
                (short.loss.reconstruction, entry.reconstruction),
                (short.loss.penalty, entry.penalty),
                (short.loss.supervised, entry.supervised),
            ] {
                assert!((a - b).abs() <= 1e-10 * b.abs(), "{a} {b}");
            }
        }
    }
}

#[test]
fn early_stopping_ends_a_run_that_no_longer_improves() {
    let data = Separable::default().generate(1).expect("valid").data;
    let early_stopping = Some(EarlyStopping { patience: 3, min_delta: 10.0 });
    let fitted = torch(TorchSpec { early_stopping, ..base() }).fit(&data).expect("fits");
    assert_eq!((fitted.stop, fitted.history.n_iterations()), (StopReason::EarlyStopping, 4));
}

#[test]
fn a_run_that_explodes_is_an_error_with_the_epoch() {
    let data = Separable::default().generate(1).expect("valid").data;
    let spec = TorchSpec {
        optimizer: Optimizer::Sgd { momentum: 0.0 },
        learning_rate: 1e6,
        reduction: Reduction::Sum,
        ..base()
    };
    match torch(spec).fit(&data) {
        Err(Error::Diverged { iteration, .. }) => assert!(iteration > 0),
        other => panic!("expected divergence, got {other:?}"),
    }
}

#[test]
fn the_best_state_before_an_explosion_can_be_kept() {
    let data = Separable::default().generate(1).expect("valid").data;
    let spec = TorchSpec {
        optimizer: Optimizer::Sgd { momentum: 0.0 },
        learning_rate: 1e6,
        reduction: Reduction::Sum,
        on_divergence: OnDivergence::KeepBest,
        restore_best: false,
        ..base()
    };
    let trainer = torch(spec);
    let fitted = trainer.fit(&data).expect("the state before");
    assert_eq!(fitted.stop, StopReason::Diverged);
    let lowest = fitted.history.losses().into_iter().fold(f64::INFINITY, f64::min);
    assert!((fitted.loss.total - lowest).abs() < 1e-3 * lowest, "{} and {lowest}", fitted.loss.total);
    cfe_core::contract::resumes_to_the_same_bits(&trainer, &data, &[0, 1]);
}

#[test]
fn data_above_the_memory_limit_are_refused_before_training() {
    let data = Separable::default().generate(1).expect("valid").data;
    let error =
        torch(TorchSpec { memory_limit_bytes: Some(1000), ..base() }).fit(&data).expect_err("too large");
    let source = std::error::Error::source(&error).expect("a cause").to_string();
    assert!(source.contains("GiB"), "{source}");
}

#[test]
fn cuda_that_is_not_there_is_an_error_and_never_the_cpu() {
    let data = Separable::default().generate(1).expect("valid").data;
    let asked = Torch::try_from(TorchSpec { device: Device::Cuda(0), ..base() }).expect("valid");
    match (asked.fit(&data), Device::Cuda(0).resolve()) {
        (Ok(fitted), Ok(_)) => assert!(fitted.device.to_lowercase().contains("cuda"), "{}", fitted.device),
        (Err(error), Err(reason)) => {
            let source = std::error::Error::source(&error).expect("a cause").to_string();
            assert_eq!(source, reason.to_string());
        }
        (fit, resolved) => panic!("{fit:?} {resolved:?}"),
    }
}

#[test]
fn both_trainers_can_begin_at_the_same_point() {
    let data = Separable::default().generate(1).expect("valid").data;
    let start = torch(TorchSpec { seed: 9, ..base() }).start(&data).expect("a start");
    assert_eq!(start, cfe_core::Parameters::random(4, 10, 500, 9).expect("in range"));
}

#[test]
fn an_observer_that_stops_at_once_gets_the_start_back() {
    let data = Separable::default().generate(1).expect("valid").data;
    let trainer = torch(base());
    let start = trainer.start(&data).expect("a start");
    let mut stop = FnObserver(|_: &Step<'_>| ControlFlow::Break(()));
    let fitted = trainer.fit_from(start.clone(), &data, &mut stop).expect("fits");
    assert_eq!(fitted.model.factors, start.factors);
    assert_eq!(fitted.history.n_iterations(), 0);
}
