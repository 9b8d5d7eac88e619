//! Which column is of which classifier and class, told by the names of the columns.

use std::collections::{BTreeMap, HashSet};

use cfe_core::classes::TOLERANCE;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::labels;
use crate::reading::number;

/// What stands between classifier and class in the name of a column, unless an option says otherwise.
const SEPARATOR: &str = ":";
/// Fewer classes than this are two classes.
pub(crate) const LEAST_CLASSES: usize = 3;
/// Share of the rows whose classes have to sum to 1 where the labels alone tell what is a class.
const MOST_ROWS: f64 = 0.9;
/// Rows that have to sum to 1 where labels show two of the classes alone.
const FEWEST_ROWS: usize = 5;
/// The place of the class in the form of a name.
const CLASS: char = '\0';
/// Words around the class that are not part of the classifier's name.
const DECORATION: [&str; 10] =
    ["pred", "prob", "proba", "probs", "probability", "probabilities", "predicted", "p", "x", "class"];
/// The classifier of columns that are named after classes and nothing else.
const ONLY: &str = "model";

/// A column of a table of several classes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassColumn {
    /// Its name.
    pub column: String,
    /// The classifier that it is of; empty in a long table, which has the classifiers in rows.
    pub classifier: String,
    /// The class whose probability it holds.
    pub class: String,
}

/// What a model of several classes remembers of its table; columns are taken for the same again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ClassesOfModel {
    /// Names of the classifiers (m).
    pub classifiers: Vec<String>,
    /// Labels of the classes (K).
    pub classes: Vec<String>,
    /// The columns; none where the table was an array or made by a program.
    pub columns: Vec<ClassColumn>,
}

impl ClassesOfModel {
    /// Of a model of these classifiers and classes.
    pub fn new(classifiers: Vec<String>, classes: Vec<String>, columns: Vec<ClassColumn>) -> Self {
        Self { classifiers, classes, columns }
    }
}

/// The classifiers and classes that names of columns have, in the order in which they are met.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ClassColumns {
    pub classifiers: Vec<String>,
    pub classes: Vec<String>,
    /// (column, classifier, class), each by its number.
    pub cells: Vec<(usize, usize, usize)>,
    /// Columns of another form.
    pub others: Vec<usize>,
    /// How the names were taken apart, where that is a guess.
    pub note: Option<String>,
}

impl ClassColumns {
    fn add(&mut self, at: usize, classifier: &str, class: &str) {
        let number = |list: &mut Vec<String>, name: &str| match list.iter().position(|own| own == name) {
            Some(place) => place,
            None => {
                list.push(name.to_owned());
                list.len() - 1
            }
        };
        let cell = (at, number(&mut self.classifiers, classifier), number(&mut self.classes, class));
        self.cells.push(cell);
    }

    /// Of the rows of a long table: the classifier and the class of each cell, by name. Classes are called as
    /// the `labels` that their names end in.
    pub(crate) fn of_rows(models: &[String], classes: &[String], labels: &[String]) -> Self {
        let mut found = Self::default();
        let mut met: HashSet<(&str, &str)> = HashSet::new();
        // Where a class is a label as it stands, no name is cut.
        let whole = classes.iter().any(|class| labels.iter().any(|label| labels::same(label, class)));
        let cut = |class: &str| {
            let label = labels.iter().filter(|label| !whole && ends_in(class, label)).max_by_key(|l| l.len());
            label.cloned().unwrap_or_else(|| class.to_owned())
        };
        for (model, class) in models.iter().zip(classes) {
            if met.insert((model, class)) {
                found.add(found.cells.len(), model, &cut(class));
            }
        }
        found
    }

    /// Of names taken apart; `None` where they do not make a classifier of two classes at least and three
    /// classes in all.
    fn of(apart: impl Iterator<Item = Option<(String, String)>>) -> Option<Self> {
        let mut found = Self::default();
        for (at, name) in apart.enumerate() {
            match name {
                Some((u, k)) => found.add(at, &u, &k),
                None => found.others.push(at),
            }
        }
        // One classifier with two classes makes the form likely. Without any, each name just holds a colon.
        let columns_of = |u: usize| found.cells.iter().filter(|cell| cell.1 == u).count();
        let several = (0..found.classifiers.len()).any(|u| columns_of(u) >= 2);
        (several && found.classes.len() >= LEAST_CLASSES).then_some(found)
    }
}

