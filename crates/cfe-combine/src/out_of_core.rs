//! Fits and predictions over a prepared store, with a bounded part of it in memory.
//!
//! What is here needs nothing but passes over the rows. The recommended combiner learns its centers, scales
//! and factors from passes over all labeled rows, and its members from those rows or a sample of them in
//! memory, where it is cross-validated as ever. The method `als` is fitted in passes alone, and so has no
//! out-of-fold predictions, calibration and threshold.

mod evaluate;

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use cfe_core::calibration::Calibrator;
use cfe_core::shards::Engine;
use cfe_core::{EnsembleData, Error, Fitted, Observer, Step, TrainingState};
use cfe_io::store::{Rows, Shard, Store, StoreEngine};
use cfe_io::{Column, ModelDetails, ModelFile, Sink, Table, WriteError, write_predictions};
use ndarray::{Array2, Axis};
use serde_json::{Value, json};

use crate::error::{FitError, FitResult};
use crate::methods::Method;
use crate::pipeline::{
    FitOutcome, FitPlan, Progress, ReadyTrainer, Stage, TableColumns, TrainingColumns, Watch,
};
use crate::recommended::Recommended;
use crate::recommended::passed_columns::PassedColumns;
use crate::recommended::sharded::{Gathered, gather};
use crate::saved::provenance::{COLUMNS, DATA, FIT, FitFacts, SETTINGS, TRAIN_ROWS, TRAINER};
use crate::saved::{Combined, Combiner, SavedModel};

pub use evaluate::{HELD_OUT, MOST_IN_MEMORY, StoreScores, evaluate_store};

/// Where a checkpoint keeps the fingerprint of its store.
const STORE: &str = "store";

/// What a fit on a store gives.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StoreFit {
    /// The model.
    pub model: SavedModel,
    /// How the recommended combiner was judged; `None` for `als`, which is not cross-validated on a store.
    pub judged: Option<Judged>,
}

/// A fit of the recommended combiner with the rows that its members learned from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Judged {
    /// All labeled train rows of the store, or a sample of them, with weights that make up for the drawing.
    pub table: Table,
    /// Whether it is a sample.
    pub sampled: bool,
    /// The fit: its out-of-fold predictions and threshold are of the rows of `table`.
    pub outcome: FitOutcome,
}

/// Fits the recommended combiner or the method `als` on a store in passes over its shards; the same bits for
/// any number of threads.
///
/// ```no_run
/// // In the facade: `cf_ensemble::out_of_core` and `cf_ensemble::io::store`, with the feature `parquet`.
/// use cfe_combine::FitOptions;
/// use cfe_combine::out_of_core::fit_store;
/// use cfe_io::store::Store;
///
/// let model = fit_store(&FitOptions::default().plan()?, &Store::open("store")?, &())?.model;
/// model.save("model.safetensors")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`FitError::Options`] for what passes cannot give, before the first pass; [`FitError::Training`];
/// [`FitError::Checkpoint`] and [`FitError::ModelFile`] for a checkpoint that cannot be used;
/// [`FitError::Stopped`].
pub fn fit_store(plan: &FitPlan, store: &Store, watch: &dyn Watch) -> FitResult<StoreFit> {
    let stage = RefCell::new(None);
    let mut engine = StoreEngine::new(store).watched(|rows| {
        show(&stage, store, rows, watch);
        !watch.stop_asked()
    });
    fit_store_on(plan, store, &mut engine, &mut (), watch)
}

/// As [`fit_store`], with an engine of your own to run the passes, such as a cluster whose machines see the
/// folder of the store. The model is the same to the byte. `observer` sees every iteration of `als`.
///
/// # Errors
/// As [`fit_store`], and what the engine fails with.
pub fn fit_store_on(
    plan: &FitPlan,
    store: &Store,
    engine: &mut dyn Engine,
    observer: &mut dyn Observer,
    watch: &dyn Watch,
) -> FitResult<StoreFit> {
    // Refused before the first pass, which may take minutes.
    check_plan(plan)?;
    check_labels(store)?;
    match &plan.ready {
        ReadyTrainer::Recommended(recommended) => fit_recommended(plan, recommended, store, engine, watch),
        ReadyTrainer::Backend(_) => {
            let model = fit_als(plan, store, engine, observer, watch)?;
            Ok(StoreFit { model, judged: None })
        }
    }
}

