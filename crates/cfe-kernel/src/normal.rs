//! The classifier update: all x_u given Y.
//!
//! `vech(A_u) = sum_i c_ui vech(y_i y_i^T)` is a matrix product over the instances. Here the lanes are the
//! summands: a register block of 5 classifiers x 5 entries of vech keeps 25 partial sums over one tile of
//! instances (4 KiB a row) and adds its lanes up at the end, which costs 5 % and saves transposing Y. The
//! tile's products `y_j y_k` are formed five at a time, in L1, and used for all classifiers.

use super::cells::Cells;
use super::factor::{MAX_LANES, Ridge, Solve, factor_len};
use super::shard::{PackRow, TileSums, tile_len};
use super::simd::Scalar;
use super::workspace::{Scratch, Workspace};
use super::{KernelError, Side, check_lambda, check_shape, first_bad, split, triangle};
use core::ops::Range;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Most classifiers a task works on: their cells of a tile take 2 x 256 KiB of L2.
const GROUP: usize = 64;
/// Most shards the instances are cut into, and most bytes their sums may take together.
const MAX_SHARDS: usize = 64;
const SHARD_BYTES: usize = 4 << 20;
/// Tasks wanted where few classifiers make shards large.
const MIN_TASKS: usize = 16;
/// Classifiers solved by one job: at least one register of every instruction set.
const CHUNK: usize = 16;

/// The normal equations of all classifiers, without lambda: sums over all instances, in f64 for both
/// element types.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct NormalEquations {
    /// Number of classifiers.
    pub rows: usize,
    /// Number of latent dimensions.
    pub d: usize,
    /// `rows x d(d+1)/2`: lower triangles of `Y diag(C[u,:]) Y^T`, row by row.
    pub gram: Vec<f64>,
    /// `rows x d`: `Y diag(C[u,:]) R[u,:]^T`.
    pub rhs: Vec<f64>,
}

/// Sums up the normal equations of all classifiers.
///
/// `y` is d x n (row-major). Costs `2 n m (K + d) + n K ceil(m/64)` flops with K = d(d+1)/2, and reads
/// every cell once and Y `ceil(m/64)` times. The instances are cut into shards whose number depends on m,
/// n and d only, and the shards' sums are added in order: the result is the same for any number of threads.
///
/// # Errors
/// [`KernelError::Shape`].
pub fn classifier_normal_equations<T: Scalar, C: Cells<T>>(
    workspace: &Workspace<T>,
    cells: &C,
    y: &[T],
    d: usize,
) -> Result<NormalEquations, KernelError> {
    let (m, n) = (cells.rows(), cells.cols());
    check_shape("y", y.len(), d, n)?;
    let stride = triangle(d) + d;
    let tile = tile_len::<T>(d);
    let tiles = n.div_ceil(tile);
    let groups: Vec<(usize, usize)> = split(m, GROUP).collect();
    // One number more than a shard holds for each classifier: the number of shards decides about the last
    // bits, and so it stays what it was when there was one.
    let shards = (SHARD_BYTES / (m.max(1) * (stride + 1) * size_of::<f64>()))
        .clamp(1, MAX_SHARDS)
        .max(MIN_TASKS / groups.len().max(1))
        .min(tiles.max(1));

    let sums: Vec<Vec<f64>> = (0..shards * groups.len())
        .into_par_iter()
        .with_max_len(1)
        .map(|task| {
            // A task sums whole tiles of one shard for one group of classifiers.
            let (shard, group) = (task / groups.len(), task % groups.len());
            let from = (tiles * shard / shards) * tile;
            let to = n.min((tiles * (shard + 1) / shards) * tile);
            workspace
                .with(|scratch| shard_sums(workspace.arch(), cells, y, d, groups[group], from..to, scratch))
        })
        .collect();

    let mut total = NormalEquations { rows: m, d, gram: vec![0.0; m * triangle(d)], rhs: vec![0.0; m * d] };
    // `collect` keeps the order of the tasks, so every sum runs over the shards in order.
    for (task, sums) in sums.iter().enumerate() {
        total.add_group(groups[task % groups.len()].0, sums);
    }
    Ok(total)
}

