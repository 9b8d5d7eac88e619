//! Findings about tables of several classes: those of each class against all others, each classifier named
//! once.

use cfe_core::Result;
use cfe_core::classes::ClassPredictions;
use cfe_core::stats::moments::median;
use cfe_io::ClassTable;
use ndarray::{ArrayView1, Axis};
use rayon::prelude::*;

use super::columns::same_outside;
use super::copies::{Rows, copies, divided_groups, outside_of};
use super::coverage::gaps;
use super::evaluated::silent;
use super::leakage::{FAR_BELOW, TOO_GOOD, in_sample, leaks, seen_outside, too_good, unjoined};
use super::{Column, Finding, Parts, Quality, Severity, listed};
use crate::classes::{ClassModel, side_by_side};

/// By how many standard errors a column must rank the rows of another class better than the column of that
/// class does, for the two to be swapped.
const SWAPPED: f64 = 3.0;

/// Predictions that are looked at, and how each classifier is left out, in words behind "leave it out".
struct Looked<'a> {
    predictions: &'a ClassPredictions,
    options: Vec<String>,
}

impl<'a> Looked<'a> {
    fn new(table: &ClassTable, predictions: &'a ClassPredictions) -> Self {
        let options = predictions.classifier_names().iter().map(|name| option(table, name)).collect();
        Self { predictions, options }
    }

    fn names(&self) -> &'a [String] {
        self.predictions.classifier_names()
    }

    /// The distribution that a classifier gives a row.
    fn row(&self, u: usize, i: usize) -> ArrayView1<'a, f64> {
        self.predictions.values().index_axis_move(Axis(0), u).index_axis_move(Axis(0), i)
    }

    /// Share of the rows that a classifier has no prediction for.
    fn missing(&self, u: usize) -> f64 {
        let n = self.predictions.n_instances();
        let gaps = (0..n).filter(|&i| self.row(u, i).iter().all(|p| p.is_nan())).count();
        gaps as f64 / n as f64
    }

    /// Classifiers with gaps, where these are worth a word.
    fn gaps(&self) -> Option<Finding> {
        gaps(self.names().iter().enumerate().map(|(u, name)| (name.as_str(), self.missing(u))))
    }

    /// The predictions of a classifier for a class.
    fn column(&self, u: usize, k: usize) -> ArrayView1<'a, f64> {
        self.predictions.values().index_axis_move(Axis(0), u).index_axis_move(Axis(1), k)
    }
}

/// The option that leaves out the columns of a classifier, where a pattern says which they are.
fn option(table: &ClassTable, classifier: &str) -> String {
    let is_own = |of: &&cfe_io::ClassColumn| of.classifier == classifier;
    let own: Vec<&str> = table.columns.iter().filter(is_own).map(|of| of.column.as_str()).collect();
    let Some(first) = own.first() else { return String::new() };
    // The longest text that every column of the classifier begins with, and then the longest common ending.
    let common = |of: &dyn Fn(&str, usize) -> bool| {
        first
            .char_indices()
            .map(|(at, c)| at + c.len_utf8())
            .take_while(|&n| own.iter().all(|name| of(name, n)))
            .last()
    };
    let before = common(&|name, n| name.starts_with(&first[..n])).map_or("", |n| &first[..n]);
    let reversed: String = first.chars().rev().collect();
    let behind = own.iter().fold(reversed.as_str(), |behind, name| {
        let same = behind.chars().zip(name.chars().rev()).take_while(|(a, b)| a == b);
        &behind[..same.map(|(c, _)| c.len_utf8()).sum()]
    });
    let behind: String = behind.chars().rev().collect();
    let fits = |name: &str| {
        name.len() >= before.len() + behind.len() && name.starts_with(before) && name.ends_with(&behind)
    };
    // A pattern that takes columns of another classifier along would leave out too much.
    let others = table.columns.iter().filter(|of| !is_own(of)).any(|of| fits(&of.column));
    // A comma would end the pattern, and a quote its quotation.
    if others || (before.is_empty() && behind.is_empty()) || format!("{before}{behind}").contains([',', '\''])
    {
        return String::new();
    }
    format!(" (--exclude '{before}*{behind}')")
}

/// What is said of each class: by kind and classifiers, with the classes that it was found for.
#[derive(Default)]
struct Merged(Vec<(Finding, Vec<usize>)>);

