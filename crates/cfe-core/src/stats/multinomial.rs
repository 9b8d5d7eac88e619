//! Multinomial logistic regression, and the coupling of one score for each class to one distribution.

use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::metrics::classes::check_classes;
use super::minimize::{Convex, Stopping, minimize};
use crate::error::{Error, Result, ensure, is_positive};
use crate::weights::{check_weight_sum, weights_of_mean_one};

/// Turns logits into probabilities in place: exp(z_k) / sum exp(z_j), without overflow.
///
/// ```
/// let mut z = [1000.0, 1000.0, f64::NEG_INFINITY];
/// cfe_core::multinomial::softmax(&mut z);
/// assert_eq!(z, [0.5, 0.5, 0.0]);
/// let mut z = [f64::NEG_INFINITY; 2];
/// cfe_core::multinomial::softmax(&mut z);
/// assert_eq!(z, [0.5, 0.5]);
/// ```
pub fn softmax(z: &mut [f64]) {
    let top = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // Logits that overflowed are alike; their difference has no value.
    z.iter_mut().for_each(|z| *z = if *z == top { 1.0 } else { (*z - top).exp() });
    let sum: f64 = z.iter().sum();
    z.iter_mut().for_each(|z| *z /= sum);
}

/// Softmax regression: P(k | x) = softmax_k(w_k . x + b_k), minimizing
///
/// sum_i a_i (-log P(y_i | x_i)) + 1/(2 C) sum_k |w_k|^2 ,  b free:
///
/// scikit-learn's `LogisticRegression` (multinomial) with the same C.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Multinomial {
    /// Inverse strength of the penalty, positive.
    pub c: f64,
}

impl Default for Multinomial {
    /// C = 1.
    fn default() -> Self {
        Self { c: 1.0 }
    }
}

/// Weights (K x p) and intercepts (K) of a [`Multinomial`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedMultinomial {
    /// K x p.
    pub weights: Array2<f64>,
    /// K, sum 0.
    pub bias: Vec<f64>,
}

/// Labels below `classes`, weights that can be added up: one of each for each of n.
fn check(n: usize, classes: usize, labels: &[usize], weights: &[f64]) -> Result<()> {
    check_classes(n, classes, labels, Some(weights))?;
    if n == 0 {
        return Err(Error::NoLabels);
    }
    check_weight_sum("the weights", weights.iter().copied())
}

/// Logits (n x K) that are linear in some parameters v.
trait Logits {
    /// The logits of v.
    fn of(&self, v: &[f64]) -> Array2<f64>;
    /// sum_ik r_ik dz_ik / dv_j for each parameter j, of r (n x K).
    fn adjoint(&self, r: &Array2<f64>) -> Vec<f64>;
    /// The same with the squares of the derivatives.
    fn adjoint_of_squares(&self, r: &Array2<f64>) -> Vec<f64>;
}

/// The log loss of softmax(z), z linear in v, with a penalty; over the sum of the weights, so that one
/// tolerance fits every number of instances:
///
/// ( sum_i a_i (-log P(y_i | z_i)) + 1/2 sum_j h_j (v_j - c_j)^2 ) / sum_i a_i
struct SoftmaxLoss<'a, Z> {
    z: Z,
    labels: &'a [usize],
    weights: &'a [f64],
    /// h, one for each parameter, at least 0.
    penalty: Vec<f64>,
    /// c, one for each parameter.
    center: Vec<f64>,
    /// sum_i a_i.
    total: f64,
    /// P at the last point (n x K).
    p: Array2<f64>,
}

impl<'a, Z: Logits> SoftmaxLoss<'a, Z> {
    fn new(z: Z, labels: &'a [usize], weights: &'a [f64], penalty: Vec<f64>, center: Vec<f64>) -> Self {
        let total = weights.iter().sum();
        Self { z, labels, weights, penalty, center, total, p: Array2::zeros((0, 0)) }
    }

    /// (of the logits + penalty of v) / total, for each parameter.
    fn with_penalty(&self, of_logits: Vec<f64>, v: impl Fn(usize) -> f64) -> Vec<f64> {
        let each = of_logits.into_iter().zip(&self.penalty).enumerate();
        each.map(|(j, (g, h))| (g + h * v(j)) / self.total).collect()
    }
}

