//! Supervised losses as functions of the logit, with exact derivatives.
//!
//! Everything is computed from the logit z, never from a rounded probability. With s = z for a positive and s
//! = -z for a negative instance, p_t = sigma(s) is the probability given to the true class:
//!
//! ```text
//! log p_t = log sigma(s) = min(s, 0) - log(1 + exp(-|s|))
//! BCE     = -log p_t                                   dBCE/ds   = -(1 - p_t)
//! focal   = -(1 - p_t)^gamma log p_t                   dfocal/ds = (1 - p_t)^gamma (gamma p_t log p_t - (1 - p_t))
//! smooth  = -log p_t + (epsilon / 2) s                 dsmooth/ds = -(1 - p_t) + epsilon / 2
//! ```
//!
//! Focal loss: Lin, Goyal, Girshick, He and Dollar, "Focal Loss for Dense Object Detection", ICCV 2017, eq. 4
//! and appendix B. Label smoothing: Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, "Rethinking the Inception
//! Architecture for Computer Vision", CVPR 2016, section 7; it is the BCE with the target 1 - epsilon / 2
//! instead of 1 and epsilon / 2 instead of 0. Nothing is clipped: a wrong logit of 800 costs 800.

use serde::{Deserialize, Serialize};

use cfe_kernel::exp_and_log1p;

use crate::blocks::{fold_blocks, fold_blocks_mut};
use crate::error::{Result, check_length, ensure};

/// 1 / (1 + exp(-z)), without overflow for any finite z.
pub fn sigmoid(z: f64) -> f64 {
    sigmoid_from(z, (-z.abs()).exp())
}

/// log sigma(s), accurate in both tails.
pub fn log_sigmoid(s: f64) -> f64 {
    log_sigmoid_from(s, (-s.abs()).exp().ln_1p())
}

/// sigma(z) where e = exp(-|z|) is known.
fn sigmoid_from(z: f64, e: f64) -> f64 {
    if z >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

/// log sigma(s) where log(1 + exp(-|s|)) is known.
fn log_sigmoid_from(s: f64, log: f64) -> f64 {
    s.min(0.0) - log
}

/// (1 - p_t)^gamma from log(1 - p_t), which is there where 1 - p_t underflows.
fn focal_modulation(gamma: f64, log_q: f64) -> f64 {
    (gamma * log_q).exp()
}

/// log(p / (1 - p)) of a probability moved into [clip, 1 - clip]; NaN of NaN. A clip above 0.5 counts as 0.5,
/// and one that is negative or NaN as 0.
pub fn logit(p: f64, clip: f64) -> f64 {
    let clip = if clip > 0.0 { clip.min(0.5) } else { 0.0 };
    let p = p.clamp(clip, 1.0 - clip);
    (p / (1.0 - p)).ln()
}

/// A parabola above the BCE that touches it at a logit: `l(y, z') <= kappa (z' - target)^2 + const`, with
/// equality at z.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct QuadraticBound {
    /// Curvature, above 0 and at most 1/8.
    pub kappa: f64,
    /// Where the parabola has its minimum.
    pub target: f64,
}

/// The bound of Jaakkola and Jordan on the logistic loss ("Bayesian parameter estimation via variational
/// methods", Statistics and Computing 10, 2000, eq. 11):
///
/// ```text
/// kappa = tanh(z / 2) / (4 z)   (1/8 at z = 0),   target = (y - 1/2) / (2 kappa)
/// ```
///
/// It holds for every y in [0, 1], smoothed labels too, since y enters the loss linearly.
///
/// ```
/// use cfe_core::losses::{SupervisedLoss, quadratic_bound};
/// let (z, bce) = (0.7, |z| SupervisedLoss::Bce.value(z, true));
/// let bound = quadratic_bound(z, 1.0);
/// let parabola = |x: f64| bound.kappa * (x - bound.target).powi(2);
/// // The gap to the loss is 0 where they touch and never negative elsewhere.
/// let gap = |x: f64| (parabola(x) - bce(x)) - (parabola(z) - bce(z));
/// assert!((-80..80).all(|k| gap(f64::from(k) / 4.0) >= -1e-12));
/// ```
pub fn quadratic_bound(z: f64, y: f64) -> QuadraticBound {
    let a = z.abs();
    // Below, tanh(a / 2) / (4 a) = 1/8 - a^2 / 96 + ..., which rounds to 1/8.
    let kappa = if a < 1e-8 { 0.125 } else { (0.5 * a).tanh() / (4.0 * a) };
    QuadraticBound { kappa, target: (y - 0.5) / (2.0 * kappa) }
}

