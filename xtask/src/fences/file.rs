//! What a fence looks at, and what it finds.

use std::path::Path;

/// A file of the repository that holds text.
pub(crate) struct TextFile {
    /// Relative to the repository, with `/` between folders.
    pub path: String,
    pub text: String,
}

impl TextFile {
    pub(super) fn is_rust(&self) -> bool {
        has_extension(&self.path, "rs")
    }

    pub(super) fn is_markdown(&self) -> bool {
        has_extension(&self.path, "md")
    }

    /// Whether this is a manifest of cargo.
    pub(super) fn is_manifest(&self) -> bool {
        self.path.rsplit('/').next() == Some("Cargo.toml")
    }
}

fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

/// What breaks a rule, and where.
pub(crate) struct Finding {
    pub path: String,
    /// Counted from 1; 0 for the file as a whole.
    pub line: usize,
    pub what: String,
}

impl Finding {
    pub(super) fn new(file: &TextFile, line: usize, what: impl Into<String>) -> Self {
        Self { path: file.path.clone(), line, what: what.into() }
    }
}
