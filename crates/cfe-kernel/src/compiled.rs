//! The entry points that are compiled once per element type.
//!
//! The vector code is large (three instruction sets, every block shape). Generic code is compiled wherever
//! it is used with new types, so the public functions, generic over [`super::Cells`], only fetch cells and
//! call these methods, whose bodies exist once in this crate: 20 s less per test, binary or benchmark.

use super::pack::{PAIR, Panels};
use super::residual::{ErrorTile, Interleave, PackErrors};
use super::shard::{PackRow, TileSums};
use super::simd::Scalar;
use super::tile::{PackPair, Prepare, Problem, SolveTile};
use core::marker::PhantomData;
use pulp::{Arch, Simd, WithSimd};

/// Run-time dispatched operations on slices of `Self`.
pub trait Compiled: Sized {
    /// Instances per micro-tile: [`PAIR`] registers.
    fn micro() -> usize;
    /// See [`Prepare`].
    fn prepare(op: Prepare<'_, Self>) -> Problem<'_, Self>;
    /// See [`PackPair`].
    fn pack_pair(op: PackPair<'_, Self>);
    /// See [`SolveTile`].
    fn solve_tile(op: SolveTile<'_, '_, Self>) -> Option<usize>;
    /// See [`PackRow`].
    fn pack_row(op: PackRow<'_, Self>) -> f64;
    /// See [`TileSums`].
    fn tile_sums(op: TileSums<'_, Self>);
    /// See [`PackErrors`].
    fn pack_errors(op: PackErrors<'_, Self>) -> Panels<Self>;
    /// See [`Interleave`].
    fn interleave(op: Interleave<'_, Self>);
    /// See [`ErrorTile`].
    fn error_tile(op: ErrorTile<'_, Self>) -> f64;
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
            fn micro() -> usize {
                Arch::new().dispatch(Micro::<$t>(PhantomData))
            }
            fn prepare(op: Prepare<'_, Self>) -> Problem<'_, Self> {
                Arch::new().dispatch(op)
            }
            fn pack_pair(op: PackPair<'_, Self>) {
                Arch::new().dispatch(op);
            }
            fn solve_tile(op: SolveTile<'_, '_, Self>) -> Option<usize> {
                Arch::new().dispatch(op)
            }
            fn pack_row(op: PackRow<'_, Self>) -> f64 {
                Arch::new().dispatch(op)
            }
            fn tile_sums(op: TileSums<'_, Self>) {
                Arch::new().dispatch(op);
            }
            fn pack_errors(op: PackErrors<'_, Self>) -> Panels<Self> {
                Arch::new().dispatch(op)
            }
            fn interleave(op: Interleave<'_, Self>) {
                Arch::new().dispatch(op);
            }
            fn error_tile(op: ErrorTile<'_, Self>) -> f64 {
                Arch::new().dispatch(op)
            }
        }
    };
}

compiled!(f64);
compiled!(f32);
