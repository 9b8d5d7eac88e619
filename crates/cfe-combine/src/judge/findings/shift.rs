//! Rows outside the train split whose predictions differ in distribution.

use cfe_core::stats::moments::median;
use cfe_io::Table;
use ndarray::ArrayView1;

use super::sorted::Sorted;
use super::{Column, ENOUGH, Finding, Severity, listed};
use crate::judge::metrics::effective;

/// Smallest distance of distributions that is worth a word.
const SHIFT: f64 = 0.15;
/// Loss of ROC-AUC outside from which on a ranking does not hold.
const WORTH_A_WORD: f64 = 0.05;
/// Sorted values that a distribution is compared by, at most.
const POINTS: usize = 2_000;
/// Values of each class that a bound on a distance is taken from.
const GRID: usize = 300;

/// How the predictions of a column outside the train split differ from those within.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shift {
    /// Distance of the two distributions (Kolmogorov and Smirnov), 0 to 1.
    distance: f64,
    /// The share of positives that explains the difference: a mixture of the two classes of the train rows in
    /// these parts is as near to the rows outside as chance allows.
    share: Option<f64>,
}

impl Shift {
    /// Of rows that all count 1; `None` where the difference is chance (1%) or too small for a word.
    pub(super) fn of(train: &Sorted, outside: &Sorted) -> Option<Self> {
        // Most columns are far from a shift, which a few values show. The distance itself takes all of them.
        if distance_at_most(train, outside) <= least_distance(train.len() as f64, outside.len() as f64) {
            return None;
        }
        let all_of = |sorted: &Sorted| Distribution::of_ascending(sorted.merged());
        Self::between(&all_of(train), &all_of(outside), |class| {
            let values = if class { &train.positives } else { &train.negatives };
            Distribution::of_ascending(values.clone())
        })
    }

    /// The same of rows that count by their weights (n); `labels` (n) are those of the train rows.
    pub(super) fn weighted(
        row: ArrayView1<'_, f64>,
        weights: &[f64],
        in_train: &[bool],
        labels: &[Option<bool>],
    ) -> Option<Self> {
        let part = |keep: &dyn Fn(usize) -> bool| Distribution::new(row, Some(weights), keep);
        let (train, outside) = (part(&|i| in_train[i]), part(&|i| !in_train[i]));
        Self::between(&train, &outside, |class| part(&|i| labels[i] == Some(class)))
    }

    /// Classes come from the train rows alone, whose labels the fit knows.
    fn between(
        train: &Distribution,
        outside: &Distribution,
        class: impl Fn(bool) -> Distribution,
    ) -> Option<Self> {
        let least = least_distance(train.effective, outside.effective);
        let distance = distance(train, outside).filter(|d| *d > least)?;
        let mixture = best_mixture(&class(true), &class(false), outside);
        let share = mixture.and_then(|(share, left)| (left <= least).then_some(share));
        Some(Self { distance, share })
    }
}

