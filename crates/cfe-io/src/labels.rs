//! Labels of any two values, and which of them is positive.

use crate::reading::{Labels, Reading, number};

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
        if let Some(nothing) = more.nothing {
            let first = before + nothing.first;
            let own = self.nothing.get_or_insert(Value { text: nothing.text.clone(), first, count: 0 });
            if own.text.eq_ignore_ascii_case(&nothing.text) {
                own.count += nothing.count;
                codes[usize::from(WORD)] = WORD;
            }
        }
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

const POSITIVE: [&str; 31] = [
    "1",
    "1.0",
    "true",
    "t",
    "yes",
    "y",
    "pos",
    "positive",
    "p",
    "one",
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
const NEGATIVE: [&str; 25] = [
    "0",
    "0.0",
    "false",
    "f",
    "no",
    "n",
    "neg",
    "negative",
    "zero",
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
        // Not "un" and "ab": "unsafe" and "abnormal" say that something is there.
        && ["no", "not", "non"]
            .contains(&text[..text.len() - other.len()].trim_end_matches([' ', '_', '-']))
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
    let mut decision = Decision::new(column);
    match positive {
        Some(wanted) => decision.by_positive_label(wanted, None, needed)?,
        None if decision.nothing_is_a_class() => {}
        None => decision.by_the_values()?,
    }
    Ok(decision.decided())
}

/// Decides what the cells mean to a model that knows the value of the positive class, and that of the
/// negative one where there was a single value.
pub(crate) fn decide_as_remembered(
    column: &LabelColumn,
    positive: &str,
    negative: Option<&str>,
) -> Result<Decided, BadLabels> {
    let mut decision = Decision::new(column);
    decision.by_positive_label(positive, negative, Labels::IfPresent)?;
    Ok(decision.decided())
}

/// The class of each value, as far as it is decided.
struct Decision<'a> {
    column: &'a LabelColumn,
    /// The values that occur, in the order in which they were met.
    met: Vec<&'a Value>,
    /// By code of the value; `None` is unlabeled.
    class: Vec<Option<bool>>,
    /// What to say of the decision.
    note: Option<String>,
}

/// Different spellings of one value: "Yes" and "yes", "1" and "1.0". The first one stands for all.
struct Spellings<'a> {
    value: Value,
    members: Vec<&'a Value>,
}

impl<'a> Decision<'a> {
    fn new(column: &'a LabelColumn) -> Self {
        let mut met: Vec<&Value> = column.values.iter().filter(|value| value.count > 0).collect();
        met.sort_by_key(|value| value.first);
        Self { column, met, class: vec![None; 256], note: None }
    }

    /// Values for a message.
    fn texts(&self) -> Vec<String> {
        self.met.iter().take(8).map(|value| value.text.clone()).collect()
    }

    /// `value` is neither of two classes.
    fn refused(&self, value: &Value) -> BadLabels {
        BadLabels::Value { row: value.first, text: value.text.clone(), values: self.texts() }
    }

    fn set(&mut self, value: &Value, class: Option<bool>) {
        let code = self.column.values.iter().position(|own| own.text == value.text).expect("one of them");
        self.class[code] = class;
    }

    /// The caller said which value is positive: every other one is negative, apart from words for unknown; or
    /// `negative` alone is where it is given, or another word for no.
    fn by_positive_label(
        &mut self,
        wanted: &str,
        negative: Option<&str>,
        needed: Labels,
    ) -> Result<(), BadLabels> {
        let found = self.met.iter().any(|value| same(&value.text, wanted));
        // Of one class alone the other may be all there is, in rows that are to be predicted or of a part of
        // a table.
        if !found && !self.met.is_empty() && (needed == Labels::Needed || self.met.len() > 1) {
            return Err(BadLabels::NoPositive { values: self.texts() });
        }
        for value in self.met.clone() {
            let unknown = UNKNOWN.contains(&value.text.to_ascii_lowercase().as_str());
            let class = if unknown { None } else { Some(same(&value.text, wanted)) };
            let is_other = |negative: &str| {
                !(same(&value.text, negative) || is_negative(&value.text) && is_negative(negative))
            };
            if class == Some(false) && negative.is_some_and(is_other) {
                return Err(self.refused(value));
            }
            self.set(value, class);
        }
        let nothing = self.column.nothing.as_ref().map(|nothing| nothing.text.as_str());
        // The other class that a model remembers is the one that it was trained with.
        let fits = negative.is_none_or(|negative| nothing.is_some_and(|nothing| same(nothing, negative)));
        if self.met.len() == 1 && fits {
            self.nothing_is_a_class();
        }
        // More values than fit are all not the positive one.
        self.class[usize::from(OTHER)] = Some(false);
        Ok(())
    }

    /// A word for nothing, such as "none", beside one other text is the other class: as a missing label it
    /// would leave a single class. Beside a number or a word that has a known other one, such as "yes", it
    /// stays a missing label.
    fn nothing_is_a_class(&mut self) -> bool {
        let Some(nothing) = &self.column.nothing else { return false };
        let groups = self.spellings();
        let [only] = &groups[..] else { return false };
        let text = &only.value.text;
        if self.column.other.is_some()
            || number(text.as_bytes()).is_some()
            || is_unknown(text)
            || is_negative(text)
            || ["true", "t", "yes", "y", "pos", "positive", "p"].contains(&text.to_ascii_lowercase().as_str())
        {
            return false;
        }
        self.class[usize::from(WORD)] = Some(false);
        let members: Vec<&Value> = only.members.clone();
        members.into_iter().for_each(|value| self.set(value, Some(true)));
        self.note = Some(format!(
            "{:?} in {} rows of the label column is taken as the class that is not {text:?}; --missing {} takes it as \
             unlabeled",
            nothing.text, nothing.count, nothing.text
        ));
        true
    }

