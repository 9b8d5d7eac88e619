//! A document as one self-contained page: style and charts are inside, nothing is fetched.

use super::table::{Cell, Table, Tone};
use super::{Block, Document, HeatMap, svg};

const STYLE: &str = include_str!("style.css");

/// The page. `footer` says what made it.
pub fn write(document: &Document, footer: &str) -> String {
    let title = escape(&document.title);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    out += &list(&document.answers, " class=\"answers\"");
    for section in &document.sections {
        out += &format!("<section>\n<h2>{}</h2>\n", escape(&section.title));
        out.extend(section.blocks.iter().map(block));
        out += "</section>\n";
    }
    out + &format!("<footer><p>{}</p></footer>\n</body>\n</html>\n", escape(footer))
}

fn block(block: &Block) -> String {
    match block {
        Block::Text(text) => format!("<p>{}</p>\n", escape(text)),
        Block::List(items) => list(items, ""),
        Block::Table(of) => table(of),
        Block::Figure { caption, panels } => {
            // Pairs stay side by side where there is room.
            figure(caption, panels.len().is_multiple_of(2), panels.iter().map(svg::draw))
        }
        Block::HeatMaps { caption, maps } => {
            figure(caption, maps.len().is_multiple_of(2), maps.iter().map(HeatMap::draw))
        }
        Block::Ranks { caption, diagram } => figure(caption, true, std::iter::once(diagram.draw())),
    }
}

/// Charts under a caption; `wide` ones take half of the page, others a third.
fn figure(caption: &str, wide: bool, charts: impl Iterator<Item = String>) -> String {
    let even = if wide { " even" } else { "" };
    let charts: String = charts.collect();
    let caption = escape(caption);
    format!(
        "<figure>\n<figcaption>{caption}</figcaption>\n<div class=\"panels{even}\">\n{charts}</div>\n</figure>\n"
    )
}

fn list(items: &[String], attributes: &str) -> String {
    let items: String = items.iter().map(|item| format!("<li>{}</li>\n", escape(item))).collect();
    if items.is_empty() { items } else { format!("<ul{attributes}>\n{items}</ul>\n") }
}

/// A table in a box of its own, which scrolls sideways where the page is narrow.
pub fn table(table: &Table) -> String {
    let heads: String =
        table.header.iter().map(|head| format!("<th scope=\"col\">{}</th>", escape(head))).collect();
    let rows: String = table.rows.iter().map(|row| self::row(row)).collect();
    let caption = match table.caption.as_str() {
        "" => String::new(),
        caption => format!("<caption>{}</caption>\n", escape(caption)),
    };
    format!(
        "<div class=\"scroll\" tabindex=\"0\">\n<table>\n{caption}<thead><tr>{heads}</tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n</div>\n"
    )
}

fn row(cells: &[Cell]) -> String {
    let class = if Table::is_note(cells) { " class=\"of-above\"" } else { "" };
    let cells: String = cells
        .iter()
        .enumerate()
        .map(|(k, cell)| {
            let text = escape(&cell.text);
            if k == 0 {
                return format!("<th scope=\"row\">{text}</th>");
            }
            match cell.tone {
                Tone::Plain => format!("<td>{text}</td>"),
                Tone::Note => format!("<td class=\"note\">{text}</td>"),
                Tone::Good => format!("<td class=\"good\">{text}</td>"),
                Tone::Bad => format!("<td class=\"bad\">{text}</td>"),
            }
        })
        .collect();
    format!("<tr{class}>{cells}</tr>\n")
}

/// Text that cannot be taken for markup, in contents and in attributes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Section;

    #[test]
    fn text_is_never_markup() {
        let mut of = Table::new("a<b", ["<th>"]);
        of.push([Cell::from("\"&\"")]);
        let document = Document {
            title: "<script>".into(),
            answers: vec!["<b>".into()],
            sections: vec![Section::new("<h2>").text("<p>").list(vec!["<li>".into()]).table(of)],
        };
        let page = write(&document, "<footer>");
        assert!(!page.contains("<script>") && !page.contains("<b>"), "{page}");
        for part in ["<h2>&lt;h2&gt;</h2>", "<p>&lt;p&gt;</p>", "<li>&lt;li&gt;</li>", "&quot;&amp;&quot;"] {
            assert!(page.contains(part), "{part} in {page}");
        }
    }
}