/// The loss of one labeled instance. Focal loss and label smoothing exclude each other: one trusts hard
/// instances most, the other least.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SupervisedLoss {
    /// Binary cross-entropy.
    #[default]
    Bce,
    /// Focal loss with focusing parameter gamma >= 0; gamma = 0 is BCE. Its alpha is the class weight.
    Focal {
        /// Focusing parameter, 0 to 20; 2 is usual.
        gamma: f64,
    },
    /// BCE with smoothed labels, for labels that may be wrong; epsilon = 0 is BCE.
    LabelSmoothing {
        /// Share of the label that is spread over both classes, 0 to below 1; 0.1 is usual.
        epsilon: f64,
    },
}

impl SupervisedLoss {
    /// Refuses a gamma outside 0 to 20 and an epsilon outside 0 to below 1.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`](crate::Error::InvalidParameter).
    pub fn validate(self) -> Result<()> {
        let epsilon = self.smoothing();
        ensure(
            (0.0..1.0).contains(&epsilon),
            "label smoothing epsilon",
            epsilon,
            "0 (plain BCE) to below 1; 0.1 is usual",
        )?;
        let gamma = self.gamma();
        ensure(
            (0.0..=20.0).contains(&gamma),
            "focal gamma",
            gamma,
            "0 (plain BCE) to 20 is allowed; 2 is usual",
        )
    }

    /// The focusing parameter; 0 without focal loss.
    pub fn gamma(self) -> f64 {
        match self {
            SupervisedLoss::Focal { gamma } => gamma,
            _ => 0.0,
        }
    }

    /// epsilon of the label smoothing; 0 without.
    pub fn smoothing(self) -> f64 {
        match self {
            SupervisedLoss::LabelSmoothing { epsilon } => epsilon,
            _ => 0.0,
        }
    }

    /// The probability that the loss asks for: 1 or 0, or 1 - epsilon / 2 or epsilon / 2.
    ///
    /// ```
    /// use cfe_core::SupervisedLoss;
    /// assert_eq!(SupervisedLoss::LabelSmoothing { epsilon: 0.5 }.target(true), 0.75);
    /// ```
    pub fn target(self, label: bool) -> f64 {
        let half = self.smoothing() / 2.0;
        if label { 1.0 - half } else { half }
    }

    /// (1 - p_t)^gamma at a logit; 1 without focal loss. Through its logarithm: exact where 1 - p_t
    /// underflows.
    pub fn focal_factor(self, logit: f64, label: bool) -> f64 {
        match self.gamma() {
            0.0 => 1.0,
            gamma => focal_modulation(gamma, log_sigmoid(if label { -logit } else { logit })),
        }
    }

    /// Loss at a logit.
    ///
    /// ```
    /// use cfe_core::SupervisedLoss;
    /// assert!((SupervisedLoss::Bce.value(0.0, true) - 2f64.ln()).abs() < 1e-15);
    /// assert_eq!(SupervisedLoss::Bce.value(800.0, false), 800.0);
    /// ```
    pub fn value(self, logit: f64, label: bool) -> f64 {
        self.value_and_derivative(logit, label).0
    }

    /// (loss, derivative with respect to the logit) at a logit.
    pub fn value_and_derivative(self, logit: f64, label: bool) -> (f64, f64) {
        let e = (-logit.abs()).exp();
        self.with_exponential(logit, label, e, e.ln_1p())
    }

