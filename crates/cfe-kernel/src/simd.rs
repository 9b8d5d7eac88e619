//! The two element types and the vector operations the kernel needs on them.
//!
//! `pulp` supplies safe SIMD dispatch, but its operations carry the element type in their names
//! (`mul_f64s`, `mul_f32s`). The trait here folds the two families into one, so that every kernel is
//! written once over `(T: Scalar, S: pulp::Simd)` and compiled for AVX-512, AVX2 and plain scalar code.

use super::compiled::Compiled;
use core::fmt::Debug;
use core::ops::{Add, AddAssign, Mul, Sub};
use pulp::Simd;

/// An element type of the factorization: `f64` or `f32`. Sealed.
pub trait Scalar:
    vector::Lanes
    + Compiled
    + Copy
    + Default
    + Debug
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + Mul<Output = Self>
    + 'static
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// 1/2, the uninformative rating.
    const HALF: Self;
    /// Nearest value of this type.
    fn from_f64(value: f64) -> Self;
    /// Exact widening.
    fn to_f64(self) -> f64;
    /// Absolute value.
    fn abs(self) -> Self;
    /// Neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// NaN.
    fn is_nan(self) -> bool;
}

/// Vector operations by element type; public in name only (the module is private), which seals
/// [`Scalar`].
pub(crate) mod vector {
    use super::Simd;

    /// Lane-wise operations on the registers of instruction set `S`.
    pub trait Lanes: Sized + Copy {
        /// One register of `Self`.
        type Vector<S: Simd>: Copy;
        /// Elements per register.
        fn width<S: Simd>() -> usize;
        /// The slice as whole registers; a tail shorter than a register is dropped.
        fn registers<S: Simd>(slice: &[Self]) -> &[Self::Vector<S>];
        /// The slice as whole registers; a tail shorter than a register is dropped.
        fn registers_mut<S: Simd>(slice: &mut [Self]) -> &mut [Self::Vector<S>];
        /// `value` in all lanes.
        fn splat<S: Simd>(simd: S, value: Self) -> Self::Vector<S>;
        /// `a + b`.
        fn plus<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
        /// `a * b`.
        fn times<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
        /// `a / b`.
        fn over<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
        /// `a * b + c`, fused where that is one instruction.
        fn mul_add<S: Simd>(
            simd: S,
            a: Self::Vector<S>,
            b: Self::Vector<S>,
            c: Self::Vector<S>,
        ) -> Self::Vector<S>;
        /// `c - a * b`, fused where that is one instruction.
        fn neg_mul_add<S: Simd>(
            simd: S,
            a: Self::Vector<S>,
            b: Self::Vector<S>,
            c: Self::Vector<S>,
        ) -> Self::Vector<S>;
        /// `value` where `test > 0`, else `otherwise`; NaN counts as not positive.
        fn where_positive<S: Simd>(
            simd: S,
            test: Self::Vector<S>,
            value: Self::Vector<S>,
            otherwise: Self::Vector<S>,
        ) -> Self::Vector<S>;
        /// Sum over the lanes, in a fixed tree order.
        fn sum<S: Simd>(simd: S, a: Self::Vector<S>) -> Self;
    }
}

macro_rules! scalar {
    ($t:ty, $v:ident, $lanes:ident, $as:ident, $as_mut:ident, $splat:ident, $add:ident, $mul:ident,
     $div:ident, $fma:ident, $fnma:ident, $gt:ident, $select:ident, $sum:ident) => {
        impl Scalar for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const HALF: Self = 0.5;
            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $t
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                <$t>::abs(self)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                <$t>::is_finite(self)
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                <$t>::is_nan(self)
            }
        }

        impl vector::Lanes for $t {
            type Vector<S: Simd> = S::$v;
            #[inline(always)]
            fn width<S: Simd>() -> usize {
                S::$lanes
            }
            #[inline(always)]
            fn registers<S: Simd>(slice: &[Self]) -> &[S::$v] {
                S::$as(slice).0
            }
            #[inline(always)]
            fn registers_mut<S: Simd>(slice: &mut [Self]) -> &mut [S::$v] {
                S::$as_mut(slice).0
            }
            #[inline(always)]
            fn splat<S: Simd>(simd: S, value: Self) -> S::$v {
                simd.$splat(value)
            }
            #[inline(always)]
            fn plus<S: Simd>(simd: S, a: S::$v, b: S::$v) -> S::$v {
                simd.$add(a, b)
            }
            #[inline(always)]
            fn times<S: Simd>(simd: S, a: S::$v, b: S::$v) -> S::$v {
                simd.$mul(a, b)
            }
            #[inline(always)]
            fn over<S: Simd>(simd: S, a: S::$v, b: S::$v) -> S::$v {
                simd.$div(a, b)
            }
            #[inline(always)]
            fn mul_add<S: Simd>(simd: S, a: S::$v, b: S::$v, c: S::$v) -> S::$v {
                simd.$fma(a, b, c)
            }
            #[inline(always)]
            fn neg_mul_add<S: Simd>(simd: S, a: S::$v, b: S::$v, c: S::$v) -> S::$v {
                simd.$fnma(a, b, c)
            }
            #[inline(always)]
            fn where_positive<S: Simd>(simd: S, test: S::$v, value: S::$v, otherwise: S::$v) -> S::$v {
                simd.$select(simd.$gt(test, simd.$splat(0.0)), value, otherwise)
            }
            #[inline(always)]
            fn sum<S: Simd>(simd: S, a: S::$v) -> Self {
                simd.$sum(a)
            }
        }
    };
}

scalar!(
    f64,
    f64s,
    F64_LANES,
    as_simd_f64s,
    as_mut_simd_f64s,
    splat_f64s,
    add_f64s,
    mul_f64s,
    div_f64s,
    mul_add_e_f64s,
    negate_mul_add_e_f64s,
    greater_than_f64s,
    select_f64s,
    reduce_sum_f64s
);
scalar!(
    f32,
    f32s,
    F32_LANES,
    as_simd_f32s,
    as_mut_simd_f32s,
    splat_f32s,
    add_f32s,
    mul_f32s,
    div_f32s,
    mul_add_e_f32s,
    negate_mul_add_e_f32s,
    greater_than_f32s,
    select_f32s,
    reduce_sum_f32s
);
