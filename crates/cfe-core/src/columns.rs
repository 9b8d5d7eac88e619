//! Standardized columns: views of the classifiers' probabilities, and what fills their gaps.

use nalgebra::{Cholesky, DMatrix, DVector};
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::error::{Result, ensure};
use crate::losses::logit;

/// A view of a probability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// The probability itself.
    Probability,
    /// Its log-odds.
    LogOdds,
}

impl View {
    /// The view of a probability, which is moved into [clip, 1 - clip] for its log-odds; NaN of NaN.
    pub fn of(self, p: f64, clip: f64) -> f64 {
        match self {
            View::Probability => p,
            View::LogOdds if p.is_nan() => p,
            View::LogOdds => logit(p, clip),
        }
    }
}

/// A view of one classifier, less a center and in units of a scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StandardColumn {
    /// Row of R.
    pub classifier: usize,
    /// Which view of it.
    pub view: View,
    /// Clip of its log-odds, above 0 and below 0.5.
    pub clip: f64,
    /// What is taken off.
    pub center: f64,
    /// What it is divided by, above 0.
    pub scale: f64,
}

impl StandardColumn {
    /// The standardized view of a probability; NaN of NaN.
    pub fn of(&self, p: f64) -> f64 {
        (self.view.of(p, self.clip) - self.center) / self.scale
    }
}

/// Loadings (d x k) of k columns by which the gaps of an instance are filled, see [`fill_gaps`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fill {
    /// X (d x k).
    pub loadings: Array2<f64>,
    /// Ridge of the fold-in, above 0.
    pub ridge: f64,
}

/// Standardized columns whose gaps are filled: at 0, their mean, or by fold-in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standardizer {
    /// The columns (k).
    pub columns: Vec<StandardColumn>,
    /// What fills gaps; `None` is 0.
    pub fill: Option<Fill>,
}

impl Standardizer {
    /// Refuses what does not fit m classifiers.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`](crate::Error::InvalidParameter).
    pub fn validate(&self, m: usize) -> Result<()> {
        let k = self.columns.len();
        let sound = self.columns.iter().all(|c| {
            c.classifier < m
                && c.center.is_finite()
                && c.scale.is_finite()
                && c.scale > 0.0
                && (f64::EPSILON..0.5).contains(&c.clip)
        });
        let fits = self.fill.as_ref().is_none_or(|fill| {
            fill.loadings.ncols() == k && fill.ridge > 0.0 && fill.loadings.iter().all(|x| x.is_finite())
        });
        ensure(
            sound && fits,
            "columns",
            k,
            "columns of the classifiers with finite centers and scales above 0",
        )
    }

    /// The columns (k x rows) of some instances of R (m x n), gaps filled.
    pub fn apply(&self, r: ArrayView2<'_, f64>, rows: &[usize]) -> Array2<f64> {
        let (k, n) = (self.columns.len(), rows.len());
        let mut g = Array2::zeros((k, n));
        for (mut out, column) in g.rows_mut().into_iter().zip(&self.columns) {
            let row = r.row(column.classifier);
            out.iter_mut().zip(rows).for_each(|(out, &i)| *out = column.of(row[i]));
        }
        let mut gone = vec![false; k];
        // Gaps are filled instance by instance, since each lacks other cells. Most lack none.
        let mut cells = vec![0.0; k];
        for mut instance in g.columns_mut() {
            if !instance.iter().any(|v| v.is_nan()) {
                continue;
            }
            for ((cell, gone), v) in cells.iter_mut().zip(&mut gone).zip(&instance) {
                *gone = v.is_nan();
                *cell = if *gone { 0.0 } else { *v };
            }
            if let Some(Fill { loadings, ridge }) = &self.fill {
                fill_gaps(loadings.nrows(), |d, j| loadings[(d, j)], *ridge, &mut cells, &gone);
            }
            instance.iter_mut().zip(&cells).for_each(|(out, cell)| *out = *cell);
        }
        g
    }
}

/// Fold-in of one instance: y = (X_O X_O^T + ridge I)^-1 X_O g_O over the observed columns O, and the others
/// become x_j . y. `loading(d, j)` is X (rank x k), `gone` (k) says which of `g` (k) are not observed.
pub fn fill_gaps(
    rank: usize,
    loading: impl Fn(usize, usize) -> f64,
    ridge: f64,
    g: &mut [f64],
    gone: &[bool],
) {
    let mut a = DMatrix::<f64>::identity(rank, rank) * ridge;
    let mut rhs = DVector::<f64>::zeros(rank);
    for j in (0..g.len()).filter(|&j| !gone[j]) {
        for p in 0..rank {
            let xp = loading(p, j);
            rhs[p] += xp * g[j];
            // The lower triangle, which is all that Cholesky reads.
            (0..=p).for_each(|q| a[(p, q)] += xp * loading(q, j));
        }
    }
    // Positive definite by the ridge; were it not, the mean stays.
    let Some(factor) = Cholesky::new(a) else { return };
    let y = factor.solve(&rhs);
    for j in (0..g.len()).filter(|&j| gone[j]) {
        g[j] = (0..rank).map(|k| loading(k, j) * y[k]).sum();
    }
}
