use cfe_core::EnsembleData;
use serde_json::{Value, json};

use super::space::Space;
use super::*;
use cfe_core::synthetic::Correlated;

fn data() -> EnsembleData {
    Correlated { n_instances: 240, ..Correlated::default() }.generate(3).expect("valid").data
}

fn search() -> RandomizedSearch {
    RandomizedSearch { n_trials: 4, n_splits: 3, seed: 5, ..RandomizedSearch::default() }
}

#[cfg(feature = "als")]
fn scores(tuned: &Tuned) -> Vec<Vec<u64>> {
    tuned.trials.iter().map(|t| t.scores.iter().map(|s| s.to_bits()).collect()).collect()
}

#[test]
fn a_longer_search_begins_with_a_shorter_one() {
    for backend in Backend::ALL {
        let fixed = Map::new();
        let space = Space { backend, n_classifiers: 12, fixed: &fixed };
        let (short, long) = (space.candidates(6, 1), space.candidates(40, 1));
        assert_eq!(short, long[..6]);
        assert!(long[0].is_empty() && long.len() == 40);
        assert!((1..40).all(|k| !long[..k].contains(&long[k])));
        assert_ne!(space.candidates(40, 2), long);
    }
}

#[test]
fn what_is_fixed_is_not_searched() {
    let Value::Object(fixed) =
        json!({ "latent_dim": 4, "objective": { "exact": { "rho": 0.25, "reduction": "mean" } } })
    else {
        panic!("an object")
    };
    let all = Space { backend: Backend::Als, n_classifiers: 12, fixed: &fixed }.candidates(30, 0);
    assert!(all.iter().all(|s| s["latent_dim"] == 4 && s["objective"]["exact"]["rho"] == 0.25));
    let one = Space { backend: Backend::Als, n_classifiers: 1, fixed: &Map::new() }.candidates(30, 0);
    assert!(one.iter().filter_map(|s| s.get("latent_dim")).all(|d| *d == 1));
}

#[test]
#[cfg(feature = "als")]
fn every_setting_of_the_space_is_accepted() {
    let fixed = Map::new();
    for settings in (Space { backend: Backend::Als, n_classifiers: 12, fixed: &fixed }).candidates(60, 9) {
        search().trainer(&settings).expect("valid settings");
    }
}

#[test]
#[cfg(feature = "als")]
fn broken_off_or_not_and_for_any_number_of_threads_the_result_is_the_same() {
    let data = data();
    let whole = search().run(&data, Following::Labels, Vec::new(), &mut |_| Ok(())).expect("runs");
    assert_eq!(whole.trials.len(), 6);
    let begun = RandomizedSearch { n_trials: 2, ..search() };
    let begun = begun.run(&data, Following::Labels, Vec::new(), &mut |_| Ok(())).expect("runs");
    let mut new = Vec::new();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
    let resumed = pool.install(|| {
        search().run(&data, Following::Labels, begun.trials, &mut |trial| {
            new.push(trial.number);
            Ok(())
        })
    });
    let resumed = resumed.expect("runs");
    assert_eq!(new, [4, 5]);
    assert_eq!(scores(&resumed), scores(&whole));
    assert_eq!((resumed.chosen, resumed.best), (whole.chosen, whole.best));
    let other = RandomizedSearch { seed: 6, ..search() };
    let foreign = RandomizedSearch { settings: Map::from_iter([("lambda".to_owned(), json!(0.5))]), ..other };
    let error =
        foreign.run(&data, Following::Labels, whole.trials, &mut |_| Ok(())).expect_err("other settings");
    assert!(matches!(error, TuningError::Foreign { number: 2 }), "{error}");
}

#[test]
#[cfg(feature = "als")]
fn hidden_labels_do_not_reach_a_trial() {
    let data = data();
    let folds = search().folds(&data, Following::Labels).expect("valid");
    let fit = |data: &EnsembleData| {
        let rows: Vec<usize> = folds.test(0).iter().map(|&p| data.labeled()[p]).collect();
        let trainer = search().trainer(&Map::new()).expect("valid");
        crate::cross_validation::predict_held_out(trainer.as_ref(), data, &rows).expect("fits")
    };
    let mut flipped = data.labels().to_vec();
    for p in folds.test(0) {
        let label = &mut flipped[data.labeled()[p]];
        *label = label.map(|y| !y);
    }
    assert_eq!(fit(&data), fit(&data.clone().with_labels(flipped).expect("valid")));
}

