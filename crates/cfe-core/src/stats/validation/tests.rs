use approx::assert_abs_diff_eq;
use ndarray::array;
use proptest::prelude::*;

use super::*;
use crate::error::Error;

const GAINS: [f64; 10] = [0.012, -0.003, 0.024, 0.008, -0.011, 0.031, 0.017, 0.002, -0.005, 0.019];

#[test]
fn wilcoxon_agrees_with_scipy() {
    let test = wilcoxon_signed_rank(&GAINS).expect("finite");
    assert_eq!((test.n, test.statistic, test.p_value, test.exact), (10, 10.0, 0.083984375, true));
    // Ties and a zero.
    let test = wilcoxon_signed_rank(&[0.01, -0.01, 0.02, 0.02, 0.0, 0.03, -0.02, 0.05]).expect("finite");
    assert_eq!((test.n, test.statistic, test.p_value), (7, 5.5, 0.203125));
    // More than 50: normal approximation, without ties and with.
    let untied = [
        -0.02162, -0.00598, -0.02866, -0.07431, 0.02087, -0.00809, -0.06951, 0.03514, -0.03336, 0.0146,
        0.04845, 0.01845, 0.06897, -0.04974, 0.03212, -0.02224, -0.03154, -0.01694, -0.00358, 0.01481,
        -0.04626, 0.05704, 0.03528, -0.06481, 0.08641, 0.10679, 0.07094, 0.003, -0.04154, 0.06472, -0.00816,
        0.07312, 0.02241, 0.06083, 0.02982, 0.04733, 0.01253, 0.10129, 0.01835, 0.0321, 0.10616, -0.05539,
        -0.05152, 0.06047, -0.04666, 0.10918, -0.00868, -0.02537, 0.10815, 0.08603, 0.10538, 0.0573,
        -0.03106, 0.1075, -0.0014, 0.05212, 0.05936, 0.00425, 0.0427, 0.05811,
    ];
    let test = wilcoxon_signed_rank(&untied).expect("finite");
    assert_eq!((test.statistic, test.exact), (531.0, false));
    assert_abs_diff_eq!(test.p_value, 0.004700752677839332, epsilon = 1e-9);
    let tied = [
        0.11, 0.04, 0.07, 0.13, 0.11, -0.03, 0.07, 0.01, 0.01, 0.04, 0.03, 0.09, 0.06, 0.03, 0.04, 0.04,
        0.09, 0.01, 0.04, -0.02, -0.11, 0.05, 0.06, -0.02, 0.13, -0.05, 0.02, 0.01, 0.1, 0.09, 0.03, 0.04,
        -0.02, -0.08, 0.0, 0.03, 0.08, 0.08, 0.0, 0.0, -0.03, -0.05, -0.07, 0.12, -0.01, 0.0, -0.04, 0.06,
        -0.06, 0.01, -0.02, 0.04, -0.01, -0.04, 0.02, 0.04, 0.02, 0.04, -0.01, 0.0,
    ];
    let test = wilcoxon_signed_rank(&tied).expect("finite");
    assert_eq!((test.n, test.statistic), (55, 394.0));
    assert_abs_diff_eq!(test.p_value, 0.0015981789915251682, epsilon = 1e-9);
}

#[test]
fn wilcoxon_without_differences_is_no_evidence() {
    for none in [&[][..], &[0.0, 0.0]] {
        assert_eq!(wilcoxon_signed_rank(none).expect("finite").p_value, 1.0);
    }
    assert!(wilcoxon_signed_rank(&[f64::NAN]).is_err());
}

#[test]
fn friedman_agrees_with_scipy() {
    let results =
        array![[0.8, 0.7, 0.6], [0.75, 0.75, 0.5], [0.9, 0.85, 0.7], [0.6, 0.65, 0.55], [0.7, 0.6, 0.6]];
    let test = friedman(results.view()).expect("valid");
    assert_abs_diff_eq!(test.chi_square, 7.444444444444447, epsilon = 1e-12);
    assert_abs_diff_eq!(test.p_value, 0.02418017437647035, epsilon = 1e-12);
    for (rank, expected) in test.mean_ranks.iter().zip([1.3, 1.8, 2.9]) {
        assert_abs_diff_eq!(*rank, expected, epsilon = 1e-12);
    }
    let test = friedman(array![[1.0, 1.0], [2.0, 2.0]].view()).expect("valid");
    assert_eq!((test.chi_square, test.p_value), (0.0, 1.0));
    assert!(friedman(array![[1.0, 2.0]].view()).is_err());
    assert!(friedman(array![[1.0, f64::NAN], [1.0, 2.0]].view()).is_err());
}

