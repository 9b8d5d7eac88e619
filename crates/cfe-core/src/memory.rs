//! What the machine has left, before anything large is allocated.

use crate::error::{Error, Result};

/// Below this nothing is checked: the answer would cost more than the allocation.
const SMALL: u64 = 64 << 20;

/// Bytes that this machine can still give, swap space included; `None` where the system does not say.
pub fn available_memory() -> Option<u64> {
    let known = std::fs::read_to_string("/proc/meminfo").ok()?;
    let bytes = |name: &str| -> Option<u64> {
        let line = known.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
    };
    let free = bytes("MemAvailable:")?.saturating_add(bytes("SwapFree:").unwrap_or(0));
    // A container may be allowed less than the machine has.
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let limit = limit.and_then(|limit| limit.trim().parse::<u64>().ok());
    Some(limit.map_or(free, |limit| limit.min(free)))
}

/// Refuses to start what needs more bytes than there are. Where the system does not say what it has, only
/// what could never be addressed is refused.
///
/// # Errors
/// [`Error::NotEnoughMemory`].
pub fn check_memory(what: &'static str, needed: u64) -> Result<()> {
    if needed < SMALL {
        return Ok(());
    }
    let available = available_memory().unwrap_or(isize::MAX as u64);
    if needed <= available { Ok(()) } else { Err(Error::NotEnoughMemory { what, needed, available }) }
}

/// Bytes of `rows` x `columns` numbers in f64, checked against [`check_memory`].
///
/// # Errors
/// [`Error::NotEnoughMemory`].
pub fn check_matrix(what: &'static str, rows: usize, columns: usize) -> Result<()> {
    check_memory(what, (rows as u64).saturating_mul(columns as u64).saturating_mul(8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_machine_has_is_refused() {
        assert!(check_memory("a run", 0).is_ok());
        let error = check_matrix("a matrix", usize::MAX, 2).expect_err("too much");
        assert!(matches!(error, Error::NotEnoughMemory { needed: u64::MAX, .. }), "{error}");
        assert!(error.to_string().contains("GB"), "{error}");
    }
}
