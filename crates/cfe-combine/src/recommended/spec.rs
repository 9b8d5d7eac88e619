//! What the user asks for, before it is checked.

use cfe_core::settings::check_latent_dim;
use cfe_core::{Result, ensure};
use serde::{Deserialize, Serialize};

/// Families of aggregators that are averaged; at least one. `local` and `equal` are off: they were tried and
/// lost, see `docs/recommended.md`, and stay for ablations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Families {
    /// The aggregator alone, w . f + b, weights pulled to a prior direction.
    pub aggregator: bool,
    /// The aggregator with all weight on the few classifiers of the highest average precision.
    pub selection: bool,
    /// The aggregator with weights on the log-odds alone, pulled to zero.
    pub sparse: bool,
    /// The aggregator with weights of either sign on the probabilities, pulled to zero.
    pub signed: bool,
    /// With a supervised correction that is linear in the instance factors.
    pub low_rank: bool,
    /// With a supervised correction that is local in the space of the instance factors.
    pub local: bool,
    /// The calibrated mean of the log-odds, which counts where the labels cannot tell the classifiers apart.
    pub equal: bool,
    /// Greedy selection on bags of the labeled instances; of more than 40 classifiers alone.
    pub bagged: bool,
    /// Shrunken weights on the log-odds of many classifiers; of more than 40 classifiers alone.
    pub ridge: bool,
}

impl Families {
    /// Every family.
    pub const ALL: Self = Self {
        aggregator: true,
        selection: true,
        sparse: true,
        signed: true,
        low_rank: true,
        local: true,
        equal: true,
        bagged: true,
        ridge: true,
    };

    /// No family: what a choice of few starts from.
    pub const NONE: Self = Self {
        aggregator: false,
        selection: false,
        sparse: false,
        signed: false,
        low_rank: false,
        local: false,
        equal: false,
        bagged: false,
        ridge: false,
    };
}

impl Default for Families {
    fn default() -> Self {
        Self {
            aggregator: true,
            selection: true,
            sparse: true,
            signed: true,
            low_rank: true,
            bagged: true,
            ridge: true,
            ..Self::NONE
        }
    }
}

/// Views of R the aggregator sees; at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Views {
    /// The probabilities themselves: a confident classifier cannot outvote the others by much.
    pub probabilities: bool,
    /// Their log-odds: small probabilities, as rare positives have them, are told apart.
    pub log_odds: bool,
}

impl Default for Views {
    fn default() -> Self {
        Self { probabilities: true, log_odds: true }
    }
}

/// Where a strong penalty pulls the weights of the classifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ShrinkTo {
    /// To the prior direction, its length free: with infinite penalty a calibrated (weighted) mean.
    #[default]
    Equal,
    /// To zero: with infinite penalty the base rate.
    Zero,
}

/// How the members are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Averaging {
    /// The members of a family by cross-validated evidence, families without the factorization alike, and
    /// corrections by evidence against those families.
    #[default]
    Evidence,
    /// The member of the smallest cross-validated log loss alone.
    BestMember,
    /// Each family the same, each member of a family the same.
    Flat,
}