/// Brings what the members learn from to this machine, and goes on as in memory.
fn fit_recommended(
    plan: &FitPlan,
    recommended: &Recommended,
    store: &Store,
    engine: &mut dyn Engine,
    watch: &dyn Watch,
) -> FitResult<StoreFit> {
    let gathered = gather(recommended.spec(), engine).map_err(FitError::training("training"))?;
    let Gathered { rows, numbers, whole } = gathered;
    let sampled = whole.is_some();
    let table = with_roles(store, rows, &numbers)?;
    let beyond = whole.map(|whole| PassedColumns::new(engine, whole));
    // From here on the rows are a table, and everything is as in memory: folds, calibration, threshold.
    let mut outcome = plan.fit_beyond(&table, beyond.as_ref(), watch)?;
    // What the model says of its data is said of the store.
    let details = &mut outcome.model.details;
    details.fingerprint = Some(store.shape().fingerprint.clone());
    DATA.put(details, &described(store));
    COLUMNS.put(details, store.columns());
    if sampled {
        // The rows of a sample do not tell how many rows of another table were learned from.
        TRAIN_ROWS.remove(details);
    }
    Ok(StoreFit { model: outcome.model.clone(), judged: Some(Judged { table, sampled, outcome }) })
}

/// Rows of a store as a table, with what the store has of them beside predictions and labels; `numbers`
/// (ascending) are their numbers in it.
fn with_roles(store: &Store, rows: EnsembleData, numbers: &[u64]) -> FitResult<Table> {
    // Where all weights are 1, they are weights all the same.
    let rows = match rows.sample_weights() {
        None if store.has_weights() => {
            let ones = vec![1.0; rows.n_instances()];
            rows.with_sample_weights(ones).map_err(FitError::training("training"))?
        }
        _ => rows,
    };
    let shard_rows = store.shape().shard_rows as u64;
    let (mut groups, mut folds, mut costs) = (Vec::new(), Vec::new(), Vec::new());
    // Roles lie in files beside each shard, and the numbers ascend: each file is read once.
    for numbers in numbers.chunk_by(|a, b| a / shard_rows == b / shard_rows) {
        let shard = numbers[0] / shard_rows;
        let roles = store.row_roles(shard)?;
        let places = || numbers.iter().map(|number| (number % shard_rows) as usize);
        groups.extend(roles.groups.iter().flat_map(|all| places().map(|i| all[i].clone())));
        folds.extend(roles.folds.iter().flat_map(|all| places().map(|i| all[i].clone())));
        costs.extend(roles.costs.iter().flat_map(|all| places().map(|i| all[i])));
    }
    let there = |is: bool| is.then_some(());
    let groups = there(!groups.is_empty()).map(|()| groups);
    let mut table = Table::from_data(&store.folder().display().to_string(), rows, groups)?;
    table.folds = there(!folds.is_empty()).map(|()| folds);
    table.costs = there(!costs.is_empty()).map(|()| costs);
    // Messages name the columns.
    table.taken.roles = store.columns().roles.clone();
    Ok(table)
}