    fn by_the_values(&mut self) -> Result<(), BadLabels> {
        if let Some(other) = &self.column.other {
            return Err(self.refused(other));
        }
        let mut groups = self.spellings();
        // If every value is a word for one of the classes, there may be more than two of them.
        if groups.iter().all(|group| is_positive(&group.value.text) || is_negative(&group.value.text)) {
            for value in groups.iter().flat_map(|group| &group.members) {
                self.set(value, Some(is_positive(&value.text)));
            }
            return Ok(());
        }
        // Otherwise two values are needed, and words for unknown are set aside to get there.
        if groups.len() > 2 || groups.iter().any(|group| is_unknown(&group.value.text)) {
            let (unknown, rest): (Vec<_>, Vec<_>) =
                groups.into_iter().partition(|group| is_unknown(&group.value.text));
            if let Some(group) = unknown.first() {
                self.note = Some(format!("{:?} in the label column is taken as unlabeled", group.value.text));
            }
            groups = rest;
        }
        // Beside 0 and 1, scikit-learn's semi-supervised methods write -1 where a row has no label.
        if groups.len() == 3 && is_marked_unlabeled(groups.iter().map(|group| group.value.text.as_str())) {
            self.note = Some("-1 in the label column is taken as unlabeled".to_owned());
            groups.retain(|group| !is_minus_one(&group.value.text));
            for value in groups.iter().flat_map(|group| &group.members) {
                self.set(value, Some(matches!(number(value.text.as_bytes()), Some((1.0, _)))));
            }
            return Ok(());
        }
        match &groups[..] {
            [] => Ok(()),
            [only] => self.one_value(only),
            [first, second] => self.two_values(first, second),
            [..] => {
                let bad = groups.iter().find(|group| !["0", "1"].contains(&group.value.text.as_str()));
                Err(self.refused(&bad.expect("of more than two values, at most two are 0 and 1").value))
            }
        }
    }

    fn spellings(&self) -> Vec<Spellings<'a>> {
        let mut groups: Vec<Spellings<'a>> = Vec::new();
        for &value in &self.met {
            match groups.iter_mut().find(|group| same(&group.value.text, &value.text)) {
                Some(group) => {
                    group.value.count += value.count;
                    group.members.push(value);
                }
                None => groups.push(Spellings { value: value.clone(), members: vec![value] }),
            }
        }
        groups
    }

    /// One value alone, of which nothing is known. -1 is negative, as it comes with 1.
    fn one_value(&mut self, only: &Spellings<'a>) -> Result<(), BadLabels> {
        if !is_minus_one(&only.value.text) {
            return Err(self.refused(&only.value));
        }
        only.members.iter().for_each(|value| self.set(value, Some(false)));
        Ok(())
    }

    fn two_values(&mut self, first: &Spellings<'a>, second: &Spellings<'a>) -> Result<(), BadLabels> {
        let (a, b) = (&first.value, &second.value);
        let Some((second_is, rule)) = second_is_positive(a, b) else {
            let numbers = number(a.text.as_bytes()).is_some() && number(b.text.as_bytes()).is_some();
            if numbers {
                return Err(self.refused(if a.text == "0" || a.text == "1" { b } else { a }));
            }
            return Err(BadLabels::Ambiguous { values: self.texts() });
        };
        self.note.get_or_insert_with(|| {
            let positive = if second_is { &b.text } else { &a.text };
            format!("{positive:?} is the positive label ({rule}); --positive-label says otherwise")
        });
        first.members.iter().for_each(|value| self.set(value, Some(!second_is)));
        second.members.iter().for_each(|value| self.set(value, Some(second_is)));
        Ok(())
    }

    fn decided(self) -> Decided {
        let class_of = |value: &Value| {
            let code = self.column.values.iter().position(|own| own.text == value.text).expect("one of them");
            self.class[code]
        };
        // Of one class against all others there is no name for the others.
        let name = |class: bool| {
            let mut values = self.met.iter().filter(|value| class_of(value) == Some(class));
            let first = values.next()?;
            let one = values.all(|value| {
                same(&value.text, &first.text)
                    || class && is_positive(&value.text)
                    || is_negative(&value.text)
            });
            (class || one).then(|| first.text.clone())
        };
        let truth = self.column.codes.iter().map(|&code| self.class[usize::from(code)]).collect();
        let nothing = self.column.nothing.as_ref().filter(|_| self.class[usize::from(WORD)] == Some(false));
        let negative = name(false).or_else(|| nothing.map(|nothing| nothing.text.clone()));
        Decided { truth, positive: name(true), negative, note: self.note.clone() }
    }
}

/// The same text in any case, or the same number.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
        || match (number(a.as_bytes()), number(b.as_bytes())) {
            (Some((x, _)), Some((y, _))) => x == y,
            _ => false,
        }
}

fn is_minus_one(text: &str) -> bool {
    matches!(number(text.as_bytes()), Some((-1.0, _)))
}

/// Whether the values are 0, 1 and -1, so that -1 marks rows without a label.
pub(crate) fn is_marked_unlabeled<'a>(values: impl Iterator<Item = &'a str>) -> bool {
    let mut met = [false; 3];
    for value in values {
        match number(value.as_bytes()) {
            Some((-1.0, _)) => met[0] = true,
            Some((0.0, _)) => met[1] = true,
            Some((1.0, _)) => met[2] = true,
            _ => return false,
        }
    }
    met == [true; 3]
}

pub(crate) fn is_unknown(text: &str) -> bool {
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
