//! Weights of the labeled instances that move while a model is trained.

use serde::{Deserialize, Serialize};

use crate::error::{Result, check_length, ensure, is_positive};
use crate::losses::sigmoid;
use crate::settings::MAX_FACTOR;

/// How the weights of the labeled instances change during training. Base weight a_i = class weight x sample
/// weight x cost.
///
/// | variant | weight after t updates | source |
/// |---|---|---|
/// | `constant` | a_i | |
/// | `curriculum` | a_i v^(tau - 1), v the class weight of the instance, tau = min(t / iterations, 1) | Wang et al., "Dynamic Curriculum Learning for Imbalanced Data Classification", ICCV 2019 (theirs samples, this weighs) |
/// | `recall` | a_i (1 - recall of its class + epsilon) | after Tian et al., "Striking the Right Balance: Recall Loss for Semantic Segmentation", ICRA 2022 |
/// | `uncertainty` | a_i (1 - \|2 p_i - 1\| + epsilon), p_i the present probability | in the spirit of uncertainty sampling (Lewis and Gale, SIGIR 1994) |
///
/// The curriculum is geometric: the logit shift of the class weights, log(v+ / v-), grows linearly from 0.
/// `recall` and `uncertainty` are scaled to the sum of the base weights. Recall is the weighted share of a
/// class with logit >= 0 (positives) or < 0 (negatives). Nothing flows back through a weight: within an
/// update it is a constant.
///
/// History, stopping rules and final loss use the base weights, so that they can be compared; while weights
/// move they may rise, in the exact ALS objective too.
///
/// ```
/// use cfe_core::WeightSchedule;
///
/// // Two positives missed, one found; the negative is right: recalls 1/3 and 1.
/// let (logits, labels) = ([-1.0, -2.0, 3.0, -1.0], [true, true, true, false]);
/// let schedule = WeightSchedule::Recall { epsilon: 0.1 };
/// let weights = schedule.weights(0, &logits, &labels, &[1.0; 4], (1.0, 1.0))?;
/// assert!((weights[0] / weights[3] - (2.0 / 3.0 + 0.1) / 0.1).abs() < 1e-12);
/// assert!((weights.iter().sum::<f64>() - 4.0).abs() < 1e-12);
/// # Ok::<(), cfe_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum WeightSchedule {
    /// The base weights throughout.
    #[default]
    Constant,
    /// From no class weights to full ones.
    Curriculum {
        /// Updates until the class weights are full; 0 is `constant`.
        iterations: usize,
    },
    /// A class counts more the less of it is recognized at present.
    Recall {
        /// Added to 1 - recall, positive and finite: what a fully recognized class still counts.
        epsilon: f64,
    },
    /// An instance counts more the less certain the model is of it at present, rightly or wrongly.
    Uncertainty {
        /// Added to 1 - certainty, positive and finite: what a fully certain instance still counts.
        epsilon: f64,
    },
}

impl WeightSchedule {
    /// Refuses an epsilon that is not positive, or above 1e9.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`](crate::Error::InvalidParameter).
    pub fn validate(self) -> Result<()> {
        match self {
            WeightSchedule::Recall { epsilon } | WeightSchedule::Uncertainty { epsilon } => ensure(
                is_positive(epsilon) && epsilon <= MAX_FACTOR,
                "weight_schedule.epsilon",
                epsilon,
                "positive and at most 1e9; 0.1 is usual",
            ),
            _ => Ok(()),
        }
    }

    /// Whether the weights after `iteration` updates may differ from those after one update less.
    pub fn changes_at(self, iteration: usize) -> bool {
        match self {
            WeightSchedule::Constant => false,
            WeightSchedule::Curriculum { iterations } => iteration <= iterations,
            WeightSchedule::Recall { .. } | WeightSchedule::Uncertainty { .. } => true,
        }
    }

    /// Whether [`weights`](Self::weights) looks at the logits; where not, an empty slice will do.
    pub fn needs_logits(self) -> bool {
        matches!(self, WeightSchedule::Recall { .. } | WeightSchedule::Uncertainty { .. })
    }

