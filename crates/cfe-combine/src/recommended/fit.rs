//! The fit from beginning to end.

use std::time::Instant;

use cfe_core::shards::InMemory;
use cfe_core::{EnsembleData, Error, Result};
use ndarray::{Array2, ArrayView2};

use super::assemble::{assemble, local_share, separated, wide_part};
use super::average::weigh;
use super::columns::Columns;
use super::features::{Choice, Instances, Seen};
use super::fitted::{FittedRecommended, MemberSummary, RecommendedTimings};
use super::gaps;
use super::labeled_subset::{LabeledSubset, fold_names};
use super::many::{FEW, Screen};
use super::members::{Member, fit_members};
use super::model::{FamilyShares, GapPart, RecommendedModel, WidePart};
use super::passed_columns::PassedColumns;
use super::prior::{nothing_logit, prior_logit};
use super::sample::sample;
use super::spec::{Families, RecommendedSpec};
use super::targets::Targets;
use crate::pipeline::Watch;

pub(super) fn fit(
    spec: &RecommendedSpec,
    data: &EnsembleData,
    given_folds: Option<&[usize]>,
    watch: &dyn Watch,
) -> Result<FittedRecommended> {
    fit_beyond(spec, data, given_folds, watch, None)
}

/// As [`fit`], where the data are a sample of labeled instances that lie elsewhere and `beyond` gives columns
/// from them all.
pub(super) fn fit_beyond(
    spec: &RecommendedSpec,
    data: &EnsembleData,
    given_folds: Option<&[usize]>,
    watch: &dyn Watch,
    beyond: Option<&PassedColumns<'_>>,
) -> Result<FittedRecommended> {
    let begin = Instant::now();
    let labeled = data.labeled();
    if labeled.is_empty() {
        return Err(Error::NoLabels);
    }
    if let Some(folds) = given_folds.filter(|folds| folds.len() != labeled.len()) {
        return Err(Error::LengthMismatch { what: "folds", found: folds.len(), expected: labeled.len() });
    }

    // What is learned from: centers, scales and factors from every labeled instance, members from a sample of
    // many. Labels outside the sample reach nothing but the prevalence, so that scores of these instances are
    // as honest as held-out ones.
    let subset = LabeledSubset::new(data, spec.seed)?;
    let prior_logit = beyond.map_or_else(|| prior_logit(data), PassedColumns::prior_logit)?;
    let Some(sample) = sample(&subset.labels, &subset.weights, &subset.keys, spec.max_instances) else {
        return fit_members_to(spec, Input { data, subset, prior_logit, begin }, given_folds, beyond, watch);
    };
    // In passes, as on shards: the columns of all labeled instances would take twice the memory of R.
    if watch.stop_asked() {
        return Err(Error::Stopped);
    }
    let mut engine = InMemory::new(data)?;
    let passed = PassedColumns::without_drawing(&mut engine, spec)?;
    let subset = subset.select(sample);
    fit_members_to(spec, Input { data, subset, prior_logit, begin }, given_folds, Some(&passed), watch)
}

/// What is learned from.
struct Input<'a> {
    data: &'a EnsembleData,
    /// The instances that members are fitted to.
    subset: LabeledSubset,
    /// Log-odds of the prevalence among all labeled instances.
    prior_logit: f64,
    begin: Instant,
}

