//! What a fit leaves behind: enough to predict new instances, and nothing that grows with the number of
//! instances.

use cfe_core::losses::sigmoid;
use cfe_core::{Predictions, Result, check_logits, check_predictions, ensure};
use cfe_kernel::add_weighted_rows;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::columns::{Column, Columns, Standardized, View};
use super::family::Family;
use super::local::LocalFunction;

/// Instances that are predicted together: their columns stay in the first-level cache.
pub(super) const RUN: usize = 256;

/// A fitted combiner, from [`Recommended::fit`](super::Recommended::fit).
///
/// The average of its members in log-odds is itself one function, and only that is kept:
///
/// ```text
/// z = w . f + u . y + h(y) + b ,     y = V g / unit
/// ```
///
/// f and g are the standardized columns of the instance, y its factors, h the local correction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecommendedModel {
    /// Empty in the part that knows what gaps tell, whose classifiers are those of the whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) classifier_names: Vec<String>,
    pub(super) columns: Columns,
    /// w, for the columns.
    pub(super) view_weights: Vec<f64>,
    /// u, for the factors.
    pub(super) factor_weights: Vec<f64>,
    pub(super) local: Option<LocalFunction>,
    /// What greedy selection and the ridge add, of many classifiers; files of few have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) wide: Option<WidePart>,
    pub(super) bias: f64,
    /// Log-odds of the labeled prevalence: the answer where nothing is known.
    pub(super) prior_logit: f64,
    pub(super) shares: FamilyShares,
    pub(super) local_share: f64,
    /// What is averaged in where gaps tell something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) gaps: Option<Box<GapPart>>,
    /// The answer where nothing is observed, learned from such rows; without any it is the prevalence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) nothing_logit: Option<f64>,
}

/// The same average over columns whose gaps have a value of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GapPart {
    /// Its weight in the logit; the rest is that of the model around it.
    pub share: f64,
    pub model: RecommendedModel,
}

/// Adds the standardized columns (k x n), each times its slope.
fn add_columns(g: &Array2<f64>, slopes: impl Iterator<Item = f64>, z: &mut [f64]) {
    let terms: Vec<(usize, f64)> = slopes.enumerate().filter(|(_, slope)| *slope != 0.0).collect();
    add_weighted_rows(g.as_slice().expect("columns are laid out row by row"), &terms, z);
}

/// A linear function of more columns than the members of few classifiers see; its intercept is in the
/// model's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WidePart {
    pub columns: Columns,
    pub view_weights: Vec<f64>,
}

impl WidePart {
    /// What one unit of each standardized column adds.
    pub(super) fn slopes(&self) -> impl Iterator<Item = (&Column, f64)> {
        self.columns.columns.iter().zip(&self.view_weights).map(|(column, w)| (column, w * column.ratio()))
    }

    fn validate(&self, m: usize) -> Result<()> {
        self.columns.validate(m)?;
        let sound = self.view_weights.len() == self.columns.columns.len()
            && self.view_weights.iter().all(|v| v.is_finite());
        ensure(sound, "model", "wide part", "shapes agree and numbers are finite; was the file changed?")
    }
}

/// How much of the averaging weight each family of members has; the sum is 1.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct FamilyShares {
    /// The aggregator alone.
    pub aggregator: f64,
    /// The mean of the few best classifiers.
    pub selection: f64,
    /// Weights on the log-odds alone, pulled to zero.
    pub sparse: f64,
    /// Weights of either sign on the probabilities, pulled to zero.
    pub signed: f64,
    /// With the correction linear in the factors.
    pub low_rank: f64,
    /// With the local correction.
    pub local: f64,
    /// The calibrated mean of the log-odds.
    pub equal: f64,
    /// Greedy selection on bags, of many classifiers.
    pub bagged: f64,
    /// Shrunken weights on the log-odds of many classifiers.
    pub ridge: f64,
}