    /// Weights after `iteration` updates, from the present logits, labels and base weights of the labeled
    /// instances and the class weights (negative, positive) in the base weights. Base weights where the
    /// formula leaves nothing.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`](crate::Error::LengthMismatch) unless the lists are equally long; the logits
    /// may be empty where [`needs_logits`](Self::needs_logits) says so.
    pub fn weights(
        self,
        iteration: usize,
        logits: &[f64],
        labels: &[bool],
        base: &[f64],
        class_weights: (f64, f64),
    ) -> Result<Vec<f64>> {
        check_length("labels", labels.len(), base.len())?;
        if self.needs_logits() {
            check_length("logits", logits.len(), base.len())?;
        }
        Ok(match self {
            WeightSchedule::Constant => base.to_vec(),
            WeightSchedule::Curriculum { iterations } if iteration >= iterations => base.to_vec(),
            WeightSchedule::Curriculum { iterations } => {
                // tau - 1 of the table: the part of the class weights that is still missing.
                let missing = iteration as f64 / iterations as f64 - 1.0;
                let (negative, positive) = (class_weights.0.powf(missing), class_weights.1.powf(missing));
                base.iter().zip(labels).map(|(a, &y)| a * if y { positive } else { negative }).collect()
            }
            // A class weighs more the more of it is missed.
            WeightSchedule::Recall { epsilon } => {
                let factor = |class: bool| 1.0 - recall(class, logits, labels, base) + epsilon;
                let (negative, positive) = (factor(false), factor(true));
                scaled(base, labels.iter().map(|&y| if y { positive } else { negative }))
            }
            // An instance weighs more the nearer its probability is to 0.5.
            WeightSchedule::Uncertainty { epsilon } => {
                scaled(base, logits.iter().map(|&z| 1.0 - (2.0 * sigmoid(z) - 1.0).abs() + epsilon))
            }
        })
    }
}

/// Weighted share of a class on its side of logit 0; 1 for a class without weight.
fn recall(class: bool, logits: &[f64], labels: &[bool], weights: &[f64]) -> f64 {
    let (mut found, mut all) = (0.0, 0.0);
    for ((&z, _), &a) in logits.iter().zip(labels).zip(weights).filter(|((_, y), _)| **y == class) {
        all += a;
        found += if (z >= 0.0) == class { a } else { 0.0 };
    }
    if all > 0.0 { found / all } else { 1.0 }
}

/// Base weights times factors, with the sum of the base weights.
fn scaled(base: &[f64], factors: impl Iterator<Item = f64>) -> Vec<f64> {
    let weights: Vec<f64> = base.iter().zip(factors).map(|(a, factor)| a * factor).collect();
    let scale = base.iter().sum::<f64>() / weights.iter().sum::<f64>();
    // A sum that overflows, or one of 0, leaves no scale.
    if scale.is_finite() { weights.iter().map(|a| a * scale).collect() } else { base.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [bool; 3] = [false, false, true];
    const BASE: [f64; 3] = [0.75, 0.75, 1.5];

    #[test]
    fn the_curriculum_goes_from_uniform_to_full_weights() {
        let schedule = WeightSchedule::Curriculum { iterations: 4 };
        let at = |t| schedule.weights(t, &[], &LABELS, &BASE, (0.75, 1.5)).expect("equally long");
        assert!(at(0).iter().all(|a| (a - 1.0).abs() < 1e-15));
        assert!((at(2)[2] / at(2)[0] - 2f64.sqrt()).abs() < 1e-15, "half way on the logarithmic scale");
        assert_eq!((at(4), at(9)), (BASE.to_vec(), BASE.to_vec()));
        assert!(schedule.changes_at(4) && !schedule.changes_at(5));
        let none = WeightSchedule::Curriculum { iterations: 0 };
        assert_eq!(none.weights(0, &[], &LABELS, &BASE, (0.75, 1.5)).expect("equally long"), BASE);
    }

    #[test]
    fn an_uncertain_instance_counts_more_and_the_sum_stays() {
        let schedule = WeightSchedule::Uncertainty { epsilon: 0.1 };
        let weights =
            schedule.weights(3, &[0.0, 800.0, -800.0], &LABELS, &BASE, (0.75, 1.5)).expect("equally long");
        assert!((weights[0] / weights[1] - 11.0).abs() < 1e-9);
        assert!((weights.iter().sum::<f64>() - 3.0).abs() < 1e-12);
    }

    #[test]
    fn one_class_or_no_weight_gives_the_base_weights() {
        let recall = WeightSchedule::Recall { epsilon: 0.1 };
        let one =
            recall.weights(0, &[1.0, -1.0], &[true, true], &[1.0, 1.0], (1.0, 1.0)).expect("equally long");
        assert!(one.iter().all(|a| (a - 1.0).abs() < 1e-15));
        assert_eq!(recall.weights(0, &[1.0], &[true], &[0.0], (1.0, 1.0)).expect("equally long"), [0.0]);
    }

    #[test]
    fn epsilon_is_checked() {
        for epsilon in [0.0, -1.0, 1e308, f64::NAN, f64::INFINITY] {
            assert!(WeightSchedule::Recall { epsilon }.validate().is_err());
            assert!(WeightSchedule::Uncertainty { epsilon }.validate().is_err());
        }
    }
}
