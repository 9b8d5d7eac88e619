//! The weighted squared error.

use super::cells::Cells;
use super::pack::{PAIR, Panels};
use super::product::lane_product;
use super::simd::Scalar;
use super::workspace::{Scratch, Workspace};
use super::{KernelError, check_shape, split};
use core::ops::Range;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Instances per job; the jobs' sums are added in order.
const JOB: usize = 4096;
/// Elements of a tile of cells (per classifier).
const TILE: usize = 512;

/// `sum_ui c_ui (r_ui - x_u . y_i)^2`.
///
/// `x` is d x m and `y` d x n (row-major). Costs `2 n m (d + 2)` flops and reads every cell and Y once.
/// Terms are computed in T; blocks of at most 512 x 14 of them are
/// added in T, lane by lane, and everything beyond in f64.
///
/// # Errors
/// [`KernelError::Shape`].
pub fn weighted_squared_error<T: Scalar, C: Cells<T>>(
    workspace: &Workspace<T>,
    cells: &C,
    x: &[T],
    y: &[T],
    d: usize,
) -> Result<f64, KernelError> {
    let (m, n) = (cells.rows(), cells.cols());
    check_shape("x", x.len(), d, m)?;
    check_shape("y", y.len(), d, n)?;
    if m == 0 {
        return Ok(0.0);
    }
    let panels = T::pack_errors(workspace.arch(), PackErrors { x, m, d });
    // Jobs have a fixed length and are added in order: the same bits for any number of threads.
    let sums: Vec<f64> = (0..n.div_ceil(JOB))
        .into_par_iter()
        .map(|job| {
            let range = job * JOB..n.min((job + 1) * JOB);
            workspace.with(|scratch| error_sum(workspace.arch(), cells, &panels, y, d, range, scratch))
        })
        .collect();
    Ok(sums.iter().sum())
}

/// The error of a range of instances.
fn error_sum<T: Scalar, C: Cells<T>>(
    arch: Arch,
    cells: &C,
    panels: &Panels<T>,
    y: &[T],
    d: usize,
    range: Range<usize>,
    scratch: &mut Scratch<T>,
) -> f64 {
    let (m, n) = (cells.rows(), cells.cols());
    let micro = T::micro(arch);
    let mut total = 0.0;
    for start in range.clone().step_by(TILE) {
        let len = TILE.min(range.end - start);
        let padded = len.next_multiple_of(micro);
        // Y of the tile is interleaved once, for all panels of classifiers.
        let out = scratch.lanes.get(d * padded);
        T::interleave(arch, Interleave { y, n, start, len, out });
        // As many classifiers as a panel has columns.
        for (first, count) in split(m, panels.columns()) {
            let r = scratch.ratings.get(count * TILE);
            let c = scratch.weights.get(count * TILE);
            for (u, (r, c)) in (first..).zip(r.chunks_mut(TILE).zip(c.chunks_mut(TILE))) {
                cells.fill(u, start, &mut r[..len], &mut c[..len]);
                r[len..padded].fill(T::ZERO);
                c[len..padded].fill(T::ZERO);
            }
            total +=
                T::error_tile(arch, ErrorTile { panel: panels.get(first, count), count, d, padded, scratch });
        }
    }
    total
}

/// Packs X once per call.
pub struct PackErrors<'a, T> {
    x: &'a [T],
    m: usize,
    d: usize,
}

impl<T: Scalar> WithSimd for PackErrors<'_, T> {
    type Output = Panels<T>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Panels<T> {
        Panels::plain::<S>(self.x, self.m, self.d)
    }
}

/// Copies the columns `start..start + len` of Y (rows of `n`) to `out` as
/// `[micro-tile][latent row][register of the pair]`, with zeros in the last micro-tile's unused lanes.
pub struct Interleave<'a, T> {
    y: &'a [T],
    n: usize,
    start: usize,
    len: usize,
    out: &'a mut [T],
}

impl<T: Scalar> WithSimd for Interleave<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let micro = PAIR * T::width::<S>();
        let d = self.y.len() / self.n;
        // Row k of Y becomes row k of each micro-tile.
        for (k, row) in self.y.chunks_exact(self.n).enumerate() {
            let row = &row[self.start..][..self.len];
            let pairs = T::registers::<S>(row).as_chunks::<PAIR>().0;
            let outs = T::registers_mut::<S>(self.out).as_chunks_mut::<PAIR>().0;
            for (out, pair) in outs.iter_mut().skip(k).step_by(d).zip(pairs) {
                *out = *pair;
            }
            // The last micro-tile is filled up with zeros.
            let rest = &row[pairs.len() * micro..];
            if !rest.is_empty() {
                let out = &mut self.out[(pairs.len() * d + k) * micro..][..micro];
                out[..rest.len()].copy_from_slice(rest);
                out[rest.len()..].fill(T::ZERO);
            }
        }
    }
}

/// The error of one tile and one panel of `count` classifiers. In `scratch`: `ratings` and `weights` with
/// rows of [`TILE`], `lanes` as [`Interleave`] leaves it; `padded` instances.
pub struct ErrorTile<'a, T> {
    panel: &'a [T],
    count: usize,
    d: usize,
    padded: usize,
    scratch: &'a mut Scratch<T>,
}

impl<T: Scalar> WithSimd for ErrorTile<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let Self { panel, count, d, .. } = self;
        let (width, micro) = (T::width::<S>(), PAIR * T::width::<S>());
        let r = &*self.scratch.ratings.get(count * TILE);
        let c = &*self.scratch.weights.get(count * TILE);
        let factors = &*self.scratch.lanes.get(d * self.padded);
        let predicted = self.scratch.systems.get(count * micro);
        let mut sum = [T::splat(simd, T::ZERO); PAIR];
        // First x_u . y_i for the instances of a micro-tile, then the errors of its cells.
        for t in 0..self.padded / micro {
            let (low, high) = predicted.split_at_mut(count * width);
            let left = &factors[t * d * micro..][..d * micro];
            lane_product(simd, left, panel, count, [low, high]);
            let pairs = (T::registers::<S>(low).iter()).zip(T::registers::<S>(high));
            for (u, (&low, &high)) in pairs.enumerate() {
                let at = u * TILE + t * micro;
                let r = T::registers::<S>(&r[at..at + micro]);
                let c = T::registers::<S>(&c[at..at + micro]);
                add_squared_error::<T, S>(simd, [c[0], c[1]], [r[0], r[1]], [low, high], &mut sum);
            }
        }
        sum.map(|sum| T::sum(simd, sum).to_f64()).iter().sum()
    }
}

/// `sum += c (r - predicted)^2` for a pair of registers.
#[inline(always)]
pub(crate) fn add_squared_error<T: Scalar, S: Simd>(
    simd: S,
    c: [T::Vector<S>; PAIR],
    r: [T::Vector<S>; PAIR],
    predicted: [T::Vector<S>; PAIR],
    sum: &mut [T::Vector<S>; PAIR],
) {
    let one = T::splat(simd, T::ONE);
    for v in 0..PAIR {
        let e = T::neg_mul_add(simd, predicted[v], one, r[v]);
        sum[v] = T::mul_add(simd, T::times(simd, c[v], e), e, sum[v]);
    }
}
