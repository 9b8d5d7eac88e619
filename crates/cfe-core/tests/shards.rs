//! Sums over shards: the same bits for any partition and order of merging, and no silent wrong sum.

use std::sync::OnceLock;

use cfe_core::columns::{Fill, StandardColumn, Standardizer, View};
use cfe_core::keys::row_keys;
use cfe_core::shards::{
    Block, ColumnAbout, Draw, Engine, InMemory, Late, Point, Request, ShardError, Statistics, Step,
    StoredPredictions, Sums, Sweep,
};
use cfe_core::{Aggregator, Confidence, Costs, Dtype, EnsembleData, Error, SupervisedLoss};
use ndarray::{Array2, ArrayView1};
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

/// Passes over the labeled instances alone.
fn of_labeled() -> &'static Vec<(Request, Vec<Statistics>, Sums)> {
    static PARTS: OnceLock<Vec<(Request, Vec<Statistics>, Sums)>> = OnceLock::new();
    PARTS.get_or_init(|| {
        let about = |classifier| ColumnAbout { classifier, view: View::LogOdds, clip: 1e-4, center: 0.25 };
        let draw = Draw {
            seed: 3,
            weightless: false,
            looked_at: vec![true, false, true],
            most: (700, 40),
            largest_key: (u64::MAX / 4, u64::MAX),
            columns: vec![about(2), about(0)],
        };
        let column =
            |classifier, view| StandardColumn { classifier, view, clip: 1e-4, center: 0.4, scale: 0.25 };
        let columns = vec![column(0, View::Probability), column(1, View::LogOdds), column(2, View::LogOdds)];
        let loadings = Array2::from_shape_fn((2, 3), |(d, j)| 0.5 - 0.2 * d as f64 + 0.1 * j as f64);
        let filled = Standardizer { columns: columns.clone(), fill: Some(Fill { loadings, ridge: 0.5 }) };
        let moments = vec![filled, Standardizer { columns, fill: None }];
        let requests = [Request::Survey, Request::Draw(Box::new(draw)), Request::Moments(moments)];
        let of = |request: Request| {
            let mut engine = engine();
            let each =
                (0..SHARDS).map(|k| request.of_block(engine.shape(), &engine.block(k)).expect("a shard"));
            let each = each.collect();
            let whole = engine.pass(&request).and_then(|all| Ok(all.finish()?)).expect("all shards");
            (request, each, whole)
        };
        requests.into_iter().map(of).collect()
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
    fn instances_are_drawn_alike_from_any_partition(
        worker in prop::collection::vec(0usize..4, SHARDS as usize),
        order in Just((0..SHARDS as usize).collect::<Vec<_>>()).prop_shuffle(),
        which in 0usize..3,
    ) {
        let (request, each, whole) = &of_labeled()[which];
        let mut of_workers = vec![Statistics::new(engine().shape(), request); 4];
        for &shard in &order {
            let own = &mut of_workers[worker[shard]];
            *own = own.clone().merge(each[shard].clone()).expect("a new shard");
        }
        let mut all = Statistics::new(engine().shape(), request);
        for part in of_workers {
            all = all.merge(Statistics::from_bytes(&part.to_bytes()).expect("whole")).expect("disjoint");
        }
        let sums = all.finish().expect("all shards");
        prop_assert_eq!(bits(&sums), bits(whole));
        // NaN is not equal to itself, and so the rows are compared by their numbers.
        let numbers = |sums: &Sums| {
            let rows = sums.drawn.negatives.iter().chain(&sums.drawn.positives);
            rows.map(|row| (row.key, row.row)).collect::<Vec<_>>()
        };
        prop_assert_eq!(numbers(&sums), numbers(whole));
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
fn the_smallest_keys_are_drawn_and_the_sums_are_those_of_all_rows() {
    let (data, parts) = (data(), of_labeled());
    let (survey, sums) = (&parts[0].0, &parts[0].2);
    let survey = survey.survey(sums.clone()).expect("a survey");
    let r = data.predictions();
    let observed = |i: &usize| r.column(*i).iter().any(|p| !p.is_nan());
    let labeled: Vec<usize> = data.labeled().iter().copied().filter(observed).collect();
    assert_eq!(survey.learnable.0 + survey.learnable.1, labeled.len() as u64);
    let cells = || labeled.iter().map(|&i| r[(1, i)]).filter(|p| !p.is_nan());
    assert_eq!(survey.classifiers[1].observed, cells().count() as u64);
    assert!((survey.classifiers[1].sum - cells().sum::<f64>()).abs() < 1e-9);
    assert_eq!(survey.classifiers[1].least, cells().fold(1.0, f64::min));

    let (drawn, spreads) = parts[1].0.drawn(parts[1].2.clone()).expect("drawn");
    let keys = row_keys(r, &labeled, &[true, false, true], 3);
    for (label, rows, largest) in
        [(false, &drawn.negatives, u64::MAX / 4), (true, &drawn.positives, u64::MAX)]
    {
        let own = labeled
            .iter()
            .zip(&keys)
            .filter(|(i, key)| data.labels()[**i] == Some(label) && **key <= largest);
        let mut own: Vec<(u64, u64)> = own.map(|(&i, &key)| (key, i as u64)).collect();
        own.sort_unstable();
        own.truncate(rows.len());
        assert_eq!(rows.iter().map(|row| (row.key, row.row)).collect::<Vec<_>>(), own);
    }
    assert_eq!((drawn.negatives.len(), drawn.positives.len()), (700, 40));
    let logits: Vec<f64> =
        labeled.iter().map(|&i| View::LogOdds.of(r[(2, i)], 1e-4)).filter(|v| !v.is_nan()).collect();
    let mean = logits.iter().sum::<f64>() / logits.len() as f64;
    let variance = logits.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / logits.len() as f64;
    assert!((spreads[0].mean - mean).abs() < 1e-12 && (spreads[0].deviation - variance.sqrt()).abs() < 1e-12);

    let moments = parts[2].0.moments(parts[2].2.clone()).expect("moments");
    let Request::Moments(sets) = &parts[2].0 else { unreachable!("they are moments") };
    for (set, moments) in sets.iter().zip(&moments) {
        let g = set.apply(r, &labeled);
        let off = (&g.dot(&g.t()) - &moments.gram).iter().fold(0.0_f64, |most, v| most.max(v.abs()));
        assert!(off < 1e-8, "{off}");
        assert!((g.row(0).sum() - moments.sum[0]).abs() < 1e-8 && moments.count == labeled.len() as u64);
    }
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

/// Predictions classifier by classifier in half the width.
#[derive(Debug)]
struct Narrow(Vec<Vec<f32>>);

impl StoredPredictions for Narrow {
    fn n_classifiers(&self) -> usize {
        self.0.len()
    }

    fn n_instances(&self) -> usize {
        self.0[0].len()
    }

    fn copy(&self, classifier: usize, start: usize, out: &mut [f64]) {
        out.iter_mut().zip(&self.0[classifier][start..]).for_each(|(out, &r)| *out = f64::from(r));
    }
}

#[test]
fn predictions_in_a_layout_of_their_own_give_the_same_bits() {
    // Numbers that both formats hold, and several panels a shard, the last one short.
    let rounded = data().predictions().mapv(|r| f64::from(r as f32));
    let data = EnsembleData::new(rounded, data().labels().to_vec()).expect("valid");
    let engine = InMemory::new(&data).and_then(|engine| engine.with_shard_rows(4 * ROWS)).expect("in range");
    let Request::Sweep(sweep_in_f64) = sweep() else { unreachable!("it is a sweep") };
    let labeled_alone = Sweep { equations: false, step: Step::Frozen, ..(*sweep_in_f64).clone() };
    let in_f32 = Sweep { dtype: Dtype::F32, ..*sweep_in_f64 };
    let sweeps = [labeled_alone, in_f32].map(|sweep| Request::Sweep(Box::new(sweep)));
    let requests = [Request::Profile, sweep()].into_iter().chain(sweeps);
    for request in requests.chain(of_labeled().iter().map(|(request, ..)| request.clone())) {
        for shard in 0..engine.shape().shards() {
            let rows = engine.shape().rows_of(shard);
            let first = rows.start;
            let rows = rows.start as usize..rows.end as usize;
            let narrow = |row: ArrayView1<'_, f64>| rows.clone().map(|i| row[i] as f32).collect();
            let stored = Narrow(data.predictions().rows().into_iter().map(narrow).collect());
            let block = Block::stored(first, &stored, &data.labels()[rows.clone()]).expect("as long");
            let found = request.of_block(engine.shape(), &block).expect("a shard");
            let expected = request.of_block(engine.shape(), &engine.block(shard)).expect("a shard");
            assert_eq!(found.to_bytes(), expected.to_bytes(), "{request:?}");
        }
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
