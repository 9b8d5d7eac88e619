//! How often 95% intervals of average precision hold the value of the whole population.
//!
//! ```sh
//! cargo run --release -p cfe-core --example interval_coverage -- one_ranking 30,50,200
//! cargo run --release -p cfe-core --example interval_coverage -- folds 30,50,200
//! cargo run --release -p cfe-core --example interval_coverage -- difference 30,50,200
//! ```
//!
//! Scores of negatives are standard normal, those of positives are shifted and spread, in seven scenes from
//! an average precision of 0.13 to one of 0.98. A third argument sets the draws of each scene (400).
//! Printed for each way to make an interval: the share of draws whose interval holds the truth, and in
//! brackets how many miss it because the interval lies above it and below it, in percent.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

use cfe_core::metrics::AveragePrecision;
use cfe_core::validation::{Bootstrap, Folds};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use statrs::distribution::{ContinuousCDF, Normal};

const RESAMPLES: usize = 300;
const WAYS: [&str; 6] = ["percentile", "BCa", "basic, logit", "normal, logit", "bootstrap-t, logit", "used"];
/// Prevalence, shift and spread of the positives, and the width that scores are rounded to.
const SCENES: [(f64, f64, f64, f64); 7] = [
    (0.05, 0.8, 1.0, 0.0),
    (0.05, 1.6, 1.0, 0.0),
    (0.02, 1.8, 1.2, 0.0),
    (0.10, 2.2, 1.0, 0.0),
    (0.25, 2.8, 1.0, 0.0),
    (0.10, 4.0, 1.0, 0.0),
    (0.10, 1.6, 1.0, 0.5),
];

/// What a figure is about.
#[derive(Clone, Copy, PartialEq)]
enum Figure {
    OneRanking,
    /// The mean over five folds.
    Folds,
    /// Of two rankings whose scores correlate by 0.95, one of them as good or worse.
    Difference,
}

#[derive(Clone, Copy)]
struct Scene {
    positives: usize,
    prevalence: f64,
    shift: f64,
    /// Of the second ranking.
    other_shift: f64,
    spread: f64,
    rounding: f64,
}

impl Scene {
    fn rounded(&self, score: f64) -> f64 {
        if self.rounding > 0.0 { (score / self.rounding).round() * self.rounding } else { score }
    }

    /// Average precision of the whole population, from 40,000 quantiles of either class.
    fn truth(&self, shift: f64) -> f64 {
        const QUANTILES: usize = 40_000;
        let normal = Normal::new(0.0, 1.0).expect("standard");
        let z = (0..QUANTILES).map(|i| normal.inverse_cdf((i as f64 + 0.5) / QUANTILES as f64));
        let pairs = z.flat_map(|z| [(self.rounded(shift + self.spread * z), true), (self.rounded(z), false)]);
        let (scores, labels): (Vec<f64>, Vec<bool>) = pairs.unzip();
        let weights: Vec<f64> =
            labels.iter().map(|&y| if y { self.prevalence } else { 1.0 - self.prevalence }).collect();
        let ranking = AveragePrecision::new(&labels, &scores).expect("finite scores");
        ranking.weighted(&weights).expect("a weight each")
    }
}

/// One drawing: labels, folds and two rankings.
struct Sample {
    labels: Vec<bool>,
    folds: Vec<usize>,
    scores: [Vec<f64>; 2],
}

impl Sample {
    fn draw(scene: &Scene, n_folds: usize, rng: &mut ChaCha12Rng) -> Self {
        let n = (scene.positives as f64 / scene.prevalence).round() as usize;
        let labels: Vec<bool> = (0..n).map(|i| i < scene.positives).collect();
        let mut scores = [Vec::with_capacity(n), Vec::with_capacity(n)];
        for &label in &labels {
            let [own, other]: [f64; 2] = std::array::from_fn(|_| StandardNormal.sample(rng));
            let correlated = 0.95 * own + (1.0 - 0.95f64.powi(2)).sqrt() * other;
            let place = |z: f64, shift: f64| scene.rounded(if label { shift + scene.spread * z } else { z });
            scores[0].push(place(own, scene.shift));
            scores[1].push(place(correlated, scene.other_shift));
        }
        Self { folds: (0..n).map(|i| i % n_folds).collect(), labels, scores }
    }
}

/// The figure of a sample as a function of weights, with its slopes.
struct Measured {
    /// Sign, rows and ranking of each part; the figure is the signed mean over folds.
    parts: Vec<(f64, Vec<usize>, AveragePrecision)>,
    strata: Vec<Vec<usize>>,
    n: usize,
}

