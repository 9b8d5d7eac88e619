//! The machine's own rate at dense matrix products, measured in the same program.

use std::time::Instant;

use cf_ensemble::ridge::Scalar;
use ndarray::{Array2, LinalgScalar};
use rayon::prelude::*;

/// Side of the matrices: three of them fit in an L2 cache of 4 MiB, and the product reaches its plateau.
const SIDE: usize = 384;
/// Products for a measurement on each thread.
const ROUNDS: usize = 6;

/// Gflop/s of products of 384 x 384 matrices, one on each thread of the current pool at the same time; the
/// best of five.
pub fn product_gflops<T: Scalar + LinalgScalar>() -> f64 {
    let threads = rayon::current_num_threads();
    let matrices: Vec<[Array2<T>; 2]> = (0..threads)
        .map(|k| [1, 2].map(|s| Array2::from_shape_fn((SIDE, SIDE), |(i, j)| entry::<T>(i, j, k + s))))
        .collect();
    let flops = (2 * SIDE * SIDE * SIDE * ROUNDS * threads) as f64;
    let measure = || {
        let began = Instant::now();
        let check: f64 = matrices
            .par_iter()
            .with_max_len(1)
            .map(|[a, b]| (0..ROUNDS).map(|_| a.dot(b)[(0, 0)].to_f64()).sum::<f64>())
            .sum();
        // The sum is used, so that no product can be left out.
        if check.is_finite() { flops / began.elapsed().as_secs_f64() / 1e9 } else { 0.0 }
    };
    (0..5).map(|_| measure()).fold(0.0, f64::max)
}

fn entry<T: Scalar>(i: usize, j: usize, k: usize) -> T {
    T::from_f64(((i * 31 + j * 17 + k * 7) % 101) as f64 / 101.0 - 0.5)
}
