//! The micro-kernel behind the instance update: a matrix product whose lanes are instances.
//!
//! `out[k] = sum_u z[u, k] left[u]` for two registers of instances at once. The sums stay in registers; a
//! step of u loads the two lane registers and broadcasts up to 14 numbers for 28 multiply-adds. Zen 4
//! issues one 512-bit multiply-add and one 512-bit load a cycle, so the loads hide completely.

use super::pack::PAIR;
use super::simd::Scalar;
use pulp::{Simd, WithSimd};

/// The product with one panel: `left` holds `depth` pairs of registers, `panel` is `depth x width`
/// (row-major), and result k of register v goes to the k-th register of `out[v]`, which must have at least
/// `width`. `width` is at most [`super::pack::panel_width`].
///
/// Costs `2 * 2 lanes * depth * width` flops.
#[inline(always)]
pub(crate) fn lane_product<T: Scalar, S: Simd>(
    simd: S,
    left: &[T],
    panel: &[T],
    width: usize,
    out: [&mut [T]; PAIR],
) {
    // Every width is a function of its own (`vectorize`), so that all callers share one copy.
    macro_rules! dispatch {
        ($($w:literal)*) => {
            match width {
                $($w => simd.vectorize(Block::<T, $w> { left, panel, out }),)*
                // `split` yields no width above the panel width.
                _ => {}
            }
        };
    }
    if S::REGISTER_COUNT >= 32 {
        dispatch!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    } else {
        dispatch!(1 2 3 4 5 6);
    }
}

struct Block<'a, T, const W: usize> {
    left: &'a [T],
    panel: &'a [T],
    out: [&'a mut [T]; PAIR],
}

impl<T: Scalar, const W: usize> WithSimd for Block<'_, T, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let left = T::registers::<S>(self.left).as_chunks::<PAIR>().0;
        let panel = self.panel.as_chunks::<W>().0;
        let mut sums = [[T::splat(simd, T::ZERO); PAIR]; W];
        for (lanes, row) in left.iter().zip(panel) {
            for (sum, &z) in sums.iter_mut().zip(row) {
                let z = T::splat(simd, z);
                sum[0] = T::mul_add(simd, z, lanes[0], sum[0]);
                sum[1] = T::mul_add(simd, z, lanes[1], sum[1]);
            }
        }
        // Constant indices all the way: anything else would put the sums on the stack first.
        for (v, out) in self.out.into_iter().enumerate() {
            if let Some(out) = T::registers_mut::<S>(out).first_chunk_mut::<W>() {
                for k in 0..W {
                    out[k] = sums[k][v];
                }
            }
        }
    }
}
