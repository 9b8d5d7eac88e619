//! Several classes by the trainers that a backend runs.

use cfe_combine::classes::{ClassData, ClassModel, ClassOptions, ClassPredictions, fit, judge_rows};
use cfe_combine::methods::{Backend, Method};
use cfe_combine::pipeline::Assignments;
use cfe_combine::{FitError, FitOptions};
use cfe_io::ModelFile;

use super::{Stopping, table};

/// Every backend of this build, on the processor, with so many iterations.
fn options_of(backend: Backend, iterations: usize) -> FitOptions {
    let mut options = FitOptions::default();
    options.trainer = Some(Method::from(backend));
    let mut set = vec![format!("max_iterations={iterations}")];
    if backend == Backend::Torch {
        set.extend(["device=cpu", "early_stopping=null"].map(str::to_owned));
    }
    options.set = Assignments::all(set.iter().map(|set| set.parse().expect("a setting")));
    options
}

fn each(test: impl Fn(Backend)) {
    let backends = Backend::available();
    assert!(backends.contains(&Backend::Als));
    assert_eq!(backends.contains(&Backend::Torch), cfg!(feature = "torch"));
    backends.into_iter().for_each(test);
}

#[test]
fn classes_are_combined_judged_and_kept_to_the_bit() {
    let table = table("development/vehicle");
    let data = table.data().expect("labels");
    each(|backend| {
        let fitted = || fit(&data, &options_of(backend, 60), &ClassOptions::default(), &()).expect("fits");
        let outcome = fitted();
        let p = &outcome.combined.probabilities;
        assert!(p.rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-12), "{backend}");
        let rows: Vec<usize> = (0..table.n_rows()).filter(|&i| !table.in_train[i]).collect();
        let (labels, _) = table.labels_among(outcome.model.classes());
        let part = judge_rows("test", &outcome.model, &table.predictions, &rows, &labels, None);
        let part = part.expect("labels");
        // Four classes of about the same size: an eighth of the balanced accuracy is chance.
        assert!(part.methods[0].metrics.balanced_accuracy > 0.6, "{backend}: {part:?}");
        let part = outcome.cross_validated(&data).expect("scores").expect("held out");
        assert_eq!(part.rows, data.labeled().len());
        assert!(part.methods[0].metrics.balanced_accuracy > 0.6, "{backend}: {part:?}");

        // Whatever the threads, and through a file.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("a pool");
        assert_eq!(pool.install(fitted).model, outcome.model, "{backend}");
        let bytes = outcome.model.to_file().and_then(|file| file.to_bytes()).expect("writes");
        let again = ModelFile::from_bytes("again", &bytes).and_then(|file| ClassModel::from_file(&file));
        let again = again.expect("reads").predict(&table.predictions).expect("the same columns");
        assert_eq!(again, outcome.combined, "{backend}");
    });
}

#[test]
fn every_class_resumes_from_its_checkpoint_to_the_bit() {
    let data = table("development/bank_job").data().expect("labels");
    each(|backend| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut options = options_of(backend, 30);
        let whole = fit(&data, &options, &ClassOptions::default(), &()).expect("fits");

        options.checkpoint = Some(folder.path().join("c"));
        options.checkpoint_every = Some(4);
        let stopping = Stopping { after: Some(250), ..Stopping::default() };
        let stopped = fit(&data, &options, &ClassOptions::default(), &stopping);
        assert!(matches!(stopped, Err(FitError::Stopped)), "{backend}: {stopped:?}");
        let files = std::fs::read_dir(folder.path()).expect("there").count();
        assert!(files >= 1, "a checkpoint for each class that was begun");
        let refused = fit(&data, &options, &ClassOptions::default(), &());
        assert!(matches!(refused, Err(FitError::Checkpoint(_))), "{backend}: {refused:?}");
        options.resume = true;
        let resumed = Stopping::default();
        let outcome = fit(&data, &options, &ClassOptions::default(), &resumed).expect("fits");
        assert!(!resumed.heard.lock().expect("unpoisoned").is_empty());
        assert_eq!(outcome.combined, whole.combined, "{backend}");
        assert_eq!(outcome.out_of_fold, whole.out_of_fold, "{backend}");
    });
}

