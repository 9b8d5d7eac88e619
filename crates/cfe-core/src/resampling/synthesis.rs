//! Where synthetic instances are put.

use rand::RngExt;
use rand_chacha::ChaCha12Rng;

use super::neighbors::nearest;
use super::synthetic::Synthetic;
use crate::data::EnsembleData;

fn one_of(list: &[usize], rng: &mut ChaCha12Rng) -> Option<usize> {
    (!list.is_empty()).then(|| list[rng.random_range(0..list.len())])
}

/// `count` copies of random instances of `few`, which is not empty.
pub(super) fn copies(few: &[usize], count: usize, rng: &mut ChaCha12Rng) -> Vec<Synthetic> {
    (0..count).filter_map(|_| one_of(few, rng)).map(|of| Synthetic { of, towards: of, gap: 0.0 }).collect()
}

fn towards(of: usize, neighbors: &[usize], rng: &mut ChaCha12Rng) -> Synthetic {
    let gap = rng.random::<f64>();
    Synthetic { of, towards: one_of(neighbors, rng).unwrap_or(of), gap }
}

pub(super) fn smote(
    data: &EnsembleData,
    few: &[usize],
    k: usize,
    count: usize,
    rng: &mut ChaCha12Rng,
) -> Vec<Synthetic> {
    let neighbors = nearest(data.predictions(), few, few, k);
    (0..count)
        .map(|_| {
            let a = rng.random_range(0..few.len());
            towards(few[a], &neighbors[a], rng)
        })
        .collect()
}

pub(super) fn adasyn(
    data: &EnsembleData,
    few: &[usize],
    k: usize,
    count: usize,
    rng: &mut ChaCha12Rng,
) -> Vec<Synthetic> {
    let of_any_class = nearest(data.predictions(), few, data.labeled(), k);
    let class = data.labels()[few[0]];
    let foreign = |list: &Vec<usize>| {
        let foreign = list.iter().filter(|&&j| data.labels()[j] != class).count();
        foreign as f64 / list.len().max(1) as f64
    };
    // r_i of the paper: the share of the majority among the neighbors of each minority instance.
    let mut hardness: Vec<f64> = of_any_class.iter().map(foreign).collect();
    if hardness.iter().all(|&r| r == 0.0) {
        hardness.fill(1.0);
    }
    let total: f64 = hardness.iter().sum();
    let neighbors = nearest(data.predictions(), few, few, k);
    let mut synthetic = Vec::with_capacity(count + few.len());
    // An instance gets its share of the synthetic ones, each towards a neighbor of its own class.
    for ((&of, neighbors), r) in few.iter().zip(&neighbors).zip(&hardness) {
        let share = (r / total * count as f64).round() as usize;
        synthetic.extend((0..share).map(|_| towards(of, neighbors, rng)));
    }
    synthetic
}
