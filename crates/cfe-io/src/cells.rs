//! What a cell of text means.

/// Why a cell holds no probability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadCell {
    NotANumber,
    OutOfRange,
}

/// Empty, NA, NaN or null, in any case.
pub(crate) fn is_missing(cell: &[u8]) -> bool {
    cell.is_empty()
        || (cell.len() <= 4
            && [&b"na"[..], b"nan", b"null"].iter().any(|token| cell.eq_ignore_ascii_case(token)))
}

/// A probability, or NaN for a missing one.
#[inline]
pub(crate) fn probability(cell: &[u8]) -> Result<f64, BadCell> {
    match simple_fraction(cell) {
        Some(value) => Ok(value),
        None => other_probability(cell.trim_ascii()),
    }
}

/// Powers of ten that f64 holds exactly, as it holds every whole number of 15 digits: their quotient is then the
/// nearest f64, without the general algorithm.
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

fn other_probability(cell: &[u8]) -> Result<f64, BadCell> {
    if is_missing(cell) {
        return Ok(f64::NAN);
    }
    match fast_float2::parse::<f64, _>(cell) {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        Ok(_) => Err(BadCell::OutOfRange),
        Err(_) => Err(BadCell::NotANumber),
    }
}

/// A label, `None` for unlabeled; the error is a label that is none.
pub(crate) fn label(cell: &[u8]) -> Result<Option<bool>, ()> {
    match cell {
        b"0" => return Ok(Some(false)),
        b"1" => return Ok(Some(true)),
        _ => {}
    }
    let cell = cell.trim_ascii();
    if is_missing(cell) {
        Ok(None)
    } else if cell.eq_ignore_ascii_case(b"true") {
        Ok(Some(true))
    } else if cell.eq_ignore_ascii_case(b"false") {
        Ok(Some(false))
    } else {
        fast_float2::parse(cell).map_err(|_| ()).and_then(number_label)
    }
}

/// A label given as a number.
pub(crate) fn number_label(value: f64) -> Result<Option<bool>, ()> {
    match value {
        0.0 => Ok(Some(false)),
        1.0 => Ok(Some(true)),
        v if v.is_nan() => Ok(None),
        _ => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_read_as_the_standard_library_reads_them(text in r"0?\.[0-9]{1,20}|[01](\.0+)?|[1-9]e-[1-9][0-9]{0,2}") {
            prop_assert_eq!(probability(text.as_bytes()).map(f64::to_bits), Ok(text.parse::<f64>().expect("a number").to_bits()));
        }
    }

    #[test]
    fn cells() {
        for (text, value) in
            [("0", 0.0), ("1", 1.0), ("0.1", 0.1), ("1e-7", 1e-7), (" .5 ", 0.5), ("-0", 0.0)]
        {
            assert_eq!(probability(text.as_bytes()), Ok(value), "{text:?}");
        }
        for missing in ["", " ", "NA", "nan", "NaN", "null"] {
            assert!(probability(missing.as_bytes()).is_ok_and(f64::is_nan), "{missing:?}");
            assert_eq!(label(missing.as_bytes()), Ok(None));
        }
        for bad in ["1.0000001", "-1e-9", "inf", "2"] {
            assert_eq!(probability(bad.as_bytes()), Err(BadCell::OutOfRange), "{bad:?}");
        }
        for bad in ["0,5", "x", "0.5 0.5", "--1", "\u{0}"] {
            assert_eq!(probability(bad.as_bytes()), Err(BadCell::NotANumber), "{bad:?}");
        }
        for (text, value) in [("0", false), ("1", true), ("0.0", false), ("1.0", true), ("True", true)] {
            assert_eq!(label(text.as_bytes()), Ok(Some(value)), "{text:?}");
        }
        for bad in ["2", "-1", "yes", "0.5"] {
            assert_eq!(label(bad.as_bytes()), Err(()), "{bad:?}");
        }
    }
}
