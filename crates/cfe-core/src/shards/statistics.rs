//! Sums of shards, merged along a fixed tree.

use std::collections::BTreeMap;

use cfe_kernel::InstructionSet;

use super::{Request, Shape, ShardError, Sums};

/// What the sums belong to: only equals merge.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    pub data: String,
    pub request: u64,
    pub instruction_set: InstructionSet,
    pub shards: u64,
}

/// A node of the tree: the sums of the shards `index 2^level` to `(index + 1) 2^level`, as far as there are
/// some.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub level: u32,
    pub sums: Sums,
}

/// The sums of some shards in one pass.
///
/// They are kept as nodes of the binary tree over shard numbers. Two brothers merge to their father as soon
/// as both are there; anything else waits. The root is the same bits for any partition of the shards and any
/// order of merging.
///
/// ```
/// use cfe_core::shards::{Engine, InMemory, Request, ShardError, Statistics};
/// use cfe_core::synthetic::Separable;
///
/// let drawn = Separable::default().generate(1)?;
/// let statistics = InMemory::new(&drawn.data)?.pass(&Request::Profile)?;
/// // Through bytes, as between machines; and never twice.
/// let again = Statistics::from_bytes(&statistics.to_bytes())?;
/// assert_eq!(statistics, again);
/// assert!(matches!(statistics.merge(again), Err(ShardError::Twice { shard: 0 })));
/// # Ok::<(), cfe_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    pub(super) header: Header,
    /// By the first shard of each.
    pub(super) nodes: BTreeMap<u64, Node>,
}

impl Statistics {
    /// The sums of no shard yet, in answer to a request: where merging begins.
    pub fn new(shape: &Shape, request: &Request) -> Self {
        let header = Header {
            data: shape.fingerprint.clone(),
            request: request.fingerprint(),
            instruction_set: InstructionSet::current(),
            shards: shape.shards(),
        };
        Self { header, nodes: BTreeMap::new() }
    }

    pub(super) fn of_shard(shape: &Shape, request: &Request, shard: u64, sums: Sums) -> Self {
        let mut statistics = Self::new(shape, request);
        statistics.insert(shard, Node { level: 0, sums });
        statistics
    }

    /// The sums of the shards of both.
    ///
    /// # Errors
    /// [`ShardError::Twice`], [`ShardError::OtherData`], [`ShardError::OtherRequest`],
    /// [`ShardError::OtherInstructionSet`].
    pub fn merge(mut self, other: Self) -> Result<Self, ShardError> {
        self.check(&other)?;
        for (first, node) in other.nodes {
            if let Some(shard) = self.overlap(first, node.level) {
                return Err(ShardError::Twice { shard });
            }
            self.insert(first, node);
        }
        Ok(self)
    }

    /// The sums of all shards.
    ///
    /// # Errors
    /// [`ShardError::Missing`].
    pub fn finish(mut self) -> Result<Sums, ShardError> {
        let (shards, root_level) = (self.header.shards, self.root_level());
        if self.nodes.get(&0).is_some_and(|root| root.level == root_level) {
            // Not all shards are there: the first gap and how many are missing, for a message that helps.
            return Ok(self.nodes.remove(&0).expect("it was there a line above").sums);
        }
        let (mut next, mut first, mut count) = (0, None, 0);
        let end = (shards, 0);
        let spans = self.nodes.iter().map(|(&start, node)| (start, Self::span(node.level)));
        for (start, span) in spans.chain([end]) {
            if start > next {
                first = first.or(Some(next));
                count += start - next;
            }
            next = start + span;
        }
        Err(ShardError::Missing { first: first.unwrap_or(0), count, shards })
    }

    fn check(&self, other: &Self) -> Result<(), ShardError> {
        let (own, other_header) = (&self.header, &other.header);
        // From what explains most to what explains least: other data, another machine, another pass.
        if own.data != other_header.data || own.shards != other_header.shards {
            let (found, expected) = (other_header.data.clone(), own.data.clone());
            return Err(ShardError::OtherData { found, expected });
        }
        if own.instruction_set != other_header.instruction_set {
            let (found, expected) = (other_header.instruction_set, own.instruction_set);
            return Err(ShardError::OtherInstructionSet { found, expected });
        }
        let alike = match (self.nodes.values().next(), other.nodes.values().next()) {
            (Some(own), Some(other)) => own.sums.is_like(&other.sums),
            _ => true,
        };
        if own.request != other_header.request || !alike {
            return Err(ShardError::OtherRequest);
        }
        Ok(())
    }

    /// Shards that a node of this level spans, where the tree is full.
    fn span(level: u32) -> u64 {
        1 << level
    }

    /// Level of the root: the least whose node spans all shards.
    pub(super) fn root_level(&self) -> u32 {
        self.header.shards.next_power_of_two().trailing_zeros()
    }

    /// The lowest shard that a node would have in common with those that are there.
    pub(super) fn overlap(&self, first: u64, level: u32) -> Option<u64> {
        let end = first + Self::span(level);
        // A node that begins before may reach into the span; one that begins inside has a shard of it.
        let before = self.nodes.range(..=first).next_back();
        if let Some((&start, node)) = before
            && start + Self::span(node.level) > first
        {
            return Some(first);
        }
        self.nodes.range(first..end).next().map(|(&start, _)| start)
    }

    /// Puts a node in, and merges brothers as long as there are some.
    fn insert(&mut self, mut first: u64, mut node: Node) {
        // Up the tree as long as the brother is there. Left is added to right, in this order, on every way.
        while node.level < self.root_level() {
            let span = Self::span(node.level);
            let is_left = (first / span).is_multiple_of(2);
            if is_left && first + span >= self.header.shards {
                // Nothing is to its right: it is its own father.
                node.level += 1;
                continue;
            }
            let brother = if is_left { first + span } else { first - span };
            let ready = self.nodes.get(&brother).is_some_and(|brother| brother.level == node.level);
            if !ready {
                break;
            }
            let other = self.nodes.remove(&brother).expect("it was there a line above");
            if is_left {
                // A sum is left plus right, also where the right one was here first.
                node.sums.merge(&other.sums);
            } else {
                let right = std::mem::replace(&mut node, other);
                node.sums.merge(&right.sums);
                first = brother;
            }
            node.level += 1;
        }
        self.nodes.insert(first, node);
    }
}
