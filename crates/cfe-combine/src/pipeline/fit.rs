//! From a checked table to a model, its predictions and its metrics.

use cfe_core::calibration::{CalibrationMethod, Calibrator};
use cfe_core::losses::sigmoid;
use cfe_core::validation::{Folds, StratifiedKFold};
use cfe_io::{ModelDetails, Table, fingerprint};

use super::fall_back::{FALLBACK, fall_back, folds_behind};
use super::options::{Calibrate, FitOptions};
use super::settings::FitPlan;
use super::train::{FOLDS, Trained, train};
use super::watch::{Stage, Watch};
use crate::cross_validation::spread;
use crate::error::{FitError, FitResult};
use crate::judge::{
    COMBINED, Chances, Cut, Finding, JudgedRows, MethodScores, Part, Rivals, TRAIN, ThresholdRule, TrainRows,
    combined_scores, correlations, diagnose_knowing, measure, redundancy, scored_rows,
};
use crate::recommended::passed_columns::PassedColumns;
use crate::saved::provenance::{
    COLUMNS, CUT, DATA, FIT, LEARNING_CURVE, LEFT_OUT, REDUNDANCY, SETTINGS, TRAIN_ROWS, TRAINER,
};
use crate::saved::{Combined, Combiner, SavedModel, described};

/// What a fit gives.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FitOutcome {
    /// The model.
    pub model: SavedModel,
    /// Predictions of the model for every row of the table, those of training too.
    pub combined: Combined,
    /// Probabilities of the labeled train rows, each from fits and calibrations that did not see its label;
    /// NaN for rows that a time column leaves nothing to learn from before them. `None` where a class has a
    /// single row.
    pub out_of_fold: Option<Vec<f64>>,
    /// Where to cut, chosen on these.
    pub cut: Option<Cut>,
    /// Folds used.
    pub folds: usize,
    /// Whether the [`Watch`] ended the fit before its end: the model is what was found by then, without
    /// calibration, threshold and out-of-fold predictions.
    pub stopped: bool,
    /// Whether the recommended combiner gives every positive train row a larger score than every negative
    /// one: how close to 0 and 1 its probabilities come is then an assumption and not learned from these
    /// rows.
    pub separated: bool,
    /// Logits of [`out_of_fold`](Self::out_of_fold) before calibration.
    out_of_fold_logits: Option<Vec<f64>>,
    seed: u64,
}

/// Fits, scores the labeled rows by cross-validation, calibrates and chooses the threshold.
///
/// The current rayon pool is used, and the result does not depend on its size.
///
/// ```
/// use cf_ensemble::io::{Source, TableOptions, read_table};
/// use cf_ensemble::{FitOptions, fit};
///
/// let mut csv = "label,forest,svm\n".to_owned();
/// for i in 0..40 {
///     csv += &format!("{},0.{}5,0.{}\n", u8::from(i % 4 == 0), (i * 7) % 9, (i * 5) % 8);
/// }
/// let table = read_table(Source::bytes("inline", csv.into()), &TableOptions::default())?;
/// let fitted = fit(&table, &FitOptions::default())?;
/// assert_eq!(fitted.combined.probabilities.len(), 40);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`FitError`], one variant for each cause.
pub fn fit(table: &Table, options: &FitOptions) -> FitResult<FitOutcome> {
    fit_watched(table, options, &())
}

/// Like [`fit()`], while `watch` sees the progress and may stop the fit.
///
/// # Errors
/// As [`fit()`]; [`FitError::Stopped`] where a stop leaves nothing to keep.
pub fn fit_watched(table: &Table, options: &FitOptions, watch: &dyn Watch) -> FitResult<FitOutcome> {
    options.plan()?.fit(table, watch)
}

impl FitPlan {
    /// Runs the fit; see [`fit()`].
    ///
    /// # Errors
    /// As [`fit_watched`].
    pub fn fit(&self, table: &Table, watch: &dyn Watch) -> FitResult<FitOutcome> {
        self.fit_beyond(table, None, watch)
    }

    /// As [`fit`](Self::fit), where the table is a sample of rows that lie elsewhere and `beyond` gives what
    /// is learned of them all.
    pub(crate) fn fit_beyond(
        &self,
        table: &Table,
        beyond: Option<&PassedColumns<'_>>,
        watch: &dyn Watch,
    ) -> FitResult<FitOutcome> {
        fit_planned(self, table, beyond, watch)
    }
}

