//! A real table from fit to prediction.

use super::support::Folder;

const FIT: &str = "fit abalone.csv.gz --split-column split --seed 0";

#[test]
fn the_example_is_fitted_and_predicted() {
    let folder = Folder::with_example();
    let ran =
        folder.ok(&format!("{FIT} --predictions-out p.csv --model-out m.safetensors --metrics-out j.json"));
    // In a pipe nothing is printed that was not asked for.
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    let predictions = folder.read("p.csv");
    let mut lines = predictions.lines();
    assert_eq!(lines.next(), Some("instance_id,probability,logit,n_observed,split,label"));
    assert_eq!(lines.count(), 731);

    let json: serde_json::Value = serde_json::from_str(&folder.read("j.json")).unwrap();
    assert_eq!(json["trainer"], "recommended");
    let test = &json["parts"][1];
    assert_eq!((&test["name"], &test["rows"], &test["positives"]), (&"test".into(), &366.into(), &21.into()));
    let combined = test["methods"][0]["average_precision"].as_f64().unwrap();
    let mean = test["methods"].as_array().unwrap().iter().find(|m| m["name"] == "mean").unwrap();
    assert!(combined > mean["average_precision"].as_f64().unwrap(), "{test:#}");
    assert!(test["methods"][0]["brier"].as_f64().unwrap() < 0.05);

    // The model in its file predicts the same bytes, in whatever order the columns come.
    folder.ok("predict --model m.safetensors abalone.csv.gz --split-column split --predictions-out q.csv");
    assert_eq!(folder.read("q.csv"), predictions);
    let shown = folder.ok("inspect m.safetensors").stdout;
    assert!(shown.contains("Trained on: abalone.csv.gz") && shown.contains("extra_trees"), "{shown}");
    let checks = "--min-average-precision 0.5 --max-ece 0.1";
    let scored =
        folder.run(&format!("evaluate --model m.safetensors abalone.csv.gz --split-column split {checks}"));
    assert_eq!(scored.code, 0, "{}", scored.stderr);
    let too_high = "--split-column split --min-average-precision 0.99";
    let failed = format!("evaluate --model m.safetensors abalone.csv.gz {too_high}");
    assert!(folder.fails(1, &failed).contains("is below 0.99"));
    // Without the split, half of the rows are those that the model was trained on: no check passes on them.
    let own = "evaluate --model m.safetensors abalone.csv.gz --min-average-precision 0.1";
    assert!(folder.fails(1, own).contains("cannot be judged, because the model was trained on"));
    let said = folder.ok("evaluate --model m.safetensors abalone.csv.gz").stdout;
    assert!(said.contains("IN-SAMPLE: the model was trained on 50% of these rows"), "{said}");
    assert!(said.contains("These rows cannot tell") && !said.contains("Better than averaging: "), "{said}");
}

#[test]
fn the_report_is_one_file_that_needs_nothing_else() {
    let folder = Folder::with_example();
    folder.ok(&format!("{FIT} --report-out r.html"));
    let report = folder.read("r.html");
    assert!(report.starts_with("<!DOCTYPE html>") && report.trim_end().ends_with("</html>"));
    for outside in ["src=\"", "href=\"http", "@import", "url("] {
        assert!(!report.contains(outside), "{outside}");
    }
    assert!(report.matches("<svg").count() >= 3, "charts of trust, honesty and cuts");
    assert!(report.contains("extra_trees") && report.contains("average precision"));
}

#[test]
fn the_same_bytes_for_any_number_of_threads() {
    let folder = Folder::with_example();
    for threads in [1, 2] {
        folder.ok(&format!(
            "{FIT} --threads {threads} --predictions-out p{threads}.csv --model-out m{threads} --metrics-out j{threads}"
        ));
    }
    for name in ["p", "j", "m"] {
        let of = |threads: &str| {
            let end = if name == "p" { ".csv" } else { "" };
            folder.bytes(&format!("{name}{threads}{end}"))
        };
        assert!(of("1") == of("2"), "{name}");
    }
}

#[test]
fn the_table_says_what_matters() {
    let folder = Folder::with_example();
    let text = folder.ok(&format!("{FIT} --format table")).stdout;
    for part in [
        "train, cross-validated: 365 labeled rows, 21 positive",
        "test: 366 labeled rows",
        "etter than averaging",
        "It listens most to",
        "Cut at 0.",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn published_training_and_calibration() {
    let folder = Folder::with_example();
    let run = |more: &str| folder.ok(&format!("{FIT} --preset published --format json {more}")).json();
    let corrected = run("");
    assert_eq!(corrected["trainer"], "als");
    assert_eq!(corrected["parts"][0]["cross_validated"], true);
    // Class weighting is undone: probabilities are of the size of the prevalence.
    let loss = |json: &serde_json::Value| json["parts"][1]["methods"][0]["log_loss"].as_f64().unwrap();
    for method in ["platt", "isotonic", "temperature"] {
        folder.ok(&format!("{FIT} --preset published --calibrate {method} --model-out {method}"));
        folder.ok(&format!("predict --model {method} abalone.csv.gz --predictions-out p.csv"));
    }
    assert!(loss(&run("--calibrate platt")) < loss(&corrected));
}
