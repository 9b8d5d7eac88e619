//! What decisions about classes are to make best.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{FitError, FitResult};

/// What decisions are to make best.
///
/// ```
/// use cf_ensemble::classes::DecisionRule;
///
/// let rule: DecisionRule = "costs=0,1,1/1,0,1/20,20,0".parse()?;
/// assert!(matches!(rule, DecisionRule::Costs(costs) if costs[2] == [20.0, 20.0, 0.0]));
/// # Ok::<(), cf_ensemble::FitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum DecisionRule {
    /// The class of the largest probability: fewest errors.
    #[default]
    Largest,
    /// Least expected cost: K lists of K, a row for each true class, a column for each decision.
    Costs(Vec<Vec<f64>>),
    /// The largest of w_k p_k, w fitted for macro F1 on out-of-fold predictions.
    MacroF1,
    /// The largest of w_k p_k, w fitted for the least total cost of wrong decisions, each row at its own
    /// cost.
    LeastCost,
}

impl DecisionRule {
    /// The forms that a rule can be written in.
    pub const FORMS: &'static str = "largest (probability), macro_f1, least_cost (of the cost column), costs=ROW/ROW/... (a row for each true class, a cost \
         for each decision)";
}

impl FromStr for DecisionRule {
    type Err = FitError;

    fn from_str(text: &str) -> FitResult<Self> {
        let refused = || FitError::options(format!("{text:?} is not a decision; write {}", Self::FORMS));
        match text.trim().split_once('=') {
            None if text == "largest" => Ok(DecisionRule::Largest),
            None if text == "macro_f1" => Ok(DecisionRule::MacroF1),
            None if text == "least_cost" => Ok(DecisionRule::LeastCost),
            Some(("costs", rows)) => {
                let row = |row: &str| {
                    row.split(',').map(|cost| cost.trim().parse().map_err(|_| refused())).collect()
                };
                Ok(DecisionRule::Costs(rows.split('/').map(row).collect::<FitResult<_>>()?))
            }
            _ => Err(refused()),
        }
    }
}

impl TryFrom<String> for DecisionRule {
    type Error = FitError;

    fn try_from(text: String) -> FitResult<Self> {
        text.parse()
    }
}

impl From<DecisionRule> for String {
    fn from(rule: DecisionRule) -> Self {
        match rule {
            DecisionRule::Largest => "largest".to_owned(),
            DecisionRule::MacroF1 => "macro_f1".to_owned(),
            DecisionRule::LeastCost => "least_cost".to_owned(),
            DecisionRule::Costs(rows) => {
                let row = |row: &Vec<f64>| row.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
                format!("costs={}", rows.iter().map(row).collect::<Vec<_>>().join("/"))
            }
        }
    }
}
