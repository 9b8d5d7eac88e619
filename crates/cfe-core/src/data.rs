//! The input: probabilities of m classifiers for n instances, with labels for some of them.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::class_totals::class_totals;
use crate::error::{Error, Result, check_length, check_weights};

/// Checked input of every trainer.
///
/// `predictions` is m x n: **rows are classifiers, columns are instances**. An entry is the probability of
/// the positive class in [0, 1]; NaN means that this classifier gave none for this instance. A label is
/// `Some(true)`, `Some(false)` or `None` for an unlabeled instance. The fields are private: whoever holds an
/// `EnsembleData` can trust shapes and ranges. A clone shares the predictions, the confidence and the ids
/// with the original, so that the same instances under other labels cost O(n) memory and not O(m n).
///
/// ```
/// use cfe_core::EnsembleData;
/// use ndarray::array;
///
/// let data = EnsembleData::new(
///     array![[0.9, 0.2, 0.4], [0.8, 0.1, f64::NAN]],
///     vec![Some(true), Some(false), None],
/// )?;
/// assert_eq!((data.n_classifiers(), data.n_instances()), (2, 3));
/// assert_eq!(data.labeled(), [0, 1]);
/// # Ok::<(), cfe_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct EnsembleData {
    predictions: Arc<Array2<f64>>,
    labels: Vec<Option<bool>>,
    labeled: Vec<usize>,
    n_missing: usize,
    classifier_names: Vec<String>,
    instance_ids: Option<Arc<[String]>>,
    sample_weights: Option<Vec<f64>>,
    confidence: Option<Arc<Array2<f64>>>,
}

/// Refuses predictions (m x k, NaN = missing) that are not of these classifiers (m), or hold what is no
/// probability.
///
/// # Errors
/// [`Error::WrongClassifiers`], [`Error::InvalidProbability`], with the instance by its number.
pub fn check_predictions(classifier_names: &[String], predictions: ArrayView2<'_, f64>) -> Result<()> {
    let (found, expected) = (predictions.nrows(), classifier_names.len());
    if found != expected {
        return Err(Error::WrongClassifiers { found, expected });
    }
    let bad = |value: f64| !(value.is_nan() || (0.0..=1.0).contains(&value));
    match predictions.indexed_iter().find(|(_, value)| bad(**value)) {
        Some(((u, i), &value)) => Err(Error::InvalidProbability {
            classifier: classifier_names[u].clone(),
            instance: i.to_string(),
            value,
        }),
        None => Ok(()),
    }
}

impl EnsembleData {
    /// Checks the matrix (m x n) and its labels (n). Classifiers are named `clf_0`, `clf_1`, ... until
    /// [`with_classifier_names`](Self::with_classifier_names) says otherwise.
    ///
    /// # Errors
    /// [`Error::EmptyData`], [`Error::LengthMismatch`], [`Error::InvalidProbability`],
    /// [`Error::NothingObserved`].
    pub fn new(predictions: Array2<f64>, labels: Vec<Option<bool>>) -> Result<Self> {
        let (m, n) = predictions.dim();
        if m == 0 || n == 0 {
            return Err(Error::EmptyData { classifiers: m, instances: n });
        }
        check_length("labels", labels.len(), n)?;
        // Row-major storage is what the kernels rely on; a transposed view is laid out anew.
        let predictions = if predictions.is_standard_layout() {
            predictions
        } else {
            predictions.as_standard_layout().into_owned()
        };
        // Every cell is looked at once, here: whoever holds the data trusts the cells from now on.
        let mut n_missing = 0;
        for ((u, i), &value) in predictions.indexed_iter() {
            if value.is_nan() {
                n_missing += 1;
            } else if !(0.0..=1.0).contains(&value) {
                return Err(Error::InvalidProbability {
                    classifier: default_name(u),
                    instance: i.to_string(),
                    value,
                });
            }
        }
        if n_missing == m * n {
            return Err(Error::NothingObserved);
        }
        let labeled = (0..n).filter(|&i| labels[i].is_some()).collect();
        let classifier_names = (0..m).map(default_name).collect();
        Ok(Self {
            predictions: Arc::new(predictions),
            labels,
            labeled,
            n_missing,
            classifier_names,
            instance_ids: None,
            sample_weights: None,
            confidence: None,
        })
    }

