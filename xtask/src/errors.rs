//! The catalog of errors, docs/errors.md: cause, message and cure of each, taken from the source.
//!
//! The cause is the doc comment of the variant. The cure is what its message says behind the first semicolon,
//! or a line `Cure: ...` of the doc comment where the message leaves it to its source.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Item, ItemEnum, Lit, Meta, Token, Variant, Visibility};

use crate::error::Error;
use crate::fences::WIDTH;

const CATALOG: &str = "docs/errors.md";

const HEAD: &str = "\
# Errors

This page lists every error that the library and its programs can give: what causes it, what it says, and what
to do. Braces stand for what the message fills in.

`cargo xtask errors` writes this page from the source; `cargo xtask errors --check` and the tests fail where
the page is out of date.
";

/// Writes the catalog, or says that it is out of date.
pub(crate) fn catalog(root: &Path, check: bool) -> Result<(), Error> {
    let path = root.join(CATALOG);
    let text = render(root)?;
    if !check {
        return fs::write(&path, text).map_err(Error::io(&path));
    }
    let old = fs::read_to_string(&path).map_err(Error::io(&path))?;
    if old == text { Ok(()) } else { Err(Error::OutOfDate(CATALOG)) }
}

fn render(root: &Path) -> Result<String, Error> {
    let mut text = HEAD.to_owned();
    // The order of the crates is that of the page. The other crates have no public enum of errors.
    for folder in [
        "crates/cfe-core/src",
        "crates/cfe-io/src",
        "crates/cfe-torch/src",
        "crates/cfe-report/src",
        "crates/cfe-combine/src",
        "crates/cfe-cli/src",
        "crates/cfe-compare/src",
    ] {
        let mut files = Vec::new();
        source_files(&root.join(folder), &mut files)?;
        // The page must not depend on the order in which a file system lists its files.
        files.sort();
        for file in files {
            let source = fs::read_to_string(&file).map_err(Error::io(&file))?;
            let place = file.strip_prefix(root).unwrap_or(&file).display().to_string().replace('\\', "/");
            text += &of_file(&place, &source)?;
        }
    }
    Ok(text)
}

fn source_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        if path.is_dir() {
            source_files(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// The sections of one source file's error enums.
fn of_file(place: &str, source: &str) -> Result<String, Error> {
    let bad = |why: String| Error::Catalog { place: place.to_owned(), why };
    let file = syn::parse_file(source).map_err(|error| bad(error.to_string()))?;
    let mut text = String::new();
    for item in file.items {
        if let Item::Enum(item) = item
            && matches!(item.vis, Visibility::Public(_))
            && is_error(&item)
        {
            // The first paragraph: what follows are examples, for readers of the code.
            let about = wrapped(docs(&item.attrs).first().map_or("", String::as_str));
            let _ = write!(text, "\n## `{}` in {place}\n\n{about}\n", item.ident);
            for variant in &item.variants {
                text += &of_variant(variant).map_err(|why| bad(format!("{}: {why}", variant.ident)))?;
            }
        }
    }
    Ok(text)
}

fn is_error(item: &ItemEnum) -> bool {
    item.variants.iter().any(|variant| variant.attrs.iter().any(|a| a.path().is_ident("error")))
}

/// Paragraphs of a doc comment.
fn docs(attributes: &[Attribute]) -> Vec<String> {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    });
    let all = lines.collect::<Vec<_>>().join("\n");
    all.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).filter(|p| !p.is_empty()).collect()
}

fn of_variant(variant: &Variant) -> Result<String, String> {
    // A variant's doc comment gives the cause and, where the message has none, the cure.
    let (cures, causes): (Vec<_>, Vec<_>) =
        docs(&variant.attrs).into_iter().partition(|paragraph| paragraph.starts_with("Cure: "));
    if causes.is_empty() {
        return Err("it has no doc comment, which is its cause".to_owned());
    }
    let point = |name: &str, what: &str| wrapped(&format!("* {name}: {what}"));
    let mut text = format!("\n### `{}`\n\n{}\n", variant.ident, point("Cause", &as_text(&causes.join(" "))));
    // An error that only hands its source on has the message and the cure of that source.
    let Some(message) = message(variant)? else {
        return Ok(text + "* Message and cure: those of its source.\n");
    };
    let cure = match cures.first().and_then(|cure| cure.strip_prefix("Cure: ")) {
        Some(cure) => cure,
        None => message.split_once("; ").map(|(_, cure)| cure).ok_or_else(|| {
            "its message has no cure behind a semicolon, and its doc comment no line `Cure: ...`".to_owned()
        })?,
    };
    let _ = write!(text, "{}\n{}\n", point("Message", &quoted(&message)), point("Cure", &as_text(cure)));
    Ok(text)
}

