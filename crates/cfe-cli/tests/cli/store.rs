//! `cfe prepare`, and fit and predict on what it writes.

use std::fs;

use cfe_io::{Source, TableOptions, read_table};

use crate::support::{Folder, small_table};

const FIT: &str = "fit store --trainer als --set latent_dim=3 --set max_iterations=20 --set tolerance=0";

fn prepared() -> Folder {
    let folder = Folder::new();
    folder.write("t.csv", small_table(300));
    let ran = folder.ok("prepare t.csv --store store --dtype f64");
    assert!(
        ran.stdout.contains("300 rows") && ran.stderr.contains("taken: label"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    folder
}

#[test]
fn a_store_is_fitted_and_predicted_like_a_table() {
    let folder = prepared();
    folder.ok(&format!("{FIT} --model-out m.safetensors --predictions-out parts"));
    // For any number of threads, and from the saved model too.
    folder.ok(&format!("{FIT} --threads 3 --model-out three.safetensors"));
    assert_eq!(folder.bytes("three.safetensors"), folder.bytes("m.safetensors"));
    folder.ok("predict --model m.safetensors store --predictions-out again");
    let part = "part-000000.parquet";
    let read = |name: &str| fs::read(folder.path(name).join(part)).expect("written");
    assert_eq!(read("again"), read("parts"));
    // As the table is predicted.
    folder.ok("predict --model m.safetensors t.csv --predictions-out p.parquet");
    let mut options = TableOptions::default();
    options.classifiers = Some(vec!["probability".to_owned()]);
    let of = |path| read_table(Source::new(path), &options).expect("readable").data;
    let (store, table) = (of(folder.path("parts").join(part)), of(folder.path("p.parquet")));
    assert_eq!(store.instance_ids(), table.instance_ids());
    assert_eq!(store.predictions(), table.predictions());
    let shown = folder.ok("inspect m.safetensors");
    assert!(shown.stdout.contains("als"), "{}", shown.stdout);
}

#[test]
fn a_model_of_a_store_reads_the_cells_of_a_table_as_the_store_did() {
    let folder = Folder::new();
    let rows = (0..300).map(|i| {
        let label = usize::from(i % 5 == 0);
        let percent = |u: usize| match (i + u) % 17 {
            0 => "-9".to_owned(),
            _ => format!("{}", (i * (7 + u) % 61) + 30 * label),
        };
        format!("{i},{label},{},{},{}\n", percent(0), percent(1), percent(2))
    });
    folder.write("t.csv", format!("id,label,a,b,c\n{}", rows.collect::<String>()));
    folder.ok("prepare t.csv --store store --dtype f64 --scale percent --missing -9");
    for trainer in ["recommended", "als"] {
        folder.ok(&format!(
            "fit store --trainer {trainer} --model-out m.safetensors --predictions-out {trainer}"
        ));
        folder.ok("predict --model m.safetensors t.csv --predictions-out p.parquet");
        let mut options = TableOptions::default();
        options.classifiers = Some(vec!["probability".to_owned()]);
        let probabilities_of = |path| read_table(Source::new(path), &options).expect("readable").data;
        let of_store = probabilities_of(folder.path(trainer).join("part-000000.parquet"));
        assert_eq!(of_store.predictions(), probabilities_of(folder.path("p.parquet")).predictions());
    }
}

#[test]
fn the_recommended_combiner_is_fitted_on_a_store_as_on_its_table() {
    let folder = prepared();
    let page =
        folder.ok("fit store --format table --model-out m.safetensors --predictions-out parts --metrics-out metrics.json");
    folder.ok("fit t.csv --model-out t.safetensors --predictions-out t.parquet --metrics-out t.json");
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_str(&fs::read_to_string(folder.path(name)).expect("written")).expect("JSON")
    };
    let (store, table) = (read("metrics.json"), read("t.json"));
    for key in ["threshold", "folds", "fit"] {
        assert_eq!(store[key], table[key], "{key}");
    }
    // The rows outside of the train split are for `cfe evaluate`.
    assert_eq!(store["parts"][0], table["parts"][0]);
    assert_eq!(store["data"]["rows"], table["data"]["rows"]);
    assert!(page.stdout.contains("combined"), "{}", page.stdout);
    let mut options = TableOptions::default();
    options.classifiers = Some(vec!["probability".to_owned()]);
    let of = |path| read_table(Source::new(path), &options).expect("readable").data;
    let parts = of(folder.path("parts").join("part-000000.parquet"));
    assert_eq!(parts.predictions(), of(folder.path("t.parquet")).predictions());
    // A sample: the weights of the drawn rows bring back the share of positives.
    let sampled = "fit store --set max_instances=100 --threads 2 --metrics-out s.json";
    let ran = folder.ok(&format!("{sampled} --model-out s.safetensors"));
    assert!(ran.stderr.contains("100 of"), "{}", ran.stderr);
    assert_eq!(read("s.json")["data"]["rows_learned_from"], 100);
    folder.ok("fit store --set max_instances=100 --threads 1 --model-out one.safetensors");
    assert_eq!(folder.bytes("one.safetensors"), folder.bytes("s.safetensors"));
}

#[test]
fn a_store_is_scored_like_its_table() {
    let folder = prepared();
    folder.ok("fit store --model-out m.safetensors");
    let parts = |table: &str| -> Vec<serde_json::Value> {
        let ran = folder.ok(&format!("evaluate --model m.safetensors {table} --format json"));
        let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
        document["parts"].as_array().expect("parts").clone()
    };
    let (store, table) = (parts("store"), parts("t.csv"));
    assert_eq!(store.len(), 2);
    for (own, name) in [("train", "train"), ("held out", "test")] {
        let of = |parts: &[serde_json::Value], name: &str| {
            let mut part = parts.iter().find(|part| part["name"] == name).expect("the part").clone();
            // A store has no other names, and ranks are taken among all rows of a table.
            part["name"] = serde_json::Value::Null;
            // Rows of this table repeat, so that they are not known one by one; the store is known as a
            // whole.
            part["in_sample_share"] = serde_json::Value::Null;
            part["methods"].as_array_mut().expect("methods").retain(|method| method["name"] != "rank_avg");
            part
        };
        assert_eq!(of(&store, own), of(&table, name), "{name}");
    }
    let page = folder.ok("evaluate --model m.safetensors store --report-out r.html");
    assert!(page.stdout.contains("held out") && page.stdout.contains("IN-SAMPLE"), "{}", page.stdout);
    let failed = folder.fails(1, "evaluate --model m.safetensors store --min-average-precision 0.9999");
    assert!(failed.contains("held out: "), "{failed}");
    let refused = folder.fails(2, "evaluate --model m.safetensors store --label-column y");
    assert!(refused.contains("fixed when the store was prepared"), "{refused}");
}

#[test]
fn an_instruction_set_can_be_pinned() {
    let folder = prepared();
    folder.ok(&format!("{FIT} --instruction-set scalar --model-out scalar.safetensors"));
    folder.ok(&format!("{FIT} --instruction-set scalar --threads 3 --model-out again.safetensors"));
    assert_eq!(folder.bytes("scalar.safetensors"), folder.bytes("again.safetensors"));
    folder.write("fit.toml", "instruction_set = \"scalar\"\n");
    folder.ok(&format!("{FIT} --config fit.toml --model-out toml.safetensors"));
    assert_eq!(folder.bytes("toml.safetensors"), folder.bytes("scalar.safetensors"));
    let error = folder.fails(2, &format!("{FIT} --instruction-set sse9"));
    assert!(error.contains("x86-64-v3") && error.contains("sse9"), "{error}");
}

#[test]
fn an_interrupted_fit_goes_on_to_the_same_bits() {
    let folder = prepared();
    folder.ok(&format!("{FIT} --model-out whole.safetensors"));
    let short = FIT.replace("max_iterations=20", "max_iterations=7");
    folder.ok(&format!("{short} --checkpoint c"));
    let refused = folder.fails(2, &format!("{FIT} --checkpoint c"));
    assert!(refused.contains("--resume"), "{refused}");
    let ran = folder.ok(&format!("{FIT} --checkpoint c --resume --model-out m.safetensors"));
    assert!(ran.stderr.contains("Resuming from c: iteration 7"), "{}", ran.stderr);
    assert_eq!(folder.bytes("m.safetensors"), folder.bytes("whole.safetensors"));
    folder.write("other.csv", small_table(301));
    folder.ok("prepare other.csv --store other");
    let other = FIT.replace("fit store", "fit other");
    let refused = folder.fails(2, &format!("{other} --checkpoint c --resume"));
    assert!(refused.contains("another store"), "{refused}");
}

#[test]
fn what_a_store_cannot_give_is_refused_at_once() {
    let folder = prepared();
    for (options, what) in [
        ("--trainer recommended --group-column g", "fixed when the store was prepared"),
        ("--trainer recommended --dry-run", "--dry-run"),
        ("--trainer als --folds 3", "folds"),
        ("--trainer als --calibrate platt", "calibrate"),
        ("--trainer als --threshold f1", "threshold"),
        ("--trainer als --label-column y", "fixed when the store was prepared"),
        ("--trainer als --report-out r.html", "--report-out"),
        ("--trainer als --set aggregator.solver=newton", "aggregator.solver = newton"),
    ] {
        let error = folder.fails(2, &format!("fit store {options}"));
        assert!(error.contains(what), "{options}: {error}");
    }
    let error = folder.fails(2, "prepare t.csv --store store");
    assert!(error.contains("not empty"), "{error}");
    fs::remove_file(folder.path("store").join("shard-000000.arrow")).expect("there");
    let error = folder.fails(3, FIT);
    assert!(error.contains("shard-000000.arrow") && error.contains("missing"), "{error}");
}

/// 400 rows with weights, groups, folds, costs and a split; a third of the rows is held out.
fn table_with_roles() -> String {
    let mut text = "id,label,split,w,patient_group,f,c,forest,svm,net\n".to_owned();
    for i in 0..400_usize {
        let positive = (i * 7919) % 5 == 0;
        let noise = |k: usize| ((i * (104_729 + 2 * k)) % 997) as f64 / 997.0;
        let p = |k: usize| if positive { 0.2 + 0.75 * noise(k) } else { 0.8 * noise(k) * noise(k) };
        let label = if i % 17 == 4 { "" } else { ["0", "1"][usize::from(positive)] };
        let split = ["train", "train", "test"][i % 3];
        let svm = if i % 19 == 0 { String::new() } else { format!("{:.5}", p(2)) };
        text += &format!(
            "r{i},{label},{split},{},g{},{},{},{:.5},{svm},{:.5}\n",
            [0.5, 1.0, 2.25, 0.0][i * 7 % 4],
            i / 5,
            i / 5 % 4,
            1 + i % 7,
            p(1),
            p(3)
        );
    }
    text
}

#[test]
fn weights_groups_folds_and_costs_mean_on_a_store_what_they_mean_in_memory() {
    let read = |folder: &Folder, name: &str| -> serde_json::Value {
        serde_json::from_str(&fs::read_to_string(folder.path(name)).expect("written")).expect("JSON")
    };
    for columns in [
        "--weight-column w --group-column patient_group --cost-column c --exclude f",
        "--fold-column f --exclude w,patient_group,c",
    ] {
        let folder = Folder::new();
        folder.write("t.csv", table_with_roles());
        folder.ok(&format!("prepare t.csv --store store --dtype f64 {columns}"));
        folder.ok("fit store --model-out m.safetensors --metrics-out m.json");
        folder.ok(&format!("fit t.csv {columns} --model-out t.safetensors --metrics-out t.json"));
        let (store, table) = (read(&folder, "m.json"), read(&folder, "t.json"));
        for key in ["threshold", "folds", "fit"] {
            assert_eq!(store[key], table[key], "{key} with {columns}");
        }
        assert_eq!(store["parts"][0], table["parts"][0], "{columns}");
        // Both models predict the same, and both score alike.
        let predicted = |model: &str| {
            folder.ok(&format!("predict --model {model}.safetensors t.csv --predictions-out p_{model}.csv"));
            folder.bytes(&format!("p_{model}.csv"))
        };
        assert_eq!(predicted("m"), predicted("t"));
        let parts = |table: &str, name: &str| {
            let ran = folder.ok(&format!("evaluate --model m.safetensors {table} --format json"));
            let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
            let parts = document["parts"].as_array().expect("parts");
            let mut part = parts.iter().find(|part| part["name"] == name).expect("the part").clone();
            part["name"] = serde_json::Value::Null;
            part["in_sample_share"] = serde_json::Value::Null;
            // Ranks are taken among all rows of a table.
            part["methods"].as_array_mut().expect("methods").retain(|method| method["name"] != "rank_avg");
            part
        };
        assert_eq!(parts("store", "held out"), parts("t.csv", "test"), "{columns}");
    }
    let folder = Folder::new();
    folder.write("t.csv", table_with_roles());
    folder.ok("prepare t.csv --store store --weight-column w --exclude patient_group,f,c");
    // The factors know weights as well.
    folder.ok(&format!("{FIT} --model-out weighted.safetensors"));
    folder.ok("prepare t.csv --store plain --exclude w,patient_group,f,c");
    let plain = FIT.replace("fit store", "fit plain");
    folder.ok(&format!("{plain} --model-out plain.safetensors"));
    let predicted = |model: &str| {
        folder.ok(&format!("predict --model {model}.safetensors t.csv --predictions-out p_{model}.csv"));
        folder.bytes(&format!("p_{model}.csv"))
    };
    assert_ne!(predicted("weighted"), predicted("plain"));
}

#[test]
fn a_table_of_several_classes_is_not_prepared_and_the_error_says_what_to_do() {
    let folder = Folder::new();
    let mut text = "label,a:cat,a:dog,a:owl,b:cat,b:dog,b:owl\n".to_owned();
    for i in 0..60 {
        text +=
            &format!("{},0.2,0.3,0.5,0.{},0.1,0.{}\n", ["cat", "dog", "owl"][i % 3], i % 7 + 1, 8 - i % 7);
    }
    folder.write("t.csv", text);
    let refused = folder.fails(3, "prepare t.csv --store store");
    assert!(refused.contains("3 classes") && refused.contains("cfe fit"), "{refused}");
    folder.ok("prepare t.csv --store cats --positive-label cat --columns a:cat,b:cat");
}
