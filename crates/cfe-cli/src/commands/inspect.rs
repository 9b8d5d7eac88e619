//! `cfe inspect`.

use cfe_report::number::{fixed, percent, signed};
use cfe_report::terminal::wrap;
use cfe_report::{Cell, Table};
use serde_json::{Value, json};

use cfe_combine::SavedModel;
use cfe_combine::judge::{TrustReport, learning_curve};
use cfe_combine::recommended::RecommendedModel;
use cfe_combine::report::{probability, rule_in_words, unreached, with_interval, would_more_help};
use cfe_combine::saved::provenance::{DATA, FIT, PREVALENCE, SETTINGS, TRAINER};

use super::pretty;
use crate::args::{Format, Inspect};
use crate::error::CliResult;
use crate::outputs;
use crate::words::text;

pub(crate) fn run(args: &Inspect) -> CliResult<()> {
    // The kind of the file says whether the model is of two classes.
    if let Some(model) = super::classes::model(&args.model)? {
        return super::classes::inspect(args, &model);
    }
    let model = SavedModel::load(&args.model)?;
    let trust = TrustReport::of(&model);
    let shares = model.combiner.recommended().map(RecommendedModel::shares);
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
                let parts: Vec<String> = shares
                    .in_words()
                    .iter()
                    .map(|(what, share)| format!("{what} {}", percent(*share, 0)))
                    .collect();
                out += &format!("An average of {}.\n", parts.join(", "));
            }
            out.push('\n');
            out += &weights(&trust, outputs::width());
            // Less than half a percent would be shown as 0%.
            if trust.local_share >= 0.005 {
                out += &format!(
                    "{} of the logit's variance comes from the local correction, which has no weights.\n",
                    percent(trust.local_share, 0)
                );
            }
            let page = text::page(outputs::width());
            for sentence in learning_curve(&model).iter().flat_map(would_more_help) {
                out += &wrap(&sentence, page, "", "");
            }
            outputs::print_page(&out)
        }
    }
}

/// What is known of each classifier, the most trusted first.
fn weights(trust: &TrustReport, width: usize) -> String {
    let left_out = trust.classifiers.iter().any(|t| t.average_precision_lost.is_some());
    let alike = trust.classifiers.iter().any(|t| t.redundancy.is_some());
    let mut header = vec!["", "weight", "share"];
    // A column is there only if the model has the numbers for it.
    header.extend(left_out.then_some("AP lost without it"));
    header.extend(alike.then_some("most like"));
    let mut table = Table::new(format!("Weights of each classifier's {}", trust.unit), header);
    for t in &trust.classifiers {
        let mut row: Vec<Cell> =
            vec![t.name.as_str().into(), signed(t.weight, 4).into(), percent(t.share, 0).into()];
        let lost = t.average_precision_lost.map_or(String::new(), with_interval);
        row.extend(left_out.then(|| Cell::from(lost)));
        let like = t
            .redundancy
            .as_ref()
            .map_or(String::new(), |r| format!("{} {}", r.most_like, fixed(r.correlation, 3)));
        row.extend(alike.then(|| Cell::from(like)));
        table.push(row);
    }
    let mut out = text::table(table, width);
    let page = text::page(width);
    if left_out {
        out += &wrap(
            "AP lost without it: cross-validated average precision with all classifiers less that of a fit without this \
             one, with its 95% interval; negative where the others do better alone.",
            page,
            "",
            "",
        );
    }
    if alike {
        out += &wrap(
            "Most like: by correlation of log-odds; if it is near 1, one of the two adds nothing.",
            page,
            "",
            "",
        );
    }
    out
}

/// Where the model comes from and where it cuts.
fn origin(model: &SavedModel) -> String {
    let details = &model.details;
    let (fit, data) = (FIT.get(details), DATA.get(details));
    let text_at = |object: &Option<Value>, key: &str| {
        object.as_ref()?.get(key).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let mut lines = Vec::new();
    // What a model does not say has no line: older files keep less.
    let mut line = |name: &str, text: Option<String>| {
        if let Some(text) = text {
            lines.push(format!("{name}: {text}\n"));
        }
    };
    line("Trainer", TRAINER.get(details));
    // A model that fell back to an average says what it is, and why.
    let over_mean = fit.as_ref().and_then(|fit| fit.get("over_mean")).and_then(Value::as_f64);
    let averages = text_at(&fit, "fallback").zip(over_mean);
    line(
        "Fallback",
        averages.map(|(to, over_mean)| {
            let chance = percent(over_mean, 0);
            format!("it is the {to}: a learned model ranks other rows better with probability {chance} only")
        }),
    );
    line("Settings", SETTINGS.get(details).map(|settings| settings.to_string()));
    line("Trained on", text_at(&data, "file"));
    // Counts are told together, or not at all.
    let counts = (text_at(&data, "rows"), text_at(&data, "positives"), text_at(&data, "negatives"));
    if let (Some(rows), Some(positives), Some(negatives)) = counts {
        line("Rows", Some(format!("{rows}, of which {positives} labeled positive and {negatives} negative")));
    }
    line(
        "Share of positives that predictions are for",
        PREVALENCE.get(details).map(|share| share.to_string()),
    );
    line("Fingerprint", details.fingerprint.clone());
    line("Saved by version", Some(details.crate_version.clone()));
    line("Calibrator", Some(json!(model.calibrator).to_string()));
    // A threshold is told with the rule that chose it, where the file has the rule.
    let cut = model.cut();
    line(
        "Threshold",
        details.threshold.map(|t| match cut {
            Some(cut) => format!(
                "{} ({}; precision {}, recall {}, cross-validated)",
                probability(t),
                unreached(&cut).unwrap_or_else(|| rule_in_words(cut.rule)),
                fixed(cut.precision, 3),
                fixed(cut.recall, 3)
            ),
            None => probability(t),
        }),
    );
    lines.concat()
}