#[test]
fn nemenyi_agrees_with_the_studentised_range_of_scipy() {
    let table = [
        (2, 1.9599639845400534, 1.6448536269514722),
        (3, 2.343700586378409, 2.0522927304967755),
        (10, 3.163683577053373, 2.9198888400615384),
        (24, 3.6372523316885754, 3.4170894284200886),
        (50, 3.9923432900094076, 3.7877496141945874),
    ];
    for (k, five, ten) in table {
        let kf = k as f64;
        let q = |alpha| {
            nemenyi_critical_difference(k, 6, alpha).expect("valid") / (kf * (kf + 1.0) / 36.0).sqrt()
        };
        assert_abs_diff_eq!(q(0.05), five, epsilon = 1e-7);
        assert_abs_diff_eq!(q(0.1), ten, epsilon = 1e-7);
    }
    assert!(nemenyi_critical_difference(1, 6, 0.05).is_err());
    assert!(nemenyi_critical_difference(3, 6, f64::NAN).is_err());
}

#[test]
fn bootstrap_is_deterministic_and_covers_the_spread_of_a_mean() {
    // The Brier score of constant scores on one class is a constant; of two kinds of negatives, a binomial
    // mean.
    let labels = vec![false; 400];
    let scores: Vec<f64> = (0..400).map(|i| if i % 2 == 0 { 0.0 } else { 1.0 }).collect();
    let bootstrap = Bootstrap { n_resamples: 4000, ..Default::default() };
    let interval = bootstrap.interval(&labels, &scores, |s| s.brier()).expect("valid");
    assert_eq!(interval.estimate, 0.5);
    assert_abs_diff_eq!(interval.standard_error, 0.025, epsilon = 0.001);
    assert_abs_diff_eq!(interval.lower, 0.5 - 1.96 * 0.025, epsilon = 0.004);
    assert_abs_diff_eq!(interval.upper, 0.5 + 1.96 * 0.025, epsilon = 0.004);
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
    assert_eq!(one.install(|| bootstrap.interval(&labels, &scores, |s| s.brier()).expect("valid")), interval);
    let same = bootstrap.paired_difference(&labels, &scores, &scores, |s| s.brier()).expect("valid");
    assert_eq!((same.estimate, same.lower, same.upper, same.standard_error), (0.0, 0.0, 0.0, 0.0));
    let bad = Bootstrap { confidence: 1.0, ..bootstrap };
    assert!(bad.interval(&labels, &scores, |s| s.brier()).is_err());
    assert!(bootstrap.interval(&[], &[], |s| s.brier()).is_err());
}

#[test]
fn resampled_average_precision_is_that_of_the_slow_way() {
    let labels: Vec<bool> = (0..300).map(|i| i % 11 == 0).collect();
    let a: Vec<f64> = (0..300).map(|i| f64::from(i * 7 % 31) + f64::from(i % 11 == 0) * 9.0).collect();
    let b: Vec<f64> = (0..300).map(|i| f64::from(i * 5 % 13) - 6.0).collect();
    let bootstrap = Bootstrap { n_resamples: 50, ..Bootstrap::default() };
    let ap = |s: &crate::metrics::Scored| s.ranking().average_precision();
    let fast = bootstrap.average_precision(&labels, &[&a, &b]).expect("valid");
    // Percentiles of the values are what the slow way has; its seed draws the same resamples.
    for (k, scores) in [&a, &b].into_iter().enumerate() {
        let (fast, slow) = (fast.values(k).expect("two"), bootstrap.interval(&labels, scores, ap));
        let slow = slow.expect("valid");
        assert_abs_diff_eq!(ap(&crate::metrics::Scored::new(&labels, scores).expect("valid")), slow.estimate);
        let ends = super::interval::percentile(bootstrap.confidence, slow.estimate, fast).expect("finite");
        assert_abs_diff_eq!(ends.lower, slow.lower, epsilon = 1e-12);
        assert_abs_diff_eq!(ends.upper, slow.upper, epsilon = 1e-12);
    }
    let slow = bootstrap.paired_difference(&labels, &a, &b, ap).expect("valid");
    assert_abs_diff_eq!(fast.difference(0, 1).expect("two").estimate, slow.estimate, epsilon = 1e-12);
    assert!(fast.interval(2).is_err());
}

