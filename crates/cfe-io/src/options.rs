//! Which column of a table means what.

use std::collections::HashMap;
use std::path::PathBuf;

use wildmatch::WildMatch;

use crate::table_error::{TableError, TableResult, list};

/// How a table is to be understood.
///
/// ```
/// use cfe_io::TableOptions;
///
/// let mut options = TableOptions::default();
/// options.split_column = Some("split".to_owned());
/// options.columns = vec!["p_*".to_owned()];
/// assert_eq!(options.train_value, "train");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TableOptions {
    /// Column of the ids; `None` takes `instance_id` if there is one.
    pub id_column: Option<String>,
    /// Column of the labels; `None` takes `label` if there is one.
    pub label_column: Option<String>,
    /// Column that says which split a row belongs to; `None`: every row is for training.
    pub split_column: Option<String>,
    /// Value of the split column in rows for training.
    pub train_value: String,
    /// Column of groups that cross-validation keeps together.
    pub group_column: Option<String>,
    /// Columns of probabilities, as names or patterns with `*` and `?`; none: all that mean nothing else.
    pub columns: Vec<String>,
    /// The classifiers a model was trained with. If given, exactly these columns are read, in this order; a missing
    /// one is an error, others are passed over with a warning.
    pub classifiers: Option<Vec<String>>,
    /// Delimiter of a text table; `None` takes what cuts the header: comma, tab, semicolon or |.
    pub delimiter: Option<u8>,
    /// Labels for a table in NPY; `None` takes `labels.npy` beside it if there is one.
    pub labels_file: Option<PathBuf>,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self {
            id_column: None,
            label_column: None,
            split_column: None,
            train_value: "train".to_owned(),
            group_column: None,
            columns: Vec::new(),
            classifiers: None,
            delimiter: None,
            labels_file: None,
        }
    }
}

/// Name of the id column if none is given.
pub(crate) const DEFAULT_ID: &str = "instance_id";
/// Name of the label column if none is given.
pub(crate) const DEFAULT_LABEL: &str = "label";

/// The columns (by position) that are read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    pub id: Option<usize>,
    pub label: Option<usize>,
    pub split: Option<usize>,
    pub group: Option<usize>,
    pub classifiers: Vec<usize>,
    /// Columns that the model does not know.
    pub extra: Vec<String>,
}

impl Layout {
    /// Gives each column of `header` its meaning.
    pub fn plan(file: &str, header: &[String], options: &TableOptions) -> TableResult<Self> {
        let mut position = HashMap::with_capacity(header.len());
        for (second, name) in header.iter().enumerate() {
            if let Some(first) = position.insert(name.as_str(), second)
                && !name.is_empty()
            {
                return Err(TableError::DuplicateColumn {
                    file: file.to_owned(),
                    column: name.clone(),
                    first: first + 1,
                    second: second + 1,
                });
            }
        }
        let find = |name: &Option<String>, default: Option<&str>, option| match name {
            Some(name) => match position.get(name.as_str()) {
                Some(&at) => Ok(Some(at)),
                None => Err(TableError::UnknownColumn {
                    file: file.to_owned(),
                    column: name.clone(),
                    option,
                    available: list(header),
                }),
            },
            None => Ok(default.and_then(|name| position.get(name).copied())),
        };
        let mut layout = Layout {
            id: find(&options.id_column, Some(DEFAULT_ID), "the id column")?,
            label: find(&options.label_column, Some(DEFAULT_LABEL), "the label column")?,
            split: find(&options.split_column, None, "the split column")?,
            group: find(&options.group_column, None, "the group column")?,
            classifiers: Vec::new(),
            extra: Vec::new(),
        };
        let named = [layout.id, layout.label, layout.split, layout.group];
        let free = (0..header.len()).filter(|at| !named.contains(&Some(*at)));
        if let Some(classifiers) = &options.classifiers {
            for name in classifiers {
                let at = position.get(name.as_str()).copied().filter(|_| !name.is_empty());
                layout.classifiers.push(at.ok_or_else(|| TableError::MissingClassifier {
                    file: file.to_owned(),
                    column: name.clone(),
                    available: list(header),
                })?);
            }
            layout.extra =
                free.filter(|at| !layout.classifiers.contains(at)).map(|at| header[at].clone()).collect();
        } else {
            layout.classifiers = select(file, header, &options.columns, free)?;
        }
        if layout.classifiers.is_empty() {
            let patterns = match options.columns.is_empty() {
                true => "what is neither id, label, split nor group".to_owned(),
                false => list(&options.columns),
            };
            return Err(TableError::NoClassifierColumn {
                file: file.to_owned(),
                patterns,
                available: list(header),
            });
        }
        if let Some(&at) = layout.classifiers.iter().find(|&&at| header[at].is_empty()) {
            return Err(TableError::UnnamedColumn { file: file.to_owned(), position: at + 1 });
        }
        Ok(layout)
    }

    /// Names of the classifiers, in their order.
    pub fn names(&self, header: &[String]) -> Vec<String> {
        self.classifiers.iter().map(|&at| header[at].clone()).collect()
    }
}

/// The free columns that a pattern matches, in the order of the file. A pattern that names a column exactly but
/// matches nothing is a misspelling, and is said so.
fn select(
    file: &str,
    header: &[String],
    patterns: &[String],
    free: impl Iterator<Item = usize>,
) -> TableResult<Vec<usize>> {
    let free: Vec<usize> = free.collect();
    if patterns.is_empty() {
        return Ok(free);
    }
    let globs: Vec<WildMatch> = patterns.iter().map(|p| WildMatch::new(p)).collect();
    for (pattern, glob) in patterns.iter().zip(&globs) {
        let is_name = !pattern.contains(['*', '?']);
        if is_name && !free.iter().any(|&at| glob.matches(&header[at])) {
            return Err(TableError::UnknownColumn {
                file: file.to_owned(),
                column: pattern.clone(),
                option: "among the classifiers' columns",
                available: list(header),
            });
        }
    }
    Ok(free.into_iter().filter(|&at| globs.iter().any(|glob| glob.matches(&header[at]))).collect())
}
