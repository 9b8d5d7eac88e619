//! A document as Markdown with tables (GitHub's dialect).

use super::{Block, Document, Table, Tone, printable};

/// The document without its figures.
pub fn write(document: &Document) -> String {
    let mut out = format!("# {}\n\n", escape(&document.title));
    out += &list(&document.answers);
    for section in &document.sections {
        // Without its drawings such a section would be a heading alone.
        if section.blocks.iter().all(Block::is_drawing) {
            continue;
        }
        out += &format!("\n## {}\n", escape(&section.title));
        for block in &section.blocks {
            match block {
                Block::Text(text) => out += &format!("\n{}\n", escape(text)),
                Block::List(items) => out += &format!("\n{}", list(items)),
                Block::Table(of) => out += &format!("\n{}", table(of)),
                Block::Slider(slider) => out += &format!("\n{}", table(&slider.table())),
                Block::Figure { .. } | Block::HeatMaps { .. } | Block::Ranks { .. } => {}
            }
        }
    }
    out
}

fn list(items: &[String]) -> String {
    items.iter().map(|item| format!("- {}\n", escape(item))).collect()
}

/// A table; secondary rows are set in italics.
pub fn table(table: &Table) -> String {
    let mut out =
        if table.caption.is_empty() { String::new() } else { format!("{}\n\n", escape(&table.caption)) };
    out += &line(table.header.iter().map(|head| escape(head)));
    out += &line((0..table.header.len()).map(|k| if k == 0 { "---" } else { "---:" }.to_owned()));
    for row in &table.rows {
        out += &line(row.iter().map(|cell| match (cell.tone, cell.text.as_str()) {
            (_, "") => String::new(),
            (Tone::Note, text) => format!("*{}*", escape(text)),
            (Tone::Bad, text) => format!("**{}**", escape(text)),
            (_, text) => escape(text),
        }));
    }
    out
}

fn line(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

/// Text without what Markdown would take for markup, or a terminal for a command.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).chars() {
        if matches!(c, '|' | '*' | '_' | '`' | '<' | '[' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cell;

    #[test]
    fn cells_cannot_break_the_table() {
        let mut of = Table::new("A | B", ["name", "value"]);
        of.push([Cell::from("a|b"), Cell::verdict("x_1", false)]);
        assert_eq!(table(&of), "A \\| B\n\n| name | value |\n| --- | ---: |\n| a\\|b | **x\\_1** |\n");
    }
}
