//! Metrics of the combined prediction beside those of simple ways to combine.

use cfe_core::Result;
use cfe_core::metrics::MetricSummary;
use cfe_core::validation::{Bootstrap, Folds};
use cfe_io::{Table, fingerprint};
use serde::{Deserialize, Serialize};

use super::chances::Chances;
use super::method_metrics::MethodMetrics;
use super::rivals::Rivals;
use super::scores::MethodScores;
use super::threshold::{Cut, ThresholdRule};
use super::{COMBINED, JudgedRows};
use crate::error::{FitError, FitResult};
use crate::saved::provenance::TRAIN_ROWS;
use crate::saved::{Combined, SavedModel};

/// Resamples times rows of one interval: more rows need fewer resamples for the same precision of the ends.
const BOOTSTRAP_ROWS: usize = 4_000_000;

/// Resamples for so many rows.
pub(crate) fn resamples_of(rows: usize) -> usize {
    (BOOTSTRAP_ROWS / rows.max(1)).clamp(200, 2000)
}

/// Metrics of the rows of one split.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Part {
    /// Value of the split column, or `train`.
    pub name: String,
    /// Whether each prediction comes from a fit that did not see the row's label; `false` for rows outside
    /// the train split, which no fit ever sees the label of.
    pub cross_validated: bool,
    /// Share of these rows that the model was trained on and predicts with their labels known: such figures
    /// flatter the model. 0 for cross-validated rows.
    pub in_sample_share: f64,
    /// Labeled rows that are scored.
    pub rows: usize,
    /// Labeled rows that are not scored although they have a prediction: of weight 0, or with a time column
    /// those before which there is nothing to learn from.
    pub never_scored: usize,
    /// Whether each of these rows was scored by earlier ones.
    pub in_time: bool,
    /// Sum of the weights of the rows that are scored, where they have weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// Weight of the positives among them, where rows have weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub positive_weight: Option<f64>,
    /// As many rows of equal weight as tell as much as these (Kish, 1965), where rows have weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_rows: Option<f64>,
    /// Labeled rows without any prediction, which are not scored.
    pub without_prediction: usize,
    /// Positives among them.
    pub positives: usize,
    /// Resamples of each interval.
    pub resamples: usize,
    /// The combined prediction first.
    pub methods: Vec<MethodMetrics>,
    /// What the model's threshold does to these rows.
    pub at_threshold: Option<Cut>,
    /// How likely the combined prediction is to rank other rows better than its simple rivals; of the train
    /// rows of a fit of the recommended combiner alone, for which these probabilities are calibrated.
    pub chances: Option<Chances>,
    /// Reliability of the combined prediction: (mean probability, share of positives, rows) of up to ten
    /// groups.
    pub reliability: Vec<Reliability>,
}

impl Part {
    /// Share of positives, by weight where rows have weights.
    pub(super) fn share_of_positives(&self) -> f64 {
        match self.positive_weight.zip(self.weight) {
            Some((positive, all)) => positive / all,
            None => self.positives as f64 / self.rows as f64,
        }
    }
}

/// One group of rows of similar probability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reliability {
    /// Mean probability.
    pub predicted: f64,
    /// Share of positives.
    pub observed: f64,
    /// 95% Wilson interval of that share.
    pub lower: f64,
    /// Its upper end.
    pub upper: f64,
    /// Rows.
    pub rows: usize,
}

