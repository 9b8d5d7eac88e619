//! Messages of the other crates in Python's words.
//!
//! These crates name the options of the program `cfe`. A Python user has keyword arguments instead.

/// Options of the program and the arguments of `read` and `fit` that do the same; longer names before those
/// that they begin with.
const OPTIONS: &[(&str, &str)] = &[
    ("--id-column", "id"),
    ("--label-column", "label"),
    ("--labels-file", "labels_file"),
    ("--positive-label", "pos_label"),
    ("--split-column", "split"),
    ("--train-value", "train_value"),
    ("--group-column", "group"),
    ("--weight-column", "weight"),
    ("--fold-column", "fold"),
    ("--time-column", "time"),
    ("--cost-column", "cost"),
    ("--columns", "columns"),
    ("--exclude", "exclude"),
    ("--missing", "missing"),
    ("--scale", "scale"),
    ("--input", "input"),
    ("--encoding", "encoding"),
    ("--delimiter", "delimiter"),
    ("--sheet", "sheet"),
    ("--threshold", "threshold"),
    ("--calibrate", "calibrate"),
    ("--fallback", "fallback"),
    ("--decision", "decision"),
    ("--resume", "resume"),
    ("--trainer", "method"),
    ("--folds", "folds"),
];

/// Values that follow an option in messages, where other words may follow as well.
const VALUES: &[&str] = &["percent", "score"];

/// `text` with each option of the program as the argument of Python: `--exclude age` in brackets or at the
/// end becomes `exclude="age"`, a lone `--exclude` becomes `exclude=`.
pub(crate) fn python_words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("--") {
        let (before, option) = rest.split_at(at);
        out.push_str(before);
        let Some((flag, argument)) = OPTIONS.iter().find(|(flag, _)| is_option(option, flag)) else {
            out.push_str("--");
            rest = &option[2..];
            continue;
        };
        let after = &option[flag.len()..];
        out.push_str(argument);
        out.push('=');
        rest = match value(after, before.ends_with('(')) {
            Some(value) => {
                // A pattern is in quotes for the shell.
                out.push_str(&format!("{:?}", value.trim_matches('\'')));
                &after[1 + value.len()..]
            }
            None => after,
        };
    }
    out.push_str(rest);
    out
}

fn is_option(text: &str, flag: &str) -> bool {
    let next = text.strip_prefix(flag).map(|rest| rest.chars().next());
    next.is_some_and(|c| c.is_none_or(|c| !c.is_alphanumeric() && c != '-' && c != '_'))
}

/// The value after an option: all up to the closing bracket, a word that ends the text, or a known one.
fn value(after: &str, in_brackets: bool) -> Option<&str> {
    let after = after.strip_prefix(' ')?;
    if in_brackets {
        return after.split_once(')').map(|(value, _)| value).filter(|value| !value.starts_with("or "));
    }
    let word = after.split([' ', ',', ';', ':']).next()?;
    (word.len() == after.len() || VALUES.contains(&word)).then_some(word).filter(|word| !word.is_empty())
}
