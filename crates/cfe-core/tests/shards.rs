//! Sums over shards: the same bits for any partition and order of merging, and no silent wrong sum.

use std::sync::OnceLock;

use cfe_core::shards::{Engine, InMemory, Late, Point, Request, ShardError, Statistics, Step, Sums, Sweep};
use cfe_core::{Aggregator, Confidence, Costs, Dtype, EnsembleData, Error, SupervisedLoss};
use ndarray::Array2;
use proptest::prelude::*;

const ROWS: usize = 4096;
const SHARDS: u64 = 11;

/// Ten shards and a bit, some cells missing, every other row unlabeled.
fn data() -> &'static EnsembleData {
    static DATA: OnceLock<EnsembleData> = OnceLock::new();
    DATA.get_or_init(|| {
        let n = 10 * ROWS + 321;
        let cell = |(u, i): (usize, usize)| match (i * 7 + u * 13) % 19 {
            0 => f64::NAN,
            k => (k as f64 + (i % 101) as f64 / 101.0) / 20.0,
        };
        let labels = (0..n).map(|i| (i % 2 == 0).then_some(i % 14 == 0)).collect();
        EnsembleData::new(Array2::from_shape_fn((3, n), cell), labels).expect("valid")
    })
}

fn engine() -> InMemory<'static> {
    InMemory::new(data()).and_then(|engine| engine.with_shard_rows(ROWS)).expect("in range")
}

fn sweep() -> Request {
    let classifiers = Array2::from_shape_fn((2, 3), |(k, u)| 0.3 + 0.1 * k as f64 - 0.2 * u as f64);
    let (weights, bias) = (vec![0.5, -0.25, 1.0], 0.125);
    let aggregator = Aggregator::Weighted { weights: weights.clone(), bias };
    Request::Sweep(Box::new(Sweep {
        late: Some(Late { classifiers: classifiers.clone(), aggregator }),
        at: Point { classifiers, weights, bias },
        lambda: 0.01,
        dtype: Dtype::F64,
        confidence: Confidence::label_blended(1.0).fit(data()).expect("in range"),
        loss: SupervisedLoss::Bce,
        step_weights: (0.5, 3.0),
        loss_weights: (0.5, 3.0),
        costs: Costs::default(),
        equations: true,
        step: Step::Gradient,
    }))
}

/// The statistics of each shard, and the sums of all in one pass.
fn parts() -> &'static (Vec<Statistics>, Sums) {
    static PARTS: OnceLock<(Vec<Statistics>, Sums)> = OnceLock::new();
    PARTS.get_or_init(|| {
        let (mut engine, request) = (engine(), sweep());
        let of = |shard| request.of_block(engine.shape(), &engine.block(shard)).expect("a shard");
        let each = (0..SHARDS).map(of).collect();
        (each, engine.pass(&request).and_then(|all| Ok(all.finish()?)).expect("all shards"))
    })
}