impl FamilyShares {
    /// What the average is made of, in words, with the share of each; families without a share are left out.
    ///
    /// ```
    /// use cf_ensemble::recommended::Recommended;
    /// use cf_ensemble::synthetic::Separable;
    ///
    /// let data = Separable::default().generate(1)?.data;
    /// let model = Recommended::default().fit(&data)?.model;
    /// assert_eq!(model.shares().in_words()[0].0, "aggregators on all classifiers");
    /// # Ok::<(), cf_ensemble::Error>(())
    /// ```
    pub fn in_words(&self) -> Vec<(&'static str, f64)> {
        let mut parts = vec![
            ("aggregators on all classifiers", self.aggregator),
            ("the mean of the best", self.selection),
            ("weights on log-odds alone", self.sparse),
            ("weights of either sign", self.signed),
            ("the mean of the log-odds", self.equal),
            ("aggregators with a correction linear in the factors", self.low_rank),
            ("aggregators with a local correction", self.local),
            ("greedy selection on bags of the rows", self.bagged),
            ("shrunken weights on log-odds", self.ridge),
        ];
        parts.retain(|(_, share)| *share > 0.0);
        parts
    }

    /// (1 - share) of these and `share` of others.
    pub(super) fn mixed(self, other: Self, share: f64) -> Self {
        let mix = |a: f64, b: f64| (1.0 - share) * a + share * b;
        Self {
            aggregator: mix(self.aggregator, other.aggregator),
            selection: mix(self.selection, other.selection),
            sparse: mix(self.sparse, other.sparse),
            signed: mix(self.signed, other.signed),
            low_rank: mix(self.low_rank, other.low_rank),
            local: mix(self.local, other.local),
            equal: mix(self.equal, other.equal),
            bagged: mix(self.bagged, other.bagged),
            ridge: mix(self.ridge, other.ridge),
        }
    }

    pub(super) fn of_mut(&mut self, family: Family) -> &mut f64 {
        match family {
            Family::Aggregator => &mut self.aggregator,
            Family::Selection => &mut self.selection,
            Family::Sparse => &mut self.sparse,
            Family::Signed => &mut self.signed,
            Family::LowRank => &mut self.low_rank,
            Family::Local => &mut self.local,
            Family::Equal => &mut self.equal,
            Family::Bagged => &mut self.bagged,
            Family::Ridge => &mut self.ridge,
        }
    }
}

/// What one classifier contributes to the linear part of the logit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClassifierWeight {
    /// Name of the classifier.
    pub name: String,
    /// Weight of its standardized probability; 0 if it never varied or the view is off.
    pub probability: f64,
    /// Weight of its standardized log-odds.
    pub log_odds: f64,
    /// Sum of the two. Negative only where the correction by the factors outweighs the aggregator.
    pub total: f64,
}

/// Linear explanation of a model, from [`RecommendedModel::classifier_weights`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClassifierWeights {
    /// One entry for each classifier.
    pub weights: Vec<ClassifierWeight>,
    /// var(local part) / (var(local part) + var(linear part)) of the logits of the labeled instances: what
    /// the weights do not explain, 0 to 1.
    pub local_share: f64,
}

impl RecommendedModel {
    /// Predicts instances (m x k, NaN = missing), each by itself: the result does not depend on the others.
    ///
    /// Missing predictions are filled in by fold-in, and where the labeled instances show that a gap tells
    /// something, by that as well. An instance without any observed prediction (of a classifier that varied
    /// in training) gets the prevalence of the labeled instances, or of those like it.
    /// `weighted_probabilities` equal `probabilities`: the fit weighs no class, so there is nothing to undo.
    /// Costs about 120 exponentials for each instance.
    ///
    /// # Errors
    /// As [`check_predictions`] and [`check_logits`]; [`InvalidParameter`](cfe_core::Error::InvalidParameter)
    /// for a model that was read from a damaged file.
    pub fn predict(&self, predictions: ArrayView2<'_, f64>) -> Result<Predictions> {
        self.validate()?;
        check_predictions(&self.classifier_names, predictions)?;
        let all: Vec<usize> = (0..predictions.ncols()).collect();
        let logits = self.logits(predictions, &all);
        let mut n_observed = vec![0; all.len()];
        for row in predictions.rows() {
            n_observed.iter_mut().zip(row).for_each(|(count, p)| *count += usize::from(!p.is_nan()));
        }
        check_logits(&logits)?;
        let probabilities: Vec<f64> = logits.iter().map(|&z| sigmoid(z)).collect();
        Ok(Predictions { weighted_probabilities: probabilities.clone(), logits, probabilities, n_observed })
    }

