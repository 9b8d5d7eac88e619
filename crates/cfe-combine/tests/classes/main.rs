//! The whole fit of several classes on real predictions.

mod backends;
mod findings;
mod roles;
mod stacking;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use cfe_combine::baselines::Baseline;
use cfe_combine::classes::{
    ClassBaseline, ClassData, ClassModel, ClassOptions, ClassOutcome, ClassPredictions, CouplingMethod,
    DecisionRule, fit, fit_baseline, judge_rows,
};
use cfe_combine::pipeline::Progress;
use cfe_combine::{FitError, FitOptions, Watch, fit as fit_binary};
use cfe_core::Error;
use cfe_io::{AnyTable, ClassTable, ModelFile, Source, Table, TableOptions, read_any_table};
use ndarray::{Array3, Axis};

fn table(name: &str) -> ClassTable {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../cfe-compare/data/classes")
        .join(name)
        .join("seed0.csv.gz");
    match read_any_table(Source::new(path), &TableOptions::default()).expect("a table") {
        AnyTable::Classes(table) => *table,
        _ => panic!("several classes"),
    }
}

fn quick() -> FitOptions {
    let mut options = FitOptions::default();
    options.set = r#"families.local=false"#.parse().expect("a setting");
    options
}

fn fitted(data: &ClassData) -> ClassOutcome {
    fit(data, &quick(), &ClassOptions::default(), &()).expect("fits")
}

#[test]
fn real_classes_are_combined_better_than_by_a_vote_and_kept_to_the_bit() {
    let table = table("development/vehicle");
    let data = table.data().expect("labels");
    let outcome = fitted(&data);
    let p = &outcome.combined.probabilities;
    assert!(p.rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-12));
    assert!(outcome.model.unlearned().is_empty());
    assert_eq!(outcome.model.trust().len(), 4);

    let rows: Vec<usize> = (0..table.n_rows()).filter(|&i| !table.in_train[i]).collect();
    let (labels, unknown) = table.labels_among(outcome.model.classes());
    assert!(unknown.is_empty());
    let part = judge_rows("test", &outcome.model, &table.predictions, &rows, &labels, None).expect("labels");
    let [combined, vote] = &part.methods[..] else { panic!("{part:?}") };
    assert!(combined.metrics.log_loss < vote.metrics.log_loss, "{combined:?} {vote:?}");
    assert!(combined.metrics.top_label_ece < 0.12, "{combined:?}");

    // Whatever the threads, and through a file.
    let pool = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().expect("a pool");
    assert_eq!(pool(3).install(|| fitted(&data)).model, outcome.model);
    let bytes = outcome.model.to_file().and_then(|file| file.to_bytes()).expect("writes");
    let again = ModelFile::from_bytes("again", &bytes).and_then(|file| ClassModel::from_file(&file));
    let again = again.expect("reads");
    assert_eq!(again.predict(&table.predictions).expect("the same columns"), outcome.combined);
    assert!(cfe_combine::SavedModel::from_file(&outcome.model.to_file().expect("writes")).is_err());
}

#[test]
fn cross_validated_figures_stand_beside_simple_combiners_on_the_same_folds() {
    let data = table("development/bank_job").data().expect("labels");
    let outcome = fitted(&data);
    let part = outcome.cross_validated(&data).expect("scores").expect("held out");
    let names: Vec<&str> = part.methods.iter().map(|m| m.name.as_str()).collect();
    let simple = ClassBaseline::ALL.map(ClassBaseline::name);
    assert_eq!(names[1..], simple);
    // What learns its classes from the rows themselves would be far better than this.
    assert!(part.methods.iter().all(|m| m.metrics.log_loss > 0.1), "{part:?}");
}

#[test]
fn figures_have_intervals_and_gains_on_the_same_resamples() {
    let table = table("development/vehicle");
    let data = table.data().expect("labels");
    let outcome = fitted(&data);
    let part = outcome.cross_validated(&data).expect("scores").expect("held out");
    assert!((200..=2000).contains(&part.resamples));
    for (at, method) in part.methods.iter().enumerate() {
        let (i, m) = (method.intervals.expect("intervals"), &method.metrics);
        let ap = m.macro_average_precision.expect("all classes occur");
        for (interval, estimate) in [
            (i.log_loss, m.log_loss),
            (i.macro_average_precision, ap),
            (i.balanced_accuracy, m.balanced_accuracy),
        ] {
            assert!((interval.estimate - estimate).abs() < 1e-12, "{}: {interval:?}", method.name);
            assert!(interval.lower < estimate && estimate < interval.upper, "{}: {interval:?}", method.name);
        }
        assert_eq!(method.combined_is_better_by.is_some(), at > 0);
        if let Some(gain) = method.combined_is_better_by {
            let saved = m.log_loss - part.methods[0].metrics.log_loss;
            assert!((gain.log_loss.estimate - saved).abs() < 1e-12, "{}", method.name);
            // Of pairs the difference is known better than either.
            let width = |i: cfe_core::validation::Interval| i.upper - i.lower;
            assert!(width(gain.log_loss) < width(i.log_loss), "{}: {gain:?} {i:?}", method.name);
        }
    }
    #[cfg(feature = "report")]
    {
        let tables = cfe_combine::report::classes::class_intervals(&[part]);
        assert!(tables.len() == 2 && tables.iter().all(|t| t.caption.contains("95% intervals")));
    }
}