fn fit_als(
    plan: &FitPlan,
    store: &Store,
    engine: &mut dyn Engine,
    observer: &mut dyn Observer,
    watch: &dyn Watch,
) -> FitResult<SavedModel> {
    let als = als(plan)?;
    // A checkpoint that is not there yet is a first run: `--resume` may be given from the start.
    let checkpoint = plan.options.checkpoint.as_deref();
    let state = match checkpoint.filter(|path| plan.options.resume && path.exists()) {
        Some(path) => Some(resumed(path, store, watch)?),
        None => None,
    };
    let every = plan.options.checkpoint_every.unwrap_or(1).max(1);
    let mut keeper = Keeper { path: checkpoint, every, store, observer, watch, failed: None };
    let fitted = match state {
        Some(state) => als.resume_on(state, engine, &mut keeper),
        None => als.fit_on(engine, &mut keeper),
    };
    // The observer can only break the run; what it failed with explains the break better than the run does.
    if let Some(error) = keeper.failed {
        return Err(error);
    }
    saved(plan, store, fitted.map_err(FitError::training("training"))?)
}

/// Refuses what a fit in passes cannot give, before a store is prepared or read.
///
/// # Errors
/// [`FitError::Options`].
pub fn check_plan(plan: &FitPlan) -> FitResult<()> {
    check_options(plan)?;
    if matches!(plan.ready, ReadyTrainer::Recommended(_)) {
        return Ok(());
    }
    als(plan)?.check_sharded().map_err(|error| FitError::options(error.to_string()))
}

#[cfg(feature = "als")]
fn als(plan: &FitPlan) -> FitResult<cfe_als::Als> {
    let refused = |reason: String| FitError::options(format!("settings of the trainer als: {reason}"));
    if plan.trainer != Method::Als {
        return Err(FitError::options(format!(
            "the trainer {} needs all rows in memory; take --trainer recommended or als for a store",
            plan.trainer
        )));
    }
    let spec: cfe_als::AlsSpec =
        serde_json::from_value(plan.settings.clone()).map_err(|e| refused(e.to_string()))?;
    cfe_als::Als::try_from(spec).map_err(|e| refused(e.to_string()))
}

/// Refuses options that mean nothing here: none is passed over in silence.
fn check_options(plan: &FitPlan) -> FitResult<()> {
    let options = &plan.options;
    let mut given = Vec::new();
    // Columns are settled when a store is prepared, for every trainer.
    if options.table != TableColumns::default() || options.training != TrainingColumns::default() {
        given.push("options for the columns (they were fixed when the store was prepared)");
    }
    if !given.is_empty() {
        return Err(FitError::options(format!(
            "a fit on a store takes no {}; leave them out, or fit a table that lies in memory",
            given.join(", no ")
        )));
    }
    let others = [
        (options.folds.is_some(), "folds"),
        (options.calibrate.is_some_and(|map| map != crate::pipeline::Calibrate::None), "calibrate"),
        (options.threshold.is_some(), "threshold"),
    ];
    // The rest needs a cross-validation, which the recommended combiner makes on the rows it learns from.
    given.extend(others.into_iter().filter_map(|(is, name)| is.then_some(name)));
    if given.is_empty() || matches!(plan.ready, ReadyTrainer::Recommended(_)) {
        return Ok(());
    }
    Err(FitError::options(format!(
        "a fit of the trainer {} on a store is not cross-validated and takes no {}; leave them out, take the trainer \
         recommended, or fit a table that lies in memory",
        plan.trainer,
        given.join(", no ")
    )))
}

fn check_labels(store: &Store) -> FitResult<()> {
    let counts = store.counts();
    if counts.negatives > 0 && counts.positives > 0 {
        return Ok(());
    }
    Err(FitError::Data(format!(
        "{}: {} labeled negatives and {} labeled positives are there to learn from; both classes are needed, so check the \
         label column and prepare the store again",
        store.folder().display(),
        counts.negatives,
        counts.positives
    )))
}

/// A stage for each pass, a step for each shard.
fn show<'w>(stage: &RefCell<Option<Stage<'w>>>, store: &Store, rows: Rows, watch: &'w dyn Watch) {
    // A pass begins with its first shard: the engine counts rows and announces nothing else.
    let first = rows.done <= store.shape().shard_rows as u64;
    if first {
        // One stage ends before the next one starts.
        stage.take();
        let name = format!("Pass {} over {} rows", rows.pass + 1, rows.of);
        stage.replace(Some(Stage::start_keeping(watch, &name, Some(store.shape().shards()))));
    }
    if let Some(stage) = &*stage.borrow() {
        stage.step();
    }
}

