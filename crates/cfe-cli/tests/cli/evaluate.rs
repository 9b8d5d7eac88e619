//! What `cfe evaluate` says of labels and rows that are not those of the model.

use std::fmt::Write as _;

use super::support::Folder;

/// How the label of a row is written, by its number and its class.
type Written = fn(usize, bool) -> &'static str;

/// A table of `n` rows; `label` writes the label of a row by its class, `vote` a prediction by its value.
fn table(n: usize, seed: usize, label: Written, vote: fn(f64) -> f64) -> String {
    let mut csv = "label,a,b,c\n".to_owned();
    for i in 0..n {
        let positive = (i * 7 + seed) % 11 < 2;
        let cell = |k: usize| {
            let noise = ((i + seed) * k % 1009) as f64 / 1009.0;
            vote((0.65 * noise + if positive { 0.3 } else { 0.0 }).clamp(0.0, 1.0))
        };
        writeln!(csv, "{},{},{},{}", label(i, positive), cell(313), cell(457), cell(571)).expect("a string");
    }
    csv
}

fn plain(_: usize, positive: bool) -> &'static str {
    if positive { "1" } else { "0" }
}

#[test]
fn labels_of_another_coding_are_understood_or_refused() {
    let folder = Folder::new();
    let other: [(&str, Written); 4] = [
        ("turned.csv", |_, positive| if positive { "0" } else { "1" }),
        ("from-one.csv", |_, positive| if positive { "2" } else { "1" }),
        ("pending.csv", |i, positive| if i % 20 == 3 { "pending" } else { plain(i, positive) }),
        ("new.csv", plain),
    ];
    folder.write("train.csv", table(400, 0, plain, |p| p));
    other.iter().for_each(|(name, label)| folder.write(name, table(400, 5, *label, |p| p)));
    folder.ok("fit -q train.csv --model-out m");
    let said = |name: &str| folder.ok(&format!("evaluate --model m {name} --format table")).stdout;
    assert!(!said("new.csv").contains("wrong way round"));
    let turned = said("turned.csv");
    assert!(
        turned.contains("* Look at this first: the combined prediction ranks the rows of \"labeled\""),
        "{turned}"
    );
    // Neither value of 1 and 2 alone is one of the model, and 2 is the larger one.
    let from_one = folder.ok("evaluate --model m from-one.csv --format table");
    assert!(from_one.stderr.contains("label = label (positive: 2)"), "{}", from_one.stderr);
    assert!(!from_one.stdout.contains("wrong way round"), "{}", from_one.stdout);
    // A third value was a negative before.
    let error = folder.fails(3, "evaluate --model m pending.csv");
    assert!(error.contains("\"pending\" is not a label"), "{error}");
    folder.ok("predict --model m pending.csv --predictions-out p.csv");
}

#[test]
fn rows_without_a_split_are_a_part_with_a_name() {
    let folder = Folder::new();
    folder.write("train.csv", table(400, 0, plain, |p| p));
    folder.ok("fit -q train.csv --model-out m");
    let lines = table(400, 5, plain, |p| p);
    let with_split = |(i, line): (usize, &str)| match i {
        0 => format!("{line},split\n"),
        _ => format!("{line},{}\n", if i % 3 == 0 { " " } else { "test" }),
    };
    folder.write("new.csv", lines.lines().enumerate().map(with_split).collect::<String>());
    let said = folder.ok("evaluate --model m new.csv --split-column split --format table").stdout;
    for (name, rows) in [("test", 267), ("no split", 133)] {
        let part = said.lines().find(|line| line.starts_with(&format!("{name}, IN-SAMPLE"))).expect(name);
        assert!(part.contains(&format!(": {rows} labeled rows")), "{part}");
    }
}

#[test]
fn votes_that_are_equal_by_chance_are_not_train_rows() {
    let folder = Folder::new();
    let vote = |p: f64| f64::from(u8::from(p > 0.4));
    folder.write("train.csv", table(400, 0, plain, vote));
    folder.write("new.csv", table(400, 3, plain, vote));
    folder.ok("fit -q train.csv --model-out m");
    let said = |name: &str| folder.ok(&format!("evaluate --model m {name} --format table")).stdout;
    assert!(!said("new.csv").contains("IN-SAMPLE"));
    // The table itself is known as a whole.
    assert!(said("train.csv").contains("IN-SAMPLE: the model was trained on 100% of these rows"));
}

#[test]
fn a_search_on_a_leak_says_so() {
    let folder = Folder::new();
    let mut csv = table(300, 0, plain, |p| p);
    csv = csv.lines().map(|line| format!("{line},{}\n", line.split(',').next().expect("a cell"))).collect();
    folder.write("leak.csv", csv.replacen("label,a,b,c,label", "label,a,b,c,chargeback", 1));
    let said =
        folder.ok("tune leak.csv --trials 1 --folds 2 --columns a,b,c,chargeback --out best.toml").stderr;
    assert!(said.contains("Look at this first: leak: \"chargeback\" equals the label"), "{said}");
}
