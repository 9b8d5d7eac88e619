//! What was published, with the digits that were printed.

use serde::Serialize;

use super::method::Method;

/// A measured quantity that can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Average precision on the test set.
    PrAuc,
    /// Area under the ROC curve on the test set.
    RocAuc,
    /// Population standard deviation of w.
    WeightStd,
    /// Smallest weight.
    WeightMin,
    /// Largest weight.
    WeightMax,
    /// Sum of w.
    WeightSum,
    /// b.
    Bias,
    /// Population standard deviation of the predictions for the test set.
    PredictionStd,
    /// Smallest prediction for the test set.
    PredictionMin,
    /// Largest prediction for the test set.
    PredictionMax,
    /// Smallest prediction for any instance.
    PredictionMinAll,
    /// Largest prediction for any instance.
    PredictionMaxAll,
}

impl Figure {
    /// In the order of the table.
    pub const ALL: [Figure; 12] = [
        Figure::PrAuc,
        Figure::RocAuc,
        Figure::WeightStd,
        Figure::WeightMin,
        Figure::WeightMax,
        Figure::WeightSum,
        Figure::Bias,
        Figure::PredictionStd,
        Figure::PredictionMin,
        Figure::PredictionMax,
        Figure::PredictionMinAll,
        Figure::PredictionMaxAll,
    ];

    /// The name in machine-readable output.
    pub fn id(self) -> &'static str {
        match self {
            Figure::PrAuc => "pr_auc",
            Figure::RocAuc => "roc_auc",
            Figure::WeightStd => "weight_std",
            Figure::WeightMin => "weight_min",
            Figure::WeightMax => "weight_max",
            Figure::WeightSum => "weight_sum",
            Figure::Bias => "bias",
            Figure::PredictionStd => "prediction_std",
            Figure::PredictionMin => "prediction_min",
            Figure::PredictionMax => "prediction_max",
            Figure::PredictionMinAll => "prediction_min_all",
            Figure::PredictionMaxAll => "prediction_max_all",
        }
    }

    /// The name for people.
    pub fn label(self) -> &'static str {
        match self {
            Figure::PrAuc => "PR-AUC",
            Figure::RocAuc => "ROC-AUC",
            Figure::WeightStd => "weight std",
            Figure::WeightMin => "weight min",
            Figure::WeightMax => "weight max",
            Figure::WeightSum => "weight sum",
            Figure::Bias => "bias",
            Figure::PredictionStd => "prediction std",
            Figure::PredictionMin => "prediction min",
            Figure::PredictionMax => "prediction max",
            Figure::PredictionMinAll => "prediction min, all",
            Figure::PredictionMaxAll => "prediction max, all",
        }
    }
}

/// A figure as it was printed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Printed {
    /// Row.
    pub method: Method,
    /// Column.
    pub figure: Figure,
    /// Value.
    pub value: f64,
    /// Digits after the point.
    pub decimals: usize,
    /// The published program itself gives another value; see the findings.
    pub disputed: bool,
}

const fn printed(method: Method, figure: Figure, value: f64, decimals: usize) -> Printed {
    Printed { method, figure, value, decimals, disputed: false }
}

const fn disputed(method: Method, figure: Figure, value: f64, decimals: usize) -> Printed {
    Printed { method, figure, value, decimals, disputed: true }
}

/// Everything printed about single rows. Where a figure was printed twice, the more precise one comes second.
pub(super) const PRINTED: &[Printed] = &[
    printed(Method::SimpleAverage, Figure::PrAuc, 1.000, 3),
    printed(Method::AlsUnweighted, Figure::PrAuc, 0.071, 3),
    printed(Method::AlsUnweighted, Figure::WeightStd, 0.007, 3),
    // The first weight, not the smallest one.
    disputed(Method::AlsUnweighted, Figure::WeightMin, -0.052, 3),
    printed(Method::AlsUnweighted, Figure::WeightMax, -0.050, 3),
    printed(Method::AlsWeighted, Figure::PrAuc, 1.000, 3),
    printed(Method::AlsWeighted, Figure::WeightStd, 0.005, 3),
    printed(Method::AlsWeighted, Figure::WeightStd, 0.0048, 4),
    printed(Method::AlsWeighted, Figure::WeightMin, 0.072, 3),
    printed(Method::AlsWeighted, Figure::WeightMax, 0.087, 3),
    printed(Method::AlsWeighted, Figure::WeightSum, 0.806, 3),
    printed(Method::AlsWeighted, Figure::PredictionMin, 0.551, 3),
    printed(Method::AlsWeighted, Figure::PredictionMax, 0.627, 3),
    printed(Method::TorchUnweighted, Figure::PrAuc, 0.071, 3),
    printed(Method::TorchUnweighted, Figure::WeightStd, 0.014, 3),
    // The last weight, not the smallest one.
    disputed(Method::TorchUnweighted, Figure::WeightMin, -0.188, 3),
    printed(Method::TorchUnweighted, Figure::WeightMax, -0.149, 3),
    printed(Method::TorchWeighted, Figure::PrAuc, 1.000, 3),
    printed(Method::TorchWeighted, Figure::WeightStd, 0.041, 3),
    printed(Method::TorchWeighted, Figure::WeightStd, 0.0406, 4),
    printed(Method::TorchWeighted, Figure::WeightMin, 0.199, 3),
    printed(Method::TorchWeighted, Figure::WeightMax, 0.335, 3),
    printed(Method::TorchWeighted, Figure::WeightSum, 2.470, 3),
    printed(Method::TorchWeighted, Figure::PredictionMin, 0.410, 3),
    printed(Method::TorchWeighted, Figure::PredictionMax, 0.684, 3),
];

/// Weights as printed, to three digits.
pub(super) const PRINTED_WEIGHTS: &[(Method, [f64; 10])] = &[
    (Method::AlsWeighted, [0.085, 0.087, 0.074, 0.072, 0.081, 0.077, 0.082, 0.081, 0.085, 0.080]),
    (Method::TorchWeighted, [0.275, 0.335, 0.279, 0.206, 0.272, 0.226, 0.206, 0.199, 0.236, 0.237]),
];

/// Digits of [`PRINTED_WEIGHTS`].
pub(super) const WEIGHT_DECIMALS: usize = 3;

/// Printed ratio of the weight stds, torch weighted to ALS weighted.
pub(super) const PRINTED_STD_RATIO: f64 = 8.5;
/// Printed as the ratio of the weight "ranges" of the same two.
pub(super) const PRINTED_RANGE_RATIO: f64 = 3.8;
/// Positive rate the data were said to have.
pub(super) const PRINTED_POSITIVE_RATE: f64 = 0.10;

/// A point of the published course of the weights: that of ALS without class weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PrintedPoint {
    /// Iteration.
    pub iteration: usize,
    /// First two weights.
    pub weights: [f64; 2],
    /// Sum of all of them.
    pub sum: f64,
}

const fn point(iteration: usize, first: f64, second: f64, sum: f64) -> PrintedPoint {
    PrintedPoint { iteration, weights: [first, second], sum }
}

/// The published course.
pub(super) const PRINTED_COURSE: [PrintedPoint; 5] = [
    point(0, 0.200, 0.200, 1.000),
    point(10, 0.150, 0.152, 0.757),
    point(20, 0.100, 0.104, 0.514),
    point(50, 0.000, 0.003, 0.015),
    point(100, -0.052, -0.051, -0.260),
];
