//! Colors, for a person at a terminal alone.

use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};

const BOLD: Style = Style::new().bold();
const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default();
const QUIET: Style = Style::new().dimmed();

/// Whether a stream shows colors: a terminal that can, and nobody has set NO_COLOR (no-color.org).
fn shows(stream: &impl IsTerminal) -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    stream.is_terminal() && set("NO_COLOR").is_none() && set("TERM").is_none_or(|term| term != "dumb")
}

/// A line of talk for standard error: its first word is marked.
pub(crate) fn talk(line: &str) -> String {
    let styles = [("error:", ERROR), ("warning:", WARNING), ("finding:", WARNING), ("taken:", QUIET)];
    let style = styles.into_iter().find(|(word, _)| line.starts_with(word));
    match style.filter(|_| shows(&std::io::stderr())) {
        Some((word, style)) => format!("{style}{word}{style:#}{}", &line[word.len()..]),
        None => line.to_owned(),
    }
}

/// Tables and text for standard output: the row of the combined prediction, alarms and what else was found
/// wrong stand out.
pub(crate) fn page(text: &str) -> String {
    if shows(&std::io::stdout()) { painted(text) } else { text.to_owned() }
}

fn painted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut alarm, mut finding) = (false, false);
    for line in text.split_inclusive('\n') {
        // What is wrapped belongs to the line before.
        finding = line.starts_with("! ") || (finding && line.starts_with("  "));
        alarm = line.starts_with("* Look at this first") || (alarm && line.starts_with("  "));
        let style = match line {
            _ if alarm => ERROR,
            _ if finding => WARNING,
            _ if line.starts_with("combined ") => BOLD,
            _ => Style::new(),
        };
        let end = line.trim_end_matches('\n');
        out += &format!("{style}{end}{style:#}{}", &line[end.len()..]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_marked_to_its_end_and_plain_lines_are_left() {
        let text =
            "combined 0.5\nmean 0.4\n* Look at this first: leak\n  of it\n* Better\n! one\n  two\nthree";
        let (bold, yellow) = (format!("{BOLD}combined"), format!("{WARNING}"));
        let found = painted(text);
        assert_eq!(found.matches(&bold).count(), 1);
        assert_eq!(found.matches(&yellow).count(), 2);
        assert_eq!(found.matches(&format!("{ERROR}")).count(), 2);
        assert!(found.ends_with("\nthree") && found.contains("\nmean 0.4\n"), "{found:?}");
    }
}
