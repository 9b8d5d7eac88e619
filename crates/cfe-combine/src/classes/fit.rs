//! The whole fit for K classes.

use cfe_core::classes::{ClassData, ClassPredictions};
use cfe_core::losses::logit;
use cfe_core::validation::Folds;
use cfe_core::{EnsembleData, Error};
use cfe_io::{ModelDetails, Table, fingerprint};
use ndarray::{Array2, Axis};
use serde_json::json;

use super::binary::Binary;
use super::binary_fit;
use super::couple::{Coupling, cross_fitted};
use super::decide::{Decision, check_rule};
use super::decision_rule::DecisionRule;
use super::folds::held_out;
use super::judge;
use super::model::{ClassModel, spread};
use super::options::ClassOptions;
use super::outcome::ClassOutcome;
use super::rows::ClassRows;
use crate::baselines::Baseline;
use crate::error::{FitError, FitResult};
use crate::judge::TrainRows;
use crate::pipeline::{FitOptions, FitPlan, HeldOut, LEAST_ROWS, Progress, ReadyTrainer, Watch};
use crate::recommended::estimate_memory;
use crate::saved::provenance::{DATA, DECISION_RULE, OUT_OF_FOLD, SETTINGS, TRAIN_ROWS, TRAINER};

/// Folds unless said otherwise.
const FOLDS: usize = 5;
/// Means of classifiers are kept this far from 0 and 1 before their log-odds are taken.
const LEAST_VOTE: f64 = 1e-9;

/// Fits one binary problem for each class, couples them, and chooses how to decide.
///
/// `options` are those of a binary fit; threshold and calibration belong to two classes. A checkpoint is one
/// file for each class, with its number at the end of the name. The result is the same for any number of
/// threads.
///
/// # Errors
/// [`FitError`], one variant for each cause; [`FitError::Stopped`] where `watch` asks for a stop.
pub fn fit(
    data: &ClassData,
    options: &FitOptions,
    class_options: &ClassOptions,
    watch: &dyn Watch,
) -> FitResult<ClassOutcome> {
    fit_planned(&options.plan()?, data, class_options, watch)
}

/// As [`fit()`], with options that are checked already.
///
/// # Errors
/// As [`fit()`].
pub fn fit_planned(
    plan: &FitPlan,
    data: &ClassData,
    options: &ClassOptions,
    watch: &dyn Watch,
) -> FitResult<ClassOutcome> {
    let classes = data.predictions().n_classes();
    // First what is refused: options of two classes, folds given in two ways, costs that do not serve.
    let of_two = &plan.options;
    if classes > 2 && (of_two.threshold.is_some() || of_two.calibrate.is_some() || of_two.fallback.is_some())
    {
        return Err(FitError::options(
            "threshold, calibrate and fallback belong to two classes; of more the coupling calibrates, and the decision \
             is chosen by `decision`",
        ));
    }
    if let (Some(_), Some(folds)) = (&options.folds, of_two.folds) {
        return Err(FitError::options(format!(
            "the folds are given, each value of which is a fold, and folds {folds} asks for others; leave one out"
        )));
    }
    check_costs(options, data)?;
    plan.warn_of_settings(watch);
    // The recommended combiner has the number of folds among its own settings.
    let count = match &plan.ready {
        ReadyTrainer::Recommended(recommended) => recommended.spec().folds,
        ReadyTrainer::Backend(_) => plan.options.folds.unwrap_or(FOLDS),
    };
    let outcome = match classes {
        2 => two_classes(plan, data, options, watch),
        // Of two classes one binary fit says all; of more there is one for each class, and then the coupling.
        _ => {
            let mut train = |k: usize, data: &EnsembleData, held_out: &HeldOut| {
                let name = format!("class {} of {classes}", k + 1);
                binary_fit::trained(plan, data, held_out, (k, options.leave_out), &OfClass { watch, name })
            };
            many_classes(data, options, count, plan.seed(), watch, &mut train)
        }
    };
    let mut outcome = outcome?;
    let details = &mut outcome.model.details;
    TRAINER.put(details, &plan.trainer.to_string());
    SETTINGS.put(details, &plan.settings);
    details.seed = Some(plan.seed());
    Ok(outcome)
}

