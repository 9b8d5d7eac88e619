//! The five rows of the published table.

use std::fmt;

use cf_ensemble::als::AlsSpec;
use cf_ensemble::{Backend, BackendError, EnsembleData, Error, Parameters, Trainer};
use serde::Serialize;

use crate::numpy;
use crate::trainer_form::TrainerForm;

/// Seed of both start factors, as published.
pub const SEED: u32 = 42;

/// A way of combining the classifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The mean of the classifiers.
    SimpleAverage,
    /// ALS, every instance counting the same.
    AlsUnweighted,
    /// ALS, every class counting the same.
    AlsWeighted,
    /// libtorch, every instance counting the same.
    TorchUnweighted,
    /// libtorch, every class counting the same.
    TorchWeighted,
}

impl Method {
    /// In the order of the table.
    pub const ALL: [Method; 5] = [
        Method::SimpleAverage,
        Method::AlsUnweighted,
        Method::AlsWeighted,
        Method::TorchUnweighted,
        Method::TorchWeighted,
    ];

    /// The name in machine-readable output.
    pub fn id(self) -> &'static str {
        match self {
            Method::SimpleAverage => "simple_average",
            Method::AlsUnweighted => "als_unweighted",
            Method::AlsWeighted => "als_weighted",
            Method::TorchUnweighted => "torch_unweighted",
            Method::TorchWeighted => "torch_weighted",
        }
    }

    /// The name for people.
    pub fn label(self) -> &'static str {
        match self {
            Method::SimpleAverage => "simple average",
            Method::AlsUnweighted => "ALS unweighted",
            Method::AlsWeighted => "ALS weighted",
            Method::TorchUnweighted => "torch unweighted",
            Method::TorchWeighted => "torch weighted",
        }
    }

    /// The form of a trainer that it is; `None` for the simple average.
    pub fn form(self) -> Option<TrainerForm> {
        match self {
            Method::SimpleAverage => None,
            Method::AlsUnweighted => Some(TrainerForm::AlsUnweighted),
            Method::AlsWeighted => Some(TrainerForm::Als),
            Method::TorchUnweighted => Some(TrainerForm::TorchUnweighted),
            Method::TorchWeighted => Some(TrainerForm::Torch),
        }
    }

    /// What trains it, if anything does.
    pub fn backend(self) -> Option<Backend> {
        self.form().map(TrainerForm::backend)
    }

    /// Whether this build can run it.
    pub fn is_available(self) -> bool {
        self.backend().is_none_or(Backend::is_available)
    }

    /// Whether its loss is class-weighted.
    pub fn is_weighted(self) -> bool {
        self.form().is_some_and(TrainerForm::is_weighted)
    }

    /// Its trainer in the published configuration; `None` for the simple average.
    ///
    /// # Errors
    /// [`BackendError::NotCompiledIn`].
    pub fn trainer(self) -> Result<Option<Box<dyn Trainer>>, BackendError> {
        self.form().map(|form| form.trainer(SEED.into())).transpose()
    }

    /// The published start: numpy's numbers for ALS; libtorch draws its own.
    ///
    /// # Errors
    /// What drawing can fail with.
    pub fn start(self, trainer: &dyn Trainer, data: &EnsembleData) -> Result<Parameters, Error> {
        match self.backend() {
            Some(Backend::Als) => {
                let d = AlsSpec::default().latent_dim;
                Ok(numpy::published_start(SEED, d, data.n_classifiers(), data.n_instances()))
            }
            _ => trainer.start(data),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}
