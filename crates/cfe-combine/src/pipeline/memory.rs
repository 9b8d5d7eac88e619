//! What a fit will take, beside what there is.

use cfe_core::available_memory;
use cfe_io::Table;

use super::settings::{FitPlan, ReadyTrainer};
use super::watch::Watch;
use crate::judge::MOST_SOLVED;
use crate::recommended::{estimate_memory, estimate_memory_of_gaps};

/// A size of memory for people: 1.28 GB, 12 MB, and 1 MB for anything less.
pub fn bytes_in_words(bytes: u64) -> String {
    const MEGABYTE: f64 = 1e6;
    let megabytes = bytes as f64 / MEGABYTE;
    if megabytes < 100.0 {
        format!("{:.0} MB", megabytes.max(1.0))
    } else {
        format!("{:.2} GB", megabytes / 1e3)
    }
}

impl FitPlan {
    /// Bytes that one fit of this table will hold at its peak, the table included; `None` where the trainer
    /// cannot tell.
    pub fn estimate_memory(&self, table: &Table) -> Option<u64> {
        match &self.ready {
            ReadyTrainer::Recommended(recommended) => {
                let data = &table.data;
                let (spec, labeled) = (recommended.spec(), data.labeled().len());
                let all = estimate_memory(spec, data.n_classifiers(), data.n_instances(), labeled);
                let has_gaps = spec.gaps_tell && data.n_missing() > 0;
                let more =
                    if has_gaps { estimate_memory_of_gaps(spec, data.n_classifiers(), labeled) } else { 0 };
                Some(all.saturating_add(more))
            }
            ReadyTrainer::Backend(trainer) => trainer.estimate_memory(&table.data),
        }
    }

    /// The same with cross-validation, which has labels of its own for each fold, keeps the start of all fits
    /// and shares the table.
    pub fn estimate_memory_cross_validated(&self, table: &Table) -> Option<u64> {
        /// A label, a place among the labeled instances, and a sample weight.
        const OF_INSTANCE: u64 = 1 + 8 + 8;
        let labels = OF_INSTANCE * table.data.n_instances() as u64;
        let start = match &self.ready {
            // X and Y in double precision.
            ReadyTrainer::Backend(trainer) if trainer.start_ignores_labels() => {
                let cells = (table.data.n_classifiers() + table.data.n_instances()) as u64;
                (trainer.latent_dim().unwrap_or(0) as u64).saturating_mul(8 * cells)
            }
            _ => 0,
        };
        Some(self.estimate_memory(table)?.saturating_add(labels).saturating_add(start))
    }

    /// Warns before the work where it will take more than there is.
    pub fn warn_of_cost(&self, table: &Table, watch: &dyn Watch) {
        let m = table.data.n_classifiers();
        if m > MOST_SOLVED {
            watch.warn(&format!(
                "{m} classifiers: simple combiners that solve for a weight of each would take hours, and are left out of \
                 the comparison; choose at most {MOST_SOLVED} classifiers by `columns` to see them"
            ));
        }
        let Some(all) = self.estimate_memory_cross_validated(table) else { return };
        let beside_table = all.saturating_sub(table_bytes(table));
        // The table is in memory when this is asked, so only what comes on top of it counts.
        if let Some(available) = available_memory().filter(|&available| beside_table > available) {
            watch.warn(&format!(
                "about {} are needed beside the table and {} are available: the system may end the program; take fewer \
                 rows, a smaller latent_dim, or another machine",
                bytes_in_words(beside_table),
                bytes_in_words(available)
            ));
        }
    }
}

fn table_bytes(table: &Table) -> u64 {
    8 * (table.data.n_classifiers() as u64).saturating_mul(table.data.n_instances() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_says_what_it_has() {
        assert!(available_memory().is_some_and(|bytes| bytes > 1 << 20));
    }

    #[test]
    fn sizes_have_a_unit_that_fits() {
        let sizes = [1_280_000_000, 430_000_000, 12_400_000, 900];
        assert_eq!(sizes.map(bytes_in_words), ["1.28 GB", "0.43 GB", "12 MB", "1 MB"]);
    }
}
