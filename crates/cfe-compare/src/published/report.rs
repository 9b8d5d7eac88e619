//! The truth of the comparison: everything that the writers show, and nothing that has to be computed again.

use cf_ensemble::metrics::{MetricSummary, PrCurve};
use cf_ensemble::{HistoryEntry, StopReason, Symptom, TracePoint};
use serde::{Serialize, Serializer};

use super::figures::{Figure, PrintedPoint};
use super::method::Method;

/// The verdict on a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// No symptom.
    Healthy,
    /// At least one symptom.
    Collapsed,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Status::Healthy => "healthy",
            Status::Collapsed => "collapsed",
        })
    }
}

/// A measured figure beside the printed one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Which.
    pub figure: Figure,
    /// As printed.
    pub published: f64,
    /// Digits after the point that were printed.
    pub decimals: usize,
    /// As measured.
    pub measured: f64,
    /// measured - published.
    pub deviation: f64,
    /// Whether rounding the measured value to those digits explains the deviation.
    pub agrees: bool,
}

/// Metrics with average precision a second time, as `pr_auc`: so it is called in the published table.
fn with_published_name<S: Serializer>(metrics: &MetricSummary, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Named<'a> {
        pr_auc: Option<f64>,
        #[serde(flatten)]
        metrics: &'a MetricSummary,
    }
    Named { pr_auc: metrics.average_precision, metrics }.serialize(serializer)
}

/// One method.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Which.
    pub method: Method,
    /// Metrics on the test set. Average precision is written under its published name too, `pr_auc`.
    #[serde(flatten, serialize_with = "with_published_name")]
    pub metrics: MetricSummary,
    /// w.
    pub weights: Option<Vec<f64>>,
    /// b.
    pub bias: Option<f64>,
    /// Population standard deviation of w.
    pub weight_std: Option<f64>,
    /// Smallest weight.
    pub weight_min: Option<f64>,
    /// Largest weight.
    pub weight_max: Option<f64>,
    /// Sum of w.
    pub weight_sum: Option<f64>,
    /// Weights below 0.
    pub negative_weights: Option<usize>,
    /// std / |mean| of w.
    pub weight_variation: Option<f64>,
    /// exp of the entropy of |w| / sum |w|.
    pub effective_classifiers: Option<f64>,
    /// Population standard deviation of the predictions for the test set.
    pub prediction_std: f64,
    /// Smallest prediction for the test set.
    pub prediction_min: f64,
    /// Largest prediction for the test set.
    pub prediction_max: f64,
    /// Smallest prediction for any instance.
    pub prediction_min_all: f64,
    /// Largest prediction for any instance.
    pub prediction_max_all: f64,
    /// Verdict.
    pub status: Status,
    /// Why it is what it is.
    pub symptoms: Vec<Symptom>,
    /// Iterations run.
    pub iterations: Option<usize>,
    /// Why training ended.
    pub stop: Option<StopReason>,
    /// Device and number format that were really used.
    pub device: Option<String>,
    /// Median wall-clock time of one fit.
    pub seconds: f64,
    /// Fastest and slowest of the timed fits.
    pub seconds_range: [f64; 2],
    /// Fits that were timed.
    pub timed_fits: usize,
    /// Whether every timed fit gave the bits of the first one.
    pub repeats_identical: bool,
    /// Beside what was printed.
    pub published: Vec<Comparison>,
    /// Weights as printed.
    pub published_weights: Option<Vec<f64>>,
}

/// Joint training on libtorch measured against ALS, both weighted or both unweighted. Ratios are torch / ALS.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Contrast {
    /// Both with class weights, or both without.
    pub class_weights: bool,
    /// Of the standard deviations of w.
    pub weight_std_ratio: Option<f64>,
    /// Of max - min of w.
    pub weight_range_ratio: Option<f64>,
    /// Of the largest weights.
    pub weight_max_ratio: Option<f64>,
    /// Of std / |mean| of w: the ratio of stds with the scale of w taken out.
    pub weight_variation_ratio: Option<f64>,
    /// Of the variances of the predictions for the test set.
    pub prediction_variance_ratio: Option<f64>,
    /// Of the effective numbers of classifiers.
    pub effective_classifiers_ratio: Option<f64>,
    /// Pearson correlation of the two weight vectors.
    pub weight_correlation: Option<f64>,
    /// Pearson correlation of the two vectors of predictions for the test set.
    pub prediction_correlation: Option<f64>,
    /// Of the times of a fit.
    pub seconds_ratio: Option<f64>,
}

