//! A gate: figures of a run against those of an earlier one.

use std::collections::BTreeMap;
use std::path::Path;

use cf_ensemble::stats::moments;
use serde::{Deserialize, Serialize};

use super::cell::Outcome;
use super::error::AblateError;
use super::figure::Figure;
use super::plan::Plan;
use super::results::{Result as Cell, mean, results};

/// Figures that are held, with the least that is called noise, and whether larger is better.
const HELD: [(Figure, f64, bool); 5] = [
    (Figure::AveragePrecision, 0.005, true),
    (Figure::ApGain, 0.005, true),
    (Figure::LogLoss, 0.01, false),
    (Figure::Collapse, 0.02, false),
    (Figure::Inverted, 0.02, false),
];

/// Standard errors over seeds that are called noise.
const STANDARD_ERRORS: f64 = 3.0;

/// What is held, level by level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Title of the grid.
    pub title: String,
    /// Cells of the grid.
    pub cells: usize,
    /// Cells that failed.
    pub failed: usize,
    /// By factor, level and figure.
    pub levels: BTreeMap<String, BTreeMap<String, BTreeMap<Figure, Held>>>,
}

/// A mean with what is called its noise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// Over the cells of the level.
    pub mean: f64,
    /// 3 standard errors of the means of the seeds, or a floor where that is smaller.
    pub noise: f64,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// Everything that was compared.
    pub comparisons: Vec<Comparison>,
}

/// One figure, or one property of the grid, against the baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Factor and level, or "grid".
    pub place: String,
    /// What is compared.
    pub figure: String,
    /// Both values.
    pub values: String,
    /// Which way it went.
    pub change: Change,
}

/// How a figure stands to its baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Within the noise.
    Same,
    /// Better by more than the noise.
    Better,
    /// Worse by more than the noise, or no longer there.
    Worse,
}

impl std::fmt::Display for Comparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} {}", self.place, self.figure, self.values)
    }
}

impl Baseline {
    /// That of a run.
    pub fn new(plan: &Plan, outcomes: &[Outcome]) -> Self {
        let cells = results(plan, outcomes);
        let factors = plan.grid.factors.iter().enumerate().map(|(k, factor)| {
            let levels = factor.levels.iter().enumerate().map(|(level, of)| {
                let own: Vec<Cell<'_>> =
                    cells.iter().filter(|cell| cell.levels[k] == level).copied().collect();
                (of.name.clone(), hold(&own))
            });
            (factor.name.clone(), levels.collect())
        });
        Self {
            title: plan.grid.title.clone(),
            cells: cells.len(),
            failed: cells.iter().filter(|cell| cell.figures().is_none()).count(),
            levels: factors.collect(),
        }
    }

    /// Reads a file; `path` is for messages.
    ///
    /// # Errors
    /// [`AblateError::Baseline`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, AblateError> {
        serde_json::from_str(text)
            .map_err(|error| AblateError::Baseline { path: path.to_owned(), why: error.to_string() })
    }

    /// Compares a later run with this one. A level that is gone, and a figure that can no longer be measured,
    /// are worse.
    pub fn check(&self, run: &Baseline) -> Checked {
        let mut checked = Checked::default();
        checked.hold_grid(run.failed <= self.failed, "failed cells", || {
            format!("are {} of {}, were {}", run.failed, run.cells, self.failed)
        });
        checked.hold_grid(run.cells == self.cells, "number of cells", || {
            format!("is {}, was {}; write a new baseline if that is intended", run.cells, self.cells)
        });
        // What is new in the run has nothing to be held to, so that the walk is over what was held.
        for (factor, levels) in &self.levels {
            for (level, figures) in levels {
                let now = run.levels.get(factor).and_then(|levels| levels.get(level));
                for (&figure, held) in figures {
                    let measured = now.and_then(|figures| figures.get(&figure)).map(|held| held.mean);
                    checked.compare(&format!("{factor} {level}"), figure, *held, measured);
                }
            }
        }
        checked
    }
}

impl Checked {
    /// What got better.
    pub fn better(&self) -> impl Iterator<Item = &Comparison> {
        self.comparisons.iter().filter(|comparison| comparison.change == Change::Better)
    }

    /// What got worse.
    pub fn worse(&self) -> impl Iterator<Item = &Comparison> {
        self.comparisons.iter().filter(|comparison| comparison.change == Change::Worse)
    }

    fn compare(&mut self, place: &str, figure: Figure, held: Held, measured: Option<f64>) {
        let larger_is_better = HELD.iter().find(|(of, ..)| *of == figure).is_none_or(|(.., larger)| *larger);
        let sign = if larger_is_better { 1.0 } else { -1.0 };
        // A figure that is not measured any more is NaN, and NaN is worse.
        let gain = measured.map_or(f64::NAN, |measured| sign * (measured - held.mean));
        let change = if gain > held.noise {
            Change::Better
        } else if gain >= -held.noise {
            Change::Same
        } else {
            Change::Worse
        };
        let measured = measured.map_or_else(|| "not measured".to_owned(), |value| format!("{value:.4}"));
        let values = format!("is {measured}, was {:.4} (noise {:.4})", held.mean, held.noise);
        let (place, figure) = (place.to_owned(), figure.label().to_owned());
        self.comparisons.push(Comparison { place, figure, values, change });
    }

    fn hold_grid(&mut self, ok: bool, what: &str, values: impl FnOnce() -> String) {
        let change = if ok { Change::Same } else { Change::Worse };
        let (place, figure) = ("grid".to_owned(), what.to_owned());
        self.comparisons.push(Comparison { place, figure, values: values(), change });
    }
}

fn hold(cells: &[Cell<'_>]) -> BTreeMap<Figure, Held> {
    // A figure that no cell has is left out, and so is never missed by a later check.
    let held = HELD.iter().filter_map(|&(figure, floor, _)| {
        let noise = (STANDARD_ERRORS * standard_error(cells, figure)).max(floor);
        Some((figure, Held { mean: mean(cells, figure)?, noise }))
    });
    held.collect()
}

/// Of the mean over seeds; 0 for a single seed.
fn standard_error(cells: &[Cell<'_>], figure: Figure) -> f64 {
    // Cells of one seed share its luck, so that only the means of the seeds are independent.
    let mut by_seed: BTreeMap<u64, Vec<Cell<'_>>> = BTreeMap::new();
    for cell in cells {
        by_seed.entry(cell.seed).or_default().push(*cell);
    }
    let means: Vec<f64> = by_seed.values().filter_map(|cells| mean(cells, figure)).collect();
    // A single seed shows no spread, and the floor stands for the noise.
    if means.len() < 2 { 0.0 } else { moments::standard_error(&means) }
}
