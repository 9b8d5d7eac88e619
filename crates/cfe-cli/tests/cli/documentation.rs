//! Every command of the README and the quick start runs, in the order it is written, and prints what they
//! show.

#![allow(clippy::unwrap_used, reason = "a helper that panics fails the test, which is its work")]

use std::io::{Read as _, Write as _};
use std::process::Command;

use super::support::{Folder, Ran};

const DOCUMENTS: [(&str, &str); 3] = [
    ("README.md", include_str!("../../../../README.md")),
    ("docs/quick-start.md", include_str!("../../../../docs/quick-start.md")),
    ("docs/classes.md", include_str!("../../../../docs/classes.md")),
];

/// Beginnings of commands that are not run here: they build, or are commands of the repository with tests of
/// their own.
const SKIPPED: [&str; 3] = ["cargo xtask compare", "cargo xtask test", "cargo install --path "];

/// Tables as pandas, R, a workbook and numpy have them (`make.py` beside them wrote them).
const TABLES_OF_OTHERS: [(&str, &[u8]); 5] = [
    ("pandas.csv", include_bytes!("../tables_of_others/pandas.csv")),
    ("r.csv", include_bytes!("../tables_of_others/r.csv")),
    ("excel.xlsx", include_bytes!("../tables_of_others/excel.xlsx")),
    ("numpy.npz", include_bytes!("../tables_of_others/numpy.npz")),
    // Of three classes, from the repository.
    (
        "bank_job.csv.gz",
        include_bytes!("../../../cfe-compare/data/classes/development/bank_job/seed0.csv.gz"),
    ),
];

/// Between a command and what it prints.
const OUTPUT: &str = "<!-- output of the command above -->\n```text\n";

#[test]
fn every_command_of_the_documents_runs() {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_cfe"));
    let mut path = program.parent().unwrap().as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let (mut commands, mut outputs) = (0, 0);
    for (document, text) in DOCUMENTS {
        let folder = Folder::new();
        TABLES_OF_OTHERS.iter().for_each(|(name, bytes)| folder.write(name, bytes));
        for block in text.split("```sh\n").skip(1) {
            let (lines, rest) = block.split_once("```").unwrap();
            let skipped = |line: &&str| !SKIPPED.iter().any(|start| line.starts_with(start));
            let run: Vec<&str> = lines.lines().filter(skipped).collect();
            let script = run.join("\n");
            let shell = Command::new("sh")
                .args(["-e", "-c", &script])
                .env("PATH", &path)
                .current_dir(folder.path("."))
                .output()
                .unwrap();
            let ran = Ran::new(shell);
            assert_eq!(ran.code, 0, "{document}: {script}\n{}", ran.stderr);
            if let Some(shown) = rest.trim_start().strip_prefix(OUTPUT) {
                assert_eq!(ran.stdout, shown.split("```").next().unwrap(), "{document}: {script}");
                outputs += 1;
            }
            commands += script.lines().filter(|line| line.starts_with("cfe ")).count();
        }
        for file in ["p.csv", "m.safetensors"] {
            assert!(
                folder.files().contains(&file.to_owned()),
                "{document}: no {file} in {:?}",
                folder.files()
            );
        }
    }
    assert!(commands >= 14 && outputs >= 5, "{commands} commands, {outputs} outputs");
}

#[test]
fn the_results_of_the_readme_are_what_the_command_prints() {
    let folder = Folder::with_example();
    let printed = folder.ok("fit abalone.csv.gz --split-column split --seed 0 --format table").stdout;
    let test = printed.split("\ntest: ").nth(1).expect("scores of the test rows");
    let shown: Vec<Vec<&str>> = DOCUMENTS[0]
        .1
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.split('|').collect())
        .collect();
    for (row, method) in [
        ("`cfe fit`", "combined"),
        ("average of all classifiers", "mean"),
        ("best single classifier", "best_single"),
        ("`avg4`, the average of four stackers", "avg4"),
    ] {
        let line = test.lines().find(|line| line.split_whitespace().next() == Some(method)).expect(method);
        let figures: Vec<&str> = line.split_whitespace().collect();
        // The last four are ROC-AUC, log loss, Brier score and calibration error.
        let n = figures.len();
        let expected = [figures[1], figures[n - 4], figures[n - 3], figures[n - 1]];
        let cells = shown.iter().find(|cells| cells[1].trim() == row).expect(row);
        for (cell, figure) in cells[2..].iter().zip(expected) {
            let rounded = format!("{:.3}", figure.parse::<f64>().unwrap());
            assert_eq!(cell.trim().trim_matches('*'), rounded, "{row}");
        }
    }
}

