//! Options that would say nothing, and values that no option has.

use crate::support::{Folder, small_table};

const QUICK: &str = "--set shrinkage=[100] --set low_rank_ridge=[3] --set local_ridge=[1]";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("t.csv", small_table(120));
    folder
}

#[test]
fn a_report_is_not_named_as_another_format() {
    let folder = folder();
    for name in ["r.pdf", "r.md", "r.json"] {
        let error = folder.fails(2, &format!("fit t.csv --report-out {name}"));
        assert!(error.contains(&format!("--report-out {name}: a report is HTML; name it .html")), "{error}");
    }
}

#[test]
fn limits_of_a_check_are_shares() {
    let folder = folder();
    for option in
        ["--min-average-precision nan", "--min-average-precision 2", "--max-ece -1", "--max-ece inf"]
    {
        let error = folder.fails(2, &format!("evaluate --model m t.csv {option}"));
        assert!(error.contains("give a number from 0 to 1"), "{option}: {error}");
    }
}

#[test]
fn an_error_in_a_file_of_options_names_its_line() {
    let folder = folder();
    folder.write("bad.toml", "split_column=\"split\"\nthreshhold=\"f1\"\n[set]\nlatent_dim=3\n");
    let error = folder.fails(2, "fit t.csv --config bad.toml");
    assert!(error.contains("bad.toml: line 2: threshhold: unknown field `threshhold`"), "{error}");
    folder.write("bad.toml", "seed=3\n\nfolds=5\ncolumns=\"svm,rf\"\n");
    let error = folder.fails(2, "fit t.csv --config bad.toml");
    assert!(error.contains("bad.toml: line 4: columns: invalid type: string"), "{error}");
    folder.write("bad.toml", "seed=3\nfolds=\n");
    let error = folder.fails(2, "fit t.csv --config bad.toml");
    assert!(error.contains("line 2"), "{error}");
}

#[test]
fn a_share_of_positives_that_corrects_nothing_is_refused() {
    let folder = folder();
    let text = small_table(120);
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let split = header.iter().position(|name| *name == "split").expect("a split");
    let cut = |line: &str| -> String {
        let cells: Vec<&str> = line.split(',').collect();
        let kept = cells.iter().enumerate().filter(|(k, _)| *k != split).map(|(_, cell)| *cell);
        kept.collect::<Vec<_>>().join(",") + "\n"
    };
    folder.write("all.csv", text.lines().map(cut).collect::<String>());
    let error = folder.fails(2, "fit all.csv --prevalence 0.3 --predictions-out p.csv");
    assert!(error.contains("--prevalence corrects rows that are not learned from"), "{error}");
    // A model remembers the share.
    folder.ok(&format!("fit all.csv {QUICK} --prevalence 0.3 --model-out m"));
    let error = folder.fails(3, "fit all.csv --train-value fit");
    assert!(error.contains("--train-value \"fit\" needs a split column"), "{error}");
}

#[test]
fn fewer_folds_than_asked_for_are_said() {
    let folder = folder();
    let said = folder.ok(&format!("fit t.csv {QUICK} --folds 110 --predictions-out p.csv")).stderr;
    assert!(said.contains("--folds 110: ") && said.contains("folds are made"), "{said}");
}
