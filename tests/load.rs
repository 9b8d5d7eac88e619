//! Many fits in one process, one after the other and at once: no memory is left behind, and no bit depends on
//! the others.
//!
//! CFE_FITS asks for more of them: `CFE_FITS=10000 cargo test --release --test load -- --nocapture`.
#![cfg(feature = "als")]

use std::thread;

use cf_ensemble::als::{Als, AlsSpec};
use cf_ensemble::recommended::{Recommended, RecommendedSpec};
use cf_ensemble::synthetic::Separable;
use cf_ensemble::{EnsembleData, Trainer as _};

fn small(seed: u64) -> EnsembleData {
    let drawn = Separable { n_classifiers: 6, n_instances: 120, ..Separable::default() };
    drawn.generate(seed).expect("in range").data
}

fn als() -> Als {
    Als::try_from(AlsSpec { latent_dim: 4, max_iterations: 10, ..AlsSpec::default() }).expect("in range")
}

/// One of each family of members.
fn recommended() -> Recommended {
    let spec = RecommendedSpec {
        shrinkage: vec![100.0],
        prior_powers: vec![0.0],
        low_rank_ridge: vec![10.0],
        local_ridge: vec![3.0],
        ..RecommendedSpec::default()
    };
    Recommended::try_from(spec).expect("in range")
}

/// Every number of the fits by both combiners, as bits.
fn bits(data: &EnsembleData) -> Vec<u64> {
    let fitted = als().fit(data).expect("fits");
    let factors = &fitted.model.factors;
    let mut numbers: Vec<f64> = factors.classifiers.iter().chain(&factors.instances).copied().collect();
    numbers.push(fitted.loss.total);
    let fitted = recommended().fit(data).expect("fits");
    numbers.extend(fitted.model.predict(data.predictions()).expect("same classifiers").logits);
    numbers.extend(fitted.out_of_fold_logits.expect("enough of both classes"));
    numbers.iter().map(|v| v.to_bits()).collect()
}

/// Resident memory of this process in KiB.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("there");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

#[test]
#[cfg(target_os = "linux")]
fn many_fits_leave_no_memory_behind() {
    let fits: u64 = std::env::var("CFE_FITS").ok().and_then(|fits| fits.parse().ok()).unwrap_or(300);
    // The first tenth fills what is kept for reuse: threads, their scratch memory, the allocator's arenas.
    let warm = fits.div_ceil(10);
    let fit = |k: u64| assert!(!bits(&small(k % 50)).is_empty());
    (0..warm).for_each(fit);
    let before = resident();
    (warm..fits).for_each(fit);
    let after = resident();
    println!("VmRSS after {warm} fits of each: {before} KiB, after {fits}: {after} KiB");
    // 8 MiB are less than 30 KiB a fit at 300, less than 1 KiB at 10,000.
    assert!(after < before + (8 << 10), "{before} KiB after {warm} fits of each, {after} KiB after {fits}");
}

#[test]
fn fits_at_once_have_the_bits_of_one_alone() {
    let data: Vec<EnsembleData> = (0..4).map(small).collect();
    let alone: Vec<Vec<u64>> = data.iter().map(bits).collect();
    thread::scope(|scope| {
        for t in 0..16 {
            let (data, alone) = (&data, &alone);
            scope.spawn(move || {
                for k in (0..data.len()).map(|k| (k + t) % data.len()) {
                    assert!(bits(&data[k]) == alone[k], "thread {t}, data {k}");
                }
            });
        }
    });
}
