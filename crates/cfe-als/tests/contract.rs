//! ALS against the suite that every trainer must pass.

use cfe_als::{Als, AlsSpec};
use cfe_core::contract::{Request, check_all};

#[test]
fn als_keeps_the_contract() {
    check_all(&|Request { latent_dim, iterations, seed }| {
        let spec =
            AlsSpec { latent_dim, max_iterations: iterations, tolerance: 0.0, seed, ..AlsSpec::default() };
        Box::new(Als::try_from(spec).expect("valid"))
    });
}
