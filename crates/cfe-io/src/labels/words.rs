//! Words for the two classes and for "not known", and when two texts are the same value.

use crate::reading::number;

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
pub(super) fn denies(text: &str, other: &str) -> bool {
    let (text, other) = (text.to_lowercase(), other.to_lowercase());
    text != other
        && text.ends_with(&other)
        // Not "un" and "ab": "unsafe" and "abnormal" say that something is there.
        && ["no", "not", "non"]
            .contains(&text[..text.len() - other.len()].trim_end_matches([' ', '_', '-']))
}

/// The same text in any case, or the same number.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
        || match (number(a.as_bytes()), number(b.as_bytes())) {
            (Some((x, _)), Some((y, _))) => x == y,
            _ => false,
        }
}

pub(super) fn is_minus_one(text: &str) -> bool {
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
