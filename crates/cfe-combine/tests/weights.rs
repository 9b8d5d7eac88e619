//! Sample weights on every path of a fit: their unit changes nothing, a weight of 2 is a row twice where no
//! penalty stands against the number of rows, and a row of weight 0 is as good as none.

use std::fmt::Write as _;

use cfe_combine::baselines::Baseline;
use cfe_combine::classes::{
    ClassBaseline, ClassData, ClassOptions, ClassOutcome, ClassPredictions, Decision, DecisionRule,
    fit as fit_classes, fit_baseline, judge_rows,
};
use cfe_combine::judge::{
    Finding, Part, ThresholdRule, diagnose, diagnose_classes, diagnose_evaluation, evaluate,
};
use cfe_combine::pipeline::{Assignments, Calibrate};
use cfe_combine::recommended::{LearningCurve, LeftOut, Recommended, RecommendedSpec};
use cfe_combine::{FitOptions, FitOutcome, fit};
use cfe_core::EnsembleData;
use cfe_core::logistic::LogisticRegression;
use cfe_core::multinomial::Multinomial;
use cfe_io::{AnyTable, ClassTable, Source, Table, TableOptions, read_any_table, read_table};
use ndarray::{Array2, Array3, Axis};

/// A power of two, which is exact, and another unit.
const UNITS: [f64; 2] = [0.25, 1e6];

fn noise(i: usize, k: usize) -> f64 {
    ((i * (2 * k + 7) * 31 + k * 17) % 101) as f64 / 101.0
}

fn label(i: usize) -> bool {
    i.is_multiple_of(4)
}

/// Five classifiers of n rows, one in four positive; every ninth row of the last one is missing.
fn cell(u: usize, i: usize) -> f64 {
    let y = f64::from(u8::from(label(i)));
    if u == 4 && i % 9 == 2 { f64::NAN } else { 0.05 + 0.7 * noise(i, u) + (0.12 + 0.02 * u as f64) * y }
}

/// Rows by their numbers, each with a weight.
fn data(rows: &[usize], weights: Option<&[f64]>) -> EnsembleData {
    let r = Array2::from_shape_fn((5, rows.len()), |(u, i)| cell(u, rows[i]));
    let data = EnsembleData::new(r, rows.iter().map(|&i| Some(label(i))).collect()).expect("valid");
    match weights {
        Some(weights) => data.with_sample_weights(weights.to_vec()).expect("valid"),
        None => data,
    }
}

/// Half of each class weighs 2.
fn weights(n: usize) -> Vec<f64> {
    (0..n).map(|i| if i / 4 % 2 == 0 { 2.0 } else { 1.0 }).collect()
}

fn copies(n: usize) -> Vec<usize> {
    (0..n).chain((0..n).filter(|i| i / 4 % 2 == 0)).collect()
}

fn every(n: usize) -> Vec<usize> {
    (0..n).collect()
}

fn times(weights: &[f64], unit: f64) -> Vec<f64> {
    weights.iter().map(|w| w * unit).collect()
}

/// Largest difference of two lists.
fn far(a: impl IntoIterator<Item = f64>, b: impl IntoIterator<Item = f64>) -> f64 {
    a.into_iter()
        .zip(b)
        .map(|(a, b)| if a.is_nan() && b.is_nan() { 0.0 } else { (a - b).abs() })
        .fold(0.0, f64::max)
}

