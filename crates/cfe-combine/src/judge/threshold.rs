//! Where to cut: a probability from which on a row is called positive.

use std::fmt;
use std::str::FromStr;

use cfe_core::metrics::Confusion;
use serde::{Deserialize, Serialize};

use super::JudgedRows;
use crate::error::{FitError, FitResult};

/// What the threshold makes best on the cross-validated train rows.
///
/// ```
/// use cf_ensemble::judge::ThresholdRule;
///
/// let rule: ThresholdRule = "cost=1,20".parse()?;
/// assert_eq!(rule, ThresholdRule::Cost { false_positive: 1.0, false_negative: 20.0 });
/// assert_eq!(rule.to_string(), "cost=1,20");
/// # Ok::<(), cf_ensemble::FitError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum ThresholdRule {
    /// Largest F1, `f1`.
    #[default]
    F1,
    /// Largest F-beta, `fbeta=B`; B above 1 favors recall.
    FBeta(f64),
    /// Largest Matthews correlation, `mcc`.
    Mcc,
    /// Least cost, `cost=FP,FN`, or `cost` for 1 and 1; where a column says what a wrong decision about each
    /// row costs, these are factors of it.
    Cost {
        /// Cost of a false alarm.
        false_positive: f64,
        /// Cost of a missed positive.
        false_negative: f64,
    },
    /// Largest precision among cuts that find this share of the positives, `precision-at-recall=R`.
    PrecisionAtRecall(f64),
    /// Most positives found among cuts of this precision, `recall-at-precision=P`.
    RecallAtPrecision(f64),
}

impl ThresholdRule {
    /// The forms that a rule is written in.
    pub const FORMS: &str = "f1, fbeta=B (B > 0), mcc, cost=FP,FN (both > 0; cost alone is 1,1), precision-at-recall=R or \
                             recall-at-precision=P (above 0, at most 1)";
}

impl fmt::Display for ThresholdRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ThresholdRule::F1 => write!(f, "f1"),
            ThresholdRule::FBeta(beta) => write!(f, "fbeta={beta}"),
            ThresholdRule::Mcc => write!(f, "mcc"),
            ThresholdRule::Cost { false_positive, false_negative } => {
                write!(f, "cost={false_positive},{false_negative}")
            }
            ThresholdRule::PrecisionAtRecall(r) => write!(f, "precision-at-recall={r}"),
            ThresholdRule::RecallAtPrecision(p) => write!(f, "recall-at-precision={p}"),
        }
    }
}

impl FromStr for ThresholdRule {
    type Err = FitError;

    fn from_str(text: &str) -> FitResult<Self> {
        let refused = || {
            FitError::options(format!(
                "threshold rule {text:?} is not known; allowed are {}",
                ThresholdRule::FORMS
            ))
        };
        let number = |value: &str| value.trim().parse::<f64>().map_err(|_| refused());
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        // The empty value keeps `f1=2` from being taken for `f1`.
        let rule = match (name, value) {
            ("f1", "") => ThresholdRule::F1,
            ("mcc", "") => ThresholdRule::Mcc,
            ("cost", "") if !text.contains('=') => {
                ThresholdRule::Cost { false_positive: 1.0, false_negative: 1.0 }
            }
            ("fbeta", value) => ThresholdRule::FBeta(number(value)?),
            ("cost", value) => {
                let (fp, fn_) = value.split_once(',').ok_or_else(refused)?;
                ThresholdRule::Cost { false_positive: number(fp)?, false_negative: number(fn_)? }
            }
            ("precision-at-recall", value) => ThresholdRule::PrecisionAtRecall(number(value)?),
            ("recall-at-precision", value) => ThresholdRule::RecallAtPrecision(number(value)?),
            _ => return Err(refused()),
        };
        // A cost of 0 would call all rows or none, and a target above 1 cannot be reached.
        let positive = |v: f64| v > 0.0 && v.is_finite();
        let share = |v: f64| v > 0.0 && v <= 1.0;
        let sound = match rule {
            ThresholdRule::F1 | ThresholdRule::Mcc => true,
            ThresholdRule::FBeta(beta) => positive(beta),
            ThresholdRule::Cost { false_positive, false_negative } => {
                positive(false_positive) && positive(false_negative)
            }
            ThresholdRule::PrecisionAtRecall(v) | ThresholdRule::RecallAtPrecision(v) => share(v),
        };
        if sound { Ok(rule) } else { Err(refused()) }
    }
}

impl TryFrom<String> for ThresholdRule {
    type Error = FitError;

    fn try_from(text: String) -> FitResult<Self> {
        text.parse()
    }
}

impl From<ThresholdRule> for String {
    fn from(rule: ThresholdRule) -> Self {
        rule.to_string()
    }
}

