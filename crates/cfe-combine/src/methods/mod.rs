//! The one registry of methods: every way to combine, with its name, its description, its presets and how to
//! build it.
//!
//! A [`Method`] is a name. [`Method::TRAINERS`] are those that `cfe fit` keeps a model of; a [`Backend`] is
//! one of them that implements [`Trainer`](cfe_core::Trainer) and may be missing from a build; a [`Baseline`] is a simple
//! combiner that a learned one has to beat. Options, searches and tables hold lists of these names.

mod backend;
mod fitted;
mod preset;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use backend::{Backend, BackendError};
pub use fitted::{FittedMethod, Scores};
pub use preset::Preset;

use crate::baselines::Baseline;

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
