//! Numbers that are added up over instances, those of which the least or greatest is kept, and instances that
//! are drawn.

use super::Drawn;

/// Sums over some instances: flat numbers, whose meaning the request knows.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Sums {
    /// Added up.
    pub added: Vec<f64>,
    /// Of which the smallest is kept.
    pub least: Vec<f64>,
    /// Of which the largest is kept.
    pub greatest: Vec<f64>,
    /// Instances of which those with the smallest keys are kept.
    pub drawn: Drawn,
}

impl Sums {
    /// Sums that are only added up.
    pub(super) fn added(added: Vec<f64>) -> Self {
        Self { added, ..Self::default() }
    }

    /// Whether both hold the same numbers of numbers, and so may be merged.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let lengths =
            |sums: &Self| (sums.added.len(), sums.least.len(), sums.greatest.len(), sums.drawn.most);
        lengths(self) == lengths(other)
    }

    /// Takes in the sums of the instances that follow. The lengths are equal.
    pub(super) fn merge(&mut self, right: &Self) {
        self.added.iter_mut().zip(&right.added).for_each(|(left, right)| *left += right);
        self.least.iter_mut().zip(&right.least).for_each(|(left, right)| *left = left.min(*right));
        self.greatest.iter_mut().zip(&right.greatest).for_each(|(left, right)| *left = left.max(*right));
        self.drawn.merge(&right.drawn);
    }
}
