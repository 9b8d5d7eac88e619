//! From what a reader delivers to a checked table.

use cfe_core::{EnsembleData, Error};

use crate::options::TableOptions;
use crate::pairs;
use crate::parts::Parts;
use crate::reading::Labels;
use crate::roles::Role;
use crate::rows::RowNumbers;
use crate::split;
use crate::table::{Table, build};
use crate::table_error::{TableError, TableResult, shorten};
use crate::taken::{PassedOver, Taken};
use crate::warning::{self, TableWarning};

impl Parts {
    /// The table of these parts: labels understood, rows of one instance put together, ids checked.
    pub(crate) fn assemble(mut self, options: &TableOptions) -> TableResult<Table> {
        if let Some(columns) = &self.class_columns {
            return Err(TableError::WrongType {
                file: self.file,
                column: "R".to_owned(),
                found: format!("an array of 3 dimensions with {} classes", columns.classes.len()),
                allowed: "arrays of two classes here; of these take one column for each classifier, such as R[..., 1]",
            });
        }
        let mut warnings = std::mem::take(&mut self.warnings);
        // The order of the steps matters: rows of one id are compared by their labels, and a column is judged
        // once its rows are together.
        self.understand_labels(options, &mut warnings)?;
        // Of two columns that are the classes of one classifier, the labels say which is the positive one.
        if let Some((read, other)) = &self.classes {
            let positive = self.taken.positive.as_deref().or(options.remembered.positive.as_deref());
            if pairs::negative(read, other, (self.taken.negative.as_deref(), positive)) == Some(true) {
                self.matrix.mapv_inplace(|p| 1.0 - p);
            }
        }
        let was_long = self.roles.model.is_some();
        if was_long || self.average {
            let truth = std::mem::take(&mut self.truth);
            let (gathered, truth) = self.gather(truth)?;
            self = gathered;
            self.truth = truth;
        }
        if options.classifiers.is_none() && !was_long {
            self.pass_over_empty();
        }
        let clipped = warning::clip(&self.file, &self.names, &mut self.matrix);
        // A model says which columns it needs, so that none of them is left out.
        if options.classifiers.is_none() {
            self.settle_pairs(&mut warnings);
        }
        warnings.splice(0..0, warning::of_columns(&self.file, &self.names, self.matrix.view()));
        warnings.extend(clipped);
        if options.classifiers.is_none() {
            self.taken.notes.extend(warning::of_hard_columns(&self.names, self.matrix.view()));
            warnings.extend(warning::of_scale(&self.file, self.matrix.view(), options.scale));
            let how = (options.scale, options.input);
            warnings.extend(warning::of_mixed_scale(&self.file, &self.names, self.matrix.view(), how));
        }
        // Rows for training, then what they need to have: labels, weights, times, costs.
        let in_train = self.train_rows(options, &mut warnings)?;
        // A row without any prediction has nothing to learn from: its label would only move the share of
        // positives.
        let predicted: Vec<bool> =
            self.matrix.columns().into_iter().map(|c| c.iter().any(|p| !p.is_nan())).collect();
        let labels: Vec<Option<bool>> =
            (0..in_train.len()).map(|i| self.truth[i].filter(|_| in_train[i] && predicted[i])).collect();
        let codes: Vec<Option<usize>> = labels.iter().map(|label| label.map(usize::from)).collect();
        let labeled: Vec<bool> = self.truth.iter().map(Option::is_some).collect();
        let classes = ["0", "1"].map(String::from);
        let values = self.row_values(options, (&codes, &classes), &labeled, &mut warnings)?;
        let groups = self.groups(&mut warnings);
        if !self.extra.is_empty() {
            let columns = std::mem::take(&mut self.extra);
            warnings.push(TableWarning::ExtraColumns { file: self.file.clone(), columns });
        }
        // From here on the core has checked the cells, and only what names rows is left.
        let mut data = build(&self.file, self.matrix, self.names, labels)?;
        if let Some(weights) = values.weights {
            let failed = |source| TableError::Data { file: self.file.clone(), source };
            data = data.with_sample_weights(weights).map_err(failed)?;
        }
        if let Some(ids) = self.roles.id.take() {
            let guessed = self.guessed.contains(&Role::Id);
            let named = options.id_column.is_some();
            let fitting = options.classifiers.is_none();
            let place = (&self.file[..], &self.rows);
            set_ids(&mut data, ids, (guessed, named, fitting), place, &mut self.taken, &mut warnings)?;
        }
        self.taken.classifiers = data.classifier_names().to_vec();
        let mut table = Table {
            data,
            file: self.file,
            truth: self.truth,
            in_train,
            split: self.roles.split,
            groups,
            folds: self.roles.fold,
            times: values.times,
            costs: values.costs,
            warnings,
            taken: self.taken,
        };
        if options.labels == Labels::Needed && self.guessed.contains(&Role::Fold) {
            table.set_bad_folds_aside();
        }
        // The classifiers of a long table are known only now, so that here they get the order of the model.
        match &options.classifiers {
            Some(names) if was_long => table.align(names),
            _ => Ok(table),
        }
    }

