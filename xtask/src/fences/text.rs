//! Fences around text: conflict markers, width and words.

use super::file::{Finding, TextFile};

/// Columns of a line; the same as in rustfmt.toml.
pub(crate) const WIDTH: usize = 110;

/// Lines that a merge leaves in a file which nobody solved.
pub(super) fn conflict_markers(files: &[TextFile]) -> Vec<Finding> {
    // Spelled in parts, so that this file has none.
    let markers = ["<", "|", ">"].map(|sign| sign.repeat(7));
    let middle = "=".repeat(7);
    let is_marker = |line: &str| {
        let named =
            |marker: &String| line.strip_prefix(marker.as_str()).is_some_and(|rest| rest.starts_with(' '));
        line == middle || markers.iter().any(named)
    };
    let of_file = |file| {
        numbered(file).filter(|(_, line)| is_marker(line)).map(move |(number, _)| {
            Finding::new(file, number, "a conflict marker: keep the right half, or both, and remove the line")
        })
    };
    files.iter().flat_map(of_file).collect()
}

/// Lines of Markdown and of comments that are wider than rustfmt makes code. Tables, links, and what a fenced
/// block shows as it is are exempt.
pub(super) fn width(files: &[TextFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| is_checked_for_width(file)) {
        for (number, line) in prose(file) {
            let columns = line.chars().count();
            let exempt = is_table(line) || line.contains("://") || line.contains("](");
            if columns > WIDTH && !exempt {
                let what = format!("{columns} columns; wrap the line at {WIDTH}");
                findings.push(Finding::new(file, number, what));
            }
        }
    }
    findings
}

fn is_checked_for_width(file: &TextFile) -> bool {
    file.is_rust() || file.is_markdown()
}

fn is_table(line: &str) -> bool {
    line.trim_start_matches(['/', '!', ' ']).starts_with('|')
}

/// Stems of British spellings, and what to write instead. A word counts if it starts with the stem.
const BRITISH: [(&str, &str); 33] = [
    ("studentis", "studentiz"),
    ("learnt", "learned"),
    ("centre", "center"),
    ("centring", "centering"),
    ("optimis", "optimiz"),
    ("minimis", "minimiz"),
    ("maximis", "maximiz"),
    ("normalis", "normaliz"),
    ("standardis", "standardiz"),
    ("factoris", "factoriz"),
    ("regularis", "regulariz"),
    ("initialis", "initializ"),
    ("penalis", "penaliz"),
    ("generalis", "generaliz"),
    ("specialis", "specializ"),
    ("summaris", "summariz"),
    ("recognis", "recogniz"),
    ("organis", "organiz"),
    ("serialis", "serializ"),
    ("randomis", "randomiz"),
    ("analysed", "analyzed"),
    ("analysing", "analyzing"),
    ("colour", "color"),
    ("behaviour", "behavior"),
    ("neighbour", "neighbor"),
    ("favour", "favor"),
    ("licence", "license"),
    ("catalogue", "catalog"),
    ("labelled", "labeled"),
    ("unlabelled", "unlabeled"),
    ("modelled", "modeled"),
    ("cancelled", "canceled"),
    ("artefact", "artifact"),
];

/// Phrases that read as translated, and what to write instead.
const PHRASES: [(&str, &str); 5] = [
    ("broken off", "interrupted"),
    ("is no ", "is not a"),
    ("are no ", "are not"),
    ("goes on from", "resumes from"),
    ("taken up again", "resumed"),
];

/// "There is no such column" and "is no longer" are English.
fn is_english(before: &str, after: &str) -> bool {
    before.trim_end().ends_with("there")
        || ["longer ", "more ", "less ", "better ", "worse "].iter().any(|word| after.starts_with(word))
}

fn holds_phrase(line: &str, phrase: &str) -> bool {
    line.match_indices(phrase).any(|(at, _)| {
        // `this no` is not `is no`.
        let (before, after) = (&line[..at], &line[at + phrase.len()..]);
        let is_part = before.ends_with(char::is_alphanumeric);
        !(is_part || phrase.ends_with("no ") && is_english(before, after))
    })
}

/// Marks of lines that keep a word as others wrote it: a key of files of an older release or of the golden
/// numbers, a word that people put into their tables, an option that a test knows to be unknown.
const SAID_ELSEWHERE: [&str; 5] = ["alias", "rename = ", "case[", "const UNKNOWN", "unexpected argument"];

