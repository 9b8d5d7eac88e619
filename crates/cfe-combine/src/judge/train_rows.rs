//! Which rows a model was trained on.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};

use cfe_core::EnsembleData;
use cfe_core::keys::spread;
use ndarray::ArrayView2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Rows of which at least this share was trained on are not a test.
pub const TOO_MUCH_IN_SAMPLE: f64 = 0.05;

/// Hashes that are kept. A table of at most so many labeled rows is known row by row, a larger one by a
/// sample.
const KEPT: usize = 1024;

/// Hashes that are kept of rows rounded to each number of decimals.
const KEPT_ROUNDED: usize = 128;
/// Decimals that people write predictions with.
const DECIMALS: std::ops::RangeInclusive<usize> = 3..=6;
/// Share of rows that are equal by chance up to which every known row is a train row.
const RARE: f64 = 0.02;
/// Share from which on equal rows say nothing.
const USUAL: f64 = 0.9;
/// Share of the rows that are not equal by chance which must be known between the two.
const MOST: f64 = 0.5;

/// Share of distinct rows from which on rounded rows tell one row from another: fewer, and new rows would be
/// equal to train rows by chance.
const MOSTLY_DISTINCT: f64 = 0.99;

/// The labeled rows that a model was trained on, by the smallest hashes of their predictions, as given and
/// rounded as a file may hold them.
///
/// The smallest hashes are a uniform sample of the distinct rows, whatever their order (Broder, "On the
/// resemblance and containment of documents", 1997). Among rows of a new table with hashes up to the largest
/// kept one, the share that is kept estimates the share of train rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TrainRows {
    /// How many there were.
    rows: usize,
    /// Of the rows as given.
    smallest_hashes: Hashes,
    /// Of the rows rounded to so many decimals, where that leaves nearly all of them distinct and changes
    /// some.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    rounded: BTreeMap<usize, Hashes>,
    /// Share of new rows that are equal to a train row without being one, as of a few votes of 0 and 1.
    #[serde(default, skip_serializing_if = "is_zero")]
    equal_by_chance: f64,
}

// Of a share that was never computed, so the comparison is exact.
fn is_zero(share: &f64) -> bool {
    *share == 0.0
}

/// The smallest of many hashes, ascending, 16 hexadecimal digits each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Hashes(String);

impl Hashes {
    /// Of hashes that are sorted and distinct.
    fn smallest(hashes: &[u64], kept: usize) -> Self {
        Self(hashes.iter().take(kept).map(|hash| format!("{hash:016x}")).collect())
    }

    /// Estimated share, by weight, of hashes that are among those that these were taken from; exact where at
    /// most `kept` were there.
    fn share_among(&self, hashes: impl Iterator<Item = (u64, f64)>, kept: usize) -> f64 {
        let digits = self.0.as_bytes().chunks(16);
        let known: HashSet<u64> = digits
            .filter_map(|digits| u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())
            .collect();
        // With fewer hashes than the limit none was cut off, and every row can be compared.
        let all_are_kept = known.len() < kept;
        let largest = known.iter().copied().max().unwrap_or(0);
        // A row with a hash beyond the largest kept one says nothing: a train row there was cut off as well.
        let (mut seen, mut found) = (0.0, 0.0);
        for (hash, weight) in hashes.filter(|&(hash, _)| all_are_kept || hash <= largest) {
            seen += weight;
            found += if known.contains(&hash) { weight } else { 0.0 };
        }
        if seen > 0.0 { found / seen } else { 0.0 }
    }
}

impl TrainRows {
    /// Of the labeled rows of the data; those of weight 0 are not learned from.
    pub(crate) fn of(data: &EnsembleData) -> Self {
        let counts = |i: &usize| data.sample_weights().is_none_or(|weights| weights[*i] > 0.0);
        let rows: Vec<usize> = data.labeled().iter().copied().filter(counts).collect();
        Self::among(data.predictions(), &rows)
    }

    /// Of some rows of predictions (m x n).
    pub(crate) fn among(predictions: ArrayView2<'_, f64>, labeled: &[usize]) -> Self {
        Self::with_repeats(predictions, labeled, &Repeats::among(predictions, labeled))
    }