/// The members, their average as one model, and its out-of-fold logits.
fn fit_members_to(
    spec: &RecommendedSpec,
    Input { data, subset, prior_logit, begin }: Input<'_>,
    given_folds: Option<&[usize]>,
    beyond: Option<&PassedColumns<'_>>,
    watch: &dyn Watch,
) -> Result<FittedRecommended> {
    let r = data.predictions();
    let instances = Instances { r, rows: &subset.rows, beyond };
    if subset.smaller_class() == 0 {
        // No two classes to cross-validate by, or nobody to weigh: the model has columns and says the
        // prevalence.
        let first: Vec<usize> = (0..data.n_classifiers().min(FEW)).collect();
        let columns = instances.columns(spec, &first)?.0;
        return Ok(constant(data, columns, prior_logit, None, begin));
    }

    let spec = &corrected_by_enough(spec, subset.smaller_class());
    let folds = subset.folds(given_folds, spec.folds)?;
    let (folds, targets) = (folds.as_deref(), subset.targets());
    let looked_at = LookedAt::new(spec, r, &subset, folds, watch)?;
    // The Newton steps of the members ask for themselves; so does every stage before them that takes long.
    let stop = || if watch.stop_asked() { Err(Error::Stopped) } else { Ok(()) };
    stop()?;
    let choices = |classifiers: &[Vec<usize>]| -> Vec<Choice<'_, '_>> {
        classifiers.iter().map(|classifiers| Choice { instances, classifiers: classifiers.clone() }).collect()
    };
    let seen = Seen::new(spec, &choices(&looked_at.few), &stop)?;
    if seen.columns.columns.is_empty() {
        return Ok(constant(data, seen.columns, prior_logit, folds, begin));
    }
    let seen_wide = match &looked_at.wide {
        Some((share, classifiers)) => {
            Some((*share, Seen::new(&of_many(spec), &choices(classifiers), &stop)?))
        }
        None => None,
    };
    let prepared = begin.elapsed();

    // The members of the first fill, which knows no gap.
    let columns = seen.columns.clone();
    let Some(first) = Average::fit(spec, seen, seen_wide, targets, folds, watch)? else {
        return Ok(constant(data, columns, prior_logit, folds, begin));
    };

    // The same once more with gaps that tell what they do, where there are any.
    let told = match folds {
        Some(folds) if spec.gaps_tell && any_gap(r, &subset.rows) => {
            told_by_gaps(spec, r, &subset, folds, &looked_at, watch)?
        }
        _ => None,
    };
    let share = match (told.as_ref().and_then(Average::held_out), first.held_out()) {
        (Some(told), Some(first)) => gaps::share(&first, &told, targets, spec.caution),
        _ => 0.0,
    };
    let fitted = begin.elapsed();

    // One model of them all.
    let (mut model, members) = joined(data, first, told, share, prior_logit)?;
    let nothing = (model.nothing_logit(), 0.0);
    // Figures of the labeled instances: what the local part explains, and whether the classes are separated.
    let parts: Vec<(f64, f64)> =
        model.parts(instances.r, &subset.rows).into_iter().map(|parts| parts.unwrap_or(nothing)).collect();
    model.local_share = local_share(&parts);
    let separated = separated(&parts, &subset.labels);
    let out_of_fold_logits = folds.map(|_| out_of_fold(data, &model, &subset, &members));

    let total_weight: f64 = subset.weights.iter().sum();
    let summaries = members.iter().map(|Weighed { member, weight, loss, of_gaps }| MemberSummary {
        family: member.family,
        prior_power: member.prior_power,
        shrinkage: member.shrinkage,
        ridge: member.ridge,
        cv_log_loss: loss.map(|loss| loss / total_weight),
        weight: *weight,
        converged: member.fit.converged,
        of_gaps: *of_gaps,
    });
    Ok(FittedRecommended {
        members: summaries.collect(),
        folds: folds.map_or(0, |folds| fold_names(folds).len()),
        out_of_fold_logits,
        separated,
        timings: RecommendedTimings {
            features: prepared,
            members: fitted - prepared,
            total: begin.elapsed(),
        },
        model,
    })
}

/// The classifiers that are looked at: all of few, the best of many. Each list holds those on all instances
/// and, where they are chosen by the labels, those without each fold.
struct LookedAt {
    few: Vec<Vec<usize>>,
    /// More of many classifiers, with the share of the members that see them.
    wide: Option<(f64, Vec<Vec<usize>>)>,
}

impl LookedAt {
    fn new(
        spec: &RecommendedSpec,
        r: ArrayView2<'_, f64>,
        subset: &LabeledSubset,
        folds: Option<&[usize]>,
        watch: &dyn Watch,
    ) -> Result<Self> {
        let Some(screen) = Screen::new(spec, r, &subset.rows, subset.targets(), folds, watch)? else {
            return Ok(Self { few: vec![(0..r.nrows()).collect()], wide: None });
        };
        let share = screen.wide_share();
        let is_wide = share > 0.0 && (spec.families.bagged || spec.families.ridge);
        Ok(Self { few: screen.few(), wide: is_wide.then(|| (share, screen.wide())) })
    }
}

/// One model of the average over the first fill and, with a share, the one over the second.
fn joined(
    data: &EnsembleData,
    first: Average,
    told: Option<Average>,
    share: f64,
    prior_logit: f64,
) -> Result<(RecommendedModel, Vec<Weighed>)> {
    // The two averages are linear in the logit, and so is the mean of the two: one model holds both.
    let (mut model, mut members) = first.finish(data, 1.0 - share);
    model.prior_logit = prior_logit;
    model.nothing_logit = nothing_logit(data)?;
    if let Some(told) = told.filter(|_| share > 0.0) {
        let (mut of_gaps, others) = told.finish(data, share);
        of_gaps.prior_logit = prior_logit;
        of_gaps.classifier_names = Vec::new();
        model.shares = model.shares.mixed(of_gaps.shares, share);
        model.gaps = Some(Box::new(GapPart { share, model: of_gaps }));
        members.extend(others);
    }
    Ok((model, members))
}

