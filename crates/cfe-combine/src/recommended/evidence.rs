//! What one column tells about the labels.

use cfe_core::Result;
use cfe_core::logistic::{LogisticFit, LogisticRegression, PreparedFeatures, SharedCurvature};
use ndarray::ArrayView2;

use super::targets::Targets;
use crate::pipeline::Watch;

/// Ridge on the slope of a single column when its evidence is measured.
const RIDGE: f64 = 1e-3;

/// Mean log-likelihood that a column (1 x n) gains alone over the constant on the instances that `keep`
/// names, with a slope of at least 0 and as exact as `precision`; and its fit, which another one may start
/// from.
pub(super) fn evidence(
    column: ArrayView2<'_, f64>,
    targets: Targets<'_>,
    keep: impl Fn(usize) -> bool,
    precision: f64,
    start: Option<&LogisticFit>,
    watch: &dyn Watch,
) -> Result<(f64, LogisticFit)> {
    let Targets { labels, weights } = targets;
    let data = PreparedFeatures::subset(column, labels, Some(weights), &keep)?;
    let total = targets.total(&keep);
    let regression = LogisticRegression {
        lambda: 1.0 / total,
        penalty_factors: Some(vec![RIDGE]),
        non_negative: true,
        ..LogisticRegression::default()
    };
    // The objective is a mean.
    let (precision, stop) = (precision / total, || watch.stop_asked());
    let fit = regression.fit_sharing(&data, start, &mut SharedCurvature::default(), precision, &stop)?;
    let penalty: f64 = fit.weights.iter().map(|w| 0.5 * RIDGE * w * w / total).sum();
    let positive = targets.total(|i| keep(i) && labels[i]) / total;
    let constant = -(positive * positive.ln() + (1.0 - positive) * (-positive).ln_1p());
    Ok(((constant - (fit.objective - penalty)).max(0.0), fit))
}