/// Columns that a model remembers, where at least one of them is here.
pub(crate) fn of_model(names: &[String], model: &ClassesOfModel) -> Option<ClassColumns> {
    let mut found = ClassColumns { classes: model.classes.clone(), ..ClassColumns::default() };
    for (at, name) in names.iter().enumerate() {
        match model.columns.iter().find(|column| column.column == *name) {
            Some(of) => found.add(at, &of.classifier, &of.class),
            None => found.others.push(at),
        }
    }
    (!found.cells.is_empty()).then_some(found)
}

/// By the form of the names alone: `('classifier', 'class')` as pandas writes columns of two levels, or
/// `classifier:class`, with `separator` in place of the colon. Where `labels` end a name, the class is the
/// longest of them, and else what is behind the last separator.
pub(crate) fn by_form(names: &[String], labels: &[String], separator: Option<&str>) -> Option<ClassColumns> {
    // Tuples are what pandas writes, which no other program does: they are tried before any separator.
    if separator.is_none()
        && let Some(found) = ClassColumns::of(names.iter().map(|name| of_tuple(name)))
    {
        return Some(found);
    }
    let separator = separator.unwrap_or(SEPARATOR);
    ClassColumns::of(names.iter().map(|name| of_separator(name, labels, separator)))
}

fn of_separator(name: &str, labels: &[String], separator: &str) -> Option<(String, String)> {
    let cut = |at: usize| {
        let (u, k) = (name[..at].trim(), name[at + separator.len()..].trim());
        (!u.is_empty() && !k.is_empty()).then(|| (u.to_owned(), k.to_owned()))
    };
    // A label may hold the separator: the first cut that leaves a label is the right one.
    let places: Vec<usize> = name.match_indices(separator).map(|(at, _)| at).collect();
    let is_label = |(_, k): &(String, String)| labels.iter().any(|label| labels::same(label, k));
    let by_label = places.iter().filter_map(|&at| cut(at)).find(is_label);
    by_label.or_else(|| places.iter().rev().find_map(|&at| cut(at)))
}

/// `('forest', 'a')` or `("forest", 2)`: the last part is the class.
fn of_tuple(name: &str) -> Option<(String, String)> {
    let inner = name.trim().strip_prefix('(')?.strip_suffix(')')?;
    // Parts within quotes or without, with commas between them, as Python prints a tuple.
    let (mut parts, mut part, mut quote) = (Vec::new(), String::new(), None);
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        match (c, quote) {
            ('\\', Some(_)) => part.extend(characters.next()),
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => quote = Some(c),
            (',', None) => parts.push(std::mem::take(&mut part)),
            (c, None) if c.is_whitespace() => {}
            _ => part.push(c),
        }
    }
    parts.push(part);
    let class = parts.pop().filter(|class| !class.is_empty() && quote.is_none())?;
    let classifier: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    (!classifier.is_empty()).then(|| (classifier.join("/"), class))
}

/// Whether a value names the class of this label: the label itself, or what others write before it, as
/// `.pred_a` for a.
pub(crate) fn ends_in(value: &str, label: &str) -> bool {
    let (value, label) = (plain(value), plain(&as_named(label)));
    if label.is_empty() || value.len() < label.len() {
        return false;
    }
    let start = value.len() - label.len();
    value[start..] == label[..] && (start == 0 || places(&value, &label).contains(&start))
}

/// A name or label character by character, in lower case and with `_` for all but letters and digits, as
/// R and others write names.
fn plain(text: &str) -> Vec<char> {
    text.chars()
        .map(|c| if c.is_alphanumeric() { c.to_lowercase().next().unwrap_or(c) } else { '_' })
        .collect()
}

/// A label as a column would name it: 1.0 is 1.
fn as_named(label: &str) -> String {
    match number(label.as_bytes()) {
        Some((value, false)) if value.fract() == 0.0 && value.abs() < 1e15 => format!("{value}"),
        _ => label.to_owned(),
    }
}

