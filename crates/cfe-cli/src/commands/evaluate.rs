//! `cfe evaluate`.

use cfe_combine::SavedModel;
use cfe_combine::judge::{COMBINED, Part, evaluate};
use cfe_combine::report;
use cfe_report::terminal::wrap;
use serde_json::json;

use super::{predict, pretty};
use crate::args::{Evaluate, Format};
use crate::error::{CliError, CliResult};
use crate::terminal::Terminal;
use crate::words::text;
use crate::{on_threads, outputs};

pub(crate) fn run(args: &Evaluate, terminal: &Terminal) -> CliResult<()> {
    let model = SavedModel::load(&args.model)?;
    on_threads(args.threads, || {
        let table = predict::read(&args.table, &args.columns, &model, terminal)?;
        let parts = evaluate(&model, &table)?;
        match args.format {
            Format::Json => outputs::print(&pretty(&json!({
                "schema_version": 1,
                "program": { "name": "cfe", "version": env!("CARGO_PKG_VERSION") },
                "data": { "file": table.file, "rows": table.data.n_instances() },
                "parts": parts,
            })))?,
            Format::Table => {
                let width = outputs::width();
                let better = wrap(&report::better(&parts), text::page(width), "* ", "  ");
                outputs::print(&(text::tables(report::metrics_tables(&parts), width) + &better))?;
            }
        }
        check(args, &parts)
    })
}

fn check(args: &Evaluate, parts: &[Part]) -> CliResult<()> {
    let mut failures = Vec::new();
    for part in parts {
        let Some(combined) = part.methods.iter().find(|m| m.name == COMBINED) else { continue };
        let (ap, ece) = (combined.average_precision, combined.ece.unwrap_or(f64::NAN));
        if let Some(least) = args.min_average_precision.filter(|least| !(ap >= *least)) {
            failures.push(format!("{}: average precision {ap} is below {least}", part.name));
        }
        if let Some(most) = args.max_ece.filter(|most| !(ece <= *most)) {
            failures.push(format!("{}: expected calibration error {ece} is above {most}", part.name));
        }
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(CliError::Check(format!("check failed: {}", failures.join("; "))))
    }
}
