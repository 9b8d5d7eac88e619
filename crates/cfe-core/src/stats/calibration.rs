//! Probabilities from logits, fitted on instances that the logits were not trained on.
//!
//! | method | probability | source |
//! |---|---|---|
//! | `None` | sigma(z) | |
//! | `PriorShift` | sigma(z - shift) | Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001; King and Zeng, 2001 |
//! | `Platt` | sigma(slope z + intercept), slope >= 0 | Platt, "Probabilistic Outputs for Support Vector Machines", 1999 |
//! | `Temperature` | sigma(z / temperature) | Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017 |
//! | `Isotonic` | a non-decreasing, piecewise linear function of z | Zadrozny and Elkan, KDD 2002 |
//!
//! Every calibrator is non-decreasing in the logit, so none reorders instances (isotonic and a slope of 0 can
//! tie them).
//!
//! ```
//! use cfe_core::calibration::{CalibrationMethod, Calibrator};
//!
//! let logits = [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0];
//! let labels = [false, false, false, false, true, false, true, true];
//! let calibrator = Calibrator::fit(CalibrationMethod::Platt, &logits, &labels, None)?;
//! assert!(calibrator.apply(4.0) > calibrator.apply(0.0));
//! # Ok::<(), cfe_core::Error>(())
//! ```

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, check_length, ensure, is_at_least_zero, is_positive};
use crate::logistic::LogisticRegression;
use crate::losses::{SupervisedLoss, sigmoid};
use crate::weights::{check_weight_sum, weights_of_mean_one};

/// Temperatures allowed: where the classes do not overlap the best one is 0, where the logits are reversed
/// infinite.
const TEMPERATURES: (f64, f64) = (0.1, 100.0);

/// Which [`Calibrator`] to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CalibrationMethod {
    /// Take sigma(z) as it is.
    #[default]
    None,
    /// Move all logits so that the mean probability is the share of positives; one parameter.
    PriorShift,
    /// Logistic regression on the logit; two parameters, from about 20 instances of each class.
    Platt,
    /// Scale the logit; one parameter, cannot correct a wrong prevalence.
    Temperature,
    /// Non-decreasing regression; from about 200 positives.
    Isotonic,
}

/// A fitted map from logit to probability.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Calibrator {
    /// sigma(z).
    #[default]
    Identity,
    /// sigma(z - shift).
    PriorShift {
        /// What is taken off the logit; [`ClassWeight::logit_shift`](crate::ClassWeight::logit_shift) undoes
        /// class weights.
        shift: f64,
    },
    /// sigma(slope z + intercept).
    Platt {
        /// At least 0.
        slope: f64,
        /// Log-odds at z = 0.
        intercept: f64,
    },
    /// sigma(z / temperature).
    Temperature {
        /// 0.1 to 100.
        temperature: f64,
    },
    /// Linear between (threshold, value), constant outside; two thresholds for each block of more than one
    /// logit.
    Isotonic {
        /// Logits, strictly ascending.
        thresholds: Vec<f64>,
        /// Probabilities, non-decreasing, one for each threshold.
        values: Vec<f64>,
    },
}

impl Calibrator {
    /// Fits to logits (n, finite) with their labels (n) and weights (n, `None` is 1 each; weight 0 does not
    /// count). Weights are taken over their mean: their unit changes nothing.
    ///
    /// - `PriorShift` solves sum a sigma(z - shift) = sum a y.
    /// - `Platt` fits to his smoothed targets (N+ + 1) / (N+ + 2) and 1 / (N- + 2), N+ and N- the weights of
    ///   the classes, so that separable classes have a finite slope too. A slope that would be negative
    ///   becomes 0.
    /// - `Temperature` minimizes the log loss within 0.1 to 100.
    /// - `Isotonic` pools equal logits, then adjacent violators (Ayer et al., 1955). Values are kept within 1
    ///   / (N + 2) and (N + 1) / (N + 2), N the sum of the weights, so that the log loss stays finite.
    ///
    /// With one class only there is nothing to calibrate against: the result is `Identity`.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::InvalidScore`] for a logit that is not finite,
    /// [`Error::InvalidWeight`], [`Error::WeightSum`], [`Error::NothingToEvaluate`] if no instance has a
    /// positive weight.
    pub fn fit(
        method: CalibrationMethod,
        logits: &[f64],
        labels: &[bool],
        weights: Option<&[f64]>,
    ) -> Result<Self> {
        let cells = Cells::new(logits, labels, weights)?;
        if !(cells.positive > 0.0 && cells.negative > 0.0) {
            return Ok(Calibrator::Identity);
        }
        match method {
            CalibrationMethod::None => Ok(Calibrator::Identity),
            CalibrationMethod::PriorShift => Ok(Calibrator::PriorShift { shift: cells.prior_shift() }),
            CalibrationMethod::Platt => cells.platt(),
            CalibrationMethod::Temperature => {
                Ok(Calibrator::Temperature { temperature: cells.temperature() })
            }
            CalibrationMethod::Isotonic => Ok(cells.isotonic()),
        }
    }

