//! Packing of X for the products whose lanes are instances.

use super::simd::Scalar;
use super::{split, triangle};
use pulp::Simd;

/// Registers (of instances) per micro-tile.
pub(crate) const PAIR: usize = 2;

/// Columns per panel of the right operand: with 32 registers 2 x 14 accumulators, 2 lane registers and 2 to
/// broadcast into; with 16 registers 2 x 6 accumulators.
pub(crate) const fn panel_width<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 { 14 } else { 6 }
}

/// A right operand of `depth` rows in panels: the columns are cut by [`split`], and the panel of columns
/// `s..s + w` is the row-major `depth x w` block at `depth * s`.
pub struct Panels<T> {
    data: Vec<T>,
    depth: usize,
    /// [`panel_width`] where it was packed.
    columns: usize,
}

impl<T: Scalar> Panels<T> {
    /// The panel of the columns `start..start + width`.
    #[inline(always)]
    pub(crate) fn get(&self, start: usize, width: usize) -> &[T] {
        &self.data[self.depth * start..][..self.depth * width]
    }

    /// Most columns per panel.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// X^T (m x d, from X d x m): for sums over classifiers.
    pub(crate) fn transposed<S: Simd>(x: &[T], m: usize, d: usize) -> Self {
        let mut data = vec![T::ZERO; m * d];
        for (start, width) in split(d, panel_width::<S>()) {
            let panel = &mut data[m * start..][..m * width];
            for k in 0..width {
                let row = &x[(start + k) * m..][..m];
                for (out, &value) in panel.iter_mut().skip(k).step_by(width).zip(row) {
                    *out = value;
                }
            }
        }
        Self { data, depth: m, columns: panel_width::<S>() }
    }

    /// X (d x m) itself: for sums over latent dimensions.
    pub(crate) fn plain<S: Simd>(x: &[T], m: usize, d: usize) -> Self {
        let mut data = vec![T::ZERO; m * d];
        for (start, width) in split(m, panel_width::<S>()) {
            let panel = &mut data[d * start..][..d * width];
            for (out, row) in panel.chunks_exact_mut(width).zip(x.chunks_exact(m)) {
                out.copy_from_slice(&row[start..start + width]);
            }
        }
        Self { data, depth: d, columns: panel_width::<S>() }
    }

    /// Z (m x d(d+1)/2), row u = vech(x_u x_u^T).
    pub(crate) fn vech<S: Simd>(x: &[T], m: usize, d: usize) -> Self {
        let mut data = vec![T::ZERO; m * triangle(d)];
        for (start, width) in split(triangle(d), panel_width::<S>()) {
            vech_panel(x, m, start, width, &mut data[m * start..][..m * width]);
        }
        Self { data, depth: m, columns: panel_width::<S>() }
    }
}

/// One panel of Z: the products `x_iu x_ju` for the vech entries `start..start + width` (row by row of the
/// lower triangle) and all u, as a row-major `m x width` block.
#[inline(always)]
pub(crate) fn vech_panel<T: Scalar>(x: &[T], m: usize, start: usize, width: usize, panel: &mut [T]) {
    let (mut i, mut j) = triangle_position(start);
    for k in 0..width {
        let (a, b) = (&x[i * m..][..m], &x[j * m..][..m]);
        for ((out, &a), &b) in panel.iter_mut().skip(k).step_by(width).zip(a).zip(b) {
            *out = a * b;
        }
        (i, j) = if j == i { (i + 1, 0) } else { (i, j + 1) };
    }
}

/// Row and column of entry `k` of a lower triangle stored row by row.
#[inline(always)]
pub(crate) fn triangle_position(k: usize) -> (usize, usize) {
    // Row i starts at i(i+1)/2; the float root is within one of it for every k that fits in memory.
    let mut i = (((8.0 * k as f64 + 1.0).sqrt() - 1.0) / 2.0) as usize;
    while triangle(i + 1) <= k {
        i += 1;
    }
    while triangle(i) > k {
        i -= 1;
    }
    (i, k - triangle(i))
}
