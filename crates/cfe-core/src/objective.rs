//! The combined objective, said once: every reported loss comes from here, in f64.
//!
//! ```text
//! L = rho [ sum_ui c_ui (r_ui - x_u . y_i)^2 + lambda (|X|^2 + |Y|^2) ] + (1 - rho) sum_i a_i l(y_i, z_i) / sum_i a_i
//! z_i = w . (X^T y_i) + b,   a_i = class weight x sample weight x cost,   l = BCE, focal or smoothed loss, i labeled
//! ```
//!
//! That is [`Reduction::Sum`], the published form: its first part is a sum over m n cells and its second a mean, so rho
//! means something else for every size of data. [`Reduction::Mean`] divides the bracket by the number of observed
//! cells.

use ndarray::{Array2, Zip};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::aggregator::Aggregator;
use crate::blocks::{fold_blocks_mut, sum_of_squares};
use crate::confidence::ConfidenceRule;
use crate::data::EnsembleData;
use crate::error::{Error, Result, ensure, is_at_least_zero};
use crate::factors::Factors;
use crate::labeled::{RUN, add_scores, add_weighted};
use crate::losses::SupervisedLoss;
use crate::ridge::{self, Cells, InstanceSums, Workspace};
use crate::rows::rows_of;
use crate::schedule::WeightSchedule;
use crate::weights::{ClassWeight, Costs, LABELED, check_weight_sum, instance_weights};

/// Labeled instances handled together.
const BLOCK: usize = 4096;

/// How the reconstruction part is scaled, see the [module](self).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reduction {
    /// Sum over the cells, as published.
    Sum,
    /// Mean over the observed cells.
    #[default]
    Mean,
}

/// Parameters of the objective.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Objective {
    /// Share of the reconstruction, 0 to 1.
    pub rho: f64,
    /// Ridge on the factors, at least 0.
    pub lambda: f64,
    /// Scale of the reconstruction part.
    pub reduction: Reduction,
    /// Supervised loss of one instance.
    pub loss: SupervisedLoss,
    /// Weights of the two classes.
    pub class_weight: ClassWeight,
    /// Costs of the two errors.
    pub costs: Costs,
}

impl Default for Objective {
    fn default() -> Self {
        Self {
            rho: 0.5,
            lambda: 0.01,
            reduction: Reduction::default(),
            loss: SupervisedLoss::default(),
            class_weight: ClassWeight::default(),
            costs: Costs::default(),
        }
    }
}

impl Objective {
    /// Refuses parameters out of range.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    pub fn validate(&self) -> Result<()> {
        ensure(
            (0.0..=1.0).contains(&self.rho),
            "rho",
            self.rho,
            "0 (supervised only) to 1 (reconstruction only)",
        )?;
        ensure(is_at_least_zero(self.lambda), "lambda", self.lambda, "the ridge is finite and at least 0")?;
        self.loss.validate()?;
        self.class_weight.validate()?;
        self.costs.validate()
    }

    /// a_i of each labeled instance: class weight x sample weight x cost, in the order of [`EnsembleData::labeled`].
    ///
    /// # Errors
    /// [`Error::InvalidParameter`], [`Error::AllWeightsZero`], [`Error::WeightSum`].
    pub fn instance_weights(&self, data: &EnsembleData) -> Result<Vec<f64>> {
        self.costs.validate()?;
        let mut weights = instance_weights(data, self.class_weight)?;
        if self.costs != Costs::default() {
            weights.iter_mut().zip(self.costs.of_labeled(data)).for_each(|(a, cost)| *a *= cost);
        }
        check_weight_sum(LABELED, weights.iter().copied())?;
        Ok(weights)
    }

    /// By how much class weights and costs move the optimal logit: log(factor of positives / factor of negatives), see
    /// [`ClassWeight::logit_shift`]. Instance-dependent costs have no common shift and are left out.
    pub fn logit_shift(&self, negatives: usize, positives: usize) -> f64 {
        let of_costs = (self.costs.false_negative / self.costs.false_positive).ln();
        self.class_weight.logit_shift(negatives, positives) + of_costs
    }

    /// Factor before the reconstruction bracket, apart from rho.
    pub fn reconstruction_scale(&self, data: &EnsembleData) -> f64 {
        match self.reduction {
            Reduction::Sum => 1.0,
            Reduction::Mean => 1.0 / data.n_observed() as f64,
        }
    }
}

