//! Fits a table, saves the model, loads it again and predicts new rows, one of which has a missing
//! prediction.
//!
//! `cargo run --release --example save_and_predict`

#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

use std::error::Error;

use cf_ensemble::io::{Source, TableOptions, read_table};
use cf_ensemble::ndarray::array;
use cf_ensemble::{FitOptions, SavedModel, fit};

fn main() -> Result<(), Box<dyn Error>> {
    // A file works in the same way: `Source::path("p.csv")`.
    let csv = Source::bytes("three classifiers", table().into());
    let table = read_table(csv, &TableOptions::default())?;
    let fitted = fit(&table, &FitOptions::default())?;

    let path = std::env::temp_dir().join(format!("cf-ensemble-example-{}.safetensors", std::process::id()));
    fitted.model.save(&path)?;
    let loaded = SavedModel::load(&path)?;
    std::fs::remove_file(&path)?;

    // Rows are classifiers, in the order of the model; columns are new instances. NaN is a missing
    // prediction.
    println!("classifiers: {}", loaded.classifier_names().join(", "));
    let new = array![[0.95, 0.10, 0.95], [0.80, 0.20, f64::NAN], [0.90, 0.05, 0.90]];
    let predicted = loaded.predict(new.view())?;
    for (i, probability) in predicted.probabilities.iter().enumerate() {
        println!("instance {i}: {probability:.3} from {} classifiers", predicted.n_observed[i]);
    }
    assert_eq!(predicted.n_observed, [3, 3, 2]);
    assert!(predicted.probabilities[0] > predicted.probabilities[1]);

    // The loaded model predicts the same bits as the fitted model.
    assert_eq!(predicted.logits, fitted.model.predict(new.view())?.logits);
    Ok(())
}

/// 200 rows with a label and the probabilities of three classifiers; every tenth row is positive.
fn table() -> String {
    let mut csv = "label,forest,svm,bayes\n".to_owned();
    for i in 0..200_u32 {
        let positive = i % 10 == 0;
        let center = if positive { 0.6 } else { 0.2 };
        // The errors differ from classifier to classifier.
        let [a, b, c] = [7, 11, 13].map(|k| center + 0.35 * f64::from(i * k % 17) / 16.0);
        csv += &format!("{},{a:.3},{b:.3},{c:.3}\n", u8::from(positive));
    }
    csv
}

#[test]
fn runs() {
    main().unwrap();
}
