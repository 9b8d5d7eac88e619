//! What a fit will take, beside what there is.

use cfe_io::Table;

use super::Talk;
use super::settings::Method;

/// Classifiers from which the recommended combiner takes long: its time grows with more than their square, and what each
/// of them adds takes one more fit for each.
const MANY: usize = 400;

/// Bytes that this system can still give; `None` where it does not say.
pub(super) fn available() -> Option<u64> {
    let known = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = known.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Gigabytes, for people.
pub(super) fn gigabytes(bytes: u64) -> String {
    format!("{:.2} GB", bytes as f64 / 1e9)
}

/// Says before the work what it will take, and warns where that is more than there is.
pub(super) fn announce(method: &Method, table: &Table, talk: Talk) {
    let data = &table.data;
    let (m, n) = (data.n_classifiers(), data.n_instances());
    match method {
        Method::Recommended(_) if m >= MANY => talk.warn(&format!(
            "{m} classifiers: the time of the recommended combiner grows with more than the square of their number, and may \
             be hours; --trainer als takes minutes; or choose some with --columns"
        )),
        Method::Recommended(_) => {}
        Method::Backend(trainer) => {
            let Some(fit) = trainer.estimate_memory(data) else { return };
            // Cross-validation keeps the fitted model, and hides labels in a copy of the data.
            let table = 8 * (m as u64).saturating_mul(n as u64);
            let all = fit.saturating_add(table);
            if talk.verbose {
                talk.note(&format!(
                    "memory: about {} for a fit, {} with cross-validation, the table included",
                    gigabytes(fit),
                    gigabytes(all)
                ));
            }
            if let Some(available) = available().filter(|&available| all.saturating_sub(table) > available) {
                talk.warn(&format!(
                    "about {} are needed beside the table and {} are available: the system may end the program; take \
                     fewer rows, a smaller latent_dim, or another machine",
                    gigabytes(all.saturating_sub(table)),
                    gigabytes(available)
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_says_what_it_has() {
        assert!(available().is_some_and(|bytes| bytes > 1 << 20));
        assert_eq!(gigabytes(1_280_000_000), "1.28 GB");
    }
}
