//! The fit in passes over shards against the fit in memory.

use cf_ensemble::recommended::{FittedOnShards, Recommended, RecommendedSpec};
use cf_ensemble::shards::{Engine, InMemory, Request, Shape, Statistics};
use cf_ensemble::synthetic::Correlated;
use cf_ensemble::{EnsembleData, Result};
use ndarray::Array2;

/// Five shards of 4,096 rows, half of them labeled.
fn data(m: usize, seed: u64) -> EnsembleData {
    let (prevalence, missing_share) = (0.04, 0.0);
    let whole = Correlated { n_classifiers: m, n_instances: 5 * 4096 - 99, ..Correlated::default() };
    Correlated { prevalence, missing_share, ..whole }.generate(seed).unwrap().data
}

/// Without some cells, and without any cell of one row whose label is taken away, as tables do.
fn with_gaps(data: &EnsembleData) -> EnsembleData {
    let mut r = data.predictions().to_owned();
    let (lost, mut labels) = (data.labeled()[5], data.labels().to_vec());
    labels[lost] = None;
    for ((u, i), p) in r.indexed_iter_mut() {
        if (i * 7 + u * 11) % 13 == 0 || i == lost {
            *p = f64::NAN;
        }
    }
    let names = data.classifier_names().to_vec();
    EnsembleData::new(r, labels).unwrap().with_classifier_names(names).unwrap()
}

fn with_weights(data: EnsembleData) -> EnsembleData {
    let weights = (0..data.n_instances()).map(|i| [0.0, 0.5, 1.0, 3.0][(i / 3) % 4]).collect();
    data.with_sample_weights(weights).unwrap()
}

fn spec(max_instances: usize) -> RecommendedSpec {
    RecommendedSpec { max_instances, ..RecommendedSpec::default() }
}

fn on_shards(spec: &RecommendedSpec, data: &EnsembleData) -> FittedOnShards {
    let mut engine = InMemory::new(data).unwrap().with_shard_rows(4096).unwrap();
    Recommended::try_from(spec.clone()).unwrap().fit_on(&mut engine, &()).unwrap()
}

/// Both fits, and the largest difference of their logits.
fn difference(spec: &RecommendedSpec, data: &EnsembleData) -> f64 {
    let memory = Recommended::try_from(spec.clone()).unwrap().fit(data).unwrap();
    let passes = on_shards(spec, data);
    assert!(passes.sampled && passes.rows.n_instances() == spec.max_instances);
    let logits = |fitted: &cf_ensemble::recommended::FittedRecommended| {
        fitted.model.predict(data.predictions()).unwrap().logits
    };
    let (a, b) = (logits(&memory), logits(&passes.fitted));
    // Out-of-fold logits of the drawn rows are the same ones, too.
    let (held_a, held_b) = (memory.out_of_fold_logits.unwrap(), passes.fitted.out_of_fold_logits.unwrap());
    let place = |i: u64| data.labeled().binary_search(&(i as usize)).unwrap();
    let held = passes.numbers.iter().zip(&held_b).map(|(&i, b)| (held_a[place(i)] - b).abs());
    a.iter().zip(&b).map(|(a, b)| (a - b).abs()).chain(held).fold(0.0, f64::max)
}

#[test]
fn few_labeled_rows_give_the_bits_of_the_fit_in_memory() {
    let whole = data(6, 1);
    let first: Vec<usize> = (0..3000).collect();
    for data in [whole.select_instances(&first).unwrap(), with_gaps(&whole.select_instances(&first).unwrap())]
    {
        let memory = Recommended::default().fit(&data).unwrap();
        let passes = on_shards(&RecommendedSpec::default(), &data);
        assert_eq!(passes.fitted.model, memory.model);
        assert!(!passes.sampled);
        let places: Vec<usize> = passes.numbers.iter().map(|&i| i as usize).collect();
        assert_eq!(places, data.labeled());
    }
}

