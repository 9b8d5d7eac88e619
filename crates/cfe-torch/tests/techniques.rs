//! Every technique in tensors against the core's formulas, and against ALS.

use cfe_als::{Als, AlsObjective, AlsSpec};
use cfe_core::metrics::Scored;
use cfe_core::objective::Problem;
use cfe_core::synthetic::Correlated;
use cfe_core::{
    AggregatorKind, BiasStart, ClassWeight, Confidence, ConfidenceStrategy, Costs, EnsembleData, Factors,
    Fitted, Parameters, Reduction, Resampling, Sampler, SupervisedLoss, Trainer, WeightSchedule, WeightTrace,
};
use cfe_torch::{AggregatorSpec, Device, Dtype, Optimizer, Torch, TorchSpec};
use ndarray::Array2;

const RATE: f64 = 1e-3;

fn data(seed: u64) -> EnsembleData {
    let spec = Correlated { n_instances: 150, missing_share: 0.1, ..Correlated::default() };
    let data = spec.generate(seed).expect("valid").data;
    let n = data.n_instances();
    data.with_sample_weights((0..n).map(|i| 0.5 + (i % 3) as f64).collect()).expect("valid")
}

/// One epoch moves a parameter by the rate times its gradient.
fn one_step() -> TorchSpec {
    TorchSpec {
        latent_dim: 3,
        rho: 0.3,
        lambda: 0.02,
        reduction: Reduction::Mean,
        optimizer: Optimizer::Sgd { momentum: 0.0 },
        learning_rate: RATE,
        max_iterations: 1,
        early_stopping: None,
        reduce_on_plateau: None,
        restore_best: false,
        dtype: Dtype::F64,
        device: Device::Cpu,
        ..TorchSpec::default()
    }
}

fn fit_from(spec: TorchSpec, start: Parameters, data: &EnsembleData) -> Fitted {
    Torch::try_from(spec).expect("valid").fit_from(start, data, &mut ()).expect("fits")
}

fn start(data: &EnsembleData) -> Parameters {
    let factors = Factors::random(3, data.n_classifiers(), data.n_instances(), 0.6, 5).expect("in range");
    let mut start = Parameters::with_factors(factors);
    start.weights.iter_mut().enumerate().for_each(|(u, w)| *w = 0.4 - 0.15 * u as f64);
    start.bias = -0.2;
    start
}

fn close(actual: f64, expected: f64, what: &str) {
    assert!((actual - expected).abs() <= 1e-9 * (1.0 + expected.abs()), "{what}: {actual} {expected}");
}

/// The change of every parameter in one epoch against the core's gradient.
fn check_gradient(spec: TorchSpec, what: &str) {
    let data = data(1);
    let start = start(&data);
    let fitted = fit_from(spec.clone(), start.clone(), &data);

    let confidence = spec.confidence.fit(&data).expect("valid");
    let rule = confidence.on_training(&data);
    let mut problem = Problem::new(&data, &rule, spec.objective()).expect("valid");
    let logits = problem.labeled_logits(&start).expect("same shapes");
    let scheduled = problem.scheduled_weights(spec.weight_schedule, 0, &logits).expect("a logit for each");
    let drawn = spec.sampler.weights(spec.seed, 0, problem.targets(), &scheduled).expect("in range");
    problem.set_instance_weights(drawn).expect("one for each");
    let (parts, gradient) = problem.gradient(&start).expect("shapes");
    let entry = fitted.history.entries[0].loss;
    close(entry.total, parts.total, what);
    close(entry.supervised, parts.supervised, what);

    let step = |before: f64, after: f64| (before - after) / RATE;
    let pairs = [
        (&start.factors.classifiers, &fitted.model.factors.classifiers, &gradient.classifiers, "X"),
        (&start.factors.instances, &fitted.model.factors.instances, &gradient.instances, "Y"),
    ];
    for (before, after, gradient, name) in pairs {
        for ((b, a), g) in before.iter().zip(after).zip(gradient) {
            close(step(*b, *a), *g, &format!("{what}: {name}"));
        }
    }
    let (weights, bias) = fitted.model.aggregator.weights().expect("weighted");
    for ((b, a), g) in start.weights.iter().zip(weights).zip(&gradient.weights) {
        let decay = (1.0 - spec.rho) * spec.aggregator.weight_decay * b;
        close(step(*b, *a), g + decay, &format!("{what}: w"));
    }
    close(step(start.bias, bias), gradient.bias, &format!("{what}: b"));
}

