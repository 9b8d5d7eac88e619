//! Whole fits of ALS: `cargo bench -p cfe-als`. Items are iterations.

use cfe_als::{Als, AlsSpec};
use cfe_core::synthetic::{Correlated, Separable};
use cfe_core::{EnsembleData, Trainer};
use divan::Bencher;
use divan::counter::ItemsCount;

fn main() {
    divan::main();
}

const ITERATIONS: usize = 20;

fn run(bencher: Bencher<'_, '_>, spec: AlsSpec, data: &EnsembleData) {
    let als = Als::try_from(AlsSpec { max_iterations: ITERATIONS, tolerance: 0.0, ..spec }).expect("valid");
    let start = als.start(data).expect("a start");
    bencher
        .counter(ItemsCount::new(ITERATIONS))
        .with_inputs(|| start.clone())
        .bench_local_values(|start| als.fit_from(start, data, &mut ()));
}

/// m = 10, n = 500, d = 15: the size of the published table.
fn small() -> EnsembleData {
    Separable::default().generate(1).expect("valid").data
}

fn large() -> EnsembleData {
    Correlated { n_instances: 20_000, ..Correlated::default() }.generate(1).expect("valid").data
}

#[divan::bench]
fn published_small(bencher: Bencher<'_, '_>) {
    run(bencher, AlsSpec::default(), &small());
}

#[divan::bench]
fn exact_small(bencher: Bencher<'_, '_>) {
    run(bencher, AlsSpec::exact(), &small());
}

#[divan::bench]
fn published_large(bencher: Bencher<'_, '_>) {
    run(bencher, AlsSpec { latent_dim: 8, ..AlsSpec::default() }, &large());
}

#[divan::bench]
fn exact_large(bencher: Bencher<'_, '_>) {
    run(bencher, AlsSpec { latent_dim: 8, ..AlsSpec::exact() }, &large());
}
