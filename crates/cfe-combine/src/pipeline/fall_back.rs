//! Averaging in the place of a model that is not likely to be better.

use cfe_core::validation::Folds;
use cfe_io::Table;
use serde_json::json;

use super::options::Fallback;
use super::settings::FitPlan;
use super::train::{Trained, folds_of, says_folds};
use crate::baselines::Baseline;
use crate::cross_validation::folds_by_content;
use crate::error::{FitError, FitResult};
use crate::judge::{COMBINED, Chances, JudgedRows, MethodScores, TRAIN, measure};
use crate::saved::{BaselineModel, Combiner};

/// Where a model file keeps that it averages, and why.
pub(crate) const FALLBACK: &str = "fallback";

/// The folds that the out-of-fold scores of a combiner come from.
pub(super) fn folds_behind(
    combiner: &Combiner,
    table: &Table,
    count: usize,
    seed: u64,
) -> FitResult<Option<Folds>> {
    match combiner {
        // The recommended combiner deals its folds by content unless the table says otherwise; only the same
        // folds make rivals comparable. The mean that takes its place is judged on the same ones.
        Combiner::Recommended(_) | Combiner::Baseline(_) if !says_folds(table) => {
            folds_by_content(&table.data, count, seed).map_err(FitError::training("cross-validation"))
        }
        _ => folds_of(table, count, seed),
    }
}

/// The mean in the place of `trained`, where that is asked for and likely to rank other rows no worse.
pub(super) fn fall_back(plan: &FitPlan, table: &Table, trained: Trained) -> FitResult<Trained> {
    let (Some(Fallback::Mean), Some(logits)) = (plan.options.fallback, &trained.out_of_fold) else {
        return Ok(trained);
    };
    let Some(folds) = folds_behind(&trained.combiner, table, trained.folds, plan.seed())? else {
        return Ok(trained);
    };
    let failed = FitError::training("judging against the mean");
    let model = BaselineModel::fit(Baseline::Mean, &table.data).map_err(&failed)?;
    let labeled = table.data.select_instances(table.data.labeled()).map_err(&failed)?;
    // The mean learns nothing, so that its scores of the train rows are as honest as out-of-fold ones.
    let mut mean = model.logits(labeled.predictions()).map_err(&failed)?;
    // Rows that no fold holds out have no score of either.
    mean.iter_mut().zip(logits).filter(|(_, z)| z.is_nan()).for_each(|(mean, _)| *mean = f64::NAN);
    let scores = |name: &str, ranking: &[f64]| MethodScores {
        name: name.to_owned(),
        ranking: ranking.to_vec(),
        probabilities: None,
        one_scale: true,
    };
    let methods = vec![scores(COMBINED, logits), scores("mean", &mean)];
    let judged = JudgedRows::of(table, table.data.labeled());
    let places = judged.scored_places(logits);
    let methods = methods.into_iter().map(|method| method.select(&places)).collect();
    let (folds, rows) = (folds.select(&places), judged.select(&places));
    let part = measure(TRAIN, Some(&folds), &rows, methods, None, plan.seed(), &|| ()).map_err(&failed)?;
    let Some(chances) = Chances::of(&part.methods).filter(Chances::averaging_would_do) else {
        return Ok(trained);
    };
    let mut facts = json!({ "folds": trained.folds, FALLBACK: "mean" });
    facts["over_mean"] = json!(chances.over_mean);
    Ok(Trained {
        combiner: Combiner::Baseline(model),
        out_of_fold: Some(mean),
        facts,
        // What was found about leaving out classifiers is of the model that is gone.
        left_out: Vec::new(),
        learning_curve: None,
        separated: false,
        ..trained
    })
}

#[cfg(test)]
mod tests {
    use cfe_io::{Source, Table, TableOptions, read_table};

    use crate::pipeline::{Fallback, FitOptions, fit};
    use crate::saved::{Combiner, SavedModel};

    /// Five groups and five classifiers, each of which is wrong in one group alone. Without that group it
    /// looks perfect and gets the weight, and then it is asked about that group: only the mean is safe.
    fn treacherous() -> Table {
        let mut csv = "label,group,a,b,c,d,e\n".to_owned();
        for i in 0..600_usize {
            let (group, label) = (i % 5, (i / 5) % 4 == 0);
            csv += &format!("{},g{group}", u8::from(label));
            for k in 0..5 {
                let signal = if label == (k != group) { 0.62 } else { 0.38 };
                let noise = ((i * (7 + 4 * k) + 13 * k) % 101) as f64 / 101.0 - 0.5;
                csv += &format!(",{:.4}", signal + 0.5 * noise);
            }
            csv += "\n";
        }
        let mut options = TableOptions::default();
        options.group_column = Some("group".to_owned());
        read_table(Source::bytes("inline", csv.into()), &options).expect("a table")
    }

    #[test]
    fn the_model_averages_where_that_is_likely_to_be_better() {
        let table = treacherous();
        let options = FitOptions { fallback: Some(Fallback::Mean), ..FitOptions::default() };
        let learned = fit(&table, &FitOptions::default()).expect("fits");
        let averaged = fit(&table, &options).expect("fits");
        assert!(matches!(learned.model.combiner, Combiner::Recommended(_)));
        assert_eq!(learned.fallen_back(), None);
        let chances = learned.metrics(&table).expect("scored")[0].chances.clone().expect("cross-validated");
        assert!(chances.averaging_would_do(), "{chances:?}");
        assert_eq!(averaged.fallen_back(), Some(chances.over_mean));

        let mean = |i: usize| table.data.predictions().column(i).mean().expect("five");
        let rows = &averaged.combined;
        for i in 1..table.data.n_instances() {
            let (more, here) = (mean(i) > mean(i - 1), rows.logits[i] > rows.logits[i - 1]);
            assert!(more == here || (mean(i) - mean(i - 1)).abs() < 1e-12, "row {i}");
        }
        // Calibrated: the classifiers say 0.44 in the mean, and a quarter of the rows is positive.
        let said = rows.probabilities.iter().sum::<f64>() / rows.probabilities.len() as f64;
        assert!((said - 0.25).abs() < 0.02, "{said}");

        let again = SavedModel::from_file(&averaged.model.to_file().expect("a file")).expect("the same");
        assert_eq!(
            (again.combiner, again.calibrator),
            (averaged.model.combiner.clone(), averaged.model.calibrator.clone())
        );
        #[cfg(feature = "report")]
        for (outcome, first) in
            [(&learned, "Averaging would do. By the train rows"), (&averaged, "Averaging would do, so")]
        {
            let parts = outcome.metrics(&table).expect("scored");
            let lines = crate::report::lines(outcome, &table, &parts, &[]);
            assert!(lines[0].starts_with(first), "{lines:?}");
        }
    }

    #[test]
    fn a_fallback_is_for_the_recommended_trainer() {
        let trainer = Some(crate::methods::Method::Als);
        let options = FitOptions { fallback: Some(Fallback::Mean), trainer, ..FitOptions::default() };
        let error = options.plan().err().expect("refused").to_string();
        assert!(error.contains("leave one out"), "{error}");
    }
}