fn is_said_elsewhere(line: &str) -> bool {
    SAID_ELSEWHERE.iter().any(|mark| line.contains(mark))
}

/// Old spellings and phrases in prose.
pub(super) fn words(files: &[TextFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| is_checked_for_words(file)) {
        for (number, line) in numbered(file).filter(|(_, line)| !is_said_elsewhere(line)) {
            // Code says what it is called: keys of files, names of older releases.
            let line = if file.is_markdown() { without_code(line) } else { line.to_owned() };
            let lower = line.to_lowercase();
            let spelled = lower
                .split(|c: char| !(c.is_alphanumeric() || c == '_'))
                .filter_map(|word| BRITISH.iter().find(|(stem, _)| is_spelled_with(word, stem)));
            let said = PHRASES.iter().filter(|(phrase, _)| holds_phrase(&lower, phrase));
            for (old, new) in spelled.chain(said) {
                findings.push(Finding::new(file, number, format!("\"{}\": write \"{new}\"", old.trim())));
            }
        }
    }
    findings
}

/// "Optimistic" and "specialist" are American too.
fn is_spelled_with(word: &str, stem: &str) -> bool {
    word.strip_prefix(stem).is_some_and(|rest| !stem.ends_with("is") || rest.starts_with(['e', 'i', 'a']))
}

fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

fn is_checked_for_words(file: &TextFile) -> bool {
    // Written from the messages of the source.
    let generated = "docs/errors.md";
    // text.rs holds the words themselves.
    let source = file.is_rust() && file.path != "xtask/src/fences/text.rs";
    source || file.is_markdown() && file.path != generated
}

fn numbered(file: &TextFile) -> impl Iterator<Item = (usize, &str)> {
    file.text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

/// The lines of Markdown, or the comments of a source, that are prose: outside fenced blocks, and in Markdown
/// outside what a program writes (between comments that end in `begin` and `end`).
fn prose(file: &TextFile) -> impl Iterator<Item = (usize, &str)> {
    let (markdown, mut fenced, mut generated) = (file.is_markdown(), false, false);
    numbered(file).filter(move |(_, line)| {
        let mut line = line.trim_start();
        if !markdown {
            let Some(comment) = line.strip_prefix("//") else {
                fenced = false;
                return false;
            };
            line = comment.trim_start_matches(['/', '!', ' ']);
        }
        let mark = line.starts_with("```");
        fenced ^= mark;
        if line.starts_with("<!--") {
            generated = line.ends_with("begin -->");
        }
        !fenced && !mark && !generated
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{file, lines};
    use super::*;

    #[test]
    fn markers_of_all_four_kinds_are_found_and_headings_are_not() {
        let markers = ["<", "|", "=", ">"].map(|sign| sign.repeat(7));
        let text = format!(
            "a\n{0} HEAD\nb\n{1} base\n{2}\nc\n{3} 4183f8a\n========\n{0}\n",
            markers[0], markers[1], markers[2], markers[3]
        );
        assert_eq!(lines(&conflict_markers(&[file("docs/a.md", &text)])), [2, 4, 5, 7]);
    }

    #[test]
    fn wide_lines_are_found_outside_tables_links_and_blocks() {
        let long = "word ".repeat(23);
        let text = format!("{long}\n| {long}\n[{long}](a.md)\n```text\n{long}\n```\n{long}\n");
        assert_eq!(lines(&width(&[file("docs/a.md", &text)])), [1, 7]);
        let source = format!(
            "/// {long}\nlet a = \"{long}\";\n    // {long}\n/// | {long} |\n/// ```\n/// {long}\n/// ```\n/// {long}\n"
        );
        assert_eq!(lines(&width(&[file("src/a.rs", &source)])), [1, 3, 8]);
        // Columns are characters, not bytes.
        assert!(width(&[file("docs/a.md", &"é".repeat(110))]).is_empty());
        assert_eq!(width(&[file("docs/a.md", &"é".repeat(111))]).len(), 1);
    }

    #[test]
    fn old_words_are_found_with_the_new_ones() {
        let text = "Learnt weights.\nThe centred r_hat, optimisers\nThis is no probability.\nlearned centers, optimistic\n\
                    There is no loss; it is no longer one: `optimiser_state`.\n\
                    with alias = learnt\n";
        let found = words(&[file("xtask/src/a.md", text)]);
        assert_eq!(lines(&found), [1, 2, 2, 3]);
        assert!(found[0].what.contains("learned"), "{}", found[0].what);
    }
}