/// A threshold with what it does to the rows it was chosen on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Cut {
    /// The rule.
    pub rule: ThresholdRule,
    /// Probabilities from here on are called positive.
    pub threshold: f64,
    /// Share of the called rows that are positive.
    pub precision: f64,
    /// Share of the positives that are called.
    pub recall: f64,
    /// Rows called.
    pub called: f64,
    /// Counts.
    pub confusion: Confusion,
    /// Whether the cut meets what the rule asks for; `false` where no cut reaches the recall or precision
    /// that was asked for, and this is the nearest one.
    #[serde(default = "yes")]
    pub reached: bool,
    /// Mean cost of a decision, in the unit of the cost column: what wrong decisions cost, times the costs of
    /// the rule where it has them, over the weight of all rows. `None` without a cost column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_cost: Option<f64>,
}

/// Files of version 0.1.0 do not say whether a target was reached.
fn yes() -> bool {
    true
}

impl ThresholdRule {
    /// Value of a cut to this rule; the largest is chosen.
    fn value(self, c: &Confusion) -> f64 {
        match self {
            ThresholdRule::F1 => c.f1(),
            ThresholdRule::FBeta(beta) => c.f_beta(beta),
            ThresholdRule::Mcc => c.mcc(),
            ThresholdRule::Cost { false_positive, false_negative } => {
                // A power of two scales without rounding, and keeps large costs from overflowing.
                let scale = 2.0_f64.powi(-exponent(false_positive.max(false_negative)));
                -(false_positive * scale * c.fp + false_negative * scale * c.fn_)
            }
            // Of the two rules with a target, a cut that reaches it has a value of 1 or more and one that
            // does not at most 0, so any of the former is preferred.
            ThresholdRule::PrecisionAtRecall(recall) if c.recall() >= recall => 1.0 + c.precision(),
            ThresholdRule::RecallAtPrecision(precision) if c.precision() >= precision => 1.0 + c.recall(),
            // Out of reach: as near as can be.
            ThresholdRule::PrecisionAtRecall(_) => c.recall() - 1.0,
            ThresholdRule::RecallAtPrecision(_) => c.precision() - 1.0,
        }
    }

    /// Cost of a false alarm and of a missed positive, where the rule has them.
    pub fn costs(self) -> Option<(f64, f64)> {
        match self {
            ThresholdRule::Cost { false_positive, false_negative } => Some((false_positive, false_negative)),
            _ => None,
        }
    }

    /// Whether a cut meets the recall or precision that the rule asks for.
    fn is_reached_by(self, c: &Confusion) -> bool {
        match self {
            ThresholdRule::PrecisionAtRecall(recall) => c.recall() >= recall,
            ThresholdRule::RecallAtPrecision(precision) => c.precision() >= precision,
            _ => true,
        }
    }

    /// The best threshold for these rows; `None` if a class is missing among them.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`](cfe_core::Error::LengthMismatch),
    /// [`Error::InvalidScore`](cfe_core::Error::InvalidScore).
    pub fn choose(self, labels: &[bool], probabilities: &[f64]) -> cfe_core::Result<Option<Cut>> {
        self.choose_on(&JudgedRows::from(labels), probabilities)
    }

    /// As [`choose`](Self::choose), of rows with weights (n, finite, at least 0; `None` is 1 each).
    ///
    /// ```
    /// use cf_ensemble::judge::ThresholdRule;
    ///
    /// let (labels, p) = ([false, true, false, true], [0.2, 0.3, 0.6, 0.9]);
    /// let least_cost: ThresholdRule = "cost=1,1".parse()?;
    /// let cut = |weights: &[f64]| least_cost.choose_weighted(&labels, &p, Some(weights));
    /// assert_eq!(cut(&[1.0, 1.0, 5.0, 1.0])?.expect("both classes").threshold, 0.9);
    /// assert_eq!(cut(&[1.0, 5.0, 1.0, 1.0])?.expect("both classes").threshold, 0.3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`choose`](Self::choose), and [`Error::InvalidWeight`](cfe_core::Error::InvalidWeight).
    pub fn choose_weighted(
        self,
        labels: &[bool],
        probabilities: &[f64],
        weights: Option<&[f64]>,
    ) -> cfe_core::Result<Option<Cut>> {
        let expected = labels.len();
        if let Some(found) = weights.map(<[f64]>::len).filter(|&found| found != expected) {
            return Err(cfe_core::Error::LengthMismatch { what: "weights", found, expected });
        }
        let rows = JudgedRows { weights: weights.map(<[f64]>::to_vec), ..JudgedRows::from(labels) };
        self.choose_on(&rows, probabilities)
    }

