//! Bootstrap intervals of the metrics of K classes.

use ndarray::ArrayView2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::bootstrap::{Bootstrap, times};
use super::interval::{Interval, Resampled, Strata, percentile};
use crate::error::{Error, Result, check_length, ensure};
use crate::metrics::AveragePrecision;
use crate::metrics::classes::{ClassConfusion, ClassScored};

/// A metric of K classes that has an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClassMetric {
    /// Mean -log p of the true class, in nats; small is good.
    LogLoss,
    /// Mean average precision of the classes that occur.
    MacroAveragePrecision,
    /// Mean recall of the classes that occur.
    BalancedAccuracy,
}

/// Metrics of several predictions of the same instances on the same resamples, from [`Bootstrap::classes`].
///
/// Average precision and balanced accuracy have the intervals of [`Resampled`], for which the degrees of
/// freedom are those of a sum over classes (Satterthwaite, "An Approximate Distribution of Estimates of
/// Variance Components", 1946): few rows of a class widen them as far as this class moves the mean. Log loss,
/// a mean over instances, has percentiles.
#[derive(Debug, Clone)]
pub struct ResampledClasses {
    confidence: f64,
    /// Estimate and one value for each resample, of each prediction.
    log_loss: Vec<(f64, Vec<f64>)>,
    average_precision: Resampled,
    balanced_accuracy: Resampled,
}

impl ResampledClasses {
    /// Interval of a metric of the k-th prediction.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if k is not the number of one of the scores.
    pub fn interval(&self, metric: ClassMetric, k: usize) -> Result<Interval> {
        match metric {
            ClassMetric::LogLoss => {
                let (estimate, values) = self.log_loss(k)?;
                percentile(self.confidence, *estimate, values.clone())
            }
            ClassMetric::MacroAveragePrecision => self.average_precision.interval(k),
            ClassMetric::BalancedAccuracy => self.balanced_accuracy.interval(k),
        }
    }

    /// By how much the a-th prediction is better than the b-th: the metric of the a-th less that of the b-th,
    /// or for log loss that of the b-th less that of the a-th.
    ///
    /// # Errors
    /// As [`interval`](Self::interval).
    pub fn better_by(&self, metric: ClassMetric, a: usize, b: usize) -> Result<Interval> {
        match metric {
            ClassMetric::LogLoss => {
                let ((a, of_a), (b, of_b)) = (self.log_loss(a)?, self.log_loss(b)?);
                let values = of_a.iter().zip(of_b).map(|(a, b)| b - a).collect();
                percentile(self.confidence, b - a, values)
            }
            ClassMetric::MacroAveragePrecision => self.average_precision.difference(a, b),
            ClassMetric::BalancedAccuracy => self.balanced_accuracy.difference(a, b),
        }
    }

    fn log_loss(&self, k: usize) -> Result<&(f64, Vec<f64>)> {
        let allowed = "below the number of predictions that were resampled";
        self.log_loss.get(k).ok_or_else(|| Error::parameter("index", k, allowed))
    }
}

/// What is measured of one prediction, ready for other weights.
struct Prepared {
    losses: Vec<f64>,
    rankings: Vec<AveragePrecision>,
    decisions: Vec<usize>,
}