#[test]
fn many_labeled_rows_give_the_bits_of_the_fit_in_memory() {
    let whole = data(6, 2);
    let combiner = Recommended::try_from(spec(1500)).unwrap();
    for data in [with_gaps(&whole), whole] {
        let memory = combiner.fit(&data).unwrap();
        let passes = combiner.fit_on(&mut InMemory::new(&data).unwrap(), &()).unwrap();
        assert!(passes.sampled && passes.fitted.model == memory.model);
    }
}

#[test]
fn sample_weights_and_other_shards_give_the_model_of_the_fit_in_memory_to_rounding() {
    let whole = data(6, 2);
    assert!(difference(&spec(1500), &whole) < 1e-7);
    assert!(difference(&spec(1500), &with_gaps(&whole)) < 1e-7);
    assert!(difference(&spec(1500), &with_weights(whole)) < 1e-7);
}

#[test]
fn many_classifiers_are_screened_on_the_drawn_rows() {
    let whole = data(44, 3);
    let first: Vec<usize> = (0..3000).collect();
    assert!(difference(&spec(600), &with_gaps(&whole.select_instances(&first).unwrap())) < 1e-6);
}

/// Runs a pass by tasks of some shards each, merged from the last to the first and through bytes.
struct Tasks<'a> {
    engine: InMemory<'a>,
    shards: u64,
}

impl Engine for Tasks<'_> {
    fn shape(&self) -> &Shape {
        self.engine.shape()
    }

    fn pass(&mut self, request: &Request) -> Result<Statistics> {
        let request = Request::from_bytes(&request.to_bytes())?;
        let shape = self.engine.shape().clone();
        let mut all = Statistics::new(&shape, &request);
        let firsts: Vec<u64> = (0..shape.shards()).step_by(self.shards as usize).collect();
        for first in firsts.into_iter().rev() {
            let mut task = Statistics::new(&shape, &request);
            for shard in (first..shape.shards().min(first + self.shards)).rev() {
                task = task.merge(request.of_block(&shape, &self.engine.block(shard))?)?;
            }
            all = Statistics::from_bytes(&task.to_bytes())?.merge(all)?;
        }
        Ok(all)
    }
}

#[test]
fn any_partition_gives_the_same_bits() {
    let data = with_weights(with_gaps(&data(4, 4)));
    let one = on_shards(&spec(800), &data);
    for shards in [1, 2, 3] {
        let engine = InMemory::new(&data).unwrap().with_shard_rows(4096).unwrap();
        let combiner = Recommended::try_from(spec(800)).unwrap();
        let other = combiner.fit_on(&mut Tasks { engine, shards }, &()).unwrap();
        assert_eq!(other.fitted.model, one.fitted.model);
        assert_eq!(other.numbers, one.numbers);
    }
}

#[test]
fn copies_of_a_row_fill_the_sample_all_the_same() {
    // Few distinct rows: most of them have a key above any that is likely.
    let cell = |(u, i): (usize, usize)| [0.1, 0.3, 0.8][(i / (u + 1)) % 3];
    let labels = (0..9000).map(|i| Some(i % 17 == 0)).collect();
    let data = EnsembleData::new(Array2::from_shape_fn((2, 9000), cell), labels).unwrap();
    assert!(difference(&spec(1000), &data) < 1e-7);
}

#[test]
fn what_cannot_be_learned_from_is_refused_as_in_memory() {
    let one = EnsembleData::new(Array2::from_elem((2, 50), 0.5), vec![Some(false); 50]).unwrap();
    let none = one.clone().with_labels(vec![None; 50]).unwrap();
    let weightless = one.clone().with_sample_weights(vec![0.0; 50]).unwrap();
    for data in [one, none, weightless] {
        let memory = Recommended::default().fit(&data).unwrap_err().to_string();
        let mut engine = InMemory::new(&data).unwrap();
        let passes = Recommended::default().fit_on(&mut engine, &()).unwrap_err().to_string();
        assert_eq!(passes, memory);
    }
}
