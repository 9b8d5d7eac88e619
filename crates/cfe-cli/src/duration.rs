//! Times on the command line.

use std::time::Duration;

/// Seconds, or a number with s, m or h.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let refused = || format!("{text:?} is not a time; write 90s, 5m or 1.5h");
    let (number, unit) = match text.char_indices().find(|(_, c)| c.is_ascii_alphabetic()) {
        Some((at, _)) => text.split_at(at),
        None => (text, "s"),
    };
    let unit = match unit {
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(refused()),
    };
    let seconds = number.trim().parse::<f64>().map_err(|_| refused())? * unit;
    let sound = seconds > 0.0 && seconds.is_finite();
    if sound { Duration::try_from_secs_f64(seconds).map_err(|_| refused()) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, seconds) in [("60s", 60.0), ("5m", 300.0), ("1.5h", 5400.0), ("90", 90.0), ("2min", 120.0)]
        {
            assert_eq!(duration(text).unwrap().as_secs_f64(), seconds);
        }
        for bad in ["", "s", "-1s", "0", "nan", "1e400h", "3d", "5 parsecs"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