/// A member with its weight in the whole average.
struct Weighed {
    member: Member,
    weight: f64,
    /// Sum of held-out losses.
    loss: Option<f64>,
    /// Whether it sees the second fill.
    of_gaps: bool,
}

/// Members that see the same columns, few and perhaps many, and their weights.
struct Average {
    seen: Seen,
    members: Vec<Member>,
    weights: Vec<f64>,
    losses: Option<Vec<f64>>,
    /// Members of many classifiers as one function, and its intercept.
    wide: Option<(WidePart, f64)>,
}

impl Average {
    /// `wide` are more columns, with the share of those who see them. `None` if the spec has no member.
    fn fit(
        spec: &RecommendedSpec,
        seen: Seen,
        wide: Option<(f64, Seen)>,
        targets: Targets<'_>,
        folds: Option<&[usize]>,
        watch: &dyn Watch,
    ) -> Result<Option<Self>> {
        // The members, and their weights by what they predict of held-out instances.
        // Members of few and of many classifiers have weights of sum 1 each; the shares then mix the two.
        let few = of_few(spec);
        let mut members = fit_members(&few, &seen.sets, targets, folds, watch)?;
        if members.is_empty() {
            return Ok(None);
        }
        let (mut weights, mut losses) = weigh(&few, &members, targets);
        let mut of_wide = None;
        if let Some((share, seen)) = wide {
            let many = of_many(spec);
            let others = fit_members(&many, &seen.sets, targets, folds, watch)?;
            let (other_weights, other_losses) = weigh(&many, &others, targets);
            let scaled: Vec<f64> = other_weights.iter().map(|w| share * w).collect();
            // The many go into one function at once, so that their columns need not be kept for each member.
            of_wide = Some(wide_part(seen, &others, &scaled));
            weights.iter_mut().for_each(|w| *w *= 1.0 - share);
            weights.extend(scaled);
            members.extend(others);
            losses = losses.zip(other_losses).map(|(few, many)| [few, many].concat());
        }
        Ok(Some(Self { seen, members, weights, losses, wide: of_wide }))
    }

    /// Held-out logits; `None` without a cross-validation.
    fn held_out(&self) -> Option<Vec<f64>> {
        let logits: Vec<&[f64]> =
            self.members.iter().map(|m| m.held_out.as_deref()).collect::<Option<_>>()?;
        let n = logits.first()?.len();
        Some((0..n).map(|t| logits.iter().zip(&self.weights).map(|(z, w)| w * z[t]).sum()).collect())
    }

    /// One function of all members, and the members with a share of the whole.
    fn finish(self, data: &EnsembleData, share: f64) -> (RecommendedModel, Vec<Weighed>) {
        let of_gaps = self.seen.columns.knows_gaps();
        let mut model = assemble(data, self.seen, &self.members, &self.weights);
        // The intercept of the part of many classifiers moves into that of the model.
        if let Some((part, bias)) = self.wide {
            model.wide = Some(part);
            model.bias += bias;
        }
        let losses = self.losses;
        let weighed = self.members.into_iter().zip(self.weights).enumerate();
        let weighed = weighed.map(|(m, (member, weight))| Weighed {
            member,
            weight: share * weight,
            loss: losses.as_ref().map(|losses| losses[m]),
            of_gaps,
        });
        (model, weighed.collect())
    }
}

/// Whether a classifier that predicts some of the labeled instances lacks another one. What never says
/// anything has no gaps: its silence is the same everywhere.
fn any_gap(r: ArrayView2<'_, f64>, rows: &[usize]) -> bool {
    r.outer_iter().any(|row| {
        let gone = rows.iter().filter(|&&i| row[i].is_nan()).count();
        gone > 0 && gone < rows.len()
    })
}

