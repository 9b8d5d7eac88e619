//! Cells taken away by a rule, to see what gaps cost and what they tell.

use cf_ensemble::metrics::Scored;
use cf_ensemble::{EnsembleData, Result};
use clap::ValueEnum;
use ndarray::ArrayView1;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;
use serde::Serialize;

/// Share of the rows, or of the cells of a classifier, that a rule takes.
const SHARE: f64 = 0.3;
/// Classifiers that `BestFive` takes.
const BEST: usize = 5;
/// Groups of rows in `Blocks`.
const GROUPS: usize = 4;

/// Which predictions are taken away, of labeled and of scored rows alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Missing {
    /// None.
    None,
    /// 30% of the cells, at random.
    #[value(name = "random_30")]
    #[serde(rename = "random_30")]
    Random30,
    /// 60% of the cells, at random.
    #[value(name = "random_60")]
    #[serde(rename = "random_60")]
    Random60,
    /// The five classifiers of the largest average precision on the labeled rows, for 30% of the rows.
    BestFive,
    /// Each of four random groups of rows lacks a random half of the classifiers.
    Blocks,
    /// The 30% of the predictions of each classifier that are nearest to one half.
    Unsure,
}

impl Missing {
    /// Name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Missing::None => "none",
            Missing::Random30 => "random_30",
            Missing::Random60 => "random_60",
            Missing::BestFive => "best_five",
            Missing::Blocks => "blocks",
            Missing::Unsure => "unsure",
        }
    }

    /// What is missing, in a few words.
    pub fn description(self) -> &'static str {
        match self {
            Missing::None => "nothing",
            Missing::Random30 => "30% of the cells, at random",
            Missing::Random60 => "60% of the cells, at random",
            Missing::BestFive => "the five best classifiers, for 30% of the rows",
            Missing::Blocks => "half of the classifiers, another half for each of four groups of rows",
            Missing::Unsure => "the 30% of each classifier's predictions that are nearest to one half",
        }
    }

    /// The data without these cells; the same ones for the same seed.
    ///
    /// # Errors
    /// Data without labels, where the rule asks for the best classifiers.
    pub fn take(self, data: &EnsembleData, seed: u64) -> Result<EnsembleData> {
        // Each rule marks cells in one list, whatever it follows, and the cells are taken away at the end.
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let (m, n) = (data.n_classifiers(), data.n_instances());
        // A mark for each cell, row by row as the matrix lies: classifier u of instance i stands at u n + i.
        let mut gone = vec![false; m * n];
        let mut random = |share: f64| gone.iter_mut().for_each(|gone| *gone = rng.random_bool(share));
        match self {
            Missing::None => {}
            Missing::Random30 => random(SHARE),
            Missing::Random60 => random(2.0 * SHARE),
            Missing::BestFive => {
                let best = best_classifiers(data)?;
                for i in (0..n).filter(|_| rng.random_bool(SHARE)) {
                    best.iter().for_each(|&u| gone[u * n + i] = true);
                }
            }
            Missing::Blocks => {
                let lacking: Vec<Vec<usize>> = (0..GROUPS)
                    .map(|_| {
                        let mut order: Vec<usize> = (0..m).collect();
                        order.shuffle(&mut rng);
                        order.truncate(m / 2);
                        order
                    })
                    .collect();
                for i in 0..n {
                    lacking[rng.random_range(0..GROUPS)].iter().for_each(|&u| gone[u * n + i] = true);
                }
            }
            Missing::Unsure => {
                for (row, gone) in data.predictions().outer_iter().zip(gone.chunks_mut(n.max(1))) {
                    let threshold = unsure_below(row);
                    row.iter().zip(gone).for_each(|(p, gone)| *gone = (p - 0.5).abs() < threshold);
                }
            }
        }
        let mut r = data.predictions().to_owned();
        r.iter_mut().zip(&gone).filter(|(_, gone)| **gone).for_each(|(p, _)| *p = f64::NAN);
        let names = data.classifier_names().to_vec();
        EnsembleData::new(r, data.labels().to_vec())?.with_classifier_names(names)
    }
}

