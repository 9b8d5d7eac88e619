//! Exact ALS on real predictions: its loss never rises, sweep by sweep.

#![cfg(feature = "als")]

use std::path::Path;

use cf_ensemble::als::{Als, AlsObjective, AlsSpec};
use cf_ensemble::io::{Source, TableOptions, read_table};
use cf_ensemble::{EnsembleData, Reduction, Trainer};

fn data(name: &str) -> EnsembleData {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    let mut options = TableOptions::default();
    options.split_column = Some("split".to_owned());
    read_table(Source::new(path), &options).expect("a table").data
}

#[test]
fn the_loss_never_rises_on_real_data() {
    for name in ["abalone9_18_seed0.csv.gz", "flare_f_seed0.csv.gz", "vehicle1_seed0.csv.gz"] {
        let data = data(name);
        for (rho, reduction) in [(0.5, Reduction::Mean), (0.05, Reduction::Mean), (0.5, Reduction::Sum)] {
            let accelerate = rho > 0.1;
            let spec = AlsSpec {
                latent_dim: 8,
                objective: AlsObjective::Exact { rho, reduction, accelerate },
                max_iterations: 200,
                tolerance: 0.0,
                ..AlsSpec::exact()
            };
            let losses = Als::try_from(spec).expect("valid").fit(&data).expect("fits").history.losses();
            for (k, pair) in losses.windows(2).enumerate() {
                let rise = (pair[1] - pair[0]) / pair[0];
                assert!(rise <= 1e-12, "{name}, rho {rho}, {reduction:?}: sweep {} rises by {rise:e}", k + 2);
            }
        }
    }
}

/// Adam's lowest loss of 2,000 epochs, from the same start and for the same objective.
#[cfg(feature = "torch")]
#[test]
fn the_loss_gets_no_higher_than_that_of_joint_training() {
    use cf_ensemble::torch::{Device, Dtype, Torch, TorchSpec};
    for name in ["abalone9_18_seed0.csv.gz", "flare_f_seed0.csv.gz", "vehicle1_seed0.csv.gz"] {
        let data = data(name);
        for reduction in [Reduction::Mean, Reduction::Sum] {
            let spec = AlsSpec {
                objective: AlsObjective::Exact { rho: 0.5, reduction, accelerate: true },
                tolerance: 0.0,
                ..AlsSpec::exact()
            };
            let joint = TorchSpec {
                latent_dim: spec.latent_dim,
                lambda: spec.lambda,
                reduction,
                confidence: spec.confidence,
                max_iterations: 2000,
                reduce_on_plateau: None,
                early_stopping: None,
                dtype: Dtype::F64,
                device: Device::Cpu,
                ..TorchSpec::default()
            };
            let als = Als::try_from(spec).expect("valid");
            let start = als.start(&data).expect("a start");
            let torch = Torch::try_from(joint).expect("valid");
            let adam = torch.fit_from(start.clone(), &data, &mut ()).expect("fits").loss.total;
            let exact = als.fit_from(start, &data, &mut ()).expect("fits").loss.total;
            assert!(exact <= adam, "{name}, {reduction:?}: {exact} against {adam}");
        }
    }
}