#[test]
fn what_a_classifier_adds_to_each_class_is_known_where_it_was_asked() {
    let data = table("development/bank_job").data().expect("labels");
    let mut options = ClassOptions::default();
    options.leave_out = true;
    let asked = fit(&data, &quick(), &options, &()).expect("fits");
    let plain = fitted(&data);
    assert_eq!(asked.combined, plain.combined);
    let lost = |outcome: &ClassOutcome| -> Vec<usize> {
        let known = |of: &cfe_combine::classes::ClassTrust| {
            let trust = of.trust.as_ref().expect("learned");
            trust.classifiers.iter().filter(|t| t.average_precision_lost.is_some()).count()
        };
        outcome.model.trust().iter().map(known).collect()
    };
    let m = data.predictions().n_classifiers();
    assert_eq!((lost(&asked), lost(&plain)), (vec![m; 3], vec![0; 3]));
    // A model in a file knows it too.
    let file = asked.model.to_file().expect("writes");
    assert_eq!(ClassModel::from_file(&file).expect("reads").trust(), asked.model.trust());
    #[cfg(feature = "report")]
    {
        let said = |of: &ClassOutcome| cfe_combine::report::classes::class_lost_table(&of.model);
        assert!(said(&asked).is_some_and(|table| table.rows.len() == 3) && said(&plain).is_none());
    }
}

#[test]
fn two_classes_are_the_binary_fit_to_the_bit() {
    let table = table("development/bank_job");
    let one = table.predictions.of_class(1, &table.predictions.known_by(1));
    let (m, n) = one.dim();
    let values =
        Array3::from_shape_fn((m, n, 2), |(u, i, k)| if k == 1 { one[(u, i)] } else { 1.0 - one[(u, i)] });
    let names = table.predictions.classifier_names().to_vec();
    let predictions =
        ClassPredictions::new(values, names.clone(), vec!["no".into(), "yes".into()]).expect("valid");
    let labels = (0..n).map(|i| table.labels[i].filter(|_| table.in_train[i]).map(|y| usize::from(y == 1)));
    let data = ClassData::new(predictions, labels.collect()).expect("valid");
    let outcome = fitted(&data);

    let binary = data.of_class(1).expect("two classes");
    let binary =
        fit_binary(&Table::from_data("binary", binary, None).expect("valid"), &quick()).expect("fits");
    let positive = outcome.combined.probabilities.column(1).to_vec();
    assert_eq!(positive, binary.combined.probabilities);
    assert_eq!(
        outcome.out_of_fold.expect("held out").column(1).to_vec(),
        binary.out_of_fold.expect("held out")
    );
    // It is kept and read like any other.
    let file = outcome.model.to_file().expect("writes");
    let again = ClassModel::from_file(&file).map(|model| model.predict(data.predictions()));
    assert_eq!(again.expect("reads").expect("the same columns"), outcome.combined);
}

#[test]
fn rare_unknown_and_new_classes_have_their_answers() {
    let table = table("development/bank_job");
    let full = table.data().expect("labels");
    let (m, n) = (full.predictions().n_classifiers(), full.predictions().n_instances());
    // The first classifier never heard of class 0, and every third row has no prediction of the second.
    let values = Array3::from_shape_fn((m, n, 3), |(u, i, k)| {
        let p = full.predictions().values()[(u, i, k)];
        let rest = 1.0 - full.predictions().values()[(0, i, 0)];
        match u {
            0 if k == 0 => f64::NAN,
            0 if rest > 0.0 => (p / rest).min(1.0),
            0 => 0.5,
            1 if i % 3 == 0 => f64::NAN,
            _ => p,
        }
    });
    let names = full.predictions().classifier_names().to_vec();
    let classes = full.predictions().classes().to_vec();
    let predictions = ClassPredictions::new(values, names.clone(), classes.clone()).expect("valid");
    // One row of class 2 keeps its label.
    let mut left = 1;
    let labels = full.labels().iter().map(|&label| match label {
        Some(2) if left == 0 => None,
        Some(2) => {
            left -= 1;
            Some(2)
        }
        label => label,
    });
    let data = ClassData::new(predictions, labels.collect()).expect("valid");
    let warned = Stopping::default();
    let outcome = fit(&data, &quick(), &ClassOptions::default(), &warned).expect("fits");
    assert_eq!(outcome.model.unlearned(), [classes[2].as_str()]);
    assert!(warned.heard.lock().expect("unpoisoned").iter().any(|w| w.contains("1 labeled rows")));
    for i in 0..n {
        let vote = data.predictions().soft_vote(i)[2];
        assert!((outcome.combined.probabilities[(i, 2)] - vote).abs() < 1e-12);
        assert!((outcome.combined.probabilities.row(i).sum() - 1.0).abs() < 1e-12);
    }
    let trust = outcome.model.trust();
    assert_eq!(trust[0].trust.as_ref().expect("learned").classifiers.len(), m - 1);
    assert!(trust[2].trust.is_none());

    // A class at predict only: its column is taken off.
    let wide = Array3::from_shape_fn((m, n, 4), |(u, i, k)| {
        let p = full.predictions().values();
        if k == 3 { 0.25 } else { 0.75 * p[(u, i, k)] }
    });
    let four = ClassPredictions::new(wide, names.clone(), [classes.clone(), vec!["new".to_owned()]].concat());
    let wide = outcome.model.predict(&four.expect("valid")).expect("three are known");
    // The file has five decimals, and what is left of four classes sums to 1 exactly.
    let exact = Array3::from_shape_fn((m, n, 3), |(u, i, k)| {
        let p = full.predictions().values();
        (p[(u, i, k)] / (0..3).map(|j| p[(u, i, j)]).sum::<f64>()).min(1.0)
    });
    let exact = ClassPredictions::new(exact, names.clone(), classes.clone()).expect("valid");
    let narrow = outcome.model.predict(&exact).expect("three");
    wide.probabilities.iter().zip(&narrow.probabilities).for_each(|(a, b)| assert!((a - b).abs() < 1e-9));
    let other = full.predictions().align(&names[1..], &classes).expect("there");
    assert!(matches!(outcome.model.predict(&other), Err(Error::UnknownName { .. })));

    // One class alone, or none.
    let one = full.clone().with_labels(full.labels().iter().map(|l| l.filter(|&y| y == 0)).collect());
    let refused = fit(&one.expect("valid"), &quick(), &ClassOptions::default(), &());
    assert!(matches!(refused, Err(FitError::Data(_))), "{refused:?}");
    let none = full.with_labels(vec![None; n]).expect("valid");
    assert!(fit(&none, &quick(), &ClassOptions::default(), &()).is_err());
}

