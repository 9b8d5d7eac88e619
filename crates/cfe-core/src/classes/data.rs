//! Predictions of several classes with labels.

use super::ClassPredictions;
use crate::EnsembleData;
use crate::class_totals::class_totals;
use crate::error::{Error, Result, check_length, check_weights, ensure};
use crate::weights::{ClassWeight, check_weight_sum};

/// Checked input of a fit to K classes: what [`EnsembleData`] is for two.
///
/// A label (n) is the number of a class, 0 to K - 1 in the order of [`ClassPredictions::classes`], or `None`
/// for an unlabeled instance.
///
/// ```
/// use cfe_core::classes::{ClassData, ClassPredictions};
/// use ndarray::array;
///
/// let values = array![[[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.2, 0.6, 0.2]]];
/// let classes = ["cat", "dog", "owl"].map(String::from).to_vec();
/// let predictions = ClassPredictions::new(values, vec!["forest".into()], classes)?;
/// let data = ClassData::new(predictions, vec![Some(0), Some(2), None])?;
/// assert_eq!(data.class_counts(), [1, 0, 1]);
/// // Is it an owl? The binary problem of class 2.
/// let owl = data.of_class(2)?;
/// assert_eq!(owl.labels(), [Some(false), Some(true), None]);
/// # Ok::<(), cfe_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ClassData {
    predictions: ClassPredictions,
    labels: Vec<Option<usize>>,
    labeled: Vec<usize>,
    sample_weights: Option<Vec<f64>>,
}

impl ClassData {
    /// Predictions with labels (n), each below K.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::InvalidParameter`] for a label that is not the number of a class.
    pub fn new(predictions: ClassPredictions, labels: Vec<Option<usize>>) -> Result<Self> {
        check_length("labels", labels.len(), predictions.n_instances())?;
        let classes = predictions.n_classes();
        if let Some(label) = labels.iter().flatten().find(|&&label| label >= classes) {
            ensure(
                false,
                "label",
                label,
                "labels are numbers of classes, from 0 and below the number of classes",
            )?;
        }
        let labeled = (0..labels.len()).filter(|&i| labels[i].is_some()).collect();
        Ok(Self { predictions, labels, labeled, sample_weights: None })
    }

    /// Weighs each instance (n), finite and at least 0.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::InvalidWeight`].
    pub fn with_sample_weights(mut self, weights: Vec<f64>) -> Result<Self> {
        check_length("sample weights", weights.len(), self.labels.len())?;
        check_weights("sample weight", &weights)?;
        self.sample_weights = Some(weights);
        Ok(self)
    }

    /// The predictions.
    pub fn predictions(&self) -> &ClassPredictions {
        &self.predictions
    }

    /// The predictions, without the labels.
    pub fn into_predictions(self) -> ClassPredictions {
        self.predictions
    }

    /// Labels (n).
    pub fn labels(&self) -> &[Option<usize>] {
        &self.labels
    }

    /// Indices of the labeled instances, ascending.
    pub fn labeled(&self) -> &[usize] {
        &self.labeled
    }

    /// Labels of the labeled instances, in the order of [`labeled`](Self::labeled).
    pub fn labeled_targets(&self) -> Vec<usize> {
        self.labels.iter().flatten().copied().collect()
    }

    /// Sample weights (n), if given.
    pub fn sample_weights(&self) -> Option<&[f64]> {
        self.sample_weights.as_deref()
    }

    /// Sample weights of the labeled instances, 1 each where none were given.
    pub fn labeled_weights(&self) -> Vec<f64> {
        self.labeled.iter().map(|&i| self.sample_weights.as_ref().map_or(1.0, |w| w[i])).collect()
    }

    /// Labeled instances of each class (K).
    pub fn class_counts(&self) -> Vec<usize> {
        self.counts(|_| true)
    }

    /// Labeled instances of each class (K) whose weight is above 0: those that are learned from.
    ///
    /// ```
    /// # use cfe_core::classes::{ClassData, ClassPredictions};
    /// # let values = ndarray::array![[[0.7, 0.3], [0.1, 0.9], [0.2, 0.8]]];
    /// # let classes = ["cat", "dog"].map(String::from).to_vec();
    /// # let predictions = ClassPredictions::new(values, vec!["forest".into()], classes)?;
    /// let data = ClassData::new(predictions, vec![Some(0), Some(1), Some(1)])?;
    /// let data = data.with_sample_weights(vec![1.0, 0.0, 3.0])?;
    /// assert_eq!((data.class_counts(), data.counting_counts()), (vec![1, 2], vec![1, 1]));
    /// # Ok::<(), cfe_core::Error>(())
    /// ```
    pub fn counting_counts(&self) -> Vec<usize> {
        self.counts(|i| self.sample_weights.as_ref().is_none_or(|weights| weights[i] > 0.0))
    }