    /// The same where the repeats of these rows are known.
    pub(crate) fn with_repeats(
        predictions: ArrayView2<'_, f64>,
        labeled: &[usize],
        repeats: &Repeats,
    ) -> Self {
        // Three records of the same rows: as given, rounded as a file may hold them, and the share equal by
        // chance.
        let (as_given, equal_by_chance) = (repeats.distinct(), repeats.seen_before());
        let decimals = decimals(predictions, labeled).unwrap_or(usize::MAX);
        let rounded = DECIMALS.filter(|&d| d < decimals).filter_map(|d| {
            let hashes = distinct(rounded_hashes(predictions, labeled, d));
            let tells = hashes.len() as f64 >= MOSTLY_DISTINCT * as_given.len() as f64;
            tells.then(|| (d, Hashes::smallest(&hashes, KEPT_ROUNDED)))
        });
        Self {
            rows: labeled.len(),
            rounded: rounded.collect(),
            smallest_hashes: Hashes::smallest(&as_given, KEPT),
            equal_by_chance,
        }
    }

    /// Whether no two of them have the same predictions.
    pub(crate) fn all_differ(&self) -> bool {
        self.equal_by_chance == 0.0
    }

    /// Estimated share of train rows among some rows of the data, by their weights (n, `None` is 1 each);
    /// exact for a model with few train rows. Rows of 3 to 6 decimals may be train rows that a file rounded.
    /// Where classifiers give few different values, new rows are equal to train rows by chance: where a share
    /// c is expected and s found, (s - c) / (1 - c) is given, or 0 where that is less than a half.
    pub(crate) fn share_among(
        &self,
        predictions: ArrayView2<'_, f64>,
        rows: &[usize],
        weights: Option<&[f64]>,
    ) -> f64 {
        let weigh = |hashes: Vec<u64>| {
            let weight = |&i: &usize| weights.map_or(1.0, |weights| weights[i]);
            hashes.into_iter().zip(rows.iter().map(weight))
        };
        // The larger of the two estimates counts: a file may hold the rows in either form.
        let as_given = self.smallest_hashes.share_among(weigh(hashes(predictions, rows)), KEPT);
        let decimals = decimals(predictions, rows);
        let rounded = decimals.and_then(|d| Some((d, self.rounded.get(&d)?))).map_or(0.0, |(d, kept)| {
            kept.share_among(weigh(rounded_hashes(predictions, rows, d)), KEPT_ROUNDED)
        });
        let known = as_given.max(rounded);
        let chance = self.equal_by_chance;
        if chance < RARE {
            return known;
        }
        // The chance is that of rows like the train rows, and other rows differ in more than that.
        let beyond = (known - chance) / (1.0 - chance);
        if chance < USUAL && beyond >= MOST { beyond } else { 0.0 }
    }
}

/// Rows of predictions that are equal to others.
pub(crate) struct Repeats {
    /// Hash and number of each row, by hash.
    rows: Vec<(u64, usize)>,
}

impl Repeats {
    /// Among some rows of predictions (m x n).
    pub(crate) fn among(predictions: ArrayView2<'_, f64>, rows: &[usize]) -> Self {
        let mut rows: Vec<(u64, usize)> =
            hashes(predictions, rows).into_iter().zip(rows.iter().copied()).collect();
        rows.par_sort_unstable();
        Self { rows }
    }

    /// Rows with the same predictions, each set of them once.
    pub(crate) fn sets(&self) -> impl Iterator<Item = impl ExactSizeIterator<Item = usize> + '_> {
        self.rows.chunk_by(|a, b| a.0 == b.0).map(|set| set.iter().map(|&(_, row)| row))
    }

    fn distinct(&self) -> Vec<u64> {
        self.rows.chunk_by(|a, b| a.0 == b.0).map(|set| set[0].0).collect()
    }

    /// Probability that a new row has been seen before: one less the share of rows seen once (Good, "The
    /// population frequencies of species and the estimation of population parameters", 1953).
    fn seen_before(&self) -> f64 {
        let once = self.sets().filter(|set| set.len() == 1).count();
        if self.rows.is_empty() { 0.0 } else { 1.0 - once as f64 / self.rows.len() as f64 }
    }
}

fn distinct(mut hashes: Vec<u64>) -> Vec<u64> {
    hashes.par_sort_unstable();
    hashes.dedup();
    hashes
}

/// Decimals that the predictions of some rows are written with, at most 6 (also if they were read in single
/// precision); `None` for more.
fn decimals(predictions: ArrayView2<'_, f64>, rows: &[usize]) -> Option<usize> {
    let powers: [f64; *DECIMALS.end() + 1] = std::array::from_fn(|d| 10f64.powi(d as i32));
    let within = |p: f64, d: usize| {
        let scaled = p * powers[d];
        // A tenth of all numbers is so near to a whole one; all cells of a table are so by rounding alone.
        let beyond = scaled - (scaled as u64) as f64;
        beyond <= 0.05 || beyond >= 0.95
    };
    let mut needed = 0;
    // A classifier at a time, as its predictions lie side by side.
    for row in predictions.rows() {
        for p in rows.iter().map(|&i| row[i]).filter(|p| !p.is_nan()) {
            while !within(p, needed) {
                needed += 1;
                if needed > *DECIMALS.end() {
                    return None;
                }
            }
        }
    }
    Some(needed.max(*DECIMALS.start()))
}

