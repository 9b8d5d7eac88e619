//! The simple combiners that a learned one has to beat.
//!
//! Every method sees the labeled instances alone and gives one score for each instance of any other
//! predictions of the same classifiers. Definitions and names are those of the stored benchmark tables, so
//! that rows can be joined by name:
//!
//! | variant | name | score |
//! |---|---|---|
//! | `Mean` | `mean` | mean probability |
//! | `Median` | `median` | median probability |
//! | `LogitMean` | `logit_mean` | sigma of the mean log-odds, probabilities clipped to 1e-4 and 1 - 1e-4 (or to 0.02 times the classifier's mean, where that is less) |
//! | `RankAverage` | `rank_avg` | mean rank among the instances predicted together, over their number; no probability |
//! | `BestSingle` | `best_single` | the classifier with the highest average precision |
//! | `Top5Mean` | `top5_mean` | mean of the five with the highest average precision |
//! | `GreedySelection` | `greedy_es` | mean of 50 picks with replacement, each the one that raises average precision most (Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble Selection from Libraries of Models", ICML 2004) |
//! | `Nnls` | `nnls` | non-negative least squares on the labels, weights scaled to sum 1 (Breiman, "Stacked Regressions", 1996) |
//! | `NonNegativeLogistic` | `nn_logistic` | logistic regression with weights >= 0 on clipped log-odds, C = 1 |
//! | `Logistic` | `lr` | logistic regression on probabilities, C = 1 (Wolpert, "Stacked Generalization", 1992) |
//! | `LogisticBalanced` | `lr_bal` | as `lr` with balanced class weights |
//! | `Average4` | `avg4` | mean of `nnls`, `nn_logistic`, `lr` and `top5_mean` |
//!
//! C = 1 is scikit-learn's: the penalty is |w|^2 / 2 against the sum of the weighted losses, the intercept is
//! free. Sample weights are taken over their mean, so that their unit changes nothing. Ties (of classifiers
//! in selection) go to the first one.
//!
//! **Missing predictions.** Means, the median, ranks, and everything with weights that sum to 1 use the
//! classifiers that gave a prediction, weights rescaled. The logistic ones, and every fit, take the
//! classifier's mean over the labeled instances in its place; so does an instance for which no classifier
//! that counts gave a prediction.
//!
//! ```
//! use cf_ensemble::baselines::Baseline;
//! use cf_ensemble::EnsembleData;
//! use ndarray::array;
//!
//! let predictions = array![[0.9, 0.8, 0.3, 0.1, 0.7], [0.6, 0.7, 0.6, 0.2, 0.4]];
//! let labels = vec![Some(true), Some(true), Some(false), Some(false), None];
//! let data = EnsembleData::new(predictions, labels)?;
//! let best = Baseline::BestSingle.fit(&data)?;
//! assert_eq!(best.weights(), Some(&[1.0, 0.0][..]));
//! assert_eq!(best.predict(array![[0.25], [0.75]].view())?, [0.25]);
//! # Ok::<(), cf_ensemble::Error>(())
//! ```

mod fitted;
mod select;
#[cfg(test)]
mod tests;

