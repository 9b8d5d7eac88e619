//! The findings about rows to be scored, from counts that any number of rows adds up to.

use cfe_core::losses::logit;
use ndarray::{ArrayView1, ArrayView2};

use super::columns::{mirrored_pairs, sums_to_one};
use super::coverage::{empty_rows, gaps};
use super::evaluated::{of_parts, silent};
use super::{DUPLICATE, Finding};
use crate::baselines::LOGIT_CLIP;
use crate::judge::Part;
use crate::saved::SavedModel;

/// Counts of rows that a model is scored on, seen piece by piece: they give the findings of
/// [`diagnose_evaluation`](super::diagnose_evaluation) on a table of these rows.
pub(crate) struct Tally {
    rows: u64,
    /// Rows without a prediction, and those of them that are labeled.
    empty: (u64, u64),
    /// Predictions that each classifier lacks (m).
    missing: Vec<u64>,
    /// Pairs of classifiers that have summed to 1 in every row so far.
    pairs: Vec<Pair>,
}

/// Two classifiers, and moments of their log-odds where both predict.
struct Pair {
    places: (usize, usize),
    rows: f64,
    sums: [f64; 2],
    products: [f64; 3],
}

impl Tally {
    /// Of m classifiers.
    pub(crate) fn new(m: usize) -> Self {
        let places = (0..m).flat_map(|b| (0..b).map(move |a| (a, b)));
        let pair = |places| Pair { places, rows: 0.0, sums: [0.0; 2], products: [0.0; 3] };
        Self { rows: 0, empty: (0, 0), missing: vec![0; m], pairs: places.map(pair).collect() }
    }

    /// Takes in some rows: predictions (m x k) and labels (k).
    pub(crate) fn add(&mut self, predictions: ArrayView2<'_, f64>, truth: &[Option<bool>]) {
        let mut observed = vec![0_usize; truth.len()];
        for (row, missing) in predictions.outer_iter().zip(&mut self.missing) {
            for (p, observed) in row.iter().zip(&mut observed) {
                *observed += usize::from(!p.is_nan());
                *missing += u64::from(p.is_nan());
            }
        }
        self.rows += truth.len() as u64;
        for (_, label) in observed.iter().zip(truth).filter(|(observed, _)| **observed == 0) {
            self.empty.0 += 1;
            self.empty.1 += u64::from(label.is_some());
        }
        // Nearly every pair goes with the first row.
        self.pairs.retain_mut(|pair| {
            let (a, b) = pair.places;
            pair.add(predictions.row(a), predictions.row(b))
        });
    }

    /// What is found; `parts` are the scores of these rows. The gravest finding comes first.
    pub(crate) fn findings(&self, model: &SavedModel, parts: &[Part]) -> Vec<Finding> {
        let names = model.classifier_names();
        let mut out = of_parts(model, parts);
        let counted = || names.iter().map(String::as_str).zip(&self.missing);
        let says_nothing = counted().filter(|(_, missing)| **missing == self.rows).map(|(name, _)| name);
        out.extend(silent(&says_nothing.collect::<Vec<_>>()));
        let mirrored: Vec<(usize, usize)> =
            self.pairs.iter().filter(|pair| pair.is_opposed()).map(|pair| pair.places).collect();
        out.extend(mirrored_pairs(names, &mirrored));
        out.extend(empty_rows(self.empty.0, self.empty.1));
        out.extend(gaps(counted().map(|(name, &missing)| (name, missing as f64 / self.rows.max(1) as f64))));
        out.sort_by_key(|finding| finding.severity);
        out
    }
}

impl Pair {
    /// Whether the two sum to 1 in these rows too.
    fn add(&mut self, one: ArrayView1<'_, f64>, other: ArrayView1<'_, f64>) -> bool {
        let both = one.iter().zip(other).filter(|(p, q)| !p.is_nan() && !q.is_nan());
        for (&p, &q) in both {
            if !sums_to_one(p, q) {
                return false;
            }
            let (x, y) = (logit(p, LOGIT_CLIP), logit(q, LOGIT_CLIP));
            self.rows += 1.0;
            for (sum, v) in self.sums.iter_mut().zip([x, y]) {
                *sum += v;
            }
            for (sum, v) in self.products.iter_mut().zip([x * x, x * y, y * y]) {
                *sum += v;
            }
        }
        true
    }

    /// Whether what they say varies, and varies against each other: small probabilities sum to 1 with large
    /// ones whatever they say.
    fn is_opposed(&self) -> bool {
        let ([x, y], [xx, xy, yy]) = (self.sums, self.products);
        let spread = (xx - x * x / self.rows) * (yy - y * y / self.rows);
        // What rounding leaves of a constant is not a spread.
        spread > 1e-12 * xx * yy && (xy - x * y / self.rows) / spread.sqrt() < -DUPLICATE
    }
}
