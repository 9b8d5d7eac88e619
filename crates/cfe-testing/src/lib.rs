//! What the tests of several crates share: the settings of property tests, and the golden numbers of
//! `tests/reference` as numbers, vectors and matrices.
//!
//! This crate knows no other crate of the workspace, so that each of them can use it in its tests. What is
//! here panics with a reason: a test has no other answer to a reference file that cannot be read.

#![forbid(unsafe_code)]

use proptest::test_runner::{Config, RngSeed};

pub mod reference;

/// Settings of a property test with so many cases: the same cases in every run.
///
/// The environment variable `PROPTEST_CASES` asks for more.
///
/// ```
/// assert!(cfe_testing::cases(48).cases >= 1);
/// ```
pub fn cases(cases: u32) -> Config {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    Config {
        cases: asked.unwrap_or(cases),
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..Config::default()
    }
}
