//! The columns of some classifiers, and what members see of them: factors, views and local features.

use std::ops::Range;

use cfe_core::Result;
use ndarray::{Array2, ArrayView2, Axis, Slice, concatenate};

use super::columns::{Columns, View};
use super::family::Family;
use super::local::LocalBasis;
use super::passed_columns::PassedColumns;
use super::spec::RecommendedSpec;

/// Features of the labeled instances, one row each: factors Y (d), views F (k), local features (r). Each
/// family is a range of rows.
pub(super) struct Features {
    pub stacked: Array2<f64>,
    pub rank: usize,
    pub views: usize,
    /// Those of the views that are probabilities; they come first.
    pub probabilities: usize,
    /// What each of the views was divided by (k).
    pub scales: Vec<f64>,
}

impl Features {
    /// The rows of a family.
    // Factors stand before the views and local features behind them, so that both corrections are one range.
    pub(super) fn of(&self, family: Family) -> ArrayView2<'_, f64> {
        let (d, k) = (self.rank, self.views);
        let rows = match family {
            Family::Aggregator => d..d + k,
            Family::Selection | Family::Bagged => d..d + self.selectable(),
            Family::Signed => d..d + self.probabilities,
            Family::Sparse | Family::Equal | Family::Ridge => d + self.first_view(family)..d + k,
            Family::LowRank => 0..d + k,
            Family::Local => d..self.stacked.nrows(),
        };
        self.stacked.slice_axis(Axis(0), Slice::from(rows))
    }

    /// Where views stand among the rows of a family; the others are its correction.
    pub(super) fn views_in(&self, family: Family) -> Range<usize> {
        match family {
            Family::Aggregator | Family::Local => 0..self.views,
            Family::Selection | Family::Bagged => 0..self.selectable(),
            Family::Signed => 0..self.probabilities,
            Family::Sparse | Family::Equal | Family::Ridge => 0..self.views - self.first_view(family),
            Family::LowRank => self.rank..self.rank + self.views,
        }
    }

    /// Which of the views these are, the first of them.
    pub(super) fn first_view(&self, family: Family) -> usize {
        match family {
            Family::Sparse | Family::Equal | Family::Ridge if self.views > self.probabilities => {
                self.probabilities
            }
            _ => 0,
        }
    }

    /// One column for each classifier: probabilities, or log-odds without them.
    fn selectable(&self) -> usize {
        if self.probabilities > 0 { self.probabilities } else { self.views }
    }
}

/// What members are fitted to: the features of all labeled instances, and those whose columns were chosen
/// without the labels of each fold, where columns are chosen.
pub(super) struct FeatureSets {
    pub all: Features,
    /// In the order of [`fold_names`](super::labeled_subset::fold_names); empty where every fold has the columns of `all`.
    pub without_fold: Vec<Features>,
}

/// Columns of some classifiers, and the features that members are fitted to.
pub(super) struct Seen {
    pub columns: Columns,
    pub sets: FeatureSets,
    pub basis: Option<LocalBasis>,
}

/// Classifiers, and the instances of them that columns are learned from.
pub(super) struct Choice<'a, 'b> {
    pub instances: Instances<'a, 'b>,
    pub classifiers: Vec<usize>,
}

impl Seen {
    /// `choices` are those of all instances and, where they differ by fold, without each fold.
    pub(super) fn new(
        spec: &RecommendedSpec,
        choices: &[Choice<'_, '_>],
        stop: &dyn Fn() -> Result<()>,
    ) -> Result<Self> {
        // A store brings the columns of all choices in one series of passes.
        if let Some(beyond) = choices[0].instances.beyond {
            let classifiers: Vec<Vec<usize>> =
                choices.iter().map(|choice| choice.classifiers.clone()).collect();
            beyond.prepare(spec, &classifiers)?;
        }
        let prepare = |choice: &Choice<'_, '_>| -> Result<(Columns, Features, Option<LocalBasis>)> {
            stop()?;
            let instances = choice.instances;
            let (columns, g) = instances.columns(spec, &choice.classifiers)?;
            stop()?;
            let (features, basis) = features(spec, &columns, &g);
            Ok((columns, features, basis))
        };
        let (columns, all, basis) = prepare(&choices[0])?;
        let without_fold = choices[1..].iter().map(|choice| Ok(prepare(choice)?.1)).collect::<Result<_>>()?;
        Ok(Self { columns, sets: FeatureSets { all, without_fold }, basis })
    }
}

/// The instances that members are fitted to.
#[derive(Clone, Copy)]
pub(super) struct Instances<'a, 'b> {
    pub r: ArrayView2<'a, f64>,
    pub rows: &'a [usize],
    /// Where columns come from, if not from these instances.
    pub beyond: Option<&'a PassedColumns<'b>>,
}

impl Instances<'_, '_> {
    /// Columns of some classifiers, and the standardized instances that members are fitted to (k x rows).
    pub(super) fn columns(
        &self,
        spec: &RecommendedSpec,
        classifiers: &[usize],
    ) -> Result<(Columns, Array2<f64>)> {
        if let Some(beyond) = self.beyond {
            beyond.prepare(spec, &[classifiers.to_vec()])?;
            return Ok(beyond.of(classifiers, self.r, self.rows));
        }
        Ok(Columns::fit(spec, self.r, self.rows, classifiers))
    }
}

/// Factors, views and local features, one below the other.
fn features(spec: &RecommendedSpec, columns: &Columns, g: &Array2<f64>) -> (Features, Option<LocalBasis>) {
    // The factorization divides a column by its own spread, the views by that of their mean.
    let mut views = g.clone();
    for (mut row, column) in views.rows_mut().into_iter().zip(&columns.columns) {
        row *= column.ratio();
    }
    let k = views.nrows();
    let probabilities = columns.columns.iter().filter(|c| c.view == View::Probability).count();
    let scales = columns.columns.iter().map(|c| c.view_scale).collect();
    // The mean of the views orders the instances for the landmarks of the local correction.
    let y = columns.instance_factors(g);
    let score: Vec<f64> = views.columns().into_iter().map(|f| f.sum() / k as f64).collect();
    let (basis, local) = if spec.families.local {
        let (basis, features) = LocalBasis::fit(spec, y.view(), &score);
        (Some(basis), features)
    } else {
        (None, Array2::zeros((0, g.ncols())))
    };
    let rank = y.nrows();
    let stacked = concatenate(Axis(0), &[y.view(), views.view(), local.view()])
        .expect("one column for each instance in all three");
    (Features { stacked, rank, views: k, probabilities, scales }, basis)
}
