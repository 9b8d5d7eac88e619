//! Absurd values in every key of the settings: refused by a typed error, or a run that ends as any other.
//! Never a panic, an abort or a hang.

use std::ops::ControlFlow;

use cfe_als::{Als, AlsSpec};
use cfe_core::contract::absurd_settings;
use cfe_core::{EnsembleData, Error, FnObserver, Step, Trainer};
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

/// A document for each variant of each choice, so that the keys inside of them are covered. Keys of structs
/// need no entry.
fn documents() -> Vec<Value> {
    let choices = [
        ("objective", json!({ "label_aware": { "monitor_rho": 0.5 } })),
        ("objective", json!({ "exact": { "rho": 0.5, "reduction": "sum", "accelerate": true } })),
        ("confidence", json!({ "strategy": { "calibration": { "floor": 0.1 } } })),
        (
            "confidence",
            json!({ "strategy": { "adaptive": { "certainty": 1, "calibration": 1, "agreement": 1 } } }),
        ),
        ("confidence", json!({ "strategy": { "learned": { "n_trees": 2, "max_depth": 2, "seed": 1 } } })),
        ("confidence", json!({ "strategy": "given", "label_alpha": 1.0 })),
        ("confidence", json!({ "strategy": "label_aware" })),
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
        ("aggregator", json!({ "solver": "newton", "ridge": 0.1, "weight_decay": 0.1, "center": true })),
        ("aggregator", json!({ "solver": "bound", "non_negative": true, "freeze_iterations": 1 })),
    ];
    let mut documents: Vec<Value> = [AlsSpec::published(), AlsSpec::exact()]
        .map(|spec| serde_json::to_value(AlsSpec { latent_dim: 2, ..spec }).expect("plain fields"))
        .to_vec();
    for (key, value) in choices {
        for base in 0..2 {
            let mut document = documents[base].clone();
            document[key] = value.clone();
            documents.push(document);
        }
    }
    documents
}

/// A few iterations: what is asked for may be a thousand million of them.
fn runs(spec: AlsSpec, data: &EnsembleData) -> Result<(), Error> {
    let als = Als::try_from(spec)?;
    let mut few = FnObserver(|step: &Step<'_>| match step.iteration {
        ..3 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    });
    let fitted = als.fit_from(als.start(data)?, data, &mut few)?;
    let predictions = fitted.model.predict_training(data)?;
    assert!(predictions.probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
    Ok(())
}

#[test]
fn absurd_values_of_every_key_are_refused_or_run() {
    let data = data();
    let (mut refused, mut ran) = (0, 0);
    for document in documents() {
        for (what, absurd) in absurd_settings(&document) {
            let Ok(spec) = serde_json::from_value::<AlsSpec>(absurd) else {
                refused += 1;
                continue;
            };
            match runs(spec, &data) {
                Ok(()) => ran += 1,
                Err(Error::Backend { .. }) => panic!("{what}: no error of its own"),
                Err(error) => {
                    assert!(!error.to_string().contains("see the message"), "{what}: {error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 1000 && ran > 1000, "{refused} {ran}");
}

/// JSON has no NaN; TOML has, and so have settings that are made in Rust.
#[test]
fn nan_and_infinity_in_every_number_are_refused() {
    for document in documents() {
        let Ok(spec) = serde_json::from_value::<AlsSpec>(document) else { continue };
        let table = toml::Value::try_from(&spec).expect("plain fields");
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for (path, absurd) in with_float(&table, bad) {
                if let Ok(spec) = absurd.try_into::<AlsSpec>() {
                    assert!(spec.validate().is_err(), "{path} = {bad}");
                }
            }
        }
    }
}

/// Documents in which one of the floats is `bad`.
fn with_float(value: &toml::Value, bad: f64) -> Vec<(String, toml::Value)> {
    match value {
        toml::Value::Float(_) => vec![(String::new(), toml::Value::Float(bad))],
        toml::Value::Table(table) => table
            .iter()
            .flat_map(|(key, inner)| {
                with_float(inner, bad).into_iter().map(move |(path, changed)| {
                    let mut table = table.clone();
                    table.insert(key.clone(), changed);
                    (format!("{key}.{path}"), toml::Value::Table(table))
                })
            })
            .collect(),
        _ => Vec::new(),
    }
}

#[test]
fn what_killed_the_process_is_refused() {
    let data = data();
    for latent_dim in [99_999, usize::MAX, 1_000_000_000] {
        let error = runs(AlsSpec { latent_dim, ..AlsSpec::default() }, &data).expect_err("too many");
        assert!(matches!(error, Error::InvalidParameter { name: "latent_dim", .. }), "{error}");
    }
}
