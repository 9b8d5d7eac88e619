//! The columns that count, centered and stored in tiles, with the sums over instances that a Newton step
//! needs.

use cfe_kernel::{add_row_products, add_weighted_rows};
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, Axis, Slice};

use crate::error::{Error, Result, check_length, check_weights};
use crate::losses::{SupervisedLoss, sigmoid};
use crate::weights::check_weight_sum;

/// Instances per tile: k x 256 doubles stay in the second-level cache for k up to 100 or so.
const TILE: usize = 256;
/// Rows of the Hessian per product: the upper triangle beyond the block is not computed.
const BLOCK: usize = 16;

/// Features of the instances with a positive weight. Row k of each tile is 1 and stands for the intercept.
///
/// Features are centered by their weighted mean: the Hessian then nearly separates from the intercept, which
/// a narrow feature far from 0 (probabilities of a confident classifier) needs for an accurate solution.
#[derive(Debug)]
pub(super) struct Design {
    k: usize,
    /// One tile after the other, each (k + 1) x its width, row-major.
    tiles: Vec<f64>,
    pub means: Vec<f64>,
    pub labels: Vec<bool>,
    /// Sum to 1.
    pub weights: Vec<f64>,
}

/// What the derivatives of the loss at some parameters are made of.
#[derive(Debug)]
pub(super) struct Point {
    /// z (n).
    pub logits: Vec<f64>,
    /// a_i dl/dz_i (n).
    pub slopes: Vec<f64>,
    /// Places of the parameters that are not 0, with their values.
    terms: Vec<(usize, f64)>,
}

impl Point {
    pub(super) fn new(design: &Design) -> Self {
        let n = design.n();
        Self { logits: vec![0.0; n], slopes: vec![0.0; n], terms: Vec::with_capacity(design.k() + 1) }
    }
}

impl Design {
    pub(super) fn new(
        features: ArrayView2<'_, f64>,
        labels: &[bool],
        weights: Option<&[f64]>,
        keep: impl Fn(usize) -> bool,
    ) -> Result<Self> {
        let (k, n) = features.dim();
        check_lengths(n, labels, weights)?;
        if let Some(&value) = features.iter().find(|v| !v.is_finite()) {
            return Err(Error::parameter(
                "feature",
                value,
                "features are finite; fill in missing predictions before",
            ));
        }
        let weight = |i: usize| weights.map_or(1.0, |w| w[i]);
        let mut index: Vec<usize> = (0..n).filter(|&i| keep(i) && weight(i) > 0.0).collect();
        check_weight_sum("the weights", index.iter().map(|&i| weight(i)))?;
        let total: f64 = index.iter().map(|&i| weight(i)).sum();
        // A weight that vanishes beside the sum is a weight of 0.
        index.retain(|&i| weight(i) / total > 0.0);
        let labels: Vec<bool> = index.iter().map(|&i| labels[i]).collect();
        let positives = labels.iter().filter(|&&y| y).count();
        if index.is_empty() {
            return Err(Error::NothingToEvaluate);
        }
        if positives == 0 || positives == index.len() {
            let class = if positives == 0 { "negative" } else { "positive" };
            return Err(Error::SingleClass { n: index.len(), class });
        }
        // Normalized to a sum of 1: the sums over instances are then means.
        let weights: Vec<f64> = index.iter().map(|&i| weight(i) / total).collect();

        let mut means = Vec::with_capacity(k);
        // Row k, the intercept, keeps the 1; the rows of the features are written below.
        let mut tiles = vec![1.0; (k + 1) * index.len()];
        for (j, row) in features.outer_iter().enumerate() {
            let mean: f64 = index.iter().zip(&weights).map(|(&i, w)| w * row[i]).sum();
            let spread = index.iter().fold(0.0, |a: f64, &i| a.max((row[i] - mean).abs()));
            // A constant feature belongs to the intercept; its rounding errors must not be learned from.
            let constant = spread <= 1e-14 * mean.abs();
            for (t, part) in index.chunks(TILE).enumerate() {
                let at = t * TILE * (k + 1) + j * part.len();
                for (x, &i) in tiles[at..at + part.len()].iter_mut().zip(part) {
                    *x = if constant { 0.0 } else { row[i] - mean };
                }
            }
            means.push(mean);
        }
        Ok(Self { k, tiles, means, labels, weights })
    }