    /// The groups, where an empty cell is a group of its own.
    pub(crate) fn groups(&mut self, warnings: &mut Vec<TableWarning>) -> Option<Vec<String>> {
        let mut groups = self.roles.group.take()?;
        warnings.extend(warning::of_groups(&self.file, &groups));
        separate_rows_without_group(&mut groups);
        Some(groups)
    }

    /// Whether each row is for training.
    pub(crate) fn train_rows(
        &mut self,
        options: &TableOptions,
        warnings: &mut Vec<TableWarning>,
    ) -> TableResult<Vec<bool>> {
        let Some(split) = &self.roles.split else {
            return match &options.train_value {
                Some(value) => {
                    Err(TableError::TrainValueWithoutSplit { file: self.file.clone(), value: value.clone() })
                }
                None => Ok(vec![true; self.matrix.ncols()]),
            };
        };
        let column = self.taken_for(Role::Split);
        let remembered = &options.remembered;
        let same = remembered.roles.split.as_deref() == Some(column);
        let train_value = options.train_value.as_ref().or(remembered.train_value.as_ref().filter(|_| same));
        // A model remembers which value meant training, if the column is the same one.
        let (rows, value) = split::train_rows(column, split, train_value.map(String::as_str));
        if value.is_none() {
            let wanted = options.train_value.clone().unwrap_or_else(|| "train".to_owned());
            let found = warning::some_values(split);
            warnings.push(TableWarning::NoTrainRow { file: self.file.clone(), wanted, found });
        }
        let without = split.iter().filter(|value| value.trim().is_empty()).count();
        if without > 0 && options.labels == Labels::Needed {
            let column = column.to_owned();
            warnings.push(TableWarning::RowsWithoutSplit { file: self.file.clone(), column, rows: without });
        }
        self.taken.train_value = value;
        Ok(rows)
    }
}

/// Gives the rows their ids. Ids that were guessed and do not serve are set aside; ids that were named must
/// be unique.
fn set_ids(
    data: &mut EnsembleData,
    ids: Vec<String>,
    (guessed, named, fitting): (bool, bool, bool),
    (file, rows): (&str, &RowNumbers),
    taken: &mut Taken,
    warnings: &mut Vec<TableWarning>,
) -> TableResult<()> {
    // Three outcomes: ids that serve, named ids that repeat, and guessed ids that are set aside.
    let without = ids.iter().filter(|id| id.is_empty()).count();
    let empty = !named && without > 0;
    match if empty { Ok(()) } else { data.set_instance_ids(ids) } {
        Ok(()) if !empty => Ok(()),
        Err(Error::DuplicateName { name, first, second, .. }) if !guessed => {
            let column = taken.roles.id.clone().unwrap_or_default();
            let (place, first) =
                (rows.place(second, file, &column), Box::new(rows.place(first, file, &column)));
            Err(TableError::DuplicateId { place, value: shorten(name.as_bytes()), first })
        }
        Ok(()) | Err(Error::DuplicateName { .. }) => {
            let column = taken.roles.id.take().unwrap_or_default();
            let reason = if empty { "no id, as some cells are empty" } else { "no id, as its values repeat" };
            taken.passed_over.push(PassedOver::new(&column, reason));
            let file = file.to_owned();
            warnings.push(match empty {
                true => TableWarning::EmptyIds { file, column, rows: without },
                false => TableWarning::RepeatedIds { file, column, fitting },
            });
            Ok(())
        }
        Err(source) => Err(TableError::Data { file: file.to_owned(), source }),
    }
}

/// An empty cell names no group: each such row is a group of its own.
fn separate_rows_without_group(groups: &mut [String]) {
    for (i, group) in groups.iter_mut().enumerate().filter(|(_, group)| group.trim().is_empty()) {
        *group = own_group(i as u64);
    }
}

/// Name of the group of a row without one, by its number. No cell begins with a line break, so the name
/// cannot be that of another group.
pub(crate) fn own_group(row: u64) -> String {
    format!("{OWN_GROUP}{row}")
}

#[cfg(feature = "parquet")]
pub(crate) fn is_own_group(group: &str) -> bool {
    group.starts_with(OWN_GROUP)
}

const OWN_GROUP: &str = "\nrow ";
