//! A document for the terminal.

use std::borrow::Cow;

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, TableStyle};
use unicode_width::UnicodeWidthStr as _;

use super::{Block, Document, Table, printable};

/// Width where the output is not a terminal.
pub const DEFAULT_WIDTH: usize = 100;
/// Text in longer lines is hard to read; tables may be wider.
const TEXT_WIDTH: usize = 100;
/// A cell that is wider than this holds words and not a figure.
const WORDS: usize = 24;
/// Tables are laid out for at least this width, however narrow the terminal is.
const NARROWEST: usize = 40;

/// The document as text, without its figures.
pub fn write(document: &Document, width: usize) -> String {
    let mut out = headed(&document.title, '=');
    out += &list(&document.answers, width);
    for section in &document.sections {
        // Without its drawings such a section would be a heading alone.
        if section.blocks.iter().all(Block::is_drawing) {
            continue;
        }
        out.push('\n');
        out += &headed(&section.title, '-');
        for (place, block) in section.blocks.iter().enumerate() {
            // A table stands apart from the words before it.
            if matches!(block, Block::Table(_) | Block::Slider(_)) && place > 0 && !out.ends_with("\n\n") {
                out.push('\n');
            }
            match block {
                Block::Text(text) => out += &wrap(text, width, "", ""),
                Block::List(items) => out += &list(items, width),
                Block::Table(of) => out += &table(of, width),
                Block::Slider(slider) => out += &table(&slider.table(), width),
                Block::Figure { .. } | Block::HeatMaps { .. } | Block::Ranks { .. } => {}
            }
        }
    }
    out
}

fn headed(title: &str, line: char) -> String {
    let title = printable(title);
    let line: String = std::iter::repeat_n(line, title.width()).collect();
    format!("{title}\n{line}\n\n")
}

fn list(items: &[String], width: usize) -> String {
    items.iter().map(|item| wrap(item, width, "* ", "  ")).collect()
}

/// A table that is not wider than `width` and in which no cell is broken.
///
/// Figures come before words: where there is not enough room, columns of words leave the table, the widest
/// first, and are listed below it. Where the figures alone are too wide, the columns continue in a further
/// table with the same names of rows. A name that would take more than half of the width is shortened in its
/// middle.
pub fn table(table: &Table, width: usize) -> String {
    let width = width.max(NARROWEST);
    let text = |row: usize, column: usize| printable(&table.rows[row][column].text);
    let name = |row: usize| -> String {
        let indent = if Table::is_note(&table.rows[row]) { "  " } else { "" };
        shortened(&format!("{indent}{}", text(row, 0)), width / 2)
    };
    let head = |column: usize| printable(&table.header[column]);
    let rows = 0..table.rows.len();
    let widest_cell = |column: usize| rows.clone().map(|row| text(row, column).width()).max().unwrap_or(0);
    let names_width = rows.clone().map(|row| name(row).width()).max().unwrap_or(0);
    let names_width = names_width.max(table.header.first().map_or(0, |head| printable(head).width()));
    let widths: Vec<usize> =
        (0..table.header.len()).map(|column| widest_cell(column).max(head(column).width())).collect();
    // Two blanks lie between columns, and the line below the header is one character longer than the last
    // column.
    let needed =
        |columns: &[usize]| names_width + columns.iter().map(|&column| widths[column] + 2).sum::<usize>() + 1;

    // A column that is empty in every row has nothing to say.
    let is_empty = |column: &usize| !table.rows.is_empty() && widest_cell(*column) == 0;
    let mut figures: Vec<usize> = (1..table.header.len()).filter(|column| !is_empty(column)).collect();
    let mut words: Vec<usize> = Vec::new();
    while needed(&figures) > width {
        let wide = figures.iter().copied().filter(|&column| widest_cell(column) > WORDS);
        let Some(widest) = wide.max_by_key(|&column| widths[column]) else { break };
        figures.retain(|&column| column != widest);
        words.push(widest);
    }
    words.sort_unstable();

    let mut out = if table.caption.is_empty() { String::new() } else { wrap(&table.caption, width, "", "") };
    // A table of names and words alone reads best as a list.
    let parts =
        if figures.is_empty() && !words.is_empty() { Vec::new() } else { parts(&figures, width, &needed) };
    for (part, columns) in parts.iter().enumerate() {
        if part > 0 {
            out += "continued:\n";
        }
        out += &drawn(columns, table, &name, &head, &text);
    }
    // The words that left the table are listed below it, an item for each row.
    for row in rows {
        for &column in words.iter().filter(|&&column| !table.rows[row][column].text.is_empty()) {
            let what = if figures.is_empty() && words.len() == 1 {
                text(row, 0).into_owned()
            } else {
                format!("{}, {}", text(row, 0), head(column))
            };
            out += &wrap(&format!("{}: {}", what.trim(), text(row, column)), width, "* ", "  ");
        }
    }
    out + "\n"
}

