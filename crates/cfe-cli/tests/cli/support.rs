//! Running the program in a folder of its own.

#![allow(clippy::unwrap_used, reason = "a helper that panics fails the test, which is its work")]

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// The day of every report, so that a test may run over midnight: 2026-01-31.
const TODAY: &str = "1769817600";

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
            .env("SOURCE_DATE_EPOCH", TODAY)
            .current_dir(self.0.path())
            .output()
            .unwrap();
        Ran::new(output)
    }

    /// Runs `cfe`, which must succeed, on a page of so many columns; what it prints.
    #[track_caller]
    pub(crate) fn on_page(&self, columns: usize, arguments: &str) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cfe"));
        command.args(arguments.split_whitespace()).current_dir(self.0.path());
        let ran = Ran::new(command.env("COLUMNS", columns.to_string()).output().unwrap());
        assert_eq!(ran.code, 0, "cfe {arguments}\n{}", ran.stderr);
        ran.stdout
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

/// A started `cfe`, told what happens by the files it writes: no test waits for a moment.
pub(crate) struct Started<'a> {
    folder: &'a Folder,
    child: RefCell<Child>,
    /// When a file last took its place, as far as was seen.
    seen: Cell<Option<SystemTime>>,
}

/// Far longer than anything takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(300);

impl<'a> Started<'a> {
    /// What the program says is kept for [`end`](Self::end): it must fit into a pipe.
    pub(crate) fn new(folder: &'a Folder, arguments: &str) -> Self {
        Self::spawn(folder, arguments, Stdio::null())
    }

    /// With a standard input that stays open and empty.
    pub(crate) fn with_open_input(folder: &'a Folder, arguments: &str) -> Self {
        Self::spawn(folder, arguments, Stdio::piped())
    }

    fn spawn(folder: &'a Folder, arguments: &str, input: Stdio) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_cfe"))
            .args(arguments.split_whitespace())
            .env("SOURCE_DATE_EPOCH", TODAY)
            .current_dir(folder.path("."))
            .stdin(input)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { folder, child: RefCell::new(child), seen: Cell::new(None) }
    }

    /// Returns as soon as `is_there`, or the program has ended.
    fn wait_until(&self, what: &str, is_there: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_there() && self.runs() {
            assert!(begun.elapsed() < PATIENCE, "{what} did not come");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn runs(&self) -> bool {
        self.child.borrow_mut().try_wait().unwrap().is_none()
    }

    /// Waits until the file is there, or another than at the last call.
    pub(crate) fn wait_for_change_of(&self, name: &str) {
        let changed = || fs::metadata(self.folder.path(name)).and_then(|m| m.modified()).ok();
        let before = self.seen.get();
        self.wait_until(name, || changed().is_some_and(|at| before.is_none_or(|before| at > before)));
        self.seen.set(changed());
    }

    /// Takes what is there of the file as seen: the next change counts.
    pub(crate) fn ignoring(self, name: &str) -> Self {
        self.seen.set(fs::metadata(self.folder.path(name)).and_then(|m| m.modified()).ok());
        self
    }

    /// Waits until the program has taken over Ctrl-C, as the system tells.
    #[cfg(target_os = "linux")]
    pub(crate) fn wait_for_handler(&self) {
        let caught = || {
            let status =
                fs::read_to_string(format!("/proc/{}/status", self.child.borrow().id())).unwrap_or_default();
            let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
            // Signal 2 is the second bit.
            mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 2 != 0)
        };
        self.wait_until("the handler", caught);
    }

    /// Sends a signal; one that comes too late goes nowhere.
    pub(crate) fn signal(&self, name: &str) {
        if self.runs() {
            let id = self.child.borrow().id().to_string();
            Command::new("kill").args([&format!("-{name}"), &id]).output().unwrap();
        }
    }

    /// Kills the program; its exit code if it had ended before.
    pub(crate) fn kill(self) -> Option<i32> {
        let mut child = self.child.into_inner();
        child.kill().unwrap();
        child.wait().unwrap().code()
    }

    pub(crate) fn end(self) -> Ran {
        // Waiting for the output closes standard input first, and what ends by that has not heard the signal.
        self.wait_until("the end", || false);
        Ran::new(self.child.into_inner().wait_with_output().unwrap())
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
