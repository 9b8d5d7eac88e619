//! Runs jobs on all cores.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::cell::{Outcome, run};
use super::plan::Job;
use crate::error::Error;

/// Runs `jobs` on `threads` threads, 0 for all cores; `finished` hears of each as it ends, and stops the rest
/// by an error.
///
/// A job has one thread to itself, so that a finished one is never held up by another.
///
/// # Errors
/// Those of `finished`, and threads that cannot be started.
pub(super) fn run_all(
    jobs: &[&Job],
    folder: &Path,
    threads: usize,
    finished: impl FnMut(&Job, Outcome) -> Result<(), Error> + Send,
) -> Result<(), Error> {
    let threads = crate::threads::count(threads)?.min(jobs.len()).max(1);
    // A pool of one thread keeps what a trainer does in parallel on the thread of its job.
    let pools = (0..threads)
        .map(|_| rayon::ThreadPoolBuilder::new().num_threads(1).build())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Error::Threads { threads, why: error.to_string() })?;
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let state = Mutex::new((finished, Ok(())));
    std::thread::scope(|scope| {
        for pool in &pools {
            scope.spawn(|| {
                // The counter hands out jobs and orders nothing else; outcomes are passed on under the lock.
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = pool.install(|| run(job, folder));
                    // The lock is poisoned if `finished` panicked on another thread, and that panic ends the
                    // run.
                    let Ok(mut state) = state.lock() else { return };
                    // Asked under the lock, so that nothing is heard after the error.
                    if stopped.load(Ordering::Relaxed) {
                        return;
                    }
                    if let Err(error) = (state.0)(job, outcome) {
                        state.1 = Err(error);
                        stopped.store(true, Ordering::Relaxed);
                        return;
                    }
                }
            });
        }
    });
    state.into_inner().map_or(Ok(()), |(_, result)| result)
}