/// A hash of the predictions of each of some rows, in single precision.
fn hashes(predictions: ArrayView2<'_, f64>, rows: &[usize]) -> Vec<u64> {
    hashes_of(predictions, rows, |p| {
        // All NaN are the same NaN, and -0 equals 0. Rows that are kept in single precision are the same
        // rows; probabilities too small for it stay as they are.
        let single = f64::from(p as f32);
        let value = match p {
            _ if p.is_nan() => f64::NAN,
            _ if p < f64::from(f32::MIN_POSITIVE) => p + 0.0,
            _ => single,
        };
        value.to_bits()
    })
}

/// The same of predictions rounded to `decimals` as a program writes them.
fn rounded_hashes(predictions: ArrayView2<'_, f64>, rows: &[usize], decimals: usize) -> Vec<u64> {
    let scale = 10f64.powi(decimals as i32);
    hashes_of(predictions, rows, |p| if p.is_nan() { u64::MAX } else { rounded(p, scale) })
}

/// p times `scale` (a power of ten) as a whole number, as a program writes p with so many decimals: the exact
/// product is rounded, half to even.
fn rounded(p: f64, scale: f64) -> u64 {
    let scaled = p * scale;
    // A conversion cuts off, which is faster than to call for the floor.
    let below = scaled as u64;
    let beyond_half = scaled - (below as f64 + 0.5);
    if beyond_half.abs() >= 1e-6 {
        return below + u64::from(beyond_half > 0.0);
    }
    // Near a tie what the product has lost decides.
    match (beyond_half + p.mul_add(scale, -scaled)).total_cmp(&0.0) {
        Ordering::Less => below,
        Ordering::Greater => below + 1,
        Ordering::Equal => below + below % 2,
    }
}

/// Where FNV-1a begins.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
/// What FNV-1a multiplies with.
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// One step of FNV-1a over the eight bytes of `bits`, the lowest first.
fn hashed(hash: u64, bits: u64) -> u64 {
    let bytes = |hash, bits: u64, range: std::ops::Range<u32>| {
        range.fold(hash, |hash: u64, byte| (hash ^ (bits >> (8 * byte) & 0xff)).wrapping_mul(PRIME))
    };
    // A byte of 0 only multiplies, so that a run of them is one product. A rounded probability has five above
    // its three, and one in single precision three below its five.
    if bits >> 24 == 0 {
        bytes(hash, bits, 0..3).wrapping_mul(const { PRIME.wrapping_pow(5) })
    } else if bits & 0x00ff_ffff == 0 {
        bytes(hash.wrapping_mul(const { PRIME.wrapping_pow(3) }), bits, 3..8)
    } else {
        bytes(hash, bits, 0..8)
    }
}