#[test]
fn tensors_have_the_gradient_of_the_core() {
    let base = one_step;
    let costs = |instance_dependent| Costs { false_positive: 2.0, false_negative: 7.0, instance_dependent };
    check_gradient(base(), "as it is");
    for (loss, what) in [
        (SupervisedLoss::Focal { gamma: 1.5 }, "focal"),
        (SupervisedLoss::LabelSmoothing { epsilon: 0.2 }, "label smoothing"),
    ] {
        check_gradient(TorchSpec { loss, ..base() }, what);
    }
    let class_weight = ClassWeight::EffectiveNumber { beta: 0.97 };
    check_gradient(TorchSpec { class_weight, ..base() }, "effective number");
    check_gradient(TorchSpec { costs: costs(false), ..base() }, "costs");
    check_gradient(TorchSpec { costs: costs(true), ..base() }, "instance-dependent costs");
    for weight_schedule in [
        WeightSchedule::Curriculum { iterations: 5 },
        WeightSchedule::Recall { epsilon: 0.1 },
        WeightSchedule::Uncertainty { epsilon: 0.1 },
    ] {
        let what = format!("{weight_schedule:?}");
        check_gradient(TorchSpec { weight_schedule, ..base() }, &what);
    }
    check_gradient(TorchSpec { sampler: Sampler::Balanced { batch_size: 16 }, ..base() }, "sampler");
    let strategy = ConfidenceStrategy::Learned { n_trees: 10, max_depth: 4, seed: 1 };
    check_gradient(TorchSpec { confidence: Confidence::new(strategy), ..base() }, "learned confidence");
    let aggregator = AggregatorSpec { weight_decay: 0.3, ..AggregatorSpec::default() };
    check_gradient(TorchSpec { aggregator, ..base() }, "weight decay");
}

/// With b = c - w . mu(X, Y), c the parameter, the chain rule gives the gradient in X, Y, w and c.
#[test]
fn centering_is_the_chain_rule_and_the_model_predicts_the_same() {
    let data = data(2);
    let start = start(&data);
    let aggregator = AggregatorSpec { center: true, ..AggregatorSpec::default() };
    let spec = TorchSpec { aggregator, ..one_step() };
    let fitted = fit_from(spec.clone(), start.clone(), &data);

    let confidence = spec.confidence.fit(&data).expect("valid");
    let rule = confidence.on_training(&data);
    let problem = Problem::new(&data, &rule, spec.objective()).expect("valid");
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let mean = problem.mean_reconstruction(&start.factors).expect("same shapes");
    let bias = start.bias - dot(&mean, &start.weights);
    let (parts, gradient) = problem
        .gradient(&Parameters { factors: start.factors.clone(), weights: start.weights.to_vec(), bias })
        .expect("shapes");
    close(fitted.history.entries[0].loss.total, parts.total, "loss");

    let (weights, final_bias) = fitted.model.aggregator.weights().expect("weighted");
    for (u, (before, after)) in start.weights.iter().zip(weights).enumerate() {
        close((before - after) / RATE, gradient.weights[u] - mean[u] * gradient.bias, "w");
    }
    let c =
        final_bias + dot(&problem.mean_reconstruction(&fitted.model.factors).expect("same shapes"), weights);
    close((start.bias - c) / RATE, gradient.bias, "c");
    let v = start.factors.combine_classifiers(&start.weights).expect("one weight for each");
    let share = gradient.bias / data.labeled().len() as f64;
    for (k, i) in (0..3).flat_map(|k| data.labeled().iter().map(move |&i| (k, i))) {
        let step = start.factors.instances[(k, i)] - fitted.model.factors.instances[(k, i)];
        close(step / RATE, gradient.instances[(k, i)] - share * v[k], "Y");
    }
}

#[test]
fn the_forward_pass_of_every_aggregator_is_the_cores() {
    let data = data(3);
    for aggregator in [
        AggregatorSpec { kind: AggregatorKind::Mean, ..AggregatorSpec::default() },
        AggregatorSpec { kind: AggregatorKind::Gated { hidden: 5 }, ..AggregatorSpec::default() },
        AggregatorSpec { center: true, ..AggregatorSpec::default() },
    ] {
        let spec = |max_iterations| TorchSpec {
            aggregator,
            max_iterations,
            optimizer: Optimizer::Adam,
            learning_rate: 0.05,
            ..one_step()
        };
        // After 30 epochs the core's loss is entry 30 of a longer run.
        let (short, long) =
            (fit_from(spec(30), start(&data), &data), fit_from(spec(31), start(&data), &data));
        let (a, b) = (short.loss, long.history.entries[30].loss);
        for (a, b) in [(a.total, b.total), (a.supervised, b.supervised)] {
            assert!((a - b).abs() <= 1e-10 * b.abs(), "{aggregator:?}: {a} {b}");
        }
        assert!(short.loss.total < short.history.entries[0].loss.total, "{aggregator:?}");
    }
}

