//! How much memory training will need, before any is allocated.

use std::process::Command;

use cfe_core::{AggregatorKind, Dtype, OnDivergence};

use crate::spec::{Optimizer, TorchSpec};

/// Bytes that training m x n data with n_labeled labels takes on the device, to within a fifth.
///
/// Counts R, C and the four m x n tensors that live at once in a forward and backward pass; Y with its
/// gradient, the gradient of the penalty, the optimizer's state with room for one expression, and the best
/// copy; a few vectors; and r_hat of the labeled instances, with what is made of it, where the aggregator
/// needs it.
///
/// ```
/// use cfe_torch::{TorchSpec, estimate_memory};
/// let bytes = estimate_memory(&TorchSpec::default(), 20, 1_000_000, 500_000);
/// assert!((0.5e9..1.5e9).contains(&(bytes as f64)));
/// ```
pub fn estimate_memory(spec: &TorchSpec, m: usize, n: usize, n_labeled: usize) -> u64 {
    let element = match spec.dtype {
        Dtype::F32 => 4.0,
        Dtype::F64 => 8.0,
    };
    // Adam keeps two moments and SGD one; one more is room for an expression.
    let state = match spec.optimizer {
        Optimizer::Adam | Optimizer::AdamW { .. } => 3.0,
        Optimizer::Sgd { .. } => 2.0,
    };
    let keeps_best = spec.restore_best || spec.on_divergence == OnDivergence::KeepBest;
    let best = if keeps_best { 1.0 } else { 0.0 };
    let (m, n, d) = (m as f64, n as f64, spec.latent_dim as f64);
    // R, C and the four tensors of the passes.
    let cells = 6.0 * m * n;
    // A parameter, its gradient and that of the penalty, besides the optimizer's state and the best copy.
    let factors = (3.0 + state + best) * d * (m + n);
    let vectors = 8.0 * n_labeled as f64 + 2.0 * n;
    let labeled_r_hat = match spec.aggregator.kind {
        AggregatorKind::Gated { hidden } => 7.0 * m + 4.0 * hidden as f64,
        AggregatorKind::Mean => 2.0 * m,
        _ => 0.0,
    };
    (element * (cells + factors + vectors + labeled_r_hat * n_labeled as f64)) as u64
}

/// Free memory of a CUDA device, as its driver's own tool says; `None` where that tool is not at hand.
pub(crate) fn free_cuda_memory(index: usize) -> Option<u64> {
    let output = Command::new("nvidia-smi")
        .args(["--query-gpu=memory.free", "--format=csv,noheader,nounits", "-i", &index.to_string()])
        .output()
        .ok()?;
    parse_mebibytes(std::str::from_utf8(&output.stdout).ok()?)
}

fn parse_mebibytes(text: &str) -> Option<u64> {
    text.trim().parse::<u64>().ok().map(|mebibytes| mebibytes << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_grows_with_everything_that_is_stored() {
        let spec = TorchSpec::default();
        let base = estimate_memory(&spec, 10, 1000, 500);
        assert!(estimate_memory(&TorchSpec { dtype: Dtype::F64, ..spec.clone() }, 10, 1000, 500) == 2 * base);
        assert!(estimate_memory(&TorchSpec { restore_best: false, ..spec.clone() }, 10, 1000, 500) < base);
        let mut gated = spec.clone();
        gated.aggregator.kind = AggregatorKind::Gated { hidden: 4 };
        assert!(estimate_memory(&gated, 10, 1000, 500) > base);
        assert!(estimate_memory(&TorchSpec { latent_dim: 30, ..spec }, 10, 1000, 500) > base);
    }

    #[test]
    fn the_drivers_answer_is_in_mebibytes() {
        assert_eq!(parse_mebibytes("1024\n"), Some(1 << 30));
        assert_eq!(parse_mebibytes("[N/A]"), None);
    }
}
