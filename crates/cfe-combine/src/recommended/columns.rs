//! From probabilities to standardized columns: the views, their centers and scales, and the factorization
//! that fills in what is missing.

use cfe_core::Result;
pub(super) use cfe_core::columns::View;
use cfe_core::columns::fill_gaps;
use nalgebra::{DMatrix, SymmetricEigen};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::spec::RecommendedSpec;
use crate::baselines::clip_for;

/// A column that varies less, beside its mean, carries nothing.
pub(super) const CONSTANT: f64 = 1e-9;
/// Rounds of factorize and fill in where predictions are missing in training.
pub(super) const FILL_ROUNDS: usize = 3;

/// One standardized column: a view of one classifier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Column {
    pub classifier: usize,
    pub view: View,
    /// Mean of the labeled instances.
    // Model files of 0.1.0 have the name in its British spelling, escaped here for the check of words.
    #[serde(alias = "cent\u{72}e")]
    pub center: f64,
    /// Standard deviation of the column itself: what the factorization divides by.
    pub own_scale: f64,
    /// Standard deviation of the mean of the view: what the aggregator divides by.
    pub view_scale: f64,
    /// Clip of this column, where its probabilities are so small that it is below that of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
    /// The probability that stands for a gap, where that is not told by the other columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<f64>,
}

impl Column {
    /// From the factorization's scale to the aggregator's.
    pub(super) fn ratio(&self) -> f64 {
        self.own_scale / self.view_scale
    }
}

/// The columns that vary, and the factors that describe them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Columns {
    pub columns: Vec<Column>,
    pub clip: f64,
    pub fold_in_ridge: f64,
    /// V, d x k: the top right-singular directions of the standardized columns (k), orthonormal rows.
    pub directions: Array2<f64>,
    /// Standard deviation along each direction (d).
    pub spreads: Vec<f64>,
    /// Standard deviation of the first factor: the unit of all of them.
    pub unit: f64,
}

/// Standardized columns of some instances.
pub(super) struct Standardized {
    /// k x instances, without gaps.
    pub g: Array2<f64>,
    /// Whether any cell of an instance is observed.
    pub observed: Vec<bool>,
}

impl Columns {
    /// Learns centers, scales and factors of some `classifiers` from the instances `rows` of R (m x n);
    /// returns the standardized columns (k x rows) as the factorization sees them, missing cells filled in.
    pub(super) fn fit(
        spec: &RecommendedSpec,
        r: ArrayView2<'_, f64>,
        rows: &[usize],
        classifiers: &[usize],
    ) -> (Self, Array2<f64>) {
        // Every view of every classifier that varies becomes a column, centered and in units of its own
        // spread.
        let mut columns = Vec::new();
        let mut values: Vec<f64> = Vec::new();
        for (on, view) in
            [(spec.views.probabilities, View::Probability), (spec.views.log_odds, View::LogOdds)]
        {
            for &classifier in classifiers.iter().filter(|_| on) {
                // A clip above the probabilities of a rare event would take its ranking away.
                let row = r.row(classifier);
                let observed = rows.iter().map(|&i| row[i]).filter(|p| !p.is_nan());
                let clip = clip_for(mean_and_sd(observed).0, spec.clip);
                let raw: Vec<f64> = rows.iter().map(|&i| view.of(row[i], clip)).collect();
                let (center, own_scale) = mean_and_sd(raw.iter().copied().filter(|v| !v.is_nan()));
                // A column that does not vary tells nothing, and its scale is rounding.
                if own_scale > CONSTANT * center.abs() {
                    let clip = (clip < spec.clip).then_some(clip);
                    let view_scale = 1.0;
                    columns.push(Column { classifier, view, center, own_scale, view_scale, clip, gap: None });
                    values.extend(raw.iter().map(|v| (v - center) / own_scale));
                }
            }
        }
        // Factors of the columns; cells that are missing have to be filled in for them.
        let k = columns.len();
        let mut g = Array2::from_shape_vec((k, rows.len()), values)
            .expect("each column that varies has a value for each of the rows");
        let mut fitted = Self::of(spec, columns);
        let missing = g.mapv(f64::is_nan);
        let gaps: Vec<usize> =
            (0..rows.len()).filter(|&i| missing.column(i).iter().any(|&gone| gone)).collect();
        let any_missing = !gaps.is_empty();
        // Gaps start at the mean, which is 0 here; each round fills them in from the factors of the last.
        if any_missing {
            g.mapv_inplace(|v| if v.is_nan() { 0.0 } else { v });
        }
        fitted.factorize(spec.latent_dim, &g);
        let rounds = if any_missing { FILL_ROUNDS } else { 0 };
        for _ in 0..rounds {
            let filled: Vec<(usize, Vec<f64>)> = gaps
                .par_iter()
                .map(|&i| {
                    let mut cells = g.column(i).to_vec();
                    fitted.fill_in(&mut cells, &missing.column(i).to_vec());
                    (i, cells)
                })
                .collect();
            for (i, cells) in filled {
                g.column_mut(i).iter_mut().zip(cells).for_each(|(cell, v)| *cell = v);
            }
            fitted.factorize(spec.latent_dim, &g);
        }
        // Last, since the mean of a view takes the filled cells in.
        for view in [View::Probability, View::LogOdds] {
            fitted.scale_view(view, &g);
        }
        (fitted, g)
    }