#[test]
fn baselines_do_not_depend_on_the_unit_of_weights_and_count_copies() {
    let n = 160;
    let asked = data(&every(n), None);
    let scores = |baseline: Baseline, of: &EnsembleData| {
        baseline.fit(of).expect("fits").predict(asked.predictions()).expect("the same classifiers")
    };
    let repeated = data(&copies(n), None);
    for baseline in Baseline::ALL {
        let expected = scores(baseline, &data(&every(n), Some(&weights(n))));
        for unit in UNITS {
            let scaled = scores(baseline, &data(&every(n), Some(&times(&weights(n), unit))));
            let apart = far(scaled, expected.clone());
            assert!(apart < 1e-9, "{}: {apart} by the unit {unit}", baseline.name());
        }
        // Of penalties the number of rows decides, and copies are more rows.
        let penalty = [
            Baseline::NonNegativeLogistic,
            Baseline::Logistic,
            Baseline::LogisticBalanced,
            Baseline::Average4,
        ];
        let most = if penalty.contains(&baseline) { 0.1 } else { 1e-7 };
        let apart = far(scores(baseline, &repeated), expected);
        assert!(apart < most, "{}: {apart} beside copies", baseline.name());
        // Equal weights change no bit, whatever their unit.
        assert_eq!(scores(baseline, &data(&every(n), Some(&vec![8.0; n]))), scores(baseline, &asked));
    }
}

/// What a penalty stands against is the number of rows: with that told, copies give the same regression.
#[test]
fn penalties_of_weighted_rows_go_by_their_number() {
    let (n, complete) = (160, [0, 1, 2, 3]);
    let of = |rows: &[usize]| Array2::from_shape_fn((4, rows.len()), |(u, i)| cell(complete[u], rows[i]));
    let labels = |rows: &[usize]| rows.iter().map(|&i| label(i)).collect::<Vec<_>>();
    let given = EnsembleData::new(of(&every(n)), labels(&every(n)).into_iter().map(Some).collect());
    let given = given.expect("valid").with_sample_weights(times(&weights(n), 1e6)).expect("valid");
    let fitted = Baseline::Logistic.fit(&given).expect("fits");
    let spec = LogisticRegression { lambda: 1.0 / n as f64, ..LogisticRegression::default() };
    let repeated = spec.fit(of(&copies(n)).view(), &labels(&copies(n)), None).expect("fits").weights;
    assert!(far(fitted.weights().expect("coefficients").iter().copied(), repeated) < 1e-6);

    let data = class_data(&every(n), Some(&times(&class_weights(n), 1e6)));
    let found = ClassBaseline::Stacking.fit(&data).expect("fits").predict(data.predictions()).expect("same");
    let rows: Vec<usize> = (0..n).chain((0..n).filter(|i| i / 8 % 2 == 0)).collect();
    let mean = rows.len() as f64 / n as f64;
    let features = |data: &ClassData| {
        let p = data.predictions().values();
        Array2::from_shape_fn((9, p.dim().1), |(j, i)| p[(j / 3, i, j % 3)])
    };
    let labels: Vec<usize> = rows.iter().map(|&i| class(i)).collect();
    let features_of_copies = features(&class_data(&rows, None));
    let spec = Multinomial { c: 1.0 / mean };
    let fitted = spec.fit(features_of_copies.view(), 3, &labels, &vec![1.0; rows.len()]).expect("fits");
    let expected = fitted.predict(features(&data).view()).expect("nine features");
    assert!(far(found, expected) < 1e-6);
}

#[test]
fn gaps_of_baselines_are_filled_by_weighted_means() {
    let r = ndarray::array![[0.2, 0.4, 0.9, f64::NAN], [0.3, 0.1, 0.7, f64::NAN]];
    let labels = vec![Some(false), Some(false), Some(true), None];
    let of = |weights: [f64; 4]| {
        let data = EnsembleData::new(r.clone(), labels.clone()).expect("valid");
        let data = data.with_sample_weights(weights.to_vec()).expect("valid");
        let fitted = Baseline::Mean.fit(&data).expect("fits");
        fitted.predict(data.predictions()).expect("the same classifiers")[3]
    };
    assert!((of([3.0, 1.0, 0.0, 0.0]) - (0.25 + 0.25) / 2.0).abs() < 1e-12);
    assert!((of([3e300, 1e300, 0.0, 1e300]) - 0.25).abs() < 1e-12);
    assert_eq!(of([1.0; 4]), of([1e-9; 4]));
}

