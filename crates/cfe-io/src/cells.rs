//! What a cell of text means.

use crate::reading::{Reading, number};

/// Why a cell holds no probability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadCell {
    NotANumber,
    OutOfRange,
}

/// A probability, or NaN for a missing one. `is_plain` is that of the reading, which is asked once for all
/// cells.
#[inline]
pub(crate) fn probability(cell: &[u8], reading: &Reading, is_plain: bool) -> Result<f64, BadCell> {
    match simple_fraction(cell) {
        Some(value) if is_plain => Ok(value),
        _ => other_probability(cell.trim_ascii(), reading),
    }
}

/// Powers of ten that f64 holds exactly, as it holds every whole number of 15 digits: their quotient is then
/// the nearest f64, without the general algorithm.
const TENTHS: [f64; 16] =
    [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// `0.` and up to 15 digits, which is what most cells hold.
#[inline]
fn simple_fraction(cell: &[u8]) -> Option<f64> {
    let digits = cell.strip_prefix(b"0.")?;
    let power = TENTHS.get(digits.len()).filter(|_| !digits.is_empty())?;
    let mut whole = 0u64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        whole = 10 * whole + u64::from(digit);
    }
    Some(whole as f64 / power)
}

fn other_probability(cell: &[u8], reading: &Reading) -> Result<f64, BadCell> {
    if reading.is_missing(cell) {
        return Ok(f64::NAN);
    }
    match number(cell) {
        Some((value, _)) if reading.is_missing_number(value) => Ok(f64::NAN),
        Some((value, sign)) => reading.probability(value, sign).ok_or(match sign {
            // 12% is not a number that is too large, but one that has to be divided.
            true => BadCell::NotANumber,
            false => BadCell::OutOfRange,
        }),
        None => Err(BadCell::NotANumber),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::reading::{Input, Scale};

    fn plain(cell: &[u8]) -> Result<f64, BadCell> {
        let reading = Reading::default();
        probability(cell, &reading, reading.is_plain())
    }

    proptest! {
        #[test]
        fn numbers_are_read_as_the_standard_library_reads_them(text in r"0?\.[0-9]{1,20}|[01](\.0+)?|[1-9]e-[1-9][0-9]{0,2}") {
            prop_assert_eq!(plain(text.as_bytes()).map(f64::to_bits), Ok(text.parse::<f64>().expect("a number").to_bits()));
        }
    }

    #[test]
    fn cells() {
        for (text, value) in
            [("0", 0.0), ("1", 1.0), ("0.1", 0.1), ("1e-7", 1e-7), (" .5 ", 0.5), ("-0", 0.0), ("0,25", 0.25)]
        {
            assert_eq!(plain(text.as_bytes()), Ok(value), "{text:?}");
        }
        for missing in ["", " ", "NA", "nan", "NaN", "null", "<NA>", "None", "#N/A", "n/a"] {
            assert!(plain(missing.as_bytes()).is_ok_and(f64::is_nan), "{missing:?}");
        }
        for bad in ["1.001", "-1e-3", "inf", "2"] {
            assert_eq!(plain(bad.as_bytes()), Err(BadCell::OutOfRange), "{bad:?}");
        }
        for bad in ["x", "0.5 0.5", "--1", "\u{0}", "12%", "0,5,5"] {
            assert_eq!(plain(bad.as_bytes()), Err(BadCell::NotANumber), "{bad:?}");
        }
        // Clipped later, where it is counted.
        assert_eq!(plain(b"1.0000001192092896"), Ok(1.0000001192092896));
    }

    #[test]
    fn other_scales() {
        let percent = Reading::new(&["-1".to_owned()], Scale::Percent, Input::Probability);
        assert_eq!(probability(b"27.15%", &percent, false), Ok(27.15 / 100.0));
        assert_eq!(probability(b"0.5", &percent, false), Ok(0.005));
        assert!(probability(b"-1", &percent, false).is_ok_and(f64::is_nan));
        let score = Reading::new(&[], Scale::Fraction, Input::Score);
        assert_eq!(probability(b"0", &score, false), Ok(0.5));
        assert!(probability(b"-2.5", &score, false).is_ok_and(|p| (p - 0.075_858).abs() < 1e-6));
    }
}