/// The places where `label` stands for itself in `name` (both plain): between gaps, behind the p of H2O or
/// the X of R, or digits behind letters.
fn places(name: &[char], label: &[char]) -> Vec<usize> {
    // A label has to stand for itself: `a` in `data` is not a class.
    let is_word = |at: usize| name.get(at).is_some_and(|c| c.is_alphanumeric());
    let starts = |at: usize| {
        let Some(before) = at.checked_sub(1) else { return true };
        let attached =
            matches!(name[before], 'p' | 'x') && before.checked_sub(1).is_none_or(|at| !is_word(at));
        let digits = label[0].is_ascii_digit() && !name[before].is_ascii_digit();
        !is_word(before) || attached || digits
    };
    let is_here = |at: &usize| name[*at..].starts_with(label) && starts(*at) && !is_word(*at + label.len());
    if label.is_empty() { Vec::new() } else { (0..name.len()).filter(is_here).collect() }
}

/// Names that differ in the class alone.
#[derive(Debug, Clone)]
struct Form {
    /// What stands before the class and behind it, as the first of the names has it.
    around: (String, String),
    /// (column, class).
    columns: Vec<(usize, String)>,
}

/// The forms that names have around labels, and for each the other columns of the same form.
fn forms(names: &[String], labels: &[String]) -> Vec<(Form, Form)> {
    let plain_names: Vec<Vec<char>> = names.iter().map(|name| plain(name)).collect();
    let labels: Vec<String> = labels.iter().map(|label| as_named(label)).collect();
    let mut plain_labels: Vec<Vec<char>> = labels.iter().map(|label| plain(label)).collect();
    let twice = |label: &Vec<char>| plain_labels.iter().filter(|other| *other == label).count() > 1;
    if plain_labels.iter().any(twice) {
        // Labels that differ in case or signs alone cannot be told apart so.
        plain_labels = labels.iter().map(|label| label.chars().collect()).collect();
    }
    // Names of one form have one key: the name with the class taken out.
    let mut found: BTreeMap<Vec<char>, Form> = BTreeMap::new();
    for (at, name) in names.iter().enumerate() {
        let characters: Vec<char> = name.chars().collect();
        for (label, text) in plain_labels.iter().zip(&labels) {
            for start in places(&plain_names[at], label) {
                let end = start + label.len();
                let mut key = plain_names[at].clone();
                key.splice(start..end, [CLASS]);
                let text_of = |part: &[char]| part.iter().collect::<String>();
                let around = (text_of(&characters[..start]), text_of(&characters[end..]));
                let form = found.entry(key).or_insert_with(|| Form { around, columns: Vec::new() });
                if !form.columns.iter().any(|(_, class)| class == text) {
                    form.columns.push((at, text.clone()));
                }
            }
        }
    }
    // Columns of the same form that no label of the table names, as of a class without labeled rows.
    let with_others = |form: Form| {
        let (before, behind) = (plain(&form.around.0), plain(&form.around.1));
        let fits = |at: &usize| {
            let name = &plain_names[*at];
            name.len() > before.len() + behind.len() && name.starts_with(&before) && name.ends_with(&behind)
        };
        let own = |at: usize| form.columns.iter().any(|(own, _)| *own == at);
        let class = |at: usize| {
            let characters: Vec<char> = names[at].chars().collect();
            characters[before.len()..characters.len() - behind.len()].iter().collect::<String>()
        };
        let others = (0..names.len()).filter(|&at| !own(at)).filter(fits).map(|at| (at, class(at)));
        let wider = Form { columns: form.columns.iter().cloned().chain(others).collect(), ..form.clone() };
        (form, wider)
    };
    found.into_values().filter(|form| form.columns.len() >= 2).map(with_others).collect()
}

impl ClassColumns {
    /// Whether the columns of any classifier sum to 1 in nearly every row.
    pub(crate) fn sums_to_one(&self, matrix: ArrayView2<'_, f64>) -> bool {
        (0..self.classifiers.len()).any(|u| {
            let own = self.cells.iter().filter(|cell| cell.1 == u);
            let own: Vec<(usize, String)> = own.map(|cell| (cell.0, String::new())).collect();
            own.len() > 1 && distance(matrix, &own, MOST_ROWS).is_some()
        })
    }
}

