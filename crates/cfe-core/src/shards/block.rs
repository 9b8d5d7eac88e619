//! A run of instances, as an engine holds it.

use std::fmt;
use std::ops::Range;

use ndarray::{ArrayView2, Axis};

use crate::data::EnsembleData;
use crate::error::{Error, Result, check_length};

/// Predictions in a layout of their own, such as the columns of a file: a panel of them at a time is brought
/// to where it is computed on, so that nobody copies a whole shard.
pub trait StoredPredictions: Sync + fmt::Debug {
    /// Number of classifiers, m.
    fn n_classifiers(&self) -> usize;

    /// Number of instances, k.
    fn n_instances(&self) -> usize;

    /// Writes the probabilities of a classifier for the instances from number `start` (of these k) on: one
    /// for each place of `out`, NaN for a missing one.
    fn copy(&self, classifier: usize, start: usize, out: &mut [f64]);
}

/// A view of consecutive instances; nothing is copied. The cells are believed to be probabilities or NaN:
/// whoever makes the data checks them once.
///
/// ```
/// use cfe_core::shards::Block;
/// use ndarray::array;
///
/// let predictions = array![[0.9, 0.2, f64::NAN], [0.8, 0.1, 0.4]];
/// let labels = [Some(true), None, Some(false)];
/// let block = Block::new(0, predictions.view(), &labels)?;
/// assert_eq!(block.n_instances(), 3);
/// # Ok::<(), cfe_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    first: u64,
    predictions: Predictions<'a>,
    labels: &'a [Option<bool>],
    sample_weights: Option<&'a [f64]>,
    confidence: Option<ArrayView2<'a, f64>>,
}

#[derive(Debug, Clone, Copy)]
enum Predictions<'a> {
    Matrix(ArrayView2<'a, f64>),
    Stored(&'a dyn StoredPredictions),
}

impl Predictions<'_> {
    /// (m, k).
    fn dim(&self) -> (usize, usize) {
        match self {
            Self::Matrix(matrix) => matrix.dim(),
            Self::Stored(stored) => (stored.n_classifiers(), stored.n_instances()),
        }
    }
}

impl<'a> Block<'a> {
    /// Predictions (m x k) and labels (k) of the k instances from number `first` on.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`].
    pub fn new(first: u64, predictions: ArrayView2<'a, f64>, labels: &'a [Option<bool>]) -> Result<Self> {
        Self::of_predictions(first, Predictions::Matrix(predictions), labels)
    }

    /// As [`new`](Self::new), for predictions in a layout of their own.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`].
    pub fn stored(
        first: u64,
        predictions: &'a dyn StoredPredictions,
        labels: &'a [Option<bool>],
    ) -> Result<Self> {
        Self::of_predictions(first, Predictions::Stored(predictions), labels)
    }

    fn of_predictions(first: u64, predictions: Predictions<'a>, labels: &'a [Option<bool>]) -> Result<Self> {
        check_length("labels", labels.len(), predictions.dim().1)?;
        Ok(Self { first, predictions, labels, sample_weights: None, confidence: None })
    }

    /// Adds a weight for each instance (k), as [`EnsembleData::with_sample_weights`] does.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`].
    pub fn with_sample_weights(self, weights: &'a [f64]) -> Result<Self> {
        check_length("sample weights", weights.len(), self.labels.len())?;
        Ok(Self { sample_weights: Some(weights), ..self })
    }

    /// Adds a confidence matrix (m x k) for the strategy `given`.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`].
    pub fn with_confidence(self, confidence: ArrayView2<'a, f64>) -> Result<Self> {
        let (found, expected) = (confidence.dim(), self.predictions.dim());
        if found != expected {
            return Err(Error::ShapeMismatch { what: "the confidence", found, expected });
        }
        Ok(Self { confidence: Some(confidence), ..self })
    }

    /// Instances of data in memory.
    pub(crate) fn of(data: &'a EnsembleData, rows: Range<usize>) -> Self {
        Self {
            first: rows.start as u64,
            predictions: Predictions::Matrix(columns(data.predictions(), &rows)),
            labels: &data.labels()[rows.clone()],
            sample_weights: data.sample_weights().map(|weights| &weights[rows.clone()]),
            confidence: data.confidence().map(|confidence| columns(confidence, &rows)),
        }
    }

    /// Number of the first instance.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Number of classifiers, m.
    pub fn n_classifiers(&self) -> usize {
        self.predictions.dim().0
    }

    /// Number of instances, k.
    pub fn n_instances(&self) -> usize {
        self.labels.len()
    }

    /// The labels (k).
    pub fn labels(&self) -> &'a [Option<bool>] {
        self.labels
    }

    /// Whether there is a confidence matrix.
    pub(super) fn has_confidence(&self) -> bool {
        self.confidence.is_some()
    }

    /// The instances `rows`, counted from the start of this block. Stored predictions are copied to `cells`.
    pub(super) fn panel<'p>(&self, rows: Range<usize>, cells: &'p mut Vec<f64>) -> Panel<'p>
    where
        'a: 'p,
    {
        let (m, k) = (self.n_classifiers(), rows.len());
        let predictions = match self.predictions {
            Predictions::Matrix(matrix) => columns(matrix, &rows),
            Predictions::Stored(stored) => {
                // Every place is written below, so that old numbers may stand here.
                cells.resize(m * k, 0.0);
                if k > 0 {
                    let places = cells.chunks_exact_mut(k).enumerate();
                    places.for_each(|(u, out)| stored.copy(u, rows.start, out));
                }
                ArrayView2::from_shape((m, k), cells).expect("m rows of k cells")
            }
        };
        Panel {
            first: self.first + rows.start as u64,
            predictions,
            labels: &self.labels[rows.clone()],
            sample_weights: self.sample_weights.map(|weights| &weights[rows.clone()]),
            confidence: self.confidence.map(|confidence| columns(confidence, &rows)),
        }
    }
}

fn columns<'a>(matrix: ArrayView2<'a, f64>, range: &Range<usize>) -> ArrayView2<'a, f64> {
    // `split_at` keeps the lifetime of the matrix, which a slice of a view would not.
    let (_, from) = matrix.split_at(Axis(1), range.start);
    from.split_at(Axis(1), range.len()).0
}

/// Consecutive instances that are computed on together, with their predictions at hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Panel<'a> {
    /// Number of the first instance.
    pub first: u64,
    /// The probabilities (m x k).
    pub predictions: ArrayView2<'a, f64>,
    /// The labels (k).
    pub labels: &'a [Option<bool>],
    sample_weights: Option<&'a [f64]>,
    /// The confidence matrix (m x k), if there is one.
    pub confidence: Option<ArrayView2<'a, f64>>,
}

impl Panel<'_> {
    /// Weight of an instance in the supervised loss, class weights apart.
    pub(super) fn sample_weight(&self, i: usize) -> f64 {
        self.sample_weights.map_or(1.0, |weights| weights[i])
    }

    /// Places of the labeled instances.
    pub(super) fn labeled(&self) -> Vec<usize> {
        (0..self.labels.len()).filter(|&i| self.labels[i].is_some()).collect()
    }
}