    /// What the labeled instances of each class (K) weigh, in units of the mean of the weights above 0; their
    /// numbers without weights.
    pub fn class_totals(&self) -> Vec<f64> {
        let of_instance =
            |&i: &usize| Some((self.labels[i]?, self.sample_weights.as_ref().map_or(1.0, |w| w[i])));
        class_totals(self.predictions.n_classes(), self.labeled.iter().filter_map(of_instance))
    }

    fn counts(&self, keep: impl Fn(usize) -> bool) -> Vec<usize> {
        let mut counts = vec![0; self.predictions.n_classes()];
        let labeled = self.labeled.iter().filter(|&&i| keep(i));
        labeled.filter_map(|&i| self.labels[i]).for_each(|label| counts[label] += 1);
        counts
    }

    /// Weight of each labeled instance, class weight times sample weight, in the order of
    /// [`labeled`](Self::labeled).
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for class weights that are out of range or belong to two classes, and what
    /// [`check_weight_sum`] refuses.
    pub fn instance_weights(&self, class_weight: ClassWeight) -> Result<Vec<f64>> {
        class_weight.validate()?;
        // Class weights follow what the classes weigh: with n / (K n_c) each class then has the same total.
        let of_class = class_weight.of_counts(&self.class_totals())?;
        let targets = self.labeled_targets();
        let weights: Vec<f64> =
            targets.iter().zip(self.labeled_weights()).map(|(&label, w)| of_class[label] * w).collect();
        check_weight_sum("the weights of the labeled instances", weights.iter().copied())?;
        Ok(weights)
    }

    /// The same predictions under other labels (n).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_labels(self, labels: Vec<Option<usize>>) -> Result<Self> {
        let sample_weights = self.sample_weights;
        Ok(Self { sample_weights, ..Self::new(self.predictions, labels)? })
    }

    /// The binary problem of class `k` against all others: the classifiers that know it, with their
    /// probabilities of it. A labeled instance is positive if it is of class k.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a number that is not below K, [`Error::ClassWithoutPrediction`].
    pub fn of_class(&self, k: usize) -> Result<EnsembleData> {
        let predictions = &self.predictions;
        ensure(
            k < predictions.n_classes(),
            "class",
            k,
            "the number of a class, below the number of classes",
        )?;
        // A classifier that never heard of the class has no say on it, and is not part of the problem.
        let known_by = predictions.known_by(k);
        if known_by.is_empty() {
            return Err(Error::ClassWithoutPrediction { class: predictions.classes()[k].clone() });
        }
        let names = known_by.iter().map(|&u| predictions.classifier_names()[u].clone()).collect();
        let labels = self.labels.iter().map(|label| label.map(|label| label == k)).collect();
        let data =
            EnsembleData::new(predictions.of_class(k, &known_by), labels)?.with_classifier_names(names)?;
        match &self.sample_weights {
            Some(weights) => data.with_sample_weights(weights.clone()),
            None => Ok(data),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;

    fn data() -> ClassData {
        let values = Array3::from_shape_fn((2, 6, 3), |(u, i, k)| {
            let raw = |k: usize| 1.0 + ((u + 2) * (i + 3) * (k + 1) % 7) as f64;
            raw(k) / (raw(0) + raw(1) + raw(2))
        });
        let names = |prefix: &str, n: usize| (0..n).map(|i| format!("{prefix}{i}")).collect::<Vec<_>>();
        let predictions = ClassPredictions::new(values, names("c", 2), names("", 3)).expect("valid");
        ClassData::new(predictions, vec![Some(0), Some(0), Some(0), Some(2), None, Some(1)]).expect("valid")
    }

    #[test]
    fn weights_of_classes_and_instances_are_multiplied() {
        let data = data().with_sample_weights(vec![1.0, 2.0, 1.0, 1.0, 9.0, 0.5]).expect("six");
        assert_eq!(data.class_counts(), [3, 1, 1]);
        let weights = data.instance_weights(ClassWeight::Balanced).expect("valid");
        // The rows of the three classes weigh 4, 1 and 0.5; each class gets a third of 5.5.
        let expected = [5.5 / 12.0, 11.0 / 12.0, 5.5 / 12.0, 5.5 / 3.0, 5.5 / 3.0];
        assert!(
            weights.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-15),
            "{weights:?}"
        );
        let given = ClassWeight::Given { negative: 1.0, positive: 2.0 };
        assert!(matches!(data.instance_weights(given), Err(Error::InvalidParameter { .. })));
        assert!(matches!(data.clone().with_sample_weights(vec![-1.0; 6]), Err(Error::InvalidWeight { .. })));
        assert!(data.with_sample_weights(vec![1.0; 5]).is_err());
    }

    #[test]
    fn a_label_is_the_number_of_a_class() {
        let error = data().with_labels(vec![Some(3); 6]).expect_err("three classes");
        assert!(matches!(error, Error::InvalidParameter { name: "label", .. }));
        assert!(data().of_class(3).is_err() && data().with_labels(vec![None; 5]).is_err());
    }
}
