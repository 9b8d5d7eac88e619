//! Speed of the trainers and of the recommended combiner, for `cfe-compare speed` and `docs/performance.md`.

mod als;
mod combiner;
mod data;
mod dgemm;
mod epoch;
mod process;
mod suite;
mod sweeps;

pub use als::{AlsReport, AlsSpeed, run_als};
pub use combiner::{CombinerReport, CombinerSpeed, run_combiner};
pub use data::{SpeedData, write_data};
pub use dgemm::product_gflops;
pub use epoch::{EpochReport, EpochSpeed, run_epochs};
pub use suite::Suite;
