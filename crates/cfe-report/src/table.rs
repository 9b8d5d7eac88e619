//! Tables: a first column of names, then columns of values.

/// What a cell says beyond its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// A measured value.
    #[default]
    Plain,
    /// Secondary: what it is compared with.
    Note,
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
}

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cell {
    /// Contents; empty where there is nothing to say.
    pub text: String,
    /// How it is meant.
    pub tone: Tone,
}

impl Cell {
    /// A secondary cell.
    pub fn note(text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: Tone::Note }
    }

    /// A cell that is as it should be, or not.
    pub fn verdict(text: impl Into<String>, good: bool) -> Self {
        Self { text: text.into(), tone: if good { Tone::Good } else { Tone::Bad } }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, tone: Tone::Plain }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// Cells longer than this (characters) are words and not figures.
const WORDS: usize = 28;

/// A table. The first column holds names and is aligned left, and so are columns of words. The others hold
/// figures, and are aligned right.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// Says what is seen; may be empty.
    pub caption: String,
    /// Column heads.
    pub header: Vec<String>,
    /// Rows, as wide as the header.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    pub fn new<S: Into<String>>(caption: impl Into<String>, header: impl IntoIterator<Item = S>) -> Self {
        Self {
            caption: caption.into(),
            header: header.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; missing cells stay empty, superfluous ones are dropped.
    pub fn push(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let mut row: Vec<Cell> = cells.into_iter().collect();
        row.resize(self.header.len(), Cell::default());
        self.rows.push(row);
    }

    /// Whether the column at this place holds words.
    pub fn holds_words(&self, column: usize) -> bool {
        let is_long = |cell: &Cell| cell.tone == Tone::Plain && cell.text.chars().count() > WORDS;
        self.rows.iter().any(|row| row.get(column).is_some_and(is_long))
    }

    /// Whether the name of a row is secondary: such a row belongs to the one above.
    pub fn is_note(row: &[Cell]) -> bool {
        row.first().is_some_and(|cell| cell.tone == Tone::Note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_long_cell_makes_a_column_of_words() {
        let mut table = Table::new("", ["class", "classifiers", "rows"]);
        table.push(["bus", "forest", "12"].map(Cell::from));
        table.push(["van", "forest +0.95, boosting +0.40, svm +0.10", "7"].map(Cell::from));
        assert_eq!([0, 1, 2].map(|column| table.holds_words(column)), [false, true, false]);
    }

    #[test]
    fn rows_get_the_width_of_the_header() {
        let mut table = Table::new("", ["a", "b"]);
        table.push([Cell::from("1")]);
        table.push(["1", "2", "3"].map(Cell::from));
        assert!(table.rows.iter().all(|row| row.len() == 2));
    }
}
