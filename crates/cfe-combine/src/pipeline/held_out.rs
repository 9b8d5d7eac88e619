//! How labeled rows are held out, where a fit is told so beforehand.

use cfe_core::validation::Folds;

/// Labeled rows that a class needs for a fit of its own: one to learn from while the other is held out.
pub(crate) const LEAST_ROWS: usize = 2;

/// How the labeled rows are held out, the same for every class.
pub(crate) struct HeldOut {
    /// The folds that the rows are scored by.
    pub folds: Folds,
    /// Where rows are scored by earlier ones: folds of any rows for what a fit does inside.
    pub in_time: Option<InTime>,
}

/// Folds for fits on all labeled rows, and for those on the rows before each fold.
pub(crate) struct InTime {
    pub all: Folds,
    /// Of the rows that each fold learns from; `None` where these are too few for a fit.
    pub earlier: Vec<Option<Folds>>,
}

impl HeldOut {
    /// Folds that are dealt.
    pub(crate) fn dealt(folds: Folds) -> Self {
        Self { folds, in_time: None }
    }

    /// Whether there is something to learn of a class whose labeled rows are `of_class` (`None` where a row
    /// weighs nothing): rows of the class and of others that no fold holds out at once.
    pub(crate) fn can_learn(&self, of_class: &[Option<bool>]) -> bool {
        let enough = |is: bool| of_class.iter().filter(|&&own| own == Some(is)).count();
        if enough(true) < LEAST_ROWS || enough(false) == 0 {
            return false;
        }
        self.in_time.is_some() || (0..self.folds.n_splits()).all(|fold| self.leaves(of_class, fold, 1))
    }

    /// Whether a fit for this fold sees so many rows of the class, and of others.
    pub(crate) fn leaves(&self, of_class: &[Option<bool>], fold: usize, rows: usize) -> bool {
        let train = self.folds.train(fold);
        let count_of = |is: bool| train.iter().filter(|&&p| of_class[p] == Some(is)).count();
        count_of(true) >= rows && count_of(false) >= rows
    }
}