/// Classifier 0 knows the class where classifier 2 says 0.9, classifier 1 where it says 0.1; elsewhere they
/// guess.
fn two_regions() -> (EnsembleData, Vec<bool>) {
    let n = 600;
    let (mut r, mut truth) = (Array2::zeros((3, n)), Vec::new());
    for i in 0..n {
        let (y, guess, first) = (i % 3 == 0, (i / 3) % 2 == 0, (i / 6) % 2 == 0);
        let say = |y: bool| if y { 0.85 } else { 0.15 } + 0.0003 * (i % 97) as f64;
        r[(0, i)] = say(if first { y } else { guess });
        r[(1, i)] = say(if first { guess } else { y });
        r[(2, i)] = if first { 0.9 } else { 0.1 };
        truth.push(y);
    }
    let labels = truth.iter().enumerate().map(|(i, &y)| (i % 5 != 4).then_some(y)).collect();
    (EnsembleData::new(r, labels).expect("valid"), truth)
}

#[test]
fn a_gate_learns_whom_to_trust_where() {
    let (data, truth) = two_regions();
    let held_out: Vec<usize> = (0..truth.len()).filter(|i| data.labels()[*i].is_none()).collect();
    let auc = |kind| {
        let spec = TorchSpec {
            latent_dim: 3,
            rho: 0.9,
            lambda: 1e-4,
            optimizer: Optimizer::Adam,
            learning_rate: 0.03,
            max_iterations: 800,
            aggregator: AggregatorSpec { kind, ..AggregatorSpec::default() },
            ..one_step()
        };
        let model = Torch::try_from(spec).expect("valid").fit(&data).expect("fits").model;
        // By fold-in: from R alone, as for new instances.
        let new = data.predictions().select(ndarray::Axis(1), &held_out);
        let logits = model.predict_new(new.view()).expect("same classifiers").logits;
        let labels: Vec<bool> = held_out.iter().map(|&i| truth[i]).collect();
        Scored::new(&labels, &logits).expect("finite").ranking().roc_auc().expect("two classes")
    };
    let (weighted, gated) = (auc(AggregatorKind::Weighted), auc(AggregatorKind::Gated { hidden: 6 }));
    assert!(weighted < 0.9 && gated > 0.98, "weighted {weighted}, gated {gated}");
}

/// Where exact ALS has converged, the joint trainer finds no slope: both have the same objective.
#[test]
fn the_optimum_of_exact_als_is_one_of_the_tensors() {
    let data = data(4);
    let (class_weight, weight_decay) = (ClassWeight::EffectiveNumber { beta: 0.98 }, 0.2);
    let costs = Costs { false_negative: 3.0, instance_dependent: true, ..Costs::default() };
    for loss in [SupervisedLoss::Bce, SupervisedLoss::LabelSmoothing { epsilon: 0.1 }] {
        let mut als = AlsSpec {
            latent_dim: 3,
            lambda: 0.1,
            objective: AlsObjective::Exact { rho: 0.5, reduction: Reduction::Mean, accelerate: true },
            max_iterations: 20_000,
            tolerance: 1e-15,
            class_weight,
            costs,
            loss,
            ..AlsSpec::exact()
        };
        als.aggregator.weight_decay = weight_decay;
        let optimum = Als::try_from(als).expect("valid").fit(&data).expect("fits").model;
        let (weights, bias) = optimum.aggregator.weights().expect("weighted");
        let at = Parameters { factors: optimum.factors.clone(), weights: weights.to_vec(), bias };
        let aggregator = AggregatorSpec { weight_decay, ..AggregatorSpec::default() };
        let (rho, lambda) = (0.5, 0.1);
        let spec = TorchSpec { rho, lambda, class_weight, costs, loss, aggregator, ..one_step() };
        let after = fit_from(spec, at.clone(), &data).model;
        let slope = |a: &Array2<f64>, b: &Array2<f64>| {
            a.iter().zip(b).map(|(a, b)| (a - b).abs() / RATE).fold(0.0, f64::max)
        };
        let (x, y) = (
            slope(&at.factors.classifiers, &after.factors.classifiers),
            slope(&at.factors.instances, &after.factors.instances),
        );
        let (after_w, after_b) = after.aggregator.weights().expect("weighted");
        let w = weights.iter().zip(after_w).map(|(a, b)| (a - b).abs() / RATE).fold(0.0, f64::max);
        let b = (bias - after_b).abs() / RATE;
        assert!(x < 1e-5 && y < 1e-5 && w < 1e-5 && b < 1e-5, "{loss:?}: {x:e} {y:e} {w:e} {b:e}");
    }
}

