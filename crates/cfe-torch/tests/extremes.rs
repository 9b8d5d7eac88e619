//! Data and rates at the edge: a finite result or a typed error with its epoch; the same bits again.

use cfe_core::{EnsembleData, Error, FnObserver, Reduction, Result, Step, Trainer};
use cfe_torch::{Device, Dtype, Optimizer, Torch, TorchSpec};
use ndarray::Array2;

fn spec() -> TorchSpec {
    TorchSpec {
        latent_dim: 3,
        max_iterations: 30,
        early_stopping: None,
        device: Device::Cpu,
        seed: 1,
        ..TorchSpec::default()
    }
}

fn labeled(predictions: Array2<f64>) -> EnsembleData {
    let n = predictions.ncols();
    EnsembleData::new(predictions, (0..n).map(|i| Some(i % 4 == 0)).collect()).expect("valid")
}

fn degenerate() -> Vec<(&'static str, EnsembleData)> {
    vec![
        ("all columns equal", labeled(Array2::from_shape_fn((5, 40), |(u, _)| u as f64 / 5.0))),
        ("all cells one half", labeled(Array2::from_elem((5, 40), 0.5))),
        (
            "the same classifier five times",
            labeled(Array2::from_shape_fn((5, 40), |(_, i)| (i % 9) as f64 / 9.0)),
        ),
        ("zeros and ones", labeled(Array2::from_shape_fn((5, 40), |(u, i)| f64::from((i + u) % 2 == 0)))),
        ("denormals", labeled(Array2::from_elem((5, 40), 5e-324))),
        ("one cell", labeled(Array2::from_elem((1, 1), 0.3))),
    ]
}

/// The losses seen by an observer are finite, and so is the result; or the error names the epoch after them.
fn is_defined(spec: &TorchSpec, data: &EnsembleData) -> Result<bool> {
    let torch = Torch::try_from(spec.clone())?;
    let mut last = 0;
    let mut sound = true;
    let mut watch = FnObserver(|step: &Step<'_>| {
        last = step.iteration;
        sound &= step.loss.is_none_or(|loss| loss.total.is_finite());
        sound &= step.weights.iter().all(|w| w.is_finite());
        std::ops::ControlFlow::Continue(())
    });
    let fitted = torch.fit_from(torch.start(data)?, data, &mut watch);
    Ok(sound
        && match fitted {
            Ok(fitted) => {
                let predictions = fitted.model.predict_training(data)?;
                fitted.loss.total.is_finite()
                    && predictions.probabilities.iter().all(|p| (0.0..=1.0).contains(p))
            }
            Err(Error::Diverged { iteration, .. }) => iteration >= last && iteration <= spec.max_iterations,
            Err(error) => return Err(error),
        })
}

#[test]
fn any_rate_on_any_data_is_defined() {
    for (name, data) in degenerate() {
        for optimizer in [TorchSpec::default().optimizer, Optimizer::Sgd { momentum: 0.9 }] {
            for learning_rate in [1e-3, 10.0, 1e8] {
                for lambda in [0.0, 0.01, 1e12] {
                    for (dtype, reduction) in [(Dtype::F32, Reduction::Sum), (Dtype::F64, Reduction::Mean)] {
                        let spec = TorchSpec { optimizer, learning_rate, lambda, dtype, reduction, ..spec() };
                        assert!(
                            matches!(is_defined(&spec, &data), Ok(true)),
                            "{name}: {spec:?}: {:?}",
                            is_defined(&spec, &data)
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_in_every_run() {
    let data =
        labeled(Array2::from_shape_fn((5, 400), |(u, i)| ((7 * i + 3 * u + i * u) % 17) as f64 / 17.0));
    for dtype in [Dtype::F32, Dtype::F64] {
        let fit = || Torch::try_from(TorchSpec { dtype, ..spec() }).and_then(|t| t.fit(&data)).expect("fits");
        let first = fit();
        for _ in 0..3 {
            let again = fit();
            assert_eq!(first.model, again.model, "{dtype:?}");
            assert_eq!(first.history.losses(), again.history.losses(), "{dtype:?}");
        }
    }
}
