//! Model files: the same model back, equal bytes for equal models, and nothing changed or cut off is used.

use std::fs;
use std::path::Path;

use cfe_core::synthetic::Correlated;
use cfe_core::{Aggregator, Confidence, ConfidenceStrategy, EnsembleData, Factors, Gate, Model, Objective};
use cfe_io::{MODEL_KIND, ModelDetails, ModelFile, ModelFileError, fingerprint};
use ndarray::{Array1, Array2, array};
use proptest::prelude::*;
use serde_json::json;

type Tensors = Vec<(String, ndarray::ArrayD<f64>)>;

fn data() -> EnsembleData {
    EnsembleData::new(
        array![[0.9, 0.2, 0.4, 0.1], [0.8, f64::NAN, 0.6, 0.3], [0.55, 0.35, 0.25, f64::NAN]],
        vec![Some(true), Some(false), None, Some(false)],
    )
    .and_then(|d| d.with_classifier_names(["forest", "svm", "mlp"].map(String::from).to_vec()))
    .expect("valid")
}

fn model(strategy: ConfidenceStrategy) -> Model {
    let (data, d) = (data(), 2);
    // Plain fractions, so that the golden file does not depend on a random generator.
    let number = |k: usize, u: usize| ((7 * k + 3 * u + 1) % 11) as f64 / 11.0 - 0.4;
    let factors = Factors {
        classifiers: Array2::from_shape_fn((d, 3), |(k, u)| number(k, u)),
        instances: Array2::from_shape_fn((d, 4), |(k, i)| number(i, k)),
    };
    let aggregator = Aggregator::Weighted { weights: vec![0.5, -0.25, 1.0 / 3.0], bias: 0.1 };
    let confidence = Confidence { strategy, label_alpha: 0.5 }.fit(&data).expect("valid");
    Model::new(&data, factors, aggregator, confidence, Objective::default()).expect("valid")
}

fn details() -> ModelDetails {
    let mut details = ModelDetails::default();
    details.calibrator = Some(json!({ "temperature": { "scale": 1.25 } }));
    details.threshold = Some(0.3125);
    details.seed = Some(u64::MAX);
    details.fingerprint = Some(fingerprint(&data()));
    details.provenance.insert("table".into(), json!("p.csv"));
    details
}

fn bytes() -> Vec<u8> {
    let file =
        ModelFile::from_model(&model(ConfidenceStrategy::Calibration { floor: 0.1 }), &details(), true)
            .expect("valid");
    file.to_bytes().expect("finite")
}

fn load(bytes: &[u8]) -> Result<(Model, ModelDetails), ModelFileError> {
    ModelFile::from_bytes("m", bytes)?.to_model()
}

#[test]
fn the_same_model_comes_back() {
    let dir = tempfile::tempdir().expect("temporary");
    let path = dir.path().join("m.safetensors");
    for strategy in [
        ConfidenceStrategy::Certainty,
        ConfidenceStrategy::Calibration { floor: 0.1 },
        ConfidenceStrategy::Adaptive { certainty: 0.5, calibration: 0.3, agreement: 0.2 },
    ] {
        let saved = model(strategy);
        ModelFile::from_model(&saved, &details(), true).and_then(|f| f.save(&path)).expect("writable");
        let (loaded, told) = ModelFile::load(&path).and_then(|f| f.to_model()).expect("readable");
        assert_eq!(loaded, saved);
        assert_eq!(told.crate_version, env!("CARGO_PKG_VERSION"));
        assert_eq!((told.seed, told.threshold), (Some(u64::MAX), Some(0.3125)));
        assert_eq!((told.calibrator, told.provenance), (details().calibrator, details().provenance));
        let mut mean = saved;
        mean.aggregator = Aggregator::Mean;
        let file = ModelFile::from_model(&mean, &ModelDetails::default(), false).expect("valid");
        let (loaded, _) = load(&file.to_bytes().expect("finite")).expect("readable");
        assert_eq!(loaded.factors.instances.dim(), (2, 0));
        let new = data().predictions().to_owned();
        assert_eq!(
            loaded.predict_new(new.view()).expect("fits"),
            mean.predict_new(new.view()).expect("fits")
        );
        assert!(loaded.predict_training(&data()).is_err());
    }
}