#[test]
fn folds_refuse_what_cannot_be_split() {
    for n_splits in [0, 1, 4] {
        let error =
            StratifiedKFold { n_splits, seed: 0 }.assign(&[true, false, false]).expect_err("out of range");
        assert!(matches!(error, Error::InvalidParameter { name: "n_splits", .. }));
    }
    let folds = StratifiedGroupKFold { n_splits: 2, seed: 0 };
    assert!(folds.assign(&[true, false], &["a", "a"]).is_err());
    assert!(folds.assign(&[true, false], &["a"]).is_err());
}

#[test]
fn repetitions_differ_and_begin_with_the_plain_folds() {
    let labels: Vec<bool> = (0..60).map(|i| i % 3 == 0).collect();
    let spec = StratifiedKFold { n_splits: 4, seed: 9 };
    let repeated = spec.repeated(&labels, 3).expect("valid");
    assert_eq!(repeated[0], spec.assign(&labels).expect("valid"));
    assert!(repeated[0] != repeated[1] && repeated[1] != repeated[2]);
    assert_ne!(repeated[0], StratifiedKFold { seed: 10, ..spec }.assign(&labels).expect("valid"));
}

proptest! {
    #[test]
    fn folds_partition_and_stratify(
        labels in proptest::collection::vec(proptest::bool::weighted(0.15), 12..200), n_splits in 2usize..12, seed: u64,
    ) {
        let folds = StratifiedKFold { n_splits, seed }.assign(&labels).expect("enough instances");
        let mut seen = vec![0; labels.len()];
        let (mut sizes, mut positives) = (Vec::new(), Vec::new());
        for fold in 0..folds.n_splits() {
            let test = folds.test(fold);
            test.iter().for_each(|&i| seen[i] += 1);
            prop_assert_eq!(test.len() + folds.train(fold).len(), labels.len());
            sizes.push(test.len());
            positives.push(test.iter().filter(|&&i| labels[i]).count());
        }
        prop_assert!(seen.iter().all(|&s| s == 1));
        for counts in [sizes, positives] {
            prop_assert!(counts.iter().max().expect("folds") - counts.iter().min().expect("folds") <= 1);
        }
    }

    #[test]
    fn grouped_folds_keep_groups_whole(
        cells in proptest::collection::vec((proptest::bool::weighted(0.2), 0u8..40), 100..300), seed: u64,
    ) {
        let (labels, groups): (Vec<bool>, Vec<u8>) = cells.into_iter().unzip();
        let spec = StratifiedGroupKFold { n_splits: 4, seed };
        let folds = spec.assign(&labels, &groups).expect("enough groups");
        let mut fold_of = std::collections::HashMap::new();
        for (group, &fold) in groups.iter().zip(folds.as_slice()) {
            prop_assert_eq!(*fold_of.entry(group).or_insert(fold), fold);
        }
        let sizes: Vec<usize> = (0..4).map(|f| folds.test(f).len()).collect();
        let even = labels.len() / 4;
        prop_assert!(sizes.iter().all(|&s| s.abs_diff(even) <= even / 2 + 8), "{:?}", sizes);
        prop_assert_eq!(spec.assign(&labels, &groups).expect("valid"), folds);
    }
}

/// Found by drawing: four positives, and every quantile of the resampled average precision above the
/// estimate.
#[test]
fn an_interval_holds_its_own_estimate() {
    let mut excluded = 0;
    for seed in 0..40u64 {
        let score = |i: u64| ((i * 2_654_435_761 + seed * 40_503) % 1000) as f64 / 1000.0;
        let labels: Vec<bool> = (0..60).map(|i| i % 20 == 0).collect();
        let scores: Vec<f64> = (0..60).map(score).collect();
        let bootstrap = Bootstrap { n_resamples: 200, confidence: 0.2, ..Bootstrap::default() };
        let resampled = bootstrap.average_precision(&labels, &[&scores]).expect("valid");
        let interval = resampled.interval(0).expect("valid");
        assert!(interval.lower <= interval.estimate && interval.estimate <= interval.upper, "{interval:?}");
        excluded += usize::from(interval.lower == interval.estimate || interval.upper == interval.estimate);
    }
    assert!(excluded > 0, "some of these intervals would not hold their estimates by themselves");
}