/// One-vs-rest of a binary baseline, coupled in the same way. Its model cannot be kept in a file.
///
/// # Errors
/// As [`fit()`].
pub fn fit_baseline(baseline: Baseline, data: &ClassData, options: &ClassOptions) -> FitResult<ClassOutcome> {
    check_costs(options, data)?;
    let mut train = |_: usize, data: &EnsembleData, held_out: &HeldOut| {
        binary_fit::baseline(baseline, data, &held_out.folds)
    };
    many_classes(data, options, FOLDS, 0, &(), &mut train)
}

/// Puts the class in front of what a fit tells.
struct OfClass<'a> {
    watch: &'a dyn Watch,
    name: String,
}

impl Watch for OfClass<'_> {
    fn progress(&self, progress: Progress<'_>) {
        match progress {
            Progress::Started { stage, steps, .. } => {
                let stage = format!("{stage} {}", self.name);
                // A class alone is not a model: a stop keeps nothing but checkpoints.
                self.watch.progress(Progress::Started { stage: &stage, steps, keeps_on_stop: false });
            }
            other => self.watch.progress(other),
        }
    }

    fn warn(&self, message: &str) {
        self.watch.warn(&format!("{}: {message}", self.name));
    }

    fn stop_asked(&self) -> bool {
        self.watch.stop_asked()
    }
}

type Train<'a> = dyn FnMut(usize, &EnsembleData, &HeldOut) -> FitResult<(Binary, Vec<f64>)> + 'a;

/// What every class has learned of the labeled rows.
struct Learned {
    parts: Vec<Option<Binary>>,
    /// Numbers of the classes that were fitted.
    classes: Vec<usize>,
    /// Out-of-fold log-odds (labeled rows x fitted classes).
    log_odds: Array2<f64>,
}

fn many_classes(
    data: &ClassData,
    options: &ClassOptions,
    n_splits: usize,
    seed: u64,
    watch: &dyn Watch,
    train: &mut Train<'_>,
) -> FitResult<ClassOutcome> {
    let counts = checked(data, options)?;
    let classes = counts.len();
    // No fold can be without a row to hold out.
    let n_splits = n_splits.min(counts.iter().sum());
    let held_out = held_out(data, options, n_splits, seed)?;
    let learned = learn(data, &held_out, watch, train)?;
    let folds = held_out.folds;

    // Rows of a class that was not fitted say nothing about how the fitted ones are coupled.
    let labels = data.labeled_targets();
    let weights = data.labeled_weights();
    let place = |label: usize| learned.classes.iter().position(|&k| k == label);
    let scored = folds.scored();
    let rows: Vec<usize> = scored.iter().copied().filter(|&p| place(labels[p]).is_some()).collect();
    let y: Vec<usize> = rows.iter().filter_map(|&p| place(labels[p])).collect();
    let a: Vec<f64> = rows.iter().map(|&p| weights[p]).collect();
    let coupling_failed = FitError::training("coupling the classes");
    let (coupling, coupled) = match classes {
        // `fit_planned` has a way of its own for two classes; those here come from `fit_baseline`.
        2 => (Coupling::Binary, two_columns(&learned.log_odds)),
        _ => {
            let z = learned.log_odds.select(Axis(0), &rows);
            let fitted = Coupling::fit(options.coupling, z.view(), &y, &a).map_err(&coupling_failed)?;
            let kept = folds.select(&rows);
            // Probabilities of the labeled rows come from couplings without their fold, for the same reason.
            let inside = cross_fitted(options.coupling, &z, &y, &a, &kept).map_err(&coupling_failed)?;
            // Rows of classes without a fit had no part in the coupling, which is out of fold for them as it
            // is.
            let mut all = fitted.apply_all(&learned.log_odds);
            rows.iter().zip(inside.rows()).for_each(|(&p, row)| all.row_mut(p).assign(&row));
            (fitted, all)
        }
    };
    let predictions = data.predictions();
    // A class without a fit has the mean of its classifiers, and the fitted ones share what that leaves.
    let fitted = if classes == 2 { vec![0, 1] } else { learned.classes.clone() };
    let mut out_of_fold = spread(&coupled, &fitted, classes, |p| predictions.soft_vote(data.labeled()[p]));
    // Rows before the first fold in time are learned from and never scored.
    let never = folds.as_slice().iter().enumerate().filter(|(_, fold)| **fold >= folds.n_splits());
    never.for_each(|(p, _)| out_of_fold.row_mut(p).fill(f64::NAN));
    let decision = decided(data, options, Some(&out_of_fold))?;
    let model = ClassModel {
        classifier_names: predictions.classifier_names().to_vec(),
        classes: predictions.classes().to_vec(),
        parts: learned.parts,
        coupling,
        decision,
        details: ModelDetails::default(),
    };
    finish(data, options, model, Some(out_of_fold), Some(folds), counts)
}

