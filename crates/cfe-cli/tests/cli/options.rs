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
    folder.ok(&format!("fit t.csv --columns good,we* --split-column split {QUICK} --model-out m"));
    let names = folder.ok("inspect m --format json").json();
    assert_eq!(names["trust"]["classifiers"].as_array().unwrap().len(), 2);
    folder.write("new.csv", "weak,other,good\n0.5,0.1,0.9\n,0.1,0.2\n");
    let ran = folder.ok("predict --model m new.csv");
    assert!(ran.stderr.starts_with("taken: no label, 2 classifiers: good, weak"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("warning: new.csv: columns the model does not know are passed over: \"other\"")
    );
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines[0], "instance_id,probability,logit,n_observed,decision");
    assert!(
        lines[1].starts_with("0,") && lines[1].ends_with(",2,1") && lines[2].ends_with(",1,0"),
        "{lines:?}"
    );
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
                "fit t.csv --split-column split --columns good,weak,noise {QUICK} --format json {more}"
            ))
            .json()
    };
    assert_ne!(run("--group-column day")["parts"][0], run("")["parts"][0]);
    let error = folder.fails(3, "fit t.csv --group-column split --columns good,weak,noise");
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
        assert!(help.contains("Examples:") && help.contains("4    training failed"), "{help}");
    }
    let methods = folder.ok("methods").stdout;
    assert!(
        methods.lines().any(|line| line.starts_with("greedy_es    greedy ensemble selection")),
        "{methods}"
    );
    assert!(folder.ok("man").stdout.contains(".TH cfe 1"));
    folder.ok("man pages");
    for page in ["cfe.1", "cfe-fit.1", "cfe-predict.1", "cfe-tune.1"] {
        assert!(folder.read(&format!("pages/{page}")).contains(".SH SYNOPSIS"), "{page}");
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

#[test]
fn a_dry_run_says_what_the_columns_are_taken_for_and_nothing_else() {
    let folder = folder();
    let said = |arguments: &str| {
        let ran = folder.ok(&format!("fit {arguments} --dry-run"));
        assert_eq!(ran.stderr, "", "{arguments}");
        assert_eq!(ran.stdout.lines().count(), 1, "{}", ran.stdout);
        ran.stdout
    };
    let all = "taken: label = label (positive: 1), id = instance_id, split = split (train: train), \
               3 classifiers: good, weak, noise\n";
    assert_eq!(said("t.csv --model-out m"), all);
    for chosen in [
        "--columns good,weak t.csv",
        "--columns good --columns weak t.csv",
        "t.csv --columns *,!n*",
        "t.csv --exclude noise",
    ] {
        let line = said(chosen);
        assert!(line.contains("2 classifiers: good, weak"), "{chosen}: {line}");
    }
    assert_eq!(folder.files(), ["t.csv"]);
    // Those who type several names are told how.
    let error = folder.fails(2, "fit t.csv --columns good weak");
    assert!(error.contains("'weak'") && error.contains("joined by commas"), "{error}");
    folder.write("u.csv", "id,a,b\nu1,0.5,0.25\nu2,0.5,0.5\n");
    let ran = folder.run("fit u.csv --dry-run");
    assert!(
        ran.code == 3 && ran.stdout.starts_with("taken: no label, id = id, 2 classifiers"),
        "{}",
        ran.stderr
    );
}

#[test]
fn labels_cells_and_scales_as_people_write_them() {
    let folder = Folder::new();
    let plain = small_table(90);
    folder.write("plain.csv", &plain);
    let mut other = String::new();
    for (k, line) in plain.lines().enumerate() {
        let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        if k > 0 {
            cells[2] = if cells[2] == "1" { "churned" } else { "stayed" }.to_owned();
            for cell in &mut cells[3..] {
                *cell = format!("{:.2}", 100.0 * cell.parse::<f64>().unwrap());
            }
            if k % 11 == 0 {
                cells[5] = "-999".to_owned();
            }
        }
        other += &(cells.join("\t") + "\n");
    }
    folder.write("other.txt", &other);
    let gaps: String = plain
        .lines()
        .enumerate()
        .map(|(k, line)| match line.rsplit_once(',') {
            Some((start, _)) if k > 0 && k % 11 == 0 => format!("{start},\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    folder.write("plain.csv", gaps);
    let json = |arguments: &str| folder.ok(&format!("fit {arguments} {QUICK} --format json")).json();
    let read = "other.txt --positive-label churned --scale percent --missing -999 --delimiter tab";
    let (found, expected) = (json(read), json("plain.csv"));
    assert_eq!(found["data"]["missing_predictions"], expected["data"]["missing_predictions"]);
    assert_eq!(found["data"]["train_positives"], expected["data"]["train_positives"]);
    // The folds follow the last bits of the cells, so the mean is compared, which learns nothing.
    let loss = |json: &serde_json::Value| {
        let methods = json["parts"][0]["methods"].as_array().unwrap();
        methods.iter().find(|m| m["name"] == "mean").unwrap()["log_loss"].as_f64().unwrap()
    };
    assert!((loss(&found) - loss(&expected)).abs() < 1e-9, "{} {}", loss(&found), loss(&expected));

    // The model remembers all of it: new rows as the old ones, without labels and with another order of
    // columns.
    folder.ok(&format!("fit {read} {QUICK} --model-out m"));
    folder.write("new.txt", "noise\tgood\tweak\tinstance_id\tlabel\n-999\t90\t80\tn1\t?\n50\t5\t5\tn2\t?\n");
    let ran = folder.ok("predict --model m new.txt");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines[1].starts_with("n1,") && lines[1].ends_with(",2,1"), "{lines:?}");
    assert!(lines[2].starts_with("n2,") && lines[2].ends_with(",3,0"), "{lines:?}");
}

#[test]
fn another_prevalence_corrects_the_probabilities_of_rows_not_learned_from() {
    let folder = folder();
    folder.ok(&format!("fit t.csv {QUICK} --model-out m --predictions-out as_trained.csv"));
    folder.ok(&format!("fit t.csv {QUICK} --prevalence 0.01 --predictions-out rare.csv"));
    let cells = |name: &str| -> Vec<Vec<String>> {
        folder.read(name).lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
    };
    // Of the 100 train rows 20 are positive.
    let (from, to) = (0.2, 0.01);
    for (before, after) in cells("as_trained.csv").iter().zip(cells("rare.csv")) {
        let (p, q): (f64, f64) = (before[1].parse().unwrap(), after[1].parse().unwrap());
        let positive = p * to / from;
        let expected = positive / (positive + (1.0 - p) * (1.0 - to) / (1.0 - from));
        let train = before[6] == "train";
        assert!((q - if train { p } else { expected }).abs() < 1e-12, "{before:?} {after:?}");
        assert_eq!(before[2], after[2], "the logit stays");
        assert_eq!(
            before[5].is_empty(),
            !train,
            "out-of-fold probabilities are those of train rows: {before:?}"
        );
    }
    folder.ok("predict --model m t.csv --prevalence 0.01 --predictions-out predicted.csv");
    let test = |name: &str| -> Vec<String> {
        cells(name)
            .into_iter()
            .filter(|row| row.contains(&"test".to_owned()))
            .map(|row| row[1].clone())
            .collect()
    };
    assert_eq!(test("predicted.csv"), test("rare.csv"));
    // A model remembers what it was fitted for.
    folder.ok(&format!("fit t.csv {QUICK} --prevalence 0.01 --model-out rare"));
    let said = folder.ok("predict --model rare t.csv --predictions-out remembered.csv").stderr;
    assert!(said.contains("prevalence: 0.01, as the model was fitted for"), "{said}");
    assert_eq!(test("remembered.csv"), test("rare.csv"));
    folder.ok("predict --model rare t.csv --prevalence 0.2 --predictions-out other.csv");
    folder.ok("predict --model m t.csv --prevalence 0.2 --predictions-out same.csv");
    assert_eq!(test("other.csv"), test("same.csv"));
    assert!(folder.ok("inspect rare").stdout.contains("Share of positives that predictions are for: 0.01"));
    for bad in ["0", "1", "nan", "-0.1"] {
        let error = folder.fails(2, &format!("predict --model m t.csv --prevalence={bad}"));
        assert!(error.contains("above 0 and below 1"), "{error}");
        // Before the work, and so without a table.
        let error = folder.fails(2, &format!("fit gone.csv --prevalence={bad}"));
        assert!(error.contains("above 0 and below 1"), "{error}");
    }
}

#[test]
fn nothing_in_a_name_steers_the_terminal() {
    let folder = Folder::new();
    let bad = "e\u{1b}[31mvil\u{9b}\u{202e}";
    folder.write("t.csv", small_table(150).replace("noise", bad).replace("test", bad));
    let fitted = folder.ok(&format!("fit t.csv {QUICK} --model-out m --format table"));
    let shown = folder.ok("inspect m");
    let refused = folder.fails(3, &format!("fit {bad}.csv"));
    let unknown = folder.fails(3, &format!("fit t.csv --label-column {bad}x"));
    let option = folder.fails(2, &format!("fit t.csv --{bad}"));
    for text in [fitted.stdout, fitted.stderr, shown.stdout, refused, unknown, option] {
        assert!(!text.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{text:?}");
        assert!(text.contains("\\u{1b}[31mvil"), "{text:?}");
    }
    // Programs get the name as it is.
    let json = folder.ok("inspect m --format json").json();
    let names = json["trust"]["classifiers"].as_array().unwrap();
    assert!(names.iter().any(|c| c["name"] == bad), "{names:?}");
}

#[test]
fn a_report_says_what_made_it() {
    let folder = folder();
    folder.ok("fit t.csv --seed 3 --threads 2 --model-out m --report-out fit.html");
    folder.ok("evaluate --model m t.csv --report-out evaluate.html");
    folder.ok("tune t.csv --split-column split --trials 1 --folds 2 --seed 5 --report-out tune.html");
    for (page, made) in [
        ("fit.html", "with seed 3: cfe fit t.csv --seed 3."),
        ("evaluate.html", "with seed 3: cfe evaluate --model m t.csv."),
        ("tune.html", "with seed 5: cfe tune t.csv --split-column split --trials 1 --folds 2 --seed 5."),
    ] {
        let page = folder.read(page);
        let foot = page.split("<footer>").nth(1).expect("a foot");
        let version = env!("CARGO_PKG_VERSION");
        assert!(foot.contains(&format!("Made by cfe {version} on 2026-01-31 {made}")), "{foot}");
    }
}

#[test]
fn predictions_are_written_as_their_name_says() {
    let folder = folder();
    folder.ok(&format!("fit t.csv {QUICK} --model-out m"));
    for name in ["p.parquet", "p.arrow", "p.tsv", "p.csv.gz"] {
        folder.ok(&format!("predict --model m t.csv --predictions-out {name}"));
        // Its probability is read again, as if by a classifier.
        let line = folder.ok(&format!("fit {name} --columns probability --dry-run")).stdout;
        assert!(
            line.contains("label = label") && line.contains("1 classifier: probability"),
            "{name}: {line}"
        );
    }
    assert!(folder.bytes("p.parquet").starts_with(b"PAR1") && folder.bytes("p.arrow").starts_with(b"ARROW1"));
    for name in ["p.json", "p.npz", "p.xlsx"] {
        let error = folder.fails(2, &format!("predict --model m t.csv --predictions-out {name}"));
        assert!(error.contains("allowed are .csv"), "{error}");
        assert!(!folder.files().contains(&name.to_owned()));
    }
}

/// A reader that has seen enough ends the program without an error, whatever standard output is called.
#[cfg(target_os = "linux")]
#[test]
fn a_closed_pipe_is_not_a_failure() {
    use std::process::{Command, Stdio};
    let folder = folder();
    folder.ok(&format!("fit t.csv {QUICK} --model-out m"));
    for out in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cfe"))
            .args(["predict", "--model", "m", "t.csv", "--predictions-out", out])
            .current_dir(folder.path("."))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let ran = super::support::Ran::new(child.wait_with_output().unwrap());
        assert!(ran.code == 0 && !ran.stderr.contains("error"), "{out}: {} {}", ran.code, ran.stderr);
    }
}
