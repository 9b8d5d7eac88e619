//! Every command of the quick start runs, in the order it is written.

use std::process::Command;

use super::support::{Folder, Ran};

const QUICK_START: &str = include_str!("../../docs/quick-start.md");

#[test]
fn every_command_of_the_quick_start_runs() {
    let folder = Folder::new();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_cfe"));
    let mut path = program.parent().unwrap().as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut commands = 0;
    for block in QUICK_START.split("```sh\n").skip(1) {
        let script = block.split("```").next().unwrap();
        let shell = Command::new("sh")
            .args(["-e", "-c", script])
            .env("PATH", &path)
            .current_dir(folder.path("."))
            .output()
            .unwrap();
        let ran = Ran::new(shell);
        assert_eq!(ran.code, 0, "{script}\n{}", ran.stderr);
        commands += script.matches("cfe ").count();
    }
    assert!(commands >= 6, "{commands}");
    for file in ["p.csv", "m.safetensors", "new.csv", "metrics.json"] {
        assert!(folder.files().contains(&file.to_owned()), "{file} is not in {:?}", folder.files());
    }
}