    /// The same where e = exp(-|logit|) and log(1 + e) are known: log sigma(s) and sigma(-s) from one
    /// exponential.
    #[inline(always)]
    fn with_exponential(self, logit: f64, label: bool, e: f64, log: f64) -> (f64, f64) {
        let sign = if label { 1.0 } else { -1.0 };
        let s = sign * logit;
        // log p_t and q = 1 - p_t come from the same exponential, so q keeps its digits where p_t rounds to
        // 1.
        let (log_p, q) = (log_sigmoid_from(s, log), sigmoid_from(-s, e));
        // The derivatives in s of the module documentation, times ds/dz = sign.
        match self {
            SupervisedLoss::Focal { gamma } if gamma > 0.0 => {
                let modulation = focal_modulation(gamma, log_sigmoid_from(-s, log));
                (-modulation * log_p, sign * modulation * (gamma * sigmoid_from(s, e) * log_p - q))
            }
            SupervisedLoss::LabelSmoothing { epsilon } => {
                (0.5 * epsilon * s - log_p, sign * (0.5 * epsilon - q))
            }
            _ => (-log_p, -sign * q),
        }
    }

    /// Weighted mean over instances, sum a_i l_i / sum a_i; 0 without instances.
    ///
    /// Writes the derivative with respect to each logit to `derivatives`, if given (same length as `logits`).
    ///
    /// # Errors
    /// [`Error::LengthMismatch`](crate::Error::LengthMismatch) unless all lists are as long as `logits`.
    pub fn weighted_mean(
        self,
        logits: &[f64],
        labels: &[bool],
        weights: &[f64],
        derivatives: Option<&mut [f64]>,
    ) -> Result<f64> {
        let expected = logits.len();
        check_length("labels", labels.len(), expected)?;
        check_length("weights", weights.len(), expected)?;
        check_length("derivatives", derivatives.as_ref().map_or(expected, |out| out.len()), expected)?;
        let total: f64 = weights.iter().sum();
        if !(total > 0.0) {
            return Ok(0.0);
        }
        let of_block = |block: usize, out: Option<&mut [f64]>| {
            let from = block * BLOCK;
            let (logits, labels, weights) = (&logits[from..], &labels[from..], &weights[from..]);
            let end = BLOCK.min(logits.len());
            self.weighted_sum(&logits[..end], &labels[..end], &weights[..end], total, out)
        };
        let sum: f64 = match derivatives {
            Some(out) => fold_blocks_mut(out, BLOCK, |block, out| of_block(block, Some(out))),
            None => fold_blocks(logits.len(), BLOCK, |block| of_block(block, None)),
        };
        Ok(sum / total)
    }

    /// sum a_i l_i, and each derivative over `total`.
    pub(crate) fn weighted_sum(
        self,
        logits: &[f64],
        labels: &[bool],
        weights: &[f64],
        total: f64,
        mut derivatives: Option<&mut [f64]>,
    ) -> f64 {
        let mut sum = 0.0;
        // The exponentials of a whole run are taken first, as vector code; the loop over instances reads
        // them.
        let (mut exponentials, mut logarithms) = ([0.0; RUN], [0.0; RUN]);
        for (run, logits) in logits.chunks(RUN).enumerate() {
            exp_and_log1p(logits, &mut exponentials, &mut logarithms);
            let from = run * RUN;
            let instances = logits.iter().zip(&labels[from..]).zip(&weights[from..]);
            for (k, ((&z, &label), &a)) in instances.enumerate() {
                let (value, derivative) = self.with_exponential(z, label, exponentials[k], logarithms[k]);
                sum += a * value;
                if let Some(out) = derivatives.as_deref_mut().and_then(|out| out.get_mut(from + k)) {
                    *out = a * derivative / total;
                }
            }
        }
        sum
    }
}

/// Instances summed together.
const BLOCK: usize = 4096;

/// Instances whose exponentials are taken together.
const RUN: usize = 256;
