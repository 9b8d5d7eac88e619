//! Tables and running text for the terminal.

use cfe_report::{Table, terminal};

/// Columns of a table stand so far apart, at most.
const GAP: usize = 2;
/// Longer lines of running text are hard to read.
const TEXT_WIDTH: usize = 100;

/// Characters that steer a terminal or turn the direction of text; in a name they could hide or forge what is
/// printed.
fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text in which what steers a terminal is written out (`\u{1b}`); line ends stay.
pub(crate) fn printable(text: &str) -> String {
    escaped(text, |c| steers(c) && c != '\n')
}

/// As [`printable`], for what stands in one line.
pub(crate) fn one_line(text: &str) -> String {
    escaped(text, steers)
}

fn escaped(text: &str, is_bad: impl Fn(char) -> bool) -> String {
    if !text.contains(&is_bad) {
        return text.to_owned();
    }
    let write = |c: char| if is_bad(c) { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(write).collect()
}

/// A table whose columns that do not fit into `width` are left out from the right, and named.
pub(crate) fn table(mut table: Table, width: usize) -> String {
    table.header.iter_mut().for_each(|head| *head = one_line(head));
    table.rows.iter_mut().flatten().for_each(|cell| cell.text = one_line(&cell.text));
    let length = |text: &str| text.chars().count();
    let widest = |k: usize| {
        let cells = table.rows.iter().filter_map(|row| row.get(k)).map(|cell| length(&cell.text));
        cells.max().unwrap_or(0).max(table.header.get(k).map_or(0, |head| length(head)))
    };
    // The first column has the names and stays, whatever its width.
    let mut used = widest(0);
    let shown = 1
        + (1..table.header.len())
            .take_while(|&k| {
                used += GAP + widest(k);
                used <= width
            })
            .count();
    let left_out = table.header.split_off(shown.min(table.header.len()));
    table.rows.iter_mut().for_each(|row| row.truncate(shown));
    let mut out = terminal::table(&table, width);
    if !left_out.is_empty() {
        out = format!("{}\n", out.trim_end());
        out += &terminal::wrap(&format!("(no room for: {})", left_out.join(", ")), page(width), "", "");
        out.push('\n');
    }
    out
}

/// Several tables, see [`table`].
pub(crate) fn tables(tables: Vec<Table>, width: usize) -> String {
    tables.into_iter().map(|t| table(t, width)).collect()
}

/// Width of running text on a page of `width` columns.
pub(crate) fn page(width: usize) -> usize {
    width.min(TEXT_WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_written_out() {
        assert_eq!(printable("a\u{1b}[31mb\nc\rd\u{9b}e\u{202e}"), "a\\u{1b}[31mb\nc\\rd\\u{9b}e\\u{202e}");
        assert_eq!(one_line("é\n"), "é\\n");
        let mut scores = Table::new("", ["", "AP"]);
        scores.push(["\u{1b}]0;title\u{7}", "0.5"].map(cfe_report::Cell::from));
        assert!(!table(scores, 80).contains('\u{1b}'));
    }

    #[test]
    fn a_table_keeps_to_the_width_and_says_what_it_left_out() {
        let mut scores = Table::new("", ["", "AP", "Brier"]);
        scores.push(["mean", "0.5", "0.25"].map(cfe_report::Cell::from));
        assert!(table(scores.clone(), 80).contains("Brier"));
        let narrow = table(scores, 12);
        assert!(
            narrow.lines().all(|line| line.chars().count() <= 12 || line.contains("no room")),
            "{narrow}"
        );
        assert!(narrow.contains("Brier)") && narrow.contains("0.5") && !narrow.contains("0.25"), "{narrow}");
    }
}
