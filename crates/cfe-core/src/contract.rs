//! What every trainer must hold to; one suite, run over each backend with a few lines in its tests.

use std::ops::ControlFlow;

use ndarray::{Array2, ArrayView2};
use serde_json::{Value, json};

use crate::data::EnsembleData;
use crate::error::Error;
use crate::factors::Factors;
use crate::history::StopReason;
use crate::parameters::Parameters;
use crate::synthetic::{Correlated, Separable};
use crate::trainer::{FnObserver, Step, Trainer, WeightTrace};

/// What the suite asks a backend to build.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// d.
    pub latent_dim: usize,
    /// Iterations at most.
    pub iterations: usize,
    /// Seed of the start.
    pub seed: u64,
}

impl Default for Request {
    fn default() -> Self {
        Self { latent_dim: 3, iterations: 15, seed: 1 }
    }
}

/// Builds a trainer for a request, with class weights on and lambda > 0.
pub type Build<'a> = &'a dyn Fn(Request) -> Box<dyn Trainer>;

fn small() -> EnsembleData {
    let spec = Correlated {
        n_classifiers: 6,
        n_instances: 80,
        n_clusters: 3,
        missing_share: 0.2,
        ..Correlated::default()
    };
    spec.generate(12).expect("valid parameters").data
}

/// Runs the whole suite.
///
/// # Panics
/// With the name of the promise that was broken.
pub fn check_all(build: Build<'_>) {
    same_seed_same_bits(build);
    losses_and_predictions_are_finite(build);
    shapes_are_checked(build);
    an_observer_sees_every_iteration_and_can_stop(build);
    a_resumed_run_ends_with_the_same_bits(build);
    one_class_trains_and_no_label_is_an_error(build);
    every_instance_may_be_labeled(build);
    extreme_shapes_train(build);
    class_weights_prevent_collapse(build);
    a_missing_prediction_does_not_matter(build);
    a_start_ignores_labels_if_it_says_so(build);
}

/// Every settings document that differs from `settings` in one key, which has an absurd value: for property
/// tests that cover a new key without being told of it. Gives the path of the key with the document.
pub fn absurd_settings(settings: &Value) -> Vec<(String, Value)> {
    // Values of every type and size that a settings file could hold, of which most are out of any range.
    let absurd = [
        json!(0),
        json!(-1),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(99_999),
        json!(1_000_000_000),
        json!(1_000_000_000_000_000_u64),
        json!(0.5),
        json!(-0.5),
        json!(1e308),
        json!(-1e308),
        json!(5e-324),
        Value::Null,
        json!(true),
        json!("nonsense"),
        json!([]),
        json!({}),
    ];
    let mut documents = Vec::new();
    for path in paths(settings, "") {
        for value in &absurd {
            let mut document = settings.clone();
            if let Some(place) = document.pointer_mut(&path) {
                *place = value.clone();
            }
            documents.push((format!("{path} = {value}"), document));
        }
    }
    documents
}

/// JSON pointers to all keys, the outer ones first.
fn paths(value: &Value, from: &str) -> Vec<String> {
    let Value::Object(object) = value else { return Vec::new() };
    let inner = |(key, value): (&String, &Value)| {
        let path = format!("{from}/{key}");
        std::iter::once(path.clone()).chain(paths(value, &path)).collect::<Vec<_>>()
    };
    object.iter().flat_map(inner).collect()
}

/// Same seed, same bits; another seed, another start.
pub fn same_seed_same_bits(build: Build<'_>) {
    let data = small();
    let fit = |seed| build(Request { seed, ..Request::default() }).fit(&data).expect("fits");
    let (a, b, other) = (fit(5), fit(5), fit(6));
    assert_eq!(a.model, b.model, "same seed, another model");
    assert_eq!(a.history.losses(), b.history.losses(), "same seed, another history");
    assert_ne!(a.model.factors, other.model.factors, "the seed has no effect");
}