/// Keeps the state of the run in the checkpoint.
struct Keeper<'a> {
    path: Option<&'a Path>,
    every: usize,
    store: &'a Store,
    /// Sees each step after it was kept.
    observer: &'a mut dyn Observer,
    watch: &'a dyn Watch,
    failed: Option<FitError>,
}

impl Observer for Keeper<'_> {
    fn step(&mut self, step: &Step<'_>) -> ControlFlow<()> {
        if let Some(path) = self.path
            && step.iteration.is_multiple_of(self.every)
        // The state is kept before the observer sees the step, so that what was shown is never ahead of the
        // file.
        {
            let kept = step.training_state().map_err(FitError::training("training"));
            if let Err(error) = kept.and_then(|state| keep(path, state, self.store)) {
                self.failed = Some(error);
                return ControlFlow::Break(());
            }
            self.watch.progress(Progress::Checkpoint(path));
        }
        if self.observer.wants(step.iteration) {
            self.observer.step(step)?;
        }
        if self.watch.stop_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// The fingerprint as numbers, which a state can hold.
fn numbers(store: &Store) -> Vec<f64> {
    store.shape().fingerprint.bytes().map(f64::from).collect()
}

fn keep(path: &Path, mut state: TrainingState, store: &Store) -> FitResult<()> {
    state.remember(STORE, numbers(store));
    Ok(ModelFile::from_training_state(&state)?.save(path)?)
}

fn resumed(path: &Path, store: &Store, watch: &dyn Watch) -> FitResult<TrainingState> {
    let state = ModelFile::load(path)?.to_training_state()?;
    if state.recall(STORE) != Some(numbers(store)) {
        return Err(FitError::options(format!(
            "{}: this checkpoint belongs to a fit of another store; resume it with that store, or choose another name",
            path.display()
        )));
    }
    let at = format!("iteration {}", state.iteration);
    watch.progress(Progress::Resumed { checkpoint: path, at: &at });
    Ok(state)
}

/// What a model file says of the store it was fitted on.
fn described(store: &Store) -> Value {
    let counts = store.counts();
    json!({
        "file": store.folder().display().to_string(),
        "rows": store.shape().rows,
        "positives": counts.positives,
        "negatives": counts.negatives,
        "missing_predictions": counts.missing,
    })
}

fn saved(plan: &FitPlan, store: &Store, fitted: Fitted) -> FitResult<SavedModel> {
    let mut details = ModelDetails::default();
    details.seed = Some(plan.seed());
    details.fingerprint = Some(store.shape().fingerprint.clone());
    TRAINER.put(&mut details, &plan.trainer.to_string());
    SETTINGS.put(&mut details, &plan.settings);
    FIT.put(&mut details, &FitFacts::of(&fitted).with_folds(0));
    DATA.put(&mut details, &described(store));
    COLUMNS.put(&mut details, store.columns());
    Ok(SavedModel::new(Combiner::Factors(fitted.model), Calibrator::Identity, details))
}

/// Predicts every row of a store into a folder of Parquet files, one for each shard, with the columns
/// `instance_id`, `probability`, `logit`, `n_observed`, where the model has a threshold `decision`, and where
/// the store has labels `label`. Memory stays at a few shards.
///
/// `prevalence` corrects the probabilities as [`Combined::at_prevalence`] does. The number of rows is
/// returned.
///
/// # Errors
/// [`FitError::Data`] for a classifier that the store lacks; [`FitError::Options`] for a folder that is not
/// empty; [`FitError::ModelFile`] where writing fails; [`FitError::Training`]; [`FitError::Stopped`].
pub fn predict_store(
    model: &SavedModel,
    store: &Store,
    folder: &Path,
    prevalence: Option<f64>,
    watch: &dyn Watch,
) -> FitResult<u64> {
    // Columns are matched and the folder is claimed before the first shard is read.
    let rows_of_model = places(model, store)?;
    claim(folder)?;
    let (mut failed, mut done) = (None, 0);
    let stage = Stage::start(watch, "Predicting", Some(store.shape().shards()));
    let mut engine = StoreEngine::new(store).watched(|_| {
        stage.step();
        !watch.stop_asked()
    });
    let walked = engine.for_each_shard(|number, shard| {
        let path = folder.join(format!("part-{number:06}.parquet"));
        let combined = model.predict(aligned(shard, rows_of_model.as_deref()).view())?;
        match write_part(&path, model, store, number, shard, combined, prevalence) {
            Ok(()) => done += shard.labels.len() as u64,
            // The walk knows errors of its own kind alone: this one is kept, and a stop ends the walk.
            Err(error) => {
                failed = Some(error);
                return Err(Error::Stopped);
            }
        }
        Ok(())
    });
    drop(engine);
    match failed {
        Some(error) => Err(error),
        None => walked.map(|()| done).map_err(FitError::training("predicting")),
    }
}

/// Where the store has each classifier of the model; `None` for the same order.
fn places(model: &SavedModel, store: &Store) -> FitResult<Option<Vec<usize>>> {
    let there = &store.shape().classifier_names;
    if there == model.classifier_names() {
        return Ok(None);
    }
    // Every missing classifier is named at once, since each costs a new preparation.
    let mut missing = Vec::new();
    let mut places = Vec::new();
    for name in model.classifier_names() {
        match there.iter().position(|own| own == name) {
            Some(place) => places.push(place),
            None => missing.push(name.as_str()),
        }
    }
    if missing.is_empty() {
        return Ok(Some(places));
    }
    Err(FitError::Data(format!(
        "{}: the store has no column for the classifiers {} of the model; prepare it from tables that have them",
        store.folder().display(),
        missing.join(", ")
    )))
}

/// The predictions of a shard for the classifiers of a model.
fn aligned(shard: &Shard, places: Option<&[usize]>) -> Array2<f64> {
    let all = shard.predictions();
    match places {
        None => all,
        Some(places) => all.select(Axis(0), places),
    }
}

fn claim(folder: &Path) -> FitResult<()> {
    let unwritable = |source| {
        let error = WriteError::Unwritable { path: folder.display().to_string(), source };
        FitError::ModelFile(error.into())
    };
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    match std::fs::read_dir(folder).map_err(unwritable)?.next() {
        None => Ok(()),
        Some(_) => Err(FitError::options(format!(
            "{}: the folder is not empty; name a new folder for the predictions",
            folder.display()
        ))),
    }
}

fn write_part(
    path: &PathBuf,
    model: &SavedModel,
    store: &Store,
    number: u64,
    shard: &Shard,
    mut combined: Combined,
    prevalence: Option<f64>,
) -> FitResult<()> {
    if let Some(prevalence) = prevalence {
        combined.at_prevalence(model, prevalence)?;
    }
    let ids = store.ids(number)?;
    let decisions: Option<Vec<Option<bool>>> = model
        .details
        .threshold
        .map(|threshold| combined.probabilities.iter().map(|&p| Some(p >= threshold)).collect());
    let mut columns = vec![
        ("instance_id", Column::Text(&ids)),
        ("probability", Column::Float(&combined.probabilities)),
        ("logit", Column::Float(&combined.logits)),
        ("n_observed", Column::Count(&combined.n_observed)),
    ];
    if let Some(decisions) = &decisions {
        columns.push(("decision", Column::Label(decisions)));
    }
    if store.columns().label.is_some() {
        columns.push(("label", Column::Label(&shard.truth)));
    }
    write_predictions(&Sink::new(path), &columns).map_err(|error| FitError::ModelFile(error.into()))
}
