//! What made a report.

use std::ffi::OsString;
use std::fmt;

use crate::printable;

/// What stands at the foot of a page: how to make it again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// Name and version of the program.
    pub program: String,
    /// The command line, without what does not change the results.
    pub command: Option<String>,
    /// Seed, or seeds.
    pub seed: Option<String>,
    /// Day, as 2026-01-31. `None` where a second run has to give the same bytes.
    pub date: Option<String>,
    /// File beside the page that holds all numbers.
    pub numbers: Option<String>,
}

/// An option that changes no result, so that a page does not show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passing {
    /// `--name`.
    Flag(&'static str),
    /// `--name VALUE` or `--name=VALUE`.
    Value(&'static str),
}

impl Origin {
    /// What makes a page in this process: the command as it was typed, without `passing` options, and the
    /// day.
    pub fn of_this_call(program: &str, version: &str, passing: &[Passing], seed: Option<u64>) -> Self {
        Self {
            program: format!("{program} {version}"),
            command: Some(command_line(program, std::env::args_os().skip(1), passing)),
            seed: seed.map(|seed| seed.to_string()),
            date: Some(today()),
            numbers: None,
        }
    }
}

/// The words of a command line, quoted where a shell would take them apart; the program without its folder.
fn command_line(program: &str, words: impl Iterator<Item = OsString>, passing: &[Passing]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,=:@%+".contains(c);
    let quoted = |word: &str| match word.chars().all(plain) && !word.is_empty() {
        true => word.to_owned(),
        false => format!("'{}'", printable(word).replace('\'', "'\\''")),
    };
    let mut out = vec![program.to_owned()];
    let mut words = words.map(|word| word.to_string_lossy().into_owned());
    while let Some(word) = words.next() {
        let (name, value) = match word.split_once('=') {
            Some((name, _)) => (name, true),
            None => (word.as_str(), false),
        };
        match passing.iter().find(|p| matches!(p, Passing::Flag(n) | Passing::Value(n) if *n == name)) {
            // An option without `=` takes the next word with it.
            Some(Passing::Value(_)) if !value => {
                words.next();
            }
            Some(_) => {}
            None => out.push(quoted(&word)),
        }
    }
    out.join(" ")
}

/// The day, in UTC. `SOURCE_DATE_EPOCH`, the seconds that builders of packages set, takes the place of the
/// clock.
fn today() -> String {
    // A date that cannot be read counts as none.
    let set = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    let now = set.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    now.unwrap_or_else(jiff::Timestamp::now).strftime("%Y-%m-%d").to_string()
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Made by {}", self.program)?;
        for (before, part) in [(" on ", &self.date), (" with seed ", &self.seed), (": ", &self.command)] {
            if let Some(part) = part {
                write!(f, "{before}{part}")?;
            }
        }
        f.write_str(".")?;
        match &self.numbers {
            Some(file) => write!(f, " All numbers: {file} beside this page."),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_is_said() {
        let mut origin = Origin { program: "cfe 1.0".into(), ..Origin::default() };
        assert_eq!(origin.to_string(), "Made by cfe 1.0.");
        origin.command = Some("cfe fit a.csv".into());
        origin.seed = Some("0".into());
        origin.date = Some("2026-01-31".into());
        origin.numbers = Some("results.json".into());
        assert_eq!(
            origin.to_string(),
            "Made by cfe 1.0 on 2026-01-31 with seed 0: cfe fit a.csv. All numbers: results.json beside this page."
        );
    }

    #[test]
    fn a_command_line_can_be_pasted_into_a_shell() {
        let words = |text: &[&str]| text.iter().map(OsString::from).collect::<Vec<_>>().into_iter();
        assert_eq!(
            command_line("cfe", words(&["fit", "my table.csv", "--seed=3", "it's"]), &[]),
            r"cfe fit 'my table.csv' --seed=3 'it'\''s'"
        );
        // What changes no result is left out, and nothing in a name steers a terminal.
        let passing = [Passing::Flag("--resume"), Passing::Value("--threads")];
        let typed =
            words(&["fit", "--threads", "2", "a", "--resume", "--threads=3", "--seed", "1", "\u{1b}[31m"]);
        assert_eq!(command_line("cfe", typed, &passing), r"cfe fit a --seed 1 '\u{1b}[31m'");
    }
}
