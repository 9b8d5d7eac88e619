//! Ctrl-C.

#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Folder, small_table};

#[test]
fn training_ends_in_order_and_what_there_is_is_saved() {
    let folder = Folder::new();
    folder.write("t.csv", small_table(60));
    let mut child = Command::new(env!("CARGO_BIN_EXE_cfe"))
        .current_dir(folder.path("."))
        .args(["-v", "fit", "t.csv", "--split-column", "split", "--trainer", "als"])
        .args(["--set", "max_iterations=1000000000", "--set", "tolerance=0", "--set", "latent_dim=3"])
        .args(["--model-out", "m.safetensors", "--predictions-out", "p.csv"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut said = String::new();
    while !said.contains("reading:") {
        assert!(stderr.read_line(&mut said).expect("text") > 0, "ended early: {said}");
    }
    // Training begins right after; without the pause the signal might be there before it.
    std::thread::sleep(Duration::from_secs(1));
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("kill runs").success());
    let status = child.wait().expect("ends");
    stderr.read_to_string(&mut said).expect("text");
    assert_eq!(status.code(), Some(130), "{said}");
    assert!(said.contains("Stopping after this iteration") && said.contains("interrupted after"), "{said}");
    assert!(folder.read("p.csv").lines().count() > 60);
    folder.ok("predict --model m.safetensors t.csv --split-column split --predictions-out again.csv");
}