impl Merged {
    fn add(&mut self, k: usize, finding: Finding) {
        // What is wrong with most classifiers at once need not be found of the same ones for every class.
        let is_same = |own: &Finding| {
            own.kind == finding.kind && (own.classifiers == finding.classifiers || own.kind == "unjoined")
        };
        match self.0.iter_mut().find(|(own, _)| is_same(own)) {
            Some((_, classes)) => classes.push(k),
            None => self.0.push((finding, vec![k])),
        }
    }

    fn finish(self, classes: &[String]) -> impl Iterator<Item = Finding> {
        self.0.into_iter().map(|(finding, of)| {
            let first = &classes[of[0]];
            let others = listed(of[1..].iter().map(|&k| format!("{:?}", classes[k])));
            let others = if of.len() > 1 { format!(" (and so {others})") } else { String::new() };
            let text = format!("class {first:?} against all others{others}: {}", finding.text);
            Finding { text, ..finding }
        })
    }
}

/// Findings about each class against all others by what is known of the columns of this class.
fn of_each_class(
    looked: &Looked<'_>,
    labels: &[Option<usize>],
    in_train: &[bool],
    row: &'static str,
) -> Result<Vec<Finding>> {
    let (predictions, names) = (looked.predictions, looked.names());
    let is_label: Vec<bool> = (0..names.len()).map(|u| is_label(looked, u, labels, in_train)).collect();
    let of_part = |k: usize, train: bool| -> Vec<Option<bool>> {
        let own = labels.iter().zip(in_train).map(|(label, own)| label.filter(|_| *own == train));
        own.map(|label| label.map(|label| label == k)).collect()
    };
    let columns_of = |k: usize| {
        let (within, outside) = (of_part(k, true), of_part(k, false));
        let parts = Parts::new(in_train, &within, &outside, row, false, None);
        let column =
            |u: usize| Column::new(&names[u], looked.options[u].clone(), looked.column(u, k), &parts);
        predictions.known_by(k).into_iter().map(column).collect::<Result<Vec<_>>>()
    };
    // Each ROC-AUC sorts a column, which is most of the work.
    let classes: Vec<usize> = (0..predictions.n_classes()).collect();
    let columns: Vec<Vec<Column<'_>>> = classes.par_iter().map(|&k| columns_of(k)).collect::<Result<_>>()?;
    // Who knows the label separates every class. An honest classifier is nearly perfect for one class in ten.
    let perfect = |of: fn(&Column<'_>) -> Option<Quality>| -> Vec<&str> {
        let is_good = |column: &Column<'_>| of(column).is_none_or(|q| q.auc.max(1.0 - q.auc) >= TOO_GOOD);
        let everywhere =
            |name: &&str| columns.iter().flatten().filter(|column| column.name == *name).all(is_good);
        names.iter().map(String::as_str).filter(everywhere).collect()
    };
    let (perfect_in, perfect_outside) = (perfect(|c| c.train), perfect(|c| c.outside));
    let mut merged = Merged::default();
    for (k, columns) in columns.iter().enumerate() {
        let leaking = |column: &&Column<'_>| {
            // Hard predictions of a class that all classifiers know well are right nearly always.
            let others = columns.iter().filter(|other| other.name != column.name).filter_map(|c| c.train);
            let others: Vec<f64> = others.map(|quality| quality.auc).collect();
            let own = column.train.map_or(1.0, |quality| quality.auc.max(1.0 - quality.auc));
            let at = names.iter().position(|name| name == column.name).expect("it is one of them");
            is_label[at] || median(&others).is_some_and(|other| own - other > FAR_BELOW)
        };
        let among = |found: Vec<Finding>, names: &[&str]| -> Vec<Finding> {
            found
                .into_iter()
                .filter(|f| f.classifiers.iter().all(|name| names.contains(&name.as_str())))
                .collect()
        };
        // The order is that of two classes: a finding keeps later ones from naming the same classifier again.
        let mut out = leaks(&of_part(k, true), columns.iter().filter(leaking));
        out.extend(unjoined(columns));
        out.extend(in_sample(columns, &out));
        out.extend(among(seen_outside(columns, &out), &perfect_outside));
        out.extend(among(too_good(columns, &out), &perfect_in));
        out.into_iter().for_each(|finding| merged.add(k, finding));
    }
    Ok(merged.finish(predictions.classes()).collect())
}

