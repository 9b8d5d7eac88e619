//! `cfe predict`.

use std::time::Instant;

use cfe_io::Labels;

use cfe_combine::SavedModel;

use super::reading::read_for_model;
use crate::args::Predict;
use crate::error::{CliError, CliResult};
use crate::outputs;
use crate::outputs::Predictions;
use crate::terminal::Terminal;
use crate::threads::on_threads;

pub(crate) fn run(args: &Predict, terminal: &Terminal) -> CliResult<()> {
    if super::store::is_store(&args.table) {
        return super::store::predict(args, terminal);
    }
    let out = args.predictions_out.as_path();
    let columns = args.columns.options();
    let inputs = outputs::inputs(&args.table, &columns.table_options()?, [args.model.as_path()]);
    // Before anything is read: a place that cannot be written to costs no work.
    outputs::check(&inputs, &[(outputs::PREDICTIONS_OUT, Some(out))])?;
    if let Some(model) = super::classes::model(&args.model)? {
        return super::classes::predict(args, &model, terminal);
    }
    let model = SavedModel::load(&args.model)?;
    // Labels are not needed here; where the table has them they go along.
    let options = columns.table_options_for(&model, Labels::IfPresent)?;
    on_threads(args.threads, || {
        let table = read_for_model(&args.table, &options, terminal)?;
        let begin = Instant::now();
        let mut combined =
            model.predict(table.data.predictions()).map_err(CliError::training("predicting"))?;
        // A share that is named goes before the one that the model was fitted for, and the latter is said.
        let remembered = model.target_prevalence().filter(|_| args.prevalence.is_none());
        if let Some(prevalence) = args.prevalence.or(remembered) {
            combined.at_prevalence(&model, prevalence)?;
        }
        if let Some(prevalence) = remembered {
            terminal.note(&format!(
                "prevalence: {prevalence}, as the model was fitted for; --prevalence says otherwise"
            ));
        }
        terminal.took("predicting", begin);
        outputs::predictions(
            out,
            &Predictions {
                table: &table,
                combined: &combined,
                threshold: model.details.threshold,
                out_of_fold: None,
                split: table.split.as_deref(),
            },
        )
    })
}
