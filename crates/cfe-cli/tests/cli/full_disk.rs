//! No room: seen before the work where it can be, and nothing lost where not.
//!
//! `/dev/full` refuses every byte; a limit on the size of files stands for a disk that fills up on the way.

use std::fs::File;
use std::process::Command;

use super::support::{Folder, Ran, small_table};

/// `cfe` where no file may grow beyond `blocks` of 512 bytes. (25 is the signal that would end it.)
fn limited(folder: &Folder, blocks: usize, arguments: &str) -> Ran {
    let script = format!("trap '' 25; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_cfe")]).args(arguments.split_whitespace());
    Ran::new(command.current_dir(folder.path("")).output().expect("cfe runs"))
}

#[test]
fn no_room_is_seen_before_the_work() {
    let folder = Folder::new();
    // Not even a table: it would be read after the outputs were looked at.
    for output in ["--model-out", "--predictions-out", "--report-out", "--metrics-out"] {
        folder.write("out", "before");
        let ran = limited(&folder, 20, &format!("fit gone.csv {output} out"));
        assert_eq!(ran.code, 2, "{output}: {}", ran.stderr);
        assert!(ran.stderr.contains("out: writing failed"), "{}", ran.stderr);
        assert_eq!(folder.read("out"), "before");
    }
    assert_eq!(folder.files(), ["out"]);
}

#[test]
fn what_cannot_be_written_leaves_the_rest() {
    let folder = Folder::new();
    folder.write("t.csv", small_table(4000));
    for out in ["p.csv", "m", "metrics.json"] {
        folder.write(out, "before");
    }
    // Room for the model and the metrics, not for the predictions.
    let quick = "--trainer als --folds 2 --set max_iterations=2";
    let out = "--predictions-out p.csv --model-out m --metrics-out metrics.json";
    let ran = limited(&folder, 200, &format!("fit t.csv --split-column split {quick} {out}"));
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("p.csv: writing failed"), "{}", ran.stderr);
    assert_eq!(folder.read("p.csv"), "before");
    folder.ok("inspect m");
    assert!(folder.read("metrics.json").starts_with('{'));
    assert_eq!(folder.files(), ["m", "metrics.json", "p.csv", "t.csv"]);
}

#[test]
fn a_fit_outlives_a_checkpoint_that_finds_no_room() {
    let folder = Folder::new();
    folder.write("t.csv", small_table(4000));
    // Y alone takes 320 KB, and the limit is half of that.
    let fit =
        "fit t.csv --split-column split --trainer als --folds 2 --set max_iterations=4 --set latent_dim=10";
    let ran = limited(&folder, 320, &format!("{fit} --checkpoint c --checkpoint-every 1 --model-out m"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("the checkpoint could not be written, and training continues").count(), 1);
    folder.ok(&format!("{fit} --model-out whole"));
    assert_eq!(folder.bytes("m"), folder.bytes("whole"));
    let left: Vec<String> = folder.files().into_iter().filter(|name| name.ends_with(".tmp")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_result_without_a_place_is_kept_elsewhere() {
    let (folder, elsewhere) = (Folder::new(), Folder::new());
    folder.write("t.csv", small_table(60));
    let arguments = "fit t.csv --split-column split --trainer als --folds 2 --predictions-out p.csv --model-out /dev/full";
    let mut command = Command::new(env!("CARGO_BIN_EXE_cfe"));
    command.args(arguments.split_whitespace()).current_dir(folder.path(""));
    let ran = Ran::new(command.env("TMPDIR", elsewhere.path("")).output().unwrap());
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let [kept] = &elsewhere.files()[..] else { panic!("{:?}", elsewhere.files()) };
    assert!(ran.stderr.contains("/dev/full: writing failed"), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("what was computed is in {}", elsewhere.path(kept).display())));
    elsewhere.ok(&format!("inspect {kept}"));
    assert_eq!(folder.files(), ["p.csv", "t.csv"]);
}

#[test]
fn standard_output_that_is_full_is_an_error() {
    let folder = Folder::new();
    folder.write("t.csv", small_table(60));
    for output in ["--format json", "--predictions-out -"] {
        let arguments = format!("fit t.csv --split-column split --trainer als --folds 2 {output}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_cfe"));
        command.args(arguments.split_whitespace()).current_dir(folder.path(""));
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ran = Ran::new(command.stdout(full).output().unwrap());
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains("standard output: writing failed"), "{}", ran.stderr);
    }
}

#[test]
fn a_log_that_ran_out_of_room_is_gone_on_with() {
    let folder = Folder::new();
    folder.write("t.csv", small_table(60));
    let tune =
        "tune t.csv --split-column split --trainer als --trials 4 --folds 2 --set max_iterations=2 --seed 1";
    folder.ok(&format!("{tune} --checkpoint whole.jsonl"));
    let untimed = |name: &str| -> Vec<serde_json::Value> {
        let mut lines: Vec<serde_json::Value> =
            folder.read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines.iter_mut().skip(1).for_each(|line| line["seconds"] = 0.into());
        lines
    };
    let whole = folder.bytes("whole.jsonl");
    let half = whole.len() / 2 / 512;
    assert!(half > 0, "{} bytes", whole.len());
    let ran = limited(&folder, half, &format!("{tune} --checkpoint part.jsonl"));
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(folder.bytes("part.jsonl").len() < whole.len());
    folder.ok(&format!("{tune} --checkpoint part.jsonl --resume"));
    assert_eq!(untimed("part.jsonl"), untimed("whole.jsonl"));

    // Not even its first line: as if it had never been.
    let ran = limited(&folder, 0, &format!("{tune} --checkpoint none.jsonl"));
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    folder.ok(&format!("{tune} --checkpoint none.jsonl"));
    assert_eq!(untimed("none.jsonl"), untimed("whole.jsonl"));
}

#[test]
fn a_file_that_is_no_log_is_not_resumed() {
    let folder = Folder::new();
    folder.write("t.csv", small_table(60));
    folder.write("notes", "of mine, without a last line break");
    let error = folder.fails(3, "tune t.csv --split-column split --trainer als --checkpoint notes --resume");
    assert!(error.contains("notes, line 1: this is not the first line of a checkpoint"), "{error}");
    assert_eq!(folder.read("notes"), "of mine, without a last line break");
}