/// Measures `methods` (the combined prediction first) on the rows of a part; `folds` are those that
/// cross-validated scores come from.
pub(crate) fn measure(
    name: &str,
    folds: Option<&Folds>,
    judged: &JudgedRows,
    methods: Vec<MethodScores>,
    cut: Option<(ThresholdRule, f64)>,
    seed: u64,
    done: &dyn Fn(),
) -> Result<Part> {
    let (labels, weights) = (judged.labels.as_slice(), judged.weights.as_deref());
    let positives = labels.iter().filter(|&&y| y).count();
    // With one class there is nothing to rank, and intervals are left out.
    let both = judged.has_both_classes();
    let bootstrap = Bootstrap { n_resamples: resamples_of(labels.len()), seed, ..Default::default() };
    let rankings: Vec<&[f64]> = methods.iter().map(|method| method.ranking.as_slice()).collect();
    // The resamples are the same for every method, so that the interval of a difference is paired.
    let resample = || match folds {
        Some(folds) => bootstrap.average_precision_by_fold_weighted(labels, weights, folds, &rankings),
        None => bootstrap.average_precision_weighted(labels, weights, &rankings),
    };
    let resampled = both.then(resample).transpose()?;
    let mut measured = Vec::with_capacity(methods.len());
    let mut at_threshold = None;
    let mut reliability = Vec::new();
    for (k, method) in methods.iter().enumerate() {
        let interval = resampled.as_ref().map(|r| r.interval(k)).transpose()?;
        let gain = resampled.as_ref().filter(|_| k > 0).map(|r| r.difference(0, k)).transpose()?;
        let probabilities = method.probabilities.as_deref();
        let mut metrics = MetricSummary::weighted(labels, &method.ranking, probabilities, weights)?;
        // Scores of different fits are not ranked together: both areas are means over the folds.
        if let Some(folds) = folds {
            metrics.average_precision = interval.map(|i| i.estimate);
            metrics.roc_auc = mean_roc_auc(judged, folds, &method.ranking)?;
            if !method.one_scale {
                (metrics.best_f1, metrics.best_f1_threshold) = (None, None);
            }
        }
        // Any ranking of rows of one class is perfect, or has nothing to find.
        if !both {
            metrics.average_precision = None;
            (metrics.best_f1, metrics.best_f1_threshold) = (None, None);
        }
        // Threshold and reliability are those of the combined prediction.
        if let (0, Some(p)) = (k, probabilities) {
            at_threshold = cut.map(|(rule, threshold)| rule.at(threshold, judged, p)).transpose()?;
            reliability = groups(judged, p);
        }
        measured.push(MethodMetrics {
            name: method.name.clone(),
            metrics,
            average_precision_interval: interval,
            combined_is_better_by: gain,
        });
        done();
    }
    Ok(Part {
        name: name.to_owned(),
        cross_validated: folds.is_some(),
        in_sample_share: 0.0,
        without_prediction: 0,
        rows: labels.len(),
        never_scored: 0,
        in_time: folds.is_some_and(Folds::is_forward),
        weight: weights.map(|weights| weights.iter().sum()),
        positive_weight: weights
            .map(|weights| weights.iter().zip(labels).filter(|(_, y)| **y).map(|(w, _)| w).sum()),
        effective_rows: weights.map(|weights| effective(weights.iter().copied())),
        positives,
        resamples: if both { bootstrap.n_resamples } else { 0 },
        methods: measured,
        at_threshold,
        chances: None,
        reliability,
    })
}

/// Measures predictions of any origin on n labels with weights (n, finite and at least 0; `None` is 1 each):
/// each method by its name, the scores that it ranks by (n) and, where it has them, its probabilities (n).
/// The first method takes the place of the combined prediction: the others are compared with it, and
/// threshold and reliability are of it. Rows of weight 0 are not scored.
///
/// # Errors
/// [`Error::LengthMismatch`](cfe_core::Error::LengthMismatch),
/// [`Error::InvalidScore`](cfe_core::Error::InvalidScore),
/// [`Error::InvalidWeight`](cfe_core::Error::InvalidWeight),
/// [`Error::WeightSum`](cfe_core::Error::WeightSum),
/// [`Error::NothingToEvaluate`](cfe_core::Error::NothingToEvaluate).
pub fn measure_predictions(
    name: &str,
    labels: &[bool],
    weights: Option<&[f64]>,
    methods: Vec<(String, Vec<f64>, Option<Vec<f64>>)>,
    cut: Option<(ThresholdRule, f64)>,
    seed: u64,
) -> Result<Part> {
    let mut methods: Vec<MethodScores> = methods
        .into_iter()
        .map(|(name, ranking, probabilities)| MethodScores { name, ranking, probabilities, one_scale: true })
        .collect();
    let mut judged = JudgedRows { weights: weights.map(<[f64]>::to_vec), ..JudgedRows::from(labels) };
    // Everything is checked before rows are left out, so that a message has the place that the caller knows.
    for method in &methods {
        for scores in std::iter::once(&method.ranking).chain(&method.probabilities) {
            judged.scored(scores)?;
        }
    }
    let kept: Vec<usize> = (0..judged.len()).filter(|&i| judged.weight(i) > 0.0).collect();
    let never_scored = judged.len() - kept.len();
    if never_scored > 0 {
        let take = |values: &mut Vec<f64>| *values = kept.iter().map(|&i| values[i]).collect();
        judged = judged.select(&kept);
        for method in &mut methods {
            take(&mut method.ranking);
            method.probabilities.iter_mut().for_each(take);
        }
    }
    let part = measure(name, None, &judged, methods, cut, seed, &|| ())?;
    Ok(Part { never_scored, ..part })
}

