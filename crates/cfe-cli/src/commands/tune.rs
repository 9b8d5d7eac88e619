//! `cfe tune`.

use std::time::Instant;

use cfe_io::{AnyTable, Role, Source, Table, fingerprint, read_any_table};
use serde_json::{Value, json};

use cfe_combine::cross_validation::Following;
use cfe_combine::judge::diagnose;
use cfe_combine::methods::Method;
use cfe_combine::pipeline::{Assignments, Progress, Watch as _};
use cfe_combine::tuning::{RandomizedSearch, SearchHeader, Trial, Tuned, TuningError, open_checkpoint};
use cfe_combine::{FitError, FitOptions, report};
use cfe_report::printable;

use super::{page, pretty};
use crate::args::{Format, Tune};
use crate::config::to_toml;
use crate::error::{CliError, CliResult};
use crate::outputs;
use crate::terminal::{Terminal, interrupt};
use crate::threads::on_threads;
use crate::words::tune as tune_words;

pub(crate) fn run(args: &Tune, terminal: &Terminal) -> CliResult<()> {
    let search = search(args)?;
    let mut table_options = args.training.options().table_options(&args.columns.options())?;
    // The options of the fit that the search ends with are checked before it begins.
    let mut options = FitOptions::default();
    (options.training, options.folds) = (args.training.options(), args.folds);
    options.plan()?;
    if args.folds.is_some() {
        table_options.not_guessed.push(Role::Fold);
    }
    // Inputs and outputs are looked at together: no output may go over an input, or over another output.
    let inputs = outputs::inputs(&args.table, &table_options, None);
    let outputs = [
        ("--out", args.out.as_deref()),
        ("--report-out", args.report_out.as_deref()),
        (outputs::CHECKPOINT, args.checkpoint.as_deref()),
    ];
    if args.checkpoint.as_deref().is_some_and(outputs::is_stdout) {
        return Err(CliError::usage("--checkpoint -: a checkpoint is read again by --resume; give a file"));
    }
    outputs::check(&inputs, &outputs)?;
    let stdout_taken = outputs.iter().any(|(_, path)| path.is_some_and(outputs::is_stdout));
    let nothing_named = outputs.iter().all(|(_, path)| path.is_none());
    // Standard output has room for one thing: an output named `-`, or what --format asks for; a person gets a
    // table unasked.
    let format = match args.format {
        Some(_) if stdout_taken => {
            return Err(CliError::usage(
                "--format and an output to - both need standard output; give one a file",
            ));
        }
        None if (outputs::person_reads() || nothing_named) && !stdout_taken => Some(Format::Table),
        given => given,
    };
    on_threads(args.threads, || {
        let begin = Instant::now();
        let table =
            terminal.during("Reading", || read_any_table(Source::new(&args.table), &table_options))?;
        let table = match table {
            AnyTable::Binary(table) => *table,
            _ => {
                return Err(CliError::usage(
                    "cfe tune searches settings for two classes, and the table has more; `cfe fit` takes it, with settings \
                     of your own as --set KEY=VALUE",
                ));
            }
        };
        terminal.took("reading", begin);
        terminal.taken(&table);
        table.require_labels()?;
        // A search on a classifier that knows the label finds a perfect combination.
        let findings = diagnose(&table).map_err(CliError::training("looking for leaks"))?;
        report::alarms(&findings).iter().for_each(|line| terminal.note(&printable(line)));
        let begin = Instant::now();
        let tuned = tune(&table, &search, args, terminal)?;
        terminal.took("searching", begin);
        let mut options = fit_options(args, &search, &tuned.trials[tuned.chosen]);
        // Each value of a fold column is a fold.
        if table.folds.is_some() {
            options.folds = None;
        }
        // Files come before the text, so that a reader who leaves early loses none of them.
        if let Some(path) = &args.out {
            outputs::write_text(path, &config(&options, &table, &tuned)?)?;
        }
        if let Some(path) = &args.report_out {
            let document = tune_words::document(&tuned, &table.file);
            outputs::write_text(path, &page(&document, Some(search.seed)))?;
        }
        match format {
            Some(Format::Json) => outputs::print(&pretty(&document(&table, &search, &tuned)))?,
            Some(Format::Table) => {
                let mut text = tune_words::table(&tuned, outputs::width());
                text += &tune_words::lines(&tuned, outputs::width());
                if let Some(path) = args.out.as_deref().filter(|path| !outputs::is_stdout(path)) {
                    let (table, config) = (args.table.display(), path.display());
                    text += &format!("Next: cfe fit {table} --config {config}\n");
                }
                outputs::print_page(&text)?;
            }
            None => {}
        }
        Ok(())
    })
}

/// The search, with its settings checked before any work.
fn search(args: &Tune) -> CliResult<RandomizedSearch> {
    let Some(backend) = args.trainer.unwrap_or(Method::Als).backend() else {
        return Err(CliError::usage(
            "the trainer `recommended` chooses its settings by itself; search als or torch, which it is compared with",
        ));
    };
    let default = RandomizedSearch::default();
    let Value::Object(settings) = Assignments::all(args.assignments.clone()).as_json() else {
        return Err(CliError::usage("--set: write KEY=VALUE, such as latent_dim=8"));
    };
    if settings.contains_key("seed") {
        return Err(CliError::usage("give the seed with --seed, not with --set"));
    }
    // Numbers below their least are refused here, with the name that the option has.
    for (option, value, least) in [
        ("--trials", args.trials, 1),
        ("--folds", args.folds, 2),
        ("--checkpoint-every", args.checkpoint_every, 1),
    ] {
        if let Some(value) = value.filter(|&value| value < least) {
            return Err(CliError::usage(format!("{option} {value}: at least {least} is needed")));
        }
    }
    // A trainer is built and thrown away, so that a wrong setting is refused before the first trial.
    let mut checked = settings.clone();
    checked.insert("seed".to_owned(), args.seed.into());
    backend.trainer_with(&Value::Object(checked))?;
    if args.resume && args.checkpoint.is_none() {
        return Err(CliError::usage("--resume needs a checkpoint to read; name one with --checkpoint FILE"));
    }
    Ok(RandomizedSearch {
        backend,
        // Who names a trainer wants its settings; else the recommended combiner may win.
        recommended_competes: args.trainer.is_none(),
        metric: args.metric,
        n_trials: args.trials.unwrap_or(default.n_trials),
        n_splits: args.folds.unwrap_or(default.n_splits),
        time_budget: args.time_budget,
        settings,
        seed: args.seed,
    })
}