/// Columns in groups that fit; a column that is too wide by itself stands alone.
fn parts(columns: &[usize], width: usize, needed: &dyn Fn(&[usize]) -> usize) -> Vec<Vec<usize>> {
    let mut parts: Vec<Vec<usize>> = vec![Vec::new()];
    for &column in columns {
        let last = parts.last_mut().expect("begins with one part and only grows");
        last.push(column);
        if last.len() > 1 && needed(last) > width {
            last.pop();
            parts.push(vec![column]);
        }
    }
    parts
}

/// The names of the rows with some of the columns, each as wide as its widest cell.
fn drawn<'a>(
    columns: &[usize],
    table: &'a Table,
    name: &dyn Fn(usize) -> String,
    head: &dyn Fn(usize) -> Cow<'a, str>,
    text: &dyn Fn(usize, usize) -> Cow<'a, str>,
) -> String {
    let mut comfy = comfy_table::Table::new();
    comfy.load_style(TableStyle::new().header_separator(LineStyle::none().fill('-').junction('-')));
    // The columns were chosen to fit, so comfy-table must not break cells by itself.
    comfy.set_content_arrangement(ContentArrangement::Disabled);
    let first = table.header.first().map_or(Cow::Borrowed(""), |first| printable(first));
    comfy.set_header(std::iter::once(first).chain(columns.iter().map(|&column| head(column))));
    for row in 0..table.rows.len() {
        let cells = columns.iter().map(|&column| text(row, column).into_owned());
        comfy.add_row(std::iter::once(name(row)).chain(cells));
    }
    for (position, column) in comfy.column_iter_mut().enumerate() {
        column.set_padding((0, 1));
        let on_left = position == 0 || table.holds_words(columns[position - 1]);
        column.set_cell_alignment(if on_left { CellAlignment::Left } else { CellAlignment::Right });
    }
    comfy.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// A name in at most `width` columns: its middle is left out, as names of one kind often differ in their
/// ends.
fn shortened(name: &str, width: usize) -> String {
    if name.width() <= width {
        return name.to_owned();
    }
    let characters: Vec<char> = name.chars().collect();
    // Counted by width, as some characters take two columns.
    let taken = |most: usize, from: &mut dyn Iterator<Item = &char>| -> Vec<char> {
        let mut used = 0;
        let fits = |character: &&char| {
            used += unicode_width::UnicodeWidthChar::width(**character).unwrap_or(0);
            used <= most
        };
        from.take_while(fits).copied().collect()
    };
    let half = (width - 1) / 2;
    let begin: String = taken(width - 1 - half, &mut characters.iter()).into_iter().collect();
    let end: String = taken(half, &mut characters.iter().rev()).into_iter().rev().collect();
    format!("{begin}\u{2026}{end}")
}

/// Breaks text at blanks, `first` before the first line and `rest` before the others.
pub fn wrap(text: &str, width: usize, first: &str, rest: &str) -> String {
    let width = width.min(TEXT_WIDTH);
    let mut out = String::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split_whitespace().map(printable) {
        if !empty && line.width() + 1 + word.width() > width {
            out += &line;
            out.push('\n');
            line = rest.to_owned();
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line += &word;
        empty = false;
    }
    out + &line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cell;

    #[test]
    fn text_is_wrapped_and_hangs() {
        assert_eq!(wrap("one two three", 9, "* ", "  "), "* one two\n  three\n");
    }

    #[test]
    fn a_table_that_fits_stays_whole() {
        let mut of = Table::new("Average precision", ["method", "AP"]);
        of.push(["recommended", "0.6321"].map(Cell::from));
        of.push([Cell::note("published"), Cell::note("0.071")]);
        let text = table(&of, 80);
        assert_eq!(
            text,
            "Average precision\nmethod           AP\n--------------------\nrecommended  0.6321\n  published   0.071\n\n"
        );
    }

    #[test]
    fn figures_stay_and_words_are_listed_below() {
        let mut wide = Table::new("", ["rank", "settings", "AP", "log loss"]);
        wide.push(
            ["1", "latent_dim = 15, lambda = 0.01, learning_rate = 0.003", "0.5432", "0.1234"]
                .map(Cell::from),
        );
        assert_eq!(
            table(&wide, 50),
            "rank      AP  log loss\n-----------------------\n1     0.5432    0.1234\n\
             * 1, settings: latent_dim = 15, lambda = 0.01,\n  learning_rate = 0.003\n\n"
        );
    }

    #[test]
    fn figures_that_do_not_fit_continue_and_none_is_broken() {
        let names: Vec<String> = (0..20).map(|k| format!("method_{k:02}")).collect();
        let mut of = Table::new("", std::iter::once("classifier".to_owned()).chain(names.iter().cloned()));
        of.push(
            std::iter::once("forest".to_owned())
                .chain((0..20).map(|k| format!("-0.12{k:02}")))
                .map(Cell::from),
        );
        for width in [80, 100] {
            let text = table(&of, width);
            assert!(text.lines().all(|line| line.width() <= width), "{text}");
            assert_eq!(text.matches("classifier").count(), text.matches("continued:").count() + 1);
            for (k, name) in names.iter().enumerate() {
                let figure = format!("-0.12{k:02}");
                assert_eq!(
                    text.split_whitespace().filter(|word| **word == figure).count(),
                    1,
                    "{figure} in {text}"
                );
                assert!(text.contains(name), "{name} in {text}");
            }
        }
    }

    #[test]
    fn a_column_without_any_cell_is_left_out() {
        let mut of = Table::new("", ["method", "AP", "status"]);
        of.push(["mean", "0.5", ""].map(Cell::from));
        assert_eq!(table(&of, 80), "method   AP\n------------\nmean    0.5\n\n");
    }

    #[test]
    fn a_table_of_words_is_a_list() {
        let mut of = Table::new("What they are", ["method", "what"]);
        of.push(["mean", "the mean of the probabilities, without any weight whatsoever"].map(Cell::from));
        assert_eq!(
            table(&of, 50),
            "What they are\n* mean: the mean of the probabilities, without any\n  weight whatsoever\n\n"
        );
    }

    #[test]
    fn escape_sequences_in_names_are_shown() {
        let mut of = Table::new("\u{1b}[2J", ["a\u{7}", "b"]);
        of.push(["x\u{1b}[31m", "1"].map(Cell::from));
        let document =
            Document { title: "t\u{9b}".into(), answers: vec!["\u{1b}c".into()], ..Document::default() };
        for text in [table(&of, 80), write(&document, 80)] {
            assert!(!text.contains(['\u{1b}', '\u{7}', '\u{9b}']), "{text:?}");
            assert!(text.contains("\\u{"), "{text:?}");
        }
    }

    #[test]
    fn long_names_keep_their_ends() {
        assert_eq!(shortened("classifier_of_the_first_kind_07", 11), "class\u{2026}nd_07");
        assert_eq!(shortened("short", 11), "short");
    }
}
