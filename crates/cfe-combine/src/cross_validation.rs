//! Predictions of labeled instances from fits that did not see their labels.
//!
//! Combining is transductive: an instance without a label still helps to find the factors. So the labels of a
//! fold are hidden and its predictions stay, as they would for instances whose labels come later.

use cfe_core::validation::{Folds, StratifiedGroupKFold, StratifiedKFold};
use cfe_core::{EnsembleData, Error, Model, Result, Trainer};
use ndarray::Axis;

use crate::recommended::keys::{folds_by_key, row_keys};

/// What the folds of a cross-validation follow, besides the labels.
#[derive(Debug, Clone, Copy, Default)]
pub enum Following<'a> {
    /// Nothing.
    #[default]
    Labels,
    /// Instances of a group (n) stay together.
    Groups(&'a [String]),
    /// These folds of the labeled instances, in the order of [`EnsembleData::labeled`].
    Folds(&'a Folds),
}

impl<'a> Following<'a> {
    /// What a table says, whose own folds are `given`.
    pub fn new(given: Option<&'a Folds>, groups: Option<&'a [String]>) -> Self {
        match (given, groups) {
            (Some(folds), _) => Following::Folds(folds),
            (None, Some(groups)) => Following::Groups(groups),
            (None, None) => Following::Labels,
        }
    }
}

/// The data with the labels of all instances hidden that a fit for this fold does not learn from: those of
/// the fold and, of folds in time, those of later ones.
///
/// ```
/// use cf_ensemble::cross_validation::{folds_by_content, hide_fold};
/// use cf_ensemble::synthetic::Separable;
///
/// let data = Separable::default().generate(1)?.data;
/// let folds = folds_by_content(&data, 5, 0)?.expect("both classes occur");
/// assert_eq!(hide_fold(&data, &folds, 2)?.labeled().len(), folds.train(2).len());
/// # Ok::<(), cf_ensemble::Error>(())
/// ```
///
/// # Errors
/// [`Error::LengthMismatch`] for folds of other instances than the labeled ones.
pub fn hide_fold(data: &EnsembleData, folds: &Folds, fold: usize) -> Result<EnsembleData> {
    let (found, expected) = (folds.as_slice().len(), data.labeled().len());
    if found != expected {
        return Err(Error::LengthMismatch { what: "folds", found, expected });
    }
    // Both ascend.
    let mut kept = folds.train(fold).into_iter().peekable();
    let labeled = data.labeled().iter().enumerate();
    let hidden: Vec<usize> = labeled.filter(|(p, _)| kept.next_if_eq(p).is_none()).map(|(_, &i)| i).collect();
    hide_labels(data, &hidden)
}

/// Folds of the labeled instances, in the order of [`EnsembleData::labeled`], stratified by class.
///
/// Without `groups` (n, one for each instance), the rarer class may lower their number; `None` if it has a
/// single instance. Instances of weight 0, which are not learned from, go to the first fold and change
/// nothing for the others.
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
/// [`Error::InvalidParameter`] for fewer than 2 folds, or groups that cannot make so many of which each
/// leaves both classes to learn from; [`Error::LengthMismatch`].
pub fn stratified_folds(
    data: &EnsembleData,
    groups: Option<&[String]>,
    n_splits: usize,
    seed: u64,
) -> Result<Option<Folds>> {
    let places = counting_places(data);
    let all = data.labeled_targets();
    let labels: Vec<bool> = places.iter().map(|&p| all[p]).collect();
    let Some(groups) = groups else {
        let positives = labels.iter().filter(|&&y| y).count();
        let smaller = positives.min(labels.len() - positives);
        if smaller < 2 {
            return Ok(None);
        }
        let folds = StratifiedKFold { n_splits: n_splits.min(smaller), seed }.assign(&labels)?;
        return spread(&folds, &places, all.len()).map(Some);
    };
    let (found, expected) = (groups.len(), data.n_instances());
    if found != expected {
        return Err(Error::LengthMismatch { what: "groups", found, expected });
    }
    let groups: Vec<&String> = places.iter().map(|&p| &groups[data.labeled()[p]]).collect();
    let folds = StratifiedGroupKFold { n_splits, seed }.assign(&labels, &groups)?;
    // Groups of very different sizes may put every instance of a class into one fold, and the fit without
    // that fold would have one class.
    for fold in 0..folds.n_splits() {
        let rest = folds.train(fold);
        if rest.iter().all(|&p| labels[p]) || !rest.iter().any(|&p| labels[p]) {
            const ALLOWED: &str =
                "so few that no fold holds every instance of a class; the groups do not allow these";
            return Err(Error::parameter("n_splits", n_splits, ALLOWED));
        }
    }
    spread(&folds, &places, all.len()).map(Some)
}

/// Places of the labeled instances that weigh something: the others are not learned from.
fn counting_places(data: &EnsembleData) -> Vec<usize> {
    let counts = |p: &usize| data.sample_weights().is_none_or(|weights| weights[data.labeled()[*p]] > 0.0);
    (0..data.labeled().len()).filter(counts).collect()
}

/// The folds of instances at some places among n; the others go to the first fold.
pub(crate) fn spread(folds: &Folds, places: &[usize], n: usize) -> Result<Folds> {
    let mut all = vec![0; n];
    places.iter().zip(folds.as_slice()).for_each(|(&p, &fold)| all[p] = fold);
    Folds::new(all, folds.n_splits())
}

/// Folds of the labeled instances as the recommended combiner makes them: stratified by class, and by what an
/// instance contains, so that the order of the instances decides nothing and copies of an instance are in one
/// fold.
///
/// The rarer class may lower their number; `None` if it has a single instance.
///
/// ```
/// use cf_ensemble::cross_validation::folds_by_content;
/// use cf_ensemble::synthetic::Separable;
///
/// let data = Separable::default().generate(1)?.data;
/// let folds = folds_by_content(&data, 5, 0)?.expect("both classes occur");
/// assert_eq!(folds.as_slice().len(), data.labeled().len());
/// # Ok::<(), cf_ensemble::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidParameter`] for fewer than 2 folds.
pub fn folds_by_content(data: &EnsembleData, n_splits: usize, seed: u64) -> Result<Option<Folds>> {
    cfe_core::ensure(n_splits >= 2, "n_splits", n_splits, "at least 2 folds are needed; 5 is usual")?;
    let labels = data.labeled_targets();
    let weight = |p: usize| data.sample_weights().map_or(1.0, |weights| weights[data.labeled()[p]]);
    // The combiner does not see instances of weight 0; they go to the first fold.
    let counting = counting_places(data);
    let positives = counting.iter().filter(|&&p| labels[p]).count();
    let smaller = positives.min(counting.len() - positives);
    if smaller < 2 {
        return Ok(None);
    }
    let n_splits = n_splits.min(smaller);
    let keys = row_keys(data, data.labeled(), seed);
    // Folds are dealt along the sorted keys: copies of an instance are neighbors there, and the order of the
    // table is forgotten.
    let mut order = counting;
    order.sort_by(|&a, &b| {
        let by_key = keys[a].cmp(&keys[b]).then(labels[a].cmp(&labels[b]));
        by_key.then(weight(a).total_cmp(&weight(b)))
    });
    let sorted_keys: Vec<u64> = order.iter().map(|&p| keys[p]).collect();
    let sorted_labels: Vec<bool> = order.iter().map(|&p| labels[p]).collect();
    let folds = Folds::new(folds_by_key(&sorted_keys, &sorted_labels, n_splits), n_splits)?;
    // Back to the order of the labeled instances.
    spread(&folds, &order, labels.len()).map(Some)
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

/// Logits of the instances `held_out`, class weights undone, from a fit to which their labels were hidden.
/// They are predicted by fold-in, as the fitted model predicts new instances.
///
/// # Errors
/// As [`Trainer::fit`] and [`Model::predict_new`].
pub fn predict_held_out(trainer: &dyn Trainer, data: &EnsembleData, held_out: &[usize]) -> Result<Vec<f64>> {
    held_out_logits(&trainer.fit(&hide_labels(data, held_out)?)?.model, data, held_out)
}

/// Logits of the instances `held_out` of the data, class weights undone, from a model that did not see their
/// labels.
///
/// # Errors
/// As [`Model::predict_new`].
pub fn held_out_logits(model: &Model, data: &EnsembleData, held_out: &[usize]) -> Result<Vec<f64>> {
    let predictions = model.predict_new(data.predictions().select(Axis(1), held_out).view())?;
    Ok(predictions.logits.iter().map(|z| z - model.logit_shift).collect())
}

/// FNV-1a of the fold of each instance (Fowler, Noll and Vo), in hex: tells whether two runs have the same
/// folds.
pub(crate) fn checksum(folds: &Folds) -> String {
    let bytes = folds.as_slice().iter().flat_map(|&fold| (fold as u64).to_le_bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}
