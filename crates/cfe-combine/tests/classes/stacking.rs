//! Stacking of real classifiers against scikit-learn (`tests/reference/classes.json`).

use std::path::Path;

use cfe_combine::classes::ClassBaseline;
use cfe_core::multinomial::{Multinomial, softmax};
use ndarray::Array2;
use serde_json::Value;

use super::table;

fn matrix(rows: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = serde_json::from_value(rows.clone()).expect("rows of numbers");
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).expect("rows of equal length")
}

#[test]
fn stacking_on_logarithms_is_that_of_scikit_learn() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/classes.json");
    let file: Value =
        serde_json::from_slice(&std::fs::read(path).expect("reference file")).expect("valid JSON");
    for fit in file["stacking_log"].as_array().expect("fits") {
        let name = fit["table"].as_str().expect("a name");
        let data = table(&format!("development/{name}")).data().expect("labels");
        let (weights, bias) = (matrix(&fit["weights"]), &fit["bias"]);
        let bias: Vec<f64> = serde_json::from_value(bias.clone()).expect("numbers");
        let values = data.predictions().values();
        let (m, n, k) = values.dim();
        // The columns of the table: the classes of a classifier beside each other.
        let features = |i: usize| (0..m * k).map(move |j| values[(j / k, i, j % k)].max(1e-4).ln());

        let labeled = data.labeled();
        let x: Vec<f64> = labeled.iter().flat_map(|&i| features(i)).collect();
        let x = Array2::from_shape_vec((labeled.len(), m * k), x).expect("rows of all columns");
        let found = Multinomial::default()
            .fit(x.t(), k, &data.labeled_targets(), &data.labeled_weights())
            .expect("fits");
        for (found, expected) in found.weights.iter().zip(&weights).chain(found.bias.iter().zip(&bias)) {
            assert!((found - expected).abs() < 1e-6, "{name}: {found} instead of {expected}");
        }

        let p = ClassBaseline::StackingLog.fit(&data).and_then(|fitted| fitted.predict(data.predictions()));
        for (i, row) in p.expect("fits").rows().into_iter().enumerate() {
            let x: Vec<f64> = features(i).collect();
            let logit = |c: usize| bias[c] + weights.row(c).iter().zip(&x).map(|(w, x)| w * x).sum::<f64>();
            let mut expected: Vec<f64> = (0..k).map(logit).collect();
            softmax(&mut expected);
            row.iter().zip(&expected).for_each(|(p, e)| {
                assert!((p - e).abs() < 1e-6, "{name}, row {i} of {n}: {p} instead of {e}");
            });
        }
    }
}
