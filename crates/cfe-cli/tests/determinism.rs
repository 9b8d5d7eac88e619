//! The same bytes in every output for any number of threads and from run to run.

use std::path::Path;
use std::process::Command;

/// What `cfe fit` writes, by name.
fn outputs(folder: &Path, arguments: &str, threads: usize, run: usize) -> Vec<(&'static str, Vec<u8>)> {
    let names = ["predictions.csv", "model", "metrics.json", "report.html"];
    let own = folder.join(format!("{threads}-{run}"));
    std::fs::create_dir(&own).expect("writable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cfe"));
    command.current_dir(folder).args(arguments.split_whitespace());
    command.args(["--quiet", "--threads", &threads.to_string()]);
    for (option, name) in
        ["--predictions-out", "--model-out", "--metrics-out", "--report-out"].iter().zip(names)
    {
        command.arg(option).arg(own.join(name));
    }
    let ran = command.output().expect("started");
    assert!(ran.status.success(), "{arguments}: {}", String::from_utf8_lossy(&ran.stderr));
    names.map(|name| (name, std::fs::read(own.join(name)).expect("written"))).to_vec()
}

fn the_same_bytes(arguments: &str) {
    let folder = tempfile::tempdir().expect("temporary");
    let example =
        Command::new(env!("CARGO_BIN_EXE_cfe")).args(["example", "."]).current_dir(folder.path()).output();
    assert!(example.expect("started").status.success());
    let first = outputs(folder.path(), arguments, 1, 1);
    for (threads, run) in [(3, 1), (8, 1), (8, 2)] {
        for ((name, expected), (_, found)) in
            first.iter().zip(outputs(folder.path(), arguments, threads, run))
        {
            assert!(*expected == found, "{arguments}: {name} differs in run {run} of {threads} threads");
        }
    }
}

#[test]
fn recommended() {
    the_same_bytes("fit abalone.csv.gz --split-column split --set shrinkage=[100] --seed 5");
}

#[test]
fn published_als() {
    the_same_bytes(
        "fit abalone.csv.gz --split-column split --trainer als --folds 2 --set max_iterations=20 --seed 5",
    );
}

#[test]
fn exact_als_with_learned_confidence() {
    let set = "--set objective.exact.rho=0.5 --set objective.exact.reduction=sum --set max_iterations=15 \
               --set aggregator.solver=bound --set confidence.strategy.learned.n_trees=4";
    the_same_bytes(&format!(
        "fit abalone.csv.gz --split-column split --trainer als --folds 2 {set} --seed 5"
    ));
}