/// Log-odds of the second of two classes as distributions.
fn two_columns(log_odds: &Array2<f64>) -> Array2<f64> {
    let mut z = Array2::zeros((log_odds.nrows(), 2));
    z.column_mut(1).assign(&log_odds.column(0));
    Coupling::Binary.apply_all(&z)
}

/// Fits every class that has enough rows, with one set of folds; of two classes the second.
fn learn(
    data: &ClassData,
    held_out: &HeldOut,
    watch: &dyn Watch,
    train: &mut Train<'_>,
) -> FitResult<Learned> {
    let mut learned = Learned { parts: Vec::new(), classes: Vec::new(), log_odds: Array2::zeros((0, 0)) };
    let mut columns = Vec::new();
    let (labels, weights) = (data.labeled_targets(), data.labeled_weights());
    let names = data.predictions().classes();
    for (k, name) in names.iter().enumerate() {
        let problem = data.of_class(k).map_err(FitError::training("training"))?;
        // The first of two classes is the complement of the second.
        if names.len() == 2 && k == 0 {
            learned.parts.push(None);
            continue;
        }
        // Rows of weight 0 are not learned from.
        let of_class: Vec<Option<bool>> =
            labels.iter().zip(&weights).map(|(&label, &a)| (a > 0.0).then_some(label == k)).collect();
        if !held_out.can_learn(&of_class) {
            let count = of_class.iter().filter(|&&own| own == Some(true)).count();
            watch.warn(&match count < LEAST_ROWS {
                true => format!(
                    "class {name:?} has {count} labeled rows, so there is nothing to learn for it: its probability is \
                     the mean of the classifiers; label at least {LEAST_ROWS}"
                ),
                false => format!(
                    "class {name:?}: the given folds hold out all of its {count} labeled rows at once, so it cannot be \
                     cross-validated: its probability is the mean of the classifiers; put its rows into two folds at least"
                ),
            });
            learned.parts.push(None);
            continue;
        }
        let (part, mut log_odds) = train(k, &problem, held_out)?;
        // A fit for an early fold in time may have had nothing of this class to learn from.
        let without: Vec<usize> = (0..held_out.folds.n_splits())
            .filter(|&fold| held_out.in_time.is_some() && !held_out.leaves(&of_class, fold, LEAST_ROWS))
            .collect();
        if !without.is_empty() {
            watch.warn(&format!(
                "class {name:?}: fewer than {LEAST_ROWS} of its labeled rows come before fold {} of {}, whose rows are scored \
                 by the mean of the classifiers for this class",
                without.iter().map(|fold| (fold + 1).to_string()).collect::<Vec<_>>().join(", "),
                held_out.folds.n_splits()
            ));
        }
        for fold in without {
            for p in held_out.folds.test(fold) {
                log_odds[p] = logit(data.predictions().soft_vote(data.labeled()[p])[k], LEAST_VOTE);
            }
        }
        learned.parts.push(Some(part));
        learned.classes.push(k);
        columns.push(log_odds);
    }
    // A coupling is between two classes or more; of two classes one fit makes both.
    if columns.is_empty() || columns.len() < 2 && names.len() > 2 {
        return Err(FitError::Data(
            "the given folds leave fewer than two classes to learn: each needs labeled rows in two folds; use other folds, or \
             none"
                .to_owned(),
        ));
    }
    learned.log_odds = Array2::from_shape_fn((labels.len(), columns.len()), |(p, j)| columns[j][p]);
    Ok(learned)
}

