//! Predictions of labeled instances from fits that did not see their labels.
//!
//! Combining is transductive: an instance without a label still helps to find the factors. So the labels of a fold are
//! hidden and its predictions stay, as they would for instances whose labels come later.

use cfe_core::validation::{Folds, StratifiedGroupKFold, StratifiedKFold};
use cfe_core::{EnsembleData, Error, Result, Trainer};
use ndarray::Axis;

/// Folds of the labeled instances, in the order of [`EnsembleData::labeled`], stratified by class.
///
/// Without `groups` (n, one for each instance), the rarer class may lower their number; `None` if it has a single instance.
///
/// ```
/// use cf_ensemble::cross_validation::stratified_folds;
/// use cf_ensemble::synthetic::Separable;
///
/// let data = Separable::default().generate(1)?.data;
/// let folds = stratified_folds(&data, None, 5, 0)?.expect("both classes occur");
/// assert_eq!(folds.as_slice().len(), data.labeled().len());
/// # Ok::<(), cf_ensemble::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidParameter`] for fewer than 2 folds, or groups that cannot make so many of which each leaves both
/// classes to learn from; [`Error::LengthMismatch`].
pub fn stratified_folds(
    data: &EnsembleData,
    groups: Option<&[String]>,
    n_splits: usize,
    seed: u64,
) -> Result<Option<Folds>> {
    let labels = data.labeled_targets();
    let Some(groups) = groups else {
        let (negatives, positives) = data.class_counts();
        let smaller = negatives.min(positives);
        if smaller < 2 {
            return Ok(None);
        }
        return StratifiedKFold { n_splits: n_splits.min(smaller), seed }.assign(&labels).map(Some);
    };
    let (found, expected) = (groups.len(), data.n_instances());
    if found != expected {
        return Err(Error::LengthMismatch { what: "groups", found, expected });
    }
    let groups: Vec<&String> = data.labeled().iter().map(|&i| &groups[i]).collect();
    let folds = StratifiedGroupKFold { n_splits, seed }.assign(&labels, &groups)?;
    for fold in 0..folds.n_splits() {
        let rest = folds.train(fold);
        if rest.iter().all(|&p| labels[p]) || !rest.iter().any(|&p| labels[p]) {
            const ALLOWED: &str =
                "so few that no fold holds every instance of a class; the groups do not allow these";
            return Err(Error::parameter("n_splits", n_splits, ALLOWED));
        }
    }
    Ok(Some(folds))
}

/// The data with the labels of the instances `hidden` taken away.
///
/// # Errors
/// None for instances of the data.
pub fn hide_labels(data: &EnsembleData, hidden: &[usize]) -> Result<EnsembleData> {
    let mut labels = data.labels().to_vec();
    for &i in hidden {
        if let Some(label) = labels.get_mut(i) {
            *label = None;
        }
    }
    data.clone().with_labels(labels)
}

/// Logits of the instances `held_out`, class weights undone, from a fit to which their labels were hidden. They are
/// predicted by fold-in, as the fitted model predicts new instances.
///
/// # Errors
/// As [`Trainer::fit`] and [`Model::predict_new`](cfe_core::Model::predict_new).
pub fn predict_held_out(trainer: &dyn Trainer, data: &EnsembleData, held_out: &[usize]) -> Result<Vec<f64>> {
    let model = trainer.fit(&hide_labels(data, held_out)?)?.model;
    let predictions = model.predict_new(data.predictions().select(Axis(1), held_out).view())?;
    Ok(predictions.logits.iter().map(|z| z - model.logit_shift).collect())
}