/// Scores of 300 instances, 30 of them positives that are shifted by 1.6; (labels, scores) of drawing `seed`.
fn shifted(seed: u64) -> (Vec<bool>, Vec<f64>) {
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};
    let mut rng = rand_chacha::ChaCha12Rng::seed_from_u64(seed);
    let labels: Vec<bool> = (0..300).map(|i| i % 10 == 0).collect();
    let score = |y: &bool| {
        let z: f64 = StandardNormal.sample(&mut rng);
        if *y { z + 1.6 } else { z }
    };
    let scores = labels.iter().map(score).collect();
    (labels, scores)
}

/// Share of `draws` intervals that hold `truth`.
fn coverage(draws: u64, truth: f64, interval: impl Fn(&[bool], &[f64]) -> super::Interval) -> f64 {
    let holds = |seed: u64| {
        let (labels, scores) = shifted(seed);
        let interval = interval(&labels, &scores);
        interval.lower <= truth && truth <= interval.upper
    };
    (0..draws).filter(|&seed| holds(seed)).count() as f64 / draws as f64
}

#[test]
fn intervals_of_few_positives_cover_what_they_promise() {
    // The integral of precision over the positives' density, by scipy's quad.
    const TRUTH: f64 = 0.517_205;
    let bootstrap = Bootstrap { n_resamples: 200, ..Bootstrap::default() };
    let one = coverage(200, TRUTH, |labels, scores| {
        bootstrap.average_precision(labels, &[scores]).and_then(|r| r.interval(0)).expect("both classes")
    });
    let folds = super::Folds::new((0..300).map(|i| i / 10 % 5).collect(), 5).expect("five");
    let resampled = |labels: &[bool], scores: &[f64]| {
        bootstrap.average_precision_by_fold(labels, &folds, &[scores]).expect("both classes")
    };
    let by_fold = coverage(200, TRUTH, |labels, scores| resampled(labels, scores).interval(0).expect("one"));
    // Folds of six positives are biased upwards, and percentiles do not see it.
    let percentiles = coverage(200, TRUTH, |labels, scores| {
        let resampled = resampled(labels, scores);
        let estimate = resampled.interval(0).expect("one").estimate;
        let values = resampled.values(0).expect("one");
        super::interval::percentile(bootstrap.confidence, estimate, values).expect("finite")
    });
    assert!(one >= 0.90 && by_fold >= 0.86 && percentiles < 0.75, "{one} {by_fold} {percentiles}");
}

#[test]
fn a_perfect_ranking_of_few_positives_leaves_doubt() {
    let labels: Vec<bool> = (0..100).map(|i| i < 10).collect();
    let scores: Vec<f64> = (0..100).map(|i| -f64::from(i)).collect();
    let resampled = Bootstrap::default().average_precision(&labels, &[&scores]).expect("valid");
    let interval = resampled.interval(0).expect("one");
    assert_eq!((interval.estimate, interval.upper), (1.0, 1.0));
    assert_abs_diff_eq!(interval.lower, 0.025f64.powf(0.1), epsilon = 1e-12);
    // Where all instances tie there is nothing to estimate but the prevalence.
    let tied = Bootstrap::default().average_precision(&labels, &[&[0.5; 100]]).expect("valid");
    let interval = tied.interval(0).expect("one");
    assert_eq!((interval.lower, interval.estimate, interval.upper), (0.1, 0.1, 0.1));
}

#[test]
fn the_gradient_of_the_average_precision_is_its_derivative() {
    use crate::metrics::AveragePrecision;
    // Ties within and between the classes.
    let (labels, scores) = shifted(3);
    let scores: Vec<f64> = scores.iter().map(|s| (s * 2.0).round()).collect();
    let ranking = AveragePrecision::new(&labels, &scores).expect("valid");
    let weights: Vec<f64> = (0..300).map(|i| f64::from(i % 3) + 0.5).collect();
    let gradient = ranking.gradient(&weights).expect("a weight each");
    for i in [0, 1, 10, 20, 33, 170, 299] {
        let at = |h: f64| {
            let mut weights = weights.clone();
            weights[i] += h;
            ranking.weighted(&weights).expect("a weight each")
        };
        assert_abs_diff_eq!(gradient[i], (at(1e-5) - at(-1e-5)) / 2e-5, epsilon = 1e-8);
    }
}

