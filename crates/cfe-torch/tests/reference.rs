//! The joint trainer against the complete reference runs in `tests/reference` (formulas and tolerances: its
//! README).

use cfe_core::{ClassWeight, EnsembleData, Factors, Fitted, Parameters, StopReason, Trainer, WeightTrace};
use cfe_testing::reference::{close, labels, load, matrix, number, vector};
use cfe_torch::{Dtype, EarlyStopping, Torch, TorchSpec};
use serde_json::Value;

fn data(run: &str) -> EnsembleData {
    let file = load(&format!("{run}/data.json"));
    EnsembleData::new(matrix(&file["R"]), labels(&file["labels"])).expect("valid")
}

fn spec(run: &str, class_weight: ClassWeight, dtype: Dtype) -> TorchSpec {
    let summary = load(&format!("{run}/summary.json"));
    let parameter = |name: &str| number(&summary["parameters"][name]);
    TorchSpec {
        latent_dim: parameter("d") as usize,
        rho: parameter("rho"),
        lambda: parameter("lambda"),
        class_weight,
        learning_rate: parameter("torch_lr"),
        max_iterations: parameter("torch_epochs") as usize,
        early_stopping: Some(EarlyStopping {
            patience: parameter("patience") as usize,
            min_delta: parameter("min_delta"),
        }),
        seed: parameter("trainer_seed") as u64,
        dtype,
        ..TorchSpec::published()
    }
}

fn stored_start(run: &str) -> Parameters {
    let start = load(&format!("{run}/init_torch.json"));
    Parameters::with_factors(Factors { classifiers: matrix(&start["X0"]), instances: matrix(&start["Y0"]) })
}

fn check_weights(
    fitted: &Fitted,
    expected: &Value,
    data: &EnsembleData,
    of_weights: f64,
    of_predictions: f64,
) {
    let (weights, bias) = fitted.model.aggregator.weights().expect("weighted");
    for (w, e) in weights.iter().zip(vector(&expected["w"])) {
        close(*w, e, of_weights, 0.0, "w");
    }
    close(bias, number(&expected["b"]), of_weights, 0.0, "b");
    let predictions = fitted.model.predict_training(data).expect("same data");
    for (p, e) in predictions.weighted_probabilities.iter().zip(vector(&expected["predictions"])) {
        close(*p, e, of_predictions, 0.0, "prediction");
    }
}

fn check(run: &str, class_weight: ClassWeight, name: &str) {
    let data = data(run);
    for (dtype, suffix, of_weights, of_predictions) in
        [(Dtype::F64, "_float64", 1e-8, 1e-8), (Dtype::F32, "", 1e-3, 1e-4)]
    {
        let expected = load(&format!("{run}/torch_{name}{suffix}.json"));
        let torch = Torch::try_from(spec(run, class_weight, dtype)).expect("valid");
        let mut trace = WeightTrace::default();
        let fitted = torch.fit_from(stored_start(run), &data, &mut trace).expect("fits");
        check_weights(&fitted, &expected, &data, of_weights, of_predictions);

        assert_eq!(fitted.history.n_iterations() as f64, number(&expected["n_iter"]), "{suffix}: epochs");
        let early = expected["stopped_early"].as_bool().expect("a flag");
        assert_eq!(fitted.stop == StopReason::EarlyStopping, early, "{suffix}: {:?}", fitted.stop);
        // The reference lists the first rate as a change at epoch 0.
        let mut changes = vec![(0, torch.spec().learning_rate)];
        changes.extend(&fitted.history.learning_rate_changes);
        let expected_changes: Vec<(usize, f64)> = expected["lr_changes"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|change| (number(&change["epoch"]) as usize, number(&change["lr"])))
            .collect();
        assert_eq!(changes, expected_changes, "{suffix}: learning rates");

        if dtype == Dtype::F64 {
            for (key, actual) in
                [("X", &fitted.model.factors.classifiers), ("Y", &fitted.model.factors.instances)]
            {
                for (a, e) in actual.iter().zip(&matrix(&expected[key])) {
                    close(*a, *e, 1e-7, 0.0, key);
                }
            }
            for (entry, e) in fitted.history.entries.iter().zip(vector(&expected["history"]["loss"])) {
                close(entry.loss.total, e, 1e-9, 1e-8, "loss");
            }
            for point in expected["w_trace"].as_array().expect("a trace") {
                let iteration = number(&point["iteration"]) as usize;
                for (w, e) in trace.points[iteration].weights.iter().zip(vector(&point["w"])) {
                    close(*w, e, 1e-8, 0.0, "trace");
                }
            }
        }
    }
}

#[test]
fn published_table_without_class_weights_collapses_as_published() {
    check("published_table", ClassWeight::Uniform, "unweighted");
}

#[test]
fn published_table_with_class_weights_recovers_as_published() {
    check("published_table", ClassWeight::Balanced, "weighted");
}

#[test]
fn small_run_changes_its_rate_and_stops_as_the_reference_without_class_weights() {
    check("trainer_small", ClassWeight::Uniform, "unweighted");
}

#[test]
fn small_run_changes_its_rate_and_stops_as_the_reference_with_class_weights() {
    check("trainer_small", ClassWeight::Balanced, "weighted");
}

#[test]
fn starts_drawn_at_the_same_time_do_not_disturb_each_other() {
    let torch = Torch::try_from(spec("published_table", ClassWeight::Balanced, Dtype::F32)).expect("valid");
    let data = data("published_table");
    let alone = torch.start(&data).expect("drawn");
    std::thread::scope(|scope| {
        let draw = || (0..50).all(|_| torch.start(&data).expect("drawn") == alone);
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(draw)).collect();
        assert!(threads.into_iter().all(|thread| thread.join().expect("no panic")));
    });
}

#[test]
fn libtorch_draws_the_published_start_by_itself() {
    for run in ["published_table", "trainer_small"] {
        let torch = Torch::try_from(spec(run, ClassWeight::Balanced, Dtype::F32)).expect("valid");
        let (drawn, stored) = (torch.start(&data(run)).expect("drawn"), stored_start(run));
        for (a, e) in drawn.factors.classifiers.iter().zip(&stored.factors.classifiers) {
            close(*a, *e, 0.0, 1e-7, "X0");
        }
        for (a, e) in drawn.factors.instances.iter().zip(&stored.factors.instances) {
            close(*a, *e, 0.0, 1e-7, "Y0");
        }
    }
}
