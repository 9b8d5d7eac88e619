//! Options checked before any table is read: which trainer, with which settings.

use std::path::PathBuf;

use cfe_core::Trainer;
use cfe_core::settings::rename_keys;
use serde::Deserialize;
use serde_json::Value;

use super::options::{FitOptions, TrainingColumns};
use super::request::Request;
use super::watch::Watch;
use crate::error::{CheckpointError, FitError, FitResult};
use crate::methods::{Method, Preset};
use crate::recommended::{Recommended, RecommendedSpec};

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

    /// Where the fit of class `class` of several keeps its progress: the file of the checkpoint with the
    /// number of the class, counted from 0, at its end.
    pub(super) fn checkpoint_of_class(&self, class: usize) -> FitResult<Option<Request>> {
        let Some(Request { path, every }) = &self.checkpoint else { return Ok(None) };
        let mut name = path.clone().into_os_string();
        name.push(format!(".class{class}"));
        let path = PathBuf::from(name);
        if path.exists() && !self.options.resume {
            return Err(CheckpointError::Exists { file: path.display().to_string() }.into());
        }
        Ok(Some(Request { path, every: *every }))
    }

    /// Tells the warnings about the settings.
    pub(crate) fn warn_of_settings(&self, watch: &dyn Watch) {
        self.warnings.iter().for_each(|warning| watch.warn(warning));
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
        // What contradicts itself is refused first, then settings are merged, and last the trainer is built.
        if let Some(folds) = self.folds.filter(|&folds| folds < 2) {
            return Err(FitError::options(format!("folds {folds}: at least 2 are needed; 5 is usual")));
        }
        let TrainingColumns { fold_column, time_column, .. } = &self.training;
        if fold_column.is_some() && time_column.is_some() {
            return Err(FitError::options(
                "fold_column and time_column exclude each other: rows are scored by the folds, or by earlier rows",
            ));
        }
        if let (Some(column), Some(folds)) = (fold_column, self.folds) {
            return Err(FitError::options(format!(
                "fold_column {column:?} and folds {folds} exclude each other: each value of the column is a fold"
            )));
        }
        let mut set = self.set.as_json();
        // First the preset, then what was set, then what has an option of its own; the later one wins.
        let mut settings = name.preset_settings(self.preset);
        if set.get("seed").is_some() {
            return Err(FitError::options(
                "`seed` is an option of its own (`--seed`, or `seed` at the top of a TOML file); take it out of `set`",
            ));
        }
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
        if self.fallback.is_some() && name != Method::Recommended {
            return Err(FitError::options(format!(
                "a fallback is for the trainer recommended, whose chances against the mean are known, and the trainer is \
                 {name}; leave one out"
            )));
        }
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
        let checkpoint = Request::of(self, name)?;
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
    use super::*;

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
