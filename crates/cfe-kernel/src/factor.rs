//! Many small symmetric systems at once: one system per SIMD lane.
//!
//! The factorization is A = L D L^T with unit lower triangular L, which needs one division per pivot and no
//! square root, and rounds no worse than Cholesky's. What is stored is U = L D (the columns before their
//! division by the pivot), because then both substitutions and all updates use U and the reciprocal pivots
//! alone:
//!
//! ```text
//! u_ij = a_ij - sum_{k<j} u_ik (u_jk / d_k),   d_j = u_jj
//! ```
//!
//! The right-hand side is carried along as row n of the triangle, so forward substitution is part of the
//! factorization. Left-looking by blocks of four columns: a 4 x 4 block of entries stays in registers over
//! the whole sum, so a step loads 8 registers for 16 multiply-adds.

// Loops over a register block count instead of iterating: with constant bounds they unroll completely, which
// is what keeps the block in registers, and several arrays are indexed alike.
#![allow(
    clippy::needless_range_loop,
    reason = "constant bounds unroll, and several arrays are indexed alike"
)]

use super::pack::PAIR;
use super::simd::Scalar;
use super::triangle;
use pulp::{Simd, WithSimd};

/// Rows and columns of a register block.
const BLOCK: usize = 4;

/// What distinguishes the systems to solve: where an entry comes from, and how a pivot is finished.
pub(crate) trait System<T: Scalar>: Copy {
    /// Entry at offset `at` of the triangle (not of the right-hand side), before elimination.
    fn entry<S: Simd>(self, simd: S, stored: &[T::Vector<S>], at: usize) -> T::Vector<S>;

    /// From the eliminated diagonal entry of column `j` a value that must be positive, and 1/d_j.
    fn pivot<S: Simd>(self, simd: S, j: usize, diagonal: T::Vector<S>) -> (T::Vector<S>, T::Vector<S>);
}

/// A + lambda I with A stored in the triangle.
#[derive(Clone, Copy)]
pub(crate) struct Ridge<T> {
    pub(crate) lambda: T,
}

impl<T: Scalar> System<T> for Ridge<T> {
    #[inline(always)]
    fn entry<S: Simd>(self, _: S, stored: &[T::Vector<S>], at: usize) -> T::Vector<S> {
        stored[at]
    }

    #[inline(always)]
    fn pivot<S: Simd>(self, simd: S, _: usize, diagonal: T::Vector<S>) -> (T::Vector<S>, T::Vector<S>) {
        let pivot = T::plus(simd, diagonal, T::splat(simd, self.lambda));
        (pivot, T::over(simd, T::splat(simd, T::ONE), pivot))
    }
}

/// K + lambda C^-1 with K shared by all lanes and C diagonal, different in each. A zero in C is an infinite
/// pivot: its reciprocal c / (c w + lambda) is 0, and the unknown comes out as exactly 0.
#[derive(Clone, Copy)]
pub(crate) struct Dual<'a, T> {
    /// Lower triangle of K, row by row.
    pub(crate) shared: &'a [T],
    /// The lanes' c_j are register `j * PAIR + member`.
    pub(crate) weights: &'a [T],
    /// Which register of the pair.
    pub(crate) member: usize,
    pub(crate) lambda: T,
}

impl<T: Scalar> System<T> for Dual<'_, T> {
    #[inline(always)]
    fn entry<S: Simd>(self, simd: S, _: &[T::Vector<S>], at: usize) -> T::Vector<S> {
        T::splat(simd, self.shared[at])
    }

    #[inline(always)]
    fn pivot<S: Simd>(self, simd: S, j: usize, diagonal: T::Vector<S>) -> (T::Vector<S>, T::Vector<S>) {
        let weight = T::registers::<S>(self.weights)[j * PAIR + self.member];
        let scaled = T::mul_add(simd, weight, diagonal, T::splat(simd, self.lambda));
        (scaled, T::over(simd, weight, scaled))
    }
}

/// Registers of working memory [`Solve`] needs for `n` unknowns.
pub(crate) const fn factor_len(n: usize) -> usize {
    (BLOCK + 1) * n
}

/// Most lanes of any register.
pub(crate) const MAX_LANES: usize = 16;

/// Solves one system of `n` unknowns in every lane. The output is 1 in the lanes where all pivots were
/// positive and the solution is finite, else 0.
///
/// Costs `n^3/3 + 2 n^2` flops and n divisions a lane.
pub(crate) struct Solve<'a, T, P> {
    pub(crate) system: P,
    pub(crate) n: usize,
    /// `n(n+1)/2 + n` registers: the lower triangle row by row (overwritten) and then the n right-hand
    /// sides, which the solution replaces.
    pub(crate) a: &'a mut [T],
    /// [`factor_len`] registers.
    pub(crate) work: &'a mut [T],
}

