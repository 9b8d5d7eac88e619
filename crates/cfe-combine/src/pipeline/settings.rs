//! Settings of a trainer, from `--set key=value` or the table `[set]` of a TOML file.

use std::str::FromStr;

use cfe_core::Trainer;
use cfe_core::settings::rename_keys;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::checkpoint::Request;
use super::options::{FitOptions, Preset};
use crate::error::{FitError, FitResult};
use crate::methods::Method;
use crate::recommended::{Recommended, RecommendedSpec};

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

/// A trainer ready to run.
#[non_exhaustive]
pub enum ReadyTrainer {
    /// The recommended combiner.
    Recommended(Recommended),
    /// A backend.
    Backend(Box<dyn Trainer>),
}

/// A fit whose options are checked: a trainer, how it was chosen, and everything it was told.
///
/// Made by [`FitOptions::plan`], before any table is read.
#[non_exhaustive]
pub struct FitPlan {
    /// The options.
    pub options: FitOptions,
    /// Name of the trainer.
    pub trainer: Method,
    /// The trainer with its settings.
    pub ready: ReadyTrainer,
    /// Settings of the trainer, as it was told: a JSON object.
    pub settings: Value,
    pub(super) checkpoint: Option<Request>,
    /// What to tell about the settings when the fit starts.
    pub(super) warnings: Vec<String>,
}

impl FitPlan {
    /// Seed of everything random.
    pub fn seed(&self) -> u64 {
        self.options.seed.unwrap_or(0)
    }
}

impl FitOptions {
    /// Chooses trainer and settings and checks them, before any work.
    ///
    /// # Errors
    /// [`FitError::Options`], [`FitError::Backend`], [`FitError::Checkpoint`] for a file that exists and is
    /// not to be resumed.
    pub fn plan(&self) -> FitResult<FitPlan> {
        let name = self.trainer_name()?;
        if let Some(folds) = self.folds.filter(|&folds| folds < 2) {
            return Err(FitError::options(format!("folds {folds}: at least 2 are needed; 5 is usual")));
        }
        // First the preset, then what was set, then what has an option of its own; the later one wins.
        let mut settings = name.preset_settings(self.preset);
        if self.set.0.contains_key("seed") {
            return Err(FitError::options(
                "`seed` is an option of its own (`--seed`, or `seed` at the top of a TOML file); take it out of `set`",
            ));
        }
        let mut set = Value::Object(self.set.0.clone());
        let warnings = rename_keys(name.name(), &mut set).map_err(|e| FitError::options(e.to_string()))?;
        // A nested setting replaces the whole of its key: the alternatives of an enum exclude each other.
        settings.extend(set.as_object().cloned().expect("an object, as it was made"));
        settings.insert("seed".to_owned(), self.seed.unwrap_or(0).into());
        // The recommended combiner cross-validates by itself, so the number of folds is one of its settings.
        if name == Method::Recommended
            && let Some(folds) = self.folds
        {
            settings.insert("folds".to_owned(), folds.into());
        }
        let settings = Value::Object(settings);
        // The trainer is built here since its constructor checks the settings; a mistake shows before the
        // table is read.
        let ready = match name.backend() {
            Some(backend) => ReadyTrainer::Backend(backend.trainer_with(&settings)?),
            None => {
                let spec = RecommendedSpec::deserialize(&settings)
                    .map_err(|e| FitError::options(format!("settings of the trainer `recommended`: {e}")))?;
                let trainer = Recommended::try_from(spec).map_err(|e| FitError::options(e.to_string()))?;
                ReadyTrainer::Recommended(trainer)
            }
        };
        let checkpoint = Request::of(self, &ready)?;
        Ok(FitPlan { options: self.clone(), trainer: name, ready, settings, checkpoint, warnings })
    }

    fn trainer_name(&self) -> FitResult<Method> {
        match (self.trainer, self.preset) {
            (None, None | Some(Preset::Recommended)) => Ok(Method::Recommended),
            (None, Some(Preset::Published)) => Ok(Method::Als),
            (Some(Method::Recommended), Some(Preset::Published)) => Err(FitError::options(
                "the trainer `recommended` has no preset `published`; take the trainer als or torch, or leave one out",
            )),
            (Some(Method::Baseline(baseline)), _) => Err(FitError::options(format!(
                "{} is a simple combiner, which `cfe fit` compares with and does not train; take the trainer \
                 recommended, als or torch",
                baseline.name()
            ))),
            (Some(name @ (Method::Als | Method::Torch)), Some(Preset::Recommended)) => {
                Err(FitError::options(format!(
                    "the preset `recommended` is a trainer of its own, and the trainer {name} is another; leave one out"
                )))
            }
            (Some(name), _) => Ok(name),
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

    #[test]
    fn what_excludes_each_other_is_refused() {
        let settings_of = |trainer, preset| {
            FitOptions { trainer, preset, ..FitOptions::default() }.plan().map(|plan| plan.trainer)
        };
        assert_eq!(settings_of(None, None).unwrap(), Method::Recommended);
        assert!(settings_of(Some(Method::Recommended), Some(Preset::Published)).is_err());
        assert!(settings_of(Some(Method::Als), Some(Preset::Recommended)).is_err());
        #[cfg(feature = "als")]
        assert_eq!(settings_of(None, Some(Preset::Published)).unwrap(), Method::Als);
        let mut options = FitOptions { set: "ranks=8".parse().unwrap(), ..FitOptions::default() };
        assert!(options.plan().err().unwrap().to_string().contains("unknown field `ranks`"));
        options.set = "latent_dim=0".parse().unwrap();
        assert!(options.plan().err().unwrap().to_string().contains("latent_dim = 0 is not allowed"));
    }

    #[test]
    fn a_key_of_version_0_1_0_is_read_with_a_warning() {
        let options = FitOptions { set: "rank=8".parse().unwrap(), ..FitOptions::default() };
        let plan = options.plan().unwrap();
        assert_eq!(plan.settings["latent_dim"], 8);
        assert_eq!(plan.warnings.len(), 1);
        assert!(plan.warnings[0].contains("is now called `latent_dim`"), "{:?}", plan.warnings);
    }
}
