//! Passes over the labeled instances alone: what a combiner that learns from them needs of them all.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::Sums;
use super::block::Panel;
use super::drawn::{Drawn, DrawnRow};
use crate::columns::{Standardizer, View};
use crate::error::{Result, check_length, ensure};
use crate::keys::row_keys;

/// What a classifier says of the labeled instances.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct SurveyedClassifier {
    /// Its predictions for instances that can be learned from.
    pub observed: u64,
    /// Their sum.
    pub sum: f64,
    /// Its smallest prediction for a labeled instance, of any weight; infinity without one.
    pub least: f64,
    /// Its largest; minus infinity without one.
    pub greatest: f64,
}

impl SurveyedClassifier {
    /// Mean prediction; 0 without one.
    pub fn mean(&self) -> f64 {
        if self.observed > 0 { self.sum / self.observed as f64 } else { 0.0 }
    }

    /// Whether it says the same of all labeled instances, or nothing.
    pub fn is_constant(&self) -> bool {
        !(self.least < self.greatest)
    }
}

/// What [`Request::Survey`](super::Request::Survey) finds. Pairs are (negatives, positives).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Survey {
    /// Labeled instances of any weight.
    pub labels: u64,
    /// Labeled instances of a weight above 0.
    pub labeled: (u64, u64),
    /// Sum of their weights.
    pub weights: (f64, f64),
    /// Those with a prediction, which can be learned from.
    pub learnable: (u64, u64),
    /// Sum of the weights of these.
    pub learnable_weights: (f64, f64),
    /// Predictions that those which can be learned from lack.
    pub gaps: u64,
    /// Of each classifier (m).
    pub classifiers: Vec<SurveyedClassifier>,
    /// The first instance with a cell that is not a probability.
    pub first_bad: Option<u64>,
}

/// Numbers before those of each classifier.
const HEAD: usize = 10;

pub(super) fn survey(panel: &Panel<'_>) -> Result<Sums> {
    let m = panel.predictions.nrows();
    // Two kinds of sums: what is added over panels, and what the least and the greatest are taken of.
    let mut added = vec![0.0; HEAD + 2 * m];
    let rows = learnable(panel);
    let labeled = panel.labeled();
    added[9] = labeled.len() as f64;
    // Weighted or not, whatever has a label is counted; what can be learned from has a prediction besides.
    for &i in &labeled {
        let (class, weight) = (usize::from(panel.labels[i] == Some(true)), panel.sample_weight(i));
        if weight > 0.0 {
            added[class] += 1.0;
            added[2 + class] += weight;
        }
    }
    for &i in &rows {
        let class = usize::from(panel.labels[i] == Some(true));
        added[4 + class] += 1.0;
        added[6 + class] += panel.sample_weight(i);
    }
    // The place behind those of the classifiers holds the first bad instance: the least number wins.
    let (mut least, mut greatest) = (vec![f64::INFINITY; m + 1], vec![f64::NEG_INFINITY; m]);
    for (u, row) in panel.predictions.rows().into_iter().enumerate() {
        // Whether a column is constant is asked of every labeled instance, and its mean of those that teach.
        for p in labeled.iter().map(|&i| row[i]).filter(|p| !p.is_nan()) {
            (least[u], greatest[u]) = (least[u].min(p), greatest[u].max(p));
        }
        for p in rows.iter().map(|&i| row[i]) {
            if p.is_nan() {
                added[8] += 1.0;
            } else {
                added[HEAD + u] += p;
                added[HEAD + m + u] += 1.0;
            }
        }
        let bad = |p: &f64| !p.is_nan() && !(0.0..=1.0).contains(p);
        if let Some(i) = row.iter().position(bad) {
            least[m] = least[m].min((panel.first + i as u64) as f64);
        }
    }
    Ok(Sums { added, least, greatest, ..Sums::default() })
}

