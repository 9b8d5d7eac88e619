//! The core against the reference numbers in `tests/reference` (formulas and tolerances: its README).

use cfe_core::Parameters;
use cfe_core::confidence::{Confidence, ConfidenceStrategy};
use cfe_core::losses::sigmoid;
use cfe_core::metrics::{BinEdge, Optimum, Scored};
use cfe_core::objective::Problem;
use cfe_core::{
    Aggregator, ClassWeight, EnsembleData, Factors, Model, Objective, Reduction, SupervisedLoss,
    instance_weights, ridge,
};
use cfe_testing::reference::{close, close_all, labels, load, matrix, number, vector};
use ndarray::{Array2, Axis};
use serde_json::Value;

fn bools(v: &Value) -> Vec<bool> {
    vector(v).into_iter().map(|y| y == 1.0).collect()
}

fn cases(v: &Value) -> &Vec<Value> {
    v["cases"].as_array().expect("cases")
}

/// Data whose predictions do not matter: only shapes and labels count.
fn labeled_only(m: usize, labels: Vec<Option<bool>>) -> EnsembleData {
    EnsembleData::new(Array2::from_elem((m, labels.len()), 0.5), labels).expect("valid")
}

fn class_weight(on: &Value) -> ClassWeight {
    if on.as_bool().expect("a flag") { ClassWeight::Balanced } else { ClassWeight::Uniform }
}

#[test]
fn confidence_strategies_and_blending() {
    let file = load("confidence.json");
    for case in cases(&file) {
        let name = case["name"].as_str().expect("a name");
        let data = EnsembleData::new(matrix(&case["R"]), labels(&case["labels"])).expect("valid");
        let check = |data: &EnsembleData, confidence: Confidence, expected: &Value, what: &str| {
            let loose = name == "full_agreement" && what.starts_with("adaptive");
            let fitted = confidence.fit(data).expect("valid");
            let (actual, expected) = (fitted.on_training(data).matrix(), matrix(expected));
            close_all(&actual, &expected, if loose { 1e-6 } else { 1e-12 }, 0.0, &format!("{name} {what}"));
        };
        for (key, expected) in case["strategies"].as_object().expect("strategies") {
            let parameters: Vec<f64> = key.split('_').filter_map(|part| part.parse().ok()).collect();
            let strategy = match key.split('_').next().expect("a name") {
                "uniform" => ConfidenceStrategy::Uniform,
                "certainty" => ConfidenceStrategy::Certainty,
                "label" => ConfidenceStrategy::LabelAware,
                "calibration" => ConfidenceStrategy::Calibration { floor: parameters[0] },
                _ => ConfidenceStrategy::Adaptive {
                    certainty: parameters[0],
                    calibration: parameters[1],
                    agreement: parameters[2],
                },
            };
            check(&data, Confidence::new(strategy), expected, key);
        }
        for blended in case["blended"].as_array().expect("blended") {
            let given = blended.get("base_C").map(matrix);
            let strategy =
                if given.is_some() { ConfidenceStrategy::Given } else { ConfidenceStrategy::Certainty };
            let data = match given {
                Some(base) => data.clone().with_confidence(base).expect("same shape"),
                None => data.clone(),
            };
            let label_alpha = number(&blended["alpha"]);
            check(&data, Confidence { strategy, label_alpha }, &blended["C"], "blended");
        }
    }
}

#[test]
fn losses_at_single_logits() {
    let file = load("losses.json");
    for entry in file["per_logit"].as_array().expect("per_logit") {
        let (z, label) = (number(&entry["logit"]), number(&entry["label"]) == 1.0);
        let check = |actual: f64, expected: f64, what: &str| {
            if expected.abs() < 1e-300 {
                assert!(actual.abs() < 1e-299, "{what} at {z}: {actual}");
            } else {
                close(actual, expected, 0.0, 1e-10, &format!("{what} at {z}, label {label}"));
            }
        };
        check(sigmoid(z), number(&entry["sigmoid"]), "sigmoid");
        check(SupervisedLoss::Bce.value(z, label), number(&entry["bce"]), "bce");
        for (gamma, expected) in entry["focal"].as_object().expect("gammas") {
            let loss = SupervisedLoss::Focal { gamma: gamma.parse().expect("a number") };
            let (value, derivative) = loss.value_and_derivative(z, label);
            check(value, number(&expected["loss"]), "focal");
            check(derivative, number(&expected["dloss_dlogit"]), "focal derivative");
        }
    }
}

