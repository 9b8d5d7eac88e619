//! What was published, with the digits that were printed, and what the published program gives at full precision.

use serde::Serialize;

use super::method::Method;
use super::report::Row;

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
    /// Smallest prediction for any instance.
    PredictionMin,
    /// Largest prediction for any instance.
    PredictionMax,
}

impl Figure {
    /// In the order of the table.
    pub const ALL: [Figure; 10] = [
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
        }
    }

    /// Its value in a row; `None` where the method has none.
    pub fn of(self, row: &Row) -> Option<f64> {
        match self {
            Figure::PrAuc => Some(row.pr_auc),
            Figure::RocAuc => row.roc_auc,
            Figure::WeightStd => row.weight_std,
            Figure::WeightMin => row.weight_min,
            Figure::WeightMax => row.weight_max,
            Figure::WeightSum => row.weight_sum,
            Figure::Bias => row.bias,
            Figure::PredictionStd => Some(row.prediction_std),
            Figure::PredictionMin => Some(row.prediction_min),
            Figure::PredictionMax => Some(row.prediction_max),
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
pub const PRINTED: &[Printed] = &[
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
    disputed(Method::TorchWeighted, Figure::PredictionMax, 0.684, 3),
];

/// Weights as printed, to three digits.
pub const PRINTED_WEIGHTS: &[(Method, [f64; 10])] = &[
    (Method::AlsWeighted, [0.085, 0.087, 0.074, 0.072, 0.081, 0.077, 0.082, 0.081, 0.085, 0.080]),
    (Method::TorchWeighted, [0.275, 0.335, 0.279, 0.206, 0.272, 0.226, 0.206, 0.199, 0.236, 0.237]),
];

/// Digits of [`PRINTED_WEIGHTS`].
pub const WEIGHT_DECIMALS: usize = 3;

/// Printed ratio of the weight stds, torch weighted to ALS weighted.
pub const PRINTED_STD_RATIO: f64 = 8.5;
/// Printed as the ratio of the weight "ranges" of the same two.
pub const PRINTED_RANGE_RATIO: f64 = 3.8;
/// Positive rate the data were said to have.
pub const PRINTED_POSITIVE_RATE: f64 = 0.10;

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
pub const PRINTED_COURSE: [PrintedPoint; 5] = [
    point(0, 0.200, 0.200, 1.000),
    point(10, 0.150, 0.152, 0.757),
    point(20, 0.100, 0.104, 0.514),
    point(50, 0.000, 0.003, 0.015),
    point(100, -0.052, -0.051, -0.260),
];

/// Final parameters of the published program, for the check at full precision.
#[derive(Debug, Clone, Copy)]
pub struct Reference {
    /// Row.
    pub method: Method,
    /// w.
    pub weights: [f64; 10],
    /// Single figures.
    pub figures: [(Figure, f64); 9],
    /// Allowed difference of w, b and what is computed from them.
    pub weight_tolerance: f64,
    /// Allowed difference of predictions and metrics.
    pub prediction_tolerance: f64,
}

/// Differences that two ways of solving the same systems in f64 leave room for.
const F64: f64 = 1e-9;
/// Differences that 200 steps in f32 leave room for.
const F32_WEIGHTS: f64 = 1e-3;
const F32_PREDICTIONS: f64 = 1e-4;

/// Computed by the published program (NumPy; PyTorch in f32 on a CPU) from the same start.
pub const REFERENCE: &[Reference] = &[
    Reference {
        method: Method::AlsUnweighted,
        weights: [
            -0.05192342756051904,
            -0.05147820774658826,
            -0.05813166056655618,
            -0.07449215954269714,
            -0.0593488616939569,
            -0.05224366391655011,
            -0.05576028522713877,
            -0.0531015345936886,
            -0.053326634427945226,
            -0.05014687989098209,
        ],
        figures: [
            (Figure::PrAuc, 0.071109450038806),
            (Figure::RocAuc, 0.0),
            (Figure::Bias, -0.33812305570038703),
            (Figure::WeightStd, 0.006773168905372048),
            (Figure::WeightMin, -0.07449215954269714),
            (Figure::WeightMax, -0.05014687989098209),
            (Figure::PredictionStd, 0.010732818047222929),
            (Figure::PredictionMin, 0.31440040231427374),
            (Figure::PredictionMax, 0.3620504299996792),
        ],
        weight_tolerance: F64,
        prediction_tolerance: F64,
    },
    Reference {
        method: Method::AlsWeighted,
        weights: [
            0.0854994965877548,
            0.08728080783577781,
            0.07444329096678355,
            0.07170788577728501,
            0.08084000230349073,
            0.07655131655654528,
            0.08241129412569674,
            0.08122072847101053,
            0.08546795001231738,
            0.08011265905900582,
        ],
        figures: [
            (Figure::PrAuc, 1.0),
            (Figure::RocAuc, 1.0),
            (Figure::Bias, -0.11628882738939457),
            (Figure::WeightStd, 0.004792091471802818),
            (Figure::WeightMin, 0.07170788577728501),
            (Figure::WeightMax, 0.08728080783577781),
            (Figure::PredictionStd, 0.016756034446837716),
            (Figure::PredictionMin, 0.5506266885138421),
            (Figure::PredictionMax, 0.6274721087970832),
        ],
        weight_tolerance: F64,
        prediction_tolerance: F64,
    },
    Reference {
        method: Method::TorchUnweighted,
        weights: [
            -0.1757436841726303,
            -0.14882820844650269,
            -0.15679877996444702,
            -0.1555335521697998,
            -0.1729622185230255,
            -0.16051259636878967,
            -0.17455314099788666,
            -0.19252456724643707,
            -0.1841118484735489,
            -0.18788957595825195,
        ],
        figures: [
            (Figure::PrAuc, 0.071109450038806),
            (Figure::RocAuc, 0.0),
            (Figure::Bias, -0.6179478168487549),
            (Figure::WeightStd, 0.01414882776231553),
            (Figure::WeightMin, -0.19252456724643707),
            (Figure::WeightMax, -0.14882820844650269),
            (Figure::PredictionStd, 0.023900037258858396),
            (Figure::PredictionMin, 0.12028198689222336),
            (Figure::PredictionMax, 0.22846177220344543),
        ],
        weight_tolerance: F32_WEIGHTS,
        prediction_tolerance: F32_PREDICTIONS,
    },
    Reference {
        method: Method::TorchWeighted,
        weights: [
            0.27454546093940735,
            0.3353237211704254,
            0.2787626385688782,
            0.20627273619174957,
            0.2716157138347626,
            0.2261638194322586,
            0.20630674064159393,
            0.19870665669441223,
            0.23562298715114594,
            0.23654930293560028,
        ],
        figures: [
            (Figure::PrAuc, 1.0),
            (Figure::RocAuc, 1.0),
            (Figure::Bias, -1.209062099456787),
            (Figure::WeightStd, 0.04061320882879639),
            (Figure::WeightMin, 0.19870665669441223),
            (Figure::WeightMax, 0.3353237211704254),
            (Figure::PredictionStd, 0.06113673386735562),
            (Figure::PredictionMin, 0.41042590141296387),
            (Figure::PredictionMax, 0.6873911619186401),
        ],
        weight_tolerance: F32_WEIGHTS,
        prediction_tolerance: F32_PREDICTIONS,
    },
];
