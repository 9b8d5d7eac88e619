//! Folds that the table itself gives.

use std::collections::BTreeMap;

use cfe_core::validation::Folds;

use crate::reading::number;
use crate::roles::{Role, Roles};
use crate::table::Table;
use crate::table_error::{TableError, TableResult, list};
use crate::taken::{PassedOver, Taken};
use crate::warning::TableWarning;

/// What a table says of how its labeled rows are scored: by the folds of a column, or each by earlier rows.
///
/// ```
/// use cfe_io::GivenFolds;
///
/// let names = ["a", "b", "a", "b"].map(String::from);
/// let given = GivenFolds { folds: Some(&names), ..GivenFolds::new("the data") };
/// let (folds, names) = given.of_rows(&[0, 1, 3], 5)?.expect("folds are given");
/// assert_eq!((folds.as_slice(), names), (&[0, 1, 1][..], vec!["a".to_owned(), "b".to_owned()]));
/// # Ok::<(), cfe_io::TableError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct GivenFolds<'a> {
    /// Name of the file, for messages.
    pub file: &'a str,
    /// The fold that each row was held out in (n).
    pub folds: Option<&'a [String]>,
    /// When each row happened (n), finite in labeled rows.
    pub times: Option<&'a [f64]>,
    /// What each row belongs to (n), which no two folds share.
    pub groups: Option<&'a [String]>,
    /// Names of the columns, for messages.
    pub columns: Option<&'a Roles<String>>,
}

impl<'a> GivenFolds<'a> {
    /// Nothing is said yet.
    pub fn new(file: &'a str) -> Self {
        Self { file, folds: None, times: None, groups: None, columns: None }
    }

    /// The folds of the rows `labeled` (ascending), in their order, with the name of each: each value is a
    /// fold, or with times every row is scored by earlier ones, in `n_splits` folds behind a first block that
    /// is never scored. `None` where neither is said.
    ///
    /// # Errors
    /// [`TableError::FoldsAndTimes`] with both, [`TableError::TooFewFolds`], [`TableError::TooFewTimes`],
    /// [`TableError::GroupInFolds`] for a group that lies in several folds.
    pub fn of_rows(&self, labeled: &[usize], n_splits: usize) -> TableResult<Option<(Folds, Vec<String>)>> {
        match (self.folds, self.times) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(TableError::FoldsAndTimes { file: self.file.to_owned() }),
            (Some(folds), None) => {
                let of_rows: Vec<&str> = labeled.iter().map(|&i| folds[i].as_str()).collect();
                // Only labeled rows make folds: a value that unlabeled rows alone have is not one.
                let folds = self.by_name(&of_rows)?;
                self.check_groups(labeled, &of_rows)?;
                Ok(Some(folds))
            }
            (None, Some(times)) => {
                let times: Vec<f64> = labeled.iter().map(|&i| times[i]).collect();
                let folds = Folds::forward(&times, n_splits).map_err(|_| TableError::TooFewTimes {
                    file: self.file.to_owned(),
                    column: self.column_of(Role::Time),
                    found: distinct(&times),
                    needed: n_splits.saturating_add(1),
                })?;
                let folds = match self.groups {
                    Some(groups) => folds.with_groups_apart(labeled.iter().map(|&i| &groups[i])),
                    None => folds,
                };
                let names = (1..=n_splits).map(|k| format!("{k} of {n_splits}")).collect();
                Ok(Some((folds, names)))
            }
        }
    }

    fn column_of(&self, role: Role) -> String {
        column_of(self.columns, role)
    }

    /// Folds by the values of the column: numbers in their order, and else texts in theirs.
    fn by_name(&self, of_rows: &[&str]) -> TableResult<(Folds, Vec<String>)> {
        let mut names: Vec<&str> = of_rows.to_vec();
        names.sort_unstable();
        names.dedup();
        // As text, fold 10 would come before fold 2.
        let value = |name: &&str| number(name.as_bytes()).map(|(value, _)| value);
        if names.iter().all(|name| value(name).is_some()) {
            names.sort_by(|a, b| value(a).partial_cmp(&value(b)).unwrap_or(std::cmp::Ordering::Equal));
        }
        if names.len() < 2 {
            return Err(TableError::TooFewFolds {
                file: self.file.to_owned(),
                column: self.column_of(Role::Fold),
                found: list(&names),
            });
        }
        let place: BTreeMap<&str, usize> = names.iter().enumerate().map(|(k, &name)| (name, k)).collect();
        let folds = Folds::new(of_rows.iter().map(|name| place[name]).collect(), names.len());
        let folds = folds.map_err(|source| TableError::Data { file: self.file.to_owned(), source })?;
        Ok((folds, names.into_iter().map(str::to_owned).collect()))
    }

    /// Rows of a group in two folds would be scored by fits that learned from the group.
    fn check_groups(&self, labeled: &[usize], of_rows: &[&str]) -> TableResult<()> {
        let Some(groups) = self.groups else { return Ok(()) };
        let mut folds_of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (&i, &fold) in labeled.iter().zip(of_rows) {
            let folds = folds_of.entry(groups[i].as_str()).or_default();
            if !folds.contains(&fold) {
                folds.push(fold);
            }
        }
        let torn: Vec<&str> = folds_of.iter().filter(|(_, folds)| folds.len() > 1).map(|(g, _)| *g).collect();
        if torn.is_empty() {
            return Ok(());
        }
        Err(TableError::GroupInFolds {
            file: self.file.to_owned(),
            column: self.column_of(Role::Fold),
            group_column: self.column_of(Role::Group),
            count: torn.len(),
            groups: list(&torn),
        })
    }
}