    /// Names the classifiers (m, unique).
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::DuplicateName`].
    pub fn with_classifier_names(mut self, names: Vec<String>) -> Result<Self> {
        check_length("classifier names", names.len(), self.n_classifiers())?;
        check_unique("classifier name", &names)?;
        self.classifier_names = names;
        Ok(self)
    }

    /// Names the instances (n, unique).
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::DuplicateName`].
    pub fn with_instance_ids(mut self, ids: Vec<String>) -> Result<Self> {
        self.set_instance_ids(ids)?;
        Ok(self)
    }

    /// As [`with_instance_ids`](Self::with_instance_ids), in place: what is refused leaves the data as they
    /// are.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::DuplicateName`].
    pub fn set_instance_ids(&mut self, ids: Vec<String>) -> Result<()> {
        check_length("instance ids", ids.len(), self.n_instances())?;
        check_unique("instance id", &ids)?;
        self.instance_ids = Some(ids.into());
        Ok(())
    }

    /// Weighs each instance (n) in the supervised loss; only those of labeled instances count.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::InvalidWeight`].
    pub fn with_sample_weights(mut self, weights: Vec<f64>) -> Result<Self> {
        check_length("sample weights", weights.len(), self.n_instances())?;
        check_weights("sample weight", &weights)?;
        self.sample_weights = Some(weights);
        Ok(self)
    }

    /// Brings a confidence matrix (m x n, entries at least 0) for the strategy `given`.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`], [`Error::InvalidWeight`].
    pub fn with_confidence(mut self, confidence: Array2<f64>) -> Result<Self> {
        let expected = self.predictions.dim();
        if confidence.dim() != expected {
            return Err(Error::ShapeMismatch { what: "the confidence", found: confidence.dim(), expected });
        }
        check_weights("confidence", &confidence)?;
        self.confidence = Some(Arc::new(confidence.as_standard_layout().into_owned()));
        Ok(self)
    }

    /// The same predictions under other labels (n): what cross-validation and hidden test labels need.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`].
    pub fn with_labels(mut self, labels: Vec<Option<bool>>) -> Result<Self> {
        check_length("labels", labels.len(), self.n_instances())?;
        self.labeled = (0..labels.len()).filter(|&i| labels[i].is_some()).collect();
        self.labels = labels;
        Ok(self)
    }

    /// The instances `index` (columns) as data of their own, in that order. An instance may be taken more
    /// than once where the instances have no ids.
    ///
    /// # Errors
    /// [`Error::EmptyData`] if `index` is empty, [`Error::InvalidParameter`] if an entry is not below n,
    /// [`Error::DuplicateName`] if an instance with an id is taken twice, [`Error::NothingObserved`].
    pub fn select_instances(&self, index: &[usize]) -> Result<Self> {
        let n = self.n_instances();
        if let Some(&i) = index.iter().find(|&&i| i >= n) {
            return Err(Error::parameter("index", i, "instance indices are below the number of instances"));
        }
        // Ids are unique, and an instance that is taken twice would give two rows one id.
        if let Some(ids) = &self.instance_ids {
            let mut taken = vec![None; n];
            for (second, &i) in index.iter().enumerate() {
                if let Some(first) = taken[i].replace(second) {
                    let name = ids[i].clone();
                    return Err(Error::DuplicateName { what: "instance id", name, first, second });
                }
            }
        }
        let labels = index.iter().map(|&i| self.labels[i]).collect();
        // `new` counts the gaps of the selection and refuses one without any probability. The rest was
        // checked when it was set.
        let mut selected = Self::new(columns_of(&self.predictions, index), labels)?;
        selected.classifier_names.clone_from(&self.classifier_names);
        selected.instance_ids =
            self.instance_ids.as_ref().map(|ids| index.iter().map(|&i| ids[i].clone()).collect());
        selected.sample_weights = self.sample_weights.as_ref().map(|w| index.iter().map(|&i| w[i]).collect());
        selected.confidence = self.confidence.as_ref().map(|c| Arc::new(columns_of(c, index)));
        Ok(selected)
    }

    /// The probabilities, m x n, row-major.
    pub fn predictions(&self) -> ArrayView2<'_, f64> {
        self.predictions.view()
    }

    /// Number of classifiers, m.
    pub fn n_classifiers(&self) -> usize {
        self.predictions.nrows()
    }

    /// Number of instances, n.
    pub fn n_instances(&self) -> usize {
        self.predictions.ncols()
    }

    /// Number of NaN cells.
    pub fn n_missing(&self) -> usize {
        self.n_missing
    }

    /// Number of cells with a probability.
    pub fn n_observed(&self) -> usize {
        self.predictions.len() - self.n_missing
    }

    /// Labels (n).
    pub fn labels(&self) -> &[Option<bool>] {
        &self.labels
    }

    /// Indices of the labeled instances, ascending.
    pub fn labeled(&self) -> &[usize] {
        &self.labeled
    }

    /// Labels of the labeled instances, in the order of [`labeled`](Self::labeled).
    pub fn labeled_targets(&self) -> Vec<bool> {
        self.labeled.iter().map(|&i| self.labels[i] == Some(true)).collect()
    }

    /// (negatives, positives) among the labeled instances.
    pub fn class_counts(&self) -> (usize, usize) {
        let positives = self.labels.iter().filter(|&&label| label == Some(true)).count();
        (self.labeled.len() - positives, positives)
    }

    /// (negatives, positives) among the labeled instances as they weigh: the sum of the sample weights of
    /// each class, in units of the mean of the weights above 0. Without weights, the counts.
    ///
    /// ```
    /// use cfe_core::EnsembleData;
    /// let labels = vec![Some(true), Some(false), Some(false), None];
    /// let data = EnsembleData::new(ndarray::Array2::from_elem((1, 4), 0.5), labels)?;
    /// assert_eq!(data.class_totals(), (2.0, 1.0));
    /// assert_eq!(data.with_sample_weights(vec![2.0, 0.0, 1.0, 5.0])?.class_totals(), (2.0 / 3.0, 4.0 / 3.0));
    /// # Ok::<(), cfe_core::Error>(())
    /// ```
    pub fn class_totals(&self) -> (f64, f64) {
        let Some(weights) = &self.sample_weights else {
            let (negatives, positives) = self.class_counts();
            return (negatives as f64, positives as f64);
        };
        let of_instance = |&i: &usize| (usize::from(self.labels[i] == Some(true)), weights[i]);
        let totals = class_totals(2, self.labeled.iter().map(of_instance));
        (totals[0], totals[1])
    }

    /// Names of the classifiers (m).
    pub fn classifier_names(&self) -> &[String] {
        &self.classifier_names
    }

    /// Ids of the instances (n), if they were named.
    pub fn instance_ids(&self) -> Option<&[String]> {
        self.instance_ids.as_deref()
    }

    /// Id of one instance: the given one, or its index.
    pub fn instance_id(&self, i: usize) -> String {
        self.instance_ids.as_ref().map_or_else(|| i.to_string(), |ids| ids[i].clone())
    }

    /// Sample weights (n), if given.
    pub fn sample_weights(&self) -> Option<&[f64]> {
        self.sample_weights.as_deref()
    }

    /// The confidence matrix (m x n), if given.
    pub fn confidence(&self) -> Option<ArrayView2<'_, f64>> {
        self.confidence.as_ref().map(|c| c.view())
    }
}