#[test]
fn losses_over_batches() {
    let file = load("losses.json");
    for case in file["vectors"].as_array().expect("vectors") {
        let name = case["name"].as_str().expect("a name");
        let (logits, y) = (vector(&case["logits"]), bools(&case["labels"]));
        let data = labeled_only(1, y.iter().map(|&y| Some(y)).collect());
        let balanced = instance_weights(&data, ClassWeight::Balanced).expect("valid");
        for (a, e) in balanced.iter().zip(vector(&case["class_weights"])) {
            close(*a, e, 1e-12, 0.0, name);
        }
        let weighted = SupervisedLoss::Bce.weighted_mean(&logits, &y, &balanced, None).expect("equally long");
        close(weighted, number(&case["class_weighted_bce"]), 1e-11, 1e-10, name);
        for entry in case["losses"].as_array().expect("losses") {
            let weights = instance_weights(&data, class_weight(&entry["class_weights"])).expect("valid");
            let loss = SupervisedLoss::Focal { gamma: number(&entry["gamma"]) };
            let mut derivatives = vec![0.0; y.len()];
            let value =
                loss.weighted_mean(&logits, &y, &weights, Some(&mut derivatives)).expect("equally long");
            close(value, number(&entry["loss"]), 1e-11, 1e-10, name);
            for (a, e) in derivatives.iter().zip(vector(&entry["dloss_dlogit"])) {
                close(*a, e, 1e-11, 1e-10, name);
            }
        }
    }
}

#[test]
fn combined_objective_and_gradients() {
    let file = load("losses.json");
    for case in file["combined"].as_array().expect("combined") {
        let name = case["name"].as_str().expect("a name");
        let data = EnsembleData::new(matrix(&case["R"]), labels(&case["labels"]))
            .and_then(|data| data.with_confidence(matrix(&case["C"])))
            .expect("valid");
        let factors = Factors { classifiers: matrix(&case["X"]), instances: matrix(&case["Y"]) };
        let (w, b) = (vector(&case["w"]), number(&case["b"]));
        let fitted = Confidence::new(ConfidenceStrategy::Given).fit(&data).expect("given");
        let rule = fitted.on_training(&data);
        for entry in case["results"].as_array().expect("results") {
            let objective = Objective {
                rho: number(&case["rho"]),
                lambda: number(&case["lambda"]),
                reduction: Reduction::Sum,
                loss: SupervisedLoss::Focal { gamma: number(&entry["gamma"]) },
                class_weight: class_weight(&entry["class_weights"]),
                ..Objective::default()
            };
            let problem = Problem::new(&data, &rule, objective).expect("valid");
            let (parts, gradient) = problem
                .gradient(&Parameters { factors: factors.clone(), weights: w.to_vec(), bias: b })
                .expect("same shapes");
            close(parts.reconstruction, number(&entry["weighted_sq_error"]), 1e-11, 1e-10, name);
            close(parts.penalty, number(&entry["penalty"]), 1e-11, 1e-10, name);
            close(parts.supervised, number(&entry["supervised"]), 1e-11, 1e-10, name);
            close(parts.total, number(&entry["total"]), 1e-11, 1e-10, name);
            close_all(&gradient.classifiers, &matrix(&entry["grad_X"]), 1e-11, 1e-10, name);
            close_all(&gradient.instances, &matrix(&entry["grad_Y"]), 1e-11, 1e-10, name);
            for (a, e) in gradient.weights.iter().zip(vector(&entry["grad_w"])) {
                close(*a, e, 1e-11, 1e-10, name);
            }
            close(gradient.bias, number(&entry["grad_b"]), 1e-11, 1e-10, name);
        }
    }
}

#[test]
fn aggregator_gradient_steps() {
    let file = load("aggregator_steps.json");
    for case in cases(&file) {
        let name = case["name"].as_str().expect("a name");
        let factors = Factors { classifiers: matrix(&case["X"]), instances: matrix(&case["Y"]) };
        let data = labeled_only(factors.classifiers.ncols(), labels(&case["labels"]));
        let (w0, b0, lr) = (vector(&case["w0"]), number(&case["b0"]), number(&case["lr"]));
        let fitted = Confidence::new(ConfidenceStrategy::Uniform).fit(&data).expect("valid");
        let rule = fitted.on_training(&data);
        for step in case["steps"].as_array().expect("steps") {
            let objective = Objective {
                rho: 0.0,
                lambda: 0.0,
                reduction: Reduction::Sum,
                loss: SupervisedLoss::Focal { gamma: number(&step["gamma"]) },
                class_weight: class_weight(&step["class_weights"]),
                ..Objective::default()
            };
            let problem = Problem::new(&data, &rule, objective).expect("valid");
            let (parts, gradient) = problem
                .gradient(&Parameters { factors: factors.clone(), weights: w0.to_vec(), bias: b0 })
                .expect("same shapes");
            let exact = &step["exact_focal_gradient"];
            close(parts.supervised, number(&exact["loss"]), 1e-11, 1e-10, name);
            for (k, (g, e)) in gradient.weights.iter().zip(vector(&exact["grad_w"])).enumerate() {
                close(*g, e, 1e-11, 1e-10, name);
                close(w0[k] - lr * g, number(&exact["w1"][k]), 1e-11, 1e-10, name);
            }
            close(gradient.bias, number(&exact["grad_b"]), 1e-11, 1e-10, name);
            close(b0 - lr * gradient.bias, number(&exact["b1"]), 1e-11, 1e-10, name);
        }
    }
}

