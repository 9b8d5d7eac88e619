//! A shard as a binary tree of panels.

use super::{Block, PANEL_ROWS, Sums};
use crate::error::Result;

/// Sums of a block: `of` every panel, added along the binary tree over panel numbers, on the threads of the
/// current rayon pool.
pub(super) fn tree(block: &Block<'_>, of: &(impl Fn(&Block<'_>) -> Result<Sums> + Sync)) -> Result<Sums> {
    let panels = block.n_instances().div_ceil(PANEL_ROWS);
    node(block, 0, panels.next_power_of_two().max(1), of)
}

/// The panels `first..first + size`, as far as there are some; `size` is a power of two.
fn node(
    block: &Block<'_>,
    first: usize,
    size: usize,
    of: &(impl Fn(&Block<'_>) -> Result<Sums> + Sync),
) -> Result<Sums> {
    let n = block.n_instances();
    if size == 1 {
        return of(&block.part(first * PANEL_ROWS..n.min((first + 1) * PANEL_ROWS)));
    }
    let half = size / 2;
    if (first + half) * PANEL_ROWS >= n {
        return node(block, first, half, of);
    }
    let (left, right) = rayon::join(|| node(block, first, half, of), || node(block, first + half, half, of));
    // The lower panel's error comes first, for any number of threads.
    let mut left = left?;
    left.merge(&right?);
    Ok(left)
}
