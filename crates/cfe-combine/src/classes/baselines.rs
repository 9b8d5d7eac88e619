//! Simple combiners of K classes that are not one binary problem for each class.

use cfe_core::classes::{ClassData, ClassPredictions, normalize};
use cfe_core::multinomial::{FittedMultinomial, Multinomial};
use cfe_core::validation::Folds;
use cfe_core::{Error, Result, weights_of_mean_one};
use ndarray::{Array2, Array3, Axis};

use crate::baselines::{GREEDY_ROUNDS, LOGIT_CLIP};

/// A way of combining K classes without CF-Ensemble. One-vs-rest of the binary baselines is
/// [`fit_baseline`](super::fit_baseline).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClassBaseline {
    /// The mean distribution.
    SoftVoting,
    /// Softmax regression on the probabilities of all classifiers and classes, C = 1 (Wolpert, 1992; what
    /// scikit-learn's `StackingClassifier` fits).
    Stacking,
    /// The same on log-probabilities, clipped to 1e-4.
    StackingLog,
    /// Mean of 50 picks with replacement, each the classifier that lowers the log loss most (Caruana,
    /// Niculescu-Mizil, Crew and Ksikes, ICML 2004).
    GreedySelection,
}

/// A [`ClassBaseline`] with what it learned.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedClassBaseline {
    baseline: ClassBaseline,
    /// Mean distribution of each classifier (m x K), for gaps.
    means: Array2<f64>,
    rule: Rule,
}

#[derive(Debug, Clone, PartialEq)]
enum Rule {
    Vote,
    /// Weights of the classifiers (m), sum 1.
    Weighted(Vec<f64>),
    Softmax(FittedMultinomial),
}

impl ClassBaseline {
    /// Every one.
    pub const ALL: [ClassBaseline; 4] = [
        ClassBaseline::SoftVoting,
        ClassBaseline::Stacking,
        ClassBaseline::StackingLog,
        ClassBaseline::GreedySelection,
    ];

    /// Name in tables.
    pub fn name(self) -> &'static str {
        match self {
            ClassBaseline::SoftVoting => "soft_voting",
            ClassBaseline::Stacking => "stacking",
            ClassBaseline::StackingLog => "stacking_log",
            ClassBaseline::GreedySelection => "greedy_selection",
        }
    }

    /// Whether it learns a weight for each classifier and class.
    pub fn is_stacking(self) -> bool {
        matches!(self, ClassBaseline::Stacking | ClassBaseline::StackingLog)
    }

    /// Learns from the labeled rows, weighted by their sample weights over the mean of these.
    ///
    /// # Errors
    /// [`Error::NoLabels`], and what [`Multinomial::fit`] refuses.
    pub fn fit(self, data: &ClassData) -> Result<FittedClassBaseline> {
        if data.labeled().is_empty() {
            return Err(Error::NoLabels);
        }
        let labeled = data.predictions().select_instances(data.labeled())?;
        let labels = data.labeled_targets();
        // The penalty of stacking stands against the sum of the weights, which therefore have a mean of 1:
        // weights have no unit.
        let weights = weights_of_mean_one(&data.labeled_weights());
        let means = means(&labeled, &weights);
        let rule = match self {
            ClassBaseline::SoftVoting => Rule::Vote,
            ClassBaseline::GreedySelection => {
                Rule::Weighted(greedy(&filled(&labeled, &means), &labels, &weights))
            }
            ClassBaseline::Stacking | ClassBaseline::StackingLog => {
                let features = self.features(&labeled, &means);
                let classes = labeled.n_classes();
                Rule::Softmax(Multinomial::default().fit(features.view(), classes, &labels, &weights)?)
            }
        };
        Ok(FittedClassBaseline { baseline: self, means, rule })
    }

    /// Soft voting needs no labels.
    pub(super) fn fit_unlabeled(self, predictions: &ClassPredictions) -> FittedClassBaseline {
        let weights = vec![1.0; predictions.n_instances()];
        FittedClassBaseline { baseline: self, means: means(predictions, &weights), rule: Rule::Vote }
    }

    /// Distributions of the labeled rows (labeled x K), each from a fit without the row's fold; NaN for rows
    /// that no fold holds out.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn cross_validated(self, data: &ClassData, folds: &Folds) -> Result<Array2<f64>> {
        let labeled = data.predictions().select_instances(data.labeled())?;
        let labels = data.labeled_targets();
        let weights = data.labeled_weights();
        let mut out = Array2::from_elem((labels.len(), labeled.n_classes()), f64::NAN);
        for fold in 0..folds.n_splits() {
            let (rest, held) = (folds.train(fold), folds.test(fold));
            // A first block in time has nothing to learn from, and its rows stay NaN.
            if rest.is_empty() || held.is_empty() {
                continue;
            }
            let part = ClassData::new(
                labeled.select_instances(&rest)?,
                rest.iter().map(|&p| Some(labels[p])).collect(),
            )?
            .with_sample_weights(rest.iter().map(|&p| weights[p]).collect())?;
            let p = self.fit(&part)?.predict(&labeled.select_instances(&held)?)?;
            held.iter().zip(p.rows()).for_each(|(&at, row)| out.row_mut(at).assign(&row));
        }
        Ok(out)
    }

    /// One row for each classifier and class (m K x n).
    fn features(self, predictions: &ClassPredictions, means: &Array2<f64>) -> Array2<f64> {
        let values = filled(predictions, means);
        let (m, n, k) = values.dim();
        Array2::from_shape_fn((m * k, n), |(j, i)| {
            let p = values[(j / k, i, j % k)];
            if self == ClassBaseline::StackingLog { p.max(LOGIT_CLIP).ln() } else { p }
        })
    }
}