/// A start that is said to ignore the labels is the same for other labels.
pub fn a_start_ignores_labels_if_it_says_so(build: Build<'_>) {
    let data = small();
    let trainer = build(Request::default());
    if trainer.start_ignores_labels() {
        let turned = data.labels().iter().map(|label| label.map(|label| !label)).collect();
        let turned = data.clone().with_labels(turned).expect("as many labels");
        let starts = [&data, &turned].map(|data| trainer.start(data).expect("a start"));
        assert_eq!(starts[0], starts[1], "the start looks at the labels");
        let d = starts[0].factors.latent_dim();
        assert!(trainer.latent_dim().is_none_or(|known| known == d), "another latent dimension than it says");
    }
}

/// Every loss of the history and every prediction is finite.
pub fn losses_and_predictions_are_finite(build: Build<'_>) {
    let data = small();
    let fitted = build(Request::default()).fit(&data).expect("fits");
    assert!(!fitted.history.entries.is_empty(), "no history");
    assert!(fitted.history.losses().iter().all(|l| l.is_finite()), "a loss is not finite");
    assert!(fitted.loss.total.is_finite(), "the final loss is not finite");
    assert!(!fitted.device.is_empty(), "the device is not named");
    let predictions = fitted.model.predict_training(&data).expect("same data");
    assert_eq!(predictions.probabilities.len(), data.n_instances());
    assert!(predictions.probabilities.iter().all(|p| (0.0..=1.0).contains(p)), "no probability");
    let folded = fitted.model.predict_new(data.predictions()).expect("same classifiers");
    assert!(folded.probabilities.iter().all(|p| (0.0..=1.0).contains(p)), "no probability after fold-in");
}

/// A start that does not fit the data is refused, one dimension at a time.
pub fn shapes_are_checked(build: Build<'_>) {
    let data = small();
    let (m, n) = (data.n_classifiers(), data.n_instances());
    let trainer = build(Request::default());
    // One classifier or one instance too many or too few, all else fitting.
    for (m, n) in [(m + 1, n), (m, n + 1), (m - 1, n), (m, n - 1)] {
        let start = Parameters::random(3, m, n, 1).expect("in range");
        assert!(trainer.fit_from(start, &data, &mut ()).is_err(), "a start for {m} x {n} was accepted");
    }
    let mut start = Parameters::random(3, m, n, 1).expect("in range");
    start.weights.pop();
    assert!(trainer.fit_from(start, &data, &mut ()).is_err(), "too few weights were accepted");
    let mut start = Parameters::random(3, m, n, 1).expect("in range");
    // Factors of two ranks have no product.
    start.bias = f64::NAN;
    assert!(trainer.fit_from(start, &data, &mut ()).is_err(), "a NaN bias was accepted");
    let start = Parameters::with_factors(Factors {
        classifiers: Array2::zeros((3, m)),
        instances: Array2::zeros((2, n)),
    });
    assert!(trainer.fit_from(start, &data, &mut ()).is_err(), "two latent dimensions were accepted");
}