/// Whether a classifier says two values in all labeled train rows, the larger one of the class that the label
/// names.
fn is_label(looked: &Looked<'_>, u: usize, labels: &[Option<usize>], in_train: &[bool]) -> bool {
    let labeled = labels.iter().zip(in_train).enumerate().filter(|(_, (_, train))| **train);
    let cells: Vec<(bool, f64)> = labeled
        .filter_map(|(i, (label, _))| Some((looked.row(u, i), (*label)?)))
        .flat_map(|(row, label)| row.into_iter().enumerate().map(move |(k, &p)| (k == label, p)))
        .filter(|(_, p)| !p.is_nan())
        .collect();
    let low = cells.iter().map(|(_, p)| *p).fold(f64::INFINITY, f64::min);
    let high = cells.iter().map(|(_, p)| *p).fold(f64::NEG_INFINITY, f64::max);
    low < high && cells.iter().all(|&(own, p)| p == if own { high } else { low })
}

/// Classifiers that tell the train rows apart and say one thing, or nothing, outside.
fn alike_outside(looked: &Looked<'_>, in_train: &[bool]) -> Option<Finding> {
    let said = |u: usize| {
        let rows = |train: bool| {
            let own = (0..in_train.len()).filter(move |&i| in_train[i] == train);
            own.map(|i| looked.row(u, i)).filter(|row| !row.iter().all(|p| p.is_nan()))
        };
        // Missing classes are missing in every row.
        let is_same = |a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>| {
            a.iter().zip(b).all(|(a, b)| a == b || a.is_nan() && b.is_nan())
        };
        let alike =
            |train: bool| rows(train).next().is_some_and(|first| rows(train).all(|row| is_same(row, first)));
        match (rows(true).count(), rows(false).count()) {
            (0, _) => None,
            (_, 0) => in_train.contains(&false).then_some("is missing"),
            (_, 2..) => (alike(false) && !alike(true)).then_some("says the same"),
            _ => None,
        }
    };
    let names = looked.names();
    let found = (0..names.len()).filter_map(|u| Some((names[u].as_str(), said(u)?.to_owned())));
    same_outside(&found.collect::<Vec<_>>())
}

/// Classifiers whose columns rank the rows of other classes than their own: a circle of classes, each of
/// which is told best by the column of the next. `where_` says which rows.
fn swapped(looked: &Looked<'_>, labels: &[Option<usize>], where_: &str) -> Result<Vec<Finding>> {
    let predictions = looked.predictions;
    let (names, classes) = (looked.names(), predictions.classes());
    // The classifiers side by side, since the ROC-AUCs of a circle sort whole columns.
    let found = (0..names.len()).into_par_iter().map(|u| circles(looked, labels, u));
    let found: Vec<Vec<Circle>> = found.collect::<Result<_>>()?;
    // Where most classifiers have the same circle, the labels are more likely to be turned than they are.
    let classes_of = |circle: &Circle| circle.iter().map(|&(k, ..)| k).collect::<Vec<_>>();
    let mut common: Option<(Vec<usize>, Vec<usize>)> = None;
    for circle in found.iter().flatten().map(classes_of) {
        let have = |u: &usize| found[*u].iter().any(|other| classes_of(other) == circle);
        let who: Vec<usize> = (0..names.len()).filter(have).collect();
        if who.len() >= 2 && 2 * who.len() > names.len() {
            common = Some((circle, who));
            break;
        }
    }
    // One finding for the circle that most classifiers share, then one for each classifier with its own.
    let mut out = Vec::new();
    if let Some((circle, who)) = &common {
        let told = |at: usize| {
            format!("{:?} by that of {:?}", classes[circle[at]], classes[circle[(at + 1) % circle.len()]])
        };
        let text = format!(
            "{} of {} classifiers rank rows of a class by the column of another one{where_}: {}. Are the labels, or the \
             columns of every classifier, in another order?",
            who.len(),
            names.len(),
            listed((0..circle.len()).map(told))
        );
        let who = who.iter().map(|&u| names[u].clone()).collect();
        out.push(Finding::new(Severity::Alarm, "swapped", who, text));
    }
    for (u, circles) in found.iter().enumerate() {
        let own =
            circles.iter().filter(|circle| common.as_ref().is_none_or(|(all, _)| classes_of(circle) != *all));
        for circle in own {
            let told = |at: usize| {
                let (k, own, other) = circle[at];
                let next = &classes[circle[(at + 1) % circle.len()].0];
                format!(
                    "of {:?} by that of {next:?} (ROC-AUC {other:.3}, and {own:.3} by their own)",
                    classes[k]
                )
            };
            let text = format!(
                "{:?} ranks rows of a class by the column of another one{where_}: {}. Are its columns in another order? Name \
                 them as they are, or leave it out{}",
                names[u],
                listed((0..circle.len()).map(told)),
                looked.options[u]
            );
            out.push(Finding::new(Severity::Alarm, "swapped", vec![names[u].clone()], text));
        }
    }
    Ok(out)
}

