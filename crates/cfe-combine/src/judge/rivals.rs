//! The simple combiners, scored on the same rows and as honestly as the combined prediction.

use cfe_core::validation::Folds;
use cfe_core::{ClassWeight, EnsembleData, Result, instance_weights};
use ndarray::Axis;
use rayon::prelude::*;

use super::scores::MethodScores;
use crate::baselines::{Baseline, FittedBaseline};
use crate::recommended::keys::row_keys;
use crate::recommended::{RecommendedSpec, sample as sampling};

/// Classifiers up to which simple combiners are fitted that solve for a weight of each: their time grows with
/// the cube.
pub(crate) const MOST_SOLVED: usize = 400;

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
        let affordable = |b: &Baseline| data.n_classifiers() <= MOST_SOLVED || !b.solves_for_weights();
        let baselines: Vec<Baseline> = Baseline::ALL.into_iter().filter(affordable).collect();
        let sampled = sample(data)?;
        let fitted = |b: &Baseline| b.fit(if b.needs_labels() { &sampled } else { data });
        let fitted: Vec<FittedBaseline> = baselines.par_iter().map(fitted).collect::<Result<_>>()?;
        done();
        let Some(folds) = folds else { return Ok(Self { fitted, held_out: None }) };
        let labeled = data.select_instances(data.labeled())?;
        let mut held_out: Vec<Vec<f64>> = vec![vec![0.0; labeled.n_instances()]; baselines.len()];
        for fold in 0..folds.n_splits() {
            // The rows of the fold are left out altogether: no baseline learns from rows without a label.
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
    pub(crate) fn held_out(&self) -> Vec<MethodScores> {
        let Some(held_out) = &self.held_out else { return Vec::new() };
        self.fitted.iter().zip(held_out).map(|(f, scores)| of(f, scores.clone())).collect()
    }

    /// Scores of other rows.
    pub(crate) fn scores(&self, data: &EnsembleData, rows: &[usize]) -> Result<Vec<MethodScores>> {
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

fn of(fitted: &FittedBaseline, scores: Vec<f64>) -> MethodScores {
    let probabilities = fitted.is_probability().then(|| scores.clone());
    MethodScores {
        name: fitted.baseline().name().to_owned(),
        ranking: scores,
        probabilities,
        one_scale: !fitted.baseline().picks_classifiers(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use cfe_core::validation::Folds;
    use ndarray::Array2;
    use serde_json::Value;

    use super::*;
    use crate::judge::{JudgedRows, measure};

    /// The train rows of a table among the test data.
    fn train_rows(file: &str) -> EnsembleData {
        let file = std::fs::File::open(format!("../../tests/data/{file}")).expect("test data");
        let mut text = String::new();
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("text");
        let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let header = lines.next().expect("a header");
        let place = |name: &str| header.iter().position(|&column| column == name);
        let (label, split) = (place("label").expect("labels"), place("split"));
        let rows: Vec<Vec<&str>> = lines.filter(|row| split.is_none_or(|s| row[s] == "train")).collect();
        let other = ["label", "split", "instance_id"];
        let columns: Vec<usize> = (0..header.len()).filter(|&k| !other.contains(&header[k])).collect();
        let r = Array2::from_shape_fn((columns.len(), rows.len()), |(u, i)| {
            rows[i][columns[u]].parse::<f64>().expect("a number")
        });
        EnsembleData::new(r, rows.iter().map(|row| Some(row[label] == "1")).collect()).expect("valid")
    }

    /// Every simple combiner against scikit-learn (tests/reference/baselines.py), with its folds.
    #[test]
    fn cross_validated_rows_are_those_of_scikit_learn() {
        let reference = include_str!("../../../../tests/reference/baselines.json");
        let reference: Value = serde_json::from_str(reference).expect("JSON");
        for table in reference["tables"].as_array().expect("a list") {
            let file = table["file"].as_str().expect("a name");
            let data = train_rows(file);
            let folds = table["folds"].as_array().expect("a list").iter();
            let folds = folds.map(|f| f.as_u64().expect("a fold") as usize).collect();
            let folds = Folds::new(folds, 5).expect("five folds");
            let rivals = Rivals::fit(&data, Some(&folds), &|| ()).expect("fits");
            let labels = JudgedRows::from(&data.labeled_targets()[..]);
            let part = measure("train", Some(&folds), &labels, rivals.held_out(), None, 0, &|| ());
            let methods = part.expect("measured").methods;
            assert_eq!(methods.len(), Baseline::ALL.len());
            for method in methods {
                let expected = &table["methods"][&method.name];
                for (name, found) in [
                    ("average_precision", method.metrics.average_precision),
                    ("roc_auc", method.metrics.roc_auc),
                    ("log_loss", method.metrics.log_loss),
                    ("brier", method.metrics.brier),
                ] {
                    let expected = expected[name].as_f64();
                    let off = expected.zip(found).map_or(0.0, |(a, b)| (a - b).abs());
                    let same = expected.is_some() == found.is_some() && off < 1e-6;
                    assert!(same, "{file}, {}, {name}: {found:?} is not {expected:?}", method.name);
                }
                let picks = ["best_single", "top5_mean", "greedy_es", "nnls", "avg4"];
                assert_eq!(method.metrics.best_f1.is_none(), picks.contains(&method.name.as_str()));
            }
        }
    }
}
