//! What columns of weights, costs and times say of the rows.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

use crate::options::TableOptions;
use crate::parts::Parts;
use crate::reading::{Labels, number};
use crate::roles::Role;
use crate::table_error::{TableError, TableResult, shorten};
use crate::warning::TableWarning;

/// One number for each row (n), of the columns that there are.
#[derive(Debug, Default)]
pub(crate) struct RowValues {
    pub weights: Option<Vec<f64>>,
    pub costs: Option<Vec<f64>>,
    pub times: Option<Vec<f64>>,
}

/// Rows shown in a message.
const SHOWN: usize = 12;

impl Parts {
    /// Reads weights, costs and times. `labels` (n) are those that training sees, as numbers of `classes`;
    /// `labeled` (n) says which rows have a label at all.
    ///
    /// Where a column was guessed, or no labels are needed, cells that do not serve put the column aside.
    pub(crate) fn row_values(
        &mut self,
        options: &TableOptions,
        (labels, classes): (&[Option<usize>], &[String]),
        labeled: &[bool],
        warnings: &mut Vec<TableWarning>,
    ) -> TableResult<RowValues> {
        let mut values = RowValues::default();
        // Folds and times are for the fit alone, and a model remembers them only to know their columns.
        for role in [Role::Fold, Role::Time] {
            if options.column(role).is_none() && !self.is_guessed(role) {
                *self.roles.slot(role) = None;
            }
        }
        for role in [Role::Weight, Role::Cost, Role::Time] {
            let Some(cells) = self.roles.slot(role).take() else { continue };
            let read = match role {
                Role::Time => self.times(&cells, labels),
                _ => self.amounts(role, &cells, (labels, classes), labeled, options.part_from),
            };
            // A column that an option named has to serve. A guessed one, or one that only a fit needs, may be
            // put aside.
            match (role, read) {
                (Role::Weight, Ok(read)) => values.weights = Some(read),
                (Role::Cost, Ok(read)) => values.costs = Some(read),
                (_, Ok(read)) => values.times = Some(read),
                (_, Err(error)) if options.labels == Labels::Needed && !self.is_guessed(role) => {
                    return Err(error);
                }
                (_, Err(error)) => {
                    let column = self.taken_for(role).to_owned();
                    if options.labels == Labels::Needed {
                        let (file, reason) = (self.file.clone(), error.to_string());
                        let role = role.name();
                        warnings.push(TableWarning::ColumnNotUsed { file, role, column, reason });
                    }
                    self.set_aside(role, "some of its cells hold none that can be used");
                }
            }
        }
        // Labeled rows without a fold would be scored by nothing.
        if let (Some(folds), true) = (&self.roles.fold, options.labels == Labels::Needed) {
            let without: Vec<usize> =
                (0..folds.len()).filter(|&i| labels[i].is_some() && folds[i].is_empty()).collect();
            if !without.is_empty() {
                let error = TableError::NoFold {
                    file: self.file.clone(),
                    column: self.taken_for(Role::Fold).to_owned(),
                    count: without.len(),
                    rows: self.list_of_rows(&without, None, options.part_from.unwrap_or(0)),
                };
                if !self.is_guessed(Role::Fold) {
                    return Err(error);
                }
                let (file, column) = (self.file.clone(), self.taken_for(Role::Fold).to_owned());
                let (role, reason) = (Role::Fold.name(), error.to_string());
                warnings.push(TableWarning::ColumnNotUsed { file, role, column, reason });
                self.set_aside(Role::Fold, "some labeled rows have none");
            }
        }
        Ok(values)
    }

    /// Rows for a message, each with its cell where `cells` are given, counted from `before`.
    fn list_of_rows(&self, rows: &[usize], cells: Option<&[String]>, before: u64) -> String {
        let show = |&i: &usize| {
            let row = self.rows.listed(i, before);
            match cells {
                Some(cells) => format!("{row} ({:?})", shorten(cells[i].as_bytes())),
                None => row,
            }
        };
        let shown: Vec<String> = rows.iter().take(SHOWN).map(show).collect();
        match rows.len().saturating_sub(SHOWN) {
            0 => shown.join(", "),
            more => format!("{} and {more} more", shown.join(", ")),
        }
    }

