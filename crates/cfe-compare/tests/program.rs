//! The program from the outside: output, files, exit codes.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cfe-compare")).args(args).output().expect("the program starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

fn methods() -> Vec<&'static str> {
    let mut methods = vec!["simple_average", "als_unweighted", "als_weighted"];
    if cfg!(feature = "torch") {
        methods.extend(["torch_unweighted", "torch_weighted"]);
    }
    methods
}

#[test]
fn json_is_one_object_of_the_promised_shape() {
    let output = run(&["published", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let json: Value = serde_json::from_str(&stdout(&output)).expect("one JSON object and nothing else");
    let rows = json["rows"].as_array().expect("rows");
    let found: Vec<_> = rows.iter().map(|row| row["method"].as_str().expect("a name")).collect();
    assert_eq!(found, methods());
    for row in rows {
        for number in ["pr_auc", "roc_auc", "prediction_std", "seconds"] {
            assert!(row[number].is_f64(), "{number} of {row}");
        }
        let trained = row["method"] != "simple_average";
        for key in ["bias", "weight_std", "weight_min", "weight_max"] {
            assert!(row[key].is_f64() == trained && row[key].is_null() != trained, "{key} of {row}");
            assert!(row.get(key).is_some(), "{key} is there");
        }
        assert_eq!(row["weights"].as_array().map(Vec::len), trained.then_some(10));
        let collapsed = row["method"].as_str().expect("a name").ends_with("unweighted");
        assert_eq!(row["status"], if collapsed { "collapsed" } else { "healthy" });
        assert_eq!(row["repeats_identical"], true);
    }
    let diversity = json["diversity"].as_object().expect("an object");
    for key in ["weight_std_ratio", "weight_range_ratio"] {
        assert_eq!(diversity[key].is_f64(), cfg!(feature = "torch"), "{key}");
    }
    assert!(json["series"].is_null(), "series are for the file");
    assert_eq!(json["missing_rows"].is_null(), cfg!(feature = "torch"));
}

#[test]
fn the_check_passes() {
    let output = run(&["published", "--check", "--format", "csv"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("within their tolerances"), "{}", stderr(&output));
    let mut reader = csv::Reader::from_reader(output.stdout.as_slice());
    assert_eq!(reader.headers().expect("a header").len(), 53);
    let names: Vec<String> = reader.records().map(|record| record.expect("a record")[0].to_owned()).collect();
    assert_eq!(names, methods());
}

#[test]
fn a_missing_backend_is_told_with_its_remedy() {
    let output = run(&["published"]);
    assert_eq!(stdout(&output).contains("--features torch"), !cfg!(feature = "torch"));
    assert!(stdout(&output).lines().all(|line| line.chars().count() <= 100), "{}", stdout(&output));
}

#[test]
fn files_are_written_and_the_page_is_well_formed() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("report");
    let output =
        run(&["published", "--format", "markdown", "--out", "elsewhere", "--out", &out.to_string_lossy()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!Path::new("elsewhere").exists(), "the last --out counts");
    let read = |name: &str| std::fs::read_to_string(out.join(name)).expect(name);
    assert_eq!(read("report.md"), stdout(&output).as_str().to_owned(), "of one run");
    assert_eq!(std::fs::read_dir(&out).expect("there").count(), 4);
    let json: Value = serde_json::from_str(&read("results.json")).expect("JSON");
    assert_eq!(json["series"].as_array().map(Vec::len), Some(methods().len()));
    let page = read("report.html");
    check_balance(&page);
    for word in ["http://", "https://", "<script", "<link", "src=", "@import", "url("] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(
        !["NaN", ">inf", "\"inf", ",inf", "-inf"].iter().any(|word| page.contains(word)),
        "every number is finite"
    );
    assert!(page.matches("<svg").count() >= 8);
}

#[test]
#[cfg(target_os = "linux")]
fn standard_output_that_is_full_is_an_error_and_the_files_are_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let full = std::fs::File::options().write(true).open("/dev/full").expect("Linux");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cfe-compare"));
    let output =
        command.args(["published", "--out"]).arg(folder.path()).stdout(full).output().expect("started");
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("standard output cannot be written"), "{}", stderr(&output));
    assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 4);
}

/// Every element that is opened is closed, in order.
fn check_balance(page: &str) {
    const VOID: [&str; 1] = ["meta"];
    let mut open = Vec::new();
    for piece in page.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').expect("a tag ends");
        if tag.starts_with('!') || tag.ends_with('/') {
            continue;
        }
        let name = tag.trim_start_matches('/').split_whitespace().next().expect("a name");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "before {}", &piece[..piece.len().min(60)]);
        } else if !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_former_name_works_with_a_warning_that_names_the_present_one() {
    let output = run(&["run", "no-such-table.csv"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).starts_with("warning: `run` is now called `on-tables`"), "{}", stderr(&output));
    assert!(!stderr(&run(&["on-tables", "no-such-table.csv"])).contains("warning"));
    assert!(!stdout(&run(&["--help"])).contains("benchmark"), "former names are not advertised");
}

