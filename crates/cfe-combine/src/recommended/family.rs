//! The families of members.

use serde::{Deserialize, Serialize};

/// What a member is: four ways to weigh the classifiers, and two to correct them by the factorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Family {
    /// The aggregator alone: weights on both views, pulled to a prior direction.
    Aggregator,
    /// The aggregator with all its weight on the few best classifiers.
    Selection,
    /// The aggregator with weights on the log-odds alone, pulled to zero.
    Sparse,
    /// The aggregator with weights of either sign on the probabilities, pulled to zero.
    Signed,
    /// A correction linear in the instance factors.
    LowRank,
    /// A correction local in the space of the instance factors.
    Local,
    /// The calibrated mean of the log-odds (of the probabilities without that view).
    Equal,
    /// Greedy selection on bags of the instances, of many classifiers.
    Bagged,
    /// Shrunken weights on the log-odds of many classifiers.
    Ridge,
}

impl Family {
    /// Whether its weight in the average has to be earned against the families that are averaged alike.
    pub(super) fn must_earn(self) -> bool {
        matches!(self, Family::LowRank | Family::Local | Family::Equal)
    }

    /// Whether it is fitted to more columns than the others, and of many classifiers alone.
    pub(super) fn is_of_many(self) -> bool {
        matches!(self, Family::Bagged | Family::Ridge)
    }

    /// Whether a member is one slope on a mean that is chosen beforehand.
    pub(super) fn is_mean(self) -> bool {
        matches!(self, Family::Selection | Family::Equal | Family::Bagged)
    }
}
