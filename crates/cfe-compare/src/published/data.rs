//! The published data set, built into the program.

use cf_ensemble::EnsembleData;
use ndarray::Array2;

use crate::error::Error;

/// `instance_id,label,truth,clf_00,...`; an empty label is an unlabeled instance. One row for each instance.
const PUBLISHED: &str = include_str!("../../data/published.csv");

/// Columns before the classifiers.
const KEYS: usize = 3;

/// Data with the truth that training does not see.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// What the trainers get.
    pub data: EnsembleData,
    /// True label of each instance (n).
    pub truth: Vec<bool>,
    /// The unlabeled instances: the test set.
    pub test: Vec<usize>,
}

impl Experiment {
    /// The published data set.
    ///
    /// # Errors
    /// [`Error::Data`] if the embedded file has been damaged.
    pub fn published() -> Result<Self, Error> {
        Self::parse(PUBLISHED)
    }

    fn parse(text: &str) -> Result<Self, Error> {
        // The file is part of the program, and checked all the same: a damaged copy is an error and not a
        // panic.
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().map_err(|error| damaged(1, error))?;
        let names: Vec<String> = header.iter().skip(KEYS).map(str::to_owned).collect();
        let (mut ids, mut labels, mut truth, mut cells) = (vec![], vec![], vec![], vec![]);
        for (record, line) in reader.records().zip(2..) {
            let record = record.map_err(|error| damaged(line, error))?;
            let field = |k| record.get(k).unwrap_or_default();
            ids.push(field(0).to_owned());
            labels.push(if field(1).is_empty() { None } else { Some(class(field(1), line)?) });
            truth.push(class(field(2), line)?);
            for value in record.iter().skip(KEYS) {
                cells.push(value.parse::<f64>().map_err(|error| damaged(line, error))?);
            }
        }
        // The file has a row for each instance, and the data have one for each classifier.
        let by_instance =
            Array2::from_shape_vec((ids.len(), names.len()), cells).map_err(|error| damaged(1, error))?;
        let test = (0..labels.len()).filter(|&i| labels[i].is_none()).collect();
        let data = EnsembleData::new(by_instance.reversed_axes(), labels)
            .and_then(|data| data.with_classifier_names(names))
            .and_then(|data| data.with_instance_ids(ids))
            .map_err(|error| damaged(1, error))?;
        Ok(Self { data, truth, test })
    }

    /// Entries of `values` (n) that belong to the test set.
    pub fn of_test<T: Copy>(&self, values: &[T]) -> Vec<T> {
        self.test.iter().map(|&i| values[i]).collect()
    }

    /// Mean of the classifiers for each instance (n).
    pub fn simple_average(&self) -> Vec<f64> {
        let m = self.data.n_classifiers() as f64;
        self.data.predictions().columns().into_iter().map(|column| column.sum() / m).collect()
    }
}

fn class(field: &str, line: u64) -> Result<bool, Error> {
    match field {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(damaged(line, format!("{field:?} is not a class; allowed are 0 and 1"))),
    }
}

fn damaged(line: u64, why: impl std::fmt::Display) -> Error {
    Error::Data { line, why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_set_has_its_shape() {
        let experiment = Experiment::published().expect("embedded");
        assert_eq!((experiment.data.n_classifiers(), experiment.data.n_instances()), (10, 500));
        assert_eq!((experiment.test.len(), experiment.data.labeled().len()), (250, 250));
        assert_eq!(experiment.data.class_counts(), (218, 32));
        assert_eq!(experiment.of_test(&experiment.truth).iter().filter(|&&y| y).count(), 33);
        for (i, label) in experiment.data.labels().iter().enumerate() {
            assert!(label.is_none_or(|label| label == experiment.truth[i]), "label {i} is the truth");
        }
    }

    #[test]
    fn damage_is_named_with_its_line() {
        let text = "instance_id,label,truth,a\n0,1,1,0.5\n1,2,0,0.5\n";
        let error = Experiment::parse(text).expect_err("2 is not a class");
        assert!(error.to_string().contains("line 3"), "{error}");
    }
}
