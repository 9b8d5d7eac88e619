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
        "train, cross-validated: 228 labeled rows",
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
    assert!(folder.read("r.html").contains("Which classifiers does it trust for each class?"));

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
    assert!(ran.stdout.contains("equal weights"), "{}", ran.stdout);

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

/// The vehicles with columns of folds, times, costs, weights and groups.
fn with_roles(folder: &Folder) {
    changed(folder, "roles.csv", |k, line| match k {
        0 => format!("{line},fold,when,price,w,person"),
        _ => {
            let price = if line.contains(",van,") { 20 } else { 1 };
            format!("{line},{},{k},{price},{},p{}", k % 4, 1 + usize::from(k % 3 == 0), k / 2)
        }
    });
}

#[test]
fn columns_of_folds_times_costs_weights_and_groups_are_used() {
    let folder = with_vehicles();
    with_roles(&folder);
    let fit = "fit roles.csv --set families.local=false --format table";
    let ran = folder.ok(&format!("{fit} --metrics-out a.json"));
    assert!(ran.stderr.contains("fold = fold"), "{}", ran.stderr);
    let json = |name: &str| serde_json::from_str::<serde_json::Value>(&folder.read(name)).unwrap();
    assert_eq!(json("a.json")["fit"]["folds"], 4);
    let error = folder.fails(2, &format!("{fit} --fold-column fold --folds 3"));
    assert!(error.contains("exclude each other"), "{error}");

    let ran = folder.ok(&format!("{fit} --exclude fold --time-column when --predictions-out p.csv"));
    assert!(ran.stdout.contains("each by earlier ones, without the first"), "{}", ran.stdout);
    let empty = folder.read("p.csv").lines().filter(|l| l.contains(",train,") && l.contains(",,,,")).count();
    assert!(empty > 20 && empty < 100, "{empty} rows of the first block");

    folder.write("fit.toml", "cost_column = \"price\"\nexclude = [\"fold\"]\ngroup_column = \"person\"\n[set]\nfamilies = { local = false }\n");
    let ran = folder
        .ok("fit roles.csv --config fit.toml --model-out m.safetensors --metrics-out c.json --format table");
    assert!(ran.stderr.contains("cost = price") && ran.stderr.contains("group = person"), "{}", ran.stderr);
    assert!(ran.stdout.contains("the decisions cost"), "{}", ran.stdout);
    let costs = json("c.json");
    let of = |k: usize| costs["parts"][0]["methods"][k]["mean_cost"].as_f64().unwrap();
    assert!(of(0) < of(1), "{} {}", of(0), of(1));
    assert!(folder.ok("inspect m.safetensors").stdout.contains("Decision: {\"weights\":["));
    // The model knows the columns again.
    let judged = folder.ok("evaluate --model m.safetensors roles.csv");
    assert!(judged.stderr.contains("cost = price") && judged.stdout.contains("the decisions cost"));
    assert!(folder.fails(2, "fit roles.csv --decision least_cost").contains("cost column"));

    let weighted = folder.ok(&format!("{fit} --exclude fold --weight-column w --metrics-out w.json"));
    assert!(weighted.stderr.contains("weight = w"), "{}", weighted.stderr);
    let of_class = &json("w.json")["parts"][0]["methods"][0]["metrics"]["per_class"];
    let total: f64 = of_class.as_array().unwrap().iter().map(|of| of["weight"].as_f64().unwrap()).sum();
    assert!((228.0..2.0 * 228.0).contains(&total) && total > 250.0, "{total}");
}

#[test]
fn a_model_and_a_table_of_other_numbers_of_classes_are_told_apart() {
    let folder = with_vehicles();
    folder.write("two.csv", "label,a,b\n1,0.9,0.8\n0,0.1,0.2\n1,0.7,0.6\n0,0.3,0.1\n");
    folder.ok("fit two.csv --model-out two.safetensors");
    folder.ok("fit vehicle.csv.gz --set families.local=false --model-out m.safetensors");
    assert!(folder.fails(3, "predict --model m.safetensors two.csv").contains("bus, opel, saab, van"));
    assert!(folder.fails(3, "predict --model two.safetensors vehicle.csv.gz").contains("no column \"a\""));
    assert!(folder.fails(2, "tune vehicle.csv.gz").contains("two classes"));
    // Other names of the same columns, without labels.
    changed(&folder, "other.csv", |k, line| match k {
        0 => line.replace(':', "_").replace(",label,", ",note,"),
        _ => line
            .replace(",van,", ",x,")
            .replace(",bus,", ",y,")
            .replace(",opel,", ",z,")
            .replace(",saab,", ",w,"),
    });
    folder.ok("predict --model m.safetensors other.csv --predictions-out a.csv");
    folder.ok("predict --model m.safetensors vehicle.csv.gz --predictions-out b.csv");
    let cut = |name: &str| -> Vec<String> {
        folder.read(name).lines().map(|line| line.split(',').take(6).collect::<Vec<_>>().join(",")).collect()
    };
    assert_eq!(cut("a.csv"), cut("b.csv"));
}
