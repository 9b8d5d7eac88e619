//! Races whose finish is known, and what the runs of ALS promise.

use cf_ensemble::StopReason;
use clap::Parser as _;
use ndarray::arr2;

use super::*;

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    options: Convergence,
}

fn options(more: &[&str]) -> Convergence {
    Line::parse_from(["convergence"].iter().chain(more)).options
}

/// Two classifiers, six instances, the last two without a label in training.
fn known(hidden: [Option<bool>; 2]) -> Known {
    let labels = vec![Some(true), Some(false), Some(false), Some(true), None, None];
    let predictions = arr2(&[[0.9, 0.2, 0.1, 0.7, 0.8, 0.3], [0.8, 0.3, 0.2, 0.6, 0.7, 0.1]]);
    let truth = labels[..4].iter().copied().chain(hidden).collect();
    Known { data: EnsembleData::new(predictions, labels).expect("valid"), truth }
}

fn run(points: &[(usize, f64, f64)]) -> Run {
    let point = |&(iteration, seconds, loss): &(usize, f64, f64)| Point { iteration, seconds, loss };
    Run { name: "r", points: points.iter().map(point).collect(), seconds: 9.0, average_precision: None }
}

/// The help promises it: no iteration is left out, however little the loss still falls.
#[test]
fn every_iteration_runs_where_the_loss_no_longer_falls() {
    let spec = spec(&options(&["--iterations", "400", "--latent-dim", "1", "--lambda", "1"]));
    let data = known([None, None]).data;
    let fitted = Als::try_from(spec.clone()).expect("valid").fit(&data).expect("trained");
    assert_eq!((fitted.history.n_iterations(), fitted.stop), (400, StopReason::MaxIterations));
    // With the tolerance of the preset the same run ends long before.
    let tolerant = AlsSpec { tolerance: AlsSpec::exact().tolerance, ..spec };
    let fitted = Als::try_from(tolerant).expect("valid").fit(&data).expect("trained");
    assert_eq!(fitted.stop, StopReason::Converged);
    assert!(fitted.history.n_iterations() < 400);
}

#[test]
fn options_arrive_in_the_settings() {
    let found = spec(&options(&[
        "--latent-dim",
        "3",
        "--lambda",
        "0.5",
        "--rho",
        "0.25",
        "--reduction",
        "mean",
        "--plain",
        "--seed",
        "8",
    ]));
    let objective = AlsObjective::Exact { rho: 0.25, reduction: Reduction::Mean, accelerate: false };
    assert_eq!((found.latent_dim, found.lambda, found.objective, found.seed), (3, 0.5, objective, 8));
    let plain = spec(&options(&[]));
    assert!(matches!(
        plain.objective,
        AlsObjective::Exact { reduction: Reduction::Sum, accelerate: true, .. }
    ));
}

#[test]
fn points_are_the_new_lowest_losses() {
    let spec = AlsSpec { max_iterations: 20, latent_dim: 1, ..spec(&options(&[])) };
    let als = Als::try_from(spec).expect("valid");
    let known = known([Some(true), Some(false)]);
    let run = watch("exact ALS", &als, &known).expect("trained");
    // ALS has no loss before its first iteration.
    assert_eq!((run.points[0].iteration, run.points[0].seconds > 0.0), (1, true));
    for pair in run.points.windows(2) {
        assert!(pair[1].loss < pair[0].loss && pair[1].iteration > pair[0].iteration);
    }
    let lowest = als
        .fit(&known.data)
        .expect("trained")
        .history
        .entries
        .iter()
        .map(|e| e.loss.total)
        .fold(f64::INFINITY, f64::min);
    assert_eq!(run.best().map(|best| best.loss), Some(lowest));
    // Of the two hidden instances the positive one has the higher probabilities.
    assert_eq!(run.average_precision, Some(1.0));
}

#[test]
fn a_ranking_is_judged_on_hidden_labels_that_are_known() {
    let precision = |hidden| {
        let known = known(hidden);
        let als = Als::try_from(AlsSpec { latent_dim: 1, ..AlsSpec::exact() }).expect("valid");
        known.average_precision(&als.fit(&known.data).expect("trained")).expect("finite")
    };
    // The positive one comes second: one of two.
    assert_eq!(precision([Some(false), Some(true)]), Some(0.5));
    assert_eq!(precision([None, Some(true)]), Some(1.0), "an unknown instance is left out");
    assert_eq!((precision([None, None]), precision([Some(false), None])), (None, None));
}

#[test]
fn the_finish_line_is_the_lowest_loss_of_adam() {
    let problem = || Problem { name: "p".to_owned(), classifiers: 2, instances: 6, labeled: 4 };
    let als = || run(&[(0, 0.0, 9.0), (3, 0.5, 4.0), (7, 2.0, 1.0)]);
    assert_eq!(
        [9.5, 4.0, 3.9, 1.0, 0.5].map(|loss| als().seconds_to(loss)),
        [Some(0.0), Some(0.5), Some(2.0), Some(2.0), None]
    );
    let against = |adam| {
        let race = Race::new(problem(), als(), adam);
        (race.reached, race.time_ratio)
    };
    assert_eq!(against(Some(run(&[(0, 0.0, 9.0), (80, 4.0, 3.0)]))), (Some(true), Some(4.0 / 2.0)));
    assert_eq!(against(Some(run(&[(80, 4.0, 0.5)]))), (Some(false), None));
    assert_eq!(against(None), (None, None));
    assert_eq!(against(Some(run(&[]))), (None, None), "Adam without a finite loss is not a finish line");
    // Adam that never fell below its start took 0 seconds to its lowest loss.
    assert_eq!(against(Some(run(&[(0, 0.0, 4.0)]))), (Some(true), None));
}

#[test]
fn a_problem_is_named_by_its_folder_and_file() {
    assert_eq!(name(Path::new("data/abalone/seed0.csv.gz")), "abalone/seed0");
    assert_eq!(name(Path::new("t.csv")), "t");
    assert_eq!(name(Path::new("..")), "");
}