/// (class, ROC-AUC of its own column, ROC-AUC of the column of the next class) around a circle, the class of
/// the smallest number first.
type Circle = Vec<(usize, f64, f64)>;

/// The circles of one classifier.
fn circles(looked: &Looked<'_>, labels: &[Option<usize>], u: usize) -> Result<Vec<Circle>> {
    let mut out = Vec::new();
    for path in closed_paths(&best_columns(looked, labels, u)) {
        let mut circle = Circle::new();
        // Each step of the circle has to be surer than chance, by the ROC-AUC of both columns.
        for (at, &k) in path.iter().enumerate() {
            let of_class: Vec<Option<bool>> =
                labels.iter().map(|label| label.map(|label| label == k)).collect();
            let by = |column: usize| Quality::of(looked.column(u, column), &of_class);
            let Some((own, other)) = by(k)?.zip(by(path[(at + 1) % path.len()])?) else { break };
            let (lost, error) = (other.auc - own.auc, (own.variance() + other.variance()).sqrt());
            if lost > FAR_BELOW && lost > SWAPPED * error {
                circle.push((k, own.auc, other.auc));
            }
        }
        // One class that its own column tells as well is not part of another order.
        if circle.len() == path.len() {
            out.push(circle);
        }
    }
    Ok(out)
}

/// The paths of two classes or more that come back to where they begin, each from its smallest number;
/// `next` leads on from each class.
fn closed_paths(next: &[Option<usize>]) -> Vec<Vec<usize>> {
    let mut out = Vec::new();
    let mut met = vec![false; next.len()];
    for start in 0..next.len() {
        let mut path = Vec::new();
        let mut at = Some(start);
        while let Some(k) = at.filter(|&k| !met[k]) {
            met[k] = true;
            path.push(k);
            at = next[k];
        }
        // A path may lead into a circle, whose classes alone belong to it. A path that ends where an earlier
        // one was has no circle of its own.
        let Some(from) = at.and_then(|k| path.iter().position(|&on| on == k)) else { continue };
        let mut circle = path.split_off(from);
        if circle.len() >= 2 {
            let smallest = (0..circle.len()).min_by_key(|&k| circle[k]).expect("two classes or more");
            circle.rotate_left(smallest);
            out.push(circle);
        }
    }
    out
}

/// The column that tells the rows of each class best from all others, by the difference of means over the
/// standard deviation; `None` for a class without rows or a column.
fn best_columns(looked: &Looked<'_>, labels: &[Option<usize>], u: usize) -> Vec<Option<usize>> {
    let predictions = looked.predictions;
    let classes = predictions.n_classes();
    let (mut counts, mut sums) = (vec![0.0; classes], vec![vec![0.0; classes]; classes]);
    let (mut all, mut squares) = (vec![0.0; classes], vec![0.0; classes]);
    for (i, label) in labels.iter().enumerate() {
        let Some(label) = *label else { continue };
        let row = looked.row(u, i);
        if row.iter().all(|p| p.is_nan()) {
            continue;
        }
        counts[label] += 1.0;
        for (j, &p) in row.iter().enumerate().filter(|(_, p)| !p.is_nan()) {
            sums[label][j] += p;
            all[j] += p;
            squares[j] += p * p;
        }
    }
    // The difference of the means of the class and of the rest, in standard deviations of the column.
    let n: f64 = counts.iter().sum();
    let tells = |k: usize, j: usize| {
        let spread = (squares[j] / n - (all[j] / n).powi(2)).max(0.0).sqrt();
        let rest = (all[j] - sums[k][j]) / (n - counts[k]);
        if spread > 0.0 { (sums[k][j] / counts[k] - rest) / spread } else { f64::NEG_INFINITY }
    };
    let best = |k: usize| {
        let known = (0..classes).filter(|&j| predictions.knows(u, j) && counts[j] > 0.0);
        // Of columns that tell alike, the own one.
        known.max_by(|&a, &b| tells(k, a).total_cmp(&tells(k, b)).then((a == k).cmp(&(b == k))))
    };
    (0..classes)
        .map(|k| (counts[k] > 0.0 && counts[k] < n && predictions.knows(u, k)).then(|| best(k)).flatten())
        .collect()
}

