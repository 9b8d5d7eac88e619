//! How much memory a fit will need, before any is allocated.

use cfe_core::resampling::Resampling;
use cfe_core::{ConfidenceStrategy, Dtype, OnDivergence};

use crate::spec::{AggregatorSolver, AlsObjective, AlsSpec};

/// Bytes that a fit to m x n data with n_labeled labels holds at its peak, to within a fifth and 32 MB, **the
/// data included**:
///
/// ```text
/// R                                      8 m n
/// confidence given or learned            8 m n, learned twice at the end
/// labels, weights, logits                25 n + 74 n_labeled
/// X, Y                                   8 d (m + n);  4 d (m + n) more in f32, 8 d n more if accelerated,
///   twice as much with on_divergence = keep_best
/// exact: the supervised row              16 n
/// Newton's aggregator, or a ridge:       8 (2 m + 1) n_labeled, twice that with a smoothed loss
///   r_hat and its centered copy
/// the bound's aggregator                 16 d n_labeled
/// systems of the aggregator's weights    24 m^2, but by gradient steps
/// systems of X                           4 m d^2 for each shard of the instances (up to 16) and once more
/// systems that are being solved          300 d^2 for each thread
/// resampling: a copy of the data         8 m n, without its synthetic instances
/// ```
///
/// The confidence of the formulas is never stored. Threads add about 1 MB each.
///
/// ```
/// use cfe_als::{AlsSpec, estimate_memory};
/// // R and Y of 5,000,000 instances take 1.28 GB.
/// let bytes = estimate_memory(&AlsSpec { latent_dim: 12, ..AlsSpec::default() }, 20, 5_000_000, 5_000_000);
/// assert!((1.28e9..2.1e9).contains(&(bytes as f64)));
/// ```
pub fn estimate_memory(spec: &AlsSpec, m: usize, n: usize, n_labeled: usize) -> u64 {
    let (m, n, d, labeled) = (m as f64, n as f64, spec.latent_dim as f64, n_labeled as f64);
    let matrix = 8.0 * m * n;
    let confidence = match spec.confidence.strategy {
        ConfidenceStrategy::Given => matrix,
        ConfidenceStrategy::Learned { .. } => 2.0 * matrix,
        _ => 0.0,
    };
    let copied = if spec.resampling == Resampling::None { 0.0 } else { matrix };
    let side = d * (m + n);
    let exact = if matches!(spec.objective, AlsObjective::Exact { .. }) { 16.0 * n } else { 0.0 };
    let accelerated = if spec.accelerates() { 8.0 * d * n } else { 0.0 };
    let best = if spec.on_divergence == OnDivergence::KeepBest { 8.0 * side } else { 0.0 };
    let single = if spec.dtype == Dtype::F32 { 4.0 * side } else { 0.0 };
    let copies = if spec.loss.smoothing() == 0.0 { 1.0 } else { 2.0 };
    let r_hat = copies * 8.0 * (2.0 * m + 1.0) * labeled;
    let aggregator = match spec.aggregator.solver {
        AggregatorSolver::Newton => r_hat + 24.0 * m * m,
        AggregatorSolver::Bound if spec.aggregator.ridge > 0.0 => r_hat + 24.0 * m * m,
        AggregatorSolver::Bound => 16.0 * d * labeled + 24.0 * m * m,
        AggregatorSolver::GradientStep { .. } if spec.aggregator.ridge > 0.0 => r_hat,
        AggregatorSolver::GradientStep { .. } => 0.0,
    };
    let vectors = 25.0 * n + 74.0 * labeled;
    // As the kernel cuts them: 16 tasks where few classifiers make shards large, and no shard without a tile.
    let shards = (16.0 / (m / 64.0).ceil()).min((n / 128.0).ceil()).max(1.0);
    let systems = (4.0 * m * (shards + 1.0) + 300.0 * rayon::current_num_threads() as f64) * d * d;
    let factors = 8.0 * side + best + accelerated + exact + single;
    (matrix + confidence + copied + factors + aggregator + vectors + systems) as u64
}

#[cfg(test)]
mod tests {
    use cfe_core::SupervisedLoss;

    use super::*;

    #[test]
    fn the_estimate_grows_with_everything_that_is_stored() {
        let spec = AlsSpec::default();
        let of = |spec: &AlsSpec| estimate_memory(spec, 10, 1000, 500);
        let base = of(&spec);
        assert!(of(&AlsSpec { latent_dim: 30, ..spec.clone() }) > base);
        assert!(of(&AlsSpec { dtype: Dtype::F32, ..spec.clone() }) > base);
        assert!(of(&AlsSpec { resampling: Resampling::RandomOver { ratio: 1.0 }, ..spec.clone() }) > base);
        assert!(of(&AlsSpec { on_divergence: OnDivergence::KeepBest, ..spec.clone() }) > base);
        let mut newton = spec.clone();
        newton.aggregator.solver = AggregatorSolver::Newton;
        assert!(of(&newton) > base);
        let smoothed = AlsSpec { loss: SupervisedLoss::LabelSmoothing { epsilon: 0.1 }, ..newton.clone() };
        assert!(of(&smoothed) > of(&newton));
        let mut given = spec;
        given.confidence.strategy = ConfidenceStrategy::Given;
        assert_eq!(of(&given), base + 8 * 10 * 1000);
    }
}
