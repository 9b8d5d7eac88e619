//! Sums over blocks of a fixed length, in parallel and yet the same bits for any number of threads: the
//! blocks do not depend on the threads, and their results are added in order.

use rayon::prelude::*;

/// Sum of `of(block)` over the blocks of `len` elements. A single block is summed here, without waking a
/// thread.
pub(crate) fn fold_blocks(len: usize, block: usize, of: impl Fn(usize) -> f64 + Sync + Send) -> f64 {
    let blocks = len.div_ceil(block);
    if blocks <= 1 {
        return if blocks == 1 { of(0) } else { 0.0 };
    }
    let sums: Vec<f64> = (0..blocks).into_par_iter().map(of).collect();
    sums.iter().sum()
}

/// As [`fold_blocks`], over the blocks of a slice that `of` may change.
pub(crate) fn fold_blocks_mut<T: Send>(
    values: &mut [T],
    block: usize,
    of: impl Fn(usize, &mut [T]) -> f64 + Sync,
) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    if values.len() <= block {
        return of(0, values);
    }
    let parts = values.par_chunks_mut(block).enumerate();
    let sums: Vec<f64> = parts.map(|(k, part)| of(k, part)).collect();
    sums.iter().sum()
}

/// Sum of squares. Eight running sums, so that an addition need not wait for the one before.
pub(crate) fn sum_of_squares(values: &[f64]) -> f64 {
    const BLOCK: usize = 1 << 15;
    fold_blocks(values.len(), BLOCK, |block| {
        let from = block * BLOCK;
        let (eights, rest) = values[from..values.len().min(from + BLOCK)].as_chunks::<8>();
        let mut sums = [0.0; 8];
        for eight in eights {
            sums.iter_mut().zip(eight).for_each(|(sum, v)| *sum += v * v);
        }
        sums.iter().sum::<f64>() + rest.iter().map(|v| v * v).sum::<f64>()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_cover_every_element_once_and_do_not_depend_on_threads() {
        for len in [0, 1, 7, 8, 32_768, 32_769, 200_001] {
            let values: Vec<f64> = (0..len).map(|k| f64::from(k % 7) + 0.1).collect();
            let plain: f64 = values.iter().map(|v| v * v).sum();
            let sum = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
                pool.install(|| sum_of_squares(&values))
            };
            assert!((sum(1) - plain).abs() <= 1e-12 * plain, "{len}");
            assert_eq!(sum(1).to_bits(), sum(3).to_bits());
        }
    }
}
