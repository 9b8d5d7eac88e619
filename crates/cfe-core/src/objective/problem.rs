//! An objective bound to data.

use ndarray::{Array2, ArrayView1, Axis, Zip};
use rayon::prelude::*;

use super::labeled::{add_scores, add_weighted};
use super::{BLOCK, LossParts, Objective};
use crate::aggregator::Aggregator;
use crate::blocks::{fold_blocks_mut, sum_of_squares};
use crate::confidence::ConfidenceRule;
use crate::data::EnsembleData;
use crate::error::{Error, Result, check_length};
use crate::factors::{Factors, combine};
use crate::parameters::Parameters;
use crate::ridge::{self, InstanceSums, Workspace};
use crate::rows::rows_of;
use crate::schedule::WeightSchedule;
use crate::stats::moments::dot;

/// An objective bound to data: what trainers minimize and reports quote.
#[derive(Debug)]
pub struct Problem<'a> {
    pub(super) workspace: Workspace<f64>,
    pub(super) data: &'a EnsembleData,
    pub(super) rule: &'a ConfidenceRule<'a>,
    pub(super) objective: Objective,
    pub(super) targets: Vec<bool>,
    pub(super) base_weights: Vec<f64>,
    /// Those in use: the base weights, or where a schedule has moved them.
    pub(super) instance_weights: Vec<f64>,
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
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] unless there is a logit for each labeled instance, where the schedule looks
    /// at them.
    pub fn scheduled_weights(
        &self,
        schedule: WeightSchedule,
        iteration: usize,
        logits: &[f64],
    ) -> Result<Vec<f64>> {
        // Totals are counted by sample weights, as class weights are.
        let (negatives, positives) = self.data.class_totals();
        let of_class = self.objective.class_weight.per_class(negatives, positives);
        schedule.weights(iteration, logits, &self.targets, &self.base_weights, of_class)
    }

    /// Sets the weights that the gradients use (one for each labeled instance). [`evaluate`](Self::evaluate)
    /// keeps to the base weights.
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
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`].
    pub fn mean_reconstruction(&self, factors: &Factors) -> Result<Vec<f64>> {
        self.check_factors(factors)?;
        let labeled = self.data.labeled();
        // mu = X^T (mean of y): averaging Y first costs d numbers for each instance, r_hat would cost m.
        let equal = vec![1.0 / labeled.len().max(1) as f64; labeled.len()];
        let mean = self.weighted_instances(factors, &equal);
        let of_classifier = |x: ArrayView1<'_, f64>| x.iter().zip(&mean).map(|(x, y)| x * y).sum();
        Ok(factors.classifiers.columns().into_iter().map(of_classifier).collect())
    }

    /// w . mu, with mu of [`mean_reconstruction`](Self::mean_reconstruction): what centering takes off the
    /// bias.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`], [`Error::LengthMismatch`].
    pub fn center(&self, parameters: &Parameters) -> Result<f64> {
        self.check(parameters)?;
        Ok(dot(&self.mean_reconstruction(&parameters.factors)?, &parameters.weights))
    }

    /// Logits of the labeled instances, in the order of [`EnsembleData::labeled`].
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`], [`Error::LengthMismatch`].
    pub fn labeled_logits(&self, parameters: &Parameters) -> Result<Vec<f64>> {
        self.check(parameters)?;
        let Parameters { factors, weights, bias } = parameters;
        Ok(self.logits_of_weights(factors, weights, *bias))
    }

    /// The same for shapes that were checked.
    fn logits_of_weights(&self, factors: &Factors, weights: &[f64], bias: f64) -> Vec<f64> {
        let v = combine(factors.classifiers.view(), weights);
        let labeled = self.data.labeled();
        let mut logits = vec![bias; labeled.len()];
        let (y, n) = (factors.instances.as_standard_layout(), factors.instances.ncols());
        let y = rows_of(&y);
        // Each block writes its own logits; the sum that comes back has no use here.
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
        // A single block needs no other thread, and no second sum.
        if labeled.len() <= BLOCK {
            return of_block((g, labeled));
        }
        let blocks: Vec<Vec<f64>> =
            g.par_chunks(BLOCK).zip(labeled.par_chunks(BLOCK)).map(of_block).collect();
        // Blocks are added in order: the bits do not depend on the number of threads.
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
    pub fn evaluate(&self, parameters: &Parameters) -> Result<LossParts> {
        let logits = self.labeled_logits(parameters)?;
        self.parts(&parameters.factors, &logits, self.sums(&parameters.factors)?)
    }

    /// The objective of a model, with any aggregator: as [`evaluate`](Self::evaluate), plus what r_hat of the
    /// labeled instances costs where the aggregator needs it.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate), and what [`Aggregator::validate`] refuses.
    pub fn evaluate_model(&self, factors: &Factors, aggregator: &Aggregator) -> Result<LossParts> {
        self.check_factors(factors)?;
        self.evaluate_with_sums(factors, aggregator, self.sums(factors)?)
    }

    /// As [`evaluate_model`](Self::evaluate_model), where an update of Y has left the sums over its instances
    /// ([`ridge::update_instances_and_sum`]): without a pass over R, and over the labeled columns of Y alone.
    /// `sums` are believed.
    ///
    /// # Errors
    /// As [`evaluate_model`](Self::evaluate_model).
    pub fn evaluate_with_sums(
        &self,
        factors: &Factors,
        aggregator: &Aggregator,
        sums: InstanceSums,
    ) -> Result<LossParts> {
        self.check_factors(factors)?;
        aggregator.validate(self.rule.dim().0)?;
        // The sums hold the reconstruction, so only the logits of labeled instances are left to compute.
        let logits = match aggregator {
            Aggregator::Weighted { weights, bias } => self.logits_of_weights(factors, weights, *bias),
            _ => {
                let labeled = factors.instances.select(Axis(1), self.data.labeled());
                aggregator.logits(factors.classifiers.view(), labeled.view())
            }
        };
        self.parts(factors, &logits, sums)
    }

    /// The squared error and |Y|^2.
    fn sums(&self, factors: &Factors) -> Result<InstanceSums> {
        let (x, y) = (factors.classifiers.view(), factors.instances.view());
        let squared_error = ridge::weighted_squared_error(&self.workspace, self.rule, x, y)?;
        Ok(InstanceSums { squared_error, squared_norm: square(&factors.instances) })
    }

    fn parts(&self, factors: &Factors, logits: &[f64], sums: InstanceSums) -> Result<LossParts> {
        let scale = self.objective.reconstruction_scale(self.data);
        // The loss that is quoted has the base weights, also where a schedule trains with others.
        let supervised =
            self.objective.loss.weighted_mean(logits, &self.targets, &self.base_weights, None)?;
        let norm = square(&factors.classifiers) + sums.squared_norm;
        let penalty = scale * self.objective.lambda * norm;
        Ok(LossParts::combine(self.objective.rho, scale * sums.squared_error, penalty, supervised))
    }

    /// Refuses parameters whose shapes do not fit the data.
    pub(super) fn check(&self, parameters: &Parameters) -> Result<()> {
        self.check_factors(&parameters.factors)?;
        check_length("aggregator weights", parameters.weights.len(), self.rule.dim().0)
    }

    fn check_factors(&self, factors: &Factors) -> Result<()> {
        let ((m, n), d) = (self.rule.dim(), factors.latent_dim());
        for (what, found, expected) in
            [("X", factors.classifiers.dim(), (d, m)), ("Y", factors.instances.dim(), (d, n))]
        {
            if found != expected {
                return Err(Error::ShapeMismatch { what, found, expected });
            }
        }
        Ok(())
    }
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