#[test]
fn a_gate_comes_back() {
    let mut saved = model(ConfidenceStrategy::Certainty);
    let mut gate = Gate::random(3, 2, 7);
    gate.output[(0, 1)] = 0.75;
    gate.output_bias[2] = -1.5;
    saved.aggregator = Aggregator::Gated { weights: vec![0.5, -0.25, 1.0 / 3.0], bias: 0.1, gate };
    let file = ModelFile::from_model(&saved, &ModelDetails::default(), true).expect("valid");
    assert_eq!(file.document()["aggregator"], "gated");
    let (loaded, _) = load(&file.to_bytes().expect("finite")).expect("readable");
    assert_eq!(loaded, saved);
    let mut broken = file;
    broken.insert("gate.V", array![[1.0, 2.0]].into_dyn());
    assert!(matches!(broken.to_model(), Err(ModelFileError::WrongShape { name, .. }) if name == "gate.V"));
}

#[test]
fn equal_models_are_equal_files() {
    assert!((0..20).all(|_| bytes() == bytes()));
}

#[test]
fn fingerprints_tell_data_apart() {
    let same = fingerprint(&data());
    assert_eq!(same.len(), 64);
    let renamed = data().with_classifier_names(["a", "b", "c"].map(String::from).to_vec()).expect("valid");
    let relabeled = data().with_labels(vec![None; 4]).expect("valid");
    let shorter = data().select_instances(&[0, 1, 2]).expect("valid");
    assert!([renamed, relabeled, shorter].iter().all(|other| fingerprint(other) != same));
}

#[test]
fn every_flipped_byte_is_seen() {
    let (bytes, saved) = (bytes(), model(ConfidenceStrategy::Calibration { floor: 0.1 }));
    for at in 0..bytes.len() {
        for flip in [1, 0x20, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            if let Ok((loaded, told)) = load(&changed) {
                assert_eq!(
                    (loaded, told.threshold),
                    (saved.clone(), details().threshold),
                    "byte {at} ^ {flip}"
                );
            }
        }
    }
}

#[test]
fn every_cut_is_seen() {
    let bytes = bytes();
    for length in 0..bytes.len() {
        let error = load(&bytes[..length]).expect_err("cut off");
        assert!(matches!(error, ModelFileError::Damaged { .. }), "{length}: {error}");
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(load(&longer).is_err());
}

#[test]
fn each_refusal_gives_its_reason() {
    let says = |bytes: &[u8], part: &str| {
        let message = load(bytes).expect_err("refused").to_string();
        assert!(message.starts_with("m: ") && message.contains(part), "{message}");
    };
    let text = |bytes: &[u8], from: &str, to: &str| {
        let at = bytes.windows(from.len()).position(|w| w == from.as_bytes()).expect("there");
        [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()
    };
    let good = bytes();
    says(
        &text(&good, "schema_version\\\":1", "schema_version\\\":7"),
        "of schema version 7, and this program knows versions up to 1",
    );
    says(&text(&good, "forest", "f0rest"), "changed since it was saved");
    let mut changed = good.clone();
    *changed.last_mut().expect("long") ^= 1;
    says(&changed, "changed since it was saved");
    says(b"id,label,p\n1,1,0.5\n", "not a model file");
    let mut terabyte = good.clone();
    terabyte[..8].copy_from_slice(&(1u64 << 40).to_le_bytes());
    says(&terabyte, "a header of 1099511627776 bytes is announced");
    let other =
        safetensors::serialize::<&str, safetensors::tensor::TensorView<'_>, _>([], None).expect("empty");
    says(&other, "without the metadata entry \"cf_ensemble\"");
    says(
        &ModelFile::new("other", json!({})).to_bytes().expect("finite"),
        "of kind \"other\", but \"cf-ensemble-model\"",
    );
    says(&ModelFile::new(MODEL_KIND, json!({})).to_bytes().expect("finite"), "missing field");
}

#[test]
fn impossible_parts_are_refused_though_the_sum_is_right() {
    let rebuilt = |change: &dyn Fn(&mut serde_json::Value, &mut Tensors)| {
        let file = ModelFile::from_bytes("m", &bytes()).expect("valid");
        let mut document = file.document().clone();
        let mut tensors = file.tensors().clone().into_iter().collect::<Tensors>();
        change(&mut document, &mut tensors);
        let mut file = ModelFile::new(MODEL_KIND, document);
        tensors.into_iter().for_each(|(name, tensor)| file.insert(name, tensor));
        load(&file.to_bytes()?).map(|_| ())
    };
    rebuilt(&|_, _| {}).expect("unchanged");
    let says = |result: Result<(), ModelFileError>, part: &str| {
        let message = result.expect_err("refused").to_string();
        assert!(message.contains(part), "{message}");
    };
    says(rebuilt(&|_, t| t.retain(|(name, _)| name != "w")), "no tensor \"w\"; the file holds \"X\"");
    says(rebuilt(&|_, t| t.retain(|(name, _)| name != "Y")), "no tensor \"Y\"");
    says(
        rebuilt(&|_, t| t.iter_mut().for_each(|(_, a)| *a = array![1.0].into_dyn())),
        "tensor \"X\" has shape [1], but [any, 3]",
    );
    says(rebuilt(&|_, t| t[0].1.fill(f64::NAN)), "holds NaN at position 0");
    says(rebuilt(&|d, _| d["classifier_names"][1] = json!("forest")), "\"forest\" occurs twice");
    says(rebuilt(&|d, _| d["threshold"] = json!(1.5)), "threshold 1.5");
    says(rebuilt(&|d, _| d["objective"]["rho"] = json!(-1.0)), "rho = -1");
    says(rebuilt(&|d, _| d["logit_shift"] = json!(null)), "cannot be used");
}

#[test]
fn a_failed_save_leaves_the_old_file() {
    let dir = tempfile::tempdir().expect("temporary");
    let path = dir.path().join("m.safetensors");
    fs::write(&path, bytes()).expect("writable");
    let mut broken = ModelFile::load(&path).expect("readable");
    broken.insert("w", array![f64::INFINITY].into_dyn());
    let message = broken.save(&path).expect_err("not finite").to_string();
    assert!(message.contains("tensor \"w\" holds inf"), "{message}");
    assert_eq!(fs::read(&path).expect("there"), bytes());
    let error = broken.save(dir.path().join("no/such/folder")).expect_err("nowhere");
    assert!(matches!(error, ModelFileError::NotFinite { .. } | ModelFileError::Write(_)));
}

/// `UPDATE_GOLDEN=1` writes the file anew; it then belongs to a new schema version.
#[test]
fn version_1_is_read_for_good() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/model-v1.safetensors");
    let expected = model(ConfidenceStrategy::Calibration { floor: 0.1 });
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, bytes()).expect("writable");
    }
    let (loaded, told) = ModelFile::load(&path).and_then(|f| f.to_model()).expect("readable");
    assert_eq!(loaded, expected);
    assert_eq!((told.threshold, told.seed), (Some(0.3125), Some(u64::MAX)));
    assert_eq!(told.fingerprint, Some(fingerprint(&data())));
    let z = loaded.predict_training(&data()).expect("fits").logits;
    // Written down once, so that a change of the formulas is seen as well.
    assert!(z.iter().zip(&GOLDEN_LOGITS).all(|(z, g)| (z - g).abs() < 1e-14), "{z:?}");
}

