//! A run of instances, as an engine holds it.

use ndarray::{ArrayView2, Axis};
use std::ops::Range;

use crate::data::EnsembleData;
use crate::error::{Error, Result, check_length};

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
    predictions: ArrayView2<'a, f64>,
    labels: &'a [Option<bool>],
    sample_weights: Option<&'a [f64]>,
    confidence: Option<ArrayView2<'a, f64>>,
}

impl<'a> Block<'a> {
    /// Predictions (m x k) and labels (k) of the k instances from number `first` on.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`].
    pub fn new(first: u64, predictions: ArrayView2<'a, f64>, labels: &'a [Option<bool>]) -> Result<Self> {
        check_length("labels", labels.len(), predictions.ncols())?;
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
        let first = rows.start as u64;
        let whole = Self {
            first: 0,
            predictions: data.predictions(),
            labels: data.labels(),
            sample_weights: data.sample_weights(),
            confidence: data.confidence(),
        };
        Self { first, ..whole.part(rows) }
    }

    /// The instances `rows`, counted from the start of this block.
    pub(super) fn part(&self, rows: Range<usize>) -> Self {
        Self {
            first: self.first + rows.start as u64,
            predictions: columns(self.predictions, &rows),
            labels: &self.labels[rows.clone()],
            sample_weights: self.sample_weights.map(|weights| &weights[rows.clone()]),
            confidence: self.confidence.map(|confidence| columns(confidence, &rows)),
        }
    }

    /// Number of the first instance.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Number of classifiers, m.
    pub fn n_classifiers(&self) -> usize {
        self.predictions.nrows()
    }

    /// Number of instances, k.
    pub fn n_instances(&self) -> usize {
        self.labels.len()
    }

    /// The probabilities (m x k).
    pub fn predictions(&self) -> ArrayView2<'a, f64> {
        self.predictions
    }

    /// The labels (k).
    pub fn labels(&self) -> &'a [Option<bool>] {
        self.labels
    }

    /// Weight of an instance in the supervised loss, class weights apart.
    pub(super) fn sample_weight(&self, i: usize) -> f64 {
        self.sample_weights.map_or(1.0, |weights| weights[i])
    }

    /// The confidence matrix, if there is one.
    pub(super) fn confidence(&self) -> Option<ArrayView2<'a, f64>> {
        self.confidence
    }

    /// Places of the labeled instances.
    pub(super) fn labeled(&self) -> Vec<usize> {
        (0..self.labels.len()).filter(|&i| self.labels[i].is_some()).collect()
    }
}

fn columns<'a>(matrix: ArrayView2<'a, f64>, range: &Range<usize>) -> ArrayView2<'a, f64> {
    let (_, from) = matrix.split_at(Axis(1), range.start);
    from.split_at(Axis(1), range.len()).0
}
