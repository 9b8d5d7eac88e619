//! A document for the terminal.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, TableStyle};

use super::{Block, Document, Table};

/// Width where the output is no terminal.
pub const DEFAULT_WIDTH: usize = 100;
/// Text in longer lines is hard to read; tables may be wider.
const TEXT_WIDTH: usize = 100;

/// The document as text, without its figures.
pub fn write(document: &Document, width: usize) -> String {
    let mut out = format!("{}\n{}\n\n", document.title, "=".repeat(document.title.chars().count()));
    out += &list(&document.answers, width);
    for section in &document.sections {
        if section.blocks.iter().all(Block::is_drawing) {
            continue;
        }
        out += &format!("\n{}\n{}\n\n", section.title, "-".repeat(section.title.chars().count()));
        for block in &section.blocks {
            match block {
                Block::Text(text) => out += &wrap(text, width, "", ""),
                Block::List(items) => out += &list(items, width),
                Block::Table(of) => out += &table(of, width),
                Block::Figure { .. } | Block::HeatMaps { .. } | Block::Ranks { .. } => {}
            }
        }
    }
    out
}

fn list(items: &[String], width: usize) -> String {
    items.iter().map(|item| wrap(item, width, "* ", "  ")).collect()
}

/// A table no wider than `width`, wrapping cells where it must.
pub fn table(table: &Table, width: usize) -> String {
    let mut comfy = comfy_table::Table::new();
    comfy.load_style(TableStyle::new().header_separator(LineStyle::none().fill('-').junction('-')));
    comfy.set_content_arrangement(ContentArrangement::Dynamic);
    comfy.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    comfy.set_header(&table.header);
    for row in &table.rows {
        let indent = if Table::is_note(row) { "  " } else { "" };
        comfy.add_row(row.iter().enumerate().map(|(k, cell)| match k {
            0 => format!("{indent}{}", cell.text),
            _ => cell.text.clone(),
        }));
    }
    for (k, column) in comfy.column_iter_mut().enumerate() {
        column.set_padding((0, 1));
        column.set_cell_alignment(if k == 0 { CellAlignment::Left } else { CellAlignment::Right });
    }
    let body: String = comfy.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    let caption = if table.caption.is_empty() { String::new() } else { wrap(&table.caption, width, "", "") };
    format!("{caption}{body}\n")
}

/// Breaks text at spaces.
pub fn wrap(text: &str, width: usize, first: &str, rest: &str) -> String {
    let width = width.min(TEXT_WIDTH);
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
    use crate::Cell;

    #[test]
    fn text_is_wrapped_and_hangs() {
        assert_eq!(wrap("one two three", 9, "* ", "  "), "* one two\n  three\n");
    }

    #[test]
    fn tables_keep_to_the_width() {
        let mut wide = Table::new("", ["figure", "method"]);
        wide.push(["status", "collapsed: negative weights, inverted ranking, and more"].map(Cell::from));
        wide.push([Cell::note("published"), Cell::note("0.071")]);
        let text = table(&wide, 40);
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
        assert!(text.contains("  published"), "{text}");
    }
}
