//! Numbers and tables as text.

/// Fixed decimals; no "-0.000".
pub(super) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.chars().all(|c| matches!(c, '0' | '.')) => digits.to_owned(),
        _ => text,
    }
}

/// As [`fixed`], with a sign in any case; zero has none.
pub(super) fn signed(value: f64, decimals: usize) -> String {
    let text = fixed(value, decimals);
    let nonzero = text.chars().any(|c| c.is_ascii_digit() && c != '0');
    if nonzero && !text.starts_with('-') { format!("+{text}") } else { text }
}

/// A share as a percentage.
pub(super) fn percent(share: f64) -> String {
    format!("{}%", fixed(100.0 * share, 0))
}

/// Names on the left, numbers on the right; columns that do not fit into `width` are left out from the right, and named.
pub(super) fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>, width: usize) -> String {
    let rows: Vec<Vec<String>> = rows.collect();
    let length = |text: &str| text.chars().count();
    let widths: Vec<usize> = (0..header.len())
        .map(|k| {
            rows.iter().filter_map(|r| r.get(k)).map(|c| length(c)).max().unwrap_or(0).max(length(header[k]))
        })
        .collect();
    let mut shown = 1;
    let mut used = widths.first().copied().unwrap_or(0);
    while shown < header.len() && used + 2 + widths[shown] <= width {
        used += 2 + widths[shown];
        shown += 1;
    }
    let line = |cells: &[String]| {
        let cells = cells.iter().take(shown).enumerate().map(|(k, cell)| match k {
            0 => format!("{cell:<w$}", w = widths[k]),
            _ => format!("{cell:>w$}", w = widths[k]),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let mut out = line(&header.iter().map(|&h| h.to_owned()).collect::<Vec<_>>());
    out += &format!("{}\n", "-".repeat(used));
    out.extend(rows.iter().map(|row| line(row)));
    if shown < header.len() {
        out += &format!("(no room for: {})\n", header[shown..].join(", "));
    }
    out
}

/// Width of running text on a page of `width` columns: longer lines are hard to read.
pub(super) fn page(width: usize) -> usize {
    width.min(100)
}

/// Breaks text at spaces, with `first` before the first line and `rest` before the others.
pub(super) fn wrap(text: &str, width: usize, first: &str, rest: &str) -> String {
    let mut out = String::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > width {
            out += &line;
            out.push('\n');
            line = rest.to_owned();
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line += word;
        empty = false;
    }
    out + &line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_keeps_to_the_width_and_says_what_it_left_out() {
        let rows = || [vec!["mean".to_owned(), "0.5".to_owned(), "0.25".to_owned()]].into_iter();
        let wide = table(&["", "AP", "Brier"], rows(), 80);
        assert_eq!(wide, "       AP  Brier\n----------------\nmean  0.5   0.25\n");
        let narrow = table(&["", "AP", "Brier"], rows(), 12);
        assert_eq!(narrow, "       AP\n---------\nmean  0.5\n(no room for: Brier)\n");
    }

    #[test]
    fn text_is_wrapped_and_hangs() {
        assert_eq!(wrap("one two three", 9, "* ", "  "), "* one two\n  three\n");
        assert_eq!([signed(0.0, 2), signed(0.5, 1), fixed(-0.0001, 2)], ["0.00", "+0.5", "0.00"]);
    }
}
