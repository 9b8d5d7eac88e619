//! More than two classes: the predictions of m classifiers for n instances and K classes.
//!
//! [`ClassPredictions`] is to K classes what the matrix of [`EnsembleData`](crate::EnsembleData) is to two,
//! and [`ClassData`] adds the labels. [`ClassData::of_class`] is the binary problem "class k or another one".

mod check;
mod data;

pub use check::{ROUNDING, TOLERANCE};
pub use data::ClassData;

use ndarray::{Array2, Array3, ArrayView3, Axis};

use crate::data::check_unique;
use crate::error::{Error, Result, check_length};

/// Checked probabilities of m classifiers for n instances and K classes.
///
/// `values` is m x n x K. An entry is a probability, 0 to 1, and the entries of one classifier and instance
/// sum to 1. NaN in all of them says that this classifier gave no prediction for this instance. A classifier
/// whose column of a class is NaN for every instance has never heard of that class: its other classes sum to
/// 1, and it has no say on this one.
///
/// ```
/// use cfe_core::classes::ClassPredictions;
/// use ndarray::array;
///
/// let nan = f64::NAN;
/// let values = array![
///     [[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]],
///     [[0.5, 0.5, nan], [nan, nan, nan]],
/// ];
/// let classes = ["cat", "dog", "owl"].map(String::from).to_vec();
/// let predictions = ClassPredictions::new(values, vec!["forest".into(), "svm".into()], classes)?;
/// assert!(predictions.knows(0, 2) && !predictions.knows(1, 2));
/// assert_eq!(predictions.renormalized(), 0);
/// # Ok::<(), cfe_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ClassPredictions {
    values: Array3<f64>,
    classifier_names: Vec<String>,
    classes: Vec<String>,
    /// Which classifier (m) knows which class (K).
    knows: Array2<bool>,
    renormalized: usize,
}

impl ClassPredictions {
    /// Checks values (m x n x K), names of the classifiers (m, unique) and labels of the classes (K, unique).
    ///
    /// Sums within [`ROUNDING`] of 1 stay as they are; those within [`TOLERANCE`] are scaled to 1, and
    /// [`renormalized`](Self::renormalized) counts them.
    ///
    /// # Errors
    /// [`Error::EmptyData`], [`Error::TooFewClasses`], [`Error::LengthMismatch`], [`Error::DuplicateName`],
    /// [`Error::NothingObserved`], and with every offending place counted [`Error::ClassProbabilities`],
    /// [`Error::ClassesMissing`], [`Error::ClassSums`].
    pub fn new(values: Array3<f64>, classifier_names: Vec<String>, classes: Vec<String>) -> Result<Self> {
        let (m, n, k) = values.dim();
        // Shapes and names first, then the cells: what is not a probability, what is given in part, what does
        // not sum to 1.
        if m == 0 || n == 0 {
            return Err(Error::EmptyData { classifiers: m, instances: n });
        }
        if k < 2 {
            return Err(Error::TooFewClasses { found: k });
        }
        check_length("classifier names", classifier_names.len(), m)?;
        check_length("classes", classes.len(), k)?;
        check_unique("classifier name", &classifier_names)?;
        check_unique("class", &classes)?;
        let mut values =
            if values.is_standard_layout() { values } else { values.as_standard_layout().into_owned() };
        let named = check::Names { classifiers: &classifier_names, classes: &classes };
        check::probabilities(&values, named)?;
        let knows = check::known(&values);
        if !knows.iter().any(|&known| known) {
            return Err(Error::NothingObserved);
        }
        check::whole_rows(&values, &knows, named)?;
        let renormalized = check::sums(&mut values, named)?;
        Ok(Self { values, classifier_names, classes, knows, renormalized })
    }

