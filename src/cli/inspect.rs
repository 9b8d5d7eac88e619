//! `cfe inspect`.

use serde_json::{Value, json};

use super::args::Inspect;
use super::error::CliResult;
use super::fit_command::pretty;
use super::options::Format;
use super::saved::{Combiner, SavedModel};
use super::text::{fixed, percent, signed, table};
use super::threshold::Cut;
use super::trust::TrustReport;
use super::{outputs, summary};

pub(super) fn run(args: &Inspect) -> CliResult<()> {
    let model = SavedModel::load(&args.model)?;
    let trust = TrustReport::of(&model.combiner);
    let shares = match &model.combiner {
        Combiner::Recommended(model) => Some(model.shares()),
        Combiner::Factors(_) => None,
    };
    match args.format {
        Format::Json => outputs::print(&pretty(&json!({
            "schema_version": 1,
            "details": model.details,
            "calibrator": model.calibrator,
            "trust": trust,
            "families": shares,
        }))),
        Format::Table => {
            let mut out = origin(&model);
            if let Some(shares) = shares {
                out += &format!(
                    "Families: aggregator alone {}, with low-rank correction {}, with local correction {}\n",
                    percent(shares.aggregator),
                    percent(shares.low_rank),
                    percent(shares.local)
                );
            }
            out += &format!("\nWeights of each classifier's {}\n", trust.unit);
            let rows =
                trust.classifiers.iter().map(|t| vec![t.name.clone(), signed(t.weight, 4), percent(t.share)]);
            out += &table(&["", "weight", "share"], rows, outputs::width());
            if trust.local_share >= 0.005 {
                out += &format!(
                    "{} of the logit's variance comes from the local correction, which has no weights.\n",
                    percent(trust.local_share)
                );
            }
            outputs::print(&out)
        }
    }
}

/// Where the model comes from and where it cuts.
fn origin(model: &SavedModel) -> String {
    let details = &model.details;
    let at = |path: &[&str]| {
        let mut value = details.provenance.get(*path.first()?)?;
        for key in &path[1..] {
            value = value.get(key)?;
        }
        Some(match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    };
    let mut lines = Vec::new();
    let mut line = |name: &str, text: Option<String>| {
        if let Some(text) = text {
            lines.push(format!("{name}: {text}\n"));
        }
    };
    line("Trainer", at(&["trainer"]));
    line("Settings", at(&["settings"]));
    line("Trained on", at(&["data", "file"]));
    let counts = (at(&["data", "rows"]), at(&["data", "positives"]), at(&["data", "negatives"]));
    if let (Some(rows), Some(positives), Some(negatives)) = counts {
        line("Rows", Some(format!("{rows}, of which {positives} labeled positive and {negatives} negative")));
    }
    line("Fingerprint", details.fingerprint.clone());
    line("Saved by version", Some(details.crate_version.clone()));
    line("Calibrator", Some(json!(model.calibrator).to_string()));
    let cut: Option<Cut> = details.provenance.get("cut").and_then(|c| serde_json::from_value(c.clone()).ok());
    line(
        "Threshold",
        details.threshold.map(|t| match cut {
            Some(cut) => format!(
                "{} ({}; precision {}, recall {}, cross-validated)",
                fixed(t, 4),
                summary::rule_in_words(cut.rule),
                fixed(cut.precision, 3),
                fixed(cut.recall, 3)
            ),
            None => fixed(t, 4),
        }),
    );
    lines.concat()
}
