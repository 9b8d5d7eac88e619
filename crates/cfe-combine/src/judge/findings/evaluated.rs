//! What may be wrong with rows that a model is scored on.

use cfe_core::Result;
use cfe_io::Table;

use super::shift::differs;
use super::{Finding, Quality, Severity, diagnose, listed, owned};
use crate::judge::{COMBINED, Part};
use crate::saved::SavedModel;

/// Looks at a table that `model` is scored on, whose parts are those of [`evaluate`](crate::judge::evaluate),
/// for labels that are turned, another share of positives, classifiers that say nothing, gaps, and columns
/// that are the two classes of one classifier. The gravest finding comes first.
///
/// # Errors
/// None for a table that was read.
pub fn diagnose_evaluation(model: &SavedModel, table: &Table, parts: &[Part]) -> Result<Vec<Finding>> {
    let mut out = of_parts(model, parts);
    let predictions = table.data.predictions();
    let says_nothing = predictions.outer_iter().zip(table.data.classifier_names());
    let says_nothing = says_nothing.filter(|(row, _)| row.iter().all(|p| p.is_nan()));
    out.extend(silent(&says_nothing.map(|(_, name)| name.as_str()).collect::<Vec<_>>()));
    // The other findings are about rows that are learned from.
    let of_any_rows = |f: &Finding| ["pair", "no_prediction", "missing"].contains(&f.kind);
    out.extend(diagnose(table)?.into_iter().filter(of_any_rows));
    out.sort_by_key(|finding| finding.severity);
    Ok(out)
}

/// What the scores of the parts tell.
pub(super) fn of_parts(model: &SavedModel, parts: &[Part]) -> Vec<Finding> {
    let turned = parts.iter().filter_map(turned);
    turned.chain(parts.iter().filter_map(|part| prevalence(model, part))).collect()
}

/// The model ranks negatives above positives.
fn turned(part: &Part) -> Option<Finding> {
    let auc = part.methods.iter().find(|m| m.name == COMBINED)?.metrics.roc_auc?;
    let (positives, negatives) = (part.positives, part.rows - part.positives);
    let quality = Quality { auc, average_precision: f64::NAN, positives, negatives };
    (0.5 - auc > 4.0 * quality.error_by_chance()).then(|| {
        let text = format!(
            "the combined prediction ranks the rows of {:?} the wrong way round (ROC-AUC {auc:.3}): are their labels \
             turned (--positive-label)?",
            part.name
        );
        Finding::new(Severity::Alarm, "inverted", Vec::new(), text)
    })
}

/// Another share of positives than the predictions are made for.
fn prevalence(model: &SavedModel, part: &Part) -> Option<Finding> {
    // A model that was corrected is judged by the share it was corrected to.
    let (expected, corrected) = match model.target_prevalence() {
        Some(share) => (share, true),
        None => (model.prevalence()?, false),
    };
    let found = part.share_of_positives();
    let rows = part.effective_rows.unwrap_or(part.rows as f64);
    let error = (expected * (1.0 - expected) / rows).sqrt();
    ((found - expected).abs() > 3.0 * error && differs(expected, found)).then(|| {
        let whose = if corrected { "that predictions are corrected to" } else { "of the train rows" };
        let text = format!(
            "the share of positives is {:.2}% in the rows of {:?}, and {:.2}% is the share {whose}: probabilities and \
             threshold are made for the latter (cfe predict --prevalence corrects the probabilities)",
            100.0 * found,
            part.name,
            100.0 * expected
        );
        Finding::new(Severity::Warning, "prevalence", Vec::new(), text)
    })
}

/// Classifiers without any prediction.
pub(super) fn silent(names: &[&str]) -> Option<Finding> {
    (!names.is_empty()).then(|| {
        let text = format!(
            "no prediction of {} in any row: what the model learned of it is filled in",
            listed(names.iter().map(|&name| name.to_owned()))
        );
        Finding::new(Severity::Warning, "constant", owned(names), text)
    })
}