/// Labels of a table without those of rows of weight 0, which count nowhere.
fn counting(table: &ClassTable, labels: &[Option<usize>]) -> Vec<Option<usize>> {
    let counts = |i: usize| table.weights.as_ref().is_none_or(|weights| weights[i] > 0.0);
    labels.iter().enumerate().map(|(i, label)| label.filter(|_| counts(i))).collect()
}

/// Looks at a table of several classes for leaks, in-sample predictions, columns of classes in another order,
/// copies of rows, groups on both sides of the split, and gaps. The gravest finding comes first; a classifier
/// is named once, with the classes against whose rest it was found.
///
/// # Errors
/// None for a table that was read.
pub fn diagnose_classes(table: &ClassTable) -> Result<Vec<Finding>> {
    let predictions = &table.predictions;
    let classes = predictions.n_classes();
    // A label that no column is named after cannot be looked at by column.
    let known: Vec<Option<usize>> =
        counting(table, &table.labels).into_iter().map(|label| label.filter(|&k| k < classes)).collect();
    let is_labeled: Vec<bool> = known.iter().map(Option::is_some).collect();
    let part = |train: bool| -> Vec<Option<usize>> {
        known.iter().zip(&table.in_train).map(|(label, own)| label.filter(|_| *own == train)).collect()
    };
    let within = part(true);
    let labeled: Vec<usize> = (0..known.len()).filter(|&i| within[i].is_some()).collect();
    let rows = side_by_side(predictions);
    // Rows are alike where the vote has the same largest class and about the same share of it.
    let level = |i: usize| {
        let vote = predictions.soft_vote(i);
        let top = (0..classes).fold(0, |best, k| if vote[k] > vote[best] { k } else { best });
        (top, vote[top])
    };
    let looked = Looked::new(table, predictions);
    let mut out = of_each_class(&looked, &known, &table.in_train, "train row")?;
    let turned = swapped(&looked, &within, "")?;
    // Rows outside that are turned as the train rows are have no finding of their own.
    let is_new = |f: &Finding| !turned.iter().any(|own| own.classifiers == f.classifiers);
    let outside = swapped(&looked, &part(false), " outside the train split")?;
    let outside: Vec<Finding> = outside.into_iter().filter(is_new).collect();
    out.extend(turned);
    out.extend(outside);
    // Copies are looked for across all classes at once, since a row is one row for all of them.
    let rows = Rows {
        predictions: rows.view(),
        labeled: &labeled,
        label: &|i| within[i].unwrap_or_default(),
        classes,
        level: &level,
        scored: &outside_of(&is_labeled, &table.in_train),
    };
    out.extend(copies(&rows, None));
    out.extend(divided_groups(table.groups.as_deref(), &is_labeled, &table.in_train));
    out.extend(alike_outside(&looked, &table.in_train));
    out.extend(looked.gaps());
    out.sort_by_key(|finding| finding.severity);
    Ok(out)
}

/// Looks at a table that `model` is scored on for classifiers that know the labels, columns or labels of
/// classes in another order, classifiers without predictions, and gaps. The gravest finding comes first.
///
/// # Errors
/// None for a table that was read.
pub fn diagnose_class_evaluation(model: &ClassModel, table: &ClassTable) -> Result<Vec<Finding>> {
    let predictions = table.predictions.align(model.classifier_names(), model.classes())?;
    let labels = counting(table, &table.labels_among(model.classes()).0);
    let looked = Looked::new(table, &predictions);
    let mut out = of_each_class(&looked, &labels, &vec![true; labels.len()], "row")?;
    out.extend(swapped(&looked, &labels, "")?);
    let says_nothing = looked.names().iter().enumerate().filter(|(u, _)| looked.missing(*u) == 1.0);
    out.extend(silent(&says_nothing.map(|(_, name)| name.as_str()).collect::<Vec<_>>()));
    out.extend(looked.gaps());
    out.sort_by_key(|finding| finding.severity);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::closed_paths;

    #[test]
    fn circles_are_found_behind_what_leads_into_them() {
        assert_eq!(closed_paths(&[Some(1), Some(2), Some(1)]), [[1, 2]]);
        assert_eq!(closed_paths(&[Some(2), None, Some(4), Some(2), Some(3)]), [[2, 4, 3]]);
        assert_eq!(closed_paths(&[Some(1), Some(0), Some(2), Some(0)]), [[0, 1]]);
        assert!(closed_paths(&[None, Some(0), Some(2)]).is_empty());
    }
}
