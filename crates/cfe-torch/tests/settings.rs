//! Absurd values in every key of the settings: refused by a typed error, or a run that ends as any other.
//! Never a panic, an abort or a hang.

use std::ops::ControlFlow;

use cfe_core::contract::absurd_settings;
use cfe_core::{EnsembleData, Error, FnObserver, Sampler, Step, Trainer};
use cfe_torch::{Device, StartSource, Torch, TorchSpec};
use ndarray::Array2;
use serde_json::{Value, json};

fn data() -> EnsembleData {
    let predictions = Array2::from_shape_fn((4, 24), |(u, i)| match (u + i) % 7 {
        0 => f64::NAN,
        _ => ((7 * i + 3 * u + i * u) % 17) as f64 / 17.0,
    });
    let labels = (0..24).map(|i| (i % 4 != 3).then_some(i % 5 == 0)).collect();
    EnsembleData::new(predictions, labels)
        .and_then(|data| data.with_confidence(Array2::from_elem((4, 24), 0.5)))
        .expect("valid")
}

fn base() -> TorchSpec {
    TorchSpec { latent_dim: 2, device: Device::Cpu, ..TorchSpec::default() }
}

/// A document for each variant of each choice, so that the keys inside of them are covered. Keys of structs
/// need no entry.
fn documents() -> Vec<Value> {
    let choices = [
        ("optimizer", json!({ "adamw": { "weight_decay": 0.1 } })),
        ("optimizer", json!({ "sgd": { "momentum": 0.5 } })),
        ("sampler", json!({ "balanced": { "batch_size": 4 } })),
        ("confidence", json!({ "strategy": { "calibration": { "floor": 0.1 } } })),
        (
            "confidence",
            json!({ "strategy": { "adaptive": { "certainty": 1, "calibration": 1, "agreement": 1 } } }),
        ),
        ("confidence", json!({ "strategy": { "learned": { "n_trees": 2, "max_depth": 2, "seed": 1 } } })),
        ("confidence", json!({ "strategy": "given" })),
        ("class_weight", json!({ "effective_number": { "beta": 0.9 } })),
        ("class_weight", json!({ "given": { "negative": 1.0, "positive": 2.0 } })),
        ("weight_schedule", json!({ "curriculum": { "iterations": 3 } })),
        ("weight_schedule", json!({ "recall": { "epsilon": 0.1 } })),
        ("weight_schedule", json!({ "uncertainty": { "epsilon": 0.1 } })),
        ("resampling", json!({ "random_over": { "ratio": 1.0 } })),
        ("resampling", json!({ "random_under": { "ratio": 1.0 } })),
        ("resampling", json!({ "smote": { "ratio": 1.0, "k_neighbors": 2 } })),
        ("resampling", json!({ "adasyn": { "ratio": 1.0, "k_neighbors": 2 } })),
        ("loss", json!({ "focal": { "gamma": 2.0 } })),
        ("loss", json!({ "label_smoothing": { "epsilon": 0.1 } })),
        ("aggregator", json!({ "kind": { "gated": { "hidden": 2 } } })),
        ("aggregator", json!({ "kind": "mean" })),
        ("aggregator", json!({ "weight_decay": 0.1, "center": true, "freeze_iterations": 1 })),
    ];
    let plain = serde_json::to_value(base()).expect("plain fields");
    let published = TorchSpec { latent_dim: 2, start: StartSource::Libtorch, ..TorchSpec::published() };
    let mut documents = vec![plain.clone(), serde_json::to_value(published).expect("plain fields")];
    for (key, value) in choices {
        let mut document = plain.clone();
        document[key] = value;
        documents.push(document);
    }
    documents
}

/// A few epochs: what is asked for may be a thousand million of them.
fn runs(spec: TorchSpec, data: &EnsembleData) -> Result<(), Error> {
    let torch = Torch::try_from(spec)?;
    let mut few = FnObserver(|step: &Step<'_>| match step.iteration {
        ..2 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    });
    let fitted = torch.fit_from(torch.start(data)?, data, &mut few)?;
    let predictions = fitted.model.predict_training(data)?;
    assert!(predictions.probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
    Ok(())
}

#[test]
fn absurd_values_of_every_key_are_refused_or_run() {
    let data = data();
    let (mut refused, mut ran) = (0, 0);
    for document in documents() {
        assert!(serde_json::from_value::<TorchSpec>(document.clone()).is_ok(), "{document}");
        for (what, absurd) in absurd_settings(&document) {
            let Ok(spec) = serde_json::from_value::<TorchSpec>(absurd) else {
                refused += 1;
                continue;
            };
            match runs(spec, &data) {
                Ok(()) => ran += 1,
                // Memory and devices are matters of the backend, which has errors of its own for them.
                Err(error @ Error::Backend { .. }) => {
                    let own = ["/memory_limit_bytes", "/device"].iter().any(|key| what.starts_with(key));
                    assert!(own, "{what}: {error}");
                    refused += 1;
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 1000 && ran > 500, "{refused} {ran}");
}

#[test]
fn what_hung_or_killed_the_process_is_refused() {
    let data = data();
    for latent_dim in [99_999, usize::MAX, 1_000_000_000] {
        let error = runs(TorchSpec { latent_dim, ..base() }, &data).expect_err("too many");
        assert!(error.to_string().contains("latent_dim"), "{error}");
    }
    for batch_size in [1_000_000_000, usize::MAX] {
        let sampler = Sampler::Balanced { batch_size };
        let error = runs(TorchSpec { sampler, ..base() }, &data).expect_err("too many");
        assert!(error.to_string().contains("batch_size"), "{error}");
    }
}
