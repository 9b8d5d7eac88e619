//! The fit in passes over shards: for labeled instances that lie beyond memory or on many machines.
//!
//! Centers, scales and factors come from sums over all labeled instances; the members learn from those that
//! are drawn by their keys, on this machine, as in memory.
//!
//! ```text
//! survey    what each classifier says, and how many instances of each class there are
//! draw      the instances with the smallest keys; means and spreads of the columns
//! moments   sums of products of the standardized columns; with gaps once more after each round of filling
//! ```

use cfe_core::shards::{Draw, Drawn, DrawnRow, Engine, ShardError, Survey};
use cfe_core::{EnsembleData, Error, Result, check_weight_sum};
use ndarray::{Array2, ArrayView1};

use super::Recommended;
use super::fit;
use super::fitted::FittedRecommended;
use super::passed_columns::{PassedColumns, Whole};
use super::sample::{drawn_scale, sizes};
use super::spec::RecommendedSpec;
use super::survey::{ask, columns_about, index, looked_at, mean_weight, prior_logit, survey};
use crate::pipeline::Watch;

/// A combiner that was fitted in passes, with the instances that its members learned from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FittedOnShards {
    /// The fit; its out-of-fold logits are those of `rows`.
    pub fitted: FittedRecommended,
    /// The instances that the members learned from, in the order of their numbers: all labeled ones, or a
    /// sample with the weights that make up for the drawing.
    pub rows: EnsembleData,
    /// Their numbers among all instances.
    pub numbers: Vec<u64>,
    /// Whether `rows` are a sample.
    pub sampled: bool,
}

impl Recommended {
    /// Fits in passes over shards, wherever they lie: the same bits for any engine, any number of threads and
    /// any partition of the shards. Two passes where at most `max_instances` are labeled, else three, and six
    /// with missing predictions.
    ///
    /// The result is that of [`fit`](Self::fit) on the same cells, bit for bit, with two exceptions. Of more
    /// than `max_instances` labeled instances with sample weights, the weights are added in another order,
    /// and so the two agree to rounding. Labeled instances without a prediction are passed over;
    /// [`fit`](Self::fit) counts them in the prevalence.
    ///
    /// ```
    /// use cf_ensemble::recommended::Recommended;
    /// use cf_ensemble::shards::InMemory;
    /// use cf_ensemble::synthetic::Separable;
    ///
    /// let data = Separable::default().generate(1)?.data;
    /// let fitted = Recommended::default().fit_on(&mut InMemory::new(&data)?, &())?;
    /// assert_eq!(fitted.fitted.model, Recommended::default().fit(&data)?.model);
    /// # Ok::<(), cf_ensemble::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and what the engine refuses.
    pub fn fit_on(&self, engine: &mut dyn Engine, watch: &dyn Watch) -> Result<FittedOnShards> {
        let gathered = gather(self.spec(), engine)?;
        let Gathered { rows, numbers, whole } = gathered;
        let sampled = whole.is_some();
        let whole = whole.map(|whole| PassedColumns::new(engine, whole));
        let fitted = fit::fit_beyond(self.spec(), &rows, None, watch, whole.as_ref())?;
        Ok(FittedOnShards { fitted, rows, numbers, sampled })
    }
}

impl Recommended {
    /// As [`fit_watched`](Self::fit_watched), where `beyond` gives columns from more instances than the data.
    pub(crate) fn fit_beyond(
        &self,
        data: &EnsembleData,
        folds: Option<&[usize]>,
        watch: &dyn Watch,
        beyond: Option<&PassedColumns<'_>>,
    ) -> Result<FittedRecommended> {
        fit::fit_beyond(self.spec(), data, folds, watch, beyond)
    }
}

/// What two passes bring to this machine.
pub(crate) struct Gathered {
    /// The instances that members learn from, in the order of their numbers.
    pub rows: EnsembleData,
    pub numbers: Vec<u64>,
    /// What is known of all labeled instances, where there are more than `rows`.
    pub whole: Option<Whole>,
}