/// As [`classifier_normal_equations`] for one block of instances, on the calling thread alone: the sums run
/// over the tiles of the block in order.
///
/// # Errors
/// [`KernelError::Shape`].
pub fn block_normal_equations<T: Scalar, C: Cells<T>>(
    workspace: &Workspace<T>,
    cells: &C,
    y: &[T],
    d: usize,
) -> Result<NormalEquations, KernelError> {
    let (m, n) = (cells.rows(), cells.cols());
    check_shape("y", y.len(), d, n)?;
    let mut total = NormalEquations { rows: m, d, gram: vec![0.0; m * triangle(d)], rhs: vec![0.0; m * d] };
    for (first, count) in split(m, GROUP) {
        let arch = workspace.arch();
        let sums = workspace.with(|scratch| shard_sums(arch, cells, y, d, (first, count), 0..n, scratch));
        total.add_group(first, &sums);
    }
    Ok(total)
}

/// Sums over a range of whole tiles for the group `(first, count)` of classifiers: `count x (K + d)`, namely
/// vech and right-hand side.
fn shard_sums<T: Scalar, C: Cells<T>>(
    arch: Arch,
    cells: &C,
    y: &[T],
    d: usize,
    (first, count): (usize, usize),
    range: Range<usize>,
    scratch: &mut Scratch<T>,
) -> Vec<f64> {
    let n = cells.cols();
    let tile = tile_len::<T>(d);
    let stride = triangle(d) + d;
    let mut sums = vec![0.0; count * stride];
    for start in range.clone().step_by(tile) {
        let len = tile.min(range.end - start);
        // Only the last tile is short; c, c r and y are zeros in the rest of its last register.
        let padded = len.next_multiple_of(MAX_LANES);
        let factors = scratch.lanes.get(d * tile);
        for (row, out) in factors.chunks_exact_mut(tile).enumerate() {
            out[..len].copy_from_slice(&y[row * n + start..][..len]);
            out[len..padded].fill(T::ZERO);
        }
        let weights = scratch.left.get(count * tile);
        let weighted = scratch.right.get(count * tile);
        let r = &mut scratch.ratings.get(padded)[..padded];
        r[len..].fill(T::ZERO);
        for u in 0..count {
            let c = &mut weights[u * tile..][..padded];
            cells.fill(first + u, start, &mut r[..len], &mut c[..len]);
            c[len..].fill(T::ZERO);
            let out = &mut weighted[u * tile..][..padded];
            T::pack_row(arch, PackRow { r, c, out });
        }
        T::tile_sums(arch, TileSums { d, count, padded, scratch, sums: &mut sums });
    }
    sums
}

fn add(total: &mut [f64], part: &[f64]) {
    for (total, part) in total.iter_mut().zip(part) {
        *total += part;
    }
}

/// Updates all classifiers: [`classifier_normal_equations`] and [`NormalEquations::solve`].
///
/// `x` is d x m, `y` is d x n (row-major).
///
/// # Errors
/// Those of the two functions.
pub fn update_classifiers<T: Scalar, C: Cells<T>>(
    workspace: &Workspace<T>,
    cells: &C,
    y: &[T],
    d: usize,
    lambda: T,
    x: &mut [T],
) -> Result<(), KernelError> {
    check_shape("x", x.len(), d, cells.rows())?;
    check_lambda(lambda)?;
    classifier_normal_equations(workspace, cells, y, d)?.solve(lambda.to_f64(), x)
}

impl NormalEquations {
    /// Equations from sums that were added up elsewhere; the lengths are checked when they are solved.
    #[must_use]
    pub fn from_sums(rows: usize, d: usize, gram: Vec<f64>, rhs: Vec<f64>) -> Self {
        Self { rows, d, gram, rhs }
    }

    /// Adds sums as [`shard_sums`] gives them, of the classifiers from `first` on.
    fn add_group(&mut self, first: usize, sums: &[f64]) {
        let d = self.d;
        for (u, row) in (first..).zip(sums.chunks_exact(triangle(d) + d)) {
            let (gram, rhs) = row.split_at(triangle(d));
            add(&mut self.gram[u * triangle(d)..], gram);
            add(&mut self.rhs[u * d..], rhs);
        }
    }

