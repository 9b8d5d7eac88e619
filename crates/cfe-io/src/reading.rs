//! How the cells of a table are to be understood.

use serde::{Deserialize, Serialize};

/// What a number in a classifier's column stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Scale {
    /// 0 to 1.
    #[default]
    Fraction,
    /// 0 to 100, with or without a percent sign; divided by 100.
    Percent,
}

impl Scale {
    /// Every scale with its name and a one-line description.
    pub const ALL: &[(Self, &str, &str)] = &[
        (Self::Fraction, "fraction", "0 to 1"),
        (Self::Percent, "percent", "0 to 100, with or without a percent sign; divided by 100"),
    ];
}

impl Input {
    /// Every input with its name and a one-line description.
    pub const ALL: &[(Self, &str, &str)] = &[
        (Self::Probability, "probability", "Probabilities of the positive class"),
        (
            Self::Score,
            "score",
            "Log-odds or other scores, larger for the positive class; a score s becomes 1 / (1 + exp(-s))",
        ),
    ];
}

/// What a classifier says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Input {
    /// Probabilities of the positive class.
    #[default]
    Probability,
    /// Log-odds or another score on the whole line, larger for the positive class. Each score s is taken as
    /// the probability 1 / (1 + exp(-s)). For log-odds that is exact. For other scores it keeps the order,
    /// needs nothing from other rows, so that a new row is read as the rows of training were, and leaves the
    /// calibration to the combiner. Scores beyond about 36 in size all become 0 or 1: scale such scores
    /// first.
    Score,
}

/// Whether the labels of a table are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Labels {
    /// A label column is looked for, and labels that cannot be understood are an error.
    #[default]
    Needed,
    /// Labels are read if there are some that can be understood; others are passed over with a warning.
    IfPresent,
    /// No label is read.
    Ignored,
}

/// Cells that stand for a missing value whatever the options: what pandas, R, SQL and Excel write.
const MISSING: [&[u8]; 16] = [
    b"na",
    b"nan",
    b"null",
    b"none",
    b"n/a",
    b"#n/a",
    b"<na>",
    b"-nan",
    b"\\n",
    b"#na",
    b"#n/a n/a",
    b"1.#ind",
    b"-1.#ind",
    b"1.#qnan",
    b"-1.#qnan",
    b"nil",
];

/// How far outside [0, 1] a number may lie and still be taken for 0 or 1: rounding in single precision and in
/// sums of votes goes so far.
pub const HAIR: f64 = 1e-5;

/// How cells become probabilities.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Reading {
    pub missing: Vec<String>,
    missing_numbers: Vec<f64>,
    pub scale: Scale,
    pub input: Input,
}

impl Reading {
    pub(crate) fn new(missing: &[String], scale: Scale, input: Input) -> Self {
        let missing: Vec<String> = missing.iter().map(|token| token.trim().to_owned()).collect();
        let missing_numbers = missing.iter().filter_map(|token| token.parse().ok()).collect();
        Self { missing, missing_numbers, scale, input }
    }

    /// Whether a number is a probability as it stands.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.scale == Scale::Fraction && self.input == Input::Probability && self.missing.is_empty()
    }

    /// Whether a trimmed cell stands for a missing value.
    pub(crate) fn is_missing(&self, cell: &[u8]) -> bool {
        // No word begins with 0, as most cells do: those are not held against each word.
        let may_be_word = cell.len() <= 9 && cell.first().is_some_and(|&first| first != b'0');
        cell.is_empty()
            || (may_be_word && MISSING.iter().any(|token| cell.eq_ignore_ascii_case(token)))
            || self.missing.iter().any(|token| token.as_bytes() == cell)
    }

    /// Whether a number stands for a missing value.
    pub(crate) fn is_missing_number(&self, value: f64) -> bool {
        value.is_nan() || self.missing_numbers.contains(&value)
    }

    /// The probability that a number stands for, a hair outside [0, 1] at most; `None` if it is not one.
    /// `sign` is whether a percent sign followed.
    pub(crate) fn probability(&self, value: f64, sign: bool) -> Option<f64> {
        let value = match (self.scale, self.input) {
            (Scale::Percent, _) => value / 100.0,
            _ if sign => return None,
            (_, Input::Score) => return value.is_finite().then(|| 1.0 / (1.0 + (-value).exp())),
            _ => value,
        };
        (-HAIR..=1.0 + HAIR).contains(&value).then_some(value)
    }
}

/// A trimmed cell as a number, with a decimal point or a decimal comma, and whether a percent sign follows.
pub(crate) fn number(cell: &[u8]) -> Option<(f64, bool)> {
    let cell = match cell.strip_prefix(b"\"").and_then(|c| c.strip_suffix(b"\"")) {
        Some(inner) => inner.trim_ascii(),
        None => cell,
    };
    let (cell, sign) = match cell.strip_suffix(b"%") {
        Some(inner) => (inner.trim_ascii(), true),
        None => (cell, false),
    };
    // Most cells are plain numbers, and nothing else is tried for them.
    if let Ok(value) = fast_float2::parse::<f64, _>(cell) {
        return Some((value, sign));
    }
    // A decimal comma: one comma, no point, and short enough for a copy on the stack.
    let comma = memchr::memchr(b',', cell)?;
    if cell.len() > 40 || cell.contains(&b'.') || memchr::memchr(b',', &cell[comma + 1..]).is_some() {
        return None;
    }
    let mut point = [0; 40];
    let point = &mut point[..cell.len()];
    point.copy_from_slice(cell);
    point[comma] = b'.';
    fast_float2::parse::<f64, _>(&*point).ok().map(|value| (value, sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_write_them() {
        for (cell, value) in [
            ("0,5", (0.5, false)),
            ("27.15%", (27.15, true)),
            ("12,5 %", (12.5, true)),
            ("\"0.5\"", (0.5, false)),
        ] {
            assert_eq!(number(cell.as_bytes()), Some(value), "{cell}");
        }
        for cell in ["1,234,5", "x", "1.2,3", "", "%"] {
            assert_eq!(number(cell.as_bytes()), None, "{cell}");
        }
    }

    #[test]
    fn scales() {
        let percent = Reading::new(&[], Scale::Percent, Input::Probability);
        assert_eq!(percent.probability(27.0, false), Some(0.27));
        assert_eq!(percent.probability(101.0, false), None);
        let score = Reading::new(&["-999".to_owned()], Scale::Fraction, Input::Score);
        assert_eq!(score.probability(0.0, false), Some(0.5));
        assert!(score.is_missing_number(-999.0) && score.is_missing(b"-999"));
        assert_eq!(Reading::default().probability(50.0, true), None);
        for missing in ["", "NA", "NaN", "nan", "NULL", "<NA>", "None", "N/A", "n/a", "#N/A", "-nan", "\\N"] {
            assert!(Reading::default().is_missing(missing.as_bytes()), "{missing}");
        }
        for other in [".", "?", "-", "-1", "missing"] {
            assert!(!Reading::default().is_missing(other.as_bytes()), "{other}");
        }
    }
}
