//! Markup that charts and pages are made of.

use std::fmt::Write as _;

use super::number::fixed;
use super::printable;

/// Width of a chart that has half of the page, or a phone, to itself. A unit is about a pixel, so that text
/// stays readable.
pub const HALF: f64 = 390.0;

/// Width of a chart that is alone on the page.
pub const WHOLE: f64 = 800.0;

/// About the width of a character at the size of the labels.
pub(crate) const CHARACTER: f64 = 6.1;

/// Text that cannot be taken for markup, in contents and in attributes. Control characters are shown, as in a
/// terminal.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).chars() {
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

/// A name cut to about so many units, with an ellipsis.
pub(crate) fn shortened(name: &str, width: f64) -> String {
    // Widths are often whole numbers of characters, up to rounding.
    let most = ((width / CHARACTER + 1e-6) as usize).max(3);
    if name.chars().count() <= most {
        return name.to_owned();
    }
    name.chars().take(most - 1).chain(['\u{2026}']).collect()
}

pub(crate) fn rule(out: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let (x1, y1, x2, y2) = (at(from.0), at(from.1), at(to.0), at(to.1));
    push(out, format_args!("<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>"));
}

pub(crate) fn text(out: &mut String, (x, y): (f64, f64), anchor: &str, class: &str, words: &str) {
    if words.is_empty() {
        return;
    }
    let (x, y, words) = (at(x), at(y), escape(words));
    push(
        out,
        format_args!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{words}</text>"),
    );
}

/// Writing to a string cannot fail.
pub(crate) fn push(out: &mut String, element: std::fmt::Arguments<'_>) {
    let _ = writeln!(out, "{element}");
}

/// A coordinate with a tenth of a unit.
pub(crate) fn at(position: f64) -> String {
    fixed(position, 1)
}
