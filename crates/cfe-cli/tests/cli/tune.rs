//! `cfe tune`: what it finds can be fitted, and a broken run goes on.

use super::support::{Folder, small_table};

const TUNE: &str = "tune t.csv --split-column split --folds 3 --seed 1";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("t.csv", small_table(150));
    folder
}

#[test]
fn what_is_found_is_fitted() {
    let folder = folder();
    let set = "--set tolerance=0.001";
    let ran = folder.ok(&format!("{TUNE} --trainer als --trials 4 {set} --out best.toml --format json"));
    let found = ran.json();
    let chosen = &found["trials"][usize::try_from(found["chosen"].as_u64().unwrap()).unwrap()];
    assert_eq!(chosen["contender"], "als");
    assert_eq!(found["trials"].as_array().unwrap().len(), 6);
    assert_eq!(found["trials"][0]["contender"], "mean");
    assert_eq!(found["trials"][2]["settings"], serde_json::json!({ "tolerance": 0.001 }));
    folder.ok("fit t.csv --config best.toml --model-out m");
    let fitted = folder.ok("inspect m --format json").json();
    let provenance = &fitted["details"]["provenance"];
    let mut expected = chosen["settings"].clone();
    expected["seed"] = 1.into();
    assert_eq!(provenance["settings"], expected);
    assert_eq!((&provenance["trainer"], &provenance["fit"]["folds"]), (&"als".into(), &3.into()));
    // Its scores are those of the fit: the same folds, the same settings.
    let table = folder.ok(&format!("{TUNE} --trainer als --trials 4 {set} --format table")).stdout;
    assert!(table.contains("(chosen)") && table.contains("better than mean"), "{table}");
    // The figures are whole on any page: four numbers with their errors, and their names.
    for columns in [80, 100, 140] {
        let page = folder.on_page(columns, &format!("{TUNE} --trainer als --trials 4 {set} --format table"));
        assert!(page.lines().all(|line| line.chars().count() <= columns), "{columns}: {page}");
        assert!(page.contains("better than mean") && page.contains("than recommended"), "{page}");
        for trial in found["trials"].as_array().unwrap().iter().filter(|trial| trial["mean"].is_number()) {
            let figure = format!(
                "{:.4} +- {:.4}",
                trial["mean"].as_f64().unwrap(),
                trial["standard_error"].as_f64().unwrap()
            );
            assert!(page.contains(&figure), "{columns}: no {figure} in {page}");
        }
    }
}

#[test]
fn a_broken_run_goes_on_and_ends_the_same() {
    let folder = folder();
    folder.ok(&format!("{TUNE} --trials 5 --checkpoint whole.jsonl --out whole.toml --threads 1"));
    folder.ok(&format!("{TUNE} --trials 2 --checkpoint part.jsonl"));
    // Torn in the middle of a line, as by a crash.
    let mut torn = folder.bytes("part.jsonl");
    torn.truncate(torn.len() - 9);
    folder.write("part.jsonl", torn);
    let json = |more: &str| folder.ok(&format!("{TUNE} --trials 5 --format json {more}")).stdout;
    let resumed = json("--checkpoint part.jsonl --resume --out part.toml --threads 2");
    assert_eq!(resumed, json(""));
    assert_eq!(folder.read("part.toml"), folder.read("whole.toml"));
    let untimed = |name: &str| -> Vec<serde_json::Value> {
        let mut lines: Vec<serde_json::Value> =
            folder.read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines.iter_mut().skip(1).for_each(|line| line["seconds"] = 0.into());
        lines
    };
    assert_eq!(untimed("part.jsonl"), untimed("whole.jsonl"));
    // Nothing is left to do, so nothing is written.
    let before = folder.bytes("part.jsonl");
    folder.ok(&format!("{TUNE} --trials 5 --checkpoint part.jsonl --resume"));
    assert_eq!(folder.bytes("part.jsonl"), before);
}

#[test]
fn a_log_of_another_search_is_refused_and_left_alone() {
    let folder = folder();
    folder.ok(&format!("{TUNE} --trials 1 --checkpoint l.jsonl"));
    let log = folder.bytes("l.jsonl");
    folder.write("other.csv", small_table(151));
    for (arguments, message) in [
        (
            "tune t.csv --split-column split --folds 3 --seed 2 --checkpoint l.jsonl --resume",
            "the seed was 1, and is 2 now",
        ),
        (
            "tune other.csv --split-column split --folds 3 --seed 1 --checkpoint l.jsonl --resume",
            "the table was",
        ),
        (
            "tune t.csv --split-column split --folds 4 --seed 1 --checkpoint l.jsonl --resume",
            "the number of folds was 3",
        ),
        (
            "tune t.csv --split-column split --folds 3 --seed 1 --metric log_loss --checkpoint l.jsonl --resume",
            "the metric",
        ),
        (
            "tune t.csv --split-column split --folds 3 --seed 1 --set lambda=1 --checkpoint l.jsonl --resume",
            "fixed settings",
        ),
        (
            "tune t.csv --split-column split --folds 3 --seed 1 --checkpoint l.jsonl",
            "this checkpoint exists already; add --resume",
        ),
        ("tune t.csv --split-column split --resume", "needs a checkpoint to read"),
        ("tune t.csv --split-column split --checkpoint t.csv", "would replace the input"),
        ("tune t.csv --split-column split --trainer recommended", "chooses its settings by itself"),
        ("tune t.csv --split-column split --set lambda=-1", "lambda = -1 is not allowed"),
        ("tune t.csv --split-column split --metric auc", "possible values: average_precision, log_loss"),
        ("tune t.csv --split-column split --time-budget 5x", "write 90s, 5m or 1.5h"),
        ("tune t.csv --split-column split --trials 0", "at least 1 is needed"),
    ] {
        let error = folder.fails(2, arguments);
        assert!(error.contains(message), "cfe {arguments}\n{error}");
    }
    folder.write("damaged.jsonl", [&log[..], &b"{\"number\":9}\n"[..]].concat());
    let error = folder.fails(3, &format!("{TUNE} --checkpoint damaged.jsonl --resume"));
    assert!(error.contains("damaged.jsonl, line 5: this line is not a result"), "{error}");
    assert_eq!(folder.bytes("l.jsonl"), log);
}

#[test]
fn groups_stay_together_and_a_budget_ends_the_search() {
    let folder = Folder::new();
    let mut csv = String::new();
    for (k, line) in small_table(150).lines().enumerate() {
        let group = if k == 0 { "day".to_owned() } else { format!("d{}", k / 10) };
        csv += &format!("{line},{group}\n");
    }
    folder.write("t.csv", csv);
    let columns = "--columns good,weak,noise --format json";
    let run = |more: &str| folder.ok(&format!("{TUNE} --trials 1 {columns} {more}")).json();
    assert_ne!(run("--group-column day")["trials"][0]["scores"], run("")["trials"][0]["scores"]);
    let error = folder.fails(3, "tune t.csv --group-column split --columns good,weak,noise");
    assert!(error.contains("no cross-validation can be made"), "{error}");
    // References and defaults are always tried.
    let spent = folder.ok(&format!("{TUNE} --trials 9 {columns} --time-budget 0.000001s")).json();
    assert_eq!((spent["trials"].as_array().unwrap().len(), &spent["out_of_time"]), (3, &true.into()));
}
