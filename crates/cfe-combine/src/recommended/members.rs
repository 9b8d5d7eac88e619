//! The members: every combination of family, prior direction and strength, each a convex problem of its own.

use cfe_core::Result;
use cfe_core::logistic::LogisticFit;
use rayon::prelude::*;

use super::family::Family;
use super::features::FeatureSets;
use super::groups::groups;
use super::labeled_subset::fold_names;
use super::problem::Problem;
use super::spec::RecommendedSpec;
use super::targets::Targets;
use crate::pipeline::{Stage, Watch};

/// One fitted member.
pub(super) struct Member {
    pub family: Family,
    pub prior_power: f64,
    pub shrinkage: f64,
    pub ridge: Option<f64>,
    pub fit: LogisticFit,
    /// Logits of the instances from the fit that did not see them.
    pub held_out: Option<Vec<f64>>,
}

/// Fits every member on all instances and, given `folds`, on all but each fold.
///
/// Without folds there is nothing to choose by: the members with the strongest penalties alone are fitted.
pub(super) fn fit_members(
    spec: &RecommendedSpec,
    sets: &FeatureSets,
    targets: Targets<'_>,
    folds: Option<&[usize]>,
    watch: &dyn Watch,
) -> Result<Vec<Member>> {
    let features = &sets.all;
    // The plan: groups of members that share features and ridge, and the number of fits that are announced.
    let groups = groups(spec, features, folds.is_some());
    let problem = Problem { spec, features, targets, watch };
    let names = fold_names(folds.unwrap_or_default());
    let without = |f: usize| sets.without_fold.get(f).unwrap_or(features);
    let steps = groups.iter().map(|group| group.chains().count() + names.len()).sum::<usize>() as u64;
    let stage = Stage::start(watch, "Fitting", Some(steps));
    let held = |fold: Option<usize>, i: usize| folds.is_some_and(|f| fold == Some(f[i]));
    // Evidence of the columns on all instances, then without each fold.
    let gains = problem.gains(|_| true)?;
    let full = problem.full_fits(&groups, &gains, &|| stage.step())?;
    // A prior direction by evidence must not have seen the labels that it is judged by.
    let gains_without: Vec<Vec<f64>> = (0..names.len())
        .map(|f| Problem { features: without(f), ..problem }.gains(|i| !held(Some(names[f]), i)))
        .collect::<Result<_>>()?;
    // The largest problems first, so that no thread is left with one at the end.
    let jobs: Vec<(usize, usize)> =
        (0..groups.len()).rev().flat_map(|g| (0..names.len()).map(move |f| (g, f))).collect();
    let held_out: Vec<Vec<Vec<f64>>> = jobs
        .par_iter()
        .with_max_len(1)
        .map(|&(g, f)| {
            let hold = |i: usize| held(Some(names[f]), i);
            let problem = Problem { features: without(f), ..problem };
            // Columns that were screened without a fold are others, and the weights of the full fit say
            // nothing there.
            let start = sets.without_fold.is_empty().then_some(full[g].as_slice());
            let logits = problem.held_out(&groups[g], start, &gains_without[f], &hold)?;
            stage.step();
            Ok(logits)
        })
        .collect::<Result<_>>()?;

    // The held-out logits of each member are put together from the folds.
    let zeros = vec![0.0; targets.labels.len()];
    let mut logits: Vec<Vec<Vec<f64>>> = groups.iter().map(|g| vec![zeros.clone(); g.grid.len()]).collect();
    for (&(g, f), parts) in jobs.iter().zip(&held_out) {
        let rows: Vec<usize> = (0..targets.labels.len()).filter(|&i| held(Some(names[f]), i)).collect();
        for (all, part) in logits[g].iter_mut().zip(parts) {
            rows.iter().zip(part).for_each(|(&i, &z)| all[i] = z);
        }
    }
    let mut members = Vec::new();
    for ((group, fits), logits) in groups.iter().zip(full).zip(logits) {
        for ((&(prior_power, shrinkage), fit), z) in group.grid.iter().zip(fits).zip(logits) {
            members.push(Member {
                family: group.family,
                prior_power,
                shrinkage,
                ridge: group.ridge,
                fit,
                held_out: folds.map(|_| z),
            });
        }
    }
    Ok(members)
}