use cfe_core::logistic::LogisticRegression;
use cfe_core::losses::logit;
use cfe_core::nnls::nnls;
use cfe_core::{
    ClassWeight, EnsembleData, Error, Result, instance_weights, weight_unit, weights_of_mean_one,
};
use ndarray::{Array1, Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

pub use fitted::FittedBaseline;
use fitted::Rule;

/// Probabilities are moved into [this, 1 - this] before their log-odds are taken.
pub const LOGIT_CLIP: f64 = 1e-4;
/// Share of the mean probability of a classifier that the clip is at most.
const CLIP_SHARE: f64 = 0.02;

/// The clip of a classifier with this mean probability: `most`, or less where probabilities are so small that
/// `most` would make most of them alike. A mean of 0.005 or more (or at most 0.995) leaves `most` = 1e-4 as
/// it is.
pub(crate) fn clip_for(mean: f64, most: f64) -> f64 {
    (CLIP_SHARE * mean.min(1.0 - mean)).min(most).max(f64::EPSILON)
}

/// Picks of greedy selection.
pub const GREEDY_ROUNDS: usize = 50;
/// Classifiers in `Top5Mean`.
const TOP: usize = 5;

/// A way of combining without CF-Ensemble; see the [module](self) for what each does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Baseline {
    /// Mean probability.
    #[serde(rename = "mean")]
    Mean,
    /// Median probability.
    #[serde(rename = "median")]
    Median,
    /// Mean log-odds.
    #[serde(rename = "logit_mean")]
    LogitMean,
    /// Mean rank.
    #[serde(rename = "rank_avg")]
    RankAverage,
    /// The best classifier on the labeled instances.
    #[serde(rename = "best_single")]
    BestSingle,
    /// Mean of the five best.
    #[serde(rename = "top5_mean")]
    Top5Mean,
    /// Greedy ensemble selection.
    #[serde(rename = "greedy_es")]
    GreedySelection,
    /// Non-negative least squares.
    #[serde(rename = "nnls")]
    Nnls,
    /// Non-negative logistic regression on log-odds.
    #[serde(rename = "nn_logistic")]
    NonNegativeLogistic,
    /// Logistic regression on probabilities.
    #[serde(rename = "lr")]
    Logistic,
    /// The same with balanced classes.
    #[serde(rename = "lr_bal")]
    LogisticBalanced,
    /// Mean of `nnls`, `nn_logistic`, `lr` and `top5_mean`.
    #[serde(rename = "avg4")]
    Average4,
}

impl Baseline {
    /// Every baseline there is, in the order of the table above.
    pub const ALL: [Baseline; 12] = [
        Baseline::Mean,
        Baseline::Median,
        Baseline::LogitMean,
        Baseline::RankAverage,
        Baseline::BestSingle,
        Baseline::Top5Mean,
        Baseline::GreedySelection,
        Baseline::Nnls,
        Baseline::NonNegativeLogistic,
        Baseline::Logistic,
        Baseline::LogisticBalanced,
        Baseline::Average4,
    ];

    /// Name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Baseline::Mean => "mean",
            Baseline::Median => "median",
            Baseline::LogitMean => "logit_mean",
            Baseline::RankAverage => "rank_avg",
            Baseline::BestSingle => "best_single",
            Baseline::Top5Mean => "top5_mean",
            Baseline::GreedySelection => "greedy_es",
            Baseline::Nnls => "nnls",
            Baseline::NonNegativeLogistic => "nn_logistic",
            Baseline::Logistic => "lr",
            Baseline::LogisticBalanced => "lr_bal",
            Baseline::Average4 => "avg4",
        }
    }

    /// What it does, in a few words.
    pub fn description(self) -> &'static str {
        match self {
            Baseline::Mean => "mean probability",
            Baseline::Median => "median probability",
            Baseline::LogitMean => "mean log-odds",
            Baseline::RankAverage => "mean rank",
            Baseline::BestSingle => "best single classifier by average precision",
            Baseline::Top5Mean => "mean of the five best by average precision",
            Baseline::GreedySelection => "greedy ensemble selection, 50 rounds",
            Baseline::Nnls => "non-negative least squares on probabilities",
            Baseline::NonNegativeLogistic => "non-negative logistic regression on log-odds",
            Baseline::Logistic => "logistic regression on probabilities",
            Baseline::LogisticBalanced => "logistic regression, balanced classes",
            Baseline::Average4 => "mean of nnls, nn_logistic, lr and top5_mean",
        }
    }

    /// Whether it learns from labels; the others can be fitted without any.
    pub fn needs_labels(self) -> bool {
        !matches!(self, Baseline::Mean | Baseline::Median | Baseline::LogitMean | Baseline::RankAverage)
    }

    /// Whether it looks for a weight of each classifier, which takes long where they are many.
    pub fn solves_for_weights(self) -> bool {
        matches!(
            self,
            Baseline::GreedySelection
                | Baseline::Nnls
                | Baseline::NonNegativeLogistic
                | Baseline::Logistic
                | Baseline::LogisticBalanced
                | Baseline::Average4
        )
    }

    /// Whether it gives some classifiers all the weight: fits to other instances may pick other ones, and
    /// their scores then are on other scales.
    pub fn picks_classifiers(self) -> bool {
        matches!(
            self,
            Baseline::BestSingle
                | Baseline::Top5Mean
                | Baseline::GreedySelection
                | Baseline::Nnls
                | Baseline::Average4
        )
    }

    /// Learns from the labeled instances of `data`, weighted by its sample weights.
    ///
    /// # Errors
    /// Unless [`needs_labels`](Self::needs_labels) is false: [`Error::NoLabels`], [`Error::SingleClass`],
    /// [`Error::AllWeightsZero`].
    pub fn fit(self, data: &EnsembleData) -> Result<FittedBaseline> {
        let means = training_means(data);
        // These four take nothing from the data but the means for gaps, so a table without labels will do.
        if !self.needs_labels() {
            let rule = match self {
                Baseline::Median => Rule::Median,
                Baseline::LogitMean => Rule::LogitMean,
                Baseline::RankAverage => Rule::RankAverage,
                _ => Rule::Weighted(vec![1.0 / data.n_classifiers() as f64; data.n_classifiers()]),
            };
            return Ok(FittedBaseline { baseline: self, means, rule });
        }
        let training = Training::new(data, &means)?;
        let rule = training.learn(self)?;
        Ok(FittedBaseline { baseline: self, means, rule })
    }
}

