//! Many classifiers: which of them are looked at, and by what.
//!
//! Above 40 classifiers the columns are screened by their evidence, the log-likelihood that the log-odds of
//! each gain alone over the constant. The members of few classifiers see the best 32, greedy selection and a
//! ridge the best 64. A fold screens without its own labels, so that out-of-fold scores stay honest. Between
//! 40 and 80 classifiers one method passes into the other.

use cfe_core::Result;
use cfe_core::losses::logit;
use ndarray::{Array2, ArrayView1, ArrayView2};
use rayon::prelude::*;

use super::columns::mean_and_sd;
use super::evidence::evidence;
use super::labeled_subset::fold_names;
use super::spec::RecommendedSpec;
use super::targets::Targets;
use crate::baselines::clip_for;
use crate::pipeline::{Stage, Watch};

/// Up to so many classifiers nothing is screened.
pub(super) const FEW: usize = 40;
/// Classifiers that the members of few see at least.
pub(super) const KEPT: usize = 32;
/// Classifiers that greedy selection and the ridge see.
pub(super) const WIDE: usize = 64;
/// Precision of the evidence, which only orders columns.
const PRECISION: f64 = 1e-4;

/// Classifiers in the order of their evidence, the best first: on all labeled instances, and without each
/// fold.
pub(super) struct Screen {
    orders: Vec<Vec<usize>>,
    m: usize,
}

impl Screen {
    /// Measures every classifier of R (m x n) on its instances `rows`, each in its fold; `None` where there
    /// are few.
    pub(super) fn new(
        spec: &RecommendedSpec,
        r: ArrayView2<'_, f64>,
        rows: &[usize],
        targets: Targets<'_>,
        folds: Option<&[usize]>,
        watch: &dyn Watch,
    ) -> Result<Option<Self>> {
        let m = r.nrows();
        if m <= FEW {
            return Ok(None);
        }
        let names = fold_names(folds.unwrap_or_default());
        let stage = Stage::start(watch, "Screening", Some(m as u64));
        let gains: Vec<Vec<f64>> = (0..m)
            .into_par_iter()
            .map(|u| {
                let gains = match standardized(spec, r.row(u), rows) {
                    Some(column) => {
                        let (whole, fit) =
                            evidence(column.view(), targets, |_| true, PRECISION, None, watch)?;
                        // Without each fold as well: a screening that saw the labels of a fold would flatter
                        // its scores.
                        let without = |&fold: &usize| {
                            let keep = |i: usize| folds.is_some_and(|folds| folds[i] != fold);
                            Ok(evidence(column.view(), targets, keep, PRECISION, Some(&fit), watch)?.0)
                        };
                        let without: Vec<f64> = names.iter().map(without).collect::<Result<_>>()?;
                        [whole].into_iter().chain(without).collect()
                    }
                    // What never varies comes last.
                    None => vec![-1.0; 1 + names.len()],
                };
                stage.step();
                Ok(gains)
            })
            .collect::<Result<_>>()?;
        let order = |k: usize| {
            let mut order: Vec<usize> = (0..m).collect();
            order.sort_by(|&a, &b| gains[b][k].total_cmp(&gains[a][k]));
            order.truncate(WIDE);
            order
        };
        Ok(Some(Self { orders: (0..=names.len()).map(order).collect(), m }))
    }

    /// What the members of few classifiers see: on all instances first, then without each fold.
    pub(super) fn few(&self) -> Vec<Vec<usize>> {
        let kept = KEPT.max((2 * FEW).saturating_sub(self.m));
        self.best(kept)
    }

    /// What greedy selection and the ridge see.
    pub(super) fn wide(&self) -> Vec<Vec<usize>> {
        self.best(WIDE)
    }

    fn best(&self, count: usize) -> Vec<Vec<usize>> {
        let first = |order: &Vec<usize>| {
            let mut kept = order[..count.min(order.len())].to_vec();
            // Places ascend again, so that columns stand in the order of the classifiers and not of their
            // evidence.
            kept.sort_unstable();
            kept
        };
        self.orders.iter().map(first).collect()
    }

    /// Share of greedy selection and the ridge together in the average: 0 at 40 classifiers, two thirds from
    /// 80 on.
    pub(super) fn wide_share(&self) -> f64 {
        2.0 / 3.0 * ((self.m - FEW) as f64 / FEW as f64).min(1.0)
    }
}

/// Log-odds of a classifier on the instances `rows`, standardized (1 x rows), a gap at the mean; `None` if
/// they do not vary.
fn standardized(spec: &RecommendedSpec, row: ArrayView1<'_, f64>, rows: &[usize]) -> Option<Array2<f64>> {
    let given = || rows.iter().map(|&i| row[i]);
    let clip = clip_for(mean_and_sd(given().filter(|p| !p.is_nan())).0, spec.clip);
    let raw: Vec<f64> = given().map(|p| if p.is_nan() { p } else { logit(p, clip) }).collect();
    let (center, sd) = mean_and_sd(raw.iter().copied().filter(|v| !v.is_nan()));
    let standard = |v: f64| if v.is_nan() { 0.0 } else { (v - center) / sd };
    (sd > 0.0).then(|| Array2::from_shape_fn((1, raw.len()), |(_, i)| standard(raw[i])))
}
