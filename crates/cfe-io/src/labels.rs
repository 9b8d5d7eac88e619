//! Labels of any two values, and which of them is positive.

use crate::reading::{Labels, Reading, number};

/// Different values that are told apart; a column of more holds no labels.
const MOST: usize = 200;
/// Code of a cell without a label.
const UNLABELED: u8 = u8::MAX;
/// Code of a value beyond [`MOST`].
const OTHER: u8 = u8::MAX - 1;

/// The cells of a label column as they stand, each different value kept once.
#[derive(Debug, Clone)]
pub(crate) struct LabelColumn {
    codes: Vec<u8>,
    values: Vec<Value>,
    /// The first value beyond [`MOST`].
    other: Option<Value>,
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
        Self { codes: Vec::new(), values: vec![value("0"), value("1")], other: None }
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
            return self.codes.push(UNLABELED);
        }
        self.push_text(String::from_utf8_lossy(cell).into_owned());
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

    /// Adds the cells of the rows that follow.
    pub(crate) fn extend(&mut self, more: LabelColumn) {
        let before = self.codes.len();
        // Codes of the rows that follow, in terms of the values here. A value beyond the limit stays OTHER.
        let mut codes = [OTHER; 256];
        codes[usize::from(UNLABELED)] = UNLABELED;
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

/// Labels as they were understood.
#[derive(Debug, Clone, Default)]
pub(crate) struct Decided {
    pub truth: Vec<Option<bool>>,
    pub positive: Option<String>,
    pub negative: Option<String>,
    /// A word on the choice.
    pub note: Option<String>,
}

/// Why a column holds no labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BadLabels {
    /// A value that fits no pair, first met in `row`.
    Value { row: usize, text: String, values: Vec<String> },
    /// Two values, and no rule says which is positive.
    Ambiguous { values: Vec<String> },
    /// The given positive label does not occur.
    NoPositive { values: Vec<String> },
}

const POSITIVE: [&str; 30] = [
    "1",
    "1.0",
    "true",
    "t",
    "yes",
    "y",
    "pos",
    "positive",
    "p",
    "+",
    "fraud",
    "fraudulent",
    "default",
    "spam",
    "churn",
    "churned",
    "event",
    "case",
    "sick",
    "disease",
    "diseased",
    "malignant",
    "abnormal",
    "anomaly",
    "attack",
    "malware",
    "phishing",
    "dead",
    "failure",
    "present",
];
const NEGATIVE: [&str; 24] = [
    "0",
    "0.0",
    "false",
    "f",
    "no",
    "n",
    "neg",
    "negative",
    "-",
    "legit",
    "legitimate",
    "genuine",
    "normal",
    "ham",
    "healthy",
    "benign",
    "control",
    "nonevent",
    "non-event",
    "no event",
    "alive",
    "ok",
    "absent",
    "clean",
];
/// Words for "not known", which are not a third class.
const UNKNOWN: [&str; 8] = ["?", "unknown", "unlabeled", "unlabelled", "unk", "tbd", "missing", "."];

pub(crate) fn is_positive(text: &str) -> bool {
    POSITIVE.iter().any(|word| text.eq_ignore_ascii_case(word))
}

