//! Means over seeds, ranks over data sets, and tests.

use std::collections::{BTreeMap, BTreeSet};

use cf_ensemble::metrics::MetricSummary;
use cf_ensemble::validation::{Friedman, WinTieLoss, friedman, holm, wilcoxon_signed_rank, win_tie_loss};
use ndarray::Array2;
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};

use super::cells::Cell;
use crate::error::Error;

/// A difference in average precision below this is a tie.
pub(super) const TIE_MARGIN: f64 = 0.005;
/// A gain over the plain mean of fewer standard errors says that a method is below the mean.
pub(super) const BELOW: f64 = -2.0;

/// One method over all data sets; every figure is a mean over the data sets of means over seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MethodRow {
    /// Method.
    pub method: String,
    /// Mean rank by average precision, 1 is best; `None` for methods without a result on some data set, and
    /// the oracle.
    pub mean_rank: Option<f64>,
    /// Metrics; `None` for a method without a result on some data set, whose means would be over other data.
    #[serde(flatten)]
    pub metrics: Option<MetricSummary>,
    /// Mean of the ratios to the plain mean's average precision.
    pub ratio_to_mean: Option<f64>,
    /// Smallest of these ratios, and its data set.
    pub worst_ratio: Option<(f64, String)>,
    /// Mean of max(0, 1 - ratio): how far below the plain mean the method is, where it is below.
    pub shortfall: Option<f64>,
    /// Data sets on which the method is below the plain mean.
    pub below_mean: Option<BelowMean>,
    /// Against the first method; `None` for the first.
    pub against_first: Option<AgainstFirst>,
    /// Against the plain mean.
    pub against_mean: Option<WinTieLoss>,
    /// Wilcoxon's p against the plain mean.
    pub p_against_mean: Option<f64>,
    /// Wilcoxon's p of the first method against this one.
    pub p_first_against: Option<f64>,
    /// Seconds for a table.
    pub seconds: f64,
}

/// Data sets whose average precision is below that of the plain mean by more than chance. The standard errors
/// are those of a paired bootstrap of the scored rows, and the z of a data set is the mean over its seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BelowMean {
    /// Those with z below -2.
    pub alone: usize,
    /// Those left by Holm's correction over the data sets, at the level of a one-sided z of -2 (p 0.023).
    pub holm: usize,
}

/// A method less the first method, over the data sets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AgainstFirst {
    /// Difference in average precision.
    pub average_precision: Paired,
    /// Difference in log loss; `None` for scores that are not probabilities.
    pub log_loss: Option<Paired>,
}

/// Mean of paired differences over data sets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Paired {
    /// Mean.
    pub mean: f64,
    /// Its standard error: the standard deviation over data sets by the square root of their number; `None`
    /// for a single data set.
    pub standard_error: Option<f64>,
    /// Wilcoxon's two-sided p; `None` where nothing differs.
    pub p: Option<f64>,
}

/// One data set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DataSetRow {
    /// Data set.
    pub data_set: String,
    /// Mean number of positives in training.
    pub train_positives: Option<f64>,
    /// Average precision of each method, in the order of [`Summary::methods`].
    pub average_precision: Vec<Option<f64>>,
    /// Log loss of each method.
    pub log_loss: Vec<Option<f64>>,
    /// Expected calibration error of each method.
    pub ece: Vec<Option<f64>>,
}

/// The whole comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Version of this program.
    pub version: &'static str,
    /// Methods, by mean rank.
    pub methods: Vec<MethodRow>,
    /// Data sets, by name.
    pub data_sets: Vec<DataSetRow>,
    /// Number of seeds of each data set, if it is the same for all.
    pub seeds: Option<usize>,
    /// Friedman's chi-square and p over the ranked methods; `None` for fewer than two data sets.
    pub friedman: Option<(f64, f64)>,
}

/// Outside the ranks: it knows the test labels.
const ORACLE: &str = "oracle_single*";

