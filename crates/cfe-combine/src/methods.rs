//! The one registry of methods: every way to combine, with its name, its description, its presets and how to
//! build it.
//!
//! A [`Method`] is a name. [`Method::TRAINERS`] are those that `cfe fit` keeps a model of; a [`Backend`] is
//! one of them that implements [`Trainer`] and may be missing from a build; a [`Baseline`] is a simple
//! combiner that a learned one has to beat. Options, searches and tables hold lists of these names.

use std::fmt;
use std::str::FromStr;

use cfe_core::Trainer;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::baselines::Baseline;
use crate::pipeline::Preset;

/// A way to combine classifiers, by its name in options, files and tables. Every build knows every name.
///
/// ```
/// use cf_ensemble::methods::Method;
///
/// for method in Method::all() {
///     assert_eq!(method.name().parse::<Method>()?, method);
///     println!("{:12} {}", method.name(), method.description());
/// }
/// # Ok::<(), cf_ensemble::methods::UnknownMethod>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Method {
    /// The recommended combiner.
    Recommended,
    /// Alternating least squares.
    Als,
    /// Joint training on libtorch.
    Torch,
    /// A simple combiner.
    Baseline(Baseline),
}

/// No method has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a method; known are {}", known())]
pub struct UnknownMethod {
    name: String,
}

fn known() -> String {
    Method::all().iter().map(|method| method.name()).collect::<Vec<_>>().join(", ")
}

impl Method {
    /// Those that learn a model which can be kept in a file.
    pub const TRAINERS: [Method; 3] = [Method::Recommended, Method::Als, Method::Torch];

    /// Every method: the trainers, then the baselines.
    pub fn all() -> Vec<Method> {
        Self::TRAINERS.into_iter().chain(Baseline::ALL.map(Method::Baseline)).collect()
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Method::Recommended => "recommended",
            Method::Als => "als",
            Method::Torch => "torch",
            Method::Baseline(baseline) => baseline.name(),
        }
    }

    /// What it does, in one line.
    pub fn description(self) -> &'static str {
        match self {
            Method::Recommended => {
                "average of regularized aggregators, weighed by cross-validation; the default"
            }
            Method::Als => "CF-Ensemble by alternating least squares, class-weighted",
            Method::Torch => {
                "CF-Ensemble by joint training on libtorch, class-weighted; needs a build with the feature `torch`"
            }
            Method::Baseline(baseline) => baseline.description(),
        }
    }

    /// The backend that trains it; `None` for the recommended combiner and the baselines.
    pub fn backend(self) -> Option<Backend> {
        match self {
            Method::Als => Some(Backend::Als),
            Method::Torch => Some(Backend::Torch),
            Method::Recommended | Method::Baseline(_) => None,
        }
    }

    /// Named settings that it has.
    pub fn presets(self) -> &'static [Preset] {
        match self {
            Method::Recommended => &[Preset::Recommended],
            Method::Als | Method::Torch => &[Preset::Published],
            Method::Baseline(_) => &[],
        }
    }

    /// The settings of a preset that differ from the defaults, as fields of the trainer's spec.
    pub(crate) fn preset_settings(self, preset: Option<Preset>) -> Map<String, Value> {
        #[cfg(feature = "torch")]
        if (self, preset) == (Method::Torch, Some(Preset::Published)) {
            return match serde_json::to_value(cfe_torch::TorchSpec::published()) {
                Ok(Value::Object(map)) => map,
                other => unreachable!("a spec is a struct with named fields: {other:?}"),
            };
        }
        // The defaults of `als` are the published ones.
        let _ = preset;
        Map::new()
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(name: &str) -> Result<Self, UnknownMethod> {
        let found = Self::all().into_iter().find(|method| method.name() == name);
        found.ok_or_else(|| UnknownMethod { name: name.to_owned() })
    }
}

impl TryFrom<String> for Method {
    type Error = UnknownMethod;

    fn try_from(name: String) -> Result<Self, UnknownMethod> {
        name.parse()
    }
}

impl From<Method> for String {
    fn from(method: Method) -> Self {
        method.name().to_owned()
    }
}

impl From<Backend> for Method {
    fn from(backend: Backend) -> Self {
        match backend {
            Backend::Als => Method::Als,
            Backend::Torch => Method::Torch,
        }
    }
}

/// A way of training. Every build knows every name; [`Backend::is_available`] says whether it can run it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// Alternating least squares, feature `als`.
    Als,
    /// Joint training on libtorch, feature `torch`.
    Torch,
}