pub(crate) fn is_negative(text: &str) -> bool {
    NEGATIVE.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether a value is a word for one of the two classes.
pub(crate) fn is_class_word(text: &str) -> bool {
    is_positive(text) || is_negative(text)
}

/// `true` if the first is the denial of the second: `not_fraud`, `non-fraud`, `no default`.
fn denies(text: &str, other: &str) -> bool {
    let (text, other) = (text.to_lowercase(), other.to_lowercase());
    text != other
        && text.ends_with(&other)
        && ["no", "not", "non", "un", "ab"]
            .contains(&text[..text.len() - other.len()].trim_end_matches([' ', '_', '-']))
        // "abnormal" says that something is there, "normal" that nothing is.
        && !text.starts_with("ab")
}

/// Two values: whether the second is the positive one, and by which rule.
fn second_is_positive(first: &Value, second: &Value) -> Option<(bool, &'static str)> {
    let (a, b) = (first.text.as_str(), second.text.as_str());
    // The surest rule comes first: numbers, a word and its denial, known words, and only then the counts.
    if let (Some((x, _)), Some((y, _))) = (number(a.as_bytes()), number(b.as_bytes())) {
        let whole = x.fract() == 0.0 && y.fract() == 0.0;
        return (whole && x != y).then_some((y > x, "the larger number"));
    }
    if denies(a, b) || denies(b, a) {
        return Some((denies(a, b), "the other denies it"));
    }
    match ((is_positive(a), is_negative(a)), (is_positive(b), is_negative(b))) {
        ((true, _), (false, _)) => Some((false, "by its name")),
        ((false, _), (true, _)) => Some((true, "by its name")),
        ((_, true), (_, false)) => Some((true, "by its name")),
        ((_, false), (_, true)) => Some((false, "by its name")),
        _ if first.count != second.count => Some((second.count < first.count, "the rarer value")),
        _ => None,
    }
}

/// Decides what the cells mean. `positive` is the value of the positive class if it was given.
pub(crate) fn decide(
    column: &LabelColumn,
    positive: Option<&str>,
    needed: Labels,
) -> Result<Decided, BadLabels> {
    let mut met: Vec<&Value> = column.values.iter().filter(|value| value.count > 0).collect();
    met.sort_by_key(|value| value.first);
    let texts = || met.iter().take(8).map(|value| value.text.clone()).collect::<Vec<_>>();
    let same = |a: &str, b: &str| {
        a.eq_ignore_ascii_case(b)
            || match (number(a.as_bytes()), number(b.as_bytes())) {
                (Some((x, _)), Some((y, _))) => x == y,
                _ => false,
            }
    };
    let mut note = None;
    // The class of each value; `None` is unlabeled.
    let mut class: Vec<Option<bool>> = vec![None; 256];
    let mut set = |value: &Value, is: Option<bool>| {
        let code = column.values.iter().position(|own| own.text == value.text).expect("one of them");
        class[code] = is;
    };
    // The caller said which value is positive: every other one is negative, apart from words for unknown.
    if let Some(wanted) = positive {
        let found = met.iter().any(|value| same(&value.text, wanted));
        // Of one class alone the other may be all there is, in rows that are to be predicted or of a part of
        // a table.
        if !found && !met.is_empty() && (needed == Labels::Needed || met.len() > 1) {
            return Err(BadLabels::NoPositive { values: texts() });
        }
        for value in &met {
            let unknown = UNKNOWN.contains(&value.text.to_ascii_lowercase().as_str());
            set(value, if unknown { None } else { Some(same(&value.text, wanted)) });
        }
        // More values than fit are all not the positive one.
        class[usize::from(OTHER)] = Some(false);
    } else {
        if let Some(other) = &column.other {
            return Err(BadLabels::Value { row: other.first, text: other.text.clone(), values: texts() });
        }
        // Different spellings of one value: "Yes" and "yes", "1" and "1.0".
        let mut groups: Vec<(Value, Vec<&Value>)> = Vec::new();
        for value in &met {
            match groups.iter_mut().find(|(group, _)| same(&group.text, &value.text)) {
                Some((group, members)) => {
                    group.count += value.count;
                    members.push(value);
                }
                None => groups.push(((*value).clone(), vec![value])),
            }
        }
        // If every value is a word for one of the classes, there may be more than two of them. Otherwise two
        // values are needed, and words for unknown are set aside to get there.
        let known = groups.iter().all(|(g, _)| is_positive(&g.text) || is_negative(&g.text));
        if !(known || groups.len() <= 2 && groups.iter().all(|(g, _)| !is_unknown(&g.text))) {
            let (unknown, rest): (Vec<_>, Vec<_>) =
                groups.into_iter().partition(|(g, _)| is_unknown(&g.text));
            if let Some((group, _)) = unknown.first() {
                note = Some(format!("{:?} in the label column is taken as unlabeled", group.text));
            }
            groups = rest;
        }
        if known {
            groups.iter().flat_map(|(_, members)| members).for_each(|v| set(v, Some(is_positive(&v.text))));
        } else {
            match &groups[..] {
                [] => {}
                // One value alone, of which nothing is known. -1 is negative, as it comes with 1.
                [(only, members)] => {
                    let is = match number(only.text.as_bytes()) {
                        Some((-1.0, _)) => Some(false),
                        _ => None,
                    };
                    if is.is_none() {
                        let (row, text) = (only.first, only.text.clone());
                        return Err(BadLabels::Value { row, text, values: texts() });
                    }
                    members.iter().for_each(|v| set(v, is));
                }
                [(a, of_a), (b, of_b)] => {
                    let numbers = number(a.text.as_bytes()).is_some() && number(b.text.as_bytes()).is_some();
                    let Some((second, rule)) = second_is_positive(a, b) else {
                        if numbers {
                            let bad = if a.text == "0" || a.text == "1" { b } else { a };
                            let (row, text) = (bad.first, bad.text.clone());
                            return Err(BadLabels::Value { row, text, values: texts() });
                        }
                        return Err(BadLabels::Ambiguous { values: texts() });
                    };
                    note = note.or_else(|| {
                        let positive = if second { &b.text } else { &a.text };
                        Some(format!(
                            "{positive:?} is the positive label ({rule}); --positive-label says otherwise"
                        ))
                    });
                    of_a.iter().for_each(|v| set(v, Some(!second)));
                    of_b.iter().for_each(|v| set(v, Some(second)));
                }
                [..] => {
                    let plain = |text: &str| ["0", "1"].contains(&text);
                    let (bad, _) = groups.iter().find(|(g, _)| !plain(&g.text)).expect("more than two");
                    let (row, text) = (bad.first, bad.text.clone());
                    return Err(BadLabels::Value { row, text, values: texts() });
                }
            }
        }
    }
    let name = |is: bool| {
        let of = |value: &&&Value| {
            column
                .values
                .iter()
                .position(|own| own.text == value.text)
                .is_some_and(|code| class[code] == Some(is))
        };
        met.iter().find(of).map(|value| value.text.clone())
    };
    let (positive, negative) = (name(true), name(false));
    let truth = column.codes.iter().map(|&code| class[usize::from(code)]).collect();
    Ok(Decided { truth, positive, negative, note })
}

fn is_unknown(text: &str) -> bool {
    UNKNOWN.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

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
