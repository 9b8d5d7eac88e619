//! Cells with what became of them, and the groups that statistics are taken over.

use std::collections::BTreeMap;

use super::cell::Outcome;
use super::figure::{Figure, Figures};
use super::plan::Plan;

/// A cell with its outcome.
#[derive(Debug, Clone, Copy)]
pub(super) struct Result<'a> {
    /// Level of each factor.
    pub levels: &'a [usize],
    /// Seed.
    pub seed: u64,
    /// Whether the seed gave data of its own.
    pub redrawn: bool,
    /// Outcome.
    pub outcome: &'a Outcome,
}

impl<'a> Result<'a> {
    /// The figures, if there are any.
    pub(super) fn figures(&self) -> Option<&'a Figures> {
        self.outcome.figures()
    }
}

/// All cells in the order of the plan. `outcomes` are those of its jobs.
pub(super) fn results<'a>(plan: &'a Plan, outcomes: &'a [Outcome]) -> Vec<Result<'a>> {
    let cells = plan.cells.iter();
    cells
        .map(|cell| Result {
            levels: &cell.levels,
            seed: cell.seed,
            redrawn: plan.jobs[cell.job].scenario.is_redrawn(),
            outcome: &outcomes[cell.job],
        })
        .collect()
}

/// Levels of some factors, and a seed.
pub(super) type Key = (Vec<usize>, Option<u64>);

/// What is an independent repetition: data of one kind, drawn by one seed. Everything trained on them shares
/// their luck, so it is averaged before any test; seeds that do not draw data anew are averaged too.
#[derive(Debug, Clone)]
pub(super) struct Units {
    /// Factors that change the data.
    data: Vec<usize>,
}

impl Units {
    /// Of a grid, comparing the levels of `factor`, or none.
    pub(super) fn new(plan: &Plan, factor: Option<usize>) -> Self {
        let factors = plan.grid.factors.iter().enumerate();
        // The levels under comparison must share a unit, so their own factor is left out of it.
        let data =
            factors.filter(|(k, of)| Some(*k) != factor && of.changes_data()).map(|(k, _)| k).collect();
        Self { data }
    }

    /// The unit of a cell.
    pub(super) fn key(&self, of: &Result<'_>) -> Key {
        (self.data.iter().map(|&k| of.levels[k]).collect(), of.redrawn.then_some(of.seed))
    }
}

/// The cells that differ in `factor` alone, by the level of that factor.
pub(super) fn blocks<'a>(cells: &[Result<'a>], factor: usize) -> Vec<BTreeMap<usize, Result<'a>>> {
    let mut blocks: BTreeMap<(Vec<usize>, u64), BTreeMap<usize, Result<'a>>> = BTreeMap::new();
    for cell in cells {
        let mut others = cell.levels.to_vec();
        let level = others.remove(factor);
        blocks.entry((others, cell.seed)).or_default().insert(level, *cell);
    }
    blocks.into_values().collect()
}

/// Means over units of a value of blocks, in the order of units.
pub(super) fn unit_means<'a>(
    cells: &[Result<'a>],
    factor: usize,
    units: &Units,
    value: impl Fn(&BTreeMap<usize, Result<'a>>) -> Option<f64>,
) -> Vec<f64> {
    let mut sums: BTreeMap<Key, (f64, f64)> = BTreeMap::new();
    for block in blocks(cells, factor) {
        // Cells of a block differ in the factor alone, so any of them tells the unit.
        let Some((value, first)) = value(&block).zip(block.values().next()) else { continue };
        let sum = sums.entry(units.key(first)).or_default();
        *sum = (sum.0 + value, sum.1 + 1.0);
    }
    sums.into_values().map(|(sum, count)| sum / count).collect()
}

/// Mean of a figure over the cells that have it.
pub(super) fn mean<'a>(cells: impl IntoIterator<Item = &'a Result<'a>>, figure: Figure) -> Option<f64> {
    let values = cells.into_iter().filter_map(|cell| figure.of(cell.figures()?));
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}
