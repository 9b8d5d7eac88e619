//! What the cells say: levels against the reference of their factor, ranks, heat maps, and what weights tell
//! of quality.

use std::collections::BTreeMap;

use cf_ensemble::validation::{
    Bootstrap, Interval, WinTieLoss, friedman, nemenyi_critical_difference, wilcoxon_signed_rank,
    win_tie_loss,
};
use ndarray::Array2;
use serde::Serialize;

use super::association::{Association, associations};
use super::cell::Outcome;
use super::figure::Figure;
use super::grid::HeatMap;
use super::plan::Plan;
use super::results::{Result as Cell, Units, blocks, mean, results, unit_means};
use crate::error::Error;

/// A difference in average precision below this is a tie.
pub(super) const TIE_MARGIN: f64 = 0.005;
/// Significance of ranks.
pub(super) const ALPHA: f64 = 0.05;

/// The truth of the report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Version of this program.
    pub version: &'static str,
    /// Title of the grid.
    pub title: String,
    /// Its question.
    pub question: String,
    /// Seeds.
    pub seeds: Vec<u64>,
    /// Cells of the grid.
    pub cells: usize,
    /// Cells that failed, with their errors.
    pub failures: Vec<Failure>,
    /// Each factor.
    pub factors: Vec<FactorSummary>,
    /// Heat maps.
    pub heat_maps: Vec<HeatMapSummary>,
    /// Rank correlation of the weights' spread with the gain in average precision.
    pub associations: Vec<Association>,
}

/// A cell that failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// Coordinates.
    pub cell: String,
    /// Why.
    pub error: String,
}

/// A factor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FactorSummary {
    /// Name.
    pub name: String,
    /// Its levels, the reference first.
    pub levels: Vec<LevelSummary>,
    /// Ranks of three or more levels.
    pub ranks: Option<Ranks>,
    /// The same within the levels of other factors.
    pub within: Vec<Within>,
}

/// A factor within levels of other factors.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Within {
    /// Factor and level.
    pub of: Vec<(String, String)>,
    /// Levels of the factor.
    pub levels: Vec<LevelSummary>,
}

/// A level. Means are over its cells.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LevelSummary {
    /// Name.
    pub name: String,
    /// Cells.
    pub cells: usize,
    /// Cells that failed.
    pub failed: usize,
    /// Mean of each figure.
    pub means: BTreeMap<&'static str, Option<f64>>,
    /// Average precision minus that of the reference; `None` for the reference itself.
    pub average_precision: Option<Difference>,
    /// Log loss minus that of the reference.
    pub log_loss: Option<Difference>,
    /// Geometric mean of the ratios of weight std to that of the reference.
    pub weight_std_ratio: Option<f64>,
}

/// A paired difference over independent repetitions: data of one kind, drawn by one seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Independent repetitions.
    pub units: usize,
    /// Mean, with a 95% bootstrap interval.
    pub interval: Interval,
    /// Wilcoxon's two-sided p.
    pub p: f64,
    /// Units won, tied and lost by the level.
    pub counts: WinTieLoss,
}

/// Friedman's test.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ranks {
    /// Independent repetitions.
    pub units: usize,
    /// Mean rank of each level by average precision, 1 is best.
    pub mean_ranks: Vec<f64>,
    /// Statistic.
    pub chi_square: f64,
    /// Its p.
    pub p: f64,
    /// Nemenyi's critical difference at 0.05.
    pub critical_difference: f64,
}

/// A heat map.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeatMapSummary {
    /// What was asked for.
    #[serde(flatten)]
    pub map: HeatMap,
    /// Levels of the columns.
    pub columns: Vec<String>,
    /// Levels of the rows.
    pub rows: Vec<String>,
    /// One for each level of `panels`, or one.
    pub panels: Vec<HeatPanel>,
}

/// The values of a heat map.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeatPanel {
    /// Level of `panels`.
    pub name: String,
    /// Rows of values; `None` where nothing was measured.
    pub values: Vec<Vec<Option<f64>>>,
}