/// How well columns sum to 1: the mean distance of the rows that have them all, and whether enough of these
/// are within the tolerance.
fn distance(matrix: ArrayView2<'_, f64>, columns: &[(usize, String)], needed: f64) -> Option<f64> {
    let (mut rows, mut near, mut sum) = (0_usize, 0_usize, 0.0);
    // Rows with a gap in any of the columns have no sum and are left out.
    for row in matrix.columns() {
        let total: f64 = columns.iter().map(|(at, _)| row[*at]).sum();
        if !total.is_nan() {
            rows += 1;
            near += usize::from((total - 1.0).abs() <= TOLERANCE);
            sum += (total - 1.0).abs();
        }
    }
    (rows > 0 && near as f64 >= needed * rows as f64).then(|| sum / rows as f64)
}

/// By the labels in the names, such as `LightGBM_a`, `pa`, `.pred_a_forest` and `svm.prob.a` for the label a:
/// columns whose names differ in the label alone and that sum to 1. `summed` is `None` for scores, which sum
/// to nothing; all labels are then needed.
pub(crate) fn by_labels(
    names: &[String],
    labels: &[String],
    summed: Option<ArrayView2<'_, f64>>,
) -> Option<ClassColumns> {
    if labels.len() < 2 {
        return None;
    }
    // Each form has to be borne out by the rows: its columns sum to 1. Of two widths the nearer one is taken.
    let mut sound: Vec<(Form, f64)> = Vec::new();
    for (form, wider) in forms(names, labels) {
        match summed {
            Some(matrix) if labels.len() < LEAST_CLASSES => {
                // Two labels are two classes, unless every row says that there are more.
                let enough = matrix.ncols() >= FEWEST_ROWS;
                let distance = distance(matrix, &wider.columns, 1.0).filter(|_| enough);
                sound.extend(distance.filter(|_| wider.columns.len() >= LEAST_CLASSES).map(|d| (wider, d)));
            }
            Some(matrix) => {
                let own = distance(matrix, &form.columns, MOST_ROWS);
                let all = distance(matrix, &wider.columns, MOST_ROWS);
                match (own, all) {
                    (Some(own), Some(all)) if all < own => sound.push((wider, all)),
                    (Some(own), _) => sound.push((form, own)),
                    (None, Some(all)) => sound.push((wider, all)),
                    (None, None) => {}
                }
            }
            None if form.columns.len() == labels.len() && labels.len() >= LEAST_CLASSES => {
                sound.push((form, 0.0));
            }
            None => {}
        }
    }
    // The most classes first, then the nearest sums; of equal ones the class at the end of the name.
    sound.sort_by(|(a, x), (b, y)| {
        let length = |form: &Form| form.around.1.len();
        (b.columns.len().cmp(&a.columns.len())).then(x.total_cmp(y)).then(length(a).cmp(&length(b)))
    });
    // A column belongs to one form: the best one that comes first.
    let mut taken: Vec<Form> = Vec::new();
    for (form, _) in sound {
        let is_taken = |at: usize| taken.iter().any(|form| form.columns.iter().any(|(own, _)| *own == at));
        if !form.columns.iter().any(|(at, _)| is_taken(*at)) {
            taken.push(form);
        }
    }
    assembled(names, labels, taken)
}

fn assembled(names: &[String], labels: &[String], mut forms: Vec<Form>) -> Option<ClassColumns> {
    forms.sort_by_key(|form| form.columns.iter().map(|(at, _)| *at).min());
    let mut classifiers: Vec<String> = forms.iter().map(|form| classifier(&form.around)).collect();
    // Two forms of one bare name are told apart by the whole of what stands around the class.
    let mut sorted = classifiers.clone();
    sorted.sort();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        classifiers = forms.iter().map(|form| format!("{}*{}", form.around.0, form.around.1)).collect();
    }
    let mut apart: Vec<Option<(String, String)>> = vec![None; names.len()];
    for (form, classifier) in forms.iter().zip(&classifiers) {
        for (at, class) in &form.columns {
            apart[*at] = Some((classifier.clone(), class.clone()));
        }
    }
    let mut found = ClassColumns::of(apart.into_iter())?;
    // Classes in the order of numbers where all of them are numbers, and else as they are met.
    let value = |class: &String| number(class.as_bytes()).map(|(value, _)| value);
    let mut order: Vec<usize> = (0..found.classes.len()).collect();
    if found.classes.iter().all(|class| value(class).is_some()) {
        order.sort_by(|&a, &b| {
            let (a, b) = (value(&found.classes[a]), value(&found.classes[b]));
            a.partial_cmp(&b).unwrap_or(std::cmp::Ordering::Equal)
        });
    }
    let place = |k: usize| order.iter().position(|&own| own == k).expect("a permutation");
    found.cells.iter_mut().for_each(|cell| cell.2 = place(cell.2));
    found.classes = order.iter().map(|&k| found.classes[k].clone()).collect();
    let (at, u, k) = found.cells[0];
    found.note = Some(format!(
        "classes told by the labels in the names of columns: {:?} is class {} of {}",
        names[at], found.classes[k], found.classifiers[u]
    ));
    debug_assert!(!labels.is_empty());
    Some(found)
}

