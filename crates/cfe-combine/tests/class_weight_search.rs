//! The search for a class weight, with ALS as its trainer.

#![cfg(feature = "als")]

use cf_ensemble::als::{AggregatorSolver, Als, AlsSpec};
use cf_ensemble::synthetic::Correlated;
use cf_ensemble::tuning::{ClassWeightSearch, Metric};
use cf_ensemble::validation::StratifiedKFold;
use cf_ensemble::{ClassWeight, EnsembleData, Error, Result, Trainer};

fn data() -> EnsembleData {
    Correlated { n_instances: 300, ..Correlated::default() }.generate(3).expect("valid").data
}

fn build(class_weight: ClassWeight) -> Result<Box<dyn Trainer>> {
    let mut spec = AlsSpec { class_weight, latent_dim: 3, max_iterations: 15, ..AlsSpec::default() };
    spec.aggregator.solver = AggregatorSolver::Newton;
    Ok(Box::new(Als::try_from(spec)?))
}

#[test]
fn the_best_candidate_is_chosen_reproducibly() {
    let data = data();
    for metric in [Metric::AveragePrecision, Metric::LogLoss] {
        let search = ClassWeightSearch { metric, ..ClassWeightSearch::default() };
        let found = search.run(&data, &build).expect("fits");
        assert_eq!(found, search.run(&data, &build).expect("fits"));
        assert_eq!(found.candidates.len(), 5);
        let scores = found.candidates.iter().map(|c| c.score);
        let best = match metric {
            Metric::LogLoss => scores.fold(f64::INFINITY, f64::min),
            _ => scores.fold(0.0, f64::max),
        };
        let chosen = found.candidates.iter().find(|c| c.factor == found.factor).expect("a candidate");
        assert_eq!(chosen.score, best, "{metric:?}");
        let (negatives, positives) = data.class_totals();
        let (negative, positive) = found.class_weight.per_class(negatives, positives);
        let balanced = ClassWeight::Balanced.per_class(negatives, positives);
        assert!((positive / balanced.1 - found.factor).abs() < 1e-12 && negative == balanced.0);
    }
}

/// A trainer that does not look at the class weight leaves every candidate equal.
#[test]
fn of_equal_candidates_the_one_nearest_to_balanced_wins() {
    let search = ClassWeightSearch { factors: vec![8.0, 2.0, 0.25], ..ClassWeightSearch::default() };
    let found = search.run(&data(), &|_| build(ClassWeight::Uniform)).expect("fits");
    assert!(found.candidates.iter().all(|c| c.score == found.candidates[0].score));
    assert_eq!(found.factor, 2.0);
}

#[test]
fn held_out_labels_are_hidden() {
    // A trainer that refuses to see all labels at once: the search must never show them.
    let all = data().labeled().len();
    struct Guard(Box<dyn Trainer>, usize);
    impl Trainer for Guard {
        fn name(&self) -> &'static str {
            "guard"
        }
        fn start(&self, data: &EnsembleData) -> Result<cfe_core::Parameters> {
            self.0.start(data)
        }
        fn fit_from(
            &self,
            start: cfe_core::Parameters,
            data: &EnsembleData,
            observer: &mut dyn cfe_core::Observer,
        ) -> Result<cfe_core::Fitted> {
            assert!(data.labeled().len() < self.1);
            self.0.fit_from(start, data, observer)
        }
    }
    let guarded = |w| Ok(Box::new(Guard(build(w)?, all)) as Box<dyn Trainer>);
    ClassWeightSearch::default().run(&data(), &guarded).expect("fits");
}

#[test]
fn what_cannot_be_compared_is_an_error() {
    let data = data();
    let run = |search: ClassWeightSearch, data: &EnsembleData| search.run(data, &build);
    let one = data.labels().iter().map(|l| l.filter(|y| !y)).collect();
    let one = data.clone().with_labels(one).expect("same length");
    assert!(matches!(run(ClassWeightSearch::default(), &one), Err(Error::SingleClass { .. })));
    let none = data.clone().with_labels(vec![None; 300]).expect("same length");
    assert!(matches!(run(ClassWeightSearch::default(), &none), Err(Error::NoLabels)));
    for factors in [vec![], vec![0.0], vec![f64::NAN]] {
        let search = ClassWeightSearch { factors, ..ClassWeightSearch::default() };
        assert!(matches!(run(search, &data), Err(Error::InvalidParameter { .. })));
    }
    let folds = StratifiedKFold { n_splits: 1, seed: 0 };
    assert!(run(ClassWeightSearch { folds, ..ClassWeightSearch::default() }, &data).is_err());
}
