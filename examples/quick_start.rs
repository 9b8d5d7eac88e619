//! Combines the probabilities of several classifiers and compares the result with their average.
//!
//! `cargo run --release --example quick_start`

#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

use std::error::Error;

use cf_ensemble::baselines::Baseline;
use cf_ensemble::metrics::Scored;
use cf_ensemble::recommended::{Recommended, RecommendedSpec};
use cf_ensemble::synthetic::Correlated;

fn main() -> Result<(), Box<dyn Error>> {
    // In your program: `EnsembleData::new(r, labels)`. r is an array of m classifiers x n instances, with NaN
    // for a missing prediction; labels are `Some(true)`, `Some(false)`, or `None` if the label is unknown.
    let drawn = Correlated::default().generate(1)?;
    let data = &drawn.data;
    let (negatives, positives) = data.class_counts();
    println!("{} classifiers, {} instances", data.n_classifiers(), data.n_instances());
    println!("{positives} labeled positives, {negatives} labeled negatives");

    let combined = Recommended::try_from(RecommendedSpec::default())?.fit(data)?.model;
    let predictions = combined.predict(data.predictions())?;
    let average = Baseline::Mean.fit(data)?.predict(data.predictions())?;

    // Judge on instances whose labels the fit did not see.
    let hidden = drawn.test_index();
    let truth: Vec<bool> = hidden.iter().map(|&i| drawn.truth[i]).collect();
    let precision = |scores: &[f64]| -> cf_ensemble::Result<f64> {
        let scores: Vec<f64> = hidden.iter().map(|&i| scores[i]).collect();
        Ok(Scored::new(&truth, &scores)?.ranking().average_precision())
    };
    // Rank by the logit: probabilities that round to 1.0 are ties.
    let (ours, theirs) = (precision(&predictions.logits)?, precision(&average)?);
    println!("average precision: {ours:.3} combined, {theirs:.3} averaged");
    assert!(ours > theirs);

    println!("\nclassifier  weight");
    for weight in combined.classifier_weights().weights {
        println!("{:<10}  {:+.3}", weight.name, weight.total);
    }
    Ok(())
}

#[test]
fn runs() {
    main().unwrap();
}