    /// Refuses parameters that no fit gives, as a changed file can bring them.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    pub fn validate(&self) -> Result<()> {
        let ascending = |list: &[f64]| list.windows(2).all(|pair| pair[0] < pair[1]);
        let sound = match self {
            Calibrator::Identity => true,
            Calibrator::PriorShift { shift } => shift.is_finite(),
            Calibrator::Platt { slope, intercept } => is_at_least_zero(*slope) && intercept.is_finite(),
            Calibrator::Temperature { temperature } => is_positive(*temperature),
            Calibrator::Isotonic { thresholds, values } => {
                thresholds.len() == values.len()
                    && !values.is_empty()
                    && thresholds.iter().all(|t| t.is_finite())
                    && ascending(thresholds)
                    && values.iter().all(|p| (0.0..=1.0).contains(p))
                    && values.windows(2).all(|pair| pair[0] <= pair[1])
            }
        };
        const ALLOWED: &str = "numbers are finite, slopes at least 0, temperatures positive, thresholds ascending and \
                               values non-decreasing probabilities; was the file changed?";
        ensure(sound, "model", "calibrator", ALLOWED)
    }

    /// Probability at a logit; NaN at NaN.
    ///
    /// ```
    /// use cfe_core::calibration::Calibrator;
    /// assert_eq!(Calibrator::Identity.apply(0.0), 0.5);
    /// let steps = Calibrator::Isotonic { thresholds: vec![0.0, 1.0], values: vec![0.2, 0.4] };
    /// assert_eq!([-9.0, 0.5, 9.0].map(|z| steps.apply(z)), [0.2, 0.30000000000000004, 0.4]);
    /// ```
    pub fn apply(&self, logit: f64) -> f64 {
        match self {
            Calibrator::Identity => sigmoid(logit),
            Calibrator::PriorShift { shift } => sigmoid(logit - shift),
            Calibrator::Platt { slope, intercept } => sigmoid(slope * logit + intercept),
            Calibrator::Temperature { temperature } => sigmoid(logit / temperature),
            Calibrator::Isotonic { thresholds, values } => interpolate(thresholds, values, logit),
        }
    }

    /// The same for many logits.
    pub fn apply_all(&self, logits: &[f64]) -> Vec<f64> {
        logits.iter().map(|&z| self.apply(z)).collect()
    }
}

/// A probability that holds where the share `from` of all instances is positive, where the share `to` is:
///
/// p' = p (to / from) / (p (to / from) + (1 - p) (1 - to) / (1 - from))
///
/// (Saerens, Latinne and Decaestecker, "Adjusting the Outputs of a Classifier to New a Priori Probabilities",
/// Neural Computation, 2002, equation 2.4.) It is right where the classes themselves look the same and only
/// their shares differ. 0, 1 and NaN stay.
///
/// `from` and `to` are above 0 and below 1; the result is NaN where they are not.
///
/// ```
/// use cfe_core::calibration::shift_prevalence;
/// assert!((shift_prevalence(0.5, 0.5, 0.01) - 0.01).abs() < 1e-15);
/// assert_eq!(shift_prevalence(0.3, 0.2, 0.2), 0.3);
/// ```
pub fn shift_prevalence(p: f64, from: f64, to: f64) -> f64 {
    let inside = |share: f64| share > 0.0 && share < 1.0;
    if !(inside(from) && inside(to)) {
        return f64::NAN;
    }
    if from == to {
        return p;
    }
    let positive = p * (to / from);
    positive / (positive + (1.0 - p) * ((1.0 - to) / (1.0 - from)))
}