#[test]
fn a_frozen_aggregator_stays_and_then_moves() {
    let data = data(5);
    for kind in [AggregatorKind::Weighted, AggregatorKind::Gated { hidden: 3 }] {
        let aggregator = AggregatorSpec { kind, freeze_iterations: 4, ..AggregatorSpec::default() };
        let optimizer = Optimizer::AdamW { weight_decay: 0.1 };
        let spec = TorchSpec { aggregator, optimizer, max_iterations: 8, ..one_step() };
        let mut trace = WeightTrace::default();
        let torch = Torch::try_from(spec).expect("valid");
        let fitted = torch.fit_from(start(&data), &data, &mut trace).expect("fits");
        let at = |t: usize| (&trace.points[t].weights, trace.points[t].bias);
        assert!((1..=4).all(|t| at(t) == at(0)), "{kind:?}");
        assert_ne!(at(5), at(0), "{kind:?}");
        let losses = fitted.history.losses();
        assert!(losses[4] < losses[0], "X and Y are trained meanwhile");
    }
}

#[test]
fn both_trainers_start_at_the_prior_log_odds() {
    let data = data(6);
    let (negatives, positives) = data.class_totals();
    let expected = ((positives + 0.5) / (negatives + 0.5)).ln();
    let mut als = AlsSpec { latent_dim: 3, max_iterations: 1, ..AlsSpec::default() };
    als.aggregator.bias_start = BiasStart::PriorLogOdds;
    let aggregator = AggregatorSpec { bias_start: BiasStart::PriorLogOdds, ..AggregatorSpec::default() };
    let trainers: [Box<dyn Trainer>; 2] = [
        Box::new(Als::try_from(als).expect("valid")),
        Box::new(Torch::try_from(TorchSpec { aggregator, ..one_step() }).expect("valid")),
    ];
    for trainer in trainers {
        let mut trace = WeightTrace::default();
        trainer.fit_from(start(&data), &data, &mut trace).expect("fits");
        assert!((trace.points[0].bias - expected).abs() < 1e-12, "{}", trainer.name());
    }
}

#[test]
fn resampling_and_batches_train_reproducibly_and_keep_the_instances() {
    let data = data(7);
    for (resampling, sampler) in [
        (Resampling::Smote { ratio: 1.0, k_neighbors: 5 }, Sampler::FullBatch),
        (Resampling::RandomUnder { ratio: 0.5 }, Sampler::FullBatch),
        (Resampling::None, Sampler::Balanced { batch_size: 20 }),
    ] {
        let spec = TorchSpec {
            resampling,
            sampler,
            max_iterations: 60,
            optimizer: Optimizer::Adam,
            learning_rate: 0.03,
            ..one_step()
        };
        let fit = || Torch::try_from(spec.clone()).expect("valid").fit(&data).expect("fits");
        let fitted = fit();
        assert_eq!(fitted.model, fit().model);
        let predictions = fitted.model.predict_training(&data).expect("the original instances");
        assert_eq!(predictions.logits.len(), data.n_instances());
        let losses = fitted.history.losses();
        assert!(losses[losses.len() - 1] < 0.9 * losses[0], "{resampling:?} {sampler:?}");
    }
}

#[test]
fn keys_are_those_of_the_documentation() {
    let settings = serde_json::json!({
        "class_weight": {"effective_number": {"beta": 0.999}},
        "costs": {"false_negative": 10.0, "instance_dependent": true},
        "loss": {"label_smoothing": {"epsilon": 0.1}},
        "weight_schedule": {"curriculum": {"iterations": 20}},
        "resampling": {"smote": {}},
        "sampler": {"balanced": {"batch_size": 32}},
        "aggregator": {
            "kind": {"gated": {"hidden": 8}},
            "bias_start": "prior_log_odds",
            "freeze_iterations": 5,
            "weight_decay": 0.01,
        },
    });
    let spec: TorchSpec = serde_json::from_value(settings).expect("known keys");
    assert!(spec.validate().is_ok());
    assert_eq!(spec.resampling, Resampling::Smote { ratio: 1.0, k_neighbors: 5 });
    assert!(serde_json::from_value::<TorchSpec>(serde_json::json!({"aggregator": {"hidden": 8}})).is_err());
}
