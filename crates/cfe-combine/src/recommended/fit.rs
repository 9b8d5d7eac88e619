//! The fit from beginning to end.

use std::time::Instant;

use cfe_core::validation::StratifiedKFold;
use cfe_core::{EnsembleData, Error, Result, check_weight_sum, ensure};
use ndarray::{Array2, Axis, concatenate};
use rayon::prelude::*;

use super::average::weigh;
use super::columns::{Columns, View, mean_and_sd};
use super::local::LocalBasis;
use super::members::{Family, Features, Member, Targets, fit_members, fold_names};
use super::model::{FamilyShares, RecommendedModel};
use super::sample::sample;
use super::spec::RecommendedSpec;
use super::{FittedRecommended, MemberSummary, RecommendedTimings};

pub(super) fn fit(
    spec: &RecommendedSpec,
    data: &EnsembleData,
    given_folds: Option<&[usize]>,
) -> Result<FittedRecommended> {
    let begin = Instant::now();
    let all = data.labeled();
    if all.is_empty() {
        return Err(Error::NoLabels);
    }
    if let Some(folds) = given_folds.filter(|folds| folds.len() != all.len()) {
        return Err(Error::LengthMismatch { what: "folds", found: folds.len(), expected: all.len() });
    }
    // Positions among the labeled of those that count and say something.
    let r = data.predictions();
    let given = |i: usize| data.sample_weights().map_or(1.0, |w| w[i]);
    let counts = |i: usize| given(i) > 0.0;
    check_weight_sum("the sample weights of the labeled instances", all.iter().map(|&i| given(i)))?;
    let counting = all.iter().filter(|&&i| counts(i));
    let mean = counting.clone().map(|&i| given(i)).sum::<f64>() / counting.count().max(1) as f64;
    // The penalties stand against the sum of the weights, which a common factor must not move.
    let weight = |i: usize| given(i) / mean;
    let prior_logit = prior_logit(data, all, weight)?;
    let observed = |i: usize| r.column(i).iter().any(|p| !p.is_nan());
    let mut places: Vec<usize> = (0..all.len()).filter(|&p| counts(all[p]) && observed(all[p])).collect();
    let rows: Vec<usize> = places.iter().map(|&p| all[p]).collect();
    let mut labels: Vec<bool> = rows.iter().map(|&i| data.labels()[i] == Some(true)).collect();
    let mut weights: Vec<f64> = rows.iter().map(|&i| weight(i)).collect();

    let (columns, mut g) = Columns::fit(spec, r, &rows);
    // Labels of instances outside the sample reach nothing but the prevalence: their scores are as honest as held-out ones.
    if let Some(sample) = sample(&labels, &weights, spec.max_instances, spec.seed) {
        g = g.select(Axis(1), &sample.places);
        labels = sample.places.iter().map(|&p| labels[p]).collect();
        places = sample.places.iter().map(|&p| places[p]).collect();
        weights = sample.weights;
    }
    let targets = Targets { labels: &labels, weights: &weights };
    let positives = labels.iter().filter(|&&y| y).count();
    let smaller = positives.min(labels.len() - positives);
    if columns.columns.is_empty() || smaller == 0 {
        return Ok(constant(data, columns, prior_logit, begin));
    }
    let (features, basis) = features(spec, &columns, &g);
    let folds = match given_folds {
        Some(folds) => {
            let folds: Vec<usize> = places.iter().map(|&p| folds[p]).collect();
            let count = fold_names(&folds).len();
            ensure(count >= 2, "folds", count, "at least 2 folds with labeled instances are needed")?;
            Some(folds)
        }
        None if smaller >= 2 => {
            let kfold = StratifiedKFold { n_splits: spec.folds.min(smaller), seed: spec.seed };
            Some(kfold.assign(&labels)?.as_slice().to_vec())
        }
        None => None,
    };
    let prepared = begin.elapsed();
    let members = fit_members(spec, &features, targets, folds.as_deref())?;
    let fitted = begin.elapsed();
    if members.is_empty() {
        return Ok(constant(data, columns, prior_logit, begin));
    }
    let (member_weights, sums) = weigh(spec, &members, targets);

    let mut model = assemble(data, columns, &features, &basis, &members, &member_weights);
    model.prior_logit = prior_logit;
    model.local_share = local_share(&model, &g);
    let out_of_fold_logits = folds.as_ref().map(|_| {
        let mut logits: Vec<f64> = all
            .par_iter()
            .with_min_len(64)
            .map(|&i| model.parts(r, i).map_or(prior_logit, |(linear, local)| linear + local))
            .collect();
        for (t, &p) in places.iter().enumerate() {
            let parts = members.iter().zip(&member_weights);
            logits[p] = parts.map(|(m, w)| w * m.held_out.as_ref().map_or(0.0, |z| z[t])).sum();
        }
        logits
    });
    let total_weight: f64 = weights.iter().sum();
    let summaries =
        members.iter().zip(&member_weights).enumerate().map(|(m, (member, &weight))| MemberSummary {
            family: member.family,
            prior_power: member.prior_power,
            shrinkage: member.shrinkage,
            ridge: member.ridge,
            cv_log_loss: sums.as_ref().map(|sums| sums[m] / total_weight),
            weight,
            converged: member.fit.converged,
        });
    Ok(FittedRecommended {
        members: summaries.collect(),
        folds: folds.map_or(0, |folds| fold_names(&folds).len()),
        out_of_fold_logits,
        timings: RecommendedTimings {
            features: prepared,
            members: fitted - prepared,
            total: begin.elapsed(),
        },
        model,
    })
}