/// Rounds of [`estimate_prevalence`], which needs a few dozen.
const PREVALENCE_ROUNDS: usize = 1000;

/// Share of positives among unlabeled instances, from their probabilities, which hold at the share `trained`:
/// the expectation maximization of Saerens, Latinne and Decaestecker (2002, equation 2.9). Each round
/// corrects the probabilities for the share so far, and takes their mean for the next.
///
/// `None` without probabilities, or for a share `trained` outside (0, 1).
///
/// ```
/// use cfe_core::calibration::estimate_prevalence;
/// // Likelihood ratios of 9, 1/9, 1/9, 1/9: the likelihood of a share s is largest at 3/16.
/// let share = estimate_prevalence(&[0.9, 0.1, 0.1, 0.1], 0.5).expect("probabilities");
/// assert!((share - 0.1875).abs() < 1e-6);
/// ```
pub fn estimate_prevalence(probabilities: &[f64], trained: f64) -> Option<f64> {
    if probabilities.is_empty() || !(trained > 0.0 && trained < 1.0) {
        return None;
    }
    let mut share = trained;
    for _ in 0..PREVALENCE_ROUNDS {
        let sum: f64 = probabilities.iter().map(|&p| shift_prevalence(p, trained, share)).sum();
        // Kept off the ends, where the correction has no value.
        let next = (sum / probabilities.len() as f64).clamp(1e-12, 1.0 - 1e-12);
        let settled = (next - share).abs() <= 1e-9 * share;
        share = next;
        if settled {
            break;
        }
    }
    share.is_finite().then_some(share)
}

fn interpolate(thresholds: &[f64], values: &[f64], z: f64) -> f64 {
    if z.is_nan() {
        return f64::NAN;
    }
    let above = thresholds.partition_point(|&t| t <= z);
    let (Some(first), Some(last)) = (values.first(), values.last()) else { return sigmoid(z) };
    if above == 0 {
        return *first;
    }
    let (Some(&t1), Some(&v1)) = (thresholds.get(above), values.get(above)) else { return *last };
    let (t0, v0) = (thresholds[above - 1], values[above - 1]);
    let span = t1 - t0;
    // The halves of numbers whose difference overflows have one.
    let share = if span.is_finite() { (z - t0) / span } else { (z / 2.0 - t0 / 2.0) / (t1 / 2.0 - t0 / 2.0) };
    // Kept between its ends: rounding must not break monotonicity.
    (v0 + (v1 - v0) * share).clamp(v0.min(v1), v0.max(v1))
}

struct Cells {
    cells: Vec<(f64, bool, f64)>,
    positive: f64,
    negative: f64,
}

impl Cells {
    fn new(logits: &[f64], labels: &[bool], weights: Option<&[f64]>) -> Result<Self> {
        let n = logits.len();
        check_length("labels", labels.len(), n)?;
        check_length("weights", weights.map_or(n, <[f64]>::len), n)?;
        let mut cells = Vec::with_capacity(n);
        for (index, (&z, &y)) in logits.iter().zip(labels).enumerate() {
            let a = weights.map_or(1.0, |w| w[index]);
            if !(is_at_least_zero(a)) {
                return Err(Error::InvalidWeight { what: "weight", index, value: a });
            }
            if !z.is_finite() {
                return Err(Error::InvalidScore { index, value: z });
            }
            if a > 0.0 {
                cells.push((z, y, a));
            }
        }
        if cells.is_empty() {
            return Err(Error::NothingToEvaluate);
        }
        check_weight_sum("the weights", cells.iter().map(|cell| cell.2))?;
        // The priors of a fit stand against the sum of the weights.
        let of_mean_one = weights_of_mean_one(&cells.iter().map(|cell| cell.2).collect::<Vec<_>>());
        cells.iter_mut().zip(of_mean_one).for_each(|(cell, a)| cell.2 = a);
        let weight_of = |class: bool| cells.iter().filter(|cell| cell.1 == class).map(|cell| cell.2).sum();
        Ok(Self { positive: weight_of(true), negative: weight_of(false), cells })
    }

