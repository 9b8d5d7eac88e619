//! Speed of the trainers, for `cfe-compare bench` and `docs/performance.md`.

mod als;
mod data;
mod dgemm;
mod epoch;
mod suite;

pub use als::{AlsBench, AlsReport, run_als};
pub use data::{BenchData, write_data};
pub use dgemm::product_gflops;
pub use epoch::{EpochBench, EpochReport, run_epochs};
pub use suite::Suite;
