//! Weights of the labeled instances in the supervised loss.

use ndarray::ArrayView1;
use serde::{Deserialize, Serialize};

use crate::data::EnsembleData;
use crate::error::{Error, Result, ensure, is_positive};

/// Sums of weights that are exact to a few units in the last place, with room for products.
const SUMS: std::ops::RangeInclusive<f64> = 1e-290..=1e290;

/// What messages call the product of class weight, sample weight and cost.
pub(crate) const LABELED: &str = "the weights of the labeled instances";

/// How the two classes are weighted against each other.
///
/// | variant | weight of an instance of class k, N labeled, N_k of its class |
/// |---|---|
/// | `Uniform` | 1 |
/// | `Balanced` | N / (2 N_k), or N / (K N_k) of K classes: inverse class frequency as scikit-learn's `class_weight="balanced"` (King and Zeng, 2001) |
/// | `EffectiveNumber` | proportional to (1 - beta) / (1 - beta^N_k) (Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019), scaled so that the weights sum to N |
/// | `Given` | the number given for its class |
///
/// `EffectiveNumber` lies between the others: beta = 0 is `Uniform`, beta -> 1 is `Balanced`. With one class
/// only, both it and `Balanced` are 1 for every instance: there is nothing to balance.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClassWeight {
    /// Each instance counts the same.
    Uniform,
    /// Each class counts the same.
    #[default]
    Balanced,
    /// Each class counts as many instances as it has that do not repeat each other.
    EffectiveNumber {
        /// 0 to below 1; 0.9 to 0.9999 is usual, nearer to 1 for more data.
        beta: f64,
    },
    /// Weights of the user's own.
    Given {
        /// Weight of a negative instance, positive and finite.
        negative: f64,
        /// Weight of a positive instance, positive and finite.
        positive: f64,
    },
}

impl ClassWeight {
    /// Refuses weights that are not positive and finite, and a beta outside 0 to below 1.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    pub fn validate(self) -> Result<()> {
        if let ClassWeight::EffectiveNumber { beta } = self {
            ensure((0.0..1.0).contains(&beta), "class_weight.beta", beta, "0 to below 1; 0.999 is usual")?;
        }
        if let ClassWeight::Given { negative, positive } = self {
            const ALLOWED: &str = "class weights are positive and finite";
            ensure(is_positive(negative), "class_weight.negative", negative, ALLOWED)?;
            ensure(is_positive(positive), "class_weight.positive", positive, ALLOWED)?;
        }
        Ok(())
    }

    /// (weight of a negative, weight of a positive) for the given counts, see
    /// [`of_counts`](Self::of_counts).
    ///
    /// ```
    /// use cfe_core::ClassWeight;
    /// // 90 negatives, 10 positives: 100 / 180 and 100 / 20.
    /// assert_eq!(ClassWeight::Balanced.per_class(90.0, 10.0), (100.0 / 180.0, 5.0));
    /// assert_eq!(ClassWeight::Balanced.per_class(7.0, 0.0), (1.0, 1.0));
    /// ```
    pub fn per_class(self, negatives: f64, positives: f64) -> (f64, f64) {
        if let ClassWeight::Given { negative, positive } = self {
            return (negative, positive);
        }
        let weights =
            self.of_counts(&[negatives, positives]).expect("only `Given` is a matter of two classes");
        (weights[0], weights[1])
    }

    /// Weight of an instance of each class (K), for the numbers of labeled instances of each (K): n / (K n_c)
    /// for `Balanced`, K the classes that have instances. With sample weights the numbers are what the
    /// instances weigh ([`class_totals`](EnsembleData::class_totals)): an instance of weight 2 is two.
    ///
    /// The rule of two classes is its case K = 2. A class without instances has the weight 1, which nothing
    /// is multiplied by.
    ///
    /// ```
    /// use cfe_core::ClassWeight;
    /// let weights = ClassWeight::Balanced.of_counts(&[60.0, 30.0, 10.0])?;
    /// assert_eq!(weights, [100.0 / 180.0, 100.0 / 90.0, 100.0 / 30.0]);
    /// # Ok::<(), cfe_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for `Given` with another number of classes than two.
    pub fn of_counts(self, counts: &[f64]) -> Result<Vec<f64>> {
        let classes = counts.iter().filter(|&&count| count > 0.0).count();
        let n: f64 = counts.iter().sum();
        // One class alone has nothing to be balanced against.
        let alone = classes < 2;
        let each = |weight: &dyn Fn(f64) -> f64| {
            counts.iter().map(|&count| if count > 0.0 && !alone { weight(count) } else { 1.0 }).collect()
        };
        Ok(match self {
            ClassWeight::Uniform => vec![1.0; counts.len()],
            ClassWeight::Balanced => each(&|count| n / (classes as f64 * count)),
            ClassWeight::EffectiveNumber { beta } => {
                // 1 / (1 - beta^k), accurate for beta near 1. At beta = 0 the logarithm is -infinity and this
                // is 1.
                let of_class = |k: f64| -1.0 / (beta.ln() * k).exp_m1();
                let sum: f64 = counts.iter().filter(|&&k| k > 0.0).map(|&k| k * of_class(k)).sum();
                let scale = n / sum;
                each(&|count| scale * of_class(count))
            }
            ClassWeight::Given { negative, positive } if counts.len() == 2 => vec![negative, positive],
            ClassWeight::Given { .. } => {
                const ALLOWED: &str = "weights of a negative and a positive instance belong to two classes; take \
                                       balanced, uniform or effective_number";
                return Err(Error::parameter("class_weight", "given", ALLOWED));
            }
        })
    }

    /// By how much these weights move the optimal logit: log(weight of positives / weight of negatives).
    ///
    /// Subtracting it from a logit undoes the weighting (prior correction; Elkan, 2001; King and Zeng, 2001).
    pub fn logit_shift(self, negatives: f64, positives: f64) -> f64 {
        let (negative, positive) = self.per_class(negatives, positives);
        (positive / negative).ln()
    }
}