/// The name of a classifier from what stands around the class: `classif.rpart.prob.` is `classif.rpart`.
fn classifier((before, behind): &(String, String)) -> String {
    let is_gap = |c: char| !c.is_alphanumeric();
    // Words such as `prob` are taken off either end until a word is left that says who the classifier is.
    let stripped = |text: &str| {
        let mut text = text.trim_matches(is_gap);
        loop {
            let first = text.split(is_gap).next().unwrap_or("");
            let last = text.rsplit(is_gap).next().unwrap_or("");
            let is_word = |word: &str| DECORATION.contains(&word.to_lowercase().as_str());
            text = match (is_word(first), is_word(last)) {
                (true, _) => text[first.len()..].trim_matches(is_gap),
                (_, true) => text[..text.len() - last.len()].trim_matches(is_gap),
                _ => return text.to_owned(),
            };
            if text.is_empty() {
                return String::new();
            }
        }
    };
    let parts = [stripped(before), stripped(behind)];
    let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { ONLY.to_owned() } else { parts.join("_") }
}

/// Columns whose names have a label where others of the same form have others: a hint for whoever asks before
/// the rows are read.
pub(crate) fn likely(names: &[String], labels: &[String]) -> Vec<usize> {
    let mut out = Vec::new();
    if labels.len() < LEAST_CLASSES {
        return out;
    }
    for (form, _) in forms(names, labels).into_iter().filter(|(form, _)| form.columns.len() >= LEAST_CLASSES)
    {
        out.extend(form.columns.into_iter().map(|(at, _)| at));
    }
    out.sort_unstable();
    out.dedup();
    out
}

