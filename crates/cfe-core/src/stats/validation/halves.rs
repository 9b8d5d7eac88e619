//! What an average precision is too large by, from random halves of the instances.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use rayon::prelude::*;

use super::interval::Strata;
use crate::error::Result;

/// How much too large the mean over parts is, for each ranking. `strata` are the negatives and the positives
/// of each part, `whole` the average precision of each ranking and part, and `by_part` finds them with other
/// weights (n). Cuts are drawn by `seed`, a twentieth as many as there are resamples.
///
/// An average precision of P positives is too large by about b / P in the mean. A part of the instances is
/// cut at random into halves of h and P - h positives, with the negatives in proportion. Then
/// (h AP_h + (P - h) AP_(P - h)) / P is 2 b / P too large in the mean, and less the average precision of the
/// part it is the bias b / P. This is the generalized jackknife (Schucany, Gray and Owen, 1971) with random
/// halves in place of all instances but one. Resampling with replacement finds less of the bias, as it draws
/// instances twice.
pub(super) fn biases(
    n_resamples: usize,
    seed: u64,
    strata: &Strata,
    whole: &[Vec<f64>],
    by_part: impl Fn(&[f64]) -> Result<Vec<Vec<f64>>> + Sync,
) -> Result<Vec<f64>> {
    // The two halves of a cut differ from the whole by second-order terms alone, so that few cuts do.
    let n_cuts = (n_resamples / 20).clamp(20, 100);
    let measured = |number: u64| {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        // The resamples count their streams from 0.
        rng.set_stream(u64::MAX - number);
        let cut = Cut::draw(strata, &mut rng);
        let [first, second] = [by_part(&cut.weights[0])?, by_part(&cut.weights[1])?];
        let of_ranking = |(whole, (first, second)): (&Vec<f64>, (&Vec<f64>, &Vec<f64>))| {
            let of_parts = cut.shares.iter().zip(whole).zip(first.iter().zip(second));
            let more = of_parts.map(|((share, whole), (first, second))| {
                share.map_or(0.0, |share| share * first + (1.0 - share) * second - whole)
            });
            more.sum::<f64>() / whole.len() as f64
        };
        Ok(whole.iter().zip(first.iter().zip(&second)).map(of_ranking).collect())
    };
    let cuts: Vec<Vec<f64>> = (0..n_cuts as u64).into_par_iter().map(measured).collect::<Result<_>>()?;
    let mean = |k: usize| cuts.iter().map(|of_cut| of_cut[k]).sum::<f64>() / n_cuts as f64;
    Ok((0..whole.len()).map(mean).collect())
}

/// One cut of all parts.
struct Cut {
    /// Of each half, weights of the instances: 0 for those of the other half, and for the others as much as
    /// leaves each class of each part its weight.
    weights: [Vec<f64>; 2],
    /// For each part, the share of its positives in the first half; `None` where a half would lack a class.
    shares: Vec<Option<f64>>,
}

impl Cut {
    fn draw(strata: &Strata, rng: &mut ChaCha12Rng) -> Self {
        let mut cut = Self { weights: [vec![0.0; strata.n], vec![0.0; strata.n]], shares: Vec::new() };
        let mut lists = strata.all();
        while let (Some(negatives), Some(positives)) = (lists.next(), lists.next()) {
            let p = positives.len();
            // Of an odd number the larger half is the first or the second by chance.
            let first = if rng.random_bool(0.5) { p.div_ceil(2) } else { p / 2 };
            let share = first as f64 / p as f64;
            let first_of_negatives = (share * negatives.len() as f64).round() as usize;
            let is_cut = (1..p).contains(&first) && (1..negatives.len()).contains(&first_of_negatives);
            cut.shares.push(is_cut.then_some(share));
            for (rows, first) in [(negatives, first_of_negatives), (positives, first)] {
                if !is_cut {
                    // Both halves are the whole.
                    cut.weights.iter_mut().for_each(|half| rows.iter().for_each(|&i| half[i] = 1.0));
                    continue;
                }
                let mut order = rows.clone();
                let (head, tail) = order.partial_shuffle(rng, first);
                for (half, of_half) in cut.weights.iter_mut().zip([head, tail]) {
                    of_half.iter().for_each(|&i| half[i] = rows.len() as f64 / of_half.len() as f64);
                }
            }
        }
        cut
    }
}