/// The distance to one half below which 30% of the predictions of a classifier are; fewer where many are as
/// far as that.
fn unsure_below(row: ArrayView1<'_, f64>) -> f64 {
    let mut distances: Vec<f64> = row.iter().filter(|p| !p.is_nan()).map(|p| (p - 0.5).abs()).collect();
    distances.sort_by(f64::total_cmp);
    distances.get((SHARE * distances.len() as f64) as usize).copied().unwrap_or(0.0)
}

/// The five classifiers of the largest average precision on the labeled rows that they predict.
fn best_classifiers(data: &EnsembleData) -> Result<Vec<usize>> {
    let precision = |row: ArrayView1<'_, f64>| -> Result<f64> {
        let observed = data.labeled().iter().filter(|&&i| !row[i].is_nan());
        let (scores, labels): (Vec<f64>, Vec<bool>) =
            observed.map(|&i| (row[i], data.labels()[i] == Some(true))).unzip();
        // Without a positive row, or any, a classifier is not among the best.
        let some = labels.contains(&true);
        if some { Ok(Scored::new(&labels, &scores)?.ranking().average_precision()) } else { Ok(0.0) }
    };
    let precisions = data.predictions().outer_iter().map(precision).collect::<Result<Vec<f64>>>()?;
    let mut order: Vec<usize> = (0..precisions.len()).collect();
    order.sort_by(|&a, &b| precisions[b].total_cmp(&precisions[a]));
    order.truncate(BEST);
    Ok(order)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    /// Ten classifiers, of which the last five know something.
    fn data() -> EnsembleData {
        let r = Array2::from_shape_fn((10, 400), |(u, i)| {
            let noise = ((i * (2 * u + 7) + 31 * u) % 101) as f64 / 101.0;
            let signal = if i % 4 == 0 && u >= 5 { 0.3 } else { 0.0 };
            0.05 + 0.5 * noise + signal
        });
        EnsembleData::new(r, (0..400).map(|i| (i < 300).then_some(i % 4 == 0)).collect()).expect("valid")
    }

    fn share(data: &EnsembleData) -> f64 {
        data.n_missing() as f64 / (data.n_classifiers() * data.n_instances()) as f64
    }

    #[test]
    fn each_rule_takes_its_share_and_the_same_cells_for_a_seed() {
        let data = data();
        for (rule, expected, within) in [
            (Missing::None, 0.0, 0.0),
            (Missing::Random30, 0.3, 0.03),
            (Missing::Random60, 0.6, 0.03),
            (Missing::BestFive, 0.15, 0.05),
            (Missing::Blocks, 0.5, 0.0),
            (Missing::Unsure, 0.3, 0.05),
        ] {
            let taken = rule.take(&data, 3).expect("valid");
            assert!((share(&taken) - expected).abs() <= within, "{rule:?}: {}", share(&taken));
            let again = rule.take(&data, 3).expect("valid");
            let bits = |data: &EnsembleData| data.predictions().mapv(f64::to_bits);
            assert_eq!(bits(&taken), bits(&again));
            assert_eq!(taken.labels(), data.labels());
            assert_eq!(Missing::from_str(rule.name(), false).as_ref(), Ok(&rule));
        }
    }

    #[test]
    fn the_best_five_go_together() {
        let taken = Missing::BestFive.take(&data(), 1).expect("valid");
        for column in taken.predictions().columns() {
            let gone: Vec<bool> = column.iter().map(|p| p.is_nan()).collect();
            assert!(gone[..5].iter().all(|gone| !gone), "{gone:?}");
            assert!(gone[5..].iter().all(|&other| other == gone[5]), "{gone:?}");
        }
    }

    #[test]
    fn what_is_unsure_is_nearer_to_one_half_than_what_stays() {
        let data = data();
        let taken = Missing::Unsure.take(&data, 1).expect("valid");
        for (before, after) in data.predictions().outer_iter().zip(taken.predictions().outer_iter()) {
            let distance = |gone: bool| {
                let cells = before.iter().zip(after).filter(move |(_, p)| p.is_nan() == gone);
                cells.map(|(p, _)| (p - 0.5f64).abs())
            };
            assert!(distance(true).fold(0.0, f64::max) < distance(false).fold(1.0, f64::min));
        }
    }
}
