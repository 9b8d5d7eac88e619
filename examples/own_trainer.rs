//! Your own trainer: ALS that tries several random starts and trains from the most promising one.
//!
//! The trainer implements the trait [`Trainer`], and passes the test suite that every trainer of this project
//! must pass.
//!
//! `cargo run --release --example own_trainer`

#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

use std::error::Error;

use cf_ensemble::als::{Als, AlsSpec};
use cf_ensemble::synthetic::Correlated;
use cf_ensemble::{EnsembleData, Fitted, Observer, Parameters, Result, Trainer, TrainingState, contract};

/// ALS from the best of several starts.
struct BestStart {
    als: Als,
    /// Number of starts to try.
    starts: u64,
    /// Number of iterations of each trial.
    trial_iterations: usize,
}

impl BestStart {
    fn new(spec: AlsSpec) -> Result<Self> {
        Ok(Self { als: Als::try_from(spec)?, starts: 5, trial_iterations: 5 })
    }
}

impl Trainer for BestStart {
    fn name(&self) -> &'static str {
        "als_best_start"
    }

    /// Draws a start per seed, trains each for a few iterations, and returns the start with the lowest loss.
    fn start(&self, data: &EnsembleData) -> Result<Parameters> {
        let mut best: Option<(f64, Parameters)> = None;
        for offset in 0..self.starts {
            let spec = self.als.spec();
            // Adjacent seeds of the trainer must not try the same starts.
            let seed = spec.seed.wrapping_mul(self.starts).wrapping_add(offset);
            let trial =
                Als::try_from(AlsSpec { seed, max_iterations: self.trial_iterations, ..spec.clone() })?;
            let start = trial.start(data)?;
            let loss = trial.fit_from(start.clone(), data, &mut ())?.loss.total;
            if best.as_ref().is_none_or(|(lowest, _)| loss < *lowest) {
                best = Some((loss, start));
            }
        }
        let (_, start) = best.expect("at least one start is tried");
        Ok(start)
    }

    fn fit_from(
        &self,
        start: Parameters,
        data: &EnsembleData,
        observer: &mut dyn Observer,
    ) -> Result<Fitted> {
        self.als.fit_from(start, data, observer)
    }

    fn resume(
        &self,
        state: TrainingState,
        data: &EnsembleData,
        observer: &mut dyn Observer,
    ) -> Result<Fitted> {
        self.als.resume(state, data, observer)
    }
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let data = Correlated::default().generate(1)?.data;
    let spec = AlsSpec { latent_dim: 4, seed: 7, ..AlsSpec::default() };
    let plain = Als::try_from(spec.clone())?.fit(&data)?;
    let best = BestStart::new(spec)?.fit(&data)?;
    println!("loss from one start:        {:.4}", plain.loss.total);
    println!("loss from the best of five: {:.4}", best.loss.total);

    // The suite requests trainers of different sizes. It panics with the name of a broken promise.
    contract::check_all(&|request| {
        let spec = AlsSpec {
            latent_dim: request.latent_dim,
            max_iterations: request.iterations,
            seed: request.seed,
            ..AlsSpec::default()
        };
        Box::new(BestStart::new(spec).expect("a valid spec"))
    });
    println!("every promise of a trainer is kept");
    Ok(())
}

#[test]
fn runs() {
    main().unwrap();
}