/// Surveys and draws.
pub(crate) fn gather(spec: &RecommendedSpec, engine: &mut dyn Engine) -> Result<Gathered> {
    let survey = survey(engine)?;
    check(&survey)?;
    // The same rule of sizes as in memory says whether the members see a sample.
    let classes = (index(survey.learnable.0), index(survey.learnable.1));
    let sizes = sizes(classes, spec.max_instances);
    let columns = sizes.map_or_else(Vec::new, |_| columns_about(spec, &survey));
    let (negatives, positives) = sizes.unwrap_or(classes);
    // Rows of weight 0 teach nothing, and are dealt to folds in memory all the same.
    let weightless = sizes.is_none() && survey.labels <= spec.max_instances as u64;
    let most = if weightless { (survey.labels, survey.labels) } else { (negatives as u64, positives as u64) };
    // Keys above `largest_key` are not sent at all: a pass returns little more than what is kept.
    let mut draw = Draw {
        seed: spec.seed,
        weightless,
        looked_at: looked_at(&survey),
        most,
        largest_key: (likely(negatives, classes.0), likely(positives, classes.1)),
        columns,
    };
    // A second draw is only made if the bound on the keys was too small for what the instances hold.
    let mut found = ask(&draw, engine)?;
    let enough = |found: &Drawn| found.negatives.len() >= negatives && found.positives.len() >= positives;
    if !enough(&found.0) {
        // Many copies of an instance share a key, and so keys need not be spread evenly.
        draw.largest_key = (u64::MAX, u64::MAX);
        found = ask(&draw, engine)?;
    }
    let (drawn, spreads) = found;
    let names = engine.shape().classifier_names.clone();
    let (rows, numbers) = rows_of(drawn, names, sizes.map(|_| (&survey, spec.max_instances)))?;
    Ok(Gathered { rows, numbers, whole: sizes.map(|_| Whole { survey, spreads }) })
}

/// Refuses what cannot be learned from, as a fit in memory does.
fn check(survey: &Survey) -> Result<()> {
    if let Some(row) = survey.first_bad {
        return Err(ShardError::BadCell { row }.into());
    }
    if survey.labels == 0 {
        return Err(Error::NoLabels);
    }
    let (negative, positive) = survey.weights;
    check_weight_sum("the sample weights of the labeled instances", [negative, positive])?;
    prior_logit(survey).map(|_| ())
}

/// A key below which `wanted` of `there` instances are found but for one time in many millions, were keys
/// spread evenly: six standard deviations.
fn likely(wanted: usize, there: usize) -> u64 {
    let share = (wanted as f64 + 6.0 * (wanted as f64).sqrt() + 36.0) / there.max(1) as f64;
    if wanted >= there || share >= 1.0 { u64::MAX } else { (share * 2f64.powi(64)) as u64 }
}

/// The drawn instances in the order of their numbers, with the weights of a [sample](super::sample::sample)
/// where they are one.
fn rows_of(
    drawn: Drawn,
    names: Vec<String>,
    sampled: Option<(&Survey, usize)>,
) -> Result<(EnsembleData, Vec<u64>)> {
    let mut all: Vec<(DrawnRow, bool)> = Vec::with_capacity(drawn.negatives.len() + drawn.positives.len());
    // Weights of a sample make up for the drawing class by class, so that the prevalence stays.
    for (mut rows, label) in [(drawn.negatives, false), (drawn.positives, true)] {
        if let Some((survey, most)) = sampled {
            let mean = mean_weight(survey);
            let (negative, positive) = survey.learnable_weights;
            let of_class = (if label { positive } else { negative }) / mean;
            rows.iter_mut().for_each(|row| row.weight /= mean);
            let total: f64 = rows.iter().map(|row| row.weight).sum();
            let there = index(survey.learnable.0 + survey.learnable.1);
            let scale = drawn_scale(of_class, total, most, there);
            rows.iter_mut().for_each(|row| row.weight *= scale);
        }
        all.extend(rows.into_iter().map(|row| (row, label)));
    }
    // In the order of their numbers, as in memory, where sums depend on it.
    all.sort_unstable_by_key(|(row, _)| row.row);
    let mut r = Array2::zeros((names.len(), all.len()));
    for (i, (row, _)) in all.iter().enumerate() {
        r.column_mut(i).assign(&ArrayView1::from(&row.cells));
    }
    let labels = all.iter().map(|(_, label)| Some(*label)).collect();
    let mut rows = EnsembleData::new(r, labels)?.with_classifier_names(names)?;
    if sampled.is_some() || all.iter().any(|(row, _)| row.weight != 1.0) {
        rows = rows.with_sample_weights(all.iter().map(|(row, _)| row.weight).collect())?;
    }
    Ok((rows, all.iter().map(|(row, _)| row.row).collect()))
}
