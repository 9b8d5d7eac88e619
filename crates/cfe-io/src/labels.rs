//! Labels of any two values, and which of them is positive.

mod decision;
mod words;

pub(crate) use decision::{BadLabels, decide, decide_as_remembered};
pub(crate) use words::{is_class_word, is_marked_unlabeled, is_negative, is_positive, is_unknown, same};

use crate::reading::Reading;

/// Different values that are told apart; a column of more holds no labels.
pub(crate) const MOST: usize = 200;
/// Code of a cell without a label.
const UNLABELED: u8 = u8::MAX;
/// Code of a value beyond [`MOST`].
const OTHER: u8 = u8::MAX - 1;
/// Code of a cell without a label that spells a word such as "none".
const WORD: u8 = u8::MAX - 2;

/// Words for a missing value that a person may as well write for "not the class": relapse and none.
const NOTHING: [&str; 3] = ["none", "null", "nil"];

/// The cells of a label column as they stand, each different value kept once.
#[derive(Debug, Clone)]
pub(crate) struct LabelColumn {
    codes: Vec<u8>,
    values: Vec<Value>,
    /// The first value beyond [`MOST`].
    other: Option<Value>,
    /// The first of [`NOTHING`] that was met, and the cells that hold it; cells of another of these words are
    /// without a label.
    nothing: Option<Value>,
}

#[derive(Debug, Clone)]
struct Value {
    text: String,
    /// Row it was met in first.
    first: usize,
    count: usize,
}

impl Default for LabelColumn {
    fn default() -> Self {
        let value = |text: &str| Value { text: text.to_owned(), first: usize::MAX, count: 0 };
        Self { codes: Vec::new(), values: vec![value("0"), value("1")], other: None, nothing: None }
    }
}

impl LabelColumn {
    /// Of `n` rows without a label.
    pub(crate) fn unlabeled(n: usize) -> Self {
        Self { codes: vec![UNLABELED; n], ..Self::default() }
    }

    #[inline]
    pub(crate) fn push(&mut self, cell: &[u8], reading: &Reading) {
        match cell {
            b"0" => self.add(0),
            b"1" => self.add(1),
            _ => self.push_other(cell.trim_ascii(), reading),
        }
    }

    #[inline]
    fn add(&mut self, code: u8) {
        let row = self.codes.len();
        let value = &mut self.values[usize::from(code)];
        value.count += 1;
        value.first = value.first.min(row);
        self.codes.push(code);
    }

    fn push_other(&mut self, cell: &[u8], reading: &Reading) {
        if reading.is_missing(cell) {
            let given = reading.missing.iter().any(|token| token.as_bytes() == cell);
            let word = NOTHING.into_iter().find(|word| cell.eq_ignore_ascii_case(word.as_bytes()));
            return match word.filter(|_| !given) {
                Some(word) => self.add_nothing(word, &String::from_utf8_lossy(cell)),
                None => self.codes.push(UNLABELED),
            };
        }
        self.push_text(String::from_utf8_lossy(cell).into_owned());
    }

    fn add_nothing(&mut self, word: &str, cell: &str) {
        let row = self.codes.len();
        let met = self.nothing.get_or_insert_with(|| Value { text: cell.to_owned(), first: row, count: 0 });
        let same = met.text.eq_ignore_ascii_case(word);
        met.count += usize::from(same);
        self.codes.push(if same { WORD } else { UNLABELED });
    }

    fn push_text(&mut self, text: String) {
        match self.values.iter().position(|value| value.text == text) {
            Some(code) => self.add(code as u8),
            None if self.values.len() < MOST => {
                self.values.push(Value { text, first: usize::MAX, count: 0 });
                self.add((self.values.len() - 1) as u8);
            }
            // One value too many tells that these cannot be labels; it is kept for the message.
            None => {
                let first = self.codes.len();
                self.other.get_or_insert(Value { text, first, count: 1 });
                self.codes.push(OTHER);
            }
        }
    }

    /// A label given as a number.
    pub(crate) fn push_number(&mut self, value: f64, reading: &Reading) {
        match value {
            0.0 => self.add(0),
            1.0 => self.add(1),
            v if reading.is_missing_number(v) => self.codes.push(UNLABELED),
            v => self.push_text(v.to_string()),
        }
    }

