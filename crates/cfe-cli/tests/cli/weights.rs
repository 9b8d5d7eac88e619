//! Weights, folds, times and costs of one's own, from the command line to the model and back.

use super::support::Folder;

/// Few members: what is said is tested here, not the fit.
const QUICK: &str = "--set shrinkage=[100] --set low_rank_ridge=[3] --set local_ridge=[1]";

/// 160 rows, a quarter of them positive.
fn folder() -> Folder {
    let folder = Folder::new();
    let mut text = "id,y,w,cv,day,cost,a,b,c\n".to_owned();
    for i in 0..160usize {
        let y = usize::from(i.is_multiple_of(4));
        let cell = |k: usize| 5 + (i * (2 * k + 7) * 31 + k * 17) % 101 * 7 + 150 * y;
        let (w, cv, day, cost) = (1 + y, (i / 4) % 4, 1 + i / 8, 1 + 9 * y);
        let [a, b, c] = [0, 1, 2].map(cell);
        text += &format!("r{i},{y},{w},{cv},2024-01-{day:02},{cost},0.{a:03},0.{b:03},0.{c:03}\n");
    }
    folder.write("t.csv", text);
    folder
}

#[test]
fn the_four_columns_are_followed_remembered_and_said() {
    let folder = folder();
    let columns = "--weight-column w --fold-column cv --cost-column cost --exclude day";
    let ran =
        folder.ok(&format!("fit t.csv {columns} {QUICK} --model-out m --metrics-out m.json --format table"));
    assert!(ran.stderr.contains("weight = w, fold = cv, cost = cost, 3 classifiers"), "{}", ran.stderr);
    let said = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("a decision costs") && said.contains("labeled train rows of weight"), "{said}");
    let metrics: serde_json::Value = serde_json::from_str(&folder.read("m.json")).unwrap();
    assert_eq!((&metrics["folds"], &metrics["parts"][0]["weight"]), (&4.into(), &200.0.into()));
    assert_eq!(metrics["threshold"]["rule"], "cost=1,1");
    // The same from a file, to the bit.
    folder.write(
        "fit.toml",
        "weight_column = \"w\"\nfold_column = \"cv\"\ncost_column = \"cost\"\nexclude = [\"day\"]\n\
         set = { shrinkage = [100], low_rank_ridge = [3], local_ridge = [1] }\n",
    );
    folder.ok("fit t.csv --config fit.toml --model-out m2");
    assert!(folder.bytes("m") == folder.bytes("m2"));
    // The model knows its columns again, and predicting looks at none of them.
    let evaluated = folder.ok("evaluate --model m t.csv --format json").json();
    assert_eq!(evaluated["parts"][0]["weight"], 200.0);
    assert!(evaluated["parts"][0]["at_threshold"]["mean_cost"].as_f64().is_some_and(|cost| cost > 0.0));
    let shown = folder.ok("evaluate --model m t.csv").stdout;
    assert!(shown.contains("a decision costs"), "{shown}");
    let before = folder.ok("predict --model m t.csv").stdout;
    folder.write("odd.csv", folder.read("t.csv").replace(",2,", ",-2,"));
    let odd = folder.ok("predict --model m odd.csv");
    assert_eq!(odd.stdout, before);
    assert!(
        odd.stderr.contains("columns the model does not know are passed over: \"day\"\n"),
        "{}",
        odd.stderr
    );
    let refused = folder.fails(3, "evaluate --model m odd.csv");
    assert!(refused.contains("40 labeled rows have no weight: line 2 (\"-2\"), line 6"), "{refused}");
}

#[test]
fn rows_in_time_are_scored_by_earlier_ones() {
    let folder = folder();
    let ran = folder.ok(&format!("fit t.csv --time-column day --exclude w,cv,cost --folds 3 {QUICK} --predictions-out p.csv --format table"));
    let said = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("the first 40 rows not at all"), "{said}");
    let predictions = folder.read("p.csv");
    let out_of_fold = |line: &str| line.split(',').nth(5).is_some_and(|cell| !cell.is_empty());
    let scored: Vec<bool> = predictions.lines().skip(1).map(out_of_fold).collect();
    assert!(scored[..40].iter().all(|scored| !scored) && scored[40..].iter().all(|scored| *scored));
    let both = folder.fails(2, "fit t.csv --time-column day --fold-column cv");
    assert!(both.contains("exclude each other"), "{both}");
    let late = folder.fails(3, "fit t.csv --time-column day --exclude w,cv,cost --folds 30");
    assert!(late.contains("20 different times, but 31 are needed"), "{late}");
}

#[test]
fn a_search_follows_the_folds_and_hands_them_on() {
    let folder = folder();
    let columns = "--weight-column w --fold-column cv --exclude day,cost";
    let found = folder
        .ok(&format!("tune t.csv {columns} --trainer als --trials 1 --out best.toml --format json"))
        .json();
    assert_eq!(found["folds"], 4);
    let config = folder.read("best.toml");
    assert!(config.contains("fold_column = \"cv\"") && !config.contains("\nfolds ="), "{config}");
    folder.ok("fit t.csv --config best.toml --model-out m");
    let fitted = folder.ok("inspect m --format json").json();
    assert_eq!(fitted["details"]["provenance"]["fit"]["folds"], 4);
    let refused = folder.fails(2, &format!("tune t.csv {columns} --folds 3"));
    assert!(refused.contains("each value of the column is a fold"), "{refused}");
}

#[test]
fn a_store_keeps_all_of_them_but_times_and_says_so() {
    let folder = folder();
    let refused = folder.fails(3, "prepare t.csv --store s --time-column day");
    assert!(refused.contains("--time-column \"day\": a store keeps predictions"), "{refused}");
    folder.write("g.csv", "patient,label,a,b\np1,1,0.9,0.7\np1,0,0.2,0.1\np2,0,0.4,0.6\n");
    let ran = folder.ok("prepare g.csv --store g");
    assert!(ran.stderr.contains("group = patient"), "{}", ran.stderr);
}