impl Survey {
    /// The numbers of [`survey`]; `None` if they are others.
    // A message from elsewhere is read with care: the numbers have to be as many as the survey writes.
    pub(super) fn read(sums: &Sums) -> Option<Self> {
        let (head, rest) = sums.added.split_at_checked(HEAD)?;
        let m = rest.len() / 2;
        let (&first_bad, least) = sums.least.split_last()?;
        if rest.len() != 2 * m || least.len() != m || sums.greatest.len() != m {
            return None;
        }
        let counts = |at: usize| (head[at] as u64, head[at + 1] as u64);
        let classifier = |u: usize| SurveyedClassifier {
            observed: rest[m + u] as u64,
            sum: rest[u],
            least: least[u],
            greatest: sums.greatest[u],
        };
        Some(Self {
            labels: head[9] as u64,
            labeled: counts(0),
            weights: (head[2], head[3]),
            learnable: counts(4),
            learnable_weights: (head[6], head[7]),
            gaps: head[8] as u64,
            classifiers: (0..m).map(classifier).collect(),
            first_bad: first_bad.is_finite().then_some(first_bad as u64),
        })
    }
}

/// A column whose mean and spread are asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnAbout {
    /// Row of R.
    pub classifier: usize,
    /// Which view of it.
    pub view: View,
    /// Clip of its log-odds.
    pub clip: f64,
    /// Near its mean, so that no digits are lost.
    pub center: f64,
}

/// Asks for some labeled instances, drawn by their keys, and for the spreads of columns over all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Draw {
    /// Seed of the keys.
    pub seed: u64,
    /// Whether instances of weight 0 are drawn too.
    pub weightless: bool,
    /// Which classifiers make the keys (m).
    pub looked_at: Vec<bool>,
    /// How many are drawn at most (negatives, positives).
    pub most: (u64, u64),
    /// Instances with keys above these need not be looked at (negatives, positives). Saves bytes on the way.
    pub largest_key: (u64, u64),
    /// Columns whose spreads are asked for.
    pub columns: Vec<ColumnAbout>,
}

/// Mean and spread of a column over the labeled instances where it is observed.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Spread {
    /// Instances.
    pub count: u64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation with divisor n.
    pub deviation: f64,
}

impl Draw {
    pub(super) fn check(&self, m: usize) -> Result<()> {
        check_length("classifiers of the keys", self.looked_at.len(), m)?;
        let sound = self.columns.iter().all(|c| c.classifier < m && c.center.is_finite());
        ensure(sound, "columns", self.columns.len(), "columns of the classifiers with finite centers")
    }

    pub(super) fn of_panel(&self, panel: &Panel<'_>) -> Sums {
        let rows = if self.weightless { predicted(panel) } else { learnable(panel) };
        let (mut negatives, mut positives) = (Vec::new(), Vec::new());
        // Where nothing is drawn, no key is worth its hash.
        let keys = match self.most {
            (0, 0) => Vec::new(),
            _ => row_keys(panel.predictions, &rows, &self.looked_at, self.seed),
        };
        for (&i, key) in rows.iter().zip(keys) {
            let (out, largest) = match panel.labels[i] {
                Some(true) => (&mut positives, self.largest_key.1),
                _ => (&mut negatives, self.largest_key.0),
            };
            if key <= largest {
                out.push(DrawnRow {
                    key,
                    weight: panel.sample_weight(i),
                    row: panel.first + i as u64,
                    cells: panel.predictions.column(i).to_vec(),
                });
            }
        }
        // Count, sum and squares about a point near the mean, from which mean and spread follow without a
        // second pass.
        let mut added = Vec::with_capacity(3 * self.columns.len());
        for column in &self.columns {
            let row = panel.predictions;
            let row = row.row(column.classifier);
            let [mut count, mut sum, mut squares] = [0.0; 3];
            for p in rows.iter().map(|&i| row[i]).filter(|p| !p.is_nan()) {
                let v = column.view.of(p, column.clip) - column.center;
                count += 1.0;
                sum += v;
                squares += v * v;
            }
            added.extend([count, sum, squares]);
        }
        Sums { added, drawn: Drawn::of(self.most, negatives, positives), ..Sums::default() }
    }

