//! Numbers as text.

/// Fixed decimals, with a real minus sign only where one is needed: no "-0.000".
pub fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    // A number that rounds to zero loses its sign.
    match text.strip_prefix('-') {
        Some(digits) if digits.chars().all(|c| matches!(c, '0' | '.')) => digits.to_owned(),
        _ => text,
    }
}

/// As [`fixed`], with a sign in any case; zero has none.
pub fn signed(value: f64, decimals: usize) -> String {
    let text = fixed(value, decimals);
    let nonzero = text.chars().any(|c| c.is_ascii_digit() && c != '0');
    if nonzero && !text.starts_with('-') { format!("+{text}") } else { text }
}

/// Fixed decimals, or a dash.
pub fn or_dash(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| fixed(value, decimals))
}

/// A probability, a loss or an error: four decimals, or `digits` significant digits below 1e-3, where
/// decimals would hide a rare event; a dash for `None`.
///
/// ```
/// use cfe_report::number::small_or_dash;
///
/// assert_eq!(small_or_dash(Some(0.1234567), 2), "0.1235");
/// assert_eq!(small_or_dash(Some(0.0000321), 2), "3.2e-5");
/// assert_eq!((small_or_dash(Some(0.0), 2), small_or_dash(None, 2)), ("0.0000".into(), "-".into()));
/// ```
pub fn small_or_dash(value: Option<f64>, digits: usize) -> String {
    match value {
        Some(small) if small > 0.0 && small < 1e-3 => format!("{small:.*e}", digits.saturating_sub(1)),
        other => or_dash(other, 4),
    }
}

/// Fixed decimals, or two significant digits where a value other than 0 would show one digit or none.
///
/// ```
/// use cfe_report::number::small;
///
/// assert_eq!((small(0.0123, 3), small(0.00042, 3)), ("0.012".into(), "4.2e-4".into()));
/// assert_eq!((small(-0.00042, 3), small(0.0, 3)), ("-4.2e-4".into(), "0.000".into()));
/// ```
pub fn small(value: f64, decimals: usize) -> String {
    // From this value on the decimals show two digits besides leading zeros.
    let least = 10f64.powi(1 - i32::try_from(decimals).unwrap_or(i32::MAX));
    if value != 0.0 && value.abs() < least { format!("{value:.1e}") } else { fixed(value, decimals) }
}

/// Seconds in the unit that reads best.
pub fn seconds(value: f64) -> String {
    if value < 1e-3 {
        format!("{:.0} µs", value * 1e6)
    } else if value < 1.0 {
        format!("{:.1} ms", value * 1e3)
    } else {
        format!("{value:.2} s")
    }
}

/// A share as a percentage.
pub fn percent(share: f64, decimals: usize) -> String {
    format!("{}%", fixed(100.0 * share, decimals))
}

/// "[a, b]".
pub fn range(low: f64, high: f64, decimals: usize) -> String {
    format!("[{}, {}]", fixed(low, decimals), fixed(high, decimals))
}

/// `value` to so many significant digits, without an exponent from 1e-4 to 1e9; "NaN" and "inf" as they are.
pub fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    // The power of ten of the first digit decides how many decimals the digits leave.
    let magnitude = value.abs().log10().floor();
    if !(-4.0..9.0).contains(&magnitude) {
        return format!("{value:.*e}", digits.saturating_sub(1));
    }
    let decimals = (digits as f64 - 1.0 - magnitude).max(0.0);
    format!("{value:.*}", decimals as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_has_no_sign() {
        assert_eq!(fixed(-0.0004, 3), "0.000");
        assert_eq!(fixed(-0.0006, 3), "-0.001");
        assert_eq!(signed(0.0, 3), "0.000");
        assert_eq!(signed(0.25, 1), "+0.2");
        assert_eq!(signed(-0.3, 1), "-0.3");
    }

    #[test]
    fn seconds_choose_their_unit() {
        assert_eq!([seconds(1.5e-5), seconds(0.0123), seconds(2.0)], ["15 µs", "12.3 ms", "2.00 s"]);
    }

    #[test]
    fn significant_digits_count_from_the_first() {
        assert_eq!(significant(1234.56, 3), "1235");
        assert_eq!(significant(0.012_345, 3), "0.0123");
        assert_eq!(significant(-4.2e-7, 2), "-4.2e-7");
        assert_eq!(significant(0.0, 3), "0");
        assert_eq!(significant(f64::NAN, 3), "NaN");
    }
}