/// Summarizes; `first` is the method that the others are tested against.
///
/// # Errors
/// [`Error::Statistics`].
pub fn summarize(cells: &[Cell], first: &str) -> Result<Summary, Error> {
    // Means over seeds come first: everything below compares data sets.
    let means = Means::of(cells);
    // Ranks compare methods on the same data, so one that lacks a data set has none.
    let ranked: Vec<&str> = means
        .methods
        .iter()
        .copied()
        .filter(|&method| method != ORACLE && means.average_precisions(method).is_some())
        .collect();
    let test = ranks(&means, &ranked)?;
    let mut methods = means
        .methods
        .iter()
        .map(|&method| {
            let position = ranked.iter().position(|&candidate| candidate == method);
            let mean_rank = position.zip(test.as_ref()).map(|(position, test)| test.mean_ranks[position]);
            method_row(&means, method, first, mean_rank)
        })
        .collect::<Result<Vec<MethodRow>, Error>>()?;
    // Methods without a rank come last, the more precise first.
    methods.sort_by(|a, b| {
        let rank = |row: &MethodRow| row.mean_rank.unwrap_or(f64::INFINITY);
        let precision =
            |row: &MethodRow| row.metrics.and_then(|m| m.average_precision).unwrap_or(f64::NEG_INFINITY);
        rank(a).total_cmp(&rank(b)).then(precision(b).total_cmp(&precision(a)))
    });
    // The number is told where it is one number; other programs may have run fewer seeds than our method.
    let seeds: BTreeSet<usize> =
        means.sets.iter().map(|set| means.on(first, set).map_or(0, |mean| mean.seeds)).collect();
    Ok(Summary {
        version: env!("CARGO_PKG_VERSION"),
        data_sets: means.sets.iter().map(|set| data_set_row(&means, set, first, &methods)).collect(),
        methods,
        seeds: if seeds.len() == 1 { seeds.first().copied() } else { None },
        friedman: test.map(|test| (test.chi_square, test.p_value)),
    })
}

/// Means over the seeds of each data set: seeds of one data set share its instances, so they are not
/// independent repetitions, and only their means are compared.
struct Means<'a> {
    /// In the order in which they were run.
    methods: Vec<&'a str>,
    /// By name.
    sets: Vec<&'a str>,
    /// By method, then by data set.
    means: BTreeMap<&'a str, BTreeMap<&'a str, OverSeeds>>,
}

/// One method on one data set.
struct OverSeeds {
    metrics: MetricSummary,
    z_against_mean: Option<f64>,
    seconds: f64,
    train_positives: Option<f64>,
    seeds: usize,
}

impl<'a> Means<'a> {
    // Methods in the order in which they were run, cells by method and data set.
    fn of(cells: &'a [Cell]) -> Self {
        let mut methods: Vec<&str> = Vec::new();
        let mut groups: BTreeMap<(&str, &str), Vec<&Cell>> = BTreeMap::new();
        for cell in cells {
            if !methods.contains(&cell.method.as_str()) {
                methods.push(&cell.method);
            }
            groups.entry((&cell.method, &cell.data_set)).or_default().push(cell);
        }
        let sets: BTreeSet<&str> = cells.iter().map(|cell| cell.data_set.as_str()).collect();
        let over_seeds = |cells: Vec<&Cell>| OverSeeds {
            metrics: MetricSummary::mean(cells.iter().map(|cell| &cell.metrics))
                .expect("a group begins with a cell"),
            z_against_mean: mean_of(cells.iter().map(|cell| cell.z_against_mean)),
            seconds: cells.iter().map(|cell| cell.seconds).sum::<f64>() / cells.len() as f64,
            train_positives: mean_of(cells.iter().map(|cell| cell.train_positives.map(|count| count as f64))),
            seeds: cells.len(),
        };
        let mut means: BTreeMap<&str, BTreeMap<&str, OverSeeds>> = BTreeMap::new();
        for ((method, set), cells) in groups {
            means.entry(method).or_default().insert(set, over_seeds(cells));
        }
        Self { methods, sets: sets.into_iter().collect(), means }
    }

    fn on(&self, method: &str, set: &str) -> Option<&OverSeeds> {
        self.means.get(method)?.get(set)
    }

    /// The method on every data set; `None` if it lacks one.
    fn everywhere(&self, method: &str) -> Option<Vec<&OverSeeds>> {
        self.sets.iter().map(|set| self.on(method, set)).collect()
    }

    fn average_precisions(&self, method: &str) -> Option<Vec<f64>> {
        self.everywhere(method)?.iter().map(|mean| mean.metrics.average_precision).collect()
    }

    fn log_losses(&self, method: &str) -> Option<Vec<f64>> {
        self.everywhere(method)?.iter().map(|mean| mean.metrics.log_loss).collect()
    }

    /// `None` for a method that was not compared with the plain mean.
    fn below_mean(&self, method: &str) -> Result<Option<BelowMean>, Error> {
        let Some(everywhere) = self.everywhere(method) else { return Ok(None) };
        if everywhere.iter().all(|mean| mean.z_against_mean.is_none()) {
            return Ok(None);
        }
        let normal = Normal::standard();
        // A data set on which nothing varies is not below, and counts among the tests.
        let p: Vec<f64> =
            everywhere.iter().map(|mean| normal.cdf(mean.z_against_mean.unwrap_or(0.0))).collect();
        let below = |p: &[f64]| p.iter().filter(|&&p| p < normal.cdf(BELOW)).count();
        let adjusted = holm(&p).map_err(Error::Statistics)?;
        Ok(Some(BelowMean { alone: below(&p), holm: below(&adjusted) }))
    }

