//! `cfe-compare ablate` from the outside: files, kills, gates, errors.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

/// Three factors, 24 cells; one level of the learning rate diverges.
const GRID: &str = r#"
title = "A grid of the tests"
question = "Does it hold?"
seeds = [3, 7]
base = { data = { kind = "separable", n_instances = 120, n_classifiers = 4 }, set = { max_iterations = 30 } }

[[factors]]
name = "class weights"
by = ["prevalence"]
levels = [
    { name = "none", set = { class_weight = "uniform" } },
    { name = "balanced", set = { class_weight = "balanced" } },
]

[[factors]]
name = "learning rate"
key = "aggregator.solver.gradient_step.learning_rate"
values = [0.01, 0.1, 1e307]

[[factors]]
name = "prevalence"
key = "data.prevalence"
values = [0.5, 0.1]

[[heat_maps]]
x = "learning rate"
y = "class weights"
panels = "prevalence"
figure = "ap_gain"

[[heat_maps]]
x = "learning rate"
y = "class weights"
figure = "ap_gain"
only = { prevalence = "0.1" }
"#;

/// A table for each seed.
const TABLES: &str = r#"
title = "Real tables"
seeds = 2
base = { data = { kind = "table", path = "t{seed}.csv.gz" } }
factors = [{ name = "class weights", key = "class_weight", values = ["uniform", "balanced"] }]
"#;

const FILES: [&str; 5] = ["cells.jsonl", "results.csv", "results.json", "report.md", "report.html"];

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cfe-compare"));
    command.arg("ablate").args(args);
    command
}

fn run(args: &[&str]) -> Output {
    command(args).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn succeed(args: &[&str]) -> Output {
    let output = run(args);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    output
}

fn write(folder: &Path, name: &str, contents: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, contents).expect("writable");
    path.to_string_lossy().into_owned()
}

fn contents(folder: &Path) -> Vec<(&'static str, String)> {
    let read = |name| std::fs::read_to_string(folder.join(name)).expect("written");
    FILES.iter().map(|&name| (name, read(name))).collect()
}

#[test]
fn cells_that_fail_are_recorded_and_the_others_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let grid = write(folder.path(), "grid.toml", GRID);
    let out = folder.path().join("out");
    let output = succeed(&[&grid, "--out", &out.to_string_lossy(), "--format", "json"]);
    assert!(text(&output.stderr).contains("warning: 8 cells failed"), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(report["cells"], 24);
    assert_eq!(report["failures"].as_array().map(Vec::len), Some(8));
    let weights = &report["factors"][0];
    assert_eq!(weights["name"], "class weights");
    assert!(weights["levels"][0]["average_precision"].is_null(), "the reference has no difference");
    let gain = &weights["levels"][1]["average_precision"];
    // Two prevalences and two seeds; learning rates on the same data are not repetitions.
    assert_eq!(gain["units"], 4);
    let interval = &gain["interval"];
    let number = |key: &str| interval[key].as_f64().expect("a number");
    assert!(number("lower") <= number("estimate") && number("estimate") <= number("upper"));
    assert_eq!(weights["within"].as_array().map(Vec::len), Some(2));
    assert_eq!(report["heat_maps"][0]["panels"][0]["values"][0].as_array().map(Vec::len), Some(3));
    assert!(report["heat_maps"][0]["panels"][0]["values"][0][2].is_null(), "nothing where all failed");

    let only = &report["heat_maps"][1]["panels"][0]["values"];
    assert_eq!(only, &report["heat_maps"][0]["panels"][1]["values"], "`only` leaves the other cells out");

    let csv = std::fs::read(out.join("results.csv")).expect("written");
    let mut reader = csv::Reader::from_reader(csv.as_slice());
    assert_eq!(
        reader.headers().expect("a header").iter().take(4).collect::<Vec<_>>(),
        ["class weights", "learning rate", "prevalence", "seed"]
    );
    let records: Vec<csv::StringRecord> = reader.records().map(|record| record.expect("a record")).collect();
    assert_eq!(records.len(), 24);
    let failed = records.iter().filter(|record| record.iter().next_back() != Some("")).count();
    assert_eq!(failed, 8, "the error is the last column");
    let page = std::fs::read_to_string(out.join("report.html")).expect("written");
    assert!(page.contains("<svg") && !page.contains("NaN"));
    assert_eq!(std::fs::read_dir(&out).expect("there").count(), FILES.len());
}