#[test]
fn an_instance_that_is_drawn_brings_its_weight() {
    let (labels, scores) = shifted(5);
    let bootstrap = Bootstrap { n_resamples: 500, ..Bootstrap::default() };
    let folds = super::Folds::new((0..300).map(|i| i / 10 % 3).collect(), 3).expect("three");
    let all = |weights: Option<&[f64]>| {
        let whole = bootstrap.average_precision_weighted(&labels, weights, &[&scores]).expect("both classes");
        let by_fold = bootstrap.average_precision_by_fold_weighted(&labels, weights, &folds, &[&scores]);
        [whole, by_fold.expect("both classes")].map(|r| r.interval(0).expect("one"))
    };
    assert_eq!(all(Some(&[1.0; 300])), all(None));
    // A common factor changes nothing.
    let weights: Vec<f64> = (0..300).map(|i| f64::from(1 + i % 2)).collect();
    let doubled: Vec<f64> = weights.iter().map(|w| 2.0 * w).collect();
    assert_eq!(all(Some(&weights)), all(Some(&doubled)));
    // The estimate is that of each row as often as it weighs.
    let copies: Vec<usize> = (0..300).flat_map(|i| vec![i; 1 + i % 2]).collect();
    let (y, s): (Vec<bool>, Vec<f64>) = copies.iter().map(|&i| (labels[i], scores[i])).unzip();
    let repeated = bootstrap.average_precision(&y, &[&s]).and_then(|r| r.interval(0)).expect("both classes");
    assert_abs_diff_eq!(all(Some(&weights))[0].estimate, repeated.estimate, epsilon = 1e-14);
    assert!(all(Some(&weights))[0].standard_error > repeated.standard_error, "a weight adds no instance");
    assert!(bootstrap.average_precision_weighted(&labels, Some(&[1.0]), &[&scores]).is_err());
}

#[test]
fn folds_in_time_are_as_many_as_asked_for_and_keep_ties_together() {
    for (times, n_splits) in [
        (vec![1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 3.0], 2),
        (vec![5.0, 4.0, 4.0, 3.0, 2.0, 2.0, 1.0], 3),
        ((0..100).map(|i| f64::from(i % 10)).collect(), 9),
    ] {
        let folds = Folds::forward(&times, n_splits).expect("enough times");
        assert_eq!(folds.n_splits(), n_splits);
        for fold in 0..n_splits {
            let (train, test) = (folds.train(fold), folds.test(fold));
            assert!(!train.is_empty() && !test.is_empty(), "{times:?}");
            assert!(train.iter().all(|&i| test.iter().all(|&j| times[i] < times[j])), "{times:?}");
        }
    }
    assert!(Folds::forward(&[1.0, 2.0, 2.0], 2).is_err());
    assert!(Folds::forward(&[1.0, f64::NAN, 2.0, 3.0], 2).is_err());
}

#[test]
fn folds_in_time_leave_out_groups_that_they_score() {
    let times: Vec<f64> = (0..9).map(f64::from).collect();
    let groups = ["a", "b", "c", "a", "d", "e", "b", "d", "f"];
    let folds = Folds::forward(&times, 2).expect("enough times").with_groups_apart(groups);
    assert_eq!((folds.train(0), folds.test(0)), (vec![1, 2], vec![3, 4, 5]));
    assert_eq!((folds.train(1), folds.test(1)), (vec![0, 2, 3, 5], vec![6, 7, 8]));
    // As scikit-learn's TimeSeriesSplit cuts ten instances.
    let folds = Folds::forward(&(0..10).map(f64::from).collect::<Vec<_>>(), 4).expect("enough times");
    assert_eq!((folds.train(0), folds.test(0)), (vec![0, 1], vec![2, 3]));
    assert_eq!((folds.train(3), folds.test(3)), ((0..8).collect(), vec![8, 9]));
}

#[test]
fn holm_agrees_with_r_and_keeps_the_order() {
    // p.adjust(c(0.01, 0.04, 0.03, 0.005, 0.9), "holm") of R.
    let adjusted = holm(&[0.01, 0.04, 0.03, 0.005, 0.9]).expect("p values");
    for (found, expected) in adjusted.iter().zip([0.04, 0.09, 0.09, 0.025, 0.9]) {
        assert_abs_diff_eq!(found, &expected, epsilon = 1e-15);
    }
    assert_eq!(holm(&[0.7, 0.6]).expect("p values"), [1.0, 1.0]);
    assert_eq!(holm(&[]).expect("none"), [0.0; 0]);
    assert!(holm(&[0.5, f64::NAN]).is_err() && holm(&[1.5]).is_err());
}
