//! Running the program in a folder of its own.

#![allow(clippy::unwrap_used, reason = "a helper that panics fails the test, which is its work")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With the example in it.
    pub(crate) fn with_example() -> Self {
        let folder = Self::new();
        folder.ok("example .");
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap()
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Names of all files, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Runs `cfe` with arguments cut at spaces.
    pub(crate) fn run(&self, arguments: &str) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_cfe"))
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .output()
            .unwrap();
        Ran::new(output)
    }

    /// Runs `cfe`, which must succeed.
    #[track_caller]
    pub(crate) fn ok(&self, arguments: &str) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "cfe {arguments}\n{}", ran.stderr);
        ran
    }

    /// Runs `cfe`, which must fail with this code; what it says.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, arguments: &str) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, code, "cfe {arguments}\n{}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.stderr.matches("error: ").count(), 1, "{}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        ran.stderr
    }
}

pub(crate) struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub(crate) fn new(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// A table of three classifiers that fits in no time: one good, one weak, one noise.
pub(crate) fn small_table(rows: usize) -> String {
    let mut csv = "instance_id,split,label,good,weak,noise\n".to_owned();
    for i in 0..rows {
        let label = i % 5 == 0;
        let wave = |k: usize| ((i * k) % 17) as f64 / 17.0;
        let good = if label { 0.4 + 0.5 * wave(7) } else { 0.6 * wave(5) };
        let weak = if label { 0.2 + 0.7 * wave(3) } else { 0.8 * wave(11) };
        let split = if i % 3 == 0 { "test" } else { "train" };
        csv += &format!("r{i},{split},{},{good:.4},{weak:.4},{:.4}\n", u8::from(label), wave(13));
    }
    csv
}
