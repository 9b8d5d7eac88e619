//! The forms in which the trainers are compared, each with its name and how to build it.

use cf_ensemble::als::AlsSpec;
use cf_ensemble::methods::Method;
use cf_ensemble::{Backend, BackendError, ClassWeight, Trainer};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A trainer of the registry with the settings that a comparison starts from.
///
/// | name | spec |
/// |---|---|
/// | `als` | `AlsSpec::default()`: as published, with class weights |
/// | `als_unweighted` | the same, every instance counting the same |
/// | `als_exact` | `AlsSpec::exact()`: the objective of joint training |
/// | `torch` | `TorchSpec::published()`, with class weights |
/// | `torch_unweighted` | the same, every instance counting the same |
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrainerForm {
    /// ALS as published, with class weights.
    Als,
    /// ALS as published, without class weights.
    AlsUnweighted,
    /// ALS on the objective of joint training.
    // Grids of 0.1.0 have the words in the other order.
    #[serde(alias = "exact_als")]
    AlsExact,
    /// Joint training as published, with class weights, f32 on the CPU.
    Torch,
    /// The same without class weights.
    TorchUnweighted,
}

impl TrainerForm {
    /// Every form there is, in the order of tables.
    pub const ALL: [TrainerForm; 5] = [
        TrainerForm::Als,
        TrainerForm::AlsUnweighted,
        TrainerForm::AlsExact,
        TrainerForm::Torch,
        TrainerForm::TorchUnweighted,
    ];

    /// Those that this build can run.
    pub fn available() -> impl Iterator<Item = TrainerForm> {
        Self::ALL.into_iter().filter(|form| form.backend().is_available())
    }

    /// Name in tables, files and grids.
    pub fn name(self) -> &'static str {
        match self {
            TrainerForm::Als | TrainerForm::Torch => self.method().name(),
            TrainerForm::AlsUnweighted => "als_unweighted",
            TrainerForm::AlsExact => "als_exact",
            TrainerForm::TorchUnweighted => "torch_unweighted",
        }
    }

    /// What it does, in a few words.
    pub fn description(self) -> &'static str {
        match self {
            TrainerForm::Als => "ALS as published, class weights, prior-corrected",
            TrainerForm::AlsUnweighted => "ALS as published, without class weights",
            TrainerForm::AlsExact => "ALS on the objective of joint training, class weights, prior-corrected",
            TrainerForm::Torch => "joint training as published, class weights, prior-corrected",
            TrainerForm::TorchUnweighted => "joint training as published, without class weights",
        }
    }

    /// The method of the registry that it is a form of.
    pub fn method(self) -> Method {
        self.backend().into()
    }

    /// What trains it.
    pub fn backend(self) -> Backend {
        match self {
            TrainerForm::Als | TrainerForm::AlsUnweighted | TrainerForm::AlsExact => Backend::Als,
            TrainerForm::Torch | TrainerForm::TorchUnweighted => Backend::Torch,
        }
    }

    /// Whether every class counts the same in its loss.
    pub fn is_weighted(self) -> bool {
        !matches!(self, TrainerForm::AlsUnweighted | TrainerForm::TorchUnweighted)
    }

    /// Every setting as a field of the trainer's spec.
    ///
    /// # Errors
    /// [`BackendError::NotCompiledIn`].
    pub fn settings(self) -> Result<Map<String, Value>, BackendError> {
        let class_weight = if self.is_weighted() { ClassWeight::Balanced } else { ClassWeight::Uniform };
        let spec = match self {
            TrainerForm::Als | TrainerForm::AlsUnweighted => {
                serde_json::to_value(AlsSpec { class_weight, ..AlsSpec::default() })
            }
            TrainerForm::AlsExact => serde_json::to_value(AlsSpec::exact()),
            #[cfg(feature = "torch")]
            TrainerForm::Torch | TrainerForm::TorchUnweighted => {
                use cf_ensemble::torch::TorchSpec;
                serde_json::to_value(TorchSpec { class_weight, ..TorchSpec::published() })
            }
            #[cfg(not(feature = "torch"))]
            TrainerForm::Torch | TrainerForm::TorchUnweighted => {
                return Err(BackendError::NotCompiledIn(Backend::Torch));
            }
        };
        match spec {
            Ok(Value::Object(settings)) => Ok(settings),
            other => unreachable!("a spec is a struct with named fields: {other:?}"),
        }
    }

    /// A trainer of this form, with the seed of its start.
    ///
    /// # Errors
    /// [`BackendError::NotCompiledIn`].
    pub fn trainer(self, seed: u64) -> Result<Box<dyn Trainer>, BackendError> {
        let mut settings = self.settings()?;
        settings.insert("seed".to_owned(), seed.into());
        self.backend().trainer_with(&Value::Object(settings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_grids_and_begin_with_the_method() {
        for form in TrainerForm::ALL {
            let written = serde_json::to_value(form).expect("a name");
            assert_eq!(written, form.name());
            assert!(form.name().starts_with(form.method().name()), "{}", form.name());
            assert_eq!(serde_json::from_value::<TrainerForm>(written).expect("reads its own name"), form);
        }
        let old: TrainerForm = serde_json::from_str("\"exact_als\"").expect("a name of 0.1.0");
        assert_eq!(old, TrainerForm::AlsExact);
    }

    #[test]
    fn settings_survive_the_way_through_json() {
        let settings = TrainerForm::AlsUnweighted.settings().expect("compiled in");
        let spec: AlsSpec = serde_json::from_value(Value::Object(settings)).expect("fields of a spec");
        assert_eq!(spec, AlsSpec { class_weight: ClassWeight::Uniform, ..AlsSpec::default() });
        let exact: AlsSpec =
            serde_json::from_value(Value::Object(TrainerForm::AlsExact.settings().expect("compiled in")))
                .expect("fields of a spec");
        assert_eq!(exact, AlsSpec::exact());
    }
}