/// What an error costs: a further factor of the weight of an instance.
///
/// An error on a negative instance is a false positive, so `false_positive` multiplies the weights of the
/// negatives and `false_negative` those of the positives (Elkan, "The Foundations of Cost-Sensitive
/// Learning", IJCAI 2001). Only their ratio matters, as the losses divide by the sum of the weights.
///
/// With `instance_dependent` the weight is multiplied by 1 - s_i as well, s_i the certainty of the ensemble:
/// the mean of
/// |2 r_ui - 1| over the classifiers that gave a probability (0 if none did). An instance the classifiers find obvious then
/// counts little, right or wrong.
///
/// ```
/// use cfe_core::{Costs, EnsembleData};
/// use ndarray::array;
///
/// let data = EnsembleData::new(array![[0.9, 0.5], [0.7, f64::NAN]], vec![Some(true), Some(false)])?;
/// let costs = Costs { false_negative: 10.0, instance_dependent: true, ..Costs::default() };
/// // (0.8 + 0.4) / 2 = 0.6 is the certainty of the first instance.
/// let factors = costs.of_labeled(&data);
/// assert!((factors[0] - 10.0 * 0.4).abs() < 1e-12 && factors[1] == 1.0);
/// # Ok::<(), cfe_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Costs {
    /// Cost of calling a negative instance positive, positive and finite.
    pub false_positive: f64,
    /// Cost of missing a positive instance, positive and finite.
    pub false_negative: f64,
    /// Whether instances count less the more certain the ensemble is of them.
    pub instance_dependent: bool,
}

impl Default for Costs {
    /// Every error costs 1.
    fn default() -> Self {
        Self { false_positive: 1.0, false_negative: 1.0, instance_dependent: false }
    }
}

