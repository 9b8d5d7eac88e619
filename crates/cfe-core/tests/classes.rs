//! Metrics of several classes and softmax regression against scikit-learn (`tests/reference/classes.json`).

use cfe_core::metrics::classes::ClassScored;
use cfe_core::multinomial::Multinomial;
use cfe_testing::reference::{load, matrix, number, vector};
use serde_json::Value;

fn file() -> Value {
    load("classes.json")
}

fn classes(v: &Value) -> Vec<usize> {
    vector(v).into_iter().map(|y| y as usize).collect()
}

#[test]
fn metrics_of_classes_are_those_of_scikit_learn() {
    for case in file()["cases"].as_array().expect("cases") {
        let name = case["name"].as_str().expect("a name");
        let weights = (!case["weights"].is_null()).then(|| vector(&case["weights"]));
        let scored = ClassScored::new(&classes(&case["y"]), matrix(&case["p"]).view(), weights.as_deref());
        let scored = scored.expect("valid");
        let summary = scored.summary(&scored.largest()).expect("valid");
        let check = |found: f64, expected: &Value, what: &str| {
            let expected = number(expected);
            assert!((found - expected).abs() <= 1e-12, "{name} {what}: {found} instead of {expected}");
        };
        check(summary.log_loss, &case["log_loss"], "log loss");
        check(summary.brier, &case["brier"], "Brier");
        check(
            summary.macro_average_precision.expect("all occur"),
            &case["macro_average_precision"],
            "macro AP",
        );
        check(summary.macro_roc_auc.expect("all occur"), &case["macro_roc_auc"], "macro AUC");
        check(summary.accuracy, &case["accuracy"], "accuracy");
        check(summary.balanced_accuracy, &case["balanced_accuracy"], "balanced accuracy");
        check(summary.macro_f1, &case["macro_f1"], "macro F1");
        check(summary.mcc, &case["mcc"], "MCC");
        check(summary.top_label_ece, &case["top_label_ece"], "ECE");
        for (k, of) in summary.per_class.iter().enumerate() {
            check(of.average_precision.expect("occurs"), &case["average_precision"][k], "AP");
            check(of.roc_auc.expect("occurs"), &case["roc_auc"][k], "AUC");
            check(of.f1, &case["f1"][k], "F1");
            for (j, count) in summary.confusion.counts()[k].iter().enumerate() {
                check(*count, &case["confusion"][k][j], "confusion");
            }
        }
    }
}

#[test]
fn softmax_regression_is_that_of_scikit_learn() {
    let file = &file()["regression"];
    let (x, y, a) = (matrix(&file["x"]), classes(&file["y"]), vector(&file["a"]));
    for fit in file["fits"].as_array().expect("fits") {
        let spec = Multinomial { c: number(&fit["c"]) };
        let found = spec.fit(x.t(), 4, &y, &a).expect("fits");
        let p = found.predict(x.t()).expect("the same features");
        for (f, e) in p.iter().zip(&matrix(&fit["p"])) {
            assert!((f - e).abs() < 1e-6, "{f} instead of {e}");
        }
        for (f, e) in found.weights.iter().zip(&matrix(&fit["weights"])) {
            assert!((f - e).abs() < 1e-6, "{f} instead of {e}");
        }
    }
}
