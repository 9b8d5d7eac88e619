//! How much memory a fit will need, before any is allocated.

use super::RecommendedSpec;
use super::many::{FEW, KEPT, WIDE};

/// Bytes that a fit to m x n data with n_labeled labels holds at its peak, to within a third and 64 MB, **the
/// data included**, where no prediction is missing:
///
/// ```text
/// R                                      8 m n
/// labels, weights, scores                40 n + 100 n_labeled
/// columns of the instances learned from  16 k n_l
/// features of the members                8 (k + latent_dim) n_l, and 8 local_features n_l with `local`
/// the same, laid out for a fit           as much for each thread
/// logits of the members                  24 n_l for each member
/// of more than 40 classifiers            6 choices of features in place of 1, and 16 * 64 n_l for each
///
/// k = 2 min(m, 40; 32 of many), n_l = min(n_labeled, max_instances)
/// ```
///
/// ```
/// use cf_ensemble::recommended::{RecommendedSpec, estimate_memory};
/// let bytes = estimate_memory(&RecommendedSpec::default(), 20, 1_000_000, 24_000);
/// assert!((0.2e9..0.5e9).contains(&(bytes as f64)));
/// ```
pub fn estimate_memory(spec: &RecommendedSpec, m: usize, n: usize, n_labeled: usize) -> u64 {
    let kept = if m > FEW { KEPT.max((2 * FEW).saturating_sub(m)) } else { m };
    let choices = if m > FEW { 1.0 + spec.folds.min(n_labeled) as f64 } else { 1.0 };
    let learned = n_labeled.min(spec.max_instances) as f64;
    let threads = rayon::current_num_threads() as f64;
    let k = 2.0 * kept as f64;
    let features = 8.0 * (k + factor_features(spec) as f64) * learned;
    let wide = if m > FEW { 16.0 * WIDE.min(m) as f64 * learned } else { 0.0 };
    let strengths = (spec.prior_powers.len() * spec.shrinkage.len()) as f64;
    let counted = |on: bool, ridges: &[f64]| if on { ridges.len() } else { 0 };
    let corrections = counted(spec.families.low_rank, &spec.low_rank_ridge)
        + counted(spec.families.local, &spec.local_ridge);
    let members = strengths * (1 + corrections) as f64 + 8.0;
    let data = 8.0 * m as f64 * n as f64 + 40.0 * n as f64 + 100.0 * n_labeled as f64;
    let columns = 16.0 * k * learned;
    (data + columns + (choices + threads) * (features + wide) + 24.0 * members * learned) as u64
}

/// Features that come from the factors.
fn factor_features(spec: &RecommendedSpec) -> usize {
    spec.latent_dim + if spec.families.local { spec.local_features } else { 0 }
}

/// Bytes that a fit holds beyond [`estimate_memory`] where labeled instances have gaps and `gaps_tell` is on:
/// for all instances and without each fold, R with its gaps filled in and the features of the members.
pub(crate) fn estimate_memory_of_gaps(spec: &RecommendedSpec, m: usize, n_labeled: usize) -> u64 {
    let choices = 1.0 + spec.folds.min(n_labeled) as f64;
    let learned = n_labeled.min(spec.max_instances) as f64;
    let seen = if m > FEW { KEPT.max((2 * FEW).saturating_sub(m)) + WIDE.min(m) } else { m };
    let features = 8.0 * (2 * seen + factor_features(spec)) as f64 * learned;
    (choices * (8.0 * m as f64 * n_labeled as f64 + features)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_take_a_copy_of_the_labeled_rows_for_each_fold() {
        let bytes = estimate_memory_of_gaps(&RecommendedSpec::default(), 20, 10_000);
        assert!(bytes > 6 * 8 * 20 * 10_000 && bytes < 100_000_000, "{bytes}");
    }

    #[test]
    fn memory_grows_with_rows_and_columns_and_not_with_labels_beyond_the_sample() {
        let of = |m, n, labeled| estimate_memory(&RecommendedSpec::default(), m, n, labeled);
        assert!(of(20, 1000, 500) < of(20, 2000, 500) && of(20, 1000, 500) < of(20, 1000, 800));
        assert!(of(40, 1000, 500) < of(200, 1000, 500) && of(200, 1000, 500) < of(2000, 1000, 500));
        let beyond = of(20, 1_000_000, 500_000) - of(20, 1_000_000, 100_000);
        assert!(beyond < 400_000 * 8 * 60, "{beyond}");
    }
}