    pub(super) fn n(&self) -> usize {
        self.labels.len()
    }

    /// Number of features, without the intercept.
    pub(super) fn k(&self) -> usize {
        self.k
    }

    fn tiles(&self) -> impl Iterator<Item = (std::ops::Range<usize>, &[f64])> {
        let n = self.n();
        (0..n).step_by(TILE).map(move |start| {
            let range = start..(start + TILE).min(n);
            let at = start * (self.k + 1);
            let len = range.len() * (self.k + 1);
            (range, &self.tiles[at..at + len])
        })
    }

    /// Weighted mean loss at the parameters (k + 1, the centered intercept last), with what every derivative
    /// is made of in `at`.
    pub(super) fn evaluate(&self, parameters: &[f64], at: &mut Point) -> f64 {
        // Bounded weights are often exactly 0; their rows need no pass.
        at.terms.clear();
        at.terms.extend(parameters.iter().copied().enumerate().filter(|(_, v)| *v != 0.0));
        for (range, tile) in self.tiles() {
            let z = &mut at.logits[range];
            z.fill(0.0);
            add_weighted_rows(tile, &at.terms, z);
        }
        SupervisedLoss::Bce.weighted_sum(&at.logits, &self.labels, &self.weights, 1.0, Some(&mut at.slopes))
    }

    /// Gradient (k + 1) of the mean loss at a point: a small part of the work of
    /// [`hessian`](Self::hessian).
    pub(super) fn gradient(&self, at: &Point, gradient: &mut [f64]) {
        gradient.fill(0.0);
        for (range, tile) in self.tiles() {
            add_row_products(tile, &at.slopes[range], gradient);
        }
    }

    /// Lower triangle of the Hessian ((k + 1)^2) of the mean loss at a point.
    ///
    /// `scratch` holds a tile. Tiles are added in order, so the result does not depend on threads.
    pub(super) fn hessian(&self, at: &Point, hessian: &mut [f64], scratch: &mut [f64]) {
        let p = self.k + 1;
        hessian.fill(0.0);
        let mut hessian =
            ArrayViewMut2::from_shape((p, p), hessian).expect("the Hessian has (k + 1)^2 entries");
        let mut root = [0.0; TILE];
        for (range, tile) in self.tiles() {
            let width = range.len();
            // root = sqrt(a d2l/dz2): the Hessian is the product of the rows, scaled by root, with
            // themselves.
            for (root, i) in root.iter_mut().zip(range) {
                let (z, a) = (at.logits[i], self.weights[i]);
                *root = (a * sigmoid(z) * sigmoid(-z)).sqrt();
            }
            let scaled = &mut scratch[..p * width];
            for (row, out) in tile.chunks_exact(width).zip(scaled.chunks_exact_mut(width)) {
                out.iter_mut().zip(row).zip(&root).for_each(|((out, x), root)| *out = x * root);
            }
            let scaled = ArrayView2::from_shape((p, width), &*scaled).expect("a tile has k + 1 rows");
            // A product ends at its diagonal block, since the caller mirrors the lower triangle.
            for start in (0..p).step_by(BLOCK) {
                let end = (start + BLOCK).min(p);
                let left = scaled.slice_axis(Axis(0), Slice::from(start..end));
                let right = scaled.slice_axis(Axis(0), Slice::from(..end));
                let mut rows = hessian.slice_axis_mut(Axis(0), Slice::from(start..end));
                let mut block = rows.slice_axis_mut(Axis(1), Slice::from(..end));
                general_mat_mul(1.0, &left, &right.t(), 1.0, &mut block);
            }
        }
    }

    /// Numbers that `scratch` of [`hessian`](Self::hessian) must hold.
    pub(super) fn scratch_len(&self) -> usize {
        (self.k + 1) * TILE.min(self.n())
    }
}

pub(super) fn check_lengths(n: usize, labels: &[bool], weights: Option<&[f64]>) -> Result<()> {
    check_length("labels", labels.len(), n)?;
    let Some(weights) = weights else { return Ok(()) };
    check_length("weights", weights.len(), n)?;
    check_weights("weight", weights)?;
    match n > 0 && weights.iter().all(|&w| w == 0.0) {
        true => Err(Error::AllWeightsZero { what: "the weights" }),
        false => Ok(()),
    }
}
