//! Non-negative least squares on a Gram matrix, by the active-set method of Lawson and Hanson.
//!
//! ```text
//! minimize  1/2 x' G x - c' x   subject to  x >= 0 ,     G = A' A ,  c = A' b   for  |A x - b|^2
//! ```
//!
//! Lawson and Hanson, "Solving Least Squares Problems", 1974, chapter 23. The factor of the passive set is
//! updated, not computed anew, so that one step costs O(k^2).

use ndarray::ArrayView2;

use crate::error::{Error, Result};
use crate::stats::moments::dot;

/// A minimizer with its certificate.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct NnlsSolution {
    /// x (k), every entry at least 0; exactly 0 off the passive set.
    pub x: Vec<f64>,
    /// Changes of the passive set.
    pub iterations: usize,
    /// False if the number of changes reached its limit (10 k + 100) first.
    pub converged: bool,
    /// Largest violation of the optimality conditions: |g_j| where x_j > 0, max(-g_j, 0) where x_j = 0, with
    /// g = G x - c.
    pub kkt_residual: f64,
}

/// Minimizes 1/2 x' G x - c' x over x >= 0.
///
/// `gram` is k x k, symmetric and positive semidefinite (only the lower triangle and the diagonal decide
/// about x; the upper one is trusted to equal it), `rhs` is k. Columns that depend linearly on the passive
/// ones stay at 0, so a singular Gram matrix has a defined result too. Deterministic: ties go to the lowest
/// index. Up to k = 2000 or so.
///
/// ```
/// use cfe_core::nnls::nnls;
/// use ndarray::array;
///
/// // Without the bound, the solution would be (0.75, -0.5).
/// let solution = nnls(array![[4.0, 2.0], [2.0, 4.0]].view(), &[2.0, -0.5])?;
/// assert_eq!(solution.x, [0.5, 0.0]);
/// assert!(solution.converged && solution.kkt_residual == 0.0);
/// # Ok::<(), cfe_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::ShapeMismatch`], [`Error::LengthMismatch`], and [`Error::InvalidParameter`] for entries that are
/// not finite.
pub fn nnls(gram: ArrayView2<'_, f64>, rhs: &[f64]) -> Result<NnlsSolution> {
    let (rows, k) = gram.dim();
    if rows != k {
        return Err(Error::ShapeMismatch { what: "the Gram matrix", found: (rows, k), expected: (k, k) });
    }
    if rhs.len() != k {
        return Err(Error::LengthMismatch { what: "right-hand side", found: rhs.len(), expected: k });
    }
    if let Some(&bad) = gram.iter().chain(rhs).find(|v| !v.is_finite()) {
        return Err(Error::parameter("Gram matrix or right-hand side", bad, "entries are finite"));
    }
    let gram: Vec<f64> = gram.iter().copied().collect();
    let mut solver = ActiveSet::new(k);
    let mut x = vec![0.0; k];
    let Outcome { iterations, converged } = solver
        .solve(&gram, rhs, &vec![false; k], &mut x)
        .expect("from x = 0 without a free variable the passive set is empty, which is not singular");
    // At the optimum the gradient is 0 where x_j > 0, and not negative where x_j = 0.
    let kkt_residual = (0..k).fold(0.0, |worst: f64, j| {
        let gradient = dot(&gram[j * k..(j + 1) * k], &x) - rhs[j];
        worst.max(if x[j] > 0.0 { gradient.abs() } else { -gradient })
    });
    Ok(NnlsSolution { x, iterations, converged, kkt_residual })
}

/// How a solve ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub iterations: usize,
    pub converged: bool,
}

/// The variables that a solve needs among those it starts from are linearly dependent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Singular;

/// Workspace of the active-set method for k variables; a variable may be free of its bound.
#[derive(Debug)]
pub(crate) struct ActiveSet {
    k: usize,
    factor: Factor,
    blocked: Vec<bool>,
    /// Solution on the passive set, in the order of the factor.
    s: Vec<f64>,
}

impl ActiveSet {
    pub(crate) fn new(k: usize) -> Self {
        Self { k, factor: Factor::new(k), blocked: vec![false; k], s: Vec::with_capacity(k) }
    }

    /// Variables off their bound after the last solve, in the order of the factor.
    pub(crate) fn passive(&self) -> &[usize] {
        &self.factor.order
    }

    /// Solves G_PP s = rhs_P on the passive set of the last solve; `rhs` and the result are in the order of
    /// `passive`.
    pub(crate) fn solve_passive(&self, rhs: &mut [f64]) {
        self.factor.solve(rhs);
    }

    /// Minimizes 1/2 x' G x - c' x with x_j >= 0 where not `free`, from the feasible point `x`.
    pub(crate) fn solve(
        &mut self,
        gram: &[f64],
        rhs: &[f64],
        free: &[bool],
        x: &mut [f64],
    ) -> Result<Outcome, Singular> {
        let k = self.k;
        self.factor.clear();
        self.blocked.fill(false);
        // The first passive set: free variables, and those that x has off their bound.
        for j in 0..k {
            if (free[j] || x[j] > 0.0) && !self.factor.push(gram, k, j) {
                return Err(Singular);
            }
        }
        // Rounding of the dual; below it a variable is taken to be optimal at 0.
        let scale = rhs.iter().fold(0.0, |a: f64, v| a.max(v.abs()));
        let tolerance = 10.0 * k as f64 * f64::EPSILON * scale;
        let limit = 10 * k + 100;
        let mut iterations = 0;
        self.descend(rhs, free, x);
        while iterations < limit {
            iterations += 1;
            // The variable whose dual is largest enters. One whose column depends on the passive columns
            // stays at 0.
            let mut entering = None;
            let mut best = tolerance;
            for j in (0..k).filter(|&j| x[j] == 0.0 && !free[j] && !self.blocked[j]) {
                let dual = rhs[j] - dot(&gram[j * k..(j + 1) * k], x);
                if dual > best {
                    (best, entering) = (dual, Some(j));
                }
            }
            let Some(j) = entering else { return Ok(Outcome { iterations, converged: true }) };
            if !self.factor.push(gram, k, j) {
                self.blocked[j] = true;
                continue;
            }
            self.solve_on(rhs);
            // By rounding alone a variable with a positive dual can come out negative: it would cycle.
            if !(self.s.last().is_some_and(|&s| s > 0.0)) {
                self.factor.pop();
                self.blocked[j] = true;
                continue;
            }
            // The passive set has changed, so a column that depended on it may be independent now.
            self.blocked.fill(false);
            self.descend(rhs, free, x);
        }
        Ok(Outcome { iterations, converged: false })
    }

