//! What a cell of text means.

/// Why a cell holds no probability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadCell {
    NotANumber,
    OutOfRange,
}

/// Empty, NA, NaN or null, in any case.
pub(super) fn is_missing(cell: &[u8]) -> bool {
    cell.is_empty()
        || (cell.len() <= 4
            && [&b"na"[..], b"nan", b"null"].iter().any(|token| cell.eq_ignore_ascii_case(token)))
}

/// A probability, or NaN for a missing one.
#[inline]
pub(super) fn probability(cell: &[u8]) -> Result<f64, BadCell> {
    if let Ok(value) = fast_float2::parse::<f64, _>(cell)
        && (0.0..=1.0).contains(&value)
    {
        return Ok(value);
    }
    unusual_probability(cell.trim_ascii())
}

#[cold]
fn unusual_probability(cell: &[u8]) -> Result<f64, BadCell> {
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
pub(super) fn label(cell: &[u8]) -> Result<Option<bool>, ()> {
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
pub(super) fn number_label(value: f64) -> Result<Option<bool>, ()> {
    match value {
        0.0 => Ok(Some(false)),
        1.0 => Ok(Some(true)),
        v if v.is_nan() => Ok(None),
        _ => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
