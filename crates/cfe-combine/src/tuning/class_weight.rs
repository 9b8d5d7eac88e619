//! Class weights chosen by cross-validation instead of by formula.

use cfe_core::metrics::Scored;
use cfe_core::stats::moments::mean;
use cfe_core::validation::StratifiedKFold;
use cfe_core::{ClassWeight, EnsembleData, Error, Result, Trainer, ensure, is_positive};
use serde::{Deserialize, Serialize};

use super::Metric;
use crate::cross_validation::hide_labels;

/// A search for the weight of the positive class.
///
/// The candidates are multiples of the balanced weight: a negative instance counts N / (2 N_0), a positive
/// one `factor` N / (2 N_1). For each fold the labels of its instances are hidden, the trainer is fitted to
/// all instances (it is transductive) and the hidden ones are judged. Costs factors x folds fits.
///
/// ```
/// use cf_ensemble::tuning::ClassWeightSearch;
/// # use cf_ensemble::{EnsembleData, Fitted, Observer, Result, Parameters, Trainer, ClassWeight};
/// # fn search(data: &EnsembleData, build: &dyn Fn(ClassWeight) -> Result<Box<dyn Trainer>>) -> Result<()> {
/// let search = ClassWeightSearch { factors: vec![0.5, 1.0, 2.0], ..Default::default() };
/// let found = search.run(data, build)?;
/// let trainer = build(found.class_weight)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClassWeightSearch {
    /// Multiples of the balanced weight of the positives, each positive and finite; at least one.
    pub factors: Vec<f64>,
    /// What is compared.
    pub metric: Metric,
    /// Folds over the labeled instances.
    pub folds: StratifiedKFold,
}

impl Default for ClassWeightSearch {
    /// 1/4, 1/2, 1, 2, 4 by average precision in 5 folds.
    fn default() -> Self {
        Self {
            factors: vec![0.25, 0.5, 1.0, 2.0, 4.0],
            metric: Metric::default(),
            folds: StratifiedKFold::default(),
        }
    }
}

/// One candidate with its score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ScoredClassWeight {
    /// Multiple of the balanced weight.
    pub factor: f64,
    /// Mean over the folds that hold out both classes.
    pub score: f64,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClassWeightChoice {
    /// The best candidate; of equal ones that nearest to balanced weights.
    pub class_weight: ClassWeight,
    /// Its factor.
    pub factor: f64,
    /// Every candidate, in the order of the factors given.
    pub candidates: Vec<ScoredClassWeight>,
}

impl ClassWeightSearch {
    /// Runs the search with trainers from `build`.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for no factors, factors out of range or folds that do not fit;
    /// [`Error::NoLabels`]; [`Error::SingleClass`] if no fold holds out both classes; whatever building or
    /// training fails with.
    pub fn run(
        &self,
        data: &EnsembleData,
        build: &dyn Fn(ClassWeight) -> Result<Box<dyn Trainer>>,
    ) -> Result<ClassWeightChoice> {
        ensure(!self.factors.is_empty(), "factors", "[]", "at least one is needed")?;
        for &factor in &self.factors {
            ensure(is_positive(factor), "factors", factor, "factors are positive and finite")?;
        }
        if data.labeled().is_empty() {
            return Err(Error::NoLabels);
        }
        let folds = self.held_out(data)?;
        let mut candidates = Vec::with_capacity(self.factors.len());
        for &factor in &self.factors {
            let trainer = build(weighted_by(factor, data))?;
            let scores: Vec<f64> =
                folds.iter().map(|fold| self.score(trainer.as_ref(), data, fold)).collect::<Result<_>>()?;
            candidates.push(ScoredClassWeight { factor, score: mean(&scores) });
        }
        // Larger is better, whatever the metric.
        let value = |c: &ScoredClassWeight| self.metric.sign() * c.score;
        let distance = |c: &ScoredClassWeight| c.factor.ln().abs();
        let better = |a: &&ScoredClassWeight, b: &&ScoredClassWeight| {
            value(a).total_cmp(&value(b)).then(distance(b).total_cmp(&distance(a)))
        };
        let factor = candidates.iter().max_by(better).expect("there is a candidate for each factor").factor;
        Ok(ClassWeightChoice { class_weight: weighted_by(factor, data), factor, candidates })
    }

    /// Instances of the folds that hold out both classes.
    fn held_out(&self, data: &EnsembleData) -> Result<Vec<Vec<usize>>> {
        let targets = data.labeled_targets();
        let assigned = self.folds.assign(&targets)?;
        let holds_both =
            |fold: &Vec<usize>| [true, false].iter().all(|y| fold.iter().any(|&k| targets[k] == *y));
        let folds: Vec<Vec<usize>> = (0..assigned.n_splits())
            .map(|fold| assigned.test(fold))
            .filter(holds_both)
            .map(|fold| fold.into_iter().map(|k| data.labeled()[k]).collect())
            .collect();
        if folds.is_empty() {
            let class = if targets.iter().any(|&y| y) { "positive" } else { "negative" };
            return Err(Error::SingleClass { n: targets.len(), class });
        }
        Ok(folds)
    }

    fn score(&self, trainer: &dyn Trainer, data: &EnsembleData, held_out: &[usize]) -> Result<f64> {
        let hidden = hide_labels(data, held_out)?;
        // The factors of the held-out instances are those of this fit, which saw their predictions and not
        // their labels.
        let predictions = trainer.fit(&hidden)?.model.predict_training(&hidden)?;
        let scores = match self.metric {
            Metric::AveragePrecision => &predictions.logits,
            Metric::LogLoss => &predictions.probabilities,
        };
        let held_out_of = |values: &[f64]| held_out.iter().map(|&i| values[i]).collect::<Vec<f64>>();
        let labels: Vec<bool> = held_out.iter().map(|&i| data.labels()[i] == Some(true)).collect();
        let scored = match data.sample_weights() {
            Some(weights) => Scored::weighted(&labels, &held_out_of(scores), &held_out_of(weights))?,
            None => Scored::new(&labels, &held_out_of(scores))?,
        };
        Ok(match self.metric {
            Metric::AveragePrecision => scored.ranking().average_precision(),
            Metric::LogLoss => scored.log_loss(),
        })
    }
}

/// Balanced weights of all labeled instances, that of the positives times `factor`.
fn weighted_by(factor: f64, data: &EnsembleData) -> ClassWeight {
    let (negatives, positives) = data.class_totals();
    let (negative, positive) = ClassWeight::Balanced.per_class(negatives, positives);
    ClassWeight::Given { negative, positive: factor * positive }
}
