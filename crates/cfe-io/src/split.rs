//! Which rows of a split column are for training.

use crate::names;
use crate::table_error::shorten;

/// How the values of a split column say which rows are for training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule<'a> {
    /// Some values are words such as "train".
    Words,
    /// All values but this one are words such as "test".
    Only(&'a str),
}

/// The rule that the values of a split column follow, if there is one.
pub(crate) fn rule<'a>(values: impl Iterator<Item = &'a str>) -> Option<Rule<'a>> {
    let (mut only, mut several, mut held_out) = (None, false, false);
    for value in values.filter(|value| !value.trim().is_empty()) {
        if names::is_train_word(value) {
            return Some(Rule::Words);
        }
        match (names::is_test_word(value), only) {
            (true, _) => held_out = true,
            (false, None) => only = Some(value),
            (false, Some(first)) => several |= first != value,
        }
    }
    only.filter(|_| held_out && !several).map(Rule::Only)
}

/// Values of a split that are kept in mind.
const FEW: usize = 8;

/// Whether each row is for training, and the value that says so as the file writes it.
pub(crate) fn train_rows<'a>(
    column: &str,
    split: &'a [String],
    wanted: Option<&str>,
) -> (Vec<bool>, Option<String>) {
    let rows_where = |is: &dyn Fn(&str) -> bool| {
        // A split has few values, and each is judged once.
        let mut known: Vec<(&str, bool)> = Vec::new();
        let mut judged = |value: &'a str| {
            if let Some((_, is)) = known.iter().find(|(other, _)| *other == value) {
                return *is;
            }
            let is = is(value);
            if known.len() < FEW {
                known.push((value, is));
            }
            is
        };
        let rows: Vec<bool> = split.iter().map(|value| judged(value)).collect();
        let value = rows.iter().position(|row| *row).map(|i| shorten(split[i].as_bytes()));
        (rows, value)
    };
    if let Some(wanted) = wanted {
        let exact = rows_where(&|value| value == wanted);
        // pandas writes True, Parquet holds true.
        return if exact.1.is_some() {
            exact
        } else {
            rows_where(&|value| value.eq_ignore_ascii_case(wanted))
        };
    }
    let words = match rule(split.iter().map(String::as_str)) {
        Some(Rule::Words) => rows_where(&names::is_train_word),
        Some(Rule::Only(value)) => rows_where(&|other| other == value),
        None => rows_where(&|_| false),
    };
    let name = names::normalize(column);
    let flags = split.iter().all(|value| value.is_empty() || crate::labels::is_class_word(value));
    if words.1.is_some() || !flags {
        return words;
    }
    let yes =
        |value: &str| ["1", "1.0", "true", "t", "yes", "y"].contains(&value.to_ascii_lowercase().as_str());
    // A column of yes and no is understood by its name: `is_test` says the opposite of `is_train`.
    if names::is_train_flag(&name) {
        rows_where(&yes)
    } else if names::is_test_flag(&name) {
        rows_where(&|value| !value.is_empty() && !yes(value))
    } else {
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(column: &str, split: &[&str], wanted: Option<&str>) -> Vec<bool> {
        train_rows(column, &split.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>(), wanted).0
    }

    #[test]
    fn splits_as_people_write_them() {
        assert_eq!(rows("split", &["Train", "Test"], None), [true, false]);
        assert_eq!(rows("set", &["TRAINING", "valid"], None), [true, false]);
        assert_eq!(rows("is_train", &["True", "False"], None), [true, false]);
        assert_eq!(rows("is_test", &["1", "0", ""], None), [false, true, false]);
        assert_eq!(rows("is_train", &["true", "false"], Some("True")), [true, false]);
        assert_eq!(rows("split", &["dev", "test", "dev"], None), [true, false, true]);
        assert_eq!(rows("split", &["in-sample", "out-of-sample"], None), [true, false]);
        assert_eq!(rows("split", &["a", "b", "test"], None), [false, false, false]);
        assert_eq!(rows("fold", &["0", "1"], None), [false, false]);
        assert_eq!(rows("fold", &["0", "1"], Some("1")), [false, true]);
    }
}