/// Mean over folds with both classes.
fn mean_roc_auc(judged: &JudgedRows, folds: &Folds, scores: &[f64]) -> Result<Option<f64>> {
    let mut areas = Vec::with_capacity(folds.n_splits());
    for fold in 0..folds.n_splits() {
        let rows = folds.test(fold);
        if rows.is_empty() {
            continue;
        }
        let scores: Vec<f64> = rows.iter().map(|&i| scores[i]).collect();
        areas.extend(judged.select(&rows).scored(&scores)?.ranking().roc_auc());
    }
    Ok((!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64))
}

/// The combined prediction of some rows.
pub(crate) fn combined_scores(combined: &Combined, rows: &[usize]) -> MethodScores {
    let take = |values: &[f64]| rows.iter().map(|&i| values[i]).collect();
    MethodScores {
        name: COMBINED.to_owned(),
        ranking: take(&combined.logits),
        probabilities: Some(take(&combined.probabilities)),
        one_scale: true,
    }
}

/// Scores a model on the labeled rows of a table, for each value of the split column, beside the simple
/// combiners that need no labels: those that learn would have to learn from the rows they are scored on.
///
/// # Errors
/// [`FitError::Data`] for a table without labels, [`FitError::Training`] where predicting fails.
pub fn evaluate(model: &SavedModel, table: &Table) -> FitResult<Vec<Part>> {
    // Probabilities are those that `cfe predict` gives, at the prevalence that the model was told.
    let mut combined = model.predict(table.data.predictions()).map_err(FitError::training("predicting"))?;
    if let Some(prevalence) = model.target_prevalence() {
        combined.at_prevalence(model, prevalence)?;
    }
    let scoring = FitError::training("scoring");
    let rivals = Rivals::without_labels(&table.data).map_err(&scoring)?;
    let rule = model.cut().map(|cut| cut.rule);
    let cut = model.details.threshold.map(|t| (rule.unwrap_or(ThresholdRule::F1), t));
    let parts = scored_rows(table, |_| true, "labeled");
    if parts.is_empty() {
        return Err(FitError::Data(format!(
            "{}: no row has a label and a prediction, so there is nothing to score; label some, or check the label column",
            table.file
        )));
    }
    // What tells that rows were trained on: the hashes that the model kept, and the fingerprint of its table.
    let seed = model.details.seed.unwrap_or(0);
    let train_rows = TRAIN_ROWS.get(&model.details);
    let own_table = model.details.fingerprint.as_deref() == Some(fingerprint(&table.data).as_str());
    let measure_part = |part: LabeledRows| {
        let rows = &part.rows;
        let mut methods = vec![combined_scores(&combined, rows)];
        methods.extend(rivals.scores(&table.data, rows)?);
        let judged = JudgedRows::of(table, rows);
        let mut measured = measure(&part.name, None, &judged, methods, cut, seed, &|| ())?;
        measured.without_prediction = part.without_prediction;
        measured.never_scored = part.without_weight;
        // A model of version 0.1.0 kept no train rows, and rows of few different values are not known again:
        // both know the whole table.
        let weights = table.data.sample_weights();
        let weight = |i: usize| weights.map_or(1.0, |weights| weights[i]);
        let sum = |keep: &dyn Fn(usize) -> bool| -> f64 {
            rows.iter().filter(|&&i| keep(i)).map(|&i| weight(i)).sum()
        };
        let of_own_table = if own_table { sum(&|i| table.in_train[i]) / sum(&|_| true) } else { 0.0 };
        let known =
            train_rows.as_ref().map(|known| known.share_among(table.data.predictions(), rows, weights));
        measured.in_sample_share = known.unwrap_or(0.0).max(of_own_table);
        Ok(measured)
    };
    parts.into_iter().map(measure_part).collect::<Result<_>>().map_err(&scoring)
}