#[test]
fn bad_usage_exits_with_two_and_says_what_is_allowed() {
    for (args, said) in [
        (&["published", "--format", "xml"][..], "markdown"),
        (&["publish"][..], "published"),
        (&["published", "--fast"][..], "--fast"),
        (&["published", "--out", "/dev/null/report"][..], "/dev/null/report"),
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }
}

/// Twelve labeled rows of two classifiers, three of them positive.
const TABLE: &str = "label,a,b\n1,0.9,0.7\n0,0.2,0.4\n0,0.1,0.2\n0,0.3,0.1\n1,0.6,0.8\n0,0.4,0.3\n0,0.2,0.6\n0,0.5,0.1\n\
                     1,0.7,0.4\n0,0.3,0.3\n0,0.1,0.5\n0,0.2,0.2\n";

fn table(folder: &Path, name: &str, contents: &str) -> String {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(&path, contents).expect("writable");
    path.to_string_lossy().into_owned()
}

#[test]
fn no_report_takes_the_place_of_what_it_is_made_from() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path().to_string_lossy().into_owned();
    let results = table(folder.path(), "results.csv", TABLE);
    table(folder.path(), "set/seed0.csv", TABLE);
    for args in [
        &["on-tables", &results, "--out", &here][..],
        &["convergence", &results, "--out", &here],
        &["over-data-sets", &here, "--with", &results, "--out", &here],
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(
            stderr(&output).contains("results.csv of --out would replace the input"),
            "{}",
            stderr(&output)
        );
    }
    assert_eq!(std::fs::read_to_string(results).expect("kept"), TABLE);
    assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 2, "nothing else was written");
}

#[test]
fn hostile_options_are_refused_with_what_is_allowed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = table(folder.path(), "t.csv", TABLE);
    for (args, code, said) in [
        (&["on-tables"][..], 2, "<TABLE>"),
        (&["on-tables", &path, "--folds", "1"], 2, "1 is not in 2.."),
        (&["on-tables", &path, "--seed", "-1"], 2, "'-1'"),
        (
            &["on-tables", &path, "--threads", "100000"],
            2,
            "100000 threads cannot be started: at most 1024 are allowed",
        ),
        (&["on-tables", &path, "--split-column", "part"], 3, "\"part\""),
        (&["over-data-sets", "no-such-folder"], 2, "the folder no-such-folder cannot be read"),
        (
            &["over-data-sets", &path, "--methods", "mean,magic"],
            2,
            "\"magic\" is not a method; the methods are ",
        ),
        (&["convergence", &path, "--epochs", "0"], 2, "0 is not in 1.."),
        (&["convergence", &path, "--latent-dim", "0"], 4, "latent_dim = 0"),
        (&["convergence", &path, "--rho", "1.5"], 4, "rho = 1.5"),
        (&["convergence", &path, "--lambda", "NaN"], 4, "lambda = NaN"),
        (&["ablate", "ci", "--checkpoint-every", "0"], 2, "give 1 or more"),
        (&["ablate", "ci", "--seeds", "0"], 2, "0 is not in 1.."),
        (&["ablate", "ci", "--threads", "18446744073709551616"], 2, "invalid value"),
        (&["speed", "data", "/dev/null/x"], 2, "/dev/null/x cannot be written"),
        (&["speed", "suite", "--update", "none.md"], 2, "none.md cannot be read"),
        (&["speed", "als", "--predictions", "none.npy", "--labels", "none.npy"], 3, "none.npy"),
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{said} in {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{args:?} prints nothing as a result");
    }
}

#[test]
fn data_that_cannot_be_used_exit_with_three_and_name_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, contents, said) in [
        ("wide.csv", TABLE.replace("0.9", "1.9"), "1.9 is not a probability"),
        ("unlabeled.csv", TABLE.replace("\n1,", "\n,").replace("\n0,", "\n,"), "label"),
        ("one.csv", TABLE.replace("\n1,", "\n0,"), "label"),
        ("empty.csv", String::new(), "empty.csv"),
    ] {
        let path = table(folder.path(), name, &contents);
        for command in ["on-tables", "convergence"] {
            let output = run(&[command, &path]);
            assert_eq!(output.status.code(), Some(3), "{command} {name}: {}", stderr(&output));
            assert!(stderr(&output).contains(name) && stderr(&output).contains(said), "{}", stderr(&output));
        }
    }
}