fn spec() -> Recommended {
    let spec = RecommendedSpec {
        shrinkage: vec![30.0],
        low_rank_ridge: vec![3.0],
        local_ridge: vec![1.0],
        ..RecommendedSpec::default()
    };
    Recommended::try_from(spec).expect("valid")
}

/// Logits, what each classifier adds, and what more labels bring.
fn asked(data: &EnsembleData) -> (Vec<f64>, Vec<LeftOut>, LearningCurve) {
    let combiner = spec();
    let fitted = combiner.fit(data).expect("fits");
    let left_out = combiner.leave_one_out(data, &fitted, None).expect("fits");
    let curve = combiner.learning_curve(data, &fitted, None).expect("fits");
    (fitted.out_of_fold_logits.expect("folds"), left_out, curve)
}

#[test]
fn the_recommended_combiner_and_what_is_asked_of_it_count_weights() {
    let n = 160;
    // Weights that say something: positives of the first half count much.
    let weights: Vec<f64> = (0..n).map(|i| if i < 80 && label(i) { 5.0 } else { 1.0 }).collect();
    let expected = asked(&data(&every(n), Some(&weights)));
    assert_eq!(asked(&data(&every(n), Some(&times(&weights, 0.25)))), expected);
    let plain = asked(&data(&every(n), None));
    let lost = |of: &[LeftOut]| of.iter().map(|l| l.average_precision_lost.estimate).collect::<Vec<_>>();
    let gained = |of: &LearningCurve| {
        of.labels.iter().map(|p| p.average_precision_gained.estimate).collect::<Vec<_>>()
    };
    assert!(!lost(&plain.1).is_empty() && !gained(&plain.2).is_empty());
    assert!(far(lost(&plain.1), lost(&expected.1)) > 1e-3, "what is left out");
    assert!(far(gained(&plain.2), gained(&expected.2)) > 1e-4, "the learning curve");
    let scaled = asked(&data(&every(n), Some(&times(&weights, 1e6))));
    assert!(far(scaled.0, expected.0) < 1e-6);
    assert!(far(lost(&scaled.1), lost(&expected.1)) < 1e-6);
    assert!(far(gained(&scaled.2), gained(&expected.2)) < 1e-6);
}

/// Rows that weigh next to nothing move no fit, and no average precision either, whatever their labels are.
#[test]
fn average_precision_that_is_lost_goes_by_weight() {
    let n = 240;
    let weights: Vec<f64> = (0..n).map(|i| if i < 160 { 1.0 } else { 1e-9 }).collect();
    let folds: Vec<usize> = (0..n).map(|i| i / 4 % 4).collect();
    let lost = |turned: bool| -> Vec<f64> {
        let labels = (0..n).map(|i| Some(label(i) != (turned && i >= 160))).collect();
        let data = data(&every(n), Some(&weights)).with_labels(labels).expect("valid");
        let fitted = spec().fit_with_folds(&data, &folds).expect("fits");
        let left_out = spec().leave_one_out(&data, &fitted, Some(&folds)).expect("fits");
        left_out.iter().map(|l| l.average_precision_lost.estimate).collect()
    };
    let (honest, turned) = (lost(false), lost(true));
    assert!(honest.iter().any(|lost| lost.abs() > 0.01), "{honest:?}");
    assert!(far(honest.clone(), turned.clone()) < 1e-3, "{honest:?} {turned:?}");
}

#[test]
fn what_is_asked_of_the_combiner_leaves_rows_of_weight_zero_out() {
    let n = 200;
    let rest: Vec<usize> = every(n).into_iter().filter(|i| i % 5 != 0).collect();
    let zero: Vec<f64> = every(n).iter().map(|i| f64::from(u8::from(i % 5 != 0))).collect();
    let (_, left_out, curve) = asked(&data(&every(n), Some(&zero)));
    let (_, expected, of_rest) = asked(&data(&rest, None));
    assert_eq!((left_out, curve), (expected, of_rest));
}

