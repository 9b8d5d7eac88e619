//! The two products of a linear model with the rows of a feature matrix: logits, and the gradient.

use pulp::{Simd, WithSimd};

/// Running sums of a product of two rows. A fixed number, so that the bits of a sum are the same on every
/// instruction set; sixteen keep two 32-byte registers per operand busy.
const LANES: usize = 16;
/// Rows that are read together, so that the sum is loaded and stored once for all of them.
const TOGETHER: usize = 4;

/// Adds `sum_j v_j x_ji` to each `z_i`, for the rows j that `terms` names with their weights v_j.
///
/// `rows` is row-major, with rows of the length of `z`. Costs `2 n` flops for each term. The same bits on
/// every instruction set: products and sums are left unfused.
///
/// ```
/// let mut z = [0.0; 2];
/// cfe_kernel::add_weighted_rows(&[1.0, 2.0, 10.0, 20.0], &[(0, 1.0), (1, 0.5)], &mut z);
/// assert_eq!(z, [6.0, 12.0]);
/// ```
///
/// # Panics
/// If a term names a row that `rows` does not have.
pub fn add_weighted_rows(rows: &[f64], terms: &[(usize, f64)], z: &mut [f64]) {
    crate::arch().dispatch(AddWeightedRows { rows, terms, z });
}

struct AddWeightedRows<'a> {
    rows: &'a [f64],
    terms: &'a [(usize, f64)],
    z: &'a mut [f64],
}

impl WithSimd for AddWeightedRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let n = self.z.len();
        let row = |j: usize| &self.rows[j * n..(j + 1) * n];
        let (fours, rest) = self.terms.as_chunks::<TOGETHER>();
        for &[(a, va), (b, vb), (c, vc), (d, vd)] in fours {
            let (a, b, c, d) = (row(a), row(b), row(c), row(d));
            for (i, z) in self.z.iter_mut().enumerate() {
                *z += (va * a[i] + vb * b[i]) + (vc * c[i] + vd * d[i]);
            }
        }
        for &(a, va) in rest {
            for (z, x) in self.z.iter_mut().zip(row(a)) {
                *z += va * x;
            }
        }
    }
}

/// Adds `sum_i x_ji s_i` to each `g_j`.
///
/// `rows` is row-major, with one row of the length of `s` for each entry of `g`. Costs `2 n` flops for each
/// row. The same bits on every instruction set, as [`add_weighted_rows`].
///
/// ```
/// let mut g = [0.0; 2];
/// cfe_kernel::add_row_products(&[1.0, 2.0, 10.0, 20.0], &[1.0, -1.0], &mut g);
/// assert_eq!(g, [-1.0, -10.0]);
/// ```
pub fn add_row_products(rows: &[f64], s: &[f64], g: &mut [f64]) {
    crate::arch().dispatch(AddRowProducts { rows, s, g });
}

struct AddRowProducts<'a> {
    rows: &'a [f64],
    s: &'a [f64],
    g: &'a mut [f64],
}

impl WithSimd for AddRowProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        if self.s.is_empty() {
            return;
        }
        for (row, g) in self.rows.chunks_exact(self.s.len()).zip(self.g) {
            *g += product(row, self.s);
        }
    }
}

/// Sum of products of two lists of the same length, over a fixed tree.
#[inline(always)]
fn product(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    for (sum, (a, b)) in sums.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *sum += a * b;
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
    }
    sums[0]
}