/// FNV-1a of the bytes of each row (Fowler, Noll and Vo), spread by the finalizer of SplitMix64 (Steele, Lea
/// and Flood, 2014), so that the smallest hashes are a uniform sample. `bits` is what is hashed of a cell.
fn hashes_of(predictions: ArrayView2<'_, f64>, rows: &[usize], bits: impl Fn(f64) -> u64 + Sync) -> Vec<u64> {
    /// Rows that are hashed side by side: the multiplications of one do not wait for those of another.
    const BLOCK: usize = 1024;
    let of_block = |rows: &[usize]| {
        let mut hashes = vec![OFFSET; rows.len()];
        for row in predictions.rows() {
            for (hash, &i) in hashes.iter_mut().zip(rows) {
                *hash = hashed(*hash, bits(row[i]));
            }
        }
        hashes.into_iter().map(spread)
    };
    rows.par_chunks(BLOCK).flat_map_iter(of_block).collect()
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
        assert_eq!(few.share_among(half.predictions(), &all(&half), None), 0.5);
        assert_eq!(few.share_among(other.predictions(), &all(&other), None), 0.0);
        // The same rows as a file of single precision has them, and other rows of probabilities too small for
        // it.
        let single = data(0..200).predictions().mapv(|p| f64::from(p as f32));
        let single = EnsembleData::new(single, vec![Some(true); 200]).unwrap();
        assert_eq!(few.share_among(single.predictions(), &all(&single), None), 1.0);
        let tiny =
            |rows| EnsembleData::new(1e-60 * &data(rows).predictions(), vec![Some(true); 200]).unwrap();
        let other = tiny(200..400);
        assert_eq!(TrainRows::of(&tiny(0..200)).share_among(other.predictions(), &all(&other), None), 0.0);
        let many = TrainRows::of(&data(0..6000));
        let (half, other) = (data(3000..9000), data(6000..9000));
        assert!((many.share_among(half.predictions(), &all(&half), None) - 0.5).abs() < 0.06);
        assert_eq!(many.share_among(other.predictions(), &all(&other), None), 0.0);
    }

    #[test]
    fn a_rounded_probability_is_that_of_a_program_that_writes_it() {
        for decimals in DECIMALS {
            let scale = 10f64.powi(decimals as i32);
            for k in 0..40_000_u32 {
                let (k, steps) = (f64::from(k), 2.0 * scale);
                let tie = (k + 0.5) / scale;
                for p in [k / 40_000.0, k / steps, tie, tie.next_up(), tie.next_down(), k / 65_536.0] {
                    let written: f64 = format!("{p:.decimals$}").parse().unwrap();
                    assert_eq!(rounded(p, scale), (written * scale).round() as u64, "{p:?}, {decimals}");
                }
            }
        }
    }

    #[test]
    fn a_hash_is_that_of_all_eight_bytes() {
        let whole = |hash: u64, bits: u64| {
            let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
            bits.to_le_bytes().into_iter().fold(hash, step)
        };
        let single = f64::from(0.3_f32).to_bits();
        for bits in [0, 1, 0xff_ffff, 1_000_000, 1 << 24, single, 0.3_f64.to_bits(), u64::MAX] {
            assert_eq!(hashed(OFFSET, bits), whole(OFFSET, bits), "{bits:x}");
        }
    }

    #[test]
    fn few_different_values_are_equal_by_chance() {
        // Votes of 0 and 1 of three classifiers: there are eight different rows.
        let votes = |seed: usize, n: usize| {
            let bit = |(u, i): (usize, usize)| ((seed + i * 7919) / (31 << u) % 2) as f64;
            let r = Array2::from_shape_fn((3, n), bit);
            EnsembleData::new(r, vec![Some(true); n]).unwrap()
        };
        let all = (0..400).collect::<Vec<_>>();
        let trained = TrainRows::of(&votes(0, 400));
        assert_eq!(trained.equal_by_chance, 1.0);
        assert_eq!(trained.share_among(votes(0, 400).predictions(), &all, None), 0.0);
        assert_eq!(trained.share_among(votes(17, 400).predictions(), &all, None), 0.0);
        // One of the classifiers with two decimals: most rows repeat, and train rows are still known.
        let coarse = |seed: usize, n: usize| {
            let cell = |(u, i): (usize, usize)| {
                let x = ((seed + i) * [7919, 104_729][u]) % 100_003;
                (x % [40, 20][u]) as f64 / 40.0
            };
            EnsembleData::new(Array2::from_shape_fn((2, n), cell), vec![Some(true); n]).unwrap()
        };
        let trained = TrainRows::of(&coarse(0, 400));
        assert!((0.2..0.8).contains(&trained.equal_by_chance), "{}", trained.equal_by_chance);
        assert_eq!(trained.share_among(coarse(0, 400).predictions(), &all, None), 1.0);
        assert_eq!(trained.share_among(coarse(5000, 400).predictions(), &all, None), 0.0);
    }

    #[test]
    fn rows_that_a_file_rounded_are_known() {
        let of = |rows: std::ops::Range<usize>, decimals: usize| {
            let written = data(rows.clone())
                .predictions()
                .mapv(|p| format!("{p:.decimals$}").parse::<f64>().expect("a number"));
            EnsembleData::new(written, vec![Some(true); rows.len()]).unwrap()
        };
        let all = (0..3000).collect::<Vec<_>>();
        let trained = TrainRows::of(&data(0..3000));
        assert_eq!(trained.rounded.keys().copied().collect::<Vec<_>>(), [4, 5, 6]);
        for decimals in 4..=6 {
            let share = trained.share_among(of(0..3000, decimals).predictions(), &all, None);
            assert_eq!(share, 1.0, "{decimals} decimals");
            let share = trained.share_among(of(5000..8000, decimals).predictions(), &all, None);
            assert!(share < 0.02, "{decimals} decimals of other rows: {share}");
        }
        // Two classifiers with three decimals do not tell 3,000 rows apart.
        assert_eq!(trained.share_among(of(0..3000, 3).predictions(), &all, None), 0.0);
        // Of rows that are written with four decimals already, rounding to more adds nothing.
        assert!(TrainRows::of(&of(0..3000, 4)).rounded.is_empty());
        // A tie is rounded as a program writes it: 0.00015 is a bit less than it seems.
        let tie = |p: f64| rounded_hashes(ndarray::array![[p], [0.5]].view(), &[0], 4);
        assert_eq!(tie(0.000_15), tie(0.0001));
    }
}