impl<Z: Logits> Convex for SoftmaxLoss<'_, Z> {
    fn at(&mut self, v: &[f64]) -> (f64, Vec<f64>) {
        self.p = self.z.of(v);
        let mut residuals = self.p.clone();
        let mut loss = 0.0;
        let rows = self.p.rows_mut().into_iter().zip(residuals.rows_mut());
        for (((mut p, mut residual), &label), &a) in rows.zip(self.labels).zip(self.weights) {
            // The largest logit is taken off, so that no exponential overflows.
            let top = p.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let log_sum = top + p.iter().map(|z| (z - top).exp()).sum::<f64>().ln();
            loss += a * (log_sum - p[label]);
            // P is kept for the curvature at this point, and a (p - y) is the derivative in the logits.
            p.mapv_inplace(|z| (z - log_sum).exp());
            residual.zip_mut_with(&p, |r, p| *r = a * p);
            residual[label] -= a;
        }
        let away = |j: usize| v[j] - self.center[j];
        let penalty: f64 = self.penalty.iter().enumerate().map(|(j, h)| 0.5 * h * away(j).powi(2)).sum();
        ((loss + penalty) / self.total, self.with_penalty(self.z.adjoint(&residuals), away))
    }

    fn curvature(&self, direction: &[f64]) -> Vec<f64> {
        // Of each row a (diag(p) - p p') times the change of its logits.
        let mut change = self.z.of(direction);
        for ((mut u, p), &a) in change.rows_mut().into_iter().zip(self.p.rows()).zip(self.weights) {
            let mean: f64 = u.iter().zip(p).map(|(u, p)| u * p).sum();
            u.zip_mut_with(&p, |u, p| *u = a * p * (*u - mean));
        }
        self.with_penalty(self.z.adjoint(&change), |j| direction[j])
    }

    fn diagonal(&self) -> Vec<f64> {
        let mut spread = self.p.clone();
        let rows = spread.rows_mut().into_iter().zip(self.weights);
        rows.for_each(|(mut p, &a)| p.mapv_inplace(|p| a * p * (1.0 - p)));
        self.with_penalty(self.z.adjoint_of_squares(&spread), |_| 1.0)
    }
}

/// w_k . x + b_k: v is K x p weights, then K intercepts.
struct OfFeatures<'a> {
    /// p x n.
    x: ArrayView2<'a, f64>,
    squares: Array2<f64>,
    classes: usize,
}

impl Logits for OfFeatures<'_> {
    fn of(&self, v: &[f64]) -> Array2<f64> {
        let (w, b) = v.split_at(v.len() - self.classes);
        let w = ArrayView2::from_shape((self.classes, self.x.nrows()), w).expect("K x p weights come first");
        let mut z = self.x.t().dot(&w.t());
        z.rows_mut().into_iter().for_each(|mut row| row.iter_mut().zip(b).for_each(|(z, b)| *z += b));
        z
    }

    fn adjoint(&self, r: &Array2<f64>) -> Vec<f64> {
        let mut out: Vec<f64> = r.t().dot(&self.x.t()).iter().copied().collect();
        out.extend(r.sum_axis(Axis(0)));
        out
    }

    fn adjoint_of_squares(&self, r: &Array2<f64>) -> Vec<f64> {
        let mut out: Vec<f64> = r.t().dot(&self.squares.t()).iter().copied().collect();
        out.extend(r.sum_axis(Axis(0)));
        out
    }
}

