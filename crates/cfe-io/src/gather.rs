//! Rows of one instance put together: long tables and repeated cross-validation.

use std::collections::{HashMap, HashSet};

use ndarray::Array2;

use crate::parts::Parts;
use crate::roles::Role;
use crate::rows::RowNumbers;
use crate::table_error::{TableError, TableResult, shorten};

impl Parts {
    /// One row for each id, in the order of their first rows. In a long table each classifier gets a column;
    /// where a cell is there more than once, its mean is taken.
    ///
    /// # Errors
    /// [`TableError::Conflict`] where rows of one id disagree.
    pub(crate) fn gather<L: Copy + PartialEq>(
        mut self,
        labels: Vec<Option<L>>,
    ) -> TableResult<(Self, Vec<Option<L>>)> {
        let Some(ids) = self.roles.id.take() else { return Ok((self, labels)) };
        // The row that each id gets, in the order in which ids are met first.
        let mut index = HashMap::with_capacity(ids.len());
        let mut first = Vec::new();
        let row_of: Vec<usize> = ids
            .iter()
            .enumerate()
            .map(|(i, id)| {
                *index.entry(id.as_str()).or_insert_with(|| {
                    first.push(i);
                    first.len() - 1
                })
            })
            .collect();
        let (rows, n) = (ids.len(), first.len());
        // Nothing to put together: every id has one row.
        if n == rows && self.roles.model.is_none() {
            self.roles.id = Some(ids);
            return Ok((self, labels));
        }
        // Rows of one id agree in their labels, where they have one, and with the first of them in all else
        // that is of the instance. Groups need not agree: those of the first rows count.
        let mut known: Vec<Option<L>> = vec![None; n];
        let conflict = |i: usize, column: &str| TableError::Conflict {
            place: self.place(i, column),
            id: shorten(ids[i].as_bytes()),
            first: Box::new(self.place(first[row_of[i]], column)),
        };
        let must_agree = |role: Role| role == Role::Split || role.is_of_labeled_rows();
        // A guessed column that does not agree was not what it was taken for; a column that was named is an
        // error.
        let mut differing = Vec::new();
        for i in 0..rows {
            let leader = first[row_of[i]];
            let label = &mut known[row_of[i]];
            if label.is_some() && labels[i].is_some() && *label != labels[i] {
                return Err(conflict(i, self.taken.label.as_deref().unwrap_or("label")));
            }
            *label = label.or(labels[i]);
            for (role, cells) in self.roles.iter().filter(|(role, _)| must_agree(*role)) {
                if cells[leader] != cells[i] {
                    match self.is_guessed(role) {
                        true => differing.push(role),
                        false => return Err(conflict(i, self.taken_for(role))),
                    }
                }
            }
        }
        // (column, row) of each value. A table of several classes has several columns of values, or a row for
        // each class.
        let width = self.names.len();
        let classes = self.roles.class.take();
        let (names, column_of) = match &self.roles.model {
            None => (self.names.clone(), None),
            Some(models) => {
                // Each (classifier, class) of a long table becomes a column, in the order in which the rows
                // name them.
                let mut position: HashMap<(&str, &str), usize> = HashMap::new();
                let mut names = Vec::new();
                let class = |i: usize| classes.as_ref().map_or("", |classes| classes[i].as_str());
                let column_of: Vec<usize> = models
                    .iter()
                    .enumerate()
                    .map(|(i, model)| {
                        *position.entry((model.as_str(), class(i))).or_insert_with(|| {
                            names.push(match classes {
                                Some(_) => format!("{model}:{}", class(i)),
                                None => model.clone(),
                            });
                            names.len() - 1
                        })
                    })
                    .collect();
                (names, Some(column_of))
            }
        };
        let columns = if column_of.is_some() { width * names.len() } else { names.len() };
        // Sums and counts of each cell: a missing value takes no part in the mean.
        let mut sum = Array2::<f64>::zeros((columns, n));
        let mut count = Array2::<u32>::zeros((columns, n));
        for ((u, i), &value) in self.matrix.indexed_iter() {
            let cell = (column_of.as_ref().map_or(u, |column_of| width * column_of[i] + u), row_of[i]);
            if !value.is_nan() {
                sum[cell] += value;
                count[cell] += 1;
            }
        }
        let averaged = count.iter().filter(|&&k| k > 1).count();
        sum.zip_mut_with(&count, |sum, &k| *sum = if k == 0 { f64::NAN } else { *sum / f64::from(k) });
        let means = match averaged {
            0 => String::new(),
            cells => format!(", means of several rows in {cells} of {} cells", count.len()),
        };
        // How much was put together is said, as a mean of rows may be a surprise.
        self.taken.notes.push(match &self.roles.model {
            Some(models) => {
                let m = models.iter().collect::<HashSet<_>>().len();
                format!("a long table: {rows} rows of {m} classifiers for {n} instances{means}")
            }
            None => format!("{rows} rows of {n} ids{means}"),
        });
        // All else of an instance is that of its first row.
        self.roles.id = Some(ids.clone());
        self.roles.model = None;
        self.roles = self.roles.select(&first);
        for role in differing {
            self.set_aside(role, "rows of one id differ in it");
        }
        self.matrix = sum;
        self.names = match column_of {
            Some(_) if width > 1 => names
                .iter()
                .flat_map(|model| self.names.iter().map(move |name| format!("{model}:{name}")))
                .collect(),
            _ => names.clone(),
        };
        self.models = if column_of.is_some() { names } else { Vec::new() };
        // Lines of the file no longer stand for rows.
        self.rows = RowNumbers::rows();
        // An id has the first label that any of its rows has.
        Ok((self, known))
    }
}
