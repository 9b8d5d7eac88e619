//! The entry points that are compiled once per element type.
//!
//! The vector code is large (three instruction sets, every block shape). Generic code is compiled wherever
//! it is used with new types, so the public functions, generic over [`super::Cells`], only fetch cells and
//! call these methods, whose bodies exist once in this crate.

use super::instances::InstanceSums;
use super::pack::{PAIR, Panels};
use super::residual::{ErrorTile, Interleave, PackErrors};
use super::shard::{PackRow, TileSums};
use super::simd::Scalar;
use super::tile::{PackPair, Prepare, Problem, SolveTile};
use core::marker::PhantomData;
use pulp::{Arch, Simd, WithSimd};

/// Operations on slices of `Self` for the instruction set `arch`, which must be the same in all calls that
/// work on the same packed data.
pub trait Compiled: Sized {
    /// Instances per micro-tile: [`PAIR`] registers.
    fn micro(arch: Arch) -> usize;
    /// See [`Prepare`].
    fn prepare(arch: Arch, op: Prepare<'_, Self>) -> Problem<'_, Self>;
    /// See [`PackPair`].
    fn pack_pair(arch: Arch, op: PackPair<'_, Self>);
    /// See [`SolveTile`].
    fn solve_tile(arch: Arch, op: SolveTile<'_, '_, Self>) -> (Option<usize>, InstanceSums);
    /// See [`PackRow`].
    fn pack_row(arch: Arch, op: PackRow<'_, Self>);
    /// See [`TileSums`].
    fn tile_sums(arch: Arch, op: TileSums<'_, Self>);
    /// See [`PackErrors`].
    fn pack_errors(arch: Arch, op: PackErrors<'_, Self>) -> Panels<Self>;
    /// See [`Interleave`].
    fn interleave(arch: Arch, op: Interleave<'_, Self>);
    /// See [`ErrorTile`].
    fn error_tile(arch: Arch, op: ErrorTile<'_, Self>) -> f64;
}

struct Micro<T>(PhantomData<T>);

impl<T: Scalar> WithSimd for Micro<T> {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        PAIR * T::width::<S>()
    }
}

macro_rules! compiled {
    ($t:ty) => {
        impl Compiled for $t {
            fn micro(arch: Arch) -> usize {
                arch.dispatch(Micro::<$t>(PhantomData))
            }
            fn prepare(arch: Arch, op: Prepare<'_, Self>) -> Problem<'_, Self> {
                arch.dispatch(op)
            }
            fn pack_pair(arch: Arch, op: PackPair<'_, Self>) {
                arch.dispatch(op);
            }
            fn solve_tile(arch: Arch, op: SolveTile<'_, '_, Self>) -> (Option<usize>, InstanceSums) {
                arch.dispatch(op)
            }
            fn pack_row(arch: Arch, op: PackRow<'_, Self>) {
                arch.dispatch(op);
            }
            fn tile_sums(arch: Arch, op: TileSums<'_, Self>) {
                arch.dispatch(op);
            }
            fn pack_errors(arch: Arch, op: PackErrors<'_, Self>) -> Panels<Self> {
                arch.dispatch(op)
            }
            fn interleave(arch: Arch, op: Interleave<'_, Self>) {
                arch.dispatch(op);
            }
            fn error_tile(arch: Arch, op: ErrorTile<'_, Self>) -> f64 {
                arch.dispatch(op)
            }
        }
    };
}

compiled!(f64);
compiled!(f32);
