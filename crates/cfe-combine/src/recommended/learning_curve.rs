//! Whether more labels, or more classifiers, would help.

use cfe_core::validation::{Folds, Interval, StratifiedKFold};
use cfe_core::{EnsembleData, Result};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha12Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::alone::Alone;
use super::{FittedRecommended, Recommended};
use crate::pipeline::{Stage, Watch};

/// Parts that the labels are dealt into, one after the other: halves and quarters.
const PARTS: [usize; 2] = [2, 4];
/// Labeled instances of the rarer class that each part needs.
const FEWEST: usize = 10;
/// Classifiers that can be halved.
const FEWEST_CLASSIFIERS: usize = 4;

/// What more of something has brought so far, from [`Recommended::learning_curve`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LearningCurve {
    /// Of the labels, the largest share first; empty where a class has too few.
    pub labels: Vec<CurvePoint>,
    /// Of the classifiers; empty with fewer than 4.
    pub classifiers: Vec<CurvePoint>,
}

impl LearningCurve {
    /// Whether there were too few labels to tell anything.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.classifiers.is_empty()
    }
}

/// What all of something has brought over a part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CurvePoint {
    /// How many labeled instances, or classifiers, the part holds: the smallest of the parts.
    pub count: usize,
    /// Cross-validated average precision with all of them less that with the part, with its bootstrap
    /// interval; positive where more has helped.
    pub average_precision_gained: Interval,
}

impl Recommended {
    /// Fits again with halves and quarters of the labels, and with halves of the classifiers, and compares
    /// cross-validated average precision.
    ///
    /// The labeled instances are dealt into disjoint parts, stratified by class; each part is cross-validated
    /// by itself, so that every instance is scored once for each share. The average precision of a share is
    /// the mean over its parts, and that of all labels is measured on the same parts. Halves of the
    /// classifiers are drawn at random; one half scores one half of the instances, the other half the others.
    ///
    /// As in [`leave_one_out`](Self::leave_one_out), the one member is asked that weighs all classifiers and
    /// has the smallest cross-validated log loss, on at most 20,000 labeled instances, sample weights count
    /// in fits and average precision alike, and `folds` are those of
    /// [`fit_with_folds`](Self::fit_with_folds). A share is left out where a part would have fewer than 10
    /// labeled instances of a class, or a fold without both classes beside it.
    ///
    /// ```
    /// use cf_ensemble::recommended::Recommended;
    /// use cf_ensemble::synthetic::Separable;
    ///
    /// let data = Separable::default().generate(1)?.data;
    /// let combiner = Recommended::default();
    /// let fitted = combiner.fit(&data)?;
    /// let curve = combiner.learning_curve(&data, &fitted, None)?;
    /// for point in &curve.labels {
    ///     let gained = point.average_precision_gained;
    ///     println!("from {} labels to all: {:+.3}", point.count, gained.estimate);
    /// }
    /// # Ok::<(), cf_ensemble::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit_with_folds`](Self::fit_with_folds).
    pub fn learning_curve(
        &self,
        data: &EnsembleData,
        fitted: &FittedRecommended,
        folds: Option<&[usize]>,
    ) -> Result<LearningCurve> {
        self.learning_curve_watched(data, fitted, folds, &())
    }