    /// Logits of some instances of R, the answer where nothing is observed among them.
    pub(super) fn logits(&self, r: ArrayView2<'_, f64>, instances: &[usize]) -> Vec<f64> {
        let nothing = self.nothing_logit();
        let logit = |parts: Option<(f64, f64)>| parts.map_or(nothing, |(linear, local)| linear + local);
        self.parts(r, instances).into_iter().map(logit).collect()
    }

    /// (linear with intercept, local) part of the logits of some instances of R; `None` where nothing is
    /// observed. The parts of an instance do not depend on the others.
    pub(super) fn parts(&self, r: ArrayView2<'_, f64>, instances: &[usize]) -> Vec<Option<(f64, f64)>> {
        let of_run = |run: &[usize]| -> Vec<Option<(f64, f64)>> {
            // Both averages predict a run while its columns are in the cache.
            let first = self.parts_without_gaps(r, run);
            let Some(GapPart { share, model }) = self.gaps.as_deref() else { return first };
            let mixed = |a: f64, b: f64| (1.0 - share) * a + share * b;
            let both = first.into_iter().zip(model.parts_without_gaps(r, run));
            // The part that knows gaps has a value for every cell, so an instance without any is a matter of
            // the first.
            let mix = |(a, b): ((f64, f64), (f64, f64))| (mixed(a.0, b.0), mixed(a.1, b.1));
            both.map(|(first, told)| first.map(|first| told.map_or(first, |told| mix((first, told)))))
                .collect()
        };
        instances.par_chunks(RUN).flat_map_iter(of_run).collect()
    }

    /// As [`parts`](Self::parts), without the average over what gaps tell.
    fn parts_without_gaps(&self, r: ArrayView2<'_, f64>, run: &[usize]) -> Vec<Option<(f64, f64)>> {
        let Standardized { g, mut observed } = self.columns.standardize(r, run);
        let mut linear = vec![self.bias; run.len()];
        add_columns(&g, self.slopes().into_iter(), &mut linear);
        if let Some(wide) = &self.wide {
            let of_wide = wide.columns.standardize(r, run);
            // An instance is observed if any part sees a prediction of it, whichever classifiers that part
            // looks at.
            observed.iter_mut().zip(of_wide.observed).for_each(|(any, other)| *any |= other);
            add_columns(&of_wide.g, wide.slopes().map(|(_, slope)| slope), &mut linear);
        }
        let parts = linear.into_iter().zip(self.local_parts(&g)).zip(observed);
        parts.map(|(parts, observed)| observed.then_some(parts)).collect()
    }

    /// The local part of the logits of standardized instances (k x n).
    pub(super) fn local_parts(&self, g: &Array2<f64>) -> Vec<f64> {
        let n = g.ncols();
        // The factors of the local part are computed here, the linear ones are folded into the slopes.
        let Some(local) = &self.local else { return vec![0.0; n] };
        let mut y = Array2::zeros((local.rank(), n));
        for (mut y, direction) in y.rows_mut().into_iter().zip(self.columns.directions.rows()) {
            let y = y.as_slice_mut().expect("a row of a matrix laid out row by row");
            add_columns(g, direction.iter().map(|v| v / self.columns.unit), y);
        }
        local.at(&y)
    }

    /// What one unit of each standardized column adds: its own weight, and that through the factors.
    pub(super) fn slopes(&self) -> Vec<f64> {
        let directions = &self.columns.directions;
        let columns = self.columns.columns.iter().zip(&self.view_weights).enumerate();
        let slope = |(j, (column, w)): (usize, (&Column, &f64))| {
            let factors = self.factor_weights.iter().enumerate();
            let through_factors: f64 = factors.map(|(d, u)| u * directions[(d, j)]).sum();
            w * column.ratio() + through_factors / self.columns.unit
        };
        columns.map(slope).collect()
    }

    /// Names of the classifiers (m), in the order of the rows that [`predict`](Self::predict) expects.
    pub fn classifier_names(&self) -> &[String] {
        &self.classifier_names
    }

    /// The answer where nothing is observed.
    pub(super) fn nothing_logit(&self) -> f64 {
        self.nothing_logit.unwrap_or(self.prior_logit)
    }

    /// Weight of the part of the average that learned what a missing prediction tells, 0 to 1; 0 without
    /// gaps in the labeled instances.
    pub fn gap_share(&self) -> f64 {
        self.gaps.as_ref().map_or(0.0, |gaps| gaps.share)
    }

