//! Trains with every backend that was compiled in, through `dyn Trainer`.

#![forbid(unsafe_code)]

use cf_ensemble::metrics::Scored;
use cf_ensemble::{Backend, WeightStats, synthetic::Correlated};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let drawn = Correlated { n_instances: 600, ..Correlated::default() }.generate(1)?;
    let test = drawn.test_index();
    let truth: Vec<bool> = test.iter().map(|&i| drawn.truth[i]).collect();

    for backend in Backend::ALL {
        let trainer = match backend.trainer_with(&serde_json::json!({"latent_dim": 4, "seed": 7})) {
            Ok(trainer) => trainer,
            Err(error) => {
                println!("{backend}: {error}");
                continue;
            }
        };
        let fitted = trainer.fit(&drawn.data)?;
        let predictions = fitted.model.predict_training(&drawn.data)?;
        let scores: Vec<f64> = test.iter().map(|&i| predictions.logits[i]).collect();
        let precision = Scored::new(&truth, &scores)?.ranking().average_precision();
        let spread = fitted.model.aggregator.weights().and_then(|(w, _)| WeightStats::new(w));
        println!(
            "{backend}: average precision {precision:.3}, weight std {:.4}, {} iterations on {}",
            spread.map_or(f64::NAN, |s| s.std),
            fitted.history.n_iterations(),
            fitted.device
        );
    }
    Ok(())
}