fn check_optimum(actual: Option<Optimum>, expected: &Value, value: &str, what: &str) {
    let Some(best) = actual else {
        assert!(expected[value].is_null(), "{what}: nothing instead of {expected}");
        return;
    };
    close(best.value, number(&expected[value]), 1e-12, 0.0, what);
    assert_eq!(best.lowest_threshold, number(&expected["lowest_threshold"]), "{what}: lowest threshold");
    assert_eq!(best.highest_threshold, number(&expected["highest_threshold"]), "{what}: highest threshold");
}

#[test]
fn metrics() {
    let file = load("metrics.json");
    for case in cases(&file) {
        let name = case["name"].as_str().expect("a name");
        let (y, score) = (bools(&case["y"]), vector(&case["score"]));
        let scored = Scored::new(&y, &score).expect("valid");
        let ranking = scored.ranking();
        let check =
            |actual: f64, key: &str| close(actual, number(&case[key]), 1e-12, 0.0, &format!("{name} {key}"));
        check(ranking.average_precision(), "average_precision");
        assert_eq!(ranking.roc_auc().is_none(), case["roc_auc"].is_null(), "{name}");
        if let Some(auc) = ranking.roc_auc() {
            check(auc, "roc_auc");
        }
        check(scored.brier(), "brier");
        check(scored.log_loss(), "log_loss");
        let ece = |edge| scored.expected_calibration_error(10, edge).expect("probabilities");
        check(ece(BinEdge::LeftClosed), "ece_10_left_closed");
        check(ece(BinEdge::RightClosed), "ece_10_right_closed");

        let (at, counts) = (&case["at_0.5"], scored.confusion(0.5));
        for (actual, key) in [
            (counts.tp, "tp"),
            (counts.fp, "fp"),
            (counts.fn_, "fn"),
            (counts.tn, "tn"),
            (counts.precision(), "precision"),
            (counts.recall(), "recall"),
            (counts.f1(), "f1"),
            (counts.mcc(), "mcc"),
            (counts.balanced_accuracy(), "balanced_accuracy"),
            (counts.accuracy(), "accuracy"),
        ] {
            close(actual, number(&at[key]), 1e-12, 0.0, &format!("{name} {key}"));
        }
        check_optimum(ranking.best_f1(), &case["best_f1"], "f1", name);
        let precise = &case["max_precision_at_recall_ge_0.9"];
        check_optimum(ranking.best_precision_at_recall(0.9), precise, "precision", name);

        let (curve, expected) = (ranking.pr_curve(), &case["pr_curve"]);
        assert_eq!(curve.thresholds, vector(&expected["threshold"]), "{name}: thresholds");
        for (actual, key) in [(&curve.precision, "precision"), (&curve.recall, "recall")] {
            let expected = vector(&expected[key]);
            assert_eq!(actual.len(), expected.len(), "{name} {key}");
            actual.iter().zip(expected).for_each(|(a, e)| close(*a, e, 1e-12, 0.0, &format!("{name} {key}")));
        }
        for weighted in case["weighted"].as_array().into_iter().flatten() {
            let kind = weighted["kind"].as_str().expect("a kind");
            let weights = vector(&weighted["weight"]);
            // A case whose weights are all 0 on one side is defined as without those instances.
            let ranking = Scored::weighted(&y, &score, &weights).expect("valid").ranking();
            let what = format!("{name} weighted {kind}");
            close(ranking.average_precision(), number(&weighted["average_precision"]), 1e-12, 0.0, &what);
            match weighted["roc_auc"].as_f64() {
                Some(expected) => close(ranking.roc_auc().expect("two classes"), expected, 1e-12, 0.0, &what),
                None => assert_eq!(ranking.roc_auc(), None, "{what}"),
            }
        }
    }
}

