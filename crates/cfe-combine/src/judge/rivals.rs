//! The simple combiners, scored on the same rows and as honestly as the combined prediction.

use cfe_core::validation::Folds;
use cfe_core::{ClassWeight, EnsembleData, Result, instance_weights};
use ndarray::Axis;
use rayon::prelude::*;

use super::metrics::Scores;
use crate::baselines::{Baseline, FittedBaseline};
use crate::recommended::keys::row_keys;
use crate::recommended::{RecommendedSpec, sample as sampling};

/// Simple combiners, fitted.
pub(crate) struct Rivals {
    /// On all labeled rows.
    fitted: Vec<FittedBaseline>,
    /// Scores of the labeled rows, each from a fit without the row's fold; one list for each of `fitted`.
    held_out: Option<Vec<Vec<f64>>>,
}

impl Rivals {
    /// Fits every baseline, and without each fold of the labeled rows.
    pub(crate) fn fit(data: &EnsembleData, folds: Option<&Folds>, done: &(dyn Fn() + Sync)) -> Result<Self> {
        let baselines = Baseline::ALL;
        let sampled = sample(data)?;
        let fitted = |b: &Baseline| b.fit(if b.needs_labels() { &sampled } else { data });
        let fitted: Vec<FittedBaseline> = baselines.par_iter().map(fitted).collect::<Result<_>>()?;
        done();
        let Some(folds) = folds else { return Ok(Self { fitted, held_out: None }) };
        let labeled = data.select_instances(data.labeled())?;
        let mut held_out: Vec<Vec<f64>> = vec![vec![0.0; labeled.n_instances()]; baselines.len()];
        for fold in 0..folds.n_splits() {
            let (rest, held) = (sample(&labeled.select_instances(&folds.train(fold))?)?, folds.test(fold));
            let r = labeled.predictions().select(Axis(1), &held);
            let scores: Vec<Vec<f64>> = baselines
                .par_iter()
                .map(|b| if b.needs_labels() { b.fit(&rest)?.predict(r.view()) } else { Ok(Vec::new()) })
                .collect::<Result<_>>()?;
            for (all, scores) in held_out.iter_mut().zip(scores) {
                held.iter().zip(scores).for_each(|(&p, score)| all[p] = score);
            }
            done();
        }
        // What learns nothing has nothing to hold out; ranks are taken among all rows, not within a fold.
        for ((all, baseline), fitted) in held_out.iter_mut().zip(&baselines).zip(&fitted) {
            if !baseline.needs_labels() {
                *all = fitted.predict(labeled.predictions())?;
            }
        }
        Ok(Self { fitted, held_out: Some(held_out) })
    }

    /// Those that need no labels.
    pub(crate) fn without_labels(data: &EnsembleData) -> Result<Self> {
        let baselines = Baseline::ALL.into_iter().filter(|b| !b.needs_labels());
        Ok(Self { fitted: baselines.map(|b| b.fit(data)).collect::<Result<_>>()?, held_out: None })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.fitted.len()
    }

    /// Cross-validated scores of the labeled rows.
    pub(crate) fn held_out(&self) -> Vec<Scores> {
        let Some(held_out) = &self.held_out else { return Vec::new() };
        self.fitted.iter().zip(held_out).map(|(f, scores)| of(f, scores.clone())).collect()
    }

    /// Scores of other rows.
    pub(crate) fn scores(&self, data: &EnsembleData, rows: &[usize]) -> Result<Vec<Scores>> {
        let r = data.predictions().select(Axis(1), rows);
        self.fitted.par_iter().map(|f| Ok(of(f, f.predict(r.view())?))).collect()
    }
}

/// As many labeled instances as the recommended combiner learns from.
fn sample(data: &EnsembleData) -> Result<EnsembleData> {
    let RecommendedSpec { max_instances, seed, .. } = RecommendedSpec::default();
    let labels = data.labeled_targets();
    let weights = instance_weights(data, ClassWeight::Uniform)?;
    let keys = row_keys(data, data.labeled(), seed);
    let Some(drawn) = sampling::sample(&labels, &weights, &keys, max_instances) else {
        return Ok(data.clone());
    };
    let rows: Vec<usize> = drawn.places.iter().map(|&p| data.labeled()[p]).collect();
    data.select_instances(&rows)?.with_sample_weights(drawn.weights)
}

fn of(fitted: &FittedBaseline, scores: Vec<f64>) -> Scores {
    let probabilities = fitted.is_probability().then(|| scores.clone());
    Scores { name: fitted.baseline().name().to_owned(), ranking: scores, probabilities }
}