/// Settings of the recommended combiner. Unknown keys are refused when it is read from a file.
///
/// | field | default | range |
/// |---|---|---|
/// | `latent_dim` | 16 | 1 to 1000; factors of R, at most one for each column of the views (`rank` in version 0.1.0) |
/// | `local_rank` | 8 | 1 to 1000; the first of them, in which the local correction measures distance |
/// | `local_landmarks` | 60 | 1 to 1000; landmarks on each of two grids |
/// | `local_features` | 32 | 1 to 1000; size of the local correction |
/// | `local_length` | 1 | 1e-3 to 1e6; length scale, in standard deviations of the first factor |
/// | `shrinkage` | 10, 30, 100, 300, 1000, 3000, 10000 | 1e-9 to 1e9, as every strength below, up to 100 of them; pull of w to its prior direction |
/// | `prior_powers` | 0, 2 | 0 to 100; 0 is equal weights, p is weights in proportion to evidence^p |
/// | `selected` | 5 | at least 1; classifiers in the selection |
/// | `sparse_ridge` | 1, 10 | positive; 1 / C of the weights on the log-odds |
/// | `signed_ridge` | 1 | positive; 1 / C of the weights of either sign on the probabilities |
/// | `many_ridge` | 100, 300, 1000 | positive; 1 / C of the weights on the log-odds of more than 40 classifiers |
/// | `low_rank_ridge` | 3, 10 | positive; ridge on the linear correction |
/// | `local_ridge` | 1, 3 | positive; ridge on the local correction |
/// | `slope_scale` | 5 | 1e-3 to 1e6; prior standard deviation of a member's slope: the logits by which one standard deviation of its weighted mean moves it |
/// | `clip` | 1e-4 | at least 2.3e-16, below 0.5; probabilities are moved that far inside (0, 1) before their log-odds are taken |
/// | `fold_in_ridge` | 0.1 | 1e-9 to 1e9; ridge of the fold-in that fills in missing predictions |
/// | `caution` | 1 | 0 to 1e6; standard errors by which a member must beat another of its family to get its weight, and by which a family may be worse than the best and keep its own |
/// | `correction_caution` | 2 | 0 to 1e6; the same for a correction, which must beat the average without it |
/// | `correction_min_instances` | 50 | any; instances of the rarer class from which on corrections are fitted |
/// | `folds` | 5 | at least 2; fewer are used where a class has fewer instances |
/// | `max_instances` | 50000 | at least 100; members are fitted to a weighted sample of so many labeled instances where there are more |
/// | `seed` | 0 | seed of folds and sample; nothing else is random |
/// | `gaps_tell` | true | whether members are fitted to what a missing prediction tells, too, and averaged in as far as they predict better |
/// | `families` | all but `local` and `equal` | what is averaged |
/// | `views`, `non_negative`, `shrink_to`, `averaging` | all on | switches that take a part away |
///
/// ```
/// use cf_ensemble::recommended::RecommendedSpec;
///
/// let spec: RecommendedSpec = serde_json::from_str(r#"{"seed": 7, "families": {"local": true}}"#)?;
/// assert!(spec.families.aggregator && spec.families.local && !spec.families.equal);
/// assert!(serde_json::from_str::<RecommendedSpec>(r#"{"fold": 5}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecommendedSpec {
    /// d, the number of factors of R ~ X^T Y.
    #[serde(alias = "rank")]
    pub latent_dim: usize,
    /// Factors seen by the local correction.
    pub local_rank: usize,
    /// Landmarks on each of the two grids of the local correction.
    pub local_landmarks: usize,
    /// Features of the local correction.
    pub local_features: usize,
    /// Length scale of the local correction.
    pub local_length: f64,
    /// Strengths of the pull to the prior direction.
    pub shrinkage: Vec<f64>,
    /// Powers of the evidence in the prior direction.
    pub prior_powers: Vec<f64>,
    /// Classifiers in the selection.
    pub selected: usize,
    /// Ridges of the weights on the log-odds alone, in the units of log-odds.
    pub sparse_ridge: Vec<f64>,
    /// Ridges of the weights of either sign, in the units of probabilities.
    pub signed_ridge: Vec<f64>,
    /// Ridges of the weights on the log-odds of many classifiers, in the units of log-odds.
    pub many_ridge: Vec<f64>,
    /// Ridges of the linear correction.
    pub low_rank_ridge: Vec<f64>,
    /// Ridges of the local correction.
    pub local_ridge: Vec<f64>,
    /// Scale of the prior on the length of the weights along their prior direction. It decides where the
    /// labeled instances are separated, and hardly acts elsewhere.
    pub slope_scale: f64,
    /// Clip of the log-odds.
    pub clip: f64,
    /// Ridge of the fold-in of missing predictions.
    pub fold_in_ridge: f64,
    /// Standard errors taken off the evidence.
    pub caution: f64,
    /// Standard errors by which a correction must beat the average without it to get its weight.
    pub correction_caution: f64,
    /// Instances of the rarer class from which on corrections are fitted.
    pub correction_min_instances: usize,
    /// Folds of the cross-validation.
    pub folds: usize,
    /// Labeled instances that members are fitted to; where there are more, a weighted sample.
    pub max_instances: usize,
    /// Seed of folds and sample.
    pub seed: u64,
    /// Whether what a missing prediction tells is learned, where labeled instances have gaps.
    pub gaps_tell: bool,
    /// Families of members.
    pub families: Families,
    /// Views of R.
    pub views: Views,
    /// Whether the weights of the classifiers are at least 0.
    pub non_negative: bool,
    /// Where the weights of the classifiers are pulled.
    pub shrink_to: ShrinkTo,
    /// How the members are averaged.
    pub averaging: Averaging,
}

