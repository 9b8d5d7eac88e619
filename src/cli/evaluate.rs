//! `cfe evaluate`.

use cfe_io::Table;
use cfe_report::terminal::wrap;
use serde_json::json;

use super::args::{Evaluate, Talk};
use super::error::{CliError, CliResult};
use super::fit::{COMBINED, combined_scores};
use super::fit_command::pretty;
use super::metrics::{Part, measure};
use super::options::Format;
use super::rivals::Rivals;
use super::saved::SavedModel;
use super::threshold::{Cut, ThresholdRule};
use super::{on_threads, outputs, predict, summary, text};

pub(super) fn run(args: &Evaluate, talk: Talk) -> CliResult<()> {
    let model = SavedModel::load(&args.model)?;
    on_threads(args.threads, || {
        let table = predict::read(&args.table, &args.columns, &model, talk)?;
        let parts = measured(&model, &table)?;
        match args.format {
            Format::Json => outputs::print(&pretty(&json!({
                "schema_version": 1,
                "program": { "name": "cfe", "version": env!("CARGO_PKG_VERSION") },
                "data": { "file": table.file, "rows": table.data.n_instances() },
                "parts": parts,
            })))?,
            Format::Table => {
                let width = outputs::width();
                let better = wrap(&summary::better(&parts), text::page(width), "* ", "  ");
                outputs::print(&(summary::metrics_table(&parts, width) + &better))?;
            }
        }
        check(args, &parts)
    })
}

fn measured(model: &SavedModel, table: &Table) -> CliResult<Vec<Part>> {
    let combined = model.predict(table.data.predictions()).map_err(CliError::training("predicting"))?;
    let scoring = CliError::training("scoring");
    // Those that learn would have to learn from the rows they are scored on.
    let rivals = Rivals::without_labels(&table.data).map_err(&scoring)?;
    let provenance = model.details.provenance.get("cut");
    let rule = provenance.and_then(|cut| serde_json::from_value::<Cut>(cut.clone()).ok()).map(|cut| cut.rule);
    let cut = model.details.threshold.map(|t| (rule.unwrap_or(ThresholdRule::F1), t));
    let mut parts: Vec<(String, Vec<usize>)> = Vec::new();
    for i in (0..table.truth.len()).filter(|&i| table.truth[i].is_some()) {
        let name = table.split.as_ref().map_or("labeled", |split| split[i].as_str());
        match parts.iter_mut().find(|(part, _)| part == name) {
            Some((_, rows)) => rows.push(i),
            None => parts.push((name.to_owned(), vec![i])),
        }
    }
    if parts.is_empty() {
        return Err(CliError::Data(format!(
            "{}: no row is labeled, so there is nothing to score; label some, or check the label column",
            table.file
        )));
    }
    let seed = model.details.seed.unwrap_or(0);
    let of = |(name, rows): (String, Vec<usize>)| {
        let labels: Vec<bool> = rows.iter().map(|&i| table.truth[i] == Some(true)).collect();
        let mut methods = vec![combined_scores(&combined, &rows)];
        methods.extend(rivals.scores(&table.data, &rows)?);
        measure(&name, false, &labels, methods, cut, seed, &|| ())
    };
    parts.into_iter().map(of).collect::<cfe_core::Result<_>>().map_err(&scoring)
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
