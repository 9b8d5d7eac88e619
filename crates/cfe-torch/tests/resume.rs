//! A run that was interrupted ends with the bits of an unbroken one, whatever it has to remember.

use cfe_core::contract::resumes_to_the_same_bits;
use cfe_core::synthetic::Correlated;
use cfe_core::{AggregatorKind, Dtype, Resampling, Sampler, StopReason, Trainer, WeightSchedule};
use cfe_torch::{Device, EarlyStopping, Optimizer, ReduceOnPlateau, Torch, TorchSpec};

fn data() -> cfe_core::EnsembleData {
    Correlated { n_instances: 300, ..Correlated::default() }.generate(5).expect("valid").data
}

fn spec(change: impl Fn(&mut TorchSpec)) -> TorchSpec {
    let mut spec =
        TorchSpec { latent_dim: 4, max_iterations: 40, device: Device::Cpu, ..TorchSpec::default() };
    change(&mut spec);
    spec
}

#[test]
fn whatever_a_run_has_to_remember() {
    let specs = [
        spec(|_| ()),
        spec(|spec| spec.dtype = Dtype::F64),
        spec(|spec| spec.restore_best = false),
        spec(|spec| spec.optimizer = Optimizer::AdamW { weight_decay: 0.1 }),
        spec(|spec| spec.optimizer = Optimizer::Sgd { momentum: 0.9 }),
        // Rates that fall, and a best point that lies behind.
        spec(|spec| {
            spec.learning_rate = 3.0;
            spec.reduce_on_plateau = Some(ReduceOnPlateau { patience: 1, ..ReduceOnPlateau::default() });
        }),
        spec(|spec| spec.aggregator.kind = AggregatorKind::Gated { hidden: 3 }),
        spec(|spec| spec.aggregator.kind = AggregatorKind::Mean),
        spec(|spec| spec.aggregator.center = true),
        spec(|spec| spec.aggregator.freeze_iterations = 12),
        spec(|spec| spec.weight_schedule = WeightSchedule::Curriculum { iterations: 10 }),
        spec(|spec| spec.weight_schedule = WeightSchedule::Uncertainty { epsilon: 0.1 }),
        spec(|spec| spec.sampler = Sampler::Balanced { batch_size: 32 }),
        spec(|spec| spec.resampling = Resampling::RandomUnder { ratio: 0.5 }),
    ];
    for spec in specs {
        let torch = Torch::try_from(spec).expect("valid");
        resumes_to_the_same_bits(&torch, &data(), &[1, 7, 10, 11, 25, 40]);
    }
}

/// The state of the epoch whose loss ended training goes no further.
#[test]
fn a_run_that_had_stopped_early_stays_so() {
    let early = EarlyStopping { patience: 3, min_delta: 0.05 };
    let torch = Torch::try_from(spec(|spec| spec.early_stopping = Some(early))).expect("valid");
    let whole = torch.fit(&data()).expect("fits");
    assert_eq!(whole.stop, StopReason::EarlyStopping);
    let epochs = whole.history.n_iterations();
    resumes_to_the_same_bits(&torch, &data(), &[epochs - 1, epochs]);
}
