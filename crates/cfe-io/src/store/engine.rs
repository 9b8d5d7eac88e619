//! Passes over a store with a bounded part of it in memory.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use cfe_core::Result;
use cfe_core::shards::{Engine, Request, Shape, Statistics};

use super::shard::Spare;
use super::{Shard, Store, StoreError};

/// How far a pass is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rows {
    /// Passes before this one.
    pub pass: u64,
    /// Rows done in this pass.
    pub done: u64,
    /// Rows of the pass.
    pub of: u64,
}

/// Which shards were found to be the bytes that were written, and when each of them was last changed. Clones
/// share what they know, so that one check of a shard serves every engine of a process.
#[derive(Debug, Clone, Default)]
pub struct Verified(Arc<Mutex<HashMap<u64, SystemTime>>>);

impl Verified {
    fn is_known(&self, shard: u64, changed: Option<SystemTime>) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        changed.is_some() && known.get(&shard).copied() == changed
    }

    fn note(&self, shard: u64, changed: Option<SystemTime>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(changed) = changed {
            known.insert(shard, changed);
        }
    }
}

/// Called after every shard; `false` ends the pass with [`Error::Stopped`](cfe_core::Error::Stopped).
type OnRows<'a> = Box<dyn FnMut(Rows) -> bool + 'a>;

/// Runs the passes of a fit over a [`Store`]: one thread reads the next shard while all others compute on the
/// present one. Memory holds the files of two shards, whatever the number of rows.
///
/// Every shard is checked against its SHA-256 in the first pass, and against its length and time of change in
/// all.
///
/// ```no_run
/// use cfe_core::shards::{Engine, Request};
/// use cfe_io::store::{Store, StoreEngine};
///
/// let store = Store::open("store")?;
/// // `Als::fit_on` takes such an engine; a single pass counts.
/// let statistics = StoreEngine::new(&store).pass(&Request::Profile)?;
/// let profile = Request::Profile.profile(statistics.finish()?)?;
/// println!("{:?}", profile.class_counts);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct StoreEngine<'a> {
    store: &'a Store,
    verified: Verified,
    passes: u64,
    on_rows: Option<OnRows<'a>>,
}

impl std::fmt::Debug for StoreEngine<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreEngine").field("store", &self.store).field("passes", &self.passes).finish()
    }
}

impl<'a> StoreEngine<'a> {
    /// An engine that has read no shard yet.
    pub fn new(store: &'a Store) -> Self {
        Self { store, verified: Verified::default(), passes: 0, on_rows: None }
    }

    /// Shares what is known of the shards with other engines over the same store.
    #[must_use]
    pub fn knowing(self, verified: Verified) -> Self {
        Self { verified, ..self }
    }

    /// Calls `on_rows` after every shard; `false` ends the pass with
    /// [`Error::Stopped`](cfe_core::Error::Stopped).
    #[must_use]
    pub fn watched(self, on_rows: impl FnMut(Rows) -> bool + 'a) -> Self {
        Self { on_rows: Some(Box::new(on_rows)), ..self }
    }

    /// Hands every shard to `of` in order, while the next one is read.
    ///
    /// # Errors
    /// What reading fails with, and what `of` gives.
    pub fn for_each_shard(&mut self, of: impl FnMut(u64, &Shard) -> Result<()>) -> Result<()> {
        self.for_shards(0..self.store.shape().shards(), of)
    }

    /// As [`for_each_shard`](Self::for_each_shard), for a run of the shards: the part of one machine.
    ///
    /// # Errors
    /// As [`for_each_shard`](Self::for_each_shard).
    ///
    /// # Panics
    /// If the store has fewer shards.
    pub fn for_shards(
        &mut self,
        shards: Range<u64>,
        mut of: impl FnMut(u64, &Shard) -> Result<()>,
    ) -> Result<()> {
        let store = self.store;
        let Self { verified, passes, on_rows, .. } = self;
        let rows = shards.clone().map(|shard| store.shape().rows_of(shard)).map(|rows| rows.end - rows.start);
        let rows = rows.sum();
        let to_read = shards.clone();
        // No shard waits in the channel: one is computed on, and one is read or ready.
        let (to_work, work) = sync_channel::<Read>(0);
        let (back, spares) = sync_channel::<Spare>(2);
        let ended = std::thread::scope(|scope| {
            // Either end of the channel goes with its thread, so that neither waits for the other after an
            // error.
            let work = work;
            scope.spawn(move || read_all(store, to_read, verified, &to_work, &spares));
            let mut done = 0;
            for number in shards {
                let shard = work.recv().expect("the reader sends a shard or an error for each")?;
                of(number, &shard)?;
                done += shard.labels.len() as u64;
                // The reader may have ended already.
                back.try_send(shard.into_spare()).ok();
                let go_on = on_rows.as_mut().is_none_or(|on| on(Rows { pass: *passes, done, of: rows }));
                if !go_on {
                    return Err(cfe_core::Error::Stopped);
                }
            }
            Ok(())
        });
        *passes += 1;
        ended
    }
}

type Read = Result<Shard, StoreError>;

/// Reads the shards in order until one fails or nobody wants more.
fn read_all(
    store: &Store,
    shards: Range<u64>,
    verified: &Verified,
    to_work: &SyncSender<Read>,
    spares: &Receiver<Spare>,
) {
    for number in shards {
        let spare = spares.try_recv().unwrap_or_default();
        let changed = std::fs::metadata(store.shard_path(number)).and_then(|data| data.modified()).ok();
        let read = store.read(number, !verified.is_known(number, changed), spare);
        if read.is_ok() {
            verified.note(number, changed);
        }
        let failed = read.is_err();
        if to_work.send(read).is_err() || failed {
            return;
        }
    }
}

impl StoreEngine<'_> {
    /// The statistics of a run of the shards, to be merged with those of the others.
    ///
    /// # Errors
    /// What [`Request::of_block`] refuses, and what reading fails with.
    ///
    /// # Panics
    /// If the store has fewer shards.
    pub fn pass_over(&mut self, request: &Request, shards: Range<u64>) -> Result<Statistics> {
        let shape = self.store.shape();
        let mut all = Some(Statistics::new(shape, request));
        self.for_shards(shards, |_, shard| {
            let statistics = request.of_block(shape, &shard.block()?)?;
            let before = all.take().expect("it is put back below");
            all = Some(before.merge(statistics)?);
            Ok(())
        })?;
        Ok(all.expect("it was put back"))
    }
}

impl Engine for StoreEngine<'_> {
    fn shape(&self) -> &Shape {
        self.store.shape()
    }

    fn pass(&mut self, request: &Request) -> Result<Statistics> {
        self.pass_over(request, 0..self.store.shape().shards())
    }
}
