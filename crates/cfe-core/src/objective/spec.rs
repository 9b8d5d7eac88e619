//! What is minimized: its parameters and their ranges.

use serde::{Deserialize, Serialize};

use crate::data::EnsembleData;
use crate::error::{Result, ensure, is_at_least_zero};
use crate::losses::SupervisedLoss;
use crate::weights::{ClassWeight, Costs, LABELED, check_weight_sum, instance_weights};

/// How the reconstruction part is scaled, see the [module](super).
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
    /// [`Error::InvalidParameter`](crate::Error::InvalidParameter).
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

    /// a_i of each labeled instance: class weight x sample weight x cost, in the order of
    /// [`EnsembleData::labeled`].
    ///
    /// # Errors
    /// [`Error::InvalidParameter`](crate::Error::InvalidParameter),
    /// [`Error::AllWeightsZero`](crate::Error::AllWeightsZero),
    /// [`Error::WeightSum`](crate::Error::WeightSum).
    pub fn instance_weights(&self, data: &EnsembleData) -> Result<Vec<f64>> {
        self.costs.validate()?;
        let mut weights = instance_weights(data, self.class_weight)?;
        if self.costs != Costs::default() {
            weights.iter_mut().zip(self.costs.of_labeled(data)).for_each(|(a, cost)| *a *= cost);
        }
        check_weight_sum(LABELED, weights.iter().copied())?;
        Ok(weights)
    }

    /// By how much class weights and costs move the optimal logit: log(factor of positives / factor of
    /// negatives), see [`ClassWeight::logit_shift`]. Instance-dependent costs have no common shift and are
    /// left out.
    pub fn logit_shift(&self, negatives: f64, positives: f64) -> f64 {
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
