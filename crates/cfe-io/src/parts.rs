//! What the readers of formats deliver.

use ndarray::{Array2, Axis};

use crate::class_columns::ClassColumns;
use crate::labels::{self, BadLabels, LabelColumn};
use crate::layout::{Layout, UNKNOWN_HINT};
use crate::options::TableOptions;
use crate::pairs;
use crate::reading::{HAIR, Labels, Reading};
use crate::roles::{Role, Roles};
use crate::rows::RowNumbers;
use crate::table_error::{Place, TableError, TableResult, list, shorten};
use crate::taken::{PassedOver, Taken};
use crate::warning::TableWarning;

/// What a format's reader delivers.
pub(crate) struct Parts {
    pub file: String,
    pub names: Vec<String>,
    pub matrix: Array2<f64>,
    /// The label column as it stands.
    pub labels: Option<LabelColumn>,
    /// The file the labels came from, if it is another one.
    pub labels_from: Option<String>,
    /// The labels once they are understood.
    pub truth: Vec<Option<bool>>,
    /// The cells of the columns that mean something else, as they stand.
    pub roles: Roles<Vec<String>>,
    /// Roles that no option named.
    pub guessed: Vec<Role>,
    /// Of a long table: the column of one class that was read, and that of the other.
    pub classes: Option<(String, String)>,
    /// Whether rows of one id are averaged.
    pub average: bool,
    /// Of an array of several classes: what each column is.
    pub class_columns: Option<ClassColumns>,
    /// The classifiers of a long table, once their rows are together.
    pub models: Vec<String>,
    /// Whether the classifiers were named.
    pub chosen: bool,
    /// Whether every column is a classifier, as in an array.
    pub bare: bool,
    pub extra: Vec<String>,
    pub hints: Vec<&'static str>,
    pub rows: RowNumbers,
    pub taken: Taken,
    /// What is odd about the columns.
    pub warnings: Vec<TableWarning>,
}

impl Parts {
    pub(crate) fn new(file: &str, header: &[String], layout: &Layout) -> Self {
        // What was taken for what is known from the layout; classes and notes come when the cells are read.
        let taken = Taken {
            label: layout.label.map(|at| header[at].clone()),
            roles: layout.roles.map(|_, &at| header[at].clone()),
            passed_over: layout.passed_over.clone(),
            candidates: layout.candidates.clone(),
            ..Taken::default()
        };
        Self {
            file: file.to_owned(),
            names: layout.names(header),
            matrix: Array2::zeros((0, 0)),
            labels: layout.label.map(|_| LabelColumn::default()),
            labels_from: None,
            truth: Vec::new(),
            roles: layout.roles.map(|_, _| Vec::new()),
            guessed: layout.guessed.clone(),
            classes: layout.classes.clone(),
            average: layout.average.is_some(),
            class_columns: None,
            models: Vec::new(),
            chosen: layout.chosen,
            bare: false,
            extra: layout.extra.clone(),
            hints: layout.hints.clone(),
            rows: RowNumbers::rows(),
            taken,
            warnings: layout.warnings.clone(),
        }
    }

    /// For formats that hold numbers: makes probabilities of them, a hair outside [0, 1] at most; NaN is a
    /// missing one.
    pub(crate) fn convert(&mut self, reading: &Reading) -> TableResult<()> {
        let inside = -HAIR..=1.0 + HAIR;
        let plain = reading.is_plain();
        for u in 0..self.matrix.nrows() {
            let mut row = self.matrix.row_mut(u);
            let bad = row.iter_mut().position(|value| {
                // Plain probabilities, which most files hold, stay as they are.
                if value.is_nan() || plain && inside.contains(value) {
                    return false;
                }
                match reading.is_missing_number(*value) {
                    true => *value = f64::NAN,
                    false => match reading.probability(*value, false) {
                        Some(probability) => *value = probability,
                        None => return true,
                    },
                }
                false
            });
            // The first bad cell of a column is named, with what may have been meant.
            if let Some(i) = bad {
                let (place, value) = (self.place(i, &self.names[u]), self.matrix[(u, i)].to_string());
                return Err(TableError::OutOfRange { place, value, hint: self.hint(u) });
            }
        }
        Ok(())
    }

    /// Whether no option named the column of a role.
    pub(crate) fn is_guessed(&self, role: Role) -> bool {
        self.guessed.contains(&role)
    }

    /// The column that was taken for a role.
    pub(crate) fn taken_for(&self, role: Role) -> &str {
        self.taken.roles.get(role).map_or(role.name(), String::as_str)
    }

    /// Takes a role from its column.
    pub(crate) fn set_aside(&mut self, role: Role, reason: &str) {
        *self.roles.slot(role) = None;
        if let Some(column) = self.taken.roles.slot(role).take() {
            let reason = format!("no {}s, as {reason}", role.name());
            self.taken.passed_over.push(PassedOver::new(&column, reason));
        }
    }