/// The two ratios of the published comparison, with class weights.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Diversity {
    /// Of the standard deviations of w, torch / ALS.
    pub weight_std_ratio: Option<f64>,
    /// Of max - min of w, torch / ALS.
    pub weight_range_ratio: Option<f64>,
    /// Of the largest weights: what was published as the ratio of ranges.
    pub weight_max_ratio: Option<f64>,
}

/// w and b after some iterations.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CoursePoint {
    /// Iteration; 0 is the start.
    pub iteration: usize,
    /// w.
    pub weights: Vec<f64>,
    /// Sum of w.
    pub sum: f64,
    /// Smallest weight.
    pub min: f64,
    /// Largest weight.
    pub max: f64,
    /// b.
    pub bias: f64,
}

/// The course of one fit at a few iterations.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Course {
    /// Which.
    pub method: Method,
    /// The points.
    pub points: Vec<CoursePoint>,
}

/// What the data are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DataSummary {
    /// m.
    pub classifiers: usize,
    /// n.
    pub instances: usize,
    /// Positives among all.
    pub positives: usize,
    /// Labeled instances.
    pub labeled: usize,
    /// Positives among them.
    pub labeled_positives: usize,
    /// Unlabeled instances.
    pub test: usize,
    /// Positives among them.
    pub test_positives: usize,
}

/// What the measured numbers say about a published figure that they do not support, or support less than it
/// seems.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The figure.
    pub about: String,
    /// What is measured.
    pub measured: String,
}

/// The comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// One for each method that this build can run.
    pub rows: Vec<Row>,
    /// The two published ratios.
    pub diversity: Diversity,
    /// torch against ALS, weighted first; empty where either is missing.
    pub als_against_torch: Vec<Contrast>,
    /// w and b at the published iterations.
    pub course: Vec<Course>,
    /// The published course.
    pub published_course: Vec<PrintedPoint>,
    /// What the published figures do not support.
    pub findings: Vec<Finding>,
    /// The data.
    pub data: DataSummary,
    /// Version of this program.
    pub version: String,
    /// How to get the rows that this build cannot run.
    pub missing_rows: Option<String>,
}

/// The series behind the curves of one method.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    /// Which.
    pub method: Method,
    /// Prediction for each test instance.
    pub test_predictions: Vec<f64>,
    /// Precision-recall curve on the test set.
    pub pr_curve: PrCurve,
    /// w and b at every iteration.
    pub trace: Vec<TracePoint>,
    /// Loss at every iteration.
    pub losses: Vec<HistoryEntry>,
}

/// The report with its series: what the files hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Results {
    /// The report.
    #[serde(flatten)]
    pub report: Report,
    /// True label of each test instance.
    pub test_truth: Vec<bool>,
    /// Series for the curves.
    pub series: Vec<Series>,
}

impl Report {
    /// The row of a method.
    pub fn row(&self, method: Method) -> Option<&Row> {
        self.rows.iter().find(|row| row.method == method)
    }

    /// The course of a method.
    pub fn course_of(&self, method: Method) -> Option<&Course> {
        self.course.iter().find(|course| course.method == method)
    }
}

impl Row {
    /// The value of a figure; `None` where the method has none.
    pub fn figure(&self, figure: Figure) -> Option<f64> {
        match figure {
            Figure::PrAuc => self.metrics.average_precision,
            Figure::RocAuc => self.metrics.roc_auc,
            Figure::WeightStd => self.weight_std,
            Figure::WeightMin => self.weight_min,
            Figure::WeightMax => self.weight_max,
            Figure::WeightSum => self.weight_sum,
            Figure::Bias => self.bias,
            Figure::PredictionStd => Some(self.prediction_std),
            Figure::PredictionMin => Some(self.prediction_min),
            Figure::PredictionMax => Some(self.prediction_max),
            Figure::PredictionMinAll => Some(self.prediction_min_all),
            Figure::PredictionMaxAll => Some(self.prediction_max_all),
        }
    }

    /// The most precisely printed figure that this one is compared with.
    pub fn compared(&self, figure: Figure) -> Option<&Comparison> {
        self.published.iter().filter(|comparison| comparison.figure == figure).max_by_key(|c| c.decimals)
    }
}