    fn solve_on(&mut self, rhs: &[f64]) {
        self.s.clear();
        self.s.extend(self.factor.order.iter().map(|&j| rhs[j]));
        self.factor.solve(&mut self.s);
    }

    /// Moves to the minimum on the passive set; variables that hit the bound on the way leave the set.
    fn descend(&mut self, rhs: &[f64], free: &[bool], x: &mut [f64]) {
        loop {
            self.solve_on(rhs);
            let order = &self.factor.order;
            // The longest step towards s on which no bounded variable falls below 0.
            let mut step = 1.0;
            let mut leaving = None;
            for (p, (&j, &s)) in order.iter().zip(&self.s).enumerate() {
                if !free[j] && s <= 0.0 {
                    let ratio = if x[j] > 0.0 { x[j] / (x[j] - s) } else { 0.0 };
                    if leaving.is_none() || ratio < step {
                        (step, leaving) = (ratio, Some(p));
                    }
                }
            }
            let Some(p) = leaving else {
                order.iter().zip(&self.s).for_each(|(&j, &s)| x[j] = s);
                return;
            };
            for (&j, &s) in order.iter().zip(&self.s) {
                x[j] += step * (s - x[j]);
                if !free[j] {
                    x[j] = x[j].max(0.0);
                }
            }
            // The variable that set the length of the step is exactly 0, whatever rounding has left.
            x[order[p]] = 0.0;
            for p in (0..self.factor.order.len()).rev() {
                let j = self.factor.order[p];
                if !free[j] && x[j] == 0.0 {
                    self.factor.remove(p);
                }
            }
        }
    }
}

/// Cholesky factor L of G on an ordered set of variables, row-major with stride k.
#[derive(Debug)]
struct Factor {
    l: Vec<f64>,
    stride: usize,
    order: Vec<usize>,
}

impl Factor {
    fn new(k: usize) -> Self {
        Self { l: vec![0.0; k * k], stride: k, order: Vec::with_capacity(k) }
    }

    fn clear(&mut self) {
        self.order.clear();
    }

    fn pop(&mut self) {
        self.order.pop();
    }

    /// Appends variable j; false, and nothing changed, if it depends linearly on the others.
    fn push(&mut self, gram: &[f64], k: usize, j: usize) -> bool {
        let p = self.order.len();
        let (above, row) = self.l.split_at_mut(p * self.stride);
        let row = &mut row[..self.stride];
        // The next row of the Cholesky factor L of the passive part, by forward substitution.
        let mut norm = 0.0;
        for (q, &other) in self.order.iter().enumerate() {
            let l_q = &above[q * self.stride..q * self.stride + q + 1];
            let (low, high) = if other < j { (other, j) } else { (j, other) };
            row[q] = (gram[high * k + low] - dot(&l_q[..q], &row[..q])) / l_q[q];
            norm += row[q] * row[q];
        }
        let diagonal = gram[j * k + j];
        let rest = diagonal - norm;
        // Half of what f64 can tell apart; NaN is refused as well.
        if !(rest > 1e-12 * diagonal) {
            return false;
        }
        row[p] = rest.sqrt();
        self.order.push(j);
        true
    }

    /// Takes out the variable at position p; rotations restore the triangle.
    fn remove(&mut self, p: usize) {
        // Without row p, each row below reaches one place past the diagonal; rotations of columns take that
        // off.
        let (n, t) = (self.order.len(), self.stride);
        for i in p + 1..n {
            self.l.copy_within(i * t..i * t + i + 1, (i - 1) * t);
        }
        self.order.remove(p);
        for c in p..n - 1 {
            let (a, b) = (self.l[c * t + c], self.l[c * t + c + 1]);
            let r = a.hypot(b);
            let (cos, sin) = (a / r, b / r);
            self.l[c * t + c] = r;
            for i in c + 1..n - 1 {
                let (u, v) = (self.l[i * t + c], self.l[i * t + c + 1]);
                self.l[i * t + c] = cos * u + sin * v;
                self.l[i * t + c + 1] = cos * v - sin * u;
            }
        }
    }

    /// Both substitutions, in place.
    fn solve(&self, x: &mut [f64]) {
        let (n, t) = (self.order.len(), self.stride);
        for i in 0..n {
            let row = &self.l[i * t..i * t + i + 1];
            x[i] = (x[i] - dot(&row[..i], &x[..i])) / row[i];
        }
        for i in (0..n).rev() {
            let row = &self.l[i * t..i * t + i + 1];
            x[i] /= row[i];
            let value = x[i];
            x[..i].iter_mut().zip(row).for_each(|(x, l)| *x -= l * value);
        }
    }
}

#[cfg(test)]
#[path = "nnls_tests.rs"]
mod tests;