/// The labeled rows of one value of the split column.
pub(crate) struct LabeledRows {
    pub name: String,
    /// Those with a prediction, which can be scored.
    pub rows: Vec<usize>,
    /// How many have none.
    pub without_prediction: usize,
    /// How many have one and the weight 0.
    pub without_weight: usize,
}

/// A value of the split column as the name of a part.
pub(crate) fn name_of_split(value: &str) -> &str {
    if value.trim().is_empty() { "no split" } else { value }
}

/// Labeled rows by the value of the split column, in order of appearance; all of them are `unnamed` without
/// one.
pub(crate) fn scored_rows(table: &Table, keep: impl Fn(usize) -> bool, unnamed: &str) -> Vec<LabeledRows> {
    let r = table.data.predictions();
    let mut parts: Vec<LabeledRows> = Vec::new();
    // Parts keep the order in which the table names them; rows that cannot be scored are counted in their
    // part.
    for i in (0..table.truth.len()).filter(|&i| table.truth[i].is_some() && keep(i)) {
        let name = table.split.as_ref().map_or(unnamed, |split| name_of_split(&split[i]));
        let k = parts.iter().position(|part| part.name == name).unwrap_or_else(|| {
            parts.push(LabeledRows {
                name: name.to_owned(),
                rows: Vec::new(),
                without_prediction: 0,
                without_weight: 0,
            });
            parts.len() - 1
        });
        if r.column(i).iter().all(|p| p.is_nan()) {
            parts[k].without_prediction += 1;
        } else if table.data.sample_weights().is_some_and(|weights| weights[i] == 0.0) {
            parts[k].without_weight += 1;
        } else {
            parts[k].rows.push(i);
        }
    }
    parts.retain(|part| !part.rows.is_empty());
    parts
}

/// Up to ten groups of neighboring probabilities with about as many positives each: equal numbers of rows
/// would put all that matters of a rare class into one group.
pub(crate) fn groups(judged: &JudgedRows, probabilities: &[f64]) -> Vec<Reliability> {
    let labels = &judged.labels;
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
    let positives = labels.iter().filter(|&&y| y).count();
    // About five positives for each group, or the intervals of the groups would be too wide to tell them
    // apart.
    let count = (positives / 5).clamp(1, 10);
    // Expected positives, so that the groups do not depend on the labels within them.
    let expected: f64 = probabilities.iter().enumerate().map(|(i, p)| judged.weight(i) * p).sum();
    let (mut out, mut begin, mut sum) = (Vec::new(), 0, 0.0);
    for (k, &i) in order.iter().enumerate() {
        sum += judged.weight(i) * probabilities[i];
        let full = sum >= expected * (out.len() + 1) as f64 / count as f64;
        // Rows of equal probability stay in one group: a cut between them would depend on the order of the
        // rows.
        let tied = order.get(k + 1).is_some_and(|&next| probabilities[next] == probabilities[i]);
        if k + 1 == order.len() || (full && !tied) {
            let rows = &order[begin..=k];
            let sum_of = |value: &dyn Fn(usize) -> f64| rows.iter().map(|&i| value(i)).sum::<f64>();
            let weight = sum_of(&|i| judged.weight(i));
            let hits = sum_of(&|i| if labels[i] { judged.weight(i) } else { 0.0 });
            let n = effective(rows.iter().map(|&i| judged.weight(i)));
            let (lower, upper) = wilson(hits / weight, n);
            out.push(Reliability {
                predicted: sum_of(&|i| judged.weight(i) * probabilities[i]) / weight,
                observed: hits / weight,
                lower,
                upper,
                rows: rows.len(),
            });
            begin = k + 1;
        }
    }
    out
}