/// The average over the second fill: in a fold, of values that its labels had no part in. Its columns, too,
/// are learned from the instances that members learn from alone, which are all that is at hand of a store.
fn told_by_gaps(
    spec: &RecommendedSpec,
    r: ArrayView2<'_, f64>,
    subset: &LabeledSubset,
    folds: &[usize],
    looked_at: &LookedAt,
    watch: &dyn Watch,
) -> Result<Option<Average>> {
    let stop = || if watch.stop_asked() { Err(Error::Stopped) } else { Ok(()) };
    let targets = subset.targets();
    let names = fold_names(folds);
    // One fill for all instances, and one for each fold, without that fold's labels.
    let fills: Vec<Vec<f64>> = std::iter::once(None)
        .chain(names.iter().map(Some))
        .map(|held| {
            let keep = |t: usize| held.is_none_or(|&fold| folds[t] != fold);
            gaps::fills(spec, r, &subset.rows, targets, &keep, watch)
        })
        .collect::<Result<_>>()?;
    let filled: Vec<Array2<f64>> = fills.iter().map(|fills| gaps::filled(r, &subset.rows, fills)).collect();
    let all: Vec<usize> = (0..subset.rows.len()).collect();
    // Classifiers that were chosen among many stay the same, on all instances and without each fold.
    let choices = |classifiers: &[Vec<usize>]| -> Vec<Choice<'_, '_>> {
        let classifiers_of = |k: usize| classifiers[if classifiers.len() > 1 { k } else { 0 }].clone();
        let of_fill = filled.iter().enumerate().map(|(k, r)| Choice {
            instances: Instances { r: r.view(), rows: &all, beyond: None },
            classifiers: classifiers_of(k),
        });
        of_fill.collect()
    };
    let seen = |spec: &RecommendedSpec, classifiers: &[Vec<usize>]| -> Result<Seen> {
        let mut seen = Seen::new(spec, &choices(classifiers), &stop)?;
        // The model keeps the fill of all instances; those without a fold serve the held-out scores alone.
        seen.columns.columns.iter_mut().for_each(|c| c.gap = Some(fills[0][c.classifier]));
        Ok(seen)
    };
    let wide = match &looked_at.wide {
        Some((share, classifiers)) => Some((*share, seen(&of_many(spec), classifiers)?)),
        None => None,
    };
    Average::fit(spec, seen(spec, &looked_at.few)?, wide, targets, Some(folds), watch)
}

/// Without corrections where the rarer class has too few instances to tell one from chance. Where nothing
/// else is on they stay.
fn corrected_by_enough(spec: &RecommendedSpec, smaller_class: usize) -> RecommendedSpec {
    let mut spec = spec.clone();
    let Families { aggregator, selection, sparse, signed, equal, .. } = spec.families;
    if smaller_class < spec.correction_min_instances && (aggregator || selection || sparse || signed || equal)
    {
        (spec.families.low_rank, spec.families.local) = (false, false);
    }
    spec
}

/// The families that see all columns of few classifiers.
fn of_few(spec: &RecommendedSpec) -> RecommendedSpec {
    let families = Families { bagged: false, ridge: false, ..spec.families };
    RecommendedSpec { families, ..spec.clone() }
}

/// The families that see more columns of many classifiers.
fn of_many(spec: &RecommendedSpec) -> RecommendedSpec {
    let Families { bagged, ridge, .. } = spec.families;
    RecommendedSpec { families: Families { bagged, ridge, ..Families::NONE }, ..spec.clone() }
}

/// Logits of all labeled instances: held-out ones of the members for those they learned from, the model's for
/// the others.
fn out_of_fold(
    data: &EnsembleData,
    model: &RecommendedModel,
    subset: &LabeledSubset,
    members: &[Weighed],
) -> Vec<f64> {
    // The model did not see the labels outside the sample, so its own logits of those are honest.
    let mut logits = model.logits(data.predictions(), data.labeled());
    for (t, &p) in subset.places.iter().enumerate() {
        let held_out = |member: &Member| match &member.held_out {
            Some(logits) => logits[t],
            None => unreachable!("every member was fitted without each fold"),
        };
        logits[p] = members.iter().map(|weighed| weighed.weight * held_out(&weighed.member)).sum();
    }
    logits
}

/// No classifier says anything about the labeled instances: the prevalence is all there is, for held-out
/// instances too. Its figure from each fold's other rows would rank the folds by chance, so all have one.
fn constant(
    data: &EnsembleData,
    columns: Columns,
    prior_logit: f64,
    folds: Option<&[usize]>,
    begin: Instant,
) -> FittedRecommended {
    let (k, d) = (columns.columns.len(), columns.rank());
    let model = RecommendedModel {
        classifier_names: data.classifier_names().to_vec(),
        columns,
        view_weights: vec![0.0; k],
        factor_weights: vec![0.0; d],
        local: None,
        wide: None,
        bias: prior_logit,
        prior_logit,
        shares: FamilyShares { aggregator: 1.0, ..FamilyShares::default() },
        local_share: 0.0,
        gaps: None,
        nothing_logit: None,
    };
    let timings = RecommendedTimings { total: begin.elapsed(), ..RecommendedTimings::default() };
    FittedRecommended {
        model,
        out_of_fold_logits: folds.map(|_| vec![prior_logit; data.labeled().len()]),
        separated: false,
        members: Vec::new(),
        folds: folds.map_or(0, |folds| fold_names(folds).len()),
        timings,
    }
}
