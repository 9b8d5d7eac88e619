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