fn fit_planned(
    plan: &FitPlan,
    table: &Table,
    beyond: Option<&PassedColumns<'_>>,
    watch: &dyn Watch,
) -> FitResult<FitOutcome> {
    table.require_labels()?;
    if let (Some(_), Some(folds)) = (&table.folds, plan.options.folds) {
        return Err(FitError::options(format!(
            "{}: the table has a fold column, each value of which is a fold, and folds {folds} asks for others; leave one out",
            table.file
        )));
    }
    let (options, seed) = (&plan.options, plan.seed());
    let fingerprint = fingerprint(&table.data);
    let trained = fall_back(plan, table, train(plan, table, &fingerprint, beyond, watch)?)?;
    let judged = JudgedRows::of(table, table.data.labeled());

    // Calibration, threshold and scores all come from out-of-fold logits: those of rows with known labels
    // would be too good.
    let calibrate_by = match &trained.combiner {
        // The mean of classifiers that balance their classes is far above the share of positives.
        Combiner::Baseline(_) => options.calibrate.unwrap_or(Calibrate::Platt),
        _ => options.calibrate.unwrap_or_default(),
    };
    let method = calibrate_by.into();
    let calibrated = calibrate(method, &trained, &judged, seed);
    let (calibrator, out_of_fold) = calibrated.map_err(FitError::training("calibration"))?;
    if method != CalibrationMethod::None && out_of_fold.is_none() && !trained.stopped {
        return Err(FitError::Data(format!(
            "{}: a single row of a class cannot be held out, so there is nothing to calibrate on; \
             label more rows, or leave the calibration out",
            table.file
        )));
    }
    // The threshold is chosen on calibrated probabilities, since it is applied to these.
    let cut = match &out_of_fold {
        Some(p) => {
            let places = judged.scored_places(p);
            let probabilities: Vec<f64> = places.iter().map(|&k| p[k]).collect();
            threshold_rule(plan, table)
                .choose_on(&judged.select(&places), &probabilities)
                .map_err(FitError::training("choosing the threshold"))?
        }
        None => None,
    };
    let Trained {
        combiner,
        out_of_fold: out_of_fold_logits,
        folds,
        facts,
        left_out,
        learning_curve,
        stopped,
        separated,
        ..
    } = trained;
    let mut details = ModelDetails::default();
    // What follows goes into the model file: later commands know the fit without its table.
    details.threshold = cut.map(|cut| cut.threshold);
    details.seed = Some(seed);
    details.fingerprint = Some(fingerprint);
    TRAINER.put(&mut details, &plan.trainer.to_string());
    SETTINGS.put(&mut details, &plan.settings);
    FIT.put(&mut details, &facts);
    DATA.put(&mut details, &described(&table.data, &table.file));
    COLUMNS.put(&mut details, &options.table.remembered(&table.taken));
    if let Some(cut) = &cut {
        CUT.put(&mut details, cut);
    }
    REDUNDANCY.put(&mut details, &redundancy(&table.data, &correlations(&table.data)));
    if !left_out.is_empty() {
        LEFT_OUT.put(&mut details, &left_out);
    }
    if let Some(curve) = learning_curve.filter(|curve| !curve.is_empty()) {
        LEARNING_CURVE.put(&mut details, &curve);
    }
    let mut model = SavedModel { combiner, calibrator, details };
    model.remember_train_rows(&table.data);
    // The table is predicted as new rows will be, without a look at its labels.
    let combined = model.predict(table.data.predictions()).map_err(FitError::training("predicting"))?;
    Ok(FitOutcome { model, combined, out_of_fold, cut, folds, stopped, separated, out_of_fold_logits, seed })
}

/// What the threshold makes best: what the options say, and otherwise least cost where a column has costs.
fn threshold_rule(plan: &FitPlan, table: &Table) -> ThresholdRule {
    let least_cost = || ThresholdRule::Cost { false_positive: 1.0, false_negative: 1.0 };
    let unsaid = || table.costs.as_ref().map_or_else(ThresholdRule::default, |_| least_cost());
    plan.options.threshold.unwrap_or_else(unsaid)
}

