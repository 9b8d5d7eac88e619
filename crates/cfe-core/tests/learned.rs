//! Learned confidence: it finds the cells that are wrong.

use cfe_core::metrics::Scored;
use cfe_core::synthetic::Correlated;
use cfe_core::{Confidence, ConfidenceStrategy, Error};
use ndarray::Array2;

fn learned(seed: u64) -> Confidence {
    Confidence::new(ConfidenceStrategy::Learned { n_trees: 50, max_depth: 6, seed })
}

fn drawn() -> cfe_core::synthetic::Synthetic {
    Correlated { n_instances: 1000, missing_share: 0.1, ..Correlated::default() }.generate(4).expect("valid")
}

/// How well a confidence tells right cells from wrong ones, over the unlabeled or the labeled instances.
fn tells_right_from_wrong(confidence: &Array2<f64>, labeled: bool) -> f64 {
    let drawn = drawn();
    let r = drawn.data.predictions();
    let (mut right, mut scores) = (Vec::new(), Vec::new());
    for ((u, i), &c) in confidence.indexed_iter() {
        if !r[(u, i)].is_nan() && drawn.data.labels()[i].is_some() == labeled {
            right.push((r[(u, i)] >= 0.5) == drawn.truth[i]);
            scores.push(c);
        }
    }
    Scored::new(&right, &scores).expect("finite").ranking().roc_auc().expect("right and wrong cells")
}

#[test]
fn wrong_cells_get_less_confidence_than_by_certainty() {
    let data = drawn().data;
    let matrix = |confidence: Confidence| confidence.fit(&data).expect("fits").on_training(&data).matrix();
    let (by_forest, by_certainty) =
        (matrix(learned(1)), matrix(Confidence::new(ConfidenceStrategy::Certainty)));
    for labeled in [false, true] {
        let (forest, certainty) =
            (tells_right_from_wrong(&by_forest, labeled), tells_right_from_wrong(&by_certainty, labeled));
        assert!(forest > certainty + 0.05, "labeled {labeled}: forest {forest}, certainty {certainty}");
    }
    assert!(by_forest.iter().all(|c| (0.0..=1.0).contains(c)));
    assert!(data.predictions().iter().zip(&by_forest).all(|(r, c)| !r.is_nan() || *c == 0.0));
    assert_eq!(by_forest, matrix(learned(1)), "same seed, same bits");
    assert_ne!(by_forest, matrix(learned(2)));
}

#[test]
fn without_enough_labels_the_result_is_defined() {
    let data = drawn().data;
    let n = data.n_instances();
    let none = data.clone().with_labels(vec![None; n]).expect("same length");
    let c = learned(1).fit(&none).expect("fits").on_training(&none).matrix();
    assert!(data.predictions().iter().zip(&c).all(|(r, c)| *c == if r.is_nan() { 0.0 } else { 1.0 }));
    let one = (0..n).map(|i| (i == 3).then_some(true)).collect();
    let one = data.clone().with_labels(one).expect("same length");
    assert!(learned(1).fit(&one).expect("fits").on_training(&one).matrix().iter().all(|c| c.is_finite()));
    let strategy = ConfidenceStrategy::Learned { n_trees: 0, max_depth: 6, seed: 1 };
    assert!(matches!(Confidence::new(strategy).fit(&data), Err(Error::InvalidParameter { .. })));
}