const GOLDEN_LOGITS: [f64; 4] =
    [0.112_561_983_471_074_39, -0.010_303_030_303_030_314, 0.154_710_743_801_652_9, 0.098_512_396_694_214_87];

proptest! {
    #[test]
    fn no_bytes_make_the_loader_panic(rest in prop::collection::vec(any::<u8>(), 0..300), header in "[{}\":,\\[\\]a-z0-9_]{0,80}") {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(&rest);
        let _ = load(&bytes);
        let _ = load(&rest);
    }
}

#[test]
fn the_forest_comes_back_from_a_file_and_is_checked() {
    let data = Correlated { n_instances: 1000, missing_share: 0.1, ..Correlated::default() };
    let data = data.generate(4).expect("valid").data;
    let strategy = ConfidenceStrategy::Learned { n_trees: 50, max_depth: 6, seed: 1 };
    let confidence = Confidence::new(strategy).fit(&data).expect("fits");
    let factors = Factors::random(2, data.n_classifiers(), data.n_instances(), 0.5, 1).expect("in range");
    let aggregator = Aggregator::equal_weights(data.n_classifiers());
    let saved = Model::new(&data, factors, aggregator, confidence, Objective::default()).expect("valid");
    let file = ModelFile::from_model(&saved, &ModelDetails::default(), true).expect("valid");
    let bytes = file.to_bytes().expect("finite");
    let (loaded, _) = ModelFile::from_bytes("m", &bytes).and_then(|f| f.to_model()).expect("readable");
    assert_eq!(loaded, saved);
    let new = data.predictions();
    assert_eq!(loaded.predict_new(new).expect("fits"), saved.predict_new(new).expect("fits"));

    for (name, tensor) in [
        ("forest.roots", Array1::from(vec![1e9]).into_dyn()),
        ("forest.nodes", Array2::from_elem((3, 5), 1.0).into_dyn()),
        ("forest.classifiers", Array2::zeros((2, 3)).into_dyn()),
    ] {
        let mut broken = file.clone();
        broken.insert(name, tensor);
        let error = broken.to_model().expect_err("refused");
        let wrong = matches!(error, ModelFileError::Invalid { .. } | ModelFileError::WrongShape { .. });
        assert!(wrong, "{name}: {error}");
    }
}