/// A table of rows with numbers, weights and splits.
fn text(rows: &[usize], weights: &[f64], split: impl Fn(usize) -> &'static str) -> String {
    let mut text = "label,w,cv,split,a,b,c,d,e\n".to_owned();
    for (&i, w) in rows.iter().zip(weights) {
        write!(text, "{},{w},{},{}", u8::from(label(i)), i / 4 % 4, split(i)).expect("text");
        (0..5).for_each(|u| match cell(u, i) {
            p if p.is_nan() => text.push(','),
            p => write!(text, ",{p:.4}").expect("text"),
        });
        text.push('\n');
    }
    text
}

fn options(calibrate: Calibrate) -> FitOptions {
    let mut options = FitOptions::default();
    let set = ["shrinkage=[30]", "low_rank_ridge=[3]", "local_ridge=[1]"];
    options.set = Assignments::all(set.iter().map(|set| set.parse().expect("a setting")));
    options.table.weight_column = Some("w".into());
    options.training.fold_column = Some("cv".into());
    options.calibrate = Some(calibrate);
    options
}

fn fitted(text: &str, options: &FitOptions) -> (Table, FitOutcome) {
    let source = Source::bytes("t.csv", text.as_bytes().to_vec());
    let table = read_table(source, &options.table_options().expect("valid")).expect("a table");
    let outcome = fit(&table, options).expect("fits");
    (table, outcome)
}

#[test]
fn a_whole_fit_does_not_depend_on_the_unit_of_weights() {
    let n = 160;
    let split = |i: usize| if i / 4 % 5 == 4 { "test" } else { "train" };
    let of = |unit: f64, calibrate| {
        let (table, outcome) =
            fitted(&text(&every(n), &times(&weights(n), unit), split), &options(calibrate));
        let parts = outcome.metrics(&table).expect("scored");
        let scores = evaluate(&outcome.model, &table).expect("scored");
        (outcome, parts, scores)
    };
    for calibrate in [Calibrate::Platt, Calibrate::Isotonic] {
        let (expected, parts, scores) = of(1.0, calibrate);
        for unit in UNITS {
            let (outcome, of_unit, scores_of_unit) = of(unit, calibrate);
            let held_out = |of: &FitOutcome| of.out_of_fold.clone().expect("folds");
            assert!(far(held_out(&outcome), held_out(&expected)) < 1e-6, "{calibrate:?} {unit}");
            let p = |of: &FitOutcome| of.combined.probabilities.clone();
            assert!(far(p(&outcome), p(&expected)) < 1e-6, "{calibrate:?} {unit}");
            let (a, b) = (outcome.cut.expect("chosen"), expected.cut.expect("chosen"));
            assert!((a.threshold - b.threshold).abs() < 1e-6 && (a.precision - b.precision).abs() < 1e-9);
            let intervals = |parts: &[Part]| -> Vec<f64> {
                let methods = parts.iter().flat_map(|part| &part.methods);
                let of = |m: &cfe_combine::judge::MethodMetrics| {
                    let interval = m.average_precision_interval.expect("both classes");
                    [
                        interval.lower,
                        interval.upper,
                        m.metrics.log_loss.unwrap_or(0.0),
                        m.metrics.ece.unwrap_or(0.0),
                    ]
                };
                methods.flat_map(of).collect()
            };
            assert!(intervals(&parts).len() > 80);
            assert!(far(intervals(&of_unit), intervals(&parts)) < 1e-5, "{calibrate:?} {unit}");
            assert!(far(intervals(&scores_of_unit), intervals(&scores)) < 1e-5, "{calibrate:?} {unit}");
            let groups = |part: &Part| part.reliability.iter().map(|g| g.rows as f64).collect::<Vec<_>>();
            assert_eq!(groups(&of_unit[0]), groups(&parts[0]));
        }
    }
}