    /// The probabilities, m x n x K.
    pub fn values(&self) -> ArrayView3<'_, f64> {
        self.values.view()
    }

    /// Number of classifiers, m.
    pub fn n_classifiers(&self) -> usize {
        self.values.len_of(Axis(0))
    }

    /// Number of instances, n.
    pub fn n_instances(&self) -> usize {
        self.values.len_of(Axis(1))
    }

    /// Number of classes, K.
    pub fn n_classes(&self) -> usize {
        self.classes.len()
    }

    /// Names of the classifiers (m).
    pub fn classifier_names(&self) -> &[String] {
        &self.classifier_names
    }

    /// Labels of the classes (K).
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Whether classifier `u` gave a probability for class `k` of any instance.
    pub fn knows(&self, u: usize, k: usize) -> bool {
        self.knows[(u, k)]
    }

    /// Predictions (of one classifier for one instance) that were scaled to the sum 1.
    pub fn renormalized(&self) -> usize {
        self.renormalized
    }

    /// Predictions that are missing, of m n.
    pub fn n_missing(&self) -> usize {
        self.values.lanes(Axis(2)).into_iter().filter(|row| row.iter().all(|p| p.is_nan())).count()
    }

    /// Classifiers that gave a prediction for instance `i`.
    pub fn n_observed(&self, i: usize) -> usize {
        let given = |row: &ndarray::ArrayView1<'_, f64>| row.iter().any(|p| !p.is_nan());
        self.values.index_axis(Axis(1), i).outer_iter().filter(given).count()
    }

    /// Classifiers that know class `k`, by their numbers.
    pub fn known_by(&self, k: usize) -> Vec<usize> {
        (0..self.n_classifiers()).filter(|&u| self.knows[(u, k)]).collect()
    }

    /// The probabilities of class `k` (classifiers x n) by those `classifiers`.
    pub fn of_class(&self, k: usize, classifiers: &[usize]) -> Array2<f64> {
        self.values.index_axis(Axis(2), k).select(Axis(0), classifiers)
    }

    /// The mean distribution of instance `i` over the classifiers (K, sum 1): soft voting. A class is
    /// averaged over those that know it; without any prediction every class has 1 / K.
    pub fn soft_vote(&self, i: usize) -> Vec<f64> {
        let rows = self.values.index_axis(Axis(1), i);
        let mean = |k: usize| {
            let given = rows.column(k);
            let (sum, count) =
                given.iter().filter(|p| !p.is_nan()).fold((0.0, 0.0), |(s, c), p| (s + p, c + 1.0));
            if count > 0.0 { sum / count } else { 0.0 }
        };
        let mut vote: Vec<f64> = (0..self.n_classes()).map(mean).collect();
        normalize(&mut vote);
        vote
    }

    /// The predictions for these classes by these classifiers, both by name and in this order, each scaled to
    /// the sum 1 over the classes that are left. A prediction that gives none of them a probability is
    /// missing.
    ///
    /// # Errors
    /// [`Error::UnknownName`] for a name that is not here; what [`new`](Self::new) refuses.
    pub fn align(&self, classifier_names: &[String], classes: &[String]) -> Result<Self> {
        if classifier_names == self.classifier_names && classes == self.classes {
            return Ok(self.clone());
        }
        let us = positions("classifier", classifier_names, &self.classifier_names)?;
        let ks = positions("class", classes, &self.classes)?;
        let mut values = self.values.select(Axis(0), &us).select(Axis(2), &ks);
        // Columns of other classes are gone, and the rest is scaled. With all classes there, the sums stay as
        // they are.
        if ks.len() < self.n_classes() {
            for mut row in values.lanes_mut(Axis(2)) {
                let sum: f64 = row.iter().filter(|p| !p.is_nan()).sum();
                row.mapv_inplace(|p| if sum > 0.0 { p / sum } else { f64::NAN });
            }
        }
        // The count is of the table as it was read. What is scaled here is not a fault of the table.
        let renormalized = self.renormalized;
        let aligned = Self::new(values, classifier_names.to_vec(), classes.to_vec())?;
        Ok(Self { renormalized, ..aligned })
    }

    /// The instances `index`, in that order.
    ///
    /// # Errors
    /// [`Error::EmptyData`], [`Error::InvalidParameter`] for an entry that is not below n,
    /// [`Error::NothingObserved`].
    pub fn select_instances(&self, index: &[usize]) -> Result<Self> {
        let n = self.n_instances();
        if let Some(&i) = index.iter().find(|&&i| i >= n) {
            return Err(Error::parameter("index", i, "instance indices are below the number of instances"));
        }
        if index.is_empty() {
            return Err(Error::EmptyData { classifiers: self.n_classifiers(), instances: 0 });
        }
        let values = self.values.select(Axis(1), index);
        // A part of the instances may hold no prediction at all, which no fit can use.
        let knows = check::known(&values);
        if !knows.iter().any(|&known| known) {
            return Err(Error::NothingObserved);
        }
        // The rows were checked, and a class that a classifier knows stays known in a part of them.
        Ok(Self { values, ..self.clone() })
    }
}