impl Bootstrap {
    /// Log loss, macro average precision and balanced accuracy of several predictions of the same instances,
    /// all on the same resamples: probabilities (n x K) with decisions (n, numbers of classes), for labels
    /// (n, numbers of classes) and weights (n, finite and at least 0; `None` is 1 each).
    ///
    /// Instances are drawn anew within their class, and bring their weights along; those of weight 0 do not
    /// count.
    ///
    /// ```
    /// use cfe_core::validation::{Bootstrap, ClassMetric};
    /// use ndarray::Array2;
    ///
    /// let labels: Vec<usize> = (0..90).map(|i| i % 3).collect();
    /// let says = |right: f64| Array2::from_shape_fn((90, 3), |(i, k)| {
    ///     let right = if i % 7 == 0 { 0.2 } else { right };
    ///     if k == i % 3 { right } else { (1.0 - right) / 2.0 }
    /// });
    /// let (good, poor) = (says(0.8), says(0.5));
    /// let bootstrap = Bootstrap { n_resamples: 200, ..Bootstrap::default() };
    /// let resampled = bootstrap.classes(&labels, None, &[(good.view(), &labels), (poor.view(), &labels)])?;
    /// let gain = resampled.better_by(ClassMetric::LogLoss, 0, 1)?;
    /// assert!(gain.lower > 0.0 && gain.lower < gain.estimate && gain.estimate < gain.upper);
    /// # Ok::<(), cfe_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`ClassScored::new`] and [`ClassScored::confusion`]; [`Error::InvalidParameter`] for settings out
    /// of range, and predictions of different numbers of classes.
    pub fn classes(
        &self,
        labels: &[usize],
        weights: Option<&[f64]>,
        predictions: &[(ArrayView2<'_, f64>, &[usize])],
    ) -> Result<ResampledClasses> {
        // Each prediction is checked once; from there on instances of weight 0 are gone.
        let Some(classes) = predictions.first().map(|(p, _)| p.ncols()) else {
            return Err(Error::NothingToEvaluate);
        };
        let scored = predictions.iter().map(|(p, _)| {
            let same = "as many classes in every prediction";
            ensure(p.ncols() == classes, "classes", p.ncols(), same)?;
            ClassScored::new(labels, *p, weights)
        });
        let scored: Vec<ClassScored> = scored.collect::<Result<_>>()?;
        let counts = |i: &usize| weights.is_none_or(|weights| weights[*i] > 0.0);
        let kept: Vec<usize> = (0..labels.len()).filter(counts).collect();
        let (labels, weights) = (scored[0].labels(), scored[0].weights());
        let occurs: Vec<usize> = (0..classes).filter(|k| labels.contains(k)).collect();
        // What does not depend on the resample is prepared once: losses, sorted rankings, decisions of what
        // is kept.
        let prepared = scored.par_iter().zip(predictions).map(|(scored, (p, decisions))| {
            check_length("decisions", decisions.len(), p.nrows())?;
            let ranked = |&k: &usize| {
                let own: Vec<bool> = labels.iter().map(|&label| label == k).collect();
                AveragePrecision::new(&own, &scored.probabilities().column(k).to_vec())
            };
            Ok(Prepared {
                losses: (0..labels.len()).map(|i| scored.loss(i)).collect(),
                rankings: occurs.iter().map(ranked).collect::<Result<_>>()?,
                decisions: kept.iter().map(|&i| decisions[i]).collect(),
            })
        });
        let prepared: Vec<Prepared> = prepared.collect::<Result<_>>()?;
        let confusion = |of: &Prepared, weights: &[f64]| {
            ClassConfusion::new(classes, labels, &of.decisions, Some(weights))
        };
        // Of each prediction: log loss, macro average precision, balanced accuracy.
        let measure = |weights: &[f64]| -> Result<Vec<[f64; 3]>> {
            let total: f64 = weights.iter().sum();
            let figures_of = |some: &Prepared| {
                let loss = weights.iter().zip(&some.losses).map(|(w, loss)| w * loss).sum::<f64>() / total;
                let areas = some.rankings.iter().map(|ranking| ranking.weighted(weights));
                let area = areas.sum::<Result<f64>>()? / occurs.len() as f64;
                Ok([loss, area, confusion(some, weights)?.balanced_accuracy()])
            };
            prepared.iter().map(figures_of).collect()
        };
        // Drawn within the classes, so that no resample lacks a class.
        let strata = Strata::by_label(labels, classes);
        let estimates = measure(weights)?;
        let values = self.resample(&strata, |counts| measure(&times(counts, weights)))?;
        // The slope of a metric in each instance, from which the degrees of freedom of its interval follow.
        let slopes_of_area = |of: &Prepared| {
            let mut slopes = vec![0.0; labels.len()];
            for ranking in &of.rankings {
                let moved = times(&ranking.gradient(weights)?, weights);
                slopes.iter_mut().zip(moved).for_each(|(s, m)| *s += m / occurs.len() as f64);
            }
            Ok(slopes)
        };
        // A row moves the recall of its class by what it differs from it, over the weight of the class.
        let slopes_of_recall = |of: &Prepared| {
            let confusion = confusion(of, weights)?;
            let all: Vec<f64> = confusion.counts().iter().map(|row| row.iter().sum()).collect();
            let slope = |i: usize| {
                let k = labels[i];
                let right = f64::from(u8::from(of.decisions[i] == k));
                weights[i] * (right - confusion.recall(k)) / (all[k] * occurs.len() as f64)
            };
            Ok((0..labels.len()).map(slope).collect())
        };
        // Average precision and balanced accuracy go the same way from here: estimate, resamples, slopes.
        let resampled = |which: usize, slopes: Vec<Vec<f64>>| Resampled {
            confidence: self.confidence,
            estimates: estimates.iter().map(|of| of[which]).collect(),
            values: values.iter().map(|of| of.iter().map(|of| of[which]).collect()).collect(),
            biases: None,
            slopes,
            strata: strata.clone(),
        };
        // Log loss is a mean over instances and has percentiles, which need no slopes.
        let losses = estimates.iter().enumerate();
        let losses = losses.map(|(k, of)| (of[0], values.iter().map(|of| of[k][0]).collect()));
        Ok(ResampledClasses {
            confidence: self.confidence,
            log_loss: losses.collect(),
            average_precision: resampled(1, prepared.iter().map(slopes_of_area).collect::<Result<_>>()?),
            balanced_accuracy: resampled(2, prepared.iter().map(slopes_of_recall).collect::<Result<_>>()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use rand::SeedableRng;
    use rand_chacha::ChaCha12Rng;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;
    use crate::multinomial::softmax;

    const METRICS: [ClassMetric; 3] =
        [ClassMetric::LogLoss, ClassMetric::MacroAveragePrecision, ClassMetric::BalancedAccuracy];

    /// So many rows of each class, and probabilities that tell them apart somewhat.
    fn drawn(counts: [usize; 3], rng: &mut ChaCha12Rng) -> (Vec<usize>, Array2<f64>) {
        let labels: Vec<usize> = (0..3).flat_map(|k| std::iter::repeat_n(k, counts[k])).collect();
        let mut p = Array2::zeros((labels.len(), 3));
        for (mut row, &label) in p.rows_mut().into_iter().zip(&labels) {
            let mut z: [f64; 3] = std::array::from_fn(|_| StandardNormal.sample(rng));
            z[label] += 1.5;
            softmax(&mut z);
            row.iter_mut().zip(z).for_each(|(p, z)| *p = z);
        }
        (labels, p)
    }

    fn intervals(labels: &[usize], p: &Array2<f64>, n_resamples: usize) -> [Interval; 3] {
        let decided: Vec<usize> =
            p.rows().into_iter().map(|row| crate::metrics::classes::largest(row.iter().copied())).collect();
        let bootstrap = Bootstrap { n_resamples, ..Bootstrap::default() };
        let resampled = bootstrap.classes(labels, None, &[(p.view(), &decided)]).expect("valid");
        METRICS.map(|metric| resampled.interval(metric, 0).expect("the first"))
    }

    #[test]
    fn intervals_cover_the_truth_about_as_often_as_they_say() {
        let mut rng = ChaCha12Rng::seed_from_u64(11);
        let (labels, p) = drawn([28_000, 8000, 4000], &mut rng);
        let truth = intervals(&labels, &p, 2).map(|interval| interval.estimate);
        let (mut covered, tables) = ([0; 3], 300);
        for _ in 0..tables {
            // Twelve rows of the rarest class.
            let (labels, p) = drawn([84, 24, 12], &mut rng);
            for ((count, interval), truth) in covered.iter_mut().zip(intervals(&labels, &p, 200)).zip(truth) {
                *count += usize::from((interval.lower..=interval.upper).contains(&truth));
            }
        }
        let shares = covered.map(|count| f64::from(count as u32) / f64::from(tables));
        assert!(shares.iter().all(|share| (0.91..=0.99).contains(share)), "{shares:?}");
    }

    #[test]
    fn what_cannot_be_resampled_is_refused() {
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        let (labels, p) = drawn([4, 3, 2], &mut rng);
        let bootstrap = Bootstrap { n_resamples: 10, ..Bootstrap::default() };
        assert!(matches!(bootstrap.classes(&labels, None, &[]), Err(Error::NothingToEvaluate)));
        let two = p.select(ndarray::Axis(1), &[0, 1]);
        assert!(bootstrap.classes(&labels, None, &[(p.view(), &labels), (two.view(), &labels)]).is_err());
        assert!(bootstrap.classes(&labels, None, &[(p.view(), &labels[1..])]).is_err());
        let resampled = bootstrap.classes(&labels, None, &[(p.view(), &labels)]).expect("valid");
        for metric in METRICS {
            assert!(resampled.interval(metric, 1).is_err() && resampled.better_by(metric, 0, 1).is_err());
        }
        // All right: the lower end is that of a share of 2 in 2.
        let all = resampled.interval(ClassMetric::BalancedAccuracy, 0).expect("the first");
        assert!(all.estimate == 1.0 && all.lower > 0.0 && all.lower < 0.5 && all.upper == 1.0, "{all:?}");
    }
}