impl Default for RecommendedSpec {
    fn default() -> Self {
        Self {
            // docs/recommended.md has the reason for each constant. Those of the members were chosen by a
            // prototype on five data sets, what is averaged was chosen on the two groups of development sets.
            latent_dim: 16,
            local_rank: 8,
            local_landmarks: 60,
            local_features: 32,
            local_length: 1.0,
            shrinkage: vec![10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0],
            prior_powers: vec![0.0, 2.0],
            selected: 5,
            sparse_ridge: vec![1.0, 10.0],
            signed_ridge: vec![1.0],
            many_ridge: vec![100.0, 300.0, 1000.0],
            low_rank_ridge: vec![3.0, 10.0],
            local_ridge: vec![1.0, 3.0],
            slope_scale: 5.0,
            clip: 1e-4,
            fold_in_ridge: 0.1,
            caution: 1.0,
            correction_caution: 2.0,
            correction_min_instances: 50,
            folds: 5,
            max_instances: 50_000,
            seed: 0,
            gaps_tell: true,
            families: Families::default(),
            views: Views::default(),
            non_negative: true,
            shrink_to: ShrinkTo::default(),
            averaging: Averaging::default(),
        }
    }
}

impl RecommendedSpec {
    /// Refuses settings out of range.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`](cfe_core::Error::InvalidParameter).
    pub fn validate(&self) -> Result<()> {
        check_latent_dim(self.latent_dim)?;
        // Sizes first: beyond these a fit would not end, or would have nothing to choose by.
        for (name, value) in [
            ("local_rank", self.local_rank),
            ("local_landmarks", self.local_landmarks),
            ("local_features", self.local_features),
        ] {
            const ALLOWED: &str =
                "1 to 1000 are allowed; the local correction takes the cube of their number";
            ensure((1..=MOST_LOCAL).contains(&value), name, value, ALLOWED)?;
        }
        ensure(self.selected >= 1, "selected", self.selected, "at least 1 is needed; 5 is usual")?;
        let most = self.max_instances;
        ensure(most >= 100, "max_instances", most, "at least 100 are needed; 50000 is usual")?;
        ensure(self.folds >= 2, "folds", self.folds, "at least 2 folds are needed; 5 is usual")?;
        // Scales and strengths: outside these ranges squares and exponentials leave the doubles.
        for (name, value) in [("local_length", self.local_length), ("slope_scale", self.slope_scale)] {
            ensure((1e-3..=1e6).contains(&value), name, value, "1e-3 to 1e6")?;
        }
        check_strength("fold_in_ridge", self.fold_in_ridge)?;
        ensure(
            self.clip >= f64::EPSILON && self.clip < 0.5,
            "clip",
            self.clip,
            "at least 2.3e-16, so that 1 - clip is below 1, and below 0.5; 1e-4 is usual",
        )?;
        // No upper end is natural here; a correction that has to win by a million standard errors is off.
        const CAUTION: &str = "0 to 1e6; 1 is the one-standard-error rule";
        for (name, value) in [("caution", self.caution), ("correction_caution", self.correction_caution)] {
            ensure((0.0..=1e6).contains(&value), name, value, CAUTION)?;
        }
        for (name, list, used) in [
            ("shrinkage", &self.shrinkage, true),
            ("sparse_ridge", &self.sparse_ridge, self.families.sparse),
            ("signed_ridge", &self.signed_ridge, self.families.signed),
            ("many_ridge", &self.many_ridge, self.families.ridge),
            ("low_rank_ridge", &self.low_rank_ridge, self.families.low_rank),
            ("local_ridge", &self.local_ridge, self.families.local),
        ] {
            // A family that is off may have no strengths: that is how an ablation writes it.
            ensure(!(used && list.is_empty()), name, "[]", "at least one strength is needed")?;
            ensure(list.len() <= MOST_STRENGTHS, name, list.len(), "at most 100 strengths; each is a fit")?;
            list.iter().try_for_each(|&value| check_strength(name, value))?;
        }
        let powers = &self.prior_powers;
        const POWERS: &str = "at least one is needed; [0] is equal weights";
        ensure(!powers.is_empty(), "prior_powers", "[]", POWERS)?;
        ensure(
            powers.len() <= MOST_STRENGTHS,
            "prior_powers",
            powers.len(),
            "at most 100; each is many fits",
        )?;
        for &value in powers {
            ensure((0.0..=100.0).contains(&value), "prior_powers", value, "0 to 100; 0 is equal weights")?;
        }
        // What is left after views and families are switched off must be a model.
        let Views { probabilities, log_odds } = self.views;
        let Families { aggregator, selection, sparse, signed, low_rank, local, equal, .. } = self.families;
        let of_one_view = (sparse && log_odds) || (signed && probabilities);
        ensure(
            aggregator || selection || of_one_view || low_rank || local || equal,
            "families",
            "none",
            "at least one family must be on (sparse needs the log-odds, signed the probabilities)",
        )?;
        ensure(probabilities || log_odds, "views", "none", "at least one view must be on")
    }
}