    fn hint(&self, u: usize) -> &'static str {
        self.hints.get(u).copied().unwrap_or(UNKNOWN_HINT)
    }

    /// The cell of row `i` in `column`.
    pub(crate) fn place(&self, i: usize, column: &str) -> Place {
        self.rows.place(i, &self.file, column)
    }

    /// Gives the labels their meaning.
    pub(crate) fn understand_labels(
        &mut self,
        options: &TableOptions,
        warnings: &mut Vec<TableWarning>,
    ) -> TableResult<()> {
        let n = self.matrix.ncols();
        let Some(column) = self.labels.take().filter(|_| options.labels != Labels::Ignored) else {
            self.truth = vec![None; n];
            return Ok(());
        };
        let name = self.taken.label.clone().unwrap_or_else(|| "labels".to_owned());
        let file = self.labels_from.clone().unwrap_or_else(|| self.file.clone());
        // Remembered classes are not a demand: rows of one of them alone, or of other words, are understood
        // too.
        let remembered = options.remembered.positive.as_deref().filter(|_| options.positive_label.is_none());
        let negative = options.remembered.negative.as_deref();
        let as_remembered =
            remembered.map(|positive| labels::decide_as_remembered(&column, positive, negative));
        let decided = match as_remembered {
            Some(Ok(decided)) => Ok(decided),
            // The parts before this one have settled what the classes are.
            Some(Err(bad)) if options.part_from.is_some() => Err(bad),
            _ => labels::decide(&column, options.positive_label.as_deref(), options.labels),
        };
        match decided {
            Ok(decided) => {
                self.truth = decided.truth;
                (self.taken.positive, self.taken.negative) = (decided.positive, decided.negative);
                self.taken.label.get_or_insert(name);
                self.taken.notes.extend(decided.note);
                Ok(())
            }
            // To predict, labels are a help and not a need: what cannot be understood is passed over with a
            // word.
            Err(bad) if options.labels == Labels::IfPresent => {
                let (BadLabels::Value { values, .. }
                | BadLabels::Ambiguous { values }
                | BadLabels::NoPositive { values }) = bad;
                self.truth = vec![None; n];
                self.taken.label = None;
                self.taken
                    .passed_over
                    .push(PassedOver::new(&name, "labels are not needed, and these are none"));
                warnings.push(TableWarning::LabelsPassedOver { file, column: name, values });
                Ok(())
            }
            Err(BadLabels::Value { row, text, values }) => {
                let place = Place { file, ..self.place(row, &name) };
                let value = shorten(text.as_bytes());
                Err(TableError::InvalidLabel { place, value, values: list(&values) })
            }
            Err(BadLabels::Ambiguous { values }) => {
                Err(TableError::AmbiguousLabels { file, column: name, values: list(&values) })
            }
            Err(BadLabels::NoPositive { values }) => Err(TableError::NoPositiveLabel {
                file,
                column: name,
                wanted: options.positive_label.clone().unwrap_or_default(),
                values: list(&values),
            }),
        }
    }

    /// Passes over columns without any cell, such as one of notes, where the classifiers were guessed. A
    /// table of nothing else is left as it is, and refused later.
    pub(crate) fn pass_over_empty(&mut self) {
        if self.chosen || self.bare {
            return;
        }
        let is_empty = |u: &usize| self.matrix.row(*u).iter().all(|p| p.is_nan());
        let (out, kept): (Vec<usize>, Vec<usize>) = (0..self.names.len()).partition(is_empty);
        if out.is_empty() || kept.is_empty() {
            return;
        }
        let empty = out.iter().map(|&u| PassedOver::new(&self.names[u], "empty in every row"));
        self.taken.passed_over.extend(empty);
        self.matrix = self.matrix.select(Axis(0), &kept);
        self.names = kept.iter().map(|&u| self.names[u].clone()).collect();
    }

    /// Leaves out the column of the negative class of each pair that sums to 1, or says that there is such a
    /// pair.
    pub(crate) fn settle_pairs(&mut self, warnings: &mut Vec<TableWarning>) {
        let classes = (self.taken.negative.as_deref(), self.taken.positive.as_deref());
        let mut out = Vec::new();
        for pair in pairs::complements(&self.names, self.matrix.view(), classes) {
            // A column that was chosen stays, with a warning.
            match pair.negative.filter(|_| !self.chosen) {
                Some(negative) => {
                    // The pair has two places, and this is the other one.
                    let positive = pair.first + pair.second - negative;
                    // Gaps of one half are not filled by the other: a model reads the columns it kept alone,
                    // and a row has to be read in the same way when it is predicted.
                    let halves = self.matrix.row(negative).into_iter().zip(self.matrix.row(positive));
                    let alone = halves.filter(|(half, kept)| !half.is_nan() && kept.is_nan()).count();
                    let gaps = if alone > 0 { format!(", but alone in {alone} rows") } else { String::new() };
                    let reason = format!("1 - {}{gaps}", self.names[positive]);
                    self.taken.passed_over.push(PassedOver::new(&self.names[negative], reason));
                    out.push(negative);
                }
                None => warnings.push(TableWarning::Complement {
                    file: self.file.clone(),
                    column: self.names[pair.first].clone(),
                    other: self.names[pair.second].clone(),
                }),
            }
        }
        if out.is_empty() {
            return;
        }
        let kept: Vec<usize> = (0..self.names.len()).filter(|u| !out.contains(u)).collect();
        self.matrix = self.matrix.select(Axis(0), &kept);
        self.names = kept.iter().map(|&u| self.names[u].clone()).collect();
    }
}