impl Costs {
    /// Refuses costs that are not positive and finite.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    pub fn validate(&self) -> Result<()> {
        for (name, cost) in
            [("costs.false_positive", self.false_positive), ("costs.false_negative", self.false_negative)]
        {
            ensure(is_positive(cost), name, cost, "costs are positive and finite")?;
        }
        Ok(())
    }

    /// The factor of each labeled instance, in the order of [`EnsembleData::labeled`].
    pub fn of_labeled(&self, data: &EnsembleData) -> Vec<f64> {
        let factor = |&i: &usize| self.factor(data.labels()[i] == Some(true), data.predictions().column(i));
        data.labeled().iter().map(factor).collect()
    }

    /// The factor of one instance, whose predictions are `column` (m).
    pub(crate) fn factor(&self, label: bool, column: ArrayView1<'_, f64>) -> f64 {
        let of_class = if label { self.false_negative } else { self.false_positive };
        of_class * if self.instance_dependent { 1.0 - certainty(column) } else { 1.0 }
    }
}

/// Mean of |2 r - 1| over the observed cells of an instance; 0 without any.
fn certainty(column: ArrayView1<'_, f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0usize);
    for r in column.iter().filter(|r| !r.is_nan()) {
        sum += (2.0 * r - 1.0).abs();
        count += 1;
    }
    sum / count.max(1) as f64
}

/// Weight of each labeled instance, class weight times sample weight, in the order of
/// [`EnsembleData::labeled`].
///
/// The class weights count sample weights: under `Balanced` both classes weigh the same. Class weights alone
/// sum to the number of labeled instances. The losses divide by the sum of the weights, so a common factor
/// changes nothing.
///
/// # Errors
/// [`Error::InvalidParameter`] for class weights out of range, and what [`check_weight_sum`] refuses.
pub fn instance_weights(data: &EnsembleData, class_weight: ClassWeight) -> Result<Vec<f64>> {
    class_weight.validate()?;
    let (negatives, positives) = data.class_totals();
    let (negative, positive) = class_weight.per_class(negatives, positives);
    let weights: Vec<f64> = data
        .labeled()
        .iter()
        .map(|&i| {
            let of_class = if data.labels()[i] == Some(true) { positive } else { negative };
            of_class * data.sample_weights().map_or(1.0, |w| w[i])
        })
        .collect();
    check_weight_sum(LABELED, weights.iter().copied())?;
    Ok(weights)
}

/// Mean of the weights above 0; 1 where there is none.
///
/// What is learned goes by weights over their mean, so that it does not depend on their unit: penalties and
/// priors stand against the sum of the weights, which a common factor must not move. How many rows there are
/// is what the table says, and weights say how much each counts beside the others.
///
/// ```
/// use cfe_core::mean_weight;
/// assert_eq!(mean_weight([1.0, 0.0, 2.0]), 1.5);
/// assert_eq!(mean_weight([1e308; 4]), 1e308);
/// assert_eq!(mean_weight([0.0]), 1.0);
/// ```
pub fn mean_weight(weights: impl IntoIterator<Item = f64>) -> f64 {
    let mut counting: Vec<f64> = weights.into_iter().filter(|&w| w > 0.0).collect();
    // In ascending order, so that the sum has the same bits for any order of the instances.
    counting.sort_by(f64::total_cmp);
    let Some(&largest) = counting.last() else { return 1.0 };
    let n = counting.len() as f64;
    let mean = counting.iter().sum::<f64>() / n;
    // A sum that overflows has a mean all the same.
    if mean.is_finite() { mean } else { largest * (counting.iter().map(|w| w / largest).sum::<f64>() / n) }
}

/// What weights are divided by where penalties or priors stand against their sum: their
/// [mean](mean_weight), or 1 where that is 1 up to rounding, so that such weights keep their bits.
pub fn weight_unit(weights: impl IntoIterator<Item = f64>) -> f64 {
    const ROUNDING: f64 = 1e-10;
    let mean = mean_weight(weights);
    if (mean - 1.0).abs() <= ROUNDING { 1.0 } else { mean }
}

