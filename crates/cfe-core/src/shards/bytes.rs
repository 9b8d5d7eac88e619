//! Statistics as bytes: numbers in little-endian order behind a magic word.

use std::collections::BTreeMap;

use cfe_kernel::InstructionSet;

use super::statistics::{Header, Node};
use super::{Drawn, DrawnRow, ShardError, Statistics, Sums};

const MAGIC: &[u8] = b"cfe statistics 2\n";

impl Statistics {
    /// As bytes, for other processes and machines: 8 for each number and some 60 more.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Header { data, request, instruction_set, shards } = &self.header;
        let mut out = MAGIC.to_vec();
        let put = |out: &mut Vec<u8>, value: u64| out.extend_from_slice(&value.to_le_bytes());
        put(&mut out, data.len() as u64);
        out.extend_from_slice(data.as_bytes());
        for value in [*request, u64::from(instruction_set.code()), *shards, self.nodes.len() as u64] {
            put(&mut out, value);
        }
        // A node is its place in the tree, its three lists of numbers, and the rows that were drawn.
        for (first, node) in &self.nodes {
            put(&mut out, *first);
            put(&mut out, u64::from(node.level));
            let Sums { added, least, greatest, drawn } = &node.sums;
            for list in [added, least, greatest] {
                put(&mut out, list.len() as u64);
                list.iter().for_each(|value| put(&mut out, value.to_bits()));
            }
            for (rows, most) in [(&drawn.negatives, drawn.most.0), (&drawn.positives, drawn.most.1)] {
                put(&mut out, most);
                put(&mut out, rows.len() as u64);
                for row in rows {
                    for value in [row.key, row.weight.to_bits(), row.row, row.cells.len() as u64] {
                        put(&mut out, value);
                    }
                    row.cells.iter().for_each(|value| put(&mut out, value.to_bits()));
                }
            }
        }
        out
    }

    /// From the bytes of [`to_bytes`](Self::to_bytes).
    ///
    /// # Errors
    /// [`ShardError::Damaged`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ShardError> {
        read(bytes).ok_or(ShardError::Damaged { what: "statistics" })
    }
}

/// What is left to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn bytes(&mut self, len: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(len).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*taken))
    }

    /// Only as many as there are bytes for, so that a false length takes no memory.
    fn numbers(&mut self) -> Option<Vec<f64>> {
        let len = self.number()?;
        let (numbers, _) = self.bytes(len.checked_mul(8)?)?.as_chunks();
        Some(numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
    }
}

impl Rest<'_> {
    /// How many may be drawn of a class, and those that are.
    fn drawn(&mut self) -> Option<(u64, Vec<DrawnRow>)> {
        let (most, count) = (self.number()?, self.number()?);
        let mut rows = Vec::new();
        for _ in 0..count {
            let (key, weight, row) = (self.number()?, f64::from_bits(self.number()?), self.number()?);
            rows.push(DrawnRow { key, weight, row, cells: self.numbers()? });
        }
        Some((most, rows))
    }
}

fn read(bytes: &[u8]) -> Option<Statistics> {
    // Bytes come from other processes: whatever does not fit is `None`, and nothing is allocated before its
    // bytes are there.
    let mut rest = Rest(bytes.strip_prefix(MAGIC)?);
    let len = rest.number()?;
    let data = String::from_utf8(rest.bytes(len)?.to_vec()).ok()?;
    let request = rest.number()?;
    let instruction_set = InstructionSet::from_code(u8::try_from(rest.number()?).ok()?)?;
    let (shards, count) = (rest.number()?, rest.number()?);
    let mut statistics =
        Statistics { header: Header { data, request, instruction_set, shards }, nodes: BTreeMap::new() };
    for _ in 0..count {
        let first = rest.number()?;
        let level = u32::try_from(rest.number()?).ok().filter(|&level| level < 63)?;
        let (added, least, greatest) = (rest.numbers()?, rest.numbers()?, rest.numbers()?);
        let ((no, negatives), (yes, positives)) = (rest.drawn()?, rest.drawn()?);
        let drawn = Drawn { most: (no, yes), negatives, positives };
        if !drawn.is_sound() {
            return None;
        }
        let sums = Sums { added, least, greatest, drawn };
        let node = Node { level, sums };
        // A node has to lie in the tree, hold sums of the same kind as the others, and no shard twice.
        let fits = first < shards && first.is_multiple_of(1 << level) && level <= statistics.root_level();
        let alike = statistics.nodes.values().all(|other| other.sums.is_like(&node.sums));
        if !fits || !alike || statistics.overlap(first, level).is_some() {
            return None;
        }
        statistics.nodes.insert(first, node);
    }
    rest.0.is_empty().then_some(statistics)
}
