//! Scores several settings of ALS and two simple combiners on the same hidden labels.
//!
//! `cargo run --release --example compare_trainers`; with `--features torch`, joint training is compared too.

#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

use std::error::Error;

use cf_ensemble::als::{AggregatorSolver, Als, AlsSpec};
use cf_ensemble::baselines::Baseline;
use cf_ensemble::metrics::Scored;
use cf_ensemble::synthetic::Correlated;
use cf_ensemble::{Backend, ClassWeight, Trainer};

fn main() -> Result<(), Box<dyn Error>> {
    let drawn = Correlated::default().generate(1)?;
    let hidden = drawn.test_index();
    let truth: Vec<bool> = hidden.iter().map(|&i| drawn.truth[i]).collect();
    let precision = |scores: &[f64]| -> cf_ensemble::Result<f64> {
        let scores: Vec<f64> = hidden.iter().map(|&i| scores[i]).collect();
        Ok(Scored::new(&truth, &scores)?.ranking().average_precision())
    };

    let published = AlsSpec { latent_dim: 4, seed: 7, ..AlsSpec::default() };
    let unweighted = AlsSpec { class_weight: ClassWeight::Uniform, ..published.clone() };
    let mut newton = published.clone();
    newton.aggregator.solver = AggregatorSolver::Newton;

    let mut trainers: Vec<(&str, Box<dyn Trainer>)> = vec![
        ("ALS, published", Box::new(Als::try_from(published)?)),
        ("ALS, no class weights", Box::new(Als::try_from(unweighted)?)),
        ("ALS, Newton for w and b", Box::new(Als::try_from(newton)?)),
    ];
    if Backend::Torch.is_available() {
        trainers.push(("joint training", Backend::Torch.trainer()?));
    }

    let mut results = Vec::new();
    for (name, trainer) in &trainers {
        let fitted = trainer.fit(&drawn.data)?;
        let scores = fitted.model.predict_training(&drawn.data)?.logits;
        results.push((*name, precision(&scores)?, fitted.history.n_iterations()));
    }
    for (name, baseline) in [("average", Baseline::Mean), ("avg4", Baseline::Average4)] {
        let scores = baseline.fit(&drawn.data)?.predict(drawn.data.predictions())?;
        results.push((name, precision(&scores)?, 0));
    }

    println!("{:<24}  {:>17}  {:>10}", "method", "average precision", "iterations");
    for (name, precision, iterations) in &results {
        println!("{name:<24}  {precision:>17.3}  {iterations:>10}");
    }
    // On these data, the optimum of w and b ranks better than a hundred short gradient steps do.
    assert!(results[2].1 > results[0].1);
    Ok(())
}

#[test]
fn runs() {
    main().unwrap();
}
