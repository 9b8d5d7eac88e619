//! Watches a training run, prints its progress, and stops the run when the loss hardly falls.
//!
//! `cargo run --release --example watch_and_stop`

#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

use std::error::Error;
use std::ops::ControlFlow;

use cf_ensemble::als::{Als, AlsSpec};
use cf_ensemble::synthetic::Correlated;
use cf_ensemble::{Observer, Step, StopReason, Trainer};

/// Stops when ten iterations lower the loss by less than a given share of the loss.
struct StopWhenFlat {
    share: f64,
    last: Option<f64>,
}

impl Observer for StopWhenFlat {
    /// Trainers copy the weights only for the steps that an observer wants.
    fn wants(&self, iteration: usize) -> bool {
        iteration.is_multiple_of(10)
    }

    fn step(&mut self, step: &Step<'_>) -> ControlFlow<()> {
        // ALS has no loss before its first iteration.
        let Some(loss) = step.loss.map(|parts| parts.total) else { return ControlFlow::Continue(()) };
        let lowest = step.weights.iter().copied().fold(f64::INFINITY, f64::min);
        println!("iteration {:>3}: loss {loss:.4}, smallest weight {lowest:+.4}", step.iteration);
        let flat = self.last.replace(loss).is_some_and(|last| last - loss < self.share * last);
        if flat { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let data = Correlated::default().generate(1)?.data;
    let spec = AlsSpec { latent_dim: 4, seed: 7, max_iterations: 1000, tolerance: 0.0, ..AlsSpec::default() };
    let trainer = Als::try_from(spec)?;
    let mut observer = StopWhenFlat { share: 0.01, last: None };
    let fitted = trainer.fit_from(trainer.start(&data)?, &data, &mut observer)?;
    // The model is that of the step at which the observer stopped the run.
    println!("stopped after {} iterations", fitted.history.n_iterations());
    assert_eq!(fitted.stop, StopReason::Observer);
    assert_eq!(fitted.history.n_iterations() % 10, 0);
    Ok(())
}

#[test]
fn runs() {
    main().unwrap();
}