impl<T: Scalar, P: System<T>> WithSimd for Solve<'_, T, P> {
    type Output = [T; MAX_LANES];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [T; MAX_LANES] {
        let Self { system, n, .. } = self;
        let a = &mut T::registers_mut::<S>(self.a)[..triangle(n) + n];
        let work = &mut T::registers_mut::<S>(self.work)[..factor_len(n)];
        let (inverse, scaled) = work.split_at_mut(n);
        let mut good = T::splat(simd, T::ONE);
        let mut start = 0;
        // The last block is narrower, and is compiled for its own width.
        while start < n {
            let left = n - start;
            good = match left {
                1 => columns::<T, S, P, 1>(simd, system, n, start, a, inverse, scaled, good),
                2 => columns::<T, S, P, 2>(simd, system, n, start, a, inverse, scaled, good),
                3 => columns::<T, S, P, 3>(simd, system, n, start, a, inverse, scaled, good),
                _ => columns::<T, S, P, BLOCK>(simd, system, n, start, a, inverse, scaled, good),
            };
            start += left.min(BLOCK);
        }
        good = back_substitute::<T, S>(simd, n, a, inverse, good);
        let mut out = [T::ZERO; MAX_LANES];
        if let Some(first) = T::registers_mut::<S>(&mut out).first_mut() {
            *first = good;
        }
        out
    }
}

/// Finishes the `J` columns from `start` on: diagonal block, rows below, right-hand side.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "one call site; a struct would only rename the arguments")]
fn columns<T: Scalar, S: Simd, P: System<T>, const J: usize>(
    simd: S,
    system: P,
    n: usize,
    start: usize,
    a: &mut [T::Vector<S>],
    inverse: &mut [T::Vector<S>],
    scaled: &mut [T::Vector<S>],
    mut good: T::Vector<S>,
) -> T::Vector<S> {
    let zero = T::splat(simd, T::ZERO);

    // The rows of the diagonal block divided by the pivots so far: L instead of U.
    let scaled = &mut scaled.as_chunks_mut::<J>().0[..start];
    for j in 0..J {
        let row = &a[triangle(start + j)..][..start];
        for ((out, &u), &inverse) in scaled.iter_mut().zip(row).zip(&*inverse) {
            out[j] = T::times(simd, u, inverse);
        }
    }

    // Diagonal block: eliminate the columns before it, then factor it in registers.
    let mut block = [[zero; J]; J];
    for i in 0..J {
        let at = triangle(start + i) + start;
        for j in 0..=i {
            block[i][j] = system.entry(simd, a, at + j);
        }
    }
    for (k, l) in scaled.iter().enumerate() {
        for i in 0..J {
            let u = a[triangle(start + i) + k];
            for j in 0..=i {
                block[i][j] = T::neg_mul_add(simd, u, l[j], block[i][j]);
            }
        }
    }
    // `unit` holds L of the block, with 1 on its diagonal; the pivots are kept as reciprocals.
    let mut unit = [[zero; J]; J];
    for j in 0..J {
        let (positive, reciprocal) = system.pivot(simd, start + j, block[j][j]);
        good = T::where_positive(simd, positive, good, zero);
        inverse[start + j] = reciprocal;
        for i in j + 1..J {
            unit[i][j] = T::times(simd, block[i][j], reciprocal);
        }
        for i in j + 1..J {
            for k in j + 1..=i {
                block[i][k] = T::neg_mul_add(simd, block[i][j], unit[k][j], block[i][k]);
            }
        }
    }
    for i in 0..J {
        let at = triangle(start + i) + start;
        // Element by element: a slice copy of a few registers becomes a call to memcpy.
        for (out, &value) in a[at..=at + i].iter_mut().zip(&block[i]) {
            *out = value;
        }
    }

    // Narrow blocks are last, with no rows below; saying so saves compiling them.
    let mut row = start + J;
    while J == BLOCK && row < n {
        let left = n - row;
        match left {
            1 => rows::<T, S, P, 1, J>(simd, Some(system), row, start, a, scaled, &unit),
            2 => rows::<T, S, P, 2, J>(simd, Some(system), row, start, a, scaled, &unit),
            3 => rows::<T, S, P, 3, J>(simd, Some(system), row, start, a, scaled, &unit),
            _ => rows::<T, S, P, BLOCK, J>(simd, Some(system), row, start, a, scaled, &unit),
        }
        row += left.min(BLOCK);
    }
    // The right-hand side is row n of the triangle: its forward substitution is one more row.
    rows::<T, S, P, 1, J>(simd, None, n, start, a, scaled, &unit);
    good
}

