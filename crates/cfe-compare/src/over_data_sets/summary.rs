//! Means over seeds, ranks over data sets, and tests.

use std::collections::{BTreeMap, BTreeSet};

use cf_ensemble::validation::{WinTieLoss, friedman, wilcoxon_signed_rank, win_tie_loss};
use ndarray::Array2;
use serde::Serialize;

use super::cells::Cell;
use crate::error::Error;

/// A difference in average precision below this is a tie.
pub const TIE_MARGIN: f64 = 0.005;

/// One method over all data sets; every figure is a mean over the data sets of means over seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MethodRow {
    /// Method.
    pub method: String,
    /// Mean rank by average precision, 1 is best; `None` for methods without a result on some data set, and the oracle.
    pub mean_rank: Option<f64>,
    /// Average precision.
    pub average_precision: f64,
    /// Mean of the ratios to the plain mean's average precision.
    pub ratio_to_mean: Option<f64>,
    /// Smallest of these ratios, and its data set.
    pub worst_ratio: Option<(f64, String)>,
    /// Against the plain mean.
    pub against_mean: Option<WinTieLoss>,
    /// Wilcoxon's p against the plain mean.
    pub p_against_mean: Option<f64>,
    /// Wilcoxon's p of the first method against this one.
    pub p_first_against: Option<f64>,
    /// Area under the ROC curve.
    pub roc_auc: Option<f64>,
    /// Brier score.
    pub brier: Option<f64>,
    /// Log loss.
    pub log_loss: Option<f64>,
    /// Expected calibration error.
    pub ece: Option<f64>,
    /// Largest F1.
    pub best_f1: Option<f64>,
    /// Seconds for a table.
    pub seconds: f64,
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

/// Summarises; `first` is the method that the others are tested against.
///
/// # Errors
/// [`Error::Statistics`].
pub fn summarise(cells: &[Cell], first: &str) -> Result<Summary, Error> {
    let names: BTreeSet<&str> = cells.iter().map(|c| c.data_set.as_str()).collect();
    let sets: Vec<&str> = names.into_iter().collect();
    let mut methods: Vec<&str> = Vec::new();
    for cell in cells {
        if !methods.contains(&cell.method.as_str()) {
            methods.push(&cell.method);
        }
    }
    let mut grouped = Groups::new();
    for cell in cells {
        grouped.entry(&cell.method).or_default().entry(&cell.data_set).or_default().push(cell);
    }
    let grouped = &grouped;
    let of = |method: &str, figure: &dyn Fn(&Cell) -> Option<f64>| -> Vec<Option<f64>> {
        sets.iter().map(|set| mean_of(group(grouped, method, set).iter().map(|c| figure(c)))).collect()
    };
    let precision = |method: &str| of(method, &|c: &Cell| Some(c.average_precision));
    let complete = |method: &str| precision(method).into_iter().collect::<Option<Vec<f64>>>();

    let ranked: Vec<&str> =
        methods.iter().copied().filter(|&m| m != ORACLE && complete(m).is_some()).collect();
    let results = Array2::from_shape_vec(
        (ranked.len(), sets.len()),
        ranked.iter().filter_map(|m| complete(m)).flatten().collect(),
    )
    .unwrap_or_default();
    let test = if sets.len() >= 2 && ranked.len() >= 2 {
        Some(friedman(results.t()).map_err(Error::Statistics)?)
    } else {
        None
    };
    let rank = |method: &str| {
        let index = ranked.iter().position(|m| *m == method)?;
        test.as_ref().map(|test| test.mean_ranks[index])
    };
    let (plain, leader) = (complete("mean"), complete(first));
    let mut rows = Vec::new();
    for &method in &methods {
        let own = complete(method);
        let ratios: Option<Vec<f64>> = match (&own, &plain) {
            (Some(own), Some(plain)) => Some(own.iter().zip(plain).map(|(a, b)| a / b).collect()),
            _ => None,
        };
        let worst = ratios.as_ref().and_then(|ratios| {
            let worst = ratios.iter().copied().zip(&sets).min_by(|a, b| a.0.total_cmp(&b.0));
            worst.map(|(ratio, set)| (ratio, (*set).to_owned()))
        });
        let against = match (&own, &plain) {
            (Some(own), Some(plain)) => {
                Some(win_tie_loss(own, plain, TIE_MARGIN).map_err(Error::Statistics)?)
            }
            _ => None,
        };
        rows.push(MethodRow {
            method: method.to_owned(),
            mean_rank: rank(method),
            average_precision: mean_of(precision(method)).unwrap_or(f64::NAN),
            ratio_to_mean: ratios.and_then(|r| mean_of(r.into_iter().map(Some))),
            worst_ratio: worst,
            against_mean: against,
            p_against_mean: paired_p(own.as_deref(), plain.as_deref())?,
            p_first_against: paired_p(leader.as_deref(), own.as_deref())?,
            roc_auc: mean_of(of(method, &|c| c.roc_auc)),
            brier: mean_of(of(method, &|c| c.brier)),
            log_loss: mean_of(of(method, &|c| c.log_loss)),
            ece: mean_of(of(method, &|c| c.ece)),
            best_f1: mean_of(of(method, &|c| c.best_f1)),
            seconds: mean_of(of(method, &|c| Some(c.seconds))).unwrap_or(f64::NAN),
        });
    }
    rows.sort_by(|a, b| {
        let key = |row: &MethodRow| row.mean_rank.unwrap_or(f64::INFINITY);
        key(a).total_cmp(&key(b)).then(b.average_precision.total_cmp(&a.average_precision))
    });
    let data_sets = sets
        .iter()
        .map(|&set| {
            let column = |figure: &dyn Fn(&Cell) -> Option<f64>| {
                rows.iter()
                    .map(|row| mean_of(group(grouped, &row.method, set).iter().map(|c| figure(c))))
                    .collect()
            };
            let positives = group(grouped, first, set).iter().map(|c| c.train_positives.map(|p| p as f64));
            DataSetRow {
                data_set: set.to_owned(),
                train_positives: mean_of(positives),
                average_precision: column(&|c| Some(c.average_precision)),
                log_loss: column(&|c| c.log_loss),
                ece: column(&|c| c.ece),
            }
        })
        .collect();
    let counts: BTreeSet<usize> = sets.iter().map(|set| group(grouped, first, set).len()).collect();
    Ok(Summary {
        version: env!("CARGO_PKG_VERSION"),
        methods: rows,
        data_sets,
        seeds: if counts.len() == 1 { counts.first().copied() } else { None },
        friedman: test.map(|test| (test.chi_square, test.p_value)),
    })
}