    /// As [`choose`](Self::choose), of rows with weights; where there are costs, the rule `cost` minimizes
    /// theirs.
    pub(crate) fn choose_on(self, rows: &JudgedRows, probabilities: &[f64]) -> cfe_core::Result<Option<Cut>> {
        if !rows.has_both_classes() {
            return Ok(None);
        }
        let scored = match self {
            // Where no wrong decision costs anything, every cut is as good, and rows count alike.
            ThresholdRule::Cost { .. } if rows.has_costs() => rows.scored_by_cost(probabilities)?,
            _ => rows.scored(probabilities)?,
        };
        let Some(best) = scored.ranking().best_by(|c| self.value(c)) else { return Ok(None) };
        // Calling nothing is a choice as well, and no probability stands for it.
        let nothing = scored.confusion(f64::INFINITY);
        let threshold = if self.value(&nothing) > best.value { 1.0 } else { best.highest_threshold };
        Ok(Some(self.at(threshold, rows, probabilities)?))
    }

    /// What a threshold does to rows with these probabilities.
    pub(super) fn at(
        self,
        threshold: f64,
        rows: &JudgedRows,
        probabilities: &[f64],
    ) -> cfe_core::Result<Cut> {
        let confusion = rows.scored(probabilities)?.confusion(threshold);
        let mean_cost = match &rows.costs {
            Some(_) if rows.has_costs() => {
                let wrong = rows.scored_by_cost(probabilities)?.confusion(threshold);
                let (alarm, miss) = self.costs().unwrap_or((1.0, 1.0));
                let all = confusion.tp + confusion.fp + confusion.fn_ + confusion.tn;
                Some((alarm * wrong.fp + miss * wrong.fn_) / all)
            }
            Some(_) => Some(0.0),
            None => None,
        };
        Ok(Cut { mean_cost, ..self.of_counts(threshold, confusion) })
    }

    /// What a threshold does to rows with these counts and no costs.
    pub(crate) fn of_counts(self, threshold: f64, confusion: Confusion) -> Cut {
        Cut {
            rule: self,
            threshold,
            precision: confusion.precision(),
            recall: confusion.recall(),
            called: confusion.tp + confusion.fp,
            confusion,
            reached: self.is_reached_by(&confusion),
            mean_cost: None,
        }
    }
}

/// The largest whole number e with 2^e <= x, within the range that a power of two has without underflow.
fn exponent(x: f64) -> i32 {
    x.log2().floor().clamp(-1000.0, 1000.0) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [bool; 6] = [false, false, true, false, true, true];
    const P: [f64; 6] = [0.1, 0.2, 0.3, 0.4, 0.6, 0.8];

    fn cut(rule: &str) -> f64 {
        rule.parse::<ThresholdRule>().unwrap().choose(&LABELS, &P).unwrap().unwrap().threshold
    }

    #[test]
    fn each_rule_cuts_where_it_is_best() {
        assert_eq!(cut("f1"), 0.3);
        assert_eq!(cut("fbeta=0.1"), 0.6);
        assert_eq!(cut("cost=1,100"), 0.3);
        assert_eq!(cut("cost=100,1"), 0.6);
        assert_eq!(cut("precision-at-recall=0.6"), 0.6);
        assert_eq!(cut("precision-at-recall=1"), 0.3);
        assert_eq!(cut("recall-at-precision=1"), 0.6);
        let rare: ThresholdRule = "cost=1000,1".parse().unwrap();
        let nothing = rare.choose(&[true, false], &[0.1, 0.9]).unwrap().unwrap();
        assert_eq!((nothing.threshold, nothing.called), (1.0, 0.0));
        assert_eq!(rare.choose(&[true, true], &[0.1, 0.9]).unwrap(), None);
    }

    #[test]
    fn a_target_that_no_cut_reaches_is_said() {
        let reach = |rule: &str, labels: &[bool]| {
            rule.parse::<ThresholdRule>().unwrap().choose(labels, &P).unwrap().unwrap().reached
        };
        // The highest probability belongs to a negative: no cut has a precision above 3/5.
        let upside_down = [true, true, true, false, false, false];
        assert!(!reach("recall-at-precision=0.9", &upside_down));
        assert!(reach("recall-at-precision=0.5", &upside_down));
        assert!(reach("recall-at-precision=0.9", &LABELS));
        assert!(reach("f1", &upside_down));
    }

    #[test]
    fn costs_of_any_size_cut_at_the_same_place() {
        for size in ["1", "1e-300", "1e300", "1e308"] {
            assert_eq!(cut(&format!("cost={size},{size}")), cut("cost=1,1"), "{size}");
        }
    }

    #[test]
    fn rules_out_of_range_are_refused() {
        for bad in ["", "f2", "f1=2", "fbeta", "fbeta=0", "fbeta=nan", "cost=1", "cost=1,-1", "mcc=1"] {
            assert!(bad.parse::<ThresholdRule>().is_err(), "{bad}");
        }
        for good in ["f1", "fbeta=2", "mcc", "cost=1,20", "precision-at-recall=0.8", "recall-at-precision=1"]
        {
            assert_eq!(good.parse::<ThresholdRule>().unwrap().to_string(), good);
        }
    }
}