/// Whether all of three labels or more are the classes of columns of one form.
pub(crate) fn name_columns(names: &[String], labels: &[String]) -> bool {
    if labels.len() < LEAST_CLASSES {
        return false;
    }
    let by_form = by_form(names, labels, None);
    let all =
        |classes: &[String]| labels.iter().all(|own| classes.iter().any(|class| labels::same(class, own)));
    by_form.is_some_and(|found| all(&found.classes))
        || forms(names, labels).iter().any(|(form, _)| form.columns.len() == labels.len())
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    fn texts(of: &[&str]) -> Vec<String> {
        of.iter().map(|&text| text.to_owned()).collect()
    }

    /// Rows that sum to 1 over each run of `classes` columns.
    fn matrix(columns: usize, classes: usize) -> Array2<f64> {
        let raw = |at: usize, i: usize| 1.0 + ((at + 3) * (i + 5) % 7) as f64;
        Array2::from_shape_fn((columns, 12), |(at, i)| {
            let first = at / classes * classes;
            raw(at, i) / (first..first + classes).map(|at| raw(at, i)).sum::<f64>()
        })
    }

    /// Classifiers, classes and cells.
    type Told = (Vec<String>, Vec<String>, Vec<(usize, usize, usize)>);

    fn told(names: &[&str], labels: &[&str]) -> Option<Told> {
        let (names, labels) = (texts(names), texts(labels));
        let matrix = matrix(names.len(), labels.len().max(3));
        let found = by_labels(&names, &labels, Some(matrix.view()))?;
        Some((found.classifiers, found.classes, found.cells))
    }

    #[test]
    fn names_of_other_tools_are_taken_apart_by_the_labels() {
        let abc = ["a", "b", "c"];
        for (names, classifiers) in [
            (
                ["LightGBM_a", "LightGBM_b", "LightGBM_c", "XGBoost_a", "XGBoost_b", "XGBoost_c"],
                ["LightGBM", "XGBoost"],
            ),
            (
                [".pred_a_rf", ".pred_b_rf", ".pred_c_rf", ".pred_a_nb", ".pred_b_nb", ".pred_c_nb"],
                ["rf", "nb"],
            ),
            (["gbm_pa", "gbm_pb", "gbm_pc", "pa_drf", "pb_drf", "pc_drf"], ["gbm", "drf"]),
            (
                [
                    "classif.rpart.prob.a",
                    "classif.rpart.prob.b",
                    "classif.rpart.prob.c",
                    "x.prob.a",
                    "x.prob.b",
                    "x.prob.c",
                ],
                ["classif.rpart", "x_prob_"],
            ),
            (["a_rf", "b_rf", "c_rf", "rf A", "rf B", "rf C"], ["*_rf", "rf *"]),
        ] {
            let found = told(&names, &abc).expect("two classifiers of three classes");
            let expected = if classifiers[1] == "x_prob_" {
                texts(&["classif.rpart", ONLY])
            } else {
                texts(&classifiers)
            };
            assert_eq!((found.0, found.1), (expected, texts(&abc)), "{names:?}");
        }
        for names in [
            ["pa", "pb", "pc"],
            ["a", "b", "c"],
            ["prob.a", "prob.b", "prob.c"],
            [".pred_a", ".pred_b", ".pred_c"],
        ] {
            let found = told(&names, &abc).expect("one classifier");
            assert_eq!(found.0, [ONLY], "{names:?}");
        }
    }

    #[test]
    fn numbers_are_told_by_what_sums_to_one() {
        // By the names alone either number could be the class.
        let names = [
            "clf_0_0", "clf_0_1", "clf_0_2", "clf_1_0", "clf_1_1", "clf_1_2", "clf_2_0", "clf_2_1", "clf_2_2",
        ];
        let (classifiers, classes, cells) = told(&names, &["2.0", "0.0", "1.0"]).expect("three of three");
        assert_eq!((classifiers, classes), (texts(&["clf_0", "clf_1", "clf_2"]), texts(&["0", "1", "2"])));
        assert_eq!(cells[5], (5, 1, 2));
        // Three binary classifiers with numbers do not sum to 1.
        let names = texts(&["clf_0", "clf_1", "clf_2"]);
        let apart = Array2::from_shape_fn((3, 9), |(u, i)| 0.1 * ((u + i) % 9) as f64);
        assert_eq!(by_labels(&names, &texts(&["0", "1", "2"]), Some(apart.view())), None);
        assert!(told(&["stack0", "stack1", "stack2"], &["0", "1", "2"]).is_some());
    }

    #[test]
    fn a_class_without_a_label_belongs_to_the_sum() {
        let (_, classes, _) = told(&["rf_a", "rf_b", "rf_c"], &["a", "c"]).expect("three sum to 1");
        assert_eq!(classes, texts(&["a", "b", "c"]));
        let with_other = ["rf_a", "rf_b", "rf_c", "rf_old"];
        let found = told(&with_other, &["a", "b", "c"]).expect("three sum to 1");
        assert_eq!(found.1, texts(&["a", "b", "c"]));
    }

    #[test]
    fn forms_of_names_need_no_labels() {
        let tuples = ["('rf', 'a')", "('rf', 'b')", "(\"rf\", \"it's\")", "('label', '')"];
        let found = by_form(&texts(&tuples), &[], None).expect("three classes");
        assert_eq!((found.classes, found.others), (texts(&["a", "b", "it's"]), vec![3]));
        let colons = texts(&["rf:a:b", "rf:c", "rf:x y"]);
        let found = by_form(&colons, &texts(&["a:b", "c", "x y"]), None).expect("three classes");
        assert_eq!((found.classifiers, found.classes), (texts(&["rf"]), texts(&["a:b", "c", "x y"])));
        assert_eq!(by_form(&colons, &[], None).expect("three").classifiers, texts(&["rf:a", "rf"]));
        let bars = texts(&["rf|1", "rf|2", "rf|3"]);
        assert!(by_form(&bars, &[], Some("|")).is_some() && by_form(&bars, &[], None).is_none());
    }
}
