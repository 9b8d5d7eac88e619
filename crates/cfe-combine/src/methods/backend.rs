//! The trainers that implement [`Trainer`], by name.

use std::fmt;
use std::str::FromStr;

use cfe_core::Trainer;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Method;

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
    #[error("the settings of {method} cannot be read: {source}")]
    Settings {
        /// The method they were for.
        method: Method,
        /// What is wrong with them.
        source: serde_json::Error,
    },
    /// The settings, or the data, were refused.
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
        T::deserialize(settings).map_err(|source| BackendError::Settings { method: self.into(), source })
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
