//! The weighted ridge regressions of alternating least squares.
//!
//! ```text
//! y_i = (X diag(C[:,i]) X^T + lambda I)^-1 X diag(C[:,i]) R[:,i]
//! x_u = (Y diag(C[u,:]) Y^T + lambda I)^-1 Y diag(C[u,:]) R[u,:]^T
//! ```
//!
//! Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008, eq. 4 and 5.

use std::ops::Range;

use nalgebra::{Cholesky, DMatrix, DVector, Dyn};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::confidence::ConfidenceRule;
use crate::error::{Error, Result, Side};

/// Source of ratings and confidences, m x n.
pub trait Cells: Sync {
    /// (m, n).
    fn dim(&self) -> (usize, usize);
    /// Ratings and confidences of row `u` over `range`; an unobserved cell gives 0 and 0.
    fn fill(&self, u: usize, range: Range<usize>, ratings: &mut [f64], confidences: &mut [f64]);
}

/// The cells of a confidence rule.
#[derive(Debug)]
pub struct RuleCells<'a>(pub &'a ConfidenceRule<'a>);

impl Cells for RuleCells<'_> {
    fn dim(&self) -> (usize, usize) {
        self.0.dim()
    }

    fn fill(&self, u: usize, range: Range<usize>, ratings: &mut [f64], confidences: &mut [f64]) {
        self.0.fill(u, range, ratings, confidences);
    }
}

const TILE: usize = 256;

/// All columns of Y (d x n) from X (d x m).
///
/// # Errors
/// [`Error::NotPositiveDefinite`] with the lowest singular instance.
pub fn update_instances(
    cells: &dyn Cells,
    x: ArrayView2<'_, f64>,
    lambda: f64,
    y: &mut Array2<f64>,
) -> Result<()> {
    let solved = solve_instances(cells, x, lambda);
    for (i, column) in solved.into_iter().enumerate() {
        let column = column.ok_or(Error::NotPositiveDefinite { side: Side::Instance, index: i, lambda })?;
        y.column_mut(i).iter_mut().zip(column.iter()).for_each(|(y, v)| *y = *v);
    }
    Ok(())
}

/// As [`update_instances`], but an instance without any confidence gets 0 instead of an error.
///
/// # Errors
/// [`Error::NotPositiveDefinite`].
pub(crate) fn fold_in_observed(
    cells: &dyn Cells,
    x: ArrayView2<'_, f64>,
    lambda: f64,
    mut y: Array2<f64>,
) -> Result<Array2<f64>> {
    let (m, n) = cells.dim();
    let mut weight = vec![0.0; n];
    let (mut r, mut c) = (vec![0.0; n], vec![0.0; n]);
    for u in 0..m {
        cells.fill(u, 0..n, &mut r, &mut c);
        weight.iter_mut().zip(&c).for_each(|(w, c)| *w += c);
    }
    for (i, column) in solve_instances(cells, x, lambda).into_iter().enumerate() {
        match column {
            Some(column) => y.column_mut(i).iter_mut().zip(column.iter()).for_each(|(y, v)| *y = *v),
            None if weight[i] == 0.0 => {}
            None => return Err(Error::NotPositiveDefinite { side: Side::Instance, index: i, lambda }),
        }
    }
    Ok(y)
}

fn solve_instances(cells: &dyn Cells, x: ArrayView2<'_, f64>, lambda: f64) -> Vec<Option<DVector<f64>>> {
    let (m, n) = cells.dim();
    let d = x.nrows();
    let starts: Vec<usize> = (0..n).step_by(TILE).collect();
    starts
        .into_par_iter()
        .flat_map_iter(|start| {
            let range = start..(start + TILE).min(n);
            let (mut r, mut c) = (vec![0.0; range.len() * m], vec![0.0; range.len() * m]);
            for u in 0..m {
                let part = u * range.len()..(u + 1) * range.len();
                cells.fill(u, range.clone(), &mut r[part.clone()], &mut c[part]);
            }
            let k = range.len();
            (0..k)
                .map(move |i| {
                    let mut gram = DMatrix::from_diagonal_element(d, d, lambda);
                    let mut rhs = DVector::zeros(d);
                    for u in 0..m {
                        accumulate(&mut gram, &mut rhs, c[u * k + i], r[u * k + i], |a| x[(a, u)]);
                    }
                    solve(gram, &rhs)
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

/// All columns of X (d x m) from Y (d x n).
///
/// # Errors
/// [`Error::NotPositiveDefinite`] with the lowest singular classifier.
pub fn update_classifiers(
    cells: &dyn Cells,
    y: ArrayView2<'_, f64>,
    lambda: f64,
    x: &mut Array2<f64>,
) -> Result<()> {
    let (m, n) = cells.dim();
    let d = y.nrows();
    let solved: Vec<_> = (0..m)
        .into_par_iter()
        .map(|u| {
            let (mut r, mut c) = (vec![0.0; n], vec![0.0; n]);
            cells.fill(u, 0..n, &mut r, &mut c);
            let mut gram = DMatrix::from_diagonal_element(d, d, lambda);
            let mut rhs = DVector::zeros(d);
            for i in 0..n {
                accumulate(&mut gram, &mut rhs, c[i], r[i], |a| y[(a, i)]);
            }
            solve(gram, &rhs)
        })
        .collect();
    for (u, column) in solved.into_iter().enumerate() {
        let column = column.ok_or(Error::NotPositiveDefinite { side: Side::Classifier, index: u, lambda })?;
        x.column_mut(u).iter_mut().zip(column.iter()).for_each(|(x, v)| *x = *v);
    }
    Ok(())
}

fn accumulate(
    gram: &mut DMatrix<f64>,
    rhs: &mut DVector<f64>,
    c: f64,
    r: f64,
    factor: impl Fn(usize) -> f64,
) {
    if c == 0.0 {
        return;
    }
    for a in 0..rhs.len() {
        let ca = c * factor(a);
        rhs[a] += ca * r;
        for b in 0..=a {
            gram[(a, b)] += ca * factor(b);
        }
    }
}

fn solve(gram: DMatrix<f64>, rhs: &DVector<f64>) -> Option<DVector<f64>> {
    let cholesky: Cholesky<f64, Dyn> = Cholesky::new(gram)?;
    let solution = cholesky.solve(rhs);
    solution.iter().all(|v| v.is_finite()).then_some(solution)
}
