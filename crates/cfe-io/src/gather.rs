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
        let instances = Instances::new(&ids);
        let (rows, n) = (ids.len(), instances.first.len());
        // Nothing to put together: every id has one row.
        if n == rows && self.roles.model.is_none() {
            self.roles.id = Some(ids);
            return Ok((self, labels));
        }
        let (known, differing) = self.agreement(&ids, &instances, &labels)?;
        // (column, row) of each value. A table of several classes has several columns of values, or a row for
        // each class.
        let width = self.names.len();
        let classes = self.roles.class.take();
        let (names, column_of) = match &self.roles.model {
            None => (self.names.clone(), None),
            Some(models) => {
                let (names, column_of) = long_columns(models, classes.as_deref());
                (names, Some(column_of))
            }
        };
        let columns = if column_of.is_some() { width * names.len() } else { names.len() };
        let place_of = |u: usize, i: usize| {
            (column_of.as_ref().map_or(u, |column_of| width * column_of[i] + u), instances.row_of[i])
        };
        let (means_of_cells, averaged) = means((columns, n), &self.matrix, place_of);
        let of_means = match averaged {
            0 => String::new(),
            cells => format!(", means of several rows in {cells} of {} cells", means_of_cells.len()),
        };
        // How much was put together is said, as a mean of rows may be a surprise.
        self.taken.notes.push(match &self.roles.model {
            Some(models) => {
                let m = models.iter().collect::<HashSet<_>>().len();
                format!("a long table: {rows} rows of {m} classifiers for {n} instances{of_means}")
            }
            None => format!("{rows} rows of {n} ids{of_means}"),
        });
        // All else of an instance is that of its first row.
        self.roles.id = Some(ids.clone());
        self.roles.model = None;
        self.roles = self.roles.select(&instances.first);
        for role in differing {
            self.set_aside(role, "rows of one id differ in it");
        }
        self.matrix = means_of_cells;
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

    /// The label of each instance, and the guessed columns in which its rows differ.
    ///
    /// Rows of one id agree in their labels, where they have one, and with the first of them in all else that
    /// is of the instance. Groups need not agree: those of the first rows count.
    fn agreement<L: Copy + PartialEq>(
        &self,
        ids: &[String],
        instances: &Instances,
        labels: &[Option<L>],
    ) -> TableResult<(Vec<Option<L>>, Vec<Role>)> {
        let Instances { row_of, first } = instances;
        let mut known: Vec<Option<L>> = vec![None; first.len()];
        let conflict = |i: usize, column: &str| TableError::Conflict {
            place: self.place(i, column),
            id: shorten(ids[i].as_bytes()),
            first: Box::new(self.place(first[row_of[i]], column)),
        };
        let must_agree = |role: Role| role == Role::Split || role.is_of_labeled_rows();
        // A guessed column that does not agree was not what it was taken for; a column that was named is an
        // error.
        let mut differing = Vec::new();
        for i in 0..ids.len() {
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
        Ok((known, differing))
    }
}

/// Which rows of a table are of one instance.
struct Instances {
    /// The row that each row of the table becomes.
    row_of: Vec<usize>,
    /// The first row of each instance, in ascending order.
    first: Vec<usize>,
}

impl Instances {
    fn new(ids: &[String]) -> Self {
        let mut index = HashMap::with_capacity(ids.len());
        let mut first = Vec::new();
        let mut row_of = Vec::with_capacity(ids.len());
        for (i, id) in ids.iter().enumerate() {
            row_of.push(*index.entry(id.as_str()).or_insert_with(|| {
                first.push(i);
                first.len() - 1
            }));
        }
        Self { row_of, first }
    }
}

/// Names of the columns of a long table, and the column of each row: one for each classifier or, with
/// `classes`, for each class of a classifier, in the order in which the rows name them.
fn long_columns(models: &[String], classes: Option<&[String]>) -> (Vec<String>, Vec<usize>) {
    let mut position: HashMap<(&str, &str), usize> = HashMap::new();
    let mut names = Vec::new();
    let mut column_of = Vec::with_capacity(models.len());
    for (i, model) in models.iter().enumerate() {
        let class = classes.map_or("", |classes| classes[i].as_str());
        let column = *position.entry((model, class)).or_insert_with(|| {
            names.push(if classes.is_some() { format!("{model}:{class}") } else { model.clone() });
            names.len() - 1
        });
        column_of.push(column);
    }
    (names, column_of)
}

/// The mean of the values that share a place in a matrix of this shape, NaN where there is none, and the
/// number of places that several values share. A missing value takes no part.
fn means(
    shape: (usize, usize),
    values: &Array2<f64>,
    place_of: impl Fn(usize, usize) -> (usize, usize),
) -> (Array2<f64>, usize) {
    let mut sum = Array2::<f64>::zeros(shape);
    let mut count = Array2::<u32>::zeros(shape);
    for ((u, i), &value) in values.indexed_iter().filter(|(_, value)| !value.is_nan()) {
        let place = place_of(u, i);
        sum[place] += value;
        count[place] += 1;
    }
    let averaged = count.iter().filter(|&&k| k > 1).count();
    sum.zip_mut_with(&count, |sum, &k| *sum = if k == 0 { f64::NAN } else { *sum / f64::from(k) });
    (sum, averaged)
}
