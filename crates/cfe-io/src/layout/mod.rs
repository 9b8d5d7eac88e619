//! Each column of a table gets its meaning: as the options say, then by its name and what its first rows
//! hold.

mod choose;
mod guess;
mod long;

use std::collections::HashMap;

use wildmatch::WildMatch;

use crate::names;
use crate::options::TableOptions;
use crate::profile::{Profile, Sample};
use crate::reading::Labels;
use crate::roles::{Role, Roles};
use crate::table_error::{TableError, TableResult, list};
use crate::taken::PassedOver;
use crate::warning::TableWarning;

/// The columns (by position) that are read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layout {
    pub label: Option<usize>,
    pub roles: Roles<usize>,
    /// Roles that no option named: what is wrong with such a column is not a reason to stop.
    pub guessed: Vec<Role>,
    /// Whether a row without an id is an error: where an option names the ids, or rows are put together by
    /// them.
    pub needs_ids: bool,
    /// Of a long table that has a column for each class, named by the labels: the one that is read, and the
    /// other.
    pub classes: Option<(String, String)>,
    /// The column of folds or repetitions over which rows of one id are averaged.
    pub average: Option<usize>,
    pub classifiers: Vec<usize>,
    /// Whether the classifiers were named one by one or by patterns.
    pub chosen: bool,
    /// Columns that the model does not know.
    pub extra: Vec<String>,
    pub passed_over: Vec<PassedOver>,
    /// What is odd about the columns.
    pub warnings: Vec<TableWarning>,
    /// Columns of two values that may be the labels, with their values.
    pub candidates: Vec<String>,
    /// Why a number in a classifier's column may be outside [0, 1], one for each classifier.
    pub hints: Vec<&'static str>,
}

/// Patterns cut at commas, as (pattern, whether it leaves out).
fn patterns(given: &[String], header: &[String]) -> Vec<(String, bool)> {
    let mut out = Vec::new();
    for entry in given {
        // The name of a column may itself hold a comma.
        if header.contains(entry) {
            out.push((entry.clone(), false));
            continue;
        }
        for part in entry.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.strip_prefix('!') {
                Some(rest) => out.push((rest.trim().to_owned(), true)),
                None => out.push((part.to_owned(), false)),
            }
        }
    }
    out
}

fn matches_any(patterns: &[(String, bool)], name: &str) -> bool {
    patterns.iter().any(|(pattern, _)| WildMatch::new(pattern).matches(name))
}

fn is_name(pattern: &str) -> bool {
    !pattern.contains(['*', '?'])
}

/// A header with what is known of its columns.
struct Table<'a> {
    file: &'a str,
    header: &'a [String],
    normal: Vec<String>,
    sample: &'a Sample,
    options: &'a TableOptions,
    /// Columns that have a meaning already.
    used: Vec<bool>,
    passed_over: Vec<PassedOver>,
}

impl Layout {
    /// Gives each column of `header` its meaning.
    pub(crate) fn plan(
        file: &str,
        header: &[String],
        sample: &Sample,
        options: &TableOptions,
    ) -> TableResult<Self> {
        let position = positions(file, header)?;
        let mut table = Table {
            file,
            header,
            normal: header.iter().map(|name| names::normalize(name)).collect(),
            sample,
            options,
            used: vec![false; header.len()],
            passed_over: Vec::new(),
        };
        let mut layout = Layout::default();
        let remembered = |given: &Option<String>, of: &Option<String>| {
            given.clone().or_else(|| of.clone().filter(|name| position.contains_key(name.as_str())))
        };
        // What an option names comes first, then what a model remembers if this table has it. Guesses come
        // last, over the columns that are left.
        for role in Role::ALL {
            let (given, kept) = (options.column(role), options.remembered.roles.get(role).cloned());
            *layout.roles.slot(role) = table.named(&remembered(&given, &kept), role.column())?;
            // Ids that a model remembers may repeat in another table.
            layout.set_guessed(role, role == Role::Id && given.is_none());
        }
        if options.labels != Labels::Ignored {
            let column = remembered(&options.label_column, &options.remembered.label);
            layout.label = match options.labels {
                Labels::Needed => table.named(&column, "the label column")?,
                // Rows that are to be predicted need not have what the rows of training had.
                _ => table.named(&column, "the label column").unwrap_or_default(),
            };
        }
        let chosen = patterns(&options.columns, header);
        let excluded = patterns(&options.exclude, header);
        table.check_names(&chosen, &excluded)?;
        // What is named as a classifier is not guessed to be something else.
        let named: Vec<usize> = match &options.classifiers {
            Some(names) => names.iter().filter_map(|name| position.get(name.as_str()).copied()).collect(),
            None => chosen
                .iter()
                .filter(|(name, out)| !out && is_name(name))
                .filter_map(|(name, _)| position.get(name.as_str()).copied())
                .collect(),
        };
        named.into_iter().for_each(|at| table.used[at] = true);
        // Nor is what is excluded.
        let out: Vec<usize> = (0..header.len()).filter(|&at| matches_any(&excluded, &header[at])).collect();
        out.into_iter().for_each(|at| table.used[at] = true);
        if !sample.bare {
            table.guess(&mut layout);
        }
        if layout.label.is_none() && options.classifiers.is_none() {
            layout.candidates = table.label_candidates();
        }
        layout.taken().for_each(|at| table.used[at] = true);
        layout.needs_ids =
            options.id_column.is_some() || layout.roles.model.is_some() || layout.average.is_some();
        match &options.classifiers {
            Some(names) => table.of_model(&mut layout, names, &position)?,
            None if table.of_class_model(&mut layout) => {}
            None => table.choose(&mut layout, &chosen, &excluded)?,
        }
        if let Some(&at) = layout.classifiers.iter().find(|&&at| header[at].is_empty()) {
            return Err(TableError::UnnamedColumn { file: file.to_owned(), position: at + 1 });
        }
        layout.hints = layout.classifiers.iter().map(|&at| table.hint(at)).collect();
        layout.passed_over = table.passed_over;
        Ok(layout)
    }