/// Cells by method, then by data set.
type Groups<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Vec<&'a Cell>>>;

fn group<'g, 'a>(grouped: &'g Groups<'a>, method: &str, set: &str) -> &'g [&'a Cell] {
    grouped.get(method).and_then(|sets| sets.get(set)).map_or(&[], Vec::as_slice)
}

/// Mean of values that are all there; `None` if one is missing, or there is none.
fn mean_of(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let values = values.into_iter().collect::<Option<Vec<f64>>>()?;
    if values.is_empty() { None } else { Some(values.iter().sum::<f64>() / values.len() as f64) }
}

/// Wilcoxon's two-sided p of paired results; `None` where one is missing or they are the same.
fn paired_p(a: Option<&[f64]>, b: Option<&[f64]>) -> Result<Option<f64>, Error> {
    let (Some(a), Some(b)) = (a, b) else { return Ok(None) };
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
            average_precision,
            roc_auc: Some(0.9),
            brier: None,
            log_loss: None,
            ece: None,
            best_f1: None,
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
        let summary = summarise(&cells, "ours").expect("valid");
        assert_eq!(summary.seeds, Some(2));
        let ours = summary.methods.iter().find(|row| row.method == "ours").expect("there");
        assert!((ours.average_precision - 0.35).abs() < 1e-12);
        assert_eq!(ours.mean_rank, Some(1.5));
        assert_eq!(ours.worst_ratio, Some((0.5, "b".to_owned())));
        let counts = ours.against_mean.expect("complete");
        assert_eq!((counts.wins, counts.ties, counts.losses), (1, 0, 1));
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
        let summary = summarise(&cells, "ours").expect("valid");
        let part = summary.methods.iter().find(|row| row.method == "part").expect("there");
        assert_eq!((part.mean_rank, part.p_against_mean), (None, None));
        assert_eq!(summary.methods[0].method, "ours");
    }
}