/// Why a backend could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// No backend has this name.
    #[error("{0:?} is not a backend; known are als and torch")]
    Unknown(String),
    /// The backend exists, but not in this build.
    #[error(
        "this build has no {0} backend; build with `--features {0}` (torch also needs libtorch: docs/libtorch.md)"
    )]
    NotCompiledIn(Backend),
    /// The settings have an unknown key or a value of the wrong kind.
    ///
    /// Cure: correct the key or value that the message names; the fields of the spec are the keys.
    #[error("the settings of the {backend} backend cannot be read: {source}")]
    Settings {
        /// The backend they were for.
        backend: Backend,
        /// What is wrong with them.
        source: serde_json::Error,
    },
    /// The settings were refused.
    #[error(transparent)]
    Refused(#[from] cfe_core::Error),
}

impl Backend {
    /// Every backend there is.
    pub const ALL: [Backend; 2] = [Backend::Als, Backend::Torch];

    /// Those compiled in.
    pub fn available() -> Vec<Backend> {
        Self::ALL.into_iter().filter(|backend| backend.is_available()).collect()
    }

    /// Whether this build has it.
    pub fn is_available(self) -> bool {
        match self {
            Backend::Als => cfg!(feature = "als"),
            Backend::Torch => cfg!(feature = "torch"),
        }
    }

    /// A trainer with default settings.
    ///
    /// # Errors
    /// [`BackendError::NotCompiledIn`].
    pub fn trainer(self) -> Result<Box<dyn Trainer>, BackendError> {
        self.trainer_with(&Value::Object(Map::new()))
    }

    /// A trainer with settings: a JSON object with the fields of `AlsSpec` or `TorchSpec`; what is left out
    /// keeps its default, an unknown key is an error.
    ///
    /// ```
    /// # #[cfg(feature = "als")] {
    /// use cf_ensemble::{Backend, synthetic::Separable};
    ///
    /// let trainer = Backend::Als.trainer_with(&serde_json::json!({"latent_dim": 4, "seed": 7}))?;
    /// let fitted = trainer.fit(&Separable::default().generate(1)?.data)?;
    /// assert_eq!(fitted.model.factors.latent_dim(), 4);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`BackendError::NotCompiledIn`], [`BackendError::Settings`], [`BackendError::Refused`].
    pub fn trainer_with(self, settings: &Value) -> Result<Box<dyn Trainer>, BackendError> {
        match self {
            #[cfg(feature = "als")]
            Backend::Als => Ok(Box::new(cfe_als::Als::try_from(self.read::<cfe_als::AlsSpec>(settings)?)?)),
            #[cfg(feature = "torch")]
            Backend::Torch => {
                Ok(Box::new(cfe_torch::Torch::try_from(self.read::<cfe_torch::TorchSpec>(settings)?)?))
            }
            #[allow(unreachable_patterns, reason = "reached in builds that lack a backend")]
            missing => {
                let _ = settings;
                Err(BackendError::NotCompiledIn(missing))
            }
        }
    }

    #[cfg_attr(
        not(any(feature = "als", feature = "torch")),
        allow(dead_code, reason = "each backend calls it")
    )]
    fn read<T: DeserializeOwned>(self, settings: &Value) -> Result<T, BackendError> {
        T::deserialize(settings).map_err(|source| BackendError::Settings { backend: self, source })
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Method::from(*self).name())
    }
}

impl FromStr for Backend {
    type Err = BackendError;

    fn from_str(name: &str) -> Result<Self, BackendError> {
        Self::ALL
            .into_iter()
            .find(|backend| backend.to_string() == name)
            .ok_or_else(|| BackendError::Unknown(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_in_every_build() {
        for backend in Backend::ALL {
            assert_eq!(backend.to_string().parse::<Backend>().unwrap(), backend);
        }
        assert!(matches!("svd".parse::<Backend>(), Err(BackendError::Unknown(name)) if name == "svd"));
    }

    #[test]
    fn a_missing_backend_names_its_feature() {
        for backend in Backend::ALL {
            match backend.trainer() {
                Ok(trainer) => assert_eq!(trainer.name(), backend.to_string()),
                Err(error) => {
                    assert!(!backend.is_available());
                    assert!(error.to_string().contains(&format!("--features {backend}")), "{error}");
                }
            }
        }
    }

    #[test]
    fn unknown_keys_and_bad_values_are_refused() {
        for backend in Backend::available() {
            let unknown = backend.trainer_with(&serde_json::json!({"latent_dims": 3}));
            assert!(matches!(unknown, Err(BackendError::Settings { .. })));
            let refused = backend.trainer_with(&serde_json::json!({"latent_dim": 0}));
            assert!(matches!(refused, Err(BackendError::Refused(_))));
        }
    }
}
