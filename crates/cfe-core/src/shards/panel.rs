//! A shard as a binary tree of panels.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::block::Panel;
use super::{Block, PANEL_ROWS, Sums};
use crate::error::Result;

/// Sums of a block: `of` every panel, added along the binary tree over panel numbers, on the threads of the
/// current rayon pool.
pub(super) fn tree(block: &Block<'_>, of: &(impl Fn(&Panel<'_>) -> Result<Sums> + Sync)) -> Result<Sums> {
    tree_with(block, &|panel, (): &mut ()| of(panel))
}

/// As [`tree`], with memory that `of` uses again for the next panel.
pub(super) fn tree_with<M: Default + Send>(
    block: &Block<'_>,
    of: &(impl Fn(&Panel<'_>, &mut M) -> Result<Sums> + Sync),
) -> Result<Sums> {
    let panels = block.n_instances().div_ceil(PANEL_ROWS);
    Tree { block, of, spare: Mutex::default() }.node(0, panels.next_power_of_two().max(1))
}

struct Tree<'a, 'b, F, M> {
    block: &'a Block<'b>,
    of: &'a F,
    /// Memory for the cells of a panel and for `of`, once for each thread that has worked: it stays in the
    /// cache, and nobody asks the operating system for more.
    spare: Mutex<Vec<(Vec<f64>, M)>>,
}

impl<M: Default + Send, F: Fn(&Panel<'_>, &mut M) -> Result<Sums> + Sync> Tree<'_, '_, F, M> {
    /// The panels `first..first + size`, as far as there are some; `size` is a power of two.
    fn node(&self, first: usize, size: usize) -> Result<Sums> {
        let n = self.block.n_instances();
        if size == 1 {
            return self.leaf(first * PANEL_ROWS..n.min((first + 1) * PANEL_ROWS));
        }
        let half = size / 2;
        if (first + half) * PANEL_ROWS >= n {
            return self.node(first, half);
        }
        let (left, right) = rayon::join(|| self.node(first, half), || self.node(first + half, half));
        // The lower panel's error comes first, for any number of threads.
        let mut left = left?;
        left.merge(&right?);
        Ok(left)
    }

    fn leaf(&self, rows: Range<usize>) -> Result<Sums> {
        // A poisoned list only means that another panel panicked; its memory is as good as any.
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let (mut cells, mut memory) = spare.unwrap_or_default();
        let sums = (self.of)(&self.block.panel(rows, &mut cells), &mut memory);
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).push((cells, memory));
        sums
    }
}