/// Steps come in order from 0, and `Break` ends the run with the present parameters.
pub fn an_observer_sees_every_iteration_and_can_stop(build: Build<'_>) {
    let data = small();
    let trainer = build(Request { iterations: 12, ..Request::default() });
    let mut trace = WeightTrace::default();
    let start = trainer.start(&data).expect("a start");
    let fitted = trainer.fit_from(start.clone(), &data, &mut trace).expect("fits");
    let seen: Vec<usize> = trace.points.iter().map(|p| p.iteration).collect();
    assert_eq!(seen, (0..=12).collect::<Vec<_>>(), "steps seen");
    // A backend may compute in f32.
    let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-7;
    assert!(trace.points[0].weights.iter().zip(&start.weights).all(near), "step 0 is the start");
    let (weights, _) = fitted.model.aggregator.weights().expect("weighted");
    assert_eq!(trace.points[12].weights, weights, "the last step is the model");

    // Five steps are seen, of iterations 0 to 4, and the model is that of the last.
    let mut count = 0;
    let mut stop = FnObserver(|step: &Step<'_>| {
        count += 1;
        if step.iteration == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let stopped = trainer.fit_from(start, &data, &mut stop).expect("fits");
    assert_eq!(stopped.stop, StopReason::Observer);
    assert_eq!(count, 5, "steps after Break");
    let (weights, _) = stopped.model.aggregator.weights().expect("weighted");
    assert_eq!(trace.points[4].weights, weights, "the model of a stopped run");
}

/// Interrupted at the start, on the way and at the end, and resumed: model, history, loss and reason to
/// stop are those of the unbroken run, to the bit.
pub fn a_resumed_run_ends_with_the_same_bits(build: Build<'_>) {
    let trainer = build(Request { iterations: 12, ..Request::default() });
    resumes_to_the_same_bits(trainer.as_ref(), &small(), &[0, 1, 5, 11, 12]);
}

/// The same for a trainer with a spec of its own, interrupted after each of `breaks` iterations; those that
/// the run does not reach are left out.
pub fn resumes_to_the_same_bits(trainer: &dyn Trainer, data: &EnsembleData, breaks: &[usize]) {
    let whole = trainer.fit(data).expect("fits");
    for &at in breaks {
        let mut kept = None;
        let mut stop = FnObserver(|step: &Step<'_>| {
            if step.iteration < at {
                return ControlFlow::Continue(());
            }
            // A trainer that ignores `Break` must not replace the state that was kept first.
            kept = kept.take().or_else(|| Some(step.training_state().expect("a state")));
            ControlFlow::Break(())
        });
        trainer.fit_from(trainer.start(data).expect("a start"), data, &mut stop).expect("fits");
        let Some(state) = kept else { continue };
        assert_eq!(state.iteration, at);
        let resumed = trainer.resume(state, data, &mut ()).expect("goes on");
        assert_eq!(resumed.model, whole.model, "the model after a break at {at}");
        assert_eq!(resumed.history, whole.history, "the history after a break at {at}");
        assert_eq!((resumed.loss, resumed.stop), (whole.loss, whole.stop), "after a break at {at}");
    }
}

/// One class trains with weights of 1; no label at all is an error.
pub fn one_class_trains_and_no_label_is_an_error(build: Build<'_>) {
    let data = small();
    let trainer = build(Request::default());
    // A class alone has nothing to be balanced with: weights are 1 and no shift is undone.
    for class in [false, true] {
        let labels = data.labels().iter().map(|l| l.filter(|&y| y == class)).collect();
        let one = data.clone().with_labels(labels).expect("same length");
        let fitted = trainer.fit(&one).expect("one class is defined");
        assert!(fitted.loss.total.is_finite());
        assert_eq!(fitted.model.logit_shift, 0.0, "one class has nothing to correct");
    }
    let unlabeled = data.clone().with_labels(vec![None; data.n_instances()]).expect("same length");
    assert!(matches!(trainer.fit(&unlabeled), Err(Error::NoLabels)), "no labels must be an error");
}

/// A fully labeled matrix trains.
pub fn every_instance_may_be_labeled(build: Build<'_>) {
    let drawn =
        Separable { n_instances: 60, labeled_share: 1.0, ..Separable::default() }.generate(2).expect("valid");
    assert!(build(Request::default()).fit(&drawn.data).expect("fits").loss.total.is_finite());
}

/// m = 1, n = 1, d > m and d > n.
pub fn extreme_shapes_train(build: Build<'_>) {
    // Each shape takes another way through the kernel: dual systems, one classifier, one instance.
    for (m, n, d) in [(1, 30, 2), (4, 2, 3), (2, 40, 9), (1, 1, 1), (3, 1, 5)] {
        let predictions =
            Array2::from_shape_fn((m, n), |(u, i)| 0.1 + 0.8 * ((u * 7 + i * 3) % 11) as f64 / 10.0);
        let labels = (0..n).map(|i| Some(i % 2 == 0)).collect();
        let data = EnsembleData::new(predictions, labels).expect("valid");
        let fitted = build(Request { latent_dim: d, ..Request::default() }).fit(&data).expect("fits");
        assert_eq!(fitted.model.factors.latent_dim(), d);
        assert!(fitted.loss.total.is_finite(), "m = {m}, n = {n}, d = {d}");
    }
}