impl FittedClassBaseline {
    /// Which baseline this is.
    pub fn baseline(&self) -> ClassBaseline {
        self.baseline
    }

    /// Distributions (n x K) of predictions of the same classifiers and classes, in the same order.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`].
    pub fn predict(&self, predictions: &ClassPredictions) -> Result<Array2<f64>> {
        let (found, expected) = ((predictions.n_classifiers(), predictions.n_classes()), self.means.dim());
        if found != expected {
            return Err(Error::ShapeMismatch { what: "classifiers and classes", found, expected });
        }
        let (n, k) = (predictions.n_instances(), predictions.n_classes());
        match &self.rule {
            Rule::Vote => {
                let rows: Vec<f64> = (0..n).flat_map(|i| predictions.soft_vote(i)).collect();
                Ok(Array2::from_shape_vec((n, k), rows).expect("a vote has K entries"))
            }
            Rule::Weighted(weights) => Ok(weighted(&filled(predictions, &self.means), weights)),
            Rule::Softmax(fitted) => fitted.predict(self.baseline.features(predictions, &self.means).view()),
        }
    }
}

/// Mean distribution of each classifier (m x K) over instances with weights (n); equal shares without any
/// prediction.
fn means(predictions: &ClassPredictions, weights: &[f64]) -> Array2<f64> {
    let (m, k) = (predictions.n_classifiers(), predictions.n_classes());
    let mut means = Array2::zeros((m, k));
    for (u, rows) in predictions.values().outer_iter().enumerate() {
        let mut sums = vec![0.0; k];
        for (row, w) in rows.outer_iter().zip(weights) {
            row.iter().zip(&mut sums).filter(|(p, _)| !p.is_nan()).for_each(|(p, sum)| *sum += w * p);
        }
        normalize(&mut sums);
        means.row_mut(u).iter_mut().zip(sums).for_each(|(to, mean)| *to = mean);
    }
    means
}

/// The values with gaps at the mean of their classifier, and classes that it never heard of at 0.
fn filled(predictions: &ClassPredictions, means: &Array2<f64>) -> Array3<f64> {
    let mut values = predictions.values().to_owned();
    for (u, mut rows) in values.outer_iter_mut().enumerate() {
        for mut row in rows.outer_iter_mut() {
            // A classifier gives all of its classes or none: a gap beside numbers is a class it never heard
            // of.
            let missing = row.iter().all(|p| p.is_nan());
            row.iter_mut().zip(means.row(u)).filter(|(p, _)| p.is_nan()).for_each(|(p, mean)| {
                *p = if missing { *mean } else { 0.0 };
            });
        }
    }
    values
}

/// Weighted means of the classifiers (n x K).
fn weighted(values: &Array3<f64>, weights: &[f64]) -> Array2<f64> {
    let (_, n, k) = values.dim();
    let mut out = Array2::zeros((n, k));
    for (rows, &w) in values.axis_iter(Axis(0)).zip(weights).filter(|(_, w)| **w > 0.0) {
        out.zip_mut_with(&rows, |to, p| *to += w * p);
    }
    out.rows_mut()
        .into_iter()
        .for_each(|mut row| normalize(row.as_slice_mut().expect("rows of a new matrix")));
    out
}

/// How often each classifier is picked, over the number of picks.
fn greedy(values: &Array3<f64>, labels: &[usize], a: &[f64]) -> Vec<f64> {
    let (m, n, _) = values.dim();
    // Log loss needs the probability of the true class alone.
    let of_truth: Vec<Vec<f64>> =
        (0..m).map(|u| (0..n).map(|i| values[(u, i, labels[i])]).collect()).collect();
    let mut sum = vec![0.0; n];
    let mut picks = vec![0.0; m];
    for round in 0..GREEDY_ROUNDS {
        let size = (round + 1) as f64;
        // The loss if `u` were picked next. A pick is never undone, and a classifier may be picked again.
        let loss = |u: usize| -> f64 {
            let each = sum.iter().zip(&of_truth[u]).zip(a);
            each.map(|((s, p), a)| -a * ((s + p) / size).clamp(f64::EPSILON, 1.0).ln()).sum()
        };
        let losses: Vec<f64> = (0..m).map(loss).collect();
        // Of equal losses the first classifier, whatever the round.
        let best = (1..m).fold(0, |best, u| if losses[u] < losses[best] { u } else { best });
        picks[best] += 1.0;
        sum.iter_mut().zip(&of_truth[best]).for_each(|(s, p)| *s += p);
    }
    picks.iter().map(|count| count / GREEDY_ROUNDS as f64).collect()
}