    fn against(&self, method: &str, first: &str) -> Result<Option<AgainstFirst>, Error> {
        // Differences are paired by data set, and so both need a result on each.
        let average_precision = paired_mean(self.average_precisions(method), self.average_precisions(first))?;
        let log_loss = paired_mean(self.log_losses(method), self.log_losses(first))?;
        let against = average_precision.map(|average_precision| AgainstFirst { average_precision, log_loss });
        Ok(against.filter(|_| method != first))
    }
}

/// Friedman's test over the methods that have a result everywhere; `None` for fewer than two methods or data
/// sets.
fn ranks(means: &Means<'_>, ranked: &[&str]) -> Result<Option<Friedman>, Error> {
    if means.sets.len() < 2 || ranked.len() < 2 {
        return Ok(None);
    }
    let columns: Vec<Vec<f64>> =
        ranked.iter().filter_map(|method| means.average_precisions(method)).collect();
    let table = Array2::from_shape_fn((means.sets.len(), ranked.len()), |(set, method)| columns[method][set]);
    friedman(table.view()).map(Some).map_err(Error::Statistics)
}

fn method_row(
    means: &Means<'_>,
    method: &str,
    first: &str,
    mean_rank: Option<f64>,
) -> Result<MethodRow, Error> {
    let own = means.average_precisions(method);
    let plain = means.average_precisions("mean");
    let leader = means.average_precisions(first);
    // Ratios and tests are paired by data set, so a method that lacks one has none.
    let paired = own.as_ref().zip(plain.as_ref());
    let ratios: Option<Vec<f64>> =
        paired.map(|(own, plain)| own.iter().zip(plain).map(|(a, b)| a / b).collect());
    let worst = ratios
        .as_ref()
        .and_then(|ratios| ratios.iter().copied().zip(&means.sets).min_by(|a, b| a.0.total_cmp(&b.0)));
    let below = |ratio: &f64| Some((1.0 - ratio).max(0.0));
    let shortfall = ratios.as_ref().and_then(|ratios| mean_of(ratios.iter().map(below)));
    let against_mean = paired.map(|(own, plain)| win_tie_loss(own, plain, TIE_MARGIN)).transpose();
    let everywhere = means.everywhere(method);
    let seconds = means.sets.iter().map(|set| means.on(method, set).map(|mean| mean.seconds));
    Ok(MethodRow {
        method: method.to_owned(),
        mean_rank,
        metrics: everywhere.and_then(|all| MetricSummary::mean(all.iter().map(|mean| &mean.metrics))),
        worst_ratio: worst.map(|(ratio, set)| (ratio, (*set).to_owned())),
        shortfall,
        below_mean: means.below_mean(method)?,
        against_first: means.against(method, first)?,
        ratio_to_mean: ratios.and_then(|ratios| mean_of(ratios.into_iter().map(Some))),
        against_mean: against_mean.map_err(Error::Statistics)?,
        p_against_mean: paired_p(own.as_deref(), plain.as_deref())?,
        p_first_against: paired_p(leader.as_deref(), own.as_deref())?,
        seconds: mean_of(seconds.filter(Option::is_some)).expect("a method has a cell on some data set"),
    })
}

fn data_set_row(means: &Means<'_>, set: &str, first: &str, methods: &[MethodRow]) -> DataSetRow {
    let column = |metric: fn(&MetricSummary) -> Option<f64>| {
        methods.iter().map(|row| metric(&means.on(&row.method, set)?.metrics)).collect()
    };
    DataSetRow {
        data_set: set.to_owned(),
        train_positives: means.on(first, set).and_then(|mean| mean.train_positives),
        average_precision: column(|metrics| metrics.average_precision),
        log_loss: column(|metrics| metrics.log_loss),
        ece: column(|metrics| metrics.ece),
    }
}

/// Mean of values that are all there; `None` if one is missing, or there is none.
fn mean_of(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let values = values.into_iter().collect::<Option<Vec<f64>>>()?;
    if values.is_empty() { None } else { Some(values.iter().sum::<f64>() / values.len() as f64) }
}

/// Of `a` less `b`; `None` where one is missing.
fn paired_mean(a: Option<Vec<f64>>, b: Option<Vec<f64>>) -> Result<Option<Paired>, Error> {
    let (Some(a), Some(b)) = (a, b) else { return Ok(None) };
    let n = a.len() as f64;
    let mean = a.iter().zip(&b).map(|(a, b)| a - b).sum::<f64>() / n;
    let squares: f64 = a.iter().zip(&b).map(|(a, b)| (a - b - mean).powi(2)).sum();
    let standard_error = (n > 1.0).then(|| (squares / (n - 1.0) / n).sqrt());
    Ok(Some(Paired { mean, standard_error, p: paired_p(Some(&a), Some(&b))? }))
}

