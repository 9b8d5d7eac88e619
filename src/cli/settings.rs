//! Settings of a trainer, from `--set key=value` or the table `[set]` of a TOML file.

use std::str::FromStr;

use cfe_core::Trainer;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::{CliError, CliResult};
use super::options::{FitOptions, Preset, TrainerName};
use crate::Backend;
use crate::recommended::{Recommended, RecommendedSpec};

/// Settings by name; names of nested ones are joined by dots on the command line.
///
/// A value is read as JSON, or as text where it is none.
///
/// ```
/// use cf_ensemble::cli::Assignments;
///
/// let set: Assignments = "families.local=false".parse()?;
/// assert_eq!(set.as_json(), serde_json::json!({"families": {"local": false}}));
/// # Ok::<(), cf_ensemble::cli::CliError>(())
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
    type Err = CliError;

    fn from_str(text: &str) -> CliResult<Self> {
        let refused = || CliError::usage(format!("{text:?} is no setting; write KEY=VALUE, such as rank=8"));
        let (key, value) = text.split_once('=').ok_or_else(refused)?;
        if key.split('.').count() > DEEPEST {
            return Err(CliError::usage(format!(
                "a setting of {} levels is not allowed; at most {DEEPEST} are taken",
                key.split('.').count()
            )));
        }
        let mut value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
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

/// A trainer ready to run.
pub(super) enum Method {
    Recommended(Recommended),
    /// With the backend of that name.
    Backend(Box<dyn Trainer>),
}

/// A trainer, how it was chosen, and everything it was told.
pub(super) struct Chosen {
    pub name: TrainerName,
    pub method: Method,
    pub settings: Value,
}

/// Chooses trainer and settings and checks them, before any work.
pub(super) fn choose(options: &FitOptions, seed: u64) -> CliResult<Chosen> {
    let name = match (options.trainer, options.preset) {
        (None, None | Some(Preset::Recommended)) => TrainerName::Recommended,
        (None, Some(Preset::Published)) => TrainerName::Als,
        (Some(TrainerName::Recommended), Some(Preset::Published)) => {
            return Err(CliError::usage(
                "the trainer `recommended` has no preset `published`; take --trainer als or torch, or leave one out",
            ));
        }
        (Some(name @ (TrainerName::Als | TrainerName::Torch)), Some(Preset::Recommended)) => {
            return Err(CliError::usage(format!(
                "the preset `recommended` is a trainer of its own, and --trainer {name} is another; leave one out"
            )));
        }
        (Some(name), _) => name,
    };
    if let Some(folds) = options.folds.filter(|&folds| folds < 2) {
        return Err(CliError::usage(format!("--folds {folds}: at least 2 are needed; 5 is usual")));
    }
    let mut settings = base(name, options.preset)?;
    if options.set.0.contains_key("seed") {
        return Err(CliError::usage(
            "give the seed with --seed (`seed` at the top of a TOML file), not in `set`",
        ));
    }
    // A nested setting replaces the whole of its key: the alternatives of an enum exclude each other.
    settings.extend(options.set.0.clone());
    settings.insert("seed".to_owned(), seed.into());
    if name == TrainerName::Recommended
        && let Some(folds) = options.folds
    {
        settings.insert("folds".to_owned(), folds.into());
    }
    let settings = Value::Object(settings);
    let method = match name {
        TrainerName::Recommended => {
            let spec = RecommendedSpec::deserialize(&settings)
                .map_err(|e| CliError::usage(format!("settings of the trainer `recommended`: {e}")))?;
            Method::Recommended(Recommended::try_from(spec).map_err(|e| CliError::usage(e.to_string()))?)
        }
        TrainerName::Als => Method::Backend(Backend::Als.trainer_with(&settings)?),
        TrainerName::Torch => Method::Backend(Backend::Torch.trainer_with(&settings)?),
    };
    Ok(Chosen { name, method, settings })
}

/// What the user's settings are laid over.
fn base(name: TrainerName, preset: Option<Preset>) -> CliResult<Map<String, Value>> {
    #[cfg(feature = "torch")]
    if (name, preset) == (TrainerName::Torch, Some(Preset::Published)) {
        return match serde_json::to_value(cfe_torch::TorchSpec::published()) {
            Ok(Value::Object(map)) => Ok(map),
            _ => Err(CliError::usage("the published settings cannot be written as JSON")),
        };
    }
    // The defaults of `als` are the published ones.
    let _ = (name, preset);
    Ok(Map::new())
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

    #[test]
    fn what_excludes_each_other_is_refused() {
        let of = |trainer, preset| {
            choose(&FitOptions { trainer, preset, ..FitOptions::default() }, 0).map(|chosen| chosen.name)
        };
        assert_eq!(of(None, None).unwrap(), TrainerName::Recommended);
        assert!(of(Some(TrainerName::Recommended), Some(Preset::Published)).is_err());
        assert!(of(Some(TrainerName::Als), Some(Preset::Recommended)).is_err());
        #[cfg(feature = "als")]
        assert_eq!(of(None, Some(Preset::Published)).unwrap(), TrainerName::Als);
        let mut options = FitOptions { set: "ranks=8".parse().unwrap(), ..FitOptions::default() };
        assert!(choose(&options, 0).err().unwrap().to_string().contains("unknown field `ranks`"));
        options.set = "rank=0".parse().unwrap();
        assert!(choose(&options, 0).err().unwrap().to_string().contains("rank = 0 is not allowed"));
    }
}