    /// Columns that are taken and no classifiers.
    fn taken(&self) -> impl Iterator<Item = usize> {
        self.label.into_iter().chain(self.roles.iter().map(|(_, &at)| at))
    }

    fn set_guessed(&mut self, role: Role, is_guessed: bool) {
        self.guessed.retain(|&other| other != role);
        if is_guessed {
            self.guessed.push(role);
        }
    }

    /// Whether no option named the column of a role.
    pub(crate) fn is_guessed(&self, role: Role) -> bool {
        self.guessed.contains(&role)
    }

    /// Names of the classifiers, in their order.
    pub(crate) fn names(&self, header: &[String]) -> Vec<String> {
        self.classifiers.iter().map(|&at| header[at].clone()).collect()
    }
}

fn positions<'a>(file: &str, header: &'a [String]) -> TableResult<HashMap<&'a str, usize>> {
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
    Ok(position)
}

impl Table<'_> {
    fn profile(&self, at: usize) -> Option<&Profile> {
        self.sample.profiles.get(at)
    }

    fn free(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.header.len()).filter(|&at| !self.used[at])
    }

    fn is_first_unnamed(&self, at: usize) -> bool {
        at == 0 && self.header[0].is_empty()
    }

    /// The column of an option; in another case too, if only one is meant.
    fn named(&mut self, name: &Option<String>, option: &'static str) -> TableResult<Option<usize>> {
        let Some(name) = name else { return Ok(None) };
        let exact = self.header.iter().position(|column| column == name);
        let mut alike =
            (0..self.header.len()).filter(|&at| self.header[at].trim().eq_ignore_ascii_case(name.trim()));
        let found = exact.or_else(|| alike.next().filter(|_| alike.next().is_none()));
        match found {
            Some(at) => {
                self.used[at] = true;
                Ok(Some(at))
            }
            None => Err(self.unknown(name, option)),
        }
    }

    fn unknown(&self, name: &str, option: &'static str) -> TableError {
        TableError::UnknownColumn {
            file: self.file.to_owned(),
            column: name.to_owned(),
            option,
            available: list(self.header),
        }
    }

    /// A pattern that names a column exactly but matches nothing is a misspelling, and is said so.
    fn check_names(&self, chosen: &[(String, bool)], excluded: &[(String, bool)]) -> TableResult<()> {
        let known = |name: &String| self.header.contains(name);
        for (pattern, _) in chosen {
            if is_name(pattern) && !known(pattern) {
                return Err(self.unknown(pattern, "among the classifiers' columns"));
            }
        }
        for (pattern, _) in excluded {
            if is_name(pattern) && !known(pattern) {
                return Err(self.unknown(pattern, "among the excluded columns"));
            }
        }
        Ok(())
    }
}

pub(crate) const UNKNOWN_HINT: &str = "turn scores into probabilities or give --input score; percent: --scale percent; a value for a \
                            missing one: --missing; a column that is not a classifier: --exclude";