/// Most landmarks, features and factors of the local correction.
const MOST_LOCAL: usize = 1000;
/// Most entries of a list of strengths or powers.
const MOST_STRENGTHS: usize = 100;

fn check_strength(name: &'static str, value: f64) -> Result<()> {
    ensure((1e-9..=1e9).contains(&value), name, value, "strengths are 1e-9 to 1e9")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_range_is_checked_and_nan_is_outside() {
        let default = RecommendedSpec::default;
        let (all, off) = (Families::ALL, Families::NONE);
        let broken = [
            RecommendedSpec { latent_dim: 0, ..default() },
            RecommendedSpec { local_rank: 0, ..default() },
            RecommendedSpec { local_landmarks: 0, ..default() },
            RecommendedSpec { local_landmarks: 1_000_000_000, ..default() },
            RecommendedSpec { latent_dim: usize::MAX, ..default() },
            RecommendedSpec { shrinkage: vec![1e308], ..default() },
            RecommendedSpec { local_features: 0, ..default() },
            RecommendedSpec { local_length: f64::NAN, ..default() },
            RecommendedSpec { shrinkage: vec![], ..default() },
            RecommendedSpec { shrinkage: vec![f64::INFINITY], ..default() },
            RecommendedSpec { prior_powers: vec![-1.0], ..default() },
            RecommendedSpec { prior_powers: vec![], ..default() },
            RecommendedSpec { selected: 0, ..default() },
            RecommendedSpec { sparse_ridge: vec![-1.0], ..default() },
            RecommendedSpec { signed_ridge: vec![], families: all, ..default() },
            RecommendedSpec { low_rank_ridge: vec![0.0], ..default() },
            RecommendedSpec { local_ridge: vec![], families: all, ..default() },
            RecommendedSpec { clip: 0.5, ..default() },
            // 1 - clip is 1 then, and its log-odds infinite.
            RecommendedSpec { clip: 1e-16, ..default() },
            RecommendedSpec { fold_in_ridge: 0.0, ..default() },
            RecommendedSpec { slope_scale: 0.0, ..default() },
            RecommendedSpec { slope_scale: f64::INFINITY, ..default() },
            RecommendedSpec { caution: f64::NAN, ..default() },
            RecommendedSpec { correction_caution: -1.0, ..default() },
            RecommendedSpec { folds: 1, ..default() },
            RecommendedSpec { max_instances: 99, ..default() },
            RecommendedSpec { families: off, ..default() },
            RecommendedSpec { views: Views { probabilities: false, log_odds: false }, ..default() },
        ];
        assert!(default().validate().is_ok());
        for spec in broken {
            assert!(spec.validate().is_err(), "{spec:?}");
        }
    }

    #[test]
    fn a_list_of_a_family_that_is_off_may_be_empty() {
        let families = Families { local: false, ..Families::ALL };
        let spec = RecommendedSpec { families, local_ridge: vec![], ..RecommendedSpec::default() };
        assert!(spec.validate().is_ok());
    }
}