impl Measured {
    fn new(sample: &Sample, figure: Figure, n_folds: usize) -> Self {
        let n = sample.labels.len();
        let of = |test: &dyn Fn(usize) -> bool| (0..n).filter(|&i| test(i)).collect::<Vec<usize>>();
        let signs: &[f64] = if figure == Figure::Difference { &[1.0, -1.0] } else { &[1.0] };
        let (mut parts, mut strata) = (Vec::new(), Vec::new());
        for fold in 0..n_folds {
            let rows = of(&|i| sample.folds[i] == fold);
            let labels: Vec<bool> = rows.iter().map(|&i| sample.labels[i]).collect();
            for (k, &sign) in signs.iter().enumerate() {
                let scores: Vec<f64> = rows.iter().map(|&i| sample.scores[k][i]).collect();
                let ranking = AveragePrecision::new(&labels, &scores).expect("finite scores");
                parts.push((sign / n_folds as f64, rows.clone(), ranking));
            }
            strata.extend([true, false].map(|y| of(&|i| sample.folds[i] == fold && sample.labels[i] == y)));
        }
        Self { parts, strata, n }
    }

    /// The figure, and how far each instance moves it.
    fn at(&self, weights: &[f64]) -> (f64, Vec<f64>) {
        let (mut value, mut slopes) = (0.0, vec![0.0; self.n]);
        for (share, rows, ranking) in &self.parts {
            let weights: Vec<f64> = rows.iter().map(|&i| weights[i]).collect();
            value += share * ranking.weighted(&weights).expect("a weight each");
            let gradient = ranking.gradient(&weights).expect("a weight each");
            rows.iter().zip(gradient).for_each(|(&i, slope)| slopes[i] += share * slope);
        }
        (value, slopes)
    }

    /// Slopes less their means in each stratum, with the weights.
    fn deviations(&self, slopes: &[f64], weights: &[f64]) -> Vec<(f64, f64)> {
        let of_stratum = |rows: &Vec<usize>| {
            let mean = rows.iter().map(|&i| weights[i] * slopes[i]).sum::<f64>() / rows.len() as f64;
            rows.iter().map(|&i| (slopes[i] - mean, weights[i])).collect::<Vec<_>>()
        };
        self.strata.iter().flat_map(of_stratum).collect()
    }

    fn standard_error(&self, slopes: &[f64], weights: &[f64]) -> f64 {
        self.deviations(slopes, weights).iter().map(|(d, w)| w * d * d).sum::<f64>().sqrt()
    }
}

/// The intervals of the usual ways, in the order of [`WAYS`].
fn usual_ways(measured: &Measured, figure: Figure, rng: &mut ChaCha12Rng) -> Vec<(f64, f64)> {
    let difference = figure == Figure::Difference;
    let normal = Normal::new(0.0, 1.0).expect("standard");
    // A difference stays as it is; an average precision is taken to the logit scale.
    let to = |a: f64| {
        let inside = a.clamp(1e-9, 1.0 - 1e-9);
        if difference { a } else { (inside / (1.0 - inside)).ln() }
    };
    let back = |z: f64| if difference { z } else { 1.0 / (1.0 + (-z).exp()) };
    let error_of = |a: f64, error: f64| if difference { error } else { error / (a * (1.0 - a)).max(1e-9) };
    let once = vec![1.0; measured.n];
    let (estimate, slopes) = measured.at(&once);
    let error = error_of(estimate, measured.standard_error(&slopes, &once));
    let (mut values, mut studentized) = (Vec::new(), Vec::new());
    for _ in 0..RESAMPLES {
        let mut counts = vec![0.0; measured.n];
        for stratum in &measured.strata {
            (0..stratum.len()).for_each(|_| counts[stratum[rng.random_range(0..stratum.len())]] += 1.0);
        }
        let (value, slopes) = measured.at(&counts);
        let error = error_of(value, measured.standard_error(&slopes, &counts)).max(1e-9);
        values.push(value);
        studentized.push((to(value) - to(estimate)) / error);
    }
    values.sort_by(f64::total_cmp);
    studentized.sort_by(f64::total_cmp);
    let at = |sorted: &[f64], q: f64| sorted[(q * (RESAMPLES - 1) as f64).round() as usize];
    let mean = values.iter().sum::<f64>() / RESAMPLES as f64;
    let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (RESAMPLES - 1) as f64).sqrt();
    // Bias and acceleration of BCa (Efron, 1987); ties count half.
    let below = values.iter().filter(|v| **v < estimate).count() as f64;
    let ties = values.iter().filter(|v| **v == estimate).count() as f64;
    let share = ((below + ties / 2.0) / RESAMPLES as f64).clamp(0.002, 0.998);
    let bias = normal.inverse_cdf(share);
    let (mut second, mut third) = (0.0, 0.0);
    for (d, _) in measured.deviations(&slopes, &once) {
        second += d * d;
        third += d * d * d;
    }
    let acceleration = if second > 0.0 { third / (6.0 * second.powf(1.5)) } else { 0.0 };
    let corrected = |q: f64| {
        let z = bias + normal.inverse_cdf(q);
        normal.cdf(bias + z / (1.0 - acceleration * z))
    };
    let (low, high, center) = (at(&values, 0.025), at(&values, 0.975), to(estimate));
    let half = 1.959_964 * error_of(estimate, deviation);
    vec![
        (low, high),
        (at(&values, corrected(0.025)), at(&values, corrected(0.975))),
        (back(2.0 * center - to(high)), back(2.0 * center - to(low))),
        (back(center - half), back(center + half)),
        (back(center - at(&studentized, 0.975) * error), back(center - at(&studentized, 0.025) * error)),
    ]
    .into_iter()
    .map(|(lower, upper)| (lower.min(estimate), upper.max(estimate)))
    .collect()
}