    /// Columns without factors yet.
    pub(super) fn of(spec: &RecommendedSpec, columns: Vec<Column>) -> Self {
        let directions = Array2::zeros((0, columns.len()));
        let (clip, fold_in_ridge) = (spec.clip, spec.fold_in_ridge);
        Self { columns, clip, fold_in_ridge, directions, spreads: Vec::new(), unit: 1.0 }
    }

    /// V, spreads and unit from standardized columns (k x n): the optimum of unweighted, unregularized ALS.
    fn factorize(&mut self, rank: usize, g: &Array2<f64>) {
        let (k, n) = g.dim();
        if k == 0 {
            return;
        }
        self.take_directions(rank, &g.dot(&g.t()), n as f64);
        let first = self.directions.rows().into_iter().next().map(|v| v.dot(g)).unwrap_or_default();
        let (_, sd) = mean_and_sd(first.iter().copied());
        self.unit = if sd > CONSTANT { sd } else { 1.0 };
    }

    /// V and spreads from the sums of products (k x k) of n standardized columns: the top directions.
    pub(super) fn take_directions(&mut self, rank: usize, gram: &Array2<f64>, n: f64) {
        let k = gram.nrows();
        let eigen = SymmetricEigen::new(DMatrix::from_fn(k, k, |i, j| gram[(i, j)] / n));
        let mut order: Vec<usize> = (0..k).collect();
        // The eigenvalues come in no order.
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        order.truncate(rank);
        let mut directions = Array2::zeros((order.len(), k));
        for (mut row, &c) in directions.rows_mut().into_iter().zip(&order) {
            let vector = eigen.eigenvectors.column(c);
            // The sign of an eigenvector is free: the sum of its entries decides, so that no factor flips by
            // chance.
            let sign = if vector.sum() < 0.0 { -1.0 } else { 1.0 };
            row.iter_mut().zip(vector.iter()).for_each(|(x, v)| *x = sign * v);
        }
        self.spreads = order.iter().map(|&c| eigen.eigenvalues[c].max(0.0).sqrt()).collect();
        self.directions = directions;
    }

    fn scale_view(&mut self, view: View, g: &Array2<f64>) {
        // The mean of the view is that of the raw columns, so each is taken back to its own scale.
        let members: Vec<usize> = (0..self.columns.len()).filter(|&j| self.columns[j].view == view).collect();
        let count = members.len() as f64;
        let mut mean = vec![0.0; g.ncols()];
        for &j in &members {
            let scale = self.columns[j].own_scale;
            mean.iter_mut().zip(g.row(j)).for_each(|(m, v)| *m += scale * v / count);
        }
        let (_, sd) = mean_and_sd(mean.iter().copied());
        self.set_view_scale(view, sd);
    }

    /// The scale of a view whose mean has this standard deviation.
    pub(super) fn set_view_scale(&mut self, view: View, sd: f64) {
        let members: Vec<usize> = (0..self.columns.len()).filter(|&j| self.columns[j].view == view).collect();
        let count = members.len() as f64;
        let mut squares = 0.0;
        members.iter().map(|&j| self.columns[j].own_scale).for_each(|scale| squares += scale * scale);
        // Columns that cancel each other have a mean without spread: what is then left to divide by is their
        // own.
        let floor = (squares / count).sqrt() / count;
        members.iter().for_each(|&j| self.columns[j].view_scale = sd.max(floor));
    }