/// Log-odds of (P + 1/2) / (N + 1), P and N the weights of the positives and of all.
fn prior_logit(data: &EnsembleData, labeled: &[usize], weight: impl Fn(usize) -> f64) -> Result<f64> {
    let (mut positive, mut negative, mut n) = (0.0, 0.0, 0);
    for &i in labeled {
        let weight = weight(i);
        n += usize::from(weight > 0.0);
        if data.labels()[i] == Some(true) { positive += weight } else { negative += weight }
    }
    if positive == 0.0 || negative == 0.0 {
        return Err(Error::SingleClass { n, class: if positive == 0.0 { "negative" } else { "positive" } });
    }
    Ok(((positive + 0.5) / (negative + 0.5)).ln())
}

/// No classifier says anything about the labeled instances: the prevalence is all there is.
fn constant(data: &EnsembleData, columns: Columns, prior_logit: f64, begin: Instant) -> FittedRecommended {
    let (k, d) = (columns.columns.len(), columns.rank());
    let model = RecommendedModel {
        classifier_names: data.classifier_names().to_vec(),
        columns,
        view_weights: vec![0.0; k],
        factor_weights: vec![0.0; d],
        local: None,
        bias: prior_logit,
        prior_logit,
        shares: FamilyShares { aggregator: 1.0, ..FamilyShares::default() },
        local_share: 0.0,
    };
    let timings = RecommendedTimings { total: begin.elapsed(), ..RecommendedTimings::default() };
    FittedRecommended { model, out_of_fold_logits: None, members: Vec::new(), folds: 0, timings }
}

/// Factors, views and local features, one below the other.
fn features(spec: &RecommendedSpec, columns: &Columns, g: &Array2<f64>) -> (Features, Option<LocalBasis>) {
    let mut views = g.clone();
    for (mut row, column) in views.rows_mut().into_iter().zip(&columns.columns) {
        row *= column.ratio();
    }
    let k = views.nrows();
    let probabilities = columns.columns.iter().filter(|c| c.view == View::Probability).count();
    let scales = columns.columns.iter().map(|c| c.view_scale).collect();
    let y = columns.instance_factors(g);
    let score: Vec<f64> = views.columns().into_iter().map(|f| f.sum() / k as f64).collect();
    let (basis, local) = if spec.families.local {
        let (basis, features) = LocalBasis::fit(spec, y.view(), &score);
        (Some(basis), features)
    } else {
        (None, Array2::zeros((0, g.ncols())))
    };
    let rank = y.nrows();
    // The widths agree by construction.
    let stacked = concatenate(Axis(0), &[y.view(), views.view(), local.view()]).unwrap_or(views);
    (Features { stacked, rank, views: k, probabilities, scales }, basis)
}

/// The average of the members as one function.
fn assemble(
    data: &EnsembleData,
    columns: Columns,
    features: &Features,
    basis: &Option<LocalBasis>,
    members: &[Member],
    weights: &[f64],
) -> RecommendedModel {
    let mut view_weights = vec![0.0; features.views];
    let mut factor_weights = vec![0.0; features.rank];
    let mut local_weights = vec![0.0; features.stacked.nrows() - features.rank - features.views];
    let mut shares = FamilyShares::default();
    let mut bias = 0.0;
    let add = |to: &mut [f64], weight: f64, from: &[f64]| {
        to.iter_mut().zip(from).for_each(|(to, from)| *to += weight * from);
    };
    for (member, &weight) in members.iter().zip(weights) {
        let w = &member.fit.weights;
        let views = features.views_in(member.family);
        add(&mut view_weights[features.first_view(member.family)..], weight, &w[views.clone()]);
        bias += weight * member.fit.bias;
        match member.family {
            Family::Aggregator => shares.aggregator += weight,
            Family::Selection => shares.selection += weight,
            Family::Sparse => shares.sparse += weight,
            Family::Signed => shares.signed += weight,
            Family::LowRank => {
                add(&mut factor_weights, weight, &w[..views.start]);
                shares.low_rank += weight;
            }
            Family::Local => {
                add(&mut local_weights, weight, &w[views.end..]);
                shares.local += weight;
            }
        }
    }
    RecommendedModel {
        classifier_names: data.classifier_names().to_vec(),
        columns,
        view_weights,
        factor_weights,
        local: basis.as_ref().map(|basis| basis.function(&local_weights)),
        bias,
        prior_logit: bias,
        shares,
        local_share: 0.0,
    }
}

/// Share of the local part in the variance of the logits of the labeled instances.
fn local_share(model: &RecommendedModel, g: &Array2<f64>) -> f64 {
    let parts: Vec<(f64, f64)> = g.columns().into_iter().map(|g| model.parts_of(&g.to_vec())).collect();
    let variance = |of: &dyn Fn(&(f64, f64)) -> f64| {
        let values: Vec<f64> = parts.iter().map(of).collect();
        mean_and_sd(values.iter().copied()).1.powi(2)
    };
    let (linear, local) = (variance(&|p| p.0), variance(&|p| p.1));
    if local > 0.0 { local / (linear + local) } else { 0.0 }
}
