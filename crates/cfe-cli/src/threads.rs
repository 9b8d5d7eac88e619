//! The threads that a command works with, and the instructions that they use.

use cfe_core::shards::InstructionSet;

use crate::error::{CliError, CliResult};

/// Uses an instruction set from here on, where one is named.
pub(crate) fn pin(instruction_set: Option<&str>) -> CliResult<()> {
    let Some(name) = instruction_set else { return Ok(()) };
    let pinned = name.parse::<InstructionSet>().and_then(InstructionSet::pin);
    pinned.map_err(|error| CliError::usage(format!("--instruction-set: {error}")))
}

/// Runs `work` on `threads` threads, or as many as there are cores for `None` and 0.
pub(crate) fn on_threads<T: Send>(
    threads: Option<usize>,
    work: impl FnOnce() -> CliResult<T> + Send,
) -> CliResult<T> {
    /// More threads than this only cost memory and the time to start them.
    const MOST: usize = 1024;
    let Some(threads) = threads.filter(|&threads| threads > 0) else { return work() };
    if threads > MOST {
        return Err(CliError::usage(format!(
            "--threads {threads}: at most {MOST} are allowed; leave the option out for one thread per core"
        )));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|e| CliError::usage(format!("--threads {threads}: {e}; take fewer")))?;
    pool.install(work)
}
