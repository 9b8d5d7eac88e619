//! Every command of the README and the quick start runs, in the order it is written.

use std::process::Command;

use super::support::{Folder, Ran};

const DOCUMENTS: [(&str, &str); 2] = [
    ("README.md", include_str!("../../README.md")),
    ("docs/quick-start.md", include_str!("../../docs/quick-start.md")),
];

/// Commands that are not run here: they build, or are commands of the repository with tests of their own.
const SKIPPED: [&str; 3] = ["cargo xtask compare", "cargo xtask test", "cargo build --release"];

#[test]
fn every_command_of_the_documents_runs() {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_cfe"));
    let mut path = program.parent().unwrap().as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut commands = 0;
    for (document, text) in DOCUMENTS {
        let folder = Folder::new();
        for block in text.split("```sh\n").skip(1) {
            let lines = block.split("```").next().unwrap().lines();
            let run: Vec<&str> = lines.filter(|line| !SKIPPED.contains(line)).collect();
            let script = run.join("\n").replace("target/release/cfe ", "cfe ");
            let shell = Command::new("sh")
                .args(["-e", "-c", &script])
                .env("PATH", &path)
                .current_dir(folder.path("."))
                .output()
                .unwrap();
            let ran = Ran::new(shell);
            assert_eq!(ran.code, 0, "{document}: {script}\n{}", ran.stderr);
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
    assert!(commands >= 10, "{commands}");
}
