//! Speed of the trainers, for `cfe-compare bench` and `docs/performance.md`.

mod als;
mod dgemm;

pub use als::{AlsBench, AlsReport, run_als};
pub use dgemm::product_gflops;
