//! What a build server shows of `ablate --check`: JUnit XML and a summary in Markdown.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use cf_ensemble::io::AtomicFile;

use super::baseline::{Change, Checked};
use super::command::Ablation;
use super::error::AblateError;
use crate::cli::Ablate;
use crate::error::Error;
use crate::report::html::escape;
use crate::report::{Cell, Results as _, Table, markdown};

impl Ablate {
    /// Checks before the work that `--summary` can be appended to.
    ///
    /// # Errors
    /// [`AblateError::Unwritable`].
    pub(super) fn check_summary(&self) -> Result<(), AblateError> {
        self.summary.as_deref().map_or(Ok(()), |path| append(path).map(drop))
    }

    /// Writes `--junit`, and appends `--summary`.
    ///
    /// # Errors
    /// [`AblateError::Unwritable`], [`Error::Write`].
    pub fn write_summaries(&self, ablation: &Ablation) -> Result<(), Error> {
        // Without --check there are no comparisons, which are the tests of the suite.
        if let (Some(path), Some(checked)) = (&self.junit, &ablation.checked) {
            AtomicFile::write(path, junit(ablation.title(), checked).as_bytes())?;
        }
        if let Some(path) = &self.summary {
            let unwritable = |source| AblateError::Unwritable { path: path.clone(), source };
            append(path)?.write_all(summary(ablation).as_bytes()).map_err(unwritable)?;
        }
        Ok(())
    }
}

/// A file that other steps of a build may have written to already: what is there stays.
fn append(path: &Path) -> Result<File, AblateError> {
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.map_err(|source| AblateError::Unwritable { path: path.to_owned(), source })
}

/// The comparisons as tests of one suite.
fn junit(title: &str, checked: &Checked) -> String {
    let title = escape(title);
    let (tests, failures) = (checked.comparisons.len(), checked.worse().count());
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"{title}\" tests=\"{tests}\" \
         failures=\"{failures}\">\n"
    );
    for comparison in &checked.comparisons {
        let (place, figure) = (escape(&comparison.place), escape(&comparison.figure));
        let values = escape(&comparison.values);
        out += &format!("<testcase classname=\"{title}.{place}\" name=\"{figure}\">");
        out += &match comparison.change {
            Change::Worse => format!("<failure message=\"{values}\"/>"),
            Change::Better | Change::Same => format!("<system-out>{values}</system-out>"),
        };
        out += "</testcase>\n";
    }
    out + "</testsuite>\n</testsuites>\n"
}

/// The check first, then the report.
fn summary(ablation: &Ablation) -> String {
    let mut out = String::new();
    if let Some(checked) = &ablation.checked {
        let (worse, all) = (checked.worse().count(), checked.comparisons.len());
        out += &format!(
            "**{worse} of {all} figures are worse than the baseline by more than their noise.**\n\n"
        );
        let mut table = Table::new("", ["level", "figure", "values", "change"]);
        // What stayed the same is in the XML; here it would hide the rest.
        for comparison in checked.worse().chain(checked.better()) {
            let worse = comparison.change == Change::Worse;
            table.push([
                Cell::from(comparison.place.as_str()),
                comparison.figure.as_str().into(),
                comparison.values.as_str().into(),
                Cell::verdict(if worse { "worse" } else { "better" }, !worse),
            ]);
        }
        if !table.rows.is_empty() {
            out += &markdown::table(&table);
            out.push('\n');
        }
    }
    out + &markdown::write(&ablation.document())
}

#[cfg(test)]
mod tests {
    use super::super::baseline::Comparison;
    use super::*;

    #[test]
    fn each_comparison_is_a_test_and_what_got_worse_is_a_failure() {
        let comparison = |place: &str, change| Comparison {
            place: place.into(),
            figure: "average precision".into(),
            values: "is 0.5, was 0.6".into(),
            change,
        };
        let comparisons = vec![comparison("a <b>", Change::Worse), comparison("c", Change::Better)];
        let xml = junit("grid & co", &Checked { comparisons });
        assert!(xml.contains("<testsuite name=\"grid &amp; co\" tests=\"2\" failures=\"1\">"), "{xml}");
        assert!(
            xml.contains(
                "<testcase classname=\"grid &amp; co.a &lt;b&gt;\" name=\"average precision\">\
                 <failure message=\"is 0.5, was 0.6\"/></testcase>"
            ),
            "{xml}"
        );
        assert_eq!(xml.matches("<failure").count(), 1);
    }
}
