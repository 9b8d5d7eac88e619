//! The joint trainer against the suite that every trainer must pass, on the CPU, in both number formats.

use cfe_core::Reduction;
use cfe_core::contract::{Request, check_all};
use cfe_torch::{Device, Dtype, Torch, TorchSpec};

fn check(dtype: Dtype, reduction: Reduction) {
    check_all(&|Request { latent_dim, iterations, seed }| {
        let spec = TorchSpec {
            latent_dim,
            max_iterations: iterations,
            early_stopping: None,
            restore_best: false,
            device: Device::Cpu,
            seed,
            dtype,
            reduction,
            ..TorchSpec::default()
        };
        Box::new(Torch::try_from(spec).expect("valid"))
    });
}

#[test]
fn torch_keeps_the_contract_in_f32() {
    check(Dtype::F32, Reduction::Sum);
}

#[test]
fn torch_keeps_the_contract_in_f64() {
    check(Dtype::F64, Reduction::Mean);
}
