//! `cfe-compare over-data-sets`: from the options to the files.

use std::collections::BTreeMap;

use super::cells::{Cell, rows, run};
use super::document::document;
use super::external::read_external;
use super::gaps;
use super::methods::Method;
use super::missing::Missing;
use super::summary::{Summary, summarize};
use crate::cli::OverDataSets;
use crate::error::Error;
use crate::report::{Document, FormatError, Results, Rows, to_json};
use crate::threads;

/// Our method, which the others are tested against.
const FIRST: &str = "recommended";

/// Everything that was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct DataSetsResults {
    /// By the rule that took cells away; one without a rule is the comparison of whole tables.
    parts: Vec<Part>,
    /// Whether rules were asked for.
    with_gaps: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct Part {
    missing: Missing,
    cells: Vec<Cell>,
    summary: Summary,
}

/// Runs the methods and summarizes; `progress` hears of each table.
///
/// # Errors
/// Unknown methods, unreadable folders and tables, methods that fail.
pub fn compare_over_data_sets(
    options: &OverDataSets,
    progress: impl FnMut(&str) + Send,
) -> Result<DataSetsResults, Error> {
    let with_gaps = !options.missing.is_empty();
    // With gaps the usual ways to fill them take part; whole tables are ranked among the ranked methods.
    let default = if with_gaps { Method::for_gaps() } else { Method::ranked() };
    let methods = chosen(&options.methods, default)?;
    let pool = threads::pool(options.threads)?;
    // Read before the work: a mistake in the file must not cost a run.
    let external = options.with.as_deref().map(read_external).transpose()?.unwrap_or_default();
    let rules = if with_gaps { options.missing.as_slice() } else { &[Missing::None] };
    let mut progress = progress;
    let mut parts = Vec::with_capacity(rules.len());
    for &missing in rules {
        let mut heard = |step: &str| match with_gaps {
            true => progress(&format!("{}: {step}", missing.name())),
            false => progress(step),
        };
        let mut cells = pool.install(|| run(&options.folder, &methods, missing, &mut heard))?;
        // Results of other programs are ranked along, as if they had been measured here.
        cells.extend(external.iter().cloned());
        let summary = summarize(&cells, FIRST)?;
        parts.push(Part { missing, cells, summary });
    }
    Ok(DataSetsResults { parts, with_gaps })
}

/// Methods by name; `default` if none is named.
///
/// # Errors
/// [`Error::UnknownMethod`].
pub fn chosen(names: &[String], default: Vec<Method>) -> Result<Vec<Method>, Error> {
    if names.is_empty() {
        return Ok(default);
    }
    let all = Method::named();
    let find = |name: &String| {
        all.iter().copied().find(|method| method.name() == name).ok_or_else(|| Error::UnknownMethod {
            name: name.clone(),
            known: all.iter().map(|m| m.name()).collect::<Vec<_>>().join(", "),
        })
    };
    names.iter().map(find).collect()
}

impl Results for DataSetsResults {
    fn document(&self) -> Document {
        let by_rule: Vec<(Missing, &Summary)> =
            self.parts.iter().map(|part| (part.missing, &part.summary)).collect();
        match (self.with_gaps, self.parts.first()) {
            (false, Some(whole)) => document(&whole.summary, FIRST),
            _ => gaps::document(&by_rule, FIRST),
        }
    }

    /// The summary, or with rules one summary for each by its name.
    fn json(&self) -> Result<String, FormatError> {
        match (self.with_gaps, self.parts.first()) {
            (false, Some(whole)) => to_json(&whole.summary),
            _ => {
                let by_rule = self.parts.iter().map(|part| (part.missing.name(), &part.summary));
                to_json(&by_rule.collect::<BTreeMap<&str, &Summary>>())
            }
        }
    }

    /// One record for each method, data set and seed, and with rules for each of them.
    fn rows(&self) -> Rows {
        let mut all = rows(&[]);
        for part in &self.parts {
            // One rule or none: the records of whole tables keep the columns that they had without rules.
            let mut of_part = rows(&part.cells);
            if self.with_gaps {
                let name = || part.missing.name().to_owned();
                of_part.records.iter_mut().for_each(|record| record.insert(0, name()));
            }
            all.records.extend(of_part.records);
        }
        if self.with_gaps {
            all.header.insert(0, "missing".to_owned());
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_run_in_the_order_in_which_they_are_named() {
        let names = ["nnls", "no_sparse", "recommended"].map(str::to_owned);
        let found: Vec<&str> = chosen(&names, Vec::new()).expect("known").iter().map(|m| m.name()).collect();
        assert_eq!(found, ["nnls", "no_sparse", "recommended"]);
        assert_eq!(chosen(&[], Method::ranked()).expect("the default"), Method::ranked());
        let error = chosen(&["mean".to_owned(), "Mean".to_owned()], Vec::new()).expect_err("another case");
        let Error::UnknownMethod { name, known } = error else { panic!("another error") };
        assert_eq!(name, "Mean");
        assert!(
            Method::named().iter().all(|method| known.split(", ").any(|of| of == method.name())),
            "{known}"
        );
    }
}
