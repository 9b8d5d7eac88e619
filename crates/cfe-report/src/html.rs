//! A document as one self-contained page: style and charts are inside, nothing is fetched.

pub use super::markup::escape;
use super::markup::{HALF, WHOLE};
use super::table::{Cell, Table, Tone};
use super::{Block, Document, slider, svg};

const STYLE: &str = include_str!("style.css");

/// Names of rows longer than this may be cut.
const LONG: usize = 18;

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
    // The script is written once, and only into pages that have a slider.
    if document
        .sections
        .iter()
        .flat_map(|section| &section.blocks)
        .any(|block| matches!(block, Block::Slider(_)))
    {
        out += &format!("<script>\n{}</script>\n", slider::SCRIPT);
    }
    out + &format!("<footer><p>{}</p></footer>\n</body>\n</html>\n", escape(footer))
}

fn block(block: &Block) -> String {
    match block {
        Block::Text(text) => format!("<p>{}</p>\n", prose(text)),
        Block::List(items) => list(items, ""),
        Block::Table(of) => table(of),
        Block::Figure { caption, panels } => {
            figure(caption, panels.len(), |k, width| svg::draw(&panels[k], width))
        }
        Block::HeatMaps { caption, maps } => figure(caption, maps.len(), |k, width| maps[k].draw(width)),
        Block::Ranks { caption, diagram } => figure(caption, 1, |_, width| diagram.draw(width)),
        Block::Slider(slider) => slider.draw(),
    }
}

/// Charts under a caption. A chart that is alone is as wide as the page, and is drawn a second time for
/// narrow screens, where its text would be too small to read; two or more stand in two columns, or one on a
/// narrow screen.
fn figure(caption: &str, count: usize, draw: impl Fn(usize, f64) -> String) -> String {
    let charts = if count == 1 {
        // Both drawings are in the page, and its style shows one of them.
        format!(
            "<div class=\"on-wide\">\n{}</div>\n<div class=\"on-narrow\">\n{}</div>\n",
            draw(0, WHOLE),
            draw(0, HALF)
        )
    } else {
        let charts: String = (0..count).map(|k| draw(k, HALF)).collect();
        format!("<div class=\"panels\">\n{charts}</div>\n")
    };
    let caption = match caption {
        "" => String::new(),
        words => format!("<figcaption>{}</figcaption>\n", escape(words)),
    };
    format!("<figure>\n{caption}{charts}</figure>\n")
}

fn list(items: &[String], attributes: &str) -> String {
    let items: String = items.iter().map(|item| format!("<li>{}</li>\n", prose(item))).collect();
    if items.is_empty() { items } else { format!("<ul{attributes}>\n{items}</ul>\n") }
}

/// A table in a box of its own, which scrolls sideways where the page is narrow and then says so.
pub fn table(table: &Table) -> String {
    // Words stand on the left and wrap.
    let words: Vec<bool> = (0..table.header.len()).map(|column| table.holds_words(column)).collect();
    let class = |column: usize| if words[column] { " class=\"words\"" } else { "" };
    let head = |(column, head): (usize, &String)| {
        format!("<th scope=\"col\"{}>{}</th>", class(column), escape(head))
    };
    let heads: String = table.header.iter().enumerate().map(head).collect();
    let rows: String = table.rows.iter().map(|cells| row(cells, &class)).collect();
    let caption = match table.caption.as_str() {
        "" => String::new(),
        caption => format!("<caption><span>{}</span></caption>\n", escape(caption)),
    };
    format!(
        "<div class=\"scroll\" tabindex=\"0\">\n<table>\n{caption}<thead><tr>{heads}</tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n<p class=\"hint\" aria-hidden=\"true\">The table goes on to the right \u{2192}</p>\n</div>\n"
    )
}

fn row(cells: &[Cell], class_of: &dyn Fn(usize) -> &'static str) -> String {
    let class = if Table::is_note(cells) { " class=\"of-above\"" } else { "" };
    let cells: String = cells
        .iter()
        .enumerate()
        .map(|(k, cell)| {
            let text = escape(&cell.text);
            if k == 0 {
                // A long name is cut on a wide screen; pointing at it shows all.
                let whole = if text.len() > LONG { format!(" title=\"{text}\"") } else { String::new() };
                return format!("<th scope=\"row\"{whole}>{text}</th>");
            }
            match cell.tone {
                Tone::Plain => format!("<td{}>{text}</td>", class_of(k)),
                Tone::Note => format!("<td class=\"note\">{text}</td>"),
                Tone::Good => format!("<td class=\"good\">{text}</td>"),
                Tone::Bad => format!("<td class=\"bad\">{text}</td>"),
            }
        })
        .collect();
    format!("<tr{class}>{cells}</tr>\n")
}

/// A paragraph: what stands between two backticks is code.
fn prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        // A backtick without its other one is only a character.
        return escape(text);
    }
    let part = |(place, part): (usize, &&str)| match place % 2 {
        1 => format!("<code>{}</code>", escape(part)),
        _ => escape(part),
    };
    parts.iter().enumerate().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Section;

    #[test]
    fn code_in_a_paragraph_is_set_as_code() {
        assert_eq!(prose("run `a < b`, then `c`"), "run <code>a &lt; b</code>, then <code>c</code>");
        assert_eq!(prose("a ` alone"), "a ` alone");
    }

    #[test]
    fn a_lone_chart_is_drawn_for_wide_and_narrow_screens() {
        let axis = || crate::Axis::linear("", (0.0, 1.0));
        let panel = || crate::Panel::new("p", axis(), axis());
        let page = |panels| {
            let sections = vec![Section::new("s").figure("", panels)];
            write(&Document { sections, ..Document::default() }, "")
        };
        let lone = page(vec![panel()]);
        for part in
            ["class=\"on-wide\"", "viewBox=\"0 0 800.0 ", "class=\"on-narrow\"", "viewBox=\"0 0 390.0 "]
        {
            assert_eq!(lone.matches(part).count(), 1, "{part} in {lone}");
        }
        assert_eq!(page(vec![panel(), panel()]).matches("viewBox=\"0 0 390.0 ").count(), 2);
    }

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
