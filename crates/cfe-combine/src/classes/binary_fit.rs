//! The fit of one class against all others.

use cfe_core::EnsembleData;
use cfe_core::calibration::Calibrator;
use cfe_core::validation::Folds;
use cfe_io::ModelDetails;
use ndarray::Axis;

use super::binary::{Binary, log_odds_of};
use crate::baselines::Baseline;
use crate::error::{FitError, FitResult};
use crate::pipeline::{FitPlan, HeldOut, Trained, Watch, train_class};
use crate::saved::SavedModel;
use crate::saved::provenance::{FIT, LEFT_OUT};

/// The fit of one class, with log-odds of its labeled rows from fits without their fold. `class` is its
/// number, and whether each classifier is left out in turn.
pub(super) fn trained(
    plan: &FitPlan,
    data: &EnsembleData,
    held_out: &HeldOut,
    class: (usize, bool),
    watch: &dyn Watch,
) -> FitResult<(Binary, Vec<f64>)> {
    let Trained { combiner, out_of_fold, facts, stopped, left_out, .. } =
        train_class(plan, data, held_out, class, watch)?;
    // The class after a stop has no model, so that there is nothing to couple.
    let Some(out_of_fold) = out_of_fold.filter(|_| !stopped) else { return Err(FitError::Stopped) };
    let mut details = ModelDetails::default();
    details.seed = Some(plan.seed());
    FIT.put(&mut details, &facts);
    if !left_out.is_empty() {
        LEFT_OUT.put(&mut details, &left_out);
    }
    let model = SavedModel::new(combiner, Calibrator::Identity, details);
    Ok((Binary::Trained(Box::new(model)), out_of_fold))
}

/// The same for a baseline.
pub(super) fn baseline(
    baseline: Baseline,
    data: &EnsembleData,
    folds: &Folds,
) -> FitResult<(Binary, Vec<f64>)> {
    let failed = FitError::training("training");
    let labeled = data.select_instances(data.labeled()).map_err(&failed)?;
    let mut out_of_fold = vec![f64::NAN; labeled.n_instances()];
    for fold in 0..folds.n_splits() {
        let held = folds.test(fold);
        if held.is_empty() || folds.train(fold).is_empty() {
            continue;
        }
        let rest = labeled.select_instances(&folds.train(fold)).map_err(&failed)?;
        let counts = |i: &&usize| rest.sample_weights().is_none_or(|weights| weights[**i] > 0.0);
        let targets: Vec<bool> =
            rest.labeled().iter().filter(counts).map(|&i| rest.labels()[i] == Some(true)).collect();
        // Folds in time may come before the first row of the class.
        if folds.is_forward() && (targets.iter().all(|&y| y) || !targets.iter().any(|&y| y)) {
            continue;
        }
        let r = labeled.predictions().select(Axis(1), &held);
        let z = baseline.fit(&rest).and_then(|fitted| log_odds_of(&fitted, r.view())).map_err(&failed)?;
        held.iter().zip(z).for_each(|(&p, z)| out_of_fold[p] = z);
    }
    let fitted = baseline.fit(data).map_err(&failed)?;
    Ok((Binary::Baseline(data.classifier_names().to_vec(), fitted), out_of_fold))
}
