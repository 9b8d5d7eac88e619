//! Interrupts a training run, saves its state to a file, and resumes it to the same bits as an uninterrupted
//! run.
//!
//! `cargo run --release --example resume`

#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

use std::error::Error;
use std::ops::ControlFlow;

use cf_ensemble::als::{Als, AlsSpec};
use cf_ensemble::io::ModelFile;
use cf_ensemble::synthetic::Correlated;
use cf_ensemble::{FnObserver, Step, Trainer};

fn main() -> Result<(), Box<dyn Error>> {
    let data = Correlated::default().generate(1)?.data;
    let trainer = Als::try_from(AlsSpec { latent_dim: 4, seed: 7, ..AlsSpec::default() })?;

    // Stop after 20 iterations and keep everything that the next iteration reads. A program that must survive
    // a kill saves the state every few iterations instead, and continues.
    let mut kept = None;
    let mut stop = FnObserver(|step: &Step<'_>| {
        if step.iteration < 20 {
            return ControlFlow::Continue(());
        }
        kept = Some(step.training_state());
        ControlFlow::Break(())
    });
    trainer.fit_from(trainer.start(&data)?, &data, &mut stop)?;
    let state = kept.ok_or("the run ended before iteration 20")??;

    let path = std::env::temp_dir().join(format!("cf-ensemble-example-{}.state", std::process::id()));
    ModelFile::from_training_state(&state)?.save(&path)?;
    let loaded = ModelFile::load(&path)?.to_training_state()?;
    std::fs::remove_file(&path)?;
    println!("interrupted after {} iterations", loaded.iteration);

    let resumed = trainer.resume(loaded, &data, &mut ())?;
    let whole = trainer.fit(&data)?;
    assert_eq!(resumed.model, whole.model);
    assert_eq!(resumed.history, whole.history);
    println!("resumed to {} iterations: the same model, bit for bit", resumed.history.n_iterations());
    Ok(())
}

#[test]
fn runs() {
    main().unwrap();
}
