//! Settings of a trainer, from `--set key=value` or the table `[set]` of a TOML file.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{FitError, FitResult};

/// Settings by name; names of nested ones are joined by dots on the command line.
///
/// A value is read as JSON, or as text where it is none.
///
/// ```
/// use cf_ensemble::pipeline::Assignments;
///
/// let set: Assignments = "families.local=false".parse()?;
/// assert_eq!(set.as_json(), serde_json::json!({"families": {"local": false}}));
/// # Ok::<(), cf_ensemble::FitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Assignments(Map<String, Value>);

impl Assignments {
    /// Several, of which a later one overrides an earlier.
    pub fn all(several: impl IntoIterator<Item = Self>) -> Self {
        several.into_iter().fold(Self::default(), |all, next| next.over(all))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As a JSON object.
    pub fn as_json(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// These, and of the others what these do not say.
    #[must_use]
    pub fn over(self, other: Self) -> Self {
        let mut all = other.0;
        merge(&mut all, self.0);
        Self(all)
    }
}

fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => merge(old, new),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

impl From<Map<String, Value>> for Assignments {
    fn from(map: Map<String, Value>) -> Self {
        Self(map)
    }
}

/// Levels of a setting: values nested without end would exhaust the stack.
const DEEPEST: usize = 16;

impl FromStr for Assignments {
    type Err = FitError;

    fn from_str(text: &str) -> FitResult<Self> {
        let refused =
            || FitError::options(format!("{text:?} is not a setting; write KEY=VALUE, such as latent_dim=8"));
        let (key, value) = text.split_once('=').ok_or_else(refused)?;
        if key.split('.').count() > DEEPEST {
            return Err(FitError::options(format!(
                "a setting of {} levels is not allowed; at most {DEEPEST} are taken",
                key.split('.').count()
            )));
        }
        let mut value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        // From the innermost key outward, so that each step wraps what there is.
        for part in key.rsplit('.') {
            if part.trim().is_empty() {
                return Err(refused());
            }
            value = Value::Object(Map::from_iter([(part.trim().to_owned(), value)]));
        }
        match value {
            Value::Object(map) => Ok(Self(map)),
            _ => Err(refused()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(text: &str) -> Value {
        text.parse::<Assignments>().unwrap().as_json()
    }

    #[test]
    fn values_are_json_or_text() {
        assert_eq!(parse("rank=8"), json!({"rank": 8}));
        assert_eq!(parse("shrinkage=[10, 30]"), json!({"shrinkage": [10, 30]}));
        assert_eq!(parse("averaging=flat"), json!({"averaging": "flat"}));
        assert_eq!(parse("objective.exact.rho=0.5"), json!({"objective": {"exact": {"rho": 0.5}}}));
        for bad in ["rank", "=3", "a..b=1", ".a=1"] {
            assert!(bad.parse::<Assignments>().is_err(), "{bad}");
        }
    }

    #[test]
    fn nested_settings_are_merged_key_by_key() {
        let first: Assignments = "a.b=1".parse().unwrap();
        let second: Assignments = "a.c=2".parse().unwrap();
        let third: Assignments = "a.b=3".parse().unwrap();
        assert_eq!(first.over(second).over(third).as_json(), json!({"a": {"b": 1, "c": 2}}));
    }
}