fn positions(what: &'static str, wanted: &[String], present: &[String]) -> Result<Vec<usize>> {
    let missing: Vec<&str> =
        wanted.iter().filter(|name| !present.contains(name)).map(String::as_str).collect();
    if !missing.is_empty() {
        return Err(Error::UnknownName {
            what,
            names: check::first_of(&missing),
            present: check::first_of(present),
        });
    }
    let position = |name: &String| present.iter().position(|p| p == name).expect("none is missing");
    Ok(wanted.iter().map(position).collect())
}

/// Scales to the sum 1; equal shares where all are 0.
pub fn normalize(shares: &mut [f64]) {
    let sum: f64 = shares.iter().sum();
    let equal = 1.0 / shares.len() as f64;
    shares.iter_mut().for_each(|p| *p = if sum > 0.0 { *p / sum } else { equal });
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, array};

    use super::*;

    fn names(of: &[&str]) -> Vec<String> {
        of.iter().map(|&name| name.to_owned()).collect()
    }

    fn of(values: Array3<f64>) -> Result<ClassPredictions> {
        let (m, _, k) = values.dim();
        let classifiers = (0..m).map(|u| format!("c{u}")).collect();
        ClassPredictions::new(values, classifiers, (0..k).map(|k| k.to_string()).collect())
    }

    #[test]
    fn every_offending_place_is_counted_and_named() {
        let error = of(array![[[1.2, 0.1, -0.3], [0.2, 0.3, 0.5]]]).expect_err("two are outside");
        assert!(
            matches!(&error, Error::ClassProbabilities { count: 2, places }
            if places == "c0, instance 0, class \"0\": 1.2; c0, instance 0, class \"2\": -0.3"),
            "{error}"
        );
        let nan = f64::NAN;
        let error = of(array![[[0.4, 0.6, nan], [0.2, 0.3, 0.5]]]).expect_err("one class is missing");
        assert!(
            matches!(&error, Error::ClassesMissing { count: 1, places } if places == "c0, instance 0"),
            "{error}"
        );
        let error = of(array![[[0.4, 0.6, 0.1], [0.2, 0.3, 0.5]]]).expect_err("1.1");
        assert!(
            matches!(&error, Error::ClassSums { count: 1, .. }) && error.to_string().contains("1.1"),
            "{error}"
        );
        assert!(matches!(of(array![[[1.0], [1.0]]]), Err(Error::TooFewClasses { found: 1 })));
        assert!(matches!(of(array![[[nan, nan]]]), Err(Error::NothingObserved)));
        let twice = ClassPredictions::new(array![[[0.5, 0.5]]], names(&["a"]), names(&["x", "x"]));
        assert!(matches!(twice, Err(Error::DuplicateName { .. })));
    }

    #[test]
    fn small_gaps_are_scaled_and_counted_and_rounding_is_left() {
        let predictions = of(array![[[0.5, 0.3, 0.21], [0.33333, 0.33333, 0.33333]]]).expect("near 1");
        assert_eq!(predictions.renormalized(), 1);
        assert_eq!(predictions.values()[(0, 0, 0)], 0.5 / 1.01);
        assert_eq!(predictions.values()[(0, 1, 0)], 0.33333);
    }

    #[test]
    fn a_classifier_that_never_heard_of_a_class_has_no_say_on_it() {
        let nan = f64::NAN;
        let predictions = of(array![[[0.6, 0.3, 0.1], [nan, nan, nan]], [[0.2, 0.8, nan], [0.5, 0.5, nan]],])
            .expect("valid");
        assert_eq!((predictions.known_by(2), predictions.known_by(0)), (vec![0], vec![0, 1]));
        assert_eq!((predictions.n_missing(), predictions.n_observed(1)), (1, 1));
        let vote = predictions.soft_vote(0);
        // Means 0.4, 0.55 and 0.1 of those that know the class, scaled.
        [0.4, 0.55, 0.1].iter().zip(vote).for_each(|(a, b)| assert!((a / 1.05 - b).abs() < 1e-15));
    }

    #[test]
    fn a_class_that_a_model_does_not_know_is_taken_off() {
        let predictions = of(array![[[0.5, 0.3, 0.2], [0.0, 0.0, 1.0]]]).expect("valid");
        let aligned = predictions.align(&names(&["c0"]), &names(&["1", "0"])).expect("both are there");
        assert_eq!(aligned.values().index_axis(Axis(1), 0), array![[0.3 / 0.8, 0.5 / 0.8]]);
        assert!(aligned.values()[(0, 1, 0)].is_nan());
        let error = predictions.align(&names(&["c0", "x", "y"]), &names(&["0", "1"])).expect_err("x, y");
        assert!(matches!(&error, Error::UnknownName { names, .. } if names == "x, y"), "{error}");
    }
}
