//! `cfe evaluate`.

use cfe_combine::SavedModel;
use cfe_combine::judge::{COMBINED, Part, diagnose, evaluate};
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
        let findings = diagnose(&table).map_err(CliError::training("scoring"))?;
        match args.format {
            Format::Json => outputs::print(&pretty(&json!({
                "schema_version": 1,
                "program": { "name": "cfe", "version": env!("CARGO_PKG_VERSION") },
                "data": { "file": table.file, "rows": table.data.n_instances() },
                "parts": parts,
            })))?,
            Format::Table => {
                let width = outputs::width();
                let better = wrap(&report::better(&parts, &findings), text::page(width), "* ", "  ");
                outputs::print(&(text::tables(report::metrics_tables(&parts), width) + &better))?;
            }
        }
        check(args, &parts)
    })
}

/// The checks that were asked for. Rows that the model was trained on, and rows of one class, cannot pass them.
fn check(args: &Evaluate, parts: &[Part]) -> CliResult<()> {
    let mut failures = Vec::new();
    for part in parts {
        let Some(combined) = part.methods.iter().find(|m| m.name == COMBINED) else { continue };
        let asked = args.min_average_precision.is_some() || args.max_ece.is_some();
        if asked && part.in_sample_share >= report::MOSTLY_IN_SAMPLE {
            failures.push(format!(
                "{}: cannot be judged, because the model was trained on these rows; give rows it has not seen",
                part.name
            ));
            continue;
        }
        if let Some(least) = args.min_average_precision {
            match combined.average_precision {
                Some(ap) if ap >= least => {}
                Some(ap) => failures.push(format!("{}: average precision {ap} is below {least}", part.name)),
                None => failures.push(format!(
                    "{}: average precision cannot be judged, because no labeled row is positive",
                    part.name
                )),
            }
        }
        if let Some(most) = args.max_ece {
            match combined.ece {
                Some(ece) if ece <= most => {}
                Some(ece) => {
                    failures.push(format!("{}: expected calibration error {ece} is above {most}", part.name));
                }
                None => failures.push(format!("{}: expected calibration error cannot be judged", part.name)),
            }
        }
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(CliError::Check(format!("check failed: {}", failures.join("; "))))
    }
}