    fn prior_shift(&self) -> f64 {
        let excess = |shift: f64| -> f64 {
            self.cells.iter().map(|&(z, _, a)| a * sigmoid(z - shift)).sum::<f64>() - self.positive
        };
        // At z_max - log-odds every probability is at most the prevalence, at z_min - log-odds at least.
        let odds = (self.positive / self.negative).ln();
        let low = self.cells.iter().fold(f64::INFINITY, |a, c| a.min(c.0)) - odds;
        let high = self.cells.iter().fold(f64::NEG_INFINITY, |a, c| a.max(c.0)) - odds;
        bisect(low, high, |shift| excess(shift) > 0.0)
    }

    fn platt(&self) -> Result<Calibrator> {
        let (high, low) = ((self.positive + 1.0) / (self.positive + 2.0), 1.0 / (self.negative + 2.0));
        // A target t is a positive of weight t and a negative of weight 1 - t.
        let n = self.cells.len();
        let mut features = Vec::with_capacity(2 * n);
        let (mut labels, mut weights) = (Vec::with_capacity(2 * n), Vec::with_capacity(2 * n));
        for label in [true, false] {
            for &(z, y, a) in &self.cells {
                let t = if y { high } else { low };
                features.push(z);
                labels.push(label);
                weights.push(a * if label { t } else { 1.0 - t });
            }
        }
        let features = ArrayView2::from_shape((1, 2 * n), &features).expect("one row of 2 n features");
        let spec = LogisticRegression { non_negative: true, ..Default::default() };
        let fit = spec.fit(features, &labels, Some(&weights))?;
        Ok(Calibrator::Platt { slope: fit.weights[0], intercept: fit.bias })
    }

    fn temperature(&self) -> f64 {
        // The log loss is convex in s = 1 / temperature; its derivative is sum a z l'(s z).
        let slope = |s: f64| -> f64 {
            let terms = self.cells.iter();
            terms.map(|&(z, y, a)| a * z * SupervisedLoss::Bce.value_and_derivative(s * z, y).1).sum()
        };
        1.0 / bisect(1.0 / TEMPERATURES.1, 1.0 / TEMPERATURES.0, |s| slope(s) < 0.0)
    }

    fn isotonic(mut self) -> Calibrator {
        self.cells.sort_by(|a, b| a.0.total_cmp(&b.0));
        // First, equal logits become one block, since a function has one value at each.
        let mut blocks: Vec<Block> = Vec::new();
        for &(z, y, a) in &self.cells {
            let positive = if y { a } else { 0.0 };
            match blocks.last_mut() {
                // As numbers: -0 and 0 are one logit.
                Some(block) if block.high == z => {
                    block.weight += a;
                    block.positive += positive;
                }
                _ => blocks.push(Block { low: z, high: z, weight: a, positive }),
            }
        }
        // Then adjacent violators are pooled, until the values ascend.
        let mut pooled: Vec<Block> = Vec::with_capacity(blocks.len());
        for mut block in blocks {
            while let Some(before) = pooled.pop_if(|before| before.value() >= block.value()) {
                block = Block {
                    low: before.low,
                    high: block.high,
                    weight: before.weight + block.weight,
                    positive: before.positive + block.positive,
                };
            }
            pooled.push(block);
        }
        let total = self.positive + self.negative;
        let floor = 1.0 / (total + 2.0);
        // A block is flat between its ends. A block of a single logit has one end.
        let (mut thresholds, mut values) = (Vec::new(), Vec::new());
        for block in pooled {
            let value = block.value().clamp(floor, 1.0 - floor);
            thresholds.push(block.low);
            values.push(value);
            if block.high > block.low {
                thresholds.push(block.high);
                values.push(value);
            }
        }
        Calibrator::Isotonic { thresholds, values }
    }
}

struct Block {
    low: f64,
    high: f64,
    weight: f64,
    positive: f64,
}

impl Block {
    fn value(&self) -> f64 {
        self.positive / self.weight
    }
}

/// Where `left` turns from true to false within [low, high], to the last bit.
fn bisect(mut low: f64, mut high: f64, left: impl Fn(f64) -> bool) -> f64 {
    loop {
        let middle = low + (high - low) / 2.0;
        if !(middle > low && middle < high) {
            return if left(high) { high } else { low };
        }
        if left(middle) { low = middle } else { high = middle }
    }
}

#[cfg(test)]
#[path = "calibration_tests.rs"]
mod tests;