/// The calibrator for new rows, and the probabilities of the labeled rows by calibrators fitted without them.
///
/// Calibrators follow the folds that the table gives. Where rows are scored by earlier ones, so are their
/// probabilities, and the rows of the first fold have none before them to be calibrated by: NaN.
fn calibrate(
    method: CalibrationMethod,
    trained: &Trained,
    judged: &JudgedRows,
    seed: u64,
) -> cfe_core::Result<(Calibrator, Option<Vec<f64>>)> {
    let Some(logits) = &trained.out_of_fold else { return Ok((Calibrator::Identity, None)) };
    let labels = &judged.labels;
    if method == CalibrationMethod::None {
        return Ok((Calibrator::Identity, Some(logits.iter().map(|&z| sigmoid(z)).collect())));
    }
    // The calibrator of new rows learns from all out-of-fold logits.
    let calibrator_of = |places: &[usize]| {
        let places: Vec<usize> = places.iter().copied().filter(|&p| !logits[p].is_nan()).collect();
        let z: Vec<f64> = places.iter().map(|&p| logits[p]).collect();
        let rows = judged.select(&places);
        match places.is_empty() {
            true => Ok(None),
            false => Calibrator::fit(method, &z, &rows.labels, rows.weights.as_deref()).map(Some),
        }
    };
    let everything: Vec<usize> = (0..labels.len()).collect();
    let calibrator = calibrator_of(&everything)?.unwrap_or_default();
    let folds = match &trained.given_folds {
        Some(folds) => folds.clone(),
        None => {
            let places: Vec<usize> = (0..labels.len()).filter(|&p| judged.weight(p) > 0.0).collect();
            let labels = judged.select(&places).labels;
            let positives = labels.iter().filter(|&&y| y).count();
            // At least 2: out-of-fold logits exist only where each class has two rows.
            let count = FOLDS.min(positives).min(labels.len() - positives);
            spread(&StratifiedKFold { n_splits: count, seed }.assign(&labels)?, &places, judged.len())?
        }
    };
    let mut out = vec![f64::NAN; labels.len()];
    // The probabilities that the threshold and the scores see come from calibrators without the row's fold,
    // for the same reason.
    for fold in 0..folds.n_splits() {
        let Some(without) = calibrator_of(&folds.train(fold))? else { continue };
        folds.test(fold).into_iter().for_each(|p| out[p] = without.apply(logits[p]));
    }
    Ok((calibrator, Some(out)))
}

impl FitOutcome {
    /// Probabilities of the rows of `table`, which this was fitted to, each from fits and calibrations that
    /// did not see the row's label (n): NaN for rows that were not learned from. `None` where there are no
    /// such probabilities.
    pub fn out_of_fold_of(&self, table: &Table) -> Option<Vec<f64>> {
        let held_out = self.out_of_fold.as_ref()?;
        let mut all = vec![f64::NAN; table.data.n_instances()];
        table.data.labeled().iter().zip(held_out).for_each(|(&i, &p)| all[i] = p);
        Some(all)
    }

    /// Corrects the probabilities of the rows that were not learned from, as [`Combined::at_prevalence`]
    /// does.
    ///
    /// # Errors
    /// [`FitError::Options`] for a prevalence outside (0, 1).
    pub fn at_prevalence(&mut self, table: &Table, prevalence: f64) -> FitResult<()> {
        // Train rows keep the share of positives that they have: the correction is for rows of another share.
        let learned: Vec<(usize, f64)> =
            table.data.labeled().iter().map(|&i| (i, self.combined.probabilities[i])).collect();
        self.combined.at_prevalence(&self.model, prevalence)?;
        self.model.set_target_prevalence(prevalence)?;
        learned.into_iter().for_each(|(i, p)| self.combined.probabilities[i] = p);
        Ok(())
    }

    /// Why the model averages, where [`FitOptions::fallback`](crate::FitOptions::fallback) took the place of a
    /// learned one: the probability that the learned one would rank other rows better.
    pub fn fallen_back(&self) -> Option<f64> {
        let fit = FIT.get(&self.model.details)?;
        fit.get(FALLBACK).and_then(|_| fit.get("over_mean")?.as_f64())
    }

    /// The findings of [`diagnose`](crate::judge::diagnose) about `table`, which this was fitted to. The model
    /// remembers its train rows, so that their hashes are not computed again.
    ///
    /// # Errors
    /// [`FitError::Training`].
    pub fn diagnose(&self, table: &Table) -> FitResult<Vec<Finding>> {
        let known = TRAIN_ROWS.get(&self.model.details);
        diagnose_knowing(table, known).map_err(FitError::training("looking for leaks"))
    }

    /// Metrics of the combined prediction and of simple ways to combine: on the labeled train rows by
    /// cross-validation, and on the labeled rows of every other split.
    ///
    /// # Errors
    /// [`FitError::Training`].
    pub fn metrics(&self, table: &Table) -> FitResult<Vec<Part>> {
        self.metrics_watched(table, &())
    }

