//! What the published program gives, at full precision.

use super::figures::Figure;
use super::method::Method;

/// Final parameters of the published program, for the check at full precision.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reference {
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
pub(super) const REFERENCE: &[Reference] = &[
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
            (Figure::PredictionMinAll, 0.31440040231427374),
            (Figure::PredictionMaxAll, 0.3620504299996792),
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
            (Figure::PredictionMinAll, 0.5506266885138421),
            (Figure::PredictionMaxAll, 0.6274721087970832),
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
            (Figure::PredictionMinAll, 0.12028198689222336),
            (Figure::PredictionMaxAll, 0.22846177220344543),
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
            (Figure::PredictionMinAll, 0.41042590141296387),
            (Figure::PredictionMaxAll, 0.6873911619186401),
        ],
        weight_tolerance: F32_WEIGHTS,
        prediction_tolerance: F32_PREDICTIONS,
    },
];
