//! What a fit of K classes can be told.

use serde::{Deserialize, Serialize};

#[cfg(doc)]
use super::ClassModel;
use super::couple::CouplingMethod;
use super::decision_rule::DecisionRule;
#[cfg(doc)]
use crate::pipeline::FitOptions;

/// What a fit of K classes can be told besides [`FitOptions`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ClassOptions {
    /// What decisions are to make best.
    pub decision: DecisionRule,
    /// How the classes are coupled.
    pub coupling: CouplingMethod,
    /// The group of each row (n), for rows that folds keep together.
    pub groups: Option<Vec<String>>,
    /// The fold that each row was held out in (n), each value one fold: cross-validation follows them.
    pub folds: Option<Vec<String>>,
    /// When each row happened (n), finite in labeled rows: rows are scored by earlier ones, and those of the
    /// first block are not scored. Excludes `folds`.
    pub times: Option<Vec<f64>>,
    /// What a wrong decision about each row costs (n, finite, at least 0), for [`DecisionRule::LeastCost`]
    /// and the mean cost.
    pub costs: Option<Vec<f64>>,
    /// Whether each classifier is left out in turn for each class, so that [`ClassModel::trust`] knows what
    /// it adds; of the trainer `recommended` alone. A fit then takes about twice as long.
    pub leave_out: bool,
}
