//! Which column of a table means what, as the caller says.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::class_columns::ClassesOfModel;
use crate::reading::{Input, Labels, Reading, Scale};
use crate::roles::{Role, Roles};
use crate::taken::Taken;

/// How a table is to be understood. What is not said is guessed from names and contents, and [`Taken`]
/// says what was guessed.
///
/// ```
/// use cfe_io::TableOptions;
///
/// let mut options = TableOptions::default();
/// options.split_column = Some("fold".to_owned());
/// options.train_value = Some("0".to_owned());
/// options.columns = vec!["p_*,!p_old".to_owned()];
/// options.missing = vec!["-999".to_owned()];
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct TableOptions {
    /// Column of the ids; `None` looks for one: `id`, `*_id`, an unnamed first column, the index that pandas
    /// wrote.
    pub id_column: Option<String>,
    /// Column of the labels; `None` looks for one: `label`, `y`, `target`, `class`, ... in any case, or the
    /// only column of two values.
    pub label_column: Option<String>,
    /// Column that says which split a row belongs to; `None` looks for one (`split`, `set`, `is_train`, ...),
    /// and if there is none, every row is for training.
    pub split_column: Option<String>,
    /// Value of the split column in rows for training; `None`: `train` or `training` in any case, and true or
    /// 1 in a column such as `is_train`.
    pub train_value: Option<String>,
    /// Column of groups that cross-validation keeps together; `None` looks for `group`, `patient`, `subject`.
    pub group_column: Option<String>,
    /// Column of the weights of the rows (finite, at least 0); `None` takes one named `weight` or
    /// `sample_weight` in any case.
    pub weight_column: Option<String>,
    /// Column of the folds that the predictions were made in; `None` takes one named `fold` or `cv_fold` in
    /// any case.
    pub fold_column: Option<String>,
    /// Column of when a row happened, as a number or an ISO 8601 date: rows are then scored by earlier ones.
    pub time_column: Option<String>,
    /// Column of what a wrong decision about a row costs (finite, at least 0).
    pub cost_column: Option<String>,
    /// Of [`Role::Weight`] and [`Role::Fold`] those that no column is guessed to have.
    pub not_guessed: Vec<Role>,
    /// Columns of probabilities, as names or patterns with `*` and `?`, several in one entry with commas; `!`
    /// before one leaves its columns out. None: all that hold probabilities and mean nothing else.
    pub columns: Vec<String>,
    /// Columns that are not classifiers, as names or patterns, several in one entry with commas.
    pub exclude: Vec<String>,
    /// The classifiers a model was trained with. If given, exactly these columns are read, in this order; a
    /// missing one is an error, others are passed over with a warning.
    pub classifiers: Option<Vec<String>>,
    /// What stands between classifier and class in the names of the columns of a table of several classes;
    /// `None`: a colon, or what the labels tell.
    pub class_separator: Option<String>,
    /// The classifiers, classes and columns of a model of several classes: its columns are taken for the
    /// same, and its classes are known in tables without labels.
    pub class_model: Option<ClassesOfModel>,
    /// What a model remembers of the table it was trained with; what the options above say goes before. How
    /// cells are read is said by `missing`, `scale` and `input` below alone.
    pub remembered: Remembered,
    /// Whether labels are read.
    pub labels: Labels,
    /// Value of the label column in rows of the positive class; all others are then negative. `None`: the
    /// larger of two numbers, the one of a known pair of words (`yes`, `fraud`, `true`, ...), or else the
    /// rarer one.
    pub positive_label: Option<String>,
    /// Cells that stand for a missing value, besides empty ones and those that pandas, R, SQL and Excel
    /// write.
    pub missing: Vec<String>,
    /// What a number in a classifier's column stands for.
    pub scale: Scale,
    /// What a classifier says.
    pub input: Input,
    /// Encoding of a text table, by its usual name (`latin1`, `utf-16`, `windows-1252`); `None`: UTF-8, or
    /// what a byte order mark says.
    pub encoding: Option<String>,
    /// Delimiter of a text table; `None` takes what cuts the header: comma, tab, semicolon, | or spaces.
    pub delimiter: Option<u8>,
    /// Sheet of a workbook; `None` takes the first visible one that holds a table.
    pub sheet: Option<String>,
    /// Labels for a table in NPY; `None` takes `labels.npy` or `y.npy` beside it if there is one.
    pub labels_file: Option<PathBuf>,
    /// Rows or lines in front of a table that is a part of a larger one, of whose rows nothing is asked
    /// together.
    pub(crate) part_from: Option<u64>,
}

/// What a model or a store remembers of the table that it was made of. Each column is taken for the same
/// again where a table has it, and is not missed where it does not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Remembered {
    /// Column of the labels.
    pub label: Option<String>,
    /// Value of the label column in rows of the positive class.
    pub positive: Option<String>,
    /// Value of the label column in rows of the negative class, where there was a single one.
    pub negative: Option<String>,
    /// Value of the split column in rows for training.
    pub train_value: Option<String>,
    /// Cells that stood for a missing value, besides those that always do.
    pub missing: Vec<String>,
    /// What a number in a classifier's column stood for.
    pub scale: Scale,
    /// What a classifier said.
    pub input: Input,
    /// The other columns that were neither classifiers nor passed over.
    #[serde(flatten)]
    pub roles: Roles<String>,
}

impl Remembered {
    /// The columns of a table that was read, with cells as [`TableOptions`] reads them by default.
    pub fn of(taken: &Taken) -> Self {
        Self {
            missing: Vec::new(),
            scale: Scale::default(),
            input: Input::default(),
            label: taken.label.clone(),
            positive: taken.positive.clone(),
            negative: taken.negative.clone(),
            train_value: taken.train_value.clone(),
            // Which classifier and class a row is of is asked anew of every table.
            roles: Roles { model: None, class: None, ..taken.roles.clone() },
        }
    }
}

impl TableOptions {
    /// The column that is named for a role.
    pub(crate) fn column(&self, role: Role) -> Option<String> {
        match role {
            Role::Id => self.id_column.clone(),
            Role::Split => self.split_column.clone(),
            Role::Group => self.group_column.clone(),
            Role::Weight => self.weight_column.clone(),
            Role::Fold => self.fold_column.clone(),
            Role::Time => self.time_column.clone(),
            Role::Cost => self.cost_column.clone(),
            Role::Model | Role::Class => None,
        }
    }

    /// Names the columns of another table that was read with these options.
    pub(crate) fn name_columns(&mut self, roles: &Roles<String>) {
        let Roles { id, split, group, weight, fold, time, cost, model: _, class: _ } = roles.clone();
        (self.id_column, self.split_column, self.group_column) = (id, split, group);
        (self.weight_column, self.fold_column) = (weight, fold);
        (self.time_column, self.cost_column) = (time, cost);
    }

    pub(crate) fn reading(&self) -> Reading {
        Reading::new(&self.missing, self.scale, self.input)
    }
}