/// Classifiers whose probabilities have another distribution outside the train split, rows counting by their
/// weights.
///
/// Another share of positives alone mixes the two classes of the train rows in other parts, and moves every
/// classifier so; what such a mixture explains is a finding about prevalence. What is left comes from a
/// refit, from another population, or from train predictions made on the train rows themselves; a lower
/// ROC-AUC outside tells the last apart, and has a finding of its own (`suspicious`).
pub(super) fn shifted(table: &Table, columns: &[Column<'_>], suspicious: Vec<String>) -> Vec<Finding> {
    if table.in_train.iter().all(|&train| train) {
        return Vec::new();
    }
    let mut moved: Vec<(f64, &Column<'_>)> = Vec::new();
    let mut shares = Vec::new();
    for column in columns.iter().filter(|c| !suspicious.iter().any(|name| name == c.name)) {
        match column.shift {
            Some(Shift { share: Some(share), .. }) => shares.push(share),
            Some(Shift { distance, share: None }) => moved.push((distance, column)),
            None => {}
        }
    }
    let mut out = Vec::new();
    out.extend(prevalence(table, columns, &mut shares));
    moved.sort_by(|a, b| b.0.total_cmp(&a.0));
    if !moved.is_empty() {
        let judged = moved.iter().all(|(_, c)| c.outside.is_some());
        // Where labels are known outside, `in_sample` has compared the ROC-AUC already and found nothing.
        let (severity, meaning) = if judged {
            (
                Severity::Note,
                "they rank the rows there about as well, so this is a refit or another population; probabilities may be off",
            )
        } else {
            (
                Severity::Warning,
                "a refit or another population does this, and so do train predictions made on the rows a classifier was \
                 trained on: check how they were made",
            )
        };
        let names = listed(moved.iter().map(|(d, c)| format!("{} {d:.2}", c.name)));
        out.push(Finding::new(
            severity,
            "shift",
            moved.iter().map(|(_, c)| c.name.to_owned()).collect(),
            format!(
                "predictions outside the train split differ from those inside (Kolmogorov-Smirnov distance, 0 to 1): {names}; {meaning}"
            ),
        ));
    }
    out
}

/// Another share of positives outside the train split: counted where labels are there, else from the
/// mixtures.
fn prevalence(table: &Table, columns: &[Column<'_>], shares: &mut [f64]) -> Option<Finding> {
    let (labels, weights) = (table.data.labels(), table.data.sample_weights());
    let (train, n) = share(table.data.labeled(), labels, weights);
    let labeled: Vec<usize> =
        (0..table.truth.len()).filter(|&i| !table.in_train[i] && table.truth[i].is_some()).collect();
    let (found, k) = share(&labeled, &table.truth, weights);
    let (outside, how) = if k > 0.0 {
        // Standard error of a difference of shares where both samples have the share of the train rows.
        let error = (train * (1.0 - train) * (1.0 / k + 1.0 / n)).sqrt();
        if !((found - train).abs() > 3.0 * error) {
            return None;
        }
        (found, "")
    } else {
        (median(shares)?, "about ")
    };
    // The ranking is said to hold where it was seen to hold.
    let lost: Vec<f64> = columns.iter().filter_map(|c| Some(c.train?.auc - c.outside?.auc)).collect();
    let holds = match median(&lost) {
        Some(lost) if lost < WORTH_A_WORD => "the ranking holds, ",
        _ => "",
    };
    differs(train, outside).then(|| {
        Finding::new(
            Severity::Warning,
            "prevalence",
            Vec::new(),
            format!(
                "the share of positives is {:.2}% in the labeled train rows and {how}{:.2}% outside the train split: \
                 {holds}probabilities and threshold are those of the train rows (--prevalence corrects the probabilities)",
                100.0 * train,
                100.0 * outside
            ),
        )
    })
}

/// Whether two shares of positives differ by more than is worth a word: a factor of 1.5 moves the log-odds of
/// a rare class by 0.41.
pub(super) fn differs(expected: f64, found: f64) -> bool {
    let ratio = found.max(1e-9) / expected.max(1e-9);
    !(0.67..=1.5).contains(&ratio)
}

/// Share of positives among some rows, by weight, and as how many rows of equal weight they tell.
fn share(rows: &[usize], labels: &[Option<bool>], weights: Option<&[f64]>) -> (f64, f64) {
    let weight = |i: usize| weights.map_or(1.0, |weights| weights[i]);
    let weight_of = |class: Option<bool>| -> f64 {
        rows.iter().filter(|&&i| class.is_none() || labels[i] == class).map(|&i| weight(i)).sum()
    };
    let all = weight_of(None);
    if all > 0.0 {
        (weight_of(Some(true)) / all, effective(rows.iter().map(|&i| weight(i))))
    } else {
        (0.0, 0.0)
    }
}

/// How the values of some rows are distributed.
pub(super) struct Distribution {
    /// Ascending.
    values: Vec<f64>,
    /// Weight of the values before each, and of all; `None` where each counts 1.
    before: Option<Vec<f64>>,
    /// As many rows of equal weight as tell so much.
    effective: f64,
}

impl Distribution {
    /// Of the values that are there and weigh something; all weigh alike where none does, as rows without a
    /// label need no weight.
    pub(super) fn new(
        row: ArrayView1<'_, f64>,
        weights: Option<&[f64]>,
        keep: &dyn Fn(usize) -> bool,
    ) -> Self {
        let there = |i: &usize| !row[*i].is_nan() && keep(*i);
        let weights = weights.filter(|weights| (0..row.len()).any(|i| weights[i] > 0.0 && there(&i)));
        let weight = |i: usize| weights.map_or(1.0, |weights| weights[i]);
        let kept = (0..row.len()).filter(|i| there(i) && weight(*i) > 0.0);
        if weights.is_none() {
            let mut values: Vec<f64> = kept.map(|i| row[i]).collect();
            values.sort_unstable_by(f64::total_cmp);
            return Self::of_ascending(values);
        }
        let mut cells: Vec<(f64, f64)> = kept.map(|i| (row[i], weight(i))).collect();
        cells.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let mut before = vec![0.0];
        let mut sum = 0.0;
        before.extend(cells.iter().map(|(_, w)| {
            sum += w;
            sum
        }));
        let effective = effective(cells.iter().map(|cell| cell.1));
        Self { values: cells.into_iter().map(|cell| cell.0).collect(), before: Some(before), effective }
    }

    /// Of values in ascending order, each counting 1.
    pub(super) fn of_ascending(values: Vec<f64>) -> Self {
        Self { effective: values.len() as f64, before: None, values }
    }

    fn len(&self) -> usize {
        self.values.len()
    }

    /// Share of the first `count` values.
    fn share(&self, count: usize) -> f64 {
        match &self.before {
            Some(before) => before[count] / before[self.len()],
            None => count as f64 / self.len() as f64,
        }
    }

    /// Share of the values up to `at`.
    fn below(&self, at: f64) -> f64 {
        self.share(self.values.partition_point(|&v| v <= at))
    }
}

/// The share of positives whose mixture of the two classes is nearest to `mixed`, and its distance; `None`
/// without values of both classes.
fn best_mixture(
    positive: &Distribution,
    negative: &Distribution,
    mixed: &Distribution,
) -> Option<(f64, f64)> {
    if positive.len() < ENOUGH || negative.len() < ENOUGH || mixed.len() == 0 {
        return None;
    }
    let step = ((mixed.len() + positive.len() + negative.len()) / POINTS).max(1);
    let points: Vec<[f64; 3]> = mixed
        .values
        .iter()
        .chain(&positive.values)
        .chain(&negative.values)
        .step_by(step)
        .map(|&at| [positive.below(at), negative.below(at), mixed.below(at)])
        .collect();
    // Distance of share F+ + (1 - share) F- from the distribution function of `mixed`.
    let distance_at = |share: f64| {
        let gaps = points.iter().map(|[p, n, m]| (share * p + (1.0 - share) * n - m).abs());
        gaps.fold(0.0_f64, f64::max)
    };
    let shares = (0..=200).map(|k| f64::from(k) / 200.0);
    shares.map(|share| (share, distance_at(share))).min_by(|a, b| a.1.total_cmp(&b.1))
}

/// The distance of distributions of n and k values from which on it is more than chance (1%) and worth a
/// word.
fn least_distance(n: f64, k: f64) -> f64 {
    // 1.63 is the 1% point of the Kolmogorov-Smirnov statistic; with many rows it would report shifts too
    // small to matter.
    SHIFT.max(1.63 * ((n + k) / (n * k)).sqrt())
}

/// A bound on the [`distance`] from a few values of each, which lies at most a few thousandths above it where
/// no value repeats often.
fn distance_at_most(a: &Sorted, b: &Sorted) -> f64 {
    let mut grid: Vec<f64> = a.thinned(GRID).chain(b.thinned(GRID)).collect();
    grid.sort_unstable_by(f64::total_cmp);
    grid.dedup();
    // Between two values of the grid, and below the first, a distribution function is at most its limit at
    // the upper one and at least its value at the lower one.
    let share = |sorted: &Sorted, value: f64| sorted.count_below(value) as f64 / sorted.len() as f64;
    let (mut low, mut largest) = ((0.0, 0.0), 0.0_f64);
    for &value in grid.iter().chain([&f64::INFINITY]) {
        let high = (share(a, value), share(b, value));
        largest = largest.max((high.0 - low.1).max(high.1 - low.0));
        let at = value.next_up();
        low = (share(a, at), share(b, at));
    }
    largest
}

/// Largest distance of two distribution functions; `None` without values of either.
pub(super) fn distance(a: &Distribution, b: &Distribution) -> Option<f64> {
    if a.len() == 0 || b.len() == 0 {
        return None;
    }
    let (mut i, mut j, mut largest) = (0, 0, 0.0_f64);
    while i < a.len() && j < b.len() {
        let value = a.values[i].min(b.values[j]);
        i += a.values[i..].iter().take_while(|&&v| v <= value).count();
        j += b.values[j..].iter().take_while(|&&v| v <= value).count();
        largest = largest.max((a.share(i) - b.share(j)).abs());
    }
    Some(largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_never_below_the_distance_and_near_it() {
        // Two classes and rows without a label, moved and coarsened in different ways.
        let sorted = |n: usize, by: f64, step: f64| {
            let list = |salt: usize, n: usize| {
                let value = |i: usize| ((i * (7919 + salt) % 10_007) as f64 / 10_007.0).powf(by);
                let mut list: Vec<f64> = (0..n).map(|i| (value(i) / step).round() * step).collect();
                list.sort_unstable_by(f64::total_cmp);
                list
            };
            Sorted { positives: list(0, n / 10), negatives: list(31, n), unlabeled: list(57, n / 3) }
        };
        for (n, k) in [(5_000, 4_000), (60, 9_000), (3, 2)] {
            for by in [1.0, 1.1, 1.5, 3.0] {
                for step in [1e-9, 0.01, 0.5, 1.0] {
                    let (a, b) = (sorted(n, 1.0, step), sorted(k, by, step));
                    let all_of = |sorted: &Sorted| Distribution::of_ascending(sorted.merged());
                    let exact = distance(&all_of(&a), &all_of(&b)).expect("values of both");
                    let bound = distance_at_most(&a, &b);
                    assert!(bound >= exact, "{n} {k} {by} {step}: {bound} {exact}");
                    let fine = step < 0.01 && n >= 1_000;
                    assert!(!fine || bound < exact + 0.01, "{n} {k} {by} {step}: {bound} {exact}");
                }
            }
        }
    }
}