/// The parts of the objective at one point.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LossParts {
    /// rho x reconstruction bracket + (1 - rho) x supervised.
    pub total: f64,
    /// sum c (r - r_hat)^2, or its mean.
    pub reconstruction: f64,
    /// lambda (|X|^2 + |Y|^2), scaled like the reconstruction.
    pub penalty: f64,
    /// Weighted mean of the supervised loss.
    pub supervised: f64,
}

impl LossParts {
    /// Puts the parts together.
    pub fn combine(rho: f64, reconstruction: f64, penalty: f64, supervised: f64) -> Self {
        Self {
            total: rho * (reconstruction + penalty) + (1.0 - rho) * supervised,
            reconstruction,
            penalty,
            supervised,
        }
    }
}

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

/// An objective bound to data: what trainers minimise and reports quote.
#[derive(Debug)]
pub struct Problem<'a> {
    workspace: Workspace<f64>,
    data: &'a EnsembleData,
    rule: &'a ConfidenceRule<'a>,
    objective: Objective,
    targets: Vec<bool>,
    base_weights: Vec<f64>,
    /// Those in use: the base weights, or where a schedule has moved them.
    instance_weights: Vec<f64>,
}

impl<'a> Problem<'a> {
    /// Binds an objective to data and the confidence of its cells.
    ///
    /// # Errors
    /// As [`Objective::instance_weights`].
    pub fn new(data: &'a EnsembleData, rule: &'a ConfidenceRule<'a>, objective: Objective) -> Result<Self> {
        objective.validate()?;
        let base_weights = objective.instance_weights(data)?;
        Ok(Self {
            workspace: Workspace::new(),
            data,
            rule,
            objective,
            targets: data.labeled_targets(),
            instance_weights: base_weights.clone(),
            base_weights,
        })
    }

    /// The parameters.
    pub fn objective(&self) -> &Objective {
        &self.objective
    }

