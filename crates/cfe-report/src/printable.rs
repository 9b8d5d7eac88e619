//! Text that a terminal shows and does not obey.

use std::borrow::Cow;

/// The text with every character escaped that a terminal would act on or that would change how the rest is
/// read: control characters (so escape sequences too), line separators, and marks that reverse the direction
/// of writing.
///
/// Names of files, columns and methods come from outside. Whatever is printed passes through here, tables and
/// messages alike.
///
/// ```
/// use cfe_report::printable;
/// assert_eq!(printable("rf\u{1b}[31m"), r"rf\u{1b}[31m");
/// assert_eq!(printable("plain, with an é"), "plain, with an é");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    if !steers(text) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            active if is_active(active) => out.extend(active.escape_default()),
            plain => out.push(plain),
        }
    }
    Cow::Owned(out)
}

/// Whether a terminal would act on something in the text: whether [`printable`] changes it.
pub fn steers(text: &str) -> bool {
    text.contains(is_active)
}

/// As [`printable`], for text of several lines that the program itself has broken: line feeds stay.
pub fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        for (text, shown) in [
            ("a\u{1b}]0;title\u{7}b", r"a\u{1b}]0;title\u{7}b"),
            ("a\nb\tc\r", r"a\nb\tc\r"),
            // The one-character introducer of escape sequences.
            ("\u{9b}2J", r"\u{9b}2J"),
            ("txt.\u{202e}exe", r"txt.\u{202e}exe"),
        ] {
            assert_eq!(printable(text), shown);
        }
        assert!(steers("a\u{1b}b") && !steers("größer"));
        assert!(matches!(printable("größer ≥ 0.5"), Cow::Borrowed(_)));
        assert_eq!(printable_lines("one\ntwo\u{8}"), "one\ntwo\\u{8}");
    }
}