/// The interval that the library has.
fn used(sample: &Sample, figure: Figure, n_folds: usize, seed: u64) -> (f64, f64) {
    let bootstrap = Bootstrap { seed, ..Bootstrap::default() };
    let scores: Vec<&[f64]> = sample.scores.iter().map(Vec::as_slice).collect();
    let resampled = match figure {
        Figure::Folds => {
            let folds = Folds::new(sample.folds.clone(), n_folds).expect("few folds");
            bootstrap.average_precision_by_fold(&sample.labels, &folds, &scores[..1])
        }
        _ => bootstrap.average_precision(&sample.labels, &scores),
    }
    .expect("both classes");
    let interval = match figure {
        Figure::Difference => resampled.difference(0, 1),
        _ => resampled.interval(0),
    }
    .expect("resampled");
    (interval.lower, interval.upper)
}

/// Of each way: draws whose interval is above the truth, below it, and the sum of the widths.
fn misses(scene: &Scene, figure: Figure, draws: usize) -> Vec<(f64, f64, f64)> {
    let n_folds = if figure == Figure::Folds { 5 } else { 1 };
    let other = if figure == Figure::Difference { scene.truth(scene.other_shift) } else { 0.0 };
    let truth = scene.truth(scene.shift) - other;
    let of_draw = |draw: u64| {
        let mut rng = ChaCha12Rng::seed_from_u64(7);
        rng.set_stream(draw);
        let sample = Sample::draw(scene, n_folds, &mut rng);
        let mut intervals = usual_ways(&Measured::new(&sample, figure, n_folds), figure, &mut rng);
        intervals.push(used(&sample, figure, n_folds, draw));
        intervals
    };
    let all: Vec<Vec<(f64, f64)>> = (0..draws as u64).into_par_iter().map(of_draw).collect();
    (0..WAYS.len())
        .map(|way| {
            let of_way = || all.iter().map(|intervals| intervals[way]);
            (
                of_way().filter(|(lower, _)| truth < *lower).count() as f64 / draws as f64,
                of_way().filter(|(_, upper)| truth > *upper).count() as f64 / draws as f64,
                of_way().map(|(lower, upper)| upper - lower).sum(),
            )
        })
        .collect()
}

fn scenes(figure: Figure, positives: usize) -> Vec<Scene> {
    let lesser: &[f64] = if figure == Figure::Difference { &[0.0, 0.3] } else { &[0.0] };
    SCENES
        .iter()
        .flat_map(|&(prevalence, shift, spread, rounding)| {
            lesser.iter().map(move |less| Scene {
                positives,
                prevalence,
                shift,
                other_shift: shift - less,
                spread,
                rounding,
            })
        })
        .collect()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let word = |k: usize, default: &'static str| arguments.get(k).map_or(default, String::as_str);
    let figure = match word(0, "one_ranking") {
        "one_ranking" => Figure::OneRanking,
        "folds" => Figure::Folds,
        "difference" => Figure::Difference,
        other => {
            eprintln!("{other} is not a figure; use one_ranking, folds or difference");
            std::process::exit(2);
        }
    };
    let numbers = |k: usize, default| word(k, default).split(',').map(str::parse::<usize>).collect();
    let counts: Result<Vec<usize>, _> = numbers(1, "30,50,200");
    let draws: Result<Vec<usize>, _> = numbers(2, "400");
    let (Ok(counts), Ok(draws)) = (counts, draws) else {
        eprintln!("numbers of positives are written as 30,50,200, draws as 400");
        std::process::exit(2);
    };
    println!("| positives | {} |\n|---|{}", WAYS.join(" | "), "---|".repeat(WAYS.len()));
    for positives in counts {
        let scenes = scenes(figure, positives);
        let found: Vec<_> = scenes.iter().map(|scene| misses(scene, figure, draws[0])).collect();
        // Beside the mean over scenes, the scene that covers least; widths are relative to percentiles.
        let cell = |way: usize| {
            let n = found.len() as f64;
            let above = 100.0 * found.iter().map(|f| f[way].0).sum::<f64>() / n;
            let below = 100.0 * found.iter().map(|f| f[way].1).sum::<f64>() / n;
            let least = found.iter().map(|f| 100.0 - 100.0 * (f[way].0 + f[way].1)).fold(100.0, f64::min);
            let width = found.iter().map(|f| f[way].2 / f[0].2).sum::<f64>() / n;
            format!(
                "{:.1} ({above:.1}, {below:.1}), least {least:.1}, width {width:.2}",
                100.0 - above - below
            )
        };
        let cells: Vec<String> = (0..WAYS.len()).map(cell).collect();
        println!("| {positives} | {} |", cells.join(" | "));
    }
}
