//! Measures of a fitted combiner of K classes beside simple ones.

use cfe_core::Result;
use cfe_core::classes::{ClassData, ClassPredictions};
use cfe_core::metrics::classes::{ClassScored, ClassSummary};
use cfe_io::ClassTable;
use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};

use super::baselines::ClassBaseline;
use super::decide::Decision;
use super::fit::ClassOutcome;
use super::model::ClassModel;
use crate::error::{FitError, FitResult};
use crate::judge::{COMBINED, TRAIN, TrainRows};

/// Where a model keeps the figures of its out-of-fold predictions.
pub(super) const OUT_OF_FOLD: &str = "out_of_fold";
/// Classes of fewer labeled rows than this have figures that say little: one row more or less moves the
/// recall of such a class by more than 0.1.
pub const FEW_ROWS: usize = 10;

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
    /// Share of these rows that the model was trained on and predicts with their labels known: such figures
    /// flatter the model. 0 for cross-validated rows.
    #[serde(default)]
    pub in_sample_share: f64,
    /// The combined prediction first.
    pub methods: Vec<ClassMethodMetrics>,
}

/// The figures of one method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClassMethodMetrics {
    /// Its name.
    pub name: String,
    /// Its figures.
    pub metrics: ClassSummary,
}

/// Figures of distributions (n x K) with labels and weights (n), under a decision.
pub(super) fn summary(
    p: &Array2<f64>,
    labels: &[usize],
    weights: &[f64],
    decision: &Decision,
) -> Result<ClassSummary> {
    let kept: Vec<usize> = (0..labels.len()).filter(|&i| weights[i] > 0.0).collect();
    let p = p.select(Axis(0), &kept);
    let of = |values: &[f64]| kept.iter().map(|&i| values[i]).collect::<Vec<f64>>();
    let labels: Vec<usize> = kept.iter().map(|&i| labels[i]).collect();
    ClassScored::new(&labels, p.view(), Some(&of(weights)))?.summary(&decision.decide_all(&p))
}

/// Classes of fewer than [`FEW_ROWS`] labeled rows, with their number of rows.
pub fn few_rows(classes: &[String], counts: &[usize]) -> Vec<(String, usize)> {
    let few = classes.iter().zip(counts).filter(|(_, count)| **count < FEW_ROWS);
    few.map(|(class, &count)| (class.clone(), count)).collect()
}

/// Figures of the out-of-fold predictions that a model remembers, if it was fitted with any.
pub fn class_trust(model: &ClassModel) -> Option<ClassSummary> {
    let kept = model.details.provenance.get(OUT_OF_FOLD)?;
    serde_json::from_value(kept.clone()).ok()
}

/// What a file says of the fit has the shape of the model.
pub(super) fn check_remembered(model: &ClassModel) -> Result<(), String> {
    crate::judge::check_remembered(&model.details)?;
    let Some(kept) = model.details.provenance.get(OUT_OF_FOLD) else { return Ok(()) };
    let summary: ClassSummary =
        serde_json::from_value(kept.clone()).map_err(|e| format!("{OUT_OF_FOLD}: {e}"))?;
    let k = model.classes().len();
    let counts = summary.confusion.counts();
    if summary.per_class.len() != k || counts.len() != k || counts.iter().any(|row| row.len() != k) {
        return Err(format!("{OUT_OF_FOLD} does not have {k} classes"));
    }
    Ok(())
}

/// The figures of `model` and of soft voting on rows (by number) with labels (n), which are classes of the
/// model or unknown (`None`), and weights (n, `None` is 1 each).
///
/// # Errors
/// [`FitError::Training`]; [`FitError::Data`] where no row has a class of the model.
pub fn judge_rows(
    name: &str,
    model: &ClassModel,
    predictions: &ClassPredictions,
    rows: &[usize],
    labels: &[Option<usize>],
    weights: Option<&[f64]>,
) -> FitResult<ClassPart> {
    let scoring = FitError::training("scoring");
    let known: Vec<usize> = rows.iter().copied().filter(|&i| labels[i].is_some()).collect();
    let unknown_class = rows.len() - known.len();
    if known.is_empty() {
        return Err(FitError::Data(format!("{name}: no labeled row is of a class that the model knows")));
    }
    let part = predictions.align(model.classifier_names(), model.classes()).map_err(&scoring)?;
    let part = part.select_instances(&known).map_err(&scoring)?;
    let y: Vec<usize> = known.iter().filter_map(|&i| labels[i]).collect();
    let combined = model.predict(&part).map_err(&scoring)?;
    let vote = ClassBaseline::SoftVoting.fit_unlabeled(&part).predict(&part).map_err(&scoring)?;
    let weights: Vec<f64> = known.iter().map(|&i| weights.map_or(1.0, |w| w[i])).collect();
    let of = |name: &str, p: &Array2<f64>, decision: &Decision| -> FitResult<ClassMethodMetrics> {
        let metrics = summary(p, &y, &weights, decision).map_err(&scoring)?;
        Ok(ClassMethodMetrics { name: name.to_owned(), metrics })
    };
    let methods = vec![
        of(COMBINED, &combined.probabilities, &model.decision)?,
        of(ClassBaseline::SoftVoting.name(), &vote, &Decision::Largest)?,
    ];
    let rows: Vec<usize> = (0..known.len()).collect();
    let train_rows = TrainRows::of_model(&model.details);
    let in_sample_share =
        train_rows.map_or(0.0, |known| known.share_among(side_by_side(&part).view(), &rows));
    Ok(ClassPart { name: name.to_owned(), rows: y.len(), unknown_class, in_sample_share, methods })
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
    let everything = || vec!["all".to_owned(); table.n_rows()];
    let split = table.split.clone().unwrap_or_else(everything);
    let mut names: Vec<&String> = Vec::new();
    for &i in &rows {
        if !names.contains(&&split[i]) {
            names.push(&split[i]);
        }
    }
    let mut parts = Vec::new();
    for name in names {
        let rows: Vec<usize> = rows.iter().copied().filter(|&i| split[i] == *name).collect();
        // A split with nothing but unknown classes has nothing to be judged by.
        if rows.iter().any(|i| !unknown.contains(i)) {
            let weights = table.weights.as_deref();
            parts.push(judge_rows(name, model, &table.predictions, &rows, &labels, weights)?);
        }
    }
    Ok(parts)
}

/// The predictions of all classes as rows of one matrix (m K x n), by which train rows are known again.
pub(super) fn side_by_side(predictions: &ClassPredictions) -> Array2<f64> {
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
        let (labels, weights) = (data.labeled_targets(), data.labeled_weights());
        let metrics = summary(p, &labels, &weights, &self.model.decision).map_err(&scoring)?;
        let mut methods = vec![ClassMethodMetrics { name: COMBINED.to_owned(), metrics }];
        let (m, k) = (data.predictions().n_classifiers(), data.predictions().n_classes());
        for baseline in ClassBaseline::ALL {
            if baseline.is_stacking() && m * k > MOST_STACKED {
                continue;
            }
            let p = baseline.cross_validated(data, folds).map_err(&scoring)?;
            let metrics = summary(&p, &labels, &weights, &Decision::Largest).map_err(&scoring)?;
            methods.push(ClassMethodMetrics { name: baseline.name().to_owned(), metrics });
        }
        Ok(Some(ClassPart {
            name: TRAIN.to_owned(),
            rows: labels.len(),
            unknown_class: 0,
            in_sample_share: 0.0,
            methods,
        }))
    }
}