#[test]
fn als_steps() {
    let file = load("als_steps.json");
    for case in cases(&file) {
        let name = case["name"].as_str().expect("a name");
        let (lambda, tolerance) = (number(&case["lambda"]), number(&case["tolerance_abs"]));
        let r = matrix(&case["R"]);
        let (m, n) = r.dim();
        // Confidences of the cases may exceed what a strategy gives: bring them as a matrix.
        let data = EnsembleData::new(r.mapv(|v| v.clamp(0.0, 1.0)), vec![None; n])
            .and_then(|data| data.with_confidence(matrix(&case["C"])))
            .expect("valid");
        assert_eq!(data.predictions(), r, "{name}: R holds probabilities");
        let fitted = Confidence::new(ConfidenceStrategy::Given).fit(&data).expect("given");
        let rule = fitted.on_training(&data);
        let workspace = ridge::Workspace::new();
        let (mut x, mut y) = (matrix(&case["X0"]), matrix(&case["Y0"]));
        let x0 = x.clone();
        ridge::update_classifiers(&workspace, &rule, y.view(), lambda, &mut x).expect("regular");
        close_all(&x, &matrix(&case["X_given_Y0_exact"]), tolerance, 0.0, &format!("{name} X given Y0"));
        ridge::update_instances(&workspace, &rule, x0.view(), lambda, &mut y).expect("regular");
        close_all(&y, &matrix(&case["Y_given_X0_exact"]), tolerance, 0.0, &format!("{name} Y given X0"));
        ridge::update_instances(&workspace, &rule, x.view(), lambda, &mut y).expect("regular");
        close_all(&y, &matrix(&case["Y_given_X1_exact"]), tolerance, 0.0, &format!("{name} Y given X1"));

        let objective = Objective {
            rho: 1.0,
            lambda,
            reduction: Reduction::Sum,
            loss: SupervisedLoss::Bce,
            class_weight: ClassWeight::Uniform,
            ..Objective::default()
        };
        let problem = Problem::new(&data, &rule, objective).expect("valid");
        let loss = |x: &Array2<f64>, y: &Array2<f64>| {
            let factors = Factors { classifiers: x.clone(), instances: y.clone() };
            problem
                .evaluate(&Parameters { factors: factors.clone(), weights: vec![0.0; m], bias: 0.0 })
                .expect("same shapes")
        };
        let parts = loss(&x, &y);
        close(parts.reconstruction, number(&case["loss_X1_Y1"]["weighted_sq_error"]), 1e-8, 1e-6, name);
        close(parts.total, number(&case["loss_X1_Y1"]["regularised"]), 1e-8, 1e-6, name);
        for (round, expected) in
            vector(&case["regularised_loss_after_each_of_5_rounds"]).into_iter().enumerate()
        {
            if round > 0 {
                ridge::update_classifiers(&workspace, &rule, y.view(), lambda, &mut x).expect("regular");
                ridge::update_instances(&workspace, &rule, x.view(), lambda, &mut y).expect("regular");
            }
            close(loss(&x, &y).total, expected, tolerance, 1e-6, &format!("{name} round {round}"));
        }
    }
}

#[test]
fn fold_in() {
    let file = load("fold_in.json");
    for case in cases(&file) {
        let name = case["name"].as_str().expect("a name");
        let (x, r) = (matrix(&case["X"]), matrix(&case["R_new"]));
        let (d, m) = x.dim();
        let given = case.get("C_new").map(matrix);
        let strategy = if given.is_some() { ConfidenceStrategy::Given } else { ConfidenceStrategy::Uniform };
        let training =
            labeled_only(m, vec![Some(true)]).with_confidence(Array2::ones((m, 1))).expect("valid");
        let objective = Objective {
            lambda: number(&case["lambda"]),
            class_weight: ClassWeight::Uniform,
            ..Objective::default()
        };
        let model = Model::new(
            &training,
            Factors { classifiers: x.clone(), instances: Array2::zeros((d, 1)) },
            Aggregator::Weighted { weights: vector(&case["w"]), bias: number(&case["b"]) },
            Confidence::new(strategy).fit(&training).expect("valid"),
            objective,
        )
        .expect("consistent");
        let tolerance = number(&case["tolerance_abs"]);
        let y = model.fold_in(r.view(), given.as_ref().map(|c| c.view())).expect("regular");
        close_all(&y, &matrix(&case["Y_new_exact"]), tolerance, 0.0, name);
        let r_hat = x.t().dot(&y);
        for (i, expected) in vector(&case["prediction"]).into_iter().enumerate() {
            let p = model.aggregator.probability(&r_hat.index_axis(Axis(1), i).to_vec());
            close(p, expected, tolerance, 0.0, name);
        }
        if given.is_none() {
            let predictions = model.predict_new(r.view()).expect("regular");
            for (p, expected) in predictions.weighted_probabilities.iter().zip(vector(&case["prediction"])) {
                close(*p, expected, tolerance, 0.0, name);
            }
        }
    }
}
