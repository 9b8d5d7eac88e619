//! Pairs of columns of which one is 1 minus the other, as predict_proba and H2O write them.

use ndarray::{ArrayView1, ArrayView2};

use crate::labels::{is_negative, is_positive};

/// Rounding to three decimals in both columns.
const TOLERANCE: f64 = 1.001e-3;

/// Two columns that sum to 1 in every row that has both, which are half of the rows at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub first: usize,
    pub second: usize,
    /// The column of the negative class, if the names tell.
    pub negative: Option<usize>,
}

/// All such pairs; each column is in one at most. `classes` are the values of the label (negative, positive).
pub(crate) fn complements(
    names: &[String],
    matrix: ArrayView2<'_, f64>,
    classes: (Option<&str>, Option<&str>),
) -> Vec<Pair> {
    let (m, n) = matrix.dim();
    let mut used = vec![false; m];
    let mut pairs = Vec::new();
    if n < 2 {
        return pairs;
    }
    let sums = |a: f64, b: f64| a.is_nan() || b.is_nan() || (a + b - 1.0).abs() <= TOLERANCE;
    for u in 0..m {
        if used[u] {
            continue;
        }
        let (a, first) = (matrix.row(u), matrix[(u, 0)]);
        // The first row rules out nearly every pair, before whole rows are compared. Two columns of 0.5
        // throughout sum to 1 as well, and neither is the complement of the other.
        let complement = |v: usize| {
            !used[v]
                && sums(first, matrix[(v, 0)])
                && a.iter().zip(matrix.row(v)).all(|(&a, &b)| sums(a, b))
                && has_both(a, matrix.row(v))
        };
        if let Some(v) = (u + 1..m).find(|&v| complement(v)) {
            (used[u], used[v]) = (true, true);
            let negative = match negative(&names[u], &names[v], classes) {
                Some(true) => Some(u),
                Some(false) => Some(v),
                None => None,
            };
            pairs.push(Pair { first: u, second: v, negative });
        }
    }
    pairs
}

/// Whether most rows with one value have both, and these are not one half each throughout.
fn has_both(a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>) -> bool {
    let (mut either, mut both, mut apart) = (0, 0, false);
    for (a, b) in a.iter().zip(b) {
        either += usize::from(!a.is_nan() || !b.is_nan());
        both += usize::from(!a.is_nan() && !b.is_nan());
        apart |= !b.is_nan() && (a - 0.5).abs() > TOLERANCE;
    }
    apart && 2 * both >= either
}

/// Whether the first of two names is that of the negative class.
pub(crate) fn negative(a: &str, b: &str, (no, yes): (Option<&str>, Option<&str>)) -> Option<bool> {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let is_no = |text: &str| is_negative(text) || no.is_some_and(|no| no.eq_ignore_ascii_case(text));
    let is_yes = |text: &str| is_positive(text) || yes.is_some_and(|yes| yes.eq_ignore_ascii_case(text));
    // Whole words first: "no" and "normal" share more than a word.
    [true, false].into_iter().find_map(|words| {
        let (a, b) = different(&a, &b, words);
        match (is_no(a) && !is_yes(a), is_no(b) && !is_yes(b), is_yes(a), is_yes(b)) {
            (true, false, _, _) | (false, false, false, true) => Some(true),
            (false, true, _, _) | (false, false, true, false) => Some(false),
            _ => None,
        }
    })
}

/// The parts in which two names differ, as whole words or letter by letter; `p` before a digit is left out.
fn different<'a>(a: &'a str, b: &'a str, words: bool) -> (&'a str, &'a str) {
    let is_gap = |c: char| ['_', '.', '-', ' '].contains(&c);
    let mut start: usize =
        a.chars().zip(b.chars()).take_while(|(x, y)| x == y).map(|(x, _)| x.len_utf8()).sum();
    // Whole words are compared: back to the gap before the first difference, and on to the gap behind the
    // last.
    if words {
        start = a[..start].rfind(is_gap).map_or(0, |at| at + 1);
    }
    let (a, b) = (&a[start..], &b[start..]);
    let same = a.chars().rev().zip(b.chars().rev()).take_while(|(x, y)| x == y);
    let mut end: usize = same.map(|(x, _)| x.len_utf8()).sum();
    if words {
        let tail = &a[a.len() - end..];
        end = tail.find(is_gap).map_or(0, |at| tail.len() - at);
    }
    let part = |name: &'a str| {
        let part = name[..name.len() - end].trim_matches(is_gap);
        match part.strip_prefix('p') {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => rest,
            _ => part,
        }
    };
    (part(a), part(b))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn names_tell_the_negative_class() {
        for (no, yes) in [
            ("gbm_p0", "gbm_p1"),
            ("p0", "p1"),
            ("rf_0", "rf_1"),
            ("rf.no", "rf.yes"),
            ("prob0", "prob1"),
            ("pos_no", "pos_yes"),
            ("prob_neg_rf", "prob_pos_rf"),
            ("p_False", "p_True"),
            ("legit", "fraud"),
        ] {
            assert_eq!(negative(no, yes, (None, None)), Some(true), "{no} {yes}");
            assert_eq!(negative(yes, no, (None, None)), Some(false), "{no} {yes}");
        }
        assert_eq!(negative("setosa", "other", (None, None)), None);
        assert_eq!(negative("p_setosa", "p_other", (Some("setosa"), Some("other"))), Some(true));
    }

    #[test]
    fn pairs_are_found_by_their_sums() {
        let names = ["a_p0", "b", "a_p1", "half"].map(String::from);
        let nan = f64::NAN;
        let r =
            array![[0.1, 0.8, nan, 0.4], [0.3, 0.3, 0.3, 0.3], [0.9, 0.2, nan, nan], [0.5, 0.5, 0.5, 0.5]];
        let found = complements(&names, r.view(), (None, None));
        assert_eq!(found, [Pair { first: 0, second: 2, negative: Some(0) }]);
    }
}
