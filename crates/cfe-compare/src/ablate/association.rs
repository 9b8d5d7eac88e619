//! Whether the spread of the weights tells how good a prediction is.

use std::collections::BTreeMap;

use cf_ensemble::diversity::correlation;
use cf_ensemble::validation::{Bootstrap, Interval, rank_data};
use serde::Serialize;

use super::figure::Figure;
use super::plan::Plan;
use super::results::{Result as Cell, Units};
use crate::error::Error;

/// Cells on the same data that a rank correlation needs at least.
const MIN_CELLS: usize = 4;

/// Spearman's rank correlation of a figure of the weights with the gain in average precision over the plain
/// mean.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Association {
    /// The figure.
    pub figure: Figure,
    /// Whether collapsed cells were left out.
    pub healthy_only: bool,
    /// Cells.
    pub cells: usize,
    /// Over all cells together; `None` where one of the two is constant.
    pub overall: Option<f64>,
    /// Mean of the correlations among the cells of the same data, with a 95% bootstrap interval over data.
    pub within: Option<Interval>,
    /// Number of data sets behind it.
    pub data_sets: usize,
}

/// Each figure of the weights, with and without collapsed cells.
///
/// # Errors
/// [`Error::Statistics`].
pub(super) fn associations(plan: &Plan, cells: &[Cell<'_>]) -> Result<Vec<Association>, Error> {
    let figures = [Figure::WeightStd, Figure::WeightVariation, Figure::EffectiveClassifiers];
    let asked = figures.into_iter().flat_map(|figure| [(figure, false), (figure, true)]);
    asked.map(|(figure, healthy)| association(plan, cells, figure, healthy)).collect()
}

fn association(
    plan: &Plan,
    cells: &[Cell<'_>],
    figure: Figure,
    healthy_only: bool,
) -> Result<Association, Error> {
    // Cells on the same data share its luck, so correlations are taken within them and the interval is over
    // the data.
    let units = Units::new(plan, None);
    let mut groups: BTreeMap<_, Vec<(f64, f64)>> = BTreeMap::new();
    for cell in cells {
        let Some(figures) = cell.figures().filter(|figures| !(healthy_only && figures.collapsed())) else {
            continue;
        };
        if let Some(pair) = figure.of(figures).zip(Figure::ApGain.of(figures)) {
            groups.entry(units.key(cell)).or_default().push(pair);
        }
    }
    // Over all cells together a correlation mixes data of different difficulty; it is shown beside the other
    // one.
    let all: Vec<(f64, f64)> = groups.values().flatten().copied().collect();
    let each: Vec<f64> = groups
        .values()
        .filter(|group| group.len() >= MIN_CELLS)
        .filter_map(|group| spearman(group))
        .collect();
    let within = if each.is_empty() {
        None
    } else {
        Some(Bootstrap::default().mean(&each).map_err(Error::Statistics)?)
    };
    Ok(Association {
        figure,
        healthy_only,
        cells: all.len(),
        overall: spearman(&all),
        within,
        data_sets: each.len(),
    })
}

/// Pearson's correlation of mid-ranks (Spearman, 1904).
fn spearman(pairs: &[(f64, f64)]) -> Option<f64> {
    let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    correlation(&rank_data(&a), &rank_data(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_alone_count() {
        let rho = spearman(&[(1.0, 1.0), (2.0, 10.0), (3.0, 1000.0)]).expect("not constant");
        assert!((rho - 1.0).abs() < 1e-12);
        assert_eq!(spearman(&[(1.0, 1.0), (1.0, 2.0)]), None);
        assert_eq!(spearman(&[]), None);
    }
}
