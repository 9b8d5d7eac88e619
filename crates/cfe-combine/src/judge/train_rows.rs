//! Which rows a model was trained on.

use std::collections::HashSet;

use cfe_core::EnsembleData;
use serde::{Deserialize, Serialize};

use super::remembered;
use crate::saved::SavedModel;

/// Where a model file keeps its train rows.
pub(crate) const TRAIN_ROWS: &str = "train_rows";

/// Hashes that are kept. A table of at most so many labeled rows is known row by row, a larger one by a
/// sample.
const KEPT: usize = 1024;

/// The labeled rows that a model was trained on, by the smallest hashes of their predictions.
///
/// The smallest hashes are a uniform sample of the distinct rows, whatever their order (Broder, "On the
/// resemblance and containment of documents", 1997). Among rows of a new table with hashes up to the largest
/// kept one, the share that is kept estimates the share of train rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TrainRows {
    /// How many there were.
    rows: usize,
    /// The smallest hashes, ascending, 16 hexadecimal digits each.
    smallest_hashes: String,
}

impl TrainRows {
    /// Of the labeled rows of the data.
    pub(crate) fn of(data: &EnsembleData) -> Self {
        let mut hashes: Vec<u64> = data.labeled().iter().map(|&i| hash(data, i)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        hashes.truncate(KEPT);
        let smallest_hashes = hashes.iter().map(|hash| format!("{hash:016x}")).collect();
        Self { rows: data.labeled().len(), smallest_hashes }
    }

    /// Those that the model remembers; models of version 0.1.0 remember none.
    pub(crate) fn of_model(model: &SavedModel) -> Option<Self> {
        remembered(model, TRAIN_ROWS).ok().flatten()
    }

    /// Estimated share of train rows among some rows of the data; exact for a model with few train rows.
    pub(crate) fn share_among(&self, data: &EnsembleData, rows: &[usize]) -> f64 {
        let digits = self.smallest_hashes.as_bytes().chunks(16);
        let kept: HashSet<u64> = digits
            .filter_map(|digits| u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())
            .collect();
        // With fewer hashes than the limit none was cut off, and every row can be compared.
        let all_are_kept = kept.len() < KEPT;
        let largest = kept.iter().copied().max().unwrap_or(0);
        // A row with a hash beyond the largest kept one says nothing: a train row there was cut off as well.
        let comparable = rows.iter().map(|&i| hash(data, i)).filter(|&h| all_are_kept || h <= largest);
        let (mut seen, mut known) = (0_usize, 0_usize);
        for hash in comparable {
            seen += 1;
            known += usize::from(kept.contains(&hash));
        }
        if seen == 0 { 0.0 } else { known as f64 / seen as f64 }
    }
}

/// A hash of the predictions of one row in single precision: FNV-1a of their bits (Fowler, Noll and Vo),
/// spread by the finalizer of SplitMix64 (Steele, Lea and Flood, 2014), so that the smallest hashes are a
/// uniform sample.
fn hash(data: &EnsembleData, row: usize) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for &p in data.predictions().column(row) {
        // All NaN are the same NaN, and -0 equals 0. Rows that are kept in single precision are the same
        // rows; probabilities too small for it stay as they are.
        let single = f64::from(p as f32);
        let value = match p {
            _ if p.is_nan() => f64::NAN,
            _ if p < f64::from(f32::MIN_POSITIVE) => p + 0.0,
            _ => single,
        };
        for byte in value.to_bits().to_le_bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    fn data(rows: std::ops::Range<usize>) -> EnsembleData {
        let cell = |(u, i): (usize, usize)| ((rows.start + i) * (u + 3)) as f64 % 9973.0 / 9973.0;
        let r = Array2::from_shape_fn((2, rows.len()), cell);
        EnsembleData::new(r, vec![Some(true); rows.len()]).unwrap()
    }

    #[test]
    fn the_share_of_train_rows_is_exact_for_few_and_near_for_many() {
        let all = |data: &EnsembleData| (0..data.n_instances()).collect::<Vec<_>>();
        let few = TrainRows::of(&data(0..200));
        let (half, other) = (data(100..300), data(300..500));
        assert_eq!(few.share_among(&half, &all(&half)), 0.5);
        assert_eq!(few.share_among(&other, &all(&other)), 0.0);
        // The same rows as a file of single precision has them, and other rows of probabilities too small for
        // it.
        let single = data(0..200).predictions().mapv(|p| f64::from(p as f32));
        let single = EnsembleData::new(single, vec![Some(true); 200]).unwrap();
        assert_eq!(few.share_among(&single, &all(&single)), 1.0);
        let tiny =
            |rows| EnsembleData::new(1e-60 * &data(rows).predictions(), vec![Some(true); 200]).unwrap();
        let other = tiny(200..400);
        assert_eq!(TrainRows::of(&tiny(0..200)).share_among(&other, &all(&other)), 0.0);
        let many = TrainRows::of(&data(0..6000));
        let (half, other) = (data(3000..9000), data(6000..9000));
        assert!((many.share_among(&half, &all(&half)) - 0.5).abs() < 0.06);
        assert_eq!(many.share_among(&other, &all(&other)), 0.0);
    }
}
