//! How likely the combined prediction is to rank other rows better than its simple rivals.

use cfe_core::losses::sigmoid;
use cfe_core::validation::Interval;
use serde::Serialize;

use super::method_metrics::MethodMetrics;

/// What a probability is made of: sigma(slope z + intercept), z the cross-validated gain in average precision
/// over its standard error.
#[derive(Debug, Clone, Copy)]
struct Regression {
    slope: f64,
    intercept: f64,
}

// Logistic regressions of "ranked the test half better" on z, over the development sets of the recommended
// combiner; `examples/chances.rs` makes them. The intercept is what these sets knew before a look at the
// data. Against the best rival they knew no more than that: the rival is the best by the same figures that z
// is made of.
const OVER_MEAN: Regression = Regression { slope: 0.534, intercept: 0.462 };
const OVER_BEST: Regression = Regression { slope: 0.0, intercept: 0.254 };

/// Gains are not believed beyond this many standard errors: the development sets have few of them.
const FARTHEST: f64 = 4.0;

/// Probabilities that the combined prediction has the larger average precision on other rows of the same
/// source, as many as it was fitted to.
///
/// They come from the cross-validated scores of the train rows and are calibrated over the development sets
/// of the recommended combiner. The book's chapter "The recommended combiner" has their reliability.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Chances {
    /// Against the plain mean. Below one half, averaging would do.
    pub over_mean: f64,
    /// The simple rival with the largest cross-validated average precision, the mean among them.
    pub best_rival: String,
    /// Against that one.
    pub over_best_rival: f64,
}

impl Chances {
    /// Whether the plain mean is more likely to be as good or better than not.
    pub fn averaging_would_do(&self) -> bool {
        self.over_mean < 0.5
    }

    /// From cross-validated figures, the combined prediction first; `None` without both classes or without
    /// the plain mean.
    pub(crate) fn of(methods: &[MethodMetrics]) -> Option<Self> {
        let rivals = methods.get(1..)?;
        let mean = rivals.iter().find(|m| m.name == "mean")?;
        let precision = |m: &&MethodMetrics| m.metrics.average_precision.unwrap_or(f64::NEG_INFINITY);
        let best = rivals.iter().max_by(|a, b| precision(a).total_cmp(&precision(b)))?;
        Some(Self {
            over_mean: OVER_MEAN.probability(mean.combined_is_better_by?),
            best_rival: best.name.clone(),
            over_best_rival: OVER_BEST.probability(best.combined_is_better_by?),
        })
    }
}

impl Regression {
    fn probability(self, gain: Interval) -> f64 {
        // Rankings that are the same in every resample differ by nothing.
        let z = if gain.standard_error > 0.0 { gain.estimate / gain.standard_error } else { 0.0 };
        sigmoid(self.slope * z.clamp(-FARTHEST, FARTHEST) + self.intercept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::measure_predictions;

    #[test]
    fn a_clear_gain_is_likely_and_a_clear_loss_is_not() {
        let labels: Vec<bool> = (0..400).map(|i| i % 8 == 0).collect();
        let noisy = |signal: f64| -> Vec<f64> {
            labels
                .iter()
                .enumerate()
                .map(|(i, &y)| f64::from(y) * signal + (i * 37 % 101) as f64 / 100.0)
                .collect()
        };
        let chances = |own: f64, other: f64| {
            let methods = vec![
                ("combined".to_owned(), noisy(own), None),
                ("mean".to_owned(), noisy(other), None),
                ("avg4".to_owned(), noisy(own.max(other)), None),
            ];
            let part = measure_predictions("train", &labels, None, methods, None, 0).expect("both classes");
            Chances::of(&part.methods).expect("the mean is there")
        };
        let (better, worse) = (chances(0.6, 0.2), chances(0.2, 0.6));
        assert!(better.over_mean > 0.8 && worse.over_mean < 0.5, "{better:?} {worse:?}");
        assert!(better.over_best_rival <= better.over_mean);
        assert_eq!(better.best_rival, "avg4");
    }
}
