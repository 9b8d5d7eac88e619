//! The threads that compute.
//!
//! Never rayon's global pool: `fork` copies a process without its threads, so a child that used the pool of
//! its parent would wait for ever. A pool therefore belongs to the process that made it, and is lent to one
//! call at a time: calls from several threads of Python do not wait for each other, and a callable that
//! watches a fit may itself predict.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::errors::Failure;

/// Pools of one size that are kept for the next call.
const KEPT: usize = 4;

struct Idle {
    process: u32,
    /// By number of threads; 0 is one for each core.
    by_threads: HashMap<usize, Vec<ThreadPool>>,
}

static IDLE: Mutex<Option<Idle>> = Mutex::new(None);

/// The idle pools of this process.
///
/// Called with the interpreter lock held. `os.fork` needs that lock as well, so no child is ever born while
/// another thread is in here.
fn idle<T>(act: impl FnOnce(&mut HashMap<usize, Vec<ThreadPool>>) -> T) -> T {
    let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if idle.as_ref().is_some_and(|idle| idle.process != process) {
        // Their threads stayed with the parent: nothing can be asked of these pools, not even to end.
        std::mem::forget(idle.take());
    }
    act(&mut idle.get_or_insert_with(|| Idle { process, by_threads: HashMap::new() }).by_threads)
}

/// A pool for one call, given back when this is dropped.
pub(crate) struct Lent {
    threads: usize,
    process: u32,
    pool: Option<ThreadPool>,
}

/// Lends a pool of that many threads (0: one for each core).
pub(crate) fn lend(threads: usize) -> Result<Lent, Failure> {
    let kept = idle(|pools| pools.get_mut(&threads).and_then(Vec::pop));
    let pool = match kept {
        Some(pool) => pool,
        None => {
            let named = |i| format!("cf_ensemble-{i}");
            let made = ThreadPoolBuilder::new().num_threads(threads).thread_name(named).build();
            made.map_err(|e| {
                Failure::Training(format!("{threads} threads could not be started ({e}); lower n_jobs"))
            })?
        }
    };
    Ok(Lent { threads, process: std::process::id(), pool: Some(pool) })
}

impl Lent {
    /// Leaves the pool to the work that still runs on it: its threads end with that work.
    pub(crate) fn abandon(mut self) {
        drop(self.pool.take());
    }
}

impl Deref for Lent {
    type Target = ThreadPool;

    fn deref(&self) -> &ThreadPool {
        self.pool.as_ref().expect("the pool is there until drop")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(pool) = self.pool.take() else { return };
        // A child of a fork that ends in the middle of a call: the threads of this pool stayed with its
        // parent.
        if self.process != std::process::id() {
            std::mem::forget(pool);
            return;
        }
        idle(|pools| {
            let kept = pools.entry(self.threads).or_default();
            if kept.len() < KEPT {
                kept.push(pool);
            }
        });
    }
}