/// Stops after some iterations, and keeps what it is told.
#[derive(Default)]
struct Stopping {
    after: Option<usize>,
    asked: AtomicUsize,
    heard: std::sync::Mutex<Vec<String>>,
}

impl Watch for Stopping {
    fn warn(&self, message: &str) {
        self.heard.lock().expect("unpoisoned").push(message.to_owned());
    }

    fn progress(&self, progress: Progress<'_>) {
        if let Progress::Resumed { at, .. } = progress {
            self.heard.lock().expect("unpoisoned").push(at.to_owned());
        }
    }

    fn stop_asked(&self) -> bool {
        self.after.is_some_and(|after| self.asked.fetch_add(1, Ordering::SeqCst) > after)
    }
}

#[test]
fn every_baseline_is_coupled_and_none_is_kept_in_a_file() {
    let data = table("development/bank_job").data().expect("labels");
    for baseline in Baseline::ALL {
        for (coupling, name) in CouplingMethod::ALL {
            let mut options = ClassOptions::default();
            options.coupling = coupling;
            let outcome = fit_baseline(baseline, &data, &options).expect("fits");
            let p = &outcome.combined.probabilities;
            assert!(p.rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-9), "{baseline:?} {name}");
            assert!(outcome.model.to_file().is_err());
        }
    }
}

#[test]
fn a_decision_is_stored_with_the_model() {
    let data = table("development/bank_job").data().expect("labels");
    let mut options = ClassOptions::default();
    options.decision =
        DecisionRule::Costs(vec![vec![0.0, 1.0, 1.0], vec![100.0, 0.0, 100.0], vec![1.0, 1.0, 0.0]]);
    let outcome = fit(&data, &quick(), &options, &()).expect("fits");
    let of_one = outcome.combined.decisions.iter().filter(|&&k| k == 1).count();
    let likely =
        outcome.combined.probabilities.axis_iter(Axis(0)).filter(|row| row[1] > row[0].max(row[2])).count();
    assert!(of_one > likely, "an error on class 1 costs a hundred others");
    let file = outcome.model.to_file().expect("writes");
    let again = ClassModel::from_file(&file).expect("reads");
    assert_eq!(again.decision, outcome.model.decision);
    options.decision = DecisionRule::Costs(vec![vec![0.0]]);
    assert!(matches!(fit(&data, &quick(), &options, &()), Err(FitError::Options(_))));

    // A changed document is refused by its field.
    for (key, value) in [
        ("classes", serde_json::json!(["a"])),
        ("classes", serde_json::json!(["a", "a", "b"])),
        ("classifier_names", serde_json::json!(["x"])),
        ("learned", serde_json::json!([true, false, false])),
        ("coupling", serde_json::json!("binary")),
        ("decision", serde_json::json!({"weights": [1.0, 2.0]})),
        ("provenance", serde_json::json!({"out_of_fold": 3})),
    ] {
        let mut document = file.document().clone();
        document[key] = value;
        let mut changed = ModelFile::new(file.kind(), document);
        (0..3).for_each(|k| {
            changed.embed(&format!("class{k}"), file.part(&format!("class{k}")).expect("there"))
        });
        assert!(ClassModel::from_file(&changed).is_err(), "{key}");
    }
}
