//! What made a report.

use std::fmt;

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
}
