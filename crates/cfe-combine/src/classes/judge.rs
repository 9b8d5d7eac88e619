//! Measures of a fitted combiner of K classes beside simple ones.

use std::collections::HashMap;

use cfe_core::Result;
use cfe_core::classes::{ClassData, ClassPredictions};
use cfe_core::metrics::classes::{ClassScored, ClassSummary};
use cfe_core::validation::{Bootstrap, ClassMetric, Interval};
use cfe_io::ClassTable;
use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};

use super::baselines::ClassBaseline;
use super::decide::Decision;
use super::model::ClassModel;
use super::outcome::ClassOutcome;
use super::rows::ClassRows;
use crate::error::{FitError, FitResult};
use crate::judge::{COMBINED, JudgedRows, Reliability, TRAIN, groups, name_of_split, resamples_of};
use crate::saved::provenance::{self, OUT_OF_FOLD, TRAIN_ROWS};

/// Features up to which stacking is fitted for comparison.
const MOST_STACKED: usize = 600;

/// Rows that were scored together: "train" by cross-validation, and other splits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClassPart {
    /// Name of the split.
    pub name: String,
    /// Rows scored.
    pub rows: usize,
    /// Rows whose label is a class that the model does not know; they are left out.
    pub unknown_class: usize,
    /// Labeled rows that are not scored, as no earlier ones score them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub never_scored: usize,
    /// Labeled rows of weight 0, which are not scored.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub without_weight: usize,
    /// Whether these are train rows, each scored without its label by cross-validation.
    #[serde(default)]
    pub cross_validated: bool,
    /// Share of these rows that the model was trained on and predicts with their labels known: such figures
    /// flatter the model. 0 for cross-validated rows.
    #[serde(default)]
    pub in_sample_share: f64,
    /// Resamples of each interval.
    #[serde(default)]
    pub resamples: usize,
    /// The combined prediction first.
    pub methods: Vec<ClassMethodMetrics>,
    /// Of each class (K) against all others: the reliability of the combined prediction, in groups of rows of
    /// similar probability.
    #[serde(default)]
    pub reliability: Vec<Vec<Reliability>>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// The figures of one method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClassMethodMetrics {
    /// Its name.
    pub name: String,
    /// Mean cost of its decisions, each row at its own cost or by the matrix of costs; `None` without costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_cost: Option<f64>,
    /// Its figures.
    pub metrics: ClassSummary,
    /// 95% bootstrap intervals of some of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intervals: Option<ClassIntervals>,
    /// By how much the combined prediction is better than this one, on the same resamples: of log loss what
    /// it saves, of the others what it gains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub combined_is_better_by: Option<ClassIntervals>,
}

/// Intervals of three metrics of K classes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClassIntervals {
    /// Of log loss, in nats.
    pub log_loss: Interval,
    /// Of macro average precision.
    pub macro_average_precision: Interval,
    /// Of balanced accuracy.
    pub balanced_accuracy: Interval,
}

impl ClassIntervals {
    fn new(of: impl Fn(ClassMetric) -> Result<Interval>) -> Result<Self> {
        Ok(Self {
            log_loss: of(ClassMetric::LogLoss)?,
            macro_average_precision: of(ClassMetric::MacroAveragePrecision)?,
            balanced_accuracy: of(ClassMetric::BalancedAccuracy)?,
        })
    }
}

/// Figures of distributions (one for each place that `rows` may name, x K) under a decision.
pub(super) fn summary(p: &Array2<f64>, rows: &ClassRows, decision: &Decision) -> Result<ClassSummary> {
    let p = p.select(Axis(0), &rows.rows);
    ClassScored::new(&rows.labels, p.view(), Some(&rows.weights))?.summary(&decision.decide_all(&p))
}

/// One way to combine: its name, distributions (one for each place that rows may name, x K) and decision.
type Method<'a> = (&'a str, Array2<f64>, &'a Decision);