impl Multinomial {
    /// Fits to features (p x n, finite) with labels (n, below `classes`) and weights (n).
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a C that is not positive, a label or a feature out of range;
    /// [`Error::LengthMismatch`], [`Error::InvalidWeight`], [`Error::WeightSum`], [`Error::NoLabels`].
    pub fn fit(
        &self,
        features: ArrayView2<'_, f64>,
        classes: usize,
        labels: &[usize],
        weights: &[f64],
    ) -> Result<FittedMultinomial> {
        ensure(is_positive(self.c), "c", self.c, "positive and finite; 1 is usual")?;
        let (p, n) = features.dim();
        check(n, classes, labels, weights)?;
        if let Some(x) = features.iter().find(|x| !x.is_finite()) {
            ensure(false, "feature", x, "features are finite numbers")?;
        }
        // Weights are penalized and intercepts are free, as in scikit-learn.
        let split = classes * p;
        let mut penalty = vec![1.0 / self.c; split];
        penalty.resize(split + classes, 0.0);
        let start = vec![0.0; split + classes];
        let z = OfFeatures { x: features, squares: features.mapv(|x| x * x), classes };
        let mut loss = SoftmaxLoss::new(z, labels, weights, penalty, start.clone());
        let found = minimize(start, Stopping { max_steps: 200, tolerance: 1e-11 }, &mut loss);
        let weights = Array2::from_shape_vec((classes, p), found[..split].to_vec()).expect("K x p");
        // Intercepts are free up to a common number.
        let mean = found[split..].iter().sum::<f64>() / classes as f64;
        Ok(FittedMultinomial { weights, bias: found[split..].iter().map(|b| b - mean).collect() })
    }
}

impl FittedMultinomial {
    /// Probabilities (k x K) of features (p x k).
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] for another number of features.
    pub fn predict(&self, features: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let (found, expected) = (features.dim(), (self.weights.ncols(), features.ncols()));
        if found != expected {
            return Err(Error::ShapeMismatch { what: "the features", found, expected });
        }
        let z = features.t().dot(&self.weights.t());
        // A product of transposed matrices may lie in memory column by column.
        let mut z = z.as_standard_layout().into_owned();
        for mut row in z.rows_mut() {
            row.iter_mut().zip(&self.bias).for_each(|(z, b)| *z += b);
            softmax(row.as_slice_mut().expect("rows of a matrix in standard layout"));
        }
        Ok(z)
    }
}

/// softmax(slope z + offset): one score for each class made one distribution.
///
/// `slope` is 1 / temperature (Guo et al., 2017), offsets move the classes against each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftmaxCoupling {
    /// 0 to 100.
    pub slope: f64,
    /// One for each class (K), finite.
    pub offsets: Vec<f64>,
}

/// Slopes beyond this mean classes that do not overlap, where no slope is too large.
const MOST_SLOPE: f64 = 100.0;
/// Weight of the prior: slope near 1, offsets near 0.
const PRIOR: f64 = 1.0;

/// slope z + offset: v is the slope, then K offsets.
struct OfScores<'a>(ArrayView2<'a, f64>);

impl OfScores<'_> {
    fn adjoint_by(&self, r: &Array2<f64>, of_slope: impl Fn(f64) -> f64) -> Vec<f64> {
        let slope = r.iter().zip(self.0.iter()).map(|(r, z)| r * of_slope(*z)).sum();
        std::iter::once(slope).chain(r.sum_axis(Axis(0))).collect()
    }
}

impl Logits for OfScores<'_> {
    fn of(&self, v: &[f64]) -> Array2<f64> {
        let mut z = self.0.mapv(|z| v[0] * z);
        z.rows_mut().into_iter().for_each(|mut row| row.iter_mut().zip(&v[1..]).for_each(|(z, b)| *z += b));
        z
    }

    fn adjoint(&self, r: &Array2<f64>) -> Vec<f64> {
        self.adjoint_by(r, |z| z)
    }

    fn adjoint_of_squares(&self, r: &Array2<f64>) -> Vec<f64> {
        self.adjoint_by(r, |z| z * z)
    }
}