#[test]
fn thresholds_count_weights_as_copies_whatever_their_unit() {
    let n = 120;
    let of = |rows: &[usize]| -> (Vec<bool>, Vec<f64>) {
        rows.iter().map(|&i| (label(i), (0.5 * noise(i, 3) + 0.3 * f64::from(u8::from(label(i)))))).unzip()
    };
    let ((labels, p), (labels2, p2)) = (of(&every(n)), of(&copies(n)));
    for rule in ["f1", "fbeta=2", "mcc", "cost=1,5", "precision-at-recall=0.8", "recall-at-precision=0.7"] {
        let rule: ThresholdRule = rule.parse().expect("a rule");
        let weighted = |unit: f64| {
            let chosen = rule.choose_weighted(&labels, &p, Some(&times(&weights(n), unit)));
            chosen.expect("valid").expect("both classes")
        };
        let repeated = rule.choose(&labels2, &p2).expect("valid").expect("both classes");
        assert_eq!(weighted(1.0), repeated, "{rule}");
        for unit in UNITS {
            assert_eq!(weighted(unit).threshold, repeated.threshold, "{rule}");
        }
    }
}

/// A table whose test rows are those of `test`, each with a weight, by `p`.
fn halves(weight: impl Fn(usize) -> f64, test: impl Fn(usize) -> bool, p: impl Fn(usize) -> f64) -> Table {
    let mut text = "split,label,w,a,b,c\n".to_owned();
    for i in 0..800 {
        let split = if test(i) { "test" } else { "train" };
        write!(text, "{split},{},{}", u8::from(label(i)), weight(i)).expect("text");
        (0..3).for_each(|u| {
            write!(text, ",{:.4}", (p(i) * 0.9 + 0.1 * noise(i, u)).clamp(0.01, 0.99)).expect("text")
        });
        text.push('\n');
    }
    let mut options = TableOptions::default();
    options.weight_column = Some("w".into());
    read_table(Source::bytes("t.csv", text.into_bytes()), &options).expect("a table")
}

fn kinds(found: &[Finding]) -> Vec<&'static str> {
    found.iter().map(|f| f.kind).collect()
}

#[test]
fn findings_about_prevalence_and_shift_go_by_weight() {
    let test = |i: usize| i % 8 >= 4;
    let honest = |i: usize| 0.6 * noise(i, 5) + if label(i) { 0.3 } else { 0.0 };
    let found = |weight: &dyn Fn(usize) -> f64, p: &dyn Fn(usize) -> f64| {
        diagnose(&halves(weight, test, p)).expect("findings")
    };
    assert!(!kinds(&found(&|_| 1.0, &honest)).contains(&"prevalence"));
    // Test rows that are positive weigh five times as much: 62.5% beside 25%.
    for unit in [1.0, 1e6, 1e-6] {
        let heavy = |i: usize| unit * if test(i) && label(i) { 5.0 } else { 1.0 };
        let found = found(&heavy, &honest);
        let text = &found.iter().find(|f| f.kind == "prevalence").expect("found").text;
        assert!(text.contains("25.00%") && text.contains("62.50%"), "{text}");
    }
    // What moved is weightless, or all that weighs something.
    let moved = |i: usize| if test(i) && i % 16 >= 8 { 0.9 * honest(i) + 0.1 } else { honest(i) * 0.6 };
    let only = |weight: fn(usize) -> f64| kinds(&found(&weight, &moved)).contains(&"shift");
    assert!(!only(|i| if i % 16 >= 8 && i % 8 >= 4 { 0.01 } else { 1.0 }));
    assert!(only(|i| if i % 16 < 8 && i % 8 >= 4 { 0.01 } else { 1.0 }));
}