/// The column of a role, or the word for the role where no column has a name.
fn column_of(columns: Option<&Roles<String>>, role: Role) -> String {
    columns.and_then(|columns| columns.get(role)).cloned().unwrap_or_else(|| role.name().to_owned())
}

impl Table {
    /// The folds of the labeled train rows, in the order of
    /// [`EnsembleData::labeled`](cfe_core::EnsembleData::labeled), where the table says how they are scored:
    /// each value of the fold column is a fold, or with a time column every row is scored by earlier ones, in
    /// `n_splits` folds behind a first block that is never scored. `None` with neither column.
    ///
    /// ```
    /// use cfe_io::{Source, TableOptions, read_table};
    ///
    /// let csv = "label,fold,svm\n1,a,0.9\n0,a,0.2\n1,b,0.8\n0,b,0.1\n";
    /// let table = read_table(Source::bytes("inline", csv.into()), &TableOptions::default())?;
    /// let folds = table.given_folds(5)?.expect("a column of this name is taken for folds");
    /// assert_eq!(folds.as_slice(), [0, 0, 1, 1]);
    /// # Ok::<(), cfe_io::TableError>(())
    /// ```
    ///
    /// # Errors
    /// As [`GivenFolds::of_rows`]; [`TableError::FoldLacksClass`] for a fold that leaves a single class to
    /// learn from.
    pub fn given_folds(&self, n_splits: usize) -> TableResult<Option<Folds>> {
        let given = GivenFolds {
            file: &self.file,
            folds: self.folds.as_deref(),
            times: self.times.as_deref(),
            groups: self.groups.as_deref(),
            columns: Some(&self.taken.roles),
        };
        let Some((folds, names)) = given.of_rows(self.data.labeled(), n_splits)? else { return Ok(None) };
        self.check_classes(&folds, &names)?;
        Ok(Some(folds))
    }

    /// Every fold leaves both classes to learn from.
    fn check_classes(&self, folds: &Folds, names: &[String]) -> TableResult<()> {
        let labels = self.data.labeled_targets();
        let lacks = |fold: &usize| {
            let rest = folds.train(*fold);
            rest.iter().all(|&p| labels[p]) || !rest.iter().any(|&p| labels[p])
        };
        let bad: Vec<&String> = (0..folds.n_splits()).filter(lacks).map(|fold| &names[fold]).collect();
        if bad.is_empty() {
            return Ok(());
        }
        let role = if folds.is_forward() { Role::Time } else { Role::Fold };
        Err(TableError::FoldLacksClass {
            file: self.file.clone(),
            column: column_of(Some(&self.taken.roles), role),
            folds: list(&bad),
            remedy: match role {
                Role::Time => "use fewer --folds, or label earlier rows of both classes",
                _ => "put both classes into several folds, or leave the column out with --exclude",
            },
        })
    }

    /// A fold column that was only guessed and makes no folds is passed over, with a warning.
    pub(crate) fn set_bad_folds_aside(&mut self) {
        // Without labels of both classes there is nothing to score, and that is said elsewhere.
        let (negatives, positives) = self.data.class_counts();
        if self.folds.is_none() || negatives == 0 || positives == 0 {
            return;
        }
        let Err(error) = self.given_folds(2) else { return };
        self.folds = None;
        self.warnings.push(not_followed(&self.file, &mut self.taken, &error));
    }
}

/// Takes a fold column out of what was taken: it makes no folds.
pub(crate) fn not_followed(file: &str, taken: &mut Taken, error: &TableError) -> TableWarning {
    let column = taken.roles.fold.take().unwrap_or_default();
    taken.passed_over.push(PassedOver::new(&column, "no folds, as these cannot be followed"));
    let (file, role, reason) = (file.to_owned(), Role::Fold.name(), error.to_string());
    TableWarning::ColumnNotUsed { file, role, column, reason }
}

/// How many different numbers there are.
fn distinct(values: &[f64]) -> usize {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.dedup();
    sorted.len()
}
