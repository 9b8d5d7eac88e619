//! exp(-|s|) and log(1 + exp(-|s|)) of many numbers: what every logistic loss is made of; and sums of bumps.

use pulp::{Simd, WithSimd};

/// Writes `e = exp(-|s|)` and `l = log(1 + e)`, both within 4 units in the last place; the three slices have
/// equal lengths, else the rest of the longer ones is left alone. NaN gives NaN. Beyond |s| = 708 both are
/// 3e-308 instead of less.
///
/// The same numbers for the same s, wherever it stands: multiplications and additions are left unfused.
///
/// ```
/// let (mut e, mut l) = ([0.0; 2], [0.0; 2]);
/// cfe_kernel::exp_and_log1p(&[0.0, -3.0], &mut e, &mut l);
/// assert!((e[1] - (-3.0f64).exp()).abs() < 1e-16 && (l[0] - 2f64.ln()).abs() < 1e-15);
/// ```
pub fn exp_and_log1p(s: &[f64], e: &mut [f64], l: &mut [f64]) {
    crate::arch().dispatch(All { s, e, l });
}

/// Adds `height * exp(-s_i)` to each `z_i`, within 4 units in the last place; a negative s_i counts as 0, as
/// a squared distance that rounding took below 0 should. The two slices have equal lengths, else the rest of
/// the longer one is left alone. NaN gives NaN.
///
/// ```
/// let mut z = [1.0, 1.0];
/// cfe_kernel::add_exponentials(&[0.0, 3.0], 2.0, &mut z);
/// assert!((z[0] - 3.0).abs() < 1e-15 && (z[1] - 1.0 - 2.0 * (-3.0f64).exp()).abs() < 1e-15);
/// ```
pub fn add_exponentials(s: &[f64], height: f64, z: &mut [f64]) {
    crate::arch().dispatch(AddExponentials { s, height, z });
}

struct AddExponentials<'a> {
    s: &'a [f64],
    height: f64,
    z: &'a mut [f64],
}

impl WithSimd for AddExponentials<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (&s, z) in self.s.iter().zip(self.z) {
            // By comparison, as `max` would turn NaN into a number.
            *z += self.height * exp_of_minus(if s < 0.0 { 0.0 } else { s });
        }
    }
}

struct All<'a> {
    s: &'a [f64],
    e: &'a mut [f64],
    l: &'a mut [f64],
}

impl WithSimd for All<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for ((&s, e), l) in self.s.iter().zip(self.e).zip(self.l) {
            *e = exp_of_minus(s.abs());
            *l = log_one_plus(*e);
        }
    }
}

/// exp(-a) for a >= 0: 2^k exp(r) with |r| <= log(2) / 2 and the Taylor polynomial of degree 13, whose
/// remainder is below 5e-18.
#[inline(always)]
fn exp_of_minus(a: f64) -> f64 {
    /// Adding it leaves the nearest integer in the lowest bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    /// log(2) in two parts; a multiple of the first by an integer below 2^11 is exact.
    const LN2: [f64; 2] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];
    /// 1 / k! from k = 13 down to 0.
    const TAYLOR: [f64; 14] = [
        1.0 / 6_227_020_800.0,
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ];
    // By comparison, as `min` would turn NaN into a number.
    let x = if a > 708.0 { -708.0 } else { -a };
    let shifted = x * core::f64::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = (x - k * LN2[0]) - k * LN2[1];
    // 2^k, by writing k + 1023 into the bits of the exponent.
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    horner(&TAYLOR, r) * power
}

/// log(1 + e) for 0 <= e <= 1, as 2 atanh(t) with t = e / (2 + e) <= 1/3; the first term left out is below
/// 1e-17 of the sum.
#[inline(always)]
fn log_one_plus(e: f64) -> f64 {
    /// 1 / (2 k + 1) from k = 16 down to 0.
    const ATANH: [f64; 17] = [
        1.0 / 33.0,
        1.0 / 31.0,
        1.0 / 29.0,
        1.0 / 27.0,
        1.0 / 25.0,
        1.0 / 23.0,
        1.0 / 21.0,
        1.0 / 19.0,
        1.0 / 17.0,
        1.0 / 15.0,
        1.0 / 13.0,
        1.0 / 11.0,
        1.0 / 9.0,
        1.0 / 7.0,
        1.0 / 5.0,
        1.0 / 3.0,
        1.0,
    ];
    let t = e / (2.0 + e);
    2.0 * t * horner(&ATANH, t * t)
}

/// The polynomial with these coefficients, the highest first.
#[inline(always)]
fn horner<const N: usize>(coefficients: &[f64; N], x: f64) -> f64 {
    let mut sum = coefficients[0];
    for &c in &coefficients[1..] {
        sum = sum * x + c;
    }
    sum
}
