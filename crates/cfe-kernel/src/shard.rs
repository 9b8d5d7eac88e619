//! One tile of the classifier update, compiled per instruction set.
//!
//! The lanes are the summands: a block of 5 classifiers x 5 entries of vech keeps 25 partial sums over the
//! tile in registers (10 loads for 25 multiply-adds a step) and adds their lanes up at its end.

#![allow(clippy::needless_range_loop, reason = "constant bounds unroll and keep the block in registers")]

use super::factor::MAX_LANES;
use super::pack::triangle_position;
use super::simd::Scalar;
use super::workspace::Scratch;
use super::{split, triangle};
use pulp::{Simd, WithSimd};

/// Instances per tile: 4 KiB a row, so that a panel of five rows stays in L1; 1 KiB where the tile of Y
/// would not fit in L2.
pub(crate) const fn tile_len<T>(d: usize) -> usize {
    (if d <= 64 { 4096 } else { 1024 }) / size_of::<T>()
}

/// Classifiers and panel columns of a register block: 25 accumulators of 32 registers, or 9 of 16.
const fn side<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 { 5 } else { 3 }
}

/// `out = c r` for one row of a tile (a multiple of [`MAX_LANES`]).
pub struct PackRow<'a, T> {
    pub(crate) r: &'a [T],
    pub(crate) c: &'a [T],
    pub(crate) out: &'a mut [T],
}

impl<T: Scalar> WithSimd for PackRow<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (c, r) = (T::registers::<S>(self.c), T::registers::<S>(self.r));
        let out = T::registers_mut::<S>(self.out);
        for ((out, &c), &r) in out.iter_mut().zip(c).zip(r) {
            *out = T::times(simd, c, r);
        }
    }
}

/// Adds a tile to the sums of `count` classifiers. In `scratch`, in rows of [`tile_len`]: `left` = c and
/// `right` = c r (count rows), `lanes` = Y (d rows), all with `padded` elements in use.
pub struct TileSums<'a, T> {
    pub(crate) d: usize,
    pub(crate) count: usize,
    /// A multiple of [`MAX_LANES`].
    pub(crate) padded: usize,
    pub(crate) scratch: &'a mut Scratch<T>,
    /// `count x (d(d+1)/2 + d)`.
    pub(crate) sums: &'a mut [f64],
}

impl<T: Scalar> WithSimd for TileSums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { d, count, .. } = self;
        let tile = tile_len::<T>(d);
        let stride = triangle(d) + d;
        debug_assert!(self.padded.is_multiple_of(MAX_LANES));
        let vectors = self.padded / T::width::<S>();
        let factors = &*self.scratch.lanes.get(d * tile);
        let products = self.scratch.panel.get(side::<S>() * tile);
        let mut multiply = |rows: &[T], panel: &[T], width: usize, at: usize| {
            for (u, height) in split(count, side::<S>()) {
                let block = Operands {
                    rows: &rows[u * tile..][..height * tile],
                    panel,
                    tile,
                    vectors,
                    sums: &mut self.sums[u * stride + at..],
                    stride,
                };
                block.run(simd, height, width);
            }
        };
        // Right-hand sides: c r times the rows of Y.
        let weighted = &*self.scratch.right.get(count * tile);
        for (at, width) in split(d, side::<S>()) {
            multiply(weighted, &factors[at * tile..], width, triangle(d) + at);
        }
        // Gram matrices: c times the products y_j y_k, of which a panel is formed once for all classifiers.
        let weights = &*self.scratch.left.get(count * tile);
        for (at, width) in split(triangle(d), side::<S>()) {
            let panel = &mut products[..width * tile];
            vech_products::<T, S>(simd, factors, tile, vectors, at, panel);
            multiply(weights, panel, width, at);
        }
    }
}

/// Products `y_j y_k` of one tile for consecutive entries of vech from `at` on; `y` and `panel` have rows
/// of `tile` elements, of which `vectors` registers are in use.
#[inline(always)]
fn vech_products<T: Scalar, S: Simd>(
    simd: S,
    y: &[T],
    tile: usize,
    vectors: usize,
    at: usize,
    panel: &mut [T],
) {
    let (mut j, mut k) = triangle_position(at);
    for out in panel.chunks_exact_mut(tile) {
        let a = &T::registers::<S>(&y[j * tile..])[..vectors];
        let b = &T::registers::<S>(&y[k * tile..])[..vectors];
        let out = &mut T::registers_mut::<S>(out)[..vectors];
        for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
            *out = T::times(simd, a, b);
        }
        (j, k) = if k == j { (j + 1, 0) } else { (j, k + 1) };
    }
}

/// One block: rows of `tile` elements with `vectors` registers in use on both sides; the product of row h
/// and panel row w is added to `sums[h * stride + w]`.
struct Operands<'a, T> {
    rows: &'a [T],
    panel: &'a [T],
    tile: usize,
    vectors: usize,
    sums: &'a mut [f64],
    stride: usize,
}

impl<T: Scalar> Operands<'_, T> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S, height: usize, width: usize) {
        // Every shape is a function of its own (`vectorize`), so that both callers share one copy.
        macro_rules! dispatch {
            ($($h:literal: $($w:literal)*;)*) => {
                match (height, width) {
                    $($(($h, $w) => simd.vectorize(Block::<T, $h, $w>(self)),)*)*
                    // `split` yields nothing above `side`.
                    _ => {}
                }
            };
        }
        if S::REGISTER_COUNT >= 32 {
            dispatch!(1: 1 2 3 4 5; 2: 1 2 3 4 5; 3: 1 2 3 4 5; 4: 1 2 3 4 5; 5: 1 2 3 4 5;);
        } else {
            dispatch!(1: 1 2 3; 2: 1 2 3; 3: 1 2 3;);
        }
    }
}

struct Block<'a, T, const H: usize, const W: usize>(Operands<'a, T>);

impl<T: Scalar, const H: usize, const W: usize> WithSimd for Block<'_, T, H, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Operands { rows, panel, tile, vectors, sums, stride } = self.0;
        let mut a: [&[T::Vector<S>]; H] = [&[]; H];
        for (h, a) in a.iter_mut().enumerate() {
            *a = &T::registers::<S>(&rows[h * tile..])[..vectors];
        }
        let mut b: [&[T::Vector<S>]; W] = [&[]; W];
        for (w, b) in b.iter_mut().enumerate() {
            *b = &T::registers::<S>(&panel[w * tile..])[..vectors];
        }
        // H x W sums stay in registers through all vectors of the tile.
        let mut block = [[T::splat(simd, T::ZERO); W]; H];
        for t in 0..vectors {
            for h in 0..H {
                let a = a[h][t];
                for w in 0..W {
                    block[h][w] = T::mul_add(simd, a, b[w][t], block[h][w]);
                }
            }
        }
        for h in 0..H {
            // Within a tile sums are in T, across tiles in f64.
            if let Some(row) = sums.get_mut(h * stride..).and_then(|s| s.first_chunk_mut::<W>()) {
                for w in 0..W {
                    row[w] += T::sum(simd, block[h][w]).to_f64();
                }
            }
        }
    }
}
