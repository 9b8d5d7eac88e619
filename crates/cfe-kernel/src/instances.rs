//! The instance update: all y_i given X.
//!
//! Instances are taken in tiles whose cells fit in half of an L2 cache, and a tile in micro-tiles of two
//! registers. For one micro-tile the systems are accumulated (a matrix product with the panels of Z =
//! vech(x_u x_u^T) and of X^T) and solved at once, while they are in the L1 and L2 caches: 2 x (K + d)
//! registers, 29 KiB at d = 20. Nothing of size n x K exists.
//!
//! With fewer classifiers than latent dimensions and lambda > 0, `y = X t` with `(X^T X + lambda C^-1) t =
//! r` needs only m x m systems, whose matrix is the same for all instances up to its diagonal.

use super::cells::Cells;
use super::simd::Scalar;
use super::tile::{PackPair, Prepare, Problem, SolveTile};
use super::workspace::{Scratch, Workspace};
use super::{KernelError, Side, check_lambda, check_shape};
use pulp::Arch;
use rayon::prelude::*;

/// Bytes of packed cells per tile: half of a 1 MiB L2 cache, less what else is live.
const TILE_BYTES: usize = 384 << 10;
/// Bytes of a tile's row of cells at most: long enough to stream from memory.
const ROW_BYTES: usize = 4096;

/// Sums over all instances that cost little while the new columns of Y are in cache.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct InstanceSums {
    /// `sum_ui c_ui (r_ui - x_u . y_i)^2`. Terms are computed in T; those of 16 instances or fewer are added
    /// in T, lane by lane, and everything beyond in f64.
    pub squared_error: f64,
    /// `|Y|^2`, summed alike.
    pub squared_norm: f64,
}

impl InstanceSums {
    fn add(&mut self, other: Self) {
        self.squared_error += other.squared_error;
        self.squared_norm += other.squared_norm;
    }
}

/// Updates all instances: `y_i = (X diag(C[:,i]) X^T + lambda I)^-1 X diag(C[:,i]) R[:,i]`.
///
/// `x` is d x m and `y` d x n (row-major), m and n being those of `cells`. Costs `n (2 m (K + d) + d^3/3 +
/// 2 d^2)` flops with K = d(d+1)/2, or `n (m^3/3 + 2 m^2 + 2 m d)` where m < d and lambda > 0; reads every
/// cell once and writes Y once.
///
/// # Errors
/// [`KernelError::Shape`] or [`KernelError::Lambda`] before any work; otherwise
/// [`KernelError::NotPositiveDefinite`] with the lowest failing instance, where `y` has been overwritten
/// with unspecified values.
pub fn update_instances<T: Scalar, C: Cells<T>>(
    workspace: &Workspace<T>,
    cells: &C,
    x: &[T],
    d: usize,
    lambda: T,
    y: &mut [T],
) -> Result<(), KernelError> {
    update(workspace, cells, x, d, lambda, y, false).map(|_| ())
}

/// As [`update_instances`], and sums up the error of the new Y on the way: `2 n m d` flops more, without
/// another pass over cells and Y as [`weighted_squared_error`](super::weighted_squared_error) makes it.
///
/// # Errors
/// As [`update_instances`].
pub fn update_instances_and_sum<T: Scalar, C: Cells<T>>(
    workspace: &Workspace<T>,
    cells: &C,
    x: &[T],
    d: usize,
    lambda: T,
    y: &mut [T],
) -> Result<InstanceSums, KernelError> {
    update(workspace, cells, x, d, lambda, y, true)
}

/// What all instances have in common; `None` where there is nothing to update.
fn prepared<'a, T: Scalar, C: Cells<T>>(
    workspace: &Workspace<T>,
    cells: &C,
    x: &'a [T],
    d: usize,
    lambda: T,
    y: &[T],
    measured: bool,
) -> Result<Option<Problem<'a, T>>, KernelError> {
    let (m, n) = (cells.rows(), cells.cols());
    check_shape("x", x.len(), d, m)?;
    check_shape("y", y.len(), d, n)?;
    check_lambda(lambda)?;
    // Without latent dimensions the error is that of predicting 0; there is no such model.
    let something = n > 0 && d > 0;
    Ok(something.then(|| T::prepare(workspace.arch(), Prepare { x, m, d, lambda, measured })))
}

