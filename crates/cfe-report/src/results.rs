//! From what a command measured to what it prints and writes: one path for every command.

use serde::Serialize;

use super::{Document, Origin, html, markdown, terminal};

/// What a command found, in the three forms that all formats come from.
pub trait Results {
    /// For people.
    fn document(&self) -> Document;

    /// For programs: one JSON object, see [`to_json`].
    ///
    /// # Errors
    /// [`FormatError`].
    fn json(&self) -> Result<String, FormatError>;

    /// As [`json`](Self::json), for a file: with what is too long to be printed, such as the series behind curves.
    ///
    /// # Errors
    /// [`FormatError`].
    fn json_file(&self) -> Result<String, FormatError> {
        self.json()
    }

    /// For spreadsheets: one record for each thing measured.
    fn rows(&self) -> Rows;
}

/// A form of output. The names are the same for every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum Format {
    /// Text and tables for a terminal.
    #[default]
    #[cfg_attr(feature = "clap", value(alias = "terminal"))]
    Table,
    /// One JSON object.
    Json,
    /// Markdown.
    Markdown,
    /// Comma-separated values, one line for each result.
    Csv,
    /// A page with charts that needs nothing else.
    Html,
}

/// Names of the files of a report, with the format of each.
pub const FILES: [(&str, Format); 4] = [
    ("report.html", Format::Html),
    ("report.md", Format::Markdown),
    ("results.json", Format::Json),
    ("results.csv", Format::Csv),
];

/// Results that cannot be written in a format.
///
/// Cure: choose another format.
#[derive(Debug, thiserror::Error)]
#[error("the results cannot be written as {format}: {why}; choose another format")]
pub struct FormatError {
    /// "JSON", "CSV".
    format: &'static str,
    /// The message of the writer.
    why: String,
}

/// What is printed. `width` is that of the terminal; `origin` is shown at the foot of a page.
///
/// # Errors
/// [`FormatError`].
pub fn render(
    results: &dyn Results,
    format: Format,
    width: usize,
    origin: &Origin,
) -> Result<String, FormatError> {
    match format {
        Format::Table => Ok(terminal::write(&results.document(), width)),
        Format::Json => results.json(),
        Format::Markdown => Ok(markdown::write(&results.document())),
        Format::Csv => results.rows().to_csv(),
        Format::Html => Ok(html::write(&results.document(), &origin.to_string())),
    }
}

/// Names and contents of the files of a report, see [`FILES`].
///
/// # Errors
/// [`FormatError`].
pub fn files(results: &dyn Results, origin: &Origin) -> Result<Vec<(&'static str, String)>, FormatError> {
    // JSON alone has more to say in a file than in print.
    let contents = |format| match format {
        Format::Json => results.json_file(),
        other => render(results, other, terminal::DEFAULT_WIDTH, origin),
    };
    FILES.iter().map(|&(name, format)| Ok((name, contents(format)?))).collect()
}

/// A value as JSON with indents and a final line feed.
///
/// # Errors
/// [`FormatError`].
pub fn to_json(value: &impl Serialize) -> Result<String, FormatError> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n").map_err(|error| FormatError { format: "JSON", why: error.to_string() })
}

/// Records under a header, all of one length.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rows {
    /// Names of the fields.
    pub header: Vec<String>,
    /// The records.
    pub records: Vec<Vec<String>>,
}

impl Rows {
    /// No records yet.
    pub fn new<S: Into<String>>(header: impl IntoIterator<Item = S>) -> Self {
        Self { header: header.into_iter().map(Into::into).collect(), records: Vec::new() }
    }

    /// Comma-separated values (RFC 4180 with line feeds).
    ///
    /// # Errors
    /// [`FormatError`] for a record that is longer or shorter than the header.
    pub fn to_csv(&self) -> Result<String, FormatError> {
        let failed = |why: String| FormatError { format: "CSV", why };
        let mut writer = csv::Writer::from_writer(Vec::new());
        for record in std::iter::once(&self.header).chain(&self.records) {
            writer.write_record(record).map_err(|error| failed(error.to_string()))?;
        }
        let bytes = writer.into_inner().map_err(|error| failed(error.to_string()))?;
        String::from_utf8(bytes).map_err(|error| failed(error.to_string()))
    }
}

/// A number for a field, to the last digit; empty where there is none.
pub fn field(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Section;

    struct Found;

    impl Results for Found {
        fn document(&self) -> Document {
            Document {
                title: "Found".into(),
                sections: vec![Section::new("Part").text("words")],
                ..Document::default()
            }
        }

        fn json(&self) -> Result<String, FormatError> {
            to_json(&[1, 2])
        }

        fn json_file(&self) -> Result<String, FormatError> {
            to_json(&[1, 2, 3])
        }

        fn rows(&self) -> Rows {
            let mut rows = Rows::new(["name", "value"]);
            rows.records.push(vec!["a, b".into(), field(Some(0.1))]);
            rows.records.push(vec!["c".into(), field(None)]);
            rows
        }
    }

    #[test]
    fn every_format_comes_from_the_same_results() {
        let origin = Origin { program: "cfe-compare 1.0".into(), ..Origin::default() };
        let of = |format| render(&Found, format, 80, &origin).expect("writable");
        assert_eq!(of(Format::Table), "Found\n=====\n\n\nPart\n----\n\nwords\n");
        assert_eq!(of(Format::Markdown), "# Found\n\n\n## Part\n\nwords\n");
        assert_eq!(of(Format::Csv), "name,value\n\"a, b\",0.1\nc,\n");
        assert_eq!(of(Format::Json), "[\n  1,\n  2\n]\n");
        assert!(of(Format::Html).contains("cfe-compare 1.0"));
        let files = files(&Found, &origin).expect("writable");
        assert_eq!(files.iter().map(|file| file.0).collect::<Vec<_>>(), FILES.map(|file| file.0));
        assert_eq!(files[2].1, "[\n  1,\n  2,\n  3\n]\n", "the file has everything");
        assert_eq!(files[1].1, of(Format::Markdown));
    }

    #[test]
    fn a_record_of_another_length_is_an_error() {
        let mut rows = Rows::new(["name", "value"]);
        rows.records.push(vec!["alone".into()]);
        let error = rows.to_csv().expect_err("unequal");
        assert!(error.to_string().contains("cannot be written as CSV"), "{error}");
    }
}
