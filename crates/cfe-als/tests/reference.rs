//! ALS against the complete reference runs in `tests/reference` (formulas and tolerances: its README).

use cfe_als::{AggregatorSolver, AggregatorSpec, Als, AlsObjective, AlsSpec};
use cfe_core::{
    ClassWeight, Confidence, EnsembleData, Factors, Fitted, Parameters, StopReason, Trainer, WeightTrace,
};
use cfe_testing::reference::{close, labels, load, matrix, number, vector};

fn data(run: &str) -> EnsembleData {
    let file = load(&format!("{run}/data.json"));
    EnsembleData::new(matrix(&file["R"]), labels(&file["labels"])).expect("valid")
}

fn fit(run: &str, class_weight: ClassWeight, trace: &mut WeightTrace) -> Fitted {
    let summary = load(&format!("{run}/summary.json"));
    let parameter = |name: &str| number(&summary["parameters"][name]);
    let spec = AlsSpec {
        latent_dim: parameter("d") as usize,
        lambda: parameter("lambda"),
        max_iterations: parameter("als_iterations") as usize,
        tolerance: parameter("als_tol"),
        confidence: Confidence::label_blended(parameter("alpha")),
        class_weight,
        aggregator: AggregatorSpec {
            solver: AggregatorSolver::GradientStep { learning_rate: parameter("aggregator_lr") },
            ..AggregatorSpec::default()
        },
        objective: AlsObjective::LabelAware { monitor_rho: parameter("rho") },
        ..AlsSpec::default()
    };
    let start = load(&format!("{run}/init_als.json"));
    let factors = Factors { classifiers: matrix(&start["X0"]), instances: matrix(&start["Y0"]) };
    let als = Als::try_from(spec).expect("valid");
    als.fit_from(Parameters::with_factors(factors), &data(run), trace).expect("fits")
}

fn check(run: &str, class_weight: ClassWeight, name: &str) {
    let expected = load(&format!("{run}/als_{name}.json"));
    let mut trace = WeightTrace::default();
    let fitted = fit(run, class_weight, &mut trace);

    assert_eq!(
        fitted.history.n_iterations() as u64,
        expected["n_iter"].as_u64().expect("a count"),
        "iterations"
    );
    let by_tolerance = expected["stopped_by_tolerance"].as_bool().expect("a flag");
    assert_eq!(fitted.stop == StopReason::Converged, by_tolerance, "{:?}", fitted.stop);

    let (weights, bias) = fitted.model.aggregator.weights().expect("weighted");
    for (w, e) in weights.iter().zip(vector(&expected["w"])) {
        close(*w, e, 1e-9, 0.0, "w");
    }
    close(bias, number(&expected["b"]), 1e-9, 0.0, "b");
    let predictions = fitted.model.predict_training(&data(run)).expect("same data");
    for (p, e) in predictions.weighted_probabilities.iter().zip(vector(&expected["predictions"])) {
        close(*p, e, 1e-9, 0.0, "prediction");
    }
    let factors = load(&format!("{run}/factors_als_{name}.json"));
    for (key, actual) in [("X", &fitted.model.factors.classifiers), ("Y", &fitted.model.factors.instances)] {
        for (a, e) in actual.iter().zip(&matrix(&factors[key])) {
            close(*a, *e, 1e-7, 0.0, key);
        }
    }
    let history = &expected["history"];
    for (k, entry) in fitted.history.entries.iter().enumerate() {
        assert_eq!(entry.iteration, k + 1);
        close(entry.loss.total, number(&history["loss"][k]), 1e-9, 1e-9, "loss");
        close(entry.loss.supervised, number(&history["supervised"][k]), 1e-9, 1e-9, "supervised");
        let expected = number(&history["reconstruction"][k]);
        let reconstruction = entry.loss.reconstruction + entry.loss.penalty;
        close(reconstruction, expected, 1e-9, 1e-9, "reconstruction");
    }
    for point in expected["w_trace"].as_array().expect("a trace") {
        let iteration = point["iteration"].as_u64().expect("a count") as usize;
        for (w, e) in trace.points[iteration].weights.iter().zip(vector(&point["w"])) {
            close(*w, e, 1e-9, 0.0, "trace");
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
fn small_run_stops_by_tolerance_without_class_weights() {
    check("trainer_small", ClassWeight::Uniform, "unweighted");
}

#[test]
fn small_run_stops_by_tolerance_with_class_weights() {
    check("trainer_small", ClassWeight::Balanced, "weighted");
}