impl SoftmaxCoupling {
    /// Fits slope and offsets to out-of-fold scores (n x K, finite) with labels (n) and weights (n): least
    /// log loss, plus (slope - 1)^2 / 2 and |offsets|^2 / 2 against the sum of the weighted losses, so that a
    /// class of few instances moves little. Weights are taken over their mean: their unit changes nothing.
    ///
    /// # Errors
    /// As [`Multinomial::fit`]; [`Error::InvalidScore`] for a score that is not finite.
    pub fn fit(scores: ArrayView2<'_, f64>, labels: &[usize], weights: &[f64]) -> Result<Self> {
        let (n, classes) = scores.dim();
        check(n, classes, labels, weights)?;
        if let Some((index, &value)) = scores.iter().enumerate().find(|(_, z)| !z.is_finite()) {
            return Err(Error::InvalidScore { index: index / classes, value });
        }
        // The start is the point that the prior pulls to: a slope of 1 and no offsets.
        let start: Vec<f64> = std::iter::once(1.0).chain(std::iter::repeat_n(0.0, classes)).collect();
        let penalty = vec![PRIOR; start.len()];
        let weights = weights_of_mean_one(weights);
        let mut loss = SoftmaxLoss::new(OfScores(scores), labels, &weights, penalty, start.clone());
        let found = minimize(start, Stopping { max_steps: 200, tolerance: 1e-12 }, &mut loss);
        Ok(Self { slope: found[0].clamp(0.0, MOST_SLOPE), offsets: found[1..].to_vec() })
    }

    /// The distribution of one instance from its scores (K), in place.
    pub fn apply(&self, scores: &mut [f64]) {
        scores.iter_mut().zip(&self.offsets).for_each(|(z, b)| *z = self.slope * *z + b);
        softmax(scores);
    }

    /// Refuses parameters that no fit gives, as a changed file can bring them.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    pub fn validate(&self, classes: usize) -> Result<()> {
        let sound = (0.0..=MOST_SLOPE).contains(&self.slope)
            && self.offsets.len() == classes
            && self.offsets.iter().all(|b| b.is_finite());
        ensure(
            sound,
            "model",
            "coupling",
            "a slope of 0 to 100 and a finite offset for each class; was the file changed?",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three classes, two features, drawn by a rule.
    fn drawn(n: usize) -> (Array2<f64>, Vec<usize>) {
        let labels: Vec<usize> = (0..n).map(|i| i * i % 3).collect();
        let features = Array2::from_shape_fn((2, n), |(j, i)| {
            let noise = ((i * (7 + 6 * j) + 3 * j) % 11) as f64 / 4.0;
            if j == labels[i] { 1.0 + noise } else { noise }
        });
        (features, labels)
    }

    #[test]
    fn the_gradient_of_a_fit_is_zero() {
        let (x, labels) = drawn(60);
        let weights = vec![1.0; 60];
        let fit = Multinomial { c: 0.5 }.fit(x.view(), 3, &labels, &weights).expect("fits");
        let p = fit.predict(x.view()).expect("two features");
        for k in 0..3 {
            let residual = |i: usize| p[(i, k)] - f64::from(u8::from(labels[i] == k));
            for j in 0..2 {
                let gradient: f64 = (0..60).map(|i| residual(i) * x[(j, i)]).sum();
                assert!((gradient + fit.weights[(k, j)] / 0.5).abs() < 1e-5);
            }
            assert!((0..60).map(residual).sum::<f64>().abs() < 1e-5);
        }
        assert!(Multinomial { c: 0.0 }.fit(x.view(), 3, &labels, &weights).is_err());
        assert!(fit.predict(Array2::zeros((3, 1)).view()).is_err());
    }

    #[test]
    fn a_coupling_finds_the_temperature_that_scores_were_made_with() {
        // Labels in the very shares that softmax(z / 2) gives: scores z are twice too sharp.
        let z = [3.0, 1.0, -2.0];
        let mut shares = z.map(|z| z / 2.0);
        softmax(&mut shares);
        // So many rows that the prior is nothing beside them.
        let scores = Array2::from_shape_fn((3600, 3), |(i, k)| z[(k + i % 9 / 3) % 3]);
        let labels: Vec<usize> = (0..3600).map(|i| (i % 3 + 3 - i % 9 / 3) % 3).collect();
        let weights: Vec<f64> = (0..3600).map(|i| shares[i % 3]).collect();
        let coupling = SoftmaxCoupling::fit(scores.view(), &labels, &weights).expect("fits");
        assert!((coupling.slope - 0.5).abs() < 1e-2, "{coupling:?}");
        assert!(coupling.offsets.iter().all(|b| b.abs() < 1e-2), "{coupling:?}");
        coupling.validate(3).expect("as fitted");
        assert!(coupling.validate(2).is_err());
        assert!(SoftmaxCoupling { slope: f64::NAN, ..coupling }.validate(3).is_err());
    }
}
