//! Makes one large fit, and prints the estimate of its memory and the memory that it used:
//! `cargo run --release --example large_fit -- als 20 5000000 8`, or `-- recommended 200 2000`.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "its figures are for people")]

use std::time::Instant;

use cf_ensemble::als::{Als, AlsSpec, estimate_memory};
use cf_ensemble::recommended::Recommended;
use cf_ensemble::{EnsembleData, Trainer as _};
use ndarray::Array2;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;

const USAGE: &str = "give als CLASSIFIERS INSTANCES LATENT_DIM [exact], or recommended CLASSIFIERS INSTANCES";

/// Noisy copies of a score that separates the 3% positives; every instance is labeled.
fn draw(m: usize, n: usize) -> cf_ensemble::Result<EnsembleData> {
    let mut rng = ChaCha12Rng::seed_from_u64(1);
    let labels: Vec<Option<bool>> = (0..n).map(|_| Some(rng.random::<f64>() < 0.03)).collect();
    let mut r = Array2::zeros((m, n));
    for mut row in r.rows_mut() {
        for (cell, label) in row.iter_mut().zip(&labels) {
            let center = if *label == Some(true) { 0.55 } else { 0.35 };
            *cell = center + 0.4 * (rng.random::<f64>() - 0.5);
        }
    }
    EnsembleData::new(r, labels)
}

/// The peak memory of this process so far.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("unknown".to_owned(), |line| line.trim().to_owned())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |k: usize| arguments.get(k).and_then(|a| a.parse::<usize>().ok()).ok_or(USAGE);
    let (m, n) = (number(1)?, number(2)?);
    match arguments[0].as_str() {
        "als" => {
            let exact = arguments.get(4).is_some_and(|a| a == "exact");
            let spec = if exact { AlsSpec::exact() } else { AlsSpec::default() };
            let spec = AlsSpec { latent_dim: number(3)?, max_iterations: 20, tolerance: 0.0, ..spec };
            let announced = estimate_memory(&spec, m, n, n);
            println!("announced: {} kB, with the data", announced >> 10);
            let data = draw(m, n)?;
            println!("peak with the data alone: {}", peak());
            let begin = Instant::now();
            let fitted = Als::try_from(spec)?.fit(&data)?;
            let (k, seconds) = (fitted.history.n_iterations(), begin.elapsed().as_secs_f64());
            println!("{k} iterations in {seconds:.1} s, loss {}", fitted.loss.total);
        }
        "recommended" => {
            let data = draw(m, n)?;
            println!("peak with the data alone: {}", peak());
            let begin = Instant::now();
            let fitted = Recommended::default().fit(&data)?;
            let seconds = begin.elapsed().as_secs_f64();
            println!("{} members in {seconds:.1} s", fitted.members.len());
        }
        _ => return Err(USAGE.into()),
    }
    println!("peak: {}", peak());
    Ok(())
}