    /// Finite numbers of at least 0, which every labeled row needs; of a row without a label that holds none,
    /// 0, as such a row counts for nothing.
    fn amounts(
        &self,
        role: Role,
        cells: &[String],
        (labels, classes): (&[Option<usize>], &[String]),
        labeled: &[bool],
        part_from: Option<u64>,
    ) -> TableResult<Vec<f64>> {
        let read = |cell: &String| match number(cell.trim().as_bytes()) {
            Some((value, false)) if value >= 0.0 && value.is_finite() => Some(value),
            _ => None,
        };
        let values: Vec<Option<f64>> = cells.iter().map(read).collect();
        // Rows with a label outside the train split are scored, and so need an amount as well.
        let bad: Vec<usize> = (0..cells.len()).filter(|&i| values[i].is_none() && labeled[i]).collect();
        let (file, column) = (self.file.clone(), self.taken_for(role).to_owned());
        if !bad.is_empty() {
            let rows = self.list_of_rows(&bad, Some(cells), part_from.unwrap_or(0));
            let count = bad.len();
            return Err(TableError::BadAmounts { file, column, role: role.name(), count, rows });
        }
        let values: Vec<f64> = values.into_iter().map(|value| value.unwrap_or(0.0)).collect();
        // A part of a table may lack a class, or weigh nothing: sums are looked at where all rows are there.
        if part_from.is_some() {
            return Ok(values);
        }
        if role == Role::Weight {
            self.check_sum(&values, labels)?;
        }
        // A class whose rows weigh nothing cannot be learned.
        for (class, name) in classes.iter().enumerate() {
            let rows: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] == Some(class)).collect();
            if !rows.is_empty() && rows.iter().all(|&i| values[i] == 0.0) {
                let (count, rows) = (rows.len(), self.list_of_rows(&rows, None, 0).into());
                let (role, class) = (role.name(), name.as_str().into());
                return Err(TableError::AllAmountsZero { file, column, role, class, count, rows });
            }
        }
        Ok(values)
    }

    /// Refuses weights whose sum is outside of what training can add up, with the row of the largest. Weights
    /// that are all 0 have an error of their own.
    fn check_sum(&self, weights: &[f64], labels: &[Option<usize>]) -> TableResult<()> {
        let learned = || (0..weights.len()).filter(|&i| labels[i].is_some());
        let summed = cfe_core::check_weight_sum("the weights", learned().map(|i| weights[i]));
        let largest = learned().max_by(|&a, &b| weights[a].total_cmp(&weights[b]));
        match (summed, largest) {
            (Err(cfe_core::Error::WeightSum { sum, .. }), Some(i)) => Err(TableError::WeightSum {
                file: self.file.clone(),
                column: self.taken_for(Role::Weight).to_owned(),
                sum,
                largest: weights[i],
                row: self.rows.row(i),
            }),
            _ => Ok(()),
        }
    }

    /// When each row happened: numbers where all labeled train rows hold one, and else dates.
    fn times(&self, cells: &[String], labels: &[Option<usize>]) -> TableResult<Vec<f64>> {
        let as_number = |cell: &String| match number(cell.trim().as_bytes()) {
            Some((value, false)) if value.is_finite() => Some(value),
            _ => None,
        };
        let learned = || (0..cells.len()).filter(|&i| labels[i].is_some());
        let numbers: Vec<Option<f64>> = cells.iter().map(as_number).collect();
        // One unit for all rows: a single date among numbers makes all of them dates.
        let times = match learned().all(|i| numbers[i].is_some()) {
            true => numbers,
            false => cells.iter().map(|cell| seconds(cell.trim())).collect(),
        };
        let bad: Vec<usize> = learned().filter(|&i| times[i].is_none()).collect();
        if bad.is_empty() {
            return Ok(times.into_iter().map(|time| time.unwrap_or(f64::NAN)).collect());
        }
        Err(TableError::BadTimes {
            file: self.file.clone(),
            column: self.taken_for(Role::Time).to_owned(),
            count: bad.len(),
            rows: self.list_of_rows(&bad, Some(cells), 0),
        })
    }
}

/// Seconds since 1970 of an ISO 8601 date, with or without a time of day; UTC where no offset is given.
fn seconds(text: &str) -> Option<f64> {
    let of_time = |time: NaiveDateTime| time.and_utc().timestamp_micros() as f64 / 1e6;
    // A date alone is midnight, then a moment with an offset, then one without, which is taken as UTC.
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(of_time(date.and_hms_opt(0, 0, 0)?));
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(of_time(time.naive_utc()));
    }
    let forms = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
    forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok()).map(of_time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_put_in_order() {
        let texts = [
            "1969-12-31",
            "1970-01-01",
            "2024-02-29 23:59",
            "2024-03-01T00:00:00+01:00",
            "2024-03-01T00:00:00.5Z",
            "2024-03-01 00:00:01",
        ];
        let times: Vec<f64> = texts.iter().map(|text| seconds(text).expect(text)).collect();
        assert_eq!(times[1], 0.0);
        // 23:00 UTC of the day before is before 23:59.
        let mut sorted = times.clone();
        sorted.sort_by(f64::total_cmp);
        assert_eq!(sorted, [times[0], times[1], times[3], times[2], times[4], times[5]]);
        for bad in ["", "2023-02-29", "01.02.2024", "2024-13-01", "yesterday", "2024"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
