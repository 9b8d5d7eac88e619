//! What the system says of this process.

/// The kernel's high-water mark of resident memory, in bytes; `None` where the system does not say.
pub(super) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Processor seconds of all threads so far, in steps of a hundredth; `None` where the system does not say.
pub(super) fn processor_seconds() -> Option<f64> {
    /// Ticks in a second, which Linux has fixed for programs.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program is in brackets and may hold blanks; the fields after it are counted.
    let (_, fields) = stat.rsplit_once(')')?;
    let times: Vec<f64> = fields.split_whitespace().skip(11).take(2).map_while(|v| v.parse().ok()).collect();
    let [user, system] = times.as_slice() else { return None };
    Some((user + system) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_at_least_what_is_held() {
        let held = vec![1u8; 8 << 20];
        let peak = peak_memory();
        assert_eq!(peak.is_some(), cfg!(target_os = "linux"));
        assert!(peak.is_none_or(|bytes| bytes > held.iter().map(|&byte| u64::from(byte)).sum()));
    }

    #[test]
    fn the_time_of_the_processor_does_not_run_backwards() {
        let before = processor_seconds();
        assert_eq!(before.is_some(), cfg!(target_os = "linux"));
        assert!(
            before.zip(processor_seconds()).is_none_or(|(before, after)| 0.0 <= before && before <= after)
        );
    }
}
