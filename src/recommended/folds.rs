//! Stratified folds of the labeled instances.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha12Rng;

/// Deals the instances of each class out in random order over `count` folds; the fold of each instance (n).
pub(super) fn stratified(labels: &[bool], count: usize, seed: u64) -> Vec<usize> {
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    let mut folds = vec![0; labels.len()];
    for class in [false, true] {
        let mut members: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] == class).collect();
        members.shuffle(&mut rng);
        members.iter().enumerate().for_each(|(k, &i)| folds[i] = k % count);
    }
    folds
}