#[test]
fn killed_at_any_moment_it_goes_on_and_ends_with_the_same_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let slower =
        GRID.replace("n_instances = 120", "n_instances = 800").replace("seeds = [3, 7]", "seeds = 4");
    let grid = write(folder.path(), "grid.toml", &slower);
    let unbroken = folder.path().join("unbroken");
    succeed(&[&grid, "--out", &unbroken.to_string_lossy()]);

    let broken = folder.path().join("broken");
    let journal = broken.join("cells.jsonl");
    let lines = || std::fs::read(&journal).map_or(0, |bytes| bytes.iter().filter(|&&b| b == b'\n').count());
    let mut kills = 0;
    for after in [0, 1, 4, 9, 9, 20, 33] {
        let mut child = command(&[&grid, "--out", &broken.to_string_lossy(), "--threads", "1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        while lines() < after && child.try_wait().expect("a child").is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        kills += usize::from(child.try_wait().expect("a child").is_none());
        child.kill().expect("SIGKILL");
        child.wait().expect("a child");
        // What a kill within a write would leave.
        if after == 9 {
            let mut bytes = std::fs::read(&journal).expect("there");
            bytes.extend_from_slice(br#"{"id":"4a1f","cell":"cut o"#);
            std::fs::write(&journal, bytes).expect("writable");
        }
    }
    assert!(kills >= 5, "only {kills} kills met a running program");
    let output = succeed(&[&grid, "--out", &broken.to_string_lossy()]);
    assert!(text(&output.stderr).contains("cells were finished before"), "{}", text(&output.stderr));
    assert_eq!(contents(&broken), contents(&unbroken));
    // Nothing is left to do, and nothing changes.
    let again = succeed(&[&grid, "--out", &broken.to_string_lossy(), "--threads", "2"]);
    assert!(text(&again.stderr).contains("48 of 48 cells were finished before"), "{}", text(&again.stderr));
    assert_eq!(contents(&broken), contents(&unbroken));
}

#[test]
fn of_a_changed_grid_the_cells_that_stayed_are_reused() {
    let folder = tempfile::tempdir().expect("a folder");
    let grid = write(folder.path(), "grid.toml", GRID);
    let out = folder.path().join("out").to_string_lossy().into_owned();
    succeed(&[&grid, "--out", &out]);
    let changed =
        write(folder.path(), "grid.toml", &GRID.replace("values = [0.5, 0.1]", "values = [0.1, 0.2]"));
    let output = succeed(&[&changed, "--out", &out]);
    let said = text(&output.stderr);
    assert!(said.contains("12 of 24 cells were finished before"), "{said}");
    assert!(said.contains("12 finished cells are not of this grid"), "{said}");
}

#[test]
fn finished_cells_of_another_build_are_refused_and_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let grid = write(folder.path(), "grid.toml", GRID);
    let header = "{\"cfe_compare\":\"0.0.1\",\"build\":\"0123\"}\n";
    let journal = write(folder.path(), "cells.jsonl", header);
    let output = run(&[&grid, "--out", &folder.path().to_string_lossy()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("the build of cfe-compare, whose figures may differ, was 0.0.1 0123"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(std::fs::read_to_string(journal).expect("kept"), header);
}

#[test]
fn a_checkpoint_that_exists_needs_resume() {
    let folder = tempfile::tempdir().expect("a folder");
    let grid = write(folder.path(), "grid.toml", GRID);
    let checkpoint = folder.path().join("c.jsonl").to_string_lossy().into_owned();
    // With --resume and no file it begins.
    succeed(&[&grid, "--checkpoint", &checkpoint, "--resume"]);
    let before = std::fs::read(&checkpoint).expect("written");
    let output = run(&[&grid, "--checkpoint", &checkpoint]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains("c.jsonl: this checkpoint exists already; add --resume"), "{said}");
    assert_eq!(std::fs::read(&checkpoint).expect("kept"), before);
    let output = succeed(&[&grid, "--checkpoint", &checkpoint, "--resume"]);
    assert!(text(&output.stderr).contains("24 of 24 cells were finished before"), "{}", text(&output.stderr));
}

#[test]
fn the_gate_passes_its_own_run_and_fails_on_a_spoiled_baseline() {
    let folder = tempfile::tempdir().expect("a folder");
    let grid = write(folder.path(), "grid.toml", GRID);
    let baseline = folder.path().join("baseline.json").to_string_lossy().into_owned();
    succeed(&[&grid, "--write-baseline", &baseline]);
    let output = succeed(&[&grid, "--check", &baseline]);
    assert!(text(&output.stderr).contains("check: 0 of "), "{}", text(&output.stderr));

    let mut spoiled: Value =
        serde_json::from_str(&std::fs::read_to_string(&baseline).expect("written")).expect("JSON");
    let held = &mut spoiled["levels"]["class weights"]["balanced"]["average_precision"];
    held["mean"] = (held["mean"].as_f64().expect("a mean") + 10.0).into();
    let path = write(folder.path(), "spoiled.json", &spoiled.to_string());
    let junit = folder.path().join("junit.xml").to_string_lossy().into_owned();
    let summary = write(folder.path(), "summary.md", "Of another step.\n");
    let output = run(&[&grid, "--check", &path, "--junit", &junit, "--summary", &summary]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let said = text(&output.stderr);
    assert!(said.contains("check failed: class weights balanced: average precision is "), "{said}");

    let xml = std::fs::read_to_string(junit).expect("written");
    assert!(xml.contains("failures=\"1\""), "{xml}");
    assert!(xml.contains(
        "classname=\"A grid of the tests.class weights balanced\" name=\"average precision\"><failure"
    ));
    let summary = std::fs::read_to_string(summary).expect("there");
    assert!(summary.starts_with("Of another step.\n**1 of "), "{summary}");
    assert!(
        summary.contains("| class weights balanced | average precision |") && summary.contains("**worse**")
    );

    let path = write(folder.path(), "none.json", "{\"title\": 3}");
    let output = run(&[&grid, "--check", &path]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("--write-baseline"), "{}", text(&output.stderr));
}

#[test]
fn what_is_wrong_with_a_grid_is_said_before_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let replaced = |from: &str, to: &str| {
        assert!(GRID.contains(from), "{from}");
        GRID.replacen(from, to, 1)
    };
    let cases = [
        (replaced("seeds = [3, 7]", "seed = 3"), "unknown field `seed`"),
        (replaced("name = \"learning rate\"", "name = \"seed\""), "a factor cannot be named \"seed\""),
        (replaced("seeds = [3, 7]", "seeds = 0"), "at least 1 is needed"),
        (replaced("seeds = [3, 7]", "seeds = [3, 3]"), "seed 3 is given twice"),
        (replaced("seeds = [3, 7]", "seeds = 1000000000"), "up to 50000 are allowed"),
        (
            replaced("class_weight = \"balanced\"", "class_weigth = \"balanced\""),
            "unknown field `class_weigth`",
        ),
        (replaced("class_weight = \"balanced\"", "class_weight = \"even\""), "unknown variant `even`"),
        (replaced("class_weight = \"balanced\"", "lambda = -1"), "lambda = -1"),
        (replaced("class_weight = \"balanced\"", "seed = 4"), "give `seeds` at the top of the grid"),
        (replaced("kind = \"separable\"", "kind = \"real\""), "known are separable, correlated, table"),
        (replaced("n_classifiers = 4", "n_clusters = 4"), "unknown field `n_clusters`"),
        (replaced("by = [\"prevalence\"]", "by = [\"prevalences\"]"), "factors are \"class weights\""),
        (replaced("x = \"learning rate\"", "x = \"class weights\""), "names one factor twice"),
        (replaced("key = \"data.prevalence\"", "key = \"class_weight\""), "both set class_weight"),
        (replaced("values = [0.5, 0.1]", "values = [0.5]"), "two or more are needed"),
        (format!("exclude = [{{ prevalence = [\"0.5\", \"0.1\"] }}]\n{GRID}"), "leaves no cell"),
        (TABLES.replace("t{seed}", "none{seed}"), "none0.csv.gz"),
    ];
    for (grid, said) in cases {
        let path = write(folder.path(), "grid.toml", &grid);
        let output = run(&[&path]);
        assert_eq!(output.status.code(), Some(2), "{said}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(said), "{said} in {}", text(&output.stderr));
    }
    let output = run(&["no-such-grid"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("published, collapse, focal, diversity, ci"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_grid_may_use_real_tables() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    std::fs::copy(data.join("vehicle1_seed0.csv.gz"), folder.path().join("t0.csv.gz")).expect("copied");
    std::fs::copy(data.join("flare_f_seed0.csv.gz"), folder.path().join("t1.csv.gz")).expect("copied");
    let path = write(folder.path(), "grid.toml", TABLES);
    let output = succeed(&[&path, "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["failures"].as_array().map(Vec::len), Some(0), "{report}");
    assert_eq!(report["factors"][0]["levels"][1]["average_precision"]["units"], 2);
}

#[test]
fn grids_with_torch_name_the_feature_where_it_is_missing() {
    for grid in ["published", "collapse", "focal", "diversity"] {
        let output = run(&[grid, "--seeds", "100000000"]);
        assert!(text(&output.stderr).contains("are allowed"), "{grid} is a grid: {}", text(&output.stderr));
        if !cfg!(feature = "torch") {
            let output = run(&[grid, "--seeds", "1"]);
            assert_eq!(output.status.code(), Some(2));
            assert!(text(&output.stderr).contains("--features torch"), "{}", text(&output.stderr));
        }
    }
}

#[test]
fn the_small_grid_holds_its_baseline() {
    let output = run(&["ci", "--check"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn a_run_in_which_all_cells_fail_leaves_the_baseline_of_an_earlier_run_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let failing = GRID.replace("values = [0.01, 0.1, 1e307]", "values = [1e306, 1e307]");
    let grid = write(folder.path(), "grid.toml", &failing);
    let baseline = write(folder.path(), "baseline.json", "of an earlier run");
    let output = run(&[&grid, "--write-baseline", &baseline]);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    let said = text(&output.stderr);
    assert!(
        said.contains("all 16 cells failed; the first one, class weights none, learning rate 1e+306"),
        "{said}"
    );
    assert_eq!(std::fs::read_to_string(baseline).expect("kept"), "of an earlier run");
}

#[test]
fn no_output_takes_the_place_of_an_input_or_of_another_output() {
    let folder = tempfile::tempdir().expect("a folder");
    let grid = write(folder.path(), "grid.toml", GRID);
    let baseline = write(folder.path(), "baseline.json", "{}");
    let results = write(folder.path(), "results.csv", GRID);
    let other = folder.path().join("other").to_string_lossy().into_owned();
    let spelled = folder.path().join("./grid.toml").to_string_lossy().into_owned();
    let here = folder.path().to_string_lossy().into_owned();
    for (args, said) in [
        (vec![&*grid, "--write-baseline", &*spelled], "--write-baseline would replace the input"),
        (vec![&*grid, "--summary", &*grid], "--summary would replace the input"),
        (vec![&*grid, "--checkpoint", &*grid], "--checkpoint would replace the input"),
        (
            vec![&*grid, "--check", &*baseline, "--write-baseline", &*baseline],
            "--write-baseline would replace the input",
        ),
        (vec![&*grid, "--check", &*baseline, "--junit", &*baseline], "--junit would replace the input"),
        (vec![&*results, "--out", &*here], "results.csv of --out would replace the input"),
        (
            vec![&*grid, "--summary", &*other, "--write-baseline", &*other],
            "--summary and --write-baseline are one file",
        ),
    ] {
        let output = run(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(said), "{said} in {}", text(&output.stderr));
    }
    for (path, kept) in [(&grid, GRID), (&baseline, "{}"), (&results, GRID)] {
        assert_eq!(std::fs::read_to_string(path).expect("kept"), kept);
    }
    // Before the work, nothing was written.
    assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 3);
}

#[test]
fn the_seeds_of_the_call_take_the_place_of_those_of_the_grid() {
    let folder = tempfile::tempdir().expect("a folder");
    let grid = write(folder.path(), "grid.toml", GRID);
    let output = succeed(&[&grid, "--seeds", "1", "--format", "csv"]);
    let mut reader = csv::Reader::from_reader(output.stdout.as_slice());
    let seeds: Vec<String> = reader.records().map(|record| record.expect("a record")[3].to_owned()).collect();
    assert_eq!(seeds, vec!["0"; 12], "3 x 2 x 2 levels, and seed 0 instead of 3 and 7");
}

#[test]
fn a_grid_without_a_shipped_baseline_needs_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let grid = write(folder.path(), "grid.toml", GRID);
    let output = run(&[&grid, "--check"]);
    assert_eq!(output.status.code(), Some(3));
    let said = text(&output.stderr);
    assert!(said.contains("no baseline ships for this grid; name a file"), "{said}");
    assert_eq!(run(&[&grid, "--junit", "x.xml"]).status.code(), Some(2), "--junit needs --check");
}
