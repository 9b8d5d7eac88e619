//! Which row of the file each row of the table came from, kept in a few numbers.

use crate::table_error::{Place, Row};

/// Maps a row of the table to its place in the file.
#[derive(Debug, Clone)]
pub(crate) struct RowNumbers {
    kind: fn(u64) -> Row,
    /// (row, number in the file) wherever the numbers do not simply go on.
    breaks: Vec<(usize, u64)>,
    rows: usize,
    /// Of a table in several files: each file with its first row in the table, and the rows within it.
    files: Vec<(usize, String, RowNumbers)>,
}

impl RowNumbers {
    /// Lines of a text file; [`append`](Self::append) adds them.
    pub(crate) fn lines() -> Self {
        Self { kind: Row::Line, breaks: Vec::new(), rows: 0, files: Vec::new() }
    }

    /// Rows counted from 1.
    pub(crate) fn rows() -> Self {
        Self { kind: Row::Row, breaks: vec![(0, 1)], rows: 0, files: Vec::new() }
    }

    /// Instances counted from 0.
    pub(crate) fn instances() -> Self {
        Self { kind: Row::Instance, breaks: vec![(0, 0)], rows: 0, files: Vec::new() }
    }

    /// Rows of several files one after the other: the name of each, how many rows it has, and their numbers.
    pub(crate) fn of_files(files: Vec<(String, usize, RowNumbers)>) -> Self {
        let mut first = 0;
        let mut of_file = |(file, rows, numbers): (String, usize, RowNumbers)| {
            first += rows;
            (first - rows, file, numbers)
        };
        let files = files.into_iter().map(&mut of_file).collect();
        Self { files, ..Self::rows() }
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

    /// Row `i` of the table in the file that it came from.
    pub(crate) fn row(&self, i: usize) -> Row {
        match self.file(i) {
            Some((first, _, numbers)) => numbers.row(i - first),
            None => (self.kind)(self.number(i).unwrap_or(i as u64)),
        }
    }

    /// The cell of row `i` in `column`; `file` is that of a table in one file.
    pub(crate) fn place(&self, i: usize, file: &str, column: &str) -> Place {
        let file = self.file(i).map_or(file, |(_, file, _)| file);
        Place { file: file.to_owned(), row: self.row(i), column: column.to_owned() }
    }

    /// Row `i` for a list of rows, counted from `before`; with its file where there are several.
    pub(crate) fn listed(&self, i: usize, before: u64) -> String {
        let row = self.row(i).moved(before);
        self.file(i).map_or_else(|| row.to_string(), |(_, file, _)| format!("{row} of {file}"))
    }

    fn file(&self, i: usize) -> Option<&(usize, String, RowNumbers)> {
        self.files.get(self.files.partition_point(|&(first, ..)| first <= i).checked_sub(1)?)
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

    #[test]
    fn rows_of_several_files_are_named_by_file() {
        let mut lines = RowNumbers::lines();
        lines.append(2, &[], 3);
        let files = vec![("a.csv".to_owned(), 3, lines), ("b.parquet".to_owned(), 2, RowNumbers::rows())];
        let rows = RowNumbers::of_files(files);
        assert_eq!(rows.place(2, "parts", "id").to_string(), r#"a.csv, line 4, column "id""#);
        assert_eq!(rows.listed(3, 0), "row 1 of b.parquet");
        assert_eq!(rows.place(4, "parts", "id").row, Row::Row(2));
        assert_eq!(RowNumbers::rows().listed(1, 10), "row 12");
    }
}