    /// Like [`metrics`](Self::metrics), while `watch` sees the progress.
    ///
    /// # Errors
    /// As [`metrics`](Self::metrics).
    pub fn metrics_watched(&self, table: &Table, watch: &dyn Watch) -> FitResult<Vec<Part>> {
        let scoring = FitError::training("scoring");
        // Without out-of-fold scores there is nothing that folds would belong to: after a stop, or with a
        // class of one row.
        let folds = match &self.out_of_fold {
            Some(_) => self.folds_of(table)?,
            None => None,
        };
        // Rows outside the train split, a part for each split; without a split column there are none.
        let held_out = table.held_out();
        let mut others = match &table.split {
            Some(_) => scored_rows(table, |i| held_out[i], ""),
            None => Vec::new(),
        };
        others.iter_mut().for_each(|part| name_of_part(&mut part.name));
        // A step for the fit on all rows and one for each fold.
        let count = folds.as_ref().map_or(0, Folds::n_splits) as u64;
        let stage = Stage::start(watch, "Fitting what it is compared with", Some(1 + count));
        let rivals = Rivals::fit(&table.data, folds.as_ref(), &|| stage.step()).map_err(&scoring)?;
        drop(stage);
        let parts = (others.len() + usize::from(self.out_of_fold.is_some())) as u64;
        let stage = Stage::start(watch, "Scoring", Some(parts * (1 + rivals.len() as u64)));
        let done = || stage.step();
        let cut = self.cut.map(|cut| (cut.rule, cut.threshold));
        let mut out = Vec::new();
        if let (Some(logits), Some(probabilities), Some(folds)) =
            (&self.out_of_fold_logits, &self.out_of_fold, &folds)
        {
            // The train rows are ranked by their logits before calibration, as in `FitOutcome`.
            let judged = JudgedRows::of(table, table.data.labeled());
            let places = judged.scored_places(probabilities);
            let mut methods = vec![MethodScores {
                name: COMBINED.to_owned(),
                ranking: logits.clone(),
                probabilities: Some(probabilities.clone()),
                one_scale: true,
            }];
            methods.extend(rivals.held_out());
            let methods = methods.into_iter().map(|method| method.select(&places)).collect();
            let (folds, rows) = (folds.select(&places), judged.select(&places));
            let part = measure(TRAIN, Some(&folds), &rows, methods, cut, self.seed, &done);
            let never_scored = judged.len() - places.len();
            let mut part = Part { never_scored, ..part.map_err(&scoring)? };
            // The probabilities are calibrated for this combiner alone.
            part.chances = self.model.combiner.recommended().and_then(|_| Chances::of(&part.methods));
            out.push(part);
        }
        // Copies of train rows in another part are predicted with their labels known.
        let train_rows = (!others.is_empty()).then(|| {
            let kept = TRAIN_ROWS.get(&self.model.details);
            // Of a sample of a store the model keeps none, and what is known here are the rows of the sample.
            kept.unwrap_or_else(|| TrainRows::of(&table.data))
        });
        // These rows were never learned from: one model scores them, beside rivals that were fitted to all
        // train rows.
        for part in others {
            let rows = &part.rows;
            let mut methods = vec![combined_scores(&self.combined, rows)];
            methods.extend(rivals.scores(&table.data, rows).map_err(&scoring)?);
            let judged = JudgedRows::of(table, rows);
            let measured = measure(&part.name, None, &judged, methods, cut, self.seed, &done);
            let (predictions, weights) = (table.data.predictions(), table.data.sample_weights());
            let known = train_rows.as_ref().map(|known| known.share_among(predictions, rows, weights));
            out.push(Part {
                without_prediction: part.without_prediction,
                never_scored: part.without_weight,
                in_sample_share: known.unwrap_or(0.0),
                ..measured.map_err(&scoring)?
            });
        }
        Ok(out)
    }
}

impl FitOutcome {
    /// The folds that the out-of-fold scores come from.
    fn folds_of(&self, table: &Table) -> FitResult<Option<Folds>> {
        folds_behind(&self.model.combiner, table, self.folds, self.seed)
    }
}

/// What a part of rows outside the train split is called: its split, and words where the column names none.
pub(crate) fn name_of_part(split: &mut String) {
    if split.trim().is_empty() {
        *split = "rows without a split".to_owned();
    }
}
