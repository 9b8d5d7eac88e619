//! Exact gradients: of the supervised loss for trainers, of the whole objective for their tests.

use ndarray::{Array2, ArrayView1, aview1};
use rayon::prelude::*;

use super::labeled::{RUN, add_scores, add_weighted};
use super::{BLOCK, LossParts, Objective, Problem};
use crate::error::Result;
use crate::factors::combine;
use crate::parameters::Parameters;
use crate::ridge::Cells;
use crate::rows::rows_of;

/// Gradient of the objective, shaped like the parameters.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Gradient {
    /// With respect to X (d x m).
    pub classifiers: Array2<f64>,
    /// With respect to Y (d x n).
    pub instances: Array2<f64>,
    /// With respect to w (m).
    pub weights: Vec<f64>,
    /// With respect to b.
    pub bias: f64,
}

/// Gradient of the supervised loss alone, without the factor 1 - rho.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AggregatorGradient {
    /// The loss itself.
    pub supervised: f64,
    /// With respect to w (m).
    pub weights: Vec<f64>,
    /// With respect to b.
    pub bias: f64,
    /// With respect to the logit of each labeled instance.
    pub logits: Vec<f64>,
    /// sum_i g_i y_i (d), g the gradient in the logits.
    pub direction: Vec<f64>,
}

impl Problem<'_> {
    /// The supervised loss and its gradient in w and b, X and Y held fixed. Costs O(d (labeled + m)) flops:
    /// r_hat is never formed, since sum_i g_i r_hat_i = X^T sum_i g_i y_i.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`](crate::Error::ShapeMismatch),
    /// [`Error::LengthMismatch`](crate::Error::LengthMismatch).
    pub fn aggregator_gradient(&self, parameters: &Parameters) -> Result<AggregatorGradient> {
        self.check(parameters)?;
        let Parameters { factors, weights, bias } = parameters;
        let v = combine(factors.classifiers.view(), weights);
        let (y, n) = (factors.instances.as_standard_layout(), factors.instances.ncols());
        let y = rows_of(&y);
        let total: f64 = self.instance_weights.iter().sum();
        let labeled = self.data.labeled();
        // Logits, slopes and sums of a run of instances follow each other while its columns of Y are in
        // cache.
        let of_block = |(block, g): (usize, &mut [f64])| {
            let mut sums = GradientSums { direction: vec![0.0; v.len()], ..GradientSums::default() };
            let mut logits = [0.0; RUN];
            for (run, g) in g.chunks_mut(RUN).enumerate() {
                let from = block * BLOCK + run * RUN;
                let range = from..from + g.len();
                let (logits, columns) = (&mut logits[..g.len()], &labeled[range.clone()]);
                logits.fill(*bias);
                add_scores(y, n, &v, columns, logits);
                let (targets, weights) = (&self.targets[range.clone()], &self.instance_weights[range]);
                sums.supervised += self.objective.loss.weighted_sum(logits, targets, weights, total, Some(g));
                add_weighted(y, n, g, columns, &mut sums.direction);
                sums.bias += g.iter().sum::<f64>();
            }
            sums
        };
        let mut g = vec![0.0; labeled.len()];
        let blocks: Vec<GradientSums> = if !(total > 0.0) {
            // All weights may be 0 under a schedule: there is nothing to descend.
            Vec::new()
        } else if labeled.len() <= BLOCK {
            // Without waking a thread.
            vec![of_block((0, &mut g))]
        } else {
            g.par_chunks_mut(BLOCK).enumerate().map(of_block).collect()
        };
        // Added in the order of the blocks, which do not depend on the threads. `weighted_sum` has divided
        // the slopes by the total, but not the losses.
        let (mut supervised, mut bias, mut direction) = (0.0, 0.0, vec![0.0; v.len()]);
        for block in &blocks {
            supervised += block.supervised / total;
            bias += block.bias;
            direction.iter_mut().zip(&block.direction).for_each(|(sum, part)| *sum += part);
        }
        // dw = X^T s, with s = sum_i g_i y_i.
        let of_weight = |x: ArrayView1<'_, f64>| x.iter().zip(&direction).map(|(x, s)| x * s).sum();
        let weights = factors.classifiers.columns().into_iter().map(of_weight).collect();
        Ok(AggregatorGradient { supervised, weights, bias, logits: g, direction })
    }

    /// The objective and its gradient at a point; for checking trainers, not for training.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    pub fn gradient(&self, parameters: &Parameters) -> Result<(LossParts, Gradient)> {
        self.check(parameters)?;
        let Parameters { factors, weights, .. } = parameters;
        let Objective { rho, lambda, .. } = self.objective;
        let scale = rho * self.objective.reconstruction_scale(self.data);
        let (x, y) = (&factors.classifiers, &factors.instances);
        let (m, n) = self.rule.dim();

        // E = 2 rho C o (R_hat - R), then dX = Y E^T and dY = X E, plus the ridge.
        let mut residual = factors.reconstruct()?;
        let (mut r, mut c) = (vec![0.0; n], vec![0.0; n]);
        for u in 0..m {
            self.rule.fill(u, 0, &mut r, &mut c);
            residual
                .row_mut(u)
                .iter_mut()
                .zip(r.iter().zip(&c))
                .for_each(|(e, (r, c))| *e = 2.0 * scale * c * (*e - r));
        }
        let mut dx = y.dot(&residual.t());
        let mut dy = x.dot(&residual);
        dx.scaled_add(2.0 * scale * lambda, x);
        dy.scaled_add(2.0 * scale * lambda, y);

        let of_aggregator = self.aggregator_gradient(parameters)?;
        // With s = sum_i g_i y_i: dX gains s w^T, dy_i gains g_i X w.
        let v = combine(factors.classifiers.view(), weights);
        for (u, &w) in weights.iter().enumerate() {
            dx.column_mut(u).scaled_add((1.0 - rho) * w, &aview1(&of_aggregator.direction));
        }
        for (&i, &g) in self.data.labeled().iter().zip(&of_aggregator.logits) {
            dy.column_mut(i).iter_mut().zip(&v).for_each(|(d, v)| *d += (1.0 - rho) * g * v);
        }
        let gradient = Gradient {
            classifiers: dx,
            instances: dy,
            weights: of_aggregator.weights.iter().map(|g| (1.0 - rho) * g).collect(),
            bias: (1.0 - rho) * of_aggregator.bias,
        };
        Ok((self.evaluate(parameters)?, gradient))
    }
}

/// What a block of labeled instances adds to an [`AggregatorGradient`].
#[derive(Default)]
struct GradientSums {
    /// sum a_i l_i.
    supervised: f64,
    direction: Vec<f64>,
    bias: f64,
}
