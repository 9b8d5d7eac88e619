//! Weights, folds, times and costs of the rows of several classes.

use cfe_combine::baselines::Baseline;
use cfe_combine::classes::{
    ClassBaseline, ClassData, ClassOptions, ClassOutcome, CouplingMethod, Decision, DecisionRule, fit,
    fit_baseline, judge_rows, judge_rows_at_costs,
};
use cfe_combine::methods::Method;
use cfe_combine::{FitError, FitOptions};

use super::{Stopping, quick, table};

fn names(of: impl Iterator<Item = usize>) -> Vec<String> {
    of.map(|fold| fold.to_string()).collect()
}

#[test]
fn given_folds_are_followed_by_every_trainer() {
    let data = table("development/bank_job").data().expect("labels");
    let n = data.labels().len();
    let mut options = ClassOptions::default();
    options.folds = Some(names((0..n).map(|i| i % 4)));
    let outcome = fit(&data, &quick(), &options, &()).expect("fits");
    let expected: Vec<usize> = data.labeled().iter().map(|&i| i % 4).collect();
    let folds = outcome.folds.as_ref().expect("given");
    assert_eq!((folds.as_slice(), folds.n_splits()), (&expected[..], 4));
    assert!(outcome.cross_validated(&data).expect("scores").expect("held out").never_scored == 0);
    let mut als = FitOptions::default();
    als.trainer = Some(Method::Als);
    als.set = "max_iterations=5".parse().expect("a setting");
    let outcome = fit(&data, &als, &options, &()).expect("fits");
    assert_eq!(outcome.folds.expect("given").as_slice(), expected);
    als.folds = Some(3);
    assert!(matches!(fit(&data, &als, &options, &()), Err(FitError::Options(_))));
    options.folds = Some(names(0..n - 1));
    assert!(fit(&data, &quick(), &options, &()).is_err());
}

#[test]
fn a_class_that_one_fold_holds_out_whole_is_voted_on() {
    let data = table("development/bank_job").data().expect("labels");
    let fold = |(i, label): (usize, &Option<usize>)| if *label == Some(1) { 0 } else { i % 4 };
    let mut options = ClassOptions::default();
    options.folds = Some(names(data.labels().iter().enumerate().map(fold)));
    let warned = Stopping::default();
    let outcome = fit(&data, &quick(), &options, &warned).expect("fits");
    assert_eq!(outcome.model.unlearned(), [data.predictions().classes()[1].as_str()]);
    assert!(warned.heard.lock().expect("unpoisoned").iter().any(|w| w.contains("hold out all of its")));
}

#[test]
fn rows_are_scored_by_earlier_ones() {
    let data = table("development/bank_job").data().expect("labels");
    let n = data.labels().len();
    let mut options = ClassOptions::default();
    options.times = Some((0..n).map(|i| i as f64).collect());
    let mut als = FitOptions::default();
    als.trainer = Some(Method::Als);
    als.set = "max_iterations=5".parse().expect("a setting");
    for fit_options in [quick(), als] {
        let outcome = fit(&data, &fit_options, &options, &()).expect("fits");
        let folds = outcome.folds.clone().expect("given");
        assert!(folds.is_forward());
        let p = outcome.out_of_fold.as_ref().expect("held out");
        for (place, row) in p.rows().into_iter().enumerate() {
            match folds.as_slice()[place] < folds.n_splits() {
                true => assert!((row.sum() - 1.0).abs() < 1e-9),
                false => assert!(row.iter().all(|p| p.is_nan())),
            }
        }
        let part = outcome.cross_validated(&data).expect("scores").expect("held out");
        assert_eq!(part.rows + part.never_scored, data.labeled().len());
        assert!(part.never_scored > 0 && part.methods.iter().all(|m| m.metrics.log_loss.is_finite()));
        if fit_options.trainer.is_some() {
            continue;
        }
        // Labels of the last fold change nothing that comes before.
        let last: Vec<usize> = folds.test(4).iter().map(|&p| data.labeled()[p]).collect();
        let changed = data.labels().iter().enumerate().map(|(i, label)| match last.contains(&i) {
            true => label.map(|label| (label + 1) % 3),
            false => *label,
        });
        let other = data.clone().with_labels(changed.collect()).expect("valid");
        let other = fit(&other, &fit_options, &options, &()).expect("fits");
        let q = other.out_of_fold.expect("held out");
        for place in folds.scored() {
            assert_eq!(p.row(place), q.row(place), "row {place}");
        }
    }
    // A class that comes late is voted on before.
    let late = data.labels().iter().enumerate().map(|(i, label)| label.filter(|&k| k != 1 || i > n / 2));
    let late = data.clone().with_labels(late.collect()).expect("valid");
    let warned = Stopping::default();
    let outcome = fit(&late, &quick(), &options, &warned).expect("fits");
    assert!(outcome.model.unlearned().is_empty());
    assert!(warned.heard.lock().expect("unpoisoned").iter().any(|w| w.contains("come before fold 1")));
    options.folds = Some(names((0..n).map(|i| i % 2)));
    assert!(fit(&data, &quick(), &options, &()).is_err(), "folds and times");
}