/// The decision of the rule, by the rows that have out-of-fold probabilities.
fn decided(
    data: &ClassData,
    options: &ClassOptions,
    out_of_fold: Option<&Array2<f64>>,
) -> FitResult<Decision> {
    let classes = data.predictions().n_classes();
    let rows = out_of_fold.map(|p| (p, ClassRows::held_out(data, options.costs.as_deref(), p)));
    Decision::of_rule(&options.decision, classes, rows.as_ref().map(|(p, rows)| (*p, rows)))
        .map_err(FitError::training("choosing the decision"))
}

/// Refuses costs that are none, and a rule that needs costs without any.
fn check_costs(options: &ClassOptions, data: &ClassData) -> FitResult<()> {
    match &options.costs {
        None if options.decision == DecisionRule::LeastCost => Err(FitError::options(
            "the decision least_cost needs the cost of each row; name a cost column, or write costs=ROW/ROW/...",
        )),
        Some(costs) if costs.len() == data.labels().len() => {
            match costs.iter().position(|&cost| !cfe_core::is_at_least_zero(cost)) {
                Some(index) => Err(FitError::training("training")(Error::InvalidWeight {
                    what: "cost",
                    index,
                    value: costs[index],
                })),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// Labeled rows of each class that weigh something, where they allow a fit.
fn checked(data: &ClassData, options: &ClassOptions) -> FitResult<Vec<usize>> {
    let failed = FitError::training("training");
    check_rule(&options.decision, data).map_err(|e| FitError::options(e.to_string()))?;
    let counts = data.counting_counts();
    if data.labeled().is_empty() {
        return Err(failed(Error::NoLabels));
    }
    let enough = counts.iter().filter(|&&count| count >= LEAST_ROWS).count();
    if enough < 2 {
        let names = data.predictions().classes();
        let found: Vec<String> = names.iter().zip(&counts).map(|(name, n)| format!("{name:?} {n}")).collect();
        return Err(FitError::Data(format!(
            "at least two classes need {LEAST_ROWS} labeled rows each, and the labeled rows are: {}; label more",
            found.join(", ")
        )));
    }
    Ok(counts)
}

/// Two classes: the whole binary fit, with its bits.
fn two_classes(
    plan: &FitPlan,
    data: &ClassData,
    options: &ClassOptions,
    watch: &dyn Watch,
) -> FitResult<ClassOutcome> {
    let failed = FitError::training("training");
    check_rule(&options.decision, data).map_err(|e| FitError::options(e.to_string()))?;
    let problem = data.of_class(1).map_err(&failed)?;
    // The binary fit reads tables, which carry what is known of each row besides.
    let mut table = Table::from_data("the data", problem, options.groups.clone())?;
    table.folds.clone_from(&options.folds);
    table.times.clone_from(&options.times);
    table.costs.clone_from(&options.costs);
    let outcome = plan.fit(&table, watch)?;
    if outcome.stopped {
        return Err(FitError::Stopped);
    }
    let out_of_fold = outcome.out_of_fold.as_ref().map(|positive| {
        Array2::from_shape_fn(
            (positive.len(), 2),
            |(p, k)| if k == 1 { positive[p] } else { 1.0 - positive[p] },
        )
    });
    let decision = decided(data, options, out_of_fold.as_ref())?;
    let model = ClassModel {
        classifier_names: data.predictions().classifier_names().to_vec(),
        classes: data.predictions().classes().to_vec(),
        parts: vec![None, Some(Binary::Trained(Box::new(outcome.model)))],
        coupling: Coupling::Binary,
        decision,
        details: ModelDetails::default(),
    };
    let counts = data.counting_counts();
    finish(data, options, model, out_of_fold, None, counts)
}

/// Notes where the model comes from and predicts every row.
fn finish(
    data: &ClassData,
    options: &ClassOptions,
    mut model: ClassModel,
    out_of_fold: Option<Array2<f64>>,
    folds: Option<Folds>,
    class_counts: Vec<usize>,
) -> FitResult<ClassOutcome> {
    let predictions = data.predictions();
    model.details.fingerprint = Some(fingerprint_of(data)?);
    let described = json!({
        "rows": predictions.n_instances(),
        "labeled": class_counts,
        "missing_predictions": predictions.n_missing(),
        "renormalized": predictions.renormalized(),
    });
    DATA.put(&mut model.details, &described);
    DECISION_RULE.put(&mut model.details, &options.decision);
    // A row is known again by what all classes say of it together.
    let rows = judge::side_by_side(predictions);
    let weights = data.sample_weights();
    // A row of weight 0 was not learned from, so a score of such a row is an honest one.
    let counts = |i: &usize| weights.is_none_or(|weights| weights[*i] > 0.0);
    let learned: Vec<usize> = data.labeled().iter().copied().filter(counts).collect();
    TRAIN_ROWS.put(&mut model.details, &TrainRows::among(rows.view(), &learned));
    if let Some(p) = &out_of_fold {
        let rows = ClassRows::held_out(data, options.costs.as_deref(), p);
        let summary = judge::summary(p, &rows, &model.decision).map_err(FitError::training("scoring"))?;
        OUT_OF_FOLD.put(&mut model.details, &summary);
    }
    let combined = model.predict(predictions).map_err(FitError::training("predicting"))?;
    let costs = options.costs.clone();
    Ok(ClassOutcome { model, combined, out_of_fold, folds, class_counts, costs })
}

/// The fingerprints of the binary problems of all classes as one.
fn fingerprint_of(data: &ClassData) -> FitResult<String> {
    let fingerprint_of_class =
        |k: usize| Ok(fingerprint(&data.of_class(k).map_err(FitError::training("training"))?));
    let all =
        (0..data.predictions().n_classes()).map(fingerprint_of_class).collect::<FitResult<Vec<String>>>()?;
    Ok(all.join("-"))
}

impl FitPlan {
    /// Bytes that a fit of K classes holds at its peak, the data included: the predictions, what the binary
    /// fit of one class takes, and the scores of all. `None` where the trainer cannot tell.
    pub fn estimate_memory_of_classes(&self, data: &ClassData) -> Option<u64> {
        let predictions: &ClassPredictions = data.predictions();
        let (m, n, k) = predictions.values().dim();
        let of_one = match &self.ready {
            ReadyTrainer::Recommended(recommended) => {
                estimate_memory(recommended.spec(), m, n, data.labeled().len())
            }
            ReadyTrainer::Backend(trainer) => trainer.estimate_memory(&data.of_class(k - 1).ok()?)?,
        };
        let values = 8 * (m as u64).saturating_mul(n as u64).saturating_mul(k as u64);
        let scores = 32 * (n as u64).saturating_mul(k as u64);
        Some(of_one.saturating_add(values).saturating_add(scores))
    }
}