/// The labeled part, without gaps.
struct Training<'a> {
    data: &'a EnsembleData,
    /// m x labeled.
    predictions: Array2<f64>,
    labels: Vec<bool>,
    /// Sample weights over their unit.
    weights: Vec<f64>,
    /// The unit: penalties stand against the sum of the weights, which a common factor must not move.
    unit: f64,
    /// Of each classifier (m).
    means: &'a [f64],
}

impl<'a> Training<'a> {
    fn new(data: &'a EnsembleData, means: &'a [f64]) -> Result<Self> {
        if data.labeled().is_empty() {
            return Err(Error::NoLabels);
        }
        // Sample weights alone: the balanced class weights of `lr_bal` enter in its own fit.
        let given = instance_weights(data, ClassWeight::Uniform)?;
        let unit = weight_unit(given.iter().copied());
        let weights: Vec<f64> = given.into_iter().map(|a| a / unit).collect();
        let labels = data.labeled_targets();
        let counts =
            |class: bool| labels.iter().zip(&weights).filter(|(y, a)| **y == class && **a > 0.0).count();
        match (counts(false), counts(true)) {
            (n, 0) => return Err(Error::SingleClass { n, class: "negative" }),
            (0, n) => return Err(Error::SingleClass { n, class: "positive" }),
            _ => {}
        }
        let predictions = filled(data.predictions().select(Axis(1), data.labeled()).view(), means);
        Ok(Self { data, predictions, labels, weights, unit, means })
    }

    fn learn(&self, baseline: Baseline) -> Result<Rule> {
        let m = self.predictions.nrows();
        Ok(match baseline {
            Baseline::Nnls => Rule::Weighted(self.nnls()?),
            Baseline::NonNegativeLogistic => self.logistic(ClassWeight::Uniform, true)?,
            Baseline::LogisticBalanced => self.logistic(ClassWeight::Balanced, false)?,
            Baseline::Logistic => self.logistic(ClassWeight::Uniform, false)?,
            Baseline::GreedySelection => {
                let counts = select::greedy(&self.predictions, &self.labels, &self.weights, GREEDY_ROUNDS)?;
                Rule::Weighted(counts.iter().map(|&c| c as f64 / GREEDY_ROUNDS as f64).collect())
            }
            Baseline::Average4 => Rule::Average(
                [Baseline::Nnls, Baseline::NonNegativeLogistic, Baseline::Logistic, Baseline::Top5Mean]
                    .into_iter()
                    .map(|part| self.learn(part))
                    .collect::<Result<_>>()?,
            ),
            // Only the two selections by average precision are left; the label-free ones never come here.
            _ => {
                let k = if baseline == Baseline::Top5Mean { TOP.min(m) } else { 1 };
                let order = select::by_average_precision(&self.predictions, &self.labels, &self.weights)?;
                let mut weights = vec![0.0; m];
                order[..k].iter().for_each(|&u| weights[u] = 1.0 / k as f64);
                Rule::Weighted(weights)
            }
        })
    }