/// A paragraph or a list item in lines of at most [`WIDTH`] columns. Markdown reads a line end as a blank,
/// inside code as well.
fn wrapped(paragraph: &str) -> String {
    let indent = if paragraph.starts_with("* ") { "  " } else { "" };
    let (mut text, mut column) = (String::new(), 0);
    // Words are never cut, so a word wider than the line makes a line of its own.
    for word in paragraph.split(' ').filter(|word| !word.is_empty()) {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > WIDTH {
            text += "\n";
            text += indent;
            column = indent.len();
        } else if column > 0 {
            text.push(' ');
            column += 1;
        }
        text += word;
        column += width;
    }
    text
}

/// As text: outside code, `<label>` would be a tag of HTML, which a page does not show.
fn as_text(text: &str) -> String {
    // Parts at odd places lie between two backticks and are code.
    let parts = text.split('`').enumerate();
    let parts = parts.map(|(k, part)| if k % 2 == 0 { part.replace('<', r"\<") } else { part.to_owned() });
    parts.collect::<Vec<_>>().join("`")
}

/// As code, whatever quotes it holds.
fn quoted(message: &str) -> String {
    if message.contains('`') { format!("`` {message} ``") } else { format!("`{message}`") }
}

/// The format of the message; `None` if it is that of the source.
fn message(variant: &Variant) -> Result<Option<String>, String> {
    let attribute =
        variant.attrs.iter().find(|a| a.path().is_ident("error")).ok_or("it has no #[error(...)]")?;
    let arguments = attribute
        .parse_args_with(Punctuated::<Expr, Token![,]>::parse_terminated)
        .map_err(|error| error.to_string())?;
    match arguments.first() {
        Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => {
            let text = text.value();
            // What a lost `\` at the end of a source line leaves. A line of its own may be indented.
            if text.lines().any(|line| line.trim_start().contains("  ")) {
                return Err("its message has two blanks in a row".to_owned());
            }
            Ok(Some(text.replace('\n', " ")))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"
        /// What can go wrong.
        #[derive(thiserror::Error)]
        pub enum Bad {
            /// The number is
            /// too large.
            #[error("{0} is too large; \
                     take less")]
            Large(u8),
            /// Another.
            ///
            /// Cure: see `there`.
            #[error("{x}", x = 3)]
            Other,
            /// Handed on.
            #[error(transparent)]
            Inner(#[from] Inner),
        }
        #[derive(thiserror::Error)]
        enum Private {
            #[error("no docs")]
            A,
        }
        pub enum Plain { A }
    "#;

    #[test]
    fn a_placeholder_in_text_is_no_tag() {
        assert_eq!(as_text("add <id>, or `--id <id>`: 1 < 2"), r"add \<id>, or `--id <id>`: 1 \< 2");
    }

    #[test]
    fn cause_message_and_cure_are_found() {
        let text = of_file("f.rs", SOURCE).unwrap();
        for part in [
            "## `Bad` in f.rs\n\nWhat can go wrong.\n",
            "### `Large`\n\n* Cause: The number is too large.\n* Message: `{0} is too large; take less`\n* Cure: take less\n",
            "* Cause: Another.\n* Message: `{x}`\n* Cure: see `there`.\n",
            "* Cause: Handed on.\n* Message and cure: those of its source.\n",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains("Plain") && !text.contains("Private"));
    }

    #[test]
    fn a_variant_without_a_cure_is_refused() {
        let source = SOURCE.replace("/// Cure: see `there`.", "");
        assert!(of_file("f.rs", &source).unwrap_err().to_string().contains("Other"));
    }

    #[test]
    fn a_message_with_two_blanks_in_a_row_is_refused() {
        let source = SOURCE.replace("too large; ", "too  large; ");
        assert!(
            of_file("f.rs", &source).unwrap_err().to_string().contains("Large: its message has two blanks")
        );
    }

    #[test]
    fn lines_are_wrapped_between_words() {
        let words = "12345678 ".repeat(30);
        let text = wrapped(&format!("* {words}"));
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(
            text.lines().count() > 2 && text.lines().skip(1).all(|line| line.starts_with("  1")),
            "{text}"
        );
        assert_eq!(text.split_whitespace().count(), 31);
    }

    #[test]
    fn the_catalog_is_up_to_date() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        catalog(root, true).unwrap();
    }
}