/// As many rows of equal weight as tell so much (Kish, 1965): all of them where weights are equal.
pub(super) fn effective(weights: impl Iterator<Item = f64>) -> f64 {
    let (sum, squares) = weights.fold((0.0, 0.0), |(sum, squares), w| (sum + w, squares + w * w));
    if squares > 0.0 { sum * sum / squares } else { 0.0 }
}

/// 95% interval of a share (Wilson, 1927).
// Wilson's interval stays within 0 and 1 and is not empty at a share of 0.
fn wilson(share: f64, n: f64) -> (f64, f64) {
    const Z: f64 = 1.959_963_984_540_054;
    let z2 = Z * Z / n;
    let p = share;
    let center = (p + z2 / 2.0) / (1.0 + z2);
    let half = Z / (1.0 + z2) * (p * (1.0 - p) / n + z2 / (4.0 * n)).sqrt();
    ((center - half).max(0.0), (center + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use cfe_core::Error;

    use super::*;

    #[test]
    fn groups_cover_every_row_once_and_keep_ties_together() {
        let probabilities: Vec<f64> = (0..200).map(|i| f64::from(i / 4) / 50.0).collect();
        let labels: Vec<bool> = (0..200).map(|i| i % 3 == 0 && i > 60).collect();
        let groups = groups(&JudgedRows::from(&labels[..]), &probabilities);
        assert_eq!(groups.iter().map(|g| g.rows).sum::<usize>(), 200);
        assert!(groups.iter().all(|g| g.rows % 4 == 0 && g.lower <= g.observed && g.observed <= g.upper));
        assert!(groups.windows(2).all(|w| w[0].predicted < w[1].predicted));
        assert!(groups.len() > 5 && groups.len() <= 10);
    }

    #[test]
    fn predictions_of_any_origin_count_by_weight() {
        let labels: Vec<bool> = (0..60).map(|i| i % 3 == 0).collect();
        let p: Vec<f64> = (0..60).map(|i| f64::from(i * 37 % 60) / 60.0).collect();
        let measured = |labels: &[bool], p: &[f64], weights: Option<&[f64]>| {
            let methods = vec![("combined".to_owned(), p.to_vec(), Some(p.to_vec()))];
            measure_predictions("rows", labels, weights, methods, None, 0)
        };
        // Weights of 2 and 0 are rows twice and no rows.
        let weights: Vec<f64> = (0..60).map(|i| f64::from(i % 4 % 3)).collect();
        let rows: Vec<usize> = (0..60).flat_map(|i| std::iter::repeat_n(i, weights[i] as usize)).collect();
        let weighted = measured(&labels, &p, Some(&weights)).expect("valid");
        let repeated = {
            let labels: Vec<bool> = rows.iter().map(|&i| labels[i]).collect();
            let p: Vec<f64> = rows.iter().map(|&i| p[i]).collect();
            measured(&labels, &p, None).expect("valid")
        };
        let of = |part: &Part| {
            let metrics = &part.methods[0].metrics;
            [metrics.average_precision, metrics.roc_auc, metrics.log_loss, metrics.brier, metrics.ece]
        };
        for (a, b) in of(&weighted).into_iter().zip(of(&repeated)) {
            assert!((a.expect("known") - b.expect("known")).abs() < 1e-12, "{a:?} {b:?}");
        }
        assert_eq!((weighted.rows, weighted.never_scored), (30, 30));
        let is = |weights: &[f64]| measured(&labels, &p, Some(weights)).expect_err("refused");
        assert!(matches!(is(&[1.0; 59]), Error::LengthMismatch { .. }));
        assert!(matches!(is(&[0.0; 60]), Error::NothingToEvaluate));
        let negative: Vec<f64> = (0..60).map(|i| if i == 7 { -1.0 } else { 0.0 }).collect();
        assert!(matches!(is(&negative), Error::InvalidWeight { index: 7, .. }));
    }

    #[test]
    fn the_wilson_interval_of_one_in_ten() {
        let (lower, upper) = wilson(0.1, 10.0);
        assert!((lower - 0.017_876).abs() < 1e-5 && (upper - 0.404_150).abs() < 1e-5);
    }
}
