//! What is done with hostile bytes: by the fuzz targets, and with seeded mutations by
//! `tests/hostile_bytes.rs`.
//!
//! Each function may refuse its input in words; a panic, a hang, or memory beyond the bound is a finding.

use cf_ensemble::als::{Als, AlsSpec};
use cf_ensemble::classes::{ClassModel, ClassPredictions};
use cf_ensemble::io::{AnyTable, ModelFile, Source, TableOptions, read_any_table, read_table};
use cf_ensemble::recommended::RecommendedSpec;
use cf_ensemble::synthetic::Separable;
use cf_ensemble::{Backend, FitOptions, SavedModel, Trainer as _};
use ndarray::{Array2, Array3, ArrayD};
use serde::Deserialize as _;

/// A table of any format, as its first bytes tell.
pub(crate) fn table(bytes: &[u8]) {
    let mut named = TableOptions::default();
    named.split_column = Some("split".to_owned());
    named.columns = vec!["*".to_owned()];
    for options in [TableOptions::default(), named] {
        if let Ok(AnyTable::Classes(table)) = read_any_table(Source::bytes("input", bytes.to_vec()), &options)
        {
            let values = table.predictions.values();
            assert!(values.iter().all(|p| p.is_nan() || (0.0..=1.0).contains(p)));
            assert_eq!(table.labels.len(), table.predictions.n_instances());
        }
        let Ok(table) = read_table(Source::bytes("input", bytes.to_vec()), &options) else { continue };
        // What was read keeps its promises.
        let data = &table.data;
        assert!(data.predictions().iter().all(|r| r.is_nan() || (0.0..=1.0).contains(r)));
        assert_eq!(data.labels().len(), data.n_instances());
        assert_eq!(table.in_train.len(), data.n_instances());
        assert!(data.instance_ids().is_none_or(|ids| ids.len() == data.n_instances()));
    }
}

/// A model file.
pub(crate) fn model(bytes: &[u8]) {
    if let Ok(file) = ModelFile::from_bytes("input", bytes) {
        use_model(&file);
        use_class_model(&file);
        use_state(&file);
    }
}

/// Files whose parts are exchanged: factors, factors with a learned confidence, recommended, a state of
/// training, a model of three classes.
const REAL: [&[u8]; 5] = [
    include_bytes!("corpus/model_file/model-v1.safetensors"),
    include_bytes!("corpus/model_file/learned.safetensors"),
    include_bytes!("corpus/model_file/recommended.safetensors"),
    include_bytes!("corpus/model_file/state.safetensors"),
    include_bytes!("corpus/model_file/classes.safetensors"),
];

/// The document of a model file whose checksum is right, beside the tensors of each real one.
pub(crate) fn model_document(bytes: &[u8]) {
    let Ok(document) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
    for real in REAL {
        let Ok(real) = ModelFile::from_bytes("real", real) else { continue };
        let mut file = ModelFile::new(real.kind(), document.clone());
        real.tensors().iter().for_each(|(name, tensor)| file.insert(name.clone(), tensor.clone()));
        use_bytes_of(&file);
    }
}

/// Numbers and shapes of the tensors of a real model, with a right checksum. The first byte chooses the
/// model; then come changes of ten bytes: tensor, place and value, or a new shape.
pub(crate) fn model_tensors(bytes: &[u8]) {
    let Some((&which, changes)) = bytes.split_first() else { return };
    let Ok(real) = ModelFile::from_bytes("real", REAL[usize::from(which) % REAL.len()]) else { return };
    let mut tensors = real.tensors().clone();
    let names: Vec<String> = tensors.keys().cloned().collect();
    for change in changes.chunks_exact(10) {
        let Some(tensor) = tensors.get_mut(&names[usize::from(change[0]) % names.len()]) else { continue };
        let value: [u8; 8] = change[2..].try_into().expect("eight bytes");
        if change[1] == u8::MAX {
            let shape = [usize::from(value[0]), usize::from(value[1])];
            *tensor = ArrayD::zeros(&shape[..1 + usize::from(value[2] % 2)]);
        } else if let Some(cell) = tensor.iter_mut().nth(usize::from(change[1])) {
            *cell = f64::from_le_bytes(value);
        }
    }
    let mut file = ModelFile::new(real.kind(), real.document().clone());
    tensors.into_iter().for_each(|(name, tensor)| file.insert(name, tensor));
    use_bytes_of(&file);
}

fn use_bytes_of(file: &ModelFile) {
    if let Ok(bytes) = file.to_bytes() {
        model(&bytes);
    }
}

fn use_model(file: &ModelFile) {
    let Ok(model) = SavedModel::from_file(file) else { return };
    let m = model.classifier_names().len();
    for value in [0.0, 0.3, 1.0, f64::NAN] {
        if let Ok(combined) = model.predict(Array2::from_elem((m, 2), value).view()) {
            assert!(combined.probabilities.iter().all(|p| (0.0..=1.0).contains(p) && p.is_finite()));
        }
    }
}

fn use_class_model(file: &ModelFile) {
    let Ok(model) = ClassModel::from_file(file) else { return };
    let (m, k) = (model.classifier_names().len(), model.classes().len());
    for value in [1.0 / k as f64, f64::NAN] {
        // Of one class all is given to the first, so that a row sums to 1.
        let values = Array3::from_shape_fn((m, 2, k), |(_, i, c)| match i {
            0 => value,
            _ => f64::from(u8::from(c == 0)),
        });
        let (names, classes) = (model.classifier_names().to_vec(), model.classes().to_vec());
        let Ok(predictions) = ClassPredictions::new(values, names, classes) else { continue };
        if let Ok(combined) = model.predict(&predictions) {
            assert!(combined.probabilities.iter().all(|p| (0.0..=1.0).contains(p) && p.is_finite()));
        }
    }
}

/// Resumes from a state with the data and the settings that the real one is of.
fn use_state(file: &ModelFile) {
    let Ok(state) = file.to_training_state() else { return };
    let drawn = Separable { n_classifiers: 3, n_instances: 12, prevalence: 0.3, ..Separable::default() };
    let data = drawn.generate(1).expect("in range").data;
    let spec = AlsSpec { latent_dim: 2, max_iterations: 6, tolerance: 0.0, ..AlsSpec::exact() };
    if let Ok(fitted) = Als::try_from(spec).expect("in range").resume(state, &data, &mut ()) {
        assert!(fitted.loss.total.is_finite());
    }
}

/// A file for `cfe fit --config`.
pub(crate) fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(options) = toml::from_str::<FitOptions>(text) else { return };
    let _ = options.table_options();
    let settings = options.set.as_json();
    let _ = Backend::Als.trainer_with(&settings);
    let _ = RecommendedSpec::deserialize(&settings).map(cf_ensemble::recommended::Recommended::try_from);
    if let Ok(text) = toml::to_string(&options) {
        let again = toml::from_str::<FitOptions>(&text).expect("what is written is read");
        assert_eq!(toml::to_string(&again).ok(), Some(text));
    }
}