    /// Whether every gap has a value of its own, so that none is filled in from other columns.
    pub(super) fn knows_gaps(&self) -> bool {
        self.columns.iter().all(|column| column.gap.is_some())
    }

    /// d.
    pub(super) fn rank(&self) -> usize {
        self.directions.nrows()
    }

    /// Standardizes some instances of R (m x n), missing cells filled in.
    pub(super) fn standardize(&self, r: ArrayView2<'_, f64>, instances: &[usize]) -> Standardized {
        let (k, n) = (self.columns.len(), instances.len());
        let mut g = Array2::zeros((k, n));
        let mut observed = vec![0; n];
        for (mut out, column) in g.rows_mut().into_iter().zip(&self.columns) {
            // New instances meet the clip and the scales of training, never their own.
            let row = r.row(column.classifier);
            let clip = column.clip.unwrap_or(self.clip);
            for ((out, observed), &i) in out.iter_mut().zip(&mut observed).zip(instances) {
                let p = if row[i].is_nan() { column.gap.unwrap_or(row[i]) } else { row[i] };
                *out = (column.view.of(p, clip) - column.center) / column.own_scale;
                *observed += usize::from(!out.is_nan());
            }
        }
        // An instance with gaps is filled in by itself: the cells that are missing differ.
        for (t, _) in observed.iter().enumerate().filter(|&(_, &count)| count < k) {
            let mut cells = g.column(t).to_vec();
            let gone: Vec<bool> = cells.iter().map(|v| v.is_nan()).collect();
            cells.iter_mut().filter(|v| v.is_nan()).for_each(|v| *v = 0.0);
            if observed[t] > 0 {
                self.fill_in(&mut cells, &gone);
            }
            g.column_mut(t).iter_mut().zip(cells).for_each(|(to, from)| *to = from);
        }
        Standardized { g, observed: observed.into_iter().map(|count| count > 0).collect() }
    }

    /// Fold-in of one instance with X = diag(spreads) V, see [`fill_gaps`]. Scaled by its spread, a direction
    /// that hardly varies is hardly believed.
    fn fill_in(&self, g: &mut [f64], gone: &[bool]) {
        let loading = |k: usize, j: usize| self.spreads[k] * self.directions[(k, j)];
        fill_gaps(self.rank(), loading, self.fold_in_ridge, g, gone);
    }

    /// Factors Y (d x n) of standardized columns (k x n), in units of the first.
    pub(super) fn instance_factors(&self, g: &Array2<f64>) -> Array2<f64> {
        self.directions.dot(g) / self.unit
    }

    /// Shapes and numbers as [`fit`](Self::fit) makes them, for `m` classifiers.
    pub(super) fn validate(&self, m: usize) -> Result<()> {
        let (d, k) = self.directions.dim();
        // Divisors are above 0, and places of classifiers exist: a file could say otherwise.
        let numbers = self.columns.iter().flat_map(|c| [c.center, c.own_scale, c.view_scale]);
        let sound = k == self.columns.len()
            && d == self.spreads.len()
            && self.columns.iter().all(|c| c.classifier < m && c.own_scale > 0.0 && c.view_scale > 0.0)
            && self.unit > 0.0
            && self.fold_in_ridge > 0.0
            && self
                .columns
                .iter()
                .filter_map(|c| c.clip)
                .chain([self.clip])
                .all(|c| (f64::EPSILON..0.5).contains(&c))
            && self.columns.iter().filter_map(|c| c.gap).all(|p| (0.0..=1.0).contains(&p))
            && numbers.chain([self.unit]).chain(self.directions.iter().copied()).all(f64::is_finite);
        cfe_core::ensure(
            sound,
            "model",
            "columns",
            "shapes agree and numbers are finite; was the file changed?",
        )
    }
}

/// Mean and standard deviation with divisor n; (0, 0) of nothing.
pub(super) fn mean_and_sd(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.clone().count();
    if n == 0 {
        return (0.0, 0.0);
    }
    let mean = values.clone().sum::<f64>() / n as f64;
    let variance = values.map(|v| (v - mean) * (v - mean)).sum::<f64>() / n as f64;
    (mean, variance.sqrt())
}