    /// argmin over w >= 0 of sum_i a_i (w . r_i - y_i)^2, scaled to sum 1; equal weights where that is w = 0.
    fn nnls(&self) -> Result<Vec<f64>> {
        let m = self.predictions.nrows();
        // The normal equations G = R A R^T (m x m) and b = R A y are all that the solver needs of the n
        // instances.
        let weighted = &self.predictions * &Array1::from_iter(self.weights.iter().copied());
        let gram = weighted.dot(&self.predictions.t());
        let y = Array1::from_iter(self.labels.iter().map(|&y| f64::from(u8::from(y))));
        let x = nnls(gram.view(), &weighted.dot(&y).to_vec())?.x;
        let sum: f64 = x.iter().sum();
        if !(sum > 0.0) {
            return Ok(vec![1.0 / m as f64; m]);
        }
        Ok(x.into_iter().map(|w| w / sum).collect())
    }

    fn logistic(&self, class_weight: ClassWeight, non_negative: bool) -> Result<Rule> {
        let mut weights = instance_weights(self.data, class_weight)?;
        weights.iter_mut().for_each(|a| *a /= self.unit);
        // Our loss divides the sum by sum_i a_i and scikit-learn's does not, so its C = 1 is
        // lambda = 1 / sum_i a_i.
        let lambda = 1.0 / weights.iter().sum::<f64>();
        let spec = LogisticRegression { lambda, non_negative, ..Default::default() };
        // As in the stored benchmark tables, only the non-negative variant works on log-odds.
        let log_odds = non_negative;
        let mut features = self.predictions.clone();
        if log_odds {
            for (mut row, &mean) in features.outer_iter_mut().zip(self.means) {
                let clip = clip_for(mean, LOGIT_CLIP);
                row.mapv_inplace(|p| logit(p, clip));
            }
        }
        let fit = spec.fit(features.view(), &self.labels, Some(&weights))?;
        Ok(Rule::Logistic { weights: fit.weights, bias: fit.bias, log_odds })
    }
}

/// Mean of each classifier over its predictions for labeled instances (m), by their sample weights; failing
/// those over all instances, failing that 0.5.
fn training_means(data: &EnsembleData) -> Vec<f64> {
    let weights = data.sample_weights().map(weights_of_mean_one);
    let weight = |i: usize| weights.as_ref().map_or(1.0, |weights| weights[i]);
    let mean = |values: &mut dyn Iterator<Item = (f64, f64)>| {
        let observed = values.filter(|(p, _)| !p.is_nan());
        let (sum, total) = observed.fold((0.0, 0.0), |(sum, total), (p, w)| (sum + w * p, total + w));
        (total > 0.0).then(|| (sum / total).min(1.0))
    };
    data.predictions()
        .outer_iter()
        .map(|row| {
            // Instances without a label need no weight, so that those count alike.
            mean(&mut data.labeled().iter().map(|&i| (row[i], weight(i))))
                .or_else(|| mean(&mut row.iter().map(|&p| (p, 1.0))))
                .unwrap_or(0.5)
        })
        .collect()
}

/// Predictions with the gaps of classifier u at `means[u]`.
fn filled(predictions: ArrayView2<'_, f64>, means: &[f64]) -> Array2<f64> {
    let mut filled = predictions.to_owned();
    for (mut row, &mean) in filled.outer_iter_mut().zip(means) {
        row.iter_mut().filter(|v| v.is_nan()).for_each(|v| *v = mean);
    }
    filled
}
