//! Columns of a table to be written.

/// One column of a table.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Column<'a> {
    /// Text, quoted where needed.
    Text(&'a [String]),
    /// Numbers in the shortest form that reads back to the same bits; NaN is an empty cell.
    Float(&'a [f64]),
    /// Counts.
    Count(&'a [usize]),
    /// Labels, 0, 1 or empty.
    Label(&'a [Option<bool>]),
}

impl Column<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Column::Text(v) => v.len(),
            Column::Float(v) => v.len(),
            Column::Count(v) => v.len(),
            Column::Label(v) => v.len(),
        }
    }
}
