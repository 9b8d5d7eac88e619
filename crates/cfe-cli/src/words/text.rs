//! Tables and running text for the terminal.

use cfe_combine::judge::{Finding, Severity};
use cfe_report::{Table, printable, terminal};

/// Columns of a table stand so far apart, at most.
const GAP: usize = 2;
/// Findings that a table at the end of a run lists.
const SHOWN: usize = 8;
/// Longer lines of running text are hard to read.
const TEXT_WIDTH: usize = 100;

/// A table whose columns that do not fit into `width` are left out from the right, and named.
pub(crate) fn table(mut table: Table, width: usize) -> String {
    table.header.iter_mut().for_each(|head| *head = printable(head).into_owned());
    table.rows.iter_mut().flatten().for_each(|cell| cell.text = printable(&cell.text).into_owned());
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

/// Findings that do not stand in front of the results already; `rest` says where those are that have no room.
pub(crate) fn other_findings(findings: &[Finding], width: usize, rest: &str) -> String {
    let others: Vec<&Finding> = findings.iter().filter(|f| f.severity != Severity::Alarm).collect();
    let mut out = String::new();
    for finding in others.iter().take(SHOWN) {
        out += &terminal::wrap(&printable(&finding.text), width, "! ", "  ");
    }
    if others.len() > SHOWN {
        out += &format!("! and {} more; {rest}\n", others.len() - SHOWN);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_written_out() {
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
