//! Scratch memory that outlives the parallel jobs using it.
//!
//! A job borrows one [`Scratch`] from the pool, so at most one per running thread exists, and repeated
//! sweeps allocate nothing. (rayon's `map_init` would make one per split of the job list instead.)

use super::instruction_set::InstructionSet;
use super::simd::Scalar;
use pulp::Arch;
use std::sync::{Mutex, PoisonError};

/// Bytes of a cache line and of the widest register.
pub(crate) const ALIGN: usize = 64;

/// A growable buffer whose contents start on a cache line: an AVX-512 load or store that straddles two
/// lines costs twice.
#[derive(Debug, Default)]
pub(crate) struct Buffer<T> {
    data: Vec<T>,
}

impl<T: Scalar> Buffer<T> {
    /// The first `len` elements, grown with zeros where needed. Old contents are unspecified.
    pub(crate) fn get(&mut self, len: usize) -> &mut [T] {
        let slack = ALIGN / size_of::<T>();
        if self.data.len() < len + slack {
            self.data = vec![T::ZERO; len + slack];
        }
        // `align_offset` may in principle decline (usize::MAX); alignment only matters for speed.
        let skip = self.data.as_ptr().align_offset(ALIGN).min(slack);
        &mut self.data[skip..skip + len]
    }
}

/// Everything a job needs besides its output.
#[derive(Debug, Default)]
pub(crate) struct Scratch<T> {
    /// One row of ratings of a tile.
    pub(crate) ratings: Buffer<T>,
    /// One row of confidences of a tile.
    pub(crate) weights: Buffer<T>,
    /// Packed confidences of a tile.
    pub(crate) left: Buffer<T>,
    /// Packed ratings of a tile, or confidence times rating.
    pub(crate) right: Buffer<T>,
    /// Confidence times rating, or the unknowns of the dual systems, of some micro-tiles.
    pub(crate) weighted: Buffer<T>,
    /// The tile of Y, or lane-interleaved results.
    pub(crate) lanes: Buffer<T>,
    /// Interleaved systems, or a panel of products of Y rows.
    pub(crate) systems: Buffer<T>,
    /// Scaled rows and reciprocal pivots of the factorization.
    pub(crate) factor: Buffer<T>,
    /// A panel of Z formed on the fly.
    pub(crate) panel: Buffer<T>,
    /// New columns of Y of a micro-tile, `[latent row][register of the pair]`.
    pub(crate) columns: Buffer<T>,
    /// New columns of Y of a tile, row by row.
    pub(crate) solved: Buffer<T>,
    /// The reconstruction of a micro-tile by one panel of classifiers.
    pub(crate) predicted: Buffer<T>,
}

/// Scratch memory for the kernel's functions. Make one and pass it to every call; it holds a few hundred
/// KiB per thread that has worked with it.
#[derive(Debug)]
pub struct Workspace<T> {
    arch: Arch,
    pool: Mutex<Vec<Scratch<T>>>,
}

impl<T: Scalar> Default for Workspace<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Scalar> Workspace<T> {
    /// An empty workspace for the best instruction set of this CPU; memory is taken on first use.
    #[must_use]
    pub fn new() -> Self {
        Self::with_arch(crate::arch())
    }

    /// A workspace for a given instruction set: for tests of the code for lesser CPUs.
    #[doc(hidden)]
    #[must_use]
    pub fn with_arch(arch: Arch) -> Self {
        Self { arch, pool: Mutex::default() }
    }

    /// The instruction set in use.
    pub fn instruction_set(&self) -> InstructionSet {
        InstructionSet::of(self.arch)
    }

    pub(crate) fn arch(&self) -> Arch {
        self.arch
    }

    /// Runs `job` with a scratch of its own. Two uncontended locks a job, against jobs of 50 us and more.
    pub(crate) fn with<O>(&self, job: impl FnOnce(&mut Scratch<T>) -> O) -> O {
        // A poisoned pool only means that another job panicked; the scratches in it are still usable.
        let popped = self.pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut scratch = popped.unwrap_or_default();
        let out = job(&mut scratch);
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
        out
    }
}