/// Wilcoxon's two-sided p of paired results; `None` where one is missing or they are the same.
fn paired_p(a: Option<&[f64]>, b: Option<&[f64]>) -> Result<Option<f64>, Error> {
    let (Some(a), Some(b)) = (a, b) else { return Ok(None) };
    // A method against itself would get a p of 1, which reads as the result of a test.
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    if differences.iter().all(|d| *d == 0.0) {
        return Ok(None);
    }
    Ok(Some(wilcoxon_signed_rank(&differences).map_err(Error::Statistics)?.p_value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(data_set: &str, seed: u64, method: &str, average_precision: f64) -> Cell {
        Cell {
            data_set: data_set.to_owned(),
            seed,
            method: method.to_owned(),
            train_positives: Some(10),
            metrics: MetricSummary::of_average_precision(average_precision),
            z_against_mean: None,
            seconds: 0.1,
        }
    }

    #[test]
    fn seeds_are_averaged_before_data_sets_are_ranked() {
        let cells = [
            cell("a", 0, "mean", 0.4),
            cell("a", 1, "mean", 0.6),
            cell("a", 0, "ours", 0.9),
            cell("a", 1, "ours", 0.3),
            cell("b", 0, "mean", 0.2),
            cell("b", 1, "mean", 0.2),
            cell("b", 0, "ours", 0.1),
            cell("b", 1, "ours", 0.1),
        ];
        let summary = summarize(&cells, "ours").expect("valid");
        assert_eq!(summary.seeds, Some(2));
        let ours = summary.methods.iter().find(|row| row.method == "ours").expect("there");
        assert!(
            ours.metrics.expect("complete").average_precision.is_some_and(|ap| (ap - 0.35).abs() < 1e-12)
        );
        assert_eq!(ours.mean_rank, Some(1.5));
        assert_eq!(ours.worst_ratio, Some((0.5, "b".to_owned())));
        let counts = ours.against_mean.expect("complete");
        assert_eq!((counts.wins, counts.ties, counts.losses), (1, 0, 1));
    }

    #[test]
    fn what_is_below_the_mean_is_counted_before_and_after_holms_correction() {
        // Normal probabilities 0.00135, 0.0179 and 0.5: of three, Holm leaves the first alone.
        let cells: Vec<Cell> = [("a", -3.0, 0.3), ("b", -2.1, 0.36), ("c", 0.0, 0.5)]
            .into_iter()
            .flat_map(|(set, z, precision)| {
                let mut ours = cell(set, 0, "ours", precision);
                ours.z_against_mean = Some(z);
                [cell(set, 0, "mean", 0.4), ours]
            })
            .collect();
        let summary = summarize(&cells, "ours").expect("valid");
        let row = |name| summary.methods.iter().find(|row| row.method == name).expect("there");
        assert_eq!(row("ours").below_mean, Some(BelowMean { alone: 2, holm: 1 }));
        // Ratios 0.75, 0.9 and 1.25: 25% and 10% short, and no credit for the third.
        assert!(row("ours").shortfall.is_some_and(|short| (short - 0.35 / 3.0).abs() < 1e-12));
        assert_eq!((row("mean").below_mean, row("mean").shortfall), (None, Some(0.0)));
        assert_eq!(row("ours").against_first, None);
        let against = row("mean").against_first.expect("complete");
        // Differences 0.1, 0.04 and -0.1.
        let Paired { mean, standard_error, .. } = against.average_precision;
        assert!((mean - 0.04 / 3.0).abs() < 1e-12, "{mean}");
        assert!(standard_error.is_some_and(|se| (se - 0.059_254_630_0).abs() < 1e-6), "{standard_error:?}");
        assert_eq!(against.log_loss, None);
    }

    #[test]
    fn a_method_without_all_data_sets_is_not_ranked() {
        let cells = [
            cell("a", 0, "mean", 0.4),
            cell("b", 0, "mean", 0.4),
            cell("a", 0, "ours", 0.5),
            cell("b", 0, "ours", 0.5),
            cell("a", 0, "part", 0.9),
        ];
        let summary = summarize(&cells, "ours").expect("valid");
        let part = summary.methods.iter().find(|row| row.method == "part").expect("there");
        assert_eq!((part.mean_rank, part.p_against_mean, part.metrics), (None, None, None));
        assert_eq!(part.seconds, 0.1);
        assert_eq!(summary.methods[0].method, "ours");
    }
}
