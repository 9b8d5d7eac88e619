//! What a pass is asked for.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::{Draw, ShardError};
use crate::aggregator::Aggregator;
use crate::columns::Standardizer;
use crate::confidence::FittedConfidence;
use crate::dtype::Dtype;
use crate::error::{Error, Result, check_length};
use crate::losses::SupervisedLoss;
use crate::weights::Costs;

/// The sums of one pass. A few KB: all that travels to the shards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Request {
    /// Counts, and what confidence strategies learn: [`Profile`](super::Profile).
    Profile,
    /// A sweep of alternating least squares: [`SweepSums`](super::SweepSums).
    Sweep(Box<Sweep>),
    /// What there is to learn from: [`Survey`](super::Survey).
    Survey,
    /// Labeled instances by their keys, and spreads of columns: [`Drawn`](super::Drawn), [`Spread`](super::Spread).
    Draw(Box<Draw>),
    /// Moments of sets of columns over the labeled instances: [`Moments`](super::Moments) of each.
    Moments(Vec<Standardizer>),
}

/// Parameters without Y, which follows from X.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// X (d x m).
    pub classifiers: Array2<f64>,
    /// w (m).
    pub weights: Vec<f64>,
    /// b.
    pub bias: f64,
}

/// What w and b need to be updated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Nothing: w and b stay.
    Frozen,
    /// The gradient of the supervised loss.
    Gradient,
    /// The moments under the quadratic bound of the loss, about a center.
    Bound {
        /// Near the mean of y (d), so that no digits are lost.
        center: Vec<f64>,
    },
}

/// A point whose loss is asked for, one sweep late: the loss at w and b after their step is not known in the
/// pass that the step comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Late {
    /// X (d x m).
    pub classifiers: Array2<f64>,
    /// The aggregator.
    pub aggregator: Aggregator,
}

/// A sweep: Y from X, then sums over it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// X, w and b.
    pub at: Point,
    /// Ridge on the factors.
    pub lambda: f64,
    /// Number format of the systems.
    pub dtype: Dtype,
    /// Confidence of the cells.
    pub confidence: FittedConfidence,
    /// Supervised loss.
    pub loss: SupervisedLoss,
    /// Weight of a (negative, positive) instance in the step of w and b.
    pub step_weights: (f64, f64),
    /// The same in losses that are reported.
    pub loss_weights: (f64, f64),
    /// Costs of the two errors.
    pub costs: Costs,
    /// Whether the equations of the next X are asked for. Else only labeled instances are looked at.
    pub equations: bool,
    /// What w and b need.
    pub step: Step,
    /// Where the loss is asked for.
    pub late: Option<Late>,
}

impl Request {
    /// As bytes, for other processes and machines.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain fields, which JSON can hold")
    }

    /// From the bytes of [`to_bytes`](Self::to_bytes).
    ///
    /// # Errors
    /// [`ShardError::Damaged`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ShardError> {
        serde_json::from_slice(bytes).map_err(|_| ShardError::Damaged { what: "a request" })
    }

    /// Tells this request from others (FNV-1a, 64 bits).
    // The bytes decide, so that sums of two settings that differ in one number are never added.
    pub(super) fn fingerprint(&self) -> u64 {
        self.to_bytes().iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}

impl Sweep {
    /// Refuses shapes that do not fit m classifiers.
    pub(super) fn check(&self, m: usize) -> Result<()> {
        let d = self.at.classifiers.nrows();
        let late = self.late.as_ref().map(|late| &late.classifiers);
        // Both points have one shape: Y of either is computed by the same systems.
        for x in [Some(&self.at.classifiers), late].into_iter().flatten() {
            if x.dim() != (d, m) || d == 0 {
                return Err(Error::ShapeMismatch { what: "X", found: x.dim(), expected: (d.max(1), m) });
            }
        }
        check_length("aggregator weights", self.at.weights.len(), m)?;
        if let Step::Bound { center } = &self.step {
            check_length("the center", center.len(), d)?;
        }
        self.late.as_ref().map_or(Ok(()), |late| late.aggregator.validate(m))
    }
}
