//! Speed of the trainers, for `cfe-compare speed` and `docs/performance.md`.

mod als;
mod data;
mod dgemm;
mod epoch;
mod suite;
mod sweeps;

pub use als::{AlsReport, AlsSpeed, run_als};
pub use data::{SpeedData, write_data};
pub use dgemm::product_gflops;
pub use epoch::{EpochReport, EpochSpeed, run_epochs};
pub use suite::Suite;
