//! The answers, computed: what a reader wants to know before any table.

use super::method::Method;
use super::report::{Report, Row, Status};
use crate::report::number::{fixed, or_dash, seconds};

/// One sentence or two for each question.
pub(super) fn answers(report: &Report) -> Vec<String> {
    let mut answers = Vec::new();
    answers.extend(class_weights(report));
    answers.extend(als_against_torch(report));
    answers.extend(what_the_table_can_tell(report));
    answers.push(agreement(report));
    answers.extend(time(report));
    answers.extend(report.missing_rows.as_ref().map(|how| format!("Not here: {how}.")));
    answers
}

fn class_weights(report: &Report) -> Option<String> {
    // Rows with weights are those that were trained.
    let trained: Vec<&Row> = report.rows.iter().filter(|row| row.weights.is_some()).collect();
    let all = |weighted: bool, status| {
        trained.iter().filter(|row| row.method.is_weighted() == weighted).all(|row| row.status == status)
    };
    let list = |weighted: bool| {
        let rows = trained.iter().filter(|row| row.method.is_weighted() == weighted);
        rows.map(|row| one(row)).collect::<Vec<_>>().join("; ")
    };
    if trained.is_empty() {
        return None;
    }
    // The sentence follows from the statuses, so it cannot outlive a change of the trainers.
    let head = if all(false, Status::Collapsed) && all(true, Status::Healthy) {
        "Class weights decide: without them training collapses, with them it does not."
    } else {
        "Class weights do not decide here as they did in the published experiment."
    };
    Some(format!("{head} Without: {}. With: {}.", list(false), list(true)))
}

/// "ALS PR-AUC 0.071, 10 of 10 weights negative".
fn one(row: &Row) -> String {
    let name = row.method.label().split(' ').next().unwrap_or_default();
    let m = row.weights.as_ref().map_or(0, Vec::len);
    let negative = row.negative_weights.unwrap_or(0);
    let signs = match negative {
        0 => "no weight negative".to_owned(),
        k => format!("{k} of {m} weights negative"),
    };
    format!("{name} PR-AUC {}, {signs}", or_dash(row.metrics.average_precision, 3))
}

fn als_against_torch(report: &Report) -> Option<String> {
    let pair = report.als_against_torch.iter().find(|pair| pair.class_weights)?;
    let effective = |method| report.row(method).and_then(|row| row.effective_classifiers);
    Some(format!(
        "With class weights, torch spreads its weights {} times as widely as ALS (std), {} times relative to their mean; \
         the effective number of classifiers is {} against {}. The two weight vectors correlate with {}, the two \
         vectors of test predictions with {}.",
        fixed(pair.weight_std_ratio?, 1),
        fixed(pair.weight_variation_ratio?, 1),
        fixed(effective(Method::TorchWeighted)?, 2),
        fixed(effective(Method::AlsWeighted)?, 2),
        fixed(pair.weight_correlation?, 2),
        fixed(pair.prediction_correlation?, 3)
    ))
}

fn what_the_table_can_tell(report: &Report) -> Option<String> {
    let average = report.row(Method::SimpleAverage)?;
    // A perfect average leaves nothing to gain, and the table is then no contest of trainers.
    (average.metrics.average_precision >= Some(1.0)).then(|| {
        "These data show whether a trainer collapses, not which trainer is better: the simple average of the classifiers \
         is already perfect on the test set (PR-AUC 1.000)."
            .to_owned()
    })
}

fn agreement(report: &Report) -> String {
    let compared = report.rows.iter().flat_map(|row| &row.published);
    let (agree, all) = compared.fold((0, 0), |(agree, all), c| (agree + usize::from(c.agrees), all + 1));
    let rest = match all - agree {
        0 => String::new(),
        1 => "; the other one is explained below".to_owned(),
        k => format!("; the other {k} are explained below"),
    };
    format!("{agree} of {all} published figures of these rows hold to the last printed digit{rest}.")
}

fn time(report: &Report) -> Option<String> {
    let trained = report.rows.iter().filter(|row| row.weights.is_some());
    let times: Vec<String> =
        trained.map(|row| format!("{} {}", row.method.label(), seconds(row.seconds))).collect();
    (!times.is_empty()).then(|| format!("Time of one fit on this machine: {}.", times.join(", ")))
}
