//! What the first rows of a column hold.

use std::collections::HashSet;

use crate::labels::is_marked_unlabeled;
use crate::reading::{Reading, number};
use crate::table_error::shorten;

/// Cells looked at in all columns together, and rows at least and at most.
const CELLS: usize = 400_000;
const ROWS: (usize, usize) = (200, 5_000);

/// Rows of a table of so many columns that are looked at before its columns are guessed.
pub(crate) fn rows_to_look_at(columns: usize) -> usize {
    (CELLS / columns.max(1)).clamp(ROWS.0, ROWS.1)
}

/// The type that a file declares for a column.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(not(feature = "parquet"), allow(dead_code, reason = "only Parquet and Arrow declare such types"))]
pub(crate) enum Declared {
    /// None, or one whose cells tell enough.
    #[default]
    Open,
    /// Dates and times.
    Time,
    /// A type that cannot be read as numbers or text; its name.
    Unreadable(String),
}

/// What the cells of one column look like.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub declared: Declared,
    pub rows: usize,
    pub missing: usize,
    pub numbers: usize,
    /// Numbers without a fraction.
    pub whole: usize,
    /// Numbers that are probabilities under the options.
    pub inside: usize,
    /// The first number that is not, and whether all of these are the same.
    outside: Option<f64>,
    one_outside: bool,
    pub percent_signs: usize,
    pub min: f64,
    pub max: f64,
    /// Different values, up to [`DISTINCT`].
    pub values: Vec<String>,
    seen: HashSet<Vec<u8>>,
    repeats: bool,
    /// The first cell that is not a number.
    pub text: Option<String>,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            declared: Declared::Open,
            rows: 0,
            missing: 0,
            numbers: 0,
            whole: 0,
            inside: 0,
            outside: None,
            one_outside: true,
            percent_signs: 0,
            min: 0.0,
            max: 0.0,
            values: Vec::new(),
            seen: HashSet::new(),
            repeats: false,
            text: None,
        }
    }
}

/// Different values that are kept.
const DISTINCT: usize = 9;

impl Profile {
    pub(crate) fn add(&mut self, cell: &[u8], reading: &Reading) {
        let cell = cell.trim_ascii();
        self.rows += 1;
        // A gap says nothing of what a column holds, but ids have none.
        if reading.is_missing(cell) {
            self.missing += 1;
            return;
        }
        let mut fraction = false;
        match number(cell) {
            Some((value, _)) if reading.is_missing_number(value) => {
                self.missing += 1;
                return;
            }
            Some((value, sign)) => fraction = self.count(value, sign, reading),
            None if self.text.is_none() => self.text = Some(shorten(cell)),
            None => {}
        }
        // A few different values are kept, by which labels and splits are recognized.
        if self.values.len() < DISTINCT && !self.values.iter().any(|value| value.as_bytes() == cell) {
            self.values.push(String::from_utf8_lossy(cell).into_owned());
        }
        self.look_for_repeats(fraction, cell);
    }

    /// A cell of a column of numbers.
    pub(crate) fn add_number(&mut self, value: f64, reading: &Reading) {
        self.rows += 1;
        if reading.is_missing_number(value) {
            self.missing += 1;
            return;
        }
        let fraction = self.count(value, false, reading);
        // A column of fractions is not read for its values.
        if self.values.len() < if fraction { 3 } else { DISTINCT } {
            let text = value.to_string();
            if !self.values.contains(&text) {
                self.values.push(text);
            }
        }
        self.look_for_repeats(fraction, &value.to_bits().to_le_bytes());
    }

    /// Counts a number, and says whether it has a fraction.
    fn count(&mut self, value: f64, sign: bool, reading: &Reading) -> bool {
        (self.min, self.max) = match self.numbers {
            0 => (value, value),
            _ => (self.min.min(value), self.max.max(value)),
        };
        let fraction = value.fract() != 0.0;
        self.numbers += 1;
        self.whole += usize::from(!fraction);
        self.percent_signs += usize::from(sign);
        let inside = reading.probability(value, sign).is_some();
        self.inside += usize::from(inside);
        if !inside {
            self.one_outside &= self.outside.is_none_or(|first| first == value);
            self.outside.get_or_insert(value);
        }
        fraction
    }

    fn look_for_repeats(&mut self, fraction: bool, cell: &[u8]) {
        // Fractions are not ids, and of what repeats nothing more has to be known.
        if !fraction && !self.repeats && !self.seen.insert(cell.to_vec()) {
            self.repeats = true;
            self.seen = HashSet::new();
        }
    }

    /// The one whole number that is not a probability, as -1 or -999 for a missing one.
    pub(crate) fn only_outside(&self) -> Option<f64> {
        self.outside.filter(|value| self.one_outside && value.fract() == 0.0)
    }

    pub(crate) fn present(&self) -> usize {
        self.rows - self.missing
    }

    /// Whether most cells are numbers; of a column without cells it may be so.
    pub(crate) fn is_numeric(&self) -> bool {
        self.declared == Declared::Open && 2 * self.numbers >= self.present()
    }

    pub(crate) fn is_text(&self) -> bool {
        self.declared == Declared::Open && !self.is_numeric()
    }

    /// Whether most numbers are probabilities.
    pub(crate) fn is_probability(&self) -> bool {
        // Whole numbers with some above 1 are counts, even where most of them are 0 and 1.
        let counts =
            self.whole == self.numbers && self.numbers > 0 && self.max > 1.0 && self.inside < self.numbers;
        self.is_numeric() && 2 * self.inside >= self.numbers && !(counts && self.numbers > 2)
    }

    /// Whether some numbers have a fraction.
    pub(crate) fn has_fractions(&self) -> bool {
        self.whole < self.numbers
    }

    /// Whether no value occurs twice, and no cell is empty.
    pub(crate) fn is_unique(&self) -> bool {
        !self.repeats && self.missing == 0 && self.rows > 0 && !self.has_fractions()
    }

    pub(crate) fn repeats(&self) -> bool {
        self.repeats
    }

    /// Whether there are one or two values, apart from those of rows without a label.
    pub(crate) fn is_pair(&self) -> bool {
        let known = |value: &&String| !["?", "unknown"].contains(&value.to_ascii_lowercase().as_str());
        let known: Vec<&str> = self.values.iter().filter(known).map(String::as_str).collect();
        let two = known.len() <= 2 || is_marked_unlabeled(known.iter().copied());
        self.declared == Declared::Open && two && (known.is_empty() || !self.has_fractions())
    }

    /// Whether there are only 0 and 1.
    pub(crate) fn is_hard(&self) -> bool {
        self.numbers > 0
            && self.numbers == self.present()
            && self.whole == self.numbers
            && self.min >= 0.0
            && self.max <= 1.0
    }

    /// The range of the numbers, for a message.
    pub(crate) fn range(&self) -> String {
        format!("{} to {}", self.min, self.max)
    }
}

/// The first rows of a table.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    /// One for each column; none if nothing is known of the cells.
    pub profiles: Vec<Profile>,
    /// Whether these are all rows.
    pub whole: bool,
    /// Columns that the writer marked as an index (pandas).
    pub index: Vec<String>,
    /// Whether every column is a classifier, as in an array.
    pub bare: bool,
}