#[test]
fn gaps_unknown_and_rare_classes_have_their_answers() {
    let full = table("development/bank_job").data().expect("labels");
    let mut values = full.predictions().values().to_owned();
    for ((u, i, k), p) in values.indexed_iter_mut() {
        // The first classifier never heard of class 0, the second is silent about every third row.
        if u == 0 && k == 0 || u == 1 && i % 3 == 0 {
            *p = f64::NAN;
        } else if u == 0 {
            let rest = 1.0 - full.predictions().values()[(0, i, 0)];
            *p = if rest > 0.0 { (*p / rest).min(1.0) } else { 0.5 };
        }
    }
    let (names, classes) = (full.predictions().classifier_names(), full.predictions().classes());
    let predictions = ClassPredictions::new(values, names.to_vec(), classes.to_vec()).expect("valid");
    // One row of class 2 keeps its label.
    let first = full.labels().iter().position(|&label| label == Some(2));
    let kept = |(i, label): (usize, &Option<usize>)| label.filter(|&k| k != 2 || Some(i) == first);
    let labels = full.labels().iter().enumerate().map(kept).collect();
    let data = ClassData::new(predictions, labels).expect("valid");
    each(|backend| {
        let outcome = fit(&data, &options_of(backend, 20), &ClassOptions::default(), &()).expect("fits");
        assert_eq!(outcome.model.unlearned(), [classes[2].as_str()], "{backend}");
        let p = &outcome.combined.probabilities;
        for (i, row) in p.rows().into_iter().enumerate() {
            assert!((row[2] - data.predictions().soft_vote(i)[2]).abs() < 1e-12, "{backend} row {i}");
            assert!((row.sum() - 1.0).abs() < 1e-12, "{backend} row {i}");
        }
    });
}

#[test]
fn given_folds_and_times_are_followed() {
    let data = table("development/bank_job").data().expect("labels");
    let n = data.labels().len();
    each(|backend| {
        let fit_options = options_of(backend, 5);
        let mut options = ClassOptions::default();
        options.folds = Some((0..n).map(|i| (i % 4).to_string()).collect());
        let folds = fit(&data, &fit_options, &options, &()).expect("fits").folds.expect("given");
        let expected: Vec<usize> = data.labeled().iter().map(|&i| i % 4).collect();
        assert_eq!(folds.as_slice(), expected, "{backend}");

        options.folds = None;
        options.times = Some((0..n).map(|i| i as f64).collect());
        let outcome = fit(&data, &fit_options, &options, &()).expect("fits");
        let folds = outcome.folds.as_ref().expect("given");
        assert!(folds.is_forward(), "{backend}");
        let never = folds.as_slice().iter().filter(|&&fold| fold >= folds.n_splits()).count();
        let p = outcome.out_of_fold.expect("held out");
        assert_eq!(p.column(0).iter().filter(|p| p.is_nan()).count(), never, "{backend}");
        assert!(never > 0);
    });
}

/// A trainer of this build takes weights into the aggregator of each class.
#[test]
fn weights_reach_every_class() {
    let data = table("development/bank_job").data().expect("labels");
    let n = data.labels().len();
    each(|backend| {
        let of = |weights: Vec<f64>| {
            let weighted = data.clone().with_sample_weights(weights).expect("positive");
            fit(&weighted, &options_of(backend, 20), &ClassOptions::default(), &()).expect("fits").combined
        };
        let plain = fit(&data, &options_of(backend, 20), &ClassOptions::default(), &()).expect("fits");
        assert_eq!(of(vec![1.0; n]), plain.combined, "{backend}");
        let heavy = of((0..n).map(|i| if data.labels()[i] == Some(1) { 9.0 } else { 1.0 }).collect());
        let mean = |p: &ndarray::Array2<f64>| p.column(1).mean().expect("rows");
        assert!(mean(&heavy.probabilities) > mean(&plain.combined.probabilities), "{backend}");
    });
}