    /// The entries of `Y diag(C[u,:]) Y^T` by row and column, in any order of the two.
    ///
    /// # Panics
    /// The function that is returned panics for a classifier or an entry that does not exist.
    pub fn gram_of(&self, u: usize) -> impl Fn(usize, usize) -> f64 + '_ {
        let entries = &self.gram[u * triangle(self.d)..][..triangle(self.d)];
        move |a, b| entries[triangle(a.max(b)) + a.min(b)]
    }

    /// `Y diag(C[u,:]) R[u,:]^T` (d).
    ///
    /// # Panics
    /// If there is no such classifier.
    pub fn rhs_of(&self, u: usize) -> &[f64] {
        &self.rhs[u * self.d..][..self.d]
    }

    /// Checks the fields, which anyone may change, and the length of an X.
    fn check(&self, x: usize) -> Result<(), KernelError> {
        check_shape("x", x, self.d, self.rows)?;
        check_shape("gram", self.gram.len(), triangle(self.d), self.rows)?;
        check_shape("rhs", self.rhs.len(), self.d, self.rows)
    }

    /// Solves `(A_u + lambda I) x_u = b_u` for all classifiers into `x` (d x rows, row-major).
    ///
    /// Costs `rows (d^3/3 + 2 d^2)` flops, in f64.
    ///
    /// # Errors
    /// [`KernelError::Shape`], [`KernelError::Lambda`], or [`KernelError::NotPositiveDefinite`] with the
    /// lowest failing classifier, where `x` has been overwritten with unspecified values.
    pub fn solve<T: Scalar>(&self, lambda: f64, x: &mut [T]) -> Result<(), KernelError> {
        let (m, d) = (self.rows, self.d);
        self.check(x.len())?;
        check_lambda(lambda)?;
        let arch = crate::arch();
        let chunks: Vec<(Vec<f64>, Option<usize>)> = (0..m.div_ceil(CHUNK))
            .into_par_iter()
            .map_init(Scratch::default, |scratch, chunk| {
                let first = chunk * CHUNK;
                let count = CHUNK.min(m - first);
                let mut solved = vec![0.0; d * CHUNK];
                let failed = arch.dispatch(SolveChunk {
                    equations: self,
                    lambda,
                    first,
                    count,
                    solved: &mut solved,
                    scratch,
                });
                (solved, failed)
            })
            .collect();
        // In the order of the chunks, so that the lowest failing classifier is the one that is named.
        let mut failed = None;
        for (chunk, (solved, bad)) in chunks.iter().enumerate() {
            let count = CHUNK.min(m - chunk * CHUNK);
            for (k, row) in solved.chunks_exact(CHUNK).enumerate() {
                let out = &mut x[k * m + chunk * CHUNK..][..count];
                for (out, &value) in out.iter_mut().zip(row) {
                    *out = T::from_f64(value);
                }
            }
            failed = failed.or(bad.map(|u| chunk * CHUNK + u));
        }
        match failed {
            Some(index) => Err(KernelError::NotPositiveDefinite { side: Side::Classifiers, index }),
            None => Ok(()),
        }
    }
}

/// Solves the classifiers `first..first + count`, a register of them at a time.
struct SolveChunk<'a> {
    equations: &'a NormalEquations,
    lambda: f64,
    first: usize,
    count: usize,
    /// `d x CHUNK`.
    solved: &'a mut [f64],
    scratch: &'a mut Scratch<f64>,
}

impl WithSimd for SolveChunk<'_> {
    /// The first failing classifier, counted from `first`.
    type Output = Option<usize>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Option<usize> {
        let (d, width) = (self.equations.d, S::F64_LANES);
        let triangle = triangle(d);
        let entries = triangle + d;
        let system = self.scratch.systems.get(entries * width);
        let work = self.scratch.factor.get(factor_len(d) * width);
        let mut failed = None;
        for offset in (0..self.count).step_by(width) {
            let lanes = width.min(self.count - offset);
            // Entry e of a lane's system is at e * width + lane. Lanes without a classifier stay 0, and their
            // flags are not read.
            system.fill(0.0);
            for lane in 0..lanes {
                let u = self.first + offset + lane;
                let gram = &self.equations.gram[u * triangle..][..triangle];
                let rhs = &self.equations.rhs[u * d..][..d];
                let out = system[lane..].iter_mut().step_by(width);
                for (out, &value) in out.zip(gram.iter().chain(rhs)) {
                    *out = value;
                }
            }
            let good = simd.vectorize(Solve { system: Ridge { lambda: self.lambda }, n: d, a: system, work });
            for (row, y) in
                self.solved.chunks_exact_mut(CHUNK).zip(system[triangle * width..].chunks_exact(width))
            {
                row[offset..offset + lanes].copy_from_slice(&y[..lanes]);
            }
            failed = failed.or(first_bad(&good, lanes).map(|lane| offset + lane));
        }
        failed
    }
}