    /// As [`learning_curve`](Self::learning_curve), watched: a step for each fit, and a stop is asked for
    /// before every Newton step.
    ///
    /// # Errors
    /// As [`learning_curve`](Self::learning_curve), and [`Error::Stopped`](cfe_core::Error::Stopped).
    pub fn learning_curve_watched(
        &self,
        data: &EnsembleData,
        fitted: &FittedRecommended,
        folds: Option<&[usize]>,
        watch: &dyn Watch,
    ) -> Result<LearningCurve> {
        let Some(alone) = Alone::new(&self.spec, data, fitted, folds)? else {
            return Ok(LearningCurve { labels: Vec::new(), classifiers: Vec::new() });
        };
        let (n, m) = (alone.labels.len(), alone.data.n_classifiers());
        // Each share needs enough of the rarer class in each of its parts, or its average precision is
        // chance.
        let dealt: Vec<Folds> = PARTS
            .iter()
            .filter(|&&parts| smaller_class(&alone.labels) >= parts * FEWEST)
            .map(|&n_splits| StratifiedKFold { n_splits, seed: self.spec.seed }.assign(&alone.labels))
            .collect::<Result<_>>()?;
        // Too few for halves are too few for half of the classifiers on half of the instances, too.
        let halves = dealt.first().filter(|_| m >= FEWEST_CLASSIFIERS);
        let learnable: Vec<&Folds> = dealt.iter().filter(|parts| alone.learnable(parts)).collect();
        if learnable.is_empty() && halves.is_none() {
            return Ok(LearningCurve { labels: Vec::new(), classifiers: Vec::new() });
        }
        let steps =
            1 + 2 * usize::from(halves.is_some()) + learnable.iter().map(|p| p.n_splits()).sum::<usize>();
        // From here on the cost is known: all labels once, each part of the labels, and two halves of
        // classifiers.
        let stage = Stage::start(watch, "Asking what more labels would bring", Some(steps as u64));
        let everyone: Vec<usize> = (0..m).collect();
        let all: Vec<usize> = (0..n).collect();
        let held_out = |instances: &[usize], classifiers: &[usize]| -> Result<Vec<f64>> {
            let logits = alone.held_out(instances, classifiers, watch)?;
            stage.step();
            Ok(logits)
        };
        let whole = held_out(&all, &everyone)?;

        let weights = alone.data.sample_weights();
        let gained = |parts: &Folds, scores: &[f64]| -> Result<Interval> {
            // Part and whole are compared on the same instances of each part, and so the interval is paired.
            let both: [&[f64]; 2] = [&whole, scores];
            alone
                .bootstrap()
                .average_precision_by_fold_weighted(&alone.labels, weights, parts, &both)?
                .difference(0, 1)
        };
        let mut labels = Vec::new();
        // Labels: a part is cross-validated alone, and every instance has one score for each share.
        for parts in learnable {
            let tests: Vec<Vec<usize>> = (0..parts.n_splits()).map(|part| parts.test(part)).collect();
            let of_part = |rows: &Vec<usize>| held_out(rows, &everyone);
            let logits: Vec<Vec<f64>> = tests.par_iter().map(of_part).collect::<Result<_>>()?;
            let mut scores = vec![0.0; n];
            for (rows, logits) in tests.iter().zip(logits) {
                rows.iter().zip(logits).for_each(|(&i, z)| scores[i] = z);
            }
            let count = tests.iter().map(Vec::len).min().expect("there are two parts or more");
            labels.push(CurvePoint { count, average_precision_gained: gained(parts, &scores)? });
        }
        let mut classifiers = Vec::new();
        if let Some(parts) = halves {
            // Classifiers: each half scores the instances of one part, so that no instance has two scores.
            let mut drawn = everyone;
            drawn.shuffle(&mut ChaCha12Rng::seed_from_u64(self.spec.seed));
            let (one, other) = drawn.split_at(m / 2);
            let of_half = |half: &&[usize]| held_out(&all, &sorted(half));
            let logits: Vec<Vec<f64>> = [one, other].par_iter().map(of_half).collect::<Result<_>>()?;
            let scores: Vec<f64> = (0..n).map(|i| logits[parts.as_slice()[i]][i]).collect();
            classifiers
                .push(CurvePoint { count: one.len(), average_precision_gained: gained(parts, &scores)? });
        }
        Ok(LearningCurve { labels, classifiers })
    }
}

impl Alone {
    /// Whether every part of the instances can be cross-validated: each of its folds leaves both classes.
    fn learnable(&self, parts: &Folds) -> bool {
        (0..parts.n_splits()).all(|part| {
            let rows = parts.test(part);
            let has = |fold: usize, class: bool| {
                rows.iter().any(|&i| self.folds[i] != fold && self.labels[i] == class)
            };
            rows.iter().all(|&i| has(self.folds[i], true) && has(self.folds[i], false))
        })
    }
}

fn smaller_class(labels: &[bool]) -> usize {
    let positives = labels.iter().filter(|&&y| y).count();
    positives.min(labels.len() - positives)
}

fn sorted(list: &[usize]) -> Vec<usize> {
    let mut sorted = list.to_vec();
    sorted.sort_unstable();
    sorted
}