/// The commands under "Examples:" in a help text, without the remarks beside them.
fn examples_of(help: &str) -> Vec<String> {
    let examples = help.split("Examples:\n").nth(1).unwrap_or_default();
    let lines = examples.lines().take_while(|line| !line.trim().is_empty());
    // A remark stands behind two blanks.
    lines.map(|line| line.trim_start().split("  ").next().unwrap_or_default().trim_end().to_owned()).collect()
}

/// A small table as text, with or without the column `split`.
fn small_table(folder: &Folder, with_split: bool) -> String {
    let mut table = String::new();
    flate2::read::GzDecoder::new(folder.bytes("abalone.csv.gz").as_slice())
        .read_to_string(&mut table)
        .unwrap();
    let (header, rows) = table.split_once('\n').unwrap();
    let place = |wanted: &str| header.split(',').position(|name| name == wanted).unwrap();
    let (label, split) = (place("label"), place("split"));
    let is_positive = |row: &&str| row.split(',').nth(label) == Some("1");
    let (positive, negative): (Vec<&str>, Vec<&str>) = rows.lines().partition(is_positive);
    let chosen = [header].into_iter().chain(positive).chain(negative.into_iter().take(160));
    let kept = |row: &str| -> String {
        let cells = row.split(',').enumerate().filter(|&(k, _)| with_split || k != split);
        cells.map(|(_, cell)| cell).collect::<Vec<_>>().join(",") + "\n"
    };
    chosen.map(kept).collect()
}

/// Writes what the examples call your own files: tables, a file of settings.
fn write_files_of_a_user(folder: &Folder, with_split: bool) {
    let table = small_table(folder, with_split);
    folder.write("p.csv", &table);
    folder.write("new.csv", &table);
    // With other names of columns.
    let (header, rows) = table.split_once('\n').unwrap();
    let renamed = header.replace(",label", ",y").replace(",logreg", ",p_logreg").replace(",tree", ",p_tree");
    folder.write("mine.csv", format!("{renamed}\n{rows}"));
    folder.write("fit.toml", "threshold = \"fbeta=2\"\n");
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zipped.write_all(table.as_bytes()).unwrap();
    folder.write("p.csv.gz", zipped.finish().unwrap());
}

#[test]
fn the_examples_in_the_help_texts_run() {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_cfe"));
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut count = 0;
    for command in ["", "fit", "predict", "evaluate", "tune", "inspect"] {
        let folder = Folder::with_example();
        let help = folder.ok(&format!("{command} --help")).stdout;
        for example in examples_of(&help) {
            // Those that name the split, or a file of settings that does.
            let with_split = example.contains("--split-column") || example.contains("--config best.toml");
            write_files_of_a_user(&folder, with_split);
            // A few trials show that the command works.
            let run = match example.contains("--trials 60") {
                true => example.replace("--trials 60", "--trials 3"),
                false => example.replace("cfe tune p.csv", "cfe tune p.csv --trials 3"),
            };
            let mut shell = Command::new("sh");
            shell.args(["-e", "-c", &run]).env("PATH", &path).current_dir(folder.path("."));
            let ran = Ran::new(shell.output().unwrap());
            assert_eq!(ran.code, 0, "cfe {command} --help: {example}\n{}", ran.stderr);
            count += 1;
        }
    }
    assert!(count >= 10, "{count}");
}