/// The reason this library exists: with class weights the ranking stays the right way up.
pub fn class_weights_prevent_collapse(build: Build<'_>) {
    let drawn =
        Separable { prevalence: 0.05, n_instances: 400, ..Separable::default() }.generate(3).expect("valid");
    let trainer = build(Request { latent_dim: 5, iterations: 100, seed: 1 });
    let fitted = trainer.fit(&drawn.data).expect("fits");
    let predictions = fitted.model.predict_training(&drawn.data).expect("same data");
    let scored = crate::metrics::Scored::new(&drawn.truth, &predictions.logits).expect("finite logits");
    let auc = scored.ranking().roc_auc().expect("two classes");
    assert!(auc > 0.95, "ROC-AUC {auc}");
}

/// A missing cell has no influence. A classifier and an instance of which every cell is missing leave the
/// predictions for all others as they are without them, and what stands in a missing cell, any of the many
/// NaNs, changes no bit.
pub fn a_missing_prediction_does_not_matter(build: Build<'_>) {
    let data = small();
    let (m, n) = (data.n_classifiers(), data.n_instances());
    assert!(data.n_missing() > 0, "the data of this test have missing cells");
    let trainer = build(Request::default());
    let start = trainer.start(&data).expect("a start");
    let fitted = trainer.fit_from(start.clone(), &data, &mut ()).expect("fits");
    let predictions = fitted.model.predict_training(&data).expect("same data");

    // One more row and one more column without a prediction, which start at 0.
    let extended = |matrix: ArrayView2<'_, f64>, rows: usize, columns: usize, filling: f64| {
        let shape = (matrix.nrows() + rows, matrix.ncols() + columns);
        Array2::from_shape_fn(shape, |place| *matrix.get(place).unwrap_or(&filling))
    };
    let labels = data.labels().iter().copied().chain([None]).collect();
    let larger = EnsembleData::new(extended(data.predictions(), 1, 1, f64::NAN), labels).expect("valid");
    let Parameters { factors, mut weights, bias } = start.clone();
    weights.push(0.0);
    let factors = Factors {
        classifiers: extended(factors.classifiers.view(), 0, 1, 0.0),
        instances: extended(factors.instances.view(), 0, 1, 0.0),
    };
    let with_gaps = trainer.fit_from(Parameters { factors, weights, bias }, &larger, &mut ()).expect("fits");
    let of_larger = with_gaps.model.predict_training(&larger).expect("same data");
    // The sums over more cells are split differently, and a backend may compute in f32.
    for (i, (a, b)) in predictions.logits.iter().zip(&of_larger.logits).enumerate() {
        assert!((a - b).abs() < 1e-3 * a.abs().max(1.0), "instance {i}: {a} without the gaps, {b} with them");
    }
    assert_eq!(of_larger.n_observed[n], 0);
    let (weights, _) = with_gaps.model.aggregator.weights().expect("weighted");
    assert_eq!(weights[m], 0.0, "the weight of a classifier without a prediction");

    // Sign and payload differ from the NaN of Rust: code that compared bits would notice.
    let other_nan = f64::from_bits(f64::NAN.to_bits() ^ (1 << 63) ^ 0x5ca1ab1e);
    assert!(other_nan.is_nan());
    let renamed = data.predictions().mapv(|r| if r.is_nan() { other_nan } else { r });
    let renamed = EnsembleData::new(renamed, data.labels().to_vec()).expect("valid");
    let again = trainer.fit_from(start, &renamed, &mut ()).expect("fits");
    assert_eq!(again.model, fitted.model, "another NaN in the missing cells");
}