#[test]
fn rows_of_weight_zero_are_in_no_finding_about_labels() {
    // The labels of these rows are turned: without their weights they would be most of the positives.
    let table = halves(|i| f64::from(u8::from(!label(i) || i % 32 == 0)), |_| false, |i| 0.5 * noise(i, 5));
    let found = diagnose(&table).expect("findings");
    let few = found.iter().find(|f| f.kind == "few_positives").expect("25 positives weigh something");
    assert!(few.text.starts_with("25 positives"), "{}", few.text);
}

#[test]
fn an_evaluation_compares_shares_by_weight() {
    let n = 200;
    let (_, outcome) = fitted(&text(&every(n), &vec![1.0; n], |_| "train"), &options(Calibrate::None));
    let rows: Vec<usize> = (1000..1400).collect();
    let heavy: Vec<f64> = rows.iter().map(|&i| if label(i) { 9.0 } else { 1.0 }).collect();
    let found = |weights: &[f64]| {
        let columns = options(Calibrate::None).table_options().expect("valid");
        let table = Source::bytes("n.csv", text(&rows, weights, |_| "train").into_bytes());
        let table = read_table(table, &columns).expect("a table");
        let parts = evaluate(&outcome.model, &table).expect("scored");
        diagnose_evaluation(&outcome.model, &table, &parts).expect("findings")
    };
    assert!(!kinds(&found(&vec![1.0; 400])).contains(&"prevalence"));
    let said = found(&heavy);
    let said = said.iter().find(|f| f.kind == "prevalence").expect("three of four by weight");
    assert!(said.text.contains("75.00%"), "{}", said.text);
}

#[test]
fn the_share_of_train_rows_goes_by_weight() {
    let n = 160;
    let (_, outcome) = fitted(&text(&every(n), &vec![1.0; n], |_| "train"), &options(Calibrate::None));
    // Half of these rows are train rows, and some others look like train rows.
    let rows: Vec<usize> = (80..240).collect();
    let share = |weight: &dyn Fn(usize) -> f64| {
        let weights: Vec<f64> = rows.iter().map(|&i| weight(i)).collect();
        let columns = options(Calibrate::None).table_options().expect("valid");
        let table = Source::bytes("n.csv", text(&rows, &weights, |_| "train").into_bytes());
        let table = read_table(table, &columns).expect("a table");
        evaluate(&outcome.model, &table).expect("scored")[0].in_sample_share
    };
    let (even, heavy, light) = (
        share(&|_| 1.0),
        share(&|i| if i < n { 3.0 } else { 1.0 }),
        share(&|i| if i < n { 0.01 } else { 1.0 }),
    );
    assert!(heavy > even + 0.1 && light < even - 0.1, "{even} {heavy} {light}");
}

fn class(i: usize) -> usize {
    [0, 1, 0, 2, 1, 0, 0, 1][i % 8]
}

fn class_data(rows: &[usize], weights: Option<&[f64]>) -> ClassData {
    let values = Array3::from_shape_fn((3, rows.len(), 3), |(u, i, k)| {
        let i = rows[i];
        let raw = |k: usize| 0.1 + noise(i, 5 * u + k) + if k == class(i) { 0.5 } else { 0.0 };
        raw(k) / (raw(0) + raw(1) + raw(2))
    });
    let names = |names: [&str; 3]| names.map(String::from).to_vec();
    let predictions = ClassPredictions::new(values, names(["x", "y", "z"]), names(["a", "b", "c"]));
    let labels = rows.iter().map(|&i| Some(class(i))).collect();
    let data = ClassData::new(predictions.expect("valid"), labels).expect("valid");
    match weights {
        Some(weights) => data.with_sample_weights(weights.to_vec()).expect("valid"),
        None => data,
    }
}

fn quick() -> FitOptions {
    let mut options = FitOptions::default();
    options.set = "families.local=false".parse().expect("a setting");
    options
}

/// Every eighth row of class 1 and every third of class 2 weighs more.
fn class_weights(n: usize) -> Vec<f64> {
    (0..n).map(|i| if i / 8 % 2 == 0 { 2.0 } else { 1.0 }).collect()
}

