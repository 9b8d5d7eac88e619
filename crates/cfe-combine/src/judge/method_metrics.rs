//! The figures of one way to combine.

use cfe_core::metrics::MetricSummary;
use cfe_core::validation::Interval;
use serde::Serialize;

/// One way to combine, measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MethodMetrics {
    /// Its name; the combined prediction is `combined`.
    pub name: String,
    /// Its metrics. For cross-validated rows, average precision and ROC-AUC are means over folds, as scores
    /// of different fits are not ranked together; the best F1 of a method that picks other classifiers in
    /// each fold is `None`, as no threshold fits the scores of every fold.
    #[serde(flatten)]
    pub metrics: MetricSummary,
    /// Average precision with its 95% bootstrap interval.
    pub average_precision_interval: Option<Interval>,
    /// Average precision of the combined prediction less that of this one, on the same resamples.
    pub combined_is_better_by: Option<Interval>,
}