    /// The different values that occur and are a label.
    pub(crate) fn known(&self) -> Vec<String> {
        let met = self.values.iter().filter(|value| value.count > 0 && !is_unknown(&value.text));
        met.map(|value| value.text.clone()).collect()
    }

    /// The number of each row's value (n), and the values; `None` for a column of too many.
    pub(crate) fn into_codes(self) -> Option<(Vec<Option<usize>>, Vec<String>)> {
        if self.other.is_some() {
            return None;
        }
        let number = |code: u8| (code != UNLABELED && code != WORD).then_some(usize::from(code));
        let texts = self.values.into_iter().map(|value| value.text).collect();
        Some((self.codes.into_iter().map(number).collect(), texts))
    }

    /// Adds the cells of the rows that follow.
    pub(crate) fn extend(&mut self, more: LabelColumn) {
        let before = self.codes.len();
        // Codes of the rows that follow, in terms of the values here. A value beyond the limit stays OTHER.
        let mut codes = [OTHER; 256];
        codes[usize::from(UNLABELED)] = UNLABELED;
        codes[usize::from(WORD)] = UNLABELED;
        // The word of either part may be another one; then the cells of the later part are without a label.
        if let Some(nothing) = more.nothing {
            let first = before + nothing.first;
            let own = self.nothing.get_or_insert(Value { text: nothing.text.clone(), first, count: 0 });
            if own.text.eq_ignore_ascii_case(&nothing.text) {
                own.count += nothing.count;
                codes[usize::from(WORD)] = WORD;
            }
        }
        // Values are matched by their text, since the parts met them in different orders.
        for (code, value) in more.values.into_iter().enumerate() {
            let own = self.values.iter().position(|own| own.text == value.text);
            let own = match own {
                Some(own) => own,
                None if self.values.len() < MOST => {
                    self.values.push(Value { text: value.text, first: usize::MAX, count: 0 });
                    self.values.len() - 1
                }
                None => {
                    if value.count > 0 {
                        self.other.get_or_insert(Value { first: before + value.first, ..value });
                    }
                    continue;
                }
            };
            if value.count > 0 {
                self.values[own].count += value.count;
                self.values[own].first = self.values[own].first.min(before + value.first);
            }
            codes[code] = own as u8;
        }
        if let Some(other) = more.other {
            self.other.get_or_insert(Value { first: before + other.first, ..other });
        }
        self.codes.extend(more.codes.into_iter().map(|code| codes[usize::from(code)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Labels;

    fn of(cells: &[&str]) -> LabelColumn {
        let mut column = LabelColumn::default();
        cells.iter().for_each(|cell| column.push(cell.as_bytes(), &Reading::default()));
        column
    }

    #[test]
    fn pairs_of_values() {
        for (cells, positive) in [
            (["0", "1", "0"], "1"),
            (["-1", "1", "-1"], "1"),
            (["2", "1", "2"], "2"),
            (["No", "Yes", "no"], "Yes"),
            (["legit", "fraud", "fraud"], "fraud"),
            (["F", "T", "F"], "T"),
            (["N", "Y", "N"], "Y"),
            (["neg", "pos", "neg"], "pos"),
            (["0.0", "1.0", "0.0"], "1.0"),
            (["FALSE", "TRUE", "FALSE"], "TRUE"),
            (["paid", "not_paid", "not_paid"], "paid"),
            (["setosa", "virginica", "setosa"], "virginica"),
            (["good", "bad", "good"], "bad"),
            (["safe", "unsafe", "safe"], "unsafe"),
            (["normal", "abnormal", "normal"], "abnormal"),
            (["non-fraud", "fraud", "non-fraud"], "fraud"),
            (["zero", "one", "one"], "one"),
        ] {
            let decided = decide(&of(&cells), None, Labels::Needed).expect("two values");
            assert_eq!(decided.positive.as_deref(), Some(positive), "{cells:?}");
            let expected: Vec<_> = cells.iter().map(|c| Some(c.eq_ignore_ascii_case(positive))).collect();
            assert_eq!(decided.truth, expected);
            let other = cells.iter().find(|c| !c.eq_ignore_ascii_case(positive)).expect("two");
            let turned = decide(&of(&cells), Some(other), Labels::Needed).expect("two values");
            assert_eq!(turned.truth, expected.iter().map(|l| l.map(|y| !y)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_is_no_pair_is_said() {
        let bad =
            |cells: &[&str], positive| decide(&of(cells), positive, Labels::Needed).expect_err("no pair");
        assert!(matches!(bad(&["0", "1", "2"], None), BadLabels::Value { row: 2, .. }));
        assert!(matches!(bad(&["2", "2"], None), BadLabels::Value { row: 0, .. }));
        assert!(matches!(bad(&["0.2", "0.7"], None), BadLabels::Value { .. }));
        assert!(matches!(bad(&["cat", "dog"], None), BadLabels::Ambiguous { .. }));
        assert!(matches!(bad(&["cat", "dog"], Some("cow")), BadLabels::NoPositive { .. }));
        let rest =
            decide(&of(&["a", "b", "c", ""]), Some("b"), Labels::Needed).expect("one against the rest");
        assert_eq!(rest.truth, [Some(false), Some(true), Some(false), None]);
    }

    #[test]
    fn a_model_knows_both_of_its_values() {
        let as_before = |cells: &[&str], negative| decide_as_remembered(&of(cells), "1", negative);
        let decided = as_before(&["1", "0", "0.0", ""], Some("0")).expect("the same values");
        assert_eq!(decided.truth, [Some(true), Some(false), Some(false), None]);
        assert!(matches!(as_before(&["1", "0", "pending"], Some("0")), Err(BadLabels::Value { row: 2, .. })));
        assert!(matches!(as_before(&["1", "2"], Some("0")), Err(BadLabels::Value { row: 1, .. })));
        // One class against all others, and models of earlier versions.
        assert_eq!(
            as_before(&["1", "2", "3"], None).expect("the rest").truth,
            [Some(true), Some(false), Some(false)]
        );
        let several = decide(&of(&["b", "a", "c"]), Some("b"), Labels::Needed).expect("one against the rest");
        assert_eq!(several.negative, None);
    }

    #[test]
    fn minus_one_beside_zero_and_one_is_unlabeled() {
        for [zero, one, none] in [["0", "1", "-1"], ["0.0", "1.0", "-1.0"], ["0.00", "1.00", "-1.00"]] {
            let decided = decide(&of(&[none, zero, one, zero]), None, Labels::Needed).expect("two and -1");
            assert_eq!(decided.truth, [None, Some(false), Some(true), Some(false)], "{one}");
            assert_eq!(decided.positive.as_deref(), Some(one));
            assert!(
                decided.note.expect("it is said").contains("-1 in the label column is taken as unlabeled")
            );
        }
        // Two values stay a pair, and other values beside -1 stay three.
        let pair = decide(&of(&["-1", "1"]), None, Labels::Needed).expect("a pair");
        assert_eq!(pair.truth, [Some(false), Some(true)]);
        assert!(decide(&of(&["-1", "1", "2"]), None, Labels::Needed).is_err());
    }

    #[test]
    fn unknown_is_unlabeled() {
        let decided = decide(&of(&["1", "?", "0", "NA"]), None, Labels::Needed).expect("two and unknown");
        assert_eq!(decided.truth, [Some(true), None, Some(false), None]);
        let decided = decide(&of(&["unknown", "unknown"]), None, Labels::IfPresent).expect("none");
        assert_eq!(decided.truth, [None, None]);
    }

    #[test]
    fn blocks_are_put_together() {
        let mut column = of(&["0", "x"]);
        column.extend(of(&["y", "x", ""]));
        let decided = decide(&column, Some("x"), Labels::Needed).expect("values");
        assert_eq!(decided.truth, [Some(false), Some(true), Some(false), Some(true), None]);
        let many: Vec<String> = (0..300).map(|i| format!("v{i}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(matches!(decide(&of(&many), None, Labels::Needed), Err(BadLabels::Value { .. })));
        let mut twice = of(&many[..150]);
        twice.extend(of(&many[150..]));
        assert_eq!(
            decide(&twice, Some("v299"), Labels::Needed).map(|d| d.truth[298]),
            Err(BadLabels::NoPositive { values: many[..8].iter().map(|s| (*s).to_owned()).collect() })
        );
    }
}