fn class_options(rows: &[usize], rule: DecisionRule) -> ClassOptions {
    let mut options = ClassOptions::default();
    options.folds = Some(rows.iter().map(|i| (i / 16 % 4).to_string()).collect());
    options.costs = Some(rows.iter().map(|&i| 1.0 + (i % 5) as f64).collect());
    options.decision = rule;
    options
}

#[test]
fn baselines_of_classes_do_not_depend_on_the_unit_of_weights() {
    let n = 160;
    let asked = class_data(&every(n), None);
    let rows: Vec<usize> = (0..n).chain((0..n).filter(|i| i / 8 % 2 == 0)).collect();
    for baseline in ClassBaseline::ALL {
        let of = |data: &ClassData| {
            baseline.fit(data).expect("fits").predict(asked.predictions()).expect("the same classifiers")
        };
        let expected = of(&class_data(&every(n), Some(&class_weights(n))));
        for unit in UNITS {
            let scaled = of(&class_data(&every(n), Some(&times(&class_weights(n), unit))));
            assert!(far(scaled, expected.clone()) < 1e-7, "{} {unit}", baseline.name());
        }
        if !baseline.is_stacking() {
            let apart = far(of(&class_data(&rows, None)), expected);
            assert!(apart < 1e-9, "{}: {apart} beside copies", baseline.name());
        }
    }
}

fn same_classes(a: &ClassOutcome, b: &ClassOutcome, tolerance: f64, what: &str) {
    let p = |of: &ClassOutcome| of.combined.probabilities.iter().copied().collect::<Vec<_>>();
    assert!(far(p(a), p(b)) < tolerance, "{what}: {}", far(p(a), p(b)));
    let held_out = |of: &ClassOutcome| of.out_of_fold.iter().flatten().copied().collect::<Vec<_>>();
    assert!(far(held_out(a), held_out(b)) < tolerance, "{what}, held out");
    match (&a.model.decision, &b.model.decision) {
        (Decision::Weights(x), Decision::Weights(y)) => {
            assert!(x.iter().zip(y).all(|(x, y)| (x / y - 1.0).abs() < 1e-3), "{what}: {x:?} {y:?}");
        }
        (x, y) => assert_eq!(x, y, "{what}"),
    }
}

#[test]
fn a_fit_of_classes_does_not_depend_on_the_unit_of_weights() {
    let n = 160;
    for rule in [DecisionRule::Largest, DecisionRule::MacroF1, DecisionRule::LeastCost] {
        let of = |unit: f64| {
            let data = class_data(&every(n), Some(&times(&class_weights(n), unit)));
            let options = class_options(&every(n), rule.clone());
            let outcome = match rule {
                DecisionRule::Largest => fit_classes(&data, &quick(), &options, &()).expect("fits"),
                // The mean learns nothing, so that coupling and decision are all that do.
                _ => fit_baseline(Baseline::Mean, &data, &options).expect("fits"),
            };
            let part = outcome.cross_validated(&data).expect("scores").expect("held out");
            (outcome, part)
        };
        let (expected, part) = of(1.0);
        for unit in UNITS {
            let (outcome, of_unit) = of(unit);
            same_classes(&outcome, &expected, 1e-6, &format!("{rule:?} {unit}"));
            for (a, b) in of_unit.methods.iter().zip(&part.methods) {
                assert!((a.metrics.log_loss - b.metrics.log_loss).abs() < 1e-6, "{}", a.name);
                assert!(
                    (a.metrics.balanced_accuracy - b.metrics.balanced_accuracy).abs() < 1e-9,
                    "{}",
                    a.name
                );
                assert!(
                    (a.mean_cost.expect("costs") - b.mean_cost.expect("costs")).abs() < 1e-9,
                    "{}",
                    a.name
                );
            }
        }
    }
}