fn tuned(rows: &[(Method, Value, &[f64])], search: &RandomizedSearch) -> Tuned {
    let trial = |(number, (contender, settings, scores)): (usize, &(Method, Value, &[f64]))| Trial {
        number,
        contender: *contender,
        settings: settings.as_object().cloned().unwrap_or_default(),
        scores: scores.to_vec(),
        failure: scores.is_empty().then(|| "diverged".to_owned()),
        seconds: 0.0,
    };
    Tuned::choose(search, 3, rows.iter().enumerate().map(trial).collect(), false).expect("a trial")
}

#[test]
fn the_simplest_within_one_standard_error_is_chosen() {
    use Method::{Als, Recommended};
    const MEAN: Method = Method::Baseline(crate::baselines::Baseline::Mean);
    let rows: [(Method, Value, &[f64]); 6] = [
        (MEAN, json!({}), &[0.5, 0.5, 0.5]),
        (Recommended, json!({}), &[0.55, 0.56, 0.54]),
        (Als, json!({}), &[0.6, 0.5, 0.72]),
        (Als, json!({ "lambda": 0.1, "latent_dim": 3 }), &[0.7, 0.6, 0.65]),
        (Als, json!({ "lambda": 1.0 }), &[0.65, 0.65, 0.6]),
        (Als, json!({ "lambda": 9.0 }), &[]),
    ];
    let search = RandomizedSearch { recommended_competes: false, ..search() };
    let found = tuned(&rows, &search);
    // 3 is ahead of 4 by (0.05, -0.05, 0.05), within one standard error of 0.033, and of 2 by (0.1, 0.1,
    // -0.07), 0.043 +- 0.057.
    assert_eq!((found.best, found.chosen), (3, 2));
    assert!(found.difference(3, 1).is_clear() && !found.difference(3, 4).is_clear());
    // Of a loss the smallest is best, and the recommended combiner is simpler than any trial.
    let search = RandomizedSearch { metric: Metric::LogLoss, recommended_competes: true, ..search };
    let found = tuned(&rows, &search);
    assert_eq!((found.best, found.chosen), (1, 1));
    assert!(found.difference(1, 4).better_by > 0.0);
}

#[test]
fn settings_out_of_range_and_data_without_folds_are_refused() {
    let data = data();
    for bad in [
        RandomizedSearch { n_splits: 1, ..search() },
        RandomizedSearch { n_trials: 0, ..search() },
        RandomizedSearch { settings: Map::from_iter([("rank".to_owned(), json!(1))]), ..search() },
    ] {
        assert!(bad.run(&data, Following::Labels, Vec::new(), &mut |_| Ok(())).is_err(), "{bad:?}");
    }
    let unlabeled = data.clone().with_labels(vec![None; data.n_instances()]).expect("valid");
    assert!(matches!(search().folds(&unlabeled, Following::Labels), Err(Error::NoLabels)));
    let one = (0..data.n_instances()).map(|i| Some(i == 0)).collect();
    let one = data.with_labels(one).expect("valid");
    assert!(matches!(search().folds(&one, Following::Labels), Err(Error::SingleClass { .. })));
}

/// The exact objective is searched in the form that `AlsSpec::exact()` has, not in a copy of it.
#[test]
#[cfg(feature = "als")]
fn the_exact_objective_is_searched_as_its_spec_has_it() {
    use cfe_als::AlsSpec;
    use serde::Deserialize as _;

    let nothing = Map::new();
    let space = super::space::Space { backend: Backend::Als, n_classifiers: 16, fixed: &nothing };
    let settings = Value::Object(space.candidates(2, 0)[1].clone());
    assert_eq!(AlsSpec::deserialize(&settings).unwrap(), AlsSpec::exact());
    assert_eq!(settings["objective"]["exact"]["reduction"], "sum");
}