#[test]
fn the_arrays_of_speed_data_are_those_that_speed_als_measures() {
    let folder = tempfile::tempdir().expect("a folder");
    let arrays = folder.path().join("arrays");
    let at = |name: &str| arrays.join(name).to_string_lossy().into_owned();
    let arguments = ["speed", "data", &arrays.to_string_lossy(), "--classifiers", "3", "--instances", "60"]
        .map(str::to_owned);
    let output = run(&arguments.each_ref().map(String::as_str));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let (r, labels, c) = (at("R.npy"), at("labels.npy"), at("C.npy"));
    let als =
        ["speed", "als", "--predictions", &r, "--labels", &labels, "--latent-dim", "2", "--sweeps", "3"];
    let measured = |more: &[&str]| -> Value {
        let output = run(&[&als[..], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        serde_json::from_str(&stdout(&output)).expect("one JSON object")
    };
    let own = measured(&["--threads", "1"]);
    assert_eq!((&own["threads"], &own["dtype"]), (&Value::from(1), &Value::from("f64")));
    for key in ["seconds_per_sweep", "gflops", "dgemm_gflops", "seconds_per_iteration"] {
        assert!(own[key].as_f64().is_some_and(|value| value > 0.0), "{key} of {own}");
    }
    // The formula and the array that was written from it are the same confidence, and threads change no bit.
    let loss = own["loss"].as_f64().expect("a number");
    let stored = measured(&["--confidence", &c])["loss"].as_f64().expect("a number");
    assert!((stored / loss - 1.0).abs() < 1e-9, "{stored} and {loss}");
    assert_eq!(measured(&["--threads", "2"])["loss"], own["loss"]);
    let output = run(&[&als[..8], &["--latent-dim", "0"]].concat());
    assert_eq!(output.status.code(), Some(4));
    assert!(stderr(&output).contains("latent_dim = 0"), "{}", stderr(&output));
}

#[test]
fn convergence_prints_falling_losses_of_every_iteration_that_was_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = table(folder.path(), "t.csv", TABLE);
    let args =
        ["convergence", &path, "--iterations", "7", "--epochs", "3", "--latent-dim", "1", "--format", "json"];
    let output = run(&args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let races: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    let race = &races[0];
    assert_eq!(
        (&race["problem"]["classifiers"], &race["problem"]["instances"]),
        (&Value::from(2), &Value::from(12))
    );
    let points = race["als"]["points"].as_array().expect("points");
    let losses: Vec<f64> = points.iter().map(|point| point["loss"].as_f64().expect("a loss")).collect();
    assert!(losses.len() > 1 && losses.windows(2).all(|pair| pair[1] < pair[0]), "{losses:?}");
    assert!(points.iter().all(|point| point["iteration"].as_u64().is_some_and(|k| k <= 7)));
    assert_eq!(race["adam"].is_null(), !cfg!(feature = "torch"));
    assert!(race["als"]["average_precision"].is_null(), "every label was seen");
}

#[test]
fn data_sets_are_ranked_with_the_results_of_other_programs() {
    let folder = tempfile::tempdir().expect("a folder");
    let with_split = |contents: &str| {
        let row = |(k, line): (usize, &str)| match k {
            0 => format!("split,{line}\n"),
            // The last six rows, one of them positive, are scored.
            _ => format!("{},{line}\n", if k <= 6 { "train" } else { "test" }),
        };
        contents.lines().enumerate().map(row).collect::<String>()
    };
    for set in ["first", "second"] {
        table(folder.path(), &format!("{set}/seed0.csv"), &with_split(TABLE));
    }
    let header = "dataset,seed,method,ap,roc_auc,brier,log_loss,best_f1,seconds\n";
    let others = format!("{header}first,0,other,0.25,,,,,1\nsecond,0,other,0.5,,,,,1\n");
    let with = table(folder.path(), "others.csv", &others);
    let here = folder.path().to_string_lossy().into_owned();
    let output =
        run(&["over-data-sets", &here, "--methods", "mean,best_single", "--with", &with, "--format", "csv"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let mut reader = csv::Reader::from_reader(output.stdout.as_slice());
    let records: Vec<csv::StringRecord> = reader.records().map(|record| record.expect("a record")).collect();
    let cell = |set: &str, method: &str| {
        let found = records.iter().find(|record| &record[0] == set && &record[2] == method);
        found.unwrap_or_else(|| panic!("{set} {method}")).clone()
    };
    assert_eq!(records.len(), 6);
    // Of the scored rows the mean puts the positive one, (0.7 + 0.4) / 2, first.
    assert_eq!((&cell("first", "mean")[3], &cell("first", "mean")[4]), ("2", "1"));
    assert_eq!((&cell("second", "other*")[3], &cell("second", "other*")[4]), ("", "0.5"));
    let bad = table(folder.path(), "bad.csv", "dataset,seed,method\nfirst,0,other\n");
    let output = run(&["over-data-sets", &here, "--with", &bad]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("bad.csv is not a list of results"), "{}", stderr(&output));
}
