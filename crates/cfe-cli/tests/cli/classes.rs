//! Tables of more than two classes, from fit to inspection.

use std::io::Read as _;

use super::support::Folder;

/// A real table of four classes: 12 classifiers, 456 rows, half of them for training.
fn with_vehicles() -> Folder {
    let folder = Folder::new();
    folder.write(
        "vehicle.csv.gz",
        include_bytes!("../../../cfe-compare/data/classes/development/vehicle/seed0.csv.gz"),
    );
    folder
}

#[test]
fn a_table_of_four_classes_is_fitted_predicted_judged_and_shown() {
    let folder = with_vehicles();
    let ran = folder.ok(
        "fit vehicle.csv.gz --set families.local=false --model-out m.safetensors --predictions-out p.csv --metrics-out j.json \
         --report-out r.html --format table",
    );
    assert!(
        ran.stderr.contains("12 classifiers") && ran.stderr.contains("4 classes: \"bus\""),
        "{}",
        ran.stderr
    );
    for shown in [
        "train: 228 labeled rows",
        "test: 228 labeled rows",
        "soft_voting",
        "true \\ decided",
        "Most trusted",
    ] {
        assert!(ran.stdout.contains(shown), "{shown}: {}", ran.stdout);
    }
    let predictions = folder.read("p.csv");
    let header = "instance_id,probability:bus,probability:opel,probability:saab,probability:van,decision,n_observed,\
                  out_of_fold:bus,out_of_fold:opel,out_of_fold:saab,out_of_fold:van,split,label";
    assert_eq!(predictions.lines().next(), Some(header));
    let sums = predictions.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        cells[1..5].iter().map(|p| p.parse::<f64>().unwrap()).sum::<f64>()
    });
    assert!(sums.into_iter().all(|sum| (sum - 1.0).abs() < 1e-9));
    let json: serde_json::Value = serde_json::from_str(&folder.read("j.json")).unwrap();
    let test = &json["parts"][1]["methods"];
    let loss = |k: usize| test[k]["metrics"]["log_loss"].as_f64().unwrap();
    assert!(loss(0) < loss(1), "{test:#}");
    assert!(folder.read("r.html").contains("Whom does it trust for which class?"));

    // The model in its file predicts the same figures, whatever the threads.
    folder.ok("predict --model m.safetensors vehicle.csv.gz --threads 1 --predictions-out q.csv");
    let cut = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split(',').take(7).collect::<Vec<_>>().join(",")).collect()
    };
    assert_eq!(cut(&folder.read("q.csv")), cut(&predictions));
    let judged = folder.ok("evaluate --model m.safetensors vehicle.csv.gz --min-average-precision 0.5");
    assert!(judged.stdout.contains("test: 228 labeled rows"), "{}", judged.stdout);
    assert!(
        folder
            .fails(1, "evaluate --model m.safetensors vehicle.csv.gz --max-ece 0.0001")
            .contains("is above")
    );
    // The model knows its own train rows, and does not pass by them, whatever their split is called.
    assert!(judged.stdout.contains("train, IN-SAMPLE: the model was trained on 100% of these rows"));
    assert!(judged.stdout.contains("train: these rows cannot tell"), "{}", judged.stdout);
    changed(&folder, "own.csv", |_, line| match line.contains(",test,") {
        true => String::new(),
        false => line.replace(",train,", ",new,"),
    });
    let own = folder.fails(1, "evaluate --model m.safetensors own.csv --min-average-precision 0.1");
    assert!(own.contains("cannot be judged"), "{own}");
    let shown = folder.ok("inspect m.safetensors").stdout;
    for word in ["Trainer: recommended", "Decision: \"largest\"", "Cross-validated decisions", "van"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&folder.ok("inspect m.safetensors --format json").stdout).unwrap();
    assert_eq!(json["trust"].as_array().unwrap().len(), 4);
}

/// The first lines of the table as text, each through `change`.
fn changed(folder: &Folder, name: &str, change: impl Fn(usize, &str) -> String) {
    let mut text = String::new();
    flate2::read::GzDecoder::new(&folder.bytes("vehicle.csv.gz")[..])
        .read_to_string(&mut text)
        .expect("gzip");
    folder.write(name, text.lines().enumerate().map(|(k, line)| change(k, line) + "\n").collect::<String>());
}

#[test]
fn rare_new_and_foreign_classes_are_named() {
    let folder = with_vehicles();
    // All vans but the first of the train part lose their label.
    let met = std::cell::Cell::new(false);
    changed(&folder, "rare.csv", |_, line| match line.contains(",train,van,") && met.replace(true) {
        true => line.replace(",train,van,", ",train,,"),
        false => line.to_owned(),
    });
    let ran = folder.ok("fit rare.csv --set families.local=false --model-out m.safetensors --format table");
    assert!(ran.stderr.contains("class \"van\" has 1 labeled rows"), "{}", ran.stderr);
    assert!(
        ran.stdout.contains("too few labeled rows to say anything about these classes"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("all alike"), "{}", ran.stdout);

    // A label that the model does not know is left out of the figures, and counted.
    changed(&folder, "new.csv", |_, line| line.replace(",test,van,", ",test,tank,"));
    let judged = folder.ok("evaluate --model m.safetensors new.csv");
    assert!(judged.stderr.contains("of classes that the model does not know"), "{}", judged.stderr);
    changed(&folder, "foreign.csv", |_, line| line.replace(",train,van,", ",train,tank,"));
    assert!(folder.fails(3, "fit foreign.csv").contains("\"tank\" (20 rows)"));

    // What belongs to two classes is refused with the remedy.
    for option in ["--threshold f1", "--calibrate platt", "--fallback mean", "--prevalence 0.1"] {
        folder.fails(2, &format!("fit vehicle.csv.gz {option}"));
    }
    assert!(folder.fails(2, "fit vehicle.csv.gz --decision costs=0,1/1,0").contains("row for each class"));
    folder.write("two.csv", "label,a,b\n1,0.9,0.8\n0,0.1,0.2\n1,0.7,0.6\n0,0.3,0.1\n");
    assert!(folder.fails(2, "fit two.csv --decision macro_f1").contains("--threshold"));
    assert!(folder.fails(3, "predict --model m.safetensors two.csv").contains("<classifier>:<class>"));
}

#[test]
fn decisions_and_configuration_files_reach_the_model() {
    let folder = with_vehicles();
    folder.write("fit.toml", "decision = \"macro_f1\"\n[set]\nfamilies = { local = false }\n");
    folder.ok("fit vehicle.csv.gz --config fit.toml --model-out m.safetensors");
    assert!(folder.ok("inspect m.safetensors").stdout.contains("Decision: {\"weights\":["));
}
