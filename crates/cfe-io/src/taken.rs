//! What was taken for what.

use std::fmt;

use crate::roles::{Role, Roles};

/// How the columns of a table were understood: one line for whoever reads the result.
///
/// ```
/// use cfe_io::{Source, TableOptions, read_table};
///
/// let csv = "customer_id,y,forest,svm,age\n7,1,0.9,0.7,44\n8,0,0.2,0.1,31\n9,0,0.3,0.2,78\n";
/// let table = read_table(Source::bytes("inline", csv.into()), &TableOptions::default())?;
/// assert_eq!(
///     table.taken.to_string(),
///     "taken: label = y (positive: 1), id = customer_id, 2 classifiers: forest, svm; \
///      passed over: age (whole numbers from 31 to 78)"
/// );
/// # Ok::<(), cfe_io::TableError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Taken {
    /// Column of the labels.
    pub label: Option<String>,
    /// Value of the label column that is positive, as the file writes it; `None` if none of its rows are.
    pub positive: Option<String>,
    /// Value of the label column that is negative.
    pub negative: Option<String>,
    /// The columns of ids, split, groups, weights and so on.
    pub roles: Roles<String>,
    /// Value of the split column in rows for training.
    pub train_value: Option<String>,
    /// The classifiers, in their order.
    pub classifiers: Vec<String>,
    /// Columns that were not read, each with the reason.
    pub passed_over: Vec<PassedOver>,
    /// Columns of two values that may be the labels, with their values.
    pub(crate) candidates: Vec<String>,
    /// What else was done to the table, such as rows that were averaged.
    pub notes: Vec<String>,
}

/// A column that was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PassedOver {
    /// Its name.
    pub column: String,
    /// Why.
    pub reason: String,
}

impl PassedOver {
    pub(crate) fn new(column: &str, reason: impl Into<String>) -> Self {
        Self { column: column.to_owned(), reason: reason.into() }
    }
}

impl Taken {
    /// Names of all columns.
    pub(crate) fn columns(&self) -> Vec<&String> {
        let named = self.label.iter().chain(self.roles.iter().map(|(_, column)| column));
        named.chain(&self.classifiers).chain(self.passed_over.iter().map(|p| &p.column)).collect()
    }
}

/// A name for a line of words: as it is where it is plain, quoted otherwise.
fn plain(name: &str) -> String {
    let quiet = |c: char| c.is_alphanumeric() || "_-.:/+%".contains(c);
    if !name.is_empty() && name.chars().all(quiet) { name.to_owned() } else { format!("{name:?}") }
}

/// Names or pairs shown before "and n more".
const SHOWN: usize = 12;

fn shown(items: impl ExactSizeIterator<Item = String>) -> String {
    let more = items.len().saturating_sub(SHOWN);
    let text = items.take(SHOWN).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{text} and {more} more") } else { text }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("taken: ")?;
        match (&self.label, &self.positive) {
            (Some(label), Some(positive)) => {
                write!(f, "label = {} (positive: {}), ", plain(label), plain(positive))?;
            }
            (Some(label), None) => write!(f, "label = {}, ", plain(label))?,
            (None, _) => f.write_str("no label, ")?,
        }
        // The classifiers of a long table are told by their names, and a note says that the table is long.
        for (role, column) in self.roles.iter().filter(|(role, _)| *role != Role::Model) {
            write!(f, "{} = {}", role.name(), plain(column))?;
            match &self.train_value {
                Some(value) if role == Role::Split => write!(f, " (train: {}), ", plain(value))?,
                _ => f.write_str(", ")?,
            }
        }
        let m = self.classifiers.len();
        let names = shown(self.classifiers.iter().map(|name| plain(name)));
        write!(f, "{m} {}: {names}", if m == 1 { "classifier" } else { "classifiers" })?;
        if !self.passed_over.is_empty() {
            let reason = |p: &PassedOver| format!("{} ({})", plain(&p.column), p.reason);
            write!(f, "; passed over: {}", shown(self.passed_over.iter().map(reason)))?;
        }
        self.notes.iter().try_for_each(|note| write!(f, "; {note}"))
    }
}