fn bits(sums: &Sums) -> Vec<u64> {
    sums.added.iter().map(|v| v.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_partition_merged_in_any_order_gives_the_same_bits(
        worker in prop::collection::vec(0usize..4, SHARDS as usize),
        order in Just((0..SHARDS as usize).collect::<Vec<_>>()).prop_shuffle(),
        through_bytes in any::<bool>(),
    ) {
        let (each, whole) = parts();
        let mut of_workers = vec![Statistics::new(engine().shape(), &sweep()); 4];
        for &shard in &order {
            let own = &mut of_workers[worker[shard]];
            *own = own.clone().merge(each[shard].clone()).expect("a new shard");
        }
        let mut all = Statistics::new(engine().shape(), &sweep());
        for part in of_workers.into_iter().rev() {
            let part = match through_bytes {
                true => Statistics::from_bytes(&part.to_bytes()).expect("whole"),
                false => part,
            };
            all = all.merge(part).expect("disjoint");
        }
        prop_assert_eq!(bits(&all.finish().expect("all shards")), bits(whole));
    }

    #[test]
    fn a_gap_is_named(missing in prop::collection::btree_set(0..SHARDS, 1..SHARDS as usize)) {
        let (each, _) = parts();
        let mut all = Statistics::new(engine().shape(), &sweep());
        for shard in (0..SHARDS).filter(|shard| !missing.contains(shard)) {
            all = all.merge(each[shard as usize].clone()).expect("disjoint");
        }
        let error = all.finish().expect_err("shards are missing");
        let lowest = *missing.first().expect("at least one");
        let count = missing.len() as u64;
        let ok = matches!(error, ShardError::Missing { first, count: k, shards: SHARDS } if first == lowest && k == count);
        prop_assert!(ok, "{error}");
    }

    #[test]
    fn a_double_is_named(taken in prop::collection::btree_set(0..SHARDS, 1..SHARDS as usize), at in any::<prop::sample::Index>()) {
        let (each, _) = parts();
        let mut all = Statistics::new(engine().shape(), &sweep());
        for &shard in &taken {
            all = all.merge(each[shard as usize].clone()).expect("disjoint");
        }
        let twice = *taken.iter().nth(at.index(taken.len())).expect("one of them");
        let error = all.merge(each[twice as usize].clone()).expect_err("twice");
        let named = matches!(error, ShardError::Twice { shard } if shard == twice);
        prop_assert!(named, "{error}");
    }

    #[test]
    fn damaged_bytes_are_refused(cut in any::<prop::sample::Index>(), more in any::<bool>()) {
        let mut bytes = parts().0[3].to_bytes();
        match more {
            true => bytes.push(0),
            false => bytes.truncate(cut.index(bytes.len())),
        }
        let refused = matches!(Statistics::from_bytes(&bytes), Err(ShardError::Damaged { .. }));
        prop_assert!(refused);
    }
}

#[test]
fn only_sums_of_the_same_pass_over_the_same_data_merge() {
    let (each, _) = parts();
    let engine = engine();
    let other_request = Request::Profile.of_block(engine.shape(), &engine.block(1)).expect("a shard");
    assert!(matches!(each[0].clone().merge(other_request), Err(ShardError::OtherRequest)));
    let mut other = engine.shape().clone();
    other.fingerprint = "another table".to_owned();
    let other_data = sweep().of_block(&other, &engine.block(1)).expect("a shard");
    let error = each[0].clone().merge(other_data).expect_err("other data");
    assert!(error.to_string().contains("another table"), "{error}");
    // The code of the instruction set stands behind the fingerprint and the request.
    let mut bytes = each[1].to_bytes();
    let at = bytes.windows(9).position(|word| word == b"in memory").expect("the fingerprint") + 9 + 8;
    bytes[at] = if bytes[at] == 0 { 1 } else { 0 };
    let elsewhere = Statistics::from_bytes(&bytes).expect("whole");
    assert!(matches!(each[0].clone().merge(elsewhere), Err(ShardError::OtherInstructionSet { .. })));
}

#[test]
fn threads_change_no_bit() {
    let (_, whole) = parts();
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let sums = pool.install(|| engine().pass(&sweep())).and_then(|all| Ok(all.finish()?));
        assert_eq!(bits(&sums.expect("all shards")), bits(whole), "{threads} threads");
    }
}

#[test]
fn what_is_no_shard_and_no_confidence_is_refused() {
    let (engine, small) = (engine(), InMemory::new(data()).expect("valid"));
    let error = Request::Profile.of_block(engine.shape(), &small.block(0)).expect_err("more than a shard");
    assert!(matches!(error, Error::Shards(ShardError::NotAShard { rows: 41281, expected_end: 4096, .. })));
    let Request::Sweep(mut given) = sweep() else { unreachable!("it is a sweep") };
    let with_matrix =
        data().clone().with_confidence(Array2::ones(data().predictions().dim())).expect("valid");
    given.confidence =
        Confidence::new(cfe_core::ConfidenceStrategy::Given).fit(&with_matrix).expect("there is one");
    let error = Request::Sweep(given).of_block(engine.shape(), &engine.block(0));
    assert!(matches!(error, Err(Error::MissingConfidence)));
}

#[test]
fn a_request_survives_its_bytes() {
    for request in [Request::Profile, sweep()] {
        assert_eq!(Request::from_bytes(&request.to_bytes()).expect("whole"), request);
    }
    assert!(matches!(Request::from_bytes(b"{}"), Err(ShardError::Damaged { .. })));
}
