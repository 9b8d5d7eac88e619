//! Which row of the file each row of the table came from, kept in a few numbers.

use crate::table_error::Row;

/// Maps a row of the table to its place in the file.
#[derive(Debug, Clone)]
pub(crate) struct RowNumbers {
    kind: fn(u64) -> Row,
    /// (row, number in the file) wherever the numbers do not simply go on.
    breaks: Vec<(usize, u64)>,
    rows: usize,
}

impl RowNumbers {
    /// Lines of a text file; [`append`](Self::append) adds them.
    pub(crate) fn lines() -> Self {
        Self { kind: Row::Line, breaks: Vec::new(), rows: 0 }
    }

    /// Rows counted from 1.
    pub(crate) fn rows() -> Self {
        Self { kind: Row::Row, breaks: vec![(0, 1)], rows: 0 }
    }

    /// Instances counted from 0.
    pub(crate) fn instances() -> Self {
        Self { kind: Row::Instance, breaks: vec![(0, 0)], rows: 0 }
    }

    /// Adds `rows` rows, the first at `first_line`; `jumps` are (row, line) from the start of the block.
    pub(crate) fn append(&mut self, first_line: u64, jumps: &[(usize, u64)], rows: usize) {
        // A block that begins with a jump says by itself where its first row is.
        let jumps_at_once = jumps.first().is_some_and(|&(row, _)| row == 0);
        if rows > 0 && !jumps_at_once && self.number(self.rows) != Some(first_line) {
            self.breaks.push((self.rows, first_line));
        }
        self.breaks.extend(jumps.iter().map(|&(row, line)| (self.rows + row, first_line + line)));
        self.rows += rows;
    }

    /// Place of row `i` of the table.
    pub(crate) fn row(&self, i: usize) -> Row {
        (self.kind)(self.number(i).unwrap_or(i as u64))
    }

    fn number(&self, i: usize) -> Option<u64> {
        let after = self.breaks.partition_point(|&(row, _)| row <= i);
        let (row, number) = *self.breaks.get(after.checked_sub(1)?)?;
        Some(number + (i - row) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_and_jump() {
        let mut rows = RowNumbers::lines();
        rows.append(2, &[], 3);
        rows.append(5, &[], 2);
        assert_eq!(rows.breaks, [(0, 2)]);
        rows.append(9, &[(1, 4)], 2);
        rows.append(14, &[(0, 1)], 1);
        let lines: Vec<Row> = (0..8).map(|i| rows.row(i)).collect();
        assert_eq!(lines, [2, 3, 4, 5, 6, 9, 13, 15].map(Row::Line));
        assert_eq!(RowNumbers::rows().row(2), Row::Row(3));
        assert_eq!(RowNumbers::instances().row(2), Row::Instance(2));
    }
}