/// Columns of a row-major matrix, row-major again; `select` of ndarray would lay them out by column, and a
/// second copy would be needed.
fn columns_of(matrix: &Array2<f64>, index: &[usize]) -> Array2<f64> {
    let mut cells = Vec::with_capacity(matrix.nrows() * index.len());
    matrix.rows().into_iter().for_each(|row| cells.extend(index.iter().map(|&i| row[i])));
    Array2::from_shape_vec((matrix.nrows(), index.len()), cells).expect("a cell for each row and index")
}

fn default_name(u: usize) -> String {
    format!("clf_{u}")
}

pub(crate) fn check_unique(what: &'static str, names: &[String]) -> Result<()> {
    match first_duplicate(names) {
        Some((first, second)) => {
            Err(Error::DuplicateName { what, name: names[second].clone(), first, second })
        }
        None => Ok(()),
    }
}

/// Positions of a name that occurs twice; of several the one that is complete first.
/// Hashes are sorted on all threads, as a hash set of a million ids takes as long as parsing them.
fn first_duplicate(names: &[String]) -> Option<(usize, usize)> {
    // The hashes are keyed anew in each process, so that no table can be made to collide.
    let state = RandomState::new();
    let mut hashes: Vec<(u64, usize)> =
        names.par_iter().enumerate().map(|(i, name)| (state.hash_one(name), i)).collect();
    hashes.par_sort_unstable();
    let group_of = |group: &[(u64, usize)]| {
        // Almost always one name; otherwise two of one hash, in their order.
        let mut pairs = (1..group.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
        let (a, b) = pairs.find(|&(a, b)| names[group[a].1] == names[group[b].1])?;
        Some((group[a].1, group[b].1))
    };
    hashes.chunk_by(|a, b| a.0 == b.0).filter(|g| g.len() > 1).filter_map(group_of).min_by_key(|&(_, b)| b)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn labels(n: usize) -> Vec<Option<bool>> {
        vec![None; n]
    }

    #[test]
    fn refuses_what_is_no_probability() {
        for bad in [-0.1, 1.1, f64::INFINITY, f64::NEG_INFINITY] {
            let error = EnsembleData::new(array![[0.5, bad]], labels(2)).expect_err("out of range");
            assert!(matches!(error, Error::InvalidProbability { value, .. } if value == bad));
        }
    }

    #[test]
    fn refuses_empty_and_unobserved_matrices() {
        assert!(matches!(EnsembleData::new(Array2::zeros((0, 3)), labels(3)), Err(Error::EmptyData { .. })));
        assert!(matches!(EnsembleData::new(Array2::zeros((3, 0)), labels(0)), Err(Error::EmptyData { .. })));
        assert!(matches!(EnsembleData::new(array![[f64::NAN]], labels(1)), Err(Error::NothingObserved)));
    }

    #[test]
    fn checks_one_dimension_at_a_time() {
        let data = EnsembleData::new(array![[0.1, 0.2], [0.3, 0.4]], labels(2)).expect("valid");
        let names = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
        assert!(matches!(
            EnsembleData::new(array![[0.1, 0.2]], labels(3)),
            Err(Error::LengthMismatch { found: 3, expected: 2, .. })
        ));
        assert!(matches!(data.clone().with_classifier_names(names(3)), Err(Error::LengthMismatch { .. })));
        assert!(matches!(data.clone().with_instance_ids(names(1)), Err(Error::LengthMismatch { .. })));
        assert!(matches!(data.clone().with_sample_weights(vec![1.0]), Err(Error::LengthMismatch { .. })));
        assert!(matches!(
            data.clone().with_confidence(Array2::ones((2, 3))),
            Err(Error::ShapeMismatch { .. })
        ));
        assert!(matches!(
            data.clone().with_sample_weights(vec![1.0, f64::NAN]),
            Err(Error::InvalidWeight { .. })
        ));
        let twice = vec!["a".to_owned(), "a".to_owned()];
        assert!(matches!(data.with_classifier_names(twice), Err(Error::DuplicateName { .. })));
    }

    #[test]
    fn other_labels_share_the_matrices() {
        let data = EnsembleData::new(Array2::from_elem((2, 3), 0.5), vec![None; 3])
            .and_then(|data| data.with_confidence(Array2::ones((2, 3))))
            .expect("valid");
        let other = data.clone().with_labels(vec![Some(true); 3]).expect("of as many instances");
        assert_eq!(other.predictions().as_ptr(), data.predictions().as_ptr());
        assert_eq!(other.confidence().map(|c| c.as_ptr()), data.confidence().map(|c| c.as_ptr()));
        assert_eq!(data.labels(), [None; 3]);
    }

    #[test]
    fn selecting_instances_keeps_everything_in_step() {
        let data = EnsembleData::new(array![[0.1, 0.2, 0.3]], vec![Some(true), None, Some(false)])
            .and_then(|d| d.with_instance_ids(vec!["a".into(), "b".into(), "c".into()]))
            .and_then(|d| d.with_sample_weights(vec![1.0, 2.0, 3.0]))
            .expect("valid");
        let part = data.select_instances(&[2, 0]).expect("in range");
        assert_eq!(part.predictions(), array![[0.3, 0.1]]);
        assert_eq!(part.labels(), [Some(false), Some(true)]);
        assert_eq!(part.instance_id(0), "c");
        assert_eq!(part.sample_weights(), Some(&[3.0, 1.0][..]));
        assert!(data.select_instances(&[3]).is_err());
        assert!(matches!(data.select_instances(&[0, 0]), Err(Error::DuplicateName { .. })), "ids are unique");
    }
}