/// Figures of several ways, the combined prediction first, with their intervals; and the resamples of these.
/// Decisions have a mean cost where costs are known or `priced` has some.
fn measured(
    methods: &[Method<'_>],
    rows: &ClassRows,
    priced: &Decision,
    seed: u64,
) -> Result<(Vec<ClassMethodMetrics>, usize)> {
    // Probabilities and decisions of the judged rows, once for the figures and for all resamples.
    let of_rows: Vec<(Array2<f64>, Vec<usize>)> = methods
        .iter()
        .map(|(_, p, decision)| {
            let p = p.select(Axis(0), &rows.rows);
            let decided = decision.decide_all(&p);
            (p, decided)
        })
        .collect();
    let cells = rows.rows.len() * of_rows.first().map_or(1, |(p, _)| p.ncols());
    let bootstrap = Bootstrap { n_resamples: resamples_of(cells), seed, ..Bootstrap::default() };
    let predictions: Vec<_> = of_rows.iter().map(|(p, decided)| (p.view(), &decided[..])).collect();
    // All methods are resampled together: a difference of two is then paired, of the same rows.
    let resampled = bootstrap.classes(&rows.labels, Some(&rows.weights), &predictions)?;
    let known = rows.costs.is_some() || matches!(priced, Decision::Costs(_));
    let method = |k: usize| {
        let ((name, ..), (p, decided)) = (&methods[k], &of_rows[k]);
        let metrics = ClassScored::new(&rows.labels, p.view(), Some(&rows.weights))?.summary(decided)?;
        let mean_cost = known.then(|| {
            let cost_at = |at: usize| {
                let cost = priced.cost(rows.labels[at], decided[at]);
                rows.weights[at] * rows.costs.as_ref().map_or(1.0, |costs| costs[at]) * cost
            };
            (0..decided.len()).map(cost_at).sum::<f64>() / rows.weights.iter().sum::<f64>()
        });
        // The combined prediction stands at 0, and every other method is compared with it.
        let gain = || ClassIntervals::new(|metric| resampled.better_by(metric, 0, k));
        Ok(ClassMethodMetrics {
            name: (*name).to_owned(),
            mean_cost,
            metrics,
            intervals: Some(ClassIntervals::new(|metric| resampled.interval(metric, k))?),
            combined_is_better_by: (k > 0).then(gain).transpose()?,
        })
    };
    Ok(((0..methods.len()).map(method).collect::<Result<_>>()?, bootstrap.n_resamples))
}

/// The reliability of each class against all others.
fn reliability(p: &Array2<f64>, rows: &ClassRows) -> Vec<Vec<Reliability>> {
    let reliability_of = |k: usize| {
        let judged = JudgedRows {
            labels: rows.labels.iter().map(|&label| label == k).collect(),
            weights: Some(rows.weights.clone()),
            costs: None,
        };
        let probabilities: Vec<f64> = rows.rows.iter().map(|&i| p[(i, k)]).collect();
        groups(&judged, &probabilities)
    };
    (0..p.ncols()).map(reliability_of).collect()
}

/// Figures of the out-of-fold predictions that a model remembers, if it was fitted with any.
pub fn class_trust(model: &ClassModel) -> Option<ClassSummary> {
    OUT_OF_FOLD.get(&model.details)
}

/// What a file says of the fit has the shape of the model.
pub(super) fn check_remembered(model: &ClassModel) -> Result<(), String> {
    provenance::check(&model.details)?;
    let Some(summary) = OUT_OF_FOLD.get(&model.details) else { return Ok(()) };
    let k = model.classes().len();
    let counts = summary.confusion.counts();
    if summary.per_class.len() != k || counts.len() != k || counts.iter().any(|row| row.len() != k) {
        return Err(format!("{} does not have {k} classes", OUT_OF_FOLD.name()));
    }
    Ok(())
}

/// The figures of `model` and of soft voting on rows (by number) with labels (n), which are classes of the
/// model or unknown (`None`), and weights (n, `None` is 1 each).
///
/// # Errors
/// [`FitError::Training`]; [`FitError::Data`] where no row that counts has a class of the model.
pub fn judge_rows(
    name: &str,
    model: &ClassModel,
    predictions: &ClassPredictions,
    rows: &[usize],
    labels: &[Option<usize>],
    weights: Option<&[f64]>,
) -> FitResult<ClassPart> {
    judge_rows_at_costs(name, model, predictions, rows, labels, weights, None)
}

/// As [`judge_rows`], with the mean cost of the decisions where `costs` (n) says what a wrong one about each
/// row costs.
///
/// # Errors
/// [`FitError::Training`]; [`FitError::Data`] where no row that counts has a class of the model.
pub fn judge_rows_at_costs(
    name: &str,
    model: &ClassModel,
    predictions: &ClassPredictions,
    rows: &[usize],
    labels: &[Option<usize>],
    weights: Option<&[f64]>,
    costs: Option<&[f64]>,
) -> FitResult<ClassPart> {
    let scoring = FitError::training("scoring");
    // Rows of a class that the model has never seen have no probability to be judged by. They are counted.
    let known: Vec<usize> = rows.iter().copied().filter(|&i| labels[i].is_some()).collect();
    let unknown_class = rows.len() - known.len();
    let judged = ClassRows::new(&known, labels, weights, costs);
    if judged.rows.is_empty() {
        return Err(FitError::Data(format!(
            "{name}: no labeled row of weight above 0 is of a class that the model knows"
        )));
    }
    let part = predictions.align(model.classifier_names(), model.classes()).map_err(&scoring)?;
    let part = part.select_instances(&known).map_err(&scoring)?;
    // `judged` has numbers of the table. From here on the predictions are those of the known rows, and
    // numbers become places among these.
    let place: HashMap<usize, usize> = known.iter().enumerate().map(|(place, &i)| (i, place)).collect();
    let judged = ClassRows { rows: judged.rows.iter().map(|i| place[i]).collect(), ..judged };
    let combined = model.predict(&part).map_err(&scoring)?;
    // Soft voting is the one rival that needs no labels, and so the one that new rows can be compared with.
    let vote = ClassBaseline::SoftVoting.fit_unlabeled(&part).predict(&part).map_err(&scoring)?;
    let reliability = reliability(&combined.probabilities, &judged);
    let methods = [
        (COMBINED, combined.probabilities, &model.decision),
        (ClassBaseline::SoftVoting.name(), vote, &Decision::Largest),
    ];
    let seed = model.details.seed.unwrap_or(0);
    let (methods, resamples) = measured(&methods, &judged, &model.decision, seed).map_err(&scoring)?;
    let rows: Vec<usize> = (0..known.len()).collect();
    // Figures of rows that the model was trained on flatter the model, so their share goes with the figures.
    let train_rows = TRAIN_ROWS.get(&model.details);
    let of_known: Option<Vec<f64>> = weights.map(|weights| known.iter().map(|&i| weights[i]).collect());
    let in_sample_share = train_rows.map_or(0.0, |train_rows| {
        train_rows.share_among(side_by_side(&part).view(), &rows, of_known.as_deref())
    });
    Ok(ClassPart {
        name: name.to_owned(),
        rows: judged.rows.len(),
        unknown_class,
        never_scored: 0,
        without_weight: known.len() - judged.rows.len(),
        cross_validated: false,
        in_sample_share,
        resamples,
        methods,
        reliability,
    })
}

/// The figures of distributions of any origin on n labels, which are numbers of classes, with weights (n,
/// finite and at least 0; `None` is 1 each): each method by its name, with its distributions (n x K), of
/// which the largest probability is decided for. The first method takes the place of the combined prediction:
/// the others are compared with it, and reliability is of it. Rows of weight 0 are not scored.
///
/// ```
/// use cf_ensemble::classes::measure_distributions;
/// use ndarray::array;
///
/// let sure = array![[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8]];
/// let even = array![[0.4, 0.3, 0.3], [0.3, 0.4, 0.3], [0.3, 0.3, 0.4]];
/// let methods = vec![("sure".to_owned(), sure), ("even".to_owned(), even)];
/// let part = measure_distributions("new rows", &[0, 1, 2], Some(&[1.0, 2.0, 1.0]), methods, 0)?;
/// let saved = part.methods[1].combined_is_better_by.expect("it is compared with the first").log_loss;
/// assert!(saved.estimate > 0.0);
/// # Ok::<(), cfe_core::Error>(())
/// ```
///
/// # Errors
/// As [`ClassScored::new`], and [`Error::NothingToEvaluate`](cfe_core::Error::NothingToEvaluate) without a
/// method.
pub fn measure_distributions(
    name: &str,
    labels: &[usize],
    weights: Option<&[f64]>,
    methods: Vec<(String, Array2<f64>)>,
    seed: u64,
) -> Result<ClassPart> {
    // Everything is checked before rows are left out, so that a message has the place that the caller knows.
    for (_, p) in &methods {
        ClassScored::new(labels, p.view(), weights)?;
    }
    let known: Vec<Option<usize>> = labels.iter().copied().map(Some).collect();
    let everything: Vec<usize> = (0..labels.len()).collect();
    let judged = ClassRows::new(&everything, &known, weights, None);
    let reliability = methods.first().map_or_else(Vec::new, |(_, p)| reliability(p, &judged));
    let (names, distributions): (Vec<String>, Vec<Array2<f64>>) = methods.into_iter().unzip();
    let named = names.iter().zip(distributions);
    let methods: Vec<Method<'_>> = named.map(|(name, p)| (name.as_str(), p, &Decision::Largest)).collect();
    let (methods, resamples) = measured(&methods, &judged, &Decision::Largest, seed)?;
    Ok(ClassPart {
        name: name.to_owned(),
        rows: judged.rows.len(),
        unknown_class: 0,
        never_scored: 0,
        without_weight: labels.len() - judged.rows.len(),
        cross_validated: false,
        in_sample_share: 0.0,
        resamples,
        methods,
        reliability,
    })
}

/// The figures of `model` and of soft voting on the labeled rows of a table that `chosen` takes, a part for
/// each split. A split whose labels the model does not know has none.
///
/// # Errors
/// [`FitError::Training`].
pub fn judge_table(
    table: &ClassTable,
    model: &ClassModel,
    chosen: impl Fn(usize) -> bool,
) -> FitResult<Vec<ClassPart>> {
    let (labels, unknown) = table.labels_among(model.classes());
    let labeled = |i: &usize| table.labels[*i].is_some() && table.predictions.n_observed(*i) > 0;
    let rows: Vec<usize> = (0..table.n_rows()).filter(|&i| chosen(i)).filter(labeled).collect();
    // Parts are in the order in which the table names its splits first.
    let split_of = |i: usize| table.split.as_ref().map_or("all", |split| name_of_split(&split[i]));
    let mut names: Vec<&str> = Vec::new();
    for &i in &rows {
        if !names.contains(&split_of(i)) {
            names.push(split_of(i));
        }
    }
    let mut parts = Vec::new();
    for name in names {
        let rows: Vec<usize> = rows.iter().copied().filter(|&i| split_of(i) == name).collect();
        // A split with nothing but unknown classes has nothing to be judged by.
        if rows.iter().any(|i| !unknown.contains(i)) {
            let (weights, costs) = (table.weights.as_deref(), table.costs.as_deref());
            parts.push(judge_rows_at_costs(name, model, &table.predictions, &rows, &labels, weights, costs)?);
        }
    }
    Ok(parts)
}

/// The predictions of all classes as rows of one matrix (m K x n), by which train rows are known again.
pub(crate) fn side_by_side(predictions: &ClassPredictions) -> Array2<f64> {
    let (m, n, k) = predictions.values().dim();
    Array2::from_shape_fn((m * k, n), |(row, i)| predictions.values()[(row / k, i, row % k)])
}

impl ClassOutcome {
    /// The out-of-fold predictions of the labeled rows beside simple ways to combine, cross-validated on the
    /// same folds. `None` where there are no such predictions.
    ///
    /// # Errors
    /// [`FitError::Training`].
    pub fn cross_validated(&self, data: &ClassData) -> FitResult<Option<ClassPart>> {
        let (Some(p), Some(folds)) = (&self.out_of_fold, &self.folds) else { return Ok(None) };
        let scoring = FitError::training("scoring");
        let rows = ClassRows::held_out(data, self.costs.as_deref(), p);
        let ours = &self.model.decision;
        let mut methods = vec![(COMBINED, p.clone(), ours)];
        let (m, k) = (data.predictions().n_classifiers(), data.predictions().n_classes());
        for baseline in ClassBaseline::ALL {
            // Stacking has a weight for each classifier, class and decided class; the others have one weight
            // or none.
            if baseline.is_stacking() && m * k > MOST_STACKED {
                continue;
            }
            let p = baseline.cross_validated(data, folds).map_err(&scoring)?;
            methods.push((baseline.name(), p, &Decision::Largest));
        }
        let seed = self.model.details.seed.unwrap_or(0);
        let (methods, resamples) = measured(&methods, &rows, ours, seed).map_err(&scoring)?;
        let scored = folds.scored().len();
        Ok(Some(ClassPart {
            name: TRAIN.to_owned(),
            rows: rows.rows.len(),
            unknown_class: 0,
            never_scored: data.labeled().len() - scored,
            without_weight: scored - rows.rows.len(),
            cross_validated: true,
            in_sample_share: 0.0,
            resamples,
            methods,
            reliability: reliability(p, &rows),
        }))
    }
}