/// The data with weight 2 of some labeled rows, and with these rows twice; the rows that the second has.
fn twice_and_weighted(is_twice: impl Fn(usize) -> bool) -> (ClassData, ClassData, Vec<usize>) {
    let data = table("development/bank_job").data().expect("labels");
    let n = data.labels().len();
    let doubled: Vec<usize> = data.labeled().iter().copied().filter(|&i| is_twice(i)).collect();
    let rows: Vec<usize> = (0..n).chain(doubled.iter().copied()).collect();
    let weights = (0..n).map(|i| if doubled.contains(&i) { 2.0 } else { 1.0 }).collect();
    let labels = rows.iter().map(|&i| data.labels()[i]).collect();
    let twice = data.predictions().select_instances(&rows).expect("there");
    let twice = ClassData::new(twice, labels).expect("valid");
    (data.with_sample_weights(weights).expect("positive"), twice, rows)
}

#[test]
fn a_row_of_weight_two_is_a_row_twice() {
    let (weighted, twice, rows) = twice_and_weighted(|i| i % 3 == 0);
    let n = weighted.labels().len();
    for baseline in ClassBaseline::ALL {
        let of = |data: &ClassData| {
            let fitted = baseline.fit(data).expect("fits");
            fitted.predict(weighted.predictions()).expect("the same classifiers")
        };
        // A penalty goes by the number of rows, which copies change.
        if !baseline.is_stacking() {
            let apart = of(&weighted).iter().zip(&of(&twice)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(apart < 1e-9, "{}: {apart}", baseline.name());
        }
    }
    // The mean of the classifiers learns nothing, and neither do normalized sums, so that decision and
    // figures are all that do.
    let of = |data, rows: &[usize], rule| {
        let mut options = ClassOptions::default();
        options.coupling = CouplingMethod::NormalizedSums;
        options.folds = Some(names(rows.iter().map(|i| i % 4)));
        options.costs = Some(rows.iter().map(|&i| 1.0 + (i % 5) as f64).collect());
        options.decision = rule;
        fit_baseline(Baseline::Mean, data, &options).expect("fits")
    };
    let every: Vec<usize> = (0..n).collect();
    for rule in [DecisionRule::LeastCost, DecisionRule::MacroF1] {
        let a = of(&weighted, &every, rule.clone());
        let b = of(&twice, &rows, rule);
        for ((i, k), p) in a.combined.probabilities.indexed_iter() {
            assert!((p - b.combined.probabilities[(i, k)]).abs() < 1e-6, "row {i} class {k}");
        }
        let (Decision::Weights(x), Decision::Weights(y)) = (&a.model.decision, &b.model.decision) else {
            panic!("{:?}", a.model.decision)
        };
        assert!(x.iter().zip(y).all(|(x, y)| (x - y).abs() < 1e-3 * x), "{x:?} {y:?}");
        let part =
            |outcome: &ClassOutcome, data| outcome.cross_validated(data).expect("scores").expect("held out");
        let (a, b) = (part(&a, &weighted), part(&b, &twice));
        for (a, b) in a.methods.iter().zip(&b.methods) {
            if !a.name.starts_with("stacking") {
                assert!((a.metrics.log_loss - b.metrics.log_loss).abs() < 1e-9, "{}", a.name);
                let (a_cost, b_cost) = (a.mean_cost.expect("costs"), b.mean_cost.expect("costs"));
                assert!((a_cost - b_cost).abs() < 1e-9, "{}", a.name);
                assert_eq!(a.metrics.confusion, b.metrics.confusion, "{}", a.name);
            }
        }
    }
}

#[test]
fn costs_of_rows_move_the_decision_and_are_said() {
    let table = table("development/bank_job");
    let data = table.data().expect("labels");
    let costs: Vec<f64> =
        table.labels.iter().map(|label| if *label == Some(1) { 20.0 } else { 1.0 }).collect();
    let mut options = ClassOptions::default();
    options.decision = DecisionRule::LeastCost;
    assert!(matches!(fit(&data, &quick(), &options, &()), Err(FitError::Options(_))), "no costs");
    options.costs = Some(costs.clone());
    let dear = fit(&data, &quick(), &options, &()).expect("fits");
    options.decision = DecisionRule::Largest;
    let largest = fit(&data, &quick(), &options, &()).expect("fits");
    let Decision::Weights(weights) = &dear.model.decision else { panic!("{:?}", dear.model.decision) };
    assert!(weights[1] > weights[0].max(weights[2]), "{weights:?}");
    let cost = |outcome: &ClassOutcome| {
        let part = outcome.cross_validated(&data).expect("scores").expect("held out");
        part.methods[0].mean_cost.expect("costs")
    };
    assert!(cost(&dear) < cost(&largest));
    // By hand: the cost of the rows that are wrong.
    let rows: Vec<usize> = (0..table.n_rows()).filter(|&i| !table.in_train[i]).collect();
    let judge = |costs| {
        judge_rows_at_costs("test", &dear.model, &table.predictions, &rows, &table.labels, None, costs)
            .expect("labels")
            .methods[0]
            .mean_cost
    };
    let decided = &dear.combined.decisions;
    let wrong = rows.iter().filter(|&&i| table.labels[i] != Some(decided[i])).map(|&i| costs[i]);
    assert!((judge(Some(&costs[..])).expect("costs") - wrong.sum::<f64>() / rows.len() as f64).abs() < 1e-12);
    assert_eq!(judge(None), None);
    let plain = judge_rows("test", &dear.model, &table.predictions, &rows, &table.labels, None);
    assert_eq!(plain.expect("labels").methods[0].mean_cost, None);
    options.costs = Some(vec![-1.0; data.labels().len()]);
    assert!(fit(&data, &quick(), &options, &()).is_err());
}