fn update<T: Scalar, C: Cells<T>>(
    workspace: &Workspace<T>,
    cells: &C,
    x: &[T],
    d: usize,
    lambda: T,
    y: &mut [T],
    measured: bool,
) -> Result<InstanceSums, KernelError> {
    let Some(problem) = prepared(workspace, cells, x, d, lambda, y, measured)? else {
        return Ok(InstanceSums::default());
    };
    let n = cells.cols();

    // Every job owns its part of each row of Y: d slices, which is what keeps this free of `unsafe`.
    // Jobs times d slices have to be allocated: at most 16384 of them. 64 is a multiple of every micro-tile,
    // so that the last job alone has unused lanes.
    let jobs = (16384 / d).clamp(16, 128);
    let job_len = n.div_ceil(jobs).next_multiple_of(64);
    let mut parts: Vec<Vec<&mut [T]>> = Vec::new();
    parts.resize_with(n.div_ceil(job_len), || Vec::with_capacity(d));
    for row in y.chunks_exact_mut(n) {
        for (part, chunk) in parts.iter_mut().zip(row.chunks_mut(job_len)) {
            part.push(chunk);
        }
    }
    let jobs: Vec<(Option<usize>, InstanceSums)> = parts
        .into_par_iter()
        .enumerate()
        .with_max_len(1)
        .map(|(job, rows)| {
            workspace.with(|scratch| run(workspace.arch(), cells, &problem, job * job_len, rows, scratch))
        })
        .collect();
    if let Some(index) = jobs.iter().find_map(|(failed, _)| *failed) {
        return Err(KernelError::NotPositiveDefinite { side: Side::Instances, index });
    }
    // `collect` keeps the order of the jobs, whose number depends on the problem only.
    let mut total = InstanceSums::default();
    jobs.iter().for_each(|(_, sums)| total.add(*sums));
    Ok(total)
}

/// As [`update_instances_and_sum`] for one block of instances, on the calling thread alone: for callers that
/// take many blocks side by side. Without `measured` the sums are 0 and cost nothing.
///
/// # Errors
/// As [`update_instances`].
pub fn update_block<T: Scalar, C: Cells<T>>(
    workspace: &Workspace<T>,
    cells: &C,
    x: &[T],
    d: usize,
    lambda: T,
    y: &mut [T],
    measured: bool,
) -> Result<InstanceSums, KernelError> {
    let Some(problem) = prepared(workspace, cells, x, d, lambda, y, measured)? else {
        return Ok(InstanceSums::default());
    };
    let rows: Vec<&mut [T]> = y.chunks_exact_mut(cells.cols()).collect();
    let (failed, sums) = workspace.with(|scratch| run(workspace.arch(), cells, &problem, 0, rows, scratch));
    match failed {
        Some(index) => Err(KernelError::NotPositiveDefinite { side: Side::Instances, index }),
        None => Ok(sums),
    }
}

/// Updates the instances from `start` on, whose part of every row of Y is `rows`; the lowest that failed, and
/// the sums.
fn run<T: Scalar, C: Cells<T>>(
    arch: Arch,
    cells: &C,
    problem: &Problem<'_, T>,
    start: usize,
    mut rows: Vec<&mut [T]>,
    scratch: &mut Scratch<T>,
) -> (Option<usize>, InstanceSums) {
    let m = problem.m;
    let micro = T::micro(arch);
    // A panel of Z formed on the fly should serve several micro-tiles.
    let least = if problem.on_the_fly() { 8 * micro } else { micro };
    let tile = (TILE_BYTES / (2 * m.max(1) * size_of::<T>())).min(ROW_BYTES / size_of::<T>()).max(least);
    let tile = tile / micro * micro;
    let len = rows.first().map_or(0, |row| row.len());
    let (mut failed, mut total) = (None, InstanceSums::default());
    for offset in (0..len).step_by(tile) {
        let count = tile.min(len - offset);
        let padded = count.next_multiple_of(micro);
        let r = scratch.ratings.get(padded);
        let c = scratch.weights.get(padded);
        let left = scratch.left.get(padded * m);
        let right = scratch.right.get(padded * m);
        // Zeros make the systems of unused lanes those of instances without a prediction.
        r[count..].fill(T::ZERO);
        c[count..].fill(T::ZERO);
        for u in 0..m {
            cells.fill(u, start + offset, &mut r[..count], &mut c[..count]);
            T::pack_pair(arch, PackPair { r, c, u, m, left, right });
        }
        let (bad, sums) = T::solve_tile(arch, SolveTile { problem, scratch, rows: &mut rows, offset, count });
        failed = failed.or(bad.map(|lane| start + offset + lane));
        total.add(sums);
    }
    (failed, total)
}