#[test]
fn rows_of_classes_that_weigh_nothing_are_as_good_as_none() {
    let n = 200;
    let counts = |i: &usize| !i.is_multiple_of(5);
    let rest: Vec<usize> = every(n).into_iter().filter(counts).collect();
    let zero: Vec<f64> = every(n).iter().map(|i| f64::from(u8::from(counts(i)))).collect();
    let data = class_data(&every(n), Some(&zero));
    let outcome = fit_classes(&data, &quick(), &ClassOptions::default(), &()).expect("fits");
    let other = class_data(&rest, None);
    let expected = fit_classes(&other, &quick(), &ClassOptions::default(), &()).expect("fits");
    assert_eq!(outcome.class_counts, expected.class_counts);
    let p = outcome.combined.probabilities.select(Axis(0), &rest);
    assert!(far(p, expected.combined.probabilities.clone()) < 1e-9);
    let part = outcome.cross_validated(&data).expect("scores").expect("held out");
    let of_rest = expected.cross_validated(&other).expect("scores").expect("held out");
    assert_eq!((part.rows, part.without_weight, of_rest.rows), (rest.len(), n - rest.len(), rest.len()));
    assert!((part.methods[0].metrics.log_loss - of_rest.methods[0].metrics.log_loss).abs() < 1e-9);

    // All rows of a class but one: there is nothing to learn of it, and it is among the classes of few rows.
    let one: Vec<f64> = every(n).iter().map(|&i| f64::from(u8::from(class(i) != 2 || i == 3))).collect();
    let data = class_data(&every(n), Some(&one));
    let outcome = fit_classes(&data, &quick(), &ClassOptions::default(), &()).expect("fits");
    assert_eq!((outcome.class_counts[2], outcome.model.unlearned()), (1, vec!["c"]));
    assert_eq!(outcome.facts()["few_rows"], serde_json::json!([["c", 1]]));
    let rows = every(n);
    let part = judge_rows("all", &outcome.model, data.predictions(), &rows, data.labels(), Some(&one));
    let part = part.expect("scored");
    assert_eq!((part.rows, part.without_weight), (n - 24, 24));
}

/// A table of classes whose classifier `z` has the columns of a and b exchanged in rows of `turned`.
fn class_table(turned: impl Fn(usize) -> bool, weight: impl Fn(usize) -> f64) -> ClassTable {
    let rows = every(400);
    let data = class_data(&rows, None);
    let mut text = "label,w".to_owned();
    ["x", "y", "z"]
        .iter()
        .for_each(|u| ["a", "b", "c"].iter().for_each(|k| write!(text, ",{u}:{k}").expect("text")));
    for i in rows {
        write!(text, "\n{},{}", ["a", "b", "c"][class(i)], weight(i)).expect("text");
        for u in 0..3 {
            let order = if u == 2 && turned(i) { [1, 0, 2] } else { [0, 1, 2] };
            order
                .iter()
                .for_each(|&k| write!(text, ",{}", data.predictions().values()[(u, i, k)]).expect("text"));
        }
    }
    let mut options = TableOptions::default();
    options.weight_column = Some("w".into());
    match read_any_table(Source::bytes("t.csv", (text + "\n").into_bytes()), &options).expect("a table") {
        AnyTable::Classes(table) => *table,
        other => panic!("{other:?}"),
    }
}

#[test]
fn findings_about_classes_pass_over_rows_that_weigh_nothing() {
    let swapped =
        |table: &ClassTable| kinds(&diagnose_classes(table).expect("findings")).contains(&"swapped");
    let most = |i: usize| i % 50 != 1;
    assert!(swapped(&class_table(most, |_| 1.0)));
    let half = |i: usize| (i / 8).is_multiple_of(2);
    assert!(swapped(&class_table(half, |i| f64::from(u8::from(half(i))))));
    assert!(!swapped(&class_table(half, |i| f64::from(u8::from(!half(i))))));
}