    /// `None` for sums of another request.
    pub(super) fn read(&self, sums: Sums) -> Option<(Drawn, Vec<Spread>)> {
        if sums.added.len() != 3 * self.columns.len() || sums.drawn.most != self.most {
            return None;
        }
        let (triples, _) = sums.added.as_chunks::<3>();
        let spread_of = |(column, &[count, sum, squares]): (&ColumnAbout, &[f64; 3])| {
            let n = count.max(1.0);
            let shift = sum / n;
            Spread {
                count: count as u64,
                mean: if count > 0.0 { column.center + shift } else { 0.0 },
                deviation: (squares / n - shift * shift).max(0.0).sqrt(),
            }
        };
        let spreads = self.columns.iter().zip(triples).map(spread_of).collect();
        Some((sums.drawn, spreads))
    }
}

/// Sums over the labeled instances of standardized columns g (k), gaps filled.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Moments {
    /// Instances.
    pub count: u64,
    /// sum g (k).
    pub sum: Vec<f64>,
    /// sum g g^T (k x k).
    pub gram: Array2<f64>,
}

pub(super) fn moments(sets: &[Standardizer], panel: &Panel<'_>) -> Sums {
    let rows = learnable(panel);
    let mut added = vec![rows.len() as f64];
    for set in sets {
        let g = set.apply(panel.predictions, &rows);
        let rows: Vec<&[f64]> =
            g.outer_iter().map(|row| row.to_slice().expect("stored row by row")).collect();
        added.extend(rows.iter().map(|row| row.iter().sum::<f64>()));
        // The lower triangle, row by row: the products are symmetric.
        for (j, a) in rows.iter().enumerate() {
            added.extend(rows[..=j].iter().map(|b| dot_in_eight(a, b)));
        }
    }
    Sums::added(added)
}

/// `None` for sums of another request.
pub(super) fn read_moments(sets: &[Standardizer], sums: Sums) -> Option<Vec<Moments>> {
    let mut rest = sums.added.into_iter();
    let count = rest.next()? as u64;
    // Sets of columns follow one another, each as sums and then as its triangle.
    let mut out = Vec::with_capacity(sets.len());
    for set in sets {
        let k = set.columns.len();
        let sum: Vec<f64> = rest.by_ref().take(k).collect();
        let triangle: Vec<f64> = rest.by_ref().take(k * (k + 1) / 2).collect();
        if sum.len() != k || triangle.len() != k * (k + 1) / 2 {
            return None;
        }
        let gram = Array2::from_shape_fn((k, k), |(a, b)| {
            let (low, high) = (a.min(b), a.max(b));
            triangle[high * (high + 1) / 2 + low]
        });
        out.push(Moments { count, sum, gram });
    }
    rest.next().is_none().then_some(out)
}

/// Labeled instances of a weight above 0 with a prediction.
fn learnable(panel: &Panel<'_>) -> Vec<usize> {
    predicted(panel).into_iter().filter(|&i| panel.sample_weight(i) > 0.0).collect()
}

/// Places of the labeled instances with a prediction, of any weight.
fn predicted(panel: &Panel<'_>) -> Vec<usize> {
    let mut observed = vec![false; panel.labels.len()];
    for row in panel.predictions.rows() {
        observed.iter_mut().zip(row).for_each(|(observed, p)| *observed |= !p.is_nan());
    }
    panel.labeled().into_iter().filter(|&i| observed[i]).collect()
}

/// In eight partial sums, which become vector code; the same bits on every processor.
fn dot_in_eight(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        sums.iter_mut().zip(a).zip(b).for_each(|((sum, a), b)| *sum += a * b);
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    let [s0, s1, s2, s3, s4, s5, s6, s7] = sums;
    (((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))) + rest
}