/// Summarizes the outcomes of the plan's jobs.
///
/// # Errors
/// [`Error::Statistics`].
pub(crate) fn summarize(plan: &Plan, outcomes: &[Outcome]) -> Result<Summary, Error> {
    let cells = results(plan, outcomes);
    let failures = cells.iter().filter_map(|cell| match cell.outcome {
        Outcome::Error(error) => Some(Failure {
            cell: format!("{}, seed {}", plan.name(cell.levels), cell.seed),
            error: error.clone(),
        }),
        Outcome::Figures(_) => None,
    });
    Ok(Summary {
        version: env!("CARGO_PKG_VERSION"),
        title: plan.grid.title.clone(),
        question: plan.grid.question.clone(),
        seeds: plan.grid.seeds.list(),
        cells: cells.len(),
        failures: failures.collect(),
        factors: (0..plan.grid.factors.len()).map(|k| factor(plan, &cells, k)).collect::<Result<_, _>>()?,
        heat_maps: plan.grid.heat_maps.iter().filter_map(|map| heat_map(plan, &cells, map)).collect(),
        associations: associations(plan, &cells)?,
    })
}

fn factor(plan: &Plan, cells: &[Cell<'_>], index: usize) -> Result<FactorSummary, Error> {
    let factor = &plan.grid.factors[index];
    let units = Units::new(plan, Some(index));
    let by: Vec<usize> = factor.by.iter().filter_map(|name| plan.position(name)).collect();
    // Within levels of other factors the same comparison is made on the cells of those levels alone.
    let mut groups: BTreeMap<Vec<usize>, Vec<Cell<'_>>> = BTreeMap::new();
    if !by.is_empty() {
        for cell in cells {
            groups.entry(by.iter().map(|&k| cell.levels[k]).collect()).or_default().push(*cell);
        }
    }
    let within = groups.into_iter().map(|(key, cells)| {
        let named = by.iter().zip(key).map(|(&k, level)| {
            let factor = &plan.grid.factors[k];
            (factor.name.clone(), factor.levels[level].name.clone())
        });
        Ok(Within { of: named.collect(), levels: levels(plan, &cells, index, &units)? })
    });
    Ok(FactorSummary {
        name: factor.name.clone(),
        levels: levels(plan, cells, index, &units)?,
        ranks: ranks(plan, cells, index, &units)?,
        within: within.collect::<Result<_, Error>>()?,
    })
}

fn levels(plan: &Plan, cells: &[Cell<'_>], factor: usize, units: &Units) -> Result<Vec<LevelSummary>, Error> {
    let names = plan.grid.factors[factor].levels.iter().enumerate();
    names
        .map(|(level, of)| {
            let own: Vec<&Cell<'_>> = cells.iter().filter(|cell| cell.levels[factor] == level).collect();
            let mean = |figure: Figure| (figure.id(), mean(own.iter().copied(), figure));
            // The first level is the reference, which has no difference from itself.
            let against =
                |figure| if level == 0 { Ok(None) } else { difference(cells, factor, level, units, figure) };
            Ok(LevelSummary {
                name: of.name.clone(),
                cells: own.len(),
                failed: own.iter().filter(|cell| cell.figures().is_none()).count(),
                means: Figure::ALL.into_iter().map(mean).collect(),
                average_precision: against(Figure::AveragePrecision)?,
                log_loss: against(Figure::LogLoss)?,
                weight_std_ratio: (level > 0)
                    .then(|| ratio(cells, factor, (0, level), Figure::WeightStd))
                    .flatten(),
            })
        })
        .collect()
}

/// Level against reference.
fn difference(
    cells: &[Cell<'_>],
    factor: usize,
    level: usize,
    units: &Units,
    figure: Figure,
) -> Result<Option<Difference>, Error> {
    let differences = unit_means(cells, factor, units, |block| {
        Some(figure.of(block.get(&level)?.figures()?)? - figure.of(block.get(&0)?.figures()?)?)
    });
    if differences.is_empty() {
        return Ok(None);
    }
    // The counts compare two lists; of differences the second is all zeros.
    let zeros = vec![0.0; differences.len()];
    Ok(Some(Difference {
        units: differences.len(),
        interval: Bootstrap::default().mean(&differences).map_err(Error::Statistics)?,
        p: wilcoxon_signed_rank(&differences).map_err(Error::Statistics)?.p_value,
        counts: win_tie_loss(&differences, &zeros, TIE_MARGIN).map_err(Error::Statistics)?,
    }))
}

/// Geometric mean over blocks of a positive figure at level `to` by that at level `from`; blocks with a 0 are
/// left out.
fn ratio(cells: &[Cell<'_>], factor: usize, (from, to): (usize, usize), figure: Figure) -> Option<f64> {
    // Ratios are averaged as logarithms: twice and half as wide are as far from 1.
    let logs = blocks(cells, factor).into_iter().filter_map(|block| {
        let value_at = |level: usize| figure.of(block.get(&level)?.figures()?).filter(|value| *value > 0.0);
        Some((value_at(to)? / value_at(from)?).ln())
    });
    let (sum, count) = logs.fold((0.0, 0.0), |(sum, count), log| (sum + log, count + 1.0));
    (count > 0.0).then(|| (sum / count).exp())
}

fn ranks(plan: &Plan, cells: &[Cell<'_>], factor: usize, units: &Units) -> Result<Option<Ranks>, Error> {
    let k = plan.grid.factors[factor].levels.len();
    let precisions_of = |level: usize| {
        unit_means(cells, factor, units, |block| {
            // Only repetitions in which every level was measured can be ranked.
            let complete = block.len() == k && block.values().all(|cell| cell.figures().is_some());
            complete.then(|| Figure::AveragePrecision.of(block.get(&level)?.figures()?)).flatten()
        })
    };
    let columns: Vec<Vec<f64>> = (0..k).map(precisions_of).collect();
    let n = columns.first().map_or(0, Vec::len);
    // Of two levels Friedman's test is the sign test, which says less than Wilcoxon's.
    if k < 3 || n < 2 {
        return Ok(None);
    }
    let table = Array2::from_shape_fn((n, k), |(unit, level)| columns[level][unit]);
    let test = friedman(table.view()).map_err(Error::Statistics)?;
    Ok(Some(Ranks {
        units: n,
        mean_ranks: test.mean_ranks,
        chi_square: test.chi_square,
        p: test.p_value,
        critical_difference: nemenyi_critical_difference(k, n, ALPHA).map_err(Error::Statistics)?,
    }))
}

fn heat_map(plan: &Plan, cells: &[Cell<'_>], map: &HeatMap) -> Option<HeatMapSummary> {
    let (x, y) = (plan.position(&map.x)?, plan.position(&map.y)?);
    let panels = map.panels.as_ref().and_then(|name| plan.position(name));
    let names = |factor: usize| {
        plan.grid.factors[factor].levels.iter().map(|level| level.name.clone()).collect::<Vec<_>>()
    };
    // A value is a mean over whatever the map does not name: other factors and seeds.
    let value = |panel: usize, row: usize, column: usize| {
        let belongs = |cell: &&Cell<'_>| {
            plan.grid.matches(&map.only, cell.levels)
                && cell.levels[x] == column
                && cell.levels[y] == row
                && panels.is_none_or(|k| cell.levels[k] == panel)
        };
        let own: Vec<Cell<'_>> = cells.iter().filter(belongs).copied().collect();
        match map.ratio_of.as_ref().and_then(|name| plan.position(name)) {
            Some(of) => ratio(&own, of, (0, 1), map.figure),
            None => mean(&own, map.figure),
        }
    };
    let (columns, rows) = (names(x), names(y));
    let panel = |(panel, name): (usize, String)| HeatPanel {
        name,
        values: (0..rows.len())
            .map(|row| (0..columns.len()).map(|column| value(panel, row, column)).collect())
            .collect(),
    };
    let panel_names = panels.map_or_else(|| vec![String::new()], names);
    let panels = panel_names.into_iter().enumerate().map(panel).collect();
    Some(HeatMapSummary { map: map.clone(), columns, rows, panels })
}