/// Entries of the rows `row..row + I` in the columns `start..start + J`; `system` is `None` for the
/// right-hand side, which is always stored.
#[inline(always)]
fn rows<T: Scalar, S: Simd, P: System<T>, const I: usize, const J: usize>(
    simd: S,
    system: Option<P>,
    row: usize,
    start: usize,
    a: &mut [T::Vector<S>],
    scaled: &[[T::Vector<S>; J]],
    unit: &[[T::Vector<S>; J]; J],
) {
    let zero = T::splat(simd, T::ZERO);
    let mut block = [[zero; J]; I];
    let mut left: [&[T::Vector<S>]; I] = [&[]; I];
    for i in 0..I {
        let at = triangle(row + i);
        left[i] = &a[at..][..start];
        for j in 0..J {
            block[i][j] = match system {
                Some(system) => system.entry(simd, a, at + start + j),
                None => a[at + start + j],
            };
        }
    }
    // The columns before the block are eliminated first.
    for (k, l) in scaled.iter().enumerate() {
        for i in 0..I {
            let u = left[i][k];
            for j in 0..J {
                block[i][j] = T::neg_mul_add(simd, u, l[j], block[i][j]);
            }
        }
    }
    // Then each column of the block is eliminated from those behind it.
    for k in 0..J {
        for j in k + 1..J {
            for row in &mut block {
                row[j] = T::neg_mul_add(simd, row[k], unit[j][k], row[j]);
            }
        }
    }
    for i in 0..I {
        if let Some(out) = a[triangle(row + i) + start..].first_chunk_mut::<J>() {
            *out = block[i];
        }
    }
}

/// L^T y = D^-1 f with f in the right-hand side row, from the last block of columns to the first.
#[inline(always)]
fn back_substitute<T: Scalar, S: Simd>(
    simd: S,
    n: usize,
    a: &mut [T::Vector<S>],
    inverse: &[T::Vector<S>],
    good: T::Vector<S>,
) -> T::Vector<S> {
    let zero = T::splat(simd, T::ZERO);
    let (triangle_part, y) = a.split_at_mut(triangle(n));
    let mut poison = zero;
    let mut end = n;
    while end > 0 {
        // The last block is the short one, as in the factorization: a multiple of BLOCK starts each.
        let start = (end - 1) / BLOCK * BLOCK;
        poison = match end - start {
            1 => back_block::<T, S, 1>(simd, start, triangle_part, y, inverse, poison),
            2 => back_block::<T, S, 2>(simd, start, triangle_part, y, inverse, poison),
            3 => back_block::<T, S, 3>(simd, start, triangle_part, y, inverse, poison),
            _ => back_block::<T, S, BLOCK>(simd, start, triangle_part, y, inverse, poison),
        };
        end = start;
    }
    // 0 where all y are finite, NaN elsewhere.
    let finite = T::plus(simd, poison, T::splat(simd, T::ONE));
    T::where_positive(simd, finite, good, zero)
}

#[inline(always)]
fn back_block<T: Scalar, S: Simd, const J: usize>(
    simd: S,
    start: usize,
    u: &[T::Vector<S>],
    y: &mut [T::Vector<S>],
    inverse: &[T::Vector<S>],
    mut poison: T::Vector<S>,
) -> T::Vector<S> {
    let zero = T::splat(simd, T::ZERO);
    let mut sums = [zero; J];
    for (sum, &f) in sums.iter_mut().zip(&y[start..]) {
        *sum = f;
    }
    // The unknowns below the block are solved; their part moves to the right side.
    for (i, &value) in y.iter().enumerate().skip(start + J) {
        let row = &u[triangle(i) + start..][..J];
        for j in 0..J {
            sums[j] = T::neg_mul_add(simd, row[j], value, sums[j]);
        }
    }
    // Then the block itself, from its last unknown on. A product with 0 is NaN if the unknown is not finite.
    for j in (0..J).rev() {
        sums[j] = T::times(simd, sums[j], inverse[start + j]);
        poison = T::mul_add(simd, sums[j], zero, poison);
        let row = &u[triangle(start + j) + start..][..j];
        for k in 0..j {
            sums[k] = T::neg_mul_add(simd, row[k], sums[j], sums[k]);
        }
    }
    for (y, &sum) in y[start..].iter_mut().zip(&sums) {
        *y = sum;
    }
    poison
}
