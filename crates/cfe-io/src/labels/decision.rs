//! Which value of a label column is positive, which negative, and which is none.

use super::words::{denies, is_minus_one};
use super::{LabelColumn, OTHER, Value, WORD};
use super::{is_marked_unlabeled, is_negative, is_positive, is_unknown, same};
use crate::reading::{Labels, number};

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
            let class = if is_unknown(&value.text) { None } else { Some(same(&value.text, wanted)) };
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