/// Weights (n) over their [unit](weight_unit). What counts goes on counting: a weight above 0 stays above 0,
/// however large the others are.
///
/// ```
/// use cfe_core::weights_of_mean_one;
/// assert_eq!(weights_of_mean_one(&[2.0, 0.0, 6.0]), [0.5, 0.0, 1.5]);
/// assert_eq!(weights_of_mean_one(&[1.0, 1.0]), [1.0, 1.0]);
/// ```
pub fn weights_of_mean_one(weights: &[f64]) -> Vec<f64> {
    let unit = weight_unit(weights.iter().copied());
    weights.iter().map(|&w| if w > 0.0 { (w / unit).max(f64::MIN_POSITIVE) } else { 0.0 }).collect()
}

/// Refuses weights that are all 0, or whose sum overflows or loses digits to underflow: what is divided by it
/// would be a silently wrong weight. No weight at all is for the caller to judge.
///
/// # Errors
/// [`Error::AllWeightsZero`], [`Error::WeightSum`].
pub fn check_weight_sum(what: &'static str, weights: impl IntoIterator<Item = f64>) -> Result<()> {
    let (mut sum, mut none, mut positive) = (0.0, true, false);
    for weight in weights {
        none = false;
        positive |= weight > 0.0;
        sum += weight;
    }
    if none {
        Ok(())
    } else if !positive {
        Err(Error::AllWeightsZero { what })
    } else if !SUMS.contains(&sum) {
        Err(Error::WeightSum { what, sum })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    #[test]
    fn balanced_weights_sum_to_n() {
        let labels: Vec<_> = (0..40).map(|i| (i % 4 != 3).then_some(i % 10 == 0)).collect();
        let data = EnsembleData::new(Array2::from_elem((1, 40), 0.5), labels).expect("valid");
        let weights = instance_weights(&data, ClassWeight::Balanced).expect("valid");
        let sum: f64 = weights.iter().sum();
        assert!((sum - data.labeled().len() as f64).abs() < 1e-12);
    }

    #[test]
    fn effective_number_goes_from_uniform_to_balanced() {
        let (negative, positive) = ClassWeight::EffectiveNumber { beta: 0.0 }.per_class(90.0, 10.0);
        assert_eq!((negative, positive), (1.0, 1.0));
        let (negative, positive) = ClassWeight::EffectiveNumber { beta: 1.0 - 1e-12 }.per_class(90.0, 10.0);
        assert!((negative - 100.0 / 180.0).abs() < 1e-9 && (positive - 5.0).abs() < 1e-9);
        // By the formula of the paper: (1 - 0.9) / (1 - 0.9^n), n = 2 and 1.
        let (negative, positive) = ClassWeight::EffectiveNumber { beta: 0.9 }.per_class(2.0, 1.0);
        assert!((positive / negative - (0.1 / 0.1) / (0.1 / 0.19)).abs() < 1e-12);
        assert!((2.0 * negative + positive - 3.0).abs() < 1e-12);
        assert_eq!(ClassWeight::EffectiveNumber { beta: 0.99 }.per_class(5.0, 0.0), (1.0, 1.0));
        for bad in [-0.1, 1.0, f64::NAN] {
            assert!(ClassWeight::EffectiveNumber { beta: bad }.validate().is_err());
        }
    }

    #[test]
    fn two_classes_are_a_case_of_many_with_the_same_bits() {
        for (negatives, positives) in
            [(90.0, 10.0), (1.0, 7.0), (123_457.0, 3.0), (3.0, 3.0), (0.0, 4.0), (5.0, 0.0)]
        {
            let n = negatives + positives;
            let published = match negatives == 0.0 || positives == 0.0 {
                true => (1.0, 1.0),
                false => (n / (2.0 * negatives), n / (2.0 * positives)),
            };
            assert_eq!(ClassWeight::Balanced.per_class(negatives, positives), published);
        }
        // A class without instances takes part in nothing.
        let weights = ClassWeight::Balanced.of_counts(&[60.0, 0.0, 30.0]).expect("three classes");
        assert_eq!(weights, [90.0 / 120.0, 1.0, 90.0 / 60.0]);
        let weights =
            ClassWeight::EffectiveNumber { beta: 0.0 }.of_counts(&[60.0, 10.0, 30.0]).expect("three classes");
        assert_eq!(weights, [1.0; 3]);
        let given = ClassWeight::Given { negative: 1.0, positive: 2.0 };
        assert!(given.of_counts(&[1.0, 2.0, 3.0]).is_err());
    }

    #[test]
    fn an_instance_of_weight_two_is_two_instances() {
        let data = |labels: &[bool]| {
            let labels: Vec<_> = labels.iter().map(|&label| Some(label)).collect();
            EnsembleData::new(Array2::from_elem((1, labels.len()), 0.5), labels).expect("valid")
        };
        let repeated = data(&[true, true, false, false, false]);
        let weighted =
            data(&[true, false, false, false]).with_sample_weights(vec![2.0, 1.0, 1.0, 1.0]).expect("valid");
        for class_weight in [ClassWeight::Balanced, ClassWeight::Uniform] {
            let [ours, theirs] =
                [&weighted, &repeated].map(|data| instance_weights(data, class_weight).expect("valid"));
            assert!((ours[0] - (theirs[0] + theirs[1])).abs() < 1e-15 && (ours[1] - theirs[2]).abs() < 1e-15);
        }
        // The unit of the weights says nothing.
        let tripled = weighted.clone().with_sample_weights(vec![6.0, 3.0, 3.0, 3.0]).expect("valid");
        assert_eq!(tripled.class_totals(), weighted.class_totals());
        assert_eq!(repeated.class_totals(), (3.0, 2.0));
        let huge = weighted.with_sample_weights(vec![1e308; 4]).expect("valid");
        assert_eq!(huge.class_totals(), (3.0, 1.0));
    }

    #[test]
    fn costs_out_of_range_are_refused() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Costs { false_positive: bad, ..Costs::default() }.validate().is_err());
            assert!(Costs { false_negative: bad, ..Costs::default() }.validate().is_err());
        }
    }

    #[test]
    fn nan_and_zero_class_weights_are_refused() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(ClassWeight::Given { negative: bad, positive: 1.0 }.validate().is_err());
            assert!(ClassWeight::Given { negative: 1.0, positive: bad }.validate().is_err());
        }
    }

    #[test]
    fn sample_weights_of_zero_everywhere_are_an_error() {
        let data = EnsembleData::new(Array2::from_elem((1, 2), 0.5), vec![Some(true), None])
            .and_then(|d| d.with_sample_weights(vec![0.0, 1.0]))
            .expect("valid");
        assert!(matches!(instance_weights(&data, ClassWeight::Uniform), Err(Error::AllWeightsZero { .. })));
    }

    #[test]
    fn weights_that_cannot_be_added_up_are_refused_by_name() {
        let data = |weight: f64| {
            let labels = (0..4).map(|i| Some(i == 0)).collect();
            EnsembleData::new(Array2::from_elem((1, 4), 0.5), labels)
                .and_then(|d| d.with_sample_weights(vec![weight; 4]))
                .expect("valid")
        };
        for weight in [1e308, 1e290, 1e-291, 1e-308] {
            let error = instance_weights(&data(weight), ClassWeight::Balanced).expect_err("out of range");
            assert!(matches!(error, Error::WeightSum { .. }), "{error}");
        }
        // Balanced class weights: a quarter of the instances is positive.
        let weights = instance_weights(&data(1e289), ClassWeight::Balanced).expect("in range");
        assert!((weights[0] / 2e289 - 1.0).abs() < 1e-15 && (weights[1] / 2e289 - 1.0 / 3.0).abs() < 1e-15);
        let given = ClassWeight::Given { negative: 1.0, positive: 1e308 };
        assert!(matches!(
            instance_weights(&data(10.0), given),
            Err(Error::WeightSum { sum: f64::INFINITY, .. })
        ));
    }
}
