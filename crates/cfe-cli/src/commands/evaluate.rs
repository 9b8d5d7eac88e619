//! `cfe evaluate`.

use cfe_combine::SavedModel;
use cfe_combine::judge::{diagnose_evaluation, evaluate};
use cfe_combine::report;
use cfe_io::Labels;
use serde_json::json;

use super::reading::read_for_model;
use super::scores::{self, Checked};
use super::store;
use crate::args::Evaluate;
use crate::error::{CliError, CliResult};
use crate::outputs;
use crate::terminal::Terminal;
use crate::threads::on_threads;

pub(crate) fn run(args: &Evaluate, terminal: &Terminal) -> CliResult<()> {
    if store::is_store(&args.table) {
        return store::evaluate(args, terminal);
    }
    let columns = args.columns.options();
    // The files to be read are known without the model, so that outputs are refused before anything is
    // loaded.
    let inputs = outputs::inputs(&args.table, &columns.table_options()?, [args.model.as_path()]);
    outputs::check(&inputs, &[("--report-out", args.report_out.as_deref())])?;
    if let Some(model) = super::classes::model(&args.model)? {
        return super::classes::evaluate(args, &model, terminal);
    }
    let model = SavedModel::load(&args.model)?;
    let options = columns.table_options_for(&model, Labels::Needed)?;
    on_threads(args.threads, || {
        let table = read_for_model(&args.table, &options, terminal)?;
        let parts = evaluate(&model, &table)?;
        let findings = diagnose_evaluation(&model, &table, &parts).map_err(CliError::training("scoring"))?;
        if let Some(path) = &args.report_out {
            let document = report::evaluation(&table, &parts, &findings);
            outputs::write_text(path, &super::page(&document, model.details.seed))?;
        }
        scores::show(
            args,
            &parts,
            &json!({ "file": table.file, "rows": table.data.n_instances() }),
            None,
            &findings,
        )?;
        scores::check(args, &parts.iter().filter_map(Checked::of).collect::<Vec<_>>())
    })
}