    /// The confidence of the cells.
    pub fn rule(&self) -> &ConfidenceRule<'a> {
        self.rule
    }

    /// Labels of the labeled instances.
    pub fn targets(&self) -> &[bool] {
        &self.targets
    }

    /// Weights of the labeled instances that the gradients use.
    pub fn instance_weights(&self) -> &[f64] {
        &self.instance_weights
    }

    /// Weights of the labeled instances that losses are reported with: class weight x sample weight x cost.
    pub fn base_weights(&self) -> &[f64] {
        &self.base_weights
    }

    /// Weights of the labeled instances after `iteration` updates under a schedule, at their present logits.
    pub fn scheduled_weights(&self, schedule: WeightSchedule, iteration: usize, logits: &[f64]) -> Vec<f64> {
        let (negatives, positives) = self.data.class_counts();
        let of_class = self.objective.class_weight.per_class(negatives, positives);
        schedule.weights(iteration, logits, &self.targets, &self.base_weights, of_class)
    }

    /// Sets the weights that the gradients use (one for each labeled instance). [`evaluate`](Self::evaluate) keeps to the
    /// base weights.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`].
    pub fn set_instance_weights(&mut self, weights: Vec<f64>) -> Result<()> {
        let (found, expected) = (weights.len(), self.base_weights.len());
        if found != expected {
            return Err(Error::LengthMismatch { what: "instance weights", found, expected });
        }
        self.instance_weights = weights;
        Ok(())
    }

    /// mu (m): the mean of r_hat over the labeled instances; 0 without any.
    pub fn mean_reconstruction(&self, factors: &Factors) -> Vec<f64> {
        let labeled = self.data.labeled();
        let equal = vec![1.0 / labeled.len().max(1) as f64; labeled.len()];
        let mean = self.weighted_instances(factors, &equal);
        factors
            .classifiers
            .columns()
            .into_iter()
            .map(|x| x.iter().zip(&mean).map(|(x, y)| x * y).sum())
            .collect()
    }

    /// Logits of the labeled instances.
    pub fn labeled_logits(&self, factors: &Factors, weights: &[f64], bias: f64) -> Vec<f64> {
        let v = factors.combine_classifiers(weights);
        let labeled = self.data.labeled();
        let mut logits = vec![bias; labeled.len()];
        let (y, n) = (factors.instances.as_standard_layout(), factors.instances.ncols());
        let y = rows_of(&y);
        fold_blocks_mut(&mut logits, BLOCK, |block, logits| {
            add_scores(y, n, &v, &labeled[block * BLOCK..], logits);
            0.0
        });
        logits
    }

    /// sum_i g_i y_i (d) over the labeled instances.
    fn weighted_instances(&self, factors: &Factors, g: &[f64]) -> Vec<f64> {
        let (y, n) = (factors.instances.as_standard_layout(), factors.instances.ncols());
        let y = rows_of(&y);
        let of_block = |(g, labeled): (&[f64], &[usize])| {
            let mut sums = vec![0.0; factors.latent_dim()];
            add_weighted(y, n, g, labeled, &mut sums);
            sums
        };
        let labeled = self.data.labeled();
        if labeled.len() <= BLOCK {
            return of_block((g, labeled));
        }
        let blocks: Vec<Vec<f64>> =
            g.par_chunks(BLOCK).zip(labeled.par_chunks(BLOCK)).map(of_block).collect();
        let mut total = vec![0.0; factors.latent_dim()];
        blocks.iter().for_each(|sums| total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum));
        total
    }

    /// Scratch memory of the kernel, for trainers to share.
    pub fn workspace(&self) -> &Workspace<f64> {
        &self.workspace
    }

    /// The objective at a point, with the base weights. Costs 2 m n (d + 2) flops and one pass over R and Y.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`], [`Error::LengthMismatch`].
    pub fn evaluate(&self, factors: &Factors, weights: &[f64], bias: f64) -> Result<LossParts> {
        self.check(factors, weights)?;
        self.parts(factors, &self.labeled_logits(factors, weights, bias), self.sums(factors)?)
    }

    /// The objective at a point with any aggregator: as [`evaluate`](Self::evaluate), plus what r_hat of the labeled
    /// instances costs where the aggregator needs it.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate), and what [`Aggregator::validate`] refuses.
    pub fn evaluate_with(&self, factors: &Factors, aggregator: &Aggregator) -> Result<LossParts> {
        let m = self.rule.dim().0;
        aggregator.validate(m)?;
        if let Aggregator::Weighted { weights, bias } = aggregator {
            return self.evaluate(factors, weights, *bias);
        }
        self.check(factors, &vec![0.0; m])?;
        self.evaluate_with_sums(factors, aggregator, self.sums(factors)?)
    }

    /// As [`evaluate_with`](Self::evaluate_with), where an update of Y has left the sums over its instances
    /// ([`ridge::update_instances_and_sum`]): without a pass over R, and over the labeled columns of Y alone. `sums` are
    /// believed.
    ///
    /// # Errors
    /// As [`evaluate_with`](Self::evaluate_with).
    pub fn evaluate_with_sums(
        &self,
        factors: &Factors,
        aggregator: &Aggregator,
        sums: InstanceSums,
    ) -> Result<LossParts> {
        let m = self.rule.dim().0;
        aggregator.validate(m)?;
        if let Aggregator::Weighted { weights, bias } = aggregator {
            self.check(factors, weights)?;
            return self.parts(factors, &self.labeled_logits(factors, weights, *bias), sums);
        }
        self.check(factors, &vec![0.0; m])?;
        let labeled = factors.instances.select(ndarray::Axis(1), self.data.labeled());
        self.parts(factors, &aggregator.logits(factors.classifiers.view(), labeled.view()), sums)
    }

    /// The squared error and |Y|^2.
    fn sums(&self, factors: &Factors) -> Result<InstanceSums> {
        let (x, y) = (factors.classifiers.view(), factors.instances.view());
        let squared_error = ridge::weighted_squared_error(&self.workspace, self.rule, x, y)?;
        Ok(InstanceSums { squared_error, squared_norm: square(&factors.instances) })
    }

    fn parts(&self, factors: &Factors, logits: &[f64], sums: InstanceSums) -> Result<LossParts> {
        let scale = self.objective.reconstruction_scale(self.data);
        let supervised = self.objective.loss.weighted_mean(logits, &self.targets, &self.base_weights, None);
        let norm = square(&factors.classifiers) + sums.squared_norm;
        let penalty = scale * self.objective.lambda * norm;
        Ok(LossParts::combine(self.objective.rho, scale * sums.squared_error, penalty, supervised))
    }

    fn check(&self, factors: &Factors, weights: &[f64]) -> Result<()> {
        let ((m, n), d) = (self.rule.dim(), factors.latent_dim());
        for (what, found, expected) in
            [("X", factors.classifiers.dim(), (d, m)), ("Y", factors.instances.dim(), (d, n))]
        {
            if found != expected {
                return Err(Error::ShapeMismatch { what, found, expected });
            }
        }
        if weights.len() == m {
            Ok(())
        } else {
            Err(Error::LengthMismatch { what: "aggregator weights", found: weights.len(), expected: m })
        }
    }

    /// The supervised loss and its gradient in w and b, X and Y held fixed. Costs O(d (labeled + m)) flops: r_hat is
    /// never formed, since sum_i g_i r_hat_i = X^T sum_i g_i y_i.
    pub fn aggregator_gradient(&self, factors: &Factors, weights: &[f64], bias: f64) -> AggregatorGradient {
        let v = factors.combine_classifiers(weights);
        let (y, n) = (factors.instances.as_standard_layout(), factors.instances.ncols());
        let y = rows_of(&y);
        let total: f64 = self.instance_weights.iter().sum();
        let labeled = self.data.labeled();
        // Logits, slopes and sums of a run of instances follow each other while its columns of Y are in cache.
        let of_block = |(block, g): (usize, &mut [f64])| {
            let mut sums = GradientSums { direction: vec![0.0; v.len()], ..GradientSums::default() };
            let mut logits = [0.0; RUN];
            for (run, g) in g.chunks_mut(RUN).enumerate() {
                let from = block * BLOCK + run * RUN;
                let range = from..from + g.len();
                let (logits, columns) = (&mut logits[..g.len()], &labeled[range.clone()]);
                logits.fill(bias);
                add_scores(y, n, &v, columns, logits);
                let (targets, weights) = (&self.targets[range.clone()], &self.instance_weights[range]);
                sums.supervised += self.objective.loss.weighted_sum(logits, targets, weights, total, Some(g));
                add_weighted(y, n, g, columns, &mut sums.direction);
                sums.bias += g.iter().sum::<f64>();
            }
            sums
        };
        let mut g = vec![0.0; labeled.len()];
        let blocks: Vec<GradientSums> = match labeled.len() {
            // All weights may be 0 under a schedule: there is nothing to descend.
            _ if !(total > 0.0) => Vec::new(),
            // Without waking a thread.
            ..=BLOCK => vec![of_block((0, &mut g))],
            _ => g.par_chunks_mut(BLOCK).enumerate().map(of_block).collect(),
        };
        let (mut supervised, mut bias, mut direction) = (0.0, 0.0, vec![0.0; v.len()]);
        for block in &blocks {
            supervised += block.supervised / total;
            bias += block.bias;
            direction.iter_mut().zip(&block.direction).for_each(|(sum, part)| *sum += part);
        }
        let of_weight = |x: ndarray::ArrayView1<'_, f64>| x.iter().zip(&direction).map(|(x, s)| x * s).sum();
        let weights = factors.classifiers.columns().into_iter().map(of_weight).collect();
        AggregatorGradient { supervised, weights, bias, logits: g, direction }
    }

    /// The objective and its gradient at a point; for checking trainers, not for training.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    pub fn gradient(&self, factors: &Factors, weights: &[f64], bias: f64) -> Result<(LossParts, Gradient)> {
        self.check(factors, weights)?;
        let Objective { rho, lambda, .. } = self.objective;
        let scale = rho * self.objective.reconstruction_scale(self.data);
        let (x, y) = (&factors.classifiers, &factors.instances);
        let (m, n) = self.rule.dim();

        // E = 2 rho C o (R_hat - R), then dX = Y E^T and dY = X E, plus the ridge.
        let mut residual = factors.reconstruct();
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

        let of_aggregator = self.aggregator_gradient(factors, weights, bias);
        // With s = sum_i g_i y_i: dX gains s w^T, dy_i gains g_i X w.
        let v = factors.combine_classifiers(weights);
        for (u, &w) in weights.iter().enumerate() {
            dx.column_mut(u).scaled_add((1.0 - rho) * w, &ndarray::aview1(&of_aggregator.direction));
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
        Ok((self.evaluate(factors, weights, bias)?, gradient))
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

/// |X|^2 + |Y|^2.
pub fn squared_norm(factors: &Factors) -> f64 {
    square(&factors.classifiers) + square(&factors.instances)
}

fn square(matrix: &Array2<f64>) -> f64 {
    match matrix.as_slice() {
        Some(values) => sum_of_squares(values),
        None => Zip::from(matrix).fold(0.0, |sum, v| sum + v * v),
    }
}
