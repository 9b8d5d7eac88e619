//! Options from the command line and from TOML files.

use super::support::{Folder, small_table};

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("t.csv", small_table(150));
    folder
}

/// Few members: options are tested here, not the fit.
const QUICK: &str = "--set shrinkage=[100] --set low_rank_ridge=[3] --set local_ridge=[1]";

#[test]
fn a_file_and_the_command_line_say_the_same() {
    let folder = folder();
    folder.write(
        "fit.toml",
        "split_column = \"split\"\nthreshold = \"fbeta=2\"\nseed = 3\n\
         [set]\nshrinkage = [100.0]\nlow_rank_ridge = [3.0]\nlocal_ridge = [1.0]\n",
    );
    folder.ok("fit t.csv --config fit.toml --model-out a");
    folder.ok(&format!("fit t.csv --split-column split --threshold fbeta=2 --seed 3 {QUICK} --model-out b"));
    let shown = |name: &str| folder.ok(&format!("inspect {name} --format json")).json();
    assert_eq!(shown("a")["trust"], shown("b")["trust"]);
    assert_eq!(shown("a")["details"]["provenance"]["cut"]["rule"], "fbeta=2");
    // The command line overrides the file, key by key.
    folder.ok("fit t.csv --config fit.toml --threshold mcc --set local_ridge=[2] --model-out c");
    let overridden = &shown("c")["details"];
    assert_eq!(overridden["provenance"]["cut"]["rule"], "mcc");
    assert_eq!(overridden["provenance"]["settings"]["local_ridge"], serde_json::json!([2]));
    assert_eq!(overridden["provenance"]["settings"]["low_rank_ridge"], serde_json::json!([3.0]));
}

#[test]
fn columns_are_chosen_by_pattern_and_matched_by_name() {
    let folder = folder();
    folder.ok(&format!("fit t.csv --columns good we* --split-column split {QUICK} --model-out m"));
    let names = folder.ok("inspect m --format json").json();
    assert_eq!(names["trust"]["classifiers"].as_array().unwrap().len(), 2);
    folder.write("new.csv", "weak,other,good\n0.5,0.1,0.9\n,0.1,0.2\n");
    let ran = folder.ok("predict --model m new.csv");
    assert!(
        ran.stderr.contains("warning: new.csv: columns the model does not know are passed over: \"other\"")
    );
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines[0], "instance_id,probability,logit,n_observed");
    assert!(lines[1].starts_with("0,") && lines[1].ends_with(",2") && lines[2].ends_with(",1"), "{lines:?}");
    assert_eq!(folder.ok("predict -q --model m new.csv").stderr, "");
}

#[test]
fn groups_stay_together() {
    let folder = Folder::new();
    let mut csv = String::new();
    for (k, line) in small_table(150).lines().enumerate() {
        let group = if k == 0 { "day".to_owned() } else { format!("d{}", k / 10) };
        csv += &format!("{line},{group}\n");
    }
    folder.write("t.csv", csv);
    let run = |more: &str| {
        folder
            .ok(&format!(
                "fit t.csv --split-column split --columns good weak noise {QUICK} --format json {more}"
            ))
            .json()
    };
    assert_ne!(run("--group-column day")["parts"][0], run("")["parts"][0]);
    let error = folder.fails(3, "fit t.csv --group-column split --columns good weak noise");
    assert!(error.contains("the groups do not make 5 folds"), "{error}");
}

#[test]
fn a_table_comes_from_standard_input_and_predictions_go_to_standard_output() {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_cfe"))
        .args("fit - --split-column split --predictions-out -".split(' ').chain(QUICK.split(' ')))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(small_table(150).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 151);
}

#[test]
fn help_has_examples_and_exit_codes() {
    let folder = Folder::new();
    for command in ["--help", "fit --help"] {
        let help = folder.ok(command).stdout;
        assert!(help.contains("Examples:") && help.contains("4 training failed"), "{help}");
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(folder.ok(&format!("completions {shell}")).stdout.contains("cfe"));
    }
    let doctor = folder.ok("doctor --format json").json();
    assert!(doctor["features"].as_array().unwrap().contains(&"als".into()));
}

#[test]
fn a_drawn_table_is_read_again() {
    let folder = Folder::new();
    folder.ok("example . --rows 300");
    let predicted =
        folder.ok("fit synthetic.csv --split-column split --set shrinkage=[100] --predictions-out -");
    assert_eq!(predicted.stdout.lines().count(), 301);
    assert!(folder.fails(2, "example . --rows 0").contains("--rows 0"));
}