fn tune(table: &Table, search: &RandomizedSearch, args: &Tune, terminal: &Terminal) -> CliResult<Tuned> {
    // Trials are scored on the folds that the table gives, or on folds that keep its groups together.
    let given = table.given_folds(search.n_splits)?;
    let following = Following::new(given.as_ref(), table.groups.as_deref());
    let refused = |error| of_tuning(error, table);
    let mut finished = Vec::new();
    let mut checkpoint = None;
    // A checkpoint is bound to the search by its header, and is opened before the first trial.
    if let Some(path) = &args.checkpoint {
        let header =
            SearchHeader::new(search, &table.data, following).map_err(|e| refused(TuningError::Data(e)))?;
        let (opened, trials) = open_checkpoint(path, &header, args.resume)?;
        if !trials.is_empty() {
            terminal.note(&format!("{} trials are in {} already.", trials.len(), path.display()));
        }
        (checkpoint, finished) = (Some(opened.write_every(args.checkpoint_every.unwrap_or(1))), trials);
        interrupt::hint(format!(
            "Interrupted; the finished trials are in {0}: resume with --checkpoint {0} --resume.",
            path.display()
        ));
    }
    // Trials from the checkpoint count as done.
    let planned = search.n_planned(table.data.n_classifiers());
    let steps = Some(planned as u64);
    terminal.progress(Progress::Started { stage: "Trials", steps, keeps_on_stop: false });
    finished.iter().take(planned).for_each(|_| terminal.progress(Progress::Step));
    let mut on_trial = |trial: &Trial| {
        terminal.progress(Progress::Step);
        if terminal.verbose() {
            terminal.say(&tune_words::trial(trial));
        }
        checkpoint.as_mut().map_or(Ok(()), |file| file.append(trial)).map_err(std::io::Error::other)
    };
    let tuned = search.run(&table.data, following, finished, &mut on_trial);
    terminal.progress(Progress::Finished);
    let tuned = tuned.map_err(refused)?;
    // Lines may be held back to be written together.
    if let Some(checkpoint) = &mut checkpoint {
        checkpoint.flush()?;
    }
    Ok(tuned)
}

/// With the file, and the exit code that the cause asks for.
fn of_tuning(error: TuningError, table: &Table) -> CliError {
    match error {
        TuningError::Backend(error) => error.into(),
        TuningError::Data(error) => CliError::Fit(FitError::Data(format!(
            "{}: no cross-validation can be made ({error}); use other --folds, other groups, or label more rows",
            table.file
        ))),
        other => CliError::Tuning(other),
    }
}

/// Options of a fit with the settings of a trial.
fn fit_options(args: &Tune, search: &RandomizedSearch, trial: &Trial) -> FitOptions {
    let mut options = FitOptions::default();
    options.table = args.columns.options();
    options.training = args.training.options();
    // The plain mean is not fitted: the recommended combiner takes its place.
    let trained = Method::TRAINERS.contains(&trial.contender);
    options.trainer = Some(if trained { trial.contender } else { Method::Recommended });
    options.set = trial.settings.clone().into();
    options.seed = Some(search.seed);
    options.folds = Some(search.n_splits);
    options
}

/// The file for `cfe fit --config`.
fn config(options: &FitOptions, table: &Table, tuned: &Tuned) -> CliResult<String> {
    let head: String = tune_words::comments(tuned, &table.file);
    let body = to_toml(options)?;
    Ok(format!("{head}{body}"))
}

fn document(table: &Table, search: &RandomizedSearch, tuned: &Tuned) -> Value {
    let trial = |trial: &Trial| {
        // JSON has no NaN, and the mean of a failed trial is one.
        let number = |v: f64| v.is_finite().then_some(v);
        json!({
            "number": trial.number,
            "contender": trial.contender,
            "settings": trial.settings,
            "scores": trial.scores,
            "mean": number(trial.mean()),
            "standard_error": number(trial.standard_error()),
            "failure": trial.failure,
        })
    };
    json!({
        "schema_version": 1,
        "program": { "name": "cfe", "version": env!("CARGO_PKG_VERSION") },
        "data": { "file": table.file, "fingerprint": fingerprint(&table.data) },
        "metric": tuned.metric,
        "folds": tuned.folds,
        "seed": search.seed,
        "trials": tuned.trials.iter().map(trial).collect::<Vec<_>>(),
        "out_of_time": tuned.out_of_time,
        "best": tuned.best,
        "chosen": tuned.chosen,
        "chosen_is_better_than": {
            "mean": tuned.difference(tuned.chosen, tuned.mean()),
            "recommended": tuned.difference(tuned.chosen, tuned.recommended()),
            "defaults": tuned.difference(tuned.chosen, tuned.defaults()),
        },
    })
}