    /// Which part of the average comes from which family.
    pub fn shares(&self) -> FamilyShares {
        self.shares
    }

    /// Log-odds of the (weighted) prevalence among the labeled instances, (P + 1/2) / (N + 1).
    pub fn prior_logit(&self) -> f64 {
        self.prior_logit
    }

    /// The linear part as one weight for each classifier and view.
    ///
    /// Units: a view is divided by the standard deviation of its mean over the classifiers, so equal weights
    /// mean the plain mean of the view. The correction by the factors is linear in the same columns and is
    /// counted in.
    pub fn classifier_weights(&self) -> ClassifierWeights {
        let name = |name: &String| ClassifierWeight {
            name: name.clone(),
            probability: 0.0,
            log_odds: 0.0,
            total: 0.0,
        };
        let mut weights: Vec<ClassifierWeight> = self.classifier_names.iter().map(name).collect();
        // One unit for each view, that of the first average, or the weights of the two could not be added.
        let unit = |view: View, own: f64| {
            let of_view = self.columns.columns.iter().find(|c| c.view == view);
            of_view.map_or(own, |c| c.view_scale)
        };
        self.add_weights(&mut weights, 1.0 - self.gap_share(), &unit);
        if let Some(gaps) = &self.gaps {
            gaps.model.add_weights(&mut weights, gaps.share, &unit);
        }
        weights.iter_mut().for_each(|weight| weight.total = weight.probability + weight.log_odds);
        ClassifierWeights { weights, local_share: self.local_share }
    }

    /// Adds a share of the weights of the linear part. `unit` is the scale of a view that they are for,
    /// which may not be that of the columns here: other columns have another mean of the view.
    fn add_weights(&self, weights: &mut [ClassifierWeight], share: f64, unit: &dyn Fn(View, f64) -> f64) {
        let directions = &self.columns.directions;
        let mut add = |column: &Column, weight: f64| {
            let added = share * weight * (unit(column.view, column.view_scale) / column.view_scale);
            let Some(weight) = weights.get_mut(column.classifier) else { return };
            match column.view {
                View::Probability => weight.probability += added,
                View::LogOdds => weight.log_odds += added,
            }
        };
        for (j, (column, w)) in self.columns.columns.iter().zip(&self.view_weights).enumerate() {
            let through: f64 =
                self.factor_weights.iter().enumerate().map(|(k, u)| u * directions[(k, j)]).sum();
            add(column, w + through / (self.columns.unit * column.ratio()));
        }
        for (column, w) in
            self.wide.iter().flat_map(|wide| wide.columns.columns.iter().zip(&wide.view_weights))
        {
            add(column, *w);
        }
    }

    /// Refuses a model whose parts do not fit together, as only a damaged file can bring it.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`](cfe_core::Error::InvalidParameter).
    pub fn validate(&self) -> Result<()> {
        let m = self.classifier_names.len();
        self.validate_for(m)?;
        let Some(gaps) = &self.gaps else { return Ok(()) };
        // The part that knows gaps has no names of its own, and must not hold another such part.
        let GapPart { share, model } = gaps.as_ref();
        model.validate_for(m)?;
        let sound = (0.0..=1.0).contains(share)
            && model.gaps.is_none()
            && model.columns.knows_gaps()
            && model.wide.as_ref().is_none_or(|wide| wide.columns.knows_gaps());
        ensure(sound, "model", "gaps", "one part knows gaps, with a value for each; was the file changed?")
    }

    /// As [`validate`](Self::validate), of m classifiers and without the part that knows gaps.
    fn validate_for(&self, m: usize) -> Result<()> {
        self.columns.validate(m)?;
        if let Some(local) = &self.local {
            local.validate(self.columns.rank())?;
        }
        if let Some(wide) = &self.wide {
            wide.validate(m)?;
        }
        let sound = self.view_weights.len() == self.columns.columns.len()
            && self.factor_weights.len() == self.columns.rank()
            && self.view_weights.iter().chain(&self.factor_weights).all(|v| v.is_finite())
            && self.bias.is_finite()
            && self.prior_logit.is_finite()
            && self.nothing_logit.is_none_or(f64::is_finite);
        ensure(sound, "model", "weights", "shapes agree and numbers are finite; was the file changed?")
    }
}
