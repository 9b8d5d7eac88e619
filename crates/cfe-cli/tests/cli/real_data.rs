//! A real table from fit to prediction.

use std::io::Read as _;

use super::support::Folder;

const FIT: &str = "fit abalone.csv.gz --split-column split --seed 0";

#[test]
fn the_example_is_fitted_and_predicted() {
    let folder = Folder::with_example();
    let ran =
        folder.ok(&format!("{FIT} --predictions-out p.csv --model-out m.safetensors --metrics-out j.json"));
    // In a pipe nothing is printed that was not asked for; what is said goes to standard error.
    assert_eq!(ran.stdout, "");
    assert!(
        ran.stderr.starts_with("taken: label = label (positive: 1), id = instance_id, split = split"),
        "{}",
        ran.stderr
    );
    let predictions = folder.read("p.csv");
    let mut lines = predictions.lines();
    assert_eq!(
        lines.next(),
        Some("instance_id,probability,logit,n_observed,decision,out_of_fold_probability,split,label")
    );
    let (train, test): (Vec<&str>, Vec<&str>) = lines.partition(|line| line.contains(",train,"));
    assert_eq!((train.len(), test.len()), (365, 366));
    let out_of_fold = |line: &&str| line.split(',').nth(5).expect("eight cells").parse::<f64>().is_ok();
    assert!(train.iter().all(out_of_fold) && !test.iter().any(out_of_fold));

    let json: serde_json::Value = serde_json::from_str(&folder.read("j.json")).unwrap();
    assert_eq!(json["trainer"], "recommended");
    let test = &json["parts"][1];
    assert_eq!((&test["name"], &test["rows"], &test["positives"]), (&"test".into(), &366.into(), &21.into()));
    let combined = test["methods"][0]["average_precision"].as_f64().unwrap();
    let mean = test["methods"].as_array().unwrap().iter().find(|m| m["name"] == "mean").unwrap();
    assert!(combined > mean["average_precision"].as_f64().unwrap(), "{test:#}");
    assert!(test["methods"][0]["brier"].as_f64().unwrap() < 0.05);

    // The model in its file predicts the same bytes, in whatever order the columns come.
    folder.ok("predict --model m.safetensors abalone.csv.gz --predictions-out q.csv");
    let without: String = predictions
        .lines()
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            [&cells[..5], &cells[6..]].concat().join(",") + "\n"
        })
        .collect();
    assert_eq!(folder.read("q.csv"), without);
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
    let mut table = String::new();
    flate2::read::GzDecoder::new(&folder.bytes("abalone.csv.gz")[..]).read_to_string(&mut table).unwrap();
    let unsaid = table.replacen("split", "remark", 1).replace(",train,", ",a,").replace(",test,", ",b,");
    folder.write("whole.csv", unsaid);
    let own = "evaluate --model m.safetensors whole.csv --min-average-precision 0.1";
    assert!(folder.fails(1, own).contains("cannot be judged, because the model was trained on"));
    let said = folder.ok("evaluate --model m.safetensors whole.csv").stdout;
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
fn the_table_says_what_matters() {
    let folder = Folder::with_example();
    let text = folder.ok(&format!("{FIT} --format table")).stdout;
    for part in [
        "train, cross-validated: 365 labeled rows, 21 positive",
        "test: 366 labeled rows",
        "etter than averaging",
        "The largest weights are those of",
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
